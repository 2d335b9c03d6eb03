-- hostile_names.sql - the life of a model whose role, schema, table, columns and
-- levels have names that only quoting can tell; run by hostile_names.sh in
-- databases of several encodings.  ASCII only: names and levels are given as
-- psql's variables role, other, schema, table, num, cat, key, at, label, weight,
-- score, flag, level.  Prints DESCRIPTION|t for what holds.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA :"schema";
CREATE TABLE :"schema".:"table" AS SELECT i AS :"key", now() - i * interval '7 seconds' AS :"at", (i * 7919 % 1009)::float8 AS :"num",
	(ARRAY[:'level', 'We"ird', 'NULL', ''])[1 + i * 31 % 4] AS :"cat", 1 + i % 2 AS :"weight",
	(i * 7919 % 1009 > 800 OR i * 31 % 4 = 0) AND i % 7 < 5 AS :"label" FROM generate_series(1, 600) AS i;
CREATE TABLE :"schema".:"num" AS SELECT * FROM :"schema".:"table" WHERE :"key" % 2 = 0;
SELECT format('%I.%I', :'schema', :'table') AS source, format('%I.%I', :'schema', :'num') AS half,
	format('SELECT *, %I / 2 AS "x;""" FROM %I.%I', :'num', :'schema', :'table') AS query, ARRAY[:'cat']::name[] AS by,
	jsonb_build_object('fairness', jsonb_build_object('by', :'cat', 'metric', 'alert_rate', 'max_gap', 1, 'min_rows', 1)) AS gate,
	to_jsonb(t) AS json, format('SELECT * FROM %I.%I -- %s', :'schema', :'table', :'cat') AS remarked
	FROM :"schema".:"table" AS t WHERE :"key" = 3 \gset

-- ---- learned
SELECT 'versions 1 and 2', a.version = 1 AND b.version = 2
FROM mlops.train('m', :'source', target => :'label', key => :'key', time_column => :'at', weight => :'weight', experiment => :'cat',
		tags => jsonb_build_object(:'num', :'cat'), params => '{"n_estimators": 4}') AS a,
	LATERAL (SELECT version FROM mlops.train(a.model, :'source', target => :'label', key => :'key', time_column => :'at', weight => :'weight',
		algorithm => 'logistic_regression', features => ARRAY[:'num', :'cat']::name[])) AS b;
SELECT 'a query of it', version = 3 FROM mlops.train('m', query => :'query', target => :'label', key => :'key', time_column => :'at',
	exclude => ARRAY[:'weight', 'x;"']::name[], params => '{"n_estimators": 3}');
SELECT 'its columns have their names', array_agg(feature ORDER BY feature) = (SELECT array_agg(n ORDER BY n) FROM unnest(ARRAY[:'num', :'cat']) AS n)
	FROM mlops.feature_statistics WHERE model = 'm' AND version = 3;
SELECT 'and its levels', count(*) = 1 FROM mlops.coefficients WHERE model = 'm' AND version = 2 AND feature = :'cat' AND level = :'level';
SELECT 'cross_validate', count(*) = 4 FROM mlops.cross_validate('m', :'source', target => :'label', key => :'key', time_column => :'at', weight => :'weight',
	group_by => :'num', kind => 'grouped', folds => 2, parallel => 2, params => '{"n_estimators": 2}', experiment => :'cat');
SELECT 'tune', version = 4 FROM mlops.tune('m', :'source', target => :'label', key => :'key', time_column => :'at', weight => :'weight',
	space => '{"max_depth": [2, 3]}', trials => 2, parallel => 2, params => '{"n_estimators": 2}', experiment => :'num');
SELECT 'reproduce', bool_and(r.identical) FROM generate_series(1, 4) AS v, LATERAL mlops.reproduce('m', v) AS r;
SELECT 'compare', count(*) > 0 FROM mlops.compare('m');

-- ---- scored: a row, its JSON, a version, its bytes
SELECT mlops.export_model('m', 1) AS exported \gset
SELECT 'score', count(DISTINCT s) = 1 FROM :"schema".:"table" AS t, LATERAL (VALUES (mlops.score('m/1', t)), (mlops.score('m/1', to_jsonb(t))),
	(mlops.score_version('m', 1, t)), (mlops.score_bytes(:'exported', t)), (mlops.score_bytes(:'exported', to_jsonb(t))),
	((mlops.predict('m/1', t)).score)) AS v (s) WHERE :"key" = 3;
SELECT 'the level counts', mlops.score('m/2', t) <> mlops.score('m/2', to_jsonb(t) || jsonb_build_object(:'cat', 'We"ird')) FROM :"schema".:"table" AS t
	WHERE :"cat" = :'level' LIMIT 1;
SELECT 'score_table', count(*) = 600 AND bool_and(s.score = mlops.score('m/1', t)) FROM mlops.score_table('m/1', :'source', key => :'key') AS s
	JOIN :"schema".:"table" AS t ON t.:"key"::text = s.key;
SELECT 'score_table of a query', count(*) = 600 FROM mlops.score_table('m/3', query => :'remarked', key => :'key');
SELECT 'explain', count(*) = 1 FROM mlops.explain('m/1', :'json'::jsonb, top => 20) WHERE feature = :'cat';
SELECT 'explain_version', count(*) = 1 FROM :"schema".:"table" AS t, LATERAL mlops.explain_version('m', 2, t, 20) AS e WHERE :"key" = 3 AND e.feature = :'num';
SELECT 'explain_table', count(*) > 0 FROM mlops.explain_table('m/1', :'source', rows => 50) WHERE feature = :'num';
SELECT 'explain_text', mlops.explain_text('m/1', :'json'::jsonb) LIKE '%' || :'num' || '%';

-- ---- features from history
SELECT format('%I.%I', :'schema', 'f;' || left(:'cat', 20)) AS featured, jsonb_build_object('n;' || left(:'at', 20), jsonb_build_object('aggregate', 'count', 'by', :'cat'),
	'm;' || left(:'num', 20), jsonb_build_object('aggregate', 'avg', 'value', :'num', 'by', jsonb_build_array(:'cat', :'weight'), 'window', '7 days')) AS features \gset
SELECT 'create_feature_view', mlops.create_feature_view(:'featured', :'source', key => :'key', time_column => :'at', features => :'features') = to_regclass(:'featured');
SELECT 'feature_rows', count(*) = 600 FROM mlops.feature_rows(:'source', :'key', :'at', :'features') AS f(:"key" int);
SELECT 'feature_row', bool_and(mlops.feature_row(:'featured', t) ?& ARRAY['n;' || left(:'at', 20), 'm;' || left(:'num', 20), :'cat']) FROM :"schema".:"table" AS t WHERE :"key" < 9;
SELECT 'alter_feature_view', mlops.alter_feature_view(:'featured', :'features'::jsonb || jsonb_build_object('l;', jsonb_build_object('aggregate', 'last', 'value', :'num', 'by', :'cat'))) = to_regclass(:'featured');
SELECT 'check_features', count(*) = 0 FROM mlops.check_features(:'featured', 50);
SELECT 'feature_views', count(*) = 1 FROM mlops.feature_views WHERE schema = :'schema' AND features ? 'l;';
SELECT 'drop_feature_view', mlops.drop_feature_view(:'featured')::text = '';

-- ---- judged, on rows that it has learned from, as a warning says
SET client_min_messages = error;
SELECT 'evaluate', count(*) = 5 FROM mlops.evaluate('m/1', :'source', target => :'label', by => :'by');
SELECT 'thresholds', count(*) = 2 FROM mlops.thresholds('m', 1, '[{"max": "f1"}, {"alert_rate": 0.1}]', query => :'remarked');
SELECT 'evaluate by level', rows = 150 FROM mlops.evaluate('m/1', query => :'remarked', by => :'by') WHERE segment = jsonb_build_object(:'cat', :'level');
SELECT 'curve', count(*) > 2 FROM mlops.curve('m/1', :'source', points => 10);
SELECT 'daily_precision', count(*) > 0 AND sum(rows) = 600 AND count(card_precision_at_k) > 0 FROM mlops.daily_precision('m/1', :'source', card_column => :'cat', k => 3);
RESET client_min_messages;
SELECT 'set_gate', count(*) = 1 FROM mlops.set_gate('m', :'gate');
SELECT 'check_gate', count(*) = 1 AND bool_and(passed) FROM mlops.check_gate('m', 1);
SELECT 'model_card', c LIKE '%' || :'cat' || '%' AND length(c) > 500 FROM mlops.model_card('m', 1, by => :'by') AS c;
SELECT 'describe', description = :'cat' FROM mlops.describe('m', :'cat', limits => :'num');
SELECT 'set_model_tag', mlops.set_model_tag('m', :'key', :'cat') ->> :'key' = :'cat';
SELECT 'approve', count(*) = 1 FROM mlops.approve('m', 1, :'cat');
SELECT 'set_alias', version = 1 FROM mlops.set_alias('m', 'champion', 1);
SELECT 'an alias', mlops.score('m@champion', :'json'::jsonb) = mlops.score('m/1', :'json'::jsonb);
SELECT 'set_stage', to_stage = 'staging' FROM mlops.set_stage('m', 2, 'staging', :'cat');

-- ---- snapshots, drift
SELECT 'snapshot', count(*) = 1 FROM mlops.snapshot(:'source', 's', note => :'cat');
SELECT 'snapshot of a query', count(*) = 1 FROM mlops.snapshot(name => 'q', query => :'query', kind => 'reference');
SELECT 'verify_snapshot', bool_and(v.intact) FROM (VALUES ('s'), ('q')) AS n (name), LATERAL mlops.verify_snapshot(n.name) AS v;
SELECT 'drop_snapshot', mlops.drop_snapshot('s')::text = '';
SELECT 'check_drift', bool_or(feature = :'cat') AND bool_or(feature = :'num') FROM mlops.check_drift('m', :'half', version => 1);
SELECT 'record_drift', bool_or(feature = :'cat') FROM mlops.record_drift('m', query => :'remarked', version => 1);
SELECT 'drift_between', count(DISTINCT feature) = 2 FROM mlops.drift_between(:'source', :'half', columns => ARRAY[:'num', :'cat']::name[]);

-- ---- released
SELECT 'deploy', version = 1 FROM mlops.deploy('m', 1, note => :'cat');
SELECT 'a canary', key = :'key' FROM mlops.deploy('m', 2, 'canary', percent => 40, key => :'key', guard => '{"alert_rate": {"max": 1}}') WHERE variant <> 'primary';
SET mlops.log_features = on;
SELECT 'decide', count(*) = 600 FROM :"schema".:"table" AS t, LATERAL mlops.decide('m', t, t.:"key"::text);
SELECT 'by its key', count(DISTINCT version) = 2 AND count(DISTINCT key) = 600 FROM mlops.predictions WHERE model = 'm';
SELECT 'a row and its JSON take one way', count(DISTINCT d.version) = 1 FROM :"schema".:"table" AS t,
	LATERAL (VALUES ((mlops.decide('m', t)).version), ((mlops.decide('m', to_jsonb(t))).version)) AS d (version) WHERE :"key" = 3;
SELECT 'check_guards', count(*) > 0 FROM mlops.check_guards('m');
SELECT 'pause', count(*) > 0 FROM mlops.pause('m', :'cat');
SELECT 'resume', count(*) > 0 FROM mlops.resume('m', :'cat');
SELECT 'ab_test', count(*) = 2 FROM mlops.ab_test('m', 'alert_rate');
SELECT 'abort', count(*) > 0 FROM mlops.abort('m', :'cat');
SELECT 'a segment', rule = jsonb_build_object(:'cat', :'level') FROM mlops.deploy('m', 3, 'segment', rule => jsonb_build_object(:'cat', :'level'), variant => 'part')
	WHERE variant = 'part';
SELECT 'has its rows', bool_and((d.version = 3) = (t.:"cat" = :'level')) AND bool_or(d.version = 3) FROM :"schema".:"table" AS t, LATERAL mlops.decide('m', t) AS d;
SELECT 'promote', count(*) > 0 FROM mlops.promote('m', :'cat', variant => 'part');
SELECT 'rollback', count(*) > 0 FROM mlops.rollback('m', note => :'cat');
SELECT 'undeploy', count(*) > 0 FROM mlops.undeploy('m', :'cat');
SELECT 'deployed again', count(*) = 1 FROM mlops.deploy('m', 1, key => :'key', threshold => 0.001);
SELECT 'why', position(to_json(:'cat'::text)::text IN mlops.why(prediction_id)::text) > 0 FROM mlops.predictions WHERE model = 'm' LIMIT 1;
CREATE TABLE :"schema".:"cat" AS SELECT *, NULL::float8 AS :"score", NULL::boolean AS :"flag" FROM :"schema".:"table" LIMIT 0;
CREATE TRIGGER :"cat" BEFORE INSERT ON :"schema".:"cat" FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('m', :'score', :'flag', :'key');
INSERT INTO :"schema".:"cat" SELECT * FROM :"schema".:"table" WHERE :"key" <= 20;
SELECT 'decide_trigger', count(*) = 20 AND bool_and(p.score = t.:"score" AND p.flagged = t.:"flag") FROM :"schema".:"cat" AS t
	JOIN (SELECT DISTINCT ON (key) * FROM mlops.predictions WHERE model = 'm' ORDER BY key, created_at DESC) AS p ON p.key = t.:"key"::text;
CREATE TABLE :"schema".:"at" (LIKE :"schema".:"cat");
CREATE TRIGGER :"at" BEFORE INSERT ON :"schema".:"at" FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('m', :'score', :'flag');
INSERT INTO :"schema".:"at" SELECT * FROM :"schema".:"table" WHERE :"key" <= 20;
SELECT 'score_trigger', count(*) = 20 FROM :"schema".:"cat" JOIN :"schema".:"at" USING (:"key", :"score", :"flag");

-- ---- watched
SELECT 'add_labels', added = 600 FROM mlops.add_labels('m', :'source', key => :'key', label => :'label', labelled_at => :'at');
SELECT 'import_decisions', (added, ignored) = (600, 0) FROM mlops.import_decisions('m', :'source', key => :'key', time_column => :'at');
SELECT 'and what others said', (changed, added) = (600, 0) FROM mlops.import_decisions('m',
	query => format('SELECT %1$I, %2$I, 0.5 AS %3$I, true AS %4$I FROM %5$s', :'key', :'at', :'score', :'flag', :'source'),
	key => :'key', time_column => :'at', score => :'score', flagged => :'flag');
SELECT 'remove_imported_decisions', mlops.remove_imported_decisions('m', 1, since => '2999-01-01') = 0;
SELECT 'monitor', segments = :'by' FROM mlops.monitor('m', every => '1 hour', segments => :'by', source => :'source', time_column => :'at');
SELECT 'set_alert_rule', count(*) = 1 FROM mlops.set_alert_rule('m', 'decided', 'alert_rate', max => 0.0001, min_decisions => 1);
SELECT 'a rule of a column', count(*) = 1 FROM mlops.set_alert_rule('m', 'moved', 'drift', max => 100, labels => jsonb_build_object('feature', :'cat', 'test', 'psi'));
-- as if it had been in the last hour that is over
RESET client_min_messages;
\c - postgres
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '30 minutes';
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '1 hour';
\c - :"role"
SET client_min_messages = warning;
SELECT 'run_monitor', count(*) FILTER (WHERE error IS NOT NULL) = 0 AND count(DISTINCT step) >= 3, string_agg(error, ' ') FROM mlops.run_monitor('m');
SELECT 'segments', bool_or(segment = jsonb_build_object(:'cat', :'level')) FROM mlops.performance WHERE model = 'm';
SELECT 'alerts', count(*) = 1 FROM mlops.alerts WHERE model = 'm' AND rule = 'decided';
SELECT 'acknowledge_alert', count(a.*) = 1 FROM (SELECT min(alert_id) AS id FROM mlops.alerts WHERE model = 'm') AS m, LATERAL mlops.acknowledge_alert(m.id, :'cat') AS a;
SELECT 'silence', count(*) = 1 FROM mlops.silence('m', 'decided', now() + interval '1 hour');
SELECT 'prometheus_metrics', mlops.prometheus_metrics() LIKE '%model="m"%';
SELECT 'decision_totals', count(*) > 0 FROM mlops.decision_totals() WHERE model = 'm';
SELECT 'report', r LIKE '%</html>%' AND position(:'role' IN r) = 0 AND position(replace(:'role', '"', '&quot;') IN r) > 0 FROM mlops.report('m') AS r;

-- ---- learned again
SELECT 'retrain', outcome = 'registered' AND version = 5, detail FROM mlops.retrain('m', :'cat', gate => :'gate');
SELECT 'set_retraining_policy', count(*) = 1 FROM mlops.set_retraining_policy('m', triggers => '{"new_labels": 100000}', gate => :'gate', action => 'canary',
	options => jsonb_build_object('key', :'key', 'percent', 5, 'accept', jsonb_build_array(:'cat')));
SELECT 'resume_retraining', mlops.resume_retraining('m') IS NOT NULL;
SELECT 'resume_upkeep', mlops.resume_upkeep('m', 'monitor') IS NOT NULL;
SELECT 'submit_due', count(*) >= 0 FROM mlops.submit_due();

-- ---- carried, given, described
SELECT 'schedule', owner = quote_ident(:'role')::regrole AND name = :'cat' AND last_error IS NULL FROM mlops.schedule(:'cat', '0 0 1 1 *',
	format('SELECT count(*) FROM mlops.score_table(%L, %L, key => %L)', 'm', :'source', :'key'), model => 'm');
SELECT 'grant', role = :'role' FROM mlops.grant('m', :'role', 'score');
SELECT 'grant to another', role = :'other' FROM mlops.grant('m', :'other', 'train');
SELECT mlops.export_spec('m') AS spec \gset
SELECT 'export_spec', :'spec'::jsonb #> ARRAY['models', 'm', 'grants'] ? :'other' AND :'spec'::jsonb #>> '{models,m,owner}' = :'role';
SELECT 'apply', count(*) = 0 FROM mlops.apply(:'spec');
SELECT 'its schedules too', :'spec'::jsonb #> ARRAY['models', 'm', 'schedules'] ? :'cat';
SELECT 'revoke', role = :'other' FROM mlops.revoke('m', :'other', 'train');
SELECT 'apply gives back', count(*) = 1 FROM mlops.apply(:'spec');
SELECT 'set_owner', mlops.set_owner('m', :'other') = :'role';
SELECT 'set_owner back', mlops.set_owner('m', :'role') = :'other';
SELECT 'trust', trusts = :'other' FROM mlops.trust(:'other');
SELECT 'distrust', trusts = :'other' FROM mlops.distrust(:'other');
SELECT 'import_model', i.version = 1 AND mlops.score('copy/1', :'json'::jsonb) = mlops.score('m/1', :'json'::jsonb) FROM mlops.import_model(:'exported', 'copy') AS i;

-- ---- runs
SELECT mlops.start_run(:'cat', name => :'num', model => 'm', tags => jsonb_build_object(:'key', :'at')) AS run \gset
SELECT 'log_param', mlops.log_param(:run, :'cat', :'level')::text = '';
SELECT 'log_params', mlops.log_params(:run, jsonb_build_object(:'num', :'cat')) = 1;
SELECT 'log_metric', mlops.log_metric(:run, :'cat', 0.5)::text = '';
SELECT 'log_metrics', mlops.log_metrics(:run, jsonb_build_object(:'num', 1)) = 1;
SELECT 'log_artifact', mlops.log_artifact(:run, 'a/' || :'level', :'cat') > 0;
SELECT 'set_tag', mlops.set_tag(:run, :'num', :'cat') ->> :'num' = :'cat';
SELECT 'set_note', mlops.set_note(:run, :'cat', :'at')::text = '';
SELECT 'end_run', mlops.end_run(:run)::text = '';
SELECT 'search_runs', array_agg(run_id) = ARRAY[:run]::bigint[] FROM mlops.search_runs(experiments => ARRAY[:'cat'], filter => 'status = ''finished'' AND name = ''' || replace(:'at', '''', '''''') || '''');
SELECT 'compare_runs', count(*) > 0 FROM mlops.compare_runs(ARRAY(SELECT run_id FROM mlops.runs WHERE experiment = :'cat'));
SELECT 'delete_run', mlops.delete_run(:run)::text = '';
SELECT 'restore_run', mlops.restore_run(:run)::text = '';
SELECT mlops.end_run(mlops.start_run('e;' || :'cat')) \g /dev/null
SELECT 'delete_experiment', mlops.delete_experiment('e;' || :'cat') > 0;
SELECT 'restore_experiment', mlops.restore_experiment('e;' || :'cat') > 0;

-- ---- jobs
SELECT mlops.submit(format('SELECT count(*) AS n FROM mlops.score_table(%L, %L, key => %L)', 'm', :'source', :'key'), key => :'cat') AS job \gset
CALL mlops.wait(:job, '60 s') \g /dev/null
SELECT 'submit', state = 'succeeded' AND mlops.result(:job)::text LIKE '%600%', state, error FROM mlops.jobs WHERE job_id = :job;
SELECT 'cancel', mlops.cancel(:job) IS FALSE;

-- ---- ended
SELECT 'check_catalog', count(*) = 0, string_agg(concat_ws(': ', model, object, problem), '; ') FROM mlops.check_catalog();
SELECT 'verify_audit', intact, problem FROM mlops.verify_audit();
SELECT 'verify_decisions', count(*) FILTER (WHERE NOT intact) = 0 FROM mlops.verify_decisions();
SELECT 'unschedule', mlops.unschedule(:'cat');
SELECT 'drop_alert_rule', mlops.drop_alert_rule('m', 'moved')::text = '';
SELECT 'drop_alert_rule of the other', mlops.drop_alert_rule('m', 'decided')::text = '';
SELECT 'drop_retraining_policy', mlops.drop_retraining_policy('m');
SELECT 'unmonitor', mlops.unmonitor('m');
SELECT 'drop_alias', count(*) = 1 FROM mlops.drop_alias('m', 'champion');
SELECT 'drop_version', version = 5 FROM mlops.drop_version('m', 5, :'cat');
SELECT 'maintain', count(*) >= 0 FROM mlops.maintain();
SELECT 'check_catalog after it', count(*) = 0, string_agg(concat_ws(': ', model, object, problem), '; ') FROM mlops.check_catalog();
SELECT 'drop_model', count(*) = 1 FROM mlops.drop_model('copy', note => :'cat');
SELECT 'to its end', true;
