/*-------------------------------------------------------------------------
 * uninstall.c
 *	  What DROP EXTENSION takes along, said before it does; and DROP SCHEMA and DROP
 *	  OWNED where they take the extension along.
 *
 * PostgreSQL asks for CASCADE where something depends on the extension, not where
 * its own tables are full: models, decisions and the audit log go without a word.
 * An event trigger would be too late: by sql_drop there is nothing left to count.
 * It is never in the way: whatever goes wrong here, the extension can be dropped.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/user.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/registry.h"

static ProcessUtility_hook_type next_process_utility;

/* Who has more waits for no count of it. */
#define MOST_COUNTED 100000

/* What there is to lose. */
typedef struct Contents
{
	List	   *owners;			/* of DROP OWNED, RoleSpec *; NIL: another statement */
	int64		models;
	int64		runs;
	int64		decisions;
	int64		schedules;
} Contents;

static int64
number(int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull));
}

/* arg: the Contents. */
static void
count(void *arg)
{
	Contents   *contents = arg;
	MlCatalogScope scope;
	Oid			type = INT4OID;
	Datum		most = Int32GetDatum(MOST_COUNTED + 1);

	/* who may not drop it need not know what there is */
	if (!has_privs_of_role(GetUserId(), mlcat_owner()))
		return;
	/* what the role of initdb owns is not dropped so */
	if (contents->owners &&
		(!list_member_oid(roleSpecsToIds(contents->owners), mlcat_owner()) || IsPinnedObject(AuthIdRelationId, mlcat_owner())))
		return;
	mlcat_begin(&scope);
	(void) mlcat_execute("SELECT (SELECT pg_catalog.count(*) FROM (SELECT FROM mlops_catalog.model LIMIT $1) AS m), "
						 "(SELECT pg_catalog.count(*) FROM (SELECT FROM mlops_catalog.run LIMIT $1) AS r), "
						 "(SELECT pg_catalog.count(*) FROM (SELECT FROM mlops_catalog.prediction UNION ALL SELECT FROM mlops_catalog.imported_decision LIMIT $1) AS p), "
						 "(SELECT pg_catalog.count(*) FROM (SELECT FROM mlops_catalog.schedule LIMIT $1) AS s)", 1, &type, &most, NULL);
	contents->models = number(1);
	contents->runs = number(2);
	contents->decisions = number(3);
	contents->schedules = number(4);
	mlcat_end(&scope);
}

/* No lock of what is counted is kept while the extension is waited for. */
static bool
try_to_count(Contents *contents)
{
	ErrorData  *error = mlbase_try(count, contents, LockTimeout, false);

	/* who cancels means the statement */
	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION))
		ReThrowError(error);
	return error == NULL;
}

/* "1 model", "7 models", "more than 100000 models" */
static char *
counted(int64 n, const char *one)
{
	return psprintf("%s%lld %s%s", n > MOST_COUNTED ? "more than " : "", (long long) Min(n, MOST_COUNTED), one, n == 1 ? "" : "s");
}

static void
warn(List *owners)
{
	Contents	contents = {owners};

	if (!OidIsValid(get_extension_oid("mlops", true)) || XactReadOnly || !try_to_count(&contents))
		return;
	if (contents.models + contents.runs + contents.decisions + contents.schedules == 0)
		return;
	ereport(WARNING,
			(errmsg("dropping extension \"mlops\" deletes %s, %s, %s with their labels, and the audit log",
					counted(contents.models, "model"), counted(contents.runs, "run"), counted(contents.decisions, "decision")),
			 contents.schedules > 0
			 ? errdetail("%s %s left to pg_cron, which goes on calling what is not there.", counted(contents.schedules, "schedule"),
						 contents.schedules == 1 ? "is" : "are") : 0,
			 errhint("Page \"operations\" says what to keep before, and how to end schedules. In a transaction, ROLLBACK takes it back.")));
}

static bool
is_among(const List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(strVal(lfirst(lc)), name) == 0)
			return true;
	}
	return false;
}

/* Does a statement drop the extension, or what that needs: its schema, the language of its functions? */
static bool
drops_us(const DropStmt *statement)
{
	bool		cascades = statement->behavior == DROP_CASCADE;

	switch (statement->removeType)
	{
		case OBJECT_EXTENSION:
			return is_among(statement->objects, "mlops") || (cascades && is_among(statement->objects, "plpgsql"));
		case OBJECT_SCHEMA:
			return cascades && is_among(statement->objects, "mlops");
		default:
			return false;
	}
}

static void
warn_before(PlannedStmt *statement, const char *query, bool read_only, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *node = statement->utilityStmt;

	if (IsA(node, DropOwnedStmt))
		warn(((DropOwnedStmt *) node)->roles);
	else if (IsA(node, DropStmt) && drops_us((DropStmt *) node))
		warn(NIL);
	if (next_process_utility)
		next_process_utility(statement, query, read_only, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, query, read_only, context, params, environment, dest, completion);
}

void
mlreg_warn_of_uninstall(void)
{
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = warn_before;
}
