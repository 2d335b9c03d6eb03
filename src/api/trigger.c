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
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_score_trigger);
MLOPS_FUNCTION(mlops_decide_trigger);
MLOPS_FUNCTION(mlops_check_trigger);

/* ---- arguments */

typedef enum Argument
{
	ARGUMENT_MODEL, ARGUMENT_SCORE, ARGUMENT_FLAG, ARGUMENT_KEY, ARGUMENT_ON_ERROR
} Argument;

#define N_ARGUMENTS (ARGUMENT_ON_ERROR + 1)

static const char *const argument_names[N_ARGUMENTS] = {
	"model", "score", "flag", "key", "on_error"
};

/* A trigger function: its name, and its arguments in order. */
typedef struct TriggerKind
{
	const char *name;
	int			n_arguments;
	Argument	arguments[N_ARGUMENTS];
	const char *usage;
	bool		decides;
} TriggerKind;

static const TriggerKind score_kind = {
	"score_trigger", 4, {ARGUMENT_MODEL, ARGUMENT_SCORE, ARGUMENT_FLAG, ARGUMENT_ON_ERROR},
	"model, score column [, flag column [, on_error]]", false
};

static const TriggerKind decide_kind = {
	"decide_trigger", 5,
	{ARGUMENT_MODEL, ARGUMENT_SCORE, ARGUMENT_FLAG, ARGUMENT_KEY, ARGUMENT_ON_ERROR},
	"model, score column [, flag column [, key column [, on_error]]]", true
};

/* A trigger's arguments and columns. */
typedef struct Bound
{
	const TriggerKind *kind;
	Relation	relation;
	const Trigger *trigger;
	const char *argument[N_ARGUMENTS];	/* NULL: not given */
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

/* Which argument 'name=value' is, -1 for a value by position. */
static int
named_argument(const TriggerKind *kind, const char *given, const char **value)
{
	for (int i = 0; i < kind->n_arguments; i++)
	{
		const char *name = argument_names[kind->arguments[i]];
		size_t		size = strlen(name);

		if (strncmp(given, name, size) == 0 && given[size] == '=')
		{
			*value = given + size + 1;
			return kind->arguments[i];
		}
	}
	return -1;
}

/* An empty argument is one that is not given. */
static void
read_arguments(Bound *bound)
{
	const TriggerKind *kind = bound->kind;
	const Trigger *trigger = bound->trigger;

	memset(bound->argument, 0, sizeof(bound->argument));
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *value = trigger->tgargs[i];
		int			argument = named_argument(kind, trigger->tgargs[i], &value);

		if (argument < 0 && i >= kind->n_arguments)
			complain_of_arguments(bound, psprintf("%s takes at most %d arguments, not %d",
												  kind->name, kind->n_arguments, trigger->tgnargs));
		if (argument < 0)
			argument = kind->arguments[i];
		if (bound->argument[argument])
			complain_of_arguments(bound, psprintf("argument \"%s\" is given twice",
												  argument_names[argument]));
		if (*value)
			bound->argument[argument] = value;
	}
	for (int i = 0; i <= ARGUMENT_SCORE; i++)
	{
		if (bound->argument[i] == NULL)
			complain_of_arguments(bound, psprintf("argument \"%s\" is missing", argument_names[i]));
	}
}

static int
find_column(const Bound *bound, Argument argument, Oid type, const char *type_text)
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
				 errhint("It is the %s column of %s.", argument_names[argument], bound->kind->name)));
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
	const Trigger *trigger = bound->trigger;
	const char *text = NULL;

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *value = trigger->tgargs[i];
		int			argument = named_argument(bound->kind, value, &value);

		if (argument < 0 && i < bound->kind->n_arguments)
			argument = bound->kind->arguments[i];
		if (argument == ARGUMENT_ON_ERROR && *value)
			text = value;
	}
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
	bound->score = find_column(bound, ARGUMENT_SCORE, FLOAT8OID, "double precision");
	bound->flag = find_column(bound, ARGUMENT_FLAG, BOOLOID, "boolean");
	bound->key = find_column(bound, ARGUMENT_KEY, InvalidOid, NULL);
	if (bound->key)
	{
		Oid			type = TupleDescAttr(RelationGetDescr(bound->relation), bound->key - 1)->atttypid;

		if (!mling_key_reader(type, &bound->key_reader))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("trigger \"%s\": column \"%s\" of type %s cannot be a key",
							bound->trigger->tgname, bound->argument[ARGUMENT_KEY],
							format_type_be(type)),
					 errhint("A key is an integer, numeric, text, uuid or enum, whose text depends on no setting.")));
	}
}

/* ---- a row */

/* A trigger as one statement calls it. */
typedef struct TriggerSite
{
	MlDecideSite decide;
	MlStoredRow *stored;
	Bound		bound;
	bool		is_bound;
	text	   *model;			/* what the log and messages call the model */
	MlFault		fault;			/* why it could not be bound, none: it is */
} TriggerSite;

static TriggerSite *
site_of(FunctionCallInfo fcinfo, const TriggerKind *kind)
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
	site->model = cstring_to_text(site->bound.argument[ARGUMENT_MODEL]
								  ? site->bound.argument[ARGUMENT_MODEL] : "");
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
check_event(FunctionCallInfo fcinfo, const TriggerKind *kind)
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
score_row(FunctionCallInfo fcinfo, const TriggerKind *kind)
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
	return PointerGetDatum(fill_columns(&site->bound, step.row, &decision));
}

/*
 * BEFORE INSERT OR UPDATE ... EXECUTE FUNCTION
 *	  mlops.score_trigger('model', 'score_column' [, 'flag_column' [, 'on_error']])
 */
Datum
mlops_score_trigger(PG_FUNCTION_ARGS)
{
	return score_row(fcinfo, &score_kind);
}

/*
 * BEFORE INSERT ... EXECUTE FUNCTION
 *	  mlops.decide_trigger('model', 'score_column' [, 'flag_column' [, 'key_column' [, 'on_error']]])
 */
Datum
mlops_decide_trigger(PG_FUNCTION_ARGS)
{
	return score_row(fcinfo, &decide_kind);
}

/* ---- checking a trigger before it fires */

static const TriggerKind *
kind_of(const Trigger *trigger)
{
	const char *name = get_func_name(trigger->tgfoid);

	if (name && strcmp(name, decide_kind.name) == 0)
		return &decide_kind;
	return name && strcmp(name, score_kind.name) == 0 ? &score_kind : NULL;
}

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

/* Does primary find in the table's rows what it reads? */
static void
check_inputs(void *arg)
{
	Bound	   *bound = (Bound *) arg;
	MlResolved	resolved;

	mlserve_resolve(bound->argument[ARGUMENT_MODEL], ML_TO_SCORE, &resolved);
	(void) mlserve_map_row(resolved.served->model, RelationGetDescr(bound->relation));
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
	MlFault		fault;
	char	   *problem = NULL;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", PG_GETARG_OID(0))));
	bound.relation = relation;
	bound.trigger = find_trigger(relation, PG_GETARG_OID(1));
	bound.kind = kind_of(bound.trigger);
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
						   bound.argument[ARGUMENT_SCORE]);
	else if (!mlserve_attempt(check_inputs, &bound, false, &fault))
	{
		if (fault.error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
			mlserve_throw(&fault);
		problem = pstrdup(fault.error->message);
	}
	table_close(relation, NoLock);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
