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

/*
 * Bonferroni's correction for n levels: of windows without drift, at most one in
 * 1,000 has any.
 */
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
 * Did the tail's levels change among themselves?  Most have few rows.  The
 * statistic's own law, given the margins, stands for the chi-square distribution,
 * which does not hold for levels of a row or two.  Beside the test the change must
 * be worth something on the scale of the stability index.
 */
static bool
tail_changed(const Tail *t, double rows_reference, double rows_current)
{
	double		n = t->reference + t->current;
	MlChiSquare law = ml_chi_square_given_margins(t->reference, t->current, t->levels, t->reciprocals);
	double		index_of_one = n / (t->reference * t->current);
	double		share = (t->reference / rows_reference + t->current / rows_current) / 2;
	double		excess = t->statistic - law.mean;
	double		index = excess * index_of_one * share;

	if (!(law.variance > 0) ||
		index < LEAST_TAIL_INDEX || (excess < LEAST_OF_CHANCE * law.mean && index < ENOUGH_TAIL_INDEX))
		return false;
	return ml_gamma_p(t->statistic, law) < ML_BY_CHANCE;
}

/* Marks of the first pass. */
#define IN_TAIL 0
#define ALONE 1
#define OF_REST 2				/* new, for what the reference's rest has and the current side lacks */
#define UNSEEN 3				/* new, and all of these are more than is likely */

/* Rows of each side but for what is missing, and what a level has to have to be alone. */
typedef struct Sides
{
	double		reference;
	double		current;
	double		least_share;
	double		chance;			/* below which a change of one level is more than that */
} Sides;

/* Did the level's rows of either side grow by more than chance, given its rows of both? */
static bool
has_changed(const Sides *sides, double reference, double current)
{
	double		both = reference + current;
	double		q = sides->current / (sides->reference + sides->current);

	return (current >= sides->least_share * sides->current && ml_chance_of_more(both, current, q) < sides->chance) ||
		(reference >= sides->least_share * sides->reference && ml_chance_of_more(both, reference, 1 - q) < sides->chance);
}

/* Frequent by both sides together, or changed. */
static bool
is_alone(const Sides *sides, double reference, double current)
{
	return reference + current >= sides->least_share * (sides->reference + sides->current) ||
		has_changed(sides, reference, current);
}

/* First pass: rows, levels and reciprocals. */
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

/*
 * Second pass, when the tail's totals are known: the level's term of the chi-square
 * statistic, both sides'.
 */
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

/* What becomes of a code that the reference does not know: code > n_known + 1. */
static uint32_t
mark_of_new(const MlLevels *levels, const Sides *sides, size_t code)
{
	const MlHistograms *h = &levels->h;
	bool		has_rest = h->reference[levels->n_known + 1] > 0;

	if (!levels->new_are_likely)
		return UNSEEN;
	if (code == h->n - 1)		/* not told apart */
		return has_rest ? OF_REST : IN_TAIL;
	if (has_rest)
		return has_changed(sides, 0, (double) h->current[code]) ? ALONE : OF_REST;
	return is_alone(sides, 0, (double) h->current[code]) ? ALONE : IN_TAIL;
}

/* Marks every level and returns the current rows of the rest, which is of the tail. */
static double
mark_levels(const MlLevels *levels, const Sides *sides, uint32_t *group)
{
	const MlHistograms *h = &levels->h;
	size_t		rest = levels->n_known + 1;
	double		rest_current = (double) h->current[rest];

	group[rest] = IN_TAIL;
	for (size_t code = 1; code < rest; code++)
		group[code] = is_alone(sides, (double) h->reference[code], (double) h->current[code]) ? ALONE : IN_TAIL;
	for (size_t code = rest + 1; code < h->n; code++)
	{
		group[code] = mark_of_new(levels, sides, code);
		rest_current += group[code] == OF_REST ? (double) h->current[code] : 0;
	}
	return rest_current;
}

/* Adds the tail up, by two passes over the levels. */
static Tail
tail_of(const MlHistograms *h, size_t rest, double rest_current, const uint32_t *group)
{
	Tail		tail = {0};

	for (int pass = 0; pass < 2; pass++)
	{
		for (size_t code = 1; code < h->n; code++)
		{
			if (group[code] == IN_TAIL)
				(pass ? add_difference : add_to_tail) (&tail, (double) h->reference[code],
													   code == rest ? rest_current : (double) h->current[code]);
		}
	}
	return tail;
}

/* Merging what changed in one direction loses nothing of the total variation,
 * merging what changed about as much little of any other distance. */
#define TAIL_PARTS 4

/* Which of TAIL_PARTS by the ratio of shares: below 1/2, up to 1, up to 2, above. */
static int
part_of(double reference, double current)
{
	return current > 2 * reference ? 3 : current > reference ? 2 : 2 * current >= reference ? 1 : 0;
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

/* Groups are numbered as their first codes come; 0 is what is missing.  O(h->n). */
size_t
ml_group_categories(const MlLevels *levels, double least_share, uint32_t *group)
{
	const MlHistograms *h = &levels->h;
	size_t		rest = levels->n_known + 1;
	Sides		sides = {.least_share = least_share, .chance = ML_BY_CHANCE / (double) (h->n - 2)};
	Tail		tail;
	bool		divided;
	double		rest_current;
	uint32_t	part[TAIL_PARTS] = {0}; /* 0: none yet */
	uint32_t	unseen = 0;
	uint32_t	n = 1;

	for (size_t code = 1; code < h->n; code++)
	{
		sides.reference += (double) h->reference[code];
		sides.current += (double) h->current[code];
	}
	rest_current = mark_levels(levels, &sides, group);
	tail = tail_of(h, rest, rest_current, group);
	divided = tail.reference > 0 && tail.current > 0 && tail_changed(&tail, sides.reference, sides.current);
	group[0] = 0;
	for (size_t code = 1; code < h->n; code++)
	{
		bool		of_rest = code == rest || group[code] == OF_REST;
		double		current = of_rest ? rest_current : (double) h->current[code];
		double		reference = (double) h->reference[of_rest ? rest : code];
		uint32_t   *shared = group[code] == UNSEEN ? &unseen
			: &part[divided ? part_of(reference / sides.reference, current / sides.current) : 0];

		if (group[code] == ALONE)
			group[code] = n++;
		else
		{
			if (*shared == 0)
				*shared = n++;
			group[code] = *shared;
		}
	}
	return n;
}
