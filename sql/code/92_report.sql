-- A model's report: one page of HTML that needs nothing else, with pictures.

CREATE FUNCTION mlops_catalog.html(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- control characters have no place in a page, not even escaped
	SELECT replace(replace(replace(replace(regexp_replace(value, '[\x01-\x08\x0B\x0C\x0E-\x1F]', '?', 'g'), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;')
$$;
COMMENT ON FUNCTION mlops_catalog.html(text) IS 'Text as it is written in a page of HTML';

CREATE FUNCTION mlops_catalog.html_table(columns text[], rows jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_array_length(coalesce(rows, '[]')) = 0 THEN '<p class="none">None.</p>'
		ELSE '<table><thead><tr>' || (SELECT string_agg('<th>' || mlops_catalog.html(replace(c, '_', ' ')) || '</th>', '' ORDER BY n)
				FROM unnest(columns) WITH ORDINALITY AS u(c, n)) || '</tr></thead><tbody>'
			|| (SELECT string_agg('<tr>' || (SELECT string_agg(format('<td%s>%s</td>', CASE jsonb_typeof(r.value -> c) WHEN 'number' THEN ' class="n"' ELSE '' END,
					coalesce(mlops_catalog.html(CASE WHEN jsonb_typeof(r.value -> c) = 'number' AND r.value ->> c ~ '\.\d{5,}'
						THEN round((r.value ->> c)::numeric, 4)::text ELSE r.value ->> c END), '')), '' ORDER BY n)
					FROM unnest(columns) WITH ORDINALITY AS u(c, n)) || '</tr>', E'\n' ORDER BY r.place)
				FROM jsonb_array_elements(rows) WITH ORDINALITY AS r(value, place)) || '</tbody></table>' END
$$;
COMMENT ON FUNCTION mlops_catalog.html_table(text[], jsonb) IS 'A list of objects as a table of HTML with these columns';

-- points: rows {"series": text, "x": number, "y": number}, x rising.
CREATE FUNCTION mlops_catalog.svg_lines(title text, points jsonb, x_from text, x_to text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH point AS (
		SELECT p ->> 'series' AS series, (p ->> 'x')::float8 AS x, (p ->> 'y')::float8 AS y
		FROM jsonb_array_elements(points) AS p WHERE p ->> 'y' IS NOT NULL),
	box AS (
		SELECT min(x) AS x0, max(x) AS x1, least(min(y), 0) AS y0, max(y) AS y1 FROM point),
	placed AS (
		SELECT p.series, 50 + 420 * CASE WHEN b.x1 > b.x0 THEN (p.x - b.x0) / (b.x1 - b.x0) ELSE 0.5 END AS x,
			150 - 120 * CASE WHEN b.y1 > b.y0 THEN (p.y - b.y0) / (b.y1 - b.y0) ELSE 0 END AS y, p.x AS place
		FROM point AS p CROSS JOIN box AS b),
	line AS (
		SELECT p.series, row_number() OVER (ORDER BY p.series) AS n,
			string_agg(format('%s,%s', round(p.x::numeric, 1), round(p.y::numeric, 1)), ' ' ORDER BY p.place) AS points,
			string_agg(format('<circle cx="%s" cy="%s" r="2"/>', round(p.x::numeric, 1), round(p.y::numeric, 1)), '' ORDER BY p.place) AS dots
		FROM placed AS p GROUP BY p.series)
	SELECT format('<figure><figcaption>%s</figcaption><svg viewBox="0 0 490 200" role="img"><path d="M50 30V150H470" fill="none" stroke="#b7c2cc"/>'
			'<g font-size="11" font-family="system-ui,sans-serif" fill="#5b6b7a"><text x="46" y="36" text-anchor="end">%s</text>'
			'<text x="46" y="153" text-anchor="end">%s</text><text x="50" y="166">%s</text><text x="470" y="166" text-anchor="end">%s</text>%s</g></svg></figure>',
		mlops_catalog.html(title), (SELECT to_char(b.y1, 'FM999999990.0999') FROM box AS b), (SELECT to_char(b.y0, 'FM999999990.0999') FROM box AS b),
		mlops_catalog.html(x_from), mlops_catalog.html(x_to),
		(SELECT string_agg(format('<g fill="%1$s"><polyline points="%2$s" fill="none" stroke="%1$s" stroke-width="1.6"/>%3$s<text x="%4$s" y="188">%5$s</text></g>',
			('{#2563a8,#c2570c,#1c7a4f,#b02a37}'::text[])[l.n], l.points,
			CASE WHEN length(l.points) < 1000 THEN l.dots ELSE '' END, 50 + ((l.n - 1) % 4) * 110, mlops_catalog.html(l.series)), '' ORDER BY l.n)
			FROM line AS l WHERE l.n <= 4))
	WHERE EXISTS (SELECT FROM point)
$$;
COMMENT ON FUNCTION mlops_catalog.svg_lines(text, jsonb, text, text) IS 'Up to four series of points as a drawing of lines; NULL without points';

-- rows {"name": text, "value": number, "mark": boolean}
CREATE FUNCTION mlops_catalog.svg_bars(title text, bars jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH bar AS (
		SELECT b.value ->> 'name' AS name, (b.value ->> 'value')::float8 AS value, coalesce((b.value ->> 'mark')::boolean, false) AS mark, b.place
		FROM jsonb_array_elements(bars) WITH ORDINALITY AS b(value, place) WHERE b.value ->> 'value' IS NOT NULL)
	SELECT format('<figure><figcaption>%s</figcaption><svg viewBox="0 0 490 %s" role="img"><g font-size="11" '
			'font-family="system-ui,sans-serif">%s</g></svg></figure>', mlops_catalog.html(title),
		12 + 18 * count(*), string_agg(format('<g fill="%s"><text x="166" y="%s" text-anchor="end">%s</text><rect x="170" y="%s" width="%s" height="12"/>'
			'<text x="%s" y="%s">%s</text></g>', CASE WHEN b.mark THEN '#b02a37' ELSE '#2563a8' END, 14 + 18 * (b.place - 1), mlops_catalog.html(left(b.name, 28)),
			4 + 18 * (b.place - 1), round(w.width::numeric, 1), 174 + round(w.width::numeric, 1), 14 + 18 * (b.place - 1), to_char(b.value, 'FM999999990.0999')), '' ORDER BY b.place))
	FROM (SELECT b.*, max(greatest(b.value, 0)) OVER () AS top FROM bar AS b) AS b
	CROSS JOIN LATERAL (SELECT CASE WHEN b.top > 0 THEN 250 * greatest(b.value, 0) / b.top ELSE 0 END AS width) AS w
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION mlops_catalog.svg_bars(text, jsonb) IS 'Names and values as a drawing of bars; NULL without any';

CREATE FUNCTION mlops_catalog.monitor_chart(model text, title text, metrics text[]) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.svg_lines(title, jsonb_agg(jsonb_build_object('series', replace(x.metric, '_', ' '), 'x', extract(epoch FROM x.time), 'y', x.value) ORDER BY x.time),
		to_char(min(x.time), 'YYYY-MM-DD HH24:MI'), to_char(max(x.time), 'YYYY-MM-DD HH24:MI'))
	FROM (
		-- of several versions and variants the one with the most decisions, as a rule
		SELECT DISTINCT ON (m.metric, m.time) m.metric, m.time, m.value FROM mlops.monitor_metrics AS m
		WHERE m.model = $1 AND m.metric = ANY ($3) AND (m.labels = '{}' OR m.labels = '{"variant": "primary"}')
		ORDER BY m.metric, m.time DESC, m.version DESC) AS x
$$;
COMMENT ON FUNCTION mlops_catalog.monitor_chart(text, text, text[]) IS 'Figures of a monitor over time, as a drawing';

CREATE FUNCTION mlops.report(model text) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.report(text) IS
	'A model''s report as one page of HTML, with drawings: what answers, versions, learning curve, importance, traffic, performance, drift, alerts, retrainings, history';
CREATE FUNCTION mlops_catalog.report(model text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.require_seen($1);
	about record;
	main int;
	main_run bigint;
	learned text;
BEGIN
	SELECT m.* INTO about FROM mlops.models AS m WHERE m.model = $1;
	main := coalesce((SELECT d.version FROM mlops.deployments AS d WHERE d.model = $1 AND d.variant = 'primary'),
		(SELECT max(v.version) FROM mlops.versions AS v WHERE v.model = $1));
	main_run := (SELECT v.run_id FROM mlops.versions AS v WHERE v.model = $1 AND v.version = main);
	learned := (SELECT mlops_catalog.svg_lines(format('How version %s learned: %s by round', main, replace(min(r.name), '_', ' ')),
			jsonb_agg(jsonb_build_object('series', replace(r.name, '_', ' '), 'x', r.step, 'y', r.value) ORDER BY r.step), '1', max(r.step)::text)
		FROM mlops.run_metrics AS r WHERE r.run_id = main_run AND r.step > 0 AND r.name LIKE 'validation\_%');
	RETURN concat_ws(E'\n',
		'<!DOCTYPE html>',
		'<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width"/><title>' || mlops_catalog.html($1) || '</title><style>',
		'body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:66rem;padding:0 1rem;color:#1b2733;background:#fff}',
		'h1{margin-bottom:0}h2{margin-top:2.2rem;border-bottom:1px solid #d5dce3}table{border-collapse:collapse;font-size:13px}',
		'th,td{padding:.25rem .7rem .25rem 0;text-align:left;vertical-align:top}th{color:#5b6b7a;font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}',
		'.none,.sub{color:#5b6b7a}.charts{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 26rem}figcaption{font-weight:600;font-size:13px}',
		'svg{width:100%;height:auto}',
		'</style></head><body>',
		format('<h1>%s</h1><p class="sub">%s</p>', mlops_catalog.html($1),
			mlops_catalog.html(concat_ws(' · ', about.description, 'owner ' || about.owner, to_char(now(), 'YYYY-MM-DD HH24:MI TZ')))),
		'<h2>What answers</h2>',
		mlops_catalog.html_table('{variant,version,strategy,percent,threshold,release,deployed_by,deployed_at}',
			(SELECT jsonb_agg(to_jsonb(d) || jsonb_build_object('deployed_at', to_char(d.deployed_at, 'YYYY-MM-DD HH24:MI')) ORDER BY d.variant = 'primary' DESC, d.variant)
			FROM mlops.deployments AS d WHERE d.model = $1)),
		'<h2>Versions</h2>',
		mlops_catalog.html_table('{version,algorithm,stage,pr_auc,roc_auc,threshold,train_rows,positives,created_at}',
			(SELECT jsonb_agg(to_jsonb(v) || jsonb_build_object('created_at', to_char(v.created_at, 'YYYY-MM-DD HH24:MI')) ORDER BY v.version DESC)
			FROM (SELECT * FROM mlops.versions AS w WHERE w.model = $1 ORDER BY w.version DESC LIMIT 20) AS v)),
		'<div class="charts">', learned,
		(SELECT mlops_catalog.svg_bars(format('What version %s looks at: share of the gain', main),
				jsonb_agg(jsonb_build_object('name', f.feature, 'value', f.share) ORDER BY f.share DESC, f.feature))
			FROM (SELECT * FROM mlops.feature_importance AS i WHERE i.model = $1 AND i.version = main ORDER BY i.share DESC NULLS LAST, i.feature LIMIT 12) AS f), '</div>',
		'<h2>Traffic and performance</h2>',
		CASE WHEN NOT EXISTS (SELECT FROM mlops.monitors AS m WHERE m.model = $1)
			THEN format('<p class="none">Not watched. SELECT * FROM mlops.monitor(%s);</p>', mlops_catalog.html(quote_literal($1))) END,
		'<div class="charts">', mlops_catalog.monitor_chart($1, 'Decisions', '{decisions}'), mlops_catalog.monitor_chart($1, 'Alert rate', '{alert_rate}'),
		mlops_catalog.monitor_chart($1, 'Precision, recall', '{precision,recall}'), mlops_catalog.monitor_chart($1, 'Average precision, ROC AUC', '{pr_auc,roc_auc}'),
		mlops_catalog.monitor_chart($1, 'Latency, microseconds', '{latency_p50,latency_p95,latency_p99}'),
		mlops_catalog.monitor_chart($1, 'Scores against those of the test rows (PSI)', '{score_psi}'),
		mlops_catalog.monitor_chart($1, 'Share of features that drifted', '{drifted_share}'),
		(SELECT mlops_catalog.svg_bars('Drift in the last window (PSI)', jsonb_agg(jsonb_build_object('name', d.feature, 'value', d.statistic, 'mark', d.drifted)
				ORDER BY d.statistic DESC NULLS LAST, d.feature))
			FROM (SELECT * FROM mlops.drift AS e WHERE e.model = $1 AND e.test = 'psi'
				AND e.recorded_at = (SELECT max(l.recorded_at) FROM mlops.drift AS l WHERE l.model = $1 AND l.statistic IS NOT NULL)
				ORDER BY e.statistic DESC NULLS LAST, e.feature LIMIT 15) AS d), '</div>',
		'<h2>Alerts</h2>',
		mlops_catalog.html_table('{rule,severity,state,metric,value,required,fired_at,resolved_at,note}',
			(SELECT jsonb_agg(to_jsonb(a) || jsonb_build_object('fired_at', to_char(a.fired_at, 'YYYY-MM-DD HH24:MI'), 'resolved_at', to_char(a.resolved_at, 'YYYY-MM-DD HH24:MI'))
				ORDER BY a.alert_id DESC)
			FROM (SELECT * FROM mlops.alerts AS b WHERE b.model = $1 ORDER BY b.alert_id DESC LIMIT 20) AS a)),
		'<h2>Retrainings</h2>',
		mlops_catalog.html_table('{version,base_version,reason,outcome,detail,ended_at}',
			(SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object('ended_at', to_char(r.ended_at, 'YYYY-MM-DD HH24:MI')) ORDER BY r.retraining_id DESC)
			FROM (SELECT * FROM mlops.retrainings AS s WHERE s.model = $1 ORDER BY s.retraining_id DESC LIMIT 20) AS r)),
		'<h2>History</h2>',
		mlops_catalog.html_table('{seq,event,version,role,logged_at}',
			(SELECT jsonb_agg(to_jsonb(l) || jsonb_build_object('logged_at', to_char(l.logged_at, 'YYYY-MM-DD HH24:MI')) ORDER BY l.seq DESC, l.logged_at DESC)
			FROM (SELECT * FROM mlops.audit_log AS a WHERE a.model = $1 ORDER BY a.seq DESC, a.logged_at DESC LIMIT 30) AS l)),
		'</body></html>');
END
$$;
