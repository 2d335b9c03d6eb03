#!/bin/sh
# ingest.sh - reading a table into the engine, against the bare C heap scan.
#
# The engine's side is what a training records as ingest_ms: all 32 columns read
# through the executor, with privileges checked, converted and hashed.  The scan
# is heap_scan/heap_scan.c: tuples fetched and taken apart into values, which are
# not looked at.  Fetching alone is shown too: it leaves the values on the page.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_transactions

build=$(mktemp -d)
cp "$here"/heap_scan/* "$build"
make -s -C "$build" ${PG_CONFIG:+"PG_CONFIG=$PG_CONFIG"} >&2
install -m 755 "$build/heap_scan.so" "$server/heap_scan.so"
rm -rf "$build"
query <<SQL
SET client_min_messages = warning;
DROP FUNCTION IF EXISTS heap_scan_ms(regclass, boolean);
CREATE FUNCTION heap_scan_ms(relation regclass, take_apart boolean) RETURNS float8
	LANGUAGE c STRICT AS '$server/heap_scan.so';
SQL

# One session; the first training only makes the machine back the memory that
# the others are given.
train="SELECT * FROM $(train_call ingest 1) \\g /dev/null"
{
	echo "$train"
	for round in $(seq "$rounds"); do
		echo "SELECT 'fetched', heap_scan_ms('tx', false);"
		echo "SELECT 'apart', heap_scan_ms('tx', true);"
		echo "$train"
	done
	echo "SELECT 'engine', value FROM mlops.run_metrics WHERE model = 'ingest' AND name = 'ingest_ms'
		ORDER BY run_id DESC LIMIT $rounds;"
	echo "SELECT 'first', value FROM mlops.run_metrics WHERE model = 'ingest' AND name = 'ingest_ms'
		ORDER BY run_id DESC OFFSET $rounds LIMIT 1;"
} | query -F ' ' -f - >"$server/ingest"
median_of()
{
	sed -n "s/^$1 //p" "$server/ingest" | median
}
fetched=$(median_of fetched) apart=$(median_of apart) engine=$(median_of engine) first=$(median_of first)

table_header "Reading 1,000,000 rows of 30 float8 columns into the engine"
result "heap scan in C, tuples fetched" "$(compute "$fetched" 0)" ms
result "heap scan in C, tuples fetched and taken apart" "$(compute "$apart" 0)" ms
result "read into the engine" "$(compute "$engine" 0)" ms
result "engine / scan that takes apart" "$(compute "$engine / $apart")" times '<=' 2
result "engine / scan that only fetches" "$(compute "$engine / $fetched")" times
result "read into the engine by a session's first training" "$(compute "$first" 0)" ms
exit $missed
