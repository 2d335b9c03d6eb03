-- Retention of what has no partitions: runs, versions that nobody refers to, and
-- the old end of the audit log.  Steps of maintenance, see 44_predictions.sql.

-- ---- runs

-- A run that others are parts of goes after them.  What an ended run of a study
-- found is in its trials, which are kept with the study.
CREATE FUNCTION mlops_catalog.remove_runs(caller regrole) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	before timestamptz := clock_timestamp() - make_interval(days => current_setting('mlops.run_retention')::int);
	removed bigint[];
	read bigint[];
BEGIN
	WITH gone AS (
		DELETE FROM mlops_catalog.run AS r
		WHERE (r.deleted_at < before OR r.status = 'failed' AND coalesce(r.ended_at, r.started_at) < before
				AND NOT EXISTS (SELECT FROM mlops_catalog.trial AS t WHERE t.run_id = r.run_id))
			AND NOT EXISTS (SELECT FROM mlops_catalog.model_version AS v WHERE v.run_id = r.run_id)
			AND NOT EXISTS (SELECT FROM mlops_catalog.run AS c WHERE c.parent_run_id = r.run_id)
		RETURNING r.run_id, r.dataset_id)
	SELECT array_agg(g.run_id), array_agg(DISTINCT g.dataset_id) INTO removed, read FROM gone AS g;
	IF removed IS NULL THEN
		RETURN 0;
	END IF;
	DELETE FROM mlops_catalog.dataset AS d WHERE d.dataset_id = ANY (read)
		AND NOT EXISTS (SELECT FROM mlops_catalog.run AS r WHERE r.dataset_id = d.dataset_id)
		AND NOT EXISTS (SELECT FROM mlops_catalog.study AS s WHERE s.dataset_id = d.dataset_id);
	PERFORM mlops_catalog.audit(caller, 'remove_runs', NULL, NULL, jsonb_build_object('before', before, 'runs', cardinality(removed)));
	RETURN cardinality(removed);
END
$$;
COMMENT ON FUNCTION mlops_catalog.remove_runs(regrole) IS
	'Removes runs that were deleted or failed more than mlops.run_retention days ago and belong to no version, with their parameters, metrics, artifacts and data sets';

-- ---- versions

CREATE FUNCTION mlops_catalog.forgotten_versions() RETURNS TABLE (model text, version int)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, v.version
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
	WHERE current_setting('mlops.version_retention')::int > 0
		AND v.created_at < clock_timestamp() - make_interval(days => current_setting('mlops.version_retention')::int)
		AND v.dropped_at IS NULL AND v.stage IN ('none', 'archived')
		AND EXISTS (SELECT FROM mlops_catalog.model_version AS n WHERE n.model_id = v.model_id AND n.version > v.version AND n.dropped_at IS NULL)
		AND NOT EXISTS (SELECT FROM mlops_catalog.alias AS a WHERE a.version_id = v.version_id)
		AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS r WHERE r.version_id = v.version_id)
		AND NOT EXISTS (SELECT FROM mlops_catalog.deployment AS d WHERE d.model_id = v.model_id
			AND (d.version_id = v.version_id OR d.routes @> jsonb_build_array(jsonb_build_object('version', v.version))))
		AND NOT EXISTS (SELECT FROM mlops_catalog.approval AS a WHERE a.version_id = v.version_id)
		AND NOT EXISTS (SELECT FROM mlops_catalog.retraining AS t WHERE t.model_id = v.model_id AND t.base_version = v.version)
		AND NOT EXISTS (SELECT FROM mlops_catalog.version_callers() AS c WHERE c.model = m.name AND c.version = v.version)
		AND mlops_catalog.asking_triggers(format('%s/%s', m.name, v.version), false) IS NULL
	ORDER BY v.version_id LIMIT 100
$$;
COMMENT ON FUNCTION mlops_catalog.forgotten_versions() IS
	'Versions older than mlops.version_retention days that nobody refers to: never deployed, without an alias, stage or approval, not the base of another, not the newest, called by nothing that is known';

-- Those whose model is being changed are left for the next time.
CREATE FUNCTION mlops_catalog.drop_forgotten(caller regrole) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'
AS $$
DECLARE
	f record;
	n bigint := 0;
BEGIN
	FOR f IN SELECT * FROM mlops_catalog.forgotten_versions() LOOP
		BEGIN
			PERFORM FROM mlops_catalog.drop_version(caller, f.model, f.version, format('not referred to for %s days', current_setting('mlops.version_retention')));
			n := n + 1;
		EXCEPTION WHEN lock_not_available OR object_in_use OR undefined_object THEN
			NULL;
		END;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION mlops_catalog.drop_forgotten(regrole) IS 'Drops versions that nobody refers to; returns how many';

-- ---- the audit log

-- What is cut is said in the log first: up to which entry, and its hash, which the
-- first entry that is left is chained to.  Whole days, so that there is one such
-- entry a day at most.  Seals of decisions that there are stay.
CREATE FUNCTION mlops_catalog.audit_to_cut(OUT through bigint, OUT hash bytea, OUT before timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	days int := current_setting('mlops.audit_retention')::int;
	last bigint;
BEGIN
	IF days = 0 THEN
		RETURN;
	END IF;
	before := mlops_catalog.day_begin((clock_timestamp() AT TIME ZONE 'UTC')::date - days);
	-- in their order, so that only old ones are read
	last := (SELECT a.seq - 1 FROM mlops_catalog.audit_log AS a WHERE a.logged_at >= before ORDER BY a.seq LIMIT 1);
	IF last IS NULL THEN	-- all are old; the last one stays for what comes
		last := (SELECT h.seq - 1 FROM mlops_catalog.audit_head AS h);
	END IF;
	IF NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.seq <= last AND a.event <> 'cut_audit') THEN
		RETURN;
	END IF;
	last := least(last, (SELECT min(a.seq) - 1 FROM mlops_catalog.audit_log AS a JOIN mlops_catalog.decision_seal AS s
		ON a.detail ->> 'day' = to_char(s.day, 'YYYY-MM-DD') WHERE a.event = 'seal_decisions' AND a.seq <= last));
	SELECT a.seq, a.hash INTO through, hash FROM mlops_catalog.audit_log AS a WHERE a.seq = last;
END
$$;
COMMENT ON FUNCTION mlops_catalog.audit_to_cut() IS 'The last entry of the audit log that mlops.audit_retention does not keep; NULL: all are kept';

CREATE FUNCTION mlops_catalog.remove_audit(caller regrole, through bigint) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_remove_audit';
COMMENT ON FUNCTION mlops_catalog.remove_audit(regrole, bigint) IS 'Removes the audit log''s entries up to a number; returns how many, NULL if it is busy';

CREATE FUNCTION mlops_catalog.cut_audit(caller regrole) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cut record;
	said CONSTANT text := 'cut_audit';
BEGIN
	-- the chain is as it should be, or what is left could not be told from what was changed
	IF NOT (SELECT v.intact FROM mlops_catalog.verify_audit(caller, NULL, NULL) AS v) THEN
		RAISE EXCEPTION 'the audit log is not intact, so nothing is cut from it' USING ERRCODE = 'data_corrupted',
			HINT = 'mlops.verify_audit() says what is wrong.';
	END IF;
	SELECT c.* INTO cut FROM mlops_catalog.audit_to_cut() AS c;
	IF cut.through IS NULL THEN
		RETURN 0;
	END IF;
	IF NOT EXISTS (SELECT FROM mlops_catalog.audit_entry AS a WHERE a.event = said AND (a.detail ->> 'through')::bigint = cut.through)
			AND NOT EXISTS (SELECT FROM mlops_catalog.audit_waiting AS w WHERE w.event = said AND (w.detail ->> 'through')::bigint = cut.through) THEN
		PERFORM mlops_catalog.audit(caller, said, NULL, NULL, jsonb_build_object('through', cut.through, 'hash', encode(cut.hash, 'hex'),
			'before', mlops_catalog.utc_text(cut.before)));
	END IF;
	IF mlops_catalog.append_waiting(caller) IS NULL THEN
		RETURN NULL;
	END IF;
	IF NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a WHERE a.event = said AND a.seq > cut.through AND (a.detail ->> 'through')::bigint = cut.through) THEN
		RETURN NULL;	-- what is said is chained before anything is cut
	END IF;
	RETURN mlops_catalog.remove_audit(caller, cut.through);
END
$$;
COMMENT ON FUNCTION mlops_catalog.cut_audit(regrole) IS 'Cuts the old end of the audit log by mlops.audit_retention, after an entry that says so; returns how many entries, NULL if the log is busy';

-- By what the log itself says: the last cut that was carried out.
CREATE FUNCTION mlops_catalog.audit_cut(OUT through bigint, OUT hash bytea, OUT before timestamptz)
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.through, decode(c.detail ->> 'hash', 'hex'), (c.detail ->> 'before')::timestamptz
	FROM (SELECT (a.detail ->> 'through')::bigint AS through, a.detail FROM mlops_catalog.audit_log AS a
		WHERE a.event = 'cut_audit' AND a.detail ->> 'through' ~ '^[0-9]{1,18}$' AND a.detail ->> 'hash' ~ '^[0-9a-f]{64}$') AS c
	WHERE c.through < (SELECT min(l.seq) FROM mlops_catalog.audit_log AS l)
	ORDER BY c.through DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.audit_cut() IS 'The last entry that retention has cut from the audit log, its hash, and before when all of them were; NULL: none';
