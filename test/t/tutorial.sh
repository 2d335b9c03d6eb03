#!/bin/sh
# tutorial.sh - every statement of docs/tutorial.md, and of the README's first
# screen, runs as it stands.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"

# run_page NAME FILE [SQL]: in a database of its own, made ready by SQL.
run_page()
{
	n=$((n + 1))
	private_server psql -q -c "CREATE DATABASE page_$n"
	[ -z "${3-}" ] || private_server psql -q -d "page_$n" -c "CREATE EXTENSION mlops" -c "$3" \
		-c "DROP EXTENSION mlops CASCADE" -c "DROP SCHEMA IF EXISTS mlops CASCADE" 2>/dev/null
	awk '/^```sql/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/$2" >"$server/page.sql"
	if [ -s "$server/page.sql" ] &&
		private_server psql -q -d "page_$n" -v ON_ERROR_STOP=1 -f - <"$server/page.sql" >"$server/page.out" 2>&1; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$server/page.out" | tail -n 5
	fi
}
run_page "the tutorial runs" docs/tutorial.md
run_page "the release runbook runs" docs/releases.md
for page in monitors drift explain tracking registry security gitops operations; do
	run_page "the page on $page runs" "docs/$page.md"
done
run_page "the README's first screen runs" README.md "CREATE TABLE transactions AS SELECT * FROM mlops.simulate_transactions()"
echo "1..$n"
