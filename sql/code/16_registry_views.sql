-- Names for versions, what must be shown before a deployment, and who approved.

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
COMMENT ON VIEW mlops.gates IS 'Conditions that a version must meet before it may be deployed or reach stage production';
COMMENT ON COLUMN mlops.gates.model IS 'Model';
COMMENT ON COLUMN mlops.gates.gate IS 'Conditions, see mlops.set_gate';
COMMENT ON COLUMN mlops.gates.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops.gates.set_at IS 'When';
GRANT SELECT ON mlops.gates TO PUBLIC;

CREATE VIEW mlops.gate_checks WITH (security_barrier) AS
SELECT m.name AS model, v.version, c.gate_check_id, c.purpose, c.condition, c.required, c.value, c.passed, c.detail,
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
COMMENT ON COLUMN mlops.gate_checks.value IS 'What was found; NULL if it could not be measured';
COMMENT ON COLUMN mlops.gate_checks.passed IS 'Verdict';
COMMENT ON COLUMN mlops.gate_checks.detail IS 'How the value came about';
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
COMMENT ON VIEW mlops.approvals IS 'Who approved which version';
COMMENT ON COLUMN mlops.approvals.model IS 'Model';
COMMENT ON COLUMN mlops.approvals.version IS 'Version';
COMMENT ON COLUMN mlops.approvals.role IS 'Who approved it';
COMMENT ON COLUMN mlops.approvals.note IS 'Why';
COMMENT ON COLUMN mlops.approvals.approved_at IS 'When';
COMMENT ON COLUMN mlops.approvals.person IS 'Role that the session was opened as: the person behind role';
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
