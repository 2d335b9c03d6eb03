/*-------------------------------------------------------------------------
 * write.c
 *	  SQL on the catalog tables as their owner; see include/mlops/catalog.h.
 *
 * Every statement names its objects with their schema and its operators by
 * pg_catalog's, so that the caller's search_path cannot get between.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "mlops/catalog.h"

void
mlcat_begin(MlCatalogScope *scope)
{
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(mlcat_owner(),
						   scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

void
mlcat_end(MlCatalogScope *scope)
{
	SPI_finish();
	SetUserIdAndSecContext(scope->user, scope->security_context);
}

uint64
mlcat_execute(const char *sql, int n, Oid *types, Datum *values, const char *nulls)
{
	int			code = SPI_execute_with_args(sql, n, types, values, nulls, false, 0);

	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
	return SPI_processed;
}

Datum
mlcat_execute_value(const char *sql, int n, Oid *types, Datum *values,
					const char *nulls, bool *isnull)
{
	if (mlcat_execute(sql, n, types, values, nulls) != 1)
		elog(ERROR, "unexpected number of rows from \"%s\": %llu", sql,
			 (unsigned long long) SPI_processed);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}
