#!/bin/sh
# parallel_restore.sh - a dump restored by sections, the last one in parallel, is
# whole; one that lost models is told of.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off" "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0"
query <<'SQL' >/dev/null
CREATE EXTENSION mlops;
CREATE TABLE pay AS SELECT g AS id, g % 50 AS amount, g % 50 = 7 AS fraud FROM generate_series(1, 3000) AS g;
SELECT mlops.train('fraud', 'pay', target => 'fraud', key => 'id', params => '{"n_estimators": 2}');
SELECT mlops.deploy('fraud', 1);
SELECT mlops.decide('fraud', p, p.id::text) FROM pay AS p WHERE id <= 100;
SQL
# shellcheck disable=SC2046	# a list of options on purpose
as_server "$bin/pg_dump" $(private_server address) -Fc -f "$server/dump" postgres

# restore DATABASE OPTION...
restore()
{
	database=$1
	shift
	# shellcheck disable=SC2046
	as_server "$bin/pg_restore" $(private_server address) -d "$database" "$@" "$server/dump"
}

query -c "CREATE DATABASE whole" -c "CREATE DATABASE lost"
restore whole --exit-on-error --section=pre-data
restore whole --exit-on-error --section=data
restore whole --exit-on-error --section=post-data -j 2
sums="SELECT (SELECT string_agg(concat_ws(' ', model, version, sha256), ',') FROM mlops.versions), (SELECT count(*) FROM mlops_catalog.prediction),
	(SELECT sum(mlops.score('fraud', p)) FROM pay AS p)"
is "by sections it is whole" "$(query -d whole -c "$sums")" "$(query -c "$sums")"
is "and nothing is wrong but that it is a copy" "$(query -d whole -c "SELECT object FROM mlops.check_catalog()")" activation
is "it is activated" "$(query -d whole -c "SELECT active FROM mlops.activate()")" t

# What a restore leaves behind whose data came in the wrong order, the same each time.
as_server "$bin/pg_restore" -l "$server/dump" | grep -v 'TABLE DATA mlops_catalog \(model\|model_version\|model_artifact\|run_param\|run_metric\|deployment\|deployment_route\|alias\) ' >"$server/list"
chmod 644 "$server/list"
restore lost -L "$server/list" 2>/dev/null || :
is "check_catalog() names what the audit log knows and the catalog lacks" \
	"$(query -d lost -c "SELECT model, object, problem FROM mlops.check_catalog() WHERE problem ~ 'not complete'")" \
	"fraud|version 1|is in the audit log, but not in the catalog: the restore was not complete"
is "so does activate()" "$(query -d lost -c 'SELECT active FROM mlops.activate()' 2>&1 | sed 's/^.*WARNING: */WARNING /')" \
	"WARNING the restore of this database was not complete: the audit log knows versions that the catalog lacks
DETAIL:  Missing: fraud/1.
HINT:  Restore into an empty database by sections, the data without -j: \"Copy and restore\" in docs/operations.md.
t"

# a model that was dropped is not missed
query <<'SQL' >/dev/null
SELECT mlops.drop_model('fraud', true);
SQL
is "what was dropped is not missed" "$(query -c "SELECT object, problem FROM mlops.check_catalog()")" ""
echo "1..$n"
