/*
 * findings.h
 *	  What people ought to know of the columns: left out, lumped or suspected
 *	  (private to train).
 *
 * Takes data, and once they are there the training rows, signature and codes.
 * Gives nothing but messages and notes in the journal; identifiers also leave
 * data's features.  Raises nothing.
 */
#ifndef MLOPS_TRAIN_FINDINGS_H
#define MLOPS_TRAIN_FINDINGS_H

#include "postgres.h"

#include "train/data.h"

/*
 * Leaves out whole numbers that are almost all distinct, and says which ones are
 * numbers of what has many rows, unless features were named.
 */
extern void mltrain_leave_out_identifiers(Journal *journal, const Request *request, Data *data);

/* Says which values of the target count as negative, if there is more than one. */
extern void mltrain_tell_negatives(Journal *journal, const Request *request, const Data *data);

/* Says which columns the signature has left out. */
extern void mltrain_report_left_out(Journal *journal, const Data *data, const MlLeftOut *left_out, size_t n);

/*
 * Warns of columns that alone tell the target in the training rows; notes categories
 * whose rare values are one.
 */
extern void mltrain_suspect(Journal *journal, const Request *request, const Data *data, MlRows train,
							const MlSignature *signature, const MlBinned *binned);
extern void mltrain_note_lumped(Journal *journal, const MlSignature *signature);

#endif							/* MLOPS_TRAIN_FINDINGS_H */
