#!/bin/sh
# features.sh - the Handbook's 12 features of customers and terminals over some 1.75
# million transactions: by a feature view, by window functions of SQL and by pandas, in one
# process each; then payments that come in, each with features, score and log entry in its
# own INSERT.  The means of two features must be equal.  Needs python3 with pandas, or venv
# and pip.  MLOPS_BENCH_ROUNDS is of the feature view; the others run once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server

query -o /dev/null <<SQL
SET client_min_messages = warning;
CREATE TABLE transactions AS SELECT transaction_id, tx_datetime, customer_id, terminal_id, tx_amount, tx_fraud
	FROM mlops.simulate_transactions(customers => 5000, terminals => 10000, days => 183);
ALTER TABLE transactions ADD PRIMARY KEY (transaction_id);
\i $here/../demo/features.sql
\i $here/features_windows.sql
VACUUM ANALYZE transactions;
SQL
work=$(mktemp -d)
means="to_char(avg(customer_id_avg_amount_30day_window), 'FM999990.000000') || ' ' || to_char(avg(terminal_id_risk_30day_window), 'FM0.000000000')"
for round in $(seq "$rounds"); do
	milliseconds "SELECT count(*) FROM transaction_features" >>"$work/view"
done
milliseconds "SET work_mem = '1GB'; SELECT count(all_rows) FROM (SELECT * FROM by_windows OFFSET 0) AS all_rows" >"$work/windows"
query -c "COPY transactions TO STDOUT (FORMAT csv, HEADER)" >"$work/transactions.csv"
python=$(python_with -pandas "import pandas" pandas)
"$python" "$here/features_pandas.py" "$work/transactions.csv" >"$work/pandas"
rows=$(query -c "SELECT count(*) FROM transactions")
of_view=$(query -c "SELECT $means FROM transaction_features")
of_pandas=$(sed -n 2p "$work/pandas")
[ "$of_view" = "$of_pandas" ] || { echo "the features differ: $of_view and $of_pandas" >&2; exit 1; }
view=$(median <"$work/view") windows=$(cat "$work/windows") pandas=$(sed -n 1p "$work/pandas")

table_header "12 features from history of $rows transactions, one process"
result "a feature view" "$view" ms '<=' 6000
result "window functions of SQL" "$windows" ms
result "pandas $("$python" -c 'import pandas; print(pandas.__version__)')" "$pandas" ms
result "window functions / the feature view" "$(compute "$windows / $view" 1)" times '>=' 10
result "pandas / the feature view" "$(compute "$pandas / $view" 1)" times '>=' 1

# ---- payments, by one client over a Unix socket
query -o /dev/null <<SQL
SET client_min_messages = warning;
SELECT * FROM mlops.train('fraud', 'transaction_features', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime',
	exclude => '{customer_id,terminal_id}', params => '{"n_estimators": 100, "max_depth": 6, "early_stopping_rounds": 0}', split => '{"validation": 0.1, "test": 0.1}');
SELECT * FROM mlops.deploy('fraud', 1);
ALTER TABLE transactions ADD score float8, ADD flagged boolean;
CREATE TRIGGER decide BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flagged', 'transaction_id');
CREATE SEQUENCE payments START 10000000;
SELECT pg_prewarm('transactions'), pg_prewarm(indexrelid::regclass) FROM pg_index WHERE indrelid = 'transactions'::regclass;
SQL
cat >"$work/payment.sql" <<SQL
\set customer random(0, 4999)
\set terminal random(0, 9999)
\set cents random(100, 20000)
INSERT INTO transactions (transaction_id, tx_datetime, customer_id, terminal_id, tx_amount)
	SELECT n, timestamp '2025-07-03' + (n - 10000000) * interval '1 second', :customer, :terminal, :cents / 100.0 FROM nextval('payments') AS n;
SQL
# shellcheck disable=SC2046	# a list of options on purpose
(cd "$work" && "$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)/pgbench" $(private_server address) -n -M prepared -T 10 -l --log-prefix=payment -f payment.sql postgres >pgbench 2>&1) ||
	{ cat "$work/pgbench" >&2; exit 1; }
[ "$(query -c "SELECT count(*) FROM transactions WHERE transaction_id >= 10000000 AND score IS NULL")" = 0 ] || { echo "payments without a score" >&2; exit 1; }
sort -g -k 3 "$work"/payment.* 2>/dev/null | awk '$3 ~ /^[0-9]+$/ && NF >= 6 { t[++n] = $3 } END { printf "%.3f %.3f\n", t[int((n + 1) / 2)] / 1000, t[int(n * 0.99)] / 1000 }' >"$work/quantiles"
read -r p50 p99 <"$work/quantiles"
rate=$(awk '/^tps/ { printf "%.0f", $3 }' "$work/pgbench")
rm -rf "$work"

table_header "A payment: INSERT with a trigger that computes the features, scores and logs, one client"
result "half of them within" "$p50" ms '<=' 0.5
result "99 % within" "$p99" ms '<=' 2
result "payments a second" "$rate" 1/s '>=' 1500
exit $missed
