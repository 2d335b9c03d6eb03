#!/bin/sh
# payments.sh - payments go on while somebody holds what they touch: a table of
# the catalog, the decisions' table, today's partition, or maintenance.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off" "max_connections = 40"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 2000) AS i;
SELECT 'trained' FROM mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}') \g /dev/null
SELECT 'deployed' FROM mlops.deploy('fraud', 1) \g /dev/null
CREATE TABLE payment (id int, amount float8, score float8, flagged boolean);
CREATE TRIGGER decide BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flagged', 'id');
CREATE TABLE scored (id int, amount float8, score float8, flagged boolean);
CREATE TRIGGER score BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
SELECT count(*) FROM mlops.maintain() \g /dev/null
SQL
today=$(query -c "SELECT 'mlops_catalog.' || mlops_catalog.partition_name((now() AT TIME ZONE 'UTC')::date)")

# ---- a session that holds what the commands say until it is released
held=0
hold()
{
	rm -f "$server/hold"
	mkfifo "$server/hold"
	query -f - <"$server/hold" >/dev/null 2>"$server/hold.errors" &
	held=$!
	exec 3>"$server/hold"
	echo "BEGIN; $1; SELECT pg_advisory_lock(1);" >&3
	until_true "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
	sed 's/^/# /' "$server/hold.errors"
}
release()
{
	echo "${1:-ROLLBACK};" >&3
	exec 3>&-
	wait "$held" || :
}

# What a statement comes to, in a new session: its answer or its error; and not
# after long, nor waiting for ever.
outcome()
{
	begun=$(date +%s%3N)
	query -c "SET client_min_messages = error" -c "SET statement_timeout = '10s'" "$@" 2>&1 | tail -n 1 | cut -c1-60
	took=$(($(date +%s%3N) - begun))
	[ "$took" -lt 5000 ] || echo "after $took ms"
}
payment="INSERT INTO payment VALUES (1, 95.5) RETURNING score IS NOT NULL"
scored="INSERT INTO scored VALUES (1, 95.5) RETURNING score IS NOT NULL"
decided="SELECT d.d IS NOT NULL FROM (SELECT mlops.decide('fraud', t, 'k', 'null') AS d FROM tx t LIMIT 1) d"
many="WITH i AS (INSERT INTO payment SELECT id, amount FROM tx RETURNING 1) SELECT count(*) FROM i"

is "a payment is scored and logged" "$(outcome -c "$payment")|$(query -c "SELECT count(*) FROM mlops.predictions")" "t|1"
for table in "$today" mlops_catalog.prediction; do
	hold "LOCK TABLE $table IN ACCESS EXCLUSIVE MODE"
	is "a payment is stored with its score while $table is held" "$(outcome -c "$payment")" t
	is "also with a prompt lock_timeout" "$(outcome -c "SET lock_timeout = 1" -c "$payment")" t
	is "also many in a statement" "$(outcome -c "$many")" 2000
	is "decide answers" "$(outcome -c "$decided")" t
	is "what failed is told" "$(query -c "$payment" 2>&1 >/dev/null | head -n 1)" "WARNING:  1 decision could not be logged: canceling statement due to lock timeout"
	is "whoever chose to raise gets the error" "$(outcome -c "SET lock_timeout = 1" -c "SELECT mlops.decide('fraud', t, 'k') FROM tx t LIMIT 1")" "ERROR:  canceling statement due to lock timeout"
	is "a cancel is the session's own" "$(outcome -c "SET statement_timeout = 200" -c "SET mlops.lock_timeout = 0" -c "$payment")" "ERROR:  canceling statement due to statement timeout"
	release
done
hold "LOCK TABLE ONLY mlops_catalog.prediction IN ACCESS EXCLUSIVE MODE"
is "only readers are kept out of the partitioned table alone" "$(query -c "SET lock_timeout = 1" -c "$payment" -c "SELECT count(*) FROM mlops.predictions" 2>&1 | tr '\n' ' ' | cut -c1-50)" \
	"t ERROR:  canceling statement due to lock timeout "
release
for table in deployment_route model model_version model_artifact model_grant; do
	hold "LOCK TABLE mlops_catalog.$table IN ACCESS EXCLUSIVE MODE"
	is "a payment is stored while $table is held" "$(outcome -c "$payment" | grep -c '^[tf]$')" 1
	is "also by score_trigger" "$(outcome -c "SET lock_timeout = 1" -c "$scored" | grep -c '^[tf]$')" 1
	is "also many in a statement while $table is held" "$(outcome -c "$many")" 2000
	release
done
query -c "TRUNCATE mlops_catalog.prediction" -c "$payment" -c "$many" >/dev/null
is "then all goes on as before" "$(query -c "SELECT count(*), count(score) FROM mlops.predictions")" "2001|2001"

# ---- a deadlock in which a payment is the one that waits for us
hold "LOCK TABLE ONLY $today IN ACCESS EXCLUSIVE MODE"
query -c "SET client_min_messages = error" -c "SET mlops.lock_timeout = 0" -c "SET deadlock_timeout = '3s'" -c "BEGIN" -c "LOCK TABLE tx" -c "$payment" -c "COMMIT" >"$server/victim" 2>&1 &
victim=$!
until_true "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = '$today'::regclass"
echo "SET deadlock_timeout = '1min'; SELECT count(*) FROM tx;" >&3
wait "$victim" || :
is "a payment that would deadlock goes on" "$(cat "$server/victim")" t
release

# ---- a disk that is full, a table that is broken, a partition that is gone
query -c "ALTER TABLE $today ADD CONSTRAINT no CHECK (key <> 'no')" -c "CREATE FUNCTION fail(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE disk_full; END'" \
	-c "CREATE INDEX broken ON mlops_catalog.prediction_default (fail(key))"
is "a payment is stored though its partition is gone and the default one cannot take it" "$(outcome -c "BEGIN" -c "DROP TABLE $today" -c "$payment" -c "COMMIT")" t
is "what failed is told with its SQLSTATE" "$(query -v VERBOSITY=verbose -c "$payment" 2>&1 >/dev/null | head -n 1 | cut -c1-60)" "WARNING:  53100: 1 decision could not be logged: disk_full"
query -c "DROP TABLE mlops_catalog.prediction_default" 2>/dev/null || query -c "ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.prediction_default"
is "or is gone too" "$(outcome -c "$payment")" t
is "what was lost is counted" "$(query -c "SELECT decisions > 2 AND last_at > now() - interval '1 minute' FROM mlops_catalog.lost_decisions()")" t
is "check_catalog says so" "$(query -c "SELECT count(*) FROM mlops.check_catalog() WHERE object = 'decisions' AND problem ~ 'could not be logged'")" 1
is "so does Prometheus" "$(query -c "SELECT mlops.prometheus_metrics()" | grep -c '^mlops_decisions_lost_total [1-9]')" 1
query -c "ALTER TABLE mlops_catalog.prediction ATTACH PARTITION mlops_catalog.prediction_default DEFAULT" 2>/dev/null || :
query -c "DROP INDEX mlops_catalog.broken"

# ---- maintenance
query -o /dev/null -c "SELECT * FROM mlops.maintain()"
query <<'SQL'
INSERT INTO mlops_catalog.prediction SELECT gen_random_uuid(), now() - d * interval '1 day', model_id, deployment_id, 1, 'primary', false, 'k' || g, 0.5, false, 0.5, 1
	FROM mlops_catalog.deployment_route, generate_series(1, 2000) AS g, (VALUES (1), (2), (100)) AS past (d);
SQL
# a reader that has looked up the partitions before some days have one
all=$(query -c "SELECT count(*) FROM mlops.predictions")
hold "SELECT * FROM mlops_catalog.maintain_phases('postgres', 7, '{create}')"
query -c "SELECT count(*) FROM mlops.predictions" >"$server/counted" 2>&1 &
reader=$!
until_true "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
is "a payment is scored and logged while decisions move and readers wait" "$(query -c "SET lock_timeout = 1" -c "$payment" 2>&1 | tr '\n' ' ')" "t "
release COMMIT
wait "$reader" || :
is "the reader sees what moved while it waited" "$(cat "$server/counted")" "$((all + 1))"
is "and it did move" "$(query -c "SELECT DISTINCT created_at < now() - interval '90 days' FROM mlops_catalog.prediction_default")" t
query -c "SET mlops.retention = 0" -c "SELECT * FROM mlops_catalog.maintain_phases('postgres', 7, '{create}')" >/dev/null
hold "SET LOCAL mlops.retention = 90; SELECT * FROM mlops_catalog.maintain_phases('postgres', 7, '{remove}')"
query -c "SELECT count(*) FROM mlops.predictions" >"$server/counted" 2>&1 &
reader=$!
until_true "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
is "also while a day is dropped" "$(query -c "SET lock_timeout = 1" -c "$payment" 2>&1 | tr '\n' ' ')" "t "
release COMMIT
wait "$reader" || :
is "and a reader sees the others" "$(cat "$server/counted")" "$((all + 2 - 2000))"
query -o /dev/null -c "DROP TABLE $today" -c "$payment"
moved=$(query -c "SELECT prediction_id FROM mlops_catalog.prediction_default WHERE created_at > now() - interval '1 hour' LIMIT 1")
hold "SELECT * FROM mlops_catalog.maintain_phases('postgres', 7, '{create}')"
query -c "SELECT mlops.why('$moved') ->> 'decision' IS NOT NULL" >"$server/told" 2>&1 &
asker=$!
until_true "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
release COMMIT
wait "$asker" || :
is "why() finds a decision that moved after it was called" "$(cat "$server/told")" t

# each phase as the worker runs it, held open after its end
for phase in create past rows; do
	hold "SELECT * FROM mlops_catalog.maintain_phases('postgres', 7, '{$phase}')"
	is "a payment is scored and logged while maintenance ($phase) has not committed" "$(query -c "SET lock_timeout = 1" -c "$payment" 2>&1 | tr '\n' ' ')" "t "
	release COMMIT
done
is "what is past is indexed and sealed then" "$(query -c "SELECT count(*) FROM mlops_catalog.decision_seal")" 2
locks="SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' AND relation = 'mlops_catalog.prediction'::regclass"
is "only the last phase keeps readers out, where nothing moves" "$(query -c "SET mlops.retention = 1" -c "BEGIN" -c "SELECT count(*) FROM mlops_catalog.maintain_phases('postgres', 7, '{past,rows,create,made}')" \
	-c "$locks" -c "SELECT action, count(*) FROM mlops_catalog.maintain_phases('postgres', 7, '{remove}') GROUP BY 1" -c "$locks" -c "ROLLBACK" | tail -n +2 | tr '\n' ' ')" "0 removed|1 1 "
is "and maintain() has it last" "$(query -c "SET mlops.retention = 1" -c "SELECT min(n) FILTER (WHERE action = 'removed') > max(n) FILTER (WHERE action = 'created')
	FROM mlops.maintain(8) WITH ORDINALITY AS m(action, object, rows, n) WHERE object LIKE 'prediction_2%'")" t
echo "1..$n"
