#!/bin/sh
# jobs_standby.sh - on a standby jobs can be seen but not submitted; after its
# promotion queued ones run, and what the primary was running has crashed.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"
standby=$(mktemp -d)
trap 'sh "$root/tools/private_server.sh" remove "$standby" 2>/dev/null || rm -rf "$standby"; private_server remove' EXIT

on_standby()
{
	sh "$root/tools/private_server.sh" psql "$standby" -q -A -t -v ON_ERROR_STOP=1 "$@"
}

standby_until()
{
	tries=0
	until [ "$(on_standby -c "$1" 2>/dev/null)" = t ] || [ $((tries += 1)) -gt 400 ]; do sleep 0.05; done
}

private_server start "shared_preload_libraries = 'mlops'" "mlops.job_retry_delay = '100ms'" "mlops.max_workers_per_role = 0" "fsync = off"
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE effect (what text, recovered boolean DEFAULT pg_is_in_recovery());
CREATE ROLE somebody LOGIN;
SQL

# A copy of it that follows
owner=$(stat -c %U "$server/data")
as_owner=
if [ "$(id -un)" != "$owner" ]; then
	chown "$owner" "$standby"
	as_owner="runuser -u $owner --"
fi
$as_owner mkdir -p -m 700 "$standby/socket"
# shellcheck disable=SC2086	# a command on purpose
$as_owner "$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)/pg_basebackup" -h "$server/socket" -p 5432 -U postgres \
	-D "$standby/data" -R -X stream -c fast
sh "$root/tools/private_server.sh" start "$standby" "shared_preload_libraries = 'mlops'" "mlops.job_retry_delay = '100ms'" \
	"hot_standby_feedback = on"

is "no launcher on a standby" "$(on_standby -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'mlops%'")" 0
is "submit says where to go" "$(on_standby -v VERBOSITY=verbose -c "SELECT mlops.submit('SELECT 1')" 2>&1 | sed -n 's/^.*ERROR: *//p; s/^HINT: */hint: /p')" \
	"25006: cannot execute mlops.submit() during recovery
hint: Connect to the primary server; jobs run there."
is "so does cancel" "$(on_standby -c "SELECT mlops.cancel(1)" 2>&1 | grep -c 'during recovery')" 1

done_job=$(query -c "SELECT mlops.submit('SELECT 42 AS answer')")
query -c "CALL mlops.wait($done_job, '10 s')" >/dev/null
standby_until "SELECT state = 'succeeded' FROM mlops.jobs WHERE job_id = $done_job"
is "the primary's jobs are seen" "$(on_standby -c "SELECT mlops.result($done_job)")" '[{"answer": 42}]'
is "and can be waited for" "$(on_standby -c "CALL mlops.wait($done_job)")" succeeded

# One runs, one runs and may be tried again, one waits, and one of a role that
# is not here any more.
running=$(query -c "SELECT mlops.submit('SELECT pg_sleep(60)')")
again=$(query -c "SELECT mlops.submit('INSERT INTO effect SELECT ''again'' FROM pg_sleep(2)', max_retries => 1)")
until_true "SELECT count(*) = 2 FROM mlops.jobs WHERE state = 'running'"
queued=$(query -c "SELECT mlops.submit('INSERT INTO effect VALUES (''queued'')')")
orphan=$(query -d postgres -U somebody -c "SELECT mlops.submit('SELECT 1')")
query -c "DROP ROLE somebody"
standby_until "SELECT count(*) = 0 FROM pg_roles WHERE rolname = 'somebody'"
sh "$root/tools/private_server.sh" psql "$server" -q -c "CHECKPOINT"
kill -9 "$(head -n 1 "$server/data/postmaster.pid")"
on_standby -c "SELECT pg_promote()" >/dev/null
standby_until "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"

is "a launcher starts at promotion" "$(on_standby -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops launcher'")" 1
is "what ran has crashed" "$(on_standby -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $running")" "crashed|1"
is "or is tried again" "$(on_standby -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $again")" "succeeded|2"
is "what waited has run" "$(on_standby -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $queued")" "succeeded|1"
is "each once" "$(on_standby -c "SELECT string_agg(what, ' ' ORDER BY what) FROM effect")" "again queued"
is "an orphan has failed" "$(on_standby -c "SELECT state, error ->> 'sqlstate' FROM mlops.jobs WHERE job_id = $orphan")" "failed|28000"
is "new ones run here" "$(on_standby -c "CALL mlops.wait($(on_standby -c "SELECT mlops.submit('SELECT 1')"), '10 s')")" succeeded
echo "1..$n"
