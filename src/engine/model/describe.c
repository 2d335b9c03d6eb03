/*-------------------------------------------------------------------------
 * describe.c
 *	  What a verified model says about itself.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "format.h"

const char *
ml_model_algorithm(const MlModel *m)
{
	return m->strings + m->algorithm.offset;
}

double
ml_model_threshold(const MlModel *m)
{
	return m->threshold;
}

const uint64_t *
ml_model_score_counts(const MlModel *m)
{
	return m->score_counts;
}

const char *
ml_model_time_zone(const MlModel *m)
{
	return m->strings + m->time_zone.offset;
}

const char *
ml_model_history(const MlModel *m, size_t *size)
{
	*size = m->n_history;
	return m->history;
}

size_t
ml_model_n_inputs(const MlModel *m)
{
	return m->n_inputs;
}

const char *
ml_model_input_name(const MlModel *m, size_t input)
{
	return m->strings + m->inputs[input].name.offset;
}

const char *
ml_model_input_type(const MlModel *m, size_t input)
{
	return m->strings + m->inputs[input].type.offset;
}

MlColumnKind
ml_model_input_kind(const MlModel *m, size_t input)
{
	return (MlColumnKind) m->inputs[input].kind;
}

size_t
ml_model_n_features(const MlModel *m)
{
	return m->n_features;
}

const char *
ml_model_feature_name(const MlModel *m, size_t feature)
{
	return m->strings + m->features[feature].name.offset;
}

/*
 * Linear probing of at most CATEGORY_MOST_STEPS: what stands further away was left
 * out by the encoder.
 */
uint32_t
ml_model_category(const MlModel *m, size_t input, const void *bytes, size_t size)
{
	const InputRecord *record = &m->inputs[input];
	const uint32_t *hash = m->hash + record->first_hash;
	uint32_t	slot = category_slot(bytes, size, record->n_hash);

	for (int step = 0; hash[slot] != 0 && step <= CATEGORY_MOST_STEPS; step++)
	{
		MlStringRef ref = m->categories[record->first_category + hash[slot] - 1];

		if (ref.size == size && memcmp(m->strings + ref.offset, bytes, size) == 0)
			return hash[slot];
		slot = (slot + 1) & (record->n_hash - 1);
	}
	return record->n_categories + 1;
}

uint32_t
ml_model_n_categories(const MlModel *m, size_t input)
{
	return m->inputs[input].n_categories;
}

double
ml_model_statistic(const MlModel *m, uint32_t input, uint32_t code)
{
	const InputRecord *record = &m->inputs[input];

	if (code == ML_CODE_MISSING)
		return NAN;
	return code > record->n_categories ? m->statistics[0] : m->statistics[record->first_category + code];
}

uint32_t
ml_model_n_others(const MlModel *m, size_t input)
{
	return m->inputs[input].n_others;
}

/* Bisection of rising hashes. */
bool
ml_model_other(const MlModel *m, size_t input, const void *bytes, size_t size, uint32_t *place)
{
	const InputRecord *record = &m->inputs[input];
	const uint32_t *other = m->hash + record->first_hash + record->n_hash;
	uint32_t	wanted = ml_category_hash(bytes, size);
	uint32_t	low = 0;
	uint32_t	high = record->n_others;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (other[middle] == wanted)
		{
			*place = middle;
			return true;
		}
		if (other[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
ml_model_importance(const MlModel *m, double *gain, uint64_t *splits)
{
	memset(gain, 0, m->n_features * sizeof(double));
	memset(splits, 0, m->n_features * sizeof(uint64_t));
	return m->family->importance && m->family->importance(m->state, gain, splits);
}

size_t
ml_model_n_terms(const MlModel *m)
{
	return m->family->n_terms ? m->family->n_terms(m->state) : 0;
}

void
ml_model_term(const MlModel *m, size_t term, MlModelTerm *out)
{
	memset(out, 0, sizeof(*out));
	m->family->term(m, m->state, term, out);
}

/* Arrays are the model's. */
void
ml_model_feature_baseline(const MlModel *m, size_t feature, MlFeatureBaseline *out)
{
	const MlFeatureRecord *record = &m->features[feature];

	out->input = record->input;
	out->part = (MlFeaturePart) record->part;
	out->categorical = record->categorical != 0;
	out->n_bins = record->n_bins;
	out->edges = out->categorical ? NULL : m->edges + record->first_edge;
	out->counts = m->counts + record->first_count;
	out->mean = record->mean;
	out->std = record->std;
	out->minimum = record->minimum;
	out->maximum = record->maximum;
	/* in format 1 the maximum of a category was this */
	out->singles = !out->categorical ? 0
		: m->has_singles ? out->counts[out->n_bins + 1]
		: record->maximum > 0 && record->maximum < 0x1p53 ? (uint64_t) record->maximum : 0;
}

const char *
ml_model_category_bytes(const MlModel *m, size_t input, uint32_t code, size_t *size)
{
	const InputRecord *record = &m->inputs[input];
	MlStringRef ref;

	if (code < 1 || code > record->n_categories)
		return NULL;
	ref = m->categories[record->first_category + code - 1];
	*size = ref.size;
	return m->strings + ref.offset;
}
