#!/bin/sh
# created_anew.sh - an extension that is dropped and created anew while workers of
# the one before are at work: theirs do not touch it, and its own jobs run.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0" "mlops.job_retry_delay = '100ms'" "mlops.max_workers = 4"
query <<'SQL'
-- Waits until it is let go
CREATE FUNCTION hold() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	WHILE (pg_stat_file('go', true)).size IS NULL LOOP
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN 0;
END $$;
SQL
ended="SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"

# job_under_way STATEMENT: job 1 is created and at work
job_under_way()
{
	query <<-SQL
		DROP EXTENSION IF EXISTS mlops CASCADE;
		DROP TABLE IF EXISTS was_run;
		CREATE EXTENSION mlops;
	SQL
	query -v command="$1" <<-'SQL' >/dev/null
		SELECT mlops.submit(:'command', max_retries => 3);
	SQL
	until_true "SELECT state = 'running' FROM mlops.jobs WHERE job_id = 1"
}

create_anew()
{
	query -c "DROP EXTENSION mlops CASCADE" -c "CREATE EXTENSION mlops"
}

# the end of job 1 of the second extension, with what it did
second()
{
	query -c "SELECT job_id, command, state, attempts, error, (SELECT count(*) FROM was_run),
		(SELECT string_agg(event, ' ' ORDER BY at, attempt) FROM mlops.job_events AS e WHERE e.job_id = j.job_id) FROM mlops.jobs AS j"
}
good="1|INSERT INTO was_run VALUES (1)|succeeded|1||1|queued starting running succeeded"
gone()
{
	until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops job worker' AND query ~ '$1'" 60
}

for statement in "SELECT hold()" "SELECT 1 / hold()" "DO 'BEGIN PERFORM hold(); COMMIT; PERFORM 1; END'"; do
	rm -f "$server/data/go"
	job_under_way "$statement"
	create_anew
	query -c "CREATE TABLE was_run (n int)" -c "SELECT mlops.submit('INSERT INTO was_run VALUES (1)')" >/dev/null
	until_true "$ended"
	is "a job of the new one runs while one of the old does: $statement" "$(second)" "$good"
	is "a cancel does not reach the old one" "$(query -c "SELECT mlops.cancel(1)" -c "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'hold' AND backend_type = 'mlops job worker'")" "f
1"
	touch "$server/data/go"
	gone hold
	sleep 0.5
	is "nor does the old one's end reach it" "$(second)" "$good"
	is "the log says what became of the old one" "$(grep -c 'job 1 has no end on record: extension "mlops" was dropped' "$server/log")" "$((n / 4 + 1))"
done

# one that waits for the place of the old one's worker
private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0" "mlops.max_workers = 1"
job_under_way "SELECT pg_sleep(5)"
create_anew
query -c "CREATE TABLE was_run (n int)" -c "SELECT mlops.submit('INSERT INTO was_run VALUES (1)')" >/dev/null
until_true "$ended" 30
is "a job that has to wait for the old one's worker runs, too" "$(second)" "$good"
job_under_way "SELECT pg_sleep(5)"
query -c "DROP EXTENSION mlops CASCADE"
gone 'pg_sleep\(5\)'
query -c "CREATE EXTENSION mlops" -c "CREATE TABLE was_run (n int)" -c "SELECT mlops.submit('INSERT INTO was_run VALUES (1)')" >/dev/null
until_true "$ended" 30
is "so does one of an extension that came later" "$(second)" "$good"

# ---- what learns for long
query -c "CREATE TABLE tx AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 20000) AS i"
query -c "SELECT mlops.train('slow', 'tx', target => 'fraud', key => 'id', params => '{\"n_estimators\": 20000}')" >/dev/null 2>"$server/train.errors" &
until_true "SELECT count(*) = 1 FROM mlops.job_progress WHERE subject = 'slow'"
is "who drops the extension waits for a training" "$(error_of -c "SET lock_timeout = '500ms'" -c "DROP EXTENSION mlops CASCADE")" "55P03: canceling statement due to lock timeout"
query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT mlops.train' AND backend_type = 'client backend'" >/dev/null
wait
for call in "tune('t', 'tx', target => 'fraud', key => 'id', trials => 500, parallel => 2)" "cross_validate('t', 'tx', target => 'fraud', key => 'id', params => '{\"n_estimators\": 5000}', parallel => 2)"; do
	name=${call%%(*}
	query -v VERBOSITY=verbose -c "SELECT * FROM mlops.$call" >/dev/null 2>"$server/$name.errors" &
	until_true "SELECT count(*) >= 2 FROM pg_stat_activity WHERE backend_type ~ '^mlops' AND state = 'active' AND query ~ '(fold|trial) '" 30
	query -c "DROP EXTENSION mlops CASCADE" -c "CREATE EXTENSION mlops"
	wait
	is "$name ends when the extension is dropped, and leaves nothing in the new one" \
		"$(grep -o '55000: .*' "$server/$name.errors")
$(query -c "SELECT (SELECT count(*) FROM mlops.runs), (SELECT count(*) FROM mlops.models)")" '55000: extension "mlops" was dropped meanwhile, or is being dropped
0|0'
done


# ---- what is lost is said
# drop [PSQL ARGUMENT...]: what $dropping says, rolled back
dropping="DROP EXTENSION IF EXISTS mlops"
drop()
{
	query -v ON_ERROR_STOP=0 "$@" -c "BEGIN" -c "$dropping" -c "ROLLBACK" 2>&1 | sed -nE 's/^(psql.*)?(WARNING|ERROR|DETAIL|HINT): +/\2: /p'
}
is "an extension without anything goes in silence" "$(drop)" ""
query -c "SELECT mlops.train('m', 'tx', target => 'fraud', features => '{a}', params => '{\"n_estimators\": 2}')" -c "SELECT mlops.deploy('m', 1)" -c "SELECT count(mlops.decide('m', t)) FROM tx AS t WHERE id <= 12" \
	-c "SELECT mlops.train('m', 'tx', target => 'fraud', features => '{a}', params => '{\"n_estimators\": 2}', seed => 2)" >/dev/null 2>&1
is "else it is said what goes with it" "$(drop)" 'WARNING: dropping extension "mlops" deletes 1 model, 2 runs, 12 decisions with their labels, and the audit log
HINT: Page "operations" says what to keep before, and how to end schedules. In a transaction, ROLLBACK takes it back.'
warning=$(drop | head -n 1)
dropping="DROP SCHEMA mlops CASCADE"
is "so it is of the schema that it is in" "$(drop | head -n 1)" "$warning"
dropping="DROP EXTENSION plpgsql CASCADE"
is "and of the language of its functions" "$(drop | head -n 1)" "$warning"
dropping="DROP SCHEMA mlops"
is "but not where that is refused" "$(drop | head -n 1)" "ERROR: cannot drop schema mlops because other objects depend on it"
dropping="DROP OWNED BY postgres CASCADE"
is "nor where its owner is that of the server" "$(drop | head -n 1 | cut -c1-38)" "ERROR: cannot drop objects owned by ro"
dropping="DROP EXTENSION IF EXISTS mlops"
query -c "CREATE ROLE boss SUPERUSER LOGIN" -c "CREATE ROLE clerk" -c "CREATE DATABASE bossy OWNER boss"
query -d bossy -U boss -c "CREATE EXTENSION mlops" -c "SELECT mlops.start_run('x')" >/dev/null
for dropping in "DROP OWNED BY boss" "DROP OWNED BY clerk, CURRENT_USER" "DROP OWNED BY clerk" "DROP OWNED BY nobody_at_all"; do
	drop -d bossy -U boss | head -n 1
done >"$server/owned"
is "what DROP OWNED takes along is said" "$(cat "$server/owned")" 'WARNING: dropping extension "mlops" deletes 0 models, 1 run, 0 decisions with their labels, and the audit log
WARNING: dropping extension "mlops" deletes 0 models, 1 run, 0 decisions with their labels, and the audit log
ERROR: role "nobody_at_all" does not exist'
dropping="DROP EXTENSION IF EXISTS mlops"
is "nothing of it is gone after ROLLBACK" "$(query -c "SELECT count(*) FROM mlops.predictions")" 12
query -c "INSERT INTO mlops_catalog.schedule (owner, name, cron, command, cron_job_id, max_retries, priority) VALUES ('postgres', 's', '@daily', 'SELECT 1', 1, 0, 0)" >/dev/null
is "and what stays" "$(drop | sed -n 2p)" "DETAIL: 1 schedule is left to pg_cron, which goes on calling what is not there."
query -c "CREATE ROLE nobody_much LOGIN"
is "who may not drop it does not hear what there is" "$(drop -d postgres -U nobody_much)" "ERROR: must be owner of extension mlops"
query -c "ALTER TABLE mlops_catalog.run RENAME TO ran"
is "a catalog that is broken is no reason to keep it" "$(drop)" ""
query -c "ALTER TABLE mlops_catalog.ran RENAME TO run"
query -c "BEGIN" -c "LOCK TABLE mlops_catalog.run" -c "SELECT pg_sleep(3)" >/dev/null &
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)'"
is "a cancel while it is counted is one of the statement" "$(drop -c "SET statement_timeout = '300ms'" | tail -n 1)" "ERROR: canceling statement due to statement timeout"
wait
echo "1..$n"
