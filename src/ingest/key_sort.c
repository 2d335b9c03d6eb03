/*-------------------------------------------------------------------------
 * key_sort.c
 *	  Rows of a source by key and time, so that those that contradict each other
 *	  stand together.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "mlops/ingest.h"

/* Within work_mem, else on disk. */
Tuplesortstate *
mling_begin_key_sort(int n, const char *const *names, const Oid *types, TupleTableSlot **row)
{
	TupleDesc	desc = CreateTemplateTupleDesc(n);
	AttrNumber	columns[] = {1, 2};
	Oid			less[] = {lookup_type_cache(TEXTOID, TYPECACHE_LT_OPR)->lt_opr,
	lookup_type_cache(TIMESTAMPTZOID, TYPECACHE_LT_OPR)->lt_opr};
	Oid			collations[] = {C_COLLATION_OID, InvalidOid};
	bool		nulls_first[] = {false, false};

	for (int i = 0; i < n; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), names[i], types[i], -1, 0);
	*row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	return tuplesort_begin_heap(desc, 2, columns, less, collations, nulls_first, work_mem, NULL, 0);
}
