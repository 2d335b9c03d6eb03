-- What a retraining looks at grows with the number of columns, not with its square.
\ir setup.psql
SELECT plan(2);
SELECT format('CREATE TABLE %I AS SELECT i AS id, i %% 5 = 0 AND i %% 7 < 4 AS fraud, %s FROM generate_series(1, 200) AS i', 'wide_' || n,
	(SELECT string_agg(format('((i * %s) %% 1009)::float8 AS c%s', 7919 + c, c), ', ') FROM generate_series(1, n) AS c))
FROM unnest('{150,600}'::int[]) AS n \gexec
SELECT format('SELECT FROM mlops.train(%1$L, %1$L, target => ''fraud'', key => ''id'', algorithm => ''logistic_regression'', params => ''{"max_iter": 1}'')', 'wide_' || n)
FROM unnest('{150,600}'::int[]) AS n \gexec

CREATE FUNCTION pg_temp.seconds(statement text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	EXECUTE statement;
	RETURN extract(epoch FROM clock_timestamp() - began)::float8;
END $$;
-- The median of seven: one is measured right after the other, as others share the machine.
CREATE FUNCTION pg_temp.growth(statement text) RETURNS float8 LANGUAGE sql AS $$
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ratio)
	FROM (SELECT pg_temp.seconds(replace(statement, 'wide', 'wide_600')) / pg_temp.seconds(replace(statement, 'wide', 'wide_150')) AS ratio FROM generate_series(1, 7)) AS r
$$;
SELECT cmp_ok(pg_temp.growth($$SELECT mlops_catalog.learned_inputs('wide', 1)$$), '<', 9::float8, 'four times the columns do not take sixteen times as long: what was learned');
CREATE FUNCTION pg_temp.plan(query text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'EXPLAIN ' || query; END $$;
SELECT cmp_ok(pg_temp.growth($$SELECT pg_temp.plan(mlops_catalog.source_statistics_query('SELECT * FROM wide', mlops_catalog.learned_inputs('wide', 1), '{"target": "fraud"}', NULL))$$),
	'<', 9::float8, 'and the query for what there is now');
SELECT * FROM finish();
ROLLBACK;
