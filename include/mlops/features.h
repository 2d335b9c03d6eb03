/*-------------------------------------------------------------------------
 * features.h
 *	  Features of rows from the history of their entities, defined once: for all rows
 *	  of a source in one pass, and for one row by the source's indexes, with the same
 *	  bits.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FEATURES_H
#define MLOPS_FEATURES_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/ingest.h"

/*
 * What features of a source are: its key, which orders rows of one time, the column
 * that says when a row was, the one that says from when on it was known (NULL: at
 * once), and their definitions.
 */
typedef struct MlFeatureRequest
{
	Oid			source;
	const char *key;
	const char *time_column;
	const char *known_column;
	Jsonb	   *features;
} MlFeatureRequest;

/* They, checked and ready to be computed; in the memory context that they were made in. */
typedef struct MlFeatureView MlFeatureView;

/*
 * Checks a request against its source.  Errors name the feature, its key and what it may
 * be: 22023, 42703, 42804, 42601, 42P17, 42701.
 */
extern MlFeatureView *mlfeat_open(const MlFeatureRequest *request);

/* Columns of the source, then the features. */
extern TupleDesc mlfeat_desc(const MlFeatureView *view);

/* How many of them are columns of the source. */
extern int	mlfeat_source_columns(const MlFeatureView *view);

/* Is a column of the source needed to compute the features of a row? */
extern bool mlfeat_reads(const MlFeatureView *view, int column);

/*
 * Name of a feature that looks at a column of rows as soon as they are there, the row itself
 * perhaps among them; NULL if none does.
 */
extern const char *mlfeat_leaking(const MlFeatureView *view, const char *target);

/* Has the source changed since it was opened, so that the view is to be opened anew? */
extern bool mlfeat_is_stale(const MlFeatureView *view);

/* The request that a view was made of by create_feature_view; false for any other relation. */
extern bool mlfeat_request_of(Oid relation, MlFeatureRequest *request);

/* The same of an argument; an error (42809) for any other relation. */
extern void mlfeat_require_view(FunctionCallInfo fcinfo, int i, const char *argument, MlFeatureRequest *request);

/* Is the column of its view a feature, and not the source's? */
extern bool mlfeat_is_feature(const MlFeatureRequest *request, const char *column);

/*
 * A request as JSON text, which names its source, and back.  Errors: 22023, 22P02, 42P01 for
 * a source that is not there.
 */
extern char *mlfeat_to_json(const MlFeatureRequest *request);
extern void mlfeat_from_json(const char *json, size_t size, MlFeatureRequest *request);

/* Of such JSON the column of times, which rows of its source have; and the source, InvalidOid if it is not there. */
extern char *mlfeat_recorded_time_column(const char *json, size_t size);
extern Oid	mlfeat_recorded_source(const char *json, size_t size);
extern char *mlfeat_recorded_source_name(const char *json, size_t size);

/*
 * Error (42501) if a role may not read all rows of a source: features that others have
 * computed would tell him of them.  what: whose features they are, for the message.
 */
extern void mlfeat_require_reader(Oid role, Oid source, const char *what);

/*
 * Features of all rows whose time is in [from, until), read as the current user in the
 * order of times: each as a row of mlfeat_desc, in a slot that lives until the next.  Rows
 * without a time come last, if from and until are both infinite, and have no features that
 * look back.
 */
extern void mlfeat_all_rows(MlFeatureView *view, TimestampTz from, TimestampTz until, MlRowCallback callback, void *arg);

/*
 * Features of one row of the source, values and nulls [mlfeat_source_columns]: the others
 * of [mlfeat_desc] are filled in, in the current memory context.  Rows of its entities are
 * read as the current user: in the active snapshot, or unless read_only with what the
 * running statement has done so far.
 */
extern void mlfeat_one_row(MlFeatureView *view, bool read_only, Datum *values, bool *nulls);

#endif							/* MLOPS_FEATURES_H */
