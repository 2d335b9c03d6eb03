#!/bin/sh
# prometheus.sh - counters go on while maintenance keeps what is settled and removes
# days; promtool, where it is there, finds nothing.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0" "mlops.retention = 2"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, i % 97 AS amount, i % 10 = 0 AS is_fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.deploy('fraud', 1, 'canary', key => 'id', percent => 20, threshold => 0.05) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'few', 'decisions', min => 10) \g /dev/null
SQL
decide()
{
	query -c "SELECT count(mlops.decide('fraud', t, t.id::text)) FROM tx AS t WHERE id <= $1" >/dev/null
}
# total NAME: a counter, of all variants
total()
{
	query -c "SELECT mlops.prometheus_metrics()" | awk -v name="$1" 'index($1, name "{") == 1 { n += $2 } END { printf "%.9g\n", n }'
}
decide 300
is "decisions" "$(total mlops_decisions_total)" 300
before=$(query -c "SELECT mlops.prometheus_metrics()" | grep '_total{\|_latency_seconds')
query -c "SELECT mlops.maintain()" >/dev/null
is "maintenance keeps what is settled" "$(query -c "SELECT sum(decisions) FROM mlops_catalog.decision_total")" 300
is "and counts no other way" "$(query -c "SELECT mlops.prometheus_metrics()" | grep '_total{\|_latency_seconds')" "$before"
decide 50
is "what comes is added" "$(total mlops_decisions_total)" 350
query -c "SELECT mlops.maintain()" >/dev/null
query -c "UPDATE mlops_catalog.prediction SET created_at = created_at - interval '5 days'" -c "SELECT mlops.maintain()" >/dev/null
decide 10
is "days that are removed stay in the counts" "$(query -c "SELECT count(*) FROM mlops_catalog.prediction") $(total mlops_decisions_total)" "10 360"
begun=$(query -c "SELECT until FROM mlops_catalog.decision_count")
query -c "SELECT mlops.maintain()" >/dev/null
is "counted up to now" "$(query -c "SELECT until > '$begun' AND (SELECT sum(decisions) FROM mlops_catalog.decision_total) = 360 FROM mlops_catalog.decision_count")" t
query -c "CREATE ROLE other" >/dev/null
is "others see nothing" "$(query -c "SET ROLE other; SELECT count(*) FROM mlops.decision_totals()" | tail -n 1)" 0
query -c "SELECT mlops.grant('fraud', 'other', 'view')" >/dev/null
is "who may view the model does" "$(query -c "SET ROLE other; SELECT sum(decisions) FROM mlops.decision_totals()" | tail -n 1)" 360
if command -v promtool >/dev/null; then
	is "promtool finds nothing" "$(query -c "SELECT mlops.prometheus_metrics()" | promtool check metrics 2>&1)" ""
else
	n=$((n + 1))
	echo "ok $n - promtool # SKIP it is not there"
fi
echo "1..$n"
