/*
 * test_simulate.c
 *	  The transaction simulator: it finds terminals as a look at all of them
 *	  would, its numbers are those of the Handbook, and its rows depend on
 *	  nothing but the options.
 */
#include "check.h"

#include "engine/simulate/grid.h"
#include "mlops/engine/simulate.h"

/* Scenarios 0 to 3 and what is known of each. */
typedef struct Summary
{
	size_t		n;
	size_t		by_scenario[4];
	double		cents;
	double		cents_by_scenario[4];
	double		seconds;
	uint64_t	hash;			/* of all rows, in order */
	bool		sorted;
	bool		in_range;
	bool		large_are_fraud;	/* genuine rows are at most the large amount */
} Summary;

static MlSimulationOptions
book_options(uint32_t customers, uint32_t terminals, uint32_t days)
{
	MlSpendingPattern pattern = {
		.amount_factor = 1,
		.large_amount = 220,
		.compromised_terminals = 2.0 / 10000 * terminals,
		.stolen_cards = 3.0 / 5000 * customers,
		.stolen_factor = 5
	};

	return (MlSimulationOptions)
	{
		.n_customers = customers, .n_terminals = terminals, .n_days = days,
			.seed = 42, .radius = 5,
			.pattern = pattern, .drift_day = UINT32_MAX, .drifted = pattern
	};
}

/* Runs days first_day .. the end and sums up. */
static Summary
summarise(const MlSimulationOptions *options, uint32_t first_day)
{
	MlContext	ctx = {.arena = ml_arena_create(0)};
	Summary		sum = {.sorted = true, .in_range = true, .large_are_fraud = true};
	MlSimulator *simulator;
	const MlTransaction *rows;
	size_t		n;

	if (ml_simulator_create(&ctx, options, &simulator) != ML_OK)
		abort();
	for (uint32_t day = 0;; day++)
	{
		if (ml_simulator_next_day(&ctx, simulator, &rows, &n) != ML_OK)
			abort();
		if (rows == NULL)
			break;
		if (day < first_day)
			continue;
		for (size_t i = 0; i < n; i++)
		{
			const MlTransaction *tx = &rows[i];
			const MlSpendingPattern *pattern =
				day < options->drift_day ? &options->pattern : &options->drifted;

			sum.n++;
			sum.by_scenario[tx->scenario]++;
			sum.cents += tx->cents;
			sum.cents_by_scenario[tx->scenario] += tx->cents;
			sum.seconds += tx->second;
			sum.hash = ml_hash_bytes(tx, sizeof(*tx), sum.hash);
			sum.sorted &= i == 0 || rows[i - 1].second <= tx->second;
			sum.in_range &= tx->second > 0 && tx->second < ML_SECONDS_PER_DAY &&
				tx->customer < options->n_customers && tx->terminal < options->n_terminals;
			sum.large_are_fraud &= tx->scenario != 0 ||
				tx->cents <= pattern->large_amount * 100;
			sum.large_are_fraud &= tx->scenario != 1 ||
				tx->cents > pattern->large_amount * 100;
		}
	}
	ml_arena_destroy(ctx.arena);
	return sum;
}

static double
share(const Summary *sum, int scenario)
{
	return (double) sum->by_scenario[scenario] / sum->n;
}

static void
test_grid(void)
{
	enum
	{
		N = 3000
	};
	static double x[N],
				y[N];
	static const double radii[] = {0.01, 1, 5, 40, 150};
	MlArena    *arena = ml_arena_create(0);
	int			wrong = 0;

	for (int i = 0; i < N; i++)
	{
		x[i] = 100 * ml_random_uniform(7, 0, i);
		y[i] = 100 * ml_random_uniform(7, 1, i);
	}
	for (int r = 0; r < 5; r++)
	{
		TerminalGrid grid;

		if (!grid_build(&grid, arena, N, x, y, radii[r]))
			abort();
		for (int c = 0; c < 50; c++)
		{
			double		cx = 100 * ml_random_uniform(7, 2, c);
			double		cy = 100 * ml_random_uniform(7, 3, c);
			Reach		reach = grid_reach(&grid, cx, cy, radii[r]);
			char		found[N] = {0};
			int			near = 0,
						nearer = 0;

			for (uint32_t i = 0; i < reach.n_candidates; i++)
			{
				uint32_t	terminal;

				if (grid_candidate(&grid, &reach, i, &terminal))
					found[terminal]++;
			}
			for (int i = 0; i < N; i++)
			{
				double		distance = hypot(x[i] - cx, y[i] - cy);

				wrong += found[i] != (distance < reach.radius);
				near += distance < reach.radius;
				nearer += distance < reach.radius / 2;
			}
			wrong += near == 0;
			wrong += reach.radius > radii[r] && nearer > 0;
		}
	}
	CHECK(wrong == 0, "the grid finds each terminal in the circle once and no other (%d wrong)", wrong);
	ml_arena_destroy(arena);
}

static void
test_book(void)
{
	MlSimulationOptions options = book_options(5000, 10000, 183);
	Summary		sum = summarise(&options, 0);
	double		frauds = 1 - share(&sum, 0);

	CHECK(sum.sorted, "rows are sorted by time");
	CHECK(sum.in_range, "seconds, customers and terminals are in range");
	CHECK(sum.large_are_fraud, "scenario 1 is exactly the large amounts");
	/* the book's run: 1,754,155 rows; 0.8369 %; 53.63; labels 973, 9,077, 4,631 */
	CHECK_CLOSE(sum.n, 1754155, 0.03 * 1754155, "the book's number of rows within 3 %%");
	CHECK_CLOSE(100 * frauds, 0.8369, 0.08, "the book's fraud rate (%.4f %%)", 100 * frauds);
	CHECK_CLOSE(sum.cents / sum.n / 100, 53.63, 1.5, "the book's mean amount (%.2f)",
				sum.cents / sum.n / 100);
	CHECK_CLOSE(sum.by_scenario[1], 973, 250, "scenario 1: %zu rows", sum.by_scenario[1]);
	CHECK_CLOSE(sum.by_scenario[2], 9077, 900, "scenario 2: %zu rows", sum.by_scenario[2]);
	CHECK_CLOSE(sum.by_scenario[3], 4631, 700, "scenario 3: %zu rows", sum.by_scenario[3]);
	CHECK_CLOSE(sum.seconds / sum.n, 43200, 100, "transactions gather around noon");
}

/* Scenario 2 takes all transactions of a terminal on a day, for 28 days. */
static void
test_compromised_terminals(void)
{
	enum
	{
		TERMINALS = 200, DAYS = 60, FIRST = 10
	};
	static int	genuine[TERMINALS][DAYS],
				fraud[TERMINALS][DAYS];
	MlSimulationOptions options = book_options(500, TERMINALS, DAYS);
	MlContext	ctx = {.arena = ml_arena_create(0)};
	MlSimulator *simulator;
	const MlTransaction *rows;
	size_t		n;
	int			mixed = 0,
				compromised = 0,
				too_long = 0;

	options.pattern.compromised_terminals = 0;
	options.pattern.stolen_cards = 0;
	options.drift_day = FIRST;
	options.drifted = options.pattern;
	options.drifted.compromised_terminals = 0.1;	/* on days 19, 29, 39, .. */
	if (ml_simulator_create(&ctx, &options, &simulator) != ML_OK)
		abort();
	for (int day = 0; day < DAYS; day++)
	{
		if (ml_simulator_next_day(&ctx, simulator, &rows, &n) != ML_OK)
			abort();
		for (size_t i = 0; i < n; i++)
			(rows[i].scenario == 2 ? fraud : genuine)[rows[i].terminal][day]++;
	}
	for (int t = 0; t < TERMINALS; t++)
	{
		int			first = -1,
					last = -1;

		for (int day = 0; day < DAYS; day++)
		{
			mixed += genuine[t][day] > 0 && fraud[t][day] > 0;
			if (fraud[t][day] > 0)
			{
				first = first < 0 ? day : first;
				last = day;
			}
		}
		compromised += first >= 0;
		too_long += first >= 0 && last - first >= 28;
		mixed += first >= 0 && first < FIRST;
		for (int day = first; first >= 0 && day <= last; day++)
			mixed += genuine[t][day] > 0;
	}
	CHECK(compromised == 5, "one terminal every ten days is compromised (%d)", compromised);
	CHECK(mixed == 0, "all transactions of a compromised terminal are frauds");
	CHECK(too_long == 0, "a terminal is compromised for 28 days");
	ml_arena_destroy(ctx.arena);
}

static void
test_stolen_cards(void)
{
	MlSimulationOptions options = book_options(200, 400, 30);
	Summary		sum;
	double		ratio;

	/* every card is stolen, several times a week */
	options.pattern.stolen_cards = 200;
	options.pattern.compromised_terminals = 0;
	options.pattern.large_amount = 1e9;
	sum = summarise(&options, 10);
	ratio = sum.cents_by_scenario[3] / sum.by_scenario[3] /
		(sum.cents_by_scenario[0] / sum.by_scenario[0]);
	CHECK_CLOSE(share(&sum, 3), 1.0 / 3, 0.02, "a third of a stolen card's transactions are frauds");
	CHECK_CLOSE(ratio, 5, 0.3, "at five times the amount (%.2f)", ratio);
}

static void
test_repeatable(void)
{
	MlSimulationOptions options = book_options(300, 500, 40);
	MlSimulationOptions longer = book_options(300, 500, 60);
	MlSimulationOptions other = options;
	MlSimulationOptions drifting = options;
	Summary		sum = summarise(&options, 0);
	Summary		again = summarise(&options, 0);
	Summary		late = summarise(&options, 25);
	Summary		drifted;

	other.seed = 43;
	CHECK(sum.n > 10000 && sum.hash == again.hash, "the same seed gives the same rows");
	CHECK(summarise(&other, 0).hash != sum.hash, "another seed gives others");

	/* a run of 40 days that is the beginning of one of 60: cut it by a drift */
	longer.drift_day = 40;
	longer.drifted.amount_factor = 0;
	again = summarise(&longer, 0);
	CHECK(again.n > sum.n && again.cents == sum.cents, "a longer run begins with the shorter one");

	drifting.drift_day = 25;
	drifting.drifted.amount_factor = 2;
	drifting.drifted.large_amount = 440;
	drifted = summarise(&drifting, 25);
	CHECK(late.n > 0 && drifted.n == late.n, "a drift changes no number of rows");
	/* each amount is rounded to cents, five times that where cards are stolen */
	CHECK_CLOSE(drifted.cents, 2 * late.cents, 3.0 * late.n,
				"a drift doubles the amounts from its day on");
	CHECK(summarise(&drifting, 0).cents == sum.cents - late.cents + drifted.cents,
		  "and none before");
}

static void
test_extremes(void)
{
	MlSimulationOptions lonely = book_options(20, 1, 10);
	MlSimulationOptions innocent = book_options(300, 500, 20);
	MlSimulationOptions narrow = book_options(50, 50, 10);
	MlSimulationOptions nothing = book_options(10, 10, 0);
	Summary		sum;

	lonely.radius = 0.001;
	sum = summarise(&lonely, 0);
	CHECK(sum.n > 100 && sum.in_range, "one terminal far away serves everybody");
	narrow.radius = 0.001;
	CHECK(summarise(&narrow, 0).n > 500, "customers without a terminal in reach go further");
	innocent.pattern.large_amount = 1e9;
	innocent.pattern.compromised_terminals = 0;
	innocent.pattern.stolen_cards = 0;
	sum = summarise(&innocent, 0);
	CHECK(sum.by_scenario[0] == sum.n && sum.n > 5000, "no scenario, no fraud");
	CHECK(summarise(&nothing, 0).n == 0, "no days, no rows");
}

static bool
abort_now(void *arg)
{
	return true;
}

static void
test_failures(void)
{
	MlSimulationOptions options = book_options(100000, 100000, 1);
	MlContext	small = {.arena = ml_arena_create(1024 * 1024)};
	MlContext	aborted = {.arena = ml_arena_create(0), .should_abort = abort_now};
	MlSimulator *simulator;

	CHECK(ml_simulator_create(&small, &options, &simulator) == ML_OUT_OF_MEMORY,
		  "the arena's budget is respected");
	CHECK(ml_simulator_create(&aborted, &options, &simulator) == ML_ABORTED,
		  "placing customers can be aborted");
	aborted.should_abort = NULL;
	if (ml_simulator_create(&aborted, &options, &simulator) == ML_OK)
	{
		const MlTransaction *rows;
		size_t		n;

		aborted.should_abort = abort_now;
		CHECK(ml_simulator_next_day(&aborted, simulator, &rows, &n) == ML_ABORTED,
			  "a day can be aborted");
	}
	ml_arena_destroy(small.arena);
	ml_arena_destroy(aborted.arena);
}

int
main(void)
{
	test_grid();
	test_book();
	test_compromised_terminals();
	test_stolen_cards();
	test_repeatable();
	test_extremes();
	test_failures();
	return checks_end();
}
