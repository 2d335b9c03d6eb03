-- Triggers score a row as the table will store it, generated columns included.
\ir setup.psql
SELECT plan(7);

CREATE TABLE p (id int, amount float8, usual float8, ratio float8 GENERATED ALWAYS AS (amount / usual) STORED,
	shop text, kind text GENERATED ALWAYS AS (CASE WHEN shop LIKE 'web%' THEN 'web' ELSE 'till' END) STORED, fraud boolean);
INSERT INTO p (id, amount, usual, shop, fraud)
	SELECT g, 1 + g * 7 % 500, 10 + g % 40, CASE WHEN g % 3 = 0 THEN 'web' ELSE 'till' END || g % 5,
		(1 + g * 7 % 500)::float8 / (10 + g % 40) > 20 AND g % 3 = 0 FROM generate_series(1, 5000) AS g;
SELECT isnt(version, NULL, 'learned from generated columns') FROM mlops.train('p', 'p', target => 'fraud', key => 'id', features => '{ratio,kind}');
SELECT FROM mlops.deploy('p', 1);

CREATE TABLE live (gone int, LIKE p INCLUDING GENERATED, score float8, flagged boolean);
ALTER TABLE live DROP COLUMN gone;
CREATE TRIGGER s BEFORE INSERT OR UPDATE ON live FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('p', 'score', 'flagged');
INSERT INTO live (id, amount, usual, shop) VALUES (1, 400, 10, 'web1'), (2, 10, 10, 'till2'), (3, NULL, 10, NULL);
SELECT is(array_agg(score ORDER BY id), array_agg(mlops.score('p', live) ORDER BY id), 'an insertion scores what is stored') FROM live;
SELECT ok((SELECT score FROM live WHERE id = 1) > 0.5 AND (SELECT score FROM live WHERE id = 2) < 0.5, 'and the scores differ as the generated columns do');
UPDATE live SET amount = 400, shop = 'web' WHERE id = 2;
SELECT is(array_agg(score ORDER BY id), array_agg(mlops.score('p', live) ORDER BY id), 'an update scores what is stored') FROM live;
SELECT ok((SELECT score FROM live WHERE id = 2) > 0.5, 'not what was there before');
SELECT is((SELECT array_agg(ratio ORDER BY id) FROM live), '{40,40,NULL}', 'generated columns are stored as ever');

SELECT lives_ok($$
	CREATE TABLE parts (id int, amount float8, usual float8, ratio float8 GENERATED ALWAYS AS (amount / usual) STORED, shop text,
		kind text, fraud boolean, score float8) PARTITION BY LIST (kind);
	CREATE TABLE parts_web PARTITION OF parts FOR VALUES IN ('web');
	CREATE TRIGGER s BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('p', 'score');
	INSERT INTO parts (id, amount, usual, kind) VALUES (1, 400, 10, 'web');
	DO $x$ BEGIN ASSERT (SELECT score = mlops.score('p', parts) FROM parts); END $x$
$$, 'nor does a partition differ');

SELECT * FROM finish();
ROLLBACK;
