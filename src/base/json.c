/*-------------------------------------------------------------------------
 * json.c
 *	  Options in jsonb arguments; see include/mlops/json.h.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "mlops/base.h"
#include "mlops/json.h"

const char *
mljson_type_of(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		default:
			break;
	}
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return "an array";
	return "an object";
}

void
mljson_refuse_large(const char *argument, const Jsonb *json)
{
	if (json)
		mlbase_refuse_size(argument, VARSIZE(json), MLJSON_MOST_BYTES);
}

/* What an argument in JSON may hold, for hints. */
static const char *
example_of(const char *argument)
{
	static const struct
	{
		const char *argument;
		const char *example;
	}			examples[] = {
		{"threshold", "{\"value\": 0.5}"},
		{"split", "{\"test\": 0.2, \"validation\": 0.2}"},
		{"preprocess", "{\"class_weight\": \"balanced\"}"},
		{"params", "{\"n_estimators\": 100}"},
		{"space", "{\"max_depth\": {\"min\": 2, \"max\": 8}}"},
		{"tags", "{\"team\": \"risk\"}"},
	};

	for (size_t i = 0; i < lengthof(examples); i++)
		if (strcmp(examples[i].argument, argument) == 0)
			return examples[i].example;
	return "{\"key\": value}";
}

/* In the current memory context; points to json. */
MlOptions *
mljson_options(const char *argument, Jsonb *json)
{
	MlOptions  *options = palloc0(sizeof(MlOptions));

	options->argument = argument;
	options->object = json;
	mljson_refuse_large(argument, json);
	if (json && !JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a JSON object", argument),
				 errhint("Write it as %s => '%s'.", argument, example_of(argument))));
	return options;
}

/* Notes the key as one that is known, be it given or not: mljson_finish lists those. */
JsonbValue *
mljson_value(MlOptions *options, const char *key)
{
	JsonbValue *value;

	options->known = lappend(options->known, pstrdup(key));
	if (options->object == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(&options->object->root, key, strlen(key), NULL);
	return value && value->type != jbvNull ? value : NULL;
}

bool
mljson_has(MlOptions *options, const char *key)
{
	return mljson_value(options, key) != NULL;
}

/* Does not return: 22023. */
static void
wrong_type(MlOptions *options, const char *key, const JsonbValue *value, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" in \"%s\" must be %s, not %s",
					key, options->argument, wanted, mljson_type_of(value))));
}

/*
 * value stays as it was if the key was not given: callers set what holds then.  A
 * number too great for a double is out of range.
 */
bool
mljson_number(MlOptions *options, const char *key, double minimum, double maximum,
			  double *value)
{
	JsonbValue *json = mljson_value(options, key);
	double		number;

	if (json == NULL)
		return false;
	if (json->type != jbvNumeric)
		wrong_type(options, key, json, "a number");
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(json->val.numeric)));
	if (!(number >= minimum && number <= maximum))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %s of \"%s\" in \"%s\" is out of range",
						mlbase_number_text(number), key, options->argument),
				 errdetail("It must be between %g and %g.", minimum, maximum)));
	*value = number;
	return true;
}

/* The number is within integers by now, so the cast is exact. */
bool
mljson_integer(MlOptions *options, const char *key, int minimum, int maximum, int *value)
{
	double		number;

	if (!mljson_number(options, key, minimum, maximum, &number))
		return false;
	if (number != floor(number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %s of \"%s\" in \"%s\" must be an integer",
						mlbase_number_text(number), key, options->argument)));
	*value = (int) number;
	return true;
}

bool
mljson_bool(MlOptions *options, const char *key, bool *value)
{
	JsonbValue *json = mljson_value(options, key);

	if (json == NULL)
		return false;
	if (json->type != jbvBool)
		wrong_type(options, key, json, "true or false");
	*value = json->val.boolean;
	return true;
}

/* In the current memory context. */
bool
mljson_text(MlOptions *options, const char *key, char **value)
{
	JsonbValue *json = mljson_value(options, key);

	if (json == NULL)
		return false;
	if (json->type != jbvString)
		wrong_type(options, key, json, "a string");
	*value = pnstrdup(json->val.string.val, json->val.string.len);
	return true;
}

/* Errors name its keys' argument as "argument.key". */
MlOptions *
mljson_object(MlOptions *options, const char *key, const char *example)
{
	JsonbValue *json = mljson_value(options, key);

	if (json == NULL)
		return NULL;
	if (json->type != jbvBinary || !JsonContainerIsObject(json->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in \"%s\" must be an object, not %s", key, options->argument, mljson_type_of(json)),
				 errhint("Write it as {\"%s\": %s}.", key, example)));
	return mljson_options(psprintf("%s.%s", options->argument, key), JsonbValueToJsonb(json));
}

/* Keys of the object itself, not of those in it. */
List *
mljson_keys(MlOptions *options)
{
	List	   *keys = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (options->object == NULL)
		return NIL;
	iterator = JsonbIteratorInit(&options->object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			keys = lappend(keys, pnstrdup(value.val.string.val, value.val.string.len));
	}
	return keys;
}

/* O(n^2) in keys, which MLJSON_MOST_BYTES bounds. */
void
mljson_finish(MlOptions *options)
{
	ListCell   *lc;

	foreach(lc, mljson_keys(options))
	{
		char	   *key = (char *) lfirst(lc);
		ListCell   *known;
		bool		found = false;
		StringInfoData valid;

		foreach(known, options->known)
			found = found || strcmp(key, (char *) lfirst(known)) == 0;
		if (found)
			continue;

		initStringInfo(&valid);
		foreach(known, options->known)
		{
			/* a key may have been asked for more than once */
			ListCell   *earlier;
			bool		repeated = false;

			foreach(earlier, options->known)
			{
				if (earlier == known)
					break;
				repeated = repeated || strcmp(lfirst(earlier), lfirst(known)) == 0;
			}
			if (!repeated)
				appendStringInfo(&valid, "%s%s", valid.len ? ", " : "", (char *) lfirst(known));
		}
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized key \"%s\" in \"%s\"", key, options->argument),
				 errhint("Valid keys are: %s.", valid.data)));
	}
}

/* In the current memory context; what is no scalar as its type's name. */
char *
mljson_scalar_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return pstrdup(mljson_type_of(value));
	}
}
