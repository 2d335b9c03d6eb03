/*-------------------------------------------------------------------------
 * blas_loader.c
 *	  Loads the BLAS provider on first use.
 *
 * OpenBLAS starts its threads when it is loaded and re-creates them when their
 * number is set.  They inherit the signal mask, so both happen with all signals
 * blocked: the backend's handlers must never run on them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>

#include "mlops/base.h"

typedef const MlBlas *(*Provider) (int threads);

/*
 * Sets the number of BLAS threads at each call, as the setting may have changed.
 * Errors: those of loading a library.
 */
const MlBlas *
mlbase_load_blas(void)
{
	static Provider provider;
	const MlBlas *blas = NULL;
	sigset_t	all;
	sigset_t	before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	PG_TRY();
	{
		if (provider == NULL)
			provider = (Provider) load_external_function("$libdir/mlops_blas",
														 "mlops_blas_provider", true, NULL);
		blas = provider(mlops_guc_blas_threads);
	}
	PG_FINALLY();
	{
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	PG_END_TRY();
	return blas;
}
