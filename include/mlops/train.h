/*-------------------------------------------------------------------------
 * train.h
 *	  One training, from a source to a registered version.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TRAIN_H
#define MLOPS_TRAIN_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/jsonb.h"

#include "mlops/engine/eval.h"
#include "mlops/engine/learn.h"
#include "mlops/json.h"

/* The arguments of mlops.train; NULL where not given. */
typedef struct MlTrainRequest
{
	char	   *model;
	Oid			source;
	char	   *query;
	char	   *target;
	char	   *algorithm;
	ArrayType  *features;		/* name[] */
	ArrayType  *exclude;		/* name[] */
	char	   *key;
	char	   *time_column;
	char	   *weight;
	char	   *positive;
	Jsonb	   *params;
	Jsonb	   *preprocess;
	Jsonb	   *split;
	char	   *metric;
	Jsonb	   *threshold;
	char	   *experiment;
	Jsonb	   *tags;
	int64		seed;
	bool		rehearsal;		/* registers nothing, needs no right to the model */
} MlTrainRequest;

typedef struct MlTrainResult
{
	int			version;		/* 0 for a rehearsal */
	int64		run_id;
	Jsonb	   *metrics;

	/* of a rehearsal */
	uint8		sha256[32];
	char		content_hash[33];
	int64		rows;
	Jsonb	   *all_params;		/* as a run records them: name -> text */
	Jsonb	   *columns;		/* as view mlops.datasets shows them */
} MlTrainResult;

/* Trains, judges and registers; everything that can go wrong is an error. */
extern void mltrain_train(const MlTrainRequest *request, MlTrainResult *result);

/* Folds that trainings are judged on. */
typedef struct MlFoldsRequest
{
	int			folds;
	char	   *kind;			/* stratified, grouped, time, prequential; NULL: by what else is given */
	char	   *group_by;		/* grouped: column whose values are in one fold each */
	double		label_delay;	/* time, prequential: seconds before a fold whose labels are not known yet */
} MlFoldsRequest;

/* The further arguments of mlops.tune. */
typedef struct MlTuneRequest
{
	MlTrainRequest train;
	MlFoldsRequest folds;		/* folds 0: trials are judged on the validation rows */
	Jsonb	   *space;			/* NULL: the algorithm's default space */
	char	   *method;			/* grid, random, tpe, gp */
	int			trials;
	int			max_seconds;	/* no trial starts later; 0: no limit */
	int			parallel;		/* workers; 0: as many as engine threads */
	int			patience;		/* trials without a better one; 0: no limit */
	char	   *pruner;			/* none, median, asha, hyperband, or JSON with its "name" and settings */
} MlTuneRequest;

/*
 * Searches for the best parameters by trials in background workers, which
 * commit each trial on its own, then trains with the best and registers.
 */
extern void mltrain_tune(const MlTuneRequest *request, MlTrainResult *result);

/* The further arguments of mlops.cross_validate. */
typedef struct MlCrossValidateRequest
{
	MlTrainRequest train;
	MlFoldsRequest folds;
	int			parallel;		/* workers; 0: as many as engine threads, 1: none */
} MlCrossValidateRequest;

typedef struct MlFoldResult
{
	int64		train_rows;
	int64		validation_rows;	/* held back for early stopping and the threshold */
	MlEvaluation test;
	int			iterations;
	double		milliseconds;
} MlFoldResult;

/*
 * Trains and judges each fold, in background workers if there is room for them,
 * and records a run.  Returns one result a fold, in the current memory context.
 */
extern MlFoldResult *mltrain_cross_validate(const MlCrossValidateRequest *request, int64 *run_id);

/*
 * The number of a metric of folds by the name of mlops.cross_validate's column:
 * one of ml_metrics, or threshold_chosen.  XX000 for another.
 */
extern int	mltrain_metric_by_name(const char *name);

/* What a fold has of it. */
extern double mltrain_fold_metric_of(const MlFoldResult *result, int metric);

/* Its mean over folds, or its sample standard deviation. */
extern double mltrain_fold_metric(const MlFoldResult *results, int n, int metric, bool deviation);

/* ---------------------------------------------------------------- options */

/*
 * The learner of a name; an error (22023) that lists the learners otherwise.
 */
extern const MlLearner *mltrain_learner(const char *name);

/*
 * Fills the learner's parameter struct from jsonb; unknown keys, other types
 * and values out of range are errors that name the SQL argument and what is
 * allowed.
 */
extern void *mltrain_parse_params(const MlLearner *learner, const char *argument, Jsonb *json);

/* The specification of a parameter, NULL if the learner has none of the name. */
extern const MlParamSpec *mltrain_param_spec(const MlLearner *learner, const char *name);

/* An integer parameter's value; false if the learner has none of the name. */
extern bool mltrain_get_int(const MlLearner *learner, const void *params, const char *name,
							int *value);

/* Sets it if the learner has it. */
extern void mltrain_set_int(const MlLearner *learner, void *params, const char *name, int value);

/* A parameter's value as text. */
extern char *mltrain_param_text(const MlParamSpec *spec, const void *params);

/* A parameter's default as text, NULL if it has none to show. */
extern char *mltrain_param_default(const MlParamSpec *spec);

/* How to choose a threshold; cost columns are named, not yet read. */
typedef struct MlThresholdRequest
{
	MlThresholdPolicy policy;
	char	   *false_positive_column;	/* NULL: policy.costs.false_positive */
	char	   *false_negative_column;	/* NULL: policy.costs.false_negative */
} MlThresholdRequest;

extern void mltrain_parse_threshold(Jsonb *json, MlThresholdRequest *request);

/* As a policy writes it, under "max". */
extern const char *mltrain_objective_name(MlThresholdObjective objective);

/* What a policy's threshold gives. */
typedef struct MlThresholdShortfall
{
	bool		reached;		/* as ml_choose_threshold says */
	const MlEvaluation *evaluation; /* at the threshold */
	const char *rows;			/* that chose it: "validation rows" */
	size_t		n;				/* of them */
	const double *score;
	const float *label;
} MlThresholdShortfall;

/*
 * Why the threshold is not what the policy asks for, or is by flagging nothing: in
 * sentences, NULL if neither is so.
 */
extern char *mltrain_threshold_shortfall(const MlThresholdPolicy *policy, const MlThresholdShortfall *s);

/* What a policy asks for: its metric's name and value there; NULL: no metric. */
extern const char *mltrain_target_metric(const MlThresholdPolicy *policy, const MlEvaluation *e, double *value);

typedef struct MlSplitRequest
{
	double		validation;		/* share, default 0.1 */
	double		test;			/* share, default 0.2 */
	char	   *fold;			/* column, NULL: none */
	bool		at_times;
	double		validation_from;	/* seconds, as in the data set */
	double		test_from;
	double		test_to;		/* infinity if not given */
	double		label_delay;	/* seconds before test_from that are left out */
	bool		at_last;		/* the test rows are the last ones, before the newest labelled one: */
	double		test_last;		/* seconds */
	double		validation_last;	/* seconds before those, 0: none */
	double		window;			/* seconds before the newest labelled row that are looked at, 0: all */
	bool		refit;			/* learn again from train and validation rows, once they have chosen the
								 * rounds and the threshold */
} MlSplitRequest;

extern void mltrain_parse_split(Jsonb *json, const char *time_column, const char *zone,
								MlSplitRequest *request);

typedef struct MlPreprocessRequest
{
	bool		balanced;		/* class_weight: balanced */
	double		weight[2];		/* class_weight of negatives and positives */
} MlPreprocessRequest;

extern void mltrain_parse_preprocess(Jsonb *json, MlPreprocessRequest *request);

#endif							/* MLOPS_TRAIN_H */
