#!/bin/sh
# quality.sh - default parameters on public data sets reach their floors: the
# table that bench/quality.sh prints, a test a floor.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
data=${MLOPS_DATA:-$root/../shared/data}
for file in handbook_benchmark_split ulb_creditcard_subset adult_census; do
	if [ ! -r "$data/$file.csv.gz" ]; then
		echo "1..0 # SKIP there is no $data/$file.csv.gz"
		exit 0
	fi
done

table=$(MLOPS_DATA=$data sh "$root/bench/quality.sh") || echo "# bench/quality.sh says that a floor was missed"
echo "$table" | awk -F ' *[|] *' '
	$6 ~ /^0\.[0-9]+$/ {
		printf "%s %d - %s, %s: %s %s, floor %s\n", ($5 >= $6) ? "ok" : "not ok", ++n, $2, $3, $4, $5, $6
	}
	END { print "1.." n; exit n != 10 }'
