/*-------------------------------------------------------------------------
 * attempt.c
 *	  Steps of scoring and logging that may fail while the transaction goes on.
 *
 * One subtransaction a row would cost more than scoring it; see serve.h for the
 * steps that do without.
 *
 * A step that waits for a lock waits for mlops.lock_timeout at most, and the
 * steps after it in the same command hardly at all: a payment does not stand
 * still because a table of the catalog is locked.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/serve.h"

/* Milliseconds to wait for a lock in a command that has waited in vain. */
#define NO_PATIENCE 1

/* Command ids that steps took, which are no commands of the session's. */
static CommandId taken;

static bool waited;				/* in vain, in command waited_in */
static CommandId waited_in;

/* The session's own counting of commands, which steps in subtransactions do not move. */
CommandId
mlserve_command(void)
{
	return GetCurrentCommandId(false) - taken;
}

void
mlserve_forget_commands(void)
{
	taken = 0;
	waited = false;
}

/*
 * May the transaction go on after an error of this kind?  Not after a cancel, a
 * shutdown or a failure of serialization (a deadlock is none); after a quiet step
 * only if it was about a value.
 */
static bool
may_go_on(int sqlerrcode, bool quiet)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	if (quiet)
		return category == ERRCODE_DATA_EXCEPTION ||
			category == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION);
	/* a deadlock ends with the locks that the step gave back */
	return sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		(category != ERRCODE_TRANSACTION_ROLLBACK &&
		 category != ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION));
}

/* How long a step may wait for a lock, 0: for ever; never longer than the session says. */
static int
patience(void)
{
	int			most = waited && waited_in == mlserve_command() ? NO_PATIENCE : mlops_guc_lock_timeout;

	return most == 0 ? LockTimeout : LockTimeout == 0 ? most : Min(most, LockTimeout);
}

/* See serve.h: no subtransaction, so what the step held must have been nothing. */
static bool
attempt_quietly(void (*step) (void *), void *arg, MlFault *fault)
{
	MemoryContext caller = CurrentMemoryContext;

	fault->error = NULL;
	PG_TRY();
	{
		step(arg);
	}
	PG_CATCH();
	{
		if (!may_go_on(geterrcode(), true))
			PG_RE_THROW();
		fault->error = mlbase_copy_error(caller);
	}
	PG_END_TRY();
	return fault->error == NULL;
}

bool
mlserve_attempt(void (*step) (void *), void *arg, bool quiet, MlFault *fault)
{
	CommandId	before = GetCurrentCommandId(false);

	if (quiet)
		return attempt_quietly(step, arg, fault);
	fault->error = mlbase_try(step, arg, patience(), true);
	if (fault->error && !may_go_on(fault->error->sqlerrcode, false))
		ReThrowError(fault->error);
	taken += GetCurrentCommandId(false) - before;
	if (fault->error && fault->error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		waited = true;
		waited_in = mlserve_command();
	}
	return fault->error == NULL;
}

MlFault *
mlserve_make_fault(int sqlerrcode, char *message)
{
	MlFault    *fault = palloc(sizeof(MlFault));

	fault->error = palloc0(sizeof(ErrorData));
	fault->error->elevel = ERROR;
	fault->error->sqlerrcode = sqlerrcode;
	fault->error->message = message;
	fault->error->assoc_context = CurrentMemoryContext;
	return fault;
}

/* What a client sees of an error; its context stack is not kept. */
MlFault *
mlserve_keep_fault(const MlFault *fault, MemoryContext context)
{
	MlFault    *kept = MemoryContextAlloc(context, sizeof(MlFault));
	const ErrorData *error = fault->error;

	kept->error = MemoryContextAllocZero(context, sizeof(ErrorData));
	kept->error->elevel = ERROR;
	kept->error->sqlerrcode = error->sqlerrcode;
	kept->error->message = MemoryContextStrdup(context, error->message);
	if (error->detail)
		kept->error->detail = MemoryContextStrdup(context, error->detail);
	if (error->hint)
		kept->error->hint = MemoryContextStrdup(context, error->hint);
	kept->error->assoc_context = context;
	return kept;
}

void
mlserve_throw(const MlFault *fault)
{
	ReThrowError(fault->error);
}
