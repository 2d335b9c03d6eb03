/*-------------------------------------------------------------------------
 * lock.c
 *	  Locks of the catalog that users cannot name, and waits for them.
 *
 * Whoever holds one holds it until the transaction ends, and anybody's may stay
 * open.  So nobody waits for longer than MOST_WAIT_MS, and who waited in vain is
 * told for whom.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/catalog.h"

#define MOST_WAIT_MS 10000		/* less if lock_timeout is less */

/* 48 bits of id; numbers that share them share the lock. */
static LOCKTAG
tag_of(const char *relation, uint64 id)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, mlcat_relation(relation), (uint32) id, (uint16) (id >> 32));
	return tag;
}

typedef struct Wanted
{
	const LOCKTAG *tag;
	LOCKMODE	mode;
} Wanted;

static void
acquire(void *arg)
{
	const Wanted *wanted = (const Wanted *) arg;

	(void) LockAcquire(wanted->tag, wanted->mode, false, false);
}

/*
 * A lock that is got passes from the subtransaction to the transaction.  False if it
 * was waited for in vain.  Errors: all others, a deadlock or a cancel.
 */
static bool
wait_for(const LOCKTAG *tag, LOCKMODE mode)
{
	Wanted		wanted = {tag, mode};
	ErrorData  *error = mlbase_try(acquire, &wanted, LockTimeout == 0 ? MOST_WAIT_MS : Min(LockTimeout, MOST_WAIT_MS), true);

	if (error && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
	return error == NULL;
}

/* Does not return: 55P03, naming who has the lock as far as he can be told of. */
static void
refuse(const LOCKTAG *tag, const char *purpose)
{
	MlCatalogScope scope;
	Oid			types[] = {OIDOID, OIDOID, INT2OID};
	Datum		values[] = {ObjectIdGetDatum(tag->locktag_field2), ObjectIdGetDatum(tag->locktag_field3),
	Int16GetDatum((int16) tag->locktag_field4)};
	char	   *holder = "another session"; /* which has ended just now */
	char	   *remedy = "Try again.";

	mlcat_begin(&scope);
	if (mlcat_execute("SELECT holder, remedy FROM mlops_catalog.lock_holder($1, $2, $3)", 3, types, values, NULL) > 0)
	{
		holder = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		remedy = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("cannot %s: %s has not ended its transaction", purpose, holder),
			 errhint("%s", remedy)));
}

bool
mlcat_try_lock(const char *relation, uint64 id)
{
	LOCKTAG		tag = tag_of(relation, id);

	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Tries without waiting first: a subtransaction is begun only where somebody has it. */
void
mlcat_lock(const char *relation, uint64 id, bool shared, const char *purpose)
{
	LOCKTAG		tag = tag_of(relation, id);
	LOCKMODE	mode = shared ? ShareLock : ExclusiveLock;

	if (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL && !wait_for(&tag, mode))
		refuse(&tag, purpose);
}

/* Names whose hashes agree share the lock. */
void
mlcat_lock_name(const char *index, const char *name, const char *purpose)
{
	mlcat_lock(index, hash_bytes_extended((const unsigned char *) name, strlen(name), 0), false, purpose);
}
