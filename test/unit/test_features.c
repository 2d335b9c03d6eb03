/*
 * test_features.c
 *	  Exact sums against wider arithmetic; features in one pass against what their
 *	  definitions say, row by row.
 */
#include "check.h"

#include "mlops/engine/features.h"

/* ---------------------------------------------------------------- exact sums */

static double
random_number(uint64_t i, int exponents)
{
	double		mantissa = 2 * ml_random_uniform(7, 1, i) - 1;

	return ldexp(mantissa, (int) (ml_random_u64(7, 2, i) % exponents) - exponents / 2);
}

/* Sums that 113 bits hold exactly. */
static void
check_sums(void)
{
	int			wrong = 0;
	int			wrong_back = 0;
	int			wrong_squares = 0;

	for (uint64_t trial = 0; trial < 2000; trial++)
	{
		MlExactSum	sum = {{0}};
		MlExactSum	squares = {{0}};
		__float128	expected = 0;
		__float128	expected_squares = 0;
		uint64_t	n = trial % 50;

		for (uint64_t i = 0; i < n; i++)
		{
			double		number = random_number(1000 * trial + i, 40);
			double		rounded = (float) number;

			ml_exact_add(&sum, number, 1);
			ml_exact_add_square(&squares, rounded, 1);
			expected += number;
			expected_squares += (__float128) rounded * rounded;
		}
		wrong += ml_exact_value(&sum) != (double) expected;
		wrong_squares += ml_exact_value(&squares) != (double) expected_squares;
		for (uint64_t i = n; i-- > 0;)
		{
			double		number = random_number(1000 * trial + i, 40);

			ml_exact_add(&sum, number, -1);
			ml_exact_add_square(&squares, (float) number, -1);
		}
		for (int i = 0; i < ML_EXACT_LIMBS; i++)
			wrong_back += sum.limb[i] != 0 || squares.limb[i] != 0;
	}
	CHECK(wrong == 0, "sums are those of exact arithmetic, rounded once");
	CHECK(wrong_squares == 0, "sums of squares too");
	CHECK(wrong_back == 0, "what was added can be taken away");
}

static void
check_range(void)
{
	MlExactSum	sum = {{0}};
	MlExactSum	squares = {{0}};

	CHECK(!ml_can_be_summed(NAN) && !ml_can_be_summed(INFINITY) && !ml_can_be_summed(0x1.1p79) && ml_can_be_summed(-0x1p79), "which numbers can be added");
	ml_exact_add(&sum, 0x1p79, 1);
	ml_exact_add(&sum, 0x1p-100, 1);
	ml_exact_add(&sum, 1e-300, 1);
	ml_exact_add(&sum, -0x1p79, 1);
	CHECK_CLOSE(ml_exact_value(&sum), 0x1p-100, 0, "small numbers beside large ones");
	for (int i = 0; i < 1000; i++)
		ml_exact_add_square(&squares, i % 2 ? 0x1p79 : -0x1p79, 1);
	CHECK_CLOSE(ml_exact_value(&squares), 1000 * 0x1p158, 0, "the largest squares");
}

static void
check_variance(void)
{
	MlExactSum	sum = {{0}};
	MlExactSum	squares = {{0}};

	for (int i = 0; i < 1000; i++)
	{
		double		number = 1e15 + i % 2;

		ml_exact_add(&sum, number, 1);
		ml_exact_add_square(&squares, number, 1);
	}
	CHECK_CLOSE(ml_exact_variance(1000, &sum, &squares), 250.0 / 999, 1e-15, "a variance far from 0");
	CHECK(isnan(ml_exact_variance(1, &sum, &squares)), "none of one number");
}

/* ---------------------------------------------------------------- histories */

#define ROWS 1500
#define ENTITIES 2
#define VALUES 3				/* an amount, a category, whether a condition holds */
#define FEATURES 64

typedef struct Row
{
	int64_t		time;
	int64_t		known;
	uint32_t	entity[ENTITIES];
	double		value[VALUES];
} Row;

static Row	rows[ROWS];

/* Amounts are quarters, so that sums of doubles are exact; time goes in steps, with ties. */
static void
make_rows(uint64_t seed, bool late)
{
	int64_t		time = 0;

	for (uint64_t i = 0; i < ROWS; i++)
	{
		Row		   *row = &rows[i];

		time += (int64_t) (ml_random_u64(seed, 1, i) % 4);
		row->time = time;
		row->known = late && ml_random_u64(seed, 2, i) % 3 == 0 ? time + (int64_t) (ml_random_u64(seed, 3, i) % 300) : time;
		for (int e = 0; e < ENTITIES; e++)
			row->entity[e] = ml_random_u64(seed, 4 + e, i) % 20 == 0 ? ML_NO_ENTITY : (uint32_t) (ml_random_u64(seed, 6 + e, i) % (e ? 30 : 4));
		row->value[0] = ml_random_u64(seed, 8, i) % 10 == 0 ? NAN : (double) (int64_t) (ml_random_u64(seed, 9, i) % 400) / 4 - 50;
		row->value[1] = (double) (ml_random_u64(seed, 10, i) % 9);
		row->value[2] = ml_random_u64(seed, 11, i) % 11 == 0 ? NAN : (double) (ml_random_u64(seed, 12, i) % 2);
	}
}

static void
make_features(uint64_t seed, MlWindowFeature *feature)
{
	for (uint64_t f = 0; f < FEATURES; f++)
	{
		MlAggregate aggregate = (MlAggregate) (f % (ML_AGGREGATE_SHARE + 1));
		uint64_t	r = ml_random_u64(seed, 20, f);
		bool		no_value = aggregate >= ML_AGGREGATE_SINCE_LAST || (aggregate == ML_AGGREGATE_COUNT && r % 2);

		feature[f] = (MlWindowFeature) {
										 .aggregate = aggregate,
			.entity = (int) ((r >> 4) % ENTITIES),
			.value = no_value ? ML_NO_COLUMN : aggregate == ML_AGGREGATE_COUNT_DISTINCT ? 1 : 0,
			.condition = aggregate == ML_AGGREGATE_SHARE || (r >> 6) % 3 == 0 ? 2 : ML_NO_COLUMN,
			.delay = (r >> 8) % 3 == 0 ? (int64_t) (r >> 10) % 100 : 0,
			.length = (r >> 20) % 4 == 0 || aggregate == ML_AGGREGATE_FIRST_SEEN ? ML_ALL_TIME : 1 + (int64_t) (r >> 22) % 200,
			.rows = (r >> 40) % 4 == 0 && aggregate != ML_AGGREGATE_FIRST_SEEN ? 1 + (uint32_t) (r >> 42) % 6 : 0,
			.with_current = (r >> 50) % 2,
			.if_empty = (r >> 51) % 2 ? NAN : -1};
	}
}

/* What a definition says of the rows that count, gathered one by one. */
typedef struct Gathered
{
	double		n;
	double		n_condition;
	double		sum;
	double		squares;
	double		least;
	double		greatest;
	bool		seen[16];
	const Row  *last;
	const Row  *first;
	bool		any_last;
} Gathered;

static void
gather(Gathered *g, const MlWindowFeature *asked, const Row *row)
{
	double		value = asked->value == ML_NO_COLUMN ? 0 : row->value[asked->value];

	if (asked->aggregate == ML_AGGREGATE_SHARE)
	{
		g->n += !isnan(row->value[2]);
		g->n_condition += row->value[2] == 1;
		return;
	}
	if (asked->condition != ML_NO_COLUMN && row->value[asked->condition] != 1)
		return;
	g->first = g->first ? g->first : row;
	g->last = row;
	if (isnan(value))
		return;
	g->n++;
	g->sum += value;
	g->squares += value * value;
	g->least = fmin(g->least, value);
	g->greatest = fmax(g->greatest, value);
	if (asked->aggregate == ML_AGGREGATE_COUNT_DISTINCT)
		g->seen[(int) value] = true;
}

static double
summed_up(const Gathered *g, const MlWindowFeature *asked, const Row *row)
{
	double		n_seen = 0;

	for (int i = 0; i < 16; i++)
		n_seen += g->seen[i];
	switch (asked->aggregate)
	{
		case ML_AGGREGATE_COUNT:
			return g->n;
		case ML_AGGREGATE_SUM:
			return g->n > 0 ? g->sum : NAN;
		case ML_AGGREGATE_AVG:
			return g->sum / g->n;
		case ML_AGGREGATE_STDDEV:
			return g->n < 2 ? NAN : sqrt((g->n * g->squares - g->sum * g->sum) / (g->n * (g->n - 1)));
		case ML_AGGREGATE_MIN:
			return g->n > 0 ? g->least : NAN;
		case ML_AGGREGATE_MAX:
			return g->n > 0 ? g->greatest : NAN;
		case ML_AGGREGATE_COUNT_DISTINCT:
			return n_seen;
		case ML_AGGREGATE_LAST:
			return g->last ? g->last->value[asked->value] : NAN;
		case ML_AGGREGATE_SINCE_LAST:
			return g->last ? (double) (row->time - g->last->time) / 1e6 : NAN;
		case ML_AGGREGATE_FIRST_SEEN:
			return g->first ? (double) (row->time - g->first->time) / 1e6 : NAN;
		case ML_AGGREGATE_SHARE:
			return g->n_condition / g->n;
	}
	return NAN;
}

static double
by_definition(const MlWindowFeature *asked, int at)
{
	const Row  *row = &rows[at];
	Gathered	g = {.least = INFINITY, .greatest = -INFINITY};
	uint32_t	skip = 0;
	uint32_t	n = 0;
	double		result;

	if (row->entity[asked->entity] == ML_NO_ENTITY)
		return NAN;
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < at; i++)
		{
			if (rows[i].entity[asked->entity] != row->entity[asked->entity] || rows[i].time > row->time - asked->delay ||
				rows[i].known > row->time || (asked->length != ML_ALL_TIME && rows[i].time <= row->time - asked->delay - asked->length))
				continue;
			if (pass == 0)
				n++;
			else if (skip > 0)
				skip--;
			else
				gather(&g, asked, &rows[i]);
		}
		skip = asked->rows > 0 && n > asked->rows ? n - asked->rows : 0;
	}
	if (asked->with_current && asked->delay == 0)
		gather(&g, asked, row);
	result = summed_up(&g, asked, row);
	return isnan(result) ? asked->if_empty : result;
}

static MlEvent
event_of(const Row *row)
{
	return (MlEvent) {row->time, row->known, row->entity, row->value};
}

/* computed_from: features of rows before it are not asked for. */
static void
check_history(MlContext *ctx, uint64_t seed, bool late, int computed_from)
{
	MlWindowFeature feature[FEATURES];
	double		value[FEATURES];
	MlFeaturePlan *plan;
	MlHistory  *history;
	MlStatus	status = ML_OK;
	int			wrong = 0;

	make_rows(seed, late);
	make_features(seed, feature);
	if (ml_feature_plan(ctx, ENTITIES, VALUES, FEATURES, feature, &plan) != ML_OK || ml_history_create(ctx, plan, &history) != ML_OK)
		status = ML_OUT_OF_MEMORY;
	for (int i = 0; i < ROWS && status == ML_OK; i++)
	{
		MlEvent		event = event_of(&rows[i]);

		if (i >= computed_from)
		{
			status = ml_history_features(ctx, history, &event, value);
			for (int f = 0; f < FEATURES && status == ML_OK; f++)
			{
				double		expected = by_definition(&feature[f], i);

				if (!close_to(value[f], expected, feature[f].aggregate == ML_AGGREGATE_STDDEV ? 1e-9 : 0) && wrong++ < 5)
					printf("# row %d, feature %d (aggregate %d, delay %ld, length %ld, rows %u): %.17g is not %.17g\n", i, f, feature[f].aggregate,
						   (long) feature[f].delay, (long) feature[f].length, feature[f].rows, value[f], expected);
			}
		}
		if (status == ML_OK)
			status = ml_history_remember(ctx, history, &event);
	}
	CHECK(status == ML_OK && wrong == 0, "features are what their definitions say: seed %d, %s, from row %d",
		  (int) seed, late ? "some known late" : "known at once", computed_from);
}

/* One row by an index: the rows of its entity alone, from where they matter. */
static void
check_one_row(MlContext *ctx)
{
	MlWindowFeature feature[FEATURES];
	double		all[FEATURES];
	double		alone[FEATURES];
	MlFeaturePlan *plan;
	MlHistory  *history;
	int			wrong = 0;

	make_rows(5, true);
	make_features(5, feature);
	for (int i = 0; i < ROWS; i++)	/* any double: sums must not depend on what was there before */
		rows[i].value[0] = random_number((uint64_t) i, 30);
	if (ml_feature_plan(ctx, ENTITIES, VALUES, FEATURES, feature, &plan) != ML_OK || ml_history_create(ctx, plan, &history) != ML_OK)
		return;
	for (int i = 0; i < ROWS; i++)
	{
		MlEvent		event = event_of(&rows[i]);

		(void) ml_history_features(ctx, history, &event, all);
		(void) ml_history_remember(ctx, history, &event);
		if (i % 10 == 0)
		{
			MlArenaMark mark = ml_arena_mark(ctx->arena);
			MlHistory  *one;

			(void) ml_history_create(ctx, plan, &one);
			for (int j = 0; j < i; j++)
			{
				uint32_t	same[ENTITIES];
				MlEvent		earlier = {rows[j].time, rows[j].known, same, rows[j].value};

				for (int e = 0; e < ENTITIES; e++)
				{
					int64_t		reach = ml_feature_reach(plan, e);
					bool		matters = rows[j].entity[e] == rows[i].entity[e] && (reach == ML_ALL_TIME || rows[j].time > rows[i].time - reach);

					same[e] = matters && rows[j].entity[e] != ML_NO_ENTITY ? 0 : ML_NO_ENTITY;
				}
				(void) ml_history_remember(ctx, one, &earlier);
			}
			event.entity = (uint32_t[ENTITIES])
			{
				rows[i].entity[0] == ML_NO_ENTITY ? ML_NO_ENTITY : 0, rows[i].entity[1] == ML_NO_ENTITY ? ML_NO_ENTITY : 0
			};
			(void) ml_history_features(ctx, one, &event, alone);
			wrong += memcmp(all, alone, sizeof(all)) != 0;
			ml_arena_release(ctx->arena, mark);
		}
	}
	CHECK(wrong == 0, "one row alone has the same bits as in one pass");
}

/* What windows let go of is used again. */
static void
check_memory(void)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 8 << 20)};
	MlWindowFeature feature[] = {
		{ML_AGGREGATE_AVG, 0, 0, ML_NO_COLUMN, 0, 1000, 0, true, NAN},
		{ML_AGGREGATE_MIN, 0, 0, ML_NO_COLUMN, 10, 1000, 0, true, NAN},
		{ML_AGGREGATE_COUNT_DISTINCT, 0, 1, ML_NO_COLUMN, 0, 500, 0, true, NAN},
		{ML_AGGREGATE_LAST, 0, 0, ML_NO_COLUMN, 0, ML_ALL_TIME, 3, false, NAN}};
	MlFeaturePlan *plan;
	MlHistory  *history;
	MlStatus	status = ml_feature_plan(&ctx, 1, 2, 4, feature, &plan);
	uint32_t	entity;
	double		value[2];
	double		out[4];

	if (status == ML_OK)
		status = ml_history_create(&ctx, plan, &history);
	for (int i = 0; i < 2000000 && status == ML_OK; i++)
	{
		MlEvent		event = {i, i, &entity, value};

		entity = (uint32_t) (i % 5);
		value[0] = -i;			/* the least is always the last: what has left lies deep in the heap */
		value[1] = i;
		status = ml_history_features(&ctx, history, &event, out);
		if (status == ML_OK)
			status = ml_history_remember(&ctx, history, &event);
	}
	CHECK(status == ML_OK, "2 million rows in windows of a thousand fit 8 MB: %s", ctx.message);
	for (int i = 0; i < 2000000 && status == ML_OK; i++)
	{
		MlEvent		event = {2000000, 2000000, &entity, value};

		entity = (uint32_t) i;
		status = ml_history_remember(&ctx, history, &event);
	}
	CHECK(status == ML_OUT_OF_MEMORY, "too many entities are refused");
	ml_arena_destroy(ctx.arena);
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create(0)};

	check_sums();
	check_range();
	check_variance();
	for (uint64_t seed = 1; seed <= 8; seed++)
		check_history(&ctx, seed, seed % 2 == 0, seed > 6 ? 900 : 0);
	check_one_row(&ctx);
	check_memory();
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
