/*-------------------------------------------------------------------------
 * temporary.c
 *	  Statements that are to run in another session: what they name, and whether it
 *	  is temporary in this one.
 *
 * They are looked at as they are written: to analyze them would lock, and wait
 * for, what they name.  Tables are named as such, by casts to regclass, and, in
 * calls of functions of mlops, by constants for a parameter that is a table or
 * a query.  What functions of others read is not seen.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "mlops/base.h"
#include "mlops/jobs.h"
#include "jobs/execute.h"

#define MOST_NESTED 10			/* queries in queries */

typedef struct Search
{
	List	   *own_names;		/* of the statement's WITH clauses */
	int			depth;
	const char *found;			/* NULL: nothing yet */
} Search;

static bool look_at_statement(Node *node, Search *search);

/* schema may be NULL.  Nobody's rights are asked for: what is temporary is the session's own. */
static bool
is_temporary(const char *schema, const char *name)
{
	Oid			space = schema ? LookupNamespaceNoError(schema) : InvalidOid;
	Oid			relation = schema == NULL ? RelnameGetRelid(name) : OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;

	return OidIsValid(relation) && isAnyTempNamespace(get_rel_namespace(relation));
}

/* A text that would be read as a relation's name, as '"My Schema".t'. */
static bool
look_at_name(const char *text, Search *search)
{
	List	   *parts;
	bool		temporary = SplitIdentifierString(pstrdup(text), '.', &parts) &&
		((list_length(parts) == 1 && is_temporary(NULL, linitial(parts))) ||
		 (list_length(parts) == 2 && is_temporary(linitial(parts), lsecond(parts))));

	if (temporary)
		search->found = llast(parts);
	return temporary;
}

/*
 * Each of a text's statements, in a search of its own: names of the outer WITH do
 * not hold in it.  Errors: what the parser says.
 */
static bool
look_at_query(const char *text, Search *search)
{
	Search		inner = {.depth = search->depth + 1};
	ListCell   *lc;

	if (inner.depth > MOST_NESTED)
		return false;
	foreach(lc, mlbase_parse(text))
	{
		if (look_at_statement(lfirst_node(RawStmt, lc)->stmt, &inner))
			break;
	}
	search->found = inner.found;
	return search->found != NULL;
}

/* ---------------------------------------------------------------- calls */

/* NULL for anything but a string constant, by name or place. */
static const char *
constant_text(Node *node)
{
	if (IsA(node, NamedArgExpr))
		node = (Node *) castNode(NamedArgExpr, node)->arg;
	if (!IsA(node, A_Const) || castNode(A_Const, node)->isnull || !IsA(&castNode(A_Const, node)->val, String))
		return NULL;
	return castNode(A_Const, node)->val.sval.sval;
}

/* Type of the parameter that an argument is for, by its name or else its place, 0: there is none. */
static Oid
type_of_parameter(HeapTuple function, Node *argument, int place, const char **name)
{
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(function, &types, &names, &modes);

	if (IsA(argument, NamedArgExpr))
	{
		for (place = 0; place < n; place++)
		{
			if (names && strcmp(names[place], castNode(NamedArgExpr, argument)->name) == 0)
				break;
		}
	}
	*name = names && place < n ? names[place] : "";
	return place < n ? types[place] : InvalidOid;
}

/* Constants for parameters that are a table (regclass), or a query by name and type. */
static bool
look_at_arguments(HeapTuple function, const List *arguments, Search *search)
{
	ListCell   *lc;

	foreach(lc, arguments)
	{
		const char *text = constant_text(lfirst(lc));
		const char *parameter;
		Oid			type = type_of_parameter(function, lfirst(lc), foreach_current_index(lc), &parameter);

		if (text == NULL)
			continue;
		if (type == REGCLASSOID && look_at_name(text, search))
			return true;
		if (type == TEXTOID && strcmp(parameter, "query") == 0 && look_at_query(text, search))
			return true;
	}
	return false;
}

/*
 * Of all functions of mlops with that name.  Without a schema too: whether
 * search_path leads to mlops or to another function of that name is not asked.
 */
static bool
look_at_call(const FuncCall *call, Search *search)
{
	const char *name = strVal(llast(call->funcname));
	Oid			space = LookupNamespaceNoError("mlops");
	CatCList   *functions;
	bool		found = false;

	if (list_length(call->funcname) > 1 && strcmp(strVal(linitial(call->funcname)), "mlops") != 0)
		return false;
	functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < functions->n_members && !found; i++)
	{
		HeapTuple	function = &functions->members[i]->tuple;

		if (((Form_pg_proc) GETSTRUCT(function))->pronamespace == space)
			found = look_at_arguments(function, call->args, search);
	}
	ReleaseSysCacheList(functions);
	return found;
}

/* ---------------------------------------------------------------- statements */

/* A name without a schema that a WITH clause of the statement has is that query's. */
static bool
look_at_relation(const RangeVar *relation, Search *search)
{
	ListCell   *lc;

	foreach(lc, search->own_names)
	{
		if (relation->schemaname == NULL && strcmp(lfirst(lc), relation->relname) == 0)
			return false;
	}
	if (!is_temporary(relation->schemaname, relation->relname))
		return false;
	search->found = relation->relname;
	return true;
}

/* What may stand in a statement that reads or writes rows. */
static bool
look(Node *node, Search *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		return look_at_relation(castNode(RangeVar, node), search);
	if (IsA(node, FuncCall) && look_at_call(castNode(FuncCall, node), search))
		return true;
	if (IsA(node, TypeCast))
	{
		const TypeCast *cast = castNode(TypeCast, node);
		const char *text = constant_text(cast->arg);

		if (text && strcmp(strVal(llast(cast->typeName->names)), "regclass") == 0 && look_at_name(text, search))
			return true;
	}
	return raw_expression_tree_walker(node, look, search);
}

/*
 * Names of WITH clauses anywhere in the statement, whatever their scope: rather one
 * temporary table is missed than a statement refused for a query of its own.
 */
static bool
collect_own_names(Node *node, Search *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, CommonTableExpr))
		search->own_names = lappend(search->own_names, castNode(CommonTableExpr, node)->ctename);
	return raw_expression_tree_walker(node, collect_own_names, search);
}

/* Two passes, as a name may be used before the walk comes to its WITH clause. */
static bool
look_at_rows(Node *node, Search *search)
{
	(void) collect_own_names(node, search);
	return look(node, search);
}

/* Other kinds of statements are not looked into. */
static bool
look_at_statement(Node *node, Search *search)
{
	switch (nodeTag(node))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			return look_at_rows(node, search);
		case T_CallStmt:
			return look_at_rows((Node *) castNode(CallStmt, node)->funccall, search);
		case T_ExplainStmt:
			return look_at_statement(castNode(ExplainStmt, node)->query, search);
		case T_CreateTableAsStmt:
			return look_at_statement(castNode(CreateTableAsStmt, node)->query, search);
		case T_CopyStmt:
			if (castNode(CopyStmt, node)->query)
				return look_at_statement(castNode(CopyStmt, node)->query, search);
			return look_at_relation(castNode(CopyStmt, node)->relation, search);
		default:
			return false;
	}
}

/*
 * The first that is found; the name is in the parse tree or in the current memory
 * context.
 */
const char *
mljobs_temporary_relation(const RawStmt *statement)
{
	Search		search = {0};

	return look_at_statement(statement->stmt, &search) ? search.found : NULL;
}

/* ---------------------------------------------------------------- names */

/* Goes through the whole tree: false lets the walk go on. */
static bool
collect_names(Node *node, List **names)
{
	const RangeVar *relation = (const RangeVar *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, RangeVar))
		return raw_expression_tree_walker(node, collect_names, names);
	if (relation->schemaname && relation->catalogname == NULL)
		*names = lappend(*names, quote_qualified_identifier(relation->schemaname, relation->relname));
	return false;
}

List *
mljobs_named_relations(const char *statement)
{
	Node	   *parsed = mljobs_parse(statement)->stmt;
	List	   *names = NIL;

	if (IsA(parsed, SelectStmt))
		(void) collect_names(parsed, &names);
	return names;
}
