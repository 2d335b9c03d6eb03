/*
 * small_models.h
 *	  Two small models by hand, one of trees and one linear.
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
static const uint64_t amount_counts[N_COUNTS(4)] = {1, 2, 3, 2, 2};
static const uint64_t nation_counts[N_COUNTS(5)] = {0, 4, 3, 2, 1, 0};
static const uint64_t hour_counts[N_COUNTS(2)] = {0, 5, 5};

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

#endif							/* MLOPS_TEST_SMALL_MODELS_H */
