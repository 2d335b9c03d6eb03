#!/bin/sh
# progress.sh - long calls tell how far they are while they work, to those who
# may know, and nothing any more when they have ended, however they ended.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "shared_buffers = '256MB'"
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, random() AS a, random() AS b, random() AS c, (i % 50)::text AS f, random() < 0.05 AS label
FROM generate_series(1, 600000) AS i;
ANALYZE tx;
CREATE ROLE somebody LOGIN;
CREATE ROLE watchman LOGIN IN ROLE pg_read_all_stats;

-- every answer of the view while another session works
CREATE TABLE seen (role regrole, command text, subject text, phase text, done float8, total float8, percent float8,
	metric float8, remaining interval, updated_at timestamptz, age interval);
CREATE PROCEDURE observe(seconds float8) LANGUAGE plpgsql AS \$\$
DECLARE
	till timestamptz := clock_timestamp() + seconds * interval '1 second';
	was_there boolean := false;
BEGIN
	TRUNCATE seen;
	WHILE clock_timestamp() < till LOOP
		INSERT INTO seen SELECT role, command, subject, phase, done, total, percent, metric, remaining, updated_at,
			clock_timestamp() - updated_at FROM mlops.job_progress;
		EXIT WHEN was_there AND NOT FOUND;
		was_there := was_there OR FOUND;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	COMMIT;
END \$\$;
SQL

is "nothing is told when nothing happens" "$(query -c 'SELECT count(*) FROM mlops.job_progress')" 0

query -c "SELECT mlops.train('m', 'tx', target => 'label', key => 'id',
	params => '{\"n_estimators\": 60, \"early_stopping_rounds\": 60}')" >/dev/null &
query -c "CALL observe(60)"
wait
is "a training is seen with its model" \
	"$(query -c "SELECT DISTINCT role, command, subject FROM seen")" "postgres|train|m"
is "in its phases" \
	"$(query -c "SELECT count(DISTINCT phase) FROM seen WHERE phase IN ('ingest', 'split', 'preprocess', 'fit', 'judge')")" 5
is "reading counts rows of an estimate" \
	"$(query -c "SELECT count(DISTINCT done) > 2 AND max(total) BETWEEN 590000 AND 610000 FROM seen WHERE phase = 'ingest'")" t
is "fitting counts trees" \
	"$(query -c "SELECT count(DISTINCT done) > 10 AND min(total) = 60 AND max(percent) <= 100 FROM seen WHERE phase = 'fit'")" t
is "with the metric so far" \
	"$(query -c "SELECT bool_and(metric BETWEEN 0 AND 1) FROM seen WHERE phase = 'fit' AND done > 0")" t
is "and an estimate of what remains" \
	"$(query -c "SELECT bool_and(remaining BETWEEN '0 s' AND '60 s') FROM seen WHERE phase = 'fit' AND done BETWEEN 1 AND 59")" t
# nearly always: where others have the processor for a second, nobody can
is "updated within a second" "$(query -c "SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY age) < '1 s' FROM seen")" t
is "and gone when it has ended" "$(query -c 'SELECT count(*) FROM mlops.job_progress')" 0

query -c "SELECT * FROM mlops.deploy('m', 1)" >/dev/null
query -c "SELECT count(*) FROM mlops.score_table('m', 'tx', key => 'id')" >/dev/null &
query -c "CALL observe(60)"
wait
is "scoring a table counts rows" \
	"$(query -c "SELECT count(DISTINCT done) > 2 FROM seen WHERE command = 'score_table' AND subject = 'm' AND phase = 'score'")" t

query -c "SELECT count(*) FROM mlops.check_drift('m', 'tx')" >/dev/null &
query -c "CALL observe(60)"
wait
is "a check of drift counts rows" \
	"$(query -c "SELECT count(DISTINCT done) > 2 FROM seen WHERE command = 'check_drift' AND subject = 'm' AND phase = 'count'")" t
query -c "SELECT count(*) FROM mlops.drift_between('tx', 'tx', statistics => '{ks}')" >/dev/null &
query -c "CALL observe(60)"
wait
is "one between two tables has its phases" \
	"$(query -c "SELECT count(DISTINCT phase) FROM seen WHERE command = 'drift_between' AND subject = 'tx' AND phase IN ('read reference', 'read current', 'compare')")" 3
for call in "check_drift('m', query => 'SELECT t.* FROM tx AS t, generate_series(1, 1000)')" "drift_between('tx', 'many')"; do
	is "mlops.${call%%(*} stops within a second" "$(query -v ON_ERROR_STOP=0 <<SQL 2>/dev/null
CREATE OR REPLACE VIEW many AS SELECT t.* FROM tx AS t, generate_series(1, 1000);
SET statement_timeout = 300;
SELECT clock_timestamp() AS began \\gset
SELECT * FROM mlops.$call;
SELECT clock_timestamp() - :'began' BETWEEN '0.3 s' AND '1.3 s', (SELECT count(*) FROM mlops.job_progress);
SQL
)" "t|0"
done

# Errors: a time-out, inside of an exception block too; the session lives on.
is "a cancelled call tells nothing" "$(query -v ON_ERROR_STOP=0 <<SQL 2>/dev/null
SET statement_timeout = 300;
SELECT mlops.train('m', 'tx', target => 'label', params => '{"n_estimators": 3000}');
RESET statement_timeout;
SELECT count(*) FROM mlops.job_progress;
SQL
)" 0
is "an error that is caught ends its call alone" "$(query <<SQL 2>/dev/null
DO \$\$
BEGIN
	BEGIN
		PERFORM mlops.train('m', 'tx', target => 'label', weight => 'a', params => '{"n_estimators": 1}', key => 'id',
			split => '{"fold": "f"}');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	ASSERT (SELECT count(*) = 0 FROM mlops.job_progress);
END \$\$;
SELECT count(*) FROM mlops.job_progress;
SQL
)" 0

# Who may see it
query -c "SELECT mlops.train('m', 'tx', target => 'label', params => '{\"n_estimators\": 3000}')" >/dev/null 2>&1 &
until [ "$(query -c "SELECT count(*) FROM mlops.job_progress WHERE phase = 'fit'")" = 1 ]; do :; done
is "another role does not see it" "$(query -d postgres -U somebody -c 'SELECT count(*) FROM mlops.job_progress')" 0
is "one that reads all statistics does" "$(query -d postgres -U watchman -c 'SELECT count(*) FROM mlops.job_progress')" 1
query -c 'CREATE DATABASE other' && query -d other -c 'CREATE EXTENSION mlops'
is "another database does not show it" "$(query -d other -c 'SELECT count(*) FROM mlops.job_progress')" 0
kill -9 "$(query -c 'SELECT pid FROM mlops.job_progress')"
wait
# the server ends all sessions when it has seen the crash, which may be after others have come
until [ "$(query -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%3000%' AND pid <> pg_backend_pid()" 2>/dev/null)" = 0 ] &&
	sleep 0.5 && query -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
is "a killed backend leaves nothing" "$(query -c 'SELECT count(*) FROM mlops.job_progress')" 0

# The bar
is "the bar" "$(query -c "SELECT mlops.progress_bar(45), mlops.progress_bar(100, 4), mlops.progress_bar(-1, 4),
	mlops.progress_bar(NULL, 4), mlops.progress_bar('NaN', 4)")" \
	"[#########...........]  45 %|[####] 100 %|[....]   0 %|[....]|[....]"

private_server start "fsync = off"
is "without preloading the view is empty" "$(query -c 'SELECT count(*) FROM mlops.job_progress')" 0
is "and trainings work" "$(query -c "SELECT version > 0 FROM mlops.train('m', 'tx', target => 'label', params => '{\"n_estimators\": 1}')")" t

query -c "CREATE TABLE few AS SELECT * FROM tx LIMIT 8200"
# slowly [PSQL ARGUMENT...]: what a session hears of a training that reads 8,200 rows in about seven seconds
slowly()
{
	query "$@" -c "SELECT mlops.train('slow', query => 'SELECT * FROM few WHERE pg_sleep(0.0007) IS NOT NULL', target => 'label', features => '{a}', params => '{\"n_estimators\": 1}')" 2>&1 >/dev/null |
		sed -n 's/^.*NOTICE: *\(train \)/\1/p' | sed 's/after [0-9]* s/after N s/; s/of [0-9]*$/of M/'
}
slowly -c "SET client_min_messages = warning" >"$server/hidden" &
# told with each 4,096 rows, if five seconds have passed: with which of them depends on the machine
is "who waits for a training hears how far it is" "$(slowly | head -n 1 | sed 's/ingest, \(4096\|8192\) of M/ingest, N of M/')" 'train "slow" after N s: ingest, N of M'
wait
is "unless he does not want to" "$(cat "$server/hidden")" ""
echo "1..$n"
