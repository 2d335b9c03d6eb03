/*-------------------------------------------------------------------------
 * grid.c
 *	  Terminals on a square, findable by place (see grid.h).
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "engine/simulate/grid.h"
#include "mlops/engine/simulate.h"

#define CELLS_PER_RADIUS 4		/* finer: fewer candidates outside the circle, more rows to walk */

/* The cells that a circle touches: rows and columns, both ends included. */
typedef struct CellBox
{
	uint32_t	top;
	uint32_t	bottom;
	uint32_t	left;
	uint32_t	right;
} CellBox;

/* Cell of a coordinate; coordinates outside the square belong to its edge. */
static uint32_t
cell_of(const TerminalGrid *grid, double coordinate)
{
	double		cell = floor(coordinate / grid->cell);

	if (cell < 0)
		return 0;
	return cell >= grid->side ? grid->side - 1 : (uint32_t) cell;
}

/* The cells of the circle's bounding square. */
static CellBox
touched_cells(const TerminalGrid *grid, const Reach *reach)
{
	return (CellBox)
	{
		.top = cell_of(grid, reach->y - reach->radius),
		.bottom = cell_of(grid, reach->y + reach->radius),
		.left = cell_of(grid, reach->x - reach->radius),
		.right = cell_of(grid, reach->x + reach->radius)
	};
}

/* position: in the order of cells. */
static bool
is_inside(const TerminalGrid *grid, const Reach *reach, uint32_t position)
{
	double		dx = grid->x[position] - reach->x;
	double		dy = grid->y[position] - reach->y;

	return dx * dx + dy * dy < reach->radius * reach->radius;
}

/* O(n), by a counting sort.  The arrays are in the arena; x and y are copied. */
bool
grid_build(TerminalGrid *grid, MlArena *arena, uint32_t n,
		   const double *x, const double *y, double radius)
{
	/* about one terminal a cell at the finest */
	double		finest = ceil(sqrt((double) n));
	double		wanted = ceil(CELLS_PER_RADIUS * ML_SIMULATION_SIDE / radius);

	grid->side = (uint32_t) fmax(1, fmin(finest, wanted));
	grid->cell = ML_SIMULATION_SIDE / grid->side;

	size_t		n_cells = (size_t) grid->side * grid->side;
	uint32_t   *first = ml_arena_alloc_zeroed(arena, n_cells + 2, sizeof(uint32_t));
	double	   *sorted_x = ml_arena_alloc_array(arena, n, sizeof(double));
	double	   *sorted_y = ml_arena_alloc_array(arena, n, sizeof(double));
	uint32_t   *terminal = ml_arena_alloc_array(arena, n, sizeof(uint32_t));

	if (first == NULL || sorted_x == NULL || sorted_y == NULL || terminal == NULL)
		return false;

	/*
	 * Counting sort.  Counts are kept two places further on, so that after the
	 * sums first[c + 1] is where cell c begins and can serve as its cursor; the
	 * last cursor of cell c is where cell c + 1 begins.
	 */
#define CELL(i) ((size_t) cell_of(grid, y[i]) * grid->side + cell_of(grid, x[i]))
	for (uint32_t i = 0; i < n; i++)
		first[CELL(i) + 2]++;
	for (size_t c = 2; c < n_cells + 2; c++)
		first[c] += first[c - 1];
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	position = first[CELL(i) + 1]++;

		sorted_x[position] = x[i];
		sorted_y[position] = y[i];
		terminal[position] = i;
	}
#undef CELL

	grid->first = first;
	grid->x = sorted_x;
	grid->y = sorted_y;
	grid->terminal = terminal;
	return true;
}

/* Terminates as long as there is a terminal: at last the circle holds the square. */
Reach
grid_reach(const TerminalGrid *grid, double x, double y, double radius)
{
	Reach		reach = {.x = x, .y = y, .radius = radius};

	for (;; reach.radius *= 2)
	{
		CellBox		box = touched_cells(grid, &reach);
		bool		found = false;

		reach.n_candidates = 0;
		for (uint32_t row = box.top; row <= box.bottom; row++)
		{
			const uint32_t *cells = grid->first + (size_t) row * grid->side;
			uint32_t	begin = cells[box.left];
			uint32_t	end = cells[box.right + 1];

			reach.n_candidates += end - begin;
			for (uint32_t p = begin; p < end && !found; p++)
				found = is_inside(grid, &reach, p);
		}
		if (found)
			return reach;
	}
}

/* Rows of cells are few, so the row is searched for one after the other. */
bool
grid_candidate(const TerminalGrid *grid, const Reach *reach,
			   uint32_t index, uint32_t *terminal)
{
	CellBox		box = touched_cells(grid, reach);

	for (uint32_t row = box.top; row <= box.bottom; row++)
	{
		const uint32_t *cells = grid->first + (size_t) row * grid->side;
		uint32_t	begin = cells[box.left];
		uint32_t	in_row = cells[box.right + 1] - begin;

		if (index < in_row)
		{
			if (!is_inside(grid, reach, begin + index))
				return false;
			*terminal = grid->terminal[begin + index];
			return true;
		}
		index -= in_row;
	}
	return false;
}
