/*
 * source.h
 *	  Running a source into a DestReceiver (private to ingest).
 */
#ifndef MLOPS_INGEST_SOURCE_H
#define MLOPS_INGEST_SOURCE_H

#include "postgres.h"

#include "tcop/dest.h"

#include "mlops/ingest.h"

/* Which plans may be chosen. */
typedef enum MlReading
{
	ML_READ_SERIALLY,			/* the receiver may write, which a parallel plan forbids until it is through */
	ML_READ_IN_PARALLEL,
	ML_READ_SHARED				/* the receiver is of parallel.h, and works in all processes */
} MlReading;

/*
 * Runs the source as the current user.  needed [natts] marks the columns the
 * receiver wants; mapping [natts] receives where each is in the result's slots
 * (0-based, -1: left out).  It is filled before the receiver's first call.
 */
extern void mling_run_source(MlSource *source, const bool *needed, int *mapping,
							 MlReading reading, DestReceiver *receiver);

/* What mling_run_source runs for these columns, and their mapping. */
extern char *mling_query_for_columns(const MlSource *source, const bool *needed, int *mapping);

/* Receiver callbacks that have nothing to do. */
extern void mling_ignore_startup(DestReceiver *self, int operation, TupleDesc desc);
extern void mling_ignore(DestReceiver *self);

#endif							/* MLOPS_INGEST_SOURCE_H */
