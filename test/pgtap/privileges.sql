-- Who may do what; reading is done as the caller.
\ir setup.psql
SELECT plan(13);
CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_other;
CREATE ROLE regress_mlops_friend IN ROLE regress_mlops_owner;
GRANT SELECT ON tx TO regress_mlops_owner;
GRANT SELECT (id, amount, is_fraud) ON tx TO regress_mlops_other;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO regress_mlops_owner, regress_mlops_other, regress_mlops_friend', current_schema()); END $$;

SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.train('m', 'tx', target => 'is_fraud')$$, '42501', NULL, 'no privilege on a column that would be read');
SELECT lives_ok($$SELECT mlops.train('mine', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}')$$, 'columns one may read are enough');
SELECT throws_ok($$SELECT * FROM mlops_catalog.model$$, '42501', NULL, 'catalog tables are out of reach');
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', params => '{"n_estimators": 3}'); SELECT mlops.deploy('fraud', 1)$$, 'owner trains and deploys');
SELECT is((SELECT array_agg(model::text) FROM mlops.models), '{fraud}', 'views show one''s own models only');
SET LOCAL ROLE regress_mlops_friend;
SELECT lives_ok($$SELECT mlops.score('fraud', ROW(1, now()::timestamp, 1.0::float8, 1::numeric, 'DE'::text, true)::record) FROM (SELECT 1) q WHERE false$$, 'a member may score');
SET LOCAL ROLE regress_mlops_other;
SELECT throws_ok($$SELECT mlops.score('fraud', t) FROM (SELECT 1 AS a) t$$, '42501', 'permission denied to score with model "fraud"', 'another role may not score');
SELECT throws_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}')$$, '42501', 'permission denied to train model "fraud"', 'nor train a version');
SELECT throws_ok($$SELECT mlops.deploy('fraud', 1)$$, '42501', 'permission denied to deploy model "fraud"', 'nor deploy');
SELECT throws_ok($$SELECT mlops.rollback('fraud')$$, '42501', 'permission denied to deploy model "fraud"', 'nor roll back');
SELECT throws_ok($$SELECT * FROM mlops_catalog.coefficients('fraud', 1)$$, '42501', NULL, 'nor look inside');
RESET ROLE;

CREATE POLICY first_thousand ON tx FOR SELECT TO regress_mlops_owner USING (id <= 1000);
ALTER TABLE tx ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_mlops_owner;
SELECT lives_ok($$SELECT mlops.train('fraud', 'tx', target => 'is_fraud', params => '{"n_estimators": 3}')$$, 'train under row security');
SELECT is((SELECT rows FROM mlops.datasets ORDER BY dataset_id DESC LIMIT 1), 1000::bigint, 'row security holds for training');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
