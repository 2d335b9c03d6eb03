/*-------------------------------------------------------------------------
 * ranking_state.h
 *	  The state of the ranking aggregates, mlops.ranking_state: which distinct
 *	  scores were seen, and how many positives and negatives at each.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_API_RANKING_STATE_H
#define MLOPS_API_RANKING_STATE_H

#include "mlops/base.h"

#include "mlops/engine/eval.h"

/* A state in the making: an expanded object, see utils/expandeddatum.h. */
typedef struct RankingState RankingState;

/* An empty one whose memory is a child of parent. */
extern RankingState *ranking_state_create(MemoryContext parent);

/*
 * The state behind a datum: the object itself if it is one (readable: as it
 * is; writable: only through a read-write pointer), else a copy in parent.
 */
extern RankingState *ranking_state_readable(Datum datum, MemoryContext parent);
extern RankingState *ranking_state_writable(Datum datum, MemoryContext parent);

/* The read-write pointer to hand to the executor. */
extern Datum ranking_state_datum(RankingState *state);

extern void ranking_state_add(RankingState *state, bool label, double score);
extern void ranking_state_merge(RankingState *state, Datum other);

/* How many of the highest scores precision_at looks at; 0: not asked.  A state
 * takes one k and refuses another one. */
extern void ranking_state_set_k(RankingState *state, int64 k);
extern int64 ranking_state_k(const RankingState *state);

/* Everything seen so far; valid until the state is changed. */
extern const MlRanking *ranking_state_ranking(RankingState *state);

/*
 * Bytes from outside become a flat state, or an error with this SQLSTATE that
 * says what is wrong with them.  payload: without the length word.
 */
extern Datum ranking_state_from_bytes(const char *payload, Size size, int sqlstate);

#endif							/* MLOPS_API_RANKING_STATE_H */
