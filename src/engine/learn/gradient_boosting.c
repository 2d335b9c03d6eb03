/*-------------------------------------------------------------------------
 * gradient_boosting.c
 *	  The learner: parameters, the loop over rounds, early stopping.
 *
 * Friedman: "Greedy function approximation: a gradient boosting machine",
 * Annals of Statistics 2001, with second order logistic loss as in XGBoost.
 *
 * A round costs what its tree costs (see histogram.c) and one pass over the
 * training rows for margins and gradients.  The model has the same bits for any
 * number of threads: sums are exact, and random numbers depend on seed, round
 * and row alone.
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learn/logistic_loss.h"
#include "engine/learn/tree_grower.h"
#include "mlops/engine/trees.h"

#define BLOCK_ROWS ((size_t) 16384)

/* Streams of random numbers of a round. */
#define STREAMS 3
#define STREAM_ROUNDING 0
#define STREAM_ROWS 1
#define STREAM_FEATURES 2

#define PARAM(field) offsetof(MlGradientBoostingParams, field)

static const char *const grow_policies[] = {"depthwise", "lossguide", NULL};

static const MlParamSpec params[] = {
	{"n_estimators", ML_PARAM_INT, PARAM(n_estimators), 100, 1, 100000, false, NULL,
	"Number of trees"},
	{"learning_rate", ML_PARAM_FLOAT, PARAM(learning_rate), 0.1, 0, 10, true, NULL,
	"Factor on what each tree adds"},
	{"max_depth", ML_PARAM_INT, PARAM(max_depth), 6, 0, 64, false, NULL,
	"Greatest depth of a tree; 0 means no limit"},
	{"max_leaves", ML_PARAM_INT, PARAM(max_leaves), 0, 0, GROWER_MAX_LEAVES, false, NULL,
	"Most leaves of a tree; 0 means no limit"},
	{"grow_policy", ML_PARAM_CHOICE, PARAM(grow_policy), ML_GROW_DEPTHWISE, 0, 0, false, grow_policies,
	"depthwise: level by level; lossguide: the leaf with the greatest gain first"},
	{"min_child_weight", ML_PARAM_FLOAT, PARAM(min_child_weight), 1, 0, 1e12, false, NULL,
	"Least sum of hessians (p * (1 - p) a row) in a leaf"},
	{"min_split_gain", ML_PARAM_FLOAT, PARAM(min_split_gain), 0, 0, 1e12, false, NULL,
	"Least gain of a split, as XGBoost counts it: twice the reduction of the loss"},
	{"reg_lambda", ML_PARAM_FLOAT, PARAM(reg_lambda), 1, 0, 1e12, false, NULL,
	"L2 penalty on leaf values"},
	{"reg_alpha", ML_PARAM_FLOAT, PARAM(reg_alpha), 0, 0, 1e12, false, NULL,
	"L1 penalty on leaf values"},
	{"subsample", ML_PARAM_FLOAT, PARAM(subsample), 1, 0, 1, true, NULL,
	"Share of rows each tree learns from"},
	{"colsample_bytree", ML_PARAM_FLOAT, PARAM(colsample_bytree), 1, 0, 1, true, NULL,
	"Share of features each tree may use"},
	{"max_bins", ML_PARAM_INT, PARAM(max_bins), 255, 2, ML_MAX_BINS, false, NULL,
	"Most bins a feature's present values are put in; missing ones have a bin of their own"},
	{"cat_smooth", ML_PARAM_FLOAT, PARAM(cat_smooth), 10, 0, 1e12, false, NULL,
	"Added to the sum of hessians of a level where levels of a category are sorted by gradient: rare ones come to the middle"},
	{"cat_l2", ML_PARAM_FLOAT, PARAM(cat_l2), 10, 0, 1e12, false, NULL,
	"L2 penalty on values of leaves below a split of a category, beside reg_lambda"},
	{"min_data_per_group", ML_PARAM_INT, PARAM(min_data_per_group), 50, 0, 1000000000, false, NULL,
	"Least number of rows on either side of a split of a category, and between the splits that are compared; counted by their share of the hessians; 0: no minimum"},
	{"scale_pos_weight", ML_PARAM_FLOAT, PARAM(scale_pos_weight), 1, 0, 1e6, true, NULL,
	"Factor on the weight of positive rows; scores are corrected back to the base rate of the training and validation rows"},
	{"monotone_constraints", ML_PARAM_CONSTRAINTS, PARAM(monotone_constraints), 0, -1, 1, false, NULL,
	"Direction in which the score may depend on a feature: {\"feature\": 1 | 0 | -1}"},
	{"early_stopping_rounds", ML_PARAM_INT, PARAM(early_stopping_rounds), 0, 0, 100000, false, NULL,
	"Stop when the metric on the validation rows has not improved for so many trees; 0 means never"},
};

/* ---------------------------------------------------------------- state */

typedef struct Boosting
{
	MlContext  *ctx;
	const MlTask *task;
	const MlGradientBoostingParams *params;
	TreeGrower	grower;
	LogisticLoss loss;
	uint64_t   *gradient;		/* [n_train] of all rows */
	uint16_t   *leaf;			/* [n_train] number of the leaf in leaf_node */
	float	   *leaf_value;		/* [max_leaves] */
	int		   *leaf_number;	/* [2 * max_leaves] by node */
	int8_t	   *monotone;		/* [n_features] */
	float	   *validation_margin;
	float	   *validation_label;
	float	   *validation_weight;	/* NULL: all 1 */
	double	   *validation_score;
	bool		pruned;
	/* trees so far; grown with malloc because the arena is a stack */
	MlTreeNode *nodes;
	size_t		n_nodes;
	size_t		node_capacity;
	uint64_t	(*sets)[4];
	size_t		n_sets;
	size_t		set_capacity;
} Boosting;

static int
max_bins(const void *p)
{
	return ((const MlGradientBoostingParams *) p)->max_bins;
}

/*
 * Working memory, allocated or only counted (see workspace.h); n_validation may be
 * 0.  weighted: rows have weights.
 */
static void
allocate(Boosting *b, Workspace *workspace, size_t n_train, size_t n_validation,
		 const MlSignature *signature, const MlGradientBoostingParams *p, bool weighted, int n_threads)
{
	TreeParams	tree = {p->max_depth, p->max_leaves, (MlGrowPolicy) p->grow_policy, p->colsample_bytree,
		{.reg_lambda = p->reg_lambda, .reg_alpha = p->reg_alpha, .min_child_weight = p->min_child_weight,
		.min_split_gain = p->min_split_gain, .cat_smooth = p->cat_smooth, .cat_l2 = p->cat_l2,
		.min_data_per_group = p->min_data_per_group}};

	grower_allocate(&b->grower, workspace, n_train, signature, &tree, n_threads);
	logistic_loss_allocate(&b->loss, workspace, n_train);
	/* where a tree learns from all rows, its first list is theirs */
	b->gradient = p->subsample < 1 ? workspace_take(workspace, n_train, sizeof(uint64_t)) : b->grower.gradient[0];
	b->leaf = workspace_take(workspace, n_train, sizeof(uint16_t));
	b->leaf_value = workspace_take(workspace, b->grower.max_leaves, sizeof(float));
	b->leaf_number = workspace_take(workspace, 2 * (size_t) b->grower.max_leaves, sizeof(int));
	b->monotone = workspace_take(workspace, signature->n_features, sizeof(int8_t));
	b->validation_margin = workspace_take(workspace, n_validation, sizeof(float));
	b->validation_label = workspace_take(workspace, n_validation, sizeof(float));
	b->validation_weight = weighted ? workspace_take(workspace, n_validation, sizeof(float)) : NULL;
	b->validation_score = workspace_take(workspace, n_validation, sizeof(double));
}

/* Counts with the very function that allocates. */
static size_t
memory_needed(size_t n_train, size_t n_validation, const MlSignature *signature,
			  const void *params_struct, int n_threads)
{
	const MlGradientBoostingParams *p = params_struct;
	Boosting	b = {0};
	Workspace	workspace = {0};

	allocate(&b, &workspace, n_train, n_validation, signature, p, true, n_threads);
	/* the ranking of the validation metric, and rounding to blocks */
	return workspace.bytes + n_validation * 64 + p->n_estimators * sizeof(MlCurveStep) +
		((size_t) 64 << 20);
}

/*
 * Fills monotone [n_features] from constraints by name: of a feature, or of an
 * input, which sets all its parts.  Errors: ML_INVALID_ARGUMENT (no such feature, a
 * category).
 */
static MlStatus
resolve_constraints(Boosting *b)
{
	const MlSignature *signature = b->task->signature;
	const MlConstraints *constraints = &b->params->monotone_constraints;

	memset(b->monotone, 0, signature->n_features);
	for (size_t i = 0; i < constraints->n; i++)
	{
		const char *name = constraints->constraint[i].feature;
		bool		found = false;

		for (size_t f = 0; f < signature->n_features; f++)
		{
			const MlFeature *feature = &signature->features[f];

			if (strcmp(feature->name, name) != 0 &&
				strcmp(signature->inputs[feature->input].name, name) != 0)
				continue;
			if (feature->categorical && constraints->constraint[i].sign != 0)
				return ml_fail(b->ctx, ML_INVALID_ARGUMENT,
							   "feature \"%s\" in \"monotone_constraints\" is a category", name);
			found = true;
			b->monotone[f] = (int8_t) constraints->constraint[i].sign;
		}
		if (!found)
			return ml_fail(b->ctx, ML_INVALID_ARGUMENT,
						   "\"%s\" in \"monotone_constraints\" is not a feature", name);
	}
	return ML_OK;
}

/*
 * Units of gradients, margins before the first round, and codes by column.  Errors:
 * as logistic_loss_start, resolve_constraints and grower_start.
 */
static MlStatus
start(Boosting *b)
{
	const MlTask *task = b->task;
	MlStatus	status = logistic_loss_start(b->ctx, &b->loss, task, b->params->scale_pos_weight);

	if (status == ML_OK)
		status = resolve_constraints(b);
	if (status != ML_OK)
		return status;
	b->grower.params.rules.gradient_unit = b->loss.gradient_unit;
	b->grower.params.rules.hessian_unit = b->loss.hessian_unit;
	b->grower.params.rules.monotone = b->monotone;
	for (size_t i = 0; i < task->validation.n; i++)
	{
		uint32_t	row = task->validation.row[i];

		b->validation_margin[i] = (float) b->loss.base_margin;
		b->validation_label[i] = task->label[row];
		if (b->validation_weight)
			b->validation_weight[i] = task->weight[row];
	}
	/* what is allocated by now is counted twice: there is room for certain */
	return grower_start(&b->grower, b->ctx, task->binned_train,
						memory_needed(b->loss.n, task->validation.n, task->signature, b->params, ml_pool_size(b->ctx->pool)));
}

/* ---------------------------------------------------------------- one round */

/* Number of a random stream; no two rounds or purposes share one. */
static uint64_t
stream(int round, int which)
{
	return (uint64_t) round * STREAMS + which;
}

/*
 * Rows of this round into the grower's first list, in rising order; returns how
 * many.  Each row is drawn with probability `subsample`, so the number varies a
 * little (Friedman: "Stochastic gradient boosting", Computational Statistics & Data
 * Analysis 2002, draws a fixed one).
 */
static size_t
sample_rows(Boosting *b, int round)
{
	size_t		n = b->loss.n;
	uint32_t   *row = b->grower.row[0];
	uint64_t   *gradient = b->grower.gradient[0];
	size_t		taken = 0;

	if (b->params->subsample >= 1)
	{
		for (size_t i = 0; i < n; i++)
			row[i] = (uint32_t) i;
		return n;
	}
	for (size_t i = 0; i < n; i++)
	{
		if (ml_random_uniform(b->task->seed, stream(round, STREAM_ROWS), i) >= b->params->subsample)
			continue;
		row[taken] = (uint32_t) i;
		gradient[taken++] = b->gradient[i];
	}
	return taken;
}

/*
 * Room for `needed` elements in an array from malloc that grows to at least double;
 * false without memory, the array as it was.
 */
static bool
reserve(void **array, size_t *capacity, size_t needed, size_t size)
{
	size_t		larger = *capacity * 2 > needed ? *capacity * 2 : needed;
	void	   *moved;

	if (needed <= *capacity)
		return true;
	moved = realloc(*array, larger * size);
	if (moved == NULL)
		return false;
	*array = moved;
	*capacity = larger;
	return true;
}

/*
 * Appends the grown tree to the forest, values times learning_rate, and numbers its
 * leaves for find_leaves and the validation rows.  Errors: ML_OUT_OF_MEMORY.
 */
static MlStatus
keep_tree(Boosting *b)
{
	const TreeGrower *g = &b->grower;
	int			n_leaves = 0;

	if (!reserve((void **) &b->nodes, &b->node_capacity, b->n_nodes + g->n_nodes, sizeof(MlTreeNode)) ||
		!reserve((void **) &b->sets, &b->set_capacity, b->n_sets + g->n_nodes, sizeof(uint64_t[4])))
		return ml_fail(b->ctx, ML_OUT_OF_MEMORY, "out of memory");
	for (int i = 0; i < g->n_nodes; i++)
	{
		const GrowerNode *from = &g->nodes[i];
		MlTreeNode *to = &b->nodes[b->n_nodes++];
		float		value = (float) (b->params->learning_rate * from->value);

		memset(to, 0, sizeof(*to));
		to->feature = -1;
		to->value = value;
		to->cover = (double) from->sum.hessian * b->loss.hessian_unit;
		to->count = from->n;
		if (from->left < 0)
		{
			b->leaf_value[n_leaves] = value;
			b->leaf_number[i] = n_leaves++;
			continue;
		}
		to->feature = from->split.feature;
		to->left = (uint32_t) from->left;
		to->right = (uint32_t) from->left + 1;
		to->bin = from->split.bin;
		to->missing_left = from->split.missing_left;
		to->categorical = from->split.categorical;
		to->gain = from->split.gain;
		if (to->categorical)
		{
			to->set = (uint32_t) b->n_sets;
			memcpy(b->sets[b->n_sets++], from->split.set, sizeof(uint64_t[4]));
		}
	}
	return ML_OK;
}

/* Leaves of the rows in the lists; of the others when only some were taken. */
typedef struct LeafJob
{
	Boosting   *b;
	bool		walk;
} LeafJob;

/* Task: a node.  The rows of a leaf are in its list, so nothing has to be walked. */
static void
leaves_of_node(void *arg, size_t task, int thread)
{
	Boosting   *b = ((LeafJob *) arg)->b;
	const GrowerNode *node = &b->grower.nodes[task];
	const uint32_t *row = b->grower.row[node->list] + node->begin;

	if (node->left >= 0)
		return;
	for (size_t i = 0; i < node->n; i++)
		b->leaf[row[i]] = (uint16_t) b->leaf_number[task];
}

/* Task: a block of rows.  For rounds with a sample: rows left out of it are in no list. */
static void
leaves_by_walking(void *arg, size_t task, int thread)
{
	Boosting   *b = ((LeafJob *) arg)->b;
	size_t		end = (task + 1) * BLOCK_ROWS < b->loss.n ? (task + 1) * BLOCK_ROWS : b->loss.n;

	for (size_t i = task * BLOCK_ROWS; i < end; i++)
		b->leaf[i] = (uint16_t) b->leaf_number[grower_find_leaf(&b->grower, b->task->binned_train, i)];
}

/* Fills leaf [n_train] for all training rows, drawn or not.  Errors: ML_ABORTED. */
static MlStatus
find_leaves(Boosting *b)
{
	LeafJob		job = {b, b->params->subsample < 1};

	if (job.walk)
		return ml_parallel_for(b->ctx, (b->loss.n + BLOCK_ROWS - 1) / BLOCK_ROWS, leaves_by_walking, &job);
	return ml_parallel_for(b->ctx, b->grower.n_nodes, leaves_of_node, &job);
}

/*
 * Task: a block of validation rows; adds the new tree to their margins and makes
 * probabilities of them.
 */
static void
advance_validation(void *arg, size_t task, int thread)
{
	Boosting   *b = (Boosting *) arg;
	size_t		n = b->task->validation.n;
	size_t		end = (task + 1) * BLOCK_ROWS < n ? (task + 1) * BLOCK_ROWS : n;

	for (size_t i = task * BLOCK_ROWS; i < end; i++)
	{
		int			node = grower_find_leaf(&b->grower, b->task->binned_validation, i);

		b->validation_margin[i] += b->leaf_value[b->leaf_number[node]];
		b->validation_score[i] = 1 / (1 + exp(-(double) b->validation_margin[i]));
	}
}

/* Is it time to ask whether to go on? */
static bool
asks_to_prune(const Boosting *b, int round)
{
	return b->task->should_prune && b->task->validation.n > 0 && round % b->task->prune_every == 0;
}

/*
 * The metric on the validation rows after this round, when it decides something: it
 * costs a sort.  *metric stays as it was otherwise, NaN.
 */
static MlStatus
validate(Boosting *b, int round, double *metric)
{
	size_t		n = b->task->validation.n;
	bool		stops_early = n > 0 && b->params->early_stopping_rounds > 0;
	MlStatus	status = ML_OK;

	if (stops_early || b->task->should_prune)
		status = ml_parallel_for(b->ctx, (n + BLOCK_ROWS - 1) / BLOCK_ROWS, advance_validation, b);
	if (status == ML_OK && (stops_early || asks_to_prune(b, round)))
		status = ml_metric_value(b->ctx, b->task->metric, n, b->validation_score,
								 b->validation_label, b->validation_weight, metric);
	return status;
}

/* ---------------------------------------------------------------- all rounds */

/*
 * Up to n_estimators rounds.  curve has one step for each round that was run,
 * *n_curve of them; *n_trees is how many trees to keep: with early stopping those
 * up to the best round, else all.  first_node [n_estimators + 1] gets where trees
 * begin.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
static MlStatus
boost(Boosting *b, uint32_t *first_node, MlCurveStep *curve, size_t *n_trees, size_t *n_curve)
{
	int			patience = b->task->validation.n > 0 ? b->params->early_stopping_rounds : 0;
	double		best = NAN;
	size_t		best_trees = 0;
	double		sign = ml_metrics[b->task->metric].smaller_is_better ? -1 : 1;
	MlStatus	status = logistic_loss_advance(b->ctx, &b->loss, NULL, NULL,
											   ml_random_u64(b->task->seed, stream(0, STREAM_ROUNDING), 0),
											   b->gradient, NULL);

	*n_trees = *n_curve = 0;
	for (int round = 0; status == ML_OK && round < b->params->n_estimators; round++)
	{
		MlCurveStep *step = &curve[round];

		*step = (MlCurveStep) {round + 1, NAN, NAN};
		first_node[round] = (uint32_t) b->n_nodes;
		grower_sample_features(&b->grower, b->task->seed, stream(round, STREAM_FEATURES));
		status = grower_grow(&b->grower, sample_rows(b, round));
		if (status == ML_OK)
			status = keep_tree(b);
		if (status == ML_OK)
			status = find_leaves(b);
		if (status == ML_OK)
			status = logistic_loss_advance(b->ctx, &b->loss, b->leaf, b->leaf_value,
										   ml_random_u64(b->task->seed, stream(round + 1, STREAM_ROUNDING), 0),
										   b->gradient, &step->train_loss);
		if (status == ML_OK)
			status = validate(b, round + 1, &step->validation);
		if (status != ML_OK)
			return status;
		*n_trees = *n_curve = (size_t) round + 1;
		first_node[round + 1] = (uint32_t) b->n_nodes;
		ml_report_progress(b->ctx, "fit", round + 1, b->params->n_estimators, step->validation);
		b->pruned = asks_to_prune(b, round + 1) &&
			b->task->should_prune(b->task->prune_arg, round + 1, step->validation);
		if (b->pruned)
			break;
		if (patience == 0)
			continue;
		if (best_trees == 0 || sign * step->validation > sign * best)
		{
			best = step->validation;
			best_trees = *n_trees;
		}
		else if (*n_trees - best_trees >= (size_t) patience)
			break;
	}
	if (patience > 0 && best_trees > 0)
		*n_trees = best_trees;
	return status;
}

/* Copies the nodes of the kept trees into the arena; first_node is there already. */
static MlStatus
finish(Boosting *b, MlForest *forest, const uint32_t *first_node, size_t n_trees)
{
	MlArena    *arena = b->ctx->arena;
	size_t		n_nodes = first_node[n_trees];
	const void *nodes = ml_arena_memdup(arena, b->nodes, n_nodes * sizeof(MlTreeNode));
	const void *sets = ml_arena_memdup(arena, b->sets, b->n_sets * sizeof(uint64_t[4]));

	if (nodes == NULL || sets == NULL)
		return ml_fail_memory(b->ctx);
	forest->base_margin = b->loss.base_margin;
	forest->n_trees = n_trees;
	forest->first_node = first_node;
	forest->nodes = nodes;
	forest->n_sets = b->n_sets;
	forest->sets = sets;
	return ML_OK;
}

/*
 * See MlLearner.   forest, first_node and curve are taken before the mark, because
 * they are the result; all else is given back.
 */
static MlStatus
fit(MlContext *ctx, const MlTask *task, MlLearned *learned)
{
	const MlGradientBoostingParams *p = task->params;
	Boosting	b = {.ctx = ctx, .task = task, .params = p};
	MlForest   *forest = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlForest));
	uint32_t   *first_node = ml_arena_alloc_array(ctx->arena, (size_t) p->n_estimators + 1, sizeof(uint32_t));
	MlCurveStep *curve = ml_arena_alloc_array(ctx->arena, p->n_estimators, sizeof(MlCurveStep));
	Workspace	workspace = {.arena = ctx->arena};
	size_t		n_trees = 0;
	MlArenaMark mark;
	MlStatus	status;

	memset(learned, 0, sizeof(*learned));
	if (forest == NULL || first_node == NULL || curve == NULL)
		return ml_fail_memory(ctx);
	if (p->max_depth == 0 && p->max_leaves == 0)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "\"max_depth\" and \"max_leaves\" are both 0: one must limit the trees");

	mark = ml_arena_mark(ctx->arena);
	allocate(&b, &workspace, task->train.n, task->validation.n, task->signature, p,
			 task->weight != NULL, ml_pool_size(ctx->pool));
	if (workspace.failed)
		return ml_fail_memory(ctx);
	histogram_pool_open(&b.grower.pool);
	status = start(&b);
	if (status == ML_OK)
		status = boost(&b, first_node, curve, &n_trees, &learned->n_curve);
	histogram_pool_close(&b.grower.pool);
	ml_arena_release(ctx->arena, mark);
	if (status == ML_OK)
		status = finish(&b, forest, first_node, n_trees);
	free(b.nodes);
	free(b.sets);
	learned->fitted = ml_fitted_trees(forest);
	learned->iterations = (int) n_trees;
	learned->converged = true;
	learned->pruned = b.pruned;
	learned->curve = curve;
	return status;
}

/* A forest is no boosting, but trees are learned here by nothing else. */
static const char *const like[] = {
	"xgboost", "xgb", "xgbclassifier", "lightgbm", "lgbm", "lgb", "lgbmclassifier", "catboost", "catboostclassifier", "gbm", "gbdt", "gbt", "gb",
	"histgradientboosting", "histgradientboostingclassifier", "gradientboostingclassifier", "gradientboostedtrees", "boostedtrees", "boosting",
	"trees", "tree", "decisiontree", "randomforest", "forest", "rf", NULL
};

const MlLearner ml_gradient_boosting = {
	.name = "gradient_boosting",
	.like = like,
	.description = "Gradient boosted decision trees on histograms; categories and missing values as they are",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.params_size = sizeof(MlGradientBoostingParams),
	.needs_blas = false,
	.search_space = "{\"n_estimators\": {\"min\": 50, \"max\": 500, \"log\": true},"
	" \"learning_rate\": {\"min\": 0.01, \"max\": 0.3, \"log\": true},"
	" \"max_depth\": {\"min\": 2, \"max\": 8},"
	" \"min_child_weight\": {\"min\": 0.1, \"max\": 50, \"log\": true},"
	" \"reg_lambda\": {\"min\": 0.1, \"max\": 30, \"log\": true},"
	" \"subsample\": {\"min\": 0.5, \"max\": 1},"
	" \"colsample_bytree\": {\"min\": 0.3, \"max\": 1}}",
	.max_bins = max_bins,
	.memory_needed = memory_needed,
	.fit = fit,
};
