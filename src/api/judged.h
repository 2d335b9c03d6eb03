/*
 * judged.h
 *	  The rows that a version is judged on, for evaluate, curve, thresholds and
 *	  daily_precision (private to api).
 *
 * They are those of a source or query that is given; or the version's own test rows,
 * or all rows of its training, which are read again as whoever asks.
 */
#ifndef MLOPS_API_JUDGED_H
#define MLOPS_API_JUDGED_H

#include "postgres.h"

#include "fmgr.h"

#include "mlops/engine/eval.h"
#include "mlops/serve.h"

typedef struct JudgedRequest
{
	const char *model;			/* a reference */
	Oid			source;			/* InvalidOid: none */
	const char *query;			/* NULL: none */
	const char *rows;			/* "all", "test"; NULL: test without source and query, else all */
	const char *next;			/* the argument after query, see mling_describe */
	bool		by_time;		/* needs a time, of the training's column unless columns have one */
	MlJudgedColumns columns;	/* those of the training's costs are added to costs */
} JudgedRequest;

typedef struct Judged
{
	MlContext  *ctx;
	MlResolved	resolved;
	MlScoredRows scored;
	bool		has_costs;		/* of the training, and the columns that they are in are there */
	bool		imported;		/* the version's training, and so its costs, are not known here */
	MlCosts		costs;			/* by row of scored, or constants */
	List	   *cost_columns;	/* names of those that were read, as mlserve_cost_by_row takes them */
} Judged;

/* A name of a column that costs are in is added to the list unless it is there, or NULL. */
extern void mlapi_add_cost(List **columns, const char *name);

/* The common arguments: model, source, query at 0 to 2, and rows. */
extern void mlapi_judged_request(FunctionCallInfo fcinfo, int rows, const char *next, JudgedRequest *request);

/*
 * Reads and scores the rows; all of it is in the current memory context and ctx's
 * arena.  Errors: of mling_describe and mlserve_score_source; rows that is no such
 * word or does not go with source and query (22023), a version without test rows
 * that can be read again (55000), no column for a time that is needed (22023).  A
 * warning if the version has learned from them, or if its test rows are not as many
 * as its training had.
 */
extern void mlapi_read_judged(const JudgedRequest *request, Judged *judged);

#endif							/* MLOPS_API_JUDGED_H */
