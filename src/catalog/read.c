/*-------------------------------------------------------------------------
 * read.c
 *	  Index scans on the catalog tables; see include/mlops/catalog.h.
 *
 * Columns are addressed by position: a table's columns are only ever added at
 * its end.  tests compare the positions with the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/catalog.h"

/* mlops_catalog.model */
#define MODEL_ID 1
#define MODEL_NAME 2
#define MODEL_OWNER 3

/* mlops_catalog.model_version */
#define VERSION_ID 1
#define VERSION_MODEL_ID 2
#define VERSION_NUMBER 3
#define VERSION_THRESHOLD 4
#define VERSION_SIZE 5
#define VERSION_SHA256 6
#define VERSION_TARGET 9
#define VERSION_POSITIVE 10
#define VERSION_DROPPED_AT 18

/* mlops_catalog.alias */
#define ALIAS_MODEL_ID 1
#define ALIAS_NAME 2
#define ALIAS_VERSION_ID 3

/* mlops_catalog.deployment_route */
#define ROUTE_MODEL_ID 1
#define ROUTE_VARIANT 2
#define ROUTE_VERSION_ID 3
#define ROUTE_PERCENT 4
#define ROUTE_THRESHOLD 5
#define ROUTE_DEPLOYMENT_ID 6
#define ROUTE_KIND 7
#define ROUTE_POSITION 8
#define ROUTE_KEY 9
#define ROUTE_RULE 10
#define ROUTE_PAUSED 11
#define ROUTE_RULE_TYPES 12

/* mlops_catalog.model_grant */
#define GRANT_MODEL_ID 1
#define GRANT_ROLE 2
#define GRANT_PRIVILEGE 3

/* mlops_catalog.trust */
#define TRUST_ROLE 1
#define TRUST_TRUSTED 2

/* mlops_catalog.model_artifact */
#define ARTIFACT_VERSION_ID 1
#define ARTIFACT_PART 2
#define ARTIFACT_DATA 3

Oid
mlcat_relation(const char *table)
{
	Oid			schema = get_namespace_oid("mlops_catalog", true);
	Oid			relation = OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"mlops\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION mlops.")));
	return relation;
}

/* Who owns its table of models. */
Oid
mlcat_owner(void)
{
	Relation	relation = table_open(mlcat_relation("model"), AccessShareLock);
	Oid			owner = relation->rd_rel->relowner;

	table_close(relation, AccessShareLock);
	return owner;
}

/* A scan in progress. */
typedef struct Lookup
{
	Relation	relation;
	SysScanDesc scan;
	ScanKeyData keys[2];
} Lookup;

/*
 * keys [n_keys] have been set, by columns of the table: systable_beginscan finds
 * those of the index.  The snapshot is a fresh one of the catalog.
 */
static void
lookup_begin(Lookup *lookup, const char *table, const char *index, int n_keys)
{
	lookup->relation = table_open(mlcat_relation(table), AccessShareLock);
	lookup->scan = systable_beginscan(lookup->relation, mlcat_relation(index), true,
									  NULL, n_keys, lookup->keys);
}

/* Tuples of the scan are not to be looked into after it. */
static void
lookup_end(Lookup *lookup)
{
	systable_endscan(lookup->scan);
	table_close(lookup->relation, AccessShareLock);
}

/* key: column = value. */
static void
key_int64(ScanKey key, AttrNumber column, int64 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
}

/* May point into the tuple, which is in a buffer: copy it before lookup_end. */
static Datum
column_value(Lookup *lookup, HeapTuple tuple, AttrNumber column, bool *isnull)
{
	return heap_getattr(tuple, column, RelationGetDescr(lookup->relation), isnull);
}

/* By keys that are set; model is left as it was if there is none. */
static bool
look_up_model(Lookup *lookup, const char *index, MlCatalogModel *model)
{
	HeapTuple	tuple;
	bool		isnull;

	lookup_begin(lookup, "model", index, 1);
	tuple = systable_getnext(lookup->scan);
	if (tuple)
	{
		model->model_id = DatumGetInt64(column_value(lookup, tuple, MODEL_ID, &isnull));
		model->owner = DatumGetObjectId(column_value(lookup, tuple, MODEL_OWNER, &isnull));
	}
	lookup_end(lookup);
	return tuple != NULL;
}

bool
mlcat_model_by_name(const char *name, MlCatalogModel *model)
{
	Lookup		lookup;

	ScanKeyInit(&lookup.keys[0], MODEL_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	lookup.keys[0].sk_collation = DEFAULT_COLLATION_OID;
	return look_up_model(&lookup, "model_name_key", model);
}

bool
mlcat_model_by_id(int64 model_id, MlCatalogModel *model)
{
	Lookup		lookup;

	key_int64(&lookup.keys[0], MODEL_ID, model_id);
	return look_up_model(&lookup, "model_pkey", model);
}

/* False for a version that was dropped: what is left of it is for the history. */
static bool
copy_version(Lookup *lookup, HeapTuple tuple, MlCatalogVersion *out)
{
	bool		isnull;
	Datum		value;
	struct varlena *sha256;

	(void) column_value(lookup, tuple, VERSION_DROPPED_AT, &isnull);
	if (!isnull)
		return false;

	out->version_id = DatumGetInt64(column_value(lookup, tuple, VERSION_ID, &isnull));
	out->model_id = DatumGetInt64(column_value(lookup, tuple, VERSION_MODEL_ID, &isnull));
	out->version = DatumGetInt32(column_value(lookup, tuple, VERSION_NUMBER, &isnull));
	out->threshold = DatumGetFloat8(column_value(lookup, tuple, VERSION_THRESHOLD, &isnull));
	out->size = DatumGetInt64(column_value(lookup, tuple, VERSION_SIZE, &isnull));
	sha256 = PG_DETOAST_DATUM_PACKED(column_value(lookup, tuple, VERSION_SHA256, &isnull));
	/* one of another length is nobody's, and found out when the bytes are loaded */
	memset(out->sha256, 0, sizeof(out->sha256));
	if (VARSIZE_ANY_EXHDR(sha256) == sizeof(out->sha256))
		memcpy(out->sha256, VARDATA_ANY(sha256), sizeof(out->sha256));
	value = column_value(lookup, tuple, VERSION_TARGET, &isnull);
	strlcpy(out->target, NameStr(*DatumGetName(value)), NAMEDATALEN);
	value = column_value(lookup, tuple, VERSION_POSITIVE, &isnull);
	out->positive = isnull ? NULL : TextDatumGetCString(value);
	out->uncommitted = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	return true;
}

bool
mlcat_version_by_number(int64 model_id, int32 version, MlCatalogVersion *out)
{
	Lookup		lookup;
	HeapTuple	tuple;
	bool		found;

	key_int64(&lookup.keys[0], VERSION_MODEL_ID, model_id);
	ScanKeyInit(&lookup.keys[1], VERSION_NUMBER, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(version));
	lookup_begin(&lookup, "model_version", "model_version_model_id_version_key", 2);
	tuple = systable_getnext(lookup.scan);
	found = tuple != NULL && copy_version(&lookup, tuple, out);
	lookup_end(&lookup);
	return found;
}

bool
mlcat_version_by_id(int64 version_id, MlCatalogVersion *out)
{
	Lookup		lookup;
	HeapTuple	tuple;
	bool		found;

	key_int64(&lookup.keys[0], VERSION_ID, version_id);
	lookup_begin(&lookup, "model_version", "model_version_pkey", 1);
	tuple = systable_getnext(lookup.scan);
	found = tuple != NULL && copy_version(&lookup, tuple, out);
	lookup_end(&lookup);
	return found;
}

/* Errors: XX001, none of the three. */
static MlRouteKind
route_kind(const char *name)
{
	if (strcmp(name, "segment") == 0)
		return ML_ROUTE_SEGMENT;
	if (strcmp(name, "share") == 0)
		return ML_ROUTE_SHARE;
	if (strcmp(name, "shadow") == 0)
		return ML_ROUTE_SHADOW;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("unrecognized kind of route \"%s\"", name)));
}

/* In the current memory context, with all that it points to. */
static MlCatalogRoute *
copy_route(Lookup *lookup, HeapTuple tuple)
{
	MlCatalogRoute *route = palloc0(sizeof(MlCatalogRoute));
	bool		isnull;
	Datum		value;

	route->variant = TextDatumGetCString(column_value(lookup, tuple, ROUTE_VARIANT, &isnull));
	route->version_id = DatumGetInt64(column_value(lookup, tuple, ROUTE_VERSION_ID, &isnull));
	route->percent = DatumGetFloat8(column_value(lookup, tuple, ROUTE_PERCENT, &isnull));
	value = column_value(lookup, tuple, ROUTE_THRESHOLD, &isnull);
	route->has_threshold = !isnull;
	route->threshold = isnull ? 0 : DatumGetFloat8(value);
	route->deployment_id = DatumGetInt64(column_value(lookup, tuple, ROUTE_DEPLOYMENT_ID, &isnull));
	route->kind = route_kind(TextDatumGetCString(column_value(lookup, tuple, ROUTE_KIND, &isnull)));
	route->position = DatumGetInt32(column_value(lookup, tuple, ROUTE_POSITION, &isnull));
	value = column_value(lookup, tuple, ROUTE_KEY, &isnull);
	route->key = isnull ? NULL : pstrdup(NameStr(*DatumGetName(value)));
	value = column_value(lookup, tuple, ROUTE_RULE, &isnull);
	route->rule = isnull ? NULL : DatumGetJsonbPCopy(value);
	value = column_value(lookup, tuple, ROUTE_RULE_TYPES, &isnull);
	route->rule_types = isnull ? NULL : DatumGetJsonbPCopy(value);
	return route;
}

/* By kind, position, then name, so that the order is one. */
static int
compare_routes(const ListCell *a, const ListCell *b)
{
	const MlCatalogRoute *x = (const MlCatalogRoute *) lfirst(a);
	const MlCatalogRoute *y = (const MlCatalogRoute *) lfirst(b);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return strcmp(x->variant, y->variant);
}

/* In the current memory context. */
List *
mlcat_routes(int64 model_id)
{
	List	   *routes = NIL;
	Lookup		lookup;
	HeapTuple	tuple;
	bool		isnull;

	key_int64(&lookup.keys[0], ROUTE_MODEL_ID, model_id);
	lookup_begin(&lookup, "deployment_route", "deployment_route_pkey", 1);
	while ((tuple = systable_getnext(lookup.scan)) != NULL)
	{
		if (!DatumGetBool(column_value(&lookup, tuple, ROUTE_PAUSED, &isnull)))
			routes = lappend(routes, copy_route(&lookup, tuple));
	}
	lookup_end(&lookup);
	list_sort(routes, compare_routes);
	return routes;
}

/* Two scans with a snapshot each: a version that is dropped between them is not found. */
bool
mlcat_version_by_alias(int64 model_id, const char *alias, MlCatalogVersion *out)
{
	Lookup		lookup;
	HeapTuple	tuple;
	int64		version_id = 0;
	bool		isnull;

	key_int64(&lookup.keys[0], ALIAS_MODEL_ID, model_id);
	ScanKeyInit(&lookup.keys[1], ALIAS_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(alias));
	lookup.keys[1].sk_collation = DEFAULT_COLLATION_OID;
	lookup_begin(&lookup, "alias", "alias_pkey", 2);
	tuple = systable_getnext(lookup.scan);
	if (tuple)
		version_id = DatumGetInt64(column_value(&lookup, tuple, ALIAS_VERSION_ID, &isnull));
	lookup_end(&lookup);
	return tuple != NULL && mlcat_version_by_id(version_id, out);
}

/* In the current memory context. */
List *
mlcat_grants(int64 model_id)
{
	List	   *grants = NIL;
	Lookup		lookup;
	HeapTuple	tuple;
	bool		isnull;

	key_int64(&lookup.keys[0], GRANT_MODEL_ID, model_id);
	lookup_begin(&lookup, "model_grant", "model_grant_pkey", 1);
	while ((tuple = systable_getnext(lookup.scan)) != NULL)
	{
		MlCatalogGrant *grant = palloc(sizeof(MlCatalogGrant));

		grant->role = DatumGetObjectId(column_value(&lookup, tuple, GRANT_ROLE, &isnull));
		grant->privilege = TextDatumGetCString(column_value(&lookup, tuple, GRANT_PRIVILEGE, &isnull));
		grants = lappend(grants, grant);
	}
	lookup_end(&lookup);
	return grants;
}

/* In the current memory context. */
List *
mlcat_trusted(Oid role)
{
	List	   *trusted = NIL;
	Lookup		lookup;
	HeapTuple	tuple;
	bool		isnull;

	ScanKeyInit(&lookup.keys[0], TRUST_ROLE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	lookup_begin(&lookup, "trust", "trust_pkey", 1);
	while ((tuple = systable_getnext(lookup.scan)) != NULL)
		trusted = lappend_oid(trusted, DatumGetObjectId(column_value(&lookup, tuple, TRUST_TRUSTED, &isnull)));
	lookup_end(&lookup);
	return trusted;
}

/*
 * Parts come in order of their numbers, which must be 0, 1, 2 ...  One part at a
 * time is held beside bytes.
 */
bool
mlcat_read_artifact(int64 version_id, uint8 *bytes, size_t size)
{
	Lookup		lookup;
	HeapTuple	tuple;
	size_t		done = 0;
	int			part = 0;
	bool		isnull;
	bool		fits = true;

	/* values out of line need a snapshot to be fetched by */
	PushActiveSnapshot(GetCatalogSnapshot(InvalidOid));
	key_int64(&lookup.keys[0], ARTIFACT_VERSION_ID, version_id);
	lookup.relation = table_open(mlcat_relation("model_artifact"), AccessShareLock);
	{
		Relation	index = index_open(mlcat_relation("model_artifact_pkey"), AccessShareLock);

		lookup.scan = systable_beginscan_ordered(lookup.relation, index,
												 GetCatalogSnapshot(RelationGetRelid(lookup.relation)),
												 1, lookup.keys);
		while (fits && (tuple = systable_getnext_ordered(lookup.scan, ForwardScanDirection)) != NULL)
		{
			Datum		stored = column_value(&lookup, tuple, ARTIFACT_DATA, &isnull);
			struct varlena *data = PG_DETOAST_DATUM_PACKED(stored);
			size_t		length = VARSIZE_ANY_EXHDR(data);

			fits = DatumGetInt32(column_value(&lookup, tuple, ARTIFACT_PART, &isnull)) == part &&
				length <= size - done;
			if (fits)
			{
				memcpy(bytes + done, VARDATA_ANY(data), length);
				done += length;
				part++;
			}
			mlbase_free_detoasted(data, stored);
		}
		systable_endscan_ordered(lookup.scan);
		index_close(index, AccessShareLock);
	}
	table_close(lookup.relation, AccessShareLock);
	PopActiveSnapshot();
	return fits && done == size;
}
