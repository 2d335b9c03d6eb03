/*-------------------------------------------------------------------------
 * reach_trust.c
 *	  Whose code and texts the asker trusts, and what is said where he does not.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "registry/reach.h"

bool
mlreg_is_trusted(const Reach *reach, Oid owner)
{
	return owner == reach->user || owner == reach->catalog_owner || superuser_arg(owner) ||
		list_member_oid(reach->trusted, owner);
}

static void
refuse(const Reach *reach, Oid class, Oid object, Oid owner, const char *detail)
{
	ObjectAddress address;

	ObjectAddressSet(address, class, object);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s belongs to role \"%s\", which role \"%s\" does not trust",
					getObjectDescription(&address, false), GetUserNameFromId(owner, false),
					GetUserNameFromId(reach->user, false)),
			 errdetail_internal("%s", detail),
			 errhint("If whatever role \"%s\" does may run with your rights, say so as role \"%s\": SELECT * FROM mlops.trust(%s);",
					 GetUserNameFromId(owner, false), GetUserNameFromId(reach->user, false),
					 quote_literal_cstr(GetUserNameFromId(owner, false)))));
}

void
mlreg_require_trust(const Reach *reach, Oid class, Oid object, Oid owner)
{
	if (!mlreg_is_trusted(reach, owner))
		refuse(reach, class, object, owner, reach->relations
			   ? _("What runs by itself reads and runs only what belongs to the role it runs as, to a superuser, "
				   "or to a role that this one trusts.")
			   : _("A recorded query runs no code but that of who asks, of superusers, and of roles that he trusts."));
}

Oid
mlreg_owner_of_relation(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Is what is walked the text of a role that is not trusted? */
bool
mlreg_is_text_of_other(const Reach *reach)
{
	return reach->authors != NIL;
}

/* The text that is walked belongs to another role, and would use the asker's rights. */
void
mlreg_refuse_text(const Reach *reach, const char *detail)
{
	const char *recorder;

	if (OidIsValid(reach->text_of))
		refuse(reach, RelationRelationId, reach->text_of, mlreg_owner_of_relation(reach->text_of), detail);
	recorder = GetUserNameFromId(reach->recorder, false);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the query was recorded by role \"%s\", which role \"%s\" does not trust", recorder,
					GetUserNameFromId(reach->user, false)),
			 errdetail_internal("%s", detail),
			 errhint("If whatever role \"%s\" does may run with your rights, say so as role \"%s\": SELECT * FROM mlops.trust(%s);",
					 recorder, GetUserNameFromId(reach->user, false), quote_literal_cstr(recorder))));
}
