/*
 * window.h
 *	  What is in a window of one entity's rows (private to features).
 */
#ifndef MLOPS_ENGINE_FEATURES_WINDOW_H
#define MLOPS_ENGINE_FEATURES_WINDOW_H

#include "distinct.h"
#include "heap.h"
#include "plan.h"

/* A row that an entity remembers. */
typedef struct Remembered
{
	int64_t		time;
	int64_t		known;
	double		value[];		/* [n_values] */
} Remembered;

/* The entity's rows, by their numbers since it was first seen. */
typedef struct Ring
{
	char	   *rows;			/* [capacity] of row_size */
	uint32_t	capacity;		/* a power of two, or 0 */
	uint64_t	begin;			/* number of the first one kept, */
	uint64_t	end;			/* and of the next to come */
} Ring;

/* Rows [tail, head) are in it, but for those that are not yet known. */
typedef struct WindowState
{
	uint64_t	tail;
	uint64_t	head;
	int64_t		moved_to;		/* the time up to which it has been moved */
	Heap		unknown;		/* rows in it that are not yet known, by when they are: numbers */
} WindowState;

/* What windows of one history share. */
typedef struct WindowWork
{
	const MlFeaturePlan *plan;
	Pool	   *pool;
	size_t		row_size;		/* of Remembered */
} WindowWork;

static inline const Remembered *
ring_row(const WindowWork *work, const Ring *ring, uint64_t number)
{
	return (const Remembered *) (ring->rows + (number & (ring->capacity - 1)) * work->row_size);
}

/*
 * Moves a window to a time, which is not before the last one: what left it is taken
 * away, what entered or became known is added.  False when memory is exhausted.
 */
extern bool window_move(const WindowWork *work, const Window *window, WindowState *state, const Ring *ring, int64_t time);

/* Number of the first row that it may still need. */
extern uint64_t window_needs(const Window *window, const WindowState *state);

/* A feature of a row at that time with those values, from its window, which was moved there. */
extern double window_feature(const Window *window, const WindowState *state, const PlannedFeature *feature,
							 int64_t time, const double *value);

#endif							/* MLOPS_ENGINE_FEATURES_WINDOW_H */
