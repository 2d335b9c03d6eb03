/*-------------------------------------------------------------------------
 * curve.c
 *	  Curves of a model on labelled rows: mlops.curve.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/engine/eval.h"
#include "api/judged.h"

MLOPS_FUNCTION(mlops_curve);

/* The columns of a point; which ones a kind of curve fills. */
typedef enum CurveColumn
{
	THRESHOLD,
	FLAGGED,
	PRECISION,
	RECALL,
	FALSE_POSITIVE_RATE,
	ALERT_RATE,
	LIFT,
	COST,
	MEAN_SCORE,
	POSITIVE_RATE,
	POSITIVES,
	ROWS,
	N_COLUMNS
} CurveColumn;

#define FILLED(column) (1 << (column))
#define FLAGGING (FILLED(THRESHOLD) | FILLED(FLAGGED))

typedef struct CurveKind
{
	const char *name;
	int			columns;
} CurveKind;

static const CurveKind kinds[] = {
	{"pr", FLAGGING | FILLED(PRECISION) | FILLED(RECALL)},
	{"roc", FLAGGING | FILLED(RECALL) | FILLED(FALSE_POSITIVE_RATE)},
	{"gain", FLAGGING | FILLED(RECALL) | FILLED(ALERT_RATE)},
	{"lift", FLAGGING | FILLED(ALERT_RATE) | FILLED(LIFT)},
	{"cost", FLAGGING | FILLED(ALERT_RATE) | FILLED(COST)},
	{"calibration", FILLED(THRESHOLD) | FILLED(MEAN_SCORE) | FILLED(POSITIVE_RATE) | FILLED(POSITIVES) | FILLED(ROWS)},
};

static const CurveKind *
kind_named(const char *name)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
		appendStringInfo(&valid, "%s%s", i ? ", " : "", kinds[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized kind of curve \"%s\"", mlbase_excerpt(name)),
			 errhint("Valid kinds are: %s.", valid.data)));
}

static double
share(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static void
put_point(const CurveKind *kind, const MlRanking *all, const MlCurvePoint *point, ReturnSetInfo *result)
{
	double		rows = all->total_positives + all->total_negatives;
	const double numbers[N_COLUMNS] = {
		[THRESHOLD] = point->threshold,
		[FLAGGED] = point->rows,
		[PRECISION] = share(point->positives, point->rows),
		[RECALL] = share(point->positives, all->total_positives),
		[FALSE_POSITIVE_RATE] = share(point->rows - point->positives, all->total_negatives),
		[ALERT_RATE] = share(point->rows, rows),
		[LIFT] = share(share(point->positives, point->rows), share(all->total_positives, rows)),
		[COST] = point->cost,
		[MEAN_SCORE] = point->mean_score,
		[POSITIVE_RATE] = share(point->positives, point->rows),
		[POSITIVES] = point->positives,
		[ROWS] = point->rows
	};
	Datum		values[N_COLUMNS];
	bool		nulls[N_COLUMNS];

	for (int c = 0; c < N_COLUMNS; c++)
	{
		bool		is_count = TupleDescAttr(result->setDesc, c)->atttypid == INT8OID;

		nulls[c] = !(kind->columns & FILLED(c)) || isnan(numbers[c]);
		values[c] = nulls[c] ? (Datum) 0 : is_count ? Int64GetDatum((int64) numbers[c]) : Float8GetDatum(numbers[c]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* What errors cost at each score. */
static MlCostSteps
find_costs(const Judged *judged, const char *model, const MlRanking *ranking)
{
	MlCostSteps steps;

	if (!judged->has_costs)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no costs are known for errors of \"%s\"", mlbase_excerpt(model)),
				 errdetail(judged->imported ? "Version %d was imported: the costs of its training are not known here."
						   : "Version %d was trained without costs, or the columns that they are in are not among these rows.",
						   judged->resolved.version),
				 errhint("Costs are given in training: threshold => '{\"cost\": {\"false_positive\": 5, \"false_negative\": 100}}'.")));
	mlbase_check(judged->ctx, ml_cost_steps(judged->ctx, ranking, &judged->costs, judged->scored.n, judged->scored.score,
											judged->scored.label, NULL, &steps));
	return steps;
}

/*
 * mlops.curve(model text, source regclass, query text, kind text, points int, rows text)
 *	  -> TABLE (the columns of CurveColumn)
 */
Datum
mlops_curve(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CurveKind *kind = kind_named(PG_ARGISNULL(3) ? "pr" : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	int			points = PG_ARGISNULL(4) ? 200 : PG_GETARG_INT32(4);
	JudgedRequest request;
	Judged		judged;
	MlRanking	ranking;
	MlCurvePoint *curve;
	size_t		n;
	MemoryContext caller;
	MemoryContext work;

	if (points < 2 || points > 1000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"points\" is out of range", points),
				 errdetail("It must be between 2 and 1000000.")));
	mlapi_judged_request(fcinfo, 5, "kind", &request);
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops curve", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	mlapi_read_judged(&request, &judged);
	mlbase_check(judged.ctx, ml_ranking_create(judged.ctx, judged.scored.n, judged.scored.score, judged.scored.label, NULL, &ranking));
	if (kind->columns & FILLED(MEAN_SCORE))
		mlbase_check(judged.ctx, ml_calibration(judged.ctx, &ranking, points, &curve, &n));
	else if (kind->columns & FILLED(COST))
	{
		MlCostSteps steps = find_costs(&judged, request.model, &ranking);

		mlbase_check(judged.ctx, ml_curve(judged.ctx, &ranking, &steps, points, &curve, &n));
	}
	else
		mlbase_check(judged.ctx, ml_curve(judged.ctx, &ranking, NULL, points, &curve, &n));
	for (size_t i = 0; i < n; i++)
		put_point(kind, &ranking, &curve[i], result);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}
