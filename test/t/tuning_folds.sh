#!/bin/sh
# tuning_folds.sh - trials that are judged on folds, and folds in background
# workers: a trial's value is what cross-validation gives, however many workers
# there are, whatever becomes of them, and without test rows.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# Shared memory in files of its own, to be searched and counted.
private_server start "fsync = off" "shared_buffers = '128MB'" "max_worker_processes = 8" \
	"dynamic_shared_memory_type = 'mmap'"
query <<SQL
CREATE EXTENSION mlops;
SET client_min_messages = warning;
CREATE TABLE tx AS
SELECT i AS id, (i * 31 % 200) AS customer, timestamp '2024-01-01' + i * interval '10 minutes' AS ts, x.a, x.b,
	CASE WHEN i % 50 <> 0 THEN x.b * 100 END AS amount, CASE WHEN i % 31 <> 0 THEN 'shop ' || (i * 7 % 23) END AS shop,
	CASE WHEN i % 10 < 6 THEN 'train' WHEN i % 10 < 8 THEN 'validation' ELSE 'test' END AS part,
	x.a + 0.3 * sin(20 * x.b) + 0.4 * (i * 7 % 23 = 3)::int + 0.5 * x.noise > 1.25 AS label
FROM generate_series(1, 6000) AS i,
	LATERAL (SELECT mod(i * 0.7548776662, 1)::float8 AS a, mod(i * 0.5698402910, 1)::float8 AS b,
		mod(i * 0.3819660113, 1)::float8 AS noise) AS x;
-- what a trial may see: test rows have no label
CREATE VIEW seen AS SELECT id, customer, ts, a, b, amount, shop, CASE WHEN part <> 'test' THEN label END AS label FROM tx;
CREATE TABLE flipped AS SELECT id, customer, ts, a, b, amount, shop, part, CASE WHEN part = 'test' THEN NOT label ELSE label END AS label FROM tx;
SQL
small='{"max_depth": {"min": 1, "max": 6}, "learning_rate": {"min": 0.02, "max": 0.5, "log": true}, "n_estimators": 20}'
data="target => 'label', key => 'id', preprocess => '{\"class_weight\": \"balanced\"}'"
# tune MODEL TABLE ARGUMENTS
tune()
{
	echo "mlops.tune('$1', '$2', $data, split => '{\"fold\": \"part\"}', $3)"
}
values="SELECT string_agg(trial || ' ' || state || ' ' || value || ' ' || params, E'\n' ORDER BY trial) FROM mlops.trials WHERE model ="

# same_as_cross_validation MODEL ARGUMENTS: each trial's value, and its folds',
# are those of mlops.cross_validate with the trial's parameters.
same_as_cross_validation()
{
	query <<SQL
SET client_min_messages = warning;
CREATE TEMP TABLE c (trial int, fold text, value float8);
SELECT format('INSERT INTO c SELECT %s, fold, pr_auc FROM mlops.cross_validate(''check'', ''seen'', $(echo "$data, $2" | sed "s/'/''/g"), params => %L)',
	t.trial, t.params || coalesce(s.fixed, '{}'))
FROM mlops.trials t, LATERAL (SELECT jsonb_object_agg(key, value) AS fixed
	FROM mlops.studies, jsonb_each(space) WHERE study_id = t.study_id AND jsonb_typeof(value) = 'number') AS s
WHERE t.model = '$1' \gexec
SELECT bool_and(c.value = t.value), (SELECT bool_and(c.value = m.value) FROM c JOIN mlops.trials t USING (trial)
		JOIN mlops.run_metrics m ON m.run_id = t.run_id AND (m.name = 'fold_pr_auc' AND m.step::text = c.fold
			OR m.name = 'std_pr_auc' AND c.fold = 'std') WHERE t.model = '$1')
FROM c JOIN mlops.trials t USING (trial) WHERE c.fold = 'mean' AND t.model = '$1';
SQL
}

query -c "SELECT version FROM $(tune one tx "space => '$small', trials => 12, parallel => 1, folds => 4")" >/dev/null 2>&1
is "a trial's value is the mean of its folds, theirs those of cross_validate" \
	"$(same_as_cross_validation one "folds => 4, split => '{\"validation\": 0}'")" "t|t"
is "the study says how it was judged" "$(query -c "SELECT folds FROM mlops.studies WHERE model = 'one'")" \
	'{"kind": "stratified", "folds": 4, "held_back": 0}'
query -c "SELECT version FROM $(tune stops tx "space => '{\"max_depth\": [2, 5], \"n_estimators\": 100, \"early_stopping_rounds\": 5}', method => 'grid', folds => 3")" >/dev/null 2>&1
is "with early stopping a share of each fold's training rows stops it" \
	"$(same_as_cross_validation stops "folds => 3")" "t|t"
is "before the last round" "$(query -c "SELECT max(m.value) < 100 FROM mlops.run_metrics m JOIN mlops.trials t USING (run_id) WHERE t.model = 'stops' AND m.name = 'fold_iterations'")" t
query -c "SELECT version FROM $(tune grouped tx "space => '$small', trials => 3, method => 'random', folds => 4, group_by => 'customer'")" >/dev/null 2>&1
is "folds of customers" \
	"$(same_as_cross_validation grouped "folds => 4, group_by => 'customer', split => '{\"validation\": 0}'")" "t|t"
query -c "SELECT version FROM $(tune late tx "space => '$small', trials => 3, method => 'random', folds => 3, time_column => 'ts', label_delay => '2 days'")" >/dev/null 2>&1
is "folds by time with a label delay" \
	"$(same_as_cross_validation late "folds => 3, time_column => 'ts', label_delay => '2 days', split => '{\"validation\": 0}'")" "t|t"
query -c "SELECT version FROM $(tune window tx "space => '{\"penalty\": [\"l1\", \"l2\"], \"C\": [0.01, 1]}', algorithm => 'logistic_regression', method => 'grid', folds => 3, kind => 'prequential', time_column => 'ts'")" >/dev/null 2>&1
is "prequential folds, another learner" \
	"$(same_as_cross_validation window "algorithm => 'logistic_regression', folds => 3, kind => 'prequential', time_column => 'ts', split => '{\"validation\": 0}'")" "t|t"

query -c "SELECT version FROM $(tune two tx "space => '$small', trials => 12, parallel => 1, folds => 4")" >/dev/null 2>&1
is "one after the other, a search can be repeated" "$(query -c "$values 'two'")" "$(query -c "$values 'one'")"
query -c "SELECT version FROM $(tune r1 tx "space => '$small', trials => 6, method => 'random', parallel => 1, folds => 4")" \
	-c "SELECT version FROM $(tune r3 tx "space => '$small', trials => 6, method => 'random', parallel => 3, folds => 4")" >/dev/null 2>&1
is "three workers find the random trials that one finds" "$(query -c "$values 'r3'")" "$(query -c "$values 'r1'")"
query -c "SELECT version FROM $(tune one tx "space => '$small', trials => 12, parallel => 1, folds => 4")" >/dev/null 2>&1
is "the same call again tries nothing and finds the same winner" \
	"$(query -c "SELECT count(*), count(DISTINCT sha256), (SELECT count(*) FROM mlops.trials WHERE model = 'one') FROM mlops.versions WHERE model = 'one'")" "2|1|12"
query -o /dev/null <<SQL
SELECT format('SELECT * FROM mlops.train(''plain'', ''tx'', target => ''label'', key => ''id'', split => ''{"fold": "part"}'',
	preprocess => ''{"class_weight": "balanced"}'', params => %L)', params || '{"n_estimators": 20}')
FROM mlops.trials t JOIN mlops.studies s USING (study_id) WHERE t.model = 'one' AND t.trial = s.best_trial \gexec
SQL
is "the winner is what train makes of its parameters, byte by byte" \
	"$(query -c "SELECT count(DISTINCT sha256) FROM mlops.versions WHERE model IN ('one', 'plain')")" 1
is "that of customers too: it does not learn from them" "$(query -c "SELECT identical FROM mlops.reproduce('grouped', 1)")" t

# Test rows decide nothing, and are not there.
query -c "SELECT version FROM $(tune flipped flipped "space => '$small', trials => 12, parallel => 1, folds => 4")" >/dev/null 2>&1
is "turned test labels change no trial" "$(query -c "$values 'flipped'")" "$(query -c "$values 'one'")"
is "nor the winner, but what it is judged to be" "$(query -c "SELECT count(DISTINCT threshold), count(DISTINCT r.tags ->> 'trial'), count(DISTINCT v.pr_auc)
	FROM mlops.versions v JOIN mlops.runs r USING (run_id) WHERE v.model IN ('one', 'flipped')")" "1|1|2"
query <<SQL
CREATE TABLE marked AS SELECT id, a, b, CASE WHEN id IN (16, 18) THEN 'a word of the ' || part || ' rows' ELSE shop END AS shop,
	CASE id WHEN 16 THEN 12345.678901234567 WHEN 18 THEN 76543.210987654321 ELSE a END AS amount, part, label FROM tx;
SQL
tune_marked="$(tune marked marked "space => '{\"max_depth\": [3, 5, 7, 8], \"learning_rate\": {\"min\": 0.01, \"max\": 0.3}, \"n_estimators\": 3000}', trials => 500, parallel => 2, folds => 3")"
# in_shared_memory TEXT: how many segments hold it; the pattern may be bytes.
in_shared_memory()
{
	LC_ALL=C grep -lPa "$1" "$server"/data/pg_dynshmem/* | wc -l
}
query -c "SELECT version FROM $tune_marked" >/dev/null 2>"$server/error" &
tuning=$!
until_true "SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker' AND query LIKE 'trial%'"
# float8 12345.678901234567 and 76543.210987654321
is "words and numbers of validation rows are in shared memory, of test rows are not" \
	"$(in_shared_memory 'a word of the validation rows') $(in_shared_memory 'a word of the test rows') \
$(in_shared_memory '\xd7\x53\x3c\xe6\xd6\x1c\xc8\x40') $(in_shared_memory '\x33\x97\x34\x60\xf3\xaf\xf2\x40')" "1 0 1 0"
query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT version FROM mlops.tune%'" >/dev/null
wait $tuning || :

# Pruning between folds.
for pruner in median asha hyperband '{"name": "asha", "reduction_factor": 2, "min_folds": 2}'; do
	name=$(echo "$pruner" | tr -cd a-z)
	query -c "SELECT version FROM $(tune "$name" tx "space => '$small', method => 'random', trials => 16, pruner => '$pruner', parallel => 1, folds => 5")" >/dev/null 2>&1
	is "$pruner stops poor trials after a fold" "$(query <<SQL
SELECT s.pruned > 2, bool_and(t.steps < 5) FILTER (WHERE t.state = 'pruned'), bool_and(t.steps = 5) FILTER (WHERE t.state = 'finished'),
	min(t.steps), bool_and(m.folds = t.steps)
FROM mlops.studies s JOIN mlops.trials t USING (study_id),
	LATERAL (SELECT count(*) AS folds FROM mlops.run_metrics m WHERE m.run_id = t.run_id AND name = 'fold_pr_auc') AS m
WHERE s.model = '$name' GROUP BY s.study_id, s.pruned
SQL
)" "t|t|t|$(case $name in median | asha | hyperband) echo 1 ;; *) echo 2 ;; esac)|t"
done

is "a trial that cannot be run is recorded as failed" "$(query -c "SELECT version FROM $(tune part tx "space => '{\"max_depth\": [0, 3], \"n_estimators\": 5}', method => 'grid', folds => 3")" \
	-c "SELECT state, value IS NULL, steps, error IS NOT NULL FROM mlops.trials WHERE model = 'part' ORDER BY trial" 2>/dev/null)" "1
failed|t|0|t
finished|f|3|f"

# Folds of a cross-validation in workers: the same metrics, the same messages.
folds="target => 'label', key => 'id', exclude => '{part}', folds => 5"
query -c "ALTER TABLE tx ADD same int DEFAULT 1, ADD name text, ADD cost float8" -c "UPDATE tx SET name = 'n' || id, cost = id % 7 + 1" \
	-c "CREATE TABLE result (how text, n int, line jsonb)"
# cross_validate HOW PARALLEL ARGUMENTS
cross_validate()
{
	query -c "INSERT INTO result SELECT '$1', $2, to_jsonb(c) - '{fold_ms,run_id}'::text[] FROM mlops.cross_validate('cv', 'tx', $folds, parallel => $2, $3) AS c" 2>&1
}
for case in "plain|seed => 1" "stops|params => '{\"early_stopping_rounds\": 3}', preprocess => '{\"class_weight\": \"balanced\"}'" \
	"grouped|group_by => 'customer'" "time|time_column => 'ts', label_delay => '1 day'" "window|time_column => 'ts', kind => 'prequential'" \
	"costs|threshold => '{\"cost\": {\"false_positive\": 1, \"false_negative\": \"cost\"}}', weight => 'cost'" \
	"linear|algorithm => 'logistic_regression', threshold => '{\"min_precision\": 1}', params => '{\"max_iter\": 3}'"; do
	name=${case%%|*}
	said=$(cross_validate "$name" 1 "${case#*|}")
	for parallel in 2 5; do
		again=$(cross_validate "$name" $parallel "${case#*|}")
		# but for how far it is, which depends on the machine
		is "$name: $parallel workers say what the caller's own process says" "$(echo "$again" | grep -v ' after [0-9]* s: ')" "$(echo "$said" | grep -v ' after [0-9]* s: ')"
	done
	echo "# $said" | head -n 3
done
is "and find the same metrics" "$(query -c "SELECT count(*), count(DISTINCT line || jsonb_build_object('how', how)) FROM result")" "147|49"

wrong="SELECT fold FROM mlops.cross_validate('cv', 'tx', $folds, params => '{\"monotone_constraints\": {\"shop\": 1}}', parallel"
is "an error is the same too" "$(error_of -c "$wrong => 3)")" "$(error_of -c "$wrong => 1)")"
wrong="SELECT fold FROM mlops.cross_validate('cv', 'tx', $folds, parallel"
is "with its hint" "$(error_of -c "SET mlops.max_training_memory = '20MB'" -c "$wrong => 3)" | sed 's/needs [0-9]*/needs some/')" \
	"53200: training needs some MB, but mlops.max_training_memory allows 20 MB
hint: Raise mlops.max_training_memory, or train on fewer rows or columns."

# Cancelled, terminated, killed: nothing is left, nothing recorded.
segments()
{
	find "$server/data/pg_dynshmem" -type f | wc -l
}
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker'" 5
segments_before=$(segments)
slow="mlops.cross_validate('slow', 'tx', target => 'label', key => 'id', exclude => '{part}', folds => 6, parallel => 2, params => '{\"n_estimators\": 20000}')"
validation_in_background()
{
	query -c "SELECT fold FROM $slow" >/dev/null 2>"$server/error" &
	validation=$!
	until_true "SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker' AND query LIKE 'fold%'"
	worker=$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker' LIMIT 1")
}
validation_in_background
is "workers say what they do" "$(query -c "SELECT query FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker' ORDER BY query LIMIT 1")" \
	'fold 1 of cross-validating model "slow"'
query -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT fold FROM mlops.cross%'" >/dev/null
wait $validation || :
began=$(date +%s%N)
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker'" 5
is "a cancelled cross-validation stops its workers within a second" "$([ $((($(date +%s%N) - began) / 1000000)) -lt 1000 ] && echo yes)" yes
is "and leaves no shared memory" "$(segments)" "$segments_before"
validation_in_background
query -c "SELECT pg_terminate_backend($worker)" >/dev/null
wait $validation || :
is "a terminated worker ends it with an error" "$(grep -c 'a worker of the cross-validation has ended unexpectedly' "$server/error")" 1
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'mlops cross-validation worker'" 5
validation_in_background
kill -9 "$worker"
wait $validation || :
until query -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
is "after none of these is anything recorded" "$(query -c "SELECT count(*) FROM mlops.runs WHERE model = 'slow'")" 0

# A worker killed in a trial of folds: the trials that had ended stay, the same
# call ends as if nothing had happened.
folded="$(tune killed tx "space => '{\"max_depth\": {\"min\": 3, \"max\": 8}, \"learning_rate\": {\"min\": 0.02, \"max\": 0.5, \"log\": true}, \"n_estimators\": 60}', trials => 14, parallel => 1, folds => 4")"
query -c "SELECT version FROM $folded" >/dev/null 2>"$server/error" &
tuning=$!
until_true "SELECT count(*) >= 8 FROM mlops.trials WHERE model = 'killed'" 60
kill -9 "$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops tuning worker'")"
wait $tuning || :
until query -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
is "after a crash in a trial, those before it are there" \
	"$(query -c "SELECT count(*) BETWEEN 8 AND 13 FROM mlops.trials WHERE model = 'killed'")" t
query -c "SELECT version FROM $folded" >/dev/null 2>&1
query -c "SELECT version FROM $(echo "$folded" | sed "s/'killed'/'whole'/")" >/dev/null 2>&1
is "and it ends as one that was never interrupted" "$(query -c "$values 'killed'")" "$(query -c "$values 'whole'")"

private_server start "max_worker_processes = 0"
cross_validate "plain" 3 "seed => 1" >/dev/null
is "without workers, folds are learned in the caller's process" \
	"$(query -c "SELECT count(*), count(DISTINCT line) FROM result WHERE how = 'plain' AND n IN (1, 3)")" "14|7"
echo "1..$n"
