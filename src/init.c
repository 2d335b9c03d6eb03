/*-------------------------------------------------------------------------
 * init.c
 *	  What happens when the library is loaded: settings, and nothing else.
 *
 * The library may be loaded by shared_preload_libraries or on first use of a
 * function; everything but background jobs works either way.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "mlops/base.h"
#include "mlops/serve.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	mlbase_define_settings();
	mlserve_register_invalidation();
}
