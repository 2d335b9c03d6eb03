-- Drift: what comes now against what a version was trained on.

-- Once a monitor's windows have another length, those of former ones that they overlap
-- would count what happened twice; of two former ones the later measured counts.  All
-- are kept: a length may come back.
CREATE VIEW mlops_catalog.replaced_window AS
SELECT w.model_id, w.window_start, w.window_end
FROM mlops_catalog.monitor_window w JOIN mlops_catalog.monitor m ON m.model_id OPERATOR(pg_catalog.=) w.model_id
WHERE (w.window_end OPERATOR(pg_catalog.-) w.window_start) OPERATOR(pg_catalog.<>) m.every AND EXISTS (SELECT FROM mlops_catalog.monitor_window n
	WHERE n.model_id OPERATOR(pg_catalog.=) w.model_id AND n.window_start OPERATOR(pg_catalog.<) w.window_end AND n.window_end OPERATOR(pg_catalog.>) w.window_start
		AND ((n.window_end OPERATOR(pg_catalog.-) n.window_start) OPERATOR(pg_catalog.=) m.every OR n.checked_at OPERATOR(pg_catalog.>) w.checked_at));
COMMENT ON VIEW mlops_catalog.replaced_window IS 'Windows of a former length that windows of the present one, or such as were measured later, overlap';
COMMENT ON COLUMN mlops_catalog.replaced_window.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.replaced_window.window_start IS 'Begin, included';
COMMENT ON COLUMN mlops_catalog.replaced_window.window_end IS 'End, not included';

CREATE VIEW mlops.drift WITH (security_barrier) AS
SELECT m.name AS model, d.version, d.window_start, d.window_end, d.rows, d.place, d.feature, d.kind, d.test, d.statistic, d.p_value,
	d.threshold, d.drifted, mlops_catalog.role_text(d.recorded_by) AS recorded_by, d.recorded_at
FROM mlops_catalog.drift_window d
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) d.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id) AND NOT EXISTS (SELECT FROM mlops_catalog.replaced_window r WHERE r.model_id OPERATOR(pg_catalog.=) d.model_id
	AND r.window_start OPERATOR(pg_catalog.=) d.window_start AND r.window_end OPERATOR(pg_catalog.=) d.window_end);
COMMENT ON VIEW mlops.drift IS 'Drift that mlops.record_drift recorded, for models you may use: a row for each test of each feature in each window';
COMMENT ON COLUMN mlops.drift.model IS 'Model';
COMMENT ON COLUMN mlops.drift.version IS 'Version whose training baseline it was compared with';
COMMENT ON COLUMN mlops.drift.window_start IS 'Where the window begins, NULL if it was not said';
COMMENT ON COLUMN mlops.drift.window_end IS 'Where the window ends, NULL if it was not said';
COMMENT ON COLUMN mlops.drift.rows IS 'Rows in it';
COMMENT ON COLUMN mlops.drift.place IS 'Order within the report, from 1';
COMMENT ON COLUMN mlops.drift.feature IS 'Feature, or (score)';
COMMENT ON COLUMN mlops.drift.kind IS 'number, category, time or score';
COMMENT ON COLUMN mlops.drift.test IS 'Statistic, e.g. psi';
COMMENT ON COLUMN mlops.drift.statistic IS 'Value, NULL where it is not defined, e.g. in a window without rows';
COMMENT ON COLUMN mlops.drift.p_value IS 'How likely as large a value is without drift, NULL if not known';
COMMENT ON COLUMN mlops.drift.threshold IS 'Value that the statistic was compared with';
COMMENT ON COLUMN mlops.drift.drifted IS 'Did it drift? NULL where the statistic is not defined';
COMMENT ON COLUMN mlops.drift.recorded_by IS 'Who recorded it';
COMMENT ON COLUMN mlops.drift.recorded_at IS 'When it was recorded; the same for all rows of a report';
GRANT SELECT ON mlops.drift TO PUBLIC;

CREATE FUNCTION mlops.check_drift(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	version int DEFAULT NULL,
	mode text DEFAULT 'mlops',
	statistics text[] DEFAULT NULL)
	RETURNS TABLE (feature text, kind text, test text, statistic float8, p_value float8, threshold float8, drifted boolean)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_check_drift';
COMMENT ON FUNCTION mlops.check_drift(text, regclass, text, int, text, text[]) IS
	'Compares the rows of a table, view or query, and their scores, with the training baseline in a version''s bytes; drifted means that the statistic reaches the threshold and that the p-value, if there is one, is below 0.01';

CREATE FUNCTION mlops.record_drift(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	version int DEFAULT NULL,
	window_start timestamptz DEFAULT NULL,
	window_end timestamptz DEFAULT NULL,
	statistics text[] DEFAULT NULL)
	RETURNS TABLE (feature text, kind text, test text, statistic float8, p_value float8, threshold float8, drifted boolean)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_record_drift';
COMMENT ON FUNCTION mlops.record_drift(text, regclass, text, int, timestamptz, timestamptz, text[]) IS
	'Does what mlops.check_drift does and records the result for view mlops.drift; window_start and window_end give the time of the rows';

CREATE FUNCTION mlops.drift_between(
	reference regclass,
	current regclass,
	columns name[] DEFAULT NULL,
	statistics text[] DEFAULT NULL,
	mode text DEFAULT 'mlops')
	RETURNS TABLE (feature text, kind text, test text, statistic float8, p_value float8, threshold float8, drifted boolean)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_drift_between';
COMMENT ON FUNCTION mlops.drift_between(regclass, regclass, name[], text[], text) IS
	'Compares the columns of two tables or views, without any model; mode mlops looks at sizes of differences and at p-values, evidently and nannyml do what those tools do by default';
