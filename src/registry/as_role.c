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

/* ---------------------------------------------------------------- statements of ours */

/*
 * Errors of the statement pass without our lines of context; anything but rows as a
 * result is an error of ours (XX000).
 */
void
mlreg_run_ours(const char *sql, int n, Oid *types, Datum *values, const char *nulls, bool read_only)
{
	int			code = mlbase_run_ours(sql, n, types, values, nulls, read_only);

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
	mlbase_begin_theirs(&scope->first_line);
}

/* In the order opposite to entering: settings go before rights do. */
void
mlreg_leave_role(const MlRoleScope *scope)
{
	mlbase_end_theirs(&scope->first_line);
	AtEOXact_GUC(false, scope->nest_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
}

void
mlreg_select_json(const char *statement, Datum argument)
{
	char	   *sql = psprintf(MLBASE_THEIRS "SELECT mlops_catalog.row_as_json(mlops_row) FROM (%s) AS mlops_row", statement);
	Oid			types[] = {JSONBOID};
	Datum		values[] = {argument};
	int			code = SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
}
