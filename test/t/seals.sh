#!/bin/sh
# seals.sh - sealed decisions: a seal waits for who could still log, and is worth as
# much after dump and restore.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off" "max_prepared_transactions = 5"
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, CASE WHEN i % 3 = 0 THEN 'ä' END AS b, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 10000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT * FROM mlops.maintain(1) \g /dev/null
SET mlops.log_features = on;
SELECT count(mlops.decide('fraud', t, t.id::text)) FROM t \g /dev/null
SELECT mlops_catalog.make_partition('postgres', (now() AT TIME ZONE 'UTC')::date - 1) \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = created_at - interval '1 day';
SQL
day="(now() AT TIME ZONE 'UTC')::date - 1"
part=$(query -c "SELECT mlops_catalog.partition_name($day)")
maintain() { query -c "SELECT string_agg(action, ' ') FROM mlops.maintain(0) WHERE object = '$part'"; }

# ---- who could still log
insert="INSERT INTO mlops_catalog.prediction SELECT gen_random_uuid(), created_at, model_id, deployment_id, version, variant, shadow, 'late', score, flagged, threshold, latency
	FROM mlops_catalog.prediction LIMIT 1"
query -c "BEGIN" -c "$insert" -c "PREPARE TRANSACTION 'late'"
is "a prepared transaction that wrote into the day holds the seal up" "$(maintain)" "busy busy"
is "nothing is sealed" "$(query -c "SELECT count(*) FROM mlops_catalog.decision_seal")|$(query -c "SELECT problem FROM mlops.verify_decisions()")" "0|the day is not sealed yet"
query -c "COMMIT PREPARED 'late'"
mkfifo "$server/hold"
query <"$server/hold" >/dev/null &
holder=$!
exec 9>"$server/hold"
echo "BEGIN; SELECT 1;" >&9
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"
is "a transaction may still log on the day it began, and not before" \
	"$(query -c "SELECT mlops_catalog.may_still_log($day + 1), mlops_catalog.may_still_log($day)")" "t|f"
echo "COMMIT;" >&9
exec 9>&-
wait $holder
is "REPEATABLE READ does not see what is new, and seals nothing" \
	"$(query -c "BEGIN ISOLATION LEVEL REPEATABLE READ" -c "SELECT string_agg(action, ' ') FROM mlops.maintain(0) WHERE object = '$part'" -c "ROLLBACK")" "indexed busy"
is "then it is sealed, the late one too" "$(maintain)|$(query -c "SELECT rows FROM mlops_catalog.decision_seal")" "indexed sealed|10001"
is "and intact" "$(query -c "SELECT intact, decisions FROM mlops.verify_decisions()")" "t|10001"

# ---- late all the same: it is logged, and told
query -c "$insert"
is "what is logged after the seal is told" "$(query -c "SELECT intact, problem ~ '^decision [-0-9a-f]+ was added after the day was sealed\$' FROM mlops.verify_decisions()")" "f|t"
query -c "DELETE FROM mlops_catalog.prediction WHERE ctid = (SELECT max(ctid) FROM ONLY mlops_catalog.$part)"
is "without it the day is intact" "$(query -c "SELECT intact FROM mlops.verify_decisions()")" t

# ---- dump and restore, also into another encoding
as_server "$bin/pg_dump" -h "$server/socket" -p 5432 -U postgres -E UTF8 postgres >"$server/dump.sql"
query -c "CREATE DATABASE copy TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" -c "CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
for database in copy latin1; do
	query -d $database -f "$server/dump.sql" >/dev/null
	is "restored, $database: the day is intact" "$(query -d $database -c "SELECT intact, decisions FROM mlops.verify_decisions()")" "t|10001"
	one=$(query -d $database -c "SELECT prediction_id FROM mlops.predictions WHERE key = '777'")
	query -d $database -c "UPDATE mlops_catalog.prediction SET flagged = NOT flagged WHERE prediction_id = '$one'"
	is "and one that is changed is named" "$(query -d $database -c "SELECT problem FROM mlops.verify_decisions()")" \
		"decision $one was changed after the day was sealed"
done
echo "1..$n"
