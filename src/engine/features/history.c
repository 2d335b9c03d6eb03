/*-------------------------------------------------------------------------
 * history.c
 *	  Features of rows in the order of their times, from what each entity remembers.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "part.h"
#include "window.h"

/* Entities of one kind, by their numbers. */
typedef struct Entities
{
	char	  **state;			/* [capacity]; NULL: not seen yet */
	uint32_t	capacity;
} Entities;

struct MlHistory
{
	WindowWork	work;
	Pool		pool;
	Entities   *entities;		/* [n_entities] */
};

MlStatus
ml_history_create(MlContext *ctx, const MlFeaturePlan *plan, MlHistory **history)
{
	MlHistory  *h = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlHistory));

	if (h == NULL)
		return ml_fail_memory(ctx);
	h->pool.arena = ctx->arena;
	h->work.plan = plan;
	h->work.pool = &h->pool;
	h->work.row_size = sizeof(Remembered) + plan->n_values * sizeof(double);
	h->entities = ml_arena_alloc_zeroed(ctx->arena, plan->n_entities, sizeof(Entities));
	if (h->entities == NULL)
		return ml_fail_memory(ctx);
	*history = h;
	return ML_OK;
}

static Ring *
ring_of(char *entity)
{
	return (Ring *) entity;
}

static WindowState *
window_state(char *entity, const Window *window)
{
	return (WindowState *) (entity + window->offset);
}

/* The state of an entity, made if it is new; NULL when memory is exhausted. */
static char *
find_entity(MlHistory *history, int kind, uint32_t number)
{
	Entities   *entities = &history->entities[kind];

	while (number >= entities->capacity)
	{
		if (!pool_grow(&history->pool, (void **) &entities->state, &entities->capacity, sizeof(char *)))
			return NULL;
	}
	if (entities->state[number] == NULL)
		entities->state[number] = pool_take(&history->pool, history->work.plan->kind[kind].size);
	return entities->state[number];
}

/* Rows at the ends of windows are far apart in memory: they are fetched together. */
static void
prefetch_ends(const MlHistory *history, const EntityKind *kind, char *entity)
{
	const Ring *ring = ring_of(entity);

	for (int w = 0; w < kind->n_windows && ring->capacity > 0; w++)
	{
		const WindowState *state = window_state(entity, &kind->window[w]);

		__builtin_prefetch(ring_row(&history->work, ring, state->tail));
		__builtin_prefetch(ring_row(&history->work, ring, state->head));
	}
}

static bool
move_windows(MlHistory *history, const EntityKind *kind, char *entity, int64_t time)
{
	prefetch_ends(history, kind, entity);
	for (int w = 0; w < kind->n_windows; w++)
	{
		if (!window_move(&history->work, &kind->window[w], window_state(entity, &kind->window[w]), ring_of(entity), time))
			return false;
	}
	return true;
}

#define CACHE_LINE 64

/* All of what an entity remembers, but for its rows. */
static void
prefetch_entity(const MlHistory *history, int kind, uint32_t number)
{
	const Entities *entities = &history->entities[kind];

	if (number >= entities->capacity || entities->state[number] == NULL)
		return;
	for (size_t at = 0; at < history->work.plan->kind[kind].size; at += CACHE_LINE)
		__builtin_prefetch(entities->state[number] + at);
}

MlStatus
ml_history_features(MlContext *ctx, MlHistory *history, const MlEvent *row, double *feature)
{
	const MlFeaturePlan *plan = history->work.plan;

	for (int e = 0; e < plan->n_entities; e++)
		prefetch_entity(history, e, row->entity[e]);
	for (int f = 0; f < plan->n_features; f++)
		feature[f] = NAN;
	for (int e = 0; e < plan->n_entities; e++)
	{
		const EntityKind *kind = &plan->kind[e];
		char	   *entity;

		if (row->entity[e] == ML_NO_ENTITY)
			continue;
		entity = find_entity(history, e, row->entity[e]);
		if (entity == NULL || !move_windows(history, kind, entity, row->time))
			return ml_fail_memory(ctx);
		for (int f = 0; f < plan->n_features; f++)
		{
			const PlannedFeature *planned = &plan->feature[f];
			const Window *window = &kind->window[planned->window];

			if (planned->asked.entity == e)
				feature[f] = window_feature(window, window_state(entity, window), planned, row->time, row->value);
		}
	}
	return ML_OK;
}

/* ---- the ring */

/* Forgets rows that no window needs any more. */
static void
forget(const EntityKind *kind, char *entity)
{
	Ring	   *ring = ring_of(entity);
	uint64_t	first = ring->end;

	for (int w = 0; w < kind->n_windows; w++)
	{
		uint64_t	needed = window_needs(&kind->window[w], window_state(entity, &kind->window[w]));

		if (needed < first)
			first = needed;
	}
	if (first > ring->begin)
		ring->begin = first;
}

/* Doubles the ring; rows keep their numbers. */
static bool
grow_ring(MlHistory *history, Ring *ring)
{
	const WindowWork *work = &history->work;
	Ring		larger = *ring;

	larger.capacity = ring->capacity ? 2 * ring->capacity : 2;
	larger.rows = larger.capacity > ring->capacity ? pool_take(&history->pool, larger.capacity * work->row_size) : NULL;
	if (larger.rows == NULL)
		return false;
	for (uint64_t number = ring->begin; number < ring->end; number++)
		memcpy((void *) ring_row(work, &larger, number), ring_row(work, ring, number), work->row_size);
	pool_give_back(&history->pool, ring->rows, ring->capacity * work->row_size);
	*ring = larger;
	return true;
}

/* Room for one more row: what is forgotten, unless it is little. */
static bool
make_room(MlHistory *history, const EntityKind *kind, char *entity, int64_t time)
{
	Ring	   *ring = ring_of(entity);

	if (ring->end - ring->begin < ring->capacity)
		return true;
	if (!move_windows(history, kind, entity, time))
		return false;
	forget(kind, entity);
	return ring->end - ring->begin <= ring->capacity / 4 * 3 && ring->capacity > 0 ? true : grow_ring(history, ring);
}

MlStatus
ml_history_remember(MlContext *ctx, MlHistory *history, const MlEvent *row)
{
	const WindowWork *work = &history->work;

	for (int e = 0; e < work->plan->n_entities; e++)
	{
		const EntityKind *kind = &work->plan->kind[e];
		Remembered *to;
		char	   *entity;

		if (row->entity[e] == ML_NO_ENTITY || kind->n_windows == 0)
			continue;
		entity = find_entity(history, e, row->entity[e]);
		if (entity == NULL || !make_room(history, kind, entity, row->time))
			return ml_fail_memory(ctx);
		to = (Remembered *) ring_row(work, ring_of(entity), ring_of(entity)->end++);
		to->time = row->time;
		to->known = row->known;
		memcpy(to->value, row->value, work->plan->n_values * sizeof(double));
	}
	return ML_OK;
}
