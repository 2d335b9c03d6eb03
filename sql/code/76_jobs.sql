-- Jobs: statements that run in background workers; see src/jobs.
--
-- A job that is older than the model of its name was another model's of that name.

CREATE VIEW mlops.jobs WITH (security_barrier) AS
SELECT j.job_id, j.command, j.owner, j.state, j.model, j.key, j.priority, j.attempts, j.max_retries, j.timeout,
	j.rows, j.result, j.error, j.run_ms, j.peak_memory, j.settings, j.pid, j.submitted_at, j.run_after, j.started_at, j.ended_at, j.unattended,
	CASE WHEN j.upkeep THEN CASE WHEN j.key OPERATOR(pg_catalog.~~) 'retrain %' THEN 'retraining' ELSE 'monitor' END
		WHEN j.unattended AND j.key OPERATOR(pg_catalog.~~) 'schedule %' THEN 'schedule' ELSE 'person' END AS purpose
FROM mlops_catalog.job AS j
WHERE pg_catalog.pg_has_role(j.owner, 'USAGE')
	OR EXISTS (SELECT FROM mlops_catalog.model AS m
		WHERE m.name OPERATOR(pg_catalog.=) j.model AND m.created_at OPERATOR(pg_catalog.<=) j.submitted_at AND pg_catalog.pg_has_role(m.owner, 'USAGE'));
COMMENT ON VIEW mlops.jobs IS 'Jobs of roles you are a member of, and those for models of such roles';
COMMENT ON COLUMN mlops.jobs.job_id IS 'Identity, rising in the order of submission';
COMMENT ON COLUMN mlops.jobs.command IS 'Statement';
COMMENT ON COLUMN mlops.jobs.owner IS 'Role that submitted it, and that it runs as';
COMMENT ON COLUMN mlops.jobs.state IS 'queued, starting, running; ended as succeeded, failed, cancelled, crashed or timed_out';
COMMENT ON COLUMN mlops.jobs.model IS 'Model it is for';
COMMENT ON COLUMN mlops.jobs.key IS 'Jobs of one role with the same key never run beside each other';
COMMENT ON COLUMN mlops.jobs.priority IS 'Higher ones first, among the jobs of one role';
COMMENT ON COLUMN mlops.jobs.attempts IS 'How often it was begun';
COMMENT ON COLUMN mlops.jobs.max_retries IS 'How often it is tried again after it failed (unless what it names is not there or not allowed), crashed or timed out';
COMMENT ON COLUMN mlops.jobs.timeout IS 'Time limit of an attempt, NULL: none';
COMMENT ON COLUMN mlops.jobs.rows IS 'Rows it returned or changed';
COMMENT ON COLUMN mlops.jobs.result IS 'Rows it returned, the first 1000 and at most 16 MB, as an array of objects';
COMMENT ON COLUMN mlops.jobs.error IS 'Error of the last attempt: sqlstate, message, detail, hint, context';
COMMENT ON COLUMN mlops.jobs.run_ms IS 'Milliseconds the last attempt ran';
COMMENT ON COLUMN mlops.jobs.peak_memory IS 'Bytes its process had in memory at the highest, shared buffers it touched included';
COMMENT ON COLUMN mlops.jobs.settings IS 'What the submitting session had set';
COMMENT ON COLUMN mlops.jobs.pid IS 'Process that runs it';
COMMENT ON COLUMN mlops.jobs.submitted_at IS 'When it was submitted';
COMMENT ON COLUMN mlops.jobs.run_after IS 'Not before';
COMMENT ON COLUMN mlops.jobs.started_at IS 'When the last attempt began';
COMMENT ON COLUMN mlops.jobs.ended_at IS 'When it ended for good';
COMMENT ON COLUMN mlops.jobs.unattended IS 'Does it run unattended, and therefore only code that its role trusts?';
COMMENT ON COLUMN mlops.jobs.purpose IS 'What it is for: person (somebody submitted it), schedule, or monitor or retraining, which maintenance submits';
GRANT SELECT ON mlops.jobs TO PUBLIC;

CREATE VIEW mlops.job_events WITH (security_barrier) AS
SELECT e.job_id, e.at, e.event, e.attempt, e.error, e.role, e.event_id
FROM mlops_catalog.job_event AS e JOIN mlops.jobs AS j ON j.job_id OPERATOR(pg_catalog.=) e.job_id;
COMMENT ON VIEW mlops.job_events IS 'Every change of state of the jobs you see, and every request about them';
COMMENT ON COLUMN mlops.job_events.job_id IS 'Job';
COMMENT ON COLUMN mlops.job_events.at IS 'When';
COMMENT ON COLUMN mlops.job_events.event IS
	'State it came into; or cancel requested; or skipped: another one with its key was not submitted because of it';
COMMENT ON COLUMN mlops.job_events.attempt IS 'Attempt it belongs to, from 1; 0 before the first';
COMMENT ON COLUMN mlops.job_events.error IS 'Error the attempt ended with';
COMMENT ON COLUMN mlops.job_events.role IS 'Who asked for it, NULL where nobody did';
COMMENT ON COLUMN mlops.job_events.event_id IS 'Identity, rising in time';
GRANT SELECT ON mlops.job_events TO PUBLIC;

CREATE FUNCTION mlops_catalog.require_in_person(what text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'mlops_require_in_person';
COMMENT ON FUNCTION mlops_catalog.require_in_person(text) IS 'An error unless a person, known, asks by a statement of his own: not a trigger or a function with rights of its owner, nor a background worker, pg_cron''s say';

CREATE FUNCTION mlops_catalog.require_preload(what text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_require_preload';
COMMENT ON FUNCTION mlops_catalog.require_preload(text) IS 'An error unless mlops is in shared_preload_libraries';

CREATE FUNCTION mlops_catalog.is_preloaded() RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_is_preloaded';
COMMENT ON FUNCTION mlops_catalog.is_preloaded() IS 'Is mlops in shared_preload_libraries?';

CREATE FUNCTION mlops.submit(
	command text,
	timeout interval DEFAULT NULL,
	max_retries int DEFAULT 0,
	priority int DEFAULT 0,
	key text DEFAULT NULL,
	on_conflict text DEFAULT 'queue',
	model text DEFAULT NULL,
	unattended boolean DEFAULT false)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100
	AS 'MODULE_PATHNAME', 'mlops_submit';
COMMENT ON FUNCTION mlops.submit(text, interval, int, int, text, text, text, boolean) IS
	'Queues a statement to run in a background worker, as you and in a transaction of its own, once this transaction has committed; returns its job_id (NULL if on_conflict is skip and another job with the key has not ended). Unattended, it runs only what belongs to you, to superusers or to roles you trust';

CREATE FUNCTION mlops_catalog.mark_upkeep(caller regrole, role regrole, job_id bigint, person regrole) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_mark_upkeep';
COMMENT ON FUNCTION mlops_catalog.mark_upkeep(regrole, regrole, bigint, regrole) IS
	'Says that a job of a role, submitted by this transaction, is a monitor or a retraining that a person set up';

CREATE FUNCTION mlops_catalog.check_statement(statement text) RETURNS void
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_check_statement';
COMMENT ON FUNCTION mlops_catalog.check_statement(text) IS 'An error unless a text is one statement that a job could be, as far as it is written';

CREATE FUNCTION mlops_catalog.parsed_relations(statement text) RETURNS text[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_parsed_relations';
COMMENT ON FUNCTION mlops_catalog.parsed_relations(text) IS 'Tables and views that a SELECT names with their schemas, as far as it is written; an error if it is not one statement';

CREATE FUNCTION mlops_catalog.job_is_lost(job_id bigint) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'mlops_job_is_lost';
COMMENT ON FUNCTION mlops_catalog.job_is_lost(bigint) IS
	'Has no worker of this server a job that is said to be starting or running, nor has one just ended with it?';
REVOKE ALL ON FUNCTION mlops_catalog.job_is_lost(bigint) FROM PUBLIC;

-- A worker commits what becomes of a job, then lets go of it: whether one that no
-- worker had still is said to run is looked up after that.
CREATE FUNCTION mlops_catalog.lost_jobs() RETURNS TABLE (job_id bigint, model text, key text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lost bigint[] := ARRAY(SELECT j.job_id FROM mlops_catalog.job AS j WHERE j.state IN ('starting', 'running') AND mlops_catalog.job_is_lost(j.job_id));
BEGIN
	RETURN QUERY SELECT j.job_id, j.model, j.key FROM mlops_catalog.job AS j
		WHERE j.job_id = ANY (lost) AND j.state IN ('starting', 'running') AND mlops_catalog.job_is_lost(j.job_id);
END
$$;
COMMENT ON FUNCTION mlops_catalog.lost_jobs() IS 'Jobs that are said to be starting or running, and that no process has';
REVOKE ALL ON FUNCTION mlops_catalog.lost_jobs() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.end_lost_job(caller regrole, job_id bigint, may_retry boolean) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_end_lost_job';
COMMENT ON FUNCTION mlops_catalog.end_lost_job(regrole, bigint, boolean) IS
	'A job that is said to run and that no process has: it has crashed, and is tried again if it may be; false if it has not, or is locked';

CREATE FUNCTION mlops.cancel(job_id bigint) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 100
	AS 'MODULE_PATHNAME', 'mlops_cancel';
COMMENT ON FUNCTION mlops.cancel(bigint) IS
	'Cancels a job: a queued one at commit, a running one at once; false if it had ended already';

CREATE FUNCTION mlops_catalog.visible_job(job_id bigint) RETURNS SETOF mlops.jobs
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT * FROM mlops.jobs AS j WHERE j.job_id = visible_job.job_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'job % does not exist', coalesce(job_id::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'View mlops.jobs lists the jobs you may see.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.visible_job(bigint) IS 'The row of mlops.jobs; an error if there is none';

CREATE FUNCTION mlops_catalog.progress_line(job_id bigint) RETURNS text
	LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(' ', p.command, p.subject, CASE WHEN p.percent IS NOT NULL THEN p.bar END,
		nullif(p.phase, 'running'), CASE WHEN p.done IS NOT NULL THEN concat_ws('/', p.done::bigint, p.total::bigint) END,
		'metric ' || round(p.metric::numeric, 4),
		'about ' || ceil(extract(epoch FROM p.remaining))::int || ' s left')
	FROM mlops.job_progress AS p WHERE p.job_id = progress_line.job_id ORDER BY p.started_at, p.pid LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.progress_line(bigint) IS 'How far a job is, in a line; NULL if it does not run';

CREATE FUNCTION mlops_catalog.is_given_up(job mlops.jobs) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT job.state = 'failed' AND job.attempts BETWEEN 1 AND job.max_retries $$;
COMMENT ON FUNCTION mlops_catalog.is_given_up(mlops.jobs) IS 'Has a job failed by an error that the next attempt would meet again, with retries left?';

-- In the end errors are told, those of earlier attempts too.
CREATE FUNCTION mlops_catalog.look_at_job(job_id bigint, is_last boolean, OUT ended boolean, OUT state text, OUT line text)
	LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job mlops.jobs;
BEGIN
	PERFORM mlops_catalog.require_preload('mlops.wait()');
	job := (SELECT j FROM mlops_catalog.visible_job(look_at_job.job_id) AS j);
	ended := job.ended_at IS NOT NULL;
	state := job.state;
	line := concat_ws(' ', job.state, nullif(mlops_catalog.progress_line(look_at_job.job_id), ''));
	IF (ended OR is_last) AND job.error IS NOT NULL THEN
		RAISE NOTICE 'job %: % after attempt %: %', job_id, job.state, job.attempts, job.error ->> 'message';
		IF mlops_catalog.is_given_up(job) THEN
			RAISE NOTICE 'job % is not tried again: the next attempt would meet the same error', job_id;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.look_at_job(bigint, boolean) IS 'What mlops.wait goes by: has a job ended, its state, and how far it is';

CREATE PROCEDURE mlops.wait(job_id bigint, timeout interval DEFAULT NULL, INOUT state text DEFAULT NULL)
	LANGUAGE c AS 'MODULE_PATHNAME', 'mlops_wait';
COMMENT ON PROCEDURE mlops.wait(bigint, interval, text) IS
	'Waits until a job has ended, or for as long as timeout says, and returns its state; reports its progress about once a second and commits between looks';

CREATE FUNCTION mlops.result(job_id bigint) RETURNS jsonb
	LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'mlops_as_caller';
COMMENT ON FUNCTION mlops.result(bigint) IS
	'Rows that a job returned, as an array of objects (NULL for a statement without rows); if the job failed, raises its error';
CREATE FUNCTION mlops_catalog.result(job_id bigint) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job mlops.jobs;
BEGIN
	PERFORM mlops_catalog.require_preload('mlops.result()');
	job := (SELECT j FROM mlops_catalog.visible_job(result.job_id) AS j);
	IF job.state = 'succeeded' THEN
		RETURN job.result;
	ELSIF job.ended_at IS NULL THEN
		RAISE EXCEPTION 'job % has not ended: it is %', job_id, job.state
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Wait for it with CALL mlops.wait(%s).', job_id);
	END IF;
	RAISE EXCEPTION 'job % %: %', job_id, CASE job.state WHEN 'cancelled' THEN 'was ' ELSE 'has ' END || replace(job.state, '_', ' '), coalesce(job.error ->> 'message', 'before it began')
		USING ERRCODE = coalesce(job.error ->> 'sqlstate', '57014'),
			DETAIL = concat_ws(E'\n', job.error ->> 'detail', format('This was attempt %s.', job.attempts),
				CASE WHEN mlops_catalog.is_given_up(job) THEN 'It is not tried again: the next attempt would meet the same error.' END),
			HINT = coalesce(job.error ->> 'hint', format('mlops.jobs and mlops.job_events show more of job %s.', job_id));
END
$$;
