/*
 * test_boosting.c
 *	  Gradient boosting against plain formulas: leaf values, and what each hyperparameter
 *	  changes.
 */
#include "learner_data.h"
#include "soft_threshold.h"

#include <float.h>

#include "mlops/engine/explain.h"

static const MlForest *
forest_of(const Fitted *f)
{
	return f->learned.fitted.family == &ml_family_trees ? f->learned.fitted.body : NULL;
}

static MlGradientBoostingParams
boosting(void)
{
	MlGradientBoostingParams p;

	ml_params_init(&ml_gradient_boosting, &p);
	p.n_estimators = 1;
	return p;
}

static Fitted
boost(const MlGradientBoostingParams *p)
{
	return fit_with(&ml_gradient_boosting, p, NULL, false);
}

/* ---------------------------------------------------------------- what a forest is like */

static const MlTreeNode *
tree_of(const Fitted *f, size_t tree, size_t *n)
{
	const MlForest *forest = forest_of(f);

	*n = forest->first_node[tree + 1] - forest->first_node[tree];
	return forest->nodes + forest->first_node[tree];
}

static int
depth_of(const MlTreeNode *nodes, uint32_t i)
{
	int			left;
	int			right;

	if (nodes[i].feature < 0)
		return 0;
	left = depth_of(nodes, nodes[i].left);
	right = depth_of(nodes, nodes[i].right);
	return 1 + (left > right ? left : right);
}

static int
leaves_of(const Fitted *f)
{
	size_t		n;
	const MlTreeNode *nodes = tree_of(f, 0, &n);
	int			leaves = 0;

	for (size_t i = 0; i < n; i++)
		leaves += nodes[i].feature < 0;
	return leaves;
}

/* Sum of the gains of so many splits, each the greatest that is open by then. */
static double
greatest_gains(const MlTreeNode *nodes, size_t n, int splits)
{
	bool	   *open = calloc(n, sizeof(bool));
	double		sum = 0;

	open[0] = true;
	for (int s = 0; s < splits; s++)
	{
		size_t		best = n;

		for (size_t i = 0; i < n; i++)
		{
			if (open[i] && nodes[i].feature >= 0 && (best == n || nodes[i].gain > nodes[best].gain))
				best = i;
		}
		if (best == n)
			break;
		sum += nodes[best].gain;
		open[best] = false;
		open[nodes[best].left] = open[nodes[best].right] = true;
	}
	free(open);
	return sum;
}

static uint32_t
leaf_of_row(const Fitted *f, size_t tree, size_t row)
{
	size_t		n;
	const MlTreeNode *nodes = tree_of(f, tree, &n);
	uint32_t	i = 0;

	while (nodes[i].feature >= 0)
	{
		uint8_t		code = ml_binned_code(f->task.binned_train, row, nodes[i].feature);
		bool		left = nodes[i].categorical ? forest_of(f)->sets[nodes[i].set][code >> 6] >> (code & 63) & 1
			: code == 0 ? nodes[i].missing_left : code <= nodes[i].bin;

		i = left ? nodes[i].left : nodes[i].right;
	}
	return i;
}

/* Largest difference of the first tree's leaves from - rate * T(G) / (H + lambda), the sums by row; lambda is more below a category. */
static double
leaves_differ(const Fitted *f, const MlGradientBoostingParams *p)
{
	size_t		n;
	const MlTreeNode *nodes = tree_of(f, 0, &n);
	double		base = 1 / (1 + exp(-forest_of(f)->base_margin));
	double	   *g = calloc(n, sizeof(double));
	double	   *h = calloc(n, sizeof(double));
	double	   *extra = calloc(n, sizeof(double));
	double		greatest = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (nodes[i].feature >= 0 && nodes[i].categorical)
			extra[nodes[i].left] = extra[nodes[i].right] = p->cat_l2;
	}
	for (size_t row = 0; row < N_TRAIN; row++)
	{
		uint32_t	leaf = leaf_of_row(f, 0, row);
		double		weight = label[row] == 1 ? p->scale_pos_weight : 1;

		g[leaf] += weight * (base - label[row]);
		h[leaf] += weight * base * (1 - base);
	}
	for (size_t i = 0; i < n; i++)
	{
		if (nodes[i].feature < 0)
			greatest = fmax(greatest, fabs(nodes[i].value + p->learning_rate * shrunk(g[i], p->reg_alpha) / (h[i] + p->reg_lambda + extra[i])));
	}
	free(g);
	free(h);
	free(extra);
	return greatest;
}

static bool
same_forest(const MlForest *a, const MlForest *b)
{
	return a->n_trees == b->n_trees && a->base_margin == b->base_margin &&
		a->first_node[a->n_trees] == b->first_node[b->n_trees] &&
		memcmp(a->nodes, b->nodes, a->first_node[a->n_trees] * sizeof(MlTreeNode)) == 0;
}

static void
test_leaves(void)
{
	MlGradientBoostingParams p = boosting();
	Fitted		f;

	p.monotone_constraints.n = 0;
	p.max_depth = 3;
	f = boost(&p);
	CHECK(f.status == ML_OK && leaves_of(&f) > 4, "a tree grows (%d leaves)", leaves_of(&f));
	ml_params_init(&ml_gradient_boosting, &p);
	p.n_estimators = 1;
	p.max_depth = 0;
	p.max_leaves = 1;
	f = boost(&p);
	CHECK(leaves_of(&f) == 1 && leaves_differ(&f, &p) < 1e-4, "a tree of one leaf adds what the formula says");
	p.scale_pos_weight = 6;
	f = boost(&p);
	CHECK(leaves_of(&f) == 1 && leaves_differ(&f, &p) < 1e-4, "with weights too (off by %g)", leaves_differ(&f, &p));
}

/* Without room for codes by column, which is beside what the learner says it needs. */
static void
test_little_memory(void)
{
	MlGradientBoostingParams p = boosting();
	MlArena    *roomy = ctx.arena;
	MlLearned	learned;
	MlStatus	status;
	Fitted		f;

	p.n_estimators = 5;
	f = boost(&p);
	ctx.arena = ml_arena_create(ml_gradient_boosting.memory_needed(N_TRAIN, 0, f.signature, &p, ml_pool_size(ctx.pool)) + 8192);
	status = ml_gradient_boosting.fit(&ctx, &f.task, &learned);
	CHECK(status == ML_OK && same_forest(forest_of(&f), learned.fitted.body), "little memory makes the same trees");
	ml_arena_destroy(ctx.arena);
	ctx.arena = roomy;
}

static void
test_parameters(void)
{
	MlGradientBoostingParams p = boosting();
	Fitted		f;
	Fitted		other;
	size_t		n;
	const MlTreeNode *nodes;
	double		pos = 0;
	bool		right = true;
	int			used_most = 0;
	uint64_t	used_ever = 0;
	double		found;

	for (size_t i = 0; i < N_TRAIN; i++)
		pos += label[i] == 1;

	/* learning_rate */
	p.max_depth = 3;
	f = boost(&p);
	p.learning_rate = 0.4;
	other = boost(&p);
	nodes = tree_of(&f, 0, &n);
	for (size_t i = 0; i < n; i++)
		right = right && close_to(4 * nodes[i].value, tree_of(&other, 0, &n)[i].value, 1e-6);
	CHECK(right && n > 7, "learning_rate is a factor on what a tree adds");
	CHECK(depth_of(nodes, 0) == 3, "max_depth is reached, and no more");
	p = boosting();
	p.max_depth = 5;
	f = boost(&p);
	CHECK(depth_of(tree_of(&f, 0, &n), 0) == 5, "another max_depth too");

	/* max_leaves, grow_policy */
	p.max_leaves = 9;
	f = boost(&p);
	p.grow_policy = ML_GROW_LOSSGUIDE;
	other = boost(&p);
	CHECK(leaves_of(&f) == 9 && leaves_of(&other) == 9, "max_leaves is reached, and no more");
	CHECK(!same_forest(forest_of(&f), forest_of(&other)), "grow_policy grows another tree");
	nodes = tree_of(&other, 0, &n);
	found = greatest_gains(nodes, n, 8);
	p.max_leaves = 1000;
	f = boost(&p);
	nodes = tree_of(&f, 0, &n);
	CHECK(leaves_of(&f) > 20, "without a bound of leaves there are more splits");
	CHECK_CLOSE(found, greatest_gains(nodes, n, 8), 1e-6, "of which lossguide makes those of the greatest gain first");

	/* min_child_weight, min_split_gain */
	p = boosting();
	p.min_child_weight = 40;
	f = boost(&p);
	nodes = tree_of(&f, 0, &n);
	right = n > 1;
	for (size_t i = 0; i < n; i++)
		right = right && nodes[i].cover >= 40;
	CHECK(right, "min_child_weight: no leaf has less");
	p = boosting();
	f = boost(&p);
	p.min_split_gain = 8;
	other = boost(&p);
	nodes = tree_of(&other, 0, &n);
	right = n > 1 && leaves_of(&other) < leaves_of(&f);
	for (size_t i = 0; i < n; i++)
		right = right && (nodes[i].feature < 0 || nodes[i].gain > 8);
	CHECK(right, "min_split_gain: no split has less");

	/* reg_lambda, reg_alpha: the value of a stump's root by hand */
	p = boosting();
	p.max_depth = 0;
	p.max_leaves = 1;
	p.scale_pos_weight = 1;
	for (int i = 0; i < 2; i++)
	{
		static const double lambdas[] = {1, 200};
		MlGradientBoostingParams q = boosting();

		q.max_depth = 2;
		q.reg_lambda = lambdas[i];
		q.min_split_gain = 0;
		f = boost(&q);
		nodes = tree_of(&f, 0, &n);
		right = n > 1;
		for (size_t j = 0; j < n; j++)
			right = right && fabs(nodes[j].value) <= q.learning_rate * N_TRAIN / (nodes[j].cover + q.reg_lambda);
		CHECK(right, "reg_lambda %g bounds values", lambdas[i]);
	}
	p = boosting();
	f = boost(&p);
	p.reg_alpha = 15;
	other = boost(&p);
	CHECK(leaves_of(&other) < leaves_of(&f), "reg_alpha leaves fewer leaves");

	/* subsample */
	p = boosting();
	p.n_estimators = 20;
	p.subsample = 0.5;
	f = boost(&p);
	right = true;
	for (size_t t = 0; t < 20; t++)
	{
		double		share = (double) tree_of(&f, t, &n)->count / N_TRAIN;

		right = right && share > 0.4 && share < 0.6;
	}
	CHECK(right, "subsample: each tree has about half of the rows");
	CHECK(tree_of(&f, 0, &n)->count != tree_of(&f, 1, &n)->count || tree_of(&f, 0, &n)->count != tree_of(&f, 2, &n)->count,
		  "not the same ones");

	/* colsample_bytree: 2 of 5 features */
	p = boosting();
	p.n_estimators = 40;
	p.colsample_bytree = 0.4;
	f = boost(&p);
	for (size_t t = 0; t < 40; t++)
	{
		uint64_t	used = 0;
		int			count;

		nodes = tree_of(&f, t, &n);
		for (size_t i = 0; i < n; i++)
			used |= nodes[i].feature >= 0 ? UINT64_C(1) << nodes[i].feature : 0;
		count = __builtin_popcountll(used);
		used_most = count > used_most ? count : used_most;
		used_ever |= used;
	}
	CHECK(used_most == 2, "colsample_bytree: a tree splits on two features at most (%d)", used_most);
	CHECK(used_ever == 31, "but on all in turn");

	/* scale_pos_weight, and weights of the rows that say the same */
	p = boosting();
	p.n_estimators = 5;
	p.scale_pos_weight = 6;
	f = boost(&p);
	CHECK_CLOSE(forest_of(&f)->base_margin, log(6 * pos / (N_TRAIN - pos)), 1e-12, "scale_pos_weight moves the base");
	{
		float		weight[N_ROWS];

		for (size_t i = 0; i < N_ROWS; i++)
			weight[i] = label[i] == 1 ? 6 : 1;
		p.scale_pos_weight = 1;
		other = fit_with(&ml_gradient_boosting, &p, weight, false);
		CHECK(same_forest(forest_of(&f), forest_of(&other)), "as weights of the rows do, to the last bit");
		other = boost(&p);
		CHECK(!same_forest(forest_of(&f), forest_of(&other)) &&
			  forest_of(&f)->nodes[0].cover != forest_of(&other)->nodes[0].cover, "and as no weights do not");
	}

	/* max_bins, n_estimators */
	p = boosting();
	p.n_estimators = 13;
	p.max_bins = 8;
	f = boost(&p);
	right = true;
	for (size_t i = 0; i < f.signature->n_features; i++)
		right = right && f.signature->features[i].n_bins <= 8;
	CHECK(right && forest_of(&f)->n_trees == 13, "max_bins and n_estimators");
}

/* Splits of a category in the first tree, and the fewest rows on a side of one. */
static int
category_splits(const Fitted *f, uint64_t *fewest)
{
	size_t		n;
	const MlTreeNode *nodes = tree_of(f, 0, &n);
	int			found = 0;

	*fewest = UINT64_MAX;
	for (size_t i = 0; i < n; i++)
	{
		if (nodes[i].feature < 0 || !nodes[i].categorical)
			continue;
		found++;
		for (int side = 0; side < 2; side++)
		{
			uint64_t	rows = nodes[nodes[i].left + side].count;

			*fewest = rows < *fewest ? rows : *fewest;
		}
	}
	return found;
}

static void
test_category_parameters(void)
{
	static const double penalties[] = {0, 4, 10};
	MlGradientBoostingParams p = boosting();
	Fitted		f;
	Fitted		other;
	uint64_t	fewest;
	uint64_t	fewest_of_other;
	int			found;

	p.min_data_per_group = 0;
	p.max_depth = 6;
	for (int i = 0; i < 3; i++)
	{
		p.cat_l2 = penalties[i];
		f = boost(&p);
		found = category_splits(&f, &fewest);
		CHECK(found > 0 && leaves_differ(&f, &p) < 1e-4, "cat_l2 %g: %d splits of a category, values by the formula (off by %g)",
			  p.cat_l2, found, leaves_differ(&f, &p));
	}
	p.cat_l2 = p.cat_smooth = 0;
	p.n_estimators = 30;
	other = boost(&p);
	p.cat_smooth = 1e6;
	f = boost(&p);
	CHECK(!same_forest(forest_of(&f), forest_of(&other)), "cat_smooth changes the tree");
	found = category_splits(&other, &fewest);
	p.min_data_per_group = 200;
	f = boost(&p);
	CHECK(category_splits(&f, &fewest_of_other) > 0 && fewest_of_other >= 199 && fewest < 199,
		  "min_data_per_group: no side of a split of a category has less (%d, without it %d)", (int) fewest_of_other, (int) fewest);
	p.min_data_per_group = N_TRAIN;
	f = boost(&p);
	CHECK(found > 0 && category_splits(&f, &fewest) == 0 && leaves_of(&f) > 1, "as many as there are rows: only numbers are split");
}

static void
test_monotone(void)
{
	static const MlConstraint falling[] = {{"a", -1}};
	MlGradientBoostingParams p = boosting();
	Fitted		f;
	size_t		n;
	const MlTreeNode *nodes;
	bool		right = true;

	p.n_estimators = 10;
	f = boost(&p);
	CHECK(forest_of(&f)->nodes[0].feature == 0, "the label rises with a, which splits first");
	p.monotone_constraints = (MlConstraints) {1, falling};
	f = boost(&p);
	for (size_t t = 0; t < 10; t++)
	{
		nodes = tree_of(&f, t, &n);
		for (size_t i = 0; i < n; i++)
		{
			if (nodes[i].feature == 0)
				right = right && nodes[nodes[i].left].value >= nodes[nodes[i].right].value;
		}
	}
	CHECK(right, "monotone_constraints: no split raises the score with a");
}

static void
test_early_stopping(void)
{
	MlGradientBoostingParams p = boosting();
	Fitted		f;
	Fitted		all;
	size_t		best = 0;

	p.n_estimators = 300;
	p.learning_rate = 0.3;
	p.early_stopping_rounds = 7;
	f = fit_with(&ml_gradient_boosting, &p, NULL, true);
	for (size_t i = 1; i < f.learned.n_curve; i++)
	{
		if (f.learned.curve[i].validation < f.learned.curve[best].validation)
			best = i;
	}
	CHECK(f.learned.n_curve < 300 && f.learned.n_curve == best + 1 + 7, "it stops 7 rounds after the best (%zu of %zu)", best + 1, f.learned.n_curve);
	CHECK(forest_of(&f)->n_trees == best + 1 && f.learned.iterations == (int) best + 1, "and keeps the trees of the best");
	p.early_stopping_rounds = 0;
	p.n_estimators = (int) best + 1;
	all = fit_with(&ml_gradient_boosting, &p, NULL, true);
	CHECK(same_forest(forest_of(&f), forest_of(&all)), "which are those of so many rounds");
}

/* ---------------------------------------------------------------- weights */

static void
test_weights(void)
{
	float		weight[N_ROWS];
	MlGradientBoostingParams p = boosting();
	MlLogisticRegressionParams l;
	static const float bad[] = {INFINITY, NAN, -1, FLT_MAX};
	Fitted		f;
	Fitted		other;

	ml_params_init(&ml_logistic_regression, &l);
	for (size_t i = 0; i < N_ROWS; i++)
		weight[i] = 1;
	for (int b = 0; b < 4; b++)
	{
		weight[3] = bad[b];
		f = fit_with(&ml_gradient_boosting, &p, weight, false);
		CHECK(f.status == ML_BAD_DATA, "boosting refuses a weight of %g (%s)", bad[b], ctx.message);
		for (int solver = ML_SOLVER_AUTO; solver <= ML_SOLVER_COORDINATE_DESCENT; solver++)
		{
			l.solver = solver;
			l.penalty = solver == ML_SOLVER_COORDINATE_DESCENT ? ML_PENALTY_L1 : ML_PENALTY_L2;
			f = fit_with(&ml_logistic_regression, &l, weight, false);
			CHECK(f.status == ML_BAD_DATA, "so does logistic regression with solver %d", solver);
		}
	}
	/* extremes that can be borne: the same splits as with weights of 1 */
	p.reg_lambda = p.min_child_weight = 0;
	p.max_depth = 3;
	weight[3] = 1;
	f = fit_with(&ml_gradient_boosting, &p, weight, false);
	for (int big = 0; big < 2; big++)
	{
		for (size_t i = 0; i < N_ROWS; i++)
			weight[i] = big ? 0x1p126f : 0x1p-126f;
		other = fit_with(&ml_gradient_boosting, &p, weight, false);
		CHECK(other.status == ML_OK && forest_of(&other)->base_margin == forest_of(&f)->base_margin,
			  "weights of %g are learned from", weight[0]);
		/* small ones are worth no split; large ones leave the penalties of categories behind */
		CHECK_CLOSE(other.learned.curve[0].train_loss, f.learned.curve[0].train_loss, big ? 0.002 : 0.03, "with a finite loss");
		CHECK(!big || (forest_of(&other)->nodes[0].feature == forest_of(&f)->nodes[0].feature &&
					   forest_of(&other)->nodes[0].bin == forest_of(&f)->nodes[0].bin), "and the first split");
	}
}

/* ---------------------------------------------------------------- splits without weight */

/* Where no weight came (rows of weight 0), rows say how a split shares what passes. */
static void
test_shares_without_weight(void)
{
	MlGradientBoostingParams p = boosting();
	Fitted		f = boost(&p);
	const MlTreeNode nodes[] = {
		{.feature = 0, .left = 1, .right = 2, .bin = 5, .count = 400},
		{.feature = -1, .value = 1, .count = 300},
		{.feature = -1, .value = -1, .count = 100},
	};
	const uint32_t first_node[] = {0, 3};
	MlForest	forest = {.base_margin = 0.125, .n_trees = 1, .first_node = first_node, .nodes = nodes};
	MlModelParts parts = {.algorithm = "gradient_boosting", .signature = f.signature, .fitted = ml_fitted_trees(&forest),
	.margin_scale = 1, .threshold = 0.5};
	MlModel    *model = malloc(ml_model_struct_size());
	MlExplainer *explainer;
	uint8_t    *bytes;
	size_t		size;

	f.signature->time_zone = "UTC";
	CHECK(ml_model_encode(&ctx, &parts, &bytes, &size) == ML_OK && ml_model_open(bytes, size, model, ctx.message) == ML_OK &&
		  ml_explainer_create(&ctx, model, &explainer) == ML_OK, "a tree without weight is explained (%s)", ctx.message);
	CHECK_CLOSE(ml_explainer_base(explainer), 0.125 + 0.75 - 0.25, 1e-12, "its mean is that of its rows");
	free(model);
}

int
main(void)
{
	begin();
	test_leaves();
	test_little_memory();
	test_parameters();
	test_category_parameters();
	test_monotone();
	test_early_stopping();
	test_weights();
	test_shares_without_weight();
	return end();
}
