#!/bin/sh
# quality.sh - default parameters on public data sets reach their floors.  TAP.
#
# Reads ../shared/data (or MLOPS_DATA); skips what is not there.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
data=${MLOPS_DATA:-$root/../shared/data}
for file in handbook_benchmark_split ulb_creditcard_subset adult_census; do
	if [ ! -r "$data/$file.csv.gz" ]; then
		echo "1..0 # SKIP there is no $data/$file.csv.gz"
		exit 0
	fi
done

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
query()
{
	private_server psql -q -A -t -v ON_ERROR_STOP=1 "$@"
}

query -c 'CREATE EXTENSION mlops'
# The three tables, as data/load.sql declares them.
for table in handbook_benchmark_split ulb_creditcard_subset adult_census; do
	awk -v table="bench.$table" '/^create table/ { inside = index($0, table " (") } inside { print } /^\);/ { inside = 0 }' "$data/load.sql" |
		sed 's/bench\.//' >"$server/table.sql"
	query -f - <"$server/table.sql"
	query -c "\\copy $table FROM PROGRAM 'gzip -dc $data/$table.csv.gz' WITH (FORMAT csv, HEADER)"
done
query <<SQL
CREATE VIEW handbook AS SELECT transaction_id, tx_amount, tx_during_weekend, tx_during_night,
	customer_id_nb_tx_1day_window, customer_id_avg_amount_1day_window, customer_id_nb_tx_7day_window,
	customer_id_avg_amount_7day_window, customer_id_nb_tx_30day_window, customer_id_avg_amount_30day_window,
	terminal_id_nb_tx_1day_window, terminal_id_risk_1day_window, terminal_id_nb_tx_7day_window,
	terminal_id_risk_7day_window, terminal_id_nb_tx_30day_window, terminal_id_risk_30day_window, split, tx_fraud
FROM handbook_benchmark_split;
CREATE VIEW ulb AS SELECT *,
	CASE WHEN row_number() OVER (ORDER BY time, v1) <= 0.8 * count(*) OVER () THEN 'train' ELSE 'test' END AS split
FROM ulb_creditcard_subset;
SQL

n=0
# judge NAME TABLE TARGET ALGORITHM ARGUMENTS AP AUC
judge()
{
	n=$((n + 1))
	figures=$(query -F ' ' -c "SELECT round((metrics ->> 'pr_auc')::numeric, 4), round((metrics ->> 'roc_auc')::numeric, 4)
		FROM mlops.train('m', '$2', target => '$3', algorithm => '$4', split => '{\"fold\": \"split\"}' $5)")
	if echo "$figures" | awk -v ap="$6" -v auc="$7" '{ exit !($1 >= ap && $2 >= auc) }'; then
		echo "ok $n - $1, $4: average precision, ROC AUC $figures (floors $6, $7)"
	else
		echo "not ok $n - $1, $4: average precision, ROC AUC $figures (floors $6, $7)"
	fi
}
judge "Fraud Detection Handbook" handbook tx_fraud gradient_boosting ", key => 'transaction_id'" 0.635 0.875
judge "Fraud Detection Handbook" handbook tx_fraud logistic_regression ", key => 'transaction_id'" 0.605 0.870
judge "ULB credit cards" ulb class gradient_boosting "" 0.870 0.985
judge "ULB credit cards" ulb class logistic_regression "" 0.865 0
judge "Adult census" adult_census income_gt_50k gradient_boosting "" 0 0.925
echo "1..$n"
