#!/bin/sh
# jobs.sh - what a job is: a statement in a worker, as its role and with its
# settings, in a transaction of its own; how it ends, is cancelled, tried again,
# ordered, limited; who sees it.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# ended [SECONDS] [PSQL ARGUMENT...]: waits until all jobs have ended.
ended()
{
	until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" "$@"
}

# run COMMAND [PSQL ARGUMENT...]: submits it, waits, prints its state.
run()
{
	run_command=$1
	shift
	query "$@" -v command="$run_command" <<-'SQL' 2>/dev/null
		SELECT mlops.submit(:'command') AS job \gset
		CALL mlops.wait(:job, '30 s');
	SQL
}

last()
{
	query -c "SELECT $1 FROM mlops.jobs ORDER BY job_id DESC LIMIT 1"
}

# ---- without preloading
private_server start "fsync = off"
query -c 'CREATE EXTENSION mlops'
is "without preloading, submit says what to do" "$(error_of -c "SELECT mlops.submit('SELECT 1')")" \
	"55000: mlops.submit() needs mlops to be preloaded
hint: Add mlops to shared_preload_libraries in postgresql.conf and restart the server."
for call in "SELECT mlops.cancel(1)" "CALL mlops.wait(1)" "SELECT mlops.result(1)"; do
	is "so does $call" "$(error_of -c "$call" | grep -c '^55000: .*preloaded$')" 1
done
is "the views are there and empty" \
	"$(query -c 'SELECT (SELECT count(*) FROM mlops.jobs), (SELECT count(*) FROM mlops.job_events)')" "0|0"

# settings CONFIGURATION LINE...: (re)starts the server with jobs
start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.job_retry_delay = '200ms'" "$@"
}
start
query <<SQL
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE ann_friend LOGIN IN ROLE ann;
CREATE ROLE team;
CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY, who name DEFAULT current_user, what text, pid int DEFAULT pg_backend_pid());
GRANT ALL ON log TO PUBLIC;
CREATE TABLE deferred (a int, CONSTRAINT deferred_a_key UNIQUE (a) DEFERRABLE INITIALLY DEFERRED);
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.here AS SELECT 'elsewhere' AS place;
SQL

# ---- results
is "a query succeeds" "$(run "SELECT 1 AS a, 'x' AS b, NULL AS c, ARRAY[1.5] AS d UNION ALL SELECT 2, 'ü\"', NULL, NULL")" succeeded
is "its rows are JSON" "$(last result)" '[{"a": 1, "b": "x", "c": null, "d": [1.5]}, {"a": 2, "b": "ü\"", "c": null, "d": null}]'
is "and counted" "$(last rows)" 2
is "with time and memory" "$(last "run_ms > 0 AND run_ms < 5000 AND peak_memory > 1000000 AND started_at >= submitted_at AND ended_at >= started_at AND attempts = 1 AND pid IS NULL")" t
is "mlops.result gives them" "$(query -c "SELECT mlops.result(max(job_id)) ->> 0 FROM mlops.jobs")" '{"a": 1, "b": "x", "c": null, "d": [1.5]}'
is "an empty result is an empty array" "$(run "SELECT 1 WHERE false"; last result)" "succeeded
[]"
is "many rows are counted, the first 1000 kept" "$(run "SELECT * FROM generate_series(1, 5000)"; last "rows, jsonb_array_length(result)")" "succeeded
5000|1000"
is "rows changed are counted" "$(run "INSERT INTO log (what) SELECT 'inserted' FROM generate_series(1, 3)"; last "rows, result IS NULL")" "succeeded
3|t"
is "RETURNING returns" "$(run "UPDATE log SET what = 'updated' RETURNING what"; last "rows, result ->> 0")" 'succeeded
3|{"what": "updated"}'
is "a utility statement has no rows" "$(run "CREATE TABLE made (a int)"; last "rows IS NULL, result IS NULL")" "succeeded
t|t"
is "EXPLAIN has" "$(run "EXPLAIN (COSTS off) SELECT 1"; last "result")" 'succeeded
[{"QUERY PLAN": "Result"}]'
is "VACUUM runs" "$(run "VACUUM ANALYZE log")" succeeded
is "CREATE INDEX CONCURRENTLY runs" "$(run "CREATE INDEX CONCURRENTLY ON log (who)")" succeeded
query -c "CREATE PROCEDURE thrice() LANGUAGE plpgsql AS 'BEGIN FOR i IN 1..3 LOOP INSERT INTO log (what) VALUES (''called''); COMMIT; END LOOP; PERFORM 1/0; END'"
is "a procedure may commit before it fails" "$(run "CALL thrice()"; query -c "SELECT count(*) FROM log WHERE what = 'called'")" "failed
3"
is "every change of state is an event" "$(run 'SELECT 1' >/dev/null; query -c "SELECT string_agg(event || ' ' || attempt, ', ' ORDER BY event_id)
	FROM mlops.job_events WHERE job_id = (SELECT max(job_id) FROM mlops.jobs)")" "queued 0, starting 1, running 1, succeeded 1"
is "a model is trained by a job" "$(query -c "CREATE TABLE tx AS SELECT i AS id, i % 97 AS a, i % 97 > 80 AS label FROM generate_series(1, 2000) AS i"
	run "SELECT version FROM mlops.train('m', 'tx', target => 'label', params => '{\"n_estimators\": 3}')"
	query -c "SELECT count(*) FROM mlops.versions")" "succeeded
1"

# ---- the transaction
is "what fails leaves nothing" "$(run "INSERT INTO log (what) SELECT (1 / (i - 3))::text FROM generate_series(1, 5) AS i"
	query -c "SELECT count(*) FROM log WHERE what = '1'")" "failed
0"
is "so does what fails at its commit" "$(run "INSERT INTO deferred VALUES (1), (1)"; query -c "SELECT count(*) FROM deferred"; last "error ->> 'sqlstate'")" "failed
0
23505"
is "the error is kept whole" "$(run "DO \$\$ BEGIN RAISE 'oh' USING ERRCODE = 'P1234', DETAIL = 'why', HINT = 'cure'; END \$\$"; last "error - 'context', error ->> 'context'")" \
	"failed
{\"hint\": \"cure\", \"detail\": \"why\", \"message\": \"oh\", \"sqlstate\": \"P1234\"}|PL/pgSQL function inline_code_block line 1 at RAISE"
is "and raised by mlops.result" "$(error_of -c "SELECT mlops.result(max(job_id)) FROM mlops.jobs")" "P1234: job $(last job_id) has failed: oh
hint: cure"
is "of a long error the beginning" "$(run "DO \$\$ BEGIN RAISE '%', repeat('ä', 5000000); END \$\$"; last "octet_length(error ->> 'message')")" "failed
65535"
is "a submission that is rolled back never runs" "$(query -c "BEGIN; SELECT mlops.submit('INSERT INTO log (what) VALUES (''ghost'')'); ROLLBACK" >/dev/null; sleep 0.3; query -c "SELECT count(*) FROM log WHERE what = 'ghost'")" 0
is "it cannot be prepared" "$(start "max_prepared_transactions = 2"; error_of -c "BEGIN" -c "SELECT mlops.submit('SELECT 1')" -c "PREPARE TRANSACTION 'p'")" \
	"0A000: cannot PREPARE a transaction that has submitted or cancelled jobs"
is "it cannot be submitted in a read-only transaction" "$(error_of -c "BEGIN READ ONLY" -c "SELECT mlops.submit('SELECT 1')")" \
	"25006: cannot execute mlops.submit() in a read-only transaction"

# ---- what is not a job
is "syntax errors are told at once" "$(error_of -c "SELECT mlops.submit('SELEC 1')")" '42601: syntax error at or near "SELEC"'
is "two statements are refused" "$(error_of -c "SELECT mlops.submit('SELECT 1; SELECT 2')" | head -n 1)" "42601: a job is one statement, not 2"
is "none is refused" "$(error_of -c "SELECT mlops.submit('  ')" | head -n 1)" "42601: a job is one statement, not 0"
is "COMMIT is refused" "$(error_of -c "SELECT mlops.submit('COMMIT')")" "0A000: a job cannot be COMMIT"
is "COPY from the client is refused" "$(error_of -c "SELECT mlops.submit('COPY log FROM STDIN')")" "0A000: a job cannot be COPY from or to the client"
is "NULL is refused" "$(error_of -c "SELECT mlops.submit(NULL)")" '22004: "command" must not be null'
is "a negative time is refused" "$(error_of -c "SELECT mlops.submit('SELECT 1', '-1 s')")" '22023: "timeout" must be between 1 millisecond and 24 days'
is "retries have a range" "$(error_of -c "SELECT mlops.submit('SELECT 1', max_retries => 101)")" '22023: "max_retries" must be between 0 and 100, not 101'
is "on_conflict has values" "$(error_of -c "SELECT mlops.submit('SELECT 1', on_conflict => 'both')")" '22023: unrecognized "on_conflict": "both"
hint: Valid values are: queue, skip.'
is "skip needs a key" "$(error_of -c "SELECT mlops.submit('SELECT 1', on_conflict => 'skip')" | head -n 1)" '22023: on_conflict "skip" needs a key'

# ---- role and settings
is "it runs as its role" "$(run "SELECT session_user, current_user" -d postgres -U ann; last "owner, result")" \
	'succeeded
ann|[{"current_user": "ann", "session_user": "ann"}]'
is "and cannot be another one" "$(run "SET ROLE postgres" -d postgres -U ann; last "error ->> 'sqlstate'")" "failed
42501"
is "a role that cannot log in is refused" "$(error_of -c "SET ROLE team" -c "SELECT mlops.submit('SELECT 1')")" \
	'28000: role "team" is not permitted to log in
hint: Submit it as a role with LOGIN, for example after RESET ROLE.'
is "the session's settings go with it" "$(query <<-SQL 2>/dev/null
	SET search_path = elsewhere;
	SET timezone = 'Asia/Kathmandu';
	SET work_mem = '7MB';
	SELECT mlops.submit('SELECT place, current_setting(''timezone'') AS zone, current_setting(''work_mem'') AS mem FROM here') AS job \gset
	CALL mlops.wait(:job);
	SELECT mlops.result(:job);
SQL
)" 'succeeded
[{"mem": "7MB", "zone": "Asia/Kathmandu", "place": "elsewhere"}]'
query -c "ALTER ROLE ann SET search_path = elsewhere" -c "GRANT USAGE ON SCHEMA elsewhere TO ann" -c "GRANT SELECT ON elsewhere.here TO ann"
query -c "ALTER ROLE ann SET default_transaction_isolation = serializable"
is "so does an application's own" "$(query <<-SQL 2>/dev/null
	SET app.tenant = '7';
	SELECT mlops.submit('SELECT current_setting(''app.tenant'') AS tenant') AS job \gset
	CALL mlops.wait(:job);
	SELECT mlops.result(:job);
SQL
)" 'succeeded
[{"tenant": "7"}]'
is "what only a superuser may set does not go with another role's job" "$(query <<-SQL 2>/dev/null
	SET log_min_duration_statement = 60000;
	SET ROLE ann;
	SELECT mlops.submit('SELECT 1') AS job \gset
	CALL mlops.wait(:job);
SQL
)" succeeded
sleep 0.5						# what ALTER ROLE sets is for workers that start from now on
is "the role's own apply" "$(run "SELECT place, current_setting('transaction_isolation') AS isolation FROM here" -d postgres -U ann; last result)" 'succeeded
[{"place": "elsewhere", "isolation": "serializable"}]'
query -c "ALTER ROLE ann RESET default_transaction_isolation"
query -c "ALTER ROLE bob SET default_transaction_read_only = on" -c "ALTER ROLE bob SET statement_timeout = '50ms'"
is "even where they make it read-only" "$(run "INSERT INTO log (what) VALUES ('bob')" -d postgres -U bob 2>&1 | grep -c 'read-only')" 0
query -d postgres -U bob -c "SET default_transaction_read_only = off" -c "SELECT mlops.submit('INSERT INTO log (what) VALUES (''bob'')')" -c "SELECT mlops.submit('SELECT pg_sleep(0.2)')" >/dev/null
ended
is "a read-only role's job cannot write, but can read and take its time" "$(query -c "SELECT string_agg(state, ',' ORDER BY job_id) FROM mlops.jobs WHERE owner = 'bob'::regrole")" "failed,succeeded"
query -c "ALTER ROLE bob RESET ALL"
is "nothing of a session is left for the next job" "$(query <<-SQL 2>/dev/null
	SELECT mlops.submit('SELECT set_config(''work_mem'', ''9MB'', false)') AS a \gset
	SELECT mlops.submit('CREATE TEMP TABLE t AS SELECT 1') AS b \gset
	SELECT mlops.submit('SELECT pg_advisory_lock(42)') AS c \gset
	SELECT mlops.submit('PREPARE p AS SELECT 1') AS d \gset
	CALL mlops.wait(:a); CALL mlops.wait(:b); CALL mlops.wait(:c); CALL mlops.wait(:d);
	SELECT mlops.submit('SELECT current_setting(''work_mem'') AS m, to_regclass(''t'') AS t, (SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'') AS l, (SELECT count(*) FROM pg_prepared_statements) AS p') AS e \gset
	CALL mlops.wait(:e);
	SELECT mlops.result(:e);
SQL
)" 'succeeded
succeeded
succeeded
succeeded
succeeded
[{"l": 0, "m": "4MB", "p": 0, "t": null}]'

# ---- time limits and cancel
is "a cancelled job says that it was" "$(query <<-SQL 2>&1 | grep -o 'was cancelled: .*'
	SELECT mlops.submit('SELECT pg_sleep(60)') AS job \gset
	CALL mlops.wait(:job, '500 ms');
	SELECT mlops.cancel(:job);
	CALL mlops.wait(:job, '10 s');
	SELECT mlops.result(:job);
SQL
)" "was cancelled: canceling statement due to user request"
is "its own time limit" "$(query -c "SELECT mlops.submit('SELECT pg_sleep(30)', '300 ms')" >/dev/null; ended; last "state, run_ms BETWEEN 300 AND 1000, error ->> 'message'")" \
	"timed_out|t|canceling statement due to statement timeout"
is "the setting's, if it has none" "$(query -c "SET mlops.job_timeout = 250" -c "SELECT mlops.submit('SELECT pg_sleep(30)')" >/dev/null; ended; last "state, timeout")" \
	"timed_out|00:00:00.25"
is "a running job is cancelled within a second" "$(query <<-SQL 2>/dev/null
	SELECT mlops.submit('SELECT pg_sleep(30)') AS job \gset
	CALL mlops.wait(:job, '500 ms');
	SELECT clock_timestamp() AS asked \gset
	SELECT mlops.cancel(:job);
	CALL mlops.wait(:job, '10 s');
	SELECT ended_at - :'asked' < '1 s', (SELECT string_agg(event, ', ' ORDER BY event_id) FROM mlops.job_events e WHERE e.job_id = j.job_id)
	FROM mlops.jobs j WHERE job_id = :job;
	SELECT mlops.cancel(:job);
SQL
)" "running
t
cancelled
t|queued, starting, running, cancel requested, cancelled
f"
is "a training too" "$(query <<-SQL 2>/dev/null
	CREATE TABLE big AS SELECT random() AS a, random() AS b, random() < 0.1 AS label FROM generate_series(1, 200000);
	SELECT mlops.submit(\$\$SELECT mlops.train('m', 'big', target => 'label', params => '{"n_estimators": 5000}')\$\$) AS job \gset
	CALL mlops.wait(:job, '1500 ms');
	SELECT command, subject, phase, total FROM mlops.job_progress WHERE job_id = :job;
	SELECT clock_timestamp() AS asked \gset
	SELECT mlops.cancel(:job);
	CALL mlops.wait(:job, '10 s');
	SELECT ended_at - :'asked' < '1 s' FROM mlops.jobs j WHERE job_id = :job;
SQL
)" "running
train|m|fit|5000
t
cancelled
t"
is "a queued job is cancelled without running" "$(start "mlops.max_workers = 0" "max_prepared_transactions = 2"; query <<-SQL
	SELECT mlops.submit('INSERT INTO log (what) VALUES (''never'')') AS job \gset
	BEGIN;
	SELECT mlops.cancel(:job);
	ROLLBACK;
	SELECT state FROM mlops.jobs WHERE job_id = :job;
	SELECT mlops.cancel(:job);
	SELECT state, attempts FROM mlops.jobs WHERE job_id = :job;
SQL
)" "t
queued
t
cancelled|0"
is "no job to cancel" "$(error_of -c "SELECT mlops.cancel(123456)")" "42704: job 123456 does not exist
hint: View mlops.jobs lists the jobs you may see."
is "waiting for it either" "$(error_of -c "CALL mlops.wait(123456)" | head -n 1)" "42704: job 123456 does not exist"
is "a result too early" "$(query -c "SELECT mlops.submit('SELECT 1')" >/dev/null; error_of -c "SELECT mlops.result($(last job_id))")" \
	"55000: job $(last job_id) has not ended: it is queued
hint: Wait for it with CALL mlops.wait($(last job_id))."

# ---- order (nothing runs yet)
query >/dev/null <<SQL
SELECT mlops.submit('INSERT INTO log (what) VALUES (''low'')', priority => -1);
SELECT mlops.submit('INSERT INTO log (what) VALUES (''first'')');
SELECT mlops.submit('INSERT INTO log (what) VALUES (''second'')');
SELECT mlops.submit('INSERT INTO log (what) VALUES (''high'')', priority => 10);
SQL
start "mlops.max_workers = 1"
ended
is "higher priorities first, then as they came" "$(query -c "SELECT string_agg(what, ' ' ORDER BY id) FROM log WHERE what IN ('low', 'first', 'second', 'high')")" "high first second low"

# ---- keys
start "mlops.max_workers = 4"
query >/dev/null 2>&1 <<SQL
SELECT mlops.submit('SELECT pg_sleep(0.4)', key => 'k');
SELECT mlops.submit('SELECT pg_sleep(0.4)', key => 'k');
SELECT mlops.submit('SELECT pg_sleep(0.4)', key => 'other');
SQL
is "skip while one has not ended" "$(query -c "SELECT mlops.submit('SELECT 1', key => 'k', on_conflict => 'skip') IS NULL" 2>&1 | sed 's/job [0-9]*/job/')" \
	'NOTICE:  skipped: job with key "k" has not ended
t'
is "another role's key is another key" "$(query -d postgres -U bob -c "SELECT mlops.submit('SELECT 1', key => 'k', on_conflict => 'skip') IS NULL")" f
ended
is "what is skipped is counted" "$(query -c "SELECT count(*) FROM mlops.job_events WHERE event = 'skipped'")" 1
query -c "SELECT count(mlops.submit(format('SELECT %s', i), key => 'of ' || i % 5)) FROM generate_series(1, 200) i" >/dev/null
ended
is "jobs with one key run one after the other, as they came" "$(query -c "SELECT count(*), bool_and(b.started_at >= a.ended_at) FROM mlops.jobs a JOIN mlops.jobs b ON a.key = b.key AND a.owner = b.owner AND a.job_id < b.job_id AND a.key LIKE 'of %'")" "3900|t"
is "so did those of the first key" "$(query -c "SELECT count(*) > 0 AND bool_and(b.started_at >= a.ended_at) FROM mlops.jobs a JOIN mlops.jobs b ON a.key = b.key AND a.owner = b.owner AND a.job_id < b.job_id WHERE a.key = 'k'")" t
is "others do" "$(query -c "SELECT bool_or(b.started_at < a.ended_at) FROM mlops.jobs a JOIN mlops.jobs b ON a.key = 'k' AND b.key = 'other'")" t
is "when it has ended the next one is taken" "$(query -c "SELECT mlops.submit('SELECT 1', key => 'k', on_conflict => 'skip') IS NULL")" f

# ---- retries
query -c "CREATE SEQUENCE tries"
query -c "SELECT mlops.submit('SELECT 1 / (nextval(''tries'') / 3)', max_retries => 5)" >/dev/null
ended
is "it is tried again until it succeeds" "$(last "state, attempts, error IS NULL")" "succeeded|3|t"
is "after waits that double" "$(query -c "SELECT string_agg(event, ' ' ORDER BY event_id),
	bool_and(CASE WHEN event = 'starting' AND attempt > 1 THEN at - before BETWEEN interval '200 ms' * 2 ^ (attempt - 2) AND interval '400 ms' * 2 ^ (attempt - 2) + interval '500 ms' ELSE true END)
	FROM (SELECT *, lag(at) OVER (ORDER BY event_id) AS before FROM mlops.job_events WHERE job_id = (SELECT max(job_id) FROM mlops.jobs)) AS e")" \
	"queued starting running failed queued starting running failed queued starting running succeeded|t"
query -c "SELECT mlops.submit('SELECT 1/0', max_retries => 1)" >/dev/null
ended
is "or there is none left" "$(last "state, attempts, error ->> 'sqlstate'")" "failed|2|22012"
# gives_up STATEMENT SQLSTATE
gives_up()
{
	query -c "SELECT mlops.submit(\$\$$1\$\$, max_retries => 3)" >/dev/null
	ended
	is "nor what would fail in the same way: $2" "$(last "state, attempts, error ->> 'sqlstate'")" "failed|1|$2"
}
gives_up "CALL nightly_scoers()" 42883
gives_up "SELECT * FROM none" 42P01
gives_up "SELECT mlops.score_table('none', 'pg_class', key => 'relname')" 42704
gives_up "CALL none.at_all()" 3F000
gives_up "DO 'BEGIN EXECUTE ''SELEC 1''; END'" 42601
gives_up "DO 'BEGIN RAISE insufficient_privilege; END'" 42501
is "which is said" "$(query -c "CALL mlops.wait($(last job_id))" 2>&1 | sed -n '2s/^.*NOTICE: *job [0-9]* //p')" "is not tried again: the next attempt would meet the same error"
is "with the error" "$(query -c "SELECT mlops.result($(last job_id))" 2>&1 | grep -c 'It is not tried again')" 1
is "what a procedure raises is tried again" "$(query -c "SELECT mlops.submit(\$\$DO 'BEGIN RAISE EXCEPTION ''not yet''; END'\$\$, max_retries => 1)" >/dev/null; ended; last "state, attempts")" "failed|2"
query -c "SELECT mlops.submit('SELECT pg_sleep(30)', '200 ms', max_retries => 1)" >/dev/null
ended
is "also after a time limit" "$(last "state, attempts")" "timed_out|2"
is "a cancelled one is not tried again" "$(query <<-SQL 2>/dev/null | tail -n 1
	SELECT mlops.submit('SELECT pg_sleep(30)', max_retries => 5) AS job \gset
	CALL mlops.wait(:job, '300 ms');
	SELECT mlops.cancel(:job);
	CALL mlops.wait(:job, '10 s');
SQL
)" cancelled

# ---- who sees what
query -d postgres -U ann -c "SELECT mlops.submit('SELECT pg_sleep(30)')" >/dev/null
job=$(last job_id)
until_true "SELECT state = 'running' FROM mlops.jobs WHERE job_id = $job"
is "a member of the role sees its jobs" "$(query -d postgres -U ann_friend -c "SELECT count(*) FROM mlops.jobs WHERE job_id = $job")" 1
is "another role does not" "$(query -d postgres -U bob -c "SELECT (SELECT count(*) FROM mlops.jobs WHERE job_id = $job), (SELECT count(*) FROM mlops.job_events WHERE job_id = $job), (SELECT count(*) FROM mlops.job_progress)")" "0|0|0"
is "nor cancels it" "$(error_of -d postgres -U bob -c "SELECT mlops.cancel($job)")" "42704: job $job does not exist
hint: View mlops.jobs lists the jobs you may see."
is "nor waits for it" "$(error_of -d postgres -U bob -c "CALL mlops.wait($job)" | head -n 1)" "42704: job $job does not exist"
is "the member cancels it" "$(query -d postgres -U ann_friend -c "SELECT mlops.cancel($job)")" t
query -c "ALTER TABLE tx OWNER TO ann" -c "GRANT USAGE, CREATE ON SCHEMA public TO ann"
query -d postgres -U ann -c "SELECT mlops.train('of_ann', 'public.tx', target => 'label', params => '{\"n_estimators\": 2}')" >/dev/null 2>&1
is "nobody else's model gets a job" "$(error_of -d postgres -U bob -c "SELECT mlops.submit('SELECT 1', model => 'of_ann')" | head -n 1)" '42501: permission denied to view model "of_ann"'
query -d postgres -U ann -c "SELECT mlops.grant('of_ann', 'bob', 'view')" >/dev/null
query -d postgres -U bob -c "SELECT mlops.submit('SELECT pg_sleep(30)', model => 'of_ann')" >/dev/null
job=$(last job_id)
is "the model's owner sees and cancels what is for the model" "$(query -d postgres -U ann_friend -c "SELECT count(*) FROM mlops.jobs WHERE job_id = $job" -c "SELECT mlops.cancel($job)")" "1
t"
is "the catalog is out of reach" "$(error_of -d postgres -U ann -c "SELECT * FROM mlops_catalog.job")" "42501: permission denied for table job"
ended

# ---- limits and turns
start "mlops.max_workers = 3" "mlops.max_workers_per_role = 1"
query -d postgres -U ann -c "SELECT mlops.submit('SELECT pg_sleep(0.3)') FROM generate_series(1, 3)" >/dev/null
query -d postgres -U bob -c "SELECT mlops.submit('SELECT pg_sleep(0.3)') FROM generate_series(1, 3)" >/dev/null
ended
overlaps="SELECT count(*) FROM mlops.jobs a JOIN mlops.jobs b ON a.job_id < b.job_id AND a.started_at < b.ended_at AND b.started_at < a.ended_at
	AND a.command = b.command AND a.command = 'SELECT pg_sleep(0.3)'"
is "a role has one worker at a time" "$(query -c "$overlaps AND a.owner = b.owner")" 0
is "while others have theirs" "$(query -c "SELECT (${overlaps} AND a.owner <> b.owner) > 0")" t
start "mlops.max_workers = 1"
query -d postgres -U ann -c "SELECT mlops.submit('SELECT pg_sleep(0.1), ''turn''') FROM generate_series(1, 8)" >/dev/null
query -d postgres -U bob -c "SELECT mlops.submit('SELECT pg_sleep(0.1), ''turn''')" >/dev/null
ended
is "nobody waits behind all of another role's jobs" "$(query -c "SELECT (SELECT count(*) FROM mlops.jobs a WHERE a.command LIKE '%turn%' AND a.owner = 'ann'::regrole AND a.started_at BETWEEN b.submitted_at AND b.started_at) <= 3
	FROM mlops.jobs b WHERE b.command LIKE '%turn%' AND b.owner = 'bob'::regrole")" t
for pair in $(seq 40); do
	for role in ann bob; do
		echo "\\c - $role"
		echo "SELECT mlops.submit('SELECT $pair, ''pair''');"
	done
done | query -d postgres >/dev/null
ended
is "80 workers one after the other leave no place taken" "$(query -c "SELECT count(*) FROM mlops.jobs WHERE command LIKE '%pair%' AND state = 'succeeded'")" 80
query -c 'CREATE DATABASE other' && query -d other -c 'CREATE EXTENSION mlops'
query -c "SELECT mlops.submit('SELECT pg_sleep(0.1), ''here''') FROM generate_series(1, 8)" >/dev/null
query -d other -c "SELECT mlops.submit('SELECT now() AS t')" >/dev/null
ended
is "nor behind another database's" "$(query -c "SELECT count(*) <= 3 FROM mlops.jobs WHERE command LIKE '%here%'
	AND started_at BETWEEN $(query -d other -c "SELECT format('%L AND %L', submitted_at, started_at) FROM mlops.jobs")")" t

# ---- what is gone when it would start
start "mlops.max_workers = 0"
query -c "CREATE ROLE gone LOGIN; CREATE ROLE barred LOGIN; CREATE ROLE locked LOGIN"
for role in gone barred locked; do
	query -d other -U $role -c "SELECT mlops.submit('SELECT 1')" >/dev/null
done
query -d postgres -c "SELECT mlops.submit('SELECT 1')" >/dev/null
query -c 'CREATE DATABASE vanished' && query -d vanished -c 'CREATE EXTENSION mlops' -c "SELECT mlops.submit('SELECT 1')" >/dev/null
query -c 'CREATE DATABASE bare' && query -d bare -c 'CREATE EXTENSION mlops' -c "SELECT mlops.submit('SELECT 1')" >/dev/null
query -c "DROP ROLE gone; ALTER ROLE locked NOLOGIN; REVOKE CONNECT ON DATABASE other FROM PUBLIC"
query -d bare -c 'DROP EXTENSION mlops'
query -c 'DROP DATABASE vanished'
query -c "ALTER SYSTEM SET mlops.max_workers = 2" -c "SELECT pg_reload_conf()" >/dev/null
ended
ended 20 -d other
is "jobs of a role that is gone, locked or barred fail" "$(query -d other -c "SELECT string_agg(concat_ws(' ', state, error ->> 'sqlstate', attempts), ', ' ORDER BY job_id) FROM mlops.jobs WHERE job_id > 1")" \
	"failed 28000 0, failed 42501 0, failed 28000 0"
is "others run on" "$(run 'SELECT 1')" succeeded
query -c "GRANT CONNECT ON DATABASE other TO PUBLIC"
is "and the role's next job, when it may again" "$(run 'SELECT 1' -d other -U barred)" succeeded

# ---- idle workers are in nobody's way
run 'SELECT 1' -d other >/dev/null
is "DROP EXTENSION does not wait" "$(query -d other -c "SET lock_timeout = '500ms'" -c 'DROP EXTENSION mlops' && echo done)" "done"
query -d other -c 'CREATE EXTENSION mlops'
run 'SELECT 1' -d other >/dev/null
is "DROP DATABASE does not either" "$(query -c 'DROP DATABASE other' && echo done)" "done"
query -c "SELECT mlops.submit('SELECT pg_sleep(30)')" >/dev/null
until_true "SELECT state = 'running' FROM mlops.jobs ORDER BY job_id DESC LIMIT 1"
is "a job loses its table" "$(query -c 'DROP EXTENSION mlops CASCADE' 2>/dev/null && query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'mlops job worker'")" t
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops job worker'"
query -c 'CREATE EXTENSION mlops'
is "and jobs go on in the new one" "$(run 'SELECT 1')" succeeded
# ---- a dump, restored beside
private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.max_workers = 0"
query -c "SELECT mlops.submit('SELECT 2')" >/dev/null
query -c 'CREATE DATABASE copy' -c 'ALTER SYSTEM RESET ALL'
"$bin/pg_dump" -h "$server/socket" -p 5432 -U postgres postgres >"$server/dump.sql"
query -d copy -f - <"$server/dump.sql" >/dev/null
is "a dump has the jobs that have ended" "$(query -d copy -c "SELECT count(*) > 0, bool_and(state = 'succeeded') FROM mlops.jobs" -c "SELECT count(*) > 0 FROM mlops.job_events")" "t|t
t"
start
is "and what is queued runs where it was" "$(query -c "CALL mlops.wait($(last job_id), '10 s')")" succeeded
is "a restored one goes on counting" "$(query -d copy -c "SELECT mlops.submit('SELECT 1') > (SELECT max(job_id) FROM mlops.jobs)")" t
ended 20 -d copy
is "old ones can be deleted" "$(query -d copy -c "DELETE FROM mlops_catalog.job WHERE ended_at < now()" -c "SELECT (SELECT count(*) FROM mlops.jobs), (SELECT count(*) FROM mlops.job_events)")" "0|0"

is "an idle worker ends" "$(sleep 0.6; query -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops job worker'")" 0
is "the launcher is in no database" "$(query -c "SELECT count(*), count(datid) FROM pg_stat_activity WHERE backend_type = 'mlops launcher'")" "1|0"
postmaster=$(head -n 1 "$server/data/postmaster.pid")
is "the postmaster has one thread and no OpenBLAS" "$(sed -n 's/^Threads:[^0-9]*//p' "/proc/$postmaster/status") $(grep -c blas "/proc/$postmaster/maps")" "1 0"
echo "1..$n"
