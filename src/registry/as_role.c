/*-------------------------------------------------------------------------
 * as_role.c
 *	  Statements that the owner of the catalog runs for somebody, as himself or as
 *	  a role whose query must be run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"

/* ---------------------------------------------------------------- what errors show */

/*
 * Where an error comes from is told by lines of context, the innermost first.
 * Those between a public function and what it runs as a role are ours.  They begin
 * with as_role's own statement, or else with a line that mlreg_enter_role puts
 * there, end with one of mlreg_run_ours, and are taken out when the error passes.
 * Where no mlreg_run_ours is above there is nothing to take out.
 */
#define ROLE_STATEMENT "SELECT mlops_catalog.row_as_json(mlops_row) FROM ("
#define OUR_FIRST_LINE "run by mlops as a role"
#define OUR_LAST_LINE "run by mlops for a function of schema mlops"

/* Error context callbacks; the argument of the first is the one above it. */
static void
mark_last(void *unused)
{
	errcontext("%s", OUR_LAST_LINE);
}

static void
mark_first(void *above)
{
	for (ErrorContextCallback *c = above; c; c = c->previous)
	{
		if (c->callback == mark_last)
		{
			errcontext("%s", OUR_FIRST_LINE);
			return;
		}
	}
}

/* The line of a text, NULL if there is none. */
static char *
find_line(char *text, const char *line)
{
	size_t		length = strlen(line);

	for (char *at = text; (at = strstr(at, line)) != NULL; at++)
	{
		if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
			return at;
	}
	return NULL;
}

/* Where our lines begin in a text that has our last one; its beginning if there are no others. */
static char *
find_first(char *text, const char *last)
{
	char	   *first = strstr(text, ROLE_STATEMENT);

	if (first == NULL || first > last)
		first = find_line(text, OUR_FIRST_LINE);
	if (first == NULL || first > last)
		return text;
	while (first > text && first[-1] != '\n')
		first--;
	return first;
}

/*
 * In PG_CATCH: throws the error on without our lines.  Of an internal one we want
 * them; that bytes are not those of a model (XX001) is told by the message.
 */
static void
throw_without_our_lines(MemoryContext memory)
{
	ErrorData  *error;
	char	   *first;
	char	   *last;

	if (geterrcode() == ERRCODE_INTERNAL_ERROR)
		PG_RE_THROW();
	MemoryContextSwitchTo(memory);
	error = CopyErrorData();
	last = error->context ? find_line(error->context, OUR_LAST_LINE) : NULL;
	if (last == NULL)
		PG_RE_THROW();
	FlushErrorState();
	first = find_first(error->context, last);
	last += strlen(OUR_LAST_LINE);
	if (*last == '\n')
		last++;
	else if (first > error->context)
		first--;
	memmove(first, last, strlen(last) + 1);
	if (error->context[0] == '\0')
		error->context = NULL;
	ReThrowError(error);
}

/* ---------------------------------------------------------------- statements of ours */

/*
 * Errors of the statement pass without our lines of context; anything but rows as a
 * result is an error of ours (XX000).
 */
void
mlreg_run_ours(const char *sql, int n, Oid *types, Datum *values, const char *nulls, bool read_only)
{
	ErrorContextCallback above = {error_context_stack, mark_last, NULL};
	MemoryContext memory = CurrentMemoryContext;
	volatile int code = 0;

	error_context_stack = &above;
	PG_TRY();
	{
		code = SPI_execute_with_args(sql, n, types, values, nulls, read_only, 0);
	}
	PG_CATCH();
	{
		throw_without_our_lines(memory);
	}
	PG_END_TRY();
	error_context_stack = above.previous;
	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
}

/* ---------------------------------------------------------------- as somebody else */

/*
 * Settings that a query was written under: {"search_path": "...", "TimeZone":
 * "..."}.  They end with the nest level of settings.  What cannot be set is an
 * error, as SET's.
 */
static void
apply_settings(Jsonb *settings)
{
	JsonbIterator *iterator = JsonbIteratorInit(&settings->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && value.type == jbvString)
		{
			char	   *text = pnstrdup(value.val.string.val, value.val.string.len);

			if (strcmp(name, "mlops.recorded_by") == 0)
				mlbase_read_text_of(text);
			else
				(void) set_config_option(name, text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		}
	}
}

/*
 * The catalog's owner acts for roles that he has the rights of, as superusers do,
 * and for whoever has called him; he may have ceased to be one.  Errors: 42501.
 */
static void
refuse_to_become(Oid role, Oid user)
{
	if (has_privs_of_role(user, role) || role == GetOuterUserId() || role == GetSessionUserId())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to act for role \"%s\"", GetUserNameFromId(role, false)),
			 errdetail("The catalog of mlops belongs to role \"%s\", who is no superuser.", GetUserNameFromId(user, false)),
			 errhint("mlops.check_catalog() says what to do.")));
}

/*
 * Between this and mlreg_leave_role everything is the role's: its rights, its
 * settings, a restricted context.
 */
void
mlreg_enter_role(Oid role, Jsonb *settings, MlReach reach, MlRoleScope *scope)
{
	MlCaller	caller = mlbase_caller();

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role %u, as which this must run, no longer exists", role),
				 errhint("Whoever manages the model takes over what ran by itself by setting it up again: "
						 "SELECT * FROM mlops.set_retraining_policy(...), mlops.monitor(...).")));
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	refuse_to_become(role, scope->user);
	SetUserIdAndSecContext(role, scope->security_context |
						   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	scope->nest_level = NewGUCNestLevel();
	mlbase_keep_caller(caller, false);
	mlbase_check_reach(reach, false);
	apply_settings(settings);
	scope->first_line = (ErrorContextCallback)
	{
		error_context_stack, mark_first, error_context_stack
	};
	error_context_stack = &scope->first_line;
}

/* In the order opposite to entering: settings go before rights do. */
void
mlreg_leave_role(const MlRoleScope *scope)
{
	error_context_stack = scope->first_line.previous;
	AtEOXact_GUC(false, scope->nest_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
}

/* Its own words in the error context are known to find_first. */
void
mlreg_select_json(const char *statement, Datum argument)
{
	char	   *sql = psprintf(ROLE_STATEMENT "%s) AS mlops_row", statement);
	Oid			types[] = {JSONBOID};
	Datum		values[] = {argument};
	int			code = SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
}
