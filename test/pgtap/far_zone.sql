-- A session's zone may be further from UTC than PostgreSQL reads back: no instant goes
-- through text in it.
\ir setup.psql
SELECT plan(13);
CREATE TABLE t AS SELECT g AS id, hashint4(g) % 100 AS a, hashint4(g + 5000) % 100 AS b, hashint4(g) % 100 > 60 AS y,
	timestamptz '2026-01-01 00:00+00' + g * interval '1 hour' AS at FROM generate_series(1, 1500) AS g;
SET LOCAL TimeZone = '<+1730>-17:30';
SET LOCAL mlops.log_features = on;
SELECT throws_ok($$SELECT now()::text::timestamptz$$, '22009', NULL, 'the session''s own text is not read back');
SELECT lives_ok($$SELECT * FROM mlops.train('m', 't', target => 'y', key => 'id', time_column => 'at')$$, 'train');
SELECT lives_ok($$SELECT * FROM mlops.cross_validate('cv', 't', target => 'y', key => 'id', time_column => 'at')$$, 'cross_validate');
SELECT ok((SELECT max(started_at) BETWEEN now() - interval '1 hour' AND clock_timestamp() FROM mlops.runs WHERE model = 'cv'), 'began when it did');
SELECT lives_ok($$SELECT * FROM mlops.deploy('m', 1)$$, 'deploy');
SELECT is((SELECT count(mlops.decide('m', t, id::text)) FROM t), 1500::bigint, 'decide');
SELECT lives_ok($$SELECT * FROM mlops.monitor('m', every => '1 day', source => 't', time_column => 'at')$$, 'monitor');
SELECT * FROM mlops.run_monitor('m');
SELECT lives_ok($$SELECT * FROM mlops.retrain('m')$$, 'retrain');
SELECT lives_ok($$SELECT mlops.report('m')$$, 'report');
SELECT lives_ok($$SELECT mlops.import_model(mlops.export_model('m', 1), 'copy')$$, 'export and import');
SELECT is(mlops_catalog.utc_text(timestamptz '2026-03-01 00:00:00.123456+00'), '2026-03-01T00:00:00.123456+00:00', 'an instant as text');
SELECT is((SELECT array_agg(mlops_catalog.utc_text(i)::timestamptz = i) FROM unnest('{-infinity,infinity,0044-03-15 BC,12026-01-01}'::timestamptz[]) AS i), '{t,t,t,t}', 'of any year');
SELECT is((SELECT count(*) FROM mlops_catalog.as_role(quote_ident(current_user)::regrole, '{}', mlops_catalog.window_query('SELECT * FROM t', 'at', '2026-01-02 00:00+00', '2026-01-03 00:00+00'), '{}')), 24::bigint, 'a window');
SELECT finish();
ROLLBACK;
