/*-------------------------------------------------------------------------
 * thresholds.c
 *	  mlops.thresholds: what policies would choose for a version, and what would
 *	  come of it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/engine/eval.h"
#include "mlops/serve.h"
#include "mlops/train.h"
#include "api/judged.h"

#define MOST_POLICIES 100

MLOPS_FUNCTION(mlops_thresholds);

typedef struct Policies
{
	int			n;
	Jsonb	   *json[MOST_POLICIES];
	MlThresholdRequest request[MOST_POLICIES];
	List	   *costs;			/* names of columns, each once */
} Policies;

/* A list of policies, or one. */
static void
read_policies(Jsonb *json, Policies *policies)
{
	bool		list = JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json);

	policies->n = list ? JB_ROOT_COUNT(json) : 1;
	if (policies->n < 1 || policies->n > MOST_POLICIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"policies\" has %d policies", policies->n),
				 errdetail("It must have between 1 and %d.", MOST_POLICIES),
				 errhint("Write it as '[{\"max\": \"f1\"}, {\"alert_rate\": 0.01}]'.")));
	for (int i = 0; i < policies->n; i++)
	{
		policies->json[i] = list ? JsonbValueToJsonb(getIthJsonbValueFromContainer(&json->root, i)) : json;
		mltrain_parse_threshold(policies->json[i], &policies->request[i]);
		mlapi_add_cost(&policies->costs, policies->request[i].false_positive_column);
		mlapi_add_cost(&policies->costs, policies->request[i].false_negative_column);
	}
}

/* The costs of a policy, else those of the training; false: neither has any. */
static bool
find_costs(const Judged *judged, const MlThresholdRequest *request, MlCosts *costs)
{
	bool		own = request->policy.kind == ML_THRESHOLD_COST;

	*costs = own ? request->policy.costs : judged->costs;
	if (own)
	{
		costs->false_positive_by_row = mlserve_cost_by_row(judged->ctx, &judged->scored, judged->cost_columns, request->false_positive_column, false);
		costs->false_negative_by_row = mlserve_cost_by_row(judged->ctx, &judged->scored, judged->cost_columns, request->false_negative_column, true);
	}
	return own || judged->has_costs;
}

/* Why nothing is flagged; what else falls short is to be seen from the row. */
static void
tell_nothing_flagged(const Policies *policies, int i, const MlScoredRows *scored, const MlEvaluation *e, bool reached)
{
	const MlThresholdShortfall s = {reached, e, "rows", scored->n, scored->score, scored->label};
	char	   *shortfall = mltrain_threshold_shortfall(&policies->request[i].policy, &s);
	char	   *policy = JsonbToCString(NULL, &policies->json[i]->root, VARSIZE(policies->json[i]));

	if (shortfall && e->alert_rate == 0)
		ereport(NOTICE,
				(errmsg("policy %s flags no row", mlbase_excerpt(policy)),
				 errdetail("%s", shortfall)));
}

static void
put_policy(const Judged *judged, const Policies *policies, int i, ReturnSetInfo *result)
{
	MlContext  *ctx = judged->ctx;
	const MlScoredRows *scored = &judged->scored;
	MlThresholdPolicy policy = policies->request[i].policy;
	bool		costed = find_costs(judged, &policies->request[i], &policy.costs);
	MlEvaluation e;
	double		threshold;
	bool		reached;
	Datum		values[9];
	bool		nulls[9] = {false};

	mlbase_check(ctx, ml_choose_threshold(ctx, &policy, scored->n, scored->score, scored->label, NULL, &threshold, &reached));
	mlbase_check(ctx, ml_evaluate(ctx, scored->n, scored->score, scored->label, NULL, costed ? &policy.costs : NULL, threshold, &e, NULL));
	tell_nothing_flagged(policies, i, scored, &e, reached);
	values[0] = JsonbPGetDatum(policies->json[i]);
	values[1] = BoolGetDatum(reached);
	values[2] = Float8GetDatum(threshold);
	values[3] = Int64GetDatum((int64) e.rows);
	values[4] = Int64GetDatum((int64) (e.confusion.true_positives + e.confusion.false_positives));
	values[5] = Float8GetDatum(e.precision);
	values[6] = Float8GetDatum(e.recall);
	values[7] = Float8GetDatum(e.false_positive_rate);
	values[8] = Float8GetDatum(e.expected_cost);
	nulls[5] = isnan(e.precision);
	nulls[6] = isnan(e.recall);
	nulls[7] = isnan(e.false_positive_rate);
	nulls[8] = !costed || isnan(e.expected_cost);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * mlops.thresholds(model text, version int, policies jsonb, source regclass, query text)
 *	  -> TABLE (policy, reached, threshold, rows, flagged, precision, recall, false_positive_rate, expected_cost)
 */
Datum
mlops_thresholds(PG_FUNCTION_ARGS)
{
	JudgedRequest request;
	Judged		judged;
	Policies   *policies;
	MemoryContext caller;
	MemoryContext work;

	mlbase_refuse_null(fcinfo, 0, "model");
	mlbase_refuse_null(fcinfo, 1, "version");
	mlbase_refuse_null(fcinfo, 2, "policies");
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops thresholds", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	policies = palloc0(sizeof(Policies));
	read_policies(PG_GETARG_JSONB_P(2), policies);
	request = (JudgedRequest)
	{
		.model = psprintf("%s/%d", text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1)),
			.source = PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3),
			.query = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)),
			.columns.costs = policies->costs
	};
	InitMaterializedSRF(fcinfo, 0);
	mlapi_read_judged(&request, &judged);
	for (int i = 0; i < policies->n; i++)
		put_policy(&judged, policies, i, (ReturnSetInfo *) fcinfo->resultinfo);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}
