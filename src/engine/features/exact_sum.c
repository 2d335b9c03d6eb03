/*-------------------------------------------------------------------------
 * exact_sum.c
 *	  Sums of doubles without rounding, as long integers.
 *
 * U. Kulisch, "Computer Arithmetic and Validity", 2013, chapter 8: a sum that is
 * kept in fixed point, wide enough, depends on no order, and what was added can be
 * taken away again.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/features.h"

#define UNIT 128				/* limbs count 2^-UNIT */
#define MANTISSA 53

bool
ml_can_be_summed(double number)
{
	return fabs(number) <= ML_LARGEST_SUMMED;	/* not NaN */
}

/* Long integers: n limbs, the lowest first, two's complement. */

static bool
is_negative(const uint64_t *limb, int n)
{
	return limb[n - 1] >> 63;
}

static void
negate(uint64_t *limb, int n)
{
	bool		carry = true;

	for (int i = 0; i < n; i++)
	{
		limb[i] = ~limb[i] + carry;
		carry = carry && limb[i] == 0;
	}
}

/* Adds magnitude * 2^(64 * limb), or takes it away. */
static void
add_limbs(MlExactSum *sum, unsigned __int128 magnitude, int limb, bool negative)
{
	uint64_t	part[2] = {(uint64_t) magnitude, (uint64_t) (magnitude >> 64)};
	unsigned	carry = 0;

	for (int i = limb; i < ML_EXACT_LIMBS; i++)
	{
		uint64_t	addend = i - limb < 2 ? part[i - limb] : 0;
		unsigned	__int128 result = negative ? (unsigned __int128) sum->limb[i] - addend - carry
			: (unsigned __int128) sum->limb[i] + addend + carry;

		sum->limb[i] = (uint64_t) result;
		carry = (unsigned) (result >> 64) & 1;
		if (carry == 0 && i > limb)
			break;
	}
}

void
ml_exact_add(MlExactSum *sum, double number, int sign)
{
	int			exponent;
	uint64_t	mantissa = (uint64_t) ldexp(frexp(fabs(number), &exponent), MANTISSA);
	int			shift = exponent - MANTISSA + UNIT;
	bool		negative = signbit(number) != (sign < 0);

	if (mantissa == 0 || shift <= -64)
		return;
	if (shift < 0)
		add_limbs(sum, mantissa >> -shift, 0, negative);
	else
		add_limbs(sum, (unsigned __int128) mantissa << shift % 64, shift / 64, negative);
}

/* A square is two doubles exactly: the rounded one, and what rounding left out. */
void
ml_exact_add_square(MlExactSum *sum, double number, int sign)
{
	double		square = number * number;

	ml_exact_add(sum, square, sign);
	ml_exact_add(sum, fma(number, number, -square), sign);
}

/* The highest 64 bits of a magnitude, the lowest of them also set for any bit below; *exponent is the unit of these bits. */
static uint64_t
leading_bits(const uint64_t *limb, int n, int *exponent)
{
	int			top = n - 1;
	int			zeros;
	uint64_t	bits;
	uint64_t	below = 0;

	while (top > 0 && limb[top] == 0)
		top--;
	*exponent = 64 * top;
	if (limb[top] == 0)
		return 0;
	zeros = __builtin_clzll(limb[top]);
	bits = limb[top] << zeros;
	*exponent -= zeros;
	if (top > 0)
	{
		bits |= zeros > 0 ? limb[top - 1] >> (64 - zeros) : 0;
		below = limb[top - 1] << zeros;
	}
	for (int i = 0; i < top - 1; i++)
		below |= limb[i];
	return bits | (below != 0);
}

/* The nearest double of a long integer in units of 2^unit; limb is overwritten. */
static double
nearest_double(uint64_t *limb, int n, int unit)
{
	bool		negative = is_negative(limb, n);
	int			exponent;
	double		value;

	if (negative)
		negate(limb, n);
	value = (double) leading_bits(limb, n, &exponent);
	value = ldexp(value, exponent + unit);
	return negative ? -value : value;
}

double
ml_exact_value(const MlExactSum *sum)
{
	MlExactSum	copy = *sum;

	return nearest_double(copy.limb, ML_EXACT_LIMBS, -UNIT);
}

/* product [n_a + n_b] = a * b, of magnitudes. */
static void
multiply(const uint64_t *a, int n_a, const uint64_t *b, int n_b, uint64_t *product)
{
	memset(product, 0, (n_a + n_b) * sizeof(uint64_t));
	for (int i = 0; i < n_a; i++)
	{
		uint64_t	carry = 0;

		for (int j = 0; j < n_b; j++)
		{
			unsigned	__int128 digit = (unsigned __int128) a[i] * b[j] + product[i + j] + carry;

			product[i + j] = (uint64_t) digit;
			carry = (uint64_t) (digit >> 64);
		}
		product[i + n_b] = carry;
	}
}

/* (n * squares - sum^2) / (n * (n - 1)), the numerator in units of 2^-256. */
double
ml_exact_variance(uint64_t n, const MlExactSum *sum, const MlExactSum *squares)
{
	MlExactSum	magnitude = *sum;
	uint64_t	minuend[2 * ML_EXACT_LIMBS] = {0};
	uint64_t	subtrahend[2 * ML_EXACT_LIMBS];
	unsigned	borrow = 0;

	if (n < 2)
		return NAN;
	if (is_negative(magnitude.limb, ML_EXACT_LIMBS))
		negate(magnitude.limb, ML_EXACT_LIMBS);
	multiply(squares->limb, ML_EXACT_LIMBS, &n, 1, minuend + UNIT / 64);
	multiply(magnitude.limb, ML_EXACT_LIMBS, magnitude.limb, ML_EXACT_LIMBS, subtrahend);
	for (int i = 0; i < 2 * ML_EXACT_LIMBS; i++)
	{
		unsigned	__int128 digit = (unsigned __int128) minuend[i] - subtrahend[i] - borrow;

		minuend[i] = (uint64_t) digit;
		borrow = (unsigned) (digit >> 64) & 1;
	}
	return fmax(nearest_double(minuend, 2 * ML_EXACT_LIMBS, -2 * UNIT), 0) / ((double) n * (double) (n - 1));
}
