/*-------------------------------------------------------------------------
 * simulator.c
 *	  Customers, their days, and the frauds among their transactions.
 *
 * One day is made at a time: who is compromised from today on, then each
 * customer's transactions, then a counting sort by second.  Only the places,
 * the habits and one day's rows are kept in memory.
 * O(customers + terminals) at first, and O(customers + transactions) a day.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "engine/simulate/grid.h"
#include "mlops/engine/simulate.h"

/* The Handbook's constants that are not arguments. */
#define LOWEST_MEAN_AMOUNT 5.0
#define HIGHEST_MEAN_AMOUNT 100.0
#define HIGHEST_DAILY_RATE 4.0	/* transactions a day */
#define MEAN_SECOND 43200.0		/* noon */
#define SPREAD_SECOND 20000.0
#define COMPROMISED_DAYS 28
#define STOLEN_DAYS 14
#define STOLEN_SHARE (1.0 / 3.0)

#define MOST_A_DAY 64			/* cuts the Poisson tail far below 1e-40 */
#define CUSTOMERS_PER_CHECK 1024	/* well under a millisecond of work */

/* What a random number is for: no two purposes share a number. */
typedef enum Purpose
{
	CUSTOMER_X, CUSTOMER_Y, CUSTOMER_MEAN, CUSTOMER_RATE,
	TERMINAL_X, TERMINAL_Y,
	DAY_COUNT,
	TX_SECOND, TX_AMOUNT, TX_AMOUNT_AGAIN, TX_TERMINAL, TX_STOLEN,
	NEW_COMPROMISED, NEW_STOLEN
} Purpose;

/* The random stream of a purpose for one customer (or terminal, or none: 0). */
static inline uint64_t
stream_of(Purpose purpose, uint32_t who)
{
	return (uint64_t) who << 8 | purpose;
}

typedef struct Customer
{
	Reach		reach;
	double		mean_amount;	/* the standard deviation is half of it */
	double		daily_rate;		/* transactions a day */
	uint32_t	stolen_until;	/* first day on which the card is safe again */
} Customer;

struct MlSimulator
{
	MlSimulationOptions options;
	uint32_t	day;			/* the next to be made */
	TerminalGrid grid;
	Customer   *customers;
	uint32_t   *compromised_until;	/* by terminal, as stolen_until */

	/* one day's rows: as made, and sorted */
	size_t		capacity;
	MlTransaction *made;
	MlTransaction *sorted;
	uint32_t   *second_end;		/* [ML_SECONDS_PER_DAY] counting sort */
};

/* Uniform in [low, high), one number for each purpose and owner. */
static double
uniform_of(const MlSimulator *simulator, Purpose purpose, uint32_t who,
		   double low, double high)
{
	return low + (high - low) *
		ml_random_uniform(simulator->options.seed, stream_of(purpose, who), 0);
}

/* Errors: ML_OUT_OF_MEMORY. */
static MlStatus
place_terminals(MlContext *ctx, MlSimulator *simulator)
{
	uint32_t	n = simulator->options.n_terminals;
	double	   *x = ml_arena_alloc_array(ctx->arena, n, sizeof(double));
	double	   *y = ml_arena_alloc_array(ctx->arena, n, sizeof(double));

	simulator->compromised_until = ml_arena_alloc_zeroed(ctx->arena, n, sizeof(uint32_t));
	if (x == NULL || y == NULL || simulator->compromised_until == NULL)
		return ml_fail_memory(ctx);
	for (uint32_t i = 0; i < n; i++)
	{
		x[i] = uniform_of(simulator, TERMINAL_X, i, 0, ML_SIMULATION_SIDE);
		y[i] = uniform_of(simulator, TERMINAL_Y, i, 0, ML_SIMULATION_SIDE);
	}
	if (!grid_build(&simulator->grid, ctx->arena, n, x, y, simulator->options.radius))
		return ml_fail_memory(ctx);
	return ML_OK;
}

/* Errors: ML_OUT_OF_MEMORY, ML_ABORTED. */
static MlStatus
place_customers(MlContext *ctx, MlSimulator *simulator)
{
	uint32_t	n = simulator->options.n_customers;

	simulator->customers = ml_arena_alloc_array(ctx->arena, n, sizeof(Customer));
	if (simulator->customers == NULL)
		return ml_fail_memory(ctx);
	for (uint32_t i = 0; i < n; i++)
	{
		Customer   *customer = &simulator->customers[i];

		if (i % CUSTOMERS_PER_CHECK == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		customer->reach = grid_reach(&simulator->grid,
									 uniform_of(simulator, CUSTOMER_X, i, 0, ML_SIMULATION_SIDE),
									 uniform_of(simulator, CUSTOMER_Y, i, 0, ML_SIMULATION_SIDE),
									 simulator->options.radius);
		customer->mean_amount = uniform_of(simulator, CUSTOMER_MEAN, i,
										   LOWEST_MEAN_AMOUNT, HIGHEST_MEAN_AMOUNT);
		customer->daily_rate = uniform_of(simulator, CUSTOMER_RATE, i,
										  0, HIGHEST_DAILY_RATE);
		customer->stolen_until = 0;
	}
	return ML_OK;
}

/*
 * Room for at least needed rows; what was there is kept.  The former arrays stay in
 * the arena, which is a stack; growing by half, they are at most twice the last
 * ones.  Errors: ML_OUT_OF_MEMORY.
 */
static MlStatus
reserve_rows(MlContext *ctx, MlSimulator *simulator, size_t needed)
{
	if (needed <= simulator->capacity)
		return ML_OK;

	size_t		capacity = needed + needed / 2;
	MlTransaction *made = ml_arena_alloc_array(ctx->arena, capacity, sizeof(MlTransaction));
	MlTransaction *sorted = ml_arena_alloc_array(ctx->arena, capacity, sizeof(MlTransaction));

	if (made == NULL || sorted == NULL)
		return ml_fail_memory(ctx);
	if (simulator->capacity > 0)
		memcpy(made, simulator->made, simulator->capacity * sizeof(MlTransaction));
	simulator->made = made;
	simulator->sorted = sorted;
	simulator->capacity = capacity;
	return ML_OK;
}

MlStatus
ml_simulator_create(MlContext *ctx, const MlSimulationOptions *options,
					MlSimulator **simulator)
{
	MlSimulator *created = ml_arena_alloc_zeroed(ctx->arena, 1, sizeof(MlSimulator));
	MlStatus	status;

	if (created == NULL)
		return ml_fail_memory(ctx);
	created->options = *options;
	created->second_end = ml_arena_alloc_array(ctx->arena, ML_SECONDS_PER_DAY, sizeof(uint32_t));
	if (created->second_end == NULL)
		return ml_fail_memory(ctx);
	if ((status = place_terminals(ctx, created)) != ML_OK ||
		(status = place_customers(ctx, created)) != ML_OK)
		return status;
	/* the mean of the rate is 2: rarely more than 2.5 a customer and day */
	status = reserve_rows(ctx, created, (size_t) options->n_customers * 2 + MOST_A_DAY);
	*simulator = created;
	return status;
}

/*
 * How many of something fall on a day when rate fall on a day on average:
 * whole numbers, spread evenly (0.4 a day: none, none, one, none, one, ...).
 */
static uint32_t
number_on_day(double rate, uint32_t day)
{
	return (uint32_t) (floor((day + 1) * rate) - floor(day * rate));
}

/*
 * Draws who is compromised from today on.  One that is drawn again has its time
 * begin anew.
 */
static void
compromise_on_day(MlSimulator *simulator, const MlSpendingPattern *pattern)
{
	const MlSimulationOptions *options = &simulator->options;
	uint32_t	day = simulator->day;
	uint32_t	n_terminals = number_on_day(pattern->compromised_terminals, day);
	uint32_t	n_cards = number_on_day(pattern->stolen_cards, day);

	for (uint32_t i = 0; i < n_terminals; i++)
	{
		double		u = ml_random_uniform(options->seed, stream_of(NEW_COMPROMISED, day), i);

		simulator->compromised_until[(uint32_t) (u * options->n_terminals)] =
			day + COMPROMISED_DAYS;
	}
	for (uint32_t i = 0; i < n_cards; i++)
	{
		double		u = ml_random_uniform(options->seed, stream_of(NEW_STOLEN, day), i);

		simulator->customers[(uint32_t) (u * options->n_customers)].stolen_until =
			day + STOLEN_DAYS;
	}
}

/* Poisson number by inversion of u in [0, 1); rate is small.  At most MOST_A_DAY. */
static uint32_t
poisson(double rate, double u)
{
	double		probability = exp(-rate);
	double		sum = probability;
	uint32_t	n = 0;

	while (u >= sum && n < MOST_A_DAY)
	{
		n++;
		probability *= rate / n;
		sum += probability;
	}
	return n;
}

/*
 * Makes transaction number nth of a customer's day.  False if its time would fall
 * outside the day: the Handbook drops those too.  Scenarios overwrite each other
 * in order: a stolen card on a compromised terminal is the former.
 */
static bool
make_transaction(const MlSimulator *simulator, const MlSpendingPattern *pattern,
				 uint32_t who, uint32_t nth, MlTransaction *tx)
{
	const Customer *customer = &simulator->customers[who];
	uint64_t	seed = simulator->options.seed;
	uint64_t	counter = (uint64_t) simulator->day << 40 | (uint64_t) nth << 32;
	double		second = MEAN_SECOND + SPREAD_SECOND *
		ml_random_normal(seed, stream_of(TX_SECOND, who), counter);

	if (second < 1 || second >= ML_SECONDS_PER_DAY)
		return false;

	double		amount = customer->mean_amount *
		(1 + 0.5 * ml_random_normal(seed, stream_of(TX_AMOUNT, who), counter));

	if (amount < 0)
		amount = 2 * customer->mean_amount *
			ml_random_uniform(seed, stream_of(TX_AMOUNT_AGAIN, who), counter);
	tx->cents = (uint32_t) lround(amount * pattern->amount_factor * 100);

	/* any terminal in the circle, each as likely: draw again until one is inside */
	uint64_t	stream = stream_of(TX_TERMINAL, who);
	uint64_t	attempt = counter;

	while (!grid_candidate(&simulator->grid, &customer->reach,
						   (uint32_t) (ml_random_uniform(seed, stream, attempt) *
									   customer->reach.n_candidates),
						   &tx->terminal))
		attempt++;

	tx->second = (uint32_t) second;
	tx->customer = who;
	tx->scenario = 0;
	if (tx->cents > pattern->large_amount * 100)
		tx->scenario = 1;
	if (simulator->day < simulator->compromised_until[tx->terminal])
		tx->scenario = 2;
	if (simulator->day < customer->stolen_until &&
		ml_random_uniform(seed, stream_of(TX_STOLEN, who), counter) < STOLEN_SHARE)
	{
		tx->scenario = 3;
		tx->cents = (uint32_t) lround(tx->cents * pattern->stolen_factor);
	}
	return true;
}

/* Stable counting sort of the n rows made by second. */
static void
sort_by_second(MlSimulator *simulator, size_t n)
{
	uint32_t   *end = simulator->second_end;

	memset(end, 0, ML_SECONDS_PER_DAY * sizeof(uint32_t));
	for (size_t i = 0; i < n; i++)
		end[simulator->made[i].second]++;
	for (size_t s = 1; s < ML_SECONDS_PER_DAY; s++)
		end[s] += end[s - 1];
	/* from the back, so that equal seconds keep their order */
	for (size_t i = n; i-- > 0;)
		simulator->sorted[--end[simulator->made[i].second]] = simulator->made[i];
}

/* *rows is the simulator's, until the next call. */
MlStatus
ml_simulator_next_day(MlContext *ctx, MlSimulator *simulator,
					  const MlTransaction **rows, size_t *n_rows)
{
	const MlSimulationOptions *options = &simulator->options;
	const MlSpendingPattern *pattern =
		simulator->day < options->drift_day ? &options->pattern : &options->drifted;
	size_t		n = 0;
	MlStatus	status;

	*rows = NULL;
	*n_rows = 0;
	if (simulator->day >= options->n_days)
		return ML_OK;

	compromise_on_day(simulator, pattern);
	for (uint32_t who = 0; who < options->n_customers; who++)
	{
		uint32_t	count = poisson(simulator->customers[who].daily_rate,
									ml_random_uniform(options->seed,
													  stream_of(DAY_COUNT, who),
													  simulator->day));

		if (who % CUSTOMERS_PER_CHECK == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if ((status = reserve_rows(ctx, simulator, n + count)) != ML_OK)
			return status;
		for (uint32_t nth = 0; nth < count; nth++)
			n += make_transaction(simulator, pattern, who, nth, &simulator->made[n]);
	}
	sort_by_second(simulator, n);
	simulator->day++;
	*rows = simulator->sorted;
	*n_rows = n;
	return ML_OK;
}
