/*-------------------------------------------------------------------------
 * score.c
 *	  Scoring rows: score, predict, score_version, score_bytes, score_table.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

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

/*
 * mlops.score_table(model text, source regclass, query text, key name)
 *	  -> SETOF (key text, score float8, flagged boolean)
 */
Datum
mlops_score_table(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MlScorer   *scorer;
	MlSource   *source;
	MlProgressScope *progress;
	int			key = -1;

	mlbase_refuse_null(fcinfo, 0, "model");
	InitMaterializedSRF(fcinfo, 0);
	scorer = mlserve_scorer(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), 0, InvalidOid);
	source = mling_describe_query(PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
								  PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), "key");
	if (!PG_ARGISNULL(3))
		key = mling_column(source, NameStr(*PG_GETARG_NAME(3)), "key");
	progress = mlbase_progress_begin("score_table", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	mlbase_progress("score", 0, 0, NAN);
	mlserve_score_table(scorer, source, key, result->setResult, result->setDesc);
	mlbase_progress_end(progress);
	return (Datum) 0;
}
