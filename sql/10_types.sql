-- Types that functions return.

CREATE TYPE mlops.prediction AS (
	score float8,
	flagged boolean,
	threshold float8,
	version int,
	variant text
);
COMMENT ON TYPE mlops.prediction IS 'What mlops.predict returns for a row';
COMMENT ON COLUMN mlops.prediction.score IS 'Probability of the positive class, 0 to 1';
COMMENT ON COLUMN mlops.prediction.flagged IS 'Is the score at or above the threshold?';
COMMENT ON COLUMN mlops.prediction.threshold IS 'Threshold in force';
COMMENT ON COLUMN mlops.prediction.version IS 'Version that answered';
COMMENT ON COLUMN mlops.prediction.variant IS 'Variant of the deployment that answered, NULL for a version asked for by number';

CREATE TYPE mlops.scored_row AS (
	key text,
	score float8,
	flagged boolean
);
COMMENT ON TYPE mlops.scored_row IS 'A row of mlops.score_table';
COMMENT ON COLUMN mlops.scored_row.key IS 'Value of the key column as text, NULL if no key was named';
COMMENT ON COLUMN mlops.scored_row.score IS 'Probability of the positive class, 0 to 1';
COMMENT ON COLUMN mlops.scored_row.flagged IS 'Is the score at or above the threshold?';
