/*
 * model_cache.h
 *	  The session's cache of models (private to serve).
 */
#ifndef MLOPS_SERVE_MODEL_CACHE_H
#define MLOPS_SERVE_MODEL_CACHE_H

#include "mlops/serve.h"

/* The cached model of a version, loaded and verified if it is not there yet. */
extern MlServedModel *mlserve_cached_model(const char *name, const MlCatalogVersion *version);

/* Keeps a model in the cache until context is reset or deleted. */
extern void mlserve_pin(MlServedModel *model, MemoryContext context);

/* Rises whenever anything this session knows of models may have changed. */
extern uint64 mlserve_generation;

/* Makes changes of the catalog tables raise the generation from now on. */
extern void mlserve_watch_catalog(void);

#endif							/* MLOPS_SERVE_MODEL_CACHE_H */
