-- Labels that arrive late, and tests between variants by them.
\ir setup.psql
SELECT plan(69);
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', exclude => '{id}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.train('skewed', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null

CREATE TABLE outcome (tx_id bigint, gone int, fraud boolean, fraud_text text, fraud_number numeric, known_at timestamptz, known_on date);
ALTER TABLE outcome DROP COLUMN gone;
INSERT INTO outcome SELECT id, is_fraud, CASE WHEN is_fraud THEN 'bad' ELSE 'good' END, is_fraud::int, '2026-03-01', '2026-03-01' FROM tx;

-- ---- adding
SELECT results_eq($$SELECT * FROM mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud', labelled_at => 'known_at')$$,
	$$VALUES (5000::bigint, 5000::bigint, 0::bigint, 0::bigint)$$, 'labels are added');
SELECT results_eq($$SELECT * FROM mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud', labelled_at => 'known_at')$$,
	$$VALUES (5000::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'the same again change nothing');
SELECT results_eq($$SELECT * FROM mlops.add_labels('fraud', query => 'SELECT tx_id::text AS k, fraud_text AS l, known_at AS t FROM outcome', key => 'k', label => 'l', labelled_at => 't', positive => 'bad')$$,
	$$VALUES (5000::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'text labels and keys are the same ones');
SELECT results_eq($$SELECT * FROM mlops.add_labels('fraud', query => 'SELECT tx_id, fraud_number, known_at FROM outcome', key => 'tx_id', label => 'fraud_number', labelled_at => 'known_at')$$,
	$$VALUES (5000::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'and 0 and 1');
SELECT results_eq($$SELECT * FROM mlops.add_labels('fraud', query => 'SELECT 1 AS k, true AS l, ''2026-04-01''::date AS t UNION ALL SELECT NULL, true, now() UNION ALL SELECT 2, NULL, now() UNION ALL SELECT 9999, false, NULL', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (4::bigint, 2::bigint, 0::bigint, 2::bigint)$$, 'rows without key or label are ignored');
SELECT is((SELECT label::text FROM mlops.label_events WHERE model = 'fraud' AND key = '9999' AND labelled_at BETWEEN transaction_timestamp() AND clock_timestamp()), 'false', 'one without a time is known now');
SELECT results_eq($$SELECT rows, added, changed, ignored FROM mlops.add_labels('fraud', query => 'SELECT 9999 AS k, false AS l, NULL::date AS t UNION ALL SELECT 1, true, NULL', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (2::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'and once more changes nothing');
SELECT is((SELECT label FROM mlops.labels WHERE model = 'fraud' AND key = '1'), true, 'the latest known one counts');
SELECT results_eq($$SELECT added, changed FROM mlops.add_labels('fraud', query => 'SELECT 1 AS k, false AS l, timestamp ''2026-02-01 00:00'' AS t', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (1::bigint, 0::bigint)$$, 'one that was known before');
SELECT is((SELECT label FROM mlops.labels WHERE model = 'fraud' AND key = '1'), true, 'does not count');
SELECT is((SELECT count(*) FROM mlops.label_events WHERE model = 'fraud' AND key = '1'), 3::bigint, 'but all are kept');
SELECT results_eq($$SELECT added, changed FROM mlops.add_labels('fraud', query => 'SELECT 1 AS k, false AS l, ''2026-04-01''::date AS t', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (0::bigint, 1::bigint)$$, 'another one of the same time replaces it');
SELECT is((SELECT label FROM mlops.labels WHERE model = 'fraud' AND key = '1'), false, 'and counts');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT 10001 AS k, i % 2 = 0 AS l, ''2026-04-01''::date AS t FROM generate_series(1, 12) i', key => 'k', label => 'l', labelled_at => 't')$$,
	'21000', 'labels of key "10001" contradict each other', 'two that differ, of one time, are refused');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT CASE WHEN i IN (1, 12000) THEN ''Ä"b'' ELSE i::text END AS k, i = 1 AS l FROM generate_series(1, 12000) i', key => 'k', label => 'l')$$,
	'21000', 'labels of key "Ä"b" contradict each other', 'however far apart, and without a time');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT ''1'' || lpad(least(i, 5000)::text, 5, ''0'') AS k, i < 5001 AS l FROM generate_series(1, 5001) i', key => 'k', label => 'l')$$,
	'21000', 'labels of key "105000" contradict each other', 'where one statement''s rows end and the next one''s begin');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT 2 AS k, l, ''2026-03-01''::date AS t FROM (VALUES (false), (true)) AS v(l)', key => 'k', label => 'l', labelled_at => 't')$$,
	'21000', 'labels of key "2" contradict each other', 'even if one of them is known already');
SELECT is((SELECT count(*) FROM mlops.label_events WHERE key = '10001' OR key ~ '^1.....$' OR key LIKE 'Ä%'), 0::bigint, 'and nothing of the call is kept');
SELECT results_eq($$SELECT rows, added, changed FROM mlops.add_labels('fraud', query => 'SELECT 10001 + i % 2 AS k, true AS l, ''2026-04-01''::date AS t FROM generate_series(1, 12001) i', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (12001::bigint, 2::bigint, 0::bigint)$$, 'the same one many times is one');
SELECT results_eq($$SELECT rows, added, changed FROM mlops.add_labels('fraud', query => 'SELECT 10003 AS k, i % 3 = 1 AS l, date ''2026-04-01'' + i * 7 % 20 AS t FROM generate_series(1, 12) i', key => 'k', label => 'l', labelled_at => 't')$$,
	$$VALUES (12::bigint, 12::bigint, 0::bigint)$$, 'those of several times are all kept');
-- 7 i mod 20 is greatest at i = 11: 17
SELECT results_eq($$SELECT label, labelled_at FROM mlops.labels WHERE key = '10003'$$,
	$$VALUES (false, timestamptz '2026-04-18')$$, 'and the latest known counts');
SELECT results_eq($$SELECT rows, added FROM mlops.add_labels('fraud', query => 'SELECT 20000 + i AS k, true AS l FROM generate_series(1, 12001) i', key => 'k', label => 'l')$$,
	$$VALUES (12001::bigint, 12001::bigint)$$, 'more than one batch, known now');
SELECT results_eq($$SELECT rows, added, changed, ignored FROM mlops.add_labels('fraud', query => 'SELECT 20000 + i AS k, i NOT IN (1, 9000) AS l FROM generate_series(1, 12001) i', key => 'k', label => 'l')$$,
	$$VALUES (12001::bigint, 2::bigint, 0::bigint, 0::bigint)$$, 'again, but for two corrections');
SELECT results_eq($$SELECT rows, added, changed, ignored FROM mlops.add_labels('fraud', query => 'SELECT 20000 + i AS k, i NOT IN (1, 9000) AS l FROM generate_series(1, 12001) i', key => 'k', label => 'l')$$,
	$$VALUES (12001::bigint, 0::bigint, 0::bigint, 0::bigint)$$, 'which count when they come again');
SELECT results_eq($$SELECT key, label FROM mlops.labels WHERE model = 'fraud' AND length(key) = 5 AND key > '20000' AND NOT label$$, $$VALUES ('20001', false), ('29000', false)$$, 'and count');
SELECT results_eq($$SELECT rows, added FROM mlops.add_labels('fraud', query => 'SELECT 20001 AS k, true AS l', key => 'k', label => 'l')$$, $$VALUES (1::bigint, 1::bigint)$$, 'back to what was said first is a correction too');
SELECT ok((SELECT bool_and(labelled_at BETWEEN transaction_timestamp() AND clock_timestamp()) FROM mlops.labels WHERE length(key) = 5 AND key > '20000'), 'now');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud_text')$$, '42804', 'label "fraud_text" of type text is neither boolean nor 0/1', 'text needs the positive one');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT 1 AS k, 2 AS l', key => 'k', label => 'l')$$, '22000', 'label column "l" holds 2', 'a label that is none');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'known_at', label => 'fraud')$$, '42804', NULL, 'a key that is none');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud', labelled_at => 'fraud')$$, '42804', NULL, 'a time that is none');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'nokey', label => 'fraud')$$, '42703', '"key" names column "nokey", which does not exist in the source', 'a column that does not exist');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT 1 AS k, true AS l', key => 'k', label => 'l', positive => 'maybe')$$, '22023', '"positive" is "maybe", which is not a value of label "l" of type boolean', 'a value that the label cannot have');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', label => 'fraud')$$, '22004', '"key" must not be null', 'a key is needed');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', key => 'a', label => 'b')$$, '22023', NULL, 'a source is needed');
SELECT throws_ok($$SELECT mlops.add_labels('nofraud', 'outcome', key => 'tx_id', label => 'fraud')$$, '42704', NULL, 'a model that does not exist');
-- ---- times in the future, which no correction could replace
CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM mlops.add_labels('fraud', query => query, key => 'k', label => 'l', labelled_at => 't');
	RETURN 'recorded';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', sqlstate, sqlerrm, detail);
END $$;
SELECT is(refused($$SELECT 'f' || i AS k, true AS l, CASE WHEN i >= 7000 THEN timestamptz '3026-01-01 00:00+00' + i * interval '1 day' END AS t FROM generate_series(1, 12001) i$$),
	'22008 the label of key "f7000" has a time in the future Column "t" says 3045-03-02T00:00:00+00:00. No label was recorded.', 'the first of many is named');
SELECT is((SELECT count(*) FROM mlops.labels WHERE key LIKE 'f%'), 0::bigint, 'and none recorded');
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is(refused($$SELECT 'f' AS k, true AS l, timestamptz '3026-01-02 00:00+00' AS t$$), '22008 the label of key "f" has a time in the future Column "t" says 3026-01-02T00:00:00+00:00. No label was recorded.',
	'in every session in the same words');
SELECT is(refused($$SELECT 'g' AS k, l, timestamptz '2026-01-02 00:00+00' AS t FROM unnest('{t,f}'::boolean[]) AS l$$), '21000 labels of key "g" contradict each other Column "l" says true and false, both known at 2026-01-02T00:00:00+00:00.',
	'so are contradictions');
RESET DateStyle;
RESET TimeZone;
SELECT matches(refused(format($$SELECT 'f' AS k, true AS l, clock_timestamp()::%s + interval '62 seconds' AS t$$, t)), '^22008 the label of key "f" has a time in the future', t)
	FROM unnest('{timestamptz,timestamp}'::text[]) AS t;
SELECT is((SELECT added FROM mlops.add_labels('skewed', query => 'SELECT 1 AS k, true AS l, clock_timestamp() + interval ''30 seconds'' AS t', key => 'k', label => 'l', labelled_at => 't')), 1::bigint, 'another clock may be ahead by a minute');

SELECT is((SELECT jsonb_agg(w.detail - '{rows,ignored}'::text[]) FROM mlops_catalog.audit_waiting AS w
		WHERE event = 'add_labels' AND model = 'fraud'),
	(SELECT jsonb_build_array(jsonb_build_object('calls', 9, 'changed', 1, 'added', count(*))) FROM mlops.label_events WHERE model = 'fraud'),
	'the additions of a transaction are one entry of the audit log, with the sums of those that changed something');

-- ---- the tests
SELECT is((SELECT array_agg(round(x::numeric, 12)) FROM mlops.proportion_test(1000, 100, 1000, 130, 0.02) t, unnest(ARRAY[t.difference, t.z, t.p_value, t.sequential_p_value]) x),
	'{0.030000000000,2.102740605622,0.035488450466,0.397837431628}', 'statsmodels'' numbers, and the mixture test''s');
SELECT is((SELECT t::text FROM mlops.proportion_test(0, 0, 10, 1) t), '(,,,,,1)', 'nothing to compare');
SELECT throws_ok($$SELECT mlops.proportion_test(10, 11, 10, 1)$$, '22023', '11 successes of 10 trials are impossible', 'more successes than trials');
SELECT throws_ok($$SELECT mlops.proportion_test(10, 1, 10, 1, 0)$$, '22023', 'effect 0 is out of range', 'no effect');
SELECT throws_ok($$SELECT mlops_catalog.thompson_shares('{}', '{}', true, 0, 100, 1)$$, '22023', NULL, 'no variants');
SELECT throws_ok($$SELECT mlops_catalog.thompson_shares('{1,NULL}', '{0,0}', true, 0, 100, 1)$$, '22004', NULL, 'a count that is NULL');

SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud')$$, '55000', 'no release of model "fraud" is under way', 'no test under way');
SELECT mlops.deploy('fraud', 2, 'ab', percent => 40, key => 'id', threshold => 0.1) \g /dev/null
SELECT results_eq($$SELECT variant, version, metric, decisions, trials, p_value FROM mlops.ab_test('fraud')$$,
	$$VALUES ('primary', 1, 'precision', 0::bigint, 0::bigint, NULL::float8), ('challenger', 2, 'precision', 0, 0, NULL)$$, 'before any decision');
DELETE FROM mlops_catalog.label WHERE key::bigint > 4000;
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
CREATE TEMP TABLE wanted AS SELECT p.variant, count(*) AS decisions, count(*) FILTER (WHERE flagged AND t.id <= 4000) AS alerts,
	count(*) FILTER (WHERE flagged AND is_fraud AND id <= 4000) AS hits, count(*) FILTER (WHERE is_fraud AND id <= 4000) AS frauds, count(*) FILTER (WHERE flagged) AS flagged,
	count(*) FILTER (WHERE flagged AND NOT is_fraud AND id <= 4000) AS false_alerts, count(*) FILTER (WHERE id <= 4000) AS labelled
FROM tx t, LATERAL mlops.predict('fraud', t) p GROUP BY 1;
UPDATE mlops_catalog.label SET label = (SELECT is_fraud FROM tx WHERE id = key::int) WHERE key = '1';
SELECT results_eq($$SELECT variant, decisions, trials, successes FROM mlops.ab_test('fraud')$$, $$SELECT variant, decisions, alerts, hits FROM wanted ORDER BY 1 DESC$$, 'precision: frauds of alerts');
SELECT results_eq($$SELECT variant, decisions, trials, successes FROM mlops.ab_test('fraud', 'recall')$$, $$SELECT variant, decisions, frauds, hits FROM wanted ORDER BY 1 DESC$$, 'recall: alerts of frauds');
SELECT results_eq($$SELECT variant, decisions, trials, successes FROM mlops.ab_test('fraud', 'alert_rate')$$, $$SELECT variant, decisions, decisions, flagged FROM wanted ORDER BY 1 DESC$$, 'alert_rate: alerts of decisions');
SELECT results_eq($$SELECT variant, decisions, trials, successes FROM mlops.ab_test('fraud', 'false_positive_rate')$$, $$SELECT variant, decisions, labelled - frauds, false_alerts FROM wanted ORDER BY 1 DESC$$, 'false_positive_rate');
SELECT results_eq($$SELECT variant, decisions, trials, successes FROM mlops.ab_test('fraud', 'accuracy')$$, $$SELECT variant, decisions, labelled, labelled - false_alerts - (frauds - hits) FROM wanted ORDER BY 1 DESC$$, 'accuracy');
SELECT is((SELECT (difference, lower, upper, z, p_value, sequential_p_value)::text FROM mlops.ab_test('fraud', effect => 0.05) WHERE variant = 'challenger'),
	(SELECT t::text FROM wanted a, wanted b, mlops.proportion_test(a.alerts, a.hits, b.alerts, b.hits, 0.05) t WHERE a.variant = 'primary' AND b.variant = 'challenger'), 'tested against primary');
SELECT is((SELECT sum(decisions) FROM mlops.ab_test('fraud', since => clock_timestamp())), 0::numeric, 'since a time');
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud', 'auc')$$, '22023', 'unrecognized metric "auc"', 'a metric that is none');
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud', effect => 2)$$, '22023', 'effect 2 is out of range', 'an effect that is none');

-- ---- rights
CREATE ROLE regress_mlops_scorer;
GRANT SELECT ON outcome TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SET LOCAL ROLE regress_mlops_scorer;
SELECT is((SELECT count(*) FROM mlops.labels), 0::bigint, 'nobody sees labels of models that are not his');
SELECT throws_ok($$SELECT * FROM mlops.ab_test('fraud')$$, '42501', NULL, 'or tests');
RESET ROLE;
SELECT mlops.grant('fraud', 'regress_mlops_scorer', 'score') \g /dev/null
SET LOCAL ROLE regress_mlops_scorer;
SELECT is((SELECT count(*) FROM mlops.labels), 0::bigint, 'who may score does not');
SELECT is((SELECT count(*) FROM mlops.label_events), 0::bigint, 'nor revised ones');
RESET ROLE;
SELECT mlops.grant('fraud', 'regress_mlops_scorer', 'view') \g /dev/null
SET LOCAL ROLE regress_mlops_scorer;
SELECT cmp_ok((SELECT count(*) FROM mlops.labels), '>', 0::bigint, 'who may view does');
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud')$$, '42501', NULL, 'but may not add any');
RESET ROLE;
SELECT mlops.grant('fraud', 'regress_mlops_scorer', 'train') \g /dev/null
REVOKE SELECT ON outcome FROM PUBLIC;
SET LOCAL ROLE regress_mlops_scorer;
SELECT throws_ok($$SELECT mlops.add_labels('fraud', 'outcome', key => 'tx_id', label => 'fraud')$$, '42501', NULL, 'nor read a table by it');
SELECT lives_ok($$SELECT mlops.add_labels('fraud', query => 'SELECT 1 AS k, true AS l', key => 'k', label => 'l')$$, 'who may train may add labels');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
