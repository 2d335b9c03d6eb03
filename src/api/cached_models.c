/*-------------------------------------------------------------------------
 * cached_models.c
 *	  SQL: models in memory.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/compat.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_cached_models);

/* Is it a version of a model that the current user may view? */
static bool
may_view(int64 version_id)
{
	MlCatalogVersion version;
	MlCatalogModel model;

	return mlcat_version_by_id(version_id, &version) && mlcat_model_by_id(version.model_id, &model) &&
		mlreg_may(GetUserId(), &model, ML_TO_INSPECT);
}

/*
 * mlops_catalog.cached_models() -> version_id, shared, bytes, pins, hits, last_used,
 *	  cached_at
 */
Datum
mlops_cached_models(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, mlserve_cached_models())
	{
		const MlCachedModel *cached = (MlCachedModel *) lfirst(lc);
		Datum		values[7];
		bool		nulls[7] = {false};

		if (!may_view(cached->version_id))
			continue;
		values[0] = Int64GetDatum(cached->version_id);
		values[1] = BoolGetDatum(cached->shared);
		values[2] = Int64GetDatum((int64) cached->size);
		values[3] = Int32GetDatum(cached->pins);
		values[4] = Int64GetDatum(cached->hits);
		values[5] = TimestampTzGetDatum(cached->used);
		values[6] = TimestampTzGetDatum(cached->since);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
