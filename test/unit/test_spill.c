/*
 * test_spill.c
 *	  A data set with chunks in a file is the same to all who read it, in whatever
 *	  order; what cannot be read is an error.
 */
#include "check.h"

#include "mlops/engine/data.h"

#define ROWS 10000				/* five chunks, the last one short */
#define COLUMNS 5

static const MlColumnSpec specs[COLUMNS] = {
	{"key", "bigint", ML_COLUMN_HASH},
	{"exact", "double precision", ML_COLUMN_NUMBER, true},
	{"narrow", "real", ML_COLUMN_NUMBER, true},
	{"few", "text", ML_COLUMN_CATEGORY, true},
	{"many", "text", ML_COLUMN_CATEGORY, true},
};

static MlContext ctx;
static float label[ROWS];

/* A file in memory. */
typedef struct Memory
{
	char		bytes[ROWS * COLUMNS * sizeof(double)];
	size_t		n;
	atomic_size_t reads;
	bool		broken;
} Memory;

static Memory memory;

static bool
append(void *arg, const void *bytes, size_t size)
{
	memcpy(memory.bytes + memory.n, bytes, size);
	memory.n += size;
	return true;
}

static bool
read_back(void *arg, uint64_t at, void *bytes, size_t size)
{
	if (memory.broken || at + size > memory.n)
		return false;
	memory.reads++;
	memcpy(bytes, memory.bytes + at, size);
	return true;
}

static MlDataset *
make(MlSpillFile *file)
{
	MlDataset  *dataset;

	if (ml_dataset_create(&ctx, COLUMNS, specs, file, &dataset) != ML_OK)
		exit(1);
	for (size_t i = 0; i < ROWS; i++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;
		double		u = ml_random_uniform(1, 2, i);
		char		text[16];

		label[i] = ml_random_uniform(1, 3, i) < u;
		dataset->columns[0].open.hash[at] = ml_mix64(i);
		dataset->columns[1].open.number[at] = i % 7 == 0 ? NAN : u / 3;
		dataset->columns[2].open.number[at] = i % 5 == 0 ? NAN : floor(u * 100);
		snprintf(text, sizeof(text), "f%d", (int) (u * 9));
		ml_column_intern(&ctx, &dataset->columns[3], text, strlen(text), &dataset->columns[3].open.code[at]);
		if (i % 11 == 0)
			dataset->columns[3].open.code[at] = ML_MISSING_CODE;
		snprintf(text, sizeof(text), "m%d", (int) (u * 700));
		ml_column_intern(&ctx, &dataset->columns[4], text, strlen(text), &dataset->columns[4].open.code[at]);
		dataset->n_rows++;
		if ((dataset->n_rows & ML_CHUNK_MASK) == 0 && ml_dataset_seal(&ctx, dataset) != ML_OK)
			exit(1);
	}
	if (ml_dataset_seal(&ctx, dataset) != ML_OK)
		exit(1);
	return dataset;
}

/* What a training makes of a data set before it learns. */
typedef struct Made
{
	uint64_t	fingerprint[2];
	uint64_t	row_hash[ROWS];
	MlSignature *signature;
	MlBinned   *binned;
	MlRows		rows;
	MlStatus	status;
} Made;

static void
prepare(const MlDataset *dataset, bool by_key, Made *made)
{
	static const uint32_t columns[] = {1, 2, 3, 4};
	uint8_t		part[ROWS];
	uint32_t   *order;
	MlLeftOut  *left_out;
	size_t		n_left_out;

	for (size_t i = 0; i < ROWS; i++)
		part[i] = i % 3 == 0 ? ML_PART_TEST : ML_PART_TRAIN;
	made->status = ml_dataset_fingerprint(&ctx, dataset, made->fingerprint);
	if (made->status == ML_OK)
		made->status = ml_row_hashes(&ctx, dataset, made->row_hash);
	if (made->status == ML_OK)
		made->status = ml_order_rows(&ctx, dataset, -1, by_key ? 0 : -1, &order);
	if (made->status == ML_OK)
		made->status = ml_rows_of_part(&ctx, dataset, order, part, ML_PART_TRAIN, &made->rows);
	if (made->status == ML_OK)
		made->status = ml_signature_fit(&ctx, dataset, made->rows, label, 4, columns, 255, 42, false,
										&made->signature, &left_out, &n_left_out);
	if (made->status == ML_OK)
		made->status = ml_binned_create(&ctx, dataset, made->signature, made->rows, true, &made->binned);
}

static bool
same(const Made *a, const Made *b)
{
	bool		same = memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0 &&
		memcmp(a->row_hash, b->row_hash, sizeof(a->row_hash)) == 0 &&
		a->rows.n == b->rows.n && memcmp(a->rows.row, b->rows.row, a->rows.n * sizeof(uint32_t)) == 0 &&
		a->signature->n_features == b->signature->n_features && a->binned->n_groups == b->binned->n_groups;

	for (size_t f = 0; same && f < a->signature->n_features; f++)
	{
		const MlFeature *x = &a->signature->features[f];
		const MlFeature *y = &b->signature->features[f];

		same = x->n_bins == y->n_bins && x->mean == y->mean && x->std == y->std && x->singles == y->singles &&
			memcmp(x->code_counts, y->code_counts, (x->n_bins + 1) * sizeof(uint64_t)) == 0 &&
			(x->edges == NULL || memcmp(x->edges, y->edges, (x->n_bins - 1) * sizeof(double)) == 0) &&
			(x->training_value == NULL || memcmp(x->training_value, y->training_value, a->rows.n * sizeof(double)) == 0);
	}
	for (size_t g = 0; same && g < a->binned->n_groups; g++)
		same = memcmp(a->binned->group[g], b->binned->group[g], a->rows.n * ML_GROUP_FEATURES) == 0;
	return same;
}

static void
test_same(bool by_key)
{
	static Made plain;
	static Made spilled;
	const char *order = by_key ? "by key" : "as they came";

	/* nothing stays; a part; all */
	const size_t kept[] = {0, ROWS * 10, SIZE_MAX / 2};

	prepare(make(NULL), by_key, &plain);
	CHECK(plain.status == ML_OK && (plain.rows.place != NULL) == by_key, "rows %s, in memory", order);
	for (size_t i = 0; i < 3; i++)
	{
		MlSpillFile file = {append, read_back, .memory = kept[i]};

		memory = (Memory) {.n = 0};
		prepare(make(&file), by_key, &spilled);
		CHECK(spilled.status == ML_OK && same(&plain, &spilled), "rows %s: the same with %zu bytes in memory", order, kept[i]);
		CHECK((memory.n > 0) == (i < 2) && file.size == memory.n, "rows %s: what is beyond goes to the file (%zu)", order, memory.n);
		CHECK((spilled.rows.place != NULL) == by_key, "rows %s: places only where they help", order);
		/* five passes over at most 20 chunks, in tasks of two */
		CHECK(memory.reads < 200, "rows %s: chunk by chunk, not row by row (%zu reads)", order, (size_t) memory.reads);
	}
}

static void
test_failing(void)
{
	static Made made;
	MlSpillFile file = {append, read_back};
	MlDataset  *dataset;

	memory = (Memory) {.n = 0};
	dataset = make(&file);
	memory.broken = true;
	prepare(dataset, true, &made);
	CHECK(made.status == ML_IO_ERROR, "a file that cannot be read is an error (%d)", (int) made.status);
}

int
main(void)
{
	ctx = (MlContext) {.arena = ml_arena_create(0)};
	test_same(false);
	test_same(true);
	ctx.pool = ml_pool_create(3);
	test_same(true);
	test_failing();
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
