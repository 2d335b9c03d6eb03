/*
 * describe.h
 *	  Step 12 of a training: the data set as the catalog has it (private to train).
 *
 * Takes the request, the plan, the data and its parts.  Gives the members of a
 * registration that are of the data set, in the current memory context.  Raises 54000
 * for a search_path that is too long to keep.
 */
#ifndef MLOPS_TRAIN_DESCRIBE_H
#define MLOPS_TRAIN_DESCRIBE_H

#include "postgres.h"

#include "mlops/registry.h"
#include "train/split.h"

/* parts without rows: nothing was split. */
extern void mltrain_describe_data(const Request *request, const ReadPlan *plan, const Data *data,
								  const Parts *parts, MlRegistration *r);

/* That as JSON text, for mlops_catalog.insert_dataset. */
extern char *mltrain_data_json(const MlRegistration *r);

#endif							/* MLOPS_TRAIN_DESCRIBE_H */
