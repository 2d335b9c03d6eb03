/*-------------------------------------------------------------------------
 * split.c
 *	  Train, validation and test rows, and what they weigh.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "pgtime.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "train/split.h"

/* ---------------------------------------------------------------- parts */

/*
 * train, validation or test for each row, by the text of the fold column.  Letter
 * case does not count.  Errors: 22000, a row whose value is none of the three.
 */
static void
split_by_fold(const Data *data, uint8_t *part)
{
	const MlColumn *column = &data->dataset->columns[data->roles.fold];
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
	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		uint32_t	code = ml_column_code(column, row);

		part[row] = isnan(data->label[row]) || code == ML_MISSING_CODE
			? ML_PART_NONE : part_of_code[code];
	}
}

/* The latest time of a labelled row; an error if the time column has no times. */
static double
newest(const Request *request, const Data *data)
{
	const MlColumn *time = &data->dataset->columns[data->roles.time];
	double		latest = -INFINITY;

	if (time->kind != ML_COLUMN_TIME)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"time_column\" has no times, but numbers", request->given->time_column),
				 errdetail("\"test_last\", \"validation_last\" and \"window\" in \"split\" are lengths of time.")));
	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		double		at = ml_column_number(time, row);

		if (data->label[row] == data->label[row] && at > latest && !isinf(at))
			latest = at;
	}
	return latest;
}

/*
 * The labels; those of rows before the window are missing.  [n_rows] in data's
 * arena where there is a window.
 */
static const float *
labels_in_window(const Request *request, const Data *data)
{
	size_t		n = data->dataset->n_rows;
	double		first;
	float	   *label;

	if (request->split.window == 0)
		return data->label;
	first = newest(request, data) - request->split.window;
	label = mltrain_array(data, n, sizeof(float));
	for (size_t row = 0; row < n; row++)
		label[row] = ml_column_number(&data->dataset->columns[data->roles.time], row) >= first ? data->label[row] : NAN;
	return label;
}

/*
 * Backwards from the newest labelled row: test rows, the label's delay, validation
 * rows, training rows.
 */
static void
split_at_last(const Request *request, const Data *data, const float *label, uint8_t *part)
{
	double		test_from = newest(request, data) - request->split.test_last;
	double		validation_to = test_from - request->split.label_delay;

	mlbase_check(data->ctx, ml_split_at_times(data->ctx, data->dataset, data->roles.time, label,
										   validation_to - request->split.validation_last, validation_to,
										   test_from, INFINITY, part));
}

/*
 * Does the clock of the zone show this time twice, once before it is set back?  In
 * seconds since 1970.  Looks two days around it, since no zone is further from UTC.
 */
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
tell_repeated_hour(const Request *request, const Data *data, const Parts *parts)
{
	const MlColumn *time = data->roles.time >= 0 && data->roles.fold < 0 ? &data->dataset->columns[data->roles.time] : NULL;

	if (time == NULL || strcmp(time->type_name, "timestamp with time zone") != 0)
		return;
	for (int p = ML_PART_VALIDATION; p <= ML_PART_TEST; p++)
	{
		double		first = INFINITY;

		for (size_t i = 0; i < parts->rows[p].n; i++)
			first = fmin(first, ml_column_number(time, parts->rows[p].row[i]));
		if (!isfinite(first) || !is_shown_twice(request->zone, first))
			continue;
		ereport(NOTICE,
				(errmsg("the split is in an hour that the clock of \"%s\" shows twice", request->zone),
				 errdetail("Rows are split by \"%s\" on that clock: rows of both hours count as rows of one hour.", request->given->time_column),
				 errhint("SET timezone = 'UTC' for the training to split by instants.")));
		return;
	}
}

/* Every row is in one part or in none; parts are in canonical order, in data's arena. */
void
mltrain_split(const Request *request, const Data *data, Parts *parts)
{
	MlContext  *ctx = data->ctx;
	const float *label = labels_in_window(request, data);
	uint8_t    *part = mltrain_zeroed(data, data->dataset->n_rows, 1);

	memset(parts, 0, sizeof(*parts));
	if (data->roles.fold >= 0)
		split_by_fold(data, part);
	else if (request->split.at_times)
		mlbase_check(ctx, ml_split_at_times(ctx, data->dataset, data->roles.time, label,
											request->split.validation_from,
											request->split.test_from - request->split.label_delay,
											request->split.test_from, request->split.test_to, part));
	else if (request->split.at_last)
		split_at_last(request, data, label, part);
	else if (data->roles.time >= 0)
		mlbase_check(ctx, ml_split_by_time(ctx, data->dataset, data->roles.time, data->order, label,
										   request->split.validation, request->split.test, part));
	else
		mlbase_check(ctx, ml_split_stratified(ctx, data->dataset, data->order, label,
											  request->split.validation, request->split.test,
											  (uint64_t) request->given->seed, part));
	for (size_t row = 0; label != data->label && row < data->dataset->n_rows; row++)
	{
		if (label[row] != label[row])
			part[row] = ML_PART_NONE;
	}
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
		mlbase_check(ctx, ml_rows_of_part(ctx, data->dataset, data->order, part, (MlPart) p, &parts->rows[p]));
	tell_repeated_hour(request, data, parts);
}

RoleNotes
mltrain_split_notes(const Request *request, const Data *data)
{
	RoleNotes	notes = {.made = "A version is", .by_time = "the last of them are the test rows"};

	if (data->roles.fold >= 0)
		notes.by_time = NULL;
	if (request->split.window > 0)
		notes.without_time = "They are left out: they are not in the \"window\" of \"split\".";
	else if (data->roles.fold < 0 && (request->split.at_times || request->split.at_last))
		notes.without_time = "They are left out: \"split\" tells rows apart by their times.";
	else if (data->roles.fold < 0)
	{
		notes.without_time = "They count as older than all others, and are learned from.";
		notes.learns_without_time = true;
	}
	return notes;
}

/* ---------------------------------------------------------------- weights */

/*
 * For people: what keeps all rows out of the training part, if there are none.  In
 * the current memory context.
 */
static const char *
why_no_training_rows(const Request *request, const Data *data)
{
	if (data->roles.fold >= 0)
		return psprintf("No labelled row has the value \"train\" in fold column \"%s\".",
						data->dataset->columns[data->roles.fold].name);
	if (request->split.at_times || request->split.at_last)
		return psprintf("No labelled row's \"%s\" is before the validation and test rows'%s.", request->given->time_column,
						request->split.window > 0 ? " and in the window" : "");
	return psprintf("The split left none of the %lld labelled rows.",
					(long long) (data->counts.positives + data->counts.negatives));
}

/*
 * Errors: 22000, training rows of one class.  Balanced: n / (2 n of the class), so
 * that the sum of weights stays n.
 */
static void
weigh_classes(const Request *request, const Data *data, Parts *parts)
{
	int64		positives = 0;

	for (size_t i = 0; i < parts->rows[ML_PART_TRAIN].n; i++)
		positives += data->label[parts->rows[ML_PART_TRAIN].row[i]] == 1;
	mltrain_refuse_one_class("the training rows", request->given->target, why_no_training_rows(request, data), positives,
							 (int64) parts->rows[ML_PART_TRAIN].n - positives);

	parts->class_weight[0] = request->preprocess.weight[0];
	parts->class_weight[1] = request->preprocess.weight[1];
	if (request->preprocess.balanced)
	{
		double		total = (double) parts->rows[ML_PART_TRAIN].n;

		parts->class_weight[0] = total / (2.0 * (total - positives));
		parts->class_weight[1] = total / (2.0 * positives);
	}
}

/* fit_weight [n_rows] is sample weight times class weight; NULL where all are 1. */
void
mltrain_weigh(const Request *request, const Data *data, Parts *parts)
{
	size_t		n = data->dataset->n_rows;
	float	   *weight;

	weigh_classes(request, data, parts);
	parts->fit_weight = data->row_weight;
	if (parts->class_weight[0] == 1 && parts->class_weight[1] == 1)
		return;
	weight = mltrain_array(data, n, sizeof(float));
	for (size_t row = 0; row < n; row++)
		weight[row] = (float) (parts->class_weight[data->label[row] == 1] *
							   (data->row_weight ? data->row_weight[row] : 1.0));
	parts->fit_weight = weight;
}
