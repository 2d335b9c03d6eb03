/*-------------------------------------------------------------------------
 * format.h
 *	  Layout of the model bytes (private to model; docs/model-format.md says the
 *	  same in words).
 *
 * header | section table | sections, each at a multiple of 64 bytes, zeros between
 *
 * All records have explicit padding and no pointers; the same bytes are
 * written, verified and scored from.  A section is of the container (component
 * 0) or of the family of a component (from 1 up), which numbers its own kinds.
 * In format 1, a section's place in the table said what it is: former.c.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_MODEL_FORMAT_H
#define MLOPS_ENGINE_MODEL_FORMAT_H

#include "mlops/engine/family.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model bytes are little-endian; this machine is not"
#endif

#define MODEL_MAGIC "MLOPSMDL"
#define FORMER_FORMAT 1
#define SECTION_ALIGNMENT 64

/* Kinds of the container's sections; in format 1 the places of the first ones. */
typedef enum Section
{
	SECTION_META,				/* MetaRecord and ComponentRecord[n_components], in format 1 FormerMeta */
	SECTION_STRINGS,			/* bytes, each string followed by a zero */
	SECTION_INPUTS,				/* InputRecord[n_inputs] */
	SECTION_CATEGORIES,			/* MlStringRef[], the inputs' one after the other */
	SECTION_HASH,				/* uint32[], the inputs' tables one after the other, each followed by the
								 * hashes of its other categories */
	SECTION_FEATURES,			/* MlFeatureRecord[n_features] */
	SECTION_EDGES,				/* double[], the features' one after the other */
	SECTION_COUNTS,				/* uint64[], n_bins + 1 for each feature; after those of a category how many
								 * rows are alone in theirs (not in format 1) */
	SECTION_STATISTICS,			/* double[]: the prior, then one for each category, 0 for those of inputs
								 * without statistic; not there if no input has one */
	SECTION_HISTORY,			/* JSON in UTF-8: how features are computed from the history of a row; not
								 * there if the model reads rows as they are */
	SECTION_COUNT
} Section;

#define SECTION_ALWAYS SECTION_STATISTICS	/* the first ones are there in all models */

/* A kind with this bit may be skipped by who does not know it. */
#define SECTION_OPTIONAL 0x8000

#define MOST_SECTIONS 256		/* in a table */

typedef struct HeaderRecord
{
	char		magic[8];
	uint32_t	format;
	uint32_t	n_sections;
	uint64_t	size;			/* of all bytes */
	uint32_t	crc;			/* CRC-32C of header (crc = 0) and section table */
	uint32_t	zero[9];
} HeaderRecord;

/* Entries rise by component, then kind.  Both are 0 in format 1. */
typedef struct SectionRecord
{
	uint64_t	offset;
	uint64_t	length;
	uint32_t	crc;			/* CRC-32C of the section */
	uint16_t	kind;
	uint16_t	component;
} SectionRecord;

/* How a margin becomes a score.  Only LOGISTIC is written and read yet. */
typedef enum Link
{
	LINK_LOGISTIC,				/* 1 / (1 + exp(-(scale * margin + offset))) */
	LINK_IDENTITY,				/* scale * margin + offset */
	LINK_TABLE					/* of the margin, by a table of rising points */
} Link;

/* What a score is.  Only PROBABILITY is written and read yet. */
typedef enum Meaning
{
	MEANING_PROBABILITY,		/* of the target */
	MEANING_ANOMALY				/* how unusual a row is */
} Meaning;

typedef struct MetaRecord
{
	uint32_t	link;			/* Link */
	uint32_t	meaning;		/* Meaning */
	uint32_t	n_components;	/* 1 */
	uint32_t	zero;
	MlStringRef algorithm;
	MlStringRef time_zone;
	double		margin_scale;
	double		margin_offset;
	double		threshold;
	uint64_t	score_counts[ML_SCORE_BINS];
} MetaRecord;

typedef struct ComponentRecord
{
	uint32_t	family;			/* MlFamily.id */
	uint32_t	zero;
} ComponentRecord;

typedef struct MlInputRecord
{
	MlStringRef name;
	MlStringRef type;
	uint32_t	kind;			/* MlColumnKind */
	uint32_t	n_categories;
	uint32_t	first_category; /* in SECTION_CATEGORIES */
	uint32_t	first_hash;		/* in SECTION_HASH */
	uint32_t	n_hash;			/* a power of two above twice the categories, 0 for other kinds */
	uint32_t	n_others;		/* after the table: categories of the training rows that have no code, by
								 * hash, rising */
} InputRecord;

/* The head of format 1, whose families were the numbers 0 and 1. */
typedef struct FormerMeta
{
	uint32_t	family;			/* 0: trees, 1: linear */
	uint32_t	n_inputs;
	uint32_t	n_features;
	uint32_t	n_slots;
	uint32_t	n_trees;
	uint32_t	n_nodes;
	uint32_t	n_sets;
	uint32_t	n_terms;
	MlStringRef algorithm;
	MlStringRef time_zone;
	double		base;			/* base margin, or intercept */
	double		base_error;		/* standard error of the intercept, may be NaN */
	double		margin_scale;
	double		margin_offset;
	double		threshold;
	uint64_t	score_counts[ML_SCORE_BINS];
} FormerMeta;

#define FORMER_SECTIONS 18

_Static_assert(sizeof(HeaderRecord) == 64, "layout of the header");
_Static_assert(sizeof(SectionRecord) == 24, "layout of the section table");
_Static_assert(sizeof(MetaRecord) == 56 + 8 * ML_SCORE_BINS, "layout of meta");
_Static_assert(sizeof(ComponentRecord) == 8, "layout of components");
_Static_assert(sizeof(InputRecord) == 40, "layout of inputs");
_Static_assert(sizeof(MlFeatureRecord) == 64, "layout of features");
_Static_assert(sizeof(FormerMeta) == 88 + 8 * ML_SCORE_BINS, "layout of meta in format 1");

/* Bytes of an element of the container's sections. */
extern const uint32_t container_unit[SECTION_COUNT];

/* Where sections are, while bytes are being opened. */
typedef struct Sections
{
	MlSection	container[SECTION_COUNT];
	MlSection	family[ML_MOST_SECTIONS];
} Sections;

/* Finds the sections of a table; sets the model's family and what its head says. */
extern bool container_find(MlCheck *check, const uint8_t *bytes, Sections *sections, MlModel *model);
extern bool former_find(MlCheck *check, const uint8_t *bytes, Sections *sections, MlModel *model);

/* Whole elements of a section; false if it has a part of one. */
extern bool container_section(MlCheck *check, const uint8_t *bytes, const SectionRecord *record,
							  uint32_t unit, MlSection *section);

/* The family of a number; NULL if there is none. */
extern const MlFamily *family_by_id(uint32_t id);

/* Copies what was recoded to block, and has out read it there. */
extern void move_recoded(const MlModel *model, void *block, MlModel *out);

/* CRC-32C (Castagnoli) of bytes, continuing from crc (0 to begin). */
extern uint32_t ml_crc32c(uint32_t crc, const void *bytes, size_t size);

static inline uint64_t
section_aligned(uint64_t size)
{
	return (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
}

/* Slots of a table of so many categories: it is at most half full. */
static inline uint32_t
category_table_size(uint32_t n_categories)
{
	uint32_t	size = 4;

	while (size < 2 * n_categories + 2)
		size *= 2;
	return size;
}

/* Hash slot where the look-up of a category begins. */
static inline uint32_t
category_slot(const void *bytes, size_t size, uint32_t n_hash)
{
	return (uint32_t) ml_hash_bytes(bytes, size, 0) & (n_hash - 1);
}

/*
 * No category stands further from the slot where its look-up begins.  A hash that spreads
 * a million of them comes nowhere near; who chooses names so that it does not can hold up
 * neither who opens a model nor who scores a row.  254 categories cannot reach it.
 */
#define CATEGORY_MOST_STEPS 256

/* Puts a category, by its number, into a table; false if it would stand too far. */
static inline bool
category_insert(uint32_t *hash, uint32_t n_hash, uint32_t slot, uint32_t category)
{
	for (int step = 0; step <= CATEGORY_MOST_STEPS; step++, slot = (slot + 1) & (n_hash - 1))
	{
		if (hash[slot] != 0)
			continue;
		hash[slot] = category;
		return true;
	}
	return false;
}

#endif							/* MLOPS_ENGINE_MODEL_FORMAT_H */
