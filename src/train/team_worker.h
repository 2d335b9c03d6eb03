/*
 * team_worker.h
 *	  A background worker of a team, seen from what it runs (private to train).
 */
#ifndef MLOPS_TRAIN_TEAM_WORKER_H
#define MLOPS_TRAIN_TEAM_WORKER_H

#include "storage/shm_mq.h"

#include "train/team_shared.h"
#include "train/training.h"

typedef struct TeamWorker
{
	TeamShared *shared;
	shm_mq_handle *in;
	shm_mq_handle *out;
	MlContext  *ctx;
	MlFrozen	frozen;
	MlTrainRequest request;
} TeamWorker;

/*
 * Begins a transaction as the leader's user that runs an assignment; activity
 * is what pg_stat_activity says.
 */
extern void worker_begin(const TeamWorker *worker, const char *activity);

/* A training with an assignment's learner and parameters; no rows yet. */
extern void worker_prepare(TeamWorker *worker, const TeamAssignment *assignment, Training *t);

/* The rows of a view, and its signature and binned matrices if it has them. */
extern void worker_show(TeamWorker *worker, int view, Training *t);

/* Ends the transaction and tells the leader, which may be gone: then the process ends. */
extern void worker_end(TeamWorker *worker, const TeamAnswer *answer, const char *text);

/* Finds or makes the study's row (trial.c). */
extern void trial_open_study(TeamWorker *worker);

/* Runs and records a trial (trial.c). */
extern void trial_run(TeamWorker *worker, const TeamAssignment *assignment);

#endif							/* MLOPS_TRAIN_TEAM_WORKER_H */
