-- The report: a well-formed page, whatever there is to show.
\ir setup.psql
CREATE FUNCTION reads_xml() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN xmlparse(document '<a/>') IS NOT NULL; EXCEPTION WHEN feature_not_supported THEN RETURN false; END $$;
SELECT reads_xml() \gset
\if :reads_xml
SELECT plan(14);
CREATE FUNCTION page() RETURNS xml LANGUAGE sql AS $$ SELECT xmlparse(document replace(mlops.report('fraud'), '<!DOCTYPE html>', '')) $$;
CREATE FUNCTION count_of(path text) RETURNS int LANGUAGE sql AS $$ SELECT cardinality(xpath(path, page())) $$;
SELECT throws_ok($$SELECT mlops.report('fraud')$$, '42704', NULL, 'a model that does not exist');
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', time_column => 'ts', key => 'id', params => '{"n_estimators": 30, "early_stopping_rounds": 10}') \g /dev/null
SELECT lives_ok($$SELECT page()$$, 'a model that nothing was done with yet');
SELECT is(count_of('//h2'), 6, 'has all sections');
SELECT is(count_of('//polyline'), 1, 'the learning curve');
SELECT is(count_of('//rect') > 2, true, 'and importance');
SELECT is((xpath('string(//p[contains(., "Not watched")])', page()))[1]::text, 'Not watched. SELECT * FROM mlops.monitor(''fraud'');', 'and what is not watched');
SELECT mlops.describe('fraud', E'<script>alert("x")</script> & \x01 more') \g /dev/null
SELECT is((xpath('string(//p[@class="sub"])', page()))[1]::text LIKE '&lt;script&gt;alert("x")&lt;/script&gt; &amp; ? more%', true, 'what people wrote is text');
SELECT is(count_of('//script'), 0, 'and never markup');
SELECT mlops.deploy('fraud', 1, threshold => 0.1) \g /dev/null
SELECT mlops.monitor('fraud', every => '1 hour') \g /dev/null
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '5 hours';
SELECT count(mlops.decide('fraud', t, id::text)) FROM tx t \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - (1 + key::int % 3) * interval '1 hour' + interval '5 minutes';
SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud') \g /dev/null
SELECT mlops.alert_rule('fraud', 'low', 'precision', min => 1) \g /dev/null
SELECT count(*) FROM mlops.run_monitor('fraud') \g /dev/null
SELECT mlops.retrain('fraud', 'new "month"') \g /dev/null
SELECT is(count_of('//figcaption[.="Precision, recall"]'), 1, 'performance over time');
SELECT is(count_of('//figure[figcaption="Precision, recall"]//polyline'), 2, 'with a line for each');
SELECT is((xpath('string(//figure[figcaption="Decisions"]//polyline/@points)', page()))[1]::text ~ '^50.0,\S+ 260.0,\S+ 470.0,\S+$', true, 'from end to end');
SELECT is((xpath('string(//table[thead/tr/th="rule"]/tbody/tr/td[1])', page()))[1]::text, 'low', 'alerts');
SELECT is((xpath('string(//table[thead/tr/th="reason"]/tbody/tr/td[3])', page()))[1]::text, 'new "month"', 'retrainings');
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
