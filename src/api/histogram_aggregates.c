/*-------------------------------------------------------------------------
 * histogram_aggregates.c
 *	  Drift as aggregates: mlops.psi and jensen_shannon over values that are
 *	  either of the reference or current, each also as a state that can be stored,
 *	  sent and merged.
 *
 * A state is mlops.histogram_state (src/states).  Text is "\x" and the bytes in
 * hexadecimal digits.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/aggregate.h"
#include "mlops/base.h"
#include "mlops/states.h"

MLOPS_FUNCTION(mlops_histogram_state_in);
MLOPS_FUNCTION(mlops_histogram_state_recv);
MLOPS_FUNCTION(mlops_histogram_accumulate);
MLOPS_FUNCTION(mlops_histogram_merge);
MLOPS_FUNCTION(mlops_histogram_psi);
MLOPS_FUNCTION(mlops_histogram_jensen_shannon);

/* ---------------------------------------------------------------- transitions */

/* The state in argument 0, to be changed in place; NULL if there is none yet. */
static MlHistogramState *
writable_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	return PG_ARGISNULL(0) ? NULL : mlstate_histogram_writable(PG_GETARG_DATUM(0), context);
}

static Datum
state_or_null(FunctionCallInfo fcinfo, MlHistogramState *state)
{
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* The edges of argument 3 as an array of doubles. */
static const double *
edges_argument(FunctionCallInfo fcinfo, uint32 *n)
{
	ArrayType  *array;

	mlbase_refuse_null(fcinfo, 3, "edges");
	array = PG_GETARG_ARRAYTYPE_P(3);
	mlbase_require_list(array, "edges");
	*n = ARR_NDIM(array) == 0 ? 0 : (uint32) ARR_DIMS(array)[0];
	return (const double *) ARR_DATA_PTR(array);
}

/* (mlops.histogram_state, value float8, current boolean, edges float8[]) */
Datum
mlops_histogram_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);
	MlHistogramState *state = writable_state(fcinfo, context);
	uint32		n;
	const double *edge;

	if (PG_ARGISNULL(2))		/* of neither side */
		return state_or_null(fcinfo, state);
	edge = edges_argument(fcinfo, &n);
	if (state == NULL)
		state = mlstate_histogram_create(context, n, edge);
	mlstate_histogram_require_edges(state, n, edge);
	mlstate_histogram_add(state, PG_GETARG_BOOL(2), PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1));
	PG_RETURN_POINTER(state);
}

/* (mlops.histogram_state, mlops.histogram_state): transition of merges, and combine */
Datum
mlops_histogram_merge(PG_FUNCTION_ARGS)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);
	MlHistogramState *state = writable_state(fcinfo, context);

	if (PG_ARGISNULL(1))
		return state_or_null(fcinfo, state);
	PG_RETURN_POINTER(mlstate_histogram_merge(state, mlstate_histogram_read(PG_GETARG_DATUM(1)), context));
}

/* ---------------------------------------------------------------- values */

static Datum
value_or_null(FunctionCallInfo fcinfo, double value)
{
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

Datum
mlops_histogram_psi(PG_FUNCTION_ARGS)
{
	MlHistograms h = mlstate_histogram_counts(mlstate_histogram_read(PG_GETARG_DATUM(0)));

	return value_or_null(fcinfo, ml_psi(&h, ML_FILL_HALF_ROW));
}

Datum
mlops_histogram_jensen_shannon(PG_FUNCTION_ARGS)
{
	MlHistograms h = mlstate_histogram_counts(mlstate_histogram_read(PG_GETARG_DATUM(0)));

	return value_or_null(fcinfo, ml_jensen_shannon(&h, 2));
}

/* ---------------------------------------------------------------- input */

Datum
mlops_histogram_state_in(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)));

	return mlstate_histogram_from_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), ERRCODE_INVALID_TEXT_REPRESENTATION);
}

Datum
mlops_histogram_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return mlstate_histogram_from_bytes(pq_getmsgbytes(message, size), size, ERRCODE_INVALID_BINARY_REPRESENTATION);
}
