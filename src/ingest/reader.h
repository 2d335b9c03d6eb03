/*
 * reader.h
 *	  Rows to a data set (private to ingest): reader.c reads in the session,
 *	  reader_shared.c in processes of a parallel plan.
 */
#ifndef MLOPS_INGEST_READER_H
#define MLOPS_INGEST_READER_H

#include "postgres.h"

#include "tcop/dest.h"

#include "mlops/ingest.h"

/* One column being read. */
typedef struct ColumnReader
{
	MlConverter converter;
	bool		hashed;			/* store the value's hash */
	bool		is_label;
	bool		infinite_is_missing;
	int			attribute;		/* in the result, from 0 */
	int			offset;			/* in a tuple without NULLs, -1: not fixed */
	bool		by_value;
	int16		length;			/* attlen, for reading in place */
	MlColumn   *column;
	size_t		n_infinite;		/* values that are refused, so far */
} ColumnReader;

/* Rows become a data set, or in a worker chunks of one. */
typedef struct DatasetReceiver
{
	DestReceiver pub;
	MlContext  *ctx;
	const MlSource *source;		/* NULL in a worker */
	MlDataset  *dataset;
	int			n_columns;
	ColumnReader *columns;
	int			n_attributes;	/* attributes up to the last one needed */
	bool		all_fixed;		/* every column has an offset */
	const int  *mapping;
	const MlReadColumn *wanted; /* NULL in a worker */
	MemoryContext row_context;	/* detoasted values; reset with every chunk */
	bool		uses_memory;	/* any column that may allocate */
	const MlColumn *label;		/* NULL: none is */
	size_t		n_labelled;		/* rows of settled chunks that have one */
	MlReadLimits limits;
} DatasetReceiver;

/* Finds the columns, whose attributes are known, in tuples of the result. */
extern void mling_place_columns(DatasetReceiver *receiver, TupleDesc desc);

/* Puts a row's values into the open chunk, which has room. */
extern void mling_store_row(DatasetReceiver *receiver, TupleTableSlot *slot);

/*
 * Makes infinite values of the open chunk NaN, and counts those to refuse, and rows with
 * a label.
 */
extern void mling_settle_chunk(DatasetReceiver *receiver);

/* Errors where something failed, or what there is to learn from would not fit. */
extern void mling_check_read(const DatasetReceiver *receiver, MlStatus status);
extern void mling_check_rows(const DatasetReceiver *receiver);

/* Refuses a table that cannot be learned from, once it is planned how to read it. */
extern void mling_check_table(const DatasetReceiver *receiver);

/* Reads in processes of a parallel plan, all but the open chunk sealed. */
extern void mling_read_shared(DatasetReceiver *receiver, MlSource *source, const bool *needed);

/* For mling_work_on_rows. */
extern const MlRowWork mling_reading;

/* Bytes of shared memory that this takes at most. */
extern size_t mling_shared_bytes(int n_columns);

#endif							/* MLOPS_INGEST_READER_H */
