/*-------------------------------------------------------------------------
 * score.c
 *	  Scoring rows: score, predict, score_version, score_bytes, score_table.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_score);
MLOPS_FUNCTION(mlops_score_version);
MLOPS_FUNCTION(mlops_score_bytes);
MLOPS_FUNCTION(mlops_predict);
MLOPS_FUNCTION(mlops_score_table);

/* mlops.score(model text, features anyelement) -> float8 */
Datum
mlops_score(PG_FUNCTION_ARGS)
{
	Oid			type;
	Datum		features = mlserve_features_argument(fcinfo, 1, &type);
	MlScorer   *scorer = mlserve_scorer(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), 0, type);

	PG_RETURN_FLOAT8(mlserve_score_datum(scorer, type, features));
}

/* mlops.score_version(model text, version int, features anyelement) -> float8 */
Datum
mlops_score_version(PG_FUNCTION_ARGS)
{
	int			version = PG_GETARG_INT32(1);
	text	   *model = PG_GETARG_TEXT_PP(0);
	Oid			type;
	Datum		features = mlserve_features_argument(fcinfo, 2, &type);

	mlserve_check_number(text_to_cstring(model), version);
	PG_RETURN_FLOAT8(mlserve_score_datum(mlserve_scorer(fcinfo->flinfo, model, version, type),
										 type, features));
}

/* mlops.score_bytes(model bytea, features anyelement) -> float8 */
Datum
mlops_score_bytes(PG_FUNCTION_ARGS)
{
	Oid			type;
	Datum		features = mlserve_features_argument(fcinfo, 1, &type);
	MlScorer   *scorer = mlserve_bytes_scorer(fcinfo->flinfo, PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(mlserve_score_datum(scorer, type, features));
}

/* mlops.predict(model text, features anyelement) -> mlops.prediction */
Datum
mlops_predict(PG_FUNCTION_ARGS)
{
	Oid			type;
	Datum		features = mlserve_features_argument(fcinfo, 1, &type);
	MlScorer   *scorer = mlserve_scorer(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), 0, type);
	double		score = mlserve_score_datum(scorer, type, features);
	const MlResolved *resolved = mlserve_scorer_resolved(scorer);
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Float8GetDatum(score);
	values[1] = BoolGetDatum(score >= resolved->threshold);
	values[2] = Float8GetDatum(resolved->threshold);
	values[3] = Int32GetDatum(resolved->served->version.version);
	nulls[4] = resolved->variant == NULL;
	values[4] = resolved->variant ? CStringGetTextDatum(resolved->variant) : (Datum) 0;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- score_table: every row of a source */

typedef struct TableScorer
{
	ReturnSetInfo *result;
	MlScorer   *scorer;
	TupleDesc	desc;			/* the source's */
	int			key;			/* position of the key column, -1: none */
	bool		has_reader;		/* else its text is that under settled settings */
	MlKeyReader reader;
	FmgrInfo	key_output;
	MemoryContext row_context;
	uint64		n_rows;
} TableScorer;

/* The text by which decisions and labels of the column are told, or one that depends on no setting. */
static text *
key_text(TableScorer *table, Datum value)
{
	size_t		size;
	const char *bytes;

	if (!table->has_reader)
		return cstring_to_text(mling_settled_text(&table->key_output, value));
	bytes = mling_key_bytes(&table->reader, value, &size);
	return cstring_to_text_with_len(bytes, (int) size);
}

static void
score_slot(TupleTableSlot *slot, void *arg)
{
	TableScorer *table = (TableScorer *) arg;
	MemoryContext caller = MemoryContextSwitchTo(table->row_context);
	double		score;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (table->n_rows == 0)
		mlserve_map_values(table->scorer, table->desc);
	score = mlserve_score_slot(table->scorer, slot);
	nulls[0] = true;
	if (table->key >= 0)
	{
		Datum		key = slot_getattr(slot, table->key + 1, &nulls[0]);

		if (!nulls[0])
			values[0] = PointerGetDatum(key_text(table, key));
	}
	values[1] = Float8GetDatum(score);
	values[2] = BoolGetDatum(score >= mlserve_scorer_resolved(table->scorer)->threshold);
	tuplestore_putvalues(table->result->setResult, table->result->setDesc, values, nulls);
	MemoryContextSwitchTo(caller);
	if ((++table->n_rows & 1023) == 0)
		MemoryContextReset(table->row_context);
	if (table->n_rows % MLOPS_PROGRESS_ROWS == 0)
		mlbase_progress_done((double) table->n_rows);
}

/*
 * mlops.score_table(model text, source regclass, query text, key name)
 *	  -> SETOF (key text, score float8, flagged boolean)
 */
Datum
mlops_score_table(PG_FUNCTION_ARGS)
{
	TableScorer table = {0};
	MlSource   *source;
	MlProgressScope *progress;
	Oid			type;
	Oid			output;
	bool		varlena;

	mlbase_refuse_null(fcinfo, 0, "model");
	InitMaterializedSRF(fcinfo, 0);
	table.result = (ReturnSetInfo *) fcinfo->resultinfo;
	table.scorer = mlserve_scorer(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), 0, InvalidOid);
	source = mling_describe_query(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
								  PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), "key");
	table.desc = source->desc;
	table.key = -1;
	if (!PG_ARGISNULL(3))
	{
		table.key = mling_column(source, NameStr(*PG_GETARG_NAME(3)), "key");
		type = TupleDescAttr(source->desc, table.key)->atttypid;
		table.has_reader = mling_key_reader(type, &table.reader);
		getTypeOutputInfo(type, &output, &varlena);
		fmgr_info(output, &table.key_output);
	}
	table.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops score rows",
											  ALLOCSET_DEFAULT_SIZES);
	progress = mlbase_progress_begin("score_table", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	mlbase_progress("score", 0, 0, NAN);
	mling_each_row(source, score_slot, &table);
	mlbase_progress_end(progress);
	MemoryContextDelete(table.row_context);
	return (Datum) 0;
}
