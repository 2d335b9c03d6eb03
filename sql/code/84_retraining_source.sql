-- What a retraining reads: the inputs of the version it repeats, and whether its
-- source still is what that version learned from.

-- Types whose values mean the same to a model.
-- A model records a domain as its base type, and an enum without its schema where
-- that was on the search_path.
CREATE FUNCTION mlops_catalog.type_family(type text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE base(name, domain, depth) AS (
		SELECT type, (SELECT d.typbasetype FROM pg_type AS d WHERE d.oid = to_regtype(type) AND d.typtype = 'd'), 0
		UNION ALL
		SELECT format_type(b.domain, NULL), (SELECT d.typbasetype FROM pg_type AS d WHERE d.oid = b.domain AND d.typtype = 'd'), b.depth + 1
		FROM base AS b WHERE b.domain IS NOT NULL)
	SELECT CASE WHEN t.name IN ('smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric') THEN 'number'
		WHEN t.name IN ('text', 'character varying') THEN 'text' ELSE t.name END
	FROM (SELECT regexp_replace(regexp_replace(b.name, '\(.*?\)', ''), '^("([^"]|"")*"|[^".]+)\.', '') AS name
		FROM base AS b ORDER BY b.depth DESC LIMIT 1) AS t
$$;
COMMENT ON FUNCTION mlops_catalog.type_family(text) IS 'Type without schema and length, of a domain its base; all numbers are one family, and so are text and varchar';

-- Columns that a training reads for another purpose than to be inputs.
CREATE FUNCTION mlops_catalog.roles_of(request jsonb) RETURNS TABLE (role text, name text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT ON (c.name) c.role, c.name FROM (
		SELECT k, request ->> k, place FROM unnest('{target,weight,key,time_column}'::text[]) WITH ORDINALITY AS e(k, place)
		UNION ALL SELECT 'fold', request -> 'split' ->> 'fold', 5
		UNION ALL SELECT 'cost', request -> 'threshold' -> 'cost' ->> k, 6 FROM unnest('{false_positive,false_negative}'::text[]) AS k
			WHERE jsonb_typeof(request -> 'threshold' -> 'cost' -> k) = 'string') AS c(role, name, place)
	WHERE c.name IS NOT NULL ORDER BY c.name, c.place
$$;
COMMENT ON FUNCTION mlops_catalog.roles_of(jsonb) IS 'Target, weight, key, time_column, fold and cost columns of a training''s request';

CREATE FUNCTION mlops_catalog.is_positive(value "any", positive text) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_is_positive';
COMMENT ON FUNCTION mlops_catalog.is_positive("any", text) IS 'Is a value of a target the one that counts as positive, as training compares them? NULL for NaN, which is missing';

CREATE FUNCTION mlops_catalog.positive_meant(positive text, trained text, type regtype) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_positive_meant';
COMMENT ON FUNCTION mlops_catalog.positive_meant(text, text, regtype) IS
	'What is positive in a column of a type that says what a training''s target said, whose type had that name; NULL: true, 1, or, of a text, it is not known';

-- The request for a target of another kind than the recorded one: 'f' of a text is
-- true of a boolean.
CREATE FUNCTION mlops_catalog.with_target_as(request jsonb, target jsonb, type text, OUT changed jsonb, OUT problem text, OUT told text) RETURNS record
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind regtype := CASE mlops_catalog.type_family(type) WHEN 'boolean' THEN 'boolean' WHEN 'number' THEN 'numeric' WHEN 'money' THEN 'numeric' ELSE 'text' END;
	positive text := mlops_catalog.positive_meant(request ->> 'positive', target ->> 'type', kind);
BEGIN
	changed := request - 'positive' || jsonb_strip_nulls(jsonb_build_object('positive', positive));
	IF positive IS NULL AND kind = 'text'::regtype THEN
		problem := format('target "%s" of type %s has no value that is known to mean "%s": train a version with it', target ->> 'name', type, request ->> 'positive');
	ELSE
		told := format('a row is positive where target "%s" of type %s is "%s"; in training it was positive where the target was "%s"', target ->> 'name', type,
			coalesce(positive, CASE kind WHEN 'boolean'::regtype THEN 'true' ELSE '1' END), request ->> 'positive');
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.with_target_as(jsonb, jsonb, text) IS 'A training''s request for a target that has another type now, or why it is not known what is positive there; and what people should know';

-- What a model learns from in a column; NaN is missing, as NULL is.
CREATE FUNCTION mlops_catalog.present_value(source text, name text, family text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- by its text: an integer cannot be compared with NaN
	SELECT CASE WHEN family = 'number' THEN format('CASE WHEN %1$I.%2$I::pg_catalog.text OPERATOR(pg_catalog.<>) ''NaN'' THEN %1$I.%2$I END', source, name)
		ELSE format('%I.%I', source, name) END
$$;
COMMENT ON FUNCTION mlops_catalog.present_value(text, text, text) IS 'SQL for the value of a source''s column of a family of types, NULL where it is missing: NULL or NaN';

-- Rows that can be learned from or judged on: labelled ones.
CREATE FUNCTION mlops_catalog.labelled(source text, inputs jsonb, request jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.present_value(source, request ->> 'target',
		(SELECT i ->> 'family' FROM jsonb_array_elements(inputs) AS i WHERE i ->> 'role' = 'target')) || ' IS NOT NULL'
$$;
COMMENT ON FUNCTION mlops_catalog.labelled(text, jsonb, jsonb) IS 'SQL for: a row of a source has a target';

CREATE FUNCTION mlops_catalog.target_text(value "any") RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_target_text';
COMMENT ON FUNCTION mlops_catalog.target_text("any") IS 'Text of a value of a target, as training reads it whatever the settings. NULL for NaN, which is missing';

-- SQL for the statistics of keys and of values of the target that were not learned
-- from; a key that was not unique when learned from may have any number of rows.
CREATE FUNCTION mlops_catalog.identity_statistics(inputs jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', CASE WHEN key IS NULL THEN 'NULL' ELSE format('(pg_catalog.count(%1$s) OPERATOR(pg_catalog.-) pg_catalog.count(DISTINCT %1$s))::pg_catalog.text', key) END,
		CASE WHEN value IS NULL THEN 'NULL, NULL, NULL' ELSE
			format('pg_catalog.count(*) FILTER (WHERE %1$s)::pg_catalog.text, pg_catalog.min(%2$s) FILTER (WHERE %1$s), pg_catalog.max(%2$s) FILTER (WHERE %1$s)', fresh, value) END)
	FROM (SELECT max(mlops_catalog.present_value('mlops_source', i ->> 'name', i ->> 'family')
				|| CASE WHEN i ->> 'family' ~ '^(number|date|timestamp)' THEN '' ELSE '::pg_catalog.text COLLATE pg_catalog."C"' END)
				FILTER (WHERE i ->> 'role' = 'key' AND (i ->> 'repeated')::float8 < 0.01) AS key,
			max(v.value) AS value,
			max(format('%s OPERATOR(pg_catalog.<>) ALL (%L::pg_catalog.text[])', v.value, ARRAY(SELECT jsonb_array_elements_text(i -> 'values'))::text)) FILTER (WHERE v.value IS NOT NULL) AS fresh
		FROM jsonb_array_elements(inputs) AS i CROSS JOIN LATERAL (SELECT CASE WHEN i ->> 'role' = 'target' AND i ? 'values'
			THEN format('mlops_catalog.target_text(mlops_source.%I) COLLATE pg_catalog."C"', i ->> 'name') END) AS v(value)) AS e
$$;
COMMENT ON FUNCTION mlops_catalog.identity_statistics(jsonb) IS
	'SQL for the number of rows with the key of another row, that of rows with a value of the target that was not learned from, and the least and greatest of these';

-- SQL for five numbers of the next query; NULL where there are none of them.
CREATE FUNCTION mlops_catalog.class_statistics(inputs jsonb, request jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', coalesce('pg_catalog.count(*) FILTER (WHERE ' || positive || ')::pg_catalog.text', 'NULL'),
		coalesce('pg_catalog.count(*) FILTER (WHERE (' || sound || ') IS NOT TRUE)::pg_catalog.text', 'NULL'),
		coalesce('pg_catalog.sum(' || weight || ') FILTER (WHERE ' || sound || ')::pg_catalog.text', 'NULL'),
		coalesce('pg_catalog.sum(' || weight || ' OPERATOR(pg_catalog.*) ' || weight || ') FILTER (WHERE ' || sound || ')::pg_catalog.text', 'NULL'),
		coalesce('pg_catalog.sum(' || weight || ') FILTER (WHERE ' || sound || ' AND ' || positive || ')::pg_catalog.text', 'NULL'))
	FROM (SELECT max(CASE WHEN i ->> 'role' IS DISTINCT FROM 'target' THEN NULL
				WHEN request ? 'positive' THEN format('mlops_catalog.is_positive(mlops_source.%I, %L)', i ->> 'name', request ->> 'positive')
				WHEN i ->> 'family' = 'boolean' THEN format('mlops_source.%I', i ->> 'name')
				WHEN i ->> 'family' = 'number' THEN format('mlops_source.%I OPERATOR(pg_catalog.=) 1', i ->> 'name') END) AS positive,
			max(format('mlops_source.%I::pg_catalog.float8', i ->> 'name')) FILTER (WHERE i ->> 'role' = 'weight' AND i ->> 'family' = 'number') AS weight,
			-- what a float holds
			max(format('mlops_source.%1$I OPERATOR(pg_catalog.>=) 1.2e-38 AND mlops_source.%1$I OPERATOR(pg_catalog.<=) 1.7e38', i ->> 'name'))
				FILTER (WHERE i ->> 'role' = 'weight' AND i ->> 'family' = 'number') AS sound
		FROM jsonb_array_elements(inputs) AS i) AS e
$$;
COMMENT ON FUNCTION mlops_catalog.class_statistics(jsonb, jsonb) IS
	'SQL for the number of positives, that of values that are no weights, the sums of the weights, of their squares and of the positives'' ones';

-- A query for one row with an array of texts: rows, the numbers above (five and four), then four
-- values an input: rows with a value, least and greatest value, values outside
-- of what was learned.
CREATE FUNCTION mlops_catalog.source_statistics_query(read_by text, inputs jsonb, request jsonb, recent text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('WITH mlops_rows AS (SELECT * FROM %4$s AS mlops_source WHERE %5$s%6$s)
		SELECT (SELECT ARRAY[pg_catalog.count(*)::pg_catalog.text, %1$s, %2$s] FROM mlops_rows AS mlops_source)%3$s AS statistics',
		mlops_catalog.class_statistics(inputs, request), mlops_catalog.identity_statistics(inputs),
		-- the planner compares each aggregate with each: no more than some hundreds at once
		(SELECT string_agg(format(' OPERATOR(pg_catalog.||) (SELECT ARRAY[%s] FROM mlops_rows AS mlops_source)', g.statistics), '' ORDER BY g.part) FROM (
			SELECT (c.place - 1) / 100 AS part, string_agg(format('pg_catalog.count(%1$s)::pg_catalog.text, %2$s, %3$s', c.value, c.extremes, c.outside), ', ' ORDER BY c.place) AS statistics
			FROM (SELECT i.place, v.value,
				CASE WHEN i.input ->> 'family' = 'number'
					THEN format('pg_catalog.min(%1$s)::pg_catalog.text, pg_catalog.max(%1$s)::pg_catalog.text', v.value)
					-- a text that depends on no setting
					WHEN i.input ->> 'family' IN ('date', 'timestamp without time zone', 'timestamp with time zone')
					THEN format('pg_catalog.to_char(pg_catalog.min(%1$s), %2$L), pg_catalog.to_char(pg_catalog.max(%1$s), %2$L)', v.value, 'YYYY-MM-DD HH24:MI:SS.US')
					ELSE format('pg_catalog.min(%1$s::pg_catalog.text COLLATE "C"), pg_catalog.max(%1$s::pg_catalog.text COLLATE "C")', v.value) END AS extremes,
				CASE WHEN i.input ? 'lowest' AND i.input ->> 'family' = 'number'
					THEN format('pg_catalog.count(*) FILTER (WHERE %1$s OPERATOR(pg_catalog.<) %2$L::pg_catalog.%4$s OR %1$s OPERATOR(pg_catalog.>) %3$L::pg_catalog.%4$s)::pg_catalog.text',
						v.value, i.input ->> 'lowest', i.input ->> 'highest',
						CASE WHEN i.input ->> 'type' IN ('real', 'double precision') THEN 'float8' ELSE 'numeric' END)
					WHEN i.input ? 'levels'
					THEN format('pg_catalog.count(*) FILTER (WHERE %s::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (%L::pg_catalog.text[]))::pg_catalog.text',
						v.value, ARRAY(SELECT jsonb_array_elements_text(i.input -> 'levels'))::text)
					ELSE '''0''' END AS outside
				FROM jsonb_array_elements(inputs) WITH ORDINALITY AS i(input, place)
				CROSS JOIN LATERAL (SELECT mlops_catalog.present_value('mlops_source', i.input ->> 'name', i.input ->> 'family') AS value) AS v) AS c
			GROUP BY 1) AS g),
		mlops_catalog.subquery(read_by), mlops_catalog.labelled('mlops_source', inputs, request),
		CASE WHEN recent IS NOT NULL THEN format(' AND mlops_source.%1$I OPERATOR(pg_catalog.>=) ((SELECT pg_catalog.max(mlops_newest.%1$I) FROM %2$s AS mlops_newest WHERE %3$s) OPERATOR(pg_catalog.-) %4$L::pg_catalog.interval)',
			request ->> 'time_column', mlops_catalog.subquery(read_by), mlops_catalog.labelled('mlops_newest', inputs, request), recent) ELSE '' END)
$$;
COMMENT ON FUNCTION mlops_catalog.source_statistics_query(text, jsonb, jsonb, text) IS
	'Query that looks once at the rows of a source: classes and weights, how many values each input has, and how many of them a version never learned from';

-- Inputs of a version with what its training rows had: share of NULL, least and
-- greatest number (with a quarter of their distance on both sides), levels and
-- the share of others, the share of the most frequent value.
CREATE FUNCTION mlops_catalog.learned_inputs(model text, version int) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_agg(jsonb_build_object('name', s.name, 'type', regexp_replace(s.type, '\(.*?\)', ''), 'family', mlops_catalog.type_family(s.type))
		|| coalesce(jsonb_strip_nulls(jsonb_build_object(
			'missing', b.missing::float8 / nullif(b.rows, 0),
			'constant', CASE WHEN b.feature = s.name THEN b.top >= b.rows - b.missing END,
			'top', b.top::float8 / nullif(b.rows - b.missing, 0),
			'minimum', b.minimum, 'maximum', b.maximum,
			'lowest', CASE WHEN b.feature = s.name AND b.kind = 'number' THEN b.minimum - (b.maximum - b.minimum) / 4 END,
			'highest', CASE WHEN b.feature = s.name AND b.kind = 'number' THEN b.maximum + (b.maximum - b.minimum) / 4 END,
			'levels', b.levels,
			'others', b.others::float8 / nullif(b.rows - b.missing, 0))), '{}') ORDER BY s.place)
	FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
	CROSS JOIN LATERAL (SELECT f ->> 'name' AS name, f ->> 'type' AS type, place
		FROM jsonb_array_elements(v.signature) WITH ORDINALITY AS e(f, place)) AS s
	LEFT JOIN (SELECT DISTINCT ON (c.input) c.input, c.feature, c.kind, c.rows, c.missing, c.minimum, c.maximum,
			(SELECT max((x ->> 'rows')::float8) FROM jsonb_array_elements(c.bins) AS x) AS top,
			CASE WHEN c.kind = 'category' THEN (SELECT jsonb_agg(x -> 'value') FROM jsonb_array_elements(c.bins) AS x WHERE x ->> 'value' IS NOT NULL) END AS levels,
			CASE WHEN c.kind = 'category' THEN (SELECT sum((x ->> 'rows')::float8) FROM jsonb_array_elements(c.bins) AS x WHERE x ->> 'value' IS NULL) END AS others
		FROM mlops_catalog.baseline(learned_inputs.model, learned_inputs.version) AS c ORDER BY c.input, c.feature = c.input DESC) AS b ON b.input = s.name
	WHERE m.name = learned_inputs.model AND v.version = learned_inputs.version
$$;
COMMENT ON FUNCTION mlops_catalog.learned_inputs(text, int) IS 'Columns that a version reads, with what its training rows had in them';

-- The same of columns with a role; versions trained before it was recorded have types only.
CREATE FUNCTION mlops_catalog.learned_roles(model text, version int) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(c.f - 'kind' || jsonb_build_object('role', c.role, 'type', regexp_replace(c.f ->> 'type', '\(.*?\)', ''),
		'family', mlops_catalog.type_family(c.f ->> 'type')) || CASE WHEN c.role IN ('weight', 'cost') AND c.f ? 'minimum'
			THEN jsonb_build_object('lowest', c.low - (c.high - c.low) / 4, 'highest', c.high + (c.high - c.low) / 4) ELSE '{}' END ORDER BY c.place), '[]')
	FROM (SELECT o.role, e.f, e.place, (e.f ->> 'minimum')::float8 AS low, (e.f ->> 'maximum')::float8 AS high,
			row_number() OVER (PARTITION BY o.name ORDER BY e.f ? 'missing' DESC, e.place) AS nr	-- an input, too: read twice
		FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
		JOIN mlops_catalog.dataset AS d USING (dataset_id) CROSS JOIN LATERAL jsonb_array_elements(d.columns) WITH ORDINALITY AS e(f, place)
		JOIN LATERAL mlops_catalog.roles_of(r.request) AS o ON o.name = e.f ->> 'name'
		WHERE m.name = learned_roles.model AND v.version = learned_roles.version) AS c
	WHERE c.nr = 1
$$;
COMMENT ON FUNCTION mlops_catalog.learned_roles(text, int) IS 'Columns that a training read for another purpose than to be inputs, with what its rows had in them';

-- How far a share is from another one: their odds are in a ratio of more than
-- four, and chance among so many rows does not explain it.
CREATE FUNCTION mlops_catalog.is_far(share float8, from_share float8, rows float8) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT (share * (1 - from_share) > 4 * from_share * (1 - share) OR 4 * share * (1 - from_share) < from_share * (1 - share))
		AND abs(share - from_share) > 3 * sqrt(greatest(share * (1 - share), from_share * (1 - from_share)) / greatest(rows, 1))
$$;
COMMENT ON FUNCTION mlops_catalog.is_far(float8, float8, float8) IS 'Do the odds of two shares differ by more than a factor of four, and by more than chance?';

-- What is wrong with classes, weights and keys; statistics as of source_statistics_query.
CREATE FUNCTION mlops_catalog.class_problems(inputs jsonb, statistics jsonb) RETURNS SETOF text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN i ->> 'role' = 'target' AND f.positives IN (0, f.rows)
			THEN format('target "%s" has only one class: %s positives among %s rows', i ->> 'name', f.positives, f.rows)
		WHEN i ->> 'role' = 'target' AND f.fresh > 0
			THEN format('target "%s" has in %s rows values that training did not see, such as %s', i ->> 'name', f.fresh,
				concat_ws(' and ', left(statistics ->> 8, 100), nullif(left(statistics ->> 9, 100), left(statistics ->> 8, 100))))
		WHEN i ->> 'role' = 'key' AND (f.repeated > 0 AND (i ->> 'repeated')::float8 = 0 OR mlops_catalog.is_far(f.repeated / f.rows, (i ->> 'repeated')::float8, f.rows))
			THEN format('key "%s" is not unique: %s of %s rows have the key of another row, in training %s %%', i ->> 'name', f.repeated, f.rows,
				round((100 * (i ->> 'repeated')::float8)::numeric, 2))
		WHEN i ->> 'role' = 'target' AND mlops_catalog.is_far(f.positives / f.rows, (i ->> 'positives')::float8, f.rows)
			THEN format('target "%s" is positive in %s %% of the rows, in training in %s %%', i ->> 'name',
				round((100 * f.positives / f.rows)::numeric, 2), round((100 * (i ->> 'positives')::float8)::numeric, 2))
		WHEN i ->> 'role' = 'weight' AND f.unsound > 0
			THEN format('weight column "%s" has values in %s rows that are no weights: NULL, not positive, not a number or too large', i ->> 'name', f.unsound)
		WHEN i ->> 'role' = 'weight' AND f.effective < (i ->> 'effective')::float8 / 4
			THEN format('weight column "%s" puts the weight on few rows: they are worth %s %% of the rows, in training %s %%', i ->> 'name',
				round((100 * f.effective)::numeric, 2), round((100 * (i ->> 'effective')::float8)::numeric, 2))
		WHEN i ->> 'role' = 'weight' AND f.positives NOT IN (0, f.rows) AND mlops_catalog.is_far(f.positive_weight, (i ->> 'positives')::float8, f.effective * f.rows)
			THEN format('weight column "%s" puts %s %% of the weight on positives, in training %s %%', i ->> 'name',
				round((100 * f.positive_weight)::numeric, 2), round((100 * (i ->> 'positives')::float8)::numeric, 2)) END
	FROM jsonb_array_elements(inputs) AS i CROSS JOIN (SELECT (statistics ->> 0)::float8 AS rows, (statistics ->> 1)::float8 AS positives, (statistics ->> 2)::float8 AS unsound,
		(statistics ->> 3)::float8 * (statistics ->> 3)::float8 / nullif((statistics ->> 4)::float8, 0) / nullif((statistics ->> 0)::float8, 0) AS effective,
		(statistics ->> 5)::float8 / nullif((statistics ->> 3)::float8, 0) AS positive_weight, (statistics ->> 6)::float8 AS repeated, (statistics ->> 7)::float8 AS fresh) AS f
$$;
COMMENT ON FUNCTION mlops_catalog.class_problems(jsonb, jsonb) IS 'Classes, weights and keys in the rows of a query that are far from what a version learned from; NULL for what is not';

-- A column that was widened holds numbers that a version which was trained before
-- cannot read (src/ingest/from_json.c).
CREATE FUNCTION mlops_catalog.unreadable(type text, low text, high text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.value FROM (VALUES (high), (low)) AS n(value)
	WHERE n.value !~* 'inf' AND (n.value::numeric >= mlops_catalog.type_end(type) OR n.value::numeric < -mlops_catalog.type_end(type)) LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.unreadable(text, text, text) IS 'Of the least and the greatest number of a column the one that a version trained on a type cannot read; NULL: it can read both';

CREATE FUNCTION mlops_catalog.readable_rows(model text, version int, query text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('SELECT * FROM %s AS mlops_source WHERE ', mlops_catalog.subquery(query)) || string_agg(
		format('coalesce(%1$s OPERATOR(pg_catalog.=) ''NaN'' OR %1$s OPERATOR(pg_catalog.>=) %2$L AND %1$s OPERATOR(pg_catalog.<) %3$L, true)',
			format('mlops_source.%I::pg_catalog.float8', i ->> 'name'), -mlops_catalog.type_end(i ->> 'type'), mlops_catalog.type_end(i ->> 'type')), ' AND ' ORDER BY i ->> 'name')
	FROM jsonb_array_elements(mlops_catalog.learned_inputs(model, version)) AS i
	WHERE mlops_catalog.type_end(i ->> 'type') IS NOT NULL
$$;
COMMENT ON FUNCTION mlops_catalog.readable_rows(text, int, text) IS 'A query''s rows without those whose numbers a version cannot read; NULL: it can read all numbers';

-- What is wrong with rows, a line for each input.  few: these are test rows, in
-- which a rare value may be missing by chance.
CREATE FUNCTION mlops_catalog.source_problems(caller regrole, reader regrole, settings jsonb, read_by text, inputs jsonb, request jsonb, few boolean)
	RETURNS SETOF text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	statistics jsonb;
	rows float8;
	i record;
	present float8;
	missing float8;
	unknown float8;
	missing_is text;
BEGIN
	statistics := (SELECT r -> 'statistics' FROM mlops_catalog.as_role(reader, settings, mlops_catalog.source_statistics_query(read_by, inputs,
		request, CASE WHEN NOT few THEN request -> 'split' ->> 'window' END), '{}', embeds => true) AS r);
	rows := (statistics ->> 0)::float8;
	IF rows = 0 THEN
		RETURN NEXT 'there are no rows with a target';
		RETURN;
	END IF;
	FOR i IN SELECT e.f, (4 * (e.place - 1) + 10)::int AS at FROM jsonb_array_elements(inputs) WITH ORDINALITY AS e(f, place) LOOP
		present := (statistics ->> i.at)::float8;
		missing := 1 - present / rows;
		missing_is := CASE WHEN i.f ->> 'type' IN ('real', 'double precision', 'numeric') THEN 'NULL or NaN' ELSE 'NULL' END;
		unknown := (statistics ->> (i.at + 3))::float8 / nullif(present, 0) - coalesce((i.f ->> 'others')::float8, 0);
		IF present = 0 THEN
			RETURN NEXT format('column "%s" is %s in every row', i.f ->> 'name', missing_is);
		ELSIF NOT i.f ? 'role' AND i.f ->> 'family' = 'number' AND mlops_catalog.unreadable(i.f ->> 'type', statistics ->> (i.at + 1), statistics ->> (i.at + 2)) IS NOT NULL THEN
			RETURN NEXT format('column "%s" holds %s, which the version that is repeated cannot read: it was trained on %s', i.f ->> 'name',
				mlops_catalog.unreadable(i.f ->> 'type', statistics ->> (i.at + 1), statistics ->> (i.at + 2)), i.f ->> 'type');
		ELSIF i.f ->> 'role' IS DISTINCT FROM 'target' AND statistics ->> (i.at + 1) = statistics ->> (i.at + 2) AND NOT coalesce((i.f ->> 'constant')::boolean, false)
				AND (NOT few OR coalesce(least(present, 1e6) * ln(nullif((i.f ->> 'top')::float8, 0)) < ln(1e-6::float8), true)) THEN
			RETURN NEXT format('column "%s" has the same value in every row: %s', i.f ->> 'name', left(statistics ->> (i.at + 1), 100));
		ELSIF abs(missing - (i.f ->> 'missing')::float8) > 0.2 THEN
			RETURN NEXT format('column "%s" is %s in %s %% of the rows, in training in %s %%', i.f ->> 'name', missing_is,
				round((100 * missing)::numeric, 1), round((100 * (i.f ->> 'missing')::float8)::numeric, 1));
		ELSIF unknown > 0.5 THEN
			RETURN NEXT format('column "%s" has in %s %% of the rows values that training did not see: %s', i.f ->> 'name', round((100 * unknown)::numeric, 1),
				CASE WHEN i.f ? 'levels' THEN format('between %s and %s', left(statistics ->> (i.at + 1), 40), left(statistics ->> (i.at + 2), 40))
					ELSE format('%s to %s, far from %s to %s', statistics ->> (i.at + 1), statistics ->> (i.at + 2), i.f ->> 'minimum', i.f ->> 'maximum') END);
		END IF;
	END LOOP;
	RETURN QUERY SELECT c FROM mlops_catalog.class_problems(inputs, statistics) AS c WHERE c IS NOT NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.source_problems(regrole, regrole, jsonb, text, jsonb, jsonb, boolean) IS
	'Inputs of a version whose values in the rows of a query are far from what it learned from, read as a role';

-- Rows that are gone, and stray future ones, from which lengths of time count back:
-- where the gap before the newest rows is longer than all the rest, hardly any
-- row is in the later half of the time.
CREATE FUNCTION mlops_catalog.row_problems(caller regrole, settings jsonb, read_by text, inputs jsonb, request jsonb, learned_rows bigint)
	RETURNS SETOF text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at text := (SELECT i ->> 'name' FROM jsonb_array_elements(inputs) AS i
		WHERE i ->> 'name' = request ->> 'time_column' AND i ->> 'family' ~ '^(date|timestamp)' LIMIT 1);
	source text := format('(SELECT * FROM %s AS mlops_source WHERE %s)', mlops_catalog.subquery(read_by), mlops_catalog.labelled('mlops_source', inputs, request));
	found record;
BEGIN
	SELECT (r ->> 'rows')::float8 AS rows, (r ->> 'late')::float8 AS late, r ->> 'newest' AS newest INTO found
	FROM mlops_catalog.as_role(caller, settings, CASE WHEN at IS NULL THEN format('SELECT pg_catalog.count(*) AS rows FROM %s AS s', source)
		ELSE format('SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE s.%1$I OPERATOR(pg_catalog.>) (e.low OPERATOR(pg_catalog.+) ((e.high OPERATOR(pg_catalog.-) e.low) OPERATOR(pg_catalog./) 2))) AS late,
			pg_catalog.to_char(pg_catalog.max(e.high), ''YYYY-MM-DD HH24:MI:SS.US'') AS newest
			FROM %2$s AS s, (SELECT pg_catalog.min(f.%1$I) AS low, pg_catalog.max(f.%1$I) AS high FROM %2$s AS f WHERE pg_catalog.isfinite(f.%1$I)) AS e', at, source) END,
		'{}', embeds => true) AS r;
	IF found.rows > 0 AND found.rows <= learned_rows / 2.0 THEN
		RETURN NEXT format('there are %s rows, no more than half of the %s that were there', found.rows, learned_rows);
	END IF;
	IF found.late > 0 AND found.late < least(greatest(10, found.rows / 100), found.rows / 4) THEN
		RETURN NEXT format('column "%s" has in %s of %s rows a time far from all the others, up to %s', at, found.late, found.rows, found.newest);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.row_problems(regrole, jsonb, text, jsonb, jsonb, bigint) IS
	'Are most rows of a source gone, or a few of them much newer than all the others? learned_rows: how many there were, NULL: any number will do';

CREATE FUNCTION mlops_catalog.learned_rows(model text, version int) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.train_rows + d.validation_rows + d.test_rows
	FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
	JOIN mlops_catalog.dataset AS d USING (dataset_id) WHERE m.name = learned_rows.model AND v.version = learned_rows.version
$$;
COMMENT ON FUNCTION mlops_catalog.learned_rows(text, int) IS 'Rows that a version learned from or was judged on';

-- The source of a recorded training as it is now, read as a role.
CREATE FUNCTION mlops_catalog.source_now(caller regrole, settings jsonb, recorded jsonb, OUT read_by text, OUT columns jsonb, OUT temporary text) RETURNS record
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(c.read_by), jsonb_object_agg(c.name, c.type), min(c.temporary) FROM mlops_catalog.source_columns(caller, settings, (recorded ->> 'source')::regclass,
		CASE WHEN recorded ->> 'source' IS NULL THEN recorded ->> 'query' END, recorded => true) AS c
$$;
COMMENT ON FUNCTION mlops_catalog.source_now(regrole, jsonb, jsonb) IS 'The query that reads the source of a training, its columns with their types, and the name of what it reads that ends with the session';

CREATE FUNCTION mlops_catalog.check_named(option text, named jsonb, known jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unknown text := (SELECT n FROM jsonb_array_elements_text(named) AS n WHERE NOT known ? n LIMIT 1);
BEGIN
	IF unknown IS NOT NULL THEN
		RAISE EXCEPTION '"%" in "options" names "%", which is no column of the source', option, unknown
			USING ERRCODE = 'invalid_parameter_value', HINT = format('It may name: %s.', (SELECT string_agg(format('"%s"', k), ', ' ORDER BY k)
				FROM (SELECT k FROM jsonb_object_keys(known) AS k ORDER BY k LIMIT 100) AS o(k)));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_named(text, jsonb, jsonb) IS 'An error unless each name of a list in the options of a retraining is a key of known';

-- What options say of a source: learned has the inputs of the version that is
-- repeated, and its other columns.
CREATE FUNCTION mlops_catalog.check_options_of_source(options jsonb, recorded jsonb, learned jsonb, columns jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	taken record;
BEGIN
	IF options ? 'window' AND NOT recorded ? 'time_column' THEN
		RAISE EXCEPTION '"window" in "options" needs a version that was trained with "time_column"' USING ERRCODE = 'invalid_parameter_value';
	ELSIF options ? 'window' AND EXISTS (SELECT FROM jsonb_array_elements(learned) AS c
			WHERE c ->> 'name' = recorded ->> 'time_column' AND c ->> 'family' = 'number') THEN
		RAISE EXCEPTION '"window" in "options" needs times, but "time_column" "%" has numbers', recorded ->> 'time_column' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT n AS name, coalesce('is its ' || replace(r.role, '_', ' '), 'is excluded') AS reason INTO taken
		FROM jsonb_array_elements_text(CASE jsonb_typeof(options -> 'new_columns') WHEN 'array' THEN options -> 'new_columns' ELSE '[]' END) AS n
		LEFT JOIN mlops_catalog.roles_of(recorded) AS r ON r.name = n AND r.role <> 'cost'
		WHERE (r.role IS NOT NULL OR coalesce(recorded -> 'exclude', '[]') ? n)
			AND NOT EXISTS (SELECT FROM jsonb_array_elements(learned) AS c WHERE c ->> 'name' = n AND NOT c ? 'role') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '"new_columns" in "options" names "%", which the training that is repeated does not learn from: it %', taken.name, taken.reason
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name columns that the version does not know, or train again.';
	END IF;
	PERFORM mlops_catalog.check_named('accept', coalesce(options -> 'accept', '[]'), columns || '{"(rows)": "", "(threshold)": "", "(segments)": ""}'
		|| (SELECT coalesce(jsonb_object_agg(c ->> 'name', ''), '{}') FROM jsonb_array_elements(learned) AS c));
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_options_of_source(jsonb, jsonb, jsonb, jsonb) IS 'An error unless a retraining can go by its options, as far as columns are concerned';

-- Before the first night: whoever sets up a policy is still there to be told.
CREATE FUNCTION mlops_catalog.check_policy_source(caller regrole, model text, version int, settings jsonb, recorded jsonb, options jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns jsonb;
	temporary text;
BEGIN
	SELECT s.columns, s.temporary INTO columns, temporary FROM mlops_catalog.source_now(caller, settings, recorded) AS s;
	PERFORM mlops_catalog.refuse_temporary(format('the training of version %s of model "%s", which the policy repeats,', version, model), temporary);
	PERFORM mlops_catalog.check_options_of_source(options, recorded,
		coalesce(mlops_catalog.learned_inputs(model, version), '[]') || mlops_catalog.learned_roles(model, version), columns);
	IF jsonb_typeof(options -> 'new_columns') = 'array' THEN
		PERFORM mlops_catalog.check_named('new_columns', options -> 'new_columns', columns);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_policy_source(regrole, text, int, jsonb, jsonb, jsonb) IS
	'An error unless the source of a version outlives the session and has what the options of a policy name, read as who sets it up';

-- The request of a retraining: the recorded one, with the inputs of the version
-- it repeats, and what was consented to.  problems: why it must not be learned
-- from; told: what people should know.
CREATE FUNCTION mlops_catalog.prepare_retraining(caller regrole, reader regrole, model text, version int, settings jsonb, recorded jsonb, options jsonb,
	OUT request jsonb, OUT inputs jsonb, OUT problems text[], OUT told text[])
	RETURNS record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	read_by text;
	columns jsonb;
	names jsonb;
	roles jsonb := mlops_catalog.learned_roles(model, version);
	accepted jsonb := coalesce(options -> 'accept', '[]');
	consent jsonb := coalesce(options -> 'new_columns', 'false');
	new_names text[];
	wanted text[];
	split jsonb := coalesce(recorded -> 'split', '{}');
	target record;
BEGIN
	problems := '{}';
	told := '{}';
	request := recorded;
	SELECT s.read_by, s.columns INTO read_by, columns FROM mlops_catalog.source_now(reader, settings, recorded) AS s;
	inputs := coalesce(mlops_catalog.learned_inputs(model, version), '[]');
	names := (SELECT jsonb_agg(f ->> 'name') FROM jsonb_array_elements(inputs) AS f);

	-- columns that are gone, or are something else now
	problems := problems || ARRAY(SELECT format('column "%s" is missing', n.name)
		FROM (SELECT f ->> 'name', 1 FROM jsonb_array_elements(inputs) AS f
			UNION SELECT r.name, 2 FROM mlops_catalog.roles_of(recorded) AS r) AS n(name, place)
		WHERE NOT columns ? n.name ORDER BY n.place, n.name);
	problems := problems || ARRAY(SELECT format('column "%s" has type %s, not %s', f ->> 'name', columns ->> (f ->> 'name'), f ->> 'type')
		FROM jsonb_array_elements(inputs || roles) AS f
		WHERE columns ? (f ->> 'name') AND mlops_catalog.type_family(columns ->> (f ->> 'name')) <> f ->> 'family' AND NOT accepted ? (f ->> 'name')
		ORDER BY 1);

	FOR target IN SELECT t.* FROM jsonb_array_elements(roles) AS f CROSS JOIN LATERAL mlops_catalog.with_target_as(request, f, columns ->> (f ->> 'name')) AS t
			WHERE f ->> 'role' = 'target' AND recorded ? 'positive' AND accepted ? (f ->> 'name') AND mlops_catalog.type_family(columns ->> (f ->> 'name')) <> f ->> 'family' LOOP
		request := target.changed;
		problems := array_remove(problems || target.problem, NULL);
		told := array_remove(told || target.told, NULL);
	END LOOP;

	-- columns there are beside them
	new_names := ARRAY(SELECT c FROM jsonb_object_keys(columns) AS c
		WHERE NOT names ? c AND NOT coalesce(recorded -> 'exclude', '[]') ? c AND c <> ALL (ARRAY(SELECT r.name
			FROM mlops_catalog.roles_of(recorded) AS r WHERE r.role <> 'cost')) ORDER BY c);
	IF jsonb_typeof(consent) = 'array' THEN
		problems := problems || ARRAY(SELECT format('column "%s", asked for as a new one, is missing', c)
			FROM jsonb_array_elements_text(consent) AS c WHERE NOT columns ? c);
		wanted := ARRAY(SELECT c FROM unnest(new_names) AS c WHERE consent ? c);
	ELSE
		wanted := CASE WHEN consent = 'true' THEN new_names ELSE '{}' END;
	END IF;
	request := request || jsonb_build_object('features', names || to_jsonb(wanted));
	IF recorded ? 'exclude' THEN	-- an excluded column that is gone is no trouble
		request := request || jsonb_build_object('exclude', (SELECT coalesce(jsonb_agg(DISTINCT c), '[]') FROM jsonb_array_elements_text(recorded -> 'exclude') AS c
			WHERE columns ? c));
	END IF;
	IF wanted <> '{}' THEN
		told := told || format('new columns were read, as asked for: %s', array_to_string(wanted, ', '));
	END IF;
	new_names := ARRAY(SELECT c FROM unnest(new_names) AS c WHERE c <> ALL (wanted));
	IF new_names <> '{}' AND (NOT recorded ? 'features' OR recorded ? 'repeats') THEN
		told := told || format('columns that version %s does not read were not read: %s', version, array_to_string(new_names, ', '));
	END IF;
	IF NOT recorded ? 'features' OR recorded ? 'repeats' THEN
		request := request || jsonb_build_object('repeats', version);
	END IF;

	-- which rows
	PERFORM mlops_catalog.check_options_of_source(options, recorded, inputs || roles, columns);
	IF options ? 'window' THEN
		split := split || jsonb_build_object('window', options -> 'window');
	END IF;
	IF coalesce((options ->> 'refit')::boolean, NOT split ? 'refit') THEN
		split := split || '{"refit": true}';
	ELSIF options ? 'refit' THEN
		split := split || '{"refit": false}';
	END IF;
	request := request || jsonb_build_object('split', split);
	IF split ?| '{validation_from,test_from,test_to}' THEN
		told := told || format('the dates of its split are fixed, rows after them are never learned from: %s',
			(SELECT string_agg(format('%s %s', k, split ->> k), ', ' ORDER BY split ->> k)
				FROM unnest('{validation_from,test_from,test_to}'::text[]) AS k WHERE split ? k));
	END IF;
	inputs := (SELECT coalesce(jsonb_agg(f ORDER BY place), '[]') FROM jsonb_array_elements(inputs || roles) WITH ORDINALITY AS e(f, place)
		WHERE NOT accepted ? (f ->> 'name'));
	told := told || ARRAY(SELECT CASE f ->> 'role' WHEN 'key' THEN format('version %s does not record whether key "%s" was unique: rows of one key were not looked for', version, f ->> 'name')
			ELSE format('version %s does not record which values target "%s" had: new ones were not looked for', version, f ->> 'name') END
		FROM jsonb_array_elements(inputs) AS f WHERE f ->> 'role' = 'key' AND NOT f ? 'repeated' OR f ->> 'role' = 'target' AND recorded ? 'positive' AND NOT f ? 'values');
	IF problems = '{}' THEN
		problems := ARRAY(SELECT mlops_catalog.source_problems(caller, reader, settings, read_by, inputs, request, false));
		problems := problems || ARRAY(SELECT mlops_catalog.row_problems(reader, settings, read_by, inputs, request,
			CASE WHEN NOT (accepted ? '(rows)' OR split ? 'window') THEN mlops_catalog.learned_rows(model, version) END));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.prepare_retraining(regrole, regrole, text, int, jsonb, jsonb, jsonb) IS
	'What a retraining asks of mlops.train, and what is wrong with its source';

-- ---- what is never deployed by itself

-- Share of the test rows that a version flags with another threshold than its
-- own; where they cannot be read again, by the bins of its scores.
CREATE FUNCTION mlops_catalog.flagged_share(caller regrole, settings jsonb, model text, version int, rows_read text, threshold float8) RETURNS float8
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF rows_read IS NOT NULL THEN
		RETURN (SELECT (r ->> 'alert_rate')::float8 FROM mlops_catalog.as_role(caller, settings,
			'SELECT e.alert_rate FROM mlops.evaluate($1 OPERATOR(pg_catalog.->>) ''version'', query => $1 OPERATOR(pg_catalog.->>) ''query'', threshold => ($1 OPERATOR(pg_catalog.->>) ''threshold'')::pg_catalog.float8) AS e',
			jsonb_build_object('version', format('%s/%s', model, version), 'query', rows_read, 'threshold', threshold)) AS r);
	END IF;
	RETURN (SELECT sum(b.n * least(greatest(b.place - threshold * 64, 0), 1)) / nullif(sum(b.n), 0)
		FROM unnest(mlops_catalog.score_baseline(model, version)) WITH ORDINALITY AS b(n, place));
END
$$;
COMMENT ON FUNCTION mlops_catalog.flagged_share(regrole, jsonb, text, int, text, float8) IS 'Share of its test rows that a version flags with a threshold, read as a role';

-- With so few rows of a class no metric of the test rows means much.
CREATE FUNCTION mlops_catalog.fewest_test_rows() RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT 10::float8 $$;
COMMENT ON FUNCTION mlops_catalog.fewest_test_rows() IS 'Test rows of each class without which no version is deployed by itself';

-- Three standard deviations of the ROC AUC of a score that knows nothing (that of
-- the Mann-Whitney statistic).
CREATE FUNCTION mlops_catalog.auc_chance(positives float8, rows float8) RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT 3 * sqrt((rows + 1) / (12 * nullif(positives * (rows - positives), 0))) $$;
COMMENT ON FUNCTION mlops_catalog.auc_chance(float8, float8) IS 'How far from 0.5 a ROC AUC is by chance among so many rows';

-- The test rows by the version that the new one repeats: values that are not
-- where it learned from, and labels that are the opposite of what it says.  It
-- may not be able to read columns whose change was accepted: then it is not asked.
CREATE FUNCTION mlops_catalog.against_base(caller regrole, settings jsonb, model text, version int, inputs jsonb, rows_read text, OUT shorts text[], OUT told text[])
	RETURNS record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	arguments jsonb := jsonb_build_object('model', model, 'version', version, 'query', rows_read, 'named', format('%s/%s', model, version));
	evaluation text := 'SELECT e.rows, e.positives, e.roc_auc FROM mlops.evaluate($1 OPERATOR(pg_catalog.->>) ''named'', query => $1 OPERATOR(pg_catalog.->>) ''query'') AS e';
	judged jsonb;
	readable text;
BEGIN
	told := '{}';
	shorts := ARRAY(SELECT format('test rows: column "%s" is far from what version %s learned from: total_variation %s', r ->> 'feature', version,
			round((r ->> 'statistic')::numeric, 2))
		FROM mlops_catalog.as_role(caller, settings,
			'SELECT d.feature, d.statistic, d.kind, d.drifted FROM mlops.check_drift($1 OPERATOR(pg_catalog.->>) ''model'', query => $1 OPERATOR(pg_catalog.->>) ''query'',
				version => ($1 OPERATOR(pg_catalog.->>) ''version'')::pg_catalog.int4, statistics => ''{total_variation}'') AS d', arguments) AS r
		WHERE r ->> 'kind' IN ('number', 'category') AND r -> 'drifted' = 'true' AND (r ->> 'statistic')::float8 >= 0.4
			AND EXISTS (SELECT FROM jsonb_array_elements(inputs) AS i WHERE NOT i ? 'role' AND i ->> 'name' = r ->> 'feature'));
	IF NOT EXISTS (SELECT FROM jsonb_array_elements(inputs) AS i WHERE i ->> 'role' = 'target') THEN
		RETURN;
	END IF;
	BEGIN
		judged := (SELECT r FROM mlops_catalog.as_role(caller, settings, evaluation, arguments) AS r);
	EXCEPTION WHEN data_exception THEN
		readable := mlops_catalog.readable_rows(model, version, rows_read);
		IF readable IS NULL THEN
			RAISE;
		END IF;
		judged := (SELECT r FROM mlops_catalog.as_role(caller, settings, evaluation, arguments || jsonb_build_object('query', readable)) AS r);
		told := ARRAY[format('version %s was compared on %s test rows, the others hold numbers that it cannot read: %s', version, judged ->> 'rows', SQLERRM)];
	END;
	shorts := shorts || ARRAY(SELECT format('test rows: version %s has roc_auc %s on them, the target means the opposite', version, round((judged ->> 'roc_auc')::numeric, 4))
		WHERE (judged ->> 'roc_auc')::float8 < 0.5 - mlops_catalog.auc_chance((judged ->> 'positives')::float8, (judged ->> 'rows')::float8));
EXCEPTION WHEN data_exception OR datatype_mismatch THEN
	IF mlops_catalog.learned_inputs(model, version) <@ inputs THEN
		shorts := ARRAY[format('test rows: version %s cannot read them: %s', version, SQLERRM)];
	ELSE
		told := ARRAY[format('version %s was not compared on the test rows, which it cannot read: %s', version, SQLERRM)];
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.against_base(regrole, jsonb, text, int, jsonb, text) IS
	'What is wrong with the test rows of a new version by the one that it repeats, read as a role, and what people should know';

-- All by the version that would answer, after it learned from everything (refit),
-- and by its threshold, which was chosen before.
CREATE FUNCTION mlops_catalog.deployment_shortfall(model text, version int, flagged float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN f.no_test IS NOT NULL THEN f.no_test
		WHEN f.positives < f.fewest OR f.rows - f.positives < f.fewest
			THEN format('its %s test rows have %s positives, at least %s rows of each class are needed', f.rows, f.positives, f.fewest)
		WHEN f.roc_auc IS NULL OR f.alert_rate IS NULL THEN 'its roc_auc or alert_rate on the test rows is not defined'
		WHEN coalesce(deployment_shortfall.flagged, f.alert_rate) = 0 THEN format('it flags none of its %s test rows', f.rows)
		WHEN coalesce(deployment_shortfall.flagged, f.alert_rate) = 1 THEN format('it flags all of its %s test rows', f.rows)
		WHEN deployment_shortfall.flagged IS NULL AND NOT coalesce(f.policy ?| '{alert_rate,max_fpr,min_recall,cost,value}', false) AND f.alert_rate > 0.5 AND mlops_catalog.is_far(f.alert_rate, f.positives / f.rows, f.rows)
			THEN format('it flags %s %% of its test rows, %s %% are positive', round((100 * f.alert_rate)::numeric, 1), round((100 * f.positives / f.rows)::numeric, 1))
		WHEN deployment_shortfall.flagged IS NULL AND f.false_alarms > 0.9 THEN format('it flags %s %% of its negative test rows', round((100 * f.false_alarms)::numeric, 1))
		WHEN f.policy ? 'alert_rate' AND (f.alert_rate > 2 * f.asked AND f.alert_rate - f.asked > f.error
				OR f.alert_rate < f.asked / 4 AND f.asked - f.alert_rate > f.error)
			THEN format('alert_rate is %s on its test rows, %s was asked for', round(f.alert_rate::numeric, 4), f.asked)
		WHEN f.policy ? 'max_fpr' AND f.false_alarms > 2 * f.asked AND f.false_alarms - f.asked > 3 * sqrt(f.asked * (1 - f.asked) / greatest(f.rows - f.positives, 1))
			THEN format('false_positive_rate is %s on its test rows, at most %s was asked for', round(f.false_alarms::numeric, 4), f.asked)
		WHEN f.policy ? 'min_precision' AND f."precision" < f.asked - greatest(0.1, 2 * sqrt(f.asked * (1 - f.asked) / greatest(f.alert_rate * f.rows, 1)))
			THEN format('precision is %s on its test rows, at least %s was asked for', round(f."precision"::numeric, 4), f.asked)
		WHEN f.policy ? 'min_recall' AND f.recall < f.asked - greatest(0.1, 2 * sqrt(f.asked * (1 - f.asked) / greatest(f.positives, 1)))
			THEN format('recall is %s on its test rows, at least %s was asked for', round(f.recall::numeric, 4), f.asked)
		WHEN f.policy ?| '{max,cost}' AND mlops_catalog.is_far(f.alert_rate, f.chosen_at, f.rows)
			THEN format('alert_rate is %s on its test rows, %s on the rows that its threshold was chosen on', round(f.alert_rate::numeric, 4), round(f.chosen_at::numeric, 4))
		WHEN f.roc_auc < 0.5 + f.chance
			THEN format('roc_auc is %s on its test rows, up to %s is no more than chance', round(f.roc_auc::numeric, 4), round((0.5 + f.chance)::numeric, 4)) END
		|| coalesce(' (' || f.shortfall || ')', '')
	FROM (SELECT CASE WHEN deployment_shortfall.flagged IS NULL THEN r.request -> 'threshold' END AS policy, mlops_catalog.without_test_rows(v.metrics) AS no_test, mlops_catalog.number_of(v.metrics, 'rows') AS rows,
			mlops_catalog.number_of(v.metrics, 'positives') AS positives, mlops_catalog.number_of(v.metrics, 'alert_rate') AS alert_rate,
			mlops_catalog.number_of(v.metrics, 'precision') AS "precision", mlops_catalog.number_of(v.metrics, 'recall') AS recall,
			mlops_catalog.number_of(v.metrics, 'false_positive_rate') AS false_alarms, mlops_catalog.number_of(v.metrics, 'roc_auc') AS roc_auc,
			mlops_catalog.auc_chance(mlops_catalog.number_of(v.metrics, 'positives'), mlops_catalog.number_of(v.metrics, 'rows')) AS chance, mlops_catalog.fewest_test_rows() AS fewest,
			v.metrics ->> 'threshold_shortfall' AS shortfall, a.asked,
			3 * sqrt(a.asked * (1 - a.asked) / greatest(mlops_catalog.number_of(v.metrics, 'rows'), 1)) AS error,
			(SELECT g.value FROM mlops_catalog.run_metric AS g WHERE g.run_id = r.run_id AND g.name IN ('validation_alert_rate', 'train_alert_rate') LIMIT 1) AS chosen_at
		FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
		CROSS JOIN LATERAL (SELECT coalesce(r.request -> 'threshold' ->> 'alert_rate', r.request -> 'threshold' ->> 'max_fpr', r.request -> 'threshold' ->> 'min_precision',
			r.request -> 'threshold' ->> 'min_recall')::float8 AS asked) AS a
		WHERE m.name = deployment_shortfall.model AND v.version = deployment_shortfall.version) AS f
$$;
COMMENT ON FUNCTION mlops_catalog.deployment_shortfall(text, int, float8) IS
	'Why a version must not be deployed by itself: its test rows are too few, or, of them, it flags nothing, everything or what is far from what its threshold was chosen for; NULL if it may. The share flagged, if not with its own threshold';
