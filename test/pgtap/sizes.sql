-- Models of every size: from one whose artifact is a short value inside its row to
-- one of several parts.
\ir setup.psql
SELECT plan(4);
CREATE TABLE two AS SELECT g AS id, g % 2 = 0 AS online, g % 3 = 0 AS fraud FROM generate_series(1, 1000) g;
SELECT version FROM mlops.train('small', 'two', target => 'fraud', key => 'id', features => '{online}', algorithm => 'logistic_regression') \g /dev/null
SELECT cmp_ok(size, '<', 2048::bigint, 'the smallest model''s bytes are stored inside their row') FROM mlops.versions WHERE model = 'small';
SELECT is(count(mlops.score_version('small', 1, two)), 1000::bigint, 'and read from there') FROM two;
SELECT is(count(*), 0::bigint, 'the importance of features of trees, which there are none of') FROM mlops.feature_importance WHERE model = 'small';
SELECT ok(mlops.report('small') LIKE '%small%', 'and the report');
SELECT * FROM finish();
ROLLBACK;
