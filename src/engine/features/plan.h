/*
 * plan.h
 *	  Features grouped by what they share (private to features).
 *
 * A kind of entity has windows (a delay and a length), a window has parts (a count, a
 * sum, ...), and a feature is made of parts of one window.  What an entity remembers is
 * one block of memory: its ring of rows, then the state of each window and its parts at
 * the offsets that are given here.
 */
#ifndef MLOPS_ENGINE_FEATURES_PLAN_H
#define MLOPS_ENGINE_FEATURES_PLAN_H

#include "mlops/engine/features.h"

typedef enum PartKind
{
	PART_COUNT,					/* uint64_t */
	PART_SUM,					/* MlExactSum */
	PART_SQUARES,				/* MlExactSum */
	PART_LEAST,					/* Extreme */
	PART_GREATEST,				/* Extreme */
	PART_DISTINCT,				/* Distinct */
	PART_LAST,					/* Last */
	PART_FIRST					/* First */
} PartKind;

typedef struct Part
{
	PartKind	kind;
	int			value;			/* which of a row's values must be there and counts; ML_NO_COLUMN: none */
	int			condition;		/* which must be 1, ML_NO_COLUMN: none */
	size_t		offset;			/* of its state, from the window's */
} Part;

typedef struct Window
{
	int64_t		delay;
	int64_t		length;
	uint32_t	rows;			/* 0: all; else its parts are made anew for each row */
	int			n_parts;
	Part	   *part;			/* [n_parts] */
	size_t		offset;			/* of its state, from the entity's */
	size_t		size;			/* of its state, with the parts' */
} Window;

typedef struct EntityKind
{
	int			n_windows;
	Window	   *window;			/* [n_windows] */
	size_t		size;			/* of an entity's state */
	int64_t		reach;			/* see ml_feature_reach */
} EntityKind;

/* A feature, and the parts it is made of: -1: not needed. */
typedef struct PlannedFeature
{
	MlWindowFeature asked;
	int			window;			/* of its entity kind */
	int			count;			/* rows that count */
	int			sum;
	int			squares;
	int			other;			/* the extreme, the set, the last or the first row; a share's rows that meet
								 * the condition */
} PlannedFeature;

struct MlFeaturePlan
{
	int			n_entities;
	int			n_values;
	int			n_features;
	EntityKind *kind;			/* [n_entities] */
	PlannedFeature *feature;	/* [n_features] */
};

#endif							/* MLOPS_ENGINE_FEATURES_PLAN_H */
