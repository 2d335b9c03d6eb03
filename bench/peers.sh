#!/bin/sh
# peers.sh - fitting, scoring, the way from a table to a model, and logistic regression,
# against current peers of Python (peers/requirements.txt), in turns.
#
#	sh bench/run peers			all parts on all data sets: up to 30 minutes
#	sh bench/run peers quick		all parts on 50,000 rows: 2 minutes
#	sh bench/run peers NAME...		parts (fit score table logistic) or data sets (see
#						peers/data.py), or both
#	sh bench/run peers show FILE		the tables of results that were kept
#
# The peers' python comes from peers/python.sh.  The results are kept as a file of tabs,
# MLOPS_BENCH_RESULTS (default peers.tsv beside that python).  A ratio of what was measured while others kept
# the machine busy is left out; with MLOPS_BENCH_BUSY=show it is there, marked.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

python=$(python_with_peers) || {
	echo "peers: skipped, a python with the peers cannot be had here" >&2
	exit 0
}
results=${MLOPS_BENCH_RESULTS:-${python%/bin/*}.tsv}
export PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1

show()
{
	"$python" -m peers.show "$1" ${MLOPS_BENCH_BUSY:+busy} || missed=$?
}

if [ "${1-}" = show ]; then
	show "${2:-$results}"
	exit $missed
fi
if [ "${1-}" = quick ]; then
	shift
	set -- rows_50000 "$@"
fi
rounds=${MLOPS_BENCH_ROUNDS:-3}
make -s -C "$here/.." bench-engine ${PG_CONFIG:+"PG_CONFIG=$PG_CONFIG"} >&2
open_server
export MLOPS_BENCH_SERVER="$server"
"$python" -m peers "$results" "$here/../tools" "$here/../build/bench/peers_engine" "$rounds" "$@"
show "$results"
echo "The results are in $results." >&2
exit $missed
