/*
 * report.h
 *	  Metrics and JSON of one training's record (private to train).
 *
 * Takes values and engine results; gives lists and texts in the current memory
 * context.  Raises nothing.
 */
#ifndef MLOPS_TRAIN_REPORT_H
#define MLOPS_TRAIN_REPORT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "mlops/engine/eval.h"
#include "mlops/engine/learn.h"
#include "mlops/registry.h"

/* A growing list of metrics. */
typedef struct MlRunMetrics
{
	int			n;
	int			capacity;
	MlNamedMetric *metric;
} MlRunMetrics;

extern void mltrain_add_metric(MlRunMetrics *run_metrics, const char *name, int step, double value);

/*
 * The numbers of an evaluation under their names: rows, positives, the
 * threshold, and the metrics as ml_metrics has them.  out has room for
 * MLTRAIN_N_METRICS.
 */
#define MLTRAIN_THRESHOLD 2
#define MLTRAIN_FIRST_METRIC 3
#define MLTRAIN_N_METRICS (MLTRAIN_FIRST_METRIC + ML_N_METRICS)
extern void mltrain_named_metrics(const MlEvaluation *evaluation, MlNamedMetric *out);

/* All metrics of an evaluation as <prefix>_<metric>. */
extern void mltrain_add_evaluation(MlRunMetrics *run_metrics, const char *prefix,
								   const MlEvaluation *evaluation);

/* The learning curve as train_loss and validation_<metric> by step. */
extern void mltrain_add_curve(MlRunMetrics *run_metrics, const MlLearned *learned, const char *metric);

/* JSON texts in the current memory context. */
extern char *mltrain_metrics_json(const MlEvaluation *evaluation, const char *judged_on, const char *chosen_on, const char *shortfall);
extern char *mltrain_signature_json(const MlSignature *signature);

/* statistics[i]: more members of column i's object, or NULL */
extern char *mltrain_columns_json(const MlDataset *dataset, char *const *statistics);

/* JSON text as a value. */
extern Jsonb *mltrain_jsonb_of(const char *text);

/* A member of a JSON object; none for NULL. */
extern void mltrain_append_text(StringInfo json, const char *key, const char *value);

/* "a, b, c" */
extern char *mltrain_names_text(List *names);

#endif							/* MLOPS_TRAIN_REPORT_H */
