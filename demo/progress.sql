-- How far a job is: its state, the phase it is in, and a line to show.  Variable: job.
-- A bar is of its phase, and there is none where nobody knows how much there is to do.

SELECT j.state, coalesce(p.phase, j.state),
	CASE WHEN j.ended_at IS NOT NULL THEN
		concat_ws(' ', mlops.progress_bar(100 * (j.state = 'succeeded')::int, 30), j.state, j.error ->> 'message')
	ELSE
		concat_ws(' ', CASE WHEN p.percent IS NOT NULL THEN mlops.progress_bar(p.percent, 30) END, coalesce('phase ' || p.phase, j.state),
			CASE WHEN p.total IS NOT NULL THEN format('%s of %s', p.done, p.total) END,
			'average precision ' || round(p.metric::numeric, 3),
			'about ' || ceil(extract(epoch FROM p.remaining)) || ' s left')
	END
FROM mlops.jobs AS j LEFT JOIN mlops.job_progress AS p USING (job_id)
WHERE j.job_id = :job;
