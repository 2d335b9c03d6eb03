-- Privileges on models, and roles that are trusted.

CREATE TABLE mlops_catalog.model_grant (
	model_id bigint NOT NULL CONSTRAINT model_grant_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	role regrole NOT NULL,
	privilege text NOT NULL CONSTRAINT model_grant_privilege_check CHECK (privilege OPERATOR(pg_catalog.=) ANY (ARRAY['score', 'view', 'train', 'deploy', 'manage'])),
	granted_by regrole NOT NULL,
	granted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT model_grant_pkey PRIMARY KEY (model_id, role, privilege)
);
COMMENT ON TABLE mlops_catalog.model_grant IS 'Privileges on models that their owners'' members gave to other roles';
COMMENT ON COLUMN mlops_catalog.model_grant.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.model_grant.role IS 'Role it was given to; 0 is PUBLIC';
COMMENT ON COLUMN mlops_catalog.model_grant.privilege IS 'score, view, train or deploy, which include view, or manage, which includes all';
COMMENT ON COLUMN mlops_catalog.model_grant.granted_by IS 'Who gave it';
COMMENT ON COLUMN mlops_catalog.model_grant.granted_at IS 'When';
-- a role that is gone is dumped as its number, which may be another role's where it is restored
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.model_grant',
	'WHERE role OPERATOR(pg_catalog.=) 0 OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) role)');

-- ---- trust
--
-- A recorded query is read with the rights of who asks, and what runs by itself
-- with those of who set it up.  Either way it may reach code of others by now
-- (src/registry/reach.c): it runs only if that role is trusted.

CREATE TABLE mlops_catalog.trust (
	role regrole NOT NULL,
	trusted regrole NOT NULL,
	trusted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT trust_pkey PRIMARY KEY (role, trusted)
);
COMMENT ON TABLE mlops_catalog.trust IS 'Whose code and tables recorded queries, and what runs by itself, may reach with a role''s rights';
COMMENT ON COLUMN mlops_catalog.trust.role IS 'Role that trusts';
COMMENT ON COLUMN mlops_catalog.trust.trusted IS 'Role that it trusts';
COMMENT ON COLUMN mlops_catalog.trust.trusted_at IS 'Since when';
-- a role that is gone is dumped as its number, which may be another role's where it is restored
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.trust',
	'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) role)
		AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) trusted)');
