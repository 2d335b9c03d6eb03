/*
 * query.h
 *	  Texts of the queries that read a source (private to features).
 */
#ifndef MLOPS_FEATURES_QUERY_H
#define MLOPS_FEATURES_QUERY_H

#include "view.h"

/* The column of times of table "t". */
extern char *query_time_column(const MlFeatureView *view);

/* An instant as a literal to compare it with. */
extern char *query_time(const MlFeatureView *view, TimestampTz at);

/* ORDER BY times, and among equal ones keys, which no setting changes; NULLs last. */
extern char *query_order(const MlFeatureView *view);

/* "OPERATOR(schema.=)": the equality of a type. */
extern char *query_equality(Oid type);

#endif							/* MLOPS_FEATURES_QUERY_H */
