/*-------------------------------------------------------------------------
 * init.c
 *	  What happens when the library is loaded: settings, shared memory, hooks;
 *	  nothing else.
 *
 * The library may be loaded by shared_preload_libraries or on first use of a
 * function; everything but jobs and their progress works either way.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/jobs.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	mlbase_define_settings();
	mlbase_share_progress();
	mljobs_register();
	mlserve_share_lost();
	mlserve_share_models();
	mling_register_node();
	mlserve_register_invalidation();
	mlserve_register_work();
	mlserve_watch_statements();
	mlreg_check_statements();
	mlreg_warn_of_uninstall();
}
