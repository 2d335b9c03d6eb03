/*-------------------------------------------------------------------------
 * resolve.c
 *	  What a model reference stands for now, and when that may have changed.
 *
 * The relcache callback runs at odd times and only counts; the catalog is read
 * again by the next call that finds the count raised.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "serve/model_cache.h"
#include "serve/route.h"

MLOPS_FUNCTION(mlops_forget_routes);

uint64		mlserve_generation = 1;

/*
 * Tables whose changes matter: those with the trigger forget_routes.
 *
 * score_version is IMMUTABLE, so plans may hold what it returned for constants.
 * With a table that says what a number stands for, and to whom it answers, plans
 * go too: after a commit in all sessions, after a rollback in the one that could
 * see what is no more.
 */
static const struct
{
	const char *name;
	bool		plans_depend;
}			watched_tables[] = {
	{"alias", false}, {"deployment_route", false}, {"model", true}, {"model_grant", true}, {"model_version", true}
};

static Oid	watched[lengthof(watched_tables)];	/* InvalidOid until first looked up */

/* At odd times: it may allocate nothing and read no catalog.  InvalidOid: all relations. */
static void
relation_changed(Datum arg, Oid relation)
{
	bool		matters = !OidIsValid(relation);
	bool		plans_depend = false;	/* of all relations, PostgreSQL forgets plans itself */

	for (size_t i = 0; i < lengthof(watched) && OidIsValid(relation); i++)
	{
		if (relation != watched[i])
			continue;
		matters = true;
		plans_depend = watched_tables[i].plans_depend;
	}
	if (matters)
		mlserve_generation++;
	if (plans_depend)
		ResetPlanCache();
}

/* Roles and their members change seldom: nothing is looked at closely. */
static void
role_changed(Datum arg, int cache, uint32 hash)
{
	mlserve_generation++;
}

/*
 * A session that lagged behind is told to forget everything, and a cancel or a timeout
 * that strikes while PostgreSQL rebuilds its own caches for that
 * (InvalidateSystemCachesExtended) leaves the callbacks uncalled for good.  Whatever
 * strikes there ends the transaction, or a part of it.
 */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		mlserve_generation++;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		mlserve_forget_dropped(event == XACT_EVENT_COMMIT);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		mlserve_generation++;
}

void
mlserve_register_invalidation(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	/* a membership taken away must be noticed by call sites that scored before */
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, role_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
}

void
mlserve_watch_catalog(void)
{
	for (size_t i = 0; i < lengthof(watched); i++)
		watched[i] = mlcat_relation(watched_tables[i].name);
}

/*
 * Trigger on the watched tables: sends the invalidation with the change's
 * commit, to this server's sessions and through WAL to standbys.
 */
Datum
mlops_forget_routes(PG_FUNCTION_ARGS)
{
	TriggerData *trigger;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"forget_routes\" was not called as a trigger")));
	trigger = (TriggerData *) fcinfo->context;
	CacheInvalidateRelcache(trigger->tg_relation);
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		strcmp(RelationGetRelationName(trigger->tg_relation), "model_version") == 0)
		mlserve_look_for_dropped();
	return PointerGetDatum(NULL);
}

/*
 * Rights are checked before the version is looked for.  Errors: no such model, no
 * right, no such version.
 */
static MlRoute *
find_version(const char *name, int number, MlAction action)
{
	MlCatalogModel model;
	MlCatalogVersion version;

	mlserve_watch_catalog();
	model = mlreg_require(GetUserId(), name, action);
	if (!mlcat_version_by_number(model.model_id, number, &version))
		mlreg_no_such_version(name, number);
	return mlserve_version_route(name, &version);
}

/*
 * "name", "name/3" or "name@alias".  Errors: as find_version, 42704 for an alias,
 * and 55000 where nothing is deployed.
 */
static MlRoute *
find_reference(const char *text, MlAction action)
{
	MlModelReference reference;
	MlCatalogModel model;
	MlCatalogVersion version;

	mlserve_watch_catalog();
	mlreg_parse_reference(text, &reference);
	if (reference.version > 0)
		return find_version(reference.name, reference.version, action);
	model = mlreg_require(GetUserId(), reference.name, action);
	if (reference.alias)
	{
		if (!mlcat_version_by_alias(model.model_id, reference.alias, &version))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("alias \"%s\" of model \"%s\" does not exist",
							mlbase_excerpt(reference.alias), reference.name),
					 errhint("View mlops.aliases lists the aliases there are; "
							 "mlops.set_alias makes one.")));
		return mlserve_version_route(reference.name, &version);
	}
	return mlserve_make_route(reference.name, model.model_id);
}

MlRoute *
mlserve_find(const char *reference, int version, MlAction action)
{
	return version > 0 ? find_version(reference, version, action)
		: find_reference(reference, action);
}

/* The variant that takes what no other one does, loaded and pinned; false if it is corrupt. */
static bool
take_main_variant(MlRoute *route, int elevel, MlResolved *resolved)
{
	MlVariant  *variant = &route->variants[ML_MAIN_VARIANT(route)];

	if (mlserve_load_variant(route, variant, elevel, CurrentMemoryContext) == NULL)
		return false;
	*resolved = variant->resolved;
	return true;
}

bool
mlserve_resolve_sound_version(const char *name, int number, MlAction action, MlResolved *resolved)
{
	return take_main_variant(find_version(name, number, action), WARNING, resolved);
}

/* Who may was asked when the session resolved it. */
const MlModel *
mlserve_take_version(const char *name, int64 version_id)
{
	MlCatalogVersion version;

	if (!mlcat_version_by_id(version_id, &version))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the version of model \"%s\" that scores has been dropped", name)));
	return mlserve_cached_model(name, &version, ERROR, CurrentMemoryContext)->model;
}

void
mlserve_resolve_version(const char *name, int number, MlAction action, MlResolved *resolved)
{
	(void) take_main_variant(find_version(name, number, action), ERROR, resolved);
}

/* Whoever may not score is told that, not which versions there are. */
void
mlserve_check_number(const char *name, int number)
{
	if (number >= 1)
		return;
	mlreg_require(GetUserId(), name, ML_TO_SCORE);
	mlreg_no_such_version(name, number);
}

void
mlserve_resolve(const char *reference, MlAction action, MlResolved *resolved)
{
	(void) take_main_variant(find_reference(reference, action), ERROR, resolved);
}
