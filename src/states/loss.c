/*-------------------------------------------------------------------------
 * loss.c
 *	  The state of the aggregates over probabilities, mlops.loss_state.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/states.h"
#include "states/verify.h"

#define LOSS_MAGIC 0x534C4C4D	/* "MLLS" on a little-endian machine */
#define LOSS_VERSION 1

/* No row's log loss is above -log(2^-52). */
#define MOST_LOG_LOSS 36.05

#define MOST_ROWS (INT64CONST(1) << 53)

struct MlLossState
{
	int32		vl_len_;
	uint32		magic;
	uint16		version;
	uint16		reserved[3];	/* 0 */
	int64		rows;
	MlSum		log_loss;
	MlSum		brier;
};

StaticAssertDecl(sizeof(MlLossState) == 56, "the layout is stored in tables");

/* What is wrong with a state, or NULL.  Beyond these bounds no sum of rows can be. */
static const char *
state_problem(void *value)
{
	const MlLossState *state = (const MlLossState *) value;
	double		log_loss;
	double		brier;

	if (VARSIZE(state) != sizeof(MlLossState))
		return "it is not of the length of a loss state";
	if (state->magic != LOSS_MAGIC)
		return "it does not begin with the mark of a loss state";
	if (state->version != LOSS_VERSION)
		return "it is of an unknown version";
	if (state->reserved[0] != 0 || state->reserved[1] != 0 || state->reserved[2] != 0)
		return "its reserved bytes are not zero";
	if (state->rows < 1 || state->rows > MOST_ROWS)
		return "its number of rows is out of range";
	log_loss = ml_sum_value(state->log_loss);
	brier = ml_sum_value(state->brier);
	/* written so that NaN fails too */
	if (!(log_loss >= 0 && log_loss <= MOST_LOG_LOSS * (double) state->rows))
		return "its log loss is out of range";
	if (!(brier >= 0 && brier <= (1 + 1e-9) * (double) state->rows))
		return "its sum of squares is out of range";
	return NULL;
}

Datum
mlstate_loss_from_bytes(const char *payload, Size size, int sqlstate)
{
	return state_from_bytes("loss_state", state_problem, payload, size, sqlstate);
}

const MlLossState *
mlstate_loss_read(Datum datum)
{
	return state_stored("loss_state", state_problem, datum);
}

MlLossState *
mlstate_loss_create(MemoryContext context)
{
	MlLossState *state = MemoryContextAllocZero(context, sizeof(MlLossState));

	SET_VARSIZE(state, sizeof(MlLossState));
	state->magic = LOSS_MAGIC;
	state->version = LOSS_VERSION;
	return state;
}

/* The executor keeps a state in the aggregate's context, where we made it. */
MlLossState *
mlstate_loss_writable(Datum datum, MemoryContext context)
{
	MlLossState *state = (MlLossState *) DatumGetPointer(datum);

	if (VARATT_IS_4B_U(state))
		return state;
	state = MemoryContextAlloc(context, sizeof(MlLossState));
	memcpy(state, mlstate_loss_read(datum), sizeof(MlLossState));
	return state;
}

void
mlstate_loss_add(MlLossState *state, bool label, double score)
{
	double		error = score - label;

	state->rows++;
	ml_sum_add(&state->log_loss, ml_log_loss_of(score, label));
	ml_sum_add(&state->brier, error * error);
}

/*
 * Sums are compensated, so their last bits hardly depend on the order of merging.
 * Errors: 54000.
 */
void
mlstate_loss_merge(MlLossState *state, const MlLossState *other)
{
	state->rows += other->rows;
	if (state->rows > MOST_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows in one loss state")));
	ml_sum_merge(&state->log_loss, other->log_loss);
	ml_sum_merge(&state->brier, other->brier);
}

double
mlstate_loss_log_loss(const MlLossState *state)
{
	return ml_sum_value(state->log_loss) / (double) state->rows;
}

double
mlstate_loss_brier(const MlLossState *state)
{
	return ml_sum_value(state->brier) / (double) state->rows;
}
