-- Arguments, errors and views of tuning.  What runs trials is in t/tuning.sh:
-- here nothing is committed, so no worker could see it.
\ir setup.psql
SELECT plan(58);

CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END $$;
CREATE FUNCTION refused(arguments text, code text, message text, description text) RETURNS text LANGUAGE sql AS $$
	SELECT throws_ok(format('SELECT mlops.tune(''m'', ''tx'', target => ''is_fraud'', key => ''id'', %s)', arguments),
		code::char(5), message, description)
$$;
SELECT refused($$method => 'bayes'$$, '22023', 'unrecognized method "bayes"', 'unknown method');
SELECT refused($$pruner => 'best'$$, '22023', 'unrecognized pruner "best"', 'unknown pruner');
SELECT refused($$pruner => '{"name": "best"}'$$, '22023', 'unrecognized pruner "best"', 'unknown pruner with settings');
SELECT refused($$pruner => '{"reduction_factor": 3}'$$, '22023', '"pruner" has no "name"', 'settings of no pruner');
SELECT refused($$pruner => '{"name": "median", "reduction_factor": 3}'$$, '22023', 'unrecognized key "reduction_factor" in "pruner"', 'a setting of another pruner');
SELECT refused($$pruner => '{"name": "asha", "reduction_factor": 1}'$$, '22023', 'value 1 of "reduction_factor" in "pruner" is out of range', 'no reduction');
SELECT refused($$pruner => '{"name": "asha", "min_rounds": 501}'$$, '22023', 'value 501 of "min_rounds" in "pruner" is out of range', 'more rounds than there are');
SELECT refused($$pruner => '{"name": "asha", "min_rounds": 2}', folds => 5$$, '22023', 'unrecognized key "min_rounds" in "pruner"', 'rounds where folds are compared');
SELECT is(hint, 'Mark rows as validation in column "part", or give a number of "folds".', 'a fold column without validation rows') FROM (SELECT * FROM pg_temp.hint_of(
	$$SELECT mlops.tune('m', query => 'SELECT *, CASE WHEN id % 3 = 0 THEN ''test'' ELSE ''train'' END AS part FROM tx', target => 'is_fraud', key => 'id', split => '{"fold": "part"}')$$) AS hint) AS h;
SELECT refused($$folds => 1$$, '22023', 'value 1 of "folds" is out of range', 'one fold');
SELECT refused($$folds => 0$$, '22023', 'value 0 of "folds" is out of range', 'no fold');
SELECT refused($$kind => 'stratified'$$, '22023', '"kind" needs "folds"', 'a kind of no folds');
SELECT refused($$group_by => 'country'$$, '22023', '"group_by" needs "folds"', 'groups of no folds');
SELECT refused($$label_delay => '1 day'$$, '22023', '"label_delay" needs "folds"', 'a delay of no folds');
SELECT refused($$folds => 5, kind => 'time'$$, '22023', 'folds of kind "time" need "time_column"', 'folds by time without a column');
SELECT refused($$split => '{"refit": "all"}'$$, '22023', '"refit" in "split" must be true or false, not a string', 'unknown refit');
SELECT refused($$trials => 0$$, '22023', 'value 0 of "trials" is out of range', 'no trials');
SELECT refused($$parallel => 0$$, '22023', 'value 0 of "parallel" is out of range', 'no workers');
SELECT refused($$patience => -1$$, '22023', 'value -1 of "patience" is out of range', 'no patience');
SELECT refused($$max_seconds => 0$$, '22023', 'value 0 of "max_seconds" is out of range', 'no time');
SELECT refused($$method => NULL$$, '22004', '"method" must not be null', 'method is null');
SELECT refused($$algorithm => 'forest'$$, '22023', 'unrecognized algorithm "forest"', 'unknown algorithm');
SELECT refused($$metric => 'auc'$$, '22023', 'unrecognized metric "auc"', 'unknown metric');
SELECT refused($$split => '{"validation": 0}'$$, '22023', 'tuning needs validation rows, and the split leaves none', 'nothing to decide by');

CREATE FUNCTION refused_space(space text, message text, description text) RETURNS text LANGUAGE sql AS $$
	SELECT refused(format('space => %L', space), '22023', message, description)
$$;
SELECT refused_space('[1]', '"space" must be a JSON object', 'a space that is no object');
SELECT refused_space('{}', '"space" has nothing to search', 'an empty space');
SELECT refused_space('{"max_depth": 3}', '"space" has nothing to search', 'a space of fixed values');
SELECT refused_space('{"depth": [1]}', 'unrecognized key "depth" in "space"', 'unknown parameter');
SELECT refused_space('{"depth": {"min": 1, "max": 2}}', 'unrecognized key "depth" in "space"', 'unknown parameter with a range');
SELECT refused_space('{"max_depth": []}', 'list of "max_depth" in "space" is empty', 'an empty list');
SELECT refused_space('{"max_depth": [3, 3]}', 'list of "max_depth" in "space" has 3 twice', 'a value twice');
SELECT refused_space('{"max_depth": [3, 4.5]}', 'value 4.5 of "max_depth" in "space" must be an integer', 'a list''s value of another type');
SELECT refused_space('{"max_depth": [3, [4]]}', 'list of "max_depth" in "space" may hold numbers, strings and booleans only', 'a list in a list');
SELECT refused_space('{"max_depth": null}', '"max_depth" in "space" must be a list, a range or a value, not null', 'null');
SELECT refused_space('{"grow_policy": ["depthwise", "best"]}', 'unrecognized value "best" of "grow_policy" in "space"', 'a choice that is none');
SELECT refused_space('{"max_depth": {"min": 1}}', 'range of "max_depth" in "space" needs "min" and "max"', 'half a range');
SELECT refused_space('{"max_depth": {"min": 5, "max": 2}}', 'range of "max_depth" in "space" has its "min" 5 above its "max" 2', 'a falling range');
SELECT refused_space('{"max_depth": {"min": 2, "max": 2000}}', 'value 2000 of "max_depth" in "space" is out of range', 'a range beyond the parameter''s');
SELECT refused_space('{"reg_lambda": {"min": 0, "max": 2, "log": true}}', 'range of "reg_lambda" in "space" must begin above 0 to be logarithmic', 'a logarithm of 0');
SELECT refused_space('{"max_depth": {"min": 1, "max": 3, "step": 1}}', 'unrecognized key "step" in "space.max_depth"', 'unknown key in a range');
SELECT refused_space('{"grow_policy": {"min": 0, "max": 1}}', '"grow_policy" in "space" is not a number and has no range', 'a range of what is no number');
SELECT refused_space('{"max_bins": {"min": 16, "max": 255}}', '"max_bins" in "space" must be a list', 'a range of bins');
SELECT refused_space('{"max_leaves": {"min": 4, "max": 9, "when": {"grow_policy": "lossguide"}}}',
	'"max_leaves" in "space" depends on "grow_policy", which is not a list of the same space', 'a condition on what is not there');
SELECT refused_space('{"grow_policy": ["lossguide"], "max_leaves": {"min": 4, "max": 9, "when": {"grow_policy": "depthwise"}}}',
	'"max_leaves" in "space" depends on value "depthwise", which the list of "grow_policy" does not have', 'a condition on a value that is not there');
SELECT refused_space('{"algorithm": {"gradient_boosting": {"C": [1]}}}', 'unrecognized key "C" in "space"', 'another algorithm''s parameter');
SELECT refused_space('{"algorithm": {"svm": {"C": [1]}}}', 'unrecognized algorithm "svm"', 'an algorithm that is none');
SELECT refused($$space => '{"max_depth": [3, 4]}', params => '{"max_depth": 5}'$$, '22023',
	'"max_depth" is both in "params" and in "space"', 'a parameter fixed and searched');
SELECT refused($$space => '{"learning_rate": {"min": 0.1, "max": 1}}', method => 'grid'$$, '22023',
	'a grid cannot try every value of range "learning_rate"', 'a grid of a range without steps');

-- the views, on rows put there by hand
INSERT INTO mlops_catalog.experiment (name, owner) VALUES ('e', current_user::regrole);
INSERT INTO mlops_catalog.dataset (query, content_hash, rows, positives, unlabelled, train_rows, validation_rows, test_rows, time_zone, columns)
VALUES ('SELECT', 'x', 1, 1, 0, 1, 0, 0, 'UTC', '[]');
INSERT INTO mlops_catalog.study (identity, experiment_id, model, dataset_id, method, pruner, space, metric, maximise, seed, target, tags, owner)
SELECT 'i', experiment_id, 'm', dataset_id, 'random', 'none', '{}', 'pr_auc', true, 1, 'y', '{}', current_user::regrole
FROM mlops_catalog.experiment, mlops_catalog.dataset;
INSERT INTO mlops_catalog.run (experiment_id, model, algorithm, status, library_version, owner, started_at)
SELECT experiment_id, 'm', 'a', 'finished', '1', current_user::regrole, now() FROM mlops_catalog.experiment, generate_series(0, 40);
-- the value is 3 for half of the choices and 1 for the others, plus what nothing explains
INSERT INTO mlops_catalog.trial (run_id, study_id, number, state, value, steps, algorithm, params, point, rungs, started_at, ended_at)
SELECT (SELECT min(run_id) FROM mlops_catalog.run) + i, study_id, i, CASE WHEN i = 5 THEN 'failed' WHEN i = 7 THEN 'pruned' ELSE 'finished' END,
	CASE WHEN i <> 5 THEN 1 + 2 * (i % 2) + i * 37 % 11 / 100.0 END, 10, 'a',
	jsonb_build_object('matters', (ARRAY['no', 'yes'])[1 + i % 2], 'noise', i * 13 % 41) || CASE WHEN i % 4 < 2 THEN '{"half": 1}' ELSE '{}' END::jsonb,
	'{1,2}', '{}', now(), now()
FROM mlops_catalog.study, generate_series(0, 39) AS i;
SELECT results_eq($$SELECT parameter, share > 0.98, share < 0.1, groups, trials FROM mlops.tuning_importance ORDER BY parameter$$,
	$$VALUES ('half', false, true, 2::bigint, 39::bigint), ('matters', true, false, 2, 39), ('noise', false, true, 8, 39)$$,
	'importance: the parameter that decides, one that is noise, one that is not always there');
SELECT results_eq($$SELECT trials, finished, pruned, failed, best_trial FROM mlops.studies$$,
	$$SELECT 40::bigint, 38::bigint, 1::bigint, 1::bigint, (SELECT number FROM mlops_catalog.trial WHERE state = 'finished' ORDER BY value DESC, number LIMIT 1)$$,
	'a study counts its trials and names the best');
SELECT is((SELECT array_agg(best_so_far ORDER BY trial) FROM mlops.trials WHERE trial IN (0, 1, 39)),
	(SELECT ARRAY[(SELECT value FROM mlops_catalog.trial WHERE number = 0), (SELECT value FROM mlops_catalog.trial WHERE number = 1),
		(SELECT max(value) FROM mlops_catalog.trial WHERE state = 'finished')]), 'the best so far');
UPDATE mlops_catalog.run SET deleted_at = now() WHERE run_id <= (SELECT run_id FROM mlops_catalog.trial WHERE number = 9);
SELECT is((SELECT count(*) FROM mlops.trials), 30::bigint, 'trials of deleted runs are gone');

-- how much the trials say
CREATE FUNCTION remarks(trials int) RETURNS text LANGUAGE sql AS $$
	UPDATE mlops_catalog.run SET deleted_at = now() WHERE run_id <= (SELECT run_id FROM mlops_catalog.trial WHERE number = 39 - trials);
	SELECT string_agg(format('%s %s', parameter, coalesce(remark, 'enough')), '; ' ORDER BY parameter) FROM mlops.tuning_importance WHERE parameter IN ('matters', 'noise') $$;
SELECT is(remarks(30), 'matters enough; noise enough', 'thirty trials are enough');
SELECT is(remarks(29), 'matters 29 trials tell little: 30 or more tell something; noise 29 trials tell little: 30 or more tell something', 'fewer are not');
SELECT is(remarks(8), 'matters 8 trials tell little: 30 or more tell something; noise no two of 8 trials are alike in it: with more trials its values are taken together', 'each trial has a value of its own');
UPDATE mlops_catalog.trial SET value = 1 WHERE value IS NOT NULL;
SELECT is(remarks(8), 'matters all trials have the same value; noise all trials have the same value', 'no parameter matters');
SELECT is(remarks(7), (SELECT string_agg(p || ' 7 trials tell nothing: from 8 on there is a share, from 30 on it tells something', '; ') FROM unnest('{matters,noise}'::text[]) AS p), 'too few');

-- importance by an independent computation
\ir golden_importance.psql
DELETE FROM mlops_catalog.study;
INSERT INTO mlops_catalog.study (identity, experiment_id, model, dataset_id, method, pruner, space, metric, maximise, seed, target, tags, owner)
SELECT study::text, experiment_id, 'm', dataset_id, 'random', 'none', '{}', 'pr_auc', true, 1, 'y', '{}', current_user::regrole
FROM mlops_catalog.experiment, mlops_catalog.dataset, (SELECT DISTINCT study FROM golden_trial) AS g;
INSERT INTO mlops_catalog.run (experiment_id, model, algorithm, status, library_version, owner, started_at)
SELECT experiment_id, 'm', 'golden', 'finished', '1', current_user::regrole, now() FROM mlops_catalog.experiment;
INSERT INTO mlops_catalog.trial (run_id, study_id, number, state, value, steps, algorithm, params, point, rungs, started_at, ended_at)
SELECT (SELECT run_id FROM mlops_catalog.run WHERE algorithm = 'golden'), s.study_id, g.number, 'finished', g.value, 1, 'a', g.params, '{}', '{}', now(), now()
FROM golden_trial g JOIN mlops_catalog.study s ON s.identity = g.study::text;
SELECT results_eq($$SELECT s.identity::int, i.parameter, i.groups::int, g.share IS NULL, coalesce(abs(i.share - g.share) < 1e-12, i.share IS NULL AND g.share IS NULL)
		FROM mlops.tuning_importance i JOIN mlops_catalog.study s USING (study_id)
		LEFT JOIN golden_importance g ON g.study::text = s.identity AND g.parameter = i.parameter ORDER BY 1, 2$$,
	'SELECT study, parameter, groups, share IS NULL, true FROM golden_importance ORDER BY 1, 2', 'importance is omega squared, as SciPy gives it');
SELECT * FROM finish();
ROLLBACK;
