/*-------------------------------------------------------------------------
 * cross_validate.c
 *	  One training a fold, each judged on rows that it has not seen.
 *
 * The data is read once.  Folds are learned side by side by background workers
 * that share it, or one after the other in this process when there are no
 * workers to be had or only one is asked for.  Either way a fold is one call of
 * folds_train, whose result does not depend on threads: the metrics are the
 * same.  Nothing of a fold is kept, so memory is that of one training a process.
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
#include "train/folds.h"
#include "train/team.h"
#include "train/training.h"

typedef struct Validation
{
	const MlCrossValidateRequest *request;
	Training   *t;
	Folds		folds;
	char	  **told;			/* what was said of each fold */
	MlFoldResult *results;
} Validation;

/* The split may say how much is held back, and nothing else. */
static void
check_split(const Training *t)
{
	MlOptions  *options = mljson_options("split", t->request->split);
	double		share;

	(void) mljson_number(options, "validation", 0, 0.9, &share);
	mljson_finish(options);
}

static void
report_folds(const Validation *v, int done)
{
	mlbase_progress("folds", done, v->folds.n, NAN);
}

/* ---------------------------------------------------------------- in this process */

static void
train_folds(Validation *v)
{
	Training   *t = v->t;
	StringInfoData told;

	initStringInfo(&told);
	t->told = &told;
	for (int f = 0; f < v->folds.n; f++)
	{
		TrainingScope scope;

		report_folds(v, f);
		mltrain_scope_begin(t, &scope);
		folds_cut(&v->folds, t, f);
		folds_train(t, &v->results[f]);
		mltrain_scope_end(t, &scope);
		v->told[f] = pstrdup(told.data);
		resetStringInfo(&told);
	}
	t->told = NULL;
}

/* ---------------------------------------------------------------- in workers */

/* The learner and its parameters, as an assignment's text. */
static char *
describe_learner(const Training *t)
{
	Jsonb	   *params = t->request->params;

	return psprintf("{\"algorithm\": \"%s\", \"given\": %s}", t->learner->name,
					JsonbToCString(NULL, &params->root, VARSIZE(params)));
}

/* A team over the rows of each fold; it fits everything else itself. */
static Team *
gather_team(Validation *v, int n_workers)
{
	Training   *t = v->t;
	MlView	   *views = palloc0(v->folds.n * sizeof(MlView));
	TeamPlan	plan = {.task = "cross-validation", .n_workers = n_workers, .n_views = v->folds.n, .views = views};
	TrainingScope scope;
	Team	   *team;

	mltrain_scope_begin(t, &scope);
	for (int f = 0; f < v->folds.n; f++)
	{
		folds_cut(&v->folds, t, f);
		views[f].train = t->rows[ML_PART_TRAIN];
		views[f].validation = t->rows[ML_PART_VALIDATION];
		views[f].judged = t->rows[ML_PART_TEST];
	}
	team = team_create(t, &plan);
	mltrain_scope_end(t, &scope);
	return team;
}

static void
hand_out_folds(Validation *v, Team *team)
{
	const char *text = describe_learner(v->t);
	int			given = 0;
	int			done = 0;

	while (done < v->folds.n)
	{
		const TeamAnswer *answer;
		int			worker;

		for (; given < v->folds.n && (worker = team_idle(team)) >= 0; given++)
			team_assign(team, worker, TEAM_RUN_FOLD, given, given, text);
		report_folds(v, done);
		answer = team_wait(team);
		if (answer == NULL)
			continue;
		v->results[answer->number] = answer->fold;
		v->told[answer->number] = pstrdup(answer->text);
		done++;
	}
}

/* Does this process have memory for the rows of all folds at once? */
static bool
has_room(const Validation *v)
{
	MlArena    *arena = v->t->ctx->arena;
	size_t		needed = v->t->dataset->n_rows * (sizeof(uint32_t) + 1) * v->folds.n;

	return ml_arena_budget(arena) == 0 || ml_arena_used(arena) + needed < ml_arena_budget(arena);
}

/* False if there are to be no workers, or the server has none to spare. */
static bool
train_folds_in_team(Validation *v)
{
	int			n_workers = team_size(v->request->parallel, v->folds.n);
	Team	   *team;
	bool		started;

	if (n_workers < 2 || !has_room(v))
		return false;
	team = gather_team(v, n_workers);
	started = team_start(team) > 0;
	if (started)
		hand_out_folds(v, team);
	team_dismiss(team);
	return started;
}

/* ---------------------------------------------------------------- the record */

static void
append_metric(StringInfo text, const char *name, int step, double value)
{
	appendStringInfo(text, "%s[\"%s\", %d, ", text->data[text->len - 1] == '[' ? "" : ", ", name, step);
	if (isnan(value) || isinf(value))
		appendStringInfoString(text, "null]");
	else
		appendStringInfo(text, "%.17g]", value);
}

/*
 * Mean, or sample standard deviation, over the folds in which the metric is
 * defined (as SQL's avg and stddev do); NaN if there are none, or one.
 */
double
mltrain_fold_metric(const MlFoldResult *results, int n, int metric, bool deviation)
{
	double		sum = 0;
	double		squares = 0;
	int			defined = 0;

	for (int i = 0; i < n; i++)
	{
		double		value = mltrain_fold_metric_of(&results[i], metric);

		if (isnan(value))
			continue;
		sum += value;
		defined++;
	}
	if (!deviation)
		return defined > 0 ? sum / defined : NAN;
	for (int i = 0; i < n; i++)
	{
		double		value = mltrain_fold_metric_of(&results[i], metric);

		if (!isnan(value))
			squares += pow(value - sum / defined, 2);
	}
	return defined > 1 ? sqrt(squares / (defined - 1)) : NAN;
}

int
mltrain_metric_by_name(const char *name)
{
	int			metric = ml_metric_by_name(name);

	if (strcmp(name, "threshold_chosen") == 0)
		return MLTRAIN_THRESHOLD;
	if (metric < 0)
		elog(ERROR, "there is no metric \"%s\"", name);
	return MLTRAIN_FIRST_METRIC + metric;
}

double
mltrain_fold_metric_of(const MlFoldResult *result, int metric)
{
	MlNamedMetric metrics[MLTRAIN_N_METRICS];

	mltrain_named_metrics(&result->test, metrics);
	return metrics[metric].value;
}

/* A run with each fold's metrics by step, their means and deviations. */
static int64
record_validation(Validation *v)
{
	Training   *t = v->t;
	int			folds = v->folds.n;
	const MlTrainRequest *q = t->request;
	MlNamedMetric metrics[MLTRAIN_N_METRICS];
	Oid			types[3] = {OIDOID, TEXTOID, JSONBOID};
	Datum		values[3];
	MlRegistration data = {0};
	MlCatalogScope scope;
	StringInfoData text;
	int64		run_id;
	bool		isnull;

	mltrain_named_metrics(&v->results[0].test, metrics);
	mltrain_describe_data(t, &data);
	data.train_rows = t->counts.positives + t->counts.negatives;	/* folds in turn */
	initStringInfo(&text);
	appendStringInfo(&text, "{\"seed\": %lld, \"library_version\": \"%s\", \"algorithm\": \"%s\", "
					 "\"started_at\": \"%s\", \"dataset\": %s, \"model\": ",
					 (long long) q->seed, MLOPS_VERSION, t->learner->name, mlbase_utc_text(t->started_at),
					 mltrain_data_json(&data));
	escape_json(&text, q->model);
	appendStringInfoString(&text, ", \"experiment\": ");
	escape_json(&text, q->experiment ? q->experiment : q->model);
	appendStringInfoString(&text, ", \"target\": ");
	escape_json(&text, q->target);
	appendStringInfo(&text, ", \"params\": {\"folds\": \"%d\", \"folds_kind\": \"%s\"", folds, fold_kind_names[v->folds.kind]);
	for (size_t i = 0; i < t->learner->n_params; i++)
	{
		appendStringInfo(&text, ", \"%s\": ", t->learner->params[i].name);
		escape_json(&text, mltrain_param_text(&t->learner->params[i], t->params));
	}
	appendStringInfoString(&text, "}, \"metrics\": [");
	for (int m = 0; m < MLTRAIN_N_METRICS; m++)
	{
		for (int f = 0; f < folds; f++)
			append_metric(&text, psprintf("fold_%s", metrics[m].name), f + 1,
						  mltrain_fold_metric_of(&v->results[f], m));
		append_metric(&text, psprintf("mean_%s", metrics[m].name), 0,
					  mltrain_fold_metric(v->results, folds, m, false));
		append_metric(&text, psprintf("std_%s", metrics[m].name), 0,
					  mltrain_fold_metric(v->results, folds, m, true));
	}
	for (int f = 0; f < folds; f++)
		append_metric(&text, "fold_iterations", f + 1, v->results[f].iterations);
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

	errcontext("cross-validating model \"%s\", phase %s", mlbase_excerpt(t->request->model), t->phase);
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
	t->group_by = request->folds.group_by;
	t->phase = "check";
	t->started_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("cross_validate", request->train.model);

	mltrain_check(t, "mlops.cross_validate()");
	folds_check(&v->folds, &request->folds, request->train.time_column);
	check_split(t);
	mltrain_load(t, mlbase_engine_threads(), t->learner->needs_blas);
	mltrain_label(t);
	folds_make(&v->folds, t, t->label, t->split.validation);
	v->told = palloc0(v->folds.n * sizeof(char *));
	if (!train_folds_in_team(v))
		train_folds(v);
	mltrain_repeat(v->told, v->folds.n);
	mltrain_begin_phase(t, "register");
	*run_id = record_validation(v);

	MemoryContextSwitchTo(caller);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	return results;
}
