#!/bin/sh
# safety.sh - a training stops when it is told to and leaves nothing behind; the
# postmaster stays free of OpenBLAS and of threads; nothing needs preloading;
# damaged bytes are refused.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
server=$(mktemp -d)
n=0

private_server()
{
	action=$1
	shift
	sh "$root/tools/private_server.sh" "$action" "$server" "$@"
}
trap 'private_server remove' EXIT
trap 'exit 1' INT TERM

query()
{
	private_server psql -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# ok NAME GOT WANTED
is()
{
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# got \"$2\", wanted \"$3\""
	fi
}

private_server start "fsync = off" "shared_buffers = '256MB'" "max_wal_size = '4GB'"
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e,
	(i % 50)::text AS f, random() < 0.05 AS label
FROM generate_series(1, 400000) AS i;
SQL

train="mlops.train('m', 'tx', target => 'label', key => 'id'"
is "without preloading, boosting trains" \
	"$(query -c "SELECT version FROM $train, params => '{\"n_estimators\": 5}')")" 1
is "and logistic regression" \
	"$(query -c "SELECT version FROM $train, algorithm => 'logistic_regression')")" 2
is "and scores" "$(query -c "SELECT count(mlops.score('m/1', t)) FROM tx t WHERE id <= 10")" 10

# Stopped at many points, by time-outs from 20 ms on.
for algorithm in gradient_boosting logistic_regression; do
	long="$train, params => '{\"n_estimators\": 3000}')"
	[ "$algorithm" = gradient_boosting ] ||
		long="mlops.train('m', query => 'SELECT t.* FROM tx t, generate_series(1, 12)', target => 'label',
			algorithm => 'logistic_regression')"
	worst=0
	for limit in 20 60 150 300 500 800 1200; do
		ms=$(query -v ON_ERROR_STOP=0 <<SQL 2>"$server/error" | tail -n 1
SELECT clock_timestamp() AS started \gset
SET statement_timeout = $limit;
SELECT 'finished' FROM $long;
RESET statement_timeout;
SELECT (extract(epoch FROM clock_timestamp() - :'started') * 1000)::int - $limit;
SQL
)
		grep -q 'statement timeout' "$server/error" || { echo "# $algorithm, $limit ms: $(cat "$server/error")"; ms=99999; }
		[ "$ms" -le "$worst" ] || worst=$ms
	done
	echo "# $algorithm: stopped at most $worst ms late"
	is "$algorithm stops within a second at any point" "$([ "$worst" -lt 1000 ] && echo yes)" yes
done
is "stopped trainings leave no run" "$(query -c 'SELECT count(*) FROM mlops.runs')" 2

# The backend is as small after a stopped training as after a small one.
is "memory and threads are given back" "$(query <<SQL | tail -n 1
SELECT 'ready' FROM $train, params => '{"n_estimators": 1}');
CREATE TEMP TABLE before AS SELECT pg_read_file('/proc/' || pg_backend_pid() || '/status') AS status;
\set ON_ERROR_STOP 0
SET statement_timeout = 700;
SELECT 'finished' FROM $train, params => '{"n_estimators": 3000}');
RESET statement_timeout;
SELECT 'again' FROM $train, params => '{"n_estimators": 1}');
SELECT substring(a.status from 'VmRSS:\s+(\d+)')::int - substring(b.status from 'VmRSS:\s+(\d+)')::int < 20000
	AND substring(a.status from 'Threads:\s+(\d+)') = '1'
FROM before b, (SELECT pg_read_file('/proc/' || pg_backend_pid() || '/status') AS status) a;
SQL
)" t

# A flipped byte anywhere in the stored parts.
for position in 5 100 2000; do
	is "a byte flipped at $position is noticed" "$(query -v ON_ERROR_STOP=0 <<SQL 2>&1 | grep -c 'version 1 of model "m" is corrupt'
BEGIN;
UPDATE mlops_catalog.model_artifact SET data = set_byte(data, $position, get_byte(data, $position) # 16) WHERE version_id = 1;
SELECT mlops.score('m/1', t) FROM tx t LIMIT 1;
ROLLBACK;
SQL
)" 1
done

# Preloaded: the postmaster itself.
private_server start "shared_preload_libraries = 'mlops'" "fsync = off"
query -c "SELECT version FROM $train, algorithm => 'logistic_regression')" >/dev/null
postmaster=$(head -n 1 "$server/data/postmaster.pid")
is "the postmaster has mlops loaded" "$(grep -q 'mlops\.so' "/proc/$postmaster/maps" && echo yes)" yes
is "and no OpenBLAS" "$(grep -c 'blas' "/proc/$postmaster/maps")" 0
is "and one thread" "$(sed -n 's/^Threads:[^0-9]*//p' "/proc/$postmaster/status")" 1
echo "1..$n"
