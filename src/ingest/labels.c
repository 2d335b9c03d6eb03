/*-------------------------------------------------------------------------
 * labels.c
 *	  From a target column to labels 0 and 1.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "mlops/base.h"
#include "mlops/engine/eval.h"
#include "mlops/ingest.h"

struct MlPositive
{
	const char *written;		/* as it was given, for messages */
	const char *text;			/* as the column's values are read */
	size_t		size;
	MlConverter converter;

	/* types that have several texts for equal values, such as 24:00:00 and 1 day */
	FmgrInfo   *equal;			/* NULL: the text says all */
	Oid			collation;
	Datum		value;
	FmgrInfo	input;
	Oid			io_parameter;
};

bool
mling_target_as_text(Oid type, const char *argument, const char *column, const MlPositive *positive)
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

/* ---------------------------------------------------------------- the positive value */

/* Errors: 22023; valid and why may be NULL. */
static void
refuse_positive(const char *positive, const char *argument, const char *column, Oid type,
				const char *valid, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"positive\" is \"%s\", which is not a value of %s \"%s\" of type %s",
					mlbase_excerpt(positive), argument, column, format_type_be(type)),
			 why ? errdetail("%s.", why) : 0,
			 valid ? errhint("Valid values are: %s.", valid) : 0));
}

static const struct
{
	Oid			type;
	const char *name;
}			numbers[] = {
	{INT2OID, "smallint"}, {INT4OID, "integer"}, {INT8OID, "bigint"}, {NUMERICOID, "numeric"}, {CASHOID, "money"},
	{FLOAT4OID, "real"}, {FLOAT8OID, "double precision"}
};

static bool
is_number(Oid base)
{
	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		if (numbers[i].type == base)
			return true;
	}
	return false;
}

/*
 * Numbers are compared as numbers: '1.0' is the 1 of an integer column.  By
 * numeric, unless the column itself is floating point; *base becomes the type that
 * was read.
 */
static Datum
number_of(Oid *base, const char *written, const char *argument, const char *column, Oid type)
{
	PGFunction	input = *base == FLOAT4OID ? float4in : *base == FLOAT8OID ? float8in : numeric_in;

	if (input == numeric_in)
		*base = NUMERICOID;
	if (!mling_is_decimal(written))
		refuse_positive(written, argument, column, type, "numbers", NULL);
	return DirectFunctionCall3(input, CStringGetDatum(written), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/*
 * By the type's input function, the same in every session.  What it refuses is an
 * error (22023) with its words as detail.
 */
static Datum
value_of(MlPositive *positive, Oid base, const char *argument, const char *column, Oid type)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			input;

	getTypeInputInfo(base, &input, &positive->io_parameter);
	fmgr_info(input, &positive->input);
	PG_TRY();
	{
		positive->value = mling_settled_value(&positive->input, positive->io_parameter, positive->written);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		refuse_positive(positive->written, argument, column, type, NULL, error->message);
	}
	PG_END_TRY();
	return positive->value;
}

/* Where the type has no equality, its text has to do. */
static void
compare_by_equality(MlPositive *positive, Oid base)
{
	TypeCacheEntry *cache = lookup_type_cache(base, TYPECACHE_EQ_OPR_FINFO);

	positive->collation = get_typcollation(base);
	if (OidIsValid(cache->eq_opr_finfo.fn_oid))
		positive->equal = &cache->eq_opr_finfo;
}

/* In the current memory context. */
const MlPositive *
mling_positive(Oid type, const char *argument, const char *column, const char *written)
{
	MlPositive *positive;
	Oid			base = getBaseType(type);
	Datum		value;
	bool		truth;

	if (written == NULL)
		return NULL;
	positive = palloc0(sizeof(MlPositive));
	positive->written = written;
	mling_text_converter(base, &positive->converter);
	if (is_number(base))
	{
		MlConverter number;

		value = number_of(&base, written, argument, column, type);
		mling_text_converter(base, &number);
		if (mling_is_nan(&number, value))
			refuse_positive(written, argument, column, type, "numbers; a label that is NaN is missing", NULL);
		positive->text = mling_bytes(&number, value, &positive->size);
		return positive;
	}
	switch (base)
	{
		case BOOLOID:
			if (!parse_bool(written, &truth))
				refuse_positive(written, argument, column, type, "true, false", NULL);
			value = BoolGetDatum(truth);
			break;
		case CHAROID:
		case NAMEOID:			/* what is too long would be cut */
			positive->text = written;
			positive->size = strlen(written);
			return positive;
		default:
			value = value_of(positive, base, argument, column, type);
			if (positive->converter.from == ML_FROM_SETTLED)
				compare_by_equality(positive, base);
	}
	positive->text = mling_bytes(&positive->converter, value, &positive->size);
	return positive;
}

/* What a value of a type can say. */
typedef enum
{
	SAYS_TRUTH,
	SAYS_NUMBER,
	SAYS_NAME					/* everything else */
} Kind;

static Kind
kind_of(Oid type)
{
	Oid			base = getBaseType(type);

	return base == BOOLOID ? SAYS_TRUTH : is_number(base) ? SAYS_NUMBER : SAYS_NAME;
}

static bool
is_zero_or_one(const char *text)
{
	return strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
}

/* Of a target whose type was not recorded it is what its value looks like. */
static Kind
kind_trained(const MlTrainedPositive *trained)
{
	bool		truth;

	if (trained->type == NULL)
		return mling_is_decimal(trained->text) ? SAYS_NUMBER : parse_bool(trained->text, &truth) ? SAYS_TRUTH : SAYS_NAME;
	if (strcmp(trained->type, "boolean") == 0)
		return SAYS_TRUTH;
	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		if (strcmp(trained->type, numbers[i].name) == 0)
			return SAYS_NUMBER;
	}
	return SAYS_NAME;
}

/*
 * Three kinds speak three languages: truth, numbers, names.  Only what both sides
 * can say is carried over.
 */
const char *
mling_positive_meant(Oid type, const MlTrainedPositive *trained, bool means_the_same)
{
	Kind		kind = kind_of(type);
	Kind		was;
	bool		truth;

	if (trained->text == NULL)
		return NULL;
	was = kind_trained(trained);
	if (was == SAYS_NAME && kind == SAYS_NAME)
		return trained->text;
	if (was == SAYS_NAME || (was == SAYS_NUMBER && !is_zero_or_one(trained->text)))
		return kind == SAYS_TRUTH || !mling_is_decimal(trained->text) || is_zero_or_one(trained->text) ? NULL : trained->text;
	if (!means_the_same || kind == SAYS_NAME)
		return NULL;			/* how a text spells it is not known */
	if (kind == was || !parse_bool(trained->text, &truth))
		return trained->text;
	return kind == SAYS_NUMBER ? truth ? "1" : "0" : truth ? "true" : "false";
}

bool
mling_positive_is_plain(Oid type, const char *positive)
{
	Oid			base = getBaseType(type);
	bool		truth;

	return positive == NULL || ((base == BOOLOID || is_number(base)) && parse_bool(positive, &truth) && truth);
}

char *
mling_positive_text(const MlPositive *positive)
{
	return positive ? pnstrdup(positive->text, positive->size) : NULL;
}

static bool
is_text_of(const MlPositive *positive, const char *bytes, size_t size)
{
	return size == positive->size && memcmp(bytes, positive->text, size) == 0;
}

/* Where the type has an equality of its own, that decides; else the text. */
bool
mling_is_positive(const MlPositive *positive, Datum value)
{
	const char *bytes;
	size_t		size;

	if (positive->equal)
		return DatumGetBool(FunctionCall2Coll(positive->equal, positive->collation, value, positive->value));
	bytes = mling_bytes(&positive->converter, value, &size);
	return is_text_of(positive, bytes, size);
}

/* The same of a value that was read as text. */
static bool
is_positive_text(const MlPositive *positive, const char *bytes, size_t size)
{
	if (is_text_of(positive, bytes, size))
		return true;
	return positive->equal &&
		mling_is_positive(positive, mling_settled_value((FmgrInfo *) &positive->input, positive->io_parameter,
														pnstrdup(bytes, size)));
}

/* ---------------------------------------------------------------- values for a message */

/* Excerpts that look alike are noted once. */
void
mling_note_value(MlValuesSeen *seen, const char *bytes, size_t size)
{
	const char *value;

	if (seen->more)
		return;
	value = mlbase_excerpt(pnstrdup(bytes, size));
	for (int i = 0; i < seen->n; i++)
	{
		if (strcmp(seen->value[i], value) == 0)
			return;
	}
	if (seen->n == ML_VALUES_SHOWN)
		seen->more = true;
	else
		seen->value[seen->n++] = MemoryContextStrdup(GetMemoryChunkContext(seen), value);
}

char *
mling_values_text(const MlValuesSeen *seen)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < seen->n; i++)
		appendStringInfo(&list, "%s\"%s\"", i ? ", " : "", seen->value[i]);
	appendStringInfoString(&list, seen->more ? ", ..." : ".");
	return list.data;
}

/* ---------------------------------------------------------------- labels of a data set */

/* Errors: 22000, with some of the values that there are. */
static void
refuse_without_positive(const MlColumn *column, const MlPositive *positive)
{
	uint32_t	n = ml_dictionary_size(column->dictionary);
	MlValuesSeen *seen = palloc0(sizeof(MlValuesSeen));

	for (uint32_t code = 0; code < n && !seen->more; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

		mling_note_value(seen, bytes, size);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("no row has \"%s\" in target \"%s\"", mlbase_excerpt(positive->written), column->name),
			 n > 0 ? errdetail("Its values are: %s", mling_values_text(seen)) : 0));
}

/*
 * By code, is it the positive class?  An error listing the values if none is.
 * [dictionary size], in the current memory context.
 */
static bool *
positive_codes(const MlColumn *column, const MlPositive *positive)
{
	uint32_t	n = ml_dictionary_size(column->dictionary);
	bool	   *is_positive = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(bool));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops values", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		found = false;

	for (uint32_t code = 0; code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

		CHECK_FOR_INTERRUPTS();
		is_positive[code] = is_positive_text(positive, bytes, size);
		found = found || is_positive[code];
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (!found)
		refuse_without_positive(column, positive);
	return is_positive;
}

/* label [n_rows] is in ctx's arena.  Errors: 22000, a value that is no label; 53200. */
float *
mling_labels(MlContext *ctx, const MlDataset *dataset, int column_index,
			 const MlPositive *positive, MlLabelCounts *counts)
{
	const MlColumn *column = &dataset->columns[column_index];
	float	   *label = ml_arena_alloc_array(ctx->arena, Max(dataset->n_rows, 1), sizeof(float));
	bool	   *is_positive = NULL;

	if (label == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	memset(counts, 0, sizeof(*counts));
	counts->rows = dataset->n_rows;
	if (dataset->n_rows == 0)
		return label;
	if (column->kind == ML_COLUMN_CATEGORY)
		is_positive = positive_codes(column, positive);
	for (size_t row = 0; row < dataset->n_rows; row++)
	{
		if (ml_column_is_missing(column, row))
		{
			label[row] = NAN;
			counts->unlabelled++;
			continue;
		}
		if (column->kind == ML_COLUMN_CATEGORY)
			label[row] = is_positive[ml_column_code(column, row)];
		else
		{
			double		value = ml_column_number(column, row);

			if (value != 0 && value != 1)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_EXCEPTION),
						 errmsg("target \"%s\" has value %s, which is neither 0 nor 1",
								column->name, mlbase_number_text(value)),
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

/* ---------------------------------------------------------------- costs */

/* Errors: 22000. */
static void
refuse_costs(const MlColumn *column, bool false_negative, size_t n, size_t missing, size_t negative, size_t large)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("cost column \"%s\" of \"%s\" has no cost in %zu of %zu %s rows", column->name,
					false_negative ? "false_negative" : "false_positive", missing + negative + large, n,
					false_negative ? "positive" : "negative"),
			 errdetail("NULL or NaN in %zu, negative in %zu, above %g in %zu. A cost is between 0 and %g.",
					   missing, negative, ML_LARGEST_COST, large, ML_LARGEST_COST),
			 errhint("Say in a view what such a row costs, with coalesce(%s, 0) for example, or leave its rows out.",
					 quote_identifier(column->name))));
}

void
mling_costs(const MlColumn *column, bool false_negative, size_t n, const uint32_t *row, const float *label, double *cost)
{
	size_t		rows = 0;
	size_t		missing = 0;
	size_t		negative = 0;
	size_t		large = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		x = label[i] == (false_negative ? 1 : 0) ? ml_column_number(column, row ? row[i] : i) : 0;

		rows += label[i] == (false_negative ? 1 : 0);
		missing += isnan(x);
		negative += x < 0;
		large += x > ML_LARGEST_COST;
		if (cost)
			cost[i] = x;
	}
	if (missing + negative + large > 0)
		refuse_costs(column, false_negative, rows, missing, negative, large);
}
