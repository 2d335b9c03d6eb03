#!/bin/sh
# install_packages.sh - install the Debian packages that are missing.
#
#	sh tools/install_packages.sh PACKAGE...
#
# Does nothing, and asks for no rights, when all of them are there.  Otherwise
# it needs root or sudo.  PostgreSQL is installed without the cluster that
# Debian would create and start by default: the demo and the tests run servers
# of their own.
set -eu

missing=
for package in "$@"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "install_packages: these packages are missing, and installing them needs root:$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

log=$(mktemp)
# Read by pg_createcluster beside its own configuration; ours for the time of
# this installation only.
drop_in=/etc/postgresql-common/createcluster.d/mlops-no-main-cluster.conf
clean_up()
{
	rm -f "$log"
	$as_root rm -f "$drop_in"
	$as_root rmdir /etc/postgresql-common/createcluster.d 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 130' INT TERM

quietly()
{
	if ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		echo "install_packages: failed: $*" >&2
		exit 1
	fi
}

$as_root mkdir -p "${drop_in%/*}"
echo 'create_main_cluster = false' | $as_root tee "$drop_in" >/dev/null

echo "Updating the package lists ..."
quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
echo "Installing$missing ..."
# shellcheck disable=SC2086	# a list of words on purpose
quietly $as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get -q -y --no-install-recommends install $missing
