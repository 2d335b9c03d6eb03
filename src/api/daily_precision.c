/*-------------------------------------------------------------------------
 * daily_precision.c
 *	  Precision of what is investigated on each day: mlops.daily_precision.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/engine/eval.h"
#include "api/judged.h"

MLOPS_FUNCTION(mlops_daily_precision);

/* Labelled rows that have a day. */
typedef struct DatedRows
{
	size_t		n;
	int32_t    *day;			/* since 2000-01-01, as a date has it */
	uint64_t   *card;			/* NULL: not asked for */
	double	   *score;
	float	   *label;
} DatedRows;

static void
tell_undated(const Judged *judged, size_t n)
{
	if (n > 0)
		ereport(NOTICE,
				(errmsg("time column \"%s\" is NULL in %zu rows with a label", judged->scored.dataset->columns[judged->scored.time].name, n),
				 errdetail("They belong to no day and are left out.")));
}

static void
date_rows(const Judged *judged, bool cards, DatedRows *dated)
{
	const MlScoredRows *scored = &judged->scored;
	const MlColumn *time = &scored->dataset->columns[scored->time];
	MemoryContext memory = CurrentMemoryContext;

	*dated = (DatedRows)
	{
		.day = MemoryContextAllocHuge(memory, scored->n * sizeof(int32_t)),
			.card = cards ? MemoryContextAllocHuge(memory, scored->n * sizeof(uint64_t)) : NULL,
			.score = MemoryContextAllocHuge(memory, scored->n * sizeof(double)),
			.label = MemoryContextAllocHuge(memory, scored->n * sizeof(float))
	};
	for (size_t i = 0; i < scored->n; i++)
	{
		double		seconds = ml_column_number(time, scored->rows.row[i]);

		if (isnan(seconds))
			continue;
		dated->day[dated->n] = (int32_t) floor(seconds / SECS_PER_DAY) - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
		if (cards)
			dated->card[dated->n] = ml_column_hash(&scored->dataset->columns[scored->card], scored->rows.row[i]);
		dated->score[dated->n] = scored->score[i];
		dated->label[dated->n++] = scored->label[i];
	}
	tell_undated(judged, scored->n - dated->n);
}

static void
put_day(const MlDay *day, bool cards, ReturnSetInfo *result)
{
	Datum		values[8] = {DateADTGetDatum(day->day), Int64GetDatum(day->rows), Int64GetDatum(day->positives),
		Float8GetDatum(day->precision), Int64GetDatum(day->cards), Int64GetDatum(day->positive_cards),
	Int64GetDatum(day->known_cards), Float8GetDatum(day->card_precision)};
	bool		nulls[8] = {false, false, false, false, !cards, !cards, !cards, isnan(day->card_precision)};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * mlops.daily_precision(model text, source regclass, query text, time_column name, card_column name, k int, rows text)
 *	  -> TABLE (day, rows, positives, precision_at_k, cards, positive_cards, known_cards, card_precision_at_k)
 */
Datum
mlops_daily_precision(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			k = PG_ARGISNULL(5) ? 100 : PG_GETARG_INT32(5);
	JudgedRequest request;
	Judged		judged;
	DatedRows	dated;
	MlDay	   *by_day;
	size_t		n_days;
	MemoryContext caller;
	MemoryContext work;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"k\" is %d, it must be at least 1", k)));
	mlapi_judged_request(fcinfo, 6, "time_column", &request);
	request.by_time = true;
	request.columns.time = PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3));
	request.columns.card = PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4));
	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops daily precision", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	mlapi_read_judged(&request, &judged);
	date_rows(&judged, request.columns.card != NULL, &dated);
	mlbase_check(judged.ctx, ml_daily_precision(judged.ctx, dated.n, dated.day, dated.card, dated.score, dated.label, k,
											   &by_day, &n_days));
	for (size_t d = 0; d < n_days; d++)
		put_day(&by_day[d], request.columns.card != NULL, result);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return (Datum) 0;
}
