/*
 * test_usual.c
 *	  Columns of which most values are the same are read, fitted and binned in ways of
 *	  their own, which must give what the plain ones give.
 */
#include "check.h"

#include "engine/data/quantiles.h"
#include "engine/data/usual.h"

#define N_ROWS 9001

static MlContext ctx;

static uint64_t
draw(uint64_t stream, uint64_t i, uint64_t below)
{
	return ml_random_u64(11, stream, i) % below;
}

/* Values around edges, and those that are not like others. */
static double
odd_value(uint64_t stream, uint64_t i)
{
	static const double odd[] = {NAN, -0.0, 0, 1, 2, 2.5, -1, INFINITY, -INFINITY, 0x1p-1074, 1 + 0x1p-52};

	return odd[draw(stream, i, sizeof(odd) / sizeof(odd[0]))];
}

/* ---------------------------------------------------------------- lists of others */

static void
test_lists(void)
{
	static const double edges[] = {-1, 0, 1, 2};
	MlFeature	feature = {.n_bins = 5, .edges = edges};
	double		values[100];
	uint32_t	at[100];
	size_t		wrong[2] = {0, 0};

	for (uint64_t trial = 0; trial < 3000; trial++)
	{
		size_t		n = draw(1, trial, 100);
		uint8_t		code = (uint8_t) draw(2, trial, 6);
		double		usual = odd_value(3, trial);
		size_t		found;
		size_t		expected = 0;

		for (size_t i = 0; i < n; i++)
			values[i] = draw(4 + trial, i, 12) == 0 ? odd_value(9000 + trial, i) : usual;
		found = ml_list_unusual(values, n, ml_usual_code(&feature, code), at);
		for (uint32_t i = 0; i < n; i++)
		{
			if (ml_bin_number(edges, 4, values[i]) != code)
				wrong[0] += expected >= found || at[expected++] != i;
		}
		wrong[0] += found != expected;
		found = ml_list_unusual(values, n, ml_usual_value(usual), at);
		expected = 0;
		for (uint32_t i = 0; i < n; i++)
		{
			if (!(values[i] == usual || (values[i] != values[i] && usual != usual)))
				wrong[1] += expected >= found || at[expected++] != i;
		}
		wrong[1] += found != expected;
	}
	CHECK(wrong[0] == 0, "values of other bins are found");
	CHECK(wrong[1] == 0, "and values that are not the same");
}

/* ---------------------------------------------------------------- edges */

/* Values of a trial, and those that are not the usual one. */
typedef struct Sides
{
	MlQuantileValues all;
	MlQuantileValues others;
	double	   *value;
	bool	   *positive;
	uint32_t   *at;
} Sides;

static Sides
room_for(size_t n)
{
	return (Sides)
	{
		.value = ml_arena_alloc_array(ctx.arena, n, sizeof(double)),
			.positive = ml_arena_alloc_array(ctx.arena, n, sizeof(bool)),
			.at = ml_arena_alloc_array(ctx.arena, n, sizeof(uint32_t))
	};
}

static void
draw_values(Sides *s, size_t n, uint64_t trial, double usual, bool missing)
{
	s->all = (MlQuantileValues) {s->value, s->positive, n, NULL, 0, {0, 0}, {0, 0}};
	s->others = (MlQuantileValues) {s->value, s->positive, 0, s->at, usual, {0, 0}, {0, 0}};
	for (size_t i = 0; i < n; i++)
	{
		double		value = draw(100 + trial, i, 10) > 2 ? usual : missing && draw(400 + trial, i, 9) == 0 ? NAN
			: trial % 2 ? (double) draw(700 + trial, i, 50) : ml_random_uniform(11, 700 + trial, i);

		s->value[i] = value;
		s->positive[i] = draw(1000 + trial, i, 50) == 0;
		if (value == usual)
			s->others.n_usual[s->positive[i]]++;
		if (value == usual || (usual != usual && value != value))
			continue;
		s->at[s->others.n++] = (uint32_t) i;
	}
	ml_quantile_taken(s->positive, n, 1, s->others.n_taken);
}

/* Edges of all values and of those of which the usual one is only counted differ. */
static bool
edges_differ(MlQuantileSpace *space, const Sides *s, uint32_t max_bins)
{
	double		edges[2][255];
	uint32_t	n_bins = ml_quantile_edges(space, &s->all, max_bins, 1, edges[0]);

	return ml_quantile_edges(space, &s->others, max_bins, 1, edges[1]) != n_bins ||
		memcmp(edges[0], edges[1], (n_bins - 1) * sizeof(double)) != 0;
}

static void
test_edges(void)
{
	const size_t n_many = 3 * ML_QUANTILE_SAMPLE;
	MlQuantileSpace space;
	Sides		sides = room_for(n_many);
	int			wrong = 0;

	if (!ml_quantile_space(ctx.arena, n_many, &space))
		abort();
	for (uint64_t trial = 0; trial < 200; trial++)
	{
		draw_values(&sides, N_ROWS, trial, trial % 4 == 0 ? 0 : (double) draw(1, trial, 40), true);
		wrong += edges_differ(&space, &sides, trial % 3 == 0 ? 255 : (uint32_t) (2 + draw(2, trial, 60)));
	}
	CHECK(wrong == 0, "a usual value that is counted, not listed, gives the same edges");
	for (uint64_t trial = 0; trial < 2; trial++)
	{
		draw_values(&sides, n_many, trial, 0.5, false);
		wrong += edges_differ(&space, &sides, 200);
	}
	CHECK(wrong == 0 && sides.others.n_taken[0] < n_many / 2, "in a sample, too");
	draw_values(&sides, n_many, 0, NAN, true);
	CHECK(!edges_differ(&space, &sides, 255), "and a usual missing value that is left out");
}

/* ---------------------------------------------------------------- columns */

#define N_COLUMNS 8

static MlDataset *dataset;
static uint32_t row_number[N_ROWS];
static uint32_t column_number[N_COLUMNS];
static float label[N_ROWS];

/*
 * Odd columns are the even ones before them, but for their first row, which is not
 * usual: so they are fitted as if they were not sparse.
 */
static double
value_of(size_t column, size_t row)
{
	size_t		kind = column / 2;
	bool		usual = row == 0 ? column % 2 == 0 : draw(kind, row, 10) > 0;
	double		other = kind == 2 ? (double) draw(20, row, 5) : ml_random_uniform(11, 30 + kind, row) - 0.5;

	if (row == 1)
		return column % 2 ? value_of(column - 1, 0) : value_of(column + 1, 0);
	return kind == 0 ? (usual ? 0 : 1) : usual ? (kind == 3 ? NAN : 2.5) : other;
}

static void
make_data(bool exact)
{
	static const char *const names[N_COLUMNS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	MlColumnSpec specs[N_COLUMNS];

	for (size_t c = 0; c < N_COLUMNS; c++)
	{
		specs[c] = (MlColumnSpec) {names[c], "double precision", ML_COLUMN_NUMBER};
		column_number[c] = (uint32_t) c;
	}
	if (ml_dataset_create(&ctx, N_COLUMNS, specs, NULL, &dataset) != ML_OK)
		abort();
	for (size_t row = 0; row < N_ROWS; row++)
	{
		for (size_t c = 0; c < N_COLUMNS; c++)
		{
			double		value = value_of(c, row);

			dataset->columns[c].open.number[row & ML_CHUNK_MASK] = exact ? (float) value : value;
		}
		label[row] = row < 2 ? 1 : draw(40, row, 20) == 0;
		row_number[row] = (uint32_t) row;
		dataset->n_rows++;
		if (((dataset->n_rows & ML_CHUNK_MASK) == 0 || row + 1 == N_ROWS) && ml_dataset_seal(&ctx, dataset) != ML_OK)
			abort();
	}
}

/* Of all rows, in this order; what is usual and what is not have the same statistics and codes. */
static void
test_columns(const char *name, MlRows rows)
{
	MlSignature *s;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	double		values[N_ROWS];
	size_t		wrong[3] = {0, 0, 0};

	if (ml_signature_fit(&ctx, dataset, rows, label, N_COLUMNS, column_number, 255, 1, false, &s, &left_out, &n_left_out) != ML_OK ||
		ml_binned_create(&ctx, dataset, s, rows, true, &binned) != ML_OK || s->n_features != N_COLUMNS)
		abort();
	for (size_t c = 0; c < N_COLUMNS; c++)
	{
		const MlFeature *f = &s->features[c];
		const MlFeature *same = &s->features[c ^ 1];
		MlCursor	cursor = ml_cursor(dataset, c, NULL);

		wrong[0] += f->n_bins != same->n_bins || memcmp(f->edges, same->edges, (f->n_bins - 1) * sizeof(double)) != 0 ||
			memcmp(f->code_counts, same->code_counts, (f->n_bins + 1) * sizeof(uint64_t)) != 0;
		wrong[0] += f->minimum != same->minimum || f->maximum != same->maximum || !close_to(f->mean, same->mean, 1e-12) ||
			!close_to(f->std, same->std, 1e-12);
		for (size_t first = 0; first < rows.n; first += 1000)
			ml_rows_numbers(&rows, &cursor, first, rows.n - first < 1000 ? rows.n - first : 1000, values + first);
		for (size_t i = 0; i < rows.n; i++)
		{
			size_t		at = ml_rows_visit(&rows, i);
			double		value = ml_column_number(&dataset->columns[c], rows.row[at]);

			wrong[1] += !close_to(values[i], value, 0);
			wrong[2] += ml_binned_code(binned, at, c) != ml_bin_number(f->edges, f->n_bins - 1, value);
		}
	}
	CHECK(wrong[0] == 0, "%s: sparse columns are fitted as others are", name);
	CHECK(wrong[1] == 0, "%s: numbers are read in the order of visits", name);
	CHECK(wrong[2] == 0, "%s: and binned as others are", name);
}

static void
test_orders(bool exact)
{
	uint32_t	gaps[N_ROWS];
	uint32_t	swapped[N_ROWS];
	size_t		n = 0;
	MlRows		rows = {swapped, N_ROWS};

	make_data(exact);
	test_columns("all rows", (MlRows) {row_number, N_ROWS});
	for (uint32_t row = 0; row < N_ROWS; row++)
	{
		if (row < 2 || draw(50, row, 4000) > 3)
			gaps[n++] = row;
		/* the first and the last row of what looks as if it had no gaps stay */
		swapped[row] = row % 1000 >= 10 && row % 1000 < 990 && row < N_ROWS - 11 ? row ^ 1 : row;
	}
	test_columns("with gaps", (MlRows) {gaps, n});
	test_columns("not rising", rows);
	if (ml_rows_place(&ctx, dataset, &rows) != ML_OK || rows.place == NULL)
		abort();
	test_columns("by places", rows);
}

int
main(void)
{
	ctx.arena = ml_arena_create(0);
	ctx.pool = ml_pool_create(2);
	test_lists();
	test_edges();
	test_orders(true);
	test_orders(false);
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
