/*-------------------------------------------------------------------------
 * categories.c
 *	  Which levels of a category are looked at alone, and which together.
 *
 * Bins chosen by looking at one side move by chance alone: what is frequent there
 * is so in part by chance, and less so on the other side.  So a level gets a bin
 * by the rows of both sides together, which say nothing of how those divide, or
 * where it changed by more than chance, and the tail is divided only where it
 * changed by more than chance.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

/* The tail is divided where what is more than chance is worth at least this on
 * the scale of the stability index, and half of what chance itself is worth, or
 * enough to be drift without what chance adds. */
#define LEAST_TAIL_INDEX 0.05
#define LEAST_OF_CHANCE 0.5
#define ENOUGH_TAIL_INDEX 0.2

bool
ml_is_above_chosen(double rows_reference, uint64_t reference, uint64_t most, double n_levels)
{
	return ml_chance_of_more(rows_reference, (double) reference, (double) most / rows_reference) < ML_BY_CHANCE / n_levels;
}

size_t
ml_grown_levels(double rows_reference, double rows_current, uint64_t most, double least_share,
				size_t n, const uint64_t *current, uint32_t *grown)
{
	double		q = rows_current / (rows_reference + rows_current);
	size_t		found = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		rows = (double) current[i];

		if (rows > 0 && rows >= least_share * rows_current &&
			ml_chance_of_more((double) most + rows, rows, q) < ML_BY_CHANCE / (double) n)
			grown[found++] = (uint32_t) i;
	}
	return found;
}

/* Rows and levels of the tail, and what its chi-square test is made of. */
typedef struct Tail
{
	double		reference;
	double		current;
	double		levels;			/* with rows on either side */
	double		reciprocals;	/* sum of 1 / rows of a level */
	double		statistic;
} Tail;

/*
 * Did the tail's levels change among themselves?  Most have too few rows for the
 * usual chi-square distribution; the one used has the exact mean and variance
 * of the statistic given the rows of each side and of each level (Dawson, "A
 * simplified expression for the variance of the chi-square function on a
 * contingency table", Biometrika 41, 1954).
 */
static bool
tail_changed(const Tail *t, double rows_reference, double rows_current)
{
	double		n = t->reference + t->current;
	double		mean = n * (t->levels - 1) / (n - 1);
	double		a = (n - 2) / (n - 1);
	double		b = (t->levels - 1) * (n - t->levels) / (n - 1);
	double		sigma = (n * (1 / t->reference + 1 / t->current) - 4) / (n - 2);
	double		tau = (n * t->reciprocals - t->levels * t->levels) / (n - 2);
	double		variance = 2 * n / (n - 3) * (a - sigma) * (b - tau) + n * n / (n - 1) * sigma * tau;
	double		index_of_one = n / (t->reference * t->current);
	double		share = (t->reference / rows_reference + t->current / rows_current) / 2;
	double		excess = t->statistic - mean;
	double		index = excess * index_of_one * share;

	if (!(n > 3 && t->levels >= 2 && variance > 0) ||
		index < LEAST_TAIL_INDEX || (excess < LEAST_OF_CHANCE * mean && index < ENOUGH_TAIL_INDEX))
		return false;
	return ml_chi_square_p(t->statistic * 2 * mean / variance, 2 * mean * mean / variance) < ML_BY_CHANCE;
}

#define IN_TAIL 0				/* marks of the first pass */
#define ALONE 1

/* Rows of each side but for what is missing, and what a level has to have to be alone. */
typedef struct Sides
{
	double		reference;
	double		current;
	double		least_share;
	double		chance;			/* below which a change of one level is more than that */
} Sides;

static bool
is_alone(const Sides *sides, double reference, double current)
{
	double		both = reference + current;
	double		q = sides->current / (sides->reference + sides->current);

	return both >= sides->least_share * (sides->reference + sides->current) ||
		(current >= sides->least_share * sides->current && ml_chance_of_more(both, current, q) < sides->chance) ||
		(reference >= sides->least_share * sides->reference && ml_chance_of_more(both, reference, 1 - q) < sides->chance);
}

static void
add_to_tail(Tail *tail, double reference, double current)
{
	if (reference + current == 0)
		return;
	tail->reference += reference;
	tail->current += current;
	tail->levels++;
	tail->reciprocals += 1 / (reference + current);
}

static void
add_difference(Tail *tail, double reference, double current)
{
	double		both = reference + current;
	double		expected = both * tail->reference / (tail->reference + tail->current);
	double		difference = reference - expected;

	if (both > 0 && tail->reference > 0 && tail->current > 0)
		tail->statistic += difference * difference *
			(1 / expected + (tail->reference + tail->current) / (both * tail->current));
}

/* Marks every level, and sums up the tail; the rest is one of its levels. */
static void
mark_levels(const MlHistograms *h, const Sides *sides, double rest_current, uint32_t *group, Tail *tail)
{
	size_t		rest = h->n - 2;

	for (size_t code = 1; code < rest; code++)
	{
		group[code] = is_alone(sides, (double) h->reference[code], (double) h->current[code]) ? ALONE : IN_TAIL;
		if (group[code] == IN_TAIL)
			add_to_tail(tail, (double) h->reference[code], (double) h->current[code]);
	}
	group[rest] = IN_TAIL;
	add_to_tail(tail, (double) h->reference[rest], rest_current);
	for (size_t code = 1; code < rest; code++)
	{
		if (group[code] == IN_TAIL)
			add_difference(tail, (double) h->reference[code], (double) h->current[code]);
	}
	add_difference(tail, (double) h->reference[rest], rest_current);
}

/* Merging what changed in one direction loses nothing of the total variation,
 * merging what changed about as much little of any other distance. */
#define TAIL_PARTS 4

static int
part_of(double reference, double current)
{
	return current > 2 * reference ? 3 : current > reference ? 2 : 2 * current >= reference ? 1 : 0;
}

/* Is what the reference does not know no more than it makes likely? */
static bool
unseen_is_likely(const MlHistograms *h, uint64_t singles, const Sides *sides)
{
	double		unseen = (double) h->current[h->n - 1];

	return singles > 0 && h->reference[h->n - 1] == 0 &&
		ml_chance_of_more((double) singles + unseen, unseen, sides->current / (sides->reference + sides->current)) >= ML_BY_CHANCE;
}

bool
ml_is_beyond(uint64_t reference, uint64_t current, uint64_t beyond)
{
	double		chance = 1;

	/* that the so many most extreme of both are all of the current side */
	for (uint64_t i = 0; i < beyond && chance >= ML_BY_CHANCE; i++)
		chance *= (double) (current - i) / (double) (reference + current - i);
	return chance < ML_BY_CHANCE;
}

size_t
ml_group_categories(const MlHistograms *h, uint64_t singles, double least_share, uint32_t *group)
{
	size_t		rest = h->n - 2;
	Sides		sides = {.least_share = least_share, .chance = ML_BY_CHANCE / (double) rest};
	Tail		tail = {0};
	bool		divided;
	bool		likely;
	double		rest_current;	/* what the reference has as known and the current side as new is of the rest */
	uint32_t	part[TAIL_PARTS] = {0}; /* 0: none yet */
	uint32_t	n = 1;

	for (size_t code = 1; code < h->n; code++)
	{
		sides.reference += (double) h->reference[code];
		sides.current += (double) h->current[code];
	}
	likely = unseen_is_likely(h, singles, &sides);
	rest_current = (double) h->current[rest] +
		(likely && h->reference[rest] > 0 ? (double) h->current[h->n - 1] : 0);
	mark_levels(h, &sides, rest_current, group, &tail);
	divided = tail.reference > 0 && tail.current > 0 && tail_changed(&tail, sides.reference, sides.current);
	group[h->n - 1] = likely && tail.reference > 0 ? IN_TAIL : ALONE;
	group[0] = 0;
	for (size_t code = 1; code < h->n; code++)
	{
		bool		of_rest = code == rest || (code > rest && h->reference[rest] > 0);
		double		current = of_rest ? rest_current : (double) h->current[code];
		double		reference = (double) h->reference[of_rest ? rest : code];
		int			p = divided ? part_of(reference / sides.reference, current / sides.current) : 0;

		if (group[code] == ALONE)
			group[code] = n++;
		else
		{
			if (part[p] == 0)
				part[p] = n++;
			group[code] = part[p];
		}
	}
	return n;
}
