/*-------------------------------------------------------------------------
 * scanner.c
 *	  A short-lived worker that looks after the jobs of one database, connected
 *	  as superuser: interrupted jobs have crashed, jobs of roles that cannot
 *	  connect have failed, and what is queued is noted for the launcher.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/jobs.h"
#include "jobs/queue.h"
#include "jobs/shared.h"

extern PGDLLEXPORT void mlops_job_scanner_main(Datum arg);

/*
 * Copies this database's slot i if its worker ended, and something is to be
 * seen to.
 */
static bool
ended_slot(int i, MlWorkerSlot *copy)
{
	bool		ended;

	MLJOBS_LOCK(LW_SHARED);
	*copy = mljobs_shared->slots[i];
	MLJOBS_UNLOCK();
	ended = copy->state == ML_SLOT_EXITED && copy->database == MyDatabaseId;
	return ended;
}

/*
 * seen_to [MLJOBS_MAX_WORKERS].  After the commit: what a scan that fails has seen
 * to is left for the next.
 */
static void
free_slots(const bool *seen_to)
{
	MLJOBS_LOCK(LW_EXCLUSIVE);
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		if (seen_to[i])
			mljobs_shared->slots[i].state = ML_SLOT_FREE;
	}
	MLJOBS_UNLOCK();
}

/*
 * In a transaction with an active snapshot.  Sets seen_to [MLJOBS_MAX_WORKERS], the
 * slots that may be freed once it has committed.  Notes come last: they count what
 * is queued then.
 */
static void
scan(bool *seen_to)
{
	MlCatalogScope scope;

	mlcat_begin(&scope);
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot slot;

		seen_to[i] = ended_slot(i, &slot);
		if (seen_to[i] && !slot.connected && slot.sqlerrcode != 0)
		{
			MlJobError	error = {pstrdup(unpack_sql_state(slot.sqlerrcode)), slot.message,
			"No worker could connect as the role that submitted the job."};

			mljobq_refuse_role(slot.role, &error);
			mljobs_forget(MyDatabaseId, slot.role);
		}
	}
	mljobq_reap();
	mljobq_refuse_missing_roles();
	mljobq_note_all();
	mlcat_end(&scope);
}

/*
 * Connects even where connections are not allowed (any more): a worker that ended
 * there is to be seen to.  Without an extension, or with one that is not
 * superusers' alone, nothing waits for a worker.
 */
void
mlops_job_scanner_main(Datum arg)
{
	MlWorkerSlot *slot = mljobs_enter(arg);
	bool		seen_to[MLJOBS_MAX_WORKERS] = {false};
	bool		served;

	BackgroundWorkerInitializeConnectionByOid(slot->database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	mlbase_keep_own_role();
	slot->connected = true;
	mljobs_settle_settings();

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, "looking after jobs");
	served = mlcat_serve(InvalidOid);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (served && mljobs_distrust() == NULL)
		scan(seen_to);
	else
	{
		mljobs_forget(MyDatabaseId, InvalidOid);
		for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
		{
			MlWorkerSlot ended;

			seen_to[i] = ended_slot(i, &ended);
		}
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	free_slots(seen_to);
}
