/*
 * folds.h
 *	  Cutting rows into folds (private to train).
 *
 * Takes data; gives the Parts of each fold, in data's arena.  Raises 22023 for folds
 * that cannot be asked for, 22000 for ones that cannot be cut.
 *
 * Everything that is learned (dictionaries, bins, weights of classes, trees,
 * threshold) is learned from a fold's own training rows.  A share of them may
 * be held back for early stopping and the threshold, as train does.
 */
#ifndef MLOPS_TRAIN_FOLDS_H
#define MLOPS_TRAIN_FOLDS_H

#include "train/split.h"

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
 * data's arena or longer.
 */
extern void folds_make(Folds *folds, const Request *request, const Data *data, const float *label, double held_back);

/* What the folds make of the key and of times. */
extern RoleNotes folds_notes(const Folds *folds);

/* Rows with a label that are in some fold. */
extern int64 folds_rows(const Folds *folds, const Data *data);

/*
 * The rows of a fold (from 0): train, validation (held back) and test (the fold
 * itself); no weights yet.  A part of one class is an error.
 */
extern void folds_cut(const Folds *folds, const Request *request, const Data *data, int fold, Parts *parts);

#endif							/* MLOPS_TRAIN_FOLDS_H */
