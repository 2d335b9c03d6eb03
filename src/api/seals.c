/*-------------------------------------------------------------------------
 * seals.c
 *	  The blocks of logged decisions of which sql/code/46_seals.sql makes seals.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/array.h"

#include "mlops/base.h"
#include "mlops/serve.h"

MLOPS_FUNCTION(mlops_blocks_of);

static void
put_block(int number, bytea *entries, bytea *digest, void *arg)
{
	ReturnSetInfo *result = (ReturnSetInfo *) arg;
	Datum		values[3] = {Int32GetDatum(number), PointerGetDatum(entries), PointerGetDatum(digest)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * mlops_catalog.blocks_of(caller, partition, columns) -> (block, entries, digest)
 *	  What a partition holds now, sorted.
 */
Datum
mlops_blocks_of(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	mlserve_each_seal_block(PG_GETARG_OID(1), PG_GETARG_ARRAYTYPE_P(2), put_block, fcinfo->resultinfo);
	return (Datum) 0;
}
