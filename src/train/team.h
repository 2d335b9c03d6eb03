/*
 * team.h
 *	  Background workers of a tuning or a cross-validation, seen from their
 *	  leader (private to train).
 *
 * Takes the request, the data and views of it.  Gives workers that learn, and their
 * answers.  Owns the segment, see team_shared.h.  Raises errors of the workers, and
 * 55000 where one has ended.
 */
#ifndef MLOPS_TRAIN_TEAM_H
#define MLOPS_TRAIN_TEAM_H

#include "train/team_shared.h"
#include "train/data.h"

typedef struct Team Team;

/* What a team is to work on, beside the request and the data. */
typedef struct TeamPlan
{
	const char *task;			/* "tuning": for names and messages */
	int			n_workers;
	size_t		n_views;
	const MlView *views;
	/* a tuning */
	const char *details;		/* JSON of the study */
	int			n_folds;
	MlPruner	pruner;
	size_t		n_trials;
} TeamPlan;

/* Workers to ask for: at most as many as there are assignments. */
extern int	team_size(int parallel, int n_assignments);

/*
 * Makes a segment with the data in the plan's views, an empty board and empty
 * queues.  It ends with the current resource owner, which also terminates the
 * workers.  The data is not needed any more by the team then.
 */
extern Team *team_create(const Request *request, const Data *data, const TeamPlan *plan);

/* The header in the segment. */
extern TeamShared *team_shared(Team *team);

/*
 * Starts the workers; fewer than wanted if the server has no more slots, maybe
 * none.  Returns their number.
 */
extern int	team_start(Team *team);

/* Hands an assignment to a worker that has none. */
extern void team_assign(Team *team, int worker, TeamOrder order, int number, int view,
						const char *text);

/* A worker without an assignment, -1 if all have one. */
extern int	team_idle(const Team *team);

/* How many have an assignment? */
extern int	team_busy(const Team *team);

/*
 * Waits for an answer, NULL if there is none within half a second.  Serves
 * interrupts.  A worker that is gone, or that reports an error of its own, is
 * an error here.  The answer lives until the next call.
 */
extern const TeamAnswer *team_wait(Team *team);

/* Sends the workers home and waits until they are gone; frees the segment. */
extern void team_dismiss(Team *team);

#endif							/* MLOPS_TRAIN_TEAM_H */
