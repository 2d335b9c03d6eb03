-- Who may do what with a model.
--
-- Public functions that write are declared with mlops_as_owner: it runs the
-- function of the same name in mlops_catalog as the owner of the catalog, with
-- the caller's role as its first argument "caller".  Those are for nobody else
-- to call (see 95_private.sql) and check the caller's right by require().

CREATE FUNCTION mlops_catalog.require(caller regrole, model text, action text) RETURNS bigint
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_require';
COMMENT ON FUNCTION mlops_catalog.require(regrole, text, text) IS
	'Identity of a model; an error unless it exists and the caller may score, see, evaluate, inspect, train, deploy or manage it';

-- ---- locks
--
-- Who changes what is deployed, who may do what, or what is to run by itself, has
-- the model alone until the transaction ends (lock_model).  Who records something
-- about it, or registers a version, only keeps it from being dropped (keep_model):
-- neither stops the other.  Who measures and reads has no lock.  Order: that on
-- table model, then that on table deployment.

CREATE FUNCTION mlops_catalog.try_lock(relation text, id bigint) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_try_lock';
COMMENT ON FUNCTION mlops_catalog.try_lock(text, bigint) IS
	'Locks a number, such as a row''s identity, of a table of the catalog until the transaction ends, by a lock that users cannot name; false if another session has it';
REVOKE ALL ON FUNCTION mlops_catalog.try_lock(text, bigint) FROM PUBLIC;

CREATE FUNCTION mlops_catalog.lock(relation text, id bigint, shared boolean, purpose text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_lock';
COMMENT ON FUNCTION mlops_catalog.lock(text, bigint, boolean, text) IS
	'Like try_lock, but waits, for ten seconds or lock_timeout at most; then an error "cannot <purpose>" that names who has it. Shared ones do not exclude each other';
REVOKE ALL ON FUNCTION mlops_catalog.lock(text, bigint, boolean, text) FROM PUBLIC;

CREATE FUNCTION mlops_catalog.lock_name(index text, name text, purpose text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_lock_name';
COMMENT ON FUNCTION mlops_catalog.lock_name(text, text, text) IS
	'Locks a name that is to be added to a unique index of the catalog, waiting as lock does for whoever has added it and not committed';
REVOKE ALL ON FUNCTION mlops_catalog.lock_name(text, text, text) FROM PUBLIC;

CREATE FUNCTION mlops_catalog.lock_holder(relation oid, id oid, id_above smallint) RETURNS TABLE (holder text, remedy text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN p.gid IS NULL THEN format('process %s of role "%s"', l.pid, a.usename) ELSE format('prepared transaction "%s"', p.gid) END,
		CASE WHEN p.gid IS NULL THEN format('Wait until it commits or rolls back, or end its session, which is %s since %s: SELECT pg_terminate_backend(%s).',
				a.state, date_trunc('second', a.state_change), l.pid)
			ELSE format('COMMIT PREPARED %1$L or ROLLBACK PREPARED %1$L ends it.', p.gid) END
	FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
	LEFT JOIN pg_locks AS x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
	LEFT JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
	WHERE l.locktype = 'object' AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		AND l.classid = lock_holder.relation AND l.objid = lock_holder.id AND l.objsubid = lock_holder.id_above AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() LIMIT 1
$$;
COMMENT ON FUNCTION mlops_catalog.lock_holder(oid, oid, smallint) IS
	'Who has a lock of lock() or lock_name(), by the fields of its tag, and what to do about it';

CREATE FUNCTION mlops_catalog.keep_model(caller regrole, model text, action text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.require(caller, model, action);
BEGIN
	PERFORM mlops_catalog.lock('model', id, true, format('use model "%s"', model));
	IF NOT EXISTS (SELECT FROM mlops_catalog.model AS m WHERE m.model_id = id) THEN
		RAISE EXCEPTION 'model "%" was dropped in the meantime', model USING ERRCODE = 'undefined_object';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.keep_model(regrole, text, text) IS
	'Like require, and nobody can drop the model until the transaction ends; it can be changed';

CREATE FUNCTION mlops_catalog.lock_model(caller regrole, model text, action text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := mlops_catalog.keep_model(caller, model, action);
BEGIN
	PERFORM mlops_catalog.lock('deployment', id, false, format('change model "%s"', model));
	-- at REPEATABLE READ the loser must not go on with what the winner has changed
	UPDATE mlops_catalog.model AS m SET owner = m.owner WHERE m.model_id = id;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.lock_model(regrole, text, text) IS
	'Like keep_model, and the model is the caller''s alone to change until the transaction ends';

-- Numbers are not waited for: who registers another version at the same time, and
-- has not committed, has taken one that stays a gap if it is rolled back.
CREATE FUNCTION mlops_catalog.take_number(model_id bigint, version int) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_take_number';
COMMENT ON FUNCTION mlops_catalog.take_number(bigint, int) IS
	'Reserves a number for a version until the transaction ends; false if there is this version, or another session may be about to register it';
REVOKE ALL ON FUNCTION mlops_catalog.take_number(bigint, int) FROM PUBLIC;

-- Decisions stay when their model is dropped, and go by its number.  Members of
-- pg_write_all_data may set a sequence back: it is not relied on.
CREATE FUNCTION mlops_catalog.new_model_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
BEGIN
	LOOP
		id := nextval('mlops_catalog.model_model_id_seq');
		EXIT WHEN NOT EXISTS (SELECT FROM mlops_catalog.model AS m WHERE m.model_id = id)
			AND NOT EXISTS (SELECT FROM mlops_catalog.prediction AS p WHERE p.model_id = id);
	END LOOP;
	RETURN id;
END
$$;
COMMENT ON FUNCTION mlops_catalog.new_model_id() IS 'A number that no model has, and no decision of a dropped one';
REVOKE ALL ON FUNCTION mlops_catalog.new_model_id() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.next_version(caller regrole, model text, OUT model_id bigint, OUT version int)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
	LOOP	-- again if it is dropped between the two
		BEGIN
			model_id := mlops_catalog.keep_model(caller, model, 'train');
			EXIT;
		EXCEPTION WHEN undefined_object THEN
			PERFORM mlops_catalog.lock_name('model_name_key', model, format('make model "%s"', model));
			INSERT INTO mlops_catalog.model (model_id, name, owner) OVERRIDING SYSTEM VALUE
				VALUES (mlops_catalog.new_model_id(), model, caller) ON CONFLICT (name) DO NOTHING;
		END;
	END LOOP;
	-- an index over score_version of a dropped model must never mean another one:
	-- its runs stay, and keep the numbers that were given
	version := greatest(mlops_catalog.last_version(model_id), (SELECT max(r.version) FROM mlops_catalog.run AS r WHERE r.model = next_version.model));
	LOOP
		version := version + 1;
		EXIT WHEN mlops_catalog.take_number(model_id, version);
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.next_version(regrole, text) IS
	'The model that a version is to be registered for, made if there is none, and the version''s number; an error unless the caller may train it';

CREATE FUNCTION mlops_catalog.tell_of_same_bytes(model_id bigint, sha256 bytea) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	same record;
BEGIN
	SELECT m.name, v.version INTO same FROM mlops_catalog.model_version AS v JOIN mlops_catalog.model AS m USING (model_id)
		WHERE v.model_id = tell_of_same_bytes.model_id AND v.sha256 = tell_of_same_bytes.sha256 AND v.dropped_at IS NULL ORDER BY v.version DESC LIMIT 1;
	IF FOUND THEN
		RAISE NOTICE 'model "%" has the same bytes already, as version %', same.name, same.version;
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.tell_of_same_bytes(bigint, bytea) IS 'A notice if a model has a version with these bytes';

CREATE FUNCTION mlops_catalog.may(caller regrole, model text, action text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_may';
COMMENT ON FUNCTION mlops_catalog.may(regrole, text, text) IS 'May a role do this with a model? False if there is none';

-- ---- recorded queries

CREATE FUNCTION mlops_catalog.query_settings() RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_query_settings';
COMMENT ON FUNCTION mlops_catalog.query_settings() IS
	'Settings of this session, beside search_path and TimeZone, that say what the text of a query means and how its values are written';

-- Zones of a session may be further from UTC than can be read back.
CREATE FUNCTION mlops_catalog.utc_text(at timestamptz) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_utc_text';
COMMENT ON FUNCTION mlops_catalog.utc_text(timestamptz) IS 'An instant as text that every session reads back as the same';

-- Nobody's wish can add a setting that is none of these.
CREATE FUNCTION mlops_catalog.recorded_settings(search_path text, time_zone text, settings jsonb, recorded_by regrole) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(recorded_settings.settings) AS s WHERE mlops_catalog.query_settings() ? s.key), '{}')
		|| jsonb_build_object('search_path', coalesce(recorded_settings.search_path, ''), 'TimeZone', coalesce(recorded_settings.time_zone, 'UTC'))
		|| CASE WHEN recorded_settings.recorded_by IS NULL THEN '{}' ELSE jsonb_build_object('mlops.recorded_by', recorded_settings.recorded_by::oid::text) END
$$;
COMMENT ON FUNCTION mlops_catalog.recorded_settings(text, text, jsonb, regrole) IS
	'Settings to read a recorded query under: those it was recorded with, not the session''s';

CREATE FUNCTION mlops_catalog.check_settings(settings jsonb, also text[] DEFAULT '{}') RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad text;
BEGIN
	IF jsonb_typeof(settings) <> 'object' THEN
		RAISE EXCEPTION '"settings" must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT s.key INTO bad FROM jsonb_each(settings) AS s
		WHERE NOT (mlops_catalog.query_settings() ? s.key OR s.key = ANY (also)) OR jsonb_typeof(s.value) <> 'string' ORDER BY s.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '"%" in "settings" is not a setting that can be recorded with a query, or its value is not a text', bad
			USING ERRCODE = 'invalid_parameter_value',
				HINT = (SELECT format('Valid settings are: %s.', string_agg(k, ', ' ORDER BY k)) FROM (SELECT jsonb_object_keys(mlops_catalog.query_settings()) UNION SELECT unnest(also)) AS e(k));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_settings(jsonb, text[]) IS 'An error that names the key unless these settings, or also others that are named, can be recorded with a query';

CREATE FUNCTION mlops_catalog.row_as_json("row" anyelement) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	SET extra_float_digits = 1
AS $$ SELECT to_jsonb(row_as_json."row") $$;
COMMENT ON FUNCTION mlops_catalog.row_as_json(anyelement) IS 'A row as JSON with all digits of its numbers, whatever the settings';

CREATE FUNCTION mlops_catalog.as_role(caller regrole, settings jsonb, statement text, argument jsonb, by_itself boolean DEFAULT false, embeds boolean DEFAULT false) RETURNS SETOF jsonb
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'mlops_as_role';
COMMENT ON FUNCTION mlops_catalog.as_role(regrole, jsonb, text, jsonb, boolean, boolean) IS
	'Runs a SELECT as a role, for functions that act as the owner of the catalog; $1 is argument, each row comes as an object; settings such as search_path hold for it; sources that it reads, and a query that it embeds, change nothing; no untrusted code runs, by itself no untrusted table is read either';

CREATE FUNCTION mlops_catalog.is_applying_changes() RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_is_applying_changes';
COMMENT ON FUNCTION mlops_catalog.is_applying_changes() IS 'Are these the changes of another server, by logical replication?';

CREATE FUNCTION mlops_catalog.require_seen(model text, action text DEFAULT 'inspect') RETURNS bigint
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_require_seen';
COMMENT ON FUNCTION mlops_catalog.require_seen(text, text) IS 'Identity of a model; an error unless it exists and the current user may inspect, or only see, it';

CREATE FUNCTION mlops_catalog.may_use(owner regrole, model_id bigint) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'mlops_may_use';
COMMENT ON FUNCTION mlops_catalog.may_use(regrole, bigint) IS
	'Is the current user a member of the owner, or may it view the model? What the views show';

CREATE FUNCTION mlops_catalog.may_see(owner regrole, model_id bigint) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'mlops_may_see';
COMMENT ON FUNCTION mlops_catalog.may_see(regrole, bigint) IS
	'Is the current user a member of the owner, or has it any privilege on the model? What views show that hold no metrics';

CREATE FUNCTION mlops_catalog.may_use_named(owner regrole, model text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'mlops_may_use_named';
COMMENT ON FUNCTION mlops_catalog.may_use_named(regrole, text) IS
	'Is the current user a member of the owner, or may it view the model of this name? What the views show of runs';

CREATE FUNCTION mlops_catalog.role_named(name name) RETURNS regrole
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	role oid := (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = role_named.name);
BEGIN
	IF name = 'public' THEN
		RETURN 0::oid;
	END IF;
	IF role IS NULL THEN
		RAISE EXCEPTION 'role "%" does not exist', name USING ERRCODE = 'undefined_object';
	END IF;
	RETURN role;
END
$$;
COMMENT ON FUNCTION mlops_catalog.role_named(name) IS 'The role of a name, 0 for public; an error if there is none';

CREATE FUNCTION mlops_catalog.readable(value text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_readable';
COMMENT ON FUNCTION mlops_catalog.readable(text) IS 'A text that was not verified, such as a role''s name, with "?" for what is not valid in the database''s encoding';

CREATE FUNCTION mlops_catalog.role_text(role regrole) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN role = 0 THEN 'public' ELSE mlops_catalog.readable(pg_get_userbyid(role)::text) END $$;
COMMENT ON FUNCTION mlops_catalog.role_text(regrole) IS 'Name of a role as it is, without quotes; public for 0';

CREATE VIEW mlops.grants WITH (security_barrier) AS
SELECT m.name AS model, mlops_catalog.role_text(g.role) AS role, g.privilege,
	mlops_catalog.role_text(g.granted_by) AS granted_by, g.granted_at
FROM mlops_catalog.model_grant g
JOIN mlops_catalog.model m ON m.model_id OPERATOR(pg_catalog.=) g.model_id
WHERE mlops_catalog.may_see(m.owner, m.model_id);
COMMENT ON VIEW mlops.grants IS 'Privileges on models you may use, beside those of their owners';
COMMENT ON COLUMN mlops.grants.model IS 'Model';
COMMENT ON COLUMN mlops.grants.role IS 'Role that has it, public for everybody';
COMMENT ON COLUMN mlops.grants.privilege IS 'score, view, train or deploy, which include view, or manage, which includes all';
COMMENT ON COLUMN mlops.grants.granted_by IS 'Who gave it';
COMMENT ON COLUMN mlops.grants.granted_at IS 'When';
GRANT SELECT ON mlops.grants TO PUBLIC;

CREATE FUNCTION mlops_catalog.refuse_null(argument text, value text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF value IS NULL THEN
		RAISE EXCEPTION '"%" must not be null', argument USING ERRCODE = 'null_value_not_allowed';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_null(text, text) IS 'An error unless an argument is given';

CREATE FUNCTION mlops_catalog.check_choice(argument text, value text, valid text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.refuse_null(argument, value);
	IF value <> ALL (valid) THEN
		RAISE EXCEPTION 'unrecognized % "%"', argument, value
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Valid values are: %s.', array_to_string(valid, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_choice(text, text, text[]) IS 'An error that lists the valid values unless value is one of them';

-- ---- bounds of what roles have stored: include/mlops/base.h has them

CREATE FUNCTION mlops_catalog.refuse_large(value text) RETURNS void
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_refuse_large';
COMMENT ON FUNCTION mlops_catalog.refuse_large(text) IS 'An error if the value of a parameter is larger than may be stored';
CREATE FUNCTION mlops_catalog.refuse_large(tags jsonb) RETURNS void
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_refuse_large';
COMMENT ON FUNCTION mlops_catalog.refuse_large(jsonb) IS 'An error if all tags together are larger than may be stored';

CREATE FUNCTION mlops_catalog.cut(value text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mlops_cut';
COMMENT ON FUNCTION mlops_catalog.cut(text) IS 'Text that nobody gave, such as an error''s message, as it is stored: of more than 64 kB the beginning';
CREATE FUNCTION mlops_catalog.cut(value jsonb) RETURNS jsonb
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN pg_column_size(value) > 1048576 THEN jsonb_build_object('reason', mlops_catalog.cut(value::text)) ELSE value END $$;
COMMENT ON FUNCTION mlops_catalog.cut(jsonb) IS 'Details that nobody gave as they are stored: of more than 1 MB the beginning, as a text';

CREATE FUNCTION mlops_catalog.check_key(argument text, key text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.refuse_null(argument, key);
	IF length(key) NOT BETWEEN 1 AND 250 THEN
		RAISE EXCEPTION '"%" must have 1 to 250 characters', argument
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It has %s.', length(key)),
				HINT = 'Give it a short name; a longer text can be a note, a description or the value of a tag.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_key(text, text) IS 'An error unless this can name a run, parameter, metric, tag or artifact';

CREATE FUNCTION mlops_catalog.with_tag(tags jsonb, key text, value text) RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	PERFORM mlops_catalog.check_key('key', key);
	result := CASE WHEN value IS NULL THEN tags - key ELSE tags || jsonb_build_object(key, value) END;
	PERFORM mlops_catalog.refuse_large(tags => result);
	RETURN result;
END
$$;
COMMENT ON FUNCTION mlops_catalog.with_tag(jsonb, text, text) IS 'Tags with one that is set, or removed if value is NULL';

CREATE FUNCTION mlops_catalog.check_name(what text, name text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM mlops_catalog.refuse_null('name', name);
	IF name !~ '^[a-z0-9_][a-z0-9_.-]{0,62}$' THEN
		RAISE EXCEPTION 'invalid name "%" of %', name, what
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A name has 1 to 63 of the characters a-z, 0-9, "_", "." and "-", and begins with a letter, digit or "_".';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_name(text, text) IS 'An error unless what, such as ''a snapshot'', may have this name';

CREATE FUNCTION mlops.grant(model text, role name, privilege text) RETURNS SETOF mlops.grants
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.grant(text, name, text) IS
	'Gives a role (or public) the privilege to score with a model, or to view, train, deploy or manage it; train and deploy include view, manage includes all';
CREATE FUNCTION mlops_catalog.grant(caller regrole, model text, role name, privilege text) RETURNS SETOF mlops.grants
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, "grant".model, 'manage');
	grantee regrole;
BEGIN
	PERFORM mlops_catalog.refuse_null('role', "grant".role);
	PERFORM mlops_catalog.check_choice('privilege', "grant".privilege, '{score,view,train,deploy,manage}');
	grantee := mlops_catalog.role_named("grant".role);
	INSERT INTO mlops_catalog.model_grant (model_id, role, privilege, granted_by)
		VALUES (id, grantee, "grant".privilege, caller) ON CONFLICT DO NOTHING;
	IF FOUND THEN
		PERFORM mlops_catalog.audit(caller, 'grant', "grant".model, NULL, jsonb_build_object('role', "grant".role, 'privilege', "grant".privilege));
	END IF;
	RETURN QUERY SELECT * FROM mlops.grants AS g WHERE g.model = "grant".model AND g.role = "grant".role AND g.privilege = "grant".privilege;
END
$$;

CREATE FUNCTION mlops.revoke(model text, role name, privilege text) RETURNS SETOF mlops.grants
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.revoke(text, name, text) IS
	'Takes a privilege on a model away and returns it; no row if the role did not have it. A role that was dropped is its number, as check_catalog says';
CREATE FUNCTION mlops_catalog.revoke(caller regrole, model text, role name, privilege text) RETURNS SETOF mlops.grants
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, revoke.model, 'manage');
BEGIN
	PERFORM mlops_catalog.refuse_null('role', revoke.role);
	PERFORM mlops_catalog.check_choice('privilege', revoke.privilege, '{score,view,train,deploy,manage}');
	RETURN QUERY DELETE FROM mlops_catalog.model_grant AS g
		WHERE g.model_id = id AND g.privilege = revoke.privilege AND (revoke.role = mlops_catalog.role_text(g.role)
			OR revoke.role = g.role::oid::text AND g.role <> 0 AND mlops_catalog.is_nobody(g.role))
		RETURNING revoke.model, mlops_catalog.role_text(g.role), g.privilege, mlops_catalog.role_text(g.granted_by), g.granted_at;
	IF FOUND THEN
		PERFORM mlops_catalog.audit(caller, 'revoke', revoke.model, NULL, jsonb_build_object('role', revoke.role, 'privilege', revoke.privilege));
	ELSE
		PERFORM mlops_catalog.role_named(revoke.role);	-- whoever misspells it would think that the privilege is gone
	END IF;
END
$$;

CREATE VIEW mlops.trusted_roles WITH (security_barrier) AS
SELECT mlops_catalog.role_text(t.role) AS role, mlops_catalog.role_text(t.trusted) AS trusts, t.trusted_at
FROM mlops_catalog.trust t
WHERE pg_catalog.pg_has_role(t.role, 'USAGE');
COMMENT ON VIEW mlops.trusted_roles IS 'Trust given by roles you are a member of: recorded queries and automatic tasks may reach code and tables of the trusted role with their rights';
COMMENT ON COLUMN mlops.trusted_roles.role IS 'Role that trusts';
COMMENT ON COLUMN mlops.trusted_roles.trusts IS 'Role that it trusts';
COMMENT ON COLUMN mlops.trusted_roles.trusted_at IS 'Since when';
GRANT SELECT ON mlops.trusted_roles TO PUBLIC;

CREATE FUNCTION mlops.trust(role name) RETURNS SETOF mlops.trusted_roles
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.trust(name) IS
	'Trusts a role: its code may run with your rights. Recorded queries that you ask for may run its code, and automatic tasks that run as you may also read its tables and views';
CREATE FUNCTION mlops_catalog.trust(caller regrole, role name) RETURNS SETOF mlops.trusted_roles
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	trusted_role regrole;
BEGIN
	PERFORM mlops_catalog.refuse_null('role', trust.role);
	IF trust.role = 'public' THEN
		RAISE EXCEPTION '"role" must be a role, not public'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Trusting everybody would let everybody act with your rights.';
	END IF;
	trusted_role := mlops_catalog.role_named(trust.role);
	INSERT INTO mlops_catalog.trust (role, trusted) VALUES (caller, trusted_role) ON CONFLICT DO NOTHING;
	IF FOUND THEN
		PERFORM mlops_catalog.audit(caller, 'trust', NULL, NULL, jsonb_build_object('role', trust.role));
	END IF;
	RETURN QUERY SELECT t.role, t.trusts, t.trusted_at FROM mlops.trusted_roles AS t
		WHERE t.role = mlops_catalog.role_text(caller) AND t.trusts = trust.role;
END
$$;

CREATE FUNCTION mlops.distrust(role name) RETURNS SETOF mlops.trusted_roles
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.distrust(name) IS 'Ends your trust in a role and returns the role; no row if you did not trust it';
CREATE FUNCTION mlops_catalog.distrust(caller regrole, role name) RETURNS SETOF mlops.trusted_roles
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM mlops_catalog.refuse_null('role', distrust.role);
	RETURN QUERY DELETE FROM mlops_catalog.trust AS t WHERE t.role = caller AND mlops_catalog.role_text(t.trusted) = distrust.role
		RETURNING mlops_catalog.role_text(t.role), mlops_catalog.role_text(t.trusted), t.trusted_at;
	IF FOUND THEN
		PERFORM mlops_catalog.audit(caller, 'distrust', NULL, NULL, jsonb_build_object('role', distrust.role));
	END IF;
END
$$;

CREATE FUNCTION mlops.set_owner(model text, new_owner name) RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.set_owner(text, name) IS
	'Gives a model to another role; requires membership in its owner and in the new one. Returns the former owner';
CREATE FUNCTION mlops_catalog.set_owner(caller regrole, model text, new_owner name) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	id bigint := mlops_catalog.lock_model(caller, set_owner.model, 'manage');
	new_role regrole;
	former regrole;
BEGIN
	IF set_owner.new_owner IS NULL OR set_owner.new_owner = 'public' THEN
		RAISE EXCEPTION '"new_owner" must be a role' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	new_role := mlops_catalog.role_named(set_owner.new_owner);
	SELECT m.owner INTO former FROM mlops_catalog.model AS m WHERE m.model_id = id;
	-- NULL: the owner was dropped, then only a superuser gets this far
	IF NOT coalesce(pg_has_role(caller, former, 'USAGE'), true) OR NOT pg_has_role(caller, new_role, 'MEMBER') THEN
		RAISE EXCEPTION 'permission denied to give model "%" to role "%"', set_owner.model, set_owner.new_owner
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'It takes membership in its owner and in the new owner.';
	END IF;
	UPDATE mlops_catalog.model AS m SET owner = new_role WHERE m.model_id = id;
	PERFORM mlops_catalog.audit(caller, 'set_owner', set_owner.model, NULL,
		jsonb_build_object('from', mlops_catalog.role_text(former), 'to', set_owner.new_owner));
	RETURN mlops_catalog.role_text(former);
END
$$;
