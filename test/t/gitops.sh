#!/bin/sh
# gitops.sh - the example workflow's steps as they stand: plan, apply, and again;
# the document written from one database makes another one the same; schedules.
# TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'pg_cron,mlops'" "fsync = off" "max_worker_processes = 20"
query -c 'CREATE ROLE ann LOGIN' -c 'CREATE ROLE "payments app"' -c 'CREATE EXTENSION pg_cron' -c 'GRANT USAGE ON SCHEMA cron TO ann' \
	-c 'GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO ann' -c 'CREATE DATABASE copy'

make_versions()
{
	query -d "$1" <<-SQL
		CREATE EXTENSION mlops;
		CREATE TABLE tx AS SELECT * FROM mlops.simulate_transactions(customers => 200, terminals => 400, days => 40);
		GRANT ALL ON tx TO ann;
		SET ROLE ann;
		SELECT count(mlops.train('fraud', 'tx', target => 'tx_fraud', time_column => 'tx_datetime', key => 'transaction_id',
			exclude => '{tx_fraud_scenario}', params => jsonb_build_object('n_estimators', n))) FROM generate_series(3, 5) AS n \g /dev/null
	SQL
}
make_versions postgres
make_versions copy

# step NAME DATABASE: runs a step of the workflow in a checkout with models.json.
mkdir "$server/checkout"
step()
{
	awk -v name="$1" '$1 == "-" { in_step = $0 ~ "name: " name "$" } in_step && run { sub(/^          /, ""); print }
		in_step && /run: [|]/ { run = 1 } !in_step { run = 0 }' "$root/docs/examples/models.yml" >"$server/step.sh"
	(cd "$server/checkout" && MLOPS_DATABASE="host=$server/socket user=ann dbname=$2" PGOPTIONS='-c client_min_messages=warning' \
		sh -e "$server/step.sh" 2>&1)
}
export_spec()
{
	query -d "$1" -U ann -c "SELECT jsonb_pretty(mlops.export_spec('fraud'))"
}

cat >"$server/checkout/models.json" <<'JSON'
{"models": {"fraud": {
	"description": "it's for \"cards\"", "tags": {"team": "risk"}, "grants": {"payments app": ["score"]},
	"gate": {"roc_auc": {"min": 0.1}}, "stages": {"1": "production"}, "aliases": {"champion": 1, "next": 2},
	"deploy": {"version": 1, "key": "customer_id",
		"release": {"strategy": "canary", "version": 2, "ramp": [{"percent": 5, "wait": "0"}, {"percent": 50, "wait": "1 day"}]},
		"segments": [{"variant": "pilot", "version": 3, "rule": {"terminal_id": [1, 2]}}], "shadows": {"next": {"version": 3}}},
	"schedules": {"guards of fraud": {"cron": "*/5 * * * *", "command": "SELECT mlops.check_guards('fraud')", "timeout": "60 minutes", "max_retries": 1}}}}}
JSON
before=$(export_spec postgres)
step Plan postgres >"$server/plan"
is "the plan lists the changes" "$(awk -F '|' 'NR > 2 && NF > 1 { gsub(/ /, "", $2); print $2 }' "$server/plan" | sort | uniq -c | awk '{ printf "%s%s %s", s, $2, $1; s = ", " }')" \
	"aliases 2, deploy 4, description 1, gate 1, grants 1, schedules 1, stages 1, tags 1"
is "and changes nothing" "$(export_spec postgres)" "$before"
is "nor does it schedule anything" "$(query -c 'SELECT count(*) FROM cron.job')" 0
is "apply does as planned" "$(step Apply postgres)" "$(cat "$server/plan")"
is "applied again there is nothing to do" "$(step Apply postgres | grep 'row')" "(0 rows)"
is "the schedule is there" "$(query -c "SELECT username, database, schedule FROM cron.job")" "ann|postgres|*/5 * * * *"
query -c "SELECT mlops.check_guards('fraud')" >/dev/null
is "the ramp took a step" "$(query -c "SELECT percent FROM mlops.deployments WHERE variant = 'canary'")" 50
is "which is nothing to do" "$(step Apply postgres | grep 'row')" "(0 rows)"

export_spec postgres >"$server/checkout/models.json"
is "the document written is nothing to do" "$(step Apply postgres | grep 'row')" "(0 rows)"
step Plan copy >"$server/plan"
is "in another database nothing is scheduled by a plan" "$(query -c 'SELECT count(*) FROM cron.job'; query -d copy -c 'SELECT count(*) FROM mlops.schedules')" "1
0"
is "it is applied there" "$(step Apply copy)" "$(cat "$server/plan")"
is "and makes that one the same" "$(export_spec copy)" "$(export_spec postgres)"
is "with its schedule" "$(query -c "SELECT username, schedule FROM cron.job WHERE database = 'copy'")" "ann|*/5 * * * *"
is "but with the ramp at its first step" "$(query -d copy -c "SELECT percent FROM mlops.deployments WHERE variant = 'canary'")" 5
is "there too nothing is left to do" "$(step Apply copy | grep 'row')" "(0 rows)"

echo '{"models": {"fraud": {"schedules": {"guards of fraud": {"cron": "@hourly", "command": "SELECT 1"}}}}}' >"$server/checkout/models.json"
step Apply postgres >/dev/null
is "a schedule changes" "$(query -c "SELECT cron, command, timeout, max_retries, model FROM mlops.schedules")" "@hourly|SELECT 1||0|fraud"
echo '{"models": {"fraud": {"schedules": {"x": {"cron": "hourly", "command": "SELECT 1"}}}}}' >"$server/checkout/models.json"
is "one that is none is met by the plan" "$(step Plan postgres | sed -n 's/^.*ERROR: *//p')" 'models.fraud.schedules.x: invalid cron expression "hourly"'
echo '{"models": {"fraud": {"schedules": {}}}}' >"$server/checkout/models.json"
step Apply postgres >/dev/null
is "and ends" "$(query -c "SELECT count(*) FROM mlops.schedules" -c "SELECT database FROM cron.job")" "0
copy"
echo '{"models": {"fraud": {"description": "new", "deploy": {"version": 7}}}}' >"$server/checkout/models.json"
is "a step that fails fails the workflow" "$(step Apply postgres >/dev/null && echo passed || echo failed)" failed
is "and leaves nothing" "$(query -c "SELECT description FROM mlops.models")" 'it'"'"'s for "cards"'
echo "1..$n"
