/*-------------------------------------------------------------------------
 * train_fold.c
 *	  One training of a fold.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "train/judge.h"
#include "train/train_fold.h"

/* All steps of a training but the record; metrics are of the fold's rows. */
void
train_fold(Journal *journal, const Request *request, const Data *data, const Parts *parts, MlFoldResult *result)
{
	TimestampTz began = GetCurrentTimestamp();
	Prepared	prepared = {.data = data, .parts = *parts};
	Fitted		fitted;
	Judgement	judgement;

	journal->run_metrics.n = 0;
	journal->told_columns = false;
	mltrain_weigh(request, data, &prepared.parts);
	mltrain_preprocess(journal, request, &prepared);
	mltrain_fit(journal, request, &prepared, &fitted);
	mltrain_judge(journal, request, &prepared, &fitted, &judgement);
	result->train_rows = parts->rows[ML_PART_TRAIN].n;
	result->validation_rows = parts->rows[ML_PART_VALIDATION].n;
	result->iterations = judgement.fitted.learned.iterations;
	result->test = judgement.test;
	result->milliseconds = (double) (GetCurrentTimestamp() - began) / 1000;
}
