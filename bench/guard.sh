#!/bin/sh
# guard.sh - looks at a release and a model of which 10,000,000 decisions were
# logged today: what a guard's check and a monitor's run cost once they know what
# there was, with 1,000 decisions that are new at each look.
#
# MLOPS_BENCH_DECISIONS is the number of decisions (1.5 GB of disk for the default).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model
decisions=${MLOPS_BENCH_DECISIONS:-10000000}
columns="prediction_id, created_at, model_id, deployment_id, version, variant, shadow, key, score, flagged, threshold, latency"

# decide_many FROM TO HOW_MANY: decisions of both variants between two times.
decide_many()
{
	query -o /dev/null -c "INSERT INTO mlops_catalog.prediction ($columns)
		SELECT gen_random_uuid(), $1 + g * (($2) - ($1)) / $3, r.model_id, r.deployment_id, 1, r.variant, false, g::text, s, s > 0.99, 0.99, 1 + g % 50
		FROM generate_series(1, $3) AS g JOIN mlops_catalog.deployment_route AS r ON r.variant = CASE WHEN g % 10 = 0 THEN 'canary' ELSE 'primary' END,
			LATERAL (SELECT (g::bigint * 7919 % 10007) / 10007.0::float8 AS s) AS s"
}

query -o /dev/null -c "SELECT * FROM mlops.maintain()" -c "TRUNCATE mlops_catalog.prediction" -c "SELECT * FROM mlops.deploy('m', 1, 'canary', percent => 10, key => 'id',
	guard => '{\"alert_rate\": {\"max\": 0.5}, \"psi\": {\"max\": 1000}, \"latency_p95\": {\"max\": 1000000}, \"error_rate\": {\"max\": 0.5}}')"
begun="date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
query -c "UPDATE mlops_catalog.release SET step_started_at = $begun" -c "UPDATE mlops_catalog.deployment SET deployed_at = $begun"
query -o /dev/null -c "SELECT * FROM mlops.monitor('m', every => '1 minute')" -c "UPDATE mlops_catalog.monitor SET created_at = now() - interval '2 minutes'"
decide_many "($begun)" "now()" "$decisions"

first=$(milliseconds "SELECT * FROM mlops.check_guards('m')")
first_run=$(milliseconds "SELECT * FROM mlops.run_monitor('m')")
work=$(mktemp -d)
for round in $(seq "$rounds"); do
	decide_many "now()" "now()" 1000	# none before the last look, as it is where payments are decided
	query -o /dev/null -c "SELECT * FROM mlops.maintain()"
	milliseconds "SELECT * FROM mlops.check_guards('m')" >>"$work/guard"
	milliseconds "SELECT * FROM mlops.run_monitor('m')" >>"$work/monitor"
done
counted=$(query -c "SELECT sum(f.decisions) FROM mlops_catalog.release AS e, mlops_catalog.variant_metrics('postgres', e.model_id, e.step_started_at, NULL) AS f")
wanted=$((decisions + rounds * 1000))
[ "$counted" = "$wanted" ] || { echo "the guard has counted $counted decisions, not $wanted" >&2; exit 1; }
query -o /dev/null -c "SELECT * FROM mlops.promote('m')" -c "SELECT * FROM mlops.unmonitor('m')" -c "TRUNCATE mlops_catalog.prediction"
guard=$(median <"$work/guard") monitor=$(median <"$work/monitor")
rm -rf "$work"

table_header "Looking at $decisions decisions of today"
result "the first check of a guard, which counts them" "$first" ms
result "each check after it" "$guard" ms '<=' 100
result "the first run of a monitor" "$first_run" ms
result "each run after it" "$monitor" ms '<=' 100
exit $missed
