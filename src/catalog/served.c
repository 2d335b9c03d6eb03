/*-------------------------------------------------------------------------
 * served.c
 *	  Which extension a worker serves; see include/mlops/catalog.h.
 *
 * DROP EXTENSION locks the extension before anything else.  So who has a lock of
 * it, and finds it under its name, finds its tables until the transaction ends.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"

#include "mlops/catalog.h"

static Oid	served;

static bool
is_there(Oid extension)
{
	return OidIsValid(extension) && get_extension_oid("mlops", true) == extension;
}

static bool
keep(Oid extension)
{
	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return is_there(extension);
}

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

Oid
mlcat_keep(void)
{
	Oid			extension = get_extension_oid("mlops", false);

	if (!keep(extension))
		refuse();
	return extension;
}

void
mlcat_serve_at_once(Oid extension)
{
	LOCKTAG		tag;

	served = extension;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		refuse();
	AcceptInvalidationMessages();
	if (!is_there(extension))
		refuse();
}
