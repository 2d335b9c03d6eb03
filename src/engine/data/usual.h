/*
 * usual.h
 *	  Values of which most are the same one, or in the same bin: finding the others
 *	  (private to data).
 */
#ifndef MLOPS_ENGINE_DATA_USUAL_H
#define MLOPS_ENGINE_DATA_USUAL_H

#include "mlops/engine/data.h"

/* What is usual: missing values, or those with low <= value <= high. */
typedef struct MlUsual
{
	bool		missing;
	double		low;
	double		high;
} MlUsual;

static inline MlUsual
ml_usual_value(double value)
{
	return (MlUsual) {value != value, value, value};
}

/* The values with a code of a number (see ml_bin_number). */
extern MlUsual ml_usual_code(const MlFeature *feature, uint8_t code);

/* Positions of the values that are not usual, rising, to at [n]; returns how many. */
extern size_t ml_list_unusual(const double *values, size_t n, MlUsual usual, uint32_t *at);

#endif							/* MLOPS_ENGINE_DATA_USUAL_H */
