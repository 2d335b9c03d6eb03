#!/bin/sh
# maintenance.sh - what the server does by itself: partitions, retention, guards
# and ramps; and that it is in nobody's way.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "$@"
}

logged()
{
	grep -c "mlops maintenance: $1" "$server/log" || :
}

start "mlops.maintenance_interval = 0"
query <<SQL
CREATE DATABASE without;
CREATE EXTENSION mlops;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.train('other', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('other', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('other', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2, 'canary', key => 'id',
	ramp => '[{"percent": 5, "wait": "1 s"}, {"percent": 25, "wait": "1 s"}, {"percent": 100}]') \g /dev/null
SELECT mlops.deploy('other', 2, 'canary', percent => 50, key => 'id', guard => '{"alert_rate": {"max": 0}, "min_decisions": 100}') \g /dev/null
SELECT count(mlops.decide('other', t)) FROM t \g /dev/null
SELECT mlops.submit('SELECT 1') AS job \g /dev/null
SQL
until_true "SELECT count(*) = 1 FROM mlops.jobs WHERE state = 'succeeded'"
query -c "UPDATE mlops_catalog.job SET ended_at = ended_at - interval '100 days'"
sleep 2.5
is "an interval of 0 does nothing" \
	"$(query -c "SELECT (SELECT count(*) FROM mlops.jobs), (SELECT count(*) FROM mlops.deployment_history WHERE action = 'ramp')")" "1|0"

# ---- by itself
start "mlops.maintenance_interval = 1"
until_true "SELECT version = 2 FROM mlops.deployments WHERE model = 'fraud'" 30
is "a ramp goes on to its end" "$(query -c "SELECT string_agg(action, ' ' ORDER BY deployment_id) FROM mlops.deployment_history WHERE model = 'fraud'")" \
	"deploy deploy ramp promote"
until_true "SELECT count(*) = 1 FROM mlops.deployments WHERE model = 'other'" 30
is "a guard that fails rolls back" "$(query -c "SELECT version, strategy FROM mlops.deployments WHERE model = 'other'")" "1|direct"
is "the log says so" "$(logged 'model "other", variant canary: rolled back')" 1
is "so does the audit log, and it verifies" \
	"$(query -c "SELECT count(*) > 0 FROM mlops.audit_log WHERE model = 'other' AND event = 'rollback'" -c "SELECT intact FROM mlops.verify_audit()")" "t
t"
is "partitions are made ahead" "$(query -c "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mlops_catalog.prediction'::regclass AND inhrelid::regclass::text ~ '[0-9]{8}$'")" 8
until_true "SELECT count(*) = 0 FROM mlops.jobs" 10
is "a job of long ago is removed" "$(query -c "SELECT count(*) FROM mlops.jobs")|$(logged 'removed job (1 rows)')" "0|1"

# ---- in nobody's way
is "a busy model holds up no other" "$(query <<SQL
BEGIN;
SELECT mlops.deploy('fraud', 1, 'canary', percent => 10, key => 'id') \g /dev/null
ROLLBACK;
SELECT 'done';
SQL
)" "done"
query -c "CREATE DATABASE copied TEMPLATE without" -c "DROP DATABASE without" -c "DROP DATABASE copied"
is "databases come and go" "$(query -c "SELECT count(*) FROM pg_database WHERE datname IN ('without', 'copied')")" 0
query -c "DROP EXTENSION mlops CASCADE" -c "CREATE EXTENSION mlops"
sleep 2.5
is "so does the extension" "$(query -c "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mlops_catalog.prediction'::regclass AND inhrelid::regclass::text ~ '[0-9]{8}$'")" 8
query -c "CREATE OR REPLACE FUNCTION mlops_catalog.maintain_phases(caller regrole, days_ahead int, phases text[]) RETURNS TABLE (action text, object text, rows bigint) LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END'"
until_true "SELECT failures > 1 FROM mlops.upkeep WHERE task = 'maintain create'" 20
is "an error is logged, once" "$(grep -c 'mlops: maintain create has failed: broken' "$server/log")" 1
is "and in the view" "$(query -c "SELECT error FROM mlops.upkeep WHERE task = 'maintain create'")" "broken"
is "and no worker or slot is left" "$(sleep 1.2; query -c "SELECT count(*) <= 1 FROM pg_stat_activity WHERE backend_type = 'mlops maintenance worker'")" t

echo "1..$n"
