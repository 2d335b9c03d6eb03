-- What people read about tunings.

CREATE VIEW mlops.studies WITH (security_barrier) AS
SELECT s.study_id, s.model, e.name AS experiment, s.method, s.pruner, s.space, s.folds, s.metric,
	t.trials, t.finished, t.pruned, t.failed, t.best_value, t.best_trial, s.dataset_id, s.seed, s.owner, s.created_at, t.ended_at
FROM mlops_catalog.study s
JOIN mlops_catalog.experiment e ON e.experiment_id OPERATOR(pg_catalog.=) s.experiment_id
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) AS trials,
		pg_catalog.count(*) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished') AS finished,
		pg_catalog.count(*) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'pruned') AS pruned,
		pg_catalog.count(*) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'failed') AS failed,
		CASE WHEN s.maximise THEN pg_catalog.max(t.value) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished')
			ELSE pg_catalog.min(t.value) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished') END AS best_value,
		(pg_catalog.array_agg(t.number ORDER BY CASE WHEN s.maximise THEN OPERATOR(pg_catalog.-) t.value ELSE t.value END, t.number)
			FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished'))[1] AS best_trial,
		pg_catalog.max(t.ended_at) AS ended_at
	FROM mlops_catalog.counted_trial t WHERE t.study_id OPERATOR(pg_catalog.=) s.study_id) t
WHERE mlops_catalog.may_use_named(s.owner, CASE WHEN NOT s.model_dropped THEN s.model END);
COMMENT ON VIEW mlops.studies IS 'Tunings: the space that was searched, how, and the best value found';
COMMENT ON COLUMN mlops.studies.study_id IS 'Identity';
COMMENT ON COLUMN mlops.studies.model IS 'Model';
COMMENT ON COLUMN mlops.studies.experiment IS 'Experiment that the trials'' runs belong to';
COMMENT ON COLUMN mlops.studies.method IS 'grid, random, tpe or gp';
COMMENT ON COLUMN mlops.studies.pruner IS 'none, median, asha or hyperband, or JSON with its name and settings';
COMMENT ON COLUMN mlops.studies.space IS 'Search space';
COMMENT ON COLUMN mlops.studies.folds IS 'How trials are judged by cross-validation; NULL: on the validation rows';
COMMENT ON COLUMN mlops.studies.metric IS 'Metric that decides';
COMMENT ON COLUMN mlops.studies.trials IS 'Trials that ended';
COMMENT ON COLUMN mlops.studies.finished IS 'Those that went to their end';
COMMENT ON COLUMN mlops.studies.pruned IS 'Those that were stopped because they did poorly';
COMMENT ON COLUMN mlops.studies.failed IS 'Those that ended with an error';
COMMENT ON COLUMN mlops.studies.best_value IS 'Best value of the metric';
COMMENT ON COLUMN mlops.studies.best_trial IS 'Trial that reached it';
COMMENT ON COLUMN mlops.studies.dataset_id IS 'Data it read, see mlops.datasets';
COMMENT ON COLUMN mlops.studies.seed IS 'Seed of all random numbers';
COMMENT ON COLUMN mlops.studies.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops.studies.created_at IS 'When it began';
COMMENT ON COLUMN mlops.studies.ended_at IS 'When its last trial so far ended';
GRANT SELECT ON mlops.studies TO PUBLIC;

CREATE VIEW mlops.trials WITH (security_barrier) AS
SELECT s.model, s.study_id, t.number AS trial, t.state, s.metric, t.value,
	CASE WHEN s.maximise THEN pg_catalog.max(t.value) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished') OVER so_far
		ELSE pg_catalog.min(t.value) FILTER (WHERE t.state OPERATOR(pg_catalog.=) 'finished') OVER so_far END AS best_so_far,
	t.algorithm, t.params, t.steps, t.error, t.run_id, s.owner,
	pg_catalog.round(EXTRACT(epoch FROM t.ended_at OPERATOR(pg_catalog.-) t.started_at) OPERATOR(pg_catalog.*) 1000, 1) AS trial_ms,
	t.started_at, t.ended_at
FROM mlops_catalog.counted_trial t JOIN mlops_catalog.study s ON s.study_id OPERATOR(pg_catalog.=) t.study_id
WHERE mlops_catalog.may_use_named(s.owner, CASE WHEN NOT s.model_dropped THEN s.model END)
WINDOW so_far AS (PARTITION BY t.study_id ORDER BY t.number);
COMMENT ON VIEW mlops.trials IS 'Trials of tunings; their curves are in mlops.run_metrics';
COMMENT ON COLUMN mlops.trials.model IS 'Model';
COMMENT ON COLUMN mlops.trials.study_id IS 'Study, see mlops.studies';
COMMENT ON COLUMN mlops.trials.trial IS 'Number in the study, from 0';
COMMENT ON COLUMN mlops.trials.state IS 'finished, pruned or failed';
COMMENT ON COLUMN mlops.trials.metric IS 'Metric on the validation rows, or its mean over the folds';
COMMENT ON COLUMN mlops.trials.value IS 'Its value; of a pruned trial where it was stopped';
COMMENT ON COLUMN mlops.trials.best_so_far IS 'Best value of this and all trials of lower number';
COMMENT ON COLUMN mlops.trials.algorithm IS 'Learner';
COMMENT ON COLUMN mlops.trials.params IS 'Values of the parameters that are searched';
COMMENT ON COLUMN mlops.trials.steps IS 'Rounds or iterations it went, or folds';
COMMENT ON COLUMN mlops.trials.error IS 'Why it failed';
COMMENT ON COLUMN mlops.trials.run_id IS 'Its run';
COMMENT ON COLUMN mlops.trials.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops.trials.trial_ms IS 'Milliseconds it took';
COMMENT ON COLUMN mlops.trials.started_at IS 'When it began';
COMMENT ON COLUMN mlops.trials.ended_at IS 'When it ended';
GRANT SELECT ON mlops.trials TO PUBLIC;

-- One-way analysis of variance of the values over each parameter alone: numbers
-- of more than 8 different values are cut into up to 8 groups of equal count,
-- trials without the parameter are a group.  The share is omega squared (Hays
-- 1963): what the groups explain less what chance would, not below 0.
CREATE VIEW mlops.tuning_importance WITH (security_barrier) AS
WITH ended AS (
	SELECT t.study_id, t.number, t.params, t.value,
		pg_catalog.count(*) OVER study AS n,
		pg_catalog.var_pop(t.value) OVER study OPERATOR(pg_catalog.*) pg_catalog.count(*) OVER study AS total,
		pg_catalog.avg(t.value) OVER study AS mean
	FROM mlops_catalog.counted_trial t
	WHERE t.state OPERATOR(pg_catalog.<>) 'failed'
	WINDOW study AS (PARTITION BY t.study_id)
), parameter AS (
	SELECT DISTINCT e.study_id, k.name
	FROM ended e CROSS JOIN LATERAL pg_catalog.jsonb_object_keys(e.params) AS k (name)
), observed AS (
	SELECT e.study_id, p.name, e.value, e.n, e.total, e.mean,
		e.params OPERATOR(pg_catalog.->) p.name AS setting,
		pg_catalog.jsonb_typeof(e.params OPERATOR(pg_catalog.->) p.name) OPERATOR(pg_catalog.=) 'number' AS is_number
	FROM ended e JOIN parameter p ON p.study_id OPERATOR(pg_catalog.=) e.study_id
), ranked AS (
	SELECT o.*,
		pg_catalog.dense_rank() OVER setting OPERATOR(pg_catalog.+)
			pg_catalog.dense_rank() OVER falling OPERATOR(pg_catalog.-) 1 AS settings,
		pg_catalog.rank() OVER setting OPERATOR(pg_catalog.-) 1 AS below,
		pg_catalog.count(*) OVER (PARTITION BY o.study_id, o.name, o.is_number) AS present
	FROM observed o
	WINDOW setting AS (PARTITION BY o.study_id, o.name, o.is_number ORDER BY o.setting),
		falling AS (PARTITION BY o.study_id, o.name, o.is_number ORDER BY o.setting DESC)
), grouped AS (
	SELECT r.study_id, r.name, r.n, r.total, r.mean, r.value,
		CASE WHEN r.is_number AND r.settings OPERATOR(pg_catalog.>) 8
			THEN (r.below OPERATOR(pg_catalog.*) LEAST(8, GREATEST(1, r.present OPERATOR(pg_catalog./) 4))
				OPERATOR(pg_catalog./) r.present)::pg_catalog.text
			ELSE r.setting::pg_catalog.text END AS part
	FROM ranked r
), part AS (
	SELECT g.study_id, g.name, g.n, g.total, g.part,
		pg_catalog.count(*) OPERATOR(pg_catalog.*) (pg_catalog.avg(g.value) OPERATOR(pg_catalog.-) g.mean)
			OPERATOR(pg_catalog.*) (pg_catalog.avg(g.value) OPERATOR(pg_catalog.-) g.mean) AS between_groups
	FROM grouped g GROUP BY g.study_id, g.name, g.n, g.total, g.mean, g.part
), analysis AS (
	SELECT p.study_id, p.name, p.n, p.total, pg_catalog.count(*) AS k, pg_catalog.sum(p.between_groups) AS explained
	FROM part p GROUP BY p.study_id, p.name, p.n, p.total
)
SELECT s.model, a.study_id, a.name AS parameter,
	CASE WHEN a.n OPERATOR(pg_catalog.<) 8 OR a.total OPERATOR(pg_catalog.<=) 0 OR a.n OPERATOR(pg_catalog.<=) a.k THEN NULL
		ELSE GREATEST(0, (a.explained OPERATOR(pg_catalog.-) ((a.k OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog.*) w.within))
			OPERATOR(pg_catalog./) (a.total OPERATOR(pg_catalog.+) w.within)) END AS share,
	a.k AS groups, a.n AS trials, s.owner,
	CASE WHEN a.n OPERATOR(pg_catalog.<) 8 THEN pg_catalog.format('%s trials tell nothing: from 8 on there is a share, from 30 on it tells something', a.n)
		WHEN a.total OPERATOR(pg_catalog.<=) 0 THEN 'all trials have the same value'
		WHEN a.n OPERATOR(pg_catalog.<=) a.k THEN pg_catalog.format('no two of %s trials are alike in it: with more trials its values are taken together', a.n)
		WHEN a.n OPERATOR(pg_catalog.<) 30 THEN pg_catalog.format('%s trials tell little: 30 or more tell something', a.n) END AS remark
FROM analysis a
JOIN mlops_catalog.study s ON s.study_id OPERATOR(pg_catalog.=) a.study_id
CROSS JOIN LATERAL (SELECT (a.total OPERATOR(pg_catalog.-) a.explained)
	OPERATOR(pg_catalog./) CASE WHEN a.n OPERATOR(pg_catalog.<>) a.k THEN a.n OPERATOR(pg_catalog.-) a.k END AS within) w
WHERE mlops_catalog.may_use_named(s.owner, CASE WHEN NOT s.model_dropped THEN s.model END);
COMMENT ON VIEW mlops.tuning_importance IS 'How much of the differences between a study''s trials each parameter explains alone (omega squared of a one-way analysis of variance)';
COMMENT ON COLUMN mlops.tuning_importance.model IS 'Model';
COMMENT ON COLUMN mlops.tuning_importance.study_id IS 'Study, see mlops.studies';
COMMENT ON COLUMN mlops.tuning_importance.parameter IS 'Parameter; algorithm if there are several';
COMMENT ON COLUMN mlops.tuning_importance.share IS 'Share of the variance, 0 to 1, 0: no more than chance would explain; NULL where nothing can be said: with fewer than 8 trials, without any variance, or with no more trials than groups, as when each trial had a value of its own. 30 trials or more tell something';
COMMENT ON COLUMN mlops.tuning_importance.groups IS 'Groups of values that were compared';
COMMENT ON COLUMN mlops.tuning_importance.trials IS 'Trials with a value';
COMMENT ON COLUMN mlops.tuning_importance.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops.tuning_importance.remark IS 'Why there is no share, or little to say of it; NULL where there is enough';
GRANT SELECT ON mlops.tuning_importance TO PUBLIC;
