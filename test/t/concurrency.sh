#!/bin/sh
# concurrency.sh - 50 sessions train, deploy, roll back, score, name, grant and
# drop versions of 5 models at random: no error but the documented ones, no
# deadlock, the audit log verifies, the catalog is consistent.  TAP.
# MLOPS_TEST_SECONDS (10) says for how long.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"
seconds=${MLOPS_TEST_SECONDS:-10}

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "max_connections = 80" "shared_buffers = '256MB'" \
	"deadlock_timeout = '100ms'"
query <<'SQL'
CREATE EXTENSION mlops;
CREATE ROLE app;
CREATE TABLE tx AS SELECT i AS id, timestamp '2026-01-01' + i * interval '1 minute' AS ts, (i * 7919 % 1009)::float8 AS a,
	(i % 7)::text AS c, i * 7919 % 1009 > 900 AS label FROM generate_series(1, 400) AS i;
CREATE TABLE outcome (action text, state text, message text);

-- One random action.  Documented refusals are counted; anything else ends the session.
CREATE FUNCTION act() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	m text := 'm' || (random() * 4)::int;
	-- of the last ones: numbers go on where a model is dropped and made anew
	before int := greatest(coalesce((SELECT max(r.version) FROM mlops_catalog.run AS r WHERE r.model = m), 0) - 10, 0);
	v int := before + 1 + (random() * 12)::int;
	what int := (random() * 1000)::int;
	action text;
	statement text;
BEGIN
	SELECT a.action, a.statement INTO action, statement FROM (VALUES
		(120, 'train', format($q$SELECT mlops.train(%L, 'tx', target => 'label', key => 'id', time_column => 'ts', params => '{"n_estimators": 2, "max_depth": 2}')$q$, m)),
		(240, 'deploy', format('SELECT mlops.deploy(%L, %s)', m, v)),
		(300, 'rollback', format('SELECT mlops.rollback(%L)', m)),
		(310, 'shadow', format($q$SELECT mlops.deploy(%L, %s, 'shadow', key => 'id', variant => 's', guard => '{"psi": {"max": 1}, "min_decisions": 10}')$q$, m, v)),
		(330, 'canary', format($q$SELECT mlops.deploy(%L, %s, 'canary', 10, key => 'id')$q$, m, v)),
		(350, 'promote', format('SELECT mlops.promote(%L)', m)),
		(370, 'abort', format('SELECT mlops.abort(%L)', m)),
		(390, 'document', format($q$SELECT count(*) FROM mlops.apply('{"models": {"%s": {"deploy": {"version": %s, "key": "id", "release": {"strategy": "ab", "variants": {"b": {"version": %s, "percent": 20}}}}}}}', random() < 0.3)$q$, m, v, before + 1 + v % 5)),
		(400, 'guards', 'SELECT count(*) FROM mlops.check_guards()'),
		(420, 'decide', format('SELECT count(mlops.decide(%L, t)) FROM tx t WHERE id < 40', m)),
		(560, 'score', format('SELECT sum(mlops.score(%L, t)) FROM tx t WHERE id < 40', m)),
		(640, 'predict', format('SELECT max((mlops.predict(%L, t)).version) FROM tx t WHERE id < 40', m || '/' || v)),
		(700, 'alias', format($q$SELECT mlops.set_alias(%L, 'champion', %s)$q$, m, v)),
		(740, 'score alias', format('SELECT sum(mlops.score(%L, t)) FROM tx t WHERE id < 10', m || '@champion')),
		(800, 'stage', format($q$SELECT mlops.set_stage(%L, %s, (ARRAY['staging', 'production', 'archived'])[%s])$q$, m, v, 1 + (random() * 2)::int)),
		(850, 'drop version', format('SELECT mlops.drop_version(%L, %s)', m, v)),
		(880, 'grant', format($q$SELECT mlops.grant(%L, 'app', 'score')$q$, m)),
		(910, 'revoke', format($q$SELECT mlops.revoke(%L, 'app', 'score')$q$, m)),
		(930, 'gate', format($q$SELECT mlops.set_gate(%L, '{"roc_auc": {"min": %s}, "roc_auc_vs_deployed": {"min_gain": -1}}')$q$, m, CASE WHEN random() < 0.3 THEN 1 ELSE 0.2 END)),
		(950, 'verify', 'SELECT 1 / intact::int FROM mlops.verify_audit()'),
		(985, 'views', 'SELECT count(*) FROM mlops.versions, mlops.models, mlops.deployments'),
		(1000, 'drop model', format('SELECT mlops.drop_model(%L, force => true)', m))) AS a(up_to, action, statement)
		WHERE what <= a.up_to ORDER BY a.up_to LIMIT 1;
	BEGIN
		EXECUTE statement;
		INSERT INTO outcome VALUES (action, 'done', NULL);
	EXCEPTION WHEN undefined_object OR object_not_in_prerequisite_state OR object_in_use OR duplicate_object THEN
		INSERT INTO outcome VALUES (action, SQLSTATE, SQLERRM);
	END;
END $$;
SQL

echo 'SELECT act();' >"$server/one.sql"
# several actions in a transaction, on models in order of name as careful applications do
echo "BEGIN; SELECT act(); COMMIT;" >"$server/transaction.sql"
chmod 644 "$server"/*.sql
actions="SELECT count(DISTINCT action) FROM outcome WHERE state = 'done'"
# longer where the server is slow, until chance has brought each action
for round in 1 2 3 4 5 6 7 8; do
	# shellcheck disable=SC2046	# a list of options on purpose
	"$bin/pgbench" $(private_server address) -n -c 50 -j 2 -T "$seconds" -f "$server/one.sql" -f "$server/transaction.sql" postgres \
		>>"$server/bench.out" 2>&1 || :
	[ "$(query -c "$actions")" -lt 22 ] || break
done
echo "# in $round rounds"
is "no session meets an error that is not documented" "$(grep -E 'ERROR|aborted|FATAL|PANIC' "$server/bench.out" || :)" ""
is "no deadlock" "$(query -c "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'")" 0
is "every action was done" "$(query -c "$actions")" 22
is "every refusal is one of those expected" "$(query <<'SQL'
SELECT DISTINCT action || ': ' || state || ' ' || message FROM outcome WHERE state <> 'done'
	AND message !~ '^(models\.m\d[.a-z]*: )?(model "m\d" (does not exist|is deployed|was dropped in the meantime|has no earlier deployment to go back to)|version \d+ of model "m\d" (does not exist|is in use|cannot go from stage .*|does not pass the gate|is deployed already.*)|no version of model "m\d" is deployed|no release of model "m\d" is under way|a release of model "m\d" is under way|alias "champion" of model "m\d" does not exist|model "m\d" already has a variant "b")$'
	ORDER BY 1 LIMIT 10;
SQL
)" ""
is "the audit log verifies" "$(query -c "SELECT intact FROM mlops.verify_audit()")" t
is "it has an entry for each change that was made" "$(query -c "SELECT count(*) FILTER (WHERE event = 'train') = (SELECT count(*) FROM outcome WHERE action = 'train' AND state = 'done') FROM mlops.audit_log")" t
is "the catalog is consistent" "$(query -c "SELECT * FROM mlops.check_catalog()")" ""
query -c "SELECT action, state, count(*) FROM outcome GROUP BY 1, 2 ORDER BY 1, 2" | sed 's/^/# /'
grep -E 'tps|processed' "$server/bench.out" | sed 's/^/# /'
echo "1..$n"
