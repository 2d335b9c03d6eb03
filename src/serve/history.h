/*
 * history.h
 *	  Rows whose model reads features that are computed from their history (private to
 *	  serve).
 */
#ifndef MLOPS_SERVE_HISTORY_H
#define MLOPS_SERVE_HISTORY_H

#include "serve/scorer.h"

/*
 * Is a row of these columns to be given features that are computed?  relation: whose row it
 * is, InvalidOid: of none.
 */
extern bool mlserve_looks_back(const MlModel *model, TupleDesc desc, Oid relation);

/* The same of an object that a variant scores; false for what only lacks a key. */
extern bool mlserve_json_looks_back(const VariantScorer *variant, Jsonb *json);

/*
 * Raises what keeps rows of a relation from being scored.  Errors: 42703, 42804, 42P01.
 * Returns what else should be known, NULL: nothing.
 */
extern char *mlserve_check_row_type(const MlModel *model, TupleDesc desc, Oid relation);

/*
 * Prepares computing the features of a variant for rows of desc, NULL: for objects.  In
 * the scorer's context.  Errors: 42P01, 42703, 42804, and what mlfeat_open raises.
 */
extern RowHistory *mlserve_open_history(MlScorer *scorer, VariantScorer *variant, TupleDesc desc);

/*
 * Values of a row with its features, unless they are of the scorer's present row already:
 * history->datums and nulls.  datums and nulls are the row's own; of an object, json.
 */
extern void mlserve_look_back(MlScorer *scorer, VariantScorer *variant, const Datum *datums, const bool *nulls);
extern void mlserve_look_back_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json);

#endif							/* MLOPS_SERVE_HISTORY_H */
