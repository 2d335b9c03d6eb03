#!/bin/sh
# reference.sh - docs/reference.md is what the catalog says.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
server=$(mktemp -d)
private_server()
{
	action=$1
	shift
	sh "$root/tools/private_server.sh" "$action" "$server" "$@"
}
trap 'private_server remove' EXIT
trap 'exit 1' INT TERM
private_server start "fsync = off"
private_server psql -q -c 'CREATE EXTENSION mlops'
private_server psql -q -A -t -f - <"$root/docs/make_reference.sql" >"$server/reference.md"
if diff -u "$root/docs/reference.md" "$server/reference.md" >"$server/diff"; then
	echo "ok 1 - docs/reference.md is up to date"
else
	echo "not ok 1 - docs/reference.md is up to date"
	head -n 20 "$server/diff" | sed 's/^/# /'
fi
echo "1..1"
