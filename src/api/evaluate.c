/*-------------------------------------------------------------------------
 * evaluate.c
 *	  Judging a model on labelled rows: mlops.evaluate.
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
#include "mlops/serve.h"
#include "api/judged.h"

MLOPS_FUNCTION(mlops_evaluate);
MLOPS_FUNCTION(mlops_metrics);
MLOPS_FUNCTION(mlops_subquery);

/* ---- segments */

/* Brings rows of one segment together: by their codes in the `by` columns. */
typedef struct SegmentOrder
{
	const MlScoredRows *scored;
	int			n_by;
} SegmentOrder;

/* 0: the rows have the same values in all `by` columns. */
static int
compare_segments(const SegmentOrder *order, uint32_t i, uint32_t j)
{
	for (int c = 0; c < order->n_by; c++)
	{
		const MlColumn *column = &order->scored->dataset->columns[order->scored->first_by + c];
		uint32_t	x = ml_column_code(column, order->scored->rows.row[i]);
		uint32_t	y = ml_column_code(column, order->scored->rows.row[j]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	uint32_t	i = *(const uint32_t *) a;
	uint32_t	j = *(const uint32_t *) b;
	int			compared = compare_segments((const SegmentOrder *) arg, i, j);

	CHECK_FOR_INTERRUPTS();		/* a sort of millions of rows takes seconds */
	return compared != 0 ? compared : i < j ? -1 : i > j;
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

static void
judge_segment(const Judged *judged, const MlCosts *costs, size_t n, const double *score, const float *label, double threshold,
			  const char *segment, ReturnSetInfo *result)
{
	Verdict		verdict;

	mlbase_check(judged->ctx, ml_evaluate(judged->ctx, n, score, label, NULL, judged->has_costs ? costs : NULL,
										  threshold, &verdict.metrics, &verdict.intervals));
	put_verdict(result, segment, &verdict);
}

/* Costs in the order of row; NULL: they are constant. */
static double *
ordered_costs(const double *cost, const uint32_t *row, size_t n)
{
	double	   *ordered;

	if (cost == NULL)
		return NULL;
	ordered = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
	for (size_t i = 0; i < n; i++)
		ordered[i] = cost[row[i]];
	return ordered;
}

/* Rows [first, end) of the order by segments. */
typedef struct Segment
{
	size_t		first;
	size_t		end;
	char	   *text;			/* as jsonb writes it */
} Segment;

/* Most rows first; of as many by their texts, whatever the collation: no order of the rows tells on it. */
static int
compare_sizes(const void *a, const void *b)
{
	const Segment *one = (const Segment *) a;
	const Segment *other = (const Segment *) b;
	size_t		n = one->end - one->first;
	size_t		m = other->end - other->first;

	return n != m ? (n > m ? -1 : 1) : strcmp(one->text, other->text);
}

/* {"country": "DE"} as a jsonb would be shown */
static char *
canonical(char *json)
{
	Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
	char	   *text = DatumGetCString(DirectFunctionCall1(jsonb_out, value));

	pfree(DatumGetPointer(value));
	pfree(json);
	return text;
}

/* The segments of rows in their order, largest first. */
static Segment *
find_segments(const MlScoredRows *scored, const SegmentOrder *order, const uint32_t *row, size_t *n_segments)
{
	uint32_t   *first = MemoryContextAllocHuge(CurrentMemoryContext, (scored->n + 1) * sizeof(uint32_t));
	size_t		n = 0;
	Segment    *segment;

	for (size_t i = 0; i < scored->n; i++)
	{
		if (i == 0 || compare_segments(order, row[i - 1], row[i]) != 0)
			first[n++] = (uint32_t) i;
	}
	first[n] = (uint32_t) scored->n;
	segment = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Segment));
	for (size_t i = 0; i < n; i++)
	{
		segment[i] = (Segment) {first[i], first[i + 1], canonical(segment_json(scored, order->n_by, scored->rows.row[row[first[i]]]))};
		CHECK_FOR_INTERRUPTS();
	}
	qsort(segment, n, sizeof(Segment), compare_sizes);
	*n_segments = n;
	return segment;
}

static void
judge_segments(const Judged *judged, int n_by, double threshold, ReturnSetInfo *result)
{
	const MlScoredRows *scored = &judged->scored;
	SegmentOrder order = {scored, n_by};
	uint32_t   *row = MemoryContextAllocHuge(CurrentMemoryContext, scored->n * sizeof(uint32_t));
	double	   *score = MemoryContextAllocHuge(CurrentMemoryContext, scored->n * sizeof(double));
	float	   *label = MemoryContextAllocHuge(CurrentMemoryContext, scored->n * sizeof(float));
	double	   *false_positive;
	double	   *false_negative;
	Segment    *segments;
	size_t		n_segments;

	for (size_t i = 0; i < scored->n; i++)
		row[i] = (uint32_t) i;
	qsort_arg(row, scored->n, sizeof(uint32_t), compare_rows, &order);
	for (size_t i = 0; i < scored->n; i++)
	{
		score[i] = scored->score[row[i]];
		label[i] = scored->label[row[i]];
	}
	false_positive = ordered_costs(judged->costs.false_positive_by_row, row, scored->n);
	false_negative = ordered_costs(judged->costs.false_negative_by_row, row, scored->n);
	segments = find_segments(scored, &order, row, &n_segments);
	for (size_t i = 0; i < n_segments; i++)
	{
		size_t		first = segments[i].first;
		MlCosts		costs = judged->costs;

		costs.false_positive_by_row = false_positive ? false_positive + first : NULL;
		costs.false_negative_by_row = false_negative ? false_negative + first : NULL;
		judge_segment(judged, &costs, segments[i].end - first, score + first, label + first, threshold, segments[i].text, result);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * mlops.evaluate(model text, source regclass, query text, target name, threshold float8,
 *				  by name[], positive text, rows text) -> a row for all, then a segment each
 */
Datum
mlops_evaluate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	JudgedRequest request;
	Judged		judged;
	double		threshold;
	MemoryContext caller;
	MemoryContext work;

	mlapi_judged_request(fcinfo, 7, "target", &request);
	request.columns.target = PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3));
	request.columns.positive = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));
	request.columns.by = mlbase_names(PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5), "by");
	mlbase_refuse_twice(request.columns.by, "by");
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops evaluation", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	mlapi_read_judged(&request, &judged);
	threshold = PG_ARGISNULL(4) ? judged.resolved.threshold : given_threshold(PG_GETARG_FLOAT8(4));
	judge_segment(&judged, &judged.costs, judged.scored.n, judged.scored.score, judged.scored.label, threshold, "{}", result);
	if (request.columns.by && judged.scored.n > 0)
		judge_segments(&judged, list_length(request.columns.by), threshold, result);
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
