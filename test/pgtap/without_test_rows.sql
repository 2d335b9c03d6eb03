-- A version without test rows proves nothing: no gate is passed by the metrics of
-- rows that it learned from or that its threshold was chosen on.
\ir setup.psql
SELECT plan(19);
CREATE FUNCTION judged(name text, split jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.train(name, 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 20}', split => split);
	RETURN (SELECT v.metrics ->> 'judged_on' FROM mlops.versions AS v WHERE v.model = name ORDER BY v.version DESC LIMIT 1);
END $$;
CREATE FUNCTION reasons(name text, version int) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(c.condition || ' ' || c.passed || ': ' || (c.detail ->> 'reason'), E'\n' ORDER BY c.condition) FROM mlops.check_gate(name, version) AS c $$;
CREATE FUNCTION shortfall(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL;
	RETURN found;
END $$;

SELECT is(judged('none', '{"test": 0, "validation": 0}'), 'train', 'no test rows asked for');
SELECT is(judged('later', '{"test_from": "2027-01-01"}'), 'train', 'dates after the last row');
SELECT is(judged('chosen', '{"validation_from": "2026-01-25", "test_from": "2027-01-01"}'), 'validation', 'only validation rows');
SELECT is(judged('tested', '{"test_from": "2026-01-25"}'), 'test', 'and test rows');
CREATE TABLE folds AS SELECT *, CASE WHEN id % 5 = 0 THEN 'validation' ELSE 'train' END AS fold FROM tx;
SELECT mlops.train('folded', 'folds', target => 'is_fraud', key => 'id', split => '{"fold": "fold"}') \g /dev/null
SELECT mlops.set_gate(m, '{"pr_auc": {"min": 0.1}}') FROM unnest('{none,later,chosen,tested,folded}'::text[]) AS m \g /dev/null

SELECT is(reasons('none', 1), 'pr_auc false: there are no test rows, it was judged on its train rows', 'training rows pass nothing');
SELECT is(reasons('later', 1), 'pr_auc false: there are no test rows, it was judged on its train rows', 'whatever the split');
SELECT is(reasons('chosen', 1), 'pr_auc false: there are no test rows, it was judged on its validation rows', 'nor do validation rows');
SELECT is(reasons('folded', 1), 'pr_auc false: there are no test rows, it was judged on its validation rows', 'a fold column without test rows');
SELECT ok((SELECT passed AND detail ->> 'judged_on' = 'test' FROM mlops.check_gate('tested', 1)), 'test rows do');
SELECT matches(shortfall($$SELECT mlops.deploy('none', 1)$$), '^pr_auc: at least 0.1, found [0-9.]+ \(there are no test rows, it was judged on its train rows\)$', 'deploy refuses and says why');

-- what the threshold was chosen on
CREATE FUNCTION chosen(name text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v.metrics ->> 'judged_on', v.metrics ->> 'threshold_chosen_on', (SELECT string_agg(concat_ws(' ', f ->> 'column', f ->> 'finding'), ', ')
		FROM mlops.runs AS r, jsonb_array_elements(r.findings) AS f WHERE r.run_id = v.run_id AND f ->> 'finding' = 'fitted'))
	FROM mlops.versions AS v WHERE v.model = name ORDER BY v.version DESC LIMIT 1 $$;
CREATE TABLE two_parts AS SELECT *, CASE WHEN id % 4 = 0 THEN 'test' ELSE 'train' END AS part FROM tx;
SELECT mlops.train('two_parts', 'two_parts', target => 'is_fraud', key => 'id', split => '{"fold": "part"}', params => '{"n_estimators": 5}') \g /dev/null
SELECT is(chosen('two_parts'), 'test train (threshold) fitted', 'without validation rows the training rows choose the threshold, and it is said');
SELECT mlops.train('valued', 'two_parts', target => 'is_fraud', key => 'id', split => '{"fold": "part"}', params => '{"n_estimators": 5}', threshold => '{"value": 0.5}') \g /dev/null
SELECT is(chosen('valued'), 'test train', 'one that was given was not chosen');
SELECT is(chosen('none'), 'train train (threshold) fitted', 'nor are there test rows');
SELECT is(chosen('chosen'), 'validation validation', 'validation rows');
SELECT is(chosen('tested'), 'test train (threshold) fitted', 'a date of the test alone leaves none');
SELECT mlops.import_model(mlops.export_model('two_parts', 1), 'imported') \g /dev/null
SELECT is((SELECT metrics ->> 'threshold_chosen_on' FROM mlops.versions WHERE model = 'imported'), 'train', 'an export has it');

-- against production, and between segments
SELECT mlops.set_gate(m, '{}') FROM unnest('{none,folded}'::text[]) AS m \g /dev/null
SELECT mlops.deploy(m, 1) FROM unnest('{none,folded}'::text[]) AS m \g /dev/null
SELECT is(judged('none', '{"test": 0, "validation": 0}'), 'train', 'another one');
SELECT mlops.train('folded', 'folds', target => 'is_fraud', key => 'id', split => '{"fold": "fold"}') \g /dev/null
SELECT mlops.set_gate(m, '{"pr_auc_vs_deployed": {"min_gain": -1}, "fairness": {"by": "country", "metric": "recall", "max_gap": 1}}') FROM unnest('{none,folded}'::text[]) AS m \g /dev/null
SELECT is(reasons('none', 2), E'fairness false: there are no test rows, it was judged on its train rows\npr_auc_vs_deployed false: there are no test rows, it was judged on its train rows', 'the reason is not that they were drawn at random');
SELECT is(reasons('folded', 2), E'fairness false: there are no test rows, it was judged on its validation rows\npr_auc_vs_deployed false: there are no test rows, it was judged on its validation rows', 'nor what an empty fold says');
SELECT * FROM finish();
ROLLBACK;
