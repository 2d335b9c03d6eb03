-- Jobs at fixed times.

CREATE TABLE mlops_catalog.schedule (
	owner regrole NOT NULL,
	name text NOT NULL CONSTRAINT schedule_name_check CHECK (name COLLATE "C" OPERATOR(pg_catalog.~) '^[^[:cntrl:]]{1,100}$'),
	cron text NOT NULL,
	command text NOT NULL,
	cron_job_id bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	timeout interval,
	max_retries int NOT NULL,
	priority int NOT NULL,
	model text,
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	CONSTRAINT schedule_pkey PRIMARY KEY (owner, name)
);
COMMENT ON TABLE mlops_catalog.schedule IS 'Statements that pg_cron submits as jobs';
COMMENT ON COLUMN mlops_catalog.schedule.owner IS 'Role that scheduled it, and that it runs as';
COMMENT ON COLUMN mlops_catalog.schedule.name IS 'Name, unique for the role; its jobs have the key "schedule NAME"';
COMMENT ON COLUMN mlops_catalog.schedule.cron IS 'Cron expression';
COMMENT ON COLUMN mlops_catalog.schedule.command IS 'Statement';
COMMENT ON COLUMN mlops_catalog.schedule.cron_job_id IS 'Number that pg_cron gave it';
COMMENT ON COLUMN mlops_catalog.schedule.created_at IS 'When it was scheduled first';
COMMENT ON COLUMN mlops_catalog.schedule.timeout IS 'Time limit of its jobs, NULL: mlops.job_timeout';
COMMENT ON COLUMN mlops_catalog.schedule.max_retries IS 'How often a job of it is tried again';
COMMENT ON COLUMN mlops_catalog.schedule.priority IS 'Priority of its jobs';
COMMENT ON COLUMN mlops_catalog.schedule.person IS 'Who is behind owner: role that the session was opened as';
COMMENT ON COLUMN mlops_catalog.schedule.model IS 'Model that its jobs are for';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.schedule', '');
