/*-------------------------------------------------------------------------
 * tune.c
 *	  Searching for parameters: the leader.
 *
 * The leader reads the data once, bins it (once for each fold, from the fold's
 * own training rows), freezes what learners need (training and validation rows,
 * never the test rows) into shared memory, asks the sampler for points and hands
 * them to workers.  Each worker commits its trial as soon as it ends.  Then the
 * leader trains with the best parameters on the data that it still has, as
 * mlops.train does: only now the test rows count.
 *
 * A study is found again by a hash of everything that decides its trials, so
 * the same call after a crash or a cancel goes on with what is there.  While it
 * runs, a lock on that hash keeps a second one out.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
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
#include "train/tune_space.h"

#define MOST_TRIALS 10000

/* Of a pruner, where the user gives nothing else. */
#define REDUCTION_FACTOR 3		/* asha, hyperband: a third goes on */
#define STARTUP_TRIALS 5		/* median */

typedef struct Tuning
{
	const MlTuneRequest *request;
	Training   *t;
	TuneSpace  *space;
	MlSampler	sampler;
	MlPruner	pruner;
	Folds		folds;			/* n = 0: none */
	List	   *max_bins;		/* that points may ask for */
	Team	   *team;
	TeamShared *shared;
	MlStudy    *study;
	int64		study_id;
	int			n_failed;
	char	   *first_error;
	const char *stopped;		/* why it ends before all trials, NULL: it does not */
	TimestampTz started_at;
	TimestampTz told_at;		/* how far it is */
} Tuning;

static Jsonb *
jsonb_of_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* ---------------------------------------------------------------- checks */

static void
refuse_choice(const char *argument, const char *value, const char *const *valid, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", valid[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized %s \"%s\"", argument, value),
			 errhint("Valid values are: %s.", list.data)));
}

static void
check_range(const char *argument, int value, int minimum, int maximum)
{
	if (value < minimum || value > maximum)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"%s\" is out of range", value, argument),
				 errdetail("It must be between %d and %d.", minimum, maximum)));
}

/*
 * The pruner: its name, or JSON with the name and settings.  Trials are compared
 * after rounds, or with folds after each fold.
 */
static void
read_pruner(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->request;
	bool		folded = r->folds.folds > 0;
	int			max_steps = folded ? r->folds.folds : tune_space_max_steps(tuning->space);
	int			factor = REDUCTION_FACTOR;
	int			startup = STARTUP_TRIALS;
	char	   *name = r->pruner;
	MlOptions  *options = NULL;
	int			kind;
	int			min_steps;

	if (r->pruner[0] == '{')
	{
		options = mljson_options("pruner", jsonb_of_text(r->pruner));
		if (!mljson_text(options, "name", &name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"pruner\" has no \"name\"")));
	}
	kind = ml_pruner_by_name(name);
	if (kind < 0)
		refuse_choice("pruner", name, ml_pruner_names, ML_PRUNER_COUNT);
	min_steps = folded ? 1 : Max(1, kind == ML_PRUNER_MEDIAN ? max_steps / 10 : max_steps / 27);
	if (options)
	{
		if (kind == ML_PRUNER_MEDIAN)
			mljson_integer(options, "startup_trials", 1, MOST_TRIALS, &startup);
		if (kind == ML_PRUNER_ASHA || kind == ML_PRUNER_HYPERBAND)
			mljson_integer(options, "reduction_factor", 2, 100, &factor);
		if (kind != ML_PRUNER_NONE)
			mljson_integer(options, folded ? "min_folds" : "min_rounds", 1, max_steps, &min_steps);
		mljson_finish(options);
	}
	ml_pruner_init(&tuning->pruner, kind, min_steps, max_steps, factor, startup,
				   !ml_metrics[tuning->t->metric].smaller_is_better, (uint64) r->train.seed);
	tuning->pruner.latest = folded;
}

static void
check_folds(Tuning *tuning)
{
	const MlFoldsRequest *r = &tuning->request->folds;

	if (r->folds > 0)
		folds_check(&tuning->folds, r, tuning->request->train.time_column);
	else if (r->kind || r->group_by || r->label_delay != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" needs \"folds\"", r->kind ? "kind" : r->group_by ? "group_by" : "label_delay"),
				 errdetail("Without folds, trials are judged on the validation rows of the split.")));
}

static void
check_request(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->request;
	int			sampler = ml_sampler_by_name(r->method);

	mltrain_check(tuning->t, "mlops.tune()");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops.tune() cannot run in a %s transaction",
						XactIsoLevel == XACT_SERIALIZABLE ? "serializable" : "repeatable read"),
				 errdetail("Its trials are committed on their own and must be seen.")));
	if (sampler < 0)
		refuse_choice("method", r->method, ml_sampler_names, ML_SAMPLER_COUNT);
	tuning->sampler = (MlSampler) sampler;
	check_range("trials", r->trials, 1, MOST_TRIALS);
	check_range("max_seconds", r->max_seconds, 0, INT_MAX);
	check_range("parallel", r->parallel, 0, 256);
	check_range("patience", r->patience, 0, MOST_TRIALS);
	check_folds(tuning);
	tuning->space = tune_space_parse(r->space, r->train.algorithm, r->train.params);
	tuning->max_bins = tune_space_max_bins(tuning->space);
	read_pruner(tuning);
	if (tuning->space->left_out)
		ereport(NOTICE,
				(errmsg("what \"params\" gives is fixed and not searched: %s", mltrain_names_text(tuning->space->left_out)),
				 errhint("Give a \"space\" to search it.")));
}

/* Validation rows decide: there must be some of both classes. */
static void
check_validation(const Training *t)
{
	MlRows		rows = t->rows[ML_PART_VALIDATION];
	size_t		positives = 0;

	for (size_t i = 0; i < rows.n; i++)
		positives += t->label[rows.row[i]] == 1;
	if (rows.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tuning needs validation rows, and the split leaves none"),
				 t->fold >= 0
				 ? errhint("Mark rows as validation in column \"%s\", or give a number of \"folds\".", t->split.fold)
				 : errhint("Give \"split\" a \"validation\" share or time, or a number of \"folds\".")));
	if (positives == 0 || positives == rows.n)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target \"%s\" has only one class in the validation rows", t->request->target),
				 errdetail("There are %zu positive and %zu negative rows.", positives, rows.n - positives)));
}

/* ---------------------------------------------------------------- identity */

static void
append_text(StringInfo text, const char *key, const char *value)
{
	appendStringInfo(text, "%s\"%s\": ", text->len > 1 ? ", " : "", key);
	if (value)
		escape_json(text, value);
	else
		appendStringInfoString(text, "null");
}

static void
append_json(StringInfo text, const char *key, Jsonb *json)
{
	appendStringInfo(text, "%s\"%s\": %s", text->len > 1 ? ", " : "", key,
					 json ? JsonbToCString(NULL, &json->root, VARSIZE(json)) : "null");
}

static void
append_names(StringInfo text, const char *key, ArrayType *names)
{
	append_text(text, key, names ? mltrain_names_text(mlbase_names(names, key)) : NULL);
}

/* How trials are judged, as view mlops.studies shows it; NULL: on the validation rows. */
static Jsonb *
folds_json(const Tuning *tuning)
{
	const Folds *folds = &tuning->folds;
	StringInfoData text;

	if (folds->n == 0)
		return NULL;
	initStringInfo(&text);
	appendStringInfo(&text, "{\"folds\": %d", folds->n);
	append_text(&text, "kind", fold_kind_names[folds->kind]);
	if (folds->kind == FOLDS_GROUPED)
		append_text(&text, "group_by", folds->request->group_by);
	if (folds->border)
		appendStringInfo(&text, ", \"label_delay_seconds\": %s",
						 double_to_shortest_decimal(folds->request->label_delay));
	appendStringInfo(&text, ", \"held_back\": %s}", double_to_shortest_decimal(folds->held_back));
	return jsonb_of_text(text.data);
}

/* SHA-256 of everything that decides what the trials are and how they end. */
static char *
identity(const Tuning *tuning)
{
	const MlTuneRequest *q = tuning->request;
	const MlTrainRequest *r = &q->train;
	StringInfoData text;
	uint8		sha256[32];
	char	   *hex = palloc(65);

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_text(&text, "library", MLOPS_VERSION);
	append_text(&text, "user", GetUserNameFromId(GetUserId(), false));
	append_text(&text, "model", r->model);
	append_text(&text, "experiment", r->experiment);
	append_text(&text, "content_hash", psprintf("%016llx%016llx",
												(unsigned long long) tuning->t->full_fingerprint[0],
												(unsigned long long) tuning->t->full_fingerprint[1]));
	append_text(&text, "target", r->target);
	append_text(&text, "positive", mling_positive_text(tuning->t->positive));
	append_text(&text, "algorithm", r->algorithm);
	append_names(&text, "features", r->features);
	append_names(&text, "exclude", r->exclude);
	append_text(&text, "key", r->key);
	append_text(&text, "time_column", r->time_column);
	append_text(&text, "time_zone", tuning->t->zone);
	append_text(&text, "weight", r->weight);
	append_json(&text, "params", r->params);
	append_json(&text, "preprocess", r->preprocess);
	append_json(&text, "split",	/* a refit comes after the trials */
				DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(r->split),
												   CStringGetTextDatum("refit"))));
	append_text(&text, "metric", r->metric);
	append_json(&text, "space", tuning->space->json);
	append_text(&text, "method", q->method);
	append_text(&text, "pruner", q->pruner);
	append_json(&text, "folds", folds_json(tuning));
	appendStringInfo(&text, ", \"seed\": %lld}", (long long) r->seed);
	mlreg_sha256((uint8 *) text.data, text.len, sha256);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
	return hex;
}

/* One tuning of a study at a time, until the transaction ends. */
static void
lock_study(const char *id)
{
	if (!mlcat_try_lock("study", strtoull(pnstrdup(id, 16), NULL, 16)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("this tuning is running in another session"),
				 errhint("Wait for it, or give another \"seed\" or \"experiment\".")));
}

/* What mlops_catalog.open_study needs. */
static char *
describe_study(const Tuning *tuning)
{
	const MlTrainRequest *r = &tuning->request->train;
	MlRegistration data = {0};
	StringInfoData text;
	char	   *id;

	mltrain_describe_data(tuning->t, &data);
	id = identity(tuning);
	lock_study(id);
	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_text(&text, "identity", id);
	append_text(&text, "experiment", r->experiment ? r->experiment : r->model);
	append_text(&text, "model", r->model);
	append_text(&text, "method", tuning->request->method);
	append_text(&text, "pruner", tuning->request->pruner);
	append_json(&text, "space", tuning->space->json);
	append_json(&text, "folds", folds_json(tuning));
	append_text(&text, "metric", r->metric);
	append_text(&text, "target", r->target);
	append_json(&text, "tags", r->tags);
	appendStringInfo(&text, ", \"maximise\": %s, \"seed\": %lld, \"dataset\": %s}",
					 ml_metrics[tuning->t->metric].smaller_is_better ? "false" : "true", (long long) r->seed,
					 mltrain_data_json(&data));
	return text.data;
}

/* ---------------------------------------------------------------- shared data */

/* Labels of training and validation rows, NaN for all others. */
static float *
labels_without_test(Training *t)
{
	size_t		n = t->dataset->n_rows;
	float	   *label = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));

	if (label == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	for (size_t row = 0; row < n; row++)
		label[row] = NAN;
	for (int p = ML_PART_TRAIN; p <= ML_PART_VALIDATION; p++)
	{
		for (size_t i = 0; i < t->rows[p].n; i++)
			label[t->rows[p].row[i]] = t->label[t->rows[p].row[i]];
	}
	return label;
}

/* t's rows as binned for a number of bins. */
static MlView
make_view(Training *t, int max_bins, MlPart judged)
{
	mltrain_make_view(t, max_bins);
	return (MlView) {t->rows[ML_PART_TRAIN], t->rows[ML_PART_VALIDATION], t->rows[judged],
		t->signature, t->binned_train, t->binned_validation};
}

/*
 * A view for each number of bins that may be asked for and each fold: those of
 * one number are neighbours.
 */
static MlView *
make_views(Tuning *tuning, size_t *n_views)
{
	Training   *t = tuning->t;
	int			n_bins = list_length(tuning->max_bins);
	int			n_folds = tuning->folds.n;
	MlView	   *views;

	*n_views = n_bins * Max(1, n_folds);
	views = palloc(*n_views * sizeof(MlView));
	for (int f = 0; f < n_folds; f++)
	{
		folds_cut(&tuning->folds, t, f);
		for (int b = 0; b < n_bins; b++)
			views[b * n_folds + f] = make_view(t, list_nth_int(tuning->max_bins, b), ML_PART_TEST);
	}
	for (int b = 0; n_folds == 0 && b < n_bins; b++)
		views[b] = make_view(t, list_nth_int(tuning->max_bins, b), ML_PART_VALIDATION);
	return views;
}

/* The first view for parameters. */
static int
view_of(const Tuning *tuning, const MlLearner *learner, const void *params)
{
	int			bins = learner->max_bins(params);

	for (int b = 0; b < list_length(tuning->max_bins); b++)
	{
		if (list_nth_int(tuning->max_bins, b) == bins)
			return b * Max(1, tuning->folds.n);
	}
	elog(ERROR, "the data was not binned for %d bins", bins);
}

/*
 * Deals out the folds.  A share of each one's training rows is held back only
 * if trials may stop early: nothing else needs it.
 */
static void
make_folds(Tuning *tuning)
{
	Training   *t = tuning->t;

	folds_make(&tuning->folds, t, labels_without_test(t),
			   tune_space_stops_early(tuning->space) ? t->split.validation : 0);
}

/* Freezes the data into shared memory and starts the workers. */
static void
gather_team(Tuning *tuning)
{
	Training   *t = tuning->t;
	const MlTuneRequest *r = tuning->request;
	TrainingScope scope;
	TeamPlan	plan = {.task = "tuning", .n_workers = team_size(r->parallel, r->trials),
		.n_folds = tuning->folds.n, .pruner = tuning->pruner, .n_trials = r->trials};
	int			n;

	mltrain_scope_begin(t, &scope);
	if (tuning->folds.n > 0)
		make_folds(tuning);
	plan.details = describe_study(tuning);
	plan.views = make_views(tuning, &plan.n_views);
	tuning->team = team_create(t, &plan);
	tuning->shared = team_shared(tuning->team);
	mltrain_scope_end(t, &scope);
	n = team_start(tuning->team);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free for tuning"),
				 errhint("Raise max_worker_processes (now %d).", max_worker_processes)));
	if (n < plan.n_workers)
		ereport(NOTICE,
				(errmsg("tuning runs %d trials at a time, not %d", n, plan.n_workers),
				 errdetail("The server has no more free background workers."),
				 errhint("Raise max_worker_processes (now %d).", max_worker_processes)));
}

/* ---------------------------------------------------------------- trials */

static MlTrialState
state_by_name(const char *name)
{
	return strcmp(name, "finished") == 0 ? ML_TRIAL_FINISHED
		: strcmp(name, "pruned") == 0 ? ML_TRIAL_PRUNED : ML_TRIAL_FAILED;
}

/* Numbers of a float8[], NULLs as NaN; false if their count is another. */
static bool
read_numbers(Datum array, size_t n, double *numbers)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	for (int i = 0; i < count && (size_t) count == n; i++)
		numbers[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
	return (size_t) count == n;
}

/* Takes in what earlier calls have left. */
static void
load_trials(Tuning *tuning)
{
	size_t		n_rungs = tuning->shared->pruner.n_rungs;
	double	   *point = palloc(tuning->study->space->n * sizeof(double));
	double	   *rungs = palloc((n_rungs + 1) * sizeof(double));
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2];
	MlCatalogScope scope;
	uint64		n;

	values[0] = Int64GetDatum(tuning->study_id);
	values[1] = Int32GetDatum(tuning->request->trials);
	mlcat_begin(&scope);
	n = mlcat_execute("SELECT number, state, value, steps, point, rungs, error FROM mlops_catalog.counted_trial "
					  "WHERE study_id OPERATOR(pg_catalog.=) $1 AND number OPERATOR(pg_catalog.<) $2 ORDER BY number",
					  2, types, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			number = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
		MlTrialState state = state_by_name(SPI_getvalue(tuple, desc, 2));
		Datum		value = SPI_getbinval(tuple, desc, 3, &isnull);
		double		reached = isnull ? NAN : DatumGetFloat8(value);
		int			steps = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));

		if (!read_numbers(SPI_getbinval(tuple, desc, 5, &isnull), tuning->study->space->n, point))
			elog(ERROR, "trial %d of study %lld does not fit the space", number,
				 (long long) tuning->study_id);
		ml_study_add(tuning->study, number, point, state, reached, steps);
		tuning->n_failed += state == ML_TRIAL_FAILED;
		if (read_numbers(SPI_getbinval(tuple, desc, 6, &isnull), n_rungs, rungs) && n_rungs > 0)
			memcpy(team_board(tuning->shared, number), rungs, n_rungs * sizeof(double));
	}
	mlcat_end(&scope);
	if (n > 0)
		ereport(NOTICE,
				(errmsg("%llu trials of this tuning are there from before", (unsigned long long) n)));
}

/* The text of an assignment. */
static char *
describe_trial(const Tuning *tuning, const double *point)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"algorithm\": \"%s\", \"given\": %s, \"params\": %s, \"point\": [",
					 tune_space_learner(tuning->space, point)->name,
					 tune_space_params(tuning->space, point), tune_space_varied(tuning->space, point));
	for (size_t i = 0; i < tuning->study->space->n; i++)
	{
		if (i > 0)
			appendStringInfoString(&text, ", ");
		if (isnan(point[i]))
			appendStringInfoString(&text, "null");
		else
			appendStringInfo(&text, "%.17g", point[i]);
	}
	appendStringInfoString(&text, "]}");
	return text.data;
}

/* Parameters of a point as the learner's struct. */
static void *
params_of(const Tuning *tuning, const double *point)
{
	return mltrain_parse_params(tune_space_learner(tuning->space, point), "space",
								jsonb_of_text(tune_space_params(tuning->space, point)));
}

/* Trials that ended since the best one did, by number. */
static int
trials_since_best(const MlStudy *study)
{
	size_t		best = ml_study_best(study);
	int			n = 0;

	for (size_t i = best == SIZE_MAX ? study->capacity : best + 1; i < study->capacity; i++)
		n += study->trials[i].state != ML_TRIAL_NONE && study->trials[i].state != ML_TRIAL_RUNNING;
	return n;
}

static bool
may_begin_another(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->request;

	if (r->max_seconds > 0 &&
		TimestampDifferenceExceeds(tuning->started_at, GetCurrentTimestamp(),
								   (int) Min((int64) r->max_seconds * 1000, INT_MAX)))
		tuning->stopped = psprintf("\"max_seconds\" (%d) are over", r->max_seconds);
	else if (r->patience > 0 && trials_since_best(tuning->study) >= r->patience)
		tuning->stopped = psprintf("the last %d trials were no better than the best one (\"patience\")", trials_since_best(tuning->study));
	return tuning->stopped == NULL;
}

static int
n_ended(const MlStudy *study)
{
	int			n = 0;

	for (size_t i = 0; i < study->capacity; i++)
		n += study->trials[i].state > ML_TRIAL_RUNNING;
	return n;
}

/* " The best pr_auc is 0.87, of trial 3.", nothing without a trial that finished. */
static const char *
best_so_far(const Tuning *tuning)
{
	size_t		best = ml_study_best(tuning->study);

	return best == SIZE_MAX ? "" : psprintf(" The best %s is %.4g, of trial %zu.", ml_metrics[tuning->t->metric].name,
											tuning->study->trials[best].value, best);
}

#define TELL_EVERY 5000			/* milliseconds */

/* In shared memory for who looks; to a person who waits in a session also by itself. */
static void
report_trials(Tuning *tuning)
{
	size_t		best = ml_study_best(tuning->study);
	int			ended = n_ended(tuning->study);

	mlbase_progress("trials", ended, tuning->request->trials,
					best == SIZE_MAX ? NAN : tuning->study->trials[best].value);
	if (MyBackendType == B_BG_WORKER || !TimestampDifferenceExceeds(tuning->told_at, GetCurrentTimestamp(), TELL_EVERY))
		return;
	tuning->told_at = GetCurrentTimestamp();
	ereport(NOTICE,
			(errmsg("%d of %d trials have ended.%s", ended, tuning->request->trials, best_so_far(tuning))));
}

/* Why there are fewer trials than were asked for. */
static void
tell_end(const Tuning *tuning)
{
	const MlStudy *study = tuning->study;

	if (study->exhausted)
		ereport(NOTICE,
				(errmsg("the search ended early: all %zu points of the space have been tried", study->n_points),
				 errdetail("Training is deterministic: another trial of a point would give the same value.")));
	else if (n_ended(study) < tuning->request->trials)
		ereport(NOTICE,
				(errmsg("the search ended after %d of %d trials: %s", n_ended(study), tuning->request->trials,
						tuning->stopped ? tuning->stopped : "all points of the grid have been tried")));
}

/* Keeps all workers busy until there is nothing left to try. */
static void
run_trials(Tuning *tuning)
{
	Training   *t = tuning->t;
	const TeamAnswer *answer;
	int			worker;
	bool		more = true;

	team_assign(tuning->team, 0, TEAM_OPEN_STUDY, 0, 0, "");
	while ((answer = team_wait(tuning->team)) == NULL)
		continue;
	tuning->study_id = tuning->shared->study_id = answer->study_id;
	mlbase_check(t->ctx, ml_study_create(t->ctx, &tuning->space->space, tuning->sampler,
										 (uint64) tuning->request->train.seed,
										 !ml_metrics[t->metric].smaller_is_better, tuning->request->trials,
										 &tuning->study));
	load_trials(tuning);
	for (;;)
	{
		report_trials(tuning);
		while (more && (worker = team_idle(tuning->team)) >= 0)
		{
			size_t		number = SIZE_MAX;
			const double *point;

			if (may_begin_another(tuning))
				mlbase_check(t->ctx, ml_study_ask(t->ctx, tuning->study, &number));
			more = number != SIZE_MAX;
			if (!more)
				break;
			point = tuning->study->trials[number].point;
			team_assign(tuning->team, worker, TEAM_RUN_TRIAL, (int) number,
							 view_of(tuning, tune_space_learner(tuning->space, point), params_of(tuning, point)),
							 describe_trial(tuning, point));
		}
		if (team_busy(tuning->team) == 0)
			break;
		answer = team_wait(tuning->team);
		if (answer == NULL)
			continue;			/* not yet: tell how far it is again */
		ml_study_tell(tuning->study, answer->number, answer->state, answer->value, answer->steps);
		if (answer->state == ML_TRIAL_FAILED)
		{
			if (tuning->first_error == NULL)
				tuning->first_error = pstrdup(answer->text);
			tuning->n_failed++;
		}
	}
	tell_end(tuning);
	team_dismiss(tuning->team);
}

/* What train must exclude to see the same columns: train knows no group. */
static ArrayType *
excluded(const Tuning *tuning)
{
	const MlTrainRequest *r = &tuning->request->train;
	const char *group_by = tuning->request->folds.group_by;
	List	   *names = mlbase_names(r->exclude, "exclude");
	Datum	   *elements;
	int			n = 0;
	ListCell   *lc;

	if (group_by == NULL || r->features)
		return r->exclude;
	names = lappend(names, pstrdup(group_by));
	elements = palloc(list_length(names) * sizeof(Datum));
	foreach(lc, names)
	{
		Name		name = palloc(sizeof(NameData));

		namestrcpy(name, (char *) lfirst(lc));
		elements[n++] = NameGetDatum(name);
	}
	return construct_array(elements, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR);
}

/* Trains with the best parameters, judges on the test rows, registers. */
static void
train_winner(Tuning *tuning, MlTrainResult *result)
{
	Training   *t = tuning->t;
	size_t		best = ml_study_best(tuning->study);
	const double *point;
	MlTrainRequest request;

	if (best == SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no trial of the tuning has finished"),
				 tuning->first_error ? errdetail("%d trials failed, the first one with: %s",
												 tuning->n_failed, tuning->first_error) : 0,
				 errhint("View mlops.trials shows what was tried.")));
	if (tuning->n_failed > 0)
		ereport(NOTICE,
				(errmsg("%d trials failed", tuning->n_failed),
				 errhint("View mlops.trials shows why.")));
	point = tuning->study->trials[best].point;
	t->learner = tune_space_learner(tuning->space, point);
	t->params = params_of(tuning, point);
	/* what is recorded is the call of train that makes the same model */
	request = *t->request;
	request.algorithm = pstrdup(t->learner->name);
	request.params = jsonb_of_text(tune_space_params(tuning->space, point));
	request.tags = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(request.tags),
													  JsonbPGetDatum(jsonb_of_text(psprintf("{\"study\": %lld, \"trial\": %d}",
																							(long long) tuning->study_id, (int) best)))));
	request.exclude = excluded(tuning);
	t->request = &request;
	mltrain_preprocess(t);
	mltrain_fit(t);
	mltrain_begin_phase(t, "judge");
	mltrain_judge(t);
	mltrain_end_phase(t);
	mltrain_begin_phase(t, "register");
	mltrain_record(t, result);
}

/* ---------------------------------------------------------------- entry */

static void
tuning_context(void *arg)
{
	errcontext("tuning model \"%s\"", mlbase_excerpt(((Tuning *) arg)->request->train.model));
}

/* Does any algorithm of the space, or the sampler, need linear algebra? */
static bool
needs_blas(const Tuning *tuning)
{
	bool		needed = tuning->sampler == ML_SAMPLER_GP;

	for (int i = 0; i < tuning->space->n_algorithms; i++)
		needed = needed || tuning->space->algorithms[i].learner->needs_blas;
	return needed;
}

void
mltrain_tune(const MlTuneRequest *request, MlTrainResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops tuning", ALLOCSET_DEFAULT_SIZES);
	Tuning	   *tuning = MemoryContextAllocZero(context, sizeof(Tuning));
	Training   *t = MemoryContextAllocZero(context, sizeof(Training));
	ErrorContextCallback error_context = {error_context_stack, tuning_context, tuning};

	tuning->request = request;
	tuning->t = t;
	t->request = &request->train;
	t->group_by = request->folds.group_by;
	t->phase = "check";
	t->started_at = tuning->started_at = tuning->told_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("tune", request->train.model);

	check_request(tuning);
	mltrain_read(t, mlbase_engine_threads(), needs_blas(tuning));
	mlbase_check(t->ctx, ml_space_check(t->ctx, &tuning->space->space, tuning->sampler == ML_SAMPLER_GRID));
	if (tuning->folds.n == 0)
		check_validation(t);
	mltrain_begin_phase(t, "share");
	gather_team(tuning);
	mltrain_end_phase(t);
	mltrain_begin_phase(t, "trials");
	run_trials(tuning);
	mltrain_end_phase(t);
	train_winner(tuning, result);

	MemoryContextSwitchTo(caller);
	result->metrics = (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(result->metrics), false, -1));
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
}
