/*-------------------------------------------------------------------------
 * trigger.c
 *	  score_trigger and decide_trigger: rows scored as they are stored.
 *
 * A trigger has no caller who could handle an error: what it raises fails the
 * statement that stores the payment.  So whatever goes wrong with scoring, with
 * the trigger's own arguments too, becomes what on_error says, which is "null"
 * if nothing is said.  Only a trigger that could not work for any row (of
 * another kind than BEFORE INSERT OR UPDATE FOR EACH ROW) is an error.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_score_trigger);
MLOPS_FUNCTION(mlops_decide_trigger);
MLOPS_FUNCTION(mlops_check_trigger);

/* ---- arguments */

/* A trigger's arguments and columns. */
typedef struct Bound
{
	const MlTriggerKind *kind;
	Relation	relation;
	const Trigger *trigger;
	const char *argument[ML_TRIGGER_ARGUMENTS]; /* NULL: not given */
	MlErrorChoice choice;
	int			score;			/* columns, from 1; 0: none */
	int			flag;
	int			key;
	MlKeyReader key_reader;
} Bound;

static void
complain_of_arguments(const Bound *bound, const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("trigger \"%s\": %s", bound->trigger->tgname, message),
			 errhint("%s takes %s; the last ones may be given as 'name=value' too.",
					 bound->kind->name, bound->kind->usage)));
}

static void
read_arguments(Bound *bound)
{
	const char *problem = mling_trigger_arguments(bound->kind, bound->trigger, bound->argument);

	if (problem)
		complain_of_arguments(bound, problem);
}

static int
find_column(const Bound *bound, MlTriggerArgument argument, Oid type, const char *type_text)
{
	const char *name = bound->argument[argument];
	TupleDesc	desc = RelationGetDescr(bound->relation);
	int			column;

	if (name == NULL)
		return 0;
	column = SPI_fnumber(desc, name);
	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("trigger \"%s\": column \"%s\" does not exist in table \"%s\"",
						bound->trigger->tgname, name, RelationGetRelationName(bound->relation)),
				 errhint("It is the %s column of %s.", mling_trigger_argument_names[argument], bound->kind->name)));
	if (OidIsValid(type) && TupleDescAttr(desc, column - 1)->atttypid != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("trigger \"%s\": column \"%s\" must be of type %s",
						bound->trigger->tgname, name, type_text)));
	if (OidIsValid(type) && TupleDescAttr(desc, column - 1)->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("trigger \"%s\": column \"%s\" is generated, nothing can be written to it",
						bound->trigger->tgname, name)));
	return column;
}

/* What on_error says, though other arguments may be wrong. */
static void
read_choice(void *arg)
{
	Bound	   *bound = (Bound *) arg;
	const char *argument[ML_TRIGGER_ARGUMENTS];
	const char *text;

	(void) mling_trigger_arguments(bound->kind, bound->trigger, argument);
	text = argument[ML_TRIGGER_ON_ERROR];
	if (text)
		mlserve_read_error_choice(text, (int) strlen(text), &bound->choice);
}

/* Arguments and columns; an error for what is wrong with them. */
static void
bind_trigger(void *arg)
{
	Bound	   *bound = (Bound *) arg;

	read_choice(bound);
	read_arguments(bound);
	bound->score = find_column(bound, ML_TRIGGER_SCORE, FLOAT8OID, "double precision");
	bound->flag = find_column(bound, ML_TRIGGER_FLAG, BOOLOID, "boolean");
	bound->key = find_column(bound, ML_TRIGGER_KEY, InvalidOid, NULL);
	if (bound->key)
	{
		Oid			type = TupleDescAttr(RelationGetDescr(bound->relation), bound->key - 1)->atttypid;

		if (!mling_key_reader(type, &bound->key_reader))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("trigger \"%s\": column \"%s\" of type %s cannot be a key",
							bound->trigger->tgname, bound->argument[ML_TRIGGER_KEY],
							format_type_be(type)),
					 errhint(ML_KEY_HINT)));
	}
}

/* ---- a model that reads what the trigger fills */

/* What primary reads of it, as a sentence; NULL: nothing. */
static char *
column_read_and_filled(const Bound *bound, const MlResolved *resolved)
{
	const MlModel *model = resolved->served->model;

	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);

		if (strcmp(name, bound->argument[ML_TRIGGER_SCORE]) == 0 ||
			(bound->flag && strcmp(name, bound->argument[ML_TRIGGER_FLAG]) == 0))
			return psprintf("version %d of the model reads column \"%s\", which this trigger fills: "
							"it is not filled yet when the row is scored", resolved->version, name);
	}
	return NULL;
}

/* A trigger that was looked at in this session, and what was known of models then. */
typedef struct Looked
{
	Oid			trigger;
	uint64		generation;
} Looked;

static void
look_at_inputs(void *arg)
{
	const Bound *bound = (const Bound *) arg;
	MlResolved	resolved;
	char	   *problem;

	mlserve_resolve(bound->argument[ML_TRIGGER_MODEL], ML_TO_SCORE, &resolved);
	problem = column_read_and_filled(bound, &resolved);
	if (problem)
		ereport(WARNING,
				(errmsg("trigger \"%s\": %s", bound->trigger->tgname, problem),
				 errhint("Train a version without the column, and deploy that.")));
}

/* Once a session, and again when another version may answer. */
static void
tell_once_of_inputs(Bound *bound)
{
	static HTAB *looked = NULL;
	Looked	   *entry;
	bool		known;
	MlFault		ignored;

	if (looked == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Looked)};

		looked = hash_create("mlops triggers", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(looked, &bound->trigger->tgoid, HASH_ENTER, &known);
	if (known && entry->generation == mlserve_generation)
		return;
	entry->generation = mlserve_generation;
	(void) mlserve_attempt(look_at_inputs, bound, false, &ignored);
}

/* ---- a row */

/* A trigger as one statement calls it. */
typedef struct TriggerSite
{
	MlDecideSite decide;
	MlStoredRow *stored;
	Bound		bound;
	bool		is_bound;
	bool		has_scored;		/* any row */
	text	   *model;			/* what the log and messages call the model */
	MlFault		fault;			/* why it could not be bound, none: it is */
} TriggerSite;

static TriggerSite *
site_of(FunctionCallInfo fcinfo, const MlTriggerKind *kind)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	const TriggerData *data = (const TriggerData *) fcinfo->context;
	TriggerSite *site = (TriggerSite *) flinfo->fn_extra;
	MemoryContext caller;
	MlFault		ignored;

	if (likely(site != NULL))
		return site;
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(TriggerSite));
	site->decide.scorer = *flinfo;
	site->decide.scorer.fn_extra = NULL;
	site->bound.kind = kind;
	site->bound.relation = data->tg_relation;
	site->bound.trigger = data->tg_trigger;
	(void) mlserve_attempt(read_choice, &site->bound, true, &ignored);
	site->is_bound = mlserve_attempt(bind_trigger, &site->bound, true, &site->fault);
	site->model = cstring_to_text(site->bound.argument[ML_TRIGGER_MODEL]
								  ? site->bound.argument[ML_TRIGGER_MODEL] : "");
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = site;
	return site;
}

/* The row to score, and its key. */
typedef struct RowStep
{
	TriggerSite *site;
	HeapTuple	row;
	Datum		features;
	text	   *key;
} RowStep;

static void
make_features(void *arg)
{
	RowStep    *step = (RowStep *) arg;
	TriggerSite *site = step->site;
	Relation	relation = site->bound.relation;
	TupleDesc	desc = RelationGetDescr(relation);
	HeapTuple	row = mlserve_row_as_stored(&site->stored, site->decide.scorer.fn_mcxt, relation,
											step->row);

	step->features = heap_copy_tuple_as_datum(row, desc);
	if (site->bound.key)
	{
		bool		isnull;
		Datum		value = heap_getattr(row, site->bound.key, desc, &isnull);
		size_t		size;
		const char *bytes;

		if (isnull)
			return;
		bytes = mling_key_bytes(&site->bound.key_reader, value, &size);
		step->key = cstring_to_text_with_len(bytes, (int) size);
	}
}

/* Generated columns run expressions, and long values are read from their table. */
static bool
is_in_memory(Relation relation, HeapTuple row)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;

	return !HeapTupleHasExternal(row) && !(constraints && constraints->has_generated_stored);
}

static HeapTuple
fill_columns(const Bound *bound, HeapTuple row, const MlPrediction *decision)
{
	int			columns[2] = {bound->score, bound->flag};
	Datum		values[2] = {Float8GetDatum(decision->score), BoolGetDatum(decision->flagged)};
	bool		nulls[2] = {!decision->has_score, !decision->has_score};

	return heap_modify_tuple_by_cols(row, RelationGetDescr(bound->relation), bound->flag ? 2 : 1,
									 columns, values, nulls);
}

static void
check_event(FunctionCallInfo fcinfo, const MlTriggerKind *kind)
{
	const TriggerData *data = (const TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE INSERT OR UPDATE FOR EACH ROW",
						kind->name)));
}

static Datum
score_row(FunctionCallInfo fcinfo, const MlTriggerKind *kind)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TriggerSite *site;
	RowStep		step = {0};
	MlPrediction decision;
	const MlErrorChoice *choice;
	MlFault		fault;

	check_event(fcinfo, kind);
	site = site_of(fcinfo, kind);
	choice = &site->bound.choice;
	step.site = site;
	step.row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;

	if (unlikely(!site->is_bound))
	{
		if (choice->choice == ML_ON_ERROR_RAISE)
			mlserve_throw(&site->fault);
		mlserve_decide_failed(&site->decide, site->model, NULL, choice, &site->fault, &decision);
		return PointerGetDatum(step.row);	/* there is no column to fill */
	}
	if (choice->choice == ML_ON_ERROR_RAISE)
		make_features(&step);
	else if (!mlserve_attempt(make_features, &step, is_in_memory(data->tg_relation, step.row), &fault))
	{
		mlserve_decide_failed(&site->decide, site->model, NULL, choice, &fault, &decision);
		return PointerGetDatum(fill_columns(&site->bound, step.row, &decision));
	}
	mlserve_decide(&site->decide, site->model, RelationGetDescr(data->tg_relation)->tdtypeid,
				   step.features, step.key, choice, !kind->decides, &decision);
	if (unlikely(!site->has_scored) && decision.has_score)
	{
		site->has_scored = true;
		tell_once_of_inputs(&site->bound);
	}
	return PointerGetDatum(fill_columns(&site->bound, step.row, &decision));
}

/*
 * BEFORE INSERT OR UPDATE ... EXECUTE FUNCTION
 *	  mlops.score_trigger('model', 'score_column' [, 'flag_column' [, 'on_error']])
 */
Datum
mlops_score_trigger(PG_FUNCTION_ARGS)
{
	return score_row(fcinfo, &mling_score_trigger);
}

/*
 * BEFORE INSERT ... EXECUTE FUNCTION
 *	  mlops.decide_trigger('model', 'score_column' [, 'flag_column' [, 'key_column' [, 'on_error']]])
 */
Datum
mlops_decide_trigger(PG_FUNCTION_ARGS)
{
	return score_row(fcinfo, &mling_decide_trigger);
}

/* ---- checking a trigger before it fires */

static const Trigger *
find_trigger(Relation relation, Oid trigger)
{
	for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++)
	{
		if (relation->trigdesc->triggers[i].tgoid == trigger)
			return &relation->trigdesc->triggers[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("trigger with OID %u does not exist in table \"%s\"",
					trigger, RelationGetRelationName(relation))));
}

/* Two triggers with conditions may share the rows between them. */
static bool
fire_together(const Trigger *one, const Trigger *other)
{
	return (one->tgtype & other->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE)) != 0 &&
		(other->tgenabled == TRIGGER_FIRES_ON_ORIGIN || other->tgenabled == TRIGGER_FIRES_ALWAYS) &&
		!(one->tgqual && other->tgqual);
}

/* Another trigger of the table that fills one of the columns too; NULL: there is none. */
static char *
filled_twice(const Bound *bound)
{
	const TriggerDesc *triggers = bound->relation->trigdesc;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *other = &triggers->triggers[i];
		const MlTriggerKind *kind = mling_trigger_kind(other->tgfoid);
		const char *given[ML_TRIGGER_ARGUMENTS];

		if (kind == NULL || other->tgoid == bound->trigger->tgoid || !fire_together(bound->trigger, other))
			continue;
		(void) mling_trigger_arguments(kind, other, given);
		for (int a = ML_TRIGGER_SCORE; a <= ML_TRIGGER_FLAG; a++)
		{
			if (bound->argument[a] && mling_trigger_fills(given, bound->argument[a]))
				return psprintf("column \"%s\" is filled by trigger \"%s\" of this table too: each row is scored by both, "
								"and the one whose name comes last overwrites the other", bound->argument[a], other->tgname);
		}
	}
	return NULL;
}

/* What check_inputs looks at and finds. */
typedef struct InputCheck
{
	const Bound *bound;
	char	   *problem;
} InputCheck;

/* Says a hint what to write? */
static bool
suggests(const ErrorData *error)
{
	return error->hint && strncmp(error->hint, "Perhaps", strlen("Perhaps")) == 0;
}

/* Does primary find in the table's rows what it reads, before the trigger fills them? */
static void
check_inputs(void *arg)
{
	InputCheck *check = (InputCheck *) arg;
	const Bound *bound = check->bound;
	MlResolved	resolved;

	mlserve_resolve(bound->argument[ML_TRIGGER_MODEL], ML_TO_SCORE, &resolved);
	(void) mlserve_map_row(resolved.served->model, RelationGetDescr(bound->relation));
	check->problem = column_read_and_filled(bound, &resolved);
}

/*
 * mlops_catalog.check_trigger(relation regclass, trigger oid) -> text
 *	  An error if it could not fill its columns for any row, or if the caller may
 *	  not score with the model; else what stands against scoring now, NULL if
 *	  nothing does.
 */
Datum
mlops_check_trigger(PG_FUNCTION_ARGS)
{
	Relation	relation = try_table_open(PG_GETARG_OID(0), AccessShareLock);
	Bound		bound = {0};
	InputCheck	inputs = {.bound = &bound};
	MlFault		fault;
	char	   *problem = NULL;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", PG_GETARG_OID(0))));
	bound.relation = relation;
	bound.trigger = find_trigger(relation, PG_GETARG_OID(1));
	bound.kind = mling_trigger_kind(bound.trigger->tgfoid);
	if (bound.kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" is none of mlops", bound.trigger->tgname)));
	if (!TRIGGER_FOR_ROW(bound.trigger->tgtype) || !TRIGGER_FOR_BEFORE(bound.trigger->tgtype) ||
		TRIGGER_FOR_DELETE(bound.trigger->tgtype))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\": %s must be fired BEFORE INSERT OR UPDATE FOR EACH ROW",
						bound.trigger->tgname, bound.kind->name)));
	bind_trigger(&bound);
	if (bound.choice.choice == ML_ON_ERROR_NULL &&
		TupleDescAttr(RelationGetDescr(relation), bound.score - 1)->attnotnull)
		problem = psprintf("column \"%s\" is NOT NULL, but on_error is null: a row that cannot be scored cannot be stored",
						   bound.argument[ML_TRIGGER_SCORE]);
	else if (mlserve_attempt(check_inputs, &inputs, false, &fault))
		problem = inputs.problem ? inputs.problem : filled_twice(&bound);
	else
	{
		if (fault.error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
			mlserve_throw(&fault);
		problem = suggests(fault.error) ? psprintf("%s. %s", fault.error->message, fault.error->hint)
			: pstrdup(fault.error->message);
	}
	table_close(relation, NoLock);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
