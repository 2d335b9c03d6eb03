/*
 * worker.h
 *	  A background worker of a team, seen from what it runs (private to train).
 *
 * Takes an assignment; gives the request and the data that a step takes, made from
 * the frozen ones, and sends the answer.  An assignment's memory is the caller's to
 * release.  Raises what an assignment that the leader made cannot be.
 */
#ifndef MLOPS_TRAIN_WORKER_H
#define MLOPS_TRAIN_WORKER_H

#include "postgres.h"

#include "storage/shm_mq.h"

#include "train/prepare.h"
#include "train/team_shared.h"

typedef struct TeamWorker
{
	TeamShared *shared;
	shm_mq_handle *in;
	shm_mq_handle *out;
	MlContext  *ctx;
	MlFrozen	frozen;
	MlTrainRequest given;		/* as much of it as is shared */
} TeamWorker;

/*
 * Begins a transaction as the leader's user that runs an assignment; activity
 * is what pg_stat_activity says.
 */
extern void worker_begin(const TeamWorker *worker, const char *activity);

/* An assignment's learner and parameters, and the data; no rows yet. */
extern void worker_prepare(TeamWorker *worker, const TeamAssignment *assignment, Request *request, Data *data);

/* The rows of a view, and its signature and binned matrices if it has them. */
extern void worker_show(const TeamWorker *worker, int view, const Data *data, Prepared *prepared);

/* Tells the leader, which may be gone: then the process ends. */
extern void worker_answer(TeamWorker *worker, const TeamAnswer *answer, const char *text);

/* Ends the transaction and tells the leader. */
extern void worker_end(TeamWorker *worker, const TeamAnswer *answer, const char *text);

#endif							/* MLOPS_TRAIN_WORKER_H */
