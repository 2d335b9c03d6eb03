/*-------------------------------------------------------------------------
 * fit.c
 *	  Learning.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/base.h"
#include "train/fit.h"

MlTask
mltrain_task(const Request *request, const Prepared *prepared)
{
	MlTask		task = {0};

	task.dataset = prepared->data->dataset;
	task.signature = prepared->signature;
	task.train = prepared->parts.rows[ML_PART_TRAIN];
	task.validation = prepared->parts.rows[ML_PART_VALIDATION];
	task.binned_train = prepared->binned_train;
	task.binned_validation = prepared->binned_validation;
	task.label = prepared->data->label;
	task.weight = prepared->parts.fit_weight;
	task.metric = request->metric;
	task.params = request->params;
	task.seed = (uint64_t) request->given->seed;
	return task;
}

void
mltrain_fit(Journal *journal, const Request *request, const Prepared *prepared, Fitted *fitted)
{
	MlTask		task = mltrain_task(request, prepared);

	mltrain_begin_phase(journal, "fit");
	*fitted = (Fitted) {.params = request->params};
	mlbase_check(prepared->data->ctx, request->learner->fit(prepared->data->ctx, &task, &fitted->learned));
	if (fitted->learned.warning[0])
		mltrain_tell(journal, WARNING, fitted->learned.warning, NULL);
	mltrain_end_phase(journal);
}

/*
 * The parameters, with as many rounds as early stopping has chosen.  In the current
 * memory context if they differ.
 */
static const void *
without_stopping(const MlLearner *learner, const Fitted *before)
{
	int			stopping = 0;
	void	   *params;

	if (!mltrain_get_int(learner, before->params, "early_stopping_rounds", &stopping) || stopping == 0)
		return before->params;
	params = palloc(learner->params_size);
	memcpy(params, before->params, learner->params_size);
	mltrain_set_int(learner, params, "n_estimators", before->learned.iterations);
	return params;
}

/* New signature, new bins: dictionaries and edges see the validation rows, too. */
void
mltrain_fit_everything(Journal *journal, const Request *request, const Prepared *prepared,
					   const Fitted *before, Prepared *everything, Fitted *fitted)
{
	const MlLearner *learner = request->learner;
	const Data *data = prepared->data;
	MlRows		train = prepared->parts.rows[ML_PART_TRAIN];
	MlRows		validation = prepared->parts.rows[ML_PART_VALIDATION];
	uint32_t   *row = mltrain_array(data, train.n + validation.n, sizeof(uint32_t));
	const void *params = without_stopping(learner, before);
	MlTask		task;

	memcpy(row, train.row, train.n * sizeof(uint32_t));
	memcpy(row + train.n, validation.row, validation.n * sizeof(uint32_t));
	*everything = *prepared;
	everything->parts.rows[ML_PART_TRAIN] = (MlRows) {row, train.n + validation.n};
	mlbase_check(data->ctx, ml_rows_place(data->ctx, data->dataset, &everything->parts.rows[ML_PART_TRAIN]));
	everything->parts.rows[ML_PART_VALIDATION].n = 0;
	mltrain_make_view(journal, request, params, learner->max_bins(params), everything);
	task = mltrain_task(request, everything);
	task.params = params;
	*fitted = (Fitted) {.params = params};
	mlbase_check(data->ctx, learner->fit(data->ctx, &task, &fitted->learned));
	fitted->learned.curve = before->learned.curve;
	fitted->learned.n_curve = before->learned.n_curve;
}
