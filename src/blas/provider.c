/*-------------------------------------------------------------------------
 * provider.c
 *	  The only file that links OpenBLAS: the engine's linear algebra table.
 *
 * Built as mlops_blas.so and loaded on first use, because OpenBLAS starts its
 * threads when it is loaded and that must never happen in the postmaster.
 * MLOPS_NO_SERVER leaves out what a loadable module needs.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_NO_SERVER
#include "postgres.h"

#include "fmgr.h"
#endif

#include <cblas.h>

#include "blas/provider.h"

/* LAPACK, by its Fortran names: characters carry a hidden length. */
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);
extern void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
					double *b, const int *ldb, int *info, size_t length);
extern void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);

static void
dsyrk_t(int n, int k, double alpha, const double *a, int lda, double beta, double *c, int ldc)
{
	cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, n, k, alpha, a, lda, beta, c, ldc);
}

static void
dgemv(int m, int n, double alpha, const double *a, int lda, const double *x, double beta, double *y)
{
	cblas_dgemv(CblasColMajor, CblasNoTrans, m, n, alpha, a, lda, x, 1, beta, y, 1);
}

static void
dgemv_t(int m, int n, double alpha, const double *a, int lda, const double *x, double beta, double *y)
{
	cblas_dgemv(CblasColMajor, CblasTrans, m, n, alpha, a, lda, x, 1, beta, y, 1);
}

static void
dgemm(int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,
	  double beta, double *c, int ldc)
{
	cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* info is 0, or k where the leading minor of order k is not positive. */
static int
dpotrf(int n, double *a, int lda)
{
	int			info;

	dpotrf_("L", &n, a, &lda, &info, 1);
	return info;
}

static int
dpotrs(int n, int nrhs, const double *a, int lda, double *b, int ldb)
{
	int			info;

	dpotrs_("L", &n, &nrhs, a, &lda, b, &ldb, &info, 1);
	return info;
}

/* info is 0, or k where element k of the factor's diagonal is 0. */
static int
dpotri(int n, double *a, int lda)
{
	int			info;

	dpotri_("L", &n, a, &lda, &info, 1);
	return info;
}

static const MlBlas table = {dsyrk_t, dgemv, dgemv_t, dgemm, dpotrf, dpotrs, dpotri};

/* The number of threads is OpenBLAS's, so the process's: the last call counts. */
const MlBlas *
ml_blas_reference(int threads)
{
	openblas_set_num_threads(threads);
	return &table;
}

#ifndef MLOPS_NO_SERVER
PG_MODULE_MAGIC;

extern PGDLLEXPORT const MlBlas *mlops_blas_provider(int threads);

const MlBlas *
mlops_blas_provider(int threads)
{
	return ml_blas_reference(threads);
}
#endif
