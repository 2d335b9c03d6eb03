#!/bin/sh
# persons.sh - a person who takes another role and leaves the work to a job is the
# same person: for four eyes, and in the audit log.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0"
# as_alice ROLE COMMAND: submits it as another role, and waits for it
as_alice()
{
	query -d postgres -U alice -c "SET ROLE $1" -c "SELECT mlops.submit(\$x\$$2\$x\$)" >/dev/null
	until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
}

query <<SQL
CREATE EXTENSION mlops;
CREATE ROLE alice LOGIN;
CREATE ROLE r1 LOGIN;
CREATE ROLE r2 LOGIN;
GRANT r1, r2 TO alice;
GRANT CREATE ON SCHEMA public TO r1;
CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 500) AS i;
GRANT SELECT ON t TO r1;
SQL
as_alice r1 "SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{\"n_estimators\": 2}')"
query -c "SELECT mlops.grant('fraud', 'r2', 'manage')" -c "SELECT mlops.set_gate('fraud', '{\"approvals\": {\"count\": 1, \"roles\": [\"r2\"], \"four_eyes\": true}}')" >/dev/null
approved="SELECT value, passed FROM mlops.check_gate('fraud', 1) WHERE condition = 'approvals'"
is "who trained by a job is the one behind it" "$(query -c "SELECT owner::text, person::text FROM mlops_catalog.model_version")" "r1|alice"
query -d postgres -U alice -c "SET ROLE r2" -c "SELECT mlops.approve('fraud', 1)" >/dev/null
is "she does not approve it in another role" "$(query -c "$approved")" "0|f"
as_alice r2 "SELECT mlops.approve('fraud', 1)"
is "nor by a job in another role" "$(query -c "SELECT role::text, person::text FROM mlops_catalog.approval" -c "$approved")" "r2|alice
0|f"
as_alice r2 "SELECT mlops.submit('SELECT mlops.approve(''fraud'', 1, ''nested'')')"
is "nor by a job of a job" "$(query -c "SELECT note, person::text FROM mlops_catalog.approval" -c "$approved")" "nested|alice
0|f"
is "the audit log knows her" "$(query -c "SELECT DISTINCT event, role, session_role FROM mlops.audit_log WHERE role IN ('r1', 'r2') ORDER BY 1, 2")" "approve|r2|alice
train|r1|alice"
query -d postgres -U r2 -c "SELECT mlops.submit('SELECT mlops.approve(''fraud'', 1)')" >/dev/null
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
is "another person approves by a job" "$(query -c "SELECT person::text FROM mlops_catalog.approval" -c "$approved")" "r2
1|t"
query -d postgres -U alice -c "SET ROLE r1" -c "SELECT mlops.set_retraining_policy('fraud', '* * * * *')" >/dev/null
query -c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 hour'" -c "SELECT mlops.submit_due()" >/dev/null
is "a policy's job is whoever's who set it up" "$(query -c "SELECT owner::text, person::text FROM mlops_catalog.job WHERE upkeep")" "r1|alice"

# ---- sessions that pg_cron opens
private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" "mlops.maintenance_interval = 0"
query <<'SQL'
CREATE EXTENSION pg_cron;
GRANT USAGE ON SCHEMA cron TO r1, r2;
DELETE FROM mlops_catalog.approval;
SQL
query -d postgres -U alice -c "SET ROLE r2" -c "SELECT cron.schedule('directly', '* * * * *', 'SELECT mlops.approve(''fraud'', 1)')" \
	-c "SELECT cron.schedule('by a job', '* * * * *', \$c\$SELECT mlops.submit('SELECT mlops.approve(''fraud'', 1)')\$c\$)" \
	-c "SELECT cron.schedule('by a schedule', '* * * * *', \$c\$SELECT mlops.schedule('s', '* * * * *', 'SELECT mlops.approve(''fraud'', 1)')\$c\$)" >/dev/null
until_true "SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details WHERE status IN ('failed', 'succeeded')" 130
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
unknown="who is behind this session is not known"
is "nobody is known to be behind what pg_cron calls" "$(query -c "SELECT DISTINCT j.jobname, d.return_message ~ '$unknown' FROM cron.job AS j JOIN cron.job_run_details AS d USING (jobid) WHERE d.end_time IS NOT NULL ORDER BY 1")" \
	"by a job|f
by a schedule|t
directly|t"
is "nor behind a job that it submits" "$(query -c "SELECT DISTINCT state, error->>'sqlstate', error->>'message' FROM mlops.jobs WHERE command ~ 'approve' AND owner::text = 'r2' AND job_id = (SELECT max(job_id) FROM mlops.jobs)")" "failed|42501|cannot execute mlops.approve(): $unknown"
is "so no approval counts" "$(query -c "$approved" -c "SELECT count(*) FROM mlops_catalog.approval")" "0|f
0"
echo "1..$n"
