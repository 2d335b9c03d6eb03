-- Data sets that stay.

CREATE SCHEMA mlops_snapshot;
COMMENT ON SCHEMA mlops_snapshot IS 'Tables of mlops.snapshot: copies of data sets that nobody changes';
GRANT USAGE ON SCHEMA mlops_snapshot TO PUBLIC;

CREATE TABLE mlops_catalog.snapshot (
	name text CONSTRAINT snapshot_pkey PRIMARY KEY
		CONSTRAINT snapshot_name_check CHECK (name OPERATOR(pg_catalog.~) '^[a-z0-9_][a-z0-9_.-]{0,62}$'),
	kind text NOT NULL CONSTRAINT snapshot_kind_check CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['copy', 'reference'])),
	source text,
	query text NOT NULL,
	search_path text NOT NULL,
	columns jsonb NOT NULL,
	rows bigint NOT NULL,
	content_hash text NOT NULL,
	note text,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	settings jsonb
);
COMMENT ON TABLE mlops_catalog.snapshot IS 'Named data sets with the hash of their contents';
COMMENT ON COLUMN mlops_catalog.snapshot.name IS 'Unique name; of a copy also that of its table in schema mlops_snapshot';
COMMENT ON COLUMN mlops_catalog.snapshot.kind IS 'copy: the rows are kept; reference: only where they came from and their hash';
COMMENT ON COLUMN mlops_catalog.snapshot.source IS 'Table or view, NULL for a query';
COMMENT ON COLUMN mlops_catalog.snapshot.query IS 'Query that was run';
COMMENT ON COLUMN mlops_catalog.snapshot.search_path IS 'search_path that names in the query were resolved by';
COMMENT ON COLUMN mlops_catalog.snapshot.columns IS 'Columns: name, type, and kept_as if a copy has another one: a domain''s base type, text for types that are not PostgreSQL''s own';
COMMENT ON COLUMN mlops_catalog.snapshot.rows IS 'Rows';
COMMENT ON COLUMN mlops_catalog.snapshot.content_hash IS 'Hash of columns and rows, independent of the order of rows';
COMMENT ON COLUMN mlops_catalog.snapshot.note IS 'What it is for';
COMMENT ON COLUMN mlops_catalog.snapshot.owner IS 'Role that took it';
COMMENT ON COLUMN mlops_catalog.snapshot.created_at IS 'When';
COMMENT ON COLUMN mlops_catalog.snapshot.settings IS 'Other settings that give the query its meaning, NULL: not recorded';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.snapshot', '');
