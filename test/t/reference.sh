#!/bin/sh
# reference.sh - docs/reference.md is what the catalog says.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query -c 'CREATE EXTENSION mlops'
query -f - <"$root/docs/make_reference.sql" >"$server/reference.md"
is "docs/reference.md is up to date" "$(diff -u "$root/docs/reference.md" "$server/reference.md")" ""
is "docs/releases.md says what each strategy takes" "$(query -c "SELECT format('| \`%s\` | %s |', s.name, (SELECT string_agg('\`' || t || '\`', ', ' ORDER BY place) FROM unnest(s.takes) WITH ORDINALITY AS t(t, place)))
	FROM mlops_catalog.strategies() AS s" | while read -r row; do grep -qF "$row" "$root/docs/releases.md" || echo "$row"; done)" ""
echo "1..$n"
