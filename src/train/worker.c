/*-------------------------------------------------------------------------
 * worker.c
 *	  What a background worker of a team needs to run an assignment.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "train/worker.h"

/* A transaction of its own, as the leader's current user, in his security context. */
void
worker_begin(const TeamWorker *worker, const char *activity)
{
	StartTransactionCommand();
	mlcat_serve_at_once(worker->shared->extension);
	SetUserIdAndSecContext(worker->shared->current_user, worker->shared->security_context);
	pgstat_report_activity(STATE_RUNNING, activity);
}

/* Ends the process if nobody is there to read it. */
void
worker_answer(TeamWorker *worker, const TeamAnswer *answer, const char *text)
{
	shm_mq_iovec parts[2];

	parts[0].data = (char *) answer;
	parts[0].len = offsetof(TeamAnswer, text);
	parts[1].data = text;
	parts[1].len = strlen(text) + 1;
	if (shm_mq_sendv(worker->out, parts, 2, false, true) != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the leader is gone */
}

/* Commits first: the leader is told of nothing that could still be lost. */
void
worker_end(TeamWorker *worker, const TeamAnswer *answer, const char *text)
{
	char	   *kept = MemoryContextStrdup(TopMemoryContext, text);

	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	worker_answer(worker, answer, kept);
	pfree(kept);
}

/*
 * request and data point into the worker's frozen data; parameters are in the
 * current memory context.
 */
void
worker_prepare(TeamWorker *worker, const TeamAssignment *assignment, Request *request, Data *data)
{
	const TeamShared *shared = worker->shared;
	Jsonb	   *assigned = mltrain_jsonb_of(assignment->text);
	MlOptions  *options = mljson_options("assignment", assigned);
	JsonbValue *params = mljson_value(options, "given");
	char	   *algorithm;

	if (!mljson_text(options, "algorithm", &algorithm) || params == NULL)
		elog(ERROR, "incomplete assignment of a training");
	memset(request, 0, sizeof(*request));
	request->given = &worker->given;
	request->learner = mltrain_learner(algorithm);
	request->params = mltrain_parse_params(request->learner, "params", JsonbValueToJsonb(params));
	request->metric = shared->metric;
	request->preprocess = shared->preprocess;
	request->threshold.policy = shared->policy;
	request->split.validation = shared->validation;
	request->zone = shared->zone;
	memset(data, 0, sizeof(*data));
	data->ctx = worker->ctx;
	data->dataset = worker->frozen.dataset;
	data->roles = shared->roles;
	data->n_features = shared->n_features;
	data->features = team_at(worker->shared, shared->features);
	data->label = worker->frozen.label;
	data->row_weight = worker->frozen.row_weight;
}

/* Fills prepared from a view; nothing is copied. */
void
worker_show(const TeamWorker *worker, int view, const Data *data, Prepared *prepared)
{
	const MlView *v = &worker->frozen.views[view];

	memset(prepared, 0, sizeof(*prepared));
	prepared->data = data;
	prepared->parts.rows[ML_PART_TRAIN] = v->train;
	prepared->parts.rows[ML_PART_VALIDATION] = v->validation;
	prepared->parts.rows[ML_PART_TEST] = v->judged;
	prepared->signature = v->signature;
	prepared->binned_train = v->binned_train;
	prepared->binned_validation = v->binned_validation;
}
