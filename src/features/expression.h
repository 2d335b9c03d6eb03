/*
 * expression.h
 *	  SQL expressions over the columns of a row (private to features).
 *
 * They may call immutable functions of PostgreSQL itself and nothing else, and mean the
 * same in every session: so anybody may evaluate an expression that somebody wrote.
 */
#ifndef MLOPS_FEATURES_EXPRESSION_H
#define MLOPS_FEATURES_EXPRESSION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"

/* One that is ready to be evaluated; in the memory context that it was made in. */
typedef struct RowExpression
{
	const char *text;
	const char *feature;		/* that it belongs to, for errors */
	Oid			type;
	Oid			collation;
	int32		typmod;
	ExprState  *state;			/* NULL until expression_prepare */
	Node	   *tree;
} RowExpression;

/* Names of the columns that an expression reads, and perhaps some more.  Errors: as below. */
extern List *expression_columns(const char *text, const char *feature, const char *key, TupleDesc desc);

/*
 * Reads text as an expression over a row of desc, or as the name of one of its columns;
 * columns without a type are not read.  Errors (42601, 42703, 42P17, 22023) name the feature and its key.
 */
extern void expression_read(const char *text, const char *feature, const char *key, TupleDesc desc, RowExpression *expression);

/* Makes it ready to be evaluated, in the current memory context. */
extern void expression_prepare(RowExpression *expression);

/* Its value for a row in the slot of the context's scan tuple; by reference in per-tuple memory. */
extern Datum expression_value(RowExpression *expression, ExprContext *context, bool *isnull);

#endif							/* MLOPS_FEATURES_EXPRESSION_H */
