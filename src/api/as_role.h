/*
 * as_role.h
 *	  The way back from the owner of the catalog to a role whose query must be
 *	  run (private to api).
 *
 * A recorded query runs as the role that recorded it, as a view does, never as
 * whoever happens to ask for it, in a restricted context.  Settings that it
 * changes are put back before the owner goes on, or it could bend the owner's
 * search_path.
 */
#ifndef MLOPS_API_AS_ROLE_H
#define MLOPS_API_AS_ROLE_H

#include "postgres.h"

#include "utils/jsonb.h"

typedef struct MlRoleScope
{
	Oid			user;
	int			security_context;
	int			nest_level;
} MlRoleScope;

/*
 * Acts as role until mlapi_leave_role (an error does it too), under settings, an
 * object of texts such as {"search_path": "public"}.  Error (42704) if the role
 * is gone.
 */
extern void mlapi_enter_role(Oid role, Jsonb *settings, MlRoleScope *scope);
extern void mlapi_leave_role(const MlRoleScope *scope);

#endif							/* MLOPS_API_AS_ROLE_H */
