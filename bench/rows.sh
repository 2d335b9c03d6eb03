#!/bin/sh
# rows.sh - training on more and more rows of 30 columns with the default memory: time
# by the million rows, and what the backend takes of memory at the most.  The tables
# are 1, 10, ... times tx, each row once more with other values; the last one is beyond
# memory, so that values go to a temporary file.
#
# MLOPS_BENCH_MILLIONS is the last one's millions of rows (default 10).  Writes
# MLOPS_BENCH_PLOT, an SVG of the table, if it is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_transactions
millions=${MLOPS_BENCH_MILLIONS:-10}

columns=$(query -c "SELECT string_agg('f' || i || ' * (1 + copy / 1e3) AS f' || i, ', ' ORDER BY i) FROM generate_series(1, 30) AS i")
# make ROWS: a table of so many
make()
{
	query -o /dev/null -c "SET client_min_messages = warning" -c "DROP TABLE IF EXISTS many" \
		-c "CREATE UNLOGGED TABLE many AS SELECT copy * 1000000::bigint + id AS id, $columns, label FROM generate_series(0, ($1 - 1) / 1000000) AS copy, tx WHERE copy * 1000000::bigint + id <= $1" \
		-c "VACUUM (ANALYZE, FREEZE) many"
}
# learn: milliseconds, kB at the most and bytes in temporary files of a training from it
learn()
{
	query <<SQL | sed -n '$p'
SET client_min_messages = error;
SELECT temp_bytes AS before FROM pg_stat_database WHERE datname = current_database() \gset
SELECT clock_timestamp() AS started \gset
SELECT FROM mlops.train('rows', 'many', target => 'label', key => 'id', time_column => 'id', split => '{"validation": 0, "test": 0.2}',
	params => '{"n_estimators": 100, "max_depth": 6}') \g /dev/null
SELECT round(extract(epoch FROM clock_timestamp() - :'started') * 1000) AS ms \gset
SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\s*(\d+)') AS peak \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT :ms, :peak, temp_bytes - :before FROM pg_stat_database WHERE datname = current_database();
SQL
}

work=$(mktemp)
table_header "Training by number of rows: 30 columns, 100 trees of depth 6, a new session, $(query -c "LOAD 'mlops'" -c "SHOW mlops.max_training_memory") allowed"
for rows in 100000 1000000 $((millions * 1000000)); do
	make "$rows"
	# shellcheck disable=SC2034,SC2154	# turns; rounds is of lib.sh
	for round in $(seq "$([ "$rows" -gt 1000000 ] && echo 1 || echo "$rounds")"); do
		learn
	done | sort -t '|' -k 1,1 -g | awk -v rows="$rows" '{ line[NR] = $0 } END { print rows "|" line[int((NR + 1) / 2)] }' >>"$work"
	IFS='|' read -r rows ms peak spilled <<LINE
$(tail -1 "$work")
LINE
	result "$rows rows" "$(compute "$ms / 1000")" s
	result "$rows rows, by the million" "$(compute "$ms / 1000 / $rows * 1e6")" s
	result "$rows rows, memory of the session at the most" "$(compute "$peak / 1024" 0)" MB
	result "$rows rows, values in a temporary file" "$(compute "$spilled / 1048576" 0)" MB
done
per_million()
{
	awk -F '|' -v line="$1" 'NR == line { print $2 / $1 }' "$work"
}
result "$((millions * 1000000)) rows / 1000000 rows, by the million" "$(compute "$(per_million 3) / $(per_million 2)")" times '<=' 1.15
[ -z "${MLOPS_BENCH_PLOT-}" ] || awk -F '|' -f "$here/rows_plot.awk" "$work" >"$MLOPS_BENCH_PLOT"
rm -f "$work"
query -o /dev/null -c "DROP TABLE many" -c "SELECT mlops.drop_model('rows')"
exit $missed
