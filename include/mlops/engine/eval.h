/*-------------------------------------------------------------------------
 * eval.h
 *	  Metrics for rare events, curves, and threshold policies.
 *
 * Definitions, ties and edge cases are scikit-learn's
 * (https://scikit-learn.org/stable/modules/model_evaluation.html); where
 * scikit-learn raises or warns because a class is empty, the value is NaN, and
 * NULL in SQL: a metric that is not defined is never a number.
 * Labels are 0 or 1, scores any number but NaN (finite for curves of
 * calibration), weights not negative or NULL (= 1); as in scikit-learn, rows
 * of weight 0 do not count.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_EVAL_H
#define MLOPS_ENGINE_EVAL_H

#include <math.h>
#include <string.h>

#include "mlops/engine/base.h"

/* ---- sums */

/*
 * A compensated sum (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen", ZAMM 54, 1974): as exact as if the partial sums
 * were kept in twice the precision.  Starts at {0}.
 */
typedef struct MlSum
{
	double		sum;
	double		correction;		/* what rounding took from sum */
} MlSum;

static inline void
ml_sum_add(MlSum *s, double value)
{
	double		total = s->sum + value;

	s->correction += fabs(s->sum) >= fabs(value) ? (s->sum - total) + value
		: (value - total) + s->sum;
	s->sum = total;
}

static inline void
ml_sum_merge(MlSum *s, MlSum other)
{
	ml_sum_add(s, other.sum);
	s->correction += other.correction;
}

static inline double
ml_sum_value(MlSum s)
{
	return s.sum + s.correction;
}

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
 * ties, -0 and 0 being one score.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED;
 * ML_BAD_DATA for a NaN score or a weight that is negative or not finite.
 */
extern MlStatus ml_ranking_create(MlContext *ctx, size_t n, const double *score,
								  const float *label, const float *weight,
								  MlRanking *ranking);

/* ---- rankings made in parts, for aggregates that see row after row.  Memory
 * is the caller's; ctx is asked for aborts alone, and may be NULL (never). */

/* Unsigned integers whose rising order is the falling order of scores. */
static inline uint64_t
ml_falling_key(double score)
{
	uint64_t	bits;

	score = score == 0 ? 0 : score; /* -0 and 0 are one score */
	memcpy(&bits, &score, sizeof(bits));
	return bits >> 63 ? bits : ~(bits | UINT64_C(1) << 63);
}

static inline double
ml_key_score(uint64_t key)
{
	double		score;

	key = key >> 63 ? key : ~(key | UINT64_C(1) << 63);
	memcpy(&score, &key, sizeof(score));
	return score;
}

/* Sorts keys with the help of spare (both [n]); *sorted is one of the two. */
extern MlStatus ml_sort_keys(MlContext *ctx, uint64_t *keys, uint64_t *spare, size_t n,
							 uint64_t **sorted);

/*
 * The ranking of rows of weight 1 given by the sorted keys of positives and of
 * negatives.  Its arrays must be set and have room for all of them.
 */
extern MlStatus ml_ranking_from_keys(MlContext *ctx,
									 const uint64_t *positives, size_t n_positives,
									 const uint64_t *negatives, size_t n_negatives,
									 MlRanking *ranking);

/* The ranking of the rows of both; merged's arrays have room for a->n + b->n. */
extern MlStatus ml_ranking_merge(MlContext *ctx, const MlRanking *a, const MlRanking *b,
								 MlRanking *merged);

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

/* The greatest recall of a threshold whose false positive rate is at most this; at
 * least 0, that of flagging nothing. */
extern double ml_recall_at_fpr(const MlRanking *ranking, double most);

/* The k highest scores.  There is no order inside ties: of the group at the border
 * as large a share of positives is taken as of negatives. */
typedef struct MlTop
{
	double		taken;			/* k, or all that there is */
	double		positives;		/* of these */
	double		border;			/* lowest score that is taken */
	double		share;			/* of its group: more than 0, at most 1 */
} MlTop;

extern MlTop ml_top(const MlRanking *ranking, double k);

/* Share of positives among them. */
extern double ml_precision_at(const MlRanking *ranking, double k);

/* ---- metrics over confusion counts.  A share of nothing is NaN: precision
 * where nothing is flagged, recall without positives, false_positive_rate
 * without negatives, f1 where nothing is flagged or positive, mcc where one of
 * the four sums is 0 (there scikit-learn says 0), all of them without rows. */
extern double ml_accuracy(const MlConfusion *c);
extern double ml_precision(const MlConfusion *c);
extern double ml_recall(const MlConfusion *c);
extern double ml_f1(const MlConfusion *c);
extern double ml_mcc(const MlConfusion *c);
extern double ml_false_positive_rate(const MlConfusion *c);
extern double ml_alert_rate(const MlConfusion *c);

/* ---- metrics over probabilities; sums are compensated */
/* -log p of the true class, p clipped to [eps, 1 - eps], eps = 2^-52 as
 * scikit-learn for float64; the first for a single row */
extern double ml_log_loss_of(double score, bool positive);
extern double ml_log_loss(size_t n, const double *score, const float *label,
						  const float *weight);
extern double ml_brier(size_t n, const double *score, const float *label,
					   const float *weight);

/* ---- intervals that hold a metric with 95 % confidence; NaN where not defined */
typedef struct MlInterval
{
	double		lower;
	double		upper;
} MlInterval;

/* Wilson's, of a share of rows. */
extern MlInterval ml_share_interval(double part, double whole);

/* DeLong's.  The ranking is of rows that weigh 1; it takes two of each class. */
extern MlInterval ml_roc_auc_interval(const MlRanking *ranking);

/* Percentiles of a bootstrap over rows that weigh 1; always the same for the same
 * ranking.  Errors: ML_OUT_OF_MEMORY, ML_ABORTED. */
extern MlStatus ml_average_precision_interval(MlContext *ctx, const MlRanking *ranking,
											  MlInterval *interval);

typedef struct MlIntervals
{
	MlInterval	precision;
	MlInterval	recall;
	MlInterval	false_positive_rate;
	MlInterval	roc_auc;
	MlInterval	pr_auc;
} MlIntervals;

/* The false positive rate of recall_at_fpr, as in Jesus and others, "Turning the tables:
 * biased, imbalanced, dynamic tabular datasets for ML evaluation", NeurIPS 2022. */
#define ML_MOST_FPR 0.05

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
	double		recall_at_fpr;	/* at ML_MOST_FPR */
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

#define ML_LARGEST_COST 1e15	/* sums of such of any number of rows are numbers */

/* What an alert and a miss cost: constants, or a column for each row. */
typedef struct MlCosts
{
	double		false_positive;
	double		false_negative;
	const double *false_positive_by_row;	/* [n] or NULL: the constant */
	const double *false_negative_by_row;	/* [n] or NULL: the constant */
} MlCosts;

/* costs may be NULL.  intervals too: then they are not computed; else weight is
 * NULL.  Errors: as ml_ranking_create; ML_BAD_DATA for a cost that is not finite. */
extern MlStatus ml_evaluate(MlContext *ctx, size_t n, const double *score,
							const float *label, const float *weight,
							const MlCosts *costs, double threshold,
							MlEvaluation *evaluation, MlIntervals *intervals);

/* ---- metrics as data */

/* Those that a training can follow: they need no threshold.  They come first in ml_metrics. */
typedef enum MlMetric
{
	ML_METRIC_PR_AUC,
	ML_METRIC_ROC_AUC,
	ML_METRIC_LOG_LOSS,
	ML_METRIC_BRIER,
	ML_METRIC_KS,
	ML_METRIC_RECALL_AT_FPR,
	ML_METRIC_COUNT
} MlMetric;

typedef struct MlMetricInfo
{
	const char *name;
	size_t		field;			/* offset of its double in MlEvaluation */
	bool		smaller_is_better;
	double		least;			/* what it can be; infinite: no bound */
	double		most;
	const char *undefined;		/* when it is NaN, in words */
} MlMetricInfo;

#define ML_N_METRICS 14

/* The only list of metrics; SQL reads it as mlops_catalog.metrics(). */
extern const MlMetricInfo ml_metrics[ML_N_METRICS];

/* Its place in ml_metrics, -1 if there is none of this name */
extern int	ml_metric_by_name(const char *name);

/* The value that an evaluation has of metric i; NaN where undefined */
extern double ml_metric_of(const MlEvaluation *evaluation, int i);

/* A metric that a training can follow, without the others; NaN where undefined.
 * Errors: as ml_ranking_create. */
extern MlStatus ml_metric_value(MlContext *ctx, MlMetric metric, size_t n,
								const double *score, const float *label,
								const float *weight, double *value);

/* ---- days */

/*
 * Precision among the k highest scores of a day, of its rows and of its cards.  A card
 * has the highest score of its rows of the day, and is positive if one of them is.  A
 * positive card among the k is found, and left out on later days.  A card that ties for
 * the last places is found by the share of the ties that are taken, and left out by that
 * share.  (Card Precision top-k: Dal Pozzolo and others, "Learned lessons in credit card
 * fraud detection from a practitioner perspective", Expert Systems with Applications
 * 41(10), 2014.)
 */
typedef struct MlDay
{
	int32_t		day;
	size_t		rows;
	size_t		positives;
	double		precision;		/* of the k rows, or of all if they are fewer */
	size_t		cards;			/* not found before */
	size_t		positive_cards; /* of these */
	size_t		known_cards;	/* found before */
	double		card_precision; /* as of rows; NaN without cards */
} MlDay;

/*
 * The days of n rows, in rising order.  card [n] tells cards apart, 0: the row has
 * none; NULL: no row has.  Errors: as ml_ranking_create.
 */
extern MlStatus ml_daily_precision(MlContext *ctx, size_t n, const int32_t *day,
								   const uint64_t *card, const double *score,
								   const float *label, double k, MlDay **days,
								   size_t *n_days);

/* ---- costs */

/* What errors cost in total when all scores from each group of a ranking on are flagged. */
typedef struct MlCostSteps
{
	MlSum	   *change;			/* [ranking->n] by flagging this group, too */
	MlSum		unflagged;		/* when nothing is flagged */
} MlCostSteps;

/* Errors: ML_OUT_OF_MEMORY, ML_ABORTED; ML_BAD_DATA for a cost that is not finite. */
extern MlStatus ml_cost_steps(MlContext *ctx, const MlRanking *ranking, const MlCosts *costs,
							  size_t n, const double *score, const float *label,
							  const float *weight, MlCostSteps *steps);

/* ---- curves */
typedef struct MlCurvePoint
{
	double		threshold;
	double		rows;			/* (weight) at or above the threshold; of a bin, in it */
	double		positives;		/* of these */
	double		cost;			/* mean of all rows when these are flagged; NaN without costs */
	double		mean_score;		/* of a bin, else NaN */
} MlCurvePoint;

/*
 * At most max_points points (>= 2), falling threshold: all groups when they are no
 * more, else points even in the logarithm of the rows flagged, since rare events
 * are decided where few are; first and last are always there.  costs may be NULL.
 */
extern MlStatus ml_curve(MlContext *ctx, const MlRanking *ranking, const MlCostSteps *costs,
						 size_t max_points, MlCurvePoint **points, size_t *n_points);

/*
 * At most max_bins bins, highest scores first.  They have about as many rows each, but
 * up to half of them cut the first one into bins that double in size, from 10 rows
 * on: the rare event is there.
 */
extern MlStatus ml_calibration(MlContext *ctx, const MlRanking *ranking, size_t max_bins,
							   MlCurvePoint **bins, size_t *n_bins);

/* ---- threshold policies */
typedef enum MlThresholdPolicyKind
{
	ML_THRESHOLD_VALUE,			/* {"value": 0.5} */
	ML_THRESHOLD_MAX,			/* {"max": "f1"}: also "mcc", "youden", "accuracy" */
	ML_THRESHOLD_MIN_PRECISION, /* {"min_precision": 0.9}: highest recall */
	ML_THRESHOLD_MIN_RECALL,	/* {"min_recall": 0.8}: highest precision */
	ML_THRESHOLD_ALERT_RATE,	/* {"alert_rate": 0.001}: at most this share flagged */
	ML_THRESHOLD_MAX_FPR,		/* {"max_fpr": 0.05}: at most this share of negatives flagged, highest recall */
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
 * threshold is the one that comes nearest.  It is also false when flagging
 * nothing is the best there is, unless an alert rate of 0 or the least cost was
 * asked for.  Errors: as ml_evaluate; ML_BAD_DATA if there are no rows.
 */
extern MlStatus ml_choose_threshold(MlContext *ctx, const MlThresholdPolicy *policy,
									size_t n, const double *score, const float *label,
									const float *weight, double *threshold,
									bool *reached);

#endif							/* MLOPS_ENGINE_EVAL_H */
