-- Jobs at fixed times: pg_cron submits them, wherever in the server it lives.

CREATE FUNCTION mlops_catalog.next_cron_run(cron text, after timestamptz, zone text) RETURNS timestamptz
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'mlops_next_cron_run';
COMMENT ON FUNCTION mlops_catalog.next_cron_run(text, timestamptz, text) IS
	'When a cron expression in pg_cron''s syntax is due next, in a time zone; NULL if never';

CREATE FUNCTION mlops_catalog.cron_setting(name text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_cron_setting';
COMMENT ON FUNCTION mlops_catalog.cron_setting(text) IS 'database_name or timezone of pg_cron; NULL unless it is preloaded (and has it)';

-- Only these two calls: a worker connects without asking pg_hba.conf, so it must
-- not run whatever somebody likes in a database that they may not connect to.
CREATE FUNCTION mlops_catalog.cron_schedule_elsewhere(name text, cron text, command text) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
	AS 'MODULE_PATHNAME', 'mlops_cron_schedule_elsewhere';
COMMENT ON FUNCTION mlops_catalog.cron_schedule_elsewhere(text, text, text) IS
	'cron.schedule_in_database for this database, called as you in pg_cron''s database, in a transaction of its own';

CREATE FUNCTION mlops_catalog.cron_unschedule_elsewhere(cron_job_id bigint) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
	AS 'MODULE_PATHNAME', 'mlops_cron_unschedule_elsewhere';
COMMENT ON FUNCTION mlops_catalog.cron_unschedule_elsewhere(bigint) IS
	'cron.unschedule, called as you in pg_cron''s database, in a transaction of its own';

CREATE FUNCTION mlops_catalog.cron_run_elsewhere(cron_job_id bigint) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
	AS 'MODULE_PATHNAME', 'mlops_cron_run_elsewhere';
COMMENT ON FUNCTION mlops_catalog.cron_run_elsewhere(bigint) IS
	'What pg_cron has of one of its jobs and of its last run, read as you in pg_cron''s database';

CREATE FUNCTION mlops_catalog.cron_jobs_elsewhere() RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000
	AS 'MODULE_PATHNAME', 'mlops_cron_jobs_elsewhere';
COMMENT ON FUNCTION mlops_catalog.cron_jobs_elsewhere() IS 'Jobs that pg_cron, in its database, has for this one, as far as you may see them: a JSON array of jobid and jobname';
REVOKE ALL ON FUNCTION mlops_catalog.cron_jobs_elsewhere() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.record_schedule(name text, cron text, command text, timeout interval, max_retries int, priority int,
	model text, cron_job_id bigint) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_record_schedule';
COMMENT ON FUNCTION mlops_catalog.record_schedule(text, text, text, interval, int, int, text, bigint) IS 'Notes a schedule of yours; see mlops.schedule';

CREATE FUNCTION mlops_catalog.forget_schedule(name text, owner regrole) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_forget_schedule';
COMMENT ON FUNCTION mlops_catalog.forget_schedule(text, regrole) IS 'Forgets a schedule of a role whose rights you have; see mlops.unschedule';

-- pg_cron keeps a role's name, which may be another role's by the time; what is
-- submitted is recorded under the role itself.
CREATE FUNCTION mlops_catalog.submit_schedule(name text) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_submit_schedule';
COMMENT ON FUNCTION mlops_catalog.submit_schedule(text) IS
	'Submits the job of a schedule of yours, as pg_cron does when it is due; an error if you have none of this name, NULL if it was skipped';

CREATE FUNCTION mlops_catalog.cron_name(name text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('mlops %s %s', current_database(), name) $$;
COMMENT ON FUNCTION mlops_catalog.cron_name(text) IS 'Name of a schedule''s job in pg_cron';

-- pg_cron is found by name at run time: nothing depends on it.
CREATE FUNCTION mlops_catalog.ask_cron(here text, elsewhere text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	database text := mlops_catalog.cron_setting('database_name');
	is_here boolean := database IS NOT NULL AND EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');
	answer bigint;
BEGIN
	IF is_here OR database <> current_database() THEN
		BEGIN
			EXECUTE CASE WHEN is_here THEN here ELSE elsewhere END INTO answer;
			RETURN answer;
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'insufficient_privilege', DETAIL = 'Schedules are made in pg_cron with the rights of your role.',
				HINT = format(E'Have run in database %I:\nGRANT USAGE ON SCHEMA cron TO %I;', CASE WHEN is_here THEN current_database() ELSE database END, current_user)
					|| CASE WHEN is_here THEN '' ELSE format(E'\nGRANT EXECUTE ON FUNCTION cron.schedule_in_database TO %I;', current_user) END;
		WHEN invalid_schema_name OR undefined_table OR invalid_catalog_name THEN
			IF is_here THEN
				RAISE;
			END IF;				-- it is not installed there: below
		END;
	END IF;
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'pg_cron is installed, but not preloaded'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = E'Put these lines into postgresql.conf and restart:\n'
					'shared_preload_libraries = ''pg_cron,mlops''\n'
					'cron.use_background_workers = on';
	END IF;
	RAISE EXCEPTION 'pg_cron is not installed'
		USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = format(E'Put the first two lines into postgresql.conf and restart; run the third one in database %s:\n'
				'shared_preload_libraries = ''pg_cron,mlops''\n'
				'cron.use_background_workers = on\n'
				'CREATE EXTENSION pg_cron;', quote_ident(coalesce(database, 'postgres')));
END
$$;
COMMENT ON FUNCTION mlops_catalog.ask_cron(text, text) IS
	'Answer of pg_cron to one of two statements, the first if it is in this database, the second if it is in another; an error if it is in none';

-- pg_cron's numbers are its own: in a copy of a database they belong to jobs of
-- the original, after pg_cron was set up anew to anybody's.
CREATE FUNCTION mlops_catalog.not_our_cron_job(job jsonb, cron_job_id bigint, name text, owner regrole) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN job IS NULL THEN format('pg_cron has no job %s', cron_job_id)
		WHEN job ->> 'database' <> current_database() THEN format('pg_cron starts it in database "%s"', job ->> 'database')
		WHEN job ->> 'username' <> (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = owner) THEN format('pg_cron starts it as role "%s"', job ->> 'username')
		WHEN job ->> 'jobname' IS DISTINCT FROM mlops_catalog.cron_name(name)
			THEN format('job %s of pg_cron is another one, named %s', cron_job_id, coalesce('"' || (job ->> 'jobname') || '"', 'nothing')) END
$$;
COMMENT ON FUNCTION mlops_catalog.not_our_cron_job(jsonb, bigint, text, regrole) IS
	'Why what pg_cron has under a number is not the job of a schedule of this database; NULL if it is, also that of a role that is gone';

CREATE FUNCTION mlops_catalog.cron_job(cron_job_id bigint) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job jsonb;
BEGIN
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		EXECUTE 'SELECT to_jsonb(x) FROM (SELECT j.database, j.username, j.jobname, mlops_catalog.utc_text(r.at) AS at, r.status, r.message FROM cron.job AS j LEFT JOIN LATERAL '
			'(SELECT coalesce(d.start_time, d.end_time) AS at, d.status, d.return_message AS message FROM cron.job_run_details AS d '
			'WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1) AS r ON true WHERE j.jobid = $1) AS x' INTO job USING cron_job_id;
		RETURN job;
	END IF;
	RETURN mlops_catalog.cron_run_elsewhere(cron_job_id)::jsonb -> 0;
EXCEPTION WHEN invalid_schema_name OR undefined_table OR invalid_catalog_name THEN
	RETURN NULL;		-- pg_cron is not installed there
END
$$;
COMMENT ON FUNCTION mlops_catalog.cron_job(bigint) IS
	'What pg_cron has under a number, as far as you may see it: database, role, name and last run; NULL if nothing';

CREATE FUNCTION mlops_catalog.cron_jobs() RETURNS TABLE (jobid bigint, jobname text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		RETURN QUERY EXECUTE 'SELECT j.jobid, j.jobname::text FROM cron.job AS j WHERE j.database = current_database()';
	ELSE
		RETURN QUERY SELECT j.jobid, j.jobname FROM jsonb_to_recordset(mlops_catalog.cron_jobs_elsewhere()::jsonb) AS j(jobid bigint, jobname text);
	END IF;
EXCEPTION WHEN invalid_schema_name OR undefined_table OR invalid_catalog_name THEN
	RETURN;		-- pg_cron is not installed there
END
$$;
COMMENT ON FUNCTION mlops_catalog.cron_jobs() IS 'Jobs that pg_cron starts in this database, as far as you may see them';
REVOKE ALL ON FUNCTION mlops_catalog.cron_jobs() FROM PUBLIC;

-- What became of a schedule at pg_cron, as far as the caller may see it; problem:
-- why it will not run at all.
CREATE FUNCTION mlops_catalog.cron_run(cron_job_id bigint, name text, owner regrole, OUT last_attempt timestamptz, OUT last_error text, OUT problem text)
	RETURNS record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job jsonb;
BEGIN
	IF mlops_catalog.cron_setting('database_name') IS NULL THEN
		problem := 'pg_cron is not preloaded';
		RETURN;
	ELSIF NOT mlops_catalog.is_preloaded() THEN
		problem := 'mlops is not preloaded: pg_cron cannot submit it';
		RETURN;
	ELSIF owner <> quote_ident(current_user)::regrole AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN;		-- pg_cron shows a job to its role only
	ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = owner) THEN
		problem := format('role %s does not exist', owner::oid);
		RETURN;
	END IF;
	BEGIN
		job := mlops_catalog.cron_job(cron_job_id);
	EXCEPTION WHEN query_canceled OR admin_shutdown THEN
		RAISE;
	WHEN OTHERS THEN
		last_error := SQLERRM;
		RETURN;
	END;
	problem := mlops_catalog.not_our_cron_job(job, cron_job_id, name, owner);
	last_attempt := (job ->> 'at')::timestamptz;
	last_error := CASE WHEN job ->> 'status' = 'failed' THEN coalesce(job ->> 'message', 'failed') END;
END
$$;
COMMENT ON FUNCTION mlops_catalog.cron_run(bigint, text, regrole) IS
	'Last attempt of pg_cron to run a schedule, its error, and what keeps the schedule from running at all';

CREATE VIEW mlops.schedules WITH (security_barrier) AS
SELECT s.name, s.cron, s.command, last.job_id AS last_job_id, last.submitted_at AS last_run, last.state AS last_state,
	mlops_catalog.next_cron_run(s.cron, pg_catalog.now(), COALESCE(mlops_catalog.cron_setting('timezone'), 'GMT')) AS next_run,
	(SELECT pg_catalog.count(*) FROM mlops_catalog.job AS j WHERE j.owner OPERATOR(pg_catalog.=) s.owner
		AND j.key OPERATOR(pg_catalog.=) ('schedule ' OPERATOR(pg_catalog.||) s.name)) AS runs,
	(SELECT pg_catalog.count(*) FROM mlops_catalog.job AS j JOIN mlops_catalog.job_event AS e ON e.job_id OPERATOR(pg_catalog.=) j.job_id
		WHERE j.owner OPERATOR(pg_catalog.=) s.owner AND j.key OPERATOR(pg_catalog.=) ('schedule ' OPERATOR(pg_catalog.||) s.name)
		AND e.event OPERATOR(pg_catalog.=) 'skipped') AS skipped,
	s.timeout, s.max_retries, s.priority, s.model, s.cron_job_id, s.owner, s.created_at,
	run.last_attempt, COALESCE(run.problem, run.last_error) AS last_error
FROM mlops_catalog.schedule AS s
LEFT JOIN LATERAL (SELECT j.job_id, j.submitted_at, j.state FROM mlops_catalog.job AS j
	WHERE j.owner OPERATOR(pg_catalog.=) s.owner AND j.key OPERATOR(pg_catalog.=) ('schedule ' OPERATOR(pg_catalog.||) s.name)
	ORDER BY j.job_id DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL mlops_catalog.cron_run(s.cron_job_id, s.name, s.owner) AS run ON true
WHERE pg_catalog.pg_has_role(s.owner, 'USAGE');
COMMENT ON VIEW mlops.schedules IS 'Jobs at fixed times, of roles you are a member of';
COMMENT ON COLUMN mlops.schedules.name IS 'Name, unique for the role; its jobs have the key "schedule NAME"';
COMMENT ON COLUMN mlops.schedules.cron IS 'Cron expression, in pg_cron''s time zone (GMT unless it has a setting for it)';
COMMENT ON COLUMN mlops.schedules.command IS 'Statement';
COMMENT ON COLUMN mlops.schedules.last_job_id IS 'Last job of it, see mlops.jobs';
COMMENT ON COLUMN mlops.schedules.last_run IS 'When that was submitted';
COMMENT ON COLUMN mlops.schedules.last_state IS 'State of that';
COMMENT ON COLUMN mlops.schedules.next_run IS 'When it is due next';
COMMENT ON COLUMN mlops.schedules.runs IS 'Jobs there were';
COMMENT ON COLUMN mlops.schedules.skipped IS 'How often it was due while the job before had not ended, and so was skipped';
COMMENT ON COLUMN mlops.schedules.timeout IS 'Time limit of its jobs, NULL: mlops.job_timeout';
COMMENT ON COLUMN mlops.schedules.max_retries IS 'How often a job of it is tried again';
COMMENT ON COLUMN mlops.schedules.priority IS 'Priority of its jobs';
COMMENT ON COLUMN mlops.schedules.model IS 'Model that its jobs are for';
COMMENT ON COLUMN mlops.schedules.cron_job_id IS 'Number that pg_cron gave it';
COMMENT ON COLUMN mlops.schedules.owner IS 'Role that scheduled it, and that it runs as';
COMMENT ON COLUMN mlops.schedules.created_at IS 'When it was scheduled first';
COMMENT ON COLUMN mlops.schedules.last_attempt IS 'When pg_cron last tried to submit it; to its role and superusers';
COMMENT ON COLUMN mlops.schedules.last_error IS 'Why pg_cron could not submit it then, or cannot at all; NULL: it could';
GRANT SELECT ON mlops.schedules TO PUBLIC;

CREATE FUNCTION mlops.schedule(
	name text,
	cron text,
	command text,
	timeout interval DEFAULT NULL,
	max_retries int DEFAULT 0,
	priority int DEFAULT 0,
	model text DEFAULT NULL)
	RETURNS SETOF mlops.schedules
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.schedule(text, text, text, interval, int, int, text) IS
	'Has pg_cron submit a statement as a job whenever a cron expression is due; skipped (and counted) while the job before has not ended. Replaces a schedule of that name';
CREATE FUNCTION mlops_catalog.schedule(name text, cron text, command text, timeout interval, max_retries int, priority int, model text)
	RETURNS SETOF mlops.schedules
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cron_name text := mlops_catalog.cron_name(schedule.name);
	submission text := format('SELECT mlops_catalog.submit_schedule(%L) FROM mlops.activation WHERE active', schedule.name);
	id bigint;
	former jsonb := (SELECT to_jsonb(s) FROM mlops.schedules AS s WHERE s.name = schedule.name AND s.owner = quote_ident(current_user)::regrole);
BEGIN
	PERFORM mlops_catalog.require_preload('mlops.schedule()');
	PERFORM mlops_catalog.refuse_null(a.name, a.value) FROM (VALUES (1, 'name', schedule.name), (2, 'cron', schedule.cron), (3, 'command', schedule.command),
		(4, 'max_retries', schedule.max_retries::text), (5, 'priority', schedule.priority::text)) AS a(place, name, value) ORDER BY a.place;
	IF schedule.name COLLATE "C" !~ '^[^[:cntrl:]]{1,100}$' THEN
		RAISE EXCEPTION 'invalid schedule name "%"', left(schedule.name, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A name has 1 to 100 characters, none of them a control character.';
	END IF;
	PERFORM mlops_catalog.next_cron_run(schedule.cron, now(), 'GMT');
	-- refuses what cannot be a job before pg_cron knows of it
	PERFORM mlops_catalog.record_schedule(schedule.name, schedule.cron, schedule.command, schedule.timeout, schedule.max_retries, schedule.priority, schedule.model, 0);
	id := mlops_catalog.ask_cron(
		format('SELECT cron.schedule(%L, %L, %L)', cron_name, schedule.cron, submission),
		format('SELECT mlops_catalog.cron_schedule_elsewhere(%L, %L, %L)', cron_name, schedule.cron, submission));
	PERFORM mlops_catalog.record_schedule(schedule.name, schedule.cron, schedule.command, schedule.timeout, schedule.max_retries, schedule.priority, schedule.model, id);
	PERFORM mlops_catalog.tell_of_left_out(format('schedule "%s"', s.name), format('SELECT * FROM mlops.schedule(%L, %L, %L', s.name, s.cron, s.command), former, to_jsonb(s),
		json_build_object('timeout', NULL, 'max_retries', 0, 'priority', 0, 'model', NULL)) FROM mlops.schedules AS s WHERE s.cron_job_id = id AND s.name = schedule.name;
	RETURN QUERY SELECT * FROM mlops.schedules AS s WHERE s.cron_job_id = id AND s.name = schedule.name;
END
$$;

CREATE FUNCTION mlops.unschedule(name text, owner regrole DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.unschedule(text, regrole) IS
	'Ends a schedule of yours, or as a superuser one of another role, a dropped one too (owner: its number in quotes); false if there is none. A job of it that runs is not cancelled';
CREATE FUNCTION mlops_catalog.unschedule(name text, owner regrole) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	me regrole := quote_ident(current_user)::regrole;
	of_role regrole := coalesce(unschedule.owner, me);
	id bigint := (SELECT s.cron_job_id FROM mlops.schedules AS s WHERE s.name = unschedule.name AND s.owner = of_role);
	problem text;
	others text;
BEGIN
	PERFORM mlops_catalog.require_preload('mlops.unschedule()');
	IF of_role <> me AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = me) THEN
		RAISE EXCEPTION 'permission denied to end schedules of role "%"', mlops_catalog.role_text(of_role)
			USING ERRCODE = 'insufficient_privilege', HINT = 'A member of that role does so after SET ROLE; for others a superuser may.';
	ELSIF id IS NULL THEN
		others := (SELECT string_agg(format('SELECT mlops.unschedule(%L, %L);', s.name, s.owner::text), ' ' ORDER BY s.owner) FROM mlops.schedules AS s WHERE s.name = unschedule.name);
		IF others IS NOT NULL THEN
			RAISE NOTICE 'no schedule "%" is of role "%", but other roles have one', unschedule.name, mlops_catalog.role_text(of_role)
				USING HINT = format('A superuser ends it by: %s', others);
		END IF;
		RETURN false;
	END IF;
	-- what is only forgotten here would go on once pg_cron is preloaded again
	IF mlops_catalog.cron_setting('database_name') IS NULL THEN
		RAISE EXCEPTION 'pg_cron cannot be asked to end schedule "%": it is not preloaded', unschedule.name
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Once it is, its job %s goes on.', id),
				HINT = format('Preload it and restart. If it never will be, remove only the record: SELECT mlops_catalog.forget_schedule(%L, %L);', unschedule.name, of_role::text);
	END IF;
	problem := coalesce(mlops_catalog.not_our_cron_job(mlops_catalog.cron_job(id), id, unschedule.name, of_role),
		(SELECT format('job %s of pg_cron is that of role "%s" now', id, mlops_catalog.role_text(s.owner)) FROM mlops.schedules AS s
			WHERE s.cron_job_id = id AND s.owner <> of_role LIMIT 1));
	IF problem IS NULL THEN
		PERFORM mlops_catalog.ask_cron(
			format('SELECT cron.unschedule(j.jobid)::int FROM cron.job AS j WHERE j.jobid = %s', id),
			format('SELECT mlops_catalog.cron_unschedule_elsewhere(%s)', id));
	ELSE
		RAISE NOTICE 'only the record of schedule "%" is removed: %', unschedule.name, problem;
	END IF;
	RETURN mlops_catalog.forget_schedule(unschedule.name, of_role);
END
$$;
