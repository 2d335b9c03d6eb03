-- Jobs, and what happened to them.

CREATE TABLE mlops_catalog.job (
	job_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT job_pkey PRIMARY KEY,
	command text NOT NULL,
	owner regrole NOT NULL,
	state text NOT NULL DEFAULT 'queued' CONSTRAINT job_state_check CHECK (state OPERATOR(pg_catalog.=) ANY ('{queued,starting,running,succeeded,failed,cancelled,crashed,timed_out}'::pg_catalog.text[])),
	model text,
	priority int NOT NULL,
	key text,
	settings jsonb,
	timeout interval,
	max_retries int NOT NULL,
	attempts int NOT NULL DEFAULT 0,
	run_after timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	pid int,
	rows bigint,
	result jsonb,
	error jsonb,
	run_ms float8,
	peak_memory bigint,
	submitted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_at timestamptz,
	ended_at timestamptz,
	unattended boolean NOT NULL DEFAULT false,
	upkeep boolean NOT NULL DEFAULT false,
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	in_person boolean NOT NULL DEFAULT mlops_catalog.in_person()
);
COMMENT ON TABLE mlops_catalog.job IS 'Statements that were submitted to run in background workers';
COMMENT ON COLUMN mlops_catalog.job.job_id IS 'Identity, rising in the order of submission';
COMMENT ON COLUMN mlops_catalog.job.command IS 'Statement';
COMMENT ON COLUMN mlops_catalog.job.owner IS 'Role that submitted it, and that it runs as';
COMMENT ON COLUMN mlops_catalog.job.state IS 'queued, starting, running; ended as succeeded, failed, cancelled, crashed or timed_out';
COMMENT ON COLUMN mlops_catalog.job.model IS 'Model it is for: members of the model''s owner see and cancel it too';
COMMENT ON COLUMN mlops_catalog.job.priority IS 'Higher ones first, among the jobs of one role';
COMMENT ON COLUMN mlops_catalog.job.key IS 'Jobs of one role with the same key never run beside each other';
COMMENT ON COLUMN mlops_catalog.job.settings IS 'What the submitting session had set';
COMMENT ON COLUMN mlops_catalog.job.timeout IS 'Time limit of an attempt, NULL: none';
COMMENT ON COLUMN mlops_catalog.job.max_retries IS 'How often it is tried again after it failed, crashed or timed out';
COMMENT ON COLUMN mlops_catalog.job.attempts IS 'How often it was begun';
COMMENT ON COLUMN mlops_catalog.job.run_after IS 'Not before';
COMMENT ON COLUMN mlops_catalog.job.pid IS 'Process that runs it';
COMMENT ON COLUMN mlops_catalog.job.rows IS 'Rows it returned or changed';
COMMENT ON COLUMN mlops_catalog.job.result IS 'Rows it returned, the first 1000 and at most 16 MB, as an array of objects';
COMMENT ON COLUMN mlops_catalog.job.error IS 'Error of the last attempt: sqlstate, message, detail, hint, context';
COMMENT ON COLUMN mlops_catalog.job.run_ms IS 'Milliseconds the last attempt ran';
COMMENT ON COLUMN mlops_catalog.job.peak_memory IS 'Bytes its process had in memory at the highest, shared buffers it touched included';
COMMENT ON COLUMN mlops_catalog.job.submitted_at IS 'When it was submitted';
COMMENT ON COLUMN mlops_catalog.job.started_at IS 'When the last attempt began';
COMMENT ON COLUMN mlops_catalog.job.ended_at IS 'When it ended for good';
COMMENT ON COLUMN mlops_catalog.job.upkeep IS 'Is it a monitor or a retraining? A worker is kept for those';
COMMENT ON COLUMN mlops_catalog.job.person IS 'Who is behind owner: role that the submitting session was opened as, or who set up what submitted it';
COMMENT ON COLUMN mlops_catalog.job.in_person IS 'Did person ask for it by a statement of his own? If not, whoever may take owner can be behind it';
COMMENT ON COLUMN mlops_catalog.job.unattended IS 'Does it run by itself, and therefore only what its role trusts?';
CREATE INDEX job_queued_idx ON mlops_catalog.job (owner, priority DESC, job_id) WHERE state OPERATOR(pg_catalog.=) 'queued';
CREATE INDEX job_queued_key_idx ON mlops_catalog.job (owner, key, priority DESC, job_id)
	WHERE state OPERATOR(pg_catalog.=) 'queued' AND key IS NOT NULL;
CREATE INDEX job_running_idx ON mlops_catalog.job (job_id) WHERE state OPERATOR(pg_catalog.=) ANY ('{starting,running}'::pg_catalog.text[]);
CREATE INDEX job_ended_at_idx ON mlops_catalog.job (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX job_unfinished_idx ON mlops_catalog.job (owner, key, state) WHERE ended_at IS NULL;
-- a dump restored somewhere else must not begin to work there
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.job', 'WHERE ended_at IS NOT NULL');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.job_job_id_seq', '');

CREATE TABLE mlops_catalog.job_event (
	event_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT job_event_pkey PRIMARY KEY,
	job_id bigint NOT NULL CONSTRAINT job_event_job_id_fkey REFERENCES mlops_catalog.job ON DELETE CASCADE,
	event text NOT NULL,
	attempt int NOT NULL,
	error jsonb,
	role regrole,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.job_event IS 'Every change of a job''s state, and what was asked of it';
COMMENT ON COLUMN mlops_catalog.job_event.event_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops_catalog.job_event.job_id IS 'Job';
COMMENT ON COLUMN mlops_catalog.job_event.event IS
	'State it came into; or cancel requested; or skipped: another one with its key was not submitted because of it';
COMMENT ON COLUMN mlops_catalog.job_event.attempt IS 'Attempt it belongs to, from 1; 0 before the first';
COMMENT ON COLUMN mlops_catalog.job_event.error IS 'Error the attempt ended with';
COMMENT ON COLUMN mlops_catalog.job_event.role IS 'Who asked for it, NULL where nobody did';
COMMENT ON COLUMN mlops_catalog.job_event.at IS 'When';
CREATE INDEX job_event_job_id_idx ON mlops_catalog.job_event (job_id, event_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.job_event',
	'WHERE job_id IN (SELECT j.job_id FROM mlops_catalog.job AS j WHERE j.ended_at IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.job_event_event_id_seq', '');
