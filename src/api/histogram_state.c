/*-------------------------------------------------------------------------
 * histogram_state.c
 *	  Drift as aggregates: mlops.psi and jensen_shannon over values that are
 *	  either of the reference or current, each also as a state that can be stored,
 *	  sent and merged.
 *
 * A state is mlops.histogram_state, a flat varlena in the byte order of the
 * machine: the edges, and how many values of each side lie between them.
 * Merging adds counts, so the order of merging does not matter; states with
 * other edges are refused.  Text is "\x" and the bytes in hexadecimal digits.
 * Whatever comes from outside is verified before it becomes a value.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/aggregate.h"
#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/engine/drift.h"

MLOPS_FUNCTION(mlops_histogram_state_in);
MLOPS_FUNCTION(mlops_histogram_state_recv);
MLOPS_FUNCTION(mlops_histogram_accumulate);
MLOPS_FUNCTION(mlops_histogram_merge);
MLOPS_FUNCTION(mlops_histogram_psi);
MLOPS_FUNCTION(mlops_histogram_jensen_shannon);

#define HISTOGRAM_MAGIC 0x47484C4D	/* "MLHG" on a little-endian machine */
#define HISTOGRAM_VERSION 1
#define MOST_EDGES 10000
#define MOST_ROWS (UINT64CONST(1) << 53)

/*
 * After the edges: counts of the reference, then of the current side, n_edges + 2
 * each: what is missing, then the bins, each with the edge that ends it.
 */
typedef struct HistogramState
{
	int32		vl_len_;
	uint32		magic;
	uint16		version;
	uint16		reserved;		/* 0 */
	uint32		n_edges;
	double		edge[FLEXIBLE_ARRAY_MEMBER];
} HistogramState;

StaticAssertDecl(offsetof(HistogramState, edge) == 16, "the layout is stored in tables");

static inline Size
state_size(uint32 n_edges)
{
	return offsetof(HistogramState, edge) + n_edges * sizeof(double) + 2 * ((Size) n_edges + 2) * sizeof(uint64);
}

static inline uint64 *
counts_of(HistogramState *state, bool current)
{
	return (uint64 *) (state->edge + state->n_edges) + (current ? (Size) state->n_edges + 2 : 0);
}

/* What is wrong with edges, or NULL. */
static const char *
edges_problem(uint32 n, const double *edge)
{
	if (n < 1 || n > MOST_EDGES)
		return "there are 1 to 10000 edges";
	for (uint32 i = 0; i < n; i++)
	{
		/* written so that NaN fails too */
		if (!(fabs(edge[i]) <= DBL_MAX))
			return "edges are finite";
		if (i > 0 && edge[i] < edge[i - 1])
			return "edges rise";
	}
	return NULL;
}

/* What is wrong with a state, or NULL. */
static const char *
state_problem(HistogramState *state)
{
	const char *problem;

	if (VARSIZE(state) < state_size(1))
		return "they are too few";
	if (state->magic != HISTOGRAM_MAGIC)
		return "they do not begin with the mark of a histogram state";
	if (state->version != HISTOGRAM_VERSION || state->reserved != 0)
		return "they are of an unknown version";
	if (state->n_edges > MOST_EDGES || VARSIZE(state) != state_size(state->n_edges))
		return "they are not of the length of their edges";
	problem = edges_problem(state->n_edges, state->edge);
	if (problem)
		return problem;
	for (uint32 i = 0; i < 2 * (state->n_edges + 2); i++)
	{
		if (counts_of(state, false)[i] > MOST_ROWS)
			return "a count is out of range";
	}
	return NULL;
}

/* A state that is there, not to be changed. */
static HistogramState *
read_state(Datum datum)
{
	HistogramState *state = (HistogramState *) PG_DETOAST_DATUM(datum);
	const char *problem = state_problem(state);

	if (problem)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a stored value of type mlops.histogram_state is damaged"),
				 errdetail("Of the %zu bytes: %s.", (Size) VARSIZE(state) - VARHDRSZ, problem)));
	return state;
}

/*
 * The state in argument 0, to be changed in place: the executor keeps it in the
 * aggregate's context, where we made it.  NULL if there is none yet.
 */
static HistogramState *
writable_state(FunctionCallInfo fcinfo)
{
	HistogramState *state;
	HistogramState *copy;

	if (PG_ARGISNULL(0))
		return NULL;
	state = (HistogramState *) PG_GETARG_POINTER(0);
	if (VARATT_IS_4B_U(state))
		return state;
	state = read_state(PG_GETARG_DATUM(0));
	copy = MemoryContextAlloc(mlapi_aggregate_context(fcinfo), VARSIZE(state));
	memcpy(copy, state, VARSIZE(state));
	return copy;
}

/* ---------------------------------------------------------------- transitions */

static void
refuse_other_edges(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("histograms with different edges cannot be compared"),
			 errhint("Take the edges from one query, for all rows.")));
}

/* The edges of argument 3 as an array of doubles. */
static const double *
edges_argument(FunctionCallInfo fcinfo, uint32 *n)
{
	ArrayType  *array;

	mlbase_refuse_null(fcinfo, 3, "edges");
	array = PG_GETARG_ARRAYTYPE_P(3);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"edges\" must be a plain array without nulls")));
	*n = ARR_NDIM(array) == 0 ? 0 : (uint32) ARR_DIMS(array)[0];
	return (const double *) ARR_DATA_PTR(array);
}

static HistogramState *
new_state(MemoryContext context, uint32 n, const double *edge)
{
	const char *problem = edges_problem(n, edge);
	HistogramState *state;

	if (problem)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid \"edges\""),
				 errdetail("%c%s.", pg_toupper((unsigned char) problem[0]), problem + 1)));
	state = MemoryContextAllocZero(context, state_size(n));
	SET_VARSIZE(state, state_size(n));
	state->magic = HISTOGRAM_MAGIC;
	state->version = HISTOGRAM_VERSION;
	state->n_edges = n;
	memcpy(state->edge, edge, n * sizeof(double));
	return state;
}

/* (mlops.histogram_state, value float8, current boolean, edges float8[]) */
Datum
mlops_histogram_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);
	HistogramState *state = writable_state(fcinfo);
	uint32		n;
	const double *edge;
	uint32		bin = 0;

	if (PG_ARGISNULL(2))		/* of neither side */
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	edge = edges_argument(fcinfo, &n);
	if (state == NULL)
		state = new_state(context, n, edge);
	else if (n != state->n_edges || memcmp(edge, state->edge, n * sizeof(double)) != 0)
		refuse_other_edges();
	if (!PG_ARGISNULL(1) && isfinite(PG_GETARG_FLOAT8(1)))
	{
		double		value = PG_GETARG_FLOAT8(1);
		uint32		high = n;

		while (bin < high)
		{
			uint32		middle = bin + (high - bin) / 2;

			if (state->edge[middle] < value)
				bin = middle + 1;
			else
				high = middle;
		}
		bin++;
	}
	counts_of(state, PG_GETARG_BOOL(2))[bin]++;
	PG_RETURN_POINTER(state);
}

/* (mlops.histogram_state, mlops.histogram_state): transition of merges, and combine */
Datum
mlops_histogram_merge(PG_FUNCTION_ARGS)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);
	HistogramState *state = writable_state(fcinfo);
	HistogramState *other;
	uint64	   *counts;
	const uint64 *more;

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	other = read_state(PG_GETARG_DATUM(1));
	if (state == NULL)
		state = new_state(context, other->n_edges, other->edge);
	if (state->n_edges != other->n_edges ||
		memcmp(state->edge, other->edge, other->n_edges * sizeof(double)) != 0)
		refuse_other_edges();
	counts = counts_of(state, false);
	more = counts_of(other, false);
	for (uint32 i = 0; i < 2 * (state->n_edges + 2); i++)
	{
		counts[i] += more[i];
		if (counts[i] > MOST_ROWS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a histogram has more than 2^53 rows in a bin")));
	}
	PG_RETURN_POINTER(state);
}

/* ---------------------------------------------------------------- values */

static MlHistograms
histograms_of(HistogramState *state)
{
	return (MlHistograms) {(size_t) state->n_edges + 2, (const uint64_t *) counts_of(state, false),
		(const uint64_t *) counts_of(state, true)};
}

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
	MlHistograms h = histograms_of(read_state(PG_GETARG_DATUM(0)));

	return value_or_null(fcinfo, ml_psi(&h, ML_FILL_HALF_ROW));
}

Datum
mlops_histogram_jensen_shannon(PG_FUNCTION_ARGS)
{
	MlHistograms h = histograms_of(read_state(PG_GETARG_DATUM(0)));

	return value_or_null(fcinfo, ml_jensen_shannon(&h, 2));
}

/* ---------------------------------------------------------------- input */

/* bytes without the length word become a state, or an error with this SQLSTATE. */
static Datum
state_from_bytes(const char *payload, Size size, int sqlstate)
{
	HistogramState *state = palloc(VARHDRSZ + size);
	const char *problem;

	SET_VARSIZE(state, VARHDRSZ + size);
	memcpy(VARDATA(state), payload, size);
	problem = state_problem(state);
	if (problem)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg("invalid value of type mlops.histogram_state"),
				 errdetail("Of the %zu bytes: %s.", size, problem)));
	return PointerGetDatum(state);
}

Datum
mlops_histogram_state_in(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)));

	return state_from_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), ERRCODE_INVALID_TEXT_REPRESENTATION);
}

Datum
mlops_histogram_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return state_from_bytes(pq_getmsgbytes(message, size), size, ERRCODE_INVALID_BINARY_REPRESENTATION);
}
