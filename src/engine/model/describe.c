/*-------------------------------------------------------------------------
 * describe.c
 *	  What a verified model says about itself.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "format.h"

const char *
ml_model_algorithm(const MlModel *m)
{
	return m->strings + m->meta->algorithm.offset;
}

double
ml_model_threshold(const MlModel *m)
{
	return m->meta->threshold;
}

const uint64_t *
ml_model_score_counts(const MlModel *m)
{
	return m->meta->score_counts;
}

const char *
ml_model_time_zone(const MlModel *m)
{
	return m->strings + m->meta->time_zone.offset;
}

size_t
ml_model_n_inputs(const MlModel *m)
{
	return m->meta->n_inputs;
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
	return m->meta->n_features;
}

const char *
ml_model_feature_name(const MlModel *m, size_t feature)
{
	return m->strings + m->features[feature].name.offset;
}

size_t
ml_model_n_trees(const MlModel *m)
{
	return m->meta->n_trees;
}

uint32_t
ml_model_category(const MlModel *m, size_t input, const void *bytes, size_t size)
{
	const InputRecord *record = &m->inputs[input];
	const uint32_t *hash = m->hash + record->first_hash;
	uint32_t	slot = category_slot(bytes, size, record->n_hash);

	while (hash[slot] != 0)
	{
		StringRef	ref = m->categories[record->first_category + hash[slot] - 1];

		if (ref.size == size && memcmp(m->strings + ref.offset, bytes, size) == 0)
			return hash[slot];
		slot = (slot + 1) & (record->n_hash - 1);
	}
	return record->n_categories + 1;
}

uint32_t
ml_model_n_others(const MlModel *m, size_t input)
{
	return m->inputs[input].n_others;
}

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

void
ml_model_importance(const MlModel *m, double *gain, uint64_t *splits)
{
	memset(gain, 0, m->meta->n_features * sizeof(double));
	memset(splits, 0, m->meta->n_features * sizeof(uint64_t));
	for (uint32_t i = 0; i < m->meta->n_nodes; i++)
	{
		if (m->details[i].feature < 0)
			continue;
		gain[m->details[i].feature] += m->details[i].gain;
		splits[m->details[i].feature]++;
	}
}

size_t
ml_model_n_terms(const MlModel *m)
{
	return m->meta->n_terms;
}

/* Text of a level: category, hour or weekday. */
static const char *
level_text(const MlModel *m, const FeatureRecord *feature, uint32_t code, size_t *size)
{
	static const char digits[] = "0123456789101112131415161718192021222324";
	const InputRecord *input = &m->inputs[feature->input];
	StringRef	ref;

	if (code == ML_CODE_MISSING)
	{
		*size = strlen("(missing)");
		return "(missing)";
	}
	if (!feature->categorical)
	{
		/* bins of hours and weekdays hold one whole number each: the one at or
		 * below the bin's upper edge, the last one the feature's maximum */
		double		edge = code < feature->n_bins ? m->edges[feature->first_edge + code - 1] : feature->maximum;
		uint32_t	number = edge > 24 ? 24 : edge > 0 ? (uint32_t) edge : 0;

		*size = number < 10 ? 1 : 2;
		return number < 10 ? digits + number : digits + 10 + 2 * (number - 10);
	}
	if (code > input->n_categories)
	{
		*size = strlen("(other)");
		return "(other)";
	}
	ref = m->categories[input->first_category + code - 1];
	*size = ref.size;
	return m->strings + ref.offset;
}

void
ml_model_term(const MlModel *m, size_t term, MlModelTerm *out)
{
	const TermRecord *record = &m->terms[term];
	const FeatureRecord *feature;

	memset(out, 0, sizeof(*out));
	if (term == m->meta->n_terms)
	{
		out->feature = "(intercept)";
		out->coefficient = m->meta->base;
		out->standard_error = m->meta->base_error;
		return;
	}
	feature = &m->features[record->feature];
	out->feature = m->strings + feature->name.offset;
	out->kind = (MlTermKind) record->kind;
	out->mean = record->mean;
	out->scale = record->scale;
	out->coefficient = record->coefficient;
	out->standard_error = record->standard_error;
	if (out->kind == ML_TERM_LEVEL)
		out->level = level_text(m, feature, record->code, &out->level_size);
}

void
ml_model_feature_baseline(const MlModel *m, size_t feature, MlFeatureBaseline *out)
{
	const FeatureRecord *record = &m->features[feature];

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
	out->singles = out->categorical && record->maximum > 0 && record->maximum < 0x1p53 ? (uint64_t) record->maximum : 0;
}

const char *
ml_model_category_bytes(const MlModel *m, size_t input, uint32_t code, size_t *size)
{
	const InputRecord *record = &m->inputs[input];
	StringRef	ref;

	if (code < 1 || code > record->n_categories)
		return NULL;
	ref = m->categories[record->first_category + code - 1];
	*size = ref.size;
	return m->strings + ref.offset;
}

bool
ml_model_is_linear(const MlModel *m)
{
	return m->meta->linear != 0;
}

MlModelMargin
ml_model_margin(const MlModel *m)
{
	return (MlModelMargin) {m->meta->base, m->meta->margin_scale, m->meta->margin_offset};
}

MlModelTree
ml_model_tree(const MlModel *m, size_t tree)
{
	return (MlModelTree) {m->trees[tree].first_node, m->trees[tree].n_nodes};
}

MlModelNode
ml_model_node(const MlModel *m, uint32_t node)
{
	const DetailRecord *detail = &m->details[node];
	bool		leaf = detail->feature < 0;

	return (MlModelNode) {detail->feature, leaf ? node : NODE_LEFT(m->nodes[node]),
		leaf ? m->values[node] : 0, detail->cover, detail->count};
}
