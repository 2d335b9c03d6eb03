/*-------------------------------------------------------------------------
 * verify.c
 *	  Opening linear models: nothing in their sections is trusted.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "layout.h"

/* Only points into the bytes; they must live as long as state. */
void
linear_open(const MlSection *section, void *state)
{
	const MlSection *intercept = &section[LINEAR_INTERCEPT];

	*(Linear *) state = (Linear) {
		.intercept = intercept->n == 1 ? *(const InterceptRecord *) intercept->at : (InterceptRecord) {NAN, NAN},
		.n_terms = (uint32_t) section[LINEAR_TERMS].n,
		.terms = section[LINEAR_TERMS].at,
		.features = section[LINEAR_FEATURES].at,
		.levels = section[LINEAR_LEVELS].at,
	};
}

/* A term of a value has a scale above 0: scoring was derived by dividing by it. */
static bool
check_terms(MlCheck *c, const MlModel *m, const Linear *l)
{
	for (uint32_t t = 0; t < l->n_terms; t++)
	{
		const TermRecord *term = &l->terms[t];

		if (!ml_expect(c, term->feature < m->n_features && term->kind <= ML_TERM_MISSING &&
					   term->zero == 0 && isfinite(term->coefficient) &&
					   term->code <= m->features[term->feature].n_bins, "a term is wrong") ||
			!ml_expect(c, ml_model_has_own_codes(m, term->feature), "a term is of a category without codes of its own") ||
			!ml_expect(c, isfinite(term->mean) && isfinite(term->scale) && term->scale >= 0 &&
					   (term->scale > 0 || term->kind != ML_TERM_VALUE) &&
					   !(term->standard_error < 0), "a term's numbers are wrong"))
			return false;
	}
	return true;
}

/* Levels of the features must fill their section without gaps. */
static bool
check_features(MlCheck *c, const MlModel *m, const Linear *l, uint64_t all_levels)
{
	uint64_t	n_levels = 0;

	for (uint32_t f = 0; f < m->n_features; f++)
	{
		const LinearRecord *linear = &l->features[f];

		if (!ml_expect(c, isfinite(linear->slope) && isfinite(linear->offset) && isfinite(linear->missing),
					   "a coefficient is not finite") ||
			!ml_expect(c, linear->first_level == n_levels &&
					   (linear->n_levels == 0 || linear->n_levels == m->features[f].n_bins + 1) &&
					   (linear->n_levels > 0 || linear->slope == 0 || !m->features[f].categorical),
					   "a feature's levels are out of bounds") ||
			!ml_expect(c, linear->n_levels == 0 || ml_model_has_own_codes(m, f), "a term is of a category without codes of its own"))
			return false;
		n_levels += linear->n_levels;
		if (!ml_expect(c, n_levels <= all_levels, "a feature's levels are out of bounds"))
			return false;
	}
	return ml_expect(c, n_levels == all_levels, "a section has the wrong length");
}

static bool
check_levels(MlCheck *c, const Linear *l, uint64_t n_levels)
{
	for (uint64_t i = 0; i < n_levels; i++)
	{
		if (!ml_expect(c, isfinite(l->levels[i]), "a coefficient is not finite"))
			return false;
	}
	return true;
}

bool
linear_verify(MlCheck *c, const MlModel *m, const MlSection *section, const void *state)
{
	const Linear *l = (const Linear *) state;
	uint64_t	n_levels = section[LINEAR_LEVELS].n;

	return ml_expect(c, section[LINEAR_INTERCEPT].n == 1 && section[LINEAR_FEATURES].n == m->n_features,
					 "a section has the wrong length") &&
		ml_expect(c, isfinite(l->intercept.value), "its intercept is not finite") &&
		check_terms(c, m, l) && check_features(c, m, l, n_levels) && check_levels(c, l, n_levels);
}
