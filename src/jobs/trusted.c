/*-------------------------------------------------------------------------
 * trusted.c
 *	  Is the catalog a superuser's?
 *
 * Its functions run in workers of ours that are connected as superuser, and its
 * rows say as which role a job runs.  Who owns one of the functions or tables, or
 * may put another function beside them, would have the rights of all of these
 * once he is no superuser himself.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "mlops/base.h"
#include "mlops/jobs.h"

/* PostgreSQL's catalog alone: nothing of ours is run. */
static const char *const query =
"WITH ours AS MATERIALIZED (SELECT e.oid, e.extowner FROM pg_extension AS e WHERE e.extname = 'mlops'), "
"plain AS MATERIALIZED (SELECT r.oid FROM pg_roles AS r WHERE NOT r.rolsuper), "
"space AS MATERIALIZED (SELECT n.* FROM pg_namespace AS n WHERE n.nspname IN ('mlops', 'mlops_catalog')) "
"SELECT format('%s role \"%s\", who is no superuser: nothing runs by itself, nor as a job, for it would run with others'' rights; %s', "
"f.what, CASE WHEN f.role = 0 THEN 'public' ELSE pg_get_userbyid(f.role)::text END, f.remedy) FROM ("
"SELECT 1 AS place, 'extension \"mlops\" belongs to' AS what, o.extowner AS role, "
"format('make it a superuser again, or have a superuser run REASSIGN OWNED BY %I TO his own role', pg_get_userbyid(o.extowner)) AS remedy "
"FROM ours AS o WHERE o.extowner IN (SELECT p.oid FROM plain AS p) "
"UNION ALL SELECT 2, format('schema \"%s\" belongs to', s.nspname), s.nspowner, 'see mlops.check_catalog()' "
"FROM space AS s WHERE s.nspowner IN (SELECT p.oid FROM plain AS p) "
"UNION ALL SELECT 3, format('objects in schema \"%s\" may be created by', s.nspname), a.grantee, 'see mlops.check_catalog()' "
"FROM space AS s CROSS JOIN LATERAL aclexplode(s.nspacl) AS a "
"WHERE a.privilege_type = 'CREATE' AND (a.grantee = 0 OR a.grantee IN (SELECT p.oid FROM plain AS p)) "
"UNION ALL SELECT 4, format('function %s belongs to', f.oid::regprocedure), f.proowner, 'see mlops.check_catalog()' "
"FROM pg_proc AS f WHERE f.pronamespace IN (SELECT s.oid FROM space AS s) AND f.proowner IN (SELECT p.oid FROM plain AS p) "
"UNION ALL SELECT 5, format('%s belongs to', c.oid::regclass), c.relowner, 'see mlops.check_catalog()' "
"FROM pg_class AS c WHERE c.relnamespace IN (SELECT s.oid FROM space AS s) AND c.relkind IN ('r', 'p', 'v', 'S') "
"AND c.relowner IN (SELECT p.oid FROM plain AS p) "
"UNION ALL SELECT 6, format('trigger \"%s\" of %s runs a function of', t.tgname, c.oid::regclass), f.proowner, 'drop it' "
"FROM pg_class AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid JOIN pg_proc AS f ON f.oid = t.tgfoid "
"WHERE c.relnamespace IN (SELECT s.oid FROM space AS s) AND f.proowner IN (SELECT p.oid FROM plain AS p)) AS f "
"ORDER BY f.place, f.what LIMIT 1";

/*
 * In the current memory context; of several reasons the first, in the order of the
 * query.
 */
char *
mljobs_distrust(void)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nest_level = NewGUCNestLevel();
	char	   *reason = NULL;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at who owns the catalog");
	if (SPI_processed > 0)
		reason = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return reason;
}

void
mljobs_require_trusted(const char *what)
{
	char	   *reason = mljobs_distrust();

	if (reason)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot execute %s: the catalog of mlops does not belong to superusers alone", what),
				 errdetail("%s.", reason),
				 errhint("mlops.check_catalog() says what to do.")));
}
