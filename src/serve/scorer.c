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
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "serve/history.h"
#include "serve/model_cache.h"
#include "serve/scorer.h"

/* Bytes of the reference, not a pointer: the argument's memory is gone by then. */
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

/* One VariantScorer a variant, nothing loaded. */
static void
list_variants(MlScorer *scorer)
{
	const MlRoute *route = scorer->route;

	scorer->n_variants = route->n_segments + route->n_shares + route->n_shadows;
	scorer->variants = palloc0(scorer->n_variants * sizeof(VariantScorer));
	for (int i = 0; i < scorer->n_variants; i++)
		scorer->variants[i].resolved = &route->variants[i].resolved;
	scorer->chooses = ML_ROUTE_CHOOSES(route);
	scorer->chosen = &scorer->variants[ML_MAIN_VARIANT(route)];
}

/*
 * Model and working memory of a variant, when it is first asked.  Raises what
 * loading raises.
 */
static void
load_variant(MlScorer *scorer, VariantScorer *variant)
{
	MlServedModel *served = variant->resolved->served;
	MlValue    *values;

	if (scorer->pinned_in)		/* else the scorer was opened with its model */
		served = mlserve_load_variant(scorer->route, &scorer->route->variants[variant - scorer->variants],
									  ERROR, scorer->pinned_in);
	variant->load = served->load;
	scorer->loads++;
	values = MemoryContextAlloc(scorer->context,
								Max(ml_model_n_inputs(served->model), 1) * sizeof(MlValue));
	variant->scratch = MemoryContextAlloc(scorer->context,
										  Max(ml_model_scratch_size(served->model), 1));
	variant->values = values;
}

/*
 * Makes the scorer anew for a reference: rights are checked here, and only here,
 * since any change of them raises the generation.
 */
static void
resolve(MlScorer *scorer, text *reference, int version)
{
	MemoryContext caller;
	char	   *name = text_to_cstring(reference);

	scorer->reference = NULL;	/* nothing is valid if this fails half-way */
	scorer->mapped = false;
	scorer->route_map = NULL;
	MemoryContextReset(scorer->context);
	caller = MemoryContextSwitchTo(scorer->context);

	/* messages that arrive while we read are for us to notice afterwards */
	scorer->generation = mlserve_generation;
	scorer->route = mlserve_find(name, version, ML_TO_SCORE);
	scorer->user = GetUserId();
	scorer->version = version;
	list_variants(scorer);
	scorer->reference = (text *) palloc(VARSIZE_ANY(reference));
	memcpy(scorer->reference, reference, VARSIZE_ANY(reference));
	MemoryContextSwitchTo(caller);
}

void
mlserve_open_scorer(MlScorer *scorer, MlServedModel *served, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);

	memset(scorer, 0, sizeof(*scorer));
	scorer->context = context;
	scorer->route = mlserve_single_route("", served);
	list_variants(scorer);
	MemoryContextSwitchTo(caller);
}

/*
 * The session's scorer for a named row type; NULL if it keeps none for it.  Once
 * SESSION_SCORERS are kept, others live with their call sites.
 */
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

/*
 * What a call site's fn_extra points to.  A site pins the models of what was
 * resolved last alone: a statement that asks many holds no more of them than the
 * cache may.
 */
typedef struct CallSite
{
	MlScorer   *scorer;			/* its own, or the session's, which other sites use too */
	uint64		pinned;			/* scorer->loads when it pinned the models last */
	MemoryContext pins;
} CallSite;

/*
 * Keeps the scorer's models for the call site; false if one of them was dropped
 * from the cache meanwhile.
 */
static bool
pin_models(MlScorer *scorer)
{
	for (int i = 0; i < scorer->n_variants; i++)
	{
		const MlResolved *resolved = scorer->variants[i].resolved;

		if (scorer->variants[i].values == NULL)
			continue;
		if (!mlserve_pin_again(resolved->served, resolved->version_id, scorer->variants[i].load, scorer->pinned_in))
			return false;
	}
	return true;
}

/* The same for a call site, which lets go what it had pinned, but not before. */
static bool
pin_anew(FmgrInfo *flinfo, CallSite *site)
{
	MemoryContext before = site->pins;
	bool		pinned;

	if (site->pinned == 0)		/* it has pinned nothing else */
		return pin_models(site->scorer);
	site->pins = AllocSetContextCreate(flinfo->fn_mcxt, "mlops pins", ALLOCSET_SMALL_SIZES);
	site->scorer->pinned_in = site->pins;
	pinned = pin_models(site->scorer);
	MemoryContextDelete(before);
	return pinned;
}

/*
 * Gives a call site its scorer.  Memory is fn_mcxt's, so that it ends with the call
 * site.
 */
static CallSite *
attach(FmgrInfo *flinfo, text *reference, int version, Oid row_type)
{
	CallSite   *site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CallSite));

	site->pins = AllocSetContextCreate(flinfo->fn_mcxt, "mlops pins", ALLOCSET_SMALL_SIZES);
	site->scorer = find_session_scorer(reference, version, row_type);
	if (site->scorer == NULL)
	{
		site->scorer = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(MlScorer));
		site->scorer->context = AllocSetContextCreate(flinfo->fn_mcxt, "mlops scorer",
													  ALLOCSET_SMALL_SIZES);
	}
	flinfo->fn_extra = site;
	return site;
}

/*
 * Finds the call site's scorer without a look at the catalog; false if it has to
 * be resolved.  Models that another call site loaded are this one's to keep too.
 */
static inline bool
find_scorer(FmgrInfo *flinfo, text *reference, int version, Oid row_type, MlScorer **scorer)
{
	CallSite   *site = (CallSite *) flinfo->fn_extra;

	if (unlikely(site == NULL))
		site = attach(flinfo, reference, version, row_type);
	*scorer = site->scorer;
	site->scorer->pinned_in = site->pins;
	if (unlikely(!still_valid(site->scorer, reference, version)))
	{
		MemoryContextReset(site->pins);
		return false;
	}
	if (unlikely(site->pinned != site->scorer->loads))
	{
		if (!pin_anew(flinfo, site))
		{
			site->scorer->reference = NULL;
			return false;
		}
		site->pinned = site->scorer->loads;
	}
	return true;
}

/* Raises what resolving raises: no such model, no right, nothing deployed. */
MlScorer *
mlserve_scorer(FmgrInfo *flinfo, text *reference, int version, Oid row_type)
{
	MlScorer   *scorer;

	if (unlikely(!find_scorer(flinfo, reference, version, row_type, &scorer)))
		resolve(scorer, reference, version);
	return scorer;
}

const MlResolved *
mlserve_scorer_resolved(const MlScorer *scorer)
{
	return scorer->chosen->resolved;
}

static void
drop_history(RowHistory **history)
{
	if (*history)
		MemoryContextDelete((*history)->context);
	*history = NULL;
}

/* Remembers a row type; which of its columns are read is found by prepare_variant. */
static void
map_row_type(MlScorer *scorer, TupleDesc desc)
{
	MemoryContext caller = MemoryContextSwitchTo(scorer->context);

	scorer->mapped = false;
	scorer->desc = CreateTupleDescCopy(desc);
	scorer->datums = palloc(Max(desc->natts, 1) * sizeof(Datum));
	scorer->nulls = palloc(Max(desc->natts, 1) * sizeof(bool));
	scorer->route_map = mlserve_map_route(scorer->route, scorer->desc);
	for (int i = 0; i < scorer->n_variants; i++)
	{
		scorer->variants[i].map = NULL;
		drop_history(&scorer->variants[i].history);
		scorer->variants[i].broken = NULL;
		scorer->variants[i].output = NULL;
	}
	MemoryContextSwitchTo(caller);
	scorer->mapped = true;
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

/* Whose rows those of the mapped type are; InvalidOid: of no table. */
static Oid
row_relation(const MlScorer *scorer)
{
	return scorer->row_type == RECORDOID || !OidIsValid(scorer->row_type) ? InvalidOid : get_typ_typrelid(scorer->row_type);
}

/*
 * Loads a variant, and maps its inputs to the row type, when it first answers.
 * json: values come by name, no map is needed.  Raises what loading and mapping
 * raise.
 */
static void
prepare_variant(MlScorer *scorer, VariantScorer *variant, bool json)
{
	MemoryContext caller;

	if (variant->values == NULL)
		load_variant(scorer, variant);
	if (json || variant->map)
		return;
	caller = MemoryContextSwitchTo(scorer->context);
	if (mlserve_looks_back(variant->resolved->served->model, scorer->desc, row_relation(scorer)))
	{
		variant->history = mlserve_open_history(scorer, variant, scorer->desc);
		variant->map = variant->history->map;
	}
	else
	{
		variant->map = mlserve_map_row(variant->resolved->served->model, scorer->desc);
		mlserve_warn_of_changed_view(variant->resolved->served->model, row_relation(scorer));
		mlserve_find_places(variant->map, scorer->desc);
	}
	MemoryContextSwitchTo(caller);
}

bool
mlserve_read_row(MlScorer *scorer, VariantScorer *variant, Jsonb *json, const Datum *datums, const bool *nulls, ReadRow *row)
{
	RowHistory *history = json ? variant->json_history : variant->history;

	*row = (ReadRow) {scorer->desc, variant->map, datums, nulls};
	if (history == NULL || (json && !mlserve_json_looks_back(variant, json)))
		return json == NULL;
	if (json)
		mlserve_look_back_json(scorer, variant, json);
	else
		mlserve_look_back(scorer, variant, datums, nulls);
	history = json ? variant->json_history : variant->history;
	*row = (ReadRow) {history->desc, history->map, history->datums, history->nulls};
	return true;
}

/* datums and nulls are by column of the mapped row type. */
static double
score_variant(MlScorer *scorer, VariantScorer *variant, const Datum *datums, const bool *nulls)
{
	const MlModel *model;

	if (unlikely(variant->map == NULL))
		prepare_variant(scorer, variant, false);
	model = variant->resolved->served->model;
	if (unlikely(variant->history != NULL))
	{
		mlserve_look_back(scorer, variant, datums, nulls);
		datums = variant->history->datums;
		nulls = variant->history->nulls;
	}
	mlserve_fill_values(model, variant->map, datums, nulls, variant->values);
	return ml_model_score(model, variant->values, variant->scratch);
}

/* The scorer's row: in place if it can be, and else taken apart. */
static double
score_held(MlScorer *scorer, VariantScorer *variant)
{
	if (unlikely(variant->map == NULL))
		prepare_variant(scorer, variant, false);
	if (likely(scorer->row && mlserve_fill_in_place(variant->map, scorer->row, variant->values)))
		return ml_model_score(variant->resolved->served->model, variant->values, variant->scratch);
	mlserve_take_apart(scorer);
	return score_variant(scorer, variant, scorer->datums, scorer->nulls);
}

/* Variant of a row given as values and nulls. */
static VariantScorer *
choose_for_row(MlScorer *scorer, const Datum *datums, const bool *nulls)
{
	return &scorer->variants[mlserve_choose_for_row(scorer->route, scorer->route_map, datums, nulls,
													scorer->given_key, &scorer->passed)];
}

static VariantScorer *
choose_for_json(MlScorer *scorer, Jsonb *json)
{
	return &scorer->variants[mlserve_choose_for_json(scorer->route, json, scorer->given_key,
													 &scorer->passed)];
}

/* Where no decision is logged, a statement is told once that a segment was passed over. */
static void
warn_of_passed(MlScorer *scorer)
{
	const ErrorData *error = scorer->passed.fault.error;
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (likely(error == NULL) || scorer->warned == statement)
		return;
	scorer->warned = statement;
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("segment \"%s\" of model \"%s\" was passed over: %s",
					scorer->variants[scorer->passed.segment].resolved->variant, scorer->route->name, error->message)));
}

/* Variant of the scorer's row. */
static VariantScorer *
choose_for_held(MlScorer *scorer)
{
	mlserve_take_apart(scorer);
	return choose_for_row(scorer, scorer->datums, scorer->nulls);
}

/* Is the row type of a composite value the one that is mapped? */
static inline bool
is_mapped(const MlScorer *scorer, HeapTupleHeader header)
{
	return scorer->mapped &&
		scorer->row_type == HeapTupleHeaderGetTypeId(header) &&
		scorer->row_typmod == HeapTupleHeaderGetTypMod(header) &&
		(scorer->row_entry == NULL ||
		 scorer->row_entry->tupDesc_identifier == scorer->row_identifier);
}

/* Row and its values must live as long as they are used. */
static void
hold_row(MlScorer *scorer, Datum features)
{
	HeapTupleHeader header;

	scorer->row = NULL;			/* if this fails, the last one is not read again */
	scorer->apart = false;
	scorer->n_rows++;
	header = DatumGetHeapTupleHeader(features);
	if (unlikely(!is_mapped(scorer, header)))
		map_composite(scorer, HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	scorer->row = header;
}

void
mlserve_take_apart(MlScorer *scorer)
{
	HeapTupleData tuple;

	if (scorer->apart)
		return;
	scorer->apart = true;
	if (scorer->row == NULL)
	{
		memset(scorer->nulls, true, scorer->desc->natts * sizeof(bool));
		return;
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(scorer->row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = scorer->row;
	heap_deform_tuple(&tuple, scorer->desc, scorer->datums, scorer->nulls);
}

static double
score_history_of_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json)
{
	const MlModel *model = variant->resolved->served->model;
	const RowHistory *history;

	mlserve_look_back_json(scorer, variant, json);
	history = variant->json_history;
	mlserve_fill_values(model, history->map, history->datums, history->nulls, variant->values);
	return ml_model_score(model, variant->values, variant->scratch);
}

static double
score_json(MlScorer *scorer, VariantScorer *variant, Jsonb *json)
{
	if (unlikely(variant->values == NULL))
		load_variant(scorer, variant);
	if (unlikely(mlserve_json_looks_back(variant, json)))
		return score_history_of_json(scorer, variant, json);
	return mlserve_score_json(scorer, variant, json);
}

/* May values of the type be rows?  Of one that is mapped that is known. */
static inline bool
is_row(const MlScorer *scorer, Oid type)
{
	return type == RECORDOID ||
		(scorer->mapped && scorer->row_type == type && scorer->row_entry &&
		 scorer->row_entry->tupDesc_identifier == scorer->row_identifier) ||
		type_is_rowtype(type);
}

/* Errors: 42804. */
static void
refuse_features(Oid type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("features must be a row or jsonb, not %s", format_type_be(type)),
			 errhint("Pass the table's row, as in mlops.score('model', t) ... FROM tab t, "
					 "or cast an object with ::jsonb.")));
}

/* type: jsonb or a row type; anything else is refused. */
static double
score_any(MlScorer *scorer, Oid type, Datum features)
{
	if (type == JSONBOID)
	{
		Jsonb	   *json = mlserve_features_object(features);

		scorer->n_rows++;
		if (scorer->chooses)
		{
			scorer->chosen = choose_for_json(scorer, json);
			warn_of_passed(scorer);
		}
		return score_json(scorer, scorer->chosen, json);
	}
	if (!is_row(scorer, type))
		refuse_features(type);
	hold_row(scorer, features);
	if (unlikely(scorer->chooses))
	{
		scorer->chosen = choose_for_held(scorer);
		warn_of_passed(scorer);
	}
	return score_held(scorer, scorer->chosen);
}

/* Errors: 22P02, text that is no JSON. */
Datum
mlserve_features_argument(FunctionCallInfo fcinfo, int argument, Oid *type)
{
	Datum		features = PG_GETARG_DATUM(argument);

	*type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	if (likely(*type != TEXTOID))
		return features;
	*type = JSONBOID;
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(features)));
}

double
mlserve_score_datum(MlScorer *scorer, Oid type, Datum features)
{
	scorer->given_key = NULL;
	scorer->sees_own_changes = false;
	return score_any(scorer, type, features);
}

/* ---------------------------------------------------------------- tries */

/* A row is scored by one variant, and this says how far that came. */
typedef struct Try
{
	FmgrInfo   *flinfo;
	text	   *reference;
	Oid			type;
	Datum		features;
	const text *key;
	bool		quiet;			/* nothing but memory may be read */
	MlScorer   *scorer;			/* NULL: the reference stands for nothing that can be asked */
	VariantScorer *variant;		/* NULL: none was chosen */
	bool		prepared;		/* has the variant what it needs? */
	bool		scored;
	double		score;
	const MlResolved *passed_over;	/* as in MlAnswer */
	MlFault		passed_fault;
} Try;

/* May features of the row be computed from other rows? */
static bool
reads_others(const VariantScorer *variant, bool json)
{
	size_t		size;

	return json ? ml_model_history(variant->resolved->served->model, &size) != NULL : variant->history != NULL;
}

/*
 * Scores by the variant chosen; left undone if that takes more than memory.  Sets
 * prepared and scored as far as it comes.
 */
static void
score_chosen(Try *try)
{
	MlScorer   *scorer = try->scorer;
	bool		json = try->type == JSONBOID;

	scorer->chosen = try->variant;
	if (unlikely(!ML_VARIANT_READY(try->variant, json)))
	{
		if (try->quiet || try->variant->broken)
			return;
		prepare_variant(scorer, try->variant, json);
	}
	try->prepared = true;
	if (unlikely(try->quiet && reads_others(try->variant, json)))
		return;
	try->score = json ? score_json(scorer, try->variant, mlserve_features_object(try->features))
		: score_held(scorer, try->variant);
	try->scored = true;
}

/*
 * A step: finds the scorer, takes the row apart, chooses, scores.  Leaves in the
 * try how far it came.
 */
static void
choose_and_score(void *arg)
{
	Try		   *try = (Try *) arg;
	MlScorer   *scorer = mlserve_scorer(try->flinfo, try->reference, 0, try->type);

	try->scorer = scorer;
	scorer->sees_own_changes = true;
	scorer->given_key = try->key;
	scorer->passed.fault.error = NULL;
	try->variant = NULL;
	if (try->type == JSONBOID)
	{
		Jsonb	   *json = mlserve_features_object(try->features);

		scorer->n_rows++;
		if (scorer->chooses)
			try->variant = choose_for_json(scorer, json);
	}
	else
	{
		if (!is_row(scorer, try->type))
			refuse_features(try->type);
		hold_row(scorer, try->features);
		if (scorer->chooses)
			try->variant = choose_for_held(scorer);
	}
	if (try->variant == NULL)
		try->variant = &scorer->variants[ML_MAIN_VARIANT(scorer->route)];
	if (unlikely(scorer->passed.fault.error != NULL))
	{
		try->passed_over = scorer->variants[scorer->passed.segment].resolved;
		try->passed_fault = scorer->passed.fault;
	}
	score_chosen(try);
}

/* A step: the variant is chosen already. */
static void
score_given(void *arg)
{
	score_chosen((Try *) arg);
}

/*
 * Is all there that choosing takes: route, row type, and the row itself in memory?
 * Then the step may be quiet: nothing it does can hold a lock or a buffer.
 */
static bool
is_warm(const Try *try)
{
	struct varlena *row = (struct varlena *) DatumGetPointer(try->features);
	MlScorer   *scorer;

	if (!find_scorer(try->flinfo, try->reference, 0, try->type, &scorer))
		return false;
	if (try->type == JSONBOID)
		return !VARATT_IS_EXTERNAL(row);
	return scorer->mapped && !VARATT_IS_EXTENDED(row) && is_mapped(scorer, (HeapTupleHeader) row);
}

/*
 * Remembers why a variant cannot be asked, so that not every row finds out again.
 * Until the catalog changes, which makes the scorer anew.
 */
static void
mark_broken(MlScorer *scorer, VariantScorer *variant, const MlFault *fault)
{
	variant->broken = mlserve_keep_fault(fault, scorer->context);
}

/*
 * Runs a step: first with what is in memory and without a subtransaction, and only
 * if it takes more, in one.  False, with the fault, if there is no score.
 */
static bool
try_step(Try *try, void (*step) (void *), MlFault *fault)
{
	bool		ok = mlserve_attempt(step, try, try->quiet, fault);

	if (ok && !try->scored && try->quiet && !try->variant->broken)
	{
		try->quiet = false;
		ok = mlserve_attempt(step, try, false, fault);
	}
	if (!ok && try->variant && !try->prepared)
		mark_broken(try->scorer, try->variant, fault);
	if (ok && !try->scored)
	{
		*fault = *try->variant->broken;
		ok = false;
	}
	return ok;
}

static void
report_try(const Try *try, bool ok, const MlFault *fault, MlAnswer *answer)
{
	answer->resolved = try->variant ? try->variant->resolved : NULL;
	answer->score = try->score;
	answer->fault = ok ? (MlFault) {0} : *fault;
	answer->passed_over = try->passed_over;
	answer->passed_fault = try->passed_fault;
}

/*
 * Where an error may go to the caller and nobody else could answer, nothing is
 * caught: that saves the subtransaction.
 */
MlScorer *
mlserve_try(FmgrInfo *flinfo, text *reference, Oid type, Datum features, const text *key,
			bool may_fail, MlAnswer *answer)
{
	Try			try = {.flinfo = flinfo, .reference = reference, .type = type,
	.features = features, .key = key};
	MlFault		fault = {0};
	bool		ok = true;

	if (may_fail && !mlserve_scorer(flinfo, reference, 0, type)->chooses)
	{
		choose_and_score(&try); /* nobody else could answer: an error is the caller's */
		if (!try.scored)
			mlserve_throw(try.variant->broken);
	}
	else
	{
		try.quiet = is_warm(&try);
		ok = try_step(&try, choose_and_score, &fault);
	}
	report_try(&try, ok, &fault, answer);
	return try.scorer;
}

bool
mlserve_is_primary(const MlScorer *scorer, const MlResolved *resolved)
{
	return resolved == scorer->variants[ML_MAIN_VARIANT(scorer->route)].resolved;
}

/*
 * Scores the row that was tried last by another variant.  scorer->chosen stays the
 * variant that answered.
 */
static void
try_other(MlScorer *scorer, int variant, Oid type, Datum features, MlAnswer *answer)
{
	VariantScorer *chosen = scorer->chosen;
	Try			try = {.type = type, .features = features, .scorer = scorer, .variant = &scorer->variants[variant]};
	MlFault		fault = {0};
	bool		ok;

	try.quiet = ML_VARIANT_READY(try.variant, type == JSONBOID) &&
		!VARATT_IS_EXTERNAL(DatumGetPointer(features));
	ok = try_step(&try, score_given, &fault);
	scorer->chosen = chosen;
	report_try(&try, ok, &fault, answer);
}

void
mlserve_try_primary(MlScorer *scorer, Oid type, Datum features, MlAnswer *answer)
{
	try_other(scorer, ML_MAIN_VARIANT(scorer->route), type, features, answer);
}

int
mlserve_n_shadows(const MlScorer *scorer)
{
	return scorer->route->n_shadows;
}

void
mlserve_try_shadow(MlScorer *scorer, int shadow, Oid type, Datum features, MlAnswer *answer)
{
	try_other(scorer, scorer->n_variants - scorer->route->n_shadows + shadow, type, features, answer);
}

/* Of the row that was taken apart last. */
text *
mlserve_row_key(MlScorer *scorer, Oid type, Datum features)
{
	MlRouteMap *map = scorer->route_map;
	const char *bytes;
	size_t		size;

	if (type == JSONBOID)
		return mlserve_json_key(scorer->route, mlserve_features_object(features));
	if (map->key_attribute < 0)
		return NULL;
	mlserve_take_apart(scorer);
	if (scorer->nulls[map->key_attribute])
		return NULL;
	bytes = mling_key_bytes(&map->key, scorer->datums[map->key_attribute], &size);
	return cstring_to_text_with_len(bytes, (int) size);
}

/* The row type of rows that come as values has no identity. */
void
mlserve_map_values(MlScorer *scorer, TupleDesc desc)
{
	if (scorer->mapped && scorer->row_type == InvalidOid && equalTupleDescs(scorer->desc, desc))
		return;
	map_row_type(scorer, desc);
	scorer->row_type = InvalidOid;
}

double
mlserve_score_values(MlScorer *scorer, const Datum *datums, const bool *nulls)
{
	scorer->given_key = NULL;
	scorer->sees_own_changes = false;
	scorer->n_rows++;
	if (unlikely(scorer->chooses))
	{
		scorer->chosen = choose_for_row(scorer, datums, nulls);
		warn_of_passed(scorer);
	}
	return score_variant(scorer, scorer->chosen, datums, nulls);
}

/*
 * A tuple in a buffer's page has the slot's columns at the places of the row type's, as
 * far as these are of the same lengths.
 */
double
mlserve_score_slot(MlScorer *scorer, TupleTableSlot *slot)
{
	VariantScorer *chosen = scorer->chosen;

	if (likely(TTS_IS_BUFFERTUPLE(slot) && !scorer->chooses && chosen->map &&
			   mlserve_fill_in_place(chosen->map, ((HeapTupleTableSlot *) slot)->tuple->t_data, chosen->values)))
		return ml_model_score(chosen->resolved->served->model, chosen->values, chosen->scratch);
	slot_getallattrs(slot);
	return mlserve_score_values(scorer, slot->tts_values, slot->tts_isnull);
}
