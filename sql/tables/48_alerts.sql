-- Rules over the metrics of monitors, and what broke one.

CREATE TABLE mlops_catalog.alert_rule (
	model_id bigint NOT NULL CONSTRAINT alert_rule_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	name text NOT NULL,
	metric text NOT NULL,
	min float8,
	max float8,
	windows int NOT NULL,
	min_decisions bigint NOT NULL,
	labels jsonb NOT NULL,
	severity text NOT NULL,
	silenced_until timestamptz,
	set_by regrole NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	judged_until timestamptz,
	CONSTRAINT alert_rule_pkey PRIMARY KEY (model_id, name)
);
COMMENT ON TABLE mlops_catalog.alert_rule IS 'Bounds for the metrics of monitors';
COMMENT ON COLUMN mlops_catalog.alert_rule.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.alert_rule.name IS 'Name, unique for the model';
COMMENT ON COLUMN mlops_catalog.alert_rule.metric IS 'Metric, see mlops.monitor_metrics';
COMMENT ON COLUMN mlops_catalog.alert_rule.min IS 'It must not be lower';
COMMENT ON COLUMN mlops_catalog.alert_rule.max IS 'It must not be higher';
COMMENT ON COLUMN mlops_catalog.alert_rule.windows IS 'Fires when so many windows in a row are out of bounds';
COMMENT ON COLUMN mlops_catalog.alert_rule.min_decisions IS 'Windows with fewer decisions (of performance: with a label; of drift: rows of the source) are not judged, but by counts';
COMMENT ON COLUMN mlops_catalog.alert_rule.labels IS 'Only metrics that have these labels';
COMMENT ON COLUMN mlops_catalog.alert_rule.severity IS 'info, warning or critical';
COMMENT ON COLUMN mlops_catalog.alert_rule.silenced_until IS 'Fires nothing before';
COMMENT ON COLUMN mlops_catalog.alert_rule.set_by IS 'Who set it';
COMMENT ON COLUMN mlops_catalog.alert_rule.set_at IS 'When';
COMMENT ON COLUMN mlops_catalog.alert_rule.judged_until IS 'End of the last window that it judged, NULL: none yet';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.alert_rule', '');

CREATE TABLE mlops_catalog.alert (
	alert_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT alert_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	rule text NOT NULL,
	severity text NOT NULL,
	metric text NOT NULL,
	labels jsonb NOT NULL,
	version int,
	value float8 NOT NULL,
	required text NOT NULL,
	window_end timestamptz NOT NULL,
	fired_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	resolved_at timestamptz,
	acknowledged_by regrole,
	acknowledged_at timestamptz,
	note text
);
COMMENT ON TABLE mlops_catalog.alert IS 'Rules that were broken';
COMMENT ON COLUMN mlops_catalog.alert.alert_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.alert.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.alert.rule IS 'Rule that was broken';
COMMENT ON COLUMN mlops_catalog.alert.severity IS 'info, warning or critical';
COMMENT ON COLUMN mlops_catalog.alert.metric IS 'Metric';
COMMENT ON COLUMN mlops_catalog.alert.labels IS 'What the metric is of';
COMMENT ON COLUMN mlops_catalog.alert.version IS 'Version the metric is of';
COMMENT ON COLUMN mlops_catalog.alert.value IS 'Value in the last window when it fired';
COMMENT ON COLUMN mlops_catalog.alert.required IS 'Bound it broke';
COMMENT ON COLUMN mlops_catalog.alert.window_end IS 'End of that window';
COMMENT ON COLUMN mlops_catalog.alert.fired_at IS 'When it fired';
COMMENT ON COLUMN mlops_catalog.alert.resolved_at IS 'When the value was within bounds again, or the rule removed; NULL: it still fires';
COMMENT ON COLUMN mlops_catalog.alert.acknowledged_by IS 'Who took note of it';
COMMENT ON COLUMN mlops_catalog.alert.acknowledged_at IS 'When';
COMMENT ON COLUMN mlops_catalog.alert.note IS 'What they said';
CREATE UNIQUE INDEX alert_firing_idx ON mlops_catalog.alert (model_id, rule) WHERE resolved_at IS NULL;
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.alert', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.alert_alert_id_seq', '');
