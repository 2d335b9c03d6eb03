/*-------------------------------------------------------------------------
 * eval.h
 *	  Metrics for rare events, curves, and threshold policies.
 *
 * Definitions, ties and edge cases are scikit-learn's
 * (https://scikit-learn.org/stable/modules/model_evaluation.html); where
 * scikit-learn raises or warns because a class is empty, the value is NaN.
 * Labels are 0 or 1, scores any finite number, weights positive or NULL (= 1).
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_EVAL_H
#define MLOPS_ENGINE_EVAL_H

#include "mlops/engine/base.h"

/*
 * A ranking: distinct scores in falling order with the weight of positives
 * and negatives at each, and the running sums that every metric reads.
 */
typedef struct MlRanking
{
	size_t		n;				/* distinct scores */
	double	   *score;			/* [n] falling */
	double	   *positives;		/* [n] weight of positives at this score */
	double	   *negatives;		/* [n] weight of negatives at this score */
	double		total_positives;
	double		total_negatives;
} MlRanking;

/*
 * Sorts n scores (a radix sort, stable, independent of threads) and groups
 * ties, -0 and 0 being one score.  Errors: ML_OUT_OF_MEMORY; ML_BAD_DATA for NaN scores.
 */
extern MlStatus ml_ranking_create(MlContext *ctx, size_t n, const double *score,
								  const float *label, const float *weight,
								  MlRanking *ranking);

/* Confusion counts (weights) when score >= threshold is flagged. */
typedef struct MlConfusion
{
	double		true_positives;
	double		false_positives;
	double		true_negatives;
	double		false_negatives;
} MlConfusion;

/* ---- metrics over a ranking: NaN where undefined */
extern double ml_roc_auc(const MlRanking *ranking);
extern double ml_average_precision(const MlRanking *ranking);
extern double ml_ks_statistic(const MlRanking *ranking);
extern MlConfusion ml_confusion_at(const MlRanking *ranking, double threshold);

/* Share of positives among the k highest scores; of the group of ties at the
 * border, the expected share of those taken (no order inside ties). */
extern double ml_precision_at(const MlRanking *ranking, double k);

/* ---- metrics over confusion counts; 0 where scikit-learn's zero_division is 0 */
extern double ml_accuracy(const MlConfusion *c);
extern double ml_precision(const MlConfusion *c);
extern double ml_recall(const MlConfusion *c);
extern double ml_f1(const MlConfusion *c);
extern double ml_mcc(const MlConfusion *c);
extern double ml_false_positive_rate(const MlConfusion *c);
extern double ml_alert_rate(const MlConfusion *c);

/* ---- metrics over probabilities; sums are compensated */
/* -log p of the true class, p clipped to [eps, 1 - eps], eps = 2^-52 as
 * scikit-learn for float64 */
extern double ml_log_loss(size_t n, const double *score, const float *label,
						  const float *weight);
extern double ml_brier(size_t n, const double *score, const float *label,
					   const float *weight);

/* ---- everything mlops.evaluate reports */
typedef struct MlEvaluation
{
	double		rows;			/* counts, not weights */
	double		positives;
	double		roc_auc;
	double		pr_auc;			/* average precision */
	double		log_loss;
	double		brier;
	double		ks;
	double		accuracy;
	double		precision;
	double		recall;
	double		f1;
	double		mcc;
	double		false_positive_rate;
	double		alert_rate;
	double		expected_cost;	/* mean cost a row by the cost policy, NaN without */
	double		threshold;
	MlConfusion confusion;		/* at threshold */
} MlEvaluation;

/* What an alert and a miss cost: constants, or a column for each row. */
typedef struct MlCosts
{
	double		false_positive;
	double		false_negative;
	const double *false_positive_by_row;	/* [n] or NULL: the constant */
	const double *false_negative_by_row;	/* [n] or NULL: the constant */
} MlCosts;

/* costs may be NULL.  Errors: ML_OUT_OF_MEMORY, ML_BAD_DATA (NaN score). */
extern MlStatus ml_evaluate(MlContext *ctx, size_t n, const double *score,
							const float *label, const float *weight,
							const MlCosts *costs, double threshold,
							MlEvaluation *evaluation);

/* ---- metrics by name: "pr_auc", "roc_auc", "log_loss", "brier", "ks", "f1", ... */
typedef enum MlMetric
{
	ML_METRIC_PR_AUC,
	ML_METRIC_ROC_AUC,
	ML_METRIC_LOG_LOSS,
	ML_METRIC_BRIER,
	ML_METRIC_KS,
	ML_METRIC_COUNT
} MlMetric;

extern const char *const ml_metric_names[ML_METRIC_COUNT];
/* -1 if there is none of this name */
extern int	ml_metric_by_name(const char *name);
/* is more better? */
extern bool ml_metric_is_gain(MlMetric metric);
/* NaN where undefined */
extern MlStatus ml_metric_value(MlContext *ctx, MlMetric metric, size_t n,
								const double *score, const float *label,
								const float *weight, double *value);

/* ---- curves */
typedef enum MlCurveKind
{
	ML_CURVE_PR,				/* x recall, y precision */
	ML_CURVE_ROC,				/* x false positive rate, y true positive rate */
	ML_CURVE_GAIN,				/* x share of rows flagged, y recall */
	ML_CURVE_CALIBRATION,		/* x mean score of the bin, y share of positives */
	ML_CURVE_COUNT
} MlCurveKind;

extern const char *const ml_curve_names[ML_CURVE_COUNT];

typedef struct MlCurvePoint
{
	double		threshold;
	double		x;
	double		y;
	double		flagged;		/* rows (weight) at or above the threshold; in the bin
								 * for calibration */
} MlCurvePoint;

/*
 * At most max_points points (>= 2), falling threshold; the full curve when it
 * has no more, else points spread evenly along the ranking's positions, first
 * and last included.  Calibration: quantile bins.
 */
extern MlStatus ml_curve(MlContext *ctx, const MlRanking *ranking, MlCurveKind kind,
						 size_t max_points, MlCurvePoint **points, size_t *n_points);

/* ---- threshold policies */
typedef enum MlThresholdPolicyKind
{
	ML_THRESHOLD_VALUE,			/* {"value": 0.5} */
	ML_THRESHOLD_MAX,			/* {"max": "f1"}: also "mcc", "youden", "accuracy" */
	ML_THRESHOLD_MIN_PRECISION, /* {"min_precision": 0.9}: highest recall */
	ML_THRESHOLD_MIN_RECALL,	/* {"min_recall": 0.8}: highest precision */
	ML_THRESHOLD_ALERT_RATE,	/* {"alert_rate": 0.001}: at most this share flagged */
	ML_THRESHOLD_COST			/* {"cost": {...}}: least total cost */
} MlThresholdPolicyKind;

typedef enum MlThresholdObjective
{
	ML_OBJECTIVE_F1,
	ML_OBJECTIVE_MCC,
	ML_OBJECTIVE_YOUDEN,		/* recall - false positive rate */
	ML_OBJECTIVE_ACCURACY
} MlThresholdObjective;

typedef struct MlThresholdPolicy
{
	MlThresholdPolicyKind kind;
	MlThresholdObjective objective; /* ML_THRESHOLD_MAX */
	double		value;			/* the threshold, precision, recall or rate asked */
	MlCosts		costs;			/* ML_THRESHOLD_COST */
} MlThresholdPolicy;

/*
 * Chooses among the distinct scores (and one above all of them: flag nothing,
 * +infinity is never returned but nextafter(highest score)).  Ties of the
 * objective go to the higher threshold (fewer alerts).  *reached is false when
 * no threshold satisfies the policy (e.g. the precision asked); then the
 * threshold is the one that comes nearest.
 */
extern MlStatus ml_choose_threshold(MlContext *ctx, const MlThresholdPolicy *policy,
									size_t n, const double *score, const float *label,
									const float *weight, double *threshold,
									bool *reached);

#endif							/* MLOPS_ENGINE_EVAL_H */
