/*
 * scorer.h
 *	  What a call site remembers (private to serve): scorer.c scores with it,
 *	  explain.c explains.
 */
#ifndef MLOPS_SERVE_SCORER_H
#define MLOPS_SERVE_SCORER_H

#include "utils/typcache.h"

#include "mlops/engine/explain.h"
#include "serve/route.h"

/* How features that a row has not are computed from its history; see history.h. */
typedef struct RowHistory
{
	MemoryContext context;		/* its own */
	struct MlFeatureView *view;
	TupleDesc	desc;			/* the view's */
	MlRowMap   *map;			/* of desc */
	int		   *column;			/* of the source's columns in the rows to score, -1: not there; NULL for
								 * objects */
	bool		is_own;			/* are the rows to score the source's own? */
	uint64		of_row;			/* scorer->n_rows of the row whose values these are */
	Datum	   *datums;			/* [natts of desc] */
	bool	   *nulls;
} RowHistory;

/* What one variant needs to score rows. */
typedef struct VariantScorer
{
	const MlResolved *resolved;
	MlRowMap   *map;			/* NULL: not mapped to the scorer's row type yet */
	RowHistory *history;		/* NULL: rows have all that the model reads */
	RowHistory *json_history;	/* the same for objects, NULL: none came that has not */
	MlRecordedType *recorded;	/* types of the inputs, for JSON; NULL until the first object */
	MlValue    *values;			/* working memory of the model, NULL: not loaded yet */
	void	   *scratch;
	uint64		load;			/* of the model, see mlserve_pin_again */
	MlFault    *broken;			/* why it cannot be loaded or mapped, NULL: it can, or was not tried */

	/* explaining; NULL until the first time */
	void	   *explain_scratch;
	double	   *contribution;	/* [n_inputs] */
	FmgrInfo   *output;			/* [n_inputs] text of the mapped columns' values */
} VariantScorer;

struct MlScorer
{
	MemoryContext context;		/* of what was resolved; reset when it changes */
	MemoryContext pinned_in;	/* the call site whose life models are pinned for when loaded */
	uint64		loads;			/* rises with every model that is loaded */

	/* what was resolved, and when that is still valid */
	text	   *reference;
	int			version;
	uint64		generation;
	Oid			user;
	MlRoute    *route;
	int			n_variants;
	VariantScorer *variants;	/* one for each variant of the route */
	bool		chooses;		/* is there more than one that may answer? */
	VariantScorer *chosen;		/* the one that scored the last row */
	const text *given_key;	/* decide's, while it scores a row */
	MlPassedOver passed;		/* when the last row's variant was chosen */
	TimestampTz warned;			/* start of the statement that was told of one passed over last */

	/* the row type mapped last */
	bool		mapped;
	MlRouteMap *route_map;		/* NULL: not made yet */
	TupleDesc	desc;			/* a copy */
	Oid			row_type;
	int32		row_typmod;
	TypeCacheEntry *row_entry;	/* named composite types: to notice ALTER */
	uint64		row_identifier;

	uint64		n_rows;			/* rises with every row and object */
	bool		sees_own_changes;	/* do features see what the running statement did so far? */

	/* the composite value that came last; it lives with its row */
	HeapTupleHeader row;
	bool		apart;			/* are datums and nulls its columns? else see mlserve_take_apart */
	Datum	   *datums;
	bool	   *nulls;
};

/* Does a variant have its model and, for rows that are not JSON, the map of their type? */
#define ML_VARIANT_READY(variant, json) ((variant)->values != NULL && ((json) || (variant)->map != NULL))

/* Takes the scorer's row apart, if that was not done, into datums and nulls. */
extern void mlserve_take_apart(MlScorer *scorer);

/*
 * Makes a scorer that asks one model, whatever the catalog says; all it needs
 * is allocated in context.
 */
extern void mlserve_open_scorer(MlScorer *scorer, MlServedModel *served, MemoryContext context);

/*
 * Scores an object by a variant whose model is loaded.  Errors: 42703 for keys that it
 * lacks, class 22 for values that their types cannot read.
 */
extern double mlserve_score_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json);

/* The object that features in jsonb must be; an error for anything else. */
extern Jsonb *mlserve_features_object(Datum features);

/*
 * The values that a variant read of the scorer's present row, or of the object json, and the
 * map of its inputs to them; false for an object that is read as it is.  datums and nulls:
 * the row's own values.
 */
typedef struct ReadRow
{
	TupleDesc	desc;
	const MlRowMap *map;
	const Datum *datums;
	const bool *nulls;
} ReadRow;

extern bool mlserve_read_row(MlScorer *scorer, VariantScorer *variant, Jsonb *json, const Datum *datums, const bool *nulls, ReadRow *row);

#endif							/* MLOPS_SERVE_SCORER_H */
