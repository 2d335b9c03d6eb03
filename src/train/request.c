/*-------------------------------------------------------------------------
 * request.c
 *	  What is asked of a training, checked before any data is read.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "train/request.h"

#define MAX_EXPERIMENT_NAME 250 /* characters; the catalog has an index on it */

/*
 * May this training be, here and by this user?  Errors: 22023, 42501, 25006 where
 * nothing may be written.
 */
static void
check_permission(const MlTrainRequest *r, const char *command)
{
	MlCatalogModel model;

	mlreg_check_name(r->model);
	if (r->experiment && (r->experiment[0] == '\0' || pg_mbstrlen(r->experiment) > MAX_EXPERIMENT_NAME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must have 1 to %d characters", "experiment", MAX_EXPERIMENT_NAME)));
	if (r->rehearsal)
		mlbase_refuse_parallel(command);
	else
		mlbase_require_writable(command);
	(void) mlcat_keep();
	if (!r->rehearsal && mlcat_model_by_name(r->model, &model))
		mlreg_check_right(GetUserId(), r->model, &model, ML_TO_TRAIN);
}

/* One that a training can follow.  Errors: 22023. */
static MlMetric
read_metric(const char *name)
{
	int			metric = ml_metric_by_name(name);
	StringInfoData valid;

	if (metric >= 0 && metric < ML_METRIC_COUNT)
		return (MlMetric) metric;
	initStringInfo(&valid);
	for (int i = 0; i < ML_METRIC_COUNT; i++)
		appendStringInfo(&valid, "%s%s", i ? ", " : "", ml_metrics[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized metric \"%s\"", name),
			 errhint("Valid metrics are: %s.", valid.data)));
}

/* In the order of the arguments, the right first: who may not train learns nothing else. */
void
mltrain_check(const MlTrainRequest *given, const char *group_by, const char *command, Request *request)
{
	memset(request, 0, sizeof(*request));
	request->given = given;
	request->group_by = group_by;
	check_permission(given, command);
	request->learner = mltrain_learner(given->algorithm);
	request->params = mltrain_parse_params(request->learner, "params", given->params);
	request->metric = read_metric(given->metric);
	request->zone = pg_get_timezone_name(session_timezone);
	mltrain_parse_split(given->split, given->time_column, request->zone, &request->split);
	mltrain_parse_threshold(given->threshold, &request->threshold);
	mltrain_parse_preprocess(given->preprocess, &request->preprocess);
}

/* Not in mltrain_check: a search may set what these lack. */
void
mltrain_check_together(const Request *request)
{
	MlContradiction found;

	if (request->learner->contradicts && request->learner->contradicts(request->params, &found))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", found.message),
				 errhint("%s", found.hint)));
}
