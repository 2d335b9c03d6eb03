/*-------------------------------------------------------------------------
 * trial.c
 *	  A trial of a tuning, run and recorded in a background worker.
 *
 * It learns and is judged on the validation rows, or on each of several folds,
 * whose mean is its value.  It ends with a transaction that records it, so
 * whatever happens to the leader later, the trial stays.  A trial that cannot be
 * run (parameters that exclude each other, too little memory) is recorded as
 * failed; any other error is the worker's.
 *
 * Pruning: without folds, trials are compared at the same round by the metric
 * on the validation rows; with folds, after each fold by the mean so far.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/scored.h"
#include "train/trial.h"

#define MOST_CURVE_POINTS 64

/* One trial. */
typedef struct Trial
{
	TeamWorker *worker;
	const TeamAssignment *assignment;
	Request		request;
	Data		data;
	Fitted		fitted;
	MlTrialState state;
	double		value;
	double		last_metric;	/* reported last */
	int			steps;
	int			n_folds;		/* judged so far */
	double		fold_value[ML_MAX_FOLDS];
	int			fold_iterations[ML_MAX_FOLDS];
	const char *error;			/* NULL: none */
	TimestampTz started_at;
} Trial;

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
append_metric(StringInfo text, const char *name, int step, double value)
{
	appendStringInfoString(text, text->data[text->len - 1] == '[' ? "[" : ", [");
	escape_json(text, name);
	appendStringInfo(text, ", %d, ", step);
	append_number(text, value);
	appendStringInfoChar(text, ']');
}

/*
 * Some points of the curve on the validation rows.  Every n-th and the last, at
 * most MOST_CURVE_POINTS and one.
 */
static void
append_curve(StringInfo text, const char *metric, const MlLearned *learned)
{
	size_t		judged = 0;
	size_t		every;
	size_t		seen = 0;

	for (size_t i = 0; i < learned->n_curve; i++)
		judged += !isnan(learned->curve[i].validation);
	every = Max(1, (judged + MOST_CURVE_POINTS - 1) / MOST_CURVE_POINTS);
	for (size_t i = 0; judged > 0 && i < learned->n_curve; i++)
	{
		const MlCurveStep *step = &learned->curve[i];

		if (isnan(step->validation))
			continue;
		if (seen++ % every == 0 || seen == judged)
			append_metric(text, metric, step->step, step->validation);
	}
}

/* Mean over the folds so far, or sample standard deviation (NaN for one fold). */
static double
fold_metric(const Trial *trial, bool deviation)
{
	double		sum = 0;
	double		squares = 0;

	for (int f = 0; f < trial->n_folds; f++)
		sum += trial->fold_value[f];
	if (!deviation)
		return sum / trial->n_folds;
	for (int f = 0; f < trial->n_folds; f++)
		squares += pow(trial->fold_value[f] - sum / trial->n_folds, 2);
	return trial->n_folds > 1 ? sqrt(squares / (trial->n_folds - 1)) : NAN;
}

/* As mlops.cross_validate records them. */
static void
append_folds(StringInfo text, const Trial *trial, const char *metric)
{
	for (int f = 0; f < trial->n_folds; f++)
	{
		append_metric(text, psprintf("fold_%s", metric), f + 1, trial->fold_value[f]);
		append_metric(text, "fold_iterations", f + 1, trial->fold_iterations[f]);
	}
	if (trial->n_folds == 0)
		return;
	append_metric(text, psprintf("mean_%s", metric), 0, fold_metric(trial, false));
	append_metric(text, psprintf("std_%s", metric), 0, fold_metric(trial, true));
}

/* Metrics: value, rounds and the curve, or those of the folds; time. */
static void
append_metrics(StringInfo text, const Trial *trial)
{
	const char *metric = ml_metrics[trial->worker->shared->metric].name;
	char	   *validation = psprintf("validation_%s", metric);

	appendStringInfoString(text, ", \"metrics\": [");
	append_metric(text, "fit_ms", 0,
				  (double) (GetCurrentTimestamp() - trial->started_at) / 1000);
	if (trial->worker->shared->n_folds > 0)
		append_folds(text, trial, metric);
	else
	{
		append_metric(text, validation, 0, trial->value);
		append_metric(text, "iterations", 0, trial->steps);
		if (trial->state != ML_TRIAL_FAILED)
			append_curve(text, validation, &trial->fitted.learned);
	}
	appendStringInfoChar(text, ']');
}

/* What it reported, for a later call that goes on with the study. */
static void
append_rungs(StringInfo text, const Trial *trial)
{
	TeamShared *shared = trial->worker->shared;
	const double *rung = team_board(shared, trial->assignment->number);

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
append_params(StringInfo text, const Request *request)
{
	appendStringInfoString(text, ", \"all_params\": {");
	for (size_t i = 0; i < request->learner->n_params; i++)
	{
		appendStringInfoString(text, i ? ", " : "");
		escape_json(text, request->learner->params[i].name);
		appendStringInfoString(text, ": ");
		escape_json(text, mltrain_param_text(&request->learner->params[i], request->params));
	}
	appendStringInfoChar(text, '}');
}

/* Records the trial as the owner of the catalog; the caller commits. */
static void
record_trial(Trial *trial)
{
	static const char *const states[] = {
		[ML_TRIAL_FINISHED] = "finished", [ML_TRIAL_PRUNED] = "pruned", [ML_TRIAL_FAILED] = "failed"
	};
	TeamWorker *worker = trial->worker;
	Oid			types[4] = {OIDOID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[4];
	MlCatalogScope scope;
	StringInfoData text;
	bool		isnull;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"number\": %d, \"state\": \"%s\", \"steps\": %d, \"library_version\": \"%s\", \"value\": ",
					 trial->assignment->number, states[trial->state], trial->steps, MLOPS_VERSION);
	append_number(&text, trial->value);
	appendStringInfo(&text, ", \"started_at\": \"%s\"", mlbase_utc_text(trial->started_at));
	if (trial->error)
	{
		appendStringInfoString(&text, ", \"error\": ");
		escape_json(&text, trial->error);
	}
	append_params(&text, &trial->request);
	append_rungs(&text, trial);
	append_metrics(&text, trial);
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

/*
 * An MlPruneCallback: reports a value to the pruner's board in shared memory, and
 * asks whether to stop.  step is a round, or a fold from 1.
 */
static bool
should_prune(void *arg, int step, double value)
{
	Trial	   *trial = (Trial *) arg;
	TeamShared *shared = trial->worker->shared;
	int			rung = ml_pruner_rung(&shared->pruner, step);

	trial->last_metric = value;
	if (rung < 0)
		return false;
	team_board(shared, trial->assignment->number)[rung] = value;
	return ml_pruner_should_stop(&shared->pruner, team_board(shared, 0), shared->n_trials,
								 trial->assignment->number, rung);
}

/* Records why; the tuning goes on. */
static void
fail(Trial *trial, const char *error)
{
	trial->state = ML_TRIAL_FAILED;
	trial->value = NAN;
	trial->error = pstrdup(mlbase_cut(error));
}

/*
 * Learns from a view; what the parameters are to blame for fails the trial: false.
 * Other errors are raised, a cancel among them.
 */
static bool
learn(Trial *trial, int view, bool may_prune, Prepared *prepared)
{
	MlContext  *ctx = trial->data.ctx;
	const Request *request = &trial->request;
	MlStatus	status;
	MlTask		task;

	worker_show(trial->worker, view, &trial->data, prepared);
	mltrain_weigh(request, &trial->data, &prepared->parts);
	task = mltrain_task(request, prepared);
	if (may_prune)
	{
		task.should_prune = should_prune;
		task.prune_arg = trial;
		task.prune_every = trial->worker->shared->pruner.every;
	}
	trial->fitted.params = request->params;
	status = request->learner->fit(ctx, &task, &trial->fitted.learned);
	if (status == ML_INVALID_ARGUMENT || status == ML_BAD_DATA || status == ML_OUT_OF_MEMORY)
	{
		fail(trial, ctx->message);
		return false;
	}
	mlbase_check(ctx, status);
	return true;
}

/* One training, judged on the validation rows. */
static void
run_once(Trial *trial)
{
	const MlLearned *learned = &trial->fitted.learned;
	Prepared	prepared;

	if (!learn(trial, trial->assignment->view, true, &prepared))
		return;
	if (learned->pruned)
	{
		trial->state = ML_TRIAL_PRUNED;
		trial->value = trial->last_metric;
		trial->steps = (int) learned->n_curve;
	}
	else
	{
		trial->state = ML_TRIAL_FINISHED;
		trial->value = mltrain_metric_on(&trial->request, &prepared, &trial->fitted, ML_PART_TEST);
		trial->steps = learned->iterations;
	}
	if (isnan(trial->value))
		fail(trial, "the metric is not defined on the validation rows");
}

/* A training a fold, until the pruner stops them. */
static void
run_folds(Trial *trial)
{
	MlArena    *arena = trial->data.ctx->arena;
	int			n = trial->worker->shared->n_folds;

	trial->state = ML_TRIAL_FINISHED;
	while (trial->n_folds < n && trial->state == ML_TRIAL_FINISHED)
	{
		int			f = trial->n_folds;
		MlArenaMark mark = ml_arena_mark(arena);
		Prepared	prepared;

		if (!learn(trial, trial->assignment->view + f, false, &prepared))
			return;
		trial->fold_value[f] = mltrain_metric_on(&trial->request, &prepared, &trial->fitted, ML_PART_TEST);
		trial->fold_iterations[f] = trial->fitted.learned.iterations;
		ml_arena_release(arena, mark);
		trial->steps = ++trial->n_folds;
		trial->value = fold_metric(trial, false);
		if (isnan(trial->value))
			fail(trial, psprintf("the metric is not defined on fold %d", f + 1));
		else if (trial->n_folds < n && should_prune(trial, trial->n_folds, trial->value))
			trial->state = ML_TRIAL_PRUNED;
	}
}

void
trial_run(TeamWorker *worker, const TeamAssignment *assignment)
{
	Trial		trial = {.worker = worker, .assignment = assignment, .value = NAN, .last_metric = NAN};
	MlArenaMark mark = ml_arena_mark(worker->ctx->arena);
	TeamAnswer	answer = {.number = assignment->number};

	worker_begin(worker, psprintf("trial %d of tuning model \"%s\"", assignment->number, worker->shared->model));
	trial.started_at = GetCurrentTimestamp();
	(void) mlbase_progress_begin("trial", worker->shared->model);
	worker_prepare(worker, assignment, &trial.request, &trial.data);
	if (worker->shared->n_folds > 0)
		run_folds(&trial);
	else
		run_once(&trial);
	record_trial(&trial);
	ml_arena_release(worker->ctx->arena, mark);
	answer.state = trial.state;
	answer.value = trial.value;
	answer.steps = trial.steps;
	worker_end(worker, &answer, trial.error ? trial.error : "");
}

/*
 * As the catalog's owner, in a transaction of its own, so that trials can be
 * committed beside a leader that goes on.
 */
void
trial_open_study(TeamWorker *worker)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2];
	MlCatalogScope scope;
	TeamAnswer	answer = {0};
	bool		isnull;

	worker_begin(worker, "opening the study");
	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = CStringGetTextDatum((char *) team_at(worker->shared, worker->shared->details));
	PushActiveSnapshot(GetTransactionSnapshot());
	mlcat_begin(&scope);
	answer.study_id = DatumGetInt64(mlcat_execute_value(
														"SELECT mlops_catalog.open_study($1::pg_catalog.regrole, $2::pg_catalog.jsonb)",
														2, types, values, NULL, &isnull));
	mlcat_end(&scope);
	PopActiveSnapshot();
	worker_end(worker, &answer, "");
}
