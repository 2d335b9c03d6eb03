/*
 * soft_threshold.h
 *	  What an L1 penalty leaves of a gradient.
 */
#ifndef MLOPS_TEST_SOFT_THRESHOLD_H
#define MLOPS_TEST_SOFT_THRESHOLD_H

static double
shrunk(double gradient, double alpha)
{
	return gradient > alpha ? gradient - alpha : gradient < -alpha ? gradient + alpha : 0;
}

#endif							/* MLOPS_TEST_SOFT_THRESHOLD_H */
