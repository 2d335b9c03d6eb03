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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/study.h"
#include "train/team.h"
#include "train/train.h"
#include "train/tune_request.h"

typedef struct Tuning
{
	TuneRequest tune;
	Journal		journal;
	Request		request;
	ReadPlan	plan;
	Data		data;
	Prepared	prepared;		/* as split by the request; views of it are the team's */
	Folds		folds;			/* dealt out; n = 0: none */
	Team	   *team;
	TeamShared *shared;
	MlStudy    *study;
	int64		study_id;
	int			n_failed;
	char	   *first_error;
	const char *stopped;		/* why it ends before all trials, NULL: it does not */
} Tuning;

/* Validation rows decide: there must be some of both classes.  Errors: 22023, 22000. */
static void
check_validation(const Request *request, const Prepared *prepared)
{
	MlRows		rows = prepared->parts.rows[ML_PART_VALIDATION];
	size_t		positives = 0;

	for (size_t i = 0; i < rows.n; i++)
		positives += prepared->data->label[rows.row[i]] == 1;
	if (rows.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tuning needs validation rows, and the split leaves none"),
				 prepared->data->roles.fold >= 0
				 ? errhint("Mark rows as validation in column \"%s\", or give a number of \"folds\".", request->split.fold)
				 : errhint("Give \"split\" a \"validation\" share or time, or a number of \"folds\".")));
	if (positives == 0 || positives == rows.n)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target \"%s\" has only one class in the validation rows", request->given->target),
				 errdetail("There are %zu positive and %zu negative rows.", positives, rows.n - positives)));
}

/* ---------------------------------------------------------------- shared data */

/* Labels of training and validation rows, NaN for all others. */
static float *
labels_without_test(const Prepared *prepared)
{
	const Data *data = prepared->data;
	const MlRows *rows = prepared->parts.rows;
	size_t		n = data->dataset->n_rows;
	float	   *label = mltrain_array(data, n, sizeof(float));

	for (size_t row = 0; row < n; row++)
		label[row] = NAN;
	for (int p = ML_PART_TRAIN; p <= ML_PART_VALIDATION; p++)
	{
		for (size_t i = 0; i < rows[p].n; i++)
			label[rows[p].row[i]] = data->label[rows[p].row[i]];
	}
	return label;
}

/* Parts of the rows as binned for a number of bins. */
static MlView
make_view(Tuning *tuning, const Parts *parts, int max_bins, MlPart judged)
{
	Prepared	view = {.data = &tuning->data, .parts = *parts};

	mltrain_make_view(&tuning->journal, &tuning->request, tuning->request.params, max_bins, &view);
	return (MlView) {parts->rows[ML_PART_TRAIN], parts->rows[ML_PART_VALIDATION], parts->rows[judged],
		view.signature, view.binned_train, view.binned_validation};
}

/*
 * A view for each number of bins that may be asked for and each fold: those of
 * one number are neighbours.
 */
static MlView *
make_views(Tuning *tuning, size_t *n_views)
{
	List	   *max_bins = tuning->tune.max_bins;
	int			n_bins = list_length(max_bins);
	int			n_folds = tuning->folds.n;
	MlView	   *views;

	*n_views = n_bins * Max(1, n_folds);
	views = palloc(*n_views * sizeof(MlView));
	for (int f = 0; f < n_folds; f++)
	{
		Parts		parts;

		folds_cut(&tuning->folds, &tuning->request, &tuning->data, f, &parts);
		for (int b = 0; b < n_bins; b++)
			views[b * n_folds + f] = make_view(tuning, &parts, list_nth_int(max_bins, b), ML_PART_TEST);
	}
	for (int b = 0; n_folds == 0 && b < n_bins; b++)
		views[b] = make_view(tuning, &tuning->prepared.parts, list_nth_int(max_bins, b), ML_PART_VALIDATION);
	return views;
}

/* The first view for parameters. */
static int
view_of(const Tuning *tuning, const MlLearner *learner, const void *params)
{
	int			bins = learner->max_bins(params);

	for (int b = 0; b < list_length(tuning->tune.max_bins); b++)
	{
		if (list_nth_int(tuning->tune.max_bins, b) == bins)
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
	folds_make(&tuning->folds, &tuning->request, &tuning->data, labels_without_test(&tuning->prepared),
			   tune_space_stops_early(tuning->tune.space) ? tuning->request.split.validation : 0);
}

/* Notices.  Folds of time have no rows without one, whatever the version makes of them. */
static void
tell_roles(const Tuning *tuning)
{
	RoleNotes	notes = mltrain_split_notes(&tuning->request, &tuning->data);

	if (tuning->folds.n > 0 && folds_notes(&tuning->folds).without_time)
	{
		if (notes.without_time == NULL)
			notes.without_time = "They are in no fold, so no trial sees them.";
		else if (notes.learns_without_time)
			notes.without_time = "They are in no fold, so no trial sees them. In the training of the version they count as older than all others, and are learned from.";
	}
	mltrain_tell_roles(&tuning->request, &tuning->data, notes);
}

/* Freezes the data into shared memory and starts the workers. */
static void
gather_team(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->tune.given;
	MlArena    *arena = tuning->data.ctx->arena;
	MlArenaMark mark = ml_arena_mark(arena);
	TeamPlan	plan = {.task = "tuning", .n_workers = team_size(r->parallel, r->trials),
		.n_folds = tuning->folds.n, .pruner = tuning->tune.pruner, .n_trials = r->trials};
	int			n;

	if (tuning->folds.n > 0)
		make_folds(tuning);
	plan.details = study_describe(&tuning->tune, &tuning->request, &tuning->plan, &tuning->prepared, &tuning->folds);
	plan.views = make_views(tuning, &plan.n_views);
	tuning->team = team_create(&tuning->request, &tuning->data, &plan);
	tuning->shared = team_shared(tuning->team);
	ml_arena_release(arena, mark);
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

/* The text of an assignment. */
static char *
describe_trial(const Tuning *tuning, const double *point)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"algorithm\": \"%s\", \"given\": %s, \"params\": %s, \"point\": [",
					 tune_space_learner(tuning->tune.space, point)->name,
					 tune_space_params(tuning->tune.space, point), tune_space_varied(tuning->tune.space, point));
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
	return mltrain_parse_params(tune_space_learner(tuning->tune.space, point), "space",
								mltrain_jsonb_of(tune_space_params(tuning->tune.space, point)));
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

/* Sets stopped when it may not. */
static bool
may_begin_another(Tuning *tuning)
{
	const MlTuneRequest *r = tuning->tune.given;

	if (r->max_seconds > 0 &&
		TimestampDifferenceExceeds(tuning->journal.started_at, GetCurrentTimestamp(),
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

	return best == SIZE_MAX ? "" : psprintf(" The best %s is %.4g, of trial %zu.", ml_metrics[tuning->request.metric].name,
											tuning->study->trials[best].value, best);
}

/* In shared memory for who looks; to a person who waits in a session also by itself. */
static void
report_trials(Tuning *tuning)
{
	size_t		best = ml_study_best(tuning->study);
	int			ended = n_ended(tuning->study);

	if (mlbase_time_to_tell())
		ereport(NOTICE,
				(errmsg("%d of %d trials have ended.%s", ended, tuning->tune.given->trials, best_so_far(tuning))));
	mlbase_progress("trials", ended, tuning->tune.given->trials,
					best == SIZE_MAX ? NAN : tuning->study->trials[best].value);
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
	else if (n_ended(study) < tuning->tune.given->trials)
		ereport(NOTICE,
				(errmsg("the search ended after %d of %d trials: %s", n_ended(study), tuning->tune.given->trials,
						tuning->stopped ? tuning->stopped : "all points of the grid have been tried")));
}

/*
 * Keeps all workers busy until there is nothing left to try.  Earlier trials of the
 * study count as told; then the sampler's points are a function of what has ended,
 * in whatever order.
 */
static void
run_trials(Tuning *tuning)
{
	MlContext  *ctx = tuning->data.ctx;
	const TeamAnswer *answer;
	int			worker;
	bool		more = true;

	team_assign(tuning->team, 0, TEAM_OPEN_STUDY, 0, 0, "");
	while ((answer = team_wait(tuning->team)) == NULL)
		continue;
	tuning->study_id = tuning->shared->study_id = answer->study_id;
	mlbase_check(ctx, ml_study_create(ctx, &tuning->tune.space->space, tuning->tune.sampler,
										 (uint64) tuning->request.given->seed,
										 !ml_metrics[tuning->request.metric].smaller_is_better, tuning->tune.given->trials,
										 &tuning->study));
	tuning->n_failed = study_load(tuning->study_id, tuning->tune.given->trials, tuning->shared, tuning->study);
	for (;;)
	{
		report_trials(tuning);
		while (more && (worker = team_idle(tuning->team)) >= 0)
		{
			size_t		number = SIZE_MAX;
			const double *point;

			if (may_begin_another(tuning))
				mlbase_check(ctx, ml_study_ask(ctx, tuning->study, &number));
			more = number != SIZE_MAX;
			if (!more)
				break;
			point = tuning->study->trials[number].point;
			team_assign(tuning->team, worker, TEAM_RUN_TRIAL, (int) number,
							 view_of(tuning, tune_space_learner(tuning->tune.space, point), params_of(tuning, point)),
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

/*
 * What train must exclude to see the same columns: train knows no group.  A name[]
 * in the current memory context.
 */
static ArrayType *
excluded(const Tuning *tuning)
{
	const MlTrainRequest *r = tuning->request.given;
	const char *group_by = tuning->request.group_by;
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
	size_t		best = ml_study_best(tuning->study);
	const double *point;
	MlTrainRequest given = *tuning->request.given;
	Request		request = tuning->request;

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
	request.learner = tune_space_learner(tuning->tune.space, point);
	request.params = params_of(tuning, point);
	/* what is recorded is the call of train that makes the same model */
	given.algorithm = pstrdup(request.learner->name);
	given.params = mltrain_jsonb_of(tune_space_params(tuning->tune.space, point));
	given.tags = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(given.tags),
													JsonbPGetDatum(mltrain_jsonb_of(psprintf("{\"study\": %lld, \"trial\": %d}",
																							 (long long) tuning->study_id, (int) best)))));
	given.exclude = excluded(tuning);
	request.given = &given;
	mltrain_finish(&tuning->journal, &request, &tuning->plan, &tuning->prepared, result);
}

/* ---------------------------------------------------------------- entry */

static void
tuning_context(void *arg)
{
	if (mlbase_tells_place())
		errcontext("tuning model \"%s\"", mlbase_excerpt(((Tuning *) arg)->request.given->model));
}

/* Does any algorithm of the space, or the sampler, need linear algebra? */
static bool
needs_blas(const Tuning *tuning)
{
	bool		needed = tuning->tune.sampler == ML_SAMPLER_GP;

	for (int i = 0; i < tuning->tune.space->n_algorithms; i++)
		needed = needed || tuning->tune.space->algorithms[i].learner->needs_blas;
	return needed;
}

/*
 * Trials are committed by workers and stay; run, version and model are the caller's
 * transaction's.
 */
void
mltrain_tune(const MlTuneRequest *request, MlTrainResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops tuning", ALLOCSET_DEFAULT_SIZES);
	Tuning	   *tuning = MemoryContextAllocZero(context, sizeof(Tuning));
	Request    *r = &tuning->request;
	Journal    *journal = &tuning->journal;
	ErrorContextCallback error_context = {error_context_stack, tuning_context, tuning};

	memset(result, 0, sizeof(*result));
	r->given = &request->train;
	mltrain_open_journal(journal);
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("tune", request->train.model);
	mlbase_progress_aloud();

	tune_check(request, r, &tuning->tune);
	tuning->folds = tuning->tune.folds;
	mltrain_prepare(journal, r, mlbase_engine_threads(), needs_blas(tuning), false, &tuning->plan, &tuning->data, &tuning->prepared);
	mlbase_check(tuning->data.ctx, ml_space_check(tuning->data.ctx, &tuning->tune.space->space,
												  tuning->tune.sampler == ML_SAMPLER_GRID));
	if (tuning->folds.n == 0)
		check_validation(r, &tuning->prepared);
	tell_roles(tuning);
	mltrain_begin_phase(journal, "share");
	gather_team(tuning);
	mltrain_end_phase(journal);
	mltrain_begin_phase(journal, "trials");
	run_trials(tuning);
	mltrain_end_phase(journal);
	train_winner(tuning, result);

	MemoryContextSwitchTo(caller);
	mltrain_keep_result(result);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
}
