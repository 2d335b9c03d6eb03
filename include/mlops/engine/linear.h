/*-------------------------------------------------------------------------
 * linear.h
 *	  The family of linear models: what a learner hands over.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_LINEAR_H
#define MLOPS_ENGINE_LINEAR_H

#include "mlops/engine/model.h"

/*
 * One column of a linear model's design.  Coefficients are for the column as
 * described here (values standardised).
 */
typedef struct MlTerm
{
	uint32_t	feature;
	MlTermKind	kind;
	uint32_t	code;			/* ML_TERM_LEVEL */
	double		mean;			/* ML_TERM_VALUE */
	double		scale;			/* ML_TERM_VALUE: standard deviation, > 0 */
	double		coefficient;
	double		standard_error; /* NaN where none is defined (L1, aliased) */
} MlTerm;

typedef struct MlLinear
{
	double		intercept;
	double		intercept_error;
	size_t		n_terms;
	const MlTerm *terms;
} MlLinear;

extern const MlFamily ml_family_linear; /* body: MlLinear */

static inline MlFitted
ml_fitted_linear(const MlLinear *linear)
{
	return (MlFitted) {&ml_family_linear, linear};
}

#endif							/* MLOPS_ENGINE_LINEAR_H */
