/*
 * tune_shared.h
 *	  What the leader of a tuning and its workers share (private to train).
 *
 * One dynamic shared memory segment holds everything: this header, the frozen
 * data, the study's description, the pruner's board, and two queues for each
 * worker.  The segment belongs to the leader's resource owner: when the leader
 * ends, by an error too, it is detached, which terminates the workers.
 *
 * The leader alone asks and tells; a worker waits for an assignment, runs and
 * commits the trial, and answers.  Assignments and answers never overlap, so a
 * worker has at most one of each in its queues.  The board is written without
 * locks: each trial's cells by its worker alone, 8 bytes at a time.
 */
#ifndef MLOPS_TRAIN_TUNE_SHARED_H
#define MLOPS_TRAIN_TUNE_SHARED_H

#include "postgres.h"

#include "mlops/engine/data.h"
#include "mlops/engine/eval.h"
#include "mlops/engine/tune.h"

#define TUNE_QUEUE_SIZE 65536
#define TUNE_MAGIC (0x74756e00 ^ (uint32) sizeof(TuneShared))

typedef struct TuneShared
{
	uint32		magic;			/* TUNE_MAGIC: leader and worker run the same library */
	Size		size;			/* of the segment */
	/* who the leader is */
	Oid			database;
	Oid			authenticated_user;
	Oid			current_user;
	int			security_context;
	/* how to run a trial */
	uint64		seed;
	MlMetric	metric;
	double		class_weight[2];
	int			threads;
	int			memory_kb;
	bool		with_blas;
	char		model[NAMEDATALEN];
	int64		job_id;			/* that the leader works for, 0: none */
	int64		study_id;		/* set by the leader once a worker has opened it */
	MlPruner	pruner;
	size_t		n_trials;
	/* offsets from the segment's start */
	Size		frozen;
	Size		details;		/* JSON text, zero-terminated */
	Size		board;			/* double [n_trials][pruner.n_rungs] */
	Size		queues;			/* 2 * TUNE_QUEUE_SIZE for each worker: to it, from it */
} TuneShared;

static inline void *
tune_at(TuneShared *shared, Size offset)
{
	return (char *) shared + offset;
}

/* Queue number `worker`, to the worker (0) or from it (1). */
static inline void *
tune_queue(TuneShared *shared, int worker, int direction)
{
	return tune_at(shared, shared->queues + (2 * worker + direction) * (Size) TUNE_QUEUE_SIZE);
}

typedef enum TuneOrder
{
	TUNE_OPEN_STUDY,			/* find or make the study's row */
	TUNE_RUN_TRIAL
} TuneOrder;

/* To a worker; text follows. */
typedef struct TuneAssignment
{
	TuneOrder	order;
	int			number;			/* of the trial */
	int			view;
	/* JSON text: {"algorithm": "...", "given": {parameters}, "params": {varied
	 * ones}, "point": [...]} */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} TuneAssignment;

/* From a worker; the error's text follows. */
typedef struct TuneAnswer
{
	bool		raise;			/* an error of the worker itself, not of a trial */
	int			sqlerrcode;
	int			number;
	MlTrialState state;
	double		value;
	int			steps;
	int64		study_id;
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* "": no error */
} TuneAnswer;

#endif							/* MLOPS_TRAIN_TUNE_SHARED_H */
