#!/bin/sh
# mutants.sh - every mutant of test/mutants can still be applied: whoever changes
# a line that one is about changes the mutant too.  TAP.
cd "$(dirname "$0")/../.." || exit 1
exec test/mutants/run --check
