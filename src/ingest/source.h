/*
 * source.h
 *	  Running a source into a DestReceiver (private to ingest).
 */
#ifndef MLOPS_INGEST_SOURCE_H
#define MLOPS_INGEST_SOURCE_H

#include "postgres.h"

#include "tcop/dest.h"

#include "mlops/ingest.h"

/*
 * Runs the source as the current user.  needed [natts] marks the columns the
 * receiver wants; mapping [natts] receives where each is in the result's slots
 * (0-based, -1: left out).  It is filled before the receiver's first call.
 */
extern void mling_run_source(MlSource *source, const bool *needed, int *mapping,
							 bool parallel, DestReceiver *receiver);

/* Receiver callbacks that have nothing to do. */
extern void mling_ignore_startup(DestReceiver *self, int operation, TupleDesc desc);
extern void mling_ignore(DestReceiver *self);

#endif							/* MLOPS_INGEST_SOURCE_H */
