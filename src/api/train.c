/*-------------------------------------------------------------------------
 * train.c
 *	  mlops.train, mlops.tune and mlops.cross_validate, and what the learners' parameters are.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/train.h"

MLOPS_FUNCTION(mlops_train);
MLOPS_FUNCTION(mlops_rehearse_training);
MLOPS_FUNCTION(mlops_tune);
MLOPS_FUNCTION(mlops_cross_validate);
MLOPS_FUNCTION(mlops_learner_parameters);

static char *
text_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static char *
name_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(i)));
}

static Jsonb *
json_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	Jsonb	   *json;

	if (PG_ARGISNULL(i))
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	json = PG_GETARG_JSONB_P(i);
	mljson_refuse_large(name, json);
	return json;
}

static char *
required_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	mlbase_refuse_null(fcinfo, i, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* A number that is at least 1 if it is given, 0 if not. */
static int
limit_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		return 0;
	if (PG_GETARG_INT32(i) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"%s\" is out of range", PG_GETARG_INT32(i), name),
				 errdetail("It must be at least 1, or null.")));
	return PG_GETARG_INT32(i);
}

/*
 * The arguments of train: the first five at their places, the others from
 * number `first` on.
 */
static void
train_arguments(FunctionCallInfo fcinfo, int first, MlTrainRequest *request)
{
	request->model = required_argument(fcinfo, 0, "model");
	request->source = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	request->query = text_argument(fcinfo, 2);
	request->target = name_argument(fcinfo, 3);
	request->algorithm = required_argument(fcinfo, 4, "algorithm");
	request->features = PG_ARGISNULL(first) ? NULL : PG_GETARG_ARRAYTYPE_P(first);
	request->exclude = PG_ARGISNULL(first + 1) ? NULL : PG_GETARG_ARRAYTYPE_P(first + 1);
	request->key = name_argument(fcinfo, first + 2);
	request->time_column = name_argument(fcinfo, first + 3);
	request->weight = name_argument(fcinfo, first + 4);
	request->positive = text_argument(fcinfo, first + 5);
	request->params = json_argument(fcinfo, first + 6, "params");
	request->preprocess = json_argument(fcinfo, first + 7, "preprocess");
	request->split = json_argument(fcinfo, first + 8, "split");
	request->metric = required_argument(fcinfo, first + 9, "metric");
	request->threshold = json_argument(fcinfo, first + 10, "threshold");
	request->experiment = text_argument(fcinfo, first + 11);
	request->tags = json_argument(fcinfo, first + 12, "tags");
	request->seed = PG_ARGISNULL(first + 13) ? 42 : PG_GETARG_INT64(first + 13);
}

/* The same of a new request; what was recorded by an earlier build is taken as it is. */
static void
new_arguments(FunctionCallInfo fcinfo, int first, MlTrainRequest *request)
{
	mlbase_refuse_large(fcinfo);
	train_arguments(fcinfo, first, request);
	mlbase_refuse_twice(mlbase_names(request->exclude, "exclude"), "exclude");
	(void) mljson_options("tags", request->tags);
}

static TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(desc);
}

/* (model, version, run_id, metrics) */
static Datum
train_result(FunctionCallInfo fcinfo, const char *model, const MlTrainResult *result)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(model);
	values[1] = Int32GetDatum(result->version);
	values[2] = Int64GetDatum(result->run_id);
	values[3] = JsonbPGetDatum(result->metrics);
	return HeapTupleGetDatum(heap_form_tuple(result_desc(fcinfo), values, nulls));
}

/*
 * mlops.train(model, source, query, target, algorithm, features, exclude, key,
 *			   time_column, weight, positive, params, preprocess, split, metric,
 *			   threshold, experiment, tags, seed)
 *	  -> (model, version, run_id, metrics)
 */
Datum
mlops_train(PG_FUNCTION_ARGS)
{
	MlTrainRequest request = {0};
	MlTrainResult result;

	new_arguments(fcinfo, 5, &request);
	mltrain_train(&request, &result);
	return train_result(fcinfo, request.model, &result);
}

/* mlops_catalog.rehearse_training(...) -> (sha256, content_hash, rows, params, columns) */
Datum
mlops_rehearse_training(PG_FUNCTION_ARGS)
{
	MlTrainRequest request = {0};
	MlTrainResult result;
	char		hex[65];
	Datum		values[5];
	bool		nulls[5] = {false};

	train_arguments(fcinfo, 5, &request);
	request.rehearsal = true;
	mltrain_train(&request, &result);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", result.sha256[i]);
	values[0] = CStringGetTextDatum(hex);
	values[1] = CStringGetTextDatum(result.content_hash);
	values[2] = Int64GetDatum(result.rows);
	values[3] = JsonbPGetDatum(result.all_params);
	values[4] = JsonbPGetDatum(result.columns);
	return HeapTupleGetDatum(heap_form_tuple(result_desc(fcinfo), values, nulls));
}

static double
seconds_of(const Interval *interval)
{
	return (double) interval->time / USECS_PER_SEC +
		(interval->day + (double) interval->month * DAYS_PER_MONTH) * SECS_PER_DAY;
}

/* (folds, kind, group_by, label_delay) from number `first` on */
static MlFoldsRequest
folds_arguments(FunctionCallInfo fcinfo, int first, int default_folds)
{
	MlFoldsRequest folds = {0};

	folds.folds = PG_ARGISNULL(first) ? default_folds : PG_GETARG_INT32(first);
	folds.kind = text_argument(fcinfo, first + 1);
	folds.group_by = name_argument(fcinfo, first + 2);
	folds.label_delay = PG_ARGISNULL(first + 3) ? 0 : seconds_of(PG_GETARG_INTERVAL_P(first + 3));
	return folds;
}

/*
 * mlops.tune(model, source, query, target, algorithm, space, method, trials,
 *			  max_seconds, parallel, patience, pruner, folds, kind, group_by,
 *			  label_delay, the rest as train)
 *	  -> (model, version, run_id, metrics)
 */
Datum
mlops_tune(PG_FUNCTION_ARGS)
{
	MlTuneRequest request = {0};
	MlTrainResult result;

	new_arguments(fcinfo, 16, &request.train);
	request.space = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5);
	request.method = required_argument(fcinfo, 6, "method");
	request.trials = PG_ARGISNULL(7) ? 30 : PG_GETARG_INT32(7);
	request.max_seconds = limit_argument(fcinfo, 8, "max_seconds");
	request.parallel = limit_argument(fcinfo, 9, "parallel");
	request.patience = limit_argument(fcinfo, 10, "patience");
	request.pruner = required_argument(fcinfo, 11, "pruner");
	request.folds = folds_arguments(fcinfo, 12, 0);
	if (!PG_ARGISNULL(12))
		(void) limit_argument(fcinfo, 12, "folds");
	mltrain_tune(&request, &result);
	return train_result(fcinfo, request.train.model, &result);
}

/* A row of cross_validate: rows counts are left out of means and deviations. */
static void
put_fold(ReturnSetInfo *result, const char *name, const MlFoldResult *folds, int n, bool deviation,
		 int64 run_id)
{
	const MlFoldResult *fold = n == 1 ? folds : NULL;
	double		iterations = 0;
	Datum		values[23];
	bool		nulls[23] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum(fold ? fold->train_rows : 0);
	values[2] = Int64GetDatum(fold ? fold->validation_rows : 0);
	values[3] = Int64GetDatum(fold ? (int64) fold->test.rows : 0);
	values[4] = Int64GetDatum(fold ? (int64) fold->test.positives : 0);
	for (int i = 1; i < 5; i++)
		nulls[i] = fold == NULL;
	for (int i = 5; i < 23; i++)
	{
		int			metric;
		double		value;

		if (i >= 19 && i <= 21)
			continue;			/* no metrics, see below */
		metric = mltrain_metric_by_name(NameStr(TupleDescAttr(result->setDesc, i)->attname));
		value = fold ? mltrain_fold_metric_of(fold, metric) : mltrain_fold_metric(folds, n, metric, deviation);
		values[i] = Float8GetDatum(value);
		nulls[i] = isnan(value);
	}
	for (int i = 0; i < n; i++)
		iterations += folds[i].iterations;
	values[19] = Float8GetDatum(iterations / n);
	values[20] = Float8GetDatum(fold ? fold->milliseconds : 0);
	nulls[19] = deviation;
	nulls[20] = fold == NULL;
	values[21] = Int64GetDatum(run_id);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * mlops.cross_validate(model, source, query, target, algorithm, folds, kind,
 *						group_by, label_delay, parallel, the rest as train)
 */
Datum
mlops_cross_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlCrossValidateRequest request = {0};
	MlFoldResult *folds;
	int64		run_id;

	new_arguments(fcinfo, 10, &request.train);
	request.folds = folds_arguments(fcinfo, 5, 5);
	request.parallel = limit_argument(fcinfo, 9, "parallel");
	folds = mltrain_cross_validate(&request, &run_id);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < request.folds.folds; i++)
		put_fold(result, psprintf("%d", i + 1), &folds[i], 1, false, run_id);
	put_fold(result, "mean", folds, request.folds.folds, false, run_id);
	put_fold(result, "std", folds, request.folds.folds, true, run_id);
	return (Datum) 0;
}

static const char *
type_name(MlParamType type)
{
	switch (type)
	{
		case ML_PARAM_INT:
			return "integer";
		case ML_PARAM_FLOAT:
			return "float8";
		case ML_PARAM_BOOL:
			return "boolean";
		case ML_PARAM_CHOICE:
			return "text";
		case ML_PARAM_CONSTRAINTS:
			return "object";
	}
	return "?";
}

/* "grid, random" of a choice; NULL for other types. */
static char *
choices_text(const MlParamSpec *spec)
{
	StringInfoData text;

	if (spec->type != ML_PARAM_CHOICE)
		return NULL;
	initStringInfo(&text);
	for (int i = 0; spec->choices[i]; i++)
		appendStringInfo(&text, "%s%s", i ? ", " : "", spec->choices[i]);
	return text.data;
}

/* Every parameter of every learner: what view mlops.algorithms shows. */
Datum
mlops_learner_parameters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int l = 0; ml_learners[l]; l++)
	{
		const MlLearner *learner = ml_learners[l];

		for (size_t p = 0; p < learner->n_params; p++)
		{
			const MlParamSpec *spec = &learner->params[p];
			bool		number = spec->type == ML_PARAM_INT || spec->type == ML_PARAM_FLOAT;
			char	   *choices = choices_text(spec);
			Datum		values[9];
			bool		nulls[9] = {false};

			values[0] = CStringGetTextDatum(learner->name);
			values[1] = CStringGetTextDatum(learner->description);
			values[2] = CStringGetTextDatum(spec->name);
			values[3] = CStringGetTextDatum(type_name(spec->type));
			values[4] = CStringGetTextDatum(mltrain_param_default(spec));
			values[5] = Float8GetDatum(spec->minimum);
			values[6] = Float8GetDatum(spec->maximum);
			nulls[5] = nulls[6] = !number;
			nulls[7] = choices == NULL;
			values[7] = choices ? CStringGetTextDatum(choices) : (Datum) 0;
			values[8] = CStringGetTextDatum(spec->meaning);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
