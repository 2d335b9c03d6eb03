-- Retraining: the training of the version that answers, done again on what its
-- source holds now; by policies, on a schedule or when something calls for it.

CREATE VIEW mlops.retrainings WITH (security_barrier) AS
SELECT r.retraining_id, m.name AS model, r.base_version, r.version, r.note, r.outcome, r.detail, mlops_catalog.role_text(r.role) AS role,
	r.started_at, r.ended_at
FROM mlops_catalog.retraining r JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) r.model_id
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.retrainings IS 'Retrainings of models you may use; a job that failed is in mlops.jobs, with the key "retrain MODEL"';
COMMENT ON COLUMN mlops.retrainings.retraining_id IS 'Identity';
COMMENT ON COLUMN mlops.retrainings.model IS 'Model';
COMMENT ON COLUMN mlops.retrainings.base_version IS 'Version whose training was repeated';
COMMENT ON COLUMN mlops.retrainings.version IS 'Version that it trained, NULL if it was refused or is unchanged';
COMMENT ON COLUMN mlops.retrainings.note IS 'Why it was started: a person''s words, or what the policy acted on';
COMMENT ON COLUMN mlops.retrainings.outcome IS 'registered, unchanged (a version has these bytes already, detail names it: nothing was registered or deployed), refused (its source has changed too much: nothing was learned), rejected (it did not pass, or could not be deployed), waiting (for approval, all else passed), canary or deployed';
COMMENT ON COLUMN mlops.retrainings.detail IS 'Problems of the source, conditions that fell short, and other remarks';
COMMENT ON COLUMN mlops.retrainings.role IS 'Who retrained';
COMMENT ON COLUMN mlops.retrainings.started_at IS 'When it began';
COMMENT ON COLUMN mlops.retrainings.ended_at IS 'When it ended';
GRANT SELECT ON mlops.retrainings TO PUBLIC;

CREATE VIEW mlops.retraining_policies WITH (security_barrier) AS
SELECT m.name AS model, p.schedule, p.triggers, p.gate, p.action, p.options, p.cooldown, mlops_catalog.role_text(p.owner) AS owner,
	(SELECT pg_catalog.max(r.ended_at) FROM mlops_catalog.retraining r WHERE r.model_id OPERATOR(pg_catalog.=) p.model_id) AS last_retraining,
	p.submitted_at, p.created_at, u.suspended_at, mlops_catalog.role_text(u.suspended_by) AS suspended_by, u.reason AS suspended_because,
	CASE WHEN w.version IS NOT NULL THEN pg_catalog.format('version %s waits for approval', w.version)
		WHEN p.action OPERATOR(pg_catalog.<>) 'register' AND mlops_catalog.asks_for_approval(coalesce(g.gate, '{}') OPERATOR(pg_catalog.||) p.gate)
		THEN 'a new version waits for approval' END AS held_back
FROM mlops_catalog.policy p JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) p.model_id
LEFT JOIN mlops_catalog.gate g ON g.model_id OPERATOR(pg_catalog.=) p.model_id
LEFT JOIN LATERAL (SELECT r.version, r.outcome FROM mlops_catalog.retraining r WHERE r.model_id OPERATOR(pg_catalog.=) p.model_id
	AND r.outcome OPERATOR(pg_catalog.<>) 'unchanged' ORDER BY r.retraining_id DESC LIMIT 1) l ON true
LEFT JOIN mlops_catalog.model_version w ON w.model_id OPERATOR(pg_catalog.=) p.model_id AND w.version OPERATOR(pg_catalog.=) l.version AND l.outcome OPERATOR(pg_catalog.=) 'waiting'
	AND w.dropped_at IS NULL AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route t WHERE t.version_id OPERATOR(pg_catalog.=) w.version_id)
LEFT JOIN mlops_catalog.upkeep u ON u.model_id OPERATOR(pg_catalog.=) p.model_id AND u.task OPERATOR(pg_catalog.=) 'retraining'
	AND u.suspended_at IS NOT NULL
WHERE mlops_catalog.may_use(m.owner, m.model_id);
COMMENT ON VIEW mlops.retraining_policies IS 'When the models you may use are trained again';
COMMENT ON COLUMN mlops.retraining_policies.model IS 'Model';
COMMENT ON COLUMN mlops.retraining_policies.schedule IS 'Cron expression, NULL: none';
COMMENT ON COLUMN mlops.retraining_policies.triggers IS 'alerts: names of alert rules, or true for all; new_labels: a number';
COMMENT ON COLUMN mlops.retraining_policies.gate IS 'Conditions beside the model''s gate';
COMMENT ON COLUMN mlops.retraining_policies.action IS 'What is done with a version that passes: register (nothing), canary or deploy';
COMMENT ON COLUMN mlops.retraining_policies.options IS 'Options of reading and learning, and arguments of that deployment';
COMMENT ON COLUMN mlops.retraining_policies.cooldown IS 'Triggers wait so long after a retraining';
COMMENT ON COLUMN mlops.retraining_policies.owner IS 'Who set it, and as whom it trains and deploys';
COMMENT ON COLUMN mlops.retraining_policies.last_retraining IS 'When the last retraining ended';
COMMENT ON COLUMN mlops.retraining_policies.submitted_at IS 'When a job for it was submitted last';
COMMENT ON COLUMN mlops.retraining_policies.created_at IS 'When it was set first';
COMMENT ON COLUMN mlops.retraining_policies.suspended_at IS 'Since when it retrains nothing, NULL: it does; mlops.resume_retraining ends that';
COMMENT ON COLUMN mlops.retraining_policies.suspended_by IS 'Who rolled back (or took a version away), NULL: it was suspended automatically';
COMMENT ON COLUMN mlops.retraining_policies.suspended_because IS 'Why';
COMMENT ON COLUMN mlops.retraining_policies.held_back IS 'Says that new versions wait for approval and are not deployed automatically, or which one waits; NULL: none does';
GRANT SELECT ON mlops.retraining_policies TO PUBLIC;

-- ---- one retraining

-- What mlops.deploy would refuse is refused now, not in the night.  A key that
-- nothing is known of is one that answers already, for mlops.decide with a key,
-- or a slip that no row could be scored with.
CREATE FUNCTION mlops_catalog.check_retraining_deployment(caller regrole, model_id bigint, model_name text, action text, options jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	asked mlops_catalog.deployment;
BEGIN
	IF action = 'register' THEN
		RETURN;
	END IF;
	asked.strategy := CASE action WHEN 'deploy' THEN 'direct' ELSE 'canary' END;
	asked.key := options ->> 'key';
	asked.threshold := options ->> 'threshold';
	asked.guard := coalesce(options -> 'guard', '{}');
	asked.ramp := coalesce(options -> 'ramp', '[]');
	asked.metric := 'precision';
	PERFORM mlops_catalog.check_deployment(asked, model_name, NULL, coalesce((options ->> 'percent')::float8, 100), NULL, NULL, NULL, in_options => true);
	IF asked.key IS NOT NULL AND NOT EXISTS (SELECT FROM mlops_catalog.deployment_route AS r WHERE r.model_id = check_retraining_deployment.model_id AND r.key = asked.key) THEN
		PERFORM mlops_catalog.check_known_column(caller, 'options.key', asked.key, model_id, model_name,
			'Rows without it could not be scored. Name a column of the rows to score, as in mlops.deploy(..., key => ...).');
		PERFORM mlops_catalog.check_key(caller, model_id, model_name, asked.key, true);
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_retraining_deployment(regrole, bigint, text, text, jsonb) IS
	'An error that says what is wrong unless a version can be deployed by the options of a retraining';

CREATE FUNCTION mlops_catalog.check_retraining_options(gate jsonb, action text, options jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k text;
	positive boolean;
BEGIN
	PERFORM mlops_catalog.check_gate_syntax(gate);
	PERFORM mlops_catalog.check_choice('action', action, '{register,canary,deploy}');
	PERFORM mlops_catalog.check_object('options', options, mlops_catalog.key_types('options')
		|| coalesce(mlops_catalog.key_types(format('options (%s)', action)), '{}'));
	FOR k IN SELECT o.key FROM jsonb_each(options) AS o CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(o.value) WHEN 'array' THEN o.value ELSE '[]' END) AS c
			WHERE o.key IN ('new_columns', 'accept') AND jsonb_typeof(c) <> 'string' LOOP
		RAISE EXCEPTION '"%" in "options" must be a list of columns', k USING ERRCODE = 'invalid_parameter_value';
	END LOOP;
	IF options ? 'window' THEN
		BEGIN
			positive := mlops_catalog.length_of_time('options', 'window', options ->> 'window') > '0';
		EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
			positive := false;
		END;
		IF NOT positive THEN
			RAISE EXCEPTION '"window" in "options" must be a length of time, not "%"', options ->> 'window'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write {"window": "90 days"}.';
		ELSIF mlops_catalog.length_of_time('options', 'window', options ->> 'window') > interval '1000 years' THEN
			RAISE EXCEPTION 'value % of "window" in "options" is out of range', options ->> 'window'
				USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be at most 1000 years.';
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_retraining_options(jsonb, text, jsonb) IS 'An error that says what is wrong unless a retraining can go by these';

-- The version whose training is repeated: what answers, else the newest one.
CREATE FUNCTION mlops_catalog.repeated_version(model_id bigint) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT v.version_id FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id)
	LEFT JOIN mlops_catalog.deployment_route AS t ON t.version_id = v.version_id AND t.variant = 'primary'
	WHERE v.model_id = repeated_version.model_id AND v.dropped_at IS NULL AND r.request IS NOT NULL
	ORDER BY t.version_id IS NULL, v.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.repeated_version(bigint) IS 'The version whose training a retraining repeats; NULL: there is none';

CREATE FUNCTION mlops_catalog.retraining_base(caller regrole, model text, model_id bigint)
	RETURNS TABLE (version int, owner regrole, request jsonb, settings jsonb)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT v.version, v.owner, r.request || jsonb_build_object('tags', r.tags - 'retraining', 'experiment', e.name),
		mlops_catalog.recorded_settings(d.search_path, d.time_zone, d.settings, d.recorded_by)
	FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id) JOIN mlops_catalog.dataset AS d USING (dataset_id)
	JOIN mlops_catalog.experiment AS e USING (experiment_id)
	WHERE v.version_id = mlops_catalog.repeated_version(retraining_base.model_id);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no version whose training is recorded here', retraining_base.model
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Train it once with mlops.train.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.retraining_base(regrole, text, bigint) IS 'The training that a retraining repeats';

CREATE FUNCTION mlops_catalog.train_again(caller regrole, model text, request jsonb, settings jsonb, note text) RETURNS int
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT (r ->> 'version')::int FROM mlops_catalog.as_role(caller, settings,
		mlops_catalog.training_call('mlops.train'),
		request || jsonb_build_object('model', model, 'tags', request -> 'tags' || jsonb_build_object('retraining', coalesce(note, 'by hand')))) AS r
$$;
COMMENT ON FUNCTION mlops_catalog.train_again(regrole, text, jsonb, jsonb, text) IS 'Trains by recorded arguments, as a role; returns the version';

-- Prepares and trains.  The same bytes as those of a version that there is, be it
-- one that nobody uses, are nothing new: what was registered is undone, and nothing
-- is wrong.  A source that is gone, and rows that cannot be learned from, whatever
-- was not looked for before, refuse the retraining like those that were.
-- A lack of rights stays an error: it is of who asks, not of the source.
CREATE FUNCTION mlops_catalog.repeat_training(caller regrole, model text, version int, settings jsonb, recorded jsonb, options jsonb, note text,
	OUT made int, OUT prepared jsonb, OUT problems text[], OUT told text[])
	RETURNS record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	explained text;
	same int;
BEGIN
	told := '{}';
	-- as who asks, or as who set the policy: never with anybody else's rights
	SELECT jsonb_build_object('request', p.request, 'inputs', p.inputs), p.problems, p.told INTO prepared, problems, told
		FROM mlops_catalog.prepare_retraining(caller, caller, repeat_training.model, repeat_training.version, settings, recorded, options) AS p;
	IF problems = '{}' THEN
		made := mlops_catalog.train_again(caller, repeat_training.model, prepared -> 'request', settings, note);
		same := (SELECT o.version FROM mlops_catalog.model AS m JOIN mlops_catalog.model_version AS v USING (model_id)
			JOIN mlops_catalog.model_version AS o ON o.model_id = v.model_id AND o.sha256 = v.sha256 AND o.version <> v.version AND o.dropped_at IS NULL
			WHERE m.name = repeat_training.model AND v.version = made ORDER BY o.version = repeat_training.version DESC, o.version DESC LIMIT 1);
		IF same IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'ML0SB', MESSAGE = 'the same bytes';
		END IF;
	END IF;
EXCEPTION WHEN SQLSTATE 'ML0SB' THEN
	made := NULL;
	told := format('training gave the same bytes as version %s: nothing was registered or deployed', same) || told;
WHEN invalid_parameter_value THEN	-- the options are wrong, not the rows
	RAISE;
WHEN data_exception OR datatype_mismatch OR invalid_schema_name OR undefined_table OR undefined_column OR undefined_function THEN
	GET STACKED DIAGNOSTICS explained = PG_EXCEPTION_DETAIL;
	problems := ARRAY[concat_ws(': ', SQLERRM, nullif(explained, ''))];
END
$$;
COMMENT ON FUNCTION mlops_catalog.repeat_training(regrole, text, int, jsonb, jsonb, jsonb, text) IS
	'Trains again if nothing is wrong with the source; the version, NULL: none, or one that there is once more; what it was made of, what is wrong, and what people should know';

-- A column that a process fills in after the label looks like progress.
CREATE FUNCTION mlops_catalog.new_suspects(model_id bigint, version int, base int, accepted jsonb) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH suspect AS (
		SELECT v.version, f ->> 'column' AS name, f ->> 'detail' AS detail
		FROM mlops_catalog.model_version AS v JOIN mlops_catalog.run AS r USING (run_id) CROSS JOIN jsonb_array_elements(r.findings) AS f
		WHERE v.model_id = new_suspects.model_id AND v.version IN (new_suspects.version, base) AND f ->> 'finding' = 'suspected')
	SELECT format('column "%s" almost gives the target away, as it did not in version %s: %s', n.name, base, n.detail)
	FROM suspect AS n WHERE n.version = new_suspects.version AND NOT accepted ? n.name
		AND NOT EXISTS (SELECT FROM suspect AS b WHERE b.version = base AND b.name = n.name)
	ORDER BY n.name COLLATE "C"
$$;
COMMENT ON FUNCTION mlops_catalog.new_suspects(bigint, int, int, jsonb) IS
	'Columns that seem to give the target away in a version and did not in the one that it repeats, a line each';

-- What keeps a new version from being used: its test rows, on which the deployed version is
-- compared with it, its threshold, and gates.
CREATE FUNCTION mlops_catalog.shortfalls(caller regrole, model text, model_id bigint, version int, base int, settings jsonb, prepared jsonb, gate jsonb, action text, threshold float8,
	OUT shorts text[], OUT told text[])
	RETURNS record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rows_read text := mlops_catalog.test_window((SELECT v.version_id FROM mlops_catalog.model_version AS v WHERE v.model_id = shortfalls.model_id AND v.version = shortfalls.version));
BEGIN
	shorts := '{}';
	told := '{}';
	IF rows_read IS NOT NULL THEN
		shorts := ARRAY(SELECT 'test rows: ' || p FROM mlops_catalog.source_problems(caller, caller, settings, rows_read,
			(SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements(prepared -> 'inputs') AS f WHERE NOT f ? 'role'), prepared -> 'request', true) AS p);
		IF shorts = '{}' THEN
			SELECT b.shorts, b.told INTO shorts, told FROM mlops_catalog.against_base(caller, settings, shortfalls.model, base, prepared -> 'inputs', rows_read) AS b;
		END IF;
	END IF;
	IF action <> 'register' THEN
		shorts := array_remove(shorts || mlops_catalog.deployment_shortfall(shortfalls.model, shortfalls.version,
			CASE WHEN threshold IS NOT NULL THEN mlops_catalog.flagged_share(caller, settings, shortfalls.model, shortfalls.version, rows_read, threshold) END), NULL);
	END IF;
	shorts := shorts || ARRAY(SELECT mlops_catalog.check_text(c)
		FROM mlops_catalog.record_gate_checks(caller, shortfalls.model, shortfalls.version, 'retrain', gate, CASE WHEN action <> 'register' THEN threshold END) AS c WHERE NOT c.passed ORDER BY c.gate_check_id);
END
$$;
COMMENT ON FUNCTION mlops_catalog.shortfalls(regrole, text, bigint, int, int, jsonb, jsonb, jsonb, text, float8) IS
	'What keeps the version of a retraining from being used, a line each, and what people should know';

-- What somebody has set on the routes is not undone by itself.
CREATE FUNCTION mlops_catalog.route_shortfalls(model_id bigint, action text, options jsonb) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH route AS (
		SELECT r.variant, r.kind, r.position, r.threshold, v.version, v.threshold AS own
		FROM mlops_catalog.deployment_route AS r JOIN mlops_catalog.model_version AS v USING (version_id) WHERE r.model_id = route_shortfalls.model_id),
	accepted(names) AS (SELECT coalesce(options -> 'accept', '[]'))
	SELECT format('version %s answers with threshold %s, not with its own of %s: give "threshold" in "options", or the new version''s own by "accept": ["(threshold)"]',
		r.version, r.threshold, r.own)
	FROM route AS r, accepted AS a WHERE action <> 'register' AND r.variant = 'primary' AND r.threshold <> r.own
		AND NOT options ? 'threshold' AND NOT a.names ? '(threshold)'
	UNION ALL
	SELECT format('a deployment ends segments: %s; allow it by "accept": ["(segments)"] in "options"', string_agg(r.variant, ', ' ORDER BY r.position))
	FROM route AS r, accepted AS a WHERE action = 'deploy' AND r.kind = 'segment' AND NOT a.names ? '(segments)' HAVING count(*) > 0
	UNION ALL
	SELECT format('a deployment ends the release under way (%s); promote or abort it first', e.strategy)
	FROM mlops_catalog.release AS e JOIN mlops_catalog.strategies() AS s ON s.name = e.strategy
	WHERE action = 'deploy' AND e.model_id = route_shortfalls.model_id AND s.lays <> 'primary'
$$;
COMMENT ON FUNCTION mlops_catalog.route_shortfalls(bigint, text, jsonb) IS
	'What of a model''s routes a retraining''s deployment would undo, a line each';

CREATE FUNCTION mlops_catalog.tell_of_routes(model_id bigint, model text, action text, options jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lines text := (SELECT string_agg(l, E'\n') FROM mlops_catalog.route_shortfalls(model_id, action, options) AS l);
BEGIN
	IF lines IS NOT NULL THEN
		RAISE NOTICE 'with the present settings, no retraining of model "%" is deployed automatically', model USING DETAIL = lines;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_routes(bigint, text, text, jsonb) IS 'A notice of what of a model''s routes holds a retraining back';

CREATE FUNCTION mlops.retrain(
	model text,
	note text DEFAULT NULL,
	gate jsonb DEFAULT '{}',
	action text DEFAULT 'register',
	options jsonb DEFAULT '{}')
	RETURNS SETOF mlops.retrainings
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.retrain(text, text, jsonb, text, jsonb) IS
	'Repeats the training of the version that answers (else of the newest), as you and from the same columns, on the rows that its source holds now. Registers the result unless a version has these bytes already. If it passes the model''s gate and the one given here, starts its canary or deploys it';
CREATE FUNCTION mlops_catalog.retrain(caller regrole, model text, note text, gate jsonb, action text, options jsonb) RETURNS SETOF mlops.retrainings
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.require(caller, retrain.model, 'train');
	began timestamptz := clock_timestamp();
	base record;
	made int;
	outcome text := 'registered';
	training record;
	measured record;
	shorts text[] := '{}';
	retraining bigint;
	stated jsonb := (SELECT s.route FROM mlops_catalog.stated_route AS s WHERE s.model_id = id);
BEGIN
	PERFORM mlops_catalog.check_retraining_options(coalesce(retrain.gate, '{}'), retrain.action, coalesce(retrain.options, '{}'));
	PERFORM mlops_catalog.check_gate_columns(caller, coalesce(retrain.gate, '{}'), id, retrain.model);
	PERFORM mlops_catalog.check_retraining_deployment(caller, id, retrain.model, retrain.action, coalesce(retrain.options, '{}'));
	IF retrain.action <> 'register' THEN
		PERFORM mlops_catalog.require(caller, retrain.model, 'deploy');
	END IF;
	SELECT b.* INTO base FROM mlops_catalog.retraining_base(caller, retrain.model, id) AS b;
	SELECT * INTO training FROM mlops_catalog.repeat_training(caller, retrain.model, base.version, base.settings, base.request, coalesce(retrain.options, '{}'), retrain.note);
	made := training.made;
	IF made IS NULL THEN
		outcome := CASE WHEN training.problems = '{}' THEN 'unchanged' ELSE 'refused' END;
		shorts := training.problems;
	ELSE
		UPDATE mlops_catalog.run AS r SET request = r.request || jsonb_build_object('repeats', base.version)
			FROM mlops_catalog.model_version AS v
			WHERE v.model_id = id AND v.version = made AND r.run_id = v.run_id AND training.prepared -> 'request' ? 'repeats';
		SELECT * INTO measured FROM mlops_catalog.shortfalls(caller, retrain.model, id, made, base.version, base.settings, training.prepared, coalesce(retrain.gate, '{}'), retrain.action, (retrain.options ->> 'threshold')::float8);
		training.told := training.told || measured.told;
		shorts := measured.shorts || ARRAY(SELECT mlops_catalog.new_suspects(id, made, base.version, coalesce(retrain.options -> 'accept', '[]')))
			|| ARRAY(SELECT mlops_catalog.route_shortfalls(id, retrain.action, coalesce(retrain.options, '{}')));
	END IF;
	IF outcome = 'registered' AND shorts <> '{}' THEN
		-- lines of check_text begin with the condition
		outcome := CASE WHEN (SELECT bool_and(t LIKE 'approvals: %') FROM unnest(shorts) AS t) THEN 'waiting' ELSE 'rejected' END;
	ELSIF outcome = 'registered' AND retrain.action <> 'register' THEN
		BEGIN
			PERFORM FROM mlops_catalog.as_role(caller, '{}',
				$deploy$SELECT d.variant FROM mlops.deploy($1 OPERATOR(pg_catalog.->>) 'model', ($1 OPERATOR(pg_catalog.->>) 'version')::pg_catalog.int4, $1 OPERATOR(pg_catalog.->>) 'strategy',
					percent => coalesce(($1 OPERATOR(pg_catalog.->>) 'percent')::pg_catalog.float8, 100), key => ($1 OPERATOR(pg_catalog.->>) 'key')::pg_catalog.name,
					threshold => ($1 OPERATOR(pg_catalog.->>) 'threshold')::pg_catalog.float8, guard => coalesce($1 OPERATOR(pg_catalog.->) 'guard', '{}'),
					ramp => coalesce($1 OPERATOR(pg_catalog.->) 'ramp', '[]'), note => $1 OPERATOR(pg_catalog.->>) 'note') AS d$deploy$,
				coalesce(retrain.options, '{}') || jsonb_build_object('model', retrain.model, 'version', made, 'strategy', CASE retrain.action WHEN 'deploy' THEN 'direct' ELSE 'canary' END,
					'note', concat_ws(': ', 'retrained', retrain.note)));
			outcome := CASE retrain.action WHEN 'deploy' THEN 'deployed' ELSE 'canary' END;
			IF stated IS NOT NULL THEN	-- to documents of settings this is a route that moves on, see 66_routes.sql
				PERFORM mlops_catalog.state_route(caller, id, stated);
			END IF;
		EXCEPTION WHEN object_not_in_prerequisite_state OR invalid_parameter_value OR insufficient_privilege THEN
			outcome := 'rejected';	-- another release is under way, say; the version stays
			shorts := shorts || SQLERRM;
		END;
	END IF;
	INSERT INTO mlops_catalog.retraining (model_id, base_version, version, note, outcome, detail, role, started_at)
		VALUES (id, base.version, made, retrain.note, outcome, mlops_catalog.cut(nullif(array_to_string(shorts || training.told, E'\n'), '')), caller, began) RETURNING retraining_id INTO retraining;
	PERFORM mlops_catalog.audit(caller, 'retrain', retrain.model, made, jsonb_strip_nulls(jsonb_build_object('retraining_id', retraining,
		'base_version', base.version, 'note', retrain.note, 'outcome', outcome, 'detail', nullif(array_to_string(shorts || training.told, E'\n'), ''))));
	RAISE LOG 'mlops: retraining % of model "%" is %', retraining, retrain.model, concat_ws(': ', outcome, 'version ' || made);
	RETURN QUERY SELECT * FROM mlops.retrainings AS r WHERE r.retraining_id = retraining;
END
$$;

-- ---- policies

CREATE FUNCTION mlops_catalog.check_policy_triggers(model_id bigint, model text, schedule text, triggers jsonb) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.check_object('triggers', triggers, mlops_catalog.key_types('triggers'));
	IF schedule IS NOT NULL THEN
		PERFORM mlops_catalog.next_cron_run(schedule, now(), 'GMT');
	ELSIF triggers = '{}' THEN
		RAISE EXCEPTION 'a retraining policy needs a "schedule" or "triggers"' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF jsonb_typeof(triggers -> 'alerts') = 'array' THEN
		PERFORM mlops_catalog.require_rule(model_id, model, r) FROM jsonb_array_elements_text(triggers -> 'alerts') AS r;
	ELSIF triggers -> 'alerts' = 'false' THEN
		RAISE EXCEPTION '"alerts" in "triggers" must be a list of alert rules, or true for all' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF (triggers ->> 'new_labels')::numeric < 1 OR (triggers ->> 'new_labels')::numeric <> trunc((triggers ->> 'new_labels')::numeric) THEN
		RAISE EXCEPTION '"new_labels" in "triggers" must be a whole number above 0' USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_policy_triggers(bigint, text, text, jsonb) IS 'An error that says what is wrong unless a policy can retrain a model by a schedule or triggers';

CREATE FUNCTION mlops_catalog.missing_rules() RETURNS TABLE (model_id bigint, model text, problem text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.model_id, m.name, CASE jsonb_typeof(t.alerts) WHEN 'boolean' THEN 'waits for alerts, but the model has no alert rule'
		ELSE format('waits for alert rules that do not exist: %s', missing.names) END
	FROM mlops_catalog.policy AS p JOIN mlops_catalog.model AS m USING (model_id) CROSS JOIN LATERAL (SELECT p.triggers -> 'alerts') AS t(alerts)
	CROSS JOIN LATERAL (SELECT string_agg(format('"%s"', a), ', ' ORDER BY a)
		FROM jsonb_array_elements_text(CASE jsonb_typeof(t.alerts) WHEN 'array' THEN t.alerts ELSE '[]' END) AS a
		WHERE NOT EXISTS (SELECT FROM mlops_catalog.alert_rule AS r WHERE r.model_id = m.model_id AND r.name = a)) AS missing(names)
	WHERE CASE jsonb_typeof(t.alerts) WHEN 'boolean' THEN NOT EXISTS (SELECT FROM mlops_catalog.alert_rule AS r WHERE r.model_id = m.model_id)
		ELSE missing.names IS NOT NULL END
$$;
COMMENT ON FUNCTION mlops_catalog.missing_rules() IS 'Retraining policies that wait for alerts of rules that there are not';

CREATE FUNCTION mlops_catalog.tell_of_missing_rules(caller regrole, model_id bigint) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told record;
BEGIN
	FOR told IN SELECT r.model, r.problem FROM mlops_catalog.missing_rules() AS r WHERE r.model_id = tell_of_missing_rules.model_id LOOP
		RAISE NOTICE 'the retraining policy of model "%" %', told.model, told.problem
			USING HINT = format('Set them by mlops.set_alert_rule(%L, ...).', told.model);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_missing_rules(regrole, bigint) IS 'A notice if the retraining policy of a model waits for alerts of rules that there are not';

CREATE FUNCTION mlops.set_retraining_policy(
	model text,
	schedule text DEFAULT NULL,
	triggers jsonb DEFAULT '{}',
	gate jsonb DEFAULT '{}',
	action text DEFAULT 'register',
	options jsonb DEFAULT '{}',
	cooldown interval DEFAULT '1 day')
	RETURNS SETOF mlops.retraining_policies
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_retraining_policy(text, text, jsonb, jsonb, text, jsonb, interval) IS
	'Has a job retrain a model as you: on a schedule (cron), when alert rules fire, or when so many labels have arrived; replaces its policy';
CREATE FUNCTION mlops_catalog.set_retraining_policy(caller regrole, model text, schedule text, triggers jsonb, gate jsonb, action text, options jsonb,
	cooldown interval) RETURNS SETOF mlops.retraining_policies
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_retraining_policy.model, 'manage');
	former jsonb := (SELECT to_jsonb(p) - '{owner,person,created_at,submitted_at}'::text[] FROM mlops_catalog.policy AS p WHERE p.model_id = id);
	found jsonb;
	base record;
BEGIN
	PERFORM mlops_catalog.require_in_person('mlops.set_retraining_policy()');
	PERFORM mlops_catalog.check_policy_triggers(id, set_retraining_policy.model, set_retraining_policy.schedule, set_retraining_policy.triggers);
	PERFORM mlops_catalog.check_retraining_options(set_retraining_policy.gate, set_retraining_policy.action, set_retraining_policy.options);
	PERFORM mlops_catalog.check_gate_columns(caller, set_retraining_policy.gate, id, set_retraining_policy.model);
	PERFORM mlops_catalog.check_retraining_deployment(caller, id, set_retraining_policy.model, set_retraining_policy.action, set_retraining_policy.options);
	IF set_retraining_policy.cooldown IS NULL OR set_retraining_policy.cooldown < interval '0' THEN
		RAISE EXCEPTION '"cooldown" must not be negative or null' USING ERRCODE = 'invalid_parameter_value';
	ELSIF set_retraining_policy.cooldown > interval '100 years' THEN
		RAISE EXCEPTION 'value % of "cooldown" is out of range', set_retraining_policy.cooldown
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It must be at most 100 years.';
	END IF;
	PERFORM mlops_catalog.tell_of_seconds('cooldown', set_retraining_policy.cooldown);
	SELECT b.* INTO base FROM mlops_catalog.retraining_base(caller, set_retraining_policy.model, id) AS b;
	PERFORM mlops_catalog.check_policy_source(caller, set_retraining_policy.model, base.version, base.settings, base.request, set_retraining_policy.options);
	INSERT INTO mlops_catalog.policy (model_id, schedule, triggers, gate, action, options, cooldown, owner)
		VALUES (id, set_retraining_policy.schedule, set_retraining_policy.triggers, set_retraining_policy.gate, set_retraining_policy.action, set_retraining_policy.options, set_retraining_policy.cooldown, caller)
		ON CONFLICT ON CONSTRAINT policy_pkey DO UPDATE SET schedule = excluded.schedule, triggers = excluded.triggers, gate = excluded.gate,
			action = excluded.action, options = excluded.options, cooldown = excluded.cooldown, owner = excluded.owner, person = excluded.person;
	PERFORM mlops_catalog.resume_task(caller, id, 'retraining');
	found := (SELECT to_jsonb(p) - '{owner,person,created_at,submitted_at}'::text[] FROM mlops_catalog.policy AS p WHERE p.model_id = id);
	IF former IS DISTINCT FROM found THEN
		PERFORM mlops_catalog.audit(caller, 'set_retraining_policy', set_retraining_policy.model, NULL, jsonb_strip_nulls(found - 'model_id'));
	END IF;
	PERFORM mlops_catalog.tell_of_left_out(format('the retraining policy of model "%s"', set_retraining_policy.model),
		format('SELECT * FROM mlops.set_retraining_policy(%L', set_retraining_policy.model), former, found,
		json_build_object('schedule', NULL, 'triggers', '{}'::json, 'gate', '{}'::json, 'action', 'register', 'options', '{}'::json, 'cooldown', interval '1 day'));
	PERFORM mlops_catalog.warn_of_hindrance(caller, 'retraining policy', set_retraining_policy.model);
	PERFORM mlops_catalog.warn_of_role(caller, 'retraining policy', set_retraining_policy.model);
	PERFORM mlops_catalog.tell_of_approvals(caller, id, set_retraining_policy.model);
	PERFORM mlops_catalog.tell_of_missing_rules(caller, id);
	PERFORM mlops_catalog.tell_of_unjudged_rules(caller, id, CASE jsonb_typeof(set_retraining_policy.triggers -> 'alerts') WHEN 'array'
		THEN ARRAY(SELECT jsonb_array_elements_text(set_retraining_policy.triggers -> 'alerts')) END) WHERE set_retraining_policy.triggers ? 'alerts';
	PERFORM mlops_catalog.tell_of_routes(id, set_retraining_policy.model, set_retraining_policy.action, set_retraining_policy.options);
	RETURN QUERY SELECT * FROM mlops.retraining_policies AS p WHERE p.model = set_retraining_policy.model;
END
$$;

CREATE FUNCTION mlops.drop_retraining_policy(model text) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.drop_retraining_policy(text) IS 'Ends the automatic retraining of a model; false if it had no policy';
CREATE FUNCTION mlops_catalog.drop_retraining_policy(caller regrole, model text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.lock_model(caller, drop_retraining_policy.model, 'manage');
BEGIN
	DELETE FROM mlops_catalog.policy AS p WHERE p.model_id = id;
	IF FOUND THEN
		DELETE FROM mlops_catalog.upkeep AS u WHERE u.model_id = id AND u.task = 'retraining';
		PERFORM mlops_catalog.audit(caller, 'drop_retraining_policy', drop_retraining_policy.model, NULL, NULL);
	END IF;
	RETURN FOUND;
END
$$;

-- What calls for a retraining now, NULL: nothing.
CREATE FUNCTION mlops_catalog.retraining_reason(caller regrole, p mlops_catalog.policy) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last timestamptz := (SELECT max(r.started_at) FROM mlops_catalog.retraining AS r WHERE r.model_id = p.model_id);
	since timestamptz := greatest(p.created_at, p.submitted_at, last);
	rule text;
	labels bigint;
BEGIN
	IF mlops_catalog.next_cron_run(p.schedule, since, coalesce(mlops_catalog.cron_setting('timezone'), 'GMT')) <= now() THEN
		RETURN format('schedule %s', p.schedule);
	ELSIF coalesce(greatest(p.submitted_at, last) + p.cooldown > now(), false) THEN
		RETURN NULL;
	END IF;
	-- errors of no version are made by who calls, perhaps without a right on the model
	rule := (SELECT a.rule FROM mlops_catalog.alert AS a
		WHERE a.model_id = p.model_id AND a.resolved_at IS NULL AND NOT (a.version IS NULL AND a.metric IN ('errors', 'error_rate')) AND mlops_catalog.answers(a.model_id, a.version) AND (p.triggers -> 'alerts' = 'true' OR p.triggers -> 'alerts' ? a.rule)
		ORDER BY a.fired_at LIMIT 1);
	IF rule IS NOT NULL THEN
		RETURN format('alert %s', rule);
	END IF;
	IF p.triggers ? 'new_labels' THEN
		labels := (SELECT count(DISTINCT l.key) FROM mlops_catalog.label AS l WHERE l.model_id = p.model_id AND l.recorded_at > since);
		IF labels >= (p.triggers ->> 'new_labels')::numeric THEN
			RETURN format('%s new labels', labels);
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.retraining_reason(regrole, mlops_catalog.policy) IS 'Why a policy wants a retraining now; NULL if it does not';

-- ---- by itself

CREATE FUNCTION mlops_catalog.submit_as(caller regrole, role regrole, command text, key text, model text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce('job ' || (r ->> 'job_id'), 'the one before has not ended') FROM mlops_catalog.as_role(role, '{"client_min_messages": "warning"}',
		$submit$SELECT mlops.submit($1 OPERATOR(pg_catalog.->>) 'command', key => $1 OPERATOR(pg_catalog.->>) 'key', on_conflict => 'skip',
			model => $1 OPERATOR(pg_catalog.->>) 'model', unattended => true) AS job_id$submit$,
		jsonb_build_object('command', command, 'key', key, 'model', model)) AS r);
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.submit_as(regrole, regrole, text, text, text) IS
	'Submits a job as a role, unless the one before has not ended; says what became of it';

CREATE FUNCTION mlops_catalog.task_job_key(task text, model text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE task WHEN 'retraining' THEN 'retrain ' ELSE 'monitor ' END || model $$;
COMMENT ON FUNCTION mlops_catalog.task_job_key(text, text) IS 'Key of the jobs of a model''s monitor or retraining';

-- A monitor says itself how it went, drift included, if it came that far.  What a
-- person, or a shutdown, has stopped has neither failed nor worked.  A job must end
-- whatever becomes of the note.
CREATE FUNCTION mlops_catalog.note_task_job(caller regrole, job_id bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended record;
BEGIN
	SELECT m.model_id, j.model, j.state, t.task, coalesce(j.error ->> 'message', j.state) AS error, j.error ->> 'sqlstate' AS sqlstate INTO ended
		FROM mlops_catalog.job AS j JOIN mlops_catalog.model AS m ON m.name = j.model
		JOIN (SELECT w.model_id, 'monitor' FROM mlops_catalog.monitor AS w UNION ALL SELECT p.model_id, 'retraining' FROM mlops_catalog.policy AS p) AS t(model_id, task)
			ON t.model_id = m.model_id AND j.key = mlops_catalog.task_job_key(t.task, m.name)
		WHERE j.job_id = note_task_job.job_id AND j.upkeep;
	-- what a person or a shutdown has stopped has not run
	IF ended.state IN ('succeeded', 'failed', 'timed_out', 'crashed') AND ended.sqlstate IS DISTINCT FROM '57P01' THEN
		PERFORM mlops_catalog.note_upkeep(caller, ended.model_id, ended.task);
		IF ended.state <> 'succeeded' THEN
			PERFORM mlops_catalog.end_upkeep(caller, ended.model, ended.task, ended.error);
		ELSIF ended.task = 'retraining' THEN
			PERFORM mlops_catalog.end_upkeep(caller, ended.model, ended.task, NULL);
		END IF;
	END IF;
EXCEPTION WHEN query_canceled OR admin_shutdown THEN
	RAISE;
WHEN OTHERS THEN
	RAISE LOG 'mlops: how job % ended could not be noted: %', job_id, SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.note_task_job(regrole, bigint) IS
	'Notes when the job of a monitor or retraining ended and with what error, and takes the error of a retraining away when it has succeeded';

-- A job that took its worker down twice in a row is not submitted again.  A
-- termination, as by a shutdown of the server, is no crash.  That a job was handed
-- over takes no error away: it has not run.
CREATE FUNCTION mlops_catalog.submit_task(caller regrole, id bigint, role regrole, person regrole, command text, task text, model text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job_key text := mlops_catalog.task_job_key(task, model);
	crashes bigint := (SELECT count(*) FROM (SELECT j.state, j.error FROM mlops_catalog.job AS j
			WHERE j.owner = role AND j.key = job_key AND j.ended_at IS NOT NULL AND j.submitted_at > coalesce((SELECT u.resumed_at FROM mlops_catalog.upkeep AS u
				WHERE u.model_id = id AND u.task = submit_task.task), '-infinity') ORDER BY j.job_id DESC LIMIT 2) AS l
		WHERE l.state = 'crashed' AND l.error ->> 'sqlstate' <> '57P01');
	result text;
BEGIN
	IF crashes = 2 THEN
		PERFORM mlops_catalog.suspend_upkeep(caller, id, task, NULL, 'its last two jobs ended with the worker, or the server, that ran them');
		RETURN 'suspended';
	END IF;
	result := mlops_catalog.submit_as(caller, role, command, job_key, model);
	IF result ~ '^job [0-9]+$' THEN
		PERFORM mlops_catalog.mark_upkeep(caller, role, substr(result, 5)::bigint, person);
	END IF;
	IF result !~ '^(job [0-9]+|the one before has not ended)$' THEN
		PERFORM mlops_catalog.end_upkeep(caller, model, task, result);
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION mlops_catalog.submit_task(regrole, bigint, regrole, regrole, text, text, text) IS
	'Submits a monitor or a retraining as a job, unless its last two jobs crashed: then it is suspended; says what became of it';

-- Who is changing a monitor or policy is not waited for.
CREATE FUNCTION mlops_catalog.submit_monitor(caller regrole, id bigint, model text, OUT command text, OUT result text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w mlops_catalog.monitor;
BEGIN
	SELECT t.* INTO w FROM mlops_catalog.monitor AS t WHERE t.model_id = id
		AND coalesce(t.submitted_at < date_bin(t.every, now(), '2000-01-03 00:00:00+00'), true) FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	command := format('SELECT * FROM mlops.run_monitor(%L)', model);
	result := mlops_catalog.submit_task(caller, id, w.owner, w.person, command, 'monitor', model);
	UPDATE mlops_catalog.monitor AS t SET submitted_at = clock_timestamp() WHERE t.model_id = id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.submit_monitor(regrole, bigint, text) IS 'Submits a job for a model''s monitor if its window is over; NULL if it is not';

CREATE FUNCTION mlops_catalog.submit_retraining(caller regrole, id bigint, model text, OUT command text, OUT result text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p mlops_catalog.policy;
	reason text;
BEGIN
	SELECT t.* INTO p FROM mlops_catalog.policy AS t WHERE t.model_id = id FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	reason := mlops_catalog.retraining_reason(caller, p);
	IF reason IS NULL THEN
		RETURN;
	END IF;
	command := format('SELECT * FROM mlops.retrain(%L, %L, %L, %L, %L)', model, reason, p.gate, p.action, p.options);
	result := mlops_catalog.submit_task(caller, id, p.owner, p.person, command, 'retraining', model);
	UPDATE mlops_catalog.policy AS t SET submitted_at = clock_timestamp() WHERE t.model_id = id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.submit_retraining(regrole, bigint, text) IS 'Submits a job for a model''s retraining policy if something calls for it; NULL if nothing does';

CREATE FUNCTION mlops.submit_due() RETURNS TABLE (model text, command text, result text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.submit_due() IS
	'Submits jobs, as their owners, for monitors whose window is over and for retrainings that are due. Runs automatically where mlops is preloaded';
REVOKE ALL ON FUNCTION mlops.submit_due() FROM PUBLIC;
CREATE FUNCTION mlops_catalog.submit_due(caller regrole) RETURNS TABLE (model text, command text, result text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint;
	task text;
BEGIN
	IF NOT (SELECT a.active FROM mlops.activation AS a) THEN	-- a restored copy stays quiet
		RETURN;
	END IF;
	FOR id, task IN SELECT t.model_id, 'monitor' FROM mlops_catalog.monitor AS t UNION ALL
			SELECT t.model_id, 'retraining' FROM mlops_catalog.policy AS t ORDER BY 2, 1 LOOP
		CONTINUE WHEN mlops_catalog.is_suspended(id, task);
		model := (SELECT m.name FROM mlops_catalog.model AS m WHERE m.model_id = id);
		-- whatever is wrong with one, the others go on
		BEGIN
			IF task = 'monitor' THEN
				SELECT d.* INTO command, result FROM mlops_catalog.submit_monitor(caller, id, model) AS d;
			ELSE
				SELECT d.* INTO command, result FROM mlops_catalog.submit_retraining(caller, id, model) AS d;
			END IF;
		EXCEPTION WHEN query_canceled OR admin_shutdown THEN
			RAISE;
		WHEN OTHERS THEN
			PERFORM mlops_catalog.end_upkeep(caller, model, task, SQLERRM);
			CONTINUE;
		END;
		IF result IS NOT NULL THEN
			RETURN NEXT;
		END IF;
	END LOOP;
	PERFORM mlops_catalog.note_upkeep(caller, NULL, 'submit_due');
END
$$;
