#!/bin/sh
# tuning.sh - trials in background workers: the same search again after a cancel
# or a crash, nothing left behind, and test rows that decide nothing.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# Not preloaded: nothing here needs it.  Shared memory in files of its own, to
# be counted.
private_server start "fsync = off" "shared_buffers = '128MB'" "max_worker_processes = 8" \
	"dynamic_shared_memory_type = 'mmap'"
query <<SQL
CREATE EXTENSION mlops;
SET client_min_messages = warning;
CREATE TABLE tx AS
SELECT i AS id, x.a, x.b, x.c, (i * 7 % 5)::text AS kind,
	CASE WHEN i % 10 < 6 THEN 'train' WHEN i % 10 < 8 THEN 'validation' ELSE 'test' END AS part,
	x.a + 0.3 * sin(20 * x.b) + 0.4 * (i % 7 = 3)::int + 0.5 * x.noise > 1.25 AS label
FROM generate_series(1, 20000) AS i,
	LATERAL (SELECT mod(i * 0.7548776662, 1)::float8 AS a, mod(i * 0.5698402910, 1)::float8 AS b, i % 7 AS c,
		mod(i * 0.3819660113, 1)::float8 AS noise) AS x;
CREATE TABLE flipped AS SELECT id, a, b, c, kind, part, CASE WHEN part = 'test' THEN NOT label ELSE label END AS label FROM tx;
SQL

small='{"max_depth": {"min": 2, "max": 6}, "learning_rate": {"min": 0.02, "max": 0.5, "log": true}, "n_estimators": 30}'
data="target => 'label', key => 'id', split => '{\"fold\": \"part\"}', preprocess => '{\"class_weight\": \"balanced\"}'"
# tune MODEL TABLE ARGUMENTS
tune()
{
	echo "mlops.tune('$1', '$2', $data, $3)"
}
values="SELECT string_agg(trial || ' ' || state || ' ' || value || ' ' || params, E'\n' ORDER BY trial) FROM mlops.trials WHERE model ="

is "fifteen trials one after the other" \
	"$(query -c "SELECT version FROM $(tune one tx "space => '$small', trials => 15, parallel => 1")")" 1
is "each is a finished run with a curve" "$(query <<SQL
SELECT count(DISTINCT t.run_id), count(DISTINCT t.run_id) FILTER (WHERE r.status = 'finished'), min(curve.points) > 10
FROM mlops.trials t JOIN mlops.runs r USING (run_id), LATERAL (SELECT count(*) AS points FROM mlops.run_metrics m
	WHERE m.run_id = t.run_id AND m.name = 'validation_pr_auc' AND m.step > 0) AS curve
WHERE t.model = 'one'
SQL
)" "15|15|t"
is "its parameters are the run's" "$(query <<SQL
SELECT count(*) FROM mlops.trials t JOIN mlops.run_params p USING (run_id)
WHERE t.model = 'one' AND p.name = 'learning_rate' AND p.value::float8 = (t.params ->> 'learning_rate')::float8
SQL
)" 15
is "the same call again tries nothing and finds the same winner" \
	"$(query -c "SELECT version FROM $(tune one tx "space => '$small', trials => 15, parallel => 1")" \
		-c "SELECT count(*), count(DISTINCT sha256), (SELECT count(*) FROM mlops.trials WHERE model = 'one') FROM mlops.versions WHERE model = 'one'" 2>/dev/null)" \
	"2
2|1|15"
query -c "SELECT version FROM $(tune again tx "space => '$small', trials => 15, parallel => 1")" >/dev/null
is "one after the other, a search can be repeated" "$(query -c "$values 'again'")" "$(query -c "$values 'one'")"
query -o /dev/null <<SQL
SELECT format('SELECT * FROM mlops.train(''plain'', ''tx'', target => ''label'', key => ''id'', split => ''{"fold": "part"}'',
	preprocess => ''{"class_weight": "balanced"}'', params => %L)', params || '{"n_estimators": 30}')
FROM mlops.trials t JOIN mlops.studies s USING (study_id) WHERE t.model = 'one' AND t.trial = s.best_trial \gexec
SQL
is "the winner is what train makes of its parameters, byte by byte" \
	"$(query -c "SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model IN ('one', 'plain')")" 1
is "its value is the metric that train reports on the validation rows" "$(query <<SQL
SELECT s.best_value = m.value FROM mlops.studies s, mlops.run_metrics m
WHERE s.model = 'one' AND m.model = 'plain' AND m.name = 'validation_pr_auc' AND m.step = 0
SQL
)" t

# Test rows decide nothing: with all their labels turned round, the trials and
# the winner's bytes are the same, and the metrics on the test rows are not.
query -c "SELECT version FROM $(tune flipped flipped "space => '$small', trials => 15, parallel => 1")" >/dev/null
is "turned test labels change no trial" "$(query -c "$values 'flipped'")" "$(query -c "$values 'one'")"
is "nor the winner's trees and threshold, but what it is judged to be" "$(query <<SQL
SELECT count(DISTINCT threshold), count(DISTINCT r.tags ->> 'trial'), count(DISTINCT v.pr_auc)
FROM mlops.versions v JOIN mlops.runs r USING (run_id) WHERE v.model IN ('one', 'flipped')
SQL
)" "1|1|2"
is "the test rows were judged once a tuning" "$(query -c "SELECT count(*) FROM mlops.run_metrics WHERE model = 'flipped' AND name = 'test_pr_auc'")" 1

# In parallel, other orders of ending, but random points all the same.
query -c "SELECT version FROM $(tune r1 tx "space => '$small', trials => 10, method => 'random', parallel => 1")" >/dev/null
query -c "SELECT version FROM $(tune r3 tx "space => '$small', trials => 10, method => 'random', parallel => 3")" >/dev/null
is "three workers find the random trials that one finds" "$(query -c "$values 'r3'")" "$(query -c "$values 'r1'")"

# A category of many levels, whose statistic is fitted once and shared.
query <<SQL
CREATE TABLE shops AS SELECT i AS id, 'shop ' || (hashint4(i) & 511) AS shop, i % 97 AS a, (hashint4(i) & 7) = 3 AND i % 5 < 4 OR i % 11 = 0 AS label FROM generate_series(1, 8000) AS i;
SQL
for model in shops1 shops3; do
	query -c "SELECT version FROM mlops.tune('$model', 'shops', target => 'label', key => 'id', space => '{\"max_depth\": [2, 3, 4, 5]}', params => '{\"n_estimators\": 10}',
		method => 'grid', parallel => ${model#shops})" >/dev/null
	query -c "SELECT version FROM mlops.tune('$model', 'shops', target => 'label', key => 'id', space => '{\"max_depth\": [2, 3, 4, 5]}', params => '{\"n_estimators\": 10}',
		method => 'grid', folds => 3, parallel => ${model#shops})" >/dev/null
done
is "many levels: three workers find what one finds, by validation and by folds" "$(query -c "$values 'shops3'" | sort) $(query -c "SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model IN ('shops1', 'shops3') GROUP BY version")" \
	"$(query -c "$values 'shops1'" | sort) 1
1"
query -o /dev/null <<SQL
SELECT format('SELECT * FROM mlops.train(''shops'', ''shops'', target => ''label'', key => ''id'', params => %L)', params || '{"n_estimators": 10}')
FROM mlops.trials AS t JOIN mlops.studies AS s USING (study_id) WHERE t.model = 'shops1' AND t.trial = s.best_trial ORDER BY study_id LIMIT 1 \gexec
SQL
is "and what train makes of it" "$(query -c "SELECT count(DISTINCT sha256), count(DISTINCT f.feature) FROM mlops.versions AS v JOIN mlops.feature_statistics AS f USING (model, version)
	WHERE model IN ('shops', 'shops1') AND version = 1 AND f.feature = 'shop.target'")" "1|1"

# Cancelled at several points: within a second, nothing is left, trials stay.
segments()
{
	find "$server/data/pg_dynshmem" -type f | wc -l
}
slow='{"max_depth": {"min": 5, "max": 8}, "learning_rate": {"min": 0.02, "max": 0.5, "log": true}, "n_estimators": 400}'
long="$(tune long tx "space => '$slow', trials => 500, parallel => 2")"
query -c "SELECT version FROM $(tune short tx "space => '$slow', trials => 2")" >/dev/null	# everything is warm
segments_before=$(segments)
worst=0
left=0
for limit in 100 700 1500 2500; do
	query -v ON_ERROR_STOP=0 -c "SET statement_timeout = $limit" -c "SELECT version FROM $long" >/dev/null 2>"$server/error" || :
	grep -q 'statement timeout' "$server/error" || { cat "$server/error"; worst=99999; }
	began=$(date +%s%N)
	while [ "$(query -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker'")" != 0 ]; do
		[ $((($(date +%s%N) - began) / 1000000)) -lt 5000 ] || break
	done
	ms=$((($(date +%s%N) - began) / 1000000))
	[ "$ms" -le "$worst" ] || worst=$ms
	[ "$(segments)" -le "$segments_before" ] || left=1
done
echo "# workers were gone at most $worst ms after the cancel"
is "a cancelled tuning stops its workers within a second" "$([ "$worst" -lt 1000 ] && echo yes)" yes
is "and leaves no shared memory" "$left" 0
# Where the server is slow no trial has ended yet: once more, until one has.  Its
# workers are waited for too, as trials of before must not end the wait too soon.
query -c "SELECT version FROM $long" >/dev/null 2>&1 &
until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker' AND query LIKE 'trial%'
	AND EXISTS (SELECT FROM mlops.trials WHERE model = 'long')" 60
query -c "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT version FROM %' AND pid <> pg_backend_pid() AND backend_type = 'client backend'" >/dev/null
wait
kept=$(query -c "SELECT count(*) FROM mlops.trials WHERE model = 'long'")
is "and keeps the trials that had ended" "$([ "$kept" -gt 0 ] && [ "$kept" -lt 500 ] && echo yes)" yes
is "no version was registered" "$(query -c "SELECT count(*) FROM mlops.versions WHERE model = 'long'")" 0

# A killed worker takes the server down and up again; the trials stay.
tuning_in_background()
{
	query -c "SELECT version FROM $long" >/dev/null 2>"$server/error" &
	tuning=$!
	while worker=$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker' AND query LIKE 'trial%' LIMIT 1") &&
		[ -z "$worker" ]; do
		kill -0 $tuning || { echo "# the tuning has ended: $(cat "$server/error")"; return 0; }
		sleep 0.05
	done
}
tuning_in_background
query -c "SELECT pg_terminate_backend($worker)" >/dev/null
wait $tuning || :
is "a terminated worker ends the tuning with a hint" \
	"$(grep -c 'a worker of the tuning has ended unexpectedly' "$server/error") $(grep -c 'again with the same arguments' "$server/error")" "1 1"
tuning_in_background
kill -9 "$worker"
wait $tuning || :
until query -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
after=$(query -c "SELECT count(*) FROM mlops.trials WHERE model = 'long'")
is "after a crash the trials are there" "$([ "$after" -ge "$kept" ] && echo yes)" yes

# A leader that is terminated takes its workers with it.
tuning_in_background
query -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT version FROM mlops.tune%'" >/dev/null
wait $tuning || :
sleep 1
is "a terminated leader leaves no worker" \
	"$(query -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker'")" 0
is "and no shared memory" "$([ "$(segments)" -le "$segments_before" ] && echo yes)" yes

tuning_in_background
is "a second session cannot run the same tuning meanwhile" \
	"$(query -v ON_ERROR_STOP=0 -c "SELECT version FROM $long" 2>&1 | grep -c 'running in another session')" 1
query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT version FROM mlops.tune%'" >/dev/null
wait $tuning || :

is "a number of seconds ends the search" "$(query -c "SELECT version FROM $(tune brief tx "space => '$slow', trials => 500, max_seconds => 1, parallel => 2")" \
	-c "SELECT count(*) BETWEEN 1 AND 100 FROM mlops.trials WHERE model = 'brief'")" "1
t"
is "so does patience" "$(query -c "SELECT version FROM $(tune patient tx "space => '$small', trials => 200, patience => 6, parallel => 1")" \
	-c "SELECT max(trial) - best_trial FROM mlops.trials JOIN mlops.studies USING (study_id) WHERE studies.model = 'patient' GROUP BY best_trial")" "1
6"

# Pruning, several algorithms, conditions, all samplers.
for pruner in none median asha hyperband; do
	query -c "SELECT version FROM $(tune "$pruner" tx "space => '{\"max_depth\": {\"min\": 1, \"max\": 6}, \"learning_rate\": {\"min\": 0.001, \"max\": 0.5, \"log\": true}, \"n_estimators\": 54}',
		method => 'random', trials => 24, pruner => '$pruner', parallel => 1")" >/dev/null
	[ "$pruner" = none ] || is "$pruner stops some trials early, and finds what all trials to their end find" "$(query <<SQL
SELECT s.pruned BETWEEN 3 AND 22, max(t.steps) FILTER (WHERE t.state = 'pruned') < 54, min(t.steps) FILTER (WHERE t.state = 'finished') = 54,
	s.best_value >= 0.99 * (SELECT best_value FROM mlops.studies WHERE model = 'none'),
	sum(t.steps) < 0.8 * 24 * 54
FROM mlops.studies s JOIN mlops.trials t USING (study_id) WHERE s.model = '$pruner' GROUP BY s.study_id, s.pruned, s.best_value
SQL
)" "t|t|t|t|t"
done
several='{"algorithm": {"gradient_boosting": {"n_estimators": 20, "grow_policy": ["depthwise", "lossguide"],
	"max_leaves": {"min": 4, "max": 16, "when": {"grow_policy": "lossguide"}}, "max_bins": [16, 255]},
	"logistic_regression": {"penalty": ["l1", "l2"], "C": {"min": 0.001, "max": 10, "log": true}}}}'
for method in random tpe gp; do
	query -c "SELECT version FROM $(tune "$method" tx "space => '$several', trials => 16, method => '$method'")" >/dev/null
	is "$method: parameters are there with their algorithm and condition alone" "$(query <<SQL
SELECT bool_and((params ? 'penalty' AND params ? 'C') = (algorithm = 'logistic_regression')
	AND params ? 'grow_policy' = (algorithm = 'gradient_boosting')
	AND params ? 'max_leaves' = (coalesce(params ->> 'grow_policy', '') = 'lossguide')),
	bool_and(params ->> 'algorithm' = algorithm), count(DISTINCT algorithm), bool_and(state = 'finished')
FROM mlops.trials WHERE model = '$method'
SQL
)" "t|t|2|t"
done
query -c "SELECT version FROM $(tune nested tx "space => '{\"n_estimators\": 5, \"grow_policy\": [\"depthwise\", \"lossguide\"], \"max_leaves\": {\"values\": [4, 8, 16], \"when\": {\"grow_policy\": \"lossguide\"}},
	\"min_split_gain\": {\"min\": 0.01, \"max\": 1, \"steps\": 2, \"when\": {\"max_leaves\": [8, 16]}}}', method => 'grid', trials => 100")" >/dev/null
is "conditions on conditions, a list as a condition, values with a condition" "$(query <<SQL
SELECT count(*), count(DISTINCT params), bool_and(params ? 'max_leaves' = (params ->> 'grow_policy' = 'lossguide')),
	bool_and(params ? 'min_split_gain' = (coalesce((params -> 'max_leaves')::int, 0) >= 8)) FROM mlops.trials WHERE model = 'nested'
SQL
)" "6|6|t|t"
is "grid tries the product" "$(query -c "SELECT version FROM $(tune grid tx "space => '{\"max_depth\": {\"min\": 2, \"max\": 4}, \"subsample\": [0.5, 1], \"reg_lambda\": {\"min\": 1, \"max\": 100, \"log\": true, \"steps\": 3}, \"n_estimators\": 5}', trials => 100, method => 'grid'")" \
	-c "SELECT count(*), count(DISTINCT params), count(DISTINCT params -> 'reg_lambda') FROM mlops.trials WHERE model = 'grid'")" "1
18|18|3"
is "importance: what matters matters more" "$(query <<SQL
SELECT count(*), bool_and(share BETWEEN 0 AND 1) FROM mlops.tuning_importance WHERE model = 'grid'
SQL
)" "3|t"
is "trials that cannot be run are recorded as failed" "$(query -c "SELECT version FROM $(tune part tx "space => '{\"max_depth\": [0, 3], \"n_estimators\": 5}', method => 'grid'")" \
	-c "SELECT state, error IS NOT NULL, (SELECT status FROM mlops.runs r WHERE r.run_id = t.run_id) FROM mlops.trials t WHERE model = 'part' ORDER BY trial" 2>/dev/null)" "1
failed|t|failed
finished|f|finished"
is "and if none can be run the error says why" "$(query -v ON_ERROR_STOP=0 -c "SELECT version FROM $(tune nothing tx "space => '{\"max_depth\": [0], \"n_estimators\": 5}', method => 'grid'")" 2>&1 |
	grep -c '"max_depth" and "max_leaves" are both 0')" 1

# Refitted on everything: other trees, as many training rows flagged, the same
# trials.
query -c "SELECT version FROM $(tune one tx "space => '$small', trials => 15, parallel => 1" | sed 's/{"fold": "part"}/{"fold": "part", "refit": true}/')" >/dev/null 2>&1
is "refit learns from the validation rows too" "$(query <<SQL
SELECT count(DISTINCT sha256), (SELECT count(*) FROM mlops.trials WHERE model = 'one')
FROM mlops.versions WHERE model = 'one' AND version IN (2, 3)
SQL
)" "2|15"
is "and flags as many of the training rows, to one score" "$(query <<SQL
SELECT abs(b.flagged - a.flagged) <= greatest(a.at_score, b.at_score) AND a.flagged > 0
FROM LATERAL (SELECT count(*) FILTER (WHERE s >= v.threshold) AS flagged, max(n) AS at_score FROM mlops.versions AS v, LATERAL (
	SELECT mlops.score_version('one', 2, t) AS s, count(*) OVER (PARTITION BY mlops.score_version('one', 2, t)) AS n FROM tx AS t WHERE part = 'train') AS x
	WHERE v.model = 'one' AND v.version = 2) AS a,
	LATERAL (SELECT count(*) FILTER (WHERE s >= v.threshold) AS flagged, max(n) AS at_score FROM mlops.versions AS v, LATERAL (
	SELECT mlops.score_version('one', 3, t) AS s, count(*) OVER (PARTITION BY mlops.score_version('one', 3, t)) AS n FROM tx AS t WHERE part = 'train') AS x
	WHERE v.model = 'one' AND v.version = 3) AS b
SQL
)" t
is "winners can be reproduced, refitted or not" \
	"$(query -c "SELECT bool_and(r.identical) FROM (VALUES (1), (3)) AS v (version), mlops.reproduce('one', v.version) AS r")" t

# Inside of one transaction: after what has used the experiment, before what has
# made it is committed.
is "several tunings in one statement" "$(query -c "SELECT count(*) FROM generate_series(1, 2) AS s,
	LATERAL $(tune both tx "space => '$small', trials => 2, seed => s")" 2>/dev/null)" 2
is "an experiment that is not committed is refused in so many words" \
	"$(query -v ON_ERROR_STOP=0 -c 'BEGIN' -c "SELECT version FROM mlops.train('fresh', 'tx', target => 'label', key => 'id', params => '{\"n_estimators\": 2}')" \
		-c "SELECT version FROM $(tune fresh tx "space => '$small', trials => 2")" 2>&1 | grep -c 'holds a lock on its experiment')" 1

# Deleted runs are tried again.
query -c "SELECT count(*) FROM (SELECT mlops.delete_run(run_id) FROM mlops.trials WHERE model = 'again' AND trial < 4) AS d" \
	-c "SELECT version FROM $(tune again tx "space => '$small', trials => 15, parallel => 1")" >/dev/null 2>&1
is "trials whose runs were deleted are tried again" "$(query -c "$values 'again'")" "$(query -c "$values 'one'")"

# What is given leaves the default space; how far it is, and why it ended, is said.
notices()
{
	query -c "SET client_min_messages = notice" -c "SELECT FROM $1" 2>&1 | sed -n 's/^.*NOTICE: *//p'
}
is "what is given is not searched by default" "$(notices "$(tune given tx "params => '{\"n_estimators\": 10, \"max_bins\": 63}', trials => 2, method => 'random'")")" \
	'parameters in "params" are fixed and not searched: n_estimators'
is "but fixed, and all else searched" "$(query <<'SQL'
SELECT bool_and(NOT t.params ? 'n_estimators' AND t.params ?& '{learning_rate,max_depth,subsample}' AND n.value = '10' AND b.value = '63'), count(*)
FROM mlops.trials t JOIN mlops.run_params n ON n.run_id = t.run_id AND n.name = 'n_estimators'
JOIN mlops.run_params b ON b.run_id = t.run_id AND b.name = 'max_bins' WHERE t.model = 'given'
SQL
)" "t|2"
is "a search of nothing is refused" "$(query -c "SELECT FROM $(tune given tx "algorithm => 'logistic_regression', params => '{\"penalty\": \"l2\", \"C\": 1}'")" 2>&1 | sed -n 's/^.*ERROR: *//p')" \
	'"params" fixes every parameter that is searched by default'
is "it ends by patience and says so" "$(notices "$(tune patient2 tx "space => '$small', trials => 200, patience => 2, parallel => 1, method => 'random'")" | sed 's/after [0-9]* of/after N of/')" \
	'the search ended after N of 200 trials: the last 2 trials were no better than the best one ("patience")'
is "or by seconds, and tells every five of them how far it is" "$(notices "$(tune brief2 tx "space => '$slow', trials => 500, max_seconds => 6, parallel => 1")" |
	sed 's/after [0-9]* of/after N of/; s/^[0-9]* of/N of/; s/ended[.].*/ended./' | uniq)" \
	'N of 500 trials have ended.
the search ended after N of 500 trials: "max_seconds" (6) are over'
is "a grid ends with its points" "$(notices "$(tune grid2 tx "space => '{\"max_depth\": [2, 3], \"n_estimators\": 5}', trials => 9, method => 'grid'")")" \
	'the search ended after 2 of 9 trials: all points of the grid have been tried'

# A space of two points: each is tried once, whatever was asked for.
for method in tpe random gp
do
	few="space => '{\"max_depth\": [2, 3], \"n_estimators\": 5}', trials => 12, method => '$method'"
	is "$method: two points are two trials, and it says why" \
		"$(query -c "SET client_min_messages = notice" -c "SELECT version FROM $(tune "few_$method" tx "$few")" 2>&1 | grep -c 'the search ended early: all 2 points of the space have been tried')" 1
	is "$method: no point twice" "$(query -c "SELECT count(*), count(DISTINCT params) FROM mlops.trials WHERE model = 'few_$method'")" "2|2"
done
is "nor when it is taken up again" "$(query -c "SELECT version FROM $(tune few_tpe tx "$(echo "$few" | sed 's/gp/tpe/; s/12/30/'), parallel => 2")" \
	-c "SELECT count(*) FROM mlops.trials WHERE model = 'few_tpe'" 2>/dev/null)" "2
2"

# Who works: the role that called, with or without the right to log in.
query <<SQL
CREATE ROLE analyst LOGIN;
CREATE ROLE team NOLOGIN;
GRANT team TO analyst;
GRANT SELECT ON tx TO team;
SQL
is "trials belong to the role that asked, even one that cannot log in" "$(query -c "SET SESSION AUTHORIZATION analyst" -c "SET ROLE team" \
	-c "SELECT version FROM $(tune theirs tx "space => '$small', trials => 3")" -c "SELECT DISTINCT owner FROM mlops.trials" 2>&1)" "1
team"
is "in a transaction of one snapshot it is refused" \
	"$(query -v ON_ERROR_STOP=0 -c "BEGIN ISOLATION LEVEL REPEATABLE READ" -c "SELECT version FROM $(tune one tx "space => '$small'")" 2>&1 |
		grep -c 'cannot run in a repeatable read transaction')" 1
private_server start "fsync = off" "max_worker_processes = 0"
is "without a free worker it says what to raise" \
	"$(query -v ON_ERROR_STOP=0 -c "SELECT version FROM $(tune one tx "space => '$small', trials => 3")" 2>&1 | grep -c 'Raise max_worker_processes (now 0)')" 1
echo "1..$n"
