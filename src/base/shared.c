/*-------------------------------------------------------------------------
 * shared.c
 *	  Shared memory: who wants an area registers it while the library is being
 *	  preloaded; see include/mlops/base.h.
 *
 * The hooks run in the postmaster at start and again, with fresh memory, after
 * a crash of a backend; backends inherit the pointers.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "mlops/base.h"

#define MAX_AREAS 8

typedef struct SharedArea
{
	const char *name;
	Size		(*size) (void);
	void		(*attach) (void *area, bool found);
} SharedArea;

static SharedArea areas[MAX_AREAS];
static int	n_areas;
static bool preloaded;			/* shared memory is there */

static shmem_request_hook_type previous_request;
static shmem_startup_hook_type previous_startup;

/* In the postmaster, when sizes are known. */
static void
request_areas(void)
{
	if (previous_request)
		previous_request();
	for (int i = 0; i < n_areas; i++)
		RequestAddinShmemSpace(areas[i].size());
}

static void
attach_areas(void)
{
	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < n_areas; i++)
	{
		bool		found;
		void	   *area = ShmemInitStruct(areas[i].name, areas[i].size(), &found);

		areas[i].attach(area, found);
	}
	LWLockRelease(AddinShmemInitLock);
	preloaded = true;
}

/* Errors: XX000, more than MAX_AREAS, which is a fault of ours. */
void
mlbase_share(const char *name, Size (*size) (void), void (*attach) (void *area, bool found))
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (n_areas == MAX_AREAS)
		elog(ERROR, "too many shared areas");
	if (n_areas == 0)
	{
		previous_request = shmem_request_hook;
		shmem_request_hook = request_areas;
		previous_startup = shmem_startup_hook;
		shmem_startup_hook = attach_areas;
	}
	areas[n_areas++] = (SharedArea) {name, size, attach};
}

bool
mlbase_preloaded(void)
{
	return preloaded;
}

void
mlbase_require_preload(const char *what)
{
	if (!preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs mlops to be preloaded", what),
				 errhint("Add mlops to shared_preload_libraries in postgresql.conf and restart the server.")));
}
