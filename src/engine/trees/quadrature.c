/*-------------------------------------------------------------------------
 * quadrature.c
 *	  Gauss-Legendre quadrature.
 *-------------------------------------------------------------------------
 */
#include "layout.h"

/* O(n^2) times the rounds of Newton's method. */
void
trees_gauss_legendre(uint32_t n, double *point, double *weight)
{
	for (uint32_t i = 0; i < n; i++)
	{
		/* Newton's method on the Legendre polynomial, from a guess that leads to the i-th root
		 * from above */
		double		x = cos(M_PI * (i + 0.75) / (n + 0.5));
		double		slope = 1;

		for (int round = 0; round < 100; round++)
		{
			double		p = 1;
			double		previous = 0;
			double		step;

			for (uint32_t k = 1; k <= n; k++)
			{
				double		next = ((2 * k - 1) * x * p - (k - 1.0) * previous) / k;

				previous = p;
				p = next;
			}
			slope = n * (x * p - previous) / (x * x - 1);
			step = p / slope;
			x -= step;
			if (fabs(step) < 1e-16)
				break;
		}
		point[i] = (1 - x) / 2;
		weight[i] = 1 / ((1 - x * x) * slope * slope);
	}
}
