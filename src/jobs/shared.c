/*-------------------------------------------------------------------------
 * shared.c
 *	  Shared memory of the jobs: worker slots and notes of waiting queues; see
 *	  jobs/shared.h for who writes what.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/compat.h"
#include "mlops/jobs.h"
#include "jobs/shared.h"

MlJobsShared *mljobs_shared;
MlWorkerSlot *mljobs_my_slot;

static emit_log_hook_type previous_log_hook;

/* ---------------------------------------------------------------- memory */

static Size
shared_size(void)
{
	return sizeof(MlJobsShared);
}

/*
 * Under AddinShmemInitLock, and again with fresh memory after a crash.  Then
 * everything is scanned, since notes are gone.
 */
static void
attach(void *area, bool found)
{
	static int	tranche;

	if (tranche == 0)
	{
		tranche = LWLockNewTrancheId();
		LWLockRegisterTranche(tranche, "mlops_jobs");
	}
	mljobs_shared = (MlJobsShared *) area;
	if (found)
		return;
	memset(mljobs_shared, 0, sizeof(MlJobsShared));
	LWLockInitialize(&mljobs_shared->lock, tranche);
	mljobs_shared->launcher_pgprocno = -1;
	mljobs_shared->scan_all = true;
}

/* While the library is being preloaded. */
void
mljobs_share(void)
{
	mlbase_share("mlops jobs", shared_size, attach);
}

/* A latch that nobody owns any more may be set: nothing happens. */
static void
wake_process(int pgprocno)
{
	SetLatch(&ProcGlobal->allProcs[pgprocno].procLatch);
}

/* Read without the lock: a latch that is set in vain does no harm. */
void
mljobs_wake_launcher(void)
{
	int			pgprocno = mljobs_shared->launcher_pgprocno;

	if (pgprocno >= 0)
		wake_process(pgprocno);
}

void
mljobs_wake(const MlWorkerSlot *slot)
{
	wake_process(slot->pgprocno);
}

/* ---------------------------------------------------------------- notes */

/* O(n) in the notes. */
MlQueueNote *
mljobs_find_note(Oid database, Oid role)
{
	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		MlQueueNote *note = &mljobs_shared->notes[i];

		if (note->database == database && note->role == role)
			return note;
	}
	return NULL;
}

/* A note that is free has neither database nor role. */
MlQueueNote *
mljobs_need_note(Oid database, Oid role)
{
	MlQueueNote *note = mljobs_find_note(database, role);

	if (note)
		return note;
	note = mljobs_find_note(InvalidOid, InvalidOid);
	if (note == NULL && mljobs_shared->n_notes < MLJOBS_MAX_QUEUES)
		note = &mljobs_shared->notes[mljobs_shared->n_notes++];
	if (note == NULL)
	{
		mljobs_shared->scan_all = true;
		return NULL;
	}
	memset(note, 0, sizeof(MlQueueNote));
	note->database = database;
	note->role = role;
	return note;
}

/* With the lock held. */
static void
remove_note(MlQueueNote *note)
{
	memset(note, 0, sizeof(MlQueueNote));
}

/*
 * Idle workers look themselves, without the launcher; it is woken in case that they
 * are not enough.
 */
void
mljobs_note(Oid database, Oid role, int n, int upkeep)
{
	MlQueueNote *note;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	note = mljobs_need_note(database, role);
	if (note)
	{
		note->pending += n;
		note->upkeep += upkeep;
		note->generation = ++mljobs_shared->generation;
	}
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if (slot->state == ML_SLOT_IDLE && slot->database == database && slot->role == role)
			mljobs_wake(slot);
	}
	MLJOBS_UNLOCK();
	mljobs_wake_launcher();
}

uint64
mljobs_generation(Oid database, Oid role)
{
	MlQueueNote *note;
	uint64		generation;

	MLJOBS_LOCK(LW_SHARED);
	note = mljobs_find_note(database, role);
	generation = note ? note->generation : 0;
	MLJOBS_UNLOCK();
	return generation;
}

/* A note that was made for due alone has no generation yet. */
void
mljobs_settle(Oid database, Oid role, uint64 generation, TimestampTz due)
{
	MlQueueNote *note;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	note = mljobs_find_note(database, role);
	if (note == NULL && due != 0)
	{
		note = mljobs_need_note(database, role);
		generation = 0;
	}
	if (note && note->generation == generation)
	{
		note->pending = 0;
		note->upkeep = 0;
		note->due = due;
		note->failures = 0;
		if (due == 0)
			remove_note(note);
	}
	MLJOBS_UNLOCK();
	if (due != 0)
		mljobs_wake_launcher();
}

void
mljobs_forget(Oid database, Oid role)
{
	MLJOBS_LOCK(LW_EXCLUSIVE);
	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		MlQueueNote *note = &mljobs_shared->notes[i];

		if (note->database == database && (!OidIsValid(role) || note->role == role))
			remove_note(note);
	}
	MLJOBS_UNLOCK();
}

/*
 * After a failure a note waits for its time, whatever is pending.  Workers that
 * look or are idle will come by themselves.
 */
int
mljobs_unmet(const MlQueueNote *note, TimestampTz now)
{
	int			wanted = note->pending;

	if (!OidIsValid(note->database) || (note->failures > 0 && note->due > now))
		return 0;
	if (note->due != 0 && note->due <= now)
		wanted = Max(wanted, 1);
	for (int i = 0; i < MLJOBS_MAX_WORKERS && wanted > 0; i++)
	{
		const MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if ((slot->state == ML_SLOT_LOOKING || slot->state == ML_SLOT_IDLE) && !slot->upkeep &&
			slot->database == note->database && slot->role == note->role)
			wanted--;
	}
	return wanted;
}

int
mljobs_count_workers(Oid database, Oid role)
{
	int			n = 0;

	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		const MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if ((slot->state == ML_SLOT_LOOKING || slot->state == ML_SLOT_IDLE ||
			 slot->state == ML_SLOT_BUSY) && !slot->upkeep &&
			(!OidIsValid(database) || slot->database == database) &&
			(!OidIsValid(role) || slot->role == role))
			n++;
	}
	return n;
}

/* ---------------------------------------------------------------- slots */

/*
 * The generation tells a process that comes late that its slot has been given to
 * another one.
 */
Datum
mljobs_worker_argument(int slot)
{
	return Int64GetDatum(((int64) mljobs_shared->slots[slot].generation << 8) | slot);
}

/*
 * Keeps the last error: should it end this process, and be it because it
 * cannot connect, there is no other way to tell why.
 */
static void
keep_last_words(ErrorData *edata)
{
	if (mljobs_my_slot && (edata->elevel == ERROR || edata->elevel == FATAL))
	{
		MLJOBS_LOCK(LW_EXCLUSIVE);
		mljobs_my_slot->sqlerrcode = edata->sqlerrcode;
		strlcpy(mljobs_my_slot->message, edata->message ? edata->message : "",
				sizeof(mljobs_my_slot->message));
		MLJOBS_UNLOCK();
	}
	if (previous_log_hook)
		previous_log_hook(edata);
}

/* Gives the slot back; one that needs a look stays for launcher and scanner. */
static void
leave(int code, Datum arg)
{
	MlWorkerSlot *slot = mljobs_my_slot;

	mljobs_my_slot = NULL;
	MLJOBS_LOCK(LW_EXCLUSIVE);
	slot->failed = code != 0;
	slot->state = slot->job_id != 0 || slot->failed ||
		slot == &mljobs_shared->slots[MLJOBS_SCANNER] ? ML_SLOT_EXITED : ML_SLOT_FREE;
	MLJOBS_UNLOCK();
	mljobs_wake_launcher();
}

/*
 * The launcher gives up a process that does not come; its slot may be somebody
 * else's by the time it does.
 */
MlWorkerSlot *
mljobs_enter(Datum arg)
{
	uint64		value = (uint64) DatumGetInt64(arg);
	MlWorkerSlot *slot = &mljobs_shared->slots[value & 0xFF];
	bool		ours;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);		/* the default handler would exit inside of the handler */
	BackgroundWorkerUnblockSignals();

	MLJOBS_LOCK(LW_EXCLUSIVE);
	ours = slot->state == ML_SLOT_LOOKING && slot->generation == (uint32) (value >> 8);
	if (ours)
	{
		slot->pid = MyProcPid;
		slot->pgprocno = mlcompat_proc_number();
	}
	MLJOBS_UNLOCK();
	if (!ours)
		proc_exit(0);
	mljobs_my_slot = slot;
	before_shmem_exit(leave, (Datum) 0);
	previous_log_hook = emit_log_hook;
	emit_log_hook = keep_last_words;
	return slot;
}

/* Those that this version of PostgreSQL does not have are passed over. */
void
mljobs_settle_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"default_table_access_method", "heap"},
		{"default_tablespace", ""},
		{"force_parallel_mode", "off"}, /* debug_parallel_query from 16 on */
		{"debug_parallel_query", "off"},
		{"event_triggers", "off"},	/* from 17 on: others' code as superuser */
		{"row_security", "on"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"},	/* from 17 on */
		{"restrict_nonsystem_relation_kind", ""},
		{"standard_conforming_strings", "on"},
		{"quote_all_identifiers", "off"},
		{"array_nulls", "on"},
		{"transform_null_equals", "off"},
		{"plpgsql.extra_errors", "none"},
	};

	for (int i = 0; i < lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false))
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/*
 * Slot and note change under one lock: the launcher counts a job as waiting or as
 * held, never as both.
 */
void
mljobs_hold(int64 job_id, bool upkeep)
{
	MlWorkerSlot *slot = mljobs_my_slot;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	slot->job_id = job_id;
	slot->extension = mlcat_served();
	slot->cancel = false;
	slot->task = job_id != 0 && upkeep;
	slot->held_at = GetCurrentTimestamp();
	slot->evicted = false;
	slot->state = job_id != 0 ? ML_SLOT_BUSY : ML_SLOT_LOOKING;
	if (job_id != 0)
	{
		MlQueueNote *note = mljobs_find_note(slot->database, slot->role);

		if (note)
		{
			note->pending = Max(note->pending - 1, 0);
			note->upkeep = Max(note->upkeep - (upkeep ? 1 : 0), 0);
			note->failures = 0;
		}
	}
	MLJOBS_UNLOCK();
}

void
mljobs_settle_upkeep(Oid database, Oid role)
{
	MlQueueNote *note;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	note = mljobs_find_note(database, role);
	if (note)
		note->upkeep = 0;
	MLJOBS_UNLOCK();
}

/* With the lock held. */
static bool
has_task(Oid role)
{
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		const MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if (slot->state == ML_SLOT_BUSY && slot->task && slot->role == role)
			return true;
	}
	return false;
}

/* Roles without one under way come first, then whoever was served longest ago. */
MlQueueNote *
mljobs_next_task(Oid but_of_role, TimestampTz now)
{
	MlQueueNote *best = NULL;
	bool		best_has = false;

	for (int i = 0; i < mljobs_shared->n_notes; i++)
	{
		MlQueueNote *note = &mljobs_shared->notes[i];
		bool		has;

		if (!OidIsValid(note->database) || note->upkeep == 0 || note->role == but_of_role ||
			(note->failures > 0 && note->due > now))
			continue;
		has = has_task(note->role);
		if (best == NULL || has < best_has || (has == best_has && note->served_at < best->served_at))
		{
			best = note;
			best_has = has;
		}
	}
	return best;
}

/* Takes the lock. */
bool
mljobs_other_tasks_wait(Oid role)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		wait;

	MLJOBS_LOCK(LW_SHARED);
	wait = mljobs_next_task(role, now) != NULL;
	MLJOBS_UNLOCK();
	return wait;
}

/* Takes the lock. */
bool
mljobs_evicted(void)
{
	bool		evicted;

	MLJOBS_LOCK(LW_SHARED);
	evicted = mljobs_my_slot->evicted;
	MLJOBS_UNLOCK();
	return evicted;
}

/* The setting's -1 is one less than all, but one at least. */
int
mljobs_limit_of_role(void)
{
	if (mlops_guc_max_workers_per_role >= 0)
		return mlops_guc_max_workers_per_role;
	return Max(mlops_guc_max_workers - 1, 1);
}

/*
 * The launcher is woken, since an idle worker's place may be wanted.  The state
 * leaves IDLE under the lock under which the note was read: a note that comes later
 * finds a worker that looks again, or makes the launcher start one.
 */
bool
mljobs_linger(void)
{
	MlWorkerSlot *slot = mljobs_my_slot;
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MLJOBS_LINGER_MS);
	bool		again = false;
	bool		release = false;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	slot->state = ML_SLOT_IDLE;
	slot->release = false;
	MLJOBS_UNLOCK();
	mljobs_wake_launcher();
	while (!again && !release)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
		MlQueueNote *note;

		MLJOBS_LOCK(LW_EXCLUSIVE);
		note = mljobs_find_note(slot->database, slot->role);
		again = note && note->pending > 0;
		release = slot->release || left <= 0;
		if (again || release)
			slot->state = ML_SLOT_LOOKING;
		MLJOBS_UNLOCK();
		if (again || release)
			break;
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return again;
}

/* Takes the lock. */
bool
mljobs_cancel_requested(void)
{
	bool		cancel;

	MLJOBS_LOCK(LW_SHARED);
	cancel = mljobs_my_slot->cancel;
	MLJOBS_UNLOCK();
	return cancel;
}

/* With the lock held; extension: the one there is now in the database. */
static MlWorkerSlot *
holder(Oid database, Oid extension, int64 job_id, MlSlotState state)
{
	for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
	{
		MlWorkerSlot *slot = &mljobs_shared->slots[i];

		if (slot->state == state && slot->database == database && slot->extension == extension &&
			slot->job_id == job_id)
			return slot;
	}
	return NULL;
}

/* False without preloading: no worker of this server has any. */
bool
mljobs_is_held(int64 job_id)
{
	Oid			extension = get_extension_oid("mlops", true);
	bool		held;

	if (!mlbase_preloaded())
		return false;
	MLJOBS_LOCK(LW_SHARED);
	held = holder(MyDatabaseId, extension, job_id, ML_SLOT_BUSY) != NULL;
	MLJOBS_UNLOCK();
	return held;
}

/* A slot that has ended with the job is a scanner's to see to. */
bool
mljobs_is_lost(int64 job_id)
{
	Oid			extension = get_extension_oid("mlops", true);
	bool		lost;

	if (!mlbase_preloaded())
		return true;
	MLJOBS_LOCK(LW_SHARED);
	lost = holder(MyDatabaseId, extension, job_id, ML_SLOT_BUSY) == NULL &&
		holder(MyDatabaseId, extension, job_id, ML_SLOT_EXITED) == NULL;
	MLJOBS_UNLOCK();
	return lost;
}

/*
 * The signal is sent under the lock: the worker cannot have gone on to another
 * job.
 */
bool
mljobs_signal_cancel(int64 job_id)
{
	Oid			extension = get_extension_oid("mlops", true);
	MlWorkerSlot *slot;

	MLJOBS_LOCK(LW_EXCLUSIVE);
	slot = holder(MyDatabaseId, extension, job_id, ML_SLOT_BUSY);
	if (slot)
	{
		slot->cancel = true;
		kill(slot->pid, SIGINT);
	}
	MLJOBS_UNLOCK();
	return slot != NULL;
}

/*
 * True also where fewer workers are allowed than run, and where what runs by itself
 * finds no slot.  Takes the lock.
 */
bool
mljobs_others_wait(Oid database, Oid role)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		wait;

	MLJOBS_LOCK(LW_SHARED);
	wait = mljobs_shared->upkeep_starves;
	if (mljobs_count_workers(InvalidOid, InvalidOid) >= mlops_guc_max_workers)
	{
		for (int i = 0; i < mljobs_shared->n_notes && !wait; i++)
		{
			const MlQueueNote *note = &mljobs_shared->notes[i];

			wait = (note->database != database || note->role != role) && mljobs_unmet(note, now) > 0;
		}
		/* the setting was lowered */
		wait = wait || mljobs_count_workers(InvalidOid, InvalidOid) > mlops_guc_max_workers;
	}
	MLJOBS_UNLOCK();
	return wait;
}
