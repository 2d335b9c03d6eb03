#!/bin/sh
# handbook_features.sh - the feature view of demo/features.sql gives the published
# features of the Fraud Detection Handbook, and looks into no future.  TAP.
#
# Reads ../shared/data (or MLOPS_DATA): all 1,754,155 raw transactions, and the
# 125,504 rows of the benchmark weeks with their published features.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
data=${MLOPS_DATA:-$root/../shared/data}
for file in handbook_raw handbook_benchmark_split; do
	if [ ! -r "$data/$file.csv.gz" ]; then
		echo "1..0 # SKIP there is no $data/$file.csv.gz"
		exit 0
	fi
done

. "$root/test/lib/server.sh"
private_server start "fsync = off" "work_mem = '64MB'" "max_wal_size = '4GB'" "jit = off"

# Two transactions of customer 3414 in one second, 1240489 and 1240490: the
# book's sort, which is not stable, took the second first.  They are exchanged
# here, so that every published row can be compared.
query <<SQL
CREATE EXTENSION mlops;
CREATE TABLE transactions (transaction_id bigint, tx_datetime timestamp, customer_id int,
	terminal_id int, tx_amount float8, tx_time_seconds int, tx_time_days int,
	tx_fraud int, tx_fraud_scenario int);
\copy transactions FROM PROGRAM 'gzip -dc $data/handbook_raw.csv.gz' WITH (FORMAT csv, HEADER)
UPDATE transactions SET transaction_id = 2 * 1240489 + 1 - transaction_id
WHERE transaction_id IN (1240489, 1240490);
ANALYZE transactions;
\i $root/demo/features.sql

CREATE TABLE published (LIKE transactions,
	tx_during_weekend int, tx_during_night int,
	customer_id_nb_tx_1day_window int, customer_id_avg_amount_1day_window float8,
	customer_id_nb_tx_7day_window int, customer_id_avg_amount_7day_window float8,
	customer_id_nb_tx_30day_window int, customer_id_avg_amount_30day_window float8,
	terminal_id_nb_tx_1day_window int, terminal_id_risk_1day_window float8,
	terminal_id_nb_tx_7day_window int, terminal_id_risk_7day_window float8,
	terminal_id_nb_tx_30day_window int, terminal_id_risk_30day_window float8,
	split text);
\copy published FROM PROGRAM 'gzip -dc $data/handbook_benchmark_split.csv.gz' WITH (FORMAT csv, HEADER)
UPDATE published SET transaction_id = 2 * 1240489 + 1 - transaction_id
WHERE transaction_id IN (1240489, 1240490);

-- computed over all transactions; only the published weeks are kept
CREATE TABLE computed AS SELECT * FROM transaction_features
WHERE transaction_id IN (SELECT transaction_id FROM published);

-- what happened at some terminals, cut off at the end of a day of July, with the
-- labels that were not known by then turned around
CREATE TABLE some_full AS SELECT * FROM transaction_features WHERE false;
DELETE FROM transactions WHERE terminal_id % 20 <> 0;
INSERT INTO some_full SELECT * FROM transaction_features;
DELETE FROM transactions WHERE tx_datetime >= '2018-07-15';
UPDATE transactions SET tx_fraud = 1 - tx_fraud WHERE tx_datetime > '2018-07-08';
CREATE TABLE some_cut AS SELECT * FROM transaction_features WHERE tx_datetime < '2018-07-15';
SQL

check()						# NAME EXPECTED QUERY
{
	is "$1" "$(query -c "$3")" "$2"
}

check 'all rows of the benchmark weeks are there' 125504 \
	'SELECT count(*) FROM computed JOIN published USING (transaction_id, customer_id, terminal_id)'
for column in tx_during_weekend tx_during_night \
	customer_id_nb_tx_1day_window customer_id_avg_amount_1day_window \
	customer_id_nb_tx_7day_window customer_id_avg_amount_7day_window \
	customer_id_nb_tx_30day_window customer_id_avg_amount_30day_window \
	terminal_id_nb_tx_1day_window terminal_id_risk_1day_window \
	terminal_id_nb_tx_7day_window terminal_id_risk_7day_window \
	terminal_id_nb_tx_30day_window terminal_id_risk_30day_window; do
	check "$column is as published, to 1e-6" 0 \
		"SELECT count(*) FROM computed AS c JOIN published AS p USING (transaction_id)
		 WHERE (abs(c.$column - p.$column) <= 1e-6) IS NOT TRUE"
done

check 'no feature looks into the future, nor at labels younger than a week' 't|0' \
	"SELECT (SELECT count(*) FROM some_cut) > 40000, count(*) FROM (
	 SELECT * FROM some_cut WHERE tx_datetime < '2018-07-08'
	 EXCEPT SELECT * FROM some_full) AS d"
check 'nor on the days whose own labels were turned around' 0 \
	"SELECT count(*) FROM some_cut AS c JOIN some_full AS f USING (transaction_id)
	 WHERE to_jsonb(c) - 'tx_fraud' <> to_jsonb(f) - 'tx_fraud'"

echo "1..$n"
