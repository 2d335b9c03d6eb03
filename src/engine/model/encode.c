/*-------------------------------------------------------------------------
 * encode.c
 *	  From a signature and what a learner found to bytes.
 *
 * Sections are counted first, the family's by the family, then one buffer is
 * filled section by section.
 * O(bytes).  Every byte of the buffer is a function of what is encoded: gaps are
 * 0.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "format.h"

#define ALL_SECTIONS (SECTION_COUNT + ML_MOST_SECTIONS)

/* What is known before a byte is written. */
typedef struct Encoder
{
	MlContext  *ctx;
	const MlModelParts *parts;
	const MlSignature *signature;	/* without what its tables have no room for */
	const MlFamily *family;
	void	   *plan;			/* the family's */
	uint64_t	n[ALL_SECTIONS];	/* elements; after the container's sections the family's */
	void	   *at[ALL_SECTIONS];	/* where each section is written */
	uint32_t	strings_used;
} Encoder;

static int
n_sections(const Encoder *e)
{
	return SECTION_COUNT + (int) e->family->n_sections;
}

/* All are there, be they empty, but for the last ones of the container's. */
static bool
is_written(const Encoder *e, int s)
{
	return s < SECTION_ALWAYS || s >= SECTION_COUNT || e->n[s] > 0;
}

static int
n_written(const Encoder *e)
{
	int			n = 0;

	for (int s = 0; s < n_sections(e); s++)
		n += is_written(e, s);
	return n;
}

static uint64_t
section_length(const Encoder *e, int s)
{
	return e->n[s] * (s < SECTION_COUNT ? container_unit[s] : e->family->sections[s - SECTION_COUNT].unit);
}

/* ---------------------------------------------------------------- crowded tables */

/*
 * Marks the categories for which a table of n_hash has room, kept [n_categories];
 * how many they are.  hash [n_hash] is working memory.
 */
static uint32_t
mark_kept(const MlInput *input, uint32_t n_hash, uint32_t *hash, bool *kept)
{
	uint32_t	n = 0;

	memset(hash, 0, n_hash * sizeof(uint32_t));
	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		uint32_t	slot = category_slot(input->category[c], input->category_size[c], n_hash);

		/* half of the slots stay free */
		kept[c] = 2 * n + 2 < n_hash && category_insert(hash, n_hash, slot, n + 1);
		n += kept[c];
	}
	return n;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/*
 * Only the marked categories of an input, which knows the others by their hashes.
 * The input's arrays are replaced by new ones in the arena, its bytes are not
 * copied.
 */
static MlStatus
leave_out(MlContext *ctx, MlInput *input, const bool *kept, uint32_t n_kept)
{
	uint32_t	n_left = input->n_categories - n_kept;
	const char **category = ml_arena_alloc_array(ctx->arena, n_kept, sizeof(char *));
	uint32_t   *size = ml_arena_alloc_array(ctx->arena, n_kept, sizeof(uint32_t));
	double	   *statistic = ml_arena_alloc_array(ctx->arena, n_kept, sizeof(double));
	uint32_t   *left = ml_arena_alloc_array(ctx->arena, n_left, sizeof(uint32_t));
	uint32_t	n = 0;
	MlStatus	status;

	if (category == NULL || size == NULL || statistic == NULL || left == NULL)
		return ml_fail_memory(ctx);
	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		if (!kept[c])
		{
			left[c - n] = ml_category_hash(input->category[c], input->category_size[c]);
			continue;
		}
		category[n] = input->category[c];
		size[n] = input->category_size[c];
		statistic[n++] = input->statistic[c];
	}
	status = ml_sort(ctx, left, n_left, sizeof(uint32_t), compare_hashes);
	input->n_others = 0;
	for (uint32_t i = 0; i < n_left; i++)
	{
		if (i == 0 || left[i] > left[i - 1])
			left[input->n_others++] = left[i];
	}
	input->others = left;
	input->n_categories = n_kept;
	input->category = category;
	input->category_size = size;
	input->statistic = statistic;
	return status;
}

/*
 * Leaves out categories that would stand too far from where their look-up begins, so that
 * they are scored as unknown ones.  Those with a code are too few to be among them.
 */
static MlStatus
fit_table(MlContext *ctx, MlInput *input)
{
	uint32_t	n_hash = category_table_size(input->n_categories);
	uint32_t   *hash = ml_arena_alloc_array(ctx->arena, n_hash, sizeof(uint32_t));
	bool	   *kept = ml_arena_alloc_array(ctx->arena, input->n_categories, sizeof(bool));
	uint32_t	n_kept = input->n_categories;

	if (hash == NULL || kept == NULL)
		return ml_fail_memory(ctx);
	/* fewer may have a smaller table, where they stand elsewhere */
	do
	{
		n_hash = category_table_size(n_kept);
		n_kept = mark_kept(input, n_hash, hash, kept);
	} while (category_table_size(n_kept) < n_hash);
	return n_kept < input->n_categories ? leave_out(ctx, input, kept, n_kept) : ML_OK;
}

/* Makes e->signature a copy of its own, whose inputs may differ from the caller's. */
static MlStatus
fit_tables(Encoder *e)
{
	MlSignature *s = ml_arena_alloc_array(e->ctx->arena, 1, sizeof(MlSignature));
	MlInput    *inputs = ml_arena_alloc_array(e->ctx->arena, e->signature->n_inputs, sizeof(MlInput));
	MlStatus	status = ML_OK;

	if (s == NULL || inputs == NULL)
		return ml_fail_memory(e->ctx);
	*s = *e->signature;
	memcpy(inputs, s->inputs, s->n_inputs * sizeof(MlInput));
	s->inputs = inputs;
	for (size_t i = 0; status == ML_OK && i < s->n_inputs; i++)
	{
		if (inputs[i].statistic)
			status = fit_table(e->ctx, &inputs[i]);
	}
	e->signature = s;
	return status;
}

/* ---------------------------------------------------------------- counting */

static bool
has_statistics(const MlSignature *s)
{
	for (size_t i = 0; i < s->n_inputs; i++)
	{
		if (s->inputs[i].statistic)
			return true;
	}
	return false;
}

/* Elements of the container's sections, which write_* fill exactly. */
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
		e->n[SECTION_CATEGORIES] += input->n_categories;
		e->n[SECTION_HASH] += category_table_size(input->n_categories) + (uint64_t) input->n_others;
	}
	for (size_t f = 0; f < s->n_features; f++)
	{
		const MlFeature *feature = &s->features[f];

		strings += strlen(feature->name) + 1;
		if (!feature->categorical)
			e->n[SECTION_EDGES] += feature->n_bins - 1;
		e->n[SECTION_COUNTS] += feature->n_bins + 1 + feature->categorical;
	}
	if (has_statistics(s))
		e->n[SECTION_STATISTICS] = 1 + e->n[SECTION_CATEGORIES];
	e->n[SECTION_HISTORY] = e->parts->history ? strlen(e->parts->history) : 0;
	e->n[SECTION_META] = sizeof(MetaRecord) / sizeof(ComponentRecord) + 1;
	e->n[SECTION_STRINGS] = strings;
	e->n[SECTION_INPUTS] = s->n_inputs;
	e->n[SECTION_FEATURES] = s->n_features;
}

/* ---------------------------------------------------------------- writing */

/* Appends a string and its zero to the strings. */
static MlStringRef
write_string(Encoder *e, const char *bytes, size_t size)
{
	MlStringRef ref = {e->strings_used, (uint32_t) size};

	memcpy((char *) e->at[SECTION_STRINGS] + e->strings_used, bytes, size);
	e->strings_used += (uint32_t) size + 1; /* the buffer is zeroed */
	return ref;
}

/*
 * The head and its one component; strings come in the order in which check_string
 * wants them.
 */
static void
write_meta(Encoder *e)
{
	MetaRecord *meta = (MetaRecord *) e->at[SECTION_META];

	meta->link = LINK_LOGISTIC;
	meta->meaning = MEANING_PROBABILITY;
	meta->n_components = 1;
	meta->algorithm = write_string(e, e->parts->algorithm, strlen(e->parts->algorithm));
	meta->time_zone = write_string(e, e->signature->time_zone, strlen(e->signature->time_zone));
	meta->margin_scale = e->parts->margin_scale;
	meta->margin_offset = e->parts->margin_offset;
	meta->threshold = e->parts->threshold;
	if (e->parts->score_counts)
		memcpy(meta->score_counts, e->parts->score_counts, sizeof(meta->score_counts));
	((ComponentRecord *) (meta + 1))->family = e->family->id;
}

/*
 * Inputs with their categories, look-up tables and hashes of others, one after the
 * other.
 */
static void
write_inputs(Encoder *e)
{
	InputRecord *record = (InputRecord *) e->at[SECTION_INPUTS];
	MlStringRef *category = (MlStringRef *) e->at[SECTION_CATEGORIES];
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
		record->n_hash = category_table_size(input->n_categories);
		for (uint32_t c = 0; c < input->n_categories; c++)
		{
			uint32_t	slot = category_slot(input->category[c], input->category_size[c],
											 record->n_hash);

			category[n_categories + c] = write_string(e, input->category[c], input->category_size[c]);
			category_insert(hash + n_hash, record->n_hash, slot, c + 1);
		}
		record->n_others = input->n_others;
		if (input->n_others)
			memcpy(hash + n_hash + record->n_hash, input->others, input->n_others * sizeof(*input->others));
		n_categories += input->n_categories;
		n_hash += record->n_hash + record->n_others;
	}
}

/* The prior, then one place for each category of all inputs, 0 where an input has none. */
static void
write_statistics(Encoder *e)
{
	double	   *statistic = (double *) e->at[SECTION_STATISTICS];

	if (e->n[SECTION_STATISTICS] == 0)
		return;
	*statistic++ = e->signature->prior;
	for (size_t i = 0; i < e->signature->n_inputs; i++)
	{
		const MlInput *input = &e->signature->inputs[i];

		if (input->statistic)
			memcpy(statistic, input->statistic, input->n_categories * sizeof(double));
		statistic += input->n_categories;
	}
}

/*
 * Features with their edges and counts, one after the other; a category's number of
 * singles follows its counts.
 */
static void
write_features(Encoder *e)
{
	MlFeatureRecord *record = (MlFeatureRecord *) e->at[SECTION_FEATURES];
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
		record->maximum = feature->maximum;
		if (own_edges > 0)
			memcpy(edges + n_edges, feature->edges, own_edges * sizeof(double));
		memcpy(counts + n_counts, feature->code_counts, (feature->n_bins + 1) * sizeof(uint64_t));
		n_edges += own_edges;
		n_counts += feature->n_bins + 1;
		if (feature->categorical)
			counts[n_counts++] = feature->singles;
	}
}

static void
write_history(Encoder *e)
{
	if (e->n[SECTION_HISTORY] > 0)
		memcpy(e->at[SECTION_HISTORY], e->parts->history, e->n[SECTION_HISTORY]);
}

/* ---------------------------------------------------------------- all of it */

/* Last, for it has the checksums of all the rest. */
static void
write_header(Encoder *e, uint8_t *bytes, uint64_t size)
{
	HeaderRecord *header = (HeaderRecord *) bytes;
	SectionRecord *table = (SectionRecord *) (header + 1);
	int			n = 0;

	memcpy(header->magic, MODEL_MAGIC, sizeof(header->magic));
	header->format = ML_MODEL_FORMAT;
	header->n_sections = (uint32_t) n_written(e);
	header->size = size;
	for (int s = 0; s < n_sections(e); s++)
	{
		uint64_t	length = section_length(e, s);
		bool		own = s >= SECTION_COUNT;

		if (is_written(e, s))
			table[n++] = (SectionRecord) {(uint64_t) ((uint8_t *) e->at[s] - bytes), length, ml_crc32c(0, e->at[s], length),
			(uint16_t) (own ? s - SECTION_COUNT : s), own};
	}
	header->crc = ml_crc32c(0, bytes, sizeof(HeaderRecord) + n * sizeof(SectionRecord));
}

/* Bytes have less than 4 GB, because offsets have 32 bits. */
MlStatus
ml_model_encode(MlContext *ctx, const MlModelParts *parts, uint8_t **result, size_t *result_size)
{
	Encoder		e = {.ctx = ctx, .parts = parts, .signature = parts->signature, .family = parts->fitted.family};
	int			n = n_sections(&e);
	uint64_t	size;
	uint64_t	offset[ALL_SECTIONS];
	uint8_t    *bytes;
	MlStatus	status;

	status = fit_tables(&e);
	if (status != ML_OK)
		return status;
	count_signature(&e);
	status = e.family->plan(ctx, e.signature, parts->fitted.body, e.n + SECTION_COUNT, &e.plan);
	if (status != ML_OK)
		return status;
	size = sizeof(HeaderRecord) + n_written(&e) * sizeof(SectionRecord);
	for (int s = 0; s < n; s++)
	{
		offset[s] = section_aligned(size);
		size = offset[s] + section_length(&e, s);
	}
	size = section_aligned(size);
	if (size > UINT32_MAX)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "the model would have %llu bytes, %u are allowed",
					   (unsigned long long) size, UINT32_MAX);
	bytes = ml_arena_alloc_zeroed(ctx->arena, size, 1);
	if (bytes == NULL)
		return ml_fail_memory(ctx);
	for (int s = 0; s < n; s++)
		e.at[s] = bytes + offset[s];
	write_meta(&e);
	write_inputs(&e);
	write_statistics(&e);
	write_features(&e);
	write_history(&e);
	e.family->write(e.signature, parts->fitted.body, e.plan, e.at + SECTION_COUNT);
	write_header(&e, bytes, size);
	*result = bytes;
	*result_size = size;
	return ML_OK;
}
