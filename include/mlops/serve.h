/*-------------------------------------------------------------------------
 * serve.h
 *	  Models ready to score: caches of them, call sites, rows to values.
 *
 * Verified model bytes are kept by version (they never change), in memory that all
 * sessions share if there is some (mlops.shared_cache_size), else in a session's own
 * (mlops.cache_size); the least recently used go.  What a name answers
 * with is remembered at each call site (a function's fn_extra) together with
 * the generation of the session's knowledge; an invalidation message on the
 * catalog raises the generation, so that a deployment takes effect at its
 * commit, in every session and on every standby.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SERVE_H
#define MLOPS_SERVE_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "mlops/catalog.h"
#include "mlops/engine/explain.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

/* Called once each, when the library is loaded. */
extern void mlserve_register_invalidation(void);
extern void mlserve_register_work(void);

/* While the library is being preloaded: the counter of decisions that were answered
 * and could not be logged.  Counts n of them; and how many there were in all
 * databases since the server started, the last when (0: none was): false if the
 * library was not preloaded. */
extern void mlserve_share_lost(void);
extern void mlserve_count_lost(int n);
extern bool mlserve_lost(int64 *n, TimestampTz *last_at);

/* While the library is being preloaded: memory for models of all sessions. */
extern void mlserve_share_models(void);

/* Rises whenever anything this session knows of models may have changed. */
extern uint64 mlserve_generation;

/* ---------------------------------------------------------------- models */

/* A model in shared memory, as somebody has seen it there. */
typedef struct MlSharedRef
{
	int			slot;
	uint32		generation;		/* of the slot: with the next one something else is in it */
} MlSharedRef;

/* A version's verified bytes, as this session uses them. */
typedef struct MlServedModel
{
	int64		version_id;		/* hash key */
	uint64		load;			/* number of this entry, which no other one had */
	int			pins;			/* call sites that use it; never dropped while > 0 */
	uint64		used;			/* clock of the last use, for eviction */
	size_t		size;			/* of the session's own memory */
	MemoryContext context;		/* owns that: everything below but what is shared */
	const uint8 *bytes;			/* NULL: they are shared */
	MlSharedRef shared;			/* pinned while pins > 0 */
	const MlModel *model;
	TimestampTz since;
	TimestampTz last_used;
	int64		hits;			/* statements and call sites that took it */
	MlCatalogVersion version;
	MlContext  *explaining;		/* NULL until a row is explained */
	MlExplainer *explainer;
} MlServedModel;

/*
 * What a model reference ("fraud", "fraud/3") stands for now; of several
 * variants the one that takes what no other does.  The user's right to it is
 * checked.  The model is pinned until the current memory context is reset.  Errors: no such model, version or deployment; no right;
 * corrupt bytes.
 */
typedef struct MlResolved
{
	MlServedModel *served;		/* NULL: a variant of a route whose bytes nobody has needed yet */
	int64		version_id;
	int64		model_id;
	int32		version;
	double		threshold;
	const char *variant;		/* "primary", ...; NULL for a named version */
	int64		deployment_id;	/* that put it there, 0 for a named version */
} MlResolved;

extern void mlserve_resolve(const char *reference, MlAction action, MlResolved *resolved);

/* A version for a view of many: a corrupt one is a warning, and false. */
extern bool mlserve_resolve_sound_version(const char *model, int version, MlAction action,
										  MlResolved *resolved);

/*
 * The model of a version that the session resolved: for a process that works for it.
 * Pinned as above.  name is for errors: dropped, corrupt.
 */
extern const MlModel *mlserve_take_version(const char *name, int64 version_id);

/* The same for a version given by number, whatever is deployed. */
extern void mlserve_resolve_version(const char *model, int version, MlAction action,
									MlResolved *resolved);

/* An error for a number that no version has: 0 is the deployed one's inside. */
extern void mlserve_check_number(const char *model, int version);

/* What a model reference stands for: its variants and how one is chosen. */
typedef struct MlRoute MlRoute;

/* A model that is kept, see mlops.cached_models. */
typedef struct MlCachedModel
{
	int64		version_id;
	bool		shared;			/* else this session's */
	size_t		size;
	int			pins;			/* sessions that use it now */
	int64		hits;
	TimestampTz used;
	TimestampTz since;
} MlCachedModel;

/* Those of this database: a List of MlCachedModel *, in the current memory context. */
extern List *mlserve_cached_models(void);

/* How a segment's rule reads a column of a type; false if it cannot be compared. */
extern bool mlserve_rule_converter(Oid type, MlConverter *converter);

/* ---------------------------------------------------------------- rows */

/* Inputs, one after the other, that are numbers side by side in all tuples without NULL. */
typedef struct MlPlacesInRow
{
	MlConversion from;			/* of all of them */
	int			offset;			/* of the first, from the start of the tuple's data */
	int16		length;			/* of each */
	bool		by_value;
	size_t		first;			/* inputs */
	size_t		end;
} MlPlacesInRow;

/* Where each input of a model is in a row type. */
typedef struct MlRowMap
{
	size_t		n_inputs;
	int		   *attribute;		/* [n_inputs] from 0 */
	MlConverter *converter;		/* [n_inputs] */
	size_t		n_places;		/* they hold all inputs; 0: that cannot be, see mlserve_find_places */
	MlPlacesInRow *places;
	int			n_attributes;	/* up to the last one that is read in place */
} MlRowMap;

/*
 * Maps a model's inputs to a row type by name.  One without names, as of ROW(...)
 * and VALUES, is mapped by position if it has as many columns.  Errors: missing
 * columns (42703, all are named), columns of another kind (42804; by position also
 * a type with fractions where the model knows integers).  Allocated in the current
 * memory context.
 */
extern MlRowMap *mlserve_map_row(const MlModel *model, TupleDesc desc);

/*
 * A warning if the relation, or one that a source's columns come from, is a feature view
 * whose definitions are not those that the model was trained with.
 */
extern void mlserve_warn_of_changed_view(const MlModel *model, Oid relation);
extern void mlserve_warn_of_changed_views(const MlModel *model, const MlSource *source);

/* The types of a model's inputs, for values in JSON: [n_inputs], in the current
 * memory context; its strings are the model's. */
extern MlRecordedType *mlserve_recorded_types(const MlModel *model);

/* Values of a row for scoring. */
extern void mlserve_fill_values(const MlModel *model, const MlRowMap *map,
								const Datum *datums, const bool *nulls, MlValue *values);

/*
 * Finds the places of all inputs in tuples of desc, whose attributes the map is about: if
 * every input is a number before the first column of variable length.
 */
extern void mlserve_find_places(MlRowMap *map, TupleDesc desc);

/*
 * The same values without taking a tuple apart; false if that cannot be, or if a value
 * is to be refused.
 */
extern bool mlserve_fill_in_place(const MlRowMap *map, HeapTupleHeader header, MlValue *values);

/* ---------------------------------------------------------------- call sites */

/* A call site's memory: one function in one query. */
typedef struct MlScorer MlScorer;

/*
 * The scorer of this call site for a reference (and a version, 0: as the
 * reference says), up to date with the catalog.  Cheap when nothing changed.
 * row_type is the type of the rows to come, InvalidOid if it is not known;
 * for named row types the session keeps the scorer for later statements.
 */
extern MlScorer *mlserve_scorer(FmgrInfo *flinfo, text *reference, int version, Oid row_type);

/*
 * The scorer of this call site for a model given as bytes (a bytea as it came,
 * not detoasted): a model's own, or those of mlops.export_model().  Cheap for
 * the same bytes again.  Error (XX001) if they are no model.
 */
extern MlScorer *mlserve_bytes_scorer(FmgrInfo *flinfo, Datum bytes);

/* Verifies a model's bytes, copied into the current memory context.  Error as above. */
extern MlModel *mlserve_open_bytes(const uint8 *bytes, size_t size);

/*
 * Scores a composite or jsonb value of the given type, by the variant that the
 * row's key and columns choose.
 */
extern double mlserve_score_datum(MlScorer *scorer, Oid type, Datum features);

/* The features that a function was given, and their type: text is JSON, and becomes jsonb. */
extern Datum mlserve_features_argument(FunctionCallInfo fcinfo, int argument, Oid *type);

/*
 * The row of a BEFORE trigger as its table will store it: with its generated
 * columns, which the executor computes only after the triggers.  *state is the
 * call site's, NULL at first, allocated in context, which lives as long as the
 * site.  The result is row itself where nothing is generated, else a copy in
 * the current context.
 */
typedef struct MlStoredRow MlStoredRow;
extern HeapTuple mlserve_row_as_stored(MlStoredRow **state, MemoryContext context,
									   Relation relation, HeapTuple row);

/*
 * What a variant that scored the last row read of it, by the model's own names,
 * as an object that scores the same whatever settings the session that reads it
 * has.
 */
extern Jsonb *mlserve_features_read(MlScorer *scorer, const MlResolved *resolved, Oid type,
									Datum features);

/* Rows that are given as values have desc's columns from now on: before the first of them. */
extern void mlserve_map_values(MlScorer *scorer, TupleDesc desc);

/* Scores a row given as values and nulls. */
extern double mlserve_score_values(MlScorer *scorer, const Datum *datums, const bool *nulls);

/* The same of a slot of these columns, in place if it can be. */
extern double mlserve_score_slot(MlScorer *scorer, TupleTableSlot *slot);

/* What was read of the row that was scored last, by mlserve_score_values(); see mlserve_features_read(). */
extern Jsonb *mlserve_features_of_values(MlScorer *scorer, const Datum *datums, const bool *nulls);

/*
 * Scores every row of a source as the current user, in processes of its query's where one
 * version answers: a tuple of key (text; key is the position of its column, -1: none),
 * score and flag each.
 */
extern void mlserve_score_table(MlScorer *scorer, MlSource *source, int key, Tuplestorestate *store, TupleDesc result);

/* The variant that scored the last row. */
extern const MlResolved *mlserve_scorer_resolved(const MlScorer *scorer);

/* Text of the last row's key column, NULL if there is none; in the current
 * memory context. */
extern text *mlserve_row_key(MlScorer *scorer, Oid type, Datum features);

/* ---------------------------------------------------------------- tries */

/* An error that was caught, or none. */
typedef struct MlFault
{
	ErrorData  *error;			/* NULL: none */
} MlFault;

/*
 * Runs a step that may fail: false, with the error, if it did, and the caller
 * goes on.  What ends the transaction or the session all the same (a cancel, a
 * shutdown, a failure of serialization) is thrown on.
 *
 * A quiet step reads nothing but memory: it holds no lock, no buffer and no
 * catalog entry, so that to leave it is enough, and it costs a sigsetjmp.  Only
 * errors about values (classes 22 and 42) can come out of it; others are thrown
 * on.  Any other step runs in a subtransaction, which undoes what it did, and
 * waits for a lock for mlops.lock_timeout at most.
 */
extern bool mlserve_attempt(void (*step) (void *), void *arg, bool quiet, MlFault *fault);

/* The session's command: its id less the ids that steps took. */
extern CommandId mlserve_command(void);

/* Called at the end of a transaction. */
extern void mlserve_forget_commands(void);

/* A fault that nothing threw, in the current memory context; the message is not copied. */
extern MlFault *mlserve_make_fault(int sqlerrcode, char *message);

/* A copy of what is told of a fault, in a context that lives longer. */
extern MlFault *mlserve_keep_fault(const MlFault *fault, MemoryContext context);

/* Throws an error that was caught. */
extern void mlserve_throw(const MlFault *fault) pg_attribute_noreturn();

/* Which variant was asked for a row, and what it said. */
typedef struct MlAnswer
{
	const MlResolved *resolved; /* NULL: none could be chosen */
	double		score;			/* unless there is a fault */
	MlFault		fault;
	const MlResolved *passed_over;	/* a segment whose rule could not be compared, NULL: none */
	MlFault		passed_fault;	/* why */
} MlAnswer;

/*
 * Scores a row by the variant that its key and columns choose; key (may be NULL)
 * chooses for rows without a key column.  An error becomes the answer's fault; if
 * may_fail, only where another variant could answer in place of the one chosen.
 * Returns the scorer, NULL if the reference stands for nothing.
 */
extern MlScorer *mlserve_try(FmgrInfo *flinfo, text *reference, Oid type, Datum features,
							 const text *key, bool may_fail, MlAnswer *answer);

/* Is this the variant that takes what no other one does? */
extern bool mlserve_is_primary(const MlScorer *scorer, const MlResolved *resolved);

/* The row just tried, by primary. */
extern void mlserve_try_primary(MlScorer *scorer, Oid type, Datum features, MlAnswer *answer);

/* Variants that are scored beside the one that answers, and what one of them
 * says of the row just tried. */
extern int	mlserve_n_shadows(const MlScorer *scorer);
extern void mlserve_try_shadow(MlScorer *scorer, int shadow, Oid type, Datum features,
							   MlAnswer *answer);

/* ---------------------------------------------------------------- explanations */

/* Why the last row of a scorer scored as it did, in log odds. */
typedef struct MlExplanation
{
	const MlModel *model;		/* that answered */
	double		base;			/* base + sum of contributions = log odds of the score */
	size_t		n;
	const double *contribution; /* [n] by input; until the scorer's next row */
} MlExplanation;

/* Scores and explains a composite or jsonb value, see mlserve_score_datum. */
extern void mlserve_explain_datum(MlScorer *scorer, Oid type, Datum features,
								  MlExplanation *explanation);

/* Scores and explains a row given as values and nulls, see mlserve_map_values. */
extern void mlserve_explain_values(MlScorer *scorer, const Datum *datums, const bool *nulls,
								   MlExplanation *explanation);

/*
 * Text of an input's value in the row that was just explained; NULL for NULL.
 * In the current memory context.
 */
extern text *mlserve_explained_value(MlScorer *scorer, Oid type, Datum features, size_t input);

/* What a model's inputs contribute over a sample of a source's rows, in log odds. */
typedef struct MlContributions
{
	const MlModel *model;		/* NULL: there was no row */
	size_t		n_rows;			/* in the sample */
	size_t		n_inputs;
	double	   *importance;		/* [n_inputs] mean of the contributions' sizes */
	double	   *mean;			/* [n_inputs] mean of the contributions */
} MlContributions;

/*
 * Reads a source, and explains every step-th row, so many that there are between half
 * of most_rows and most_rows.  Results are in the current memory context.  Errors:
 * those of scoring; 55000 if more than one version answers.
 */
extern void mlserve_explain_source(MlScorer *scorer, MlSource *source, size_t most_rows, MlContributions *contributions);

/* ---------------------------------------------------------------- decisions */

/* A row of mlops_catalog.prediction. */
typedef struct MlPrediction
{
	pg_uuid_t	id;				/* a shadow's: its decision's */
	TimestampTz created_at;
	int64		model_id;		/* 0: no such model */
	int64		deployment_id;	/* 0: a version asked for by number, or none */
	int32		version;		/* 0: none */
	bool		shadow;
	bool		has_score;		/* else neither score nor flag */
	bool		has_threshold;
	bool		flagged;
	float4		latency;		/* microseconds */
	double		score;
	double		threshold;
	char		sqlstate[6];	/* why there is no score of the model's, empty: there is */
	text	   *error;			/* the same in words, NULL: there is */
	text	   *variant;		/* NULL: a version asked for by number */
	text	   *key;			/* NULL: none */
	text	   *route_key;		/* value of the route's key column, NULL: none, or it is key */
	Jsonb	   *features;		/* NULL: not asked for */
} MlPrediction;

/* Remembers a call site's last command; zeroed at first. */
typedef struct MlLogSite
{
	CommandId	command;
	SubTransactionId subid;
} MlLogSite;

/* Gives a decision its identity, which holds created_at; its shadows take it over. */
extern void mlserve_identify_prediction(MlPrediction *row);

/*
 * Logs the row in the current (sub)transaction: it is seen and survives as a
 * row inserted now would be.  Allocated values are copied if need be.  Unless
 * may_fail, a row that cannot be written is lost with a warning.
 */
extern void mlserve_log_prediction(MlPrediction *row, MlLogSite *site, bool may_fail);

/* What becomes of a row that cannot be scored. */
typedef enum MlOnError
{
	ML_ON_ERROR_NULL,			/* no score and no flag */
	ML_ON_ERROR_SCORE,			/* a given score */
	ML_ON_ERROR_RAISE			/* an error */
} MlOnError;

typedef struct MlErrorChoice
{
	MlOnError	choice;
	double		score;			/* ML_ON_ERROR_SCORE: 0 to 1 */
} MlErrorChoice;

/* Reads raise, null or a score from size bytes of text; error (22023) for anything else. */
extern void mlserve_read_error_choice(const char *text, int size, MlErrorChoice *choice);

#define ML_MOST_WARNED 8		/* kinds of errors that one command is told of */

/* A call site that decides; zeroed at first, but for the scorer's fn_mcxt. */
typedef struct MlDecideSite
{
	FmgrInfo	scorer;			/* whose fn_extra is the scorer's */
	MlLogSite	log;
	CommandId	warned_in;		/* command that gave a warning last ... */
	int			n_warned;		/* ... and these kinds of errors it was told of */
	int			warned_of[ML_MOST_WARNED];
	CommandId	locked_in;		/* command in which the model could not be read for a lock */
	MlFault    *locked;			/* that fault, NULL: none yet */
	int64		locked_model;	/* the model, 0: not even that was to be found */
} MlDecideSite;

/*
 * Scores a row, logs the decision, and scores and logs the shadows.  A variant
 * that cannot score is logged as failed, and primary answers in its place; if
 * that cannot either, choice says what becomes of the row.  A shadow never makes
 * this fail.  With only_failures, decisions that succeed are not logged and
 * shadows not asked.  The row's own texts are in the current memory context.
 */
extern void mlserve_decide(MlDecideSite *site, text *reference, Oid type, Datum features,
						   text *key, const MlErrorChoice *choice, bool only_failures,
						   MlPrediction *decision);

/* Settles and logs a row that came to a fault before a variant could be asked. */
extern void mlserve_decide_failed(MlDecideSite *site, text *reference, text *key,
								  const MlErrorChoice *choice, const MlFault *fault,
								  MlPrediction *decision);

/* Gives a warning about a fault, unless the command was told of its kind (SQLSTATE), or of ML_MOST_WARNED others. */
extern void mlserve_warn(MlDecideSite *site, const MlFault *fault, const char *model,
						 const char *consequence);

/* Writes what waits to be written now. */
extern void mlserve_write_predictions(void);

/* When a prediction was made, from its identity; false if it is not one. */
extern bool mlserve_prediction_time(const pg_uuid_t *id, TimestampTz *at);

/* Called once each, when the library is loaded. */
extern void mlserve_watch_statements(void);

/* ---------------------------------------------------------------- triggers that score */

/* A trigger's arguments and columns; relation, trigger and kind are given. */
typedef struct MlBoundTrigger
{
	const MlTriggerKind *kind;
	Relation	relation;
	const Trigger *trigger;
	const char *argument[ML_TRIGGER_ARGUMENTS]; /* NULL: not given */
	MlErrorChoice choice;
	int			score;			/* columns, from 1; 0: none */
	int			flag;
	int			key;
	MlKeyReader key_reader;
} MlBoundTrigger;

/* What on_error says, though other arguments may be wrong; of an MlBoundTrigger, as
 * a step of mlserve_attempt.  Error (22023): it is none of null, raise and a score. */
extern void mlserve_read_trigger_choice(void *bound);

/* Arguments and columns, likewise.  Errors: arguments that are not understood
 * (22023), columns that do not exist (42703), have another type (42804) or are
 * generated (428C9). */
extern void mlserve_bind_trigger(void *bound);

/* Warns of a model that reads what the trigger fills: once a session, and again when
 * another version may answer. */
extern void mlserve_tell_of_inputs(MlBoundTrigger *bound);

/*
 * Binds a trigger, and returns what stands against scoring now, in words; NULL:
 * nothing does.  Errors: those of mlserve_bind_trigger; the user may not score
 * with the model (42501).
 */
extern char *mlserve_check_trigger(MlBoundTrigger *bound);

/* ---------------------------------------------------------------- seals */

/* entries and digest are overwritten by the next block. */
typedef void (*MlSealCallback) (int number, bytea *entries, bytea *digest, void *arg);

/*
 * What a partition of logged decisions holds now, in these columns (text[]): sorted
 * and digested in blocks, as seals.c says.  An error (42703) names a column that is
 * not there.
 */
extern void mlserve_each_seal_block(Oid part, ArrayType *columns, MlSealCallback callback, void *arg);

/* ---------------------------------------------------------------- imports */

/* Columns of decisions that were made elsewhere or earlier. */
typedef struct MlImportColumns
{
	const char *key;
	const char *time;
	const char *score;			/* NULL: the model scores the rows */
	const char *flagged;		/* NULL: by the threshold in force */
} MlImportColumns;

typedef struct MlDecisionsImported
{
	int64		rows;			/* read */
	int64		added;
	int64		changed;		/* of a key, time and version that were there and said something else */
	int64		ignored;		/* without key, time, score or flag */
} MlDecisionsImported;

/*
 * Reads decisions of a model, or of the version that the reference names, from the
 * source as the current user, and records them for monitors to look at.  scorer is the
 * call site's.  Errors: no right to manage the model, columns that are missing or of a
 * wrong type, scores that are none, two decisions of one key and time that differ,
 * times in the future or beyond mlops.retention.
 */
extern void mlserve_import_decisions(FmgrInfo *scorer, const char *reference, MlSource *source,
									 const MlImportColumns *columns, MlDecisionsImported *imported);

/* ---------------------------------------------------------------- evaluation */

/* What is read of a source beside the model's inputs; NULL and NIL: nothing. */
typedef struct MlJudgedColumns
{
	const char *target;			/* NULL: the one recorded at training */
	const char *positive;		/* NULL: that of the training, of another target what a notice tells */
	List	   *by;				/* names, read as text */
	List	   *costs;			/* names, numbers */
	const char *time;			/* a date or timestamp, in the model's time zone */
	const char *card;			/* hashes of any values */
} MlJudgedColumns;

/* A source's rows with labels and scores of a model, for evaluate, curve, thresholds
 * and daily_precision. */
typedef struct MlScoredRows
{
	size_t		n;				/* labelled rows */
	double	   *score;
	float	   *label;
	const MlDataset *dataset;
	MlRows		rows;			/* data set row of each */
	int			first_by;		/* column of the data set, as the others */
	int			first_cost;
	int			time;
	int			card;
} MlScoredRows;

/* Reads the source and scores every labelled row.  Everything is in ctx's arena. */
extern void mlserve_score_source(MlContext *ctx, const MlResolved *resolved, MlSource *source,
								 const MlJudgedColumns *wanted, MlScoredRows *out);

/* The column of this name among the costs, by scored row, in ctx's arena, as
 * mling_costs() has it.  NULL for no name. */
extern double *mlserve_cost_by_row(MlContext *ctx, const MlScoredRows *scored, List *costs, const char *name, bool false_negative);

#endif							/* MLOPS_SERVE_H */
