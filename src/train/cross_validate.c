/*-------------------------------------------------------------------------
 * cross_validate.c
 *	  One training a fold, each judged on rows that it has not seen.
 *
 * The data is read once.  Everything that is learned (dictionaries, bins,
 * weights of classes, trees, threshold) is learned anew in each fold, from its
 * training rows alone, by the phases of mlops.train.  A share of the training
 * rows is held back for early stopping and the threshold, as train does.
 *
 * Folds run one after the other, each on all engine threads: nothing of a fold
 * is kept, so memory is that of one training.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "train/training.h"

static const char *const kinds[] = {"stratified", "grouped", "time", "prequential"};

typedef enum FoldKind
{
	FOLDS_STRATIFIED,
	FOLDS_GROUPED,
	FOLDS_TIME,					/* everything before the fold, less the delay */
	FOLDS_PREQUENTIAL			/* a window of fixed length before the fold */
} FoldKind;

typedef struct Validation
{
	const MlCrossValidateRequest *request;
	Training   *t;
	FoldKind	kind;
	uint32_t   *order;
	uint8_t    *part;
	uint8_t    *fold;			/* stratified and grouped: by row */
	double	   *border;			/* time and prequential: [folds + 2] */
	float	   *masked;			/* [n_rows] labels of a fold's training rows, else NaN */
	MlFoldResult *results;
} Validation;

/* ---------------------------------------------------------------- checks */

static FoldKind
choose_kind(const MlCrossValidateRequest *r)
{
	FoldKind	kind = r->group_by ? FOLDS_GROUPED : r->train.time_column ? FOLDS_TIME : FOLDS_STRATIFIED;

	if (r->kind)
	{
		int			i = 0;

		while (i < lengthof(kinds) && strcmp(kinds[i], r->kind) != 0)
			i++;
		if (i == lengthof(kinds))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized kind \"%s\"", r->kind),
					 errhint("Valid values are: stratified, grouped, time, prequential.")));
		kind = (FoldKind) i;
	}
	if ((kind == FOLDS_GROUPED) != (r->group_by != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(r->group_by ? "folds of kind \"%s\" take no \"group_by\"" : "folds of kind \"%s\" need \"group_by\"",
						kinds[kind]),
				 errhint("\"group_by\" names the column whose values must not be in two folds, e.g. the customer.")));
	if ((kind == FOLDS_TIME || kind == FOLDS_PREQUENTIAL) && r->train.time_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds of kind \"%s\" need \"time_column\"", kinds[kind])));
	if (r->label_delay != 0 && kind != FOLDS_TIME && kind != FOLDS_PREQUENTIAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds of kind \"%s\" take no \"label_delay\"", kinds[kind])));
	if (!(r->label_delay >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"label_delay\" must not be negative")));
	if (r->folds < 2 || r->folds > ML_MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"folds\" is out of range", r->folds),
				 errdetail("It must be between 2 and %d.", ML_MAX_FOLDS)));
	return kind;
}

/* The split may say how much is held back, and nothing else. */
static void
check_split(const Training *t)
{
	MlOptions  *options = mljson_options("split", t->request->split);
	double		share;

	(void) mljson_number(options, "validation", 0, 0.9, &share);
	mljson_finish(options);
}

/* ---------------------------------------------------------------- folds */

static void
make_folds(Validation *v)
{
	Training   *t = v->t;
	MlContext  *ctx = t->ctx;
	size_t		n = t->dataset->n_rows;
	int			folds = v->request->folds;

	mlbase_check(ctx, ml_order_rows(ctx, t->dataset, t->time, t->key, &v->order));
	v->part = ml_arena_alloc_array(ctx->arena, n, 1);
	v->fold = ml_arena_alloc_array(ctx->arena, n, 1);
	v->masked = ml_arena_alloc_array(ctx->arena, n, sizeof(float));
	if (v->part == NULL || v->fold == NULL || v->masked == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	if (v->kind == FOLDS_STRATIFIED)
		mlbase_check(ctx, ml_folds_stratified(ctx, t->dataset, v->order, t->label, folds,
											  (uint64_t) t->request->seed, v->fold));
	else if (v->kind == FOLDS_GROUPED)
		mlbase_check(ctx, ml_folds_grouped(ctx, t->dataset, t->group, t->label, folds,
										   (uint64_t) t->request->seed, v->fold));
	else
	{
		v->border = palloc((folds + 2) * sizeof(double));
		mlbase_check(ctx, ml_time_blocks(ctx, t->dataset, t->time, v->order, t->label, folds + 1,
										 v->border));
	}
}

/* Test and training rows of a fold: part has ML_PART_TRAIN, TEST or NONE. */
static void
cut_fold(Validation *v, int fold)
{
	Training   *t = v->t;
	double		test_from = v->border ? v->border[fold + 1] : 0;
	double		test_to = v->border ? v->border[fold + 2] : 0;
	double		train_to = test_from - v->request->label_delay;
	double		train_from = v->kind == FOLDS_PREQUENTIAL ? train_to - (v->border[1] - v->border[0]) : -INFINITY;

	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		bool		labelled = !isnan(t->label[row]);

		v->part[row] = ML_PART_NONE;
		if (v->border)
		{
			double		at = ml_column_number(&t->dataset->columns[t->time], row);

			if (labelled && at >= test_from && at < test_to)
				v->part[row] = ML_PART_TEST;
			else if (labelled && at >= train_from && at < train_to)
				v->part[row] = ML_PART_TRAIN;
		}
		else if (v->fold[row] != ML_NO_FOLD)
			v->part[row] = v->fold[row] == fold ? ML_PART_TEST : ML_PART_TRAIN;
	}
}

/*
 * Holds back a share of the training rows for early stopping and the threshold:
 * the latest ones, whole groups, or a stratified sample, as the folds are made.
 */
static void
hold_back(Validation *v, int fold)
{
	Training   *t = v->t;
	MlContext  *ctx = t->ctx;
	size_t		n = t->dataset->n_rows;
	double		share = t->split.validation;
	uint64_t	seed = ml_mix64((uint64_t) t->request->seed + fold + 1);
	uint8_t    *inner = ml_arena_alloc_zeroed(ctx->arena, n, 1);

	if (inner == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	if (share <= 0)
		return;
	for (size_t row = 0; row < n; row++)
		v->masked[row] = v->part[row] == ML_PART_TRAIN ? t->label[row] : NAN;
	if (v->border)
		mlbase_check(ctx, ml_split_by_time(ctx, t->dataset, t->time, v->order, v->masked, share, 0, inner));
	else if (v->kind == FOLDS_STRATIFIED)
		mlbase_check(ctx, ml_split_stratified(ctx, t->dataset, v->order, v->masked, share, 0, seed, inner));
	else
	{
		/* as many folds as make one of them the share */
		int			folds = Max(2, Min(ML_MAX_FOLDS, (int) rint(1 / share)));

		mlbase_check(ctx, ml_folds_grouped(ctx, t->dataset, t->group, v->masked, folds, seed, inner));
		for (size_t row = 0; row < n; row++)
			inner[row] = inner[row] == 0 ? ML_PART_VALIDATION : ML_PART_TRAIN;
	}
	for (size_t row = 0; row < n; row++)
	{
		if (v->part[row] == ML_PART_TRAIN && inner[row] == ML_PART_VALIDATION)
			v->part[row] = ML_PART_VALIDATION;
	}
}

static size_t
positives_of(const Training *t, MlRows rows)
{
	size_t		n = 0;

	for (size_t i = 0; i < rows.n; i++)
		n += t->label[rows.row[i]] == 1;
	return n;
}

static void
run_fold(Validation *v, int fold)
{
	Training   *t = v->t;
	MlContext  *ctx = t->ctx;
	MlFoldResult *result = &v->results[fold];
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	TimestampTz began = GetCurrentTimestamp();

	cut_fold(v, fold);
	hold_back(v, fold);
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
		mlbase_check(ctx, ml_rows_of_part(ctx, t->dataset, v->order, v->part, (MlPart) p, &t->rows[p]));
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
	{
		size_t		positives = positives_of(t, t->rows[p]);

		if (t->rows[p].n > 0 ? positives > 0 && positives < t->rows[p].n : p == ML_PART_VALIDATION)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the %s rows of fold %d have only one class",
						p == ML_PART_TRAIN ? "training" : p == ML_PART_VALIDATION ? "validation" : "test", fold + 1),
				 errdetail("There are %zu positive and %zu negative rows.", positives, t->rows[p].n - positives),
				 errhint("Make fewer folds, or choose another kind of folds.")));
	}
	mltrain_weigh_classes(t);
	mltrain_weigh(t);
	t->figures.n = 0;
	t->learned = (MlLearned) {0};
	mltrain_preprocess(t);
	mltrain_fit(t);
	mltrain_begin_phase(t, "judge");
	mltrain_judge(t);
	mltrain_end_phase(t);
	result->train_rows = t->rows[ML_PART_TRAIN].n;
	result->validation_rows = t->rows[ML_PART_VALIDATION].n;
	result->iterations = t->learned.iterations;
	result->test = t->test;
	result->milliseconds = (double) (GetCurrentTimestamp() - began) / 1000;
	ml_arena_release(ctx->arena, mark);
}

/* ---------------------------------------------------------------- the record */

static void
append_figure(StringInfo text, const char *name, int step, double value)
{
	appendStringInfo(text, "%s[\"%s\", %d, ", text->data[text->len - 1] == '[' ? "" : ", ", name, step);
	if (isnan(value) || isinf(value))
		appendStringInfoString(text, "null]");
	else
		appendStringInfo(text, "%.17g]", value);
}

double
mltrain_fold_figure(const MlFoldResult *results, int n, int figure, bool deviation)
{
	double		sum = 0;
	double		squares = 0;

	for (int i = 0; i < n; i++)
		sum += mltrain_fold_figure_of(&results[i], figure);
	if (!deviation)
		return sum / n;
	for (int i = 0; i < n; i++)
		squares += pow(mltrain_fold_figure_of(&results[i], figure) - sum / n, 2);
	return sqrt(squares / (n - 1));
}

double
mltrain_fold_figure_of(const MlFoldResult *result, int figure)
{
	MlNamedFigure metrics[MLTRAIN_MOST_METRICS];

	(void) mltrain_named_metrics(&result->test, metrics);
	return metrics[figure].value;
}

/* A run with each fold's metrics by step, their means and deviations. */
static int64
record_validation(Validation *v)
{
	Training   *t = v->t;
	int			folds = v->request->folds;
	const MlTrainRequest *q = t->request;
	MlNamedFigure metrics[MLTRAIN_MOST_METRICS];
	int			n = mltrain_named_metrics(&v->results[0].test, metrics);
	Oid			types[3] = {OIDOID, TEXTOID, JSONBOID};
	Datum		values[3];
	MlRegistration data = {0};
	MlCatalogScope scope;
	StringInfoData text;
	int64		run_id;
	bool		isnull;

	mltrain_describe_data(t, &data);
	data.train_rows = t->counts.positives + t->counts.negatives;	/* folds in turn */
	data.validation_rows = data.test_rows = 0;
	data.has_test_window = false;
	initStringInfo(&text);
	appendStringInfo(&text, "{\"seed\": %lld, \"library_version\": \"%s\", \"algorithm\": \"%s\", "
					 "\"started_at\": \"%s\", \"dataset\": %s, \"model\": ",
					 (long long) q->seed, MLOPS_VERSION, t->learner->name, timestamptz_to_str(t->started_at),
					 mltrain_data_json(&data));
	escape_json(&text, q->model);
	appendStringInfoString(&text, ", \"experiment\": ");
	escape_json(&text, q->experiment ? q->experiment : q->model);
	appendStringInfoString(&text, ", \"target\": ");
	escape_json(&text, q->target);
	appendStringInfo(&text, ", \"params\": {\"folds\": \"%d\", \"folds_kind\": \"%s\"", folds, kinds[v->kind]);
	for (size_t i = 0; i < t->learner->n_params; i++)
	{
		appendStringInfo(&text, ", \"%s\": ", t->learner->params[i].name);
		escape_json(&text, mltrain_param_text(&t->learner->params[i], t->params));
	}
	appendStringInfoString(&text, "}, \"figures\": [");
	for (int m = 0; m < n; m++)
	{
		for (int f = 0; f < folds; f++)
			append_figure(&text, psprintf("fold_%s", metrics[m].name), f + 1,
						  mltrain_fold_figure_of(&v->results[f], m));
		append_figure(&text, psprintf("mean_%s", metrics[m].name), 0,
					  mltrain_fold_figure(v->results, folds, m, false));
		append_figure(&text, psprintf("std_%s", metrics[m].name), 0,
					  mltrain_fold_figure(v->results, folds, m, true));
	}
	for (int f = 0; f < folds; f++)
		append_figure(&text, "fold_iterations", f + 1, v->results[f].iterations);
	appendStringInfoString(&text, "]}");

	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = CStringGetTextDatum(text.data);
	values[2] = JsonbPGetDatum(q->tags);
	mlcat_begin(&scope);
	run_id = DatumGetInt64(mlcat_execute_value("SELECT mlops_catalog.record_validation($1::pg_catalog.regrole, "
											   "$2::pg_catalog.jsonb, $3)",
											   3, types, values, NULL, &isnull));
	mlcat_end(&scope);
	return run_id;
}

/* ---------------------------------------------------------------- entry */

static void
validation_context(void *arg)
{
	Training   *t = ((Validation *) arg)->t;

	errcontext("cross-validating model \"%s\", phase %s", t->request->model, t->phase);
}

MlFoldResult *
mltrain_cross_validate(const MlCrossValidateRequest *request, int64 *run_id)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops cross-validation", ALLOCSET_DEFAULT_SIZES);
	Validation *v = MemoryContextAllocZero(context, sizeof(Validation));
	Training   *t = v->t = MemoryContextAllocZero(context, sizeof(Training));
	MlFoldResult *results = palloc0(ML_MAX_FOLDS * sizeof(MlFoldResult));
	ErrorContextCallback error_context = {error_context_stack, validation_context, v};

	v->request = request;
	v->results = results;
	t->request = &request->train;
	t->group_by = request->group_by;
	t->phase = "check";
	t->started_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("cross_validate", request->train.model);

	mltrain_check(t, "mlops.cross_validate()");
	v->kind = choose_kind(request);
	check_split(t);
	mltrain_load(t, mlbase_engine_threads(), t->learner->needs_blas);
	mltrain_label(t);
	make_folds(v);
	for (int fold = 0; fold < request->folds; fold++)
		run_fold(v, fold);
	mltrain_begin_phase(t, "register");
	*run_id = record_validation(v);

	MemoryContextSwitchTo(caller);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	return results;
}
