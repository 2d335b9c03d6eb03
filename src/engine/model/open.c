/*-------------------------------------------------------------------------
 * open.c
 *	  Verifying model bytes.  Nothing in them is trusted: every length, index,
 *	  offset and link is checked before it is used, here and never again.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

#define MAX_NAME 1024			/* bytes of a name or type; a feature's is an input's and a suffix */
#define MAX_INPUTS 4096			/* more than a table can have columns */
#define MAX_ROWS (UINT64_C(1) << 53)	/* whole numbers that a double can count */

/* A verification in progress. */
typedef struct Check
{
	const uint8_t *bytes;
	const SectionRecord *table;
	MlModel    *model;
	char	   *message;
	uint64_t	strings_used;	/* bytes of the strings seen so far */
	bool		ok;
} Check;

/* The first thing that does not fit is what is reported. */
static bool
expect(Check *c, bool fits, const char *what)
{
	if (!fits && c->ok)
	{
		c->ok = false;
		snprintf(c->message, ML_MESSAGE_SIZE, "%s", what);
	}
	return c->ok;
}

static uint64_t
aligned(uint64_t size)
{
	return (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
}

static bool
all_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- container */

static bool
check_header(Check *c, const uint8_t *bytes, size_t size)
{
	size_t		table_size = SECTION_COUNT * sizeof(SectionRecord);
	HeaderRecord header;
	uint32_t	crc;
	uint64_t	end = sizeof(header) + table_size;

	if (!expect(c, size >= sizeof(header) + table_size, "it is too short for its header"))
		return false;
	memcpy(&header, bytes, sizeof(header));
	if (!expect(c, memcmp(header.magic, MODEL_MAGIC, sizeof(header.magic)) == 0, "its magic is wrong") ||
		!expect(c, header.format == ML_MODEL_FORMAT, "its format version is not known") ||
		!expect(c, header.size == size, "its length is not the recorded one") ||
		!expect(c, header.n_sections == SECTION_COUNT, "its number of sections is wrong"))
		return false;
	crc = header.crc;
	header.crc = 0;
	if (!expect(c, ml_crc32c(ml_crc32c(0, &header, sizeof(header)), bytes + sizeof(header), table_size) == crc,
				"the checksum of its header is wrong") ||
		!expect(c, all_zero((const uint8_t *) header.zero, sizeof(header.zero)), "its header is not padded with zeros"))
		return false;

	for (int s = 0; s < SECTION_COUNT; s++)
	{
		const SectionRecord *section = &c->table[s];
		uint64_t	start = aligned(end);

		if (!expect(c, section->offset == start && start <= size && section->length <= size - start &&
					section->zero == 0, "a section is not where it should be") ||
			!expect(c, all_zero(bytes + end, start - end), "the space between sections is not zero") ||
			!expect(c, ml_crc32c(0, bytes + start, section->length) == section->crc,
					"the checksum of a section is wrong"))
			return false;
		end = start + section->length;
	}
	return expect(c, aligned(end) == size, "it has bytes after its last section") &&
		expect(c, all_zero(bytes + end, size - end), "the space after its last section is not zero");
}

static bool
has_length(Check *c, Section section, uint64_t n, uint64_t unit)
{
	return expect(c, c->table[section].length == n * unit, "a section has the wrong length");
}

/* ---------------------------------------------------------------- signature */

/* Strings stand in the order in which they are named, each for itself. */
static bool
check_string(Check *c, StringRef ref)
{
	uint64_t	length = c->table[SECTION_STRINGS].length;

	if (!expect(c, ref.offset < length && ref.size < length - ref.offset &&
				c->model->strings[(uint64_t) ref.offset + ref.size] == '\0',
				"a string is out of bounds") ||
		!expect(c, ref.offset == c->strings_used, "a string is not where it should be"))
		return false;
	c->strings_used += (uint64_t) ref.size + 1;
	return expect(c, memchr(c->model->strings + ref.offset, '\0', ref.size) == NULL, "a string contains a zero");
}

/* A name of something: not empty, and short enough to be one. */
static bool
check_name(Check *c, StringRef ref)
{
	return check_string(c, ref) &&
		expect(c, ref.size >= 1 && ref.size <= MAX_NAME, "a name is empty or too long");
}

/* Counts of rows that are summed as int64 and double elsewhere. */
static bool
check_counts(Check *c, const uint64_t *counts, uint64_t n, uint64_t *sum, const char *what)
{
	*sum = 0;
	for (uint64_t i = 0; i < n; i++)
	{
		if (!expect(c, counts[i] <= MAX_ROWS - *sum, what))
			return false;
		*sum += counts[i];
	}
	return true;
}

/* Every category must be found by the look-up that scoring uses. */
static bool
check_categories(Check *c, const InputRecord *input)
{
	const MlModel *m = c->model;
	const uint32_t *hash = m->hash + input->first_hash;
	uint32_t	n_used = 0;

	for (uint32_t i = 0; i < input->n_hash; i++)
	{
		if (!expect(c, hash[i] <= input->n_categories, "a category number is out of bounds"))
			return false;
		n_used += hash[i] != 0;
	}
	/* free slots end every look-up */
	if (!expect(c, n_used == input->n_categories && n_used < input->n_hash, "a category table is wrong"))
		return false;
	for (uint32_t i = 0; i < input->n_categories; i++)
	{
		StringRef	ref = m->categories[input->first_category + i];

		if (!check_string(c, ref))
			return false;
	}
	for (uint32_t i = 0; i < input->n_categories; i++)
	{
		StringRef	ref = m->categories[input->first_category + i];
		uint32_t	slot = category_slot(m->strings + ref.offset, ref.size, input->n_hash);

		while (hash[slot] != 0 && hash[slot] != i + 1)
		{
			StringRef	other = m->categories[input->first_category + hash[slot] - 1];

			if (!expect(c, other.size != ref.size ||
						memcmp(m->strings + other.offset, m->strings + ref.offset, ref.size) != 0,
						"a category occurs twice"))
				return false;
			slot = (slot + 1) & (input->n_hash - 1);
		}
		if (!expect(c, hash[slot] == i + 1, "a category cannot be found"))
			return false;
	}
	return true;
}

/* They are looked up by bisection. */
static bool
check_others(Check *c, const InputRecord *input)
{
	const uint32_t *other = c->model->hash + input->first_hash + input->n_hash;

	for (uint32_t i = 1; i < input->n_others; i++)
	{
		if (!expect(c, other[i - 1] < other[i], "the other categories of an input do not rise"))
			return false;
	}
	return true;
}

static bool
is_new_name(const MlModel *m, uint32_t input)
{
	for (uint32_t i = 0; i < input; i++)
	{
		if (strcmp(m->strings + m->inputs[i].name.offset, m->strings + m->inputs[input].name.offset) == 0)
			return false;
	}
	return true;
}

static bool
check_inputs(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_categories = 0;
	uint64_t	n_hash = 0;
	uint64_t	all_categories = c->table[SECTION_CATEGORIES].length / sizeof(StringRef);
	uint64_t	all_hash = c->table[SECTION_HASH].length / sizeof(uint32_t);

	for (uint32_t i = 0; i < m->meta->n_inputs; i++)
	{
		const InputRecord *input = &m->inputs[i];
		bool		category = input->kind == ML_COLUMN_CATEGORY;

		if (!check_name(c, input->name) || !check_name(c, input->type) ||
			!expect(c, is_new_name(m, i), "two inputs have the same name") ||
			!expect(c, input->kind <= ML_COLUMN_TIME && (category || input->n_others == 0), "the kind of an input is wrong") ||
			!expect(c, input->first_category == n_categories && input->first_hash == n_hash &&
					input->n_categories <= ML_MAX_BINS - 1, "the categories of an input are out of bounds") ||
			!expect(c, category ? input->n_hash >= 4 && input->n_hash <= 1024 &&
					(input->n_hash & (input->n_hash - 1)) == 0
					: input->n_hash == 0 && input->n_categories == 0, "the categories of an input are wrong"))
			return false;
		n_categories += input->n_categories;
		n_hash += (uint64_t) input->n_hash + input->n_others;
		if (!expect(c, n_categories <= all_categories && n_hash <= all_hash,
					"the categories of an input are out of bounds") ||
			(category && (!check_categories(c, input) || !check_others(c, input))))
			return false;
	}
	return has_length(c, SECTION_CATEGORIES, n_categories, sizeof(StringRef)) &&
		has_length(c, SECTION_HASH, n_hash, sizeof(uint32_t));
}

static bool
check_rising(Check *c, const double *edges, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!expect(c, isfinite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]), "edges do not rise"))
			return false;
	}
	return true;
}

static bool
check_features(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_edges = 0;
	uint64_t	n_counts = 0;
	uint64_t	all_edges = c->table[SECTION_EDGES].length / sizeof(double);
	uint64_t	all_counts = c->table[SECTION_COUNTS].length / sizeof(uint64_t);
	uint64_t	first_rows = 0;
	uint64_t	rows;

	for (uint32_t f = 0; f < m->meta->n_features; f++)
	{
		const FeatureRecord *feature = &m->features[f];
		uint32_t	own_edges;

		if (!check_name(c, feature->name) ||
			!expect(c, feature->input < m->meta->n_inputs && feature->part <= ML_FEATURE_SECONDS &&
					feature->categorical <= 1 && feature->n_bins >= 1 && feature->n_bins <= ML_MAX_BINS,
					"a feature is wrong") ||
			!expect(c, (m->inputs[feature->input].kind == ML_COLUMN_CATEGORY) == (feature->categorical == 1) &&
					(feature->categorical == 0 ||
					 feature->n_bins == m->inputs[feature->input].n_categories + 1),
					"a feature does not fit its input") ||
			!expect(c, m->inputs[feature->input].kind == ML_COLUMN_TIME || feature->part == ML_FEATURE_VALUE,
					"a feature is a part of what is no time") ||
			!expect(c, isfinite(feature->mean) && isfinite(feature->std) && isfinite(feature->minimum) &&
					isfinite(feature->maximum), "a feature's figures are not finite") ||
			!expect(c, feature->std >= 0 && feature->minimum <= feature->maximum, "a feature's range is wrong") ||
			!expect(c, feature->first_edge == n_edges && feature->first_count == n_counts,
					"a feature's edges are out of bounds"))
			return false;
		own_edges = feature->categorical ? 0 : feature->n_bins - 1;
		n_edges += own_edges;
		n_counts += feature->n_bins + 1;
		if (!expect(c, n_edges <= all_edges && n_counts <= all_counts, "a feature's edges are out of bounds") ||
			!check_rising(c, m->edges + feature->first_edge, own_edges) ||
			!check_counts(c, m->counts + feature->first_count, feature->n_bins + 1, &rows,
						  "a feature's counts are too large") ||
			!expect(c, f == 0 || rows == first_rows, "features were counted over different rows"))
			return false;
		if (f == 0)
			first_rows = rows;
	}
	return has_length(c, SECTION_STRINGS, c->strings_used, 1) &&
		has_length(c, SECTION_EDGES, n_edges, sizeof(double)) &&
		has_length(c, SECTION_COUNTS, n_counts, sizeof(uint64_t));
}

/* ---------------------------------------------------------------- trees */

static bool
check_slots(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_edges = 0;
	uint64_t	all_edges = c->table[SECTION_SLOT_EDGES].length / sizeof(double);

	for (uint32_t s = 0; s < m->meta->n_slots; s++)
	{
		const SlotRecord *slot = &m->slots[s];

		if (!expect(c, slot->feature < m->meta->n_features && slot->zero == 0 &&
					slot->first_edge == n_edges && slot->n_edges <= ML_MAX_BINS - 1,
					"a scoring feature is out of bounds") ||
			!expect(c, m->features[slot->feature].categorical == 0 || slot->n_edges == 0,
					"a category has edges"))
			return false;
		n_edges += slot->n_edges;
		if (!expect(c, n_edges <= all_edges, "a scoring feature is out of bounds") ||
			!check_rising(c, m->slot_edges + slot->first_edge, slot->n_edges))
			return false;
	}
	return has_length(c, SECTION_SLOT_EDGES, n_edges, sizeof(double));
}

/* One split; the set of a categorical one is in bounds. */
static bool
check_split(Check *c, uint32_t i)
{
	const MlModel *m = c->model;
	uint64_t	node = m->nodes[i];
	uint32_t	slot = NODE_SLOT(node) & ~NODE_CATEGORICAL;
	bool		categorical = (NODE_SLOT(node) & NODE_CATEGORICAL) != 0;
	uint64_t	set;

	if (!expect(c, slot < m->meta->n_slots, "a split's feature is out of bounds") ||
		!expect(c, m->features[m->slots[slot].feature].categorical == categorical,
				"a split does not fit its feature") ||
		!expect(c, m->details[i].feature == (int32_t) m->slots[slot].feature,
				"a split's details do not fit it") ||
		!expect(c, m->details[i].bin <= m->features[m->slots[slot].feature].n_bins &&
				m->details[i].missing_left <= 1 && m->details[i].categorical == categorical &&
				isfinite(m->details[i].gain), "a split's details are wrong"))
		return false;
	if (!categorical)
		return true;
	memcpy(&set, &m->values[i], sizeof(set));
	return expect(c, set < m->meta->n_sets, "a split's set is out of bounds");
}

/*
 * Breadth-first order means that children come in the order of their parents:
 * the n-th split's left child is node 1 + 2 * n.  That makes every node but
 * the root the child of exactly one earlier node.
 */
static bool
check_tree(Check *c, const TreeRecord *tree)
{
	const MlModel *m = c->model;
	uint64_t	next = (uint64_t) tree->first_node + 1;
	uint64_t	end = (uint64_t) tree->first_node + tree->n_nodes;
	uint64_t	level_end = next;
	uint32_t	depth = 0;

	for (uint32_t i = tree->first_node; i < end; i++)
	{
		uint64_t	node = m->nodes[i];

		if (!expect(c, i < next, "a tree's nodes are not linked") ||
			!expect(c, isfinite(m->details[i].cover) && m->details[i].cover >= 0,
					"a node's cover is wrong") ||
			!expect(c, isfinite(m->details[i].value) && m->details[i].count <= MAX_ROWS &&
					m->details[i].zero == 0, "a node's details are wrong"))
			return false;
		if (i == level_end)
		{
			depth++;
			level_end = next;
		}
		if (NODE_LEFT(node) == i)
		{
			if (!expect(c, NODE_SLOT(node) == 0 && NODE_LOW(node) == 0 && NODE_SPAN(node) == 255 &&
						isfinite(m->values[i]) && m->details[i].feature == -1, "a leaf is wrong"))
				return false;
			continue;
		}
		if (!expect(c, NODE_LEFT(node) == next && next + 2 <= end, "a tree's nodes are not linked") ||
			!check_split(c, i))
			return false;
		next += 2;
	}
	return expect(c, next == end && depth == tree->depth && tree->zero == 0, "a tree's size is wrong");
}

static bool
check_trees(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_nodes = 0;

	for (uint32_t t = 0; t < m->meta->n_trees; t++)
	{
		const TreeRecord *tree = &m->trees[t];

		if (!expect(c, tree->first_node == n_nodes && tree->n_nodes >= 1 &&
					tree->n_nodes <= m->meta->n_nodes - n_nodes, "a tree is out of bounds"))
			return false;
		n_nodes += tree->n_nodes;
		if (!check_tree(c, tree))
			return false;
	}
	/* a leaf names slot 0, so walking needs one code even without any split */
	return expect(c, n_nodes == m->meta->n_nodes, "the number of nodes is wrong");
}

/* ---------------------------------------------------------------- linear models */

static bool
check_linear(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_levels = 0;
	uint64_t	all_levels = c->table[SECTION_LEVELS].length / sizeof(double);

	for (uint32_t t = 0; t < m->meta->n_terms; t++)
	{
		const TermRecord *term = &m->terms[t];

		if (!expect(c, term->feature < m->meta->n_features && term->kind <= ML_TERM_MISSING &&
					term->zero == 0 && isfinite(term->coefficient) &&
					term->code <= m->features[term->feature].n_bins, "a term is wrong") ||
			!expect(c, isfinite(term->mean) && isfinite(term->scale) && term->scale >= 0 &&
					(term->scale > 0 || term->kind != ML_TERM_VALUE) &&
					!(term->standard_error < 0), "a term's figures are wrong"))
			return false;
	}
	for (uint32_t f = 0; m->meta->linear && f < m->meta->n_features; f++)
	{
		const LinearRecord *linear = &m->linear[f];

		if (!expect(c, isfinite(linear->slope) && isfinite(linear->offset) && isfinite(linear->missing),
					"a coefficient is not finite") ||
			!expect(c, linear->first_level == n_levels &&
					(linear->n_levels == 0 || linear->n_levels == m->features[f].n_bins + 1) &&
					(linear->n_levels > 0 || linear->slope == 0 || !m->features[f].categorical),
					"a feature's levels are out of bounds"))
			return false;
		n_levels += linear->n_levels;
		if (!expect(c, n_levels <= all_levels, "a feature's levels are out of bounds"))
			return false;
	}
	if (!has_length(c, SECTION_LEVELS, n_levels, sizeof(double)))
		return false;
	for (uint64_t i = 0; i < n_levels; i++)
	{
		if (!expect(c, isfinite(m->levels[i]), "a coefficient is not finite"))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- all of it */

static bool
check_meta(Check *c)
{
	const MetaRecord *meta = c->model->meta;
	uint64_t	scored;

	return expect(c, meta->linear <= 1 && meta->n_inputs >= 1 && meta->n_inputs <= MAX_INPUTS &&
				  meta->n_features >= 1 && meta->n_features <= 4 * MAX_INPUTS &&
				  meta->n_slots <= MAX_SLOTS, "its head is wrong") &&
		expect(c, meta->linear ? meta->n_trees == 0 && meta->n_slots == 0 : meta->n_terms == 0,
			   "it has both trees and terms") &&
		expect(c, isfinite(meta->base) && isfinite(meta->margin_scale) && isfinite(meta->margin_offset) &&
			   isfinite(meta->threshold), "its figures are not finite") &&
		expect(c, meta->threshold >= 0 && meta->threshold <= 1, "its threshold is not between 0 and 1") &&
		check_counts(c, meta->score_counts, ML_SCORE_BINS, &scored, "its counts of scores are too large") &&
		check_name(c, meta->algorithm) && check_name(c, meta->time_zone) &&
		has_length(c, SECTION_INPUTS, meta->n_inputs, sizeof(InputRecord)) &&
		has_length(c, SECTION_FEATURES, meta->n_features, sizeof(FeatureRecord)) &&
		has_length(c, SECTION_SLOTS, meta->n_slots, sizeof(SlotRecord)) &&
		has_length(c, SECTION_TREES, meta->n_trees, sizeof(TreeRecord)) &&
		has_length(c, SECTION_NODES, meta->n_nodes, sizeof(uint64_t)) &&
		has_length(c, SECTION_VALUES, meta->n_nodes, sizeof(double)) &&
		has_length(c, SECTION_SETS, meta->n_sets, sizeof(uint64_t[4])) &&
		has_length(c, SECTION_DETAILS, meta->n_nodes, sizeof(DetailRecord)) &&
		has_length(c, SECTION_TERMS, meta->n_terms, sizeof(TermRecord)) &&
		has_length(c, SECTION_LINEAR, meta->linear ? meta->n_features : 0, sizeof(LinearRecord));
}

size_t
ml_model_struct_size(void)
{
	return sizeof(MlModel);
}

MlStatus
ml_model_open(const uint8_t *bytes, size_t size, MlModel *model, char *message)
{
	Check		c = {.bytes = bytes, .table = (const SectionRecord *) (bytes + sizeof(HeaderRecord)),
	.model = model, .message = message, .ok = true};

	message[0] = '\0';
	if (!check_header(&c, bytes, size))
		return ML_CORRUPT;
	if (!has_length(&c, SECTION_META, 1, sizeof(MetaRecord)))
		return ML_CORRUPT;
#define SECTION_AT(section) ((const void *) (bytes + c.table[section].offset))
	model->meta = SECTION_AT(SECTION_META);
	model->strings = SECTION_AT(SECTION_STRINGS);
	model->n_strings = c.table[SECTION_STRINGS].length;
	model->inputs = SECTION_AT(SECTION_INPUTS);
	model->categories = SECTION_AT(SECTION_CATEGORIES);
	model->hash = SECTION_AT(SECTION_HASH);
	model->features = SECTION_AT(SECTION_FEATURES);
	model->edges = SECTION_AT(SECTION_EDGES);
	model->counts = SECTION_AT(SECTION_COUNTS);
	model->slots = SECTION_AT(SECTION_SLOTS);
	model->slot_edges = SECTION_AT(SECTION_SLOT_EDGES);
	model->trees = SECTION_AT(SECTION_TREES);
	model->nodes = SECTION_AT(SECTION_NODES);
	model->values = SECTION_AT(SECTION_VALUES);
	model->sets = SECTION_AT(SECTION_SETS);
	model->details = SECTION_AT(SECTION_DETAILS);
	model->terms = SECTION_AT(SECTION_TERMS);
	model->linear = SECTION_AT(SECTION_LINEAR);
	model->levels = SECTION_AT(SECTION_LEVELS);
#undef SECTION_AT
	return check_meta(&c) && check_inputs(&c) && check_features(&c) && check_slots(&c) &&
		check_trees(&c) && check_linear(&c) ? ML_OK : ML_CORRUPT;
}
