-- The audit log, and entries that wait to be chained.

CREATE TABLE mlops_catalog.audit_log (
	seq bigint CONSTRAINT audit_log_pkey PRIMARY KEY,
	logged_at timestamptz NOT NULL,
	role text NOT NULL,
	session_role text NOT NULL,
	event text NOT NULL,
	model text,
	version int,
	detail jsonb NOT NULL,
	previous_hash bytea NOT NULL,
	hash bytea NOT NULL
);
COMMENT ON TABLE mlops_catalog.audit_log IS 'What happened to models and who did it, chained by SHA-256; rows are only added';
COMMENT ON COLUMN mlops_catalog.audit_log.seq IS 'Number, from 1 without gaps, in the order in which entries were chained';
COMMENT ON COLUMN mlops_catalog.audit_log.logged_at IS 'When it happened';
COMMENT ON COLUMN mlops_catalog.audit_log.role IS 'Role that did it';
COMMENT ON COLUMN mlops_catalog.audit_log.session_role IS 'Role that the session was opened as; of a job, the session that submitted it';
COMMENT ON COLUMN mlops_catalog.audit_log.event IS 'What was done: train, deploy, rollback, grant, ...';
COMMENT ON COLUMN mlops_catalog.audit_log.model IS 'Model, NULL if it was not about one';
COMMENT ON COLUMN mlops_catalog.audit_log.version IS 'Version, NULL if it was not about one';
COMMENT ON COLUMN mlops_catalog.audit_log.detail IS 'Details of the event';
COMMENT ON COLUMN mlops_catalog.audit_log.previous_hash IS 'Hash of the row before, empty for the first';
COMMENT ON COLUMN mlops_catalog.audit_log.hash IS 'SHA-256 of previous_hash and this row''s other columns';
CREATE INDEX audit_log_model_idx ON mlops_catalog.audit_log (model, version);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.audit_log', '');

CREATE TABLE mlops_catalog.audit_head (
	only_row boolean CONSTRAINT audit_head_pkey PRIMARY KEY CONSTRAINT audit_head_only_row_check CHECK (only_row),
	seq bigint NOT NULL,
	hash bytea NOT NULL
);
COMMENT ON TABLE mlops_catalog.audit_head IS 'Number and hash of the last row of the audit log, so that a shortened log is noticed';
COMMENT ON COLUMN mlops_catalog.audit_head.only_row IS 'True: there is one row';
COMMENT ON COLUMN mlops_catalog.audit_head.seq IS 'Number of the last row';
COMMENT ON COLUMN mlops_catalog.audit_head.hash IS 'Hash of the last row';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.audit_head', '');

CREATE TABLE mlops_catalog.audit_waiting (
	waiting_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_waiting_pkey PRIMARY KEY,
	logged_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	role text NOT NULL,
	session_role text NOT NULL,
	event text NOT NULL,
	model text,
	version int,
	detail jsonb NOT NULL,
	transaction_id xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);
COMMENT ON TABLE mlops_catalog.audit_waiting IS 'Events that are not chained to the audit log yet: of transactions under way, or of those that found the log busy';
COMMENT ON COLUMN mlops_catalog.audit_waiting.waiting_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.audit_waiting.logged_at IS 'When it happened';
COMMENT ON COLUMN mlops_catalog.audit_waiting.role IS 'Role that did it';
COMMENT ON COLUMN mlops_catalog.audit_waiting.session_role IS 'Role that the session was opened as; of a job, the session that submitted it';
COMMENT ON COLUMN mlops_catalog.audit_waiting.event IS 'What was done';
COMMENT ON COLUMN mlops_catalog.audit_waiting.model IS 'Model';
COMMENT ON COLUMN mlops_catalog.audit_waiting.version IS 'Version';
COMMENT ON COLUMN mlops_catalog.audit_waiting.detail IS 'Details of the event';
COMMENT ON COLUMN mlops_catalog.audit_waiting.transaction_id IS 'Transaction that noted it';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.audit_waiting', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.audit_waiting_waiting_id_seq', '');
