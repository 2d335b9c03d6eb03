-- Decisions: what mlops.decide() answered, partitioned by day (UTC).
--
-- Rows are written many at a time by the library (src/serve/prediction_log.c),
-- which finds a day's partition by its name.  A partition that is still written to
-- has no index but one of ranges of blocks by time, which costs next to nothing and
-- leads guards and monitors to what is new; mlops.maintain() sums its ranges up and
-- makes the other indexes of past days.  It is each partition's own, not the parent's:
-- that one would be made twice when a dump is restored.

CREATE VIEW mlops.predictions WITH (security_barrier) AS
SELECT p.prediction_id, m.name AS model, p.version, p.variant, p.shadow, p.key, p.score, p.flagged, p.threshold, p.latency,
	p.features, p.route_key, p.deployment_id, p.created_at, p.sqlstate, p.error
FROM mlops_catalog.prediction p
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) p.model_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.predictions IS 'Logged decisions of models you may use, and those of their shadows';
COMMENT ON COLUMN mlops.predictions.prediction_id IS 'Identity of the decision, which its shadows share; holds created_at, see mlops.prediction_time';
COMMENT ON COLUMN mlops.predictions.model IS 'Model';
COMMENT ON COLUMN mlops.predictions.version IS 'Version that scored, or failed to; NULL if none could be chosen';
COMMENT ON COLUMN mlops.predictions.variant IS 'Variant that scored, NULL for a version asked for by number';
COMMENT ON COLUMN mlops.predictions.shadow IS 'Was it scored beside the answer, and not returned? Also true for a variant that failed, if primary answered in its place';
COMMENT ON COLUMN mlops.predictions.key IS 'Key given to mlops.decide, or else the row''s key column; if longer than 1,000 bytes, its beginning and its SHA-256';
COMMENT ON COLUMN mlops.predictions.score IS 'Probability of the positive class; for a failed decision the score that on_error gives, or NULL';
COMMENT ON COLUMN mlops.predictions.flagged IS 'Was the score at or above the threshold?';
COMMENT ON COLUMN mlops.predictions.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops.predictions.latency IS 'Microseconds that scoring took';
COMMENT ON COLUMN mlops.predictions.features IS 'Values that the model read, if mlops.log_features was on';
COMMENT ON COLUMN mlops.predictions.route_key IS 'The row''s key column, which chose its variant, if the decision was logged with another key';
COMMENT ON COLUMN mlops.predictions.deployment_id IS 'Deployment that put the variant there';
COMMENT ON COLUMN mlops.predictions.created_at IS 'When it was made';
COMMENT ON COLUMN mlops.predictions.sqlstate IS 'SQLSTATE of the error if the model gave no score, NULL: it gave one';
COMMENT ON COLUMN mlops.predictions.error IS 'Message of that error, its first 500 bytes';
GRANT SELECT ON mlops.predictions TO PUBLIC;

CREATE FUNCTION mlops.decide(model text, features anyelement, key text DEFAULT NULL, on_error text DEFAULT 'raise') RETURNS mlops.decision
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 2000
	AS 'MODULE_PATHNAME', 'mlops_decide';
COMMENT ON FUNCTION mlops.decide(text, anyelement, text, text) IS
	'Scores a row like mlops.predict and logs the decision in this transaction, under the key by which its label will arrive; scores and logs shadows too. on_error says what happens if a row cannot be scored: raise an error, or give null or a score, with a warning, and log it as failed';

-- A literal in quotes has no type yet, and payments are numbered.
CREATE FUNCTION mlops.decide(model text, features text, key text DEFAULT NULL, on_error text DEFAULT 'raise') RETURNS mlops.decision
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 2000
	AS 'MODULE_PATHNAME', 'mlops_decide';
COMMENT ON FUNCTION mlops.decide(text, text, text, text) IS 'mlops.decide of an object in JSON that is given as text';

CREATE FUNCTION mlops.decide(model text, features anyelement, key bigint, on_error text DEFAULT 'raise') RETURNS mlops.decision
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 2000
	AS 'MODULE_PATHNAME', 'mlops_decide';
COMMENT ON FUNCTION mlops.decide(text, anyelement, bigint, text) IS 'mlops.decide with a key that is a whole number';

CREATE FUNCTION mlops.decide(model text, features text, key bigint, on_error text DEFAULT 'raise') RETURNS mlops.decision
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 2000
	AS 'MODULE_PATHNAME', 'mlops_decide';
COMMENT ON FUNCTION mlops.decide(text, text, bigint, text) IS 'mlops.decide of an object in JSON that is given as text, with a key that is a whole number';

CREATE FUNCTION mlops.prediction_time(prediction_id uuid) RETURNS timestamptz
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_prediction_time';
COMMENT ON FUNCTION mlops.prediction_time(uuid) IS
	'When a decision was made, from its identity alone: with created_at = mlops.prediction_time(id) only its day is searched';

CREATE FUNCTION mlops_catalog.bounded(value text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_bounded';
COMMENT ON FUNCTION mlops_catalog.bounded(text) IS
	'Text from outside as it is stored where it is indexed: itself, or of more than 1,000 bytes the beginning, ... and the SHA-256 of all of it';

CREATE FUNCTION mlops_catalog.bounded(value jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(value) IN ('object', 'array') OR octet_length(value::text) > 1000
		THEN to_jsonb(mlops_catalog.bounded(value #>> '{}')) ELSE value END
$$;
COMMENT ON FUNCTION mlops_catalog.bounded(jsonb) IS 'A JSON value as it is stored where it is indexed: scalars of up to 1,000 bytes are themselves, others become text';

-- ---- maintenance

CREATE FUNCTION mlops_catalog.partition_name(day date) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'prediction_' || to_char(day, 'YYYYMMDD') $$;
COMMENT ON FUNCTION mlops_catalog.partition_name(date) IS 'Name of the table with a day''s decisions';

CREATE FUNCTION mlops_catalog.day_begin(day date) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT day::timestamp AT TIME ZONE 'UTC' $$;
COMMENT ON FUNCTION mlops_catalog.day_begin(date) IS 'When a day of decisions begins: midnight UTC';

CREATE FUNCTION mlops_catalog.partition_bounds(day date) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('FOR VALUES FROM (%L) TO (%L)', to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00') $$;
COMMENT ON FUNCTION mlops_catalog.partition_bounds(date) IS 'Bounds of a day''s partition, as text that means the same under all settings';

CREATE FUNCTION mlops_catalog.recorded_bounds(part regclass) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	SET DateStyle = 'ISO'
	SET TimeZone = 'UTC'
AS $$ SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c WHERE c.oid = part $$;
COMMENT ON FUNCTION mlops_catalog.recorded_bounds(regclass) IS 'Bounds that a partition has, as partition_bounds writes them';

-- A day's partition, with the rows that the default partition holds for it.  Who
-- reads decisions looks up the partitions first and waits for each then: one who
-- waited for the default partition alone would look for moved rows where they were.
-- So readers are kept out of the partitioned table while rows move.
-- False if what it locks is busy.
CREATE FUNCTION mlops_catalog.make_partition(caller regrole, day date) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'	-- less than mlops.lock_timeout: whoever waits behind must not give up
AS $$
DECLARE
	name text := mlops_catalog.partition_name(day);
	since timestamptz := mlops_catalog.day_begin(day);
	until timestamptz := mlops_catalog.day_begin(day + 1);
	moves boolean;
BEGIN
	moves := EXISTS (SELECT FROM mlops_catalog.prediction_default AS p WHERE p.created_at >= since AND p.created_at < until);
	IF moves THEN
		LOCK TABLE ONLY mlops_catalog.prediction IN ACCESS EXCLUSIVE MODE;
	ELSE
		LOCK TABLE ONLY mlops_catalog.prediction IN SHARE UPDATE EXCLUSIVE MODE;
	END IF;
	LOCK TABLE mlops_catalog.prediction_default IN ACCESS EXCLUSIVE MODE;
	IF to_regclass(format('mlops_catalog.%I', name)) IS NOT NULL THEN
		RETURN true;
	ELSIF NOT moves AND EXISTS (SELECT FROM mlops_catalog.prediction_default AS p WHERE p.created_at >= since AND p.created_at < until) THEN
		RETURN false;	-- the day's first decision has come since
	END IF;
	EXECUTE format('CREATE TABLE mlops_catalog.%I (LIKE mlops_catalog.prediction INCLUDING ALL)', name);
	EXECUTE format('CREATE INDEX %I ON mlops_catalog.%I USING brin (created_at) WITH (pages_per_range = 32)', name || '_time_idx', name);
	EXECUTE format('WITH moved AS (DELETE FROM mlops_catalog.prediction_default WHERE created_at >= $1 AND created_at < $2 RETURNING *)
		INSERT INTO mlops_catalog.%I SELECT * FROM moved', name) USING since, until;
	EXECUTE format('ALTER TABLE mlops_catalog.%I REPLICA IDENTITY FULL', name);
	EXECUTE format('ALTER TABLE mlops_catalog.prediction ATTACH PARTITION mlops_catalog.%I %s', name, mlops_catalog.partition_bounds(day));
	PERFORM mlops_catalog.guard_table(format('mlops_catalog.%I', name)::regclass);
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION mlops_catalog.make_partition(regrole, date) IS 'Makes a day''s partition; false if what it locks is busy';

-- A past day's indexes: what a decision is looked for by.
CREATE FUNCTION mlops_catalog.index_partition(caller regrole, name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'	-- less than mlops.lock_timeout: whoever waits behind must not give up
AS $$
BEGIN
	EXECUTE format('CREATE INDEX %I ON mlops_catalog.%I (model_id, key)', name || '_key_idx', name);
	EXECUTE format('CREATE INDEX %I ON mlops_catalog.%I (prediction_id)', name || '_id_idx', name);
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION mlops_catalog.index_partition(regrole, text) IS 'Makes the indexes of a past day''s partition; false if it is busy';

-- Blocks that were filled since: until they are summed up, whoever looks for what
-- is new reads them all.
CREATE FUNCTION mlops_catalog.sum_up_partition(caller regrole, name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'
AS $$
BEGIN
	PERFORM brin_summarize_new_values(format('mlops_catalog.%I', name || '_time_idx')::regclass);
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION mlops_catalog.sum_up_partition(regrole, text) IS 'Sums up new ranges of a day''s index by time; false if it is busy';

CREATE FUNCTION mlops_catalog.drop_partition(caller regrole, name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'
AS $$
BEGIN
	EXECUTE format('DROP TABLE mlops_catalog.%I', name);
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION mlops_catalog.drop_partition(regrole, text) IS 'Removes a day''s decisions; false if the table is busy';

CREATE FUNCTION mlops_catalog.count_partition(name text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM mlops_catalog.%I', name) INTO n;
	RETURN n;
END
$$;
COMMENT ON FUNCTION mlops_catalog.count_partition(text) IS 'Number of a day''s decisions, by the name of their table';
REVOKE ALL ON FUNCTION mlops_catalog.count_partition(text) FROM PUBLIC;

CREATE FUNCTION mlops.maintain(days_ahead int DEFAULT 7) RETURNS TABLE (action text, object text, rows bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.maintain(int) IS
	'Makes the partitions of logged decisions for the days ahead, and indexes and seals past ones. Removes partitions older than mlops.retention days, jobs that ended more than mlops.job_retention days ago, metrics of monitors older than mlops.monitor_retention days, and deleted and failed runs older than mlops.run_retention days; if set, also unused versions (mlops.version_retention) and old entries of the audit log (mlops.audit_retention). Ends jobs that are marked as running and that no process has. Runs automatically where mlops is preloaded, else run it daily. Work that is busy, or fails (view mlops.upkeep says why), is left for the next time';
REVOKE ALL ON FUNCTION mlops.maintain(int) FROM PUBLIC;

-- What a phase of maintenance has to do; rows: what a day to be removed holds,
-- counted before anything is locked for it.
CREATE FUNCTION mlops_catalog.lost_decisions(OUT decisions bigint, OUT last_at timestamptz) RETURNS record
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_lost_decisions';
COMMENT ON FUNCTION mlops_catalog.lost_decisions() IS
	'Decisions of all databases that were answered and could not be logged since the server started, and the last one''s time; NULL where mlops is not preloaded';

-- Of a role that is gone a table has the number.  A dump would carry it to a server
-- where it is somebody else's: there the stranger would own what the role owned, and
-- be the author of its queries.  So maintenance puts 0, which is nobody's anywhere.
-- Grants, trust and schedules of such roles are left out of a dump; labels and
-- metrics only say who recorded them.
CREATE FUNCTION mlops_catalog.role_columns() RETURNS TABLE (relation name, attribute name)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'mlops_catalog'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'regrole'::regtype AND NOT a.attisdropped
		AND c.relname <> ALL ('{model_grant,trust,schedule,label,drift_window,job_event}')
$$;
COMMENT ON FUNCTION mlops_catalog.role_columns() IS 'Columns that say whose something is';

CREATE FUNCTION mlops_catalog.is_nobody(role regrole) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) $$;
COMMENT ON FUNCTION mlops_catalog.is_nobody(regrole) IS 'Does a role not exist, any more or because it is 0?';

CREATE FUNCTION mlops_catalog.gone_roles(relation name, attribute name) RETURNS SETOF regrole
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT g.role FROM (SELECT DISTINCT t.%2$I FROM mlops_catalog.%1$I AS t WHERE t.%2$I <> 0) AS g(role) WHERE mlops_catalog.is_nobody(g.role)', relation, attribute);
END
$$;
COMMENT ON FUNCTION mlops_catalog.gone_roles(name, name) IS 'Roles of a column that do not exist any more';

CREATE FUNCTION mlops_catalog.disown(caller regrole, role_column text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text[] := parse_ident(role_column);
	gone regrole[] := ARRAY(SELECT mlops_catalog.gone_roles(part[1]::name, part[2]::name));
	n bigint;
BEGIN
	EXECUTE format('UPDATE mlops_catalog.%1$I AS t SET %2$I = 0 WHERE t.%2$I = ANY ($1)', part[1], part[2]) USING gone;
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM mlops_catalog.audit(caller, 'disown', NULL, NULL, jsonb_build_object('column', role_column, 'roles', gone::oid[]::text[], 'rows', n));
	RETURN n;
END
$$;
COMMENT ON FUNCTION mlops_catalog.disown(regrole, text) IS 'Makes nobody''s what belongs to roles that do not exist any more; returns the number of rows';

CREATE FUNCTION mlops_catalog.maintenance_steps(phase text, days_ahead int) RETURNS TABLE (action text, object text, day date, rows bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH setting AS MATERIALIZED (
		SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today, nullif(current_setting('mlops.retention')::int, 0) AS retention,
			current_setting('mlops.monitor_retention')::int AS monitor_retention, current_setting('mlops.job_retention')::int AS job_retention,
			current_setting('mlops.run_retention')::int AS run_retention),
	part AS (
		SELECT c.relname::text AS name, to_date(right(c.relname, 8), 'YYYYMMDD') AS day,
			to_regclass('mlops_catalog.' || c.relname || '_id_idx') IS NOT NULL AS indexed,
			to_regclass('mlops_catalog.' || c.relname || '_time_idx') IS NOT NULL AS by_time
		FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND c.relname ~ '^prediction_[0-9]{8}$'),
	step AS (
		SELECT 'create' AS phase, 'created' AS action, mlops_catalog.partition_name(d.day) AS object, d.day
			FROM (SELECT (p.created_at AT TIME ZONE 'UTC')::date AS day FROM mlops_catalog.prediction_default AS p
				UNION SELECT s.today + i FROM setting AS s, generate_series(0, maintenance_steps.days_ahead) AS i) AS d, setting AS s
			WHERE maintenance_steps.phase = 'create' AND coalesce(d.day >= s.today - s.retention, true) AND to_regclass('mlops_catalog.' || mlops_catalog.partition_name(d.day)) IS NULL
		UNION ALL
		SELECT 'past', 'indexed', p.name, p.day FROM part AS p, setting AS s
			WHERE p.day < s.today AND NOT p.indexed AND coalesce(p.day >= s.today - s.retention, true)
		UNION ALL
		SELECT 'past', 'sealed', mlops_catalog.partition_name(u.day), u.day FROM setting AS s, mlops_catalog.unsealed_days(s.today) AS u
			WHERE coalesce(u.day >= s.today - s.retention, true)
		UNION ALL
		SELECT 'rows', 'removed', t.name, NULL FROM setting AS s, unnest('{prediction_default,imported_decision}'::text[]) AS t(name) WHERE s.retention IS NOT NULL
		UNION ALL
		SELECT 'rows', 'removed', f.name, NULL FROM setting AS s, unnest('{traffic_window,performance_window,drift_window}'::text[]) AS f(name)
			WHERE s.monitor_retention > 0
		UNION ALL
		SELECT 'rows', 'removed', 'job', NULL FROM setting AS s WHERE s.job_retention > 0
		UNION ALL
		SELECT 'rows', 'removed', 'run', NULL FROM setting AS s WHERE s.run_retention > 0
		UNION ALL
		SELECT 'versions', 'removed', 'model_version', NULL WHERE maintenance_steps.phase = 'versions' AND EXISTS (SELECT FROM mlops_catalog.forgotten_versions())
		UNION ALL
		SELECT 'cut', 'removed', 'audit_log', NULL WHERE maintenance_steps.phase = 'cut' AND (SELECT c.through FROM mlops_catalog.audit_to_cut() AS c) IS NOT NULL
		UNION ALL
		SELECT 'rows', 'removed', 'guard_state', NULL
		UNION ALL
		SELECT 'rows', 'counted', 'decision_total', NULL
		UNION ALL
		SELECT 'rows', 'disowned', format('%I.%I', g.relation, g.attribute), NULL FROM mlops_catalog.role_columns() AS g WHERE EXISTS (SELECT FROM mlops_catalog.gone_roles(g.relation, g.attribute))
		UNION ALL
		SELECT 'jobs', 'ended', format('job %s', l.job_id), NULL FROM mlops_catalog.lost_jobs() AS l WHERE maintenance_steps.phase = 'jobs'
		UNION ALL
		SELECT 'audit', 'chained', 'audit_log', NULL WHERE EXISTS (SELECT FROM mlops_catalog.audit_entry AS e WHERE e.seq IS NULL)
		UNION ALL
		SELECT 'rows', 'summed up', p.name, p.day FROM part AS p, setting AS s WHERE p.by_time AND p.day BETWEEN s.today - 1 AND s.today
		UNION ALL
		SELECT 'remove', 'removed', p.name, p.day FROM part AS p, setting AS s WHERE p.day < s.today - s.retention)
	SELECT s.action, s.object, s.day, CASE WHEN s.phase = 'remove' THEN mlops_catalog.count_partition(s.object) END
	FROM step AS s WHERE s.phase = maintenance_steps.phase ORDER BY s.object, s.action
$$;
COMMENT ON FUNCTION mlops_catalog.maintenance_steps(text, int) IS 'What a phase of maintenance (create, past, rows, jobs, audit, versions, cut or remove) has to do now';
REVOKE ALL ON FUNCTION mlops_catalog.maintenance_steps(text, int) FROM PUBLIC;

CREATE FUNCTION mlops_catalog.first_kept() RETURNS timestamptz
	LANGUAGE sql VOLATILE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT mlops_catalog.day_begin((clock_timestamp() AT TIME ZONE 'UTC')::date - nullif(current_setting('mlops.retention')::int, 0))
$$;
COMMENT ON FUNCTION mlops_catalog.first_kept() IS 'Decisions made before are older than mlops.retention, NULL: none is';
REVOKE ALL ON FUNCTION mlops_catalog.first_kept() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.remove_rows(caller regrole, object text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_kept timestamptz := mlops_catalog.first_kept();
	n bigint;
BEGIN
	CASE object
		WHEN 'run' THEN
			RETURN mlops_catalog.remove_runs(caller);
		WHEN 'prediction_default' THEN
			DELETE FROM mlops_catalog.prediction_default AS p WHERE p.created_at < first_kept;
		WHEN 'imported_decision' THEN
			DELETE FROM mlops_catalog.decision_import AS i WHERE i.until < first_kept;
			DELETE FROM mlops_catalog.imported_decision AS d WHERE d.created_at < first_kept;
		WHEN 'job' THEN
			DELETE FROM mlops_catalog.job AS j WHERE j.ended_at < clock_timestamp() - make_interval(days => current_setting('mlops.job_retention')::int);
		WHEN 'guard_state' THEN		-- counts of guards that are over
			DELETE FROM mlops_catalog.guard_state AS g
				WHERE NOT EXISTS (SELECT FROM mlops_catalog.release AS e WHERE e.model_id = g.model_id AND e.step_started_at = g.since)
					AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.deployment AS d USING (deployment_id)
						WHERE r.model_id = g.model_id AND d.deployed_at = g.since);
		ELSE
			EXECUTE format('DELETE FROM mlops_catalog.%I WHERE window_end < clock_timestamp() - make_interval(days => $1)', object)
				USING current_setting('mlops.monitor_retention')::int;
	END CASE;
	GET DIAGNOSTICS n = ROW_COUNT;
	IF object IN ('prediction_default', 'imported_decision') AND n > 0 THEN
		PERFORM mlops_catalog.audit(caller, 'remove_decisions', NULL, NULL, jsonb_build_object('before', first_kept, 'rows', n)
			|| CASE object WHEN 'imported_decision' THEN '{"imported": true}' ELSE '{}' END::jsonb);
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION mlops_catalog.remove_rows(regrole, text) IS 'Removes what a table holds beyond its retention; returns the number of rows';

-- One step; busy: it could not be taken now.
CREATE FUNCTION mlops_catalog.take_step(caller regrole, phase text, INOUT action text, object text, day date, INOUT rows bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done boolean := true;
BEGIN
	IF phase = 'create' THEN
		done := mlops_catalog.make_partition(caller, day);
	ELSIF action = 'indexed' THEN
		done := mlops_catalog.index_partition(caller, object);
	ELSIF action = 'sealed' THEN
		rows := mlops_catalog.seal_day(caller, day);
		done := rows IS NOT NULL;
	ELSIF action = 'summed up' THEN
		done := mlops_catalog.sum_up_partition(caller, object);
	ELSIF action = 'chained' THEN
		rows := mlops_catalog.append_waiting(caller);
		done := rows IS NOT NULL;
	ELSIF action = 'disowned' THEN
		rows := mlops_catalog.disown(caller, object);
	ELSIF action = 'ended' THEN		-- a copy of a database stays quiet
		done := mlops_catalog.end_lost_job(caller, substr(object, 5)::bigint, (SELECT a.active FROM mlops.activation AS a));
	ELSIF action = 'counted' THEN	-- each turn has decisions to count: no news
		PERFORM mlops_catalog.advance_totals(caller);
	ELSIF phase = 'rows' THEN
		rows := mlops_catalog.remove_rows(caller, object);
	ELSIF phase = 'versions' THEN
		rows := mlops_catalog.drop_forgotten(caller);
	ELSIF phase = 'cut' THEN
		rows := mlops_catalog.cut_audit(caller);
		done := rows IS NOT NULL;
	ELSE
		done := mlops_catalog.drop_partition(caller, object);
		IF done THEN
			PERFORM mlops_catalog.forget_day(caller, day, rows);
		END IF;
	END IF;
	IF NOT done THEN
		action := 'busy';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.take_step(regrole, text, text, text, date, bigint) IS 'Takes one step of maintenance';

-- The locks of a phase are held until the transaction ends.  "past" keeps nobody
-- out who decides today, and takes longest; "create" keeps out who decides on a
-- day without a partition and, if there are any, who reads decisions; "remove" these.  "made" is "past" for what this call
-- has created.
CREATE FUNCTION mlops_catalog.maintain_phases(caller regrole, days_ahead int, phases text[]) RETURNS TABLE (action text, object text, rows bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	phase text;
	made text[] := '{}';
	step record;
	error text;
BEGIN
	IF maintain_phases.days_ahead IS NULL OR maintain_phases.days_ahead NOT BETWEEN 0 AND 366 THEN
		RAISE EXCEPTION '"days_ahead" must be between 0 and 366' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOREACH phase IN ARRAY phases LOOP
		FOR step IN SELECT s.* FROM mlops_catalog.maintenance_steps(CASE phase WHEN 'made' THEN 'past' ELSE phase END, maintain_phases.days_ahead) AS s
				WHERE phase <> 'made' OR s.object = ANY (made) LOOP
			-- each step is on its own: one that fails does not take the others along
			BEGIN
				object := step.object;
				SELECT t.action, t.rows INTO action, rows FROM mlops_catalog.take_step(caller, phase, step.action, step.object, step.day, step.rows) AS t;
				IF action = 'created' THEN
					made := made || object;
				END IF;
				error := NULL;
			EXCEPTION WHEN query_canceled OR admin_shutdown THEN
				RAISE;
			WHEN OTHERS THEN
				action := 'failed';
				rows := NULL;
				error := SQLERRM;
			END;
			PERFORM mlops_catalog.end_upkeep(caller, NULL, CASE step.action WHEN 'sealed' THEN 'seal ' ELSE 'maintain ' END || object, error);
			IF phase <> 'rows' OR rows > 0 OR error IS NOT NULL THEN
				RETURN NEXT;
			END IF;
		END LOOP;
	END LOOP;
	IF 'remove' = ANY (phases) THEN
		PERFORM mlops_catalog.note_upkeep(caller, NULL, 'maintain remove');
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.maintain_phases(regrole, int, text[]) IS 'Phases of mlops.maintain, one after the other; by itself each runs in a transaction of its own';

-- In one transaction: what locks most comes last, what takes long before it; a
-- past day's partition that is made here is indexed and sealed here.
CREATE FUNCTION mlops_catalog.maintain(caller regrole, days_ahead int) RETURNS TABLE (action text, object text, rows bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM mlops_catalog.maintain_phases(caller, days_ahead, '{audit,jobs,past,rows,versions,cut,create,made,remove}')
$$;
