/*-------------------------------------------------------------------------
 * releases.c
 *	  What releases are judged by: labels of decisions, tests of proportions,
 *	  shares by Thompson sampling, and a version's score baseline; and that a
 *	  refusal leaves its record.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/engine/compare.h"
#include "mlops/ingest.h"
#include "mlops/jobs.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_add_labels);
MLOPS_FUNCTION(mlops_import_decisions);
MLOPS_FUNCTION(mlops_is_positive);
MLOPS_FUNCTION(mlops_positive_meant);
MLOPS_FUNCTION(mlops_target_text);
MLOPS_FUNCTION(mlops_proportion_test);
MLOPS_FUNCTION(mlops_score_baseline);
MLOPS_FUNCTION(mlops_thompson_shares);
MLOPS_FUNCTION(mlops_record_refusal_apart);
MLOPS_FUNCTION(mlops_rule_values);

static Datum
row_of(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* What a call site of mlops_is_positive compares with. */
typedef struct PositiveOfCall
{
	char	   *written;
	MlConverter converter;
	const MlPositive *positive;
} PositiveOfCall;

/* mlops_catalog.is_positive(value "any", positive text) -> boolean */
Datum
mlops_is_positive(PG_FUNCTION_ARGS)
{
	PositiveOfCall *call = fcinfo->flinfo->fn_extra;
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (call == NULL || strcmp(call->written, written) != 0)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

		call = palloc(sizeof(PositiveOfCall));
		call->written = pstrdup(written);
		mling_text_converter(type, &call->converter);
		call->positive = mling_positive(type, "target", "value", call->written);
		fcinfo->flinfo->fn_extra = call;
		MemoryContextSwitchTo(caller);
	}
	if (mling_is_nan(&call->converter, PG_GETARG_DATUM(0)))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(mling_is_positive(call->positive, PG_GETARG_DATUM(0)));
}

/* mlops_catalog.positive_meant(positive text, trained text, type regtype) -> text */
Datum
mlops_positive_meant(PG_FUNCTION_ARGS)
{
	MlTrainedPositive trained = {text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1))};
	Oid			type = PG_GETARG_OID(2);
	const char *positive;

	if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type with OID %u does not exist", type)));
	positive = mling_positive_meant(type, &trained, true);
	if (positive == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(positive));
}

/* mlops_catalog.target_text(value "any") -> text */
Datum
mlops_target_text(PG_FUNCTION_ARGS)
{
	MlConverter *converter = fcinfo->flinfo->fn_extra;
	const char *bytes;
	size_t		size;

	if (converter == NULL)
	{
		converter = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(MlConverter));
		mling_text_converter(get_fn_expr_argtype(fcinfo->flinfo, 0), converter);
		fcinfo->flinfo->fn_extra = converter;
	}
	if (mling_is_nan(converter, PG_GETARG_DATUM(0)))
		PG_RETURN_NULL();
	bytes = mling_bytes(converter, PG_GETARG_DATUM(0), &size);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(bytes, (int) size));
}

static void
require_column(FunctionCallInfo fcinfo, int i, const char *name, const char *meaning, const char *example)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", name),
				 errhint("Name the column that has %s, for example %s => '%s'.", meaning, name, example)));
}

/*
 * mlops.add_labels(model text, source regclass, query text, key name, label name,
 *	  labelled_at name, positive text) -> (rows, added, changed, ignored)
 */
Datum
mlops_add_labels(PG_FUNCTION_ARGS)
{
	MlLabelsAdded added;
	MlSource   *source;
	Datum		values[4];
	bool		nulls[4] = {false};

	mlbase_refuse_null(fcinfo, 0, "model");
	mlbase_refuse_large(fcinfo);
	mlbase_require_writable("mlops.add_labels()");
	source = mling_describe(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
							PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), "key");
	/* not before: they may stand in the place of a query */
	require_column(fcinfo, 3, "key", "the key that decisions were logged with", "transaction_id");
	require_column(fcinfo, 4, "label", "what was found out", "is_fraud");
	if (OidIsValid(source->relation))	/* its slots have dropped columns too */
		source = mling_describe(InvalidOid, source->query, NULL);
	mlreg_add_labels(text_to_cstring(PG_GETARG_TEXT_PP(0)), source,
					 NameStr(*PG_GETARG_NAME(3)), NameStr(*PG_GETARG_NAME(4)),
					 PG_ARGISNULL(5) ? NULL : NameStr(*PG_GETARG_NAME(5)),
					 PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6)), &added);
	values[0] = Int64GetDatum(added.rows);
	values[1] = Int64GetDatum(added.added);
	values[2] = Int64GetDatum(added.changed);
	values[3] = Int64GetDatum(added.ignored);
	return row_of(fcinfo, values, nulls);
}

static const char *
name_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : NameStr(*PG_GETARG_NAME(i));
}

/*
 * mlops.import_decisions(model text, source regclass, query text, key name,
 *	  time_column name, score name, flagged name) -> (rows, added, changed, ignored)
 */
Datum
mlops_import_decisions(PG_FUNCTION_ARGS)
{
	MlDecisionsImported imported;
	MlImportColumns columns;
	MlSource   *source;
	Datum		values[4];
	bool		nulls[4] = {false};

	mlbase_refuse_null(fcinfo, 0, "model");
	mlbase_refuse_large(fcinfo);
	mlbase_require_writable("mlops.import_decisions()");
	source = mling_describe_query(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
								  PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), "key");
	require_column(fcinfo, 3, "key", "the key that labels are known by", "transaction_id");
	require_column(fcinfo, 4, "time_column", "the time when each decision was made", "decided_at");
	columns = (MlImportColumns) {name_argument(fcinfo, 3), name_argument(fcinfo, 4), name_argument(fcinfo, 5), name_argument(fcinfo, 6)};
	mlserve_import_decisions(fcinfo->flinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), source, &columns, &imported);
	values[0] = Int64GetDatum(imported.rows);
	values[1] = Int64GetDatum(imported.added);
	values[2] = Int64GetDatum(imported.changed);
	values[3] = Int64GetDatum(imported.ignored);
	return row_of(fcinfo, values, nulls);
}

static MlProportion
proportion(int64 trials, int64 successes)
{
	if (trials < 0 || successes < 0 || successes > trials)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%lld successes of %lld trials are impossible", (long long) successes, (long long) trials),
				 errdetail("Successes are at least 0 and at most as many as trials.")));
	return (MlProportion) {(uint64) trials, (uint64) successes};
}

/*
 * mlops.proportion_test(trials_a, successes_a, trials_b, successes_b, effect)
 *	  -> (difference, lower, upper, z, p_value, sequential_p_value)
 */
Datum
mlops_proportion_test(PG_FUNCTION_ARGS)
{
	MlProportion a = proportion(PG_GETARG_INT64(0), PG_GETARG_INT64(1));
	MlProportion b = proportion(PG_GETARG_INT64(2), PG_GETARG_INT64(3));
	double		effect = PG_GETARG_FLOAT8(4);
	MlProportionTest test;
	double		numbers[6];
	Datum		values[6];
	bool		nulls[6];

	if (!(effect > 0 && effect <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("effect %s is out of range", mlbase_number_text(effect)),
				 errdetail("It must be above 0 and at most 1.")));
	ml_two_proportions(a, b, &test);
	numbers[0] = test.difference;
	numbers[1] = test.lower;
	numbers[2] = test.upper;
	numbers[3] = test.z;
	numbers[4] = test.p_value;
	numbers[5] = ml_sequential_p_value(a, b, effect);
	for (int i = 0; i < 6; i++)
	{
		values[i] = Float8GetDatum(numbers[i]);
		nulls[i] = isnan(numbers[i]);
	}
	return row_of(fcinfo, values, nulls);
}

static Datum *
bigints(ArrayType *array, int *n)
{
	Datum	   *elements;
	bool	   *nulls;

	deconstruct_array(array, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("counts must not be null")));
	}
	return elements;
}

/*
 * mlops_catalog.thompson_shares(trials bigint[], successes bigint[],
 *	  more_is_better boolean, floor float8, draws int, seed bigint) -> float8[]
 */
Datum
mlops_thompson_shares(PG_FUNCTION_ARGS)
{
	int			n;
	int			n_successes;
	Datum	   *trials = bigints(PG_GETARG_ARRAYTYPE_P(0), &n);
	Datum	   *successes = bigints(PG_GETARG_ARRAYTYPE_P(1), &n_successes);
	double		floor_share = PG_GETARG_FLOAT8(3);
	int			draws = PG_GETARG_INT32(4);
	MlProportion *variants = palloc(n * sizeof(MlProportion) + 1);
	double	   *share = palloc(n * sizeof(double) + 1);
	Datum	   *result = palloc(n * sizeof(Datum) + 1);

	if (n == 0 || n != n_successes || n > 1000 || !(floor_share >= 0 && floor_share * n <= 1) ||
		draws < 1 || draws > 1000000 || (int64) draws * n > 10000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("Thompson sampling needs a count for each of 1 to 1000 variants, a floor that leaves "
						"something to share and 1 to 1000000 draws, of all variants at most 10000000")));
	for (int i = 0; i < n; i++)
		variants[i] = proportion(DatumGetInt64(trials[i]), DatumGetInt64(successes[i]));
	ml_thompson_shares(n, variants, PG_GETARG_BOOL(2), floor_share, draws,
					   (uint64) PG_GETARG_INT64(5), share);
	for (int i = 0; i < n; i++)
		result[i] = Float8GetDatum(share[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, n, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* mlops_catalog.score_baseline(model text, version int) -> bigint[64] */
Datum
mlops_score_baseline(PG_FUNCTION_ARGS)
{
	MlResolved	resolved;
	const uint64_t *counts;
	Datum		result[ML_SCORE_BINS];

	mlserve_resolve_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1),
							ML_TO_INSPECT, &resolved);
	counts = ml_model_score_counts(resolved.served->model);
	for (int i = 0; i < ML_SCORE_BINS; i++)
		result[i] = Int64GetDatum((int64) counts[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, ML_SCORE_BINS, INT8OID, 8, FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

/*
 * mlops_catalog.record_refusal_apart(caller, refusal jsonb) -> rows as jsonb
 *
 * mlops_catalog.record_refusal in a transaction of its own, so that the record
 * stays though the refused transaction is rolled back.
 */
Datum
mlops_record_refusal_apart(PG_FUNCTION_ARGS)
{
	Jsonb	   *refusal = PG_GETARG_JSONB_P(1);
	char	   *literal = quote_literal_cstr(JsonbToCString(NULL, &refusal->root, VARSIZE(refusal)));
	char	   *rows = mljobs_run_as_superuser(
											   psprintf("SELECT mlops_catalog.record_refusal(%u::pg_catalog.oid::pg_catalog.regrole, "
														"%s::pg_catalog.jsonb) AS checks", PG_GETARG_OID(0), literal));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(rows));
}

/* mlops_catalog.rule_values(type oid) -> text[] */
Datum
mlops_rule_values(PG_FUNCTION_ARGS)
{
	static const char *const numbers[] = {"number", "boolean"};
	static const char *const texts[] = {"string"};
	MlConverter converter;
	Oid			type = PG_GETARG_OID(0);
	bool		fits = SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) && mlserve_rule_converter(type, &converter);
	bool		number = fits && converter.kind == ML_COLUMN_NUMBER;
	const char *const *values = number ? numbers : texts;
	int			n = !fits ? 0 : number ? lengthof(numbers) : lengthof(texts);
	Datum		elements[lengthof(numbers)];

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(values[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}
