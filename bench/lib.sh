# lib.sh - what the scripts of bench/ share.  To be sourced with "here" set to
# this folder.
#
# A script works in the server of MLOPS_BENCH_SERVER (bench/run sets it), or in
# one it starts for itself.  The extension must have been installed there
# (make install; PG_CONFIG chooses the installation).  Both sides of every
# ratio are measured in the same run, in turns, and their medians are shown.
# MLOPS_BENCH_ROUNDS is the number of turns (default 5).

rounds=${MLOPS_BENCH_ROUNDS:-5}
missed=0

private_server()
{
	action=$1
	shift
	sh "$here/../tools/private_server.sh" "$action" "$server" "$@"
}

query()
{
	private_server psql -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# A warm server without autovacuum's, the disk's and the compiler's noise.
open_server()
{
	server=${MLOPS_BENCH_SERVER-}
	[ -z "$server" ] || return 0
	server=$(mktemp -d /tmp/mlops-bench.XXXXXX)
	trap 'private_server remove' EXIT
	trap 'exit 1' INT TERM
	private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "shared_buffers = '1GB'" "max_wal_size = '4GB'" "fsync = off" \
		"autovacuum = off" "jit = off" "synchronize_seqscans = off"
	query -c 'CREATE EXTENSION mlops' -c 'CREATE EXTENSION pg_prewarm'
}

# Table tx: see generate.sql.
need_transactions()
{
	[ "$(query -c "SELECT to_regclass('tx') IS NOT NULL")" = f ] || return 0
	{ echo 'SET client_min_messages = warning;'; cat "$here/generate.sql"; } | query -o /dev/null -f -
	query -o /dev/null -c "SELECT pg_prewarm('tx')"
}

# train_call MODEL TREES: the first 80 % to learn from, the last 20 % to judge
# on, with XGBoost's default learning rate.
train_call()
{
	echo "mlops.train('$1', 'tx', target => 'label', key => 'id', time_column => 'id', split => '{\"validation\": 0, \"test\": 0.2}',
		params => '{\"n_estimators\": $2, \"max_depth\": 6, \"learning_rate\": 0.3}')"
}

# Model m, 100 trees of depth 6, deployed.
need_model()
{
	need_transactions
	[ "$(query -c "SELECT count(*) FROM mlops.deployments WHERE model = 'm'")" = 0 ] || return 0
	query -o /dev/null -c "SELECT * FROM $(train_call m 100)" -c "SELECT * FROM mlops.deploy('m', 1)"
}

# milliseconds STATEMENT [WORKERS]: those of one execution in a session of its own, in one
# process and so many more (default 0), connecting not counted.
milliseconds()
{
	query <<SQL
SET max_parallel_workers_per_gather = ${2:-0};
SELECT clock_timestamp() AS started \gset
$1 \g /dev/null
SELECT round(extract(epoch FROM clock_timestamp() - :'started') * 1000, 1);
SQL
}

# latency STATEMENT: average microseconds of a prepared statement about the row :id,
# a transaction each: pgbench, one client, over a Unix socket, four seconds (from
# the rate, which pgbench prints with more digits).
latency()
{
	latency_script=$(mktemp)
	printf '\\set id random(1, 1000000)\n%s;\n' "$1" >"$latency_script"
	# shellcheck disable=SC2046	# a list of options on purpose
	"$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)/pgbench" $(private_server address) -n -M prepared -T 4 -f "$latency_script" postgres 2>&1 |
		awk '/^tps/ { printf "%.1f\n", 1e6 / $3 }'
	rm -f "$latency_script"
}

# Wall clock milliseconds of a command, whatever it prints thrown away.
wall_milliseconds()
{
	wall_began=$(date +%s%N)
	"$@" >/dev/null || return 1
	echo $((($(date +%s%N) - wall_began) / 1000000))
}

# Numbers, one a line, to their median (the lower one of two).
median()
{
	sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# compute EXPRESSION [DECIMALS]
compute()
{
	awk "BEGIN { printf \"%.${2:-2}f\", $1 }"
}

table_header()
{
	printf '\n### %s\n\n| what | value | must be | |\n|---|---:|---|---|\n' "$1"
}

# result WHAT VALUE UNIT [COMPARISON LIMIT]: a line of the table; a limit that
# is not kept makes the script fail in the end.
result()
{
	if [ $# -lt 5 ]; then
		echo "| $1 | $2 $3 | | |"
	elif awk "BEGIN { exit !($2 $4 $5) }"; then
		echo "| $1 | $2 $3 | $4 $5 | ok |"
	else
		missed=1
		echo "| $1 | $2 $3 | $4 $5 | **missed** |"
	fi
}

# python_with SUFFIX WANTED PACKAGE...: the name of a python in which the statements
# WANTED run: python3, or one in MLOPS_BENCH_VENV (default /var/tmp/mlops-bench-venv-UID)
# followed by SUFFIX, into which the packages are installed if need be.
python_with()
{
	venv=${MLOPS_BENCH_VENV:-/var/tmp/mlops-bench-venv-$(id -u)}$1
	wanted=$2
	shift 2
	for python in python3 "$venv/bin/python"; do
		if "$python" -c "$wanted" 2>/dev/null; then
			echo "$python"
			return
		fi
	done
	python3 -m venv "$venv" >&2 && "$venv/bin/pip" -q install "$@" >&2 && echo "$venv/bin/python"
}

# The name of a python that has current peers, of peers/requirements.txt.
python_with_peers()
{
	sh "$here/peers/python.sh"
}
