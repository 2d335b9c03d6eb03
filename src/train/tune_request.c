/*-------------------------------------------------------------------------
 * tune_request.c
 *	  What is asked of a tuning, checked.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "mlops/base.h"
#include "train/report.h"
#include "train/tune_request.h"

#define MOST_TRIALS 10000

/* Of a pruner, where the user gives nothing else. */
#define REDUCTION_FACTOR 3		/* asha, hyperband: a third goes on */
#define STARTUP_TRIALS 5		/* median */

/* Errors: 22023. */
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

/* Errors: 22023. */
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
 * after rounds, or with folds after each fold.  Errors: 22023.
 */
static void
read_pruner(const Request *request, TuneRequest *tune)
{
	const MlTuneRequest *r = tune->given;
	bool		folded = r->folds.folds > 0;
	int			max_steps = folded ? r->folds.folds : tune_space_max_steps(tune->space);
	int			factor = REDUCTION_FACTOR;
	int			startup = STARTUP_TRIALS;
	char	   *name = r->pruner;
	MlOptions  *options = NULL;
	int			kind;
	int			min_steps;

	if (r->pruner[0] == '{')
	{
		options = mljson_options("pruner", mltrain_jsonb_of(r->pruner));
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
	ml_pruner_init(&tune->pruner, kind, min_steps, max_steps, factor, startup,
				   !ml_metrics[request->metric].smaller_is_better, (uint64) r->train.seed);
	tune->pruner.latest = folded;
}

/* folds = 0: none, and then nothing may be said of them. */
static void
check_folds(TuneRequest *tune)
{
	const MlFoldsRequest *r = &tune->given->folds;

	if (r->folds > 0)
		folds_check(&tune->folds, r, tune->given->train.time_column);
	else if (r->kind || r->group_by || r->label_delay != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" needs \"folds\"", r->kind ? "kind" : r->group_by ? "group_by" : "label_delay"),
				 errdetail("Without folds, trials are judged on the validation rows of the split.")));
}

/*
 * Everything that is known to be wrong before a row is read.  Errors: 22023, 0A000
 * (trials are committed on their own: a snapshot of before would not see them), and
 * those of mltrain_check.
 */
void
tune_check(const MlTuneRequest *r, Request *request, TuneRequest *tune)
{
	int			sampler = ml_sampler_by_name(r->method);

	memset(tune, 0, sizeof(*tune));
	tune->given = r;
	mltrain_check(&r->train, r->folds.group_by, "mlops.tune()", request);
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops.tune() cannot run in a %s transaction",
						XactIsoLevel == XACT_SERIALIZABLE ? "serializable" : "repeatable read"),
				 errdetail("Its trials are committed on their own and must be seen.")));
	if (sampler < 0)
		refuse_choice("method", r->method, ml_sampler_names, ML_SAMPLER_COUNT);
	tune->sampler = (MlSampler) sampler;
	check_range("trials", r->trials, 1, MOST_TRIALS);
	check_range("max_seconds", r->max_seconds, 0, INT_MAX);
	check_range("parallel", r->parallel, 0, 256);
	check_range("patience", r->patience, 0, MOST_TRIALS);
	check_folds(tune);
	tune->space = tune_space_parse(r->space, r->train.algorithm, r->train.params);
	tune->max_bins = tune_space_max_bins(tune->space);
	read_pruner(request, tune);
	if (tune->space->left_out)
		ereport(NOTICE,
				(errmsg("parameters in \"params\" are fixed and not searched: %s", mltrain_names_text(tune->space->left_out)),
				 errhint("Give a \"space\" to search it.")));
}
