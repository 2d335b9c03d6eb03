#!/bin/sh
# decide.sh - deciding about 1,000,000 rows, each decision logged, against INSERT
# ... SELECT of the same columns into a table without indexes; and against the
# same decisions without logging (predict).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model
query -o /dev/null -c "SELECT * FROM mlops.maintain()"

work=$(mktemp -d)
for round in $(seq "$rounds"); do
	query -o /dev/null -c "TRUNCATE mlops_catalog.prediction" -c "CHECKPOINT"
	milliseconds "SELECT count(mlops.decide('m', t, 'k')) FROM tx AS t" >>"$work/decide"
	milliseconds "SELECT count(mlops.predict('m', t)) FROM tx AS t" >>"$work/predict"
	query -o /dev/null -c "SET client_min_messages = warning" -c "DROP TABLE IF EXISTS decisions" \
		-c "CREATE TABLE decisions AS SELECT * FROM mlops_catalog.prediction LIMIT 0" \
		-c "SELECT pg_prewarm(inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'mlops_catalog.prediction'::regclass" -c "CHECKPOINT"
	milliseconds "INSERT INTO decisions SELECT * FROM mlops_catalog.prediction" >>"$work/insert"
done
logged=$(query -c "SELECT count(*) FROM mlops_catalog.prediction")
[ "$logged" = 1000000 ] || { echo "only $logged decisions were logged" >&2; exit 1; }
query -o /dev/null -c "TRUNCATE mlops_catalog.prediction" -c "DROP TABLE decisions"
decide=$(median <"$work/decide") predict=$(median <"$work/predict") insert=$(median <"$work/insert")
rm -rf "$work"

table_header "Deciding about 1,000,000 rows, each decision logged"
result "INSERT ... SELECT of the same columns" "$insert" ms
result "mlops.predict" "$predict" ms
result "mlops.decide" "$decide" ms
result "logging (the difference) / INSERT ... SELECT" "$(compute "($decide - $predict) / $insert")" times '<=' 2.5
result "mlops.decide, scoring included / INSERT ... SELECT" "$(compute "$decide / $insert")" times
exit $missed
