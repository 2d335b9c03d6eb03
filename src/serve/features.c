/*-------------------------------------------------------------------------
 * features.c
 *	  What a model read of a row, as JSON that scores the same bits.
 *
 * Values are written without asking the session: floating point with all its
 * digits, times in UTC, intervals in one style, money as a number, char(n)
 * without its padding.  No function of the user's runs, as to_jsonb() of the
 * whole row might have it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "serve/scorer.h"

/* Points to the text. */
static void
put_string(JsonbValue *json, const char *text, size_t size)
{
	json->type = jbvString;
	json->val.string.val = unconstify(char *, text);
	json->val.string.len = (int) size;
}

static void
put_numeric(JsonbValue *json, Numeric number)
{
	/* JSON has no NaN; infinite values were refused */
	if (numeric_is_nan(number))
		put_string(json, "NaN", 3);
	else
	{
		json->type = jbvNumeric;
		json->val.numeric = number;
	}
}

/* digits: the number's shortest that read back as the same bits. */
static void
put_digits(JsonbValue *json, double number, const char *digits)
{
	if (isnan(number))
		put_string(json, "NaN", 3);
	else
		put_numeric(json, DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
															  ObjectIdGetDatum(InvalidOid),
															  Int32GetDatum(-1))));
}

/* ISO 8601, with time zone in UTC; no setting counts. */
static void
put_time(JsonbValue *json, Datum value, Oid type)
{
	static const int utc = 0;
	char	   *text = palloc(MAXDATELEN + 1);

	JsonEncodeDateTime(text, value, type, &utc);
	put_string(json, text, strlen(text));
}

/* A value as JSON that mling_number_from_json reads as the same number. */
static void
put_number(JsonbValue *json, const MlConverter *converter, Datum value)
{
	char	   *text;

	switch (converter->from)
	{
		case ML_FROM_BOOL:
			json->type = jbvBool;
			json->val.boolean = DatumGetBool(value);
			break;
		case ML_FROM_INT2:
			put_numeric(json, int64_to_numeric(DatumGetInt16(value)));
			break;
		case ML_FROM_INT4:
			put_numeric(json, int64_to_numeric(DatumGetInt32(value)));
			break;
		case ML_FROM_INT8:
			put_numeric(json, int64_to_numeric(DatumGetInt64(value)));
			break;
		case ML_FROM_FLOAT4:
		case ML_FROM_FLOAT4_DIGITS:
			text = palloc(FLOAT_SHORTEST_DECIMAL_LEN);
			float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
			put_digits(json, DatumGetFloat4(value), text);
			break;
		case ML_FROM_FLOAT8:
			text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);
			double_to_shortest_decimal_buf(DatumGetFloat8(value), text);
			put_digits(json, DatumGetFloat8(value), text);
			break;
		case ML_FROM_NUMERIC:
			put_numeric(json, DatumGetNumeric(value));
			break;
		case ML_FROM_MONEY:
			put_numeric(json, int64_div_fast_to_numeric(DatumGetCash(value), 2));
			break;
		case ML_FROM_INTERVAL:
			{
				struct pg_itm itm;

				text = palloc(MAXDATELEN + 1);
				interval2itm(*DatumGetIntervalP(value), &itm);
				EncodeInterval(&itm, INTSTYLE_POSTGRES, text);
				put_string(json, text, strlen(text));
				break;
			}
		case ML_FROM_TIME:
			put_time(json, value, TIMEOID);
			break;
		case ML_FROM_TIMETZ:
			put_time(json, value, TIMETZOID);
			break;
		case ML_FROM_DATE:
			put_time(json, value, DATEOID);
			break;
		case ML_FROM_TIMESTAMP:
			put_time(json, value, TIMESTAMPOID);
			break;
		case ML_FROM_TIMESTAMPTZ:
			put_time(json, value, TIMESTAMPTZOID);
			break;
		case ML_FROM_ANY_AS_FLOAT4:
		case ML_FROM_ANY_IN_RANGE:
			{
				MlConverter own = *converter;

				own.from = converter->foreign;
				put_number(json, &own, value);
				break;
			}
		default:
			elog(ERROR, "unexpected conversion %d to JSON", (int) converter->from);
	}
}

/* Categories are their canonical bytes. */
static void
put_value(JsonbValue *json, const MlConverter *converter, Datum value, bool isnull)
{
	if (isnull)
		json->type = jbvNull;
	else if (converter->kind == ML_COLUMN_CATEGORY)
	{
		size_t		size;
		const char *bytes = mling_bytes(converter, value, &size);

		put_string(json, bytes, size);
	}
	else
		put_number(json, converter, value);
}

/* An input's value, wherever the features came from. */
static void
find_value(const VariantScorer *variant, Jsonb *object, const ReadRow *row, size_t input, JsonbValue *json)
{
	if (object)
	{
		const char *name = ml_model_input_name(variant->resolved->served->model, input);

		getKeyJsonValueFromContainer(&object->root, name, strlen(name), json);
	}
	else
	{
		int			attribute = row->map->attribute[input];

		put_value(json, &row->map->converter[input], row->datums[attribute], row->nulls[attribute]);
	}
}

/*
 * A text that is longer than is stored, as another that scores the same bits: of a
 * number its digits, of a category that the model does not know, its beginning and
 * its SHA-256, which it does not know either.
 */
static void
shorten(const MlModel *model, size_t input, JsonbValue *json)
{
	MlRecordedType *recorded = &mlserve_recorded_types(model)[input];
	const char *bytes;
	size_t		size;
	double		number;
	char	   *digits;

	if (recorded->kind == ML_COLUMN_CATEGORY)
	{
		bytes = mling_bytes_from_json(recorded, json, &size);
		if (ml_model_category_bytes(model, input, ml_model_category(model, input, bytes, size), &size) == NULL)
		{
			text	   *bounded = mling_bounded(cstring_to_text_with_len(json->val.string.val, json->val.string.len));

			put_string(json, VARDATA_ANY(bounded), VARSIZE_ANY_EXHDR(bounded));
		}
	}
	else if (recorded->kind == ML_COLUMN_NUMBER)
	{
		number = mling_number_from_json(recorded, json);
		digits = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);
		double_to_shortest_decimal_buf(number, digits);
		put_digits(json, number, digits);
	}
}

/* object: features that came as JSON, else NULL; where they were computed, row has them. */
static Jsonb *
features_of(MlScorer *scorer, VariantScorer *variant, Jsonb *object, const Datum *datums, const bool *nulls)
{
	const MlModel *model = variant->resolved->served->model;
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue	value;
	ReadRow		row;

	if (mlserve_read_row(scorer, variant, object, datums, nulls, &row))
		object = NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);

		put_string(&key, name, strlen(name));
		pushJsonbValue(&state, WJB_KEY, &key);
		find_value(variant, object, &row, i, &value);
		if (unlikely(value.type == jbvString && value.val.string.len > MLBASE_MOST_TEXT))
			shorten(model, i, &value);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Only the model's inputs, by its names; the rest of the row is nobody's business. */
Jsonb *
mlserve_features_read(MlScorer *scorer, const MlResolved *resolved, Oid type, Datum features)
{
	VariantScorer *variant = scorer->variants;

	while (variant->resolved != resolved)
		variant++;
	if (type != JSONBOID)
		mlserve_take_apart(scorer);
	return features_of(scorer, variant, type == JSONBOID ? mlserve_features_object(features) : NULL, scorer->datums, scorer->nulls);
}

Jsonb *
mlserve_features_of_values(MlScorer *scorer, const Datum *datums, const bool *nulls)
{
	return features_of(scorer, scorer->chosen, NULL, datums, nulls);
}
