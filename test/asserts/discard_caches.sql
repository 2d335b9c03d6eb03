-- Training, deploying and scoring while the server forgets all its caches as often
-- as it can: whoever keeps what a cache owns across a call is found out.  Only a
-- server with assertions can do it.
\ir ../pgtap/setup.psql
SELECT plan(8);
CREATE TABLE few AS SELECT * FROM tx WHERE id <= 300;
CREATE FUNCTION answers(model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	SELECT string_agg(concat_ws(' ', mlops.score(model, f), mlops.score(model, to_jsonb(f)), mlops.score_version(model, 1, f), mlops.predict(model, f),
		(SELECT sum(contribution) FROM mlops.explain(model, f)), (mlops.decide(model, f, f.id::text)).score), ',' ORDER BY id) INTO answer FROM few f WHERE id <= 2;
	RETURN answer;
END $$;
-- all of it, once as it is and once with caches that are forgotten
CREATE FUNCTION life(model text) RETURNS TABLE (what text, result text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT 'train', t.metrics::text FROM mlops.train(model, 'few', target => 'is_fraud', key => 'id', time_column => 'ts',
		params => '{"n_estimators": 3}') AS t;
	RETURN QUERY SELECT 'train anew', t.metrics::text FROM mlops.train(model, 'few', target => 'is_fraud', key => 'id', time_column => 'ts',
		algorithm => 'logistic_regression') AS t;
	PERFORM mlops.deploy(model, 1);
	PERFORM mlops.deploy(model, 2, 'canary', percent => 50, key => 'id');
	RETURN QUERY SELECT 'answers of a canary', answers(model);
	PERFORM mlops.promote(model);
	PERFORM mlops.rollback(model);
	RETURN QUERY SELECT 'rolled back', answers(model);
	RETURN QUERY SELECT 'table', string_agg(concat(s.key, s.score), ',' ORDER BY s.key) FROM mlops.score_table(model, query => 'SELECT * FROM few WHERE id < 20', key => 'id') AS s;
	RETURN QUERY SELECT 'evaluate', e::text FROM mlops.evaluate(model, 'few') AS e;
	RETURN QUERY SELECT 'cross-validate', string_agg(concat(c.fold, c.pr_auc), ',' ORDER BY c.fold) FROM mlops.cross_validate(model, 'few', target => 'is_fraud',
		key => 'id', folds => 2, params => '{"n_estimators": 2}') AS c;
END $$;
-- routing hashes the model's name: both lives are of one model
CREATE TABLE plain AS SELECT * FROM life('m');
SELECT FROM mlops.drop_model('m', force => true);
DELETE FROM mlops_catalog.run;	-- numbers begin anew
SET LOCAL debug_discard_caches = 1;
CREATE TABLE forgetful AS SELECT * FROM life('m');
SET LOCAL debug_discard_caches = 0;
SELECT is(f.result, p.result, p.what) FROM plain p JOIN forgetful f USING (what);
SELECT is(count(*), 0::bigint, 'the catalog is whole') FROM mlops.check_catalog();
SELECT * FROM finish();
ROLLBACK;
