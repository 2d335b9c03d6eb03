/*
 * test_model.c
 *	  Two small models by hand, one of trees and one linear.  Their scores are
 *	  those of a calculation on paper; and for each thing that ml_model_open asks,
 *	  one fault in their bytes, checksums right again, is refused with the sentence
 *	  meant for it.
 */
#include "check.h"

#include "engine/model/format.h"
#include "small_models.h"

typedef enum Kind
{
	TREES,
	LINEAR
} Kind;

/* ---------------------------------------------------------------- faults */

#define HEADER -1				/* instead of a section: at the start of the bytes */
#define TABLE -2				/* at the table of sections */
#define TEXT -3					/* the first string that reads so */

/* New content of one field. */
typedef struct Edit
{
	int			section;
	size_t		at;				/* byte of it; beyond its end: the space that follows */
	size_t		width;			/* bytes; 0: there is no such edit */
	bool		is_real;
	uint64_t	whole;
	double		real;
	const char *former;
	const char *text;
} Edit;

#define WHOLE(where, Record, i, field, n) \
	{.section = (where), .at = (i) * sizeof(Record) + offsetof(Record, field), .width = sizeof(((Record *) 0)->field), .whole = (n)}
#define REAL(where, Record, i, field, x) \
	{.section = (where), .at = (i) * sizeof(Record) + offsetof(Record, field), .width = 8, .is_real = true, .real = (x)}
#define WORD(where, i, n) {.section = (where), .at = (i) * sizeof(uint64_t), .width = 8, .whole = (n)}
#define HALF(where, i, n) {.section = (where), .at = (i) * sizeof(uint32_t), .width = 4, .whole = (n)}
#define BYTE(where, i, n) {.section = (where), .at = (i), .width = 1, .whole = (n)}
#define NUMBER(where, i, x) {.section = (where), .at = (i) * sizeof(double), .width = 8, .is_real = true, .real = (x)}
#define SPELL(from, to) {.section = TEXT, .width = sizeof(to) - 1, .former = (from), .text = (to)}

#define MAX_EDITS 4

typedef struct Fault
{
	const char *what;
	Kind		kind;
	const char *message;		/* NULL: no fault, the bytes open */
	Edit		edit[MAX_EDITS];
	int			resized;		/* section whose length changes, 0: none; not that of meta, which is 0 */
	int			by;				/* bytes */
	int			tail;			/* bytes more at the end */
	bool		stale_header;	/* checksums that are left as they were */
	bool		stale_sections;
} Fault;

static const Fault faults[] = {
	{"nothing", TREES, NULL},
	{"nothing", LINEAR, NULL},

	/* container */
	{"another magic", TREES, "its magic is wrong", {WHOLE(HEADER, HeaderRecord, 0, magic, 'X')}},
	{"a later format", TREES, "its format version is not known", {WHOLE(HEADER, HeaderRecord, 0, format, ML_MODEL_FORMAT + 1)}},
	{"another size", TREES, "its length is not the recorded one", {WHOLE(HEADER, HeaderRecord, 0, size, 64)}},
	{"a section fewer", TREES, "its number of sections is wrong", {WHOLE(HEADER, HeaderRecord, 0, n_sections, SECTION_COUNT - 1)}},
	{"a header's old checksum", TREES, "the checksum of its header is wrong", {WHOLE(TABLE, SectionRecord, 3, zero, 1)}, .stale_header = true},
	{"a header that goes on", TREES, "its header is not padded with zeros", {WHOLE(HEADER, HeaderRecord, 0, zero[8], 1)}},
	{"a section elsewhere", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, offset, 0)}},
	{"a section past the end", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, SECTION_LEVELS, length, 64)}},
	{"a section of all memory", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, length, UINT64_MAX)}},
	{"a section's padding", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, zero, 1)}},
	{"a section's old checksum", TREES, "the checksum of a section is wrong", {NUMBER(SECTION_EDGES, 0, 0.5)}, .stale_sections = true},
	{"something between sections", TREES, "the space between sections is not zero", {BYTE(SECTION_META, sizeof(MetaRecord), 1)}},
	{"something behind all sections", LINEAR, "the space after its last section is not zero", {BYTE(SECTION_LEVELS, 48, 1)}},
	{"64 bytes more", LINEAR, "it has bytes after its last section", .tail = 64},

	/* head */
	{"a third kind of model", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, linear, 2)}},
	{"no inputs", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_inputs, 0)}},
	{"4097 inputs", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_inputs, 4097)}},
	{"no features", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_features, 0)}},
	{"16385 features", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_features, 16385)}},
	{"32768 slots", TREES, "its head is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_slots, 0x8000)}},
	{"a linear model with a tree", LINEAR, "it has both trees and terms", {WHOLE(SECTION_META, MetaRecord, 0, n_trees, 1)}},
	{"a linear model with a slot", LINEAR, "it has both trees and terms", {WHOLE(SECTION_META, MetaRecord, 0, n_slots, 1)}},
	{"trees with a term", TREES, "it has both trees and terms", {WHOLE(SECTION_META, MetaRecord, 0, n_terms, 1)}},
	{"a base that is no number", TREES, "its figures are not finite", {REAL(SECTION_META, MetaRecord, 0, base, NAN)}},
	{"an infinite scale", TREES, "its figures are not finite", {REAL(SECTION_META, MetaRecord, 0, margin_scale, INFINITY)}},
	{"an infinite offset", TREES, "its figures are not finite", {REAL(SECTION_META, MetaRecord, 0, margin_offset, -INFINITY)}},
	{"a threshold that is no number", TREES, "its figures are not finite", {REAL(SECTION_META, MetaRecord, 0, threshold, NAN)}},
	{"a threshold below 0", TREES, "its threshold is not between 0 and 1", {REAL(SECTION_META, MetaRecord, 0, threshold, -0.001)}},
	{"a threshold above 1", TREES, "its threshold is not between 0 and 1", {REAL(SECTION_META, MetaRecord, 0, threshold, 1.001)}},
	{"a threshold of 1", TREES, NULL, {REAL(SECTION_META, MetaRecord, 0, threshold, 1)}},
	{"an intercept without an error", LINEAR, NULL, {REAL(SECTION_META, MetaRecord, 0, base_error, NAN)}},
	{"2^53 scores in a bin", TREES, NULL, {WHOLE(SECTION_META, MetaRecord, 0, score_counts[3], UINT64_C(1) << 53)}},
	{"one more than 2^53", TREES, "its counts of scores are too large", {WHOLE(SECTION_META, MetaRecord, 0, score_counts[3], (UINT64_C(1) << 53) + 1)}},
	{"one more in another bin", TREES, "its counts of scores are too large",
	{WHOLE(SECTION_META, MetaRecord, 0, score_counts[3], UINT64_C(1) << 53), WHOLE(SECTION_META, MetaRecord, 0, score_counts[63], 1)}},

	/* strings */
	{"a string behind all", TREES, "a string is out of bounds", {WHOLE(SECTION_META, MetaRecord, 0, algorithm.offset, 4000)}},
	{"a string of all memory", TREES, "a string is out of bounds", {WHOLE(SECTION_META, MetaRecord, 0, algorithm.size, UINT32_MAX)}},
	{"a string without an end", TREES, "a string is out of bounds", {BYTE(SECTION_STRINGS, 4, 'x')}},
	{"a string inside of another", TREES, "a string is not where it should be",
	{WHOLE(SECTION_META, MetaRecord, 0, algorithm.offset, 1), WHOLE(SECTION_META, MetaRecord, 0, algorithm.size, 3)}},
	{"a zero in a string", TREES, "a string contains a zero", {BYTE(SECTION_STRINGS, 1, 0)}},
	{"an algorithm without a name", TREES, "a name is empty or too long",
	{BYTE(SECTION_STRINGS, 0, 0), WHOLE(SECTION_META, MetaRecord, 0, algorithm.size, 0)}},
	{"a byte behind all strings", TREES, "a section has the wrong length", .resized = SECTION_STRINGS, .by = 1},

	/* inputs */
	{"an input of another kind", TREES, "the kind of an input is wrong", {WHOLE(SECTION_INPUTS, InputRecord, 0, kind, ML_COLUMN_HASH)}},
	{"a number with categories of no code", TREES, "the kind of an input is wrong", {WHOLE(SECTION_INPUTS, InputRecord, 0, n_others, 1)}},
	{"one name for two", TREES, "two inputs have the same name", {SPELL("moment", "amount")}},
	{"an input's type without a name", TREES, "a name is empty or too long",
	{SPELL("numeric", "\0umeric"), WHOLE(SECTION_INPUTS, InputRecord, 0, type.size, 0)}},
	{"categories of another place", TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 1, first_category, 1)}},
	{"a table of another place", TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 1, first_hash, 1)}},
	{"255 categories", TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 1, n_categories, 255)}},
	{"a category more than there are", TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 1, n_categories, 5)}},
	{"more others than there are", TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 1, n_others, 3)}},
	{"a number with a table", TREES, "the categories of an input are wrong", {WHOLE(SECTION_INPUTS, InputRecord, 0, n_hash, 4)}},
	{"a number with a category", TREES, "the categories of an input are wrong", {WHOLE(SECTION_INPUTS, InputRecord, 0, n_categories, 1)}},
	{"a table of two", TREES, "the categories of an input are wrong", {WHOLE(SECTION_INPUTS, InputRecord, 1, n_hash, 2)}},
	{"a table of 2048", TREES, "the categories of an input are wrong", {WHOLE(SECTION_INPUTS, InputRecord, 1, n_hash, 2048)}},
	{"a table of twelve", TREES, "the categories of an input are wrong",
	{WHOLE(SECTION_INPUTS, InputRecord, 1, n_hash, 12), WHOLE(SECTION_INPUTS, InputRecord, 1, n_others, 6)}},
	{"a table that is full", TREES, "a category table is wrong",	/* a look-up of an unseen one would never end */
		{WHOLE(SECTION_INPUTS, InputRecord, 1, n_hash, 4), WORD(SECTION_HASH, 0, 1 | UINT64_C(2) << 32),
		WORD(SECTION_HASH, 1, 3 | UINT64_C(4) << 32), WORD(SECTION_HASH, 2, 7 | UINT64_C(9) << 32)},
	.resized = SECTION_HASH, .by = -48},
	{"a table with a free slot less", TREES, "a category table is wrong", {HALF(SECTION_HASH, 3, 1)}},
	{"a fifth category of four", TREES, "a category number is out of bounds", {HALF(SECTION_HASH, 3, 5)}},
	{"one category twice", TREES, "a category occurs twice", {SPELL("fr", "de")}},
	{"a category that its slot does not have", TREES, "a category cannot be found", {SPELL("fr", "zz")}},
	{"others that do not rise", TREES, "the other categories of an input do not rise", {HALF(SECTION_HASH, 17, 7)}},
	{"a category behind all inputs'", TREES, "a section has the wrong length", .resized = SECTION_CATEGORIES, .by = 8},
	{"a slot behind all inputs'", TREES, "a section has the wrong length", .resized = SECTION_HASH, .by = 4},

	/* features */
	{"a feature without an input", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, input, 3)}},
	{"a fifth part of a time", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, FeatureRecord, 2, part, ML_FEATURE_SECONDS + 1)}},
	{"half a category", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, FeatureRecord, 1, categorical, 2)}},
	{"no bins", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, n_bins, 0)}},
	{"256 bins", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, n_bins, 256)}},
	{"a category of a number", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, categorical, 1)}},
	{"a number of a category", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, FeatureRecord, 1, categorical, 0)}},
	{"a bin less than categories", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, FeatureRecord, 1, n_bins, 4)}},
	{"the hour of a number", TREES, "a feature is a part of what is no time", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, part, ML_FEATURE_HOUR)}},
	{"a mean that is no number", TREES, "a feature's figures are not finite", {REAL(SECTION_FEATURES, FeatureRecord, 0, mean, NAN)}},
	{"an infinite deviation", TREES, "a feature's figures are not finite", {REAL(SECTION_FEATURES, FeatureRecord, 0, std, INFINITY)}},
	{"an infinite minimum", TREES, "a feature's figures are not finite", {REAL(SECTION_FEATURES, FeatureRecord, 0, minimum, -INFINITY)}},
	{"an infinite maximum", TREES, "a feature's figures are not finite", {REAL(SECTION_FEATURES, FeatureRecord, 0, maximum, INFINITY)}},
	{"a deviation below 0", TREES, "a feature's range is wrong", {REAL(SECTION_FEATURES, FeatureRecord, 0, std, -1)}},
	{"a minimum above the maximum", TREES, "a feature's range is wrong", {REAL(SECTION_FEATURES, FeatureRecord, 0, minimum, 5)}},
	{"edges of another place", TREES, "a feature's edges are out of bounds", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, first_edge, 1)}},
	{"counts of another place", TREES, "a feature's edges are out of bounds", {WHOLE(SECTION_FEATURES, FeatureRecord, 0, first_count, 1)}},
	{"an edge too few", TREES, "a feature's edges are out of bounds", .resized = SECTION_EDGES, .by = -8},
	{"a count too few", TREES, "a feature's edges are out of bounds", .resized = SECTION_COUNTS, .by = -8},
	{"an edge too many", TREES, "a section has the wrong length", .resized = SECTION_EDGES, .by = 8},
	{"a count too many", TREES, "a section has the wrong length", .resized = SECTION_COUNTS, .by = 8},
	{"edges that repeat", TREES, "edges do not rise", {NUMBER(SECTION_EDGES, 1, 1)}},
	{"edges that fall", TREES, "edges do not rise", {NUMBER(SECTION_EDGES, 1, 0.5)}},
	{"an edge that is no number", TREES, "edges do not rise", {NUMBER(SECTION_EDGES, 0, NAN)}},
	{"an infinite edge", TREES, "edges do not rise", {NUMBER(SECTION_EDGES, 2, INFINITY)}},
	{"2^53 rows and some", TREES, "a feature's counts are too large", {WORD(SECTION_COUNTS, 1, UINT64_C(1) << 53)}},
	{"a row more in one feature", TREES, "features were counted over different rows", {WORD(SECTION_COUNTS, 5, 1)}},

	/* slots */
	{"a slot without a feature", TREES, "a scoring feature is out of bounds", {WHOLE(SECTION_SLOTS, SlotRecord, 2, feature, 3)}},
	{"a slot's padding", TREES, "a scoring feature is out of bounds", {WHOLE(SECTION_SLOTS, SlotRecord, 0, zero, 1)}},
	{"a slot's edges of another place", TREES, "a scoring feature is out of bounds", {WHOLE(SECTION_SLOTS, SlotRecord, 2, first_edge, 1)}},
	{"255 edges of a slot", TREES, "a scoring feature is out of bounds", {WHOLE(SECTION_SLOTS, SlotRecord, 0, n_edges, 255)}},
	{"an edge of a slot too few", TREES, "a scoring feature is out of bounds", .resized = SECTION_SLOT_EDGES, .by = -8},
	{"an edge of a slot too many", TREES, "a section has the wrong length", .resized = SECTION_SLOT_EDGES, .by = 8},
	{"edges of a category", TREES, "a category has edges", {WHOLE(SECTION_SLOTS, SlotRecord, 1, n_edges, 1)}},
	{"edges of a slot that repeat", TREES, "edges do not rise", {NUMBER(SECTION_SLOT_EDGES, 1, 1)}},

	/* trees */
	{"a tree of another place", TREES, "a tree is out of bounds", {WHOLE(SECTION_TREES, TreeRecord, 1, first_node, 4)}},
	{"a tree without nodes", TREES, "a tree is out of bounds", {WHOLE(SECTION_TREES, TreeRecord, 2, n_nodes, 0)}},
	{"a tree past the nodes", TREES, "a tree is out of bounds", {WHOLE(SECTION_TREES, TreeRecord, 2, n_nodes, 4)}},
	{"a tree less", TREES, "the number of nodes is wrong", {WHOLE(SECTION_META, MetaRecord, 0, n_trees, 2)}, SECTION_TREES, -(int) sizeof(TreeRecord)},
	{"a tree as deep as it is not", TREES, "a tree's size is wrong", {WHOLE(SECTION_TREES, TreeRecord, 0, depth, 3)}},
	{"a tree's padding", TREES, "a tree's size is wrong", {WHOLE(SECTION_TREES, TreeRecord, 0, zero, 1)}},
	{"a child that is not the next node", TREES, "a tree's nodes are not linked", {HALF(SECTION_NODES, 1, 2)}},
	{"children in another tree", TREES, "a tree's nodes are not linked", {HALF(SECTION_NODES, 2 * 5 + 1, 9)}},
	{"children past the tree's end", TREES, "a tree's nodes are not linked", {WHOLE(SECTION_TREES, TreeRecord, 1, n_nodes, 2)}},
	{"nodes that are nobody's children", TREES, "a tree's nodes are not linked",
		{WORD(SECTION_NODES, 5, UINT64_C(255) << 24 | UINT64_C(5) << 32), HALF(SECTION_DETAILS, 5 * sizeof(DetailRecord) / 4, UINT32_MAX)}},
	{"a split's slot past all", TREES, "a split's feature is out of bounds", {BYTE(SECTION_NODES, 0, 3)}},
	{"a category split by number", TREES, "a split does not fit its feature",
	{BYTE(SECTION_NODES, 8 + 1, 0), WHOLE(SECTION_DETAILS, DetailRecord, 1, categorical, 0)}},
	{"a number split by a set", TREES, "a split does not fit its feature",
		{BYTE(SECTION_NODES, 1, 0x80), WHOLE(SECTION_DETAILS, DetailRecord, 0, categorical, 1), WORD(SECTION_VALUES, 0, 0)}},
	{"details of another feature", TREES, "a split's details do not fit it", {WHOLE(SECTION_DETAILS, DetailRecord, 0, feature, 2)}},
	{"a bin past all", TREES, "a split's details are wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 0, bin, 5)}},
	{"missing half left", TREES, "a split's details are wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 0, missing_left, 2)}},
	{"details of a category", TREES, "a split's details are wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 0, categorical, 1)}},
	{"an infinite gain", TREES, "a split's details are wrong", {REAL(SECTION_DETAILS, DetailRecord, 0, gain, INFINITY)}},
	{"a set past all", TREES, "a split's set is out of bounds", {WORD(SECTION_VALUES, 1, 1)}},
	{"a cover that is no number", TREES, "a node's cover is wrong", {REAL(SECTION_DETAILS, DetailRecord, 2, cover, NAN)}},
	{"a cover below 0", TREES, "a node's cover is wrong", {REAL(SECTION_DETAILS, DetailRecord, 2, cover, -1)}},
	{"a node's infinite value", TREES, "a node's details are wrong", {REAL(SECTION_DETAILS, DetailRecord, 0, value, INFINITY)}},
	{"a node's 2^53 rows and one", TREES, "a node's details are wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 0, count, (UINT64_C(1) << 53) + 1)}},
	{"a node's padding", TREES, "a node's details are wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 0, zero, 1)}},
	{"a leaf of a slot", TREES, "a leaf is wrong", {BYTE(SECTION_NODES, 2 * 8, 1)}},
	{"a leaf's low code", TREES, "a leaf is wrong", {BYTE(SECTION_NODES, 2 * 8 + 2, 1)}},
	{"a leaf's span", TREES, "a leaf is wrong", {BYTE(SECTION_NODES, 2 * 8 + 3, 254)}},
	{"a leaf's value that is no number", TREES, "a leaf is wrong", {NUMBER(SECTION_VALUES, 2, NAN)}},
	{"a leaf's details of a feature", TREES, "a leaf is wrong", {WHOLE(SECTION_DETAILS, DetailRecord, 2, feature, 0)}},

	/* linear models */
	{"a term without a feature", LINEAR, "a term is wrong", {WHOLE(SECTION_TERMS, TermRecord, 0, feature, 3)}},
	{"a fourth kind of term", LINEAR, "a term is wrong", {WHOLE(SECTION_TERMS, TermRecord, 0, kind, ML_TERM_MISSING + 1)}},
	{"a term's padding", LINEAR, "a term is wrong", {WHOLE(SECTION_TERMS, TermRecord, 0, zero, 1)}},
	{"an infinite coefficient", LINEAR, "a term is wrong", {REAL(SECTION_TERMS, TermRecord, 0, coefficient, INFINITY)}},
	{"a term of the last code", LINEAR, NULL, {WHOLE(SECTION_TERMS, TermRecord, 2, code, 5)}},
	{"a term of a code past all", LINEAR, "a term is wrong", {WHOLE(SECTION_TERMS, TermRecord, 2, code, 6)}},
	{"a term's mean that is no number", LINEAR, "a term's figures are wrong", {REAL(SECTION_TERMS, TermRecord, 0, mean, NAN)}},
	{"a term's infinite scale", LINEAR, "a term's figures are wrong", {REAL(SECTION_TERMS, TermRecord, 0, scale, INFINITY)}},
	{"a term's scale below 0", LINEAR, "a term's figures are wrong", {REAL(SECTION_TERMS, TermRecord, 2, scale, -1)}},
	{"a number's scale of 0", LINEAR, "a term's figures are wrong", {REAL(SECTION_TERMS, TermRecord, 0, scale, 0)}},
	{"an error below 0", LINEAR, "a term's figures are wrong", {REAL(SECTION_TERMS, TermRecord, 0, standard_error, -1)}},
	{"an infinite slope", LINEAR, "a coefficient is not finite", {REAL(SECTION_LINEAR, LinearRecord, 0, slope, INFINITY)}},
	{"an offset that is no number", LINEAR, "a coefficient is not finite", {REAL(SECTION_LINEAR, LinearRecord, 0, offset, NAN)}},
	{"an infinite value of what is missing", LINEAR, "a coefficient is not finite", {REAL(SECTION_LINEAR, LinearRecord, 0, missing, INFINITY)}},
	{"an infinite level", LINEAR, "a coefficient is not finite", {NUMBER(SECTION_LEVELS, 5, INFINITY)}},
	{"levels of another place", LINEAR, "a feature's levels are out of bounds", {WHOLE(SECTION_LINEAR, LinearRecord, 1, first_level, 1)}},
	{"a level for all codes but one", LINEAR, "a feature's levels are out of bounds", {WHOLE(SECTION_LINEAR, LinearRecord, 1, n_levels, 5),
		WHOLE(SECTION_LINEAR, LinearRecord, 2, first_level, 5)}, SECTION_LEVELS, -8},
	{"a category with a slope", LINEAR, "a feature's levels are out of bounds", {WHOLE(SECTION_LINEAR, LinearRecord, 1, n_levels, 0),
		WHOLE(SECTION_LINEAR, LinearRecord, 2, first_level, 0), REAL(SECTION_LINEAR, LinearRecord, 1, slope, 1)}, SECTION_LEVELS, -48},
	{"a level too few", LINEAR, "a feature's levels are out of bounds", .resized = SECTION_LEVELS, .by = -8},
	{"a level too many", LINEAR, "a section has the wrong length", .resized = SECTION_LEVELS, .by = 8},
};

/* ---------------------------------------------------------------- bytes with a fault */

typedef struct Bytes
{
	uint8_t    *bytes;			/* 64-byte aligned */
	size_t		size;
} Bytes;

static SectionRecord *
table_of(Bytes b)
{
	return (SectionRecord *) (b.bytes + sizeof(HeaderRecord));
}

static size_t
aligned(size_t size)
{
	return (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
}

static Bytes
encode(Kind kind, MlContext *ctx)
{
	const MlSignature signature = {.n_inputs = 3, .inputs = inputs, .n_features = 3, .features = features, .time_zone = "UTC"};
	MlModelParts parts = {.algorithm = "algo", .signature = &signature, .margin_scale = 1, .threshold = 0.5};
	Bytes		b = {0};

	if (kind == TREES)
		parts.forest = &forest;
	else
		parts.linear = &linear;
	if (ml_model_encode(ctx, &parts, &b.bytes, &b.size) != ML_OK)
		printf("Bail out! %s\n", ctx->message);
	return b;
}

/* A copy in which one section has another length; bytes that are more are 0. */
static Bytes
copy_resized(Bytes from, int resized, int by, int tail)
{
	const SectionRecord *old = table_of(from);
	size_t		start = sizeof(HeaderRecord) + SECTION_COUNT * sizeof(SectionRecord);
	Bytes		b = {.size = from.size + (size_t) tail + 128};

	b.bytes = aligned_alloc(SECTION_ALIGNMENT, aligned(b.size));
	memset(b.bytes, 0, aligned(b.size));
	memcpy(b.bytes, from.bytes, start);
	for (int s = 0; s < SECTION_COUNT; s++)
	{
		SectionRecord *section = &table_of(b)[s];

		section->length += resized != 0 && s == resized ? by : 0;
		section->offset = aligned(start);
		memcpy(b.bytes + section->offset, from.bytes + old[s].offset, old[s].length < section->length ? old[s].length : section->length);
		start = section->offset + section->length;
	}
	b.size = aligned(start) + (size_t) tail;
	((HeaderRecord *) b.bytes)->size = b.size;
	return b;
}

/* The first place in the strings that is followed by all of it and a zero. */
static uint8_t *
find_text(Bytes b, const char *text)
{
	return memmem(b.bytes + table_of(b)[SECTION_STRINGS].offset, table_of(b)[SECTION_STRINGS].length, text, strlen(text) + 1);
}

static void
write_edit(Bytes b, const Edit *edit)
{
	uint8_t    *place;

	if (edit->section == TEXT)
	{
		memcpy(find_text(b, edit->former), edit->text, edit->width);
		return;
	}
	place = edit->section == HEADER ? b.bytes : edit->section == TABLE ? (uint8_t *) table_of(b)
		: b.bytes + table_of(b)[edit->section].offset;
	memcpy(place + edit->at, edit->is_real ? (const void *) &edit->real : &edit->whole, edit->width);
}

static void
put_checksums_right(Bytes b, const Fault *fault)
{
	HeaderRecord *header = (HeaderRecord *) b.bytes;
	SectionRecord *table = table_of(b);

	for (int s = 0; s < SECTION_COUNT && !fault->stale_sections; s++)
	{
		if (table[s].offset <= b.size && table[s].length <= b.size - table[s].offset)
			table[s].crc = ml_crc32c(0, b.bytes + table[s].offset, table[s].length);
	}
	if (fault->stale_header)
		return;
	header->crc = 0;
	header->crc = ml_crc32c(0, b.bytes, sizeof(HeaderRecord) + SECTION_COUNT * sizeof(SectionRecord));
}

static bool
opens(Bytes b, char *message)
{
	MlModel		model;

	return ml_model_open(b.bytes, b.size, &model, message) == ML_OK;
}

static void
check_fault(const Fault *fault, Bytes good)
{
	Bytes		b = copy_resized(good, fault->resized, fault->by, fault->tail);
	char		message[ML_MESSAGE_SIZE];
	bool		opened;

	for (int e = 0; e < MAX_EDITS; e++)
	{
		if (fault->edit[e].width > 0)
			write_edit(b, &fault->edit[e]);
	}
	put_checksums_right(b, fault);
	opened = opens(b, message);
	if (fault->message == NULL)
		CHECK(opened, "%s, %s: it opens", fault->kind == TREES ? "trees" : "linear", fault->what);
	else
		CHECK(!opened && strcmp(message, fault->message) == 0, "%s: %s", fault->what, fault->message);
	if (opened ? fault->message != NULL : fault->message == NULL || strcmp(message, fault->message) != 0)
		printf("# got \"%s\"\n", opened ? "it opens" : message);
	free(b.bytes);
}

/* What cannot be said in a table: bytes too short for a header, long names, each section's length. */
static void
check_lengths(MlContext *ctx, Kind kind, Bytes good)
{
	static char name[1026];
	const char *former = inputs[0].name;
	char		message[ML_MESSAGE_SIZE];
	Bytes		b = good;

	b.size = sizeof(HeaderRecord) + SECTION_COUNT * sizeof(SectionRecord) - 1;
	CHECK(!opens(b, message) && strcmp(message, "it is too short for its header") == 0, "a byte less than a header: refused");
	memset(name, 'n', 1025);
	inputs[0].name = name;
	CHECK(!opens(encode(kind, ctx), message) && strcmp(message, "a name is empty or too long") == 0, "a name of 1025 bytes: refused");
	name[1024] = '\0';
	CHECK(opens(encode(kind, ctx), message), "a name of 1024 bytes: it opens");
	inputs[0].name = former;
	for (int s = SECTION_META + 1; s < SECTION_COUNT; s++)
	{
		const Fault longer = {"a section eight bytes longer", kind, .resized = s, .by = 8};
		Bytes		grown = copy_resized(good, s, 8, 0);

		put_checksums_right(grown, &longer);
		CHECK(!opens(grown, message) && strcmp(message, "a section has the wrong length") == 0, "section %d, eight bytes longer: refused", s);
		free(grown.bytes);
	}
}

/* ---------------------------------------------------------------- scores */

#define HOUR (3600.0)
#define UNKNOWN 5				/* code of a country that training has not seen */

typedef struct Row
{
	const char *what;
	double		amount;
	uint32_t	nation;
	double		moment;
	double		trees;			/* margins */
	double		linear;
} Row;

/* Trees: amount <= 2 and (nation us or de, or missing), hour <= 12, amount <= 1. */
static const Row rows[] = {
	{"all is known", 1, 1, 6 * HOUR, -1 - 0.5 + 0.1 + 0.1, -1 - 0.5 - 0.5 - 2.5 / 6},
	{"above an edge", 1.5, 2, 13 * HOUR, -1 - 0.5 - 0.1 - 0.1, -1 - 0.25 + 0.5 + 1.0 / 6},
	{"at an edge", 2, 3, 12 * HOUR, -1 + 0.25 + 0.1 - 0.1, -1 + 0 + 0 + 0.5 / 6},
	{"a nation that training has not seen", 0, UNKNOWN, 0, -1 + 0.25 + 0.1 + 0.1, -1 - 1 + 0 - 5.5 / 6},
	{"no nation", 0, ML_CODE_MISSING, 0, -1 - 0.5 + 0.1 + 0.1, -1 - 1 + 0 - 5.5 / 6},
	{"no amount", NAN, 2, 0, -1 + 0.5 + 0.1 - 0.1, -1 + 0.25 + 0.5 - 5.5 / 6},
	{"no time", 3, 4, NAN, -1 + 0.5 - 0.1 - 0.1, -1 + 0.5 + 0 + 0},
	{"nothing", NAN, ML_CODE_MISSING, NAN, -1 + 0.5 - 0.1 - 0.1, -1 + 0.25 + 0 + 0},
};

static void
check_scores(Kind kind, Bytes b)
{
	MlModel		model;
	char		message[ML_MESSAGE_SIZE];
	uint8_t		scratch[16];

	if (ml_model_open(b.bytes, b.size, &model, message) != ML_OK)
		printf("Bail out! %s\n", message);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		const MlValue values[] = {{.number = rows[i].amount}, {.code = rows[i].nation}, {.number = rows[i].moment}};
		double		margin = kind == TREES ? rows[i].trees : rows[i].linear;

		CHECK_CLOSE(ml_model_score(&model, values, scratch), 1 / (1 + exp(-margin)), 1e-15,
					"%s, %s: the score", kind == TREES ? "trees" : "linear", rows[i].what);
	}
	CHECK(ml_model_category(&model, 1, "de", 2) == 2 && ml_model_category(&model, 1, "xx", 2) == UNKNOWN, "codes of nations");
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 16 << 20)};
	Bytes		good[] = {encode(TREES, &ctx), encode(LINEAR, &ctx)};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		check_fault(&faults[i], good[faults[i].kind]);
	check_scores(TREES, good[TREES]);
	check_scores(LINEAR, good[LINEAR]);
	check_lengths(&ctx, TREES, good[TREES]);
	check_lengths(&ctx, LINEAR, good[LINEAR]);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
