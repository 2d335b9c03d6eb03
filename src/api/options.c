/*-------------------------------------------------------------------------
 * options.c
 *	  What texts in options and documents mean.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/base.h"

MLOPS_FUNCTION(mlops_length_of_time);
MLOPS_FUNCTION(mlops_nearest);

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

/*
 * mlops_catalog.nearest(wanted, candidates, letters) -> text: of names that there
 * are the nearest to one that there is not, if no more letters differ (NULL: no more
 * than in any suggestion; 0: in case alone); NULL: none is near.
 */
Datum
mlops_nearest(PG_FUNCTION_ARGS)
{
	MlNearest	nearest;
	Datum	   *candidates;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	mlbase_nearest_begin(&nearest, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	nearest.by_letters_alone = !PG_ARGISNULL(2);
	if (nearest.by_letters_alone)
		nearest.distance = Min(nearest.distance, PG_GETARG_INT32(2) + 1);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &candidates, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			mlbase_nearest_of(&nearest, TextDatumGetCString(candidates[i]));
	}
	if (nearest.name[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(nearest.name));
}
