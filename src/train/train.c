/*-------------------------------------------------------------------------
 * train.c
 *	  One training, from a source to a registered version.
 *
 * Data flows one way, from step to step; each step is a file whose header says
 * what it takes, gives, owns and raises:
 *	 request	what is asked for, checked
 *	 plan		which columns are read, and what for
 *	 data		the query into a columnar data set, labels, canonical order
 *	 split		train / validation / test, weights
 *	 prepare	the signature, the binned matrices
 *	 fit		the learner
 *	 encode		what was learned as bytes
 *	 scored		rows of a part, scored by these bytes
 *	 judge		the threshold and the metrics
 *	 record		the catalog
 * All write to the journal.  The order is held by test/lint/layers.sh.
 *
 * Everything large lives in the engine context's arena, which dies with the
 * memory context of the training, so a refused, failed or cancelled training
 * leaves nothing behind.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/judge.h"
#include "train/record.h"
#include "train/train.h"

void
mltrain_finish(Journal *journal, const Request *request, const ReadPlan *plan, Prepared *prepared,
			   MlTrainResult *result)
{
	Fitted		fitted;
	Judgement	judgement;

	mltrain_preprocess(journal, request, prepared);
	mltrain_fit(journal, request, prepared, &fitted);
	mltrain_judge(journal, request, prepared, &fitted, &judgement);
	mltrain_record(journal, request, plan, prepared, &judgement, result);
}

/* In the current memory context. */
static Jsonb *
copy_json(Jsonb *json)
{
	return json ? (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(json), false, -1)) : NULL;
}

void
mltrain_keep_result(MlTrainResult *result)
{
	result->metrics = copy_json(result->metrics);
	result->all_params = copy_json(result->all_params);
	result->columns = copy_json(result->columns);
}

/* ---------------------------------------------------------------- entry */

/* What the steps give. */
typedef struct Training
{
	Journal		journal;
	Request		request;
	ReadPlan	plan;
	Data		data;
	Prepared	prepared;
} Training;

static void
training_context(void *arg)
{
	Training   *t = (Training *) arg;

	if (mlbase_tells_place())
		errcontext("training model \"%s\", phase %s", mlbase_excerpt(t->request.given->model), t->journal.phase);
}

/* What is in result outlives the training's memory, so it is copied out of it. */
void
mltrain_train(const MlTrainRequest *request, MlTrainResult *result)
{
	Training   *t = palloc0(sizeof(Training));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops training", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback error_context = {error_context_stack, training_context, t};

	memset(result, 0, sizeof(*result));
	t->request.given = request;
	mltrain_open_journal(&t->journal);
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);
	mlbase_progress_begin("train", request->model); /* ends with the context */
	mlbase_progress_aloud();

	mltrain_check(request, NULL, "mlops.train()", &t->request);
	mltrain_check_together(&t->request);
	mltrain_prepare(&t->journal, &t->request, mlbase_engine_threads(), t->request.learner->needs_blas,
					!t->request.learner->reads_values, &t->plan, &t->data, &t->prepared);
	if (!request->rehearsal)
		mltrain_tell_roles(&t->request, &t->data, mltrain_split_notes(&t->request, &t->data));
	mltrain_finish(&t->journal, &t->request, &t->plan, &t->prepared, result);

	MemoryContextSwitchTo(caller);
	mltrain_keep_result(result);
	mltrain_close(&t->data);
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	pfree(t);
}
