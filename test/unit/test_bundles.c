/*
 * test_bundles.c
 *	  Bundles hold every code of their members, and trees are the same without them.
 */
#include "check.h"

#include "engine/learn/bundles.h"
#include "mlops/engine/learn.h"
#include "mlops/engine/trees.h"

static MlContext ctx;

/* ---------------------------------------------------------------- of a matrix */

#define N_ROWS 20011			/* no multiple of any block */
#define MOST_FEATURES 96

/* Codes of a row and feature by the rules of a case. */
typedef uint8_t (*CodeFunction) (size_t row, size_t feature);

static MlInput inputs[MOST_FEATURES];
static MlFeature features[MOST_FEATURES];
static MlSignature matrix_signature = {.inputs = inputs, .features = features};

static uint64_t
draw(uint64_t stream, uint64_t row, uint64_t below)
{
	return ml_random_u64(3, stream, row) % below;
}

static MlBinned
matrix_of(CodeFunction code, size_t n_features)
{
	MlBinned	binned = {N_ROWS, n_features, (n_features + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES, NULL};

	binned.group = ml_arena_alloc_array(ctx.arena, binned.n_groups, sizeof(uint8_t *));
	for (size_t g = 0; g < binned.n_groups; g++)
		binned.group[g] = ml_arena_alloc_zeroed(ctx.arena, N_ROWS, ML_GROUP_FEATURES);
	for (size_t f = 0; f < n_features; f++)
	{
		features[f] = (MlFeature) {.n_bins = 255, .input = (uint32_t) f};
		for (size_t row = 0; row < N_ROWS; row++)
			binned.group[f / ML_GROUP_FEATURES][row * ML_GROUP_FEATURES + f % ML_GROUP_FEATURES] = code(row, f);
	}
	matrix_signature.n_features = n_features;
	return binned;
}

static Bundles
bundles_of(const MlBinned *binned, size_t reserved)
{
	Workspace	workspace = {.arena = ctx.arena};
	Bundles		bundles;

	bundles_allocate(&bundles, &workspace, binned->n_features);
	if (workspace.failed || bundles_make(&bundles, &ctx, binned, &matrix_signature, reserved) != ML_OK)
		abort();
	return bundles;
}

/* The feature's code in a row, as its column has it. */
static uint8_t
code_in_bundles(const Bundles *bundles, size_t row, size_t feature)
{
	const BundleMember *m = &bundles->members[feature];
	uint8_t		code;

	if (m->column < 0)
		return m->usual;
	code = ml_binned_code(bundles->columns, row, (size_t) m->column);
	if (m->n_own == 0)
		return code;
	return code >= m->first && code < m->first + m->n_own ? m->own[code - m->first] : m->usual;
}

/* Makes bundles and compares all codes, and the codes with their number; returns how many columns there are. */
static size_t
columns_of(const char *name, CodeFunction code, size_t n_features)
{
	MlBinned	binned = matrix_of(code, n_features);
	Bundles		bundles = bundles_of(&binned, 0);
	size_t		wrong = 0;

	for (size_t row = 0; row < N_ROWS; row++)
	{
		for (size_t f = 0; f < n_features; f++)
			wrong += code_in_bundles(&bundles, row, f) != ml_binned_code(&binned, row, f);
		for (size_t c = 0; c < bundles.columns->n_features; c++)
			wrong += ml_binned_code(bundles.columns, row, c) >= bundles.n_codes[c];
	}
	CHECK(wrong == 0, "%s: every feature's codes are in the columns", name);
	return bundles.columns->n_features;
}

/* Groups of 20: of each at most one is away from 0, which is also the code of missing values. */
static uint8_t
one_hot(size_t row, size_t feature)
{
	return draw(feature / 20, row, 24) == feature % 20;
}

/* 64 codes beside the usual one: with it those of four features are one too many. */
static uint8_t
many_codes(size_t row, size_t feature)
{
	return draw(0, row, 10) == feature ? (uint8_t) (1 + draw(1, row, 64)) : 200;
}

/* Exclusive but for the last row. */
static uint8_t
last_row_conflicts(size_t row, size_t feature)
{
	return draw(feature / 32, row, 64) == feature || row == N_ROWS - 1 ? 7 : 2;
}

static uint8_t
dense(size_t row, size_t feature)
{
	return (uint8_t) (1 + draw(feature, row, 200));
}

static uint8_t
mixed(size_t row, size_t feature)
{
	return feature % 3 == 0 ? dense(row, feature) : feature % 3 == 1 ? 5 : one_hot(row, feature / 3);
}

static uint8_t
constant(size_t row, size_t feature)
{
	return (uint8_t) feature;
}

static void
test_columns(void)
{
	MlBinned	binned = matrix_of(one_hot, 60);
	Bundles		without = bundles_of(&binned, SIZE_MAX);

	CHECK(columns_of("one-hot", one_hot, 60) == 3, "each group of exclusive features is one column");
	CHECK(without.columns->n_features == 3, "without a budget nothing has to be reserved");
	CHECK(columns_of("many codes", many_codes, 8) == 3, "no more than 256 codes share a column");
	CHECK(columns_of("a conflict in the last row", last_row_conflicts, 8) == 8, "one conflict keeps features apart");
	CHECK(columns_of("dense", dense, 33) == 33, "dense features have columns of their own");
	CHECK(columns_of("mixed", mixed, 60) == 21, "dense features, bundled ones, and constants without a column");
	CHECK(columns_of("constants", constant, 20) == 20, "if all are constant they stay");
}

static void
test_not_learned(void)
{
	MlBinned	binned = matrix_of(dense, 8);
	double		statistic = 0;
	Bundles		bundles;

	inputs[2].statistic = &statistic;
	features[2].categorical = true;
	bundles = bundles_of(&binned, 0);
	CHECK(bundles.columns->n_features == 7 && bundles.members[2].column == -1, "what is not learned from has no column");
	CHECK(bundles.members[1].column == 1 && bundles.members[3].column == 2, "the others move up");
	inputs[2].statistic = NULL;
}

static void
test_threads(void)
{
	MlThreadPool *pool = ctx.pool;
	MlBinned	binned = matrix_of(mixed, 96);
	Bundles		two = bundles_of(&binned, 0);
	Bundles		one;
	size_t		wrong = 0;

	ctx.pool = NULL;
	one = bundles_of(&binned, 0);
	ctx.pool = pool;
	for (size_t c = 0; c < one.columns->n_features; c++)
	{
		for (size_t row = 0; row < N_ROWS; row++)
			wrong += ml_binned_code(one.columns, row, c) != ml_binned_code(two.columns, row, c);
	}
	CHECK(one.columns->n_features == two.columns->n_features && wrong == 0, "threads do not change the columns");
}

/* ---------------------------------------------------------------- of trees */

#define N_LEARNED 6000
#define N_ONE_HOT 24
#define N_RARE 6
#define N_COLUMNS (2 + N_ONE_HOT + N_RARE + 2)

static MlDataset *dataset;
static float label[N_LEARNED];
static float weight[N_LEARNED];
static uint32_t row_number[N_LEARNED];
static uint32_t column_number[N_COLUMNS];
static char names[N_COLUMNS][8];

/*
 * Two dense columns; one-hot ones, a third of them missing instead of 0; rare ones
 * with many values, at most one of them present; and two categories, of which one
 * level is usual.
 */
static double
value_of(size_t column, size_t row)
{
	if (column < 2)
		return draw(10 + column, row, 9) == 0 ? NAN : ml_random_uniform(3, 20 + column, row);
	column -= 2;
	if (column < N_ONE_HOT)
		return draw(30 + column / 12, row, 14) == column % 12 ? 1 : column % 3 == 0 ? NAN : 0;
	column -= N_ONE_HOT;
	return draw(40, row, 12) == column ? 1 + (double) draw(41, row, 30) : column % 2 ? NAN : 50;
}

static const char *
level_of(size_t category, size_t row)
{
	static const char *const levels[] = {"a", "b", "c", "d", "e"};
	uint64_t	level = draw(50, row, 40);

	/* of each category other rows */
	return levels[level / 5 == category ? level % 5 : 0];
}

static void
put_row(size_t row)
{
	size_t		at = dataset->n_rows & ML_CHUNK_MASK;
	double		margin = -1;

	for (size_t c = 0; c < N_COLUMNS - 2; c++)
	{
		double		value = value_of(c, row);

		dataset->columns[c].open.number[at] = value;
		margin += value != value ? 0.1 : (c % 2 ? 0.6 : -0.6) * value / (c < 2 + N_ONE_HOT ? 1 : 30);
	}
	for (size_t k = 0; k < 2; k++)
	{
		const char *level = level_of(k, row);
		MlColumn   *column = &dataset->columns[N_COLUMNS - 2 + k];

		margin += level[0] == 'c' ? 2 : 0;
		if (ml_column_intern(&ctx, column, level, 1, &column->open.code[at]) != ML_OK)
			abort();
	}
	label[row] = ml_random_uniform(3, 60, row) < 1 / (1 + exp(-margin));
	weight[row] = (float) (0.5 + ml_random_uniform(3, 61, row));
	row_number[row] = (uint32_t) row;
	dataset->n_rows++;
}

static void
make_data(void)
{
	MlColumnSpec specs[N_COLUMNS];

	for (size_t c = 0; c < N_COLUMNS; c++)
	{
		bool		category = c >= N_COLUMNS - 2;

		snprintf(names[c], sizeof(names[c]), "x%zu", c);
		specs[c] = (MlColumnSpec) {names[c], category ? "text" : "double precision", category ? ML_COLUMN_CATEGORY : ML_COLUMN_NUMBER};
		column_number[c] = (uint32_t) c;
	}
	if (ml_dataset_create(&ctx, N_COLUMNS, specs, NULL, &dataset) != ML_OK)
		abort();
	for (size_t row = 0; row < N_LEARNED; row++)
	{
		put_row(row);
		if ((dataset->n_rows & ML_CHUNK_MASK) == 0 && ml_dataset_seal(&ctx, dataset) != ML_OK)
			abort();
	}
	if ((dataset->n_rows & ML_CHUNK_MASK) != 0 && ml_dataset_seal(&ctx, dataset) != ML_OK)
		abort();
}

/* Bytes of a model; they live in the arena. */
typedef struct Bytes
{
	uint8_t    *bytes;
	size_t		size;
} Bytes;

static Bytes
learn(const MlSignature *signature, const MlBinned *binned, const MlGradientBoostingParams *params, bool weighted)
{
	MlTask		task = {.dataset = dataset, .signature = signature, .train = {row_number, N_LEARNED}, .binned_train = binned,
		.label = label, .weight = weighted ? weight : NULL, .metric = ML_METRIC_LOG_LOSS, .params = params, .seed = 5};
	MlLearned	learned;
	Bytes		model = {NULL, 0};
	MlModelParts parts;

	if (ml_gradient_boosting.fit(&ctx, &task, &learned) != ML_OK)
		abort();
	parts = (MlModelParts) {ml_gradient_boosting.name, signature, learned.fitted, 1, 0, 0.5, NULL};
	if (ml_model_encode(&ctx, &parts, &model.bytes, &model.size) != ML_OK)
		abort();
	return model;
}

/* Learns in memory that is enough for trees; bundles are made only of what is beyond that. */
static Bytes
learn_in_little(MlSignature *signature, const MlGradientBoostingParams *params, bool weighted)
{
	MlContext	before = ctx;
	MlBinned   *binned;
	Bytes		model;
	uint8_t    *kept;
	MlArena    *little = ml_arena_create(ml_gradient_boosting.memory_needed(N_LEARNED, 0, signature, params, 2));

	ctx.arena = little;
	if (ml_binned_create(&ctx, dataset, signature, (MlRows) {row_number, N_LEARNED}, true, &binned) != ML_OK)
		abort();
	model = learn(signature, binned, params, weighted);
	ctx = before;
	kept = (uint8_t *) ml_arena_memdup(ctx.arena, model.bytes, model.size);
	ml_arena_destroy(little);
	return (Bytes) {kept, model.size};
}

static void
test_same_model(const char *name, const MlGradientBoostingParams *params, bool weighted)
{
	MlThreadPool *pool = ctx.pool;
	MlArenaMark mark = ml_arena_mark(ctx.arena);
	MlSignature *signature;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	Bytes		with;
	Bytes		without;
	Bytes		alone;

	if (ml_signature_fit(&ctx, dataset, (MlRows) {row_number, N_LEARNED}, label, N_COLUMNS, column_number, params->max_bins, 5,
						 false, &signature, &left_out, &n_left_out) != ML_OK ||
		ml_binned_create(&ctx, dataset, signature, (MlRows) {row_number, N_LEARNED}, true, &binned) != ML_OK)
		abort();
	signature->time_zone = "UTC";
	with = learn(signature, binned, params, weighted);
	without = learn_in_little(signature, params, weighted);
	ctx.pool = NULL;
	alone = learn(signature, binned, params, weighted);
	ctx.pool = pool;
	CHECK(with.size == without.size && memcmp(with.bytes, without.bytes, with.size) == 0, "%s: the same model without bundles", name);
	CHECK(with.size == alone.size && memcmp(with.bytes, alone.bytes, with.size) == 0, "%s: and by one thread", name);
	ml_arena_release(ctx.arena, mark);
}

/* That the cases above compare what they are meant to. */
static void
test_bundled(void)
{
	MlSignature *signature;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	Workspace	workspace = {.arena = ctx.arena};
	Bundles		bundles;
	int			first_category = N_COLUMNS - 2;

	if (ml_signature_fit(&ctx, dataset, (MlRows) {row_number, N_LEARNED}, label, N_COLUMNS, column_number, 255, 5,
						 false, &signature, &left_out, &n_left_out) != ML_OK ||
		ml_binned_create(&ctx, dataset, signature, (MlRows) {row_number, N_LEARNED}, true, &binned) != ML_OK)
		abort();
	bundles_allocate(&bundles, &workspace, binned->n_features);
	if (bundles_make(&bundles, &ctx, binned, signature, 0) != ML_OK)
		abort();
	CHECK(binned->n_features == N_COLUMNS && bundles.columns->n_features == 6,
		  "two dense columns, two of one-hot ones, one of rare numbers, one of categories");
	CHECK(bundles.members[first_category].n_own == 4 && bundles.members[first_category + 1].n_own == 4, "categories are bundled");
}

static MlGradientBoostingParams
boosting(void)
{
	MlGradientBoostingParams p;

	ml_params_init(&ml_gradient_boosting, &p);
	p.n_estimators = 12;
	p.min_data_per_group = 5;
	return p;
}

static void
test_trees(void)
{
	static const MlConstraint constraint[] = {{"x2", 1}, {"x4", -1}, {"x30", -1}, {"x28", 1}};
	MlGradientBoostingParams p = boosting();

	test_same_model("plain", &p, false);
	test_same_model("weights", &p, true);
	p.subsample = 0.6;
	test_same_model("subsample", &p, false);
	p = boosting();
	p.colsample_bytree = 0.1;
	test_same_model("colsample_bytree", &p, false);
	p.subsample = 0.5;
	test_same_model("both, and weights", &p, true);
	p = boosting();
	p.monotone_constraints = (MlConstraints) {4, constraint};
	p.reg_alpha = 0.5;
	test_same_model("monotone constraints", &p, false);
	p = boosting();
	p.grow_policy = ML_GROW_LOSSGUIDE;
	p.max_depth = 0;
	p.max_leaves = 40;
	test_same_model("leaf-wise", &p, false);
	p = boosting();
	p.max_leaves = 11;
	p.min_child_weight = 0;
	test_same_model("max_leaves", &p, true);
	p = boosting();
	p.max_bins = 4;
	p.max_depth = 9;
	test_same_model("few bins", &p, false);
	p.scale_pos_weight = 3;
	p.min_split_gain = 0.1;
	test_same_model("scale_pos_weight", &p, false);
}

int
main(void)
{
	ctx.arena = ml_arena_create(0);
	ctx.pool = ml_pool_create(2);
	test_columns();
	test_not_learned();
	test_threads();
	make_data();
	test_bundled();
	test_trees();
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
