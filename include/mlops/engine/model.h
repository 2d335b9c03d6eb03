/*-------------------------------------------------------------------------
 * model.h
 *	  A model as bytes: encode, verify, score in place.
 *
 * The bytes are little-endian, flat, without pointers: a header (magic, format
 * version, section table), then sections, each 64-byte aligned with a CRC-32C
 * of its own.  ml_model_open checks every length, index, offset and node link,
 * and afterwards scores straight from the bytes.  docs/model-format.md
 * describes every byte.
 *
 * What a model computes is its family's matter (mlops/engine/family.h): whoever
 * scores, explains or describes a model asks here and never which family it is.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_MODEL_H
#define MLOPS_ENGINE_MODEL_H

#include "mlops/engine/data.h"

/* The double just above 1: as a threshold it flags nothing, not even a score of 1. */
#define ML_MOST_THRESHOLD 1.0000000000000002

#define ML_MODEL_FORMAT 2		/* that is written; 1 is read too */
#define ML_SCORE_BINS 64		/* bins of the score histogram, equal width on [0, 1] */

/* A kind of models: what stands behind the functions below. */
typedef struct MlFamily MlFamily;

/* What a learner found: a body of a family's own type (mlops/engine/trees.h, ...). */
typedef struct MlFitted
{
	const MlFamily *family;
	const void *body;
} MlFitted;

/* What goes into a model. */
typedef struct MlModelParts
{
	const char *algorithm;
	const MlSignature *signature;
	MlFitted	fitted;
	/* score = 1 / (1 + exp(-(margin_scale * margin + margin_offset))): calibration and correction
	 * to the population's base rate; 1 and 0: none */
	double		margin_scale;
	double		margin_offset;
	double		threshold;		/* flagged means score >= threshold */
	const uint64_t *score_counts;	/* [ML_SCORE_BINS] baseline; NULL: all 0 */
	const char *history;		/* JSON in UTF-8: how inputs are computed from rows; NULL: they are columns */
} MlModelParts;

/*
 * Encodes into ctx->arena.  The same parts give the same bytes.
 * Errors: ML_OUT_OF_MEMORY, ML_INVALID_ARGUMENT (over 4 GiB, or more than the
 * family can hold).
 */
extern MlStatus ml_model_encode(MlContext *ctx, const MlModelParts *parts,
								uint8_t **bytes, size_t *size);

/* A verified model: pointers into the bytes.  Copyable while the bytes live. */
typedef struct MlModel MlModel;

/* Size of an MlModel for the caller to allocate (8-byte aligned). */
extern size_t ml_model_struct_size(void);

/*
 * Verifies bytes (64-byte aligned, untrusted) and fills model.  On
 * ML_CORRUPT a sentence saying what does not fit is written to message
 * [ML_MESSAGE_SIZE].  Allocates nothing.
 */
extern MlStatus ml_model_open(const uint8_t *bytes, size_t size, MlModel *model,
							  char *message);

/* ---- texts: names and levels, UTF-8 in bytes that are to travel */

typedef enum MlModelTextKind
{
	ML_TEXT_ALGORITHM,
	ML_TEXT_TIME_ZONE,
	ML_TEXT_INPUT,				/* name */
	ML_TEXT_TYPE,				/* of an input */
	ML_TEXT_LEVEL,				/* of an input */
	ML_TEXT_FEATURE				/* name */
} MlModelTextKind;

typedef struct MlModelText
{
	MlModelTextKind kind;
	const char *bytes;
	size_t		size;
	const char *input;			/* TYPE, LEVEL: name of the input, as in the bytes */
} MlModelText;

/* Has the model bytes below 128 only? */
extern bool ml_model_is_ascii(const MlModel *model);

/* Visits each text until visit returns false; false then. */
typedef bool (*MlTextVisitor) (void *arg, MlModelText text);
extern bool ml_model_each_text(const MlModel *model, MlTextVisitor visit, void *arg);

/*
 * The same model for rows whose texts are spelled otherwise.  recode sets what a
 * text reads there (bytes, size: the text itself at first); false if it cannot be
 * spelled there: then bytes are what is shown, and no row has it as a level.
 * block: ml_model_recoded_size bytes, 8-byte aligned, kept as long as out; out
 * points into the first model's bytes too.
 */
typedef bool (*MlRecoder) (void *arg, MlModelText text, const char **bytes, size_t *size);
extern size_t ml_model_recoded_size(const MlModel *model, MlRecoder recode, void *arg);
extern void ml_model_recode(const MlModel *model, MlRecoder recode, void *arg, void *block,
							MlModel *out);

/*
 * The same model in other memory: bytes are a copy of those it was opened from, 64-byte
 * aligned, block [ml_model_block_size] takes what was recoded.  Nothing is verified
 * again, and out has no layout.
 */
extern size_t ml_model_block_size(const MlModel *model);
extern void ml_model_move(const MlModel *model, const uint8_t *bytes, void *block, MlModel *out);

/* One input's value in a row to score. */
typedef union MlValue
{
	double		number;			/* NUMBER, TIME: NaN = missing */
	uint32_t	code;			/* CATEGORY: ml_model_category, 0 = missing */
} MlValue;

/* ---- what the model says about itself */
extern const char *ml_model_algorithm(const MlModel *model);
extern double ml_model_threshold(const MlModel *model);

/* Rows of the baseline in each bin of score: [ML_SCORE_BINS], all 0 if none. */
extern const uint64_t *ml_model_score_counts(const MlModel *model);
extern const char *ml_model_time_zone(const MlModel *model);

/* How inputs are computed from the history of a row: JSON in UTF-8, not ended by a zero; NULL if they are its columns. */
extern const char *ml_model_history(const MlModel *model, size_t *size);
extern size_t ml_model_n_inputs(const MlModel *model);
extern const char *ml_model_input_name(const MlModel *model, size_t input);
extern const char *ml_model_input_type(const MlModel *model, size_t input);
extern MlColumnKind ml_model_input_kind(const MlModel *model, size_t input);
extern size_t ml_model_n_features(const MlModel *model);
extern const char *ml_model_feature_name(const MlModel *model, size_t feature);

/* What the training rows looked like in a feature. */
typedef struct MlFeatureBaseline
{
	uint32_t	input;			/* that it is made of */
	MlFeaturePart part;			/* of it */
	bool		categorical;
	uint32_t	n_bins;			/* highest code */
	const double *edges;		/* [n_bins - 1], rising; NULL for categories */
	const uint64_t *counts;		/* [n_bins + 1] training rows by code, 0: missing */
	double		mean;			/* of present values; numbers only */
	double		std;
	double		minimum;
	double		maximum;
	uint64_t	singles;		/* categories only: rows whose category no other row has; 0 where the model
								 * does not know */
} MlFeatureBaseline;
extern void ml_model_feature_baseline(const MlModel *model, size_t feature,
									  MlFeatureBaseline *out);

/* Bytes of the category with a code (the inverse of ml_model_category); NULL
 * for codes that stand for none. */
extern const char *ml_model_category_bytes(const MlModel *model, size_t input, uint32_t code,
										   size_t *size);

/* Categories that the model knows by their bytes. */
extern uint32_t ml_model_n_categories(const MlModel *model, size_t input);

/* Code of a category's bytes: 1 .. n, or n + 1 for one that is not known. */
extern uint32_t ml_model_category(const MlModel *model, size_t input,
								  const void *bytes, size_t size);

/*
 * Has training seen a category that has no code (other than one in some four
 * billion by mistake)?  Its place is below ml_model_n_others, which is 0 where
 * all of them have codes, and where the bytes are of before that was recorded.
 */
extern uint32_t ml_model_n_others(const MlModel *model, size_t input);
extern bool ml_model_other(const MlModel *model, size_t input, const void *bytes, size_t size,
						   uint32_t *place);

/* Total gain and number of splits of each feature; false if the model does not record them. */
extern bool ml_model_importance(const MlModel *model, double *gain, uint64_t *splits);

typedef enum MlTermKind
{
	ML_TERM_VALUE,				/* (value - mean) / scale, 0 when missing */
	ML_TERM_LEVEL,				/* 1 if the feature's code is the level's, else 0 */
	ML_TERM_MISSING				/* 1 if the feature is missing, else 0 */
} MlTermKind;

/* Terms of a model that is a sum of such; 0 for others.  term: 0 .. n-1. */
typedef struct MlModelTerm
{
	const char *feature;
	MlTermKind	kind;
	const char *level;			/* ML_TERM_LEVEL: category bytes, or a number as text */
	size_t		level_size;
	double		mean;
	double		scale;
	double		coefficient;
	double		standard_error;
} MlModelTerm;
extern size_t ml_model_n_terms(const MlModel *model);

/* term == n_terms gives the intercept, with feature "(intercept)", where there are terms */
extern void ml_model_term(const MlModel *model, size_t term, MlModelTerm *out);

/* ---- scoring */

/*
 * Makes an opened model score faster, with the same bits: block is ml_model_layout_size
 * bytes (0: there is nothing to gain), aligned to 64 and kept as long as the model.
 * What is in it is for this machine and process.
 */
extern size_t ml_model_layout_size(const MlModel *model);
extern void ml_model_lay_out(MlModel *model, void *block);

/* Bytes of working memory ml_model_score needs (aligned to 8). */
extern size_t ml_model_scratch_size(const MlModel *model);

/*
 * Score of one row: values [n_inputs], scratch as above.  Pure: no allocation,
 * no locks, no errors.
 */
extern double ml_model_score(const MlModel *model, const MlValue *values, void *scratch);

/* Scores of n rows, values [n][n_inputs]: the same bits. */
extern void ml_model_score_block(const MlModel *model, size_t n, const MlValue *values,
								 void *scratch, double *score);

/*
 * Scores rows of a data set that has all inputs by name and kind; parallel.
 * score [rows.n].  Errors: ML_INVALID_ARGUMENT (an input is missing or of
 * another kind), ML_ABORTED, ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_model_score_rows(MlContext *ctx, const MlModel *model,
									const MlDataset *dataset, MlRows rows,
									double *score);

#endif							/* MLOPS_ENGINE_MODEL_H */
