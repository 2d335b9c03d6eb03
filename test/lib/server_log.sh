# server_log.sh - what a server's log must never have; to be sourced.

# server_log_faults LOG: failed assertions, memory that was written where it must
# not be, resources that a statement did not give back or gave back twice, what
# AddressSanitizer found.
server_log_faults()
{
	grep -hE 'TRAP: |problem in alloc set|(detected write past|bogus) |(refcount|reference|file|snapshot|DSM segment|cache) leak|leaked |own a lock of type|AddressSanitizer' \
		"$1" 2>/dev/null | head -n 20
}
