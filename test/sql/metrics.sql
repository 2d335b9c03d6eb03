-- The metric aggregates: scikit-learn's values, parallel plans, states that are
-- stored, sent and merged, bad input.
\getenv abs_srcdir PG_ABS_SRCDIR
\set golden :abs_srcdir '/golden/metrics.sql'
\set ECHO none
SET client_min_messages = warning;
\i :golden
RESET client_min_messages;
\set ECHO all

CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

-- golden values, to 1e-12; one class, ties and extreme scores among them
CREATE TEMP TABLE computed AS
SELECT sample, mlops.roc_auc(label, score) AS roc_auc, mlops.pr_auc(label, score) AS pr_auc,
       mlops.ks_statistic(label, score) AS ks, mlops.precision_at(label, score, 3) AS precision_at_3,
       mlops.log_loss(label, score) FILTER (WHERE sample <> 'margins') AS log_loss,
       mlops.brier(label, score) FILTER (WHERE sample <> 'margins') AS brier
FROM golden_row GROUP BY sample;
SELECT sample, count(*) AS metrics, count(*) FILTER (WHERE expected IS NULL) AS undefined,
       bool_and(coalesce(abs(value - expected) < 1e-12, value IS NULL AND expected IS NULL)) AS as_scikit_learn
FROM golden_value JOIN computed USING (sample)
CROSS JOIN LATERAL (SELECT (to_jsonb(computed) ->> metric)::float8) AS v (value)
GROUP BY sample ORDER BY sample;

-- NULLs do not count, groups without rows are NULL, infinite scores are ranked
SELECT mlops.roc_auc(label, score), mlops.precision_at(label, score, 2), mlops.log_loss(label, 0.5)
FROM (VALUES (true, 'infinity'::float8), (false, '-infinity'), (NULL, 3), (true, NULL), (false, 2)) AS t (label, score);
SELECT mlops.roc_auc(true, NULL) AS roc_auc, mlops.pr_auc(NULL, 1) AS pr_auc, mlops.ks_statistic(NULL, NULL) AS ks,
       mlops.precision_at(NULL, 1, 5) AS precision_at, mlops.log_loss(NULL, 1) AS log_loss, mlops.brier(NULL, 1) AS brier,
       mlops.roc_auc_state(NULL, 1) AS state, mlops.loss_state_merge(NULL) AS merged
FROM generate_series(1, 3);
SELECT mlops.roc_auc(true, 0.5) AS roc_auc, mlops.log_loss(true, 0.5) AS log_loss WHERE false;
-- minus zero is zero
SELECT mlops.roc_auc(label, score) FROM (VALUES (true, '-0'::float8), (false, '0')) AS t (label, score);
-- fewer rows than k; a tie at the border counts in part
SELECT mlops.precision_at(label, score, 100) AS of_all, mlops.precision_at(label, score, 2) AS of_two
FROM (VALUES (true, 0.9), (true, 0.5), (false, 0.5), (false, 0.5), (false, 0.1)) AS t (label, score);

-- rows that no metric can take
SELECT pg_temp.error_of('SELECT mlops.' || call || ' FROM (VALUES (true, 0.5, 3), (false, ' || score || ', 4)) AS t (label, score, k)')
FROM (VALUES
    (1, 'roc_auc(label, score)', '''NaN''::float8'),
    (2, 'precision_at(label, score, 1)', '''NaN''::float8'),
    (3, 'log_loss(label, score)', '''NaN''::float8'),
    (4, 'log_loss(label, score)', '1.5'),
    (5, 'brier(label, score)', '-1e-300::float8'),
    (6, 'precision_at(label, score, k)', '0.25'),
    (7, 'precision_at(label, score, 0)', '0.25'),
    (8, 'precision_at(label, score, NULL)', '0.25')) AS t (n, call, score)
ORDER BY n;

-- more rows than are sorted at once: half of 3 million, each above one more of the others
SELECT abs(mlops.roc_auc(score % 2 = 1, score) - 1500001 / 3000000.0::float8) < 1e-15 AS roc_auc
FROM (SELECT i::bigint * 7919 % 3000000 AS score FROM generate_series(1, 3000000) AS i) AS t;

-- a table with ties, in parts
CREATE TABLE metrics_row AS
SELECT i AS id, i % 7 AS part, i % 13 = 0 AS label,
       CASE WHEN i % 3 = 0 THEN round((i::bigint * 7919 % 1000003) / 1000003.0, 2)::float8
            ELSE (i::bigint * 7919 % 1000003) / 1000003.0::float8 END AS score
FROM generate_series(1, 300000) AS i;
ANALYZE metrics_row;

-- the same by hand: ranks for roc_auc, running counts for the others
WITH point AS (
    SELECT score, sum(count(*) FILTER (WHERE label)) OVER falling AS tp, sum(count(*) FILTER (WHERE NOT label)) OVER falling AS fp,
           count(*) FILTER (WHERE label) AS positives, count(*) FILTER (WHERE NOT label) AS negatives
    FROM metrics_row GROUP BY score WINDOW falling AS (ORDER BY score DESC)
), by_hand AS (
    SELECT (sum(negatives * (tp - positives / 2.0)) / (sum(positives) * sum(negatives)))::float8 AS roc_auc,
           sum(positives::float8 * tp::float8 / (tp + fp)::float8) / sum(positives)::float8 AS pr_auc
    FROM point
), both_counts AS (
    SELECT max(abs(tp::float8 / p - fp::float8 / n)) AS ks
    FROM point, (SELECT sum(positives)::float8 AS p, sum(negatives)::float8 AS n FROM point) AS total
)
SELECT abs(mlops.roc_auc(label, score) - (SELECT roc_auc FROM by_hand)) < 1e-12 AS roc_auc,
       abs(mlops.pr_auc(label, score) - (SELECT pr_auc FROM by_hand)) < 1e-12 AS pr_auc,
       abs(mlops.ks_statistic(label, score) - (SELECT ks FROM both_counts)) < 1e-12 AS ks,
       abs(mlops.brier(label, score) - avg((label::int - score) ^ 2)) < 1e-12 AS brier,
       abs(mlops.log_loss(label, score)
           - avg(-ln(least(greatest(CASE WHEN label THEN score ELSE 1 - score END, 2 ^ -52), 1 - 2 ^ -52)))) < 1e-12 AS log_loss
FROM metrics_row;

-- parallel plans aggregate in parts and give what serial ones give
CREATE TEMP TABLE serial AS
SELECT mlops.roc_auc(label, score), mlops.pr_auc(label, score), mlops.ks_statistic(label, score),
       mlops.precision_at(label, score, 1000), mlops.log_loss(label, score), mlops.brier(label, score),
       mlops.roc_auc_state(label, score) AS ranking_state, mlops.brier_state(label, score) AS loss_state
FROM metrics_row;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF)
SELECT mlops.roc_auc(label, score), mlops.pr_auc(label, score), mlops.ks_statistic(label, score),
       mlops.precision_at(label, score, 1000), mlops.log_loss(label, score), mlops.brier(label, score)
FROM metrics_row;
CREATE TEMP TABLE parallel AS
SELECT mlops.roc_auc(label, score), mlops.pr_auc(label, score), mlops.ks_statistic(label, score),
       mlops.precision_at(label, score, 1000), mlops.log_loss(label, score), mlops.brier(label, score),
       mlops.roc_auc_state(label, score) AS ranking_state
FROM metrics_row;
SELECT s.roc_auc = p.roc_auc AS roc_auc, s.pr_auc = p.pr_auc AS pr_auc, s.ks_statistic = p.ks_statistic AS ks,
       s.precision_at = p.precision_at AS precision_at, abs(s.log_loss - p.log_loss) < 1e-14 AS log_loss,
       abs(s.brier - p.brier) < 1e-14 AS brier, s.ranking_state::text = p.ranking_state::text AS state
FROM serial s, parallel p;
-- also in groups
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT part, mlops.roc_auc(label, score) FROM metrics_row GROUP BY part;
CREATE TEMP TABLE parallel_parts AS
SELECT part, mlops.roc_auc(label, score) AS roc_auc FROM metrics_row GROUP BY part;
RESET enable_sort;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS parts, bool_and(roc_auc = (SELECT mlops.roc_auc(label, score) FROM metrics_row r WHERE r.part = p.part)) AS equal
FROM parallel_parts p;

-- states by group, stored; merged they are the whole
CREATE TABLE metrics_state AS
SELECT part, mlops.pr_auc_state(label, score) AS ranking, mlops.log_loss_state(label, score) AS loss, count(*) AS rows
FROM metrics_row GROUP BY part;
SELECT mlops.roc_auc_merge(ranking) = roc_auc AS roc_auc, mlops.pr_auc_merge(ranking) = pr_auc AS pr_auc,
       mlops.ks_statistic_merge(ranking) = ks_statistic AS ks,
       mlops.precision_at_merge(ranking, 1000) = precision_at AS precision_at,
       abs(mlops.log_loss_merge(loss) - log_loss) < 1e-14 AS log_loss, abs(mlops.brier_merge(loss) - brier) < 1e-14 AS brier
FROM metrics_state, serial GROUP BY roc_auc, pr_auc, ks_statistic, precision_at, log_loss, brier;
-- whatever the order and the nesting, the merged state is one
SELECT count(DISTINCT merged) AS states, bool_and(merged = ranking_state::text) AS equal
FROM serial,
     LATERAL (SELECT mlops.ranking_state_merge(ranking)::text AS merged FROM (SELECT * FROM metrics_state ORDER BY part) AS t
              UNION ALL
              SELECT mlops.ranking_state_merge(ranking)::text FROM (SELECT * FROM metrics_state ORDER BY part DESC) AS t
              UNION ALL
              SELECT mlops.ranking_state_merge(half)::text
              FROM (SELECT mlops.ranking_state_merge(ranking) AS half FROM metrics_state GROUP BY part % 2) AS t) AS u;
SELECT abs(mlops.log_loss_merge(half) - log_loss) < 1e-14 AS equal
FROM (SELECT mlops.loss_state_merge(loss) AS half FROM metrics_state GROUP BY part % 2) AS t, serial GROUP BY log_loss;
-- NULL states are left out
SELECT mlops.roc_auc_merge(s), mlops.brier_merge(l)
FROM (SELECT mlops.roc_auc_state(label, score) AS s, mlops.brier_state(label, score) AS l
      FROM (VALUES (1, true, 0.9), (1, false, 0.4), (2, NULL, 0.5)) AS t (g, label, score) GROUP BY g) AS q;
-- one state used twice, and merged into others that stay as they were
SELECT mlops.roc_auc_merge(s) = mlops.roc_auc_merge(s) FILTER (WHERE true) AS same, mlops.roc_auc_merge(s) AS roc_auc,
       mlops.pr_auc_merge(s) AS pr_auc
FROM (SELECT mlops.roc_auc_state(label, score) AS s FROM (VALUES (true, 0.9), (false, 0.4), (true, 0.4)) AS t (label, score)
      OFFSET 0) AS q;
WITH q AS MATERIALIZED (
    SELECT g, mlops.roc_auc_state(label, score) AS s
    FROM (VALUES (1, true, 0.9), (1, false, 0.4), (2, false, 0.95)) AS t (g, label, score) GROUP BY g)
SELECT g, mlops.roc_auc_merge(s) OVER (ORDER BY g) AS running, mlops.precision_at_merge(s, 1) OVER (ORDER BY g) AS top,
       length(s::text) AS bytes
FROM q ORDER BY g;
DO $$
DECLARE
    s mlops.ranking_state;
    t mlops.ranking_state;
BEGIN
    SELECT mlops.roc_auc_state(label, score) INTO s FROM (VALUES (true, 0.9), (false, 0.4)) AS v (label, score);
    t := s;
    SELECT mlops.ranking_state_merge(x) INTO t FROM (VALUES (t), (s), (s)) AS v (x);
    RAISE NOTICE 'two rows, six rows: %, %', (SELECT mlops.precision_at_merge(s, 2)), (SELECT mlops.precision_at_merge(t, 4));
END $$;

-- text and binary round trips
SELECT bool_and(ranking::text::mlops.ranking_state::text = ranking::text) AS ranking,
       bool_and(loss::text::mlops.loss_state::text = loss::text) AS loss
FROM metrics_state;
SELECT mlops.roc_auc_state(label, score) AS ranking, mlops.brier_state(label, score) AS loss
FROM (VALUES (true, 0.75), (false, 0.5), (false, 0.5)) AS t (label, score);
SELECT current_setting('data_directory') || '/metrics_state.copy' AS file \gset
COPY (SELECT ranking, loss FROM metrics_state ORDER BY part) TO :'file' (FORMAT binary);
CREATE TABLE metrics_copied (id serial, ranking mlops.ranking_state, loss mlops.loss_state);
COPY metrics_copied (ranking, loss) FROM :'file' (FORMAT binary);
SELECT count(*) AS copied, bool_and(c.ranking::text = s.ranking::text AND c.loss::text = s.loss::text) AS equal
FROM metrics_copied c JOIN metrics_state s ON s.part = c.id - 1;
-- counts of one, two and four bytes
SELECT n, length(s::text) / 2 - 1 AS bytes, s::text::mlops.ranking_state::text = s::text AS round_trip
FROM (SELECT n, mlops.roc_auc_state(i % 2 = 0, (i = n)::int) AS s
      FROM (VALUES (200), (60000), (200000)) AS t (n), generate_series(1, n) AS i GROUP BY n) AS q ORDER BY n;

-- bytes that are no state: as text and, from a file, as binary
CREATE TEMP TABLE good AS
SELECT decode(substr(mlops.roc_auc_state(label, score)::text, 3), 'hex') AS ranking,
       decode(substr(mlops.brier_state(label, score)::text, 3), 'hex') AS loss
FROM (VALUES (true, 0.75), (false, 0.5), (false, 0.5)) AS t (label, score);
SELECT what, pg_temp.error_of(format('SELECT %L::mlops.ranking_state', bytes::text))
FROM good, LATERAL (VALUES
    (1, 'untouched', ranking),
    (2, 'empty', ''),
    (3, 'cut', substr(ranking, 1, length(ranking) - 1)),
    (4, 'longer', ranking || '\x00'),
    (5, 'another mark', set_byte(ranking, 0, 0)),
    (6, 'another version', set_byte(ranking, 4, 2)),
    (7, 'counts of 3 bytes', set_byte(ranking, 6, 3)),
    (8, 'reserved bytes', set_byte(ranking, 8, 1)),
    (9, 'negative k', set_byte(ranking, 19, 128)),
    (10, 'more scores', set_byte(ranking, 20, 3)),
    (11, 'very many scores', set_byte(ranking, 27, 255)),
    (12, 'NaN', overlay(ranking PLACING '\xf87f' FROM 35)),
    (13, 'rising', overlay(ranking PLACING '\xd0bf' FROM 35)),
    (14, 'equal', overlay(ranking PLACING substr(ranking, 37, 8) FROM 29)),
    (15, 'no rows', set_byte(ranking, 44, 0)),
    (16, 'minus zero', overlay(ranking PLACING '\x0000000000000080' FROM 37)),
    (17, 'the other state', loss)) AS t (n, what, bytes)
ORDER BY n;
SELECT what, pg_temp.error_of(format('SELECT %L::mlops.loss_state', bytes::text))
FROM good, LATERAL (VALUES
    (1, 'untouched', loss),
    (2, 'cut', substr(loss, 1, 51)),
    (3, 'another mark', set_byte(loss, 0, 0)),
    (4, 'another version', set_byte(loss, 4, 2)),
    (5, 'reserved bytes', set_byte(loss, 6, 1)),
    (6, 'no rows', set_byte(loss, 12, 0)),
    (7, 'negative rows', set_byte(loss, 19, 255)),
    (8, 'NaN', overlay(loss PLACING '\xf87f' FROM 27)),
    (9, 'great loss', overlay(loss PLACING '\xf07e' FROM 27)),
    (10, 'negative squares', overlay(loss PLACING '\xf0bf' FROM 43)),
    (11, 'the other state', ranking)) AS t (n, what, bytes)
ORDER BY n;
SELECT pg_temp.error_of(format('SELECT %L::mlops.%s', text, type))
FROM (VALUES (1, 'ranking_state', 'x'), (2, 'ranking_state', ''), (3, 'ranking_state', '\x4'), (4, 'loss_state', '\x4d4g'), (5, 'loss_state', '0x4d')) AS t (n, type, text)
ORDER BY n;
COPY (SELECT set_byte(ranking, 6, 3), loss FROM good) TO :'file' (FORMAT binary);
COPY metrics_copied (ranking, loss) FROM :'file' (FORMAT binary);
COPY (SELECT ranking, substr(loss, 1, 51) FROM good) TO :'file' (FORMAT binary);
COPY metrics_copied (ranking, loss) FROM :'file' (FORMAT binary);
\set remove 'rm -f ' :file
COPY (SELECT 1 WHERE false) TO PROGRAM :'remove';

-- filters and windows, growing and moving
SELECT mlops.roc_auc(label, score) FILTER (WHERE part = 3) = (SELECT mlops.roc_auc(label, score) FROM metrics_row WHERE part = 3) AS filtered
FROM metrics_row;
CREATE TEMP TABLE first_row AS SELECT * FROM metrics_row WHERE id <= 150;
SELECT bool_and(growing = (SELECT mlops.roc_auc(label, score) FROM first_row b WHERE b.id <= w.id)) AS growing,
       bool_and(moving = (SELECT mlops.roc_auc(label, score) FROM first_row b WHERE b.id BETWEEN w.id - 40 AND w.id)) AS moving,
       bool_and(moving_brier = (SELECT mlops.brier(label, score) FROM first_row b WHERE b.id BETWEEN w.id - 40 AND w.id)) AS brier,
       bool_and(states::text = (SELECT mlops.pr_auc_state(label, score)::text FROM first_row b WHERE b.id <= w.id)) AS states,
       bool_and(losses::text = (SELECT mlops.brier_state(label, score)::text FROM first_row b WHERE b.id <= w.id)) AS losses
FROM (SELECT id, mlops.roc_auc(label, score) OVER (ORDER BY id) AS growing,
             mlops.pr_auc_state(label, score) OVER (ORDER BY id) AS states,
             mlops.brier_state(label, score) OVER (ORDER BY id) AS losses,
             mlops.roc_auc(label, score) OVER (ORDER BY id ROWS BETWEEN 40 PRECEDING AND CURRENT ROW) AS moving,
             mlops.brier(label, score) OVER (ORDER BY id ROWS BETWEEN 40 PRECEDING AND CURRENT ROW) AS moving_brier
      FROM first_row) AS w
WHERE id > 20;

-- many small groups
SELECT count(*) AS groups, bool_and(state IS NOT NULL) AS states
FROM (SELECT mlops.roc_auc_state(label, score) AS state FROM metrics_row GROUP BY id / 3) AS t;

-- support functions are of no use by themselves
SELECT pg_temp.error_of('SELECT mlops_catalog.ranking_accumulate(NULL, true, 0.5)');
SELECT pg_temp.error_of('SELECT mlops_catalog.loss_merge(NULL, ' || quote_literal(loss) || ') FROM metrics_state WHERE part = 1')
FROM metrics_state WHERE part = 1;

-- everything is safe in parallel, immutable, and explained
SELECT count(*) AS functions, bool_and(proparallel = 's' AND provolatile = 'i') AS safe,
       bool_and(obj_description(p.oid, 'pg_proc') IS NOT NULL) AS explained
FROM pg_proc p
WHERE pronamespace IN ('mlops'::regnamespace, 'mlops_catalog'::regnamespace)
  AND (ARRAY['mlops.ranking_state', 'mlops.loss_state']::regtype[] && (proargtypes::oid[] || prorettype)::regtype[]
       OR oid IN (SELECT aggfnoid FROM pg_aggregate WHERE aggtranstype IN ('mlops.ranking_state'::regtype, 'mlops.loss_state'::regtype)));

DROP TABLE metrics_row, metrics_state, metrics_copied;
