-- Features from the history of a row's entities.  A feature view is an ordinary view over
-- mlops.feature_rows, so it is kept, dumped, renamed, granted and dropped as one.

CREATE FUNCTION mlops.feature_rows(source regclass, key name, time_column name, features jsonb, known_column name DEFAULT NULL,
	since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS SETOF record
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 100000
	AS 'MODULE_PATHNAME', 'mlops_feature_rows';
COMMENT ON FUNCTION mlops.feature_rows(regclass, name, name, jsonb, name, timestamptz, timestamptz) IS
	'Rows of a table or view with features from the history of their entities, each as it was known at the row''s time';

CREATE FUNCTION mlops.create_feature_view(name text, source regclass, key name, time_column name, features jsonb, known_column name DEFAULT NULL)
	RETURNS regclass
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_create_feature_view';
COMMENT ON FUNCTION mlops.create_feature_view(text, regclass, name, name, jsonb, name) IS
	'Makes a view of a table''s rows with features from their history';

CREATE FUNCTION mlops.alter_feature_view(name regclass, features jsonb DEFAULT NULL, known_column name DEFAULT NULL) RETURNS regclass
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_alter_feature_view';
COMMENT ON FUNCTION mlops.alter_feature_view(regclass, jsonb, name) IS
	'Gives a feature view other features; versions that were trained on it keep theirs';

CREATE FUNCTION mlops.drop_feature_view(name regclass) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_drop_feature_view';
COMMENT ON FUNCTION mlops.drop_feature_view(regclass) IS 'Drops a feature view';

CREATE FUNCTION mlops.feature_row(view regclass, source_row anyelement) RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE COST 100000
	AS 'MODULE_PATHNAME', 'mlops_feature_row';
COMMENT ON FUNCTION mlops.feature_row(regclass, anyelement) IS 'A row of a feature view''s source with its features, computed from the rows that there are now';

CREATE FUNCTION mlops.check_features(view regclass, rows int DEFAULT 1000)
	RETURNS TABLE (key text, feature text, among_all text, alone text)
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 10
	AS 'MODULE_PATHNAME', 'mlops_check_features';
COMMENT ON FUNCTION mlops.check_features(regclass, int) IS
	'Computes rows drawn at random once among all and once alone, as a payment''s are, and returns the features that differ: none, unless rows have changed in between or share time and key';

CREATE FUNCTION mlops_catalog.feature_view_request(view regclass, OUT source regclass, OUT key name, OUT time_column name, OUT known_column name, OUT features jsonb)
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_feature_view_request';
COMMENT ON FUNCTION mlops_catalog.feature_view_request(regclass) IS 'What a feature view was made of; NULLs for any other relation';

CREATE VIEW mlops.feature_views WITH (security_barrier) AS
SELECT n.nspname AS schema, c.relname AS name, r.source, r.key, r.time_column, r.known_column, r.features, mlops_catalog.role_text(c.relowner) AS owner
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
CROSS JOIN LATERAL mlops_catalog.feature_view_request(c.oid) r
WHERE c.relkind OPERATOR(pg_catalog.=) 'v' AND r.source IS NOT NULL AND EXISTS (SELECT FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d
	ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) w.oid
	WHERE w.ev_class OPERATOR(pg_catalog.=) c.oid AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
		AND d.refobjid OPERATOR(pg_catalog.=) 'mlops.feature_rows'::pg_catalog.regproc);
COMMENT ON VIEW mlops.feature_views IS 'Feature views that there are';
COMMENT ON COLUMN mlops.feature_views.schema IS 'Schema of the view';
COMMENT ON COLUMN mlops.feature_views.name IS 'Name of the view';
COMMENT ON COLUMN mlops.feature_views.source IS 'Table or view whose rows it shows';
COMMENT ON COLUMN mlops.feature_views.key IS 'Column that says which row it is, and orders rows of one time';
COMMENT ON COLUMN mlops.feature_views.time_column IS 'Column that says when a row was';
COMMENT ON COLUMN mlops.feature_views.known_column IS 'Column that says from when on a row was known, NULL: at its time';
COMMENT ON COLUMN mlops.feature_views.features IS 'Definitions';
COMMENT ON COLUMN mlops.feature_views.owner IS 'Role that owns the view';
GRANT SELECT ON mlops.feature_views TO PUBLIC;
