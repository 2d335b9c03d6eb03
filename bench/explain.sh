#!/bin/sh
# explain.sh - what each column contributed to a row's score: mlops.explain
# against XGBoost's pred_contribs (TreeSHAP) in one thread, by models of 100
# trees of depth 6 over 30 columns, both trained on the same 800,000 rows.
#
# There only predict is timed, the rows being in XGBoost's memory already; here the
# whole statement, all 31 rows of each explanation included.  Needs python3 with
# xgboost, or with venv and pip.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
explained=5000
if ! python=$(python_with_peers); then
	echo "explain: skipped, a python with XGBoost cannot be had here" >&2
	exit 0
fi
open_server
need_model
work=$(mktemp -d)

# Microseconds a row, from milliseconds of all.
a_row()
{
	compute "$1 * 1000 / $explained"
}

query -c "\\copy tx TO '$work/tx.csv' WITH (FORMAT csv, HEADER)"
xgboost="XGBoost $("$python" -c 'import xgboost; print(xgboost.__version__)')"
splits_there=$("$python" "$here/explain_xgboost.py" train "$work/tx.csv" 800000 "$explained" "$work")
rm "$work/tx.csv"
for round in $(seq "$rounds"); do
	"$python" "$here/explain_xgboost.py" explain "$work" >>"$work/there"
	milliseconds "SELECT count(*) FROM (SELECT * FROM tx LIMIT $explained) AS t, mlops.explain('m', t, NULL)" >>"$work/all"
	milliseconds "SELECT count(*) FROM (SELECT * FROM tx LIMIT $explained) AS t, mlops.explain('m', t)" >>"$work/top"
done
gap=$(query -c "SELECT max(abs(e.sum - ln(e.score / (1 - e.score)))) FROM (SELECT mlops.score('m', t) AS score,
	(SELECT sum(contribution) FROM mlops.explain('m', t, NULL)) FROM tx AS t LIMIT $explained) AS e")
splits=$(query -c "SELECT sum(splits) FROM mlops.feature_importance WHERE model = 'm' AND version = 1")
all=$(a_row "$(median <"$work/all")") top=$(a_row "$(median <"$work/top")")
there=$(cut -f 1 "$work/there" | median)

table_header "Explaining $explained rows in one process, 100 trees of depth 6, 30 columns"
result "mlops.explain, all columns" "$all" "µs a row"
result "mlops.explain, the top 5" "$top" "µs a row"
result "$xgboost, pred_contribs, 1 thread" "$(compute "$there")" "µs a row"
result "XGBoost / mlops.explain, all columns" "$(compute "$there / $all")" times '>' 1
result "splits of the model, mlops" "$splits" ''
result "splits of the model, XGBoost" "$splits_there" ''
result "contributions together and log odds of the score differ by at most, mlops" "$gap" ''
result "contributions together and margin differ by at most, XGBoost (float32)" "$(cut -f 2 "$work/there" | sort -g | tail -n 1)" ''
rm -rf "$work"
exit $missed
