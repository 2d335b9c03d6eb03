#!/bin/sh
# quality.sh - what the learners reach on public data sets with their default
# parameters, beside the numbers others have published or measured.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
data=$(cd "${MLOPS_DATA:-$here/../../shared/data}" 2>/dev/null && pwd) || {
	echo "quality: skipped, the data sets are not there (MLOPS_DATA)" >&2
	exit 0
}
open_server
query -c 'DROP DATABASE IF EXISTS quality' -c 'CREATE DATABASE quality' 2>/dev/null
query -d quality -c 'CREATE EXTENSION mlops'
query -d quality -v "data=$data" -F ' | ' -f - <"$here/quality.sql" >"$server/quality"

printf '\n### Quality on public data sets, default parameters\n\n'
echo '| data set | algorithm | metric | reached | at least | reference |'
echo '|---|---|---|---:|---:|---|'
sed 's/^/| /; s/$/ |/' "$server/quality"
awk -F ' [|] ' '$5 != "" && $4 < $5 { missed = 1 } END { exit missed }' "$server/quality"
