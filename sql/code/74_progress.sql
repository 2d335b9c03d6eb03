-- How far long calls are: of jobs and of any other session.

CREATE FUNCTION mlops_catalog.progress()
	RETURNS TABLE (job_id bigint, pid int, role regrole, command text, subject text, phase text, done float8, total float8,
		percent float8, metric float8, elapsed interval, remaining interval, started_at timestamptz, updated_at timestamptz)
	LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'mlops_progress';
COMMENT ON FUNCTION mlops_catalog.progress() IS
	'How far long calls in this database are, read from shared memory: those of roles you are a member of (pg_read_all_stats: all)';

CREATE FUNCTION mlops.progress_bar(percent float8, width int DEFAULT 20) RETURNS text
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'mlops_progress_bar';
COMMENT ON FUNCTION mlops.progress_bar(float8, int) IS
	'A text bar, width characters wide, with the percentage; empty for NULL';

CREATE VIEW mlops.job_progress WITH (security_barrier) AS
SELECT p.job_id, p.command, p.subject, p.phase, p.done, p.total, p.percent, p.metric, p.elapsed, p.remaining,
	mlops.progress_bar(p.percent) AS bar, p.pid, p.role, p.started_at, p.updated_at
FROM mlops_catalog.progress() AS p;
COMMENT ON VIEW mlops.job_progress IS
	'Progress of jobs, and of long calls in other sessions; empty unless mlops is preloaded';
COMMENT ON COLUMN mlops.job_progress.job_id IS 'Job, see mlops.jobs; NULL for a call in somebody''s session';
COMMENT ON COLUMN mlops.job_progress.command IS 'Long call: train, score_table, evaluate ...; NULL while a job does none of them';
COMMENT ON COLUMN mlops.job_progress.subject IS 'Model it is about';
COMMENT ON COLUMN mlops.job_progress.phase IS 'Phase it is in';
COMMENT ON COLUMN mlops.job_progress.done IS 'Units of the phase that are done: rows read, boosting rounds, trials';
COMMENT ON COLUMN mlops.job_progress.total IS 'Units of the phase, NULL if not known; of rows the planner''s estimate';
COMMENT ON COLUMN mlops.job_progress.percent IS 'done of total';
COMMENT ON COLUMN mlops.job_progress.metric IS 'Validation metric so far';
COMMENT ON COLUMN mlops.job_progress.elapsed IS 'Since the call (or the job) began';
COMMENT ON COLUMN mlops.job_progress.remaining IS 'Estimate for the phase, from its pace so far';
COMMENT ON COLUMN mlops.job_progress.bar IS 'percent as a bar in text';
COMMENT ON COLUMN mlops.job_progress.pid IS 'Process';
COMMENT ON COLUMN mlops.job_progress.role IS 'Role that runs it';
COMMENT ON COLUMN mlops.job_progress.started_at IS 'When the call (or the job) began';
COMMENT ON COLUMN mlops.job_progress.updated_at IS 'When it last reported its progress';
GRANT SELECT ON mlops.job_progress TO PUBLIC;
