-- Tables and drawings of a page of HTML that needs nothing else: no script, no
-- font and no style sheet from elsewhere.  Colours are classes; the page's style
-- says which they are in light and in dark.

CREATE FUNCTION mlops_catalog.in_ascii(value text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_in_ascii';
COMMENT ON FUNCTION mlops_catalog.in_ascii(text) IS 'Text of HTML with characters beyond ASCII by their numbers: a page of it is the same in every encoding';

CREATE FUNCTION mlops_catalog.html(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- control characters have no place in a page, not even escaped
	SELECT mlops_catalog.in_ascii(replace(replace(replace(replace(regexp_replace(value, '[\x01-\x08\x0B\x0C\x0E-\x1F]', '?', 'g'), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'))
$$;
COMMENT ON FUNCTION mlops_catalog.html(text) IS 'Text as it is written in a page of HTML';

-- unit: share (as per cent), count, microseconds, or NULL for a plain number.
CREATE FUNCTION mlops_catalog.value_text(value float8, unit text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN value IS NULL THEN ''
		WHEN value IN ('Infinity', '-Infinity', 'NaN') THEN value::text
		WHEN unit = 'share' THEN mlops_catalog.value_text(100 * value, NULL) || ' %'
		WHEN unit = 'microseconds' THEN mlops_catalog.value_text(value, NULL) || ' us'
		WHEN abs(value) >= 1e15 THEN to_char(value, '9.9EEEE')
		WHEN abs(value) >= 1e6 THEN mlops_catalog.value_text(value / 1e6, NULL) || ' M'
		WHEN abs(value) >= 1e4 THEN mlops_catalog.value_text(value / 1e3, NULL) || ' k'
		WHEN value = 0 THEN '0'
		-- three significant digits
		ELSE trim_scale(round(value::numeric, greatest(0, 2 - floor(log(abs(value)::numeric))::int)))::text END
$$;
COMMENT ON FUNCTION mlops_catalog.value_text(float8, text) IS 'A value with its unit as people read it, three digits of it';

CREATE FUNCTION mlops_catalog.html_table(columns text[], rows jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_array_length(coalesce(rows, '[]')) = 0 THEN '<p class="none">None.</p>'
		ELSE '<div class="wide"><table><thead><tr>' || (SELECT string_agg('<th>' || mlops_catalog.html(replace(c, '_', ' ')) || '</th>', '' ORDER BY n)
				FROM unnest(columns) WITH ORDINALITY AS u(c, n)) || '</tr></thead><tbody>'
			|| (SELECT string_agg('<tr>' || (SELECT string_agg(format('<td%s>%s</td>', CASE jsonb_typeof(r.value -> c) WHEN 'number' THEN ' class="n"' ELSE '' END,
					coalesce(mlops_catalog.html(CASE WHEN jsonb_typeof(r.value -> c) = 'number' AND r.value ->> c ~ '\.\d{5,}'
						THEN round((r.value ->> c)::numeric, 4)::text ELSE r.value ->> c END), '')), '' ORDER BY n)
					FROM unnest(columns) WITH ORDINALITY AS u(c, n)) || '</tr>', E'\n' ORDER BY r.place)
				FROM jsonb_array_elements(rows) WITH ORDINALITY AS r(value, place)) || '</tbody></table></div>' END
$$;
COMMENT ON FUNCTION mlops_catalog.html_table(text[], jsonb) IS 'A list of objects as a table of HTML with these columns';

-- Where gridlines go: multiples of 1, 2 or 5 times a power of ten.
CREATE FUNCTION mlops_catalog.number_ticks(lowest float8, highest float8) RETURNS float8[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH step AS (
		SELECT (p.power * CASE WHEN p.span <= p.power THEN 0.2 WHEN p.span <= 2 * p.power THEN 0.5 WHEN p.span <= 5 * p.power THEN 1 ELSE 2 END)::numeric AS step
		FROM (SELECT s.span, power(10::float8, floor(log(s.span))) AS power FROM (SELECT greatest(highest - lowest, 1e-9) AS span) AS s) AS p)
	SELECT array_agg((i * s.step)::float8 ORDER BY i) FROM step AS s
	CROSS JOIN LATERAL generate_series(floor(lowest::numeric / s.step)::bigint, ceil(highest::numeric / s.step)::bigint) AS i
$$;
COMMENT ON FUNCTION mlops_catalog.number_ticks(float8, float8) IS 'Round numbers from below the lowest to above the highest value, four to seven of them';

-- x is in seconds since 1970; labels are in UTC.
CREATE FUNCTION mlops_catalog.time_ticks(first float8, last float8) RETURNS TABLE (x float8, label text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH step AS (
		SELECT coalesce(min(s) FILTER (WHERE (last - first) / s <= 4), 365 * 86400 * ceil((last - first) / 4 / (365 * 86400))) AS step
		FROM unnest('{60,300,900,1800,3600,10800,21600,43200,86400,172800,604800,1209600,2592000,7776000,31536000}'::float8[]) AS s)
	SELECT i * s.step, to_char(to_timestamp(i * s.step) AT TIME ZONE 'UTC', CASE WHEN s.step < 86400 AND (i * s.step)::bigint % 86400 <> 0 THEN 'HH24:MI' ELSE 'YYYY-MM-DD' END)
	FROM step AS s CROSS JOIN LATERAL generate_series(ceil(first / s.step)::bigint, floor(last / s.step)::bigint) AS i
$$;
COMMENT ON FUNCTION mlops_catalog.time_ticks(float8, float8) IS 'Round times of a span and how they are written, at most five';

-- points: objects {"series": text, "x": number, "y": number}.
-- marks: {"x": number, "label": text, "kind": "deployment" or "alert"}; a line upright.
-- bounds: {"y": number, "label": text}; a line across.
-- x_unit: time (seconds since 1970, UTC) or what value_text takes.
CREATE FUNCTION mlops_catalog.svg_lines(title text, points jsonb, x_unit text, y_unit text, marks jsonb DEFAULT '[]', bounds jsonb DEFAULT '[]',
	most int DEFAULT 6) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH point AS (
		SELECT p ->> 'series' AS series, (p ->> 'x')::float8 AS x, (p ->> 'y')::float8 AS y
		FROM jsonb_array_elements(points) AS p WHERE (p ->> 'y')::float8 NOT IN ('Infinity', '-Infinity', 'NaN')),
	series AS (
		SELECT s.series, row_number() OVER (ORDER BY s.series COLLATE "C") AS n, count(*) OVER () AS of FROM (SELECT DISTINCT p.series FROM point AS p) AS s),
	bound AS (
		SELECT DISTINCT (b ->> 'y')::float8 AS y, b ->> 'label' AS label FROM jsonb_array_elements(bounds) AS b),
	grid AS (
		SELECT CASE x_unit WHEN 'share' THEN 0 * min(p.x) ELSE min(p.x) END AS x0, CASE x_unit WHEN 'share' THEN 1 ELSE max(p.x) END AS x1,
			mlops_catalog.number_ticks(least(min(p.y), 0), greatest(max(p.y), 0)) AS ticks FROM point AS p),
	box AS (
		SELECT g.x0, CASE WHEN g.x1 > g.x0 THEN g.x1 - g.x0 ELSE 1 END AS width, g.x1 > g.x0 AS spans, g.ticks, g.ticks[1] AS y0,
			g.ticks[cardinality(g.ticks)] - g.ticks[1] AS height FROM grid AS g WHERE g.x0 IS NOT NULL),
	placed AS (	-- 300 by 140 of 360 by 180
		SELECT s.n, round((48 + CASE WHEN b.spans THEN 300 * (p.x - b.x0) / b.width ELSE 150 END)::numeric, 1) AS x,
			round((150 - 140 * (p.y - b.y0) / CASE WHEN b.height > 0 THEN b.height ELSE 1 END)::numeric, 1) AS y
		FROM point AS p JOIN series AS s USING (series) CROSS JOIN box AS b WHERE s.n <= most),
	line AS (
		SELECT p.n, string_agg(format('%s,%s', p.x, p.y), ' ' ORDER BY p.x, p.y) AS points, count(*) AS count,
			string_agg(format('<circle cx="%s" cy="%s" r="2"/>', p.x, p.y), '' ORDER BY p.x) AS dots
		FROM placed AS p GROUP BY p.n),
	x_tick AS (
		SELECT t.x, t.label FROM box AS b CROSS JOIN LATERAL mlops_catalog.time_ticks(b.x0, b.x0 + CASE WHEN b.spans THEN b.width ELSE 0 END) AS t WHERE x_unit = 'time'
		UNION ALL
		SELECT t, mlops_catalog.value_text(t, x_unit) FROM box AS b CROSS JOIN LATERAL unnest(mlops_catalog.number_ticks(b.x0, b.x0 + b.width)) AS t
			WHERE x_unit IS DISTINCT FROM 'time' AND t BETWEEN b.x0 AND b.x0 + b.width
		UNION ALL	-- a span too short for a round time
		SELECT b.x0, to_char(to_timestamp(b.x0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM box AS b
			WHERE x_unit = 'time' AND NOT EXISTS (SELECT FROM mlops_catalog.time_ticks(b.x0, b.x0 + CASE WHEN b.spans THEN b.width ELSE 0 END)))
	SELECT format('<figure><figcaption>%s</figcaption><svg viewBox="0 0 360 180" role="img" aria-label="%s">', mlops_catalog.html(title), mlops_catalog.html(title))
		|| (SELECT string_agg(format('<path class="grid" d="M48 %1$sH348"/><text class="axis" x="43" y="%2$s" text-anchor="end">%3$s</text>', y.place, y.place + 3.5,
				mlops_catalog.value_text(t, y_unit)), '' ORDER BY t)
			FROM unnest(b.ticks) AS t CROSS JOIN LATERAL (SELECT round((150 - 140 * (t - b.y0) / CASE WHEN b.height > 0 THEN b.height ELSE 1 END)::numeric, 1) AS place) AS y)
		|| coalesce((SELECT string_agg(format('<path class="grid" d="M%1$s 150v4"/><text class="axis" x="%1$s" y="166" text-anchor="%2$s">%3$s</text>', x.place,
				CASE WHEN x.place < 78 THEN 'start' WHEN x.place > 318 THEN 'end' ELSE 'middle' END, mlops_catalog.html(t.label)), '' ORDER BY t.x)
			FROM x_tick AS t CROSS JOIN LATERAL (SELECT round((48 + CASE WHEN b.spans THEN 300 * (t.x - b.x0) / b.width ELSE 150 END)::numeric, 1) AS place) AS x), '')
		|| coalesce((SELECT string_agg(format('<path class="bound" d="M48 %sH348"><title>%s</title></path>', y.place, mlops_catalog.html(o.label)), '' ORDER BY o.y)
			FROM bound AS o CROSS JOIN LATERAL (SELECT round((150 - 140 * (o.y - b.y0) / b.height)::numeric, 1) AS place) AS y
			WHERE b.height > 0 AND o.y BETWEEN b.y0 AND b.y0 + b.height), '')
		|| coalesce((SELECT string_agg(format('<path class="%s" d="M%s 10V150"><title>%s</title></path><text class="axis" x="%s" y="8" text-anchor="middle">%s</text>',
				mlops_catalog.html(m ->> 'kind'), x.place, mlops_catalog.html(m ->> 'label'), x.place, CASE m ->> 'kind' WHEN 'alert' THEN '!' ELSE mlops_catalog.html(m ->> 'label') END), '' ORDER BY x.place)
			FROM jsonb_array_elements(marks) AS m CROSS JOIN LATERAL (SELECT round((48 + 300 * ((m ->> 'x')::float8 - b.x0) / b.width)::numeric, 1) AS place) AS x
			WHERE b.spans AND x.place BETWEEN 48 AND 348), '')
		|| (SELECT string_agg(format('<g class="s%s"><polyline points="%s"/>%s</g>', l.n, l.points, CASE WHEN l.count <= 40 THEN l.dots ELSE '' END), '' ORDER BY l.n) FROM line AS l)
		|| '</svg><ul class="legend">'
		|| (SELECT string_agg(format('<li class="s%s">%s</li>', s.n, mlops_catalog.html(s.series)), '' ORDER BY s.n)
			|| CASE WHEN max(s.of) > most THEN format('<li class="none">%s more are not drawn</li>', max(s.of) - most) ELSE '' END FROM series AS s WHERE s.n <= most)
		|| coalesce((SELECT string_agg(format('<li class="bound">%s</li>', mlops_catalog.html(o.label || ' ' || mlops_catalog.value_text(o.y, y_unit))), '' ORDER BY o.y) FROM bound AS o), '')
		|| '</ul></figure>'
	FROM box AS b
$$;
COMMENT ON FUNCTION mlops_catalog.svg_lines(text, jsonb, text, text, jsonb, jsonb, int) IS
	'Series of points as a drawing of lines with axes, gridlines, marks and bounds; NULL without points';

-- bars: objects {"name": text, "value": number, "mark": boolean}
CREATE FUNCTION mlops_catalog.svg_bars(title text, bars jsonb, unit text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH bar AS (
		SELECT b.value ->> 'name' AS name, (b.value ->> 'value')::float8 AS value, coalesce((b.value ->> 'mark')::boolean, false) AS mark, b.place
		FROM jsonb_array_elements(bars) WITH ORDINALITY AS b(value, place) WHERE b.value ->> 'value' IS NOT NULL)
	SELECT format('<figure><figcaption>%s</figcaption><svg viewBox="0 0 360 %s" role="img" aria-label="%s">%s</svg></figure>', mlops_catalog.html(title),
		8 + 16 * count(*), mlops_catalog.html(title), string_agg(format('<g class="%s"><text class="name" x="120" y="%s" text-anchor="end">%s<title>%s</title></text><rect x="125" y="%s" width="%s" height="11"/>'
			'<text class="name" x="%s" y="%s">%s</text></g>', CASE WHEN b.mark THEN 'bad' ELSE 's1' END, 13 + 16 * (b.place - 1),
			mlops_catalog.html(CASE WHEN length(b.name) > 20 THEN left(b.name, 19) || '..' ELSE b.name END), mlops_catalog.html(b.name),
			4 + 16 * (b.place - 1), round(w.width::numeric, 1), 129 + round(w.width::numeric, 1), 13 + 16 * (b.place - 1), mlops_catalog.value_text(b.value, unit)), '' ORDER BY b.place))
	FROM (SELECT b.*, max(greatest(b.value, 0)) OVER () AS top FROM bar AS b) AS b
	CROSS JOIN LATERAL (SELECT CASE WHEN b.top = 'Infinity' THEN CASE b.value WHEN 'Infinity' THEN 180 ELSE 0 END WHEN b.top > 0 THEN 180 * greatest(b.value, 0) / b.top ELSE 0 END AS width) AS w
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION mlops_catalog.svg_bars(text, jsonb, text) IS 'Names and values as a drawing of bars; NULL without any';
