/*-------------------------------------------------------------------------
 * import.c
 *	  Decisions that were made elsewhere or earlier: from a source, read as the
 *	  user, to mlops_catalog.imported_decision, written as the owner of the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

/* What one statement writes at most. */
#define BATCH 5000
#define BATCH_BYTES (8 * 1024 * 1024)

/* Columns of what is sorted. */
enum
{
	SORTED_KEY,					/* these two first: see mling_begin_key_sort */
	SORTED_TIME,
	SORTED_SCORE,
	SORTED_FLAG,
	SORTED_FEATURES,
	SORTED_COLUMNS
};

static const char *const sorted_names[SORTED_COLUMNS] = {"key", "created_at", "score", "flagged", "features"};
static const Oid sorted_types[SORTED_COLUMNS] = {TEXTOID, TIMESTAMPTZOID, FLOAT8OID, BOOLOID, JSONBOID};
static const Oid array_types[SORTED_COLUMNS] = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, FLOAT8ARRAYOID, BOOLARRAYOID, JSONBARRAYOID};

typedef struct ImportReader
{
	MlDecisionsImported *imported;
	Oid			user;
	MlResolved	resolved;		/* version that the decisions are of, and its threshold */
	MlScorer   *scorer;			/* NULL: neither scores nor features are asked for */
	TupleDesc	desc;			/* the source's */
	int			key_column;
	int			score_column;	/* -1: the model scores */
	int			flag_column;	/* -1: the threshold says */
	MlKeyReader key;
	MlConverter score;
	MlConverter flag;
	MlInstantColumn time;
	bool		with_features;

	TimestampTz now;
	TimestampTz first_kept;		/* by mlops.retention */
	TimestampTz since;			/* earliest and latest that was read */
	TimestampTz until;

	/* all of the source by key and time, so that contradictions stand together */
	Tuplesortstate *sort;
	TupleTableSlot *sorted;

	MemoryContext context;		/* of the row, later of the batch */
	int64		import_id;
	int			n;
	Size		bytes;
	Datum		values[SORTED_COLUMNS][BATCH];
	bool		nulls[SORTED_COLUMNS][BATCH];
} ImportReader;

/* ---- columns */

/* -1: none is named. */
static int
number_column(const MlSource *source, const char *name, const char *argument, const char *must_be, MlConverter *converter)
{
	return name ? mling_column_of_kind(source, name, argument, ML_COLUMN_NUMBER, must_be, converter) : -1;
}

static bool
has_inputs(const MlModel *model, TupleDesc desc)
{
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		if (mling_find_attribute(desc, ml_model_input_name(model, i)) < 0)
			return false;
	}
	return true;
}

static void
prepare_columns(ImportReader *reader, FmgrInfo *scorer, const char *model, const MlSource *source, const MlImportColumns *columns)
{
	reader->desc = source->desc;
	reader->key_column = mling_key_column(source, columns->key, &reader->key);
	mling_instant_column(source, columns->time, "time_column", &reader->time);
	reader->score_column = number_column(source, columns->score, "score", "a number", &reader->score);
	if (reader->score.from == ML_FROM_FLOAT4)
		reader->score.from = ML_FROM_FLOAT4_DIGITS; /* scores are kept in double precision */
	reader->flag_column = number_column(source, columns->flagged, "flagged", "a number or boolean", &reader->flag);
	/* scores that were given need no features: these are logged where all are there */
	reader->with_features = mlops_guc_log_features &&
		(columns->score == NULL || has_inputs(reader->resolved.served->model, source->desc));
	if (columns->score == NULL || reader->with_features)
		reader->scorer = mlserve_scorer(scorer, cstring_to_text(model), reader->resolved.version, InvalidOid);
}

/* ---- rows */

static void
refuse_time(const ImportReader *reader, const char *key, TimestampTz at)
{
	const char *why = at > reader->now ? "in the future" : "older than decisions are kept";

	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("the decision of key \"%s\" has a time that is %s", mlbase_excerpt(key), why),
			 errdetail("Column \"%s\" says %s. No decision was imported.", reader->time.name, mlbase_utc_text(at)),
			 at > reader->now ? errhint("Give the time when it was made.")
			 : errhint("mlops.retention is %d days, after which decisions are removed: leave older ones out by a WHERE in \"query\", or have it set to more days.",
					   mlops_guc_retention)));
}

static double
score_of(const ImportReader *reader, TupleTableSlot *slot, const char *key)
{
	double		score;

	if (reader->score_column < 0)
		return mlserve_score_values(reader->scorer, slot->tts_values, slot->tts_isnull);
	score = mling_number(&reader->score, slot->tts_values[reader->score_column]);
	if (!(score >= 0 && score <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the decision of key \"%s\" has score %s", mlbase_excerpt(key), mlbase_number_text(score)),
				 errdetail("A score is a probability, from 0 to 1. No decision was imported.")));
	if (reader->with_features)	/* and finds the columns */
		(void) mlserve_score_values(reader->scorer, slot->tts_values, slot->tts_isnull);
	return score;
}

static bool
flag_of(const ImportReader *reader, TupleTableSlot *slot, double score, const char *key)
{
	double		flag;

	if (reader->flag_column < 0)
		return score >= reader->resolved.threshold;
	flag = mling_number(&reader->flag, slot->tts_values[reader->flag_column]);
	if (flag != 0 && flag != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the decision of key \"%s\" has flag %s", mlbase_excerpt(key), mlbase_number_text(flag)),
				 errdetail("A flag is boolean, 0 or 1. No decision was imported.")));
	return flag == 1;
}

static bool
is_missing(TupleTableSlot *slot, int column, const MlConverter *converter)
{
	return column >= 0 && (slot->tts_isnull[column] || mling_is_nan(converter, slot->tts_values[column]));
}

static void
sort_row(ImportReader *reader, TupleTableSlot *slot)
{
	TupleTableSlot *sorted = reader->sorted;
	Size		size;
	const char *bytes = mling_key_bytes(&reader->key, slot->tts_values[reader->key_column], &size);
	char	   *key = pnstrdup(bytes, size);
	TimestampTz at = mling_instant(&reader->time, slot->tts_values[reader->time.position], "Give the time when the decision was made.");
	double		score;

	if (mling_is_future(at, reader->now) || at < reader->first_kept)
		refuse_time(reader, key, at);
	reader->since = Min(reader->since, at);
	reader->until = Max(reader->until, at);
	score = score_of(reader, slot, key);
	ExecClearTuple(sorted);
	memset(sorted->tts_isnull, 0, SORTED_COLUMNS * sizeof(bool));
	sorted->tts_values[SORTED_KEY] = PointerGetDatum(mling_bounded(cstring_to_text(key)));
	sorted->tts_values[SORTED_TIME] = TimestampTzGetDatum(at);
	sorted->tts_values[SORTED_SCORE] = Float8GetDatum(score);
	sorted->tts_values[SORTED_FLAG] = BoolGetDatum(flag_of(reader, slot, score, key));
	sorted->tts_isnull[SORTED_FEATURES] = !reader->with_features;
	if (reader->with_features)
		sorted->tts_values[SORTED_FEATURES] = JsonbPGetDatum(mlserve_features_of_values(reader->scorer, slot->tts_values, slot->tts_isnull));
	ExecStoreVirtualTuple(sorted);
	tuplesort_puttupleslot(reader->sort, sorted);
	ExecClearTuple(sorted);
}

static void
take_row(TupleTableSlot *slot, void *arg)
{
	ImportReader *reader = (ImportReader *) arg;
	MemoryContext caller = MemoryContextSwitchTo(reader->context);

	slot_getallattrs(slot);
	if (reader->imported->rows++ == 0 && reader->scorer)
		mlserve_map_values(reader->scorer, reader->desc);
	if (slot->tts_isnull[reader->key_column] || slot->tts_isnull[reader->time.position] ||
		is_missing(slot, reader->score_column, &reader->score) || is_missing(slot, reader->flag_column, &reader->flag))
		reader->imported->ignored++;
	else
		sort_row(reader, slot);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->context);
}

/* ---- writing */

/* An import without features takes none away from the same decision. */
#define KEPT_FEATURES \
	"CASE WHEN excluded.features IS NULL AND excluded.score OPERATOR(pg_catalog.=) d.score THEN d.features ELSE excluded.features END"

static void
write_batch(ImportReader *reader)
{
	MlCatalogScope scope;
	Oid			types[4 + SORTED_COLUMNS] = {INT8OID, INT4OID, FLOAT8OID, INT8OID};
	Datum		values[4 + SORTED_COLUMNS] = {Int64GetDatum(reader->resolved.model_id), Int32GetDatum(reader->resolved.version),
	Float8GetDatum(reader->resolved.threshold), Int64GetDatum(reader->import_id)};
	char		nulls[4 + SORTED_COLUMNS];
	bool		isnull;

	if (reader->n == 0)
		return;
	memset(nulls, ' ', sizeof(nulls));
	nulls[2] = reader->flag_column < 0 ? ' ' : 'n';
	for (int i = 0; i < SORTED_COLUMNS; i++)
	{
		const TypeCacheEntry *type = lookup_type_cache(sorted_types[i], 0);
		int			lower_bound = 1;

		types[4 + i] = array_types[i];
		values[4 + i] = PointerGetDatum(construct_md_array(reader->values[i], reader->nulls[i], 1, &reader->n, &lower_bound, sorted_types[i],
														   type->typlen, type->typbyval, type->typalign));
	}

	mlcat_begin(&scope);
	mlcat_execute("WITH written AS ("
				  "INSERT INTO mlops_catalog.imported_decision AS d (model_id, key, created_at, version, score, flagged, threshold, features, import_id) "
				  "SELECT $1, n.key, n.at, $2, n.score, n.flagged, $3, n.features, $4 "
				  "FROM ROWS FROM (pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9)) "
				  "AS n(key, at, score, flagged, features) "
				  "ON CONFLICT (model_id, key, created_at, version) DO UPDATE SET score = excluded.score, flagged = excluded.flagged, "
				  "threshold = excluded.threshold, features = " KEPT_FEATURES ", import_id = excluded.import_id "
				  "WHERE (d.score, d.flagged, d.threshold, d.features) IS DISTINCT FROM "
				  "(excluded.score, excluded.flagged, excluded.threshold, " KEPT_FEATURES ") "
				  "RETURNING d.xmax OPERATOR(pg_catalog.=) '0'::pg_catalog.xid AS new) "
				  "SELECT pg_catalog.count(*) FILTER (WHERE new), pg_catalog.count(*) FILTER (WHERE NOT new) FROM written",
				  lengthof(types), types, values, nulls);
	reader->imported->added += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	reader->imported->changed += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	mlcat_end(&scope);
	reader->n = 0;
	reader->bytes = 0;
	MemoryContextReset(reader->context);
}

static bool
is_same(const ImportReader *reader, int column, TupleTableSlot *slot)
{
	Datum		last = reader->values[column][reader->n - 1];
	Datum		next = slot->tts_values[column];

	switch (column)
	{
		case SORTED_KEY:
			return DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, last, next));
		case SORTED_TIME:
			return DatumGetTimestampTz(last) == DatumGetTimestampTz(next);
		case SORTED_SCORE:
			return DatumGetFloat8(last) == DatumGetFloat8(next);
		default:
			return DatumGetBool(last) == DatumGetBool(next);
	}
}

static void
refuse_contradiction(const ImportReader *reader, TupleTableSlot *slot)
{
	char	   *at = mlbase_utc_text(DatumGetTimestampTz(slot->tts_values[SORTED_TIME]));
	const char *difference = "One is flagged, the other is not.";

	if (!is_same(reader, SORTED_SCORE, slot))
		difference = psprintf("Their scores are %s and %s.", mlbase_number_text(DatumGetFloat8(reader->values[SORTED_SCORE][reader->n - 1])),
							  mlbase_number_text(DatumGetFloat8(slot->tts_values[SORTED_SCORE])));
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("decisions of key \"%s\" contradict each other", text_to_cstring(DatumGetTextPP(slot->tts_values[SORTED_KEY]))),
			 errdetail("Both were made at %s. %s No decision was imported.", at, difference),
			 errhint("Give one decision of a key and time, or a \"time_column\" that tells them apart.")));
}

static void
keep_row(ImportReader *reader, TupleTableSlot *slot)
{
	MemoryContext caller = MemoryContextSwitchTo(reader->context);

	for (int i = 0; i < SORTED_COLUMNS; i++)
	{
		bool		isnull = slot->tts_isnull[i];
		bool		by_value = i != SORTED_KEY && i != SORTED_FEATURES;

		reader->nulls[i][reader->n] = isnull;
		reader->values[i][reader->n] = isnull || by_value ? slot->tts_values[i]
			: PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[i]));
		if (!isnull && !by_value)
			reader->bytes += VARSIZE(DatumGetPointer(reader->values[i][reader->n]));
	}
	reader->n++;
	MemoryContextSwitchTo(caller);
}

/* The same decision twice is one. */
static void
write_sorted(ImportReader *reader)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(reader->sorted->tts_tupleDescriptor, &TTSOpsMinimalTuple);

	tuplesort_performsort(reader->sort);
	while (tuplesort_gettupleslot(reader->sort, true, false, slot, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (reader->n > 0 && is_same(reader, SORTED_KEY, slot) && is_same(reader, SORTED_TIME, slot))
		{
			if (!is_same(reader, SORTED_SCORE, slot) || !is_same(reader, SORTED_FLAG, slot))
				refuse_contradiction(reader, slot);
			continue;
		}
		/* the last one of a batch is kept till here, to be compared with the next */
		if (reader->n == BATCH || reader->bytes > BATCH_BYTES)
			write_batch(reader);
		keep_row(reader, slot);
	}
	write_batch(reader);
	ExecDropSingleTupleTableSlot(slot);
}

static TimestampTz
first_kept(void)
{
	MlCatalogScope scope;
	bool		isnull;
	Datum		at;

	mlcat_begin(&scope);
	at = mlcat_execute_value("SELECT mlops_catalog.first_kept()", 0, NULL, NULL, NULL, &isnull);
	mlcat_end(&scope);
	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(at);
}

static void
begin_import(ImportReader *reader)
{
	MlCatalogScope scope;
	Oid			types[] = {OIDOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {ObjectIdGetDatum(reader->user), Int64GetDatum(reader->resolved.model_id),
	TimestampTzGetDatum(reader->since), TimestampTzGetDatum(reader->until)};
	bool		isnull;

	/* before the row's lock that its foreign key takes: who drops the model waits for this one */
	mlcat_lock("model", (uint64) reader->resolved.model_id, true, "import decisions");
	mlcat_begin(&scope);
	reader->import_id = DatumGetInt64(mlcat_execute_value("SELECT mlops_catalog.begin_import($1::pg_catalog.regrole, $2, $3, $4)",
														  4, types, values, NULL, &isnull));
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the model was dropped in the meantime"),
				 errdetail("No decision was imported.")));
	mlcat_end(&scope);
}

static void
end_import(ImportReader *reader)
{
	const MlDecisionsImported *imported = reader->imported;
	MlCatalogScope scope;
	char	   *counts = psprintf("{\"rows\": %lld, \"added\": %lld, \"changed\": %lld, \"ignored\": %lld}",
								  (long long) imported->rows, (long long) imported->added,
								  (long long) imported->changed, (long long) imported->ignored);
	Oid			types[] = {OIDOID, INT8OID, INT4OID, JSONBOID};
	Datum		values[] = {ObjectIdGetDatum(reader->user), Int64GetDatum(reader->import_id), Int32GetDatum(reader->resolved.version),
	DirectFunctionCall1(jsonb_in, CStringGetDatum(counts))};

	mlcat_begin(&scope);
	mlcat_execute("SELECT mlops_catalog.end_import($1::pg_catalog.regrole, $2, $3, $4)", 4, types, values, NULL);
	mlcat_end(&scope);
}

void
mlserve_import_decisions(FmgrInfo *scorer, const char *text, MlSource *source, const MlImportColumns *columns,
						 MlDecisionsImported *imported)
{
	ImportReader *reader = palloc0(sizeof(ImportReader));
	MlModelReference reference;

	memset(imported, 0, sizeof(*imported));
	reader->imported = imported;
	reader->user = GetUserId();
	mlserve_resolve(text, ML_TO_MANAGE, &reader->resolved);
	mlreg_parse_reference(text, &reference);
	reader->now = GetCurrentTimestamp();
	reader->first_kept = first_kept();
	reader->since = DT_NOEND;
	reader->until = DT_NOBEGIN;
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "mlops import", ALLOCSET_DEFAULT_SIZES);
	prepare_columns(reader, scorer, reference.name, source, columns);
	reader->sort = mling_begin_key_sort(SORTED_COLUMNS, sorted_names, sorted_types, &reader->sorted);
	mling_each_row(source, take_row, reader);
	if (reader->since <= reader->until)
	{
		begin_import(reader);
		write_sorted(reader);
		end_import(reader);
	}
	tuplesort_end(reader->sort);
	ExecDropSingleTupleTableSlot(reader->sorted);
	MemoryContextDelete(reader->context);
}
