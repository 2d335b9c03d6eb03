-- Weights say what to learn from.  Metrics and thresholds are of the rows as they
-- are, the same that mlops.evaluate finds.
\ir setup.psql
SELECT plan(9);
CREATE TABLE w AS SELECT id, amount, country, online, is_fraud, CASE WHEN is_fraud THEN 0.05 ELSE 1 + id % 3 END AS weight,
	(ARRAY['train', 'train', 'train', 'validation', 'test'])[1 + id % 5] AS fold FROM tx;
SELECT mlops.train('w', 'w', target => 'is_fraud', key => 'id', weight => 'weight', features => '{amount,country}', params => '{"n_estimators": 8}', split => '{"fold": "fold"}') \g /dev/null
SELECT mlops.train('w', 'w', target => 'is_fraud', key => 'id', features => '{amount,country}', params => '{"n_estimators": 8}', split => '{"fold": "fold"}') \g /dev/null
SELECT mlops.deploy('w', 1) \g /dev/null
SELECT isnt((SELECT sha256 FROM mlops.versions WHERE model = 'w' AND version = 1), (SELECT sha256 FROM mlops.versions WHERE model = 'w' AND version = 2), 'weights are learned from');
SELECT ok(abs((v.metrics ->> 'brier')::float8 - avg((mlops.score('w', w) - is_fraud::int) ^ 2)) < 1e-12, 'brier by hand')
	FROM w, mlops.versions AS v WHERE fold = 'test' AND v.model = 'w' AND v.version = 1 GROUP BY v.metrics;
SELECT is((SELECT jsonb_build_array(e.pr_auc, e.log_loss, e.brier, e."precision", e.recall, e.f1, e.alert_rate) FROM mlops.evaluate('w', query => 'SELECT * FROM w WHERE fold = ''test''') AS e),
	(SELECT jsonb_build_array(metrics -> 'pr_auc', metrics -> 'log_loss', metrics -> 'brier', metrics -> 'precision', metrics -> 'recall', metrics -> 'f1', metrics -> 'alert_rate')
		FROM mlops.versions WHERE model = 'w' AND version = 1), 'metrics of a version are those that evaluate finds');
SELECT ok(abs((SELECT max(e.f1) FROM (SELECT DISTINCT mlops.score('w', w) AS s FROM w WHERE fold = 'validation') AS c,
			LATERAL (SELECT 2.0 * count(*) FILTER (WHERE is_fraud AND x >= s) / (count(*) FILTER (WHERE is_fraud) + count(*) FILTER (WHERE x >= s)) AS f1
				FROM (SELECT is_fraud, mlops.score('w', w) AS x FROM w WHERE fold = 'validation') AS v) AS e)
		- (SELECT e.f1 FROM mlops.evaluate('w', query => 'SELECT * FROM w WHERE fold = ''validation''') AS e)) < 1e-12, 'the threshold is the best of the validation rows, each counted once');
SELECT throws_ok(format('SELECT mlops.train(''x'', query => ''SELECT id, amount, is_fraud, CASE WHEN id <> 3 THEN 1 ELSE %s::float8 END AS weight FROM tx'', target => ''is_fraud'', weight => ''weight'')', v), '22000', m, v)
	FROM (VALUES ('NULL', 'weight column "weight" has a value that is NULL or NaN'), ('''''NaN''''', 'weight column "weight" has a value that is NULL or NaN'), ('-1', 'weight column "weight" has a value that is not positive')) AS c(v, m);
SELECT throws_ok($$SELECT mlops.train('x', query => 'SELECT id, amount, is_fraud, ''test'' AS fold FROM tx', target => 'is_fraud', split => '{"fold": "fold"}')$$,
	'22000', 'target "is_fraud" has no labels in the training rows', 'no training rows');
SELECT throws_ok($$SELECT mlops.train('x', query => 'SELECT id, amount, is_fraud::int AS y FROM tx', target => 'y', time_column => 'y')$$,
	'22023', 'target "y" cannot be the column of "time_column" too', 'the target orders nothing');
SELECT * FROM finish();
ROLLBACK;
