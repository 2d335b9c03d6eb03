/*-------------------------------------------------------------------------
 * family.c
 *	  Linear models as a family; their terms.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "layout.h"

static const MlSectionSpec sections[LINEAR_SECTIONS] = {
	[LINEAR_INTERCEPT] = {sizeof(InterceptRecord), ML_FORMER_BASE},
	[LINEAR_TERMS] = {sizeof(TermRecord), 15},
	[LINEAR_FEATURES] = {sizeof(LinearRecord), 16},
	[LINEAR_LEVELS] = {sizeof(double), 17},
};

static size_t
n_terms(const void *state)
{
	return ((const Linear *) state)->n_terms;
}

/*
 * Text of a level: category, hour or weekday; *size bytes, not terminated.  It is
 * constant or the model's.
 */
static const char *
level_text(const MlModel *m, uint32_t f, uint32_t code, size_t *size)
{
	static const char digits[] = "0123456789101112131415161718192021222324";
	const MlFeatureRecord *feature = &m->features[f];
	const char *category;

	if (code == ML_CODE_MISSING)
	{
		*size = strlen("(missing)");
		return "(missing)";
	}
	if (!feature->categorical)
	{
		/* bins of hours and weekdays hold one whole number each: the one at or below the bin's
		 * upper edge, the last one the feature's maximum */
		double		edge = code < feature->n_bins ? m->edges[feature->first_edge + code - 1] : feature->maximum;
		uint32_t	number = edge > 24 ? 24 : edge > 0 ? (uint32_t) edge : 0;

		*size = number < 10 ? 1 : 2;
		return number < 10 ? digits + number : digits + 10 + 2 * (number - 10);
	}
	category = ml_model_category_bytes(m, feature->input, code, size);
	if (category)
		return category;
	*size = strlen("(other)");
	return "(other)";
}

/* Term n of n_terms, the intercept being number n_terms; *out is 0 before. */
static void
term(const MlModel *m, const void *state, size_t n, MlModelTerm *out)
{
	const Linear *l = (const Linear *) state;
	const TermRecord *record = &l->terms[n];

	if (n == l->n_terms)
	{
		out->feature = "(intercept)";
		out->coefficient = l->intercept.value;
		out->standard_error = l->intercept.standard_error;
		return;
	}
	out->feature = ml_model_feature_name(m, record->feature);
	out->kind = (MlTermKind) record->kind;
	out->mean = record->mean;
	out->scale = record->scale;
	out->coefficient = record->coefficient;
	out->standard_error = record->standard_error;
	if (out->kind == ML_TERM_LEVEL)
		out->level = level_text(m, record->feature, record->code, &out->level_size);
}

const MlFamily ml_family_linear = {
	.id = 1,
	.name = "linear",
	.sections = sections,
	.n_sections = LINEAR_SECTIONS,
	.plan = linear_plan,
	.write = linear_write,
	.open = linear_open,
	.verify = linear_verify,
	.scratch_size = linear_scratch_size,
	.layout_size = linear_layout_size,
	.lay_out = linear_lay_out,
	.margin = linear_margin,
	.margins = linear_margins,
	.prepare = linear_prepare,
	.explain_scratch_size = linear_explain_scratch_size,
	.explain = linear_explain,
	.n_terms = n_terms,
	.term = term,
};
