/*
 * split.h
 *	  Step 4 of a training: which rows are learned from, which choose and which
 *	  judge, and what rows weigh in learning (private to train).
 *
 * Takes the request and the data.  Gives Parts, in data's arena.  Folds make their
 * own parts (folds.h).  Raises 22000 where the training rows lack a class or the
 * fold column says something else than a part, 42804 for lengths of time without
 * times.
 */
#ifndef MLOPS_TRAIN_SPLIT_H
#define MLOPS_TRAIN_SPLIT_H

#include "postgres.h"

#include "train/data.h"

typedef struct Parts
{
	MlRows		rows[4];		/* by MlPart, in canonical order */
	double		class_weight[2];
	const float *fit_weight;	/* sample weights times those of classes, by row; NULL: all 1 */
} Parts;

/* Train, validation and test; no weights yet. */
extern void mltrain_split(const Request *request, const Data *data, Parts *parts);

/* What the split makes of the key and of times. */
extern RoleNotes mltrain_split_notes(const Request *request, const Data *data);

/* Weighs the classes by the training rows. */
extern void mltrain_weigh(const Request *request, const Data *data, Parts *parts);

#endif							/* MLOPS_TRAIN_SPLIT_H */
