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
many="SELECT mlops.set_alert_rule('fraud', 'many', 'alert_rate', max => 0.001)"
is "alerts that are no rule's" "$(said "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"alerts\": true}')" | grep 'alert')" \
	'NOTICE: the retraining policy of model "fraud" waits for alerts, but the model has no alert rule
HINT: Set them by mlops.set_alert_rule('"'fraud'"', ...).'
is "are wrong in the catalog" "$(wrong | grep -v 'maintenance')" 'fraud|retraining policy|waits for alerts, but the model has no alert rule; mlops.set_alert_rule() sets one'
query -c "SELECT mlops.drop_retraining_policy('fraud')" >/dev/null
is "a rule without a monitor" "$(said "$many")" "$unwatched"
is "is wrong in the catalog" "$(wrong)" "fraud|alert rule many|is judged by nothing, so it never fires: the model has no monitor; SELECT * FROM mlops.monitor('fraud', every => '1 hour')"
is "a policy by that rule" "$(said "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"alerts\": [\"many\"]}')" | grep -v '^WARNING.*will not run by itself' | grep -A 2 'alert')" "$unwatched"
is "a policy by all rules" "$(said "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"alerts\": true}')" | grep -A 2 'alert rule')" "$unwatched"
is "a policy by other means" "$(said "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"new_labels\": 5}')" | grep 'alert')" ""
is "a document with such a rule" "$(said "SELECT mlops.apply('{\"models\": {\"fraud\": {\"alerts\": {\"many\": {\"metric\": \"alert_rate\", \"max\": 0.002}}}}}')")" "$unwatched"
is "not one with a monitor" "$(said "SELECT mlops.apply('{\"models\": {\"fraud\": {\"monitor\": {\"every\": \"1 hour\"}, \"alerts\": {\"many\": {\"metric\": \"alert_rate\", \"max\": 0.003}}}}}')" | grep 'judges')" ""
is "a rule with a monitor" "$(said "$many")" ""
is "is right" "$(wrong | grep 'alert rule')" ""
query -c "SELECT mlops.set_alert_rule('fraud', 'share', 'drifted_share', max => 0.1)" >/dev/null 2>&1
is "rules on drift without a source" "$(said "SELECT mlops.set_alert_rule('fraud', 'moved', 'drift', max => 0.2)" | head -n 1)" 'NOTICE: nothing judges these alert rules of model "fraud": "moved"'
is "are wrong in the catalog" "$(wrong | grep 'alert rule')" "fraud|alert rule moved|is judged by nothing, so it never fires: the model's monitor has no source to compute drift of; SELECT * FROM mlops.monitor('fraud', source => ..., time_column => ...)
fraud|alert rule share|is judged by nothing, so it never fires: the model's monitor has no source to compute drift of; SELECT * FROM mlops.monitor('fraud', source => ..., time_column => ...)"
is "a monitor that leaves them so" "$(said "SELECT mlops.monitor('fraud', every => '2 hours')" | grep -v '^WARNING\|^HINT: Load')" "$without_source"
is "windows of drift by hand" "$(said "BEGIN; SELECT mlops.record_drift('fraud', 'tx', window_start => now() - interval '1 day', window_end => now());
	SELECT mlops.set_alert_rule('fraud', 'moved', 'drift', max => 0.3); ROLLBACK" | grep 'judges')" ""
is "a source" "$(said "SELECT mlops.monitor('fraud', source => 'tx', time_column => 'at')" | grep 'judges')" ""
is "no monitor any more" "$(said "SELECT mlops.unmonitor('fraud')" | head -n 1)" 'NOTICE: nothing judges these alert rules of model "fraud": "many", "moved", "share"'
query -c "SELECT mlops.set_retraining_policy('fraud', triggers => '{\"alerts\": [\"many\", \"share\"]}')" >/dev/null 2>&1
is "a rule that a policy waits for" "$(said "SELECT mlops.drop_alert_rule('fraud', 'share')" | head -n 1)" 'NOTICE: the retraining policy of model "fraud" waits for alert rules that do not exist: "share"'
is "is wrong in the catalog" "$(wrong | grep 'retraining policy|is')" 'fraud|retraining policy|is not what could be set: model "fraud" has no alert rule "share"; set it anew'
query -c "SELECT mlops.drop_retraining_policy('fraud'), mlops.drop_alert_rule('fraud', 'many'), mlops.drop_alert_rule('fraud', 'moved')" >/dev/null 2>&1
is "without rules nothing is wrong" "$(wrong)" ""

# ---- versions that answer another question
train()
{
	said "SELECT mlops.train('$1', 'tx', target => '$2', time_column => 'at', key => 'id', features => '{amount}', params => '{\"n_estimators\": 2}'${3-})" | grep -v 'the same bytes'
}
warning='predicts "online", but version 1, which has answered so far, predicts "fraud"'
# undone CALL: what is said after the warning
undone()
{
	printf 'DETAIL: Scores, thresholds, labels and metrics of the two are about different things.\nHINT: If that was a slip, SELECT * FROM mlops.%s undoes it. A model of its own answers another question.' "$1"
}
is "another target" "$(train fraud online)" 'NOTICE: versions of model "fraud" so far predict "fraud"; version 2 predicts "online"
HINT: Thresholds, labels and monitors of a model are about one question; a model of its own answers another one.'
is "the one that answers" "$(train fraud fraud)" ""
is "the same, said at length" "$(train fraud fraud ", positive => 'true'")" ""
query -c "SELECT mlops.set_gate('fraud', '{\"pr_auc\": {\"min\": 0.001}}'), mlops.set_alias('fraud', 'champion', 1), mlops.set_alias('fraud', 'challenger', 2)" >/dev/null
settings="$(query -c "SELECT mlops.export_spec('fraud') -> 'models' -> 'fraud' #- '{deploy}'")"
for call in "deploy('fraud', 2)" "deploy('fraud', 2, 'canary', percent => 5, key => 'id')" "deploy('fraud', 2, 'shadow')" "deploy('fraud', 2, 'segment', rule => '{\"online\": true}')" \
	"deploy('fraud', NULL, 'champion_challenger')" "apply('{\"models\": {\"fraud\": {\"deploy\": {\"version\": 2}}}}')" \
	"deploy('fraud', NULL, 'ab', key => 'id', variants => '{\"b\": {\"version\": 2, \"percent\": 30}}')"; do
	case $call in
	*canary* | *ab*) undo="abort('fraud')" ;;
	*shadow*) undo="abort('fraud', variant => 'shadow_2')" ;;
	*segment*) undo="abort('fraud', variant => 'segment_1')" ;;
	*challenger*) undo="abort('fraud', variant => 'challenger')" ;;
	*) undo="rollback('fraud')" ;;
	esac
	is "$call" "$(said "BEGIN; SELECT mlops.$call; SELECT mlops.$undo; ROLLBACK" | grep -v '^WARNING: the .* will not run by itself' | grep -A 2 'predicts' | head -n 3)" "WARNING: version 2 of model \"fraud\" $warning
$(undone "$undo")"
done
is "after a rollback" "$(said "BEGIN; SET client_min_messages = error; SELECT mlops.deploy('fraud', 2); SELECT mlops.deploy('fraud', 3); SET client_min_messages = notice; SELECT mlops.rollback('fraud'); ROLLBACK" | tail -n 1)" \
	"$(undone "deploy('fraud', 3)" | tail -n 1)"
is "promotion" "$(said "BEGIN; SET client_min_messages = error; SELECT mlops.deploy('fraud', 2, 'shadow'); SET client_min_messages = notice; SELECT mlops.promote('fraud', variant => 'shadow_2'); ROLLBACK")" \
	"WARNING: version 2 of model \"fraud\" $warning
$(undone "rollback('fraud')")"
is "another version that answers the same" "$(said "BEGIN; SELECT mlops.deploy('fraud', 3); SELECT mlops.rollback('fraud'); ROLLBACK")" ""
said "SELECT mlops.deploy('fraud', 2); SELECT mlops.rollback('fraud')" >/dev/null
is "the other settings stay" "$(query -c "SELECT mlops.export_spec('fraud') -> 'models' -> 'fraud' #- '{deploy}'")" "$settings"
is "a value of the target" "$(train m channel ", positive => 'web'")$(train m channel ", positive => 'shop'" | head -n 1)" \
	'NOTICE: versions of model "m" so far predict "channel" = "web"; version 2 predicts "channel" = "shop"'
is "one of several, where none answers" "$(train m channel ", positive => 'web'")" ""
is "a file" "$(said "SELECT mlops.import_model(mlops.export_model('fraud', 2), 'm')" | head -n 1)" \
	'NOTICE: versions of model "m" so far predict "channel" = "shop" or "channel" = "web"; version 4 predicts "online"'
is "the first one of a model" "$(said "SELECT mlops.import_model(mlops.export_model('fraud', 2), 'n')")" ""

# ---- triggers that overwrite each other
trigger()
{
	said "$2CREATE TRIGGER $1 BEFORE INSERT ON live FOR EACH ROW ${4-} EXECUTE FUNCTION mlops.$3"
}
twice()
{
	printf 'column "%s" is filled by trigger "%s" of this table too: each row is scored by both, and the one whose name comes last overwrites the other' "$1" "$2"
}
query -c "CREATE TABLE live (LIKE tx, score float8, flagged boolean, other float8)"
is "one trigger" "$(trigger d '' "decide_trigger('fraud', 'score', 'flagged', 'id')")" ""
is "another of the same column" "$(trigger e '' "decide_trigger('fraud/3', 'score')" | head -n 1)" "WARNING: trigger \"e\": $(twice score d)"
is "are wrong in the catalog" "$(wrong)" "fraud/3|trigger e of table public.live|$(twice score d)
fraud|trigger d of table public.live|$(twice score e)"
is "the flag alone, by name" "$(trigger f 'DROP TRIGGER e ON live; ' "score_trigger('fraud', 'other', 'flag=flagged')" | head -n 1)" "WARNING: trigger \"f\": $(twice flagged d)"
is "another column" "$(trigger f 'DROP TRIGGER f ON live; ' "score_trigger('fraud', 'other')")" ""
is "one that is disabled" "$(trigger g 'ALTER TABLE live DISABLE TRIGGER f; ' "score_trigger('fraud', 'other')")" ""
is "another event" "$(said "DROP TRIGGER f ON live; CREATE TRIGGER u BEFORE UPDATE ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'other')")" ""
is "rows of their own" "$(trigger h 'DROP TRIGGER g ON live; ' "score_trigger('fraud', 'other')" 'WHEN (NEW.online)')$(trigger i '' "score_trigger('fraud', 'other')" 'WHEN (NOT NEW.online)')" ""
is "without which nothing is wrong" "$(wrong)" ""

# ---- what a call takes away that another one said
is "the first monitor loses nothing" "$(said "SELECT mlops.monitor('fraud', every => '1 hour', segments => '{amount}', source => 'tx', time_column => 'at')" | grep -c 'lost')" 0
query -c "SELECT mlops.monitor('fraud', every => '1 hour', segments => '{amount}', source => 'tx', time_column => 'at')" >/dev/null 2>&1
lost="$(said "SELECT mlops.monitor('fraud', every => '1 day')" | grep -A 2 'lost')"
is "a monitor set up again" "$(echo "$lost" | head -n 1)" 'NOTICE: the monitor of model "fraud" has lost "segments", "query", "time_column"'
query -c "$(echo "$lost" | sed -n 's/^HINT: To have it back: //p')" >/dev/null 2>&1
is "is had back by what the hint says" "$(query -c "SELECT every, segments, query, time_column FROM mlops.monitors WHERE model = 'fraud'")" "1 day|{amount}|SELECT * FROM public.tx|at"
is "the same again loses nothing" "$(said "SELECT mlops.monitor('fraud', segments => '{amount}', source => 'tx', time_column => 'at')" | grep -c 'lost')" 0
# lost CALL AGAIN: what the second call takes away that the first one said, by its hint had back
lost()
{
	query -c "SELECT mlops.$1" >/dev/null 2>&1
	lost="$(said "SELECT mlops.$2" | grep -A 2 'has lost')"
	query -c "$(echo "$lost" | sed -n 's/^HINT: To have it back: //p')" >/dev/null 2>&1
	echo "$lost" | head -n 1
}
is "an alert rule set again" "$(lost "set_alert_rule('fraud', 'r', 'precision', min => 0.5, windows => 3, severity => 'critical')" "set_alert_rule('fraud', 'r', 'precision', min => 0.6)")" \
	'NOTICE: alert rule "r" of model "fraud" has lost "windows", "severity"'
is "is had back with its new bound" "$(query -c "SELECT min, windows, severity FROM mlops.alert_rules WHERE model = 'fraud' AND name = 'r'")" "0.6|3|critical"
is "for another metric" "$(lost "set_alert_rule('fraud', 'r', 'precision', min => 0.5, windows => 3)" "set_alert_rule('fraud', 'r', 'recall', min => 0.6)")" ""
is "a retraining policy set again" "$(lost "set_retraining_policy('fraud', '0 3 * * 0', cooldown => '7 days', gate => '{\"pr_auc\": {\"min\": 0.1}}')" \
	"set_retraining_policy('fraud', triggers => '{\"new_labels\": 500}')")" 'NOTICE: the retraining policy of model "fraud" has lost "schedule", "gate", "cooldown"'
is "is had back with its new trigger" "$(query -c "SELECT schedule, triggers, gate, cooldown FROM mlops.retraining_policies WHERE model = 'fraud'")" \
	'0 3 * * 0|{"new_labels": 500}|{"pr_auc": {"min": 0.1}}|7 days'
query -c "SELECT mlops.drop_retraining_policy('fraud')" -c "SELECT mlops.drop_alert_rule('fraud', 'r')" >/dev/null 2>&1
# rules on what the monitor does not measure
rule_on()
{
	said "SELECT mlops.set_alert_rule('fraud', 'r', 'drift', max => 0.1, labels => '$1')" | sed -n 's/^DETAIL: They never fire: //p'
}
is "a rule on a test that monitors do not measure" "$(rule_on '{"feature": "amount", "test": "ks"}')" \
	"monitors measure psi, missing, unseen (of categories), not \"ks\", which mlops.record_drift(..., statistics => '{ks}') records."
is "on one that numbers do not have" "$(rule_on '{"feature": "amount", "test": "unseen"}')" 'test "unseen" is of categories, and feature "amount" is none.'
is "on missing scores" "$(rule_on '{"feature": "(score)", "test": "missing"}')" 'no score is missing.'
is "is wrong in the catalog" "$(query -c "SELECT problem FROM mlops.check_catalog() WHERE object = 'alert rule r'" | cut -d: -f 1)" "is judged by nothing, so it never fires"
is "on those that they do" "$(rule_on '{"feature": "amount", "test": "psi"}')$(rule_on '{"test": "missing"}')$(rule_on '{"feature": "(score)"}')$(rule_on '{}')" ""
query -c "SELECT mlops.drop_alert_rule('fraud', 'r')" >/dev/null 2>&1
query -c "ALTER TABLE tx RENAME at TO seen" -c "UPDATE mlops_catalog.monitor SET created_at = created_at - interval '2 days'" >/dev/null
is "a column that is gone" "$(query -c "SELECT DISTINCT error FROM mlops.run_monitor('fraud') WHERE step = 'drift'")" 'column "at" does not exist'
query -c "ALTER TABLE tx RENAME seen TO at" -c "SELECT mlops.deploy('fraud', 1)" -c "SELECT mlops.unmonitor('fraud')" >/dev/null 2>&1
same='WARNING: variant "canary" of model "fraud" answers as "primary" does: both are version 1, with the same threshold'
is "a canary of what answers" "$(said "BEGIN; SELECT mlops.deploy('fraud', 1, 'canary', percent => 5, key => 'id'); ROLLBACK" | head -n 1)" "$same"
is "with another threshold" "$(said "BEGIN; SELECT mlops.deploy('fraud', 1, 'canary', percent => 5, key => 'id', threshold => 0.123); ROLLBACK")" ""
is "a test of chance" "$(said "BEGIN; SELECT mlops.deploy('fraud', 1, 'ab', percent => 5, key => 'id'); ROLLBACK")" ""
is "a release that another deployment ends" "$(said "BEGIN; SELECT mlops.deploy('fraud', 3, 'canary', percent => 5, key => 'id'); SELECT mlops.deploy('fraud', 1); ROLLBACK" | head -n 1)" \
	'NOTICE: other variants of model "fraud" answer no longer: "canary" (version 3, 5 %)'

# ---- features that are others by now, or of another table
query -c "CREATE TABLE paid AS SELECT i AS id, timestamp '2026-01-01' + i * interval '1 hour' AS at, i % 9 AS card, i % 11 = 0 AS y FROM generate_series(1, 2000) AS i" \
	-c "SELECT mlops.create_feature_view('paidv', 'paid', 'id', 'at', '{\"n\": {\"aggregate\": \"count\", \"by\": \"card\", \"window\": \"1 day\"}}')" \
	-c "SELECT mlops.train('paid', 'paidv', target => 'y', key => 'id', time_column => 'at', features => '{n}', params => '{\"n_estimators\": 3}')" \
	-c "CREATE TABLE other_paid (LIKE paid)" -c "ALTER TABLE other_paid ADD score float8" >/dev/null 2>&1
is "a trigger on another table than features are of" "$(said "CREATE TRIGGER t BEFORE INSERT ON other_paid FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('paid/1', 'score')")" \
	'WARNING: trigger "t": the features that the model reads are computed from earlier rows of table public.paid, not of this one
HINT: Rows are scored, but those of this table do not count. Train on a feature view of this table.'
is "a view as it was" "$(said "SELECT * FROM mlops.evaluate('paid/1')")" ""
query -c "SELECT mlops.alter_feature_view('paidv', '{\"n\": {\"aggregate\": \"count\", \"by\": \"card\", \"window\": \"2 days\"}}')" >/dev/null
is "a view that has changed" "$(said "SELECT * FROM mlops.evaluate('paid/1')" | head -n 1)" 'WARNING: feature "n" of view "paidv" is not what the version was trained with'
is "its rows scored one by one" "$(said "SELECT count(mlops.score('paid/1', v)) FROM paidv AS v" | head -n 1)" 'WARNING: feature "n" of view "paidv" is not what the version was trained with'
query -c "SELECT mlops.create_feature_view('leaky', 'paid', 'id', 'at', '{\"r\": {\"aggregate\": \"avg\", \"value\": \"y\", \"by\": \"card\", \"window\": \"9 days\"}, \"s\": {\"aggregate\": \"avg\", \"value\": \"y\", \"by\": \"card\", \"delay\": \"9 days\"}}')" >/dev/null
is "labels without a delay" "$(said "SELECT mlops.train('leaky', 'leaky', target => 'y', key => 'id', time_column => 'at', features => '{r,s}', params => '{\"n_estimators\": 3}')" | grep '"r" looks')" 'WARNING: feature "r" looks at "y", the target, without a delay'
query -c "CREATE TABLE gone AS SELECT * FROM paid" -c "SELECT mlops.train('gone', 'gone', target => 'y', key => 'id', time_column => 'at', params => '{\"n_estimators\": 3}')" -c "DROP TABLE gone" >/dev/null 2>&1
is "rows of a table that is gone" "$(said "SELECT * FROM mlops.evaluate('gone/1')")" 'ERROR: relation "public.gone" does not exist'
is "a feature under its own name only" "$(said "SELECT mlops.train('paid', query => 'SELECT id, at, y, n * 2 AS n, card, card AS c FROM paidv', target => 'y', key => 'id', features => '{n,c}', params => '{\"n_estimators\": 3}')" | grep -c WARNING)" 0

echo "1..$n"
