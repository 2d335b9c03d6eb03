/*-------------------------------------------------------------------------
 * scorer.c
 *	  A call site that scores rows: what it resolved, the map of its row type
 *	  and working memory, kept in the function's fn_extra.
 *
 * Once warm, a row costs a comparison of the generation and the reference, the
 * deforming of the row and the model itself: no SPI, no locks, and memory only
 * for detoasted values, in the caller's per-row context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "serve/model_cache.h"

struct MlScorer
{
	MemoryContext context;		/* of what was resolved; reset when it changes */
	MemoryContext pinned_in;	/* the call site whose life the model is pinned for */
	int64		version_id;		/* of resolved.served */

	/* what was resolved, and when that is still valid */
	text	   *reference;
	int			version;
	uint64		generation;
	Oid			user;
	MlResolved	resolved;

	/* working memory of the model */
	MlValue    *values;
	void	   *scratch;

	/* the row type mapped last */
	MlRowMap   *map;
	TupleDesc	desc;			/* a copy */
	Oid			row_type;
	int32		row_typmod;
	TypeCacheEntry *row_entry;	/* named composite types: to notice ALTER */
	uint64		row_identifier;
	Datum	   *datums;
	bool	   *nulls;
};

static bool
still_valid(const MlScorer *scorer, text *reference, int version)
{
	return scorer->generation == mlserve_generation &&
		scorer->user == GetUserId() &&
		scorer->version == version &&
		scorer->reference != NULL &&
		VARSIZE_ANY(scorer->reference) == VARSIZE_ANY(reference) &&
		memcmp(scorer->reference, reference, VARSIZE_ANY(reference)) == 0;
}

/*
 * Scorers of named row types outlive their statement: the next one finds the
 * route, the row map and working memory ready.  They do not pin their model in
 * between; a call site does.
 */
#define SESSION_SCORERS 32

typedef struct ScorerKey
{
	char		reference[2 * NAMEDATALEN];
	int			version;
	Oid			user;
	Oid			row_type;
} ScorerKey;

typedef struct SessionScorer
{
	ScorerKey	key;
	MlScorer	scorer;
} SessionScorer;

static HTAB *session_scorers;

static void
resolve(MlScorer *scorer, text *reference, int version)
{
	MemoryContext caller;
	char	   *name = text_to_cstring(reference);
	size_t		n_inputs;

	scorer->reference = NULL;	/* nothing is valid if this fails half-way */
	scorer->map = NULL;
	MemoryContextReset(scorer->context);
	caller = MemoryContextSwitchTo(scorer->context);

	/* messages that arrive while we read are for us to notice afterwards */
	scorer->generation = mlserve_generation;
	mlserve_find(name, version, ML_TO_SCORE, &scorer->resolved);
	scorer->version_id = scorer->resolved.served->version_id;
	mlserve_pin(scorer->resolved.served, scorer->pinned_in);
	scorer->user = GetUserId();
	scorer->version = version;

	n_inputs = ml_model_n_inputs(scorer->resolved.served->model);
	scorer->values = palloc(Max(n_inputs, 1) * sizeof(MlValue));
	scorer->scratch = palloc(Max(ml_model_scratch_size(scorer->resolved.served->model), 1));
	scorer->reference = (text *) palloc(VARSIZE_ANY(reference));
	memcpy(scorer->reference, reference, VARSIZE_ANY(reference));
	MemoryContextSwitchTo(caller);
}

/* The session's scorer for a named row type; NULL if it keeps none for it. */
static MlScorer *
find_session_scorer(text *reference, int version, Oid row_type)
{
	ScorerKey	key;
	SessionScorer *entry;
	bool		found;

	if (!OidIsValid(row_type) || row_type == RECORDOID || row_type == JSONBOID ||
		VARSIZE_ANY_EXHDR(reference) >= sizeof(key.reference))
		return NULL;
	if (session_scorers == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(ScorerKey);
		control.entrysize = sizeof(SessionScorer);
		session_scorers = hash_create("mlops scorers", SESSION_SCORERS, &control,
									  HASH_ELEM | HASH_BLOBS);
	}
	memset(&key, 0, sizeof(key));
	memcpy(key.reference, VARDATA_ANY(reference), VARSIZE_ANY_EXHDR(reference));
	key.version = version;
	key.user = GetUserId();
	key.row_type = row_type;
	entry = hash_search(session_scorers, &key, HASH_FIND, NULL);
	if (entry == NULL && hash_get_num_entries(session_scorers) < SESSION_SCORERS)
	{
		MemoryContext context = AllocSetContextCreate(CacheMemoryContext, "mlops scorer",
													  ALLOCSET_SMALL_SIZES);

		entry = hash_search(session_scorers, &key, HASH_ENTER, &found);
		memset(&entry->scorer, 0, sizeof(entry->scorer));
		entry->scorer.context = context;
	}
	return entry ? &entry->scorer : NULL;
}

/* Gives a call site its scorer. */
static MlScorer *
attach(FmgrInfo *flinfo, text *reference, int version, Oid row_type)
{
	MlScorer   *scorer = find_session_scorer(reference, version, row_type);

	if (scorer == NULL)
	{
		scorer = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(MlScorer));
		scorer->context = AllocSetContextCreate(flinfo->fn_mcxt, "mlops scorer",
												ALLOCSET_SMALL_SIZES);
	}
	scorer->pinned_in = flinfo->fn_mcxt;
	if (scorer->reference && mlserve_is_cached(scorer->resolved.served, scorer->version_id))
		mlserve_pin(scorer->resolved.served, flinfo->fn_mcxt);
	else
		scorer->reference = NULL;	/* the model was dropped meanwhile: resolve anew */
	flinfo->fn_extra = scorer;
	return scorer;
}

MlScorer *
mlserve_scorer(FmgrInfo *flinfo, text *reference, int version, Oid row_type)
{
	MlScorer   *scorer = (MlScorer *) flinfo->fn_extra;

	if (unlikely(scorer == NULL))
		scorer = attach(flinfo, reference, version, row_type);
	if (unlikely(!still_valid(scorer, reference, version)))
	{
		scorer->pinned_in = flinfo->fn_mcxt;
		resolve(scorer, reference, version);
	}
	return scorer;
}

const MlResolved *
mlserve_scorer_resolved(const MlScorer *scorer)
{
	return &scorer->resolved;
}

/* Remembers the map for a row type. */
static void
map_row_type(MlScorer *scorer, TupleDesc desc)
{
	MemoryContext caller = MemoryContextSwitchTo(scorer->context);

	scorer->map = NULL;
	scorer->desc = CreateTupleDescCopy(desc);
	scorer->datums = palloc(Max(desc->natts, 1) * sizeof(Datum));
	scorer->nulls = palloc(Max(desc->natts, 1) * sizeof(bool));
	scorer->map = mlserve_map_row(scorer->resolved.served->model, scorer->desc);
	MemoryContextSwitchTo(caller);
}

/* Remembers the map for the row type of a composite value. */
static void
map_composite(MlScorer *scorer, Oid type, int32 typmod)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);

	map_row_type(scorer, desc);
	ReleaseTupleDesc(desc);
	scorer->row_type = type;
	scorer->row_typmod = typmod;
	scorer->row_entry = NULL;
	if (type != RECORDOID)
	{
		scorer->row_entry = lookup_type_cache(type, TYPECACHE_TUPDESC);
		scorer->row_identifier = scorer->row_entry->tupDesc_identifier;
	}
}

static double
score_filled(MlScorer *scorer, const Datum *datums, const bool *nulls)
{
	const MlModel *model = scorer->resolved.served->model;

	mlserve_fill_values(model, scorer->map, datums, nulls, scorer->values);
	return ml_model_score(model, scorer->values, scorer->scratch);
}

static double
score_composite(MlScorer *scorer, Datum features)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(features);
	HeapTupleData tuple;
	Oid			type = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);

	if (scorer->map == NULL || scorer->row_type != type || scorer->row_typmod != typmod ||
		(scorer->row_entry && scorer->row_entry->tupDesc_identifier != scorer->row_identifier))
		map_composite(scorer, type, typmod);

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, scorer->desc, scorer->datums, scorer->nulls);
	return score_filled(scorer, scorer->datums, scorer->nulls);
}

/* ---- jsonb */

static void
refuse_json_value(const MlModel *model, size_t input, const char *found)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("key \"%s\" holds %s, but the model was trained on %s",
					ml_model_input_name(model, input), found, ml_model_input_type(model, input))));
}

/* A time in JSON is text, read as its training type's input would be. */
static double
time_from_text(const MlModel *model, size_t input, const char *value)
{
	bool		zoned = strcmp(ml_model_input_type(model, input), "timestamp with time zone") == 0;
	MlConverter converter;
	Datum		datum;

	mling_converter(zoned ? TIMESTAMPTZOID : TIMESTAMPOID, ml_model_time_zone(model), &converter);
	datum = DirectFunctionCall3(zoned ? timestamptz_in : timestamp_in, CStringGetDatum(value),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return mling_number(&converter, datum);
}

static void
value_from_json(const MlModel *model, size_t input, const JsonbValue *json, MlValue *value)
{
	MlColumnKind kind = ml_model_input_kind(model, input);
	char	   *string = json->type == jbvString
		? pnstrdup(json->val.string.val, json->val.string.len) : NULL;

	if (kind == ML_COLUMN_CATEGORY)
	{
		value->code = ML_CODE_MISSING;
		if (json->type == jbvNull)
			return;
		if (json->type == jbvNumeric)
			string = DatumGetCString(DirectFunctionCall1(numeric_out,
														 NumericGetDatum(json->val.numeric)));
		if (json->type == jbvBool)
			string = pstrdup(json->val.boolean ? "true" : "false");
		if (string == NULL)
			refuse_json_value(model, input, "an array or object");
		value->code = ml_model_category(model, input, string, strlen(string));
		return;
	}
	switch (json->type)
	{
		case jbvNull:
			value->number = NAN;
			return;
		case jbvNumeric:
			if (kind == ML_COLUMN_NUMBER)
			{
				MlConverter converter;

				mling_converter(NUMERICOID, "UTC", &converter);
				value->number = mling_number(&converter, NumericGetDatum(json->val.numeric));
				break;
			}
			refuse_json_value(model, input, "a number");
			break;
		case jbvBool:
			if (kind != ML_COLUMN_NUMBER)
				refuse_json_value(model, input, "a boolean");
			value->number = json->val.boolean;
			return;
		case jbvString:
			if (kind == ML_COLUMN_TIME)
				value->number = time_from_text(model, input, string);
			else				/* to_jsonb writes NaN, money and intervals as text */
				value->number = DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(string)));
			break;
		default:
			refuse_json_value(model, input, "an array or object");
	}
	if (isinf(value->number))
		mling_refuse_infinite(ml_model_input_name(model, input));
}

static double
score_jsonb(MlScorer *scorer, Jsonb *json)
{
	const MlModel *model = scorer->resolved.served->model;
	size_t		n = ml_model_n_inputs(model);
	StringInfoData missing;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features in JSON must be an object")));
	initStringInfo(&missing);
	for (size_t i = 0; i < n; i++)
	{
		const char *name = ml_model_input_name(model, i);
		JsonbValue *value = getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL);

		if (value)
			value_from_json(model, i, value, &scorer->values[i]);
		else
			appendStringInfo(&missing, "%s\"%s\"", missing.len ? ", " : "", name);
	}
	if (missing.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the object to score lacks keys that the model reads: %s", missing.data)));
	return ml_model_score(model, scorer->values, scorer->scratch);
}

double
mlserve_score_datum(MlScorer *scorer, Oid type, Datum features)
{
	if (type == JSONBOID)
		return score_jsonb(scorer, DatumGetJsonbP(features));
	if (!type_is_rowtype(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features must be a row or jsonb, not %s", format_type_be(type)),
				 errhint("Pass the table's row, as in mlops.score('model', t) ... FROM tab t, "
						 "or cast an object with ::jsonb.")));
	return score_composite(scorer, features);
}

double
mlserve_score_values(MlScorer *scorer, TupleDesc desc, const Datum *datums, const bool *nulls)
{
	if (scorer->map == NULL || scorer->row_type != InvalidOid ||
		!equalTupleDescs(scorer->desc, desc))
	{
		map_row_type(scorer, desc);
		scorer->row_type = InvalidOid;
	}
	return score_filled(scorer, datums, nulls);
}

double
mlserve_score_tuple(MlScorer *scorer, HeapTuple tuple, TupleDesc desc)
{
	if (scorer->map == NULL || scorer->row_type != InvalidOid ||
		!equalTupleDescs(scorer->desc, desc))
	{
		map_row_type(scorer, desc);
		scorer->row_type = InvalidOid;
	}
	heap_deform_tuple(tuple, scorer->desc, scorer->datums, scorer->nulls);
	return score_filled(scorer, scorer->datums, scorer->nulls);
}
