-- Labels of decisions, which arrive late and may be revised.

CREATE VIEW mlops.label_events WITH (security_barrier) AS
SELECT m.name AS model, l.key, l.label, l.labelled_at, mlops_catalog.role_text(l.recorded_by) AS recorded_by, l.recorded_at
FROM mlops_catalog.label l
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) l.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.label_events IS 'All recorded labels, including revised ones';
COMMENT ON COLUMN mlops.label_events.model IS 'Model';
COMMENT ON COLUMN mlops.label_events.key IS 'Key that the decision was logged with';
COMMENT ON COLUMN mlops.label_events.label IS 'Was it positive?';
COMMENT ON COLUMN mlops.label_events.labelled_at IS 'When the label became known';
COMMENT ON COLUMN mlops.label_events.recorded_by IS 'Who recorded it';
COMMENT ON COLUMN mlops.label_events.recorded_at IS 'When it was recorded';
GRANT SELECT ON mlops.label_events TO PUBLIC;

CREATE VIEW mlops.labels WITH (security_barrier) AS
SELECT DISTINCT ON (l.model_id, l.key) m.name AS model, l.key, l.label, l.labelled_at,
	mlops_catalog.role_text(l.recorded_by) AS recorded_by, l.recorded_at
FROM mlops_catalog.label l
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) l.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id)
ORDER BY l.model_id, l.key, l.labelled_at DESC;
COMMENT ON VIEW mlops.labels IS 'The label that counts for each key: the latest known one';
COMMENT ON COLUMN mlops.labels.model IS 'Model';
COMMENT ON COLUMN mlops.labels.key IS 'Key that the decision was logged with';
COMMENT ON COLUMN mlops.labels.label IS 'Was it positive?';
COMMENT ON COLUMN mlops.labels.labelled_at IS 'When the label became known';
COMMENT ON COLUMN mlops.labels.recorded_by IS 'Who recorded it';
COMMENT ON COLUMN mlops.labels.recorded_at IS 'When it was recorded';
GRANT SELECT ON mlops.labels TO PUBLIC;

CREATE FUNCTION mlops.add_labels(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	key name DEFAULT NULL,
	label name DEFAULT NULL,
	labelled_at name DEFAULT NULL,
	positive text DEFAULT NULL,
	OUT rows bigint, OUT added bigint, OUT changed bigint, OUT ignored bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_add_labels';
COMMENT ON FUNCTION mlops.add_labels(text, regclass, text, name, name, name, text) IS
	'Records labels of decisions by the key they were logged with, from columns of a table, view or query. Adding the same labels again changes nothing; if a key has several labels the latest counts, and two of the same time that differ are an error. A label without a time is known now; rows without key or label are ignored. positive is the positive value, by default that of the model''s training';
