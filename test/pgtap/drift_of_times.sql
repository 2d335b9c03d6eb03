-- A time column has lines of drift, whatever times training had: at least of what is missing.
\ir setup.psql
SELECT plan(13);

-- all on Sundays; day has one time a day, too; only `at` has hours
CREATE TABLE statement AS SELECT g AS id, date '2025-01-05' + 7 * (g % 20) AS week, timestamp '2025-01-05' + 7 * (g % 20) * interval '1 day' AS midnight,
	timestamp '2025-01-05' + 7 * (g % 20) * interval '1 day' + g % 3 * interval '1 hour' AS hours, date '2025-01-05' + g % 20 AS day, g % 3 AS x, (g % 20 > 12) AND g % 3 > 0 AS y FROM generate_series(1, 2000) AS g;
SELECT mlops.train('m', 'statement', target => 'y', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
CREATE VIEW lost AS SELECT CASE WHEN id % 2 = 0 THEN week END AS week, CASE WHEN id % 2 = 0 THEN midnight END AS midnight, CASE WHEN id % 2 = 0 THEN hours END AS hours, day, x FROM statement;

CREATE TEMP TABLE found AS SELECT * FROM mlops.check_drift('m', 'lost', version => 1);
SELECT results_eq($$SELECT feature, test, statistic, drifted FROM found WHERE feature LIKE 'week%' OR feature LIKE 'midnight%'$$,
	$$VALUES ('week.seconds', 'missing', 0.5::float8, true), ('midnight.seconds', 'missing', 0.5, true)$$, 'what is missing of times without an hour or weekday to tell');
SELECT is((SELECT array_agg(DISTINCT feature ORDER BY feature) FROM found WHERE feature LIKE 'hours%' OR feature LIKE 'day%'), '{day.weekday,hours.hour}', 'no seconds where another part tells it');
SELECT is((SELECT bool_and(statistic = 0 AND NOT drifted) FROM mlops.check_drift('m', 'statement', version => 1) WHERE feature LIKE '%seconds'), true, 'nothing is missing');
SELECT is((SELECT count(*) FROM mlops.check_drift('m', 'lost', version => 1, statistics => '{psi}') WHERE feature LIKE '%seconds'), 0::bigint, 'no other test of them');
SELECT is((SELECT count(*) FROM mlops.check_drift('m', query => 'SELECT * FROM lost WHERE false', version => 1) WHERE feature LIKE '%seconds' AND statistic IS NULL AND drifted IS NULL), 2::bigint, 'no rows');

-- what is recorded, and what a rule may name, are the same features
SELECT mlops.record_drift('m', 'lost', version => 1) \g /dev/null
SELECT is((SELECT array_agg(DISTINCT feature ORDER BY feature) FROM mlops.drift), (SELECT array_agg(DISTINCT f ORDER BY f) FROM unnest(mlops_catalog.drift_features((SELECT model_id FROM mlops_catalog.model WHERE name = 'm'), 'm')) AS f),
	'features of rules are those recorded');
SELECT lives_ok($$SELECT mlops.set_alert_rule('m', 'lost', 'drift', max => 0.05, labels => '{"feature": "week.seconds", "test": "missing"}')$$, 'a rule on it');

-- ---- between two tables
CREATE TABLE yesterday AS SELECT g AS id, date '2025-01-06' AS booked, timestamp '2025-01-06 10:00' AS at, timestamp '2025-01-06' + g * interval '1 min' AS hours FROM generate_series(1, 1000) AS g;
CREATE TABLE today AS SELECT g AS id, NULL::date AS booked, CASE WHEN g > 300 THEN timestamp '2025-01-06 10:00' END AS at, timestamp '2025-01-06' + g * interval '1 min' AS hours FROM generate_series(1, 1000) AS g;
SELECT results_eq($$SELECT feature, statistic, drifted FROM mlops.drift_between('yesterday', 'today', columns => '{booked,at,hours}') WHERE test = 'missing'$$,
	$$VALUES ('booked.weekday', 1::float8, true), ('at.weekday', 0.3, true), ('hours.hour', 0, false)$$, 'each time column has a line');
SELECT is((SELECT array_agg(DISTINCT feature ORDER BY feature) FROM mlops.drift_between('yesterday', 'today', columns => '{hours}')), '{hours.hour}', 'a weekday is left out beside hours');
SELECT is((SELECT count(*) FROM mlops.drift_between('yesterday', 'yesterday', columns => '{booked,at,hours}') WHERE drifted), 0::bigint, 'nothing changed');
SELECT results_eq($$SELECT feature, drifted FROM mlops.drift_between('yesterday', 'today', columns => '{booked,at}', mode => 'nannyml') WHERE test = 'missing'$$,
	$$VALUES ('booked.weekday', true), ('at.weekday', true)$$, 'mode nannyml');
SELECT is((SELECT count(DISTINCT feature) FROM mlops.drift_between('yesterday', 'today', columns => '{booked,at}', mode => 'evidently')), 2::bigint, 'mode evidently');
SELECT is((SELECT array_agg(DISTINCT feature) FROM mlops.drift_between('yesterday', 'today', columns => '{booked}', statistics => '{psi}')), '{booked.weekday}', 'a test that was asked for');

SELECT finish();
ROLLBACK;
