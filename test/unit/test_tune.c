/*
 * test_tune.c
 *	  Search spaces, samplers and pruners: what a point may look like, that a
 *	  study is a function of its seed and of what was told, and that the
 *	  samplers find what random points do not.
 */
#include "check.h"

#include "blas/provider.h"
#include "engine/tune/gp_model.h"
#include "engine/tune/parzen.h"
#include "golden_tune.h"
#include "mlops/engine/tune.h"

/* Two algorithms, each with parameters of its own, and one they share. */
static const MlDimension mixed_dimensions[] = {
	{"algorithm", ML_DIMENSION_CHOICE, 2, .parent = -1},
	{"learning_rate", ML_DIMENSION_FLOAT, 0, 0.01, 1, true, 3, 0, 1},
	{"depth", ML_DIMENSION_INTEGER, 0, 2, 8, false, 0, 0, 1},
	{"penalty", ML_DIMENSION_CHOICE, 3, .parent = 0, .parent_choices = 2},
	{"l1_ratio", ML_DIMENSION_FLOAT, 0, 0, 1, false, 2, 3, 4},
	{"leaves", ML_DIMENSION_INTEGER, 0, 4, 400, true, 3, -1, 0},
};
static const MlSpace mixed = {6, mixed_dimensions};

static bool
same_point(const MlSpace *space, const double *a, const double *b)
{
	for (size_t i = 0; i < space->n; i++)
	{
		if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
			return false;
	}
	return true;
}

/* Is the point one of the space: right dimensions there, values in range? */
static bool
is_valid(const MlSpace *space, const double *point)
{
	for (size_t i = 0; i < space->n; i++)
	{
		const MlDimension *d = &space->dimension[i];
		bool		active = ml_space_active(space, i, point);

		if (active != !isnan(point[i]))
			return false;
		if (!active)
			continue;
		if (d->kind == ML_DIMENSION_CHOICE
			? point[i] < 0 || point[i] >= d->n_choices || point[i] != floor(point[i])
			: point[i] < d->minimum || point[i] > d->maximum)
			return false;
		if (d->kind == ML_DIMENSION_INTEGER && point[i] != floor(point[i]))
			return false;
	}
	return true;
}

static void
test_space(MlContext *ctx)
{
	MlDimension one[] = {{"x", ML_DIMENSION_FLOAT, .minimum = 1e-3, .maximum = 1, .log = true, .parent = -1}};
	MlSpace		log_space = {1, one};
	double		point[6];
	int			below = 0;
	int			present[6] = {0};
	bool		valid = true;

	CHECK(ml_space_check(ctx, &mixed, true) == ML_OK, "a space with conditions is accepted");
	for (int i = 0; i < 3000; i++)
	{
		ml_space_random(&mixed, 7, i, point);
		valid = valid && is_valid(&mixed, point);
		for (int d = 0; d < 6; d++)
			present[d] += !isnan(point[d]);
	}
	CHECK(valid, "random points: dimensions appear exactly with their parents, in their ranges");
	CHECK(present[0] == 3000 && present[5] == 3000, "what has no parent is always there");
	CHECK(abs(present[1] - 1500) < 150 && present[1] == present[2], "algorithms take turns");
	CHECK(abs(present[4] - 500) < 90, "a parameter under two conditions is there for 1 in 6");
	for (int i = 0; i < 3000; i++)
	{
		ml_space_random(&log_space, 7, i, point);
		below += point[0] < 0.03162277;
	}
	CHECK(abs(below - 1500) < 120, "a logarithmic range is even in the logarithm");

	one[0].minimum = 0;
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT &&
		  strstr(ctx->message, "\"x\"") != NULL, "a logarithm of 0 is refused by name");
	one[0] = (MlDimension) {"x", ML_DIMENSION_FLOAT, .minimum = 2, .maximum = 1, .parent = -1};
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT, "a falling range is refused");
	one[0] = (MlDimension) {"x", ML_DIMENSION_INTEGER, .minimum = 0.5, .maximum = 3, .parent = -1};
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT, "half numbers are no integers");
	one[0] = (MlDimension) {"x", ML_DIMENSION_FLOAT, .minimum = 0, .maximum = 3, .parent = -1};
	CHECK(ml_space_check(ctx, &log_space, true) == ML_INVALID_ARGUMENT, "a range without levels has no grid");
	one[0].maximum = 0;
	CHECK(ml_space_check(ctx, &log_space, true) == ML_OK && ml_space_grid_size(&log_space) == 1, "unless it is of one value");
	one[0].parent = 0;
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT, "a dimension is not its own parent");
	one[0] = (MlDimension) {"x", ML_DIMENSION_CHOICE, 0, .parent = -1};
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT, "an empty list is refused");
	log_space.n = 0;
	CHECK(ml_space_check(ctx, &log_space, false) == ML_INVALID_ARGUMENT, "an empty space is refused");
}

static void
test_grid(MlContext *ctx)
{
	/* (3 rates * 7 depths + penalties 1, 1 and with 2 ratios) * 3 leaves */
	size_t		size = (3 * 7 + 1 + 1 + 2) * 3;
	double		points[75][6];
	double		beyond[6];
	bool		valid = true;
	bool		distinct = true;
	MlStudy    *study;
	size_t		number;
	size_t		asked = 0;

	CHECK(ml_space_grid_size(&mixed) == size, "the grid is the product of each branch");
	for (size_t i = 0; i < size; i++)
	{
		valid = ml_space_grid_point(&mixed, i, points[i]) && valid && is_valid(&mixed, points[i]);
		for (size_t j = 0; j < i; j++)
			distinct = distinct && !same_point(&mixed, points[i], points[j]);
	}
	CHECK(valid, "every point of the grid is valid");
	CHECK(distinct, "and there once");
	CHECK(!ml_space_grid_point(&mixed, size, beyond), "and there are no more");
	CHECK_CLOSE(points[0][1], 0.01, 1e-15, "levels begin at the minimum");
	CHECK(points[0][5] == 4 && points[1][5] == 40 && points[2][5] == 400, "levels of a logarithmic range");
	if (ml_study_create(ctx, &mixed, ML_SAMPLER_GRID, 1, true, 100, &study) != ML_OK)
		return;
	while (ml_study_ask(ctx, study, &number) == ML_OK && number != SIZE_MAX)
	{
		asked += same_point(&mixed, study->trials[number].point, points[number]);
		ml_study_tell(study, number, ML_TRIAL_FINISHED, 0, 1);
	}
	CHECK(asked == size, "a study by grid asks for each of them and ends");
}

/* Depends on all dimensions that are there. */
static double
objective(const double *point)
{
	if (point[0] == 0)
		return pow(log10(point[1]) + 1, 2) + pow(point[2] - 5, 2) / 9 + pow(log(point[5] / 40), 2) / 5;
	return 1.5 + 0.2 * point[3] + (isnan(point[4]) ? 0 : point[4]) + pow(log(point[5] / 40), 2) / 5;
}

static MlStudy *
run(MlContext *ctx, MlSampler sampler, uint64_t seed, int trials, int capacity)
{
	MlStudy    *study = NULL;
	size_t		number;

	if (ml_study_create(ctx, &mixed, sampler, seed, false, capacity, &study) != ML_OK)
		return NULL;
	for (int i = 0; i < trials; i++)
	{
		if (ml_study_ask(ctx, study, &number) != ML_OK)
			return NULL;
		if (i % 9 == 4)
			ml_study_tell(study, number, ML_TRIAL_PRUNED, objective(study->trials[number].point) + 1, 5);
		else
			ml_study_tell(study, number, i % 13 == 6 ? ML_TRIAL_FAILED : ML_TRIAL_FINISHED,
						  objective(study->trials[number].point), 10);
	}
	return study;
}

static void
test_sampler(MlContext *ctx, MlSampler sampler)
{
	const char *name = ml_sampler_names[sampler];
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	MlStudy    *study = run(ctx, sampler, 5, 30, 40);
	MlStudy    *resumed;
	MlStudy    *other;
	size_t		number;
	size_t		a;
	size_t		b;
	bool		valid = study != NULL;
	bool		same = true;
	bool		differs = false;

	for (int i = 0; valid && i < 30; i++)
		valid = is_valid(&mixed, study->trials[i].point);
	CHECK(valid, "%s: every point is valid", name);
	if (study == NULL)
		return;
	other = run(ctx, sampler, 5, 30, 40);
	for (int i = 0; i < 30; i++)
		same = same && same_point(&mixed, study->trials[i].point, other->trials[i].point);
	CHECK(same, "%s: the same seed asks for the same points", name);
	other = run(ctx, sampler, 6, 30, 40);
	for (int i = 0; i < 30; i++)
		differs = differs || !same_point(&mixed, study->trials[i].point, other->trials[i].point);
	CHECK(differs || sampler == ML_SAMPLER_GRID, "%s: another seed asks for others", name);

	/* a crash: all but trials 20 and 23 are told again, in another order */
	ml_study_create(ctx, &mixed, sampler, 5, false, 50, &resumed);
	for (int i = 29; i >= 0; i--)
	{
		const MlTrial *t = &study->trials[i];

		if (i != 20 && i != 23)
			ml_study_add(resumed, i, t->point, t->state, t->value, t->steps);
	}
	ml_study_ask(ctx, resumed, &number);
	CHECK(number == 20, "%s: a number without a trial is asked for first", name);
	ml_study_add(resumed, 20, study->trials[20].point, study->trials[20].state, study->trials[20].value, study->trials[20].steps);
	ml_study_add(resumed, 23, study->trials[23].point, study->trials[23].state, study->trials[23].value, study->trials[23].steps);
	ml_study_ask(ctx, resumed, &a);
	ml_study_ask(ctx, study, &b);
	CHECK(a == 30 && b == 30 && same_point(&mixed, resumed->trials[a].point, study->trials[b].point),
		  "%s: resumed from what was told, the next point is the same", name);
	ml_study_ask(ctx, study, &a);
	CHECK(a == 31 && !same_point(&mixed, study->trials[30].point, study->trials[31].point),
		  "%s: while a trial runs, another point is asked for", name);
	ml_arena_release(ctx->arena, mark);
}

/* Median of the best value of seeds. */
static double
median_best(MlContext *ctx, MlSampler sampler, int trials, int seeds)
{
	double		best[64];

	for (int s = 0; s < seeds; s++)
	{
		MlArenaMark mark = ml_arena_mark(ctx->arena);
		MlStudy    *study = run(ctx, sampler, s, trials, trials);
		double		value = study->trials[ml_study_best(study)].value;
		int			at;

		for (at = s; at > 0 && best[at - 1] > value; at--)
			best[at] = best[at - 1];
		best[at] = value;
		ml_arena_release(ctx->arena, mark);
	}
	return best[seeds / 2];
}

static void
test_search(MlContext *ctx)
{
	double		random = median_best(ctx, ML_SAMPLER_RANDOM, 50, 31);
	double		tpe = median_best(ctx, ML_SAMPLER_TPE, 50, 31);
	double		gp = median_best(ctx, ML_SAMPLER_GP, 50, 5);

	printf("# best of 50 trials: random %g, tpe %g, gp %g\n", random, tpe, gp);
	CHECK(tpe < 0.8 * random, "tpe finds better points than random");
	CHECK(gp < 0.5 * random, "gp finds better points than random");
}

static void
test_edges(MlContext *ctx)
{
	const MlDimension fixed_dimensions[] = {
		{"a", ML_DIMENSION_FLOAT, .minimum = 2, .maximum = 2, .parent = -1},
		{"b", ML_DIMENSION_INTEGER, .minimum = 3, .maximum = 3, .parent = -1},
		{"c", ML_DIMENSION_CHOICE, 1, .parent = -1},
	};
	MlSpace		fixed = {3, fixed_dimensions};
	const MlSampler samplers[] = {ML_SAMPLER_RANDOM, ML_SAMPLER_TPE, ML_SAMPLER_GP};
	MlContext	no_blas = *ctx;
	MlStudy    *study;
	size_t		number;

	for (int s = 0; s < 3; s++)
	{
		bool		right;

		ml_study_create(ctx, &fixed, samplers[s], 1, true, 20, &study);
		right = ml_study_ask(ctx, study, &number) == ML_OK && number == 0 &&
			study->trials[0].point[0] == 2 && study->trials[0].point[1] == 3 && study->trials[0].point[2] == 0;
		ml_study_tell(study, 0, ML_TRIAL_FINISHED, 1, 1);
		CHECK(right, "%s: a space of one point", ml_sampler_names[samplers[s]]);
		ml_study_ask(ctx, study, &number);
		CHECK(number == SIZE_MAX, "%s: its point is not tried twice", ml_sampler_names[samplers[s]]);
	}
	ml_study_create(ctx, &mixed, ML_SAMPLER_TPE, 1, true, 20, &study);
	CHECK(ml_study_best(study) == SIZE_MAX, "without trials none is the best");
	ml_study_tell(study, 0, ML_TRIAL_FINISHED, NAN, 1);
	CHECK(study->trials[0].state == ML_TRIAL_FAILED, "a value that is not a number is a failure");
	ml_study_tell(study, 1, ML_TRIAL_PRUNED, 9, 1);
	ml_study_tell(study, 2, ML_TRIAL_FINISHED, 3, 1);
	ml_study_tell(study, 3, ML_TRIAL_FINISHED, 3, 1);
	CHECK(ml_study_best(study) == 2, "the best is finished, the first of equals");
	study = run(ctx, ML_SAMPLER_RANDOM, 1, 20, 30);
	study->sampler = ML_SAMPLER_GP;
	no_blas.blas = NULL;
	CHECK(ml_study_ask(&no_blas, study, &number) == ML_FAILED, "gp says that it needs linear algebra");
	CHECK(ml_sampler_by_name("tpe") == ML_SAMPLER_TPE && ml_sampler_by_name("bayes") < 0, "samplers by name");
}

static void
test_pruners(void)
{
	MlPruner	p;
	double		board[9 * ML_MAX_RUNGS];
	int			in_bracket[8] = {0};

	for (size_t i = 0; i < sizeof(board) / sizeof(*board); i++)
		board[i] = NAN;
	ml_pruner_init(&p, ML_PRUNER_ASHA, 5, 100, 3, 0, true, 1);
	CHECK(p.n_rungs == 3 && p.rung[0] == 5 && p.rung[1] == 15 && p.rung[2] == 45, "asha: rungs 5, 15, 45 of 100");
	CHECK(ml_pruner_rung(&p, 15) == 1 && ml_pruner_rung(&p, 16) == -1, "a step is a rung or not");
	board[0] = 0.5;
	CHECK(!ml_pruner_should_stop(&p, board, 9, 0, 0), "asha: the first one goes on");
	board[3] = 0.4;
	CHECK(ml_pruner_should_stop(&p, board, 9, 1, 0), "asha: a worse second one stops");
	board[6] = 0.6;
	CHECK(!ml_pruner_should_stop(&p, board, 9, 2, 0), "asha: a better one goes on");
	for (int i = 3; i < 9; i++)
		board[3 * i] = 0.1 * i; /* 0.3 .. 0.8 */
	CHECK(!ml_pruner_should_stop(&p, board, 9, 6, 0), "asha: third of nine goes on");	/* 0.6, tie */
	CHECK(ml_pruner_should_stop(&p, board, 9, 5, 0), "asha: fourth of nine stops");
	board[3] = NAN;
	CHECK(ml_pruner_should_stop(&p, board, 9, 1, 0), "a metric that is not a number stops");

	for (size_t i = 0; i < sizeof(board) / sizeof(*board); i++)
		board[i] = NAN;
	ml_pruner_init(&p, ML_PRUNER_MEDIAN, 10, 64, 0, 5, false, 1);
	CHECK(p.rung[0] == 10 && p.rung[1] == 12 && p.rung[p.n_rungs - 1] == 62, "median: even rungs after the least step");
	for (int i = 0; i < 5; i++)
		board[i * p.n_rungs + 1] = i;
	board[5 * p.n_rungs + 1] = 2.5;
	CHECK(ml_pruner_should_stop(&p, board, 9, 5, 1), "median: worse than the median of five stops (less is better)");
	board[6 * p.n_rungs + 1] = 3;
	CHECK(!ml_pruner_should_stop(&p, board, 9, 5, 1), "median: as many better as worse goes on");
	board[6 * p.n_rungs + 1] = NAN;
	board[5 * p.n_rungs] = 0.5;
	CHECK(!ml_pruner_should_stop(&p, board, 9, 5, 1), "median: the best value so far counts");
	p.latest = true;
	CHECK(ml_pruner_should_stop(&p, board, 9, 5, 1), "median: unless the last one is asked for");
	p.latest = false;
	board[5 * p.n_rungs] = NAN;
	board[4 * p.n_rungs + 1] = NAN;
	CHECK(!ml_pruner_should_stop(&p, board, 9, 5, 1), "median: four others are too few");

	ml_pruner_init(&p, ML_PRUNER_HYPERBAND, 1, 27, 3, 0, true, 3);
	for (int i = 0; i < 9 * ML_MAX_RUNGS; i++)
		board[i] = 1;
	for (int t = 0; t < 9; t++)
	{
		for (int r = 0; r < p.n_rungs; r++)
			board[t * p.n_rungs + r] = t;
	}
	for (int t = 0; t < 9; t++)
		in_bracket[ml_pruner_should_stop(&p, board, 9, t, 0)]++;
	CHECK(in_bracket[1] > 0 && in_bracket[0] > 1, "hyperband: some brackets are not cut at the first rung");
	ml_pruner_init(&p, ML_PRUNER_NONE, 1, 100, 3, 0, true, 1);
	CHECK(p.n_rungs == 0, "none: no rungs");
	CHECK(ml_pruner_by_name("asha") == ML_PRUNER_ASHA && ml_pruner_by_name("best") < 0, "pruners by name");
}

/* ---------------------------------------------------------------- golden values */

static const MlDimension golden_dimensions[] = {
	{"a", ML_DIMENSION_FLOAT, 0, 0, 1, false, 0, -1, 0},
	{"b", ML_DIMENSION_FLOAT, 0, 0.001, 10, true, 0, -1, 0},
	{"c", ML_DIMENSION_INTEGER, 0, 1, 90, false, 0, -1, 0},
	{"d", ML_DIMENSION_INTEGER, 0, 4, 400, true, 0, -1, 0},
	{"e", ML_DIMENSION_CHOICE, 3, .parent = -1},
};
static const MlSpace golden_space = {5, golden_dimensions};

static void
test_parzen(MlContext *ctx, size_t n, const double (*observed)[5], const double *wanted)
{
	const size_t dimension[] = {0, 1, 2, 3, 4};
	const double *point[64];
	ParzenDensity density;
	double		furthest = 0;

	for (size_t i = 0; i < n; i++)
		point[i] = observed[i];
	parzen_estimate(ctx, &golden_space, dimension, 5, point, n, &density);
	for (int i = 0; i < 12; i++)
		furthest = fmax(furthest, fabs(parzen_log_density(&density, golden_candidates[i]) - wanted[i]));
	CHECK(furthest < 1e-9, "densities of %zu trials are Optuna's (%g)", n, furthest);
}

/* Shares of draws are the density's probabilities. */
static void
test_draws(MlContext *ctx)
{
	const size_t dimension[] = {2, 4};
	const double *point[12];
	ParzenDensity density;
	int			drawn[91][3] = {{0}};
	uint64_t	counter = 0;
	double		furthest = 0;

	for (int i = 0; i < 12; i++)
		point[i] = golden_points_12[i];
	parzen_estimate(ctx, &golden_space, dimension, 2, point, 12, &density);
	for (int i = 0; i < 40000; i++)
	{
		double		candidate[5];

		parzen_draw(&density, 1, 2, &counter, candidate);
		drawn[(int) candidate[2]][(int) candidate[4]]++;
	}
	for (int c = 1; c <= 90; c++)
	{
		for (int e = 0; e < 3; e++)
		{
			double		candidate[5] = {0, 0, c, 0, e};

			furthest = fmax(furthest, fabs(drawn[c][e] / 40000.0 - exp(parzen_log_density(&density, candidate))));
		}
	}
	CHECK(furthest < 0.008, "points are drawn as the density says (%g)", furthest);
}

static void
test_gp_model(MlContext *ctx)
{
	const double lengths[] = {0.5, 1.2, 0.8, 2.0, 1.5};
	const double *point[30];
	double		y[30];
	double		x[12 * 7];
	double		mean[12];
	double		deviation[12];
	double	   *work = calloc(2 * 30 * 12, sizeof(double));
	double		furthest = 0;
	double		before;
	GpModel		m;

	for (int i = 0; i < 30; i++)
		point[i] = golden_gp_points[i];
	memcpy(y, golden_gp_y, sizeof(y));
	gp_open(ctx, &m, &golden_space, 30, point, y);
	before = gp_condition(ctx, &m);
	memcpy(m.length, lengths, sizeof(lengths));
	m.scale = 1.3;
	m.noise = 0.05;
	CHECK_CLOSE(gp_condition(ctx, &m), golden_gp_posterior[0], 1e-7, "likelihood and priors are scikit-learn's and the script's");
	for (int i = 0; i < 12; i++)
		gp_encode(&golden_space, golden_candidates[i], x + 7 * i);
	gp_predict(ctx, &m, 12, x, work, mean, deviation);
	for (int i = 0; i < 12; i++)
		furthest = fmax(furthest, fmax(fabs(mean[i] - golden_gp_mean[i]), fabs(deviation[i] - golden_gp_deviation[i])));
	CHECK(furthest < 1e-7, "means and deviations are scikit-learn's (%g)", furthest);
	memcpy(y, golden_gp_y, sizeof(y));
	gp_fit(ctx, &m, &golden_space, 30, point, y);
	CHECK(gp_condition(ctx, &m) > fmax(before, golden_gp_posterior[0]), "fitting finds better parameters");
	CHECK(m.length[2] > m.length[0] && m.length[3] > m.length[0], "what does not matter has a long scale");
	free(work);
}

static bool
stop_at_once(void *arg)
{
	return true;
}

/* Spaces of few points: no point twice, each once, then an end; after a restart too. */
static void
test_exhaustion(MlContext *c, MlSampler sampler)
{
	const MlDimension dimensions[] = {
		{"choice", ML_DIMENSION_CHOICE, .n_choices = 3, .parent = -1},
		{"whole", ML_DIMENSION_INTEGER, .minimum = 2, .maximum = 5, .parent = 0, .parent_choices = 2},
		{"fixed", ML_DIMENSION_FLOAT, .minimum = 0.5, .maximum = 0.5, .parent = -1},
	};
	const MlDimension range[] = {{"range", ML_DIMENSION_FLOAT, .minimum = 0, .maximum = 1, .parent = -1}};
	MlSpace		space = {3, dimensions};
	MlStudy    *study;
	MlStudy    *again;
	size_t		number;
	size_t		asked = 0;
	bool		twice = false;

	CHECK(ml_space_size(&space) == 6, "1 + 4 + 1 points");
	CHECK(ml_space_size(&(MlSpace) {1, range}) == SIZE_MAX, "a range has no number of them");
	if (ml_study_create(c, &space, sampler, 3, true, 40, &study) != ML_OK ||
		ml_study_create(c, &space, sampler, 3, true, 40, &again) != ML_OK)
		abort();
	/* three run at a time */
	while (ml_study_ask(c, study, &number) == ML_OK && number != SIZE_MAX)
	{
		for (size_t i = 0; i < number; i++)
			twice = twice || same_point(&space, study->trials[i].point, study->trials[number].point);
		if (asked >= 2)
			ml_study_tell(study, asked - 2, ML_TRIAL_FINISHED, study->trials[asked - 2].point[0], 1);
		asked++;
	}
	CHECK(asked == 6 && !twice && study->exhausted, "%s: each point once, then it ends (%zu)", ml_sampler_names[sampler], asked);
	for (size_t i = 0; i < 4; i++)
		ml_study_add(again, i, study->trials[i].point, ML_TRIAL_FINISHED, 1, 1);
	for (asked = 4; ml_study_ask(c, again, &number) == ML_OK && number != SIZE_MAX;)
		asked++;
	CHECK(asked == 6 && again->exhausted, "%s: what is known from before is not asked for again", ml_sampler_names[sampler]);
}

/* A range under one of three choices: the other choices are one point each, and the best. */
static void
test_repetition(MlContext *c, MlSampler sampler)
{
	const MlDimension dimensions[] = {
		{"choice", ML_DIMENSION_CHOICE, .n_choices = 3, .parent = -1},
		{"range", ML_DIMENSION_FLOAT, .minimum = 0, .maximum = 1, .parent = 0, .parent_choices = 2},
	};
	MlSpace		space = {2, dimensions};
	MlStudy    *study;
	size_t		number;
	size_t		asked = 0;
	size_t		twice = 0;

	if (ml_study_create(c, &space, sampler, 3, true, 40, &study) != ML_OK)
		abort();
	while (ml_study_ask(c, study, &number) == ML_OK && number != SIZE_MAX)
	{
		for (size_t i = 0; i < number; i++)
			twice += same_point(&space, study->trials[i].point, study->trials[number].point);
		ml_study_tell(study, number, ML_TRIAL_FINISHED, study->trials[number].point[0] != 1, 1);
		asked++;
	}
	CHECK(asked == 40 && twice == 0 && !study->exhausted, "%s: no point twice where there is no end of points (%zu, %zu)",
		  ml_sampler_names[sampler], asked, twice);
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create(0), .blas = ml_blas_reference(1)};
	MlStudy    *study;
	size_t		number;

	test_space(&ctx);
	test_grid(&ctx);
	for (int s = ML_SAMPLER_RANDOM; s < ML_SAMPLER_COUNT; s++)
		test_sampler(&ctx, (MlSampler) s);
	for (int s = ML_SAMPLER_RANDOM; s < ML_SAMPLER_COUNT; s++)
		test_exhaustion(&ctx, (MlSampler) s);
	for (int s = ML_SAMPLER_RANDOM; s < ML_SAMPLER_COUNT; s++)
		test_repetition(&ctx, (MlSampler) s);
	test_search(&ctx);
	test_edges(&ctx);
	test_pruners();
	test_parzen(&ctx, 0, NULL, golden_density_0);
	test_parzen(&ctx, 1, golden_points_1, golden_density_1);
	test_parzen(&ctx, 12, golden_points_12, golden_density_12);
	test_parzen(&ctx, 40, golden_points_40, golden_density_40);
	test_draws(&ctx);
	test_gp_model(&ctx);
	study = run(&ctx, ML_SAMPLER_TPE, 1, 20, 30);
	ctx.should_abort = stop_at_once;
	CHECK(ml_study_ask(&ctx, study, &number) == ML_ABORTED && study->trials[20].state == ML_TRIAL_NONE,
		  "an abort leaves no trial behind");
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
