#!/bin/sh
# A file includes headers of lower layers only; the engine knows no PostgreSQL.
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0

report()
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

# Engine files must not include these headers, nor call these functions.
report "the engine includes no PostgreSQL header" \
	"$(grep -nE '#include *"(postgres|fmgr|utils/|access/|catalog/pg)' src/engine/*/*.[ch] include/mlops/engine/*.h)"
report "the engine neither prints nor exits nor jumps" \
	"$(grep -nE '\b(printf|puts|exit|abort|longjmp|ereport|elog|palloc)\(' src/engine/*/*.c | grep -v snprintf)"

# forbidden FILES HEADERS: FILES include none of HEADERS (an extended expression).
forbidden()
{
	report "$1 includes nothing above it" "$(grep -nE "#include \"mlops/($3)\.h\"" $2)"
}
forbidden engine/base "src/engine/base/*.[ch]" "engine/(data|eval|learn|model|simulate)|[a-z]+"
forbidden engine/data "src/engine/data/*.[ch]" "engine/(eval|learn|model|simulate)|[a-z]+"
forbidden engine/eval "src/engine/eval/*.[ch]" "engine/(data|learn|model|simulate)|[a-z]+"
forbidden engine/learn "src/engine/learn/*.[ch]" "engine/(model|simulate)|[a-z]+"
forbidden engine/model "src/engine/model/*.[ch]" "engine/simulate|[a-z]+"
forbidden engine/simulate "src/engine/simulate/*.[ch]" "engine/(data|eval|learn|model)|[a-z]+"
forbidden base "src/base/*.[ch]" "ingest|catalog|registry|train|serve"
forbidden ingest "src/ingest/*.[ch]" "catalog|registry|train|serve"
forbidden catalog "src/catalog/*.[ch]" "ingest|registry|train|serve"
forbidden registry "src/registry/*.[ch]" "ingest|train|serve"
forbidden train "src/train/*.[ch]" "serve"
forbidden serve "src/serve/*.[ch]" "train"
echo "1..$n"
exit $bad
