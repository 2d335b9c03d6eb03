/*-------------------------------------------------------------------------
 * categories.c
 *	  Which levels of a category are looked at alone, and which together.
 *
 * Bins chosen by looking at the current rows move by chance alone, so a level
 * that the reference hardly has gets a bin only where more than chance raised
 * it, and the tail is divided only where it changed by more than chance.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/drift.h"

/* The tail is divided where what is more than chance is worth at least this on
 * the scale of the stability index, and half of what chance itself is worth. */
#define LEAST_TAIL_INDEX 0.05
#define LEAST_OF_CHANCE 0.5

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

	if (!(n > 3 && t->levels >= 2 && variance > 0) ||
		excess * index_of_one * share < LEAST_TAIL_INDEX || excess < LEAST_OF_CHANCE * mean)
		return false;
	return ml_chi_square_p(t->statistic * 2 * mean / variance, 2 * mean * mean / variance) < ML_BY_CHANCE;
}

#define IN_TAIL 0				/* marks of the first pass */
#define ALONE 1

/* Marks every level, and sums up the tail. */
static void
mark_levels(const MlHistograms *h, double least_share, double rows_reference, double rows_current,
			uint32_t *group, Tail *tail)
{
	double		q = rows_current / (rows_reference + rows_current);
	double		levels = (double) h->n - 2;

	for (size_t code = 1; code + 1 < h->n; code++)
	{
		double		reference = (double) h->reference[code];
		double		current = (double) h->current[code];
		bool		alone = reference >= least_share * rows_reference ||
			(current >= least_share * rows_current &&
			 ml_chance_of_more(reference + current, current, q) < ML_BY_CHANCE / levels);

		group[code] = alone ? ALONE : IN_TAIL;
		if (alone || reference + current == 0)
			continue;
		tail->reference += reference;
		tail->current += current;
		tail->levels++;
		tail->reciprocals += 1 / (reference + current);
	}
	for (size_t code = 1; code + 1 < h->n; code++)
	{
		double		both = (double) h->reference[code] + (double) h->current[code];
		double		expected = both * tail->reference / (tail->reference + tail->current);
		double		difference = (double) h->reference[code] - expected;

		if (group[code] == IN_TAIL && both > 0 && tail->reference > 0 && tail->current > 0)
			tail->statistic += difference * difference *
				(1 / expected + (tail->reference + tail->current) / (both * tail->current));
	}
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
unseen_is_likely(const MlHistograms *h, uint64_t singles, double rows_reference, double rows_current)
{
	double		unseen = (double) h->current[h->n - 1];

	return singles > 0 && h->reference[h->n - 1] == 0 &&
		ml_chance_of_more((double) singles + unseen, unseen, rows_current / (rows_reference + rows_current)) >= ML_BY_CHANCE;
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
	double		rows_reference = 0;
	double		rows_current = 0;
	Tail		tail = {0};
	bool		divided;
	bool		likely;
	uint32_t	part[TAIL_PARTS] = {0}; /* 0: none yet */
	uint32_t	n = 1;

	for (size_t code = 1; code < h->n; code++)
	{
		rows_reference += (double) h->reference[code];
		rows_current += (double) h->current[code];
	}
	mark_levels(h, least_share, rows_reference, rows_current, group, &tail);
	divided = tail.reference > 0 && tail.current > 0 && tail_changed(&tail, rows_reference, rows_current);
	likely = tail.reference > 0 && unseen_is_likely(h, singles, rows_reference, rows_current);
	if (h->n > 1)
		group[h->n - 1] = likely ? IN_TAIL : ALONE;
	group[0] = 0;
	for (size_t code = 1; code < h->n; code++)
	{
		int			p = divided ? part_of((double) h->reference[code] / rows_reference,
										  (double) h->current[code] / rows_current) : 0;

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
