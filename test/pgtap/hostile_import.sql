-- What import_model reads may have been written by an enemy: nothing of it is
-- believed, and what it takes breaks no view and no check.
\ir setup.psql
SELECT plan(62);
CREATE ROLE regress_mlops_owner;
GRANT ALL ON tx TO PUBLIC;
DO $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', current_schema()); END $$;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}') \g /dev/null
CREATE TABLE exported AS SELECT data, substring(data FROM 17 FOR length) AS manifest, substring(data FROM 17 + length FOR octet_length(data) - 48 - length) AS bytes
	FROM (SELECT data, ('x' || encode(substring(data FROM 13 FOR 4), 'hex'))::bit(32)::int AS length FROM mlops.export_model('fraud', 1) AS data) AS e;
CREATE FUNCTION sealed(manifest bytea, bytes bytea) RETURNS bytea LANGUAGE sql AS
	$$ SELECT c || sha256(c) FROM (SELECT 'MLOPSEXP'::bytea || int4send(1) || int4send(octet_length(manifest)) || manifest || bytes AS c) AS x $$;
-- the exported model with another manifest
CREATE FUNCTION forged(manifest text) RETURNS bytea LANGUAGE sql AS $$ SELECT sealed(convert_to($1, 'UTF8'), bytes) FROM exported $$;
CREATE FUNCTION changed(change jsonb) RETURNS bytea LANGUAGE sql AS $$ SELECT forged((convert_from(manifest, 'UTF8')::jsonb || $1)::text) FROM exported $$;
CREATE FUNCTION metric(change jsonb) RETURNS bytea LANGUAGE sql AS $$ SELECT changed(jsonb_build_object('metrics', convert_from(manifest, 'UTF8')::jsonb -> 'metrics' || $1)) FROM exported $$;
-- what import says: SQLSTATE, message's detail
CREATE FUNCTION said(data bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
BEGIN
	PERFORM mlops.import_model(data, 'copy');
	RETURN 'imported';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
	RETURN state || ' ' || detail;
END $$;

-- the manifest
SELECT is(said(sealed('\x7bff7d', (SELECT bytes FROM exported))), 'XX001 Its manifest is not UTF-8.', 'bytes that are no text');
SELECT is(said(sealed('\x7b2261223a2022e4227d', (SELECT bytes FROM exported))), 'XX001 Its manifest is not UTF-8.', 'LATIN1 inside');
SELECT is(said(forged('{"model": ')), 'XX001 Its manifest is no JSON: invalid input syntax for type json.', 'no JSON');
SELECT is(said(forged('{"model": "\u0000"}')), 'XX001 Its manifest is no JSON: unsupported Unicode escape sequence.', 'a zero');
SELECT ok(said(forged(repeat('[', 100000))) LIKE 'XX001 Its manifest is no JSON: stack depth%', 'deep JSON');
SELECT is(said(forged('[1]')), 'XX001 Its manifest is no JSON object.', 'an array');
SELECT is(said(forged('null')), 'XX001 Its manifest is no JSON object.', 'null');
SELECT is(said(sealed(convert_to(repeat(' ', 16777217) || '{}', 'UTF8'), '')), 'XX001 Its manifest has more than 16 MB.', 'a large one');
SELECT is(said(forged('{}')) ~ '^XX001 Its "[a-z_]+" must be a JSON [a-z]+( or null)?, not missing.$', true, 'nothing');
SELECT is(said(changed('{"evil": 1}')), 'XX001 Its manifest has an unrecognized key "evil".', 'a key that is not known');
SELECT is(said(changed(jsonb_build_object(repeat('x', 100000), 1))), format('XX001 Its manifest has an unrecognized key "%s...".', repeat('x', 57)), 'a long one is shortened');
SELECT is(said(changed(change)), 'XX001 ' || detail, change::text) FROM (VALUES
	('{"model": 5}'::jsonb, 'Its "model" must be a JSON string, not number.'),
	('{"model": "No Name"}', 'Its "model" is no model''s name.'),
	('{"model": "a\nb"}', 'Its "model" is no model''s name.'),
	('{"version": "1"}', 'Its "version" must be a JSON number, not string.'),
	('{"version": 0}', 'Its "version" is no version''s number.'),
	('{"version": 1.5}', 'Its "version" is no version''s number.'),
	('{"version": 1e400}', 'Its "version" is no version''s number.'),
	('{"algorithm": "random_forest"}', 'Its "algorithm" is not the one of its bytes.'),
	('{"algorithm": null}', 'Its "algorithm" must be a JSON string, not null.'),
	('{"target": ""}', 'Its "target" is empty.'),
	('{"target": {"a": 1}}', 'Its "target" must be a JSON string, not object.'),
	('{"positive": 1}', 'Its "positive" must be a JSON string or null, not number.'),
	('{"description": ["x"]}', 'Its "description" must be a JSON string or null, not array.'),
	('{"tags": []}', 'Its "tags" must be a JSON object, not array.'),
	('{"tags": {"": 1}}', 'Its tag "" must have a name of 1 to 250 characters.'),
	('{"created_at": "yesterday"}', 'Its "created_at" is no time.'),
	('{"created_at": "now"}', 'Its "created_at" is no time.'),
	('{"library_version": 1}', 'Its "library_version" must be a JSON string, not number.'),
	('{"seed": "x"}', 'Its "seed" must be a JSON number or null, not string.'),
	('{"seed": 1e30}', 'Its "seed" is no bigint.'),
	('{"seed": 0.5}', 'Its "seed" is no bigint.'),
	('{"params": [1]}', 'Its "params" must be a JSON object, not array.'),
	('{"params": {"max_depth": 3}}', 'Its parameter "max_depth" must have a name of 1 to 250 characters and a JSON string as value.'),
	('{"params": {"": "3"}}', 'Its parameter "" must have a name of 1 to 250 characters and a JSON string as value.'),
	('{"dataset": 1}', 'Its "dataset" must be a JSON object or null, not number.'),
	('{"metrics": null}', 'Its "metrics" must be a JSON object, not null.')) AS c(change, detail);
SELECT is(said(changed(jsonb_build_object('target', repeat('ä', 32)))), 'XX001 Its "target" is too long.', 'a name of 64 bytes');
SELECT is(said(changed(jsonb_build_object('params', jsonb_build_object(repeat('x', 3000), 'y')))) LIKE 'XX001 Its parameter "xxx%', true, 'a parameter that no index takes');
SELECT is(said(metric(change)), 'XX001 ' || detail, 'metrics ' || change::text) FROM (VALUES
	('{"pr_auc": "abc"}'::jsonb, 'Its metric "pr_auc" is no number, but ""abc"".'),
	('{"pr_auc": "0.5"}', 'Its metric "pr_auc" is no number, but ""0.5"".'),
	('{"pr_auc": [0.5]}', 'Its metric "pr_auc" is no number, but "[0.5]".'),
	('{"pr_auc": true}', 'Its metric "pr_auc" is no number, but "true".'),
	('{"pr_auc": -0.1}', 'Its metric "pr_auc" is not between 0 and 1.'),
	('{"pr_auc": 1.5}', 'Its metric "pr_auc" is not between 0 and 1.'),
	('{"roc_auc": 1e309}', 'Its metric "roc_auc" is out of range.'),
	('{"expected_cost": -1e309}', 'Its metric "expected_cost" is out of range.'),
	('{"log_loss": -1}', 'Its metric "log_loss" is not at least 0.'),
	('{"mcc": 2}', 'Its metric "mcc" is not between -1 and 1.'),
	('{"rows": -1}', 'Its metric "rows" is no count.'),
	('{"rows": 1.5}', 'Its metric "rows" is no count.'),
	('{"positives": 1e20}', 'Its metric "positives" is no count.'),
	('{"judged_on": 1}', 'Its "judged_on" is none of train, validation and test.'),
	('{"judged_on": "moon"}', 'Its "judged_on" is none of train, validation and test.'),
	('{"threshold_chosen_on": "test"}', 'Its "threshold_chosen_on" is none of train and validation.'),
	('{"evil": 1}', 'Its "metrics" have an unrecognized key "evil".')) AS c(change, detail);
-- what may be
SELECT is(said(changed('{"positive": null, "description": null, "seed": null, "tags": {"a": [1, {"b": null}]}, "dataset": null}')), 'imported', 'NULL where it may be');
SELECT is(said(metric('{"pr_auc": null, "expected_cost": -5, "mcc": -1}')), 'imported', 'undefined metrics');
SELECT is(said(changed('{"description": "<script>alert(1)</script>\n| a | b |", "tags": {"x''); DROP TABLE tx; --": "y"}}')), 'imported', 'text is text');
-- everybody may look at them
SELECT mlops.grant('copy', 'public', 'manage') \g /dev/null
SET LOCAL ROLE regress_mlops_owner;
SELECT is((SELECT count(*) FROM mlops.versions WHERE model = 'copy'), 3::bigint, 'versions shows them');
SELECT lives_ok($$SELECT mlops.report('copy')$$, 'the report too');
SELECT lives_ok($$SELECT mlops.model_card('copy', 3)$$, 'a card too');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
