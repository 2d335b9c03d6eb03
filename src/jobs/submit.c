/*-------------------------------------------------------------------------
 * submit.c
 *	  What sessions do to jobs: submit, cancel, and note schedules.
 *
 * A note for the launcher is left at the commit of what was submitted, and at
 * the end, however it ends, of what was cancelled while it was queued: workers
 * may have passed over the locked row.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/ingest.h"
#include "mlops/jobs.h"
#include "mlops/registry.h"
#include "jobs/execute.h"
#include "jobs/queue.h"
#include "jobs/shared.h"

/* ---------------------------------------------------------------- notes */

typedef struct PendingNote
{
	Oid			role;
	int			submitted;		/* to be noted at commit */
	int			upkeep;			/* of these, monitors and retrainings */
	bool		touched;		/* to be looked at however this ends */
} PendingNote;

static List *pending_notes;		/* in TopTransactionContext */

/*
 * At the end of a transaction.  A savepoint that was rolled back leaves a note in
 * vain: the worker finds nothing.  What is only touched is noted as one job, so
 * that somebody looks.  Errors: 0A000, PREPARE TRANSACTION, whose end comes in
 * another session.
 */
static void
leave_notes(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (pending_notes == NIL)
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has submitted or cancelled jobs")));
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	foreach(lc, pending_notes)
	{
		PendingNote *note = (PendingNote *) lfirst(lc);
		int			n = event == XACT_EVENT_COMMIT ? note->submitted : 0;

		if ((n > 0 || note->touched) && mlbase_preloaded())
			mljobs_note(MyDatabaseId, note->role, Max(n, 1), n > 0 ? note->upkeep : 0);
	}
	pending_notes = NIL;		/* its memory goes with the transaction */
}

/* In TopTransactionContext, one for each role. */
static PendingNote *
pending_note(Oid role)
{
	static bool registered;
	ListCell   *lc;
	MemoryContext caller;
	PendingNote *note;

	if (!registered)
	{
		RegisterXactCallback(leave_notes, NULL);
		registered = true;
	}
	foreach(lc, pending_notes)
	{
		note = (PendingNote *) lfirst(lc);
		if (note->role == role)
			return note;
	}
	caller = MemoryContextSwitchTo(TopTransactionContext);
	note = palloc0(sizeof(PendingNote));
	note->role = role;
	pending_notes = lappend(pending_notes, note);
	MemoryContextSwitchTo(caller);
	return note;
}

/* ---------------------------------------------------------------- submit */

/*
 * Errors: 55000 not preloaded, 25006 read-only or a standby, 42501 in an operation
 * that is restricted, 25000 parallel.
 */
static void
refuse_on_standby(const char *what)
{
	mlbase_require_preload(what);
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", what),
				 errhint("Connect to the primary server; jobs run there.")));
	mlbase_require_writable(what);
}

/* Errors: 28000, a role that cannot log in. */
static void
check_role(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can_login = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (!can_login)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" is not permitted to log in", GetUserNameFromId(role, true)),
				 errdetail("A job runs in a worker that connects as the role that submitted it."),
				 errhint("Submit it as a role with LOGIN, for example after RESET ROLE.")));
}

/*
 * Jobs and schedules of a model stand among those that whoever works with it
 * sees: nobody else may put them there.  A model that is to be made has no rights yet.
 */
static void
check_model(const char *name)
{
	MlCatalogModel model;

	mlreg_check_name(name);
	if (mlcat_model_by_name(name, &model))
		mlreg_check_right(GetUserId(), name, &model, ML_TO_INSPECT);
}

/* It is parsed, not analysed: what it names need not exist yet. */
void
mljobs_check_statement(const char *statement)
{
	(void) mljobs_parse(statement);
}

/*
 * Errors: 22023, 42P16 the job would read a temporary table; the parser's, and
 * those of check_model.
 */
static void
check_request(const MlJobRequest *request)
{
	const char *temporary = mljobs_temporary_relation(mljobs_parse(request->command));

	if (temporary)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("the job reads or writes the temporary table or view \"%s\"", temporary),
				 errdetail("It runs in a session of its own, in which there is none."),
				 errhint("Use a permanent table or view.")));
	if (request->max_retries < 0 || request->max_retries > 100)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_retries\" must be between 0 and 100, not %d", request->max_retries)));
	if (request->key && request->key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"key\" must not be empty")));
	if (request->key && strlen(request->key) > ML_BOUNDED_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"key\" must have at most %d bytes, not %zu", ML_BOUNDED_BYTES, strlen(request->key))));
	if (request->model)
		check_model(request->model);
}

/* The time limit, NULL for none; the setting's if none was given. */
static Interval *
time_limit(const Interval *asked)
{
	Interval   *limit;

	if (asked == NULL && mlops_guc_job_timeout == 0)
		return NULL;
	limit = palloc0(sizeof(Interval));
	if (asked)
		*limit = *asked;
	else
		limit->time = (TimeOffset) mlops_guc_job_timeout * 1000;
	if (limit->time < 0 || limit->day < 0 || limit->month < 0 ||
		limit->time / 1000.0 + (limit->day + 30.0 * limit->month) * SECS_PER_DAY * 1000 > PG_INT32_MAX ||
		(limit->time < 1000 && limit->day == 0 && limit->month == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"timeout\" must be between 1 millisecond and 24 days")));
	return limit;
}

/* The unfinished job of a role with a key, 0: none. */
static int64
unfinished_job(Oid role, const char *key)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(key)};
	bool		isnull;

	if (mlcat_execute("SELECT job_id FROM mlops_catalog.job WHERE owner OPERATOR(pg_catalog.=) $1 "
					  "AND key OPERATOR(pg_catalog.=) $2 "
					  "AND state OPERATOR(pg_catalog.=) ANY ('{queued,starting,running}') "
					  "ORDER BY job_id LIMIT 1", 2, types, values, NULL) == 0)
		return 0;
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * The person behind a job, 0: nobody knows.  pg_cron opens a session as the role of a schedule: what
 * that submits, word for word, is whoever's who scheduled it.
 */
static Oid
person_behind(const MlJobRequest *request, Oid role, bool *in_person)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(request->command),
	request->key ? CStringGetTextDatum(request->key) : (Datum) 0};
	bool		isnull;

	*in_person = mlbase_in_person();
	if (request->key == NULL || mlbase_person() != role ||
		mlcat_execute("SELECT person::oid FROM mlops_catalog.schedule WHERE owner OPERATOR(pg_catalog.=) $1 "
					  "AND command OPERATOR(pg_catalog.=) $2 AND ('schedule ' OPERATOR(pg_catalog.||) name) OPERATOR(pg_catalog.=) $3",
					  3, types, values, NULL) == 0)
		return mlbase_person_is_known() ? mlbase_person() : InvalidOid;
	*in_person = true;
	return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * Its number.  In a scope that is open, whose owner may write the tables.  Errors:
 * 22023, a time limit that is out of range.
 */
static int64
insert_job(const MlJobRequest *request, Oid role, Jsonb *settings)
{
	Interval   *limit = time_limit(request->timeout);
	Oid			types[] = {TEXTOID, OIDOID, TEXTOID, INT4OID, TEXTOID, JSONBOID, INTERVALOID, INT4OID, BOOLOID, OIDOID, BOOLOID};
	Datum		values[11];
	char		nulls[11];
	bool		in_person;
	bool		isnull;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(request->command);
	values[1] = ObjectIdGetDatum(role);
	values[2] = request->model ? CStringGetTextDatum(request->model) : (Datum) 0;
	values[3] = Int32GetDatum(request->priority);
	values[4] = request->key ? CStringGetTextDatum(request->key) : (Datum) 0;
	values[5] = settings ? JsonbPGetDatum(settings) : (Datum) 0;
	values[6] = limit ? IntervalPGetDatum(limit) : (Datum) 0;
	values[7] = Int32GetDatum(request->max_retries);
	values[8] = BoolGetDatum(request->unattended);
	values[9] = ObjectIdGetDatum(person_behind(request, role, &in_person));
	values[10] = BoolGetDatum(in_person);
	nulls[2] = request->model ? ' ' : 'n';
	nulls[4] = request->key ? ' ' : 'n';
	nulls[5] = settings ? ' ' : 'n';
	nulls[6] = limit ? ' ' : 'n';
	return DatumGetInt64(mlcat_execute_value(
		"WITH made AS (INSERT INTO mlops_catalog.job "
		"(command, owner, model, priority, key, settings, timeout, max_retries, unattended, person, in_person) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING job_id, owner, submitted_at), "
		"noted AS (INSERT INTO mlops_catalog.job_event (job_id, event, attempt, role, at) "
		"SELECT job_id, 'queued', 0, owner, submitted_at FROM made) "
		"SELECT job_id FROM made", 11, types, values, nulls, &isnull));
}

/*
 * Submissions with a key that is skipped wait for each other, so that the second
 * sees the job of the first.
 */
int64
mljobs_submit(const MlJobRequest *request)
{
	Oid			role = GetUserId();
	Jsonb	   *settings;
	MlCatalogScope scope;
	int64		other = 0;
	int64		job_id = 0;

	refuse_on_standby("mlops.submit()");
	check_request(request);
	check_role(role);
	settings = mljobs_session_settings();

	mljobs_require_trusted("mlops.submit()");
	mlcat_begin(&scope);
	if (request->key && request->skip)
	{
		mljobq_lock_submission(role, request->key);
		other = unfinished_job(role, request->key);
	}
	if (other != 0)
		mljobq_add_event(other, "skipped", role);
	else
		job_id = insert_job(request, role, settings);
	mlcat_end(&scope);

	if (other != 0)
		ereport(NOTICE,
				(errmsg("skipped: job %lld with key \"%s\" has not ended", (long long) other,
						request->key)));
	else
		pending_note(role)->submitted++;
	return job_id;
}

/* In the transaction of mljobs_submit: their note for the launcher is one. */
void
mljobs_mark_upkeep(Oid role, int64 job_id, Oid person)
{
	Oid			types[] = {INT8OID, OIDOID};
	Datum		values[] = {Int64GetDatum(job_id), ObjectIdGetDatum(person)};
	MlCatalogScope scope;

	mlcat_begin(&scope);
	mlcat_execute("UPDATE mlops_catalog.job SET upkeep = true, person = $2, in_person = true WHERE job_id OPERATOR(pg_catalog.=) $1", 2, types, values, NULL);
	mlcat_end(&scope);
	pending_note(role)->upkeep++;
}

/* ---------------------------------------------------------------- cancel */

/* Does not return: 42704.  As result() and wait() answer, also of a job that one may not see. */
static void
no_such_job(int64 job_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("job %lld does not exist", (long long) job_id),
			 errhint("View mlops.jobs lists the jobs you may see.")));
}

/* State of a job that the current user may cancel: those are the ones that he sees. */
static char *
state_for_cancel(int64 job_id, Oid user, Oid *owner)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(job_id)};
	HeapTuple	row;
	bool		isnull;
	Oid			model_owner;

	if (mlcat_execute("SELECT j.owner::oid, j.state, m.owner::oid FROM mlops_catalog.job AS j "
					  "LEFT JOIN mlops_catalog.model AS m ON m.name OPERATOR(pg_catalog.=) j.model "
					  "AND m.created_at OPERATOR(pg_catalog.<=) j.submitted_at "
					  "WHERE j.job_id OPERATOR(pg_catalog.=) $1", 1, types, values, NULL) == 0)
		no_such_job(job_id);
	row = SPI_tuptable->vals[0];
	*owner = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
	model_owner = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull));
	if (!has_privs_of_role(user, *owner) && (isnull || !has_privs_of_role(user, model_owner)))
		no_such_job(job_id);
	return SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
}

/* False if the job was not queued any more. */
static bool
cancel_queued(int64 job_id, Oid user)
{
	Oid			types[] = {INT8OID, OIDOID};
	Datum		values[] = {Int64GetDatum(job_id), ObjectIdGetDatum(user)};

	return mlcat_execute("WITH changed AS (UPDATE mlops_catalog.job SET state = 'cancelled', "
						 "ended_at = pg_catalog.clock_timestamp() "
						 "WHERE job_id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'queued' "
						 "RETURNING job_id, attempts, ended_at) "
						 "INSERT INTO mlops_catalog.job_event (job_id, event, attempt, role, at) "
						 "SELECT job_id, 'cancelled', attempts, $2, ended_at FROM changed",
						 2, types, values, NULL) == 1;
}

/*
 * A queued job is cancelled in this transaction, a running one at once.  One
 * that changes from one to the other meanwhile is looked at again.
 */
bool
mljobs_cancel(int64 job_id)
{
	Oid			user = GetUserId();
	MlCatalogScope scope;
	bool		cancelled = false;

	refuse_on_standby("mlops.cancel()");
	mlcat_begin(&scope);
	for (int tries = 0; tries < 100 && !cancelled; tries++)
	{
		Oid			owner;
		char	   *state = state_for_cancel(job_id, user, &owner);

		if (strcmp(state, "queued") == 0)
		{
			/* before the row is locked, so that no error leaves it unlooked at */
			pending_note(owner)->touched = true;
			cancelled = cancel_queued(job_id, user);
		}
		else if (strcmp(state, "starting") == 0 || strcmp(state, "running") == 0)
		{
			if (mljobs_is_held(job_id))
			{
				mljobq_add_event(job_id, "cancel requested", user);
				cancelled = mljobs_signal_cancel(job_id);
			}
			else
				pg_usleep(5000);	/* it is just ending, or crashed a moment ago */
		}
		else
			break;
		CHECK_FOR_INTERRUPTS();
	}
	mlcat_end(&scope);
	return cancelled;
}

bool
mljobs_end_lost(int64 job_id, bool may_retry)
{
	MlCatalogScope scope;
	Oid			owner;

	mlcat_begin(&scope);
	owner = mljobq_reap_one(job_id, may_retry);
	mlcat_end(&scope);
	/* for the job, if it is tried again, and for those that it kept waiting */
	if (OidIsValid(owner))
		pending_note(owner)->touched = true;
	return OidIsValid(owner);
}

/* ---------------------------------------------------------------- schedules */

/* The time limit is recorded as it was given: the setting's holds when it is submitted. */
void
mljobs_record_schedule(const char *name, const char *cron, const MlJobRequest *request, int64 cron_job_id)
{
	Oid			role = GetUserId();
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INTERVALOID, INT4OID, INT4OID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(name),
		CStringGetTextDatum(cron), CStringGetTextDatum(request->command), Int64GetDatum(cron_job_id),
		IntervalPGetDatum(request->timeout), Int32GetDatum(request->max_retries), Int32GetDatum(request->priority),
	request->model ? CStringGetTextDatum(request->model) : (Datum) 0};
	char		nulls[] = {' ', ' ', ' ', ' ', ' ', request->timeout ? ' ' : 'n', ' ', ' ', request->model ? ' ' : 'n'};
	MlCatalogScope scope;

	mlbase_require_in_person("mlops.schedule()");
	check_request(request);
	(void) time_limit(request->timeout);
	if (mljobs_next_cron_run(cron, GetCurrentTimestamp(), pg_tzset("GMT")) == DT_NOBEGIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid cron expression \"%s\"", mlbase_excerpt(cron))));
	check_role(role);
	mlcat_begin(&scope);
	mlcat_execute("INSERT INTO mlops_catalog.schedule (owner, name, cron, command, cron_job_id, timeout, max_retries, priority, model) "
				  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (owner, name) DO UPDATE "
				  "SET cron = EXCLUDED.cron, command = EXCLUDED.command, cron_job_id = EXCLUDED.cron_job_id, timeout = EXCLUDED.timeout, "
				  "max_retries = EXCLUDED.max_retries, priority = EXCLUDED.priority, model = EXCLUDED.model, person = EXCLUDED.person",
				  9, types, values, nulls);
	mlcat_end(&scope);
}

/* Not pg_cron's own job, which the caller removes. */
bool
mljobs_forget_schedule(const char *name, Oid owner)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(owner), CStringGetTextDatum(name)};
	MlCatalogScope scope;
	uint64		n;

	if (!has_privs_of_role(GetUserId(), owner))
		return false;
	mlcat_begin(&scope);
	n = mlcat_execute("DELETE FROM mlops_catalog.schedule WHERE owner OPERATOR(pg_catalog.=) $1 "
					  "AND name OPERATOR(pg_catalog.=) $2", 2, types, values, NULL);
	mlcat_end(&scope);
	return n > 0;
}

/* A request as it is recorded for the current role, and in the caller's memory. */
static void
read_schedule(const char *name, MlJobRequest *request)
{
	Oid			role = GetUserId();
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(role), CStringGetTextDatum(name)};
	MemoryContext caller = CurrentMemoryContext;
	MlCatalogScope scope;
	bool		nulls[5];
	Datum		found[5];

	mlcat_begin(&scope);
	if (mlcat_execute("SELECT command, timeout, max_retries, priority, model FROM mlops_catalog.schedule "
					  "WHERE owner OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
					  2, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" has no schedule \"%s\"", GetUserNameFromId(role, false), mlbase_excerpt(name)),
				 errdetail("pg_cron keeps the name of a role. If the role that made the schedule was renamed or dropped, "
						   "another one may have its name, but its schedules run for that role only."),
				 errhint("A superuser ends such a job in pg_cron's database: SELECT cron.unschedule(jobid) FROM cron.job WHERE ...")));
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, found, nulls);
	MemoryContextSwitchTo(caller);
	request->command = TextDatumGetCString(found[0]);
	request->timeout = nulls[1] ? NULL : DatumGetIntervalP(datumCopy(found[1], false, sizeof(Interval)));
	request->max_retries = DatumGetInt32(found[2]);
	request->priority = DatumGetInt32(found[3]);
	request->model = nulls[4] ? NULL : TextDatumGetCString(found[4]);
	mlcat_end(&scope);
}

/* Skipped while a job of the schedule has not ended. */
int64
mljobs_submit_schedule(const char *name)
{
	MlJobRequest request = {.key = psprintf("schedule %s", name), .skip = true, .unattended = true};

	refuse_on_standby("mlops.schedule()");
	read_schedule(name, &request);
	return mljobs_submit(&request);
}
