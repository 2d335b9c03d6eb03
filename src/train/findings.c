/*-------------------------------------------------------------------------
 * findings.c
 *	  What people ought to know of the columns: left out, lumped or suspected.
 *	  It is said at once and kept with the run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/base.h"
#include "train/findings.h"

/*
 * A whole number per row that no other row has is a number of the row, while
 * measurements in whole units, such as cents, meet again.
 */
#define IDENTIFIER_SHARE 0.99
#define IDENTIFIER_VALUES 50	/* fewer tell nothing */
#define SAMPLE 4096				/* rows that tell at once that a column is none */
#define SAMPLE_SHARE 0.98

/*
 * One that meets again is a number of something that has many rows: a customer.
 * Its name says so, or its values do: almost all of 1 to their number, of which
 * the higher half has as many rows as the lower one.  Amounts are not even so.
 */
#define NUMBERED_VALUES 1000
#define NUMBERED_SHARE 0.9
#define NUMBERED_LOW 0.35		/* where the median is, of the range */
#define NUMBERED_HIGH 0.65

/* A column that alone orders the training rows as well as this is likely to be known only afterwards. */
#define SUSPECT_ROC_AUC 0.999
#define SUSPECT_ROWS 10			/* of either class, fewer tell nothing */

/* ---------------------------------------------------------------- identifiers */

static int
compare_numbers(const void *a, const void *b)
{
	double		one = *(const double *) a;
	double		other = *(const double *) b;

	return one < other ? -1 : one > other;
}

/* What values of rows say of a column. */
typedef struct Values
{
	size_t		present;		/* rows that have one */
	size_t		distinct;
	double		least;
	double		median;
	double		most;
} Values;

static int
compare_rows(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/*
 * Every step-th row in canonical order, [n_rows / step + 1] at most, by number: the
 * order in which a column is read.
 */
static uint32_t *
rows_to_look_at(const Data *data, size_t step, size_t *n)
{
	uint32_t   *row = mltrain_array(data, data->dataset->n_rows / step + 1, sizeof(uint32_t));

	*n = 0;
	for (size_t i = 0; i < data->dataset->n_rows; i += step)
		row[(*n)++] = data->order && step > 1 ? data->order[i] : (uint32_t) i;
	if (data->order && step > 1)
		mlbase_check(data->ctx, ml_sort(data->ctx, row, *n, sizeof(uint32_t), compare_rows));
	return row;
}

/* Values of every step-th labelled row in canonical order. */
static Values
look_at(const Data *data, const MlColumn *column, size_t step)
{
	MlArenaMark mark = ml_arena_mark(data->ctx->arena);
	size_t		n_rows;
	uint32_t   *row = rows_to_look_at(data, step, &n_rows);
	double	   *value = mltrain_array(data, n_rows, sizeof(double));
	MlCursor	cursor = ml_cursor(data->dataset, column - data->dataset->columns, mltrain_array(data, 1, ML_CURSOR_BUFFER));
	size_t		n = 0;
	Values		seen = {0};

	for (size_t i = 0; i < n_rows; i++)
	{
		double		number = isnan(data->label[row[i]]) ? NAN : ml_cursor_number(&cursor, row[i]);

		if (!isnan(number))
			value[n++] = number;
	}
	mlbase_check(data->ctx, ml_dataset_check(data->ctx, data->dataset));
	mlbase_check(data->ctx, ml_sort(data->ctx, value, n, sizeof(double), compare_numbers));
	for (size_t i = 0; i < n; i++)
		seen.distinct += i == 0 || value[i] != value[i - 1];
	if (n > 0)
	{
		seen.least = value[0];
		seen.median = value[n / 2];
		seen.most = value[n - 1];
	}
	seen.present = n;
	ml_arena_release(data->ctx->arena, mark);
	return seen;
}

static bool
is_whole(const MlColumn *column)
{
	return column->kind == ML_COLUMN_NUMBER && (strcmp(column->type_name, "integer") == 0 ||
												strcmp(column->type_name, "bigint") == 0 || strcmp(column->type_name, "smallint") == 0);
}

/* id, customer_id, customerId, customerID; not paid */
static bool
is_named_as_one(const char *name)
{
	size_t		n = strlen(name);
	const char *end = name + n - 2;

	if (n < 2 || pg_strcasecmp(end, "id") != 0)
		return false;
	return n == 2 || end[-1] == '_' || (end[0] == 'I' && end[-1] >= 'a' && end[-1] <= 'z');
}

/* Could they be numbers of things, from 1 on?  Of n_things as many as this many rows show. */
static bool
are_even(const Values *seen, double n_things)
{
	return seen->least >= 1 && seen->median >= NUMBERED_LOW * seen->most && seen->median <= NUMBERED_HIGH * seen->most &&
		(double) seen->distinct >= NUMBERED_SHARE * n_things;
}

typedef enum Identity
{
	NO_IDENTIFIER,
	IDENTIFIER,					/* of rows */
	REPEATED_IDENTIFIER			/* of what has many rows */
} Identity;

/* A sample tells at once what most columns are not; *seen is of all rows for what is one. */
static Identity
identity(const Data *data, const MlColumn *column, Values *seen)
{
	bool		of_rows = true;
	bool		named;
	bool		numbered = true;

	if (!is_whole(column))
		return NO_IDENTIFIER;
	named = is_named_as_one(column->name);
	if (data->dataset->n_rows > 2 * SAMPLE)
	{
		*seen = look_at(data, column, data->dataset->n_rows / SAMPLE);
		of_rows = (double) seen->distinct >= SAMPLE_SHARE * (double) seen->present;
		numbered = are_even(seen, seen->most * -expm1(-(double) seen->present / seen->most));
		if (!of_rows && !named && !numbered)
			return NO_IDENTIFIER;
	}
	*seen = look_at(data, column, 1);
	if (seen->present < IDENTIFIER_VALUES)
		return NO_IDENTIFIER;
	if (of_rows && (double) seen->distinct > IDENTIFIER_SHARE * (double) seen->present)
		return IDENTIFIER;
	if (named ? seen->distinct >= IDENTIFIER_VALUES
		: numbered && seen->distinct >= NUMBERED_VALUES && are_even(seen, seen->most))
		return REPEATED_IDENTIFIER;
	return NO_IDENTIFIER;
}

/* It is learned from, as it was before anybody looked; whether that is meant people know. */
static void
tell_repeated(Journal *journal, const char *name, const Values *seen)
{
	char	   *detail = psprintf("It has %zu distinct values in %zu rows.", seen->distinct, seen->present);

	mltrain_tell(journal, NOTICE, psprintf("column \"%s\" looks like an identifier that repeats, and is learned from as a number", name),
				 psprintf("%s Leave it out with \"exclude\", or cast it to text in a query to learn from it as a category.", detail));
	mltrain_note(journal, name, "repeated", detail);
}

void
mltrain_leave_out_identifiers(Journal *journal, const Request *request, Data *data)
{
	Identity   *what = palloc0(data->n_features * sizeof(Identity));
	Values	   *seen = palloc0(data->n_features * sizeof(Values));
	int			n = 0;
	bool		all;

	if (request->given->features)	/* who names a column means it */
		return;
	for (int i = 0; i < data->n_features; i++)
	{
		what[i] = identity(data, &data->dataset->columns[data->features[i]], &seen[i]);
		n += what[i] == IDENTIFIER;
	}
	all = n == data->n_features;	/* nothing would be left to learn from */
	n = 0;
	for (int i = 0; i < data->n_features; i++)
	{
		const char *name = data->dataset->columns[data->features[i]].name;
		char	   *detail;

		if (what[i] == REPEATED_IDENTIFIER)
			tell_repeated(journal, name, &seen[i]);
		if (what[i] != IDENTIFIER || all)
		{
			data->features[n++] = data->features[i];
			continue;
		}
		detail = psprintf("It has %zu distinct values. Name it in \"features\" to learn from it.", seen[i].distinct);
		mltrain_tell(journal, NOTICE, psprintf("column \"%s\" looks like an identifier and is left out", name), detail);
		mltrain_note(journal, name, "identifier", detail);
	}
	data->n_features = n;
}

void
mltrain_report_left_out(Journal *journal, const Data *data, const MlLeftOut *left_out, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		const MlLeftOut *out = &left_out[i];
		const char *name = data->dataset->columns[out->column].name;

		if (out->reason == ML_LEFT_OUT_IDENTIFIER)
		{
			char	   *detail = psprintf("It has %llu distinct values.", (unsigned long long) out->distinct);

			mltrain_tell(journal, NOTICE, psprintf("column \"%s\" looks like an identifier and is left out", name), detail);
			mltrain_note(journal, name, "identifier", detail);
		}
		else
		{
			mltrain_tell(journal, NOTICE, psprintf("column \"%s\" is constant and is left out", name), NULL);
			mltrain_note(journal, name, "constant", "It has one value in the training rows.");
		}
	}
}

/* ---------------------------------------------------------------- values that count as negative */

#define NEGATIVES_SHOWN 5

/* A value of the target. */
typedef struct Negative
{
	size_t		rows;
	const char *bytes;			/* not terminated */
	size_t		size;
} Negative;

/* Those of most rows first; of as many by their bytes. */
static int
compare_negatives(const void *a, const void *b)
{
	const Negative *one = (const Negative *) a;
	const Negative *other = (const Negative *) b;
	int			compared;

	if (one->rows != other->rows)
		return one->rows > other->rows ? -1 : 1;
	compared = memcmp(one->bytes, other->bytes, Min(one->size, other->size));
	return compared != 0 ? compared : one->size < other->size ? -1 : one->size > other->size;
}

/* Values of negative rows; *n of them, in compare_negatives' order. */
static Negative *
find_negatives(const Data *data, size_t *n)
{
	const MlColumn *target = &data->dataset->columns[data->roles.target];
	size_t		n_values = ml_dictionary_size(target->dictionary);
	Negative   *negatives = palloc_extended(Max(n_values, 1) * sizeof(Negative), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		if (data->label[row] == 0)
			negatives[ml_column_code(target, row)].rows++;
	}
	*n = 0;
	for (size_t code = 0; code < n_values; code++)
	{
		Negative	value = {.rows = negatives[code].rows};

		value.bytes = ml_dictionary_bytes(target->dictionary, (uint32_t) code, &value.size);
		if (value.rows > 0)
			negatives[(*n)++] = value;
	}
	qsort(negatives, *n, sizeof(Negative), compare_negatives);
	return negatives;
}

/* One value is positive; are the others all what is meant by negative? */
void
mltrain_tell_negatives(Journal *journal, const Request *request, const Data *data)
{
	StringInfoData list;
	Negative   *negatives;
	size_t		n;
	size_t		others = 0;

	if (data->dataset->columns[data->roles.target].kind != ML_COLUMN_CATEGORY)
		return;
	negatives = find_negatives(data, &n);
	if (n < 2)
		return;
	initStringInfo(&list);
	for (size_t i = 0; i < n; i++)
	{
		if (i >= NEGATIVES_SHOWN)
			others += negatives[i].rows;
		else
			appendStringInfo(&list, "%s\"%s\" in %zu", i > 0 ? ", " : "",
							 mlbase_excerpt(pnstrdup(negatives[i].bytes, negatives[i].size)), negatives[i].rows);
	}
	if (n > NEGATIVES_SHOWN)
		appendStringInfo(&list, ", and %zu more in %zu", n - NEGATIVES_SHOWN, others);
	mltrain_tell(journal, NOTICE, psprintf("%zu values of target \"%s\" count as negative: all but \"%s\"", n, request->given->target,
										   mlbase_excerpt(request->given->positive)),
				 psprintf("Rows: %s. If one of them says that the outcome is not known yet, leave such rows out in a query.", list.data));
	mltrain_note(journal, request->given->target, "negatives", psprintf("Rows of values that count as negative: %s.", list.data));
	pfree(negatives);
}

/* ---------------------------------------------------------------- suspects */

/* ROC AUC of classes that are counted by codes in rising order; codes [0, n). */
static double
roc_auc_of_counts(const uint64_t *positives, const uint64_t *all, const uint32_t *order, size_t n)
{
	double		below = 0;		/* negatives */
	double		pairs = 0;
	double		n_positives = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		p = (double) positives[order[i]];
		double		negatives = (double) all[order[i]] - p;

		pairs += p * (below + negatives / 2);
		below += negatives;
		n_positives += p;
	}
	return pairs / n_positives / below;
}

/* By falling share of positives: few codes against the positives, so that chance makes no order. */
static void
order_by_share(const uint64_t *positives, const uint64_t *all, uint32_t *order, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		uint32_t	code = order[i];
		double		share = (double) positives[code] / (double) Max(all[code], 1);
		size_t		at = i;

		for (; at > 0 && (double) positives[order[at - 1]] / (double) Max(all[order[at - 1]], 1) > share; at--)
			order[at] = order[at - 1];
		order[at] = code;
	}
}

/* How well a feature alone orders the training rows: 0.5 to 1; with missing values below or above all others. */
static double
roc_auc_alone(const MlFeature *feature, const uint64_t *positives, size_t n_positives)
{
	size_t		n = feature->n_bins + 1;
	uint32_t	order[ML_MAX_BINS + 1];
	double		auc;

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	if (feature->categorical)
	{
		if (n > 2 + n_positives / 10)
			return 0.5;
		order_by_share(positives, feature->code_counts, order, n);
		return roc_auc_of_counts(positives, feature->code_counts, order, n);
	}
	auc = roc_auc_of_counts(positives, feature->code_counts, order, n);
	auc = Max(auc, 1 - auc);
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) ((i + 1) % n);
	return Max(auc, fabs(roc_auc_of_counts(positives, feature->code_counts, order, n) - 0.5) + 0.5);
}

/* Positives by feature and code. */
static uint64_t *
count_positives(const Data *data, MlRows rows, const MlSignature *signature, const MlBinned *binned,
				size_t *n_positives)
{
	size_t		n_features = signature->n_features;
	uint64_t   *positives = palloc0(n_features * (ML_MAX_BINS + 1) * sizeof(uint64_t));

	*n_positives = 0;
	for (size_t i = 0; i < rows.n; i++)
	{
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		if (data->label[rows.row[i]] != 1)
			continue;
		(*n_positives)++;
		for (size_t f = 0; f < n_features; f++)
			positives[f * (ML_MAX_BINS + 1) + ml_binned_code(binned, i, f)]++;
	}
	return positives;
}

void
mltrain_suspect(Journal *journal, const Request *request, const Data *data, MlRows train,
				const MlSignature *s, const MlBinned *binned)
{
	size_t		n_positives;
	uint64_t   *positives = count_positives(data, train, s, binned, &n_positives);
	double	   *alone = palloc0(s->n_inputs * sizeof(double));

	if (n_positives < SUSPECT_ROWS || train.n - n_positives < SUSPECT_ROWS)
		return;
	for (size_t f = 0; f < s->n_features; f++)
	{
		double		auc = ml_feature_is_learned(s, f)
		? roc_auc_alone(&s->features[f], positives + f * (ML_MAX_BINS + 1), n_positives) : 0;

		alone[s->features[f].input] = Max(alone[s->features[f].input], auc);
	}
	for (size_t i = 0; i < s->n_inputs; i++)
	{
		char	   *detail = psprintf("It alone has ROC AUC %.4f on the training rows.", alone[i]);

		if (alone[i] < SUSPECT_ROC_AUC)
			continue;
		mltrain_tell(journal, WARNING, psprintf("column \"%s\" almost gives target \"%s\" away", s->inputs[i].name, request->given->target),
					 psprintf("%s If it is known only after the label, leave it out with \"exclude\".", detail));
		mltrain_note(journal, s->inputs[i].name, "suspected", detail);
	}
	pfree(positives);
}

/* ---------------------------------------------------------------- lumped */

void
mltrain_note_lumped(Journal *journal, const MlSignature *s)
{
	for (size_t f = 0; f < s->n_features; f++)
	{
		const MlInput *input = &s->inputs[s->features[f].input];

		if (s->features[f].categorical && input->n_categories >= s->features[f].n_bins)
			mltrain_note(journal, input->name, "lumped", input->statistic
						 ? psprintf("Of its %u values each is learned by how often the target was positive.", input->n_categories)
						 : psprintf("Of its %u values the %u most frequent ones are told apart.", input->n_categories,
									s->features[f].n_bins - 1));
	}
}
