-- Routes and settings as documents: whatever answers can be stated and exported,
-- the same document again changes nothing, what moved on by itself is no
-- difference, another model with the same versions becomes the same.
\ir setup.psql
SELECT plan(114);
CREATE ROLE regress_mlops_app;
CREATE FUNCTION three_versions(m text) RETURNS void LANGUAGE sql AS $$
	SELECT mlops.train(m, 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 5}');
	SELECT mlops.train(m, 'tx', target => 'is_fraud', key => 'id', time_column => 'ts', params => '{"n_estimators": 6}');
	SELECT mlops.train(m, 'tx', target => 'is_fraud', features => '{amount,country}', params => '{"n_estimators": 3}');
$$;
SELECT three_versions('fraud'), three_versions('fresh') \g /dev/null

CREATE FUNCTION doc(d jsonb, m text DEFAULT 'fraud') RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('models', jsonb_build_object(m, d)) $$;
CREATE FUNCTION applied(d jsonb, m text DEFAULT 'fraud', dry boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', a.setting, a.item), ', '), 'nothing') FROM mlops.apply(doc(d, m), dry) AS a
$$;
CREATE FUNCTION route(d text) RETURNS text LANGUAGE sql AS $$ SELECT applied(jsonb_build_object('deploy', d::jsonb)) $$;
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', d.variant, d.version, d.kind, d.percent, nullif(round(d.threshold::numeric, 3), round(v.threshold::numeric, 3)), d.key, d.rule, d.release, d.step), ', '
		ORDER BY array_position('{share,segment,shadow}', d.kind), d.variant <> 'primary', d.variant)
	FROM mlops.deployments d JOIN mlops.versions v USING (model, version) WHERE model = 'fraud'
$$;
CREATE FUNCTION exported(m text DEFAULT 'fraud') RETURNS jsonb LANGUAGE sql AS $$ SELECT mlops.export_spec(m) -> 'models' -> m $$;

-- ---- each strategy, from the one before
CREATE TABLE walk (i int GENERATED ALWAYS AS IDENTITY, d text, changed text, state text);
INSERT INTO walk (d, changed, state) VALUES
	('{"version": 1}', 'deploy primary', 'primary 1 share 100'),
	('{"version": 1, "threshold": 0.125}', 'deploy primary', 'primary 1 share 100 0.125'),
	('{"version": 1, "key": "id", "release": {"strategy": "canary", "version": 2, "percent": 10}}', 'deploy primary, deploy release', 'primary 1 share 90 id running 1, canary 2 share 10 id running 1'),
	('{"version": 1, "key": "id", "release": {"strategy": "canary", "version": 2, "variant": "try", "threshold": 0.25, "guard": {"alert_rate": {"max": 0.5}},
		"ramp": [{"percent": 5, "wait": "1 hour", "guard": {"psi": {"max": 9}}}, {"percent": 100}]}}', 'deploy release', 'primary 1 share 95 id running 1, try 2 share 5 0.250 id running 1'),
	('{"version": 3, "release": {"strategy": "ab", "variants": {"b": {"version": 1, "percent": 20}, "c": {"version": 2, "percent": 33.3, "threshold": 0.5}}, "metric": "recall"}}',
		'deploy primary, deploy release', 'primary 3 share 46.7 id running 1, b 1 share 20 id running 1, c 2 share 33.3 0.500 id running 1'),
	('{"version": 3, "key": "country", "release": {"strategy": "bandit", "variants": {"b": {"version": 1, "percent": 20}}}}',
		'deploy primary, deploy release', 'primary 3 share 80 country running 1, b 1 share 20 country running 1'),
	('{"version": 3, "key": "country", "segments": [{"variant": "de", "version": 1, "rule": {"country": ["DE", null]}}, {"variant": "online", "version": 2, "threshold": 0.75, "rule": {"online": true}}]}',
		'deploy release, deploy segments', 'primary 3 share 100 country, de 1 segment 0 {"country": ["DE", null]}, online 2 segment 0 0.750 {"online": true}'),
	('{"version": 3, "segments": [{"variant": "de", "version": 1, "rule": {"country": ["DE", null]}}, {"variant": "none", "version": 2, "rule": {"country": null}}], "shadows": {"s2": {"version": 2}, "s1": {"version": 1, "threshold": 0.5}}}',
		'deploy segments, deploy shadows', 'primary 3 share 100 country, de 1 segment 0 {"country": ["DE", null]}, none 2 segment 0 {"country": null}, s1 1 shadow 0 0.500, s2 2 shadow 0'),
	('{"version": 3, "key": "id", "release": {"strategy": "canary", "version": 2, "percent": 7}, "segments": [{"variant": "none", "version": 2, "rule": {"country": null}}], "shadows": {"s1": {"version": 1, "threshold": 0.5}}}',
		'deploy primary, deploy release, deploy segments, deploy shadows', 'primary 3 share 93 id running 1, canary 2 share 7 id running 1, none 2 segment 0 {"country": null}, s1 1 shadow 0 0.500'),
	('{"version": 2, "guard": {"latency_p95": {"max": 1000}}}', 'deploy primary, deploy release, deploy segments, deploy shadows', 'primary 2 share 100 id running 1'),
	('{"version": 2, "guard": {}}', 'deploy primary', 'primary 2 share 100 id'),
	('{"version": 2, "shadows": {"canary": {"version": 1}}}', 'deploy shadows', 'primary 2 share 100 id, canary 1 shadow 0'),
	('{"version": 2, "release": {"strategy": "canary", "version": 1, "percent": 50}}', 'deploy release, deploy shadows', 'primary 2 share 50 id running 1, canary 1 share 50 id running 1');
CREATE FUNCTION walk() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	w record;
	before jsonb;
	d jsonb;
BEGIN
	FOR w IN SELECT * FROM walk ORDER BY i LOOP
		before := exported();
		d := jsonb_build_object('deploy', w.d::jsonb);
		RETURN NEXT is(applied(d, dry => true), w.changed, format('%s: a dry run', w.i));
		IF exported() <> before THEN
			RETURN NEXT fail(format('%s: a dry run changes nothing', w.i));
		END IF;
		RETURN NEXT is(applied(d) || ': ' || state(), w.changed || ': ' || w.state, format('%s: then what it said', w.i));
		RETURN NEXT is(applied(d) || ', ' || applied(doc(exported()) -> 'models' -> 'fraud'), 'nothing, nothing', format('%s: the same again, and what is exported', w.i));
		PERFORM applied(exported(), 'fresh');
		RETURN NEXT is(exported('fresh'), exported(), format('%s: another model becomes the same', w.i));
	END LOOP;
END $$;
SELECT walk();

-- from any route to any other
CREATE FUNCTION random_document() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	WITH r AS (SELECT random() AS a, random() AS b, random() AS c, random() AS d, random() AS e, 1 + floor(3 * random())::int AS v)
	SELECT mlops_catalog.without_nulls(jsonb_build_object('version', v, 'key', (ARRAY['id', 'country', NULL])[1 + floor(3 * b)::int], 'threshold', CASE WHEN a < 0.3 THEN round(a::numeric, 3) END)
		|| CASE WHEN a < 0.2 THEN jsonb_build_object('release', jsonb_build_object('strategy', 'canary', 'version', 1 + floor(3 * c)::int, 'percent', round((100 * b)::numeric, 2)), 'key', 'id')
			WHEN a < 0.4 THEN jsonb_build_object('key', 'id', 'release', jsonb_build_object('strategy', (ARRAY['ab', 'bandit'])[1 + round(b)::int], 'guard', jsonb_build_object('psi', jsonb_build_object('max', 1 + c)),
				'variants', jsonb_build_object('x', jsonb_build_object('version', 1, 'percent', round((50 * c)::numeric, 1)), 'y', jsonb_build_object('version', 3, 'percent', 25, 'threshold', 0.5))))
			WHEN a < 0.6 THEN jsonb_build_object('guard', jsonb_build_object('alert_rate', jsonb_build_object('max', b))) ELSE '{}' END
		|| CASE WHEN d < 0.6 THEN jsonb_build_object('segments', (SELECT jsonb_agg(jsonb_build_object('variant', 'seg' || i, 'version', 1 + (i + floor(9 * e)::int) % 3, 'rule', jsonb_build_object('country', c)) ORDER BY i * d)
			FROM unnest('{DE,FR,IT}'::text[]) WITH ORDINALITY AS x(c, i) WHERE i <= 1 + floor(5 * d))) ELSE '{}' END
		|| CASE WHEN e < 0.5 THEN jsonb_build_object('shadows', jsonb_build_object('s' || floor(4 * e), jsonb_build_object('version', 1 + floor(6 * e)::int))) ELSE '{}' END)
	FROM r
$$;
CREATE FUNCTION random_walk(steps int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	d jsonb;
BEGIN
	FOR i IN 1 .. steps LOOP
		d := jsonb_build_object('deploy', random_document());
		PERFORM applied(d);
		IF NOT exported() -> 'deploy' @> ((d -> 'deploy') - '{threshold,release,guard}'::text[]) OR applied(d) <> 'nothing' THEN
			RETURN NEXT format('%s: %s', i, d);
		END IF;
		PERFORM applied(exported(), 'fresh');
		IF exported('fresh') <> exported() OR applied(exported()) <> 'nothing' THEN
			RETURN NEXT format('%s: %s differs from %s', i, exported(), exported('fresh'));
		END IF;
	END LOOP;
END $$;
SELECT setseed(0.42) \g /dev/null
SELECT is_empty('SELECT random_walk(40)', '40 random documents, each applied to what the one before made');

-- ---- what moves on by itself
CREATE FUNCTION ramp(extra text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT '{"version": 1, "key": "id", "release": {"strategy": "canary", "version": 2, "ramp": [{"percent": 5, "wait": "0"}, {"percent": 20, "wait": "0"}, {"percent": 100}]' || extra || '}}'
$$;
SELECT route('{"version": 1, "key": "id"}'), route(ramp()) \g /dev/null
SELECT mlops.check_guards('fraud') \g /dev/null
SELECT is(state(), 'primary 1 share 80 id running 2, canary 2 share 20 id running 2', 'a ramp takes a step');
SELECT is(route(ramp()), 'nothing', 'which is no difference');
SELECT is(exported() -> 'deploy', ramp()::jsonb, 'what is exported is the plan');
SELECT mlops.pause('fraud') \g /dev/null
SELECT is(route(ramp()), 'nothing', 'nor is a pause');
SELECT mlops.resume('fraud'), mlops.check_guards('fraud') \g /dev/null
SELECT is(state(), 'primary 2 share 100 id', 'at the end it is promoted');
SELECT is(route(ramp()), 'nothing', 'and the plan carried out');
SELECT is(exported() -> 'deploy', '{"version": 2, "key": "id"}', 'exported is what answers');
SELECT is(route('{"version": 2}'), 'nothing', 'which may be stated too');
SELECT is(route(ramp()), 'deploy primary, deploy release', 'whereupon the old plan is another one');
SELECT mlops.abort('fraud', 'too many alerts') \g /dev/null
SELECT is(route(ramp()), 'nothing', 'what was aborted does not come back by itself');
SELECT is(route(ramp(', "guard": {"psi": {"max": 5}}')), 'deploy release', 'another plan is carried out');
SELECT route('{"version": 3}'), mlops.rollback('fraud', note => 'chargebacks') \g /dev/null
SELECT is(state(), 'primary 1 share 100 id', 'a rollback');
SELECT is(route('{"version": 3}'), 'nothing', 'stays');
SELECT is(route('{"version": 1}'), 'nothing', 'until the document says what answers');
SELECT is(route('{"version": 3}'), 'deploy primary', 'and then something else');
SELECT mlops.deploy('fraud', 2) \g /dev/null
SELECT is(route('{"version": 3}'), 'deploy primary', 'a deployment by hand is a difference');
SELECT route('{"version": 1}'), mlops.retrain('fraud', 'new labels', action => 'deploy') \g /dev/null
SELECT is(state(), 'primary 4 share 100 id', 'a retraining deploys what it made');
SELECT is(route('{"version": 1}'), 'nothing', 'which is no difference');
SELECT is(route('{"version": 4}') || ', ' || route('{"version": 3}'), 'nothing, deploy primary', 'but may be stated');
SELECT route('{"version": 3, "release": {"strategy": "bandit", "variants": {"b": {"version": 1, "percent": 50, "threshold": 0}}, "metric": "recall"}}') \g /dev/null
SELECT count(mlops.decide('fraud', t)) FROM tx t \g /dev/null
SELECT mlops.add_labels('fraud', 'tx', key => 'id', label => 'is_fraud'), mlops.check_guards('fraud') \g /dev/null
SELECT is(state(), 'primary 3 share 5 id running 1, b 1 share 95 0.000 id running 1', 'a bandit reallocates');
SELECT is(route('{"version": 3, "release": {"strategy": "bandit", "variants": {"b": {"version": 1, "percent": 50, "threshold": 0}}, "metric": "recall"}}'), 'nothing', 'which is no difference either');

-- ---- champion and challenger
CREATE FUNCTION duel(champion int, challenger int, extra text DEFAULT '') RETURNS jsonb LANGUAGE sql AS $$
	SELECT format('{"aliases": {"champion": %1$s, "challenger": %2$s}, "deploy": {"version": %1$s, "release": {"strategy": "champion_challenger"%3$s}}}', champion, challenger, extra)::jsonb
$$;
SELECT is(applied(duel(1, 2)) || ': ' || state(), 'aliases challenger, aliases champion, deploy primary, deploy release: primary 1 share 100 id running 1, challenger 2 shadow 0 id', 'champion and challenger');
SELECT is(applied(duel(1, 2)) || ', ' || applied(exported()), 'nothing, nothing', 'the same again');
SELECT is(applied(duel(1, 3)) || ': ' || state(), 'aliases challenger: primary 1 share 100 id running 1, challenger 3 shadow 0 id', 'another challenger');
SELECT is(applied(duel(2, 3)) || ': ' || state(), 'aliases champion: primary 2 share 100 id running 1, challenger 3 shadow 0 id', 'another champion');
SELECT is(applied(duel(2, 3, ', "percent": 30')) || ': ' || state(), 'deploy release: primary 2 share 70 id running 1, challenger 3 share 30 id running 1', 'with a share');
SELECT applied(exported(), 'fresh') \g /dev/null
SELECT is(exported('fresh'), exported(), 'another model becomes the same');
SELECT mlops.promote('fraud') \g /dev/null
SELECT is((SELECT version FROM mlops.aliases WHERE model = 'fraud' AND alias = 'champion'), 3, 'the challenger is promoted');
SELECT is(applied(duel(2, 3, ', "percent": 30')), 'nothing', 'that it is champion now is no difference');
SELECT is(state(), 'primary 3 share 100 id', 'it stays');
SELECT throws_ok($$SELECT applied('{"aliases": {"champion": 2}, "deploy": {"version": 1, "release": {"strategy": "champion_challenger"}}}')$$, '22023',
	'models.fraud.deploy: version 1 of model "fraud" is not the one that alias "champion" stands for', 'alias and version must agree');

-- ---- other settings
CREATE TABLE wanted AS SELECT '{"tags": {"team": "risk", "tier": 1}, "versions": {"1": {"description": "the first", "tags": {"reviewed": true}}}, "stages": {"1": "archived", "2": "production"},
	"grants": {"regress_mlops_app": ["score", "deploy"]}}'::jsonb AS d;
SELECT is((SELECT applied(d) FROM wanted), 'tags team, tags tier, versions 1, versions 1.reviewed, grants regress_mlops_app, grants regress_mlops_app, stages 1, stages 2', 'tags, versions, grants, stages');
SELECT is((SELECT applied(d) FROM wanted), 'nothing', 'once');
SELECT is(exported() -> 'versions', '{"1": {"description": "the first", "tags": {"reviewed": "true"}}}', 'versions are exported');
SELECT is(applied('{"stages": {"2": "none", "1": "production"}, "versions": {"1": {"description": "", "tags": {}}}}'), 'versions 1, versions 1.reviewed, stages 2, stages 1', 'stages that are not next to each other');
SELECT is(exported() -> 'stages', '{"1": "production"}', 'are reached');
SELECT applied(exported(), 'fresh') \g /dev/null
SELECT is(exported('fresh') - 'stages', exported() - 'stages', 'and carried over');

-- ---- what is refused, and where
CREATE FUNCTION refusal(d text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE h text;
BEGIN
	RETURN applied(d::jsonb);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', SQLERRM, nullif(h, ''));
END $$;
SELECT is(refusal(d), e, e) FROM (VALUES
	('{"monitors": {}}', 'unrecognized key "monitors" in "models.fraud"; Valid keys are: alerts, aliases, deploy, description, gate, grants, limits, monitor, owner, retraining, schedules, stages, tags, versions.'),
	('{"deploy": {"version": 1, "percent": 5}}', 'unrecognized key "percent" in "models.fraud.deploy"; Valid keys are: guard, key, note, release, segments, shadows, threshold, version.'),
	('{"deploy": {}}', '"models.fraud.deploy" must have a key version'),
	('{"deploy": {"version": 9}}', 'models.fraud.deploy: version 9 of model "fraud" does not exist; View mlops.versions lists the versions there are.'),
	('{"deploy": {"version": "1"}}', '"version" in "models.fraud.deploy" must be a JSON number, not string; Write it as {"version": 1}.'),
	('{"deploy": {"version": 1.5}}', '"version" in "models.fraud.deploy" must be a whole number, not 1.5'),
	('{"deploy": {"version": 1, "shadows": {"a": {"version": 1.6}}}}', '"version" in "models.fraud.deploy.shadows.a" must be a whole number, not 1.6'),
	('{"deploy": {"version": 1, "segments": [{"variant": "a", "version": 1.5, "rule": {"country": "DE"}}]}}', '"version" in "models.fraud.deploy.segments.0" must be a whole number, not 1.5'),
	('{"deploy": {"version": 1, "release": {"strategy": "canary", "version": 1.5, "percent": 5}}}', '"version" in "models.fraud.deploy.release" must be a whole number, not 1.5'),
	('{"aliases": {"champion": 1.6}}', '"champion" in "models.fraud.aliases" must be a whole number, not 1.6'),
	('{"deploy": {"version": 1, "release": {"strategy": "direct"}}}', '"models.fraud.deploy.release" must have a key strategy; Valid values are: canary, ab, bandit, champion_challenger.'),
	('{"deploy": {"version": 1, "release": {"strategy": "ab", "percent": 5}}}', 'unrecognized key "percent" in "models.fraud.deploy.release"; Valid keys are: guard, metric, strategy, variants.'),
	('{"deploy": {"version": 1, "release": {"strategy": "ab", "variants": {"b": {"version": 2, "share": 5}}}}}', 'unrecognized key "share" in "models.fraud.deploy.release.variants.b"; Valid keys are: percent, threshold, version.'),
	('{"deploy": {"version": 1, "segments": [{"variant": "a", "version": 1}]}}', '"models.fraud.deploy.segments.0" must have the keys variant, version and rule'),
	('{"deploy": {"version": 1, "shadows": {"a": {}}}}', '"models.fraud.deploy.shadows.a" must have a key version'),
	('{"aliases": {"champion": "3"}}', '"champion" in "models.fraud.aliases" must be a JSON number, not string; Write it as {"champion": 1}.'),
	('{"stages": {"3": "live"}}', 'models.fraud.stages.3: unrecognized stage "live"; Valid values are: none, staging, production, archived.'),
	('{"stages": {"v3": "staging"}}', 'key "v3" in "models.fraud.stages" is not the number of a version'),
	('{"grants": {"nobody here": ["score"]}}', 'models.fraud.grants.nobody here: role "nobody here" does not exist'),
	('{"schedules": {"a": {"cron": "@daily"}}}', '"models.fraud.schedules.a" must have the keys cron and command')) AS x(d, e);
SELECT is(refusal('{"deploy": {"version": 2, "release": {"strategy": "canary", "version": 1, "percent": 5, "guard": {"psl": {"max": 1}}}}}'),
	'models.fraud.deploy: unrecognized key "psl" in "guard"; Valid keys are: latency_p95, psi, alert_rate, precision, errors, error_rate, min_decisions, min_labels, on_failure.', 'a guard that is none');
SELECT is(state(), 'primary 3 share 100 id', 'and nothing of it was done');
CREATE TABLE settled AS SELECT exported() AS e;
SELECT throws_ok($$SELECT mlops.apply('{"models": {"fraud": {"description": "new"}, "fresh": {"deploy": {"version": 77}}}}')$$, '42704', NULL, 'one transaction');
SELECT is(exported(), e, 'for all models') FROM settled;
SELECT * FROM finish();
ROLLBACK;
