#!/bin/sh
# slips.sh - settings that are well-formed and do what nobody wants: the statement
# that makes one says so, and mlops.check_catalog() as long as it is there.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT g AS id, now() - interval '9 days' + g * interval '6 min' AS at, (g * 7919) % 1009 AS amount, g % 3 = 0 AS online,
	CASE g % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'shop' END AS channel, (g * 7919) % 1009 > 950 AND g % 7 < 5 AS fraud FROM generate_series(1, 2000) AS g;
SELECT mlops.train('fraud', 'tx', target => 'fraud', time_column => 'at', key => 'id', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SQL
# said SQL: its notices, warnings and errors
said()
{
	query -v VERBOSITY=default -c "$1" 2>&1 >/dev/null | sed 's/^psql.*\(NOTICE\|WARNING\|ERROR\): */\1: /; s/^\(NOTICE\|WARNING\|ERROR\|DETAIL\|HINT\): */\1: /; /^LINE/d; /^CONTEXT/d; /^ *\^/d'
}
# wrong: what the catalog's check has to say
wrong()
{
	query -c "SELECT concat_ws('|', model, object, problem) FROM mlops.check_catalog() ORDER BY 1"
}

# ---- rules that nobody judges
unwatched='NOTICE: nothing judges these alert rules of model "fraud": "many"
DETAIL: They never fire: the model has no monitor.
HINT: Set one up: SELECT * FROM mlops.monitor('"'fraud'"', every => '"'1 hour'"');'
without_source='NOTICE: nothing judges these alert rules of model "fraud": "moved", "share"
DETAIL: They never fire: the model'"'"'s monitor has no source to compute drift of.
HINT: Set one up: SELECT * FROM mlops.monitor('"'fraud'"', source => ..., time_column => ...);'
many="SELECT mlops.alert_rule('fraud', 'many', 'alert_rate', max => 0.001)"
is "alerts that are no rule's" "$(said "SELECT mlops.retraining_policy('fraud', triggers => '{\"alerts\": true}')" | grep 'alert')" \
	'NOTICE: the retraining policy of model "fraud" waits for alerts, but the model has no alert rule
HINT: Set them by mlops.alert_rule('"'fraud'"', ...).'
is "are wrong in the catalog" "$(wrong | grep -v 'maintenance')" 'fraud|retraining policy|waits for alerts, but the model has no alert rule; mlops.alert_rule() sets one'
query -c "SELECT mlops.drop_retraining_policy('fraud')" >/dev/null
is "a rule without a monitor" "$(said "$many")" "$unwatched"
is "is wrong in the catalog" "$(wrong)" "fraud|alert rule many|is judged by nothing, so it never fires: the model has no monitor; SELECT * FROM mlops.monitor('fraud', every => '1 hour')"
is "a policy by that rule" "$(said "SELECT mlops.retraining_policy('fraud', triggers => '{\"alerts\": [\"many\"]}')" | grep -v '^WARNING.*will not run by itself' | grep -A 2 'alert')" "$unwatched"
is "a policy by all rules" "$(said "SELECT mlops.retraining_policy('fraud', triggers => '{\"alerts\": true}')" | grep -A 2 'alert rule')" "$unwatched"
is "a policy by other means" "$(said "SELECT mlops.retraining_policy('fraud', triggers => '{\"new_labels\": 5}')" | grep 'alert')" ""
is "a document with such a rule" "$(said "SELECT mlops.apply('{\"models\": {\"fraud\": {\"alerts\": {\"many\": {\"metric\": \"alert_rate\", \"max\": 0.002}}}}}')")" "$unwatched"
is "not one with a monitor" "$(said "SELECT mlops.apply('{\"models\": {\"fraud\": {\"monitor\": {\"every\": \"1 hour\"}, \"alerts\": {\"many\": {\"metric\": \"alert_rate\", \"max\": 0.003}}}}}')" | grep 'judges')" ""
is "a rule with a monitor" "$(said "$many")" ""
is "is right" "$(wrong | grep 'alert rule')" ""
query -c "SELECT mlops.alert_rule('fraud', 'share', 'drifted_share', max => 0.1)" >/dev/null 2>&1
is "rules on drift without a source" "$(said "SELECT mlops.alert_rule('fraud', 'moved', 'drift', max => 0.2)" | head -n 1)" 'NOTICE: nothing judges these alert rules of model "fraud": "moved"'
is "are wrong in the catalog" "$(wrong | grep 'alert rule')" "fraud|alert rule moved|is judged by nothing, so it never fires: the model's monitor has no source to compute drift of; SELECT * FROM mlops.monitor('fraud', source => ..., time_column => ...)
fraud|alert rule share|is judged by nothing, so it never fires: the model's monitor has no source to compute drift of; SELECT * FROM mlops.monitor('fraud', source => ..., time_column => ...)"
is "a monitor that leaves them so" "$(said "SELECT mlops.monitor('fraud', every => '2 hours')" | grep -v '^WARNING\|^HINT: Load')" "$without_source"
is "windows of drift by hand" "$(said "BEGIN; SELECT mlops.record_drift('fraud', 'tx', window_start => now() - interval '1 day', window_end => now());
	SELECT mlops.alert_rule('fraud', 'moved', 'drift', max => 0.3); ROLLBACK" | grep 'judges')" ""
is "a source" "$(said "SELECT mlops.monitor('fraud', source => 'tx', time_column => 'at')" | grep 'judges')" ""
is "no monitor any more" "$(said "SELECT mlops.unmonitor('fraud')" | head -n 1)" 'NOTICE: nothing judges these alert rules of model "fraud": "many", "moved", "share"'
query -c "SELECT mlops.retraining_policy('fraud', triggers => '{\"alerts\": [\"many\", \"share\"]}')" >/dev/null 2>&1
is "a rule that a policy waits for" "$(said "SELECT mlops.drop_alert_rule('fraud', 'share')" | head -n 1)" 'NOTICE: the retraining policy of model "fraud" waits for alert rules that do not exist: "share"'
is "is wrong in the catalog" "$(wrong | grep 'retraining policy|is')" 'fraud|retraining policy|is not what could be set: model "fraud" has no alert rule "share"; set it anew'
query -c "SELECT mlops.drop_retraining_policy('fraud'), mlops.drop_alert_rule('fraud', 'many'), mlops.drop_alert_rule('fraud', 'moved')" >/dev/null 2>&1
is "without rules nothing is wrong" "$(wrong)" ""

echo "1..$n"
