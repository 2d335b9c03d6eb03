/*-------------------------------------------------------------------------
 * between.c
 *	  Two sources: which columns are compared, reading them, and the verdicts.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "monitor/compare.h"

/* A category is an identifier if almost all of so many values are distinct. */
#define IDENTIFIER_VALUES 50
#define IDENTIFIER_SHARE 0.9

/* A column on both sides. */
typedef struct Pair
{
	const char *name;
	int			reference;		/* positions */
	int			current;
	bool		boolean;
	bool		has_hours;		/* times: not a date */
	const MlConverter *as_reference;	/* of the current values; NULL: as their type is */
} Pair;

typedef struct Selection
{
	bool		by_name;		/* the caller named the columns */
	int			n;
	Pair	   *pairs;
} Selection;

/* Errors: 42703, naming all columns that a side lacks. */
static void
refuse_missing(const char *side, const char *names)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the %s lacks columns: %s", side, names),
			 errhint("Name the columns to compare with columns => '{...}'.")));
}

/* Names in quotes, separated by commas. */
static void
append_name(StringInfo list, const char *name)
{
	appendStringInfo(list, "%s\"%s\"", list->len ? ", " : "", name);
}

/* Fills *converter; false for a type that no feature can be made of. */
static bool
can_compare(const MlSource *source, int position, const char *zone, MlConverter *converter)
{
	return mling_converter(TupleDescAttr(source->desc, position)->atttypid, zone, converter);
}

/*
 * Where one side is real and the other is not, equal digits are equal numbers, as
 * they are when such rows are scored: 0.1 is not 0.10000000149.  In the current
 * memory context; NULL: values are compared as their types are.
 */
static const MlConverter *
converter_as(const MlConverter *reference, const MlConverter *current, const char *column)
{
	MlRecordedType *type;
	MlConverter *converter;

	if ((reference->from == ML_FROM_FLOAT4) == (current->from == ML_FROM_FLOAT4))
		return NULL;
	type = palloc(sizeof(MlRecordedType));
	converter = palloc(sizeof(MlConverter));
	*converter = *current;
	mling_recorded_type(column, reference->from == ML_FROM_FLOAT4 ? "real" : "double precision", ML_COLUMN_NUMBER, "UTC", type);
	return mling_adapt_converter(converter, type) ? converter : NULL;
}

/*
 * The types of both sides must become the same kind; fills what is known of a pair
 * by its types.  Errors: 42804, naming the column and both types.
 */
static void
check_kinds(const MlSource *reference, const MlSource *current, const char *zone, Pair *pair)
{
	Oid			reference_type = TupleDescAttr(reference->desc, pair->reference)->atttypid;
	Oid			current_type = TupleDescAttr(current->desc, pair->current)->atttypid;
	MlConverter r;
	MlConverter c;

	if (!can_compare(reference, pair->reference, zone, &r))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be compared", pair->name, format_type_be(reference_type)),
				 errhint("Numbers, booleans, text, enums and times can; make it one of them in a view.")));
	if (!can_compare(current, pair->current, zone, &c) || r.kind != c.kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s in the reference and %s in the current rows", pair->name,
						format_type_be(reference_type), format_type_be(current_type)),
				 errhint("Cast it in a view.")));
	pair->boolean = r.from == ML_FROM_BOOL && c.from == ML_FROM_BOOL;
	pair->has_hours = r.from != ML_FROM_DATE || c.from != ML_FROM_DATE;
	pair->as_reference = converter_as(&r, &c, pair->name);
}

/*
 * All of the reference's columns that could be features, or the ones named.  Names
 * given that a side lacks are collected, so that one error tells all.  Errors:
 * 42703, 42804, 22023.
 */
static Selection
select_columns(const MlSource *reference, const MlSource *current, List *names, const char *zone)
{
	Selection	selection = {.by_name = names != NIL};
	StringInfoData lacking[2];
	ListCell   *lc;

	initStringInfo(&lacking[0]);
	initStringInfo(&lacking[1]);
	if (!selection.by_name)
	{
		for (int i = 0; i < reference->desc->natts; i++)
		{
			MlConverter converter;

			if (can_compare(reference, i, zone, &converter))
				names = lappend(names, NameStr(TupleDescAttr(reference->desc, i)->attname));
		}
	}
	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the reference has no columns that can be compared")));
	selection.pairs = palloc0(list_length(names) * sizeof(Pair));
	foreach(lc, names)
	{
		Pair	   *pair = &selection.pairs[selection.n++];

		pair->name = (const char *) lfirst(lc);
		pair->reference = mling_find_column(reference, pair->name);
		pair->current = mling_find_column(current, pair->name);
		if (pair->reference < 0)
			append_name(&lacking[0], pair->name);
		if (pair->current < 0)
			append_name(&lacking[1], pair->name);
	}
	if (lacking[0].len > 0)
		refuse_missing("reference", lacking[0].data);
	if (lacking[1].len > 0)
		refuse_missing("current side", lacking[1].data);
	for (int i = 0; i < selection.n; i++)
		check_kinds(reference, current, zone, &selection.pairs[i]);
	return selection;
}

/*
 * One side's columns, in ctx's arena, in the order of the pairs.  This runs the
 * source's query.
 */
static MlDataset *
read_side(MlContext *ctx, MlSource *source, const Selection *selection, bool is_reference, const char *zone)
{
	MlReadColumn *columns = palloc0(selection->n * sizeof(MlReadColumn));

	for (int i = 0; i < selection->n; i++)
	{
		columns[i].position = is_reference ? selection->pairs[i].reference : selection->pairs[i].current;
		columns[i].infinite_is_missing = true;
		columns[i].converter = is_reference ? NULL : selection->pairs[i].as_reference;
	}
	mlbase_progress(is_reference ? "read reference" : "read current", 0, 0, NAN);
	return mling_read(ctx, source, selection->n, columns, zone, (MlReadLimits) {0});
}

/* ---- features */

/* As training decides (see signature.c): a category of almost only distinct values. */
static bool
is_identifier(const MlColumn *column, size_t rows)
{
	size_t		present = 0;

	if (column->overflowed)
		return true;
	if (ml_dictionary_size(column->dictionary) <= IDENTIFIER_SHARE * IDENTIFIER_VALUES)
		return false;
	for (size_t row = 0; row < rows; row++)
		present += ml_column_code(column, row) != ML_MISSING_CODE;
	return present >= IDENTIFIER_VALUES &&
		ml_dictionary_size(column->dictionary) > IDENTIFIER_SHARE * (double) present;
}

/*
 * The next entry of comparing->features, nothing compared yet.  Errors: 42701, a
 * column that is named as a time's part is.
 */
static Feature *
add_feature(Comparing *comparing, const char *name, const char *kind, const MlColumn *reference,
			MlColumn *current, MlFeaturePart part)
{
	Feature    *feature = &comparing->features[comparing->n_features++];

	for (int f = 0; f < comparing->n_features - 1; f++)
	{
		if (strcmp(comparing->features[f].name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" has the name of a time's part", name),
					 errhint("Choose columns with \"columns\", or rename it in a view.")));
	}
	memset(feature, 0, sizeof(*feature));
	feature->name = name;
	feature->kind = kind;
	feature->reference = reference;
	feature->current = current;
	feature->part = part;
	feature->categorical = reference->kind == ML_COLUMN_CATEGORY;
	feature->ks = NAN;
	return feature;
}

/*
 * Times are compared by hour and weekday: that time goes on is no drift.  A pair
 * makes at most two, for which there is room.  Left-out identifiers are told in one
 * NOTICE; one that was named is an error (54000).
 */
static void
make_features(Comparing *comparing, const Selection *selection, const MlDataset *reference, const MlDataset *current)
{
	StringInfoData identifiers;

	initStringInfo(&identifiers);
	comparing->features = MemoryContextAllocHuge(CurrentMemoryContext, 2 * selection->n * sizeof(Feature));
	for (int i = 0; i < selection->n; i++)
	{
		const Pair *pair = &selection->pairs[i];
		const MlColumn *r = &reference->columns[i];
		MlColumn   *c = &current->columns[i];

		if (r->kind == ML_COLUMN_TIME)
		{
			if (pair->has_hours)
				add_feature(comparing, psprintf("%s.hour", pair->name), "time", r, c, ML_FEATURE_HOUR);
			add_feature(comparing, psprintf("%s.weekday", pair->name), "time", r, c, ML_FEATURE_WEEKDAY);
		}
		else if (r->kind == ML_COLUMN_NUMBER)
			add_feature(comparing, pair->name, pair->boolean ? "boolean" : "number", r, c, ML_FEATURE_VALUE);
		else if (r->overflowed || c->overflowed || (!selection->by_name && is_identifier(r, reference->n_rows)))
		{
			if (selection->by_name)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("column \"%s\" has more than %d distinct values", pair->name, ML_MAX_DISTINCT)));
			append_name(&identifiers, pair->name);
		}
		else
			add_feature(comparing, pair->name, "category", r, c, ML_FEATURE_VALUE);
	}
	if (identifiers.len > 0)
		ereport(NOTICE,
				(errmsg("columns left out because their values are almost all distinct: %s", identifiers.data)));
}

/* ---- verdicts */

/* What is NaN is no drift; a p-value that does not exist speaks against none. */
static bool
is_drift(const Outcome *outcome)
{
	double		statistic = outcome->result.statistic;
	double		p = outcome->result.p_value;

	switch (outcome->rule)
	{
		case DRIFT_IF_REACHED:
			return statistic >= outcome->threshold;
		case DRIFT_IF_ABOVE:
			return statistic > outcome->threshold;
		case DRIFT_IF_P_BELOW:
			return p < outcome->threshold;
		case DRIFT_IF_P_REACHES:
			return p <= outcome->threshold;
		default:
			return statistic >= outcome->threshold && !(p >= ML_DRIFT_ALPHA);
	}
}

/*
 * Kolmogorov-Smirnov p-values, which may take memory and time, and so are not found
 * on engine threads.
 */
static void
add_ks_p(Comparing *comparing, Feature *feature)
{
	double		p;

	if (isnan(feature->ks))
		return;
	mlbase_check(comparing->ctx, ml_ks_p(comparing->ctx, feature->n_reference, feature->n_current, feature->ks, &p));
	feature->outcome[ML_TEST_KS].result.p_value = p;
	if (comparing->mode == ML_MODE_MLOPS)
		feature->outcome[ML_TEST_WASSERSTEIN].result.p_value = p;
}

/*
 * Is a feature a part of a time that tells nothing, e.g. the hour of times that are
 * all at midnight?  The weekday, the last part of a time, stays if no other does:
 * what is missing is told of each column.
 */
static bool
is_idle_part(const Comparing *comparing, int f)
{
	const Feature *feature = &comparing->features[f];
	const Feature *hour = f > 0 ? feature - 1 : NULL;

	if (feature->part == ML_FEATURE_VALUE || !feature->constant)
		return false;
	return feature->part == ML_FEATURE_HOUR ||
		(hour != NULL && hour->part == ML_FEATURE_HOUR && hour->reference == feature->reference && !hour->constant);
}

/* A List of MlDriftRow *, in the order of columns, then of tests. */
static List *
verdicts(Comparing *comparing)
{
	List	   *rows = NIL;

	for (int f = 0; f < comparing->n_features; f++)
	{
		Feature    *feature = &comparing->features[f];

		if (is_idle_part(comparing, f))
			continue;
		add_ks_p(comparing, feature);
		for (int t = 0; t < ML_TEST_COUNT; t++)
		{
			const Outcome *outcome = &feature->outcome[t];
			MlDriftRow *row;

			if (!outcome->made)
				continue;
			row = palloc(sizeof(MlDriftRow));
			*row = (MlDriftRow) {feature->name, feature->kind, (MlDriftTestKind) t, outcome->result.statistic,
			outcome->result.p_value, outcome->threshold, is_drift(outcome)};
			rows = lappend(rows, row);
		}
	}
	return rows;
}

/* The reference is read first.  Numbers are compared on engine threads, categories here. */
List *
mlmon_compare(MlContext *ctx, MlSource *reference, MlSource *current, List *columns,
			  MlDriftTests tests, MlDriftMode mode)
{
	const char *zone = "UTC";	/* not the session's: a verdict is the same in each */
	Selection	selection = select_columns(reference, current, columns, zone);
	MlDataset  *reference_data = read_side(ctx, reference, &selection, true, zone);
	MlDataset  *current_data = read_side(ctx, current, &selection, false, zone);
	Comparing	comparing = {.ctx = ctx, .mode = mode, .tests = tests};

	mlbase_progress("compare", 0, 0, NAN);
	comparing.reference_rows = reference_data->n_rows;
	comparing.current_rows = current_data->n_rows;
	make_features(&comparing, &selection, reference_data, current_data);
	mlmon_compare_numbers(&comparing);
	for (int f = 0; f < comparing.n_features; f++)
	{
		if (!comparing.features[f].categorical)
			continue;
		CHECK_FOR_INTERRUPTS();
		mlmon_compare_categories(&comparing, &comparing.features[f]);
	}
	return verdicts(&comparing);
}
