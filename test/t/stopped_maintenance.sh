#!/bin/sh
# stopped_maintenance.sh - where guards, monitors, retrainings and retention wait for
# maintenance that does not run, it is said, and why; where slots are few, they
# have their turn before people's jobs.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 1" "$@"
}
# said SQL: its warnings
said()
{
	query -v VERBOSITY=default -c "$1" 2>&1 >/dev/null | sed -n 's/^.*WARNING:  //p'
}
problems()
{
	query -c "SELECT model, object, regexp_replace(problem, '[0-9]{4}-[0-9:. T+-]+[0-9]', 'T', 'g') FROM mlops.check_catalog() WHERE object !~ 'schedule' ORDER BY 1, 2"
}
# As if everything had been made, and last been done, an hour ago.
age()
{
	query -q -c "UPDATE mlops_catalog.home SET activated_at = activated_at - interval '1 hour'" \
		-c "UPDATE mlops_catalog.deployment SET deployed_at = deployed_at - interval '1 hour'" \
		-c "UPDATE mlops_catalog.monitor SET created_at = created_at - interval '1 hour'" \
		-c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 hour'" \
		-c "UPDATE mlops_catalog.upkeep SET ended_at = ended_at - interval '1 hour'"
}
canary="SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', guard => '{\"alert_rate\": {\"max\": 0}, \"min_decisions\": 100}')"

# ---- it runs
start "shared_preload_libraries = 'pg_cron,mlops'" "cron.database_name = 'postgres'" "cron.use_background_workers = on"
query <<SQL
CREATE EXTENSION mlops;
CREATE EXTENSION pg_cron;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.schedule('nightly', '0 3 * * *', 'SELECT 1') \g /dev/null
SQL
until_true "SELECT ended_at IS NOT NULL FROM mlops.upkeep WHERE task = 'submit_due'" 30
is "when maintenance last came through is known" "$(query -c "SELECT maintained_at <= now() FROM mlops.activation" -c "SELECT count(*) FROM mlops.upkeep WHERE ended_at IS NOT NULL AND task IN ('submit_due', 'maintain remove')")" "t
2"
is "to Prometheus, too" "$(query -c "SELECT abs((regexp_match(mlops.prometheus_metrics(), 'mlops_task_ended_seconds.task=.maintain remove.. ([0-9.e+]+)'))[1]::float8 - extract(epoch FROM now())::float8) < 30")" t
is "nothing is said of what will run" "$(said "SELECT mlops.monitor('fraud', every => '1 day')")$(said "SELECT mlops.set_retraining_policy('fraud', '0 3 * * *')")" ""
until_true "SELECT ended_at > now() - interval '1 minute' FROM mlops.upkeep WHERE task = 'submit_due'" 30
is "or runs" "$(problems)$(query -c "SELECT last_error FROM mlops.schedules")" ""

# ---- an interval of 0
# a job that a shutdown catches as it starts has failed, and would be told
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 30
start "mlops.maintenance_interval = 0"
is "a guard that nothing looks at is told of" "$(said "$canary")" \
	'the guard of model "fraud" will not run by itself: mlops.maintenance_interval is 0; set it, to 60 say, and reload'
is "a monitor, too" "$(said "SELECT mlops.monitor('fraud', every => '1 hour')")" \
	'the monitor of model "fraud" will not run by itself: mlops.maintenance_interval is 0; set it, to 60 say, and reload'
is "a policy, too" "$(said "SELECT mlops.set_retraining_policy('fraud', '0 4 * * *')")" \
	'the retraining policy of model "fraud" will not run by itself: mlops.maintenance_interval is 0; set it, to 60 say, and reload'
is "a release without conditions waits for nothing" "$(said "BEGIN; SELECT mlops.abort('fraud'); SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id'); ROLLBACK")" ""
is "not at once: somebody may call it" "$(problems)" ""
age
is "check_catalog says what waits, and why" "$(problems)" \
	"fraud|guard|maintenance has not run so far, although the guard of this model waits for it: mlops.maintenance_interval is 0; set it, to 60 say, and reload
fraud|monitor|maintenance has not run since T, although the monitor of this model waits for it: mlops.maintenance_interval is 0; set it, to 60 say, and reload
fraud|retraining policy|maintenance has not run since T, although the retraining policy of this model waits for it: mlops.maintenance_interval is 0; set it, to 60 say, and reload"
query -c "SELECT mlops.check_guards('fraud')" >/dev/null
query -c "SELECT mlops.submit_due()" >/dev/null
is "what somebody calls is done" "$(problems)" ""

# ---- not preloaded any more
private_server start "fsync = off" "shared_preload_libraries = 'pg_cron'" "cron.database_name = 'postgres'" "cron.use_background_workers = on"
age
is "without preloading" "$(problems)" \
	"$(for what in guard monitor "retraining policy"; do echo "fraud|$what|maintenance has not run since T, although the $what of this model waits for it: mlops is not preloaded; add it to shared_preload_libraries and restart the server"; done)"
is "the schedule shows it" "$(query -c "SELECT name, last_error FROM mlops.schedules")" "nightly|mlops is not preloaded: pg_cron cannot submit it"
is "a monitor is told of" "$(said "SELECT mlops.monitor('fraud', every => '2 hours')")" \
	'the monitor of model "fraud" will not run by itself: mlops is not preloaded; add it to shared_preload_libraries and restart the server'

# ---- no slot: of two the other one is that of logical replication
start "max_worker_processes = 2"
until_true "SELECT mlops_catalog.upkeep_hindrance() ~ 'slot'" 30
age
sleep 3
is "without a free slot" "$(problems)" \
	"$(for what in guard monitor "retraining policy"; do echo "fraud|$what|maintenance has not run since T, although the $what of this model waits for it: no background worker slot has been free since T; raise max_worker_processes (2) and restart the server"; done)"
stands_still()
{
	query <<SQL
DO \$\$ BEGIN
	EXECUTE 'CREATE OR REPLACE VIEW mlops_catalog.standstill AS ' || replace(pg_get_viewdef('mlops_catalog.standstill'::regclass), '$1', '$2');
END \$\$;
SQL
}
is "times are UTC, whatever the session's zone" "$(query -c "SET TimeZone = 'Asia/Kathmandu'" -c "SET DateStyle = 'German'" -c "SELECT abs(extract(epoch FROM now() - (regexp_match(mlops_catalog.upkeep_hindrance(), ' since ([-0-9T:.]+[+]00:00);'))[1]::timestamptz)) < 120")" t
# as if the server had started a day ago
stands_still "pg_postmaster_start_time()" "(pg_postmaster_start_time() - ''1 day''::interval)"
is "where all stands still that is one problem, with its cause" "$(problems)" \
	"|maintenance|nothing has run by itself since T, though mlops.maintenance_interval is 1 s: no background worker slot has been free since T; raise max_worker_processes (2) and restart the server"
stands_still "(pg_postmaster_start_time() - ''1 day''::interval)" "pg_postmaster_start_time()"
is "the log says so, once" "$(grep -c 'no background worker slot is free' "$server/log")" 1

# ---- one slot: jobs for ten seconds, of which each lasts half of one
start "max_worker_processes = 3" "mlops.max_workers = 1"
query -c "SELECT count(mlops.decide('fraud', t, id::text)) FROM t" >/dev/null
query -c "SELECT count(mlops.submit('SELECT pg_sleep(0.5)')) FROM generate_series(1, 20)" >/dev/null
began=$(query -c "SELECT now()")
until_true "SELECT count(*) = 1 FROM mlops.deployments" 30
is "guards have their turn though jobs wait" "$(query -c "SELECT action FROM mlops.deployment_history ORDER BY deployment_id DESC LIMIT 1" -c "SELECT count(*) > 0 FROM mlops.jobs WHERE state = 'queued' AND command ~ 'sleep'")" "rollback
t"
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 60
is "so have jobs" "$(query -c "SELECT DISTINCT state FROM mlops.jobs WHERE command ~ 'sleep'")" succeeded
until_true "SELECT maintained_at > '$began'::timestamptz + interval '10 s' FROM mlops.activation" 30
is "the log is not told each time" "$(tail -n +1 "$server/log" | grep -c 'no background worker slot is free')" 2
is "but that it is over" "$(grep -c 'again: a background worker slot is free' "$server/log")" 1

echo "1..$n"
