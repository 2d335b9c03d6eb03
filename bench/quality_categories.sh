#!/bin/sh
# quality_categories.sh - boosting with default parameters on data sets with
# categories, beside LightGBM with its own on the same rows: ten times a quarter of the rows
# is held back and judged on.  Needs python3 with lightgbm, or with venv and pip.
# MLOPS_DATA: the data sets; there may be compas-scores-two-years.csv of
# github.com/propublica/compas-analysis among them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
MLOPS_DATA=$(cd "${MLOPS_DATA:-$here/../../shared/data}" 2>/dev/null && pwd) || {
	echo "quality_categories: skipped, the data sets are not there (MLOPS_DATA)" >&2
	exit 0
}
export MLOPS_DATA

python=$(python_with_peers) || {
	echo "quality_categories: skipped, a python with LightGBM cannot be had here" >&2
	exit 0
}
open_server
work=$(mktemp -d)
query -c 'DROP DATABASE IF EXISTS quality_categories' -c 'CREATE DATABASE quality_categories' 2>/dev/null
query -d quality_categories -c 'CREATE EXTENSION mlops'
query -d quality_categories -v "data=$MLOPS_DATA" -v "seeds=${MLOPS_BENCH_SEEDS:-10}" -v "params=${MLOPS_BENCH_PARAMS:-{\}}" -f - <"$here/quality_categories.sql"
for name in $(query -d quality_categories -c "SELECT DISTINCT data_set FROM score ORDER BY 1"); do
	query -d quality_categories -c "\\copy (SELECT * FROM sets.$name) TO '$work/$name.csv' WITH (FORMAT csv, HEADER)"
done
query -d quality_categories -c "\\copy score TO '$work/scores' WITH (FORMAT csv, HEADER)"

printf '\n### Categories, against LightGBM on the same rows, default parameters\n\n'
"$python" "$here/quality_categories.py" "$work"/*.csv <"$work/scores" || missed=1
rm -r "$work"
exit $missed
