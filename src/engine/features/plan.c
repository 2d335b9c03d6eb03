/*-------------------------------------------------------------------------
 * plan.c
 *	  Features grouped by what they share.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "plan.h"
#include "window.h"
#include "part.h"

#define MOST_PARTS 3			/* of a feature */
#define ALIGNED(size) (((size) + 15) & ~(size_t) 15)

/* The part of a window, added if it has none such. */
static int
part_of(Window *window, PartKind kind, int value, int condition)
{
	Part	   *part;

	for (int i = 0; i < window->n_parts; i++)
	{
		part = &window->part[i];
		if (part->kind == kind && part->value == value && part->condition == condition)
			return i;
	}
	part = &window->part[window->n_parts];
	*part = (Part) {kind, value, condition, window->size};
	window->size += ALIGNED(part_size(kind));
	return window->n_parts++;
}

static void
plan_parts(PlannedFeature *feature, Window *window)
{
	const MlWindowFeature *asked = &feature->asked;
	int			value = asked->value;
	int			condition = asked->condition;

	feature->count = feature->sum = feature->squares = feature->other = -1;
	if (asked->aggregate == ML_AGGREGATE_SHARE)
	{
		feature->count = part_of(window, PART_COUNT, condition, ML_NO_COLUMN);
		feature->other = part_of(window, PART_COUNT, condition, condition);
		return;
	}
	switch (asked->aggregate)
	{
		case ML_AGGREGATE_STDDEV:
			feature->squares = part_of(window, PART_SQUARES, value, condition);
			/* fall through */
		case ML_AGGREGATE_SUM:
		case ML_AGGREGATE_AVG:
			feature->sum = part_of(window, PART_SUM, value, condition);
			/* fall through */
		case ML_AGGREGATE_COUNT:
			feature->count = part_of(window, PART_COUNT, value, condition);
			break;
		case ML_AGGREGATE_MIN:
			feature->other = part_of(window, PART_LEAST, value, condition);
			break;
		case ML_AGGREGATE_MAX:
			feature->other = part_of(window, PART_GREATEST, value, condition);
			break;
		case ML_AGGREGATE_COUNT_DISTINCT:
			feature->other = part_of(window, PART_DISTINCT, value, condition);
			break;
		case ML_AGGREGATE_LAST:
			feature->other = part_of(window, PART_LAST, value, condition);
			break;
		case ML_AGGREGATE_SINCE_LAST:
			feature->other = part_of(window, PART_LAST, ML_NO_COLUMN, condition);
			break;
		case ML_AGGREGATE_FIRST_SEEN:
			feature->other = part_of(window, PART_FIRST, ML_NO_COLUMN, condition);
			break;
		case ML_AGGREGATE_SHARE:
			break;
	}
}

static Window *
window_of(EntityKind *kind, const MlWindowFeature *asked)
{
	Window	   *window = kind->window;

	while (window < kind->window + kind->n_windows &&
		   (window->delay != asked->delay || window->length != asked->length || window->rows != asked->rows))
		window++;
	if (window == kind->window + kind->n_windows)
		kind->n_windows++;
	window->delay = asked->delay;
	window->length = asked->length;
	window->rows = asked->rows;
	return window;
}

/* What all time and a delay reach back is all time. */
static int64_t
time_back(const MlWindowFeature *asked)
{
	int64_t		back;

	return __builtin_add_overflow(asked->delay, asked->length, &back) ? ML_ALL_TIME : back;
}

/* Where the states of its windows are in an entity's: offsets of parts are from the window's. */
static void
lay_out(EntityKind *kind)
{
	kind->size = ALIGNED(sizeof(Ring));
	for (int w = 0; w < kind->n_windows; w++)
	{
		kind->window[w].offset = kind->size;
		kind->size += kind->window[w].size;
	}
}

MlStatus
ml_feature_plan(MlContext *ctx, int n_entities, int n_values, int n_features, const MlWindowFeature *features, MlFeaturePlan **plan)
{
	MlFeaturePlan *p = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlFeaturePlan));

	if (p == NULL)
		return ml_fail_memory(ctx);
	p->n_entities = n_entities;
	p->n_values = n_values;
	p->n_features = n_features;
	p->kind = ml_arena_alloc_zeroed(ctx->arena, n_entities, sizeof(EntityKind));
	p->feature = ml_arena_alloc_zeroed(ctx->arena, n_features, sizeof(PlannedFeature));
	if (p->kind == NULL || p->feature == NULL)
		return ml_fail_memory(ctx);
	for (int e = 0; e < n_entities; e++)
	{
		p->kind[e].window = ml_arena_alloc_zeroed(ctx->arena, n_features, sizeof(Window));
		if (p->kind[e].window == NULL)
			return ml_fail_memory(ctx);
	}
	for (int f = 0; f < n_features; f++)
	{
		EntityKind *kind = &p->kind[features[f].entity];
		Window	   *window = window_of(kind, &features[f]);

		if (window->part == NULL)
		{
			window->size = ALIGNED(sizeof(WindowState));
			window->part = ml_arena_alloc_zeroed(ctx->arena, (size_t) MOST_PARTS * n_features, sizeof(Part));
			if (window->part == NULL)
				return ml_fail_memory(ctx);
		}
		p->feature[f].asked = features[f];
		p->feature[f].window = (int) (window - kind->window);
		plan_parts(&p->feature[f], window);
		if (time_back(&features[f]) > kind->reach)
			kind->reach = time_back(&features[f]);
	}
	for (int e = 0; e < n_entities; e++)
		lay_out(&p->kind[e]);
	*plan = p;
	return ML_OK;
}

int64_t
ml_feature_reach(const MlFeaturePlan *plan, int entity)
{
	return plan->kind[entity].reach;
}
