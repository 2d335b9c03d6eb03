/*-------------------------------------------------------------------------
 * expression.c
 *	  SQL expressions over the columns of a row.
 *
 * An expression is analyzed as the one column of SELECT (...) FROM a row of NULLs, under
 * settings that never change, and then evaluated on slots that have the same columns.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "expression.h"

/* What literals and names in an expression are read under, whatever the session's. */
static int
settle(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog"}, {"TimeZone", "UTC"}, {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"},
		{"standard_conforming_strings", "on"}, {"backslash_quote", "safe_encoding"}, {"transform_null_equals", "off"},
		{"array_nulls", "on"}, {"lc_monetary", "C"}, {"default_text_search_config", "pg_catalog.simple"}, {"timezone_abbreviations", "Default"}};
	int			scope = NewGUCNestLevel();

	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return scope;
}

/* SELECT (text) FROM (SELECT NULL::type AS name, ...), whose columns have the numbers of desc's. */
static char *
select_over_row(const char *text, TupleDesc desc)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT (%s\n) FROM (SELECT ", text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		appendStringInfo(&query, "%sNULL::%s AS %s", i ? ", " : "",
						 OidIsValid(column->atttypid) ? format_type_extended(column->atttypid, column->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY) : "text",
						 OidIsValid(column->atttypid) ? quote_identifier(NameStr(column->attname)) : psprintf("\"%d\"", i));
	}
	appendStringInfoString(&query, ") AS row_");
	return query.data;
}

/* Is it one expression, and nothing that ended the parentheses around it? */
static bool
is_one_expression(List *statements)
{
	SelectStmt *select;

	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		return false;
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	return select->op == SETOP_NONE && list_length(select->targetList) == 1 && list_length(select->fromClause) == 1 &&
		select->distinctClause == NIL && select->intoClause == NULL && select->whereClause == NULL && select->groupClause == NIL &&
		select->havingClause == NULL && select->windowClause == NIL && select->sortClause == NIL && select->limitCount == NULL &&
		select->limitOffset == NULL && select->lockingClause == NIL && select->withClause == NULL &&
		linitial_node(ResTarget, select->targetList)->name == NULL;
}

/* The one expression in parentheses that a statement selects.  Errors: 42601. */
static List *
parse_one(const char *select, const char *text, const char *feature, const char *key)
{
	List	   *statements = mlbase_parse(select);

	if (!is_one_expression(statements))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" of feature \"%s\" is not one expression", key, feature),
				 errdetail("It was: %s", mlbase_excerpt(text))));
	return statements;
}

static bool
collect_columns(Node *node, void *names)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef) && IsA(llast(((ColumnRef *) node)->fields), String))
		*(List **) names = lappend(*(List **) names, strVal(llast(((ColumnRef *) node)->fields)));
	return raw_expression_tree_walker(node, collect_columns, names);
}

List *
expression_columns(const char *text, const char *feature, const char *key, TupleDesc desc)
{
	List	   *names = NIL;
	List	   *statements;
	int			settings;

	if (mling_find_attribute(desc, text) >= 0)
		return list_make1(pstrdup(text));
	settings = settle();
	statements = parse_one(psprintf("SELECT (%s\n) FROM row_", text), text, feature, key);
	AtEOXact_GUC(true, settings);
	collect_columns(linitial_node(RawStmt, statements)->stmt, &names);
	return names;
}

/* ---- what it may call */

static bool
is_foreign_function(Oid function, void *context)
{
	if (function < FirstNormalObjectId)
		return false;
	*(Oid *) context = function;
	return true;
}

/* Numbers and bytes as text: what their output functions write depends on settings, though they are marked immutable. */
static bool
writes_by_settings(Oid function, void *context)
{
	return function == F_FLOAT4OUT || function == F_FLOAT8OUT || function == F_BYTEAOUT || function == F_CASH_OUT;
}

static bool
find_foreign_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_foreign_function, context) || expression_tree_walker(node, find_foreign_function, context);
}

static bool
find_writing_by_settings(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, writes_by_settings, context) || expression_tree_walker(node, find_writing_by_settings, context);
}

/* Errors: 42P17. */
static void
check_calls(const RowExpression *expression, const char *key)
{
	Oid			foreign = InvalidOid;

	if (find_foreign_function(expression->tree, &foreign))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" calls function %s", key, expression->feature, format_procedure(foreign)),
				 errdetail("It is evaluated for everybody who reads features, so it may call PostgreSQL's own functions only.")));
	if (contain_mutable_functions(expression->tree) || find_writing_by_settings(expression->tree, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" depends on more than its row", key, expression->feature),
				 errdetail("It was: %s. Its functions must be immutable, or a feature would change with the clock or the settings of a session.",
						   mlbase_excerpt(expression->text)),
				 errhint("Parts of a time with a zone need the zone: extract(hour FROM ts AT TIME ZONE 'Europe/Paris').")));
}

/* Aggregates, windows, sets and queries have no value of one row.  Errors: 22023. */
static void
check_shape(const Query *query, const RowExpression *expression, const char *key)
{
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs || query->hasSubLinks)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of feature \"%s\" is not an expression over one row", key, expression->feature),
				 errdetail("It was: %s", mlbase_excerpt(expression->text)),
				 errhint("What depends on other rows is a feature with \"aggregate\".")));
}

/* A name of a column stands for it, however it is written. */
static bool
read_column(const char *text, TupleDesc desc, RowExpression *expression)
{
	int			position = mling_find_attribute(desc, text);
	Form_pg_attribute column;

	if (position < 0)
		return false;
	column = TupleDescAttr(desc, position);
	expression->type = column->atttypid;
	expression->collation = column->attcollation;
	expression->typmod = column->atttypmod;
	expression->tree = (Node *) makeVar(1, position + 1, column->atttypid, column->atttypmod, column->attcollation, 0);
	return true;
}

void
expression_read(const char *text, const char *feature, const char *key, TupleDesc desc, RowExpression *expression)
{
	ErrorContextCallback scope;
	char	   *select;
	List	   *statements;
	Query	   *query;
	int			settings;

	memset(expression, 0, sizeof(*expression));
	expression->text = text;
	expression->feature = feature;
	if (read_column(text, desc, expression))
		return;
	settings = settle();
	select = select_over_row(text, desc);
	statements = parse_one(select, text, feature, key);
	mlbase_begin_text(&scope, select);
	query = parse_analyze_fixedparams(linitial_node(RawStmt, statements), select, NULL, 0, NULL);
	mlbase_end_text(&scope);
	check_shape(query, expression, key);
	expression->tree = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	expression->type = exprType(expression->tree);
	expression->collation = exprCollation(expression->tree);
	expression->typmod = exprTypmod(expression->tree);
	check_calls(expression, key);
	AtEOXact_GUC(true, settings);
}

/* Constants are folded under the settings that they were read under: all that is called is immutable. */
void
expression_prepare(RowExpression *expression)
{
	expression->tree = (Node *) expression_planner((Expr *) expression->tree);
	expression->state = ExecInitExpr((Expr *) expression->tree, NULL);
}

Datum
expression_value(RowExpression *expression, ExprContext *context, bool *isnull)
{
	return ExecEvalExprSwitchContext(expression->state, context, isnull);
}
