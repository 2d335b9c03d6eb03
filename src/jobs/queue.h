/*
 * queue.h
 *	  The job table: every change of a job's state, as the owner of the catalog
 *	  and in the current transaction (private to jobs).
 *
 * queued -> starting -> running -> succeeded | failed | timed_out | cancelled | crashed
 *	  ^--------------------------------|------------|--------------------------|
 *				with retries left, after a wait
 */
#ifndef MLOPS_JOBS_QUEUE_H
#define MLOPS_JOBS_QUEUE_H

#include "postgres.h"

#include "storage/lock.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* A job in a worker's hands. */
typedef struct MlJob
{
	int64		job_id;
	char	   *command;
	char	   *key;			/* NULL: none */
	LOCKTAG		key_lock;		/* held while it is in our hands */
	Jsonb	   *settings;		/* of the submitting session: name -> value */
	bool		upkeep;			/* a monitor or a retraining */
	int64		timeout_ms;		/* 0: none */
	int			attempt;		/* from 1 */
	int			max_retries;
	bool		unattended;		/* it reaches only what its role trusts */
	Oid			person;			/* behind its role, 0: nobody knows */
	bool		in_person;		/* by a statement of his own */
} MlJob;

/* How an attempt ended. */
typedef struct MlJobError
{
	const char *sqlstate;
	const char *message;
	const char *detail;			/* the rest may be NULL */
	const char *hint;
	const char *context;
} MlJobError;

typedef struct MlJobOutcome
{
	int64		rows;			/* -1: the statement has none */
	char	   *result;			/* JSON text, NULL: none */
	double		run_ms;
	int64		peak_memory;	/* bytes, 0: not known */
} MlJobOutcome;

/*
 * Claims the current user's most urgent job of this database, or (upkeep) the
 * most urgent one that is a monitor or a retraining: state starting,
 * in this worker's hands once the transaction commits.  Strings are allocated
 * in context.  NULL: there is none.  The key of the job is locked until
 * mljobq_unlock_key.
 */
extern MlJob *mljobq_claim(MemoryContext context, bool upkeep);

/* Frees the key's lock. */
extern void mljobq_unlock_key(const MlJob *job);

/*
 * When the next of the current user's jobs is due, of those that were not yet
 * when the queue was looked at (before mljobq_claim): what has become due since
 * counts, for the claim may have missed it.  0: there is none.
 */
extern TimestampTz mljobq_next_due(TimestampTz looked_at);

extern void mljobq_set_running(const MlJob *job);
extern void mljobq_set_succeeded(const MlJob *job, const MlJobOutcome *outcome);

/*
 * The attempt ended as state says: failed, timed_out, cancelled or crashed.
 * Queued again unless cancelled, if retries are left.
 */
extern void mljobq_set_ended(const MlJob *job, const char *state, const MlJobError *error,
							 const MlJobOutcome *outcome);

/* Locks a job key of a role for the rest of this transaction: who submits. */
extern void mljobq_lock_submission(Oid role, const char *key);

/* A line for mlops.job_events beside the changes of state. */
extern void mljobq_add_event(int64 job_id, const char *event, Oid role);

/* ---- for scanners, as superuser */

/* Jobs said to be starting or running that no living worker has have crashed. */
extern void mljobq_reap(void);

/*
 * The same for one job, unless its row is locked; its owner, 0: it has not
 * crashed.  Tried again only if it may be.
 */
extern Oid	mljobq_reap_one(int64 job_id, bool may_retry);

/* All queued jobs of a role fail: no worker can run as it. */
extern void mljobq_refuse_role(Oid role, const MlJobError *error);

/* The same for roles that are gone. */
extern void mljobq_refuse_missing_roles(void);

/* Leaves a note for every role that has jobs queued. */
extern void mljobq_note_all(void);

#endif							/* MLOPS_JOBS_QUEUE_H */
