/*-------------------------------------------------------------------------
 * triggers.c
 *	  The triggers that score: their arguments, and which columns of a source
 *	  they fill.
 *
 * What a trigger fills is known only after the model has answered.  It is in
 * the rows that are learned from, but not in the row to score.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "parser/parsetree.h"
#include "rewrite/prs2lock.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mlops/ingest.h"

/* Views of views that are looked through: views may be made to read each other. */
#define MAX_VIEWS 100

const char *const mling_trigger_argument_names[ML_TRIGGER_ARGUMENTS] = {
	"model", "score", "flag", "key", "on_error"
};

const MlTriggerKind mling_score_trigger = {
	"score_trigger", 4, {ML_TRIGGER_MODEL, ML_TRIGGER_SCORE, ML_TRIGGER_FLAG, ML_TRIGGER_ON_ERROR},
	"model, score column [, flag column [, on_error]]", false
};

const MlTriggerKind mling_decide_trigger = {
	"decide_trigger", 5,
	{ML_TRIGGER_MODEL, ML_TRIGGER_SCORE, ML_TRIGGER_FLAG, ML_TRIGGER_KEY, ML_TRIGGER_ON_ERROR},
	"model, score column [, flag column [, key column [, on_error]]]", true
};

/* By name and schema: functions of other schemas that are called alike are not ours. */
const MlTriggerKind *
mling_trigger_kind(Oid function)
{
	const char *name = get_func_name(function);

	if (name == NULL || get_func_namespace(function) != get_namespace_oid("mlops", true))
		return NULL;
	if (strcmp(name, mling_decide_trigger.name) == 0)
		return &mling_decide_trigger;
	return strcmp(name, mling_score_trigger.name) == 0 ? &mling_score_trigger : NULL;
}

/* Which argument 'name=value' is, -1 for a value by position. */
static int
named_argument(const MlTriggerKind *kind, const char *given, const char **value)
{
	for (int i = 0; i < kind->n_arguments; i++)
	{
		const char *name = mling_trigger_argument_names[kind->arguments[i]];
		size_t		size = strlen(name);

		if (strncmp(given, name, size) == 0 && given[size] == '=')
		{
			*value = given + size + 1;
			return kind->arguments[i];
		}
	}
	return -1;
}

/* The first problem is told; what can be read is read all the same. */
char *
mling_trigger_arguments(const MlTriggerKind *kind, const Trigger *trigger, const char **given)
{
	char	   *problem = NULL;

	memset(given, 0, ML_TRIGGER_ARGUMENTS * sizeof(char *));
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *value = trigger->tgargs[i];
		int			argument = named_argument(kind, trigger->tgargs[i], &value);

		if (argument < 0 && i >= kind->n_arguments)
		{
			if (problem == NULL)
				problem = psprintf("%s takes at most %d arguments, not %d",
								   kind->name, kind->n_arguments, trigger->tgnargs);
			continue;
		}
		if (argument < 0)
			argument = kind->arguments[i];
		if (given[argument] && problem == NULL)
			problem = psprintf("argument \"%s\" is given twice", mling_trigger_argument_names[argument]);
		if (*value)
			given[argument] = value;
	}
	for (int i = 0; i <= ML_TRIGGER_SCORE; i++)
	{
		if (given[i] == NULL && problem == NULL)
			problem = psprintf("argument \"%s\" is missing", mling_trigger_argument_names[i]);
	}
	return problem;
}

/* ---- columns that they fill */

/*
 * What a column of a view comes straight from, no relation if it is computed.  It
 * is the view's query as it was defined that tells.
 */
static MlOrigin
origin_in_view(Relation view, AttrNumber attribute)
{
	MlOrigin	origin = {InvalidOid};

	for (int i = 0; view->rd_rules && i < view->rd_rules->numLocks; i++)
	{
		const RewriteRule *rule = view->rd_rules->rules[i];
		const TargetEntry *entry;

		if (rule->event != CMD_SELECT)
			continue;
		entry = get_tle_by_resno(linitial_node(Query, rule->actions)->targetList, attribute);
		if (entry)
			origin = (MlOrigin) {entry->resorigtbl, entry->resorigcol};
	}
	return origin;
}

bool
mling_trigger_fills(const char *const *given, const char *column)
{
	return (given[ML_TRIGGER_SCORE] && strcmp(given[ML_TRIGGER_SCORE], column) == 0) ||
		(given[ML_TRIGGER_FLAG] && strcmp(given[ML_TRIGGER_FLAG], column) == 0);
}

/*
 * The trigger that fills a column of a relation, NULL if none does.  In the current
 * memory context.
 */
static char *
filling_trigger(Relation relation, AttrNumber attribute)
{
	const TriggerDesc *triggers = relation->trigdesc;
	const char *name = NameStr(TupleDescAttr(RelationGetDescr(relation), attribute - 1)->attname);

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		const MlTriggerKind *kind = mling_trigger_kind(trigger->tgfoid);
		const char *given[ML_TRIGGER_ARGUMENTS];

		if (kind == NULL)
			continue;
		(void) mling_trigger_arguments(kind, trigger, given);
		if (mling_trigger_fills(given, name))
			return pstrdup(trigger->tgname);
	}
	return NULL;
}

/* A relation that is gone, or that is neither view nor table, ends the search. */
char *
mling_filling_trigger(const MlSource *source, int position)
{
	MlOrigin	origin = source->origins[position];
	char	   *trigger = NULL;

	for (int i = 0; i < MAX_VIEWS && OidIsValid(origin.relation) && origin.attribute > 0; i++)
	{
		Relation	relation = try_relation_open(origin.relation, AccessShareLock);

		origin.relation = InvalidOid;
		if (relation == NULL)
			break;
		if (relation->rd_rel->relkind == RELKIND_VIEW || relation->rd_rel->relkind == RELKIND_MATVIEW)
			origin = origin_in_view(relation, origin.attribute);
		else
			trigger = filling_trigger(relation, origin.attribute);
		relation_close(relation, NoLock);
	}
	return trigger;
}
