-- What policies would choose for a version that is there already.
\ir setup.psql
SELECT plan(32);
CREATE TABLE paid AS SELECT *, amount * 3 AS loss FROM tx;
SELECT mlops.train('m', 'paid', target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{loss}', params => '{"n_estimators": 8}') \g /dev/null
CREATE TABLE policy AS SELECT p FROM jsonb_array_elements('[{"max": "f1"}, {"max": "mcc"}, {"min_precision": 0.99}, {"min_recall": 0.9}, {"alert_rate": 0.02}, {"value": 0.4},
	{"cost": {"false_positive": 10, "false_negative": "loss"}}, {"cost": {"false_positive": 2, "false_negative": 40}}]') AS p;
CREATE TABLE own AS SELECT t.* FROM mlops.thresholds('m', 1, (SELECT jsonb_agg(p) FROM policy)) AS t;
SELECT results_eq('SELECT policy FROM own', 'SELECT p FROM policy', 'a row for each policy, as it was given');

-- the test rows, scored, and all metrics counted
CREATE TABLE scored AS SELECT mlops.score('m/1', p) AS score, is_fraud, loss FROM (SELECT * FROM paid ORDER BY ts DESC LIMIT 1000) AS p;
CREATE FUNCTION counted(t float8) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE score >= t), round((count(*) FILTER (WHERE score >= t AND is_fraud))::numeric / nullif(count(*) FILTER (WHERE score >= t), 0), 12),
		round((count(*) FILTER (WHERE score >= t AND is_fraud))::numeric / count(*) FILTER (WHERE is_fraud), 12),
		round((count(*) FILTER (WHERE score >= t AND NOT is_fraud))::numeric / count(*) FILTER (WHERE NOT is_fraud), 12)) FROM scored $$;
SELECT is(concat_ws(' ', rows, flagged, round("precision"::numeric, 12), round(recall::numeric, 12), round(false_positive_rate::numeric, 12)), counted(threshold), 'metrics of its test rows: ' || policy::text) FROM own;
CREATE FUNCTION cost_at(t float8, fp float8, fn float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT (sum(fp) FILTER (WHERE score >= t AND NOT is_fraud) + coalesce(sum(coalesce(fn, loss)) FILTER (WHERE score < t AND is_fraud), 0)) / (SELECT count(*) FROM scored) FROM scored $$;
SELECT ok(abs(o.expected_cost - cost_at(o.threshold, 10, NULL)) < 1e-9 AND o.expected_cost <= (SELECT min(coalesce(cost_at(s.score, 10, NULL), 'Infinity')) FROM (SELECT DISTINCT score FROM scored) AS s) + 1e-9,
	'the least cost, by a column of the rows') FROM own AS o WHERE policy -> 'cost' ->> 'false_negative' = 'loss';
SELECT ok(abs(o.expected_cost - cost_at(o.threshold, 2, 40)) < 1e-9, 'and by numbers') FROM own AS o WHERE policy -> 'cost' ->> 'false_negative' = '40';
SELECT ok(bool_and((expected_cost IS NULL) = NOT policy ? 'cost'), 'others cost nothing that is known') FROM own;
SELECT is((SELECT threshold FROM own WHERE policy = '{"value": 0.4}'), 0.4::float8, 'a value is a value');
SELECT ok(recall >= 0.9 AND reached, 'what was asked is reached') FROM own WHERE policy ? 'min_recall';
SELECT is((SELECT array_agg(reached) FROM mlops.thresholds('m', 1, '{"min_precision": 1}', query => 'SELECT * FROM paid')), (SELECT array_agg(p."precision" = 1) FROM mlops.thresholds('m', 1, '{"min_precision": 1}', query => 'SELECT * FROM paid') AS p), 'or said not to be; of given rows');

-- ---- nothing flagged is not reached, and is told why
SELECT mlops.train('flat', query => 'SELECT id, ts, is_fraud, id % 2 AS half FROM tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 1}') \g /dev/null
CREATE TABLE flat AS SELECT t.* FROM mlops.thresholds('flat', 1, '[{"alert_rate": 0.01}, {"max_fpr": 0.01}, {"max": "accuracy"}, {"alert_rate": 0}, {"cost": {"false_positive": 1, "false_negative": 0}}, {"max": "f1"}]') AS t;
SELECT results_eq('SELECT policy::text, reached, flagged > 0 FROM flat', $$VALUES ('{"alert_rate": 0.01}', false, false), ('{"max_fpr": 0.01}', false, false), ('{"max": "accuracy"}', false, false), ('{"alert_rate": 0}', true, false),
	('{"cost": {"false_negative": 0, "false_positive": 1}}', true, false), ('{"max": "f1"}', true, true)$$, 'a policy that only flagging nothing keeps to is not reached, unless that was asked for or costs least');
SELECT throws_ok($$SELECT mlops.thresholds('m', 1, '[]')$$, '22023', '"policies" has 0 policies', 'none');
SELECT throws_ok($$SELECT mlops.thresholds('m', 1, '{"max": "f7"}')$$, '22023', 'unrecognized value "f7" of "max" in "threshold"', 'one that is none');
SELECT mlops.train('drawn', 'paid', target => 'is_fraud', key => 'id', exclude => '{loss,ts}', params => '{"n_estimators": 2}') \g /dev/null
SELECT throws_ok($$SELECT mlops.thresholds('drawn', 1)$$, '55000', 'version 1 of model "drawn" has no test rows that can be read again', 'test rows that were drawn');

-- ---- costs of the training: of policies that have none
SELECT mlops.train('costed', 'paid', target => 'is_fraud', key => 'id', time_column => 'ts', exclude => '{loss}', params => '{"n_estimators": 8}',
	threshold => '{"cost": {"false_positive": 5, "false_negative": "loss"}}') \g /dev/null
CREATE TABLE costed AS SELECT t.* FROM mlops.thresholds('costed', 1, (SELECT jsonb_agg(p) FROM policy)) AS t;
SELECT ok(bool_and(expected_cost = (SELECT e.expected_cost FROM mlops.evaluate('costed/1', threshold => threshold) AS e)) AND count(*) = 6, 'cost what evaluate says') FROM costed WHERE NOT policy ? 'cost';
SELECT is(c.expected_cost, o.expected_cost, 'policies keep their own: ' || policy::text) FROM costed AS c JOIN own AS o USING (policy) WHERE policy ? 'cost';
SELECT is(count(expected_cost), 5::bigint, 'rows that are given have costs too') FROM mlops.thresholds('costed', 1, source => 'paid');
SELECT is(array_agg(expected_cost IS NULL), '{t,f}', 'unless the column of costs is not among them') FROM mlops.thresholds('costed', 1, '[{"max": "f1"}, {"cost": {"false_positive": 2, "false_negative": "amount"}}]', 'tx');

-- ---- costs of rows: a number each, of those that it is the cost of
CREATE TABLE costly AS SELECT *, CASE WHEN id % 10 <> 0 THEN amount END AS no_cost, CASE WHEN id % 10 = 0 THEN 'NaN'::float8 ELSE 1 END AS nan, CASE WHEN id % 20 = 0 THEN -1 ELSE 1 END AS negative,
	1e308::float8 AS huge, CASE WHEN is_fraud THEN amount END AS of_frauds FROM tx;
CREATE FUNCTION told(name text, side text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.thresholds('m', 1, jsonb_build_object('cost', jsonb_build_object('false_positive', 1, 'false_negative', 1) || jsonb_build_object(side, name)), query => 'SELECT *, 0 AS loss FROM costly');
EXCEPTION WHEN data_exception THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END $$;
SELECT results_eq($$SELECT message, detail FROM told('no_cost', 'false_negative')$$, $$SELECT format('cost column "no_cost" of "false_negative" has no cost in %s of %s positive rows', count(*) FILTER (WHERE no_cost IS NULL), count(*)),
	format('NULL or NaN in %s, negative in 0, above 1e+15 in 0. A cost is between 0 and 1e+15.', count(*) FILTER (WHERE no_cost IS NULL)) FROM costly WHERE is_fraud$$, 'costs that are NULL');
SELECT results_eq($$SELECT detail FROM told('nan', 'false_positive')$$, $$SELECT format('NULL or NaN in %s, negative in 0, above 1e+15 in 0. A cost is between 0 and 1e+15.', count(*) FILTER (WHERE id % 10 = 0)) FROM costly WHERE NOT is_fraud$$, 'NaN');
SELECT results_eq($$SELECT detail FROM told('negative', 'false_positive')$$, $$SELECT format('NULL or NaN in 0, negative in %s, above 1e+15 in 0. A cost is between 0 and 1e+15.', count(*) FILTER (WHERE id % 20 = 0)) FROM costly WHERE NOT is_fraud$$, 'or negative');
SELECT results_eq($$SELECT detail FROM told('huge', 'false_negative')$$, $$SELECT format('NULL or NaN in 0, negative in 0, above 1e+15 in %s. A cost is between 0 and 1e+15.', count(*)) FROM costly WHERE is_fraud$$, 'or too large');
SELECT is((SELECT message FROM told('of_frauds', 'false_negative')), NULL, 'a cost of missing what is positive may be NULL elsewhere');
SELECT throws_ok($$SELECT mlops.train('costly', 'costly', target => 'is_fraud', key => 'id', features => '{amount}', threshold => '{"cost": {"false_positive": "negative"}}', params => '{"n_estimators": 2}')$$, '22000',
	(SELECT format('cost column "negative" of "false_positive" has no cost in %s of %s negative rows', count(*) FILTER (WHERE id % 20 = 0), count(*)) FROM costly WHERE NOT is_fraud), 'training refuses them, of all parts');
SELECT throws_like($$SELECT mlops.cross_validate('costly', 'costly', target => 'is_fraud', key => 'id', features => '{amount}', folds => 2, threshold => '{"cost": {"false_negative": "no_cost"}}', params => '{"n_estimators": 2}')$$,
	'cost column "no_cost" of "false\_negative" has no cost in % positive rows', 'so do folds');
SELECT throws_like($$SELECT mlops.tune('costly', 'costly', target => 'is_fraud', key => 'id', features => '{amount}', trials => 2, threshold => '{"cost": {"false_negative": "nan"}}', params => '{"n_estimators": 2}')$$,
	'cost column "nan" of "false\_negative" has no cost in % positive rows', 'and searches');
SELECT * FROM finish();
ROLLBACK;
