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
GRANT SELECT ON t TO r1, r2;
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

# ---- a job that code of another submits, in the session of one who did not ask for it
query -d postgres -U alice -c "SET ROLE r1" -c "CREATE FUNCTION leave(command text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT mlops.submit(\$1)'" \
	-c "CREATE FUNCTION learn() RETURNS int LANGUAGE sql AS \$f\$SELECT version FROM mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{\"n_estimators\": 3}')\$f\$"
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
query -c "SELECT mlops.grant('fraud', 'r1', 'manage')" -c "SELECT mlops.drop_retraining_policy('fraud')" -c "CREATE ROLE bob LOGIN" >/dev/null
query -d postgres -U bob -c "SELECT leave('SELECT learn()')" -c "SELECT leave('SELECT mlops.approve(''fraud'', 1)')" \
	-c "SELECT leave(\$q\$SELECT mlops.submit('SELECT mlops.approve(''fraud'', 1)')\$q\$)" >/dev/null
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
is "what it trains is of who may take the role of that code, too" "$(query -c "SELECT version, owner::text, person::text, in_person FROM mlops_catalog.model_version WHERE version > 2")" "3|r1|bob|f"
is "it approves nothing" "$(query -c "SELECT state, error->>'sqlstate', error->>'message' FROM mlops.jobs WHERE command ~ '^SELECT mlops.approve' AND owner::text = 'r1'")" \
	"failed|42501|cannot execute mlops.approve(): it was not the session itself that called it
failed|42501|cannot execute mlops.approve(): it was not the session itself that called it"

# ---- autovacuum runs code of who has a table, in a session of nobody
query -c "ALTER SYSTEM SET autovacuum_naptime = '1s'" -c "SELECT pg_reload_conf()" >/dev/null
query -d postgres -U r1 <<'SQL'
CREATE TABLE seen (message text);
CREATE TABLE trap (x int);
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x; END $$;
CREATE INDEX ON trap (f(x));
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF session_user <> 'r1' AND NOT EXISTS (SELECT FROM seen) THEN
		BEGIN
			PERFORM public.learn();
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO public.seen VALUES (SQLERRM);
		END;
	END IF;
	RETURN x;
END $$;
ALTER FUNCTION f(int) SET search_path = public;
INSERT INTO trap SELECT generate_series(1, 2000);
SQL
until_true "SELECT EXISTS (SELECT FROM seen)" 60
is "which trains nothing there" "$(query -c "SELECT message FROM seen" -c "SELECT count(*) FROM mlops_catalog.model_version")" "cannot execute mlops.train() within security-restricted operation
3"
query -c "DROP TABLE trap" -c "ALTER SYSTEM RESET autovacuum_naptime"

# ---- sessions that pg_cron opens
private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" "mlops.maintenance_interval = 0"
query <<'SQL'
CREATE EXTENSION pg_cron;
GRANT USAGE ON SCHEMA cron TO r1, r2;
DELETE FROM mlops_catalog.approval;
SQL
query -d postgres -U alice -c "SET ROLE r2" -c "SELECT cron.schedule('directly', '* * * * *', 'SELECT mlops.approve(''fraud'', 1)')" \
	-c "SELECT cron.schedule('by a job', '* * * * *', \$c\$SELECT mlops.submit('SELECT mlops.approve(''fraud'', 1)')\$c\$)" \
	-c "SELECT cron.schedule('a policy', '* * * * *', 'SELECT mlops.set_retraining_policy(''fraud'', ''@daily'')')" \
	-c "SELECT cron.schedule('a training', '* * * * *', 'SELECT learn()')" \
	-c "SELECT cron.schedule('by a schedule', '* * * * *', \$c\$SELECT mlops.schedule('s', '* * * * *', 'SELECT mlops.approve(''fraud'', 1)')\$c\$)" >/dev/null
until_true "SELECT count(DISTINCT jobid) = 5 FROM cron.job_run_details WHERE status IN ('failed', 'succeeded')" 130
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
unknown="who is behind this session is not known"
is "nobody is known to be behind what pg_cron calls" "$(query -c "SELECT DISTINCT j.jobname, d.return_message ~ '$unknown' FROM cron.job AS j JOIN cron.job_run_details AS d USING (jobid) WHERE d.end_time IS NOT NULL ORDER BY 1")" \
	"a policy|t
a training|f
by a job|f
by a schedule|t
directly|t"
is "nor behind a job that it submits" "$(query -c "SELECT DISTINCT state, error->>'sqlstate', error->>'message' FROM mlops.jobs WHERE command ~ 'approve' AND owner::text = 'r2' AND job_id = (SELECT max(job_id) FROM mlops.jobs)")" "failed|42501|cannot execute mlops.approve(): $unknown"
is "what it trains can be of whoever may take the role" "$(query -c "SELECT DISTINCT owner::text, person::text, in_person FROM mlops_catalog.model_version WHERE version > 3")" "r2|r2|f"
query -d postgres -U alice -c "SELECT mlops.grant('fraud', 'alice', 'deploy')" -c "SELECT mlops.set_gate('fraud', '{\"approvals\": {\"four_eyes\": true}}')" -c "SELECT mlops.approve('fraud', 4)" >/dev/null
is "so she does not approve it, as herself" "$(query -c "SELECT value FROM mlops.check_gate('fraud', 4) WHERE condition = 'approvals'")" "0"
query -c "SELECT mlops.set_gate('fraud', '{\"approvals\": {\"count\": 1, \"roles\": [\"r2\"], \"four_eyes\": true}}')" -c "DELETE FROM mlops_catalog.approval" >/dev/null
is "so no approval counts" "$(query -c "$approved" -c "SELECT count(*) FROM mlops_catalog.approval")" "0|f
0"
echo "1..$n"
