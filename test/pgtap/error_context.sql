-- Where an error comes from: lines of the caller's own code, and none of ours.
\ir setup.psql
SELECT plan(24);
CREATE VIEW source AS SELECT id, ts, amount, is_fraud FROM tx;
SELECT mlops.train('fraud', 'source', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.snapshot(name => 'kept', query => 'SELECT * FROM source', kind => 'reference') \g /dev/null
SELECT mlops.monitor('fraud') \g /dev/null
CREATE FUNCTION broken(float8) RETURNS float8 LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE 'oh'; END $$;
CREATE OR REPLACE VIEW source AS SELECT id, ts, broken(amount) AS amount, is_fraud FROM tx;

CREATE FUNCTION context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN replace(context, E'\n' || format(E'SQL statement "%s"\nPL/pgSQL function context_of(text) line 5 at EXECUTE', statement), E'\n(here)');
END $$;
SELECT is(context_of($$SELECT broken(1)$$), E'PL/pgSQL function broken(double precision) line 1 at RAISE\n(here)', 'as others see it');
SELECT is(context_of($$SELECT mlops.reproduce('fraud', 1)$$), E'PL/pgSQL function broken(double precision) line 1 at RAISE\n(here)', 'a training that is repeated');
SELECT is(context_of($$SELECT mlops.verify_snapshot('kept')$$), E'PL/pgSQL function broken(double precision) line 1 at RAISE\n(here)', 'a query that is read again');
-- what is wrong with arguments comes from the statement itself
SELECT is(context_of(s), format(E'SQL statement "%s"\nPL/pgSQL function context_of(text) line 5 at EXECUTE', s), s)
FROM unnest(ARRAY[$$SELECT mlops.retrain('fraud', options => '{"accept": ["nosuch"]}')$$, $$SELECT mlops.retrain('fraud', options => '{"nosuch": 1}')$$,
	$$SELECT mlops.set_model_tag('fraud', '', 'x')$$, $$SELECT mlops.deploy('fraud', 7)$$, $$SELECT mlops.monitor('fraud', query => 'SELECT nosuch FROM tx', time_column => 'ts')$$,
	$$SELECT mlops.approve('fraud', 9)$$, $$SELECT mlops.compare_runs('{0}')$$, $$SELECT mlops.add_labels('fraud', query => 'SELECT ''''::text AS k, 2 AS l', key => 'k', label => 'l')$$,
	-- before the rows are read, which takes long
	$$SELECT mlops.train('new', 'source', target => 'is_fraud', params => '{"monotone_constraints": {"amnt": 1}}')$$,
	$$SELECT mlops.train('new', 'source', target => 'is_fraud', algorithm => 'logistic_regression', params => '{"penalty": "l1", "solver": "newton"}')$$,
	$$SELECT mlops.tune('new', 'tx', target => 'nosuch')$$, $$SELECT mlops.cross_validate('new', 'tx', target => 'nosuch')$$,
	$$SELECT mlops.explain_text('fraud', '{"amount": 5}')$$, $$SELECT mlops.explain_text('fraud', '{"amount": 5}'::jsonb)$$,
	$$SELECT mlops.evaluate('fraud', by => '{nosuch}')$$, $$SELECT mlops.daily_precision('fraud', card_column => 'nosuch')$$,
	$$CREATE TRIGGER scores BEFORE INSERT ON tx FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'nosuch')$$]) AS s;

-- a hint can be pasted
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END $$;
SELECT is(hint_of($$SELECT mlops.score('fraud', t) FROM tx AS t$$), 'Run SELECT * FROM mlops.deploy(''fraud'', 1), or name a version as in "fraud/1".', 'a hint names the latest version');

-- a function of the caller's in between is the caller's
CREATE FUNCTION release() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM mlops.deploy('fraud', 7); END $$;
SELECT is(context_of('SELECT release()'), E'SQL statement "SELECT mlops.deploy(''fraud'', 7)"\nPL/pgSQL function release() line 1 at PERFORM\n(here)', 'a function of the caller''s');
-- two of ours within each other: a trigger of the caller's on what we write
SELECT mlops.start_run('mine') AS run \gset
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mlops.set_model_tag('fraud', '', 'x'); END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON mlops_catalog.run FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT is(context_of(format('SELECT mlops.set_note(%s, ''x'')', :run)), format(E'SQL statement "SELECT mlops.set_note(%s, ''x'')"\nPL/pgSQL function context_of(text) line 5 at EXECUTE', :run), 'whatever is below ours');
DROP TRIGGER refuse ON mlops_catalog.run;

-- of an internal error all is told
CREATE OR REPLACE FUNCTION broken(float8) RETURNS float8 LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE 'oh' USING ERRCODE = 'XX000'; END $$;
SELECT matches(context_of($$SELECT mlops.reproduce('fraud', 1)$$), '^PL/pgSQL function broken.*mlops_catalog\.reproduce', 'an internal error');
SELECT * FROM finish();
ROLLBACK;
