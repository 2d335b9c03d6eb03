#!/bin/sh
# reference.sh - docs/reference.md is what the catalog says.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query -c 'CREATE EXTENSION mlops'
query -f - <"$root/docs/make_reference.sql" >"$server/reference.md"
is "docs/reference.md is up to date" "$(diff -u "$root/docs/reference.md" "$server/reference.md")" ""
echo "1..$n"
