/*-------------------------------------------------------------------------
 * histogram.c
 *	  The state of the aggregates of drift, mlops.histogram_state.
 *
 * It is a flat varlena: the edges, and how many values of each side lie between
 * them.  Merging adds counts, so the order of merging does not matter; states
 * with other edges are refused.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "mlops/states.h"
#include "states/verify.h"

#define HISTOGRAM_MAGIC 0x47484C4D	/* "MLHG" on a little-endian machine */
#define HISTOGRAM_VERSION 1
#define MOST_EDGES 10000
#define MOST_ROWS (UINT64CONST(1) << 53)

/*
 * After the edges: counts of the reference, then of the current side, n_edges + 2
 * each: what is missing, then the bins, each with the edge that ends it.
 */
struct MlHistogramState
{
	int32		vl_len_;
	uint32		magic;
	uint16		version;
	uint16		reserved;		/* 0 */
	uint32		n_edges;
	double		edge[FLEXIBLE_ARRAY_MEMBER];
};

StaticAssertDecl(offsetof(MlHistogramState, edge) == 16, "the layout is stored in tables");

/* Bytes of a state; below 2^32 for the most edges. */
static inline Size
state_size(uint32 n_edges)
{
	return offsetof(MlHistogramState, edge) + n_edges * sizeof(double) + 2 * ((Size) n_edges + 2) * sizeof(uint64);
}

/* Of the reference, or of the current side: [n_edges + 2]. */
static inline uint64 *
counts_of(MlHistogramState *state, bool current)
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

/* What is wrong with a state, or NULL.  After this nothing in it can lead out of it. */
static const char *
state_problem(void *value)
{
	MlHistogramState *state = (MlHistogramState *) value;
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

MlHistogramState *
mlstate_histogram_read(Datum datum)
{
	return state_stored("histogram_state", state_problem, datum);
}

MlHistogramState *
mlstate_histogram_create(MemoryContext context, uint32 n, const double *edge)
{
	const char *problem = edges_problem(n, edge);
	MlHistogramState *state;

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

/*
 * The executor keeps a state in the aggregate's context, where we made it: such a
 * one is changed in place.  Others (short, compressed, toasted) are copied.
 */
MlHistogramState *
mlstate_histogram_writable(Datum datum, MemoryContext context)
{
	MlHistogramState *state = (MlHistogramState *) DatumGetPointer(datum);
	MlHistogramState *copy;

	if (VARATT_IS_4B_U(state))
		return state;
	state = mlstate_histogram_read(datum);
	copy = MemoryContextAlloc(context, VARSIZE(state));
	memcpy(copy, state, VARSIZE(state));
	return copy;
}

void
mlstate_histogram_require_edges(const MlHistogramState *state, uint32 n, const double *edge)
{
	if (n != state->n_edges || memcmp(edge, state->edge, n * sizeof(double)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("histograms with different edges cannot be compared"),
				 errhint("Take the edges from one query, for all rows.")));
}

/* O(log n_edges); values that are not finite count as missing. */
void
mlstate_histogram_add(MlHistogramState *state, bool current, double value)
{
	uint32		bin = 0;
	uint32		high = state->n_edges;

	if (isfinite(value))
	{
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
	counts_of(state, current)[bin]++;
}

/*
 * Adds other to state, or to a new one in context.  Errors: 22023 (other edges),
 * 54000 (more than 2^53 rows in a bin).
 */
MlHistogramState *
mlstate_histogram_merge(MlHistogramState *state, MlHistogramState *other, MemoryContext context)
{
	uint64	   *counts;
	const uint64 *more;

	if (state == NULL)
		state = mlstate_histogram_create(context, other->n_edges, other->edge);
	mlstate_histogram_require_edges(state, other->n_edges, other->edge);
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
	return state;
}

MlHistograms
mlstate_histogram_counts(MlHistogramState *state)
{
	return (MlHistograms) {(size_t) state->n_edges + 2, (const uint64_t *) counts_of(state, false),
		(const uint64_t *) counts_of(state, true)};
}

Datum
mlstate_histogram_from_bytes(const char *payload, Size size, int sqlstate)
{
	return state_from_bytes("histogram_state", state_problem, payload, size, sqlstate);
}
