/*-------------------------------------------------------------------------
 * explainer.c
 *	  The explainer of a model: which kind it is, base and scale, and linear
 *	  models' contributions.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "explainer.h"

static MlStatus
prepare_linear(MlContext *ctx, MlExplainer *e)
{
	e->n_features = ml_model_n_features(e->model);
	e->input_of_feature = ml_arena_alloc_array(ctx->arena, e->n_features, sizeof(uint32_t));
	e->mean_part = ml_arena_alloc_array(ctx->arena, e->n_features, sizeof(double));
	if (e->input_of_feature == NULL || e->mean_part == NULL)
		return ml_fail_memory(ctx);
	ml_model_linear_means(e->model, e->mean_part);
	for (size_t f = 0; f < e->n_features; f++)
	{
		MlFeatureBaseline baseline;

		ml_model_feature_baseline(e->model, f, &baseline);
		e->input_of_feature[f] = baseline.input;
		e->base += e->mean_part[f];
	}
	return ML_OK;
}

MlStatus
ml_explainer_create(MlContext *ctx, const MlModel *model, MlExplainer **explainer)
{
	MlExplainer *e = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlExplainer));
	MlModelMargin margin = ml_model_margin(model);
	MlStatus	status;

	if (e == NULL)
		return ml_fail_memory(ctx);
	e->model = model;
	e->n_inputs = ml_model_n_inputs(model);
	e->scale = margin.scale;
	e->base = margin.base;
	status = ml_model_is_linear(model) ? prepare_linear(ctx, e) : explain_prepare_trees(ctx, e);
	e->base = margin.scale * e->base + margin.offset;
	*explainer = e;
	return status;
}

double
ml_explainer_base(const MlExplainer *e)
{
	return e->base;
}

size_t
ml_explainer_scratch_size(const MlExplainer *e)
{
	return ml_model_is_linear(e->model) ? e->n_features * sizeof(double)
		: explain_trees_scratch_size(e);
}

static void
explain_linear(const MlExplainer *e, const MlValue *values, double *part, double *contribution)
{
	ml_model_linear_parts(e->model, values, part);
	for (size_t f = 0; f < e->n_features; f++)
		contribution[e->input_of_feature[f]] += part[f] - e->mean_part[f];
}

MlStatus
ml_explain(MlContext *ctx, const MlExplainer *e, const MlValue *values, void *scratch,
		   double *contribution)
{
	MlStatus	status = ML_OK;

	memset(contribution, 0, e->n_inputs * sizeof(double));
	if (ml_model_is_linear(e->model))
		explain_linear(e, values, scratch, contribution);
	else
		status = explain_trees(ctx, e, values, scratch, contribution);
	for (size_t i = 0; i < e->n_inputs; i++)
		contribution[i] *= e->scale;
	return status;
}
