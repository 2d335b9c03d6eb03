/*-------------------------------------------------------------------------
 * family.h
 *	  What a family of models is to the container that holds one: its sections
 *	  of the bytes, and a table of operations.
 *
 * The container (engine/model) knows names, inputs, categories, features, the
 * training baseline and how a margin becomes a score.  A family knows the rest.
 * It has a folder and a public header with its body type; ml_families is the one
 * list of them.  For families and for engine/explain, not for the server half.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_FAMILY_H
#define MLOPS_ENGINE_FAMILY_H

#include "mlops/engine/model.h"

/* ---------------------------------------------------------------- sections */

#define ML_MOST_SECTIONS 16		/* of a family */
#define ML_FAMILY_STATE 128		/* bytes, see MlFamily.open */

/* Where format 1 had a section: its place in the table, or */
#define ML_FORMER_NONE 0		/* nowhere, or */
#define ML_FORMER_BASE 255		/* the two numbers that stood in its head: base, base's error */

/* A section of a family; its kind in the bytes is its place in MlFamily.sections. */
typedef struct MlSectionSpec
{
	uint32_t	unit;			/* bytes of an element */
	uint32_t	former;
} MlSectionSpec;

/* A section of bytes that are being opened: whole elements, nothing else is known. */
typedef struct MlSection
{
	const void *at;				/* aligned to 8 */
	uint64_t	n;				/* elements, below 2^32 */
} MlSection;

/* ---------------------------------------------------------------- verification */

#define ML_MOST_ROWS (UINT64_C(1) << 53)	/* whole numbers that a double can count */

/* The first thing that does not fit is what is reported. */
typedef struct MlCheck
{
	const char *fault;			/* NULL: all fits so far */
} MlCheck;

/* Does all fit, this too?  what: a sentence about it, as a constant. */
static inline bool
ml_expect(MlCheck *check, bool fits, const char *what)
{
	if (!fits && check->fault == NULL)
		check->fault = what;
	return check->fault == NULL;
}

/* Edges are finite and rise. */
extern bool ml_check_rising(MlCheck *check, const double *edges, uint64_t n);

/* ---------------------------------------------------------------- models */

typedef struct MlStringRef
{
	uint32_t	offset;			/* in the strings */
	uint32_t	size;			/* without the zero at its end */
} MlStringRef;

/* A feature as it stands in the bytes. */
typedef struct MlFeatureRecord
{
	MlStringRef name;
	uint32_t	input;
	uint32_t	part;			/* MlFeaturePart */
	uint32_t	categorical;
	uint32_t	n_bins;
	uint32_t	first_edge;		/* in edges; n_bins - 1 of them for numbers */
	uint32_t	first_count;	/* in counts; n_bins + 1 of them, and see has_singles */
	double		mean;
	double		std;
	double		minimum;
	double		maximum;
} MlFeatureRecord;

/* An opened model: where everything is. */
struct MlModel
{
	const char *strings;
	uint64_t	n_strings;		/* bytes */
	MlStringRef algorithm;
	MlStringRef time_zone;
	uint32_t	n_inputs;
	uint32_t	n_features;
	const struct MlInputRecord *inputs;
	const MlStringRef *categories;
	const uint32_t *hash;
	const MlFeatureRecord *features;
	const double *edges;
	const uint64_t *counts;
	const double *statistics;	/* the prior, then one for each category; NULL: none */
	const char *history;		/* JSON; NULL: none */
	uint64_t	n_history;		/* bytes of it */
	bool		has_singles;	/* after the counts of categories; not in format 1 */
	const uint64_t *score_counts;
	double		margin_scale;
	double		margin_offset;
	double		threshold;
	const void *layout;			/* what MlFamily.lay_out made; NULL: nothing */
	const void *recoded;		/* what ml_model_recode filled; NULL: nothing */
	uint64_t	recoded_size;
	const MlFamily *family;
	uint64_t	state[ML_FAMILY_STATE / sizeof(uint64_t)];
};

/* Statistic of a category by its code; NaN for a missing one. */
extern double ml_model_statistic(const MlModel *model, uint32_t input, uint32_t code);

/* Has each category of a feature a code of its own?  Else it is there for the baseline alone. */
static inline bool
ml_model_has_own_codes(const MlModel *model, uint32_t feature)
{
	return model->features[feature].categorical == 0 ||
		ml_model_n_categories(model, model->features[feature].input) < model->features[feature].n_bins;
}

/* The number that a feature is in a row. */
static inline double
ml_model_number(const MlModel *model, const MlFeatureRecord *feature, const MlValue *values)
{
	if (feature->part == ML_FEATURE_STATISTIC)
		return ml_model_statistic(model, feature->input, values[feature->input].code);
	return ml_feature_number((MlFeaturePart) feature->part, values[feature->input].number);
}

/* ---------------------------------------------------------------- the table */

/*
 * state is what open made of the sections; models are copied with it, and their
 * texts replaced.  So it points into the sections alone, never to the model.
 */
struct MlFamily
{
	uint32_t	id;				/* in the bytes: given once, never to another */
	const char *name;
	const MlSectionSpec *sections;
	size_t		n_sections;		/* at most ML_MOST_SECTIONS */

	/*
	 * Encoding.  Sets n, the elements of each section, and may leave in *plan
	 * what write needs, all in ctx->arena.  at: zeros of that size each.
	 */
	MlStatus	(*plan) (MlContext *ctx, const MlSignature *signature, const void *body,
						 uint64_t *n, void **plan);
	void		(*write) (const MlSignature *signature, const void *body, void *plan,
						  void *const *at);

	/*
	 * Opening.  open only looks where the sections are; verify then trusts
	 * nothing in them: every length, index, offset and number.  What the
	 * container holds is verified by then.
	 */
	void		(*open) (const MlSection *section, void *state);
	bool		(*verify) (MlCheck *check, const MlModel *model, const MlSection *section,
						   const void *state);

	/*
	 * What makes scoring faster on this machine, of an opened model: lay_out fills a
	 * block of layout_size bytes, aligned to 64, which becomes model->layout.  Size 0:
	 * there is nothing of the kind.  Models are copied with it, and nothing is stored.
	 * Both NULL where the family has none.  Without it scores have the same bits.
	 */
	size_t		(*layout_size) (const MlModel *model, const void *state);
	void		(*lay_out) (const MlModel *model, const void *state, void *block);

	/* Scoring: pure, no allocation, no locks, no errors.  values [n][n_inputs] */
	size_t		(*scratch_size) (const void *state);
	double		(*margin) (const MlModel *model, const void *state, const MlValue *values,
						   void *scratch);
	void		(*margins) (const MlModel *model, const void *state, size_t n,
							const MlValue *values, void *scratch, double *margin);

	/*
	 * Explaining margins.  prepare sets *base to the margin of a row of which
	 * nothing is known, and *prepared; explain adds to contribution [n_inputs]
	 * what each input of a row adds to that.  See mlops/engine/explain.h.
	 */
	MlStatus	(*prepare) (MlContext *ctx, const MlModel *model, const void *state,
							double *base, const void **prepared);
	size_t		(*explain_scratch_size) (const MlModel *model, const void *state,
										 const void *prepared);
	MlStatus	(*explain) (MlContext *ctx, const MlModel *model, const void *state,
							const void *prepared, const MlValue *values, void *scratch,
							double *contribution);

	/* What a model says about itself, NULL: nothing of the kind.  See mlops/engine/model.h. */
	size_t		(*n_terms) (const void *state);
	void		(*term) (const MlModel *model, const void *state, size_t term,
						 MlModelTerm *out);
	/* adds to zeros, [n_features] */
	bool		(*importance) (const void *state, double *gain, uint64_t *splits);
};

/* All families, NULL-terminated. */
extern const MlFamily *const ml_families[];

#endif							/* MLOPS_ENGINE_FAMILY_H */
