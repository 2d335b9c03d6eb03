/*
 * test_learners.c
 *	  The learners against plain formulas: every split tried one by one, leaf
 *	  values, what each hyperparameter changes, and the conditions that the best
 *	  coefficients of a logistic regression satisfy.
 */
#include "check.h"

#include <float.h>

#include "blas/provider.h"
#include "engine/learn/split_finder.h"
#include "mlops/engine/explain.h"
#include "mlops/engine/linear.h"
#include "mlops/engine/trees.h"

/* ---------------------------------------------------------------- splits */

#define MOST_CODES 13

/* Sums of a node's feature in units, by code. */
typedef struct Node
{
	double		gradient[MOST_CODES];
	double		hessian[MOST_CODES];
	int			n_codes;		/* codes 0 .. n_codes - 1 */
} Node;

typedef struct Side
{
	double		gradient;
	double		hessian;
} Side;

static double
shrunk(double gradient, double alpha)
{
	return gradient > alpha ? gradient - alpha : gradient < -alpha ? gradient + alpha : 0;
}

static double
best_value(Side s, double lambda, double alpha)
{
	return -shrunk(s.gradient, alpha) / (s.hessian + lambda);
}

/* What the best leaf of these rows takes off the loss, twice. */
static double
worth(Side s, double lambda, double alpha)
{
	return shrunk(s.gradient, alpha) * shrunk(s.gradient, alpha) / (s.hessian + lambda);
}

/* Gain with these codes on the left; -1 if it may not be. */
static double
gain_of(const SplitRules *rules, const Node *node, uint64_t left_codes, double extra_lambda, int monotone)
{
	Side		side[2] = {{0, 0}, {0, 0}};
	Side		all = {0, 0};
	double		value[2];

	for (int c = 0; c < node->n_codes; c++)
	{
		Side	   *s = &side[!(left_codes >> c & 1)];

		s->gradient += node->gradient[c];
		s->hessian += node->hessian[c];
		all.gradient += node->gradient[c];
		all.hessian += node->hessian[c];
	}
	for (int i = 0; i < 2; i++)
	{
		if (side[i].hessian < rules->min_child_weight || side[i].hessian <= 0)
			return -1;
		value[i] = best_value(side[i], rules->reg_lambda + extra_lambda, rules->reg_alpha);
	}
	if (monotone * (value[1] - value[0]) < 0)
		return -1;
	return worth(side[0], rules->reg_lambda + extra_lambda, rules->reg_alpha) +
		worth(side[1], rules->reg_lambda + extra_lambda, rules->reg_alpha) -
		worth(all, rules->reg_lambda, rules->reg_alpha);
}

static uint64_t
codes_of_split(const Split *split, int n_codes)
{
	uint64_t	codes = 0;

	for (int c = 0; c < n_codes; c++)
		codes |= (uint64_t) split_goes_left(split, (uint8_t) c) << c;
	return codes;
}

static double
best_number(const SplitRules *rules, const Node *node, int monotone)
{
	double		best = -1;

	for (int cut = 1; cut < node->n_codes; cut++)
	{
		uint64_t	codes = ((UINT64_C(2) << cut) - 1) & ~UINT64_C(1);
		double		present = 0;

		best = fmax(best, gain_of(rules, node, codes, 0, monotone));
		/* missing alone on the left is the mirror of missing alone on the right */
		for (int c = 1; c <= cut; c++)
			present += node->hessian[c];
		if (present > 0)
			best = fmax(best, gain_of(rules, node, codes | 1, 0, monotone));
	}
	return best;
}

/*
 * Of categories in the order of gradient / (hessian + cat_smooth), every prefix that has
 * min_data_per_group of the rows on either side, and as many more than the last one;
 * cat_l2 more of lambda for the children.
 */
static double
best_categories(const SplitRules *rules, const Node *node, size_t n_rows)
{
	double		all = 0;
	double		left = 0;
	double		tried = 0;
	int			order[MOST_CODES];
	int			n = 0;
	uint64_t	codes = 0;
	double		best = -1;

	for (int c = 0; c < node->n_codes; c++)
	{
		if (node->hessian[c] >= 1e-3)
			order[n++] = c;
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = i + 1; j < n; j++)
		{
			int			a = order[i];
			int			b = order[j];

			if (node->gradient[b] / (node->hessian[b] + rules->cat_smooth) < node->gradient[a] / (node->hessian[a] + rules->cat_smooth))
			{
				order[i] = b;
				order[j] = a;
			}
		}
	}
	for (int c = 0; c < node->n_codes; c++)
		all += node->hessian[c];
	for (int i = 0; i + 1 < n; i++)
	{
		codes |= UINT64_C(1) << order[i];
		left += node->hessian[order[i]];
		if (rules->min_data_per_group > 0 &&
			((left - tried) / all * (double) n_rows < rules->min_data_per_group ||
			 (all - left) / all * (double) n_rows < rules->min_data_per_group))
			continue;
		tried = left;
		best = fmax(best, gain_of(rules, node, codes, rules->cat_l2, 0));
	}
	return best;
}

static double
uniform(uint64_t trial, uint64_t which)
{
	return ml_random_uniform(5, trial, which);
}

static void
make_node(uint64_t trial, bool missing, Node *node, GradientSum *sums, GradientSum *total, const SplitRules *rules)
{
	node->n_codes = 4 + (int) (uniform(trial, 0) * (MOST_CODES - 4));
	*total = (GradientSum) {0, 0};
	for (int c = 0; c < node->n_codes; c++)
	{
		bool		empty = (c == 0 && !missing) || uniform(trial, 10 + c) < 0.15;

		sums[c].hessian = empty ? 0 : 1 + (int64_t) (uniform(trial, 30 + c) * uniform(trial, 50 + c) * 4000);
		sums[c].gradient = empty ? 0 : (int64_t) ((uniform(trial, 70 + c) - 0.45) * 2 * (double) sums[c].hessian);
		node->gradient[c] = (double) sums[c].gradient * rules->gradient_unit;
		node->hessian[c] = (double) sums[c].hessian * rules->hessian_unit;
		*total = gradient_sum_add(*total, sums[c]);
	}
}

/* A random setting of every rule, each off in some. */
static SplitRules
make_rules(uint64_t trial, const int8_t *monotone)
{
	SplitRules	rules = {.gradient_unit = 0.01, .hessian_unit = 0.01, .monotone = monotone};

	rules.reg_lambda = uniform(trial, 1) < 0.3 ? 0 : 5 * uniform(trial, 2);
	rules.reg_alpha = uniform(trial, 3) < 0.3 ? 0 : 4 * uniform(trial, 4);
	rules.min_child_weight = uniform(trial, 5) < 0.3 ? 0 : 20 * uniform(trial, 6);
	rules.min_split_gain = uniform(trial, 7) < 0.5 ? 0 : 5 * uniform(trial, 8);
	rules.cat_smooth = uniform(trial, 100) < 0.3 ? 0 : 20 * uniform(trial, 101);
	rules.cat_l2 = uniform(trial, 102) < 0.3 ? 0 : 20 * uniform(trial, 103);
	rules.min_data_per_group = uniform(trial, 104) < 0.3 ? 0 : 300 * uniform(trial, 105);
	return rules;
}

typedef struct Wrong
{
	int			gain;
	int			partition;
	int			value;
	int			minimum;
	int			side_of_missing;
} Wrong;

static void
check_split(const SplitRules *rules, const Node *node, const Split *split, double best, double extra, int monotone, Wrong *wrong)
{
	uint64_t	codes = codes_of_split(split, node->n_codes);
	Side		left = {0, 0};
	Side		right = {0, 0};

	/* what is not worth the least gain is none */
	if (!(best > rules->min_split_gain && best > 1e-6))
	{
		wrong->minimum += split->gain > 0;
		return;
	}
	wrong->gain += !close_to(split->gain, best, 1e-9 * (1 + best));
	wrong->partition += !close_to(gain_of(rules, node, codes, extra, monotone), best, 1e-9 * (1 + best));
	for (int c = 0; c < node->n_codes; c++)
	{
		Side	   *s = codes >> c & 1 ? &left : &right;

		s->gradient += node->gradient[c];
		s->hessian += node->hessian[c];
	}
	wrong->value += !close_to(split->left_value, best_value(left, rules->reg_lambda + extra, rules->reg_alpha), 1e-9) ||
		!close_to(split->right_value, best_value(right, rules->reg_lambda + extra, rules->reg_alpha), 1e-9);
	/* where nothing was missing, what will be goes with the heavier child */
	if (node->hessian[0] == 0 && left.hessian != right.hessian)
		wrong->side_of_missing += split->missing_left != (left.hessian > right.hessian);
}

#define N_NODE_ROWS 1000

/* Is the split another one without a rule of categories? */
static bool
differs_without(int rule, const SplitRules *rules, const MlFeature *feature, const GradientSum *sums, GradientSum total,
				const Split *split)
{
	SplitRules	others = *rules;
	Split		other;

	*(rule == 0 ? &others.cat_smooth : rule == 1 ? &others.cat_l2 : &others.min_data_per_group) = 0;
	find_split(&others, feature, 0, sums, total, N_NODE_ROWS, (Bounds) {-INFINITY, INFINITY}, &other);
	return other.gain != split->gain || memcmp(other.set, split->set, sizeof(other.set)) != 0;
}

static void
test_splits(bool categorical, bool missing, int sign)
{
	const int8_t monotone[] = {(int8_t) sign};
	Wrong		wrong = {0};
	int			found = 0;
	int			none = 0;
	int			other[3] = {0, 0, 0};
	const char *what = categorical ? "categories" : sign ? "monotone numbers" : "numbers";

	for (uint64_t trial = 0; trial < 3000; trial++)
	{
		SplitRules	rules = make_rules(trial, monotone);
		GradientSum sums[MOST_CODES];
		GradientSum total;
		Node		node;
		MlFeature	feature = {.categorical = categorical};
		Split		split;
		double		best;

		make_node(trial, missing, &node, sums, &total, &rules);
		feature.n_bins = (uint32_t) node.n_codes - 1;
		find_split(&rules, &feature, 0, sums, total, N_NODE_ROWS, (Bounds) {-INFINITY, INFINITY}, &split);
		best = categorical ? best_categories(&rules, &node, N_NODE_ROWS) : best_number(&rules, &node, sign);
		found += split.gain > 0;
		none += !(split.gain > 0);
		check_split(&rules, &node, &split, best, categorical ? rules.cat_l2 : 0, sign, &wrong);
		for (int rule = 0; rule < 3; rule++)
			other[rule] += differs_without(rule, &rules, &feature, sums, total, &split);
	}
	CHECK(found > 500 && none > 50, "%s%s: splits are found (%d), and none (%d)", what, missing ? ", some missing" : "", found, none);
	for (int rule = 0; rule < 3; rule++)
		CHECK((other[rule] > 50) == categorical, "%s: rule %d of categories decides (%d)", what, rule, other[rule]);
	CHECK(wrong.gain == 0, "%s: the greatest gain of all splits (%d are not)", what, wrong.gain);
	CHECK(wrong.partition == 0, "%s: of the split that is returned (%d are not)", what, wrong.partition);
	CHECK(wrong.value == 0, "%s: values of leaves (%d are wrong)", what, wrong.value);
	CHECK(wrong.minimum == 0, "%s: none below min_split_gain (%d are)", what, wrong.minimum);
	CHECK(wrong.side_of_missing == 0, "%s: missing goes with the heavier child where none was (%d do not)", what, wrong.side_of_missing);
}

static void
test_leaf_values(void)
{
	SplitRules	rules = {.gradient_unit = 0.5, .hessian_unit = 0.25, .reg_lambda = 3, .reg_alpha = 2};
	Bounds		none = {-INFINITY, INFINITY};

	CHECK_CLOSE(leaf_value(&rules, (GradientSum) {20, 40}, 0, none), -(10.0 - 2) / (10 + 3), 1e-15, "a leaf: - (G - alpha) / (H + lambda)");
	CHECK_CLOSE(leaf_value(&rules, (GradientSum) {-20, 40}, 0, none), (10.0 - 2) / (10 + 3), 1e-15, "with the other sign");
	CHECK_CLOSE(leaf_value(&rules, (GradientSum) {3, 40}, 0, none), 0, 1e-15, "a gradient below alpha has no value");
	CHECK_CLOSE(leaf_value(&rules, (GradientSum) {20, 40}, 7, none), -8.0 / 20, 1e-15, "extra lambda");
	CHECK_CLOSE(leaf_value(&rules, (GradientSum) {20, 40}, 0, (Bounds) {-0.5, 0.5}), -0.5, 1e-15, "within bounds");
}

/* ---------------------------------------------------------------- data */

#define N_ROWS 2000
#define N_TRAIN 1500
#define N_COLUMNS 5				/* four numbers and a category */

static MlContext ctx;
static MlDataset *dataset;
static float label[N_ROWS];
static uint32_t row_number[N_ROWS];
static MlRows train_rows = {row_number, N_TRAIN};
static MlRows validation_rows = {row_number + N_TRAIN, N_ROWS - N_TRAIN};
static const uint32_t columns[N_COLUMNS] = {0, 1, 2, 3, 4};

static void
make_data(void)
{
	static const MlColumnSpec specs[N_COLUMNS] = {
		{"a", "double precision", ML_COLUMN_NUMBER}, {"b", "double precision", ML_COLUMN_NUMBER},
		{"c", "double precision", ML_COLUMN_NUMBER}, {"d", "double precision", ML_COLUMN_NUMBER},
		{"k", "text", ML_COLUMN_CATEGORY},
	};
	static const char *const levels[] = {"p", "q", "r", "s"};

	if (ml_dataset_create(&ctx, N_COLUMNS, specs, &dataset) != ML_OK)
		abort();
	for (uint64_t r = 0; r < N_ROWS; r++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;
		double		x[4];
		int			level = (int) (4 * ml_random_uniform(2, 9, r));
		double		margin;

		for (int c = 0; c < 4; c++)
		{
			x[c] = ml_random_uniform(2, c, r);
			dataset->columns[c].open.number[at] = c == 1 && r % 11 == 0 ? NAN : x[c];
		}
		if (ml_column_intern(&ctx, &dataset->columns[4], levels[level], 1, &dataset->columns[4].open.code[at]) != ML_OK)
			abort();
		margin = 3 * (x[0] - 0.5) + (r % 11 == 0 ? 1.5 : 2 * (x[1] - 0.5)) + (x[2] > 0.7) + (level == 2) - 1.5;
		label[r] = ml_random_uniform(2, 20, r) < 1 / (1 + exp(-margin));
		row_number[r] = (uint32_t) r;
		dataset->n_rows++;
	}
	if (ml_dataset_seal(&ctx, dataset) != ML_OK)
		abort();
}

/* What was learned, in the arena until the next call of begin. */
typedef struct Fitted
{
	MlSignature *signature;
	MlLearned	learned;
	MlStatus	status;
	MlTask		task;
} Fitted;

static const MlForest *
forest_of(const Fitted *f)
{
	return f->learned.fitted.family == &ml_family_trees ? f->learned.fitted.body : NULL;
}

static const MlLinear *
linear_of(const Fitted *f)
{
	return f->learned.fitted.family == &ml_family_linear ? f->learned.fitted.body : NULL;
}

static Fitted
fit_with(const MlLearner *learner, const void *params, const float *weight, bool validate)
{
	Fitted		f = {0};
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned[2] = {NULL, NULL};

	if (ml_signature_fit(&ctx, dataset, train_rows, label, N_COLUMNS, columns, learner->max_bins(params), 7, false,
						 &f.signature, &left_out, &n_left_out) != ML_OK ||
		ml_binned_create(&ctx, dataset, f.signature, train_rows, true, &binned[0]) != ML_OK ||
		(validate && ml_binned_create(&ctx, dataset, f.signature, validation_rows, false, &binned[1]) != ML_OK))
		abort();
	f.task = (MlTask) {dataset, f.signature, train_rows, validation_rows, binned[0], binned[1], label, weight,
	ML_METRIC_LOG_LOSS, params, 7};
	if (!validate)
		f.task.validation.n = 0;
	f.status = learner->fit(&ctx, &f.task, &f.learned);
	return f;
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

/* ---------------------------------------------------------------- logistic regression */

/* A column of the design at a training row. */
static double
column_at(const Fitted *f, const MlTerm *term, size_t row)
{
	uint8_t		code = ml_binned_code(f->task.binned_train, row, term->feature);
	double		value;

	if (term->kind != ML_TERM_VALUE)
		return code == term->code;
	value = ml_column_number(&dataset->columns[f->signature->input_column[f->signature->features[term->feature].input]], row);
	return isnan(value) ? 0 : (value - term->mean) / term->scale;
}

static double
l1_of(const MlLogisticRegressionParams *p)
{
	return p->penalty == ML_PENALTY_L1 ? 1 : p->penalty == ML_PENALTY_ELASTICNET ? p->l1_ratio : 0;
}

/* The largest violation of the conditions of an optimum, a row. */
static double
violation(const Fitted *f, const MlLogisticRegressionParams *p, const float *weight)
{
	const MlLinear *linear = linear_of(f);
	size_t		n = linear->n_terms;
	double		l1 = l1_of(p);
	double		l2 = p->penalty == ML_PENALTY_NONE ? 0 : 1 - l1;
	double	   *gradient = calloc(n + 1, sizeof(double));
	double		greatest = 0;

	for (size_t row = 0; row < N_TRAIN; row++)
	{
		double		margin = linear->intercept;
		double		residual;

		for (size_t t = 0; t < n; t++)
			margin += linear->terms[t].coefficient * column_at(f, &linear->terms[t], row);
		residual = (weight ? weight[row] : 1) * (1 / (1 + exp(-margin)) - label[row]);
		for (size_t t = 0; t < n; t++)
			gradient[t] += p->C * residual * column_at(f, &linear->terms[t], row);
		gradient[n] += p->C * residual;
	}
	for (size_t t = 0; t < n; t++)
	{
		double		w = linear->terms[t].coefficient;
		double		g = gradient[t] + l2 * w;

		/* a coefficient of 0 holds while the L1 penalty outweighs the gradient */
		greatest = fmax(greatest, w == 0 ? fmax(0, fabs(g) - l1) : fabs(g + (w > 0 ? l1 : -l1)));
	}
	greatest = fmax(greatest, fabs(gradient[n]));
	free(gradient);
	return greatest / (p->C * N_TRAIN);
}

static void
test_logistic(void)
{
	static const struct
	{
		const char *name;
		int			penalty;
		int			solver;
		double		C;
	}			cases[] = {
		{"l2, newton", ML_PENALTY_L2, ML_SOLVER_NEWTON, 1}, {"l2, newton, strong", ML_PENALTY_L2, ML_SOLVER_NEWTON, 0.01},
		{"l2, lbfgs", ML_PENALTY_L2, ML_SOLVER_LBFGS, 1}, {"l2, coordinate descent", ML_PENALTY_L2, ML_SOLVER_COORDINATE_DESCENT, 1},
		{"none, newton", ML_PENALTY_NONE, ML_SOLVER_NEWTON, 1}, {"none, lbfgs", ML_PENALTY_NONE, ML_SOLVER_LBFGS, 1},
		{"l1", ML_PENALTY_L1, ML_SOLVER_COORDINATE_DESCENT, 0.02}, {"l1, auto", ML_PENALTY_L1, ML_SOLVER_AUTO, 1},
		{"elasticnet", ML_PENALTY_ELASTICNET, ML_SOLVER_COORDINATE_DESCENT, 0.005},
	};
	float		weight[N_ROWS];

	for (size_t i = 0; i < N_ROWS; i++)
		weight[i] = 0.5f + (float) (i % 5);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		for (int weighted = 0; weighted < 2; weighted++)
		{
			MlLogisticRegressionParams p;
			Fitted		f;
			double		off;
			int			zeros = 0;

			ml_params_init(&ml_logistic_regression, &p);
			p.penalty = cases[c].penalty;
			p.solver = cases[c].solver;
			p.C = cases[c].C;
			p.l1_ratio = 0.7;
			p.tol = 1e-13;
			p.max_iter = 2000;
			f = fit_with(&ml_logistic_regression, &p, weighted ? weight : NULL, false);
			off = f.status == ML_OK ? violation(&f, &p, weighted ? weight : NULL) : INFINITY;
			CHECK(off < 1e-6, "%s%s: the gradient of loss and penalty is zero where it may be (%g)", cases[c].name, weighted ? ", weighted" : "", off);
			for (size_t t = 0; f.status == ML_OK && t < linear_of(&f)->n_terms; t++)
				zeros += linear_of(&f)->terms[t].coefficient == 0;
			if (l1_of(&p) > 0 && p.C < 1)
				CHECK(zeros > 0, "%s: some coefficients are 0", cases[c].name);
		}
	}
	{
		MlLogisticRegressionParams p;
		Fitted		f;

		ml_params_init(&ml_logistic_regression, &p);
		p.solver = ML_SOLVER_LBFGS;
		p.max_iter = 1;
		f = fit_with(&ml_logistic_regression, &p, NULL, false);
		CHECK(f.status == ML_OK && !f.learned.converged && strstr(f.learned.warning, "max_iter"), "max_iter ends it, with a warning");
	}
	/* a few heavy rows bend the loss: whole steps of L-BFGS overshoot */
	for (size_t i = 0; i < N_ROWS; i++)
		weight[i] = i % 50 == 0 ? 1000 : 1;
	for (int c = 0; c <= 4; c += 2)
	{
		MlLogisticRegressionParams p;
		Fitted		f;
		int			rises = 0;

		ml_params_init(&ml_logistic_regression, &p);
		p.solver = ML_SOLVER_LBFGS;
		p.C = pow(10, c);
		f = fit_with(&ml_logistic_regression, &p, weight, false);
		for (size_t i = 1; i < f.learned.n_curve; i++)
			rises += f.learned.curve[i].train_loss > f.learned.curve[i - 1].train_loss;
		CHECK(f.status == ML_OK && f.learned.n_curve > 10 && rises == 0, "lbfgs, C = %g: no step makes it worse (%d do)", p.C, rises);
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
	ctx.arena = ml_arena_create(0);
	ctx.pool = ml_pool_create(2);
	ctx.blas = ml_blas_reference(1);
	make_data();
	test_leaf_values();
	test_splits(false, false, 0);
	test_splits(false, true, 0);
	test_splits(false, true, 1);
	test_splits(false, true, -1);
	test_splits(true, true, 0);
	test_splits(true, false, 0);
	test_leaves();
	test_parameters();
	test_category_parameters();
	test_monotone();
	test_early_stopping();
	test_weights();
	test_logistic();
	test_shares_without_weight();
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
