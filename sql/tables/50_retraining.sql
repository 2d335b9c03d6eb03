-- Policies of retraining, and the retrainings there were.

CREATE TABLE mlops_catalog.policy (
	model_id bigint CONSTRAINT policy_pkey PRIMARY KEY CONSTRAINT policy_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	schedule text,
	triggers jsonb NOT NULL,
	gate jsonb NOT NULL,
	action text NOT NULL CONSTRAINT policy_action_check CHECK (action OPERATOR(pg_catalog.=) ANY ('{register,canary,deploy}'::pg_catalog.text[])),
	options jsonb NOT NULL,
	cooldown interval NOT NULL,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	submitted_at timestamptz,
	person regrole NOT NULL DEFAULT mlops_catalog.person()
);
COMMENT ON TABLE mlops_catalog.policy IS 'When models are trained again';
COMMENT ON COLUMN mlops_catalog.policy.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.policy.schedule IS 'Cron expression, NULL: none';
COMMENT ON COLUMN mlops_catalog.policy.triggers IS 'alerts: names of alert rules, or true for all; new_labels: a number';
COMMENT ON COLUMN mlops_catalog.policy.gate IS 'Conditions beside the model''s gate';
COMMENT ON COLUMN mlops_catalog.policy.action IS 'What is done with a version that passes: register (nothing), canary or deploy';
COMMENT ON COLUMN mlops_catalog.policy.options IS 'What is read and learned from, and arguments of that deployment';
COMMENT ON COLUMN mlops_catalog.policy.cooldown IS 'Triggers wait so long after a retraining';
COMMENT ON COLUMN mlops_catalog.policy.owner IS 'Who set it, and as whom it trains and deploys';
COMMENT ON COLUMN mlops_catalog.policy.person IS 'Who is behind owner: role that the session was opened as';
COMMENT ON COLUMN mlops_catalog.policy.created_at IS 'When it was set first';
COMMENT ON COLUMN mlops_catalog.policy.submitted_at IS 'When a job for it was submitted last';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.policy', '');

CREATE TABLE mlops_catalog.retraining (
	retraining_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT retraining_pkey PRIMARY KEY,
	model_id bigint NOT NULL CONSTRAINT retraining_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	base_version int NOT NULL,
	version int,
	note text,
	outcome text NOT NULL CONSTRAINT retraining_outcome_check CHECK (outcome OPERATOR(pg_catalog.=) ANY ('{registered,unchanged,refused,rejected,waiting,canary,deployed}'::pg_catalog.text[])),
	detail text,
	role regrole NOT NULL,
	started_at timestamptz NOT NULL,
	ended_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.retraining IS 'Retrainings that were finished';
COMMENT ON COLUMN mlops_catalog.retraining.retraining_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.retraining.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.retraining.base_version IS 'Version whose training was repeated';
COMMENT ON COLUMN mlops_catalog.retraining.version IS 'Version that came of it, NULL if it was refused or is unchanged';
COMMENT ON COLUMN mlops_catalog.retraining.note IS 'What it was called for: a person''s words, or what a policy acted on';
COMMENT ON COLUMN mlops_catalog.retraining.outcome IS 'registered, unchanged (its bytes are those of a version that there is, which detail names: nothing was registered or deployed), refused (its source is not what it was: nothing was learned), rejected (it did not pass, or could not be deployed), waiting (for approval, all else passed), canary or deployed';
COMMENT ON COLUMN mlops_catalog.retraining.detail IS 'What is wrong with the source, what fell short, and what else should be known';
COMMENT ON COLUMN mlops_catalog.retraining.role IS 'Who retrained';
COMMENT ON COLUMN mlops_catalog.retraining.started_at IS 'When it began';
COMMENT ON COLUMN mlops_catalog.retraining.ended_at IS 'When it ended';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.retraining', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.retraining_retraining_id_seq', '');
