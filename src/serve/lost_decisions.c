/*-------------------------------------------------------------------------
 * lost_decisions.c
 *	  How many decisions of the server were answered and could not be logged,
 *	  since it started; in shared memory, because the disk may be what is full.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/serve.h"

typedef struct LostDecisions
{
	pg_atomic_uint64 n;
	pg_atomic_uint64 last_at;	/* a TimestampTz; 0: none was lost */
} LostDecisions;

static LostDecisions *lost;		/* NULL if the library was not preloaded */

static Size
lost_size(void)
{
	return sizeof(LostDecisions);
}

static void
attach_lost(void *area, bool found)
{
	lost = (LostDecisions *) area;
	if (found)
		return;
	pg_atomic_init_u64(&lost->n, 0);
	pg_atomic_init_u64(&lost->last_at, 0);
}

void
mlserve_share_lost(void)
{
	mlbase_share("mlops lost decisions", lost_size, attach_lost);
}

void
mlserve_count_lost(int n)
{
	if (!lost)
		return;
	pg_atomic_fetch_add_u64(&lost->n, n);
	pg_atomic_write_u64(&lost->last_at, (uint64) GetCurrentTimestamp());
}

bool
mlserve_lost(int64 *n, TimestampTz *last_at)
{
	if (!lost)
		return false;
	*n = (int64) pg_atomic_read_u64(&lost->n);
	*last_at = (TimestampTz) pg_atomic_read_u64(&lost->last_at);
	return true;
}
