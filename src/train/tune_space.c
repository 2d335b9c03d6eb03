/*-------------------------------------------------------------------------
 * tune_space.c
 *	  A search space from jsonb, and points of it back to parameters.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "mlops/base.h"
#include "train/report.h"
#include "train/tune_space.h"

#define MOST_DIMENSIONS 200
#define MOST_MAX_BINS 8
#define MOST_ALGORITHMS ML_MAX_CHOICES

/* One key of an algorithm's space while it is being read. */
typedef struct Entry
{
	char	   *name;
	JsonbValue *value;
	MlOptions  *range;			/* the value if it is an object */
	MlOptions  *when;			/* its condition, NULL: none */
	char	   *parent;			/* parameter named by the condition */
	bool		placed;
} Entry;

/* A scalar as JSON text. */
static char *
scalar_json(const JsonbValue *value)
{
	StringInfoData text;

	if (value->type != jbvString)
		return mljson_scalar_text(value);
	initStringInfo(&text);
	escape_json(&text, pnstrdup(value->val.string.val, value->val.string.len));
	return text.data;
}

static char *
quoted(const char *name)
{
	StringInfoData text;

	initStringInfo(&text);
	escape_json(&text, name);
	return text.data;
}

/* Checks one value of a parameter by the learner's own rules.  Errors: 22023. */
static void
check_value(const MlLearner *learner, const char *name, const char *json)
{
	(void) mltrain_parse_params(learner, "space", mltrain_jsonb_of(psprintf("{%s: %s}", quoted(name), json)));
}

/* ---------------------------------------------------------------- dimensions */

/* -1 if the algorithm has none of this name. */
static int
find_dimension(const TuneSpace *ts, int algorithm, const char *name)
{
	for (size_t i = 0; i < ts->space.n; i++)
	{
		if (ts->params[i].algorithm == algorithm && strcmp(ts->space.dimension[i].name, name) == 0)
			return (int) i;
	}
	return -1;
}

/* Appends one that exists where the algorithm is chosen.  Errors: 54000. */
static MlDimension *
add_dimension(TuneSpace *ts, const char *name, int algorithm, const MlParamSpec *spec)
{
	MlDimension *d = (MlDimension *) &ts->space.dimension[ts->space.n];

	if (ts->space.n == MOST_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"space\" has more than %d parameters", MOST_DIMENSIONS)));
	ts->params[ts->space.n] = (TuneParam) {algorithm, spec, NULL};
	ts->space.n++;
	d->name = pstrdup(name);
	d->parent = ts->root;
	if (ts->root >= 0)
		d->parent_choices = UINT64_C(1) << Max(algorithm, 0);
	return d;
}

/* Values of a JSON array, each checked: texts in choice.  Errors: 22023. */
static void
read_list(TuneSpace *ts, const MlLearner *learner, MlDimension *d, JsonbValue *array)
{
	JsonbContainer *container = array->val.binary.data;
	int			n = JsonContainerSize(container);
	char	  **choice = palloc(Max(n, 1) * sizeof(char *));

	for (int i = 0; i < n; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(container, i);

		if (value->type == jbvBinary || value->type == jbvNull)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("list of \"%s\" in \"space\" may hold numbers, strings and booleans only", d->name)));
		choice[i] = scalar_json(value);
		check_value(learner, d->name, choice[i]);
		for (int j = 0; j < i; j++)
		{
			if (strcmp(choice[i], choice[j]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("list of \"%s\" in \"space\" has %s twice", d->name, choice[i])));
		}
	}
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("list of \"%s\" in \"space\" is empty", d->name)));
	d->kind = ML_DIMENSION_CHOICE;
	d->n_choices = n;
	ts->params[ts->space.n - 1].choice = choice;
}

/*
 * Errors: 22023.  Both ends are checked by the learner's rules, and so is all
 * between them.
 */
static void
read_range(const MlLearner *learner, MlDimension *d, const MlParamSpec *spec, MlOptions *range)
{
	bool		whole = spec->type == ML_PARAM_INT;
	double		ends[2];

	if (!whole && spec->type != ML_PARAM_FLOAT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in \"space\" is not a number and has no range", d->name),
				 errhint("Write its values as a list.")));
	if (!mljson_number(range, "min", -1e300, 1e300, &ends[0]) ||
		!mljson_number(range, "max", -1e300, 1e300, &ends[1]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of \"%s\" in \"space\" needs \"min\" and \"max\"", d->name)));
	mljson_bool(range, "log", &d->log);
	mljson_integer(range, "steps", 2, 1000, &d->levels);
	for (int i = 0; i < 2; i++)
		check_value(learner, d->name, mlbase_number_text(ends[i]));
	if (ends[0] > ends[1])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of \"%s\" in \"space\" has its \"min\" %s above its \"max\" %s",
						d->name, mlbase_number_text(ends[0]), mlbase_number_text(ends[1]))));
	if (d->log && ends[0] <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of \"%s\" in \"space\" must begin above 0 to be logarithmic", d->name)));
	d->kind = whole ? ML_DIMENSION_INTEGER : ML_DIMENSION_FLOAT;
	d->minimum = ends[0];
	d->maximum = ends[1];
}

/*
 * Bits of the parent's choices that a condition names: a value or a list.  Errors:
 * 22023.
 */
static uint64_t
condition_choices(const TuneSpace *ts, int parent, Entry *entry)
{
	const MlDimension *d = &ts->space.dimension[parent];
	JsonbValue *wanted = mljson_value(entry->when, entry->parent);
	int			n = 1;
	uint64_t	bits = 0;
	bool		list = wanted->type == jbvBinary && JsonContainerIsArray(wanted->val.binary.data);

	if (d->kind != ML_DIMENSION_CHOICE || d->n_choices > ML_MAX_CHOICES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in \"space\" depends on \"%s\", which is not a list of at most %d values",
						entry->name, entry->parent, ML_MAX_CHOICES)));
	if (list)
		n = JsonContainerSize(wanted->val.binary.data);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *value = list ? getIthJsonbValueFromContainer(wanted->val.binary.data, i) : wanted;
		char	   *json = scalar_json(value);
		int			c = 0;

		while (c < d->n_choices && strcmp(ts->params[parent].choice[c], json) != 0)
			c++;
		if (c == d->n_choices)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" in \"space\" depends on value %s, which the list of \"%s\" does not have",
							entry->name, json, entry->parent)));
		bits |= UINT64_C(1) << c;
	}
	return bits;
}

/*
 * Reads one key; its parent, if it has one, has been read.  A single value is no
 * dimension: it is fixed.
 */
static void
place(TuneSpace *ts, int algorithm, Entry *entry)
{
	TuneAlgorithm *a = &ts->algorithms[algorithm];
	const MlParamSpec *spec = mltrain_param_spec(a->learner, entry->name);
	int			parent = entry->parent ? find_dimension(ts, algorithm, entry->parent) : -1;
	MlDimension *d;

	if (spec == NULL)
		check_value(a->learner, entry->name, "0");	/* refuses the name, listing the valid ones */
	if (spec->type == ML_PARAM_CONSTRAINTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be searched", entry->name),
				 errhint("Give it in \"params\".")));
	if (entry->range == NULL && !(entry->value->type == jbvBinary))
	{
		char	   *json = scalar_json(entry->value);

		check_value(a->learner, entry->name, json);
		a->fixed = lappend(a->fixed, psprintf("%s: %s", quoted(entry->name), json));
		return;
	}
	d = add_dimension(ts, entry->name, algorithm, spec);
	if (parent >= 0)
	{
		d->parent = parent;
		d->parent_choices = condition_choices(ts, parent, entry);
	}
	if (entry->range == NULL)
		read_list(ts, a->learner, d, entry->value);
	else if (mljson_has(entry->range, "values"))
	{
		JsonbValue *values = mljson_value(entry->range, "values");

		if (values->type != jbvBinary || !JsonContainerIsArray(values->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"values\" of \"%s\" in \"space\" must be a list", entry->name)));
		read_list(ts, a->learner, d, values);
		mljson_finish(entry->range);
	}
	else
	{
		read_range(a->learner, d, spec, entry->range);
		mljson_finish(entry->range);
	}
}

/* {"when": {"parameter": value or list}}, on one parameter. */
static void
read_condition(Entry *entry)
{
	List	   *keys;

	entry->when = mljson_object(entry->range, "when", "{\"parameter\": \"value\"}");
	if (entry->when == NULL)
		return;
	keys = mljson_keys(entry->when);
	if (list_length(keys) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"when\" of \"%s\" in \"space\" must name one parameter", entry->name),
				 errhint("Write it as \"when\": {\"parameter\": value} or {\"parameter\": [value, ...]}.")));
	entry->parent = linitial(keys);
}

/*
 * The space of one algorithm, parents before what depends on them.  Passes over
 * what is left until all is placed; a pass that places nothing has found a circle
 * or a name that is not there.
 */
static void
read_algorithm(TuneSpace *ts, int algorithm, MlOptions *options)
{
	List	   *keys = mljson_keys(options);
	int			n = list_length(keys);
	Entry	   *entries = palloc0(Max(n, 1) * sizeof(Entry));
	int			left = n;

	for (int i = 0; i < n; i++)
	{
		Entry	   *e = &entries[i];

		e->name = list_nth(keys, i);
		e->value = mljson_value(options, e->name);
		if (e->value == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" in \"space\" must be a list, a range or a value, not null", e->name)));
		if (e->value->type == jbvBinary && JsonContainerIsObject(e->value->val.binary.data))
		{
			e->range = mljson_object(options, e->name, "{\"min\": 2, \"max\": 9}");
			read_condition(e);
		}
	}
	while (left > 0)
	{
		int			before = left;

		for (int i = 0; i < n; i++)
		{
			Entry	   *e = &entries[i];

			if (e->placed || (e->parent && find_dimension(ts, algorithm, e->parent) < 0))
				continue;
			place(ts, algorithm, e);
			e->placed = true;
			left--;
		}
		for (int i = 0; left == before && i < n; i++)
		{
			if (!entries[i].placed)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"%s\" in \"space\" depends on \"%s\", which is not a list of the same space",
								entries[i].name, entries[i].parent)));
		}
	}
}

/* Values of params beside the space.  Errors: 22023. */
static void
fix_params(TuneSpace *ts, Jsonb *params)
{
	MlOptions  *options = mljson_options("params", params);
	ListCell   *lc;

	foreach(lc, mljson_keys(options))
	{
		char	   *name = (char *) lfirst(lc);
		JsonbValue *value = mljson_value(options, name);

		if (ts->n_algorithms > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"params\" cannot be given for several algorithms"),
					 errhint("Write fixed values into each algorithm's space.")));
		if (find_dimension(ts, 0, name) >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is both in \"params\" and in \"space\"", name),
					 errhint("Leave it out of \"space\" to keep it fixed, or out of \"params\" to have it searched.")));
		if (value == NULL)
			continue;
		ts->algorithms[0].fixed = lappend(ts->algorithms[0].fixed,
										  psprintf("%s: %s", quoted(name),
												   value->type == jbvBinary
												   ? JsonbToCString(NULL, value->val.binary.data, value->val.binary.len)
												   : scalar_json(value)));
	}
}

/*
 * {"algorithm": {"a": {...}, "b": {...}}}  The algorithm is the root, a dimension
 * that all others depend on.
 */
static void
read_algorithms(TuneSpace *ts, MlOptions *options)
{
	MlOptions  *by_name = mljson_object(options, "algorithm", "{\"gradient_boosting\": {\"max_depth\": [4, 6, 8]}}");
	List	   *names = mljson_keys(by_name);
	MlDimension *root;
	char	  **choice = palloc(Max(list_length(names), 1) * sizeof(char *));

	mljson_finish(options);		/* nothing beside it */
	if (names == NIL || list_length(names) > MOST_ALGORITHMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"algorithm\" in \"space\" names no algorithm")));
	ts->n_algorithms = list_length(names);
	ts->algorithms = palloc0(ts->n_algorithms * sizeof(TuneAlgorithm));
	root = add_dimension(ts, "algorithm", -1, NULL);
	root->kind = ML_DIMENSION_CHOICE;
	root->n_choices = ts->n_algorithms;
	ts->params[0].choice = choice;
	ts->root = 0;
	for (int i = 0; i < ts->n_algorithms; i++)
	{
		char	   *name = list_nth(names, i);

		choice[i] = quoted(name);
		ts->algorithms[i].learner = mltrain_learner(name);
		read_algorithm(ts, i, mljson_object(by_name, name, "{\"max_depth\": [4, 6, 8]}"));
	}
}

/*
 * The algorithm's own space, without what params fix; their names go into ts.
 * Errors: 22023.
 */
static Jsonb *
default_space(TuneSpace *ts, const MlLearner *learner, Jsonb *params)
{
	Jsonb	   *space;
	MlOptions  *options = mljson_options("params", params);
	MlOptions  *searched;
	ListCell   *lc;

	if (learner->search_space == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"space\" must be given for algorithm \"%s\"", learner->name)));
	space = mltrain_jsonb_of(learner->search_space);
	searched = mljson_options("space", space);
	foreach(lc, mljson_keys(options))
	{
		char	   *name = (char *) lfirst(lc);

		if (!mljson_has(searched, name) || mljson_value(options, name) == NULL)
			continue;
		ts->left_out = lappend(ts->left_out, name);
		space = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(space), CStringGetTextDatum(name)));
	}
	if (list_length(ts->left_out) == list_length(mljson_keys(searched)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"params\" fixes every parameter that is searched by default"),
				 errhint("Train with these parameters, or give a \"space\" of others.")));
	return space;
}

/* In the current memory context, into whose JSON it points. */
TuneSpace *
tune_space_parse(Jsonb *space, const char *algorithm, Jsonb *params)
{
	TuneSpace  *ts = palloc0(sizeof(TuneSpace));
	MlOptions  *options;

	ts->root = -1;
	ts->space.dimension = palloc0(MOST_DIMENSIONS * sizeof(MlDimension));
	ts->params = palloc0(MOST_DIMENSIONS * sizeof(TuneParam));
	if (space == NULL)
		space = default_space(ts, mltrain_learner(algorithm), params);
	ts->json = space;
	options = mljson_options("space", space);
	if (mljson_has(options, "algorithm"))
		read_algorithms(ts, options);
	else
	{
		ts->n_algorithms = 1;
		ts->algorithms = palloc0(sizeof(TuneAlgorithm));
		ts->algorithms[0].learner = mltrain_learner(algorithm);
		read_algorithm(ts, 0, options);
	}
	if (ts->space.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"space\" has nothing to search"),
				 errhint("Write it as '{\"max_depth\": {\"min\": 2, \"max\": 8}, \"subsample\": [0.5, 1]}'.")));
	fix_params(ts, params);
	return ts;
}

/* ---------------------------------------------------------------- points */

static int
algorithm_of(const TuneSpace *ts, const double *point)
{
	return ts->root < 0 ? 0 : (int) point[ts->root];
}

const MlLearner *
tune_space_learner(const TuneSpace *ts, const double *point)
{
	return ts->algorithms[algorithm_of(ts, point)].learner;
}

static void
append_key(StringInfo text, const char *key_and_value)
{
	appendStringInfo(text, "%s%s", text->len > 1 ? ", " : "", key_and_value);
}

/* Values of the dimensions that are there; the root only if asked. */
static void
append_point(const TuneSpace *ts, const double *point, bool root, StringInfo text)
{
	for (size_t i = 0; i < ts->space.n; i++)
	{
		const MlDimension *d = &ts->space.dimension[i];

		if (isnan(point[i]) || ((int) i == ts->root && !root))
			continue;
		append_key(text, psprintf("%s: %s", quoted(d->name),
								  d->kind == ML_DIMENSION_CHOICE ? ts->params[i].choice[(int) point[i]]
								  : mlbase_number_text(point[i])));
	}
}

char *
tune_space_params(const TuneSpace *ts, const double *point)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	foreach(lc, ts->algorithms[algorithm_of(ts, point)].fixed)
		append_key(&text, (char *) lfirst(lc));
	append_point(ts, point, false, &text);
	appendStringInfoChar(&text, '}');
	return text.data;
}

char *
tune_space_varied(const TuneSpace *ts, const double *point)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_point(ts, point, true, &text);
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* ---------------------------------------------------------------- bounds */

/* The parameters of an algorithm with its fixed values, the rest by default. */
static void *
fixed_params(const TuneAlgorithm *a)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	foreach(lc, a->fixed)
		append_key(&text, (char *) lfirst(lc));
	appendStringInfoChar(&text, '}');
	return mltrain_parse_params(a->learner, "params", mltrain_jsonb_of(text.data));
}

/* The greatest value that a whole number of an algorithm may have, 0 if it has none of the name. */
static int
greatest(const TuneSpace *ts, int algorithm, const char *name)
{
	const TuneAlgorithm *a = &ts->algorithms[algorithm];
	int			dimension = find_dimension(ts, algorithm, name);
	int			most = 0;

	if (dimension < 0)
		(void) mltrain_get_int(a->learner, fixed_params(a), name, &most);
	else if (ts->space.dimension[dimension].kind != ML_DIMENSION_CHOICE)
		most = (int) ts->space.dimension[dimension].maximum;
	for (int c = 0; dimension >= 0 && c < ts->space.dimension[dimension].n_choices; c++)
		most = Max(most, atoi(ts->params[dimension].choice[c]));
	return most;
}

int
tune_space_max_steps(const TuneSpace *ts)
{
	int			most = 1;

	for (int a = 0; a < ts->n_algorithms; a++)
		most = Max(most, Max(greatest(ts, a, "n_estimators"), greatest(ts, a, "max_iter")));
	return most;
}

bool
tune_space_stops_early(const TuneSpace *ts)
{
	for (int a = 0; a < ts->n_algorithms; a++)
	{
		if (greatest(ts, a, "early_stopping_rounds") > 0)
			return true;
	}
	return false;
}

/* Different ones, at most MOST_MAX_BINS.  Errors: 22023. */
List *
tune_space_max_bins(const TuneSpace *ts)
{
	List	   *bins = NIL;

	for (int a = 0; a < ts->n_algorithms; a++)
	{
		int			dimension = find_dimension(ts, a, "max_bins");

		if (dimension < 0)
			bins = list_append_unique_int(bins, ts->algorithms[a].learner->max_bins(fixed_params(&ts->algorithms[a])));
		else if (ts->space.dimension[dimension].kind != ML_DIMENSION_CHOICE)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"max_bins\" in \"space\" must be a list"),
					 errdetail("The data is binned once for each of its values.")));
		for (int c = 0; dimension >= 0 && c < ts->space.dimension[dimension].n_choices; c++)
			bins = list_append_unique_int(bins, atoi(ts->params[dimension].choice[c]));
	}
	if (list_length(bins) > MOST_MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_bins\" in \"space\" has more than %d values", MOST_MAX_BINS),
				 errdetail("The data is binned once for each of them.")));
	return bins;
}
