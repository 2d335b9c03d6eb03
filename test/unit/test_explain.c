/*
 * test_explain.c
 *	  Contributions against the definition of Shapley values, by all subsets of
 *	  features, on random trees; against the package shap on golden trees; and
 *	  what they add up to.
 */
#include "check.h"

#include "mlops/engine/explain.h"
#include "mlops/engine/linear.h"
#include "mlops/engine/trees.h"

#include "golden_explain.h"

/* ---------------------------------------------------------------- a signature by hand */

#define N_INPUTS 5
#define N_FEATURES 7

static const double edges_a[] = {-1.5, -0.5, 0.25, 1};
static const double edges_b[] = {0.5};
static const double edges_hour[] = {5, 11, 17};
static const double edges_weekday[] = {0, 3};
static const double edges_seconds[] = {1e9, 1.2e9, 1.5e9};
static const char *const countries[] = {"DE", "FR", "IT"};
static const uint32_t country_sizes[] = {2, 2, 2};
static const char *const flags[] = {"yes"};
static const uint32_t flag_sizes[] = {3};

/* training rows by code; 47 of them, whatever they are counted by */
static const uint64_t counts_5[] = {3, 10, 20, 5, 2, 7};
static const uint64_t counts_4[] = {3, 10, 20, 5, 9};
static const uint64_t counts_3[] = {3, 10, 20, 14};
static const uint64_t counts_2[] = {3, 10, 34};
static const uint64_t counts[ML_MAX_BINS + 1] = {3, 10, 20, 5, 2, 7};

static MlInput inputs[N_INPUTS] = {
	{"a", "double precision", ML_COLUMN_NUMBER},
	{"b", "boolean", ML_COLUMN_NUMBER},
	{"country", "text", ML_COLUMN_CATEGORY, 3, countries, country_sizes},
	{"at", "timestamp", ML_COLUMN_TIME},
	{"flag", "text", ML_COLUMN_CATEGORY, 1, flags, flag_sizes},
};

static MlFeature features[N_FEATURES] = {
	{"a", 0, ML_FEATURE_VALUE, false, 5, edges_a, 0.1, 1, -3, 3, counts_5},
	{"b", 1, ML_FEATURE_VALUE, false, 2, edges_b, 0.3, 0.4, 0, 1, counts_2},
	{"country", 2, ML_FEATURE_VALUE, true, 4, NULL, 0, 0, 0, 0, counts_4},
	{"at.hour", 3, ML_FEATURE_HOUR, false, 4, edges_hour, 12, 5, 0, 23, counts_4},
	{"at.weekday", 3, ML_FEATURE_WEEKDAY, false, 3, edges_weekday, 3, 2, 0, 6, counts_3},
	{"at.seconds", 3, ML_FEATURE_SECONDS, false, 4, edges_seconds, 1.3e9, 1e8, 8e8, 2e9, counts_4},
	{"flag", 4, ML_FEATURE_VALUE, true, 2, NULL, 0, 0, 0, 0, counts_2},
};

static MlSignature signature = {N_INPUTS, inputs, N_FEATURES, features, NULL, "UTC"};

/* ---------------------------------------------------------------- random things */

static uint64_t draws;

static double
draw(void)
{
	return ml_random_uniform(7, 0, draws++);
}

static uint32_t
draw_below(uint32_t n)
{
	return (uint32_t) (draw() * n);
}

#define MOST_NODES 512
#define MOST_TREES 16

typedef struct Grown
{
	MlTreeNode	nodes[MOST_NODES];
	uint32_t	first[MOST_TREES + 1];
	uint64_t	sets[MOST_NODES][4];
	MlForest	forest;
} Grown;

/* A tree of at most n_splits splits on random features, covers as a training
 * would leave them; in one of eight a child without any weight. */
static void
grow_tree(Grown *g, uint32_t n_splits, uint32_t n_features)
{
	uint32_t	first = g->first[g->forest.n_trees];
	MlTreeNode *nodes = g->nodes + first;
	uint32_t	n = 1;

	nodes[0] = (MlTreeNode) {.feature = -1, .value = draw() - 0.5, .cover = 100, .count = 100};
	for (uint32_t s = 0; s < n_splits; s++)
	{
		uint32_t	at = draw_below(n);
		uint32_t	f = draw_below(n_features);
		double		share = draw_below(8) == 0 ? 0 : draw();

		if (nodes[at].feature >= 0)
			continue;
		nodes[at].feature = (int32_t) f;
		nodes[at].categorical = features[f].categorical;
		nodes[at].bin = (uint8_t) (1 + draw_below(features[f].n_bins - 1));
		nodes[at].missing_left = draw() < 0.5;
		if (nodes[at].categorical)
		{
			nodes[at].set = (uint32_t) g->forest.n_sets;
			memset(g->sets[g->forest.n_sets], 0, sizeof(g->sets[0]));
			g->sets[g->forest.n_sets++][0] = draw_below(64) & ~UINT64_C(1);
		}
		nodes[at].left = n;
		nodes[at].right = n + 1;
		for (int side = 0; side < 2; side++)
			nodes[n++] = (MlTreeNode) {.feature = -1, .value = 4 * (draw() - 0.5),
				.cover = nodes[at].cover * (side == 0 ? share : 1 - share), .count = 1 + draw_below(5)};
	}
	g->first[++g->forest.n_trees] = first + n;
}

static void
draw_row(MlValue *values)
{
	values[0].number = draw() < 0.2 ? NAN : 6 * draw() - 3;
	values[1].number = draw() < 0.2 ? NAN : draw_below(2);
	values[2].code = draw_below(5); /* 0 missing, 4 unseen */
	values[3].number = draw() < 0.2 ? NAN : 8e8 + 1.2e9 * draw();
	values[4].code = draw_below(3);
}

/* ---------------------------------------------------------------- the definition */

static uint8_t
code_of(const MlFeature *feature, const MlValue *values)
{
	if (feature->categorical)
		return (uint8_t) values[feature->input].code;
	return ml_bin_number(feature->edges, feature->n_bins - 1,
						 ml_feature_number(feature->part, values[feature->input].number));
}

/* Expectation of a tree below a node when the features in the set are known. */
static double
expectation(const Grown *g, const MlTreeNode *nodes, uint32_t at, const MlValue *values, uint32_t known)
{
	const MlTreeNode *node = &nodes[at];
	uint8_t		code;
	bool		left;

	if (node->feature < 0)
		return node->value;
	if (!(known >> node->feature & 1))
	{
		double		covers[2] = {nodes[node->left].cover, nodes[node->right].cover};

		if (covers[0] + covers[1] == 0)
		{
			covers[0] = (double) nodes[node->left].count;
			covers[1] = (double) nodes[node->right].count;
		}
		return (covers[0] * expectation(g, nodes, node->left, values, known) +
				covers[1] * expectation(g, nodes, node->right, values, known)) / (covers[0] + covers[1]);
	}
	code = code_of(&features[node->feature], values);
	left = code == ML_CODE_MISSING ? node->missing_left
		: node->categorical ? g->sets[node->set][0] >> code & 1 : code <= node->bin;
	return expectation(g, nodes, left ? node->left : node->right, values, known);
}

static double
value_of(const Grown *g, const MlValue *values, uint32_t known)
{
	double		sum = g->forest.base_margin;

	for (size_t t = 0; t < g->forest.n_trees; t++)
		sum += expectation(g, g->nodes + g->first[t], 0, values, known);
	return sum;
}

static double
factorial(int n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

/* Shapley values by all subsets, added up by input. */
static void
shapley(const Grown *g, const MlValue *values, double *contribution)
{
	double		value[1 << N_FEATURES];

	for (uint32_t known = 0; known < 1 << N_FEATURES; known++)
		value[known] = value_of(g, values, known);
	memset(contribution, 0, N_INPUTS * sizeof(double));
	for (uint32_t known = 0; known < 1 << N_FEATURES; known++)
	{
		int			size = __builtin_popcount(known);

		for (uint32_t f = 0; f < N_FEATURES; f++)
		{
			if (!(known >> f & 1))
				contribution[features[f].input] += factorial(size) * factorial(N_FEATURES - size - 1) /
					factorial(N_FEATURES) * (value[known | 1u << f] - value[known]);
		}
	}
}

/* ---------------------------------------------------------------- explaining */

typedef struct Explained
{
	MlContext	ctx;
	MlModel    *model;
	MlExplainer *explainer;
	void	   *scratch;
	void	   *score_scratch;
} Explained;

static MlStatus
prepare(Explained *x, const MlModelParts *parts)
{
	uint8_t    *bytes;
	size_t		size;
	MlStatus	status;

	memset(x, 0, sizeof(*x));
	x->ctx.arena = ml_arena_create(0);
	x->model = malloc(ml_model_struct_size());
	status = ml_model_encode(&x->ctx, parts, &bytes, &size);
	if (status == ML_OK)
		status = ml_model_open(bytes, size, x->model, x->ctx.message);
	if (status == ML_OK)
		status = ml_explainer_create(&x->ctx, x->model, &x->explainer);
	if (status == ML_OK)
	{
		x->scratch = malloc(ml_explainer_scratch_size(x->explainer) + 1);
		x->score_scratch = malloc(ml_model_scratch_size(x->model));
	}
	return status;
}

static void
forget(Explained *x)
{
	ml_arena_destroy(x->ctx.arena);
	free(x->model);
	free(x->scratch);
	free(x->score_scratch);
}

/* How far base and contributions are from the score's log odds. */
static double
gap(Explained *x, const MlValue *values, const double *contribution)
{
	double		score = ml_model_score(x->model, values, x->score_scratch);
	double		sum = ml_explainer_base(x->explainer);

	for (size_t i = 0; i < ml_model_n_inputs(x->model); i++)
		sum += contribution[i];
	return fabs(1 / (1 + exp(-sum)) / score - 1);
}

static void
test_subsets(uint32_t n_splits, uint32_t n_features, const char *what)
{
	double		greatest = 0;
	double		greatest_gap = 0;
	MlStatus	status = ML_OK;

	for (int round = 0; round < 40; round++)
	{
		Grown	   *g = calloc(1, sizeof(Grown));
		MlModelParts parts = {"gradient_boosting", &signature, ml_fitted_trees(&g->forest), 1.7, -0.4, 0.5, NULL};
		Explained	x;

		g->forest.base_margin = draw() - 2;
		g->forest.first_node = g->first;
		g->forest.nodes = g->nodes;
		g->forest.sets = (const uint64_t (*)[4]) g->sets;
		for (int t = 0; t < 4; t++)
			grow_tree(g, n_splits, n_features);
		if (status == ML_OK)
			status = prepare(&x, &parts);
		for (int row = 0; row < 10 && status == ML_OK; row++)
		{
			MlValue		values[N_INPUTS];
			double		found[N_INPUTS];
			double		expected[N_INPUTS];

			draw_row(values);
			status = ml_explain(&x.ctx, x.explainer, values, x.scratch, found);
			shapley(g, values, expected);
			for (int i = 0; i < N_INPUTS; i++)
				greatest = fmax(greatest, fabs(found[i] - 1.7 * expected[i]));
			greatest = fmax(greatest, fabs(ml_explainer_base(x.explainer) -
										   (1.7 * value_of(g, values, 0) - 0.4)));
			greatest_gap = fmax(greatest_gap, gap(&x, values, found));
		}
		forget(&x);
		free(g);
	}
	CHECK(status == ML_OK, "%s: explained", what);
	CHECK(greatest < 1e-13, "%s: Shapley values by all subsets (%.1e)", what, greatest);
	CHECK(greatest_gap < 1e-12, "%s: add up to the score (%.1e)", what, greatest_gap);
}

/* ---------------------------------------------------------------- linear models */

static void
test_linear(void)
{
	static const MlTerm terms[] = {
		{0, ML_TERM_VALUE, 0, 0.1, 2, 1.5, 0},
		{0, ML_TERM_MISSING, 0, 0, 0, -0.7, 0},
		{2, ML_TERM_LEVEL, 1, 0, 0, 0.25, 0},
		{2, ML_TERM_LEVEL, 4, 0, 0, -0.5, 0},
		{3, ML_TERM_LEVEL, 0, 0, 0, 0.125, 0},
		{3, ML_TERM_LEVEL, 2, 0, 0, 0.75, 0},
		{5, ML_TERM_VALUE, 0, 1.3e9, 1e8, 0.3, 0},
	};
	MlLinear	linear = {-2, 0, sizeof(terms) / sizeof(terms[0]), terms};
	MlModelParts parts = {"logistic_regression", &signature, ml_fitted_linear(&linear), 1, -0.3, 0.5, NULL};
	Explained	x;
	double		found[N_INPUTS];
	MlValue		values[N_INPUTS] = {{.number = 0.6}, {.number = 1}, {.code = 1}, {.number = 1e9}, {.code = 1}};

	CHECK(prepare(&x, &parts) == ML_OK, "a linear model can be explained");
	/* counts: a 3 of 47 missing; country and hour 3, 10, 20, 5, 9 of 47 */
	CHECK_CLOSE(ml_explainer_base(x.explainer), -2.3 - 0.7 * 3 / 47 + 0.25 * 10 / 47 - 0.5 * 9 / 47 +
				0.125 * 3 / 47 + 0.75 * 20 / 47, 1e-15, "base is at the means of all terms");
	CHECK(ml_explain(&x.ctx, x.explainer, values, x.scratch, found) == ML_OK, "a row");
	CHECK_CLOSE(found[0], 1.5 * (0.6 - 0.1) / 2 + 0.7 * 3 / 47, 1e-15, "a number: value and indicator");
	CHECK(found[1] == 0 && found[4] == 0, "what has no term contributes nothing");
	CHECK_CLOSE(found[2], 0.25 - 0.25 * 10 / 47 + 0.5 * 9 / 47, 1e-15, "a category: all levels");
	/* 1e9 s is 01:46:40: the first level; seconds are 3 deviations down */
	CHECK_CLOSE(found[3], -0.125 * 3 / 47 - 0.75 * 20 / 47 - 0.9, 1e-14, "a time: all its parts");
	CHECK(gap(&x, values, found) < 1e-14, "they add up to the score");
	values[0].number = values[3].number = NAN;
	values[2].code = 4;
	ml_explain(&x.ctx, x.explainer, values, x.scratch, found);
	CHECK_CLOSE(found[0], -0.7 + 0.7 * 3 / 47, 1e-15, "a missing number");
	CHECK_CLOSE(found[2], -0.5 - 0.25 * 10 / 47 + 0.5 * 9 / 47, 1e-15, "an unseen category");
	CHECK(gap(&x, values, found) < 1e-14, "they add up to the score");
	forget(&x);
}

/* ---------------------------------------------------------------- golden values */

static void
test_golden(void)
{
	static double no_edges[GOLDEN_FEATURES][GOLDEN_EDGES];
	MlInput		golden_inputs[GOLDEN_FEATURES];
	MlFeature	golden_features[GOLDEN_FEATURES];
	static char names[GOLDEN_FEATURES][16];
	MlSignature golden_signature = {GOLDEN_FEATURES, golden_inputs, GOLDEN_FEATURES, golden_features, NULL, "UTC"};
	static MlTreeNode nodes[sizeof(golden_nodes) / sizeof(golden_nodes[0])];
	MlForest	forest = {GOLDEN_BASE, GOLDEN_TREES, golden_first, nodes, 0, NULL};
	MlModelParts parts = {"gradient_boosting", &golden_signature, ml_fitted_trees(&forest), 1, 0, 0.5, NULL};
	Explained	x;
	double		greatest = 0;

	for (int f = 0; f < GOLDEN_FEATURES; f++)
	{
		for (int k = 0; k < GOLDEN_EDGES; k++)
			no_edges[f][k] = golden_edges[k];
		snprintf(names[f], sizeof(names[f]), "f%d", f);
		golden_inputs[f] = (MlInput) {names[f], "double precision", ML_COLUMN_NUMBER};
		golden_features[f] = (MlFeature) {names[f], (uint32_t) f, ML_FEATURE_VALUE, false,
			GOLDEN_EDGES + 1, no_edges[f], 0, 1, 0, 1, counts};
	}
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
	{
		const GoldenNode *from = &golden_nodes[i];

		nodes[i] = (MlTreeNode) {from->feature, from->left, from->left + 1, 0, (uint8_t) from->bin,
			from->missing_left != 0, false, from->value, 0, from->cover, 1};
	}
	CHECK(prepare(&x, &parts) == ML_OK, "the golden model (%s)", x.ctx.message);
	CHECK_CLOSE(ml_explainer_base(x.explainer), GOLDEN_EXPECTED, 1e-12, "its expectation");
	for (int r = 0; r < GOLDEN_ROWS; r++)
	{
		MlValue		values[GOLDEN_FEATURES];
		double		found[GOLDEN_FEATURES];

		for (int f = 0; f < GOLDEN_FEATURES; f++)
			values[f].number = golden_rows[r][f];
		if (ml_explain(&x.ctx, x.explainer, values, x.scratch, found) != ML_OK)
			greatest = INFINITY;
		for (int f = 0; f < GOLDEN_FEATURES; f++)
			greatest = fmax(greatest, fabs(found[f] - golden_contributions[r][f]));
	}
	CHECK(greatest < 1e-12, "contributions are those of shap's TreeExplainer (%.1e)", greatest);
	forget(&x);
}

/* ---------------------------------------------------------------- shapes and aborts */

static bool
stop_at_once(void *arg)
{
	return true;
}

/* A tree that is one long path over many features: 2 * MOST points are exact. */
static void
test_path(void)
{
	enum
	{
		LENGTH = 200
	};
	static MlInput many_inputs[LENGTH];
	static MlFeature many_features[LENGTH];
	static char names[LENGTH][16];
	static MlTreeNode nodes[2 * LENGTH + 1];
	static const uint32_t first[] = {0, 2 * LENGTH + 1};
	MlSignature many = {LENGTH, many_inputs, LENGTH, many_features, NULL, "UTC"};
	MlForest	forest = {0, 1, first, nodes, 0, NULL};
	MlModelParts parts = {"gradient_boosting", &many, ml_fitted_trees(&forest), 1, 0, 0.5, NULL};
	MlValue		values[LENGTH];
	double		found[LENGTH];
	double		greatest = 0;
	Explained	x;

	/* half of the rows leave at each split; only those that never do add 1 */
	for (int f = 0; f < LENGTH; f++)
	{
		snprintf(names[f], sizeof(names[f]), "f%d", f);
		many_inputs[f] = (MlInput) {names[f], "double precision", ML_COLUMN_NUMBER};
		many_features[f] = (MlFeature) {names[f], (uint32_t) f, ML_FEATURE_VALUE, false, 2, edges_b, 0, 1, 0, 1, counts};
		nodes[2 * f] = (MlTreeNode) {f, 2 * f + 1, 2 * f + 2, 0, 1, false, false, 0, 0, 1, 1};
		nodes[2 * f + 1] = (MlTreeNode) {.feature = -1, .cover = 1};
		values[f].number = 1;
	}
	nodes[2 * LENGTH] = (MlTreeNode) {.feature = -1, .value = 1, .cover = 1};
	CHECK(prepare(&x, &parts) == ML_OK, "a path over %d features (%s)", LENGTH, x.ctx.message);
	CHECK(ml_explain(&x.ctx, x.explainer, values, x.scratch, found) == ML_OK, "is explained");
	/* all features are alike, so each has 1 / LENGTH of 1 - 2^-LENGTH */
	for (int f = 0; f < LENGTH; f++)
		greatest = fmax(greatest, fabs(found[f] * LENGTH - 1));
	CHECK(greatest < 1e-10, "each feature has its equal share (%.1e)", greatest);
	x.ctx.should_abort = stop_at_once;
	CHECK(ml_explainer_create(&x.ctx, x.model, &x.explainer) == ML_ABORTED, "making an explainer can be stopped");
	forget(&x);
}

/* Explaining by a large forest can be stopped, and works again afterwards. */
static void
test_abort(void)
{
	enum
	{
		TREES = 3000, NODES = 401
	};
	MlTreeNode *nodes = calloc((size_t) TREES * NODES, sizeof(MlTreeNode));
	uint32_t   *first = calloc(TREES + 1, sizeof(uint32_t));
	MlForest	forest = {0, TREES, first, nodes, 0, NULL};
	MlModelParts parts = {"gradient_boosting", &signature, ml_fitted_trees(&forest), 1, 0, 0.5, NULL};
	MlValue		values[N_INPUTS];
	double		found[N_INPUTS];
	Explained	x;

	for (uint32_t t = 0; t < TREES; t++)
	{
		MlTreeNode *tree = nodes + (size_t) t * NODES;

		first[t + 1] = (t + 1) * NODES;
		for (uint32_t i = 0; i < NODES; i++)
		{
			bool		leaf = 2 * i + 2 >= NODES;

			tree[i] = (MlTreeNode) {.feature = leaf ? -1 : (int32_t) (i % 2), .left = 2 * i + 1, .right = 2 * i + 2,
				.bin = 1, .value = 0.001, .cover = 1, .count = 1};
		}
	}
	CHECK(prepare(&x, &parts) == ML_OK, "a large forest (%s)", x.ctx.message);
	draw_row(values);
	x.ctx.should_abort = stop_at_once;
	CHECK(ml_explain(&x.ctx, x.explainer, values, x.scratch, found) == ML_ABORTED, "explaining can be stopped");
	x.ctx.should_abort = NULL;
	CHECK(ml_explain(&x.ctx, x.explainer, values, x.scratch, found) == ML_OK && gap(&x, values, found) < 1e-10,
		  "and works again afterwards");
	forget(&x);
	free(nodes);
	free(first);
}

static void
test_empty(void)
{
	MlTreeNode	leaf = {.feature = -1, .value = 0.25, .cover = 1};
	uint32_t	first[] = {0, 1};
	MlForest	forest = {-1, 1, first, &leaf, 0, NULL};
	MlModelParts parts = {"gradient_boosting", &signature, ml_fitted_trees(&forest), 1, 0, 0.5, NULL};
	MlValue		values[N_INPUTS];
	double		found[N_INPUTS];

	for (int n_trees = 1; n_trees >= 0; n_trees--)
	{
		Explained	x;
		double		sum = 0;

		forest.n_trees = n_trees;
		CHECK(prepare(&x, &parts) == ML_OK, "a forest of %d leaves (%s)", n_trees, x.ctx.message);
		draw_row(values);
		CHECK(ml_explain(&x.ctx, x.explainer, values, x.scratch, found) == ML_OK, "is explained");
		for (int i = 0; i < N_INPUTS; i++)
			sum += fabs(found[i]);
		CHECK(sum == 0 && ml_explainer_base(x.explainer) == -1 + 0.25 * n_trees, "by its base alone");
		forget(&x);
	}
}

/* Covers that no training leaves: the bytes do not verify. */
static void
test_covers(void)
{
	static const double wrong[] = {-1, NAN, INFINITY};
	uint32_t	first[] = {0, 3};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		MlTreeNode	nodes[] = {{.feature = 0, .left = 1, .right = 2, .bin = 1, .cover = 2},
		{.feature = -1, .value = 1, .cover = wrong[i]}, {.feature = -1, .value = -1, .cover = 1}};
		MlForest	forest = {0, 1, first, nodes, 0, NULL};
		MlModelParts parts = {"gradient_boosting", &signature, ml_fitted_trees(&forest), 1, 0, 0.5, NULL};
		Explained	x;

		CHECK(prepare(&x, &parts) == ML_CORRUPT && strcmp(x.ctx.message, "a node's cover is wrong") == 0,
			  "a cover of %g is refused", wrong[i]);
		forget(&x);
	}
}

int
main(void)
{
	test_subsets(1, N_FEATURES, "stumps");
	test_subsets(6, N_FEATURES, "small trees");
	test_subsets(40, N_FEATURES, "large trees");
	test_subsets(40, 2, "trees that split on the same features again");
	test_linear();
	test_golden();
	test_path();
	test_abort();
	test_empty();
	test_covers();
	return checks_end();
}
