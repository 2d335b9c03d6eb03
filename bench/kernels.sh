#!/bin/sh
# kernels.sh - what a row costs in the engine alone, without a server: random trees,
# walked and by each kernel that runs on this machine, and a linear model.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$here/.."
work=$(mktemp -d /tmp/mlops-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O3 -ffp-contract=off -fno-trapping-math -Iinclude -Isrc -Itest/unit bench/kernels/kernels.c \
	src/engine/*/*.c -o "$work/kernels" -lpthread -lm

# measure WHAT ARGUMENTS...
measure()
{
	what=$1
	shift
	"$work/kernels" "$@" | while IFS="$(printf '\t')" read -r way one block; do
		echo "| $what | $way | $one µs | $block µs |"
	done
}

printf '\n### A row in the engine\n\n| model | how | one row | a row of a block |\n|---|---|---:|---:|\n'
measure "100 trees of depth 6, 30 numbers" trees 30 100 6 0
measure "100 trees of depth 6, 24 numbers and 6 categories" trees 30 100 6 0.2
measure "100 trees of depth 8, 30 numbers" trees 30 100 8 0
measure "100 trees of depth 6, 90 numbers" trees 90 100 6 0
measure "linear, 30 numbers" linear 30
