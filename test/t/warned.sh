#!/bin/sh
# warned.sh - what training warns of.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT * FROM mlops.simulate_transactions(customers => 100, terminals => 100, days => 30);
CREATE TABLE rare AS SELECT g AS id, 'm' || hashint4(g) % 2000 AS m, hashint4(g * 7) % 5 = 0 AS y FROM generate_series(1, 8000) AS g;
SQL
# told SPLIT: warnings of a training with this split
told()
{
	PGOPTIONS="-c client_min_messages=warning" query -v VERBOSITY=verbose -c "SELECT mlops.train('fraud', 'tx', target => 'tx_fraud', key => 'transaction_id', time_column => 'tx_datetime',
		features => '{tx_amount,terminal_id}', params => '{\"n_estimators\": 2}', split => '$1')" 2>&1 >/dev/null | sed -n 's/^.*\(WARNING\|DETAIL\): *//p'
}
is "dates past the last row" "$(told '{"test_from": "2040-01-01"}')" "01000: the split leaves no test rows
The metrics and the threshold rest on the training rows. They do not show how the version does on new rows, and no gate is passed by them."
is "with validation rows" "$(told '{"validation_from": "2025-01-25", "test_from": "2040-01-01"}')" "01000: the split leaves no test rows
The metrics and the threshold rest on the validation rows. They do not show how the version does on new rows, and no gate is passed by them."
is "with test rows" "$(told '{"test_last": "5 days"}')" ""
is "test rows of one class" "$(told '{"test_last": "30 minutes"}')" "01000: the test rows have one class only
The target is negative in all of them: $(query -c "SELECT count(*) FROM tx WHERE tx_datetime >= (SELECT max(tx_datetime) FROM tx) - interval '30 minutes'"). Metrics that compare classes, as pr_auc, are not defined."
is "no test rows asked for" "$(told '{"test": 0, "validation": 0}')" ""
# told_of_levels SPLIT: the same of a category that says nothing of the target, with many levels
told_of_levels()
{
	query -v VERBOSITY=verbose -c "SELECT mlops.train('rare', 'rare', target => 'y', key => 'id', params => '{\"n_estimators\": 2}', split => '$1')" 2>&1 >/dev/null |
		sed -n 's/^.*WARNING: *//p'
}
is "levels that are made of the rows' own labels" "$(told_of_levels '{"test": 0, "validation": 0}')" \
	"01000: the training rows chose the threshold, and \"m\" tells their own labels"
is "so where there are test rows alone" "$(told_of_levels '{"validation": 0}')" \
	"01000: the training rows chose the threshold, and \"m\" tells their own labels"
is "not where validation rows choose" "$(told_of_levels '{}')" ""
echo "1..$n"
