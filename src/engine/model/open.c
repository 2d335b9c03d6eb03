/*-------------------------------------------------------------------------
 * open.c
 *	  Verifying model bytes.  Nothing in them is trusted: every length, index,
 *	  offset and link is checked before it is used, here or by the model's
 *	  family, and never again.
 * O(bytes), but for names of inputs, which are compared with each other.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

#define MAX_NAME 1024			/* bytes of a name or type; a feature's is an input's and a suffix */
#define MAX_HISTORY 1048576
#define MAX_INPUTS 4096			/* more than a table can have columns */

/* A verification in progress. */
typedef struct Check
{
	MlCheck		check;
	const MlModel *model;
	Sections	sections;
	uint64_t	strings_used;	/* bytes of the strings seen so far */
} Check;

static bool
expect(Check *c, bool fits, const char *what)
{
	return ml_expect(&c->check, fits, what);
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

/* What it says may be believed afterwards; also that size fits 32 bits. */
static bool
check_header(Check *c, const uint8_t *bytes, size_t size)
{
	HeaderRecord header;
	uint64_t	table_size;
	uint32_t	crc;

	if (!expect(c, size >= sizeof(header), "it is too short for its header"))
		return false;
	memcpy(&header, bytes, sizeof(header));
	table_size = (uint64_t) header.n_sections * sizeof(SectionRecord);
	if (!expect(c, memcmp(header.magic, MODEL_MAGIC, sizeof(header.magic)) == 0, "its magic is wrong") ||
		!expect(c, header.format == ML_MODEL_FORMAT || header.format == FORMER_FORMAT,
				"its format version is not known") ||
		!expect(c, header.format == FORMER_FORMAT ? header.n_sections == FORMER_SECTIONS
				: header.n_sections <= MOST_SECTIONS, "its number of sections is wrong") ||
		!expect(c, size >= sizeof(header) + table_size, "it is too short for its header") ||
		!expect(c, header.size == size && size <= UINT32_MAX, "its length is not the recorded one"))
		return false;
	crc = header.crc;
	header.crc = 0;
	return expect(c, ml_crc32c(ml_crc32c(0, &header, sizeof(header)), bytes + sizeof(header), table_size) == crc,
				  "the checksum of its header is wrong") &&
		expect(c, all_zero((const uint8_t *) header.zero, sizeof(header.zero)), "its header is not padded with zeros");
}

/* Does an entry come after the one before?  In format 1 the order is all there is. */
static bool
in_order(const HeaderRecord *header, const SectionRecord *section)
{
	uint32_t	place = (uint32_t) section->component << 16 | section->kind;

	if (header->format == FORMER_FORMAT)
		return place == 0;
	return section == (const SectionRecord *) (header + 1) ||
		((uint32_t) section[-1].component << 16 | section[-1].kind) < place;
}

/*
 * Sections follow each other, aligned, with nothing between or behind them: each
 * byte is checked by some checksum or is 0.
 */
static bool
check_table(Check *c, const uint8_t *bytes, size_t size)
{
	const HeaderRecord *header = (const HeaderRecord *) bytes;
	const SectionRecord *table = (const SectionRecord *) (header + 1);
	uint64_t	end = sizeof(HeaderRecord) + (uint64_t) header->n_sections * sizeof(SectionRecord);

	for (uint32_t s = 0; s < header->n_sections; s++)
	{
		uint64_t	start = section_aligned(end);

		if (!expect(c, table[s].offset == start && start <= size && table[s].length <= size - start &&
					in_order(header, &table[s]), "a section is not where it should be") ||
			!expect(c, all_zero(bytes + end, start - end), "the space between sections is not zero") ||
			!expect(c, ml_crc32c(0, bytes + start, table[s].length) == table[s].crc,
					"the checksum of a section is wrong"))
			return false;
		end = start + table[s].length;
	}
	return expect(c, section_aligned(end) == size, "it has bytes after its last section") &&
		expect(c, all_zero(bytes + end, size - end), "the space after its last section is not zero");
}

static bool
has_length(Check *c, Section section, uint64_t n)
{
	return expect(c, c->sections.container[section].n == n, "a section has the wrong length");
}

/* ---------------------------------------------------------------- signature */

/* Strings stand in the order in which they are named, each for itself. */
static bool
check_string(Check *c, MlStringRef ref)
{
	uint64_t	length = c->sections.container[SECTION_STRINGS].n;

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
check_name(Check *c, MlStringRef ref)
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
		if (!expect(c, counts[i] <= ML_MOST_ROWS - *sum, what))
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
		MlStringRef ref = m->categories[input->first_category + i];

		if (!check_string(c, ref))
			return false;
	}
	for (uint32_t i = 0; i < input->n_categories; i++)
	{
		MlStringRef ref = m->categories[input->first_category + i];
		uint32_t	slot = category_slot(m->strings + ref.offset, ref.size, input->n_hash);
		int			n_steps = 0;

		while (hash[slot] != 0 && hash[slot] != i + 1)
		{
			MlStringRef other = m->categories[input->first_category + hash[slot] - 1];

			if (!expect(c, ++n_steps <= CATEGORY_MOST_STEPS, "a category table is wrong") ||
				!expect(c, other.size != ref.size ||
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

/* O(inputs); there are at most MAX_INPUTS. */
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

/* The prior, and one for each category of all inputs. */
static bool
check_statistics(Check *c, uint64_t n_categories)
{
	const double *statistic = c->model->statistics;

	if (statistic == NULL)
		return true;
	if (!has_length(c, SECTION_STATISTICS, 1 + n_categories))
		return false;
	for (uint64_t i = 0; i <= n_categories; i++)
	{
		if (!expect(c, isfinite(statistic[i]), "a statistic is not finite"))
			return false;
	}
	return true;
}

/* What it says is for who scores rows to read; here it is text. */
static bool
check_history(Check *c)
{
	const MlModel *m = c->model;

	return m->history == NULL ||
		(expect(c, m->n_history > 0 && m->n_history <= MAX_HISTORY, "the history of its features is empty or too long") &&
		 expect(c, memchr(m->history, '\0', m->n_history) == NULL, "a string contains a zero"));
}

/* A category has codes, and where they are too many a statistic; times have parts. */
static bool
check_part(Check *c, const MlFeatureRecord *feature)
{
	const MlModel *m = c->model;
	const InputRecord *input = &m->inputs[feature->input];
	bool		statistic = feature->part == ML_FEATURE_STATISTIC;

	return expect(c, (input->kind == ML_COLUMN_CATEGORY) == (feature->categorical == 1 || statistic) &&
				  (feature->categorical == 0 || !statistic) && (m->statistics != NULL || !statistic) &&
				  (feature->categorical == 0 || feature->n_bins == input->n_categories + 1 ||
				   (m->statistics != NULL && feature->n_bins <= input->n_categories)),
				  "a feature does not fit its input") &&
		expect(c, input->kind == ML_COLUMN_TIME || feature->part == ML_FEATURE_VALUE || statistic,
			   "a feature is a part of what is no time");
}

/* Their categories and look-up tables fill their sections without gaps. */
static bool
check_inputs(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_categories = 0;
	uint64_t	n_hash = 0;
	uint64_t	all_categories = c->sections.container[SECTION_CATEGORIES].n;
	uint64_t	all_hash = c->sections.container[SECTION_HASH].n;

	for (uint32_t i = 0; i < m->n_inputs; i++)
	{
		const InputRecord *input = &m->inputs[i];
		bool		category = input->kind == ML_COLUMN_CATEGORY;

		if (!check_name(c, input->name) || !check_name(c, input->type) ||
			!expect(c, is_new_name(m, i), "two inputs have the same name") ||
			!expect(c, input->kind <= ML_COLUMN_TIME && (category || input->n_others == 0), "the kind of an input is wrong") ||
			!expect(c, input->first_category == n_categories && input->first_hash == n_hash &&
					input->n_categories <= (m->statistics ? ML_MAX_DISTINCT : ML_MAX_BINS - 1), "the categories of an input are out of bounds") ||
			!expect(c, category ? input->n_hash == category_table_size(input->n_categories)
					: input->n_hash == 0 && input->n_categories == 0, "the categories of an input are wrong"))
			return false;
		n_categories += input->n_categories;
		n_hash += (uint64_t) input->n_hash + input->n_others;
		if (!expect(c, n_categories <= all_categories && n_hash <= all_hash,
					"the categories of an input are out of bounds") ||
			(category && (!check_categories(c, input) || !check_others(c, input))))
			return false;
	}
	return has_length(c, SECTION_CATEGORIES, n_categories) &&
		has_length(c, SECTION_HASH, n_hash) && check_statistics(c, n_categories);
}

bool
ml_check_rising(MlCheck *check, const double *edges, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
	{
		if (!ml_expect(check, isfinite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]), "edges do not rise"))
			return false;
	}
	return true;
}

/*
 * Edges and counts fill their sections without gaps, and all features were counted
 * over as many rows.
 */
static bool
check_features(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	n_edges = 0;
	uint64_t	n_counts = 0;
	uint64_t	all_edges = c->sections.container[SECTION_EDGES].n;
	uint64_t	all_counts = c->sections.container[SECTION_COUNTS].n;
	uint64_t	first_rows = 0;
	uint64_t	rows;

	for (uint32_t f = 0; f < m->n_features; f++)
	{
		const MlFeatureRecord *feature = &m->features[f];
		uint32_t	own_edges;

		if (!check_name(c, feature->name) ||
			!expect(c, feature->input < m->n_inputs && feature->part <= ML_FEATURE_STATISTIC &&
					feature->categorical <= 1 && feature->n_bins >= 1 && feature->n_bins <= ML_MAX_BINS,
					"a feature is wrong") ||
			!check_part(c, feature) ||
			!expect(c, isfinite(feature->mean) && isfinite(feature->std) && isfinite(feature->minimum) &&
					isfinite(feature->maximum), "a feature's numbers are not finite") ||
			!expect(c, feature->std >= 0 && feature->minimum <= feature->maximum, "a feature's range is wrong") ||
			!expect(c, feature->first_edge == n_edges && feature->first_count == n_counts,
					"a feature's edges are out of bounds"))
			return false;
		own_edges = feature->categorical ? 0 : feature->n_bins - 1;
		n_edges += own_edges;
		n_counts += feature->n_bins + 1 + (feature->categorical && m->has_singles);
		if (!expect(c, n_edges <= all_edges && n_counts <= all_counts, "a feature's edges are out of bounds") ||
			!ml_check_rising(&c->check, m->edges + feature->first_edge, own_edges) ||
			!check_counts(c, m->counts + feature->first_count, feature->n_bins + 1, &rows,
						  "a feature's counts are too large") ||
			!expect(c, f == 0 || rows == first_rows, "features were counted over different rows") ||
			!expect(c, !feature->categorical || !m->has_singles || m->counts[n_counts - 1] <= rows,
					"more rows are alone in their category than there are"))
			return false;
		if (f == 0)
			first_rows = rows;
	}
	return has_length(c, SECTION_STRINGS, c->strings_used) &&
		has_length(c, SECTION_EDGES, n_edges) &&
		has_length(c, SECTION_COUNTS, n_counts);
}

/* ---------------------------------------------------------------- all of it */

static bool
check_head(Check *c)
{
	const MlModel *m = c->model;
	uint64_t	scored;

	return expect(c, m->n_inputs >= 1 && m->n_inputs <= MAX_INPUTS &&
				  m->n_features >= 1 && m->n_features <= 4 * MAX_INPUTS, "its head is wrong") &&
		expect(c, isfinite(m->margin_scale) && isfinite(m->margin_offset) &&
			   isfinite(m->threshold), "its numbers are not finite") &&
		expect(c, m->threshold >= 0 && m->threshold <= ML_MOST_THRESHOLD, "its threshold is not between 0 and 1") &&
		check_counts(c, m->score_counts, ML_SCORE_BINS, &scored, "its counts of scores are too large") &&
		check_name(c, m->algorithm) && check_name(c, m->time_zone);
}

size_t
ml_model_struct_size(void)
{
	return sizeof(MlModel);
}

/* Finds where everything is in bytes whose header and table may be believed. */
static bool
find_all(Check *c, const uint8_t *bytes, MlModel *model)
{
	const MlSection *section = c->sections.container;

	if (!(((const HeaderRecord *) bytes)->format == FORMER_FORMAT ? former_find : container_find)
		(&c->check, bytes, &c->sections, model))
		return false;
	model->strings = section[SECTION_STRINGS].at;
	model->n_strings = section[SECTION_STRINGS].n;
	model->inputs = section[SECTION_INPUTS].at;
	model->n_inputs = (uint32_t) section[SECTION_INPUTS].n;
	model->categories = section[SECTION_CATEGORIES].at;
	model->hash = section[SECTION_HASH].at;
	model->features = section[SECTION_FEATURES].at;
	model->n_features = (uint32_t) section[SECTION_FEATURES].n;
	model->edges = section[SECTION_EDGES].at;
	model->counts = section[SECTION_COUNTS].at;
	model->statistics = section[SECTION_STATISTICS].at;
	model->history = section[SECTION_HISTORY].at;
	model->n_history = section[SECTION_HISTORY].n;
	model->layout = NULL;
	model->recoded = NULL;
	model->recoded_size = 0;
	memset(model->state, 0, sizeof(model->state));
	model->family->open(c->sections.family, model->state);
	return true;
}

/* Container first, then the family: what comes later relies on what came before. */
static bool
check_model(Check *c, const uint8_t *bytes, size_t size, MlModel *model)
{
	return check_header(c, bytes, size) && check_table(c, bytes, size) && find_all(c, bytes, model) &&
		check_head(c) && check_history(c) && check_inputs(c) && check_features(c) &&
		model->family->verify(&c->check, model, c->sections.family, model->state);
}

MlStatus
ml_model_open(const uint8_t *bytes, size_t size, MlModel *model, char *message)
{
	Check		c = {.model = model};
	bool		sound = check_model(&c, bytes, size, model);

	snprintf(message, ML_MESSAGE_SIZE, "%s", sound ? "" : c.check.fault);
	return sound ? ML_OK : ML_CORRUPT;
}

/* O(sections), and what was recoded. */
void
ml_model_move(const MlModel *model, const uint8_t *bytes, void *block, MlModel *out)
{
	Check		c = {.model = out};

	(void) find_all(&c, bytes, out);	/* as it was when they were verified */
	if (model->recoded)
		move_recoded(model, block, out);
}
