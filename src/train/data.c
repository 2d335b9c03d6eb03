/*-------------------------------------------------------------------------
 * data.c
 *	  The rows of a training: reading, labels, sample weights, their order.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "mlops/base.h"
#include "train/data.h"

void *
mltrain_array(const Data *data, size_t n, size_t size)
{
	void	   *array = ml_arena_alloc_array(data->ctx->arena, Max(n, 1), size);

	if (array == NULL)
		mlbase_check(data->ctx, ml_fail_memory(data->ctx));
	return array;
}

void *
mltrain_zeroed(const Data *data, size_t n, size_t size)
{
	void	   *array = ml_arena_alloc_zeroed(data->ctx->arena, n, size);

	if (array == NULL)
		mlbase_check(data->ctx, ml_fail_memory(data->ctx));
	return array;
}

/* ---------------------------------------------------------------- reading */

/*
 * The content hash: a column that makes folds and nothing else is not part of what
 * a training reads.  Both hashes are kept: with it, too.
 */
static void
take_fingerprint(Data *data)
{
	MlDataset	read = *data->dataset;

	mlbase_check(data->ctx, ml_dataset_fingerprint(data->ctx, data->dataset, data->full_fingerprint));
	memcpy(data->fingerprint, data->full_fingerprint, sizeof(data->fingerprint));
	if (data->roles.group < 0 || data->roles.group == data->roles.key)
		return;
	read.columns = palloc(read.n_columns * sizeof(MlColumn));
	memcpy(read.columns, data->dataset->columns, data->roles.group * sizeof(MlColumn));
	memcpy(read.columns + data->roles.group, data->dataset->columns + data->roles.group + 1,
		   (read.n_columns - data->roles.group - 1) * sizeof(MlColumn));
	read.n_columns--;
	mlbase_check(data->ctx, ml_dataset_fingerprint(data->ctx, &read, data->fingerprint));
}

/* Of mlops.max_training_memory: what values of features may take before they go to a file. */
#define SHARE_OF_VALUES 4

/* Of the labelled rows, as far as that is known before they are read. */
static double
training_share(const MlSplitRequest *split)
{
	return split->fold || split->at_times || split->at_last || split->window > 0 ? 0 : 1 - split->validation - split->test;
}

/* Bytes a row of what is kept of it beside its values: label, its place in the order, part. */
#define BYTES_BESIDE (sizeof(float) + sizeof(uint32_t) + 1)

/* What learning takes at least. */
static void
foresee_learning(const Request *request, const ReadPlan *plan, int n_threads, MlReadLimits *limits)
{
	const MlLearner *learner = request->learner;
	size_t		n_rows = 1000000;	/* needs rise in proportion to rows */
	size_t		n_train = (size_t) (training_share(&request->split) * (double) n_rows);
	MlFeature  *features = palloc0(plan->n_features * sizeof(MlFeature));
	MlSignature signature = {.n_features = plan->n_features, .features = features};
	size_t		most;

	limits->later = learner->memory_needed(0, 0, &signature, request->params, n_threads);
	most = learner->memory_needed(n_train, 0, &signature, request->params, n_threads) - limits->later;
	limits->later_per_row = BYTES_BESIDE;
	limits->later_per_label = (double) (most + n_train * plan->n_features) / (double) n_rows;
	pfree(features);
}

void
mltrain_read(Journal *journal, const Request *request, const ReadPlan *plan, int n_threads, bool with_blas,
			 bool may_spill, Data *data)
{
	MlReadLimits limits = {0};

	memset(data, 0, sizeof(*data));
	data->ctx = mlbase_engine_context(n_threads, mlops_guc_max_training_memory, with_blas);
	data->roles = plan->roles;
	data->n_features = plan->n_features;
	data->features = palloc(plan->n_features * sizeof(uint32_t));
	memcpy(data->features, plan->features, plan->n_features * sizeof(uint32_t));
	mltrain_begin_phase(journal, "ingest");
	if (may_spill)
	{
		data->spill = limits.spill = mling_open_spill(ml_arena_budget(data->ctx->arena) / SHARE_OF_VALUES);
		foresee_learning(request, plan, n_threads, &limits);
	}
	limits.order = data->roles.key >= 0 ? ML_ORDER_NONE : ML_ORDER_OF_TABLE;
	data->dataset = mling_read(data->ctx, plan->source, plan->n_columns, plan->columns, request->zone, limits);
	if (data->dataset->n_rows == 0)
		mling_refuse_empty(plan->source);
	if (data->roles.time >= 0)
		mling_refuse_far_times(data->dataset, data->roles.time);
	mltrain_end_phase(journal);
	take_fingerprint(data);
}

void
mltrain_close(Data *data)
{
	if (data->spill)
		mling_close_spill(data->spill);
}

/* ---------------------------------------------------------------- labels and weights */

void
mltrain_refuse_one_class(const char *where, const char *target, const char *reason,
						 int64 positives, int64 negatives)
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

/* Weights are kept as float. */
#define LARGEST_WEIGHT (FLT_MAX / 2)
#define SMALLEST_WEIGHT FLT_MIN

/*
 * Sample weights from the weight column.  Errors: 22000, a weight that is missing,
 * not positive, or beyond float.
 */
static void
read_weights(Data *data)
{
	const MlColumn *column = &data->dataset->columns[data->roles.weight];
	size_t		n = data->dataset->n_rows;
	float	   *row_weight = mltrain_array(data, n, sizeof(float));

	for (size_t row = 0; row < n; row++)
	{
		double		weight = ml_column_number(column, row);

		if (isnan(data->label[row]))
			weight = 0;			/* the row does not count */
		else if (isnan(weight))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight column \"%s\" has a value that is NULL or NaN", column->name),
					 errhint("Give a weight to every row that has a label.")));
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
		row_weight[row] = (float) weight;
	}
	data->row_weight = row_weight;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64_t	one = *(const uint64_t *) a;
	uint64_t	other = *(const uint64_t *) b;

	return one < other ? -1 : one > other;
}

/*
 * Rows whose key another row before them has, whatever the order; and those without
 * one.  O(n log n); a hash of 0 is NULL's.
 */
static void
count_keys(Data *data)
{
	size_t		n = data->dataset->n_rows;
	uint64_t   *hash = palloc_extended(n * sizeof(uint64_t), MCXT_ALLOC_HUGE);

	for (size_t row = 0; row < n; row++)
	{
		hash[row] = ml_column_hash(&data->dataset->columns[data->roles.key], row);
		data->without_key += hash[row] == 0;
	}
	qsort(hash, n, sizeof(uint64_t), compare_hashes);
	for (size_t row = data->without_key + 1; row < n; row++)
		data->repeated_keys += hash[row] == hash[row - 1];
	pfree(hash);
}

void
mltrain_label(const Request *request, const ReadPlan *plan, Data *data)
{
	uint32_t   *order;

	data->label = mling_labels(data->ctx, data->dataset, data->roles.target, plan->positive, &data->counts);
	mltrain_refuse_one_class("the source", request->given->target, "It is NULL in every row.",
					 data->counts.positives, data->counts.negatives);
	if (data->roles.weight >= 0)
		read_weights(data);
	/* before anything is learned */
	if (data->roles.cost_false_positive >= 0)
		mling_costs(&data->dataset->columns[data->roles.cost_false_positive], false, data->dataset->n_rows, NULL, data->label, NULL);
	if (data->roles.cost_false_negative >= 0)
		mling_costs(&data->dataset->columns[data->roles.cost_false_negative], true, data->dataset->n_rows, NULL, data->label, NULL);
	mlbase_check(data->ctx, ml_order_rows(data->ctx, data->dataset, data->roles.time, data->roles.key, &order));
	data->order = order;
	if (data->roles.key >= 0)
		count_keys(data);
}


/* ---------------------------------------------------------------- what people ought to know of roles */

/* Of those with a label. */
static size_t
rows_without_time(const Data *data)
{
	const MlColumn *time = &data->dataset->columns[data->roles.time];
	size_t		missing = 0;

	for (size_t row = 0; row < data->dataset->n_rows; row++)
		missing += data->label[row] == data->label[row] && ml_column_is_missing(time, row);
	return missing;
}

static bool
is_time_of_day(const MlColumn *column)
{
	return strncmp(column->type_name, "time with", strlen("time with")) == 0;
}

static bool
is_fractional(const MlColumn *column)
{
	return strcmp(column->type_name, "real") == 0 || strcmp(column->type_name, "double precision") == 0;
}

/* From here on neighbouring integers are one number in double precision. */
#define GREATEST_EXACT 9007199254740992.0

/* Is any time so great that doubles no longer count integers one by one there? */
static bool
is_rounded(const Data *data)
{
	const MlColumn *time = &data->dataset->columns[data->roles.time];
	bool		rounded = false;

	for (size_t row = 0; row < data->dataset->n_rows && !rounded; row++)
		rounded = fabs(ml_column_number(time, row)) > GREATEST_EXACT;
	return rounded;
}

/* Notices only: the training goes on. */
void
mltrain_tell_roles(const Request *request, const Data *data, RoleNotes notes)
{
	const MlTrainRequest *r = request->given;
	size_t		repeated = data->repeated_keys;
	size_t		missing = data->roles.time >= 0 && notes.without_time ? rows_without_time(data) : 0;

	if (data->without_key > 1)	/* nothing tells these apart either */
		repeated += data->without_key - 1;
	if (repeated > 0)
		ereport(NOTICE,
				(errmsg("key \"%s\" is not unique: %zu of %zu rows have the key of another row", r->key, repeated, data->dataset->n_rows),
				 errdetail("%s the same for the same rows only if their keys tell them apart.", notes.made)));
	if (missing > 0)
		ereport(NOTICE,
				(errmsg("time column \"%s\" is NULL in %zu rows with a label", r->time_column, missing),
				 errdetail("%s", notes.without_time)));
	if (data->roles.time < 0 || notes.by_time == NULL)
		return;
	if (is_time_of_day(&data->dataset->columns[data->roles.time]))
		ereport(NOTICE,
				(errmsg("time column \"%s\" has times of day, which begin anew each day", r->time_column),
				 errdetail("The rows are ordered by it, and %s.", notes.by_time),
				 errhint("Give the date as well, such as (day + \"%s\") in a query.", r->time_column)));
	if (is_fractional(&data->dataset->columns[data->roles.time]))
		ereport(NOTICE,
				(errmsg("time column \"%s\" has no times, but numbers with fractions", r->time_column),
				 errdetail("The rows are ordered by it, and %s.", notes.by_time)));
	if (is_rounded(data))
		ereport(NOTICE,
				(errmsg("time column \"%s\" has numbers beyond 2^53, which are rounded", r->time_column),
				 errdetail("Rows whose numbers are rounded to the same number count as rows of one time."),
				 errhint("Turn it into a timestamp in a query, such as to_timestamp(nanoseconds / 1e9).")));
}
