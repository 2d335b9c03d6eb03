/*-------------------------------------------------------------------------
 * engine_context.c
 *	  The engine's context inside a backend: who owns its memory and threads,
 *	  how interrupts reach it, and how its statuses become errors.
 *
 * The arena and the pool belong to the memory context that is current at
 * creation: its reset callback joins the threads and unmaps the arena, so an
 * error anywhere leaves neither behind.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"

/* An engine's context and what it belongs to, in one allocation of that memory context. */
typedef struct EngineOwner
{
	MlContext	engine;
	MemoryContext context;
	MemoryContextCallback callback;
	ErrorData  *pending_error;	/* raised by an interrupt while threads ran */
} EngineOwner;

/*
 * Called by the engine on the main thread.  A cancel or a termination only
 * says stop here: the error is raised after the engine's threads have come to
 * rest.  Any other interrupt is served at once; should that raise an error, it
 * is kept for later too.
 */
static bool
should_abort(void *arg)
{
	EngineOwner *owner = (EngineOwner *) arg;
	MemoryContext caller = CurrentMemoryContext;

	if (owner->pending_error)
		return true;
	if (!INTERRUPTS_PENDING_CONDITION())
		return false;
	if (QueryCancelPending || ProcDiePending)
		return true;

	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(owner->context);
		owner->pending_error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return owner->pending_error != NULL;
}

/* Called by the engine on the main thread. */
static void
report_progress(void *arg, const char *phase, double done, double total, double metric)
{
	mlbase_progress(phase, done, total, metric);
}

/* Joins the threads before the memory they work on goes.  May be called twice. */
static void
release_engine(void *arg)
{
	MlContext  *ctx = &((EngineOwner *) arg)->engine;

	ml_pool_destroy(ctx->pool);
	ctx->pool = NULL;
	ml_arena_destroy(ctx->arena);
	ctx->arena = NULL;
}

/*
 * The callback is registered before anything is made, so that an error half way
 * frees what there is.  Errors: 53200, 53000, and those of loading BLAS.
 */
MlContext *
mlbase_engine_context(int n_threads, int budget_kb, bool with_blas)
{
	EngineOwner *owner = palloc0(sizeof(EngineOwner));
	const MlBlas *blas = with_blas ? mlbase_load_blas() : NULL;

	owner->context = CurrentMemoryContext;
	owner->callback.func = release_engine;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &owner->callback);

	owner->engine.blas = blas;
	owner->engine.should_abort = should_abort;
	owner->engine.progress = report_progress;
	owner->engine.callback_arg = owner;
	owner->engine.arena = ml_arena_create((size_t) budget_kb * 1024);
	if (owner->engine.arena == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (n_threads > 1)
	{
		owner->engine.pool = ml_pool_create(n_threads);
		if (owner->engine.pool == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not start %d threads", n_threads - 1),
					 errhint("Lower mlops.threads.")));
	}
	return &owner->engine;
}

/*
 * What was allocated in its arena is gone; the context itself stays until its
 * memory context goes.
 */
void
mlbase_engine_free(MlContext *ctx)
{
	release_engine(ctx->callback_arg);
}

/*
 * Errors: 53200 with a hint, 22023, 22000, XX001, 58030, XX000, 57014 or the error of the
 * interrupt.
 */
void
mlbase_check(MlContext *ctx, MlStatus status)
{
	EngineOwner *owner = (EngineOwner *) ctx->callback_arg;
	int			code;

	switch (status)
	{
		case ML_OK:
			return;
		case ML_ABORTED:
			if (owner->pending_error)
			{
				ErrorData  *error = owner->pending_error;

				owner->pending_error = NULL;	/* the context may live on */
				ReThrowError(error);
			}
			CHECK_FOR_INTERRUPTS();
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("canceling statement due to an interrupt")));
			return;
		case ML_OUT_OF_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("%s", ctx->message),
					 ctx->detail[0] ? errdetail("%s", ctx->detail) : 0,
					 errhint("Raise mlops.max_training_memory, or train on fewer rows or columns.")));
			return;
		case ML_INVALID_ARGUMENT:
			code = ERRCODE_INVALID_PARAMETER_VALUE;
			break;
		case ML_BAD_DATA:
			code = ERRCODE_DATA_EXCEPTION;
			break;
		case ML_CORRUPT:
			code = ERRCODE_DATA_CORRUPTED;
			break;
		case ML_IO_ERROR:
			code = ERRCODE_IO_ERROR;
			break;
		default:
			code = ERRCODE_INTERNAL_ERROR;
			break;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", ctx->message),
			 ctx->detail[0] ? errdetail("%s", ctx->detail) : 0));
}
