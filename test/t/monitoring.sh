#!/bin/sh
# monitoring.sh - from a change of the frauds to a better model, without anybody
# doing anything: monitor, alert, retraining, canary.  And what stands in the way:
# roles that may not, jobs that fail, a dump.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 1" "mlops.retention = 0"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE ROLE ann LOGIN;
CREATE ROLE bob;
GRANT CREATE ON SCHEMA public TO ann, bob;
SET SESSION AUTHORIZATION ann;
-- until 2000 large amounts are frauds, then small ones at night
CREATE TABLE payments AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 min' AS at, i * 7919 % 1000 AS amount, i * 31 % 24 AS hour FROM generate_series(1, 6000) AS i;
ALTER TABLE payments ADD fraud boolean;
UPDATE payments SET fraud = CASE WHEN id <= 3000 THEN amount > 950 ELSE amount < 100 AND hour < 6 END;
CREATE VIEW known AS SELECT * FROM payments WHERE id <= 3000;
SELECT mlops.train('fraud', 'known', target => 'fraud', key => 'id', time_column => 'at', params => '{"n_estimators": 20}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.5) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'low_recall', 'recall', min => 0.8) \g /dev/null
SELECT mlops.set_retraining_policy('fraud', triggers => '{"alerts": ["low_recall"]}', gate => '{"pr_auc_vs_deployed": {"min_gain": 0.1}}', action => 'deploy', options => '{"threshold": 0.5}') \g /dev/null
SQL
# an hour of decisions passes
hour_of()
{
	query -d postgres -U ann -c "SELECT count(mlops.decide('fraud', p, id::text)) FROM payments AS p WHERE $1" >/dev/null
	query -c "UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '30 minutes' WHERE created_at > date_trunc('hour', now())" \
		-c "UPDATE mlops_catalog.monitor SET created_at = now() - interval '3 hours', submitted_at = NULL" -c "DELETE FROM mlops_catalog.monitor_window"
}

is "a new monitor looks by itself" "$(until_true "SELECT count(*) > 0 FROM mlops.jobs WHERE key = 'monitor fraud' AND state = 'succeeded'"; query -c "SELECT DISTINCT owner, command, model, purpose FROM mlops.jobs WHERE key = 'monitor fraud'")" \
	"ann|SELECT * FROM mlops.run_monitor('fraud')|fraud|monitor"
query -d postgres -U ann -c "SELECT rows FROM mlops.add_labels('fraud', 'payments', key => 'id', label => 'fraud')" >/dev/null
hour_of "id BETWEEN 2001 AND 3000"
until_true "SELECT count(*) > 0 FROM mlops.performance WHERE labelled = 1000"
is "all is well" "$(query -c "SELECT recall > 0.9 FROM mlops.performance WHERE labelled = 1000" -c "SELECT state FROM mlops.alert_rules")" "t
ok"
query -c "DELETE FROM mlops_catalog.performance_window" -c "DELETE FROM mlops_catalog.traffic_window" -c "DELETE FROM mlops_catalog.prediction"

# the fraudsters change
query -d postgres -U ann -c "CREATE OR REPLACE VIEW known AS SELECT * FROM payments WHERE id > 3000"
hour_of "id BETWEEN 3001 AND 4000"
until_true "SELECT count(*) > 0 FROM mlops.retrainings" 30
is "recall falls, an alert fires, a model is trained and answers" "$(query -c "SELECT base_version, version, note, outcome, role FROM mlops.retrainings")" \
	"1|2|alert low_recall|deployed|ann"
is "the server's log says so" "$(grep -c 'mlops: retraining 1 of model "fraud" is deployed: version 2' "$server/log")" 1
is "nobody did anything" "$(query -c "SELECT event, role FROM mlops.audit_log WHERE event IN ('alert', 'retrain', 'deploy') ORDER BY seq" | tail -n 3)" "alert|ann
deploy|ann
retrain|ann"
is "it is better" "$(query -d postgres -U ann -c "SELECT avg((mlops.score('fraud', p) >= 0.5)::int) > 0.8 FROM payments AS p WHERE id BETWEEN 3001 AND 4000 AND fraud")" t
query -c "DELETE FROM mlops_catalog.performance_window" -c "DELETE FROM mlops_catalog.traffic_window" -c "DELETE FROM mlops_catalog.prediction"
hour_of "id BETWEEN 4001 AND 5000"
until_true "SELECT state = 'resolved' FROM mlops.alerts"
is "the alert resolves" "$(query -c "SELECT rule, state FROM mlops.alerts")" "low_recall|resolved"
is "and nothing is trained again" "$(query -c "SELECT count(*) FROM mlops.retrainings")" 1
is "the audit log verifies" "$(query -c "SELECT intact FROM mlops.verify_audit()")" t

# ---- what stands in the way
query <<'SQL'
GRANT bob TO postgres;
SET ROLE bob;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('bobs', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.monitor('bobs', every => '1 hour') \g /dev/null
SQL
until_true "SELECT pg_read_file('$server/log') LIKE '%role \"bob\" is not permitted to log in%'"
is "a role without a login is told in the log" "$(grep -c 'mlops: monitor of model "bobs" has failed: role "bob" is not permitted to log in' "$server/log")" 1
query -d postgres -U ann -c "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"new_labels\": 10}')" -c "DROP TABLE payments CASCADE" >/dev/null
query -c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 year', submitted_at = NULL" -c "DELETE FROM mlops_catalog.retraining"
until_true "SELECT count(*) > 0 FROM mlops_catalog.retraining"
is "a retraining whose table is gone is refused" "$(query -c "SELECT outcome, detail FROM mlops_catalog.retraining LIMIT 1")" 'refused|relation "public.known" does not exist'
sleep 2.5
is "and is not tried again and again" "$(query -c "SELECT count(*) FROM mlops_catalog.retraining")" 1
address=$(private_server address)
bin=$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)
query -c "CREATE DATABASE copy"
# shellcheck disable=SC2086	# a list of options on purpose
"$bin/pg_dump" $address postgres | "$bin/psql" -X -q $address -d copy >/dev/null 2>"$server/restore.log" || :
is "a dump has it all" "$(query -d copy -c "SELECT (SELECT count(*) FROM mlops.monitors), (SELECT count(*) FROM mlops.alert_rules), (SELECT count(*) FROM mlops.alerts), (SELECT count(*) FROM mlops.retraining_policies), (SELECT count(*) > 0 FROM mlops.performance)")" \
	"$(query -c "SELECT (SELECT count(*) FROM mlops.monitors), (SELECT count(*) FROM mlops.alert_rules), (SELECT count(*) FROM mlops.alerts), (SELECT count(*) FROM mlops.retraining_policies), (SELECT count(*) > 0 FROM mlops.performance)")"

echo "1..$n"
