#!/bin/sh
# jobs.sh - how fast jobs are started, and what one costs the sessions beside it.
# In a server of its own, for it must preload mlops; commits are durable.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
server=$(mktemp -d /tmp/mlops-bench.XXXXXX)
trap 'private_server remove' EXIT
trap 'exit 1' INT TERM
pgbench=$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)/pgbench

restart()
{
	private_server start "shared_preload_libraries = 'mlops'" "shared_buffers = '512MB'" "max_wal_size = '4GB'" \
		"autovacuum = off" "jit = off" "$@"
}

wait_for_all()
{
	query <<-SQL
		DO \$\$
		BEGIN
			WHILE EXISTS (SELECT FROM mlops.jobs WHERE ended_at IS NULL) LOOP
				COMMIT;
				PERFORM pg_sleep(0.02);
			END LOOP;
		END \$\$;
	SQL
}

# kB of memory that are the launcher's alone
launcher_memory()
{
	pid=$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops launcher'")
	awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"
}

# ---- throughput: no-op jobs, submitted one a transaction
restart
query -c 'CREATE EXTENSION mlops'
query -c "SELECT mlops.submit('SELECT 1')" >/dev/null
wait_for_all
memory_before=$(launcher_memory)
for round in $(seq "$rounds"); do
	query -o /dev/null <<-SQL
		DO \$\$ BEGIN FOR i IN 1..1000 LOOP PERFORM mlops.submit('SELECT 1', model => 'round_$round'); COMMIT; END LOOP; END \$\$;
	SQL
	wait_for_all
	query -c "SELECT round(count(*) / extract(epoch FROM max(ended_at) - min(started_at))) FROM mlops.jobs WHERE model = 'round_$round'"
done >"$server/rates"
rate=$(median <"$server/rates")

# ---- latency: submit to running, with the worker of the job before at hand, and without
for pause in 0 0.4; do
	for job in $(seq 20); do
		query -c "SELECT mlops.submit('SELECT 1', model => 'pause_$pause')" -c "SELECT pg_sleep(0.05 + $pause)" >/dev/null
	done
done
latency()
{
	query -c "SELECT round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - submitted_at))::numeric, 1)
		FROM mlops.jobs WHERE model = 'pause_$1'"
}

# ---- 10,000 jobs
query -o /dev/null -c "SELECT count(mlops.submit('SELECT 1')) FROM generate_series(1, 10000)"
wait_for_all
sleep 1
memory_after=$(launcher_memory)
unsuccessful=$(query -c "SELECT count(*) FROM mlops.jobs WHERE state <> 'succeeded' OR attempts <> 1")
left=$(query -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'mlops job%'")

table_header "Jobs"
result "No-op jobs through 2 workers" "$rate" "jobs/s" '>=' 200
result "Submit to running, worker at hand, median" "$(latency 0)" ms '<=' 100
result "Submit to running, worker to be started, median" "$(latency 0.4)" ms '<=' 100
result "Launcher's memory over 10,000 jobs" "$((memory_after - memory_before))" kB '<=' 256
result "Jobs that were lost or ran twice" "$unsuccessful" "" '<=' 0
result "Workers left" "$left" "" '<=' 0

# ---- a training beside pgbench: one worker, one thread, a low priority
restart "mlops.max_workers = 1" "mlops.threads = 1" "mlops.worker_nice = 19"
query <<SQL
CREATE TABLE tx AS SELECT i AS id, random() AS a, random() AS b, random() AS c, random() AS d, (i % 50)::text AS e, random() < 0.05 AS label
FROM generate_series(1, 300000) AS i;
SQL
"$pgbench" -h "$server/socket" -p 5432 -U postgres -i -s 10 -q postgres >/dev/null 2>&1
tps()
{
	taskset -c 0 "$pgbench" -h "$server/socket" -p 5432 -U postgres -n -M prepared "$1" -c 1 -T 2 postgres 2>/dev/null |
		awk '/^tps/ { printf "%.0f\n", $3 }'
}
# The worker is stopped and continued, so that what else the machine does meets
# both sides of a ratio alike.
query -o /dev/null -c "SELECT mlops.submit(\$\$SELECT mlops.train('m', 'tx', target => 'label', params => '{\"n_estimators\": 10000}')\$\$)"
until [ "$(query -c "SELECT count(*) FROM mlops.job_progress WHERE phase = 'fit'")" = 1 ]; do sleep 0.1; done
worker=$(query -c 'SELECT pid FROM mlops.job_progress')
# pgbench and its server process on the first core, the training on the second:
# left to the scheduler, the two sides of pgbench are on one core beside a
# training and on two cores alone, which is slower, as each wakes the other up.
taskset -acp 0 "$(head -n 1 "$server/data/postmaster.pid")" >/dev/null
taskset -acp 1 "$worker" >/dev/null
for script in -S -N; do
	for round in $(seq $((2 * rounds))); do
		kill -STOP "$worker"
		alone=$(tps $script)
		kill -CONT "$worker"
		beside=$(tps $script)
		echo "$alone" >>"$server/alone$script"
		echo "$beside" >>"$server/beside$script"
		compute "100 * (1 - $beside / $alone)" 1 >>"$server/loss$script"
		echo >>"$server/loss$script"
	done
done
query -o /dev/null -c 'SELECT mlops.cancel(job_id) FROM mlops.job_progress'
loss()
{
	grep . "$server/loss$1" | median
}

table_header "pgbench on one core beside a training on the other (mlops.max_workers = 1, threads = 1, worker_nice = 19)"
result "Select only, alone" "$(median <"$server/alone-S")" "tps"
result "Select only, beside a training" "$(median <"$server/beside-S")" "tps"
result "Select only, lost in the median of turns" "$(loss -S)" "%" '<=' 10
result "Simple update, alone" "$(median <"$server/alone-N")" "tps"
result "Simple update, beside a training" "$(median <"$server/beside-N")" "tps"
result "Simple update, lost in the median of turns" "$(loss -N)" "%" '<=' 10
exit $missed
