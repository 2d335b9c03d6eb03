#!/bin/sh
# schedules.sh - jobs at fixed times by pg_cron: in this database or another,
# not at all without it; what overlaps is skipped and counted.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# ---- without pg_cron
private_server start "shared_preload_libraries = 'mlops'" "fsync = off"
query -c 'CREATE EXTENSION mlops'
is "without pg_cron the error has the two lines that install it" \
	"$(query -v VERBOSITY=verbose -c "SELECT mlops.schedule('n', '* * * * *', 'SELECT 1')" 2>&1 | sed -n 's/^.*ERROR: *//p; /postgresql.conf/,/CREATE/p')" \
	"55000: pg_cron is not installed
HINT:  Put the first two lines into postgresql.conf and restart; run the third one in database postgres:
shared_preload_libraries = 'pg_cron,mlops'
cron.use_background_workers = on
CREATE EXTENSION pg_cron;"
is "nothing is scheduled" "$(query -c 'SELECT count(*) FROM mlops.schedules')" 0
is "unschedule finds nothing" "$(query -c "SELECT mlops.unschedule('n')")" f

private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" \
	"max_worker_processes = 20"
is "preloaded but not created, the same" "$(error_of -c "SELECT mlops.schedule('n', '* * * * *', 'SELECT 1')" | head -n 1)" \
	"55000: pg_cron is not installed"
query <<SQL
CREATE DATABASE app;
CREATE ROLE ann LOGIN;
\c app
CREATE EXTENSION mlops;
CREATE TABLE effect (who name DEFAULT current_user, what text);
GRANT ALL ON effect TO PUBLIC;
SQL
is "in another database, the same" "$(error_of -d app -c "SELECT mlops.schedule('n', '* * * * *', 'SELECT 1')" | head -n 1)" \
	"55000: pg_cron is not installed"
query -c 'CREATE EXTENSION pg_cron' -c 'GRANT USAGE ON SCHEMA cron TO ann'

# ---- in its own database
is "a schedule in pg_cron's database" "$(query -d postgres -U ann -c "SELECT name, cron, command, last_run, next_run > now(), runs, skipped, owner FROM mlops.schedule('every minute', '* * * * *', 'SELECT 1', timeout => '1 h')")" \
	"every minute|* * * * *|SELECT 1||t|0|0|ann"
is "is a job of pg_cron's under the role" "$(query -c "SELECT username, database, schedule, jobname FROM cron.job")" "ann|postgres|* * * * *|mlops postgres every minute"
is "it is replaced by name" "$(query -d postgres -U ann -c "SELECT cron FROM mlops.schedule('every minute', '*/5 * * * *', 'SELECT 2')"; query -c "SELECT count(*), min(schedule) FROM cron.job")" "*/5 * * * *
1|*/5 * * * *"
is "another role does not see it" "$(query -c 'CREATE ROLE bob LOGIN'; query -d postgres -U bob -c 'SELECT count(*) FROM mlops.schedules')" 0
is "nor ends it" "$(query -d postgres -U bob -c "SELECT mlops.unschedule('every minute')")" f
is "what reads a temporary table is refused" "$(error_of -d postgres -U ann -c "CREATE TEMP TABLE passing (i int)" -c "SELECT mlops.schedule('passes', '* * * * *', 'SELECT * FROM passing')" | head -n 1)" \
	'42P16: the job reads or writes the temporary table or view "passing"'
is "rolled back, it is not there" "$(query -d postgres -U ann -c "BEGIN; SELECT count(*) FROM mlops.schedule('ghost', '* * * * *', 'SELECT 1'); ROLLBACK" -c "SELECT count(*) FROM mlops.schedules"; query -c 'SELECT count(*) FROM cron.job')" "1
1
1"
is "its owner ends it" "$(query -d postgres -U ann -c "SELECT mlops.unschedule('every minute')"; query -c 'SELECT count(*) FROM cron.job')" "t
0"
query -d postgres -U ann -c "SELECT mlops.schedule('lost', '* * * * *', 'SELECT 1')" >/dev/null
query -c "DELETE FROM cron.job"
is "a job that pg_cron lost is told to its owner" "$(query -d postgres -U ann -c "SELECT last_error ~ '^pg_cron has no job [0-9]+$' FROM mlops.schedules")" t
query -d postgres -U ann -c "SELECT mlops.unschedule('lost')" >/dev/null

# ---- in another
is "a schedule from another database" "$(query -d app -c "SELECT name, owner FROM mlops.schedule('it''s', '* * * * *', 'INSERT INTO effect (what) SELECT ''cron'' FROM pg_sleep(0.5)')")" "it's|postgres"
is "is known to pg_cron with its database" "$(query -c "SELECT username, database, jobname FROM cron.job")" "postgres|app|mlops app it's"
is "a role that may not schedule there is told" "$(error_of -d app -U ann -c "SELECT mlops.schedule('x', '* * * * *', 'SELECT 1')" | head -n 1)" \
	"42501: permission denied for function schedule_in_database"
is "and what to do about it" "$(query -d app -U ann -v VERBOSITY=verbose -c "SELECT mlops.schedule('x', '* * * * *', 'SELECT 1')" 2>&1 | grep -A 2 '^HINT')" \
	"HINT:  Have run in database postgres:
GRANT USAGE ON SCHEMA cron TO ann;
GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO ann;"
is "in pg_cron's own database, too" "$(query -d postgres -U bob -c "SELECT mlops.schedule('x', '* * * * *', 'SELECT 1')" 2>&1 | grep -v '^\(LINE\|CONTEXT\|PL\|SQL\|  *^\)')" \
	"ERROR:  permission denied for schema cron
DETAIL:  Schedules are made in pg_cron with the rights of your role.
HINT:  Have run in database postgres:
GRANT USAGE ON SCHEMA cron TO bob;"
is "and leaves nothing" "$(query -d app -U ann -c "SELECT count(*) FROM mlops.schedules")" 0
until_true "SELECT count(*) = 1 FROM mlops.jobs WHERE state = 'succeeded'" 65 -d app
is "it runs when its minute comes" "$(query -d app -c "SELECT what FROM effect" -c "SELECT DISTINCT purpose FROM mlops.jobs" -c "SELECT last_state, runs, extract(second FROM last_run) < 5, next_run - last_run BETWEEN interval '55 s' AND interval '60 s' FROM mlops.schedules")" "cron
schedule
succeeded|1|t|t"
is "and pg_cron's last attempt is shown" "$(query -d app -c "SELECT last_attempt <= last_run + interval '1 s', last_error FROM mlops.schedules")" "t|"
is "all is well" "$(query -d app -c "SELECT count(*) FROM mlops.check_catalog()")" 0
query -c "ALTER DATABASE app RENAME TO renamed"
is "a database that was renamed is told" "$(query -d renamed -c "SELECT last_error FROM mlops.schedules" -c "SELECT object, problem FROM mlops.check_catalog()")" 'pg_cron starts it in database "app"
schedule it'"'"'s|does not run: pg_cron starts it in database "app"'
query -c "ALTER DATABASE renamed RENAME TO app"
query -c "UPDATE cron.job_run_details SET status = 'failed', return_message = 'connection failed'"
is "so is a run that failed" "$(query -d app -c "SELECT last_error FROM mlops.schedules" -c "SELECT problem FROM mlops.check_catalog()")" "connection failed
does not run: connection failed"
query -c "UPDATE cron.job_run_details SET status = 'succeeded'"
query -c "UPDATE cron.job SET username = 'ann'"
is "and another role" "$(query -d app -c "SELECT last_error FROM mlops.schedules")" 'pg_cron starts it as role "ann"'
query -c "UPDATE cron.job SET username = 'postgres'"
# what pg_cron runs, by hand, and not by itself when the minute ends
query -c "UPDATE cron.job SET active = false"
submission=$(query -c "SELECT command FROM cron.job")
query -d app -c "$submission" -c "$submission" -c "$submission" >/dev/null 2>&1
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 20 -d app
is "what overlaps is skipped and counted" "$(query -d app -c "SELECT runs, skipped FROM mlops.schedules")" "2|2"
query -c "UPDATE cron.job SET active = true"
# ---- a number of pg_cron's that is not ours
query -c "CREATE DATABASE copy TEMPLATE app"
is "a copy is told that the job is the original's" "$(query -d copy -c "SELECT last_error FROM mlops.schedules")" 'pg_cron starts it in database "app"'
is "in the copy only the record goes" "$(query -d copy -c "SELECT mlops.unschedule('it''s')" -c "SELECT count(*) FROM mlops.schedules" 2>&1)" \
	'NOTICE:  only the record of schedule "it'"'"'s" is removed: pg_cron starts it in database "app"
t
0'
is "the original's job stays" "$(query -c "SELECT database, jobname FROM cron.job")" "app|mlops app it's"
query -c "DROP DATABASE copy" -c "CREATE DATABASE copy TEMPLATE app"
query -d copy -c "CREATE TABLE tx AS SELECT g AS id, g % 10 AS amount, g % 10 > 7 AS is_fraud FROM generate_series(1, 1000) AS g" \
	-c "SELECT mlops.train('m', 'tx', target => 'is_fraud', key => 'id', params => '{\"n_estimators\": 2}')" \
	-c "UPDATE mlops_catalog.schedule SET model = 'm'" -c "SELECT mlops.apply('{\"models\": {\"m\": {\"schedules\": {}}}}')" >/dev/null 2>&1
is "nor does a document end it" "$(query -d copy -c "SELECT count(*) FROM mlops.schedules"; query -c "SELECT database, jobname FROM cron.job")" "0
app|mlops app it's"
query -c "UPDATE cron.job SET jobname = 'backup of the ledger'"
is "a job of another name is told" "$(query -d app -c "SELECT regexp_replace(last_error, '[0-9]+', 'N') FROM mlops.schedules")" 'job N of pg_cron is another one, named "backup of the ledger"'
is "and stays, too" "$(query -d app -c "BEGIN; SELECT mlops.unschedule('it''s'); ROLLBACK" 2>/dev/null; query -c "SELECT jobname FROM cron.job")" "t
backup of the ledger"
query -c "UPDATE cron.job SET jobname = 'mlops app it''s', username = 'ann'"
is "so does one of another role" "$(query -d app -c "BEGIN; SELECT mlops.unschedule('it''s'); ROLLBACK" 2>/dev/null; query -c "SELECT username FROM cron.job")" "t
ann"
query -c "UPDATE cron.job SET username = 'postgres'"
is "pg_cron's own job may be gone when it ends" "$(query -c "SELECT cron.unschedule(jobid) FROM cron.job"; query -d app -c "SELECT mlops.unschedule('it''s')" -c 'SELECT count(*) FROM mlops.schedules')" "t
t
0"

# ---- the role that made it, not who has its name by now
query -d app -c "CREATE ROLE carl LOGIN"
for database in postgres app; do
	query -d postgres <<-SQL >/dev/null
		CREATE ROLE dan LOGIN;
		GRANT USAGE ON SCHEMA cron TO dan;
		GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO dan;
	SQL
	query -d $database -U dan -c "SELECT mlops.schedule('up', '* * * * *', 'ALTER ROLE carl SUPERUSER')" >/dev/null
	submission=$(query -c "SELECT command FROM cron.job WHERE jobname LIKE '% up'")
	is "what pg_cron has names no statement ($database)" "$submission" "SELECT mlops_catalog.submit_schedule('up') FROM mlops.activation WHERE active"
	is "its role submits it ($database)" "$(query -d $database -U dan -c "$submission" | grep -c '[0-9]')" 1
	until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 20 -d $database
	query -c "ALTER ROLE dan RENAME TO dan_before" -c "CREATE ROLE dan LOGIN SUPERUSER"
	is "the role renamed, another one of its name does not ($database)" "$(error_of -d $database -U dan -c "$submission" | head -n 1)" '42704: role "dan" has no schedule "up"'
	is "and that is told ($database)" "$(query -d $database -c "SELECT problem FROM mlops.check_catalog() WHERE object = 'schedule up'")" 'does not run: pg_cron starts it as role "dan"'
	query <<-SQL
		DROP ROLE dan;
		ALTER ROLE dan_before RENAME TO dan;
		REVOKE USAGE ON SCHEMA cron FROM dan;
		REVOKE EXECUTE ON FUNCTION cron.schedule_in_database FROM dan;
		DROP ROLE dan;
		CREATE ROLE dan LOGIN SUPERUSER;
	SQL
	is "nor if the role was dropped ($database)" "$(error_of -d $database -U dan -c "$submission" | head -n 1)" '42704: role "dan" has no schedule "up"'
	is "carl is as he was ($database)" "$(query -c "SELECT rolsuper FROM pg_roles WHERE rolname = 'carl'")" f
	is "check_catalog says how it is ended ($database)" "$(query -d $database -c "SELECT regexp_replace(problem, '[0-9]+', 'N', 'g') FROM mlops.check_catalog() WHERE object = 'schedule up' ORDER BY 1")" \
		"does not run: role N does not exist
runs as role N, which does not exist: pg_cron tries in vain; SELECT mlops.unschedule('up', 'N') by a superuser ends it, mlops.schedule() by another role makes it anew"
	is "no other role does ($database)" "$(error_of -d $database -U carl -c "SELECT mlops.unschedule('up', owner) FROM (SELECT 'dan'::regrole AS owner) AS x" | head -n 1)" '42501: permission denied to end schedules of role "dan"'
	is "that ends it, at pg_cron too ($database)" "$(query -d $database -c "SELECT substring(problem FROM 'SELECT [^)]*[)]') FROM mlops.check_catalog() WHERE problem LIKE 'runs as%'" > "$server/statement"; query -d $database -c "$(cat "$server/statement")"; query -d $database -c "SELECT count(*) FROM mlops.schedules WHERE name = 'up'"; query -c "SELECT count(*) FROM cron.job WHERE jobname LIKE '% up'")" "t
0
0"
	query -c "DROP ROLE dan"
done

# ---- what is at pg_cron and is no schedule
query -d app -c "SELECT mlops.schedule('left', '0 0 1 1 *', 'SELECT 1')" >/dev/null
query -d app -c "DELETE FROM mlops_catalog.schedule"
query -d postgres -c "SELECT cron.schedule('mlops postgres left too', '0 0 1 1 *', 'SELECT 1'), cron.schedule('backup', '0 0 1 1 *', 'SELECT 1')" >/dev/null
is "a job of pg_cron without a schedule, elsewhere" "$(query -d app -c "SELECT regexp_replace(object || ' ' || problem, '[0-9]+', 'N', 'g') FROM mlops.check_catalog()")" \
	"job N of pg_cron has the name \"mlops app left\" of a schedule that does not exist: SELECT cron.unschedule(N) in pg_cron's database ends it"
is "and here" "$(query -d postgres -c "SELECT regexp_replace(object || ' ' || problem, '[0-9]+', 'N', 'g') FROM mlops.check_catalog()")" \
	"job N of pg_cron has the name \"mlops postgres left too\" of a schedule that does not exist: SELECT cron.unschedule(N) in pg_cron's database ends it"
query -d postgres -c "SELECT cron.unschedule(jobid) FROM cron.job" >/dev/null
is "what it names ends it" "$(query -d app -c "SELECT count(*) FROM mlops.check_catalog()"; query -d postgres -c "SELECT count(*) FROM mlops.check_catalog()")" "0
0"

# ---- of another role
query -d postgres -U ann -c "SELECT mlops.schedule('yearly', '0 0 1 1 *', 'SELECT 1')" >/dev/null
is "a superuser is told whose it is" "$(query -d postgres -c "SELECT mlops.unschedule('yearly')" 2>&1)" "NOTICE:  no schedule \"yearly\" is of role \"postgres\", but other roles have one
HINT:  A superuser ends it by: SELECT mlops.unschedule('yearly', 'ann');
f"

# ---- pg_cron that is not preloaded any more
private_server start "shared_preload_libraries = 'mlops'" "fsync = off"
is "its job is not forgotten" "$(error_of -d postgres -c "SELECT mlops.unschedule('yearly', 'ann')" | head -n 1)" '55000: pg_cron cannot be asked to end schedule "yearly": it is not preloaded'
is "the schedule stays" "$(query -d postgres -c "SELECT count(*), min(last_error) FROM mlops.schedules")" "1|pg_cron is not preloaded"
is "what lacks is said" "$(query -d postgres -v VERBOSITY=verbose -c "SELECT mlops.schedule('n', '* * * * *', 'SELECT 1')" 2>&1 | sed -n 's/^.*ERROR: *//p; /postgresql.conf/,/background/p')" \
	"55000: pg_cron is installed, but not preloaded
HINT:  Put these lines into postgresql.conf and restart:
shared_preload_libraries = 'pg_cron,mlops'
cron.use_background_workers = on"
private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" \
	"max_worker_processes = 20"
is "preloaded again, it is ended" "$(query -d postgres -c "SELECT mlops.unschedule('yearly', 'ann')" -c "SELECT count(*) FROM mlops.schedules" -c "SELECT count(*) FROM cron.job")" "t
0
0"

# ---- refused
is "no cron expression" "$(error_of -c "SELECT mlops.schedule('n', 'every day', 'SELECT 1')" | head -n 1)" '22023: invalid cron expression "every day"'
is "no statement" "$(error_of -c "SELECT mlops.schedule('n', '@daily', 'SELEC')")" '42601: syntax error at or near "SELEC"'
is "no name" "$(error_of -c "SELECT mlops.schedule('', '@daily', 'SELECT 1')" | head -n 1)" '22023: invalid schedule name ""'
is "nothing of it was scheduled" "$(query -c "SELECT count(*) FROM cron.job")" 0
echo "1..$n"
