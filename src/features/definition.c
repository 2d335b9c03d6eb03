/*-------------------------------------------------------------------------
 * definition.c
 *	  From the JSON of features to a view that is ready to be computed.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "mlops/json.h"
#include "view.h"
#include "watch.h"

#define MOST_ROWS 10000			/* of a window by rows, which is gone through for each row */

/* What an aggregate needs, by its name. */
typedef struct AggregateKind
{
	const char *name;
	MlAggregate aggregate;
	bool		needs_value;
	bool		takes_value;
	bool		takes_category;
	bool		counts_current; /* unless it is said */
} AggregateKind;

static const AggregateKind kinds[] = {
	{"count", ML_AGGREGATE_COUNT, false, true, true, true},
	{"sum", ML_AGGREGATE_SUM, true, true, false, true},
	{"avg", ML_AGGREGATE_AVG, true, true, false, true},
	{"stddev", ML_AGGREGATE_STDDEV, true, true, false, true},
	{"min", ML_AGGREGATE_MIN, true, true, false, true},
	{"max", ML_AGGREGATE_MAX, true, true, false, true},
	{"count_distinct", ML_AGGREGATE_COUNT_DISTINCT, true, true, true, true},
	{"last", ML_AGGREGATE_LAST, true, true, false, false},
	{"since_last", ML_AGGREGATE_SINCE_LAST, false, false, false, false},
	{"first_seen", ML_AGGREGATE_FIRST_SEEN, false, false, false, true},
	{"share", ML_AGGREGATE_SHARE, false, false, false, true},
};

static const AggregateKind *
aggregate_kind(const char *feature, const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
		appendStringInfo(&names, "%s%s", i ? ", " : "", kinds[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"aggregate\" of feature \"%s\" is \"%s\"", feature, mlbase_excerpt(name)),
			 errhint("It must be one of: %s.", names.data)));
}

/* ---- lengths of time */

/* In microseconds.  Months have none. */
static int64
length_of_time(MlOptions *options, const char *feature, const char *key, const char *text)
{
	Interval   *interval;
	int64		length;

	mlbase_require_unit(options->argument, key, text);
	interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of feature \"%s\" is \"%s\", which is not the same length of time always", key, feature, mlbase_excerpt(text)),
				 errhint("Write days: \"30 days\", or \"365 days\".")));
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &length) || pg_add_s64_overflow(length, interval->time, &length) || length < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of feature \"%s\" is \"%s\"", key, feature, mlbase_excerpt(text)),
				 errdetail("It must be a length of time from 0 on.")));
	return length;
}

static void
read_window(MlOptions *options, const char *feature, MlWindowFeature *asked)
{
	char	   *text;

	asked->length = ML_ALL_TIME;
	if (mljson_text(options, "window", &text) && strcmp(text, "all") != 0)
		asked->length = length_of_time(options, feature, "window", text);
	if (asked->length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"window\" of feature \"%s\" is 0", feature),
				 errhint("Write a length of time, such as \"7 days\", or \"all\".")));
	if (mljson_text(options, "delay", &text))
		asked->delay = length_of_time(options, feature, "delay", text);
}

/* ---- what aggregates look at */

/* Number of the value that an expression is; one that there is already stays one. */
static int
value_of(MlFeatureView *view, const char *feature, const char *key, const char *text, const AggregateKind *kind)
{
	ViewValue  *value = &view->value[view->n_values];
	bool		is_condition = strcmp(key, "where") == 0;

	expression_read(text, feature, key, view->source->desc, &value->expression);
	if (is_condition && getBaseType(value->expression.type) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"where\" of feature \"%s\" has type %s", feature, format_type_be(value->expression.type)),
				 errdetail("It must be a condition, which is true or false.")));
	if (!mling_converter(value->expression.type, "UTC", &value->converter))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" of feature \"%s\" has type %s, which is no number and no category", key, feature, format_type_be(value->expression.type))));
	value->is_category = !is_condition && kind->aggregate == ML_AGGREGATE_COUNT_DISTINCT;
	if (value->converter.kind == ML_COLUMN_CATEGORY && !kind->takes_category)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" of feature \"%s\" has type %s", key, feature, format_type_be(value->expression.type)),
				 errdetail("Aggregate \"%s\" needs numbers.", kind->name),
				 errhint("count and count_distinct take values of any kind.")));
	value->is_category |= value->converter.kind == ML_COLUMN_CATEGORY;
	for (int v = 0; v < view->n_values; v++)
	{
		if (equal(view->value[v].expression.tree, value->expression.tree) && view->value[v].is_category == value->is_category)
			return v;
	}
	return view->n_values++;
}

/* ---- whose history */

static List *
names_of(const char *feature, const JsonbValue *json)
{
	List	   *names = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (json->type == jbvString)
		return list_make1(pnstrdup(json->val.string.val, json->val.string.len));
	if (json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
	{
		iterator = JsonbIteratorInit(json->val.binary.data);
		while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
		{
			if (token == WJB_ELEM && element.type == jbvString)
				names = lappend(names, pnstrdup(element.val.string.val, element.val.string.len));
			else if (token == WJB_ELEM)
				names = NIL;
			if (token == WJB_ELEM && names == NIL)
				break;
		}
	}
	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"by\" of feature \"%s\" must be the name of a column or a list of names", feature),
				 errhint("Write it as \"by\": \"card_id\", or \"by\": [\"card_id\", \"country\"].")));
	mlbase_refuse_twice(names, "by");
	return names;
}

static bool
is_entity(const ViewEntity *entity, const List *names)
{
	bool		same = entity->n == list_length(names);

	for (int i = 0; same && i < entity->n; i++)
		same = strcmp(entity->column[i], (const char *) list_nth(names, i)) == 0;
	return same;
}

/* Number of the kind of entity that "by" names, made if it is new. */
static int
entity_of(MlFeatureView *view, MlOptions *options, const char *feature)
{
	const JsonbValue *json = mljson_value(options, "by");
	ViewEntity *entity = &view->entity[view->n_entities];
	List	   *names;

	if (json == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" does not say whose rows it aggregates", feature),
				 errhint("Name the column of the card, customer or device: {\"aggregate\": \"count\", \"by\": \"card_id\", \"window\": \"1 day\"}.")));
	names = names_of(feature, json);
	for (int e = 0; e < view->n_entities; e++)
	{
		if (is_entity(&view->entity[e], names))
			return e;
	}
	entity->n = list_length(names);
	entity->column = palloc(entity->n * sizeof(char *));
	entity->position = palloc(entity->n * sizeof(int));
	entity->reader = palloc(entity->n * sizeof(MlKeyReader));
	for (int i = 0; i < entity->n; i++)
	{
		Oid			type;

		entity->column[i] = (const char *) list_nth(names, i);
		entity->position[i] = mling_column(view->source, entity->column[i], "by");
		type = TupleDescAttr(view->source->desc, entity->position[i])->atttypid;
		if (!mling_key_reader(type, &entity->reader[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s in \"by\" of feature \"%s\" cannot be a key", entity->column[i], format_type_be(type), feature),
					 errhint(ML_KEY_HINT)));
	}
	return view->n_entities++;
}

/* ---- features */

static void
refuse_key(MlOptions *options, const char *feature, const char *key, const char *aggregate)
{
	if (mljson_has(options, key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" has \"%s\", which aggregate \"%s\" does not take", feature, key, aggregate)));
}

static void
check_aggregate(MlOptions *options, const char *feature, const AggregateKind *kind, const MlWindowFeature *asked)
{
	if (kind->needs_value && asked->value == ML_NO_COLUMN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" does not say what it aggregates", feature),
				 errhint("Name a column or write an expression over the row: {\"aggregate\": \"%s\", \"value\": \"amount\", ...}.", kind->name)));
	if (!kind->takes_value)
		refuse_key(options, feature, "value", kind->name);
	if (kind->aggregate == ML_AGGREGATE_SHARE && asked->condition == ML_NO_COLUMN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" does not say which rows it is the share of", feature),
				 errhint("Write a condition over the row: {\"aggregate\": \"share\", \"where\": \"amount > 100\", ...}.")));
	if (kind->aggregate == ML_AGGREGATE_FIRST_SEEN && (asked->length != ML_ALL_TIME || asked->rows > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" has a window, but \"first_seen\" is of all time", feature)));
	if (asked->with_current && asked->delay > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" has a delay, so the row itself cannot count", feature),
				 errhint("Leave \"current\" out.")));
}

/* The row itself is one of them, if it counts. */
static void
read_rows(MlOptions *options, const char *feature, MlWindowFeature *asked)
{
	int			rows;

	if (!mljson_integer(options, "rows", 1, MOST_ROWS, &rows))
		return;
	if (rows == 1 && asked->with_current)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"rows\" of feature \"%s\" is 1, which is the row itself", feature),
				 errhint("Write a larger number, or \"current\": false.")));
	asked->rows = (uint32_t) (rows - asked->with_current);
}

static void
read_aggregate(MlFeatureView *view, MlOptions *options, const char *feature, const char *name)
{
	const AggregateKind *kind = aggregate_kind(feature, name);
	MlWindowFeature *asked = &view->aggregate[view->n_aggregates];
	char	   *text;

	*asked = (MlWindowFeature) {.aggregate = kind->aggregate, .value = ML_NO_COLUMN, .condition = ML_NO_COLUMN, .if_empty = NAN};
	asked->entity = entity_of(view, options, feature);
	if (mljson_text(options, "value", &text))
		asked->value = value_of(view, feature, "value", text, kind);
	if (mljson_text(options, "where", &text))
		asked->condition = value_of(view, feature, "where", text, kind);
	read_window(options, feature, asked);
	asked->with_current = kind->counts_current && asked->delay == 0;
	(void) mljson_bool(options, "current", &asked->with_current);
	read_rows(options, feature, asked);
	(void) mljson_number(options, "default", -1e300, 1e300, &asked->if_empty);
	check_aggregate(options, feature, kind, asked);
	view->n_aggregates++;
}

static bool
is_count(MlAggregate aggregate)
{
	return aggregate == ML_AGGREGATE_COUNT || aggregate == ML_AGGREGATE_COUNT_DISTINCT;
}

static void
read_feature(MlFeatureView *view, MlOptions *all, ViewFeature *feature)
{
	MlOptions  *options = mljson_object(all, feature->name, "{\"aggregate\": \"count\", \"by\": \"card_id\", \"window\": \"1 day\"}");
	char	   *aggregate = NULL;
	char	   *expression = NULL;

	feature->aggregate = -1;
	if (options)
	{
		(void) mljson_text(options, "aggregate", &aggregate);
		(void) mljson_text(options, "expression", &expression);
	}
	if ((aggregate == NULL) == (expression == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" must have exactly one of \"aggregate\" and \"expression\"", feature->name),
				 errhint("Write {\"aggregate\": \"count\", \"by\": \"card_id\", \"window\": \"1 day\"}, or {\"expression\": \"amount > 100\"}.")));
	if (aggregate)
	{
		feature->aggregate = view->n_aggregates;
		read_aggregate(view, options, feature->name, aggregate);
		feature->is_count = is_count(view->aggregate[feature->aggregate].aggregate);
		TupleDescInitEntry(view->desc, feature->column + 1, feature->name, feature->is_count ? INT8OID : FLOAT8OID, -1, 0);
	}
	else
		feature->expression.text = expression;
	mljson_finish(options);
}

/* ---- expressions over features */

/* The feature of a name, NULL: it is none. */
static ViewFeature *
find_feature(MlFeatureView *view, const char *name)
{
	int			column = mling_find_attribute(view->desc, name);
	int			f = column - view->source->desc->natts;

	return column >= 0 && f >= 0 ? &view->feature[f] : NULL;
}

/*
 * Those that it reads are read before it, which is the order to evaluate them in.  Errors:
 * 42P17 for one that reads itself.
 */
static void
read_feature_expression(MlFeatureView *view, ViewFeature *feature)
{
	const char *text = feature->expression.text;
	List	   *names;
	ListCell   *lc;

	if (feature->aggregate >= 0 || OidIsValid(feature->expression.type))
		return;
	check_stack_depth();
	if (feature->is_read)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"expression\" of feature \"%s\" reads itself, or features that read it", feature->name)));
	feature->is_read = true;
	names = expression_columns(text, feature->name, "expression", view->desc);
	foreach(lc, names)
	{
		ViewFeature *other = find_feature(view, (const char *) lfirst(lc));

		if (other)
			read_feature_expression(view, other);
	}
	expression_read(text, feature->name, "expression", view->desc, &feature->expression);
	TupleDescInitEntry(view->desc, feature->column + 1, feature->name, feature->expression.type, feature->expression.typmod, 0);
	TupleDescInitEntryCollation(view->desc, feature->column + 1, feature->expression.collation);
	view->order[view->n_ordered++] = (int) (feature - view->feature);
}

static void
read_expressions(MlFeatureView *view)
{
	for (int f = 0; f < view->n_features; f++)
		read_feature_expression(view, &view->feature[f]);
}

/* ---- the view */

/* The source's columns, and the features after them, which have no type yet. */
static void
begin_desc(MlFeatureView *view, const List *names)
{
	const TupleDesc source = view->source->desc;

	if (source->natts + list_length(names) > MaxTupleAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("%d columns and %d features are more than %d columns", source->natts, list_length(names), MaxTupleAttributeNumber)));
	view->desc = CreateTemplateTupleDesc(source->natts + list_length(names));
	for (int i = 0; i < source->natts; i++)
		TupleDescCopyEntry(view->desc, i + 1, source, i + 1);
	for (int f = 0; f < view->n_features; f++)
	{
		const char *name = (const char *) list_nth(names, f);

		if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("\"%s\" cannot be the name of a feature", mlbase_excerpt(name)),
					 errdetail("It must have from 1 to %d bytes.", NAMEDATALEN - 1)));
		if (mling_find_attribute(source, name) >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("feature \"%s\" has the name of a column of the source", name)));
		memset(TupleDescAttr(view->desc, source->natts + f), 0, ATTRIBUTE_FIXED_PART_SIZE);
		namestrcpy(&TupleDescAttr(view->desc, source->natts + f)->attname, name);
		view->feature[f].name = name;
		view->feature[f].column = source->natts + f;
	}
}

static void
find_columns(MlFeatureView *view)
{
	const MlFeatureRequest *request = &view->request;
	MlKeyReader reader;

	view->key = mling_key_column(view->source, request->key, &reader);
	mling_instant_column(view->source, request->time_column, "time_column", &view->time);
	view->known.position = -1;
	if (request->known_column)
		mling_instant_column(view->source, request->known_column, "known_column", &view->known);
}

/* ---- what a row must have */

/* Columns of the source that are noted: column [n]. */
typedef struct Noted
{
	bool	   *column;
	int			n;
} Noted;

static bool
note_vars(Node *node, void *context)
{
	const Noted *noted = (const Noted *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno > 0 && ((Var *) node)->varattno <= noted->n)
		noted->column[((Var *) node)->varattno - 1] = true;
	return expression_tree_walker(node, note_vars, context);
}

static void
note_columns(const MlFeatureView *view, const RowExpression *expression, bool *column)
{
	Noted		noted = {column, view->source->desc->natts};

	(void) note_vars(expression->tree, &noted);
}

/* A value counts of the row itself only where the row itself does. */
static void
note_aggregate(MlFeatureView *view, const MlWindowFeature *asked)
{
	const ViewEntity *entity = &view->entity[asked->entity];

	if (asked->delay == 0)		/* the key tells the row from those of its time, and from itself if it is
								 * stored */
		view->reads[view->key] = true;
	for (int i = 0; i < entity->n; i++)
		view->reads[entity->position[i]] = true;
	if (asked->with_current && asked->value != ML_NO_COLUMN)
		note_columns(view, &view->value[asked->value].expression, view->reads);
	if (asked->with_current && asked->condition != ML_NO_COLUMN)
		note_columns(view, &view->value[asked->condition].expression, view->reads);
}

static void
note_reads(MlFeatureView *view)
{
	view->reads = palloc0(Max(view->source->desc->natts, 1) * sizeof(bool));
	view->reads[view->time.position] = true;
	for (int a = 0; a < view->n_aggregates; a++)
		note_aggregate(view, &view->aggregate[a]);
	for (int i = 0; i < view->n_ordered; i++)
		note_columns(view, &view->feature[view->order[i]].expression, view->reads);
}

static void
note_recalled(MlFeatureView *view)
{
	view->recalls = palloc0(Max(view->source->desc->natts, 1) * sizeof(bool));
	view->recalls[view->key] = view->recalls[view->time.position] = true;
	if (view->known.position >= 0)
		view->recalls[view->known.position] = true;
	for (int e = 0; e < view->n_entities; e++)
	{
		for (int i = 0; i < view->entity[e].n; i++)
			view->recalls[view->entity[e].position[i]] = true;
	}
	for (int v = 0; v < view->n_values; v++)
		note_columns(view, &view->value[v].expression, view->recalls);
}

/* Does an aggregate look at the column of rows as soon as they are there? */
static bool
looks_at(const MlFeatureView *view, const MlWindowFeature *asked, int column)
{
	bool	   *noted = palloc0(view->source->desc->natts * sizeof(bool));

	if (asked->value != ML_NO_COLUMN)
		note_columns(view, &view->value[asked->value].expression, noted);
	if (asked->condition != ML_NO_COLUMN)
		note_columns(view, &view->value[asked->condition].expression, noted);
	return asked->delay == 0 && noted[column];
}

const char *
mlfeat_leaking(const MlFeatureView *view, const char *target)
{
	int			column = mling_find_attribute(view->source->desc, target);

	for (int f = 0; f < view->n_features && column >= 0; f++)
	{
		const ViewFeature *feature = &view->feature[f];

		if (feature->aggregate >= 0 && looks_at(view, &view->aggregate[feature->aggregate], column))
			return feature->name;
	}
	return NULL;
}

bool
mlfeat_reads(const MlFeatureView *view, int column)
{
	return view->reads[column];
}

MlFeatureView *
mlfeat_open(const MlFeatureRequest *request)
{
	MlFeatureView *view = palloc0(sizeof(MlFeatureView));
	MlOptions  *options = mljson_options("features", request->features);
	List	   *names = mljson_keys(options);
	int			n = list_length(names);

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"features\" has no feature"),
				 errhint("Write features => '{\"n_1d\": {\"aggregate\": \"count\", \"by\": \"card_id\", \"window\": \"1 day\"}}'.")));
	view->request = *request;
	view->source = mling_describe_query(request->source, NULL, NULL);
	find_columns(view);
	view->n_features = n;
	view->feature = palloc0(n * sizeof(ViewFeature));
	view->aggregate = palloc0(n * sizeof(MlWindowFeature));
	view->entity = palloc0(n * sizeof(ViewEntity));
	view->value = palloc0((2 * n + 1) * sizeof(ViewValue));
	view->order = palloc0(n * sizeof(int));
	begin_desc(view, names);
	for (int f = 0; f < n; f++)
		read_feature(view, options, &view->feature[f]);
	read_expressions(view);
	note_reads(view);
	note_recalled(view);
	watch_source(view);
	return view;
}

TupleDesc
mlfeat_desc(const MlFeatureView *view)
{
	return view->desc;
}

int
mlfeat_source_columns(const MlFeatureView *view)
{
	return view->source->desc->natts;
}
