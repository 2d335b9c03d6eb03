# report.sh - TAP for the lints; to be sourced.
n=0 bad=0

# report NAME FINDINGS: passes if there are none.
report()
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "$2" | head -n 30 | sed 's/^/# /'
	fi
}

report_end()
{
	echo "1..$n"
	exit $bad
}
