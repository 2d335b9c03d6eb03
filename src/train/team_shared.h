/*
 * team_shared.h
 *	  What the leader of a tuning or a cross-validation and its workers share
 *	  (private to train).
 *
 * It takes nothing and gives the layout only; who owns what is said here.
 *
 * One dynamic shared memory segment holds everything: this header, the frozen
 * data, a tuning's description and its pruner's board, and two queues for each
 * worker.  The segment belongs to the leader's resource owner: when the leader
 * ends, by an error too, it is detached, which terminates the workers.
 *
 * A worker waits for an assignment, runs it and answers.  Assignments and
 * answers never overlap, so a worker has at most one of each in its queues.
 * The board is written without locks: each trial's cells by its worker alone,
 * 8 bytes at a time.
 */
#ifndef MLOPS_TRAIN_TEAM_SHARED_H
#define MLOPS_TRAIN_TEAM_SHARED_H

#include "postgres.h"

#include "pgtime.h"

#include "mlops/engine/data.h"
#include "mlops/engine/eval.h"
#include "mlops/engine/tune.h"
#include "mlops/train.h"
#include "train/plan.h"

#define TEAM_QUEUE_SIZE 65536
#define TEAM_MAGIC (0x7465616d ^ (uint32) sizeof(TeamShared))

typedef struct TeamShared
{
	uint32		magic;			/* TEAM_MAGIC: leader and worker run the same library */
	Size		size;			/* of the segment */
	char		task[NAMEDATALEN];	/* "tuning" or "cross-validation" */
	/* who the leader is */
	Oid			database;
	Oid			authenticated_user;
	Oid			current_user;
	Oid			person;
	MlCaller	caller;
	Oid			extension;		/* that the leader keeps */
	int			security_context;
	int64		job_id;			/* that the leader works for, 0: none */
	/* how to train */
	int			threads;
	int			memory_kb;
	bool		with_blas;
	uint64		seed;
	MlMetric	metric;
	MlPreprocessRequest preprocess;
	MlThresholdPolicy policy;
	double		validation;		/* share of the rows that was asked for */
	Roles		roles;
	int			n_features;		/* columns that may become inputs */
	char		model[NAMEDATALEN];
	char		target[NAMEDATALEN];
	char		zone[TZ_STRLEN_MAX + 1];
	/* a tuning */
	int64		study_id;		/* set by the leader once a worker has opened it */
	int			n_folds;		/* views of a trial; 0: it has one and no folds */
	MlPruner	pruner;
	size_t		n_trials;
	/* offsets from the segment's start */
	Size		frozen;
	Size		features;		/* uint32 [n_features] */
	Size		details;		/* JSON text, zero-terminated */
	Size		board;			/* double [n_trials][pruner.n_rungs] */
	Size		queues;			/* 2 * TEAM_QUEUE_SIZE for each worker: to it, from it */
} TeamShared;

static inline void *
team_at(TeamShared *shared, Size offset)
{
	return (char *) shared + offset;
}

/* What a trial has reported to the pruner, by rung. */
static inline double *
team_board(TeamShared *shared, size_t trial)
{
	return (double *) team_at(shared, shared->board) + trial * shared->pruner.n_rungs;
}

/* Queue number `worker`, to the worker (0) or from it (1). */
static inline void *
team_queue(TeamShared *shared, int worker, int direction)
{
	return team_at(shared, shared->queues + (2 * worker + direction) * (Size) TEAM_QUEUE_SIZE);
}

typedef enum TeamOrder
{
	TEAM_OPEN_STUDY,			/* find or make the study's row */
	TEAM_RUN_TRIAL,				/* learn on n_folds views, record */
	TEAM_RUN_FOLD				/* learn on one view and judge it fully */
} TeamOrder;

/* To a worker; text follows. */
typedef struct TeamAssignment
{
	TeamOrder	order;
	int			number;			/* of the trial, or the fold */
	int			view;			/* the first one */
	/* JSON text: {"algorithm": "...", "given": {parameters}}, for a trial also "params": {varied
	 * ones}, "point": [...] */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} TeamAssignment;

/* From a worker; a text follows. */
typedef struct TeamAnswer
{
	bool		raise;			/* an error of the worker itself, not of a trial */
	int			sqlerrcode;
	int			number;
	MlTrialState state;			/* TEAM_RUN_TRIAL */
	double		value;
	int			steps;
	int64		study_id;		/* TEAM_OPEN_STUDY */
	MlFoldResult fold;			/* TEAM_RUN_FOLD */
	/* a trial's error; what a fold tells the user; to raise: message, detail and hint, each ended
	 * by TEAM_FIELD */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} TeamAnswer;

#define TEAM_FIELD '\x1f'

#endif							/* MLOPS_TRAIN_TEAM_SHARED_H */
