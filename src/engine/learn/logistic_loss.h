/*-------------------------------------------------------------------------
 * logistic_loss.h
 *	  Margins of the training rows, and their gradients under the logistic
 *	  loss in whole numbers.
 *
 * Gradients and hessians are rounded to whole quanta up or down at random, with
 * a probability that keeps the expectation (stochastic rounding).  The random
 * number depends on seed, round and position alone.  A sum over n rows is off by at
 * most about sqrt(n) / 2 quanta; a quantum is 2^-17 of the largest possible
 * gradient, 2^-18 of the largest possible hessian.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_LOGISTIC_LOSS_H
#define MLOPS_LEARN_LOGISTIC_LOSS_H

#include "engine/learn/workspace.h"
#include "mlops/engine/learn.h"

typedef struct LogisticLoss
{
	size_t		n;				/* training rows */
	float	   *margin;			/* [n] log odds so far */
	float	   *signed_weight;	/* [n] weight of a row, negative for label 0, times: */
	double		weight_scale;	/* a power of two, 1 but for extreme weights */
	double	   *block_loss;		/* [blocks of rows] sums of weight * loss */
	double		total_weight;	/* times weight_scale */
	double		base_margin;	/* log odds of the weighted base rate */
	double		gradient_unit;	/* what one quantum is worth */
	double		hessian_unit;
} LogisticLoss;

extern void logistic_loss_allocate(LogisticLoss *loss, Workspace *workspace, size_t n);

/*
 * Reads labels and weights, multiplies those of positives by
 * scale_pos_weight and sets every margin to the base margin.
 * Errors: ML_BAD_DATA (no rows, one class, a label or weight that is none),
 * ML_ABORTED.
 */
extern MlStatus logistic_loss_start(MlContext *ctx, LogisticLoss *loss, const MlTask *task,
									double scale_pos_weight);

/*
 * Adds leaf_value[leaf[i]] to the margins (leaf NULL: nothing), then computes
 * the packed gradients [n] of all rows (gradient NULL: none).  mean_loss, if
 * not NULL, receives the weighted mean log loss.  Errors: ML_ABORTED.
 */
extern MlStatus logistic_loss_advance(MlContext *ctx, LogisticLoss *loss,
									  const uint16_t *leaf, const float *leaf_value,
									  uint64_t key, uint64_t *gradient, double *mean_loss);

#endif							/* MLOPS_LEARN_LOGISTIC_LOSS_H */
