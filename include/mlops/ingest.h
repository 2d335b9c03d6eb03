/*-------------------------------------------------------------------------
 * ingest.h
 *	  From PostgreSQL values and queries to engine values and data sets.
 *
 * There is one conversion from a PostgreSQL value to an engine value
 * (MlConverter); reading a source for training and scoring a row both use it.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_INGEST_H
#define MLOPS_INGEST_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "pgtime.h"

#include "mlops/compat.h"
#include "mlops/engine/model.h"

/* ---------------------------------------------------------------- values */

typedef enum MlConversion
{
	ML_FROM_BOOL,
	ML_FROM_INT2,
	ML_FROM_INT4,
	ML_FROM_INT8,
	ML_FROM_FLOAT4,
	ML_FROM_FLOAT8,
	ML_FROM_NUMERIC,
	ML_FROM_MONEY,				/* in hundredths whatever lc_monetary says, as a unit */
	ML_FROM_INTERVAL,			/* seconds; a month has 30 days */
	ML_FROM_TIME,				/* seconds since midnight */
	ML_FROM_TIMETZ,				/* seconds since midnight UTC */
	ML_FROM_DATE,
	ML_FROM_TIMESTAMP,
	ML_FROM_TIMESTAMPTZ,		/* local seconds in the converter's zone */
	ML_FROM_TEXT,				/* bytes of a varlena */
	ML_FROM_BPCHAR,				/* the same without trailing blanks */
	ML_FROM_NAME,
	ML_FROM_OUTPUT				/* text by the type's output function */
} MlConversion;

typedef struct MlConverter
{
	Oid			type;			/* of the values, domains looked through */
	MlConversion from;
	MlColumnKind kind;			/* what they become */
	pg_tz	   *zone;			/* ML_FROM_TIMESTAMPTZ */
	Oid			output;			/* ML_FROM_OUTPUT */
} MlConverter;

/*
 * Prepares the conversion of a type; false if the type cannot be a feature
 * (arrays, composite types, JSON, bytea, ranges, geometry ...).  zone names
 * the time zone for timestamptz; an unrecognized zone is an error.
 */
extern bool mling_converter(Oid type, const char *zone, MlConverter *converter);

/* As above, but to a category of the value's text, whatever the type. */
extern void mling_text_converter(Oid type, MlConverter *converter);

/* A number or time; NaN stays NaN, infinities stay infinite (refuse them). */
extern double mling_number(const MlConverter *converter, Datum value);

/*
 * Bytes of a category.  They point into value, or into memory of the current
 * context.
 */
extern const char *mling_bytes(const MlConverter *converter, Datum value, size_t *size);

/* Hash of a key value: equal for equal values of one type family. */
extern uint64_t mling_hash(const MlConverter *converter, Datum value);

/* Raises the error for an infinite value of the named column. */
extern void mling_refuse_infinite(const char *column) pg_attribute_noreturn();

/* ---------------------------------------------------------------- keys */

#define ML_KEY_DIGITS 24

/* How the bytes of a key column are had; belongs to one call site. */
typedef struct MlKeyReader
{
	MlConverter converter;
	FmgrInfo	output;			/* ML_FROM_NUMERIC, ML_FROM_OUTPUT */
	char		digits[ML_KEY_DIGITS];	/* an integer's text */
} MlKeyReader;

/*
 * Prepares reading keys of a type: integers, numeric, text, enum, uuid and the
 * like.  False for types whose text depends on settings (times, floating point)
 * or that cannot be a feature either.
 */
extern bool mling_key_reader(Oid type, MlKeyReader *reader);

/*
 * Bytes of a key: its text.  They point into value, into reader (until the next
 * call), or into memory of the current context.
 */
extern const char *mling_key_bytes(MlKeyReader *reader, Datum value, size_t *size);

/* Bytes of text from outside that may be indexed; far below a B-tree's limit. */
#define ML_BOUNDED_BYTES 1000

/*
 * Text from outside as it is stored where it is indexed: itself, or if it is
 * longer than ML_BOUNDED_BYTES its beginning, "..." and the SHA-256 of all of it.
 * The same text gives the same bytes, so what was equal is equal.  NULL for NULL.
 */
extern text *mling_bounded(text *value);

/* ---------------------------------------------------------------- model bytes */

/*
 * Opens model bytes as ml_model_open does and puts its texts, which are UTF-8 in
 * bytes, into the database's encoding.  False with what does not fit in message
 * [ML_MESSAGE_SIZE].  model points into bytes and into the current context.
 */
extern bool mling_open_model(const uint8 *bytes, size_t size, MlModel *model, char *message);

/* A signature whose texts are as model bytes have them. */
extern const MlSignature *mling_signature_in_utf8(const MlSignature *signature);

/* ---------------------------------------------------------------- sources */

/* A table or a SELECT, described but not yet read. */
typedef struct MlSource
{
	Oid			relation;		/* InvalidOid for a query */
	char	   *query;			/* text of the query, or what reads the table */
	TupleDesc	desc;			/* its columns; dropped ones are left out */
	List	   *relations;		/* once it was read: OIDs of all tables and views behind it */
} MlSource;

/*
 * Describes exactly one of relation and query.  Errors: both or none (22023),
 * not a readable relation (42809), not a single SELECT (42601 or 22023).
 */
extern MlSource *mling_describe(Oid relation, const char *query);

/* The same as a query in any case, whose rows come without the dropped columns
 * that a table's slots have. */
extern MlSource *mling_describe_query(Oid relation, const char *query);

/*
 * Position of a column by name, -1 if there is none.  An ambiguous name is an
 * error.
 */
extern int	mling_find_column(const MlSource *source, const char *name);

/* As above, but a missing column is an error naming the argument and the
 * nearest column. */
extern int	mling_column(const MlSource *source, const char *name, const char *argument);

/* One column to read. */
typedef struct MlReadColumn
{
	int			position;		/* in the source's desc, from 0 */
	MlColumnKind kind;			/* ML_COLUMN_HASH reads the hash of any type */
	bool		as_text;		/* a category of the value's text, whatever the type */
	bool		infinite_is_missing;	/* else infinite values are errors */
} MlReadColumn;

/*
 * Runs the source as the current user (privileges, views, row security) in one
 * pass and returns the columns as a data set in ctx's arena.  Infinite values,
 * more than 2^32 - 1 rows and exhausted memory are errors.
 */
extern MlDataset *mling_read(MlContext *ctx, MlSource *source,
							 int n_columns, const MlReadColumn *columns,
							 const char *zone);

/*
 * Runs the source as the current user and hands every row's slot to callback.
 */
struct TupleTableSlot;
typedef void (*MlRowCallback) (struct TupleTableSlot *slot, void *arg);
extern void mling_each_row(MlSource *source, MlRowCallback callback, void *arg);

/*
 * As above for some of the columns: needed [natts] marks those of the source's
 * desc; mapping [natts] says where each is in the slots (-1: left out) and is
 * filled before the first row.
 */
extern void mling_each_row_of(MlSource *source, const bool *needed, int *mapping,
							  MlRowCallback callback, void *arg);

/* ---------------------------------------------------------------- labels */

/* Outcome of turning a target column into labels. */
typedef struct MlLabelCounts
{
	int64		rows;
	int64		positives;
	int64		negatives;
	int64		unlabelled;
} MlLabelCounts;

/*
 * Labels 0, 1 or NaN (NULL) of a target column of a data set, by row.  column
 * is a NUMBER column (booleans and 0/1; other values are errors), or, when
 * positive is given, a CATEGORY column compared with it.
 */
extern float *mling_labels(MlContext *ctx, const MlDataset *dataset, int column,
							 const char *positive, MlLabelCounts *counts);

/* How the target must be read: as text when positive is given or it is text.
 * Errors if it is text and positive is not given. */
extern bool mling_target_as_text(Oid type, const char *target, const char *positive);

#endif							/* MLOPS_INGEST_H */
