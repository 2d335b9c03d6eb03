#!/bin/sh
# assert_server.sh - PostgreSQL 15 with its assertions, for tests.
#
#	sh tools/assert_server.sh		make it if there is none; print its directory
#	sh tools/assert_server.sh copy DIR	a copy in DIR to install extensions into
#
# It is built from the source package of Debian with --enable-cassert: memory is
# overwritten when it is freed, what was written behind an allocation is noticed,
# and so is a leaked buffer or reference.  Kept for the next time in /var/tmp, or
# where MLOPS_SERVER_CACHE says.  The copy has the other extensions that tests
# use, as they come with Debian.
#
# Exit status 3: the source cannot be had; the reason is the last line of the
# error output.
set -eu

cache=${MLOPS_SERVER_CACHE:-/var/tmp/mlops-postgresql-$(id -u)}
tools=$(cd "$(dirname "$0")" && pwd)
debian=/usr/lib/postgresql/15/bin/pg_config

fail()
{
	echo "assert_server: $1" >&2
	exit "${2:-1}"
}

# The newest one that is there already, nothing if there is none.
cached()
{
	find "$cache" -maxdepth 2 -path '*/15-asserts-*/complete' 2>/dev/null | sed 's,/complete$,,' | sort -V | tail -n 1
}

# ---- the source

# apt with lists of its own, which have the sources of where PostgreSQL came from
# (else of Debian's own servers); those of the system stay as they are.
private_apt()
{
	command=$1
	shift
	"$command" -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)" \
		-o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

list_sources()
{
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
	apt-cache policy postgresql-15 2>/dev/null |
		sed -nE 's,^ +-?[0-9]+ (https?://[^ ]+) ([^ /]+)/([^ ]+) .*,deb-src \1 \2 \3,p' | sort -u >"$work/sources.list"
	if [ ! -s "$work/sources.list" ]; then
		codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
		echo "deb-src http://deb.debian.org/debian $codename main" >"$work/sources.list"
		echo "deb-src http://deb.debian.org/debian-security $codename-security main" >>"$work/sources.list"
	fi
}

# Not every version that is listed is still kept: the newest that can be had.
download()
{
	command -v apt-get >/dev/null || fail "there is no apt to get the source package with" 3
	list_sources
	private_apt apt-get update >"$work/log" 2>&1 || :
	versions=$(private_apt apt-cache showsrc postgresql-15 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru)
	[ -n "$versions" ] || fail "no server has the source package postgresql-15 ($(grep -m 1 '^[EW]:' "$work/log" || echo 'nothing was listed'))" 3
	for version in $versions; do
		if (cd "$work" && private_apt apt-get source --download-only "postgresql-15=$version") >"$work/log" 2>&1; then
			return 0
		fi
		echo "assert_server: source of $version cannot be had: $(grep -m 1 '^E:' "$work/log")" >&2
	done
	fail "no version of the source package postgresql-15 can be had ($(echo "$versions" | tr '\n' ' '))" 3
}

# ---- the server

build()
{
	sh "$tools/install_packages.sh" gcc libc6-dev make bzip2 perl >&2
	download
	target=$cache/15-asserts-$version
	rm -rf "$target"
	(
		cd "$work"
		tar xf postgresql-15_*.orig.tar.*
		cd postgresql-15.*/
		./configure --prefix="$target" --enable-cassert --enable-debug --without-readline --without-zlib CFLAGS='-O2 -g'
		make -s -j"$(nproc)" world-bin
		make -s install-world-bin
	) >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; fail "PostgreSQL $version does not build"; }
	"$target/bin/postgres" --version >"$target/complete"
}

make_server()
{
	mkdir -p "$cache"
	exec 9>"$cache/15-asserts.lock"
	flock 9
	[ -z "$(cached)" ] || return 0
	work=$(mktemp -d "$cache/build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	build
	exec 9>&-
}

[ -n "$(cached)" ] || make_server

case ${1-} in
	'') cached ;;
	copy)
		[ $# -eq 2 ] || fail "copy needs a directory"
		cp -r "$(cached)" "$2"
		share=$("$2/bin/pg_config" --sharedir) lib=$("$2/bin/pg_config" --pkglibdir)
		cp "$("$debian" --sharedir)"/extension/pgtap* "$("$debian" --sharedir)"/extension/pg_cron* "$share/extension"
		cp "$("$debian" --pkglibdir)/pg_cron.so" "$lib"
		chmod -R a+rX "$2" ;;
	*) fail "unknown action \"$1\"" 2 ;;
esac
