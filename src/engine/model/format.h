/*-------------------------------------------------------------------------
 * format.h
 *	  Layout of the model bytes, version 1 (private to model; docs/model-format.md
 *	  says the same in words).
 *
 * header | section table | sections, each at a multiple of 64 bytes, zeros between
 *
 * All records have explicit padding and no pointers; the same bytes are
 * written, verified and scored from.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_MODEL_FORMAT_H
#define MLOPS_ENGINE_MODEL_FORMAT_H

#include "mlops/engine/model.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model bytes are little-endian; this machine is not"
#endif

#define MODEL_MAGIC "MLOPSMDL"
#define SECTION_ALIGNMENT 64

typedef enum Section
{
	SECTION_META,				/* MetaRecord */
	SECTION_STRINGS,			/* bytes, each string followed by a zero */
	SECTION_INPUTS,				/* InputRecord[n_inputs] */
	SECTION_CATEGORIES,			/* StringRef[], the inputs' one after the other */
	SECTION_HASH,				/* uint32[], the inputs' tables one after the other,
								 * each followed by the hashes of its other categories */
	SECTION_FEATURES,			/* FeatureRecord[n_features] */
	SECTION_EDGES,				/* double[], the features' one after the other */
	SECTION_COUNTS,				/* uint64[], n_bins + 1 for each feature */
	SECTION_SLOTS,				/* SlotRecord[n_slots] */
	SECTION_SLOT_EDGES,			/* double[], the slots' one after the other */
	SECTION_TREES,				/* TreeRecord[n_trees] */
	SECTION_NODES,				/* uint64[n_nodes], see node_pack */
	SECTION_VALUES,				/* double[n_nodes]: leaf values; a categorical node's
								 * place holds the number of its set (uint64) */
	SECTION_SETS,				/* uint64[4][n_sets] */
	SECTION_DETAILS,			/* DetailRecord[n_nodes] */
	SECTION_TERMS,				/* TermRecord[n_terms] */
	SECTION_LINEAR,				/* LinearRecord[n_features], linear models only */
	SECTION_LEVELS,				/* double[], the features' one after the other */
	SECTION_COUNT
} Section;

typedef struct HeaderRecord
{
	char		magic[8];
	uint32_t	format;
	uint32_t	n_sections;
	uint64_t	size;			/* of all bytes */
	uint32_t	crc;			/* CRC-32C of header (crc = 0) and section table */
	uint32_t	zero[9];
} HeaderRecord;

typedef struct SectionRecord
{
	uint64_t	offset;
	uint64_t	length;
	uint32_t	crc;			/* CRC-32C of the section */
	uint32_t	zero;
} SectionRecord;

typedef struct StringRef
{
	uint32_t	offset;			/* in SECTION_STRINGS */
	uint32_t	size;			/* without the zero at its end */
} StringRef;

typedef struct MetaRecord
{
	uint32_t	linear;			/* 0: trees, 1: linear */
	uint32_t	n_inputs;
	uint32_t	n_features;
	uint32_t	n_slots;
	uint32_t	n_trees;
	uint32_t	n_nodes;
	uint32_t	n_sets;
	uint32_t	n_terms;
	StringRef	algorithm;
	StringRef	time_zone;
	double		base;			/* base margin, or intercept */
	double		base_error;		/* standard error of the intercept, may be NaN */
	double		margin_scale;
	double		margin_offset;
	double		threshold;
	uint64_t	score_counts[ML_SCORE_BINS];
} MetaRecord;

typedef struct InputRecord
{
	StringRef	name;
	StringRef	type;
	uint32_t	kind;			/* MlColumnKind */
	uint32_t	n_categories;
	uint32_t	first_category; /* in SECTION_CATEGORIES */
	uint32_t	first_hash;		/* in SECTION_HASH */
	uint32_t	n_hash;			/* a power of two, 0 for other kinds */
	uint32_t	n_others;		/* after the table: categories of the training rows
								 * that have no code, by hash, rising */
} InputRecord;

typedef struct FeatureRecord
{
	StringRef	name;
	uint32_t	input;
	uint32_t	part;			/* MlFeaturePart */
	uint32_t	categorical;
	uint32_t	n_bins;
	uint32_t	first_edge;		/* in SECTION_EDGES; n_bins - 1 of them for numbers */
	uint32_t	first_count;	/* in SECTION_COUNTS; n_bins + 1 of them */
	double		mean;
	double		std;
	double		minimum;
	double		maximum;		/* of categories: rows whose category no other row has */
} FeatureRecord;

/* A feature that some split uses, with only the edges that splits use. */
typedef struct SlotRecord
{
	uint32_t	feature;
	uint32_t	first_edge;		/* in SECTION_SLOT_EDGES */
	uint32_t	n_edges;		/* 0 for categories */
	uint32_t	zero;
} SlotRecord;

typedef struct TreeRecord
{
	uint32_t	first_node;
	uint32_t	n_nodes;
	uint32_t	depth;			/* steps from the root to the deepest leaf */
	uint32_t	zero;
} TreeRecord;

typedef struct DetailRecord
{
	int32_t		feature;		/* -1: leaf */
	uint8_t		bin;			/* against all edges of the feature */
	uint8_t		missing_left;
	uint8_t		categorical;
	uint8_t		zero;
	double		value;			/* what a leaf here would add */
	double		gain;
	double		cover;
	uint64_t	count;
} DetailRecord;

typedef struct TermRecord
{
	uint32_t	feature;
	uint32_t	kind;			/* MlTermKind */
	uint32_t	code;
	uint32_t	zero;
	double		mean;
	double		scale;
	double		coefficient;
	double		standard_error; /* may be NaN */
} TermRecord;

/* What a feature adds to a linear model's margin. */
typedef struct LinearRecord
{
	double		slope;			/* slope * value + offset for a present number, */
	double		offset;
	double		missing;		/* missing for a missing one, */
	uint32_t	first_level;	/* or a value for each code, in SECTION_LEVELS */
	uint32_t	n_levels;		/* n_bins + 1, or 0: it is not taken by code */
} LinearRecord;

/*
 * A node in one word: slot (16 bits, the highest marks a categorical split),
 * low, span (8 bits each), number of the left child (32 bits, over all trees;
 * the right one follows it).  A row with code c goes left if
 *	 (uint8) (c - low) <= span
 * A leaf is its own left child, with low 0 and span 255.
 */
#define NODE_CATEGORICAL UINT32_C(0x8000)
#define MAX_SLOTS 0x7FFF

static inline uint64_t
node_pack(uint32_t slot, uint8_t low, uint8_t span, uint32_t left)
{
	return (uint64_t) slot | (uint64_t) low << 16 | (uint64_t) span << 24 | (uint64_t) left << 32;
}

#define NODE_SLOT(node) ((uint32_t) (node) & 0xFFFF)
#define NODE_LOW(node) ((uint8_t) ((node) >> 16))
#define NODE_SPAN(node) ((uint8_t) ((node) >> 24))
#define NODE_LEFT(node) ((uint32_t) ((node) >> 32))

_Static_assert(sizeof(HeaderRecord) == 64, "layout of the header");
_Static_assert(sizeof(SectionRecord) == 24, "layout of the section table");
_Static_assert(sizeof(MetaRecord) == 88 + 8 * ML_SCORE_BINS, "layout of meta");
_Static_assert(sizeof(InputRecord) == 40, "layout of inputs");
_Static_assert(sizeof(FeatureRecord) == 64, "layout of features");
_Static_assert(sizeof(DetailRecord) == 40, "layout of details");
_Static_assert(sizeof(TermRecord) == 48, "layout of terms");
_Static_assert(sizeof(LinearRecord) == 32, "layout of linear records");

/* The verified model: where everything is. */
struct MlModel
{
	const MetaRecord *meta;
	const char *strings;
	uint64_t	n_strings;		/* bytes */
	const InputRecord *inputs;
	const StringRef *categories;
	const uint32_t *hash;
	const FeatureRecord *features;
	const double *edges;
	const uint64_t *counts;
	const SlotRecord *slots;
	const double *slot_edges;
	const TreeRecord *trees;
	const uint64_t *nodes;
	const double *values;
	const uint64_t (*sets)[4];
	const DetailRecord *details;
	const TermRecord *terms;
	const LinearRecord *linear;
	const double *levels;
};

/* CRC-32C (Castagnoli) of bytes, continuing from crc (0 to begin). */
extern uint32_t ml_crc32c(uint32_t crc, const void *bytes, size_t size);

/* Hash slot where the look-up of a category begins. */
static inline uint32_t
category_slot(const void *bytes, size_t size, uint32_t n_hash)
{
	return (uint32_t) ml_hash_bytes(bytes, size, 0) & (n_hash - 1);
}

#endif							/* MLOPS_ENGINE_MODEL_FORMAT_H */
