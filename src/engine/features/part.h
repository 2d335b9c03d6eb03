/*
 * part.h
 *	  The parts that a window's features are made of (private to features).
 */
#ifndef MLOPS_ENGINE_FEATURES_PART_H
#define MLOPS_ENGINE_FEATURES_PART_H

#include "window.h"

/* The least of some values, or the greatest: with its sign changed. */
typedef struct Extreme
{
	Heap		values;			/* by value, tagged with their times, where some may leave */
	double		value;			/* where none does */
	bool		any;
} Extreme;

typedef struct Last
{
	uint64_t	number;			/* of the row, from 1; 0: there is none */
	int64_t		time;
	double		value;
} Last;

typedef struct First
{
	int64_t		time;
	bool		any;
} First;

extern size_t part_size(PartKind kind);

/* Does a row with these values count in it? */
extern bool part_counts(const Part *part, const double *value);

/*
 * Adds a row to it.  Rows up to a time have left; INT64_MIN: none ever will.  False when
 * memory is exhausted.
 */
extern bool part_add(Pool *pool, const Part *part, void *state, const Remembered *row, uint64_t number, int64_t left_until);

/* Takes a row away that was added. */
extern void part_remove(const Part *part, void *state, const Remembered *row);

/* Lets go of rows up to a time, where they are not taken away one by one. */
extern void part_expire(const Part *part, void *state, int64_t until);

/* Gives back what it holds beside its state. */
extern void part_free(Pool *pool, const Part *part, void *state);

#endif							/* MLOPS_ENGINE_FEATURES_PART_H */
