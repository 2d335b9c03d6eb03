/*
 * shared.h
 *	  What launcher, workers, scanners and submitters share (private to jobs).
 *
 * One LWLock guards everything; it is held for moments only, never while
 * anything can fail or wait.
 */
#ifndef MLOPS_JOBS_SHARED_H
#define MLOPS_JOBS_SHARED_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define MLJOBS_MAX_WORKERS 64	/* of mlops.max_workers */
#define MLJOBS_MAX_QUEUES 1024
#define MLJOBS_SCANNER MLJOBS_MAX_WORKERS	/* its slot's index */
#define MLJOBS_MAINTAINER (MLJOBS_MAX_WORKERS + 1)
#define MLJOBS_SLOTS (MLJOBS_MAX_WORKERS + 2)
#define MLJOBS_LINGER_MS 200	/* an idle worker waits so long for more */

typedef enum MlSlotState
{
	ML_SLOT_FREE,
	ML_SLOT_LOOKING,			/* asked for by the launcher; looks for a job */
	ML_SLOT_IDLE,				/* connected, waits for more */
	ML_SLOT_BUSY,				/* has a job */
	ML_SLOT_EXITED				/* ended; something is to be seen to */
} MlSlotState;

/*
 * A worker.  The launcher allocates it, the worker itself goes through the
 * states; it is freed by the worker at a clean end, else by the launcher or a
 * scanner.
 */
typedef struct MlWorkerSlot
{
	MlSlotState state;
	uint32		generation;		/* raised at each allocation */
	Oid			database;
	Oid			role;
	int			pid;
	int			pgprocno;
	TimestampTz asked_at;
	bool		release;		/* idle: end now, somebody else needs the place */
	bool		upkeep;			/* in the place that is kept for what runs by itself */
	int64		job_id;			/* job in its hands, 0: none */
	bool		task;			/* it is a monitor or a retraining */
	TimestampTz held_at;		/* since when it is in its hands */
	bool		evicted;		/* it held the kept place for too long, and was told to end */
	Oid			extension;		/* whose job it is: another one's has the same number */
	bool		cancel;			/* of that job, by mlops.cancel */

	bool		connected;
	bool		failed;			/* ended by an error; the last one was: */
	int			sqlerrcode;
	char		message[256];
} MlWorkerSlot;

/* Jobs of a role in a database wait, or will. */
typedef struct MlQueueNote
{
	Oid			database;		/* InvalidOid: free */
	Oid			role;
	int			pending;		/* jobs submitted and not yet claimed, about */
	int			upkeep;			/* of these, monitors and retrainings, about */
	uint64		generation;		/* raised by whoever adds to it */
	TimestampTz due;			/* next retry, 0: none */
	TimestampTz served_at;		/* a worker was last started */
	int			failures;		/* workers that could not be started in a row */
} MlQueueNote;

typedef struct MlJobsShared
{
	LWLock		lock;
	int			launcher_pgprocno;	/* -1: none runs */
	bool		scan_all;		/* every database is to be scanned */
	bool		upkeep_starves; /* what runs by itself found no background worker slot, and tries again */
	TimestampTz starving_since; /* no process has found one since, 0: the last one did */
	uint64		generation;
	int			n_notes;		/* the first so many may be in use */
	MlWorkerSlot slots[MLJOBS_SLOTS];
	MlQueueNote notes[MLJOBS_MAX_QUEUES];
} MlJobsShared;

extern MlJobsShared *mljobs_shared;

extern void mljobs_share(void);

#define MLJOBS_LOCK(mode) LWLockAcquire(&mljobs_shared->lock, mode)
#define MLJOBS_UNLOCK() LWLockRelease(&mljobs_shared->lock)

/* Wakes the launcher, if there is one. */
extern void mljobs_wake_launcher(void);

/* Wakes a worker; with the lock held. */
extern void mljobs_wake(const MlWorkerSlot *slot);

/* ---- notes */

/*
 * n more jobs of a role may be claimed in a database, some of them upkeep.  Wakes an idle worker of
 * theirs and the launcher.
 */
extern void mljobs_note(Oid database, Oid role, int n, int upkeep);

/* A claim is about to look: the note's generation, for mljobs_settle. */
extern uint64 mljobs_generation(Oid database, Oid role);

/*
 * A look found nothing to claim now; due is when the next retry is (0: there
 * is none).  Ignored if more was noted since generation.
 */
extern void mljobs_settle(Oid database, Oid role, uint64 generation, TimestampTz due);

/* Nothing is left of a role in a database; InvalidOid: of any role. */
extern void mljobs_forget(Oid database, Oid role);

/* The note with the lock held, NULL if there is none. */
extern MlQueueNote *mljobs_find_note(Oid database, Oid role);

/* The same, but made if there is none; NULL (and everything is scanned later)
 * if there is no room for it. */
extern MlQueueNote *mljobs_need_note(Oid database, Oid role);

/* Number of jobs that may be claimed now and that no worker will come for by
 * itself; with the lock held. */
extern int	mljobs_unmet(const MlQueueNote *note, TimestampTz now);

/*
 * Workers (LOOKING, IDLE, BUSY) but for the one in the place that is kept for
 * upkeep; InvalidOid: any.  With the lock held.
 */
extern int	mljobs_count_workers(Oid database, Oid role);

/* ---- slots */

/*
 * Called first in a worker's main function: installs its handlers, and takes
 * possession of the slot that its argument names, which is returned (and kept
 * in mljobs_my_slot).  Does not return if the slot is not its any more.  At
 * exit the slot is given back.
 */
extern MlWorkerSlot *mljobs_enter(Datum arg);
extern MlWorkerSlot *mljobs_my_slot;

/*
 * A worker that acts for the server, not for a role: what the server, the
 * database or its superuser has set must not bend what it does.
 */
extern void mljobs_settle_settings(void);

/* The argument of a worker's main function for a slot. */
extern Datum mljobs_worker_argument(int slot);

/* A cancel of the job in this worker's hands was asked for. */
extern bool mljobs_cancel_requested(void);

/*
 * This worker has claimed a job, and is about to commit that; or (0) it has
 * none any more and looks for the next one.
 */
extern void mljobs_hold(int64 job_id, bool upkeep);

/* The worker in the kept place found no upkeep of its role any more. */
extern void mljobs_settle_upkeep(Oid database, Oid role);

/* Do monitors or retrainings of other roles wait?  The note whose turn it is; with the lock held. */
extern MlQueueNote *mljobs_next_task(Oid but_of_role, TimestampTz now);
extern bool mljobs_other_tasks_wait(Oid role);

/* Was this worker's job told to leave the kept place to others? */
extern bool mljobs_evicted(void);

/* How many workers a role may have at a time, 0: no limit of its own. */
extern int	mljobs_limit_of_role(void);

/*
 * Nothing to do: waits a moment for more.  True: look again; false: the place
 * is to be given back.
 */
extern bool mljobs_linger(void);

/* Does a living worker have the job, of the extension of this database? */
extern bool mljobs_is_held(int64 job_id);

/* Sends a cancel to the worker that has the job; false if none has it. */
extern bool mljobs_signal_cancel(int64 job_id);

/* Should this worker end after its job, because others wait for a place? */
extern bool mljobs_others_wait(Oid database, Oid role);

#endif							/* MLOPS_JOBS_SHARED_H */
