#!/bin/sh
# open_transactions.sh - what a role leaves open stops nobody who takes a model back,
# and nobody waits for it for ever.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off" "max_prepared_transactions = 2"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE ROLE mallory LOGIN;
CREATE ROLE carl LOGIN;
CREATE TABLE tx AS
SELECT i AS id, timestamp '2026-01-01' + i * interval '1 minute' AS at, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud
FROM generate_series(1, 2000) AS i;
GRANT SELECT ON tx TO PUBLIC;
CREATE FUNCTION trained(model text, experiment text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
	SELECT t.version FROM mlops.train(trained.model, 'tx', target => 'is_fraud', features => '{amount}', time_column => 'at',
		params => '{"n_estimators": 3}', experiment => trained.experiment) AS t $$;
SELECT trained('fraud'), trained('fraud') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.deploy('fraud', 2) \g /dev/null
SELECT mlops.grant('fraud', 'mallory', 'view'), mlops.grant('fraud', 'mallory', 'train') \g /dev/null
SELECT mlops.set_gate('fraud', '{"roc_auc": {"min": 0.5}, "fairness": {"by": "is_fraud", "metric": "alert_rate", "max_gap": 1, "min_rows": 1}, "approvals": {"roles": ["mallory"]}}') \g /dev/null
SET ROLE mallory;
SELECT mlops.approve('fraud', 1), mlops.approve('fraud', 2) \g /dev/null
RESET ROLE;
SELECT mlops.grant('fraud', 'mallory', 'score'), mlops.grant('fraud', 'carl', 'train') \g /dev/null
CREATE TABLE exported AS SELECT mlops.export_model('fraud', 1) AS bytes;
GRANT SELECT ON exported TO mallory;
SQL

# ---- a session of mallory's that has run a statement and stays in its transaction
open()
{
	rm -f "$server/open"
	mkfifo "$server/open"
	query -U mallory -d postgres -f - <"$server/open" >"$server/open.out" 2>&1 &
	holder=$!
	exec 3>"$server/open"
	echo "BEGIN; $1; SELECT pg_advisory_lock(1);" >&3
	until_true "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
	until_true "SELECT state = 'idle in transaction' FROM pg_stat_activity WHERE usename = 'mallory'"
	grep ERROR "$server/open.out" | sed 's/^/# /' || :
	pid=$(query -c "SELECT pid FROM pg_stat_activity WHERE usename = 'mallory'")
}
close()
{
	echo "${1:-ROLLBACK};" >&3
	exec 3>&-
	wait "$holder" || :
}

# What statements come to in a transaction that is rolled back: "done", or the
# first error, without the number of the holder's process.
outcome()
{
	query -U "$1" -d postgres -c "SET client_min_messages = error" -c "SET statement_timeout = '60s'" -c "BEGIN" -c "$2" -c "ROLLBACK" 2>&1 >/dev/null |
		sed "s/process $pid /process PID /; s/pg_terminate_backend($pid)/pg_terminate_backend(PID)/; s/since [-0-9: +]*:/since TIME:/" >"$server/outcome"
	if [ -s "$server/outcome" ]; then grep -E 'ERROR|FATAL|HINT' "$server/outcome"; else echo done; fi
}

stop_buttons="SELECT mlops.rollback('fraud')
SELECT mlops.undeploy('fraud')
SELECT mlops.deploy('fraud', 1)
SELECT mlops.deploy('fraud', 1, 'canary', 10, key => 'id'); SELECT mlops.pause('fraud'); SELECT mlops.resume('fraud'); SELECT mlops.abort('fraud')
SELECT mlops.deploy('fraud', 1, 'shadow', key => 'id'); SELECT mlops.promote('fraud', variant => 'shadow_1')
SELECT mlops.check_guards('fraud')
SELECT mlops.revoke('fraud', 'mallory', 'view')
SELECT mlops.grant('fraud', 'carl', 'score')
SELECT mlops.set_gate('fraud', '{}')
SELECT mlops.set_alias('fraud', 'champion', 1)
SELECT mlops.set_stage('fraud', 1, 'staging')
SELECT mlops.drop_version('fraud', 1)
SELECT mlops.maintain()
SELECT mlops.check_gate('fraud', 1)
SELECT mlops.approve('fraud', 1)"

# The errors of those that do not work in the presence of what is open.
stopped()
{
	{
		echo "SET client_min_messages = error; SET lock_timeout = '2s';"
		echo "$stop_buttons" | sed 's/^/BEGIN; /; s/$/; ROLLBACK;/'
	} | query -v ON_ERROR_STOP=0 2>&1 >/dev/null | grep ERROR || :
}
private_user()
{
	query -c "SELECT current_user"
}

for statement in "SELECT mlops.check_gate('fraud', 1)" "SELECT mlops.approve('fraud', 1)" "SELECT trained('fraud')" \
	"SELECT mlops.import_model((SELECT bytes FROM exported), 'fraud')" "SELECT mlops.start_run('fraud', model => 'fraud')" \
	"SELECT mlops.evaluate('fraud', 'tx')" "SELECT mlops.model_card('fraud', 1)" "SELECT mlops.reproduce('fraud', 1)" \
	"SELECT mlops.cross_validate('fraud', 'tx', target => 'is_fraud', features => '{amount}', folds => 2, params => '{\"n_estimators\": 3}')" \
	"SELECT mlops.tune('fraud', 'tx', target => 'is_fraud', features => '{amount}', time_column => 'at', space => '{\"max_depth\": [2, 3]}', params => '{\"n_estimators\": 3}')" \
	"SELECT mlops.retrain('fraud')" "SELECT mlops.decide('fraud', t, 'k') FROM tx t LIMIT 1"; do
	open "$statement"
	is "left open, $(echo "$statement" | sed "s/^SELECT //; s/(.*//") stops nobody" "$(stopped)" ""
	close
done

# ---- where somebody is waited for, not for ever

fraud="SELECT trained('next')"
for statement in "SELECT mlops.start_run('next')" "SELECT trained('other', 'next')"; do
	open "$statement"
	is "an experiment that is not committed" "$(outcome carl "SET LOCAL lock_timeout = '200ms'; $fraud")" "ERROR:  cannot add to experiment \"next\": process PID of role \"mallory\" has not ended its transaction
HINT:  Wait until it commits or rolls back, or end its session, which is idle in transaction since TIME: SELECT pg_terminate_backend(PID)."
	is "is one of those that PostgreSQL calls lock_not_available" "$(query -U carl -d postgres -v VERBOSITY=sqlstate -c "SET lock_timeout = '200ms'" -c "$fraud" 2>&1 | grep ERROR)" "ERROR:  55P03"
	is "cross-validation too" "$(outcome carl "SET LOCAL lock_timeout = '200ms'; SELECT mlops.cross_validate('next', 'tx', target => 'is_fraud', features => '{amount}', folds => 2, params => '{\"n_estimators\": 3}')" | grep -c 'role "mallory"')" 1
	close
done
open "SELECT mlops.start_run('next')"
begun=$(date +%s)
is "without lock_timeout, too" "$(outcome carl "$fraud" | head -n 1)" 'ERROR:  cannot add to experiment "next": process PID of role "mallory" has not ended its transaction'
took=$(($(date +%s) - begun))
is "after ten seconds" "$([ $took -ge 10 ] && [ $took -lt 30 ] && echo t || echo "after $took s")" t
close COMMIT
is "one that is committed is for everybody" "$(outcome carl "$fraud")" done
query -U mallory -d postgres -c "SELECT mlops.delete_experiment('next')" >/dev/null
is "one that another role has deleted too" "$(outcome carl "SELECT mlops.start_run('next')")" done

open "SELECT trained('first', 'mallorys')"
is "a model that is not committed" "$(outcome carl "SET LOCAL lock_timeout = '200ms'; SELECT trained('first')" | head -n 1)" 'ERROR:  cannot make model "first": process PID of role "mallory" has not ended its transaction'
close
open "SELECT mlops.snapshot('tx', 'sn')"
is "a snapshot that is not committed" "$(outcome carl "SET LOCAL lock_timeout = '200ms'; SELECT mlops.snapshot('tx', 'sn')" | head -n 1)" 'ERROR:  cannot take snapshot "sn": process PID of role "mallory" has not ended its transaction'
close

open "SELECT count(*) FROM mlops.check_gate('fraud', 1)"
is "a model about which something is recorded is not dropped" "$(outcome "$(private_user)" "SET LOCAL lock_timeout = '200ms'; SELECT mlops.drop_model('fraud', force => true)" | head -n 1)" \
	'ERROR:  cannot drop model "fraud": process PID of role "mallory" has not ended its transaction'
close

# numbers of versions that are registered at the same time
open "SELECT trained('fraud')"
taken=$(query -U carl -d postgres -c "SELECT trained('fraud')")
close COMMIT
is "a version that waits for its commit keeps its number" "$(query -c "SELECT array_agg(version ORDER BY version) FROM mlops.versions WHERE model = 'fraud'")|$taken" "{1,2,3,4}|4"

# ---- guards

query -c "SELECT mlops.grant('fraud', 'mallory', 'deploy')" -c "SELECT mlops.deploy('fraud', 1, 'canary', key => 'id', ramp => '[{\"percent\": 10, \"wait\": \"0\"}, {\"percent\": 100}]')" >/dev/null
open "SELECT mlops.set_alias('fraud', 'champion', 1)"
query -c "ALTER SYSTEM SET mlops.maintenance_interval = 1" -c "SELECT pg_reload_conf()" >/dev/null
holder_told="model \"fraud\": process $pid of role \"mallory\" has not ended its transaction"
until_true "SELECT error = 'cannot change $holder_told' FROM mlops.upkeep WHERE model = 'fraud' AND task = 'guard'"
is "a guard that cannot act says who is in its way" "$(query -c "SELECT error FROM mlops.upkeep WHERE model = 'fraud' AND task = 'guard'")" "cannot change $holder_told"
is "so does check_catalog" "$(query -c "SELECT problem FROM mlops.check_catalog() WHERE object = 'guard'")" "has failed: cannot change $holder_told"
close
until_true "SELECT deployed_version = 1 FROM mlops.models WHERE model = 'fraud'"
is "it acts as soon as it can" "$(query -c "SELECT deployed_version FROM mlops.models WHERE model = 'fraud'")" 1
is "and has nothing more to say" "$(query -c "SELECT count(*) FROM mlops.upkeep WHERE model = 'fraud' AND task = 'guard' AND error IS NOT NULL")" 0
query -c "ALTER SYSTEM RESET mlops.maintenance_interval" -c "SELECT pg_reload_conf()" >/dev/null

# ---- a prepared transaction

query -c "BEGIN" -c "SELECT mlops.set_alias('fraud', 'champion', 2)" -c "PREPARE TRANSACTION 'it''s left'" >/dev/null
is "a prepared transaction is named" "$(outcome "$(private_user)" "SET LOCAL lock_timeout = '200ms'; SELECT mlops.undeploy('fraud')")" "ERROR:  cannot change model \"fraud\": prepared transaction \"it's left\" has not ended its transaction
HINT:  COMMIT PREPARED 'it''s left' or ROLLBACK PREPARED 'it''s left' ends it."
query -c "ROLLBACK PREPARED 'it''s left'"
is "the catalog is consistent" "$(query -c "SELECT * FROM mlops.check_catalog()")" ""
echo "1..$n"
