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

-- A query for one row with an array of texts: rows, then four values an input:
-- rows with a value, least and greatest value, values outside of what was learned.
CREATE FUNCTION mlops_catalog.source_figures_query(read_by text, inputs jsonb, target name, time_column name, recent text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('SELECT ARRAY[pg_catalog.count(*)::pg_catalog.text%s] AS figures FROM %s AS mlops_source WHERE mlops_source.%I IS NOT NULL%s',
		(SELECT string_agg(format(', pg_catalog.count(%1$s)::pg_catalog.text, %2$s, %3$s', c.value, c.extremes, c.outside), '' ORDER BY c.place)
			FROM (SELECT i.place, v.value,
				CASE WHEN i.input ->> 'family' = 'number'
					THEN format('pg_catalog.min(%1$s)::pg_catalog.text, pg_catalog.max(%1$s)::pg_catalog.text', v.value)
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
				CROSS JOIN LATERAL (SELECT format('mlops_source.%I', i.input ->> 'name') AS value) AS v) AS c),
		mlops_catalog.subquery(read_by), target,
		CASE WHEN recent IS NOT NULL THEN format(' AND mlops_source.%1$I OPERATOR(pg_catalog.>=) ((SELECT pg_catalog.max(mlops_newest.%1$I) FROM %2$s AS mlops_newest WHERE mlops_newest.%3$I IS NOT NULL) OPERATOR(pg_catalog.-) %4$L::pg_catalog.interval)',
			time_column, mlops_catalog.subquery(read_by), target, recent) ELSE '' END)
$$;
COMMENT ON FUNCTION mlops_catalog.source_figures_query(text, jsonb, name, name, text) IS
	'Query that looks once at the rows of a source: how many values each input has, and how many of them a version never learned from';

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
	LEFT JOIN LATERAL (SELECT c.feature, c.kind, c.rows, c.missing, c.minimum, c.maximum,
			(SELECT max((x ->> 'rows')::float8) FROM jsonb_array_elements(c.bins) AS x) AS top,
			CASE WHEN c.kind = 'category' THEN (SELECT jsonb_agg(x -> 'value') FROM jsonb_array_elements(c.bins) AS x WHERE x ->> 'value' IS NOT NULL) END AS levels,
			CASE WHEN c.kind = 'category' THEN (SELECT sum((x ->> 'rows')::float8) FROM jsonb_array_elements(c.bins) AS x WHERE x ->> 'value' IS NULL) END AS others
		FROM mlops_catalog.baseline($1, $2) AS c WHERE c.input = s.name ORDER BY c.feature = s.name DESC LIMIT 1) AS b ON true
	WHERE m.name = $1 AND v.version = $2
$$;
COMMENT ON FUNCTION mlops_catalog.learned_inputs(text, int) IS 'Columns that a version reads, with what its training rows had in them';

-- What is wrong with rows, a line for each input.  few: these are test rows, in
-- which a rare value may be missing by chance.
CREATE FUNCTION mlops_catalog.source_problems(caller regrole, reader regrole, settings jsonb, read_by text, inputs jsonb, request jsonb, few boolean)
	RETURNS SETOF text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	figures jsonb;
	rows float8;
	i record;
	present float8;
	missing float8;
	unknown float8;
BEGIN
	figures := (SELECT r -> 'figures' FROM mlops_catalog.as_role(reader, settings, mlops_catalog.source_figures_query(read_by, inputs,
		(request ->> 'target')::name, (request ->> 'time_column')::name, CASE WHEN NOT few THEN request -> 'split' ->> 'window' END), '{}', embeds => true) AS r);
	rows := (figures ->> 0)::float8;
	IF rows = 0 THEN
		RETURN NEXT 'there are no rows with a target';
		RETURN;
	END IF;
	FOR i IN SELECT e.f, (4 * (e.place - 1) + 1)::int AS at FROM jsonb_array_elements(inputs) WITH ORDINALITY AS e(f, place) LOOP
		present := (figures ->> i.at)::float8;
		missing := 1 - present / rows;
		unknown := (figures ->> (i.at + 3))::float8 / nullif(present, 0) - coalesce((i.f ->> 'others')::float8, 0);
		IF present = 0 THEN
			RETURN NEXT format('column "%s" is NULL in every row', i.f ->> 'name');
		ELSIF figures ->> (i.at + 1) = figures ->> (i.at + 2) AND NOT coalesce((i.f ->> 'constant')::boolean, false)
				AND (NOT few OR coalesce(least(present, 1e6) * ln(nullif((i.f ->> 'top')::float8, 0)) < ln(1e-6::float8), true)) THEN
			RETURN NEXT format('column "%s" has the same value in every row: %s', i.f ->> 'name', left(figures ->> (i.at + 1), 100));
		ELSIF abs(missing - (i.f ->> 'missing')::float8) > 0.2 THEN
			RETURN NEXT format('column "%s" is NULL in %s %% of the rows, when learned from in %s %%', i.f ->> 'name',
				round((100 * missing)::numeric, 1), round((100 * (i.f ->> 'missing')::float8)::numeric, 1));
		ELSIF unknown > 0.5 THEN
			RETURN NEXT format('column "%s" has in %s %% of the rows values that were not learned from: %s', i.f ->> 'name', round((100 * unknown)::numeric, 1),
				CASE WHEN i.f ? 'levels' THEN format('between %s and %s', left(figures ->> (i.at + 1), 40), left(figures ->> (i.at + 2), 40))
					ELSE format('%s to %s, far from %s to %s', figures ->> (i.at + 1), figures ->> (i.at + 2), i.f ->> 'minimum', i.f ->> 'maximum') END);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.source_problems(regrole, regrole, jsonb, text, jsonb, jsonb, boolean) IS
	'Inputs of a version whose values in the rows of a query are far from what it learned from, read as a role';

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
	accepted jsonb := coalesce(options -> 'accept', '[]');
	consent jsonb := coalesce(options -> 'new_columns', 'false');
	new_names text[];
	wanted text[];
	split jsonb := coalesce(recorded -> 'split', '{}');
BEGIN
	problems := '{}';
	told := '{}';
	request := recorded;
	SELECT min(c.read_by), jsonb_object_agg(c.name, c.type) INTO read_by, columns
		FROM mlops_catalog.source_columns(reader, settings, (recorded ->> 'source')::regclass,
			CASE WHEN recorded ->> 'source' IS NULL THEN recorded ->> 'query' END, recorded => true) AS c;
	inputs := coalesce(mlops_catalog.learned_inputs(model, version), '[]');
	names := (SELECT jsonb_agg(f ->> 'name') FROM jsonb_array_elements(inputs) AS f);

	-- columns that are gone, or are something else now
	problems := problems || ARRAY(SELECT format('column "%s" is missing', n.name)
		FROM (SELECT f ->> 'name', 1 FROM jsonb_array_elements(inputs) AS f
			UNION SELECT recorded ->> k, 2 FROM unnest('{target,key,time_column,weight}'::text[]) AS k) AS n(name, place)
		WHERE n.name IS NOT NULL AND NOT columns ? n.name ORDER BY n.place, n.name);
	problems := problems || ARRAY(SELECT format('column "%s" has type %s, not %s', f ->> 'name', columns ->> (f ->> 'name'), f ->> 'type')
		FROM jsonb_array_elements(inputs) AS f
		WHERE columns ? (f ->> 'name') AND mlops_catalog.type_family(columns ->> (f ->> 'name')) <> f ->> 'family' AND NOT accepted ? (f ->> 'name')
		ORDER BY 1);

	-- columns there are beside them
	new_names := ARRAY(SELECT c FROM jsonb_object_keys(columns) AS c
		WHERE NOT names ? c AND NOT coalesce(recorded -> 'exclude', '[]') ? c AND c <> ALL (ARRAY(SELECT recorded ->> k
			FROM unnest('{target,key,time_column,weight}'::text[]) AS k WHERE recorded ->> k IS NOT NULL))
			AND c IS DISTINCT FROM split ->> 'fold' ORDER BY c);
	IF jsonb_typeof(consent) = 'array' THEN
		problems := problems || ARRAY(SELECT format('column "%s", asked for as a new one, is missing', c)
			FROM jsonb_array_elements_text(consent) AS c WHERE NOT columns ? c);
		wanted := ARRAY(SELECT c FROM unnest(new_names) AS c WHERE consent ? c);
	ELSE
		wanted := CASE WHEN consent = 'true' THEN new_names ELSE '{}' END;
	END IF;
	request := request || jsonb_build_object('features', names || to_jsonb(wanted));
	IF recorded ? 'exclude' THEN	-- an excluded column that is gone is no trouble
		request := request || jsonb_build_object('exclude', (SELECT coalesce(jsonb_agg(c), '[]') FROM jsonb_array_elements_text(recorded -> 'exclude') AS c
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
	inputs := (SELECT coalesce(jsonb_agg(f ORDER BY place), '[]') FROM jsonb_array_elements(inputs) WITH ORDINALITY AS e(f, place)
		WHERE NOT accepted ? (f ->> 'name'));
	IF problems = '{}' THEN
		problems := ARRAY(SELECT mlops_catalog.source_problems(caller, reader, settings, read_by, inputs, request, false));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.prepare_retraining(regrole, regrole, text, int, jsonb, jsonb, jsonb) IS
	'What a retraining asks of mlops.train, and what is wrong with its source';

-- ---- what is never deployed by itself

CREATE FUNCTION mlops_catalog.threshold_shortfall(model text, version int, threshold float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN (CASE WHEN $3 IS NULL THEN f.alert_rate = 0
				ELSE (SELECT coalesce(sum(b.n) FILTER (WHERE b.place / 64.0::float8 > $3), 0) = 0
					FROM unnest(mlops_catalog.score_baseline($1, $2)) WITH ORDINALITY AS b(n, place)) END)
			THEN format('it flags none of its %s %s rows', f.rows, f.part)
		WHEN $3 IS NOT NULL THEN NULL
		WHEN f.policy ? 'alert_rate' AND (f.alert_rate > 2 * f.asked AND f.alert_rate - f.asked > f.error
				OR f.alert_rate < f.asked / 4 AND f.asked - f.alert_rate > f.error)
			THEN format('alert_rate is %s on its %s rows, %s was asked for', round(f.alert_rate::numeric, 4), f.part, f.asked)
		WHEN f.policy ? 'min_precision' AND f."precision" < f.asked - greatest(0.1, 2 * sqrt(f.asked * (1 - f.asked) / greatest(f.alert_rate * f.rows, 1)))
			THEN format('precision is %s on its %s rows, at least %s was asked for', round(f."precision"::numeric, 4), f.part, f.asked)
		WHEN f.policy ? 'min_recall' AND f.recall < f.asked - greatest(0.1, 2 * sqrt(f.asked * (1 - f.asked) / greatest(f.positives, 1)))
			THEN format('recall is %s on its %s rows, at least %s was asked for', round(f.recall::numeric, 4), f.part, f.asked) END
		|| coalesce(' (' || f.shortfall || ')', '')
	FROM (SELECT r.request -> 'threshold' AS policy, v.metrics ->> 'judged_on' AS part, mlops_catalog.number_of(v.metrics, 'rows') AS rows,
			mlops_catalog.number_of(v.metrics, 'positives') AS positives, mlops_catalog.number_of(v.metrics, 'alert_rate') AS alert_rate,
			mlops_catalog.number_of(v.metrics, 'precision') AS "precision", mlops_catalog.number_of(v.metrics, 'recall') AS recall,
			v.metrics ->> 'threshold_shortfall' AS shortfall, a.asked,
			3 * sqrt(a.asked * (1 - a.asked) / greatest(mlops_catalog.number_of(v.metrics, 'rows'), 1)) AS error
		FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id) JOIN mlops_catalog.run AS r USING (run_id)
		CROSS JOIN LATERAL (SELECT coalesce(r.request -> 'threshold' ->> 'alert_rate', r.request -> 'threshold' ->> 'min_precision',
			r.request -> 'threshold' ->> 'min_recall')::float8 AS asked) AS a
		WHERE m.name = $1 AND v.version = $2) AS f
$$;
COMMENT ON FUNCTION mlops_catalog.threshold_shortfall(text, int, float8) IS
	'Why a version must not be deployed by itself: with its threshold, or the given one, it flags nothing or is far from what the threshold was chosen for; NULL if it may';
