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

/*
 * Optimal addition of a leaf with these sums (equation 5), within bounds.  penalised
 * is its hessian with the L2 penalties.
 */
static inline double
value_within(double gradient, double penalised, double alpha, double low, double high)
{
	double		value = -soft(gradient, alpha) / penalised;

	value = value < low ? low : value;
	value = value > high ? high : value;
	return penalised > 0 ? value : 0;
}

/*
 * Twice the reduction of loss that a leaf with this value brings.  Equation 7
 * without bounds; written for any value, because bounds may keep the best one out.
 */
static inline double
score_of(double gradient, double penalised, double alpha, double value)
{
	return -(2 * gradient * value + penalised * value * value + 2 * alpha * fabs(value));
}

static double
penalised_hessian(const SplitRules *rules, GradientSum sum, double extra_lambda)
{
	return (double) sum.hessian * rules->hessian_unit + rules->reg_lambda + extra_lambda;
}

double
leaf_value(const SplitRules *rules, GradientSum sum, double extra_lambda, Bounds bounds)
{
	return value_within((double) sum.gradient * rules->gradient_unit, penalised_hessian(rules, sum, extra_lambda),
						rules->reg_alpha, bounds.low, bounds.high);
}

static double
leaf_score(const SplitRules *rules, GradientSum sum, double extra_lambda, double value)
{
	return score_of((double) sum.gradient * rules->gradient_unit, penalised_hessian(rules, sum, extra_lambda),
					rules->reg_alpha, value);
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

/*
 * A cut of a numeric feature at `bin` sends the codes 1 .. bin to the left.  Sums of
 * its left side for every bin, and its gain with missing values on the right and on
 * the left; 0 where it is not allowed or gains nothing.
 */
typedef struct Cuts
{
	GradientSum left[ML_MAX_BINS + 1];
	double		gain[2][ML_MAX_BINS + 1];	/* by missing_left, then bin */
} Cuts;

/* Sums of the codes first .. bin for each bin up to last. */
static void
sum_cuts(const GradientSum *sums, uint32_t first, uint32_t last, GradientSum *left)
{
	GradientSum sum = {0, 0};

	for (uint32_t bin = first; bin <= last; bin++)
		left[bin] = sum = gradient_sum_add(sum, sums[bin]);
}

/*
 * A whole number as a double, exactly, for |number| < 2^51; a sum of quanta is less.
 * AVX2 has no instruction for it.
 */
static inline double
exact_double(int64_t number)
{
	const double shifter = 0x1.8p52;	/* adding it leaves the number in the low bits */
	const int64_t shifter_bits = INT64_C(0x4338000000000000);
	const int64_t bits = number + shifter_bits;
	double		shifted;

	memcpy(&shifted, &bits, sizeof(shifted));
	return shifted - shifter;
}

/*
 * try_split() of n cuts, operation by operation the same, in a loop that the
 * compiler turns into vector instructions: of a tree over many bins of few rows this
 * is most of the work.  also is on the left side of each; gain_of [n].  Returns the
 * greatest gain, 0 if none is above 0.  plain: neither bounds, nor a direction, nor
 * reg_alpha, which then change nothing and are left out.
 */
static inline __attribute__((always_inline)) double
weigh(const Scan *scan, const GradientSum *cut, GradientSum also, size_t n, double *gain_of, bool plain)
{
	const SplitRules rules = *scan->rules;
	const double total_gradient = (double) scan->total.gradient;
	const double total_hessian = (double) scan->total.hessian;
	const double alpha = plain ? 0 : rules.reg_alpha;
	const double low = scan->bounds.low;
	const double high = scan->bounds.high;
	const double monotone = scan->monotone;
	const double extra = scan->extra_lambda;
	const double node_score = scan->score;
	int64_t		greatest_bits = 0;
	double		greatest;

	for (size_t i = 0; i < n; i++)
	{
		double		gradient_quanta = exact_double(cut[i].gradient + also.gradient);
		double		left_quanta = exact_double(cut[i].hessian + also.hessian);
		double		right_quanta = total_hessian - left_quanta;
		double		left_gradient = gradient_quanta * rules.gradient_unit;
		double		right_gradient = (total_gradient - gradient_quanta) * rules.gradient_unit;
		double		left_hessian = left_quanta * rules.hessian_unit;
		double		right_hessian = right_quanta * rules.hessian_unit;
		double		left_penalised = left_hessian + rules.reg_lambda + extra;
		double		right_penalised = right_hessian + rules.reg_lambda + extra;
		double		left = plain ? -left_gradient / left_penalised
			: value_within(left_gradient, left_penalised, alpha, low, high);
		double		right = plain ? -right_gradient / right_penalised
			: value_within(right_gradient, right_penalised, alpha, low, high);
		double		gain = score_of(left_gradient, left_penalised, alpha, left) +
			score_of(right_gradient, right_penalised, alpha, right) - node_score;
		bool		allowed = (left_hessian >= rules.min_child_weight) & (right_hessian >= rules.min_child_weight) &
			(left_quanta > 0) & (right_quanta > 0) & (plain | (monotone * (right - left) >= 0)) & (gain > 0);
		int64_t		bits;

		gain = allowed ? gain : 0;
		gain_of[i] = gain;
		/* bits of numbers that are not negative are in the order of the numbers, and a greatest
		 * whole number is one that compilers find with vectors */
		memcpy(&bits, &gain, sizeof(bits));
		greatest_bits = bits > greatest_bits ? bits : greatest_bits;
	}
	memcpy(&greatest, &greatest_bits, sizeof(greatest));
	return greatest;
}

VECTOR_CLONES
static double
weigh_plain_cuts(const Scan *scan, const GradientSum *cut, GradientSum also, size_t n, double *gain_of)
{
	return weigh(scan, cut, also, n, gain_of, true);
}

VECTOR_CLONES
static double
weigh_any_cuts(const Scan *scan, const GradientSum *cut, GradientSum also, size_t n, double *gain_of)
{
	return weigh(scan, cut, also, n, gain_of, false);
}

static double
weigh_cuts(const Scan *scan, const GradientSum *cut, GradientSum also, size_t n, double *gain_of)
{
	bool		plain = scan->rules->reg_alpha == 0 && scan->monotone == 0 &&
		scan->bounds.low == -INFINITY && scan->bounds.high == INFINITY;

	return plain ? weigh_plain_cuts(scan, cut, also, n, gain_of) : weigh_any_cuts(scan, cut, also, n, gain_of);
}

static uint32_t
first_that_is(const double *gain, double wanted)
{
	uint32_t	i = 0;

	while (gain[i] != wanted)
		i++;
	return i;
}

/*
 * Every cut, with missing values to the right and, if there are any, to the left;
 * and last, all present ones against the missing ones.  A bin without rows is the
 * same cut as the bin before: of equal gains the first counts, and what comes before
 * the first bin that holds something is left out.
 */
static void
scan_number(const Scan *scan, const MlFeature *feature, const GradientSum *sums,
			Split *candidate, Split *best)
{
	const GradientSum missing = sums[ML_CODE_MISSING];
	const GradientSum none = {0, 0};
	const bool	any_missing = !is_empty(missing);
	const uint32_t n_bins = feature->n_bins;
	uint32_t	last = any_missing ? n_bins : n_bins - 1;
	uint32_t	first = 1;
	uint32_t	bin[2] = {0, 0};
	double		gain[2] = {0, 0};
	bool		missing_left;
	Cuts		cuts;

	while (first <= n_bins && is_empty(sums[first]))
		first++;
	if (first > n_bins || first > last)
		return;
	sum_cuts(sums, first, last, cuts.left);
	gain[0] = weigh_cuts(scan, cuts.left + first, none, last + 1 - first, cuts.gain[0] + first);
	if (any_missing)
		gain[1] = weigh_cuts(scan, cuts.left + first, missing, n_bins - first, cuts.gain[1] + first);
	if (!(gain[0] > 0 || gain[1] > 0))
		return;
	for (int left = 0; left < 2; left++)
	{
		if (gain[left] > 0 && gain[left] >= gain[!left])
			bin[left] = first + first_that_is(cuts.gain[left] + first, gain[left]);
	}
	missing_left = gain[1] > gain[0] || (gain[1] == gain[0] && bin[1] < bin[0]);
	candidate->bin = (uint8_t) bin[missing_left];
	candidate->missing_left = missing_left;
	keep_if_better(scan, gradient_sum_add(cuts.left[bin[missing_left]], missing_left ? missing : none), candidate, best);
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
