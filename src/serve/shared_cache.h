/*
 * shared_cache.h
 *	  Models of all sessions, in shared memory (private to serve; model_cache.c is
 *	  what others ask).
 */
#ifndef MLOPS_SERVE_SHARED_CACHE_H
#define MLOPS_SERVE_SHARED_CACHE_H

#include "mlops/serve.h"

/* Is there room for shared models at all?  If not, nothing below may be called. */
extern bool mlserve_shares_models(void);

/* Finds a version with these bytes, as it is here; false if it is not shared. */
extern bool mlserve_find_shared(const MlCatalogVersion *version, MlSharedRef *ref);

/*
 * Shares a copy of an opened model, for which others may have to go; false if there
 * is no room.  If it is there by now, that is what is found.
 */
extern bool mlserve_publish(const MlCatalogVersion *version, const uint8 *bytes, const MlModel *model, MlSharedRef *ref);

/*
 * Before a version is read from the catalog: true for the first session that is to do
 * it, until it calls mlserve_end_load.  Others wait for that, for a while, and get
 * false: it may be there now.
 */
extern bool mlserve_begin_load(const MlCatalogVersion *version);
extern void mlserve_end_load(void);

/* Is it still there?  That may change at any time, unless it is pinned. */
extern bool mlserve_is_shared(MlSharedRef ref);

/*
 * Keeps a model where it is until it is unpinned; NULL if it has gone.  These take
 * no lock and raise nothing.
 */
extern const MlModel *mlserve_pin_shared(MlSharedRef ref);
extern void mlserve_unpin_shared(MlSharedRef ref);

/* Lets a model go, now or with its last pin. */
extern void mlserve_drop_shared(MlSharedRef ref);

/* The shared models of this database, in the current memory context. */
typedef struct MlSharedModel
{
	MlSharedRef ref;
	MlCachedModel cached;
} MlSharedModel;

extern MlSharedModel *mlserve_list_shared(int *n);

#endif							/* MLOPS_SERVE_SHARED_CACHE_H */
