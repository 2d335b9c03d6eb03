/*-------------------------------------------------------------------------
 * functions.c
 *	  What is known of PostgreSQL's functions that a recorded query may call,
 *	  where no look at the query tells what they do.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "mlops/compat.h"
#include "registry/functions.h"

/*
 * VOLATILE functions of PostgreSQL that change nothing anybody else sees.  All
 * others that may are refused in a recorded query: with the rights of who reads
 * it they could write a file, change a setting, or grant.
 */
static bool
is_harmless(Oid function)
{
	switch (function)
	{
#if PG_VERSION_NUM >= 170000
		case F_RANDOM_:
		case F_RANDOM_INT4_INT4:
		case F_RANDOM_INT8_INT8:
		case F_RANDOM_NUMERIC_NUMERIC:
#else
		case F_RANDOM:
#endif
		case F_SETSEED:
		case F_CLOCK_TIMESTAMP:
		case F_TIMEOFDAY:
		case F_GEN_RANDOM_UUID:
			return true;
		default:
			return func_volatile(function) != PROVOLATILE_VOLATILE;
	}
}

/*
 * STABLE, but told by a text which tables to read: no look at the query finds
 * that out, and it is done with the rights of who asks.
 */
static void
refuse_call_for_any_table(Oid function)
{
	switch (function)
	{
		case F_TABLE_TO_XML:
		case F_TABLE_TO_XML_AND_XMLSCHEMA:
		case F_TABLE_TO_XMLSCHEMA:
		case F_SCHEMA_TO_XML:
		case F_SCHEMA_TO_XML_AND_XMLSCHEMA:
		case F_SCHEMA_TO_XMLSCHEMA:
		case F_DATABASE_TO_XML:
		case F_DATABASE_TO_XML_AND_XMLSCHEMA:
		case F_DATABASE_TO_XMLSCHEMA:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("function %s may not be called here, since it can be told to read any table",
							format_procedure(function)),
					 errhint("Name the table in FROM instead.")));
		default:
			break;
	}
}

void
mlreg_require_harmless(Oid function)
{
	refuse_call_for_any_table(function);
	if (is_harmless(function))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function %s is VOLATILE, and a recorded query calls only functions that change nothing",
					format_procedure(function)),
			 errdetail("It runs with the rights of whoever reads it again. Of VOLATILE functions it may call random, setseed, "
					   "clock_timestamp, timeofday and gen_random_uuid."),
			 function < FirstNormalObjectId ? 0 :
			 errhint("If the function changes nothing, its owner can say so: ALTER FUNCTION %s STABLE;",
					 format_procedure_qualified(function))));
}

/*
 * Functions that are told by a number or name which type to read, and thereby
 * which domains' checks to run: no look at the query finds that out.
 */
void
mlreg_refuse_call_for_any_type(Oid function)
{
	switch (function)
	{
		case F_ARRAY_IN:
		case F_DOMAIN_IN:
		case F_MULTIRANGE_IN:
		case F_RANGE_IN:
		case F_RECORD_IN:
#if PG_VERSION_NUM >= 160000
		case F_PG_INPUT_IS_VALID:
		case F_PG_INPUT_ERROR_INFO:
#endif
			break;
		default:
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function %s may not be called here, since it can be told to read any type", format_procedure(function)),
			 errhint("Cast instead: value::type.")));
}

/* Policies are there to ask this, about who reads their own table. */
bool
mlreg_asks_who(const char *name)
{
	return strcmp(name, "current_user") == 0 || strcmp(name, "session_user") == 0 ||
		strcmp(name, "getpgusername") == 0 || strcmp(name, "pg_has_role") == 0 ||
		strcmp(name, "system_user") == 0 || strcmp(name, "current_setting") == 0;
}

/* Functions of PostgreSQL that tell only what who asks may see. */
bool
mlreg_asks_rights(const char *name)
{
	return strcmp(name, "row_security_active") == 0 || strcmp(name, "pg_show_all_settings") == 0 ||
		strcmp(name, "pg_prepared_statement") == 0 || strcmp(name, "pg_cursor") == 0 ||
		strncmp(name, "pg_stat_get_", 12) == 0 || (strncmp(name, "has_", 4) == 0 && strstr(name, "_privilege"));
}
