/*-------------------------------------------------------------------------
 * rights.c
 *	  Who may do what with a model: its owner's members everything, others what
 *	  was granted to them; see include/mlops/registry.h.
 *
 * Grants are read by an index scan with a fresh snapshot, so that a privilege
 * taken away is gone for the next statement of every session.  Call sites that
 * scored before remember that they were allowed to; the trigger forget_routes
 * on the grants makes them ask again.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "mlops/registry.h"

/* An action: how a refusal names it, and the privilege it takes (NULL: any). */
static const struct
{
	const char *verb;
	const char *privilege;
}			actions[] = {
	[ML_TO_SCORE] = {"score with", "score"},
	[ML_TO_EVALUATE] = {"evaluate", NULL},
	[ML_TO_TRAIN] = {"train", "train"},
	[ML_TO_DEPLOY] = {"deploy", "deploy"},
	[ML_TO_MANAGE] = {"manage", "manage"},
	[ML_TO_INSPECT] = {"view", "view"},
	[ML_TO_SEE] = {"see", NULL},
};

/*
 * manage includes everything.  Who trains or deploys decides by the metrics of
 * the training, so these include view; who scores needs none of them.
 */
static bool
covers(const char *granted, const char *needed)
{
	return needed == NULL || strcmp(granted, needed) == 0 || strcmp(granted, "manage") == 0 ||
		(strcmp(needed, "view") == 0 && (strcmp(granted, "train") == 0 || strcmp(granted, "deploy") == 0));
}

/* The owner's members first: no grant has to be read for them. */
bool
mlreg_may(Oid user, const MlCatalogModel *model, MlAction action)
{
	ListCell   *lc;

	if (has_privs_of_role(user, model->owner))
		return true;
	foreach(lc, mlcat_grants(model->model_id))
	{
		MlCatalogGrant *grant = (MlCatalogGrant *) lfirst(lc);

		if (covers(grant->privilege, actions[action].privilege) &&
			(!OidIsValid(grant->role) || has_privs_of_role(user, grant->role)))
			return true;
	}
	return false;
}

/* Who may not is told whom to ask. */
void
mlreg_check_right(Oid user, const char *name, const MlCatalogModel *model, MlAction action)
{
	const char *privilege = actions[action].privilege ? actions[action].privilege : "view";
	char	   *owner;

	if (mlreg_may(user, model, action))
		return;
	owner = GetUserNameFromId(model->owner, true);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s model \"%s\"", actions[action].verb, name),
			 owner ? errdetail("That takes the privilege \"%s\". The model belongs to role \"%s\".", privilege, owner)
			 : errdetail("That takes the privilege \"%s\". The model belongs to a role that no longer exists.", privilege),
			 errhint("Whoever manages it can run SELECT * FROM mlops.grant('%s', '%s', '%s').",
					 name, GetUserNameFromId(user, false), privilege)));
}

MlCatalogModel
mlreg_require(Oid user, const char *name, MlAction action)
{
	MlCatalogModel model;

	mlreg_check_name(name);
	if (!mlcat_model_by_name(name, &model))
		mlreg_no_such_model(user, name);
	mlreg_check_right(user, name, &model, action);
	return model;
}

/*
 * Of a role that is gone nobody can tell what it might read, and what it left
 * has other owners, who may have made its names lead elsewhere.
 */
void
mlreg_require_author(Oid recorder)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(recorder)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the query was recorded by a role that no longer exists"),
				 errdetail("Nobody answers for what it reads by now."),
				 errhint("Whoever manages the model takes the query of a version over as his own: "
						 "SELECT mlops.adopt_query(model, version). A snapshot is to be taken anew.")));
}
