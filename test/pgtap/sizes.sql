-- Models of every size, from one whose bytes are a short value inside its row to
-- one of several parts, stored in each way there is: everything that reads a model
-- gives the same answers.
\ir setup.psql
SELECT plan(25);
SET LOCAL mlops.log_features = on;
CREATE TABLE learned (name text PRIMARY KEY, model text, algorithm text, features name[], params jsonb);
INSERT INTO learned VALUES
	('one boolean', 'logistic1', 'logistic_regression', '{online}', '{}'),
	('two booleans', 'logistic2', 'logistic_regression', '{online,even}', '{}'),
	('a boolean and a category', 'logistic3', 'logistic_regression', '{online,country}', '{}'),
	('all that there is, linear', 'logistic4', 'logistic_regression', NULL, '{}'),
	('one tree of one split', 'split', 'gradient_boosting', '{online}', '{"n_estimators": 1, "max_depth": 1}'),
	('one tree of one split of a category', 'levels', 'gradient_boosting', '{country}', '{"n_estimators": 1, "max_depth": 1}'),
	('one tree of one split of a number', 'number', 'gradient_boosting', '{amount}', '{"n_estimators": 1, "max_depth": 1}'),
	('two trees', 'trees', 'gradient_boosting', '{online,even}', '{"n_estimators": 2, "max_depth": 2}'),
	('eight trees', 'more_trees', 'gradient_boosting', NULL, '{"n_estimators": 8, "max_depth": 4}'),
	('120 trees', 'many_trees', 'gradient_boosting', NULL, '{"n_estimators": 120, "max_depth": 6}'),
	('400 trees', 'forest', 'gradient_boosting', NULL, '{"n_estimators": 400, "max_depth": 8, "max_leaves": 255, "min_child_weight": 0}');
CREATE TABLE rows AS SELECT *, id % 2 = 0 AS even FROM tx;
CREATE TABLE trained AS SELECT l.name, l.model AS asked, t.* FROM learned l,
	LATERAL mlops.train(l.model, 'rows', target => 'is_fraud', key => 'id', time_column => 'ts', algorithm => l.algorithm,
		features => coalesce(l.features, '{amount,balance,country,online,even,ts}'), params => l.params) AS t;
SELECT is(count(*), (SELECT count(*) FROM learned), 'all sizes are trained') FROM trained;
SELECT is(array_agg(model ORDER BY model) FILTER (WHERE size < 2000), '{levels,logistic1,logistic2,split}', 'the smallest are stored inside their row') FROM mlops.versions;
SELECT ok(max(size) > 500000, 'the largest has megabytes') FROM mlops.versions;
SELECT mlops.deploy(model, 1) FROM learned \g /dev/null

-- Bits of a number
CREATE FUNCTION bits(float8) RETURNS text LANGUAGE sql AS 'SELECT encode(float8send($1), ''hex'')';
-- What is wrong with a model's answers; NULL: nothing.  The first 40 rows are asked for.
CREATE FUNCTION wrong(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	-- a copy of the bytes, as a query would hold them
	exported bytea := mlops.export_model(name, 1);
	again record;
	wrong text[];
BEGIN
	CREATE TEMP TABLE scores ON COMMIT DROP AS SELECT r.id, mlops.score(name, r) AS row, mlops.score(name, to_jsonb(r)) AS json,
		mlops.score_version(name, 1, r) AS version, mlops.score_bytes(exported, r) AS bytes, (mlops.predict(name, r)).score AS predicted,
		(mlops.decide(name, r, r.id::text)).score AS decided, 1 / (1 + exp(-(SELECT sum(e.contribution) FROM mlops.explain(name, r, NULL) AS e))) AS explained
		FROM rows r WHERE r.id <= 40;
	wrong := wrong || ARRAY(SELECT format('explanation of %s', s.id) FROM scores s WHERE abs(s.explained - s.row) > 1e-9);
	wrong := wrong || ARRAY(SELECT format('score of %s', s.id) FROM scores s WHERE cardinality(ARRAY(SELECT DISTINCT bits(v) FROM
		unnest(ARRAY[s.row, s.json, s.version, s.bytes, s.predicted, s.decided]) AS v)) <> 1);
	IF (SELECT count(DISTINCT row) FROM scores) < 2 AND name NOT IN ('split', 'number', 'levels') THEN
		wrong := wrong || 'all scores are equal'::text;
	END IF;
	IF (SELECT string_agg(bits(t.score), '' ORDER BY t.key) FROM mlops.score_table(name, query => 'SELECT * FROM rows WHERE id <= 40', key => 'id') AS t)
		IS DISTINCT FROM (SELECT string_agg(bits(s.row), '' ORDER BY s.id::text) FROM scores s) THEN
		wrong := wrong || 'score_table'::text;
	END IF;
	SELECT * INTO again FROM mlops.import_model(exported, 'copy_of_' || name);
	IF again.sha256 IS DISTINCT FROM (SELECT v.sha256 FROM mlops.versions v WHERE v.model = name AND v.version = 1) THEN
		wrong := wrong || 'import'::text;
	END IF;
	wrong := wrong || ARRAY(SELECT format('imported %s', r.id) FROM rows r JOIN scores s USING (id)
		WHERE bits(mlops.score_version('copy_of_' || name, again.version, r)) <> bits(s.row));
	PERFORM mlops.drop_version('copy_of_' || name, again.version);
	IF (SELECT e.rows FROM mlops.evaluate(name, 'rows') AS e) IS DISTINCT FROM 5000 THEN
		wrong := wrong || 'evaluate'::text;
	END IF;
	IF (SELECT count(*) FROM mlops.explain_table(name, 'rows', rows => 40)) = 0 THEN
		wrong := wrong || 'explain_table'::text;
	END IF;
	IF (SELECT bool_or(drifted) FROM mlops.check_drift(name, query => 'SELECT * FROM rows WHERE id <= 3500')) THEN
		wrong := wrong || 'drift from its own training rows'::text;
	END IF;
	IF mlops.report(name) NOT LIKE '%' || name || '%' OR mlops.model_card(name, 1) NOT LIKE '%' || name || '%' THEN
		wrong := wrong || 'report'::text;
	END IF;
	IF (SELECT count(*) FROM mlops_catalog.score_baseline(name, 1)) = 0 OR (SELECT count(*) FROM mlops.feature_statistics f WHERE f.model = name) = 0 THEN
		wrong := wrong || 'baseline'::text;
	END IF;
	DROP TABLE scores;
	RETURN nullif(array_to_string(wrong, '; '), '');
END $$;
SELECT is(wrong(model), NULL, name) FROM learned ORDER BY name;

-- Monitored: windows of what was decided above.
SELECT mlops.monitor(model, '1 hour', source => 'rows', time_column => 'ts') FROM learned \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '30 minutes';
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
SELECT is(array_agg(format('%s: %s', l.name, m.error)) FILTER (WHERE m.error IS NOT NULL), NULL, 'monitors of all sizes') FROM learned l, LATERAL mlops.run_monitor(l.model) AS m;
SELECT results_eq('SELECT model, decisions FROM mlops.traffic ORDER BY model COLLATE "C"', 'SELECT model, 40::bigint FROM learned ORDER BY model COLLATE "C"', 'find the decisions of each');

-- Stored anew in each way; a session keeps models, so it must forget them first.
CREATE FUNCTION store(storage text, parts int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER TABLE mlops_catalog.model_artifact ALTER COLUMN data SET STORAGE ' || storage;
	CREATE TEMP TABLE whole ON COMMIT DROP AS SELECT a.version_id, string_agg(a.data, '' ORDER BY a.part) AS data FROM mlops_catalog.model_artifact a GROUP BY 1;
	DELETE FROM mlops_catalog.model_artifact;
	INSERT INTO mlops_catalog.model_artifact SELECT w.version_id, p, substr(w.data, p * (length(w.data) / parts) + 1,
		CASE WHEN p < parts - 1 THEN length(w.data) / parts ELSE length(w.data) END) FROM whole w, generate_series(0, parts - 1) AS p;
	DROP TABLE whole;
	-- others take the place of all there are
	SET LOCAL mlops.cache_size = '1MB';
	PERFORM count(mlops.score('forest', r)) FROM rows r WHERE r.id = 1;
	PERFORM count(mlops.score('more_trees', r)) FROM rows r WHERE r.id = 1;
END $$;
CREATE TABLE layout (storage text, parts int, of_bytes text);
INSERT INTO layout VALUES ('main', 1, 'compressed, inside the row if possible'), ('extended', 1, 'compressed'), ('external', 3, 'in three parts'), ('extended', 200, 'in 200 parts');
CREATE FUNCTION stored(storage text, parts int, OUT bad text, OUT compressed bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM store(storage, parts);
	SELECT string_agg(l.name || ': ' || wrong(l.model), ', ') INTO bad FROM learned l WHERE l.model <> 'forest';
	SELECT count(*) FILTER (WHERE pg_column_compression(a.data) IS NOT NULL) INTO compressed FROM mlops_catalog.model_artifact a;
END $$;
CREATE TABLE answered AS SELECT l.*, s.* FROM layout l, LATERAL stored(l.storage, l.parts) AS s;
SELECT is(bad, NULL, of_bytes) FROM answered;
SELECT ok(bool_and((compressed > 0) = (storage <> 'external')), 'some are compressed where they may be') FROM answered;
SELECT ok(mlops.score('forest', r) > 0, 'the largest in 200 parts') FROM rows r WHERE id = 1;

-- A statement that asks more models than the cache may hold.
SELECT mlops.import_model(mlops.export_model('many_trees', 1), 'copy' || g) FROM generate_series(1, 30) g \g /dev/null
SET LOCAL mlops.cache_size = '1MB';
SELECT cmp_ok(30 * size, '>', 4 * 1024 * 1024::bigint, 'the copies need more than the cache') FROM mlops.versions WHERE model = 'many_trees';
CREATE FUNCTION held() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts WHERE name = 'mlops model' $$;
SELECT count(mlops.score('copy' || g || '/1', r)) FROM generate_series(1, 30) g, rows r WHERE r.id <= 2 \g /dev/null
SELECT cmp_ok(held(), '<', 2 * 1024 * 1024::bigint, 'a statement that asks many models keeps to the cache''s size');
SELECT count(mlops.score_version('copy' || g, 1, to_jsonb(r))), count((SELECT sum(contribution) FROM mlops.explain('copy' || g || '/1', r))) FROM generate_series(1, 30) g, rows r WHERE r.id <= 2 \g /dev/null
SELECT cmp_ok(held(), '<', 2 * 1024 * 1024::bigint, 'as JSON, by version and explaining too');
SELECT * FROM finish();
ROLLBACK;
