-- Errors and their hints tell nobody of models that he may not see, nor what versions
-- these have: not to who has nearly found the name, and no more than the refusal to
-- who has it.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(7);
\ir sound_calls.psql
SELECT mlops.train('secret_model', 'tx', target => 'is_fraud', key => 'id', features => '{amount,country}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('secret_model', 1) \g /dev/null
CREATE ROLE regress_mlops_stranger;
CREATE ROLE regress_mlops_scorer;
SELECT mlops.grant('secret_model', 'regress_mlops_scorer', 'score') \g /dev/null
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
GRANT SELECT ON tx TO PUBLIC;

-- whatever an error says, in a line
CREATE FUNCTION said(as_role name, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	PERFORM set_config('role', as_role, true);
	EXECUTE call;
	RESET ROLE;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(d, ''), h);
END $$;
CREATE FUNCTION of_model(model text, version text) RETURNS TABLE (function text, call text) LANGUAGE sql AS $$
	SELECT s.function, format('SELECT mlops.%s(%s)', s.function, (SELECT string_agg(CASE WHEN a LIKE 'model => %' THEN 'model => ' || quote_literal(model)
			WHEN a LIKE 'version => %' THEN 'version => ' || version ELSE a END, ', ' ORDER BY place) FROM unnest(s.arguments) WITH ORDINALITY AS u(a, place)))
	FROM sound_call AS s WHERE EXISTS (SELECT FROM unnest(s.arguments) AS a WHERE a LIKE 'model => %' AND a LIKE '%''%')
		AND s.function NOT IN ('train', 'tune', 'import_model', 'cross_validate', 'search_runs', 'start_run', 'submit', 'schedule')	-- those name a new one
$$;
CREATE TABLE told AS SELECT f.*, v.version, r.role, n.model, said(r.role, f.call) AS said
	FROM (VALUES ('regress_mlops_stranger'), ('regress_mlops_scorer')) AS r(role), (VALUES ('secret_modle'), ('secret_model')) AS n(model), (VALUES ('0'), ('99')) AS v(version),
		of_model(n.model, v.version) AS f;
SELECT cmp_ok((SELECT count(DISTINCT function)::int FROM told), '>', 40, 'the functions that take a model');
SELECT is((SELECT string_agg(function || ': ' || said, E'\n') FROM told WHERE role = 'regress_mlops_stranger' AND model = 'secret_modle' AND said LIKE '%secret_model%'), NULL,
	'who has nearly found the name of a model that he may not see is not told');
SELECT cmp_ok((SELECT count(*)::int FROM told WHERE role = 'regress_mlops_scorer' AND model = 'secret_modle' AND said LIKE '%Perhaps you meant "secret_model"%'), '>', 40, 'who may see it is');
SELECT is((SELECT string_agg(function || ': ' || said, E'\n') FROM told WHERE role = 'regress_mlops_stranger' AND model = 'secret_model' AND said ~ 'latest version|column'), NULL,
	'nor what versions and columns it has to who has the name');
SELECT alike(said('regress_mlops_stranger', $$SELECT mlops.score_version('secret_model', 0, ROW(1.5, 'DE')::features)$$), '42501 | permission denied to score with model "secret_model"%', 'number 0 is no exception');
SELECT is(said('regress_mlops_stranger', $$SELECT mlops.score('secret_modle', ROW(1.5, 'DE')::features)$$), '42704 | model "secret_modle" does not exist | View mlops.models lists the models there are.',
	'what is said instead');
SELECT is(said('regress_mlops_stranger', $$SELECT mlops.cancel(1)$$), '42704 | job 1 does not exist | View mlops.jobs lists the jobs you may see.', 'nor is there a job for him');
SELECT * FROM finish();
ROLLBACK;
