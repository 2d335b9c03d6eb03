/*-------------------------------------------------------------------------
 * tune.h
 *	  Search spaces, samplers that propose points of them, and pruners that
 *	  say when a trial is not worth going on with.
 *
 * A point of a space has one double a dimension: the value of a range, the
 * number of a choice, or NaN where the dimension does not exist because its
 * parent has another choice.  Values of trials may be any number; which end is
 * better is the study's.
 *
 * Everything is a function of the seed and of what was told: a study to which
 * the same trials are told asks for the same next point, whether they were
 * told one by one or all at once after a crash.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_TUNE_H
#define MLOPS_ENGINE_TUNE_H

#include <math.h>

#include "mlops/engine/base.h"

/* ---------------------------------------------------------------- spaces */

typedef enum MlDimensionKind
{
	ML_DIMENSION_CHOICE,		/* 0 .. n_choices - 1, without an order */
	ML_DIMENSION_FLOAT,			/* minimum .. maximum */
	ML_DIMENSION_INTEGER		/* whole numbers of minimum .. maximum */
} MlDimensionKind;

#define ML_MAX_CHOICES 64		/* of a dimension that others depend on */

typedef struct MlDimension
{
	const char *name;
	MlDimensionKind kind;
	int			n_choices;		/* CHOICE */
	double		minimum;		/* FLOAT, INTEGER: inclusive; log needs > 0 */
	double		maximum;
	bool		log;			/* FLOAT, INTEGER: even in the logarithm */
	int			levels;			/* values a grid tries, evenly spread; 0: every whole number (INTEGER), not
								 * possible (FLOAT) */
	int			parent;			/* an earlier CHOICE dimension, -1: always there */
	uint64_t	parent_choices; /* bit c: it is there when the parent has choice c */
} MlDimension;

typedef struct MlSpace
{
	size_t		n;
	const MlDimension *dimension;
} MlSpace;

/*
 * Checks ranges, parents and that a grid is possible if it is asked for.
 * Errors: ML_INVALID_ARGUMENT, the message naming the dimension.
 */
extern MlStatus ml_space_check(MlContext *ctx, const MlSpace *space, bool grid);

/* Does the dimension exist in a point whose earlier dimensions are set? */
extern bool ml_space_active(const MlSpace *space, size_t dimension, const double *point);

/* A random point: a function of (seed, number).  point [space->n]. */
extern void ml_space_random(const MlSpace *space, uint64_t seed, uint64_t number, double *point);

/* Points of the grid; SIZE_MAX if there are more than a million. */
extern size_t ml_space_grid_size(const MlSpace *space);

/* The point of a number in the grid, false past its end. */
extern bool ml_space_grid_point(const MlSpace *space, size_t number, double *point);

/*
 * All points there are, whatever their levels: SIZE_MAX if a range has more than
 * one value that is not whole, or if there are more than a million.
 */
extern size_t ml_space_size(const MlSpace *space);

/* ---------------------------------------------------------------- studies */

typedef enum MlSampler
{
	ML_SAMPLER_GRID,
	ML_SAMPLER_RANDOM,
	ML_SAMPLER_TPE,				/* multivariate tree-structured Parzen estimator */
	ML_SAMPLER_GP,				/* Gaussian process, expected improvement; needs BLAS */
	ML_SAMPLER_COUNT
} MlSampler;

extern const char *const ml_sampler_names[ML_SAMPLER_COUNT];

/* -1 if there is none of this name */
extern int	ml_sampler_by_name(const char *name);

typedef enum MlTrialState
{
	ML_TRIAL_NONE = 0,			/* not asked for yet */
	ML_TRIAL_RUNNING,
	ML_TRIAL_FINISHED,
	ML_TRIAL_PRUNED,			/* value is that of the last step it reached */
	ML_TRIAL_FAILED
} MlTrialState;

typedef struct MlTrial
{
	MlTrialState state;
	double		value;			/* FINISHED, PRUNED */
	int			steps;			/* rounds it went */
	double	   *point;			/* [space->n] */
} MlTrial;

typedef struct MlStudy
{
	const MlSpace *space;
	MlSampler	sampler;
	uint64_t	seed;
	bool		maximise;
	size_t		capacity;		/* most trials */
	MlTrial    *trials;			/* [capacity], by number */
	size_t		n_points;		/* of the space, see ml_space_size */
	bool		exhausted;		/* each of them has been asked for */
} MlStudy;

/*
 * A study of at most capacity trials, in ctx->arena.  space must live as long.
 * Errors: as ml_space_check, ML_OUT_OF_MEMORY.
 */
extern MlStatus ml_study_create(MlContext *ctx, const MlSpace *space, MlSampler sampler,
								uint64_t seed, bool maximise, size_t capacity,
								MlStudy **study);

/*
 * Asks for the lowest number without a trial; its point is set and it is
 * RUNNING.  Trials that run are taken to end badly (the constant liar), so
 * what is asked for meanwhile lies elsewhere.  No point is asked for twice: a
 * trial is a function of its point.  *number is SIZE_MAX when there is nothing
 * left: all capacity is used, or all of the grid or of the space is.
 * Errors: ML_OUT_OF_MEMORY, ML_ABORTED, ML_FAILED (gp without BLAS).
 */
extern MlStatus ml_study_ask(MlContext *ctx, MlStudy *study, size_t *number);

/* Ends a trial.  A value that is NaN counts as failed. */
extern void ml_study_tell(MlStudy *study, size_t number, MlTrialState state,
						  double value, int steps);

/* Takes in a trial that is known from before. */
extern void ml_study_add(MlStudy *study, size_t number, const double *point,
						 MlTrialState state, double value, int steps);

/* Is a better than b? */
static inline bool
ml_study_better(const MlStudy *study, double a, double b)
{
	return study->maximise ? a > b : a < b;
}

/* The best FINISHED trial, the first of equals; SIZE_MAX if there is none. */
extern size_t ml_study_best(const MlStudy *study);

/* ---------------------------------------------------------------- pruners */

typedef enum MlPrunerKind
{
	ML_PRUNER_NONE,
	ML_PRUNER_MEDIAN,			/* worse than the median of the others at this step */
	ML_PRUNER_ASHA,				/* not among the best 1 / eta at this rung */
	ML_PRUNER_HYPERBAND,		/* the same in brackets that start at later rungs */
	ML_PRUNER_COUNT
} MlPrunerKind;

extern const char *const ml_pruner_names[ML_PRUNER_COUNT];
extern int	ml_pruner_by_name(const char *name);

#define ML_MAX_RUNGS 64

typedef struct MlPruner
{
	MlPrunerKind kind;
	int			eta;			/* ASHA, HYPERBAND: 1 / eta go on */
	int			startup;		/* MEDIAN: others needed at a rung to decide */
	bool		latest;			/* MEDIAN: a trial's own value is what it reported last, not the best so far;
								 * set it after init */
	bool		maximise;
	uint64_t	seed;			/* HYPERBAND: which trial is in which bracket */
	int			every;			/* rungs are multiples of it; at least 1 */
	int			n_rungs;
	int			rung[ML_MAX_RUNGS]; /* rising steps at which trials are compared */
} MlPruner;

/*
 * Rungs for trials of at most max_steps steps, none before min_steps: eta-fold
 * for ASHA and HYPERBAND, up to 32 even ones for MEDIAN.
 */
extern void ml_pruner_init(MlPruner *pruner, MlPrunerKind kind, int min_steps, int max_steps,
						   int eta, int startup, bool maximise, uint64_t seed);

/* Number of the rung at exactly this step, -1 if there is none. */
extern int	ml_pruner_rung(const MlPruner *pruner, int step);

/*
 * Should the trial stop?  board holds what trials reported, [trials][n_rungs],
 * NaN where they did not get to, the trial's own value at this rung included.
 * It may be shared memory that other processes write to meanwhile: a value is
 * read once.  Errors: none; without memory for the comparison nothing stops.
 */
extern bool ml_pruner_should_stop(const MlPruner *pruner, const double *board,
								  size_t n_trials, size_t trial, int rung);

#endif							/* MLOPS_ENGINE_TUNE_H */
