/*
 * test_faults.c
 *	  For each thing that ml_model_open asks, one fault in the bytes of the small
 *	  models, checksums right again, is refused with the sentence meant for it.  Both
 *	  formats are tried, with the same faults; a statistic is in the later one alone.
 */
#include "model_bytes.h"

#define HEADER -1				/* instead of a section: at the start of the bytes */
#define TABLE -2				/* at the table of sections */
#define TEXT -3					/* the first string that reads so */
#define OWN(kind) (100 + (kind))	/* a section of the family */

/* New content of one field. */
typedef struct Edit
{
	int			section;
	size_t		at;				/* byte of it; beyond its end: the space that follows */
	size_t		former_at;		/* of SECTION_META in format 1 */
	int			format;			/* in which it is made; 0: both */
	size_t		width;			/* bytes; 0: there is no such edit */
	bool		is_real;
	uint64_t	whole;
	double		real;
	const char *former;
	const char *text;
} Edit;

typedef struct WholeMeta
{
	MetaRecord	meta;
	ComponentRecord component;
} WholeMeta;

#define WHOLE(where, Record, i, field, n) \
	{.section = (where), .at = (i) * sizeof(Record) + offsetof(Record, field), .width = sizeof(((Record *) 0)->field), .whole = (n)}
#define REAL(where, Record, i, field, x) \
	{.section = (where), .at = (i) * sizeof(Record) + offsetof(Record, field), .width = 8, .is_real = true, .real = (x)}
#define HEAD_WHOLE(field, n) \
	{.section = SECTION_META, .at = offsetof(MetaRecord, field), .former_at = offsetof(FormerMeta, field), \
	.width = sizeof(((MetaRecord *) 0)->field), .whole = (n)}
#define HEAD_REAL(field, x) \
	{.section = SECTION_META, .at = offsetof(MetaRecord, field), .former_at = offsetof(FormerMeta, field), \
	.width = 8, .is_real = true, .real = (x)}
#define FORMER_WHOLE(field, n) \
	{.section = SECTION_META, .former_at = offsetof(FormerMeta, field), .format = FORMER_FORMAT, \
	.width = sizeof(((FormerMeta *) 0)->field), .whole = (n)}
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
	int			lengthened;		/* bytes by which the length of meta changes */
	int			format;			/* that has such a thing; 0: both */
} Fault;

static const Fault faults[] = {
	{"nothing", TREES, NULL},
	{"nothing", LINEAR, NULL},

	/* container */
	{"another magic", TREES, "its magic is wrong", {WHOLE(HEADER, HeaderRecord, 0, magic, 'X')}},
	{"a later format", TREES, "its format version is not known", {WHOLE(HEADER, HeaderRecord, 0, format, ML_MODEL_FORMAT + 1)}},
	{"another size", TREES, "its length is not the recorded one", {WHOLE(HEADER, HeaderRecord, 0, size, 64)}},
	{"a section fewer", TREES, "its number of sections is wrong", {WHOLE(HEADER, HeaderRecord, 0, n_sections, FORMER_SECTIONS - 1)}, .format = 1},
	{"257 sections", TREES, "its number of sections is wrong", {WHOLE(HEADER, HeaderRecord, 0, n_sections, 257)}},
	{"256 sections", TREES, "it is too short for its header", {WHOLE(HEADER, HeaderRecord, 0, n_sections, 256)}, .format = 2},
	{"a header's old checksum", TREES, "the checksum of its header is wrong", {WHOLE(TABLE, SectionRecord, 3, component, 1)}, .stale_header = true},
	{"a header that goes on", TREES, "its header is not padded with zeros", {WHOLE(HEADER, HeaderRecord, 0, zero[8], 1)}},
	{"a section elsewhere", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, offset, 0)}},
	{"a section past the end", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, FORMER_SECTIONS - 1, length, 64)}, .format = 1},
	{"a section past the end", TREES, "a section is not where it should be",
	{WHOLE(TABLE, SectionRecord, SECTION_ALWAYS + TREES_DETAILS, length, 4096)}, .format = 2},
	{"a section of all memory", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, length, UINT64_MAX)}},
	{"a section's kind", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, kind, 2)}, .format = 1},
	{"a section's component", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, component, 1)}, .format = 1},
	{"a kind that comes twice", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, kind, 1)}, .format = 2},
	{"a component between others", TREES, "a section is not where it should be", {WHOLE(TABLE, SectionRecord, 2, component, 1)}, .format = 2},
	{"no section of a kind of the container", TREES, "a section is missing",
	{WHOLE(TABLE, SectionRecord, SECTION_COUNTS, kind, SECTION_ALWAYS)}, .format = 2},
	{"no section of a kind of the family", LINEAR, "a section is missing",
	{WHOLE(TABLE, SectionRecord, SECTION_ALWAYS + LINEAR_LEVELS, kind, LINEAR_LEVELS + 1)}, .format = 2},
	{"a family's section of another component", LINEAR, "a section is missing",
	{WHOLE(TABLE, SectionRecord, SECTION_ALWAYS + LINEAR_LEVELS, component, 2)}, .format = 2},
	{"a section's old checksum", TREES, "the checksum of a section is wrong", {NUMBER(SECTION_EDGES, 0, 0.5)}, .stale_sections = true},
	{"something between sections", TREES, "the space between sections is not zero", {BYTE(SECTION_EDGES, 4 * sizeof(double), 1)}},
	{"something behind all sections", LINEAR, "the space after its last section is not zero", {BYTE(OWN(LINEAR_LEVELS), 48, 1)}},
	{"64 bytes more", LINEAR, "it has bytes after its last section", .tail = 64},

	/* head */
	{"a third family", TREES, "its family is not known", {FORMER_WHOLE(family, 2)}, .format = 1},
	{"a family of no number", TREES, "its family is not known", {WHOLE(SECTION_META, WholeMeta, 0, component.family, UINT32_MAX)}, .format = 2},
	{"a component's padding", TREES, "its head is wrong", {WHOLE(SECTION_META, WholeMeta, 0, component.zero, 1)}, .format = 2},
	{"a head's padding", TREES, "its head is wrong", {WHOLE(SECTION_META, WholeMeta, 0, meta.zero, 1)}, .format = 2},
	{"two components", TREES, "its number of components is not one that can be read",
	{WHOLE(SECTION_META, WholeMeta, 0, meta.n_components, 2)}, .lengthened = 8, .format = 2},
	{"no component", TREES, "its number of components is not one that can be read",
	{WHOLE(SECTION_META, WholeMeta, 0, meta.n_components, 0)}, .lengthened = -8, .format = 2},
	{"a component less than recorded", TREES, "a section has the wrong length", .lengthened = -8, .format = 2},
	{"no head", TREES, "a section has the wrong length", .lengthened = -16, .format = 2},
	{"a score that is the margin", TREES, "its link is not one that can be read", {WHOLE(SECTION_META, MetaRecord, 0, link, LINK_IDENTITY)}, .format = 2},
	{"a score by a table", TREES, "its link is not one that can be read", {WHOLE(SECTION_META, MetaRecord, 0, link, LINK_TABLE)}, .format = 2},
	{"a link of no number", TREES, "its link is not one that can be read", {WHOLE(SECTION_META, MetaRecord, 0, link, LINK_TABLE + 1)}, .format = 2},
	{"a score of anomalies", TREES, "its score is not one that can be read", {WHOLE(SECTION_META, MetaRecord, 0, meaning, MEANING_ANOMALY)}, .format = 2},
	{"no inputs", TREES, "its head is wrong", {FORMER_WHOLE(n_inputs, 0)}, SECTION_INPUTS, -3 * (int) sizeof(InputRecord)},
	{"4097 inputs", TREES, "its head is wrong", {FORMER_WHOLE(n_inputs, 4097)}, SECTION_INPUTS, 4094 * sizeof(InputRecord)},
	{"no features", TREES, "its head is wrong", {FORMER_WHOLE(n_features, 0)}, SECTION_FEATURES, -3 * (int) sizeof(MlFeatureRecord)},
	{"16385 features", TREES, "its head is wrong", {FORMER_WHOLE(n_features, 16385)}, SECTION_FEATURES, 16382 * sizeof(MlFeatureRecord)},
	{"32768 slots", TREES, "it has too many scoring features", {FORMER_WHOLE(n_slots, 0x8000)}, OWN(TREES_SLOTS), 0x7FFD * sizeof(SlotRecord)},
	{"another number of inputs", TREES, "a section has the wrong length", {FORMER_WHOLE(n_inputs, 2)}, .format = 1},
	{"another number of nodes", TREES, "a section has the wrong length", {FORMER_WHOLE(n_nodes, 10)}, .format = 1},
	{"a linear model with a tree", LINEAR, "it has sections of another family", {FORMER_WHOLE(n_trees, 1)}, .format = 1},
	{"a linear model with a slot", LINEAR, "it has sections of another family", {FORMER_WHOLE(n_slots, 1)}, .format = 1},
	{"trees with a term", TREES, "it has sections of another family", {FORMER_WHOLE(n_terms, 1)}, .format = 1},
	{"a base that is no number", TREES, "its base is not finite", {NUMBER(OWN(TREES_BASE), 0, NAN)}},
	{"two bases", TREES, "a section has the wrong length", .resized = OWN(TREES_BASE), .by = 8, .format = 2},
	{"no base", TREES, "a section has the wrong length", .resized = OWN(TREES_BASE), .by = -8, .format = 2},
	{"an infinite intercept", LINEAR, "its intercept is not finite", {NUMBER(OWN(LINEAR_INTERCEPT), 0, INFINITY)}},
	{"no intercept", LINEAR, "a section has the wrong length", .resized = OWN(LINEAR_INTERCEPT), .by = -16, .format = 2},
	{"an infinite scale", TREES, "its numbers are not finite", {HEAD_REAL(margin_scale, INFINITY)}},
	{"an infinite offset", TREES, "its numbers are not finite", {HEAD_REAL(margin_offset, -INFINITY)}},
	{"a threshold that is no number", TREES, "its numbers are not finite", {HEAD_REAL(threshold, NAN)}},
	{"a threshold below 0", TREES, "its threshold is not between 0 and 1", {HEAD_REAL(threshold, -0.001)}},
	{"a threshold above 1", TREES, "its threshold is not between 0 and 1", {HEAD_REAL(threshold, 1.001)}},
	{"a threshold of 1", TREES, NULL, {HEAD_REAL(threshold, 1)}},
	{"a threshold just above 1, which flags nothing", TREES, NULL, {HEAD_REAL(threshold, nextafter(1, 2))}},
	{"an intercept without an error", LINEAR, NULL, {NUMBER(OWN(LINEAR_INTERCEPT), 1, NAN)}},
	{"2^53 scores in a bin", TREES, NULL, {HEAD_WHOLE(score_counts[3], UINT64_C(1) << 53)}},
	{"one more than 2^53", TREES, "its counts of scores are too large", {HEAD_WHOLE(score_counts[3], (UINT64_C(1) << 53) + 1)}},
	{"one more in another bin", TREES, "its counts of scores are too large",
	{HEAD_WHOLE(score_counts[3], UINT64_C(1) << 53), HEAD_WHOLE(score_counts[63], 1)}},

	/* strings */
	{"a string behind all", TREES, "a string is out of bounds", {HEAD_WHOLE(algorithm.offset, 4000)}},
	{"a string of all memory", TREES, "a string is out of bounds", {HEAD_WHOLE(algorithm.size, UINT32_MAX)}},
	{"a string without an end", TREES, "a string is out of bounds", {BYTE(SECTION_STRINGS, 4, 'x')}},
	{"a string inside of another", TREES, "a string is not where it should be",
	{HEAD_WHOLE(algorithm.offset, 1), HEAD_WHOLE(algorithm.size, 3)}},
	{"a zero in a string", TREES, "a string contains a zero", {BYTE(SECTION_STRINGS, 1, 0)}},
	{"an algorithm without a name", TREES, "a name is empty or too long",
	{BYTE(SECTION_STRINGS, 0, 0), HEAD_WHOLE(algorithm.size, 0)}},
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
	{"a table that is full", TREES, "the categories of an input are wrong", /* a look-up of an unseen one
																			 * would never end */
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
	{"a feature without an input", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, input, 3)}},
	{"a fifth part of a time", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 2, part, ML_FEATURE_STATISTIC + 1)}},
	{"a statistic of a time", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 2, part, ML_FEATURE_STATISTIC)}},
	{"a statistic that is nowhere", TREES, "a feature does not fit its input",
	{WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, part, ML_FEATURE_STATISTIC), WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, categorical, 0)}},
	{"half a category", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, categorical, 2)}},
	{"no bins", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, n_bins, 0)}},
	{"256 bins", TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, n_bins, 256)}},
	{"a category of a number", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, categorical, 1)}},
	{"a number of a category", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, categorical, 0)}},
	{"a bin less than categories", TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, n_bins, 4)}},
	{"the hour of a number", TREES, "a feature is a part of what is no time", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, part, ML_FEATURE_HOUR)}},
	{"a mean that is no number", TREES, "a feature's numbers are not finite", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, mean, NAN)}},
	{"an infinite deviation", TREES, "a feature's numbers are not finite", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, std, INFINITY)}},
	{"an infinite minimum", TREES, "a feature's numbers are not finite", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, minimum, -INFINITY)}},
	{"an infinite maximum", TREES, "a feature's numbers are not finite", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, maximum, INFINITY)}},
	{"a deviation below 0", TREES, "a feature's range is wrong", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, std, -1)}},
	{"a minimum above the maximum", TREES, "a feature's range is wrong", {REAL(SECTION_FEATURES, MlFeatureRecord, 0, minimum, 5)}},
	{"edges of another place", TREES, "a feature's edges are out of bounds", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, first_edge, 1)}},
	{"counts of another place", TREES, "a feature's edges are out of bounds", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, first_count, 1)}},
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
	{"a slot without a feature", TREES, "a scoring feature is out of bounds", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 2, feature, 3)}},
	{"a slot's padding", TREES, "a scoring feature is out of bounds", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 0, zero, 1)}},
	{"a slot's edges of another place", TREES, "a scoring feature is out of bounds", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 2, first_edge, 1)}},
	{"255 edges of a slot", TREES, "a scoring feature is out of bounds", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 0, n_edges, 255)}},
	{"an edge of a slot too few", TREES, "a scoring feature is out of bounds", .resized = OWN(TREES_EDGES), .by = -8},
	{"an edge of a slot too many", TREES, "a section has the wrong length", .resized = OWN(TREES_EDGES), .by = 8},
	{"edges of a category", TREES, "a category has edges", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 1, n_edges, 1)}},
	{"edges of a slot that repeat", TREES, "edges do not rise", {NUMBER(OWN(TREES_EDGES), 1, 1)}},

	/* rows that are alone in their category: ten rows, after 5 and 6 counts */
	{"ten single rows", TREES, NULL, {WORD(SECTION_COUNTS, 11, 10)}, .format = 2},
	{"more single rows than rows", TREES, "more rows are alone in their category than there are", {WORD(SECTION_COUNTS, 11, 11)}, .format = 2},

	/* trees */
	{"a tree of another place", TREES, "a tree is out of bounds", {WHOLE(OWN(TREES_TREES), TreeRecord, 1, first_node, 4)}},
	{"a tree without nodes", TREES, "a tree is out of bounds", {WHOLE(OWN(TREES_TREES), TreeRecord, 2, n_nodes, 0)}},
	{"a tree past the nodes", TREES, "a tree is out of bounds", {WHOLE(OWN(TREES_TREES), TreeRecord, 2, n_nodes, 4)}},
	{"a tree less", TREES, "the number of nodes is wrong", {FORMER_WHOLE(n_trees, 2)}, OWN(TREES_TREES), -(int) sizeof(TreeRecord)},
	{"a tree as deep as it is not", TREES, "a tree's size is wrong", {WHOLE(OWN(TREES_TREES), TreeRecord, 0, depth, 3)}},
	{"a tree's padding", TREES, "a tree's size is wrong", {WHOLE(OWN(TREES_TREES), TreeRecord, 0, zero, 1)}},
	{"a child that is not the next node", TREES, "a tree's nodes are not linked", {HALF(OWN(TREES_NODES), 1, 2)}},
	{"children in another tree", TREES, "a tree's nodes are not linked", {HALF(OWN(TREES_NODES), 2 * 5 + 1, 9)}},
	{"children past the tree's end", TREES, "a tree's nodes are not linked", {WHOLE(OWN(TREES_TREES), TreeRecord, 1, n_nodes, 2)}},
	{"nodes that are nobody's children", TREES, "a tree's nodes are not linked",
		{WORD(OWN(TREES_NODES), 5, UINT64_C(255) << 24 | UINT64_C(5) << 32), HALF(OWN(TREES_DETAILS), 5 * sizeof(DetailRecord) / 4, UINT32_MAX)}},
	{"a split's slot past all", TREES, "a split's feature is out of bounds", {BYTE(OWN(TREES_NODES), 0, 3)}},
	{"a category split by number", TREES, "a split does not fit its feature",
	{BYTE(OWN(TREES_NODES), 8 + 1, 0), WHOLE(OWN(TREES_DETAILS), DetailRecord, 1, categorical, 0)}},
	{"a number split by a set", TREES, "a split does not fit its feature",
		{BYTE(OWN(TREES_NODES), 1, 0x80), WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, categorical, 1), WORD(OWN(TREES_VALUES), 0, 0)}},
	{"details of another feature", TREES, "a split's details do not fit it", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, feature, 2)}},
	{"a bin past all", TREES, "a split's details are wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, bin, 5)}},
	{"missing half left", TREES, "a split's details are wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, missing_left, 2)}},
	{"details of a category", TREES, "a split's details are wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, categorical, 1)}},
	{"an infinite gain", TREES, "a split's details are wrong", {REAL(OWN(TREES_DETAILS), DetailRecord, 0, gain, INFINITY)}},
	{"a set past all", TREES, "a split's set is out of bounds", {WORD(OWN(TREES_VALUES), 1, 1)}},
	{"a cover that is no number", TREES, "a node's cover is wrong", {REAL(OWN(TREES_DETAILS), DetailRecord, 2, cover, NAN)}},
	{"a cover below 0", TREES, "a node's cover is wrong", {REAL(OWN(TREES_DETAILS), DetailRecord, 2, cover, -1)}},
	{"a node's infinite value", TREES, "a node's details are wrong", {REAL(OWN(TREES_DETAILS), DetailRecord, 0, value, INFINITY)}},
	{"a node's 2^53 rows and one", TREES, "a node's details are wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, count, (UINT64_C(1) << 53) + 1)}},
	{"a node's padding", TREES, "a node's details are wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 0, zero, 1)}},
	{"a leaf of a slot", TREES, "a leaf is wrong", {BYTE(OWN(TREES_NODES), 2 * 8, 1)}},
	{"a leaf's low code", TREES, "a leaf is wrong", {BYTE(OWN(TREES_NODES), 2 * 8 + 2, 1)}},
	{"a leaf's span", TREES, "a leaf is wrong", {BYTE(OWN(TREES_NODES), 2 * 8 + 3, 254)}},
	{"a leaf's value that is no number", TREES, "a leaf is wrong", {NUMBER(OWN(TREES_VALUES), 2, NAN)}},
	{"a leaf's details of a feature", TREES, "a leaf is wrong", {WHOLE(OWN(TREES_DETAILS), DetailRecord, 2, feature, 0)}},

	/* linear models */
	{"a term without a feature", LINEAR, "a term is wrong", {WHOLE(OWN(LINEAR_TERMS), TermRecord, 0, feature, 3)}},
	{"a fourth kind of term", LINEAR, "a term is wrong", {WHOLE(OWN(LINEAR_TERMS), TermRecord, 0, kind, ML_TERM_MISSING + 1)}},
	{"a term's padding", LINEAR, "a term is wrong", {WHOLE(OWN(LINEAR_TERMS), TermRecord, 0, zero, 1)}},
	{"an infinite coefficient", LINEAR, "a term is wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 0, coefficient, INFINITY)}},
	{"a term of the last code", LINEAR, NULL, {WHOLE(OWN(LINEAR_TERMS), TermRecord, 2, code, 5)}},
	{"a term of a code past all", LINEAR, "a term is wrong", {WHOLE(OWN(LINEAR_TERMS), TermRecord, 2, code, 6)}},
	{"a term's mean that is no number", LINEAR, "a term's numbers are wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 0, mean, NAN)}},
	{"a term's infinite scale", LINEAR, "a term's numbers are wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 0, scale, INFINITY)}},
	{"a term's scale below 0", LINEAR, "a term's numbers are wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 2, scale, -1)}},
	{"a number's scale of 0", LINEAR, "a term's numbers are wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 0, scale, 0)}},
	{"an error below 0", LINEAR, "a term's numbers are wrong", {REAL(OWN(LINEAR_TERMS), TermRecord, 0, standard_error, -1)}},
	{"an infinite slope", LINEAR, "a coefficient is not finite", {REAL(OWN(LINEAR_FEATURES), LinearRecord, 0, slope, INFINITY)}},
	{"an offset that is no number", LINEAR, "a coefficient is not finite", {REAL(OWN(LINEAR_FEATURES), LinearRecord, 0, offset, NAN)}},
	{"an infinite value of what is missing", LINEAR, "a coefficient is not finite", {REAL(OWN(LINEAR_FEATURES), LinearRecord, 0, missing, INFINITY)}},
	{"an infinite level", LINEAR, "a coefficient is not finite", {NUMBER(OWN(LINEAR_LEVELS), 5, INFINITY)}},
	{"levels of another place", LINEAR, "a feature's levels are out of bounds", {WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 1, first_level, 1)}},
	{"a level for all codes but one", LINEAR, "a feature's levels are out of bounds", {WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 1, n_levels, 5),
		WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 2, first_level, 5)}, OWN(LINEAR_LEVELS), -8},
	{"a category with a slope", LINEAR, "a feature's levels are out of bounds", {WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 1, n_levels, 0),
		WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 2, first_level, 0), REAL(OWN(LINEAR_FEATURES), LinearRecord, 1, slope, 1)}, OWN(LINEAR_LEVELS), -48},
	{"a level too few", LINEAR, "a feature's levels are out of bounds", .resized = OWN(LINEAR_LEVELS), .by = -8},
	{"a level too many", LINEAR, "a section has the wrong length", .resized = OWN(LINEAR_LEVELS), .by = 8},

	/* statistics: the prior, four nations, two places that have none */
	{"nothing", MIXED_TREES, NULL},
	{"nothing", MIXED_LINEAR, NULL},
	{"a prior that is no number", MIXED_TREES, "a statistic is not finite", {NUMBER(SECTION_STATISTICS, 0, NAN)}},
	{"an infinite statistic", MIXED_LINEAR, "a statistic is not finite", {NUMBER(SECTION_STATISTICS, 4, INFINITY)}},
	{"an infinite one where there is none", MIXED_TREES, "a statistic is not finite", {NUMBER(SECTION_STATISTICS, 6, -INFINITY)}},
	{"a statistic less", MIXED_TREES, "a section has the wrong length", .resized = SECTION_STATISTICS, .by = -8},
	{"a statistic more", MIXED_LINEAR, "a section has the wrong length", .resized = SECTION_STATISTICS, .by = 8},
	{"half a statistic more", MIXED_TREES, "a section has the wrong length", .resized = SECTION_STATISTICS, .by = 4},
	{"no statistic in their section", MIXED_TREES, "a section has the wrong length", .resized = SECTION_STATISTICS, .by = -56},
	{"statistics that are to be skipped", MIXED_TREES, "a feature does not fit its input",
	{WHOLE(TABLE, SectionRecord, SECTION_STATISTICS, kind, SECTION_OPTIONAL)}},
	{"statistics of a kind that is not known", MIXED_TREES, "it has a section of a kind that is not known",
	{WHOLE(TABLE, SectionRecord, SECTION_STATISTICS, kind, SECTION_COUNT)}},
	{"a statistic that is a code too", MIXED_TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, categorical, 1)}},
	{"a statistic that is the number of a category", MIXED_TREES, "a feature does not fit its input",
	{WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, part, ML_FEATURE_VALUE)}},
	{"an hour of a category", MIXED_TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, part, ML_FEATURE_HOUR)}},
	{"a statistic of a number", MIXED_LINEAR, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 3, part, ML_FEATURE_STATISTIC)}},
	{"a statistic of another's number", MIXED_LINEAR, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, input, 2)}},
	{"a part after statistics", MIXED_TREES, "a feature is wrong", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 1, part, ML_FEATURE_STATISTIC + 1)}},
	{"more codes than levels and one", MIXED_TREES, "a feature does not fit its input", {WHOLE(SECTION_FEATURES, MlFeatureRecord, 0, n_bins, 6)}},
	{"edges of a statistic that repeat", MIXED_LINEAR, "edges do not rise", {NUMBER(SECTION_EDGES, 1, 0)}},
	{"a split of codes that levels share", MIXED_TREES, "a split is on a category without codes of its own", {WHOLE(OWN(TREES_SLOTS), SlotRecord, 1, feature, 0)}},
	{"a term of codes that levels share", MIXED_LINEAR, "a term is of a category without codes of its own", {WHOLE(OWN(LINEAR_TERMS), TermRecord, 2, feature, 0)}},
	{"numbers of codes that levels share", MIXED_LINEAR, "a term is of a category without codes of its own",
		{WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 0, n_levels, 4), WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 1, first_level, 4),
		WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 2, first_level, 4), WHOLE(OWN(LINEAR_FEATURES), LinearRecord, 3, first_level, 8)},
	OWN(LINEAR_LEVELS), 32},
	{"a million levels in a table of 16", MIXED_TREES, "the categories of an input are wrong", {WHOLE(SECTION_INPUTS, InputRecord, 0, n_categories, ML_MAX_DISTINCT)}},
	{"a level more than a million", MIXED_TREES, "the categories of an input are out of bounds", {WHOLE(SECTION_INPUTS, InputRecord, 0, n_categories, ML_MAX_DISTINCT + 1)}},
};

/* ---------------------------------------------------------------- bytes with a fault */

/* Where the table has a section; -1 for what format 1 had in its head. */
static int
place_of(Bytes b, Kind kind, int section)
{
	const MlFamily *family = is_trees(kind) ? &ml_family_trees : &ml_family_linear;

	if (section < OWN(0))
		return section;
	if (header_of(b)->format != FORMER_FORMAT)
		return (has_statistic(kind) ? SECTION_HISTORY : SECTION_ALWAYS) + section - OWN(0);
	return family->sections[section - OWN(0)].former == ML_FORMER_BASE ? -1 : (int) family->sections[section - OWN(0)].former;
}

/* A copy in which the section at a place has another length; bytes that are more are 0. */
static Bytes
copy_resized(Bytes from, int place, int by, int tail)
{
	const SectionRecord *old = table_of(from);
	size_t		start = sizeof(HeaderRecord) + header_of(from)->n_sections * sizeof(SectionRecord);
	Bytes		b = {.size = from.size + (size_t) tail + 128 + (by > 0 ? by : 0)};

	b.bytes = aligned_alloc(SECTION_ALIGNMENT, section_aligned(b.size));
	memset(b.bytes, 0, section_aligned(b.size));
	memcpy(b.bytes, from.bytes, start);
	for (int s = 0; s < (int) header_of(from)->n_sections; s++)
	{
		SectionRecord *section = &table_of(b)[s];

		section->length += s == place ? by : 0;
		section->offset = section_aligned(start);
		memcpy(b.bytes + section->offset, from.bytes + old[s].offset, old[s].length < section->length ? old[s].length : section->length);
		start = section->offset + section->length;
	}
	b.size = section_aligned(start) + (size_t) tail;
	header_of(b)->size = b.size;
	return b;
}

static uint8_t *
find_section(Bytes b, Kind kind, int section)
{
	int			place = place_of(b, kind, section);

	if (place < 0)
		return b.bytes + table_of(b)[SECTION_META].offset + offsetof(FormerMeta, base);
	return b.bytes + table_of(b)[place].offset;
}

static void
write_edit(Bytes b, Kind kind, const Edit *edit)
{
	bool		former = header_of(b)->format == FORMER_FORMAT;
	size_t		at = edit->section == SECTION_META && former ? edit->former_at : edit->at;
	uint8_t    *place;

	if (edit->format != 0 && !(edit->format == FORMER_FORMAT && former))
		return;
	place = edit->section == TEXT ? find_text(b, edit->former) : edit->section == HEADER ? b.bytes
		: edit->section == TABLE ? (uint8_t *) table_of(b) : find_section(b, kind, edit->section);
	memcpy(place + at, edit->section == TEXT ? (const void *) edit->text : edit->is_real ? (const void *) &edit->real : &edit->whole,
		   edit->width);
}

static void
check_fault(const Fault *fault, Bytes good)
{
	int			format = (int) header_of(good)->format;
	Bytes		b;

	if (fault->format != 0 && fault->format != format)
		return;
	b = copy_resized(good, fault->lengthened ? SECTION_META : fault->resized ? place_of(good, fault->kind, fault->resized) : -1,
					 fault->lengthened ? fault->lengthened : fault->by, fault->tail);
	for (int e = 0; e < MAX_EDITS; e++)
	{
		if (fault->edit[e].width > 0)
			write_edit(b, fault->kind, &fault->edit[e]);
	}
	put_checksums_right(b, fault->stale_sections, fault->stale_header);
	check_opening(b, fault->message, format, fault->what);
	free(b.bytes);
}

/* Each section's length, and bytes too short for a header. */
static void
check_lengths(Bytes good, Kind kind)
{
	int			format = (int) header_of(good)->format;
	Bytes		b = good;

	b.size = sizeof(HeaderRecord) + header_of(good)->n_sections * sizeof(SectionRecord) - 1;
	check_opening(b, "it is too short for its header", format, "a byte less than a header and table");
	b.size = sizeof(HeaderRecord) - 1;
	check_opening(b, "it is too short for its header", format, "a byte less than a header");
	for (int place = SECTION_META + 1; place < (int) header_of(good)->n_sections; place++)
	{
		Bytes		grown = copy_resized(good, place, 8, 0);
		bool		other = format == FORMER_FORMAT && place >= SECTION_ALWAYS && (kind == TREES) == (place >= 15);
		char		what[64];

		snprintf(what, sizeof(what), "section %d, eight bytes longer", place);
		put_checksums_right(grown, false, false);
		check_opening(grown, other ? "it has sections of another family"
					  : "a section has the wrong length", format, what);
		free(grown.bytes);
	}
}

static void
check_names(MlContext *ctx, Kind kind)
{
	static char name[1026];
	const char *former = inputs[0].name;

	memset(name, 'n', 1025);
	inputs[0].name = name;
	check_opening(encode(kind, ctx), "a name is empty or too long", ML_MODEL_FORMAT, "a name of 1025 bytes");
	name[1024] = '\0';
	check_opening(encode(kind, ctx), NULL, ML_MODEL_FORMAT, "a name of 1024 bytes");
	inputs[0].name = former;
}

/* A copy with one section more, of four bytes, before the one at a place. */
static Bytes
copy_with(Bytes from, uint32_t place, uint16_t component, uint16_t kind)
{
	uint32_t	n = header_of(from)->n_sections;
	Bytes		b = {.size = from.size + 256};
	size_t		start = sizeof(HeaderRecord) + (n + 1) * sizeof(SectionRecord);

	b.bytes = aligned_alloc(SECTION_ALIGNMENT, section_aligned(b.size));
	memset(b.bytes, 0, section_aligned(b.size));
	memcpy(b.bytes, from.bytes, sizeof(HeaderRecord));
	for (uint32_t s = 0; s <= n; s++)
	{
		SectionRecord *section = &table_of(b)[s];
		uint32_t	old = s > place ? s - 1 : s;

		start = section_aligned(start);
		*section = s == place ? (SectionRecord) {.length = 4, .component = component, .kind = kind} : table_of(from)[old];
		section->offset = start;
		memcpy(b.bytes + start, s == place ? (const void *) "more" : from.bytes + table_of(from)[old].offset, section->length);
		start += section->length;
	}
	header_of(b)->n_sections = n + 1;
	b.size = header_of(b)->size = section_aligned(start);
	put_checksums_right(b, false, false);
	return b;
}

/* What a later version may add. */
static void
check_more_sections(Bytes good)
{
	static const struct
	{
		const char *what;
		uint32_t	place;
		uint16_t	component;
		uint16_t	kind;
		const char *message;
	}			more[] = {
		{"one more of the container", SECTION_ALWAYS, 0, SECTION_COUNT, "it has a section of a kind that is not known"},
		{"a history", SECTION_ALWAYS, 0, SECTION_HISTORY, NULL},
		{"an optional one of the container", SECTION_ALWAYS, 0, SECTION_OPTIONAL, NULL},
		{"one more of the family", SECTION_ALWAYS + TREES_SECTIONS, 1, TREES_SECTIONS, "it has a section of a kind that is not known"},
		{"an optional one of the family", SECTION_ALWAYS + TREES_SECTIONS, 1, SECTION_OPTIONAL | TREES_NODES, NULL},
		{"one of another component", SECTION_ALWAYS + TREES_SECTIONS, 2, 0, "it has a section of a kind that is not known"},
		{"an optional one of another component", SECTION_ALWAYS + TREES_SECTIONS, 2, SECTION_OPTIONAL, "it has a section of a kind that is not known"},
		{"an optional one out of order", SECTION_ALWAYS - 1, 0, SECTION_OPTIONAL, "a section is not where it should be"},
	};

	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
	{
		Bytes		b = copy_with(good, more[i].place, more[i].component, more[i].kind);

		check_opening(b, more[i].message, ML_MODEL_FORMAT, more[i].what);
		free(b.bytes);
	}
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 16 << 20)};
	Bytes		good[2][N_KINDS] = {{read_former(TREES), read_former(LINEAR)}};

	for (int kind = TREES; kind < N_KINDS; kind++)
		good[1][kind] = encode(kind, &ctx);
	for (int format = 0; format < 2; format++)
	{
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		{
			if (good[format][faults[i].kind].bytes)
				check_fault(&faults[i], good[format][faults[i].kind]);
		}
		for (int kind = TREES; kind < N_KINDS; kind++)
		{
			if (good[format][kind].bytes)
				check_lengths(good[format][kind], kind);
		}
	}
	check_names(&ctx, TREES);
	check_names(&ctx, LINEAR);
	check_more_sections(good[1][TREES]);
	free(good[0][TREES].bytes);
	free(good[0][LINEAR].bytes);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
