/*
 * design.h
 *	  The design matrix of a linear model, tile by tile (private to learn).
 */
#ifndef MLOPS_LEARN_DESIGN_H
#define MLOPS_LEARN_DESIGN_H

#include "mlops/engine/learn.h"
#include "mlops/engine/linear.h"

/* Rows of a tile: 512 rows of 64 columns stay in a core's L2 cache. */
#define DESIGN_TILE_ROWS 512

typedef struct Design
{
	const MlTask *task;
	size_t		n_terms;
	MlTerm	   *terms;			/* [n_terms] */
} Design;

/* How many terms the signature's features make at the most. */
extern size_t design_count_terms(const MlSignature *signature);

/*
 * Fills terms [design_count_terms]; sets n_terms.  all_levels: the most frequent
 * level of a category has a term too.
 */
extern void design_plan(Design *design, const MlTask *task, bool all_levels, MlTerm *terms);

/*
 * Writes rows first .. first + n - 1 of the training rows as a column-major
 * tile of n rows and n_terms + 1 columns, the last all ones (the intercept).
 */
extern void design_fill(const Design *design, size_t first, size_t n, double *tile);

#endif							/* MLOPS_LEARN_DESIGN_H */
