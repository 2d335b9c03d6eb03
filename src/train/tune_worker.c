/*-------------------------------------------------------------------------
 * tune_worker.c
 *	  Runs trials in a background worker, over data that the leader froze.
 *
 * The worker is the leader's user in the leader's database.  It opens the
 * frozen data once; a trial's memory is given back after each.  Each trial ends
 * with a transaction that records it, so whatever happens to the leader later,
 * the trial stays.  A trial that cannot be run (parameters that exclude each
 * other, too little memory) is recorded as failed; any other error goes to the
 * leader and ends the worker.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/training.h"
#include "train/tune_shared.h"

/* What waits for another transaction's uncommitted experiment gives up. */
#define LOCK_TIMEOUT "5s"
#define MOST_CURVE_POINTS 64

typedef struct Worker
{
	TuneShared *shared;
	shm_mq_handle *in;
	shm_mq_handle *out;
	MlContext  *ctx;
	MlFrozen	frozen;
	MlTrainRequest request;
} Worker;

/* One trial. */
typedef struct Trial
{
	Worker	   *worker;
	const TuneAssignment *assignment;
	Training	training;
	MlTrialState state;
	double		value;
	double		last_metric;	/* reported last */
	int			steps;
	char	   *error;			/* NULL: none */
	TimestampTz started_at;
} Trial;

extern PGDLLEXPORT void mlops_tune_worker(Datum main_arg);

/* ---------------------------------------------------------------- the record */

static void
append_number(StringInfo text, double value)
{
	if (isnan(value) || isinf(value))
		appendStringInfoString(text, "null");
	else
		appendStringInfo(text, "%.17g", value);
}

static void
append_figure(StringInfo text, const char *name, int step, double value)
{
	appendStringInfoString(text, text->data[text->len - 1] == '[' ? "[" : ", [");
	escape_json(text, name);
	appendStringInfo(text, ", %d, ", step);
	append_number(text, value);
	appendStringInfoChar(text, ']');
}

/* Figures: value, rounds, time, and some points of the curve. */
static void
append_figures(StringInfo text, const Trial *trial)
{
	const MlLearned *learned = &trial->training.learned;
	char	   *metric = psprintf("validation_%s", ml_metric_names[trial->worker->shared->metric]);
	size_t		judged = 0;
	size_t		every;
	size_t		seen = 0;

	appendStringInfoString(text, ", \"figures\": [");
	append_figure(text, metric, 0, trial->value);
	append_figure(text, "iterations", 0, trial->steps);
	append_figure(text, "fit_ms", 0,
				  (double) (GetCurrentTimestamp() - trial->started_at) / 1000);
	for (size_t i = 0; trial->state != ML_TRIAL_FAILED && i < learned->n_curve; i++)
		judged += !isnan(learned->curve[i].validation);
	every = Max(1, (judged + MOST_CURVE_POINTS - 1) / MOST_CURVE_POINTS);
	for (size_t i = 0; judged > 0 && i < learned->n_curve; i++)
	{
		const MlCurveStep *step = &learned->curve[i];

		if (isnan(step->validation))
			continue;
		if (seen++ % every == 0 || seen == judged)
			append_figure(text, metric, step->step, step->validation);
	}
	appendStringInfoChar(text, ']');
}

static void
append_rungs(StringInfo text, const Trial *trial)
{
	TuneShared *shared = trial->worker->shared;
	const double *rung = (double *) tune_at(shared, shared->board) +
		(size_t) trial->assignment->number * shared->pruner.n_rungs;

	appendStringInfoString(text, ", \"rungs\": [");
	for (int r = 0; r < shared->pruner.n_rungs; r++)
	{
		appendStringInfoString(text, r ? ", " : "");
		append_number(text, rung[r]);
	}
	appendStringInfoChar(text, ']');
}

/* All parameters, defaults filled in, as texts. */
static void
append_params(StringInfo text, const Training *t)
{
	appendStringInfoString(text, ", \"all_params\": {");
	for (size_t i = 0; i < t->learner->n_params; i++)
	{
		appendStringInfoString(text, i ? ", " : "");
		escape_json(text, t->learner->params[i].name);
		appendStringInfoString(text, ": ");
		escape_json(text, mltrain_param_text(&t->learner->params[i], t->params));
	}
	appendStringInfoChar(text, '}');
}

/* Records the trial as the owner of the catalog; the caller commits. */
static void
record_trial(Trial *trial)
{
	static const char *const states[] = {
		[ML_TRIAL_FINISHED] = "finished",[ML_TRIAL_PRUNED] = "pruned",[ML_TRIAL_FAILED] = "failed"
	};
	Worker	   *worker = trial->worker;
	Oid			types[4] = {OIDOID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[4];
	MlCatalogScope scope;
	StringInfoData text;
	bool		isnull;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"number\": %d, \"state\": \"%s\", \"steps\": %d, \"library_version\": \"%s\", \"value\": ",
					 trial->assignment->number, states[trial->state], trial->steps, MLOPS_VERSION);
	append_number(&text, trial->value);
	appendStringInfo(&text, ", \"started_at\": \"%s\"", timestamptz_to_str(trial->started_at));
	if (trial->error)
	{
		appendStringInfoString(&text, ", \"error\": ");
		escape_json(&text, trial->error);
	}
	append_params(&text, &trial->training);
	append_rungs(&text, trial);
	append_figures(&text, trial);
	appendStringInfoChar(&text, '}');

	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = Int64GetDatum(worker->shared->study_id);
	values[2] = CStringGetTextDatum(trial->assignment->text);
	values[3] = CStringGetTextDatum(text.data);
	PushActiveSnapshot(GetTransactionSnapshot());
	mlcat_begin(&scope);
	(void) mlcat_execute_value("SELECT mlops_catalog.record_trial($1::pg_catalog.regrole, $2, "
							   "$3::pg_catalog.jsonb OPERATOR(pg_catalog.||) $4::pg_catalog.jsonb)",
							   4, types, values, NULL, &isnull);
	mlcat_end(&scope);
	PopActiveSnapshot();
}

/* ---------------------------------------------------------------- one trial */

static bool
should_prune(void *arg, int round, double metric)
{
	Trial	   *trial = (Trial *) arg;
	TuneShared *shared = trial->worker->shared;
	double	   *board = tune_at(shared, shared->board);
	int			rung = ml_pruner_rung(&shared->pruner, round);

	trial->last_metric = metric;
	if (rung < 0)
		return false;
	board[(size_t) trial->assignment->number * shared->pruner.n_rungs + rung] = metric;
	return ml_pruner_should_stop(&shared->pruner, board, shared->n_trials,
								 trial->assignment->number, rung);
}

/* A training as far as the leader has brought it. */
static void
prepare(Trial *trial, Jsonb *assigned)
{
	Worker	   *worker = trial->worker;
	const MlView *view = &worker->frozen.views[trial->assignment->view];
	Training   *t = &trial->training;
	MlOptions  *options = mljson_options("assignment", assigned);
	JsonbValue *params = mljson_value(options, "given");
	char	   *algorithm;

	if (!mljson_text(options, "algorithm", &algorithm) || params == NULL)
		elog(ERROR, "incomplete assignment of a trial");
	t->request = &worker->request;
	t->learner = mltrain_learner(algorithm);
	t->params = mltrain_parse_params(t->learner, "space", JsonbValueToJsonb(params));
	t->metric = worker->shared->metric;
	t->cost_false_positive = t->cost_false_negative = -1;
	t->ctx = worker->ctx;
	t->dataset = (MlDataset *) worker->frozen.dataset;
	t->label = (float *) worker->frozen.label;
	t->row_weight = (float *) worker->frozen.row_weight;
	t->fit_weight = (float *) worker->frozen.fit_weight;
	t->rows[ML_PART_TRAIN] = worker->frozen.train;
	t->rows[ML_PART_VALIDATION] = worker->frozen.validation;
	memcpy(t->class_weight, worker->shared->class_weight, sizeof(t->class_weight));
	t->signature = view->signature;
	t->binned_train = view->binned_train;
	t->binned_validation = view->binned_validation;
}

/* Learns and judges; what the parameters are to blame for fails the trial. */
static void
run_trial(Trial *trial)
{
	Training   *t = &trial->training;
	MlTask		task = mltrain_task(t);
	MlStatus	status;

	task.should_prune = should_prune;
	task.prune_arg = trial;
	task.prune_every = trial->worker->shared->pruner.every;
	status = t->learner->fit(t->ctx, &task, &t->learned);
	if (status == ML_INVALID_ARGUMENT || status == ML_BAD_DATA || status == ML_OUT_OF_MEMORY)
	{
		trial->state = ML_TRIAL_FAILED;
		trial->error = pstrdup(t->ctx->message);
		return;
	}
	mlbase_check(t->ctx, status);
	if (t->learned.pruned)
	{
		trial->state = ML_TRIAL_PRUNED;
		trial->value = trial->last_metric;
		trial->steps = (int) t->learned.n_curve;
	}
	else
	{
		trial->state = ML_TRIAL_FINISHED;
		trial->value = mltrain_validation_metric(t);
		trial->steps = t->learned.iterations;
	}
	if (isnan(trial->value))
	{
		trial->state = ML_TRIAL_FAILED;
		trial->error = "the metric is not defined on the validation rows";
	}
}

static void
begin_transaction(const TuneShared *shared)
{
	StartTransactionCommand();
	SetUserIdAndSecContext(shared->current_user, shared->security_context);
}

static void
answer(Worker *worker, TuneAnswer *answer, const char *text)
{
	shm_mq_iovec parts[2];

	parts[0].data = (char *) answer;
	parts[0].len = offsetof(TuneAnswer, text);
	parts[1].data = text;
	parts[1].len = strlen(text) + 1;
	if (shm_mq_sendv(worker->out, parts, 2, false, true) != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the leader is gone */
}

static void
do_trial(Worker *worker, const TuneAssignment *assignment)
{
	Trial		trial = {.worker = worker, .assignment = assignment, .value = NAN, .last_metric = NAN};
	MlArenaMark mark = ml_arena_mark(worker->ctx->arena);
	Jsonb	   *assigned;
	TuneAnswer	result = {0};
	char	   *activity;

	begin_transaction(worker->shared);
	trial.started_at = GetCurrentTimestamp();
	activity = psprintf("trial %d of tuning model \"%s\"", assignment->number, worker->shared->model);
	pgstat_report_activity(STATE_RUNNING, activity);
	(void) mlbase_progress_begin("trial", worker->shared->model);
	assigned = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(assignment->text)));
	prepare(&trial, assigned);
	run_trial(&trial);
	record_trial(&trial);
	ml_arena_release(worker->ctx->arena, mark);
	result.number = assignment->number;
	result.state = trial.state;
	result.value = trial.value;
	result.steps = trial.steps;
	trial.error = trial.error ? MemoryContextStrdup(TopMemoryContext, trial.error) : NULL;
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	answer(worker, &result, trial.error ? trial.error : "");
	if (trial.error)
		pfree(trial.error);
}

static void
open_study(Worker *worker)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2];
	MlCatalogScope scope;
	TuneAnswer	result = {0};
	bool		isnull;

	begin_transaction(worker->shared);
	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = CStringGetTextDatum((char *) tune_at(worker->shared, worker->shared->details));
	PushActiveSnapshot(GetTransactionSnapshot());
	mlcat_begin(&scope);
	result.study_id = DatumGetInt64(mlcat_execute_value(
														"SELECT mlops_catalog.open_study($1::pg_catalog.regrole, $2::pg_catalog.jsonb)",
														2, types, values, NULL, &isnull));
	mlcat_end(&scope);
	PopActiveSnapshot();
	CommitTransactionCommand();
	answer(worker, &result, "");
}

/* ---------------------------------------------------------------- the worker */

/* Tells the leader of an error and ends. */
static void
report_error(Worker *worker, MemoryContext context)
{
	ErrorData  *error;
	TuneAnswer	result = {.raise = true};

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	result.sqlerrcode = error->sqlerrcode;
	answer(worker, &result,
		   error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE
		   ? "could not record a trial, because a transaction that has not ended, perhaps this one, "
		   "holds a lock on its experiment"
		   : error->message ? error->message : "unknown error");
}

void
mlops_tune_worker(Datum main_arg)
{
	Worker		worker = {0};
	dsm_segment *segment;
	MemoryContext context;
	shm_mq	   *queue;
	int			index;

	memcpy(&index, MyBgworkerEntry->bgw_extra, sizeof(index));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	context = AllocSetContextCreate(TopMemoryContext, "mlops tuning worker", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "mlops tuning worker");
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		proc_exit(0);			/* the leader has given up */
	worker.shared = dsm_segment_address(segment);
	if (worker.shared->magic != TUNE_MAGIC)
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("library mlops was replaced while a session was using it"),
				 errhint("Connect anew and call mlops.tune again.")));
	queue = tune_queue(worker.shared, index, 0);
	shm_mq_set_receiver(queue, MyProc);
	worker.in = shm_mq_attach(queue, segment, NULL);
	queue = tune_queue(worker.shared, index, 1);
	shm_mq_set_sender(queue, MyProc);
	worker.out = shm_mq_attach(queue, segment, NULL);

	BackgroundWorkerInitializeConnectionByOid(worker.shared->database,
											  worker.shared->authenticated_user, 0);
	SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	pgstat_report_appname("mlops tuning worker");
	if (worker.shared->job_id != 0)
		mlbase_progress_job(worker.shared->job_id);

	PG_TRY();
	{
		worker.request.model = worker.shared->model;
		worker.request.seed = (int64) worker.shared->seed;
		worker.ctx = mlbase_engine_context(worker.shared->threads, worker.shared->memory_kb,
										   worker.shared->with_blas);
		mlbase_check(worker.ctx, ml_frozen_open(worker.ctx, tune_at(worker.shared, worker.shared->frozen),
												&worker.frozen));
		for (;;)
		{
			Size		size;
			void	   *message;
			TuneAssignment *assignment;

			if (shm_mq_receive(worker.in, &size, &message, false) != SHM_MQ_SUCCESS)
				break;			/* there is nothing left to do */
			assignment = MemoryContextAlloc(context, size);
			memcpy(assignment, message, size);
			if (assignment->order == TUNE_OPEN_STUDY)
				open_study(&worker);
			else
				do_trial(&worker, assignment);
			MemoryContextSwitchTo(context);
			pfree(assignment);
		}
	}
	PG_CATCH();
	{
		report_error(&worker, context);
	}
	PG_END_TRY();
	dsm_detach(segment);
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);	/* joins the engine's threads */
	proc_exit(0);
}
