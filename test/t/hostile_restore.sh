#!/bin/sh
# hostile_restore.sh - a database in which a role laid traps, dumped, restored by
# a superuser into another cluster and taken into service there: nothing of that
# role runs with the superuser's rights by our doing, and whom one trusts is
# restored by name.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

base=$server
chmod 755 "$base"
clean_up()
{
	for server in "$base"/a "$base"/b; do
		[ ! -d "$server/data" ] || private_server remove >/dev/null 2>&1 || :
	done
	rm -rf "$base"
}
trap clean_up EXIT
server=$base/a

# ---- the traps
private_server start "fsync = off" "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0"
query -c "CREATE ROLE hostile LOGIN" -c "CREATE ROLE victim LOGIN" -c "CREATE ROLE friend" -c "CREATE ROLE gone"
query <<'SQL' >/dev/null
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, timestamptz '2026-01-01 00:00+00' + i * interval '1 minute' AS ts, (i * 7919 % 1009)::float8 AS a,
	(ARRAY['x', 'y', 'z'])[1 + i % 3] AS c, i * 7919 % 1009 > 850 AS label FROM generate_series(1, 1000) AS i;
GRANT SELECT ON tx TO PUBLIC;
CREATE SCHEMA evil AUTHORIZATION hostile;
SET ROLE hostile;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.loot (role text, path text);
GRANT INSERT, SELECT ON evil.loot TO PUBLIC;
CREATE FUNCTION evil.strike(path text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.loot VALUES (current_user, path); END $$;
CREATE FUNCTION evil.value(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.strike('view'); RETURN $1; END $$;
CREATE FUNCTION evil.good(text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM evil.strike('policy'); RETURN true; END $$;
CREATE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike('trigger'); RETURN NEW; END $$;
CREATE VIEW evil.tx AS SELECT id, ts, evil.value(a) AS a, c, label FROM public.tx;
CREATE TABLE evil.secured AS SELECT * FROM public.tx;
ALTER TABLE evil.secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE evil.secured FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.secured USING (evil.good(c));
CREATE TRIGGER on_row BEFORE INSERT OR UPDATE ON evil.secured FOR EACH ROW EXECUTE FUNCTION evil.on_row();
CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.strike('operator'); RETURN $1 IS NOT DISTINCT FROM $2; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
SET search_path = evil, public;
SELECT mlops.train('viewed', 'evil.tx', target => 'label', key => 'id', time_column => 'ts', params => '{"n_estimators": 2}');
SELECT mlops.train('viewed', 'evil.tx', target => 'label', key => 'id', time_column => 'ts', params => '{"n_estimators": 3}');
SELECT mlops.train('secured', 'evil.secured', target => 'label', key => 'id', time_column => 'ts', algorithm => 'logistic_regression');
SELECT mlops.deploy('viewed', 1), mlops.deploy('secured', 1);
SELECT mlops.deploy('viewed', 2, 'segment', rule => '{"c": "x"}'), mlops.deploy('viewed', 2, 'shadow', variant => 's', guard => '{"alert_rate": {"max": 0.5}}');
SELECT mlops.set_gate('viewed', '{"pr_auc_vs_deployed": {"min_gain": -1}, "fairness": {"by": "c", "metric": "accuracy", "max_gap": 1}}');
SELECT mlops.monitor('viewed', every => '1 minute', source => 'evil.tx', time_column => 'ts');
SELECT mlops.set_alert_rule('viewed', 'drift', 'drifted_share', max => 0);
SELECT mlops.set_retraining_policy('viewed', '* * * * *', action => 'deploy');
SELECT mlops.snapshot('evil.secured', 'laid');
SELECT mlops.submit($$SELECT evil.strike('job')$$);
SELECT mlops.decide('viewed', t) FROM public.tx AS t WHERE id < 20;
SELECT mlops.grant('viewed', 'public', 'manage'), mlops.grant('secured', 'public', 'manage');
CREATE TABLE evil.gift AS SELECT mlops.export_model('viewed', 2) AS bytes;
GRANT SELECT ON evil.gift TO PUBLIC;
RESET ROLE;
RESET search_path;
-- what others accepted of it, and whom they trust
SELECT mlops.import_model(bytes, 'accepted') FROM evil.gift;
SELECT mlops.deploy('accepted', 1);
SET ROLE victim;
SELECT mlops.import_model(bytes, 'taken') FROM evil.gift;
SELECT mlops.trust('friend'), mlops.trust('gone');
RESET ROLE;
DROP ROLE gone;
SQL
is "the traps work: code of the role has run as that role" "$(query -c "SELECT DISTINCT role FROM evil.loot")" hostile
# the policy is due, whatever the clock says
query -c "UPDATE mlops_catalog.policy SET created_at = created_at - interval '1 hour'" >/dev/null
trust="SELECT role, trusts FROM mlops.trusted_roles ORDER BY 1, 2"
is "who trusts whom" "$(query -c "$trust" | sed 's/unknown.*/nobody/')" "victim|friend
victim|nobody"
# shellcheck disable=SC2046	# a list of options on purpose
"$bin/pg_dump" $(private_server address) -Fc -d postgres >"$base/dump"
chmod 644 "$base/dump"
private_server stop

# ---- restored by a superuser, where roles have other numbers
server=$base/b
private_server start "fsync = off" "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0"
query -c "CREATE ROLE filler" -c "CREATE ROLE friend" -c "CREATE ROLE victim LOGIN" -c "CREATE ROLE hostile LOGIN"
# shellcheck disable=SC2046	# a list of options on purpose
"$bin/pg_restore" $(private_server address) -d postgres "$base/dump" >"$base/restore.log" 2>&1 || :
is "the dump restores without a complaint" "$(head -n 3 "$base/restore.log")" ""
loot="SELECT DISTINCT role, path FROM evil.loot WHERE role <> 'hostile'"
is "restoring ran nothing of the role" "$(query -c "$loot")" ""
is "trust is restored by name, but not of a role that is gone" "$(query -c "$trust")" "victim|friend"

# ---- taken into service by a superuser
: >"$base/errors"
for call in "mlops.activate()" "mlops.maintain()" "mlops.check_catalog()" "mlops.verify_audit()" "mlops.check_guards()" "mlops.submit_due()" \
	"mlops.export_spec()" "mlops.apply(mlops.export_spec())" "mlops.prometheus_metrics()" "mlops.versions" "mlops.jobs" \
	"mlops.verify_snapshot('laid')" "mlops.model_card('accepted', 1)" "mlops.report('viewed')" "mlops.rollback('viewed')" \
	"tx AS t, mlops.score('accepted', t)"; do
	query -c "SELECT * FROM $call" >/dev/null 2>"$base/error" || grep ERROR "$base/error" >>"$base/errors" || :
done
is "upkeep, looks and scores do their work" "$(grep -v 'has no earlier deployment' "$base/errors" || :)" ""
# what would read what the role recorded is refused, or asks nothing of it
for call in "mlops.reproduce('viewed', 1)" "mlops.reproduce('secured', 1)" "mlops.check_gate('viewed', 2)" "mlops.run_monitor('viewed')" "mlops.retrain('viewed')" \
	"mlops.deploy('viewed', 2)" "mlops.model_card('viewed', 1, by => '{c}')" "mlops.check_alerts('viewed')"; do
	query -c "SELECT * FROM $call" >/dev/null 2>&1 || :
done
is "a recorded query of the role is refused" "$(error_of -c "SELECT * FROM mlops.reproduce('viewed', 1)" | head -n 1 | cut -d : -f 1)" 42501
is "none of this ran code of the role as anybody else" "$(query -c "$loot")" ""
is "and nobody became a superuser" "$(query -c "SELECT rolname FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'")" ""
# what the role set up runs by itself as before: as the role
query -U hostile -d postgres -c "SELECT * FROM mlops.run_monitor('viewed')" >/dev/null
query -c "SELECT * FROM mlops.submit_due()" >/dev/null
until_true "SELECT NOT EXISTS (SELECT FROM mlops.jobs WHERE state IN ('queued', 'running') AND coalesce(run_after, now()) <= now())" 60
is "by itself it runs as the role" "$(query -c "SELECT count(*) > 0 FROM mlops.jobs WHERE state = 'succeeded' OR state = 'failed'" -c "$loot")" t
is "of all that the catalog knows nothing is wrong but that the policy's retraining was refused" \
	"$(query -c "SELECT model, object, problem FROM mlops.check_catalog()" -c "SELECT intact FROM mlops.verify_audit()")" \
	"viewed|retraining|has failed: function strike(text) is VOLATILE, and a recorded query calls only functions that change nothing
t"
query -c "SELECT sum(a) FROM evil.tx" >/dev/null
is "the trap would have told: a superuser who reads the view runs it" "$(query -c "$loot")" "postgres|view"
echo "1..$n"
