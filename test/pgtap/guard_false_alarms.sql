-- How often a guard stops what is all right: windows of decisions without any
-- drift, decided, logged, settled and checked as in production.
\ir setup.psql
SELECT plan(9);
SELECT setseed(0.42) \g /dev/null
CREATE TABLE pop AS SELECT i AS id, random() AS amount, (ARRAY['DE', 'FR', 'IT', 'US'])[1 + floor(4 * random())::int] AS country, random() AS chance FROM generate_series(1, 46000) AS i;
ALTER TABLE pop ADD is_fraud boolean;
UPDATE pop SET is_fraud = chance < 0.5 * amount ^ 4 * CASE WHEN country = 'IT' THEN 2 ELSE 1 END;
CREATE VIEW learned AS SELECT * FROM pop WHERE id <= 6000;
SELECT mlops.train('g', 'learned', target => 'is_fraud', key => 'id', exclude => '{chance}', params => '{"n_estimators": 20}', threshold => '{"alert_rate": 0.08}', seed => s) FROM generate_series(1, 2) AS s \g /dev/null

-- One window: its decisions, and the bounds that a check of the guard finds broken.
CREATE FUNCTION alarms(strategy text, guard jsonb, w int, moved float8 DEFAULT 0, n int DEFAULT 1000) RETURNS TABLE (judged bigint, broken bigint) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE mlops_catalog.prediction;
	PERFORM mlops.deploy('g', 1, note => 'window ' || w);
	IF strategy = 'canary' THEN
		PERFORM mlops.deploy('g', 2, 'canary', percent => 50, key => 'id', guard => guard);
	ELSE
		PERFORM mlops.deploy('g', 2, guard => guard);
	END IF;
	PERFORM count(mlops.decide('g', t)) FROM (SELECT id, greatest(amount, moved) AS amount, country FROM pop WHERE id > 6000 + 1000 * w AND id <= 6000 + 1000 * w + n) AS t;
	RETURN QUERY SELECT count(passed), count(*) FILTER (WHERE NOT passed) FROM mlops.check_guards('g');
	IF EXISTS (SELECT FROM mlops.deployments WHERE model = 'g' AND variant = 'canary') THEN
		PERFORM mlops.abort('g');
	END IF;
END $$;
CREATE TEMP TABLE direct AS SELECT w, a.* FROM generate_series(0, 39) AS w, alarms('direct', '{"psi": {"max": 0.1}, "alert_rate": {"max": 0.16, "min": 0.04}}', w) AS a;
SELECT is((SELECT sum(judged) FROM direct), 120::numeric, '40 windows of 1,000 decisions: three bounds are judged in each');
SELECT is((SELECT sum(broken) FROM direct), 0::numeric, 'a bound of 0.1 on psi, of twice and half of the alert rate: none is broken by chance');
CREATE TEMP TABLE canary AS SELECT w, a.* FROM generate_series(0, 39) AS w, alarms('canary', '{"psi": {"max": 0.2}, "alert_rate": {"max_ratio": 2, "min_ratio": 0.5}, "min_decisions": 400}', w) AS a;
SELECT is((SELECT sum(judged) FROM canary), 120::numeric, '40 canaries with half of 1,000 decisions');
SELECT cmp_ok((SELECT count(*) FROM canary WHERE broken > 0), '<=', 1::bigint, 'stopped by chance: at most one');
SELECT is((SELECT broken > 0 FROM alarms('direct', '{"psi": {"max": 0.1}}', 5, 0.8)), true, 'a window that drifted is seen');
SELECT is((SELECT broken > 0 FROM alarms('canary', '{"psi": {"max": 0.2}, "min_decisions": 400}', 5, 0.8)), true, 'on a canary, too');
CREATE TEMP TABLE few AS SELECT w, a.* FROM generate_series(0, 39) AS w, alarms('direct', '{"psi": {"max": 0.2}, "min_decisions": 30}', w, n => 30) AS a;
SELECT is((SELECT sum(judged) FROM few), 40::numeric, '40 windows of 30 decisions, if one judges by so few');
SELECT cmp_ok((SELECT sum(broken) FROM few), '<=', 2::numeric, 'chance alone does not break a bound of psi');
SELECT is((SELECT broken > 0 FROM alarms('direct', '{"psi": {"max": 0.2}, "min_decisions": 30}', 5, 0.8, 30)), true, 'what drifted does');
SELECT * FROM finish();
ROLLBACK;
