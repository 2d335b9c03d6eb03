/*-------------------------------------------------------------------------
 * drift.c
 *	  mlops.check_drift, record_drift, drift_between; the index of scores.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/monitor.h"
#include "mlops/progress.h"

MLOPS_FUNCTION(mlops_check_drift);
MLOPS_FUNCTION(mlops_record_drift);
MLOPS_FUNCTION(mlops_drift_between);
MLOPS_FUNCTION(mlops_drift_alpha);
MLOPS_FUNCTION(mlops_drift_tests);
MLOPS_FUNCTION(mlops_usual_drift_tests);
MLOPS_FUNCTION(mlops_score_psi);
MLOPS_FUNCTION(mlops_score_psi_p_value);

static void
put_tests(ReturnSetInfo *result, List *tests)
{
	ListCell   *lc;

	foreach(lc, tests)
	{
		const MlDriftRow *row = (const MlDriftRow *) lfirst(lc);
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = CStringGetTextDatum(row->feature);
		values[1] = CStringGetTextDatum(row->kind);
		values[2] = CStringGetTextDatum(mlmon_test_names[row->test]);
		values[3] = Float8GetDatum(row->statistic);
		values[4] = Float8GetDatum(row->p_value);
		values[5] = Float8GetDatum(row->threshold);
		values[6] = BoolGetDatum(row->drifted);
		nulls[3] = isnan(row->statistic);
		nulls[5] = isnan(row->threshold);
		nulls[6] = nulls[3] || nulls[5];
		nulls[4] = isnan(row->p_value);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* The model of arguments 0 and 3, checked for an action. */
static void
resolve(FunctionCallInfo fcinfo, MlAction action, MlResolved *resolved)
{
	char	   *model;

	mlbase_refuse_null(fcinfo, 0, "model");
	model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(3))
		mlserve_resolve(model, action, resolved);
	else
		mlserve_resolve_version(model, PG_GETARG_INT32(3), action, resolved);
}

/* The report on the source of arguments 1 and 2. */
static void
check(FunctionCallInfo fcinfo, const char *command, const MlResolved *resolved, MlDriftTests tests,
	  MlDriftReport *report)
{
	MlSource   *source = mling_describe(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
										PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), NULL);
	MlContext  *ctx = mlbase_engine_context(mlbase_engine_threads(), mlops_guc_max_training_memory, false);
	MlProgressScope *progress = mlbase_progress_begin(command, text_to_cstring(PG_GETARG_TEXT_PP(0)));

	mlbase_progress("count", 0, 0, NAN);
	mlmon_check_model(ctx, resolved, source, tests, report);
	mlbase_progress_end(progress);
	mlbase_engine_free(ctx);
}

static char *
mode_argument(FunctionCallInfo fcinfo)
{
	mlbase_refuse_null(fcinfo, 4, "mode");
	return text_to_cstring(PG_GETARG_TEXT_PP(4));
}

/*
 * mlops.check_drift(model text, source regclass, query text, version int, mode text,
 *					 statistics text[])
 *	  -> TABLE(feature, kind, test, statistic, p_value, threshold, drifted)
 */
Datum
mlops_check_drift(PG_FUNCTION_ARGS)
{
	char	   *mode = mode_argument(fcinfo);
	MlDriftTests tests = mlmon_tests(PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5), ML_MODEL_TESTS);
	MlResolved	resolved;
	MlDriftReport report;
	MemoryContext work;
	MemoryContext caller;

	if (strcmp(mode, "mlops") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized mode \"%s\"", mode),
				 errhint("The mode is mlops: a model's baseline has the bins of its training. "
						 "mlops.drift_between compares rows with rows and has further modes.")));
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops drift", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	resolve(fcinfo, ML_TO_INSPECT, &resolved);
	check(fcinfo, "check_drift", &resolved, tests, &report);
	put_tests((ReturnSetInfo *) fcinfo->resultinfo, report.tests);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}

/*
 * mlops.record_drift(model text, source regclass, query text, version int,
 *					  window_start timestamptz, window_end timestamptz, statistics text[])
 *	  -> the same table, recorded
 */
Datum
mlops_record_drift(PG_FUNCTION_ARGS)
{
	TimestampTz start = PG_ARGISNULL(4) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(4);
	TimestampTz end = PG_ARGISNULL(5) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(5);
	MlDriftTests tests;
	MlResolved	resolved;
	MlDriftReport report;
	MemoryContext work;
	MemoryContext caller;

	mlbase_require_writable("mlops.record_drift()");
	mlbase_refuse_large(fcinfo);
	tests = mlmon_tests(PG_ARGISNULL(6) ? NULL : PG_GETARG_ARRAYTYPE_P(6), ML_MODEL_TESTS);
	if (start > end)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"window_start\" must not be after \"window_end\"")));
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops drift", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	resolve(fcinfo, ML_TO_TRAIN, &resolved);
	check(fcinfo, "record_drift", &resolved, tests, &report);
	mlmon_record(&resolved, GetUserId(), start, end, &report);
	put_tests((ReturnSetInfo *) fcinfo->resultinfo, report.tests);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}

static List *
column_names(ArrayType *array)
{
	List	   *names = mlbase_names(array, "columns");

	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"columns\" is empty"),
				 errhint("Leave it out for all columns.")));
	mlbase_refuse_twice(names, "columns");
	return names;
}

/*
 * mlops.drift_between(reference regclass, current regclass, columns name[],
 *					   statistics text[], mode text)
 *	  -> TABLE(feature, kind, test, statistic, p_value, threshold, drifted)
 */
Datum
mlops_drift_between(PG_FUNCTION_ARGS)
{
	MlDriftMode mode = mlmon_mode(mode_argument(fcinfo));
	MlDriftTests tests = mlmon_tests(PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3), mlmon_mode_tests(mode));
	MlSource   *side[2];
	List	   *columns = NIL;
	List	   *rows;
	MlContext  *ctx;
	MlProgressScope *progress;
	MemoryContext work;
	MemoryContext caller;

	mlbase_refuse_null(fcinfo, 0, "reference");
	mlbase_refuse_null(fcinfo, 1, "current");
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops drift", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	if (!PG_ARGISNULL(2))
		columns = column_names(PG_GETARG_ARRAYTYPE_P(2));
	for (int i = 0; i < 2; i++)
		side[i] = mling_describe(PG_GETARG_OID(i), NULL, NULL);
	ctx = mlbase_engine_context(mlbase_engine_threads(), mlops_guc_max_training_memory, false);
	progress = mlbase_progress_begin("drift_between", get_rel_name(PG_GETARG_OID(1)));
	rows = mlmon_compare(ctx, side[0], side[1], columns, tests, mode);
	mlbase_progress_end(progress);
	put_tests((ReturnSetInfo *) fcinfo->resultinfo, rows);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}

/* Counts of an array, *n of them. */
static const uint64_t *
counts_of_array(ArrayType *array, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	uint64_t   *counts;

	deconstruct_array(array, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	counts = palloc(Max(*n, 1) * sizeof(uint64_t));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i] || DatumGetInt64(elements[i]) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("counts of a histogram must not be negative or null")));
		counts[i] = (uint64_t) DatumGetInt64(elements[i]);
	}
	return counts;
}

/* The index of scores between histograms of arguments 0 and 1, and its p-value. */
static MlDriftTest
compare_scores(FunctionCallInfo fcinfo)
{
	int			n[2];
	MlHistograms h;

	h.reference = counts_of_array(PG_GETARG_ARRAYTYPE_P(0), &n[0]);
	h.current = counts_of_array(PG_GETARG_ARRAYTYPE_P(1), &n[1]);
	if (n[0] != n[1])
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("histograms have %d and %d bins: they must have the same", n[0], n[1])));
	h.n = (size_t) n[0];
	return mlmon_score_test(&h);
}

static Datum
float8_or_null(FunctionCallInfo fcinfo, double value)
{
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

/* mlops_catalog.histogram_psi(expected, actual) */
Datum
mlops_score_psi(PG_FUNCTION_ARGS)
{
	return float8_or_null(fcinfo, compare_scores(fcinfo).statistic);
}

/* mlops_catalog.histogram_p_value(expected, actual) */
Datum
mlops_score_psi_p_value(PG_FUNCTION_ARGS)
{
	return float8_or_null(fcinfo, compare_scores(fcinfo).p_value);
}

/* mlops_catalog.drift_alpha() */
Datum
mlops_drift_alpha(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(ML_DRIFT_ALPHA);
}

static Datum
names_of_tests(MlDriftTests tests)
{
	Datum		names[ML_TEST_COUNT];
	int			n = 0;

	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		if (tests & ML_TEST_BIT(t))
			names[n++] = CStringGetTextDatum(mlmon_test_names[t]);
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* mlops_catalog.drift_tests() -> names of the statistics of a model's drift */
Datum
mlops_drift_tests(PG_FUNCTION_ARGS)
{
	return names_of_tests(ML_MODEL_TESTS);
}

/* mlops_catalog.usual_drift_tests() -> of those that are made without being asked for */
Datum
mlops_usual_drift_tests(PG_FUNCTION_ARGS)
{
	return names_of_tests(ML_USUAL_TESTS);
}
