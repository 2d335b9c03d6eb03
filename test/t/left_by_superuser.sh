#!/bin/sh
# left_by_superuser.sh - whoever installed the extension and is no superuser any
# more has no rights of others by it: maintenance, jobs and what acts for a role
# run nothing that somebody else than superusers can change.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

start()
{
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "$@"
}
start "mlops.maintenance_interval = 0"
me=$(query -c "SELECT quote_ident(current_user)")
query -c "CREATE ROLE su2 LOGIN SUPERUSER" -c "CREATE ROLE joe LOGIN" -c "CREATE DATABASE left_by OWNER su2"
query -d left_by -U su2 -c "CREATE EXTENSION mlops"
query -d left_by <<SQL
ALTER ROLE su2 NOSUPERUSER;
SET SESSION AUTHORIZATION su2;
CREATE OR REPLACE FUNCTION mlops_catalog.begin_upkeep(caller regrole, name text, what text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN ALTER ROLE su2 SUPERUSER; RETURN false; END';
CREATE OR REPLACE FUNCTION mlops_catalog.record_refusal(caller regrole, refusal jsonb) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN ALTER ROLE su2 SUPERUSER; RETURN 1; END';
INSERT INTO mlops_catalog.job (command, owner, priority, max_retries) VALUES ('ALTER ROLE su2 SUPERUSER', '$me', 9, 0), ('SELECT 1', 'joe', 9, 0), ('SELECT 2', 'su2', 9, 0);
UPDATE mlops_catalog.job SET state = 'running' WHERE owner = 'su2'::regrole;
CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ALTER ROLE su2 SUPERUSER; RETURN NULL; END';
-- the event trigger that refuses it is his too
ALTER EVENT TRIGGER mlops_check_new_trigger DISABLE;
CREATE CONSTRAINT TRIGGER trap AFTER UPDATE ON mlops_catalog.job DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.trap();
ALTER EVENT TRIGGER mlops_check_new_trigger ENABLE ALWAYS;
SQL
start "mlops.maintenance_interval = 1"		# has all databases scanned, too
reason='extension "mlops" belongs to role "su2", who is no superuser: nothing runs by itself, nor as a job, for it would run with others'"' rights; make it a superuser again, or have a superuser run REASSIGN OWNED BY su2 TO his own role"
tries=0
until [ "$(grep -c "mlops maintenance: extension \"mlops\" belongs to role \"su2\"" "$server/log")" -ge 3 ] || [ "$tries" -ge 200 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
is "maintenance says why it does nothing" "$(sed -n 's/^.*LOG:  mlops maintenance: //p' "$server/log" | sort -u)" "$reason"
gained="SELECT count(*) FROM pg_roles WHERE rolname = 'su2' AND rolsuper"
is "nothing ran with a superuser's rights" "$(query -c "$gained")" 0
is "nor did a job in anybody's name" "$(query -d left_by -c "SELECT owner, state, attempts FROM mlops_catalog.job ORDER BY owner::text")" "joe|queued|0
$me|queued|0
su2|running|0"
is "check_catalog() says so" "$(query -d left_by -c "SELECT problem FROM mlops.check_catalog() WHERE object = 'maintenance'")" "$reason"
is "and whoever submits a job" "$(error_of -d left_by -U joe -c "SELECT mlops.submit('SELECT 1')")" \
	'55000: cannot execute mlops.submit(): the catalog of mlops does not belong to superusers alone
hint: mlops.check_catalog() says what to do.'
is "functions of the catalog act for no other role" "$(error_of -d left_by -U su2 -c "SELECT mlops_catalog.as_role('$me', '{}', 'SELECT 1 AS a', '{}', false, false)" | head -n 1)" \
	"42501: permission denied to act for role \"$me\""
is "nor do those that read sources" "$(error_of -d left_by -U su2 -c "SELECT * FROM mlops_catalog.source_columns('joe', '{}', NULL, 'SELECT 1 AS a', false)" | head -n 1)" \
	'42501: permission denied to act for role "joe"'
is "but for who calls" "$(query -d left_by -U su2 -c "SELECT name FROM mlops_catalog.source_columns('su2', '{}', NULL, 'SELECT 1 AS a', false)")" a
is "a refusal is not recorded by them" "$(error_of -d left_by -U su2 -c "SELECT mlops_catalog.record_refusal_apart('su2', '{}')" | head -n 1)" \
	'55000: cannot execute what records a refusal: the catalog of mlops does not belong to superusers alone'
is "still nothing was gained" "$(query -c "$gained")" 0

# ---- what it says helps; one thing after the other is named
# jobs that he put there in another's name would run as soon as all is well, and make him superuser again
query -d left_by -c "DELETE FROM mlops_catalog.job" -c "REASSIGN OWNED BY su2 TO $me" -c "ALTER FUNCTION public.trap() OWNER TO su2"
distrust="SELECT split_part(mlops_catalog.distrust(), ',', 1)"
is "a trigger of his is found" "$(query -d left_by -c "$distrust")" 'trigger "trap" of mlops_catalog.job runs a function of role "su2"'
query -d left_by -c "DROP FUNCTION public.trap() CASCADE" 2>/dev/null
query -d left_by -c "ALTER FUNCTION mlops.submit_due() OWNER TO su2"
is "a function" "$(query -d left_by -c "SELECT mlops_catalog.distrust() ~ '^function .* belongs to role \"su2\", who'")" t
query -d left_by -c "REASSIGN OWNED BY su2 TO $me" -c "GRANT CREATE ON SCHEMA mlops_catalog TO PUBLIC"
is "a schema for everybody" "$(query -d left_by -c "$distrust")" 'objects in schema "mlops_catalog" may be created by role "public"'
query -d left_by -c "REVOKE CREATE ON SCHEMA mlops_catalog FROM PUBLIC"
is "then all is well" "$(query -d left_by -c "$distrust")" ""
is "and he is what he was" "$(query -c "$gained")" 0

private_server remove >/dev/null
echo "1..$n"
