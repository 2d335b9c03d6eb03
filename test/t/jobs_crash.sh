#!/bin/sh
# jobs_crash.sh - whatever is killed, and in whatever phase of a job: none is
# lost, none has its effect twice or runs beside itself, the interrupted attempt
# is marked crashed and tried again if it may be.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

lines="shared_preload_libraries = 'mlops'|mlops.job_retry_delay = '100ms'|restart_after_crash = on"
start()
{
	old_ifs=$IFS
	IFS='|'
	# shellcheck disable=SC2086	# a list on purpose
	set -- $lines "$@"
	IFS=$old_ifs
	# after the postmaster was killed its children may need a moment to notice
	for attempt in 1 2 3 4 5 6 7 8 9 10; do
		private_server start "$@" 2>"$server.errors" && return 0
		sleep 0.5
	done
	cat "$server.errors"
	return 1
}

# Waits until the server answers again.
answers()
{
	until query -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.05; done
}

start
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE effect (job text, pid int, at timestamptz DEFAULT clock_timestamp());
-- An effect, in the midst of some work
CREATE FUNCTION work(job text, seconds float8) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	INSERT INTO effect VALUES (job, pg_backend_pid());
	IF (pg_stat_file('hold_running', true)).size IS NOT NULL THEN PERFORM pg_sleep(60); END IF;
	PERFORM pg_sleep(seconds);
END \$\$;
-- Holds a worker in a phase for as long as there is a file hold_STATE
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE (pg_stat_file('hold_' || NEW.state, true)).size IS NOT NULL LOOP
		PERFORM pg_sleep(0.02);
	END LOOP;
	RETURN NEW;
END \$\$;
CREATE TRIGGER hold BEFORE UPDATE ON mlops_catalog.job FOR EACH ROW EXECUTE FUNCTION hold();
SQL
is "the launcher runs" "$(until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher'"; echo yes)" yes

pid_of()
{
	# nothing while the server recovers: a crash is noticed after others have been let in
	query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = '$1' LIMIT 1" 2>/dev/null || :
}

strike()
{
	case $1 in
		"kill -9 the worker") kill -9 "$(pid_of 'mlops job worker')" ;;
		"terminate the worker") query -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'mlops job worker'" >/dev/null ;;
		"kill -9 the launcher") kill -9 "$(pid_of 'mlops launcher')" ;;
		"terminate the launcher") query -c "SELECT pg_terminate_backend($(pid_of 'mlops launcher'))" >/dev/null ;;
		"kill -9 the postmaster") kill -9 "$(head -n 1 "$server/data/postmaster.pid")" ;;
		"immediate shutdown") kill -QUIT "$(head -n 1 "$server/data/postmaster.pid")" ;;
		"fast shutdown") private_server stop ;;
	esac
}

# story PHASE BLOW RETRIES: a job is in the phase, the blow falls.  Prints how
# it ends: state, attempts, effects, events.
story()
{
	hold=
	case $1 in
		claiming) hold=starting ;;
		starting | running) hold=running ;;
		finishing) hold=succeeded ;;
	esac
	# "starting" holds the update to running, "running" the statement itself
	if [ "$1" = running ]; then
		query -c "ALTER TABLE mlops_catalog.job DISABLE TRIGGER hold"
	else
		query -c "ALTER TABLE mlops_catalog.job ENABLE TRIGGER hold"
	fi
	touch "$server/data/hold_$hold"
	job=$(query -c "SELECT mlops.submit(\$\$SELECT work('$1 $2 $3', 0)\$\$, max_retries => $3)")
	case $1 in
		claiming) until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops job worker' AND wait_event = 'PgSleep'" ;;
		starting) until_true "SELECT state = 'starting' FROM mlops.jobs WHERE job_id = $job" ;;
		running | finishing) until_true "SELECT state = 'running' FROM mlops.jobs WHERE job_id = $job" ;;
	esac
	# that it is claimed is flushed by the WAL writer within 0.6 s
	[ "$1" != starting ] || sleep 0.7
	worker=$(pid_of 'mlops job worker')
	strike "$2"
	case $2 in
		*postmaster | *shutdown) sleep 0.2; rm -f "$server/data/hold_$hold"; start ;;
		# the postmaster has to notice before the worker may go on, and the worker's
		# next attempt must not be held
		*"-9 the launcher") while kill -0 "$worker" 2>/dev/null; do sleep 0.01; done; rm -f "$server/data/hold_$hold" ;;
		*) rm -f "$server/data/hold_$hold" ;;
	esac
	answers
	until_true "SELECT ended_at IS NOT NULL FROM mlops.jobs WHERE job_id = $job"
	query -c "SELECT concat_ws(' ', state, attempts, (SELECT count(*) FROM effect WHERE job = '$1 $2 $3'),
			(SELECT string_agg(event || ' ' || attempt, ', ' ORDER BY event_id) FROM mlops.job_events AS e WHERE e.job_id = j.job_id))
		FROM mlops.jobs AS j WHERE job_id = $job"
}

crashed="succeeded 2 1 queued 0, starting 1, running 1, crashed 1, queued 1, starting 2, running 2, succeeded 2"
for blow in "kill -9 the worker" "terminate the worker" "immediate shutdown" "kill -9 the postmaster" "kill -9 the launcher" "fast shutdown"; do
	for phase in claiming starting running finishing; do
		outcome=$(story $phase "$blow" 1)
		case $phase in
			claiming) wanted="succeeded 1 1 queued 0, starting 1, running 1, succeeded 1" ;;
			starting) wanted="succeeded 2 1 queued 0, starting 1, crashed 1, queued 1, starting 2, running 2, succeeded 2" ;;
			*) wanted=$crashed ;;
		esac
		is "$blow while $phase" "$outcome" "$wanted"
	done
	is "$blow, no retries left" "$(story running "$blow" 0)" "crashed 1 0 queued 0, starting 1, running 1, crashed 1"
done
job=$(query -c "SELECT mlops.submit('SELECT pg_sleep(60)')")
until_true "SELECT state = 'running' FROM mlops.jobs WHERE job_id = $job"
strike "terminate the launcher"
sleep 1.5
is "the launcher's end does not touch a job" "$(query -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $job")" "running|1"
is "which can be cancelled" "$(query -c "SELECT mlops.cancel($job)")" t
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL"
is "a new launcher serves on" "$(job=$(query -c "SELECT mlops.submit('SELECT 1')"); query -c "CALL mlops.wait($job, '10 s')")" succeeded
is "what a crash was is told" "$(query -c "SELECT DISTINCT error ->> 'message' FROM mlops.job_events WHERE event = 'crashed' ORDER BY 1")" \
	"terminating background worker \"mlops job worker\" due to administrator command
the server, or the job's worker, ended while the job ran"

# A claim fails while a second worker (brought by a job that is cancelled at
# once) has passed over the locked row and found nothing.
query <<SQL
CREATE FUNCTION fail_claim() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	IF (pg_stat_file('fail_claim', true)).size IS NOT NULL THEN
		PERFORM pg_sleep(1);
		RAISE 'claim fails';
	END IF;
	RETURN NEW;
END \$\$;
CREATE TRIGGER fail_claim BEFORE UPDATE ON mlops_catalog.job FOR EACH ROW WHEN (NEW.state = 'starting') EXECUTE FUNCTION fail_claim();
SQL
touch "$server/data/fail_claim"
job=$(query -c "SELECT mlops.submit('SELECT 1')")
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops job worker' AND wait_event = 'PgSleep'"
query -c "SELECT mlops.cancel(mlops.submit('SELECT 2'))" >/dev/null
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops job worker'"
rm -f "$server/data/fail_claim"
until_true "SELECT state = 'succeeded' FROM mlops.jobs WHERE job_id = $job"
is "a job whose claim failed is not forgotten" "$(query -c "SELECT state, attempts FROM mlops.jobs WHERE job_id = $job")" "succeeded|1"

# Many jobs under fire: each has its effect exactly once.
query -c "ALTER TABLE mlops_catalog.job DISABLE TRIGGER hold" -c "TRUNCATE effect"
query -c "SELECT mlops.submit(format('SELECT work(%L, 0.01)', i), max_retries => 50, key => CASE WHEN i % 3 = 0 THEN 'k' END) FROM generate_series(1, 200) AS i" >/dev/null
for round in 1 2 3 4 5; do
	sleep 0.5
	victim=$(pid_of 'mlops job worker')
	[ -z "$victim" ] || kill -9 "$victim" || :
	answers
done
until_true "SELECT count(*) = 0 FROM mlops.jobs WHERE ended_at IS NULL" 60
is "200 jobs under fire all succeed, each once" "$(query -c "SELECT count(*), count(DISTINCT job), (SELECT count(*) FROM mlops.jobs WHERE command LIKE '%0.01)' AND state = 'succeeded') FROM effect")" "200|200|200"
is "no worker stays" "$(sleep 0.5; query -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'mlops job%'")" 0
rm -f "$server.errors"
echo "1..$n"
