#!/bin/sh
# ingest.sh - reading a table into the engine, against the bare C heap scan.
#
# The engine's side is what a training records as ingest_ms: all 32 columns read
# through the executor, with privileges checked, converted and hashed.  The scan
# is heap_scan/heap_scan.c: tuples fetched, and in the second variant taken
# apart, nothing done with them.
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

# shellcheck disable=SC2086	# lists of numbers on purpose
fetched='' apart='' engine=''
for round in $(seq "$rounds"); do
	fetched="$fetched $(query -c "SELECT heap_scan_ms('tx', false)")"
	apart="$apart $(query -c "SELECT heap_scan_ms('tx', true)")"
	query -o /dev/null -c "SELECT * FROM $(train_call ingest 1)"
	engine="$engine $(query -c "SELECT value FROM mlops.run_metrics WHERE model = 'ingest' AND name = 'ingest_ms'
		ORDER BY run_id DESC LIMIT 1")"
done
fetched=$(echo $fetched | tr ' ' '\n' | median)
apart=$(echo $apart | tr ' ' '\n' | median)
engine=$(echo $engine | tr ' ' '\n' | median)

table_header "Reading 1,000,000 rows of 30 float8 columns into the engine"
figure "heap scan in C, tuples fetched" "$(compute "$fetched" 0)" ms
figure "heap scan in C, tuples fetched and taken apart" "$(compute "$apart" 0)" ms
figure "read into the engine" "$(compute "$engine" 0)" ms
figure "engine / scan that fetches" "$(compute "$engine / $fetched")" times
figure "engine / scan that takes apart" "$(compute "$engine / $apart")" times '<=' 2
exit $missed
