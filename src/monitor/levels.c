/*-------------------------------------------------------------------------
 * levels.c
 *	  The levels of a category beside those that a model's training had: of
 *	  these it knows the rows of the most frequent, of the others that they were.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "monitor/compare.h"

/*
 * Open addressing, at most half full; by hash alone, so that two levels may count
 * as one, once in some 2^64 pairs.
 */
void
mlmon_see_new(MlNewLevels *news, const char *bytes, size_t size)
{
	uint64		hash = ml_hash_bytes(bytes, size, 1);
	size_t		slot = hash % ML_NEW_SLOTS;

	while (news->rows[slot] > 0 && news->hash[slot] != hash)
		slot = (slot + 1) % ML_NEW_SLOTS;
	if (news->rows[slot] == 0 && news->n == ML_MOST_NEW)
	{
		news->uncounted++;
		return;
	}
	news->n += news->rows[slot] == 0;
	news->hash[slot] = hash;
	news->rows[slot]++;
}

#define MOST_GROWN 100			/* levels may have a hundredth of the rows: ML_LEAST_SHARE */

/* Levels of a category that are counted together, while they are collected. */
typedef struct Rest
{
	uint64_t	reference;		/* rows */
	uint64_t	current;
	uint64_t	most;			/* of the reference's, that any of them has */
	size_t		n_levels;		/* whose current rows are known */
	uint64	   *rows;			/* [n_levels] these */
} Rest;

/*
 * Codes that cannot be told by their rows from levels without one join those:
 * that they have a code is chance, and their counts are too large for it.
 */
static void
move_to_rest(MlHistograms *codes, double n_levels, Rest *rest)
{
	uint64_t   *reference = (uint64_t *) codes->reference;
	uint64_t   *current = (uint64_t *) codes->current;
	double		rows = (double) (sum_of(reference + 1, codes->n - 1) + rest->reference);
	uint64_t	rarest = rest->reference;
	size_t		n = 1;

	for (size_t code = 1; code < codes->n; code++)
		rarest = Min(rarest, reference[code]);
	rest->most = rarest;
	for (size_t code = 1; code < codes->n; code++)
	{
		if (ml_is_above_chosen(rows, reference[code], rarest, n_levels))
		{
			reference[n] = reference[code];
			current[n++] = current[code];
			continue;
		}
		rest->most = Max(rest->most, reference[code]);
		rest->reference += reference[code];
		rest->current += current[code];
		rest->rows[rest->n_levels++] = current[code];
	}
	codes->n = n;
}

/*
 * Levels of the rest that grew get codes again.  How many rows of the reference
 * each had is not known, so it is taken to have had as many as any, if there are
 * so many: it grew at least as much.
 */
static void
take_grown(MlHistograms *codes, uint64 unseen, Rest *rest)
{
	uint64_t   *reference = (uint64_t *) codes->reference;
	uint64_t   *current = (uint64_t *) codes->current;
	double		rows_reference = (double) (sum_of(reference + 1, codes->n - 1) + rest->reference);
	double		rows_current = (double) (sum_of(current + 1, codes->n - 1) + rest->current + unseen);
	uint32_t	grown[MOST_GROWN];
	size_t		n = ml_grown_levels(rows_reference, rows_current, rest->most, ML_LEAST_SHARE,
									rest->n_levels, rest->rows, grown);
	uint64_t	had = n > 0 ? Min(rest->most, rest->reference / n) : 0;

	for (size_t i = 0; i < n; i++)
	{
		reference[codes->n] = had;
		current[codes->n++] = rest->rows[grown[i]];
		rest->reference -= had;
		rest->current -= rest->rows[grown[i]];
	}
}

/*
 * Codes of a category: what is missing, levels with a code, and the rest.  Where
 * the model does not say which others training knew (n_others 0), all that has no
 * code is the rest if training had any.  counted->n codes and places for what
 * grows and for n_new new ones, in the current memory context.
 */
static MlHistograms
known_codes(const MlHistograms *counted, size_t n_others, const uint64 *others, size_t n_new)
{
	size_t		last = counted->n - 1;
	uint64_t   *reference = palloc0((counted->n + MOST_GROWN + 1 + n_new) * sizeof(uint64_t));
	uint64_t   *current = palloc0((counted->n + MOST_GROWN + 1 + n_new) * sizeof(uint64_t));
	MlHistograms codes = {last, reference, current};
	uint64		without_code = counted->current[last];
	Rest		rest = {.reference = counted->reference[last], .n_levels = n_others};

	rest.current = n_others > 0 ? sum_of(others, n_others) : rest.reference > 0 ? without_code : 0;
	memcpy(reference, counted->reference, last * sizeof(uint64_t));
	memcpy(current, counted->current, last * sizeof(uint64_t));
	if (rest.reference > 0)
	{
		uint64		unseen = without_code - rest.current;

		rest.rows = palloc((last + n_others) * sizeof(uint64));
		memcpy(rest.rows, others, n_others * sizeof(uint64));
		move_to_rest(&codes, (double) (last + (n_others > 0 ? n_others : rest.reference)), &rest);
		take_grown(&codes, unseen, &rest);
	}
	reference[codes.n] = rest.reference;
	current[codes.n++] = rest.current;
	return codes;
}

/*
 * Current rows with a category that training did not know.  Where the bytes do not
 * say which it knew, no more of those without a code than their share has grown.
 */
static uint64
unseen_rows(const MlHistograms *counted, size_t n_others, const uint64 *others)
{
	size_t		last = counted->n - 1;
	double		expected;

	if (n_others > 0)
		return counted->current[last] - sum_of(others, n_others);
	expected = rint((double) counted->reference[last] * (double) sum_of(counted->current, counted->n) /
					(double) sum_of(counted->reference, counted->n));
	return counted->current[last] - (uint64) Min((double) counted->current[last], expected);
}

/* Rows of the new levels that were told apart, [news->n], to current. */
static void
copy_new(const MlNewLevels *news, uint64_t *current)
{
	for (size_t slot = 0; slot < ML_NEW_SLOTS; slot++)
	{
		if (news->rows[slot] > 0)
			*current++ = news->rows[slot];
	}
}

/*
 * How likely is what is new?  How often training had one of the others is not known,
 * but how many it had once: the last ones, as the first are the more frequent.
 */
static double
unseen_p(const MlHistograms *counted, uint64 singles, size_t n_others, const uint64 *others, const MlNewLevels *news)
{
	size_t		n_coded = counted->n - 2;
	size_t		n = n_coded + n_others + news->n;
	uint64_t   *reference = palloc0(Max(n, 1) * sizeof(uint64_t));
	uint64_t   *current = palloc0(Max(n, 1) * sizeof(uint64_t));
	uint64		once = singles;
	uint64		rows = counted->reference[counted->n - 1];
	size_t		more;

	memcpy(reference, counted->reference + 1, n_coded * sizeof(uint64_t));
	memcpy(current, counted->current + 1, n_coded * sizeof(uint64_t));
	for (size_t i = 0; i < n_coded; i++)
		once -= reference[i] == 1 && once > 0;
	once = Min(once, Min(n_others, rows));
	more = n_others - once;
	for (size_t i = 0; i < n_others; i++)
		reference[n_coded + i] = i < more ? Max((rows - once) / more, 1) : 1;
	memcpy(current + n_coded, others, n_others * sizeof(uint64_t));
	copy_new(news, current + n_coded + n_others);
	return ml_unseen_p(&(MlHistograms) {n, reference, current}, news->uncounted);
}

void
mlmon_model_levels(const MlHistograms *counted, uint64 singles, size_t n_others, const uint64 *others,
				   const MlNewLevels *news, MlModelLevels *found)
{
	static const MlNewLevels none = {0};
	bool		rest_unknown = n_others == 0 && counted->reference[counted->n - 1] > 0;
	MlHistograms codes;

	found->unseen = unseen_rows(counted, n_others, others);
	if (rest_unknown)
		news = &none;
	codes = known_codes(counted, n_others, others, news->n);
	found->levels.n_known = codes.n - 2;
	/* in the place of codes that moved to the rest */
	memset((uint64_t *) codes.reference + codes.n, 0, (news->n + 1) * sizeof(uint64_t));
	copy_new(news, (uint64_t *) codes.current + codes.n);
	codes.n += news->n;
	((uint64_t *) codes.current)[codes.n++] = news->uncounted;
	found->levels.h = codes;
	if (rest_unknown)			/* beside it no new row is expected */
		found->unseen_p = ml_chance_of_more((double) found->unseen, (double) found->unseen,
											(double) sum_of(counted->current, counted->n) /
											((double) sum_of(counted->current, counted->n) + (double) sum_of(counted->reference, counted->n)));
	else
		found->unseen_p = unseen_p(counted, singles, n_others, others, news);
	found->levels.new_are_likely = found->unseen_p >= ML_BY_CHANCE;
}
