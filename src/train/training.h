/*-------------------------------------------------------------------------
 * training.h
 *	  The state of one training and its phases (private to train).
 *
 * mltrain_train runs the phases in this order.  Everything large lives in the
 * arena of ctx, the rest in the training's memory context.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TRAIN_TRAINING_H
#define MLOPS_TRAIN_TRAINING_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "utils/timestamp.h"

#include "mlops/engine/model.h"
#include "mlops/ingest.h"
#include "mlops/train.h"
#include "train/report.h"

/* Everything one training knows; filled phase by phase. */
typedef struct Training
{
	const MlTrainRequest *request;
	const MlLearner *learner;
	void	   *params;
	MlMetric	metric;
	MlSplitRequest split;
	MlThresholdRequest threshold;
	MlPreprocessRequest preprocess;
	const char *zone;
	const char *phase;			/* for the error context */

	/* plan */
	MlSource   *source;
	int			n_columns;
	MlReadColumn *columns;
	int			n_features;
	uint32_t   *features;		/* columns that may become inputs */
	const MlPositive *positive; /* NULL: boolean or 0/1 */
	int			target;			/* columns by role, -1: none */
	int			key;
	int			time;
	int			weight;
	int			fold;
	const char *group_by;		/* folds: column whose values stay together */
	int			group;
	int			cost_false_positive;
	int			cost_false_negative;

	/* data */
	MlContext  *ctx;
	MlDataset  *dataset;
	uint64_t	fingerprint[2]; /* of what a training reads: without the group */
	uint64_t	full_fingerprint[2];
	uint32_t   *order;			/* canonical, of all rows */
	float	   *label;
	MlLabelCounts counts;
	MlRows		rows[4];		/* by MlPart */
	double		class_weight[2];
	float	   *row_weight;		/* sample weights, NULL: all 1 */
	float	   *fit_weight;		/* with class weights, NULL: all 1 */

	/* results */
	const MlSignature *signature;
	const MlBinned *binned_train;
	const MlBinned *binned_validation;	/* NULL: no validation rows */
	MlLeftOut  *left_out;
	size_t		n_left_out;
	bool		told_left_out;
	StringInfo	told;			/* where messages to the user are kept, NULL: they go
								 * to the user */
	StringInfoData findings;	/* members of a JSON array, see mltrain_note */
	MlLearned	learned;
	MlModelParts parts;
	double		margin_shift;	/* of the log odds, to the base rate of the rows judged */
	uint8_t    *bytes;
	size_t		size;
	MlEvaluation validation;
	MlEvaluation test;
	const char *shortfall;		/* of the threshold's policy, a sentence; NULL: none */
	MlPart		judged_on;		/* part the reported metrics are of */

	TimestampTz started_at;
	instr_time	phase_started;
	MlRunMetrics run_metrics;
} Training;

/*
 * A stretch of a training (a fold, the views of a team) whose memory in the
 * arena is given back at its end.  What t pointed to there is forgotten with it:
 * t knows again what it knew at the beginning (train.c).
 */
typedef struct TrainingScope
{
	MlArenaMark mark;
	Training	before;
} TrainingScope;

extern void mltrain_scope_begin(const Training *t, TrainingScope *scope);
extern void mltrain_scope_end(Training *t, const TrainingScope *scope);

/* ---- phases: names for the error context, timed as <phase>_ms */
extern void mltrain_begin_phase(Training *t, const char *phase);
extern void mltrain_end_phase(Training *t);

/*
 * Checks everything that can be checked before any data is read; command is
 * named where it cannot run (train.c).
 */
extern void mltrain_check(Training *t, const char *command);

/* Plans, makes the engine's context and reads (train.c). */
extern void mltrain_load(Training *t, int n_threads, bool with_blas);

/* The same, and splits and weighs (train.c). */
extern void mltrain_read(Training *t, int n_threads, bool with_blas);

/* Describes the source and gives every column its roles (plan.c). */
extern void mltrain_plan(Training *t);

/* Reads the source into the data set (data.c). */
extern void mltrain_ingest(Training *t);

/* Labels and sample weights, canonical order (data.c). */
extern void mltrain_label(Training *t);

/* Rows whose key another row before them has, whatever the order; and those without
 * a key, which are not among them (data.c). */
extern size_t mltrain_repeated_keys(const Training *t, size_t *missing);

/* Notices of a key that is not unique, and of a time column without times (data.c). */
extern void mltrain_tell_roles(const Training *t);

/* Train, validation and test (data.c). */
extern void mltrain_split(Training *t);

/*
 * Weights of the classes from the training rows, and those times the sample
 * weights; an error if a class is missing (data.c).
 */
extern void mltrain_weigh(Training *t);

/* The signature and the binned matrices, for the learner and params (fit.c). */
extern void mltrain_preprocess(Training *t);

/* The same for a number of bins: sets signature and binned matrices (fit.c). */
extern void mltrain_make_view(Training *t, int max_bins);

/* What the learner is given (fit.c). */
extern MlTask mltrain_task(const Training *t);

/* Learns (fit.c). */
extern void mltrain_fit(Training *t);

/* The metric on a part's rows, by the flat model (judge.c). */
extern double mltrain_metric_on(Training *t, MlPart part);

/* Encodes the model, chooses the threshold, judges (judge.c). */
extern void mltrain_judge(Training *t);

/*
 * Keeps what people ought to know of a column for the run, as view mlops.runs
 * shows it: finding is "identifier", "constant", "type", "filled", "lumped" or
 * "suspected" (findings.c).
 */
extern void mltrain_note(Training *t, const char *column, const char *finding, const char *detail);

/* Leaves out whole numbers that are almost all distinct, unless features were named;
 * says so (findings.c). */
extern void mltrain_leave_out_identifiers(Training *t);

/* Warns of columns that alone tell the target in the training rows; notes categories
 * whose rare values are one (findings.c). */
extern void mltrain_suspect(Training *t);
extern void mltrain_note_lumped(Training *t);

/*
 * Says something to the user at once, or keeps it in t->told; detail may be
 * NULL.  mltrain_repeat says what was kept of each fold, each message once and
 * with the folds that it is of (fit.c).
 */
extern void mltrain_tell(Training *t, int level, const char *message, const char *detail);
extern void mltrain_repeat(char *const *told, int n_folds);

/* Fills in what is known of the data set (record.c). */
extern void mltrain_describe_data(const Training *t, MlRegistration *r);

/* That as JSON text, for mlops_catalog.insert_dataset (record.c). */
extern char *mltrain_data_json(const MlRegistration *r);

/* Records the run and registers the version (record.c). */
extern void mltrain_record(Training *t, MlTrainResult *result);

#endif							/* MLOPS_TRAIN_TRAINING_H */
