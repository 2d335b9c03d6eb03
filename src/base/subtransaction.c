/*-------------------------------------------------------------------------
 * subtransaction.c
 *	  Steps that may fail while the transaction goes on.
 *
 * To catch an error is safe in general only with a subtransaction around what
 * failed, which releases what that held.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "mlops/base.h"

ErrorData *
mlbase_copy_error(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	return error;
}

/* LockTimeout is put back before anything else that may raise an error. */
ErrorData *
mlbase_try(void (*step) (void *), void *arg, int lock_timeout, bool keep)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			session_timeout = LockTimeout;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	LockTimeout = lock_timeout;
	PG_TRY();
	{
		step(arg);
		if (keep)
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		LockTimeout = session_timeout;
		error = mlbase_copy_error(caller);
	}
	PG_END_TRY();
	LockTimeout = session_timeout;
	if (error || !keep)
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}
