/*-------------------------------------------------------------------------
 * explain.h
 *	  Why a row scored as it did: what each input column contributed, in log
 *	  odds.
 *
 * Contributions are Shapley values.  For trees those of path-dependent TreeSHAP
 * (Lundberg, Erion, Lee: "Consistent individualized feature attribution for
 * tree ensembles", 2018): a feature that is not known is averaged over by the
 * training rows' weights (sums of hessians, as XGBoost does) at each split of
 * it.  For linear models what a feature adds beyond what it adds on average
 * over the training rows.  Features made of one input (hour and weekday of a
 * time, levels of a category, an indicator of missing values) are added up.
 *
 * With calibration and correction of the base rate included,
 *	 base + sum of contributions = log odds of ml_model_score.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_EXPLAIN_H
#define MLOPS_ENGINE_EXPLAIN_H

#include "mlops/engine/model.h"

/* A model made ready to explain rows; never changes. */
typedef struct MlExplainer MlExplainer;

/*
 * Makes it in ctx->arena, for trees about 30 bytes a node.  model must outlive it.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED, ML_INVALID_ARGUMENT (a path of a tree
 * uses more than ML_EXPLAIN_MAX_FEATURES features).
 */
extern MlStatus ml_explainer_create(MlContext *ctx, const MlModel *model,
									MlExplainer **explainer);

/* Log odds of a row of which nothing is known. */
extern double ml_explainer_base(const MlExplainer *explainer);

/* Bytes of working memory ml_explain needs (aligned to 8). */
extern size_t ml_explainer_scratch_size(const MlExplainer *explainer);

/*
 * Explains one row: values [n_inputs], contribution [n_inputs].  Allocates
 * nothing and takes no locks.  Errors: ML_ABORTED (asked for every few
 * milliseconds; models of usual size take less).
 */
extern MlStatus ml_explain(MlContext *ctx, const MlExplainer *explainer, const MlValue *values,
						   void *scratch, double *contribution);

#endif							/* MLOPS_ENGINE_EXPLAIN_H */
