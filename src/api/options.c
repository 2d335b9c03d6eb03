/*-------------------------------------------------------------------------
 * options.c
 *	  What texts in options and documents mean.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/base.h"

MLOPS_FUNCTION(mlops_length_of_time);

/*
 * mlops_catalog.length_of_time(argument, key, value) -> interval: a length of time
 * that was given as text.
 */
Datum
mlops_length_of_time(PG_FUNCTION_ARGS)
{
	char	   *value = text_to_cstring(PG_GETARG_TEXT_PP(2));

	mlbase_require_unit(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), value);
	return DirectFunctionCall3(interval_in, CStringGetDatum(value), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}
