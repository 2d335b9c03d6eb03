/*
 * row.h
 *	  From a row of the source to what the engine sees of it, and from features to a row
 *	  of the view (private to features).
 */
#ifndef MLOPS_FEATURES_ROW_H
#define MLOPS_FEATURES_ROW_H

#include "view.h"

/* Working memory for rows of one view. */
typedef struct RowWork
{
	MlFeatureView *view;
	ExprContext *context;		/* expressions are evaluated in its per-tuple memory */
	TupleTableSlot *row;		/* of the view's desc */
	double	   *value;			/* [n_values] */
	uint32	   *entity;			/* [n_entities] */
	double	   *feature;		/* [n_aggregates] */
	FmgrInfo   *compare_keys;	/* by the order of their type */
	MlEvent		event;			/* points to value and entity */
} RowWork;

/* In the current memory context. */
extern RowWork *row_work(MlFeatureView *view);

/*
 * Times and values of a row of the source into work->event, entities aside; false if it
 * has no time, or an infinite one.
 */
extern bool row_read(RowWork *work, TupleTableSlot *slot);

/*
 * Bytes of the row's entity, in per-tuple memory or the reader's until the next call;
 * NULL if a column of it is NULL.
 */
extern const char *row_entity(RowWork *work, TupleTableSlot *slot, int entity, size_t *size);

/*
 * Order of two keys, as query_order sorts them: less than, equal to or greater than 0.
 * NULL comes last.
 */
extern int	row_compare_keys(const RowWork *work, NullableDatum a, NullableDatum b);

/* The key of a row of the source. */
extern NullableDatum row_key(const RowWork *work, TupleTableSlot *slot);

/* The view's row: the source's columns of a slot, and work->feature. */
extern TupleTableSlot *row_finish(RowWork *work, TupleTableSlot *slot);

/* Lets go of per-tuple memory. */
extern void row_reset(RowWork *work);

#endif							/* MLOPS_FEATURES_ROW_H */
