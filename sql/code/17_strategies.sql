-- Strategies of a release as data: what each lays, what it takes and what it
-- cannot do without.  mlops.deploy, guards, route documents and check_catalog
-- read them here; a new strategy is a row, and its name in the CHECK of
-- mlops_catalog.deployment.
--
-- lays: primary (a version that answers everything), shares (of keys, beside
--	primary), aliases (what champion and challenger stand for), beside (a
--	segment or a shadow); for each there is a function in 40_deploy.sql
-- kind: of the routes that it lays
-- variant: name where none is given; segments and shadows get a number behind it
-- takes: arguments of mlops.deploy that mean something; key and note go with all
-- needs: arguments of which one must be given
-- follows_labels: do shares move by what labels say?
-- document: keys of a release in a document of mlops.apply, besides strategy,
--	guard and metric; NULL: it is no release of shares
CREATE FUNCTION mlops_catalog.strategies()
	RETURNS TABLE (name text, lays text, kind text, variant text, takes text[], needs text[], follows_labels boolean, document text[])
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7
	SET search_path = pg_catalog, pg_temp
AS $$
	VALUES
		('direct', 'primary', 'share', 'primary', '{version,threshold,guard}'::text[], '{}'::text[], false, NULL::text[]),
		('canary', 'shares', 'share', 'canary', '{version,threshold,guard,variant,percent,ramp,metric}', '{percent,ramp}', false,
			'{version,variant,threshold,percent,ramp}'),
		('ab', 'shares', 'share', 'challenger', '{version,threshold,guard,variant,percent,variants,metric}', '{percent,variants}', false, '{variants}'),
		('bandit', 'shares', 'share', 'challenger', '{version,threshold,guard,variant,percent,variants,metric,min_percent}', '{percent,variants}', true,
			'{variants,min_percent}'),
		('champion_challenger', 'aliases', 'share', 'challenger', '{guard,percent,metric}', '{}', false, '{percent}'),
		('segment', 'beside', 'segment', 'segment', '{version,threshold,variant,rule}', '{rule}', false, NULL),
		('shadow', 'beside', 'shadow', 'shadow', '{version,threshold,guard,variant}', '{}', false, NULL)
$$;
COMMENT ON FUNCTION mlops_catalog.strategies() IS 'How a version can be released: a row a strategy of mlops.deploy';

CREATE VIEW mlops_catalog.release_route AS
SELECT r.model_id, r.variant, r.position, e.strategy, s.lays
FROM mlops_catalog.release AS e JOIN mlops_catalog.strategies() AS s ON s.name OPERATOR(pg_catalog.=) e.strategy
JOIN mlops_catalog.deployment_route AS r ON r.model_id OPERATOR(pg_catalog.=) e.model_id
WHERE r.variant OPERATOR(pg_catalog.<>) 'primary'
	AND (r.kind OPERATOR(pg_catalog.=) 'share' OR s.lays OPERATOR(pg_catalog.=) 'aliases' AND r.variant OPERATOR(pg_catalog.=) s.variant);
COMMENT ON VIEW mlops_catalog.release_route IS 'Variants that the release under way has laid, and that end with it';
COMMENT ON COLUMN mlops_catalog.release_route.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.release_route.variant IS 'Name of the variant';
COMMENT ON COLUMN mlops_catalog.release_route.position IS 'Order of the variants';
COMMENT ON COLUMN mlops_catalog.release_route.strategy IS 'Strategy of the release';
COMMENT ON COLUMN mlops_catalog.release_route.lays IS 'What the strategy lays, see mlops_catalog.strategies()';

CREATE FUNCTION mlops_catalog.follows_aliases(strategy text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM mlops_catalog.strategies() AS s WHERE s.name = follows_aliases.strategy AND s.lays = 'aliases') $$;
COMMENT ON FUNCTION mlops_catalog.follows_aliases(text) IS 'Does a strategy release what aliases stand for?';
