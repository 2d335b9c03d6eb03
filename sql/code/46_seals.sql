-- Seals: what was logged on a day that is over, as one digest in the audit log.
--
-- Maintenance seals a day when nothing that could still log into it runs.  Its
-- decisions are written down (src/serve/seals.c), sorted and digested in blocks of
-- 4096.  A block also keeps an entry of 20 bytes for each, its identity and a
-- checksum, so that a row that was changed, removed or added is named.  Format 1:
-- the day's digest is the SHA-256 of its blocks' SHA-256 of entries and digest, in
-- order.

-- What a day's partition holds now, in the blocks of a seal.
CREATE FUNCTION mlops_catalog.blocks_of(caller regrole, part regclass, columns text[]) RETURNS TABLE (block int, entries bytea, digest bytea)
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 1000 COST 1000000
	AS 'MODULE_PATHNAME', 'mlops_blocks_of';
COMMENT ON FUNCTION mlops_catalog.blocks_of(regrole, regclass, text[]) IS 'What a day''s partition holds now, as decision_seal_block has it';

CREATE FUNCTION mlops_catalog.partition_of(day date) RETURNS regclass
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('mlops_catalog.%I', mlops_catalog.partition_name(day))::regclass $$;
COMMENT ON FUNCTION mlops_catalog.partition_of(date) IS 'Table with a day''s decisions; an error if there is none';

-- A day that was removed is over for good: decisions that are in it all the same
-- were not logged, but put there.
CREATE FUNCTION mlops_catalog.was_removed(day date) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT a.event = 'remove_decisions' FROM mlops_catalog.audit_entry AS a
		WHERE a.event IN ('seal_decisions', 'remove_decisions') AND a.detail ->> 'day' = to_char(was_removed.day, 'YYYY-MM-DD')
		ORDER BY a.seq DESC, a.waiting_id DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION mlops_catalog.was_removed(date) IS 'Is the removal of a day''s decisions the last word of the audit log on it?';

CREATE FUNCTION mlops_catalog.unsealed_days(today date) RETURNS TABLE (day date)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.day FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND c.relname ~ '^prediction_[0-9]{8}$') AS d
	WHERE d.day < today AND NOT EXISTS (SELECT FROM mlops_catalog.decision_seal AS s WHERE s.day = d.day) AND NOT mlops_catalog.was_removed(d.day)
$$;
COMMENT ON FUNCTION mlops_catalog.unsealed_days(date) IS 'Days before today that have a partition and no seal, and were not removed before';

CREATE FUNCTION mlops_catalog.may_still_log(day date) RETURNS boolean
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- a decision bears the time of its call, which its transaction began before
	SELECT EXISTS (SELECT FROM pg_stat_activity AS a
		WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type NOT LIKE 'autovacuum%'
			AND CASE WHEN a.state IS NULL THEN a.backend_start ELSE a.xact_start END < mlops_catalog.day_begin(day + 1))
$$;
COMMENT ON FUNCTION mlops_catalog.may_still_log(date) IS 'Does a transaction run that may have decided on that day?';

-- Seals a day that is over; NULL if something may still log into it.
CREATE FUNCTION mlops_catalog.seal_day(caller regrole, day date) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'	-- less than mlops.lock_timeout: whoever waits behind must not give up
AS $$
#variable_conflict use_variable
DECLARE
	covered text[];
	n bigint;
	made bytea;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' OR mlops_catalog.may_still_log(day) THEN
		RETURN NULL;
	END IF;
	-- waits for what writes, prepared transactions included; the statements below see it
	EXECUTE format('LOCK TABLE ONLY mlops_catalog.%I IN SHARE MODE', mlops_catalog.partition_name(day));
	covered := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
		WHERE a.attrelid = 'mlops_catalog.prediction'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
	WITH stored AS (
		INSERT INTO mlops_catalog.decision_seal_block (day, block, entries, digest)
			SELECT day, b.block, b.entries, b.digest FROM mlops_catalog.blocks_of(caller, mlops_catalog.partition_of(day), covered) AS b
			RETURNING block, octet_length(entries) / 20 AS rows, sha256(entries || digest) AS digest)
	SELECT coalesce(sum(s.rows), 0), sha256(coalesce(string_agg(s.digest, '' ORDER BY s.block), '')) INTO n, made FROM stored AS s;
	INSERT INTO mlops_catalog.decision_seal (day, format, columns, rows, digest) VALUES (day, 1, covered, n, made);
	PERFORM mlops_catalog.audit(caller, 'seal_decisions', NULL, NULL,
		jsonb_build_object('day', to_char(day, 'YYYY-MM-DD'), 'format', 1, 'columns', covered, 'rows', n, 'digest', encode(made, 'hex')));
	RETURN n;
EXCEPTION WHEN lock_not_available THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION mlops_catalog.seal_day(regrole, date) IS
	'Seals a day''s decisions and notes the digest in the audit log; returns their number, NULL if something may still log into the day';

CREATE FUNCTION mlops_catalog.forget_day(caller regrole, day date, rows bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	was bytea;
BEGIN
	DELETE FROM mlops_catalog.decision_seal_block AS b WHERE b.day = forget_day.day;
	DELETE FROM mlops_catalog.decision_seal AS s WHERE s.day = forget_day.day RETURNING s.digest INTO was;
	PERFORM mlops_catalog.audit(caller, 'remove_decisions', NULL, NULL,
		jsonb_build_object('day', to_char(day, 'YYYY-MM-DD'), 'rows', rows, 'digest', encode(was, 'hex')));
END
$$;
COMMENT ON FUNCTION mlops_catalog.forget_day(regrole, date, bigint) IS 'Notes in the audit log that a day''s decisions were removed, with the digest of its seal';

-- ---- verifying

-- What differs between a day's partition and its seal, of equal identities once.
-- Of a block with the same checksums and another digest its range is all one knows.
CREATE FUNCTION mlops_catalog.changed_decisions(caller regrole, day date, columns text[]) RETURNS TABLE (prediction_id uuid, problem text)
	LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH was AS MATERIALIZED (
		SELECT s.block, s.entries || '' AS entries, s.digest FROM mlops_catalog.decision_seal_block AS s WHERE s.day = changed_decisions.day),
	present AS MATERIALIZED (
		SELECT b.block, b.entries, b.digest FROM mlops_catalog.blocks_of(caller, mlops_catalog.partition_of(day), columns) AS b),
	entry AS (
		SELECT from_now, substring(b.entries FROM 20 * i + 1 FOR 20) AS entry
		FROM (SELECT true AS from_now, entries FROM present UNION ALL SELECT false, entries FROM was) AS b,
			generate_series(0, octet_length(b.entries) / 20 - 1) AS i),
	differing AS (
		SELECT entry, true AS is_there FROM (SELECT e.entry FROM entry AS e WHERE e.from_now EXCEPT ALL SELECT e.entry FROM entry AS e WHERE NOT e.from_now) AS a
		UNION ALL
		SELECT entry, false FROM (SELECT e.entry FROM entry AS e WHERE NOT e.from_now EXCEPT ALL SELECT e.entry FROM entry AS e WHERE e.from_now) AS m)
	SELECT d.id, format('decision %s was %s after the day was sealed', d.id, CASE
			WHEN bool_or(d.is_there) AND NOT bool_and(d.is_there) THEN 'changed' WHEN bool_or(d.is_there) THEN 'added' ELSE 'removed' END)
	FROM (SELECT encode(substring(entry FROM 1 FOR 16), 'hex')::uuid AS id, is_there FROM differing) AS d
	GROUP BY d.id
	UNION ALL
	SELECT r.first, format('a decision from %s to %s was changed after the day was sealed', r.first, r.last)
	FROM was AS w JOIN present AS p ON p.block = w.block AND p.entries = w.entries AND p.digest <> w.digest,
		LATERAL (SELECT encode(substring(w.entries FROM 1 FOR 16), 'hex')::uuid AS first,
			encode(substring(w.entries FROM octet_length(w.entries) - 19 FOR 16), 'hex')::uuid AS last) AS r
	ORDER BY 1
$$;
COMMENT ON FUNCTION mlops_catalog.changed_decisions(regrole, date, text[]) IS 'Decisions of a sealed day that were changed, added or removed since';

CREATE FUNCTION mlops.verify_decisions(day date DEFAULT NULL)
	RETURNS TABLE (day date, intact boolean, decisions bigint, prediction_id uuid, problem text)
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 100 AS 'MODULE_PATHNAME', 'mlops_as_owner';
COMMENT ON FUNCTION mlops.verify_decisions(date) IS
	'Compares the logged decisions of each day that is over, or of one day, with the seals in the audit log; names the decisions that were changed, removed or added since, the first 1000 of a day. intact is NULL for a day that is not sealed yet';
CREATE FUNCTION mlops_catalog.verify_decisions(caller regrole, day date)
	RETURNS TABLE (of_day date, intact boolean, decisions bigint, prediction_id uuid, problem text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	d record;
	everything boolean := pg_has_role(caller, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'mlops_catalog.model'::regclass), 'USAGE');
	made bytea;
	was bytea;
BEGIN
	FOR d IN
		WITH noted AS (
			-- the last word of the audit log on each day
			SELECT DISTINCT ON (a.detail ->> 'day') a.detail ->> 'day' AS day, a.event, a.detail
			FROM mlops_catalog.audit_entry AS a WHERE a.event IN ('seal_decisions', 'remove_decisions') AND a.detail ->> 'day' ~ '^\d{4,}-\d\d-\d\d$'
			ORDER BY a.detail ->> 'day', a.seq DESC, a.waiting_id DESC),
		part AS (
			SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'mlops_catalog.prediction'::regclass AND c.relname ~ '^prediction_[0-9]{8}$')
		SELECT coalesce(p.day, s.day, n.day::date) AS day, p.day IS NOT NULL AS there, s.columns, s.rows, s.digest, s.format, s.day IS NOT NULL AS sealed, n.event, n.detail
		FROM part AS p FULL JOIN mlops_catalog.decision_seal AS s ON s.day = p.day
			FULL JOIN noted AS n ON n.day = to_char(coalesce(p.day, s.day), 'YYYY-MM-DD')
		WHERE (verify_decisions.day IS NULL OR coalesce(p.day, s.day, n.day::date) = verify_decisions.day)
			AND coalesce(p.day, s.day, n.day::date) < (clock_timestamp() AT TIME ZONE 'UTC')::date
			AND NOT (s.day IS NULL AND coalesce(n.event = 'remove_decisions', false) AND NOT EXISTS (SELECT FROM mlops_catalog.prediction AS x
				WHERE x.created_at >= mlops_catalog.day_begin(n.day::date) AND x.created_at < mlops_catalog.day_begin(n.day::date + 1)))
		ORDER BY 1
	LOOP
		of_day := d.day;
		decisions := d.rows;
		prediction_id := NULL;
		intact := false;
		problem := CASE
			WHEN NOT d.sealed AND d.event IS NULL THEN 'the day is not sealed yet'
			WHEN NOT d.sealed AND d.event = 'remove_decisions' THEN 'the day was removed, and has decisions again'
			WHEN NOT d.sealed THEN 'the seal of the day is missing'
			WHEN d.event IS DISTINCT FROM 'seal_decisions' OR (d.detail -> 'rows') IS DISTINCT FROM to_jsonb(d.rows)
				OR (d.detail ->> 'digest') IS DISTINCT FROM encode(d.digest, 'hex') OR (d.detail -> 'columns') IS DISTINCT FROM to_jsonb(d.columns)
				THEN 'the seal of the day is not the one in the audit log'
			WHEN NOT d.there THEN 'the table of the day is missing'
			WHEN d.format <> 1 THEN format('the seal has format %s, which this version of mlops does not know', d.format) END;
		IF problem IS NOT NULL THEN
			IF NOT d.sealed AND d.event IS NULL THEN
				intact := NULL;
			END IF;
			RETURN NEXT;
			CONTINUE;
		END IF;
		SELECT sha256(coalesce(string_agg(sha256(b.entries || b.digest), '' ORDER BY b.block), '')) INTO was
			FROM mlops_catalog.decision_seal_block AS b WHERE b.day = d.day;
		IF was <> d.digest THEN
			problem := 'the entries of the day''s seal were changed';
			RETURN NEXT;
		END IF;
		BEGIN
			SELECT sha256(coalesce(string_agg(sha256(b.entries || b.digest), '' ORDER BY b.block), '')) INTO made
				FROM mlops_catalog.blocks_of(caller, mlops_catalog.partition_of(d.day), d.columns) AS b;
			IF made = d.digest THEN
				intact := problem IS NULL;
				IF intact THEN
					RETURN NEXT;
				END IF;
				CONTINUE;
			END IF;
			FOR prediction_id, problem IN SELECT c.prediction_id, c.problem FROM mlops_catalog.changed_decisions(caller, d.day, d.columns) AS c LIMIT 1000 LOOP
				IF NOT everything THEN
					prediction_id := NULL;
					problem := 'a decision' || substring(problem FROM ' was .*$');
				END IF;
				RETURN NEXT;
			END LOOP;
		EXCEPTION WHEN undefined_column THEN
			prediction_id := NULL;
			problem := format('the table of the day was changed: %s', SQLERRM);
			RETURN NEXT;
		END;
	END LOOP;
END
$$;
