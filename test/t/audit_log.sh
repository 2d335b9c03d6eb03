#!/bin/sh
# audit_log.sh - a transaction that keeps the audit log busy, for as long as it
# likes, keeps nobody waiting: no change of a model, no maintenance, no payment; and
# no entry is lost, hidden, or removed by hand.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "max_prepared_transactions = 5" "lock_timeout = '5s'" "$@"
}

seen="SELECT string_agg(event || coalesce(' ' || seq, ' waits'), ', ' ORDER BY seq, logged_at) FROM mlops.audit_log WHERE event <> 'train' AND role <> 'mallory'"
told="SELECT intact, problem FROM mlops.verify_audit()"
ended="SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'mallory'"
sleeps="SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'mallory' AND wait_event = 'PgSleep'"

start "mlops.maintenance_interval = 0"
query <<SQL
CREATE EXTENSION mlops;
CREATE ROLE mallory LOGIN;
CREATE ROLE bob;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 500) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.deploy('fraud', 2) \g /dev/null
SELECT mlops.maintain() \g /dev/null
-- a day that is beyond its retention
SELECT mlops_catalog.make_partition('postgres', current_date - 200) \g /dev/null
CREATE FUNCTION wait_for_go() RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'go') LOOP PERFORM pg_sleep(0.05); END LOOP; END \$\$;
SQL

# ---- in the middle of its COMMIT
query -d postgres -U mallory >"$server/mallory.log" 2>&1 <<'SQL' &
CREATE TEMP TABLE mine (i int);
CREATE FUNCTION pg_temp.sleeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.wait_for_go(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER sleeps AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.sleeps();
BEGIN;
SELECT mlops.trust('bob');
INSERT INTO mine VALUES (1);
COMMIT;
SQL
until_true "$sleeps"
is "a rollback does not wait for it" "$(query -c "SELECT count(*) = 1 FROM mlops.rollback('fraud')" 2>&1)" t
is "its entry is seen" "$(query -c "$seen")" "deploy 3, deploy 4, rollback waits"
is "and counted, which is no fault" "$(query -c "$told")" "t|1 committed entries wait to be chained"
is "nobody removes it" "$(error_of -c "DELETE FROM mlops_catalog.audit_waiting" | head -n 1)|$(error_of -c "UPDATE mlops_catalog.audit_waiting SET role = 'x'" | head -n 1)" \
	'42501: rows of "audit_waiting" are never changed or removed|42501: rows of "audit_waiting" are never changed or removed'
is "not as a replica either" "$(error_of -c "SET session_replication_role = replica" -c "DELETE FROM mlops_catalog.audit_waiting" | head -n 1)" \
	'42501: rows of "audit_waiting" are never changed or removed'
# ---- maintenance that removes a day locks out payments: it does not wait at all
is "maintenance removes a day meanwhile" "$(query -c "SELECT action, object FROM mlops.maintain() WHERE action IN ('removed', 'busy') AND object <> 'guard_state' ORDER BY object" 2>&1)" \
	"busy|audit_log
removed|prediction_$(date -u -d '-200 days' +%Y%m%d)"
is "while it locks payments out it gives up at once" "$(query <<'SQL'
CREATE TABLE took (ms float8);
BEGIN;
LOCK TABLE mlops_catalog.prediction;
SELECT mlops.set_model_tag('fraud', 'a', 'b') \g /dev/null
DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN
	SET CONSTRAINTS ALL IMMEDIATE;
	INSERT INTO took SELECT extract(epoch FROM clock_timestamp() - began) * 1000; END $$;
COMMIT;
-- the patience of others
BEGIN;
SELECT mlops.set_model_tag('fraud', 'a', 'c') \g /dev/null
SELECT mlops.set_model_tag('fraud', 'a', 'd') \g /dev/null
DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN
	SET CONSTRAINTS ALL IMMEDIATE;
	INSERT INTO took SELECT extract(epoch FROM clock_timestamp() - began) * 1000; END $$;
COMMIT;
SELECT min(ms) < 150, max(ms) >= 200 FROM took;
SQL
)" "t|t"
is "a payment is decided and logged" "$(query -c "SELECT count(mlops.decide('fraud', t)) FROM (SELECT * FROM t LIMIT 1) AS t" -c "SELECT count(*) FROM mlops_catalog.prediction" 2>&1 | tr '\n' ' ')" "1 1 "

# ---- dump and restore of what waits
address=$(private_server address)
# shellcheck disable=SC2086	# options on purpose
"$bin/pg_dump" $address -Fc -d postgres >"$server/dump"
query -c "CREATE DATABASE copy"
# shellcheck disable=SC2086
"$bin/pg_restore" $address -d copy "$server/dump" >"$server/restore.log" 2>&1 || :
is "restored, they wait as they did" "$(query -d copy -c "$seen")" "$(query -c "$seen")"
query -d copy -c "SELECT mlops.activate()" >/dev/null
is "the next entry takes them on" "$(query -d copy -c "SELECT string_agg(event, ', ' ORDER BY seq) FROM mlops.audit_log WHERE seq > 4" -c "$told")" \
	"rollback, remove_decisions, set_tag, set_tag, set_tag, activate
t|"

# ---- and after it
query -c "CREATE TABLE go ()"
until_true "$ended"
is "a change afterwards chains what waits before its own, oldest first" "$(query -c "SELECT mlops.deploy('fraud', 2, note => 'again')" >/dev/null; query -c "SELECT string_agg(event, ', ' ORDER BY seq) FROM mlops.audit_log WHERE seq > 4" -c "$told")" \
	"trust, rollback, remove_decisions, set_tag, set_tag, set_tag, deploy
t|"

# ---- a transaction that stays open, and one that is prepared
query -c "DROP TABLE go"
query -d postgres -U mallory >"$server/mallory.log" 2>&1 <<'SQL' &
BEGIN;
SELECT mlops.distrust('bob');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT wait_for_go();
ROLLBACK;
SQL
until_true "$sleeps"
is "nor does anybody wait for an open transaction" "$(query -c "SELECT count(*) = 1 FROM mlops.rollback('fraud')" 2>&1)" t
query -c "CREATE TABLE go ()"
until_true "$ended"
query -c "BEGIN" -c "SELECT mlops.trust('bob')" -c "PREPARE TRANSACTION 'one'" >/dev/null
is "nor for a prepared one" "$(query -c "SELECT mlops.set_model_tag('fraud', 'a', 'e') ->> 'a'" 2>&1)|$(query -c "SELECT count(*) FROM mlops.audit_log WHERE seq IS NULL")" "e|2"
query -c "COMMIT PREPARED 'one'"
start "mlops.maintenance_interval = 1"
until_true "SELECT count(*) = 0 FROM mlops.audit_log WHERE seq IS NULL" 30
is "maintenance chains what waits" "$(query -c "SELECT string_agg(event, ', ' ORDER BY seq) FROM mlops.audit_log WHERE seq > 11" -c "$told")" "rollback, trust, set_tag
t|"
is "a missing trigger is told" "$(query <<'SQL'
BEGIN;
ALTER TABLE mlops_catalog.audit_waiting DISABLE TRIGGER refuse_change;
SELECT object, problem FROM mlops.check_catalog() WHERE object LIKE 'table audit%';
ROLLBACK;
SQL
)" "table audit_waiting|its trigger refuse_change is missing or disabled"
is "all of it is never removed at once" "$(error_of -c "TRUNCATE mlops_catalog.audit_waiting" | head -n 1)" '42501: rows of "audit_waiting" are never changed or removed'
is "the catalog is consistent" "$(query -c "SELECT * FROM mlops.check_catalog()")" ""
echo "1..$n"
