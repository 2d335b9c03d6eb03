-- Imports: decisions that were made elsewhere or earlier, with their times, so that
-- monitors can look at windows of the past.  They are no decisions of this server: not
-- in the log that is sealed, not counted by guards, totals and A/B tests.

CREATE VIEW mlops.imported_decisions WITH (security_barrier) AS
SELECT m.name AS model, d.version, d.key, d.score, d.flagged, d.threshold, d.features, d.created_at,
	mlops_catalog.role_text(i.imported_by) AS imported_by, i.imported_at
FROM mlops_catalog.imported_decision d
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) d.model_id
LEFT JOIN mlops_catalog.decision_import i ON i.import_id OPERATOR(pg_catalog.=) d.import_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.imported_decisions IS 'Decisions of models you may use that were made elsewhere or earlier, and imported';
COMMENT ON COLUMN mlops.imported_decisions.model IS 'Model';
COMMENT ON COLUMN mlops.imported_decisions.version IS 'Version that scored';
COMMENT ON COLUMN mlops.imported_decisions.key IS 'Key that its label is known by; of one longer than 1,000 bytes the beginning and its SHA-256';
COMMENT ON COLUMN mlops.imported_decisions.score IS 'Probability of the positive class';
COMMENT ON COLUMN mlops.imported_decisions.flagged IS 'Was it flagged?';
COMMENT ON COLUMN mlops.imported_decisions.threshold IS 'Threshold that it was flagged by, NULL: the source said whether it was';
COMMENT ON COLUMN mlops.imported_decisions.features IS 'What the version reads, if mlops.log_features was on';
COMMENT ON COLUMN mlops.imported_decisions.created_at IS 'When it was made';
COMMENT ON COLUMN mlops.imported_decisions.imported_by IS 'Who imported it';
COMMENT ON COLUMN mlops.imported_decisions.imported_at IS 'When it was imported, or changed by an import';
GRANT SELECT ON mlops.imported_decisions TO PUBLIC;

-- What monitors look at.
CREATE VIEW mlops_catalog.decided AS
SELECT p.model_id, p.created_at, p.deployment_id, p.version, p.variant, p.shadow, p.key, p.score, p.flagged, p.latency, p.features, p.error
FROM mlops_catalog.prediction AS p
UNION ALL
SELECT d.model_id, d.created_at, NULL::bigint, d.version, '(imported)'::pg_catalog.text, false, d.key, d.score, d.flagged, NULL::pg_catalog.float4, d.features, NULL::pg_catalog.text
FROM mlops_catalog.imported_decision AS d;
COMMENT ON VIEW mlops_catalog.decided IS 'Decisions that were logged and those that were imported, whose variant is (imported): no variant has such a name';
COMMENT ON COLUMN mlops_catalog.decided.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.decided.created_at IS 'When it was made';
COMMENT ON COLUMN mlops_catalog.decided.deployment_id IS 'Deployment that put the variant there';
COMMENT ON COLUMN mlops_catalog.decided.version IS 'Version that scored, or failed to';
COMMENT ON COLUMN mlops_catalog.decided.variant IS 'Variant that scored';
COMMENT ON COLUMN mlops_catalog.decided.shadow IS 'Was it scored beside the answer?';
COMMENT ON COLUMN mlops_catalog.decided.key IS 'Key';
COMMENT ON COLUMN mlops_catalog.decided.score IS 'Probability of the positive class';
COMMENT ON COLUMN mlops_catalog.decided.flagged IS 'Was it flagged?';
COMMENT ON COLUMN mlops_catalog.decided.latency IS 'Microseconds that scoring took, NULL: not known';
COMMENT ON COLUMN mlops_catalog.decided.features IS 'What the version reads';
COMMENT ON COLUMN mlops_catalog.decided.error IS 'Why there is no score';

CREATE FUNCTION mlops.import_decisions(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	key name DEFAULT NULL,
	time_column name DEFAULT NULL,
	score name DEFAULT NULL,
	flagged name DEFAULT NULL,
	OUT rows bigint, OUT added bigint, OUT changed bigint, OUT ignored bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_import_decisions';
COMMENT ON FUNCTION mlops.import_decisions(text, regclass, text, name, name, name, name) IS
	'Imports decisions that were made elsewhere or earlier, from columns of a table, view or query, with their keys and times, for the windows of the model''s monitor: scored by what is deployed or by the version in name/version, or with the score and flag of the source''s columns. Of a key, time and version the last import counts, so that the same rows again change nothing; rows without key, time, score or flag are ignored';

CREATE FUNCTION mlops_catalog.begin_import(caller regrole, model_id bigint, since timestamptz, until timestamptz) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.decision_import (model_id, since, until, imported_by)
		SELECT m.model_id, begin_import.since, begin_import.until, caller FROM mlops_catalog.model AS m WHERE m.model_id = begin_import.model_id RETURNING import_id
$$;
COMMENT ON FUNCTION mlops_catalog.begin_import(regrole, bigint, timestamptz, timestamptz) IS 'Notes an import of decisions that were made between these times; returns its number, NULL if the model is gone';

-- What changed nothing is no event, and nothing for the monitor.
CREATE FUNCTION mlops_catalog.end_import(caller regrole, import_id bigint, version int, counts jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	i record;
BEGIN
	IF counts @> '{"added": 0, "changed": 0}' THEN
		DELETE FROM mlops_catalog.decision_import AS d WHERE d.import_id = end_import.import_id;
		RETURN;
	END IF;
	SELECT m.model_id, m.name AS model, d.since, d.until INTO i
		FROM mlops_catalog.decision_import AS d JOIN mlops_catalog.model AS m USING (model_id) WHERE d.import_id = end_import.import_id;
	PERFORM mlops_catalog.audit(caller, 'import_decisions', i.model, version,
		counts || jsonb_build_object('since', mlops_catalog.utc_text(i.since), 'until', mlops_catalog.utc_text(i.until)));
	PERFORM mlops_catalog.tell_of_early_windows(i.model_id, i.model, i.since, i.until);
END
$$;
COMMENT ON FUNCTION mlops_catalog.end_import(regrole, bigint, int, jsonb) IS 'Notes in the audit log what an import brought, and tells of windows that nobody has looked at';

-- A monitor looks by itself at windows since it was set up.  What is to be pasted works
-- for another day at least: windows become more, and older.
CREATE FUNCTION mlops_catalog.tell_of_early_windows(model_id bigint, model text, since timestamptz, until timestamptz) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w mlops_catalog.monitor;
	counted timestamptz;	-- from when on windows are few enough
	kept timestamptz;		-- and are kept
	first timestamptz;
	longer interval;
	hint text;
BEGIN
	SELECT m.* INTO w FROM mlops_catalog.monitor AS m WHERE m.model_id = tell_of_early_windows.model_id
		AND date_bin(m.every, tell_of_early_windows.since, '2000-01-03 00:00:00+00') + m.every <= m.created_at - m.every;
	IF NOT FOUND OR EXISTS (SELECT FROM mlops_catalog.monitor_window AS x
			WHERE x.model_id = tell_of_early_windows.model_id AND x.window_start <= tell_of_early_windows.since AND x.window_end > tell_of_early_windows.since) THEN
		RETURN;
	END IF;
	counted := date_trunc('hour', mlops_catalog.first_of_windows(w.every), 'UTC') + interval '1 day';
	kept := date_trunc('hour', mlops_catalog.first_window_kept(), 'UTC') + interval '1 day';
	first := greatest(tell_of_early_windows.since, counted, kept);
	longer := make_interval(hours => ceil(extract(epoch FROM now() - greatest(tell_of_early_windows.since, kept)) / 3600 / 4000)::int);
	hint := CASE WHEN first <= tell_of_early_windows.until THEN format('SELECT * FROM mlops.run_monitor(%L, since => %L);', model, mlops_catalog.utc_text(first))
		WHEN coalesce(kept <= tell_of_early_windows.until, true) THEN format('Longer windows reach back to them: SELECT * FROM mlops.monitor(%L, every => %L, label_delay => %L, segments => %L%s);', model, longer, w.label_delay, w.segments,
			CASE WHEN w.query IS NOT NULL THEN format(', query => %L, time_column => %L', w.query, w.time_column) ELSE '' END)
		ELSE 'No window of them can be looked at.' END;
	IF first = tell_of_early_windows.since THEN
		RAISE NOTICE 'the monitor of model "%" has not looked at windows as early as these decisions', model USING HINT = hint;
	ELSE
		RAISE NOTICE 'the monitor of model "%" has not looked at windows as early as these decisions', model
			USING DETAIL = format('The earliest was made at %s, and ', mlops_catalog.utc_text(tell_of_early_windows.since)) || CASE first
				WHEN kept THEN format('metrics of windows are kept for %s days (mlops.monitor_retention).', current_setting('mlops.monitor_retention'))
				ELSE format('at most %s windows of %s are looked at in one call.', mlops_catalog.most_windows(), w.every) END, HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_early_windows(bigint, text, timestamptz, timestamptz) IS 'A notice of windows of decisions between two times that a model''s monitor has not looked at, with the call that does';

-- ---- taking away

CREATE FUNCTION mlops.remove_imported_decisions(model text, version int DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.remove_imported_decisions(text, int, timestamptz, timestamptz) IS
	'Removes what mlops.import_decisions has brought: decisions of the version, made at since or later and before until; NULL: of all versions, of any time. Returns how many there were. Windows that lie in that time lose their imported decisions at once, others when the monitor runs next';
CREATE FUNCTION mlops_catalog.remove_imported_decisions(caller regrole, model text, version int, since timestamptz, until timestamptz) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.keep_model(caller, remove_imported_decisions.model, 'manage');
	gone record;
BEGIN
	IF remove_imported_decisions.since >= remove_imported_decisions.until THEN
		RAISE EXCEPTION '"since" is not before "until"' USING ERRCODE = 'invalid_parameter_value',
			DETAIL = format('They are %s and %s.', mlops_catalog.utc_text(remove_imported_decisions.since), mlops_catalog.utc_text(remove_imported_decisions.until)),
			HINT = 'Decisions made at "until" are not removed.';
	END IF;
	WITH removed AS (
		DELETE FROM mlops_catalog.imported_decision AS d WHERE d.model_id = id AND coalesce(d.version = remove_imported_decisions.version, remove_imported_decisions.version IS NULL)
			AND d.created_at >= coalesce(remove_imported_decisions.since, '-infinity') AND d.created_at < coalesce(remove_imported_decisions.until, 'infinity') RETURNING d.created_at)
	SELECT count(*) AS rows, min(r.created_at) AS first, max(r.created_at) AS last INTO gone FROM removed AS r;
	-- of windows that are too old to be looked at again, too
	DELETE FROM mlops_catalog.traffic_window AS t WHERE t.model_id = id AND t.variant = '(imported)' AND coalesce(t.version = remove_imported_decisions.version, remove_imported_decisions.version IS NULL)
		AND t.window_start >= coalesce(remove_imported_decisions.since, '-infinity') AND t.window_end <= coalesce(remove_imported_decisions.until, 'infinity');
	DELETE FROM mlops_catalog.performance_window AS p WHERE p.model_id = id AND p.segment ? '(imported)' AND coalesce(p.version = remove_imported_decisions.version, remove_imported_decisions.version IS NULL)
		AND p.window_start >= coalesce(remove_imported_decisions.since, '-infinity') AND p.window_end <= coalesce(remove_imported_decisions.until, 'infinity');
	IF gone.rows > 0 THEN
		INSERT INTO mlops_catalog.decision_import (model_id, since, until, imported_by) VALUES (id, gone.first, gone.last, caller);
		PERFORM mlops_catalog.audit(caller, 'remove_imported_decisions', remove_imported_decisions.model, remove_imported_decisions.version,
			jsonb_build_object('rows', gone.rows, 'since', mlops_catalog.utc_text(gone.first), 'until', mlops_catalog.utc_text(gone.last)));
	END IF;
	RETURN gone.rows;
END
$$;
