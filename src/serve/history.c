/*-------------------------------------------------------------------------
 * history.c
 *	  Rows whose model reads features that are computed from their history: the model
 *	  carries their definitions.
 *
 * Rows of the source that others made are read, so what runs meanwhile must be as harmless
 * as a recorded query, unless the row that is scored is of the source itself: then it is
 * the caller's own statement that reads it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/features.h"
#include "mlops/json.h"
#include "serve/history.h"

/* Is the relation the source, or one of its partitions? */
static bool
is_of_source(Oid relation, Oid source)
{
	return OidIsValid(relation) &&
		(relation == source || (get_rel_relispartition(relation) && list_member_oid(get_partition_ancestors(relation), source)));
}

/*
 * Rows of the source are looked back from whatever columns they have.  Others without the
 * time are none of it: what they lack is told as of any row.
 */
bool
mlserve_looks_back(const MlModel *model, TupleDesc desc, Oid relation)
{
	size_t		size;
	const char *history = ml_model_history(model, &size);
	bool		lacks = false;

	if (history && OidIsValid(relation) && is_of_source(relation, mlfeat_recorded_source(history, size)))
		return true;
	for (size_t i = 0; history && i < ml_model_n_inputs(model) && !lacks; i++)
		lacks = mling_find_attribute(desc, ml_model_input_name(model, i)) < 0;
	return lacks && mling_find_attribute(desc, mlfeat_recorded_time_column(history, size)) >= 0;
}

static bool
has_key(Jsonb *json, const char *key)
{
	return getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL) != NULL;
}

/* Which inputs are features is known once the history is open: the record is not read for each object. */
static bool
has_a_feature(const VariantScorer *variant, Jsonb *json)
{
	const MlModel *model = variant->resolved->served->model;
	const RowHistory *opened = variant->json_history;
	MlFeatureRequest request;
	size_t		size;
	const char *history = ml_model_history(model, &size);

	if (opened == NULL)
		mlfeat_from_json(history, size, &request);
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);
		bool		is_feature = opened ? opened->map->attribute[i] >= mlfeat_source_columns(opened->view) : mlfeat_is_feature(&request, name);

		if (is_feature && has_key(json, name))
			return true;
	}
	return false;
}

/* An object that has some of the features was to have all of them. */
bool
mlserve_json_looks_back(const VariantScorer *variant, Jsonb *json)
{
	const MlModel *model = variant->resolved->served->model;
	size_t		size;
	bool		lacks = false;

	if (ml_model_history(model, &size) == NULL)
		return false;
	for (size_t i = 0; i < ml_model_n_inputs(model) && !lacks; i++)
		lacks = !has_key(json, ml_model_input_name(model, i));
	return lacks && !has_a_feature(variant, json);
}

/* Where each of the source's columns is in desc.  Errors: 42703, 42804. */
static int *
find_source_columns(const MlFeatureView *view, TupleDesc desc)
{
	TupleDesc	columns = mlfeat_desc(view);
	int			n = mlfeat_source_columns(view);
	int		   *column = palloc(Max(n, 1) * sizeof(int));

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute wanted = TupleDescAttr(columns, i);

		column[i] = mling_find_attribute(desc, NameStr(wanted->attname));
		if (column[i] < 0 && !mlfeat_reads(view, i))
			continue;
		if (column[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the row to score has neither the features that the model reads nor column \"%s\", which they are computed from", NameStr(wanted->attname)),
					 errhint("Give a row of the table that the features are computed from, or of its feature view.")));
		if (TupleDescAttr(desc, column[i])->atttypid != wanted->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, but features are computed from %s", NameStr(wanted->attname),
							format_type_be(TupleDescAttr(desc, column[i])->atttypid), format_type_be(wanted->atttypid)),
					 errhint("Give a row of the table that the features are computed from, or of its feature view.")));
	}
	return column;
}

char *
mlserve_check_row_type(const MlModel *model, TupleDesc desc, Oid relation)
{
	MlFeatureRequest request;
	size_t		size;
	const char *json = ml_model_history(model, &size);

	if (!mlserve_looks_back(model, desc, relation))
	{
		(void) mlserve_map_row(model, desc);
		return NULL;
	}
	mlfeat_from_json(json, size, &request);
	(void) find_source_columns(mlfeat_open(&request), desc);
	return is_of_source(relation, request.source) ? NULL
		: psprintf("the features that the model reads are computed from earlier rows of table %s, not of this one", mling_relation_name(request.source));
}

/* ---- rows of a view that has changed */

static const char *
definition_of(Jsonb *features, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&features->root, name, strlen(name), NULL);
	Jsonb	   *json = value ? JsonbValueToJsonb(value) : NULL;

	return json ? JsonbToCString(NULL, &json->root, VARSIZE(json)) : "";
}

void
mlserve_warn_of_changed_view(const MlModel *model, Oid relation)
{
	size_t		size;
	const char *history = ml_model_history(model, &size);
	MlFeatureRequest now;
	MlFeatureRequest then;

	if (history == NULL || !OidIsValid(relation) || !mlfeat_request_of(relation, &now) ||
		now.source != mlfeat_recorded_source(history, size))
		return;
	mlfeat_from_json(history, size, &then);
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);

		if (strcmp(definition_of(now.features, name), definition_of(then.features, name)) != 0)
		{
			ereport(WARNING,
					(errmsg("feature \"%s\" of view \"%s\" is not what the version was trained with", name, get_rel_name(relation)),
					 errdetail("The view was changed since. Rows of its table are scored with the version's own definitions, rows of the view are not."),
					 errhint("Make a view with the definitions of then to judge this version on.")));
			return;
		}
	}
}

void
mlserve_warn_of_changed_views(const MlModel *model, const MlSource *source)
{
	Oid			last = InvalidOid;

	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		int			position = mling_find_column(source, ml_model_input_name(model, i));
		Oid			relation = position < 0 ? InvalidOid : source->origins[position].relation;

		if (OidIsValid(relation) && relation != last)
			mlserve_warn_of_changed_view(model, relation);
		last = relation;
	}
}

/* Who owns the model would learn from its decisions of rows that he may not read. */
static void
check_owner(const MlResolved *resolved, Oid source)
{
	MlCatalogModel model;

	if (resolved->model_id != 0 && mlcat_model_by_id(resolved->model_id, &model) && model.owner != GetUserId())
		mlfeat_require_reader(model.owner, source, "who owns the model");
}

RowHistory *
mlserve_open_history(MlScorer *scorer, VariantScorer *variant, TupleDesc desc)
{
	const MlModel *model = variant->resolved->served->model;
	MemoryContext context = AllocSetContextCreate(scorer->context, "mlops row history", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	RowHistory *history = palloc0(sizeof(RowHistory));
	MlFeatureRequest request;
	size_t		size;
	const char *json = ml_model_history(model, &size);

	history->context = context;
	mlfeat_from_json(json, size, &request);
	check_owner(variant->resolved, request.source);
	history->view = mlfeat_open(&request);
	history->desc = mlfeat_desc(history->view);
	history->is_own = desc && is_of_source(get_typ_typrelid(scorer->row_type), request.source);
	if (desc)
		history->column = find_source_columns(history->view, desc);
	history->map = mlserve_map_row(model, history->desc);
	history->datums = palloc0(history->desc->natts * sizeof(Datum));
	history->nulls = palloc0(history->desc->natts * sizeof(bool));
	MemoryContextSwitchTo(caller);
	return history;
}

/* Of values of the source's columns, which are in history. */
static void
compute(MlScorer *scorer, RowHistory *history)
{
	int			settings = 0;

	if (!history->is_own)
	{
		settings = NewGUCNestLevel();
		mlbase_check_reach(ML_REACH_OWN_CODE | ML_REACH_RECORDED | ML_REACH_HARMLESS, false);
	}
	mlfeat_one_row(history->view, !scorer->sees_own_changes, history->datums, history->nulls);
	if (!history->is_own)
		AtEOXact_GUC(true, settings);
	history->of_row = scorer->n_rows;
}

/* One that DDL has overtaken is made anew, by the caller's desc. */
static RowHistory *
fresh(MlScorer *scorer, VariantScorer *variant, RowHistory **history, TupleDesc desc)
{
	if (*history && mlfeat_is_stale((*history)->view))
	{
		MemoryContextDelete((*history)->context);
		*history = NULL;
	}
	if (*history == NULL)
		*history = mlserve_open_history(scorer, variant, desc);
	return *history;
}

void
mlserve_look_back(MlScorer *scorer, VariantScorer *variant, const Datum *datums, const bool *nulls)
{
	RowHistory *history = fresh(scorer, variant, &variant->history, scorer->desc);

	variant->map = history->map;
	if (history->of_row == scorer->n_rows)
		return;
	for (int i = 0; i < mlfeat_source_columns(history->view); i++)
	{
		int			column = history->column[i];

		history->nulls[i] = column < 0 || nulls[column];
		history->datums[i] = history->nulls[i] ? (Datum) 0 : datums[column];
	}
	compute(scorer, history);
}

/* Does the model read the column itself? */
static bool
is_input(const RowHistory *history, int column)
{
	for (size_t i = 0; i < history->map->n_inputs; i++)
	{
		if (history->map->attribute[i] == column)
			return true;
	}
	return false;
}

/*
 * A value as JSON gives it, by the rules for inputs of the column's type: what they refuse is
 * refused.  Domains are read as their base types: their checks are somebody's code.
 */
static Datum
value_from_json(const MlModel *model, JsonbValue *json, Form_pg_attribute column)
{
	const char *name = NameStr(column->attname);
	MlConverter converter;
	MlRecordedType recorded;
	FmgrInfo	input;
	Oid			function;
	Oid			parameter;
	size_t		size;

	if (!mling_converter(column->atttypid, ml_model_time_zone(model), &converter))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("key \"%s\", which features are computed from, stands for a column of type %s", name, format_type_be(column->atttypid)),
				 errdetail("Values of this type are not read from JSON."),
				 errhint("Give the row.")));
	mling_recorded_type(name, mling_type_name(column->atttypid), converter.kind, ml_model_time_zone(model), &recorded);
	if (converter.kind == ML_COLUMN_CATEGORY)
		(void) mling_bytes_from_json(&recorded, json, &size);
	else
		(void) mling_number_from_json(&recorded, json);
	getTypeInputInfo(getBaseType(column->atttypid), &function, &parameter);
	fmgr_info(function, &input);
	return mling_settled_value_in(&input, parameter, mljson_scalar_text(json), ml_model_time_zone(model));
}

/* Columns that features are computed from; the others are NULL.  Errors: 42703, and what types refuse. */
static void
read_object(const MlModel *model, RowHistory *history, Jsonb *json)
{
	for (int i = 0; i < mlfeat_source_columns(history->view); i++)
	{
		Form_pg_attribute column = TupleDescAttr(history->desc, i);
		const char *name = NameStr(column->attname);
		JsonbValue *value = getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL);

		if (value == NULL && mlfeat_reads(history->view, i))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the object to score has neither the features that the model reads nor key \"%s\", which they are computed from", name),
					 errhint("Give an unknown value as null.")));
		history->nulls[i] = value == NULL || value->type == jbvNull || !(mlfeat_reads(history->view, i) || is_input(history, i));
		history->datums[i] = history->nulls[i] ? (Datum) 0 : value_from_json(model, value, column);
	}
}

void
mlserve_look_back_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json)
{
	RowHistory *history = fresh(scorer, variant, &variant->json_history, NULL);

	if (history->of_row == scorer->n_rows)
		return;
	read_object(variant->resolved->served->model, history, json);
	compute(scorer, history);
}
