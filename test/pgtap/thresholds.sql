-- What policies would choose for a version that is there already.
\ir setup.psql
SELECT plan(18);
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
SELECT throws_ok($$SELECT mlops.thresholds('m', 1, '[]')$$, '22023', '"policies" has 0 policies', 'none');
SELECT throws_ok($$SELECT mlops.thresholds('m', 1, '{"max": "f7"}')$$, '22023', 'unrecognized value "f7" of "max" in "threshold"', 'one that is none');
SELECT mlops.train('drawn', 'paid', target => 'is_fraud', key => 'id', exclude => '{loss,ts}', params => '{"n_estimators": 2}') \g /dev/null
SELECT throws_ok($$SELECT mlops.thresholds('drawn', 1)$$, '55000', 'version 1 of model "drawn" has no test rows that can be read again', 'test rows that were drawn');
SELECT * FROM finish();
ROLLBACK;
