#!/bin/sh
# promtool.sh - prints the path of Prometheus' promtool.
#
# That in PATH, else the one in Debian's package prometheus, which is taken out of the
# package, not installed: there is no need of its service.  Kept for the next time in
# MLOPS_PROMTOOL_CACHE (default /var/tmp/mlops-promtool-UID).
#
# Exit status 3: it cannot be had; the reason is the last line of the error output.
set -eu

if command -v promtool; then
	exit
fi
cache=${MLOPS_PROMTOOL_CACHE:-/var/tmp/mlops-promtool-$(id -u)}
if [ -x "$cache/promtool" ]; then
	echo "$cache/promtool"
	exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
download()
{
	apt-get -q -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=2 download prometheus >log 2>&1
}
download || { [ "$(id -u)" -eq 0 ] && apt-get -q update >log 2>&1 && download; } || {
	tail -n 1 log >&2
	exit 3
}
dpkg-deb -x prometheus_*.deb package
mkdir -p "$cache"
mv package/usr/bin/promtool "$cache/promtool"
echo "$cache/promtool"
