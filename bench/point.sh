#!/bin/sh
# point.sh - the score of one row by primary key, against fetching the row alone:
# pgbench, one client, prepared statements, over a Unix socket, in turns.  Also
# both at once, which computes all that either does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model

pgbench=$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)/pgbench
work=$(mktemp -d)
statement()
{
	printf '\\set id random(1, 1000000)\n%s;\n' "$2" >"$work/$1.sql"
}
statement row "SELECT * FROM tx WHERE id = :id"
statement score "SELECT mlops.score('m', t) FROM tx AS t WHERE id = :id"
statement both "SELECT *, mlops.score('m', t) FROM tx AS t WHERE id = :id"

# Average latency in microseconds over some seconds (from the rate, which pgbench
# prints with more digits).
latency()
{
	# shellcheck disable=SC2046	# a list of options on purpose
	"$pgbench" $(private_server address) -n -M prepared -T 4 -f "$work/$1.sql" postgres 2>&1 |
		awk '/^tps/ { printf "%.1f\n", 1e6 / $3 }'
}

for round in $(seq "$rounds"); do
	for what in row score both; do
		latency $what >>"$work/$what"
	done
done
row=$(median <"$work/row") score=$(median <"$work/score") both=$(median <"$work/both")
rm -rf "$work"

table_header "One row by primary key, prepared, Unix socket"
figure "SELECT *" "$row" µs
figure "SELECT mlops.score('m', t)" "$score" µs
figure "SELECT *, mlops.score('m', t)" "$both" µs
figure "score / row" "$(compute "$score / $row")" times '<=' 1.15
figure "row and score / row" "$(compute "$both / $row")" times
exit $missed
