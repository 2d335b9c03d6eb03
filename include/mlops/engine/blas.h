/*-------------------------------------------------------------------------
 * blas.h
 *	  The linear algebra the engine asks for, as a table of functions.
 *
 * The engine links no BLAS: loading OpenBLAS starts threads, which must not
 * happen in a server's first process.  The table is filled by src/blas, a
 * library of its own that is loaded on first use.
 *
 * All matrices are column-major with leading dimension ld*, as in BLAS and
 * LAPACK (https://netlib.org/lapack/explore-html/).  Calls cannot be
 * interrupted: keep them small (tiles of at most 512 columns or 4,096 rows).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_BLAS_H
#define MLOPS_ENGINE_BLAS_H

typedef struct MlBlas
{
	/* C (n x n, lower) = alpha * A' * A + beta * C, A is k x n */
	void		(*dsyrk_t) (int n, int k, double alpha, const double *a, int lda,
							double beta, double *c, int ldc);
	/* y = alpha * A * x + beta * y, A is m x n */
	void		(*dgemv) (int m, int n, double alpha, const double *a, int lda,
						  const double *x, double beta, double *y);
	/* y = alpha * A' * x + beta * y, A is m x n */
	void		(*dgemv_t) (int m, int n, double alpha, const double *a, int lda,
							const double *x, double beta, double *y);
	/* C = alpha * A * B + beta * C, A is m x k, B is k x n */
	void		(*dgemm) (int m, int n, int k, double alpha, const double *a, int lda,
						  const double *b, int ldb, double beta, double *c, int ldc);
	/* Cholesky of the lower triangle in place; returns LAPACK's info */
	int			(*dpotrf) (int n, double *a, int lda);
	/* Solves A x = b with the factor; b is overwritten; returns info */
	int			(*dpotrs) (int n, int nrhs, const double *a, int lda, double *b, int ldb);
	/* Inverse (lower triangle) from the factor, in place; returns info */
	int			(*dpotri) (int n, double *a, int lda);
} MlBlas;

#endif							/* MLOPS_ENGINE_BLAS_H */
