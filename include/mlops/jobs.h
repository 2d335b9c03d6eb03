/*-------------------------------------------------------------------------
 * jobs.h
 *	  Jobs: statements that run in background workers.
 *
 * mlops.submit inserts a row into mlops_catalog.job and, at its commit, leaves
 * a note (database, role) in shared memory.  The launcher, which is connected
 * to no database, starts a worker for the note, connected as that role; the
 * worker claims the role's jobs of that database one after the other, each in
 * a transaction of its own that also records its success, and ends when there
 * are no more or somebody else's turn has come.  What a crash interrupted is
 * found by a scanner: a short-lived worker, connected to one database as
 * superuser, started for every database when the launcher starts and for one
 * database when a worker ended with a job in its hands.
 *
 * The truth about jobs is in the table; shared memory only tells who should
 * look, and which job a living worker has.  Everything here needs preloading.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_JOBS_H
#define MLOPS_JOBS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "pgtime.h"
#include "utils/timestamp.h"

/* At preload: shared memory and the launcher. */
extern void mljobs_register(void);

typedef struct MlJobRequest
{
	const char *command;		/* one SQL statement */
	const Interval *timeout;	/* NULL: mlops.job_timeout */
	int			max_retries;
	int			priority;		/* higher ones first, among one role's */
	const char *key;			/* NULL: none */
	bool		skip;			/* key: do nothing while there is another one */
	const char *model;			/* NULL: for no model */
	bool		unattended;		/* nobody is there: it reaches only what its role trusts */
} MlJobRequest;

/*
 * Queues a job of the current user, to run once this transaction has
 * committed; the session's settings go with it.  Returns its id, or 0 if it was
 * skipped.  Errors: 55000 not preloaded; 25006 read-only; 22023 arguments,
 * 42601 and what the parser says of the command; 28000 the role cannot log in.
 */
extern int64 mljobs_submit(const MlJobRequest *request);

/*
 * A job of a role that this transaction has submitted is a monitor or a
 * retraining: a worker of its own is kept for such.
 */
extern void mljobs_mark_upkeep(Oid role, int64 job_id, Oid person);

/*
 * Cancels a job that is queued or running; false if it had ended already.
 * Errors: 42704 no such job, 42501 not yours.
 */
extern bool mljobs_cancel(int64 job_id);

/* An error unless a text is one statement that a job could be, as far as it is written. */
extern void mljobs_check_statement(const char *statement);

/*
 * What a SELECT, as it is written, reads that it names with a schema: quoted
 * names as char *.  NIL for another statement; an error if it is not one.
 */
extern List *mljobs_named_relations(const char *statement);

/*
 * Has no worker of this server a job that is said to be starting or running,
 * and is none that ended with it still to be seen to?
 */
extern bool mljobs_is_lost(int64 job_id);

/*
 * Such a job has crashed, and is tried again if it may be and has retries left;
 * false if it has not, or if its row is locked.
 */
extern bool mljobs_end_lost(int64 job_id, bool may_retry);

/*
 * Notes that a request (but for its key) is scheduled, with pg_cron's number of
 * it, for the current user; replaces a schedule of that name.  Errors as
 * mljobs_submit's.
 */
extern void mljobs_record_schedule(const char *name, const char *cron,
								   const MlJobRequest *request, int64 cron_job_id);

/* Forgets one of a role's; false if there is none, or if the current user does not have the role's rights. */
extern bool mljobs_forget_schedule(const char *name, Oid owner);

/* Submits what is scheduled for the current user under a name, as mljobs_submit; 42704 if nothing is. */
extern int64 mljobs_submit_schedule(const char *name);

/*
 * Runs one statement in a background worker of its own connected to another
 * database as the current user, and waits for it.  Returns its rows as JSON
 * text (an array of objects) in the current memory context; its error is
 * raised here.  Not part of the current transaction.  The worker connects
 * without asking pg_hba.conf: the statement must not be a user's to choose.
 */
extern char *mljobs_run_in_database(Oid database, const char *statement);

/*
 * The same in this database as the bootstrap superuser, for what must stay when
 * this transaction is rolled back.  It waits for no lock longer than a second:
 * this session may hold it.  The statement must be ours, with what comes from
 * users as quoted literals.  Works without preloading.
 */
extern char *mljobs_run_as_superuser(const char *statement);

/*
 * What keeps this server from rounds of maintenance, and what to do about it;
 * NULL: nothing that is known.
 */
extern char *mljobs_upkeep_hindrance(void);

/*
 * Why nothing may run here with the rights of others than who asks for it:
 * somebody who is no superuser can change what would run, or as whom.  NULL: he
 * cannot.  In a transaction with an active snapshot; runs nothing of the catalog.
 */
extern char *mljobs_distrust(void);

/* An error (55000) then; what begins its message. */
extern void mljobs_require_trusted(const char *what);

/*
 * The first time after a given one that a cron expression, in pg_cron's syntax,
 * is due in a time zone (of an interval of seconds: after + so many).
 * DT_NOBEGIN: not a cron expression; DT_NOEND: it is not due
 * within nine years.
 */
extern TimestampTz mljobs_next_cron_run(const char *expression, TimestampTz after, pg_tz *zone);

#endif							/* MLOPS_JOBS_H */
