-- Thresholds that policies would choose for a version, side by side.

CREATE FUNCTION mlops.thresholds(
	model text,
	version int,
	policies jsonb DEFAULT '[{"max": "f1"}, {"max": "mcc"}, {"min_precision": 0.9}, {"min_recall": 0.8}, {"alert_rate": 0.01}]',
	source regclass DEFAULT NULL,
	query text DEFAULT NULL)
	RETURNS TABLE (policy jsonb, reached boolean, threshold float8, rows bigint, flagged bigint, "precision" float8, recall float8,
		false_positive_rate float8, expected_cost float8)
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 5 AS 'MODULE_PATHNAME', 'mlops_thresholds';
COMMENT ON FUNCTION mlops.thresholds(text, int, jsonb, regclass, text) IS
	'For each policy (written as train''s threshold): the threshold that it chooses for a version on labelled rows (by default its own test rows), whether that reaches the policy''s target, and the rows it would flag; expected_cost is the mean cost of a row, for cost policies';
CREATE FUNCTION mlops_catalog.thresholds(caller regrole, model text, version int, policies jsonb, source regclass, query text)
	RETURNS TABLE (policy jsonb, reached boolean, threshold float8, rows bigint, flagged bigint, "precision" float8, recall float8,
		false_positive_rate float8, expected_cost float8)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.require(caller, thresholds.model, 'evaluate');
	subject mlops_catalog.gate_subject := mlops_catalog.gate_subject(thresholds.model, thresholds.version, NULL);
BEGIN
	IF subject.unread IS NOT NULL THEN
		RAISE EXCEPTION 'version % of model "%" has no test rows that can be read again', thresholds.version, thresholds.model
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = subject.unread || '.',
				HINT = 'Give labelled rows that it did not learn from: source => ..., or query => ....';
	END IF;
	RETURN QUERY SELECT r -> 'policy', (r ->> 'reached')::boolean, (r ->> 'threshold')::float8, (r ->> 'rows')::bigint, (r ->> 'flagged')::bigint,
		(r ->> 'precision')::float8, (r ->> 'recall')::float8, (r ->> 'false_positive_rate')::float8, (r ->> 'expected_cost')::float8
	FROM mlops_catalog.as_role(caller, subject.settings,
		'SELECT * FROM mlops.thresholds($1 OPERATOR(pg_catalog.->>) ''model'', ($1 OPERATOR(pg_catalog.->>) ''version'')::pg_catalog.int4, $1 OPERATOR(pg_catalog.->) ''policies'', query => $1 OPERATOR(pg_catalog.->>) ''query'')',
		jsonb_build_object('model', thresholds.model, 'version', thresholds.version, 'policies', thresholds.policies, 'query', subject.test_rows)) AS r;
END
$$;
