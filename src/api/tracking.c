/*-------------------------------------------------------------------------
 * tracking.c
 *	  What search_runs and the data lineage need in C: the filter language, and
 *	  the training baseline out of a version's bytes.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_compile_search);
MLOPS_FUNCTION(mlops_baseline);

/* mlops_catalog.compile_search(filter text, order_by text[]) -> (condition, ordering, arguments) */
Datum
mlops_compile_search(PG_FUNCTION_ARGS)
{
	MlFilter	filter;
	char	   *condition;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};
	Datum	   *items = NULL;
	int			n = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	mlreg_init_filter(&filter);
	mlreg_compile_filter(PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0)), &filter);
	condition = pstrdup(filter.sql.data);
	resetStringInfo(&filter.sql);
	if (!PG_ARGISNULL(1))
	{
		mlbase_require_list(PG_GETARG_ARRAYTYPE_P(1), "order_by");
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	}
	for (int i = 0; i < n; i++)
	{
		mlreg_compile_order(TextDatumGetCString(items[i]), &filter);
		appendStringInfoString(&filter.sql, ", ");
	}
	values[0] = CStringGetTextDatum(condition);
	values[1] = CStringGetTextDatum(filter.sql.data);
	values[2] = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(psprintf("[%s]", filter.arguments.data)));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- baseline */

static void
append_number(StringInfo json, const char *key, double value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(value)));

	appendStringInfo(json, "\"%s\": %s, ", key, text);
}

/* [{"above": 1, "up_to": 2.5, "rows": 17}, ...], or [{"value": "DE", "rows": 4}, ...] */
static Datum
bins_json(const MlModel *model, const MlFeatureBaseline *baseline)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (uint32_t code = 1; code <= baseline->n_bins; code++)
	{
		appendStringInfoString(&json, code > 1 ? ", {" : "{");
		if (baseline->categorical)
		{
			size_t		size;
			const char *bytes = code == baseline->n_bins ? NULL
				: ml_model_category_bytes(model, baseline->input, code, &size);

			appendStringInfoString(&json, "\"value\": ");
			if (bytes)
				escape_json(&json, pnstrdup(bytes, size));
			else
				appendStringInfoString(&json, "null");
			appendStringInfoString(&json, ", ");
		}
		else
		{
			if (code > 1)
				append_number(&json, "above", baseline->edges[code - 2]);
			if (code < baseline->n_bins)
				append_number(&json, "up_to", baseline->edges[code - 1]);
		}
		appendStringInfo(&json, "\"rows\": %llu}", (unsigned long long) baseline->counts[code]);
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * mlops_catalog.baseline(model, version) -> rows (feature, input, kind, rows,
 * missing, mean, std, minimum, maximum, bins): the training rows, by feature.
 */
Datum
mlops_baseline(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlResolved	resolved;
	const MlModel *model;

	InitMaterializedSRF(fcinfo, 0);
	if (!mlserve_resolve_sound_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1),
									   ML_TO_INSPECT, &resolved))
		return (Datum) 0;
	model = resolved.served->model;
	for (size_t i = 0; i < ml_model_n_features(model); i++)
	{
		MlFeatureBaseline baseline;
		uint64		rows = 0;
		Datum		values[10];
		bool		nulls[10] = {false};

		ml_model_feature_baseline(model, i, &baseline);
		for (uint32_t code = 0; code <= baseline.n_bins; code++)
			rows += baseline.counts[code];
		values[0] = CStringGetTextDatum(ml_model_feature_name(model, i));
		values[1] = CStringGetTextDatum(ml_model_input_name(model, baseline.input));
		values[2] = CStringGetTextDatum(baseline.categorical ? "category" : "number");
		values[3] = Int64GetDatum((int64) rows);
		values[4] = Int64GetDatum((int64) baseline.counts[0]);
		values[5] = Float8GetDatum(baseline.mean);
		values[6] = Float8GetDatum(baseline.std);
		values[7] = Float8GetDatum(baseline.minimum);
		values[8] = Float8GetDatum(baseline.maximum);
		nulls[5] = nulls[6] = nulls[7] = nulls[8] = baseline.categorical;
		values[9] = bins_json(model, &baseline);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
