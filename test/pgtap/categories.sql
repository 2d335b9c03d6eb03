-- Categories of many levels: their target statistic, in both learners, against its formula in SQL.
\ir setup.psql
SELECT plan(20);
-- a thousand merchants, fifty of whom are bad; labels and noise by hash
CREATE TABLE payments AS
SELECT i AS id, 'merchant ' || m AS merchant, (hashint8(i * 13) & 1048575) / 1048576.0::float8 AS noise,
	(hashint8(i * 31 + 7) & 1048575) / 1048576.0 < CASE WHEN m < 50 THEN 0.4 ELSE 0.01 END AS fraud, CASE WHEN i % 5 = 0 THEN 'test' ELSE 'train' END AS part
FROM generate_series(1::bigint, 60000) AS i, LATERAL (SELECT hashint8(i) & 1048575 AS h) AS h, LATERAL (SELECT (h * 1000::bigint / 1048576)::int AS m) AS m;
UPDATE payments SET merchant = NULL WHERE id % 41 = 0;
CREATE TABLE learned AS
SELECT l.algorithm, t.version, (t.metrics ->> 'pr_auc')::float8 AS ap
FROM (VALUES (1, 'gradient_boosting'), (2, 'logistic_regression')) AS l (n, algorithm), LATERAL mlops.train('merchants', 'payments', target => 'fraud', key => 'id',
	split => '{"fold": "part"}', algorithm => l.algorithm) AS t;
SELECT cmp_ok(ap, '>=', 0.27::float8, format('%s: average precision %s', algorithm, round(ap::numeric, 3))) FROM learned ORDER BY version;

-- statistics of levels, by their formula
CREATE TABLE level AS SELECT merchant, count(*)::float8 AS n, count(*) FILTER (WHERE fraud)::float8 AS positives FROM payments
	WHERE part = 'train' AND merchant IS NOT NULL GROUP BY merchant;
CREATE TABLE variation AS
SELECT k, n, between_levels / (k - 1) AS between_levels, within_levels / (n - k) AS within_levels, (n - squares / n) / (k - 1) AS typical,
	(SELECT avg(fraud::int)::float8 FROM payments WHERE part = 'train') AS prior
FROM (SELECT count(*) AS k, sum(n) AS n, sum(n * n) AS squares, sum(n * (positives / n - p) ^ 2) AS between_levels, sum(positives * (1 - positives / n)) AS within_levels
	FROM level, (SELECT sum(positives) / sum(n) AS p FROM level) AS p) AS s;
CREATE TABLE statistic AS
SELECT l.merchant, ln(p / (1 - p)) AS value FROM level AS l, variation AS v,
	LATERAL (SELECT greatest(v.within_levels * v.typical / (v.between_levels - v.within_levels), 1) AS weight) AS w,
	LATERAL (SELECT (l.positives + w.weight * v.prior) / (l.n + w.weight) AS p) AS p;
CREATE TABLE term AS SELECT feature, kind, coefficient, mean, scale FROM mlops.coefficients WHERE model = 'merchants' AND version = 2;
SELECT set_eq('SELECT feature, kind FROM term', $$VALUES ('(intercept)', NULL), ('merchant.target', 'value'), ('merchant.target', 'missing'), ('noise', 'value')$$,
	'terms of logistic regression: the statistic instead of levels');
CREATE FUNCTION by_hand(statistic float8, noise float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT 1 / (1 + exp(-sum(coefficient * CASE WHEN feature = '(intercept)' THEN 1 WHEN kind = 'missing' THEN (statistic IS NULL)::int
		WHEN feature = 'noise' THEN (noise - mean) / scale ELSE coalesce((statistic - mean) / scale, 0) END))) FROM term $$;
SELECT is((SELECT count(*) FROM level), 1000::bigint, 'all merchants are in the training rows');
SELECT ok(max(abs(mlops.score_version('merchants', 2, x) - by_hand(s.value, 0.25))) < 1e-9, 'scores of all levels are by their statistic')
FROM statistic AS s, LATERAL (SELECT s.merchant, 0.25::float8 AS noise) AS x;
SELECT ok(abs(mlops.score_version('merchants', 2, x) - by_hand((SELECT ln(prior / (1 - prior)) FROM variation), 0.25)) < 1e-9, 'of an unknown level by the prior')
FROM (SELECT 'nobody'::text AS merchant, 0.25::float8 AS noise) AS x;
SELECT ok(abs(mlops.score_version('merchants', 2, x) - by_hand(NULL, 0.25)) < 1e-9, 'of a missing one by the coefficient of missing values')
FROM (SELECT NULL::text AS merchant, 0.25::float8 AS noise) AS x;

-- a row, its JSON and a table say the same
SELECT ok(bool_and(mlops.score_version('merchants', v, p) = mlops.score_version('merchants', v, to_jsonb(p))), format('version %s: a row and its JSON score the same bits', v))
FROM payments AS p, generate_series(1, 2) AS v WHERE p.id <= 3000 GROUP BY v ORDER BY v;
SELECT mlops.deploy('merchants', 1) \g /dev/null
SELECT is((SELECT count(*) FROM mlops.score_table('merchants', 'payments', key => 'id') AS s JOIN payments AS p ON p.id = s.key::bigint
	WHERE s.score <> mlops.score('merchants', p)), 0::bigint, 'and so does a whole table');

-- contributions add up, over the column itself
SELECT ok(max(abs(e.total - ln(s / (1 - s)))) < 1e-9 AND bool_and(e.features = ARRAY['(base)', 'merchant', 'noise']::text[]),
	format('version %s: contributions are of columns and add up', v))
FROM payments AS p, generate_series(1, 2) AS v, LATERAL (SELECT mlops.score_version('merchants', v, p) AS s) AS s,
	LATERAL (SELECT sum(contribution) AS total, array_agg(feature ORDER BY feature) AS features FROM mlops.explain_version('merchants', v, p, top => NULL)) AS e
WHERE p.id <= 200 GROUP BY v ORDER BY v;

-- the same bytes: again, with other threads, in another order of rows; from bytes
SELECT ok(r.identical, format('version %s is reproduced', v)) FROM generate_series(1, 2) AS v, mlops.reproduce('merchants', v) AS r ORDER BY v;
CREATE TABLE turned AS SELECT * FROM payments ORDER BY id DESC;
SET LOCAL mlops.threads = 1;
SELECT is(v.sha256, w.sha256, format('%s: other rows first, one thread: the same bytes', l.algorithm))
FROM learned AS l, LATERAL mlops.train('turned', 'turned', target => 'fraud', key => 'id', split => '{"fold": "part"}', algorithm => l.algorithm) AS t,
	mlops.versions AS v, mlops.versions AS w
WHERE v.model = 'merchants' AND v.version = l.version AND w.model = 'turned' AND w.version = t.version ORDER BY l.version;
SELECT ok(bool_and(mlops.score_bytes(b.bytes, p) = mlops.score_version('merchants', 1, p)), 'bytes score as the version does')
FROM payments AS p, (SELECT mlops.export_model('merchants', 1) AS bytes) AS b WHERE p.id <= 500;

-- drift: the category is compared, what training knew is no news
SELECT is((SELECT string_agg(DISTINCT feature, ', ' ORDER BY feature) FROM mlops.check_drift('merchants', 'payments')), '(score), merchant, noise', 'drift is of columns');
SELECT ok(NOT bool_or(drifted), 'the training data has not drifted') FROM mlops.check_drift('merchants', query => $$SELECT * FROM payments WHERE part = 'train'$$);
SELECT ok(drifted, 'merchants that training did not know have') FROM mlops.check_drift('merchants', query => $$SELECT merchant || CASE WHEN id % 2 = 0 THEN ' new' ELSE '' END AS merchant, noise FROM payments$$)
WHERE feature = 'merchant' AND test = 'unseen';

-- folds fit their own
SELECT cmp_ok(pr_auc, '>=', 0.27::float8, 'cross-validation') FROM mlops.cross_validate('crossed', 'payments', target => 'fraud', key => 'id', exclude => '{part}', folds => 3, parallel => 1) WHERE fold = 'mean';
-- a table sorted by label tells nothing by its order
CREATE TABLE sorted AS SELECT 'level ' || (hashint8(id) & 511) AS word, fraud FROM payments ORDER BY fraud;
SELECT cmp_ok((metrics ->> 'roc_auc')::float8, '<', 0.6::float8, 'levels without a meaning have none in a table sorted by its label')
FROM mlops.train('sorted', 'sorted', target => 'fraud');
SELECT * FROM finish();
ROLLBACK;
