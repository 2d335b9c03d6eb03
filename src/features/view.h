/*
 * view.h
 *	  A feature view that is ready to be computed (private to features).
 */
#ifndef MLOPS_FEATURES_VIEW_H
#define MLOPS_FEATURES_VIEW_H

#include "mlops/engine/features.h"
#include "mlops/features.h"
#include "expression.h"

/* A number that aggregates look at: an expression over a row of the source. */
typedef struct ViewValue
{
	RowExpression expression;
	bool		is_category;	/* only equality counts */
	MlConverter converter;
} ViewValue;

/* Columns whose values together say whose history a row belongs to. */
typedef struct ViewEntity
{
	int			n;
	const char **column;		/* [n] names */
	int		   *position;		/* [n] in the source */
	MlKeyReader *reader;		/* [n] */
} ViewEntity;

/* A feature: an aggregate of the plan, or an expression over the columns before it. */
typedef struct ViewFeature
{
	const char *name;
	int			aggregate;		/* its number in the plan, -1: */
	RowExpression expression;
	bool		is_count;		/* a whole number */
	bool		is_read;		/* was its expression begun to be read? */
	int			column;			/* in the view's desc */
} ViewFeature;

struct MlFeatureView
{
	MlSource   *source;
	MlFeatureRequest request;
	int			key;			/* positions in the source; known: -1: there is none */
	MlInstantColumn time;
	MlInstantColumn known;
	TupleDesc	desc;
	int			n_entities;
	ViewEntity *entity;
	int			n_values;
	ViewValue  *value;
	int			n_features;
	ViewFeature *feature;
	int			n_aggregates;
	MlWindowFeature *aggregate; /* [n_aggregates] */
	int			n_ordered;		/* expressions */
	bool	   *reads;			/* [natts of the source] columns that features of a row need */
	bool	   *recalls;		/* [natts of the source] columns of earlier rows that features need */
	bool		stale;			/* the source has changed */
	struct OneRow *one_row;		/* of one_row.c, made on first use */
	int		   *order;			/* [n_ordered] features, each after what it reads */
};

#endif							/* MLOPS_FEATURES_VIEW_H */
