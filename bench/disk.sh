#!/bin/sh
# disk.sh - what a logged decision and a version take on disk, and what a decision
# writes to the log of the server (WAL).
#
#	sh bench/disk.sh		100,000 decisions about 30 columns
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
server=$(mktemp -d /tmp/mlops-disk.XXXXXX)
trap 'private_server remove' EXIT
trap 'exit 1' INT TERM
private_server start "shared_buffers = '512MB'" "max_wal_size = '4GB'" "fsync = off" "autovacuum = off" "jit = off" "synchronize_seqscans = off"
query -c 'CREATE EXTENSION mlops' -c 'SELECT mlops.maintain(0)' >/dev/null
{ echo 'SET client_min_messages = warning; SELECT setseed(0.5);'; sed 's/generate_series(1, 1000000)/generate_series(1, 200000)/' "$here/generate.sql"; } | query -o /dev/null -f -

# Bytes of the partitions of decisions.
decisions_size()
{
	query -c "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'mlops_catalog.prediction'::regclass"
}
rows=100000
query -o /dev/null -c "SELECT * FROM $(train_call m 100)" -c "SELECT * FROM mlops.deploy('m', 1)"

# measure TITLE SETTING [SQL]: bytes a decision
measure()
{
	before=$(decisions_size)
	query -o /dev/null -c CHECKPOINT
	wal=$(query -c 'SELECT pg_current_wal_lsn()')
	query -o /dev/null -c "SET mlops.log_features = $2" \
		-c "SELECT count(mlops.decide('m', t, key => t.id::text)) FROM (SELECT * FROM tx ORDER BY id LIMIT $rows) AS t"
	wal=$(query -c "SELECT pg_current_wal_lsn() - '$wal'::pg_lsn")
	echo "| $1 | $((($(decisions_size) - before) / rows)) | $((wal / rows)) |"
}
echo "| a decision | bytes on disk | bytes of WAL |"
echo "|---|---|---|"
measure "with its key" off
measure "with its key and 30 features" on
before=$(decisions_size)
query -o /dev/null -c "SELECT mlops_catalog.index_partition(current_user::regrole, c.relname) FROM pg_class AS c
	WHERE c.relname ~ '^prediction_[0-9]{8}$' AND pg_total_relation_size(c.oid) > 1000000"
echo "| its indexes, from the next day on | $((($(decisions_size) - before) / (2 * rows))) | |"

echo
echo "| a version | bytes of the model | bytes on disk |"
echo "|---|---|---|"
# version TITLE ARGUMENTS
version()
{
	before=$(query -c "SELECT pg_total_relation_size('mlops_catalog.model_artifact')")
	query -o /dev/null -c "SELECT mlops.train('v', 'tx', target => 'label', key => 'id', $2)"
	bytes=$(query -c "SELECT size FROM mlops.versions WHERE model = 'v' ORDER BY version DESC LIMIT 1")
	query -o /dev/null -c 'VACUUM mlops_catalog.model_artifact'
	echo "| $1 | $bytes | $(($(query -c "SELECT pg_total_relation_size('mlops_catalog.model_artifact')") - before)) |"
}
version "logistic regression" "algorithm => 'logistic_regression'"
version "100 trees of depth 6" "params => '{\"n_estimators\": 100, \"max_depth\": 6}'"
version "500 trees of depth 6" "params => '{\"n_estimators\": 500, \"max_depth\": 6}'"
version "100 trees of depth 10" "params => '{\"n_estimators\": 100, \"max_depth\": 10}'"
echo
echo "| the catalog beside them | bytes |"
echo "|---|---|"
query -c "SELECT '| ' || v.what || ' | ' || v.bytes || ' |' FROM (
	SELECT 'an entry of the audit log', sum(pg_column_size(a.*)) / count(*) FROM mlops_catalog.audit_log AS a
	UNION ALL SELECT 'a run, with its parameters and metrics', (SELECT sum(pg_column_size(r.*)) FROM mlops_catalog.run AS r) / count(*)
		+ (SELECT sum(pg_column_size(p.*)) FROM mlops_catalog.run_param AS p) / count(*) + (SELECT sum(pg_column_size(m.*)) FROM mlops_catalog.run_metric AS m) / count(*)
		FROM mlops_catalog.run) AS v(what, bytes)"
