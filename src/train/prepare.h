/*
 * prepare.h
 *	  Step 5 of a training: the prepared data, from which learners learn (private
 *	  to train).
 *
 * Takes the request; runs steps 2 to 4.  Gives the data, its parts, and a view of
 * them for a number of bins: the signature, fitted to the training rows, and their
 * codes.  Everything is in data's arena: whoever makes several views of one data
 * set marks the arena before a view and releases it after.  Raises what those steps
 * raise, and 53200 for a training that would not fit into memory.
 */
#ifndef MLOPS_TRAIN_PREPARE_H
#define MLOPS_TRAIN_PREPARE_H

#include "postgres.h"

#include "train/split.h"

typedef struct Prepared
{
	const Data *data;
	Parts		parts;
	const MlSignature *signature;
	const MlBinned *binned_train;
	const MlBinned *binned_validation;	/* NULL: no validation rows */
} Prepared;

/* Plans and reads: steps 2 and 3 without labels. */
extern void mltrain_load(Journal *journal, const Request *request, int n_threads, bool with_blas, bool may_spill,
						 ReadPlan *plan, Data *data);

/* Labels the rows, and leaves out columns that only name them. */
extern void mltrain_label_rows(Journal *journal, const Request *request, const ReadPlan *plan, Data *data);

/* All of that, and splits and weighs: there is no view yet. */
extern void mltrain_prepare(Journal *journal, const Request *request, int n_threads, bool with_blas, bool may_spill,
							ReadPlan *plan, Data *data, Prepared *prepared);

/*
 * Makes the view for a number of bins; params are the learner's, to ask what
 * memory it needs.  The first view of a training says what there is to know of
 * the columns.
 */
extern void mltrain_make_view(Journal *journal, const Request *request, const void *params, int max_bins,
							  Prepared *prepared);

/* The view that the request's learner needs, as a phase. */
extern void mltrain_preprocess(Journal *journal, const Request *request, Prepared *prepared);

#endif							/* MLOPS_TRAIN_PREPARE_H */
