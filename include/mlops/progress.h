/*-------------------------------------------------------------------------
 * progress.h
 *	  How far a long call is, for others to see: one slot a backend in shared
 *	  memory, shown by view mlops.job_progress.
 *
 * Every function is a cheap no-op outside of mlbase_progress_begin (or a job).
 * Unless mlops is preloaded there are no slots, and nobody else sees it.  A slot
 * is written by its own backend alone, without locks: a counter that is odd while
 * it is being written tells readers to read again, as PostgreSQL's own
 * pg_stat_activity does.
 *
 * What is begun inside of something begun stays unseen: the outermost call (a
 * tuning, say) tells how far it is, not the trainings that it makes.  A worker
 * of ours that takes part in somebody else's job calls mlbase_progress_job
 * with that job's id and then begins its own work: the view shows both.
 *
 * Main thread only.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PROGRESS_H
#define MLOPS_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#define MLOPS_PHASE_SIZE 32

/* Loops over rows tell how far they are every so many rows. */
#define MLOPS_PROGRESS_ROWS 4096

/*
 * A call that takes long has begun.  command is its name ("train"), subject
 * what it is about (a model's name, NULL: nothing).  It ends when the current
 * memory context is reset, so also by an error; or before by
 * mlbase_progress_end with what this returned.
 */
typedef struct MlProgressScope MlProgressScope;
extern MlProgressScope *mlbase_progress_begin(const char *command, const char *subject);
extern void mlbase_progress_end(MlProgressScope *scope);

/*
 * From here to its end the call tells who waits for it in a session how far it is,
 * by a notice every five seconds: not in a worker, which nobody hears, nor where
 * client_min_messages hides it, nor inside of another call.  Who has better words
 * asks whether it is time, and says them; true is answered once.
 */
extern void mlbase_progress_aloud(void);
extern bool mlbase_time_to_tell(void);

/*
 * A phase of it is done of total (0: not known) units far; metric is the
 * validation metric so far, NaN where there is none.  Call it as often as is
 * convenient, at least once a second, and where a notice may be sent: it costs less
 * than a microsecond.
 */
extern void mlbase_progress(const char *phase, double done, double total, double metric);

/* The total of the current phase is known now (an estimate will do), or done. */
extern void mlbase_progress_total(double total);
extern void mlbase_progress_done(double done);

/*
 * This backend works for a job from now on; 0: for none.  What it does outside
 * of any begun call is shown as phase "running".
 */
extern void mlbase_progress_job(int64 job_id);

/* The job this backend works for, 0: none. */
extern int64 mlbase_progress_current_job(void);

/* What a slot says, copied. */
typedef struct MlProgress
{
	int			pid;
	Oid			database;
	Oid			role;
	int64		job_id;			/* 0: not a job */
	char		command[NAMEDATALEN];	/* "": nothing but the job itself */
	char		subject[NAMEDATALEN];
	char		phase[MLOPS_PHASE_SIZE];
	double		done;
	double		total;			/* 0: not known; an estimate that may be passed */
	double		metric;			/* NaN: none */
	TimestampTz started_at;		/* the call, or the job */
	TimestampTz phase_started_at;
	TimestampTz updated_at;
} MlProgress;

/* What all backends say now: a List of MlProgress. */
extern List *mlbase_progress_read(void);

#endif							/* MLOPS_PROGRESS_H */
