-- Monitors, and the metrics of their windows.

CREATE TABLE mlops_catalog.monitor (
	model_id bigint CONSTRAINT monitor_pkey PRIMARY KEY CONSTRAINT monitor_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	every interval NOT NULL,
	label_delay interval NOT NULL,
	segments name[] NOT NULL,
	query text,
	time_column name,
	search_path text,
	time_zone text,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	submitted_at timestamptz,
	labels_until timestamptz,
	settings jsonb,
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.monitor IS 'What is watched about models';
COMMENT ON COLUMN mlops_catalog.monitor.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.monitor.every IS 'Length of a window';
COMMENT ON COLUMN mlops_catalog.monitor.label_delay IS 'How long after its end a window''s labels are taken to be complete';
COMMENT ON COLUMN mlops_catalog.monitor.segments IS 'Logged features by whose values performance is shown too';
COMMENT ON COLUMN mlops_catalog.monitor.query IS 'Rows whose drift is watched, NULL: none';
COMMENT ON COLUMN mlops_catalog.monitor.time_column IS 'Column that tells to which window a row belongs';
COMMENT ON COLUMN mlops_catalog.monitor.search_path IS 'search_path that the query was written under';
COMMENT ON COLUMN mlops_catalog.monitor.time_zone IS 'TimeZone that the query was written under';
COMMENT ON COLUMN mlops_catalog.monitor.owner IS 'Who set it up, and as whom it reads';
COMMENT ON COLUMN mlops_catalog.monitor.person IS 'Who is behind owner: role that the session was opened as';
COMMENT ON COLUMN mlops_catalog.monitor.created_at IS 'When it was set up first';
COMMENT ON COLUMN mlops_catalog.monitor.set_at IS 'When it was set up as it is: what its windows had before is history';
COMMENT ON COLUMN mlops_catalog.monitor.submitted_at IS 'When a job for it was submitted last';
COMMENT ON COLUMN mlops_catalog.monitor.labels_until IS 'Labels recorded before have been looked at, NULL: none has been';
COMMENT ON COLUMN mlops_catalog.monitor.settings IS 'Other settings that give the query its meaning, NULL: not recorded';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.monitor', '');

CREATE TABLE mlops_catalog.monitor_window (
	model_id bigint NOT NULL CONSTRAINT monitor_window_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	window_start timestamptz NOT NULL,
	window_end timestamptz NOT NULL,
	drift_error text,
	checked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	judged_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT monitor_window_pkey PRIMARY KEY (model_id, window_start, window_end)
);
COMMENT ON TABLE mlops_catalog.monitor_window IS 'Windows that a monitor has looked at';
COMMENT ON COLUMN mlops_catalog.monitor_window.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.monitor_window.window_start IS 'Begin, included';
COMMENT ON COLUMN mlops_catalog.monitor_window.window_end IS 'End, not included';
COMMENT ON COLUMN mlops_catalog.monitor_window.drift_error IS 'Why drift could not be checked, NULL: it could, or was not asked for';
COMMENT ON COLUMN mlops_catalog.monitor_window.checked_at IS 'When it was looked at';
COMMENT ON COLUMN mlops_catalog.monitor_window.judged_at IS 'When performance was computed last: again whenever labels have arrived since';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.monitor_window', '');

CREATE TABLE mlops_catalog.traffic_window (
	model_id bigint NOT NULL CONSTRAINT traffic_window_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	window_start timestamptz NOT NULL,
	window_end timestamptz NOT NULL,
	version int NOT NULL,
	variant text NOT NULL,
	shadow boolean NOT NULL,
	decisions bigint NOT NULL,
	alerts bigint NOT NULL,
	mean_score float8,
	score_psi float8,
	score_psi_p_value float8,
	latency_p50 float8,
	latency_p95 float8,
	latency_p99 float8,
	errors bigint NOT NULL DEFAULT 0,
	CONSTRAINT traffic_window_pkey PRIMARY KEY (model_id, window_start, window_end, version, variant, shadow)
);
COMMENT ON TABLE mlops_catalog.traffic_window IS 'Logged decisions by window, version and variant; none of what was deployed is a row, too';
COMMENT ON COLUMN mlops_catalog.traffic_window.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.traffic_window.window_start IS 'Begin, included';
COMMENT ON COLUMN mlops_catalog.traffic_window.window_end IS 'End, not included';
COMMENT ON COLUMN mlops_catalog.traffic_window.version IS 'Version that scored, 0 for rows for which none could be chosen';
COMMENT ON COLUMN mlops_catalog.traffic_window.variant IS 'Variant, empty for a version asked for by number and where none could be chosen';
COMMENT ON COLUMN mlops_catalog.traffic_window.shadow IS 'Was it scored beside the answer?';
COMMENT ON COLUMN mlops_catalog.traffic_window.decisions IS 'Decisions, without those that failed';
COMMENT ON COLUMN mlops_catalog.traffic_window.alerts IS 'Decisions that were flagged';
COMMENT ON COLUMN mlops_catalog.traffic_window.mean_score IS 'Mean score';
COMMENT ON COLUMN mlops_catalog.traffic_window.score_psi IS 'Population stability index of the scores against those the version was judged on';
COMMENT ON COLUMN mlops_catalog.traffic_window.score_psi_p_value IS 'How likely as large an index is by chance';
COMMENT ON COLUMN mlops_catalog.traffic_window.latency_p50 IS 'Microseconds that scoring took, median';
COMMENT ON COLUMN mlops_catalog.traffic_window.latency_p95 IS 'The same, 95th percentile';
COMMENT ON COLUMN mlops_catalog.traffic_window.latency_p99 IS 'The same, 99th percentile';
COMMENT ON COLUMN mlops_catalog.traffic_window.errors IS 'Rows that could not be scored';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.traffic_window', '');

CREATE TABLE mlops_catalog.performance_window (
	model_id bigint NOT NULL CONSTRAINT performance_window_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	window_start timestamptz NOT NULL,
	window_end timestamptz NOT NULL,
	version int NOT NULL,
	segment jsonb NOT NULL,
	decisions bigint NOT NULL,
	true_positives bigint NOT NULL,
	false_positives bigint NOT NULL,
	false_negatives bigint NOT NULL,
	true_negatives bigint NOT NULL,
	pr_auc float8,
	roc_auc float8,
	brier float8,
	CONSTRAINT performance_window_pkey PRIMARY KEY (model_id, window_start, window_end, version, segment)
);
COMMENT ON TABLE mlops_catalog.performance_window IS 'Decisions against the labels that have arrived, by window, version and segment';
COMMENT ON COLUMN mlops_catalog.performance_window.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.performance_window.window_start IS 'Begin of the decisions, included';
COMMENT ON COLUMN mlops_catalog.performance_window.window_end IS 'End of the decisions, not included';
COMMENT ON COLUMN mlops_catalog.performance_window.version IS 'Version that decided';
COMMENT ON COLUMN mlops_catalog.performance_window.segment IS 'Value of a logged feature, {} for all decisions; "(imported)": true beside it for those that were imported';
COMMENT ON COLUMN mlops_catalog.performance_window.decisions IS 'Decisions, with a label or not';
COMMENT ON COLUMN mlops_catalog.performance_window.true_positives IS 'Flagged and positive';
COMMENT ON COLUMN mlops_catalog.performance_window.false_positives IS 'Flagged and negative';
COMMENT ON COLUMN mlops_catalog.performance_window.false_negatives IS 'Not flagged and positive';
COMMENT ON COLUMN mlops_catalog.performance_window.true_negatives IS 'Not flagged and negative';
COMMENT ON COLUMN mlops_catalog.performance_window.pr_auc IS 'Average precision, NULL without positives';
COMMENT ON COLUMN mlops_catalog.performance_window.roc_auc IS 'Area under the ROC curve, NULL with one class only';
COMMENT ON COLUMN mlops_catalog.performance_window.brier IS 'Mean squared error of the scores';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.performance_window', '');
