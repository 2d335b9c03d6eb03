#!/bin/sh
# jobs_state.sh - what a job leaves behind: no process, no setting of its session,
# whatever way it ended; and which of several that wait comes next.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.job_retry_delay = '200ms'" "mlops.maintenance_interval = 0" "$@"
}

# Jobs submitted while none runs, then run one after the other by one worker.
run_all()
{
	start "mlops.max_workers = 0"
	query >/dev/null
	start "mlops.max_workers = 1"
	until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 30
}

start "mlops.max_workers = 0"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY, what text, pid int DEFAULT pg_backend_pid());
CREATE PROCEDURE sets(fails boolean) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) VALUES ('set');
	PERFORM set_config('work_mem', '77MB', false), set_config('TimeZone', 'Asia/Kathmandu', false);
	COMMIT;
	IF fails THEN
		RAISE EXCEPTION 'on purpose';
	END IF;
END $$;
CREATE FUNCTION note() RETURNS void LANGUAGE sql AS $$
	INSERT INTO log (what) VALUES (concat_ws(' ', 'then', current_setting('work_mem'), current_setting('TimeZone')))
$$;
SQL
usual=$(query -c "SELECT current_setting('work_mem') || ' ' || current_setting('TimeZone')")

run_all <<'SQL'
SELECT mlops.submit('CALL sets(true)');
SELECT mlops.submit('SELECT note()');
SELECT mlops.submit('CALL sets(false)');
SELECT mlops.submit('SELECT note()');
SQL
is "one worker ran them all" "$(query -c "SELECT count(*), count(DISTINCT pid) FROM log")" "4|1"
is "the first failed, the others did not" "$(query -c "SELECT string_agg(state, ' ' ORDER BY job_id) FROM mlops.jobs")" "failed succeeded succeeded succeeded"
is "what a procedure has committed of its session, and fails, is not the next job's" \
	"$(query -c "SELECT what FROM log WHERE what LIKE 'then%' ORDER BY id LIMIT 1")" "then $usual"
is "nor if it succeeds" "$(query -c "SELECT what FROM log WHERE what LIKE 'then%' ORDER BY id DESC LIMIT 1")" "then $usual"

run_all <<'SQL'
TRUNCATE log;
SELECT mlops.submit('SELECT pg_sleep(30)', timeout => '200 ms');
SELECT mlops.submit('SELECT 1 / 0', max_retries => 1, key => 'fails');
SELECT mlops.submit('SELECT pg_terminate_backend(pg_backend_pid())');
SELECT mlops.submit('SELECT 1');
SQL
is "one that failed gives its key back, once" "$(grep -c 'own a lock of type' "$server/log" || :)" 0
is "they end in every way" "$(query -c "SELECT string_agg(state || ' ' || attempts, ', ' ORDER BY job_id) FROM mlops.jobs WHERE job_id > 4")" \
	"timed_out 1, failed 2, crashed 1, succeeded 1"
is "none that ended has a process" "$(query -c "SELECT count(*) FROM mlops.jobs WHERE pid IS NOT NULL")" 0

run_all <<'SQL'
TRUNCATE log;
SELECT mlops.submit($$INSERT INTO log (what) VALUES ('k low')$$, key => 'k', priority => -5);
SELECT mlops.submit($$INSERT INTO log (what) VALUES ('k first')$$, key => 'k');
SELECT mlops.submit($$INSERT INTO log (what) VALUES ('k high')$$, key => 'k', priority => 5);
SELECT mlops.submit($$INSERT INTO log (what) VALUES ('k second')$$, key => 'k');
SELECT mlops.submit($$INSERT INTO log (what) VALUES ('other')$$, priority => 3);
SQL
is "of those with one key the highest priority comes first, too" "$(query -c "SELECT string_agg(what, ', ' ORDER BY id) FROM log")" \
	"k high, other, k first, k second, k low"
echo "1..$n"
