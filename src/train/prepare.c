/*-------------------------------------------------------------------------
 * prepare.c
 *	  From a request to what a learner learns from.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/base.h"
#include "train/findings.h"
#include "train/prepare.h"

/* ---------------------------------------------------------------- data */

void
mltrain_load(Journal *journal, const Request *request, int n_threads, bool with_blas, bool may_spill, ReadPlan *plan, Data *data)
{
	mltrain_plan(journal, request, plan);
	mltrain_read(journal, request, plan, n_threads, with_blas, may_spill, data);
	data->history = plan->history;
}

void
mltrain_label_rows(Journal *journal, const Request *request, const ReadPlan *plan, Data *data)
{
	mltrain_label(request, plan, data);
	mltrain_tell_negatives(journal, request, data);
	mltrain_leave_out_identifiers(journal, request, data);
}

void
mltrain_prepare(Journal *journal, const Request *request, int n_threads, bool with_blas, bool may_spill,
				ReadPlan *plan, Data *data, Prepared *prepared)
{
	memset(prepared, 0, sizeof(*prepared));
	prepared->data = data;
	mltrain_load(journal, request, n_threads, with_blas, may_spill, plan, data);
	mltrain_begin_phase(journal, "split");
	mltrain_label_rows(journal, request, plan, data);
	mltrain_split(request, data, &prepared->parts);
	mltrain_weigh(request, data, &prepared->parts);
	mltrain_end_phase(journal);
}

/* ---------------------------------------------------------------- views */

/*
 * Refuses a training that would not fit, before anything big is allocated.  An
 * estimate from above.  Errors: 53200.
 */
static void
check_memory(const Request *request, const void *params, const Prepared *prepared)
{
	MlContext  *ctx = prepared->data->ctx;
	const MlRows *rows = prepared->parts.rows;
	size_t		n_train = rows[ML_PART_TRAIN].n;
	size_t		n_validation = rows[ML_PART_VALIDATION].n;
	size_t		n_features = prepared->signature->n_features;
	size_t		n_judged = Max(n_train, n_validation + rows[ML_PART_TEST].n);
	size_t		needed;
	size_t		allowed = ml_arena_budget(ctx->arena);

	/* 64: sort buffers and results of judging, a row; at most this much */
	needed = ml_arena_taken(ctx->arena) +
		ml_binned_size(n_train, n_features) + ml_binned_size(n_validation, n_features) +
		Max(request->learner->memory_needed(n_train, n_validation, prepared->signature, params,
											ml_pool_size(ctx->pool)),
			n_judged * 64);
	if (allowed > 0 && needed > allowed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("training needs %zu MB, but mlops.max_training_memory allows %zu MB",
						needed >> 20, allowed >> 20),
				 errdetail("There are %zu training rows and %zu features.", n_train, n_features),
				 errhint("Raise mlops.max_training_memory, or train on fewer rows or columns.")));
}

/*
 * Everything is learned from the view's own training rows: nothing of the
 * validation rows is in signature or bins.
 */
void
mltrain_make_view(Journal *journal, const Request *request, const void *params, int max_bins, Prepared *prepared)
{
	const Data *data = prepared->data;
	const MlRows *rows = prepared->parts.rows;
	MlContext  *ctx = data->ctx;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlSignature *signature;
	MlBinned   *binned;

	mlbase_check(ctx, ml_signature_fit(ctx, data->dataset, rows[ML_PART_TRAIN], data->label,
									   data->n_features, data->features, max_bins,
									   (uint64_t) request->given->seed, data->roles.time >= 0, &signature,
									   &left_out, &n_left_out));
	signature->time_zone = request->zone;
	prepared->signature = signature;
	if (!journal->told_columns)
		mltrain_report_left_out(journal, data, left_out, n_left_out);
	check_memory(request, params, prepared);
	mlbase_check(ctx, ml_binned_create(ctx, data->dataset, signature, rows[ML_PART_TRAIN], true, &binned));
	prepared->binned_train = binned;
	if (!journal->told_columns)
	{
		mltrain_suspect(journal, request, data, rows[ML_PART_TRAIN], signature, binned);
		mltrain_note_lumped(journal, signature);
	}
	journal->told_columns = true;
	prepared->binned_validation = NULL;
	if (rows[ML_PART_VALIDATION].n > 0)
	{
		mlbase_check(ctx, ml_binned_create(ctx, data->dataset, signature,
										   rows[ML_PART_VALIDATION], false, &binned));
		prepared->binned_validation = binned;
	}
}

void
mltrain_preprocess(Journal *journal, const Request *request, Prepared *prepared)
{
	mltrain_begin_phase(journal, "preprocess");
	mltrain_make_view(journal, request, request->params, request->learner->max_bins(request->params), prepared);
	mltrain_end_phase(journal);
}
