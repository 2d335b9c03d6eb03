/*-------------------------------------------------------------------------
 * usual.c
 *	  Finds the few values that are not as most are.
 *
 * In sparse columns most are one value.  Whether some have just its bits is seen
 * without a branch, by vector instructions; only where it is not so are they looked
 * at one by one.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "usual.h"

#define STEP ((size_t) 16)

MlUsual
ml_usual_code(const MlFeature *feature, uint8_t code)
{
	MlUsual		usual = {code == ML_CODE_MISSING, -INFINITY, INFINITY};

	/* greater than the edge before, which only a finite number can be */
	if (code > 1)
		usual.low = nextafter(feature->edges[code - 2], INFINITY);
	if (code < feature->n_bins && code > 0)
		usual.high = feature->edges[code - 1];
	return usual;
}

static inline bool
is_unusual(double value, MlUsual usual)
{
	return usual.missing ? value == value : !((value >= usual.low) & (value <= usual.high));
}

/* Have STEP values the same bits, these? */
static inline bool
all_are(const double *values, uint64_t expected)
{
	uint64_t	differ = 0;

	for (size_t i = 0; i < STEP; i++)
	{
		uint64_t	bits;

		memcpy(&bits, &values[i], sizeof(bits));
		differ |= bits ^ expected;
	}
	return differ == 0;
}

/* What all values are compared with first is the bits of the first usual one. */
size_t
ml_list_unusual(const double *values, size_t n, MlUsual usual, uint32_t *at)
{
	size_t		found = 0;
	size_t		first = 0;
	uint64_t	expected;

	while (first < n && is_unusual(values[first], usual))
		at[found++] = (uint32_t) first++;
	if (first == n)
		return found;
	memcpy(&expected, &values[first], sizeof(expected));
	for (size_t begin = first; begin < n; begin += STEP)
	{
		size_t		end = begin + STEP < n ? begin + STEP : n;

		if (end - begin == STEP && all_are(values + begin, expected))
			continue;
		for (size_t i = begin; i < end; i++)
		{
			at[found] = (uint32_t) i;
			found += is_unusual(values[i], usual);
		}
	}
	return found;
}
