/*
 * as_role.h
 *	  The way back from the owner of the catalog to a role whose query must be
 *	  run (private to api).
 *
 * A recorded query runs as whoever asks for it, what runs by itself as the role
 * that set it up; both in a restricted context, and neither reaches what that
 * role does not trust (see reach in registry.h).  Settings that it changes are
 * put back before the owner goes on, or it could bend the owner's search_path.
 */
#ifndef MLOPS_API_AS_ROLE_H
#define MLOPS_API_AS_ROLE_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "mlops/registry.h"

typedef struct MlRoleScope
{
	Oid			user;
	int			security_context;
	int			nest_level;
	ErrorContextCallback first_line;	/* of ours among those that tell where an error comes from */
} MlRoleScope;

/*
 * Acts as role until mlapi_leave_role (an error does it too), under settings, an
 * object of texts such as {"search_path": "public"}, and reaching no more than
 * reach says.  Error (42704) if the role is gone.
 */
extern void mlapi_enter_role(Oid role, Jsonb *settings, MlReach reach, MlRoleScope *scope);
extern void mlapi_leave_role(const MlRoleScope *scope);

/* What access.c says: the function of the same name in mlops_catalog, as the owner of the catalog. */
extern Datum mlops_as_owner(PG_FUNCTION_ARGS);

#endif							/* MLOPS_API_AS_ROLE_H */
