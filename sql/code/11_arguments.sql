-- Keys of arguments in JSON and of documents of settings as data.  Checks of gates,
-- guards, ramps, variants, triggers, options and documents read them here; those of
-- trainings are read by src/train, and a test compares.  docs/reference.md prints them.
--
-- argument: where the keys stand, as errors name it; <...> is any name
-- functions: what takes it
-- type: JSON types divided by |, whole numbers apart
-- example: the whole value that stands there, with this key
CREATE FUNCTION mlops_catalog.argument_keys()
	RETURNS TABLE (argument text, functions text, key text, type text, default_value text, meaning text, example text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 150
	SET search_path = pg_catalog, pg_temp
AS $$
	VALUES
		-- trainings
		('split', 'train, tune', 'validation', 'number', '0.1', 'share of the rows for validation: the latest before the test rows by time_column, or drawn at random without one', '{"validation": 0.2, "test": 0.2}'),
		('split', 'train, tune', 'test', 'number', '0.2', 'share of the rows for the test: the latest by time_column, or drawn at random without one; together with validation at most 0.95', '{"test": 0.3}'),
		('split', 'train, tune', 'fold', 'string', NULL, 'column that says train, validation or test for each row; rows where it is NULL are left out', '{"fold": "part"}'),
		('split', 'train, tune', 'refit', 'boolean', 'false', 'learn again from training and validation rows together, once these have chosen rounds and threshold', '{"refit": true}'),
		('split', 'train, tune', 'validation_from', 'string', 'test_from less label_delay', 'time from which rows are for validation, year first', '{"validation_from": "2026-01-20", "test_from": "2026-01-27"}'),
		('split', 'train, tune', 'test_from', 'string', NULL, 'time from which rows are for the test', '{"test_from": "2026-01-27"}'),
		('split', 'train, tune', 'test_to', 'string', NULL, 'time from which rows are left out', '{"test_from": "2026-01-27", "test_to": "2026-02-02"}'),
		('split', 'train, tune', 'label_delay', 'string', '0', 'length of time before the test rows; its rows are left out, because their labels would not be known by then', '{"test_last": "7 days", "label_delay": "2 days"}'),
		('split', 'train, tune', 'test_last', 'string', NULL, 'length of time before the newest row; its rows are for the test', '{"test_last": "7 days"}'),
		('split', 'train, tune', 'validation_last', 'string', NULL, 'length of time before the test rows; its rows are for validation', '{"test_last": "7 days", "validation_last": "5 days"}'),
		('split', 'train, tune', 'window', 'string', NULL, 'length of time before the newest row: older rows are left out', '{"window": "28 days"}'),
		('split (folds)', 'cross_validate', 'validation', 'number', '0.1', 'share of each fold''s training rows that is held back for threshold and early stopping', '{"validation": 0.2}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'max', 'string', 'f1', 'the one with the greatest f1, mcc, youden or accuracy', '{"max": "mcc"}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'min_precision', 'number', NULL, 'the one with the most recall that reaches this precision', '{"min_precision": 0.5}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'min_recall', 'number', NULL, 'the one with the most precision that reaches this recall', '{"min_recall": 0.8}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'alert_rate', 'number', NULL, 'the one that flags this share of the rows', '{"alert_rate": 0.01}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'max_fpr', 'number', NULL, 'the one with the most recall that flags at most this share of the negatives', '{"max_fpr": 0.05}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'cost', 'object', NULL, 'the one with the least cost, see threshold.cost', '{"cost": {"false_positive": 5, "false_negative": 100}}'),
		('threshold', 'train, tune, cross_validate, thresholds', 'value', 'number', NULL, 'exactly this number', '{"value": 0.5}'),
		('threshold.cost', 'train, tune, cross_validate, thresholds', 'false_positive', 'number|string', '1', 'cost of a negative that is flagged, or the column that holds it for each row', '{"false_positive": 5}'),
		('threshold.cost', 'train, tune, cross_validate, thresholds', 'false_negative', 'number|string', '1', 'cost of a positive that is not flagged, or the column that holds it', '{"false_positive": 5, "false_negative": "amount"}'),
		('preprocess', 'train, tune, cross_validate', 'class_weight', 'string|object', 'none', 'balanced: both classes have the same total weight; none; or the weights of a row, see preprocess.class_weight', '{"class_weight": "balanced"}'),
		('preprocess.class_weight', 'train, tune, cross_validate', 'negative', 'number', '1', 'weight of a negative row, from 1e-6 to 1e6', '{"negative": 2}'),
		('preprocess.class_weight', 'train, tune, cross_validate', 'positive', 'number', '1', 'weight of a positive row, from 1e-6 to 1e6', '{"negative": 1, "positive": 10}'),
		('pruner', 'tune', 'name', 'string', 'none', 'none, median, asha or hyperband; the name alone may stand in place of the object', '{"name": "asha"}'),
		('pruner', 'tune', 'startup_trials', 'whole number', '5', 'median: trials that are not stopped before these have ended', '{"name": "median", "startup_trials": 3}'),
		('pruner', 'tune', 'reduction_factor', 'whole number', '3', 'asha and hyperband: one trial in so many goes on', '{"name": "hyperband", "reduction_factor": 2}'),
		('pruner', 'tune', 'min_rounds', 'whole number', 'a tenth (median) or 27th of all rounds', 'rounds before a trial may be stopped', '{"name": "asha", "min_rounds": 5}'),
		('pruner', 'tune', 'min_folds', 'whole number', '1', 'with folds: folds before a trial may be stopped', '{"name": "median", "min_folds": 2}'),
		('space', 'tune', '<parameter>', 'array|object|number|string|boolean', NULL, 'a parameter of the algorithm: list of values, range (see space.<parameter>), or a value that is fixed', '{"max_depth": [3, 4], "n_estimators": 20}'),
		('space', 'tune', 'algorithm', 'object', NULL, 'in place of all others: a space for each of several algorithms', '{"algorithm": {"logistic_regression": {"C": [0.1, 1]}, "gradient_boosting": {"max_depth": [3, 4]}}}'),
		('space.<parameter>', 'tune', 'min', 'number', NULL, 'least value of a range', '{"min": 2, "max": 4}'),
		('space.<parameter>', 'tune', 'max', 'number', NULL, 'greatest value of a range', '{"min": 2, "max": 4}'),
		('space.<parameter>', 'tune', 'log', 'boolean', 'false', 'is the range spaced evenly in the logarithm?', '{"min": 2, "max": 8, "log": true}'),
		('space.<parameter>', 'tune', 'steps', 'whole number', 'each whole number', 'how many values of the range a grid tries; a grid needs it unless they are whole numbers', '{"min": 2, "max": 8, "steps": 3}'),
		('space.<parameter>', 'tune', 'values', 'array', NULL, 'list of values in place of a range, if it has a when', '{"values": [3, 4]}'),
		('space.<parameter>', 'tune', 'when', 'object', NULL, 'another parameter and its value, or list of values; this one is searched only with it', '{"min": 2, "max": 4, "when": {"grow_policy": "depthwise"}}'),
		-- recorded queries
		('settings', 'monitor, snapshot', '<setting>', 'string', 'those of the session', 'settings that say what a query means and how its values are written: DateStyle, IntervalStyle, lc_numeric, ...; an error lists them', '{"DateStyle": "ISO, DMY"}'),
		-- releases
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'aggregate', 'string', NULL, 'count, sum, avg, stddev, min, max, count_distinct, last, since_last, first_seen or share; this or expression', '{"aggregate": "count", "by": "card_id"}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'by', 'string|array', NULL, 'column, or list of columns, whose equal values say which rows are aggregated; needed with aggregate', '{"aggregate": "count", "by": ["card_id", "country"]}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'value', 'string', NULL, 'column or SQL expression over a row: what is aggregated', '{"aggregate": "avg", "by": "card_id", "value": "amount"}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'where', 'string', NULL, 'condition over a row: which rows count', '{"aggregate": "count", "by": "card_id", "where": "amount > 100"}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'window', 'string', 'all', 'length of time that it looks back; its begin is not included', '{"aggregate": "count", "by": "card_id", "window": "7 days"}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'rows', 'whole number', NULL, 'how many of the last rows count at most, of those in the window', '{"aggregate": "count", "by": "card_id", "rows": 10}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'delay', 'string', '0', 'how long ago the window ends: as long as it takes until values are known', '{"aggregate": "avg", "by": "card_id", "value": "is_fraud", "window": "30 days", "delay": "7 days"}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'current', 'boolean', 'true; false for last, since_last and with a delay', 'does the row itself count?', '{"aggregate": "max", "by": "card_id", "value": "amount", "current": false}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'default', 'number', 'NULL; 0 for counts', 'value where there is nothing to aggregate', '{"aggregate": "avg", "by": "card_id", "value": "amount", "delay": "1 day", "default": 0}'),
		('features.<feature>', 'create_feature_view, alter_feature_view, feature_rows', 'expression', 'string', NULL, 'SQL expression over the row and other features; this or aggregate', '{"expression": "amount > 100"}'),
		('guard', 'deploy, apply', 'latency_p95', 'object', NULL, '95th percentile of the time to score, microseconds; for its bounds see guard.<metric>', '{"latency_p95": {"max": 1000}}'),
		('guard', 'deploy, apply', 'psi', 'object', NULL, 'stability index of its scores against those of its test rows in training; max only', '{"psi": {"max": 0.2}}'),
		('guard', 'deploy, apply', 'alert_rate', 'object', NULL, 'share of decisions that are flagged', '{"alert_rate": {"max_ratio": 2}}'),
		('guard', 'deploy, apply', 'precision', 'object', NULL, 'share of positives among labelled alerts', '{"precision": {"min": 0.5}}'),
		('guard', 'deploy, apply', 'errors', 'object', NULL, 'rows that it could not score; max only, judged at once', '{"errors": {"max": 0}}'),
		('guard', 'deploy, apply', 'error_rate', 'object', NULL, 'the same as a share of all rows; max only', '{"error_rate": {"max": 0.001}}'),
		('guard', 'deploy, apply', 'min_decisions', 'whole number', '1000', 'decisions before a metric is judged', '{"alert_rate": {"max": 0.1}, "min_decisions": 200}'),
		('guard', 'deploy, apply', 'min_labels', 'whole number', '30', 'labelled alerts before precision is judged', '{"precision": {"min": 0.5}, "min_labels": 50}'),
		('guard', 'deploy, apply', 'on_failure', 'string', 'rollback', 'rollback, or pause', '{"alert_rate": {"max": 0.1}, "on_failure": "pause"}'),
		('guard.<metric>', 'deploy, apply', 'min', 'number', NULL, 'least value', '{"min": 0.001}'),
		('guard.<metric>', 'deploy, apply', 'max', 'number', NULL, 'greatest value', '{"max": 0.1}'),
		('guard.<metric>', 'deploy, apply', 'min_ratio', 'number', NULL, 'least value as a ratio to the deployed version''s of the same time', '{"min_ratio": 0.5}'),
		('guard.<metric>', 'deploy, apply', 'max_ratio', 'number', NULL, 'greatest value as such a ratio', '{"min_ratio": 0.5, "max_ratio": 2}'),
		('ramp', 'deploy, apply', 'percent', 'number', NULL, 'share of a step; ramp is a list of steps, each above the one before', '{"percent": 5, "wait": "1 hour"}'),
		('ramp', 'deploy, apply', 'wait', 'string', NULL, 'how long the step lasts at least; not needed at 100', '{"percent": 5, "wait": "1 hour"}'),
		('ramp', 'deploy, apply', 'guard', 'object', 'that of the release', 'guard of this step, see guard', '{"percent": 5, "wait": "1 hour", "guard": {"alert_rate": {"max": 0.2}}}'),
		('variants.<variant>', 'deploy', 'version', 'whole number', NULL, 'version that answers', '{"version": 1, "percent": 30}'),
		('variants.<variant>', 'deploy', 'percent', 'number', NULL, 'its share; the rest stays with the deployed version', '{"version": 1, "percent": 30}'),
		('variants.<variant>', 'deploy', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"version": 1, "percent": 30, "threshold": 0.4}'),
		('rule', 'deploy, apply', '<column>', 'string|number|boolean|array|null', NULL, 'value that the column must have, or a list of such values', '{"country": ["DE", "FR"], "online": true}'),
		-- gates
		('gate', 'set_gate, set_retraining_policy, retrain, apply', '<metric>', 'object', NULL, 'a metric of the version''s own test, see gate.<metric>', '{"pr_auc": {"min": 0.2}}'),
		('gate', 'set_gate, set_retraining_policy, retrain, apply', '<metric>_vs_deployed', 'object', NULL, 'gain over the version that answers, both on the candidate''s test rows', '{"pr_auc_vs_deployed": {"min_gain": -0.01}}'),
		('gate', 'set_gate, set_retraining_policy, retrain, apply', 'fairness', 'object|array', NULL, 'gap of a metric between segments, or a list of such conditions', '{"fairness": {"by": "country", "metric": "recall", "max_gap": 0.2}}'),
		('gate', 'set_gate, set_retraining_policy, retrain, apply', 'approvals', 'number|object', '0', 'how many people must have approved the version', '{"approvals": 1}'),
		('gate', 'set_gate, set_retraining_policy, retrain, apply', 'aliases', 'array', '[]', 'aliases that the gate guards as well', '{"pr_auc": {"min": 0.2}, "aliases": ["champion"]}'),
		('gate.<metric>', 'set_gate, set_retraining_policy, retrain, apply', 'min', 'number', NULL, 'least value', '{"min": 0.2}'),
		('gate.<metric>', 'set_gate, set_retraining_policy, retrain, apply', 'max', 'number', NULL, 'greatest value', '{"min": 0.2, "max": 0.99}'),
		('gate.<metric>_vs_deployed', 'set_gate, set_retraining_policy, retrain, apply', 'min_gain', 'number', '0', 'by how much it must be better; negative: how much worse it may be', '{"min_gain": 0.01}'),
		('gate.<metric>_vs_deployed', 'set_gate, set_retraining_policy, retrain, apply', 'on', 'string', 'same test window', 'same test window: the candidate''s test rows', '{"min_gain": 0, "on": "same test window"}'),
		('gate.fairness', 'set_gate, set_retraining_policy, retrain, apply', 'by', 'string', NULL, 'column whose values are the segments; needed', '{"by": "country", "metric": "recall", "max_gap": 0.2}'),
		('gate.fairness', 'set_gate, set_retraining_policy, retrain, apply', 'metric', 'string', NULL, 'metric that is compared; needed', '{"by": "country", "metric": "precision", "max_gap": 0.2}'),
		('gate.fairness', 'set_gate, set_retraining_policy, retrain, apply', 'max_gap', 'number', NULL, 'greatest difference of two segments; needed', '{"by": "country", "metric": "recall", "max_gap": 0.1}'),
		('gate.fairness', 'set_gate, set_retraining_policy, retrain, apply', 'min_rows', 'whole number', '100', 'rows of a segment that counts', '{"by": "country", "metric": "recall", "max_gap": 0.2, "min_rows": 100}'),
		('gate.approvals', 'set_gate, set_retraining_policy, retrain, apply', 'count', 'number', '1', 'how many people, from 0 to 100', '{"count": 2}'),
		('gate.approvals', 'set_gate, set_retraining_policy, retrain, apply', 'roles', 'array', 'roles that may deploy', 'an approver must be a member of one of these roles, and each of them must be heard', '{"count": 1, "roles": ["postgres"]}'),
		('gate.approvals', 'set_gate, set_retraining_policy, retrain, apply', 'four_eyes', 'boolean', 'false', 'if true, approvals by the person or role that trained the version do not count', '{"four_eyes": true}'),
		-- retraining
		('triggers', 'set_retraining_policy, apply', 'alerts', 'array|boolean', NULL, 'names of alert rules, or true for all: retrain when one fires', '{"alerts": true}'),
		('triggers', 'set_retraining_policy, apply', 'new_labels', 'number', NULL, 'retrain when so many labels have arrived since the last time', '{"new_labels": 1000}'),
		('options', 'set_retraining_policy, retrain, apply', 'new_columns', 'boolean|array', 'false', 'read columns that the version did not have: all, or those in the list', '{"new_columns": true}'),
		('options', 'set_retraining_policy, retrain, apply', 'accept', 'array', '[]', 'columns whose changes are not refused', '{"accept": ["amount"]}'),
		('options', 'set_retraining_policy, retrain, apply', 'window', 'string', 'that of the version', 'length of time to learn from: older rows are left out', '{"window": "90 days"}'),
		('options', 'set_retraining_policy, retrain, apply', 'refit', 'boolean', 'true, unless the version''s split says', 'learn from the validation rows in the end', '{"refit": false}'),
		('options (canary)', 'set_retraining_policy, retrain, apply', 'percent', 'number', '100', 'share of the canary', '{"key": "id", "percent": 10}'),
		('options (canary)', 'set_retraining_policy, retrain, apply', 'key', 'string', 'that of the deployed version', 'column that shares go by', '{"key": "id", "percent": 10}'),
		('options (canary)', 'set_retraining_policy, retrain, apply', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"key": "id", "percent": 10, "threshold": 0.4}'),
		('options (canary)', 'set_retraining_policy, retrain, apply', 'guard', 'object', '{}', 'see guard', '{"key": "id", "percent": 10, "guard": {"alert_rate": {"max": 0.2}}}'),
		('options (canary)', 'set_retraining_policy, retrain, apply', 'ramp', 'array', '[]', 'see ramp', '{"key": "id", "ramp": [{"percent": 5, "wait": "1 day"}, {"percent": 100}]}'),
		('options (deploy)', 'set_retraining_policy, retrain, apply', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"threshold": 0.4}'),
		('options (deploy)', 'set_retraining_policy, retrain, apply', 'guard', 'object', '{}', 'see guard', '{"guard": {"alert_rate": {"max": 0.2}}}'),
		-- documents
		('spec', 'apply', 'models', 'object', NULL, 'model to its settings, see models.<model>', '{"models": {}}'),
		('models.<model>', 'apply', 'description', 'string', NULL, 'what it is for', '{"description": "payments by card"}'),
		('models.<model>', 'apply', 'limits', 'string', NULL, 'what it must not be used for', '{"limits": "not for transfers"}'),
		('models.<model>', 'apply', 'owner', 'string', NULL, 'role; changed last, except for schedules', '{"owner": "postgres"}'),
		('models.<model>', 'apply', 'tags', 'object', NULL, 'free keys and values; others are removed', '{"tags": {"team": "risk"}}'),
		('models.<model>', 'apply', 'versions', 'object', NULL, 'version to its texts, see models.<model>.versions.<version>', '{"versions": {"1": {"description": "the first"}}}'),
		('models.<model>', 'apply', 'grants', 'object', NULL, 'role to a list of privileges; others are revoked', '{"grants": {"public": ["score"]}}'),
		('models.<model>', 'apply', 'gate', 'object', NULL, 'see gate; {} removes it', '{"gate": {"pr_auc": {"min": 0.1}}}'),
		('models.<model>', 'apply', 'stages', 'object', NULL, 'version to stage, for the named versions', '{"stages": {"1": "staging"}}'),
		('models.<model>', 'apply', 'aliases', 'object', NULL, 'alias to version; others are dropped', '{"aliases": {"champion": 1}}'),
		('models.<model>', 'apply', 'deploy', 'object|null', NULL, 'the whole route, see models.<model>.deploy; null: nothing answers', '{"deploy": {"version": 1}}'),
		('models.<model>', 'apply', 'monitor', 'object', NULL, 'see models.<model>.monitor; {} is none', '{"monitor": {"every": "1 day"}}'),
		('models.<model>', 'apply', 'alerts', 'object', NULL, 'alert rule to its settings, see models.<model>.alerts.<rule>; others are dropped', '{"monitor": {"every": "1 day"}, "alerts": {"many": {"metric": "alert_rate", "max": 0.2}}}'),
		('models.<model>', 'apply', 'retraining', 'object', NULL, 'see models.<model>.retraining; {} is none', '{"retraining": {"schedule": "@daily"}}'),
		('models.<model>', 'apply', 'schedules', 'object', NULL, 'name to schedule, see models.<model>.schedules.<schedule>; others of this role for the model end', '{"schedules": {}}'),
		('models.<model>.versions.<version>', 'apply', 'description', 'string', NULL, 'what is particular about it', '{"description": "the first"}'),
		('models.<model>.versions.<version>', 'apply', 'tags', 'object', NULL, 'free keys and values', '{"tags": {"reviewed": true}}'),
		('models.<model>.deploy', 'apply', 'version', 'whole number', NULL, 'version that is primary; needed', '{"version": 1}'),
		('models.<model>.deploy', 'apply', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"version": 1, "threshold": 0.4}'),
		('models.<model>.deploy', 'apply', 'key', 'string', 'as it is', 'column that shares go by', '{"version": 1, "key": "id"}'),
		('models.<model>.deploy', 'apply', 'guard', 'object', '{}', 'guard of a version that answers alone, see guard', '{"version": 1, "guard": {"alert_rate": {"max": 0.2}}}'),
		('models.<model>.deploy', 'apply', 'release', 'object', NULL, 'release of shares, see models.<model>.deploy.release', '{"version": 1, "key": "id", "release": {"strategy": "canary", "version": 2, "percent": 10}}'),
		('models.<model>.deploy', 'apply', 'segments', 'array', '[]', 'list of segments in the order they are tried, see models.<model>.deploy.segments', '{"version": 1, "segments": [{"variant": "france", "version": 2, "rule": {"country": "FR"}}]}'),
		('models.<model>.deploy', 'apply', 'shadows', 'object', '{}', 'variant to shadow, see models.<model>.deploy.shadows.<variant>', '{"version": 1, "shadows": {"candidate": {"version": 2}}}'),
		('models.<model>.deploy', 'apply', 'note', 'string', NULL, 'why, for the history; a note alone changes nothing', '{"version": 1, "note": "as agreed"}'),
		('models.<model>.deploy.release', 'apply', 'strategy', 'string', NULL, 'canary, ab, bandit or champion_challenger; needed. The other keys are those that the strategy takes', '{"strategy": "canary", "version": 2, "percent": 10}'),
		('models.<model>.deploy.release', 'apply', 'guard', 'object', '{}', 'see guard', '{"strategy": "canary", "version": 2, "percent": 10, "guard": {"alert_rate": {"max": 0.2}}}'),
		('models.<model>.deploy.release', 'apply', 'metric', 'string', 'precision', 'metric that variants are compared by', '{"strategy": "canary", "version": 2, "percent": 10, "metric": "alert_rate"}'),
		('models.<model>.deploy.release', 'apply', 'version', 'whole number', NULL, 'canary: its version', '{"strategy": "canary", "version": 2, "percent": 10}'),
		('models.<model>.deploy.release', 'apply', 'variant', 'string', 'canary', 'canary: its name', '{"strategy": "canary", "version": 2, "percent": 10, "variant": "second"}'),
		('models.<model>.deploy.release', 'apply', 'threshold', 'number', 'the version''s own', 'canary: threshold in its place', '{"strategy": "canary", "version": 2, "percent": 10, "threshold": 0.4}'),
		('models.<model>.deploy.release', 'apply', 'percent', 'number', NULL, 'canary, champion_challenger: its share', '{"strategy": "canary", "version": 2, "percent": 10}'),
		('models.<model>.deploy.release', 'apply', 'ramp', 'array', '[]', 'canary: steps in place of percent, see ramp', '{"strategy": "canary", "version": 2, "ramp": [{"percent": 5, "wait": "1 day"}, {"percent": 100}]}'),
		('models.<model>.deploy.release', 'apply', 'variants', 'object', NULL, 'ab, bandit: variant to version and share, as in variants.<variant>', '{"strategy": "ab", "variants": {"b": {"version": 2, "percent": 30}}}'),
		('models.<model>.deploy.release', 'apply', 'min_percent', 'number', '5, or half of an equal share', 'bandit: least share of each variant', '{"strategy": "bandit", "variants": {"b": {"version": 2, "percent": 30}}, "min_percent": 10}'),
		('models.<model>.deploy.segments', 'apply', 'variant', 'string', NULL, 'name; needed', '{"variant": "france", "version": 2, "rule": {"country": "FR"}}'),
		('models.<model>.deploy.segments', 'apply', 'version', 'whole number', NULL, 'version that answers; needed', '{"variant": "france", "version": 2, "rule": {"country": "FR"}}'),
		('models.<model>.deploy.segments', 'apply', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"variant": "france", "version": 2, "threshold": 0.4, "rule": {"country": "FR"}}'),
		('models.<model>.deploy.segments', 'apply', 'rule', 'object', NULL, 'rows it answers for, see rule; needed', '{"variant": "france", "version": 2, "rule": {"country": "FR"}}'),
		('models.<model>.deploy.shadows.<variant>', 'apply', 'version', 'whole number', NULL, 'version that is scored beside the answer; needed', '{"version": 2}'),
		('models.<model>.deploy.shadows.<variant>', 'apply', 'threshold', 'number', 'the version''s own', 'threshold in its place', '{"version": 2, "threshold": 0.4}'),
		('models.<model>.deploy.shadows.<variant>', 'apply', 'guard', 'object', '{}', 'see guard', '{"version": 2, "guard": {"alert_rate": {"max": 0.2}}}'),
		('models.<model>.monitor', 'apply', 'every', 'string', '1 day', 'length of its windows', '{"every": "1 hour"}'),
		('models.<model>.monitor', 'apply', 'label_delay', 'string', '0', 'how long to wait for labels', '{"label_delay": "7 days"}'),
		('models.<model>.monitor', 'apply', 'segments', 'array', '[]', 'columns by whose values performance is shown too', '{"segments": ["country"]}'),
		('models.<model>.monitor', 'apply', 'query', 'string', NULL, 'rows whose drift is watched', '{"query": "SELECT * FROM tx", "time_column": "ts", "search_path": "public"}'),
		('models.<model>.monitor', 'apply', 'time_column', 'string', NULL, 'column of the query that says when a row came', '{"query": "SELECT * FROM tx", "time_column": "ts", "search_path": "public"}'),
		('models.<model>.monitor', 'apply', 'search_path', 'string', 'public', 'of the query', '{"query": "SELECT * FROM tx", "time_column": "ts", "search_path": "public"}'),
		('models.<model>.monitor', 'apply', 'time_zone', 'string', 'UTC', 'of the query', '{"query": "SELECT * FROM tx", "time_column": "ts", "search_path": "public", "time_zone": "Europe/Berlin"}'),
		('models.<model>.monitor', 'apply', 'settings', 'object', '{}', 'of the query, see settings', '{"query": "SELECT * FROM tx", "time_column": "ts", "search_path": "public", "settings": {"DateStyle": "ISO, DMY"}}'),
		('models.<model>.alerts.<rule>', 'apply', 'metric', 'string', NULL, 'metric of monitors that it bounds; needed', '{"metric": "alert_rate", "max": 0.2}'),
		('models.<model>.alerts.<rule>', 'apply', 'min', 'number', NULL, 'it fires below; min or max is needed', '{"metric": "alert_rate", "min": 0.001}'),
		('models.<model>.alerts.<rule>', 'apply', 'max', 'number', NULL, 'it fires above', '{"metric": "alert_rate", "max": 0.2}'),
		('models.<model>.alerts.<rule>', 'apply', 'windows', 'whole number', '1', 'windows in a row that must be outside', '{"metric": "alert_rate", "max": 0.2, "windows": 2}'),
		('models.<model>.alerts.<rule>', 'apply', 'min_decisions', 'whole number', '30', 'least decisions of a window that is judged', '{"metric": "alert_rate", "max": 0.2, "min_decisions": 100}'),
		('models.<model>.alerts.<rule>', 'apply', 'labels', 'object', '{}', 'which of its values: a variant, shadow, feature or column of segments', '{"metric": "alert_rate", "max": 0.2, "labels": {"variant": "primary"}}'),
		('models.<model>.alerts.<rule>', 'apply', 'severity', 'string', 'warning', 'info, warning or critical', '{"metric": "alert_rate", "max": 0.2, "severity": "critical"}'),
		('models.<model>.retraining', 'apply', 'schedule', 'string', NULL, 'cron expression; a schedule or triggers are needed', '{"schedule": "@daily"}'),
		('models.<model>.retraining', 'apply', 'triggers', 'object', '{}', 'see triggers', '{"triggers": {"new_labels": 1000}}'),
		('models.<model>.retraining', 'apply', 'gate', 'object', '{}', 'conditions beside the model''s gate, see gate', '{"schedule": "@daily", "gate": {"pr_auc": {"min": 0.1}}}'),
		('models.<model>.retraining', 'apply', 'action', 'string', 'register', 'register, canary or deploy', '{"schedule": "@daily", "action": "deploy"}'),
		('models.<model>.retraining', 'apply', 'options', 'object', '{}', 'see options', '{"schedule": "@daily", "options": {"window": "90 days"}}'),
		('models.<model>.retraining', 'apply', 'cooldown', 'string', '1 day', 'least time between two retrainings by triggers', '{"schedule": "@daily", "cooldown": "12 hours"}'),
		('models.<model>.schedules.<schedule>', 'apply', 'cron', 'string', NULL, 'cron expression; needed', '{"cron": "@daily", "command": "SELECT 1"}'),
		('models.<model>.schedules.<schedule>', 'apply', 'command', 'string', NULL, 'statement; needed', '{"cron": "@daily", "command": "SELECT 1"}'),
		('models.<model>.schedules.<schedule>', 'apply', 'timeout', 'string', 'none', 'time limit of an attempt', '{"cron": "@daily", "command": "SELECT 1", "timeout": "1 hour"}'),
		('models.<model>.schedules.<schedule>', 'apply', 'max_retries', 'number', '0', 'how often it is tried again', '{"cron": "@daily", "command": "SELECT 1", "max_retries": 2}'),
		('models.<model>.schedules.<schedule>', 'apply', 'priority', 'number', '0', 'higher ones first', '{"cron": "@daily", "command": "SELECT 1", "priority": 1}')
$$;
COMMENT ON FUNCTION mlops_catalog.argument_keys() IS 'Keys of arguments in JSON and of documents of settings: type, default, meaning, example';

CREATE FUNCTION mlops_catalog.keys_of(argument text) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(k.key ORDER BY k.place)
	FROM mlops_catalog.argument_keys() WITH ORDINALITY AS k(argument, functions, key, type, default_value, meaning, example, place)
	WHERE k.argument = keys_of.argument
$$;
COMMENT ON FUNCTION mlops_catalog.keys_of(text) IS 'Keys that an argument may have, in the order they are listed in';

CREATE FUNCTION mlops_catalog.key_types(argument text) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_object_agg(replace(k.key, '<metric>', m.metric), k.type)
	FROM mlops_catalog.argument_keys() AS k
	CROSS JOIN LATERAL unnest(CASE WHEN k.key LIKE '<metric>%' THEN mlops_catalog.metric_names() ELSE '{""}' END) AS m(metric)
	WHERE k.argument = key_types.argument
$$;
COMMENT ON FUNCTION mlops_catalog.key_types(text) IS 'Keys that an argument may have with the JSON types of their values, as check_object takes them';

-- Each call says all of what it sets: who means to change one argument alone loses
-- the others.  call: the beginning of one that sets it anew; the arguments after it
-- come in the order of defaults.
CREATE FUNCTION mlops_catalog.tell_of_left_out(what text, call text, former jsonb, now jsonb, defaults json) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lost text;
	again text;
BEGIN
	SELECT string_agg(format('"%s"', a.name), ', ' ORDER BY a.place) FILTER (WHERE a.is_lost), string_agg(format(', %I => %s', a.name, CASE jsonb_typeof(a.value)
			WHEN 'number' THEN a.value #>> '{}' ELSE quote_literal(a.value #>> '{}') END), '' ORDER BY a.place) FILTER (WHERE a.value IS DISTINCT FROM a.usual) INTO lost, again
	FROM (SELECT d.key AS name, d.place, d.value::jsonb AS usual, now -> d.key = d.value::jsonb AND former -> d.key <> d.value::jsonb AS is_lost,
			CASE WHEN now -> d.key = d.value::jsonb THEN former ELSE now END -> d.key AS value
		FROM json_each(defaults) WITH ORDINALITY AS d(key, value, place)) AS a;
	IF lost IS NOT NULL THEN
		RAISE NOTICE '% has lost %', what, lost
			USING DETAIL = format('A call of %s says all of what it sets; what it leaves out has its default.', substring(call FROM 'mlops\.\w+')),
				HINT = left(format('To have it back: %s%s);', call, again), 2000);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_left_out(text, text, jsonb, jsonb, json) IS
	'A notice of arguments that something was set with before and that are at their defaults now, with a call that sets them again';

CREATE VIEW mlops.argument_keys WITH (security_barrier) AS
SELECT k.argument, k.functions, k.key, pg_catalog.replace(k.type, '|', ' or ') AS type, k.default_value, k.meaning, k.example
FROM mlops_catalog.argument_keys() AS k;
COMMENT ON VIEW mlops.argument_keys IS 'Keys of arguments in JSON and of documents of settings; those of params are in mlops.algorithms';
COMMENT ON COLUMN mlops.argument_keys.argument IS 'Place of the key, as errors name it; <...> is any name, and the part in parentheses says when it applies';
COMMENT ON COLUMN mlops.argument_keys.functions IS 'Functions that take the argument';
COMMENT ON COLUMN mlops.argument_keys.key IS 'Key';
COMMENT ON COLUMN mlops.argument_keys.type IS 'JSON type of its value';
COMMENT ON COLUMN mlops.argument_keys.default_value IS 'Value if it is not given, NULL: none';
COMMENT ON COLUMN mlops.argument_keys.meaning IS 'What it does';
COMMENT ON COLUMN mlops.argument_keys.example IS 'A valid value with this key';
GRANT SELECT ON mlops.argument_keys TO PUBLIC;
