#!/bin/sh
# source.sh - errors have codes, SQL is safe, libraries export what they should,
# headers stand alone, text is finished.  TAP; needs the build.
cd "$(dirname "$0")/../.." || exit 1
. test/lib/report.sh
sql_sources="sql/tables/*.sql sql/code/*.sql sql/triggers.sql $(ls sql/updates/*.sql 2>/dev/null)"
server_include=$("${PG_CONFIG:-pg_config}" --includedir-server)

report "every ereport(ERROR) has an errcode" "$(
	awk '/ereport\((ERROR|FATAL|elevel)/ { start = FILENAME ":" FNR; statement = ""; inside = 1 }
		inside { statement = statement $0 }
		inside && /;[ \t]*$/ { if (statement !~ /errcode/) print start; inside = 0 }' src/*.c src/*/*.c)"
report "what was detoasted is freed only where detoasting made a copy" "$(
	# NAME = ... DETOAST ...; pfree(NAME): the pointer may be into a shared buffer
	awk 'FNR == 1 { delete detoasted }
		match($0, /[a-z_]+ = .*(PG_DETOAST_DATUM|DatumGet(Text|Bytea|Jsonb|Numeric|ArrayType|BpChar|VarChar)P)/) {
			name = substr($0, RSTART); sub(/ .*/, "", name); detoasted[name] = 1 }
		/^}/ { delete detoasted }
		match($0, /pfree\([a-z_]+\)/) { name = substr($0, RSTART + 6, RLENGTH - 7)
			if (name in detoasted) print FILENAME ":" FNR ": pfree(" name ")" }' src/*.c src/*/*.c)"
report "the install script creates, it never replaces" \
	"$(grep -nE 'CREATE OR REPLACE|(CREATE|ADD) .*IF NOT EXISTS' $sql_sources)"
report "tables are made apart from functions and views, which an update makes anew" \
	"$(grep -nE '^ *(CREATE|ALTER) (TABLE|TYPE|SCHEMA|SEQUENCE|((UNIQUE|EVENT|CONSTRAINT) )?(INDEX|TRIGGER))|pg_extension_config_dump|^INSERT' sql/code/*.sql
		grep -nE '^CREATE (VIEW|AGGREGATE|PROCEDURE|.*TRIGGER)' sql/tables/*.sql)"
report "functions in SQL fix their search_path" "$(
	# but for procedures that commit: with a SET clause they could not; and for bodies of
	# the standard's form, whose names are resolved when the function is made
	awk '/^CREATE/ { commits = /^CREATE PROCEDURE/ }
		!commits && /LANGUAGE (plpgsql|sql)|SECURITY DEFINER/ { seen = NR; line = $0 } /SET search_path|^\tRETURN |^BEGIN ATOMIC/ { seen = 0 }
		(/^AS / || /;$/) && seen { print FILENAME ":" seen ": " line; seen = 0 }' $sql_sources)"
report "functions in SQL call their parameters by name" "$(python3 test/lint/numbered_parameters.py $sql_sources)"
report "what catches errors is not parallel safe" "$(
	# a subtransaction cannot begin in a parallel operation, in its leader neither
	awk '/^CREATE FUNCTION/ { start = FILENAME ":" FNR; safe = 0 } /PARALLEL SAFE/ { safe = 1 }
		/EXCEPTION WHEN/ && safe { print start; safe = 0 } /^\$\$;/ { safe = 0 }' sql/code/*.sql)"
report "no text that is left out where a value is NULL is made by format, which is never NULL" "$(
	grep -nE "(coalesce|nullif)\(format\(" $sql_sources)"
report "a role's name is quoted before it is read as a role" "$(
	# current_user::regrole takes "Ann" for ann, and fails at a name with a space
	grep -nEi '(current_user|session_user|current_role|rolname)(::|[^a-z)]+AS )(pg_catalog\.)?regrole' $sql_sources src/*.c src/*/*.c)"
report "no text is unfinished" "$(
	grep -rInE 'TODO|FIXME|XXX' src include sql demo docs bench tools test README.md CONTRIBUTING.md CHANGELOG.md |
		grep -vE '\.XXXXXX|test/lint/source\.sh')"
report "no path of somebody's machine" "$(
	grep -rInE '/(work|home|root|Users)/' src include sql demo docs bench tools test README.md CONTRIBUTING.md CHANGELOG.md Makefile |
		grep -v 'test/lint/source\.sh')"
report "every file that a comment or page names is there" "$(
	# VERSION, NAME and x stand for what somebody puts there
	grep -rInoE '(^|[^A-Za-z0-9_/.$}*-])(src|include|sql|test|docs|tools|bench|demo|api|base|catalog|engine|ingest|jobs|monitor|registry|serve|train)/[A-Za-z0-9_/.-]*\.(c|h|sql|sh|md|py|psql)\b' \
		--include='*.[ch]' --include='*.sql' --include='*.sh' --include='*.py' --include='*.md' src include sql/tables sql/code sql/triggers.sql test bench demo tools docs README.md CONTRIBUTING.md |
		sed -E 's/^([^:]*:[0-9]+):[^a-z]?/\1 /' | grep -vE '/(VERSION|NAME|x)\.| catalog/[a-z_]*\.h$' |
		while read -r place path; do
			[ -e "$path" ] || [ -e "src/$path" ] || [ -e "include/mlops/$path" ] || [ -e "$(dirname "${place%%:*}")/$path" ] || echo "$place: $path"
		done)"
report "one thing has one word" "$(
	# variant, not arm; metric or value, not figure (which HTML has); the deployed version, not production; set_ for what
	# sets.  A gate names the old word of its condition to say the new one.
	grep -rInE '(^|[^A-Za-z])([Aa]rm|ARM|[Ff]igure|FIGURE)s?([^A-Za-z]|$)|(^|[^A-Z])(Arm|Figure)(s?[^a-z]|$)|_vs_production|mlops(_catalog)?\.(alert_rule|retraining_policy)\(' \
		src include sql/header.sql sql/triggers.sql sql/tables sql/code demo docs bench tools test README.md CONTRIBUTING.md |
		grep -vE '</?figure>|//figure\[|figure\{|^test/lint/source\.sh|^test/upgrade/|^sql/code/42_gates\.sql:.*\|\| .?_vs_production|^test/pgtap/errors\.sql:.*Write it as .recall_vs_deployed')"
report "every link of the documentation leads to a file" "$(
	for page in README.md CONTRIBUTING.md CHANGELOG.md docs/*.md; do
		grep -oE '\]\([^)#: ]+' "$page" | sed 's/^](//' | while read -r target; do
			[ -e "$(dirname "$page")/$target" ] || echo "$page: $target"
		done
	done)"
report "no source file is longer than 900 lines" "$(
	wc -l src/*.c src/*/*.[ch] src/engine/*/*.[ch] include/mlops/*.h include/mlops/engine/*.h |
		awk '$1 > 900 && $2 != "total"')"
report "every regression test has its expected output, and the other way round" "$(
	for file in test/sql/*.sql; do
		[ -f "expected/$(basename "$file" .sql).out" ] || echo "$file"
	done
	for file in expected/*.out; do
		[ -f "test/sql/$(basename "$file" .out).sql" ] || echo "$file"
	done)"
report "every isolation test has its expected output, and the other way round" "$(
	for file in test/isolation/specs/*.spec; do
		[ -f "test/isolation/expected/$(basename "$file" .spec).out" ] || echo "$file"
	done
	for file in test/isolation/expected/*; do
		[ -f "test/isolation/specs/$(basename "$file" .out).spec" ] || echo "$file"
	done
	find test/isolation -name '*.spec' | grep -v '^test/isolation/specs/')"
report "every type that C defines is in tools/typedefs.list" "$(
	find src include test/unit test/fuzz -name '*.[ch]' | xargs sed -nE 's/^\}[ \t]*([A-Za-z0-9_]+);$/\1/p; s/^typedef (struct|enum|union) [A-Za-z0-9_]+ ([A-Za-z0-9_]+);$/\2/p' |
		sort -u | grep -vxFf tools/typedefs.list)"
report "C is laid out as tools/format.py lays it out" "$(
	if command -v pg_bsd_indent >/dev/null; then
		find src include test/unit test/fuzz -name '*.[ch]' ! -name 'golden_*' | sort | xargs -n 12 -P 2 python3 tools/format.py --check 2>&1
	else
		echo "pg_bsd_indent is missing (package pg-bsd-indent)"
	fi)"
report "mlops.so exports only SQL-callable functions" "$(
	nm -D --defined-only mlops.so 2>&1 | awk '{ print $3 }' |
		grep -vE '^(mlops_[a-z_0-9]+|pg_finfo_mlops_[a-z_0-9]+|Pg_magic_func|_PG_init)$')"
report "mlops_blas.so exports nothing but its table" "$(
	nm -D --defined-only mlops_blas.so 2>&1 | awk '{ print $3 }' |
		grep -vE '^(mlops_[a-z_0-9]+|pg_finfo_mlops_[a-z_0-9]+|Pg_magic_func)$')"
report "mlops.so does not link OpenBLAS" "$(
	[ -f mlops.so ] || echo "there is no mlops.so"
	readelf -d mlops.so 2>&1 | grep -i blas)"
for compiler in gcc clang-14; do
	report "each public header compiles alone, by $compiler" "$(
		for header in include/mlops/engine/*.h; do
			echo "#include \"${header#include/}\"" |
				"$compiler" -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -Iinclude -x c - 2>&1
		done
		for header in include/mlops/*.h; do
			printf '#include "postgres.h"\n#include "%s"\n' "${header#include/}" |
				"$compiler" -fsyntax-only -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter \
					-Iinclude -isystem "$server_include" -x c - 2>&1
		done)"
done
report "programs of bench compile" "$(
	gcc -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
		-D_GNU_SOURCE -Iinclude -Isrc -Itest/unit bench/kernels/*.c bench/peers/*.c bench/tune/*.c 2>&1)"
report "no lock is one that users can name" "$(grep -nE 'advisory_(xact_)?(un)?lock|LOCKTAG_ADVISORY|SET_LOCKTAG_ADVISORY' src/*/*.[ch] $sql_sources)"
report_end
