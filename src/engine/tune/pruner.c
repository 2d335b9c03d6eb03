/*-------------------------------------------------------------------------
 * pruner.c
 *	  When a trial is not worth going on with.
 *
 * Median stopping: Golovin et al., "Google Vizier", KDD 2017.  Asynchronous
 * successive halving: Li et al., "A system for massively parallel
 * hyperparameter tuning", MLSys 2020.  Hyperband: Li et al., JMLR 18, 2018;
 * here each trial is in one bracket, brackets getting trials in proportion to
 * the Hyperband budget of their first rung.
 * A decision costs O(trials), for the median O(trials) too: how many are better
 * is counted, nothing is sorted.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/tune.h"

#define MEDIAN_RUNGS 32

const char *const ml_pruner_names[ML_PRUNER_COUNT] = {"none", "median", "asha", "hyperband"};

int
ml_pruner_by_name(const char *name)
{
	for (int i = 0; i < ML_PRUNER_COUNT; i++)
	{
		if (strcmp(ml_pruner_names[i], name) == 0)
			return i;
	}
	return -1;
}

/* Median: even rungs; the others: min_steps times powers of eta, below max_steps. */
void
ml_pruner_init(MlPruner *pruner, MlPrunerKind kind, int min_steps, int max_steps, int eta,
			   int startup, bool maximise, uint64_t seed)
{
	memset(pruner, 0, sizeof(*pruner));
	pruner->kind = kind;
	pruner->eta = eta;
	pruner->startup = startup;
	pruner->maximise = maximise;
	pruner->seed = seed;
	pruner->every = (max_steps + MEDIAN_RUNGS - 1) / MEDIAN_RUNGS;
	if (kind == ML_PRUNER_MEDIAN)
	{
		for (int step = pruner->every; step < max_steps; step += pruner->every)
		{
			if (step >= min_steps)
				pruner->rung[pruner->n_rungs++] = step;
		}
	}
	else if (kind != ML_PRUNER_NONE)
	{
		pruner->every = min_steps;
		for (int64_t step = min_steps; step < max_steps && pruner->n_rungs < ML_MAX_RUNGS; step *= eta)
			pruner->rung[pruner->n_rungs++] = (int) step;
	}
}

int
ml_pruner_rung(const MlPruner *pruner, int step)
{
	for (int i = 0; i < pruner->n_rungs && pruner->rung[i] <= step; i++)
	{
		if (pruner->rung[i] == step)
			return i;
	}
	return -1;
}

/*
 * The first rung that counts for a trial: a function of seed and trial, so that
 * every process knows everybody's.
 */
static int
bracket(const MlPruner *pruner, size_t trial)
{
	double		total = 0;
	double		u;

	if (pruner->kind != ML_PRUNER_HYPERBAND)
		return 0;
	/* a bracket that begins s rungs later takes about eta^-s / (rungs left) */
	for (int s = 0; s <= pruner->n_rungs; s++)
		total += pow(pruner->eta, -s) * (pruner->n_rungs + 1) / (pruner->n_rungs + 1 - s);
	u = ml_random_uniform(pruner->seed, UINT64_C(0x48425241), trial) * total;
	for (int s = 0; s < pruner->n_rungs; s++)
	{
		u -= pow(pruner->eta, -s) * (pruner->n_rungs + 1) / (pruner->n_rungs + 1 - s);
		if (u < 0)
			return s;
	}
	return pruner->n_rungs;
}

/*
 * Best of what a trial reported up to a rung.  NaN if it reported nothing.  Each
 * value is read once: others may write meanwhile.
 */
static double
best_so_far(const MlPruner *pruner, const double *reported, int rung)
{
	double		best = NAN;

	for (int r = 0; r <= rung; r++)
	{
		double		value = ((const volatile double *) reported)[r];

		if (value == value && (best != best || (pruner->maximise ? value > best : value < best)))
			best = value;
	}
	return best;
}

/*
 * O(trials).  A trial is compared with those of its bracket that have reported at
 * this rung, the first of which therefore goes on.
 */
bool
ml_pruner_should_stop(const MlPruner *pruner, const double *board, size_t n_trials,
					  size_t trial, int rung)
{
	int			first = bracket(pruner, trial);
	const volatile double *shared = board;
	bool		median = pruner->kind == ML_PRUNER_MEDIAN;
	double		own = median && !pruner->latest ? best_so_far(pruner, board + trial * pruner->n_rungs, rung)
	: board[trial * pruner->n_rungs + rung];
	size_t		others = 0;
	size_t		better = 0;

	if (pruner->kind == ML_PRUNER_NONE || rung < first)
		return false;
	if (own != own)
		return true;			/* the metric is not defined: nothing to hope for */
	for (size_t i = 0; i < n_trials; i++)
	{
		double		value = shared[i * pruner->n_rungs + rung];

		if (i == trial || value != value || bracket(pruner, i) != first)
			continue;
		others++;
		better += pruner->maximise ? value > own : value < own;
	}
	if (median)
		return others >= (size_t) pruner->startup && 2 * better > others;
	/* the best 1 / eta go on, at least one */
	return better >= (others + 1) / pruner->eta && better > 0;
}
