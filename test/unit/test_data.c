/*
 * test_data.c
 *	  What training starts from, by numbers worked out by hand: random numbers
 *	  against the published ones, the order of rows, splits, and what a
 *	  signature says of columns.
 */
#include "check.h"

#include "mlops/engine/data.h"

#define ROWS 1000
#define COLUMNS 6

/* 300 categories of which the first 200 are equally frequent */
static const MlColumnSpec specs[COLUMNS] = {
	{"at", "timestamp", ML_COLUMN_TIME},
	{"key", "integer", ML_COLUMN_HASH},
	{"amount", "double precision", ML_COLUMN_NUMBER},
	{"flag", "double precision", ML_COLUMN_NUMBER}, /* 1 or missing */
	{"kind", "text", ML_COLUMN_CATEGORY},
	{"name", "text", ML_COLUMN_CATEGORY},	/* one a row */
};

static MlContext ctx;
static MlDataset *dataset;
static float label[ROWS];

static void
fill(void)
{
	if (ml_dataset_create(&ctx, COLUMNS, specs, NULL, &dataset) != ML_OK)
		exit(1);
	for (size_t i = 0; i < ROWS; i++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;
		char		text[16];

		/* instants of ten rows; the first ten rows have none */
		dataset->columns[0].open.number[at] = i < 10 ? NAN : (double) (i / 10);
		dataset->columns[1].open.hash[at] = ROWS - i;
		dataset->columns[2].open.number[at] = i % 2 == 0 ? 1 : 5;
		dataset->columns[3].open.number[at] = i % 4 == 0 ? NAN : 1;
		/* met from the last to the first */
		snprintf(text, sizeof(text), "k%03d", (int) (i < 600 ? 199 - i % 200 : i < 900 ? i % 2 : 200 + i % 100));
		ml_column_intern(&ctx, &dataset->columns[4], text, strlen(text), &dataset->columns[4].open.code[at]);
		snprintf(text, sizeof(text), "n%zu", i);
		ml_column_intern(&ctx, &dataset->columns[5], text, strlen(text), &dataset->columns[5].open.code[at]);
		label[i] = i % 20 == 19 ? NAN : i % 5 == 0;
		dataset->n_rows++;
	}
	ml_dataset_seal(&ctx, dataset);
}

static void
test_random(void)
{
	/* known answers of Random123 for philox4x32-10: counter and key all zero, all ones */
	CHECK(ml_random_u64(0, 0, 0) == UINT64_C(0xe169c58d6627e8d5), "Philox: zeros");
	CHECK(ml_random_u64(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_C(0x41c83b0e408f276d), "Philox: ones");
	CHECK(ml_random_u64(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88)) ==
		  UINT64_C(0x94fdccebd16cfe09), "Philox: digits of pi");
	CHECK(ml_hash_bytes("a\0", 2, 1) != ml_hash_bytes("a", 1, 1), "a hash knows how many bytes there were");
}

static void
test_order(void)
{
	uint32_t   *order;
	bool		right = true;

	ml_order_rows(&ctx, dataset, 0, 1, &order);
	for (size_t i = 0; i < 10; i++)
		right = right && order[i] == 9 - i;
	CHECK(right, "order: rows without a time come first, by key");
	for (size_t i = 1; i < ROWS; i++)
		right = right && (i % 10 == 0 ? order[i] == order[i - 10] + 10 : order[i] == order[i - 1] - 1);
	CHECK(right, "order: then by time, ties by key");
}

static void
count(const uint8_t *part, size_t *n)
{
	memset(n, 0, 4 * sizeof(size_t));
	for (size_t i = 0; i < ROWS; i++)
		n[part[i]]++;
}

static void
test_splits(void)
{
	uint8_t		part[ROWS];
	uint8_t		again[ROWS];
	uint32_t   *order;
	size_t		n[4];
	size_t		positives[4] = {0};
	bool		whole = true;

	ml_order_rows(&ctx, dataset, 0, 1, &order);
	ml_split_by_time(&ctx, dataset, 0, order, label, 0.1, 0.203, part);
	count(part, n);
	/* 950 labelled rows: 193 for test and 95 for validation, less what an instant has over */
	CHECK(n[ML_PART_NONE] == 50, "by time: rows without a label are in no part");
	CHECK(n[ML_PART_TEST] > 180 && n[ML_PART_TEST] < 193, "by time: the last fifth is for test (%zu)", n[ML_PART_TEST]);
	CHECK(n[ML_PART_VALIDATION] >= 90 && n[ML_PART_VALIDATION] <= 105, "by time: the tenth before for validation (%zu)", n[ML_PART_VALIDATION]);
	CHECK(part[ROWS - 2] == ML_PART_TEST && part[10] == ML_PART_TRAIN, "by time: the newest rows are for test, the oldest for training");
	for (size_t i = 11; i < ROWS; i++)
		whole = whole && (i % 10 == 0 || part[i] == ML_PART_NONE || part[i - 1] == ML_PART_NONE || part[i] == part[i - 1]);
	CHECK(whole, "by time: no instant is cut");

	ml_split_at_times(&ctx, dataset, 0, label, 50, 60, 70, 80, part);
	CHECK(part[498] == ML_PART_TRAIN && part[500] == ML_PART_VALIDATION && part[598] == ML_PART_VALIDATION &&
		  part[600] == ML_PART_NONE && part[698] == ML_PART_NONE && part[700] == ML_PART_TEST && part[798] == ML_PART_TEST &&
		  part[800] == ML_PART_NONE, "at times: each border belongs to what begins there");
	CHECK(part[19] == ML_PART_NONE, "at times: rows without a label are in no part");

	ml_split_stratified(&ctx, dataset, order, label, 0.1, 0.2, 7, part);
	count(part, n);
	for (size_t i = 0; i < ROWS; i++)
		positives[part[i]] += label[i] == 1;
	CHECK(n[ML_PART_NONE] == 50 && n[ML_PART_TEST] == 190 && n[ML_PART_VALIDATION] == 95, "at random: shares to the row");
	CHECK(positives[ML_PART_TEST] == 40 && positives[ML_PART_VALIDATION] == 20, "at random: of each class");
	ml_split_stratified(&ctx, dataset, order, label, 0.1, 0.2, 8, again);
	CHECK(memcmp(part, again, ROWS) != 0, "at random: another seed draws others");
}

static void
test_blocks(void)
{
	uint32_t   *order;
	double		border[11];
	float		all[ROWS];

	for (size_t i = 0; i < ROWS; i++)
		all[i] = 0;
	ml_order_rows(&ctx, dataset, 0, 1, &order);
	ml_time_blocks(&ctx, dataset, 0, order, all, 5, border);
	/* 990 rows with a time, 198 a block: its first row is in the instant that has row 198 b */
	CHECK(border[0] == 1 && border[1] == 1 + 198 / 10 && border[2] == 1 + 396 / 10 && border[4] == 1 + 792 / 10 && isinf(border[5]),
		  "blocks of time: each begins with the first row at or after its share");
	/* 99 a block: the row at the share is the last one of its instant */
	ml_time_blocks(&ctx, dataset, 0, order, all, 10, border);
	CHECK(border[1] == 1 + 99 / 10 && border[9] == 1 + 891 / 10, "blocks of time: and not with the row after it");
}

static const MlFeature *
feature_named(const MlSignature *s, const char *name)
{
	for (size_t f = 0; f < s->n_features; f++)
	{
		if (strcmp(s->features[f].name, name) == 0)
			return &s->features[f];
	}
	return NULL;
}

static void
test_signature(void)
{
	static const uint32_t columns[] = {0, 2, 3, 4, 5};
	uint32_t	row[900];
	MlRows		rows = {row, 900};
	MlRows		rest;
	uint32_t	all[ROWS];
	MlSignature *s;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	const MlFeature *f;
	const MlInput *kind;
	MlBinned   *binned;
	size_t		kind_feature = 0;

	for (uint32_t i = 0; i < 900; i++)
		row[i] = i;
	for (uint32_t i = 0; i < ROWS; i++)
		all[i] = i;
	rest = (MlRows) {all, ROWS};
	if (ml_signature_fit(&ctx, dataset, rows, label, 5, columns, 101, 1, false, &s, &left_out, &n_left_out) != ML_OK)
		exit(1);
	CHECK(n_left_out == 1 && left_out[0].column == 5 && left_out[0].reason == ML_LEFT_OUT_IDENTIFIER && left_out[0].distinct == 900,
		  "a text of which every row has another is an identifier");
	f = feature_named(s, "flag");
	CHECK(f != NULL && f->code_counts[ML_CODE_MISSING] == 225, "a column that is one value or missing is an input");
	f = feature_named(s, "amount");
	CHECK(f && f->mean == 3 && f->std == 2 && f->minimum == 1 && f->maximum == 5, "mean, deviation and range of the training rows");
	f = feature_named(s, "kind");
	CHECK(f && f->n_bins == 101 && s->inputs[f->input].n_categories == 200, "as many codes as there are bins, less one; all levels are known");
	kind = &s->inputs[f->input];
	/* k000 and k001: 3 + 150 rows; then, 3 rows each, k002, k003 ... by bytes */
	CHECK(memcmp(kind->category[0], "k000", 4) == 0 && memcmp(kind->category[1], "k001", 4) == 0 && memcmp(kind->category[2], "k002", 4) == 0 &&
		  memcmp(kind->category[99], "k099", 4) == 0, "categories by falling count, then by bytes");
	CHECK(f->code_counts[1] == 153 && f->code_counts[3] == 3 && f->code_counts[100] == 3 && f->code_counts[101] == 300,
		  "those without a code of their own are counted together");
	kind_feature = (size_t) (f - s->features);
	ml_binned_create(&ctx, dataset, s, rest, false, &binned);
	CHECK(ml_binned_code(binned, 199, kind_feature) == 1 && ml_binned_code(binned, 100, kind_feature) == 100 &&
		  ml_binned_code(binned, 99, kind_feature) == 101 && ml_binned_code(binned, 950, kind_feature) == 101,
		  "rare and unseen categories share the last code");
}

/* Log odds of a level with so many rows, and the prior as some more. */
static double
drawn(double positives, double n, double prior, double weight)
{
	double		share = (positives + weight * prior) / (n + weight);

	return log(share / (1 - share));
}

/* Statistics by counting over and over what came before each row. */
static void
test_statistic(void)
{
	static const uint32_t columns[] = {4};
	enum
	{
		N = 900, LEVELS = 200
	};
	uint32_t	row[N];
	MlRows		rows = {row, N};
	MlSignature *s;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	const MlFeature *f;
	const MlColumn *column = &dataset->columns[4];
	double		n[LEVELS + 100] = {0};
	double		positives[LEVELS + 100] = {0};
	double		prior = 0;
	double		squares = 0;
	double		between = 0;
	double		within = 0;
	double		weight;
	int			levels = 0;
	int			wrong = 0;
	int			same = 0;
	MlBinned   *binned;

	for (uint32_t i = 0; i < N; i++)
	{
		uint32_t	code = ml_column_code(column, i);

		row[i] = i;
		prior += (double) (label[i] == 1) / N;
		n[code]++;
		positives[code] += label[i] == 1;
	}
	for (int l = 0; l < LEVELS + 100; l++)
	{
		if (n[l] == 0)
			continue;
		levels++;
		squares += n[l] * n[l];
		between += n[l] * (positives[l] / n[l] - prior) * (positives[l] / n[l] - prior);
		within += positives[l] * (1 - positives[l] / n[l]);
	}
	between /= levels - 1;
	within /= N - levels;
	weight = between > within ? within * (N - squares / N) / (levels - 1) / (between - within) : N;
	weight = fmin(fmax(weight, 1), N);
	if (ml_signature_fit(&ctx, dataset, rows, label, 1, columns, 101, 1, true, &s, &left_out, &n_left_out) != ML_OK)
		exit(1);
	f = feature_named(s, "kind.target");
	CHECK(levels == LEVELS && f && s->n_features == 2 && !ml_feature_is_learned(s, 0) && ml_feature_is_learned(s, 1),
		  "a category of many levels has a statistic to learn from");
	for (uint32_t i = 0; i < N; i++)
	{
		double		before = 0;
		double		before_positive = 0;

		for (uint32_t j = 0; j < i; j++)
		{
			before += ml_column_code(column, j) == ml_column_code(column, i);
			before_positive += ml_column_code(column, j) == ml_column_code(column, i) && label[j] == 1;
		}
		wrong += !close_to(f->training_value[i], drawn(before_positive, before, prior, weight), 1e-9);
	}
	CHECK(wrong == 0, "in the order of time, each row's is of the rows before it (%d are not; the prior counts for %g rows)", wrong, weight);
	for (uint32_t c = 0; c < LEVELS; c++)
	{
		uint32_t	code;

		ml_column_find(column, s->inputs[0].category[c], s->inputs[0].category_size[c], &code);
		wrong += !close_to(s->inputs[0].statistic[c], drawn(positives[code], n[code], prior, weight), 1e-9);
	}
	CHECK(wrong == 0 && close_to(s->prior, log(prior / (1 - prior)), 1e-12), "a level's is of all its rows (%d are not)", wrong);
	ml_binned_create(&ctx, dataset, s, rows, true, &binned);
	for (uint32_t i = 0; i < N; i++)
		wrong += ml_binned_code(binned, i, 1) != ml_bin_number(f->edges, f->n_bins - 1, f->training_value[i]);
	ml_binned_create(&ctx, dataset, s, rows, false, &binned);
	for (uint32_t i = 0; i < N; i++)
	{
		uint32_t	code = ml_column_code(column, i);

		wrong += ml_binned_code(binned, i, 1) != ml_bin_number(f->edges, f->n_bins - 1, drawn(positives[code], n[code], prior, weight));
	}
	CHECK(wrong == 0, "training rows are binned by their own, others by their level's (%d are not)", wrong);

	/* shuffled: n values a level, of 0 to n - 1 rows; the place in the table says nothing */
	{
		const double *in_order = f->training_value;

		if (ml_signature_fit(&ctx, dataset, rows, label, 1, columns, 101, 1, false, &s, &left_out, &n_left_out) != ML_OK)
			exit(1);
		f = feature_named(s, "kind.target");
		for (uint32_t i = 0; i < N; i++)
		{
			same += f->training_value[i] == in_order[i];
			wrong += n[ml_column_code(column, i)] == 1 && !close_to(f->training_value[i], s->prior, 1e-12);
		}
		for (uint32_t code = 0; code < LEVELS; code++)
		{
			int			unknown = 0;

			/* one row of each level was the first one */
			for (uint32_t i = 0; i < N; i++)
				unknown += ml_column_code(column, i) == code && close_to(f->training_value[i], s->prior, 1e-12);
			wrong += n[code] > 0 && unknown < 1;
		}
	}
	CHECK(wrong == 0 && same < N - 100, "without time rows are shuffled, and each level begins at the prior (%d do not, %d are the same)", wrong, same);
}

/* Rows 0 to 599 have 200 categories, rows 900 to 999 others. */
static void
test_unknown_category(void)
{
	static const uint32_t columns[] = {4};
	uint32_t	known[600];
	uint32_t	unknown[100];
	MlRows		rows = {known, 600};
	MlRows		others = {unknown, 100};
	MlSignature *s;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	const MlFeature *f;
	int			wrong = 0;

	for (uint32_t i = 0; i < 600; i++)
		known[i] = i;
	for (uint32_t i = 0; i < 100; i++)
		unknown[i] = 900 + i;
	if (ml_signature_fit(&ctx, dataset, rows, label, 1, columns, 255, 1, true, &s, &left_out, &n_left_out) != ML_OK)
		exit(1);
	f = feature_named(s, "kind");
	ml_binned_create(&ctx, dataset, s, others, false, &binned);
	for (uint32_t i = 0; i < 100; i++)
		wrong += ml_binned_code(binned, i, 0) != f->n_bins;
	CHECK(f->categorical && s->inputs[0].n_categories == 200 && f->n_bins == 201 && wrong == 0,
		  "a category that training lacked has the last code, which no other has (%d have not)", wrong);
}

/* More rows than a column has room for categories, in rising or falling order. */
static void
fingerprint_of_many(bool falling, uint64_t hash[2])
{
	static const MlColumnSpec one = {"token", "text", ML_COLUMN_CATEGORY};
	uint32_t	n = ML_MAX_DISTINCT + 5;
	MlContext	own = {.arena = ml_arena_create(0)};
	MlDataset  *many;

	if (ml_dataset_create(&own, 1, &one, NULL, &many) != ML_OK)
		exit(1);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	token = falling ? n - i : i + 1;

		ml_column_intern(&own, &many->columns[0], &token, sizeof(token), &many->columns[0].open.code[many->n_rows & ML_CHUNK_MASK]);
		if ((++many->n_rows & ML_CHUNK_MASK) == 0)
			ml_dataset_seal(&own, many);
	}
	ml_dataset_seal(&own, many);
	ml_dataset_fingerprint(&own, many, hash);
	CHECK(many->columns[0].overflowed, "a million categories and some are too many");
	ml_arena_destroy(own.arena);
}

static void
test_too_many_categories(void)
{
	uint64_t	rising[2];
	uint64_t	falling[2];

	fingerprint_of_many(false, rising);
	fingerprint_of_many(true, falling);
	CHECK(memcmp(rising, falling, sizeof(rising)) == 0, "the fingerprint does not depend on which of too many categories come first");
}

#define PARTS 7

/* Rows from first on, n of them, of a column of each kind: some values fit float32, some do not. */
static void
fill_rows(MlContext *own, MlDataset *part, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
	{
		size_t		at = part->n_rows & ML_CHUNK_MASK;
		char		text[16];

		part->columns[0].open.number[at] = i % 3 == 0 ? NAN : (double) i;
		part->columns[1].open.hash[at] = i;
		part->columns[2].open.number[at] = (double) i / (i < 3000 ? 2 : 3);
		part->columns[3].open.number[at] = 1;
		for (int c = 4; c < COLUMNS; c++)
		{
			snprintf(text, sizeof(text), "%zu", i % (c == 4 ? 10 : 700));
			ml_column_intern(own, &part->columns[c], text, strlen(text), &part->columns[c].open.code[at]);
		}
		part->n_rows++;
	}
}

/* Hands the open rows of a part to the whole, whose codes are others. */
static void
hand_over(MlDataset *part, MlDataset *whole)
{
	const void *values[COLUMNS];
	uint8_t		width[COLUMNS];

	for (int c = 0; c < COLUMNS; c++)
	{
		MlColumn   *column = &part->columns[c];

		for (size_t i = 0; i < part->n_rows && column->kind == ML_COLUMN_CATEGORY; i++)
		{
			size_t		size;
			const char *bytes = ml_dictionary_bytes(column->dictionary, column->open.code[i], &size);

			ml_column_intern(&ctx, &whole->columns[c], bytes, size, &column->open.code[i]);
		}
		width[c] = ml_column_narrow(column, part->n_rows);
		values[c] = column->open.number;
	}
	CHECK(ml_dataset_append(&ctx, whole, part->n_rows, values, width) == ML_OK, "%zu rows are added", part->n_rows);
	part->n_rows = 0;
}

static void
test_append(void)
{
	static const size_t sizes[PARTS] = {ML_CHUNK_ROWS, 1, ML_CHUNK_ROWS, 2000, 60, 2000, ML_CHUNK_ROWS};
	MlContext	own = {.arena = ml_arena_create(0)};
	MlDataset  *whole;
	MlDataset  *parts;
	MlDataset  *at_once;
	uint64_t	hash[2];
	uint64_t	wanted[2];
	size_t		n = 0;

	if (ml_dataset_create(&ctx, COLUMNS, specs, NULL, &whole) != ML_OK || ml_dataset_create(&ctx, COLUMNS, specs, NULL, &at_once) != ML_OK ||
		ml_dataset_create(&own, COLUMNS, specs, NULL, &parts) != ML_OK)
		exit(1);
	for (int p = 0; p < PARTS; n += sizes[p++])
	{
		if (p == 3)
			ml_dataset_forget_levels(&own, parts);
		fill_rows(&own, parts, n, sizes[p]);
		hand_over(parts, whole);
	}
	ml_dataset_seal(&ctx, whole);
	for (size_t i = 0; i < n; i++)
	{
		fill_rows(&ctx, at_once, i, 1);
		if ((at_once->n_rows & ML_CHUNK_MASK) == 0)
			ml_dataset_seal(&ctx, at_once);
	}
	ml_dataset_seal(&ctx, at_once);
	ml_dataset_fingerprint(&ctx, whole, hash);
	ml_dataset_fingerprint(&ctx, at_once, wanted);
	CHECK(whole->n_rows == n && whole->n_sealed == n && memcmp(hash, wanted, sizeof(hash)) == 0, "chunks of others, whole or not, make the same rows");
	ml_arena_destroy(own.arena);
}

/* Of each number of edges, at, between and beyond them. */
static void
test_numbers_at_once(void)
{
	double		edges[254];
	int			wrong = 0;

	for (int i = 0; i < 254; i++)
		edges[i] = i;
	for (uint32_t n_edges = 0; n_edges <= 254; n_edges++)
	{
		for (double first = -2; first < n_edges + 2; first += 0.5)
		{
			double		value[ML_NUMBERS_AT_ONCE] = {first, NAN, -INFINITY, INFINITY, n_edges - first, -0.0, first / 3, 253};
			uint8_t		code[ML_NUMBERS_AT_ONCE];

			ml_bin_numbers(edges, n_edges, value, code);
			for (int k = 0; k < ML_NUMBERS_AT_ONCE; k++)
				wrong += code[k] != ml_bin_number(edges, n_edges, value[k]);
		}
	}
	CHECK(wrong == 0, "numbers in step have the codes that they have one by one (%d have not)", wrong);
}

int
main(void)
{
	ctx = (MlContext) {.arena = ml_arena_create(0)};
	fill();
	test_random();
	test_order();
	test_splits();
	test_blocks();
	test_signature();
	test_statistic();
	test_unknown_category();
	test_too_many_categories();
	test_append();
	test_numbers_at_once();
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
