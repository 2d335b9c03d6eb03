/*-------------------------------------------------------------------------
 * cross_validate.c
 *	  One training a fold, each judged on rows that it has not seen.
 *
 * The data is read once.  Folds are learned side by side by background workers
 * that share it, or one after the other in this process when there are no
 * workers to be had or only one is asked for.  Either way a fold is one call of
 * train_fold, whose result does not depend on threads: the metrics are the
 * same.  Nothing of a fold is kept, so memory is that of one training a process.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "train/describe.h"
#include "train/folds.h"
#include "train/team.h"
#include "train/train_fold.h"

typedef struct Validation
{
	int			parallel;
	Journal		journal;
	Request		request;
	ReadPlan	plan;
	Data		data;
	Folds		folds;
	char	  **told;			/* what was said of each fold */
	MlFoldResult *results;
} Validation;

/* The split may say how much is held back, and nothing else. */
static void
check_split(const MlTrainRequest *given)
{
	MlOptions  *options = mljson_options("split", given->split);
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

/* One after the other; the arena is given back after each. */
static void
train_folds(Validation *v)
{
	MlArena    *arena = v->data.ctx->arena;
	StringInfoData told;

	initStringInfo(&told);
	v->journal.told = &told;
	for (int f = 0; f < v->folds.n; f++)
	{
		MlArenaMark mark = ml_arena_mark(arena);
		Parts		parts;

		report_folds(v, f);
		folds_cut(&v->folds, &v->request, &v->data, f, &parts);
		train_fold(&v->journal, &v->request, &v->data, &parts, &v->results[f]);
		ml_arena_release(arena, mark);
		v->told[f] = pstrdup(told.data);
		resetStringInfo(&told);
	}
	v->journal.told = NULL;
}

/* ---------------------------------------------------------------- in workers */

/* The learner and its parameters, as an assignment's text. */
static char *
describe_learner(const Request *request)
{
	Jsonb	   *params = request->given->params;

	return psprintf("{\"algorithm\": \"%s\", \"given\": %s}", request->learner->name,
					JsonbToCString(NULL, &params->root, VARSIZE(params)));
}

/*
 * A team over the rows of each fold; it fits everything else itself.  Errors:
 * 53200, no room in shared memory or in the arena.
 */
static Team *
gather_team(Validation *v, int n_workers)
{
	MlArena    *arena = v->data.ctx->arena;
	MlArenaMark mark = ml_arena_mark(arena);
	MlView	   *views = palloc0(v->folds.n * sizeof(MlView));
	TeamPlan	plan = {.task = "cross-validation", .n_workers = n_workers, .n_views = v->folds.n, .views = views};
	Team	   *team;

	for (int f = 0; f < v->folds.n; f++)
	{
		Parts		parts;

		folds_cut(&v->folds, &v->request, &v->data, f, &parts);
		views[f].train = parts.rows[ML_PART_TRAIN];
		views[f].validation = parts.rows[ML_PART_VALIDATION];
		views[f].judged = parts.rows[ML_PART_TEST];
	}
	team = team_create(&v->request, &v->data, &plan);
	ml_arena_release(arena, mark);
	return team;
}

/*
 * Keeps all workers busy until every fold has an answer; results are by fold,
 * whoever made them.
 */
static void
hand_out_folds(Validation *v, Team *team)
{
	const char *text = describe_learner(&v->request);
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
	MlArena    *arena = v->data.ctx->arena;
	size_t		needed = v->data.dataset->n_rows * (sizeof(uint32_t) + 1) * v->folds.n;

	return ml_arena_budget(arena) == 0 || ml_arena_used(arena) + needed < ml_arena_budget(arena);
}

/* False if there are to be no workers, or the server has none to spare. */
static bool
train_folds_in_team(Validation *v)
{
	int			n_workers = team_size(v->parallel, v->folds.n);
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

/* [name, step, value]; what is no number is null. */
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

/*
 * A run with each fold's metrics by step, their means and deviations.  In the
 * caller's transaction, as the catalog's owner.
 */
static int64
record_validation(Validation *v)
{
	const MlLearner *learner = v->request.learner;
	int			folds = v->folds.n;
	const MlTrainRequest *q = v->request.given;
	const Parts not_split = {0};
	MlNamedMetric metrics[MLTRAIN_N_METRICS];
	Oid			types[3] = {OIDOID, TEXTOID, JSONBOID};
	Datum		values[3];
	MlRegistration data = {0};
	MlCatalogScope scope;
	StringInfoData text;
	int64		run_id;
	bool		isnull;

	mltrain_named_metrics(&v->results[0].test, metrics);
	mltrain_describe_data(&v->request, &v->plan, &v->data, &not_split, &data);
	data.train_rows = folds_rows(&v->folds, &v->data);	/* in turn */
	initStringInfo(&text);
	appendStringInfo(&text, "{\"seed\": %lld, \"library_version\": \"%s\", \"algorithm\": \"%s\", "
					 "\"started_at\": \"%s\", \"dataset\": %s, \"model\": ",
					 (long long) q->seed, MLOPS_VERSION, learner->name, mlbase_utc_text(v->journal.started_at),
					 mltrain_data_json(&data));
	escape_json(&text, q->model);
	appendStringInfoString(&text, ", \"experiment\": ");
	escape_json(&text, q->experiment ? q->experiment : q->model);
	appendStringInfoString(&text, ", \"target\": ");
	escape_json(&text, q->target);
	appendStringInfo(&text, ", \"params\": {\"folds\": \"%d\", \"folds_kind\": \"%s\"", folds, fold_kind_names[v->folds.kind]);
	for (size_t i = 0; i < learner->n_params; i++)
	{
		appendStringInfo(&text, ", \"%s\": ", learner->params[i].name);
		escape_json(&text, mltrain_param_text(&learner->params[i], v->request.params));
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
	Validation *v = (Validation *) arg;

	if (mlbase_tells_place())
		errcontext("cross-validating model \"%s\", phase %s", mlbase_excerpt(v->request.given->model), v->journal.phase);
}

/*
 * results [ML_MAX_FOLDS] are in the caller's memory context, everything else ends
 * with the call.
 */
MlFoldResult *
mltrain_cross_validate(const MlCrossValidateRequest *request, int64 *run_id)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops cross-validation", ALLOCSET_DEFAULT_SIZES);
	Validation *v = MemoryContextAllocZero(context, sizeof(Validation));
	MlFoldResult *results = palloc0(ML_MAX_FOLDS * sizeof(MlFoldResult));
	ErrorContextCallback error_context = {error_context_stack, validation_context, v};

	v->parallel = request->parallel;
	v->results = results;
	v->request.given = &request->train;
	mltrain_open_journal(&v->journal);
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("cross_validate", request->train.model);
	mlbase_progress_aloud();

	check_split(&request->train);	/* first: it allows less than that of a training */
	mltrain_check(&request->train, request->folds.group_by, "mlops.cross_validate()", &v->request);
	mltrain_check_together(&v->request);
	folds_check(&v->folds, &request->folds, request->train.time_column);
	mltrain_load(&v->journal, &v->request, mlbase_engine_threads(), v->request.learner->needs_blas, false, &v->plan, &v->data);
	mltrain_label_rows(&v->journal, &v->request, &v->plan, &v->data);
	folds_make(&v->folds, &v->request, &v->data, v->data.label, v->request.split.validation);
	mltrain_tell_roles(&v->request, &v->data, folds_notes(&v->folds));
	v->told = palloc0(v->folds.n * sizeof(char *));
	if (!train_folds_in_team(v))
		train_folds(v);
	mltrain_repeat(v->told, v->folds.n);
	mltrain_begin_phase(&v->journal, "register");
	*run_id = record_validation(v);

	MemoryContextSwitchTo(caller);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	return results;
}
