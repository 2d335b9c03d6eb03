/*-------------------------------------------------------------------------
 * layout.h
 *	  Linear models in the model bytes (private to linear; docs/model-format.md says
 *	  the same in words).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_LINEAR_LAYOUT_H
#define MLOPS_ENGINE_LINEAR_LAYOUT_H

#include "mlops/engine/family.h"
#include "mlops/engine/linear.h"

typedef enum LinearSection
{
	LINEAR_INTERCEPT,			/* InterceptRecord[1] */
	LINEAR_TERMS,				/* TermRecord[n_terms] */
	LINEAR_FEATURES,			/* LinearRecord[n_features] */
	LINEAR_LEVELS,				/* double[], the features' one after the other */
	LINEAR_SECTIONS
} LinearSection;

typedef struct InterceptRecord
{
	double		value;
	double		standard_error; /* may be NaN */
} InterceptRecord;

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

/* What a feature adds to the margin. */
typedef struct LinearRecord
{
	double		slope;			/* slope * value + offset for a present number, */
	double		offset;
	double		missing;		/* missing for a missing one, */
	uint32_t	first_level;	/* or a value for each code, in LINEAR_LEVELS */
	uint32_t	n_levels;		/* n_bins + 1, or 0: it is not taken by code */
} LinearRecord;

_Static_assert(sizeof(InterceptRecord) == 16, "layout of intercepts");
_Static_assert(sizeof(TermRecord) == 48, "layout of terms");
_Static_assert(sizeof(LinearRecord) == 32, "layout of linear records");

/* A feature as one row's score reads it, made when a model is opened: [n_features]. */
typedef struct LaidFeature
{
	double		slope;			/* as in LinearRecord */
	double		offset;
	double		missing;
	uint32_t	input;
	uint32_t	plain;			/* 1: slope, offset and missing of the input's number; 0: anything else */
} LaidFeature;

/* Where a model's terms are. */
typedef struct Linear
{
	InterceptRecord intercept;
	uint32_t	n_terms;
	const TermRecord *terms;
	const LinearRecord *features;
	const double *levels;
} Linear;

_Static_assert(sizeof(Linear) <= ML_FAMILY_STATE, "room for terms in an opened model");

/* ---- the operations of the family, see mlops/engine/family.h */

extern MlStatus linear_plan(MlContext *ctx, const MlSignature *signature, const void *body,
							uint64_t *n, void **plan);
extern void linear_write(const MlSignature *signature, const void *body, void *plan,
						 void *const *at);
extern void linear_open(const MlSection *section, void *state);
extern bool linear_verify(MlCheck *check, const MlModel *model, const MlSection *section,
						  const void *state);
extern size_t linear_scratch_size(const void *state);
extern size_t linear_layout_size(const MlModel *model, const void *state);
extern void linear_lay_out(const MlModel *model, const void *state, void *block);
extern double linear_margin(const MlModel *model, const void *state, const MlValue *values,
							void *scratch);
extern void linear_margins(const MlModel *model, const void *state, size_t n,
						   const MlValue *values, void *scratch, double *margin);
extern MlStatus linear_prepare(MlContext *ctx, const MlModel *model, const void *state,
							  double *base, const void **prepared);
extern size_t linear_explain_scratch_size(const MlModel *model, const void *state,
										 const void *prepared);
extern MlStatus linear_explain(MlContext *ctx, const MlModel *model, const void *state,
							  const void *prepared, const MlValue *values, void *scratch,
							  double *contribution);

#endif							/* MLOPS_ENGINE_LINEAR_LAYOUT_H */
