/*
 * check.h
 *	  The engine's unit tests speak TAP: one line a check, a plan at the end.
 */
#ifndef MLOPS_TEST_CHECK_H
#define MLOPS_TEST_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	checks_done;
static int	checks_failed;

/* One check with a printf-style name. */
#define CHECK(condition, ...) \
	do { \
		bool		check_ok = (condition); \
		checks_done++; \
		checks_failed += !check_ok; \
		printf("%s %d - ", check_ok ? "ok" : "not ok", checks_done); \
		printf(__VA_ARGS__); \
		printf("\n"); \
		if (!check_ok) \
			printf("# failed at %s:%d: %s\n", __FILE__, __LINE__, #condition); \
		fflush(stdout); \
	} while (0)

/* |a - b| <= tolerance, NaN equal to NaN. */
static inline bool
close_to(double a, double b, double tolerance)
{
	if (a != a || b != b)
		return a != a && b != b;
	return fabs(a - b) <= tolerance;
}

#define CHECK_CLOSE(a, b, tolerance, ...) \
	do { \
		double		check_a = (a); \
		double		check_b = (b); \
		CHECK(close_to(check_a, check_b, tolerance), __VA_ARGS__); \
		if (!close_to(check_a, check_b, tolerance)) \
			printf("# %.17g is not %.17g\n", check_a, check_b); \
	} while (0)

/* Last statement of main. */
static inline int
checks_end(void)
{
	printf("1..%d\n", checks_done);
	return checks_failed == 0 ? 0 : 1;
}

#endif							/* MLOPS_TEST_CHECK_H */
