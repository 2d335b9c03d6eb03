/*
 * plan.h
 *	  Step 2 of a training: which columns of the source are read, and what for
 *	  (private to train).
 *
 * Takes the request.  Gives a ReadPlan, in the current memory context.  Raises names
 * that the source lacks, types that do not suit a role, columns in two roles, and
 * a source without features (42703, 42804, 22023).  Says which columns are left
 * out because of their type or of a trigger that fills them.
 */
#ifndef MLOPS_TRAIN_PLAN_H
#define MLOPS_TRAIN_PLAN_H

#include "postgres.h"

#include "mlops/ingest.h"
#include "train/journal.h"
#include "train/request.h"

/* Columns of the data set by role, -1: none. */
typedef struct Roles
{
	int			target;
	int			key;
	int			time;
	int			weight;
	int			fold;
	int			group;
	int			cost_false_positive;
	int			cost_false_negative;
} Roles;

typedef struct ReadPlan
{
	MlSource   *source;
	int			n_columns;		/* of the data set */
	MlReadColumn *columns;
	int			n_features;
	uint32_t   *features;		/* columns that may become inputs */
	const char *history;		/* JSON: how features are computed from a row, see mlops/features.h; NULL:
								 * they are columns */
	const MlPositive *positive; /* NULL: boolean or 0/1 */
	Roles		roles;
} ReadPlan;

/* Describes the source and gives every column its roles. */
extern void mltrain_plan(Journal *journal, const Request *request, ReadPlan *plan);

#endif							/* MLOPS_TRAIN_PLAN_H */
