/*
 * random_forest.h
 *	  Models of random trees over numbers, times and categories, and random rows.
 */
#ifndef MLOPS_TEST_RANDOM_FOREST_H
#define MLOPS_TEST_RANDOM_FOREST_H

#include "check.h"

#include "mlops/engine/trees.h"

/* What a model is to look like. */
typedef struct Shape
{
	uint32_t	n_features;
	uint32_t	n_trees;
	uint32_t	depth;
	double		leaves;			/* share of nodes above depth that are leaves */
	double		categories;		/* share of features */
	uint32_t	most_bins;		/* of a feature, at most ML_MAX_BINS */
	uint64_t	seed;
} Shape;

typedef struct RandomModel
{
	MlSignature signature;
	MlForest	forest;
	size_t		n_nodes;
	MlTreeNode *nodes;
	uint64_t	(*sets)[4];
	uint64_t	seed;
	uint64_t	drawn;
	uint8_t    *bytes;
	MlModel    *opened;
} RandomModel;

/* 0 <= number < n */
static uint32_t
draw(RandomModel *m, uint32_t n)
{
	return (uint32_t) (ml_random_uniform(m->seed, 1, m->drawn++) * n);
}

static bool
chance(RandomModel *m, double p)
{
	return ml_random_uniform(m->seed, 1, m->drawn++) < p;
}

static void *
must_have(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static char *
name_of(MlContext *ctx, const char *kind, uint32_t number)
{
	char		name[32];

	snprintf(name, sizeof(name), "%s%u", kind, number);
	return must_have(ml_arena_strdup(ctx->arena, name));
}

static void
draw_category(MlContext *ctx, RandomModel *m, uint32_t f, uint32_t most_bins)
{
	uint32_t	n = most_bins <= 2 ? 1 : 1 + draw(m, most_bins - 2);
	const char **category = must_have(ml_arena_alloc_array(ctx->arena, n, sizeof(char *)));
	uint32_t   *size = must_have(ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t)));

	for (uint32_t c = 0; c < n; c++)
	{
		category[c] = name_of(ctx, "level", c);
		size[c] = (uint32_t) strlen(category[c]);
	}
	m->signature.inputs[f] = (MlInput) {name_of(ctx, "input", f), "text", ML_COLUMN_CATEGORY, n, category, size};
	m->signature.features[f] = (MlFeature) {.name = name_of(ctx, "feature", f), .input = f, .categorical = true, .n_bins = n + 1};
}

/* Numbers, and now and then the hour of a time.  Edges are whole numbers. */
static void
draw_number(MlContext *ctx, RandomModel *m, uint32_t f, uint32_t most_bins)
{
	bool		hour = chance(m, 0.1);
	uint32_t	n = hour ? 24 : 1 + draw(m, most_bins);
	double	   *edges = must_have(ml_arena_alloc_array(ctx->arena, n, sizeof(double)));

	for (uint32_t e = 0; e + 1 < n; e++)
		edges[e] = e;
	m->signature.inputs[f] = (MlInput) {name_of(ctx, "input", f), hour ? "timestamp" : "double precision", hour ? ML_COLUMN_TIME : ML_COLUMN_NUMBER};
	m->signature.features[f] = (MlFeature) {.name = name_of(ctx, "feature", f), .input = f, .part = hour ? ML_FEATURE_HOUR : ML_FEATURE_VALUE,
		.n_bins = n, .edges = edges, .maximum = n};
}

static void
draw_features(MlContext *ctx, RandomModel *m, const Shape *shape)
{
	m->signature = (MlSignature) {.n_inputs = shape->n_features, .n_features = shape->n_features, .time_zone = "UTC"};
	m->signature.inputs = must_have(ml_arena_alloc_array(ctx->arena, shape->n_features, sizeof(MlInput)));
	m->signature.features = must_have(ml_arena_alloc_array(ctx->arena, shape->n_features, sizeof(MlFeature)));
	for (uint32_t f = 0; f < shape->n_features; f++)
	{
		uint64_t   *counts = must_have(ml_arena_alloc_zeroed(ctx->arena, ML_MAX_BINS + 1, sizeof(uint64_t)));

		if (chance(m, shape->categories))
			draw_category(ctx, m, f, shape->most_bins);
		else
			draw_number(ctx, m, f, shape->most_bins);
		m->signature.features[f].code_counts = counts;
	}
}

/* A tree, children behind their parents: nodes of one depth after those of another. */
static void
draw_tree(RandomModel *m, const Shape *shape)
{
	size_t		first = m->n_nodes;
	size_t		level_end = first + 1;
	uint32_t	depth = 0;
	size_t		end = first + 1;

	for (size_t i = first; i < end; i++)
	{
		MlTreeNode *node = &m->nodes[i];
		const MlFeature *feature;

		if (i == level_end)
		{
			depth++;
			level_end = end;
		}
		*node = (MlTreeNode) {.feature = -1, .value = ml_random_normal(m->seed, 2, i), .count = 1, .cover = 1};
		if (depth == shape->depth || (i > first && chance(m, shape->leaves)))
			continue;
		node->feature = (int32_t) draw(m, shape->n_features);
		feature = &m->signature.features[node->feature];
		node->left = (uint32_t) (end - first);
		node->right = node->left + 1;
		node->missing_left = chance(m, 0.5);
		node->categorical = feature->categorical;
		if (feature->categorical)
		{
			node->set = (uint32_t) m->forest.n_sets;
			for (int w = 0; w < 4; w++)
				m->sets[m->forest.n_sets][w] = ml_random_u64(m->seed, 3, 4 * m->forest.n_sets + w);
			m->forest.n_sets++;
		}
		else
			node->bin = (uint8_t) draw(m, feature->n_bins + 1);
		if (!feature->categorical && node->bin == 0)
			node->missing_left = true;	/* 0 .. 0: what is missing, else nothing would go left */
		end += 2;
	}
	m->n_nodes = end;
}

/* An opened model, in ctx->arena. */
static RandomModel
draw_model(MlContext *ctx, const Shape *shape)
{
	RandomModel m = {.seed = shape->seed};
	size_t		most = (size_t) shape->n_trees << (shape->depth + 1);
	uint32_t   *first_node = must_have(ml_arena_alloc_array(ctx->arena, shape->n_trees + 1, sizeof(uint32_t)));
	MlModelParts parts = {.algorithm = "random", .margin_scale = 1, .threshold = 0.5};
	size_t		size;

	draw_features(ctx, &m, shape);
	m.nodes = must_have(ml_arena_alloc_array(ctx->arena, most, sizeof(MlTreeNode)));
	m.sets = must_have(ml_arena_alloc_array(ctx->arena, most, sizeof(*m.sets)));
	for (uint32_t t = 0; t < shape->n_trees; t++)
	{
		first_node[t] = (uint32_t) m.n_nodes;
		draw_tree(&m, shape);
	}
	first_node[shape->n_trees] = (uint32_t) m.n_nodes;
	m.forest.base_margin = 0.1;
	m.forest.n_trees = shape->n_trees;
	m.forest.first_node = first_node;
	m.forest.nodes = m.nodes;
	m.forest.sets = (const uint64_t (*)[4]) m.sets;
	parts.signature = &m.signature;
	parts.fitted = ml_fitted_trees(&m.forest);
	m.opened = must_have(ml_arena_alloc_array(ctx->arena, 1, ml_model_struct_size()));
	if (ml_model_encode(ctx, &parts, &m.bytes, &size) != ML_OK || ml_model_open(m.bytes, size, m.opened, ctx->message) != ML_OK)
	{
		printf("Bail out! %s\n", ctx->message);
		exit(1);
	}
	return m;
}

/* A row: values at edges, between and beyond them, some missing, some of no known category. */
static void
draw_row(RandomModel *m, MlValue *values)
{
	for (size_t f = 0; f < m->signature.n_features; f++)
	{
		const MlFeature *feature = &m->signature.features[f];
		bool		missing = chance(m, 0.05);

		if (feature->categorical)
			values[f].code = missing ? ML_CODE_MISSING : 1 + draw(m, feature->n_bins);
		else if (feature->part == ML_FEATURE_HOUR)
			values[f].number = missing ? NAN : (double) draw(m, 100000);
		else
			values[f].number = missing ? NAN : (draw(m, 2 * feature->n_bins + 2) - 2.0) / 2;
	}
}

#endif							/* MLOPS_TEST_RANDOM_FOREST_H */
