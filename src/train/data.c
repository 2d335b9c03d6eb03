/*-------------------------------------------------------------------------
 * data.c
 *	  The data of a training: reading, labels, train / validation / test, weights.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "pgtime.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "train/training.h"

void
mltrain_ingest(Training *t)
{
	t->dataset = mling_read(t->ctx, t->source, t->n_columns, t->columns, t->zone);
	if (t->dataset->n_rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source has no rows")));
}

/* train, validation or test for each row, by the text of the fold column. */
static void
split_by_fold(Training *t, uint8_t *part)
{
	const MlColumn *column = &t->dataset->columns[t->fold];
	uint32_t	n = ml_dictionary_size(column->dictionary);
	uint8_t    *part_of_code = palloc0(Max(n, 1));

	for (uint32_t code = 0; code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);
		char	   *text = pnstrdup(bytes, size);

		if (pg_strcasecmp(text, "train") == 0)
			part_of_code[code] = ML_PART_TRAIN;
		else if (pg_strcasecmp(text, "validation") == 0)
			part_of_code[code] = ML_PART_VALIDATION;
		else if (pg_strcasecmp(text, "test") == 0)
			part_of_code[code] = ML_PART_TEST;
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("fold column \"%s\" has value \"%s\"", column->name, text),
					 errhint("Its values must be train, validation, test or NULL.")));
	}
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		uint32_t	code = ml_column_code(column, row);

		part[row] = isnan(t->label[row]) || code == ML_MISSING_CODE
			? ML_PART_NONE : part_of_code[code];
	}
}

static void
refuse_one_class(const char *where, const char *target, const char *reason, int64 positives, int64 negatives)
{
	if (positives > 0 && negatives > 0)
		return;
	if (positives + negatives == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target \"%s\" has no labels in %s", target, where),
				 errdetail("%s", reason),
				 errhint("Check the target, the split and the source's filter.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("target \"%s\" has only one class in %s", target, where),
			 errdetail("There are %lld positive and %lld negative rows.",
					   (long long) positives, (long long) negatives),
			 errhint("Learning needs rows of both classes; check the target, the split and the source's filter.")));
}

/* The latest time of a labelled row; an error if the time column has no times. */
static double
newest(const Training *t)
{
	const MlColumn *time = &t->dataset->columns[t->time];
	double		latest = -INFINITY;

	if (time->kind != ML_COLUMN_TIME)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"time_column\" has no times, but numbers", t->request->time_column),
				 errdetail("\"test_last\", \"validation_last\" and \"window\" in \"split\" are lengths of time.")));
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		double		at = ml_column_number(time, row);

		if (t->label[row] == t->label[row] && at > latest && !isinf(at))
			latest = at;
	}
	return latest;
}

/* The labels; those of rows before the window are missing. */
static const float *
labels_in_window(const Training *t)
{
	size_t		n = t->dataset->n_rows;
	double		first;
	float	   *label;

	if (t->split.window == 0)
		return t->label;
	first = newest(t) - t->split.window;
	label = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));
	if (label == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	for (size_t row = 0; row < n; row++)
		label[row] = ml_column_number(&t->dataset->columns[t->time], row) >= first ? t->label[row] : NAN;
	return label;
}

static void
split_at_last(const Training *t, const float *label, uint8_t *part)
{
	double		test_from = newest(t) - t->split.test_last;
	double		validation_to = test_from - t->split.label_delay;

	mlbase_check(t->ctx, ml_split_at_times(t->ctx, t->dataset, t->time, label,
										   validation_to - t->split.validation_last, validation_to,
										   test_from, INFINITY, part));
}

/* Does the clock of the zone show this time twice, once before it is set back?  In
 * seconds since 1970. */
static bool
is_shown_twice(const char *zone, double clock)
{
	pg_time_t	at = (pg_time_t) clock - 2 * SECS_PER_DAY;
	pg_time_t	boundary;
	long		before;
	long		after;
	int			summer;

	while (pg_next_dst_boundary(&at, &before, &summer, &boundary, &after, &summer, pg_tzset(zone)) == 1 &&
		   boundary < clock + 2 * SECS_PER_DAY)
	{
		if (clock >= boundary + after && clock < boundary + before)
			return true;
		at = boundary + 1;
	}
	return false;
}

/* Rows are told apart by the clock, which says the same of two instants then. */
static void
tell_repeated_hour(const Training *t)
{
	const MlColumn *time = t->time >= 0 && t->fold < 0 ? &t->dataset->columns[t->time] : NULL;

	if (time == NULL || strcmp(time->type_name, "timestamp with time zone") != 0)
		return;
	for (int p = ML_PART_VALIDATION; p <= ML_PART_TEST; p++)
	{
		double		first = INFINITY;

		for (size_t i = 0; i < t->rows[p].n; i++)
			first = fmin(first, ml_column_number(time, t->rows[p].row[i]));
		if (!isfinite(first) || !is_shown_twice(t->zone, first))
			continue;
		ereport(NOTICE,
				(errmsg("the split is in an hour that the clock of \"%s\" shows twice", t->zone),
				 errdetail("Rows are split by \"%s\" on that clock: those of both hours count as of one.", t->request->time_column),
				 errhint("SET timezone = 'UTC' for the training to split by instants.")));
		return;
	}
}

void
mltrain_split(Training *t)
{
	MlContext  *ctx = t->ctx;
	const float *label = labels_in_window(t);
	uint8_t    *part = ml_arena_alloc_zeroed(ctx->arena, t->dataset->n_rows, 1);

	if (part == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	if (t->fold >= 0)
		split_by_fold(t, part);
	else if (t->split.at_times)
		mlbase_check(ctx, ml_split_at_times(ctx, t->dataset, t->time, label,
											t->split.validation_from,
											t->split.test_from - t->split.label_delay,
											t->split.test_from, t->split.test_to, part));
	else if (t->split.at_last)
		split_at_last(t, label, part);
	else if (t->time >= 0)
		mlbase_check(ctx, ml_split_by_time(ctx, t->dataset, t->time, t->order, label,
										   t->split.validation, t->split.test, part));
	else
		mlbase_check(ctx, ml_split_stratified(ctx, t->dataset, t->order, label,
											  t->split.validation, t->split.test,
											  (uint64_t) t->request->seed, part));
	for (size_t row = 0; label != t->label && row < t->dataset->n_rows; row++)
	{
		if (label[row] != label[row])
			part[row] = ML_PART_NONE;
	}
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
		mlbase_check(ctx, ml_rows_of_part(ctx, t->dataset, t->order, part, (MlPart) p, &t->rows[p]));
	tell_repeated_hour(t);
}

/* Weights are kept as float. */
#define LARGEST_WEIGHT (FLT_MAX / 2)
#define SMALLEST_WEIGHT FLT_MIN

/* Sample weights from the weight column. */
static void
read_weights(Training *t)
{
	const MlColumn *column = &t->dataset->columns[t->weight];
	size_t		n = t->dataset->n_rows;

	t->row_weight = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));
	if (t->row_weight == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	for (size_t row = 0; row < n; row++)
	{
		double		weight = ml_column_number(column, row);

		if (isnan(t->label[row]))
			weight = 0;			/* the row does not count */
		else if (isnan(weight))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight column \"%s\" has a value that is NULL or NaN", column->name),
					 errhint("Give every row a weight that has a label.")));
		else if (!(weight > 0))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight column \"%s\" has a value that is not positive", column->name)));
		else if (weight > LARGEST_WEIGHT || weight < SMALLEST_WEIGHT)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight column \"%s\" has a value that is too %s: %s", column->name,
							weight > LARGEST_WEIGHT ? "large" : "small", mlbase_number_text(weight)),
					 errdetail("Weights are between %g and %g.", SMALLEST_WEIGHT, LARGEST_WEIGHT),
					 errhint("Divide them all by one number, so that they are near 1: parameters such as min_child_weight and C are meant for such weights.")));
		t->row_weight[row] = (float) weight;
	}
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64_t	one = *(const uint64_t *) a;
	uint64_t	other = *(const uint64_t *) b;

	return one < other ? -1 : one > other;
}

size_t
mltrain_repeated_keys(const Training *t, size_t *missing)
{
	size_t		n = t->dataset->n_rows;
	uint64_t   *hash = palloc_extended(n * sizeof(uint64_t), MCXT_ALLOC_HUGE);
	size_t		repeated = 0;

	*missing = 0;
	for (size_t row = 0; row < n; row++)
	{
		hash[row] = ml_column_hash(&t->dataset->columns[t->key], row);
		*missing += hash[row] == 0;
	}
	qsort(hash, n, sizeof(uint64_t), compare_hashes);
	for (size_t row = *missing + 1; row < n; row++)
		repeated += hash[row] == hash[row - 1];
	pfree(hash);
	return repeated;
}

static size_t
rows_without_time(const Training *t)
{
	const MlColumn *time = &t->dataset->columns[t->time];
	size_t		missing = 0;

	for (size_t row = 0; row < t->dataset->n_rows; row++)
		missing += t->label[row] == t->label[row] && ml_column_is_missing(time, row);
	return missing;
}

static bool
is_fractional(const MlColumn *column)
{
	return strcmp(column->type_name, "real") == 0 || strcmp(column->type_name, "double precision") == 0;
}

/* From here on neighbouring integers are one number in double precision. */
#define GREATEST_EXACT 9007199254740992.0

static bool
is_rounded(const Training *t)
{
	const MlColumn *time = &t->dataset->columns[t->time];
	bool		rounded = false;

	for (size_t row = 0; row < t->dataset->n_rows && !rounded; row++)
		rounded = fabs(ml_column_number(time, row)) > GREATEST_EXACT;
	return rounded;
}

void
mltrain_tell_roles(const Training *t)
{
	const MlTrainRequest *r = t->request;
	size_t		without_key = 0;
	size_t		repeated = t->key >= 0 ? mltrain_repeated_keys(t, &without_key) : 0;
	size_t		missing = t->time >= 0 ? rows_without_time(t) : 0;

	if (without_key > 1)		/* nothing tells these apart either */
		repeated += without_key - 1;
	if (repeated > 0)
		ereport(NOTICE,
				(errmsg("key \"%s\" is not unique: %zu of %zu rows have the key of another row", r->key, repeated, t->dataset->n_rows),
				 errdetail("A version is the same for the same rows only if their keys tell them apart.")));
	if (missing > 0)
		ereport(NOTICE,
				(errmsg("time column \"%s\" is NULL in %zu rows with a label", r->time_column, missing),
				 errdetail("They count as older than all others, and are learned from.")));
	if (t->time >= 0 && is_fractional(&t->dataset->columns[t->time]))
		ereport(NOTICE,
				(errmsg("time column \"%s\" has no times, but numbers with fractions", r->time_column),
				 errdetail("The rows are ordered by it, and the last of them are the test rows.")));
	if (t->time >= 0 && is_rounded(t))
		ereport(NOTICE,
				(errmsg("time column \"%s\" has numbers beyond 2^53, which are rounded", r->time_column),
				 errdetail("Rows whose numbers are rounded to the same one count as of one time."),
				 errhint("Turn it into a timestamp in a query, such as to_timestamp(nanoseconds / 1e9).")));
}

void
mltrain_label(Training *t)
{
	t->label = mling_labels(t->ctx, t->dataset, t->target, t->positive, &t->counts);
	refuse_one_class("the source", t->request->target, "It is NULL in every row.",
					 t->counts.positives, t->counts.negatives);
	if (t->weight >= 0)
		read_weights(t);
	mlbase_check(t->ctx, ml_order_rows(t->ctx, t->dataset, t->time, t->key, &t->order));
	mltrain_leave_out_identifiers(t);
}

/* For people: what keeps all rows out of the training part, if there are none. */
static const char *
why_no_training_rows(const Training *t)
{
	if (t->fold >= 0)
		return psprintf("No labelled row has the value \"train\" in fold column \"%s\".",
						t->dataset->columns[t->fold].name);
	if (t->split.at_times || t->split.at_last)
		return psprintf("No labelled row's \"%s\" is before the validation and test rows'%s.", t->request->time_column,
						t->split.window > 0 ? " and in the window" : "");
	return psprintf("The split left none of the %lld labelled rows.",
					(long long) (t->counts.positives + t->counts.negatives));
}

static void
weigh_classes(Training *t)
{
	int64		positives = 0;

	for (size_t i = 0; i < t->rows[ML_PART_TRAIN].n; i++)
		positives += t->label[t->rows[ML_PART_TRAIN].row[i]] == 1;
	refuse_one_class("the training rows", t->request->target, why_no_training_rows(t), positives,
					 (int64) t->rows[ML_PART_TRAIN].n - positives);

	t->class_weight[0] = t->preprocess.weight[0];
	t->class_weight[1] = t->preprocess.weight[1];
	if (t->preprocess.balanced)
	{
		double		total = (double) t->rows[ML_PART_TRAIN].n;

		t->class_weight[0] = total / (2.0 * (total - positives));
		t->class_weight[1] = total / (2.0 * positives);
	}
}

void
mltrain_weigh(Training *t)
{
	size_t		n = t->dataset->n_rows;

	weigh_classes(t);
	t->fit_weight = t->row_weight;
	if (t->class_weight[0] == 1 && t->class_weight[1] == 1)
		return;
	t->fit_weight = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));
	if (t->fit_weight == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	for (size_t row = 0; row < n; row++)
		t->fit_weight[row] = (float) (t->class_weight[t->label[row] == 1] *
									  (t->row_weight ? t->row_weight[row] : 1.0));
}
