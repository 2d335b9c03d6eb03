/*-------------------------------------------------------------------------
 * scoring_trigger.c
 *	  What a trigger that scores is bound to: its arguments, the columns that it
 *	  fills and reads, and what stands against them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

#include "mlops/serve.h"
#include "serve/history.h"

/* ---- arguments */

/* Does not return: 22023, with how the function is used. */
static void
complain_of_arguments(const MlBoundTrigger *bound, const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("trigger \"%s\": %s", bound->trigger->tgname, message),
			 errhint("%s takes %s; the last ones may be given as 'name=value' too.",
					 bound->kind->name, bound->kind->usage)));
}

static void
read_arguments(MlBoundTrigger *bound)
{
	const char *problem = mling_trigger_arguments(bound->kind, bound->trigger, bound->argument);

	if (problem)
		complain_of_arguments(bound, problem);
}

/*
 * Number of the column that an argument names, from 1; 0 if it is not given.  type:
 * it is written to, and must be of that; InvalidOid: it is only read.  Errors:
 * 42703, 42804, 428C9.
 */
static int
find_column(const MlBoundTrigger *bound, MlTriggerArgument argument, Oid type, const char *type_text)
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

void
mlserve_read_trigger_choice(void *arg)
{
	MlBoundTrigger *bound = (MlBoundTrigger *) arg;
	const char *argument[ML_TRIGGER_ARGUMENTS];
	const char *text;

	(void) mling_trigger_arguments(bound->kind, bound->trigger, argument);
	text = argument[ML_TRIGGER_ON_ERROR];
	if (text)
		mlserve_read_error_choice(text, (int) strlen(text), &bound->choice);
}

/* on_error is read first: it says what an error of the others does. */
void
mlserve_bind_trigger(void *arg)
{
	MlBoundTrigger *bound = (MlBoundTrigger *) arg;

	mlserve_read_trigger_choice(bound);
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
column_read_and_filled(const MlBoundTrigger *bound, const MlResolved *resolved)
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

/* A step of mlserve_attempt.  What it raises is for the scoring itself to say. */
static void
look_at_inputs(void *arg)
{
	const MlBoundTrigger *bound = (const MlBoundTrigger *) arg;
	MlResolved	resolved;
	char	   *problem;

	mlserve_resolve(bound->argument[ML_TRIGGER_MODEL], ML_TO_SCORE, &resolved);
	problem = column_read_and_filled(bound, &resolved);
	if (problem)
		ereport(WARNING,
				(errmsg("trigger \"%s\": %s", bound->trigger->tgname, problem),
				 errhint("Train a version without the column, and deploy that.")));
}

/*
 * Noted as told before it is looked at: a model that cannot be loaded is not tried
 * again for each row.
 */
void
mlserve_tell_of_inputs(MlBoundTrigger *bound)
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

/* ---- checking a trigger before it fires */

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
filled_twice(const MlBoundTrigger *bound)
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
	const MlBoundTrigger *bound;
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
	const MlBoundTrigger *bound = check->bound;
	MlResolved	resolved;

	mlserve_resolve(bound->argument[ML_TRIGGER_MODEL], ML_TO_SCORE, &resolved);
	check->problem = mlserve_check_row_type(resolved.served->model, RelationGetDescr(bound->relation), RelationGetRelid(bound->relation));
	if (check->problem == NULL)
		check->problem = column_read_and_filled(bound, &resolved);
}

/* A filled column in which a row that cannot be scored has no place; NULL: there is none. */
static char *
column_without_null(const MlBoundTrigger *bound)
{
	const int	filled[] = {bound->score, bound->flag};

	if (bound->choice.choice != ML_ON_ERROR_NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(filled); i++)
	{
		Form_pg_attribute column = filled[i] ? TupleDescAttr(RelationGetDescr(bound->relation), filled[i] - 1) : NULL;

		if (column && column->attnotnull)
			return psprintf("column \"%s\" is NOT NULL, but on_error is null: a row that cannot be scored keeps the value that "
							"it comes with, and cannot be stored without one", NameStr(column->attname));
	}
	return NULL;
}

char *
mlserve_check_trigger(MlBoundTrigger *bound)
{
	InputCheck	inputs = {.bound = bound};
	MlFault		fault;
	char	   *problem;

	mlserve_bind_trigger(bound);
	problem = column_without_null(bound);
	if (problem)
		return problem;
	if (mlserve_attempt(check_inputs, &inputs, false, &fault))
		return inputs.problem ? inputs.problem : filled_twice(bound);
	if (fault.error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		mlserve_throw(&fault);
	return suggests(fault.error) ? psprintf("%s. %s", fault.error->message, fault.error->hint)
		: pstrdup(fault.error->message);
}
