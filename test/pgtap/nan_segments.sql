-- NaN is missing, as NULL is, also where a rule or a monitor divides rows.
\ir setup.psql
SELECT plan(8);
CREATE TABLE t AS SELECT g AS id, g % 10 AS z, CASE WHEN g % 5 = 0 THEN 'NaN'::float8 WHEN g % 7 = 0 THEN NULL ELSE g % 3 END AS v, CASE WHEN g % 4 = 0 THEN 'NaN' END AS word,
	CASE WHEN g % 6 = 0 THEN 'NaN'::numeric ELSE 1 END AS n, (g * 7919) % 100 < 30 AS y FROM generate_series(1, 500) AS g;
SELECT mlops.train('m', 't', target => 'y', key => 'id', exclude => '{n}', params => '{"n_estimators": 5}') \g /dev/null
SELECT mlops.train('m', 't', target => 'y', key => 'id', features => '{z,v}', algorithm => 'logistic_regression') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
CREATE FUNCTION fits(rule jsonb, variant text) RETURNS TABLE (row_fits boolean, json_fits boolean, x t) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.deploy('m', 2, 'segment', rule => fits.rule, variant => fits.variant);
	RETURN QUERY SELECT (mlops.predict('m', a)).variant = fits.variant, (mlops.predict('m', to_jsonb(a))).variant = fits.variant, a FROM t AS a;
	PERFORM mlops.abort('m', variant => fits.variant);
END $$;
SELECT is((SELECT count(*) FROM fits('{"v": null}', 'a') WHERE row_fits IS DISTINCT FROM ((x).v IS NULL OR (x).v = 'NaN') OR json_fits IS DISTINCT FROM row_fits), 0::bigint, 'a rule that asks for what is missing');
SELECT is((SELECT count(*) FROM fits('{"v": [null, 2]}', 'b') WHERE row_fits IS DISTINCT FROM ((x).v IS NULL OR (x).v IN (2, 'NaN')) OR json_fits IS DISTINCT FROM row_fits), 0::bigint, 'or a value');
SELECT is((SELECT count(*) FROM fits('{"v": [1, 2]}', 'c') WHERE row_fits IS DISTINCT FROM coalesce((x).v IN (1, 2), false) OR json_fits IS DISTINCT FROM row_fits), 0::bigint, 'or for values alone');
SELECT is((SELECT count(*) FROM fits('{"n": null}', 'd') WHERE row_fits IS DISTINCT FROM ((x).n = 'NaN') OR json_fits IS DISTINCT FROM row_fits), 0::bigint, 'of a column that no version reads');
SELECT is((SELECT count(*) FROM fits('{"word": null}', 'e') WHERE row_fits IS DISTINCT FROM ((x).word IS NULL) OR json_fits IS DISTINCT FROM row_fits), 0::bigint, 'a text of that spelling is none');

-- ---- monitors
SET mlops.log_features = on;
SELECT mlops.monitor('m', every => '1 hour', label_delay => '1 hour', segments => '{v,word}') \g /dev/null
SELECT mlops.decide('m', t, t.id::text) FROM t \g /dev/null
SELECT mlops_catalog.record_performance(current_user::regrole, model_id, '{v,word}', now() - interval '1 hour', now() + interval '1 hour') FROM mlops_catalog.model WHERE name = 'm' \g /dev/null
SELECT is((SELECT decisions FROM mlops.performance WHERE segment = '{"v": null}'), (SELECT count(*) FROM t WHERE v IS NULL OR v = 'NaN'), 'a monitor has one segment for both');
SELECT is((SELECT count(*) FROM mlops.performance WHERE segment -> 'v' = '"NaN"'), 0::bigint, 'and none beside');
SELECT is((SELECT decisions FROM mlops.performance WHERE segment = '{"word": "NaN"}'), (SELECT count(*) FROM t WHERE word = 'NaN'), 'but for a text of that spelling');
SELECT * FROM finish();
ROLLBACK;
