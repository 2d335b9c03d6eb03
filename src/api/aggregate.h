/*
 * aggregate.h
 *	  What transition functions have in common (private to api).
 */
#ifndef MLOPS_API_AGGREGATE_H
#define MLOPS_API_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"

/* Memory of the aggregate that calls; an error (0A000) if none does. */
static inline MemoryContext
mlapi_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function can be called by an aggregate only")));
	return context;
}

#endif							/* MLOPS_API_AGGREGATE_H */
