/*-------------------------------------------------------------------------
 * arguments.c
 *	  Arguments of SQL-callable functions.
 *
 * A function that is not STRICT gets NULL in any argument, those of
 * mlops_catalog too: what SQL computed for them may be NULL.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/base.h"

void
mlbase_refuse_null(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", name)));
}
