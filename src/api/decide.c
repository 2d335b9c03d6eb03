/*-------------------------------------------------------------------------
 * decide.c
 *	  mlops.decide, and what else there is of single decisions.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_decide);
MLOPS_FUNCTION(mlops_prediction_time);
MLOPS_FUNCTION(mlops_bounded);
MLOPS_FUNCTION(mlops_lost_decisions);

/* A call site of decide. */
typedef struct DecideSite
{
	MlDecideSite decide;
	TupleDesc	result;
	bool		key_seen;		/* and looked at: tell_of_named_column */
	bool		chosen;			/* on_error is the same for all rows, and has been read */
	MlErrorChoice on_error;
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
	site->decide.scorer = *flinfo;
	site->decide.scorer.fn_extra = NULL;
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

/* What is to be scored; text is JSON. */
typedef struct Features
{
	FunctionCallInfo fcinfo;
	Datum		value;
	Oid			type;
} Features;

static void
read_features(void *arg)
{
	Features   *features = (Features *) arg;

	features->value = mlserve_features_argument(features->fcinfo, 1, &features->type);
}

/* Are there a model's name and features?  Text that is no JSON is an error where errors are raised. */
static bool
is_asked(Features *features, const MlErrorChoice *choice)
{
	FunctionCallInfo fcinfo = features->fcinfo;
	MlFault		ignored;

	if (unlikely(PG_ARGISNULL(0) || PG_ARGISNULL(1)))
		return false;
	if (unlikely(choice->choice != ML_ON_ERROR_RAISE && get_fn_expr_argtype(fcinfo->flinfo, 1) == TEXTOID))
		return mlserve_attempt(read_features, features, true, &ignored);
	read_features(features);
	return true;
}

/* Who may not score with the model is told that, and leaves no words in its log. */
static void
refuse(void *arg)
{
	FunctionCallInfo fcinfo = (FunctionCallInfo) arg;
	MlResolved	resolved;
	Oid			type;

	mlbase_refuse_null(fcinfo, 0, "model");
	mlserve_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), ML_TO_SCORE, &resolved);
	mlbase_refuse_null(fcinfo, 1, "features");
	(void) mlserve_features_argument(fcinfo, 1, &type);
}

/* What cannot be asked, for want of a model's name, a row or JSON, fails like what cannot be scored. */
static void
decide_nothing(FunctionCallInfo fcinfo, MlDecideSite *site, text *key, const MlErrorChoice *choice, MlPrediction *row)
{
	text	   *reference = PG_ARGISNULL(0) ? cstring_to_text("") : PG_GETARG_TEXT_PP(0);
	MlFault		fault;

	if (choice->choice == ML_ON_ERROR_RAISE)
		refuse(fcinfo);
	(void) mlserve_attempt(refuse, fcinfo, false, &fault);
	mlserve_decide_failed(site, reference, key, choice, &fault, row);
}

static MlErrorChoice
on_error_of(FunctionCallInfo fcinfo, DecideSite *site)
{
	text	   *on_error;

	if (likely(site->chosen))
		return site->on_error;
	site->on_error = (MlErrorChoice) {ML_ON_ERROR_NULL, 0};
	if (!PG_ARGISNULL(3))
	{
		on_error = PG_GETARG_TEXT_PP(3);
		mlserve_read_error_choice(VARDATA_ANY(on_error), VARSIZE_ANY_EXHDR(on_error), &site->on_error);
	}
	site->chosen = get_fn_expr_arg_stable(fcinfo->flinfo, 3);
	return site->on_error;
}

/* A whole number is the text that it is as a column of the row. */
static text *
key_of(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(2))
		return NULL;
	if (get_fn_expr_argtype(fcinfo->flinfo, 2) == INT8OID)
		return cstring_to_text(psprintf(INT64_FORMAT, PG_GETARG_INT64(2)));
	return PG_GETARG_TEXT_PP(2);
}

static bool
has_column(Oid type, Datum features, const char *name)
{
	HeapTupleHeader row;
	TupleDesc	desc;
	bool		found;

	if (!type_is_rowtype(type))
		return false;
	row = DatumGetHeapTupleHeader(features);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	found = mling_find_attribute(desc, name) >= 0;
	ReleaseTupleDesc(desc);
	return found;
}

/* A notice, once a statement: all rows would have one key, by which no label is found. */
static void
tell_of_named_column(FunctionCallInfo fcinfo, DecideSite *site, const Features *features, text *key)
{
	char	   *name;

	site->key_seen = true;
	if (key == NULL || features->value == (Datum) 0 || !get_fn_expr_arg_stable(fcinfo->flinfo, 2))
		return;
	name = text_to_cstring(key);
	if (has_column(features->type, features->value, name))
		ereport(NOTICE,
				(errmsg("decisions are logged with key \"%s\", which is the name of a column", mlbase_excerpt(name)),
				 errhint("\"key\" takes the value: write t.%s for a row of t, without quotes.", quote_identifier(name))));
}

/* mlops.decide(model text, features anyelement or text, key text or bigint, on_error text) -> mlops.decision */
Datum
mlops_decide(PG_FUNCTION_ARGS)
{
	Features	features = {fcinfo};
	DecideSite *site = site_of(fcinfo);
	MlErrorChoice choice = on_error_of(fcinfo, site);
	MlPrediction row;
	text	   *key;
	Datum		values[6];
	bool		nulls[6] = {false};

	refuse_read_only();
	mlbase_refuse_parallel("mlops.decide()");
	key = key_of(fcinfo);
	if (is_asked(&features, &choice))
		mlserve_decide(&site->decide, PG_GETARG_TEXT_PP(0), features.type, features.value, key, &choice, false, &row);
	else
		decide_nothing(fcinfo, &site->decide, key, &choice, &row);

	if (unlikely(!site->key_seen))
		tell_of_named_column(fcinfo, site, &features, key);
	values[0] = UUIDPGetDatum(&row.id);
	values[1] = Float8GetDatum(row.score);
	values[2] = BoolGetDatum(row.flagged);
	nulls[1] = nulls[2] = !row.has_score;
	values[3] = Float8GetDatum(row.threshold);
	nulls[3] = !row.has_threshold;
	values[4] = Int32GetDatum(row.version);
	nulls[4] = row.version == 0;
	nulls[5] = row.variant == NULL;
	values[5] = PointerGetDatum(row.variant);
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
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

Datum
mlops_lost_decisions(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	int64		n;
	TimestampTz last_at;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "lost_decisions returns a row");
	if (mlserve_lost(&n, &last_at))
	{
		values[0] = Int64GetDatum(n);
		values[1] = TimestampTzGetDatum(last_at);
		nulls[0] = false;
		nulls[1] = last_at == 0;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
