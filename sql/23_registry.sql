-- Names for versions, what must be shown before production, and who approved.

CREATE TABLE mlops_catalog.alias (
	model_id bigint NOT NULL CONSTRAINT alias_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	alias text NOT NULL
		CONSTRAINT alias_alias_check CHECK (alias OPERATOR(pg_catalog.~) '^[a-z0-9_][a-z0-9_.-]{0,62}$'),
	version_id bigint NOT NULL CONSTRAINT alias_version_id_fkey REFERENCES mlops_catalog.model_version,
	set_by regrole NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT alias_pkey PRIMARY KEY (model_id, alias)
);
COMMENT ON TABLE mlops_catalog.alias IS 'Names that stand for a version in model@alias';
COMMENT ON COLUMN mlops_catalog.alias.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.alias.alias IS 'Name, unique within the model';
COMMENT ON COLUMN mlops_catalog.alias.version_id IS 'Version it stands for';
COMMENT ON COLUMN mlops_catalog.alias.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops_catalog.alias.set_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.alias', '');
CREATE TRIGGER forget_routes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mlops_catalog.alias
	FOR EACH STATEMENT EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.alias ENABLE ALWAYS TRIGGER forget_routes;
CREATE TRIGGER forget_replicated AFTER INSERT OR UPDATE OR DELETE ON mlops_catalog.alias
	FOR EACH ROW EXECUTE FUNCTION mlops_catalog.forget_routes();
ALTER TABLE mlops_catalog.alias ENABLE REPLICA TRIGGER forget_replicated;

CREATE TABLE mlops_catalog.gate (
	model_id bigint CONSTRAINT gate_pkey PRIMARY KEY
		CONSTRAINT gate_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	gate jsonb NOT NULL,
	set_by regrole NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.gate IS 'What a version must show before it may reach production';
COMMENT ON COLUMN mlops_catalog.gate.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.gate.gate IS 'Conditions, see mlops.set_gate';
COMMENT ON COLUMN mlops_catalog.gate.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops_catalog.gate.set_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate', '');

CREATE TABLE mlops_catalog.gate_check (
	gate_check_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT gate_check_pkey PRIMARY KEY,
	version_id bigint NOT NULL CONSTRAINT gate_check_version_id_fkey REFERENCES mlops_catalog.model_version ON DELETE CASCADE,
	purpose text NOT NULL,
	condition text NOT NULL,
	required text NOT NULL,
	figure float8,
	passed boolean NOT NULL,
	detail jsonb NOT NULL DEFAULT '{}',
	checked_by regrole NOT NULL,
	checked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.gate_check IS 'Every check of a gate: what was required, what was found';
COMMENT ON COLUMN mlops_catalog.gate_check.gate_check_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops_catalog.gate_check.version_id IS 'Version that was checked';
COMMENT ON COLUMN mlops_catalog.gate_check.purpose IS 'What it was checked for: check, deploy, production, alias';
COMMENT ON COLUMN mlops_catalog.gate_check.condition IS 'Key of the gate';
COMMENT ON COLUMN mlops_catalog.gate_check.required IS 'What it requires';
COMMENT ON COLUMN mlops_catalog.gate_check.figure IS 'What was found; NULL if it could not be measured';
COMMENT ON COLUMN mlops_catalog.gate_check.passed IS 'Verdict';
COMMENT ON COLUMN mlops_catalog.gate_check.detail IS 'How the figure came about';
COMMENT ON COLUMN mlops_catalog.gate_check.checked_by IS 'Who asked';
COMMENT ON COLUMN mlops_catalog.gate_check.checked_at IS 'When';
CREATE INDEX gate_check_version_id_idx ON mlops_catalog.gate_check (version_id, gate_check_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate_check', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate_check_gate_check_id_seq', '');

CREATE TABLE mlops_catalog.approval (
	version_id bigint NOT NULL CONSTRAINT approval_version_id_fkey REFERENCES mlops_catalog.model_version ON DELETE CASCADE,
	role regrole NOT NULL,
	note text,
	approved_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	CONSTRAINT approval_pkey PRIMARY KEY (version_id, role)
);
COMMENT ON TABLE mlops_catalog.approval IS 'Who approved a version for production';
COMMENT ON COLUMN mlops_catalog.approval.version_id IS 'Version';
COMMENT ON COLUMN mlops_catalog.approval.role IS 'Who approved it';
COMMENT ON COLUMN mlops_catalog.approval.note IS 'Why';
COMMENT ON COLUMN mlops_catalog.approval.approved_at IS 'When';
COMMENT ON COLUMN mlops_catalog.approval.person IS 'Role that the session was opened as: who is behind role';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.approval', '');

CREATE VIEW mlops.aliases WITH (security_barrier) AS
SELECT m.name AS model, a.alias, v.version, mlops_catalog.role_text(a.set_by) AS set_by, a.set_at
FROM mlops_catalog.alias a
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) a.model_id
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) a.version_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.aliases IS 'Names that stand for a version: score(''model@alias'', row)';
COMMENT ON COLUMN mlops.aliases.model IS 'Model';
COMMENT ON COLUMN mlops.aliases.alias IS 'Name within the model';
COMMENT ON COLUMN mlops.aliases.version IS 'Version it stands for';
COMMENT ON COLUMN mlops.aliases.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops.aliases.set_at IS 'When';
GRANT SELECT ON mlops.aliases TO PUBLIC;

CREATE VIEW mlops.gates WITH (security_barrier) AS
SELECT m.name AS model, g.gate, mlops_catalog.role_text(g.set_by) AS set_by, g.set_at
FROM mlops_catalog.gate g
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) g.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.gates IS 'What a version must show before it may reach production';
COMMENT ON COLUMN mlops.gates.model IS 'Model';
COMMENT ON COLUMN mlops.gates.gate IS 'Conditions, see mlops.set_gate';
COMMENT ON COLUMN mlops.gates.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops.gates.set_at IS 'When';
GRANT SELECT ON mlops.gates TO PUBLIC;

CREATE VIEW mlops.gate_checks WITH (security_barrier) AS
SELECT m.name AS model, v.version, c.gate_check_id, c.purpose, c.condition, c.required, c.figure, c.passed, c.detail,
	mlops_catalog.role_text(c.checked_by) AS checked_by, c.checked_at
FROM mlops_catalog.gate_check c
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) c.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.gate_checks IS 'Every check of a gate: what was required, what was found';
COMMENT ON COLUMN mlops.gate_checks.model IS 'Model';
COMMENT ON COLUMN mlops.gate_checks.version IS 'Version that was checked';
COMMENT ON COLUMN mlops.gate_checks.gate_check_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops.gate_checks.purpose IS 'What it was checked for: check, deploy, production, alias';
COMMENT ON COLUMN mlops.gate_checks.condition IS 'Key of the gate';
COMMENT ON COLUMN mlops.gate_checks.required IS 'What it requires';
COMMENT ON COLUMN mlops.gate_checks.figure IS 'What was found; NULL if it could not be measured';
COMMENT ON COLUMN mlops.gate_checks.passed IS 'Verdict';
COMMENT ON COLUMN mlops.gate_checks.detail IS 'How the figure came about';
COMMENT ON COLUMN mlops.gate_checks.checked_by IS 'Who asked';
COMMENT ON COLUMN mlops.gate_checks.checked_at IS 'When';
GRANT SELECT ON mlops.gate_checks TO PUBLIC;

CREATE VIEW mlops.approvals WITH (security_barrier) AS
SELECT m.name AS model, v.version, mlops_catalog.role_text(a.role) AS role, a.note, a.approved_at,
	mlops_catalog.role_text(a.person) AS person
FROM mlops_catalog.approval a
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) a.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.approvals IS 'Who approved which version for production';
COMMENT ON COLUMN mlops.approvals.model IS 'Model';
COMMENT ON COLUMN mlops.approvals.version IS 'Version';
COMMENT ON COLUMN mlops.approvals.role IS 'Who approved it';
COMMENT ON COLUMN mlops.approvals.note IS 'Why';
COMMENT ON COLUMN mlops.approvals.approved_at IS 'When';
COMMENT ON COLUMN mlops.approvals.person IS 'Role that the session was opened as: who is behind role';
GRANT SELECT ON mlops.approvals TO PUBLIC;

-- A restore whose data came in the wrong order leaves the audit log, but no models.
CREATE FUNCTION mlops_catalog.lost_versions() RETURNS TABLE (model text, version int)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT a.model, a.version FROM mlops_catalog.audit_log AS a
	WHERE a.event IN ('train', 'import') AND a.version IS NOT NULL
		AND NOT EXISTS (SELECT FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
			WHERE m.name = a.model AND v.version = a.version)
		AND NOT EXISTS (SELECT FROM mlops_catalog.audit_entry AS d WHERE d.event = 'drop_model' AND d.model = a.model AND coalesce(d.seq > a.seq, true))
	ORDER BY 1, 2
$$;
COMMENT ON FUNCTION mlops_catalog.lost_versions() IS 'Versions that the audit log knows and the catalog lacks, though their model was not dropped';
REVOKE ALL ON FUNCTION mlops_catalog.lost_versions() FROM PUBLIC;	-- check_catalog() shows them to whom everything is shown
