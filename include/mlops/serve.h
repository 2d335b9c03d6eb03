/*-------------------------------------------------------------------------
 * serve.h
 *	  Models ready to score: the session's cache, call sites, rows to values.
 *
 * A session keeps verified model bytes by version (they never change) and
 * drops the least recently used beyond mlops.cache_size.  What a name answers
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
#include "utils/jsonb.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

#include "mlops/catalog.h"
#include "mlops/engine/explain.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

/* Called once, when the library is loaded. */
extern void mlserve_register_invalidation(void);

/* ---------------------------------------------------------------- models */

/* A version's verified bytes in this session's cache. */
typedef struct MlServedModel
{
	int64		version_id;		/* hash key */
	int			pins;			/* call sites that use it; never dropped while > 0 */
	uint64		used;			/* clock of the last use, for eviction */
	size_t		size;
	MemoryContext context;		/* owns everything below */
	MlModel    *model;
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
	MlServedModel *served;
	int64		version_id;
	double		threshold;
	const char *variant;		/* "primary", ...; NULL for a named version */
	int64		deployment_id;	/* that put it there, 0 for a named version */
} MlResolved;

extern void mlserve_resolve(const char *reference, MlAction action, MlResolved *resolved);

/* The same for a version given by number, whatever is deployed. */
extern void mlserve_resolve_version(const char *model, int version, MlAction action,
									MlResolved *resolved);

/* What a model reference stands for: its variants and how one is chosen. */
typedef struct MlRoute MlRoute;

/* ---------------------------------------------------------------- rows */

/* Where each input of a model is in a row type. */
typedef struct MlRowMap
{
	size_t		n_inputs;
	int		   *attribute;		/* [n_inputs] from 0 */
	MlConverter *converter;		/* [n_inputs] */
} MlRowMap;

/* Position of a column by name from 0, -1 if the row type has none. */
extern int	mlserve_find_attribute(TupleDesc desc, const char *name);

/*
 * Maps a model's inputs to a row type by name.  An anonymous ROW(...) is
 * mapped by position if number and kinds of its columns fit.  Errors: missing
 * columns (42703, all are named), columns of another kind (42804).  Allocated
 * in the current memory context.
 */
extern MlRowMap *mlserve_map_row(const MlModel *model, TupleDesc desc);

/* Values of a row for scoring. */
extern void mlserve_fill_values(const MlModel *model, const MlRowMap *map,
								const Datum *datums, const bool *nulls, MlValue *values);

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

/* As above; key (may be NULL) chooses for rows without a key column. */
extern double mlserve_decide_datum(MlScorer *scorer, Oid type, Datum features, const text *key);

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

/* Scores a row given as a tuple. */
extern double mlserve_score_tuple(MlScorer *scorer, HeapTuple tuple, TupleDesc desc);

/* Scores a row given as values and nulls of desc's columns. */
extern double mlserve_score_values(MlScorer *scorer, TupleDesc desc,
								   const Datum *datums, const bool *nulls);

/* The variant that scored the last row. */
extern const MlResolved *mlserve_scorer_resolved(const MlScorer *scorer);

/*
 * Variants that are scored beside the one that answers: their number, and the
 * score of one of them for the row that was just scored.
 */
extern int	mlserve_n_shadows(const MlScorer *scorer);
extern double mlserve_score_shadow(MlScorer *scorer, int shadow, Oid type, Datum features,
								   const MlResolved **resolved);

/* Text of the last row's key column, NULL if there is none; in the current
 * memory context. */
extern text *mlserve_row_key(MlScorer *scorer, Oid type, Datum features);

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

/* Scores and explains a row given as values and nulls of desc's columns. */
extern void mlserve_explain_values(MlScorer *scorer, TupleDesc desc, const Datum *datums,
								   const bool *nulls, MlExplanation *explanation);

/*
 * Text of an input's value in the row that was just explained; NULL for NULL.
 * In the current memory context.
 */
extern text *mlserve_explained_value(MlScorer *scorer, Oid type, Datum features, size_t input);

/* ---------------------------------------------------------------- decisions */

/* A row of mlops_catalog.prediction. */
typedef struct MlPrediction
{
	pg_uuid_t	id;				/* set by mlserve_log_prediction; a shadow's: its decision's */
	TimestampTz created_at;
	int64		model_id;
	int64		deployment_id;	/* 0: a version asked for by number */
	int32		version;
	bool		shadow;
	bool		flagged;
	float4		latency;		/* microseconds */
	double		score;
	double		threshold;
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

/*
 * Gives the row its identity (unless it is a shadow) and logs it in the current (sub)transaction: it is
 * seen and survives as a row inserted now would be.  Allocated values are
 * copied if need be.
 */
extern void mlserve_log_prediction(MlPrediction *row, MlLogSite *site);

/* Writes what waits to be written now. */
extern void mlserve_write_predictions(void);

/* When a prediction was made, from its identity; false if it is not one. */
extern bool mlserve_prediction_time(const pg_uuid_t *id, TimestampTz *at);

/* Called once, when the library is loaded. */
extern void mlserve_watch_statements(void);

/* ---------------------------------------------------------------- evaluation */

/* A source's rows with labels and scores of a model, for evaluate and curve. */
typedef struct MlScoredRows
{
	size_t		n;				/* labelled rows */
	double	   *score;
	float	   *label;
	const MlDataset *dataset;	/* columns of `by` are the last n_by ones */
	MlRows		rows;			/* data set row of each */
	int			first_by;
} MlScoredRows;

/*
 * Reads the source (target NULL: the one recorded at training), scores every
 * labelled row.  by columns are read as text.  Everything is in ctx's arena.
 */
extern void mlserve_score_source(MlContext *ctx, const MlResolved *resolved,
								 MlSource *source, const char *target,
								 List *by, MlScoredRows *out);

#endif							/* MLOPS_SERVE_H */
