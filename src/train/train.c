/*-------------------------------------------------------------------------
 * train.c
 *	  One training, from a source to a registered version.
 *
 * The phases, each a function of training.h and each timed:
 *	 plan		which columns are read, and what for
 *	 ingest		the query into a columnar data set
 *	 split		labels, canonical order, train / validation / test
 *	 preprocess	the signature, the binned matrices
 *	 fit		the learner
 *	 judge		the flat model scores validation and test; the threshold
 *	 register	the catalog
 *
 * Everything large lives in the engine context's arena, which dies with the
 * memory context of the training, so a refused, failed or cancelled training
 * leaves nothing behind.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "train/training.h"

#define MAX_EXPERIMENT_NAME 250 /* characters; the catalog has an index on it */

/* ---------------------------------------------------------------- phases */

static void
training_context(void *arg)
{
	Training   *t = (Training *) arg;

	errcontext("training model \"%s\", phase %s", mlbase_excerpt(t->request->model), t->phase);
}

void
mltrain_begin_phase(Training *t, const char *phase)
{
	t->phase = phase;
	mlbase_progress(phase, 0, 0, NAN);
	INSTR_TIME_SET_CURRENT(t->phase_started);
	CHECK_FOR_INTERRUPTS();
}

/* Records how long the phase took, as <phase>_ms. */
void
mltrain_end_phase(Training *t)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, t->phase_started);
	mltrain_add_metric(&t->run_metrics, psprintf("%s_ms", t->phase), 0, INSTR_TIME_GET_MILLISEC(now));
}

/* ---------------------------------------------------------------- memory */

void
mltrain_scope_begin(const Training *t, TrainingScope *scope)
{
	scope->mark = ml_arena_mark(t->ctx->arena);
	scope->before = *t;
}

void
mltrain_scope_end(Training *t, const TrainingScope *scope)
{
	const Training *before = &scope->before;

	memcpy(t->rows, before->rows, sizeof(t->rows));
	t->order = before->order;
	t->label = before->label;
	t->row_weight = before->row_weight;
	t->fit_weight = before->fit_weight;
	t->signature = before->signature;
	t->binned_train = before->binned_train;
	t->binned_validation = before->binned_validation;
	t->left_out = before->left_out;
	t->n_left_out = before->n_left_out;
	t->learned = before->learned;
	t->parts = before->parts;
	t->bytes = before->bytes;
	t->size = before->size;
	ml_arena_release(t->ctx->arena, scope->mark);
}

/* ---------------------------------------------------------------- entry */

void
mltrain_check(Training *t, const char *command)
{
	const MlTrainRequest *r = t->request;
	MlCatalogModel model;
	int			metric;

	mlreg_check_name(r->model);
	if (r->experiment && (r->experiment[0] == '\0' || pg_mbstrlen(r->experiment) > MAX_EXPERIMENT_NAME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must have 1 to %d characters", "experiment", MAX_EXPERIMENT_NAME)));
	if (!r->rehearsal)
		PreventCommandIfReadOnly(command);
	mlbase_refuse_parallel(command);
	(void) mlcat_keep();
	if (!r->rehearsal && mlcat_model_by_name(r->model, &model))
		mlreg_check_right(GetUserId(), r->model, &model, ML_TO_TRAIN);

	t->learner = mltrain_learner(r->algorithm);
	t->params = mltrain_parse_params(t->learner, "params", r->params);
	metric = ml_metric_by_name(r->metric);
	if (metric < 0 || metric >= ML_METRIC_COUNT)
	{
		StringInfoData valid;

		initStringInfo(&valid);
		for (int i = 0; i < ML_METRIC_COUNT; i++)
			appendStringInfo(&valid, "%s%s", i ? ", " : "", ml_metrics[i].name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized metric \"%s\"", r->metric),
				 errhint("Valid metrics are: %s.", valid.data)));
	}
	t->metric = (MlMetric) metric;
	t->zone = pg_get_timezone_name(session_timezone);
	mltrain_parse_split(r->split, r->time_column, t->zone, &t->split);
	mltrain_parse_threshold(r->threshold, &t->threshold);
	mltrain_parse_preprocess(r->preprocess, &t->preprocess);
}

/*
 * The content hash: a column that makes folds and nothing else is not part of
 * what a training reads.
 */
static void
take_fingerprint(Training *t)
{
	MlDataset	read = *t->dataset;

	mlbase_check(t->ctx, ml_dataset_fingerprint(t->ctx, t->dataset, t->full_fingerprint));
	memcpy(t->fingerprint, t->full_fingerprint, sizeof(t->fingerprint));
	if (t->group < 0 || t->group == t->key)
		return;
	read.columns = palloc(read.n_columns * sizeof(MlColumn));
	memcpy(read.columns, t->dataset->columns, t->group * sizeof(MlColumn));
	memcpy(read.columns + t->group, t->dataset->columns + t->group + 1,
		   (read.n_columns - t->group - 1) * sizeof(MlColumn));
	read.n_columns--;
	mlbase_check(t->ctx, ml_dataset_fingerprint(t->ctx, &read, t->fingerprint));
}

void
mltrain_load(Training *t, int n_threads, bool with_blas)
{
	mltrain_begin_phase(t, "plan");
	mltrain_plan(t);
	t->ctx = mlbase_engine_context(n_threads, mlops_guc_max_training_memory, with_blas);

	mltrain_begin_phase(t, "ingest");
	mltrain_ingest(t);
	mltrain_end_phase(t);

	take_fingerprint(t);
}

void
mltrain_read(Training *t, int n_threads, bool with_blas)
{
	mltrain_load(t, n_threads, with_blas);
	mltrain_begin_phase(t, "split");
	mltrain_label(t);
	mltrain_split(t);
	mltrain_weigh(t);
	mltrain_end_phase(t);
}

/* In the current memory context. */
static Jsonb *
copy_json(Jsonb *json)
{
	return json ? (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(json), false, -1)) : NULL;
}

/* What is in result outlives the training's memory, so it is copied out of it. */
void
mltrain_train(const MlTrainRequest *request, MlTrainResult *result)
{
	Training   *t = palloc0(sizeof(Training));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops training", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback error_context = {error_context_stack, training_context, t};

	memset(result, 0, sizeof(*result));
	t->request = request;
	t->phase = "check";
	t->started_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("train", request->model);	/* ends with the context */

	mltrain_check(t, "mlops.train()");
	mltrain_read(t, mlbase_engine_threads(), t->learner->needs_blas);
	if (!request->rehearsal)
		mltrain_tell_roles(t);
	mltrain_preprocess(t);
	mltrain_fit(t);

	mltrain_begin_phase(t, "judge");
	mltrain_judge(t);
	mltrain_end_phase(t);

	mltrain_begin_phase(t, "register");
	mltrain_record(t, result);

	MemoryContextSwitchTo(caller);
	result->metrics = copy_json(result->metrics);
	result->all_params = copy_json(result->all_params);
	result->columns = copy_json(result->columns);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	pfree(t);
}
