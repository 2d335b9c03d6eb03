#!/bin/sh
# seal.sh - sealing a day of 1,000,000 decisions, against logging them (the
# difference between deciding and predicting), in turns.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model
query -o /dev/null -c "SELECT * FROM mlops.maintain()"

yesterday="(now() AT TIME ZONE 'UTC')::date - 1"
work=$(mktemp -d)
for round in $(seq "$rounds"); do
	query -o /dev/null -c "TRUNCATE mlops_catalog.prediction, mlops_catalog.decision_seal, mlops_catalog.decision_seal_block" -c "CHECKPOINT"
	milliseconds "SELECT count(mlops.decide('m', t, 'k')) FROM tx AS t" >>"$work/decide"
	milliseconds "SELECT count(mlops.predict('m', t)) FROM tx AS t" >>"$work/predict"
	# as if it had been yesterday
	query -o /dev/null -c "SELECT mlops_catalog.make_partition('postgres', $yesterday)" \
		-c "UPDATE mlops_catalog.prediction SET created_at = created_at - interval '1 day'" \
		-c "SELECT pg_prewarm(mlops_catalog.partition_of($yesterday))" -c "CHECKPOINT"
	milliseconds "SELECT mlops_catalog.seal_day('postgres', $yesterday)" >>"$work/seal"
done
sealed=$(query -c "SELECT rows FROM mlops_catalog.decision_seal")
[ "$sealed" = 1000000 ] || { echo "only $sealed decisions were sealed" >&2; exit 1; }
query -o /dev/null -c "TRUNCATE mlops_catalog.prediction, mlops_catalog.decision_seal, mlops_catalog.decision_seal_block"
for round in $(seq "$rounds"); do
	latency "SELECT mlops.decide('m', t, 'k') FROM tx AS t WHERE id = :id" >>"$work/one_decided"
	latency "SELECT mlops.predict('m', t) FROM tx AS t WHERE id = :id" >>"$work/one_predicted"
done
query -o /dev/null -c "TRUNCATE mlops_catalog.prediction"
one_decided=$(median <"$work/one_decided") one_predicted=$(median <"$work/one_predicted")
decide=$(median <"$work/decide") predict=$(median <"$work/predict") seal=$(median <"$work/seal")
rm -rf "$work"

table_header "Sealing a day of 1,000,000 decisions"
result "logging them (mlops.decide less mlops.predict)" "$(compute "$decide - $predict" 1)" ms
result "sealing them" "$seal" ms
result "sealing / logging, all in one statement" "$(compute "$seal / ($decide - $predict)")" times
result "logging one, a transaction each as payments are (decide less predict)" "$(compute "$one_decided - $one_predicted" 1)" µs
result "sealing one" "$(compute "$seal / 1000" 2)" µs
result "sealing / logging, a transaction each" "$(compute "$seal / 1000 / ($one_decided - $one_predicted)")" times '<=' 0.1
exit $missed
