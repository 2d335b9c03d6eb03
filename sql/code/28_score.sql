-- Scoring.  score and predict are STABLE: what a name answers with can change
-- between statements.  A version never changes, so score_version is IMMUTABLE
-- and may be used in generated columns and indexes.
--
-- COST 500: about a microsecond a row, where COST 1 is a simple operator.

CREATE FUNCTION mlops.score(model text, features anyelement) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score';
COMMENT ON FUNCTION mlops.score(text, anyelement) IS
	'Probability of the positive class for a row (a table''s row or jsonb), by the deployed version or by the version in name/version';

CREATE FUNCTION mlops.predict(model text, features anyelement) RETURNS mlops.prediction
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 600
	AS 'MODULE_PATHNAME', 'mlops_predict';
COMMENT ON FUNCTION mlops.predict(text, anyelement) IS
	'Score of a row with its flag, the threshold in force and the version that answered';

CREATE FUNCTION mlops.score_version(model text, version int, features anyelement) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score_version';
COMMENT ON FUNCTION mlops.score_version(text, int, anyelement) IS
	'Score of a row by a version given by number, whatever is deployed';

-- Text is JSON.  A literal without a type is taken for text, so that '{"amount": 5}'
-- needs no cast.
CREATE FUNCTION mlops.score(model text, features text) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score';
COMMENT ON FUNCTION mlops.score(text, text) IS 'mlops.score of an object in JSON that is given as text';

CREATE FUNCTION mlops.predict(model text, features text) RETURNS mlops.prediction
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 600
	AS 'MODULE_PATHNAME', 'mlops_predict';
COMMENT ON FUNCTION mlops.predict(text, text) IS 'mlops.predict of an object in JSON that is given as text';

CREATE FUNCTION mlops.score_version(model text, version int, features text) RETURNS float8
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
	AS 'MODULE_PATHNAME', 'mlops_score_version';
COMMENT ON FUNCTION mlops.score_version(text, int, text) IS 'mlops.score_version of an object in JSON that is given as text';

CREATE FUNCTION mlops.score_table(
	model text,
	source regclass DEFAULT NULL,
	query text DEFAULT NULL,
	key name DEFAULT NULL)
	RETURNS SETOF mlops.scored_row
	LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100000
	AS 'MODULE_PATHNAME', 'mlops_score_table';
COMMENT ON FUNCTION mlops.score_table(text, regclass, text, name) IS
	'Scores every row of a table, view or query, in the processes of a parallel plan: in any order, unless the query has one';

CREATE FUNCTION mlops.score_trigger() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_score_trigger';
COMMENT ON FUNCTION mlops.score_trigger() IS
	'BEFORE INSERT OR UPDATE trigger that fills a score column and, if named, a flag column; arguments: model, score column [, flag column [, on_error]]. on_error says what a row that cannot be scored gets: null (the default), a score, or raise for an error';

CREATE FUNCTION mlops.decide_trigger() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_decide_trigger';
COMMENT ON FUNCTION mlops.decide_trigger() IS
	'BEFORE INSERT trigger that decides like mlops.decide: fills a score column and a flag column, logs the decision and the shadows; arguments: model, score column [, flag column [, key column [, on_error]]]. on_error says what a row that cannot be scored gets, in the table and in the log: null (the default), a score, or raise for an error';

-- ---- what is wrong with a trigger, told before it fires

CREATE FUNCTION mlops_catalog.check_trigger(relation regclass, trigger oid) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'mlops_check_trigger';
COMMENT ON FUNCTION mlops_catalog.check_trigger(regclass, oid) IS
	'An error if a trigger of mlops could fill its columns for no row; else what stands against scoring now (the model reads what the trigger fills, say), NULL if nothing does';

CREATE FUNCTION mlops_catalog.triggers() RETURNS TABLE (relation regclass, trigger oid, name name)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.tgrelid::regclass, t.oid, t.tgname FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE p.pronamespace = 'mlops'::regnamespace AND p.proname IN ('score_trigger', 'decide_trigger') AND NOT t.tgisinternal
$$;
COMMENT ON FUNCTION mlops_catalog.triggers() IS 'Triggers that score, in all tables';

-- A restore with --disable-triggers that was broken off leaves them so, and rows
-- are stored without a score and without a word.
CREATE FUNCTION mlops_catalog.disabled_trigger(relation regclass, trigger oid) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s: rows are stored without a score, and nothing is logged; ALTER TABLE %s ENABLE TRIGGER %I, or drop it if it is not wanted any more',
		CASE t.tgenabled WHEN 'D' THEN 'is disabled' ELSE 'is enabled only for what is replicated' END, relation, t.tgname)
	FROM pg_trigger AS t WHERE t.oid = trigger AND t.tgenabled IN ('D', 'R')
$$;
COMMENT ON FUNCTION mlops_catalog.disabled_trigger(regclass, oid) IS 'That a trigger does not fire, and how to change that; NULL if it fires';

CREATE FUNCTION mlops_catalog.trigger_problems() RETURNS TABLE (model text, object text, problem text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT m.*, split_part(encode(g.tgargs, 'escape'), '\000', 1) AS first FROM mlops_catalog.triggers() AS m
			JOIN pg_trigger AS g ON g.oid = m.trigger ORDER BY m.relation::text, m.name LOOP
		BEGIN
			problem := coalesce(mlops_catalog.disabled_trigger(t.relation, t.trigger), mlops_catalog.check_trigger(t.relation, t.trigger));
		EXCEPTION WHEN OTHERS THEN
			problem := SQLERRM;
		END;
		IF problem IS NOT NULL THEN
			model := t.first;
			object := format('trigger %s of table %s', t.name, t.relation);
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.trigger_problems() IS 'What stands against scoring in the triggers of all tables';
REVOKE ALL ON FUNCTION mlops_catalog.trigger_problems() FROM PUBLIC;	-- check_catalog() shows what one may see

-- A trigger with wrong arguments is refused by CREATE TRIGGER.  That its model
-- cannot score yet is no error: it may be trained later, as in a restored dump.
-- Functions of mlops write the catalog as its owner, and so would its triggers run,
-- of whoever was granted TRIGGER on all tables.
CREATE FUNCTION mlops_catalog.refuse_trigger(t pg_trigger) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hindrance text := (SELECT CASE
			WHEN NOT pg_has_role(current_user, c.relowner, 'USAGE') THEN format('Only its owner "%s" and superusers make one, whatever was granted to others.', pg_get_userbyid(c.relowner))
			WHEN NOT r.rolsuper THEN format('Its function %s belongs to role "%s", who is no superuser.', f.oid::regprocedure, r.rolname) END
		FROM pg_class AS c, pg_proc AS f JOIN pg_roles AS r ON r.oid = f.proowner
		WHERE c.oid = t.tgrelid AND f.oid = t.tgfoid AND c.relnamespace::regnamespace::text IN ('mlops', 'mlops_catalog', 'mlops_snapshot'));
BEGIN
	IF hindrance IS NOT NULL THEN
		RAISE EXCEPTION 'permission denied to create trigger "%" on %', t.tgname, t.tgrelid::regclass
			USING ERRCODE = 'insufficient_privilege', DETAIL = hindrance || ' It would run with the rights of the owner of the catalog.';
	END IF;
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_trigger(pg_trigger) IS 'An error if this trigger of somebody else is on a table of the catalog';

CREATE FUNCTION mlops_catalog.trigger_hint(problem text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN problem ~ 'which this trigger fills' THEN 'Until a version without the column is deployed, rows are scored as they come, mostly as if it were NULL.'
		WHEN problem ~ 'not of this one$' THEN 'Rows are scored, but those of this table do not count. Train on a feature view of this table.'
		WHEN problem ~ 'overwrites the other' THEN 'Let one of the two go, or fill other columns.'
		WHEN problem ~ 'cannot be stored' THEN 'Give on_error a score, or let the column be NULL.'
		ELSE 'Until that is mended, rows get what its argument on_error says: no score, unless it is given.' END
$$;
COMMENT ON FUNCTION mlops_catalog.trigger_hint(text) IS 'What follows from what check_trigger has found, or what to do about it';

CREATE FUNCTION mlops_catalog.check_new_triggers() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
	problem text;
BEGIN
	PERFORM mlops_catalog.refuse_trigger(g) FROM pg_event_trigger_ddl_commands() AS c JOIN pg_trigger AS g ON g.oid = c.objid
		WHERE c.classid = 'pg_trigger'::regclass;
	FOR t IN SELECT m.* FROM pg_event_trigger_ddl_commands() AS c JOIN mlops_catalog.triggers() AS m ON m.trigger = c.objid
			WHERE c.classid = 'pg_trigger'::regclass LOOP
		problem := mlops_catalog.check_trigger(t.relation, t.trigger);
		IF problem IS NOT NULL THEN
			RAISE WARNING 'trigger "%": %', t.name, problem
				USING HINT = mlops_catalog.trigger_hint(problem);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION mlops_catalog.check_new_triggers() IS 'What check_new_trigger does, with the triggers that the command under way has created';

CREATE FUNCTION mlops_catalog.check_new_trigger() RETURNS event_trigger
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mlops_check_new_trigger';
COMMENT ON FUNCTION mlops_catalog.check_new_trigger() IS 'Refuses triggers on tables of the catalog, and warns of triggers of mlops with wrong arguments, when they are created';
