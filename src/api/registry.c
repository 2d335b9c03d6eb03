/*-------------------------------------------------------------------------
 * registry.c
 *	  What a version's bytes say about it: coefficients and feature importance.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_coefficients);
MLOPS_FUNCTION(mlops_feature_importance);

/*
 * mlops_catalog.coefficients(model, version): the terms of a linear model, the
 * intercept first; no rows for trees.
 */
Datum
mlops_coefficients(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlResolved	resolved;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (!mlserve_resolve_sound_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1),
									   ML_TO_INSPECT, &resolved))
		return (Datum) 0;
	n = ml_model_n_terms(resolved.served->model);
	for (size_t i = 0; n > 0 && i <= n; i++)
	{
		static const char *const kinds[] = {"value", "level", "missing"};
		MlModelTerm term;
		double		z;
		Datum		values[10];
		bool		nulls[10] = {false};

		ml_model_term(resolved.served->model, i == 0 ? n : i - 1, &term);
		z = term.coefficient / term.standard_error;
		values[0] = Int32GetDatum((int32) i);
		values[1] = CStringGetTextDatum(term.feature);
		nulls[2] = nulls[3] = nulls[4] = nulls[5] = true;
		if (i > 0)
		{
			values[2] = CStringGetTextDatum(kinds[term.kind]);
			nulls[2] = false;
		}
		if (i > 0 && term.kind == ML_TERM_LEVEL)
		{
			values[3] = PointerGetDatum(cstring_to_text_with_len(term.level, (int) term.level_size));
			nulls[3] = false;
		}
		if (i > 0 && term.kind == ML_TERM_VALUE)
		{
			values[4] = Float8GetDatum(term.mean);
			values[5] = Float8GetDatum(term.scale);
			nulls[4] = nulls[5] = false;
		}
		values[6] = Float8GetDatum(term.coefficient);
		values[7] = Float8GetDatum(term.standard_error);
		values[8] = Float8GetDatum(z);
		/* two-sided, of the standard normal distribution (Wald test) */
		values[9] = Float8GetDatum(erfc(fabs(z) / sqrt(2.0)));
		nulls[7] = isnan(term.standard_error);
		nulls[8] = nulls[9] = isnan(z);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* mlops_catalog.feature_importance(model, version): gain and splits of trees. */
Datum
mlops_feature_importance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlResolved	resolved;
	size_t		n;
	double	   *gain;
	uint64_t   *splits;

	InitMaterializedSRF(fcinfo, 0);
	if (!mlserve_resolve_sound_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1),
									   ML_TO_INSPECT, &resolved))
		return (Datum) 0;
	n = ml_model_n_features(resolved.served->model);
	gain = palloc0(n * sizeof(double));
	splits = palloc0(n * sizeof(uint64_t));
	if (!ml_model_importance(resolved.served->model, gain, splits))
		return (Datum) 0;
	for (size_t i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(ml_model_feature_name(resolved.served->model, i));
		values[1] = Float8GetDatum(gain[i]);
		values[2] = Int64GetDatum((int64) splits[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
