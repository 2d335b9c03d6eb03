/*-------------------------------------------------------------------------
 * source.c
 *	  A source is a table, view, materialized view, partitioned or foreign
 *	  table, or any SELECT.  Here it is checked, described and run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/progress.h"
#include "ingest/parallel.h"
#include "ingest/source.h"

#define COLUMNS_SHOWN 30		/* in an error about one that there is not */

/* The one statement in a query's text.  Errors: 22023, and 42601 from the parser. */
static RawStmt *
parse_one(const char *text)
{
	List	   *statements = mlbase_parse(text);

	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"query\" must be one SELECT, not %d statements",
						list_length(statements))));
	return linitial_node(RawStmt, statements);
}

/*
 * The one SELECT in a query's text, analyzed; everything else is refused.  Errors:
 * 22023 for anything but a SELECT that only reads.
 */
static Query *
analyze_select(const char *text)
{
	RawStmt    *raw = parse_one(text);
	ErrorContextCallback scope;
	Query	   *query;

	if (!IsA(raw->stmt, SelectStmt) || ((SelectStmt *) raw->stmt)->intoClause)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"query\" must be a SELECT"),
				 errdetail("It was: %s", text)));
	mlbase_begin_text(&scope, text);
	query = parse_analyze_fixedparams(raw, text, NULL, 0, NULL);
	mlbase_end_text(&scope);
	if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"query\" must be a SELECT that only reads"),
				 errdetail("It was: %s", text)));
	return query;
}

/* stmt_len is 0 where the statement ends with the text. */
char *
mling_subquery(const char *query)
{
	const RawStmt *raw = parse_one(query);
	int			size = raw->stmt_len > 0 ? raw->stmt_len : (int) strlen(query + raw->stmt_location);

	/* a comment may end the text, but not the line after it */
	return psprintf("(%.*s\n)", size, query + raw->stmt_location);
}

/* An identifier for a query that is recorded: quoted where it must be only. */
static char *
quoted(const char *identifier)
{
	bool		all = quote_all_identifiers;
	char	   *text;

	quote_all_identifiers = false;
	text = pstrdup(quote_identifier(identifier));
	quote_all_identifiers = all;
	return text;
}

char *
mling_relation_name(Oid relation)
{
	return psprintf("%s.%s", quoted(get_namespace_name(get_rel_namespace(relation))),
					quoted(get_rel_name(relation)));
}

/* Columns of a relation without the dropped ones, into source.  Errors: 42P01, 42809. */
static void
describe_relation(Oid oid, MlSource *source)
{
	Relation	relation = try_relation_open(oid, AccessShareLock);
	TupleDesc	all;
	int			n = 0;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid),
				 errhint("It may have been dropped since its number was looked up.")));
	all = RelationGetDescr(relation);
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_PARTITIONED_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table or view", RelationGetRelationName(relation))));
	}
	for (int i = 0; i < all->natts; i++)
		n += !TupleDescAttr(all, i)->attisdropped;
	source->desc = CreateTemplateTupleDesc(n);
	source->origins = palloc(Max(n, 1) * sizeof(MlOrigin));
	n = 0;
	for (int i = 0; i < all->natts; i++)
	{
		if (TupleDescAttr(all, i)->attisdropped)
			continue;
		source->origins[n] = (MlOrigin) {oid, i + 1};
		TupleDescCopyEntry(source->desc, ++n, all, i + 1);
	}
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		source->temporary = pstrdup(RelationGetRelationName(relation));
	source->query = psprintf("SELECT * FROM %s", mling_relation_name(oid));
	relation_close(relation, NoLock);
}

/*
 * The first relation that a query names and that ends with the session, by name.  A
 * walker: true, with *name, when it has found one.
 */
static bool
find_temporary(Node *node, const char **name)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, castNode(Query, node)->rtable)
		{
			const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

			if (entry->rtekind != RTE_RELATION || get_rel_persistence(entry->relid) != RELPERSISTENCE_TEMP)
				continue;
			*name = get_rel_name(entry->relid);
			return true;
		}
		return query_tree_walker(castNode(Query, node), find_temporary, name, 0);
	}
	return expression_tree_walker(node, find_temporary, name);
}

/* Columns of a query, into source. */
static void
describe_select(const char *text, MlSource *source)
{
	Query	   *query = analyze_select(text);
	int			n = 0;
	ListCell   *lc;

	(void) find_temporary((Node *) query, &source->temporary);
	source->desc = ExecCleanTypeFromTL(query->targetList);
	source->origins = palloc(Max(source->desc->natts, 1) * sizeof(MlOrigin));
	foreach(lc, query->targetList)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk)
			source->origins[n++] = (MlOrigin) {entry->resorigtbl, entry->resorigcol};
	}
}

/* Not a query but the value of another argument, which was given without its name. */
static bool
is_word(const char *query)
{
	return query && query[0] != '\0' && strlen(query) < NAMEDATALEN && strpbrk(query, " \t\r\n();'") == NULL;
}

/* A query is parsed and analyzed here, with the settings of now; nothing runs yet. */
MlSource *
mling_describe(Oid relation, const char *query, const char *next)
{
	MlSource   *source = palloc0(sizeof(MlSource));
	int			scope;

	if (OidIsValid(relation) == (query != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of \"source\" and \"query\" must be given"),
				 is_word(query)
				 ? errhint("\"%s\" stands in the place of \"query\". Write the name of the argument that it is meant for%s.",
						   query, next ? psprintf(", such as %s => '%s'", next, query) : "")
				 : errhint("Name a table or view with source => 'transactions', "
						   "or give a SELECT with query => $$SELECT ...$$.")));
	source->relation = relation;
	if (query)
	{
		/* it may be recorded, and read again in a session that has the other meaning */
		if (!standard_conforming_strings && strchr(query, '\\'))
			ereport(ERROR,
					(errcode(ERRCODE_NONSTANDARD_USE_OF_ESCAPE_CHARACTER),
					 errmsg("\"query\" holds a backslash, whose meaning depends on setting \"standard_conforming_strings\""),
					 errhint("SET standard_conforming_strings = on, and write strings with escapes as E'...'.")));
		source->query = pstrdup(query);
		scope = mlbase_begin_reading();
		describe_select(query, source);
		mlbase_end_harmless(scope);
	}
	else
		describe_relation(relation, source);
	return source;
}

MlSource *
mling_describe_query(Oid relation, const char *query, const char *next)
{
	MlSource   *source = mling_describe(relation, query, next);

	return OidIsValid(relation) ? mling_describe(InvalidOid, source->query, NULL) : source;
}

/* All columns are looked at, so that a second one of the name is found. */
int
mling_find_attribute(TupleDesc desc, const char *name)
{
	int			found = -1;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), name) != 0)
			continue;
		if (found >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("column name \"%s\" is ambiguous", name),
					 errdetail("Columns %d and %d both have it.", found + 1, i + 1),
					 errhint("Give the columns of the row or query distinct names.")));
		found = i;
	}
	return found;
}

void
mling_nearest_column(TupleDesc desc, const char *name, MlNearest *nearest)
{
	mlbase_nearest_begin(nearest, name);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			mlbase_nearest_of(nearest, NameStr(TupleDescAttr(desc, i)->attname));
	}
}

char *
mling_column_list(TupleDesc desc)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < desc->natts && i < COLUMNS_SHOWN; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			appendStringInfo(&list, "%s\"%s\"", list.len ? ", " : "", NameStr(TupleDescAttr(desc, i)->attname));
	}
	return psprintf("%s%s", list.data, desc->natts > COLUMNS_SHOWN ? ", ..." : "");
}

int
mling_find_column(const MlSource *source, const char *name)
{
	return mling_find_attribute(source->desc, name);
}

/* Errors: 42703, 42702. */
int
mling_column(const MlSource *source, const char *name, const char *argument)
{
	int			position = mling_find_column(source, name);
	MlNearest	nearest;

	if (position >= 0)
		return position;
	mling_nearest_column(source->desc, name, &nearest);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" names column \"%s\", which does not exist in the source", argument, name),
			 nearest.name[0] ? errhint("Perhaps you meant \"%s\".", nearest.name)
			 : errhint("There are: %s.", mling_column_list(source->desc))));
}

/*
 * A table is read with SELECT *, so that the executor hands out
 * buffer tuples without a projection, unless few of its columns are needed or
 * the user may read only some of them; *mapping then says where each of the
 * source's columns is in the result (-1: nowhere).
 */
char *
mling_query_for_columns(const MlSource *source, const bool *needed, int *mapping)
{
	int			natts = source->desc->natts;
	int			n_needed = 0;
	StringInfoData list;

	for (int i = 0; i < natts; i++)
	{
		mapping[i] = i;
		n_needed += needed[i];
	}
	if (!OidIsValid(source->relation) || n_needed == 0)
		return source->query;
	if (n_needed * 2 >= natts &&
		pg_class_aclcheck(source->relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return source->query;

	initStringInfo(&list);
	n_needed = 0;
	for (int i = 0; i < natts; i++)
	{
		mapping[i] = needed[i] ? n_needed++ : -1;
		if (needed[i])
			appendStringInfo(&list, "%s%s", list.len ? ", " : "",
							 quote_identifier(NameStr(TupleDescAttr(source->desc, i)->attname)));
	}
	return psprintf("SELECT %s FROM %s", list.data, mling_relation_name(source->relation));
}

/* The plan of a query's text as the current user; source->relations and expected_rows are set. */
static PlannedStmt *
plan_source(MlSource *source, const char *text, MlReading reading)
{
	Query	   *query = analyze_select(text);
	List	   *rewritten = QueryRewrite(query);
	PlannedStmt *plan;

	if (list_length(rewritten) != 1)
		elog(ERROR, "unexpected rewrite of a SELECT");
	query = linitial_node(Query, rewritten);
	plan = reading == ML_READ_SHARED ? mling_plan_shared(query, text)
		: pg_plan_query(query, text, reading == ML_READ_SERIALLY ? 0 : CURSOR_OPT_PARALLEL_OK, NULL);
	source->relations = list_copy(plan->relationOids);
	source->expected_rows = plan->planTree->plan_rows;
	return plan;
}

/*
 * Planned and run as the current user; where reach is checked, nothing is called
 * that may change something (mlbase_begin_reading).  *receiver gets each row;
 * source->relations and expected_rows are set.
 */
void
mling_run_source(MlSource *source, const bool *needed, int *mapping, MlReading reading,
				 DestReceiver *receiver)
{
	char	   *text = mling_query_for_columns(source, needed, mapping);
	int			scope = mlbase_begin_reading();
	PlannedStmt *plan = plan_source(source, text, reading);
	bool		shared = reading == ML_READ_SHARED && mling_share_rows(plan);
	QueryDesc  *desc;

	/* what this transaction did so far is seen, as SPI would have it */
	if (!IsInParallelMode())
		CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	desc = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot,
						   receiver, NULL, NULL, 0);
	mlbase_progress_total(source->expected_rows);
	ExecutorStart(desc, 0);
	if (shared)
		mling_start_work(desc, receiver);
	mlcompat_executor_run(desc);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	mlbase_end_harmless(scope);
}

void
mling_refuse_empty(const MlSource *source)
{
	const char *hides = NULL;
	ListCell   *lc;

	foreach(lc, source->relations)
	{
		if (check_enable_rls(lfirst_oid(lc), InvalidOid, true) == RLS_ENABLED)
			hides = get_rel_name(lfirst_oid(lc));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("the source has no rows"),
			 hides ? errdetail("Row-level security of table \"%s\" may hide rows from role \"%s\".",
							   hides, GetUserNameFromId(GetUserId(), false)) : 0));
}

/* ---- every row to a callback */

typedef struct RowReceiver
{
	DestReceiver pub;
	MlRowCallback callback;
	void	   *arg;
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;

	receiver->callback(slot, receiver->arg);
	return true;
}

void
mling_ignore_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

void
mling_ignore(DestReceiver *self)
{
}

static void
run_with_callback(MlSource *source, const bool *needed, int *mapping, MlReading reading,
				  MlRowCallback callback, void *arg)
{
	RowReceiver receiver = {{receive_row, mling_ignore_startup, mling_ignore,
	mling_ignore, DestNone}, callback, arg};

	mling_run_source(source, needed, mapping, reading, &receiver.pub);
}

void
mling_each_row_of(MlSource *source, const bool *needed, int *mapping, MlRowCallback callback, void *arg)
{
	run_with_callback(source, needed, mapping, ML_READ_IN_PARALLEL, callback, arg);
}

/* The callback may write, which a parallel plan forbids until it is through. */
void
mling_each_row(MlSource *source, MlRowCallback callback, void *arg)
{
	int			natts = source->desc->natts;
	bool	   *needed = palloc(natts * sizeof(bool));
	int		   *mapping = palloc(natts * sizeof(int));

	memset(needed, true, natts * sizeof(bool));
	run_with_callback(source, needed, mapping, ML_READ_SERIALLY, callback, arg);
}

int
mling_column_of_kind(const MlSource *source, const char *name, const char *argument, MlColumnKind kind,
					 const char *must_be, MlConverter *converter)
{
	int			position = mling_column(source, name, argument);
	Oid			type = TupleDescAttr(source->desc, position)->atttypid;

	if (!mling_converter(type, "UTC", converter) || converter->kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"%s\" has type %s", name, argument, mling_type_name(type)),
				 errdetail("It must be %s.", must_be)));
	return position;
}
