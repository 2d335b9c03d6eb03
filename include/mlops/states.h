/*-------------------------------------------------------------------------
 * states.h
 *	  States of aggregates: what has been seen so far, as it grows and as it is
 *	  stored, sent and merged.
 *
 * They are the types mlops.ranking_state, loss_state and histogram_state: varlenas
 * in the byte order of the machine.  Whatever comes from outside (from_bytes) is
 * verified before it becomes a value; what was stored is verified when it is read,
 * and an error (XX001) if it is damaged.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_STATES_H
#define MLOPS_STATES_H

#include "postgres.h"

#include "mlops/engine/drift.h"
#include "mlops/engine/eval.h"

/* ---------------------------------------------------------------- rankings */

/*
 * Which distinct scores were seen, and how many positives and negatives at each.
 * In the making it is an expanded object, see utils/expandeddatum.h.
 */
typedef struct MlRankingState MlRankingState;

/* An empty one whose memory is a child of parent. */
extern MlRankingState *mlstate_ranking_create(MemoryContext parent);

/*
 * The state behind a datum: the object itself if it is one (readable: as it
 * is; writable: only through a read-write pointer), else a copy in parent.
 */
extern MlRankingState *mlstate_ranking_readable(Datum datum, MemoryContext parent);
extern MlRankingState *mlstate_ranking_writable(Datum datum, MemoryContext parent);

/* The read-write pointer to hand to the executor. */
extern Datum mlstate_ranking_datum(MlRankingState *state);

extern void mlstate_ranking_add(MlRankingState *state, bool label, double score);
extern void mlstate_ranking_merge(MlRankingState *state, Datum other);

/* How many of the highest scores precision_at looks at; 0: not asked.  A state
 * takes one k and refuses another one. */
extern void mlstate_ranking_set_k(MlRankingState *state, int64 k);
extern int64 mlstate_ranking_k(const MlRankingState *state);

/* Everything seen so far; valid until the state is changed. */
extern const MlRanking *mlstate_ranking_all(MlRankingState *state);

/*
 * Bytes from outside become a flat state, or an error with this SQLSTATE that
 * says what is wrong with them.  payload: without the length word.
 */
extern Datum mlstate_ranking_from_bytes(const char *payload, Size size, int sqlstate);

/* ---------------------------------------------------------------- losses */

/* Sums of log loss and squared error. */
typedef struct MlLossState MlLossState;

/* Bytes from outside, as for a ranking. */
extern Datum mlstate_loss_from_bytes(const char *payload, Size size, int sqlstate);

/* A stored state, not to be changed. */
extern const MlLossState *mlstate_loss_read(Datum datum);

/* An empty state in context. */
extern MlLossState *mlstate_loss_create(MemoryContext context);

/* The state of an aggregate, to be changed in place; a stored one is copied to context. */
extern MlLossState *mlstate_loss_writable(Datum datum, MemoryContext context);

/* score: a probability */
extern void mlstate_loss_add(MlLossState *state, bool label, double score);
extern void mlstate_loss_merge(MlLossState *state, const MlLossState *other);

/* Means over the rows. */
extern double mlstate_loss_log_loss(const MlLossState *state);
extern double mlstate_loss_brier(const MlLossState *state);

/* ---------------------------------------------------------------- histograms */

/* Edges, and how many values of the reference and of the current side lie between them. */
typedef struct MlHistogramState MlHistogramState;

/* Bytes from outside, as for a ranking. */
extern Datum mlstate_histogram_from_bytes(const char *payload, Size size, int sqlstate);

/* A stored state, not to be changed. */
extern MlHistogramState *mlstate_histogram_read(Datum datum);

/* An empty state in context; edges that do not rise or are not finite are an error (22023). */
extern MlHistogramState *mlstate_histogram_create(MemoryContext context, uint32 n_edges, const double *edge);

/* The state of an aggregate, to be changed in place; a stored one is copied to context. */
extern MlHistogramState *mlstate_histogram_writable(Datum datum, MemoryContext context);

/* An error (22023) unless the state has these edges. */
extern void mlstate_histogram_require_edges(const MlHistogramState *state, uint32 n_edges, const double *edge);

/* Counts a value of a side; NaN and infinity count as missing. */
extern void mlstate_histogram_add(MlHistogramState *state, bool current, double value);

/* Adds the counts of another one with the same edges; into NULL: of a new one in context. */
extern MlHistogramState *mlstate_histogram_merge(MlHistogramState *state, MlHistogramState *other,
												 MemoryContext context);

/* The counts: what is missing, then the bins; valid as long as the state. */
extern MlHistograms mlstate_histogram_counts(MlHistogramState *state);

#endif							/* MLOPS_STATES_H */
