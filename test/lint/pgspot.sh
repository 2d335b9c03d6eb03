#!/bin/sh
# pgspot.sh - the install script names its operators, types and functions with
# their schemas where pgspot (PyPI) says that it matters.  TAP.
#
# pgspot is kept in /var/tmp; where it cannot be had this is skipped.  What is
# accepted is listed here, with the reason.
cd "$(dirname "$0")/../.." || exit 1
. test/lib/report.sh
cache=/var/tmp/mlops-pgspot-$(id -u)
python=$cache/bin/python
script=sql/mlops--$(sed -n "s/^default_version = '\(.*\)'/\1/p" mlops.control).sql

[ -f "$script" ] || make -s "$script" >/dev/null 2>&1
if ! [ -x "$python" ] || ! "$python" -c 'import pgspot' 2>/dev/null; then
	if ! { python3 -m venv "$cache" && "$python" -m pip install -q --timeout 20 --retries 1 pgspot==0.9.4; } >/dev/null 2>&1; then
		rm -rf "$cache"
		echo "ok 1 - pgspot # SKIP PyPI cannot be reached"
		echo 1..1
		exit 0
	fi
fi

accepted()
{
	# A procedure with a search_path of its own cannot commit; mlops.wait names
	# everything with its schema.
	grep -vF 'PS005: Function without explicit search_path: mlops.wait(' |
		# Result columns "values" and "precision" lose their quotes in pgspot's own copy.
		grep -vE '^UNPARSED mlops(_catalog)? (compare|compare_runs|thresholds) \|' |
		# libpg_query takes the expression of RETURN NEXT for a statement.
		grep -vE '^UNPARSED .*\| syntax error at or near ".*", at index [01]$'
}

findings=$("$python" test/lint/pgspot_check.py "$script" 2>&1)
report "pgspot ran to its end" "$(echo "$findings" | grep -A 20 '^Traceback')"
report "pgspot finds nothing" "$(echo "$findings" | grep -v '^$' | accepted)"
report_end
