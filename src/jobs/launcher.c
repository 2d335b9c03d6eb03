/*-------------------------------------------------------------------------
 * launcher.c
 *	  The background worker that starts all others.
 *
 * It is connected to no database and reads no table of ours: notes in shared
 * memory say where jobs wait.  It sleeps on its latch, which a submitting
 * session sets at its commit, a worker at its end, and the postmaster when a
 * process it asked for has started or ended.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/jobs.h"
#include "jobs/shared.h"

#define RESTART_SECONDS 1
#define RETRY_MS 1000			/* when no process could be started */
#define SCAN_RETRY_MS 5000
#define MAX_BACKOFF_MS 60000
#define MAINTENANCE_SHARE 10	/* a round takes at most one part in so many of the time ... */
#define MAX_INTERVALS 1			/* ... but no round waits longer: others' guards wait with it */
#define LEAVE_MS 10000			/* after a cancel that was caught, its worker is ended */
#define TELL_SECONDS 3600		/* the log hears so often of what goes on */

extern PGDLLEXPORT void mlops_launcher_main(Datum arg);

static BackgroundWorkerHandle *handles[MLJOBS_SLOTS];
static List *to_scan;			/* databases, by OID */
static List *to_maintain;
static TimestampTz round_began; /* of maintenance; 0: none is under way */
static TimestampTz next_round;
static TimestampTz scan_after;	/* not before */
static TimestampTz start_after;
static TimestampTz starving_told;	/* when the log heard last that no slot is free, 0: never */
static bool starving_known;		/* to who reads the log */

/*
 * While the library is being preloaded; not in pg_upgrade, whose servers run
 * nothing by themselves.
 */
void
mljobs_register(void)
{
	BackgroundWorker worker = {0};

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	mljobs_share();
	strlcpy(worker.bgw_name, "mlops launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "mlops launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "mlops", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "mlops_launcher_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
}

/* ---------------------------------------------------------------- starting */

/*
 * A process did or did not find a background worker slot.  The log is told
 * once, then once an hour, and when it is over.
 */
static void
note_starving(const char *type, bool upkeep, bool starves)
{
	TimestampTz now = GetCurrentTimestamp();

	MLJOBS_LOCK(LW_EXCLUSIVE);
	if (upkeep)
		mljobs_shared->upkeep_starves = starves;
	if (!starves)
		mljobs_shared->starving_since = 0;
	else if (mljobs_shared->starving_since == 0)
		mljobs_shared->starving_since = now;
	MLJOBS_UNLOCK();
	if (starves && (starving_told == 0 || TimestampDifferenceExceeds(starving_told, now, TELL_SECONDS * 1000)))
	{
		starving_told = now;
		starving_known = true;
		ereport(LOG,
				(errmsg("could not start an %s: no background worker slot is free", type),
				 errhint("You might need to increase max_worker_processes. Until one is free, jobs, monitors, retrainings and guards wait.")));
	}
	else if (!starves && starving_known)
	{
		starving_known = false;
		ereport(LOG, (errmsg("could start an %s again: a background worker slot is free", type)));
	}
}

/*
 * Asks the postmaster for a process on a slot that was just allocated; gives
 * the slot back if there is no room.
 */
static bool
start_process(int index, const char *type, const char *function)
{
	MlWorkerSlot *slot = &mljobs_shared->slots[index];
	BackgroundWorker worker = {0};
	bool		started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "%s for database %u", type, slot->database);
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "mlops", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = mljobs_worker_argument(index);
	worker.bgw_notify_pid = MyProcPid;
	if (handles[index])
		pfree(handles[index]);	/* its process has left the slot */
	handles[index] = NULL;
	started = RegisterDynamicBackgroundWorker(&worker, &handles[index]);
	note_starving(type, index >= MLJOBS_MAX_WORKERS || slot->upkeep, !started);
	if (started)
		return true;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	slot->state = ML_SLOT_FREE;
	MLJOBS_UNLOCK();
	start_after = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS);
	return false;
}

/* With the lock held. */
static void
allocate(MlWorkerSlot *slot, Oid database, Oid role)
{
	uint32		generation = slot->generation + 1;

	memset(slot, 0, sizeof(MlWorkerSlot));
	slot->generation = generation;
	slot->state = ML_SLOT_LOOKING;
	slot->database = database;
	slot->role = role;
	slot->asked_at = GetCurrentTimestamp();
}

/* May a role that has so many workers have another one? */
static bool
has_room(int of_role)
{
	int			limit = mljobs_limit_of_role();

	return limit == 0 || of_role < limit;
}

/*
 * Whose turn is it?  Who has the fewest workers in the database, then as a
 * role, then who was served longest ago.  NULL: nobody waits, or may.  With the
 * lock held.
 */
static MlQueueNote *
next_note(TimestampTz now)
{
	MlQueueNote *best = NULL;
	int			best_database = 0;
	int			best_role = 0;

	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		MlQueueNote *note = &mljobs_shared->notes[i];
		int			in_database;
		int			of_role;

		if (mljobs_unmet(note, now) == 0)
			continue;
		in_database = mljobs_count_workers(note->database, InvalidOid);
		of_role = mljobs_count_workers(InvalidOid, note->role);
		if (!has_room(of_role))
			continue;
		if (best == NULL || in_database < best_database ||
			(in_database == best_database &&
			 (of_role < best_role ||
			  (of_role == best_role && note->served_at < best->served_at))))
		{
			best = note;
			best_database = in_database;
			best_role = of_role;
		}
	}
	return best;
}

/* Idle workers give their place to whoever waits.  With the lock held. */
static void
release_idle(void)
{
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if (slot->state != ML_SLOT_IDLE)
			continue;
		slot->release = true;
		mljobs_wake(slot);
	}
}

/* When a task that holds the kept place while others wait must leave it, 0: never.  With the lock held. */
static TimestampTz
must_leave(const MlWorkerSlot *slot, TimestampTz now)
{
	if (!slot->upkeep || slot->state != ML_SLOT_BUSY || mlops_guc_task_timeout == 0 || mljobs_next_task(slot->role, now) == NULL)
		return 0;
	return TimestampTzPlusMilliseconds(slot->held_at, mlops_guc_task_timeout + (slot->evicted ? LEAVE_MS : 0));
}

/*
 * A task has held the kept place for as long as it may: it goes on in one for
 * jobs, if there is one for its role; else it is cancelled, and if it catches that
 * its worker is ended.  With the lock held.
 */
static void
evict(MlWorkerSlot *slot)
{
	if (mljobs_count_workers(InvalidOid, InvalidOid) < mlops_guc_max_workers &&
		has_room(mljobs_count_workers(InvalidOid, slot->role)))
	{
		slot->upkeep = false;
		return;
	}
	kill(slot->pid, slot->evicted ? SIGTERM : SIGINT);
	slot->evicted = true;
}

/*
 * Starts a worker for monitors and retrainings, of whatever role, beside those
 * that people's jobs may take, if there is none.  False: nothing to do.
 */
static bool
start_upkeep_worker(TimestampTz now)
{
	MlQueueNote *note;
	int			index = -1;

	if (now < start_after || mlops_guc_max_workers == 0)
		return false;
	MLJOBS_LOCK(LW_EXCLUSIVE);
	note = mljobs_next_task(InvalidOid, now);
	for (int i = 0; note && i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot *slot = &mljobs_shared->slots[i];
		TimestampTz end = must_leave(slot, now);

		if (end != 0 && end <= now)
			evict(slot);
		if (slot->state != ML_SLOT_FREE && slot->upkeep)
			note = NULL;
		else if (slot->state == ML_SLOT_FREE)
			index = i;
	}
	if (note && index >= 0)
	{
		allocate(&mljobs_shared->slots[index], note->database, note->role);
		mljobs_shared->slots[index].upkeep = true;
		note->served_at = now;
	}
	MLJOBS_UNLOCK();
	return note && index >= 0 && start_process(index, "mlops job worker", "mlops_job_worker_main");
}

/* Starts one worker if somebody waits and there is room; false: nothing to do. */
static bool
start_worker(TimestampTz now)
{
	MlQueueNote *note;
	int			index = -1;

	if (now < start_after)
		return false;
	MLJOBS_LOCK(LW_EXCLUSIVE);
	note = next_note(now);
	if (note && mljobs_count_workers(InvalidOid, InvalidOid) >= mlops_guc_max_workers)
	{
		release_idle();
		note = NULL;
	}
	for (int i = 0; note && index < 0 && i < MLJOBS_MAX_WORKERS; i++)
	{
		if (mljobs_shared->slots[i].state == ML_SLOT_FREE)
			index = i;
	}
	if (index >= 0)
	{
		allocate(&mljobs_shared->slots[index], note->database, note->role);
		note->served_at = now;
	}
	MLJOBS_UNLOCK();
	return index >= 0 && start_process(index, "mlops job worker", "mlops_job_worker_main");
}

/* ---------------------------------------------------------------- ended ones */

/* Does it make no sense to try again, because of the role or the database? */
static bool
may_not_connect(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TO_CATEGORY(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION) ||
		sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		sqlerrcode == ERRCODE_UNDEFINED_DATABASE;
}

/*
 * Sees to a worker that ended badly, or never began.  Without a job in its
 * hands it is enough to try again later, unless its role may not connect: that
 * needs a scanner, as a job does.  Lock held exclusively.
 */
static void
see_to(MlWorkerSlot *slot, TimestampTz now)
{
	MlQueueNote *note;
	bool		refused = !slot->connected && may_not_connect(slot->sqlerrcode);
	int			backoff;

	if (slot->job_id != 0 || refused)
	{
		/* a scanner frees the slot; if there is no such database, see_to_scanner */
		to_scan = list_append_unique_oid(to_scan, slot->database);
		return;
	}
	slot->state = ML_SLOT_FREE;
	/* another worker, which passed over what this one had locked, may have removed it */
	note = mljobs_need_note(slot->database, slot->role);
	if (note == NULL)
		return;
	note->pending = Max(note->pending, 1);
	note->failures = Min(note->failures + 1, 10);
	backoff = Min(RETRY_MS << (note->failures - 1), MAX_BACKOFF_MS);
	note->due = TimestampTzPlusMilliseconds(now, backoff);
}

/* The scanner has ended: what it was asked for is done, or is tried again. */
static void
see_to_scanner(MlWorkerSlot *slot, TimestampTz now)
{
	Oid			database = slot->database;
	bool		gone = slot->failed && slot->sqlerrcode == ERRCODE_UNDEFINED_DATABASE;

	slot->state = ML_SLOT_FREE;
	if (slot->failed && !gone)
	{
		/* the others first */
		to_scan = lappend_oid(list_delete_oid(to_scan, database), database);
		scan_after = TimestampTzPlusMilliseconds(now, SCAN_RETRY_MS);
		return;
	}
	to_scan = list_delete_oid(to_scan, database);
	if (!gone)
		return;
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot *other = &mljobs_shared->slots[i];

		if (other->state == ML_SLOT_EXITED && other->database == database)
			other->state = ML_SLOT_FREE;
	}
	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		if (mljobs_shared->notes[i].database == database)
			memset(&mljobs_shared->notes[i], 0, sizeof(MlQueueNote));
	}
}

/*
 * Slots are looked at without the lock first: only this process allocates them, and
 * a state that is just changing is seen in the next turn, for which the change
 * wakes us.
 */
static void
see_to_ended(TimestampTz now)
{
	for (int i = 0; i < MLJOBS_SLOTS; i++)
	{
		MlWorkerSlot *slot = &mljobs_shared->slots[i];
		pid_t		pid;
		bool		never_began;

		if (handles[i] == NULL && slot->state != ML_SLOT_LOOKING && slot->state != ML_SLOT_EXITED)
			continue;
		/* without a handle it was asked for by a launcher before this one */
		never_began = handles[i]
			? GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED
			: slot->pid == 0 && TimestampDifferenceExceeds(slot->asked_at, now, 60000);

		MLJOBS_LOCK(LW_EXCLUSIVE);
		if (slot->state == ML_SLOT_LOOKING && never_began)
		{
			slot->failed = true;
			slot->state = ML_SLOT_EXITED;
		}
		if (slot->state == ML_SLOT_EXITED)
		{
			if (i == MLJOBS_SCANNER)
				see_to_scanner(slot, now);
			else if (i == MLJOBS_MAINTAINER)
				slot->state = ML_SLOT_FREE; /* what it did not do is for the next round */
			else
				see_to(slot, now);
		}
		MLJOBS_UNLOCK();
		if (handles[i] && GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED)
		{
			pfree(handles[i]);
			handles[i] = NULL;
		}
	}
}

/* ---------------------------------------------------------------- scanning */

/* Adds every database that can be connected to; templates too if asked for. */
static List *
add_databases(List *list, bool templates)
{
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext caller;

		if (!database->datallowconn || (database->datistemplate && !templates))
			continue;
		caller = MemoryContextSwitchTo(TopMemoryContext);
		list = list_append_unique_oid(list, database->oid);
		MemoryContextSwitchTo(caller);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(TopMemoryContext);
	return list;
}

/*
 * One at a time, for the first database of to_scan; the list is shortened when it
 * has ended (see_to_scanner).
 */
static void
start_scanner(TimestampTz now)
{
	MlWorkerSlot *slot = &mljobs_shared->slots[MLJOBS_SCANNER];
	bool		all;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	all = mljobs_shared->scan_all && now >= scan_after;
	if (all)
		mljobs_shared->scan_all = false;
	MLJOBS_UNLOCK();
	if (all)
		to_scan = add_databases(to_scan, true);

	if (to_scan == NIL || now < scan_after || now < start_after || slot->state != ML_SLOT_FREE)
		return;
	MLJOBS_LOCK(LW_EXCLUSIVE);
	allocate(slot, linitial_oid(to_scan), InvalidOid);
	MLJOBS_UNLOCK();
	start_process(MLJOBS_SCANNER, "mlops job scanner", "mlops_job_scanner_main");
}

/* ---------------------------------------------------------------- maintenance */

/*
 * One database after the other, each in a process of its own.  The next round
 * waits so long that maintenance hardly takes more than its share of the time,
 * be it that guards have many decisions to look at.
 */
static void
start_maintainer(TimestampTz now)
{
	MlWorkerSlot *slot = &mljobs_shared->slots[MLJOBS_MAINTAINER];
	Oid			database;

	if (slot->state != ML_SLOT_FREE || now < start_after)
		return;
	if (to_maintain == NIL && round_began != 0)
	{
		int64		interval = mlops_guc_maintenance_interval * USECS_PER_SEC;
		int64		rest = Min((now - round_began) * (MAINTENANCE_SHARE - 1), MAX_INTERVALS * interval);

		next_round = Max(round_began + interval, now + rest);
		round_began = 0;
	}
	if (mlops_guc_maintenance_interval == 0)
	{
		list_free(to_maintain);
		to_maintain = NIL;
		next_round = 0;
		return;
	}
	if (to_maintain == NIL && now >= next_round)
	{
		to_maintain = add_databases(NIL, false);
		round_began = now;
	}
	if (to_maintain == NIL)
		return;
	database = linitial_oid(to_maintain);
	MLJOBS_LOCK(LW_EXCLUSIVE);
	allocate(slot, database, InvalidOid);
	MLJOBS_UNLOCK();
	if (start_process(MLJOBS_MAINTAINER, "mlops maintenance worker", "mlops_maintenance_main"))
		to_maintain = list_delete_first(to_maintain);
	else
	{
		MLJOBS_LOCK(LW_EXCLUSIVE);
		release_idle();
		MLJOBS_UNLOCK();
	}
}

/* ---------------------------------------------------------------- main */

/*
 * Milliseconds until something is due, -1: nothing is.  What was due by now,
 * when this turn began, has been seen to or waits for an event; what has become
 * due since is for the next turn, at once.
 */
static long
time_to_sleep(TimestampTz now)
{
	TimestampTz next = 0;

#define SOONER(time) \
	do { if ((time) > now && (next == 0 || (time) < next)) next = (time); } while (0)

	MLJOBS_LOCK(LW_SHARED);
	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		if (OidIsValid(mljobs_shared->notes[i].database))
			SOONER(mljobs_shared->notes[i].due);
	}
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		TimestampTz end = must_leave(&mljobs_shared->slots[i], now);

		SOONER(end);
	}
	MLJOBS_UNLOCK();
	SOONER(start_after);
	if (to_scan != NIL || mljobs_shared->scan_all)
		SOONER(scan_after);
	if (mlops_guc_maintenance_interval > 0 && round_began == 0)
		SOONER(next_round);
	if (next == 0)
		return -1;
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next) + 1;
}

/* At exit: nobody wakes it any more. */
static void
launcher_leaves(int code, Datum arg)
{
	mljobs_shared->launcher_pgprocno = -1;
}

/*
 * Each turn sees to what ended, starts what is due, then sleeps until something is.
 * A latch that is set during a turn makes the wait after it return at once.
 */
void
mlops_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("mlops launcher");
	before_shmem_exit(launcher_leaves, (Datum) 0);

	MLJOBS_LOCK(LW_EXCLUSIVE);
	mljobs_shared->launcher_pgprocno = mlcompat_proc_number();
	mljobs_shared->scan_all = true;
	MLJOBS_UNLOCK();

	/* all that is ever allocated here are handles and lists of databases */
	MemoryContextSwitchTo(TopMemoryContext);
	while (!ShutdownRequestPending)
	{
		TimestampTz now = GetCurrentTimestamp();
		long		sleep;

		CHECK_FOR_INTERRUPTS();
		ProcessCatchupInterrupt();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		see_to_ended(now);
		start_scanner(now);
		/* where slots are few, what runs by itself comes before people's jobs */
		start_maintainer(now);
		start_upkeep_worker(now);
		while (start_worker(now))
			;
		sleep = time_to_sleep(now);
		WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (sleep >= 0 ? WL_TIMEOUT : 0),
				  sleep, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(1);				/* 0 would be for good */
}
