/*-------------------------------------------------------------------------
 * decide.c
 *	  mlops.decide: scores a row by the variant that its key chooses, logs the
 *	  decision, and scores and logs the shadows.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_decide);
MLOPS_FUNCTION(mlops_prediction_time);
MLOPS_FUNCTION(mlops_bounded);

/* A call site of decide. */
typedef struct DecideSite
{
	FmgrInfo	scorer;			/* whose fn_extra is the scorer's */
	MlLogSite	log;
	TupleDesc	result;
	FmgrInfo	to_jsonb;		/* of the features' type; set up when first needed */
} DecideSite;

static DecideSite *
site_of(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	DecideSite *site = (DecideSite *) flinfo->fn_extra;
	MemoryContext caller;
	TupleDesc	desc;

	if (likely(site != NULL))
		return site;
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(DecideSite));
	site->scorer = *flinfo;
	site->scorer.fn_extra = NULL;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	site->result = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = site;
	return site;
}

static void
refuse_read_only(void)
{
	if (XactReadOnly || RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 RecoveryInProgress()
				 ? errmsg("cannot log a decision on a standby server")
				 : errmsg("cannot log a decision in a read-only transaction"),
				 errhint("mlops.predict() scores by the same route and writes nothing.")));
}

/* The features as an object, whatever they came as. */
static Jsonb *
features_as_json(FunctionCallInfo fcinfo, DecideSite *site, Oid type)
{
	Datum		features = PG_GETARG_DATUM(1);

	if (type == JSONBOID)
		return DatumGetJsonbP(features);
	if (site->to_jsonb.fn_oid == InvalidOid)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fmgr_info(F_TO_JSONB, &site->to_jsonb);
		fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
												 list_make1(makeNullConst(type, -1, InvalidOid)),
												 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
						   &site->to_jsonb);
		MemoryContextSwitchTo(caller);
	}
	return DatumGetJsonbP(FunctionCall1(&site->to_jsonb, features));
}

static JsonbValue *
value_of_key(Jsonb *object, const char *key)
{
	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
}

/*
 * What the model read of them, by its own names.  The columns of an anonymous
 * ROW(...), which is taken by position, are called f1, f2, ... in JSON.
 */
static Jsonb *
features_read(const MlModel *model, Jsonb *all)
{
	bool		by_position = value_of_key(all, ml_model_input_name(model, 0)) == NULL;
	JsonbParseState *state = NULL;
	JsonbValue *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *name = ml_model_input_name(model, i);
		JsonbValue *value = value_of_key(all, by_position ? psprintf("f%zu", i + 1) : name);
		JsonbValue	key;

		if (value == NULL)		/* taken by position under other names */
			return all;
		key.type = jbvString;
		key.val.string.val = unconstify(char *, name);
		key.val.string.len = strlen(name);
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, value);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(object);
}

static void
fill_prediction(MlPrediction *row, const MlResolved *resolved, double score, float4 latency)
{
	row->model_id = resolved->served->version.model_id;
	row->deployment_id = resolved->deployment_id;
	row->version = resolved->served->version.version;
	row->variant = resolved->variant ? cstring_to_text(resolved->variant) : NULL;
	row->score = score;
	row->threshold = resolved->threshold;
	row->flagged = score >= resolved->threshold;
	row->latency = latency;
}

/* mlops.decide(model text, features anyelement, key text) -> mlops.decision */
Datum
mlops_decide(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	text	   *given_key = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	DecideSite *site;
	MlScorer   *scorer;
	const MlResolved *resolved;
	MlPrediction row = {0};
	instr_time	began;
	instr_time	ended;
	double		score;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	refuse_read_only();
	site = site_of(fcinfo);

	INSTR_TIME_SET_CURRENT(began);
	scorer = mlserve_scorer(&site->scorer, PG_GETARG_TEXT_PP(0), 0, type);
	score = mlserve_decide_datum(scorer, type, PG_GETARG_DATUM(1), given_key);
	resolved = mlserve_scorer_resolved(scorer);
	INSTR_TIME_SET_CURRENT(ended);
	INSTR_TIME_SUBTRACT(ended, began);

	row.created_at = GetCurrentTimestamp();
	row.key = mlserve_row_key(scorer, type, PG_GETARG_DATUM(1));
	if (given_key)
	{
		row.route_key = row.key;
		row.key = given_key;
	}
	fill_prediction(&row, resolved, score, (float4) (INSTR_TIME_GET_DOUBLE(ended) * 1e6));
	if (mlops_guc_log_features)
	{
		/* conversion to JSON may run functions of the user's, and these us */
		const MlModel *model = resolved->served->model;
		Jsonb	   *json = features_as_json(fcinfo, site, type);

		row.features = features_read(model, json);
	}
	mlserve_log_prediction(&row, &site->log);

	values[0] = UUIDPGetDatum(&row.id);
	values[1] = Float8GetDatum(row.score);
	values[2] = BoolGetDatum(row.flagged);
	values[3] = Float8GetDatum(row.threshold);
	values[4] = Int32GetDatum(row.version);
	nulls[5] = row.variant == NULL;
	values[5] = PointerGetDatum(row.variant);
	{
		HeapTuple	result = heap_form_tuple(site->result, values, nulls);

		for (int i = 0; i < mlserve_n_shadows(scorer); i++)
		{
			MlPrediction shadow = row;

			INSTR_TIME_SET_CURRENT(began);
			score = mlserve_score_shadow(scorer, i, type, PG_GETARG_DATUM(1), &resolved);
			INSTR_TIME_SET_CURRENT(ended);
			INSTR_TIME_SUBTRACT(ended, began);
			fill_prediction(&shadow, resolved, score, (float4) (INSTR_TIME_GET_DOUBLE(ended) * 1e6));
			shadow.shadow = true;
			if (row.features)
			{
				const MlModel *model = resolved->served->model;
				Jsonb	   *json = features_as_json(fcinfo, site, type);

				shadow.features = features_read(model, json);
			}
			mlserve_log_prediction(&shadow, &site->log);
		}
		return HeapTupleGetDatum(result);
	}
}

/* mlops.prediction_time(prediction_id uuid) -> timestamptz */
Datum
mlops_prediction_time(PG_FUNCTION_ARGS)
{
	TimestampTz at;

	if (!mlserve_prediction_time(PG_GETARG_UUID_P(0), &at))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}

/* mlops_catalog.bounded(value) -> text */
Datum
mlops_bounded(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(mling_bounded(PG_GETARG_TEXT_PP(0)));
}
