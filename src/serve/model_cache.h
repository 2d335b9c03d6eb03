/*
 * model_cache.h
 *	  The session's cache of models (private to serve).
 */
#ifndef MLOPS_SERVE_MODEL_CACHE_H
#define MLOPS_SERVE_MODEL_CACHE_H

#include "mlops/serve.h"

/*
 * The cached model of a version, loaded and verified if it is not there yet.  One
 * that is corrupt is told with elevel; NULL then if that is less than ERROR.
 */
extern MlServedModel *mlserve_cached_model(const char *name, const MlCatalogVersion *version, int elevel);

/* Is this still the cached model of the version? */
extern bool mlserve_is_cached(const MlServedModel *model, int64 version_id);

/* The model's explainer, made when it is first asked for; lives as long. */
extern const MlExplainer *mlserve_model_explainer(MlServedModel *model);

/*
 * The route of a reference (version 0), or of a version given by number, in the
 * current memory context; its models are not loaded.
 */
extern MlRoute *mlserve_find(const char *reference, int version, MlAction action);

/* Keeps a model in the cache until context is reset or deleted. */
extern void mlserve_pin(MlServedModel *model, MemoryContext context);

/* Makes changes of the catalog tables raise the generation from now on. */
extern void mlserve_watch_catalog(void);

#endif							/* MLOPS_SERVE_MODEL_CACHE_H */
