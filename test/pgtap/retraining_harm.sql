-- Sources that would make a harmful version, none of which is deployed by itself.
\ir setup.psql
SELECT plan(54);
CREATE TABLE good AS SELECT g AS id, timestamp '2025-01-01' + g * interval '5 min' AS ts, (100 * abs(sin(g * 1.7)))::float8 AS amt, 'm' || (g * 7919 % 37) AS mer,
	g % 24 AS hr, hashint4(g) & 1 AS flag, 1.0::float8 AS w, (abs(sin(g * 1.7)) > 0.8 AND g % 3 <> 0) OR g % 97 = 0 AS y FROM generate_series(1, 4000) AS g;
CREATE TABLE src AS TABLE good;
SELECT mlops.train('r', 'src', target => 'y', key => 'id', time_column => 'ts', weight => 'w', params => '{"n_estimators": 10}') \g /dev/null
SELECT mlops.deploy('r', 1) \g /dev/null
\set model r
\ir retraining_found.psql
SELECT is(found('SELECT'), 'deployed', 'what has not changed');
SELECT is(found('UPDATE src SET amt = amt * 1.05'), 'deployed', 'what hardly has');
SELECT is(found('INSERT INTO src SELECT id + 4000, ts + interval ''4000 hours'' / 12, amt, mer, hr, flag, w, y FROM good'), 'deployed', 'twice as many rows');

SELECT matches(found('UPDATE src SET w = 1e12 WHERE id = 5'), '^refused: weight column "w" puts the weight on few rows', 'one huge weight');
SELECT matches(found('UPDATE src SET w = 1e6 WHERE y'), '^refused: weight column "w" puts 100.00 % of the weight on positives', 'weights of the positives');
SELECT matches(found('UPDATE src SET y = hashint4(id * 7) % 4 = 0'), '^rejected: it flags 9\d.\d % of its test rows, 2\d.\d % are positive', 'noise for a target, of which all but a few are flagged');
SELECT matches(found('UPDATE src SET y = hashint4(id * 7) % 4 = 0', '{"threshold": 0.3}'), '^rejected: roc_auc is 0.[45]\d* on its test rows, up to 0.5\d* is no more than chance', 'with another threshold, too');
SELECT matches(found('UPDATE src SET y = NOT y'), '^refused: target "y" is positive in', 'the target inverted');
SELECT matches(found('UPDATE src SET y = abs(sin(id * 1.7)) < 0.2'), '^rejected: test rows: version 1 has roc_auc 0.[0-4][0-9]* on them, the target means the opposite', 'inverted, with its base rate');
SELECT matches(found('UPDATE src SET y = abs(sin(id * 1.7)) < 0.2', '{"accept": ["y", "amt"]}'), '^deployed', 'unless that is meant, and what gives it away');
SELECT matches(found('UPDATE src SET y = false WHERE id > 3150'), 'rejected: its 800 test rows have 0 positives, at least 10 rows of each class are needed', 'no positive in the test rows');
SELECT matches(found('INSERT INTO src SELECT s.* FROM src AS s, generate_series(1, 20) WHERE y'), '^refused: target "y" is positive in', 'positives twenty times');

SELECT is(found('DELETE FROM src WHERE id % 100 <> 0'), 'refused: there are 40 rows, no more than half of the 4000 that were there', 'hardly any rows');
SELECT is(found('DELETE FROM src WHERE id % 2 = 0'), 'refused: there are 2000 rows, no more than half of the 4000 that were there', 'half of the rows');
SELECT is(found('DELETE FROM src WHERE id % 5 < 2'), 'deployed', 'more than half');
SELECT is(found('DELETE FROM src WHERE id % 5 < 3', '{"accept": ["(rows)"]}'), 'deployed', 'or as few as is meant');
SELECT is(found('DELETE FROM src WHERE id < 2400', '{"window": "5 days"}'), 'deployed', 'a shorter window');

SELECT matches(found('UPDATE src SET mer = ''m5'' WHERE id % 20 <> 0'), '^rejected: test rows: column "mer" is far from what version 1 learned from: total_variation 0.9', 'one merchant takes over');
SELECT matches(found('UPDATE src SET amt = 0 WHERE id % 10 < 6'), '^rejected: test rows: column "amt" is far from what version 1 learned from: total_variation 0.6', 'a default value');
SELECT matches(found(format('UPDATE src SET amt = %s WHERE id %% 2 = 0', v)), '^rejected: test rows: column "amt" is far from what version 1 learned from: total_variation 0.(4|5)', v || ' in half of the rows') FROM unnest('{0,25,50,60,90}'::int[]) AS v;
SELECT matches(found('UPDATE src SET amt = 0 WHERE id > 3200 AND id % 10 < 9'), '^rejected: test rows: column "amt" is far from what version 1 learned from: total_variation 0.9', 'in what is recent');
SELECT matches(found('UPDATE src SET amt = 0 WHERE id > 3200 AND id % 10 < 9', '{"accept": ["amt"]}', 'register'), '^registered', 'unless that is meant');
SELECT matches(found('UPDATE src SET flag = flag * 1000'), 'column "flag" (has in 50.0|is far)', 'exactly half of the values out of range');

\set filled 'UPDATE src SET hr = CASE WHEN y THEN hr % 12 ELSE 12 + hr % 12 END'
SELECT is(found(:'filled'), 'rejected: column "hr" almost gives the target away, as it did not in version 1: It alone has ROC AUC 1.0000 on the training rows.', 'a column that is filled in after the label');
SELECT is(found(:'filled', '{"accept": ["hr"]}'), 'deployed', 'unless that is meant');
SELECT matches(found(:'filled', '{}', 'register'), '^rejected: column "hr" almost', 'of what is only registered, too');

-- ---- what a person has set on the routes
\set by_person 'UPDATE src SET amt = amt * 1.05; SELECT mlops.deploy(''r'', 1, threshold => 0.4)'
SELECT matches(found(:'by_person'), '^rejected: version 1 answers with threshold 0.4, not with its own of [0-9.]+: give "threshold" in "options"', 'a threshold');
SELECT is(found(:'by_person', '{"threshold": 0.4}'), 'deployed', 'unless it is given');
SELECT is(found(:'by_person', '{"accept": ["(threshold)"]}'), 'deployed', 'or the new one is meant');
SELECT is(found(:'by_person', '{}', 'register'), 'registered', 'or nothing is deployed');
\set by_person 'UPDATE src SET amt = amt * 1.05; SELECT mlops.deploy(''r'', 1, ''segment'', rule => ''{"mer": "m1"}'', variant => ''first'')'
SELECT is(found(:'by_person'), 'rejected: a deployment ends segments: first; allow it by "accept": ["(segments)"] in "options"', 'segments');
SELECT is(found(:'by_person', '{"accept": ["(segments)"]}'), 'deployed', 'unless they are to end');
SELECT is(found(:'by_person' || '; SELECT mlops.train(''r'', ''src'', target => ''y'', key => ''id'', time_column => ''ts'', weight => ''w'', params => ''{"n_estimators": 3}''); SELECT mlops.deploy(''r'', 2, ''canary'', percent => 5, key => ''id'')', '{"accept": ["(segments)"]}'),
	'rejected: a deployment ends the release under way (canary); promote or abort it first', 'a canary');

SELECT is(found('UPDATE src SET ts = ''2099-01-01'' WHERE id = 77'), 'refused: column "ts" has in 1 of 4000 rows a time far from all the others, up to 2099-01-01 00:00:00.000000', 'a stray date');
SELECT matches(found('UPDATE src SET ts = ts + interval ''1 year'' WHERE id IN (7, 77, 777, 3777)'), '^refused: column "ts" has in 4 of 4000 rows', 'some of them');
SELECT matches(found('UPDATE src SET ts = ''2025-01-20'' WHERE id > 2000'), '^rejected: there are no test rows', 'ties that swallow the test rows');
SELECT throws_ok($$SELECT found('SELECT', '{"accept": ["nosuch"]}')$$, '22023', '"accept" in "options" names "nosuch", which is no column of the source', 'a name that is not known');

-- ---- the same when a policy is set up, by whoever is there to be told
CREATE FUNCTION told(model text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.set_retraining_policy(model, schedule => '0 3 * * *', options => options);
	RETURN 'set up';
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', sqlstate, sqlerrm);
END $$;
SELECT mlops.train('numbered', 'good', target => 'y', key => 'ts', time_column => 'id', exclude => '{w}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.train('timeless', 'good', target => 'y', exclude => '{id,w}', params => '{"n_estimators": 2}') \g /dev/null
ALTER TABLE src ADD COLUMN device text;
SELECT is(told(model, options), result, format('%s with %s', model, options)) FROM (VALUES
	('r', '{"accept": ["amount"]}'::jsonb, '22023 "accept" in "options" names "amount", which is no column of the source'),
	('r', '{"new_columns": ["devise"]}', '22023 "new_columns" in "options" names "devise", which is no column of the source'),
	('r', '{"new_columns": ["(rows)"]}', '22023 "new_columns" in "options" names "(rows)", which is no column of the source'),
	('r', '{"accept": ["amt", "y", "ts", "w", "device", "(rows)"], "new_columns": ["device"], "window": "9 days"}', 'set up'),
	('r', '{"new_columns": true}', 'set up'),
	('r', '{"new_columns": ["device", "y"]}', '22023 "new_columns" in "options" names "y", which the training that is repeated does not learn from: it is its target'),
	('numbered', '{"new_columns": ["id"]}', '22023 "new_columns" in "options" names "id", which the training that is repeated does not learn from: it is its time column'),
	('timeless', '{"new_columns": ["id"]}', '22023 "new_columns" in "options" names "id", which the training that is repeated does not learn from: it is excluded'),
	('timeless', '{"window": "9 days"}', '22023 "window" in "options" needs a version that was trained with "time_column"'),
	('numbered', '{"window": "9 days"}', '22023 "window" in "options" needs times, but "time_column" "id" has numbers')) AS c(model, options, result);
ALTER TABLE src DROP COLUMN mer;
SELECT is(told('r', '{"accept": ["mer"]}'), 'set up', 'what the version reads, but the source has no more');
DROP TABLE src;
CREATE TABLE src AS TABLE good;

-- ---- what is said of a threshold that flags nothing
SELECT mlops.train('alone', 'src', target => 'y', key => 'id', time_column => 'ts', exclude => '{w}', params => '{"n_estimators": 2}', threshold => '{"max": "f1"}') \g /dev/null
SELECT mlops.train('told', 'good', target => 'y', key => 'id', time_column => 'ts', exclude => '{w}', params => '{"n_estimators": 3}',
	threshold => '{"alert_rate": 0.0001}') \g /dev/null
SELECT matches(metrics ->> 'threshold_shortfall', format('^Threshold 0\.\d+ flags none of the validation rows\. "alert_rate" 0\.0001 was asked for, but [0-9.]+ %% of these rows have the highest score and would be flagged together\. Of the test rows %s %% are flagged\.$', (100 * (metrics ->> 'alert_rate')::float8)::numeric::float8),
	'which rows a threshold flags none of, and how many of the test rows it flags') FROM mlops.versions WHERE model = 'told';
SELECT is(found('SELECT', '{}', 'deploy', 'alone'), 'deployed', 'others are deployed');
SELECT finish();
ROLLBACK;
