/*-------------------------------------------------------------------------
 * score_json.c
 *	  A row to score that comes as an object in JSON: inputs by name, each as the
 *	  type that the model recorded for it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/json.h"
#include "serve/scorer.h"

/* Made once a variant; in the scorer's context. */
static const MlRecordedType *
recorded_types(MlScorer *scorer, VariantScorer *variant)
{
	if (unlikely(variant->recorded == NULL))
	{
		MemoryContext caller = MemoryContextSwitchTo(scorer->context);

		variant->recorded = mlserve_recorded_types(variant->resolved->served->model);
		MemoryContextSwitchTo(caller);
	}
	return variant->recorded;
}

/* Errors of class 22: a value that its type cannot read. */
static void
value_from_json(const MlModel *model, size_t input, const MlRecordedType *recorded,
				const JsonbValue *json, MlValue *value)
{
	if (recorded->kind == ML_COLUMN_CATEGORY)
	{
		size_t		size;
		const char *bytes = mling_bytes_from_json(recorded, json, &size);

		value->code = bytes ? ml_model_category(model, input, bytes, size) : ML_CODE_MISSING;
	}
	else
		value->number = mling_number_from_json(recorded, json);
}

static bool
is_input(const MlModel *model, const char *name, int length)
{
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *input = ml_model_input_name(model, i);

		if ((int) strlen(input) == length && memcmp(input, name, length) == 0)
			return true;
	}
	return false;
}

/*
 * Of the first input that the object lacks and has a key like: what to say of it.
 * "" if nothing is near.
 */
static const char *
nearest_key(Jsonb *json, const MlModel *model)
{
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);
		JsonbIterator *it = JsonbIteratorInit(&json->root);
		JsonbValue	key;
		JsonbIteratorToken token;
		MlNearest	nearest;

		if (getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL))
			continue;
		CHECK_FOR_INTERRUPTS();
		mlbase_nearest_begin(&nearest, name);
		while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
		{
			if (token == WJB_KEY && !is_input(model, key.val.string.val, key.val.string.len))
				mlbase_nearest_of(&nearest, pnstrdup(key.val.string.val, key.val.string.len));
		}
		if (nearest.name[0])
			return psprintf("Perhaps key \"%s\" is meant to be \"%s\". ", nearest.name, name);
	}
	return "";
}

/* All keys that are missing are named at once. */
double
mlserve_score_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json)
{
	const MlModel *model = variant->resolved->served->model;
	const MlRecordedType *recorded = recorded_types(scorer, variant);
	size_t		n = ml_model_n_inputs(model);
	StringInfoData missing;

	initStringInfo(&missing);
	for (size_t i = 0; i < n; i++)
	{
		const char *name = ml_model_input_name(model, i);
		JsonbValue *value = getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL);

		if (value)
			value_from_json(model, i, &recorded[i], value, &variant->values[i]);
		else
			appendStringInfo(&missing, "%s\"%s\"", missing.len ? ", " : "", name);
	}
	if (missing.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the object to score lacks keys that the model reads: %s", missing.data),
				 errhint("%sGive an unknown value as null.", nearest_key(json, model))));
	return ml_model_score(model, variant->values, variant->scratch);
}

static const char *
kind_of_root(Jsonb *json)
{
	JsonbValue	scalar;

	if (!JB_ROOT_IS_SCALAR(json))
		return "an array";
	(void) JsonbExtractScalar(&json->root, &scalar);
	return mljson_type_of(&scalar);
}

Jsonb *
mlserve_features_object(Datum features)
{
	Jsonb	   *json = DatumGetJsonbP(features);

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features in JSON must be an object, not %s", kind_of_root(json)),
				 errhint("Give a row, or an object with a key for each column. A decision that was logged with a key is shown by mlops.why('model', key).")));
	return json;
}
