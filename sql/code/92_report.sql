-- A model's report: one page that is sent to the head of fraud.  At the top what
-- is deployed, how it does, what has changed and what to do, in words; below the
-- numbers and drawings.  All times are in UTC.

CREATE FUNCTION mlops_catalog.page_time(value timestamptz) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') $$;
COMMENT ON FUNCTION mlops_catalog.page_time(timestamptz) IS 'A time as a page shows it, in UTC';

-- ---- drawings

-- One series a version, variant and metric: all traffic is in it.
CREATE FUNCTION mlops_catalog.monitor_chart(model text, title text, metrics text[], unit text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH point AS (
		SELECT m.metric, m.time, m.value, concat_ws(' ', CASE WHEN cardinality(monitor_chart.metrics) > 1 THEN replace(m.metric, '_', ' ') END,
			'version ' || m.version, nullif(m.labels ->> 'variant', 'primary'), CASE WHEN m.labels ? 'shadow' THEN '(shadow)' WHEN m.labels ? '(imported)' THEN '(imported)' END) AS series
		FROM mlops.monitor_metrics AS m
		WHERE m.model = monitor_chart.model AND m.metric = ANY (monitor_chart.metrics) AND (m.labels - '(imported)' = '{}' OR m.labels ?| '{variant,shadow}')),
	span AS (
		SELECT min(f.time) AS first, max(f.time) AS last FROM point AS f)
	SELECT mlops_catalog.svg_lines(title, (SELECT jsonb_agg(jsonb_build_object('series', f.series, 'x', extract(epoch FROM f.time), 'y', f.value)) FROM point AS f),
		'time', unit,
		(SELECT coalesce(jsonb_agg(k.mark), '[]') FROM (
			SELECT jsonb_build_object('x', extract(epoch FROM d.deployed_at), 'label', 'v' || d.version, 'kind', 'deployment') AS mark
			FROM mlops.deployment_history AS d WHERE d.model = monitor_chart.model AND d.action IN ('deploy', 'promote', 'rollback') AND d.deployed_at BETWEEN s.first AND s.last
			UNION ALL
			SELECT jsonb_build_object('x', extract(epoch FROM a.window_end), 'label', format('alert "%s"', a.rule), 'kind', 'alert')
			FROM mlops.alerts AS a WHERE a.model = monitor_chart.model AND a.metric = ANY (monitor_chart.metrics)) AS k),
		(SELECT coalesce(jsonb_agg(b.bound), '[]') FROM (
			SELECT jsonb_build_object('y', v.value, 'label', format('rule "%s": %s', r.name, v.kind)) AS bound
			FROM mlops.alert_rules AS r CROSS JOIN LATERAL (VALUES ('at least', r.min), ('at most', r.max)) AS v(kind, value)
			WHERE r.model = monitor_chart.model AND r.metric = ANY (monitor_chart.metrics) AND v.value IS NOT NULL) AS b))
	FROM span AS s
$$;
COMMENT ON FUNCTION mlops_catalog.monitor_chart(text, text, text[], text) IS 'Metrics of a monitor over time as a drawing, with the rules and alerts of those metrics';

-- Scores and labels of the latest decisions of which the label is known.  Of
-- tables that were filled just now nothing is known: no nested loop over both.
CREATE FUNCTION mlops_catalog.judged_decisions(model text, version int, most int) RETURNS TABLE (score float8, label boolean)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
	WITH labelled AS MATERIALIZED (
		SELECT l.key, l.label FROM mlops.labels AS l WHERE l.model = judged_decisions.model),
	decision AS MATERIALIZED (
		SELECT p.key, p.score, p.created_at, false AS imported FROM mlops.predictions AS p WHERE p.model = judged_decisions.model AND p.version = judged_decisions.version AND p.sqlstate IS NULL
		UNION ALL
		SELECT i.key, i.score, i.created_at, true FROM mlops.imported_decisions AS i WHERE i.model = judged_decisions.model AND i.version = judged_decisions.version),
	judged AS MATERIALIZED (
		SELECT d.*, o.label FROM decision AS d JOIN labelled AS o USING (key))
	SELECT j.score, j.label FROM judged AS j WHERE j.imported = (SELECT bool_and(k.imported) FROM judged AS k) ORDER BY j.created_at DESC LIMIT judged_decisions.most
$$;
COMMENT ON FUNCTION mlops_catalog.judged_decisions(text, int, int) IS 'Scores and labels of a version''s latest decisions; of imported ones where no other has a label';

-- Precision against recall, and how often what scores so is a fraud: of the same
-- decisions.  Points lie where the number flagged doubles, so that rare frauds are
-- seen; bins of the calibration hold as many positives each.
CREATE FUNCTION mlops_catalog.judgement_charts(model text, version int) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH decision AS MATERIALIZED (
		SELECT * FROM mlops_catalog.judged_decisions(judgement_charts.model, judgement_charts.version, 100000)),
	level AS (
		SELECT d.score, count(*) AS n, count(*) FILTER (WHERE d.label) AS positives FROM decision AS d GROUP BY 1),
	ranked AS (
		SELECT l.score, sum(l.n) OVER w AS flagged, sum(l.positives) OVER w AS found, sum(l.positives) OVER () AS positives, sum(l.n) OVER () AS n,
			sum(l.n) OVER (ORDER BY l.score DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
		FROM level AS l WINDOW w AS (ORDER BY l.score DESC)),
	point AS (	-- sixteen a doubling
		SELECT r.found / r.positives AS recall, r.found / r.flagged AS "precision" FROM ranked AS r
		WHERE r.positives > 0 AND (r.flagged = r.n OR floor(16 * log(2, r.flagged::numeric)) <> floor(16 * log(2, greatest(coalesce(r.before, 0.5), 0.5)::numeric)))),
	bin AS (
		SELECT l.*, floor(10 * (sum(l.positives) OVER (ORDER BY l.score) - l.positives) / greatest(sum(l.positives) OVER (), 1)) AS place FROM level AS l),
	calibration AS (
		SELECT sum(b.score * b.n) / sum(b.n) AS score, sum(b.positives) / sum(b.n) AS share FROM bin AS b GROUP BY b.place)
	SELECT concat_ws(E'\n',
		mlops_catalog.svg_lines(format('Precision by recall, version %s, %s decisions with a label', judgement_charts.version, (SELECT count(*) FROM decision)),
			(SELECT jsonb_agg(jsonb_build_object('series', 'precision', 'x', p.recall, 'y', p."precision")) FROM point AS p), 'share', 'share'),
		mlops_catalog.svg_lines(format('Share of frauds by score, version %s', judgement_charts.version),
			(SELECT jsonb_agg(jsonb_build_object('series', s.series, 'x', c.score, 'y', s.y)) FROM calibration AS c
				CROSS JOIN LATERAL (VALUES ('frauds', c.share::float8), ('if scores were exact', c.score)) AS s(series, y)), 'share', 'share'))
	WHERE EXISTS (SELECT FROM decision AS d WHERE d.label)
$$;
COMMENT ON FUNCTION mlops_catalog.judgement_charts(text, int) IS 'How right a version''s logged decisions were, as drawings; NULL without a positive label';

CREATE FUNCTION mlops_catalog.learning_charts(model text, version int) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(E'\n',
		(SELECT mlops_catalog.svg_lines(format('How version %s learned, by round', learning_charts.version),
				jsonb_agg(jsonb_build_object('series', replace(r.name, '_', ' '), 'x', r.step, 'y', r.value)), NULL, NULL)
			FROM mlops.run_metrics AS r JOIN mlops.versions AS v USING (run_id)
			WHERE v.model = learning_charts.model AND v.version = learning_charts.version AND r.step > 0 AND r.name LIKE 'validation\_%'),
		(SELECT mlops_catalog.svg_bars(format('What version %s looks at, share of the gain', learning_charts.version),
				jsonb_agg(jsonb_build_object('name', f.feature, 'value', f.share) ORDER BY f.share DESC, f.feature), 'share')
			FROM (SELECT * FROM mlops.feature_importance AS i WHERE i.model = learning_charts.model AND i.version = learning_charts.version AND i.gain IS NOT NULL ORDER BY i.share DESC NULLS LAST, i.feature LIMIT 12) AS f))
$$;
COMMENT ON FUNCTION mlops_catalog.learning_charts(text, int) IS 'How a version learned and what it looks at, as drawings';

CREATE FUNCTION mlops_catalog.drift_chart(model text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.svg_bars('Drift in the last window (PSI)', jsonb_agg(jsonb_build_object('name', d.feature, 'value', d.statistic, 'mark', d.drifted)
		ORDER BY d.statistic DESC NULLS LAST, d.feature), NULL)
	FROM (SELECT * FROM mlops.drift AS e WHERE e.model = drift_chart.model AND e.test = 'psi'
		AND e.recorded_at = (SELECT max(l.recorded_at) FROM mlops.drift AS l WHERE l.model = drift_chart.model AND l.statistic IS NOT NULL)
		ORDER BY e.statistic DESC NULLS LAST, e.feature LIMIT 15) AS d
$$;
COMMENT ON FUNCTION mlops_catalog.drift_chart(text) IS 'Features whose values have moved most, as a drawing';

-- ---- words

CREATE FUNCTION mlops_catalog.summary_of_deployment(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 3
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN d.variant = 'primary' THEN format('Version %s (%s) answers %s since %s.', d.version, replace(v.algorithm, '_', ' '),
			CASE WHEN d.percent < 100 THEN mlops_catalog.value_text(d.percent / 100, 'share') || ' of payments' ELSE 'all payments' END, mlops_catalog.page_time(d.deployed_at))
		WHEN d.kind = 'shadow' THEN format('Version %s is scored beside it as shadow "%s".', d.version, d.variant)
		WHEN d.kind = 'segment' THEN format('Version %s answers rows that fit %s.', d.version, d.rule)
		ELSE format('Version %s answers %s as "%s" (%s%s).', d.version, mlops_catalog.value_text(d.percent / 100, 'share'), d.variant, replace(d.strategy, '_', ' '),
			CASE WHEN d.release = 'paused' THEN ', paused' ELSE '' END) END
	FROM mlops.deployments AS d JOIN mlops.versions AS v USING (model, version) WHERE d.model = summary_of_deployment.model ORDER BY d.variant = 'primary' DESC, d.variant
$$;
COMMENT ON FUNCTION mlops_catalog.summary_of_deployment(text) IS 'What answers for a model, in sentences';

-- The last window that is complete, against the one before it.  What was imported is
-- how versions would have done, and counts only where nothing else was ever decided:
-- then of the versions that answer, or of the newest.
CREATE FUNCTION mlops_catalog.summary_of_traffic(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH of_model AS (
		SELECT t.*, t.variant IS NOT DISTINCT FROM '(imported)' AS imported, EXISTS (SELECT FROM mlops.deployments AS d
			WHERE d.model = t.model AND d.version = t.version AND d.kind <> 'shadow') AS answers
		FROM mlops.traffic AS t WHERE t.model = summary_of_traffic.model AND NOT t.shadow),
	kept AS (
		SELECT o.* FROM of_model AS o, (SELECT bool_or(NOT i.imported AND i.decisions > 0) AS decided, bool_or(i.imported AND i.answers) AS of_answering,
			max(i.version) FILTER (WHERE i.imported) AS newest FROM of_model AS i) AS a
		WHERE NOT o.imported OR NOT a.decided AND CASE WHEN a.of_answering THEN o.answers ELSE o.version IS NOT DISTINCT FROM a.newest END)
	SELECT format('From %s to %s: %s%s%s.', mlops_catalog.page_time(w.window_start), mlops_catalog.page_time(w.window_end),
			CASE WHEN w.decisions = 0 THEN 'no decision' ELSE format('%s %sdecisions, %s of them flagged', w.decisions, CASE WHEN w.imported THEN 'imported ' ELSE '' END,
				mlops_catalog.value_text(w.rate, 'share')) END,
			CASE WHEN w.former IS NOT NULL THEN format(CASE WHEN w.decisions = 0 THEN ' (%s were flagged in the window before)' ELSE ' (%s in the window before)' END, mlops_catalog.value_text(w.former, 'share')) ELSE '' END,
			CASE WHEN w.errors > 0 THEN format('; %s payments could not be scored', w.errors) ELSE '' END)
	FROM (SELECT t.window_start, t.window_end, bool_or(t.imported) AS imported, sum(t.decisions) AS decisions, sum(t.errors) AS errors,
			sum(t.alerts)::float8 / nullif(sum(t.decisions), 0)::float8 AS rate,
			lag(sum(t.alerts)::float8 / nullif(sum(t.decisions), 0)::float8) OVER (ORDER BY t.window_end) AS former
		FROM kept AS t GROUP BY 1, 2 ORDER BY t.window_end DESC LIMIT 1) AS w
$$;
COMMENT ON FUNCTION mlops_catalog.summary_of_traffic(text) IS 'What a model decided in its last window, in a sentence';

-- Each version that answers, in the last window of theirs with frauds; if there is
-- none yet, of other versions the one with the most decisions.
CREATE FUNCTION mlops_catalog.summary_of_performance(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH known AS (
		SELECT f.*, EXISTS (SELECT FROM mlops.deployments AS d WHERE d.model = f.model AND d.version = f.version AND d.kind <> 'shadow') AS answers
		FROM mlops.performance AS f WHERE f.model = summary_of_performance.model AND f.segment = '{}' AND f.positives > 0),
	last AS (
		SELECT k.answers, k.imported, k.window_end, k.version FROM known AS k ORDER BY k.answers DESC, k.imported, k.window_end DESC, k.decisions DESC LIMIT 1)
	SELECT format('Of %s %sdecisions with a label, to %s: version %s found %s of %s frauds (%s), and %s.', p.labelled, CASE WHEN p.imported THEN 'imported ' ELSE '' END,
		mlops_catalog.page_time(p.window_end), p.version, p.true_positives, p.positives, mlops_catalog.value_text(p.recall, 'share'),
		CASE WHEN p."precision" IS NULL THEN 'it flagged nothing' ELSE mlops_catalog.value_text(p."precision", 'share') || ' of its alerts were frauds' END)
	FROM known AS p JOIN last AS l USING (answers, imported, window_end) WHERE p.answers OR p.version IS NOT DISTINCT FROM l.version ORDER BY p.version
$$;
COMMENT ON FUNCTION mlops_catalog.summary_of_performance(text) IS 'How versions of a model did in the last window with frauds, in sentences';

CREATE FUNCTION mlops_catalog.summary_of_windows(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.summary_of_traffic(summary_of_windows.model) UNION ALL SELECT mlops_catalog.summary_of_performance(summary_of_windows.model)
$$;
COMMENT ON FUNCTION mlops_catalog.summary_of_windows(text) IS 'How a model did in its last windows, in sentences';

CREATE FUNCTION mlops_catalog.summary_of_changes(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 3
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('Alert "%s" fires: %s is %s, it must be %s.', a.rule, replace(a.metric, '_', ' '), mlops_catalog.value_text(a.value, NULL), a.required)
	FROM mlops.alerts AS a WHERE a.model = summary_of_changes.model AND a.state IN ('firing', 'acknowledged')
	UNION ALL
	SELECT format('%s of %s features have drifted in the last window: %s.', count(*) FILTER (WHERE f.drifted), count(*), string_agg(f.feature, ', ' ORDER BY f.feature) FILTER (WHERE f.drifted))
	FROM (SELECT d.feature, bool_or(d.drifted) AS drifted FROM mlops.drift AS d WHERE d.model = summary_of_changes.model AND d.kind <> 'score'
		AND d.recorded_at = (SELECT max(l.recorded_at) FROM mlops.drift AS l WHERE l.model = summary_of_changes.model) GROUP BY 1) AS f HAVING bool_or(f.drifted)
	UNION ALL
	(SELECT format('The last retraining, of %s, was %s%s.', mlops_catalog.page_time(r.ended_at), r.outcome, CASE WHEN r.version IS NOT NULL THEN format(' (version %s)', r.version) ELSE '' END)
	FROM mlops.retrainings AS r WHERE r.model = summary_of_changes.model ORDER BY r.retraining_id DESC LIMIT 1)
$$;
COMMENT ON FUNCTION mlops_catalog.summary_of_changes(text) IS 'What has changed about a model, in sentences';

CREATE FUNCTION mlops_catalog.things_to_do(model text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 3
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('Nothing is deployed. SELECT * FROM mlops.deploy(%L, %s);', things_to_do.model,
		greatest(1, (SELECT max(v.version) FROM mlops.versions AS v WHERE v.model = things_to_do.model)))
	WHERE NOT EXISTS (SELECT FROM mlops.deployments AS d WHERE d.model = things_to_do.model)
	UNION ALL
	SELECT format('Not watched. SELECT * FROM mlops.monitor(%L);', things_to_do.model) WHERE NOT EXISTS (SELECT FROM mlops.monitors AS m WHERE m.model = things_to_do.model)
	UNION ALL
	SELECT format('There are no labels. SELECT * FROM mlops.add_labels(%L, ...);', things_to_do.model) WHERE NOT EXISTS (SELECT FROM mlops.labels AS l WHERE l.model = things_to_do.model)
		AND EXISTS (SELECT FROM mlops.predictions AS p WHERE p.model = things_to_do.model)
	UNION ALL
	SELECT format('Drift cannot be measured: %s', m.drift_error) FROM mlops.monitors AS m WHERE m.model = things_to_do.model AND m.drift_error IS NOT NULL
	UNION ALL
	SELECT format('The source of drift has no rows from %s to %s, the last window: is it loaded, and is its time column right?', to_char(l.window_start, 'YYYY-MM-DD HH24:MI'), to_char(l.window_end, 'YYYY-MM-DD HH24:MI'))
	FROM (SELECT d.* FROM mlops.drift AS d WHERE d.model = things_to_do.model AND d.window_start IS NOT NULL ORDER BY d.window_end DESC, d.recorded_at DESC LIMIT 1) AS l
	WHERE l.rows = 0 AND EXISTS (SELECT FROM mlops.monitors AS m WHERE m.model = things_to_do.model)
	UNION ALL
	SELECT format('Look into alert "%s", then SELECT * FROM mlops.acknowledge_alert(%s, ''what it was'');', a.rule, a.alert_id) FROM mlops.alerts AS a WHERE a.model = things_to_do.model AND a.state = 'firing'
	UNION ALL
	SELECT format('Retraining stands still: %s. SELECT * FROM mlops.resume_retraining(%L);', coalesce(p.suspended_because, 'suspended'), things_to_do.model)
	FROM mlops.retraining_policies AS p WHERE p.model = things_to_do.model AND p.suspended_at IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.things_to_do(text) IS 'What a model waits for, in sentences';

CREATE FUNCTION mlops_catalog.html_list(class text, items text[]) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<ul class="%s">', class) || string_agg('<li>' || mlops_catalog.html(i) || '</li>', '' ORDER BY n) || '</ul>' FROM unnest(items) WITH ORDINALITY AS u(i, n)
$$;
COMMENT ON FUNCTION mlops_catalog.html_list(text, text[]) IS 'Texts as a list of HTML; NULL without any';

-- ---- the page

CREATE FUNCTION mlops_catalog.page_style() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $css$:root{color-scheme:light dark;--page:#fff;--ink:#1b2733;--quiet:#526170;--rule:#d5dce3;--bad:#b02a37;--c1:#2563a8;--c2:#c2570c;--c3:#1c7a4f;--c4:#8a3ea8;--c5:#8a6d00;--c6:#0e7c86}
@media (prefers-color-scheme:dark){:root{--page:#14191f;--ink:#e4eaf0;--quiet:#9fb0c0;--rule:#35414d;--bad:#ff8a8a;--c1:#79b4f2;--c2:#f0a35e;--c3:#6fcf97;--c4:#d29be8;--c5:#e0c65a;--c6:#6fd3dc}}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:72rem;padding:0 1rem;color:var(--ink);background:var(--page);overflow-wrap:anywhere}
h1{margin:0}h2{margin-top:2rem;border-bottom:1px solid var(--rule)}.none,.sub{color:var(--quiet)}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px}th,td{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;overflow-wrap:normal}td{max-width:28rem}th{color:var(--quiet);font-weight:600}
td.n{text-align:right;font-variant-numeric:tabular-nums}ul.todo li::marker{color:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1.2rem}figure{margin:0}figcaption{font-weight:600;font-size:13px}
svg{width:100%;height:auto;font:10px system-ui,sans-serif}svg .axis{fill:var(--quiet)}svg .name{fill:var(--ink)}.grid{stroke:var(--rule);stroke-width:.7}
path.bound{stroke:var(--bad);stroke-dasharray:5 3}.deployment{stroke:var(--quiet);stroke-dasharray:2 3}.alert{stroke:var(--bad)}polyline{fill:none;stroke-width:1.6}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.2rem 0 0;padding:0;font-size:12px}.legend li::before{content:"";display:inline-block;width:.9rem;height:.2rem;margin-right:.35rem;vertical-align:middle;background:currentColor}
.legend li.none::before{display:none}.bound,.bad{color:var(--bad);fill:var(--bad)}
.s1{color:var(--c1);fill:var(--c1)}.s2{color:var(--c2);fill:var(--c2)}.s3{color:var(--c3);fill:var(--c3)}.s4{color:var(--c4);fill:var(--c4)}.s5{color:var(--c5);fill:var(--c5)}.s6{color:var(--c6);fill:var(--c6)}
.s1 polyline,.s2 polyline,.s3 polyline,.s4 polyline,.s5 polyline,.s6 polyline{stroke:currentColor}@media print{figure{break-inside:avoid}}$css$
$$;
COMMENT ON FUNCTION mlops_catalog.page_style() IS 'Style of a page: light and dark, wide and narrow';

CREATE FUNCTION mlops_catalog.report_tables(model text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(E'\n',
		'<h2>Alerts</h2>',
		mlops_catalog.html_table('{rule,severity,state,metric,version,value,required,fired_at,resolved_at,note}',
			(SELECT jsonb_agg(to_jsonb(a) || jsonb_build_object('fired_at', mlops_catalog.page_time(a.fired_at), 'resolved_at', mlops_catalog.page_time(a.resolved_at)) ORDER BY a.alert_id DESC)
			FROM (SELECT * FROM mlops.alerts AS b WHERE b.model = report_tables.model ORDER BY b.alert_id DESC LIMIT 20) AS a)),
		'<h2>Retrainings</h2>',
		mlops_catalog.html_table('{version,base_version,note,outcome,detail,ended_at}',
			(SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object('ended_at', mlops_catalog.page_time(r.ended_at)) ORDER BY r.retraining_id DESC)
			FROM (SELECT * FROM mlops.retrainings AS s WHERE s.model = report_tables.model ORDER BY s.retraining_id DESC LIMIT 20) AS r)),
		'<h2>History</h2>',
		mlops_catalog.html_table('{seq,event,version,role,logged_at}',
			(SELECT jsonb_agg(to_jsonb(l) || jsonb_build_object('logged_at', mlops_catalog.page_time(l.logged_at)) ORDER BY l.seq DESC, l.logged_at DESC)
			FROM (SELECT * FROM mlops.audit_log AS a WHERE a.model = report_tables.model ORDER BY a.seq DESC, a.logged_at DESC LIMIT 30) AS l)))
$$;
COMMENT ON FUNCTION mlops_catalog.report_tables(text) IS 'Alerts, retrainings and history of a model as tables of HTML';

-- Of many segments, those that most decisions fall into.
CREATE FUNCTION mlops_catalog.report_segments(model text, most int) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH last AS (
		SELECT l.window_end, l.imported FROM mlops.performance AS l WHERE l.model = report_segments.model AND l.segment <> '{}' AND l.labelled > 0
		ORDER BY l.imported, l.window_end DESC LIMIT 1),
	row AS (
		SELECT f.*, row_number() OVER (ORDER BY f.decisions DESC, f.segment::text, f.version) AS place, count(*) OVER () AS rows
		FROM mlops.performance AS f JOIN last AS l USING (window_end, imported) WHERE f.model = report_segments.model AND f.segment <> '{}')
	SELECT concat_ws(E'\n',
		(SELECT '<p class="sub">Of imported decisions.</p>' FROM last AS l WHERE l.imported),
		(SELECT format('<p class="sub">The %s with the most decisions, of %s.</p>', report_segments.most, max(r.rows)) FROM row AS r HAVING max(r.rows) > report_segments.most),
		mlops_catalog.html_table('{segment,version,decisions,labelled,positives,recall,precision,pr_auc}', (SELECT jsonb_agg(to_jsonb(r)
				|| jsonb_build_object('segment', (SELECT string_agg(e.key || ' = ' || mlops_catalog.shown(e.value, 'missing'), ', ') FROM jsonb_each_text(r.segment) AS e),
					'recall', mlops_catalog.value_text(r.recall, 'share'), 'precision', mlops_catalog.value_text(r."precision", 'share')) ORDER BY r.place)
			FROM row AS r WHERE r.place <= report_segments.most)))
$$;
COMMENT ON FUNCTION mlops_catalog.report_segments(text, int) IS 'How a version did by segment in its last window with labels, of imported decisions where no other has any, the largest segments first, as a table of HTML';

CREATE FUNCTION mlops_catalog.report_charts(model text, version int) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(E'\n',
		'<h2>Traffic and performance</h2><div class="charts">',
		mlops_catalog.monitor_chart(report_charts.model, 'Decisions a window', '{decisions}', 'count'), mlops_catalog.monitor_chart(report_charts.model, 'Share flagged', '{alert_rate}', 'share'),
		mlops_catalog.monitor_chart(report_charts.model, 'Precision and recall', '{precision,recall}', 'share'), mlops_catalog.monitor_chart(report_charts.model, 'Average precision', '{pr_auc}', NULL),
		mlops_catalog.judgement_charts(report_charts.model, report_charts.version),
		mlops_catalog.monitor_chart(report_charts.model, 'Time to score (95th percentile)', '{latency_p95}', 'microseconds'),
		mlops_catalog.monitor_chart(report_charts.model, 'Payments that could not be scored', '{error_rate}', 'share'),
		mlops_catalog.monitor_chart(report_charts.model, 'Scores against those of the test rows (PSI)', '{score_psi}', NULL),
		mlops_catalog.monitor_chart(report_charts.model, 'Features that drifted', '{drifted_share}', 'share'), mlops_catalog.drift_chart(report_charts.model),
		'</div><h2>By segment</h2>',
		mlops_catalog.report_segments(report_charts.model, 50),
		'<h2>How it learned</h2><div class="charts">', mlops_catalog.learning_charts(report_charts.model, report_charts.version), '</div>')
$$;
COMMENT ON FUNCTION mlops_catalog.report_charts(text, int) IS 'Drawings of a report';

CREATE FUNCTION mlops.report(model text) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.report(text) IS
	'A model''s report as one page of HTML, light or dark: a summary in words, deployed variants, versions, traffic, performance, calibration, segments, drift, learning curve, importance, alerts, retrainings, history';
CREATE FUNCTION mlops_catalog.report(model text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.require_seen(report.model);
	about record;
	main int;
BEGIN
	SELECT m.* INTO about FROM mlops.models AS m WHERE m.model = report.model;
	main := coalesce((SELECT d.version FROM mlops.deployments AS d WHERE d.model = report.model AND d.variant = 'primary'),
		(SELECT max(v.version) FROM mlops.versions AS v WHERE v.model = report.model));
	RETURN concat_ws(E'\n',
		'<!DOCTYPE html>',
		'<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width"/><title>' || mlops_catalog.html(report.model) || '</title><style>',
		mlops_catalog.page_style(), '</style></head><body>',
		format('<h1>%s</h1><p class="sub">%s</p>', mlops_catalog.html(report.model), mlops_catalog.html(concat_ws(' | ', about.description, 'owner ' || about.owner, mlops_catalog.page_time(now()) || ' UTC'))),
		mlops_catalog.html_list('summary', ARRAY(SELECT mlops_catalog.summary_of_deployment(report.model)) || ARRAY(SELECT mlops_catalog.summary_of_windows(report.model)) || ARRAY(SELECT mlops_catalog.summary_of_changes(report.model))),
		'<h3>To do</h3>' || mlops_catalog.html_list('todo', ARRAY(SELECT mlops_catalog.things_to_do(report.model))),
		'<h2>What answers</h2>',
		mlops_catalog.html_table('{variant,version,strategy,percent,threshold,release,deployed_by,deployed_at}',
			(SELECT jsonb_agg(to_jsonb(d) || jsonb_build_object('deployed_at', mlops_catalog.page_time(d.deployed_at)) ORDER BY d.variant = 'primary' DESC, d.variant)
			FROM mlops.deployments AS d WHERE d.model = report.model)),
		mlops_catalog.report_charts(report.model, main),
		'<h2>Versions</h2>',
		mlops_catalog.html_table('{version,algorithm,stage,pr_auc,roc_auc,threshold,rows,positives,created_at}',
			(SELECT jsonb_agg(to_jsonb(v) || jsonb_build_object('rows', v.train_rows + v.validation_rows + v.test_rows, 'created_at', mlops_catalog.page_time(v.created_at)) ORDER BY v.version DESC)
			FROM (SELECT * FROM mlops.versions AS w WHERE w.model = report.model ORDER BY w.version DESC LIMIT 20) AS v)),
		mlops_catalog.report_tables(report.model),
		'</body></html>');
END
$$;
