/*-------------------------------------------------------------------------
 * jobs.c
 *	  mlops.submit and mlops.cancel, and what schedules need: when a cron
 *	  expression is due, and pg_cron's database.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "mlops/base.h"
#include "mlops/jobs.h"

#define MOST_CRON_BYTES 1000

MLOPS_FUNCTION(mlops_submit);
MLOPS_FUNCTION(mlops_cancel);
MLOPS_FUNCTION(mlops_mark_upkeep);
MLOPS_FUNCTION(mlops_parsed_relations);
MLOPS_FUNCTION(mlops_check_statement);
MLOPS_FUNCTION(mlops_job_is_lost);
MLOPS_FUNCTION(mlops_end_lost_job);
MLOPS_FUNCTION(mlops_require_preload);
MLOPS_FUNCTION(mlops_require_in_person);
MLOPS_FUNCTION(mlops_is_preloaded);
MLOPS_FUNCTION(mlops_upkeep_hindrance);
MLOPS_FUNCTION(mlops_distrust);
MLOPS_FUNCTION(mlops_next_cron_run);
MLOPS_FUNCTION(mlops_cron_setting);
MLOPS_FUNCTION(mlops_cron_schedule_elsewhere);
MLOPS_FUNCTION(mlops_cron_unschedule_elsewhere);
MLOPS_FUNCTION(mlops_cron_run_elsewhere);
MLOPS_FUNCTION(mlops_cron_jobs_elsewhere);
MLOPS_FUNCTION(mlops_record_schedule);
MLOPS_FUNCTION(mlops_forget_schedule);
MLOPS_FUNCTION(mlops_submit_schedule);

static char *
optional_text(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* A time limit; one in whole seconds below a minute is told, one in milliseconds is meant. */
static Interval *
timeout_argument(FunctionCallInfo fcinfo, int i)
{
	Interval   *timeout = PG_ARGISNULL(i) ? NULL : PG_GETARG_INTERVAL_P(i);

	if (timeout && timeout->month == 0 && timeout->day == 0 && timeout->time % USECS_PER_SEC == 0)
		mlbase_tell_of_seconds("timeout", (double) (timeout->time / USECS_PER_SEC));
	return timeout;
}

/*
 * mlops.submit(command, timeout, max_retries, priority, key, on_conflict, model, unattended)
 *	  -> job_id, NULL if skipped
 */
Datum
mlops_submit(PG_FUNCTION_ARGS)
{
	MlJobRequest request = {0};
	char	   *on_conflict;
	int64		job_id;

	mlbase_refuse_null(fcinfo, 0, "command");
	mlbase_refuse_null(fcinfo, 2, "max_retries");
	mlbase_refuse_null(fcinfo, 3, "priority");
	mlbase_refuse_null(fcinfo, 5, "on_conflict");
	mlbase_refuse_null(fcinfo, 7, "unattended");
	mlbase_refuse_large(fcinfo);
	request.command = optional_text(fcinfo, 0);
	request.timeout = timeout_argument(fcinfo, 1);
	request.max_retries = PG_GETARG_INT32(2);
	request.priority = PG_GETARG_INT32(3);
	request.key = optional_text(fcinfo, 4);
	on_conflict = optional_text(fcinfo, 5);
	request.model = optional_text(fcinfo, 6);
	/* what runs by itself does not leave its bounds by leaving a job behind */
	request.unattended = PG_GETARG_BOOL(7) || (mlops_guc_checked_reach & ML_REACH_LEVEL) == ML_REACH_TRUSTED;
	if (strcmp(on_conflict, "queue") != 0 && strcmp(on_conflict, "skip") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized \"on_conflict\": \"%s\"", on_conflict),
				 errhint("Valid values are: queue, skip.")));
	request.skip = strcmp(on_conflict, "skip") == 0;
	if (request.skip && request.key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_conflict \"skip\" needs a key"),
				 errhint("Jobs with the same key never run beside each other; give one with key => ...")));
	job_id = mljobs_submit(&request);
	if (job_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(job_id);
}

/* mlops_catalog.mark_upkeep(caller, role, job_id, person): nobody but the catalog's owner may */
Datum
mlops_mark_upkeep(PG_FUNCTION_ARGS)
{
	mljobs_mark_upkeep(PG_GETARG_OID(1), PG_GETARG_INT64(2), PG_GETARG_OID(3));
	PG_RETURN_VOID();
}

/* mlops.cancel(job_id) -> was there something to cancel? */
Datum
mlops_cancel(PG_FUNCTION_ARGS)
{
	mlbase_refuse_null(fcinfo, 0, "job_id");
	PG_RETURN_BOOL(mljobs_cancel(PG_GETARG_INT64(0)));
}

/* mlops_catalog.check_statement(statement) */
Datum
mlops_check_statement(PG_FUNCTION_ARGS)
{
	mlbase_refuse_null(fcinfo, 0, "statement");
	mljobs_check_statement(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* mlops_catalog.parsed_relations(statement) -> text[] */
Datum
mlops_parsed_relations(PG_FUNCTION_ARGS)
{
	List	   *names = mljobs_named_relations(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	ArrayBuildState *array = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ListCell   *lc;

	foreach(lc, names)
		array = accumArrayResult(array, CStringGetTextDatum(lfirst(lc)), false, TEXTOID, CurrentMemoryContext);
	PG_RETURN_DATUM(makeArrayResult(array, CurrentMemoryContext));
}

/* mlops_catalog.job_is_lost(job_id) */
Datum
mlops_job_is_lost(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mljobs_is_lost(PG_GETARG_INT64(0)));
}

/* mlops_catalog.end_lost_job(caller, job_id, may_retry) -> was it lost? */
Datum
mlops_end_lost_job(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mljobs_end_lost(PG_GETARG_INT64(1), PG_GETARG_BOOL(2)));
}

/* mlops_catalog.require_preload(what): an error unless mlops is preloaded. */
Datum
mlops_require_preload(PG_FUNCTION_ARGS)
{
	mlbase_require_preload(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* mlops_catalog.require_in_person(what): an error unless a person, known, asks by a statement of his own. */
Datum
mlops_require_in_person(PG_FUNCTION_ARGS)
{
	mlbase_require_in_person(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* mlops_catalog.is_preloaded() */
Datum
mlops_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mlbase_preloaded());
}

/* mlops_catalog.upkeep_hindrance() -> NULL if this server is not known to be kept from maintenance */
Datum
mlops_upkeep_hindrance(PG_FUNCTION_ARGS)
{
	char	   *hindrance = mljobs_upkeep_hindrance();

	if (hindrance == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(hindrance));
}

/* mlops_catalog.distrust() -> NULL if the catalog is superusers' alone */
Datum
mlops_distrust(PG_FUNCTION_ARGS)
{
	char	   *reason = mljobs_distrust();

	if (reason == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reason));
}

/* mlops_catalog.next_cron_run(cron, after, zone) -> NULL if it is never due */
Datum
mlops_next_cron_run(PG_FUNCTION_ARGS)
{
	char	   *expression = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *zone_name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	pg_tz	   *zone = pg_tzset(zone_name);
	TimestampTz next;

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", zone_name)));
	if (strlen(expression) > MOST_CRON_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the cron expression is longer than %d bytes", MOST_CRON_BYTES)));
	next = mljobs_next_cron_run(expression, PG_GETARG_TIMESTAMPTZ(1), zone);
	if (next == DT_NOBEGIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid cron expression \"%s\"", expression),
				 errhint("Write minute, hour, day of the month, month and day of the week, "
						 "for example \"30 2 * * *\" for half past two every night.")));
	if (next == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

/*
 * mlops_catalog.cron_setting(name): pg_cron's settings that tell where it lives
 * and in which time zone, though it keeps them from all but superusers; NULL
 * unless it is preloaded.
 */
Datum
mlops_cron_setting(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *value = NULL;

	if (strcmp(name, "database_name") == 0 || strcmp(name, "timezone") == 0)
		value = GetConfigOption(psprintf("cron.%s", name), true, false);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/* Runs one of our statements in pg_cron's database; its "answer", NULL for none. */
static Datum
ask_cron(FunctionCallInfo fcinfo, const char *statement)
{
	const char *database = GetConfigOption("cron.database_name", true, false);
	char	   *rows;
	long long	answer;

	if (database == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_cron is not preloaded")));
	rows = mljobs_run_in_database(get_database_oid(database, false), statement);
	if (sscanf(rows, "[{\"answer\":%lld}]", &answer) != 1)
		PG_RETURN_NULL();
	PG_RETURN_INT64(answer);
}

/* mlops_catalog.cron_run_elsewhere(cron_job_id) -> a JSON array with one object at most */
Datum
mlops_cron_run_elsewhere(PG_FUNCTION_ARGS)
{
	const char *database = GetConfigOption("cron.database_name", true, false);

	if (database == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(mljobs_run_in_database(get_database_oid(database, false),
		psprintf("SELECT j.database, j.username, j.jobname, r.at, r.status, r.message FROM cron.job AS j LEFT JOIN LATERAL "
				 "(SELECT COALESCE(d.start_time, d.end_time) AS at, d.status, d.return_message AS message "
				 "FROM cron.job_run_details AS d WHERE d.jobid OPERATOR(pg_catalog.=) j.jobid "
				 "ORDER BY d.runid DESC LIMIT 1) AS r ON true WHERE j.jobid OPERATOR(pg_catalog.=) %lld",
				 (long long) PG_GETARG_INT64(0)))));
}

/* mlops_catalog.cron_jobs_elsewhere() -> a JSON array of those that pg_cron starts in this database */
Datum
mlops_cron_jobs_elsewhere(PG_FUNCTION_ARGS)
{
	const char *database = GetConfigOption("cron.database_name", true, false);

	if (database == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(mljobs_run_in_database(get_database_oid(database, false),
		psprintf("SELECT j.jobid, j.jobname FROM cron.job AS j WHERE j.database OPERATOR(pg_catalog.=) %s",
				 quote_literal_cstr(get_database_name(MyDatabaseId))))));
}

/* mlops_catalog.cron_schedule_elsewhere(name, cron, command) -> pg_cron's number */
Datum
mlops_cron_schedule_elsewhere(PG_FUNCTION_ARGS)
{
	char	   *arguments[3];

	for (int i = 0; i < 3; i++)
		arguments[i] = quote_literal_cstr(text_to_cstring(PG_GETARG_TEXT_PP(i)));
	return ask_cron(fcinfo, psprintf("SELECT cron.schedule_in_database(%s, %s, %s, %s) AS answer",
									 arguments[0], arguments[1], arguments[2],
									 quote_literal_cstr(get_database_name(MyDatabaseId))));
}

/* mlops_catalog.cron_unschedule_elsewhere(cron_job_id) -> 1, NULL if there is none */
Datum
mlops_cron_unschedule_elsewhere(PG_FUNCTION_ARGS)
{
	return ask_cron(fcinfo, psprintf("SELECT cron.unschedule(j.jobid)::int AS answer FROM cron.job AS j "
									 "WHERE j.jobid = " INT64_FORMAT, PG_GETARG_INT64(0)));
}

/*
 * mlops_catalog.record_schedule(name, cron, command, timeout, max_retries,
 *								 priority, model, cron_job_id)
 */
Datum
mlops_record_schedule(PG_FUNCTION_ARGS)
{
	MlJobRequest request = {0};

	mlbase_require_writable("mlops.schedule()");
	mlbase_refuse_null(fcinfo, 0, "name");
	mlbase_refuse_null(fcinfo, 1, "cron");
	mlbase_refuse_null(fcinfo, 2, "command");
	mlbase_refuse_null(fcinfo, 4, "max_retries");
	mlbase_refuse_null(fcinfo, 5, "priority");
	mlbase_refuse_null(fcinfo, 7, "cron_job_id");
	mlbase_refuse_large(fcinfo);
	request.command = optional_text(fcinfo, 2);
	request.timeout = timeout_argument(fcinfo, 3);
	request.max_retries = PG_GETARG_INT32(4);
	request.priority = PG_GETARG_INT32(5);
	request.model = optional_text(fcinfo, 6);
	mljobs_record_schedule(optional_text(fcinfo, 0), optional_text(fcinfo, 1), &request, PG_GETARG_INT64(7));
	PG_RETURN_VOID();
}

/* mlops_catalog.forget_schedule(name, owner) -> was there one? */
Datum
mlops_forget_schedule(PG_FUNCTION_ARGS)
{
	mlbase_require_writable("mlops.unschedule()");
	PG_RETURN_BOOL(mljobs_forget_schedule(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_OID(1)));
}

/* mlops_catalog.submit_schedule(name) -> job, NULL if it was skipped */
Datum
mlops_submit_schedule(PG_FUNCTION_ARGS)
{
	int64		job_id = mljobs_submit_schedule(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (job_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(job_id);
}
