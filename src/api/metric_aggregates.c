/*-------------------------------------------------------------------------
 * metric_aggregates.c
 *	  The aggregates over labels and scores: mlops.roc_auc, pr_auc,
 *	  ks_statistic, precision_at, log_loss and brier, each also as a state that
 *	  can be stored, sent and merged.
 *
 * Metrics of rankings share the type mlops.ranking_state, metrics of
 * probabilities mlops.loss_state (src/states).  Both are base types that
 * the executor can hand from worker to leader as they are.  Text is "\x" and
 * the bytes in hexadecimal digits, as for bytea; the binary form is the bytes.
 * Whatever comes from outside is verified before it becomes a value.
 *
 * Rows whose label or score is NULL do not count; a group without any other
 * has no state (NULL), and a metric that is not defined is NULL.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/aggregate.h"
#include "mlops/compat.h"
#include "mlops/base.h"
#include "mlops/states.h"

MLOPS_FUNCTION(mlops_ranking_state_in);
MLOPS_FUNCTION(mlops_ranking_state_recv);
MLOPS_FUNCTION(mlops_loss_state_in);
MLOPS_FUNCTION(mlops_loss_state_recv);
MLOPS_FUNCTION(mlops_state_out);
MLOPS_FUNCTION(mlops_state_send);

MLOPS_FUNCTION(mlops_ranking_accumulate);
MLOPS_FUNCTION(mlops_ranking_accumulate_at);
MLOPS_FUNCTION(mlops_ranking_merge);
MLOPS_FUNCTION(mlops_ranking_merge_at);
MLOPS_FUNCTION(mlops_ranking_roc_auc);
MLOPS_FUNCTION(mlops_ranking_pr_auc);
MLOPS_FUNCTION(mlops_ranking_ks_statistic);
MLOPS_FUNCTION(mlops_ranking_precision_at);

MLOPS_FUNCTION(mlops_loss_accumulate);
MLOPS_FUNCTION(mlops_loss_merge);
MLOPS_FUNCTION(mlops_loss_log_loss);
MLOPS_FUNCTION(mlops_loss_brier);

/* ---------------------------------------------------------------- losses */

/* The state in argument 0, to be changed in place; NULL becomes a new one. */
static MlLossState *
writable_loss(FunctionCallInfo fcinfo)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? mlstate_loss_create(context) : mlstate_loss_writable(PG_GETARG_DATUM(0), context);
}

/* What a transition function returns for a row that does not count. */
#define RETURN_STATE_AS_IT_IS() \
	do { \
		if (PG_ARGISNULL(0)) \
			PG_RETURN_NULL(); \
		PG_RETURN_DATUM(PG_GETARG_DATUM(0)); \
	} while (0)

static void
check_nan(double score)
{
	if (isnan(score))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("score must not be NaN"),
				 errhint("Leave such rows out with a FILTER clause.")));
}

/* (mlops.loss_state, label boolean, score float8) */
Datum
mlops_loss_accumulate(PG_FUNCTION_ARGS)
{
	MlLossState *state;
	double		score;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE_AS_IT_IS();
	score = PG_GETARG_FLOAT8(2);
	check_nan(score);
	if (score < 0 || score > 1)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score %s is not a probability", mlbase_number_text(score)),
				 errdetail("It must be between 0 and 1.")));
	state = writable_loss(fcinfo);
	mlstate_loss_add(state, PG_GETARG_BOOL(1), score);
	PG_RETURN_POINTER(state);
}

/* (mlops.loss_state, mlops.loss_state): transition of merges, and combine */
Datum
mlops_loss_merge(PG_FUNCTION_ARGS)
{
	MlLossState *state;
	const MlLossState *other;

	if (PG_ARGISNULL(1))
		RETURN_STATE_AS_IT_IS();
	other = mlstate_loss_read(PG_GETARG_DATUM(1));
	state = writable_loss(fcinfo);
	mlstate_loss_merge(state, other);
	PG_RETURN_POINTER(state);
}

Datum
mlops_loss_log_loss(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(mlstate_loss_log_loss(mlstate_loss_read(PG_GETARG_DATUM(0))));
}

Datum
mlops_loss_brier(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(mlstate_loss_brier(mlstate_loss_read(PG_GETARG_DATUM(0))));
}

/* ---------------------------------------------------------------- rankings */

static MlRankingState *
writable_ranking(FunctionCallInfo fcinfo)
{
	MemoryContext context = mlapi_aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? mlstate_ranking_create(context)
		: mlstate_ranking_writable(PG_GETARG_DATUM(0), context);
}

static int64
k_argument(FunctionCallInfo fcinfo, int argument)
{
	mlbase_refuse_null(fcinfo, argument, "k");
	if (PG_GETARG_INT64(argument) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"k\" is %lld, it must be at least 1",
						(long long) PG_GETARG_INT64(argument))));
	return PG_GETARG_INT64(argument);
}

static MlRankingState *
accumulate(FunctionCallInfo fcinfo)
{
	MlRankingState *state;
	double		score = PG_GETARG_FLOAT8(2);

	check_nan(score);
	state = writable_ranking(fcinfo);
	mlstate_ranking_add(state, PG_GETARG_BOOL(1), score);
	return state;
}

/* (mlops.ranking_state, label boolean, score float8) */
Datum
mlops_ranking_accumulate(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE_AS_IT_IS();
	PG_RETURN_DATUM(mlstate_ranking_datum(accumulate(fcinfo)));
}

/* (mlops.ranking_state, label boolean, score float8, k bigint) */
Datum
mlops_ranking_accumulate_at(PG_FUNCTION_ARGS)
{
	int64		k = k_argument(fcinfo, 3);
	MlRankingState *state;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE_AS_IT_IS();
	state = accumulate(fcinfo);
	mlstate_ranking_set_k(state, k);
	PG_RETURN_DATUM(mlstate_ranking_datum(state));
}

/* (mlops.ranking_state, mlops.ranking_state): transition of merges, and combine */
Datum
mlops_ranking_merge(PG_FUNCTION_ARGS)
{
	MlRankingState *state;

	if (PG_ARGISNULL(1))
		RETURN_STATE_AS_IT_IS();
	state = writable_ranking(fcinfo);
	mlstate_ranking_merge(state, PG_GETARG_DATUM(1));
	PG_RETURN_DATUM(mlstate_ranking_datum(state));
}

/* (mlops.ranking_state, mlops.ranking_state, k bigint) */
Datum
mlops_ranking_merge_at(PG_FUNCTION_ARGS)
{
	int64		k = k_argument(fcinfo, 2);
	MlRankingState *state;

	if (PG_ARGISNULL(1))
		RETURN_STATE_AS_IT_IS();
	state = writable_ranking(fcinfo);
	mlstate_ranking_merge(state, PG_GETARG_DATUM(1));
	mlstate_ranking_set_k(state, k);
	PG_RETURN_DATUM(mlstate_ranking_datum(state));
}

static MlRankingState *
finished_ranking(FunctionCallInfo fcinfo)
{
	return mlstate_ranking_readable(PG_GETARG_DATUM(0), CurrentMemoryContext);
}

#define RETURN_METRIC(value) \
	do { \
		double		metric = (value); \
		if (isnan(metric)) \
			PG_RETURN_NULL(); \
		PG_RETURN_FLOAT8(metric); \
	} while (0)

Datum
mlops_ranking_roc_auc(PG_FUNCTION_ARGS)
{
	RETURN_METRIC(ml_roc_auc(mlstate_ranking_all(finished_ranking(fcinfo))));
}

Datum
mlops_ranking_pr_auc(PG_FUNCTION_ARGS)
{
	RETURN_METRIC(ml_average_precision(mlstate_ranking_all(finished_ranking(fcinfo))));
}

Datum
mlops_ranking_ks_statistic(PG_FUNCTION_ARGS)
{
	RETURN_METRIC(ml_ks_statistic(mlstate_ranking_all(finished_ranking(fcinfo))));
}

Datum
mlops_ranking_precision_at(PG_FUNCTION_ARGS)
{
	MlRankingState *state = finished_ranking(fcinfo);

	RETURN_METRIC(ml_precision_at(mlstate_ranking_all(state), (double) mlstate_ranking_k(state)));
}

/* ---------------------------------------------------------------- text and binary */

/* The bytes of "\x0123..."; *size is their number. */
static char *
bytes_of_text(const char *input, const char *type, Size *size)
{
	const char *digits = input + 2;
	Size		n_digits = strncmp(input, "\\x", 2) == 0 ? strlen(digits) : 1;
	char	   *bytes;

	if (n_digits % 2 != 0 || strspn(digits, "0123456789abcdefABCDEF") != n_digits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", type),
				 errdetail("It must be \"\\x\" and an even number of hexadecimal digits.")));
	bytes = palloc(n_digits / 2 + 1);
	*size = hex_decode(digits, n_digits, bytes);
	return bytes;
}

Datum
mlops_ranking_state_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = bytes_of_text(PG_GETARG_CSTRING(0), "mlops.ranking_state", &size);

	PG_RETURN_DATUM(mlstate_ranking_from_bytes(bytes, size, ERRCODE_INVALID_TEXT_REPRESENTATION));
}

Datum
mlops_loss_state_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = bytes_of_text(PG_GETARG_CSTRING(0), "mlops.loss_state", &size);

	PG_RETURN_DATUM(mlstate_loss_from_bytes(bytes, size, ERRCODE_INVALID_TEXT_REPRESENTATION));
}

/* Of either type. */
Datum
mlops_state_out(PG_FUNCTION_ARGS)
{
	struct varlena *state = PG_GETARG_VARLENA_PP(0);
	Size		size = VARSIZE_ANY_EXHDR(state);
	char	   *output;

	if (size > (MaxAllocSize - 3) / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a state of %zu bytes is too large to be shown as text", size),
				 errhint("Use the binary format of COPY, or round the scores.")));
	output = palloc(2 * size + 3);
	strcpy(output, "\\x");
	output[2 + hex_encode(VARDATA_ANY(state), size, output + 2)] = '\0';
	PG_RETURN_CSTRING(output);
}

Datum
mlops_state_send(PG_FUNCTION_ARGS)
{
	/* the bytes themselves, which are those of a bytea too */
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

Datum
mlops_ranking_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	PG_RETURN_DATUM(mlstate_ranking_from_bytes(pq_getmsgbytes(message, size), size,
											 ERRCODE_INVALID_BINARY_REPRESENTATION));
}

Datum
mlops_loss_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	PG_RETURN_DATUM(mlstate_loss_from_bytes(pq_getmsgbytes(message, size), size,
										  ERRCODE_INVALID_BINARY_REPRESENTATION));
}
