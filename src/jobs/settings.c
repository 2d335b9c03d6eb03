/*-------------------------------------------------------------------------
 * settings.c
 *	  The settings of a session, carried to the worker that runs its job.
 *
 * What comes from the server, the database or the role a worker has by itself;
 * what the session (or its client) has set goes along: search_path, time zone,
 * mlops.threads, an application's own ...
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/json.h"

#include "mlops/base.h"
#include "jobs/execute.h"

/* Not for the job's role to set, of a session's own life, or replaced by the job's. */
static bool
stays_behind(const struct config_generic *setting)
{
	static const char *const names[] = {"application_name", "client_encoding", "role",
		"session_authorization", "seed", "statement_timeout", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "temp_buffers", "mlops.job_timeout"};

	if (setting->context != PGC_USERSET && (setting->context != PGC_SUSET || !superuser()))
		return true;
	if (strncmp(setting->name, "transaction_", 12) == 0)
		return true;
	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(setting->name, names[i]) == 0)
			return true;
	}
	return false;
}

/*
 * In the current memory context.  Errors: 22021 a value that is not valid in the
 * database's encoding; 54000 one, or all together, that is too large.
 */
Jsonb *
mljobs_session_settings(void)
{
#if PG_VERSION_NUM >= 160000
	int			n;
	struct config_generic **settings = get_guc_variables(&n);
#else
	struct config_generic **settings = get_guc_variables();
	int			n = GetNumConfigOptions();
#endif
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < n; i++)
	{
		struct config_generic *setting = settings[i];
		char	   *value;

		if ((setting->source != PGC_S_SESSION && setting->source != PGC_S_CLIENT) ||
			stays_behind(setting))
			continue;
		mlbase_refuse_unreadable("settings", setting->name, strlen(setting->name));
		value = mlbase_setting(setting->name);
		mlbase_refuse_size(setting->name, strlen(value), MLBASE_MOST_TEXT);
		appendStringInfoString(&json, json.len ? ", " : "{");
		escape_json(&json, setting->name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, value);
		mlbase_refuse_size("settings", json.len, MLBASE_MOST_DOCUMENT);
	}
	if (json.len == 0)
		return NULL;
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/*
 * With the rights of the role that runs the job: it may set no more than in a
 * session of its own.  Errors: those of SET.
 */
void
mljobs_apply_settings(Jsonb *settings)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *name = NULL;

	if (settings == NULL)
		return;
	iterator = JsonbIteratorInit(&settings->root);
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && name && value.type == jbvString)
			(void) set_config_option(name, pnstrdup(value.val.string.val, value.val.string.len),
									 superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_SET, true, 0, false);
	}
}
