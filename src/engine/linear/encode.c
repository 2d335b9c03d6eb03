/*-------------------------------------------------------------------------
 * encode.c
 *	  From a linear model to bytes.
 *
 * Terms are kept as they were learned, to be shown; what scoring needs is folded
 * from them by feature.
 *-------------------------------------------------------------------------
 */
#include "layout.h"

/* A linear feature is taken by code if any of its terms is a level. */
static bool
taken_by_code(const MlLinear *linear, size_t feature)
{
	for (size_t t = 0; t < linear->n_terms; t++)
	{
		if (linear->terms[t].feature == feature && linear->terms[t].kind == ML_TERM_LEVEL)
			return true;
	}
	return false;
}

/*
 * n [LINEAR_SECTIONS] gets the elements of each section, 0 before.  There is no
 * plan to keep.
 */
MlStatus
linear_plan(MlContext *ctx, const MlSignature *signature, const void *body, uint64_t *n, void **plan)
{
	const MlLinear *model = (const MlLinear *) body;

	n[LINEAR_INTERCEPT] = 1;
	n[LINEAR_TERMS] = model->n_terms;
	n[LINEAR_FEATURES] = signature->n_features;
	for (size_t f = 0; f < signature->n_features; f++)
	{
		if (taken_by_code(model, f))
			n[LINEAR_LEVELS] += signature->features[f].n_bins + 1;
	}
	return ML_OK;
}

/*
 * Sections are 0 before.  An indicator of missing values of a feature taken by code
 * is the level of that code.
 */
void
linear_write(const MlSignature *signature, const void *body, void *plan, void *const *at)
{
	const MlLinear *model = (const MlLinear *) body;
	TermRecord *terms = (TermRecord *) at[LINEAR_TERMS];
	LinearRecord *linear = (LinearRecord *) at[LINEAR_FEATURES];
	double	   *levels = (double *) at[LINEAR_LEVELS];
	uint32_t	n_levels = 0;

	*(InterceptRecord *) at[LINEAR_INTERCEPT] = (InterceptRecord) {model->intercept, model->intercept_error};
	for (size_t f = 0; f < signature->n_features; f++)
	{
		linear[f].first_level = n_levels;
		if (taken_by_code(model, f))
			linear[f].n_levels = signature->features[f].n_bins + 1;
		n_levels += linear[f].n_levels;
	}
	for (size_t t = 0; t < model->n_terms; t++)
	{
		const MlTerm *term = &model->terms[t];
		LinearRecord *record = &linear[term->feature];

		terms[t] = (TermRecord) {term->feature, term->kind, term->code, 0, term->mean, term->scale,
		term->coefficient, term->standard_error};
		if (term->kind == ML_TERM_VALUE)
		{
			record->slope += term->coefficient / term->scale;
			record->offset -= term->coefficient / term->scale * term->mean;
		}
		else if (term->kind == ML_TERM_LEVEL)
			levels[record->first_level + term->code] += term->coefficient;
		else if (record->n_levels > 0)
			levels[record->first_level + ML_CODE_MISSING] += term->coefficient;
		else
			record->missing += term->coefficient;
	}
}
