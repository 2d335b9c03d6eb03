/*
 * model_cache.h
 *	  The session's models, its own or shared (private to serve).
 */
#ifndef MLOPS_SERVE_MODEL_CACHE_H
#define MLOPS_SERVE_MODEL_CACHE_H

#include "mlops/serve.h"

/*
 * The model of a version, loaded and verified if it is not there yet, and pinned: it
 * stays until context is reset or deleted.  One that is corrupt is told with elevel;
 * NULL then if that is less than ERROR.
 */
extern MlServedModel *mlserve_cached_model(const char *name, const MlCatalogVersion *version, int elevel,
										   MemoryContext context);

/*
 * Pins a model that was there under this number; false if it has gone.  Warm call
 * sites do it once a statement: it takes no lock.
 */
extern bool mlserve_pin_again(MlServedModel *model, int64 version_id, uint64 load, MemoryContext context);

/* The model's explainer, made when it is first asked for; lives as long. */
extern const MlExplainer *mlserve_model_explainer(MlServedModel *model);

/*
 * The route of a reference (version 0), or of a version given by number, in the
 * current memory context; its models are not loaded.
 */
extern MlRoute *mlserve_find(const char *reference, int version, MlAction action);

/*
 * Versions of this database were dropped, perhaps: those that are not there any more,
 * as this transaction sees it, are shared no longer once it has committed.
 */
extern void mlserve_look_for_dropped(void);

/* At the end of a transaction: raises nothing. */
extern void mlserve_forget_dropped(bool committed);

/* Makes changes of the catalog tables raise the generation from now on. */
extern void mlserve_watch_catalog(void);

#endif							/* MLOPS_SERVE_MODEL_CACHE_H */
