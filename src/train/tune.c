/*-------------------------------------------------------------------------
 * tune.c
 *	  Searching for parameters: the leader.
 *
 * The leader reads the data once, bins it, freezes what learners need (training
 * and validation rows, never the test rows) into shared memory, asks the
 * sampler for points and hands them to workers.  Each worker commits its trial
 * as soon as it ends.  Then the leader trains with the best parameters on the
 * data that it still has, as mlops.train does: only now the test rows count.
 *
 * A study is found again by a hash of everything that decides its trials, so
 * the same call after a crash or a cancel goes on with what is there.  While it
 * runs, an advisory lock on that hash keeps a second one out.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
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
#include "train/training.h"
#include "train/tune_space.h"
#include "train/tune_team.h"

#define MOST_TRIALS 10000
#define ETA 3					/* asha, hyperband: a third goes on */
#define MEDIAN_STARTUP 5

typedef struct Tuning
{
	const MlTuneRequest *request;
	Training   *t;
	TuneSpace  *space;
	MlSampler	sampler;
	MlPrunerKind pruner;
	int			n_views;
	int		   *max_bins;		/* [n_views] */
	MlView	   *views;
	TuneTeam   *team;
	TuneShared *shared;
	MlStudy    *study;
	int64		study_id;
	int			n_failed;
	char	   *first_error;
	TimestampTz started_at;
} Tuning;

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

static void
check_request(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->request;
	int			sampler = ml_sampler_by_name(r->method);
	int			pruner = ml_pruner_by_name(r->pruner);

	mltrain_check(tuning->t, "mlops.tune()");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops.tune() cannot run in a %s transaction",
						XactIsoLevel == XACT_SERIALIZABLE ? "serializable" : "repeatable read"),
				 errdetail("Its trials are committed on their own and must be seen.")));
	if (sampler < 0)
		refuse_choice("method", r->method, ml_sampler_names, ML_SAMPLER_COUNT);
	if (pruner < 0)
		refuse_choice("pruner", r->pruner, ml_pruner_names, ML_PRUNER_COUNT);
	tuning->sampler = (MlSampler) sampler;
	tuning->pruner = (MlPrunerKind) pruner;
	check_range("trials", r->trials, 1, MOST_TRIALS);
	check_range("max_seconds", r->max_seconds, 0, INT_MAX);
	check_range("parallel", r->parallel, 0, 256);
	check_range("patience", r->patience, 0, MOST_TRIALS);
	tuning->space = tune_space_parse(r->space, r->train.algorithm, r->train.params);
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
				 errhint("Give \"split\" a \"validation\" share or time.")));
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
	append_text(text, key, names ? mltrain_names_text(mltrain_names_of(names)) : NULL);
}

/* SHA-256 of everything that decides what the trials are and how they end. */
static char *
identity(const Tuning *tuning, const char *content_hash)
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
	append_text(&text, "content_hash", content_hash);
	append_text(&text, "target", r->target);
	append_text(&text, "positive", r->positive);
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
	int64		key = (int64) strtoull(pnstrdup(id, 16), NULL, 16);

	if (!DatumGetBool(DirectFunctionCall1(pg_try_advisory_xact_lock_int8, Int64GetDatum(key))))
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
	id = identity(tuning, data.content_hash);
	lock_study(id);
	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_text(&text, "identity", id);
	append_text(&text, "experiment", r->experiment ? r->experiment : r->model);
	append_text(&text, "model", r->model);
	append_text(&text, "method", tuning->request->method);
	append_text(&text, "pruner", tuning->request->pruner);
	append_json(&text, "space", tuning->space->json);
	append_text(&text, "metric", r->metric);
	append_text(&text, "target", r->target);
	append_json(&text, "tags", r->tags);
	appendStringInfo(&text, ", \"maximise\": %s, \"seed\": %lld, \"dataset\": %s}",
					 ml_metric_is_gain(tuning->t->metric) ? "true" : "false", (long long) r->seed,
					 mltrain_data_json(&data));
	return text.data;
}

/* ---------------------------------------------------------------- shared data */

/* A signature and binned matrices for each number of bins that may be asked for. */
static void
make_views(Tuning *tuning)
{
	Training   *t = tuning->t;
	List	   *bins = tune_space_max_bins(tuning->space);
	ListCell   *lc;

	tuning->max_bins = palloc(list_length(bins) * sizeof(int));
	tuning->views = palloc(list_length(bins) * sizeof(MlView));
	mltrain_begin_phase(t, "preprocess");
	foreach(lc, bins)
	{
		mltrain_make_view(t, lfirst_int(lc));
		tuning->max_bins[tuning->n_views] = lfirst_int(lc);
		tuning->views[tuning->n_views++] = (MlView) {t->signature, t->binned_train, t->binned_validation};
	}
	mltrain_end_phase(t);
}

static int
view_of(const Tuning *tuning, const MlLearner *learner, const void *params)
{
	int			bins = learner->max_bins(params);

	for (int v = 0; v < tuning->n_views; v++)
	{
		if (tuning->max_bins[v] == bins)
			return v;
	}
	elog(ERROR, "the data was not binned for %d bins", bins);
}

/* The next area of a segment being laid out. */
static Size
lay_out(Size *end, Size size)
{
	Size		offset = *end;

	*end = add_size(offset, TYPEALIGN64(64, size));
	return offset;
}

/* Freezes the data into shared memory and starts the workers. */
static void
gather_team(Tuning *tuning)
{
	Training   *t = tuning->t;
	const MlTuneRequest *r = tuning->request;
	int			cores = mlbase_engine_threads();
	int			n_workers = Min(r->parallel > 0 ? r->parallel : cores, r->trials);
	int			max_steps = tune_space_max_steps(tuning->space);
	MlFrozen	frozen = {t->dataset, t->rows[ML_PART_TRAIN], t->rows[ML_PART_VALIDATION], t->label,
	t->row_weight, t->fit_weight, tuning->n_views, tuning->views};
	TuneShared	shared = {0};
	char	   *details = describe_study(tuning);
	Size		end = 0;
	size_t		frozen_size;
	double	   *board;

	mlbase_check(t->ctx, ml_frozen_size(t->ctx, &frozen, &frozen_size));
	shared.magic = TUNE_MAGIC;
	shared.database = MyDatabaseId;
	shared.authenticated_user = GetAuthenticatedUserId();
	GetUserIdAndSecContext(&shared.current_user, &shared.security_context);
	shared.job_id = mlbase_progress_current_job();
	shared.seed = (uint64) r->train.seed;
	shared.metric = t->metric;
	memcpy(shared.class_weight, t->class_weight, sizeof(shared.class_weight));
	shared.threads = Max(1, cores / n_workers);
	shared.memory_kb = mlops_guc_max_training_memory;
	shared.with_blas = t->ctx->blas != NULL;
	strlcpy(shared.model, r->train.model, sizeof(shared.model));
	ml_pruner_init(&shared.pruner, tuning->pruner,
				   Max(1, tuning->pruner == ML_PRUNER_MEDIAN ? max_steps / 10 : max_steps / (ETA * ETA * ETA)),
				   max_steps, ETA, MEDIAN_STARTUP, ml_metric_is_gain(t->metric), shared.seed);
	shared.n_trials = r->trials;
	(void) lay_out(&end, sizeof(TuneShared));
	shared.frozen = lay_out(&end, frozen_size);
	shared.details = lay_out(&end, strlen(details) + 1);
	shared.board = lay_out(&end, mul_size(shared.n_trials, shared.pruner.n_rungs * sizeof(double)));
	shared.queues = lay_out(&end, mul_size(2 * n_workers, TUNE_QUEUE_SIZE));
	shared.size = end;

	tuning->team = tune_team_create(&shared, n_workers);
	tuning->shared = tune_team_shared(tuning->team);
	mlbase_check(t->ctx, ml_frozen_write(t->ctx, &frozen, tune_at(tuning->shared, shared.frozen)));
	strcpy(tune_at(tuning->shared, shared.details), details);
	board = tune_at(tuning->shared, shared.board);
	for (size_t i = 0; i < shared.n_trials * shared.pruner.n_rungs; i++)
		board[i] = NAN;
	(void) tune_team_start(tuning->team);
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
	double	   *board = tune_at(tuning->shared, tuning->shared->board);
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
			memcpy(board + number * n_rungs, rungs, n_rungs * sizeof(double));
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

static Jsonb *
jsonb_of_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
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
may_begin_another(const Tuning *tuning)
{
	const MlTuneRequest *r = tuning->request;

	if (r->max_seconds > 0 &&
		TimestampDifferenceExceeds(tuning->started_at, GetCurrentTimestamp(),
								   (int) Min((int64) r->max_seconds * 1000, INT_MAX)))
		return false;
	return r->patience == 0 || trials_since_best(tuning->study) < r->patience;
}

static void
report_trials(const Tuning *tuning)
{
	size_t		best = ml_study_best(tuning->study);
	int			ended = 0;

	for (size_t i = 0; i < tuning->study->capacity; i++)
		ended += tuning->study->trials[i].state > ML_TRIAL_RUNNING;
	mlbase_progress("trials", ended, tuning->request->trials,
					best == SIZE_MAX ? NAN : tuning->study->trials[best].value);
}

/* Keeps all workers busy until there is nothing left to try. */
static void
run_trials(Tuning *tuning)
{
	Training   *t = tuning->t;
	const TuneAnswer *answer;
	int			worker;
	bool		more = true;

	tune_team_assign(tuning->team, 0, TUNE_OPEN_STUDY, 0, 0, "");
	while ((answer = tune_team_wait(tuning->team)) == NULL)
		continue;
	tuning->study_id = tuning->shared->study_id = answer->study_id;
	mlbase_check(t->ctx, ml_study_create(t->ctx, &tuning->space->space, tuning->sampler,
										 (uint64) tuning->request->train.seed,
										 ml_metric_is_gain(t->metric), tuning->request->trials,
										 &tuning->study));
	load_trials(tuning);
	for (;;)
	{
		report_trials(tuning);
		while (more && (worker = tune_team_idle(tuning->team)) >= 0)
		{
			size_t		number = SIZE_MAX;
			const double *point;

			if (may_begin_another(tuning))
				mlbase_check(t->ctx, ml_study_ask(t->ctx, tuning->study, &number));
			more = number != SIZE_MAX;
			if (!more)
				break;
			point = tuning->study->trials[number].point;
			tune_team_assign(tuning->team, worker, TUNE_RUN_TRIAL, (int) number,
							 view_of(tuning, tune_space_learner(tuning->space, point), params_of(tuning, point)),
							 describe_trial(tuning, point));
		}
		if (tune_team_busy(tuning->team) == 0)
			break;
		answer = tune_team_wait(tuning->team);
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
	tune_team_dismiss(tuning->team);
}

/* Trains with the best parameters, judges on the test rows, registers. */
static void
train_winner(Tuning *tuning, MlTrainResult *result)
{
	Training   *t = tuning->t;
	size_t		best = ml_study_best(tuning->study);
	const double *point;
	MlTrainRequest request;
	int			view;

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
	view = view_of(tuning, t->learner, t->params);
	t->signature = tuning->views[view].signature;
	t->binned_train = tuning->views[view].binned_train;
	t->binned_validation = tuning->views[view].binned_validation;
	/* what is recorded is the call of train that makes the same model */
	request = *t->request;
	request.algorithm = pstrdup(t->learner->name);
	request.params = jsonb_of_text(tune_space_params(tuning->space, point));
	request.tags = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(request.tags),
													  JsonbPGetDatum(jsonb_of_text(psprintf("{\"study\": %lld, \"trial\": %d}",
																							(long long) tuning->study_id, (int) best)))));
	t->request = &request;
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
	errcontext("tuning model \"%s\"", ((Tuning *) arg)->request->train.model);
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
	t->phase = "check";
	t->started_at = tuning->started_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("tune", request->train.model);

	check_request(tuning);
	mltrain_read(t, mlbase_engine_threads(), needs_blas(tuning));
	mlbase_check(t->ctx, ml_space_check(t->ctx, &tuning->space->space, tuning->sampler == ML_SAMPLER_GRID));
	check_validation(t);
	make_views(tuning);
	mltrain_begin_phase(t, "trials");
	gather_team(tuning);
	run_trials(tuning);
	mltrain_end_phase(t);
	train_winner(tuning, result);

	MemoryContextSwitchTo(caller);
	result->metrics = (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(result->metrics), false, -1));
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
}
