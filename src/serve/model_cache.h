/*
 * model_cache.h
 *	  The session's cache of models (private to serve).
 */
#ifndef MLOPS_SERVE_MODEL_CACHE_H
#define MLOPS_SERVE_MODEL_CACHE_H

#include "mlops/serve.h"

/* The cached model of a version, loaded and verified if it is not there yet. */
extern MlServedModel *mlserve_cached_model(const char *name, const MlCatalogVersion *version);

/* Is this still the cached model of the version? */
extern bool mlserve_is_cached(const MlServedModel *model, int64 version_id);

/*
 * mlserve_resolve (version 0) and mlserve_resolve_version without the pin:
 * the caller pins the model as long as it needs it.
 */
extern void mlserve_find(const char *reference, int version, MlAction action,
						 MlResolved *resolved);

/* Keeps a model in the cache until context is reset or deleted. */
extern void mlserve_pin(MlServedModel *model, MemoryContext context);

/* Rises whenever anything this session knows of models may have changed. */
extern uint64 mlserve_generation;

/* Makes changes of the catalog tables raise the generation from now on. */
extern void mlserve_watch_catalog(void);

#endif							/* MLOPS_SERVE_MODEL_CACHE_H */
