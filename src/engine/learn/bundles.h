/*-------------------------------------------------------------------------
 * bundles.h
 *	  The columns of bytes that trees are grown on: features that are hardly ever
 *	  away from their usual code share one (private to learn).
 *
 * Trees are the same as without: a bundle holds every code of its members, and
 * sums of gradients are whole numbers.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_BUNDLES_H
#define MLOPS_LEARN_BUNDLES_H

#include "engine/learn/workspace.h"
#include "mlops/engine/data.h"

#define BUNDLE_CODES 256		/* of all members together, and 0 */

/* Where the codes of a feature are. */
typedef struct BundleMember
{
	int32_t		column;			/* -1: nowhere; it has one code in all rows, or is not learned from */
	uint8_t		usual;			/* its code in the rows where the column has no code of it */
	uint8_t		first;			/* the column's code for own[0] */
	uint8_t		n_own;			/* 0: the column is the feature's alone, with its codes */
	const uint8_t *own;			/* [n_own] its other codes, rising */
} BundleMember;

typedef struct Bundles
{
	const MlBinned *columns;	/* its n_features is the number of columns */
	BundleMember *members;		/* [n_features] */
	uint32_t   *n_codes;		/* [columns] */
	uint8_t    *own;			/* [columns][BUNDLE_CODES] of a bundle: the members' codes for its codes */
} Bundles;

/* Lays out what is always needed. */
extern void bundles_allocate(Bundles *bundles, Workspace *workspace, size_t n_features);

/*
 * Finds the bundles of a matrix and makes their columns; where they are too few, or
 * the context's memory has no room for them beside `reserved` bytes, the columns are
 * those of the matrix.  There is one column at least.  Which bundles there are
 * depends on the matrix alone.  Parallel.  Errors: ML_ABORTED.
 */
extern MlStatus bundles_make(Bundles *bundles, MlContext *ctx, const MlBinned *binned,
							 const MlSignature *signature, size_t reserved);

#endif							/* MLOPS_LEARN_BUNDLES_H */
