#!/bin/sh
# shared_cache.sh - one copy of a model for all sessions: who may use it, when it goes,
# and what sessions leave behind that end in any way.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "fsync = off" "mlops.maintenance_interval = 0" "max_connections = 240" "shared_buffers = '32MB'" \
		"shared_preload_libraries = 'mlops'" "mlops.shared_cache_size = '1MB'" "$@"
}

start
query -o /dev/null <<'SQL' 2>/dev/null
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, (i * 7919 % 1009)::float8 AS amount, (i * 31 % 503)::float8 AS balance, i * 7919 % 1009 > 700 + i % 311 AS label
	FROM generate_series(1, 3000) AS i;
ALTER TABLE tx ADD PRIMARY KEY (id);
SELECT mlops.train('m', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 20}');
SELECT mlops.deploy('m', 1);
-- copies that score alike, and one that does not
SELECT mlops.import_model(mlops.export_model('m', 1), 'copy' || g) FROM generate_series(1, 100) AS g;
SELECT mlops.train('m', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 1}');
CREATE ROLE scorer LOGIN;
CREATE ROLE nobody LOGIN;
GRANT SELECT ON tx TO scorer, nobody;
SELECT mlops.grant('m', 'scorer', 'score');
SQL
shown="SELECT version, shared, pins, hits FROM mlops.cached_models WHERE model = 'm'"
since="SELECT cached_at FROM mlops.cached_models WHERE shared AND model ="
one="mlops.score('m', tx) FROM tx WHERE id = 1"
score=$(query -c "SELECT $one")

# One session fills it, the others use it.
is "the first session has shared it" "$(query -c "$shown")" "1|t|0|1"
at=$(query -c "$since 'm'")
is "another one scores alike" "$(query -c "SELECT $one")" "$score"
is "by the same copy" "$(query -c "$shown" -c "$since 'm'")" "1|t|0|2
$at"
query -c "CREATE TABLE kept AS SELECT * FROM mlops_catalog.model_artifact" \
	-c "UPDATE mlops_catalog.model_artifact SET data = '\\x00'"
is "which it has not read" "$(query -c "SELECT $one")" "$score"
is "nor verified: others are" "$(error_of -c "SELECT mlops.score('copy1/1', tx) FROM tx" | head -n 1)" 'XX001: version 1 of model "copy1" is corrupt'
is "the one that failed has left nothing" "$(query -c "SELECT model, pins FROM mlops.cached_models")" "m|0"
query -c "UPDATE mlops_catalog.model_artifact AS a SET data = k.data FROM kept AS k WHERE k.version_id = a.version_id AND k.part = a.part"
is "a statement that asks twice uses it once" "$(query -c "SELECT mlops.score('m', tx) = mlops.score('m/1', tx), (SELECT pins FROM mlops.cached_models) FROM tx WHERE id = 1")" "t|1"

# Rights are those of the session.
is "who may not score does not, though it is there" "$(error_of -d postgres -U nobody -c "SELECT $one" | head -n 1)" '42501: permission denied to score with model "m"'
is "nor sees it" "$(query -d postgres -U nobody -c "SELECT count(*) FROM mlops.cached_models" -c "SELECT count(*) FROM mlops_catalog.cached_models()")" "0
0"
is "who may score does" "$(query -d postgres -U scorer -c "SELECT $one" -c "SELECT count(*) FROM mlops.cached_models")" "$score
0"
query -o /dev/null -c "SELECT mlops.grant('m', 'scorer', 'view')"
is "and who may view it sees it there" "$(query -d postgres -U scorer -c "SELECT model, version FROM mlops.cached_models")" "m|1"
is "until that is taken away" "$(query -d postgres -U scorer -v ON_ERROR_STOP=0 -v VERBOSITY=sqlstate -c "SELECT $one" \
	-c "\\! '$bin/psql' -X -q -o /dev/null -h '$server/socket' -U postgres -c \"SELECT mlops.revoke('m', 'scorer', 'score')\"" -c "SELECT $one" 2>&1)" "$score
ERROR:  42501"

# What is not committed is the session's own.
is "a version of the same transaction" "$(query <<'SQL' 2>/dev/null
BEGIN;
SELECT mlops.train('m', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.score('m/3', tx) > 0 FROM tx WHERE id = 1;
SELECT version, shared FROM mlops.cached_models WHERE model = 'm' ORDER BY 1;
SAVEPOINT s;
SELECT mlops.import_model(mlops.export_model('m', 1), 'undone') \g /dev/null
SELECT mlops.score('undone/1', tx) > 0 FROM tx WHERE id = 1;
ROLLBACK TO s;
PREPARE next AS SELECT mlops.score('m/3', tx) > 0 FROM tx WHERE id = 1;
COMMIT;
EXECUTE next;
SELECT version, shared FROM mlops.cached_models WHERE model = 'm' ORDER BY 1;
SQL
)" "t
1|t
3|f
t
t
1|t
3|t"
is "what was undone was never shared" "$(query -c "SELECT count(*) FROM mlops_catalog.cached_models()")" 2

# The same identity with other bytes, as after a restore.
other=$(query -c "SELECT mlops.score('m/2', tx) FROM tx WHERE id = 1")
query <<'SQL'
UPDATE mlops_catalog.model_version AS v SET sha256 = o.sha256, size = o.size FROM mlops_catalog.model_version AS o
	WHERE o.version_id = 102 AND v.version_id = 1;
UPDATE mlops_catalog.model_artifact AS a SET data = o.data FROM mlops_catalog.model_artifact AS o WHERE o.version_id = 102 AND a.version_id = 1;
SQL
is "other bytes of the same identity" "$(query -c "SELECT $one" -c "SELECT count(*) FROM mlops_catalog.cached_models() WHERE version_id = 1")" "$other
1"
query <<'SQL'
UPDATE mlops_catalog.model_version AS v SET sha256 = o.sha256, size = o.size FROM mlops_catalog.model_version AS o
	WHERE o.version_id = 2 AND v.version_id = 1;
UPDATE mlops_catalog.model_artifact AS a SET data = k.data FROM kept AS k WHERE k.version_id = a.version_id AND a.version_id = 1;
SQL
is "and back" "$(query -c "SELECT $one")" "$score"

# Within the limit, the least recently used ones go.
within="SELECT sum(bytes) <= 1024 * 1024, sum(bytes) > 512 * 1024, sum(pins) FROM mlops.cached_models WHERE shared"
is "one statement through many models" "$(query -c "SELECT count(DISTINCT mlops.score('copy' || g || '/1', tx)) FROM generate_series(1, 30) AS g, tx WHERE id = 1" \
	-c "$within" -c "SELECT model FROM mlops.cached_models WHERE model IN ('copy1', 'copy30')")" "1
t|t|0
copy30"
fits=$(query -c "SELECT count(*) FROM mlops.cached_models")
kept="SELECT string_agg(model, ' ' ORDER BY cached_at) FROM mlops.cached_models"
query -o /dev/null -c "SELECT count(mlops.score('copy' || g || '/1', tx)) FROM generate_series(1, $fits) AS g, tx WHERE id = 1" \
	-c "SELECT mlops.score('copy1/1', tx) FROM tx WHERE id = 1" -c "SELECT mlops.score('copy25/1', tx) FROM tx WHERE id = 1"
is "what was used last stays" "$(query -c "$kept")" "copy1 $(seq -s ' ' -f 'copy%.0f' 3 "$fits") copy25"

# Pinned while a statement uses it: a cursor is one.
through_all="'$bin/psql' -X -q -o /dev/null -h '$server/socket' -U postgres -c \"SELECT count(mlops.score('copy' || g || '/1', tx)) FROM generate_series(2, 30) AS g, tx WHERE id = 1\""
is "what a statement uses stays while it does" "$(query <<SQL
BEGIN;
DECLARE c CURSOR FOR SELECT mlops.score('copy1/1', tx) = $score FROM tx WHERE id = 1 OR id = 2 ORDER BY id;
FETCH c;
$since 'copy1' \\gset
\\! $through_all
SELECT pins, cached_at = :'cached_at' FROM mlops.cached_models WHERE model = 'copy1';
FETCH c \\g /dev/null
COMMIT;
SELECT pins FROM mlops.cached_models WHERE model = 'copy1';
\\! $through_all
SELECT count(*) FROM mlops.cached_models WHERE model = 'copy1';
SELECT mlops.score('copy1/1', tx) = $score FROM tx WHERE id = 1;
SQL
)" "t
1|t
0
0
t"
many=$((fits + 2))
is "where all is in use, a session has its own copy" "$(query -c BEGIN $(for g in $(seq $many); do
	echo "-c" "DECLARE/**/c$g/**/CURSOR/**/FOR/**/SELECT/**/mlops.score('copy$g/1',tx)=$score/**/FROM/**/tx/**/WHERE/**/id=1" "-c" "FETCH/**/c$g"; done) \
	-c "SELECT count(*) FILTER (WHERE shared) = $fits, count(*) FILTER (WHERE NOT shared), sum(pins) FROM mlops.cached_models WHERE pins > 0" -c COMMIT \
	-c "SELECT sum(pins) FROM mlops.cached_models" | sort | uniq -c | xargs)" "1 0 $many t 1 t|2|$many"

# Dropped ones make room at once; not those of a transaction that is undone.
query -o /dev/null -c "SELECT count(mlops.score('copy' || g || '/1', tx)) FROM generate_series(1, $fits) AS g, tx WHERE id = 1"
now=$(query -c "$kept")
query -o /dev/null -c "BEGIN" -c "SELECT mlops.drop_model('copy1')" -c ROLLBACK
is "dropped, and not" "$(query -c "$kept")" "$now"
query -o /dev/null -c "SELECT mlops.drop_model('copy2')" -c "SELECT mlops.drop_model('copy4')"
query -o /dev/null -c "SELECT mlops.score('copy29/1', tx), mlops.score('copy30/1', tx) FROM tx WHERE id = 1"
is "dropped ones make room" "$(query -c "$kept")" "$(echo "$now" | sed 's/copy2 //; s/copy4 //') copy29 copy30"
is "one that is in use goes when it is not" "$(query <<SQL
BEGIN;
DECLARE c CURSOR FOR SELECT mlops.score('copy30/1', tx) = $score FROM tx WHERE id IN (1, 2) ORDER BY id;
FETCH c;
\\! '$bin/psql' -X -q -o /dev/null -h '$server/socket' -U postgres -c "SELECT mlops.drop_model('copy30')"
FETCH c \\g /dev/null
COMMIT;
SELECT mlops.score('copy28/1', tx) = $score FROM tx WHERE id = 1;
SQL
)" "t
t"
is "then there is room for another" "$(query -c "$kept")" "$(echo "$now" | sed 's/copy2 //; s/copy4 //') copy29 copy28"

# However a session ends.
pins="SELECT sum(pins) FROM mlops.cached_models"
error_of -c "SELECT mlops.score('m', tx) + 1 / (id - 5) FROM tx" >/dev/null
is "an error" "$(query -c "$pins")" 0
error_of -c "SET statement_timeout = '200ms'" -c "SELECT mlops.score('m', tx), pg_sleep(1) FROM tx" >/dev/null
is "a timeout" "$(query -c "$pins")" 0
for how in terminated left; do
	"$bin/psql" -X -q -h "$server/socket" -U postgres -o /dev/null -c "SET application_name = 'victim'" -c "SET client_connection_check_interval = '100ms'" \
		-c "SELECT mlops.score('m', tx), mlops.score('copy5/1', tx), pg_sleep(30) FROM tx WHERE id = 1" 2>/dev/null &
	client=$!
	until_true "SELECT sum(pins) = 2 FROM mlops.cached_models"
	if [ $how = terminated ]; then
		query -o /dev/null -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'"
	else
		kill -9 $client			# the server's process finds that it has nobody to talk to
	fi
	wait $client 2>/dev/null || true
	until_true "SELECT sum(pins) = 0 FROM mlops.cached_models"
	is "a session that is $how" "$(query -c "$pins")" 0
done

# Many at once, and many times over.
cat >"$server/any.sql" <<'SQL'
\set g random(31, 100)
SELECT mlops.score('copy' || :g || '/1', tx) FROM tx WHERE id = 1;
SQL
cat >"$server/fifty.sql" <<'SQL'
SELECT count(mlops.score('copy' || 30 + g || '/1', tx)) FROM generate_series(1, 50) AS g, tx WHERE id = 1;
SQL
chmod 755 "$server"; chmod 644 "$server"/*.sql
bench() { "$bin/pgbench" -h "$server/socket" -U postgres -n "$@" postgres 2>&1; }
is "200 sessions of 50 models" "$(bench -c 200 -j 2 -t 1 -f "$server/fifty.sql" | grep -c 'actually processed: 200/200')" 1
is "are within the limit" "$(query -c "$within")" "t|t|0"
contexts="SELECT sum(total_bytes) FROM pg_backend_memory_contexts"
query >"$server/memory" <<SQL
SELECT count(mlops.score('copy' || 31 + g % 70 || '/1', tx)) FROM generate_series(1, 200) AS g, tx WHERE id = 1 \\g /dev/null
$contexts;
\\! '$bin/pgbench' -h '$server/socket' -U postgres -n -c 15 -j 2 -t 900 -f '$server/any.sql' postgres >'$server/turned' 2>&1
SELECT count(mlops.score('copy' || 31 + g % 70 || '/1', tx)) FROM generate_series(1, 625) AS g, tx WHERE id = 1 \\g /dev/null
$contexts;
SQL
# four fifths of the 14,125 calls find their model gone: a seventh of the 70 has room
is "10,000 turnovers" "$(grep -c 'actually processed: 13500/13500' "$server/turned")" 1
is "the session's memory is what it was" "$(awk 'NR == 1 { a = $1 } NR == 2 { b = $1 } END { print (b < 1.05 * a + 65536) }' "$server/memory")" 1
is "within the limit, nothing pinned" "$(query -c "$within")" "t|t|0"
is "all of it can be used still" "$(query -c "SELECT count(mlops.score('copy' || g || '/1', tx)) FROM generate_series(31, 100) AS g, tx WHERE id = 1" -c "SELECT count(*) >= $fits - 1 FROM mlops.cached_models WHERE shared")" "70
t"

# After a deployment all sessions need the same version at once: one of them reads it.
reads="SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = 'model_artifact_pkey'"
locked="SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'mlops_catalog.model_artifact'::regclass)"
waiting="SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'mlops_catalog.model_artifact'::regclass"
alone="SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
until_true "$alone"			# those that ended have told how much they read
read_before=$(query -c "$reads")
query -c BEGIN -c "LOCK mlops_catalog.model_artifact" -c "SELECT pg_sleep(1)" -o /dev/null &
until_true "$locked"
for i in 1 2 3; do
	query -c "SELECT mlops.score('copy3/1', tx) = $score FROM tx WHERE id = 1" >"$server/payment$i" &
	[ $i != 1 ] || until_true "$waiting"
	[ $i != 1 ] || sleep 0.75	# the others' patience lasts for twice what is left
done
wait
until_true "$alone"
is "sessions that need it at once wait for one that reads it" "$(cat "$server"/payment[123] | xargs)|$(($(query -c "$reads") - read_before))" "t t t|1"
is "where the reader waits, others do not for long" "$(query <<SQL
SET statement_timeout = '10s';
BEGIN;
LOCK mlops_catalog.model_artifact;
\! '$bin/psql' -X -q -h '$server/socket' -U postgres -A -t -c "SELECT mlops.score('copy5/1', tx) = $score FROM tx WHERE id = 1" >'$server/waits' 2>&1 &
SELECT pg_sleep(0.3) \g /dev/null
SELECT mlops.score('copy5/1', tx) = $score FROM tx WHERE id = 1;
COMMIT;
SQL
)" t
until_true "SELECT sum(pins) = 0 FROM mlops.cached_models"
query -o /dev/null -c BEGIN -c "LOCK mlops_catalog.model_artifact" -c "SELECT pg_sleep(0.6)" &
until_true "$locked"
query -v ON_ERROR_STOP=0 -c "SET statement_timeout = '200ms'" -c "SELECT mlops.score('copy6/1', tx) FROM tx" -c "RESET statement_timeout" -c "SELECT pg_sleep(3)" \
	>/dev/null 2>"$server/told" &
until_true "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'mlops_catalog.model_artifact'::regclass)"
is "a reader that gives up makes way" "$(query -c "SET statement_timeout = '300ms'" -c "SELECT mlops.score('copy6/1', tx) = $score FROM tx WHERE id = 1" 2>&1)" t
is "as it did" "$(sed -n 's/^ERROR: *//p' "$server/told")" "canceling statement due to statement timeout"
query -o /dev/null -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3)'"
wait || true

# A backend that is killed takes shared memory with it.
query -o /dev/null -c "SELECT mlops.score('m', tx), pg_sleep(30) FROM tx WHERE id = 1" 2>/dev/null &
until_true "SELECT sum(pins) = 1 FROM mlops.cached_models"
kill -9 "$(query -c "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()")"
wait
until_true "SELECT true"
is "after a crash all is made anew" "$(query -c "SELECT count(*) FROM mlops.cached_models" -c "SELECT $one" -c "$shown")" "0
$score
1|t|0|1"

# Sessions that are ended at any moment, of reading and sharing too.
"$bin/pgbench" -h "$server/socket" -U postgres -n -C -c 8 -j 2 -T 4 -f "$server/any.sql" postgres >/dev/null 2>&1 &
client=$!
for i in $(seq 30); do
	query -o /dev/null -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench' AND random() < 0.3" 2>/dev/null
done
kill $client 2>/dev/null || true
wait $client || true
until_true "SELECT coalesce(sum(pins), 0) = 0 FROM mlops.cached_models"
is "sessions that are ended at any moment leave nothing" "$(query -c "SELECT count(mlops.score('copy' || g || '/1', tx)) FROM generate_series(31, 100) AS g, tx WHERE id = 1" \
	-c "SELECT sum(pins), count(*) >= $fits - 1, sum(bytes) <= 1024 * 1024 FROM mlops.cached_models WHERE shared")" "70
0|t|t"

# A standby shares what it reads.
standby=$server/standby
as_server mkdir -p -m 700 "$standby" "$standby/socket"
as_server "$bin/pg_basebackup" -h "$server/socket" -p 5432 -U postgres -D "$standby/data" -R -X stream -c fast
sh "$root/tools/private_server.sh" start "$standby" "shared_preload_libraries = 'mlops'" "mlops.shared_cache_size = '1MB'" "max_connections = 240"
trap 'sh "$root/tools/private_server.sh" stop "$standby" || :; end_server' EXIT
on_standby() { sh "$root/tools/private_server.sh" psql "$standby" -q -A -t "$@"; }
is "a standby shares, too" "$(on_standby -c "SELECT $one"; on_standby -c "SELECT $one"; on_standby -c "$shown")" "$score
$score
1|t|0|2"
query -o /dev/null -c "SELECT mlops.drop_model('m', force => true)"
for i in $(seq 100); do
	[ "$(on_standby -c "SELECT count(*) FROM mlops.models WHERE model = 'm'")" != 0 ] || break
	sleep 0.1
done
is "and answers by what was dropped no more" "$(on_standby -v VERBOSITY=sqlstate -c "SELECT $one" 2>&1)" "ERROR:  42704"
sh "$root/tools/private_server.sh" stop "$standby"
one="mlops.score('copy3/1', tx) FROM tx WHERE id = 1"
shown="SELECT version, shared, pins, hits FROM mlops.cached_models WHERE model = 'copy3'"

start "mlops.shared_cache_size = 0"
is "without shared memory a session has its own" "$(query -c "SELECT $one" -c "$shown")" "$score
1|f|0|1"
start "mlops.shared_cache_size = '4kB'"
is "a model that is larger than all of it, too" "$(query -c "SELECT $one" -c "$shown")" "$score
1|f|0|1"
start "shared_preload_libraries = ''"
is "and without preloading" "$(query -c "SELECT $one" -c "$shown")" "$score
1|f|0|1"
is "where others see nothing of it" "$(query -c "SELECT count(*) FROM mlops.cached_models")" 0
echo "1..$n"
