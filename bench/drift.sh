#!/bin/sh
# drift.sh - drift of 1,000,000 rows of 30 columns from the training baseline,
# beside scoring them; and of 500,000 rows from 500,000 others, by the default tests
# of Evidently (the normed Wasserstein distance of each column), against Evidently.
#
# There the tests alone are timed, the rows being in pandas' memory already, and
# reading them from a file beside it; here the whole statement.  Needs python3 with
# evidently, or with venv and pip.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

python=$(python_with -evidently 'import evidently.legacy.core, pandas' 'evidently==0.7.21' 'pandas<3') || python=
open_server
need_model
work=$(mktemp -d)
query -c "CREATE VIEW drift_before AS SELECT * FROM tx WHERE id <= 500000" -c "CREATE VIEW drift_after AS SELECT * FROM tx WHERE id > 500000"
columns=$(query -c "SELECT string_agg('f' || i, ',') FROM generate_series(1, 30) AS i")
if [ -n "$python" ]; then
	for side in before after; do
		query -c "\\copy (SELECT $columns FROM drift_$side) TO '$work/$side.csv' WITH (FORMAT csv, HEADER)"
	done
fi
for round in $(seq "$rounds"); do
	milliseconds "SELECT avg(mlops.score('m', t)) FROM tx AS t" >>"$work/score"
	milliseconds "SELECT * FROM mlops.check_drift('m', 'tx')" >>"$work/check"
	milliseconds "SELECT * FROM mlops.drift_between('drift_before', 'drift_after', '{$columns}')" >>"$work/psi"
	milliseconds "SELECT * FROM mlops.drift_between('drift_before', 'drift_after', '{$columns}', mode => 'evidently')" >>"$work/here"
	[ -z "$python" ] || "$python" "$here/drift_evidently.py" "$work/before.csv" "$work/after.csv" >>"$work/there"
done
greatest=$(query -c "SELECT max(statistic) FROM mlops.drift_between('drift_before', 'drift_after', '{$columns}', mode => 'evidently')")
score=$(median <"$work/score") check=$(median <"$work/check") psi=$(median <"$work/psi") here_ms=$(median <"$work/here")

table_header "Drift of 1,000,000 rows of 30 columns"
result "mlops.check_drift, all features and the score" "$check" ms
result "avg(mlops.score()) of the same rows, in one process" "$score" ms
result "check_drift / score" "$(compute "$check / $score")" times '<=' 1.5
result "mlops.drift_between, 500,000 and 500,000 rows, PSI and missing values" "$psi" ms
result "mlops.drift_between, mode evidently" "$here_ms" ms
if [ -n "$python" ]; then
	reading=$(compute "$(cut -f 1 "$work/there" | median) * 1000" 1) there=$(compute "$(cut -f 2 "$work/there" | median) * 1000" 1)
	result "Evidently's tests of rows in memory" "$there" ms
	result "pandas.read_csv of the rows" "$reading" ms
	result "Evidently's tests / drift_between" "$(compute "$there / $here_ms")" times '>' 1
	result "the greatest statistic differs by" "$(compute "$greatest - $(cut -f 3 "$work/there" | tail -n 1)" 15)" '' '<' 1e-9
else
	echo "drift: Evidently cannot be had here, its side is left out" >&2
fi
query -c "DROP VIEW drift_before, drift_after"
rm -rf "$work"
exit $missed
