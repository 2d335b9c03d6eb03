#!/bin/sh
# decide.sh - the log of decisions under concurrency, maintenance, crash, dump and
# restore, on a standby and without preloading.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

standby=$(mktemp -d)
trap 'sh "$root/tools/private_server.sh" remove "$standby" 2>/dev/null || rm -rf "$standby"; private_server remove' EXIT
on()
{
	where=$1 action=$2
	shift 2
	sh "$root/tools/private_server.sh" "$action" "$where" "$@"
}

on "$server" start "fsync = off" "wal_level = replica" "max_connections = 40"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 2000) AS i;
SELECT 'trained' FROM mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}') \g /dev/null
SELECT 'trained' FROM mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 4}') \g /dev/null
SELECT 'deployed' FROM mlops.deploy('fraud', 1) \g /dev/null
SQL

# ---- not preloaded: the library is loaded by the very statement that decides
is "decides without preloading" "$(query -c "SELECT count(mlops.decide('fraud', t)) FROM tx t" -c "SELECT count(*) FROM mlops.predictions" | tr '\n' ' ')" "2000 2000 "
is "rows that fail in two ways by turns give a warning of each way" "$(query -c "BEGIN" -c "SELECT count(d) FROM generate_series(1, 6) AS g,
	LATERAL (SELECT 1 AS other) AS p, LATERAL mlops.decide(CASE WHEN g % 2 = 0 THEN 'fraud' ELSE 'nobody' END, p, on_error => 'null') AS d" -c "ROLLBACK" 2>&1 |
	sed -n 's/^\(WARNING.*row\):.*/\1/p; /^[0-9]*$/p')" 'WARNING:  model "nobody" could not score a row
WARNING:  model "fraud" could not score a row
6'
is "also what a backend leaves in a cursor at commit" "$(query <<'SQL'
BEGIN;
DECLARE c CURSOR FOR SELECT mlops.decide('fraud', t) FROM tx t;
\o /dev/null
FETCH 100 FROM c;
\o
COMMIT;
SELECT count(*) FROM mlops.predictions;
SQL
)" 2100
# COPY has no executor that ends: what its last rows leave is written at the commit
query <<'SQL'
CREATE TABLE copied (id int, amount float8 DEFAULT 95.5, score float8);
CREATE TRIGGER decide BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'key=id');
COPY copied (id) FROM PROGRAM 'seq 3000 3499';
SQL
is "and what COPY leaves" "$(query -c "SELECT count(*), count(DISTINCT l.key), count(l.score) FROM mlops.predictions l JOIN copied c ON c.id::text = l.key")" "500|500|500"
query -c "DELETE FROM mlops_catalog.prediction WHERE key IS NOT NULL" -c "DROP TABLE copied"

# ---- a partition is missing, then is made: rows of the default partition move
is "without partitions the default one has them" "$(query -c 'SELECT count(*) FROM mlops_catalog.prediction_default')" 2100
is "maintain makes today and the days ahead" "$(query -c 'SELECT action, count(*) FROM mlops.maintain(3) GROUP BY 1')" "created|4"
is "and moves what was waiting" "$(query -c 'SELECT count(*) FROM mlops_catalog.prediction_default' -c 'SELECT count(*) FROM mlops.predictions' | tr '\n' ' ')" "0 2100 "
is "a second run has nothing to do" "$(query -c 'SELECT count(*) FROM mlops.maintain(3)')" 0

# ---- many sessions decide while partitions come and go
rm -f "$server"/decided.*
until_time=$(($(date +%s) + 12))
for i in 1 2 3 4 5 6; do
	(
		total=0
		until [ -e "$server/enough" ]; do
			got=$(query -c "SELECT count(mlops.decide('fraud', t, 's$i')) FROM tx t WHERE id <= 700" \
				-c "BEGIN" -c "SELECT 'x' FROM (SELECT count(mlops.decide('fraud', t, 'undone')) FROM tx t) q WHERE false" \
				-c "SELECT mlops.decide('fraud', t, 'undone') FROM tx t WHERE id = 1" -c "ROLLBACK" 2>>"$server/errors.$i" | head -n 1) || break
			total=$((total + got))
		done
		echo "$total" >"$server/decided.$i"
	) &
done
rounds=0
while [ "$(date +%s)" -lt "$until_time" ] || [ "$rounds" -le 3 ]; do
	# today's partition goes to the default one and comes back
	query >/dev/null 2>>"$server/errors.maintain" <<'SQL' || :
BEGIN;
SET LOCAL lock_timeout = '3s';
SELECT format('ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.%I', p), format('INSERT INTO mlops_catalog.prediction SELECT * FROM mlops_catalog.%I', p),
	format('DROP TABLE mlops_catalog.%I', p) FROM mlops_catalog.partition_name((now() AT TIME ZONE 'UTC')::date) AS p \gexec
COMMIT;
SQL
	query -c "SELECT * FROM mlops.maintain(1)" >/dev/null 2>>"$server/errors.maintain" || :
	rounds=$((rounds + 1))
done
touch "$server/enough"
wait
wanted=0
for i in 1 2 3 4 5 6; do wanted=$((wanted + $(cat "$server/decided.$i"))); done
echo "# $wanted decisions of six sessions, $rounds rounds of maintenance"
is "no decision fails" "$(cat "$server"/errors.[0-9] | head -n 3)" ""
is "every decision is logged once" "$(query -c "SELECT count(*), count(DISTINCT prediction_id) FROM mlops.predictions WHERE key LIKE 's%'")" "$wanted|$wanted"
is "none of a rolled back transaction" "$(query -c "SELECT count(*) FROM mlops.predictions WHERE key = 'undone'")" 0
is "partitions did come and go" "$([ "$rounds" -gt 3 ] && echo yes)" yes

# ---- retention
query -c "SELECT * FROM mlops.maintain(1)" >/dev/null
query <<'SQL'
INSERT INTO mlops_catalog.prediction SELECT prediction_id, created_at - interval '100 days', model_id, deployment_id, version, variant, shadow, 'old', score,
	flagged, threshold, latency, features FROM mlops_catalog.prediction LIMIT 10;
INSERT INTO mlops_catalog.prediction SELECT prediction_id, created_at - interval '5 days', model_id, deployment_id, version, variant, shadow, 'recent', score,
	flagged, threshold, latency, features FROM mlops_catalog.prediction WHERE key <> 'old' LIMIT 20;
SQL
# what autovacuum or a session that ends has locked is busy, and is done by a later round
taken=
for i in 1 2 3 4 5 6 7 8 9 10; do
	taken="$taken $(query -c 'SELECT action FROM mlops.maintain(1)')"
	case $taken in *created*) break ;; esac
done
is "old rows are removed, past days get a partition" "$(echo "$taken" | tr ' ' '\n' | grep -vE '^(busy|)$' | sort -u | xargs)" "created indexed removed sealed"
is "and nothing else" "$(query -c "SELECT key, count(*) FROM mlops.predictions WHERE key IN ('old', 'recent') GROUP BY 1")" "recent|20"
removed=
for i in 1 2 3 4 5 6 7 8 9 10; do
	removed=$(query -c "SET mlops.retention = 3" -c "SELECT action, rows FROM mlops.maintain(1) WHERE action <> 'busy'")
	[ -z "$removed" ] || break
done
is "a day beyond the retention is dropped" "$removed" "removed|20"
is "0 keeps for ever" "$(query -c "SET mlops.retention = 0" -c 'SELECT count(*) FROM mlops.maintain(1)')" 0
is "an identity leads to its day" "$(query -c "EXPLAIN (COSTS off) SELECT * FROM mlops_catalog.prediction WHERE created_at = mlops.prediction_time('$(query -c "SELECT prediction_id FROM mlops.predictions LIMIT 1")')" | grep -oE ' on prediction_[0-9a-z]+( |$)' | sort -u | wc -l)" 1

# ---- standby
as_server "$bin/pg_basebackup" -D "$standby/copy" -h "$server/socket" -p 5432 -U postgres -R -X stream -c fast 2>/dev/null || {
	chown "$(stat -c %U "$server/data")" "$standby"
	as_server "$bin/pg_basebackup" -D "$standby/copy" -h "$server/socket" -p 5432 -U postgres -R -X stream -c fast
}
mkdir "$standby/socket"
chown "$(stat -c %U "$server/data")" "$standby" "$standby/socket"
mv "$standby/copy" "$standby/data"
on "$standby" start "fsync = off" "max_connections = 40"
replay()
{
	lsn=$(query -c "SELECT pg_current_wal_lsn()")
	for _ in $(seq 100); do
		[ "$(on "$standby" psql -q -A -t -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
		sleep 0.1
	done
	echo "# the standby does not follow"
}
replay
standby_query()
{
	on "$standby" psql -q -A -t "$@" 2>&1
}
is "a standby scores as the primary" "$(standby_query -c "SELECT sum(mlops.score('fraud', t)) FROM tx t")" "$(query -c "SELECT sum(mlops.score('fraud', t)) FROM tx t")"
is "and compares with the training data" "$(standby_query -c "SELECT sum(statistic) FROM mlops.check_drift('fraud', 'tx')")" "$(query -c "SELECT sum(statistic) FROM mlops.check_drift('fraud', 'tx')")"
is "it refuses to log" "$(standby_query -c "SELECT mlops.decide('fraud', t) FROM tx t" | head -n 1)" "ERROR:  cannot log a decision on a standby server"
is "and says what to do instead" "$(standby_query -c "SELECT mlops.decide('fraud', t) FROM tx t" | grep -c 'HINT:.*mlops.predict')" 1
for call in "mlops.deploy('fraud', 2)" "mlops.rollback('fraud')" "mlops.promote('fraud')" "mlops.maintain()" "mlops.record_drift('fraud', 'tx')"; do
	is "it refuses $call" "$(standby_query -c "SELECT * FROM $call" | grep -c 'read-only transaction')" 1
done
# one session of the standby, before and after a deployment on the primary
mkfifo "$standby/commands"
(standby_query -f - <"$standby/commands" >"$standby/answers") &
exec 3>"$standby/commands"
echo "SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t;" >&3
for _ in $(seq 50); do [ ! -s "$standby/answers" ] || break; sleep 0.1; done
query -c "SELECT version FROM mlops.deploy('fraud', 2)" >/dev/null
replay
echo "SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t;" >&3
query -c "SELECT variant FROM mlops.deploy('fraud', 1, 'canary', percent => 50, key => 'id')" >/dev/null
replay
echo "SELECT count(*) FROM (SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t) v;" >&3
echo "SELECT md5(string_agg((mlops.predict('fraud', t)).variant, ',' ORDER BY id)) FROM tx t;" >&3
exec 3>&-
wait
is "a session of the standby sees deployments after replay, and keys the same variants" "$(tr '\n' ' ' <"$standby/answers")" \
	"1 2 2 $(query -c "SELECT md5(string_agg((mlops.predict('fraud', t)).variant, ',' ORDER BY id)) FROM tx t") "
on "$standby" stop

# ---- restart, crash, dump and restore
variants="SELECT md5(string_agg((mlops.predict('fraud', t)).variant, ',' ORDER BY id)) FROM tx t"
before=$(query -c "$variants")
count=$(query -c "SELECT count(*) FROM mlops.predictions")
as_server "$bin/pg_ctl" -D "$server/data" -w -s -m immediate stop
on "$server" start "fsync = off" "max_connections = 40"
is "after a crash every committed decision is there" "$(query -c "SELECT count(*) FROM mlops.predictions")" "$count"
is "and keys see the variants they saw" "$(query -c "$variants")" "$before"
query -c "CREATE DATABASE restored"
as_server "$bin/pg_dump" -h "$server/socket" -p 5432 -U postgres -Fc -f "$server/socket/dump" postgres
as_server "$bin/pg_restore" -h "$server/socket" -p 5432 -U postgres -d restored "$server/socket/dump" >"$server/restore.log" 2>&1 || :
is "a dump restores without a complaint" "$(head -n 3 "$server/restore.log")" ""
is "with the decisions" "$(query -d restored -c "SELECT count(*) FROM mlops.predictions")" "$count"
is "and the same variants for the same keys" "$(query -d restored -c "$variants")" "$before"
is "decisions and maintenance go on" "$(query -d restored -c "SELECT count(mlops.decide('fraud', t)) FROM tx t" -c "SELECT count(*) FROM mlops.maintain(1)" -c "SELECT count(*) FROM mlops.predictions" | tr '\n' ' ')" "2000 0 $((count + 2000)) "
is "and a deployment can be made" "$(query -d restored -c "SELECT version FROM mlops.promote('fraud')")" 1
is "the extension can be dropped with its partitions" "$(query -d restored -c "DROP EXTENSION mlops" -c "SELECT count(*) FROM pg_class WHERE relname LIKE 'prediction%'" 2>&1 | tail -n 1)" 0
echo "1..$n"
