-- The report: a well-formed page, whatever there is to show.
\ir setup.psql
CREATE FUNCTION reads_xml() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN xmlparse(document '<a/>') IS NOT NULL; EXCEPTION WHEN feature_not_supported THEN RETURN false; END $$;
SELECT reads_xml() \gset
\if :reads_xml
SELECT plan(30);
CREATE FUNCTION page() RETURNS xml LANGUAGE sql AS $$ SELECT xmlparse(document replace(mlops.report('fraud'), '<!DOCTYPE html>', '')) $$;
CREATE FUNCTION count_of(path text) RETURNS int LANGUAGE sql AS $$ SELECT cardinality(xpath(path, page())) $$;
SELECT throws_ok($$SELECT mlops.report('fraud')$$, '42704', NULL, 'a model that does not exist');
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 30, "early_stopping_rounds": 10}') \g /dev/null
SELECT lives_ok($$SELECT page()$$, 'a model that nothing was done with yet');
SELECT is(count_of('//h2'), 8, 'has all sections');
SELECT is((xpath('string(//ul[@class="todo"]/li[1])', page()))[1]::text, 'Nothing is deployed. SELECT * FROM mlops.deploy(''fraud'', 1);', 'says what to do first');
SELECT is(count_of('//polyline'), 1, 'the learning curve');
SELECT is(count_of('//rect') > 2, true, 'and importance');
SELECT is((xpath('string(//li[contains(., "Not watched")])', page()))[1]::text, 'Not watched. SELECT * FROM mlops.monitor(''fraud'');', 'and what is not watched');
SELECT mlops.describe('fraud', E'<script>alert("x")</script> & \x01 more') \g /dev/null
SELECT is((xpath('string(//p[@class="sub"])', page()))[1]::text LIKE '&lt;script&gt;alert("x")&lt;/script&gt; &amp; ? more%', true, 'what people wrote is text');
SELECT is(count_of('//script'), 0, 'and never markup');
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour') \g /dev/null
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '5 hours';
SELECT count(mlops.decide('fraud', t, id::text)) FROM tx t \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - (1 + key::int % 3) * interval '1 hour' + interval '5 minutes';
SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT mlops.set_alert_rule('fraud', 'low', 'precision', min => 1) \g /dev/null
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT mlops.retrain('fraud', 'new "month"') \g /dev/null
SELECT is(count_of('//figcaption[.="Precision and recall"]'), 1, 'performance over time');
SELECT is(count_of('//figure[figcaption="Precision and recall"]//polyline'), 2, 'with a line for each');
SELECT is(count_of('//figure[figcaption="Precision and recall"]//path[@class="bound"]'), 1, 'one for the rule');
SELECT is(count_of('//figure[figcaption="Precision and recall"]//path[@class="alert"]'), 1, 'and a mark for its alert');
SELECT is((xpath('string(//figure[figcaption="Decisions a window"]//polyline/@points)', page()))[1]::text ~ '^48.0,\S+ \S+ 348.0,\S+$', true, 'from end to end');
SELECT is((xpath('string(//ul[@class="summary"]/li[1])', page()))[1]::text LIKE 'Version 1 (gradient boosting) answers all payments since %', true, 'a summary in words');
-- the numbers of the summary against the tables themselves
SELECT is((xpath('string(//ul[@class="summary"]/li[contains(., "with a label")])', page()))[1]::text,
	format('Of %s decisions with a label, to %s: version 1 found %s of %s frauds (%s), and %s of its alerts were frauds.', w.n, to_char(w.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
		w.found, w.frauds, mlops_catalog.value_text(w.found / w.frauds::float8, 'share'), mlops_catalog.value_text(w.found / w.flagged::float8, 'share')), 'with the last window''s values')
FROM (SELECT date_trunc('hour', p.created_at) + interval '1 hour' AS until, count(*) AS n, count(*) FILTER (WHERE t.is_fraud) AS frauds, count(*) FILTER (WHERE p.flagged) AS flagged,
		count(*) FILTER (WHERE p.flagged AND t.is_fraud) AS found
	FROM mlops_catalog.prediction AS p JOIN tx AS t ON t.id = p.key::int GROUP BY 1 ORDER BY 1 DESC LIMIT 1) AS w;
-- precision by recall against the curve of the same rows: its last point flags all
SELECT is(split_part((xpath('string(//figure[starts-with(figcaption, "Precision by recall")]//polyline/@points)', page()))[1]::text, ' ', -1),
	format('348.0,%s', round((150 - 140 * (SELECT avg(label::int)::float8 FROM mlops.labels))::numeric, 1)), 'precision by recall ends where all is flagged');
SELECT is((xpath('string(//table[thead/tr/th="rule"]/tbody/tr/td[1])', page()))[1]::text, 'low', 'alerts');
SELECT is((xpath('string(//table[thead/tr/th="base version"]/tbody/tr/td[3])', page()))[1]::text, 'new "month"', 'retrainings');
-- segments: those with the most decisions, in words, and how many there are
SELECT is(mlops_catalog.report_segments('fraud', 50), mlops_catalog.report_segments('nosuch', 50), 'no segments');
INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
SELECT w.model_id, w.window_start, w.window_end, 1, s.segment, s.n, 1, 1, 1, 1 FROM (SELECT * FROM mlops_catalog.monitor_window ORDER BY window_end DESC LIMIT 1) AS w,
	(VALUES ('{"night": 0}'::jsonb, 10), ('{"night": 1}', 30), ('{"night": null}', 20)) AS s(segment, n);
CREATE FUNCTION segments(most int) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(s.name, '; ')
	FROM (SELECT unnest(xpath('//tbody/tr/td[1]/text()', xmlparse(document '<a>' || mlops_catalog.report_segments('fraud', most) || '</a>')))::text AS name) AS s $$;
SELECT is(segments(50), 'night = 1; night = missing; night = 0', 'segments, the largest first');
SELECT is(mlops_catalog.report_segments('fraud', 50) ~ 'most decisions', false, 'all of them');
SELECT is(substring(mlops_catalog.report_segments('fraud', 2) FROM '^<p class="sub">[^<]*'), '<p class="sub">The 2 with the most decisions, of 3.', 'or says of how many');
-- a window without decisions
INSERT INTO mlops_catalog.traffic_window (model_id, window_start, window_end, version, variant, shadow, decisions, alerts)
SELECT w.model_id, w.window_end, w.window_end + interval '1 hour', 1, 'primary', false, 0, 0 FROM mlops_catalog.monitor_window AS w ORDER BY w.window_end DESC LIMIT 1;
SELECT is((xpath('string(//ul[@class="summary"]/li[starts-with(., "From ")])', page()))[1]::text ~ '^From \S+ \S+ to \S+ \S+: no decision \(\S+ % were flagged in the window before\)\.$', true, 'a window without decisions');
-- a version that answers nothing, with more labels; a window in which the one that answers flagged nothing
INSERT INTO mlops_catalog.performance_window (model_id, window_start, window_end, version, segment, decisions, true_positives, false_positives, false_negatives, true_negatives)
SELECT w.model_id, w.window_end, w.window_end + interval '1 hour', v.version, '{}', v.n, v.found, 0, 9, v.n - 9 - v.found
FROM (SELECT * FROM mlops_catalog.monitor_window ORDER BY window_end DESC LIMIT 1) AS w, (VALUES (1, 100, 0), (2, 900, 5)) AS v(version, n, found);
CREATE FUNCTION told() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(regexp_replace(s, ', to [-0-9: ]+:', ':'), ' ') FROM mlops_catalog.summary_of_performance('fraud') AS s $$;
SELECT is(told(), 'Of 100 decisions with a label: version 1 found 0 of 9 frauds (0 %), and it flagged nothing.', 'the version that answers, which flagged nothing');
SELECT mlops.deploy('fraud', 2, 'canary', percent => 20, key => 'id') \g /dev/null
SELECT is(told(), 'Of 100 decisions with a label: version 1 found 0 of 9 frauds (0 %), and it flagged nothing. Of 900 decisions with a label: version 2 found 5 of 14 frauds (35.7 %), and 100 % of its alerts were frauds.', 'both of a canary');
SELECT mlops.undeploy('fraud') \g /dev/null
SELECT is(told(), 'Of 900 decisions with a label: version 2 found 5 of 14 frauds (35.7 %), and 100 % of its alerts were frauds.', 'nothing answers');
-- imported decisions of two versions are not added up
DELETE FROM mlops_catalog.traffic_window;
INSERT INTO mlops_catalog.traffic_window (model_id, window_start, window_end, version, variant, shadow, decisions, alerts)
SELECT w.model_id, w.window_start, w.window_end, v, '(imported)', false, 100 * v, 10 FROM (SELECT * FROM mlops_catalog.monitor_window ORDER BY window_end DESC LIMIT 1) AS w, generate_series(1, 2) AS v;
SELECT matches(mlops_catalog.summary_of_traffic('fraud'), ': 200 imported decisions, 5 % of them flagged\.$', 'imported decisions of the newest version');
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT matches(mlops_catalog.summary_of_traffic('fraud'), ': 100 imported decisions, 10 % of them flagged\.$', 'or of the one that answers');
CREATE ROLE stranger;
SET ROLE stranger;
SELECT throws_ok($$SELECT mlops.report('fraud')$$, '42501', NULL, 'not for strangers');
RESET ROLE;
\else
SELECT plan(1);
SELECT skip('this server was built without libxml');
\endif
SELECT * FROM finish();
ROLLBACK;
