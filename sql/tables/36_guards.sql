-- What guards have counted.

-- What a guard has counted.  Decisions up to "until" are in the counts for good;
-- those after it are counted anew at each look.  So a look costs what is new.
CREATE TABLE mlops_catalog.guard_state (
	model_id bigint NOT NULL CONSTRAINT guard_state_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	since timestamptz NOT NULL,
	shadow text NOT NULL,
	until timestamptz NOT NULL,
	labels_until timestamptz NOT NULL,
	CONSTRAINT guard_state_pkey PRIMARY KEY (model_id, since, shadow)
);
COMMENT ON TABLE mlops_catalog.guard_state IS 'How far the decisions that a guard looks at have been counted';
COMMENT ON COLUMN mlops_catalog.guard_state.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.guard_state.since IS 'When the release, its step or the shadow began';
COMMENT ON COLUMN mlops_catalog.guard_state.shadow IS 'Shadow, empty for the variants that share the traffic';
COMMENT ON COLUMN mlops_catalog.guard_state.until IS 'Decisions made before are counted';
COMMENT ON COLUMN mlops_catalog.guard_state.labels_until IS 'Labels recorded before are known to the counts';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.guard_state', 'WHERE false');	-- counted anew where a dump is restored

CREATE TABLE mlops_catalog.guard_count (
	model_id bigint NOT NULL,
	since timestamptz NOT NULL,
	shadow text NOT NULL,
	variant text NOT NULL,
	version int NOT NULL,
	decisions bigint NOT NULL,
	flagged bigint NOT NULL,
	errors bigint NOT NULL,
	scores jsonb NOT NULL,
	latencies jsonb NOT NULL,
	labelled_alerts bigint NOT NULL DEFAULT 0,
	true_alerts bigint NOT NULL DEFAULT 0,
	CONSTRAINT guard_count_pkey PRIMARY KEY (model_id, since, shadow, variant, version),
	CONSTRAINT guard_count_guard_state_fkey FOREIGN KEY (model_id, since, shadow) REFERENCES mlops_catalog.guard_state ON DELETE CASCADE
);
COMMENT ON TABLE mlops_catalog.guard_count IS 'Counts of a guard, by variant';
COMMENT ON COLUMN mlops_catalog.guard_count.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.guard_count.since IS 'Since when it counts';
COMMENT ON COLUMN mlops_catalog.guard_count.shadow IS 'Shadow, empty for the variants that share the traffic';
COMMENT ON COLUMN mlops_catalog.guard_count.variant IS 'Variant that is counted';
COMMENT ON COLUMN mlops_catalog.guard_count.version IS 'Its version';
COMMENT ON COLUMN mlops_catalog.guard_count.decisions IS 'Decisions';
COMMENT ON COLUMN mlops_catalog.guard_count.flagged IS 'Of these, flagged';
COMMENT ON COLUMN mlops_catalog.guard_count.errors IS 'Rows it could not score';
COMMENT ON COLUMN mlops_catalog.guard_count.scores IS 'Decisions by 64th of the score';
COMMENT ON COLUMN mlops_catalog.guard_count.latencies IS 'Decisions by latency, in steps of 1 %';
COMMENT ON COLUMN mlops_catalog.guard_count.labelled_alerts IS 'Flagged decisions whose label is known, the sum over guard_alert';
COMMENT ON COLUMN mlops_catalog.guard_count.true_alerts IS 'Of these, rightly flagged';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.guard_count', 'WHERE false');	-- counted anew where a dump is restored

CREATE TABLE mlops_catalog.guard_alert (
	model_id bigint NOT NULL,
	since timestamptz NOT NULL,
	shadow text NOT NULL,
	variant text NOT NULL,
	version int NOT NULL,
	key text NOT NULL,
	n bigint NOT NULL,
	label boolean,
	CONSTRAINT guard_alert_pkey PRIMARY KEY (model_id, since, shadow, key, variant, version),
	CONSTRAINT guard_alert_guard_state_fkey FOREIGN KEY (model_id, since, shadow) REFERENCES mlops_catalog.guard_state ON DELETE CASCADE
);
COMMENT ON TABLE mlops_catalog.guard_alert IS 'Flagged decisions that a guard of precision has counted, by key, with the label that is known';
COMMENT ON COLUMN mlops_catalog.guard_alert.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.guard_alert.since IS 'Since when it counts';
COMMENT ON COLUMN mlops_catalog.guard_alert.shadow IS 'Shadow, empty for the variants that share the traffic';
COMMENT ON COLUMN mlops_catalog.guard_alert.variant IS 'Variant that flagged';
COMMENT ON COLUMN mlops_catalog.guard_alert.version IS 'Its version';
COMMENT ON COLUMN mlops_catalog.guard_alert.key IS 'Key of the decisions';
COMMENT ON COLUMN mlops_catalog.guard_alert.n IS 'How many there are';
COMMENT ON COLUMN mlops_catalog.guard_alert.label IS 'Label, NULL: not known yet';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.guard_alert', 'WHERE false');	-- counted anew where a dump is restored

CREATE TYPE mlops_catalog.guard_check AS (
	model text,
	variant text,
	metric text,
	value float8,
	required text,
	passed boolean,
	action text
);
COMMENT ON TYPE mlops_catalog.guard_check IS
	'One bound of a guard and what was found, passed is NULL while there is too little to judge by; or what was done about it';
