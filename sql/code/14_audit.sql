-- The audit log: rows in the order in which they were chained, at commit, each with
-- the SHA-256 of itself and of the row before.  docs/security.md says what exactly is hashed.

CREATE FUNCTION mlops_catalog.append_audit() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_append_audit';
COMMENT ON FUNCTION mlops_catalog.append_audit() IS 'Trigger: moves waiting events to the end of the audit log, unless it is busy';
REVOKE ALL ON FUNCTION mlops_catalog.append_audit() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.refuse_change() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'rows of "%" are never changed or removed', TG_TABLE_NAME
		USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION mlops_catalog.refuse_change() IS 'Trigger: refuses to change or remove rows';
REVOKE ALL ON FUNCTION mlops_catalog.refuse_change() FROM PUBLIC;

CREATE FUNCTION mlops_catalog.append_waiting(caller regrole) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'mlops_append_waiting';
COMMENT ON FUNCTION mlops_catalog.append_waiting(regrole) IS
	'Moves the events that wait to the end of the audit log; returns how many, NULL if it is busy';

CREATE FUNCTION mlops_catalog.audit(caller regrole, event text, model text, version int, detail jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO mlops_catalog.audit_waiting (role, session_role, event, model, version, detail)
	VALUES (mlops_catalog.role_text(caller), mlops_catalog.role_text(mlops_catalog.person()), event, model, version, coalesce(mlops_catalog.cut(detail), '{}'))
$$;
COMMENT ON FUNCTION mlops_catalog.audit(regrole, text, text, int, jsonb) IS
	'Notes an event that the commit will append to the audit log';

CREATE FUNCTION mlops_catalog.own_waiting(caller regrole, event text, model text) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT max(w.waiting_id) FROM mlops_catalog.audit_waiting AS w
	WHERE w.transaction_id = pg_current_xact_id_if_assigned() AND w.event = own_waiting.event AND w.model = own_waiting.model
		AND w.role = mlops_catalog.role_text(caller) AND w.session_role = mlops_catalog.role_text(mlops_catalog.person())
$$;
COMMENT ON FUNCTION mlops_catalog.own_waiting(regrole, text, text) IS 'The event of a kind that this transaction has noted already and that waits; NULL: none';

-- Counts with the same keys added up.
CREATE FUNCTION mlops_catalog.add_counts(a jsonb, b jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(t.key, t.n), '{}')
	FROM (SELECT x.key, sum(x.value::bigint) AS n FROM (SELECT * FROM jsonb_each_text(a) UNION ALL SELECT * FROM jsonb_each_text(b)) AS x GROUP BY x.key) AS t
$$;
COMMENT ON FUNCTION mlops_catalog.add_counts(jsonb, jsonb) IS 'Two objects of counts added up';

-- SQL_ASCII takes bytes as they are, and so do its hashes.
CREATE FUNCTION mlops_catalog.hashed_bytes(value text) RETURNS bytea
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT convert_to(value, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)
$$;
COMMENT ON FUNCTION mlops_catalog.hashed_bytes(text) IS 'A text in UTF-8; in SQL_ASCII its bytes as they are';

CREATE FUNCTION mlops_catalog.in_utf8(what text, value text) RETURNS bytea
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN convert_to(value, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
	RAISE EXCEPTION '% is not UTF-8', what USING ERRCODE = SQLSTATE, DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION mlops_catalog.in_utf8(text, text) IS 'A text in UTF-8; an error that names what it is where it cannot be';

CREATE FUNCTION mlops_catalog.audit_hash(previous bytea, seq bigint, logged_at timestamptz, role text, session_role text,
	event text, model text, version int, detail jsonb) RETURNS bytea
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT sha256(previous || mlops_catalog.hashed_bytes(string_agg(
			CASE WHEN f.value IS NULL THEN '-,' ELSE octet_length(mlops_catalog.hashed_bytes(f.value)) || ':' || f.value || ',' END,
			'' ORDER BY f.place)))
	FROM unnest(ARRAY[seq::text, to_char(logged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		role, session_role, event, model, version::text, detail::text]) WITH ORDINALITY AS f(value, place)
$$;
COMMENT ON FUNCTION mlops_catalog.audit_hash(bytea, bigint, timestamptz, text, text, text, text, int, jsonb) IS
	'SHA-256 that chains a row of the audit log to the row before';

-- What is committed, chained or not.
CREATE VIEW mlops_catalog.audit_entry AS
SELECT a.seq, NULL::bigint AS waiting_id, a.logged_at, a.role, a.session_role, a.event, a.model, a.version, a.detail, a.previous_hash, a.hash
FROM mlops_catalog.audit_log AS a
UNION ALL
SELECT NULL, w.waiting_id, w.logged_at, w.role, w.session_role, w.event, w.model, w.version, w.detail, NULL, NULL
FROM mlops_catalog.audit_waiting AS w
WHERE w.transaction_id OPERATOR(pg_catalog.<>) COALESCE(pg_catalog.pg_current_xact_id_if_assigned(), '0'::pg_catalog.xid8);
COMMENT ON VIEW mlops_catalog.audit_entry IS 'Entries of the audit log, and committed events that wait to be chained to it';
COMMENT ON COLUMN mlops_catalog.audit_entry.seq IS 'Number, NULL while it waits';
COMMENT ON COLUMN mlops_catalog.audit_entry.waiting_id IS 'Identity while it waits';
COMMENT ON COLUMN mlops_catalog.audit_entry.logged_at IS 'When it happened';
COMMENT ON COLUMN mlops_catalog.audit_entry.role IS 'Role that did it';
COMMENT ON COLUMN mlops_catalog.audit_entry.session_role IS 'Role that the session was opened as; of a job, the session that submitted it';
COMMENT ON COLUMN mlops_catalog.audit_entry.event IS 'What was done';
COMMENT ON COLUMN mlops_catalog.audit_entry.model IS 'Model';
COMMENT ON COLUMN mlops_catalog.audit_entry.version IS 'Version';
COMMENT ON COLUMN mlops_catalog.audit_entry.detail IS 'Details of the event';
COMMENT ON COLUMN mlops_catalog.audit_entry.previous_hash IS 'Hash of the entry before, NULL while it waits';
COMMENT ON COLUMN mlops_catalog.audit_entry.hash IS 'Hash of the entry, NULL while it waits';

CREATE VIEW mlops.audit_log WITH (security_barrier) AS
SELECT a.seq, a.event, a.model, a.version, a.role, a.session_role, a.detail,
	pg_catalog.encode(a.hash, 'hex') AS hash, pg_catalog.encode(a.previous_hash, 'hex') AS previous_hash, a.logged_at
FROM mlops_catalog.audit_entry AS a
-- names of roles are given again: what somebody of this name did to models is not told
WHERE a.model IS NULL AND a.role OPERATOR(pg_catalog.=) CURRENT_USER::pg_catalog.text
	OR pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class c
		WHERE c.oid OPERATOR(pg_catalog.=) 'mlops_catalog.audit_log'::pg_catalog.regclass), 'USAGE')
	-- what is older than the model of its name was another model of that name
	OR EXISTS (SELECT FROM mlops_catalog.model m WHERE m.name OPERATOR(pg_catalog.=) a.model AND m.created_at OPERATOR(pg_catalog.<=) a.logged_at
		AND mlops_catalog.may_use(m.owner, m.model_id));
COMMENT ON VIEW mlops.audit_log IS 'Events of models you may use, and other actions of your role; the catalog''s owner sees everything';
COMMENT ON COLUMN mlops.audit_log.seq IS 'Number, from 1 without gaps, in the order in which entries were chained; NULL: it is committed and waits to be chained';
COMMENT ON COLUMN mlops.audit_log.event IS 'What was done: train, deploy, rollback, grant, ...';
COMMENT ON COLUMN mlops.audit_log.model IS 'Model, NULL if it was not about one';
COMMENT ON COLUMN mlops.audit_log.version IS 'Version, NULL if it was not about one';
COMMENT ON COLUMN mlops.audit_log.role IS 'Role that did it';
COMMENT ON COLUMN mlops.audit_log.session_role IS 'Role that the session was opened as; of a job, the session that submitted it';
COMMENT ON COLUMN mlops.audit_log.detail IS 'Details of the event';
COMMENT ON COLUMN mlops.audit_log.hash IS 'SHA-256 of the row and of the row before; NULL while it waits';
COMMENT ON COLUMN mlops.audit_log.previous_hash IS 'Hash of the row before, empty for the first; NULL while it waits';
COMMENT ON COLUMN mlops.audit_log.logged_at IS 'When it happened';
GRANT SELECT ON mlops.audit_log TO PUBLIC;

CREATE FUNCTION mlops.verify_audit(seq bigint DEFAULT NULL, hash text DEFAULT NULL)
	RETURNS TABLE (intact boolean, entries bigint, bad_seq bigint, problem text, last_hash text)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.verify_audit(bigint, text) IS
	'Recomputes the chain of the audit log and names the first entry that was edited, removed or reordered. A hash that you kept elsewhere proves that the log is still the same; with its seq it also proves the entry''s place. problem also says how many entries wait to be chained, which is no fault';
CREATE FUNCTION mlops_catalog.verify_audit(caller regrole, seq bigint, hash text)
	RETURNS TABLE (intact boolean, entries bigint, bad_seq bigint, problem text, last_hash text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad record;
	head record;
	last record;
	cut record;
	base bigint;	-- the last entry that retention has cut
	is_gone boolean := false;
	waiting bigint := (SELECT count(*) FROM mlops_catalog.audit_entry AS e WHERE e.seq IS NULL);
BEGIN
	IF verify_audit.hash IS NOT NULL AND verify_audit.hash !~* '^[0-9a-f]{64}$' THEN
		RAISE EXCEPTION '"hash" is not a hash of the audit log: "%"', verify_audit.hash
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It has 64 hexadecimal digits, as mlops.verify_audit returns it in last_hash.';
	ELSIF verify_audit.seq IS NOT NULL AND verify_audit.hash IS NULL THEN
		RAISE EXCEPTION 'entry % can only be checked against a hash', verify_audit.seq
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give "hash" as well, as mlops.verify_audit returned it in last_hash.';
	END IF;
	SELECT a.seq, a.hash INTO last FROM mlops_catalog.audit_log AS a ORDER BY a.seq DESC LIMIT 1;
	SELECT h.seq, h.hash INTO head FROM mlops_catalog.audit_head AS h;
	SELECT count(*) INTO entries FROM mlops_catalog.audit_log;
	SELECT c.through, c.hash INTO cut FROM mlops_catalog.audit_cut() AS c;
	base := coalesce(cut.through, 0);
	last_hash := encode(last.hash, 'hex');
	SELECT * INTO bad FROM (
		SELECT a.seq, base + row_number() OVER w AS place,
			a.previous_hash <> lag(a.hash, 1, coalesce(cut.hash, '')) OVER w AS unchained,
			a.hash <> mlops_catalog.audit_hash(a.previous_hash, a.seq, a.logged_at, a.role, a.session_role, a.event,
				a.model, a.version, a.detail) AS edited
		FROM mlops_catalog.audit_log AS a WINDOW w AS (ORDER BY a.seq)) AS c
	WHERE c.seq <> c.place OR c.edited OR c.unchained ORDER BY c.place LIMIT 1;
	IF bad.seq <> bad.place THEN
		bad_seq := bad.place;
		problem := format('entry %s is missing', bad.place);
	ELSIF bad.edited THEN
		bad_seq := bad.seq;
		problem := format('entry %s was edited or moved', bad.seq);
	ELSIF bad.unchained AND bad.seq = base + 1 AND base > 0 THEN
		bad_seq := bad.seq;
		problem := format('entry %s is not chained to entry %s, which was cut before it', bad.seq, base);
	ELSIF bad.unchained THEN
		bad_seq := greatest(bad.seq - 1, 1);
		problem := format('entry %s was replaced after entry %s had been chained to it', bad.seq - 1, bad.seq);
	ELSIF coalesce(head.seq, 0) > coalesce(last.seq, 0) THEN
		bad_seq := coalesce(last.seq, 0) + 1;
		problem := format('entries %s to %s are missing at the end', bad_seq, head.seq);
	ELSIF coalesce(head.seq, 0) < coalesce(last.seq, 0) THEN
		bad_seq := coalesce(head.seq, 0) + 1;
		problem := format('entry %s was not added by mlops', bad_seq);
	ELSIF head.hash <> last.hash THEN
		bad_seq := last.seq;
		problem := format('entry %s was replaced', last.seq);
	ELSIF verify_audit.seq <= base AND (verify_audit.seq < base OR decode(verify_audit.hash, 'hex') <> cut.hash) THEN
		is_gone := true;
		problem := format('entry %s was cut by mlops.audit_retention, with all up to %s: its hash cannot be checked', verify_audit.seq, base);
	ELSIF verify_audit.hash IS NOT NULL AND coalesce(verify_audit.seq <> base, true) AND NOT EXISTS (SELECT FROM mlops_catalog.audit_log AS a
			WHERE (verify_audit.seq IS NULL OR a.seq = verify_audit.seq) AND a.hash = decode(verify_audit.hash, 'hex')) THEN
		bad_seq := verify_audit.seq;
		problem := CASE WHEN verify_audit.seq IS NULL THEN 'no entry has the given hash: the log was rewritten'
			ELSE format('entry %s does not have the given hash: the log was rewritten', verify_audit.seq) END;
	END IF;
	intact := problem IS NULL;
	IF is_gone THEN
		intact := NULL;
	ELSIF NOT intact AND base > 0 AND bad_seq IS NULL THEN
		problem := format('%s, or the entry was cut by mlops.audit_retention, with all up to %s', problem, base);
	END IF;
	IF waiting > 0 THEN
		problem := concat_ws('; ', problem, format('%s committed entries wait to be chained', waiting));
	END IF;
	RETURN NEXT;
END
$$;
