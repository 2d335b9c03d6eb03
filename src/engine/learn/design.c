/*-------------------------------------------------------------------------
 * design.c
 *	  The columns of a linear model: standardised numbers with an indicator for
 *	  missing ones, and a column for each level of a category, an hour or a
 *	  weekday.  Without an L2 penalty coefficients of all levels would not be
 *	  unique, so the most frequent one has none.
 *
 * The whole matrix is never held: tiles are made anew in each iteration, from
 * the data set (numbers) and the binned matrix (levels).
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "design.h"

/* Are the feature's codes levels rather than a scale? */
static bool
has_levels(const MlFeature *feature)
{
	return feature->categorical || feature->part == ML_FEATURE_HOUR ||
		feature->part == ML_FEATURE_WEEKDAY;
}

size_t
design_count_terms(const MlSignature *signature)
{
	size_t		n = 0;

	for (size_t f = 0; f < signature->n_features; f++)
		n += has_levels(&signature->features[f]) ? signature->features[f].n_bins + 1 : 2;
	return n;
}

/* The level that others are compared with: the most frequent, of equals the first. */
static uint32_t
reference_level(const MlFeature *feature)
{
	uint32_t	reference = 0;

	for (uint32_t code = 1; code <= feature->n_bins; code++)
	{
		if (feature->code_counts[code] > feature->code_counts[reference])
			reference = code;
	}
	return reference;
}

/* Appends a term.  Only values are centred and scaled; indicators stay 0 and 1. */
static void
add_term(Design *design, uint32_t feature, MlTermKind kind, uint32_t code)
{
	const MlFeature *f = &design->task->signature->features[feature];
	MlTerm	   *term = &design->terms[design->n_terms++];

	memset(term, 0, sizeof(*term));
	term->feature = feature;
	term->kind = kind;
	term->code = code;
	term->mean = kind == ML_TERM_VALUE ? f->mean : 0;
	term->scale = kind == ML_TERM_VALUE ? f->std : 1;
}

void
design_plan(Design *design, const MlTask *task, bool all_levels, MlTerm *terms)
{
	design->task = task;
	design->terms = terms;
	design->n_terms = 0;
	for (uint32_t f = 0; f < task->signature->n_features; f++)
	{
		const MlFeature *feature = &task->signature->features[f];
		uint32_t	left_out = UINT32_MAX;

		if (!ml_feature_is_learned(task->signature, f))
			continue;
		if (!has_levels(feature))
		{
			if (feature->std > 0)
				add_term(design, f, ML_TERM_VALUE, 0);
			if (feature->code_counts[ML_CODE_MISSING] > 0)
				add_term(design, f, ML_TERM_MISSING, 0);
			continue;
		}
		if (!all_levels)
			left_out = reference_level(feature);
		for (uint32_t code = 0; code <= feature->n_bins; code++)
		{
			if (code != left_out && feature->code_counts[code] > 0)
				add_term(design, f, ML_TERM_LEVEL, code);
		}
	}
}

/*
 * One column of a tile, out [n]: standardised values, 0 (the mean) where missing.
 * A category with a statistic has what it was before the row itself was counted.
 */
static void
fill_value(const MlTask *task, const MlTerm *term, size_t first, size_t n, double *out)
{
	const MlFeature *feature = &task->signature->features[term->feature];
	const MlColumn *column = &task->dataset->columns[task->signature->input_column[feature->input]];

	for (size_t i = 0; i < n; i++)
	{
		double		value = feature->training_value ? feature->training_value[first + i]
			: ml_feature_number(feature->part, ml_column_number(column, task->train.row[first + i]));

		/* the difference of two huge numbers may be beyond double precision */
		out[i] = value != value ? 0
			: isfinite(value - term->mean) ? (value - term->mean) / term->scale
			: value / term->scale - term->mean / term->scale;
	}
}

/* O(n * n_terms). */
void
design_fill(const Design *design, size_t first, size_t n, double *tile)
{
	const MlTask *task = design->task;

	for (size_t t = 0; t < design->n_terms; t++)
	{
		const MlTerm *term = &design->terms[t];
		double	   *out = tile + t * n;

		if (term->kind == ML_TERM_VALUE)
			fill_value(task, term, first, n, out);
		else
		{
			/* an indicator of one code: of its own, or of missing */
			for (size_t i = 0; i < n; i++)
				out[i] = ml_binned_code(task->binned_train, first + i, term->feature) == term->code;
		}
	}
	for (size_t i = 0; i < n; i++)
		tile[design->n_terms * n + i] = 1;
}
