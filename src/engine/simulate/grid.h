/*-------------------------------------------------------------------------
 * grid.h
 *	  Terminals on a square, findable by place.
 *
 * Choosing a terminal near a customer must not look at all terminals, nor
 * keep a list for each customer (their sum grows with customers times
 * terminals).  The square is cut into cells, terminals are kept in the order
 * of their cells, row by row: the cells that a circle touches in one row are
 * one run of terminals.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SIMULATE_GRID_H
#define MLOPS_SIMULATE_GRID_H

#include "mlops/engine/base.h"

typedef struct TerminalGrid
{
	uint32_t	side;			/* cells along one side */
	double		cell;			/* length of a cell's side */
	const uint32_t *first;		/* [side * side + 1] first position in a cell */
	const double *x;			/* by position */
	const double *y;
	const uint32_t *terminal;	/* number of the terminal at a position */
} TerminalGrid;

/* How far one customer goes. */
typedef struct Reach
{
	double		x;
	double		y;
	double		radius;
	uint32_t	n_candidates;	/* terminals in the cells that the circle touches */
} Reach;

/*
 * Sorts terminals at x, y [n] into cells that suit searches by radius.  False
 * if the arena is exhausted.
 */
extern bool grid_build(TerminalGrid *grid, MlArena *arena, uint32_t n,
					   const double *x, const double *y, double radius);

/*
 * The circle around x, y that holds at least one terminal: radius, or the
 * first of its doubles that does.
 */
extern Reach grid_reach(const TerminalGrid *grid, double x, double y, double radius);

/*
 * Candidate number index (0 .. n_candidates - 1) of a reach.  False if it
 * lies outside the circle; then *terminal is not set.
 */
extern bool grid_candidate(const TerminalGrid *grid, const Reach *reach,
						   uint32_t index, uint32_t *terminal);

#endif							/* MLOPS_SIMULATE_GRID_H */
