#!/bin/sh
# ingest.sh - reading a table into the engine, against the bare C heap scan.
#
# The engine's side is what a training records as ingest_ms: all 32 columns read
# through the executor, with privileges checked, converted and hashed.  The scan
# is heap_scan/heap_scan.c: tuples fetched and taken apart into values, which are
# not looked at.  Fetching alone is shown too: it leaves the values on the page.
# Then the same in two processes, and from columns of text.
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

# as many columns of text, of a hundred levels each
query -o /dev/null <<'SQL'
SET client_min_messages = warning;
DROP TABLE IF EXISTS words;
SELECT format('CREATE TABLE words AS SELECT id, label, %s FROM tx', string_agg(format('''level '' || floor(f%s * 100) AS f%s', i, i), ', '))
FROM generate_series(1, 30) AS i \gexec
VACUUM (ANALYZE, FREEZE) words;
SELECT pg_prewarm('words');
SQL
learn_words="SELECT * FROM $(train_call words 1 | sed "s/'tx'/'words'/") \\g /dev/null"

# One session; the first training only makes the machine back the memory that
# the others are given.
train="SELECT * FROM $(train_call ingest 1) \\g /dev/null"
{
	echo "SET client_min_messages = warning;"
	echo "SET max_parallel_workers_per_gather = 0;"
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
	for round in $(seq "$rounds"); do
		for workers in 0 1; do
			echo "SET max_parallel_workers_per_gather = $workers;"
			for what in ingest words; do
				[ "$what" = words ] && echo "$learn_words" || echo "$train"
				echo "SELECT '$what$workers', value FROM mlops.run_metrics WHERE model = '$what' AND name = 'ingest_ms' ORDER BY run_id DESC LIMIT 1;"
			done
		done
	done
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

numbers=$(median_of ingest0) shared_numbers=$(median_of ingest1) words=$(median_of words0) shared_words=$(median_of words1)
table_header "Reading 1,000,000 rows in two processes, and text"
result "30 columns of numbers, one process" "$(compute "$numbers" 0)" ms
result "30 columns of numbers, two processes" "$(compute "$shared_numbers" 0)" ms
result "one process / two" "$(compute "$numbers / $shared_numbers")" times '>=' 1.4
result "30 columns of text, one process" "$(compute "$words" 0)" ms
result "30 columns of text, two processes" "$(compute "$shared_words" 0)" ms
result "one process / two" "$(compute "$words / $shared_words")" times '>=' 1.4
result "text / numbers, one process" "$(compute "$words / $numbers")" times '<=' 5
exit $missed
