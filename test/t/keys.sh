#!/bin/sh
# keys.sh - what deploy says of a key: nothing of a column that is known, a warning
# of one that is not, an error where scoring could only fail.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT t.*, 'C' || customer_id AS "Card Id" FROM mlops.simulate_transactions(customers => 100, terminals => 100, days => 30) AS t;
SELECT count(mlops.train('fraud', 'tx', target => 'tx_fraud', key => 'transaction_id', features => '{tx_amount,terminal_id}', params => '{"n_estimators": 2}')) \g /dev/null
SELECT count(mlops.train('query', query => 'SELECT tx_amount, tx_fraud, customer_id AS customer FROM tx', target => 'tx_fraud', features => '{tx_amount}', params => '{"n_estimators": 2}')) \g /dev/null
SELECT count(*) FROM mlops.import_model((SELECT mlops.export_model('fraud', 1)), 'imported') \g /dev/null
SQL
# said MODEL KEY: what deploy says
said()
{
	query -v VERBOSITY=verbose -c "SELECT mlops.deploy('$1', 1, key => '$2')" 2>&1 >/dev/null | sed -n 's/^.*\(WARNING\|ERROR\): *//p'
}
is "a column that the version reads" "$(said fraud terminal_id)" ""
is "the key of the training" "$(said fraud transaction_id)" ""
is "a column of the table, which it does not read" "$(said fraud 'Card Id')" ""
is "a column of the query" "$(said query customer)" ""
is "a column of the table behind the query" "$(said query terminal_id)" ""
is "a column that nobody knows" "$(said fraud custmer_id)" '01000: model "fraud" was never trained on data with a column "custmer_id"'
is "is deployed nevertheless" "$(query -c "SELECT key FROM mlops.deployments WHERE model = 'fraud'")" custmer_id
is "a number with a fraction" "$(said fraud tx_amount)" '42804: column "tx_amount" of type double precision cannot be the key of model "fraud"'
is "a time" "$(said fraud tx_datetime)" '42804: column "tx_datetime" of type timestamp without time zone cannot be the key of model "fraud"'
is "are refused" "$(query -c "SELECT key FROM mlops.deployments WHERE model = 'fraud'")" custmer_id
is "of an imported version's data nothing is known" "$(said imported whatever)" ""
is "but what it reads" "$(said imported tx_amount)" '42804: column "tx_amount" of type double precision cannot be the key of model "imported"'
is "a canary too" "$(query -c "SELECT mlops.deploy('fraud', 1, 'canary', percent => 5, key => 'cust')" 2>&1 | grep -c 'WARNING.*"cust"')" 1
is "and a document" "$(query -c "SELECT mlops.apply('{\"models\": {\"query\": {\"deploy\": {\"version\": 1, \"key\": \"crd\"}}}}')" 2>&1 | grep -c 'WARNING.*"crd"')" 1
echo "1..$n"
