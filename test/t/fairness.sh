#!/bin/sh
# fairness.sh - whoever holds the locks of many models, or lets what runs by itself
# for him run for ever, delays what runs for others by no more than a bound.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "mlops.task_timeout = '6s'" "fsync = off" "max_worker_processes = 16"
query <<'SQL'
SET client_min_messages = error;
CREATE EXTENSION mlops;
CREATE ROLE mallory LOGIN;
CREATE ROLE mallory_too LOGIN;
CREATE ROLE zoe LOGIN;
GRANT mallory_too TO mallory;
CREATE SCHEMA m;
CREATE SCHEMA z;
GRANT ALL ON SCHEMA m TO mallory, mallory_too;
GRANT ALL ON SCHEMA z TO zoe;
CREATE TABLE m.tx AS
SELECT i AS id, timestamp '2026-01-01' + i * interval '1 minute' AS at, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud
FROM generate_series(1, 1000) AS i;
CREATE TABLE z.tx AS SELECT * FROM m.tx;
ALTER TABLE m.tx OWNER TO mallory;
ALTER TABLE z.tx OWNER TO zoe;
SET SESSION AUTHORIZATION mallory;
SELECT FROM mlops.train('a', 'm.tx', target => 'is_fraud', key => 'id', features => '{amount}', time_column => 'at', params => '{"n_estimators": 2}');
DO $$
DECLARE
	bytes bytea := mlops.export_model('a', 1);
	name text;
BEGIN
	FOR i IN 1..40 LOOP
		name := 'a' || i;
		PERFORM mlops.import_model(bytes, name), mlops.import_model(bytes, name);
		PERFORM mlops.deploy(name, 1);
		PERFORM mlops.deploy(name, 2, 'canary', key => 'id', ramp => '[{"percent": 1, "wait": "1 second"}, {"percent": 2, "wait": "1 hour"}, {"percent": 100}]');
	END LOOP;
END $$;
SET SESSION AUTHORIZATION zoe;
SELECT FROM mlops.train('pay', 'z.tx', target => 'is_fraud', key => 'id', features => '{amount}', time_column => 'at', params => '{"n_estimators": 2}');
SELECT FROM mlops.train('pay', 'z.tx', target => 'is_fraud', key => 'id', features => '{amount}', time_column => 'at', params => '{"n_estimators": 3}');
SELECT FROM mlops.deploy('pay', 1);
SELECT FROM mlops.deploy('pay', 2, 'canary', key => 'id', percent => 50, guard => '{"alert_rate": {"max": 0.0}, "min_decisions": 10}');
SELECT count(mlops.decide('pay', t, id::text)) FROM z.tx AS t \g /dev/null
SQL
# run_rounds SECONDS, by setting the interval
run_rounds()
{
	query -c "ALTER SYSTEM SET mlops.maintenance_interval = $1" -c "SELECT pg_reload_conf()" >/dev/null
}

# ---- a transaction that stays open has the locks of 40 models, whose ramps are due
mkfifo "$server/open"
query -U mallory -d postgres -f - <"$server/open" >"$server/open.out" 2>&1 &
exec 3>"$server/open"
echo "BEGIN; SELECT count(*) FROM generate_series(1, 40) AS i, mlops.describe('a' || i, 'x'); SELECT pg_advisory_lock(1);" >&3
until_true "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
sleep 1
began=$(query -c "SELECT clock_timestamp()")
run_rounds 1
until_true "SELECT strategy = 'direct' FROM mlops.deployments WHERE model = 'pay' AND variant = 'primary' AND NOT EXISTS (SELECT FROM mlops.deployments WHERE model = 'pay' AND variant <> 'primary')" 30
is "a guard of somebody else acts meanwhile, long before each of them was waited for" "$(query -c "SELECT action, deployed_at < '$began'::timestamptz + interval '20 seconds' FROM mlops.deployment_history WHERE model = 'pay' ORDER BY deployment_id DESC LIMIT 1")" "rollback|t"
until_true "SELECT count(*) = 40 FROM mlops.upkeep WHERE model ~ '^a' AND task = 'guard' AND error ~ 'role \"mallory\" has not ended its transaction'" 20
is "each that is in the way is told of, with who has it" "$(query -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'guard' AND problem ~ '^has failed: cannot change model \"a[0-9]+\": process [0-9]+ of role \"mallory\" has not ended'")" 40
began=$(query -c "SELECT clock_timestamp()")
until_true "SELECT min(ended_at) > '$began' FROM mlops.upkeep WHERE model ~ '^a' AND task = 'guard'"
is "a round does not take long for them all" "$(query -c "SELECT clock_timestamp() < '$began'::timestamptz + interval '15 seconds'")" t
echo "ROLLBACK;" >&3
exec 3>&-
wait
until_true "SELECT count(*) = 40 FROM mlops.deployments WHERE model ~ '^a' AND variant <> 'primary' AND percent = 2"
is "they go on when it has ended" "$(query -c "SELECT count(*) FROM mlops.deployments WHERE model ~ '^a' AND variant <> 'primary' AND percent = 2")" 40

# ---- two roles take the places for jobs, and a monitor the one that is kept, for ever
run_rounds 0
query -U mallory -d postgres <<'SQL'
CREATE FUNCTION m.s() RETURNS SETOF m.tx LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT * FROM m.tx; END $$;
SET client_min_messages = error;
SELECT FROM mlops.deploy('a', 1);
SELECT FROM mlops.monitor('a', '1 hour', query => 'SELECT * FROM m.s()', time_column => 'at');
CREATE OR REPLACE FUNCTION m.s() RETURNS SETOF m.tx LANGUAGE plpgsql STABLE AS $$ BEGIN LOOP PERFORM pg_sleep(0.1); END LOOP; END $$;
SELECT mlops.submit('SELECT pg_sleep(100000)') \g /dev/null
SET ROLE mallory_too;
SELECT mlops.submit('SELECT pg_sleep(100000)') \g /dev/null
SQL
until_true "SELECT count(*) = 2 FROM mlops.jobs WHERE state = 'running'"
query -c "ALTER FUNCTION pg_catalog.pg_sleep(float8) STABLE" >/dev/null
run_rounds 1
until_true "SELECT count(*) = 3 FROM mlops.jobs WHERE state = 'running'"
query -U zoe -d postgres -c "SELECT FROM mlops.monitor('pay', '1 hour')"
until_true "SELECT EXISTS (SELECT FROM mlops.upkeep WHERE model = 'pay' AND state = 'waiting')" 20 -U zoe -d postgres
is "a monitor that waits says so, and for whom" "$(query -U zoe -d postgres -c "SELECT task, regexp_replace(reason, 'since [^ ]*|[0-9]+', 'N', 'g') FROM mlops.upkeep WHERE model = 'pay' AND state = 'waiting'")" \
	'monitor|has waited N for a worker: job N of role "mallory" runs, job N of role "mallory_too" runs, job N of role "mallory" runs'
is "so does check_catalog" "$(query -c "SELECT model, object FROM mlops.check_catalog() WHERE problem ~ '^has waited since .* for a worker: job '")" "pay|monitor"
until_true "SELECT state = 'succeeded' FROM mlops.jobs WHERE owner::text = 'zoe' ORDER BY job_id DESC LIMIT 1" 30
is "it runs when the other one has had its time" "$(query -c "SELECT state FROM mlops.jobs WHERE owner::text = 'zoe' ORDER BY job_id LIMIT 1")" "succeeded"
is "which ended so" "$(query -c "SELECT state, error ->> 'message' FROM mlops.jobs WHERE model = 'a' AND ended_at IS NOT NULL ORDER BY job_id LIMIT 1")" \
	"timed_out|the worker that is kept for monitors and retrainings was held for longer than mlops.task_timeout (6 s) while those of others waited"

# one that catches the cancel
query -U mallory -d postgres <<'SQL'
CREATE OR REPLACE FUNCTION m.s() RETURNS SETOF m.tx LANGUAGE plpgsql STABLE AS $$ BEGIN LOOP BEGIN PERFORM pg_sleep(0.1); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
SQL
query -c "UPDATE mlops_catalog.monitor SET submitted_at = submitted_at - interval '2 hours' WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = 'a')"
until_true "SELECT count(*) = 3 FROM mlops.jobs WHERE state = 'running'" 20
query -c "UPDATE mlops_catalog.monitor SET submitted_at = submitted_at - interval '2 hours' WHERE model_id = (SELECT model_id FROM mlops_catalog.model WHERE name = 'pay')"
until_true "SELECT count(*) = 2 AND bool_and(state = 'succeeded') FROM mlops.jobs WHERE owner::text = 'zoe'" 40
is "one that catches the cancel is ended with its worker" "$(query -c "SELECT state FROM mlops.jobs WHERE owner::text = 'zoe' ORDER BY job_id")" "succeeded
succeeded"

# ---- a guard that catches the cancel, as a gate's query could, does not hold up the others
query -c "SET client_min_messages = error" -c "SELECT mlops.deploy('pay', 2, 'canary', key => 'id', ramp => '[{\"percent\": 5, \"wait\": \"1 hour\"}, {\"percent\": 100}]')" >/dev/null
query <<'SQL'
ALTER FUNCTION mlops_catalog.check_release(regrole, text, mlops_catalog.release) RENAME TO check_release_well;
CREATE FUNCTION mlops_catalog.check_release(caller regrole, model_name text, e mlops_catalog.release) RETURNS SETOF mlops_catalog.guard_check LANGUAGE plpgsql AS $$
BEGIN
	WHILE model_name = 'a1' LOOP
		BEGIN
			PERFORM pg_sleep(1);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
	RETURN QUERY SELECT * FROM mlops_catalog.check_release_well(caller, model_name, e);
END $$;
SQL
until_true "SELECT state = 'suspended' FROM mlops.upkeep WHERE model = 'a1' AND task = 'guard'" 90
is "it is ended with its worker, and suspended after the second time" "$(query -c "SELECT state, reason FROM mlops.upkeep WHERE model = 'a1' AND task = 'guard'")" \
	"suspended|twice in a row the server, or the worker, ended while it was under way"
began=$(query -c "SELECT clock_timestamp()")
until_true "SELECT ended_at > '$began' FROM mlops.upkeep WHERE model = 'pay' AND task = 'guard'"
is "others go on" "$(query -c "SELECT ended_at > '$began' FROM mlops.upkeep WHERE model = 'pay' AND task = 'guard'")" t
echo "1..$n"
