/*-------------------------------------------------------------------------
 * query_settings.c
 *	  Settings that say what a query's text means and how its values are written.
 *
 * They are recorded with a query that is to be read again, and hold when it is.
 * Names are resolved by search_path, times by TimeZone, which are recorded beside
 * them; a setting of an application or of another extension that a query looks
 * up is its own affair.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "mlops/base.h"

static const char *const names[] = {
	"DateStyle", "IntervalStyle", "timezone_abbreviations", "extra_float_digits", "bytea_output",
	"lc_monetary", "lc_numeric", "lc_time", "xmlbinary", "xmloption", "array_nulls",
	"transform_null_equals", "backslash_quote", "quote_all_identifiers", "default_text_search_config",
};

/* JSON text in the current memory context.  Errors: 22021, see mlbase_setting. */
char *
mlbase_query_settings(void)
{
	StringInfoData json;

	/* a query with a backslash is refused unless it is on */
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"standard_conforming_strings\": \"on\"");
	for (size_t i = 0; i < lengthof(names); i++)
	{
		appendStringInfo(&json, ", \"%s\": ", names[i]);
		escape_json(&json, mlbase_setting(names[i]));
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}
