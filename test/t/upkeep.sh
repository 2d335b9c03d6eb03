#!/bin/sh
# upkeep.sh - what runs by itself is not started for ever on what takes the
# worker down; a copy of the database stays quiet; settings and other features of
# the server stand in nobody's way.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 1" "restart_after_crash = on" "$@"
}

start
query <<SQL
CREATE EXTENSION mlops;
CREATE ROLE ann LOGIN;
GRANT CREATE ON SCHEMA public TO ann;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.train('other', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('other', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.deploy('other', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', percent => 50, key => 'id', guard => '{"alert_rate": {"max": 1}, "min_decisions": 1}') \g /dev/null
SQL

# ---- a guard that takes the worker down
# In the place of a model that crashes it: the check waits, and the worker is killed while it holds the mark.
slow_guard()
{
	query <<'SQL'
ALTER FUNCTION mlops_catalog.check_release(regrole, text, mlops_catalog.release) RENAME TO check_release_well;
CREATE FUNCTION mlops_catalog.check_release(caller regrole, model_name text, e mlops_catalog.release) RETURNS SETOF mlops_catalog.guard_check LANGUAGE plpgsql AS $$
BEGIN
	IF model_name = 'fraud' THEN
		PERFORM pg_sleep(300);
	END IF;
	RETURN QUERY SELECT * FROM mlops_catalog.check_release_well(caller, model_name, e);
END
$$;
SQL
}
well_again()
{
	query -c "DROP FUNCTION mlops_catalog.check_release(regrole, text, mlops_catalog.release)" -c "ALTER FUNCTION mlops_catalog.check_release_well(regrole, text, mlops_catalog.release) RENAME TO check_release"
}
slow_guard
waits="SELECT count(*) > 0 FROM mlops.upkeep AS u, pg_stat_activity AS a WHERE u.task = 'guard' AND u.state = 'running' AND a.backend_type = 'mlops maintenance worker' AND a.wait_event = 'PgSleep'"
crash()
{
	until_true "$waits" 30
	kill -9 "$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops maintenance worker'")"
	sleep 0.5	# until the server knows
	until_true "SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'mlops maintenance worker' AND wait_event = 'PgSleep' AND backend_start < now() - interval '1 minute')" 30
}
crash
is "after one crash the guard is tried again" "$(query -c "SELECT crashes FROM mlops.upkeep WHERE model = 'fraud'" | sed 's/^[01]$/yes/')" yes
crash
until_true "SELECT state = 'suspended' FROM mlops.upkeep WHERE model = 'fraud'" 30
is "after the second one it is suspended" "$(query -c "SELECT task, state, reason FROM mlops.upkeep WHERE model = 'fraud'")" \
	"guard|suspended|twice in a row the server, or the worker, ended while it was under way"
is "the log says so" "$(grep -c 'mlops: guard of model "fraud" is suspended: twice in a row' "$server/log")" 1
is "so does check_catalog" "$(query -c "SELECT model, object, problem ~ 'twice in a row' FROM mlops.check_catalog() WHERE model IS NOT NULL")" "fraud|guard|t"
query -c "SELECT mlops.deploy('other', 2, 'canary', key => 'id', ramp => '[{\"percent\": 5, \"wait\": \"0 s\"}, {\"percent\": 100}]')" >/dev/null
until_true "SELECT version = 2 FROM mlops.deployments WHERE model = 'other'" 30
is "others go on" "$(query -c "SELECT version FROM mlops.deployments WHERE model = 'other'")" 2
is "its guard runs no more" "$(query -c "$waits")" f
well_again
is "resumed, it runs" "$(query -c "SELECT mlops.resume_upkeep('fraud', 'guard')")" t
until_true "SELECT state = 'ok' FROM mlops.upkeep WHERE model = 'fraud'" 20
is "and is well" "$(query -c "SELECT state, crashes FROM mlops.upkeep WHERE model = 'fraud'")" "ok|0"

# ---- a shutdown is no crash
slow_guard
until_true "$waits" 30
start "mlops.maintenance_interval = 0"
well_again
is "a shutdown leaves no mark" "$(query -c "SELECT state, crashes FROM mlops.upkeep WHERE model = 'fraud'")" "ok|0"

# ---- people's jobs cannot stand in the way
start "mlops.max_workers = 2"
query -d postgres -U ann -c "SELECT mlops.submit('SELECT pg_sleep(60)') FROM generate_series(1, 2)" >/dev/null
until_true "SELECT count(*) = 1 FROM mlops.jobs WHERE state = 'running'" 20
query -c "SELECT mlops.submit('SELECT 4711')" >/dev/null
until_true "SELECT count(*) = 1 FROM mlops.jobs WHERE state = 'succeeded'" 20
is "a role does not take all workers" "$(query -c "SELECT state FROM mlops.jobs WHERE command ~ '4711'" -c "SELECT string_agg(state, ' ' ORDER BY state) FROM mlops.jobs WHERE owner = 'ann'::regrole")" "succeeded
queued running"
query -c "SELECT mlops.submit('SELECT pg_sleep(60)')" >/dev/null
until_true "SELECT count(*) = 2 FROM mlops.jobs WHERE state = 'running'" 20
query -c "SELECT mlops.monitor('fraud', every => '1 minute')" >/dev/null
until_true "SELECT count(*) > 0 FROM mlops.jobs WHERE key = 'monitor fraud' AND state = 'succeeded'" 30
is "a monitor runs though all workers are taken" "$(query -c "SELECT bool_or(state = 'succeeded') FROM mlops.jobs WHERE key = 'monitor fraud'" -c "SELECT count(*) FROM mlops.jobs WHERE state = 'running' AND command ~ 'sleep'")" "t
2"
query -c "SELECT mlops.cancel(job_id) FROM mlops.jobs WHERE ended_at IS NULL" -c "SELECT mlops.unmonitor('fraud')" >/dev/null
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 20
query -c "DELETE FROM mlops_catalog.job"

# ---- a job of a monitor that ends before it has said how it went
start
query -q -c "ALTER FUNCTION mlops_catalog.run_monitor(regrole, text, timestamptz) RENAME TO run_monitor_well" -c "SELECT mlops.monitor('fraud', every => '1 minute')" >/dev/null
of_monitor="SELECT state FROM mlops.upkeep WHERE model = 'fraud' AND task = 'monitor'"
until_true "SELECT ($of_monitor) = 'failed'" 30
is "has failed" "$(query -c "SELECT error ~ 'run_monitor' FROM mlops.upkeep WHERE model = 'fraud' AND task = 'monitor'" -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'monitor' AND problem ~ 'has failed'")" "t
1"
query -c "ALTER FUNCTION mlops_catalog.run_monitor_well(regrole, text, timestamptz) RENAME TO run_monitor" -c "UPDATE mlops_catalog.monitor SET submitted_at = NULL"
until_true "SELECT ($of_monitor) = 'ok'" 30
is "until it works" "$(query -c "$of_monitor")" ok
query -q -c "ALTER FUNCTION mlops_catalog.retrain(regrole, text, text, jsonb, text, jsonb) RENAME TO retrain_well" -c "SELECT mlops.set_retraining_policy('fraud', '* * * * *')" -c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 hour'" >/dev/null
of_retraining="SELECT state FROM mlops.upkeep WHERE model = 'fraud' AND task = 'retraining'"
until_true "SELECT ($of_retraining) = 'failed'" 30
is "so has a retraining's" "$(query -c "$of_retraining")" failed
query -c "ALTER FUNCTION mlops_catalog.retrain_well(regrole, text, text, jsonb, text, jsonb) RENAME TO retrain" -c "UPDATE mlops_catalog.policy SET submitted_at = submitted_at - interval '1 hour'"
until_true "SELECT ($of_retraining) = 'ok'" 60
is "until one has succeeded" "$(query -c "$of_retraining")" ok
query -q -c "SELECT mlops.unmonitor('fraud'), mlops.drop_retraining_policy('fraud')" >/dev/null
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 30
query -c "DELETE FROM mlops_catalog.job"

# ---- settings and features of the server
start "default_transaction_read_only = on" "default_transaction_isolation = serializable" "force_parallel_mode = on" \
	"default_table_access_method = 'strange'" "row_security = off" "shared_preload_libraries = 'mlops,auto_explain'" "auto_explain.log_min_duration = 0" \
	"auto_explain.log_analyze = on" "auto_explain.log_nested_statements = on" "jit_above_cost = 0" "log_min_duration_statement = 0"
query <<'SQL'
SET default_transaction_read_only = off;
SET default_table_access_method = heap;
CREATE ACCESS METHOD strange TYPE TABLE HANDLER heap_tableam_handler;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'public.%') THEN RAISE EXCEPTION 'not in public'; END IF; END $$;
CREATE EVENT TRIGGER forbid ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE INDEX') EXECUTE FUNCTION forbid();
SQL
query -c "SET default_transaction_read_only = off" -c "DELETE FROM mlops_catalog.guard_alert WHERE false"
# maintenance may be at it, and win a deadlock
for try in 1 2 3 4 5; do
	! query -c "SET default_transaction_read_only = off" -c "DROP TABLE mlops_catalog.prediction_$(date -u +%Y%m%d -d '+3 days')" 2>"$server/told" || break
	echo "# try $try: $(head -n 1 "$server/told")"
done
until_true "SELECT count(*) = 8 FROM pg_inherits WHERE inhparent = 'mlops_catalog.prediction'::regclass AND inhrelid::regclass::text ~ '[0-9]{8}$'" 30
is "maintenance goes on, in tables of the usual kind" "$(query -c "SELECT count(*), count(DISTINCT c.relam) FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid WHERE inhparent = 'mlops_catalog.prediction'::regclass")" "9|1"
is "nothing has failed" "$(query -c "SELECT task, error FROM mlops.upkeep WHERE error IS NOT NULL")" ""
query -c "SET default_transaction_read_only = off" -c "SELECT mlops.submit('SELECT 1 AS one')" >/dev/null
until_true "SELECT count(*) = 1 FROM mlops.jobs WHERE state = 'succeeded'" 30
is "so do jobs" "$(query -c "SELECT result FROM mlops.jobs")" '[{"one": 1}]'
query -c "SET default_transaction_read_only = off" -c "DROP EVENT TRIGGER forbid" -c "DROP PUBLICATION everything"

# ---- copies
start
query <<SQL
SELECT mlops.set_retraining_policy('fraud', '* * * * *') \g /dev/null
SELECT mlops.monitor('fraud', every => '1 minute') \g /dev/null
CREATE DATABASE copy;
SQL
address=$(private_server address)
# shellcheck disable=SC2086	# a list of options on purpose
"$bin/pg_dump" $address -d postgres | "$bin/psql" -X -q $address -d copy >/dev/null 2>"$server/restore.log" || :
query -d copy -c "UPDATE mlops_catalog.monitor SET submitted_at = NULL" -c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 day', submitted_at = NULL" -c "DELETE FROM mlops_catalog.job"
until_true "SELECT error IS NOT NULL FROM mlops.upkeep WHERE task = 'activation'" 30 -d copy
sleep 2.5
is "a restored copy stays quiet" "$(query -d copy -c "SELECT active, (SELECT count(*) FROM mlops.jobs) FROM mlops.activation")" "f|0"
is "and the log says so, once" "$(grep -c 'mlops: activation has failed: this database was restored' "$server/log")" 1
is "so does check_catalog" "$(query -d copy -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'activation' AND problem ~ 'wait for mlops.activate'")" 1
is "activated" "$(query -d copy -c "SELECT active, activated_by FROM mlops.activate()")" "t|$(query -c "SELECT current_user")"
until_true "SELECT count(*) > 1 FROM mlops.jobs" 30 -d copy
is "it works by itself" "$(query -d copy -c "SELECT count(DISTINCT key) FROM mlops.jobs WHERE key IN ('monitor fraud', 'retrain fraud')")" 2
is "and the problem is gone" "$(query -d copy -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'activation'")" 0
is "where it comes from nothing changed" "$(query -c "SELECT active FROM mlops.activation")" t

echo "1..$n"
