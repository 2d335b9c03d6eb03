#!/bin/sh
# sessions.sh - the first score of a new session, which has looked at the row before:
# by a model of 100 trees that another session has read from the catalog, and by one
# that nobody has.  Beside it that first look, and a later score.  In turns; connecting
# is not counted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
open_server
need_model

# Microseconds of each statement, in a session of their own.
microseconds()
{
	for statement; do
		printf "SELECT clock_timestamp() AS started \\\\gset\n%s \\\\g /dev/null\n%s;\n" "$statement" \
			"SELECT round(extract(epoch FROM clock_timestamp() - :'started') * 1e6)"
	done | query
}

work=$(mktemp -d)
query -o /dev/null -c "SELECT mlops.score('m', t) FROM tx AS t WHERE id = 1"
for round in $(seq $((4 * rounds))); do
	query -o /dev/null -c "SELECT mlops.import_model(mlops.export_model('m', 1), 'new_$round')"
	row="SELECT id, f30 FROM tx AS t WHERE id = $round"
	by_shared="SELECT id, mlops.score('m', t) FROM tx AS t WHERE id = $round"
	microseconds "$row" "SELECT id, mlops.score('new_$round/1', t) FROM tx AS t WHERE id = $round" >"$work/new"
	sed -n 2p "$work/new" >>"$work/read"
	microseconds "$row" "$by_shared" "$by_shared" >"$work/new"
	sed -n 1p "$work/new" >>"$work/row"
	sed -n 2p "$work/new" >>"$work/shared"
	sed -n 3p "$work/new" >>"$work/later"
	query -o /dev/null -c "SELECT mlops.drop_model('new_$round')"
done

table_header "Statements of a new session, one row by primary key, 100 trees of depth 6"
result "SELECT id, f30, its first statement" "$(median <"$work/row")" µs
result "then SELECT id, mlops.score('m', t), the model is in shared memory" "$(median <"$work/shared")" µs '<' 1000
result "the same, the model is read from the catalog" "$(median <"$work/read")" µs
result "the same for the second time" "$(median <"$work/later")" µs
result "memory of the model, for all sessions" "$(query -c "SELECT round(bytes / 1024.0) FROM mlops.cached_models WHERE model = 'm'")" kB
rm -rf "$work"
exit $missed
