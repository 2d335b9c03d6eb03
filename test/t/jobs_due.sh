#!/bin/sh
# jobs_due.sh - a retry that becomes due while a worker looks for the next job, or
# just after, is not forgotten.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off"
query -c "CREATE EXTENSION mlops"

# What lies between a failure and the next look is about a millisecond.
for delay in 1 2 4; do
	query -o /dev/null -c "ALTER SYSTEM SET mlops.job_retry_delay = '${delay}ms'" -c "SELECT pg_reload_conf()"
	until_true "SELECT current_setting('mlops.job_retry_delay') = '${delay}ms'"
	made=$(for try in 1 2 3 4 5 6 7 8; do
		printf '%s\n' "SELECT mlops.submit('SELECT 1 / 0', max_retries => 2) AS job \gset" "CALL mlops.wait(:job, '10 s') \g /dev/null" \
			"SELECT state, attempts FROM mlops.jobs WHERE job_id = :job;"
	done | query -v ON_ERROR_STOP=0 -f - 2>/dev/null | sort | uniq -c)	# an error: wait says how the job failed
	is "retries after $delay, $((2 * delay)) ms are made" "$(echo $made)" "8 failed|3"
done
echo "1..$n"
