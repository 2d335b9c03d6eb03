-- Precision of the rows and cards that are investigated on each day.
\ir setup.psql
\ir golden_daily_precision.psql
SELECT plan(53);

SELECT mlops.train('m', query => 'TABLE golden_row EXCEPT ALL SELECT * FROM golden_row WHERE sample <> ''book''', target => 'label', features => '{x}', time_column => 'at', algorithm => 'logistic_regression', split => '{"validation": 0, "test": 0.5}') \g /dev/null
SELECT ok(bool_and(rises), 'scores rise with x, as the golden values need') FROM (SELECT lag(s) OVER (ORDER BY x) < s IS NOT FALSE AS rises FROM (SELECT DISTINCT x, mlops.score('m/1', g) AS s FROM golden_row AS g) AS scored) AS step;
CREATE FUNCTION of_sample(sample text) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT * FROM golden_row WHERE sample = %L', sample) $$;

-- ---- against NumPy
CREATE TABLE found AS SELECT g.sample, g.k, p.* FROM (SELECT DISTINCT sample, k FROM golden_day) AS g, LATERAL mlops.daily_precision('m/1', query => of_sample(g.sample), card_column => 'card', k => g.k) AS p;
SELECT is((SELECT count(*) FROM found WHERE found.sample = s), (SELECT count(*) FROM golden_day AS g WHERE g.sample = s), s || ': every day') FROM (SELECT DISTINCT sample FROM golden_day ORDER BY 1) AS v(s);
SELECT is(array_agg(g.day) FILTER (WHERE (g.rows, g.positives, g.cards, g.positive_cards, g.known_cards) IS DISTINCT FROM (f.rows, f.positives, f.cards, f.positive_cards, f.known_cards)), NULL, g.sample || ': rows and cards')
	FROM golden_day AS g LEFT JOIN found AS f USING (sample, k, day) GROUP BY g.sample ORDER BY g.sample;
SELECT is(array_agg(g.day) FILTER (WHERE abs(g.precision_at_k - f.precision_at_k) > 1e-12 OR f.precision_at_k IS NULL OR (g.card_precision_at_k IS NULL) <> (f.card_precision_at_k IS NULL) OR abs(g.card_precision_at_k - f.card_precision_at_k) > 1e-6), NULL,
	g.sample || ': precisions') FROM golden_day AS g LEFT JOIN found AS f USING (sample, k, day) GROUP BY g.sample ORDER BY g.sample;

-- ---- what it agrees with
SELECT results_eq($$SELECT 'few', 9, p.* FROM mlops.daily_precision('m/1', query => of_sample('few') || ' ORDER BY random()', card_column => 'card', k => 9) AS p$$, $$SELECT * FROM found WHERE sample = 'few' ORDER BY day$$, 'the order of the rows does not matter, days are in order');
SELECT results_eq($$SELECT day, precision_at_k FROM mlops.daily_precision('m/1', query => of_sample('ties'), k => 7)$$,
	$$SELECT at::date, mlops.precision_at(label, mlops.score('m/1', g), 7) FROM golden_row AS g WHERE sample = 'ties' GROUP BY 1 ORDER BY 1$$, 'of a day it is precision_at');
SELECT is((SELECT count(*) FROM mlops.daily_precision('m/1', query => of_sample('ties')) WHERE coalesce(cards, positive_cards, known_cards) IS NOT NULL OR card_precision_at_k IS NOT NULL), 0::bigint, 'without card_column there are no cards');
SELECT results_eq($$SELECT day, precision_at_k FROM mlops.daily_precision('m/1', query => of_sample('ties'))$$, $$SELECT day, positives::float8 / rows FROM found WHERE sample = 'ties' ORDER BY day$$, 'k is 100: on days with fewer rows all are looked at');
SELECT results_eq(format($q$SELECT day, card_precision_at_k FROM mlops.daily_precision('m/1', query => 'SELECT %s AS c, * FROM (' || of_sample('book') || ') AS b', card_column => 'c', k => 5)$q$, c),
	$$SELECT day, card_precision_at_k FROM found WHERE sample = 'book' ORDER BY day$$, 'cards as ' || c) FROM unnest('{card::text,card::numeric,md5(card::text)::uuid,to_jsonb(card),ARRAY[card]}'::text[]) AS c;
SELECT results_eq($$SELECT sum(rows)::bigint, sum(positives)::bigint FROM mlops.daily_precision('m/1')$$, $$SELECT rows, positives FROM mlops.evaluate('m/1')$$, 'without a source these are its test rows, by the time column of the training');

-- ---- by hand
CREATE TABLE hand (at timestamp, card text, x int, label boolean);
INSERT INTO hand VALUES ('2026-05-01 00:00', 'a', 9, true), ('2026-05-01 23:59:59.999', 'b', 8, false), ('2026-05-01', 'c', 7, true), ('2026-05-01', 'a', 1, false),
	('2026-05-03', 'a', 9, true), ('2026-05-03', 'b', 8, false), ('2026-05-03', 'c', 7, true), ('2026-05-03', 'b', 3, true);
CREATE FUNCTION of_hand(how text DEFAULT '') RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_agg(jsonb_build_array(to_char(day, 'DD'), rows, precision_at_k, cards, known_cards, card_precision_at_k)) FROM mlops.daily_precision('m/1', query => 'SELECT * FROM hand ' || how, card_column => 'card', k => 2) $$;
SELECT is(of_hand(), '[["01", 4, 0.5, 3, 0, 0.5], ["03", 4, 0.5, 2, 1, 1]]', 'a was found and is left out; c was not, and b is compromised by another row than its highest');
UPDATE hand SET x = 8 WHERE card = 'c';
SELECT is(of_hand(), jsonb_build_array('["01", 4, 0.75, 3, 0, 0.75]'::jsonb, jsonb_build_array('03', 4, 0.75, 2, 1, 1)), 'cards that tie for the last place share it: c counts half ...');
UPDATE hand SET label = false WHERE card = 'b';
SELECT is(of_hand() -> 1 ->> 5, (0.5::float8 / 1.5)::text, '... and is half left on the next day');
SELECT is(of_hand('WHERE NOT label'), '[["01", 2, 0, 2, 0, 0], ["03", 2, 0, 1, 0, 0]]', 'no positives: a precision of 0') ;
SELECT is(of_hand('WHERE label'), '[["01", 2, 1, 2, 0, 1], ["03", 2, 1, 0, 2, null]]', 'positives only; no card is left on the second day');
UPDATE hand SET card = NULL WHERE card = 'a';
SELECT is(of_hand() -> 0, '["01", 4, 0.75, 2, 0, 0.5]', 'a row without a card is a row, of no card');
UPDATE hand SET label = NULL WHERE card = 'b';
SELECT is(of_hand() -> 0 -> 1, '3', 'a row without a label is none');
SELECT is(of_hand('WHERE label IS NULL'), NULL, 'no labels, no days');
UPDATE hand SET at = NULL WHERE card = 'c';
SELECT is(of_hand() -> 0 -> 1, '2', 'nor is one without a time');

-- ---- days
SET TimeZone = 'Asia/Tokyo';
SELECT mlops.train('zoned', query => 'SELECT *, at::timestamptz AS stamp FROM golden_row WHERE sample = ''book''', target => 'label', features => '{x}', time_column => 'stamp', algorithm => 'logistic_regression', params => '{}') \g /dev/null
CREATE TABLE stamped AS SELECT timestamptz '2026-05-01 15:30Z' AS stamp, 1 AS x, true AS label;
SET TimeZone = 'America/New_York';
SELECT is((SELECT day FROM mlops.daily_precision('zoned/1', 'stamped')), '2026-05-02'::date, 'days are of the model''s time zone, whatever the session''s');
RESET TimeZone;
SELECT is((SELECT day FROM mlops.daily_precision('zoned/1', query => format('SELECT %L::date AS stamp, 1 AS x, true AS label', day))), day, 'the day ' || day) FROM unnest('{0044-03-15 BC,1969-12-31,1970-01-01,9999-12-31}'::date[]) AS day;

-- ---- errors
SELECT mlops.train('drawn', query => 'TABLE golden_row EXCEPT ALL SELECT * FROM golden_row WHERE sample <> ''book''', target => 'label', features => '{x}', algorithm => 'logistic_regression') \g /dev/null
SELECT throws_ok(format('SELECT * FROM mlops.daily_precision(%s)', call), sqlstate, message, message) FROM (VALUES
	($$'m/1', 'hand', k => 0$$, '22023', '"k" is 0, it must be at least 1'),
	($$'m/1', 'hand', card_column => 'crad'$$, '42703', '"card_column" names column "crad", which does not exist in the source'),
	($$'m/1', 'hand', time_column => 'on'$$, '42703', '"time_column" names column "on", which does not exist in the source'),
	($$'zoned/1', 'hand'$$, '42703', '"time_column" names column "stamp", which does not exist in the source'),
	($$'m/1', 'hand', time_column => 'x'$$, '42804', 'column "x" of "time_column" has type integer'),
	($$'m/1', 'hand', time_column => 'card'$$, '42804', 'column "card" of "time_column" has type text'),
	($$'m/1', query => 'SELECT *, at::time AS clock FROM hand', time_column => 'clock'$$, '42804', 'column "clock" of "time_column" has type time without time zone'),
	($$'m/1', query => 'SELECT ''300000-01-01''::date AS at, 1 AS x, true AS label'$$, '22008', 'column "at" holds 300000-01-01, which is not a value of type timestamp'),
	($$'m/1', query => 'SELECT ''infinity''::timestamp AS at, 1 AS x, true AS label'$$, '22000', 'column "at" contains an infinite value'),
	($$'drawn/1', 'hand'$$, '22023', '"time_column" must be given'),
	($$'drawn/1'$$, '55000', 'version 1 of model "drawn" has no test rows that can be read again')) AS v(call, sqlstate, message);
SELECT is((SELECT count(*) FROM mlops.daily_precision('drawn/1', 'hand', time_column => 'at')), 2::bigint, 'a version that was trained without times takes one');
SELECT is((SELECT jsonb_agg(p) FROM mlops.daily_precision('m/1', query => of_sample('book'), k => NULL) AS p), (SELECT jsonb_agg(p) FROM mlops.daily_precision('m/1', query => of_sample('book')) AS p), 'no k is the default');
SELECT * FROM finish();
ROLLBACK;
