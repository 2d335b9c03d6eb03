#!/bin/sh
# encodings.sh - a model's bytes are UTF-8: the same bytes score the same rows in
# databases of every encoding, or are refused by the name of what does not fit.  TAP.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

private_server start "fsync = off" "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0"	# models are shared
export PGCLIENTENCODING=UTF8
query <<SQL
CREATE DATABASE utf8 TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE dumped TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE restored TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
SQL

# fraud is what happens in Italià; \$1: database, \$2: a level that may not exist everywhere
fill()
{
	query -d "$1" <<SQL
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT i AS id, i * 7919 % 1009 AS amount, (ARRAY['Italià', 'España', 'DE', '$2'])[1 + i * 31 % 4] AS "länd",
	i * 31 % 4 = 0 AND i % 7 < 5 AS fraud FROM generate_series(1, 4000) AS i;
SQL
}
fill utf8 東京
fill latin1 Köln
fill ascii 東京

train="SELECT version FROM mlops.train('m', 'tx', target => 'fraud', key => 'id', params => '{\"n_estimators\": 10}')
UNION ALL SELECT version FROM mlops.train('m', 'tx', target => 'fraud', key => 'id', algorithm => 'logistic_regression')"
query -d utf8 -c "$train" >/dev/null
export_as_hex() { query -d "$1" -c "SELECT encode(mlops.export_model('m', $2), 'hex')"; }
import_hex() { query -d "$1" -c "SELECT i.version FROM mlops.import_model(decode('$2', 'hex'), 'copy') i"; }
# scores of all levels that $1 can spell, with 17 digits
scores()
{
	query -d "$1" -c "SELECT l, score, score = mlops.score('$2', jsonb_build_object('id', 1, 'amount', 500, 'länd', l)) FROM unnest(ARRAY['Italià', 'España', 'DE', 'nowhere']) AS l,
		LATERAL (SELECT 1 AS id, 500 AS amount, l AS \"länd\") AS r, LATERAL mlops.score('$2', r) AS score ORDER BY 1"
}
for version in 1 2; do
	exported=$(export_as_hex utf8 $version)
	wanted=$(scores utf8 m/$version)
	is "UTF8, version $version: Italià is not like what was never seen" \
		"$(echo "$wanted" | awk -F'|' '/^Itali/ { a = $2 } /^nowhere/ { b = $2 } END { print (a > 2 * b) }')" 1
	for database in latin1 ascii; do
		is "into $database, version $version" "$(import_hex $database "$exported")" $version
		is "it scores rows and JSON as it did" "$(scores $database copy/$version)" "$wanted"
		is "it has the same bytes" "$(query -d $database -c "SELECT sha256 FROM mlops.versions WHERE model = 'copy' AND version = $version")" \
			"$(query -d utf8 -c "SELECT sha256 FROM mlops.versions WHERE model = 'm' AND version = $version")"
		is "as a value too" "$(query -d $database -c "SELECT mlops.score_bytes(decode('$exported', 'hex'), r) FROM (SELECT 1 AS id, 500 AS amount, 'Italià'::text AS \"länd\") AS r")" \
			"$(echo "$wanted" | awk -F'|' '/^Itali/ { print $2 }')"
	done
done
terms="SELECT feature, level FROM mlops.coefficients WHERE version = 2 AND kind = 'level' AND model = "
is "names and levels are shown in the database's encoding" "$(query -d latin1 -c "$terms 'copy' ORDER BY term")" \
	"$(query -d utf8 -c "$terms 'm' ORDER BY term" | sed 's/東京/\\u6771\\u4EAC/')"
is "all that there are" "$(query -d latin1 -c "$terms 'copy'" | grep -c 'länd|')" "$(query -d utf8 -c "$terms 'm'" | grep -c 'länd|')"
is "a level that cannot be spelled is no level of what is spelled so" \
	"$(query -d latin1 -c "SELECT mlops.score('copy/1', '{\"id\": 1, \"amount\": 500, \"länd\": \"\\\\u6771\\\\u4EAC\"}'::jsonb) = mlops.score('copy/1', '{\"id\": 1, \"amount\": 500, \"länd\": \"nowhere\"}'::jsonb)")" t
is "what it explains has names too" "$(query -d latin1 -c "SELECT string_agg(feature, ' ' ORDER BY feature) FROM mlops.explain('copy/2', '{\"id\": 1, \"amount\": 500, \"länd\": \"Italià\"}'::jsonb)" 2>&1)" \
	"$(query -d utf8 -c "SELECT string_agg(feature, ' ' ORDER BY feature) FROM mlops.explain('m/2', '{\"id\": 1, \"amount\": 500, \"länd\": \"Italià\"}'::jsonb)" 2>&1)"

# ---- the same data, learned in another encoding
query -d utf8 -c "CREATE TABLE narrow AS SELECT id, amount, CASE \"länd\" WHEN '東京' THEN 'Köln' ELSE \"länd\" END AS \"länd\", fraud FROM tx" \
	-c "$(echo "$train" | sed "s/'m', 'tx'/'n', 'narrow'/g")" >/dev/null
query -d latin1 -c "$(echo "$train" | sed "s/'m', 'tx'/'n', 'tx'/g")" >/dev/null
is "it gives the same bytes" "$(query -d latin1 -c "SELECT sha256 FROM mlops.versions WHERE model = 'n' ORDER BY version")" \
	"$(query -d utf8 -c "SELECT sha256 FROM mlops.versions WHERE model = 'n' ORDER BY version")"
is "and the same metrics" "$(query -d latin1 -c "SELECT metrics FROM mlops.versions WHERE model = 'n' ORDER BY version")" \
	"$(query -d utf8 -c "SELECT metrics FROM mlops.versions WHERE model = 'n' ORDER BY version")"
is "it can be reproduced there" "$(query -d latin1 -c "SELECT identical FROM mlops.reproduce('n', 1)")" t

# ---- a category of many levels, which has a statistic
shops()
{
	query -d "$1" -c "CREATE TABLE shops AS SELECT i AS id, 'Geschäft ' || (hashint4(i) & 511) || CASE WHEN i % 2 = 0 THEN 'é' ELSE 'É' END AS \"geschäft\",
		hashint4(i) & 7 = 3 AND i % 5 < 4 AS fraud FROM generate_series(1, 6000) AS i" \
		-c "$(echo "$train" | sed "s/'m', 'tx'/'shops', 'shops'/g")" >/dev/null
}
# scores of all of them, of one that is not known and of none
scores_of_shops()
{
	query -d "$1" -c "SELECT sha256 FROM mlops.versions WHERE model = '$2' ORDER BY version" -c "SELECT s, v, score, score = mlops.score('$2/' || v, to_jsonb(r))
		FROM (SELECT DISTINCT \"geschäft\" FROM shops UNION VALUES ('Geschäft'), (NULL)) AS s (s), generate_series(1, 2) AS v, LATERAL (SELECT s AS \"geschäft\") AS r,
		LATERAL mlops.score('$2/' || v, r) AS score ORDER BY s COLLATE \"C\", v"
}
for database in utf8 latin1 ascii; do
	shops $database
done
wanted=$(scores_of_shops utf8 shops)
is "many levels: a row and its JSON score the same" "$(echo "$wanted" | grep -vc '|t$')" 2	# the two hashes
is "and they are told apart" "$(echo "$wanted" | cut -d'|' -f3 | sort -u | awk 'END { print (NR > 20) }')" 1
is "learned in LATIN1, they give the same bytes and scores" "$(scores_of_shops latin1 shops)" "$wanted"
for database in latin1 ascii; do
	for version in 1 2; do
		query -d $database -c "SELECT mlops.import_model(decode('$(query -d utf8 -c "SELECT encode(mlops.export_model('shops', $version), 'hex')")', 'hex'), 'taken')" >/dev/null
	done
	is "imported into $database, they score rows and JSON as they did" "$(scores_of_shops $database taken)" "$wanted"
done

# ---- what goes into files: read as monitors.md says, or by a client without an encoding of its own
for database in utf8 latin1; do
	query -d $database >/dev/null 2>&1 <<'SQL'
SELECT mlops.deploy('n', 1, note => 'für Italià');
SET mlops.log_features = on;
SELECT count(mlops.decide('n', tx, id::text)) FROM tx;
SELECT mlops.add_labels('n', 'tx', key => 'id', label => 'fraud');
SELECT mlops.monitor('n', every => '1 hour', segments => '{länd}');
UPDATE mlops_catalog.prediction SET created_at = date_trunc('hour', now()) - interval '30 minutes';
UPDATE mlops_catalog.monitor SET created_at = created_at - interval '3 hours';
SELECT * FROM mlops.run_monitor('n');
SQL
	(unset PGCLIENTENCODING; query -d $database -c "SELECT mlops.report('n')") >"$server/report.$database"
	is "a report of $database is ASCII" "$(LC_ALL=C tr -d '\000-\177' <"$server/report.$database" | wc -c)" 0
	is "with all names" "$(grep -c 'l&#228;nd = Itali&#224;' "$server/report.$database")" 1
	query -d $database -c "SELECT mlops.prometheus_metrics()" >"$server/prom.$database"
	is "metrics for Prometheus of $database are UTF-8" "$(iconv -f UTF-8 -t UTF-8 "$server/prom.$database" | grep -c 'mlops_recall_ratio{.*segment="länd".*value="Italià"')" 1
done
is "SQL_ASCII, too, whatever its bytes" "$(query -d ascii -c "SELECT mlops_catalog.html(E'Itali\xc3\xa0 \xe0b <')")" 'Itali&#224; &#65533;b &lt;'

# ---- what cannot be
query -d utf8 -c "SELECT mlops.describe('m', '東京', version => 1)" >/dev/null
exported=$(export_as_hex utf8 1)
is "a description that cannot be spelled is refused" \
	"$(error_of -d latin1 -c "SELECT mlops.import_model(decode('$exported', 'hex'), 'copy')" | head -n 1)" \
	"22P05: the exported model has text that the encoding of this database, LATIN1, cannot hold"
query -d ascii -v ON_ERROR_STOP=1 -c "CREATE TABLE bytes AS SELECT id, amount, CASE WHEN \"länd\" = 'DE' THEN E'\\xE0b' ELSE 'x' END AS land, fraud FROM tx" \
	-c "SELECT mlops.train('m', 'bytes', target => 'fraud', key => 'id', params => '{\"n_estimators\": 3}')" >/dev/null
is "SQL_ASCII takes bytes as they are" \
	"$(query -d ascii -c "SELECT count(DISTINCT mlops.score('m/1', b)) > 1 FROM bytes AS b WHERE amount < 100")" t
exported=$(export_as_hex ascii 1)
for database in utf8 latin1; do
	is "in $database such a level is refused by its name" \
		"$(query -d $database -v VERBOSITY=verbose -c "SELECT mlops.import_model(decode('$exported', 'hex'), 'copy')" 2>&1 | sed -n 's/^DETAIL: *//p')" \
		"Its level \"\\xe0b\" of input \"land\" is not UTF-8."
done
is "where it came from it can be imported" "$(query -d ascii -c "SELECT i.version FROM mlops.import_model(decode('$exported', 'hex'), 'bytes') i")" 1

# ---- dump and restore into another encoding
fill dumped Köln
query -d dumped -c "$train" -c "SELECT mlops.deploy('m', 2)" >/dev/null
wanted=$(scores dumped m)
dump() { as_server "$bin/pg_dump" -h "$server/socket" -p 5432 -U postgres -d dumped -E UTF8 "$@"; }
dump 2>/dev/null | query -d restored >/dev/null 2>"$server/errors" || :
is "a dump goes into another encoding" "$(grep -c ERROR "$server/errors" || :)" 0
is "and scores as it did" "$(scores restored m)" "$wanted"
is "its catalog is consistent, but that it is a copy" "$(query -d restored -c "SELECT object FROM mlops.check_catalog()")" activation

# ---- where texts cannot be UTF-8
query -c "CREATE DATABASE mule TEMPLATE template0 ENCODING 'MULE_INTERNAL' LC_COLLATE 'C' LC_CTYPE 'C'"
is "an encoding without a conversion is refused" "$(PGCLIENTENCODING=MULE_INTERNAL error_of -d mule -c 'CREATE EXTENSION mlops')" \
	'0A000: extension "mlops" does not work in a database with encoding "MULE_INTERNAL"
hint: Create it in a database of another encoding, best UTF8.'
export PGCLIENTENCODING=SQL_ASCII
note="E'b\\xfcro'"
query -d ascii -c "CREATE TABLE plain AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 500) AS i" \
	-c "SELECT mlops.train('plain', 'plain', target => 'fraud', key => 'id', params => '{\"n_estimators\": 2}')" \
	-c "SELECT mlops.deploy('plain', 1, note => $note)" -c "SELECT mlops.describe('plain', $note)" -c "SELECT mlops.set_model_tag('plain', 'k', $note)" >/dev/null
is "SQL_ASCII takes bytes as they are in notes, descriptions and tags, and so does its audit log" \
	"$(query -d ascii -c "SELECT intact FROM mlops.verify_audit()" -c "SELECT count(*) FROM mlops.audit_log WHERE detail->>'note' = $note")" "t
1"
query -d ascii -c "SELECT mlops.set_model_tag('plain', 'k', $note, 1)" >/dev/null
is "what is not UTF-8 is not exported, and named" "$(error_of -d ascii -c "SELECT mlops.export_model('plain', 1)")" \
	'22021: what is recorded of version 1 of model "plain" is not UTF-8'
echo "1..$n"
