-- What check_catalog says of a catalog that was edited by hand.
\ir setup.psql
SELECT plan(13);
CREATE ROLE regress_mlops_app;
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('fraud', 1), mlops.monitor('fraud'), mlops.alert_rule('fraud', 'rate', 'alert_rate', max => 0.5) FROM tx LIMIT 1 \g /dev/null
SELECT mlops.maintain() \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty('SELECT * FROM mlops.check_catalog()', 'all is well');
CREATE FUNCTION after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE statement;
	SELECT string_agg(concat_ws(' ', c.model, c.object, c.problem), '; ' ORDER BY c.model, c.object) INTO found FROM mlops.check_catalog() AS c;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN coalesce(found, 'nothing');
END $$;
SELECT 'prediction_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS today \gset
SELECT matches(after(format('ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.%I', :'today')), '^table ' || :'today' || ' is not a partition of mlops_catalog.prediction', 'a day that was detached');
SELECT is(after(format('ALTER TABLE mlops_catalog.prediction DETACH PARTITION mlops_catalog.%1$I; ALTER TABLE mlops_catalog.%1$I SET SCHEMA public', :'today')), 'nothing', 'one that was moved away is archived');
SELECT matches(after(format('DROP INDEX mlops_catalog.%I', :'today' || '_time_idx')), '^table ' || :'today' || ' has no index by time', 'an index by time');
SELECT matches(after('DROP INDEX mlops_catalog.prediction_default_time_idx'), '^table prediction_default has no index by time', 'also of the table for all other days');
SELECT is(after('ALTER FUNCTION mlops.score(text, anyelement) OWNER TO regress_mlops_app'), 'function mlops.score(text,anyelement) belongs to role regress_mlops_app, not to the extension''s owner; ALTER ROUTINE mlops.score(text,anyelement) OWNER TO '
	|| quote_ident(current_user), 'a function of another owner');
SELECT matches(after('ALTER TABLE mlops_catalog.label OWNER TO regress_mlops_app'), 'table mlops_catalog.label belongs to role regress_mlops_app', 'a table');
SELECT matches(after('ALTER VIEW mlops.traffic OWNER TO regress_mlops_app'), 'view mlops.traffic belongs to role regress_mlops_app', 'a view');
SELECT is(after('GRANT INSERT, UPDATE ON mlops_catalog.label TO regress_mlops_app'), 'table label role regress_mlops_app may INSERT, UPDATE; REVOKE ALL ON mlops_catalog.label FROM regress_mlops_app', 'who may write to the catalog');
SELECT is(after('UPDATE mlops_catalog.alert_rule SET metric = ''nope'''), 'fraud alert rule rate is of figure "nope", which there is not, so it judges nothing; set it anew by mlops.alert_rule()', 'a rule of no figure');
SELECT is(after('UPDATE mlops_catalog.alert_rule SET max = NULL'), 'fraud alert rule rate has no bound, so it judges nothing; set it anew by mlops.alert_rule()', 'a rule without a bound');
SELECT matches(after('DELETE FROM mlops_catalog.home'), '^activation was restored or copied .*, or the row in mlops_catalog.home is gone', 'a database that does not know where it is at home');
DELETE FROM mlops_catalog.home;
SELECT is((SELECT active FROM mlops.activation), false, 'does nothing by itself');
SELECT * FROM finish();
ROLLBACK;
