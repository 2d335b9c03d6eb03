/*
 * model_bytes.h
 *	  The bytes of the small models, in both formats, and whether such bytes open.
 */
#ifndef MLOPS_TEST_MODEL_BYTES_H
#define MLOPS_TEST_MODEL_BYTES_H

#include "check.h"

#include "engine/linear/layout.h"
#include "engine/model/format.h"
#include "engine/trees/layout.h"
#include "small_models.h"

typedef enum Kind
{
	TREES,
	LINEAR,
	MIXED_TREES,				/* with a statistic */
	MIXED_LINEAR,
	N_KINDS
} Kind;

static inline bool
is_trees(Kind kind)
{
	return kind == TREES || kind == MIXED_TREES;
}

static inline bool
has_statistic(Kind kind)
{
	return kind >= MIXED_TREES;
}

typedef struct Bytes
{
	uint8_t    *bytes;			/* 64-byte aligned */
	size_t		size;
} Bytes;

static inline HeaderRecord *
header_of(Bytes b)
{
	return (HeaderRecord *) b.bytes;
}

static inline SectionRecord *
table_of(Bytes b)
{
	return (SectionRecord *) (header_of(b) + 1);
}

static inline Bytes
encode(Kind kind, MlContext *ctx)
{
	const MlSignature signature = {.n_inputs = 3, .inputs = inputs, .n_features = 3, .features = features, .time_zone = "UTC"};
	const MlForest *trees = has_statistic(kind) ? &mixed_forest : &forest;
	const MlLinear *terms_of = has_statistic(kind) ? &mixed_linear : &linear;
	MlModelParts parts = {.algorithm = "algo", .signature = has_statistic(kind) ? &mixed : &signature, .margin_scale = 1, .threshold = 0.5,
		.fitted = is_trees(kind) ? ml_fitted_trees(trees) : ml_fitted_linear(terms_of)};
	Bytes		b = {0};

	if (ml_model_encode(ctx, &parts, &b.bytes, &b.size) != ML_OK)
		printf("Bail out! %s\n", ctx->message);
	return b;
}

/* The same model as it was once encoded. */
static inline Bytes
read_former(Kind kind)
{
	FILE	   *file = fopen(kind == TREES ? "test/golden/models/trees.1.bin" : "test/golden/models/linear.1.bin", "r");
	Bytes		b = {aligned_alloc(SECTION_ALIGNMENT, 8192), 0};

	if (file)
	{
		b.size = fread(b.bytes, 1, 8192, file);
		fclose(file);
	}
	if (b.size == 0)
		printf("Bail out! there are no bytes of format 1\n");
	return b;
}

/* The first place in the strings that is followed by all of it and a zero. */
static inline uint8_t *
find_text(Bytes b, const char *text)
{
	return memmem(b.bytes + table_of(b)[SECTION_STRINGS].offset, table_of(b)[SECTION_STRINGS].length, text, strlen(text) + 1);
}

static inline void
put_checksums_right(Bytes b, bool stale_sections, bool stale_header)
{
	HeaderRecord *header = header_of(b);
	SectionRecord *table = table_of(b);
	size_t		table_size = header->n_sections * sizeof(SectionRecord);

	if (sizeof(HeaderRecord) + table_size > b.size)
		return;
	for (uint32_t s = 0; s < header->n_sections && !stale_sections; s++)
	{
		if (table[s].offset <= b.size && table[s].length <= b.size - table[s].offset)
			table[s].crc = ml_crc32c(0, b.bytes + table[s].offset, table[s].length);
	}
	if (stale_header)
		return;
	header->crc = 0;
	header->crc = ml_crc32c(0, b.bytes, sizeof(HeaderRecord) + table_size);
}

static inline bool
opens(Bytes b, char *message)
{
	MlModel		model;

	return ml_model_open(b.bytes, b.size, &model, message) == ML_OK;
}

static inline void
check_opening(Bytes b, const char *expected, int format, const char *what)
{
	char		message[ML_MESSAGE_SIZE];
	bool		opened = opens(b, message);

	if (expected == NULL)
		CHECK(opened, "format %d, %s: it opens", format, what);
	else
		CHECK(!opened && strcmp(message, expected) == 0, "format %d, %s: %s", format, what, expected);
	if (opened ? expected != NULL : expected == NULL || strcmp(message, expected) != 0)
		printf("# got \"%s\"\n", opened ? "it opens" : message);
}

#endif							/* MLOPS_TEST_MODEL_BYTES_H */
