#!/bin/sh
# notices.sh - what is no error, but ought to be known: notices, warnings and hints.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT t.*, CASE WHEN tx_fraud THEN tx_datetime + interval '9 days' END AS cbk
FROM mlops.simulate_transactions(customers => 100, terminals => 100, days => 30) AS t;
SELECT count(mlops.train('fraud', 'tx', target => 'tx_fraud', key => 'transaction_id', features => '{tx_amount,terminal_id}', params => '{"n_estimators": 2}')) \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SQL
# said SQL: its notices, warnings and errors
said()
{
	query -v VERBOSITY=default -c "$1" 2>&1 >/dev/null | sed 's/^psql.*\(NOTICE\|WARNING\|ERROR\): */\1: /; s/^\(NOTICE\|WARNING\|ERROR\|DETAIL\|HINT\): */\1: /; /^LINE/d; /^CONTEXT/d; /^ *\^/d'
}
labels="SELECT mlops.add_labels('fraud', 'tx', key => 'transaction_id', label => 'tx_fraud')"

# ---- labels
is "keys of a model without decisions" "$(said "$labels" | cut -d, -f1)" 'NOTICE: none of the keys is that of a decision of model "fraud" so far
DETAIL: '"$(query -c "SELECT (count(*) + step - 1) / step FROM (SELECT transaction_id, (2 ^ greatest(0, ceil(log(2, count(*) OVER () / 1000.0))))::bigint AS step FROM tx) AS t GROUP BY step") of $(query -c "SELECT count(*) FROM tx")"' keys were looked for
HINT: No decision of the model was logged with a key: give one to mlops.decide'
query -c "SELECT mlops.decide('fraud', t, 'T' || transaction_id) FROM tx AS t WHERE transaction_id = 7" >/dev/null
is "keys in another form" "$(said "$labels" | grep HINT)" 'HINT: A decision was logged with key "T7": a key is compared as text.'
query -c "SELECT mlops.decide('fraud', t, transaction_id::text) FROM tx AS t" >/dev/null
named='NOTICE: decisions are logged with key "transaction_id", which is the name of a column
HINT: "key" takes the value: write t.transaction_id for a row of t, without quotes.'
is "a column's name as the key, once for all rows" "$(said "BEGIN; SELECT mlops.decide('fraud', t, 'transaction_id') FROM tx AS t WHERE transaction_id < 9; ROLLBACK")" "$named"
is "by name" "$(said "BEGIN; SELECT mlops.decide('fraud', t, key => 'transaction_id') FROM tx AS t WHERE transaction_id = 9; ROLLBACK")" "$named"
is "what is no column" "$(said "BEGIN; SELECT mlops.decide('fraud', t, 'transaction') FROM tx AS t WHERE transaction_id = 9; ROLLBACK")" ""
is "nor a value that happens to be" "$(said "BEGIN; SELECT mlops.decide('fraud', t, CASE transaction_id WHEN 9 THEN 'transaction_id' END) FROM tx AS t WHERE transaction_id = 9; ROLLBACK")" ""
is "keys that are known" "$(said "$labels")" ""
is "one of a few" "$(said "SELECT mlops.add_labels('fraud', query => 'SELECT k, true AS l FROM (VALUES (''x''), (''T7'')) AS v (k)', key => 'k', label => 'l')")" ""
is "a time for frauds only" "$(said "SELECT mlops.add_labels('fraud', 'tx', key => 'transaction_id', label => 'tx_fraud', labelled_at => 'cbk')" | head -n 1)" \
	"WARNING: $(query -c "SELECT count(*) FROM tx WHERE NOT tx_fraud") rows have a label, but NULL in \"cbk\": their labels are known now"
is "negatives count" "$(query -c "SELECT count(*) - (SELECT count(*) FROM tx) FROM mlops.labels WHERE key !~ '[xT]'")" 0

# positive LABEL POSITIVE: what is said of labels of two decisions, kept back
positive()
{
	said "BEGIN; SELECT mlops.add_labels('fraud', query => 'SELECT transaction_id AS k, $1 AS l FROM tx WHERE transaction_id < 9 ORDER BY 1', key => 'k', label => 'l', positive => '$2'); ROLLBACK"
}
is "a misspelt positive" "$(positive "transaction_id % 2 || ''fraud''" 1fruad)" 'WARNING: no row has "1fruad" in label "l": every label was recorded as negative
DETAIL: Its values are: "0fraud", "1fraud".
HINT: If one of them is the positive one, roll back, or add the labels again with that as "positive".'
is "one that rows have" "$(positive "transaction_id % 2 || ''fraud''" 1fraud)" ""
is "another length of time" "$(positive "interval ''1 day'' * transaction_id" '00:00:01' | grep -c '^WARNING')" 1
is "no more than a few values" "$(said "BEGIN; SELECT mlops.add_labels('fraud', query => 'SELECT transaction_id AS k, transaction_id::text AS l FROM tx ORDER BY 1', key => 'k', label => 'l', positive => 'x'); ROLLBACK" | grep DETAIL)" \
	"DETAIL: Its values are: $(query -c "SELECT string_agg(format('\"%s\"', transaction_id), ', ') FROM (SELECT transaction_id FROM tx ORDER BY 1 LIMIT 10) AS t"), ..."
is "booleans without a fraud" "$(positive false true)" ""
is "and 0" "$(positive 0 1)" ""
is "but not other numbers" "$(positive "transaction_id % 2 + 2" 1 | grep -c '^WARNING')" 1

# ---- values that a label never had
labels()
{
	said "SELECT mlops.add_labels('$1', query => 'SELECT transaction_id AS k, $2 AS l FROM tx WHERE transaction_id < 9', key => 'k', label => 'l', positive => '$3')" |
		grep -v 'none of the keys\|keys were looked for\|No decision of the model'
}
spelling="CASE WHEN transaction_id % 4 = 0 THEN ''FRAUD'' WHEN transaction_id % 2 = 0 THEN ''fraud'' ELSE ''ok'' END"
is "nothing to compare with" "$(labels fraud "CASE WHEN transaction_id % 2 = 0 THEN ''fraud'' ELSE ''ok'' END" fraud)" ""
is "another spelling than earlier labels had" "$(labels fraud "$spelling" fraud)" \
	"WARNING: $(query -c "SELECT count(*) FROM tx WHERE transaction_id < 9 AND transaction_id % 4 = 0") rows have values in label \"l\" that neither training nor earlier labels had
DETAIL: The new values are: \"FRAUD\".
HINT: What is not \"fraud\" was recorded as negative. If one of them is the positive one, roll back, or add the labels again with it written as that."
is "which is an earlier one from then on" "$(labels fraud "$spelling" fraud)" ""
query -c "SELECT mlops.train('spelt', query => 'SELECT *, CASE WHEN tx_fraud THEN ''fraud'' ELSE ''ok'' END AS l FROM tx', target => 'l', positive => 'fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}')" >/dev/null 2>&1
is "what training had" "$(labels spelt "CASE WHEN transaction_id % 2 = 0 THEN ''fraud'' ELSE ''ok'' END" fraud)" ""
is "and what it had not" "$(labels spelt "CASE transaction_id WHEN 4 THEN ''pending'' WHEN 5 THEN ''lost'' WHEN 6 THEN ''fraud'' END" fraud | head -n 2)" \
	'WARNING: 2 rows have values in label "l" that neither training nor earlier labels had
DETAIL: The new values are: "pending", "lost".'
is "booleans are no news" "$(labels spelt "transaction_id % 2 = 0" true)" ""
is "nor are 0 and 1" "$(labels spelt "transaction_id % 2" 1)" ""
is "of more than a hundred values none is new" "$(said "SELECT mlops.add_labels('spelt', query => 'SELECT transaction_id AS k, transaction_id::text AS l FROM tx ORDER BY 1 LIMIT 200', key => 'k', label => 'l', positive => '7')" | grep -c 'neither training')" 0
query -c "SELECT mlops.drop_model('spelt')" >/dev/null
is "they go with the model" "$(query -c "SELECT string_agg(l.value, ' ' ORDER BY value COLLATE \"C\") FROM mlops_catalog.label_value AS l")" "FRAUD fraud ok"

# ---- roles of columns
train="SELECT mlops.train('roles', query => 'SELECT t.*, transaction_id / 2 AS half, CASE WHEN transaction_id > 9 THEN tx_datetime END AS late, extract(epoch FROM tx_datetime)::float8 AS since FROM tx AS t', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}'"
is "columns that do as a key and a time" "$(said "$train, key => 'transaction_id', time_column => 'tx_datetime')")" ""
is "a key that is not unique" "$(said "$train, key => 'half')" | head -n 1)" "NOTICE: key \"half\" is not unique: $(query -c "SELECT count(*) - count(DISTINCT transaction_id / 2) || ' of ' || count(*) FROM tx") rows have the key of another row"
is "rows without a time" "$(said "$train, time_column => 'late')" | head -n 1)" "NOTICE: time column \"late\" is NULL in $(query -c "SELECT count(*) FROM tx WHERE transaction_id <= 9") rows with a label"
is "count as the oldest" "$(said "$train, time_column => 'late')" | sed -n 2p)" "DETAIL: They count as older than all others, and are learned from."
left="DETAIL: They are left out: \"split\" tells rows apart by their times."
is "but not beside dates" "$(said "$train, time_column => 'late', split => '{\"validation_from\": \"2025-01-20\", \"test_from\": \"2025-01-25\"}')" | sed -n 2p)" "$left"
is "nor beside lengths of time" "$(said "$train, time_column => 'late', split => '{\"validation_last\": \"5 days\", \"test_last\": \"5 days\"}')" | sed -n 2p)" "$left"
is "nor with a window" "$(said "$train, time_column => 'late', split => '{\"window\": \"20 days\"}')" | sed -n 2p)" 'DETAIL: They are left out: they are not in the "window" of "split".'
is "as the data sets say" "$(query -c "SELECT string_agg((rows - train_rows - validation_rows - test_rows)::text, ' ') FROM (SELECT * FROM mlops.datasets ORDER BY dataset_id DESC OFFSET 1 LIMIT 2) AS d")" "10 10"
is "a fold column does not look at times" "$(said "SELECT mlops.train('roles', query => 'SELECT *, NULL::timestamp AS late, (ARRAY[''train'', ''validation'', ''test''])[1 + transaction_id % 3] AS part FROM tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}', time_column => 'late', split => '{\"fold\": \"part\"}')")" ""
is "a time that is a fraction" "$(said "$train, time_column => 'since')" | head -n 1)" 'NOTICE: time column "since" has no times, but numbers with fractions'
is "a time of day" "$(said "SELECT mlops.train('roles', query => 'SELECT *, tx_datetime::time AS clock FROM tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}', time_column => 'clock')" | head -n 1)" 'NOTICE: time column "clock" has times of day, which begin anew each day'
is "a time that is rounded" "$(said "SELECT mlops.train('roles', query => 'SELECT *, (extract(epoch FROM tx_datetime) * 1000000000)::bigint AS ns FROM tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}', time_column => 'ns')" | head -n 1)" 'NOTICE: time column "ns" has numbers beyond 2^53, which are rounded'
of_folds="query => 'SELECT t.*, transaction_id / 2 AS half, CASE WHEN transaction_id > 9 THEN tx_datetime END AS late, extract(epoch FROM tx_datetime)::float8 AS since, date_trunc(''month'', tx_datetime) AS month, transaction_id % 2 AS two FROM tx AS t', target => 'tx_fraud', features => '{tx_amount}', folds => 2, params => '{\"n_estimators\": 2}'"
whole="split => '{\"validation\": 0}'"
missing="NOTICE: time column \"late\" is NULL in $(query -c "SELECT count(*) FROM tx WHERE transaction_id <= 9") rows with a label"
is "rows without a time, in folds of time" "$(said "SELECT mlops.cross_validate('roles', $of_folds, time_column => 'late', $whole)" | grep -A 1 '"late"')" "$missing
DETAIL: They are in no fold."
is "they are not counted as learned from" "$(query -c "SELECT rows - train_rows FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1")" 10
is "other folds do not look at times" "$(said "SELECT mlops.cross_validate('roles', $of_folds, time_column => 'late', kind => 'stratified')" | grep '"late"')" ""
is "a key of folds" "$(said "SELECT mlops.cross_validate('roles', $of_folds, key => 'half')" | sed -n 2p)" "DETAIL: Folds are the same for the same rows only if their keys tell them apart."
is "folds of a fraction" "$(said "SELECT mlops.cross_validate('roles', $of_folds, time_column => 'since', $whole)" | grep -A 1 '"since"')" 'NOTICE: time column "since" has no times, but numbers with fractions
DETAIL: The rows are ordered by it, and cut into folds.'
is "in the folds of trials" "$(said "SELECT mlops.tune('roles', $of_folds, time_column => 'late', trials => 1)" | grep -A 1 '"late"')" "$missing
DETAIL: They are in no fold, so no trial sees them. In the training of the version they count as older than all others, and are learned from."
is "trials without folds" "$(said "SELECT mlops.tune('roles', $(echo "$of_folds" | sed 's/folds => 2, //'), time_column => 'late', trials => 1)" | grep -A 1 '"late"')" "$missing
DETAIL: They count as older than all others, and are learned from."
hint='HINT: Give "split" no validation rows, {"validation": 0}, make fewer folds, or choose another kind of folds.'
is "what was held back of two groups" "$(said "SELECT mlops.cross_validate('roles', $of_folds, group_by => 'two')" | tail -n 1)" "$hint"
for side in 1 2; do
	is "a fold whose one time nothing could be held back of, by $side" "$(said "SELECT mlops.cross_validate('roles', query => 'SELECT *, (transaction_id > 0.3 * (SELECT max(transaction_id) FROM tx))::int + (transaction_id > 0.6 * (SELECT max(transaction_id) FROM tx))::int AS third FROM tx', target => 'tx_fraud', features => '{tx_amount}', folds => 2, params => '{\"n_estimators\": 2}', time_column => 'third', parallel => $side)" | grep 'threshold was chosen')" "NOTICE: the threshold was chosen on the training rows"
done
is "windows that a monitor has not looked at" "$(said "BEGIN; SET TimeZone = 'Asia/Tokyo'; SELECT mlops.monitor('fraud', '1 hour'); SELECT mlops.import_decisions('fraud',
	query => 'SELECT 1 AS k, timestamptz ''$(date -u -d '-5 days' +%F) 10:00+00'' AS t, 0.5 AS s', key => 'k', time_column => 't', score => 's'); ROLLBACK" | grep -A1 'as early')" \
	"NOTICE: the monitor of model \"fraud\" has not looked at windows as early as these decisions
HINT: SELECT * FROM mlops.run_monitor('fraud', since => '$(date -u -d '-5 days' +%F)T10:00:00+00:00');"
# early EVERY TIME...: what is said of windows of decisions made at these times; the hint is tried
early()
{
	every=$1
	shift
	told=$(said "BEGIN; SET mlops.retention = 0; SELECT mlops.monitor('fraud', '$every', '1 hour', '{tx_amount}', query => 'SELECT * FROM tx', time_column => 'tx_datetime');
		SELECT mlops.import_decisions('fraud', query => 'SELECT row_number() OVER () AS k, t, 0.5 AS s FROM unnest(''{$(echo "$*" | tr ' ' ,)}''::timestamptz[]) AS t', key => 'k', time_column => 't', score => 's'); ROLLBACK" |
		sed -n '/as early/,/HINT/p')
	echo "$told" | sed "s/T[0-9][0-9]:[0-9:]*+/T?+/g"
	hint=$(echo "$told" | sed -n 's/^HINT: \(Longer [a-z ]*: \)*\(SELECT .*\)/\2/p')
	[ -z "$hint" ] || said "BEGIN; SET mlops.retention = 0; SELECT mlops.monitor('fraud', '$every'); $hint ROLLBACK" | grep '^ERROR' || :
}
now=$(date -u +%FT%T+00)
days_ago() { date -u -d "-$1 days" +%F; }
old=$(days_ago 100)T10:00:00+00
is "windows that are too many for one call" "$(early '1 minute' "$old" "$now")" "NOTICE: the monitor of model \"fraud\" has not looked at windows as early as these decisions
DETAIL: The earliest was made at $(days_ago 100)T?+00:00, and at most 5000 windows of 00:01:00 are looked at in one call.
HINT: SELECT * FROM mlops.run_monitor('fraud', since => '$(date -u -d '-5000 minutes +1 day' +%F)T?+00:00');"
is "all of them too many" "$(early '1 minute' "$old")" "NOTICE: the monitor of model \"fraud\" has not looked at windows as early as these decisions
DETAIL: The earliest was made at $(days_ago 100)T?+00:00, and at most 5000 windows of 00:01:00 are looked at in one call.
HINT: Longer windows reach back to them: SELECT * FROM mlops.monitor('fraud', every => '01:00:00', label_delay => '01:00:00', segments => '{tx_amount}', query => 'SELECT * FROM tx', time_column => 'tx_datetime');"
is "windows that are not kept" "$(early '1 day' 2001-01-01 "$now")" "NOTICE: the monitor of model \"fraud\" has not looked at windows as early as these decisions
DETAIL: The earliest was made at 2001-01-01T?+00:00, and metrics of windows are kept for 730 days (mlops.monitor_retention).
HINT: SELECT * FROM mlops.run_monitor('fraud', since => '$(days_ago 729)T?+00:00');"
is "all of them not kept" "$(early '1 day' 2001-01-01 | tail -n 1)" "HINT: No window of them can be looked at."
is "but not of those that it looks at by itself" "$(said "BEGIN; SELECT mlops.monitor('fraud', '1 day'); SELECT mlops.import_decisions('fraud',
	query => 'SELECT 1 AS k, timestamptz ''$(date -u -d '-1 day' +%F) 00:00+00'' AS t, 0.5 AS s', key => 'k', time_column => 't', score => 's'); ROLLBACK" | grep -c 'as early')" 0
is "the columns that a monitor could go by" "$(said "SELECT mlops.monitor('fraud', '1 hour', source => 'tx', time_column => 'tz')" | sed -n 2p)" "HINT: Columns of a date or time are: cbk, tx_datetime."

# ---- folds
folds="SELECT FROM mlops.cross_validate('folds', query => 'SELECT transaction_id, tx_datetime, tx_amount, tx_amount > 100 AS large, 1 AS one, greatest(row_number() OVER (ORDER BY transaction_id) - 500, 0) / 10 AS late FROM tx ORDER BY transaction_id LIMIT 1000', target => 'large', key => 'transaction_id', folds => 2, kind => 'stratified', params => '{\"n_estimators\": 2}'"
for parallel in 1 2; do
	is "what is so in all folds, $parallel at a time" "$(said "$folds, exclude => '{tx_datetime}', parallel => $parallel)" | grep constant)" 'NOTICE: column "one" is constant and is left out'
done
is "what is so in one fold" "$(said "$(echo "$folds" | sed "s/stratified/time/"), time_column => 'tx_datetime')" | grep 'constant')" 'NOTICE: column "one" is constant and is left out
NOTICE: in fold 1: column "late" is constant and is left out'

# ---- a gate that a policy cannot pass by itself
gate='{"approvals": {"count": 1}}'
policy="SELECT FROM mlops.set_retraining_policy('fraud', '0 3 * * *', action => 'deploy'"
query -c "SELECT mlops.set_gate('fraud', '$gate')" >/dev/null
waits='NOTICE: versions of model "fraud" that are retrained will wait for approval'
is "a policy under a gate with approvals" "$(said "$policy)" | grep '^N')" "$waits"
is "whose own gate asks for none" "$(said "$policy, gate => '{\"approvals\": 0}')" | grep '^N')" ""
is "or that deploys nothing" "$(said "SELECT FROM mlops.set_retraining_policy('fraud', '0 3 * * *')" | grep '^N')" \
	'NOTICE: the retraining policy of model "fraud" has lost "gate", "action"'
query -c "SELECT mlops.set_gate('fraud', '{}')" -c "$policy)" >/dev/null 2>&1
is "such a gate beside a policy" "$(said "SELECT mlops.set_gate('fraud', '$gate')" | grep '^N')" "$waits"
query -c "SELECT mlops.set_gate('fraud', '{}')" -c "SELECT mlops.drop_retraining_policy('fraud')" >/dev/null

# ---- an approval that does not count
query -c "CREATE ROLE other; CREATE ROLE risk; GRANT other TO CURRENT_USER; SELECT mlops.grant('fraud', 'other', 'deploy')" >/dev/null
no_count='NOTICE: this approval of version 1 of model "fraud" does not count for its gate'
approve="SELECT mlops.approve('fraud', 1)"
query -c "SELECT mlops.set_gate('fraud', '{\"approvals\": {\"count\": 1, \"four_eyes\": true}}')" >/dev/null 2>&1
is "of who trained, where four eyes are wanted" "$(said "$approve")" "$no_count
DETAIL: By \"approvals\" of the gate who trained a version does not count for it (four_eyes)."
query -c "SELECT mlops.set_gate('fraud', '{\"approvals\": {\"roles\": [\"risk\"]}}')" >/dev/null 2>&1
is "of a role that is none of those wanted" "$(said "SET ROLE other; $approve")" "$no_count
DETAIL: By \"approvals\" of the gate only members of these roles count: risk."
query -c "SELECT mlops.set_gate('fraud', '{\"approvals\": 1}')" >/dev/null 2>&1
is "one that does" "$(said "$approve")" ""
query -c "SELECT mlops.set_gate('fraud', '{}')" >/dev/null

# ---- an identifier that repeats
is "numbers of customers" "$(said "SELECT mlops.train('again', query => 'SELECT tx_amount, customer_id, tx_fraud FROM tx', target => 'tx_fraud', params => '{\"n_estimators\": 2}')")" \
	"NOTICE: column \"customer_id\" looks like an identifier that repeats, and is learned from as a number
DETAIL: It has $(query -c "SELECT format('%s distinct values in %s rows', count(DISTINCT customer_id), count(*)) FROM tx"). Leave it out with \"exclude\", or cast it to text in a query to learn from it as a category."

# ---- columns that a trigger fills with the model's answer
query <<'SQL'
CREATE TABLE live (LIKE tx, score float8, flagged boolean);
CREATE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
INSERT INTO live SELECT * FROM tx;
SQL
train="SELECT mlops.train('again', 'live', target => 'tx_fraud', params => '{\"n_estimators\": 2}'"
is "are left out" "$(said "$train, exclude => '{tx_fraud_scenario,cbk,transaction_id,customer_id,terminal_id}')" | grep '^[NW]')" 'NOTICE: column "score" is filled by trigger "d" and is left out
NOTICE: column "flagged" is filled by trigger "d" and is left out'
is "are kept if they are named" "$(said "$train, features => '{tx_amount,score}')" | grep '^[NW].*trigger')" 'WARNING: feature "score" is filled by trigger "d"'
query -c "SELECT mlops.train('fraud', 'live', target => 'tx_fraud', features => '{tx_amount,terminal_id,score}', params => '{\"n_estimators\": 2}'); SELECT mlops.deploy('fraud', 2)" >/dev/null 2>&1
is "are told of by the trigger, once a session" "$(query 2>&1 <<'SQL' | sed -n 's/^.*\(WARNING\): */\1: /p'
INSERT INTO live SELECT * FROM tx LIMIT 2;
INSERT INTO live SELECT * FROM tx LIMIT 2;
SQL
)" 'WARNING: trigger "d": version 2 of the model reads column "score", which this trigger fills: it is not filled yet when the row is scored'
is "and by its creation" "$(said "CREATE OR REPLACE TRIGGER d BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged')" | grep -c '^WARNING: trigger "d": version 2 of the model reads column "score"')" 1

# ---- thresholds of rows that were learned from
query -c "CREATE TABLE parts AS SELECT *, CASE WHEN transaction_id % 4 = 0 THEN 'test' ELSE 'train' END AS part FROM tx" >/dev/null
parts="SELECT mlops.train('parts', 'parts', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}', split => '{\"fold\": \"part\"}'"
is "no rows to choose the threshold by" "$(said "$parts)")" 'NOTICE: the threshold was chosen on the training rows
DETAIL: There are no validation rows, and the model has fitted its scores to these: new rows may be flagged at another rate. Have the split leave validation rows.'
is "one that is given is chosen by none" "$(said "$parts, threshold => '{\"value\": 0.5}')")" ""

# ---- names that are near
is "a column that is near" "$(said "SELECT mlops.train('m', 'tx', target => 'tx_frud')")" 'ERROR: "target" names column "tx_frud", which does not exist in the source
HINT: Perhaps you meant "tx_fraud".'
is "a column that is not" "$(said "SELECT mlops.train('m', 'tx', target => 'tz')")" 'ERROR: "target" names column "tz", which does not exist in the source
HINT: There are: "transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_amount", "tx_fraud", "tx_fraud_scenario", "cbk".'
constrained() { said "SELECT mlops.train('m', query => 'SELECT tx_amount, tx_datetime, transaction_id, tx_fraud FROM tx', target => 'tx_fraud', key => 'transaction_id', params => '{\"monotone_constraints\": {\"$1\": 1}, \"n_estimators\": 1}')"; }
is "a constraint that is near a feature" "$(constrained tx_amont)" 'ERROR: "tx_amont" in "monotone_constraints" is not a feature
DETAIL: Features are: tx_amount, tx_datetime.
HINT: Perhaps you meant "tx_amount".'
is "one that is not" "$(constrained transaction_id | grep -v DETAIL)" 'ERROR: "transaction_id" in "monotone_constraints" is not a feature'
is "one on a part of a time" "$(constrained tx_datetime.hour)" ""
linear() { said "SELECT mlops.train('m', 'tx', target => 'tx_fraud', features => '{tx_amount}', algorithm => 'logistic_regression', params => '$1')"; }
is "a solver for another penalty" "$(linear '{"penalty": "l1", "solver": "lbfgs"}')" 'ERROR: solver "lbfgs" cannot minimise an L1 penalty
HINT: Solvers auto and coordinate_descent can.'
is "a penalty for another solver" "$(linear '{"solver": "coordinate_descent"}')" 'ERROR: solver "coordinate_descent" needs a penalty with an L1 part
HINT: Such are l1, and elasticnet with an l1_ratio above 0. Solvers auto, newton and lbfgs minimise others.'
is "a model that is near" "$(said "SELECT mlops.score('fruad', t) FROM tx AS t")" 'ERROR: model "fruad" does not exist
HINT: Perhaps you meant "fraud".'
is "a model that is not" "$(said "SELECT mlops.score('bank', t) FROM tx AS t" | grep HINT)" 'HINT: View mlops.models lists the models there are.'
# ---- another positive than true
query -c "CREATE TABLE legit AS SELECT *, NOT tx_fraud AS legit FROM tx; SELECT count(mlops.train('legit', 'legit', target => 'legit', positive => 'false', key => 'transaction_id', features => '{tx_amount}', params => '{\"n_estimators\": 2}'))" >/dev/null
is "labels by the positive of the training" "$(said "SELECT mlops.add_labels('legit', 'legit', key => 'transaction_id', label => 'legit')" | head -n 2)" 'NOTICE: a label is positive where "legit" is "f", as in the training of model "legit", version 1
HINT: If another value is the positive one, give it as "positive".'
is "one that is given" "$(said "SELECT mlops.add_labels('legit', 'legit', key => 'transaction_id', label => 'tx_fraud', positive => 'true')" | grep -c 'is positive where')" 0
is "evaluation of another target" "$(said "SELECT mlops.evaluate('legit/1', query => 'SELECT * FROM legit WHERE tx_amount > 0', target => 'tx_fraud')")" 'NOTICE: a row is positive where target "tx_fraud" is "true"
DETAIL: The model was trained with "f" of target "legit".
HINT: If another value is the positive one, give it as "positive".'
is "of its own" "$(said "SELECT mlops.evaluate('legit/1', query => 'SELECT * FROM legit WHERE tx_amount > 0')")" ""
is "on all that it learned from" "$(said "SELECT mlops.evaluate('parts/1', 'parts')")" "WARNING: version 1 of model \"parts\" is judged on rows that it learned from
DETAIL: They come from the source of its training. It knows most of their answers and looks better than it is.
HINT: Without source and query it is judged on its test rows alone."
is "or by a curve" "$(said "SELECT mlops.curve('parts/1', rows => 'all')" | head -n 1)" 'WARNING: version 1 of model "parts" is judged on rows that it learned from'
is "or by thresholds" "$(said "SELECT mlops.thresholds('parts', 1, '{\"max\": \"f1\"}', source => 'parts')")" "WARNING: version 1 of model \"parts\" is judged on rows that it learned from
DETAIL: They come from the source of its training. It knows most of their answers and looks better than it is.
HINT: Without source and query it is judged on its test rows alone."
is "on its test rows" "$(said "SELECT mlops.evaluate('parts/1')")" ""
is "thresholds of its test rows" "$(said "SELECT mlops.thresholds('parts', 1, '{\"max\": \"f1\"}')")" ""
is "one that flags nothing" "$(said "SELECT mlops.thresholds('parts', 1, '{\"alert_rate\": 0.001}')" | sed 's/[0-9.]* % /N % /; s/Threshold [0-9.]*/Threshold T/')" 'NOTICE: policy {"alert_rate": 0.001} flags no row
DETAIL: Threshold T flags none of the rows. "alert_rate" 0.001 was asked for, but N % of these rows have the highest score and would be flagged together.'
# a table of the same name, with other rows
query -c "CREATE TABLE emptied AS SELECT * FROM parts" -c "SELECT count(mlops.train('emptied', 'emptied', target => 'tx_fraud', key => 'transaction_id', features => '{tx_amount}', params => '{\"n_estimators\": 2}'))" >/dev/null 2>&1
counts=$(query -c "SELECT count(*) || ' rows with a label, ' || count(*) FILTER (WHERE tx_fraud) || ' of them positive' FROM emptied")
query -c "TRUNCATE emptied" -c "INSERT INTO emptied SELECT * FROM parts WHERE NOT tx_fraud LIMIT 5" -c "INSERT INTO emptied SELECT * FROM parts WHERE tx_fraud LIMIT 2"
is "the next load of the same table" "$(said "SELECT mlops.evaluate('emptied/1', 'emptied')")" "WARNING: version 1 of model \"emptied\" may be judged on rows that it learned from
DETAIL: They are read from where its training read. It had $counts; now there are 7 rows with a label, 2 of them positive. It knows the answers of those that it learned from, and looks better on them than it is.
HINT: Give labelled rows that it did not learn from: source => ..., or query => ...."
# rows that are not those of the training any more
query -c "CREATE TABLE moving AS SELECT *, CASE transaction_id % 5 WHEN 0 THEN 'test' WHEN 1 THEN 'validation' ELSE 'train' END AS part FROM tx" \
	-c "SELECT count(mlops.train('moving', 'moving', target => 'tx_fraud', key => 'transaction_id', features => '{tx_amount}', split => '{\"fold\": \"part\"}', params => '{\"n_estimators\": 2}'))" >/dev/null
is "on its test rows, by fold" "$(said "SELECT mlops.evaluate('moving/1')")" ""
query -c "DELETE FROM moving WHERE transaction_id = 50; UPDATE moving SET tx_fraud = NULL WHERE transaction_id IN (60, 70)" >/dev/null
moved()
{
	echo "WARNING: version 1 of model \"moving\" is not judged on the test rows of its training
DETAIL: The training had $1 test rows with a label, now there are $2. Rows or labels were added or removed since, or its query gives other rows each time, as with random(): then many of these are rows that it learned from.
HINT: A snapshot keeps rows as they are: train on what mlops.snapshot gives. A fold column made of a key, such as hashtext(id::text), gives the same rows each time."
}
n_test=$(query -c "SELECT count(*) FROM tx WHERE transaction_id % 5 = 0")
is "on other test rows than the training had" "$(said "SELECT mlops.evaluate('moving/1')")" "$(moved "$n_test" $((n_test - 3)))"
is "a curve of them" "$(said "SELECT mlops.curve('moving/1')" | head -n 1)" "$(moved 0 0 | head -n 1)"
is "thresholds of them" "$(said "SELECT mlops.thresholds('moving', 1)" | head -n 1)" "$(moved 0 0 | head -n 1)"
is "by day, of rows without a time" "$(said "SELECT mlops.daily_precision('parts/1', query => 'SELECT *, CASE WHEN transaction_id >= 3 THEN tx_datetime END AS at FROM parts', time_column => 'at')")" 'NOTICE: time column "at" is NULL in 3 rows with a label
DETAIL: They belong to no day and are left out.'
query -c "CREATE TABLE numbered AS SELECT *, extract(epoch FROM tx_datetime)::int AS sec FROM tx" \
	-c "SELECT count(mlops.train('numbered', 'numbered', target => 'tx_fraud', key => 'transaction_id', time_column => 'sec', features => '{tx_amount}', params => '{\"n_estimators\": 2}'))" >/dev/null
is "by day, of a training by numbers" "$(said "SELECT mlops.daily_precision('numbered/1')")" 'ERROR: "time_column" must be given
DETAIL: Version 1 of model "numbered" was trained by "sec" of type integer, and numbers belong to no day.
HINT: Make times of them in a query, such as to_timestamp(sec), and name that column.'
is "that are made days" "$(query -c "SELECT sum(rows) = (SELECT count(*) FROM numbered) FROM mlops.daily_precision('numbered/1', query => 'SELECT *, to_timestamp(sec) AS at FROM numbered WHERE sec > 0', time_column => 'at')")" t
is "of a text" "$(said "SELECT mlops.evaluate('fraud/1', query => 'SELECT *, tx_fraud::text AS t FROM tx', target => 't')" | grep HINT)" "HINT: Say which of its values is the positive class with positive => 'value'."

# ---- values that count as negative
outcomes="SELECT mlops.train('outcomes', query => 'SELECT *, CASE WHEN tx_fraud THEN ''fraud'' WHEN transaction_id < 20 THEN ''pending'' ELSE ''ok'' END AS outcome FROM tx', target => 'outcome', positive => 'fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}'"
is "a third value of the target" "$(said "$outcomes)")" "NOTICE: 2 values of target \"outcome\" count as negative: all but \"fraud\"
DETAIL: Rows: $(query -c "SELECT string_agg(format('\"%s\" in %s', o, n), ', ' ORDER BY n DESC) FROM (SELECT CASE WHEN transaction_id < 20 THEN 'pending' ELSE 'ok' END AS o, count(*) AS n FROM tx WHERE NOT tx_fraud GROUP BY 1) AS v"). If one of them says that the outcome is not known yet, leave such rows out in a query."

# ---- what was asked for, and cannot be
is "no rows to stop by" "$(said "SELECT mlops.train('fraud', 'tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 7, \"early_stopping_rounds\": 2}', split => '{\"validation\": 0}')")" 'NOTICE: nothing stops early without validation rows
DETAIL: "early_stopping_rounds" is 2, but the split leaves no validation rows to tell when: there are 7 rounds.'
is "some" "$(said "SELECT mlops.train('fraud', 'tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 7, \"early_stopping_rounds\": 2}')")" ""
is "weights far from 1" "$(said "SELECT mlops.train('w', query => 'SELECT *, 1e-300 AS w FROM tx', target => 'tx_fraud', features => '{tx_amount}', weight => 'w')" | grep HINT)" 'HINT: Divide them all by one number, so that they are near 1: parameters such as min_child_weight and C are meant for such weights.'

# ---- what is dropped, and asked for
query -c "CREATE TABLE asks (LIKE tx, score float8); CREATE TRIGGER d BEFORE INSERT ON asks FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score');
	CREATE TRIGGER e BEFORE INSERT ON asks FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('model=fraud/1', 'score');
	CREATE TRIGGER f BEFORE INSERT ON asks FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud_', 'score')" >/dev/null 2>&1
is "a model that triggers ask" "$(said "BEGIN; SELECT mlops.drop_model('fraud', force => true); ROLLBACK" | grep -A 2 'triggers')" 'WARNING: triggers ask a dropped model or version: "d" of table public.asks, "e" of table public.asks, "d" of table public.live
DETAIL: Rows get what their argument on_error says from now on: no score, unless it is given.
HINT: Roll back, or drop these too.'
is "a version" "$(said "BEGIN; SELECT mlops.undeploy('fraud'); SELECT mlops.drop_version('fraud', 1); ROLLBACK" | grep 'triggers')" 'WARNING: triggers ask a dropped model or version: "e" of table public.asks'
is "a version in use" "$(said "BEGIN; SELECT mlops.deploy('fraud', 1); SELECT mlops.set_stage('fraud', 1, 'staging'); SELECT mlops.set_stage('fraud', 1, 'production'); SELECT mlops.set_alias('fraud', 'first', 1); SELECT mlops.drop_version('fraud', 1)" | grep HINT)" \
	"HINT: Deploy another version, or take it away by mlops.abort or mlops.undeploy. Let the alias stand for another version by mlops.set_alias, or drop it by mlops.drop_alias. SELECT * FROM mlops.set_stage('fraud', 1, 'archived') takes it out of production."
query -c "DROP TABLE asks" >/dev/null
is "a trigger that fills what its model reads" "$(query -c "CREATE TABLE fills (LIKE tx, score float8)" >/dev/null; said "CREATE TRIGGER d BEFORE INSERT ON fills FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud/2', 'score')" | grep HINT)" \
	'HINT: Until a version without the column is deployed, rows are scored as they come, mostly as if it were NULL.'
is "labels without a key" "$(said "SELECT mlops.add_labels('fraud', 'tx')")" "ERROR: \"key\" must not be null
HINT: Name the column that has the key that decisions were logged with, for example key => 'transaction_id'."
is "a gate that is NULL" "$(said "SELECT mlops.set_gate('fraud', NULL)")" "ERROR: \"gate\" must not be null
HINT: SELECT * FROM mlops.set_gate('fraud', '{}') removes the gate."

# ---- searches by names that nothing has
search()
{
	said "SELECT run_id FROM mlops.search_runs('$1')"
}
is "a metric that no run has" "$(search 'metrics.prauc > 0.4')" 'NOTICE: no run has a metric "prauc"
HINT: Perhaps you meant "test_pr_auc". View mlops.run_metrics lists what there are.'
is "a parameter" "$(search "params.n_estimator = ''2''")" 'NOTICE: no run has a parameter "n_estimator"
HINT: Perhaps you meant "n_estimators". View mlops.run_params lists what there are.'
is "that is near to none" "$(search 'metrics.zzzzzzzz > 0')" 'NOTICE: no run has a metric "zzzzzzzz"
HINT: View mlops.run_metrics lists what there are.'
is "one that some have" "$(search "metrics.pr_auc > 2 AND params.n_estimators = ''2''")" ""

# ---- what is misspelt, or lacks its unit
query -c "CREATE TABLE paid (LIKE tx, score float8)" >/dev/null
is "a trigger of a misspelt model" "$(said "CREATE TRIGGER t BEFORE INSERT ON paid FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fruad', 'score')")" \
	'WARNING: trigger "t": model "fruad" does not exist. Perhaps you meant "fraud".
HINT: Until that is mended, rows get what its argument on_error says: no score, unless it is given.'
seconds='is 7 seconds
HINT: That is what a number without a unit means. If seconds are not meant, write the unit, as in '"'7 days'."
query -c "SELECT mlops.monitor('fraud', every => '1 day'); SELECT mlops.set_alert_rule('fraud', 'loud', 'alert_rate', max => 0.5)" >/dev/null 2>&1
for call in "lasting mlops.silence('fraud', 'loud', lasting => '7')" "timeout mlops.submit('SELECT 1', timeout => '7')" "label_delay mlops.monitor('fraud', every => '1 day', label_delay => '7')" "cooldown mlops.set_retraining_policy('fraud', '0 3 * * *', cooldown => '7')" \
	"label_delay mlops.cross_validate('cv', 'tx', target => 'tx_fraud', time_column => 'tx_datetime', folds => 2, features => '{tx_amount}', params => '{\"n_estimators\": 1}', label_delay => '7')"; do
	is "${call#* }" "$(said "SELECT ${call#* }" | grep -A 1 'is 7 seconds')" "NOTICE: \"${call%% *}\" $seconds"
done
is "one with its unit is not said to lack it" "$(said "SELECT mlops.submit('SELECT 1', timeout => '1 second')" | head -n 2)" "NOTICE: \"timeout\" is 1 second
${seconds#*
}"
is "in SQL too" "$(said "SELECT mlops.silence('fraud', 'loud', lasting => '1 second')" | head -n 1)" 'NOTICE: "lasting" is 1 second'
query -c "SELECT mlops.drop_retraining_policy('fraud'), mlops.unmonitor('fraud')" >/dev/null

# ---- what calls a version that is dropped
query -c "SELECT mlops.train('called', 'tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 1}')" -c "CREATE INDEX called ON tx (mlops.score_version('called', 1, tx))" >/dev/null
for call in "drop_version('called', 1)" "drop_model('called')"; do
	is "$call" "$(said "BEGIN; SELECT mlops.$call; ROLLBACK")" 'WARNING: dropped versions are used by mlops.score_version in: index public.called
DETAIL: Rows are refused there from now on.
HINT: Roll back, or drop these too.'
done
query -c "DROP INDEX called" >/dev/null
is "without it" "$(said "SELECT mlops.drop_model('called')")" ""

# ---- what is there already
same="SELECT mlops.train('same', 'tx', target => 'tx_fraud', features => '{tx_amount}', params => '{\"n_estimators\": 2}')"
is "a first version" "$(said "$same")" ""
is "the same again" "$(said "$same")" 'NOTICE: model "same" has the same bytes already, as version 1'
query -c "SELECT mlops.drop_version('same', 2)" >/dev/null
is "a version that was dropped does not count" "$(said "SELECT mlops.import_model(mlops.export_model('same', 1))")" 'NOTICE: model "same" has the same bytes already, as version 1'
is "nor does another model" "$(said "SELECT mlops.import_model(mlops.export_model('same', 1), 'other')")" ""

# ---- versions that were judged on other rows
# compared CONDITION TIME_COLUMN SEED FEATURES VERSION: trains that version; what is said when it is compared with the first
query -c "SELECT mlops.train('compared', 'tx', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime', features => '{tx_amount,terminal_id}', params => '{\"n_estimators\": 2}')" >/dev/null
compared()
{
	query -c "SELECT mlops.train('compared', query => 'SELECT * FROM tx $1', target => 'tx_fraud', key => 'transaction_id', time_column => $2, seed => $3, features => '$4', params => '{\"n_estimators\": 3}')" >/dev/null 2>&1
	said "SELECT * FROM mlops.compare('compared', '{1,$5}')"
}
is "on the same rows" "$(compared "" "'tx_datetime'" 7 '{tx_amount,terminal_id}' 2)" ""
is "on others" "$(compared "WHERE transaction_id % 10 > 0" "'tx_datetime'" 7 '{tx_amount,terminal_id}' 3 | sed 's/differ in .*:/differ in ...:/')" "WARNING: these versions of model \"compared\" were not judged on the same rows
DETAIL: They differ in ...: their metrics are not comparable.
HINT: SELECT * FROM mlops.compare('compared', '{1,3}', query => ...) judges them on the same rows."
is "drawn at random" "$(compared "" NULL 7 '{tx_amount,terminal_id}' 4 | head -n 1)" 'WARNING: these versions of model "compared" were not judged on the same rows'
query -c "SELECT mlops.train('compared', query => 'SELECT * FROM tx', target => 'tx_fraud', key => 'transaction_id', seed => s, features => '{tx_amount,terminal_id}', params => '{\"n_estimators\": 3}') FROM unnest('{7,8}'::int[]) AS s" >/dev/null 2>&1
is "by one seed" "$(said "SELECT * FROM mlops.compare('compared', '{4,5}')")" ""
is "by another one" "$(said "SELECT * FROM mlops.compare('compared', '{4,6}')" | sed -n 2p)" "DETAIL: They differ in seed: their metrics are not comparable."
query -c "SELECT mlops.train('compared', 'tx', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime', features => '{tx_amount}', params => '{\"n_estimators\": 2}')" >/dev/null
is "of other columns nothing tells" "$(said "SELECT * FROM mlops.compare('compared', '{1,7}')" | head -n 1)" 'NOTICE: these versions of model "compared" read different columns'
is "paired" "$(said "SELECT * FROM mlops.compare('compared', '{1,3}', query => 'SELECT * FROM tx WHERE transaction_id % 10 = 0')" | head -n 1)" 'NOTICE: these versions of model "compared" were not judged on the same rows when they were trained'
is "runs" "$(said "SELECT * FROM mlops.compare_runs(ARRAY(SELECT run_id FROM mlops.versions WHERE model = 'compared' AND version IN (1, 3)))" | head -n 1)" 'WARNING: these runs were not judged on the same rows'

# ---- a release that has ended
query -c "SELECT mlops.deploy('compared', 1)" -c "SELECT mlops.deploy('compared', 2, 'ab', percent => 50, key => 'transaction_id')" >/dev/null 2>&1
is "a test under way" "$(said "SELECT * FROM mlops.ab_test('compared')")" ""
query -c "SELECT mlops.promote('compared')" >/dev/null
is "and ended" "$(said "SELECT * FROM mlops.ab_test('compared')")" "NOTICE: no release of model \"compared\" is under way: this is the last one that had shares
DETAIL: $(query -c "SELECT format('Deployment %s, strategy \"ab\", from %s to %s.', min(deployment_id), mlops_catalog.utc_text(min(deployed_at)), mlops_catalog.utc_text(max(deployed_at))) FROM mlops.deployment_history WHERE model = 'compared' AND strategy = 'ab'")"
is "by its number" "$(said "SELECT * FROM mlops.ab_test('compared', deployment_id => (SELECT min(deployment_id) FROM mlops.deployment_history WHERE model = 'compared' AND strategy = 'ab'))")" ""

# ---- the hour in which a clock is set back; 2025-10-26 01:00 UTC in Berlin
query -c "CREATE TABLE night AS SELECT g AS id, timestamptz '2025-10-25 22:00+00' + g * interval '2 s' AS at, g % 7 AS a, g % 7 = 3 OR g % 11 = 0 AS y FROM generate_series(1, 7200) AS g" >/dev/null
# night ZONE TEST_FROM: what is said of a split at that time
night()
{
	said "SET timezone = '$1'; SELECT mlops.train('night', 'night', target => 'y', time_column => 'at', features => '{a}', params => '{\"n_estimators\": 1}', threshold => '{\"value\": 0.5}', split => '{\"test_from\": \"$2\"}')"
}
is "a split in it" "$(night Europe/Berlin 2025-10-26T00:30:00+00:00)" "NOTICE: the split is in an hour that the clock of \"Europe/Berlin\" shows twice
DETAIL: Rows are split by \"at\" on that clock: rows of both hours count as rows of one hour.
HINT: SET timezone = 'UTC' for the training to split by instants."
is "before and after it" "$(night Europe/Berlin 2025-10-25T23:59:58+00:00)$(night Europe/Berlin 2025-10-26T02:00:00+00:00 2>&1 | grep -c NOTICE)" "0"
is "where the clock goes on" "$(night UTC 2025-10-26T00:30:00+00:00)" ""
is "then it is by instants" "$(query -c "SELECT test_rows = (SELECT count(*) FROM night WHERE at >= '2025-10-26 00:30+00') FROM mlops.versions WHERE model = 'night' ORDER BY version DESC LIMIT 1")" t
echo "1..$n"
