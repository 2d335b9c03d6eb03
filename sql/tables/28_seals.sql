-- Digests of days that are over, and of their blocks.

CREATE TABLE mlops_catalog.decision_seal (
	day date CONSTRAINT decision_seal_pkey PRIMARY KEY,
	format int NOT NULL,
	columns text[] NOT NULL,
	rows bigint NOT NULL,
	digest bytea NOT NULL,
	sealed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE mlops_catalog.decision_seal IS 'Days of decisions that were sealed; their digests stand in the audit log too';
COMMENT ON COLUMN mlops_catalog.decision_seal.day IS 'Day, UTC';
COMMENT ON COLUMN mlops_catalog.decision_seal.format IS 'How the digest is made';
COMMENT ON COLUMN mlops_catalog.decision_seal.columns IS 'Columns of a decision that are sealed, in their order';
COMMENT ON COLUMN mlops_catalog.decision_seal.rows IS 'Decisions, shadows'' included';
COMMENT ON COLUMN mlops_catalog.decision_seal.digest IS 'SHA-256 of the SHA-256 of each block''s entries and digest';
COMMENT ON COLUMN mlops_catalog.decision_seal.sealed_at IS 'When it was sealed';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_seal', '');

CREATE TABLE mlops_catalog.decision_seal_block (
	day date NOT NULL,
	block int NOT NULL,
	entries bytea NOT NULL,
	digest bytea NOT NULL,
	CONSTRAINT decision_seal_block_pkey PRIMARY KEY (day, block)
);
ALTER TABLE mlops_catalog.decision_seal_block ALTER COLUMN entries SET STORAGE EXTERNAL;
COMMENT ON TABLE mlops_catalog.decision_seal_block IS 'Decisions of sealed days, 4096 a row, sorted: what names them, and their digest';
COMMENT ON COLUMN mlops_catalog.decision_seal_block.day IS 'Day, UTC';
COMMENT ON COLUMN mlops_catalog.decision_seal_block.block IS 'Number, from 0';
COMMENT ON COLUMN mlops_catalog.decision_seal_block.entries IS 'For each decision its prediction_id (16 bytes) and the CRC-32C of what it holds (4 bytes)';
COMMENT ON COLUMN mlops_catalog.decision_seal_block.digest IS 'SHA-256 of what its decisions hold';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.decision_seal_block', '');
