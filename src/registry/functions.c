/*-------------------------------------------------------------------------
 * functions.c
 *	  What is known of PostgreSQL's functions that a recorded query may call,
 *	  where no look at the query tells what they do.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
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

/*
 * STABLE functions of PostgreSQL that answer alike whoever asks, given the
 * settings that are recorded with a query: times, texts, JSON, and what reads
 * and writes values.  Whatever is not here, as all that a new version brings,
 * may tell what a role may see (has_table_privilege), what is in its search_path
 * (to_regclass: only schemas that it may use), or what its session is.
 */
static const char *const alike_for_all[] = {
	"age", "date", "date_add", "date_cmp_timestamptz", "date_eq_timestamptz", "date_ge_timestamptz", "date_gt_timestamptz",
	"date_in", "date_le_timestamptz", "date_lt_timestamptz", "date_ne_timestamptz", "date_out", "date_part", "date_subtract",
	"date_trunc", "extract", "generate_series", "in_range", "interval_in", "interval_out", "interval_pl_timestamptz",
	"make_timestamptz", "now", "overlaps", "statement_timestamp", "time", "time_in", "timestamp", "timestamp_cmp_timestamptz",
	"timestamp_eq_timestamptz", "timestamp_ge_timestamptz", "timestamp_gt_timestamptz", "timestamp_in", "timestamp_le_timestamptz",
	"timestamp_lt_timestamptz", "timestamp_ne_timestamptz", "timestamp_out", "timestamptz", "timestamptz_cmp_date",
	"timestamptz_cmp_timestamp", "timestamptz_eq_date", "timestamptz_eq_timestamp", "timestamptz_ge_date",
	"timestamptz_ge_timestamp", "timestamptz_gt_date", "timestamptz_gt_timestamp", "timestamptz_in", "timestamptz_le_date",
	"timestamptz_le_timestamp", "timestamptz_lt_date", "timestamptz_lt_timestamp", "timestamptz_mi_interval",
	"timestamptz_ne_date", "timestamptz_ne_timestamp", "timestamptz_out", "timestamptz_pl_interval", "timetz", "timetz_in",
	"timezone", "to_char", "to_date", "to_number", "to_timestamp", "transaction_timestamp",

	"anyarray_out", "anytextcat", "array_in", "array_out", "array_to_string", "cash_in", "cash_out", "concat", "concat_ws", "convert",
	"convert_from", "convert_to", "domain_in", "enum_first", "enum_in", "enum_last", "enum_out", "enum_range", "format", "length",
	"money", "multirange_in", "multirange_out", "numeric", "quote_literal", "quote_nullable", "range_in", "range_out", "record_in",
	"record_out", "regnamespacein", "regnamespaceout", "regrolein", "regroleout", "textanycat",

	"array_to_json", "json_agg", "json_agg_strict", "json_build_array", "json_build_object", "json_object_agg",
	"json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict", "json_populate_record",
	"json_populate_recordset", "json_to_record", "json_to_recordset", "json_to_tsvector", "jsonb_agg", "jsonb_agg_strict",
	"jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "jsonb_object_agg_strict", "jsonb_object_agg_unique",
	"jsonb_object_agg_unique_strict", "jsonb_path_exists_tz", "jsonb_path_match_tz", "jsonb_path_query_array_tz",
	"jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_to_record",
	"jsonb_to_recordset", "jsonb_to_tsvector", "row_to_json", "to_json", "to_jsonb", "xml", "xml_in", "xml_is_well_formed",

	"phraseto_tsquery", "plainto_tsquery", "to_tsquery", "to_tsvector", "ts_headline", "ts_match_tq", "ts_match_tt",
	"websearch_to_tsquery",

	"current_database", "getdatabaseencoding", "pg_collation_for", "pg_column_compression", "pg_column_size", "pg_typeof", "version",
};

/* By name: of functions that share one, all are listed or none. */
bool
mlreg_answers_alike(Oid function)
{
	char		volatility = func_volatile(function);
	const char *name;

	if (volatility != PROVOLATILE_STABLE)
		return volatility == PROVOLATILE_IMMUTABLE || is_harmless(function);
	name = get_func_name(function);
	for (size_t i = 0; i < lengthof(alike_for_all); i++)
	{
		if (strcmp(name, alike_for_all[i]) == 0)
			return true;
	}
	return false;
}

/* Policies are there to ask this, about who reads their own table. */
bool
mlreg_asks_who(Oid function)
{
	const char *name = get_func_name(function);

	return strcmp(name, "current_user") == 0 || strcmp(name, "session_user") == 0 ||
		strcmp(name, "getpgusername") == 0 || strcmp(name, "pg_has_role") == 0 ||
		strcmp(name, "system_user") == 0 || strcmp(name, "current_setting") == 0;
}

bool
mlreg_is_looked_up(Oid type)
{
	Oid			element = type < FirstNormalObjectId ? get_element_type(type) : InvalidOid;

	switch (OidIsValid(element) ? element : type)
	{
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGTYPEOID:
			return true;
		default:
			return false;
	}
}

bool
mlreg_is_our_wrapper(Oid function)
{
	return strcmp(get_func_name(function), "row_as_json") == 0 &&
		get_func_namespace(function) == get_namespace_oid("mlops_catalog", true);
}
