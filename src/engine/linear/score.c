/*-------------------------------------------------------------------------
 * score.c
 *	  Margins of linear models from the bytes, and what inputs contribute to them.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "layout.h"

/* What a feature adds, given its code.  A code beyond the levels counts as the last one. */
static double
linear_level(const Linear *l, const LinearRecord *linear, uint32_t code)
{
	if (linear->n_levels > 0)
		return l->levels[linear->first_level + (code < linear->n_levels ? code : linear->n_levels - 1)];
	return code == ML_CODE_MISSING ? linear->missing : 0;
}

/* What a feature adds to the margin of a row. */
static inline double
linear_part(const MlModel *m, const Linear *l, uint32_t f, const MlValue *values)
{
	const MlFeatureRecord *feature = &m->features[f];
	const LinearRecord *linear = &l->features[f];
	double		value;

	if (feature->categorical)
		return linear_level(l, linear, values[feature->input].code);
	value = ml_model_number(m, feature, values);
	if (linear->n_levels > 0)
		return linear_level(l, linear, ml_bin_number(m->edges + feature->first_edge,
													 feature->n_bins - 1, value));
	return value == value ? linear->slope * value + linear->offset : linear->missing;
}

/*
 * A margin whose parts are beyond double precision with different signs: the parts
 * are added up at a scale at which they are not.  Only its sign can be told: the
 * result is infinite or 0.
 */
static double
add_up_scaled(const MlModel *m, const Linear *l, const MlValue *values)
{
	double		scaled = l->intercept.value * 0x1p-600;

	for (uint32_t f = 0; f < m->n_features; f++)
	{
		const MlFeatureRecord *feature = &m->features[f];
		const LinearRecord *linear = &l->features[f];
		double		part = linear_part(m, l, f, values);

		if (isinf(part))
			scaled += linear->slope * 0x1p-600 * ml_model_number(m, feature, values);
		else
			scaled += part * 0x1p-600;
	}
	return scaled > 0 ? INFINITY : scaled < 0 ? -INFINITY : 0;
}

/*
 * The margin of a row: features in order, so that the same row has the same bits
 * whoever asks, by the bytes or by a layout.
 */
static inline double
add_up(const MlModel *m, const Linear *l, const MlValue *values)
{
	const LaidFeature *laid = (const LaidFeature *) m->layout;
	double		margin = l->intercept.value;

	for (uint32_t f = 0; f < m->n_features; f++)
	{
		if (laid && laid[f].plain)
		{
			double		value = values[laid[f].input].number;

			margin += value == value ? laid[f].slope * value + laid[f].offset : laid[f].missing;
		}
		else
			margin += linear_part(m, l, f, values);
	}
	return margin == margin ? margin : add_up_scaled(m, l, values);
}

size_t
linear_layout_size(const MlModel *m, const void *state)
{
	return (size_t) m->n_features * sizeof(LaidFeature);
}

/* All that a plain number needs is beside each other. */
void
linear_lay_out(const MlModel *m, const void *state, void *block)
{
	const Linear *l = (const Linear *) state;
	LaidFeature *laid = (LaidFeature *) block;

	for (uint32_t f = 0; f < m->n_features; f++)
	{
		const MlFeatureRecord *feature = &m->features[f];
		const LinearRecord *linear = &l->features[f];
		bool		plain = feature->categorical == 0 && feature->part == ML_FEATURE_VALUE && linear->n_levels == 0;

		laid[f] = (LaidFeature) {linear->slope, linear->offset, linear->missing, feature->input, plain};
	}
}

size_t
linear_scratch_size(const void *state)
{
	return 0;
}

double
linear_margin(const MlModel *m, const void *state, const MlValue *values, void *scratch)
{
	return add_up(m, state, values);
}

void
linear_margins(const MlModel *m, const void *state, size_t n, const MlValue *values, void *scratch, double *margin)
{
	for (size_t i = 0; i < n; i++, values += m->n_inputs)
		margin[i] = add_up(m, state, values);
}

/* ---------------------------------------------------------------- explaining */

/* What each feature adds on average over the training rows: [n_features]. */
static void
add_up_means(const MlModel *m, const Linear *l, double *mean)
{
	for (uint32_t f = 0; f < m->n_features; f++)
	{
		const MlFeatureRecord *feature = &m->features[f];
		const LinearRecord *linear = &l->features[f];
		const uint64_t *counts = m->counts + feature->first_count;
		bool		by_code = feature->categorical || linear->n_levels > 0;
		double		present = linear->slope * feature->mean + linear->offset;
		double		sum = 0;
		double		rows = 0;

		for (uint32_t code = 0; code <= feature->n_bins; code++)
		{
			double		part = by_code ? linear_level(l, linear, code)
			: code == ML_CODE_MISSING ? linear->missing : present;

			sum += (double) counts[code] * part;
			rows += (double) counts[code];
		}
		mean[f] = rows > 0 ? sum / rows : 0;
	}
}

/*
 * *prepared: means [n_features], in ctx->arena; their sum and the intercept are the
 * margin of the average row.
 */
MlStatus
linear_prepare(MlContext *ctx, const MlModel *m, const void *state, double *base, const void **prepared)
{
	const Linear *l = (const Linear *) state;
	double	   *mean = ml_arena_alloc_array(ctx->arena, m->n_features, sizeof(double));

	if (mean == NULL)
		return ml_fail_memory(ctx);
	add_up_means(m, l, mean);
	*base = l->intercept.value;
	for (uint32_t f = 0; f < m->n_features; f++)
		*base += mean[f];
	*prepared = mean;
	return ML_OK;
}

size_t
linear_explain_scratch_size(const MlModel *m, const void *state, const void *prepared)
{
	return 0;
}

/*
 * A feature contributes what it adds beyond its mean: with a sum of features these
 * are the exact Shapley values of independent ones.
 */
MlStatus
linear_explain(MlContext *ctx, const MlModel *m, const void *state, const void *prepared,
			   const MlValue *values, void *scratch, double *contribution)
{
	const Linear *l = (const Linear *) state;
	const double *mean = (const double *) prepared;

	for (uint32_t f = 0; f < m->n_features; f++)
		contribution[m->features[f].input] += linear_part(m, l, f, values) - mean[f];
	return ML_OK;
}
