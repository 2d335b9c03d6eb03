-- What evaluate says of a version: counts, intervals, costs.
\ir setup.psql
SELECT plan(6);

CREATE TABLE pay AS SELECT g AS id, timestamp '2026-01-01' + g * interval '1 min' AS at, abs(hashint4(g)) % 1000 AS x, abs(hashint4(g * 3)) % 100 AS amount,
	abs(hashint4(g)) % 1000 > 900 AND abs(hashint4(g * 7)) % 3 > 0 AS fraud FROM generate_series(1, 6000) AS g;
SELECT mlops.train('f', 'pay', target => 'fraud', key => 'id', time_column => 'at', features => '{x}', params => '{"n_estimators": 5}') \g /dev/null
CREATE VIEW late AS SELECT * FROM pay WHERE id > 4800;
CREATE TEMP TABLE e AS SELECT * FROM mlops.evaluate('f/1', 'late');

SELECT results_eq('SELECT threshold, true_positives, false_positives, false_negatives, true_negatives FROM e',
	$$SELECT v.threshold, count(*) FILTER (WHERE p.flagged AND s.fraud), count(*) FILTER (WHERE p.flagged AND NOT s.fraud), count(*) FILTER (WHERE NOT p.flagged AND s.fraud),
		count(*) FILTER (WHERE NOT p.flagged AND NOT s.fraud) FROM mlops.versions AS v, late AS s, LATERAL mlops.predict('f/1', s) AS p WHERE v.model = 'f' GROUP BY 1$$,
	'the counts are those of the threshold');
SELECT ok(precision BETWEEN precision_lower AND precision_upper AND recall BETWEEN recall_lower AND recall_upper AND roc_auc BETWEEN roc_auc_lower AND roc_auc_upper
	AND false_positive_rate BETWEEN false_positive_rate_lower AND false_positive_rate_upper AND pr_auc BETWEEN pr_auc_lower AND pr_auc_upper, 'every interval holds its metric') FROM e;
SELECT is(e.*::text, f.*::text, 'another time, with other threads, all is the same') FROM e, (SELECT set_config('mlops.threads', '1', false)) AS s, LATERAL mlops.evaluate('f/1', CASE WHEN s IS NOT NULL THEN 'late'::regclass END) AS f;
SELECT results_eq($$SELECT precision_lower, precision_upper, recall_lower, roc_auc_lower, roc_auc_upper FROM mlops.evaluate('f/1', query => 'SELECT * FROM late WHERE NOT fraud', threshold => 1.1)$$,
	'SELECT NULL::float8, NULL::float8, NULL::float8, NULL::float8, NULL::float8', 'an interval of what is not defined is NULL');
SELECT is((SELECT sum(true_positives + false_positives + false_negatives + true_negatives) FROM mlops.evaluate('f/1', query => 'SELECT *, id % 3 AS shop FROM late', by => '{shop}') WHERE segment <> '{}'),
	1200::numeric, 'segments have theirs');
SELECT ok(s.pr_auc_upper - s.pr_auc_lower > e.pr_auc_upper - e.pr_auc_lower, 'fewer rows, wider intervals') FROM e, mlops.evaluate('f/1', query => 'SELECT * FROM late WHERE id % 10 = 0') AS s;
SELECT * FROM finish();
