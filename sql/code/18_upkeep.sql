-- What runs by itself: whether it may at all in this database, how each task
-- went, and what is kept from running.
--
-- A task is a model's monitor, retraining or guard, or a step of maintenance.
-- That it is under way is on disk before it begins: a mark that is still there
-- when it is due again tells that it, or something beside it, took the worker
-- down.  After the second time in a row it is suspended.

CREATE VIEW mlops.activation WITH (security_barrier) AS
SELECT EXISTS (SELECT FROM mlops_catalog.home) AND NOT EXISTS (SELECT FROM mlops_catalog.home AS h WHERE (h.system_identifier, h.database::pg_catalog.oid)
		OPERATOR(pg_catalog.<>) (c.system_identifier, d.oid)) AS active,
	c.system_identifier, d.oid AS database,
	(SELECT pg_catalog.max(h.activated_at) FROM mlops_catalog.home AS h) AS activated_at,
	(SELECT mlops_catalog.role_text(h.activated_by) FROM mlops_catalog.home AS h ORDER BY h.activated_at DESC LIMIT 1) AS activated_by,
	(SELECT pg_catalog.max(u.ended_at) FROM mlops_catalog.upkeep AS u WHERE u.model_id IS NULL) AS maintained_at
FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
COMMENT ON VIEW mlops.activation IS 'Does this database run tasks automatically? A restored copy does not until mlops.activate() is called';
COMMENT ON COLUMN mlops.activation.active IS 'Do monitors, retrainings, guards and schedules run automatically here?';
COMMENT ON COLUMN mlops.activation.system_identifier IS 'Of this server';
COMMENT ON COLUMN mlops.activation.database IS 'OID of this database';
COMMENT ON COLUMN mlops.activation.activated_at IS 'Since when';
COMMENT ON COLUMN mlops.activation.activated_by IS 'Who activated it, NULL: it was created here';
COMMENT ON COLUMN mlops.activation.maintained_at IS 'When a round of maintenance last completed, NULL: never';
GRANT SELECT ON mlops.activation TO PUBLIC;

CREATE FUNCTION mlops_catalog.upkeep_hindrance() RETURNS text
	LANGUAGE c VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'mlops_upkeep_hindrance';
COMMENT ON FUNCTION mlops_catalog.upkeep_hindrance() IS
	'What keeps this server from rounds of maintenance, and what to do about it; NULL: nothing that is known';

CREATE FUNCTION mlops_catalog.distrust() RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'mlops_distrust';
COMMENT ON FUNCTION mlops_catalog.distrust() IS
	'Why nothing runs by itself, nor as a job: somebody who is no superuser owns, or could put something beside, what would run; NULL: nobody';

-- A round may wait an interval more, and for what other databases do.
CREATE VIEW mlops_catalog.standstill AS
SELECT s.since, pg_catalog.format('nothing has run by itself since %s, though mlops.maintenance_interval is %s s: %s',
		mlops_catalog.utc_text(s.since), s.seconds, COALESCE(mlops_catalog.distrust(), mlops_catalog.upkeep_hindrance(), 'the server''s log says why')) AS problem
FROM (SELECT i.setting::pg_catalog.int4 AS seconds, GREATEST(pg_catalog.pg_postmaster_start_time(),
		(SELECT pg_catalog.max(h.activated_at) FROM mlops_catalog.home AS h),
		(SELECT pg_catalog.max(GREATEST(u.began_at, u.ended_at)) FROM mlops_catalog.upkeep AS u WHERE u.model_id IS NULL)) AS since
	FROM pg_catalog.pg_settings AS i JOIN pg_catalog.pg_settings AS p ON p.name OPERATOR(pg_catalog.=) 'shared_preload_libraries'
	WHERE i.name OPERATOR(pg_catalog.=) 'mlops.maintenance_interval' AND p.setting OPERATOR(pg_catalog.~) '(^|[/", ])mlops($|[", ])') AS s
WHERE s.seconds OPERATOR(pg_catalog.>) 0 AND NOT pg_catalog.pg_is_in_recovery()
	AND s.since OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) GREATEST(interval '15 minutes', 20::pg_catalog.float8 OPERATOR(pg_catalog.*) pg_catalog.make_interval(secs => s.seconds)));
COMMENT ON VIEW mlops_catalog.standstill IS 'Since when maintenance, which is due, has not run; no row: it does run, or need not';
COMMENT ON COLUMN mlops_catalog.standstill.since IS 'When it ran last, or could have begun to';
COMMENT ON COLUMN mlops_catalog.standstill.problem IS 'The same in words, with the reason if it is known';

-- ---- suspending and resuming

CREATE FUNCTION mlops_catalog.suspend_upkeep(caller regrole, id bigint, what text, by regrole, why text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = id);
BEGIN
	INSERT INTO mlops_catalog.upkeep AS u (model_id, task, suspended_at, suspended_by, reason) VALUES (id, what, clock_timestamp(), by, why)
		ON CONFLICT (coalesce(model_id, 0), task) DO UPDATE SET suspended_at = excluded.suspended_at, suspended_by = excluded.suspended_by,
			reason = excluded.reason, began_at = NULL, crashes = 0 WHERE u.suspended_at IS NULL;
	IF FOUND THEN
		PERFORM mlops_catalog.audit(caller, 'suspend', name, NULL, jsonb_build_object('task', what, 'reason', why));
		IF by IS NULL THEN
			RAISE LOG 'mlops: % is suspended: %', concat_ws(' of ', what, 'model "' || name || '"'), why;
		END IF;
	END IF;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION mlops_catalog.suspend_upkeep(regrole, bigint, text, regrole, text) IS
	'Keeps a task from running by itself until it is resumed; false if it was suspended already';

CREATE FUNCTION mlops_catalog.is_suspended(id bigint, what text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM mlops_catalog.upkeep AS u WHERE coalesce(u.model_id, 0) = coalesce(id, 0) AND u.task = what AND u.suspended_at IS NOT NULL) $$;
COMMENT ON FUNCTION mlops_catalog.is_suspended(bigint, text) IS 'Is a task kept from running by itself?';

CREATE FUNCTION mlops_catalog.resume_task(caller regrole, id bigint, what text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	resumed boolean;
BEGIN
	UPDATE mlops_catalog.upkeep AS u SET suspended_at = NULL, suspended_by = NULL, reason = NULL, began_at = NULL, crashes = 0, resumed_at = clock_timestamp()
		WHERE coalesce(u.model_id, 0) = coalesce(id, 0) AND u.task = what AND u.suspended_at IS NOT NULL;
	resumed := FOUND;
	IF resumed THEN
		PERFORM mlops_catalog.audit(caller, 'resume', (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = id), NULL,
			jsonb_build_object('task', what));
	END IF;
	RETURN resumed;
END
$$;
COMMENT ON FUNCTION mlops_catalog.resume_task(regrole, bigint, text) IS 'Lets a task run by itself again; false if it was not suspended';

-- A person took back what answers: a model with a policy is not to be retrained
-- until somebody says so.
CREATE FUNCTION mlops_catalog.suspend_retraining(caller regrole, name text, what text, why text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.suspend_upkeep(caller, m.model_id, 'retraining', caller, concat_ws(': ', what, why))
	FROM mlops_catalog.model AS m JOIN mlops_catalog.policy AS p USING (model_id) WHERE m.name = suspend_retraining.name;
END
$$;
COMMENT ON FUNCTION mlops_catalog.suspend_retraining(regrole, text, text, text) IS
	'Suspends a model''s retraining policy, if it has one, because a person rolled back or took a version away';

CREATE FUNCTION mlops.resume_upkeep(model text, task text) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.resume_upkeep(text, text) IS
	'Lets a suspended monitor, retraining or guard of a model (or, with NULL, a step of maintenance) run automatically again; false if it was not suspended';
CREATE FUNCTION mlops_catalog.resume_upkeep(caller regrole, model text, task text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF resume_upkeep.model IS NULL THEN
		IF NOT pg_has_role(caller, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'mlops_catalog.upkeep'::regclass), 'USAGE') THEN
			RAISE EXCEPTION 'permission denied to resume a step of maintenance' USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'It belongs to the owner of the extension.';
		END IF;
		RETURN mlops_catalog.resume_task(caller, NULL, resume_upkeep.task);
	END IF;
	PERFORM mlops_catalog.check_choice('task', resume_upkeep.task, '{monitor,retraining,guard}');
	RETURN mlops_catalog.resume_task(caller, mlops_catalog.lock_model(caller, resume_upkeep.model, 'manage'), resume_upkeep.task);
END
$$;

CREATE FUNCTION mlops.resume_retraining(model text) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.resume_retraining(text) IS
	'Resumes a model''s retraining policy that a person''s rollback or abort has suspended; false if it was not suspended';
CREATE FUNCTION mlops_catalog.resume_retraining(caller regrole, model text) RETURNS boolean
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT mlops_catalog.resume_upkeep(caller, model, 'retraining') $$;

-- ---- book-keeping, by whoever runs tasks

-- Sets the mark, to be committed before the task begins.  False: it must not.
CREATE FUNCTION mlops_catalog.begin_upkeep(caller regrole, name text, what text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := (SELECT m.model_id FROM mlops_catalog.model AS m WHERE m.name = begin_upkeep.name);
	found_one mlops_catalog.upkeep;
BEGIN
	IF name IS NOT NULL AND id IS NULL THEN
		RETURN false;
	END IF;
	INSERT INTO mlops_catalog.upkeep AS u (model_id, task, began_at) VALUES (id, what, clock_timestamp())
		ON CONFLICT (coalesce(model_id, 0), task) DO UPDATE SET began_at = excluded.began_at,
			crashes = u.crashes + CASE WHEN u.began_at IS NULL THEN 0 ELSE 1 END
		WHERE u.suspended_at IS NULL
		RETURNING u.* INTO found_one;
	IF NOT FOUND THEN
		RETURN false;
	ELSIF found_one.crashes >= 2 THEN
		PERFORM mlops_catalog.suspend_upkeep(caller, id, what, NULL, 'twice in a row the server, or the worker, ended while it was under way');
		RETURN false;
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION mlops_catalog.begin_upkeep(regrole, text, text) IS
	'Marks a task as under way; false if it is suspended, or is now because its end was not seen twice';

CREATE FUNCTION mlops_catalog.end_upkeep(caller regrole, name text, what text, error_found text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := (SELECT m.model_id FROM mlops_catalog.model AS m WHERE m.name = end_upkeep.name);
	found_one mlops_catalog.upkeep;
BEGIN
	error_found := mlops_catalog.cut(error_found);
	IF name IS NOT NULL AND id IS NULL THEN
		RETURN;
	ELSIF error_found IS NULL THEN
		UPDATE mlops_catalog.upkeep AS u SET began_at = NULL, crashes = 0, failures = 0, error = NULL, failed_at = NULL, told_at = NULL,
				ended_at = CASE WHEN u.began_at IS NOT NULL THEN clock_timestamp() ELSE u.ended_at END
			WHERE coalesce(u.model_id, 0) = coalesce(id, 0) AND u.task = what AND (u.began_at IS NOT NULL OR u.error IS NOT NULL);
		RETURN;
	END IF;
	SELECT u.* INTO found_one FROM mlops_catalog.upkeep AS u WHERE coalesce(u.model_id, 0) = coalesce(id, 0) AND u.task = what;
	-- told once, and once an hour while it goes on
	IF found_one.error IS DISTINCT FROM error_found OR coalesce(found_one.told_at < clock_timestamp() - interval '1 hour', true) THEN
		RAISE LOG 'mlops: % has failed: %', concat_ws(' of ', what, 'model "' || name || '"'), error_found;
		found_one.told_at := clock_timestamp();
	END IF;
	INSERT INTO mlops_catalog.upkeep AS u (model_id, task, failures, error, failed_at, told_at) VALUES (id, what, 1, error_found, clock_timestamp(), found_one.told_at)
		ON CONFLICT (coalesce(model_id, 0), task) DO UPDATE SET began_at = NULL, crashes = 0, failures = u.failures + 1,
			error = excluded.error, failed_at = excluded.failed_at, told_at = excluded.told_at,
			ended_at = CASE WHEN u.began_at IS NOT NULL THEN clock_timestamp() ELSE u.ended_at END;
END
$$;
COMMENT ON FUNCTION mlops_catalog.end_upkeep(regrole, text, text, text) IS
	'Takes the mark of a task away and keeps its error, NULL for none; the log is told of one only once an hour';

-- Those that are looked for by check_catalog note that they were done, whoever
-- called them: where nothing runs by itself people may call them.
CREATE FUNCTION mlops_catalog.note_upkeep(caller regrole, id bigint, what text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.upkeep AS u (model_id, task, ended_at) VALUES (id, what, clock_timestamp())
		ON CONFLICT (coalesce(model_id, 0), task) DO UPDATE SET ended_at = excluded.ended_at
$$;
COMMENT ON FUNCTION mlops_catalog.note_upkeep(regrole, bigint, text) IS 'Notes that a task was done';

-- ---- when nothing runs

CREATE FUNCTION mlops_catalog.warn_of_hindrance(caller regrole, what text, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hindrance text := coalesce(mlops_catalog.distrust(), mlops_catalog.upkeep_hindrance(),
		(SELECT 'this database was copied or restored; call mlops.activate() if it is the one in production' FROM mlops.activation AS a WHERE NOT a.active));
BEGIN
	IF hindrance IS NOT NULL THEN
		RAISE WARNING 'the % of model "%" will not run by itself: %', what, name, hindrance;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_hindrance(regrole, text, text) IS 'A warning if nothing will run what is being set up for a model';

CREATE FUNCTION mlops_catalog.cannot_log_in(role regrole) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('role "%s", as which it runs, is not permitted to log in', r.rolname) FROM pg_roles AS r WHERE r.oid = role AND NOT r.rolcanlogin
$$;
COMMENT ON FUNCTION mlops_catalog.cannot_log_in(regrole) IS 'Why nothing runs as a role: a worker cannot connect as it; NULL if it can';

CREATE FUNCTION mlops_catalog.warn_of_role(caller regrole, what text, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text := mlops_catalog.cannot_log_in(caller);
BEGIN
	IF problem IS NOT NULL THEN
		RAISE WARNING 'the % of model "%" will not run by itself: %', what, name, problem
			USING HINT = 'Set it up as a role with LOGIN, for example after RESET ROLE, or give this one LOGIN.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.warn_of_role(regrole, text, text) IS 'A warning if what is being set up for a model cannot run as who sets it up';

-- What waits for maintenance, and since when it has not come.
CREATE FUNCTION mlops_catalog.waiting_for_upkeep() RETURNS TABLE (model_id bigint, object text, done_at timestamptz, since timestamptz, patience interval)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH waiting(model_id, object, task_of, task, since, patience) AS (
		SELECT e.model_id, 'guard', e.model_id, 'guard', d.deployed_at, interval '0' FROM mlops_catalog.release AS e JOIN mlops_catalog.deployment AS d USING (deployment_id)
				JOIN mlops_catalog.strategies() AS s ON s.name = d.strategy
			WHERE d.guard <> '{}' OR d.ramp <> '[]' OR s.follows_labels
		UNION ALL
		SELECT r.model_id, 'guard', r.model_id, 'guard', d.deployed_at, '0' FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.deployment AS d USING (deployment_id)
			WHERE r.kind = 'shadow' AND NOT r.paused AND d.guard <> '{}'
		UNION ALL
		SELECT w.model_id, 'monitor', NULL, 'submit_due', w.created_at, '0' FROM mlops_catalog.monitor AS w
		UNION ALL
		SELECT p.model_id, 'retraining policy', NULL, 'submit_due', p.created_at, '0' FROM mlops_catalog.policy AS p
		UNION ALL	-- called by somebody it may run once a day
		SELECT NULL, 'retention', NULL, 'maintain remove', p.created_at, '2 days' FROM (SELECT q.created_at FROM mlops_catalog.prediction AS q
			WHERE q.created_at < clock_timestamp() - interval '2 days' LIMIT 1) AS p)
	SELECT w.model_id, w.object, max(u.ended_at), greatest(max(u.ended_at), min(w.since), max(a.activated_at)), max(w.patience)
	FROM waiting AS w CROSS JOIN mlops.activation AS a
	LEFT JOIN mlops_catalog.upkeep AS u ON coalesce(u.model_id, 0) = coalesce(w.task_of, 0) AND u.task = w.task
	WHERE a.active
	GROUP BY w.model_id, w.object
	HAVING bool_and(u.error IS NULL AND u.suspended_at IS NULL)	-- else that is what is to be known
$$;
COMMENT ON FUNCTION mlops_catalog.waiting_for_upkeep() IS 'Guards, monitors, policies and old decisions, and since when what they wait for was not done';

-- Five minutes, for somebody may call what does not run by itself.  Where all stands
-- still that is one problem, whatever waits.
CREATE FUNCTION mlops_catalog.hindered_upkeep() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.name, w.object, format('maintenance has not run %s, although the %s %s waits for it: %s',
		coalesce('since ' || mlops_catalog.utc_text(w.done_at), 'so far'), w.object, CASE WHEN w.model_id IS NULL THEN 'of logged decisions' ELSE 'of this model' END, h.hindrance)
	FROM coalesce(mlops_catalog.distrust(), mlops_catalog.upkeep_hindrance()) AS h(hindrance), mlops_catalog.waiting_for_upkeep() AS w LEFT JOIN mlops_catalog.model AS m USING (model_id)
	WHERE h.hindrance IS NOT NULL AND NOT EXISTS (SELECT FROM mlops_catalog.standstill) AND NOT pg_is_in_recovery() AND w.since < clock_timestamp() - interval '5 minutes' - w.patience
$$;
COMMENT ON FUNCTION mlops_catalog.hindered_upkeep() IS 'What waits for maintenance that this server is kept from, and what keeps it';

-- ---- what waits for others

CREATE FUNCTION mlops_catalog.three_rounds() RETURNS interval
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT make_interval(secs => 3 * coalesce(nullif((SELECT s.setting::int FROM pg_settings AS s WHERE s.name = 'mlops.maintenance_interval'), 0), 60))
$$;
COMMENT ON FUNCTION mlops_catalog.three_rounds() IS 'As long as three rounds of maintenance, of a minute each where there are none: what waits for longer is told';

-- Jobs that no worker has come for, and guards that rounds, which do come through, have not come to.
CREATE VIEW mlops_catalog.waiting_task AS
SELECT m.model_id, m.name AS model, m.owner, CASE WHEN j.command OPERATOR(pg_catalog.~) '^SELECT \* FROM mlops\.run_monitor' THEN 'monitor' ELSE 'retraining' END AS task,
	pg_catalog.format('has waited since %s for a worker: %s', mlops_catalog.utc_text(j.run_after), COALESCE((
		SELECT pg_catalog.string_agg(pg_catalog.format('job %s of role "%s" runs', r.job_id, mlops_catalog.role_text(r.owner)), ', ' ORDER BY r.job_id)
		FROM (SELECT b.job_id, b.owner FROM mlops_catalog.job AS b WHERE b.state OPERATOR(pg_catalog.=) ANY ('{starting,running}'::pg_catalog.text[])
			ORDER BY b.job_id LIMIT 5) AS r), mlops_catalog.upkeep_hindrance(), 'no job of this database runs')) AS problem
FROM mlops_catalog.job AS j JOIN mlops_catalog.model AS m ON m.name OPERATOR(pg_catalog.=) j.model AND m.created_at OPERATOR(pg_catalog.<=) j.submitted_at
WHERE j.upkeep AND j.state OPERATOR(pg_catalog.=) 'queued'
	AND j.run_after OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) (SELECT mlops_catalog.three_rounds()))
UNION ALL
SELECT m.model_id, m.name, m.owner, 'guard',
	pg_catalog.format('has waited since %s, for more than three rounds of maintenance: guards of other owners take too long', mlops_catalog.utc_text(g.since))
FROM (SELECT d.model_id, GREATEST(pg_catalog.max(u.ended_at), pg_catalog.max(d.deployed_at), pg_catalog.max(a.activated_at), pg_catalog.pg_postmaster_start_time()) AS since
	FROM mlops_catalog.deployment AS d CROSS JOIN mlops.activation AS a
		LEFT JOIN mlops_catalog.upkeep AS u ON u.model_id OPERATOR(pg_catalog.=) d.model_id AND u.task OPERATOR(pg_catalog.=) 'guard'
	WHERE a.active AND u.error IS NULL AND u.suspended_at IS NULL AND (d.guard OPERATOR(pg_catalog.<>) '{}' OR d.ramp OPERATOR(pg_catalog.<>) '[]')
		AND (EXISTS (SELECT FROM mlops_catalog.release AS e WHERE e.deployment_id OPERATOR(pg_catalog.=) d.deployment_id)
			OR EXISTS (SELECT FROM mlops_catalog.deployment_route AS r WHERE r.deployment_id OPERATOR(pg_catalog.=) d.deployment_id
				AND r.kind OPERATOR(pg_catalog.=) 'shadow' AND NOT r.paused))
	GROUP BY d.model_id) AS g JOIN mlops_catalog.model AS m ON m.model_id OPERATOR(pg_catalog.=) g.model_id
WHERE CASE	-- what is dear to find out is asked only if a guard is late
	WHEN g.since OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) GREATEST(interval '5 minutes', (SELECT mlops_catalog.three_rounds())))
	THEN mlops_catalog.distrust() IS NULL AND mlops_catalog.upkeep_hindrance() IS NULL AND NOT pg_catalog.pg_is_in_recovery()
		AND NOT EXISTS (SELECT FROM mlops_catalog.standstill)
	ELSE false END;
COMMENT ON VIEW mlops_catalog.waiting_task IS 'Monitors, retrainings and guards that have waited for longer than three rounds of maintenance, since when and for what';
COMMENT ON COLUMN mlops_catalog.waiting_task.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.waiting_task.model IS 'Its name';
COMMENT ON COLUMN mlops_catalog.waiting_task.owner IS 'Its owner';
COMMENT ON COLUMN mlops_catalog.waiting_task.task IS 'monitor, retraining or guard';
COMMENT ON COLUMN mlops_catalog.waiting_task.problem IS 'Since when it waits, and for whom';

-- In a subquery: PostgreSQL takes a top-level UNION ALL apart, barrier or not.
CREATE VIEW mlops.upkeep WITH (security_barrier) AS
SELECT a.* FROM (
	SELECT m.name AS model, u.task,
		CASE WHEN u.suspended_at IS NOT NULL THEN 'suspended' WHEN u.began_at IS NOT NULL THEN 'running'
			WHEN u.error IS NOT NULL THEN 'failed' ELSE 'ok' END AS state,
		u.error, u.failures, u.failed_at, u.reason, mlops_catalog.role_text(u.suspended_by) AS suspended_by, u.suspended_at, u.began_at, u.crashes, u.ended_at
	FROM mlops_catalog.upkeep AS u LEFT JOIN mlops_catalog.model AS m ON m.model_id OPERATOR(pg_catalog.=) u.model_id
	WHERE CASE WHEN u.model_id IS NOT NULL THEN mlops_catalog.may_use(m.owner, m.model_id)
		ELSE pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class AS c
			WHERE c.oid OPERATOR(pg_catalog.=) 'mlops_catalog.upkeep'::pg_catalog.regclass), 'USAGE') END
	UNION ALL
	SELECT w.model, w.task, 'waiting', NULL, NULL, NULL, w.problem, NULL, NULL, NULL, NULL, NULL
	FROM mlops_catalog.waiting_task AS w WHERE mlops_catalog.may_use(w.owner, w.model_id)
	UNION ALL
	SELECT NULL, 'maintenance', 'failed', s.problem, NULL, NULL, NULL, NULL, NULL, NULL, NULL, s.since
	FROM mlops_catalog.standstill AS s
	WHERE pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class AS c
		WHERE c.oid OPERATOR(pg_catalog.=) 'mlops_catalog.upkeep'::pg_catalog.regclass), 'USAGE')) AS a;
COMMENT ON VIEW mlops.upkeep IS 'Automatic tasks of models you may use (and, for the extension''s owner, steps of maintenance): errors, and which tasks are suspended and why';
COMMENT ON COLUMN mlops.upkeep.model IS 'Model, NULL: a step of maintenance of the whole database';
COMMENT ON COLUMN mlops.upkeep.task IS 'monitor, retraining or guard; or the step, "maintenance" if none of it runs though it is due';
COMMENT ON COLUMN mlops.upkeep.state IS 'ok, running, failed (tried again), suspended (until somebody resumes it) or waiting (for longer than three rounds of maintenance; a second row says how the last run went)';
COMMENT ON COLUMN mlops.upkeep.error IS 'The last error, NULL: it has worked since';
COMMENT ON COLUMN mlops.upkeep.failures IS 'How often in a row it ended with an error';
COMMENT ON COLUMN mlops.upkeep.failed_at IS 'When the last error was';
COMMENT ON COLUMN mlops.upkeep.reason IS 'Why it is suspended, or since when it waits and for whom';
COMMENT ON COLUMN mlops.upkeep.suspended_by IS 'Who suspended it, NULL: it was suspended automatically';
COMMENT ON COLUMN mlops.upkeep.suspended_at IS 'Since when it does not run';
COMMENT ON COLUMN mlops.upkeep.began_at IS 'Since when it is under way';
COMMENT ON COLUMN mlops.upkeep.crashes IS 'How often in a row it crashed: its end was not seen';
COMMENT ON COLUMN mlops.upkeep.ended_at IS 'When it last ended, with success or an error';
GRANT SELECT ON mlops.upkeep TO PUBLIC;

-- ---- this is the production database

CREATE FUNCTION mlops.activate() RETURNS SETOF mlops.activation
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.activate() IS
	'Declares this database, a restored copy or one on an upgraded server, the production database: from now on monitors, retrainings, guards and schedules run automatically';
REVOKE ALL ON FUNCTION mlops.activate() FROM PUBLIC;
CREATE FUNCTION mlops_catalog.activate(caller regrole) RETURNS SETOF mlops.activation
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lost text;
BEGIN
	LOCK TABLE mlops_catalog.home IN SHARE ROW EXCLUSIVE MODE;
	IF (SELECT a.active FROM mlops.activation AS a) THEN
		RETURN QUERY SELECT * FROM mlops.activation;
		RETURN;
	END IF;
	lost := (SELECT string_agg(format('%s/%s', l.model, l.version), ', ') FROM mlops_catalog.lost_versions() AS l);
	IF lost IS NOT NULL THEN
		RAISE WARNING 'the restore of this database was not complete: the audit log knows versions that the catalog lacks'
			USING ERRCODE = 'data_exception', DETAIL = format('Missing: %s.', left(lost, 1000)),
				HINT = 'Restore into an empty database by sections, the data without -j: "Copy and restore" in docs/operations.md.';
	END IF;
	PERFORM mlops_catalog.audit(caller, 'activate', NULL, NULL, (SELECT jsonb_build_object('from', jsonb_agg(to_jsonb(h) - '{activated_by,activated_at}'::text[]))
		FROM mlops_catalog.home AS h));
	DELETE FROM mlops_catalog.home;
	INSERT INTO mlops_catalog.home (system_identifier, database, activated_by) SELECT a.system_identifier, a.database, caller FROM mlops.activation AS a;
	-- what was under way where it comes from has not crashed here
	UPDATE mlops_catalog.upkeep AS u SET began_at = NULL, crashes = 0;
	RETURN QUERY SELECT * FROM mlops.activation;
END
$$;
