#!/bin/sh
# closed_catalog.sh - nobody but its owner and superusers reads or writes the
# catalog, whatever pg_write_all_data or default privileges say.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "mlops.maintenance_interval = 0"
query -c "CREATE ROLE etl LOGIN" -c "GRANT pg_write_all_data TO etl" -c "CREATE ROLE reporting LOGIN" -c "CREATE ROLE kim LOGIN"
query -c "CREATE DATABASE opened"
me=$(query -c "SELECT quote_ident(current_user)")

# ---- default privileges of who installs
query -d opened <<'SQL'
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO reporting;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO reporting;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO reporting;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO reporting WITH GRANT OPTION;
CREATE EXTENSION mlops;
CREATE TABLE pay AS SELECT g AS id, g % 7 AS amount, g % 7 = 3 AS fraud FROM generate_series(1, 500) AS g;
REVOKE ALL ON pay FROM reporting, PUBLIC;
GRANT SELECT ON pay TO kim;
SET SESSION AUTHORIZATION kim;
SELECT mlops.train('fraud', 'pay', target => 'fraud', key => 'id', params => '{"n_estimators": 2}') \g /dev/null
SELECT mlops.deploy('fraud', 1) \g /dev/null
SELECT mlops.decide('fraud', p) FROM pay AS p WHERE id < 10 \g /dev/null
SELECT mlops.snapshot('pay', 'kept') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT mlops.maintain() \g /dev/null
CREATE VIEW opened AS
	SELECT c.oid::regclass::text AS object, a.grantee, a.privilege_type FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
		WHERE c.relnamespace::regnamespace::text ~ '^mlops' AND a.grantee <> c.relowner
			AND NOT (c.relnamespace = 'mlops'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'SELECT')
	UNION ALL SELECT p.oid::regprocedure::text, a.grantee, a.privilege_type FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
		WHERE p.pronamespace::regnamespace::text ~ '^mlops' AND a.grantee NOT IN (0, p.proowner)
	UNION ALL SELECT t.oid::regtype::text, a.grantee, a.privilege_type FROM pg_type AS t CROSS JOIN LATERAL aclexplode(t.typacl) AS a
		WHERE t.typnamespace::regnamespace::text ~ '^mlops' AND a.grantee NOT IN (0, t.typowner)
	UNION ALL SELECT n.nspname, a.grantee, a.privilege_type FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
		WHERE n.nspname ~ '^mlops' AND a.grantee NOT IN (0, n.nspowner);
SQL
is "default privileges open nothing that is installed, nor what is made later, but a snapshot to who took it" \
	"$(query -d opened -c "SELECT object, grantee::regrole, privilege_type FROM opened")" "mlops_snapshot.kept|kim|SELECT"
is "days of decisions were made" "$(query -d opened -c "SELECT count(*) > 7 FROM pg_class WHERE relname ~ '^prediction_2'")" t
is "a snapshot is not read by who may not read its source" "$(error_of -d opened -U reporting -c 'SELECT count(*) FROM mlops_snapshot.kept')" \
	"42501: permission denied for table kept"
is "nor are decisions" "$(error_of -d opened -U reporting -c 'SELECT features FROM mlops_catalog.prediction')" "42501: permission denied for table prediction"
is "nor is anything activated" "$(error_of -d opened -U reporting -c 'SELECT mlops.activate()')" "42501: permission denied for function activate"
is "views are for everybody" "$(query -d opened -U reporting -c 'SELECT count(*) FROM mlops.models')" 0
problems="SELECT object, problem FROM mlops.check_catalog() ORDER BY object COLLATE \"C\""
is "there is nothing to tell" "$(query -d opened -c "$problems")" ""
query -d opened -U kim -c "GRANT SELECT ON mlops_snapshot.kept TO reporting"
query -d opened -c "CREATE ROLE boss SUPERUSER" -c "GRANT SELECT ON mlops_catalog.job TO boss"
is "nor where the owner of a snapshot gives it, or of a superuser" "$(query -d opened -c "$problems")" ""
query -d opened <<'SQL'
GRANT SELECT ON mlops_catalog.job TO reporting;
GRANT SELECT (features) ON mlops_catalog.prediction TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_catalog.append_waiting(regrole) TO reporting;
GRANT USAGE ON SEQUENCE mlops_catalog.job_job_id_seq TO reporting;
GRANT SELECT ON mlops_snapshot.kept TO etl;
SQL
is "check_catalog() names what others can reach" "$(query -d opened -c "$problems")" "\
column prediction.features|everybody may SELECT; REVOKE ALL ON mlops_catalog.prediction FROM PUBLIC
function append_waiting|role reporting may EXECUTE; REVOKE ALL ON ROUTINE mlops_catalog.append_waiting(regrole) FROM reporting
sequence job_job_id_seq|role reporting may USAGE; REVOKE ALL ON SEQUENCE mlops_catalog.job_job_id_seq FROM reporting
table job|role reporting may SELECT; REVOKE ALL ON mlops_catalog.job FROM reporting
table kept|role etl may SELECT; REVOKE ALL ON mlops_snapshot.kept FROM etl"
query -d opened -c "SELECT substring(problem FROM 'REVOKE.*') || ';' FROM mlops.check_catalog()" | query -d opened
is "what it says helps" "$(query -d opened -c "$problems")" ""

# ---- pg_write_all_data
cat >"$server/try" <<'SQL'
CREATE TEMP TABLE tried (statement text, kind "char", schema text, error text);
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT s.statement, c.relkind, c.relnamespace::regnamespace AS schema
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname NOT LIKE '%_id' AND a.attnum > 0 AND NOT a.attisdropped
		CROSS JOIN LATERAL (VALUES (format('INSERT INTO %s SELECT', c.oid::regclass)), (format('UPDATE %s SET %I = DEFAULT', c.oid::regclass, a.attname)),
			(format('DELETE FROM %s', c.oid::regclass))) AS s(statement)
		WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace::regnamespace::text ~ '^mlops'
	LOOP
		BEGIN
			EXECUTE r.statement;
			INSERT INTO tried VALUES (r.statement, r.relkind, r.schema, 'none');
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO tried VALUES (r.statement, r.relkind, r.schema, SQLSTATE || ' ' || regexp_replace(SQLERRM, '".*"', '"T"'));
		END;
	END LOOP;
END $$;
SELECT error, count(*) > 100 FROM tried WHERE schema = 'mlops_catalog' AND kind IN ('r', 'p') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM tried WHERE error = 'none';
SQL
is "pg_write_all_data writes no table of the catalog, nor anything by a view" "$(query -d opened -U etl -f - <"$server/try")" \
	'42501 permission denied to write table "T" of the catalog of mlops|t
42501 rows of "T" are never changed or removed|f
0'
is "and is told so" "$(error_of -d opened -U etl -c "INSERT INTO mlops_catalog.job (command, owner, priority, max_retries) VALUES ('ALTER ROLE etl SUPERUSER', $(query -c "SELECT quote_literal(current_user)"), 0, 0)")" \
	"42501: permission denied to write table \"job\" of the catalog of mlops
hint: Use the functions of schema mlops."
is "also in a session of replication" "$(error_of -d opened -U etl -c "SET session_replication_role = replica" -c "INSERT INTO mlops_catalog.trust SELECT 'kim', 'etl'")" \
	"42501: permission denied to set parameter \"session_replication_role\""
is "a superuser may" "$(query -d opened -c "INSERT INTO mlops_catalog.trust SELECT 'kim', 'etl' RETURNING trusted" -c "DELETE FROM mlops_catalog.trust RETURNING trusted")" "etl
etl"
query -d opened -c "ALTER TABLE mlops_catalog.trust DISABLE TRIGGER refuse_others"
is "check_catalog() misses a trigger that was disabled" "$(query -d opened -c "$problems")" \
	"table trust|its trigger refuse_others is missing or disabled; SELECT mlops_catalog.guard_table('mlops_catalog.trust')"
query -d opened -c "SELECT mlops_catalog.guard_table('mlops_catalog.trust')"
is "and says how to bring it back" "$(query -d opened -c "$problems")" ""

# ---- triggers, which would run as the owner of the catalog
query -d opened <<'SQL'
CREATE ROLE dev LOGIN;
CREATE SCHEMA dev AUTHORIZATION dev;
GRANT CREATE ON DATABASE opened TO dev;
GRANT ALL ON ALL TABLES IN SCHEMA mlops, mlops_catalog, mlops_snapshot TO dev;
GRANT ALL ON ALL SEQUENCES IN SCHEMA mlops_catalog TO dev;
SET ROLE dev;
CREATE FUNCTION dev.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
SQL
for try in "CREATE TRIGGER a BEFORE INSERT ON mlops_catalog.run FOR EACH ROW EXECUTE FUNCTION dev.f()|a|mlops_catalog.run" \
	"CREATE CONSTRAINT TRIGGER a AFTER INSERT ON mlops_catalog.job FOR EACH ROW EXECUTE FUNCTION dev.f()|a|mlops_catalog.job" \
	"CREATE TRIGGER a BEFORE UPDATE ON mlops_catalog.model FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()|a|mlops_catalog.model" \
	"CREATE TRIGGER a BEFORE INSERT ON mlops_catalog.prediction FOR EACH ROW EXECUTE FUNCTION dev.f()|a|mlops_catalog.prediction" \
	"CREATE TRIGGER a INSTEAD OF INSERT ON mlops.models FOR EACH ROW EXECUTE FUNCTION dev.f()|a|mlops.models" \
	"CREATE TRIGGER a BEFORE DELETE ON mlops_snapshot.kept FOR EACH ROW EXECUTE FUNCTION dev.f()|a|mlops_snapshot.kept"; do
	IFS='|' read -r statement name table <<-END
		$try
	END
	is "$statement" "$(error_of -d opened -U dev -c "$statement" | head -n 1)" "42501: permission denied to create trigger \"$name\" on $table"
done
is "not of a function of his by a superuser" "$(error_of -d opened -c "CREATE TRIGGER a BEFORE INSERT ON mlops_catalog.run FOR EACH ROW EXECUTE FUNCTION dev.f()" | head -n 1)" \
	'42501: permission denied to create trigger "a" on mlops_catalog.run'
is "no trigger is there" "$(query -d opened -c "SELECT count(*) FROM pg_trigger WHERE tgname = 'a'")" 0

# ---- sequences, which no trigger guards
query -d opened -U kim -c "SELECT mlops.train('gone', 'pay', target => 'fraud', key => 'id', params => '{\"n_estimators\": 2}')" -c "SELECT mlops.deploy('gone', 1)" \
	-c "SELECT mlops.decide('gone', p) FROM pay AS p WHERE id < 10" -c "SELECT mlops.drop_model('gone', true)" >/dev/null
query -d opened -U etl -c "SELECT setval('mlops_catalog.model_model_id_seq', 1, false)" >/dev/null
query -d opened -c "GRANT SELECT ON pay TO etl"
query -d opened -U etl -c "SELECT mlops.train('mine', 'pay', target => 'fraud', key => 'id', params => '{\"n_estimators\": 2}')" >/dev/null
is "who sets a sequence back does not get the number, and decisions, of a dropped model" "$(query -d opened -U etl -c "SELECT model FROM mlops.models" -c "SELECT count(*) FROM mlops.predictions")" "mine
0"
query -d opened -U etl -c "SELECT setval('mlops_catalog.audit_waiting_waiting_id_seq', 9223372036854775807)" >/dev/null
is "check_catalog() tells of a sequence that is used up" "$(query -d opened -c "SELECT problem FROM mlops.check_catalog() WHERE object ~ 'waiting_id_seq'" | grep -o 'is near its end, and then nothing can be added to .*')" \
	"is near its end, and then nothing can be added to mlops_catalog.audit_waiting; SELECT setval('mlops_catalog.audit_waiting_waiting_id_seq', 1)"

private_server remove >/dev/null
echo "1..$n"
