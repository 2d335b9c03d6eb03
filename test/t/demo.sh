#!/bin/sh
# demo.sh - demo/run does what its first lines promise.  TAP.
#
# Expects what the demo installs to be there already (else it will be).
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
data=${MLOPS_DATA:-$root/../shared/data}
work=$(mktemp -d)
export MLOPS_DEMO_DIR="$work/server"
trap 'sh "$root/tools/private_server.sh" remove "$MLOPS_DEMO_DIR"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"

number=0
check()						# NAME COMMAND...: the command succeeds
{
	number=$((number + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
	fi
}

# demo FILE...: its output in $work/out, both channels; succeeds if it does.
demo()
{
	sh "$root/demo/run" "$@" >"$work/out" 2>&1 && return 0
	sed 's/^/# /' "$work/out"
	return 1
}

says()
{
	grep -qF -- "$1" "$work/out"
}

# Number of rows that match in the printed table of versions.
deployed()
{
	[ "$(grep -c '| deployed *$' "$work/out")" -eq 1 ]
}

query_gives()				# QUERY EXPECTED
{
	got=$(sh "$root/tools/private_server.sh" psql "$MLOPS_DEMO_DIR" -At -d demo -c "$1")
	[ "$got" = "$2" ] || { echo "# got $got"; return 1; }
}

# ---- files that are not recognised
printf 'a,b\n1,2\n' >"$work/other.csv"
check 'an unknown header is refused' sh -c "! sh $root/demo/run $work/other.csv >$work/out 2>&1"
check '... and shown' says '    a,b'
check '... beside what is recognised' says '    time, v1, v2, ..., v28, amount, class'
check 'a file that is not there is refused' sh -c "! sh $root/demo/run $work/none.csv >$work/out 2>&1"
check '... by name' says "cannot read $work/none.csv"
check 'an unknown option shows the usage' sh -c "! sh $root/demo/run --frobnicate >$work/out 2>&1"
check '... which names --stop' says 'sh demo/run --stop'

# ---- simulated transactions
check 'the demo runs' demo
check '... draws a bar while it trains' says '    [##############################] 100 % succeeded'
check '... and names its phases, one after the other' sh -c "[ \$(grep -c '^    Phases: [a-z, ]*$' $work/out) -eq 2 ]"
check '... without bars that begin anew' sh -c "[ \$(grep -cF '[#' $work/out) -eq 2 ] && ! grep -qF '[.' $work/out"
check '... deploys one of two versions' deployed
check '... tells which frauds are found' says 'compromised terminal'
check '... explains an alert' says 'in log odds:'
check '... and how to go on' says "-h $MLOPS_DEMO_DIR/socket"
check 'both versions are registered' query_gives \
	"SELECT string_agg(algorithm, ',' ORDER BY version) FROM mlops.versions" \
	'gradient_boosting,logistic_regression'
check 'the better one answers' query_gives \
	"SELECT deployed_version = (SELECT version FROM mlops.versions ORDER BY pr_auc DESC LIMIT 1) FROM mlops.models" t
check 'both were trained by jobs' query_gives \
	"SELECT count(*) FROM mlops.jobs WHERE state = 'succeeded' AND result -> 0 ->> 'model' = 'fraud'" 2
check 'it finds most frauds within as many alerts as there are frauds' query_gives \
	"SELECT count(*) FILTER (WHERE tx_fraud) > 0.5 * count(*)
	 FROM (SELECT tx_fraud FROM test_scores ORDER BY gradient_boosting DESC
	       LIMIT (SELECT count(*) FROM test_scores WHERE tx_fraud)) AS top" t
check 'the server has no network socket' query_gives 'SHOW listen_addresses' ''
check 'a row is enough to score' query_gives \
	"SELECT mlops.score('fraud', t) = mlops.score('fraud', p) FROM transactions AS t JOIN prepared AS p USING (transaction_id) WHERE transaction_id = 1000" t
check 'payments were scored as they came in' query_gives 'SELECT count(*) FROM transactions WHERE score IS NOT NULL AND flagged IS NOT NULL' 1000

# ---- a file in Kaggle's form of the ULB layout: quoted, mixed case, CRLF
if [ -r "$data/ulb_creditcard_subset.csv.gz" ]; then
	{
		gzip -dc "$data/ulb_creditcard_subset.csv.gz" | head -n 1 |
			sed 's/[a-z]*[0-9]*/"\u&"/g; s/$/\r/'
		gzip -dc "$data/ulb_creditcard_subset.csv.gz" | tail -n +2 | sed 's/\([01]\)$/"\1"\r/'
	} >"$work/creditcard.csv"
	check 'the ULB layout is recognised' demo "$work/creditcard.csv"
	check '... all its rows are read' query_gives 'SELECT count(*) FROM transactions' 31842
	check '... and a version is deployed' deployed
fi

# ---- the end
check 'the server stops' sh -c "sh $root/demo/run --stop >$work/out"
check '... and says how to delete what stays' says "sh tools/private_server.sh remove $MLOPS_DEMO_DIR"
check '... and does not answer any more' sh -c \
	"! sh $root/tools/private_server.sh psql $MLOPS_DEMO_DIR -c 'SELECT 1' >/dev/null 2>&1"

echo "1..$number"
