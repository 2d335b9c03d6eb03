/*-------------------------------------------------------------------------
 * attempt.c
 *	  Steps that may fail while the transaction goes on.
 *
 * To catch an error is safe in general only with a subtransaction around what
 * failed, which releases what that held.  One subtransaction a row would cost
 * more than scoring it; see serve.h for the steps that do without.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "mlops/serve.h"

/* May the transaction go on after an error of this kind? */
static bool
may_go_on(int sqlerrcode, bool quiet)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	if (quiet)
		return category == ERRCODE_DATA_EXCEPTION ||
			category == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION);
	return category != ERRCODE_TRANSACTION_ROLLBACK &&
		category != ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) &&
		category != ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION);
}

bool
mlserve_attempt(void (*step) (void *), void *arg, bool quiet, MlFault *fault)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	fault->error = NULL;
	if (!quiet)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(caller);
	}
	PG_TRY();
	{
		step(arg);
		if (!quiet)
		{
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(caller);
			CurrentResourceOwner = owner;
		}
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (quiet && !may_go_on(geterrcode(), true))
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		if (!quiet)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(caller);
			CurrentResourceOwner = owner;
			if (!may_go_on(error->sqlerrcode, false))
				ReThrowError(error);
		}
		fault->error = error;
	}
	PG_END_TRY();
	return fault->error == NULL;
}

void
mlserve_throw(const MlFault *fault)
{
	ReThrowError(fault->error);
}
