/*-------------------------------------------------------------------------
 * fit.c
 *	  What the learner needs from the data, and learning itself.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/base.h"
#include "train/training.h"

/* ---------------------------------------------------------------- messages */

/* A kept message is LEVEL TEXT <field> DETAIL <end>. */
#define FIELD '\x1f'
#define END '\x1e'

static void
say(int level, const char *message, const char *detail)
{
	ereport(level, (errmsg("%s", message), detail && *detail ? errdetail("%s", detail) : 0));
}

void
mltrain_tell(Training *t, int level, const char *message, const char *detail)
{
	if (t->told == NULL)
		say(level, message, detail);
	else
		appendStringInfo(t->told, "%d %s%c%s%c", level, message, FIELD, detail ? detail : "", END);
}

/* Is a message, with its level but whatever its detail, among those that were kept? */
static bool
was_told(const char *told, const char *message)
{
	size_t		length = strlen(message);

	for (const char *end; (end = strchr(told, END)) != NULL; told = end + 1)
	{
		if (strncmp(told, message, length) == 0 && told[length] == FIELD)
			return true;
	}
	return false;
}

/* "in fold 2: ", "in folds 1, 3: ", or nothing for what is told of all. */
static const char *
which_folds(char *const *told, int n_folds, const char *message)
{
	StringInfoData numbers;
	int			n = 0;

	initStringInfo(&numbers);
	for (int f = 0; f < n_folds; f++)
	{
		if (was_told(told[f], message))
			appendStringInfo(&numbers, "%s%d", n++ > 0 ? ", " : "", f + 1);
	}
	return n == n_folds ? "" : psprintf("in fold%s %s: ", n > 1 ? "s" : "", numbers.data);
}

void
mltrain_repeat(char *const *told, int n_folds)
{
	for (int f = 0; f < n_folds; f++)
	{
		const char *end;

		for (const char *at = told[f]; (end = strchr(at, END)) != NULL; at = end + 1)
		{
			char	   *message = pnstrdup(at, end - at);
			char	   *detail = strchr(message, FIELD);
			char	   *text;
			int			level = (int) strtol(message, &text, 10);
			bool		before = false;

			*detail++ = '\0';
			for (int other = 0; other < f; other++)
				before = before || was_told(told[other], message);
			if (!before)
				say(level, psprintf("%s%s", which_folds(told, n_folds, message), text + 1), detail);
		}
	}
}

/* ---------------------------------------------------------------- preprocessing */

/* Refuses a training that would not fit, before anything big is allocated. */
static void
check_memory(Training *t)
{
	size_t		n_train = t->rows[ML_PART_TRAIN].n;
	size_t		n_validation = t->rows[ML_PART_VALIDATION].n;
	size_t		n_features = t->signature->n_features;
	size_t		n_judged = Max(n_train, n_validation + t->rows[ML_PART_TEST].n);
	size_t		needed;
	size_t		allowed = ml_arena_budget(t->ctx->arena);

	/* 64: sort buffers and results of judging, a row; at most this much */
	needed = ml_arena_used(t->ctx->arena) +
		ml_binned_size(n_train, n_features) + ml_binned_size(n_validation, n_features) +
		Max(t->learner->memory_needed(n_train, n_validation, t->signature, t->params,
									  ml_pool_size(t->ctx->pool)),
			n_judged * 64);
	if (allowed > 0 && needed > allowed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("training needs %zu MB, but mlops.max_training_memory allows %zu MB",
						needed >> 20, allowed >> 20),
				 errdetail("There are %zu training rows and %zu features.", n_train, n_features),
				 errhint("Raise mlops.max_training_memory, or train on fewer rows or columns.")));
}

static void
report_left_out(Training *t)
{
	for (size_t i = 0; i < t->n_left_out; i++)
	{
		const MlLeftOut *out = &t->left_out[i];
		const char *name = t->dataset->columns[out->column].name;

		if (out->reason == ML_LEFT_OUT_IDENTIFIER)
		{
			char	   *detail = psprintf("It has %llu distinct values.", (unsigned long long) out->distinct);

			mltrain_tell(t, NOTICE, psprintf("column \"%s\" looks like an identifier and is left out", name), detail);
			mltrain_note(t, name, "identifier", detail);
		}
		else
		{
			mltrain_tell(t, NOTICE, psprintf("column \"%s\" is constant and is left out", name), NULL);
			mltrain_note(t, name, "constant", "It has one value in the training rows.");
		}
	}
}

void
mltrain_make_view(Training *t, int max_bins)
{
	MlContext  *ctx = t->ctx;
	MlSignature *signature;
	MlBinned   *binned;

	mlbase_check(ctx, ml_signature_fit(ctx, t->dataset, t->rows[ML_PART_TRAIN], t->label,
									   t->n_features, t->features, max_bins,
									   (uint64_t) t->request->seed, t->time >= 0, &signature,
									   &t->left_out, &t->n_left_out));
	signature->time_zone = t->zone;
	t->signature = signature;
	if (!t->told_left_out)
		report_left_out(t);
	check_memory(t);
	mlbase_check(ctx, ml_binned_create(ctx, t->dataset, signature, t->rows[ML_PART_TRAIN], true, &binned));
	t->binned_train = binned;
	if (!t->told_left_out)
	{
		mltrain_suspect(t);
		mltrain_note_lumped(t);
	}
	t->told_left_out = true;
	t->binned_validation = NULL;
	if (t->rows[ML_PART_VALIDATION].n > 0)
	{
		mlbase_check(ctx, ml_binned_create(ctx, t->dataset, signature,
										   t->rows[ML_PART_VALIDATION], false, &binned));
		t->binned_validation = binned;
	}
}

void
mltrain_preprocess(Training *t)
{
	mltrain_begin_phase(t, "preprocess");
	mltrain_make_view(t, t->learner->max_bins(t->params));
	mltrain_end_phase(t);
}

MlTask
mltrain_task(const Training *t)
{
	MlTask		task = {0};

	task.dataset = t->dataset;
	task.signature = t->signature;
	task.train = t->rows[ML_PART_TRAIN];
	task.validation = t->rows[ML_PART_VALIDATION];
	task.binned_train = t->binned_train;
	task.binned_validation = t->binned_validation;
	task.label = t->label;
	task.weight = t->fit_weight;
	task.metric = t->metric;
	task.params = t->params;
	task.seed = (uint64_t) t->request->seed;
	return task;
}

void
mltrain_fit(Training *t)
{
	MlTask		task = mltrain_task(t);

	mltrain_begin_phase(t, "fit");
	mlbase_check(t->ctx, t->learner->fit(t->ctx, &task, &t->learned));
	if (t->learned.warning[0])
		mltrain_tell(t, WARNING, t->learned.warning, NULL);
	mltrain_end_phase(t);
}
