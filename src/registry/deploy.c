/*-------------------------------------------------------------------------
 * deploy.c
 *	  Which version a model's name answers with.
 *
 * A deployment is a row that is never changed; the route is what scoring
 * reads.  Both change in the caller's transaction, under a lock on the model's
 * row, so that two deployments at once serialise and a rollback leaves nothing.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "mlops/registry.h"

static void
lock_row(int64 model_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(model_id)};

	mlcat_execute("SELECT 1 FROM mlops_catalog.model WHERE model_id OPERATOR(pg_catalog.=) $1 FOR UPDATE",
				  1, types, values, NULL);
}

static void
audit_deployment(Oid user, const char *name, int version, const char *action,
				 const char *strategy, const double *threshold, const char *note,
				 int64 deployment_id)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"deployment_id\": %lld, \"strategy\": \"%s\", \"threshold\": ",
					 (long long) deployment_id, strategy);
	if (threshold)
		appendStringInfo(&detail, "%.17g", *threshold);
	else
		appendStringInfoString(&detail, "null");
	appendStringInfoString(&detail, ", \"note\": ");
	if (note)
		escape_json(&detail, note);
	else
		appendStringInfoString(&detail, "null");
	appendStringInfoChar(&detail, '}');
	mlreg_audit(user, action, name, version, detail.data);
	pfree(detail.data);
}

int64
mlreg_deploy(const char *name, int version, const char *action,
			 const char *strategy, const double *threshold, const char *note)
{
	MlCatalogModel model = mlreg_require(GetUserId(), name, ML_TO_DEPLOY);
	MlCatalogVersion row;
	MlCatalogScope scope;
	Oid			user = GetUserId();
	int64		deployment_id;
	bool		isnull;

	if (strcmp(strategy, "direct") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized deployment strategy \"%s\"", strategy),
				 errhint("Valid strategies are: direct.")));
	if (threshold && !(*threshold >= 0 && *threshold <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold %g is out of range", *threshold),
				 errdetail("It must be between 0 and 1.")));
	if (!mlcat_version_by_number(model.model_id, version, &row))
		mlreg_no_such_version(name, version);

	mlcat_begin(&scope);
	lock_row(model.model_id);
	{
		Oid			types[] = {INT8OID, INT8OID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID, OIDOID};
		Datum		values[] = {Int64GetDatum(model.model_id), Int64GetDatum(row.version_id),
			CStringGetTextDatum(action), CStringGetTextDatum(strategy),
			Float8GetDatum(threshold ? *threshold : 0),
			note ? CStringGetTextDatum(note) : (Datum) 0, ObjectIdGetDatum(user)};
		char		nulls[] = {' ', ' ', ' ', ' ', threshold ? ' ' : 'n', note ? ' ' : 'n', ' '};

		deployment_id = DatumGetInt64(mlcat_execute_value(
														  "INSERT INTO mlops_catalog.deployment (model_id, version_id, action, strategy, "
														  "threshold, note, deployed_by) VALUES ($1, $2, $3, $4, $5, $6, $7::regrole) "
														  "RETURNING deployment_id", 7, types, values, nulls, &isnull));
	}
	{
		Oid			types[] = {INT8OID, INT8OID, FLOAT8OID, INT8OID};
		Datum		values[] = {Int64GetDatum(model.model_id), Int64GetDatum(row.version_id),
		Float8GetDatum(threshold ? *threshold : 0), Int64GetDatum(deployment_id)};
		char		nulls[] = {' ', ' ', threshold ? ' ' : 'n', ' '};

		mlcat_execute("INSERT INTO mlops_catalog.deployment_route "
					  "(model_id, variant, version_id, percent, threshold, deployment_id) "
					  "VALUES ($1, 'primary', $2, 100, $3, $4) "
					  "ON CONFLICT (model_id, variant) DO UPDATE SET version_id = excluded.version_id, "
					  "percent = excluded.percent, threshold = excluded.threshold, "
					  "deployment_id = excluded.deployment_id",
					  4, types, values, nulls);
	}
	mlcat_end(&scope);
	audit_deployment(user, name, version, action, strategy, threshold, note, deployment_id);
	return deployment_id;
}

int64
mlreg_rollback(const char *name, int version, const char *reason)
{
	MlCatalogModel model = mlreg_require(GetUserId(), name, ML_TO_DEPLOY);

	if (version == 0)
	{
		MlCatalogScope scope;
		Oid			types[] = {INT8OID};
		Datum		values[] = {Int64GetDatum(model.model_id)};
		bool		isnull;

		mlcat_begin(&scope);
		lock_row(model.model_id);

		/*
		 * The version that was live before the present one went live: walk
		 * back over deployments, past those that a rollback has undone.
		 */
		mlcat_execute(
					  "WITH live AS (SELECT version_id FROM mlops_catalog.deployment_route "
					  "  WHERE model_id OPERATOR(pg_catalog.=) $1 AND variant OPERATOR(pg_catalog.=) 'primary'), "
					  "went_live AS (SELECT COALESCE(pg_catalog.max(deployment_id) "
					  "    FILTER (WHERE d.action OPERATOR(pg_catalog.=) 'deploy'), "
					  "    pg_catalog.max(deployment_id)) AS id FROM mlops_catalog.deployment d, live "
					  "  WHERE d.model_id OPERATOR(pg_catalog.=) $1 "
					  "    AND d.version_id OPERATOR(pg_catalog.=) live.version_id) "
					  "SELECT v.version FROM mlops_catalog.deployment d "
					  "JOIN mlops_catalog.model_version v ON v.version_id OPERATOR(pg_catalog.=) d.version_id, "
					  "  live, went_live "
					  "WHERE d.model_id OPERATOR(pg_catalog.=) $1 "
					  "  AND d.version_id OPERATOR(pg_catalog.<>) live.version_id "
					  "  AND d.deployment_id OPERATOR(pg_catalog.<) went_live.id "
					  "ORDER BY d.deployment_id DESC LIMIT 1",
					  1, types, values, NULL);
		if (SPI_processed == 1)
			version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		mlcat_end(&scope);
		if (version == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("model \"%s\" has no earlier deployment to go back to", name),
					 errhint("View mlops.deployment_history lists its deployments.")));
	}
	return mlreg_deploy(name, version, "rollback", "direct", NULL, reason);
}
