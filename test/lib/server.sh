# server.sh - a private server and TAP for tests in shell; to be sourced with
# "root" set to the top of the source tree.

. "$root/test/lib/server_log.sh"
server=$(mktemp -d)
bin=/usr/lib/postgresql/15/bin/pg_config
[ -x "$bin" ] || bin=pg_config
bin=$("${PG_CONFIG:-$bin}" --bindir)
n=0

private_server()
{
	action=$1
	shift
	sh "$root/tools/private_server.sh" "$action" "$server" "$@"
}

# Without private_server, whose start takes as long as a query does.
query()
{
	"$bin/psql" -X -h "$server/socket" -p 5432 -U postgres -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# Runs a program as the server's user, from a directory it may be in.
as_server()
{
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && exec runuser -u "$(stat -c %U "$server/data")" -- "$@")
	else
		(cd / && exec "$@")
	fi
}

# is NAME GOT WANTED
is()
{
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "got \"$2\", wanted \"$3\"" | head -n 20 | sed 's/^/# /'
	fi
}

# error_of [PSQL ARGUMENT...]: the error's first lines, with SQLSTATE.
error_of()
{
	query -v VERBOSITY=verbose "$@" 2>&1 >/dev/null | sed -n 's/^.*ERROR: *//p; s/^HINT: */hint: /p'
}

# until_true QUERY [SECONDS] [PSQL ARGUMENT...]: waits until it answers t, for
# that long at least.  Each query takes time from what is waited for: they follow
# quickly at first, then slowly.
until_true()
{
	until_query=$1 until_left=$((${2:-20} * 10)) until_pause=0.05
	[ $# -lt 2 ] && shift || shift 2
	until [ "$(query "$@" -c "$until_query" 2>/dev/null)" = t ]; do
		until_left=$((until_left - 1))
		if [ "$until_left" -le 0 ]; then
			echo "# still not true: $until_query"
			return 0
		fi
		sleep $until_pause
		[ $((until_left % 5)) -ne 0 ] || until_pause=0.2
	done
}

# Also a failure: what the log must not have.
end_server()
{
	status=$?
	faults=$(server_log_faults "$server/log")
	private_server remove
	if [ -n "$faults" ]; then
		echo "# the server's log has faults:"
		echo "$faults" | sed 's/^/# /'
		status=1
	fi
	exit "$status"
}

trap end_server EXIT
trap 'exit 1' INT TERM PIPE
