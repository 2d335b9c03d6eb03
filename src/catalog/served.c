/*-------------------------------------------------------------------------
 * served.c
 *	  Which extension a worker serves; see include/mlops/catalog.h.
 *
 * DROP EXTENSION locks the extension before anything else.  So who has a lock of
 * it, and finds it under its name, finds its tables until the transaction ends.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "mlops/base.h"
#include "mlops/catalog.h"

static Oid	served;

static bool
is_there(Oid extension)
{
	return OidIsValid(extension) && get_extension_oid("mlops", true) == extension;
}

/*
 * Locks first, then looks: LockDatabaseObject takes in what was committed while it
 * waited, so the look is fresh.  The lock is held until the transaction ends.
 */
static bool
keep(Oid extension)
{
	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return is_there(extension);
}

/* Does not return: 55000. */
static void
refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension \"mlops\" was dropped meanwhile, or is being dropped"),
			 errhint("If it was created anew, call again.")));
}

bool
mlcat_serve(Oid extension)
{
	served = OidIsValid(extension) ? extension : get_extension_oid("mlops", true);
	return keep(served);
}

bool
mlcat_keep_served(void)
{
	return keep(served);
}

void
mlcat_require_served(void)
{
	if (!keep(served))
		refuse();
}

Oid
mlcat_served(void)
{
	return served;
}

/* Was the extension created, or altered, by this transaction? */
static bool
is_of_this_transaction(Oid extension)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	bool		is_ours;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(relation, ExtensionOidIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	is_ours = HeapTupleIsValid(row) && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return is_ours;
}

/* Errors: 42704 there is none, 55000 it is being dropped. */
Oid
mlcat_keep(void)
{
	Oid			extension = get_extension_oid("mlops", false);

	if (!keep(extension))
		refuse();
	return is_of_this_transaction(extension) ? InvalidOid : extension;
}

/* The catalog's version, in the current memory context; NULL: there is none. */
static char *
catalog_version(void)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	NameData	name;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	char	   *version = NULL;

	namestrcpy(&name, "mlops");
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool		isnull;
		Datum		value = heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(relation), &isnull);

		version = TextDatumGetCString(value);	/* NOT NULL */
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version;
}

char *
mlcat_update_due(void)
{
	char	   *version = catalog_version();

	if (version == NULL || strcmp(version, MLOPS_VERSION) == 0)
		return NULL;
	return psprintf("the library is version %s, the catalog %s: ALTER EXTENSION mlops UPDATE is due in this database, "
					"or, if the library is the older one, a new session or a restart of the server", MLOPS_VERSION, version);
}

/*
 * A DROP may be waiting for our leader, and the leader waits for us: to wait for
 * that DROP would be a deadlock that nobody detects.  Errors: 55000.
 */
void
mlcat_serve_at_once(Oid extension)
{
	LOCKTAG		tag;

	served = extension;
	if (!OidIsValid(extension))
		return;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		refuse();
	AcceptInvalidationMessages();
	if (!is_there(extension))
		refuse();
}
