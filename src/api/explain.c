/*-------------------------------------------------------------------------
 * explain.c
 *	  Why a row scores as it does: explain, explain_version.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_explain);
MLOPS_FUNCTION(mlops_explain_version);

#define ALL_FEATURES (-1)

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

static void
put_row(ReturnSetInfo *result, int rank, const char *feature, text *value, double contribution)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = Int32GetDatum(rank);
	values[1] = CStringGetTextDatum(feature);
	values[2] = PointerGetDatum(value);
	nulls[2] = value == NULL;
	values[3] = Float8GetDatum(contribution);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Rows of the explanation of features, the arguments from `argument` on. */
static void
explain(FunctionCallInfo fcinfo, text *reference, int version, int argument)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	Datum		features = PG_GETARG_DATUM(argument);
	int			top = top_argument(fcinfo, argument + 1);
	MlScorer   *scorer = mlserve_scorer(fcinfo->flinfo, reference, version, type);
	MlExplanation why;
	size_t	   *order;

	mlserve_explain_datum(scorer, type, features, &why);
	order = palloc(why.n * sizeof(size_t));
	for (size_t i = 0; i < why.n; i++)
		order[i] = i;
	qsort_arg(order, why.n, sizeof(size_t), compare_contributions, (void *) why.contribution);
	if (top == ALL_FEATURES)
		put_row(result, 0, "(base)", NULL, why.base);
	for (size_t i = 0; i < why.n; i++)
	{
		double		contribution = why.contribution[order[i]];

		if (top != ALL_FEATURES && (i == (size_t) top || contribution == 0))
			break;
		put_row(result, (int) i + 1, ml_model_input_name(why.model, order[i]),
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
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		explain(fcinfo, PG_GETARG_TEXT_PP(0), 0, 1);
	return (Datum) 0;
}

/* mlops.explain_version(model text, version int, features anyelement, top int) */
Datum
mlops_explain_version(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		text	   *model = PG_GETARG_TEXT_PP(0);
		int			version = PG_GETARG_INT32(1);

		if (version < 1)
			mlreg_no_such_version(text_to_cstring(model), version);
		explain(fcinfo, model, version, 2);
	}
	return (Datum) 0;
}
