#!/bin/sh
# replication.sh - a server that applies another one's changes by logical
# replication: nothing is audited or invalidated twice, or not at all.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

subscriber=$(mktemp -d)
trap 'sh "$root/tools/private_server.sh" remove "$subscriber"; end_server' EXIT
there()
{
	sh "$root/tools/private_server.sh" psql "$subscriber" -q -A -t -v ON_ERROR_STOP=1 "$@"
}

private_server start "fsync = off" "wal_level = logical" "max_wal_senders = 20" "max_replication_slots = 20"
sh "$root/tools/private_server.sh" start "$subscriber" "fsync = off" "max_logical_replication_workers = 20" "max_worker_processes = 40" "max_sync_workers_per_subscription = 4"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 2000) AS i;
ALTER TABLE tx REPLICA IDENTITY FULL;
SELECT 'trained' FROM mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}') \g /dev/null
SELECT 'trained' FROM mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 9}') \g /dev/null
SELECT 'deployed' FROM mlops.deploy('fraud', 1) \g /dev/null
CREATE PUBLICATION everything FOR ALL TABLES;
SQL
there -c "CREATE EXTENSION mlops" -c "CREATE TABLE tx (id int, amount float8, is_fraud boolean)"
# what an installation holds from the start comes from the publisher
there <<'SQL'
SET session_replication_role = replica;
SET client_min_messages = error;
SELECT format('TRUNCATE %s CASCADE', string_agg(c.oid::regclass::text, ', ')) FROM pg_class AS c
WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \gexec
SQL
there -c "CREATE SUBSCRIPTION all_of_it CONNECTION 'host=$server/socket port=5432 user=postgres dbname=postgres' PUBLICATION everything" 2>/dev/null
follow()
{
	lsn=$(query -c "SELECT pg_current_wal_lsn()")
	for _ in $(seq 600); do
		[ "$(query -c "SELECT count(*) > 0 AND bool_and(replay_lsn >= '$lsn') FROM pg_stat_replication WHERE application_name = 'all_of_it'")" != t ] ||
			[ "$(there -c "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")" != 0 ] || return 0
		sleep 0.2
	done
	echo "# the subscriber does not follow"
	tail -n 5 "$subscriber/log" | sed 's/^/# /'
}
same()
{
	is "$1" "$(there -c "$2")" "$(query -c "$2")"
}
audit="SELECT count(*), max(seq), (SELECT intact FROM mlops.verify_audit()), (SELECT count(*) FROM mlops_catalog.audit_waiting) FROM mlops_catalog.audit_log"
route="SELECT v.version, r.variant, r.percent FROM mlops_catalog.deployment_route r JOIN mlops_catalog.model_version v USING (version_id) ORDER BY 1, 2"

follow
same "what was audited before is there once, and intact" "$audit"
same "models and routes are there" "$route"
same "and score the same" "SELECT sum(mlops.score('fraud', t)) FROM tx t"

# ---- changes that are applied, with a session there that has scored before
mkfifo "$subscriber/commands"
there -f - <"$subscriber/commands" >"$subscriber/answers" &
warm=$!
exec 3>"$subscriber/commands"
echo "SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t;" >&3
for _ in $(seq 100); do [ ! -s "$subscriber/answers" ] || break; sleep 0.1; done
query -c "SELECT version FROM mlops.deploy('fraud', 2)" >/dev/null
follow
echo "SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t;" >&3
query -c "SELECT version FROM mlops.deploy('fraud', 1, 'canary', percent => 50, key => 'id')" -c "SELECT * FROM mlops.set_alias('fraud', 'spare', 1)" >/dev/null
follow
echo "SELECT count(*) FROM (SELECT DISTINCT (mlops.predict('fraud', t)).version FROM tx t) v;" >&3
exec 3>&-
wait "$warm" || :
is "a session there forgets what it knew" "$(tr '\n' ' ' <"$subscriber/answers")" "1 2 2 "
same "what was audited since is there once, and intact" "$audit"
same "routes are those of the publisher" "$route"
query -c "SELECT * FROM mlops.promote('fraud')" -c "SELECT mlops.drop_version('fraud', 2, force => true)" >/dev/null 2>&1 || :
query -c "SELECT count(mlops.decide('fraud', t)) FROM tx t" -c "SELECT * FROM mlops.maintain(1)" >/dev/null
follow
same "so with what comes after" "$audit"
same "the same answers" "$route"
is "no change stops the subscription" "$(grep -c 'ERROR:' "$subscriber/log" || :)" 0
there -c "DROP SUBSCRIPTION all_of_it"
echo "1..$n"
