/*-------------------------------------------------------------------------
 * folds.c
 *	  Cutting rows into folds.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/base.h"
#include "train/folds.h"

const char *const fold_kind_names[] = {"stratified", "grouped", "time", "prequential"};

/* ---------------------------------------------------------------- checks */

/* By what is given, unless a kind is named.  Errors: 22023. */
static FoldKind
choose_kind(const MlFoldsRequest *r, const char *time_column)
{
	FoldKind	kind = r->group_by ? FOLDS_GROUPED : time_column ? FOLDS_TIME : FOLDS_STRATIFIED;

	if (r->kind)
	{
		int			i = 0;

		while (i < lengthof(fold_kind_names) && strcmp(fold_kind_names[i], r->kind) != 0)
			i++;
		if (i == lengthof(fold_kind_names))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized kind \"%s\"", r->kind),
					 errhint("Valid values are: stratified, grouped, time, prequential.")));
		kind = (FoldKind) i;
	}
	return kind;
}

void
folds_check(Folds *folds, const MlFoldsRequest *r, const char *time_column)
{
	FoldKind	kind = choose_kind(r, time_column);
	const char *name = fold_kind_names[kind];

	if ((kind == FOLDS_GROUPED) != (r->group_by != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(r->group_by ? "folds of kind \"%s\" take no \"group_by\"" : "folds of kind \"%s\" need \"group_by\"",
						name),
				 errhint("\"group_by\" names the column whose values must not be in two folds, e.g. the customer.")));
	if ((kind == FOLDS_TIME || kind == FOLDS_PREQUENTIAL) && time_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds of kind \"%s\" need \"time_column\"", name)));
	if (r->label_delay != 0 && kind != FOLDS_TIME && kind != FOLDS_PREQUENTIAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds of kind \"%s\" take no \"label_delay\"", name)));
	if (!(r->label_delay >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"label_delay\" must not be negative")));
	mlbase_tell_of_seconds("label_delay", r->label_delay);
	if (r->folds < 2 || r->folds > ML_MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d of \"folds\" is out of range", r->folds),
				 errdetail("It must be between 2 and %d.", ML_MAX_FOLDS)));
	*folds = (Folds) {.request = r, .n = r->folds, .kind = kind};
}

/* ---------------------------------------------------------------- cutting */

static bool
are_of_time(const Folds *folds)
{
	return folds->kind == FOLDS_TIME || folds->kind == FOLDS_PREQUENTIAL;
}

/* Groups are dealt to empty folds first, so folds stay empty only where groups lack. */
static void
refuse_few_groups(const Folds *folds, const Data *data)
{
	bool		used[ML_MAX_FOLDS] = {false};
	int			n_groups = 0;

	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		uint8_t		fold = folds->fold[row];

		if (fold == ML_NO_FOLD || used[fold])
			continue;
		used[fold] = true;
		n_groups++;
	}
	if (n_groups < folds->n)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("column \"%s\" of \"group_by\" has %d values, fewer than %d folds",
						folds->request->group_by, n_groups, folds->n),
				 errdetail("Rows without a label do not count."),
				 errhint("Make at most as many folds as there are groups.")));
}

void
folds_make(Folds *folds, const Request *request, const Data *data, const float *label, double held_back)
{
	MlContext  *ctx = data->ctx;
	uint64_t	seed = (uint64_t) request->given->seed;

	folds->label = label;
	folds->held_back = held_back;
	if (are_of_time(folds))
	{
		folds->border = palloc((folds->n + 2) * sizeof(double));
		mlbase_check(ctx, ml_time_blocks(ctx, data->dataset, data->roles.time, data->order, label, folds->n + 1,
										 folds->border));
		return;
	}
	folds->fold = mltrain_zeroed(data, data->dataset->n_rows, 1);
	if (folds->kind == FOLDS_STRATIFIED)
		mlbase_check(ctx, ml_folds_stratified(ctx, data->dataset, data->order, label, folds->n, seed, folds->fold));
	else
	{
		mlbase_check(ctx, ml_folds_grouped(ctx, data->dataset, data->roles.group, label, folds->n, seed, folds->fold));
		refuse_few_groups(folds, data);
	}
}

RoleNotes
folds_notes(const Folds *folds)
{
	RoleNotes	notes = {.made = "Folds are"};

	if (are_of_time(folds))
	{
		notes.without_time = "They are in no fold.";
		notes.by_time = "cut into folds";
	}
	return notes;
}

int64
folds_rows(const Folds *folds, const Data *data)
{
	int64		rows = 0;

	for (size_t row = 0; row < data->dataset->n_rows; row++)
		rows += !isnan(folds->label[row]) &&
			(!are_of_time(folds) || !ml_column_is_missing(&data->dataset->columns[data->roles.time], row));
	return rows;
}

/* Each row's part: train, test or none. */
static void
cut(const Folds *folds, const Data *data, int fold, uint8_t *part)
{
	double		test_from = folds->border ? folds->border[fold + 1] : 0;
	double		test_to = folds->border ? folds->border[fold + 2] : 0;
	double		train_to = test_from - folds->request->label_delay;
	double		train_from = folds->kind == FOLDS_PREQUENTIAL ? train_to - (folds->border[1] - folds->border[0])
	: -INFINITY;

	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		bool		labelled = !isnan(folds->label[row]);

		if (folds->border)
		{
			double		at = ml_column_number(&data->dataset->columns[data->roles.time], row);

			if (labelled && at >= test_from && at < test_to)
				part[row] = ML_PART_TEST;
			else if (labelled && at >= train_from && at < train_to)
				part[row] = ML_PART_TRAIN;
		}
		else if (folds->fold[row] != ML_NO_FOLD)
			part[row] = folds->fold[row] == fold ? ML_PART_TEST : ML_PART_TRAIN;
	}
}

/*
 * Holds back a share of the training rows: the latest ones, whole groups, or a
 * stratified sample, as the folds are made.
 */
static void
hold_back(const Folds *folds, const Request *request, const Data *data, int fold, uint8_t *part)
{
	MlContext  *ctx = data->ctx;
	size_t		n = data->dataset->n_rows;
	double		share = folds->held_back;
	uint64_t	seed = ml_mix64((uint64_t) request->given->seed + fold + 1);
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	uint8_t    *inner = mltrain_zeroed(data, n, 1);
	float	   *masked = mltrain_zeroed(data, n, sizeof(float));

	for (size_t row = 0; row < n; row++)
		masked[row] = part[row] == ML_PART_TRAIN ? folds->label[row] : NAN;
	if (folds->border)
		mlbase_check(ctx, ml_split_by_time(ctx, data->dataset, data->roles.time, data->order, masked, share, 0, inner));
	else if (folds->kind == FOLDS_STRATIFIED)
		mlbase_check(ctx, ml_split_stratified(ctx, data->dataset, data->order, masked, share, 0, seed, inner));
	else
	{
		/* as many folds as make one of them the share */
		int			n_folds = Max(2, Min(ML_MAX_FOLDS, (int) rint(1 / share)));

		mlbase_check(ctx, ml_folds_grouped(ctx, data->dataset, data->roles.group, masked, n_folds, seed, inner));
		for (size_t row = 0; row < n; row++)
			inner[row] = inner[row] == 0 ? ML_PART_VALIDATION : ML_PART_TRAIN;
	}
	for (size_t row = 0; row < n; row++)
	{
		if (part[row] == ML_PART_TRAIN && inner[row] == ML_PART_VALIDATION)
			part[row] = ML_PART_VALIDATION;
	}
	ml_arena_release(ctx->arena, mark);
}

/*
 * Errors: 22000, a part that has no rows, or rows of one class only; there may be
 * no validation rows.
 */
static void
refuse_one_class(const Folds *folds, MlRows rows, int fold, MlPart part)
{
	static const char *const names[] = {
		[ML_PART_TRAIN] = "training", [ML_PART_VALIDATION] = "validation", [ML_PART_TEST] = "test"
	};
	const char *hint = part != ML_PART_TEST && folds->held_back > 0
		? "Give \"split\" no validation rows, {\"validation\": 0}, make fewer folds, or choose another kind of folds."
		: "Make fewer folds, or choose another kind of folds.";
	size_t		positives = 0;

	for (size_t i = 0; i < rows.n; i++)
		positives += folds->label[rows.row[i]] == 1;
	if (rows.n > 0 ? positives > 0 && positives < rows.n : part == ML_PART_VALIDATION)
		return;
	if (rows.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("fold %d has no %s rows", fold + 1, names[part]),
				 folds->border ? errdetail("The rows are cut into blocks of time; rows of one time stay together, and training rows end \"label_delay\" before the test rows.") : 0,
				 errhint("%s", hint)));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("the %s rows of fold %d have only one class", names[part], fold + 1),
			 errdetail("There are %zu positive and %zu negative rows.", positives, rows.n - positives),
			 errhint("%s", hint)));
}

void
folds_cut(const Folds *folds, const Request *request, const Data *data, int fold, Parts *parts)
{
	uint8_t    *part = mltrain_zeroed(data, data->dataset->n_rows, 1);

	memset(parts, 0, sizeof(*parts));
	cut(folds, data, fold, part);
	if (folds->held_back > 0)
		hold_back(folds, request, data, fold, part);
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
	{
		mlbase_check(data->ctx, ml_rows_of_part(data->ctx, data->dataset, data->order, part, (MlPart) p, &parts->rows[p]));
		refuse_one_class(folds, parts->rows[p], fold, (MlPart) p);
	}
}
