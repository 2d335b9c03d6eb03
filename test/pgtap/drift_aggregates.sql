-- Drift as aggregates: psi and jensen_shannon, their states and merges.
\ir setup.psql
SELECT plan(33);

CREATE TABLE r AS SELECT 10 * sin(i) + i % 7 AS x FROM generate_series(1, 500) AS i;
CREATE TABLE c AS SELECT 10 * sin(1.1 * i) + i % 5 + 1 AS x FROM generate_series(1, 400) AS i;
CREATE TABLE both_sides AS SELECT x, false AS now, row_number() OVER () AS i FROM r UNION ALL SELECT x, true, row_number() OVER () FROM c;
CREATE TABLE deciles AS SELECT percentile_cont((SELECT array_agg(i / 10.0 ORDER BY i) FROM generate_series(1, 9) AS i)) WITHIN GROUP (ORDER BY x) AS e FROM r;

-- ---- values
SELECT ok((SELECT abs(mlops.psi(x, now, e) - 0.016646890644953866) < 1e-12 FROM both_sides, deciles), 'psi over the reference''s deciles, as NumPy has it');
SELECT is((SELECT ARRAY[mlops.psi(x, now, e), mlops.jensen_shannon(x, now, e)] FROM both_sides, deciles),
	(SELECT array_agg(statistic ORDER BY test DESC) FROM mlops.drift_between('r', 'c', statistics => '{psi,jensen_shannon}')), 'and drift_between');
SELECT is((SELECT mlops.psi(x, now, '{1,2,3}') FROM (VALUES (1::float8), (1.5), (3), (9), (NULL), ('NaN')) AS v(x), (VALUES (true), (false)) AS s(now)), 0::float8, 'the same on both sides');
SELECT ok((SELECT abs(mlops.psi(x, now, '{10}') - ((0.5 - 0.25) * ln(0.5 / 0.25) + (0.5 - 0.75) * ln(0.5 / 0.75))) < 1e-15 FROM
	(VALUES (10::float8, false), (11, false), (10, true), (12, true), (12, true), (12, true)) AS v(x, now)), 'a value belongs to the bin that its edge ends');
SELECT ok((SELECT abs(mlops.psi(x, now, '{0}') - ((0.25 - 1) * ln(0.25 / 1) + (0.75 - 0.125) * ln(0.75 / 0.125))) < 1e-15 FROM
	(VALUES (1::float8, false), (NULL, false), ('NaN', false), ('Infinity', false), (2, true), (3, true), (4, true), (5, true)) AS v(x, now)), 'NULL, NaN and infinite values are one bin; an empty bin counts half a row');
SELECT is((SELECT mlops.jensen_shannon(x, now, '{0}') FROM (VALUES (1::float8, true), (-1, false)) AS v(x, now)), 1::float8, 'nothing in common: the greatest distance');
SELECT is((SELECT mlops.psi(x, false, e) FROM both_sides, deciles), NULL::float8, 'one side alone');
SELECT is((SELECT mlops.psi(x, now, e) FROM both_sides, deciles WHERE false), NULL::float8, 'no rows');
SELECT is((SELECT mlops.psi_state(x, NULL, e) FROM both_sides, deciles)::text, NULL, 'rows of neither side do not count');
SELECT is((SELECT mlops.psi(x, now, '{1,1,2}') FROM both_sides), (SELECT mlops.psi(x, now, '{1,2}') FROM both_sides), 'an edge twice is one edge');
SELECT is((SELECT count(*) FROM (SELECT i % 3, mlops.psi(x, now, e) FILTER (WHERE i > 10) AS p FROM both_sides, deciles GROUP BY 1) AS g WHERE p > 0), 3::bigint, 'GROUP BY and FILTER');
SELECT ok((SELECT count(DISTINCT p) > 300 FROM (SELECT mlops.psi(x, now, e) OVER (ORDER BY now, i) AS p FROM both_sides, deciles) AS w), 'windows');

-- ---- states
CREATE TABLE kept AS SELECT i % 7 AS part, mlops.psi_state(x, now, e) AS state FROM both_sides, deciles GROUP BY 1;
SELECT is((SELECT mlops.psi_merge(state) FROM kept), (SELECT mlops.psi(x, now, e) FROM both_sides, deciles), 'merged states give what the whole gives');
SELECT is((SELECT mlops.jensen_shannon_merge(state) FROM kept), (SELECT mlops.jensen_shannon(x, now, e) FROM both_sides, deciles), 'whatever is asked of them');
SELECT is((SELECT mlops.histogram_state_merge(state)::text FROM kept), (SELECT mlops.jensen_shannon_state(x, now, e)::text FROM both_sides, deciles), 'one state of all is the same bytes');
SELECT is((SELECT mlops.psi_merge(state) FROM (SELECT mlops.histogram_state_merge(state) AS state FROM kept GROUP BY part % 2) AS m), (SELECT mlops.psi_merge(state) FROM kept), 'merges of merges');
SELECT is((SELECT mlops.psi_merge(state) FROM (SELECT state FROM kept UNION ALL SELECT NULL) AS s), (SELECT mlops.psi_merge(state) FROM kept), 'NULL states do not count');
SELECT is((SELECT count(*) FROM kept WHERE state::text::mlops.histogram_state::text = state::text), 7::bigint, 'text goes there and back');
SELECT is((SELECT octet_length(mlops_catalog.histogram_state_send(state)) FROM kept LIMIT 1), 12 + 9 * 8 + 2 * 11 * 8, 'binary output is the bytes');
SELECT is((SELECT mlops.psi_merge(s) FROM kept, LATERAL (VALUES (state)) AS v(s)), (SELECT mlops.psi_merge(state) FROM kept), 'stored states are not changed by merging');
SELECT is((SELECT mlops.psi_merge(state) FROM (SELECT mlops.psi_state(x, now, (SELECT array_agg(i / 100.0 ORDER BY i) FROM generate_series(1, 10000) AS i)) AS state FROM both_sides) AS s) > 0, true, 'as many edges as there may be');

-- ---- parallel
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE TABLE many AS SELECT (i * 7919 % 10007)::float8 AS x, i % 3 = 0 AS now FROM generate_series(1, 100000) AS i;
ANALYZE many;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT ok((SELECT bool_or(p ~ 'Partial Aggregate') FROM plan_of($$SELECT mlops.psi(x, now, '{1000,5000,9000}') FROM many$$) AS p), 'workers aggregate');
CREATE TEMP TABLE parallel AS SELECT mlops.psi_state(x, now, '{1000,5000,9000}')::text AS state FROM many;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT is((SELECT state FROM parallel), (SELECT mlops.psi_state(x, now, '{1000,5000,9000}')::text FROM many), 'and the same comes of it');

-- ---- refusals
SELECT throws_ok($$SELECT mlops.psi(x, now, ARRAY[i::float8]) FROM both_sides$$, '22023', 'histograms with different edges cannot be compared', 'edges that differ between rows');
SELECT throws_ok($$SELECT mlops.psi_merge(s) FROM (SELECT state AS s FROM kept UNION ALL SELECT mlops.psi_state(1, true, '{1}')) AS u$$, '22023', 'histograms with different edges cannot be compared', 'or between states');
SELECT throws_ok(format('SELECT mlops.psi(x, now, %L) FROM both_sides', e), code, NULL, why) FROM (VALUES (NULL, '22004', 'no edges'), ('{}', '22023', 'an empty array'),
	('{2,1}', '22023', 'edges that fall'), ('{1,NULL}', '22004', 'a NULL'), ('{1,NaN}', '22023', 'NaN'), ('{{1},{2}}', '22023', 'two dimensions')) AS v(e, code, why);
SELECT throws_ok(format('SELECT %L::mlops.histogram_state', t), '22P02', NULL, 'bytes that are none: ' || why) FROM (
	SELECT '\x00' AS t, 'too short' AS why
	UNION ALL SELECT left(state::text, -2), 'cut' FROM kept WHERE part = 0) AS v;
SELECT finish();
ROLLBACK;
