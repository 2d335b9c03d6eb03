/*-------------------------------------------------------------------------
 * evaluate.c
 *	  Judging a model on a source: mlops.evaluate and mlops.curve.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/engine/eval.h"
#include "mlops/progress.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_evaluate);
MLOPS_FUNCTION(mlops_metrics);
MLOPS_FUNCTION(mlops_curve);
MLOPS_FUNCTION(mlops_subquery);

/* The model, the source and its scored rows, from the common arguments, which are followed by next. */
static MlContext *
score_arguments(FunctionCallInfo fcinfo, const char *next, const char *target, const char *positive, List *by,
				MlResolved *resolved, MlScoredRows *scored)
{
	MlContext  *ctx;
	MlSource   *source;
	MlProgressScope *progress;
	char	   *model;

	mlbase_refuse_null(fcinfo, 0, "model");
	model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	mlserve_resolve(model, ML_TO_EVALUATE, resolved);
	source = mling_describe(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
							PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), next);
	ctx = mlbase_engine_context(mlbase_engine_threads(), mlops_guc_max_training_memory, false);
	progress = mlbase_progress_begin("evaluate", model);
	mlbase_progress("read and score", 0, 0, NAN);
	mlserve_score_source(ctx, resolved, source, target, positive, by, NIL, scored);
	mlbase_progress_end(progress);
	return ctx;
}

/* ---- segments */

/* Rows with the same values in all `by` columns. */
typedef struct Segment
{
	size_t		first;			/* in the sorted order */
	size_t		n;
} Segment;

/* Sorts rows by their codes in the `by` columns, first sight first. */
typedef struct SegmentOrder
{
	const MlScoredRows *scored;
	int			n_by;
} SegmentOrder;

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const SegmentOrder *order = (const SegmentOrder *) arg;
	size_t		i = *(const uint32_t *) a;
	size_t		j = *(const uint32_t *) b;

	CHECK_FOR_INTERRUPTS();		/* a sort of millions of rows takes seconds */
	for (int c = 0; c < order->n_by; c++)
	{
		const MlColumn *column = &order->scored->dataset->columns[order->scored->first_by + c];
		uint32_t	x = ml_column_code(column, order->scored->rows.row[i]);
		uint32_t	y = ml_column_code(column, order->scored->rows.row[j]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return i < j ? -1 : i > j;
}

/* {"country": "DE", "channel": null} */
static char *
segment_json(const MlScoredRows *scored, int n_by, size_t row)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int c = 0; c < n_by; c++)
	{
		const MlColumn *column = &scored->dataset->columns[scored->first_by + c];
		uint32_t	code = ml_column_code(column, row);

		if (c > 0)
			appendStringInfoString(&json, ", ");
		escape_json(&json, column->name);
		appendStringInfoString(&json, ": ");
		if (code == ML_MISSING_CODE)
			appendStringInfoString(&json, "null");
		else
		{
			size_t		size;
			const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

			escape_json(&json, pnstrdup(bytes, size));
		}
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* What is said of a segment. */
typedef struct Verdict
{
	MlEvaluation metrics;
	MlIntervals intervals;
} Verdict;

#define NUMBER(name, field) {name, offsetof(Verdict, field)}
#define INTERVAL(name) NUMBER(#name "_lower", intervals.name.lower), NUMBER(#name "_upper", intervals.name.upper)

/* The numbers beside those of ml_metrics, by the names of their columns. */
static const struct
{
	const char *name;
	size_t		field;			/* offset of its double in Verdict */
}			numbers[] = {

	NUMBER("rows", metrics.rows),
	NUMBER("positives", metrics.positives),
	NUMBER("threshold", metrics.threshold),
	NUMBER("true_positives", metrics.confusion.true_positives),
	NUMBER("false_positives", metrics.confusion.false_positives),
	NUMBER("false_negatives", metrics.confusion.false_negatives),
	NUMBER("true_negatives", metrics.confusion.true_negatives),
	INTERVAL(precision), INTERVAL(recall), INTERVAL(false_positive_rate), INTERVAL(roc_auc), INTERVAL(pr_auc),
};

static double
number_of(const Verdict *verdict, const char *name)
{
	int			metric = ml_metric_by_name(name);

	if (metric >= 0)
		return ml_metric_of(&verdict->metrics, metric);
	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		if (strcmp(numbers[i].name, name) == 0)
			return *(const double *) ((const char *) verdict + numbers[i].field);
	}
	elog(ERROR, "there is no metric \"%s\"", name);
}

/* The numbers are the columns of their names; what is not defined is NULL. */
static void
put_verdict(ReturnSetInfo *result, const char *segment, const Verdict *verdict)
{
	TupleDesc	desc = result->setDesc;
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc0(desc->natts * sizeof(bool));

	values[0] = DirectFunctionCall1(jsonb_in, CStringGetDatum(segment));
	for (int i = 1; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		double		number = number_of(verdict, NameStr(column->attname));

		nulls[i] = isnan(number);
		values[i] = nulls[i] ? (Datum) 0 : column->atttypid == INT8OID ? Int64GetDatum((int64) number)
			: Float8GetDatum(number);
	}
	tuplestore_putvalues(result->setResult, desc, values, nulls);
}

static double
given_threshold(double threshold)
{
	if (!isfinite(threshold) || threshold < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold %s is out of range", mlbase_number_text(threshold)),
				 errdetail("Scores are between 0 and 1; a threshold above 1 flags nothing.")));
	return threshold;
}

/*
 * mlops.evaluate(model text, source regclass, query text, target name,
 *				  threshold float8, by name[], positive text) -> a row for all, then a segment each
 */
Datum
mlops_evaluate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *by = mlbase_names(PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5), "by");
	int			n_by = list_length(by);
	MlResolved	resolved;
	MlScoredRows scored = {0};
	MlContext  *ctx;
	Verdict		verdict;
	double		threshold;
	MemoryContext caller;
	MemoryContext work;

	mlbase_refuse_twice(by, "by");
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops evaluation", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	ctx = score_arguments(fcinfo, "target", PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3)),
						  PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6)), by,
						  &resolved, &scored);
	threshold = PG_ARGISNULL(4) ? resolved.threshold : given_threshold(PG_GETARG_FLOAT8(4));

	mlbase_check(ctx, ml_evaluate(ctx, scored.n, scored.score, scored.label, NULL, NULL,
								  threshold, &verdict.metrics, &verdict.intervals));
	put_verdict(result, "{}", &verdict);

	if (n_by > 0 && scored.n > 0)
	{
		SegmentOrder order = {&scored, n_by};
		uint32_t   *row = MemoryContextAllocHuge(work, scored.n * sizeof(uint32_t));
		double	   *score = MemoryContextAllocHuge(work, scored.n * sizeof(double));
		float	   *label = MemoryContextAllocHuge(work, scored.n * sizeof(float));
		size_t		first = 0;

		for (size_t i = 0; i < scored.n; i++)
			row[i] = (uint32_t) i;
		qsort_arg(row, scored.n, sizeof(uint32_t), compare_rows, &order);
		for (size_t i = 0; i < scored.n; i++)
		{
			score[i] = scored.score[row[i]];
			label[i] = scored.label[row[i]];
		}
		while (first < scored.n)
		{
			size_t		end = first + 1;
			char	   *segment = segment_json(&scored, n_by, scored.rows.row[row[first]]);

			while (end < scored.n)
			{
				bool		same = true;

				for (int c = 0; c < n_by && same; c++)
				{
					const MlColumn *column = &scored.dataset->columns[scored.first_by + c];

					same = ml_column_code(column, scored.rows.row[row[first]]) ==
						ml_column_code(column, scored.rows.row[row[end]]);
				}
				if (!same)
					break;
				end++;
			}
			mlbase_check(ctx, ml_evaluate(ctx, end - first, score + first, label + first,
										  NULL, NULL, threshold, &verdict.metrics, &verdict.intervals));
			put_verdict(result, segment, &verdict);
			first = end;
			CHECK_FOR_INTERRUPTS();
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}

/*
 * mlops.curve(model text, source regclass, query text, kind text, points int)
 *	  -> TABLE(threshold, x, y, flagged)
 */
Datum
mlops_curve(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *kind_text = PG_ARGISNULL(3) ? "pr" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	int			points = PG_ARGISNULL(4) ? 200 : PG_GETARG_INT32(4);
	int			kind = 0;
	MlResolved	resolved;
	MlScoredRows scored = {0};
	MlRanking	ranking;
	MlCurvePoint *curve;
	size_t		n;
	MlContext  *ctx;
	MemoryContext caller;
	MemoryContext work;

	while (kind < ML_CURVE_COUNT && strcmp(ml_curve_names[kind], kind_text) != 0)
		kind++;
	if (kind == ML_CURVE_COUNT)
	{
		StringInfoData valid;

		initStringInfo(&valid);
		for (int i = 0; i < ML_CURVE_COUNT; i++)
			appendStringInfo(&valid, "%s%s", i ? ", " : "", ml_curve_names[i]);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized kind of curve \"%s\"", kind_text),
				 errhint("Valid kinds are: %s.", valid.data)));
	}
	if (points < 2 || points > 1000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"points\" is out of range", points),
				 errdetail("It must be between 2 and 1000000.")));

	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops curve", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	ctx = score_arguments(fcinfo, "kind", NULL, NULL, NIL, &resolved, &scored);
	mlbase_check(ctx, ml_ranking_create(ctx, scored.n, scored.score, scored.label, NULL, &ranking));
	mlbase_check(ctx, ml_curve(ctx, &ranking, (MlCurveKind) kind, points, &curve, &n));
	for (size_t i = 0; i < n; i++)
	{
		const double numbers[] = {curve[i].threshold, curve[i].x, curve[i].y};
		Datum		values[4];
		bool		nulls[4] = {false};

		for (int c = 0; c < 3; c++)
		{
			values[c] = Float8GetDatum(numbers[c]);
			nulls[c] = isnan(numbers[c]);
		}
		values[3] = Int64GetDatum((int64) curve[i].flagged);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}

/* mlops_catalog.subquery(query text) -> text */
Datum
mlops_subquery(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mling_subquery(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* mlops_catalog.metrics() -> what is known of each metric */
Datum
mlops_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < ML_N_METRICS; i++)
	{
		const MlMetricInfo *metric = &ml_metrics[i];
		Datum		values[6] = {CStringGetTextDatum(metric->name), BoolGetDatum(i < ML_METRIC_COUNT),
			BoolGetDatum(metric->smaller_is_better), Float8GetDatum(metric->least), Float8GetDatum(metric->most),
		CStringGetTextDatum(metric->undefined)};
		bool		nulls[6] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
