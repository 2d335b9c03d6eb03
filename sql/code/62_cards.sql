-- What an auditor asks for: the card of a version, and why a decision was made.

-- Text of whoever wrote it is shown as it is: none of it is HTML or Markdown.
CREATE FUNCTION mlops_catalog.plain(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT replace(replace(regexp_replace(value, '([][\\`*~])', '\\\1', 'g'), '&', '&amp;'), '<', '&lt;') $$;
COMMENT ON FUNCTION mlops_catalog.plain(text) IS 'Text within a line of Markdown, none of it HTML, code, emphasis or a link';

CREATE FUNCTION mlops_catalog.cell(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(replace(mlops_catalog.plain(regexp_replace(value, '\s+', ' ', 'g')), '|', '\|'), '') $$;
COMMENT ON FUNCTION mlops_catalog.cell(text) IS 'Text for a cell of a table or for a heading of Markdown, as plain has it';

-- Lines stay lines, but none begins a heading, list, quotation, rule, table or block of code.
CREATE FUNCTION mlops_catalog.prose(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(mlops_catalog.plain(translate(value, E'\r\x0b\f', E'\n\n\n')),
		'^[ \t]+', '', 'gn'), '^([-#>+=|:_])', '\\\1', 'gn'), '^(\d+)([.)])', '\1\\\2', 'gn')
$$;
COMMENT ON FUNCTION mlops_catalog.prose(text) IS 'Text for paragraphs of Markdown, as plain has it';

CREATE FUNCTION mlops_catalog.code(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN value ~ '[`<]' THEN mlops_catalog.cell(value) ELSE '`' || regexp_replace(value, '\s+', ' ', 'g') || '`' END
$$;
COMMENT ON FUNCTION mlops_catalog.code(text) IS 'Text as a piece of code in Markdown, unless it could end that';

CREATE FUNCTION mlops_catalog.number_text(value float8) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN value IS NULL THEN '' WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN value::text
	ELSE trim_scale(round(value::numeric, greatest(0, 4 - CASE WHEN value = 0 THEN 0 ELSE floor(log(abs(value::numeric)))::int END)))::text END $$;
COMMENT ON FUNCTION mlops_catalog.number_text(float8) IS 'A number with five significant digits';

-- mlops.explain_table as a role.
CREATE FUNCTION mlops_catalog.explain_on(caller regrole, reference text, query text, settings jsonb)
	RETURNS TABLE (rank int, feature text, importance float8, share float8, rows bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 30
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT (r ->> 'rank')::int, r ->> 'feature', (r ->> 'importance')::float8, (r ->> 'share')::float8, (r ->> 'rows')::bigint
	FROM mlops_catalog.as_role(caller, settings,
		'SELECT * FROM mlops.explain_table($1 OPERATOR(pg_catalog.->>) ''reference'', query => $1 OPERATOR(pg_catalog.->>) ''query'')',
		jsonb_build_object('reference', reference, 'query', query)) AS r
$$;
COMMENT ON FUNCTION mlops_catalog.explain_on(regrole, text, text, jsonb) IS 'mlops.explain_table as a role';

-- Importance on the card: by contributions where reader, who asks, can read the
-- rows and they are not too many to do so in passing; by gain.
CREATE FUNCTION mlops_catalog.importance_section(model text, version int, reader regrole, query text, judged boolean, settings jsonb, rows bigint) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	on_rows text := CASE WHEN importance_section.judged THEN 'the test rows' ELSE 'the rows of the data set' END;
	part text;
	section text := '';
BEGIN
	IF importance_section.rows > 1000000 THEN
		section := format(E'\n%s shows the mean contribution of each column; the data set is too large to read for a card.\n',
			mlops_catalog.code(format('SELECT * FROM mlops.explain_table(%L, ...)', format('%s/%s', importance_section.model, importance_section.version))));
	ELSIF importance_section.query IS NOT NULL AND NOT mlops_catalog.may(importance_section.reader, importance_section.model, 'score') THEN
		section := format(E'\nThe mean contribution of each column is left out: it requires the privilege `score`, which role %s does not have (%s).\n',
			mlops_catalog.cell(mlops_catalog.role_text(importance_section.reader)), mlops_catalog.code(format('SELECT * FROM mlops.grant(%L, %L, ''score'')', importance_section.model, mlops_catalog.role_text(importance_section.reader))));
	ELSIF importance_section.query IS NOT NULL THEN
		BEGIN
			SELECT format(E'\nMean size of what a column contributed to the log odds (mean |SHAP value|), on %s of %s.\n\n| column | contribution | share, %% |\n|---|---|---|\n%s',
					min(e.rows), on_rows, string_agg(format(E'| %s | %s | %s |\n', mlops_catalog.cell(e.feature), mlops_catalog.number_text(e.importance),
						mlops_catalog.number_text(100 * e.share)), '' ORDER BY e.rank))
				INTO part FROM mlops_catalog.explain_on(importance_section.reader, format('%s/%s', importance_section.model, importance_section.version), importance_section.query, importance_section.settings) AS e WHERE e.rank <= 20 HAVING count(*) > 0;
			section := coalesce(part, '');
		EXCEPTION WHEN undefined_object OR undefined_table OR undefined_column OR undefined_function OR datatype_mismatch
				OR data_exception OR insufficient_privilege THEN
			section := format(E'\nContributions could not be computed: %s.\n', mlops_catalog.cell(SQLERRM));
		END;
	END IF;
	SELECT string_agg(format(E'| %s | %s | %s |\n', mlops_catalog.cell(f.feature), mlops_catalog.number_text(100 * f.share), f.splits), '' ORDER BY f.gain DESC, f.feature)
		INTO part FROM (SELECT i.*, i.gain / nullif(sum(i.gain) OVER (), 0) AS share FROM mlops_catalog.feature_importance(importance_section.model, importance_section.version) AS i ORDER BY i.gain DESC, i.feature LIMIT 20) AS f;
	section := section || coalesce(E'\nShare of the loss that the splits on a feature took away in training (gain).\n\n| feature | share of gain, % | splits |\n|---|---|---|\n' || part, '');
	RETURN CASE WHEN section = '' THEN '' ELSE E'\n## Importance\n' || section END;
END
$$;
COMMENT ON FUNCTION mlops_catalog.importance_section(text, int, regrole, text, boolean, jsonb, bigint) IS 'Section of a model card: what columns contribute on average, and the gain of features';

CREATE FUNCTION mlops_catalog.data_section(dataset_id bigint, note text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT E'\n## Data\n\n' || coalesce((SELECT
		E'| | |\n|---|---|\n' || (SELECT string_agg(format(E'| %s | %s |\n', i.name, mlops_catalog.cell(i.value)), '' ORDER BY i.place)
			FROM (VALUES (1, 'source', coalesce(d.source, d.query)),
				(2, 'tables', (SELECT string_agg(format('%s (%s)', t ->> 'table', t ->> 'kind'), ', ') FROM jsonb_array_elements(d.tables) AS t)),
				(3, 'rows', format('%s, of which %s positive (%s %%)', d.rows, d.positives, mlops_catalog.number_text(100.0 * d.positives / nullif(d.rows - d.unlabelled, 0)))),
				(4, 'unlabelled rows, left out', nullif(d.unlabelled, 0)::text),
				(5, 'training, validation, test', format('%s, %s, %s', d.train_rows, d.validation_rows, d.test_rows)),
				(6, 'time', format('%s to %s (%s)', d.time_from, d.time_to, d.time_zone)),
				(7, 'content hash', d.content_hash)) AS i(place, name, value)
			WHERE i.value IS NOT NULL AND NOT (i.place = 6 AND d.time_from IS NULL))
		FROM mlops_catalog.dataset AS d WHERE d.dataset_id = data_section.dataset_id), format(E'%s.\n', coalesce(mlops_catalog.prose(data_section.note), 'Not recorded')))
$$;
COMMENT ON FUNCTION mlops_catalog.data_section(bigint, text) IS 'Section of a model card: what a version learned from';

-- The test rows are read again from the source, which may hold others by now.
CREATE FUNCTION mlops_catalog.other_rows(recorded jsonb, measured jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('The test rows are not what they were: %s with %s positives when the version was judged, %s with %s now%s.',
		r.rows, r.positives, m.rows, m.positives, CASE WHEN r.rows = m.rows AND r.positives = m.positives THEN ', with other values' ELSE '' END)
	FROM (SELECT mlops_catalog.number_of(recorded, 'rows'), mlops_catalog.number_of(recorded, 'positives'), mlops_catalog.number_of(recorded, 'pr_auc')) AS r(rows, positives, pr_auc),
		(SELECT mlops_catalog.number_of(measured, 'rows'), mlops_catalog.number_of(measured, 'positives'), mlops_catalog.number_of(measured, 'pr_auc')) AS m(rows, positives, pr_auc)
	-- which no threshold changes
	WHERE (r.rows, r.positives, r.pr_auc) IS DISTINCT FROM (m.rows, m.positives, m.pr_auc)
$$;
COMMENT ON FUNCTION mlops_catalog.other_rows(jsonb, jsonb) IS 'Says that what was recorded of a version and what is measured now are of different test rows; NULL: they are the same';

-- What was recorded is of the version's own threshold; what answers may have another.
CREATE FUNCTION mlops_catalog.metrics_section(caller regrole, model text, version int, metrics jsonb, deployed_threshold float8, imported boolean) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	subject mlops_catalog.gate_subject := mlops_catalog.gate_subject(model, version, deployed_threshold);
	deployed jsonb;	-- metrics
	hindrance text;
	lines text;
BEGIN
	IF subject.threshold IS NOT NULL THEN	-- another than its own
		SELECT d.metrics, d.reason INTO deployed, hindrance FROM mlops_catalog.measure(caller, subject, version, deployed_threshold) AS d;
	END IF;
	SELECT string_agg(format(E'| %s | %s |%s\n', k.name, mlops_catalog.number_text(mlops_catalog.number_of(metrics, k.name)),
			CASE WHEN deployed IS NOT NULL THEN format(' %s |', mlops_catalog.number_text(mlops_catalog.number_of(deployed, k.name))) END), '' ORDER BY k.place)
		INTO lines FROM unnest(mlops_catalog.metric_names()) WITH ORDINALITY AS k(name, place) WHERE mlops_catalog.number_of(metrics, k.name) IS NOT NULL;
	RETURN format(E'\n## Metrics\n\nOn %s %s rows%s.%s\n\n', mlops_catalog.cell(metrics ->> 'rows'), mlops_catalog.cell(metrics ->> 'judged_on'),
			CASE WHEN imported THEN ', as the file it was imported from says' ELSE '' END,
			CASE WHEN deployed IS NOT NULL THEN coalesce(' ' || mlops_catalog.other_rows(metrics, deployed), '')
				WHEN hindrance IS NOT NULL THEN format(E' They are not metrics at the deployed threshold %s: %s.', deployed_threshold, mlops_catalog.cell(hindrance)) ELSE '' END)
		|| CASE WHEN deployed IS NULL THEN E'| metric | value |\n|---|---|\n'
			ELSE format(E'| metric | at its own threshold | as deployed, at %s |\n|---|---|---|\n| rows | %s | %s |\n', deployed_threshold,
				mlops_catalog.cell(metrics ->> 'rows'), mlops_catalog.cell(deployed ->> 'rows')) END || lines;
END
$$;
COMMENT ON FUNCTION mlops_catalog.metrics_section(regrole, text, int, jsonb, float8, boolean) IS
	'Section of a model card: metrics on the test rows, also at the threshold that answers';

CREATE FUNCTION mlops_catalog.segment_sections(caller regrole, model text, version int, metrics jsonb, test_rows text, settings jsonb, by name[], threshold float8) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	sections text := '';
	part text;
	others text;
	column_name name;
BEGIN
	FOREACH column_name IN ARRAY coalesce(by, '{}') LOOP
		IF test_rows IS NULL THEN
			RAISE EXCEPTION 'version % of model "%" cannot be judged by segment', version, model
				USING ERRCODE = 'object_not_in_prerequisite_state',
					DETAIL = 'Its test rows were drawn at random, without a time or fold column.';
		END IF;
		SELECT string_agg(format(E'| %s | %s | %s | %s | %s | %s | %s | %s |\n', mlops_catalog.cell(e.segment), mlops_catalog.cell(e.metrics ->> 'rows'), mlops_catalog.cell(e.metrics ->> 'positives'),
				mlops_catalog.number_text((e.metrics ->> 'pr_auc')::float8), mlops_catalog.number_text((e.metrics ->> 'precision')::float8),
				mlops_catalog.number_text((e.metrics ->> 'recall')::float8), mlops_catalog.number_text((e.metrics ->> 'false_positive_rate')::float8),
				mlops_catalog.number_text((e.metrics ->> 'alert_rate')::float8)), '' ORDER BY (e.metrics ->> 'rows')::bigint DESC, e.segment) FILTER (WHERE e.segment IS NOT NULL),
				mlops_catalog.other_rows(metrics, jsonb_agg(e.metrics) FILTER (WHERE e.segment IS NULL) -> 0)
			INTO part, others FROM mlops_catalog.evaluate_on(caller, format('%s/%s', model, version), test_rows, settings, column_name, threshold) AS e;
		sections := sections || format(E'\n### By %s\n\n%s%s| %s | rows | positives | pr_auc | precision | recall | false_positive_rate | alert_rate |\n|---|---|---|---|---|---|---|---|\n%s',
			mlops_catalog.cell(column_name), coalesce('At threshold ' || threshold || E', as deployed.\n\n', ''), coalesce(others || E'\n\n', ''), mlops_catalog.cell(column_name), part);
	END LOOP;
	RETURN sections;
END
$$;
COMMENT ON FUNCTION mlops_catalog.segment_sections(regrole, text, int, jsonb, text, jsonb, name[], float8) IS
	'Sections of a model card: metrics by the segments of columns, at a threshold if it is not the version''s own';

CREATE FUNCTION mlops_catalog.learned_sections(model text, version int, run_id bigint) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sections text := '';
	part text;
BEGIN
	SELECT string_agg(format(E'| %s | %s | %s | %s |\n', mlops_catalog.cell(concat_ws(' = ', c.feature, c.level)), mlops_catalog.number_text(c.coefficient),
			mlops_catalog.number_text(c.standard_error), mlops_catalog.number_text(c.p_value)), '' ORDER BY c.term)
		INTO part FROM mlops_catalog.coefficients(model, version) AS c WHERE c.term <= 40;
	sections := sections || coalesce(E'\n## Coefficients\n\nOf standardised values.\n\n| term | coefficient | standard error | p |\n|---|---|---|---|\n' || part, '');

	SELECT string_agg(format(E'| %s | %s | %s | %s | %s |\n', mlops_catalog.cell(b.feature), b.kind, mlops_catalog.number_text(100.0 * b.missing / nullif(b.rows, 0)),
			mlops_catalog.number_text(b.mean), mlops_catalog.number_text(b.std)), '' ORDER BY b.feature)
		INTO part FROM mlops_catalog.baseline(model, version) AS b;
	sections := sections || coalesce(E'\n## Features\n\n| feature | kind | missing, % | mean | deviation |\n|---|---|---|---|---|\n' || part, '');

	SELECT string_agg(format(E'| %s | %s |\n', mlops_catalog.cell(p.name), mlops_catalog.cell(p.value)), '' ORDER BY p.name)
		INTO part FROM mlops_catalog.run_param AS p WHERE p.run_id = learned_sections.run_id;
	sections := sections || coalesce(E'\n## Parameters\n\n| parameter | value |\n|---|---|\n' || part, '');
	RETURN sections;
END
$$;
COMMENT ON FUNCTION mlops_catalog.learned_sections(text, int, bigint) IS 'Sections of a model card: coefficients, features and parameters';

CREATE FUNCTION mlops_catalog.approval_sections(model text, version int) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sections text := '';
	part text;
BEGIN
	SELECT string_agg(format(E'| %s | %s | %s | %s |\n', mlops_catalog.cell(c.condition), mlops_catalog.cell(c.required), mlops_catalog.number_text(c.value),
			CASE WHEN c.passed THEN 'passed' ELSE 'not passed' END), '' ORDER BY c.condition)
		INTO part FROM (SELECT DISTINCT ON (g.condition, g.required) g.* FROM mlops.gate_checks AS g WHERE g.model = approval_sections.model AND g.version = approval_sections.version
			ORDER BY g.condition, g.required, g.gate_check_id DESC) AS c;
	sections := sections || E'\n## Checks\n\n' || coalesce(E'| condition | required | found | verdict |\n|---|---|---|---|\n' || part, E'None was made.\n');
	SELECT string_agg(format(E'| %s | %s | %s |\n', mlops_catalog.cell(a.role), to_char(a.approved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
			mlops_catalog.cell(a.note)), '' ORDER BY a.approved_at)
		INTO part FROM mlops.approvals AS a WHERE a.model = approval_sections.model AND a.version = approval_sections.version;
	sections := sections || coalesce(E'\n## Approvals\n\n| who | when | note |\n|---|---|---|\n' || part, '');
	RETURN sections;
END
$$;
COMMENT ON FUNCTION mlops_catalog.approval_sections(text, int) IS 'Sections of a model card: what its gate found, and who approved';

CREATE FUNCTION mlops.model_card(model text, version int DEFAULT NULL, by name[] DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE COST 100000 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.model_card(text, int, name[]) IS
	'Markdown about a version (the one deployed if not given): purpose, limits, data, metrics, also by segment of the columns in by, threshold, importance, parameters, checks, approvals, lineage, history';
CREATE FUNCTION mlops_catalog.model_card(caller regrole, model text, version int, by name[]) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	nr int := coalesce(model_card.version, (SELECT m.deployed_version FROM mlops.models AS m WHERE m.model = model_card.model));
	m record;
	v record;
	r record;
	d record;
	recorded jsonb;
	window_query text;
	threshold float8;	-- that answers; NULL: its own, or it does not
	part text;
	card text;
BEGIN
	PERFORM mlops_catalog.require(caller, model_card.model, 'inspect');
	IF nr IS NULL THEN
		RAISE EXCEPTION 'no version of model "%" is deployed', model_card.model
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Say which version the card is to be about.';
	END IF;
	window_query := mlops_catalog.test_window(mlops_catalog.version_named(caller, model_card.model, nr));
	SELECT * INTO m FROM mlops.models AS x WHERE x.model = model_card.model;
	SELECT * INTO v FROM mlops.versions AS x WHERE x.model = model_card.model AND x.version = nr;
	SELECT t.*, e.name AS experiment INTO r FROM mlops_catalog.run AS t JOIN mlops_catalog.experiment AS e USING (experiment_id) WHERE t.run_id = v.run_id;
	SELECT t.* INTO d FROM mlops_catalog.dataset AS t WHERE t.dataset_id = r.dataset_id;
	threshold := (SELECT nullif(p.threshold, v.threshold) FROM mlops.deployments AS p WHERE p.model = model_card.model AND p.version = nr ORDER BY p.variant = 'primary' DESC, p.variant LIMIT 1);
	recorded := mlops_catalog.recorded_settings(d.search_path, d.time_zone, d.settings, d.recorded_by);

	card := format(E'# Model card: %s, version %s\n\n', mlops_catalog.cell(model_card.model), nr)
		|| E'| | |\n|---|---|\n'
		|| (SELECT string_agg(format(E'| %s | %s |\n', i.name, mlops_catalog.cell(i.value)), '' ORDER BY i.place)
			FROM (VALUES (1, 'algorithm', v.algorithm), (2, 'predicts', format('%s%s', v.target, ' = ' || v.positive)), (3, 'stage', v.stage),
				(4, 'aliases', array_to_string(v.aliases, ', ')), (5, 'answers as', v.deployed_as), (6, 'owner', mlops_catalog.role_text(m.owner)),
				(7, 'trained by', mlops_catalog.role_text(v.owner)), (8, 'registered', to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')),
				(9, 'SHA-256', v.sha256), (10, 'tags', nullif(v.tags, '{}')::text)) AS i(place, name, value) WHERE i.value <> '')
		|| format(E'\n## Purpose\n\n%s\n', coalesce(mlops_catalog.prose(m.description), 'Not described.'))
		|| coalesce(E'\n' || mlops_catalog.prose(v.description) || E'\n', '')
		|| format(E'\n## Limits\n\n%s\n', coalesce(mlops_catalog.prose(m.limits), 'Not described.'));

	card := card || mlops_catalog.data_section(r.dataset_id, r.note);
	card := card || mlops_catalog.metrics_section(caller, model_card.model, nr, v.metrics, threshold, r.request IS NULL);
	card := card || mlops_catalog.segment_sections(caller, model_card.model, nr, v.metrics, window_query, recorded, model_card.by, threshold);

	card := card || format(E'\n## Threshold\n\nScores of %s and more are flagged%s.%s\n', v.threshold,
		coalesce(', chosen by ' || mlops_catalog.code(r.request ->> 'threshold'), ''),
		coalesce(E' As deployed: ' || (SELECT string_agg(format('%s (%s)', p.threshold, mlops_catalog.cell(p.variant)), ', ' ORDER BY p.variant)
			FROM mlops.deployments AS p WHERE p.model = model_card.model AND p.version = nr) || '.', ''));

	card := card || mlops_catalog.importance_section(model_card.model, nr, caller, coalesce(window_query, d.query), window_query IS NOT NULL, recorded, d.rows);
	card := card || mlops_catalog.learned_sections(model_card.model, nr, v.run_id);
	card := card || mlops_catalog.approval_sections(model_card.model, nr);
	card := card || format(E'\n## Lineage\n\nRun %s of experiment %s, mlops %s%s.%s\n', v.run_id, mlops_catalog.cell(r.experiment), mlops_catalog.cell(r.library_version), coalesce(', seed ' || r.seed, ''),
		CASE WHEN r.request IS NULL THEN '' ELSE format(' %s repeats it.', mlops_catalog.code(format('SELECT * FROM mlops.reproduce(%L, %s)', model_card.model, nr))) END);
	SELECT string_agg(format(E'| %s | %s | %s | %s |\n', to_char(a.logged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), a.event, mlops_catalog.cell(a.role),
			mlops_catalog.cell(concat_ws(' ', a.detail ->> 'alias', a.detail ->> 'to', a.detail ->> 'strategy', a.detail ->> 'note'))), '' ORDER BY a.seq, a.waiting_id)
		INTO part FROM mlops_catalog.audit_entry AS a WHERE a.model = model_card.model AND a.version = nr AND a.logged_at >= r.started_at;
	RETURN card || coalesce(E'\n## History\n\n| when | what | who | |\n|---|---|---|---|\n' || part, '');
END
$$;

-- Keys keep their order in json, and have none in jsonb.
CREATE FUNCTION mlops_catalog.sections(names text[], contents jsonb[]) RETURNS json
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT (E'{\n' || string_agg(format('    %s: %s', to_json(s.name), replace(coalesce(jsonb_pretty(s.content), 'null'), E'\n', E'\n    ')), E',\n' ORDER BY s.place) || E'\n}')::json
	FROM unnest(names, contents) WITH ORDINALITY AS s(name, content, place)
$$;
COMMENT ON FUNCTION mlops_catalog.sections(text[], jsonb[]) IS 'An object whose keys are in this order, to be read as it stands';

-- What counts of the labels that were recorded for a decision, also long after it.
CREATE FUNCTION mlops_catalog.label_of(model text, key text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('label', l.label, 'labelled_at', l.labelled_at, 'recorded_at', l.recorded_at, 'recorded_by', l.recorded_by)
	FROM mlops.label_events AS l WHERE l.model = label_of.model AND l.key = label_of.key ORDER BY l.labelled_at DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.label_of(text, text) IS 'The label of a key that counts, if the caller may see it';

-- VOLATILE, to look after the lock has been waited for: by the snapshot of a statement
-- that began before maintenance moved a decision to its day's partition it is in the
-- default one, where a search by its time does not look any more.
CREATE FUNCTION mlops.why(prediction_id uuid) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.why(uuid) IS
	'Everything about a logged decision, in this order: score, threshold and flag, its label if one is known, the contribution of each column (in log odds) or why it is not known, version, features as logged and their score again, route, answers of shadows, approvals, checks and history until then, run, data set and the settings under which it was read';
CREATE FUNCTION mlops_catalog.why(prediction_id uuid) RETURNS json
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT mlops_catalog.decision_report(why.prediction_id, NULL) $$;

CREATE FUNCTION mlops_catalog.decision_report(prediction_id uuid, of_key jsonb) RETURNS json
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET TimeZone = 'UTC'
	SET DateStyle = 'ISO'
	SET IntervalStyle = 'postgres'
	SET extra_float_digits = 1
AS $$
#variable_conflict use_column
DECLARE
	p record;
	v record;
	again float8;
	d jsonb;
	explanation jsonb;
	note text;
BEGIN
	PERFORM mlops_catalog.refuse_null('prediction_id', decision_report.prediction_id::text);
	SELECT * INTO p FROM mlops.predictions AS x WHERE x.prediction_id = decision_report.prediction_id AND x.created_at = mlops.prediction_time(decision_report.prediction_id) AND NOT x.shadow;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'decision % is not logged', decision_report.prediction_id
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.predictions lists the decisions there are; mlops.retention says how long they are kept.';
	END IF;
	SELECT * INTO v FROM mlops.versions AS x WHERE x.model = p.model AND x.version = p.version;
	IF p.error IS NOT NULL THEN
		note := 'the row could not be scored';
	ELSIF v.version IS NULL THEN
		note := 'the version was dropped';
	ELSIF p.features IS NULL THEN
		note := format('the features were not logged: mlops.log_features was off. Of the row as it is now: SELECT e.* FROM a_table AS t, mlops.explain_version(%L, %s, t) AS e, with your table and a WHERE for the row', p.model, p.version);
	ELSE
		BEGIN
			again := mlops.score(format('%s/%s', p.model, p.version), p.features);
			explanation := (SELECT jsonb_build_object('unit', 'log odds', 'base', max(e.contribution) FILTER (WHERE e.rank = 0),
					'contributions', coalesce(jsonb_agg(jsonb_build_object('feature', e.feature, 'value', e.value, 'contribution', e.contribution) ORDER BY e.rank)
						FILTER (WHERE e.rank > 0), '[]'))
				FROM mlops.explain_version(p.model, p.version, p.features, NULL) AS e);
		EXCEPTION
			WHEN insufficient_privilege THEN
				note := format('you may not score with model "%s"', p.model);
			WHEN undefined_column OR datatype_mismatch THEN
				note := 'the features were logged under other names than the model reads: the row was given without names';
		END;
	END IF;
	SELECT to_jsonb(x) - 'columns' INTO d FROM mlops.datasets AS x JOIN mlops.runs AS r USING (dataset_id) WHERE r.run_id = v.run_id;
	RETURN mlops_catalog.sections(
		'{decision,label,explanation,explanation_note,model,version,variant,features,score_again,route,beside,approvals,checks,history,training,dataset}'::text[]
			|| CASE WHEN of_key IS NULL THEN '{}' ELSE '{of_key}'::text[] END || '{settings}'::text[],
		ARRAY[
			jsonb_build_object('prediction_id', p.prediction_id, 'made_at', p.created_at, 'key', p.key, 'score', p.score,
				'threshold', p.threshold, 'flagged', p.flagged, 'latency', p.latency)
				|| CASE WHEN p.error IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('sqlstate', p.sqlstate, 'error', p.error) END,
			mlops_catalog.label_of(p.model, p.key),
			explanation, to_jsonb(note), to_jsonb(p.model), to_jsonb(p.version), to_jsonb(p.variant),
			p.features, to_jsonb(again),
			(SELECT to_jsonb(h) - 'model' FROM mlops.deployment_history AS h WHERE h.model = p.model AND h.deployment_id = p.deployment_id),
			(SELECT jsonb_agg(jsonb_build_object('variant', s.variant, 'version', s.version, 'score', s.score, 'flagged', s.flagged)
					|| CASE WHEN s.error IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('error', s.error) END ORDER BY s.variant)
				FROM mlops.predictions AS s WHERE s.prediction_id = decision_report.prediction_id AND s.created_at = p.created_at AND s.shadow),
			(SELECT coalesce(jsonb_agg(jsonb_build_object('role', a.role, 'note', a.note, 'at', a.approved_at) ORDER BY a.approved_at), '[]')
				FROM mlops.approvals AS a WHERE a.model = p.model AND a.version = p.version AND a.approved_at <= p.created_at),
			(SELECT coalesce(jsonb_agg(jsonb_build_object('condition', c.condition, 'required', c.required, 'value', c.value, 'passed', c.passed,
					'at', c.checked_at) ORDER BY c.gate_check_id), '[]')
				FROM mlops.gate_checks AS c WHERE c.model = p.model AND c.version = p.version AND c.checked_at <= p.created_at AND c.purpose <> 'check'),
			(SELECT coalesce(jsonb_agg(jsonb_build_object('seq', a.seq, 'event', a.event, 'role', a.role, 'at', a.logged_at) ORDER BY a.seq, a.logged_at), '[]')
				FROM mlops.audit_log AS a WHERE a.model = p.model AND a.version = p.version AND a.logged_at <= p.created_at
					AND a.logged_at >= (SELECT r.started_at FROM mlops.runs AS r WHERE r.run_id = v.run_id)),
			(SELECT jsonb_build_object('run_id', r.run_id, 'algorithm', r.algorithm, 'by', r.owner::text, 'at', r.ended_at, 'seed', r.seed,
					'library_version', r.library_version, 'sha256', v.sha256, 'metrics', v.metrics)
				FROM mlops.runs AS r WHERE r.run_id = v.run_id),
			d - 'settings'] || CASE WHEN of_key IS NULL THEN '{}' ELSE ARRAY[of_key] END || ARRAY[d -> 'settings']);
END
$$;
COMMENT ON FUNCTION mlops_catalog.decision_report(uuid, jsonb) IS 'What mlops.why tells of a decision, with what there is to say of its key';

-- A payment is known by its key; its decisions are told apart by their identities.
CREATE FUNCTION mlops.why(model text, key text) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.why(text, text) IS
	'Everything about the latest decision that was logged with a key, as why(prediction_id) returns it; "of_key" says how many there are, and has the identity, time, score and flag of up to 100 others, the latest first';
CREATE FUNCTION mlops_catalog.why(model text, key text) RETURNS json
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET TimeZone = 'UTC'
AS $$
DECLARE
	latest uuid;
	others jsonb;
	n bigint;
BEGIN
	PERFORM mlops_catalog.require_seen(why.model, 'see');
	PERFORM mlops_catalog.refuse_null('key', why.key);
	WITH decided AS (SELECT p.prediction_id, p.created_at, p.score, p.flagged FROM mlops.predictions AS p
		WHERE p.model = why.model AND p.key = mlops_catalog.bounded(why.key) AND NOT p.shadow),
	numbered AS (SELECT d.*, row_number() OVER (ORDER BY d.created_at DESC, d.prediction_id DESC) AS place, count(*) OVER () AS decisions FROM decided AS d)
	SELECT (array_agg(d.prediction_id) FILTER (WHERE d.place = 1))[1], min(d.decisions),
		coalesce(jsonb_agg(jsonb_build_object('prediction_id', d.prediction_id, 'made_at', d.created_at, 'score', d.score, 'flagged', d.flagged) ORDER BY d.place)
			FILTER (WHERE d.place > 1), '[]')
		INTO latest, n, others FROM numbered AS d WHERE d.place <= 101;
	IF latest IS NULL THEN
		RAISE EXCEPTION 'no decision of model "%" is logged with key "%"', why.model, mlops_catalog.bounded(why.key)
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.predictions lists the decisions there are; mlops.retention says how long they are kept.';
	END IF;
	RETURN mlops_catalog.decision_report(latest, jsonb_build_object('decisions', n, 'others', others));
END
$$;

CREATE FUNCTION mlops.why(model text, key bigint) RETURNS json
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.why(text, bigint) IS 'mlops.why of a key that is a whole number';
CREATE FUNCTION mlops_catalog.why(model text, key bigint) RETURNS json
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT mlops_catalog.why(why.model, why.key::text) $$;
