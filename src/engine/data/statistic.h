/*
 * statistic.h
 *	  The target statistic of a category of many levels (private to data).
 */
#ifndef MLOPS_ENGINE_DATA_STATISTIC_H
#define MLOPS_ENGINE_DATA_STATISTIC_H

#include "mlops/engine/data.h"

/* What statistics of all categories have in common. */
typedef struct MlStatisticRows
{
	const MlDataset *dataset;
	MlRows		rows;			/* training rows */
	const float *label;			/* by data set row */
	bool		in_time_order;	/* rows are */
	uint64_t	seed;
	double		prior;			/* share of positives, neither 0 nor 1 */
} MlStatisticRows;

/* Sets the prior; a share of 0 or 1 is drawn half a row inwards. */
extern void ml_statistic_prior(MlStatisticRows *rows);

static inline double
ml_log_odds(double share)
{
	return log(share / (1 - share));
}

/*
 * Fits it to a column whose levels are an input's categories: statistic
 * [n_categories] from all rows, value [rows.n] of each row from those before it.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_statistic_fit(MlContext *ctx, const MlStatisticRows *rows, const MlColumn *column,
								 const MlInput *input, double *statistic, double *value);

#endif							/* MLOPS_ENGINE_DATA_STATISTIC_H */
