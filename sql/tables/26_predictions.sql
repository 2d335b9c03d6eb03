-- Decisions, partitioned by day (UTC).

CREATE TABLE mlops_catalog.prediction (
	prediction_id uuid NOT NULL,
	created_at timestamptz NOT NULL,
	model_id bigint NOT NULL,
	deployment_id bigint,
	version int,
	variant text,
	shadow boolean NOT NULL,
	key text,
	score float8,
	flagged boolean,
	threshold float8,
	latency float4 NOT NULL,
	features jsonb,
	route_key text,
	sqlstate text,
	error text,
	CONSTRAINT prediction_score_check CHECK (error IS NOT NULL OR score IS NOT NULL AND flagged IS NOT NULL AND threshold IS NOT NULL AND version IS NOT NULL)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE mlops_catalog.prediction IS 'Decisions and what shadows would have decided';
COMMENT ON COLUMN mlops_catalog.prediction.prediction_id IS 'Identity of the decision, which its shadows share; holds created_at, see mlops.prediction_time';
COMMENT ON COLUMN mlops_catalog.prediction.created_at IS 'When it was made';
COMMENT ON COLUMN mlops_catalog.prediction.model_id IS 'Model, 0 if there was none of the name';
COMMENT ON COLUMN mlops_catalog.prediction.deployment_id IS 'Deployment that put the variant there, NULL for a version asked for by number';
COMMENT ON COLUMN mlops_catalog.prediction.version IS 'Version that scored, or failed to; NULL if none could be chosen';
COMMENT ON COLUMN mlops_catalog.prediction.variant IS 'Variant that scored, NULL for a version asked for by number';
COMMENT ON COLUMN mlops_catalog.prediction.shadow IS 'Was it scored beside the answer, and not returned? Also of a variant that failed and in whose place primary answered';
COMMENT ON COLUMN mlops_catalog.prediction.key IS 'Key given to mlops.decide, or else the row''s key column; of one longer than 1,000 bytes the beginning and its SHA-256';
COMMENT ON COLUMN mlops_catalog.prediction.score IS 'Probability of the positive class; of a decision that failed the score that on_error says, or NULL';
COMMENT ON COLUMN mlops_catalog.prediction.flagged IS 'Was the score at or above the threshold?';
COMMENT ON COLUMN mlops_catalog.prediction.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops_catalog.prediction.latency IS 'Microseconds that scoring took';
COMMENT ON COLUMN mlops_catalog.prediction.route_key IS 'The row''s key column, by which its variant was chosen, where the decision was logged with another key';
COMMENT ON COLUMN mlops_catalog.prediction.features IS 'What the model read, if mlops.log_features was on';
COMMENT ON COLUMN mlops_catalog.prediction.sqlstate IS 'SQLSTATE of the error for which the model gave no score, NULL: it gave one';
COMMENT ON COLUMN mlops_catalog.prediction.error IS 'The same in words, its first 500 bytes';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.prediction', '');

CREATE TABLE mlops_catalog.prediction_default PARTITION OF mlops_catalog.prediction DEFAULT;
-- maintenance moves rows out of it, also where all tables are published
ALTER TABLE mlops_catalog.prediction_default REPLICA IDENTITY FULL;
CREATE INDEX prediction_default_time_idx ON mlops_catalog.prediction_default USING brin (created_at) WITH (pages_per_range = 32);
COMMENT ON TABLE mlops_catalog.prediction_default IS 'Decisions of days that have no partition yet';
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum) AS comment FROM pg_catalog.pg_attribute AS a
			WHERE a.attrelid OPERATOR(pg_catalog.=) 'mlops_catalog.prediction'::pg_catalog.regclass AND a.attnum OPERATOR(pg_catalog.>) 0 LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN mlops_catalog.prediction_default.%I IS %L', c.attname, c.comment);
	END LOOP;
END
$$;
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.prediction_default', '');

CREATE TYPE mlops.decision AS (
	prediction_id uuid,
	score float8,
	flagged boolean,
	threshold float8,
	version int,
	variant text
);
COMMENT ON TYPE mlops.decision IS 'What mlops.decide returns for a row';
COMMENT ON COLUMN mlops.decision.prediction_id IS 'Identity of the logged decision';
COMMENT ON COLUMN mlops.decision.score IS 'Probability of the positive class, 0 to 1; of a row that could not be scored what on_error says';
COMMENT ON COLUMN mlops.decision.flagged IS 'Is the score at or above the threshold?';
COMMENT ON COLUMN mlops.decision.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops.decision.version IS 'Version that answered';
COMMENT ON COLUMN mlops.decision.variant IS 'Variant of the deployment that answered';
