/*-------------------------------------------------------------------------
 * jobs.c
 *	  mlops.submit and mlops.cancel.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/jobs.h"

MLOPS_FUNCTION(mlops_submit);
MLOPS_FUNCTION(mlops_cancel);
MLOPS_FUNCTION(mlops_require_preload);

static char *
optional_text(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static void
refuse_null(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", name)));
}

/*
 * mlops.submit(command, timeout, max_retries, priority, key, on_conflict, model)
 *	  -> job_id, NULL if skipped
 */
Datum
mlops_submit(PG_FUNCTION_ARGS)
{
	MlJobRequest request = {0};
	char	   *on_conflict;
	int64		job_id;

	refuse_null(fcinfo, 0, "command");
	refuse_null(fcinfo, 2, "max_retries");
	refuse_null(fcinfo, 3, "priority");
	refuse_null(fcinfo, 5, "on_conflict");
	request.command = optional_text(fcinfo, 0);
	request.timeout = PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1);
	request.max_retries = PG_GETARG_INT32(2);
	request.priority = PG_GETARG_INT32(3);
	request.key = optional_text(fcinfo, 4);
	on_conflict = optional_text(fcinfo, 5);
	request.model = optional_text(fcinfo, 6);
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

/* mlops.cancel(job_id) -> was there something to cancel? */
Datum
mlops_cancel(PG_FUNCTION_ARGS)
{
	refuse_null(fcinfo, 0, "job_id");
	PG_RETURN_BOOL(mljobs_cancel(PG_GETARG_INT64(0)));
}

/* mlops_catalog.require_preload(what): an error unless mlops is preloaded. */
Datum
mlops_require_preload(PG_FUNCTION_ARGS)
{
	mlbase_require_preload(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
