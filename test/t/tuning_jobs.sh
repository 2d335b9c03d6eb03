#!/bin/sh
# tuning_jobs.sh - tunings as jobs: seen, cancelled, killed and gone on with; and
# what a dump keeps of them.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "shared_buffers = '128MB'" "max_worker_processes = 12" \
	"mlops.job_retry_delay = '200ms'"
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, x.a, x.b, x.a + 0.3 * sin(20 * x.b) + 0.5 * x.noise > 1.25 AS label
FROM generate_series(1, 20000) AS i,
	LATERAL (SELECT mod(i * 0.7548776662, 1)::float8 AS a, mod(i * 0.5698402910, 1)::float8 AS b,
		mod(i * 0.3819660113, 1)::float8 AS noise) AS x;
CREATE ROLE analyst LOGIN;
GRANT SELECT ON tx TO analyst;
SQL
slow='{"max_depth": {"min": 3, "max": 8}, "learning_rate": {"min": 0.02, "max": 0.5, "log": true}, "n_estimators": 100}'
# tune MODEL ARGUMENTS
tune()
{
	echo "SELECT version FROM mlops.tune('$1', 'tx', target => 'label', key => 'id', space => '$slow', $2)"
}
# submit STATEMENT [PSQL ARGUMENT...]: prints the job
submit()
{
	submitted=$1
	shift
	query -v command="$submitted" "$@" -f - <<'SQL'
SELECT mlops.submit(:'command', max_retries => 1);
SQL
}
values="SELECT string_agg(trial || ' ' || state || ' ' || value || ' ' || params, E'\n' ORDER BY trial) FROM mlops.trials WHERE model ="
working="SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker'"

# ---- progress and cancel
job=$(submit "$(tune seen "trials => 500, parallel => 2")" -U analyst -d postgres)
until_true "SELECT count(*) >= 3 FROM mlops.trials WHERE model = 'seen'" 30
until_true "SELECT count(*) = 2 FROM mlops.job_progress WHERE command = 'trial'" 10
is "a submitted tuning tells how many trials have ended, and the best value" "$(query <<SQL
SELECT command, subject, phase, done >= 3, total, metric > 0.5, remaining IS NOT NULL, role, job_id = $job
FROM mlops.job_progress WHERE command = 'tune'
SQL
)" "tune|seen|trials|t|500|t|t|analyst|t"
# between two trials a worker tells nothing
for try in $(seq 50); do
	told=$(query <<-SQL
		SELECT count(*), bool_and(phase = 'fit' AND total = 100 AND subject = 'seen' AND job_id = $job AND role::text = 'analyst')
		FROM mlops.job_progress WHERE command = 'trial' AND phase <> 'plan'
	SQL
	)
	[ "$told" != "2|t" ] || break
	sleep 0.1
done
is "its workers tell of their trials, for the same job" "$told" "2|t"
is "it is updated each second" "$(query -c "SELECT bool_and(clock_timestamp() - updated_at < '1 s') FROM mlops.job_progress")" t
is "trials are seen before it ends, by whom it concerns" \
	"$(query -U analyst -d postgres -c "SELECT count(*) >= 3 FROM mlops.trials")" t
began=$(date +%s%N)
query -o /dev/null -c "SELECT mlops.cancel($job)"
until_true "SELECT state = 'cancelled' FROM mlops.jobs WHERE job_id = $job" 5
until_true "SELECT ($working) = 0" 5
ms=$((($(date +%s%N) - began) / 1000000))
echo "# $ms ms"
is "a cancel ends it and its workers within a second" "$([ "$ms" -lt 1000 ] && echo yes)" yes
is "trials that had ended are kept, no version is registered" \
	"$(query -c "SELECT count(*) >= 3, bool_and(t.state = 'finished' AND r.status = 'finished'), (SELECT count(*) FROM mlops.versions) FROM mlops.trials t JOIN mlops.runs r USING (run_id)")" "t|t|0"

# ---- a worker killed in a trial: the server restarts, the job is tried again
# and goes on
query -o /dev/null -c "$(tune whole "trials => 8, method => 'random'")"
job=$(submit "$(tune killed "trials => 8, method => 'random', parallel => 1")")
until_true "SELECT count(*) >= 3 FROM mlops.trials WHERE model = 'killed'" 30
kill -9 "$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker'")"
until_true "SELECT state = 'succeeded' FROM mlops.jobs WHERE job_id = $job" 60
is "a killed trial crashes the job, which is tried again" \
	"$(query -c "SELECT string_agg(event, ' ' ORDER BY event_id) LIKE '%crashed%succeeded', max(attempt) FROM mlops.job_events WHERE job_id = $job")" "t|2"
is "and goes on with the trials that are there" \
	"$(query -c "SELECT count(*), (SELECT count(*) FROM mlops.versions WHERE model = 'killed') FROM mlops.trials WHERE model = 'killed'")" "8|1"
is "to the same end" "$(query -c "$values 'killed'")" "$(query -c "$values 'whole'")"

# ---- dump and restore
interrupted="$(tune moved "trials => 8, parallel => 1, folds => 2, pruner => 'median'")"
query -c "$interrupted" >/dev/null 2>&1 &
tuning=$!
until_true "SELECT count(*) >= 6 FROM mlops.trials WHERE model = 'moved'" 60
query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT version FROM mlops.tune%'" >/dev/null
wait $tuning || :
query -c 'CREATE DATABASE copy'
"$bin/pg_dump" -h "$server/socket" -p 5432 -U postgres postgres >"$server/dump.sql"
query -d copy -f - <"$server/dump.sql" >/dev/null
views="SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (SELECT s::text AS line FROM mlops.studies s UNION ALL SELECT t::text FROM mlops.trials t
	UNION ALL SELECT i::text FROM mlops.tuning_importance i) AS l"
is "a dump has studies and trials as they were" "$(query -d copy -c "$views")" "$(query -c "$views")"
query -o /dev/null -c "$interrupted" 2>/dev/null
said=$(query -d copy -o /dev/null -c "$interrupted" 2>&1)
is "in the copy the same call goes on" "$(echo "$said" | grep -c 'trials of this tuning exist already')" 1
is "to the same end" "$(query -d copy -c "$values 'moved'")" "$(query -c "$values 'moved'")"
is "and the same winner" "$(query -d copy -c "SELECT sha256 FROM mlops.versions WHERE model = 'moved'")" \
	"$(query -c "SELECT sha256 FROM mlops.versions WHERE model = 'moved'")"
query -d copy -o /dev/null -c "$(tune new "trials => 2")"
is "a new study has a number of its own" \
	"$(query -d copy -c "SELECT count(*), count(DISTINCT study_id) FROM mlops.studies")" "5|5"
echo "1..$n"
