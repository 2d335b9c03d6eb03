-- Tracking: runs people log themselves, search, comparison, lineage.
\ir setup.psql
SELECT plan(145);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
CREATE TEMP TABLE ids (name text PRIMARY KEY, id bigint);
GRANT ALL ON ids TO PUBLIC;
CREATE FUNCTION id(text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT id FROM ids WHERE name = $1';

SET LOCAL ROLE regress_mlops_owner;
INSERT INTO ids SELECT 'a', mlops.start_run('study', name => 'first "try"', tags => '{"team": "risk"}', note => 'begun');
INSERT INTO ids SELECT 'b', mlops.start_run('study', parent_run_id => id('a'), tags => '{"team": "rich", "lang": "de"}');
INSERT INTO ids SELECT 'c', mlops.start_run('other study');
SELECT is((SELECT (experiment, name, status, owner::text, note)::text FROM mlops.runs WHERE run_id = id('a')), '(study,"first ""try""",running,regress_mlops_owner,begun)', 'start_run');
SELECT is((SELECT parent_run_id FROM mlops.runs WHERE run_id = id('b')), id('a'), 'a child');
SELECT is((SELECT runs FROM mlops.experiments WHERE experiment = 'study'), 2::bigint, 'in its experiment');
SELECT throws_ok($$SELECT mlops.start_run(NULL)$$, '22004', '"experiment" must not be null', 'no experiment');
SELECT throws_ok($$SELECT mlops.start_run('x', parent_run_id => -1)$$, '42704', 'run -1 does not exist', 'a parent that does not exist');
SELECT throws_ok($$SELECT mlops.start_run('x', model => 'none')$$, '42704', 'model "none" does not exist', 'a model that does not exist');
SELECT throws_ok($$SELECT mlops.start_run('x', tags => '[]')$$, '22023', '"tags" must be a JSON object', 'tags that are no object');

-- parameters
SELECT lives_ok($$SELECT mlops.log_param(id('a'), 'max_depth', '6')$$, 'log_param');
SELECT is(mlops.log_params(id('a'), '{"eta": 0.1, "deep": {"x": [1]}, "none": null, "on": true}'), 4, 'log_params');
SELECT is((SELECT jsonb_object_agg(p.name, p.value) FROM mlops.run_params p WHERE run_id = id('a')), '{"eta": "0.1", "deep": "{\"x\": [1]}", "none": "null", "on": "true", "max_depth": "6"}', 'as text');
SELECT lives_ok($$SELECT mlops.log_param(id('a'), 'max_depth', '6')$$, 'the same again');
SELECT throws_ok($$SELECT mlops.log_param(id('a'), 'max_depth', '7')$$, '23505', format('parameter "max_depth" of run %s is recorded already', id('a')), 'another value');
SELECT throws_ok($$SELECT mlops.log_param(id('a'), '', '7')$$, '22023', NULL, 'an empty key');
SELECT throws_ok($$SELECT mlops.log_param(id('a'), NULL, '7')$$, '22004', '"key" must not be null', 'a key that is NULL');
SELECT throws_ok($$SELECT mlops.log_params(id('a'), '[1]')$$, '22023', NULL, 'no object');

-- metrics
SELECT lives_ok($$SELECT mlops.log_metric(id('a'), 'loss', 1.0 / s, s, timestamptz '2026-01-01' + s * interval '1 minute') FROM generate_series(1, 5) s$$, 'a learning curve');
SELECT is((SELECT array_agg(value ORDER BY step) FROM mlops.run_metrics WHERE run_id = id('a') AND name = 'loss'), '{1,0.5,0.3333333333333333,0.25,0.2}'::float8[], 'its points');
SELECT is((SELECT recorded_at FROM mlops.run_metrics WHERE run_id = id('a') AND name = 'loss' AND step = 3), '2026-01-01 00:03', 'with their times');
SELECT is(mlops.log_metrics(id('a'), '{"pr_auc": 0.7, "cost": 12, "nothing": null}'), 3, 'log_metrics');
SELECT lives_ok($$SELECT mlops.log_metric(id('a'), 'pr_auc', 0.71)$$, 'a metric again');
SELECT is((SELECT value FROM mlops.run_metrics WHERE run_id = id('a') AND name = 'pr_auc'), 0.71::float8, 'takes its place');
SELECT lives_ok($$SELECT mlops.log_metric(id('a'), 'odd', 'NaN'), mlops.log_metric(id('a'), 'big', 'Infinity')$$, 'NaN and infinity');
SELECT is((SELECT value FROM mlops.run_metrics WHERE run_id = id('a') AND name = 'odd'), 'NaN'::float8, 'are kept');
SELECT throws_ok($$SELECT mlops.log_metrics(id('a'), '{"x": "high"}')$$, '22023', 'metric "x" must be a number, not "high"', 'a metric that is text');

-- tags, notes, artifacts
SELECT is(mlops.set_tag(id('a'), 'stage', 'draft'), '{"team": "risk", "stage": "draft"}', 'set_tag');
SELECT is(mlops.set_tag(id('a'), 'stage', NULL), '{"team": "risk"}', 'and take it away');
SELECT lives_ok($$SELECT mlops.set_note(id('a'), 'looks good')$$, 'set_note');
SELECT is((SELECT (name, note)::text FROM mlops.runs WHERE run_id = id('a')), '("first ""try""","looks good")', 'keeps the name');
SELECT is(mlops.log_artifact(id('a'), 'plots/roc.svg', '<svg>é</svg>', content_type => 'image/svg+xml'), 13::bigint, 'an artifact as text');
SELECT is((SELECT text FROM mlops.run_artifacts WHERE run_id = id('a')), '<svg>é</svg>', 'comes back');
SELECT is(mlops.log_artifact(id('a'), 'raw', data => '\x00ff'), 2::bigint, 'as bytes');
SELECT is((SELECT (data, text)::text FROM mlops.run_artifacts WHERE path = 'raw'), '("\\x00ff",)', 'come back');
SELECT throws_ok($$SELECT mlops.log_artifact(id('a'), 'x')$$, '22023', NULL, 'neither');
SELECT throws_ok($$SELECT mlops.log_artifact(id('a'), 'x', 'a', 'b')$$, '22023', NULL, 'both');
SELECT throws_ok($$SELECT mlops.log_artifact(id('a'), 'x', data => '\xff', content_type => 'text/plain')$$, '22021', NULL, 'text that is none');
SELECT throws_ok($$SELECT mlops.log_artifact(id('a'), 'x', data => decode(repeat('00', 16777217), 'hex'))$$, '54000', NULL, 'too large');

-- end
SELECT throws_ok($$SELECT mlops.end_run(id('a'), 'done')$$, '22023', 'unrecognized status "done"', 'a status that does not exist');
SELECT lives_ok($$SELECT mlops.end_run(id('a'))$$, 'end_run');
SELECT is((SELECT status FROM mlops.runs WHERE run_id = id('a') AND ended_at > started_at), 'finished', 'ends it');
SELECT throws_ok($$SELECT mlops.log_param(id('a'), 'x', '1')$$, '55000', format('run %s is not running', id('a')), 'then no parameters');
SELECT throws_ok($$SELECT mlops.log_metric(id('a'), 'x', 1)$$, '55000', NULL, 'no metrics');
SELECT throws_ok($$SELECT mlops.end_run(id('a'))$$, '55000', NULL, 'no second end');
SELECT lives_ok($$SELECT mlops.set_tag(id('a'), 'late', 'yes')$$, 'but tags');

-- others
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.log_metric(id('b'), 'x', 1)$$, '42704', NULL, 'others'' runs do not exist');
SELECT is((SELECT count(*) FROM mlops.runs) + (SELECT count(*) FROM mlops.run_artifacts) + (SELECT count(*) FROM mlops.search_runs()), 0::bigint, 'nor are they seen');
SET LOCAL ROLE regress_mlops_owner;

-- a training is a run
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', experiment => 'study', params => '{"n_estimators": 5}', tags => '{"team": "risk"}')$$, 'train');
INSERT INTO ids SELECT 't', run_id FROM mlops.versions;
SELECT throws_ok($$SELECT mlops.log_metric(id('t'), 'test_pr_auc', 1)$$, '55000', NULL, 'its metrics cannot be improved');
SELECT throws_ok($$SELECT mlops.delete_run(id('t'))$$, '55006', NULL, 'nor can it be deleted while its version is there');
SELECT lives_ok($$SELECT mlops.log_artifact(id('t'), 'report', 'fine')$$, 'but it can have artifacts');
SELECT is((SELECT tables FROM mlops.datasets), (SELECT jsonb_build_array(jsonb_build_object('table', quote_ident(current_schema()) || '.tx', 'kind', 'table', 'columns',
	'{"id": "integer", "ts": "timestamp without time zone", "amount": "double precision", "online": "boolean", "balance": "numeric", "country": "text", "is_fraud": "boolean"}'::jsonb))), 'its data set knows the table');
SELECT is((SELECT rows FROM mlops.feature_statistics WHERE feature = 'amount'), (SELECT train_rows FROM mlops.versions), 'feature statistics: rows');
CREATE TEMP TABLE training_rows AS SELECT * FROM tx ORDER BY ts LIMIT (SELECT train_rows FROM mlops.versions);
SELECT is((SELECT round(mean::numeric, 9) FROM mlops.feature_statistics WHERE feature = 'amount'), (SELECT round(avg(amount)::numeric, 9) FROM training_rows), 'mean');
SELECT is((SELECT round(std::numeric, 6) FROM mlops.feature_statistics WHERE feature = 'amount'), (SELECT round(stddev_pop(amount)::numeric, 6) FROM training_rows), 'deviation');
SELECT is((SELECT (missing, minimum, maximum)::text FROM mlops.feature_statistics WHERE feature = 'balance'), (SELECT (count(*) FILTER (WHERE balance IS NULL), min(balance)::float8, max(balance)::float8)::text FROM training_rows), 'missing, least, greatest');
SELECT is((SELECT jsonb_object_agg(b ->> 'value', b -> 'rows') FROM mlops.feature_statistics, jsonb_array_elements(bins) b WHERE feature = 'country' AND b ->> 'value' IS NOT NULL), (SELECT jsonb_object_agg(country, n) FROM (SELECT country, count(*) AS n FROM training_rows GROUP BY 1) c), 'categories');
SELECT is((SELECT bool_and(n = (b ->> 'rows')::bigint) FROM mlops.feature_statistics, jsonb_array_elements(bins) b, LATERAL (SELECT count(*) AS n FROM training_rows WHERE amount > coalesce((b ->> 'above')::float8, '-infinity') AND amount <= coalesce((b ->> 'up_to')::float8, 'infinity')) c WHERE feature = 'amount'), true, 'ranges');
CREATE VIEW tx_view AS SELECT t.*, c.name FROM tx t LEFT JOIN (VALUES ('DE', 'Germany')) AS c(code, name) ON c.code = t.country;
SELECT lives_ok($$SELECT mlops.train('fraud', query => 'SELECT v.amount, v.online, v.is_fraud FROM tx_view v', target => 'is_fraud', params => '{"n_estimators": 3}')$$, 'train on a query over a view');
SELECT is((SELECT string_agg(t ->> 'kind', ',' ORDER BY t ->> 'kind') FROM mlops.datasets d, jsonb_array_elements(d.tables) t WHERE d.source IS NULL), 'table,view', 'knows the view and the table behind it');

-- search
INSERT INTO ids SELECT 'u', max(run_id) FROM mlops.runs;
SELECT lives_ok($$SELECT mlops.log_metrics(id('b'), '{"pr_auc": 0.5, "a b`c": 1}'), mlops.log_param(id('b'), 'max_depth', '7')$$, 'another run''s metrics');
CREATE FUNCTION found(filter text, ordering text[] DEFAULT '{run_id}') RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(i.name, '' ORDER BY s.ordinality), '') FROM mlops.search_runs(filter, ordering) WITH ORDINALITY AS s JOIN ids i ON i.id = s.run_id
$$;
SELECT is(found(f), wanted, f) FROM (VALUES
	('', 'abctu'),
	(NULL, 'abctu'),
	('metrics.pr_auc > 0.6', 'at'),
	('metrics.pr_auc >= 0.5 and metrics.pr_auc <= 0.71', 'ab'),
	('metric.pr_auc != 0.5', 'atu'),
	('metrics.loss = 0.2', 'a'),
	('metrics.cost == 12', 'a'),
	('metrics.test_pr_auc > 0.01 AND attributes.model = ''fraud''', 'tu'),
	('params.max_depth = ''6'' and tags.team like ''ri%''', 'at'),
	('params.max_depth != ''6''', 'b'),
	('params.max_depth IN (''6'', ''7'')', 'abtu'),
	('params.max_depth NOT IN (''6'')', 'b'),
	('tags.team ILIKE ''RI%''', 'abt'),
	('tags.team NOT LIKE ''ris%'' AND status = ''running''', 'b'),
	('tags.`team` = "risk"', 'at'),
	('metrics.`a b``c` = 1', 'b'),
	('metrics."a b`c" = 1e0', 'b'),
	('tags.lang IS NULL AND experiment = ''study''', 'at'),
	('tags.lang is not null', 'b'),
	('attributes.name LIKE ''first "%''', 'a'),
	('run.status = ''finished'' AND NOT (model = ''fraud'' OR experiment = ''x'')', 'a'),
	('(params.eta = ''0.1'' OR tags.lang = ''de'') AND metrics.pr_auc > -1.5e3', 'ab'),
	('version >= 2', 'u'),
	('start_time > 0 and start_time > ''2020-01-01''', 'abctu'),
	('datasets.digest = ''nothing''', ''),
	('tags.team = ''risk''''; DROP TABLE tx; --''', ''),
	('params.`x'' OR true --` = ''1''', '')) AS t(f, wanted);
SELECT is(found('metrics.pr_auc > 0', '{"metrics.pr_auc DESC"}'), 'tabu', 'order by a metric, of trainings that of the test rows');
SELECT is(found('metrics.pr_auc > 0', '{"metrics.pr_auc ASC"}'), 'ubat', 'rising');
SELECT is(found('experiment = ''study''', '{"tags.lang", "attributes.start_time"}'), 'bat', 'by a tag, then by time; what has none last');
SELECT is((SELECT count(*) FROM mlops.search_runs(experiments => '{study,none}')), 3::bigint, 'in experiments');
SELECT is((SELECT array_agg(run_id) FROM mlops.search_runs(order_by => '{run_id}', max_results => 2, first_result => 1)), ARRAY[id('b'), id('c')], 'page by page');
SELECT is((SELECT (params ->> 'max_depth') || (metrics ->> 'loss') || (tags ->> 'team') FROM mlops.search_runs('run_id = ' || id('a'))), '60.2risk', 'results carry parameters, latest metrics and tags');
SELECT throws_ok(format('SELECT mlops.search_runs(%L)', f), code, message, f) FROM (VALUES
	('metrics.pr_auc >', '42601', '"filter" ends at position 17 where a number is expected'),
	('metrics.pr_auc > ''x''', '42601', 'syntax error in "filter" at position 18: a number is expected'),
	('metrics.é > 1 metrics.x > 1', '42601', 'syntax error in "filter" at position 15: AND, OR or the end is expected'),
	('params.max_depth > ''6''', '42601', 'syntax error in "filter" at position 18: =, !=, LIKE, ILIKE or IN, which texts have, is expected'),
	('params.max_depth = 6', '42601', 'syntax error in "filter" at position 20: a text in quotes is expected'),
	('metrics.x LIKE ''a''', '42601', 'syntax error in "filter" at position 11: a comparison of numbers is expected'),
	('tags.x = ''a', '42601', 'syntax error in "filter" at position 10: a closing '' is expected'),
	('(tags.x = ''a''', '42601', '"filter" ends at position 14 where AND, OR or ) is expected'),
	('size = 5', '22023', 'unrecognized attribute "size" in "filter" at position 1'),
	('things.x = 5', '42601', 'syntax error in "filter" at position 1: metrics., params., tags., attributes. or datasets. is expected'),
	('metrics. = 5', '42601', 'syntax error in "filter" at position 1: a key after the dot is expected'),
	('tags.x IN ()', '42601', 'syntax error in "filter" at position 12: a text in quotes is expected'),
	('1 = 1', '42601', 'syntax error in "filter" at position 1: metrics., params., tags. or an attribute is expected'),
	('metrics.x > 0x10', '42601', 'syntax error in "filter" at position 13: a number is expected'),
	('metrics.x ~ 1', '42601', 'syntax error in "filter" at position 11: a comparison is expected'),
	('tags.x = ''a'';', '42601', 'syntax error in "filter" at position 13: a comparison is expected')) AS t(f, code, message);
SELECT throws_ok(format('SELECT mlops.search_runs(%L)', repeat('(', 300)), '54000', NULL, 'nested too deep');
SELECT throws_ok($$SELECT mlops.search_runs(order_by => '{metrics.x DOWN}')$$, '42601', 'syntax error in "order_by" at position 11: ASC, DESC or the end is expected', 'an order that is none');
SELECT throws_ok($$SELECT mlops.search_runs(show => 'some')$$, '22023', NULL, 'runs of an unknown kind');

-- deletion
SELECT lives_ok($$SELECT mlops.delete_run(id('b'))$$, 'delete_run');
SELECT is(found(''), 'actu', 'hides it');
SELECT is((SELECT array_agg(run_id) FROM mlops.search_runs(show => 'deleted')), ARRAY[id('b')], 'unless asked for');
SELECT throws_ok($$SELECT mlops.log_metric(id('b'), 'x', 1)$$, '55000', NULL, 'it takes no metrics');
SELECT lives_ok($$SELECT mlops.restore_run(id('b'))$$, 'restore_run');
SELECT is(found(''), 'abctu', 'brings it back');

SELECT throws_ok($$SELECT mlops.delete_experiment('study')$$, '55006', 'experiment "study" produced versions that exist', 'an experiment with versions stays');
SELECT is(mlops.delete_experiment('other study'), 1::bigint, 'delete_experiment');
SELECT is(found(''), 'abtu', 'hides its runs');
SELECT is((SELECT array_agg(experiment ORDER BY experiment) FROM mlops.experiments), '{fraud,study}', 'and itself');
SELECT throws_ok($$SELECT mlops.start_run('other study')$$, '55000', 'experiment "other study" is deleted', 'and takes no new ones');
SELECT is(mlops.restore_experiment('other study'), 1::bigint, 'restore_experiment');
SELECT is(found(''), 'abctu', 'brings them back');
SELECT throws_ok($$SELECT mlops.delete_experiment('none')$$, '42704', NULL, 'an experiment that does not exist');

-- comparison
SET client_min_messages = error;	-- of different rows
CREATE TEMP TABLE compared AS SELECT * FROM mlops.compare('fraud') WITH ORDINALITY;
SELECT is((SELECT "values" FROM compared WHERE kind = 'param' AND name = 'n_estimators'), '{"1": 5, "2": 3}', 'values by version');
SELECT ok((SELECT max(ordinality) FILTER (WHERE differs) < min(ordinality) FILTER (WHERE NOT differs) FROM compared WHERE name !~ '_ms$|^peak_memory'), 'differences first');
SELECT ok((SELECT min(ordinality) FILTER (WHERE name ~ '_ms$|^peak_memory') > max(ordinality) FILTER (WHERE name !~ '_ms$|^peak_memory') FROM compared), 'timings last');
SELECT is((SELECT array_agg(name ORDER BY ordinality) FROM compared WHERE differs AND name = ANY ('{test_pr_auc,test_roc_auc,test_f1,n_estimators,content_hash,validation_pr_auc}')),
	(SELECT array_agg(name ORDER BY place) FROM unnest('{test_pr_auc,test_roc_auc,test_f1,n_estimators,content_hash,validation_pr_auc}'::text[]) WITH ORDINALITY AS l(name, place)
		WHERE EXISTS (SELECT FROM compared AS c WHERE c.name = l.name AND c.differs)), 'first what decides: metrics of test rows, then parameters, then the data');
SELECT is((SELECT differs FROM compared WHERE kind = 'param' AND name = 'max_depth'), false, 'what is equal is last');
SELECT ok((SELECT abs(spread - (SELECT max(roc_auc) - min(roc_auc) FROM mlops.versions)) < 1e-12 FROM compared WHERE kind = 'metric' AND name = 'test_roc_auc'), 'spread of metrics');
SELECT is((SELECT count(DISTINCT k) FROM mlops.compare('fraud', '{2}'), jsonb_object_keys("values") k), 1::bigint, 'of chosen versions');
SELECT throws_ok($$SELECT * FROM mlops.compare('fraud', '{1,9}')$$, '42704', 'version 9 of model "fraud" does not exist', 'a version that does not exist');
SELECT is((SELECT "values" -> id('b')::text FROM mlops.compare_runs(ARRAY[id('a'), id('b')]) WHERE kind = 'param' AND name = 'max_depth'), '7', 'compare_runs');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT * FROM mlops.compare('fraud')$$, '42501', NULL, 'others compare nothing');

-- an experiment that several roles use
RESET ROLE;
SET LOCAL ROLE regress_mlops_owner;
INSERT INTO ids VALUES ('mine', mlops.start_run('shared'));
SET LOCAL ROLE regress_mlops_other;
INSERT INTO ids VALUES ('other''s', mlops.start_run('shared', name => 'other''s'));
SELECT version FROM mlops.train('hidden', 'tx', target => 'is_fraud', algorithm => 'logistic_regression', experiment => 'lent') \g /dev/null
SELECT is((SELECT runs FROM mlops.experiments WHERE experiment = 'shared'), 1::bigint, 'of its runs those are counted that one may see');
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT runs FROM mlops.experiments WHERE experiment = 'shared'), 1::bigint, 'also by its owner');
SELECT throws_ok($$SELECT mlops.delete_experiment('shared')$$, '42501', 'experiment "shared" has runs of other roles', 'nobody hides the runs of others');
SET LOCAL ROLE regress_mlops_other;
SELECT lives_ok($$SELECT mlops.log_metric(id('other''s'), 'loss', 0.5)$$, 'which go on');
SELECT lives_ok($$SELECT mlops.delete_run(id('other''s'))$$, 'their owner may delete them');
SET LOCAL ROLE regress_mlops_owner;
SELECT is(mlops.delete_experiment('shared'), 1::bigint, 'then the experiment can be');
SELECT is(mlops.restore_experiment('shared'), 1::bigint, 'and come back, with one''s own runs');
SELECT is((SELECT array_agg(run_id) FROM mlops.runs WHERE experiment = 'shared'), ARRAY[id('mine')], 'and no others');
-- a refusal names no model that one may not use
RESET ROLE;
UPDATE mlops_catalog.run SET owner = 'regress_mlops_owner' WHERE model = 'hidden';
UPDATE mlops_catalog.experiment SET owner = 'regress_mlops_owner' WHERE name = 'lent';
SET LOCAL ROLE regress_mlops_owner;
SELECT throws_ok($$SELECT mlops.delete_experiment('lent')$$, '55006', 'experiment "lent" produced versions that exist', 'versions that exist, of another''s model');
SELECT is(detail_of($$SELECT mlops.delete_experiment('lent')$$), 'They are: versions of models that you may not use.', 'are not named');
SELECT * FROM finish();
ROLLBACK;
