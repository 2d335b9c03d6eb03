/*-------------------------------------------------------------------------
 * families.c
 *	  All families of models.
 *-------------------------------------------------------------------------
 */
#include "mlops/engine/family.h"
#include "mlops/engine/linear.h"
#include "mlops/engine/trees.h"

const MlFamily *const ml_families[] = {
	&ml_family_trees,
	&ml_family_linear,
	NULL
};
