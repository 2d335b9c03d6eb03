/*-------------------------------------------------------------------------
 * route.c
 *	  Which variant of a model answers a row: the first segment whose rule the
 *	  row fits, else a share by a hash of the row's key.
 *
 * The hash is ml_hash_bytes over the key's text (src/ingest/key.c), seeded by
 * the model's name: a key sees one variant in every session, after a restart,
 * a dump and an upgrade, and canaries of different models are independent.
 * Shares are laid out in order of position over the 64-bit range, so a share
 * that grows keeps the keys it had.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "serve/model_cache.h"
#include "serve/route.h"

#define ROUTE_SEED UINT64CONST(0x6d6c6f7073)

/* ---------------------------------------------------------------- making */

/* bytes are not copied, and must live as long as the match. */
static void
set_text(MlMatch *match, char *text)
{
	match->is_number = false;
	match->bytes = text;
	match->size = strlen(text);
}

/* The double is what is compared first, the numeric what decides. */
static void
set_number(MlMatch *match, Numeric number)
{
	match->is_number = true;
	match->exact = number;
	match->number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(number)));
}

/*
 * A JSON scalar as what a rule compares with; booleans are numbers 0 and 1.
 * Errors: XX001, a nested value.
 */
static void
fill_match(const JsonbValue *value, MlMatch *match)
{
	memset(match, 0, sizeof(*match));
	switch (value->type)
	{
		case jbvNull:
			match->is_null = true;
			return;
		case jbvNumeric:
			set_number(match, value->val.numeric);
			return;
		case jbvBool:
			set_number(match, int64_to_numeric(value->val.boolean));
			return;
		case jbvString:
			set_text(match, pnstrdup(value->val.string.val, value->val.string.len));
			return;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("a segment's rule holds a nested value")));
	}
}

static JsonbValue *
json_value(Jsonb *json, const char *key)
{
	return getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL);
}

/* A text that a rule compares, as a column of a type would write it. */
typedef struct CanonicalText
{
	const MlRecordedType *type;
	const char *bytes;
	size_t		size;
} CanonicalText;

/* A step for mlserve_attempt: a type's input may refuse the text. */
static void
write_canonically(void *arg)
{
	CanonicalText *text = (CanonicalText *) arg;

	text->bytes = mling_canonical_bytes(text->type, text->bytes, &text->size);
}

/*
 * The values of a condition for a column of a type; what that cannot read fits no
 * row.  [condition->n], in the current memory context; the condition stays as it
 * is.
 */
static const MlMatch *
canonical_matches(const MlCondition *condition, const MlRecordedType *type)
{
	MlMatch    *matches = palloc(Max(condition->n, 1) * sizeof(MlMatch));

	memcpy(matches, condition->matches, condition->n * sizeof(MlMatch));
	for (int i = 0; i < condition->n; i++)
	{
		CanonicalText text = {type, matches[i].bytes, matches[i].size};
		MlFault		fault;

		if (matches[i].bytes == NULL || !mlserve_attempt(write_canonically, &text, true, &fault))
			continue;
		matches[i].bytes = text.bytes;
		matches[i].size = text.size;
	}
	return matches;
}

/* Whether a condition's values are numbers, texts, both, or nothing but NULL. */
static MlComparison
compared(const MlCondition *condition)
{
	MlComparison all = ML_COMPARES_NULLS;

	for (int i = 0; i < condition->n; i++)
	{
		const MlMatch *match = &condition->matches[i];
		MlComparison one = match->is_null ? all : match->is_number ? ML_COMPARES_NUMBERS : ML_COMPARES_TEXTS;

		if (all != ML_COMPARES_NULLS && one != all)
			return ML_COMPARES_BOTH;
		all = one;
	}
	return all;
}

/* {"shop": "uuid"}: what a rule's columns were when it was made, for values in JSON. */
static void
read_type(Jsonb *types, MlCondition *condition)
{
	JsonbValue *type = types && JB_ROOT_IS_OBJECT(types) ? json_value(types, condition->column) : NULL;
	char	   *name = type && type->type == jbvString ? pnstrdup(type->val.string.val, type->val.string.len) : NULL;

	if (condition->compares == ML_COMPARES_NULLS)
		condition->nan_in_json = name == NULL || strcmp(name, "real") == 0 ||
			strcmp(name, "double precision") == 0 || strcmp(name, "numeric") == 0;
	if (condition->compares != ML_COMPARES_TEXTS || name == NULL)
		return;
	mling_recorded_type(condition->column, name, ML_COLUMN_CATEGORY, "UTC", &condition->recorded);
	condition->matches = unconstify(MlMatch *, canonical_matches(condition, &condition->recorded));
}

/*
 * {"country": "DE", "channel": ["web", "app"]}: a condition a key, with its values.
 * In the current memory context.
 */
static void
read_rule(Jsonb *rule, Jsonb *types, MlVariant *variant)
{
	JsonbIterator *iterator = JsonbIteratorInit(&rule->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	MlCondition *condition = NULL;

	variant->conditions = palloc0(Max(JB_ROOT_COUNT(rule), 1) * sizeof(MlCondition));
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			condition = &variant->conditions[variant->n_conditions++];
			condition->column = pnstrdup(value.val.string.val, value.val.string.len);
		}
		else if (token == WJB_BEGIN_ARRAY)
			condition->matches = palloc(Max(value.val.array.nElems, 1) * sizeof(MlMatch));
		else if (token == WJB_VALUE || token == WJB_ELEM)
		{
			if (condition->matches == NULL)
				condition->matches = palloc(sizeof(MlMatch));
			fill_match(&value, &condition->matches[condition->n++]);
		}
	}
	for (int c = 0; c < variant->n_conditions; c++)
	{
		variant->conditions[c].compares = compared(&variant->conditions[c]);
		read_type(types, &variant->conditions[c]);
	}
}

/* Does a variant still lead to the version? */
static bool
still_routed(int64 model_id, int64 version_id)
{
	ListCell   *lc;

	foreach(lc, mlcat_routes(model_id))
	{
		if (((MlCatalogRoute *) lfirst(lc))->version_id == version_id)
			return true;
	}
	return false;
}

/*
 * False if the route changed since it was read, and its version was dropped: the
 * two are read one after the other.  Errors: XX001, the version is missing
 * though the route leads to it.
 */
static bool
describe_variant(const char *name, int64 model_id, const MlCatalogRoute *from, MlVariant *variant)
{
	if (!mlcat_version_by_id(from->version_id, &variant->version))
	{
		if (still_routed(model_id, from->version_id))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the deployed version of model \"%s\" is missing", name)));
		return false;
	}
	variant->resolved.version_id = variant->version.version_id;
	variant->resolved.model_id = model_id;
	variant->resolved.version = variant->version.version;
	variant->resolved.threshold = from->has_threshold ? from->threshold : variant->version.threshold;
	variant->resolved.variant = from->variant;
	variant->resolved.deployment_id = from->deployment_id;
	if (from->rule)
		read_rule(from->rule, from->rule_types, variant);
	return true;
}

/* The cache owns the model. */
MlServedModel *
mlserve_load_variant(const MlRoute *route, MlVariant *variant, int elevel, MemoryContext context)
{
	return variant->resolved.served = mlserve_cached_model(route->name, &variant->version, elevel, context);
}

/* Where a share ends in the range of hashes: percent is of it and of those before. */
static uint64
end_of_share(double percent)
{
	double		end = ldexp(percent / 100.0, 64);

	return end >= 0x1p64 ? PG_UINT64_MAX : (uint64) end;
}

/*
 * In the current memory context.  Reads routes and versions one after the other; a
 * change in between makes it begin anew.  Errors: 55000, nothing is deployed.
 */
MlRoute *
mlserve_make_route(const char *name, int64 model_id)
{
	List	   *rows = mlcat_routes(model_id);
	MlRoute    *route = palloc0(sizeof(MlRoute));
	double		percent = 0;
	ListCell   *lc;

	route->name = pstrdup(name);
	route->seed = ml_hash_bytes(name, strlen(name), ROUTE_SEED);
	route->variants = palloc0(Max(list_length(rows), 1) * sizeof(MlVariant));
	foreach(lc, rows)
	{
		MlCatalogRoute *row = (MlCatalogRoute *) lfirst(lc);
		MlVariant  *variant = &route->variants[foreach_current_index(lc)];

		if (!describe_variant(name, model_id, row, variant))
		{
			CHECK_FOR_INTERRUPTS();
			return mlserve_make_route(name, model_id);	/* as it is now */
		}
		if (row->key)
			route->key = row->key;
		switch (row->kind)
		{
			case ML_ROUTE_SEGMENT:
				route->n_segments++;
				break;
			case ML_ROUTE_SHARE:
				percent += row->percent;
				variant->upto = end_of_share(percent);
				route->n_shares++;
				break;
			case ML_ROUTE_SHADOW:
				route->n_shadows++;
				break;
		}
	}
	if (route->n_shares == 0)
	{
		int			last = Max(mlreg_last_version(model_id), 1);	/* what a hint may name */

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no version of model \"%s\" is deployed", name),
				 errhint("Run SELECT * FROM mlops.deploy('%s', %d), "
						 "or name a version as in \"%s/%d\".", name, last, name, last)));
	}
	return route;
}

/* A route of one model that is loaded already. */
MlRoute *
mlserve_single_route(const char *name, MlServedModel *served)
{
	MlRoute    *route = palloc0(sizeof(MlRoute));

	route->name = pstrdup(name);
	route->n_shares = 1;
	route->variants = palloc0(sizeof(MlVariant));
	route->variants[0].resolved.served = served;
	return route;
}

/* A route of one version, not loaded. */
MlRoute *
mlserve_version_route(const char *name, const MlCatalogVersion *version)
{
	MlRoute    *route = mlserve_single_route(name, NULL);
	MlVariant  *variant = &route->variants[0];

	variant->version = *version;
	variant->resolved.version_id = version->version_id;
	variant->resolved.model_id = version->model_id;
	variant->resolved.version = version->version;
	variant->resolved.threshold = version->threshold;
	return route;
}

/* ---------------------------------------------------------------- mapping */

bool
mlserve_rule_converter(Oid type, MlConverter *converter)
{
	if (!mling_converter(type, "UTC", converter) || converter->kind == ML_COLUMN_TIME ||
		converter->from == ML_FROM_INTERVAL || converter->from == ML_FROM_TIME ||
		converter->from == ML_FROM_TIMETZ)
		return false;
	if (converter->from == ML_FROM_FLOAT4)
		converter->from = ML_FROM_FLOAT4_DIGITS;	/* 0.1 in a rule is 0.1 in the column */
	return true;
}

/* Of what a condition compares, for a message. */
static const char *
compared_values(const MlCondition *condition)
{
	return condition->compares == ML_COMPARES_NUMBERS ? "a number"
		: condition->compares == ML_COMPARES_TEXTS ? "text" : "numbers and text";
}

/*
 * Fills *column.  What does not fit is no error here but the column's fault: rows
 * are told only when they come to it.
 */
static void
map_condition(const MlRoute *route, const MlCondition *condition, TupleDesc desc, MlRuleColumn *column)
{
	Oid			type;
	bool		usable;
	MlRecordedType own;

	column->matches = condition->matches;
	column->attribute = mling_find_attribute(desc, condition->column);
	if (column->attribute < 0)
	{
		column->unfit = mlserve_make_fault(ERRCODE_UNDEFINED_COLUMN,
										   psprintf("the row to score lacks column \"%s\", by which model \"%s\" is segmented",
													condition->column, route->name));
		return;
	}
	type = TupleDescAttr(desc, column->attribute)->atttypid;
	usable = mlserve_rule_converter(type, &column->converter);
	column->is_number = usable && column->converter.kind == ML_COLUMN_NUMBER;
	if (condition->compares == ML_COMPARES_NULLS)
		return;					/* whatever its type */
	if (!usable)
		column->unfit = mlserve_make_fault(ERRCODE_DATATYPE_MISMATCH,
										   psprintf("column \"%s\" of type %s cannot be used in a segment's rule",
													condition->column, format_type_be(type)));
	else if (condition->compares != (column->is_number ? ML_COMPARES_NUMBERS : ML_COMPARES_TEXTS))
		column->unfit = mlserve_make_fault(ERRCODE_DATATYPE_MISMATCH,
										   psprintf("a segment's rule of model \"%s\" compares column \"%s\" of type %s with %s",
													route->name, condition->column, format_type_be(type),
													compared_values(condition)));
	else if (condition->compares == ML_COMPARES_TEXTS)
	{
		mling_recorded_type(condition->column, mling_type_name(type), ML_COLUMN_CATEGORY, "UTC", &own);
		column->matches = canonical_matches(condition, &own);
	}
}

/* In the current memory context.  Errors: 42804, a key of a type that cannot be one. */
MlRouteMap *
mlserve_map_route(const MlRoute *route, TupleDesc desc)
{
	MlRouteMap *map = palloc0(sizeof(MlRouteMap));
	int			n = 0;

	map->key_attribute = route->key ? mling_find_attribute(desc, route->key) : -1;
	if (map->key_attribute >= 0)
	{
		Oid			type = TupleDescAttr(desc, map->key_attribute)->atttypid;

		if (!mling_key_reader(type, &map->key))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be the key of model \"%s\"",
							route->key, format_type_be(type), route->name),
					 errhint(ML_KEY_HINT)));
	}
	for (int i = 0; i < route->n_segments; i++)
		map->n_columns += route->variants[i].n_conditions;
	map->columns = palloc0(Max(map->n_columns, 1) * sizeof(MlRuleColumn));
	for (int i = 0; i < route->n_segments; i++)
	{
		for (int c = 0; c < route->variants[i].n_conditions; c++, n++)
			map_condition(route, &route->variants[i].conditions[c], desc, &map->columns[n]);
	}
	return map;
}

/* ---------------------------------------------------------------- choosing */

/*
 * Number of the variant whose share has the hash of these bytes; the last one has
 * the rest.
 */
static int
choose_share(const MlRoute *route, const char *bytes, size_t size)
{
	uint64		hash = ml_hash_bytes(bytes, size, route->seed);
	int			last = route->n_segments + route->n_shares - 1;

	for (int i = route->n_segments; i < last; i++)
	{
		if (hash < route->variants[i].upto)
			return i;
	}
	return last;
}

/* By the key given; without one nothing can be chosen.  Errors: 42703. */
static int
choose_by_given_key(const MlRoute *route, const text *key)
{
	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the row to score lacks column \"%s\", by which model \"%s\" chooses the variant",
						route->key ? route->key : "?", route->name),
				 errhint("Pass a row that has it, or give mlops.decide() a key.")));
	return choose_share(route, VARDATA_ANY(key),
						bpchartruelen(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
}

static bool
same_bytes(const MlMatch *match, const char *bytes, size_t size)
{
	return !match->is_null && !match->is_number && match->size == size &&
		memcmp(match->bytes, bytes, size) == 0;
}

/* Exactly: doubles of different numerics may be the same. */
static bool
same_number(const MlMatch *match, Numeric number)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(match->exact), NumericGetDatum(number)));
}

/*
 * Does a row fit a condition?  False, with the fault, where the two cannot be
 * compared.  datums and nulls are by column of the row.
 */
static bool
condition_holds(const MlCondition *condition, const MlRuleColumn *column,
				const Datum *datums, const bool *nulls, MlFault *fault)
{
	const MlConverter *converter = &column->converter;
	const char *bytes = NULL;
	size_t		size = 0;
	double		number = 0;
	bool		isnull;

	if (unlikely(column->unfit != NULL))
	{
		*fault = *column->unfit;
		return false;
	}
	isnull = nulls[column->attribute];
	if (!isnull && column->is_number)
	{
		number = mling_number(converter, datums[column->attribute]);
		isnull = isnan(number);
	}
	if (condition->compares == ML_COMPARES_NULLS)
		return isnull;
	if (!isnull && !column->is_number)
		bytes = mling_bytes(converter, datums[column->attribute], &size);
	for (int i = 0; i < condition->n; i++)
	{
		const MlMatch *match = &column->matches[i];

		if (isnull ? match->is_null
			: bytes ? same_bytes(match, bytes, size)
			: match->is_number && match->number == number &&
			same_number(match, mling_exact_number(converter, datums[column->attribute])))
			return true;
	}
	return false;
}

/* Keeps the fault for which a segment is passed over: a row's first. */
static void
pass_over(int segment, const MlFault *fault, MlPassedOver *passed)
{
	if (likely(fault->error == NULL) || passed->fault.error != NULL)
		return;
	passed->segment = segment;
	passed->fault = *fault;
}

/*
 * Number of the first segment that the row fits, -1 if none; *passed tells of the
 * first that could not be compared.
 */
static int
fitting_segment(const MlRoute *route, const MlRouteMap *map, const Datum *datums, const bool *nulls,
				MlPassedOver *passed)
{
	int			n = 0;

	passed->fault.error = NULL;
	for (int i = 0; i < route->n_segments; i++)
	{
		const MlVariant *variant = &route->variants[i];
		MlFault		fault = {0};
		bool		fits = true;

		for (int c = 0; c < variant->n_conditions; c++)
			fits = fits && condition_holds(&variant->conditions[c], &map->columns[n + c],
										   datums, nulls, &fault);
		if (fits)
			return i;
		pass_over(i, &fault, passed);
		n += variant->n_conditions;
	}
	return -1;
}

/*
 * Segments first; then, unless there is but one share, the key.  A row whose key is
 * NULL stays with the last share.
 */
int
mlserve_choose_for_row(const MlRoute *route, MlRouteMap *map, const Datum *datums,
					   const bool *nulls, const text *key, MlPassedOver *passed)
{
	int			segment = fitting_segment(route, map, datums, nulls, passed);
	const char *bytes;
	size_t		size;

	if (segment >= 0)
		return segment;
	if (route->n_shares == 1)
		return route->n_segments;
	if (map->key_attribute < 0)
		return choose_by_given_key(route, key);
	if (nulls[map->key_attribute])
		return route->n_segments + route->n_shares - 1;
	bytes = mling_key_bytes(&map->key, datums[map->key_attribute], &size);
	return choose_share(route, bytes, size);
}

/* ---- JSON objects */

/* A string in JSON as the number that a rule's column would hold. */
typedef struct NumberInText
{
	MlRecordedType type;
	const JsonbValue *value;
	Numeric		number;
} NumberInText;

/* A step for mlserve_attempt: errors are those of numeric's input, or money's. */
static void
read_number(void *arg)
{
	NumberInText *read = (NumberInText *) arg;

	char	   *text = pnstrdup(read->value->val.string.val, read->value->val.string.len);
	MlConverter converter = {.from = ML_FROM_FLOAT8};
	double		number = mling_number_from_json(&read->type, read->value);

	/* an amount as money writes it is no decimal number */
	read->number = mling_is_decimal(text)
		? DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)))
		: mling_exact_number(&converter, Float8GetDatum(number));
}

/*
 * A value in JSON as what the column of such a rule would hold; false, with the
 * fault, if it could not.  *found is in the current memory context.
 */
static bool
fill_found(const MlCondition *condition, const JsonbValue *value, MlMatch *found, MlFault *fault)
{
	bool		numbers = condition->compares == ML_COMPARES_NUMBERS;

	fill_match(value, found);
	if (value->type == jbvString && numbers)
	{
		NumberInText read = {.value = value};

		mling_recorded_type(condition->column, "money", ML_COLUMN_NUMBER, "UTC", &read.type);
		read.type.name = "numeric";
		if (!mlserve_attempt(read_number, &read, true, fault))
			return false;
		memset(found, 0, sizeof(*found));
		set_number(found, read.number);
		if (isnan(found->number))
			fill_match(&(JsonbValue) {.type = jbvNull}, found);
	}
	else if (value->type == jbvString && condition->recorded.name)
	{
		CanonicalText text = {&condition->recorded, found->bytes, found->size};

		if (!mlserve_attempt(write_canonically, &text, true, fault))
			return false;
		found->bytes = text.bytes;
		found->size = text.size;
	}
	else if (found->is_number && !numbers)
		set_text(found, value->type == jbvBool ? pstrdup(value->val.boolean ? "true" : "false")
				 : DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric))));
	return true;
}

/* Why a condition cannot be compared: no such key, or a value of another kind. */
static MlFault
json_fault(const MlRoute *route, const MlCondition *condition, const JsonbValue *value)
{
	if (value == NULL)
		return *mlserve_make_fault(ERRCODE_UNDEFINED_COLUMN,
								   psprintf("the object to score lacks key \"%s\", by which model \"%s\" is segmented",
											condition->column, route->name));
	return *mlserve_make_fault(ERRCODE_DATATYPE_MISMATCH,
							   psprintf("a segment's rule of model \"%s\" compares key \"%s\", which holds %s, with %s",
										route->name, condition->column,
										value->type == jbvBinary ? "an array or object" : "one value",
										compared_values(condition)));
}

/*
 * Does an object fit a condition?  False, with the fault, where the two cannot be
 * compared.
 */
static bool
json_condition_holds(const MlRoute *route, const MlCondition *condition, Jsonb *json, MlFault *fault)
{
	JsonbValue *value = json_value(json, condition->column);
	MlMatch		found;

	if (value && condition->compares == ML_COMPARES_NULLS)
		return value->type == jbvNull ||
			(condition->nan_in_json && value->type == jbvString && value->val.string.len == 3 &&
			 pg_strncasecmp(value->val.string.val, "nan", 3) == 0);
	if (value == NULL || value->type == jbvBinary || condition->compares == ML_COMPARES_BOTH)
	{
		*fault = json_fault(route, condition, value);
		return false;
	}
	if (!fill_found(condition, value, &found, fault))
		return false;
	for (int i = 0; i < condition->n; i++)
	{
		const MlMatch *match = &condition->matches[i];

		if (found.is_null ? match->is_null
			: found.is_number ? match->is_number && match->number == found.number && same_number(match, found.exact)
			: same_bytes(match, found.bytes, found.size))
			return true;
	}
	return false;
}

/*
 * NULL if the object has none.  A number reads as numeric writes it.  Errors:
 * 42804, an object, array or boolean.
 */
text *
mlserve_json_key(const MlRoute *route, Jsonb *json)
{
	JsonbValue *value = route->key ? json_value(json, route->key) : NULL;

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type == jbvString)
		return cstring_to_text_with_len(value->val.string.val,
										bpchartruelen(value->val.string.val,
													  value->val.string.len));
	if (value->type == jbvNumeric)
		return cstring_to_text(DatumGetCString(DirectFunctionCall1(numeric_out,
																   NumericGetDatum(value->val.numeric))));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("key \"%s\" of the object to score must be a number or a string to choose a variant of model \"%s\"",
					route->key, route->name)));
}

/* As for a row; a key that the object has goes before the one given. */
int
mlserve_choose_for_json(const MlRoute *route, Jsonb *json, const text *key, MlPassedOver *passed)
{
	const JsonbValue *own;

	passed->fault.error = NULL;
	for (int i = 0; i < route->n_segments; i++)
	{
		const MlVariant *variant = &route->variants[i];
		MlFault		fault = {0};
		bool		fits = true;

		for (int c = 0; c < variant->n_conditions; c++)
			fits = fits && json_condition_holds(route, &variant->conditions[c], json, &fault);
		if (fits)
			return i;
		pass_over(i, &fault, passed);
	}
	if (route->n_shares == 1)
		return route->n_segments;
	own = route->key ? json_value(json, route->key) : NULL;
	if (own && own->type == jbvNull)
		return route->n_segments + route->n_shares - 1;
	return choose_by_given_key(route, own ? mlserve_json_key(route, json) : key);
}
