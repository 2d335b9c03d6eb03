-- A column that was widened holds numbers that the version which answers cannot read.
\ir setup.psql
SELECT plan(17);
CREATE TABLE s AS SELECT g AS id, timestamp '2025-01-01' + g * interval '10 min' AS ts, ((g * 7919) % 100)::int AS amount, ((g * 31) % 77)::real AS rate,
	(g * 7919) % 100 > 80 AND g % 3 = 0 AS y FROM generate_series(1, 3000) AS g;
SELECT mlops.train('fraud', 's', target => 'y', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
\set model fraud
\ir retraining_found.psql
ALTER TABLE s ALTER amount TYPE bigint, ALTER rate TYPE float8;
SELECT unalike(found('SELECT'), 'refused%', 'a wider type alone is nothing');

-- ---- refused, with the column, the value and the type
SELECT unalike(found('UPDATE s SET amount = CASE id WHEN 100 THEN 2147483647 ELSE -2147483648 END WHERE id IN (100, 200)'), 'refused%', 'the greatest and the least that it can read');
SELECT is(found(format('UPDATE s SET %I = %s WHERE id = %s', c, v, id)),
	format('refused: column "%s" holds %s, which the version that is repeated cannot read: it was trained on %s', c, w, t), format('%s of %s in row %s', v, c, id))
	FROM (VALUES ('amount', '2147483648', '2147483648', 'integer', 100), ('amount', '3000000000', '3000000000', 'integer', 2900), ('amount', '-2147483649', '-2147483649', 'integer', 2900),
		('rate', '1e39', '1e+39', 'real', 100), ('rate', '-1e39', '-1e+39', 'real', 2900)) AS v(c, v, w, t, id);
SELECT matches(found('UPDATE s SET rate = ''Infinity'' WHERE id = 100'), '^refused: .*infinite', 'infinite is infinite');
SELECT unalike(found('UPDATE s SET rate = ''NaN'' WHERE id = 100'), 'refused%', 'NaN is missing');

-- ---- accepted: the version is compared on what it can read
UPDATE s SET amount = 3000000000 WHERE id IN (100, 2900);
SELECT is((SELECT outcome FROM mlops.retrain('fraud', options => '{"accept": ["rate"]}')), 'refused', 'another column that is accepted');
CREATE TABLE made AS SELECT * FROM mlops.retrain('fraud', options => '{"accept": ["amount"]}', gate => '{"roc_auc_vs_deployed": {"min_gain": -1}}');
SELECT is((SELECT outcome || ': ' || detail FROM made),
	'registered: version 1 was compared on 599 test rows, the others hold numbers that it cannot read: column "amount" holds 3000000000, which is not a value of type integer', 'is registered, and told');
SELECT is((SELECT mlops.score('fraud/' || version, s) IS NOT NULL FROM made, s WHERE id = 2900), true, 'and can score such a row');
SELECT is((SELECT concat_ws(' ', g.passed, g.detail ->> 'rows', g.detail ->> 'left_out') FROM mlops.gate_checks AS g), 't 599 column "amount" holds 3000000000, which is not a value of type integer', 'so does a gate that compares with the deployed version');
UPDATE s SET rate = 1e39 WHERE id = 2901;
UPDATE s SET y = NOT y WHERE id = 7;	-- else it would be the same bytes again
SELECT matches((SELECT detail FROM mlops.retrain('fraud', options => '{"accept": ["amount", "rate"]}')), 'was compared on 598 test rows', 'two columns');
ALTER TABLE s ALTER rate TYPE text;
SELECT is((SELECT detail FROM mlops.retrain('fraud', options => '{"accept": ["amount", "rate"]}')),
	'version 1 was not compared on the test rows, which it cannot read: column "rate" has type text, but the model was trained on real', 'another type');

-- ---- drift counts such numbers as out of range
ALTER TABLE s ALTER rate TYPE float8 USING rate::float8;
SELECT is((SELECT drifted FROM mlops.check_drift('fraud', 's') WHERE feature = 'amount' AND test = 'psi'), false, 'drift of two such rows is none');
UPDATE s SET amount = CASE WHEN id % 2 = 0 THEN 3000000000 ELSE amount END, rate = CASE WHEN id % 2 = 0 THEN -1e39 ELSE rate END;
SELECT is((SELECT string_agg(feature, ',' ORDER BY feature) FROM mlops.check_drift('fraud', 's') WHERE drifted AND test = 'psi' AND kind = 'number'), 'amount,rate', 'of half of them it is');
SELECT finish();
ROLLBACK;
