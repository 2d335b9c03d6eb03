#!/bin/sh
# safety.sh - a training stops when it is told to and leaves nothing behind; the
# postmaster stays free of OpenBLAS and of threads; nothing needs preloading;
# damaged bytes are refused.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

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

# Stopped at many points and in three ways: by statement_timeout, by a cancel
# (what Ctrl-C sends) and by pg_terminate_backend.
milliseconds_now()
{
	echo $(($(date +%s%N) / 1000000))
}

# stopped_late HOW AFTER QUERY: milliseconds from the order to stop, AFTER
# milliseconds into the query, until the client has its error.
stopped_late()
{
	order=
	[ "$1" = statement_timeout ] || order="pg_${1}_backend(pid)"
	: >"$server/error"
	query >/dev/null 2>"$server/error" <<-SQL &
		SET application_name = 'stopped';
		SET statement_timeout = $([ "$1" = statement_timeout ] && echo "$2" || echo 0);
		SELECT 'finished' FROM $3;
	SQL
	client=$!
	ordered=
	until [ -n "$ordered" ]; do
		# how long the query has run, once it runs
		ordered=$(query -c "SELECT $2 - 1000 * extract(epoch FROM clock_timestamp() - query_start) FROM pg_stat_activity
			WHERE application_name = 'stopped' AND state = 'active' AND query LIKE '%finished%'")
		kill -0 $client 2>/dev/null || break
	done
	query -c "SELECT pg_sleep(greatest(${ordered:-0}, 0) / 1000)" >/dev/null
	ordered=$(milliseconds_now)
	[ -z "$order" ] || query -c "SELECT $order FROM pg_stat_activity WHERE application_name = 'stopped'" >/dev/null
	wait $client || :
	echo $(($(milliseconds_now) - ordered))
}

boosting="$train, params => '{\"n_estimators\": 3000}')"
logistic="mlops.train('m', query => 'SELECT t.* FROM tx t, generate_series(1, 12)', target => 'label',
	algorithm => 'logistic_regression')"
for how in statement_timeout cancel terminate; do
	case $how in
		statement_timeout) error='statement timeout' ;;
		cancel) error='user request' ;;
		terminate) error='administrator command' ;;
	esac
	for learner in boosting logistic; do
		worst=0
		wrong=
		for after in 20 60 150 300 500 800 1200 2000; do
			eval "late=\$(stopped_late $how $after \"\$$learner\")"
			grep -q "$error" "$server/error" || wrong="$wrong; $after ms: $(cat "$server/error")"
			[ "$late" -le "$worst" ] || worst=$late
		done
		echo "# $learner, $how: stopped at most $worst ms late"
		is "$how stops $learner with its error" "$wrong" ""
		is "$how stops $learner within a second at any point" "$([ "$worst" -lt 1000 ] && echo yes)" yes
	done
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

# A flipped byte anywhere in the stored parts: the session has not loaded the
# version before, and a refused one is not kept.
for version in 1 2; do
	is "a flipped byte is noticed at each of 500 places of version $version" "$(query <<SQL 2>&1
DO \$\$
DECLARE
	place int;
	missed int[] := '{}';
BEGIN
	FOR place IN SELECT i * (length(data) - 1) / 499
		FROM mlops_catalog.model_artifact, generate_series(0, 499) AS i WHERE version_id = $version AND part = 0
	LOOP
		BEGIN
			UPDATE mlops_catalog.model_artifact SET data = set_byte(data, place, get_byte(data, place) # 16)
			WHERE version_id = $version AND part = 0;
			PERFORM mlops.score('m/$version', t) FROM tx AS t WHERE id = 1;
			missed := missed || place;
			RAISE division_by_zero;	-- undoes the update
		EXCEPTION WHEN data_corrupted OR division_by_zero THEN
		END;
	END LOOP;
	RAISE WARNING 'missed: %', missed;
END
\$\$;
SQL
)" "WARNING:  missed: {}"
done
is "a missing part is noticed" "$(query -v ON_ERROR_STOP=0 <<SQL 2>&1 | grep -c 'version 1 of model "m"'
BEGIN;
DELETE FROM mlops_catalog.model_artifact WHERE version_id = 1;
SELECT mlops.score('m/1', t) FROM tx t WHERE id = 1;
ROLLBACK;
SQL
)" 1

# Preloaded: the postmaster itself.
private_server start "shared_preload_libraries = 'mlops'" "fsync = off"
query -c "SELECT version FROM $train, algorithm => 'logistic_regression')" >/dev/null
postmaster=$(head -n 1 "$server/data/postmaster.pid")
is "the postmaster has mlops loaded" "$(grep -q 'mlops\.so' "/proc/$postmaster/maps" && echo yes)" yes
is "and no OpenBLAS" "$(grep -c 'blas' "/proc/$postmaster/maps")" 0
is "and one thread" "$(sed -n 's/^Threads:[^0-9]*//p' "/proc/$postmaster/status")" 1
echo "1..$n"
