/*-------------------------------------------------------------------------
 * portable.c
 *	  Looking into a model's bytes that came from elsewhere.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/features.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_inspect_bytes);

static void
append_text(StringInfo json, const char *key, const char *value)
{
	appendStringInfo(json, "\"%s\": ", key);
	escape_json(json, value);
	appendStringInfoString(json, ", ");
}

/*
 * mlops_catalog.inspect_bytes(bytes) -> jsonb: verifies a model's bytes and says
 * what they are.  Error (XX001) if they are no model.
 */
Datum
mlops_inspect_bytes(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {
		[ML_COLUMN_NUMBER] = "number", [ML_COLUMN_CATEGORY] = "category",
		[ML_COLUMN_TIME] = "time", [ML_COLUMN_HASH] = "hash",
	};
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	MlModel    *model = mlserve_open_bytes((const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	const char *history;
	size_t		size;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_text(&json, "algorithm", ml_model_algorithm(model));
	append_text(&json, "time_zone", ml_model_time_zone(model));
	history = ml_model_history(model, &size);
	if (history)
		append_text(&json, "features_from", mlfeat_recorded_source_name(history, size));
	appendStringInfo(&json, "\"threshold\": %s, \"signature\": [",
					 DatumGetCString(DirectFunctionCall1(float8out,
														 Float8GetDatum(ml_model_threshold(model)))));
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		appendStringInfoString(&json, i ? ", {" : "{");
		append_text(&json, "name", ml_model_input_name(model, i));
		append_text(&json, "type", ml_model_input_type(model, i));
		appendStringInfo(&json, "\"kind\": \"%s\"}", kinds[ml_model_input_kind(model, i)]);
	}
	appendStringInfoString(&json, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}
