/*-------------------------------------------------------------------------
 * explain.c
 *	  Why rows score as they do: explain, explain_version, explain_table.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_explain);
MLOPS_FUNCTION(mlops_explain_version);
MLOPS_FUNCTION(mlops_explain_table);

#define ALL_FEATURES (-1)

/*
 * A call site.  What InitMaterializedSRF would look up in the catalog for every
 * row to explain, and leave in memory until the query ends, is kept here.
 */
typedef struct ExplainSite
{
	FmgrInfo	scorer;			/* whose fn_extra is the scorer's */
	TupleDesc	result;
} ExplainSite;

static ExplainSite *
site_of(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	ExplainSite *site = (ExplainSite *) flinfo->fn_extra;
	MemoryContext caller;
	TupleDesc	desc;

	if (likely(site != NULL))
		return site;
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(ExplainSite));
	site->scorer = *flinfo;
	site->scorer.fn_extra = NULL;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	site->result = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = site;
	return site;
}

/* Where the rows of this call go.  Without setDesc the executor, which knows the
 * type as well, does not free ours. */
static Tuplestorestate *
begin_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	result->setDesc = NULL;
	MemoryContextSwitchTo(caller);
	return result->setResult;
}

/* NULL: all of them, after the base. */
static int
top_argument(FunctionCallInfo fcinfo, int argument)
{
	int			top;

	if (PG_ARGISNULL(argument))
		return ALL_FEATURES;
	top = PG_GETARG_INT32(argument);
	if (top < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"top\" must be at least 1, not %d", top),
				 errhint("NULL gives all features, and a first row \"(base)\", so that they add up.")));
	return top;
}

/* Greatest contribution first; equal ones in the order of the model's columns. */
static int
compare_contributions(const void *a, const void *b, void *arg)
{
	const double *contribution = (const double *) arg;
	size_t		left = *(const size_t *) a;
	size_t		right = *(const size_t *) b;
	double		l = fabs(contribution[left]);
	double		r = fabs(contribution[right]);

	if (l != r)
		return l > r ? -1 : 1;
	return left < right ? -1 : left > right;
}

/* Inputs in the order of their contributions. */
static size_t *
greatest_first(size_t n, const double *contribution)
{
	size_t	   *order = palloc(n * sizeof(size_t));

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	qsort_arg(order, n, sizeof(size_t), compare_contributions, (void *) contribution);
	return order;
}

static void
put_row(Tuplestorestate *rows, TupleDesc desc, int rank, const char *feature, text *value,
		double contribution)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = Int32GetDatum(rank);
	values[1] = CStringGetTextDatum(feature);
	values[2] = PointerGetDatum(value);
	nulls[2] = value == NULL;
	values[3] = Float8GetDatum(contribution);
	tuplestore_putvalues(rows, desc, values, nulls);
}

/* Rows of the explanation of features, the arguments from `argument` on. */
static void
explain(FunctionCallInfo fcinfo, Tuplestorestate *rows, text *reference, int version, int argument)
{
	ExplainSite *site = site_of(fcinfo);
	Oid			type;
	Datum		features = mlserve_features_argument(fcinfo, argument, &type);
	int			top = top_argument(fcinfo, argument + 1);
	MlScorer   *scorer = mlserve_scorer(&site->scorer, reference, version, type);
	MlExplanation why;
	size_t	   *order;

	mlserve_explain_datum(scorer, type, features, &why);
	order = greatest_first(why.n, why.contribution);
	if (top == ALL_FEATURES)
		put_row(rows, site->result, 0, "(base)", NULL, why.base);
	for (size_t i = 0; i < why.n; i++)
	{
		double		contribution = why.contribution[order[i]];

		if (top != ALL_FEATURES && (i == (size_t) top || contribution == 0))
			break;
		put_row(rows, site->result, (int) i + 1, ml_model_input_name(why.model, order[i]),
				mlserve_explained_value(scorer, type, features, order[i]), contribution);
	}
}

/*
 * mlops.explain(model text, features anyelement, top int)
 *	  -> TABLE (rank int, feature text, value text, contribution float8)
 */
Datum
mlops_explain(PG_FUNCTION_ARGS)
{
	Tuplestorestate *rows = begin_rows(fcinfo);

	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		explain(fcinfo, rows, PG_GETARG_TEXT_PP(0), 0, 1);
	return (Datum) 0;
}

/* mlops.explain_version(model text, version int, features anyelement, top int) */
Datum
mlops_explain_version(PG_FUNCTION_ARGS)
{
	Tuplestorestate *rows = begin_rows(fcinfo);

	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		text	   *model = PG_GETARG_TEXT_PP(0);
		int			version = PG_GETARG_INT32(1);

		mlserve_check_number(text_to_cstring(model), version);
		explain(fcinfo, rows, model, version, 2);
	}
	return (Datum) 0;
}

/* ---- explain_table: what columns contribute over many rows */

#define MAX_EXPLAINED_ROWS 100000

/* One row a column, the most important first. */
static void
put_contributions(const MlContributions *table, ReturnSetInfo *result)
{
	size_t	   *order = greatest_first(table->n_inputs, table->importance);
	double		total = 0;

	for (size_t i = 0; i < table->n_inputs; i++)
		total += table->importance[i];
	for (size_t i = 0; i < table->n_inputs; i++)
	{
		size_t		input = order[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum((int) i + 1);
		values[1] = CStringGetTextDatum(ml_model_input_name(table->model, input));
		values[2] = Float8GetDatum(table->importance[input]);
		values[3] = Float8GetDatum(total > 0 ? table->importance[input] / total : 0);
		values[4] = Float8GetDatum(table->mean[input]);
		values[5] = Int64GetDatum((int64) table->n_rows);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * mlops.explain_table(model text, source regclass, query text, rows int)
 *	  -> TABLE (rank int, feature text, importance float8, share float8, mean float8, rows bigint)
 */
Datum
mlops_explain_table(PG_FUNCTION_ARGS)
{
	MlContributions contributions;
	MlScorer   *scorer;
	MlSource   *source;
	MlProgressScope *progress;

	mlbase_refuse_null(fcinfo, 0, "model");
	if (PG_ARGISNULL(3) || PG_GETARG_INT32(3) < 1 || PG_GETARG_INT32(3) > MAX_EXPLAINED_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"rows\" must be between 1 and %d", MAX_EXPLAINED_ROWS)));
	InitMaterializedSRF(fcinfo, 0);
	scorer = mlserve_scorer(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), 0, InvalidOid);
	source = mling_describe_query(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
								  PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), NULL);
	progress = mlbase_progress_begin("explain_table", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	mlserve_explain_source(scorer, source, (size_t) PG_GETARG_INT32(3), &contributions);
	mlbase_progress_end(progress);
	if (contributions.n_rows > 0)
		put_contributions(&contributions, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
