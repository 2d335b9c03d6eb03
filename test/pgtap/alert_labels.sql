-- A label that an alert rule asks for is one that metrics can have: it is written as
-- decisions are logged with it, or refused with what it may be.
\ir setup.psql
SET client_min_messages = error;
SELECT plan(50);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'so, so');
CREATE TABLE kinds AS SELECT i AS id, i % 3 AS whole, (i % 3 / 2.0)::numeric(10, 6) AS part, i % 2 = 0 AS yes, (i % 3)::money AS price, (i % 3) * interval '1 hour' AS span,
	date '2026-01-01' + i % 3 AS day, timestamptz '2026-01-01 00:00+00' + i % 3 * interval '1 day' AS at, ('c' || i % 3)::char(4) AS code,
	CASE WHEN i % 3 > 0 THEN (i % 3)::text END AS digits, CASE i % 3 WHEN 0 THEN 'NaN'::float8 ELSE i % 3 END AS nan,
	(enum_range(NULL::mood))[1 + i % 3] AS mood, ('10.0.0.' || i % 3)::inet AS ip, ('10.0.' || i % 3 || '.0/24')::cidr AS net, md5((i % 3)::text)::uuid AS u, (i % 3)::text::"char" AS letter, i % 7 < 3 AS fraud FROM generate_series(1, 600) AS i;
SELECT mlops.train('m', 'kinds', target => 'fraud', key => 'id', params => '{"n_estimators": 3}') \g /dev/null
SELECT mlops.deploy('m', 1) \g /dev/null
SET mlops.log_features = on;
SELECT mlops.monitor('m', every => '1 hour', segments => '{whole,part,yes,price,span,day,at,code,digits,nan,mood,ip,net,u,letter}') \g /dev/null
SELECT count(mlops.decide('m', t, id::text)) FROM kinds AS t \g /dev/null
SELECT mlops.add_labels('m', 'kinds', key => 'id', label => 'fraud') \g /dev/null
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '30 minutes';
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';

CREATE FUNCTION ruled(labels text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN (SELECT r.labels FROM mlops.set_alert_rule('m', 'r', 'recall', min => 1, min_decisions => 1, labels => ruled.labels::jsonb) AS r);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ' | ' || detail;
END $$;
CREATE TABLE label (asked text, kept text, name text GENERATED ALWAYS AS ('r' || left(md5(asked), 8)) STORED);
INSERT INTO label VALUES ('{"whole": 1}', '{"whole": 1}'), ('{"whole": "1"}', '{"whole": 1}'), ('{"whole": 1.0}', '{"whole": 1}'), ('{"part": 0.5}', '{"part": 0.5}'), ('{"part": "0.500000"}', '{"part": 0.5}'),
	('{"part": 0.500000}', '{"part": 0.5}'), ('{"yes": true}', '{"yes": true}'), ('{"yes": "t"}', '{"yes": true}'), ('{"yes": "false"}', '{"yes": false}'), ('{"yes": 1}', '{"yes": true}'), ('{"price": 1}', '{"price": 1}'),
	('{"span": "60 minutes"}', '{"span": "01:00:00"}'), ('{"day": "2026-01-02"}', '{"day": "2026-01-02"}'), ('{"day": "2 Jan 2026"}', '{"day": "2026-01-02"}'), ('{"at": "2026-01-02 01:00+01"}', '{"at": "2026-01-02T00:00:00+00:00"}'),
	('{"code": "c1  "}', '{"code": "c1"}'), ('{"digits": 1}', '{"digits": "1"}'), ('{"digits": null}', '{"digits": null}'), ('{"nan": "NaN"}', '{"nan": null}'),
	('{"mood": "so, so"}', '{"mood": "so, so"}'), ('{"u": "CFCD2084-95D5-65EF-66E7-DFF9F98764DA"}', '{"u": "cfcd2084-95d5-65ef-66e7-dff9f98764da"}'), ('{"u": "{cfcd208495d565ef66e7dff9f98764da}"}', '{"u": "cfcd2084-95d5-65ef-66e7-dff9f98764da"}'),
	('{"ip": "10.0.0.1/32"}', '{"ip": "10.0.0.1"}'), ('{"net": "10.0.1"}', '{"net": "10.0.1.0/24"}'), ('{"letter": 1}', '{"letter": "1"}');
SELECT is(ruled(asked), kept, asked) FROM label;
SELECT mlops.set_alert_rule('m', name, 'recall', min => 1.0, min_decisions => 1, labels => asked::jsonb) FROM label \g /dev/null
SELECT mlops.drop_alert_rule('m', 'r') \g /dev/null
SELECT is((SELECT max(error) FROM mlops.run_monitor('m')), NULL, 'the monitor runs');
SELECT is_empty($$SELECT name FROM label EXCEPT SELECT name FROM mlops.alert_rules WHERE judged_until IS NOT NULL$$, 'each has windows to judge');
SELECT is(ruled(asked), format('label "%s" of metric "recall" of model "m" is never %s | It is a value of type %s, %s, or null.', (SELECT jsonb_object_keys(asked::jsonb)), (SELECT value FROM jsonb_each(asked::jsonb)), type, may_be), asked)
	FROM (VALUES ('{"whole": "one"}', 'integer', 'a whole number'), ('{"whole": 0.5}', 'integer', 'a whole number'), ('{"whole": true}', 'integer', 'a whole number'), ('{"part": "half"}', 'numeric', 'a number'), ('{"part": "Infinity"}', 'numeric', 'a number'),
		('{"yes": "perhaps"}', 'boolean', 'true or false'), ('{"yes": 0.5}', 'boolean', 'true or false'), ('{"price": "$1.00"}', 'money', 'a number'), ('{"span": "long"}', 'interval', 'a string that is one'), ('{"day": "2026-02-30"}', 'date', 'a string that is one'),
		('{"at": 1}', 'timestamp with time zone', 'a string that is one'), ('{"code": ["c1"]}', 'character', 'a string'),
		('{"mood": "Sad"}', 'mood', 'a string that is one'), ('{"u": "no uuid"}', 'uuid', 'a string that is one'), ('{"u": 7}', 'uuid', 'a string that is one'), ('{"ip": "300.1.1.1"}', 'inet', 'a string that is one'), ('{"net": "10.0.0.1/8"}', 'cidr', 'a string that is one'), ('{"letter": "ab"}', '"char"', 'a string that is one')) AS v(asked, type, may_be);

-- ---- as JSON may have it, and documents
SELECT is(mlops_catalog.have_labels(has::jsonb, asked::jsonb), same, format('%s has %s', has, asked)) FROM (VALUES ('{"a": "0.500000"}', '{"a": 0.5}', true), ('{"a": "true"}', '{"a": true}', true), ('{"a": "x"}', '{"a": 1}', false), ('{"a": null}', '{"a": "null"}', false)) AS v(has, asked, same);
SELECT is_empty($$SELECT * FROM mlops.apply(jsonb_build_object('models', jsonb_build_object('m', jsonb_build_object('alerts', (SELECT jsonb_object_agg(name, jsonb_build_object('metric', 'recall', 'min', 1, 'min_decisions', 1, 'labels', asked::jsonb))
	FROM label WHERE asked ~ '"(whole|part|digits|yes": true)')))), dry_run => true) WHERE item IN (SELECT name FROM label WHERE asked ~ '"(whole|part|digits|yes": true)')$$, 'a document that writes them otherwise is no difference');
SELECT * FROM finish();
ROLLBACK;
