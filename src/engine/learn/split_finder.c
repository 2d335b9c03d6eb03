/*-------------------------------------------------------------------------
 * split_finder.c
 *	  Scans a feature's histogram for the split with the greatest gain.
 *
 * Gain and leaf values are those of XGBoost (Chen, Guestrin: "XGBoost: a
 * scalable tree boosting system", KDD 2016, equations 5 and 7), with its way of
 * bounding leaf values for monotone constraints.  Categories are sorted by
 * gradient over hessian, where the best subset is a prefix (Fisher: "On
 * grouping for maximum homogeneity", JASA 1958); smoothing, extra
 * regularisation and groups of enough rows keep rare categories from fitting
 * noise, as in LightGBM.  Histograms do not count rows: as there, a group has the
 * share of the node's rows that it has of its hessians.
 *
 * A number is one pass over its codes, missing values tried on either side.  A
 * category of k levels is an insertion sort, O(k^2) at worst with k <= 256, and
 * one pass.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "engine/learn/split_finder.h"
#include "engine/learn/vector_clones.h"

#define LEAST_GAIN 1e-6
#define CATEGORY_HESSIAN 1e-3	/* categories with less are not told apart */

/* Shrinks a sum of gradients towards 0 by the L1 penalty. */
static inline double
soft(double gradient, double alpha)
{
	return gradient > alpha ? gradient - alpha : gradient < -alpha ? gradient + alpha : 0;
}

/* Optimal addition of a leaf with these sums (equation 5), within bounds. */
static inline double
value_within(double gradient, double hessian, const SplitRules *rules, double extra_lambda, double low, double high)
{
	double		penalised = hessian + rules->reg_lambda + extra_lambda;
	double		value = -soft(gradient, rules->reg_alpha) / penalised;

	value = value < low ? low : value;
	value = value > high ? high : value;
	return penalised > 0 ? value : 0;
}

/*
 * Twice the reduction of loss that a leaf with this value brings.  Equation 7
 * without bounds; written for any value, because bounds may keep the best one out.
 */
static inline double
score_of(double gradient, double hessian, const SplitRules *rules, double extra_lambda, double value)
{
	return -(2 * gradient * value + (hessian + rules->reg_lambda + extra_lambda) * value * value +
			 2 * rules->reg_alpha * fabs(value));
}

double
leaf_value(const SplitRules *rules, GradientSum sum, double extra_lambda, Bounds bounds)
{
	return value_within((double) sum.gradient * rules->gradient_unit, (double) sum.hessian * rules->hessian_unit,
						rules, extra_lambda, bounds.low, bounds.high);
}

static double
leaf_score(const SplitRules *rules, GradientSum sum, double extra_lambda, double value)
{
	return score_of((double) sum.gradient * rules->gradient_unit, (double) sum.hessian * rules->hessian_unit,
					rules, extra_lambda, value);
}

/* A node while its feature is scanned. */
typedef struct Scan
{
	const SplitRules *rules;
	GradientSum total;
	size_t		n_rows;
	Bounds		bounds;
	double		extra_lambda;
	int			monotone;
	double		score;			/* of the node as a leaf */
} Scan;

/* Gain of a split into left and the rest; -1 if it is not allowed. */
static double
try_split(const Scan *scan, GradientSum left, double *left_value, double *right_value)
{
	const SplitRules *rules = scan->rules;
	GradientSum right = gradient_sum_subtract(scan->total, left);

	if ((double) left.hessian * rules->hessian_unit < rules->min_child_weight ||
		(double) right.hessian * rules->hessian_unit < rules->min_child_weight ||
		left.hessian <= 0 || right.hessian <= 0)
		return -1;
	*left_value = leaf_value(rules, left, scan->extra_lambda, scan->bounds);
	*right_value = leaf_value(rules, right, scan->extra_lambda, scan->bounds);
	if (scan->monotone * (*right_value - *left_value) < 0)
		return -1;
	return leaf_score(rules, left, scan->extra_lambda, *left_value) +
		leaf_score(rules, right, scan->extra_lambda, *right_value) - scan->score;
}

/*
 * Greater only: of splits with equal gain the first that was tried stays.  A gain
 * has to exceed min_split_gain, and LEAST_GAIN, below which it may be rounding
 * error.
 */
static void
keep_if_better(const Scan *scan, GradientSum left, Split *candidate, Split *best)
{
	candidate->gain = try_split(scan, left, &candidate->left_value, &candidate->right_value);
	if (candidate->gain > best->gain && candidate->gain > scan->rules->min_split_gain &&
		candidate->gain > LEAST_GAIN)
	{
		candidate->left = left;
		candidate->right = gradient_sum_subtract(scan->total, left);
		*best = *candidate;
	}
}

/*
 * No row of weight: quanta of a row with weight may both be rounded to 0 as well,
 * and then it does not count either.
 */
static bool
is_empty(GradientSum sum)
{
	return sum.hessian == 0 && sum.gradient == 0;
}

/* Cuts of a numeric feature: two a bin where values are missing. */
#define MOST_CUTS (2 * 256)

typedef struct Cuts
{
	int			n;
	uint8_t		bin[MOST_CUTS]; /* the last that goes left */
	bool		missing_left[MOST_CUTS];
	/* sums of the left side, in quanta: whole numbers below 2^53, so exact */
	double		gradient[MOST_CUTS];
	double		hessian[MOST_CUTS];
	double		gain[MOST_CUTS];	/* -1: not allowed */
} Cuts;

/*
 * Every cut between codes that hold something, with missing values to the right
 * and, if there are any, to the left; and last, all present ones against the
 * missing ones.  A cut at `bin` sends the codes 1 .. bin to the left.
 */
static void
list_cuts(const MlFeature *feature, const GradientSum *sums, bool any_missing, Cuts *cuts)
{
	const GradientSum missing = sums[ML_CODE_MISSING];
	const uint32_t last = any_missing || feature->n_bins == 0 ? feature->n_bins : feature->n_bins - 1;
	GradientSum left = {0, 0};
	int			n = 0;

	for (uint32_t bin = 1; bin <= last; bin++)
	{
		/* without rows it is the same partition as the bin before, and is overwritten */
		bool		holds = !is_empty(sums[bin]) || bin == feature->n_bins;

		left = gradient_sum_add(left, sums[bin]);
		cuts->bin[n] = (uint8_t) bin;
		cuts->missing_left[n] = false;
		cuts->gradient[n] = (double) left.gradient;
		cuts->hessian[n] = (double) left.hessian;
		n += holds;
		if (!any_missing || !holds || bin == feature->n_bins)
			continue;
		cuts->bin[n] = (uint8_t) bin;
		cuts->missing_left[n] = true;
		cuts->gradient[n] = (double) (left.gradient + missing.gradient);
		cuts->hessian[n++] = (double) (left.hessian + missing.hessian);
	}
	cuts->n = n;
}

/*
 * try_split() of all cuts, operation by operation the same, in a loop that the
 * compiler turns into vector instructions: of a tree over many bins of few rows this
 * is most of the work.
 */
VECTOR_CLONES
static void
weigh_cuts(const Scan *scan, Cuts *cuts)
{
	const SplitRules rules = *scan->rules;
	const double total_gradient = (double) scan->total.gradient;
	const double total_hessian = (double) scan->total.hessian;
	const double low = scan->bounds.low;
	const double high = scan->bounds.high;
	const double monotone = scan->monotone;
	const double extra = scan->extra_lambda;
	const int	n = cuts->n;

	for (int i = 0; i < n; i++)
	{
		double		left_quanta = cuts->hessian[i];
		double		right_quanta = total_hessian - left_quanta;
		double		left_gradient = cuts->gradient[i] * rules.gradient_unit;
		double		right_gradient = (total_gradient - cuts->gradient[i]) * rules.gradient_unit;
		double		left_hessian = left_quanta * rules.hessian_unit;
		double		right_hessian = right_quanta * rules.hessian_unit;
		double		left = value_within(left_gradient, left_hessian, &rules, extra, low, high);
		double		right = value_within(right_gradient, right_hessian, &rules, extra, low, high);
		double		gain = score_of(left_gradient, left_hessian, &rules, extra, left) +
			score_of(right_gradient, right_hessian, &rules, extra, right) - scan->score;
		bool		forbidden = (left_hessian < rules.min_child_weight) | (right_hessian < rules.min_child_weight) |
			(left_quanta <= 0) | (right_quanta <= 0) | (monotone * (right - left) < 0);

		cuts->gain[i] = forbidden ? -1 : gain;
	}
}

/* The greatest of n gains that is above 0, else 0.  Four at a time depend on nothing
 * but themselves. */
static double
greatest(const double *gain, int n)
{
	double		most[4] = {0, 0, 0, 0};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		for (int k = 0; k < 4; k++)
			most[k] = gain[i + k] > most[k] ? gain[i + k] : most[k];
	}
	for (; i < n; i++)
		most[0] = gain[i] > most[0] ? gain[i] : most[0];
	for (int k = 1; k < 4; k++)
		most[0] = most[k] > most[0] ? most[k] : most[0];
	return most[0];
}

static void
scan_number(const Scan *scan, const MlFeature *feature, const GradientSum *sums,
			Split *candidate, Split *best)
{
	bool		any_missing = !is_empty(sums[ML_CODE_MISSING]);
	Cuts		cuts;
	double		gain;
	int			first = 0;		/* of those with the greatest gain */

	list_cuts(feature, sums, any_missing, &cuts);
	weigh_cuts(scan, &cuts);
	gain = greatest(cuts.gain, cuts.n);
	if (!(gain > 0))
		return;
	while (cuts.gain[first] != gain)
		first++;
	candidate->bin = cuts.bin[first];
	candidate->missing_left = cuts.missing_left[first];
	keep_if_better(scan, (GradientSum) {(int64_t) cuts.gradient[first], (int64_t) cuts.hessian[first]}, candidate, best);
	/* where nothing was missing, missing goes with the heavier child */
	if (best->gain > 0 && !any_missing)
		best->missing_left = best->left.hessian > best->right.hessian;
}

/*
 * Every prefix of the sorted categories that is far enough from the last one.  code
 * [n] is in their order.  Leaves them in candidate->set; best is a copy.
 */
static void
try_prefixes(const Scan *scan, const GradientSum *sums, const uint8_t *code, int n, Split *candidate,
			 Split *best)
{
	double		least = scan->rules->min_data_per_group;
	double		rows_of_quantum = (double) scan->n_rows / (double) scan->total.hessian;
	GradientSum left = {0, 0};
	int64_t		last_tried = 0; /* hessian of the left side */

	for (int i = 0; i + 1 < n; i++)
	{
		left = gradient_sum_add(left, sums[code[i]]);
		candidate->set[code[i] >> 6] |= UINT64_C(1) << (code[i] & 63);
		if (least > 0 && (double) (scan->total.hessian - left.hessian) * rows_of_quantum < least)
			break;
		if (least > 0 && (double) (left.hessian - last_tried) * rows_of_quantum < least)
			continue;
		last_tried = left.hessian;
		keep_if_better(scan, left, candidate, best);
	}
}

/*
 * Sorts levels by gradient over smoothed hessian, tries prefixes, and then says
 * where the codes go that had no say: unseen levels and those without rows.
 * ML_CODE_MISSING is a level as any other.
 */
static void
scan_categories(const Scan *scan, const MlFeature *feature, const GradientSum *sums,
				Split *candidate, Split *best)
{
	uint8_t		code[256];
	double		ratio[256];
	int			n = 0;
	bool		left_heavier;

	/* insertion sort by ratio; codes keep their order among equals */
	for (uint32_t c = 0; c <= feature->n_bins; c++)
	{
		double		hessian = (double) sums[c].hessian * scan->rules->hessian_unit;
		double		own;
		int			at = n;

		if (hessian < CATEGORY_HESSIAN)
			continue;
		own = (double) sums[c].gradient * scan->rules->gradient_unit / (hessian + scan->rules->cat_smooth);
		for (; at > 0 && ratio[at - 1] > own; at--)
		{
			ratio[at] = ratio[at - 1];
			code[at] = code[at - 1];
		}
		ratio[at] = own;
		code[at] = (uint8_t) c;
		n++;
	}
	candidate->categorical = true;
	try_prefixes(scan, sums, code, n, candidate, best);
	if (!(best->gain > 0))
		return;

	/* codes without rows here, unseen ones among them, go with the heavier child; codes with too
	 * few to be told apart stay where the sums put them: right */
	left_heavier = best->left.hessian > best->right.hessian;
	for (uint32_t c = 0; left_heavier && c < 256; c++)
	{
		if (c > feature->n_bins || is_empty(sums[c]))
			best->set[c >> 6] |= UINT64_C(1) << (c & 63);
	}
	best->missing_left = best->set[0] & 1;
}

/*
 * Without extra_lambda the node's own score is that of the leaf it would be; a
 * category's children have to be worth their extra penalty.
 */
void
find_split(const SplitRules *rules, const MlFeature *feature, int32_t index,
		   const GradientSum *sums, GradientSum total, size_t n_rows, Bounds bounds, Split *split)
{
	Scan		scan = {rules, total, n_rows, bounds, feature->categorical ? rules->cat_l2 : 0,
	rules->monotone[index], 0};
	Split		candidate;

	memset(split, 0, sizeof(*split));
	memset(&candidate, 0, sizeof(candidate));
	candidate.feature = split->feature = index;
	scan.score = leaf_score(rules, total, 0, leaf_value(rules, total, 0, bounds));
	if (feature->categorical)
		scan_categories(&scan, feature, sums, &candidate, split);
	else
		scan_number(&scan, feature, sums, &candidate, split);
}
