-- NaN is missing, as NULL is, in what a retraining reads, too.
\ir setup.psql
SELECT plan(27);
CREATE TABLE never AS SELECT id, ts, amount, country, online, CASE WHEN is_fraud THEN 1 ELSE 0 END::float8 AS y FROM tx;
CREATE TABLE often AS SELECT id, ts, CASE WHEN id % 100 < 40 THEN 'NaN' ELSE amount END AS amount, country, online, y FROM never;
CREATE FUNCTION in_percent(share int, source text, type text) RETURNS text LANGUAGE sql AS $$
	SELECT format('ALTER TABLE %I ALTER amount TYPE %s USING CASE WHEN id %% 100 < %s THEN ''NaN'' ELSE amount END::%2$s', source, type, share) $$;
SELECT mlops.train(name, name, target => 'y', time_column => 'ts', key => 'id', params => '{"n_estimators": 5}'), mlops.deploy(name, 1)
	FROM unnest('{never,often}'::text[]) AS name \g /dev/null
\set model never
\ir retraining_found.psql
SELECT is(found(in_percent(c.share, c.model, type), model => c.model), c.outcome, format('%s %% NaN of type %s, of model %s', c.share, type, c.model))
FROM unnest('{real,double precision,numeric,"numeric(30,2)"}'::text[]) AS type, (VALUES
	('never', 0, 'deployed'),
	('never', 10, 'deployed'),
	('never', 40, 'refused: column "amount" is NULL or NaN in 40.0 % of the rows, in training in 0.0 %'),
	('never', 90, 'refused: column "amount" is NULL or NaN in 90.0 % of the rows, in training in 0.0 %'),
	('never', 100, 'refused: column "amount" is NULL or NaN in every row'),
	('often', 40, 'deployed')) AS c(model, share, outcome)
ORDER BY type, c.model, c.share;
SELECT is(found('UPDATE never SET amount = CASE WHEN id % 10 = 0 THEN ''NaN''::float8 ELSE 7 END'),
	'refused: column "amount" has the same value in every row: 7', 'a constant that is missing now and then');
SELECT alike(found('UPDATE never SET amount = CASE WHEN id % 10 = 0 THEN ''NaN'' ELSE -amount END'),
	(SELECT format('refused: column "amount" has in %% of the rows values that training did not see: %s to %s, far from %%', -max(amount), -min(amount)) FROM never WHERE id % 10 <> 0),
	'NaN is no greatest value');
SELECT is(found('UPDATE never SET y = ''NaN'' WHERE id > 2000'), 'refused: there are 2000 rows, no more than half of the 5000 that were there', 'rows with a label that is NaN have none');
SELECT * FROM finish();
ROLLBACK;
