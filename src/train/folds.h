/*
 * folds.h
 *	  Cutting rows into folds, and one training of a fold (private to train).
 *
 * Everything that is learned (dictionaries, bins, weights of classes, trees,
 * threshold) is learned from a fold's own training rows.  A share of them may
 * be held back for early stopping and the threshold, as train does.
 */
#ifndef MLOPS_TRAIN_FOLDS_H
#define MLOPS_TRAIN_FOLDS_H

#include "train/training.h"

typedef enum FoldKind
{
	FOLDS_STRATIFIED,
	FOLDS_GROUPED,
	FOLDS_TIME,					/* everything before the fold, less the delay */
	FOLDS_PREQUENTIAL			/* a window of fixed length before the fold */
} FoldKind;

extern const char *const fold_kind_names[];

typedef struct Folds
{
	const MlFoldsRequest *request;
	int			n;
	FoldKind	kind;
	double		held_back;		/* share of a fold's training rows */
	const float *label;			/* NaN: the row takes no part */
	uint8_t    *fold;			/* stratified and grouped: by row */
	double	   *border;			/* time and prequential: [n + 2] */
} Folds;

/*
 * Checks what is asked and chooses the kind; anything that does not fit is an
 * error (22023).
 */
extern void folds_check(Folds *folds, const MlFoldsRequest *request, const char *time_column);

/*
 * Deals out the rows that have a label; label, held_back and the folds live in
 * t's arena or longer.
 */
extern void folds_make(Folds *folds, Training *t, const float *label, double held_back);

/*
 * Sets t->rows to those of a fold (from 0): train, validation (held back) and
 * test (the fold itself), in t's arena.  A part of one class is an error.
 */
extern void folds_cut(const Folds *folds, Training *t, int fold);

/* Learns from t's train rows and judges on its test rows, by all phases of mlops.train. */
extern void folds_train(Training *t, MlFoldResult *result);

#endif							/* MLOPS_TRAIN_FOLDS_H */
