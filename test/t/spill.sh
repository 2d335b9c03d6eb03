#!/bin/sh
# spill.sh - a training whose values do not fit into memory: they go to a temporary
# file, the model is the same, and nothing is left of the file.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off" "shared_preload_libraries = 'mlops'"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, timestamp '2026-01-01' + i * interval '7 s' AS at, hashint4(i) % 100 = 0 AS fraud,
	'm' || abs(hashint4(i * 7)) % 900 AS merchant, 'c' || abs(hashint4(i * 3)) % 20 AS country
	FROM generate_series(1, 200000) AS i;
SELECT 'ALTER TABLE tx ' || string_agg(format('ADD n%s float8', c), ', ') FROM generate_series(1, 30) AS c \gexec
SELECT 'UPDATE tx SET ' || string_agg(format('n%s = CASE WHEN id %% 11 <> %s %% 11 THEN hashint8(id * %s + 7) / 1e9 + fraud::int * %s END', c, c, c, c % 5 * 0.2), ', ') FROM generate_series(1, 30) AS c \gexec
CREATE TABLE shuffled AS SELECT * FROM tx ORDER BY hashint4(id);
ANALYZE;
SQL
files()
{
	query -c "SELECT pg_stat_clear_snapshot()" -c "SELECT temp_files FROM pg_stat_database WHERE datname = current_database()" | tail -1
}
left()
{
	find "$server/data/base/pgsql_tmp" -type f 2>/dev/null | wc -l
}
# model MEMORY THREADS SOURCE ARGUMENTS: the SHA-256 of what is learned, or why nothing is
model()
{
	query -c "SET mlops.max_training_memory = '$1'" -c "SET mlops.threads = $2" -c "SET client_min_messages = warning" \
		-c "SELECT FROM mlops.train('m', '$3', target => 'fraud', exclude => '{id}', $4)" \
		-c "SELECT encode(sha256, 'hex') FROM mlops_catalog.model_version ORDER BY version_id DESC LIMIT 1" 2>&1
}
boosting="params => '{\"n_estimators\": 5}', key => 'id', time_column => 'at'"
before=$(files)
plain=$(model 2GB 2 tx "$boosting")
is "in memory there is no file" "$(files)" "$before"
is "but a model" "$(echo "$plain" | wc -c)" 65
is "the same model from a file" "$(model 130MB 1 tx "$boosting")" "$plain"
is "there was a file" "$([ "$(files)" -gt "$before" ] && echo yes)" yes
is "by two threads" "$(model 130MB 2 tx "$boosting")" "$plain"
is "whatever the order of the table" "$(model 130MB 2 shuffled "$boosting")" "$plain"
is "and in memory" "$(model 2GB 1 shuffled "$boosting")" "$plain"
refit="params => '{\"n_estimators\": 5}', key => 'id', split => '{\"refit\": true, \"validation\": 0.3, \"test\": 0.3}'"
is "drawn by lot, and learned again" "$(model 145MB 2 shuffled "$refit")" "$(model 2GB 2 tx "$refit")"
is "nothing is left" "$(left)" 0

# ---- what cannot be written
refused()
{
	query -v VERBOSITY=verbose -c "SET mlops.max_training_memory = '130MB'" "$@" -c "SELECT mlops.train('m', 'tx', target => 'fraud', exclude => '{id}', $boosting)" 2>&1 >/dev/null | sed -n 's/^.*ERROR: *//p'
}
versions=$(query -c "SELECT count(*) FROM mlops_catalog.model_version")
is "the limit of temporary files" "$(refused -c "SET temp_file_limit = '100kB'")" "53400: temporary file size exceeds temp_file_limit (100kB)"
is "a function that catches the error goes on" "$(query -c "SET mlops.max_training_memory = '130MB'" -c "SET temp_file_limit = '100kB'" \
	-c "DO \$\$ BEGIN PERFORM mlops.train('m', 'tx', target => 'fraud', exclude => '{id}', $boosting); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught'; END \$\$" 2>&1 | grep -c 'NOTICE.*caught')" 1
is "nothing is left of either" "$(left)" 0
is "a timeout in the middle" "$(refused -c "SET statement_timeout = '300ms'" | cut -d : -f 1)" 57014
is "leaves nothing" "$(left)" 0
is "and no version" "$(query -c "SELECT count(*) FROM mlops_catalog.model_version")" "$versions"

# ---- who needs values has them in memory
is "logistic regression reads values again and again" \
	"$(query -c "SET mlops.max_training_memory = '80MB'" -c "SELECT mlops.train('m', 'tx', target => 'fraud', exclude => '{id}', algorithm => 'logistic_regression')" 2>&1 >/dev/null | grep -c 'ERROR.*max_training_memory')" 1

# ---- a server that is killed
query -c "SET mlops.max_training_memory = '130MB'" -c "SELECT mlops.train('m', 'tx', target => 'fraud', exclude => '{id}', params => '{\"n_estimators\": 5000}')" >/dev/null 2>&1 &
training=$!
tries=0
until [ "$(left)" -gt 0 ] || [ $tries -gt 200 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
is "a training is at work on a file" "$([ "$(left)" -gt 0 ] && echo yes)" yes
query -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%n_estimators\": 5000%' AND pid <> pg_backend_pid()" >/dev/null
wait $training || true
is "nothing is left when it is terminated" "$(left)" 0
echo "1..$n"
