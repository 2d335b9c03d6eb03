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
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_score_trigger);
MLOPS_FUNCTION(mlops_decide_trigger);
MLOPS_FUNCTION(mlops_check_trigger);

/* ---- a row */

/* A trigger as one statement calls it. */
typedef struct TriggerSite
{
	MlDecideSite decide;
	MlStoredRow *stored;
	MlBoundTrigger bound;
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
	(void) mlserve_attempt(mlserve_read_trigger_choice, &site->bound, true, &ignored);
	site->is_bound = mlserve_attempt(mlserve_bind_trigger, &site->bound, true, &site->fault);
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

/*
 * A column that must not be NULL keeps what the row came with if there is no score: a
 * payment is not refused because of it.
 */
static HeapTuple
fill_columns(const MlBoundTrigger *bound, HeapTuple row, const MlPrediction *decision)
{
	TupleDesc	desc = RelationGetDescr(bound->relation);
	const int	asked[2] = {bound->score, bound->flag};
	const Datum results[2] = {Float8GetDatum(decision->score), BoolGetDatum(decision->flagged)};
	int			columns[2];
	Datum		values[2];
	bool		nulls[2];
	int			n = 0;

	for (int i = 0; i < 2; i++)
	{
		if (asked[i] == 0 || (!decision->has_score && TupleDescAttr(desc, asked[i] - 1)->attnotnull))
			continue;
		columns[n] = asked[i];
		values[n] = results[i];
		nulls[n] = !decision->has_score;
		n++;
	}
	return n > 0 ? heap_modify_tuple_by_cols(row, desc, n, columns, values, nulls) : row;
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
		mlserve_tell_of_inputs(&site->bound);
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
	MlBoundTrigger bound = {0};
	char	   *problem;

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
				 errmsg("trigger \"%s\" does not belong to mlops", bound.trigger->tgname)));
	if (!TRIGGER_FOR_ROW(bound.trigger->tgtype) || !TRIGGER_FOR_BEFORE(bound.trigger->tgtype) ||
		TRIGGER_FOR_DELETE(bound.trigger->tgtype))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\": %s must be fired BEFORE INSERT OR UPDATE FOR EACH ROW",
						bound.trigger->tgname, bound.kind->name)));
	problem = mlserve_check_trigger(&bound);
	table_close(relation, NoLock);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
