/*-------------------------------------------------------------------------
 * query.c
 *	  Texts of the queries that read a source.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "query.h"

char *
query_time_column(const MlFeatureView *view)
{
	return psprintf("t.%s", quote_identifier(view->time.name));
}

/* Times without a zone are in UTC. */
char *
query_time(const MlFeatureView *view, TimestampTz at)
{
	bool		with_zone = view->time.type == TIMESTAMPTZOID;
	FmgrInfo	output;

	fmgr_info(with_zone ? F_TIMESTAMPTZ_OUT : F_TIMESTAMP_OUT, &output);
	return psprintf("'%s'::pg_catalog.%s", mling_settled_text(&output, TimestampTzGetDatum(at)), with_zone ? "timestamptz" : "timestamp");
}

/* Text is compared by its bytes. */
char *
query_order(const MlFeatureView *view)
{
	Form_pg_attribute key = TupleDescAttr(view->source->desc, view->key);

	return psprintf("ORDER BY %s, t.%s%s", query_time_column(view), quote_identifier(NameStr(key->attname)),
					OidIsValid(key->attcollation) ? " COLLATE pg_catalog.\"C\"" : "");
}

char *
query_equality(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(entry->eq_opr));
	Form_pg_operator operator;
	char	   *text;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "type %u has no equality", type);
	operator = (Form_pg_operator) GETSTRUCT(tuple);
	text = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(operator->oprnamespace)), NameStr(operator->oprname));
	ReleaseSysCache(tuple);
	return text;
}
