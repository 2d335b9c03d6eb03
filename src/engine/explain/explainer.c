/*-------------------------------------------------------------------------
 * explainer.c
 *	  What the explainers of all families have in common: from a margin to log
 *	  odds of the score.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/explain.h"
#include "mlops/engine/family.h"

struct MlExplainer
{
	const MlModel *model;
	const void *prepared;		/* by the family */
	double		base;			/* in log odds of the score */
};

/* In ctx->arena, where the family's own preparation is too; the model must live as long. */
MlStatus
ml_explainer_create(MlContext *ctx, const MlModel *model, MlExplainer **explainer)
{
	MlExplainer *e = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlExplainer));
	double		base = 0;
	MlStatus	status;

	if (e == NULL)
		return ml_fail_memory(ctx);
	e->model = model;
	status = model->family->prepare(ctx, model, model->state, &base, &e->prepared);
	e->base = model->margin_scale * base + model->margin_offset;
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
	return e->model->family->explain_scratch_size(e->model, e->model->state, e->prepared);
}

/*
 * Families explain the margin; a score's log odds are margin_scale times it, and so
 * are contributions.  The offset belongs to the base.
 */
MlStatus
ml_explain(MlContext *ctx, const MlExplainer *e, const MlValue *values, void *scratch,
		   double *contribution)
{
	const MlModel *m = e->model;
	MlStatus	status;

	memset(contribution, 0, m->n_inputs * sizeof(double));
	status = m->family->explain(ctx, m, m->state, e->prepared, values, scratch, contribution);
	for (size_t i = 0; i < m->n_inputs; i++)
		contribution[i] *= m->margin_scale;
	return status;
}
