/*
 * test_splits.c
 *	  The splits and leaf values of trees against plain formulas: every split tried one
 *	  by one.
 */
#include "check.h"
#include "soft_threshold.h"

#include <float.h>

#include "engine/learn/split_finder.h"

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
	int			bin;
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
	/* of cuts that are the same for lack of rows between them, the first */
	wrong->bin += !split->categorical && node->hessian[split->bin] == 0;
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
	CHECK(wrong.bin == 0, "%s: a cut is above a code that has rows (%d are not)", what, wrong.bin);
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

int
main(void)
{
	test_leaf_values();
	test_splits(false, false, 0);
	test_splits(false, true, 0);
	test_splits(false, true, 1);
	test_splits(false, true, -1);
	test_splits(true, true, 0);
	test_splits(true, false, 0);
	return checks_end();
}
