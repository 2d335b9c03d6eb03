#!/bin/sh
# tune_samplers.sh - how near our samplers come to the best point in 50 trials,
# beside Optuna's multivariate TPE: three standard test functions, and a grid of
# 600 results measured before (tune/handbook_grid.tsv: validation AP of gradient
# boosting on the Handbook split).  Median regret over the seeds; MLOPS_BENCH_SEEDS
# is their number (default 1000 of ours, 500 of Optuna's).
#
# Needs no server.  Optuna comes from pip into a folder of its own (or
# MLOPS_OPTUNA, a python that has it); without it there is nothing to compare.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$here/.."
seeds=${MLOPS_BENCH_SEEDS:-1000}
work=$(mktemp -d /tmp/mlops-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
python=${MLOPS_OPTUNA-}
if [ -z "$python" ]; then
	python=$work/venv/bin/python
	{ python3 -m venv "$work/venv" && "$python" -m pip install -q optuna; } >"$work/log" 2>&1 || {
		echo "tune_samplers: skipped, Optuna cannot be installed: $(tail -n 1 "$work/log")" >&2
		exit 0
	}
fi
"${CC:-cc}" -std=gnu11 -O2 -Iinclude -Isrc -DMLOPS_NO_SERVER bench/tune/samplers.c src/engine/base/*.c \
	src/engine/tune/*.c src/blas/provider.c -o "$work/samplers" -lopenblas -lpthread -lm

table_header "Samplers: median regret after 50 trials"
for function in branin hartmann6 rosenbrock table; do
	ours=$("$work/samplers" "$function" tpe 50 "$seeds" bench/tune/handbook_grid.tsv | median)
	theirs=$("$python" bench/tune/samplers_optuna.py "$function" 50 $((seeds / 2)) bench/tune/handbook_grid.tsv | median)
	result "$function: tpe" "$ours" ""
	result "$function: tpe of Optuna" "$theirs" ""
	result "$function: ours / theirs" "$(compute "($theirs > 0 ? $ours / $theirs : $ours > 0 ? 99 : 1)")" "" '<=' 1.05
	for sampler in random gp; do
		count=$seeds
		[ $sampler != gp ] || count=21
		result "$function: $sampler" \
			"$("$work/samplers" "$function" $sampler 50 "$count" bench/tune/handbook_grid.tsv | median)" ""
	done
done
exit $missed
