#!/bin/sh
# score.sh - scoring every row of a table in one process, by a model of 100
# trees of depth 6 over 30 columns; beside it a scan that has to take every row
# apart to its last column too.  score_table gives keys and flags, too, and is
# measured in two processes as well.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model

query -c "CREATE TABLE kept AS SELECT mlops.export_model('m', 1) AS model"
table="SELECT avg(score) FROM mlops.score_table('m', 'tx', key => 'id')"
work=$(mktemp -d)
for round in $(seq "$rounds"); do
	milliseconds "SELECT avg(f30) FROM tx" >>"$work/scan"
	milliseconds "SELECT avg(mlops.score('m', t)) FROM tx AS t" >>"$work/score"
	milliseconds "$table" >>"$work/table"
	milliseconds "$table" 1 >>"$work/shared"
	milliseconds "SELECT avg(mlops.score_bytes((SELECT model FROM kept), t)) FROM tx AS t" >>"$work/bytes"
done
scan=$(median <"$work/scan") score=$(median <"$work/score") bytes=$(median <"$work/bytes") table=$(median <"$work/table") shared=$(median <"$work/shared")
rm -rf "$work"

# 1,000,000 rows: a millisecond is a nanosecond a row
table_header "Scoring 1,000,000 rows in one process"
result "SELECT avg(f30) FROM tx" "$(compute "$scan / 1000")" "µs a row"
result "SELECT avg(mlops.score('m', t)) FROM tx t" "$(compute "$score / 1000")" "µs a row" '<=' 3
result "SELECT avg(mlops.score_bytes(model, t)) FROM tx t, the model in a table" "$(compute "$bytes / 1000")" "µs a row"
result "the score alone (difference)" "$(compute "($score - $scan) / 1000")" "µs a row"

table_header "Scoring 1,000,000 rows by mlops.score_table"
result "in one process" "$(compute "$table / 1000")" "µs a row"
result "in two processes" "$(compute "$shared / 1000")" "µs a row"
result "rows a second in two processes" "$(compute "1000 / $shared")" "million" '>=' 2
result "one process / two" "$(compute "$table / $shared")" times '>=' 1.3
exit $missed
