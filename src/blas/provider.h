/*
 * provider.h
 *	  The linear algebra provider as plain functions, for programs that link it
 *	  directly (the engine's unit tests).
 */
#ifndef MLOPS_BLAS_PROVIDER_H
#define MLOPS_BLAS_PROVIDER_H

#include "mlops/engine/blas.h"

/* The table, with calls limited to the given number of threads. */
extern const MlBlas *ml_blas_reference(int threads);

#endif							/* MLOPS_BLAS_PROVIDER_H */
