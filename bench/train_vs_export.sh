#!/bin/sh
# train_vs_export.sh - from a table to a registered model, against exporting the
# table and training with XGBoost 1.7.6 (hist, 2 threads): 100 trees of depth 6
# on 800,000 of 1,000,000 rows.
#
# Each side is timed as a user would wait for it: psql from start to end here;
# psql's COPY to a CSV file, then a python process that reads it, trains, and
# judges the other 200,000 rows there.  Needs python3 with xgboost, or with venv
# and pip, which then install it into MLOPS_BENCH_VENV
# (default /var/tmp/mlops-bench-venv-UID).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

if ! python=$(python_with_xgboost); then
	echo "train_vs_export: skipped, python3 with XGBoost 1.7.6 cannot be had here" >&2
	exit 0
fi

open_server
need_transactions
work=$(mktemp -d)

train_here()
{
	query -c "SELECT * FROM $(train_call trained 100)"
}

train_there()
{
	query -c "\\copy tx TO '$work/tx.csv' WITH (FORMAT csv, HEADER)"
	"$python" "$here/train_xgboost.py" "$work/tx.csv" 800000 >"$work/judged"
	cut -f 3 "$work/judged" >>"$work/fit_there"
}

for round in $(seq "$rounds"); do
	wall_milliseconds train_here >>"$work/here"
	wall_milliseconds train_there >>"$work/there"
done
query -c "SELECT value FROM mlops.run_metrics WHERE model = 'trained' AND name = 'fit_ms'" >"$work/fit_here"
ours=$(median <"$work/here") theirs=$(median <"$work/there")
fit_ours=$(median <"$work/fit_here") fit_theirs=$(compute "$(median <"$work/fit_there") * 1000" 0)
judged_ours=$(query -F ' ' -c "SELECT roc_auc, pr_auc FROM mlops.versions WHERE model = 'trained' ORDER BY version DESC LIMIT 1")
judged_theirs=$(cat "$work/judged")
rm -rf "$work"

# shellcheck disable=SC2086	# lists of numbers on purpose
{
	table_header "From a table of 1,000,000 rows to a registered model: 100 trees of depth 6, 800,000 rows to learn from"
	result "mlops.train" "$(compute "$ours / 1000" 1)" s
	result "COPY out, XGBoost 1.7.6 hist with 2 threads" "$(compute "$theirs / 1000" 1)" s
	result "export and XGBoost / mlops.train" "$(compute "$theirs / $ours")" times '>' 1
	result "fitting alone, mlops" "$(compute "$fit_ours / 1000" 1)" s
	result "fitting alone, XGBoost" "$(compute "$fit_theirs / 1000" 1)" s
	set -- $judged_ours $judged_theirs
	result "ROC AUC and average precision, mlops" "$(compute "$1" 4), $(compute "$2" 4)" ''
	result "ROC AUC and average precision, XGBoost" "$(compute "$3" 4), $(compute "$4" 4)" ''
}
exit $missed
