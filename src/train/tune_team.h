/*
 * tune_team.h
 *	  The workers of a tuning, seen from its leader (private to train).
 */
#ifndef MLOPS_TRAIN_TUNE_TEAM_H
#define MLOPS_TRAIN_TUNE_TEAM_H

#include "train/tune_shared.h"

typedef struct TuneTeam TuneTeam;

/*
 * Makes a segment of shared->size bytes with a copy of *shared at its start and
 * empty queues for n workers.  It ends with the current resource owner, which
 * also terminates the workers.
 */
extern TuneTeam *tune_team_create(const TuneShared *shared, int n_workers);

/* The header in the segment. */
extern TuneShared *tune_team_shared(TuneTeam *team);

/*
 * Starts the workers; fewer than wanted if the server has no more slots, an
 * error if it has none.  Returns their number.
 */
extern int	tune_team_start(TuneTeam *team);

/* Hands an assignment to a worker that has none. */
extern void tune_team_assign(TuneTeam *team, int worker, TuneOrder order, int number, int view,
							 const char *text);

/* A worker without an assignment, -1 if all have one. */
extern int	tune_team_idle(const TuneTeam *team);

/* How many have an assignment? */
extern int	tune_team_busy(const TuneTeam *team);

/*
 * Waits for an answer, NULL if there is none within half a second.  Serves
 * interrupts.  A worker that is gone, or that reports an error of its own, is
 * an error here.  The answer lives until the next call.
 */
extern const TuneAnswer *tune_team_wait(TuneTeam *team);

/* Sends the workers home and waits until they are gone; frees the segment. */
extern void tune_team_dismiss(TuneTeam *team);

#endif							/* MLOPS_TRAIN_TUNE_TEAM_H */
