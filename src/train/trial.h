/*
 * trial.h
 *	  A trial of a tuning, in a worker of its team (private to train).
 *
 * Takes an assignment.  Gives an answer and the trial's record, which is committed;
 * owns nothing when it returns.  Raises errors of the worker; what the parameters are
 * to blame for is a failed trial.
 */
#ifndef MLOPS_TRAIN_TRIAL_H
#define MLOPS_TRAIN_TRIAL_H

#include "postgres.h"

#include "train/worker.h"

/* Finds or makes the study's row. */
extern void trial_open_study(TeamWorker *worker);

/* Runs and records a trial. */
extern void trial_run(TeamWorker *worker, const TeamAssignment *assignment);

#endif							/* MLOPS_TRAIN_TRIAL_H */
