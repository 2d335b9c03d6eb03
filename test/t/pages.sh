#!/bin/sh
# pages.sh - every page of the handbook can be pasted into psql as it stands: its
# blocks ```sql run in order in an empty database, without an error, and without
# a warning that the line's comment does not announce by that word.  A block
# ```text that follows one of SQL is exactly what that one prints.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'pg_cron,mlops'" "cron.use_background_workers = on" "fsync = off" \
	"max_worker_processes = 24" "mlops.maintenance_interval = 3600"
query -c 'CREATE EXTENSION pg_cron'
page=$server/page.sql
mark='--- the end of a block ---'

# blocks PAGE: what is pasted, with a mark on a line of its own after each block
blocks()
{
	awk -v mark="$mark" '/^```sql$/ { inside = 1; next } /^```$/ && inside { inside = 0; print "\\echo " mark } inside' "$1"
}

# promised PAGE: what its blocks print, by the blocks ```text, after their number
promised()
{
	awk '/^```sql$/ { block++ } /^```$/ { inside = 0 } inside { print block ": " $0 } /^```text$/ { inside = 1 }' "$1"
}

# printed PAGE: the same of those blocks, by psql
printed()
{
	awk -v mark="$mark" -v "blocks=$(promised "$1" | sed 's/:.*//' | uniq | tr '\n' ' ')" '
		BEGIN { n = split(blocks, list, " "); for (i = 1; i <= n; i++) wanted[list[i]]; block = 1 }
		$0 == mark { block++; blank = 0; next }
		!(block in wanted) { next }
		$0 == "" { blank++; next }
		{ for (; blank; blank--) print block ": "; print block ": " $0 }' "$server/out"
}

# unannounced: errors and warnings but those warnings that their line announces
unannounced()
{
	sed -n 's/^psql:<stdin>:\([0-9]*\): \(\(ERROR\|WARNING\|FATAL\|PANIC\):.*\)$/\1 \2/p' "$server/err" | while read -r line text; do
		case $text in
			WARNING*) sed -n "${line}p" "$page" | grep -q -- '--.*warning' && continue ;;
		esac
		printf '%s\n%s\n' "$text" "$(sed -n "${line}p" "$page")"
	done
}

for path in "$root"/README.md "$root"/docs/*.md; do
	file=${path#"$root/"}
	grep -q '^```sql' "$path" || continue
	n_pages=$((${n_pages-0} + 1))
	private_server psql -q -c "CREATE DATABASE page_$n_pages"
	blocks "$path" >"$page"
	is "$file says that it can be pasted" "$(sed '/^```sql/q' "$path" | grep -c 'can be pasted')" 1
	status=0
	private_server psql -d "page_$n_pages" -v ON_ERROR_STOP=1 -f - <"$page" >"$server/out" 2>"$server/err" || status=$?
	is "... and it can" "$status$(unannounced)" 0
	promised "$path" >"$server/promised"
	printed "$path" >"$server/printed"
	is "... and prints what it says" "$(diff "$server/promised" "$server/printed")" ""
done
echo "1..$n"
