/*-------------------------------------------------------------------------
 * plan.c
 *	  Which columns of the source a training reads, and what for.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "mlops/base.h"
#include "mlops/features.h"
#include "train/plan.h"

/* Adds a source column to those read, once per way of reading it. */
static int
read_column(ReadPlan *plan, int position, MlColumnKind kind, bool as_text)
{
	for (int c = 0; c < plan->n_columns; c++)
	{
		MlReadColumn *column = &plan->columns[c];

		if (column->position == position && column->as_text == as_text &&
			(column->kind == ML_COLUMN_HASH) == (kind == ML_COLUMN_HASH))
			return c;
	}
	plan->columns[plan->n_columns] = (MlReadColumn) {position, kind, as_text};
	return plan->n_columns++;
}

/* The column of a role, -1 if the argument was not given.  Errors: 42703, 42804. */
static int
role_column(const Request *request, ReadPlan *plan, const char *name, const char *argument,
			MlColumnKind kind, bool as_text)
{
	int			position;

	if (name == NULL)
		return -1;
	position = mling_column(plan->source, name, argument);
	if (kind == ML_COLUMN_NUMBER || kind == ML_COLUMN_TIME)
	{
		MlConverter converter;
		Oid			type = TupleDescAttr(plan->source->desc, position)->atttypid;

		if (!mling_converter(type, request->zone, &converter) ||
			(kind == ML_COLUMN_NUMBER && converter.kind != ML_COLUMN_NUMBER) ||
			converter.kind == ML_COLUMN_CATEGORY)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of \"%s\" has type %s", name, argument,
							format_type_be(type)),
					 errdetail(kind == ML_COLUMN_TIME ? "It must be a time or a number."
							   : "It must be a number.")));
	}
	return read_column(plan, position, kind, as_text);
}

static bool
is_one_of(const char *name, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(name, (char *) lfirst(lc)) == 0)
			return true;
	}
	return false;
}

static bool
is_name(const char *name, const char *other)
{
	return other && strcmp(name, other) == 0;
}

/*
 * A column that a trigger fills with the model's answer is in the rows to learn from, but
 * not in the row to score: it is no feature, unless it was named as one.
 */
static bool
is_filled(Journal *journal, const ReadPlan *plan, int position, bool named)
{
	const char *name = NameStr(TupleDescAttr(plan->source->desc, position)->attname);
	const char *trigger = mling_filling_trigger(plan->source, position);

	if (trigger == NULL)
		return false;
	if (named)
		mltrain_tell(journal, WARNING, psprintf("feature \"%s\" is filled by trigger \"%s\"", name, trigger),
					 "A row has nothing in it yet when that trigger scores it, so what is learned from it does not hold there.");
	else
	{
		const char *detail = "A row has nothing in it yet when that trigger scores it.";

		mltrain_tell(journal, NOTICE, psprintf("column \"%s\" is filled by trigger \"%s\" and is left out", name, trigger), detail);
		mltrain_note(journal, name, "filled", detail);
	}
	return true;
}

/* A column that nobody named and that no model can read, such as JSON or an array; says so. */
static bool
is_unreadable(Journal *journal, const Request *request, const ReadPlan *plan, int position)
{
	Form_pg_attribute attribute = TupleDescAttr(plan->source->desc, position);
	const char *type = format_type_be(attribute->atttypid);
	MlConverter converter;

	if (mling_converter(attribute->atttypid, request->zone, &converter))
		return false;
	mltrain_tell(journal, NOTICE, psprintf("column \"%s\" of type %s cannot be a feature and is left out", NameStr(attribute->attname), type),
				 "Turn it into numbers or text in a query to learn from it.");
	mltrain_note(journal, NameStr(attribute->attname), "type", psprintf("Type %s cannot be a feature.", type));
	return true;
}

/*
 * The columns asked for: each once, and none that is to be left out as well.
 * Errors: 22023, 42703, 42701.
 */
static void
plan_wanted(Journal *journal, const Request *request, ReadPlan *plan, List *wanted, List *excluded)
{
	const MlTrainRequest *r = request->given;

	if (wanted == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"features\" names no column"),
				 errhint("Leave it out to learn from all columns that have no other role.")));
	mlbase_refuse_twice(wanted, "features");
	for (int i = 0; i < list_length(wanted); i++)
	{
		const char *name = (char *) list_nth(wanted, i);
		int			position = mling_column(plan->source, name, "features");

		if (is_name(name, r->target))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("target \"%s\" cannot be a feature", r->target)));
		if (is_one_of(name, excluded))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" is named in \"features\" and in \"exclude\"", name)));
		(void) is_filled(journal, plan, position, true);
		plan->features[plan->n_features++] = read_column(plan, position, ML_COLUMN_NUMBER, false);
	}
}

/* Columns that may become inputs: those asked for, or all that have no role. */
static void
plan_features(Journal *journal, const Request *request, ReadPlan *plan)
{
	const MlTrainRequest *r = request->given;
	List	   *excluded = mlbase_names(r->exclude, "exclude");
	ListCell   *lc;

	foreach(lc, excluded)
		mling_column(plan->source, (char *) lfirst(lc), "exclude");
	if (r->features)
	{
		plan_wanted(journal, request, plan, mlbase_names(r->features, "features"), excluded);
		return;
	}
	for (int i = 0; i < plan->source->desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(plan->source->desc, i)->attname);

		if (is_name(name, r->target) || is_name(name, r->key) || is_name(name, r->time_column) ||
			is_name(name, r->weight) || is_name(name, request->split.fold) ||
			is_name(name, request->group_by) || is_one_of(name, excluded))
			continue;
		mling_find_column(plan->source, name);	/* refuses an ambiguous name */
		if (is_filled(journal, plan, i, false) || is_unreadable(journal, request, plan, i))
			continue;
		plan->features[plan->n_features++] = read_column(plan, i, ML_COLUMN_NUMBER, false);
	}
}

static Form_pg_attribute
feature_attribute(const ReadPlan *plan, int i)
{
	return TupleDescAttr(plan->source->desc, plan->columns[plan->features[i]].position);
}

/*
 * Names that lines in reports have beside those of the features: parts of times, target
 * statistics of categories.  Whether a category has a statistic is up to the rows,
 * of this training or the next.
 */
static List *
names_of_parts(const Request *request, const ReadPlan *plan)
{
	static const char *const parts[] = {"hour", "weekday", "seconds"};
	List	   *names = NIL;

	for (int i = 0; i < plan->n_features; i++)
	{
		Form_pg_attribute attribute = feature_attribute(plan, i);
		MlConverter converter;

		if (!mling_converter(attribute->atttypid, request->zone, &converter))
			continue;
		if (converter.kind == ML_COLUMN_CATEGORY)
			names = lappend(names, psprintf("%s.target", NameStr(attribute->attname)));
		for (int part = 0; converter.kind == ML_COLUMN_TIME && part < lengthof(parts); part++)
			names = lappend(names, psprintf("%s.%s", NameStr(attribute->attname), parts[part]));
	}
	return names;
}

/* A feature that has the name of another line in reports could not be told from it. */
static void
refuse_taken_names(const Request *request, const ReadPlan *plan)
{
	List	   *taken = list_concat(list_make2("(score)", "(base)"), names_of_parts(request, plan));

	for (int i = 0; i < plan->n_features; i++)
	{
		const char *name = NameStr(feature_attribute(plan, i)->attname);

		if (is_one_of(name, taken))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("feature \"%s\" has a name that another one has in reports", name),
					 errdetail("Taken are \"(score)\", \"(base)\", the hour, weekday and seconds of each time, and the target of each category."),
					 errhint("Rename the column in a query, or leave it out with \"exclude\".")));
	}
}

#define FEATURES_SHOWN 20

/* Errors: 22023, with the features and the nearest. */
static void
refuse_constraint(const char *name, const char *parameter, List *features)
{
	StringInfoData list;
	MlNearest	nearest;
	ListCell   *lc;

	initStringInfo(&list);
	mlbase_nearest_begin(&nearest, name);
	foreach(lc, features)
	{
		int			i = foreach_current_index(lc);

		mlbase_nearest_of(&nearest, (char *) lfirst(lc));
		if (i < FEATURES_SHOWN)
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", (char *) lfirst(lc));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" in \"%s\" is not a feature", mlbase_excerpt(name), parameter),
			 errdetail("Features are: %s%s.", list.data, list_length(features) > FEATURES_SHOWN ? ", ..." : ""),
			 nearest.name[0] ? errhint("Perhaps you meant \"%s\".", nearest.name) : 0));
}

/* Constraints are on features or parts of them; which of these there are the rows will tell. */
static void
check_constraints(const Request *request, const ReadPlan *plan)
{
	List	   *features = NIL;
	List	   *parts = names_of_parts(request, plan);

	for (int i = 0; i < plan->n_features; i++)
		features = lappend(features, NameStr(feature_attribute(plan, i)->attname));
	for (size_t i = 0; i < request->learner->n_params; i++)
	{
		const MlParamSpec *spec = &request->learner->params[i];
		const MlConstraints *constraints = (const MlConstraints *) ((const char *) request->params + spec->offset);

		for (size_t c = 0; spec->type == ML_PARAM_CONSTRAINTS && c < constraints->n; c++)
		{
			const char *name = constraints->constraint[c].feature;

			if (!is_one_of(name, features) && !is_one_of(name, parts))
				refuse_constraint(name, spec->name, features);
		}
	}
}

/* What is to be learned is not known when a decision is made: it orders, weighs and costs nothing. */
static void
refuse_target_as(const MlTrainRequest *r, const char *name, const char *argument)
{
	if (is_name(r->target, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target \"%s\" cannot be the column of \"%s\" too", name, argument)));
}

/* Features that have no role are read in passes over all rows, so they may be in a file. */
static void
plan_spilling(ReadPlan *plan)
{
	const Roles *r = &plan->roles;
	const int	roles[] = {r->target, r->key, r->time, r->weight, r->fold, r->group,
	r->cost_false_positive, r->cost_false_negative};

	for (int i = 0; i < plan->n_features; i++)
		plan->columns[plan->features[i]].may_spill = true;
	for (size_t i = 0; i < lengthof(roles); i++)
	{
		if (roles[i] >= 0)
			plan->columns[roles[i]].may_spill = false;
	}
}

/*
 * Features come first among the columns, roles after them; a column that has both
 * is read once per way of reading it.
 */
/* Is a column learned from that has the name of a feature of the view, but is another?  Then a row's features would not be those. */
static bool
renames_features(Journal *journal, const ReadPlan *plan, Oid view, const MlFeatureRequest *request)
{
	for (int f = 0; f < plan->n_features; f++)
	{
		int			position = plan->columns[plan->features[f]].position;
		const char *name = NameStr(TupleDescAttr(plan->source->desc, position)->attname);
		MlOrigin	origin = plan->source->origins[position];

		if (!mlfeat_is_feature(request, name) ||
			(origin.relation == view && strcmp(get_attname(view, origin.attribute, false), name) == 0))
			continue;
		mltrain_tell(journal, WARNING, psprintf("column \"%s\" is not the feature of that name", name),
					 "Rows to score must have the features: they are not computed from rows of the source.");
		return true;
	}
	return false;
}

/* Labels are not known when a row comes in: nor its own, nor those of rows just before. */
static void
tell_of_leak(Journal *journal, const MlFeatureRequest *request, const char *target)
{
	const char *feature = mlfeat_leaking(mlfeat_open(request), target);

	if (feature == NULL)
		return;
	mltrain_tell(journal, WARNING, psprintf("feature \"%s\" looks at \"%s\", the target, without a delay", feature, target),
				 "It knows labels as soon as rows are there, which nobody does. Give it \"delay\": the time until labels are known.");
	mltrain_note(journal, feature, "leak", "It looks at the target without a delay.");
}

/*
 * Rows to score will have the source's columns, not the features of a view over it: the
 * model carries the view's definition.  Of two views it can carry neither.
 */
static const char *
plan_history(Journal *journal, const ReadPlan *plan, const char *target)
{
	MlFeatureRequest request = {0};
	Oid			view = InvalidOid;

	for (int f = 0; f < plan->n_features; f++)
	{
		int			position = plan->columns[plan->features[f]].position;
		const char *name = NameStr(TupleDescAttr(plan->source->desc, position)->attname);
		MlOrigin	origin = plan->source->origins[position];
		MlFeatureRequest other;

		if (!OidIsValid(origin.relation) || origin.relation == view || !mlfeat_request_of(origin.relation, &other) ||
			!mlfeat_is_feature(&other, name) || strcmp(get_attname(origin.relation, origin.attribute, false), name) != 0)
			continue;
		if (OidIsValid(view))
		{
			mltrain_tell(journal, WARNING, "features come from two feature views",
						 "Rows to score must have these features: they are not computed from rows of the source.");
			return NULL;
		}
		view = origin.relation;
		request = other;
	}
	if (OidIsValid(view))
		tell_of_leak(journal, &request, target);
	return OidIsValid(view) && !renames_features(journal, plan, view, &request) ? mlfeat_to_json(&request) : NULL;
}

void
mltrain_plan(Journal *journal, const Request *request, ReadPlan *plan)
{
	const MlTrainRequest *r = request->given;
	int			natts;
	Oid			target_type;

	mltrain_begin_phase(journal, "plan");
	memset(plan, 0, sizeof(*plan));
	plan->source = mling_describe(r->source, r->query, "target");
	natts = plan->source->desc->natts;
	plan->columns = palloc0((2 * natts + 8) * sizeof(MlReadColumn));
	plan->features = palloc0((natts + list_length(mlbase_names(r->features, "features")) + 1) * sizeof(uint32_t));

	if (r->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"target\" must be given"),
				 errhint("Name the column to predict, for example target => 'is_fraud'.")));
	plan_features(journal, request, plan);
	if (plan->n_features == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no column is left to be a feature")));
	plan->history = plan_history(journal, plan, r->target);
	refuse_taken_names(request, plan);
	check_constraints(request, plan);

	target_type = TupleDescAttr(plan->source->desc, mling_column(plan->source, r->target, "target"))->atttypid;
	plan->positive = mling_positive(target_type, "target", r->target, r->positive);
	plan->roles.target = role_column(request, plan, r->target, "target", ML_COLUMN_CATEGORY,
									 mling_target_as_text(target_type, "target", r->target, plan->positive));
	plan->columns[plan->roles.target].is_label = true;
	refuse_target_as(r, r->key, "key");
	refuse_target_as(r, r->time_column, "time_column");
	refuse_target_as(r, r->weight, "weight");
	refuse_target_as(r, request->split.fold, "fold");
	refuse_target_as(r, request->group_by, "group_by");
	refuse_target_as(r, request->threshold.false_positive_column, "false_positive");
	refuse_target_as(r, request->threshold.false_negative_column, "false_negative");
	plan->roles.key = role_column(request, plan, r->key, "key", ML_COLUMN_HASH, false);
	plan->roles.time = role_column(request, plan, r->time_column, "time_column", ML_COLUMN_TIME, false);
	plan->roles.weight = role_column(request, plan, r->weight, "weight", ML_COLUMN_NUMBER, false);
	plan->roles.fold = role_column(request, plan, request->split.fold, "fold", ML_COLUMN_CATEGORY, true);
	plan->roles.group = role_column(request, plan, request->group_by, "group_by", ML_COLUMN_HASH, false);
	plan->roles.cost_false_positive = role_column(request, plan, request->threshold.false_positive_column, "false_positive",
												  ML_COLUMN_NUMBER, false);
	plan->roles.cost_false_negative = role_column(request, plan, request->threshold.false_negative_column, "false_negative",
												  ML_COLUMN_NUMBER, false);
	plan_spilling(plan);
}
