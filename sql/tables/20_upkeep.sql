-- What runs by itself: in which database, and how each task went.

CREATE TABLE mlops_catalog.home (
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	activated_by regrole,
	activated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
ALTER TABLE mlops_catalog.home REPLICA IDENTITY FULL;	-- rows are deleted, also where all tables are published
COMMENT ON TABLE mlops_catalog.home IS 'Where this database is at home; a restored dump has a row of where it comes from, too';
COMMENT ON COLUMN mlops_catalog.home.system_identifier IS 'Of the server, as pg_control_system() has it';
COMMENT ON COLUMN mlops_catalog.home.database IS 'OID of the database there';
COMMENT ON COLUMN mlops_catalog.home.activated_by IS 'Who said so, NULL: it was made there';
COMMENT ON COLUMN mlops_catalog.home.activated_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.home', '');
INSERT INTO mlops_catalog.home (system_identifier, database)
	SELECT c.system_identifier, d.oid FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
	WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();

CREATE TABLE mlops_catalog.upkeep (
	upkeep_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT upkeep_pkey PRIMARY KEY,
	model_id bigint CONSTRAINT upkeep_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	task text NOT NULL,
	began_at timestamptz,
	crashes int NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	error text,
	failed_at timestamptz,
	told_at timestamptz,
	suspended_at timestamptz,
	suspended_by regrole,
	reason text,
	resumed_at timestamptz,
	ended_at timestamptz
);
COMMENT ON TABLE mlops_catalog.upkeep IS 'How what runs by itself went, and what is suspended; no row: nothing is to be said';
COMMENT ON COLUMN mlops_catalog.upkeep.upkeep_id IS 'Identity';
COMMENT ON COLUMN mlops_catalog.upkeep.model_id IS 'Model, NULL: a step of maintenance of the whole database';
COMMENT ON COLUMN mlops_catalog.upkeep.task IS 'monitor, retraining or guard; or the step';
COMMENT ON COLUMN mlops_catalog.upkeep.began_at IS 'Since when it is under way, NULL: it is not';
COMMENT ON COLUMN mlops_catalog.upkeep.crashes IS 'How often in a row its end was not seen';
COMMENT ON COLUMN mlops_catalog.upkeep.failures IS 'How often in a row it ended with an error';
COMMENT ON COLUMN mlops_catalog.upkeep.error IS 'The last error, NULL: it has worked since';
COMMENT ON COLUMN mlops_catalog.upkeep.failed_at IS 'When that was';
COMMENT ON COLUMN mlops_catalog.upkeep.told_at IS 'When the server''s log was told last';
COMMENT ON COLUMN mlops_catalog.upkeep.suspended_at IS 'Since when it does not run, NULL: it does';
COMMENT ON COLUMN mlops_catalog.upkeep.suspended_by IS 'Who suspended it, NULL: it was suspended by itself';
COMMENT ON COLUMN mlops_catalog.upkeep.reason IS 'Why it is suspended';
COMMENT ON COLUMN mlops_catalog.upkeep.resumed_at IS 'When it was resumed last';
COMMENT ON COLUMN mlops_catalog.upkeep.ended_at IS 'When it was seen to end last, well or not';
CREATE UNIQUE INDEX upkeep_task_idx ON mlops_catalog.upkeep ((COALESCE(model_id, 0)), task);
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.upkeep', '');
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.upkeep_upkeep_id_seq', '');
