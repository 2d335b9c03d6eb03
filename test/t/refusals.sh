#!/bin/sh
# refusals.sh - what a gate refused is on record though the transaction is rolled
# back: by whom, with every check; and what happens where it cannot be.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT * FROM mlops.simulate_transactions(customers => 200, terminals => 400, days => 40);
CREATE ROLE ann;
CREATE ROLE bob LOGIN IN ROLE ann;
GRANT ALL ON tx TO ann;
CREATE FUNCTION train() RETURNS int LANGUAGE sql AS $$ SELECT version FROM mlops.train('fraud', 'tx', target => 'tx_fraud',
	time_column => 'tx_datetime', key => 'transaction_id', exclude => '{tx_fraud_scenario}', params => '{"n_estimators": 3}') $$;
SET ROLE ann;
SELECT train(), train() \g /dev/null
SELECT mlops.set_gate('fraud', '{"pr_auc": {"min": 0.99999}, "roc_auc": {"min": 0.1}}') \g /dev/null
SELECT mlops.set_stage('fraud', 2, 'staging') \g /dev/null
SQL
# as_ann SQL...: in a session of bob's that is ann, each SQL a statement of its own
as_ann()
{
	for sql; do
		echo "$sql;"
	done | query -U bob -d postgres -c 'SET ROLE ann' -f - 2>&1 || :
}
checks()
{
	query -c "SELECT version, purpose, condition, passed, checked_by FROM mlops.gate_checks WHERE gate_check_id > $1 ORDER BY gate_check_id"
}
last_check()
{
	query -c "SELECT coalesce(max(gate_check_id), 0) FROM mlops.gate_checks"
}
hint_of()
{
	sed -n 's/^.*HINT: *//p'
}

is "a refusal says where its checks are" "$(as_ann "SELECT mlops.set_stage('fraud', 2, 'production')" | hint_of)" \
	"The checks are in view mlops.gate_checks."
is "production is refused, and on record" "$(query -c "SELECT stage FROM mlops.versions WHERE version = 2"; checks 0)" "staging
2|production|pr_auc|f|ann
2|production|roc_auc|t|ann"
is "with the metrics" "$(query -c "SELECT c.value = v.pr_auc FROM mlops.gate_checks AS c JOIN mlops.versions AS v USING (version) WHERE condition = 'pr_auc'")" t
is "and in the audit log, for whoever asked" "$(query -c "SELECT event, version, role, session_role, detail ->> 'purpose', detail #>> '{checks,0,passed}' FROM mlops.audit_log ORDER BY seq DESC LIMIT 1")" \
	"gate_refused|2|ann|bob|production|false"
last=$(last_check)
as_ann "SELECT mlops.deploy('fraud', 1)" >/dev/null
is "a deployment too" "$(checks "$last")" "1|deploy|pr_auc|f|ann
1|deploy|roc_auc|t|ann"

last=$(last_check)
as_ann "BEGIN" "SELECT mlops.describe('fraud', 'held')" "SELECT mlops.set_stage('fraud', 1, 'staging')" \
	"SELECT mlops.set_stage('fraud', 1, 'production')" "ROLLBACK" >/dev/null
is "in a transaction that has changed model and version" "$(checks "$last")" "1|production|pr_auc|f|ann
1|production|roc_auc|t|ann"
is "of which nothing else is left" "$(query -c "SELECT description FROM mlops.models"; query -c "SELECT stage FROM mlops.versions WHERE version = 1")" "
none"
last=$(last_check)
is "a version that is not committed: its refusal is in the audit log" \
	"$(as_ann "BEGIN" "SELECT mlops.deploy('fraud', train())" "ROLLBACK" | hint_of; checks "$last"; query -c "SELECT event, version FROM mlops.audit_log ORDER BY seq DESC LIMIT 1")" \
	"The audit log has the refusal; the checks are not kept, as the version is not committed.
gate_refused|3"
as_ann "SELECT mlops.apply('{\"models\": {\"fraud\": {\"deploy\": {\"version\": 1}}}}')" >/dev/null
is "refused in a document" "$(checks "$last" | wc -l)" 2
last=$(last_check)
is "caught, it is on record all the same" "$(as_ann "DO \$\$BEGIN PERFORM mlops.deploy('fraud', 2); EXCEPTION WHEN OTHERS THEN NULL; END\$\$"; checks "$last" | wc -l)" 2

# ---- where it cannot be recorded
last=$(last_check)
started=$(date +%s)
is "where the refused transaction itself holds up the audit log, on record all the same" "$(as_ann "BEGIN" "SELECT mlops.describe('fraud', 'x')" "SET CONSTRAINTS ALL IMMEDIATE" \
	"SELECT mlops.deploy('fraud', 2)" "ROLLBACK" | hint_of; checks "$last")" \
	"The checks are in view mlops.gate_checks.
2|deploy|pr_auc|f|ann
2|deploy|roc_auc|t|ann"
is "and soon" "$([ $(($(date +%s) - started)) -le 4 ] && echo t)" t
last=$(last_check)
private_server start "fsync = off" "max_worker_processes = 0"
is "without a worker the error says so" "$(as_ann "SELECT mlops.deploy('fraud', 2)" | hint_of)" \
	"The refusal could not be recorded: no background worker slot is free. SELECT * FROM mlops.check_gate('fraud', 2) measures and records."
as_ann "SELECT mlops.check_gate('fraud', 2)" >/dev/null
is "and check_gate records" "$(checks "$last")" "2|check|pr_auc|f|ann
2|check|roc_auc|t|ann"
private_server start "fsync = off" "default_transaction_read_only = on" "default_transaction_isolation = 'serializable'"
last=$(last_check)
as_ann "SET transaction_read_only = off" "BEGIN READ WRITE" "SELECT mlops.deploy('fraud', 2)" >/dev/null
is "what the database's default is does not matter" "$(checks "$last" | wc -l)" 2
is "nobody records a refusal that was none" "$(error_of -U bob -d postgres -c "SELECT mlops_catalog.record_refusal_apart('ann', '{}')")" \
	"42501: permission denied for function record_refusal_apart"
is "the chain holds" "$(query -c 'SELECT intact FROM mlops.verify_audit()')" t
echo "1..$n"
