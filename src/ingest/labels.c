/*-------------------------------------------------------------------------
 * labels.c
 *	  From a target column to labels 0 and 1.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "mlops/base.h"
#include "mlops/ingest.h"

#define CLASSES_SHOWN 10

bool
mling_target_as_text(Oid type, const char *argument, const char *column, const char *positive)
{
	MlConverter converter;

	if (positive)
		return true;
	if (!mling_converter(type, "UTC", &converter) || converter.kind != ML_COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s \"%s\" of type %s is neither boolean nor 0/1",
						argument, column, format_type_be(type)),
				 errhint("Say which of its values is the positive class with positive => 'value'.")));
	return false;
}

static void
refuse_positive(const char *positive, const char *argument, const char *column, Oid type, const char *valid)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"positive\" is \"%s\", which is not a value of %s \"%s\" of type %s",
					mlbase_excerpt(positive), argument, column, format_type_be(type)),
			 errhint("Valid values are: %s.", valid)));
}

const char *
mling_positive_text(Oid type, const char *argument, const char *column, const char *positive)
{
	Oid			base = getBaseType(type);
	MlConverter converter;
	Datum		value;
	size_t		size;
	bool		truth;

	if (positive == NULL)
		return NULL;
	switch (base)
	{
		case BOOLOID:
			if (!parse_bool(positive, &truth))
				refuse_positive(positive, argument, column, type, "true, false");
			return truth ? "t" : "f";
		case BPCHAROID:
			return pnstrdup(positive, bpchartruelen((char *) positive, (int) strlen(positive)));
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case CASHOID:
			base = NUMERICOID;
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			break;
		default:
			return positive;
	}
	if (!mling_is_decimal(positive))
		refuse_positive(positive, argument, column, type, "numbers");
	value = base == NUMERICOID ? DirectFunctionCall3(numeric_in, CStringGetDatum(positive), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))
		: DirectFunctionCall1(base == FLOAT4OID ? float4in : float8in, CStringGetDatum(positive));
	mling_text_converter(base, &converter);
	if (mling_is_nan(&converter, value))
		refuse_positive(positive, argument, column, type, "numbers; a label that is NaN is missing");
	return mling_bytes(&converter, value, &size);
}

/* Values of a category column, for an error's detail. */
static char *
classes_of(const MlColumn *column)
{
	StringInfoData list;
	uint32_t	n = ml_dictionary_size(column->dictionary);

	initStringInfo(&list);
	for (uint32_t i = 0; i < Min(n, CLASSES_SHOWN); i++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, i, &size);

		appendStringInfo(&list, "%s\"%.*s\"", i ? ", " : "", (int) Min(size, 100), bytes);
	}
	if (n > CLASSES_SHOWN)
		appendStringInfoString(&list, ", ...");
	return list.data;
}

/* Code of the positive class; an error listing the values if there is none. */
static uint32_t
positive_code(const MlColumn *column, const char *positive)
{
	uint32_t	n = ml_dictionary_size(column->dictionary);

	for (uint32_t code = 0; code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

		if (size == strlen(positive) && memcmp(bytes, positive, size) == 0)
			return code;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("no row has \"%s\" in target \"%s\"", positive, column->name),
			 n > 0 ? errdetail("Its values are: %s.", classes_of(column)) : 0));
}

float *
mling_labels(MlContext *ctx, const MlDataset *dataset, int column_index,
			   const char *positive, MlLabelCounts *counts)
{
	const MlColumn *column = &dataset->columns[column_index];
	float	   *label = ml_arena_alloc_array(ctx->arena, Max(dataset->n_rows, 1), sizeof(float));
	uint32_t	code = 0;

	if (label == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	memset(counts, 0, sizeof(*counts));
	counts->rows = dataset->n_rows;
	if (dataset->n_rows == 0)
		return label;
	if (column->kind == ML_COLUMN_CATEGORY)
		code = positive_code(column, positive);
	for (size_t row = 0; row < dataset->n_rows; row++)
	{
		if (ml_column_is_missing(column, row))
		{
			label[row] = NAN;
			counts->unlabelled++;
			continue;
		}
		if (column->kind == ML_COLUMN_CATEGORY)
			label[row] = ml_column_code(column, row) == code;
		else
		{
			double		value = ml_column_number(column, row);

			if (value != 0 && value != 1)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_EXCEPTION),
						 errmsg("target \"%s\" has value %g, which is neither 0 nor 1",
								column->name, value),
						 errhint("Say which of its values is the positive class with positive => 'value'.")));
			label[row] = (float) value;
		}
		if (label[row] == 1)
			counts->positives++;
		else
			counts->negatives++;
	}
	return label;
}
