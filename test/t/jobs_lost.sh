#!/bin/sh
# jobs_lost.sh - a job that is said to run, and that no process has, has crashed: it
# is told of, ended or tried again, and keeps nobody with its key waiting.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.job_retry_delay = '100ms'" "mlops.max_workers = 4" "$@"
}
problems()
{
	query "$@" -c "SELECT object, problem FROM mlops.check_catalog() WHERE object ~ '^job ' ORDER BY 1"
}
# By hand: a statement that is said to run, or start, as the first attempt of one with so many retries.
lost()
{
	query -c "INSERT INTO mlops_catalog.job (command, owner, state, key, priority, max_retries, attempts, pid, started_at)
		VALUES ('SELECT 1 AS $1', current_user::regrole, '$1', '$2', 0, $3, 1, 99999999, now() - interval '1 hour') RETURNING job_id"
}
ended()
{
	query -c "SELECT state, attempts, pid, error ->> 'sqlstate', (SELECT string_agg(event, ' ' ORDER BY event_id) FROM mlops.job_events AS e WHERE e.job_id = j.job_id)
		FROM mlops.jobs AS j WHERE job_id = $1"
}
tells="is marked as running, but no process runs it: others with the key \"%s\" wait for it; maintenance, or mlops.maintain(), ends it, or tries it again if it has retries left"

# ---- without maintenance
start "mlops.maintenance_interval = 0"
query -c "CREATE EXTENSION mlops"
first=$(lost running k 0)
again=$(lost starting l 1)
waits=$(query -c "SELECT mlops.submit('SELECT 2', key => 'k')")
sleep 1
is "another one with its key waits" "$(query -c "SELECT state FROM mlops.jobs WHERE job_id = $waits")" queued
is "while the launcher begins nothing is said" "$(problems)" ""
# as if it had begun long ago
query -c "CREATE VIEW mlops_catalog.others AS SELECT * FROM pg_stat_activity WHERE false" >/dev/null
query <<'SQL'
DO $$ BEGIN
	EXECUTE replace(pg_get_functiondef('mlops_catalog.job_problems()'::regprocedure), 'FROM pg_stat_activity', 'FROM mlops_catalog.others');
END $$;
SQL
# shellcheck disable=SC2059	# a format on purpose
is "then check_catalog names both" "$(problems)" "$(printf "job $first|$tells\njob $again|$tells" k l)"
running=$(query -c "SELECT mlops.submit('SELECT pg_sleep(60)', key => 'm')")
until_true "SELECT state = 'running' FROM mlops.jobs WHERE job_id = $running"
is "not one that runs" "$(problems | grep -c "job $running" || :)" 0
query -c "BEGIN" -c "UPDATE mlops_catalog.job SET priority = 1 WHERE job_id = $again" -c "SELECT pg_sleep(3)" -c "ROLLBACK" >/dev/null &
sleep 1
is "maintenance ends what has no process; what is locked is for the next time" \
	"$(query -c "SELECT action, object FROM mlops.maintain() WHERE object ~ '^job ' ORDER BY 2")" "$(printf 'ended|job %s\nbusy|job %s' "$first" "$again")"
wait
until_true "SELECT state = 'succeeded' FROM mlops.jobs WHERE job_id = $waits"
is "the one without retries has crashed" "$(ended "$first")" "crashed|1||57P02|crashed"
is "the one that waited runs" "$(query -c "SELECT state FROM mlops.jobs WHERE job_id = $waits")" succeeded
query -c "SELECT mlops.maintain()" >/dev/null
until_true "SELECT state = 'succeeded' FROM mlops.jobs WHERE job_id = $again"
is "the one with retries is tried again" "$(ended "$again")" "succeeded|2|||crashed queued starting running succeeded"
is "what runs goes on" "$(query -c "SELECT state FROM mlops.jobs WHERE job_id = $running" -c "SELECT mlops.cancel($running)")" "running
t"
is "and nothing is left to be said" "$(problems)" ""

# ---- in a copy
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
copied=$(lost running k 5)
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'postgres'" 30
query -d template1 -c "CREATE DATABASE copy TEMPLATE postgres"
is "a copy has it, too" "$(problems -d copy | grep -c "job $copied")" 1
query -d copy -c "SELECT mlops.maintain()" >/dev/null
is "there it is not tried again" "$(query -d copy -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $copied")" "crashed|1"
is "where it comes from nothing has changed" "$(query -c "SELECT state FROM mlops.jobs WHERE job_id = $copied")" running

# ---- with maintenance
start "mlops.maintenance_interval = 1" "mlops.max_workers = 0"
until_true "SELECT state = 'queued' FROM mlops.jobs WHERE job_id = $copied"
# who saw first that it was lost, the launcher or a round, is chance
before=$(grep -c "mlops maintenance: ended job $copied" "$server/log" || :)
query -c "UPDATE mlops_catalog.job SET state = 'running', attempts = 6 WHERE job_id = $copied"
until_true "SELECT state = 'crashed' FROM mlops.jobs WHERE job_id = $copied" 30
is "a round of maintenance ends it by itself" "$(query -c "SELECT state FROM mlops.jobs WHERE job_id = $copied")" crashed
# it tells once it has committed, when the state can be seen already
tries=0
until [ "$(grep -c "mlops maintenance: ended job $copied" "$server/log")" -gt "$before" ] || [ "$tries" -ge 50 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
is "and tells the log" "$(grep -c "mlops maintenance: ended job $copied" "$server/log")" $((before + 1))

# ---- where mlops is not preloaded nothing can run
last=$(lost running k 0)
private_server start "fsync = off"
is "without preloading" "$(query -c "SELECT object FROM mlops.check_catalog() WHERE object ~ '^job '" -c "SELECT action FROM mlops.maintain() WHERE object = 'job $last'" -c "SELECT state FROM mlops_catalog.job WHERE job_id = $last")" "job $last
ended
crashed"

echo "1..$n"
