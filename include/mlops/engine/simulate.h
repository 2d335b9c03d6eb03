/*-------------------------------------------------------------------------
 * simulate.h
 *	  Card transactions with known frauds, for demos, tests and benchmarks.
 *
 * Follows the description of the transaction simulator in Le Borgne, Siblini,
 * Lebichot, Bontempi: "Reproducible Machine Learning for Credit Card Fraud
 * Detection - Practical Handbook" (ULB, 2022), chapter 3.  Customers and
 * terminals live on a square of 100 by 100; customers spend at the terminals
 * near them, each by habits of their own.  Three kinds of fraud:
 *	 1	every amount above a limit;
 *	 2	compromised terminals: all their transactions for 28 days;
 *	 3	stolen card data: a third of a customer's transactions for 14 days,
 *		with amounts multiplied.
 *
 * Days are produced one after the other and every random number depends on
 * the seed and on what it is for, so a longer simulation begins with the rows
 * of a shorter one.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_SIMULATE_H
#define MLOPS_ENGINE_SIMULATE_H

#include "mlops/engine/base.h"

#define ML_SIMULATION_SIDE 100.0	/* length of the square's side */
#define ML_SECONDS_PER_DAY 86400

/* What may change on the day of a drift. */
typedef struct MlSpendingPattern
{
	double		amount_factor;	/* multiplies every amount; at most 100 */
	double		large_amount;	/* scenario 1: amounts above it are frauds */
	double		compromised_terminals;	/* scenario 2: new ones a day, on average */
	double		stolen_cards;	/* scenario 3: new ones a day, on average */
	double		stolen_factor;	/* scenario 3: multiplies amounts; at most 100 */
} MlSpendingPattern;

typedef struct MlSimulationOptions
{
	uint32_t	n_customers;	/* >= 1 */
	uint32_t	n_terminals;	/* >= 1 */
	uint32_t	n_days;
	uint64_t	seed;
	double		radius;			/* how far customers go, > 0; who has no terminal within it goes twice as
								 * far, and so on */
	MlSpendingPattern pattern;	/* before drift_day */
	uint32_t	drift_day;		/* counted from 0; n_days or more: no drift */
	MlSpendingPattern drifted;	/* from drift_day on */
} MlSimulationOptions;

typedef struct MlTransaction
{
	uint32_t	second;			/* of the day: 1 .. 86,399 */
	uint32_t	customer;		/* 0 .. n_customers - 1 */
	uint32_t	terminal;		/* 0 .. n_terminals - 1 */
	uint32_t	cents;			/* amount * 100 */
	uint32_t	scenario;		/* 0: genuine; 1, 2, 3: see above; the highest that applies */
} MlTransaction;

typedef struct MlSimulator MlSimulator;

/*
 * Places customers and terminals.  Everything lives in ctx->arena.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_simulator_create(MlContext *ctx, const MlSimulationOptions *options,
									MlSimulator **simulator);

/*
 * The next day's transactions, sorted by second (then customer).  They are
 * overwritten by the next call.  Returns rows = NULL after the last day.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED.
 */
extern MlStatus ml_simulator_next_day(MlContext *ctx, MlSimulator *simulator,
									  const MlTransaction **rows, size_t *n_rows);

#endif							/* MLOPS_ENGINE_SIMULATE_H */
