/*-------------------------------------------------------------------------
 * kolmogorov.c
 *	  Tails of the Kolmogorov-Smirnov statistics, of one sample and of two.
 *
 * Which formula where is the choice of Simard and L'Ecuyer, see drift.h; each
 * gives at least ten digits in its region.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/drift.h"
#include "gamma.h"

#define PI 3.14159265358979323846
#define SQRT_TWO_PI 2.50662827463100050242
#define SMALL_N 140				/* below: only exact formulas */
#define LARGE_N 100000			/* above: no matrices */
#define MOST_SUMMED 1000000		/* above: Smirnov's sum by its limit */

/*
 * P(D+ >= d) of the one-sided statistic (Smirnov 1944; Birnbaum and Tingey 1951): d
 * sum_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j), j <= n (1 - d).  O(n) for n
 * <= MOST_SUMMED; each term is a binomial density, divided by its p.
 */
static double
one_sided(double n, double d)
{
	double		sum = 0;

	if (n > MOST_SUMMED)
	{
		double		t = 6 * n * d + 1;

		return exp(-t * t / (18 * n));
	}
	for (double j = 0; j < n; j++)
	{
		double		p = d + j / n;

		if (p >= 1)
			break;
		sum += ml_binomial_density(j, n, p) / p;
	}
	return d * sum;
}

/*
 * The expansion of P(D_n < d) of Pelz and Good (JRSS B 38(2), 1976), four terms in
 * powers of 1 / sqrt(n): K0 to K3, each a sum whose terms fall off as exp(-k^2).
 */
static double
pelz_good(double n, double d)
{
	double		z = sqrt(n) * d;
	double		z2 = z * z;
	double		z4 = z2 * z2;
	double		z6 = z4 * z2;
	double		pi2 = PI * PI;
	double		k0 = 0;
	double		k1 = 0;
	double		k2 = 0;
	double		k3 = 0;
	double		extra2 = 0;
	double		extra3 = 0;
	int			terms = (int) ceil(16 * z / PI);

	for (int k = terms; k > 0; k--)
	{
		double		m = 2 * k - 1;
		double		s = pi2 * m * m / 4;
		double		power = exp(-s / (2 * z2));
		double		q = pi2 * k * k;
		double		even = exp(-q / (2 * z2));

		k0 += power;
		k1 += power * (s - z2);
		k2 += power * (6 * z6 + 2 * z4 + s * (2 * z4 - 5 * z2) + s * s * (1 - 2 * z2));
		k3 += power * (-30 * z6 - 90 * z4 * z4 + s * (135 * z4 - 96 * z6) +
					   s * s * (212 * z4 - 60 * z2) + s * s * s * (5 - 30 * z2));
		extra2 += q * even;
		extra3 += q * (3 * z2 - q) * even;
	}
	k0 /= z;
	k1 /= 6 * z4;
	k2 = k2 / (72 * z6 * z) - extra2 / (36 * z2 * z);
	k3 = k3 / (6480 * z6 * z4) + extra3 / (216 * z6);
	return SQRT_TWO_PI * (k0 + (k1 + (k2 + k3 / sqrt(n)) / sqrt(n)) / sqrt(n));
}

/* ---- P(D_n < d) as an element of a matrix's power (Durbin 1973; Marsaglia,
 * Tsang and Wang, Journal of Statistical Software 8(18), 2003) */

#define MOST_ORDER 127

/*
 * Of order 2 k - 1 with k = floor(n d) + 1.  Where it is used, n d is below 60, so
 * that MOST_ORDER is enough.
 */
typedef struct Matrix
{
	int			order;
	int			exponent;		/* the elements stand for element * 2^exponent */
	double		element[MOST_ORDER * MOST_ORDER];
} Matrix;

/*
 * Keeps the middle element, of which the result is made, within range: powers of
 * such matrices leave it.
 */
static void
rescale(Matrix *a)
{
	double		middle = a->element[a->order / 2 * a->order + a->order / 2];
	int			exponent;

	frexp(middle, &exponent);
	if (exponent > -400 && exponent < 400)
		return;
	for (int i = 0; i < a->order * a->order; i++)
		a->element[i] = ldexp(a->element[i], -exponent);
	a->exponent += exponent;
}

/* a = a * b, O(order^3); work is overwritten. */
static void
multiply(Matrix *a, const Matrix *b, Matrix *work)
{
	int			n = a->order;

	memset(work->element, 0, (size_t) n * n * sizeof(double));
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++)
			for (int j = 0; j < n; j++)
				work->element[i * n + j] += a->element[i * n + k] * b->element[k * n + j];
	memcpy(a->element, work->element, (size_t) n * n * sizeof(double));
	a->exponent += b->exponent;
	rescale(a);
}

/*
 * The matrix of Marsaglia, Tsang and Wang: 1 / (i - j + 1)! on and below the first
 * superdiagonal, with corrections by h = k - n d in the first column and the last
 * row.
 */
static void
durbin_matrix(Matrix *a, int k, double h)
{
	int			n = 2 * k - 1;
	double		inverse = 1;	/* of (i + 1)! */

	a->order = n;
	a->exponent = 0;
	for (int i = 0; i < n; i++)
	{
		double		value = 1;

		for (int j = n - 1; j > i + 1; j--)
			a->element[i * n + j] = 0;
		for (int j = i + 1; j >= 0; j--)
		{
			if (i - j + 1 > 1)
				value /= i - j + 1;
			if (j < n)
				a->element[i * n + j] = value;
		}
	}
	for (int i = 0; i < n; i++)
	{
		inverse /= i + 1;
		a->element[i * n] -= pow(h, i + 1) * inverse;
		a->element[(n - 1) * n + n - 1 - i] -= pow(h, i + 1) * inverse;
	}
	if (2 * h > 1)
		a->element[(n - 1) * n] += pow(2 * h - 1, n) * inverse;
}

/*
 * *p = P(D_n < d), n! / n^n times the middle element of the n-th power: O(order^3
 * log n).  Errors: ML_OUT_OF_MEMORY.
 */
static MlStatus
durbin(MlContext *ctx, uint64_t n, double d, double *p)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	Matrix	   *matrix = ml_arena_alloc_array(ctx->arena, 3, sizeof(Matrix));
	Matrix	   *result = matrix + 1;
	int			k = (int) ((double) n * d) + 1;
	double		value;
	int			exponent;

	if (matrix == NULL)
		return ml_fail_memory(ctx);
	durbin_matrix(matrix, k, k - (double) n * d);
	result->order = matrix->order;
	result->exponent = 0;
	memset(result->element, 0, sizeof(result->element));
	for (int i = 0; i < result->order; i++)
		result->element[i * result->order + i] = 1;
	for (uint64_t bits = n; bits > 0; bits >>= 1)
	{
		if (bits & 1)
			multiply(result, matrix, matrix + 2);
		multiply(matrix, matrix, matrix + 2);
	}
	/* times n! / n^n */
	value = result->element[(k - 1) * result->order + k - 1];
	exponent = result->exponent;
	for (uint64_t i = 1; i <= n; i++)
	{
		value *= (double) i / (double) n;
		if (value < 0x1p-400)
		{
			value *= 0x1p400;
			exponent -= 400;
		}
	}
	*p = ldexp(value, exponent);
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---- one sample */

/*
 * Small and large statistics have closed forms.  Where exceeding d on both sides at
 * once is out of the question, the tail is twice the one-sided one.
 */
MlStatus
ml_kolmogorov_p(MlContext *ctx, uint64_t count, double d, double *p)
{
	double		n = (double) count;
	double		t = n * d;
	double		below = 0;
	MlStatus	status;

	if (isnan(d) || count == 0)
		*p = NAN;
	else if (t <= 0.5)
		*p = 1;
	else if (d >= 1)
		*p = 0;
	else if (t <= 1)			/* n! (2d - 1/n)^n, Ruben and Gambino 1982 */
		*p = 1 - exp(lgamma(n + 1) - n * log(n) + n * log(2 * t - 1));
	else if (t >= n - 1)
		*p = 2 * pow(1 - d, n);
	else if (d >= 0.5 || t * d >= (count <= SMALL_N ? 4 : 2.2))
		*p = t * d >= 370 ? 0 : fmin(1, 2 * one_sided(n, d));
	else if (count <= SMALL_N || (count <= LARGE_N && t * sqrt(d) <= 1.4))
	{
		status = durbin(ctx, count, d, &below);
		if (status != ML_OK)
			return status;
		*p = fmin(1, fmax(0, 1 - below));
	}
	else
		*p = fmin(1, fmax(0, 1 - pelz_good(n, d)));
	return ML_OK;
}

/* ---- two samples */

/*
 * The order of n + m values is a walk from (0, 0) to (n, m), a step right for a
 * value of the first sample: all walks are equally likely, so the next step is to
 * the right with probability (n - i) / (n - i + m - j).  What reaches |i / n - j /
 * m| >= d leaves and is added up: sums of positive terms only.  The positions after
 * s steps are known by i alone.  The walk keeps [n + 2] probabilities, only
 * those between low and high not 0.
 */
MlStatus
ml_smirnov_exact_p(MlContext *ctx, uint64_t n, uint64_t m, double d, double *p)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	double		total = (double) n + (double) m;
	double		bound = rint(d * (double) n * (double) m);	/* of |i m - j n| */
	double	   *at = ml_arena_alloc_zeroed(ctx->arena, n + 2, sizeof(double));
	uint64_t	low = 0;		/* positions that were reached lie in low .. high */
	uint64_t	high = 0;
	double		left = 0;

	if (at == NULL)
		return ml_fail_memory(ctx);
	*p = 1;
	if (d * d * (double) n * (double) m / total > 370)
		*p = 0;					/* less than there are numbers for */
	else if (bound > 0)
	{
		at++;					/* so that at[-1] is 0 */
		at[0] = 1;
		for (uint64_t s = 0; s < n + m && low <= high; s++)
		{
			double		rest = total - (double) s;
			uint64_t	next_low = UINT64_MAX;
			uint64_t	next_high = 0;
			uint64_t	end = high < n ? high + 1 : n;

			if ((s & 63) == 0 && ml_check_abort(ctx) != ML_OK)
				return ML_ABORTED;
			/* downwards, since a position takes from itself and the one before */
			for (uint64_t i = end + 1; i-- > low;)
			{
				double		mass = 0;
				double		gap;

				if (i <= high && s - i < m)
					mass += at[i] * ((double) m - (double) (s - i)) / rest;
				if (i > low)
					mass += at[i - 1] * ((double) n - (double) (i - 1)) / rest;
				gap = fabs((double) i * (double) m - ((double) s + 1 - (double) i) * (double) n);
				if (gap >= bound)
				{
					left += mass;
					mass = 0;
				}
				else if (mass > 0)
				{
					next_low = i;
					next_high = next_high > i ? next_high : i;
				}
				at[i] = mass;
			}
			low = next_low;
			high = next_high;
		}
		*p = fmin(1, left);
	}
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}
