/*-------------------------------------------------------------------------
 * encode.c
 *	  From a signature and a forest or linear model to bytes.
 *
 * Sizes are counted first, then one buffer is filled section by section.
 * Trees are laid out breadth first; only features and edges that splits use
 * are kept for scoring.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "format.h"

/* What is known before a byte is written. */
typedef struct Encoder
{
	MlContext  *ctx;
	const MlModelParts *parts;
	const MlSignature *signature;
	const MlForest *forest;
	const MlLinear *linear;
	uint64_t	length[SECTION_COUNT];
	uint8_t    *at[SECTION_COUNT];	/* where each section is written */
	size_t		n_nodes;
	size_t		n_slots;
	uint32_t   *slot_of_feature;	/* [n_features] UINT32_MAX: not used */
	uint8_t   (*new_bin)[ML_MAX_BINS + 1];	/* [n_features] bin among used edges */
	uint32_t   *n_slot_edges;	/* [n_features] */
	uint32_t	strings_used;
} Encoder;

/* ---------------------------------------------------------------- counting */

static bool
is_leaf(const MlTreeNode *node)
{
	return node->feature < 0;
}

/* Which edges of which features do splits use? */
static void
plan_slots(Encoder *e, uint8_t (*used)[ML_MAX_BINS + 1])
{
	for (size_t i = 0; i < e->n_nodes; i++)
	{
		const MlTreeNode *node = &e->forest->nodes[i];

		if (is_leaf(node))
			continue;
		e->slot_of_feature[node->feature] = 0;
		if (!node->categorical)
			used[node->feature][node->bin] = 1;
	}
	for (size_t f = 0; f < e->signature->n_features; f++)
	{
		const MlFeature *feature = &e->signature->features[f];
		uint32_t	n = 0;

		if (e->slot_of_feature[f] == UINT32_MAX)
			continue;
		e->slot_of_feature[f] = (uint32_t) e->n_slots++;
		/* bin b stands for edge b - 1; bin 0 and bin n_bins need no edge */
		for (uint32_t b = 1; !feature->categorical && b < feature->n_bins; b++)
		{
			n += used[f][b];
			e->new_bin[f][b] = (uint8_t) n;
		}
		e->new_bin[f][0] = 0;
		if (!feature->categorical)
			e->new_bin[f][feature->n_bins] = (uint8_t) (n + 1);
		e->n_slot_edges[f] = n;
		e->length[SECTION_SLOT_EDGES] += n * sizeof(double);
	}
}

static uint32_t
hash_size(uint32_t n_categories)
{
	uint32_t	size = 4;

	while (size < 2 * n_categories + 2)
		size *= 2;
	return size;
}

static void
count_signature(Encoder *e)
{
	const MlSignature *s = e->signature;
	uint64_t	strings = strlen(e->parts->algorithm) + strlen(s->time_zone) + 2;

	for (size_t i = 0; i < s->n_inputs; i++)
	{
		const MlInput *input = &s->inputs[i];

		strings += strlen(input->name) + strlen(input->type_name) + 2;
		if (input->kind != ML_COLUMN_CATEGORY)
			continue;
		for (uint32_t c = 0; c < input->n_categories; c++)
			strings += (uint64_t) input->category_size[c] + 1;
		e->length[SECTION_CATEGORIES] += input->n_categories * sizeof(StringRef);
		e->length[SECTION_HASH] += (hash_size(input->n_categories) + (uint64_t) input->n_others) * sizeof(uint32_t);
	}
	for (size_t f = 0; f < s->n_features; f++)
	{
		const MlFeature *feature = &s->features[f];

		strings += strlen(feature->name) + 1;
		if (!feature->categorical)
			e->length[SECTION_EDGES] += (feature->n_bins - 1) * sizeof(double);
		e->length[SECTION_COUNTS] += (feature->n_bins + 1) * sizeof(uint64_t);
	}
	e->length[SECTION_META] = sizeof(MetaRecord);
	e->length[SECTION_STRINGS] = strings;
	e->length[SECTION_INPUTS] = s->n_inputs * sizeof(InputRecord);
	e->length[SECTION_FEATURES] = s->n_features * sizeof(FeatureRecord);
}

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

static void
count_learner(Encoder *e)
{
	if (e->forest)
	{
		e->length[SECTION_SLOTS] = e->n_slots * sizeof(SlotRecord);
		e->length[SECTION_TREES] = e->forest->n_trees * sizeof(TreeRecord);
		e->length[SECTION_NODES] = e->n_nodes * sizeof(uint64_t);
		e->length[SECTION_VALUES] = e->n_nodes * sizeof(double);
		e->length[SECTION_SETS] = e->forest->n_sets * sizeof(uint64_t[4]);
		e->length[SECTION_DETAILS] = e->n_nodes * sizeof(DetailRecord);
		return;
	}
	e->length[SECTION_TERMS] = e->linear->n_terms * sizeof(TermRecord);
	e->length[SECTION_LINEAR] = e->signature->n_features * sizeof(LinearRecord);
	for (size_t f = 0; f < e->signature->n_features; f++)
	{
		if (taken_by_code(e->linear, f))
			e->length[SECTION_LEVELS] += (e->signature->features[f].n_bins + 1) * sizeof(double);
	}
}

/* ---------------------------------------------------------------- writing */

static StringRef
write_string(Encoder *e, const char *bytes, size_t size)
{
	StringRef	ref = {e->strings_used, (uint32_t) size};

	memcpy(e->at[SECTION_STRINGS] + e->strings_used, bytes, size);
	e->strings_used += (uint32_t) size + 1; /* the buffer is zeroed */
	return ref;
}

static void
write_meta(Encoder *e)
{
	MetaRecord *meta = (MetaRecord *) e->at[SECTION_META];

	meta->linear = e->linear != NULL;
	meta->n_inputs = (uint32_t) e->signature->n_inputs;
	meta->n_features = (uint32_t) e->signature->n_features;
	meta->n_slots = (uint32_t) e->n_slots;
	meta->n_trees = e->forest ? (uint32_t) e->forest->n_trees : 0;
	meta->n_nodes = (uint32_t) e->n_nodes;
	meta->n_sets = e->forest ? (uint32_t) e->forest->n_sets : 0;
	meta->n_terms = e->linear ? (uint32_t) e->linear->n_terms : 0;
	meta->algorithm = write_string(e, e->parts->algorithm, strlen(e->parts->algorithm));
	meta->time_zone = write_string(e, e->signature->time_zone, strlen(e->signature->time_zone));
	meta->base = e->forest ? e->forest->base_margin : e->linear->intercept;
	meta->base_error = e->linear ? e->linear->intercept_error : 0;
	meta->margin_scale = e->parts->margin_scale;
	meta->margin_offset = e->parts->margin_offset;
	meta->threshold = e->parts->threshold;
	if (e->parts->score_counts)
		memcpy(meta->score_counts, e->parts->score_counts, sizeof(meta->score_counts));
}

static void
write_inputs(Encoder *e)
{
	InputRecord *record = (InputRecord *) e->at[SECTION_INPUTS];
	StringRef  *category = (StringRef *) e->at[SECTION_CATEGORIES];
	uint32_t   *hash = (uint32_t *) e->at[SECTION_HASH];
	uint32_t	n_categories = 0;
	uint32_t	n_hash = 0;

	for (size_t i = 0; i < e->signature->n_inputs; i++, record++)
	{
		const MlInput *input = &e->signature->inputs[i];

		record->name = write_string(e, input->name, strlen(input->name));
		record->type = write_string(e, input->type_name, strlen(input->type_name));
		record->kind = input->kind;
		record->first_category = n_categories;
		record->first_hash = n_hash;
		if (input->kind != ML_COLUMN_CATEGORY)
			continue;
		record->n_categories = input->n_categories;
		record->n_hash = hash_size(input->n_categories);
		for (uint32_t c = 0; c < input->n_categories; c++)
		{
			uint32_t	slot = category_slot(input->category[c], input->category_size[c],
											 record->n_hash);

			category[n_categories + c] = write_string(e, input->category[c], input->category_size[c]);
			while (hash[n_hash + slot] != 0)
				slot = (slot + 1) & (record->n_hash - 1);
			hash[n_hash + slot] = c + 1;
		}
		record->n_others = input->n_others;
		if (input->n_others)
			memcpy(hash + n_hash + record->n_hash, input->others, input->n_others * sizeof(*input->others));
		n_categories += input->n_categories;
		n_hash += record->n_hash + record->n_others;
	}
}

static void
write_features(Encoder *e)
{
	FeatureRecord *record = (FeatureRecord *) e->at[SECTION_FEATURES];
	double	   *edges = (double *) e->at[SECTION_EDGES];
	uint64_t   *counts = (uint64_t *) e->at[SECTION_COUNTS];
	uint32_t	n_edges = 0;
	uint32_t	n_counts = 0;

	for (size_t f = 0; f < e->signature->n_features; f++, record++)
	{
		const MlFeature *feature = &e->signature->features[f];
		uint32_t	own_edges = feature->categorical ? 0 : feature->n_bins - 1;

		record->name = write_string(e, feature->name, strlen(feature->name));
		record->input = feature->input;
		record->part = feature->part;
		record->categorical = feature->categorical;
		record->n_bins = feature->n_bins;
		record->first_edge = n_edges;
		record->first_count = n_counts;
		record->mean = feature->mean;
		record->std = feature->std;
		record->minimum = feature->minimum;
		record->maximum = feature->categorical ? (double) feature->singles : feature->maximum;
		if (own_edges > 0)
			memcpy(edges + n_edges, feature->edges, own_edges * sizeof(double));
		memcpy(counts + n_counts, feature->code_counts, (feature->n_bins + 1) * sizeof(uint64_t));
		n_edges += own_edges;
		n_counts += feature->n_bins + 1;
	}
}

static void
write_slots(Encoder *e)
{
	SlotRecord *slots = (SlotRecord *) e->at[SECTION_SLOTS];
	double	   *edges = (double *) e->at[SECTION_SLOT_EDGES];
	uint32_t	n = 0;

	for (size_t f = 0; f < e->signature->n_features; f++)
	{
		const MlFeature *feature = &e->signature->features[f];

		if (e->slot_of_feature[f] == UINT32_MAX)
			continue;
		slots[e->slot_of_feature[f]] = (SlotRecord) {(uint32_t) f, n, e->n_slot_edges[f], 0};
		for (uint32_t b = 1; !feature->categorical && b < feature->n_bins; b++)
		{
			if (e->new_bin[f][b] > e->new_bin[f][b - 1])
				edges[n++] = feature->edges[b - 1];
		}
	}
}

/* Number of a copied set with the bit of missing values put in. */
static void
write_set(Encoder *e, const MlTreeNode *node)
{
	uint64_t   *set = (uint64_t *) e->at[SECTION_SETS] + 4 * (size_t) node->set;

	memcpy(set, e->forest->sets[node->set], sizeof(uint64_t[4]));
	set[0] = (set[0] & ~UINT64_C(1)) | node->missing_left;
}

static uint64_t
packed_split(const Encoder *e, const MlTreeNode *node, uint32_t left)
{
	uint32_t	slot = e->slot_of_feature[node->feature];
	uint8_t		bin;

	if (node->categorical)
		return node_pack(slot | NODE_CATEGORICAL, 0, 0, left);
	bin = e->new_bin[node->feature][node->bin];
	return node->missing_left ? node_pack(slot, 0, bin, left)
		: node_pack(slot, 1, (uint8_t) (bin - 1), left);
}

/* One tree, breadth first; order [n] is working memory. */
static void
write_tree(Encoder *e, size_t tree, uint32_t *order)
{
	uint32_t	first = e->forest->first_node[tree];
	uint32_t	n = e->forest->first_node[tree + 1] - first;
	const MlTreeNode *nodes = e->forest->nodes + first;
	uint64_t   *packed = (uint64_t *) e->at[SECTION_NODES] + first;
	double	   *values = (double *) e->at[SECTION_VALUES] + first;
	DetailRecord *details = (DetailRecord *) e->at[SECTION_DETAILS] + first;
	uint32_t	queued = 1;
	uint32_t	level_end = 1;
	uint32_t	depth = 0;

	order[0] = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		const MlTreeNode *node = &nodes[order[i]];

		if (i == level_end)
		{
			depth++;
			level_end = queued;
		}
		details[i].feature = node->feature;
		details[i].value = node->value;
		details[i].cover = node->cover;
		details[i].count = node->count;
		if (is_leaf(node))
		{
			packed[i] = node_pack(0, 0, 255, first + i);
			values[i] = node->value;
			continue;
		}
		details[i].bin = node->categorical ? 0 : node->bin;
		details[i].missing_left = node->missing_left;
		details[i].categorical = node->categorical;
		details[i].gain = node->gain;
		packed[i] = packed_split(e, node, first + queued);
		if (node->categorical)
		{
			uint64_t	set = node->set;

			write_set(e, node);
			memcpy(&values[i], &set, sizeof(set));
		}
		order[queued++] = node->left;
		order[queued++] = node->right;
	}
	((TreeRecord *) e->at[SECTION_TREES])[tree] = (TreeRecord) {first, n, depth, 0};
}

static void
write_linear(Encoder *e)
{
	TermRecord *terms = (TermRecord *) e->at[SECTION_TERMS];
	LinearRecord *linear = (LinearRecord *) e->at[SECTION_LINEAR];
	double	   *levels = (double *) e->at[SECTION_LEVELS];
	uint32_t	n_levels = 0;

	for (size_t f = 0; f < e->signature->n_features; f++)
	{
		linear[f].first_level = n_levels;
		if (taken_by_code(e->linear, f))
			linear[f].n_levels = e->signature->features[f].n_bins + 1;
		n_levels += linear[f].n_levels;
	}
	for (size_t t = 0; t < e->linear->n_terms; t++)
	{
		const MlTerm *term = &e->linear->terms[t];
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

/* ---------------------------------------------------------------- all of it */

static uint64_t
aligned(uint64_t size)
{
	return (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
}

static void
write_header(Encoder *e, uint8_t *bytes, uint64_t size)
{
	HeaderRecord *header = (HeaderRecord *) bytes;
	SectionRecord *table = (SectionRecord *) (bytes + sizeof(HeaderRecord));

	memcpy(header->magic, MODEL_MAGIC, sizeof(header->magic));
	header->format = ML_MODEL_FORMAT;
	header->n_sections = SECTION_COUNT;
	header->size = size;
	for (int s = 0; s < SECTION_COUNT; s++)
		table[s] = (SectionRecord) {(uint64_t) (e->at[s] - bytes), e->length[s],
		ml_crc32c(0, e->at[s], e->length[s]), 0};
	header->crc = ml_crc32c(0, bytes, sizeof(HeaderRecord) + SECTION_COUNT * sizeof(SectionRecord));
}

static MlStatus
plan(Encoder *e)
{
	size_t		n_features = e->signature->n_features;
	uint8_t   (*used)[ML_MAX_BINS + 1];

	e->slot_of_feature = ml_arena_alloc_array(e->ctx->arena, n_features, sizeof(uint32_t));
	e->new_bin = ml_arena_alloc_zeroed(e->ctx->arena, n_features, sizeof(*e->new_bin));
	e->n_slot_edges = ml_arena_alloc_zeroed(e->ctx->arena, n_features, sizeof(uint32_t));
	used = ml_arena_alloc_zeroed(e->ctx->arena, n_features, sizeof(*used));
	if (e->slot_of_feature == NULL || e->new_bin == NULL || e->n_slot_edges == NULL || used == NULL)
		return ml_fail_memory(e->ctx);
	memset(e->slot_of_feature, 0xFF, n_features * sizeof(uint32_t));
	if (e->forest)
	{
		e->n_nodes = e->forest->first_node[e->forest->n_trees];
		plan_slots(e, used);
	}
	count_signature(e);
	count_learner(e);
	if (e->n_slots > MAX_SLOTS)
		return ml_fail(e->ctx, ML_INVALID_ARGUMENT,
					   "the model uses %zu features, %d are allowed", e->n_slots, MAX_SLOTS);
	return ML_OK;
}

static MlStatus
write_sections(Encoder *e)
{
	write_meta(e);
	write_inputs(e);
	write_features(e);
	if (e->forest)
	{
		uint32_t   *order = ml_arena_alloc_array(e->ctx->arena, e->n_nodes, sizeof(uint32_t));

		if (order == NULL)
			return ml_fail_memory(e->ctx);
		write_slots(e);
		for (size_t t = 0; t < e->forest->n_trees; t++)
			write_tree(e, t, order);
	}
	else
		write_linear(e);
	return ML_OK;
}

MlStatus
ml_model_encode(MlContext *ctx, const MlModelParts *parts, uint8_t **result, size_t *result_size)
{
	Encoder		e = {.ctx = ctx, .parts = parts, .signature = parts->signature,
	.forest = parts->forest, .linear = parts->linear};
	uint64_t	size = sizeof(HeaderRecord) + SECTION_COUNT * sizeof(SectionRecord);
	uint64_t	offset[SECTION_COUNT];
	uint8_t    *bytes;
	MlStatus	status;

	status = plan(&e);
	if (status != ML_OK)
		return status;
	for (int s = 0; s < SECTION_COUNT; s++)
	{
		offset[s] = aligned(size);
		size = offset[s] + e.length[s];
	}
	size = aligned(size);
	if (size > UINT32_MAX)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "the model would have %llu bytes, %u are allowed",
					   (unsigned long long) size, UINT32_MAX);
	bytes = ml_arena_alloc_zeroed(ctx->arena, size, 1);
	if (bytes == NULL)
		return ml_fail_memory(ctx);
	for (int s = 0; s < SECTION_COUNT; s++)
		e.at[s] = bytes + offset[s];
	status = write_sections(&e);
	if (status != ML_OK)
		return status;
	write_header(&e, bytes, size);
	*result = bytes;
	*result_size = size;
	return ML_OK;
}
