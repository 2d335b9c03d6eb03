#!/bin/sh
# private_server.sh - a PostgreSQL server of one's own in a directory.
#
#	sh tools/private_server.sh start DIR [LINE...]	create it if there is none, (re)start it;
#							each LINE goes into its configuration
#	sh tools/private_server.sh stop DIR		stop it (no error if it is not running)
#	sh tools/private_server.sh remove DIR		stop it and delete DIR
#	sh tools/private_server.sh psql DIR [ARG...]	run psql in it as superuser "postgres"
#	sh tools/private_server.sh address DIR		print "-h SOCKETDIR -p 5432 -U postgres"
#
# The server listens on a Unix socket in DIR/socket only, which nobody but its
# operating system user (and root) can reach: that is why it trusts local
# connections.  That user is whoever calls; when root calls, the user behind
# sudo, else "postgres".  MLOPS_SERVER_USER names another one.
#
# DIR/data the cluster, DIR/socket its socket, DIR/log the server's log.
# MLOPS_SERVER_ENVIRONMENT: words NAME=VALUE that go into its environment, such
# as LD_PRELOAD=LIBRARY.  PG_CONFIG chooses the installation (default: PostgreSQL 15 of Debian, else
# the pg_config in PATH).
set -eu

usage()
{
	sed -n '4,9s/^#	//p' "$0" >&2
	exit 2
}

fail()
{
	echo "private_server: $*" >&2
	exit 1
}

[ $# -ge 2 ] || usage
action=$1 directory=$2
shift 2
case $directory in
	/*) ;;
	*) directory=$PWD/$directory ;;
esac

debian=/usr/lib/postgresql/15/bin/pg_config
[ -x "$debian" ] || debian=pg_config
bin=$("${PG_CONFIG:-$debian}" --bindir)

if [ "$(id -u)" -eq 0 ]; then
	user=${MLOPS_SERVER_USER:-${SUDO_USER:-postgres}}
	[ "$user" != root ] || user=postgres
	id -u "$user" >/dev/null || fail "there is no user \"$user\" to run the server"
else
	user=$(id -un)
fi

# Runs a command as the server's user, from a directory it may be in.
as_server()
{
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && exec runuser -u "$user" -- "$@")
	else
		(cd / && exec "$@")
	fi
}

is_running()
{
	[ -f "$directory/data/postmaster.pid" ] &&
		as_server "$bin/pg_ctl" -D "$directory/data" status >/dev/null
}

create()
{
	mkdir -p "$directory"
	[ "$(id -u)" -ne 0 ] || chown "$user" "$directory"
	chmod 700 "$directory"
	as_server mkdir -p -m 700 "$directory/socket"
	as_server "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 \
		--locale=C.UTF-8 --no-sync >"$directory/initdb.log" 2>&1 ||
		{ cat "$directory/initdb.log" >&2; fail "initdb failed"; }
	rm -f "$directory/initdb.log"
	echo "include 'private.conf'" >>"$directory/data/postgresql.conf"
}

# A directory for a server that never was: empty, or as initdb leaves it when it fails.
was_begun()
{
	[ -z "$(ls -A "$directory" | grep -vE '^(socket|initdb\.log)$')" ]
}

start()
{
	# a socket's path is limited to 107 bytes by the operating system
	[ ${#directory} -le 85 ] || fail "the path is too long for a socket (85 bytes at most): $directory"
	[ ! -e "$directory" ] || [ "$(stat -c %U "$directory")" = "$user" ] ||
		[ -z "$(ls -A "$directory")" ] || fail "$directory belongs to another user"
	[ -f "$directory/data/PG_VERSION" ] || create
	{
		echo "listen_addresses = ''"
		echo "port = 5432"
		echo "unix_socket_directories = '$directory/socket'"
		for line in "$@"; do
			echo "$line"
		done
	} >"$directory/data/private.conf"
	[ "$(id -u)" -ne 0 ] || chown "$user" "$directory/data/private.conf"
	stop
	# shellcheck disable=SC2086	# a list of words on purpose
	as_server env ${MLOPS_SERVER_ENVIRONMENT-} "$bin/pg_ctl" -D "$directory/data" -l "$directory/log" -w -s start ||
		{ tail -n 20 "$directory/log" >&2 || :; fail "the server did not start"; }
}

stop()
{
	! is_running || as_server "$bin/pg_ctl" -D "$directory/data" -w -s -m fast stop
}

case $action in
	start)
		start "$@" ;;
	stop)
		stop ;;
	remove)
		stop
		[ ! -e "$directory" ] || [ -f "$directory/data/PG_VERSION" ] || was_begun ||
			fail "$directory holds no server"
		rm -rf "$directory" ;;
	psql)
		exec "$bin/psql" -X -h "$directory/socket" -p 5432 -U postgres "$@" ;;
	address)
		echo "-h $directory/socket -p 5432 -U postgres" ;;
	*)
		usage ;;
esac
