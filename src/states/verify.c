/*-------------------------------------------------------------------------
 * verify.c
 *	  States from outside and from tables, checked before they are used.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "states/verify.h"

/* The problem's text is shown, the bytes are not. */
Datum
state_from_bytes(const char *type, StateProblem problem, const char *payload, Size size, int sqlstate)
{
	struct varlena *state = palloc(VARHDRSZ + size);
	const char *wrong;

	SET_VARSIZE(state, VARHDRSZ + size);
	memcpy(VARDATA(state), payload, size);
	wrong = problem(state);
	if (wrong)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg("invalid value of type mlops.%s", type),
				 errdetail("Of the %zu bytes: %s.", size, wrong)));
	return PointerGetDatum(state);
}

void *
state_stored(const char *type, StateProblem problem, Datum datum)
{
	struct varlena *state = PG_DETOAST_DATUM(datum);
	const char *wrong = problem(state);

	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a stored value of type mlops.%s is damaged", type),
				 errdetail("Of the %zu bytes: %s.", (Size) VARSIZE(state) - VARHDRSZ, wrong)));
	return state;
}
