/*
 * small_models.h
 *	  Small models by hand: one of trees and one linear, then both again with a
 *	  category that has a statistic beside one that has codes.
 */
#ifndef MLOPS_TEST_SMALL_MODELS_H
#define MLOPS_TEST_SMALL_MODELS_H

#include <math.h>

#include "mlops/engine/linear.h"
#include "mlops/engine/trees.h"

#define N_COUNTS(n_bins) ((n_bins) + 1)

static const char *const countries[] = {"us", "de", "fr", "at"};
static const uint32_t country_sizes[] = {2, 2, 2, 2};
static const uint32_t other_countries[] = {7, 9};

static const double amount_edges[] = {1, 2, 3};
static const double hour_edges[] = {12};
static const uint64_t amount_counts[N_COUNTS(4)] =
{
	1, 2, 3, 2, 2
};
static const uint64_t nation_counts[N_COUNTS(5)] =
{
	0, 4, 3, 2, 1, 0
};
static const uint64_t hour_counts[N_COUNTS(2)] =
{
	0, 5, 5
};

/* inputs: a number, a category, a time; names of one length, so that one can take another's */
static MlInput inputs[] = {
	{.name = "amount", .type_name = "numeric", .kind = ML_COLUMN_NUMBER},
	{.name = "nation", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = 4, .category = countries,
	.category_size = country_sizes, .n_others = 2, .others = other_countries},
	{.name = "moment", .type_name = "date", .kind = ML_COLUMN_TIME},
};

static MlFeature features[] = {
	{.name = "amount", .input = 0, .n_bins = 4, .edges = amount_edges, .mean = 2, .std = 1, .minimum = 0, .maximum = 4,
	.code_counts = amount_counts},
	{.name = "nation", .input = 1, .categorical = true, .n_bins = 5, .code_counts = nation_counts, .singles = 1},
	{.name = "moment.hour", .input = 2, .part = ML_FEATURE_HOUR, .n_bins = 2, .edges = hour_edges, .mean = 11, .std = 6,
	.maximum = 23, .code_counts = hour_counts},
};

/* trees: nodes 0-4 (amount, then nation), 5-7 (hour), 8-10 (amount) */
static const MlTreeNode nodes[] = {
	{.feature = 0, .left = 1, .right = 2, .bin = 2, .gain = 3, .cover = 5, .count = 10},
	{.feature = 1, .left = 3, .right = 4, .categorical = true, .missing_left = true, .gain = 1, .cover = 3, .count = 6},
	{.feature = -1, .value = 0.5, .cover = 2, .count = 4},
	{.feature = -1, .value = -0.5, .cover = 2, .count = 3},
	{.feature = -1, .value = 0.25, .cover = 1, .count = 3},
	{.feature = 2, .left = 1, .right = 2, .bin = 1, .gain = 2, .cover = 5, .count = 10},
	{.feature = -1, .value = 0.1, .cover = 3, .count = 5},
	{.feature = -1, .value = -0.1, .cover = 2, .count = 5},
	{.feature = 0, .left = 1, .right = 2, .bin = 1, .gain = 2, .cover = 5, .count = 10},
	{.feature = -1, .value = 0.1, .cover = 3, .count = 3},
	{.feature = -1, .value = -0.1, .cover = 2, .count = 7},
};
static const uint32_t first_node[] = {0, 5, 8, 11};
static const uint64_t sets[][4] = {{6}};	/* codes 1 and 2 */
static const MlForest forest = {.base_margin = -1, .n_trees = 3, .first_node = first_node, .nodes = nodes, .n_sets = 1, .sets = sets};

static const MlTerm terms[] = {
	{.feature = 0, .kind = ML_TERM_VALUE, .mean = 2, .scale = 1, .coefficient = 0.5, .standard_error = 0.1},
	{.feature = 0, .kind = ML_TERM_MISSING, .coefficient = 0.25, .standard_error = 0.1},
	{.feature = 1, .kind = ML_TERM_LEVEL, .code = 1, .coefficient = -0.5, .standard_error = 0.1},
	{.feature = 1, .kind = ML_TERM_LEVEL, .code = 2, .coefficient = 0.5, .standard_error = 0.1},
	{.feature = 2, .kind = ML_TERM_VALUE, .mean = 11, .scale = 6, .coefficient = 0.5, .standard_error = NAN},
};
static const MlLinear linear = {.intercept = -1, .intercept_error = 0.1, .n_terms = 5, .terms = terms};

/* ---------------------------------------------------------------- with a statistic */

/* Four nations of which two have a code, two places with a code each, a number. */
static const double nation_statistic[] = {-1, 2, 0.5, -3};
static const char *const places[] = {"shop", "web"};
static const uint32_t place_sizes[] = {4, 3};
static const double statistic_edges[] = {0, 1};
static const uint64_t coded_counts[N_COUNTS(3)] =
{
	1, 4, 3, 2
};
static const uint64_t statistic_counts[N_COUNTS(3)] =
{
	1, 6, 0, 3
};
static const uint64_t place_counts[N_COUNTS(3)] =
{
	2, 5, 3, 0
};

static MlInput mixed_inputs[] = {
	{.name = "nation", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = 4, .category = countries,
	.category_size = country_sizes, .statistic = nation_statistic},
	{.name = "place", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = 2, .category = places,
	.category_size = place_sizes},
	{.name = "amount", .type_name = "numeric", .kind = ML_COLUMN_NUMBER},
};

static MlFeature mixed_features[] = {
	{.name = "nation", .input = 0, .categorical = true, .n_bins = 3, .code_counts = coded_counts, .singles = 1},
	{.name = "nation.target", .input = 0, .part = ML_FEATURE_STATISTIC, .n_bins = 3, .edges = statistic_edges, .mean = -0.5, .std = 2,
	.minimum = -3, .maximum = 2, .code_counts = statistic_counts},
	{.name = "place", .input = 1, .categorical = true, .n_bins = 3, .code_counts = place_counts},
	{.name = "amount", .input = 2, .n_bins = 4, .edges = amount_edges, .mean = 2, .std = 1, .minimum = 0, .maximum = 4,
	.code_counts = amount_counts},
};

static const MlSignature mixed = {.n_inputs = 3, .inputs = mixed_inputs, .n_features = 4, .features = mixed_features, .time_zone = "UTC", .prior = 0.25};

/* nodes 0-4 (nation.target <= 0 or missing, then place), 5-9 (amount, then nation.target <= 1) */
static const MlTreeNode mixed_nodes[] = {
	{.feature = 1, .left = 1, .right = 2, .bin = 1, .missing_left = true, .gain = 3, .cover = 5, .count = 10},
	{.feature = 2, .left = 3, .right = 4, .categorical = true, .gain = 1, .cover = 3, .count = 7},
	{.feature = -1, .value = 0.5, .cover = 2, .count = 3},
	{.feature = -1, .value = -0.5, .cover = 2, .count = 4},
	{.feature = -1, .value = 0.25, .cover = 1, .count = 3},
	{.feature = 3, .left = 1, .right = 2, .bin = 2, .gain = 2, .cover = 5, .count = 10},
	{.feature = -1, .value = 0.125, .cover = 3, .count = 5},
	{.feature = 1, .left = 3, .right = 4, .bin = 2, .gain = 0.5, .cover = 2, .count = 5},
	{.feature = -1, .value = -0.125, .cover = 1, .count = 3},
	{.feature = -1, .value = 0.75, .cover = 1, .count = 2},
};
static const uint32_t mixed_first[] = {0, 5, 10};
static const uint64_t mixed_sets[][4] = {{2}};	/* code 1 */
static const MlForest mixed_forest = {.base_margin = -1, .n_trees = 2, .first_node = mixed_first, .nodes = mixed_nodes, .n_sets = 1, .sets = mixed_sets};

static const MlTerm mixed_terms[] = {
	{.feature = 1, .kind = ML_TERM_VALUE, .mean = -0.5, .scale = 2, .coefficient = 0.75, .standard_error = 0.1},
	{.feature = 1, .kind = ML_TERM_MISSING, .coefficient = 0.25, .standard_error = 0.2},
	{.feature = 2, .kind = ML_TERM_LEVEL, .code = 1, .coefficient = -0.5, .standard_error = 0.1},
	{.feature = 2, .kind = ML_TERM_LEVEL, .code = 2, .coefficient = 0.5, .standard_error = 0.1},
	{.feature = 3, .kind = ML_TERM_VALUE, .mean = 2, .scale = 1, .coefficient = 0.5, .standard_error = NAN},
};
static const MlLinear mixed_linear = {.intercept = -1, .intercept_error = 0.1, .n_terms = 5, .terms = mixed_terms};

#endif							/* MLOPS_TEST_SMALL_MODELS_H */
