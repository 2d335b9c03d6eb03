#!/bin/sh
# durability.sh - what pg_dump and restore, pg_upgrade and a standby leave as it
# was: the same bytes, scores, rights and audit verdict; sequences continue; a
# standby scores, refuses writes and follows the primary.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

base=$server
chmod 755 "$base"
clean_up()
{
	for server in "$base"/a "$base"/b "$base"/c "$base"/d; do
		[ ! -d "$server/data" ] || private_server remove >/dev/null 2>&1 || :
	done
	rm -rf "$base"
}
trap clean_up EXIT
server=$base/a

# Everything that must stay: bytes, scores, rights, log.
facts()
{
	query -d life <<'SQL'
SELECT model, version, sha256, stage, aliases, deployed_as, metrics FROM mlops.versions ORDER BY 1, 2;
SELECT md5(string_agg(mlops.score('fraud', t)::text || mlops.score('fraud@champion', t)::text, ',' ORDER BY id)) FROM tx t;
SELECT md5(string_agg(e::text, ',' ORDER BY id, e.rank)) FROM tx t, mlops.explain('fraud', t, NULL) e;
SELECT model, role, privilege FROM mlops.grants ORDER BY 1, 2, 3;
SELECT name, rows, content_hash, intact FROM mlops.snapshots s, LATERAL mlops.verify_snapshot(s.name) v(n, intact, r, rn, c, cn);
SELECT seq, event, hash FROM mlops.audit_log ORDER BY seq;
SELECT intact, entries, last_hash FROM mlops.verify_audit();
SELECT * FROM mlops.gates;
SELECT mlops.export_spec();
SELECT route FROM mlops_catalog.stated_route ORDER BY model_id;
SELECT prediction_id, score, version FROM mlops.predictions ORDER BY 1;
SELECT run_id, name, value FROM mlops.run_params ORDER BY 1, 2;
SELECT md5(string_agg(d::text, ',' ORDER BY recorded_at, place)) FROM mlops.drift d;
SELECT * FROM mlops.check_drift('fraud', 'tx');
SELECT * FROM mlops.check_catalog() WHERE object <> 'activation';
SQL
}
# goes_on WHERE ENTRIES: a third version (a training, a gate passed and a deployment are logged).
goes_on()
{
	is "$1: training, deployment and the log go on" "$(query -d life <<'SQL'
SELECT version FROM mlops.train('fraud', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 4}');
SELECT version FROM mlops.deploy('fraud', 3);
SELECT intact, entries FROM mlops.verify_audit();
SELECT count(*) FROM mlops.check_catalog() WHERE object <> 'activation';
SET ROLE app;
SELECT mlops.score('fraud', t) BETWEEN 0 AND 1 FROM tx t WHERE id = 3;
SQL
)" "3
3
t|$2
0
t"
}

settings="fsync = off"
private_server start "$settings" "wal_level = replica" "max_wal_senders = 4"
query -c "CREATE ROLE app" -c "CREATE ROLE gone" -c "CREATE DATABASE life"
query -d life <<'SQL' >/dev/null
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, (i * 7919 % 1009)::float8 AS a, (ARRAY['x', 'y', 'é'])[1 + i % 3] AS c, i * 7919 % 1009 > 900 AS label
	FROM generate_series(1, 3000) AS i;
GRANT SELECT ON tx TO app;
SELECT mlops.train('fraud', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 5}');
SELECT mlops.snapshot('tx', 'tx1');
SELECT mlops.train('fraud', 'mlops_snapshot.tx1', target => 'label', key => 'id', algorithm => 'logistic_regression');
SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.01}}');
SELECT mlops.deploy('fraud', 1, note => 'first');
SELECT mlops.set_alias('fraud', 'champion', 2);
SELECT mlops.set_stage('fraud', 2, 'staging');
SELECT mlops.maintain();
SELECT mlops.decide('fraud', t) FROM tx t WHERE id <= 20;
SELECT mlops.record_drift('fraud', 'tx', window_start => '2026-01-01', window_end => '2026-02-01');
SELECT mlops.grant('fraud', 'app', 'score'), mlops.grant('fraud', 'gone', 'score');
SQL
query -c "DROP ROLE gone"
query -d life -c "SELECT mlops.revoke('fraud', role, 'score') FROM mlops.grants WHERE role LIKE 'unknown%'" >/dev/null
entries=$(query -d life -c "SELECT entries FROM mlops.verify_audit()")
before=$(facts)
is "a life is lived" "$(echo "$before" | grep -c '^fraud|')" "4"

# ---- dump and restore into a new cluster
address=$(private_server address)
# shellcheck disable=SC2086	# a list of options on purpose
"$bin/pg_dump" $address -d life >"$base/life.sql"
server=$base/b
private_server start "$settings"
query -c "CREATE ROLE filler" -c "CREATE ROLE app" -c "CREATE DATABASE life"
query -d life -f - <"$base/life.sql" >/dev/null
is "dump and restore: nothing changed" "$(facts)" "$before"
goes_on "dump and restore" "$((entries + 3))"
is "dump and restore: it waits to be activated" "$(query -d life -c "SELECT active FROM mlops.activation" -c "SELECT active FROM mlops.activate()" -c "SELECT count(*) FROM mlops.check_catalog()")" "f
t
0"
private_server stop

# ---- a standby
server=$base/a
mkdir -p "$base/c" && { [ "$(id -u)" -ne 0 ] || chown "$(stat -c %U "$base/a/data")" "$base/c"; }
chmod 700 "$base/c"
# shellcheck disable=SC2086
as_server "$bin/pg_basebackup" $address -D "$base/c/data" -R -X stream -c fast
as_server mkdir -p -m 700 "$base/c/socket"
server=$base/c
private_server start "$settings" "hot_standby = on"
follow()
{
	lsn=$(server=$base/a query -c "SELECT pg_current_wal_lsn()")
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(query -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
		sleep 0.1
	done
}
follow
on_standby()
{
	query -d life <<'SQL'
SELECT model, version, sha256 FROM mlops.versions ORDER BY 1, 2;
SELECT md5(string_agg(mlops.score('fraud', t)::text || mlops.score('fraud@champion', t)::text, ',' ORDER BY id)) FROM tx t;
SELECT md5(string_agg(e::text, ',' ORDER BY id, e.rank)) FROM tx t, mlops.explain('fraud', t, NULL) e;
SELECT intact, entries, last_hash FROM mlops.verify_audit();
SELECT * FROM mlops.check_catalog() WHERE object <> 'activation';
SELECT count(*) FROM mlops.search_runs('params.n_estimators = ''5''');
SQL
}
is "a standby: the same bytes, scores and verdict" "$(on_standby)" "$(server=$base/a on_standby)"
for call in "mlops.train('fraud', 'tx', target => 'label')" "mlops.deploy('fraud', 2)" "mlops.rollback('fraud')" \
	"mlops.set_alias('fraud', 'x', 1)" "mlops.grant('fraud', 'app', 'train')" "mlops.start_run('x')" \
	"mlops.set_stage('fraud', 1, 'staging')" "mlops.snapshot('tx', 'x')" "mlops.drop_model('fraud')"; do
	is "a standby refuses ${call%%(*}" "$(query -d life -v ON_ERROR_STOP=0 -c "SELECT $call" 2>&1 | head -n 1)" \
		"ERROR:  cannot execute ${call%%(*}() in a read-only transaction"
done
# one session of the standby, warm, sees a deployment, a grant and an alias of the primary
as_app="SET ROLE app;"
mkfifo "$base/commands"
: >"$base/answers"
private_server psql -q -A -t -d life <"$base/commands" >"$base/answers" 2>&1 &
session=$!
exec 9>"$base/commands"
ask()
{
	asked=$(wc -l <"$base/answers")
	echo "$1" >&9
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		[ "$(wc -l <"$base/answers")" -le "$asked" ] || break
		sleep 0.1
	done
	sed -n "$((asked + 1))p" "$base/answers"
}
version_now="$as_app SELECT (mlops.predict('fraud', t)).version FROM tx t WHERE id = 3;"
is "a standby is as active as its primary" "$(query -d life -c "SELECT active FROM mlops.activation")" t
is "a standby's session scores" "$(ask "$version_now")" 1
server=$base/a query -d life -c "SELECT mlops.deploy('fraud', 2)" >/dev/null
follow
is "and sees a deployment on the primary" "$(ask "$version_now")" 2
server=$base/a query -d life -c "SELECT mlops.revoke('fraud', 'app', 'score')" >/dev/null
follow
is "and a privilege taken away" "$(ask "$version_now")" 'ERROR:  permission denied to score with model "fraud"'
exec 9>&-
wait "$session" || :
private_server stop

# ---- pg_upgrade --link, of the dump's copy
server=$base/b
private_server start "$settings"
before=$(facts)
entries=$(query -d life -c "SELECT entries FROM mlops.verify_audit()")
private_server stop
server=$base/d
private_server start "$settings"
private_server stop
as_server sh -c "cd '$base/d' && '$bin/pg_upgrade' --link -b '$bin' -B '$bin' -d '$base/b/data' -D '$base/d/data' -U postgres -s '$base/d/socket'" >"$base/upgrade.log" 2>&1 ||
	{ tail -n 30 "$base/upgrade.log" | sed 's/^/# /'; for log in "$base"/d/data/pg_upgrade_output.d/*/log/*.log; do tail -n 5 "$log" | sed 's/^/# /'; done; }
is "pg_upgrade --link succeeds" "$(grep -c 'Upgrade Complete' "$base/upgrade.log")" 1
private_server start "$settings"
is "pg_upgrade: nothing changed" "$(facts)" "$before"
is "pg_upgrade: training and the log go on" "$(query -d life <<'SQL'
SELECT version FROM mlops.train('fraud', 'tx', target => 'label', key => 'id', params => '{"n_estimators": 4}');
SELECT intact FROM mlops.verify_audit();
SELECT count(*) FROM mlops.check_catalog() WHERE object <> 'activation';
SQL
)" "4
t
0"
is "pg_upgrade: sequences continue" "$(query -d life -c "SELECT entries FROM mlops.verify_audit()")" "$((entries + 1))"
is "pg_upgrade: it waits to be activated" "$(query -d life -c "SELECT active FROM mlops.activation")" f
echo "1..$n"
