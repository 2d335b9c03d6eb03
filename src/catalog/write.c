/*-------------------------------------------------------------------------
 * write.c
 *	  SQL on the catalog tables as their owner; see include/mlops/catalog.h.
 *
 * The caller's search_path must not get between: a type, function or operator of
 * his would run as the owner.  So it is set aside, and statements name objects
 * with their schema all the same.  So are the settings that values are written
 * by: what is stored or compared as text reads the same whoever asked for it;
 * and those that say where and how tables are made.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

#include "mlops/base.h"
#include "mlops/catalog.h"

/* Order of day and month in the caller's own literals is left as it is. */
static const char *const settings[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"default_table_access_method", "heap"},
	{"default_tablespace", ""},
	{"standard_conforming_strings", "on"},
	{"quote_all_identifiers", "off"},
};

/*
 * In a transaction.  The current memory context is SPI's until mlcat_end, which
 * frees what is allocated in it.  An error ends the scope with its transaction or
 * subtransaction, mlcat_end is not called then.  Errors: 22021, a role's name that
 * is not valid in the database's encoding.
 */
void
mlcat_begin(MlCatalogScope *scope)
{
	MlCaller	caller = mlbase_caller();

	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	mlbase_refuse_unreadable_role(scope->user);
	mlbase_refuse_unreadable_role(mlbase_person());
	/*
	 * Where another role's query is being read (see registry/as_role.c) operations
	 * are restricted, so that nothing of that role's is left to run later as
	 * somebody else.  What runs here is ours alone, and leaves the trigger that
	 * chains the audit log at commit.
	 */
	SetUserIdAndSecContext(mlcat_owner(), SECURITY_LOCAL_USERID_CHANGE |
						   (scope->security_context & ~SECURITY_RESTRICTED_OPERATION));
	scope->nest_level = NewGUCNestLevel();
	mlbase_keep_caller(caller, false);
	/* who writes has said so before, by mlbase_require_writable; whoever forgot does not write */
	if (caller == ML_CALLER_RESTRICTED)
		(void) set_config_option("transaction_read_only", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

/* Back to the user, settings and memory context of before. */
void
mlcat_end(MlCatalogScope *scope)
{
	SPI_finish();
	AtEOXact_GUC(true, scope->nest_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
}

/*
 * Not read-only: takes a new snapshot, so it sees what statements before it have
 * written.  Rows are in SPI_tuptable.  Whoever has called us sees no line of it in
 * errors, such as a cancel.
 */
uint64
mlcat_execute(const char *sql, int n, Oid *types, Datum *values, const char *nulls)
{
	int			code = mlbase_run_ours(sql, n, types, values, nulls, false);

	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
	return SPI_processed;
}

/* Errors: XX000, another number of rows than one.  The value lives until mlcat_end. */
Datum
mlcat_execute_value(const char *sql, int n, Oid *types, Datum *values,
					const char *nulls, bool *isnull)
{
	if (mlcat_execute(sql, n, types, values, nulls) != 1)
		elog(ERROR, "unexpected number of rows from \"%s\": %llu", sql,
			 (unsigned long long) SPI_processed);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}
