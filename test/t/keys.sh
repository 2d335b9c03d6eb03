#!/bin/sh
# keys.sh - what deploy says of a key: nothing of a column that is known, a warning
# of one that is not, an error where scoring could only fail or the name is a slip.  TAP.
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
is "a column that nobody knows" "$(said fraud holder_id)" '01000: model "fraud" was never trained on data with a column "holder_id"'
is "is deployed nevertheless" "$(query -c "SELECT key FROM mlops.deployments WHERE model = 'fraud'")" holder_id
is "a number with a fraction" "$(said fraud tx_amount)" '42804: column "tx_amount" of type double precision cannot be the key of model "fraud"'
is "a time" "$(said fraud tx_datetime)" '42804: column "tx_datetime" of type timestamp without time zone cannot be the key of model "fraud"'
is "are refused" "$(query -c "SELECT key FROM mlops.deployments WHERE model = 'fraud'")" holder_id
is "of an imported version's data nothing is known" "$(said imported whatever)" ""
is "but what it reads" "$(said imported tx_amount)" '42804: column "tx_amount" of type double precision cannot be the key of model "imported"'
is "a canary too" "$(query -c "SELECT mlops.deploy('fraud', 1, 'canary', percent => 5, key => 'cust')" 2>&1 | grep -c 'WARNING.*"cust"')" 1
is "and a document" "$(query -c "SELECT mlops.apply('{\"models\": {\"query\": {\"deploy\": {\"version\": 1, \"key\": \"crd\"}}}}')" 2>&1 | grep -c 'WARNING.*"crd"')" 1

# ---- slips
hint()
{
	query -v VERBOSITY=default -c "SELECT mlops.$1" 2>&1 >/dev/null | sed -n 's/^HINT: *//p'
}
is "a letter is missing" "$(said fraud custmer_id)" '42703: column "custmer_id" in "key" is not known: model "fraud" was never trained on data with it'
is "the nearest column is suggested" "$(hint "deploy('fraud', 1, key => 'custmer_id')")" 'Perhaps you meant "customer_id". If rows to score do have "custmer_id", train a version on data with it first.'
is "another case" "$(hint "deploy('fraud', 1, 'canary', percent => 5, key => 'CARD ID')" | cut -d. -f1)" 'Perhaps you meant "Card Id"'
is "two letters are" "$(said fraud cstmer_id)" '42703: column "cstmer_id" in "key" is not known: model "fraud" was never trained on data with it'
is "with a suggestion" "$(hint "deploy('fraud', 1, key => 'cstmer_id')" | cut -d. -f1)" 'Perhaps you meant "customer_id"'
is "two that are swapped" "$(said fraud csutomer_id | cut -d: -f1)" 42703
is "in a segment's rule" "$(hint "deploy('fraud', 1, 'segment', rule => '{\"TERMINAL_ID\": 1}')" | cut -d. -f1)" 'Perhaps you meant "terminal_id"'
is "of a query" "$(said query costumer)" '01000: model "query" was never trained on data with a column "costumer"'
query <<'SQL'
CREATE TABLE short (LIKE tx);
INSERT INTO short SELECT * FROM tx;
ALTER TABLE short RENAME customer_id TO cid;
SELECT count(mlops.train('short', 'short', target => 'tx_fraud', features => '{tx_amount}', params => '{"n_estimators": 2}')) \g /dev/null
SELECT mlops.deploy('short', 1) \g /dev/null
CREATE TABLE live (LIKE short, score float8, flagged boolean);
CREATE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('short', 'score', 'flagged');
SQL
is "short names may differ by a letter" "$(said short sid)" '01000: model "short" was never trained on data with a column "sid"'
is "but not in case alone" "$(said short CID | cut -d: -f1)" 42703

# ---- tables whose triggers ask the model
canary()
{
	query -v VERBOSITY=verbose -c "BEGIN; SELECT mlops.deploy('short', 1, 'canary', percent => 5, key => '$1', threshold => 0.9); ROLLBACK" 2>&1 >/dev/null | sed -n 's/^.*\(WARNING\|ERROR\): *//p'
}
lacks='42703: column "account" in "key" does not exist in table public.live, whose trigger "d" asks model "short"'
is "a column that such a table lacks" "$(canary account)" "$lacks"
is "is none of its own" "$(hint "deploy('short', 1, 'canary', percent => 5, key => 'cids')")" \
	"Perhaps you meant \"cid\". Without it none of the table's rows could be scored. Name a column that all such tables have, or disable the trigger."
is "one that it has" "$(canary cid)" ""
query -c "ALTER TABLE live DROP terminal_id" 2>/dev/null
is "also one that training knew" "$(canary terminal_id | cut -d: -f1)" 42703
is "where nothing is shared it is logged with NULL" "$(said short account)" '01000: model "short" was never trained on data with a column "account"'
query -c "ALTER TABLE live ADD cib bigint"
is "a slip that such a table has is none" "$(canary cib)" '01000: model "short" was never trained on data with a column "cib"'
query -c "ALTER TABLE live DISABLE TRIGGER d"
is "a trigger that is disabled" "$(canary account | cut -d: -f1)" 01000
query -c "ALTER TABLE live ENABLE TRIGGER d; DROP TRIGGER d ON live; CREATE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('short', 'score', 'flagged', 'transaction_id')"
is "one with a key of its own" "$(canary account | cut -d: -f1)" 01000
query -c "DROP TRIGGER d ON live; CREATE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('short', 'score', 'on_error=null', 'flag=flagged')"
is "one without" "$(canary account)" "$lacks"
query -c "DROP TRIGGER d ON live; CREATE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('short/1', 'score')"
is "one that is not routed" "$(canary account | cut -d: -f1)" 01000
echo "1..$n"
