#!/bin/sh
# point.sh - the score of one row by primary key, against fetching the row alone:
# pgbench, one client, prepared statements, over a Unix socket, in turns.  Also
# both at once, which computes all that either does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model

work=$(mktemp -d)
for round in $(seq "$rounds"); do
	latency "SELECT * FROM tx WHERE id = :id" >>"$work/row"
	latency "SELECT mlops.score('m', t) FROM tx AS t WHERE id = :id" >>"$work/score"
	latency "SELECT *, mlops.score('m', t) FROM tx AS t WHERE id = :id" >>"$work/both"
done
row=$(median <"$work/row") score=$(median <"$work/score") both=$(median <"$work/both")
rm -rf "$work"

table_header "One row by primary key, prepared, Unix socket"
result "SELECT *" "$row" µs
result "SELECT mlops.score('m', t)" "$score" µs
result "SELECT *, mlops.score('m', t)" "$both" µs
result "score / row" "$(compute "$score / $row")" times '<=' 1.15
result "row and score / row" "$(compute "$both / $row")" times
exit $missed
