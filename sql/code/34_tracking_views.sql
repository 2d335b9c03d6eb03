-- Views people read.  They show what belongs to roles the user is a member of,
-- and models on which the user has a privilege;
-- security barriers keep a user's own functions from seeing the rest.

CREATE FUNCTION mlops_catalog.coefficients(model text, version int)
	RETURNS TABLE (term int, feature text, kind text, level text, mean float8, scale float8,
		coefficient float8, standard_error float8, z float8, p_value float8)
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_coefficients';
COMMENT ON FUNCTION mlops_catalog.coefficients(text, int) IS 'Terms of a linear model''s version, the intercept first; no rows for trees';

CREATE FUNCTION mlops_catalog.feature_importance(model text, version int)
	RETURNS TABLE (feature text, gain float8, splits bigint)
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
	AS 'MODULE_PATHNAME', 'mlops_feature_importance';
COMMENT ON FUNCTION mlops_catalog.feature_importance(text, int) IS 'Gain and number of splits of each feature of a tree model''s version; no rows for linear models';

-- Views and checks read what others stored: a value that is none is NULL there and
-- an error nowhere.
CREATE FUNCTION mlops_catalog.number_of(object jsonb, key text) RETURNS float8
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(object -> key) <> 'number' THEN NULL
		WHEN abs((object ->> key)::numeric) > 1.7e308 THEN NULL
		WHEN abs((object ->> key)::numeric) < 1e-300 THEN 0 ELSE (object ->> key)::float8 END
$$;
COMMENT ON FUNCTION mlops_catalog.number_of(jsonb, text) IS 'The number under a key of a JSON object, NULL if there is none';

CREATE VIEW mlops.algorithms WITH (security_barrier) AS
SELECT algorithm, parameter, type, default_value, minimum, maximum, choices, meaning, description
FROM mlops_catalog.learner_parameters();
COMMENT ON VIEW mlops.algorithms IS 'Learners and their parameters';
COMMENT ON COLUMN mlops.algorithms.algorithm IS 'Learner';
COMMENT ON COLUMN mlops.algorithms.parameter IS 'Key in params';
COMMENT ON COLUMN mlops.algorithms.type IS 'Type of its value';
COMMENT ON COLUMN mlops.algorithms.default_value IS 'Value if it is not given';
COMMENT ON COLUMN mlops.algorithms.minimum IS 'Least value allowed';
COMMENT ON COLUMN mlops.algorithms.maximum IS 'Greatest value allowed';
COMMENT ON COLUMN mlops.algorithms.choices IS 'Values allowed';
COMMENT ON COLUMN mlops.algorithms.meaning IS 'What it does';
COMMENT ON COLUMN mlops.algorithms.description IS 'What the learner is';
GRANT SELECT ON mlops.algorithms TO PUBLIC;

CREATE VIEW mlops.experiments WITH (security_barrier) AS
SELECT e.name AS experiment, e.experiment_id,
	(SELECT pg_catalog.count(*) FROM mlops_catalog.run r WHERE r.experiment_id OPERATOR(pg_catalog.=) e.experiment_id
		AND r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END)) AS runs,
	e.owner, e.created_at
FROM mlops_catalog.experiment e
WHERE e.deleted_at IS NULL AND (pg_catalog.pg_has_role(e.owner, 'USAGE')
	OR EXISTS (SELECT 1 FROM mlops_catalog.run r WHERE r.experiment_id OPERATOR(pg_catalog.=) e.experiment_id
		AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END)));
COMMENT ON VIEW mlops.experiments IS 'Experiments of models you may use';
COMMENT ON COLUMN mlops.experiments.experiment IS 'Name';
COMMENT ON COLUMN mlops.experiments.experiment_id IS 'Identity';
COMMENT ON COLUMN mlops.experiments.runs IS 'Number of its runs that you may see';
COMMENT ON COLUMN mlops.experiments.owner IS 'Role that created it';
COMMENT ON COLUMN mlops.experiments.created_at IS 'When';
GRANT SELECT ON mlops.experiments TO PUBLIC;

CREATE VIEW mlops.runs WITH (security_barrier) AS
SELECT r.run_id, e.name AS experiment, r.name, r.model, r.version, r.algorithm, r.status, r.parent_run_id, r.dataset_id, r.target, r.seed, r.tags,
	r.note, r.library_version, r.owner,
	(SELECT m.value FROM mlops_catalog.run_metric m WHERE m.run_id OPERATOR(pg_catalog.=) r.run_id
		AND m.name OPERATOR(pg_catalog.=) 'fit_ms' AND m.step OPERATOR(pg_catalog.=) 0) AS fit_ms,
	pg_catalog.round(EXTRACT(epoch FROM r.ended_at OPERATOR(pg_catalog.-) r.started_at) OPERATOR(pg_catalog.*) 1000, 1) AS train_ms,
	r.started_at, r.ended_at, r.findings
FROM mlops_catalog.run r JOIN mlops_catalog.experiment e ON e.experiment_id OPERATOR(pg_catalog.=) r.experiment_id
WHERE r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END);
COMMENT ON VIEW mlops.runs IS 'Trainings, and runs that people log themselves: their arguments, data, owner and duration';
COMMENT ON COLUMN mlops.runs.run_id IS 'Identity';
COMMENT ON COLUMN mlops.runs.experiment IS 'Experiment';
COMMENT ON COLUMN mlops.runs.name IS 'Name that people gave it';
COMMENT ON COLUMN mlops.runs.model IS 'Model';
COMMENT ON COLUMN mlops.runs.version IS 'Version it produced';
COMMENT ON COLUMN mlops.runs.algorithm IS 'Learner';
COMMENT ON COLUMN mlops.runs.status IS 'running, finished or failed';
COMMENT ON COLUMN mlops.runs.parent_run_id IS 'Run that it is a part of';
COMMENT ON COLUMN mlops.runs.dataset_id IS 'Data it read, see mlops.datasets';
COMMENT ON COLUMN mlops.runs.target IS 'Column that was learned';
COMMENT ON COLUMN mlops.runs.seed IS 'Seed of all random numbers';
COMMENT ON COLUMN mlops.runs.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops.runs.note IS 'Note that people wrote about it';
COMMENT ON COLUMN mlops.runs.library_version IS 'Version of mlops that ran it';
COMMENT ON COLUMN mlops.runs.owner IS 'Role that ran it';
COMMENT ON COLUMN mlops.runs.fit_ms IS 'Milliseconds the learner took';
COMMENT ON COLUMN mlops.runs.train_ms IS 'Milliseconds from start to registration';
COMMENT ON COLUMN mlops.runs.started_at IS 'When it began';
COMMENT ON COLUMN mlops.runs.ended_at IS 'When it ended';
COMMENT ON COLUMN mlops.runs.findings IS 'Findings about its columns: left out (identifier, constant, type: it cannot be a feature, filled: by a trigger that scores), lumped, repeated (an identifier that many rows share), negatives (several values of the target count as negative), or suspected to give the target away; objects of column, finding and detail';
GRANT SELECT ON mlops.runs TO PUBLIC;

CREATE VIEW mlops.run_params WITH (security_barrier) AS
SELECT p.run_id, r.model, r.version, p.name, p.value
FROM mlops_catalog.run_param p JOIN mlops_catalog.run r ON r.run_id OPERATOR(pg_catalog.=) p.run_id
WHERE r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END);
COMMENT ON VIEW mlops.run_params IS 'Parameters of runs, defaults filled in';
COMMENT ON COLUMN mlops.run_params.run_id IS 'Run';
COMMENT ON COLUMN mlops.run_params.model IS 'Model';
COMMENT ON COLUMN mlops.run_params.version IS 'Version it produced';
COMMENT ON COLUMN mlops.run_params.name IS 'Parameter';
COMMENT ON COLUMN mlops.run_params.value IS 'Value as text';
GRANT SELECT ON mlops.run_params TO PUBLIC;

CREATE VIEW mlops.run_metrics WITH (security_barrier) AS
SELECT m.run_id, r.model, r.version, m.name, m.step, m.value, m.recorded_at
FROM mlops_catalog.run_metric m JOIN mlops_catalog.run r ON r.run_id OPERATOR(pg_catalog.=) m.run_id
WHERE r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END);
COMMENT ON VIEW mlops.run_metrics IS 'Metrics of runs: on validation and test, timings of phases, learning curves';
COMMENT ON COLUMN mlops.run_metrics.run_id IS 'Run';
COMMENT ON COLUMN mlops.run_metrics.model IS 'Model';
COMMENT ON COLUMN mlops.run_metrics.version IS 'Version it produced';
COMMENT ON COLUMN mlops.run_metrics.name IS 'Metric, e.g. test_pr_auc, fit_ms or validation_pr_auc';
COMMENT ON COLUMN mlops.run_metrics.step IS 'Round of a learning curve, 0 for single values';
COMMENT ON COLUMN mlops.run_metrics.value IS 'Value; NULL where it is not defined';
COMMENT ON COLUMN mlops.run_metrics.recorded_at IS 'When it was recorded';
GRANT SELECT ON mlops.run_metrics TO PUBLIC;

CREATE VIEW mlops.models WITH (security_barrier) AS
SELECT m.name AS model,
	(SELECT COALESCE(pg_catalog.max(v.version), 0) FROM mlops_catalog.model_version v WHERE v.model_id OPERATOR(pg_catalog.=) m.model_id) AS last_version,
	(SELECT v.version FROM mlops_catalog.deployment_route d JOIN mlops_catalog.model_version v
		ON v.version_id OPERATOR(pg_catalog.=) d.version_id
		WHERE d.model_id OPERATOR(pg_catalog.=) m.model_id AND d.variant OPERATOR(pg_catalog.=) 'primary') AS deployed_version,
	(SELECT v.version FROM mlops_catalog.model_version v WHERE v.model_id OPERATOR(pg_catalog.=) m.model_id
		AND v.stage OPERATOR(pg_catalog.=) 'production') AS production_version,
	m.description, m.limits, m.tags, m.owner, m.created_at
FROM mlops_catalog.model m
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.models IS 'Models you may use';
COMMENT ON COLUMN mlops.models.model IS 'Name';
COMMENT ON COLUMN mlops.models.last_version IS 'Highest version number given';
COMMENT ON COLUMN mlops.models.deployed_version IS 'Version that answers, NULL if none';
COMMENT ON COLUMN mlops.models.production_version IS 'Version in stage production, NULL if none';
COMMENT ON COLUMN mlops.models.description IS 'What it is for';
COMMENT ON COLUMN mlops.models.limits IS 'What it must not be used for, and where it is weak';
COMMENT ON COLUMN mlops.models.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops.models.owner IS 'Role whose members may do everything with it';
COMMENT ON COLUMN mlops.models.created_at IS 'When its first version was registered';
GRANT SELECT ON mlops.models TO PUBLIC;

CREATE VIEW mlops.versions WITH (security_barrier) AS
SELECT m.name AS model, v.version, v.algorithm, v.stage,
	(SELECT pg_catalog.array_agg(a.alias ORDER BY a.alias) FROM mlops_catalog.alias a
		WHERE a.version_id OPERATOR(pg_catalog.=) v.version_id) AS aliases,
	(SELECT d.variant FROM mlops_catalog.deployment_route d WHERE d.version_id OPERATOR(pg_catalog.=) v.version_id LIMIT 1) AS deployed_as,
	pg_catalog.encode(v.sha256, 'hex') AS sha256, shown.metrics,
	mlops_catalog.number_of(shown.metrics, 'pr_auc') AS pr_auc,
	mlops_catalog.number_of(shown.metrics, 'roc_auc') AS roc_auc,
	v.threshold, ds.train_rows, ds.validation_rows, ds.test_rows, ds.positives, v.target, v.positive, v.signature, v.size,
	v.description, v.tags, v.run_id, v.owner, v.created_at
FROM mlops_catalog.model_version v
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id
JOIN mlops_catalog.run r ON r.run_id OPERATOR(pg_catalog.=) v.run_id
CROSS JOIN LATERAL (SELECT CASE WHEN mlops_catalog.may_use(m.owner, m.model_id) THEN v.metrics END AS metrics) AS shown
LEFT JOIN mlops_catalog.dataset ds ON ds.dataset_id OPERATOR(pg_catalog.=) r.dataset_id AND shown.metrics IS NOT NULL
WHERE v.dropped_at IS NULL AND mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.versions IS 'Versions of models you may use; metrics of their training take the privilege to view the model';
COMMENT ON COLUMN mlops.versions.model IS 'Model';
COMMENT ON COLUMN mlops.versions.version IS 'Number within the model';
COMMENT ON COLUMN mlops.versions.algorithm IS 'Learner';
COMMENT ON COLUMN mlops.versions.stage IS 'none, staging, production or archived';
COMMENT ON COLUMN mlops.versions.aliases IS 'Names that stand for it in model@alias';
COMMENT ON COLUMN mlops.versions.deployed_as IS 'Variant it answers as, NULL if it is not deployed';
COMMENT ON COLUMN mlops.versions.sha256 IS 'SHA-256 of its bytes: its identity';
COMMENT ON COLUMN mlops.versions.metrics IS 'All metrics, on the rows named in judged_on; the threshold was chosen on those named in threshold_chosen_on';
COMMENT ON COLUMN mlops.versions.pr_auc IS 'Average precision';
COMMENT ON COLUMN mlops.versions.roc_auc IS 'Area under the ROC curve';
COMMENT ON COLUMN mlops.versions.threshold IS 'Scores at or above it are flagged';
COMMENT ON COLUMN mlops.versions.train_rows IS 'Rows learned from';
COMMENT ON COLUMN mlops.versions.validation_rows IS 'Rows for early stopping and the threshold';
COMMENT ON COLUMN mlops.versions.test_rows IS 'Rows judged on';
COMMENT ON COLUMN mlops.versions.positives IS 'Positive rows in the source';
COMMENT ON COLUMN mlops.versions.target IS 'Column it predicts';
COMMENT ON COLUMN mlops.versions.positive IS 'Value of the target that counts as positive';
COMMENT ON COLUMN mlops.versions.signature IS 'Columns it reads';
COMMENT ON COLUMN mlops.versions.size IS 'Bytes';
COMMENT ON COLUMN mlops.versions.description IS 'What is particular about it';
COMMENT ON COLUMN mlops.versions.tags IS 'Free keys and values';
COMMENT ON COLUMN mlops.versions.run_id IS 'Run that produced it';
COMMENT ON COLUMN mlops.versions.owner IS 'Role that trained it';
COMMENT ON COLUMN mlops.versions.created_at IS 'When it was registered';
GRANT SELECT ON mlops.versions TO PUBLIC;

-- The function shows what the user may see, whoever calls it.
CREATE FUNCTION mlops_catalog.cached_models()
	RETURNS TABLE (version_id bigint, shared boolean, bytes bigint, pins int, hits bigint, last_used timestamptz, cached_at timestamptz)
	LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'mlops_cached_models';
COMMENT ON FUNCTION mlops_catalog.cached_models() IS
	'Versions of this database, of models you may view, in the memory of all sessions or of this one';

CREATE VIEW mlops.cached_models WITH (security_barrier) AS
SELECT m.name AS model, v.version, c.shared, c.bytes, c.pins, c.hits, c.last_used, c.cached_at
FROM mlops_catalog.cached_models() AS c
JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) c.version_id
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id
WHERE v.dropped_at IS NULL AND mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.cached_models IS 'Models in memory: those that all sessions share, and this session''s own';
COMMENT ON COLUMN mlops.cached_models.model IS 'Model';
COMMENT ON COLUMN mlops.cached_models.version IS 'Version';
COMMENT ON COLUMN mlops.cached_models.shared IS 'In shared memory (mlops.shared_cache_size), else this session''s own (mlops.cache_size)';
COMMENT ON COLUMN mlops.cached_models.bytes IS 'Memory it takes';
COMMENT ON COLUMN mlops.cached_models.pins IS 'Sessions that use it at this moment, and so keep it there';
COMMENT ON COLUMN mlops.cached_models.hits IS 'How often a session began to use it since it is there';
COMMENT ON COLUMN mlops.cached_models.last_used IS 'When a session last began to use it';
COMMENT ON COLUMN mlops.cached_models.cached_at IS 'Since when it is there';
GRANT SELECT ON mlops.cached_models TO PUBLIC;

-- What is beyond the times of PostgreSQL was not recorded by a training.
CREATE FUNCTION mlops_catalog.timestamp_of(seconds float8) RETURNS timestamp
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT timestamp '1970-01-01' + seconds * interval '1 second' WHERE seconds BETWEEN -2.1e11 AND 9.2e12 $$;
COMMENT ON FUNCTION mlops_catalog.timestamp_of(float8) IS 'A time as training keeps it, in seconds since 1970, as a timestamp; NULL if it is none';

CREATE VIEW mlops.datasets WITH (security_barrier) AS
SELECT d.dataset_id, d.source, d.query, d.content_hash, d.rows, d.positives, d.unlabelled, d.train_rows, d.validation_rows,
	d.test_rows, d.time_column, d.time_from, d.time_to, d.time_zone, d.columns, d.search_path,
	CASE WHEN d.time_from IS NOT NULL THEN mlops_catalog.timestamp_of(d.test_from) END AS test_from,
	CASE WHEN d.time_from IS NOT NULL THEN mlops_catalog.timestamp_of(d.test_to) END AS test_to, d.tables, d.created_at, d.settings,
	CASE WHEN d.time_from IS NULL THEN d.test_from END AS test_number_from, CASE WHEN d.time_from IS NULL THEN d.test_to END AS test_number_to
FROM mlops_catalog.dataset d
WHERE EXISTS (SELECT 1 FROM mlops_catalog.run r WHERE r.dataset_id OPERATOR(pg_catalog.=) d.dataset_id
	AND r.deleted_at IS NULL AND mlops_catalog.may_use_named(r.owner, CASE WHEN NOT r.model_dropped THEN r.model END));
COMMENT ON VIEW mlops.datasets IS 'What runs read';
COMMENT ON COLUMN mlops.datasets.dataset_id IS 'Identity';
COMMENT ON COLUMN mlops.datasets.source IS 'Table or view, NULL for a query';
COMMENT ON COLUMN mlops.datasets.query IS 'Query that was run';
COMMENT ON COLUMN mlops.datasets.content_hash IS '128-bit hash of all values read, independent of the order of rows';
COMMENT ON COLUMN mlops.datasets.rows IS 'Rows read';
COMMENT ON COLUMN mlops.datasets.positives IS 'Rows with a positive label';
COMMENT ON COLUMN mlops.datasets.unlabelled IS 'Rows without a label, left out';
COMMENT ON COLUMN mlops.datasets.train_rows IS 'Rows learned from';
COMMENT ON COLUMN mlops.datasets.validation_rows IS 'Rows for early stopping and the threshold';
COMMENT ON COLUMN mlops.datasets.test_rows IS 'Rows judged on';
COMMENT ON COLUMN mlops.datasets.time_column IS 'Column the split was made by';
COMMENT ON COLUMN mlops.datasets.time_from IS 'Earliest time, in time_zone';
COMMENT ON COLUMN mlops.datasets.time_to IS 'Latest time, in time_zone';
COMMENT ON COLUMN mlops.datasets.time_zone IS 'Zone that hours and weekdays were taken in';
COMMENT ON COLUMN mlops.datasets.columns IS 'Columns read: name, type and kind; for target, key, time, weight, fold and costs also a summary of their values in the labelled rows';
COMMENT ON COLUMN mlops.datasets.search_path IS 'search_path that names in the query were resolved by';
COMMENT ON COLUMN mlops.datasets.settings IS 'Other settings that give the query its meaning, NULL: not recorded';
COMMENT ON COLUMN mlops.datasets.test_from IS 'Earliest time of the rows judged on, in time_zone';
COMMENT ON COLUMN mlops.datasets.test_to IS 'Latest time of the rows judged on, in time_zone';
COMMENT ON COLUMN mlops.datasets.test_number_from IS 'Least number of the rows judged on, where the time column is numeric';
COMMENT ON COLUMN mlops.datasets.test_number_to IS 'Greatest number of the rows judged on, where the time column is numeric';
COMMENT ON COLUMN mlops.datasets.tables IS 'Tables and views behind the source, with their columns and types then';
COMMENT ON COLUMN mlops.datasets.created_at IS 'When it was read';
GRANT SELECT ON mlops.datasets TO PUBLIC;

CREATE VIEW mlops.coefficients WITH (security_barrier) AS
SELECT m.name AS model, v.version, c.term, c.feature, c.kind, c.level, c.coefficient, c.standard_error, c.z, c.p_value,
	-- exp() refuses what is too large or too small for a number
	CASE WHEN c.coefficient OPERATOR(pg_catalog.>) 709.782712893383 THEN 'Infinity'
		WHEN c.coefficient OPERATOR(pg_catalog.<) -745.1 THEN 0 ELSE pg_catalog.exp(c.coefficient) END AS odds_ratio, c.mean, c.scale
FROM mlops_catalog.model_version v
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id,
LATERAL mlops_catalog.coefficients(m.name, v.version) AS c
WHERE v.dropped_at IS NULL AND mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.coefficients IS 'Coefficients of linear models, of columns as described by kind (values are standardised)';
COMMENT ON COLUMN mlops.coefficients.model IS 'Model';
COMMENT ON COLUMN mlops.coefficients.version IS 'Version';
COMMENT ON COLUMN mlops.coefficients.term IS 'Position, 0 for the intercept';
COMMENT ON COLUMN mlops.coefficients.feature IS 'Feature, or (intercept)';
COMMENT ON COLUMN mlops.coefficients.kind IS 'value: (value - mean) / scale; level: 1 if the feature has this level; missing: 1 if it is NULL';
COMMENT ON COLUMN mlops.coefficients.level IS 'Level of a category';
COMMENT ON COLUMN mlops.coefficients.coefficient IS 'Change of the log odds for one unit of the column';
COMMENT ON COLUMN mlops.coefficients.standard_error IS 'Of the coefficient, NULL where none is defined';
COMMENT ON COLUMN mlops.coefficients.z IS 'coefficient / standard_error';
COMMENT ON COLUMN mlops.coefficients.p_value IS 'Two-sided Wald test that the coefficient is 0';
COMMENT ON COLUMN mlops.coefficients.odds_ratio IS 'exp(coefficient), infinite where no number is so large';
COMMENT ON COLUMN mlops.coefficients.mean IS 'Mean in the training rows';
COMMENT ON COLUMN mlops.coefficients.scale IS 'Standard deviation in the training rows';
GRANT SELECT ON mlops.coefficients TO PUBLIC;

-- In a subquery: PostgreSQL takes a top-level UNION ALL apart, barrier or not.
CREATE VIEW mlops.feature_importance WITH (security_barrier) AS
SELECT a.* FROM (
	SELECT m.name AS model, v.version, f.feature, f.gain,
		f.gain OPERATOR(pg_catalog./) CASE WHEN pg_catalog.sum(f.gain) OVER whole OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.sum(f.gain) OVER whole END AS share, f.splits,
		NULL::pg_catalog.float8 AS coefficient
	FROM mlops_catalog.model_version v
	JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id,
	LATERAL mlops_catalog.feature_importance(m.name, v.version) AS f
	WHERE v.dropped_at IS NULL AND mlops_catalog.may_use(m.owner, m.model_id)
	WINDOW whole AS (PARTITION BY v.version_id)
	UNION ALL
	SELECT m.name, v.version, c.feature, NULL, NULL, NULL, c.coefficient
	FROM mlops_catalog.model_version v
	JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) v.model_id,
	LATERAL (SELECT DISTINCT ON (t.feature) t.feature, t.coefficient FROM mlops_catalog.coefficients(m.name, v.version) AS t
		WHERE t.term OPERATOR(pg_catalog.>) 0 ORDER BY t.feature, pg_catalog.abs(t.coefficient) DESC, t.term) AS c
	WHERE v.dropped_at IS NULL AND mlops_catalog.may_use(m.owner, m.model_id)) AS a;
COMMENT ON VIEW mlops.feature_importance IS 'How much each feature contributed to the trees of a model; of a linear model its largest coefficient (all of them are in mlops.coefficients)';
COMMENT ON COLUMN mlops.feature_importance.model IS 'Model';
COMMENT ON COLUMN mlops.feature_importance.version IS 'Version';
COMMENT ON COLUMN mlops.feature_importance.feature IS 'Feature';
COMMENT ON COLUMN mlops.feature_importance.gain IS 'Reduction of the training loss by its splits; NULL of a linear model';
COMMENT ON COLUMN mlops.feature_importance.share IS 'gain as a share of the whole; NULL of a linear model, and where there is no gain';
COMMENT ON COLUMN mlops.feature_importance.splits IS 'Number of splits; NULL of a linear model';
COMMENT ON COLUMN mlops.feature_importance.coefficient IS 'Of a linear model: the largest in size of its coefficients, in log odds for a standard deviation of a number, or for a level; NULL of trees';
GRANT SELECT ON mlops.feature_importance TO PUBLIC;
