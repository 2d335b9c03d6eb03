#!/bin/sh
# routing.sh - what routes cost a score: the same version by its number, without
# a route; as the only one of a route; and as both variants of a 10 % canary.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model
query -o /dev/null <<'SQL'
SET client_min_messages = warning;
DROP TABLE IF EXISTS routed;
CREATE TABLE routed AS SELECT id, id::text AS card, f1, f2 FROM tx;
SELECT version FROM mlops.train('routed', query => 'SELECT f1, f2, label FROM tx WHERE id <= 20000', target => 'label',
	params => '{"n_estimators": 2, "max_depth": 3}');
SELECT version FROM mlops.deploy('routed', 1);
SELECT pg_prewarm('routed');
SQL

work=$(mktemp -d)
score="SELECT avg(mlops.score('routed', t)) FROM routed AS t"
# short runs, so more of them
for round in $(seq $((3 * rounds))); do
	milliseconds "SELECT avg(mlops.score_version('routed', 1, t)) FROM routed AS t" >>"$work/version"
	milliseconds "$score" >>"$work/direct"
	for key in id card; do
		query -o /dev/null -c 'SET client_min_messages = error' -c "SELECT version FROM mlops.deploy('routed', 1, 'canary', percent => 10, key => '$key')"
		milliseconds "$score" >>"$work/$key"
		query -o /dev/null -c "SELECT version FROM mlops.abort('routed')"
	done
done
version=$(median <"$work/version") direct=$(median <"$work/direct") id=$(median <"$work/id") card=$(median <"$work/card")
rm -rf "$work"

# 1,000,000 rows: a millisecond is a nanosecond a row
table_header "Choosing a variant, 1,000,000 rows in one process, a model of 2 small trees"
result "one version, by its number" "$(compute "$version / 1000" 3)" "µs a row"
result "the only version of a route, difference" "$(compute "($direct - $version) / 1000" 3)" "µs a row" '<=' 0.05
result "10 % canary by an integer key, difference" "$(compute "($id - $direct) / 1000" 3)" "µs a row" '<=' 0.15
result "10 % canary by a text key, difference" "$(compute "($card - $direct) / 1000" 3)" "µs a row" '<=' 0.15
exit $missed
