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
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_type.h"
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

/* SELECT (text) FROM (SELECT NULL::type AS name, ...), of the columns [n] of desc. */
static char *
select_over_columns(const char *text, TupleDesc desc, const int *columns, int n)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT (%s\n) FROM (SELECT ", text);
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, columns[i]);

		appendStringInfo(&query, "%sNULL::%s AS %s", i ? ", " : "",
						 format_type_extended(column->atttypid, column->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
						 quote_identifier(NameStr(column->attname)));
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

/* Is a word of the text one that stands for a time by the clock? */
static bool
tells_by_clock(const char *text)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	char	   *copy = pstrdup(text);
	char	   *rest;

	for (char *word = strtok_r(copy, " \t\r\n\f\v,", &rest); word; word = strtok_r(NULL, " \t\r\n\f\v,", &rest))
	{
		for (size_t i = 0; i < lengthof(words); i++)
		{
			if (pg_strcasecmp(word, words[i]) == 0)
				return true;
		}
	}
	return false;
}

/* In a raw expression: true, with *text, for a string that a type may read by the clock. */
static bool
find_clock(Node *node, void *text)
{
	if (node == NULL)
		return false;
	if (IsA(node, A_Const) && !((A_Const *) node)->isnull && IsA(&((A_Const *) node)->val, String))
	{
		*(char **) text = strVal(&((A_Const *) node)->val);
		if (tells_by_clock(*(char **) text))
			return true;
	}
	return raw_expression_tree_walker(node, find_clock, text);
}

/* ---- what analyzing may call: literals become values of types, by their input functions and checks */

static bool
is_foreign_name(const List *name)
{
	return list_length(name) > 1 && strcmp(strVal(linitial(name)), "pg_catalog") != 0;
}

/* In a raw expression: true, with *what, for a query, or for a function, operator or type that is not PostgreSQL's own. */
static bool
find_foreign(Node *node, void *what)
{
	const char **found = (const char **) what;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		*found = "a query";
	else if (IsA(node, FuncCall) && is_foreign_name(((FuncCall *) node)->funcname))
		*found = psprintf("function %s", NameListToString(((FuncCall *) node)->funcname));
	else if (IsA(node, A_Expr) && is_foreign_name(((A_Expr *) node)->name))
		*found = psprintf("operator %s", NameListToString(((A_Expr *) node)->name));
	else if (IsA(node, TypeName) && typenameTypeId(NULL, (TypeName *) node) >= FirstNormalObjectId)
		*found = psprintf("type %s", TypeNameToString((TypeName *) node));
	return *found || raw_expression_tree_walker(node, find_foreign, what);
}

/* Errors: 42P17. */
static void
check_names(Node *raw, const char *feature, const char *key)
{
	const char *what = NULL;

	if (find_foreign(raw, &what))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" has %s", key, feature, what),
				 errdetail("It is evaluated for everybody who reads features, so it may use columns, features, and functions, operators and types of PostgreSQL itself."),
				 errhint("What depends on other rows is a feature with \"aggregate\".")));
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
	char	   *clock;
	int			settings;

	if (mling_find_attribute(desc, text) >= 0)
		return list_make1(pstrdup(text));
	settings = settle();
	statements = parse_one(psprintf("SELECT (%s\n) FROM row_", text), text, feature, key);
	check_names((Node *) ((SelectStmt *) linitial_node(RawStmt, statements)->stmt)->targetList, feature, key);
	AtEOXact_GUC(true, settings);
	if (find_clock(linitial_node(RawStmt, statements)->stmt, &clock))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" depends on more than its row", key, feature),
				 errdetail("It has '%s', which means another time each day.", mlbase_excerpt(clock))));
	collect_columns(linitial_node(RawStmt, statements)->stmt, &names);
	return names;
}

/* ---- what it may call */

/* A function that an expression calls and that answers true; found: which. */
typedef struct CallSearch
{
	bool		(*is_sought) (Oid function);
	Oid			found;
} CallSearch;

static bool
is_foreign(Oid function)
{
	return function >= FirstNormalObjectId;
}

/* Numbers and bytes as text: what their output functions write depends on settings, though they are marked immutable. */
static bool
writes_by_settings(Oid function)
{
	return function == F_FLOAT4OUT || function == F_FLOAT8OUT || function == F_BYTEAOUT || function == F_CASH_OUT;
}

static bool
check_call(Oid function, void *context)
{
	CallSearch *search = (CallSearch *) context;

	if (!search->is_sought(function))
		return false;
	search->found = function;
	return true;
}

static bool
find_call(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, check_call, context) || expression_tree_walker(node, find_call, context);
}

/* A type of somebody's in what an expression makes: its checks, input and output may run code of his. */
static bool
find_foreign_type(Node *node, void *type)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Var) && !IsA(node, List))
	{
		*(Oid *) type = exprType(node);
		if (*(Oid *) type >= FirstNormalObjectId)
			return true;
	}
	return expression_tree_walker(node, find_foreign_type, type);
}

/* Errors: 42P17. */
static void
check_types(const RowExpression *expression, const char *key)
{
	Oid			type = InvalidOid;

	if (find_foreign_type(expression->tree, &type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" makes a value of type %s", key, expression->feature, format_type_be(type)),
				 errdetail("It is evaluated for everybody who reads features, so it may make values of PostgreSQL's own types only.")));
}

/* Errors: 42P17. */
static void
check_calls(const RowExpression *expression, const char *key)
{
	CallSearch	foreign = {is_foreign};
	CallSearch	by_settings = {writes_by_settings};

	if (find_call(expression->tree, &foreign))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" of feature \"%s\" calls function %s", key, expression->feature, format_procedure(foreign.found)),
				 errdetail("It is evaluated for everybody who reads features, so it may call PostgreSQL's own functions only.")));
	if (contain_mutable_functions(expression->tree) || find_call(expression->tree, &by_settings))
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

/* Columns [n] of desc by their names, each once.  Errors: 42703. */
static int *
find_columns(const List *names, TupleDesc desc, const char *feature, const char *key, int *n)
{
	int		   *columns = palloc(Max(list_length(names), 1) * sizeof(int));
	ListCell   *lc;

	*n = 0;
	foreach(lc, names)
	{
		const char *name = (const char *) lfirst(lc);
		int			column = mling_find_attribute(desc, name);
		MlNearest	nearest;
		bool		found = false;
		Oid			type;

		for (int i = 0; i < *n; i++)
			found |= columns[i] == column;
		if (found)
			continue;
		mling_nearest_column(desc, name, &nearest);
		if (column < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("\"%s\" of feature \"%s\" reads \"%s\", which is no column of the source and no feature", key, feature, name),
					 nearest.name[0] ? errhint("Perhaps you meant \"%s\".", nearest.name) : errhint("There are: %s.", mling_column_list(desc))));
		if (!OidIsValid(TupleDescAttr(desc, column)->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("\"%s\" of feature \"%s\" reads feature \"%s\"", key, feature, name),
					 errhint("Only expressions read features; \"value\" and \"where\" read columns of the source.")));
		type = getBaseType(TupleDescAttr(desc, column)->atttypid);
		if (type >= FirstNormalObjectId && get_typtype(type) != TYPTYPE_ENUM)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("\"%s\" of feature \"%s\" reads column \"%s\" of type %s", key, feature, name, format_type_be(type)),
					 errdetail("It may compute with PostgreSQL's own types and enums only.")));
		columns[(*n)++] = column;
	}
	return columns;
}

/* From places among the columns that were selected to places in desc. */
static bool
renumber(Node *node, void *columns)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno > 0)
		((Var *) node)->varattno = (AttrNumber) (((int *) columns)[((Var *) node)->varattno - 1] + 1);
	return expression_tree_walker(node, renumber, columns);
}

/* Where an error is: the text that PostgreSQL was given is none of the caller's. */
static void
expression_context(void *arg)
{
	const RowExpression *expression = (const RowExpression *) arg;

	internalerrquery(NULL);
	internalerrposition(0);
	errposition(0);
	errcontext("feature \"%s\": %s", expression->feature, mlbase_excerpt(expression->text));
}

static Query *
analyze(const RowExpression *expression, const char *key, TupleDesc desc, const int *columns, int n)
{
	char	   *select = select_over_columns(expression->text, desc, columns, n);
	List	   *statements = parse_one(select, expression->text, expression->feature, key);

	return parse_analyze_fixedparams(linitial_node(RawStmt, statements), select, NULL, 0, NULL);
}

void
expression_read(const char *text, const char *feature, const char *key, TupleDesc desc, RowExpression *expression)
{
	ErrorContextCallback scope = {error_context_stack, expression_context, expression};
	int		   *columns;
	int			n;
	Query	   *query;
	int			settings;

	memset(expression, 0, sizeof(*expression));
	expression->text = text;
	expression->feature = feature;
	if (read_column(text, desc, expression))
		return;
	CHECK_FOR_INTERRUPTS();
	error_context_stack = &scope;
	columns = find_columns(expression_columns(text, feature, key, desc), desc, feature, key, &n);
	settings = settle();
	query = analyze(expression, key, desc, columns, n);
	check_shape(query, expression, key);
	expression->tree = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	renumber(expression->tree, columns);
	expression->type = exprType(expression->tree);
	expression->collation = exprCollation(expression->tree);
	expression->typmod = exprTypmod(expression->tree);
	check_calls(expression, key);
	check_types(expression, key);
	AtEOXact_GUC(true, settings);
	error_context_stack = scope.previous;
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
