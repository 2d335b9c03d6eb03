#!/bin/sh
# layers.sh - a file includes headers of lower layers only, private headers stay
# in their module, and the engine knows no PostgreSQL.  TAP.
#
# A module is a folder of src/ with its public header in include/mlops; the
# layers are those of docs/architecture.md.
cd "$(dirname "$0")/../.." || exit 1
. test/lib/report.sh

report "the engine includes no PostgreSQL header" "$(
	grep -nE '#include *["<](postgres|fmgr|miscadmin|funcapi|(access|catalog|executor|lib|nodes|storage|utils)/)' \
		src/engine/*/*.[ch] include/mlops/engine/*.h)"
report "the engine neither prints nor exits nor jumps" "$(
	grep -nE '\b(v?f?printf|puts|perror|exit|_exit|abort|longjmp|ereport|elog|palloc0?)\(' \
		src/engine/*/*.[ch])"

# One line an include that must not be: MODULE<TAB>FILE:LINE: what is wrong.
violations=$(grep -nE '^#include "' src/*.c src/*/*.[ch] src/engine/*/*.[ch] include/mlops/*.h include/mlops/engine/*.h |
	awk '
	BEGIN {
		n = split("engine/blas 0 engine/base 1 engine/data 2 engine/eval 3 engine/model 3 engine/explain 4 " \
			"engine/trees 4 engine/linear 4 engine/families 5 engine/learn 5 engine/simulate 2 engine/tune 2 engine/compare 2 engine/drift 2 engine/features 3 blas 9 base 10 states 20 ingest 20 catalog 20 features 25 registry 30 train 40 serve 40 " \
			"monitor 50 jobs 60 api 70 init 80", word, " ")
		for (i = 1; i < n; i += 2)
			layer[word[i]] = word[i + 1] + 0
	}
	# "src/engine/learn/x.c", "include/mlops/engine/learn.h", "engine/learn/x.h" -> "engine/learn"
	function module_of(path) {
		sub(/^(src|include\/mlops|mlops)\//, "", path)
		sub(/\.[ch]$/, "", path)
		if (path ~ /^engine\//)
			match(path, /^engine\/[a-z_]+/)
		else
			match(path, /^[a-z_]+/)
		path = substr(path, 1, RLENGTH)
		if (path ~ /^(compat|json|progress)$/) return "base"	# further headers of base
		return path == "engine/family" ? "engine/model" : path	# and of the container
	}
	function complain(text) { print mine "\t" file ":" number ": " text }
	{
		split($0, part, ":"); file = part[1]; number = part[2]
		header = $0; sub(/^[^"]*"/, "", header); sub(/".*/, "", header)
		mine = module_of(file)
		if (!(mine in layer)) { complain("module " mine " has no layer"); next }
		public = header ~ /^mlops\//
		if (!public && header ~ /\//) {
			# the private header of a module, or one of PostgreSQL
			theirs = module_of(header)
			if (system("test -f src/" header) == 0 && theirs != mine)
				complain(header " is private to " theirs)
			next
		}
		if (!public) next
		theirs = module_of(header)
		if (!(theirs in layer)) complain("module " theirs " has no layer")
		else if (theirs != mine && layer[theirs] >= layer[mine])
			complain("includes " header ", which is not below " mine)
		else if (mine ~ /^engine\/(simulate|tune)$/ && theirs != mine && theirs !~ /^engine\/(base|blas)$/)
			complain(mine " stands on base alone")
		else if (mine !~ /^engine\// && header == "mlops/engine/family.h")
			complain(header " is for the engine alone")
		else if (mine == "blas" && theirs !~ /^(engine\/blas|blas)$/)
			complain("blas knows nothing but engine/blas.h")
	}')
tab=$(printf '\t')
for module in $(ls -d src/engine/*/ src/*/ | sed 's,^src/,,; s,/$,,' | grep -vx engine) init; do
	report "$module includes lower layers only" "$(echo "$violations" | sed -n "s,^$module$tab,,p")"
done
# Within these modules files have an order too: a file includes private headers and calls functions
# of files before it only, and a private header declares what the file of its name defines.
order_violations() {	# MODULE FILE...: the files in their order
	module=$1
	shift
	order=$(printf ' %s ' "$@")
	for file in src/"$module"/*.[ch]; do
		name=$(basename "${file%.[ch]}")
		case "$order" in *" $name "*) ;; *) echo "$file: has no place in the order" ;; esac
		for header in $(sed -nE "s,^#include \"($module/)?([a-z_]+)\\.h\".*,\\2,p" "$file"); do
			[ ! -e "src/$module/$header.h" ] || [ "$header" = "$name" ] ||
				case "$order" in *" $header "*" $name "*) ;; *) echo "$file: includes $header.h, which is not before it" ;; esac
		done
	done
	functions='s/^extern .*[ *]([a-z_0-9]+)\(.*/\1/p'
	for header in src/"$module"/*.h; do
		for function in $(sed -nE "$functions" "$header"); do
			grep -qsE "^$function\(" "${header%h}c" || echo "$header: $function is not defined in the file of this name"
		done
	done
	for function in $(sed -nE "$functions" "include/mlops/$module.h"); do
		home=$(basename "$(grep -lE "^$function\(" src/"$module"/*.c)" .c)
		for user in $(grep -lwE "$function" src/"$module"/*.c); do
			user=$(basename "$user" .c)
			[ "$user" = "$home" ] ||
				case "$order" in *" $home "*" $user "*) ;; *) echo "src/$module/$user.c: calls $function of $home.c, which is not before it" ;; esac
		done
	done
}
report "engine/tune: data flows one way, from spaces to studies" "$(
	order_violations engine/tune space trials parzen gp_model tpe gp pruner study)"

report "train: data flows one way, from the request to the record" "$(
	order_violations train report journal params options shortfall request plan data findings split prepare fit encode scored base_rate caveats judge \
		describe record train folds train_fold team_shared team worker trial team_worker tune_space tune_request study tune cross_validate)"

report "statements in C reach of the catalog what test/lint/catalog_calls.txt lists" "$(
	listed=$(mktemp)
	grep -v '^#' test/lint/catalog_calls.txt >"$listed"
	python3 test/lint/catalog_calls.py $(find src -name '*.c') | diff "$listed" - | sed -n 's/^</not there any more:/p; s/^>/not listed:/p'
	rm "$listed")"
report_end
