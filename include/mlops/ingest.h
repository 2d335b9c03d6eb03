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
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/reltrigger.h"

#include "mlops/base.h"
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
	ML_FROM_OUTPUT,				/* text by the type's output function, which asks no setting */
	ML_FROM_SETTLED,			/* text of a type that cannot be a category, the same whatever the settings */

	/* columns of another type than a model was trained on */
	ML_FROM_FLOAT4_DIGITS,		/* the number that the value's digits are, as in JSON */
	ML_FROM_ANY_AS_FLOAT4,		/* a number of another type, rounded to float4 */
	ML_FROM_ANY_IN_RANGE,		/* a number of another type, that the recorded one can hold */
	ML_FROM_ANY_AS_OUTPUT		/* a category of another type, as the recorded one writes it */
} MlConversion;

/*
 * The type that a model was trained on, by its recorded name: what a value that
 * comes as JSON is read as.
 */
typedef struct MlRecordedType
{
	const char *input;			/* name of the model's input, for messages */
	const char *name;			/* of the type */
	Oid			type;			/* InvalidOid: only its kind matters */
	MlConversion from;			/* what it means for JSON */
	MlColumnKind kind;
	const char *zone;			/* of the model */
} MlRecordedType;

typedef struct MlConverter
{
	Oid			type;			/* of the values, domains looked through */
	MlConversion from;
	MlColumnKind kind;			/* what they become */
	pg_tz	   *zone;			/* ML_FROM_TIMESTAMPTZ */
	Oid			output;			/* ML_FROM_OUTPUT */
	MlConversion foreign;		/* ML_FROM_ANY_...: the values' own conversion */
	const MlRecordedType *recorded; /* ML_FROM_ANY_AS_OUTPUT, ML_FROM_ANY_IN_RANGE */
	bool		wide;			/* numbers that the recorded type could not hold stay what they are */
} MlConverter;

/*
 * Prepares the conversion of a type; false if the type cannot be a feature
 * (arrays, composite types, JSON, bytea, ranges, geometry ...).  zone names
 * the time zone for timestamptz; an unrecognized zone is an error.
 */
extern bool mling_converter(Oid type, const char *zone, MlConverter *converter);

/* As above, but to a category of the value's text, whatever the type. */
extern void mling_text_converter(Oid type, MlConverter *converter);

/* Text of a value by its type's output function, whatever the session's settings
 * but lc_monetary. */
extern char *mling_settled_text(FmgrInfo *output, Datum value);

/* The value that a type's input function reads in a text, whatever the session's settings. */
extern Datum mling_settled_value(FmgrInfo *input, Oid io_parameter, const char *text);

/* The same, with times that have no zone in the named one. */
extern Datum mling_settled_value_in(FmgrInfo *input, Oid io_parameter, const char *text, const char *zone);

/* A row as jsonb, whatever the session's settings. */
extern Datum mling_settled_json(Datum row);

/*
 * Columns before the first one of variable length lie at the same offset in all tuples
 * without NULLs: offset [n] by attribute, -1 for the others.
 */
extern void mling_fixed_offsets(TupleDesc desc, int n, int *offset);

/* A number or time; NaN stays NaN, infinities stay infinite (refuse them). */
extern double mling_number(const MlConverter *converter, Datum value);

/* The same, not rounded; of floating point its shortest digits.  Not for times. */
extern Numeric mling_exact_number(const MlConverter *converter, Datum value);

/* A number as a column of float4 would hold it. */
extern float mling_float4(double number);

/*
 * Bytes of a category.  They point into value, or into memory of the current
 * context.
 */
extern const char *mling_bytes(const MlConverter *converter, Datum value, size_t *size);

/* Is it a number's NaN?  That is missing, as NULL is, also where numbers are read as text. */
extern bool mling_is_nan(const MlConverter *converter, Datum value);

/* Name of a type to record: of the base type, the same whatever the search_path. */
extern char *mling_type_name(Oid type);

/*
 * Finds the type that a model recorded for an input.  The strings are kept, not
 * copied.
 */
extern void mling_recorded_type(const char *input, const char *name, MlColumnKind kind,
								const char *zone, MlRecordedType *recorded);

/*
 * Changes the conversion of a column whose type is not the recorded one, so
 * that the row scores like its JSON; false if all its JSON would be refused.
 * recorded must live as long as converter.
 */
extern bool mling_adapt_converter(MlConverter *converter, const MlRecordedType *recorded);

/*
 * A value in JSON as a number or time, NaN for null; and as a category's bytes,
 * NULL for null, which point into json or into memory of the current context.
 * They are what the converter makes of the same value in a column of the
 * recorded type, whatever the session's settings.  Errors name the input.
 */
extern double mling_number_from_json(const MlRecordedType *recorded, const JsonbValue *json);
extern const char *mling_bytes_from_json(const MlRecordedType *recorded, const JsonbValue *json,
										 size_t *size);

/* The number, or an error if no column of the recorded type could hold it: holder is "key" or "column". */
extern double mling_in_range(const MlRecordedType *recorded, const char *holder, double number);

/* Is it a decimal number, as "-12.5e3", NaN or an infinity, and nothing else? */
extern bool mling_is_decimal(const char *text);

/* Text of a value as the recorded type writes it: '::1' for '0::1' of inet, and no
 * trailing blanks of char(n). */
extern const char *mling_canonical_bytes(const MlRecordedType *recorded, const char *bytes,
										 size_t *size);

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

/* What to say where a column cannot be a key. */
#define ML_KEY_HINT "A key is an integer, numeric, text, uuid or enum, which have one text. Cast others to text in a view or query, or in a generated column."

/*
 * Prepares reading keys of a type: integers, numeric, text, enum, uuid and the
 * like.  False for types whose text depends on settings (times, floating point),
 * that have another one in JSON (inet), or that cannot be a feature either.
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
 * Opens model bytes as ml_model_open does, puts its texts, which are UTF-8 in bytes,
 * into the database's encoding, and lays it out for scoring.  False with what does not
 * fit in message [ML_MESSAGE_SIZE].  model points into bytes and into the current
 * context.
 */
extern bool mling_open_model(const uint8 *bytes, size_t size, MlModel *model, char *message);

/* A signature whose texts are as model bytes have them. */
extern const MlSignature *mling_signature_in_utf8(const MlSignature *signature);

/* ---------------------------------------------------------------- sources */

/* The column of a table or view that a source's column comes straight from. */
typedef struct MlOrigin
{
	Oid			relation;		/* InvalidOid: it is computed */
	AttrNumber	attribute;
} MlOrigin;

/* A table or a SELECT, described but not yet read. */
typedef struct MlSource
{
	Oid			relation;		/* InvalidOid for a query */
	char	   *query;			/* text of the query, or what reads the table */
	TupleDesc	desc;			/* its columns; dropped ones are left out */
	MlOrigin   *origins;		/* of each */
	const char *temporary;		/* a relation that it reads and that ends with the session, NULL: none */
	List	   *relations;		/* once it was read: OIDs of all tables and views behind it */
	double		expected_rows;	/* by the planner, from when it is being read */
} MlSource;

/*
 * Describes exactly one of relation and query.  Errors: both or none (22023),
 * not a readable relation (42809), not a single SELECT (42601 or 22023).  next: the
 * argument that follows them, whose value may stand in their place; NULL: none.
 */
extern MlSource *mling_describe(Oid relation, const char *query, const char *next);

/* The same as a query in any case, whose rows come without the dropped columns
 * that a table's slots have. */
extern MlSource *mling_describe_query(Oid relation, const char *query, const char *next);

/* schema.name of a relation for a query, whatever the session's settings. */
extern char *mling_relation_name(Oid relation);

/*
 * A query in parentheses, to stand in the FROM of another: its one statement
 * without the semicolon after it, and with any comment closed.
 */
extern char *mling_subquery(const char *query);

/*
 * Position of a column by name, from 0, -1 if there is none.  A name that two
 * columns have is an error (42702): a row would give the first, its JSON the last.
 */
extern int	mling_find_attribute(TupleDesc desc, const char *name);
extern int	mling_find_column(const MlSource *source, const char *name);

/* For an error about a column that there is not: the nearest one, and those that there are, the first 30. */
extern void mling_nearest_column(TupleDesc desc, const char *name, MlNearest *nearest);
extern char *mling_column_list(TupleDesc desc);

/* Error (22000) for a source that was read and has no rows: it names a table whose
 * rows the reader may not all see. */
extern void mling_refuse_empty(const MlSource *source) pg_attribute_noreturn();

/* As mling_find_column, but a missing column is an error naming the argument and the
 * nearest column. */
extern int	mling_column(const MlSource *source, const char *name, const char *argument);

/* As above; error (42804) for a column whose values are of another kind, with what it must be. */
extern int	mling_column_of_kind(const MlSource *source, const char *name, const char *argument, MlColumnKind kind,
								 const char *must_be, MlConverter *converter);

/* As mling_column() for argument "key"; error (42804) for a type that no key can have. */
extern int	mling_key_column(const MlSource *source, const char *name, MlKeyReader *reader);

/*
 * Begins a sort of rows [n columns], by the first, text in the order of its bytes, and
 * the second, timestamptz.  *row is a slot to put rows in from.  In the current memory
 * context.
 */
struct Tuplesortstate;
struct TupleTableSlot;
extern struct Tuplesortstate *mling_begin_key_sort(int n, const char *const *names, const Oid *types, struct TupleTableSlot **row);

/* One column to read. */
typedef struct MlReadColumn
{
	int			position;		/* in the source's desc, from 0 */
	MlColumnKind kind;			/* ML_COLUMN_HASH reads the hash of any type */
	bool		as_text;		/* a category of the value's text, whatever the type */
	bool		infinite_is_missing;	/* else infinite values are errors */
	const MlConverter *converter;	/* how to convert; NULL: as the column's type is */
	bool		is_label;		/* where it is NULL, nothing is learned from the row: its infinite values are
								 * missing ones */
	bool		may_spill;		/* its values may go to the file */
} MlReadColumn;

/*
 * A temporary file for values that memory is not to hold: for one statement, which
 * closes it when it has done.  memory: bytes of values that stay there before.
 * There is no file until something is written.
 */
typedef struct MlSpill MlSpill;

extern MlSpill *mling_open_spill(size_t memory);
extern MlSpillFile *mling_spill_file(MlSpill *spill);
extern void mling_close_spill(MlSpill *spill);

/* In which order rows are to come. */
typedef enum MlRowOrder
{
	ML_ORDER_OF_PLAN,			/* as the session's plan has them */
	ML_ORDER_OF_TABLE,			/* as one process reads them: what comes of them may depend on it */
	ML_ORDER_NONE				/* they are put in order later: processes may share the work */
} MlRowOrder;

/* How much of the budget a reader may take, and in which order rows may come. */
typedef struct MlReadLimits
{
	MlSpill    *spill;			/* for columns that may spill; NULL: all values stay in memory */
	size_t		later;			/* bytes that are needed once all is read, */
	double		later_per_row;	/* and of each row, */
	double		later_per_label;	/* more of each that has a label */
	MlRowOrder	order;
} MlReadLimits;

/*
 * Runs the source as the current user (privileges, views, row security) in one
 * pass and returns the columns as a data set in ctx's arena.  Infinite values,
 * more than 2^32 - 1 rows, exhausted memory and a full disk are errors.  Rows that
 * would exhaust it later are refused as soon as that is clear: of a table before it
 * is read.
 */
extern MlDataset *mling_read(MlContext *ctx, MlSource *source,
							 int n_columns, const MlReadColumn *columns,
							 const char *zone, MlReadLimits limits);

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

/*
 * Work on the rows of a query in whichever process reads them: the session, or a worker
 * of PostgreSQL's parallel query, with the session's role, snapshot and settings.  Rows
 * become batches of bytes, and only these reach the session.  A worker writes nothing.
 * Memory is that of the current context, which lives as long as the query.
 */
typedef struct MlRowWork
{
	/*
	 * Begins in a process: told [size] is what the session tells all of them, desc the
	 * rows' columns, area a worker's shared memory (in the session NULL).
	 */
	void	   *(*begin) (const void *told, size_t size, TupleDesc desc, void *area);
	/* Takes a row; true: there is a batch to give. */
	bool		(*take) (void *state, struct TupleTableSlot *slot);
	/* The batch, valid until the next call; after the last row what is left, NULL in the end. */
	bytea	   *(*give) (void *state);
	/* Bytes of a worker's area, the same in all processes; NULL: none are needed. */
	size_t		(*area_size) (const void *told);
} MlRowWork;

/* While the library is loaded: what mling_work_on_rows needs, and each kind of work. */
extern void mling_register_node(void);
extern void mling_register_work(const MlRowWork *work);

/*
 * Runs the source as the current user, works on its rows, and hands every batch to
 * batches, in the session, with the areas of all workers, one behind the other at
 * multiples of CACHELINEALIGN(area_size).  needed [natts] marks the columns wanted; NULL:
 * all.  Rows come in no order, unless the query has one.
 */
typedef struct MlBatchReceiver
{
	void		(*begin) (void *arg);	/* the source is planned, nothing is read; or NULL */
	void		(*take) (const char *bytes, size_t size, char *areas, void *arg);
	void	   *arg;
} MlBatchReceiver;

extern void mling_work_on_rows(MlSource *source, const bool *needed, const MlRowWork *work, const void *told, size_t size,
							   MlBatchReceiver batches);

/* ---------------------------------------------------------------- times */

/*
 * Dates reach further than timestamps.  Error (22008), naming column and date: a date
 * where a value of a type of timestamps is wanted; a time column that has such a date.
 */
extern void mling_refuse_far_date(const char *column, DateADT date, const char *type);
extern void mling_refuse_far_times(const MlDataset *dataset, int time);

/* A column that says when something was. */
typedef struct MlInstantColumn
{
	const char *name;
	int			position;		/* in the source's desc, from 0 */
	Oid			type;			/* timestamptz, timestamp or date; domains looked through */
} MlInstantColumn;

/* As mling_column(); error (42804) for a column of another type. */
extern void mling_instant_column(const MlSource *source, const char *name, const char *argument,
								 MlInstantColumn *column);

/* A value of it; without a zone it is in UTC.  Error (22008), with the hint, for an infinite one. */
extern TimestampTz mling_instant(const MlInstantColumn *column, Datum value, const char *hint);

/*
 * Is it later than now, by more than clocks differ?  now is when reading began: the
 * clock is read again for a later time, as reading may take long.
 */
extern bool mling_is_future(TimestampTz at, TimestampTz now);

/* ---------------------------------------------------------------- triggers that score */

typedef enum MlTriggerArgument
{
	ML_TRIGGER_MODEL, ML_TRIGGER_SCORE, ML_TRIGGER_FLAG, ML_TRIGGER_KEY, ML_TRIGGER_ON_ERROR
} MlTriggerArgument;

#define ML_TRIGGER_ARGUMENTS (ML_TRIGGER_ON_ERROR + 1)

extern const char *const mling_trigger_argument_names[ML_TRIGGER_ARGUMENTS];

/* A trigger function: its name, and its arguments in order. */
typedef struct MlTriggerKind
{
	const char *name;
	int			n_arguments;
	MlTriggerArgument arguments[ML_TRIGGER_ARGUMENTS];
	const char *usage;
	bool		decides;
} MlTriggerKind;

extern const MlTriggerKind mling_score_trigger;
extern const MlTriggerKind mling_decide_trigger;

/* NULL for a function that is neither. */
extern const MlTriggerKind *mling_trigger_kind(Oid function);

/*
 * What a trigger gives for each argument, by place or as 'name=value'; NULL: nothing,
 * or empty text.  given [ML_TRIGGER_ARGUMENTS] points into trigger.  Returns what is
 * wrong with them, NULL if nothing is.
 */
extern char *mling_trigger_arguments(const MlTriggerKind *kind, const Trigger *trigger, const char **given);

/* Does a trigger with these arguments fill a column? */
extern bool mling_trigger_fills(const char *const *given, const char *column);

/*
 * Name of the trigger that fills the column of a table which a column of the source
 * comes straight from, through views or not; NULL if there is none.
 */
extern char *mling_filling_trigger(const MlSource *source, int position);

/* ---------------------------------------------------------------- labels */

/* Outcome of turning a target column into labels. */
typedef struct MlLabelCounts
{
	int64		rows;
	int64		positives;
	int64		negatives;
	int64		unlabelled;
} MlLabelCounts;

/* The value of a target or label that counts as positive. */
typedef struct MlPositive MlPositive;

/*
 * The positive class of a column of that type, however it is written: as the type's
 * input function reads it, and a number as any number is written.  NULL for NULL.
 * argument: what the column was named as, for errors: "target", "label".
 * Error (22023): no value of the type.
 */
extern const MlPositive *mling_positive(Oid type, const char *argument, const char *column,
										const char *positive);

/*
 * It as text that every session reads back as the same value; NULL for NULL.  What
 * was given may be read otherwise later, as '12:00 IST' is under other time zone
 * abbreviations, and 'today' tomorrow.
 */
extern char *mling_positive_text(const MlPositive *positive);

/* What a training took for positive. */
typedef struct MlTrainedPositive
{
	const char *text;			/* mling_positive_text; NULL: what booleans and 0/1 say by themselves */
	const char *type;			/* mling_type_name of the target; NULL: not recorded */
} MlTrainedPositive;

/*
 * What is positive in a column of that type, as it is written there.  NULL: what the
 * column says by itself, true or 1; a text must be told.
 *
 * A value of the target is looked for in columns of the same kind: 'f' of a text is
 * no boolean.  Booleans and numbers that are 0 or 1 say one thing in two ways: false
 * of a target is 0 of a number that means the same.  Where the column means something
 * else they speak of their target alone, and say nothing of it.
 */
extern const char *mling_positive_meant(Oid type, const MlTrainedPositive *trained, bool means_the_same);

/* Is this what a boolean or a column of 0 and 1 says by itself? */
extern bool mling_positive_is_plain(Oid type, const char *positive);

/*
 * Is a value of the column the positive one?  Text, enums and numbers are compared by
 * their text, other types by their own equality.
 */
extern bool mling_is_positive(const MlPositive *positive, Datum value);

/* Must the target be read as text?  If positive is given.
 * Errors if it is text and positive is not given. */
extern bool mling_target_as_text(Oid type, const char *argument, const char *column,
								 const MlPositive *positive);

/*
 * Labels 0, 1 or NaN (NULL) of a target column of a data set, by row.  column
 * is a NUMBER column (booleans and 0/1; other values are errors), or, when
 * positive is given, a CATEGORY column compared with it.
 */
extern float *mling_labels(MlContext *ctx, const MlDataset *dataset, int column,
						   const MlPositive *positive, MlLabelCounts *counts);

/*
 * Costs of n rows (row NULL: the first n) with these labels from a NUMBER column: of
 * false_negative those of the positive rows, else of the negative ones, 0 for the
 * others, to cost (NULL: only looked at).  Errors (22000): costs that are NULL, NaN,
 * negative or above ML_LARGEST_COST, with the number of rows.
 */
extern void mling_costs(const MlColumn *column, bool false_negative, size_t n, const uint32_t *row,
						const float *label, double *cost);

/* A target or label that is read as text and has more values, or longer ones, has
 * values that come and go: a new one means nothing. */
#define ML_TARGET_VALUES 100
#define ML_TARGET_VALUE_BYTES 200

/* The different values of a column for a message: as many as are quoted, and whether there are more. */
#define ML_VALUES_SHOWN 10

typedef struct MlValuesSeen
{
	int			n;
	bool		more;
	char	   *value[ML_VALUES_SHOWN]; /* excerpts */
} MlValuesSeen;

/* Takes note of one, in the context that seen is in. */
extern void mling_note_value(MlValuesSeen *seen, const char *bytes, size_t size);

/* "a", "b", ... or with a full stop. */
extern char *mling_values_text(const MlValuesSeen *seen);

#endif							/* MLOPS_INGEST_H */
