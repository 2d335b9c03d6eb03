#!/bin/sh
# against.sh COMMIT - this tree against an earlier commit of it: each side is built
# and installed into a copy of PostgreSQL, has the same table, and does the same
# statements, in turns; medians and their ratio.
#
# Not one of those that bench/run runs by itself: it takes about 15 minutes, and
# needs the repository.  MLOPS_BENCH_ROUNDS is the number of turns (default 5).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
commit=${1:?"usage: sh bench/against.sh COMMIT"}
root=$(cd "$here/.." && pwd)
installation=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
work=$(mktemp -d /tmp/mlops-against.XXXXXX)
chmod 755 "$work"
end_servers()
{
	for side in before now; do
		server=$work/$side.server
		[ ! -d "$server" ] || PG_CONFIG=$(cat "$work/$side.pg_config") private_server remove
	done
	rm -rf "$work"
}
trap end_servers EXIT
trap 'exit 1' INT TERM

# on SIDE COMMAND ARGUMENT...: in the server of that side
on()
{
	server=$work/$1.server PG_CONFIG=$(cat "$work/$1.pg_config")
	export PG_CONFIG
	shift
	"$@"
}

build()
{
	git -C "$root" archive "$2" | (mkdir "$work/$1" && tar -x -C "$work/$1")
	PG_CONFIG=$installation sh "$root/tools/copy_server.sh" "$work/$1.copy" >"$work/$1.pg_config"
	make -s -j2 -C "$work/$1" install "PG_CONFIG=$(cat "$work/$1.pg_config")" with_llvm=no >/dev/null
	on "$1" start
}

start()
{
	private_server start "shared_buffers = '1GB'" "max_wal_size = '4GB'" "fsync = off" "shared_preload_libraries = 'mlops'" \
		"mlops.maintenance_interval = 0" "autovacuum = off" "jit = off" "synchronize_seqscans = off"
	query -c 'CREATE EXTENSION mlops' -c 'CREATE EXTENSION pg_prewarm'
	need_model
	query -o /dev/null <<-'SQL'
		SELECT * FROM mlops.maintain();
		CREATE TABLE small AS SELECT * FROM tx WHERE id <= 50000;
		CREATE TABLE other AS SELECT * FROM tx WHERE id > 800000;
		VACUUM ANALYZE;
	SQL
}

# compare WHAT STATEMENT
compare()
{
	for round in $(seq "$rounds"); do
		for side in before now; do
			on $side milliseconds "$2" >>"$work/$side.times"
		done
	done
	before=$(median <"$work/before.times") now=$(median <"$work/now.times")
	printf '| %s | %s | %s | %s |\n' "$1" "$before" "$now" "$(compute "$now / $before" 3)"
	rm "$work/before.times" "$work/now.times"
}

build before "$commit"
build now HEAD
printf '| ms, median of %s | %s | %s | ratio |\n|---|---:|---:|---:|\n' "$rounds" "$(git -C "$root" rev-parse --short "$commit")" "$(git -C "$root" rev-parse --short HEAD)"
for threads in 1 2; do
	compare "train, 800,000 of 1,000,000 rows, 100 trees, $threads threads" "SET mlops.threads = $threads; SELECT FROM $(train_call again 100)"
done
compare "train, 50,000 rows, 100 trees, 1 thread" "SET mlops.threads = 1; SELECT FROM mlops.train('little', 'small', target => 'label', key => 'id', params => '{\"n_estimators\": 100, \"max_depth\": 6}')"
compare "train, 50,000 rows, logistic regression, 1 thread" "SET mlops.threads = 1; SELECT FROM mlops.train('line', 'small', target => 'label', key => 'id', algorithm => 'logistic_regression')"
compare "score, 1,000,000 rows" "SELECT avg(mlops.score('m', t)) FROM tx AS t"
compare "score_table, 1,000,000 rows" "SELECT avg(score) FROM mlops.score_table('m', 'tx', key => 'id')"
compare "predict, 1,000,000 rows" "SELECT count(mlops.predict('m', t)) FROM tx AS t"
compare "decide, 50,000 rows" "BEGIN; SELECT count(mlops.decide('m', t, id::text)) FROM small AS t; ROLLBACK"
compare "explain, 50,000 rows" "SELECT count(*) FROM small AS t, mlops.explain('m', t)"
compare "evaluate, 200,000 rows" "SELECT * FROM mlops.evaluate('m', 'other')"
compare "check_drift, 200,000 rows" "SELECT count(*) FROM mlops.check_drift('m', 'other')"
compare "drift_between, 50,000 and 200,000 rows" "SELECT count(*) FROM mlops.drift_between('small', 'other')"
compare "roc_auc, 1,000,000 rows" "SELECT mlops.roc_auc(label, f1) FROM tx"
