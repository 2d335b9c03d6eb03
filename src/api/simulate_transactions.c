/*-------------------------------------------------------------------------
 * simulate_transactions.c
 *	  mlops.simulate_transactions: card transactions with known frauds.
 *
 * A function in FROM is read into a tuplestore by the executor in any case, so
 * the rows go there at once (materialize mode): cheaper than a call for each
 * row, and one place to free the simulator.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "mlops/base.h"
#include "mlops/engine/simulate.h"

/* The SQL function's arguments, in order. */
enum
{
	ARG_CUSTOMERS,
	ARG_TERMINALS,
	ARG_DAYS,
	ARG_START,
	ARG_SEED,
	ARG_RADIUS,
	ARG_LARGE_AMOUNT,
	ARG_COMPROMISED_TERMINALS,
	ARG_STOLEN_CARDS,
	ARG_STOLEN_FACTOR,
	ARG_DRIFT_DAY,
	ARG_DRIFT_AMOUNT_FACTOR,
	ARG_DRIFT_LARGE_AMOUNT,
	ARG_DRIFT_COMPROMISED_TERMINALS,
	ARG_DRIFT_STOLEN_CARDS,
	ARG_DRIFT_STOLEN_FACTOR
};

/* Names and, for hints, meanings. */
static const struct
{
	const char *name;
	const char *meaning;
}			argument[] = {
	[ARG_CUSTOMERS] = {"customers", "It is the number of card holders."},
	[ARG_TERMINALS] = {"terminals", "It is the number of places to pay at."},
	[ARG_DAYS] = {"days", "It is the number of days to simulate."},
	[ARG_START] = {"start", "It is the date of the first day."},
	[ARG_SEED] = {"seed", "The same seed gives the same rows."},
	[ARG_RADIUS] = {"radius", "It is how far customers go to pay, on a square of 100 by 100."},
	[ARG_LARGE_AMOUNT] = {"large_amount", "Every transaction above this amount is a fraud (scenario 1)."},
	[ARG_COMPROMISED_TERMINALS] = {"compromised_terminals",
	"It is the number of terminals newly compromised each day (scenario 2), of all terminals at the most."},
	[ARG_STOLEN_CARDS] = {"stolen_cards",
	"It is the number of cards newly stolen each day (scenario 3), of all customers at the most."},
	[ARG_STOLEN_FACTOR] = {"stolen_factor", "Fraudulent amounts on stolen cards are multiplied by it (scenario 3)."},
	[ARG_DRIFT_DAY] = {"drift_day", "It is the number of days after which the pattern changes, fewer than \"days\"."},
	[ARG_DRIFT_AMOUNT_FACTOR] = {"drift_amount_factor", "All amounts are multiplied by it from the day of the drift on."},
	[ARG_DRIFT_LARGE_AMOUNT] = {"drift_large_amount", "It takes the place of \"large_amount\" from the day of the drift on."},
	[ARG_DRIFT_COMPROMISED_TERMINALS] = {"drift_compromised_terminals",
	"It takes the place of \"compromised_terminals\" from the day of the drift on."},
	[ARG_DRIFT_STOLEN_CARDS] = {"drift_stolen_cards", "It takes the place of \"stolen_cards\" from the day of the drift on."},
	[ARG_DRIFT_STOLEN_FACTOR] = {"drift_stolen_factor", "It takes the place of \"stolen_factor\" from the day of the drift on."},
};

/* The Handbook's: 2 of 10,000 terminals and 3 of 5,000 customers a day. */
#define COMPROMISED_SHARE (2.0 / 10000)
#define STOLEN_SHARE (3.0 / 5000)

#define MOST_CUSTOMERS 1000000
#define MOST_TERMINALS 1000000
#define MOST_DAYS 36500
#define LONGEST_RADIUS 150		/* more than the square's diagonal */
#define LARGEST_AMOUNT 1e9
#define LARGEST_FACTOR 100

MLOPS_FUNCTION(mlops_simulate_transactions);

static void
reject_null(FunctionCallInfo fcinfo, int arg)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", argument[arg].name),
				 errhint("%s", argument[arg].meaning)));
}

/* value, if it is in [minimum, maximum]. */
static double
check_range(int arg, double value, double minimum, double maximum)
{
	if (!(value >= minimum && value <= maximum) && minimum == maximum)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be %.15g, not %.15g", argument[arg].name, minimum, value),
				 errhint("%s", argument[arg].meaning)));
	if (!(value >= minimum && value <= maximum))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between %.15g and %.15g, not %.15g",
						argument[arg].name, minimum, maximum, value),
				 errhint("%s", argument[arg].meaning)));
	return value;
}

static int
int_argument(FunctionCallInfo fcinfo, int arg, int minimum, int maximum)
{
	reject_null(fcinfo, arg);
	return (int) check_range(arg, PG_GETARG_INT32(arg), minimum, maximum);
}

static double
float_argument(FunctionCallInfo fcinfo, int arg, double minimum, double maximum)
{
	reject_null(fcinfo, arg);
	return check_range(arg, PG_GETARG_FLOAT8(arg), minimum, maximum);
}

/* As float_argument, with a value for null. */
static double
optional_argument(FunctionCallInfo fcinfo, int arg, double minimum, double maximum,
				  double otherwise)
{
	if (PG_ARGISNULL(arg))
		return otherwise;
	return float_argument(fcinfo, arg, minimum, maximum);
}

static void
read_options(FunctionCallInfo fcinfo, MlSimulationOptions *options)
{
	MlSpendingPattern *pattern = &options->pattern;
	MlSpendingPattern *drifted = &options->drifted;

	options->n_customers = int_argument(fcinfo, ARG_CUSTOMERS, 1, MOST_CUSTOMERS);
	options->n_terminals = int_argument(fcinfo, ARG_TERMINALS, 1, MOST_TERMINALS);
	options->n_days = int_argument(fcinfo, ARG_DAYS, 1, MOST_DAYS);
	reject_null(fcinfo, ARG_SEED);
	options->seed = (uint64_t) PG_GETARG_INT64(ARG_SEED);
	options->radius = float_argument(fcinfo, ARG_RADIUS, 0.001, LONGEST_RADIUS);

	pattern->amount_factor = 1;
	pattern->large_amount = float_argument(fcinfo, ARG_LARGE_AMOUNT, 0, LARGEST_AMOUNT);
	pattern->compromised_terminals =
		optional_argument(fcinfo, ARG_COMPROMISED_TERMINALS, 0, options->n_terminals,
						  COMPROMISED_SHARE * options->n_terminals);
	pattern->stolen_cards =
		optional_argument(fcinfo, ARG_STOLEN_CARDS, 0, options->n_customers,
						  STOLEN_SHARE * options->n_customers);
	pattern->stolen_factor = float_argument(fcinfo, ARG_STOLEN_FACTOR, 0, LARGEST_FACTOR);

	/* after the drift everything is as before unless said otherwise */
	options->drift_day = PG_ARGISNULL(ARG_DRIFT_DAY) ? options->n_days :
		int_argument(fcinfo, ARG_DRIFT_DAY, 0, options->n_days - 1);
	for (int arg = ARG_DRIFT_DAY + 1; arg <= ARG_DRIFT_STOLEN_FACTOR; arg++)
		if (PG_ARGISNULL(ARG_DRIFT_DAY) && !PG_ARGISNULL(arg))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" needs \"%s\"",
							argument[arg].name, argument[ARG_DRIFT_DAY].name),
					 errhint("%s", argument[ARG_DRIFT_DAY].meaning)));
	drifted->amount_factor =
		optional_argument(fcinfo, ARG_DRIFT_AMOUNT_FACTOR, 0, LARGEST_FACTOR,
						  pattern->amount_factor);
	drifted->large_amount =
		optional_argument(fcinfo, ARG_DRIFT_LARGE_AMOUNT, 0, LARGEST_AMOUNT,
						  pattern->large_amount);
	drifted->compromised_terminals =
		optional_argument(fcinfo, ARG_DRIFT_COMPROMISED_TERMINALS, 0, options->n_terminals,
						  pattern->compromised_terminals);
	drifted->stolen_cards =
		optional_argument(fcinfo, ARG_DRIFT_STOLEN_CARDS, 0, options->n_customers,
						  pattern->stolen_cards);
	drifted->stolen_factor =
		optional_argument(fcinfo, ARG_DRIFT_STOLEN_FACTOR, 0, LARGEST_FACTOR,
						  pattern->stolen_factor);
}

/* Midnight of the first day; every day must be a timestamp. */
static Timestamp
read_start(FunctionCallInfo fcinfo, int days)
{
	DateADT		start;
	int			overflow = 0;

	reject_null(fcinfo, ARG_START);
	start = PG_GETARG_DATEADT(ARG_START);
	if (!DATE_NOT_FINITE(start))
		date2timestamp_opt_overflow(start + days, &overflow);
	if (DATE_NOT_FINITE(start) || overflow != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a finite date, with all %d days before the year 294277",
						argument[ARG_START].name, days),
				 errhint("%s", argument[ARG_START].meaning)));
	return date2timestamp_opt_overflow(start, NULL);
}

static void
put_day(ReturnSetInfo *result, const MlTransaction *rows, size_t n_rows,
		Timestamp midnight, int64 *transaction_id)
{
	bool		nulls[7] = {false};
	Datum		values[7];

	for (size_t i = 0; i < n_rows; i++)
	{
		const MlTransaction *tx = &rows[i];

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum((*transaction_id)++);
		values[1] = TimestampGetDatum(midnight + tx->second * USECS_PER_SEC);
		values[2] = Int32GetDatum(tx->customer);
		values[3] = Int32GetDatum(tx->terminal);
		values[4] = Float8GetDatum(tx->cents / 100.0);
		values[5] = BoolGetDatum(tx->scenario != 0);
		values[6] = Int32GetDatum(tx->scenario);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
mlops_simulate_transactions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlSimulationOptions options;
	MlContext  *ctx;
	MlSimulator *simulator;
	Timestamp	midnight;
	int64		transaction_id = 0;

	read_options(fcinfo, &options);
	midnight = read_start(fcinfo, options.n_days);

	InitMaterializedSRF(fcinfo, 0);
	ctx = mlbase_engine_context(1, mlops_guc_max_training_memory, false);
	mlbase_check(ctx, ml_simulator_create(ctx, &options, &simulator));
	for (;;)
	{
		const MlTransaction *rows;
		size_t		n_rows;

		mlbase_check(ctx, ml_simulator_next_day(ctx, simulator, &rows, &n_rows));
		if (rows == NULL)
			break;
		put_day(result, rows, n_rows, midnight, &transaction_id);
		midnight += USECS_PER_DAY;
	}
	mlbase_engine_free(ctx);
	return (Datum) 0;
}
