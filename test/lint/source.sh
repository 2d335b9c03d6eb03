#!/bin/sh
# Errors have codes, SQL is safe, libraries export what they should, text is finished.
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

report "every ereport(ERROR) has an errcode" "$(
	for file in src/*/*.c; do
		awk -v file="$file" '/ereport\(ERROR/ { line = NR; getline; if ($0 !~ /errcode/) print file ":" line }' "$file"
	done)"
report "the install script creates, it never replaces" \
	"$(grep -nE 'CREATE OR REPLACE|IF NOT EXISTS' sql/[0-9]*.sql)"
report "functions in SQL fix their search_path" "$(
	awk '/LANGUAGE (plpgsql|sql)/ { seen = NR; line = $0 } /SET search_path/ { seen = 0 }
		/^AS / && seen { print FILENAME ":" seen ": " line; seen = 0 }' sql/[0-9]*.sql)"
report "unfinished text" \
	"$(grep -rInE 'TODO|FIXME|XXX' src include sql demo docs README.md --include=* | grep -v '"\$\|mktemp')"
report "no file is longer than 900 lines" \
	"$(wc -l src/*/*.c src/engine/*/*.c include/mlops/*.h include/mlops/engine/*.h | awk '$1 > 900 && $2 != "total"')"
report "every regression test has its expected output, and the other way round" "$(
	for file in test/sql/*.sql; do
		[ -f "expected/$(basename "$file" .sql).out" ] || echo "$file"
	done
	for file in expected/*.out; do
		[ -f "test/sql/$(basename "$file" .out).sql" ] || echo "$file"
	done)"
report "mlops.so exports only SQL-callable functions" "$(
	nm -D --defined-only mlops.so 2>&1 | awk '{ print $3 }' |
		grep -vE '^(mlops_[a-z_0-9]+|pg_finfo_mlops_[a-z_0-9]+|Pg_magic_func|_PG_init)$')"
report "mlops.so does not link OpenBLAS" "$(readelf -d mlops.so 2>&1 | grep -i blas)"
report "public headers compile alone" "$(
	for header in include/mlops/engine/*.h; do
		echo "#include \"${header#include/}\"" | gcc -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -Iinclude -x c - 2>&1
	done
	for header in include/mlops/*.h; do
		printf '#include "postgres.h"\n#include "%s"\n' "${header#include/}" |
			gcc -fsyntax-only -std=gnu11 -Iinclude -I"$(pg_config --includedir-server)" -x c - 2>&1
	done)"
echo "1..$n"
exit $bad
