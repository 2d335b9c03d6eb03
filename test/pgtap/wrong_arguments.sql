-- Every public function, with a wrong value in each argument in turn: what refuses is
-- a check of ours, and the error shows lines of the caller's own code only.
\ir setup.psql
SELECT plan(7);
\ir sound_calls.psql
CREATE TABLE outcome (call text, sqlstate text, message text, context text);
CREATE FUNCTION try(call text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	EXECUTE call;
	RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	INSERT INTO outcome VALUES (call, SQLSTATE, SQLERRM, replace(context, call, '(call)'));
END $$;
SET LOCAL statement_timeout = 0;
SET LOCAL client_min_messages = error;
SELECT try(call_with(c, 0, NULL)) FROM sound_call AS c \g /dev/null
SELECT is(array_agg(concat_ws(' ', call, sqlstate, message)), NULL, 'the calls are sound') FROM outcome WHERE sqlstate <> 'OK000'
	AND call NOT LIKE '%mlops.tune(%';	-- it commits trials apart, which sees nothing of this transaction
SELECT is(array_agg(f.name), NULL, 'and of every function that takes arguments') FROM (
	SELECT DISTINCT quote_ident(p.proname) AS name FROM pg_proc AS p
	WHERE p.pronamespace = 'mlops'::regnamespace AND p.prokind = 'f' AND p.pronargs > 0 AND p.prorettype <> 'cstring'::regtype
		AND p.proname !~ '^(loss|ranking|histogram)_state' AND has_function_privilege('public', p.oid, 'EXECUTE')
		-- a session of its own, pg_cron, or a list of columns is needed
		AND p.proname <> ALL ('{feature_rows,submit,cancel,result,schedule,unschedule,acknowledge_alert,adopt_query,resume}')) AS f
WHERE NOT EXISTS (SELECT FROM sound_call AS c WHERE c.function = f.name);
SELECT try(call_with(c, place, v)) FROM sound_call AS c, generate_series(1, cardinality(c.arguments)) AS place,
	unnest(ARRAY['NULL', '''''', '''nosuch''', '''[]''', '''{"nosuch": 1}''', '-7', '''-7''', '''{nosuch}''', '''NaN''', '''1000000 years''', '''infinity''', '''{}''', '''{{nosuch}}''', '''{{1,2}}''']) AS v \g /dev/null
SELECT is(array_agg(concat_ws(' ', call, message, context)), NULL, 'no line of ours is shown')
FROM outcome WHERE sqlstate <> 'XX000' AND context ~ 'mlops_catalog|run by mlops|function mlops\.';
SELECT is(array_agg(concat_ws(' ', call, sqlstate, message)), NULL, 'no constraint of the catalog, or function of PostgreSQL, is what refuses')
FROM outcome WHERE sqlstate ~ '^(23|XX0|0A|2201|2202)' AND sqlstate NOT IN ('22023', 'XX001') OR message ~ '^cannot (call|get|extract|deconstruct)|FOREACH|multidimensional';

-- Lists: every argument of an array type is read by one home.
TRUNCATE outcome;
CREATE VIEW listed AS SELECT c AS call, a.place, p.proargnames[a.place] AS argument, p.proargtypes[a.place - 1]::regtype AS type
	FROM sound_call AS c JOIN pg_proc AS p ON p.pronamespace = 'mlops'::regnamespace AND p.proname = c.function AND p.prokind = 'f'
	CROSS JOIN generate_series(1, p.pronargs) AS a(place) WHERE p.proargtypes[a.place - 1]::regtype::text LIKE '%[]';
SELECT cmp_ok(count(*), '>=', 16::bigint, 'arguments that are lists') FROM listed;
SELECT try(call_with(l.call, (SELECT i FROM unnest((l.call).arguments) WITH ORDINALITY AS e(a, i) WHERE a LIKE l.argument || ' =>%')::int, v))
FROM listed AS l, unnest(ARRAY['''{1,NULL}''', '''{{1,2}}''']) AS v \g /dev/null
SELECT is(array_agg(concat_ws(' ', call, sqlstate, message)), NULL, 'NULL in a list is refused, with its name')
FROM outcome WHERE call LIKE '%{1,NULL}%' AND (sqlstate <> '22004' OR message !~ '^"\w+" must not contain nulls$' OR call !~ (btrim(substring(message FROM '^"\w+"'), '"') || ' => ''.1,NULL'));
SELECT is(array_agg(concat_ws(' ', call, sqlstate, message)), NULL, 'and so is a table of values')
FROM outcome WHERE call LIKE '%{{1,2}}%' AND (sqlstate <> '22023' OR message !~ '^"\w+" must be a list, not an array of 2 dimensions$');
SELECT * FROM finish();
ROLLBACK;
