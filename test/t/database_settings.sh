#!/bin/sh
# database_settings.sh - what the owner of a database, who need not be anybody
# else, sets for it does not stop what runs by itself there; and that nothing
# runs is told.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 1"
query -c "CREATE ROLE dbo LOGIN" -c "CREATE ROLE ann LOGIN" -c "GRANT dbo TO ann" -c "CREATE DATABASE d OWNER dbo"
query -d d <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
GRANT SELECT ON t TO ann;
GRANT CREATE ON SCHEMA public TO ann;
GRANT USAGE ON SCHEMA mlops TO ann;
SQL
partition=mlops_catalog.prediction_$(date -u +%Y%m%d -d '+3 days')
works="SELECT to_regclass('$partition') IS NOT NULL AND NOT EXISTS (SELECT FROM mlops.upkeep WHERE state = 'failed')"
until_true "$works" 30 -d d


ours="-c role=none -c session_authorization=postgres -c exit_on_error=off -c standard_conforming_strings=on -c quote_all_identifiers=off -c array_nulls=on"
ours="$ours -c transform_null_equals=off -c search_path=public -c default_transaction_read_only=off -c restrict_nonsystem_relation_kind="
in_d() { PGOPTIONS=$ours query -d d "$@"; }
for setting in "role = dbo" "exit_on_error = on" "standard_conforming_strings = off" "quote_all_identifiers = on" "array_nulls = off" "transform_null_equals = on" \
	"search_path = public" "default_transaction_read_only = on" "restrict_nonsystem_relation_kind = 'view,foreign-table'" "session_authorization = dbo"; do
	query -d postgres -U dbo -c "ALTER DATABASE d SET $setting"
done
is "the settings hold for people" "$(query -d d -c "SELECT current_user")" dbo
# maintenance, which goes on, may hold what DROP TABLE wants: again until it works
tries=0
until in_d -c "SET lock_timeout = '500ms'" -c "DROP TABLE $partition" 2>/dev/null || [ "$tries" -ge 50 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
in_d -c "UPDATE mlops_catalog.upkeep SET ended_at = NULL"
PGOPTIONS=$ours until_true "$works" 30 -d d
is "maintenance goes on" "$(in_d -c "$works")" t
is "as itself" "$(in_d -c "SELECT count(DISTINCT relowner) FROM pg_class WHERE relname ~ '^prediction'")" 1
PGOPTIONS=$ours until_true "SELECT max(ended_at) > now() - interval '5 seconds' FROM mlops.upkeep" 30 -d d
is "and has a time" "$(in_d -c "SELECT bool_and(ended_at > now() - interval '1 minute') FROM mlops.upkeep")" t

in_d -o /dev/null -c "SELECT mlops.monitor('fraud', every => '1 minute')"
PGOPTIONS=$ours until_true "SELECT ended_at IS NOT NULL OR error IS NOT NULL FROM mlops.upkeep WHERE task = 'monitor'" 60 -d d
is "a monitor runs where transactions of people are read only" "$(in_d -c "SELECT state, error FROM mlops.upkeep WHERE task = 'monitor'")" "ok|"

# ---- jobs are their owner's
job=$(in_d -c "SET ROLE ann" -c "SELECT mlops.submit('SELECT current_user AS me, session_user AS opened_as')")
PGOPTIONS=$ours until_true "SELECT ended_at IS NOT NULL FROM mlops.jobs WHERE job_id = $job" 30 -d d
is "a job runs as its owner" "$(in_d -c "SELECT state, result FROM mlops.jobs WHERE job_id = $job")" 'succeeded|[{"me": "ann", "opened_as": "ann"}]'
job=$(in_d -c "SET ROLE ann" -c "SELECT mlops.submit('SELECT 1/0')")
PGOPTIONS=$ours until_true "SELECT ended_at IS NOT NULL FROM mlops.jobs WHERE job_id = $job" 30 -d d
is "and fails by its own error" "$(in_d -c "SELECT state, error ->> 'message' FROM mlops.jobs WHERE job_id = $job")" 'failed|division by zero'
# trials of a search that uses several processes
is "so do the processes of a search" "$(in_d -c "SELECT count(*) FROM mlops.tune('fraud', 't', target => 'fraud', key => 'id', space => '{\"n_estimators\": [3, 4, 5, 6]}', trials => 4, parallel => 2, method => 'random')" 2>&1)" 1

# ---- that nothing runs is told
told="SELECT problem ~ '^nothing has run by itself since .*, though mlops.maintenance_interval is 1 s' FROM mlops.check_catalog() WHERE object = 'maintenance'"
is "nothing is told while it runs" "$(in_d -c "SELECT * FROM mlops.check_catalog()" -c "SELECT * FROM mlops.upkeep WHERE state NOT IN ('ok', 'running')")" ""
in_d -c "ALTER FUNCTION mlops_catalog.begin_upkeep(regrole, text, text) RENAME TO begin_upkeep_well"
later="UPDATE mlops_catalog.upkeep SET ended_at = now() - interval '16 minutes', began_at = NULL"
in_d -c "$later" -c "UPDATE mlops_catalog.home SET activated_at = now() - interval '1 day'"
is "a server that has just started has no delay yet" "$(in_d -c "$told")" ""
# as if the server ran for longer
in_d <<'SQL'
DO $$ BEGIN
	EXECUTE 'CREATE OR REPLACE VIEW mlops_catalog.standstill AS ' || replace(pg_get_viewdef('mlops_catalog.standstill'::regclass), 'pg_postmaster_start_time()', '(pg_postmaster_start_time() - ''1 day''::interval)');
END $$;
SQL
is "check_catalog says it" "$(in_d -c "$told")" t
is "so does upkeep" "$(in_d -c "SELECT model, state, error ~ '^nothing has run by itself since' FROM mlops.upkeep WHERE task = 'maintenance'")" "|failed|t"
in_d -c "ALTER FUNCTION mlops_catalog.begin_upkeep_well(regrole, text, text) RENAME TO begin_upkeep"
PGOPTIONS=$ours until_true "SELECT max(ended_at) > now() - interval '1 minute' FROM mlops.upkeep" 30 -d d
is "until it runs again" "$(in_d -c "SELECT * FROM mlops.upkeep WHERE state NOT IN ('ok', 'running')")" ""
is "Prometheus is told when" "$(in_d -c "SELECT count(*) > 4 FROM regexp_matches(mlops.prometheus_metrics(), 'mlops_task_ended_seconds\{task=', 'g')")" t

echo "1..$n"
