/*-------------------------------------------------------------------------
 * distinct.c
 *	  A hash table of values and how often they are there: open addressing with linear
 *	  probing, at most half full.  A slot that becomes free is filled by those behind it
 *	  that had to make way (Knuth, "The Art of Computer Programming" 6.4, algorithm R).
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "distinct.h"

/* 0 and -0 are one value. */
static uint32_t
home_slot(const Distinct *set, double value)
{
	uint64_t	bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return (uint32_t) ml_mix64(bits) & (set->n_slots - 1);
}

/* The slot that has the value, or the free one where it would go. */
static uint32_t
find_slot(const Distinct *set, double value)
{
	uint32_t	at = home_slot(set, value);

	while (set->slot[at].count > 0 && set->slot[at].value != value)
		at = (at + 1) & (set->n_slots - 1);
	return at;
}

static bool
double_slots(Pool *pool, Distinct *set)
{
	Distinct	larger = {.n = set->n, .n_slots = set->n_slots ? 2 * set->n_slots : 4};

	larger.slot = larger.n_slots > set->n_slots ? pool_take(pool, larger.n_slots * sizeof(DistinctSlot)) : NULL;
	if (larger.slot == NULL)
		return false;
	for (uint32_t i = 0; i < set->n_slots; i++)
	{
		if (set->slot[i].count > 0)
			larger.slot[find_slot(&larger, set->slot[i].value)] = set->slot[i];
	}
	distinct_free(pool, set);
	*set = larger;
	return true;
}

bool
distinct_add(Pool *pool, Distinct *set, double value)
{
	uint32_t	at;

	if (2 * set->n >= set->n_slots && !double_slots(pool, set))
		return false;
	at = find_slot(set, value);
	set->n += set->slot[at].count == 0;
	set->slot[at].value = value;
	set->slot[at].count++;
	return true;
}

void
distinct_remove(Distinct *set, double value)
{
	uint32_t	mask = set->n_slots - 1;
	uint32_t	at = find_slot(set, value);

	if (--set->slot[at].count > 0)
		return;
	set->n--;
	for (uint32_t next = (at + 1) & mask; set->slot[next].count > 0; next = (next + 1) & mask)
	{
		/* one whose home is behind the free slot stays */
		if (((next - home_slot(set, set->slot[next].value)) & mask) >= ((next - at) & mask))
		{
			set->slot[at] = set->slot[next];
			set->slot[next].count = 0;
			at = next;
		}
	}
}

bool
distinct_has(const Distinct *set, double value)
{
	return set->n > 0 && set->slot[find_slot(set, value)].count > 0;
}

void
distinct_free(Pool *pool, Distinct *set)
{
	pool_give_back(pool, set->slot, set->n_slots * sizeof(DistinctSlot));
	memset(set, 0, sizeof(*set));
}
