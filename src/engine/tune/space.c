/*-------------------------------------------------------------------------
 * space.c
 *	  Search spaces: which dimensions a point has, random points, grids.
 * Points of a grid are found by walking it from the first: O(number) each, for
 * at most LARGEST_GRID of them.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "space.h"

#define LARGEST_GRID ((size_t) 1000000)

/* ---------------------------------------------------------------- scale */

/*
 * Whole numbers own half a unit on both sides, so that the ends of a range are
 * drawn as often as the others.
 */
static double
half_unit(const MlDimension *d)
{
	return d->kind == ML_DIMENSION_INTEGER ? 0.5 : 0;
}

double
space_low(const MlDimension *d)
{
	double		low = d->minimum - half_unit(d);

	return d->log ? log(low) : low;
}

double
space_high(const MlDimension *d)
{
	double		high = d->maximum + half_unit(d);

	return d->log ? log(high) : high;
}

double
space_inner(const MlDimension *d, double value)
{
	return d->log ? log(value) : value;
}

double
space_outer(const MlDimension *d, double inner)
{
	double		value = d->log ? exp(inner) : inner;

	if (d->kind == ML_DIMENSION_INTEGER)
		value = floor(value + 0.5);
	return value < d->minimum ? d->minimum : value > d->maximum ? d->maximum : value;
}

/* ---------------------------------------------------------------- checks */

/* Errors: ML_INVALID_ARGUMENT, as check_parent's. */
static MlStatus
check_range(MlContext *ctx, const MlDimension *d)
{
	if (!isfinite(d->minimum) || !isfinite(d->maximum) || d->minimum > d->maximum)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "range of \"%s\" must rise from its minimum to its maximum", d->name);
	if (d->log && !(d->minimum > 0))
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "range of \"%s\" must be above 0 to be logarithmic", d->name);
	if (d->kind == ML_DIMENSION_INTEGER &&
		(d->minimum != floor(d->minimum) || d->maximum != floor(d->maximum)))
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "range of \"%s\" must have whole numbers at its ends", d->name);
	return ML_OK;
}

/* A parent must be a list of choices that comes earlier and fits a mask of 64 bits. */
static MlStatus
check_parent(MlContext *ctx, const MlSpace *space, size_t i)
{
	const MlDimension *d = &space->dimension[i];
	const MlDimension *parent;

	if (d->parent < 0)
		return ML_OK;
	if ((size_t) d->parent >= i)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "\"%s\" depends on a dimension that does not come before it", d->name);
	parent = &space->dimension[d->parent];
	if (parent->kind != ML_DIMENSION_CHOICE || parent->n_choices > ML_MAX_CHOICES)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "\"%s\" depends on \"%s\", which is not a list of at most %d values",
					   d->name, parent->name, ML_MAX_CHOICES);
	if (d->parent_choices == 0 ||
		(parent->n_choices < 64 && d->parent_choices >> parent->n_choices != 0))
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "\"%s\" depends on a value that \"%s\" does not have",
					   d->name, parent->name);
	return ML_OK;
}

/* Dimensions in order, so that the first fault is reported. */
MlStatus
ml_space_check(MlContext *ctx, const MlSpace *space, bool grid)
{
	if (space->n == 0)
		return ml_fail(ctx, ML_INVALID_ARGUMENT, "the search space is empty");
	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		MlStatus	status = ML_OK;

		if (d->kind == ML_DIMENSION_CHOICE && d->n_choices < 1)
			status = ml_fail(ctx, ML_INVALID_ARGUMENT, "\"%s\" has no values to choose from", d->name);
		else if (d->kind != ML_DIMENSION_CHOICE)
			status = check_range(ctx, d);
		if (status == ML_OK)
			status = check_parent(ctx, space, i);
		if (status == ML_OK && grid && d->kind == ML_DIMENSION_FLOAT && d->levels < 1 && d->minimum < d->maximum)
			status = ml_fail(ctx, ML_INVALID_ARGUMENT, "a grid cannot try every value of range \"%s\"", d->name);
		if (status != ML_OK)
			return status;
	}
	return ML_OK;
}

bool
ml_space_active(const MlSpace *space, size_t dimension, const double *point)
{
	const MlDimension *d = &space->dimension[dimension];
	double		choice;

	if (d->parent < 0)
		return true;
	choice = point[d->parent];
	return choice == choice && (d->parent_choices >> (int) choice & 1);
}

/* ---------------------------------------------------------------- random */

/*
 * One random number a dimension, used or not: a dimension's value does not depend
 * on which others exist.
 */
void
ml_space_random(const MlSpace *space, uint64_t seed, uint64_t number, double *point)
{
	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		double		u = ml_random_uniform(seed, number, i);

		if (!ml_space_active(space, i, point))
			point[i] = NAN;
		else if (d->kind == ML_DIMENSION_CHOICE)
			point[i] = floor(u * d->n_choices);
		else
			point[i] = space_outer(d, space_low(d) + u * (space_high(d) - space_low(d)));
	}
}

/* ---------------------------------------------------------------- grid */

/*
 * How many values a grid tries; levels beyond the whole numbers there are count for
 * no more.
 */
static double
grid_levels(const MlDimension *d)
{
	if (d->kind == ML_DIMENSION_CHOICE)
		return d->n_choices;
	if (d->kind == ML_DIMENSION_INTEGER && (d->levels == 0 || d->levels > d->maximum - d->minimum))
		return d->maximum - d->minimum + 1;
	return d->minimum == d->maximum ? 1 : d->levels;
}

/* The value of a level, 0 .. grid_levels - 1.  A single level of a range is its middle. */
static double
grid_value(const MlDimension *d, double level)
{
	double		levels = grid_levels(d);
	double		low;
	double		high;

	if (d->kind == ML_DIMENSION_CHOICE)
		return level;
	if (d->kind == ML_DIMENSION_INTEGER && levels == d->maximum - d->minimum + 1)
		return d->minimum + level;
	low = space_inner(d, d->minimum);
	high = space_inner(d, d->maximum);
	return space_outer(d, levels == 1 ? (low + high) / 2 : low + (high - low) * level / (levels - 1));
}

/*
 * Moves level to the next combination of the dimensions that are there, the
 * last one fastest; false past the end.  point is kept in step.
 */
static bool
next_combination(const MlSpace *space, double *level, double *point)
{
	size_t		i = space->n;

	while (i-- > 0)
	{
		if (point[i] == point[i] && level[i] + 1 < grid_levels(&space->dimension[i]))
			break;
		if (i == 0)
			return false;
	}
	level[i]++;
	point[i] = grid_value(&space->dimension[i], level[i]);
	while (++i < space->n)
	{
		level[i] = 0;
		point[i] = ml_space_active(space, i, point) ? grid_value(&space->dimension[i], 0) : NAN;
	}
	return true;
}

/*
 * The point of a number, by steps from the first; false past the end.  level [n] is
 * working memory, *counted the number reached.
 */
static bool
walk_grid(const MlSpace *space, size_t number, double *level, double *point, size_t *counted)
{
	for (size_t i = 0; i < space->n; i++)
	{
		level[i] = 0;
		point[i] = ml_space_active(space, i, point) ? grid_value(&space->dimension[i], 0) : NAN;
	}
	for (*counted = 0; *counted < number; (*counted)++)
	{
		if (!next_combination(space, level, point))
			return false;
	}
	return true;
}

#define MOST_DIMENSIONS 256

size_t
ml_space_grid_size(const MlSpace *space)
{
	double		level[MOST_DIMENSIONS];
	double		point[MOST_DIMENSIONS];
	size_t		counted;

	if (space->n > MOST_DIMENSIONS || walk_grid(space, LARGEST_GRID, level, point, &counted))
		return SIZE_MAX;
	return counted + 1;
}

/* A dimension as one of which a grid would try every value. */
static MlDimension
every_value(const MlDimension *from)
{
	MlDimension d = *from;

	d.levels = 0;
	return d;
}

/* Walks the grid of every value; the dimensions are copied, the space stays as it is. */
size_t
ml_space_size(const MlSpace *space)
{
	MlDimension dimension[MOST_DIMENSIONS];

	if (space->n > MOST_DIMENSIONS)
		return SIZE_MAX;
	for (size_t i = 0; i < space->n; i++)
	{
		dimension[i] = every_value(&space->dimension[i]);
		if (dimension[i].kind == ML_DIMENSION_FLOAT && dimension[i].minimum < dimension[i].maximum)
			return SIZE_MAX;
	}
	return ml_space_grid_size(&(MlSpace) {space->n, dimension});
}

bool
space_point(const MlSpace *space, size_t number, double *point)
{
	MlDimension dimension[MOST_DIMENSIONS];

	for (size_t i = 0; i < space->n; i++)
		dimension[i] = every_value(&space->dimension[i]);
	return ml_space_grid_point(&(MlSpace) {space->n, dimension}, number, point);
}

bool
ml_space_grid_point(const MlSpace *space, size_t number, double *point)
{
	double		level[MOST_DIMENSIONS];
	size_t		counted;

	return space->n <= MOST_DIMENSIONS && walk_grid(space, number, level, point, &counted);
}
