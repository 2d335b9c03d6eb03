-- Names for versions, what must be shown before a deployment, and who approved.

CREATE TABLE mlops_catalog.alias (
	model_id bigint NOT NULL CONSTRAINT alias_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	alias text NOT NULL
		CONSTRAINT alias_alias_check CHECK (alias OPERATOR(pg_catalog.~) '^[a-z0-9_][a-z0-9_.-]{0,62}$'),
	version_id bigint NOT NULL CONSTRAINT alias_version_id_fkey REFERENCES mlops_catalog.model_version,
	set_by regrole NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT alias_pkey PRIMARY KEY (model_id, alias)
);
COMMENT ON TABLE mlops_catalog.alias IS 'Names that stand for a version in model@alias';
COMMENT ON COLUMN mlops_catalog.alias.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.alias.alias IS 'Name, unique within the model';
COMMENT ON COLUMN mlops_catalog.alias.version_id IS 'Version it stands for';
COMMENT ON COLUMN mlops_catalog.alias.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops_catalog.alias.set_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.alias', '');

CREATE TABLE mlops_catalog.gate (
	model_id bigint CONSTRAINT gate_pkey PRIMARY KEY
		CONSTRAINT gate_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	gate jsonb NOT NULL,
	set_by regrole NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.gate IS 'What a version must show before it may be deployed or reach stage production';
COMMENT ON COLUMN mlops_catalog.gate.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.gate.gate IS 'Conditions, see mlops.set_gate';
COMMENT ON COLUMN mlops_catalog.gate.set_by IS 'Who set it last';
COMMENT ON COLUMN mlops_catalog.gate.set_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate', '');

CREATE TABLE mlops_catalog.gate_check (
	gate_check_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT gate_check_pkey PRIMARY KEY,
	version_id bigint NOT NULL CONSTRAINT gate_check_version_id_fkey REFERENCES mlops_catalog.model_version ON DELETE CASCADE,
	purpose text NOT NULL,
	condition text NOT NULL,
	required text NOT NULL,
	value float8,
	passed boolean NOT NULL,
	detail jsonb NOT NULL DEFAULT '{}',
	checked_by regrole NOT NULL,
	checked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.gate_check IS 'Every check of a gate: what was required, what was found';
COMMENT ON COLUMN mlops_catalog.gate_check.gate_check_id IS 'Identity, rising in time';
COMMENT ON COLUMN mlops_catalog.gate_check.version_id IS 'Version that was checked';
COMMENT ON COLUMN mlops_catalog.gate_check.purpose IS 'What it was checked for: check, deploy, production, alias';
COMMENT ON COLUMN mlops_catalog.gate_check.condition IS 'Key of the gate';
COMMENT ON COLUMN mlops_catalog.gate_check.required IS 'What it requires';
COMMENT ON COLUMN mlops_catalog.gate_check.value IS 'What was found; NULL if it could not be measured';
COMMENT ON COLUMN mlops_catalog.gate_check.passed IS 'Verdict';
COMMENT ON COLUMN mlops_catalog.gate_check.detail IS 'How the value came about';
COMMENT ON COLUMN mlops_catalog.gate_check.checked_by IS 'Who asked';
COMMENT ON COLUMN mlops_catalog.gate_check.checked_at IS 'When';
CREATE INDEX gate_check_version_id_idx ON mlops_catalog.gate_check (version_id, gate_check_id);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate_check', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.gate_check_gate_check_id_seq', '');

CREATE TABLE mlops_catalog.approval (
	version_id bigint NOT NULL CONSTRAINT approval_version_id_fkey REFERENCES mlops_catalog.model_version ON DELETE CASCADE,
	role regrole NOT NULL,
	note text,
	approved_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	person regrole NOT NULL DEFAULT mlops_catalog.person(),
	CONSTRAINT approval_pkey PRIMARY KEY (version_id, role)
);
COMMENT ON TABLE mlops_catalog.approval IS 'Who approved a version';
COMMENT ON COLUMN mlops_catalog.approval.version_id IS 'Version';
COMMENT ON COLUMN mlops_catalog.approval.role IS 'Who approved it';
COMMENT ON COLUMN mlops_catalog.approval.note IS 'Why';
COMMENT ON COLUMN mlops_catalog.approval.approved_at IS 'When';
COMMENT ON COLUMN mlops_catalog.approval.person IS 'Role that the session was opened as: who is behind role';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.approval', '');

CREATE TYPE mlops_catalog.gate_subject AS (
	model text,
	version int,
	version_id bigint,
	metrics jsonb,
	owner regrole,
	person regrole,
	in_person boolean,
	imported boolean,
	gate jsonb,
	threshold float8,
	costs jsonb,
	deployed int,
	deployed_threshold float8,
	test_rows text,
	settings jsonb,
	unread text
);
COMMENT ON TYPE mlops_catalog.gate_subject IS
	'A version that a gate judges: "threshold" is what it would flag from, NULL: its own; "deployed" is the version that answers now, where none does the one in stage production, "test_rows" the query of the rows it was judged on, "unread" why they cannot be read again';

CREATE TYPE mlops_catalog.gate_measurement AS (
	condition text,
	required text,
	value float8,
	passed boolean,
	detail jsonb
);
COMMENT ON TYPE mlops_catalog.gate_measurement IS 'One condition of a gate: what it asks for and what was found';
