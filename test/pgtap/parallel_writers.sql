-- A function whose author marked it PARALLEL SAFE may run in a parallel worker, and
-- what it calls with it.  What writes says so there, before anything else.
\ir setup.psql
SELECT plan(9);
SELECT FROM mlops.train('p', 'tx', target => 'is_fraud', key => 'id', params => '{"n_estimators": 5}');
SELECT FROM mlops.deploy('p', 1);
CREATE SCHEMA w;

-- in_worker(statement, argument): sqlstate and message of an expression there, 'done' if there is none
CREATE FUNCTION w.in_worker(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION w.call() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS %L',
		format('BEGIN PERFORM %s; RETURN ''done''; END', expression));
	PERFORM set_config(g.name, 'on', true) FROM pg_settings AS g WHERE g.name IN ('force_parallel_mode', 'debug_parallel_query');	-- its name until 15, and since 16
	EXECUTE 'SELECT w.call()' INTO STRICT hint;
	RETURN hint;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, hint);
END $$;
CREATE FUNCTION w.refusal(what text) RETURNS text LANGUAGE sql AS $$
	SELECT format('25000 cannot execute mlops.%s() during a parallel operation Mark the function that calls it, and those that call that one, PARALLEL UNSAFE.', what)
$$;

SELECT matches(w.in_worker('1 / (SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type <> ''parallel worker'')'),
	'^22012', 'the calls are made in a worker');
SELECT is(w.in_worker(format($$mlops.decide('p', (SELECT t FROM tx AS t LIMIT 1), 'k', on_error => %L)$$, choice)), w.refusal('decide'),
	'a decision is refused, whatever it would do about an error: ' || choice)
FROM unnest('{raise,"null",0.5}'::text[]) AS choice;
SELECT is(w.in_worker($$mlops.add_labels('p', 'tx', key => 'id', label => 'is_fraud')$$), w.refusal('add_labels'), 'so are labels');
SELECT is(w.in_worker($$mlops.record_drift('p', 'tx')$$), w.refusal('record_drift'), 'drift that is to be recorded');
SELECT is(w.in_worker($$mlops.train('p', 'tx', target => 'is_fraud')$$), w.refusal('train'), 'a training');
SELECT is(w.in_worker($$mlops.start_run('notes')$$), w.refusal('start_run'), 'and what the owner of the catalog writes');

-- Each public function that may write, with nothing but NULL: refused, or its
-- arguments are.  There is no schedule NULL to be ended.
SELECT is((SELECT string_agg(c.call || ': ' || c.answer, E'\n' ORDER BY c.call) FROM (
	SELECT f.call, w.in_worker(f.call) AS answer FROM (
		SELECT format('mlops.%I(%s)', p.proname, (SELECT string_agg(format('NULL::%s', CASE WHEN t.typtype = 'p' THEN 'jsonb' ELSE format_type(t.oid, NULL) END), ', ' ORDER BY a.place)
			FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, place) JOIN pg_type AS t ON t.oid = a.type)) AS call
		FROM pg_proc AS p WHERE p.pronamespace = 'mlops'::regnamespace AND p.provolatile = 'v' AND p.proparallel = 'u' AND p.prokind = 'f'
			AND NOT p.proisstrict AND p.prorettype <> ALL ('{trigger,event_trigger}'::regtype[])) AS f) AS c
	WHERE c.answer !~ '^(25000 .*during a parallel operation|22004 |22023 )' AND c.call !~ '^mlops.unschedule'), NULL, 'no other one fails otherwise');
SELECT * FROM finish();
ROLLBACK;
