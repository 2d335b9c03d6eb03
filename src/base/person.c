/*-------------------------------------------------------------------------
 * person.c
 *	  Who is behind what is done, for whom four eyes count.
 *
 * That a session asks for something is judged where a call of ours begins, and
 * held in a setting that only the library sets, so that it ends with the call:
 * what we run within as the catalog's owner, or as a role, is asked for by the
 * same.  There code of others only reads (ML_REACH_HARMLESS).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "mlops/base.h"

static Oid	acts_for;			/* in a worker, 0: for nobody, or nobody knows for whom */
static bool acts_in_person = true;

Oid
mlbase_person(void)
{
	return OidIsValid(acts_for) ? acts_for : GetSessionUserId();
}

/* Until the next call, across transactions and errors. */
void
mlbase_act_for(Oid person, bool in_person)
{
	acts_for = person;
	acts_in_person = in_person;
}

/* Client sessions are a person's; so are parallel workers, in which nothing is written. */
bool
mlbase_person_is_known(void)
{
	return MyProcPort != NULL || IsParallelWorker() || OidIsValid(acts_for);
}

/*
 * The bits that PostgreSQL sets around a SECURITY DEFINER function stay for what
 * that calls.  They count also where it is of the role that the session has taken:
 * another member of that role may have written it.  The same holds for triggers.
 */
static MlCaller
judge(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	if (context & SECURITY_RESTRICTED_OPERATION)
		return ML_CALLER_RESTRICTED;
	if ((context & SECURITY_LOCAL_USERID_CHANGE) || user != GetOuterUserId() ||
		DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0)
		return ML_CALLER_CODE;
	return ML_CALLER_SESSION;
}

MlCaller
mlbase_caller(void)
{
	return mlops_guc_caller != ML_CALLER_NOT_JUDGED ? (MlCaller) mlops_guc_caller : judge();
}

void
mlbase_keep_caller(MlCaller caller, bool for_session)
{
	char		value[12];

	if (mlops_guc_caller == (int) caller)
		return;
	snprintf(value, sizeof(value), "%d", (int) caller);
	if (for_session)
		SetConfigOption("mlops.caller", value, PGC_INTERNAL, PGC_S_OVERRIDE);
	else
		(void) set_config_option("mlops.caller", value, PGC_INTERNAL, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* Known, told so by the job if it is one, and called by the session itself. */
bool
mlbase_in_person(void)
{
	return mlbase_person_is_known() && acts_in_person && mlbase_caller() == ML_CALLER_SESSION;
}

/* Errors: 42501, which says which of these does not hold. */
void
mlbase_require_in_person(const char *what)
{
	if (!mlbase_person_is_known())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot execute %s: who is behind this session is not known", what),
				 errdetail("A background worker, pg_cron's for example, opened it as role \"%s\". "
						   "Whoever may take that role can have scheduled it.", GetUserNameFromId(GetSessionUserId(), true)),
				 errhint("Call it in a session that a person opened, or have mlops.schedule() do it, which records who that is.")));
	if (!mlbase_in_person())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot execute %s: it was not the session itself that called it", what),
				 acts_in_person ?
				 errdetail("It was called within a trigger or a SECURITY DEFINER function: whoever wrote that, "
						   "not who runs into it, may be behind it.") :
				 errdetail("A trigger or a SECURITY DEFINER function submitted this job: whoever wrote that, "
						   "not who ran into it, may be behind it."),
				 errhint("Call it by a statement of your own.")));
}

/* Errors: 42501. */
void
mlbase_refuse_restricted(const char *what)
{
	if (mlbase_caller() == ML_CALLER_RESTRICTED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot execute %s within security-restricted operation", what),
				 errdetail("Maintenance of a table or an index, ANALYZE for example, and the query of a materialized view "
						   "run code of others for who did not ask for it."),
				 errhint("Call it by a statement of your own.")));
}
