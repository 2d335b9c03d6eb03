/*-------------------------------------------------------------------------
 * catalog_guard.c
 *	  Who may write the tables of the catalog, whatever was granted on them.
 *
 * Their rows say as whom something runs and who owns something: whoever could
 * write one would have the rights of any role.  Members of pg_write_all_data may
 * write every table and view, unless a trigger refuses it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "mlops/base.h"

MLOPS_FUNCTION(mlops_refuse_others);

/*
 * Trigger of statements, and of rows where replication applies them.  A subscription
 * outlives its owner's being a superuser.
 */
Datum
mlops_refuse_others(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"refuse_others\" was not called as a trigger before a change")));
	if (!has_privs_of_role(GetUserId(), data->tg_relation->rd_rel->relowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write table \"%s\" of the catalog of mlops",
						RelationGetRelationName(data->tg_relation)),
				 errdetail("Its rows say who may do what. Only its owner \"%s\" and superusers write it, whatever was granted to others.",
						   GetUserNameFromId(data->tg_relation->rd_rel->relowner, false)),
				 errhint("Use the functions of schema mlops.")));
	if (!TRIGGER_FIRED_FOR_ROW(data->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple);
}
