/*-------------------------------------------------------------------------
 * queue.c
 *	  The job table and its transitions; see jobs/queue.h.
 *
 * A job is claimed by a row lock that others skip.  Its key is locked with a
 * lock of PostgreSQL's lock manager that users cannot name (an object of the
 * job table), held by the session of the worker until the job has ended.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/compat.h"
#include "jobs/queue.h"
#include "jobs/shared.h"

#define SUBMIT_LOCK 1			/* of a key, by who submits */
#define RUN_LOCK 2				/* of a key, by who runs */

/* ---------------------------------------------------------------- keys */

/*
 * Two keys may have one tag, by their hashes: then their jobs run one after the
 * other, which does no harm.
 */
static void
key_tag(LOCKTAG *tag, Oid role, const char *key, uint16 kind)
{
	uint32		hash = hash_combine(hash_bytes((const unsigned char *) key, strlen(key)),
									hash_bytes_uint32(role));

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, mlcat_relation("job"), hash, kind);
}

/* Waits as long as whoever has it keeps the transaction open. */
void
mljobq_lock_submission(Oid role, const char *key)
{
	LOCKTAG		tag;

	key_tag(&tag, role, key, SUBMIT_LOCK);
	LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Held by the session, so beyond the transaction.  False if another worker has it. */
static bool
try_lock_key(MlJob *job)
{
	key_tag(&job->key_lock, GetSessionUserId(), job->key, RUN_LOCK);
	return LockAcquire(&job->key_lock, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* A transaction that is rolled back, also by a procedure, has let go of it already. */
void
mljobq_unlock_key(const MlJob *job)
{
	if (job->key && mlcompat_lock_held(&job->key_lock, ExclusiveLock))
		LockRelease(&job->key_lock, ExclusiveLock, true);
}

/* ---------------------------------------------------------------- helpers */

/* Parameters of a statement, added one by one. */
typedef struct Parameters
{
	int			n;
	Oid			types[16];
	Datum		values[16];
	char		nulls[16];
} Parameters;

/* value must live until the statement is run. */
static void
add(Parameters *p, Oid type, Datum value, bool isnull)
{
	Assert(p->n < 16);
	p->types[p->n] = type;
	p->values[p->n] = value;
	p->nulls[p->n++] = isnull ? 'n' : ' ';
}

static void
add_text(Parameters *p, const char *value)
{
	add(p, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

/* Somebody else's words. */
static void
add_cut(Parameters *p, const char *value)
{
	add_text(p, value ? mlbase_cut(value) : NULL);
}

/*
 * Number of rows.  SPI_tuptable has them until the next statement; the table itself
 * lives until the scope ends.
 */
static uint64
run(const char *sql, Parameters *p)
{
	return mlcat_execute(sql, p->n, p->types, p->values, p->nulls);
}

/* Of the first row; columns count from 1. */
static Datum
field(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* A text field copied to a context, NULL for NULL. */
static char *
text_field(int column, MemoryContext context)
{
	bool		isnull;
	Datum		value = field(column, &isnull);

	return isnull ? NULL : MemoryContextStrdup(context, TextDatumGetCString(value));
}

/* In a scope that is open. */
void
mljobq_add_event(int64 job_id, const char *event, Oid role)
{
	Parameters	p = {0};

	add(&p, INT8OID, Int64GetDatum(job_id), false);
	add_text(&p, event);
	add(&p, OIDOID, ObjectIdGetDatum(role), false);
	run("INSERT INTO mlops_catalog.job_event (job_id, event, attempt, role) "
		"SELECT job_id, $2, attempts, $3 FROM mlops_catalog.job WHERE job_id OPERATOR(pg_catalog.=) $1", &p);
}

/* ---------------------------------------------------------------- claiming */

/* Reads the claimed row, the only one of SPI's table. */
static MlJob *
read_job(MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	MlJob	   *job = palloc0(sizeof(MlJob));
	bool		isnull;
	Datum		value;

	job->job_id = DatumGetInt64(field(1, &isnull));
	job->command = text_field(2, context);
	job->key = text_field(3, context);
	value = field(4, &isnull);
	if (!isnull)
		job->settings = DatumGetJsonbPCopy(value);
	job->timeout_ms = DatumGetInt64(field(5, &isnull));
	job->attempt = DatumGetInt32(field(6, &isnull)) + 1;
	job->max_retries = DatumGetInt32(field(7, &isnull));
	job->unattended = DatumGetBool(field(8, &isnull));
	job->upkeep = DatumGetBool(field(9, &isnull));
	job->person = DatumGetObjectId(field(10, &isnull));
	job->in_person = DatumGetBool(field(11, &isnull));
	MemoryContextSwitchTo(caller);
	return job;
}

/*
 * Jobs whose key another one has are passed over, and all but the first that is
 * due of those that wait with one key: should another worker be just claiming
 * that one, the next must not overtake it.  So is one whose key turns out to be
 * locked by a worker that has not given it back yet.  Whoever ends the job that
 * stood in the way looks again, or leaves a note (mljobs_cancel).
 */
static MlJob *
lock_next(MemoryContext context, bool upkeep)
{
	ArrayBuildState *passed_over = initArrayResult(INT8OID, CurrentMemoryContext, false);

	for (;;)
	{
		Parameters	p = {0};
		MlJob	   *job;

		add(&p, OIDOID, ObjectIdGetDatum(GetSessionUserId()), false);
		add(&p, INT8ARRAYOID, makeArrayResult(passed_over, CurrentMemoryContext), false);
		add(&p, BOOLOID, BoolGetDatum(upkeep), false);
		if (run("SELECT j.job_id, j.command, j.key, j.settings, "
				"COALESCE((EXTRACT(epoch FROM j.timeout) OPERATOR(pg_catalog.*) 1000)::bigint, 0), "
				"j.attempts, j.max_retries, j.unattended, j.upkeep, j.person::oid, j.in_person "
				"FROM mlops_catalog.job AS j "
				"WHERE j.state OPERATOR(pg_catalog.=) 'queued' AND j.owner OPERATOR(pg_catalog.=) $1 "
				"AND j.run_after OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() "
				"AND j.job_id OPERATOR(pg_catalog.<>) ALL ($2) AND (j.upkeep OR NOT $3) "
				"AND (j.key IS NULL OR NOT EXISTS (SELECT FROM mlops_catalog.job AS r "
				"WHERE r.owner OPERATOR(pg_catalog.=) j.owner AND r.key OPERATOR(pg_catalog.=) j.key "
				"AND r.state OPERATOR(pg_catalog.=) ANY ('{starting,running}')) "
				"AND j.job_id OPERATOR(pg_catalog.=) (SELECT f.job_id FROM mlops_catalog.job AS f "
				"WHERE f.owner OPERATOR(pg_catalog.=) j.owner AND f.key OPERATOR(pg_catalog.=) j.key "
				"AND f.state OPERATOR(pg_catalog.=) 'queued' "
				"AND f.run_after OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() "
				"ORDER BY f.priority DESC, f.job_id LIMIT 1)) "
				"ORDER BY j.priority DESC, j.job_id LIMIT 1 FOR UPDATE OF j SKIP LOCKED", &p) == 0)
			return NULL;
		job = read_job(context);
		if (job->key == NULL || try_lock_key(job))
			return job;
		passed_over = accumArrayResult(passed_over, Int64GetDatum(job->job_id), false,
									   INT8OID, CurrentMemoryContext);
	}
}

/*
 * One transaction's row lock is enough: others skip the row until we commit, and
 * find it in state starting then.
 */
MlJob *
mljobq_claim(MemoryContext context, bool upkeep)
{
	MlCatalogScope scope;
	MlJob	   *job;

	mlcat_begin(&scope);
	job = lock_next(context, upkeep);
	if (job)
	{
		Parameters	p = {0};

		add(&p, INT8OID, Int64GetDatum(job->job_id), false);
		add(&p, INT4OID, Int32GetDatum(MyProcPid), false);
		run("WITH claimed AS (UPDATE mlops_catalog.job SET state = 'starting', "
			"attempts = attempts OPERATOR(pg_catalog.+) 1, pid = $2, "
			"started_at = pg_catalog.clock_timestamp(), ended_at = NULL, error = NULL "
			"WHERE job_id OPERATOR(pg_catalog.=) $1 RETURNING job_id, attempts) "
			"INSERT INTO mlops_catalog.job_event (job_id, event, attempt) "
			"SELECT job_id, 'starting', attempts FROM claimed", &p);
	}
	mlcat_end(&scope);
	return job;
}

TimestampTz
mljobq_next_due(TimestampTz looked_at)
{
	MlCatalogScope scope;
	Parameters	p = {0};
	TimestampTz due = 0;
	bool		isnull;

	mlcat_begin(&scope);
	add(&p, OIDOID, ObjectIdGetDatum(GetSessionUserId()), false);
	add(&p, TIMESTAMPTZOID, TimestampTzGetDatum(looked_at), false);
	run("SELECT pg_catalog.min(run_after) FROM mlops_catalog.job "
		"WHERE state OPERATOR(pg_catalog.=) 'queued' AND owner OPERATOR(pg_catalog.=) $1 "
		"AND run_after OPERATOR(pg_catalog.>) $2", &p);
	due = DatumGetTimestampTz(field(1, &isnull));
	if (isnull)
		due = 0;
	mlcat_end(&scope);
	return due;
}

/* ---------------------------------------------------------------- transitions */

/* Of a job that has ended, in the scope that ended it: what runs by itself keeps its error. */
static void
note_task(int64 job_id)
{
	Parameters	p = {0};

	add(&p, INT8OID, Int64GetDatum(job_id), false);
	run("SELECT mlops_catalog.note_task_job(pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.regrole, job_id) "
		"FROM mlops_catalog.job WHERE job_id OPERATOR(pg_catalog.=) $1 AND upkeep AND ended_at IS NOT NULL", &p);
}

/* started_at is set anew: the time between is the worker's. */
void
mljobq_set_running(const MlJob *job)
{
	MlCatalogScope scope;
	Parameters	p = {0};

	mlcat_begin(&scope);
	add(&p, INT8OID, Int64GetDatum(job->job_id), false);
	run("WITH changed AS (UPDATE mlops_catalog.job SET state = 'running', "
		"started_at = pg_catalog.clock_timestamp() "
		"WHERE job_id OPERATOR(pg_catalog.=) $1 RETURNING job_id, attempts, started_at) "
		"INSERT INTO mlops_catalog.job_event (job_id, event, attempt, at) "
		"SELECT job_id, 'running', attempts, started_at FROM changed", &p);
	mlcat_end(&scope);
}

/* Errors: 42704, the job has been removed: its statement is rolled back with this. */
void
mljobq_set_succeeded(const MlJob *job, const MlJobOutcome *outcome)
{
	MlCatalogScope scope;
	Parameters	p = {0};

	mlcat_begin(&scope);
	add(&p, INT8OID, Int64GetDatum(job->job_id), false);
	add_text(&p, outcome->result);
	add(&p, INT8OID, Int64GetDatum(outcome->rows), outcome->rows < 0);
	add(&p, FLOAT8OID, Float8GetDatum(outcome->run_ms), false);
	add(&p, INT8OID, Int64GetDatum(outcome->peak_memory), outcome->peak_memory == 0);
	if (run("WITH changed AS (UPDATE mlops_catalog.job SET state = 'succeeded', result = $2::jsonb, "
			"rows = $3, run_ms = $4, peak_memory = $5, pid = NULL, "
			"ended_at = pg_catalog.clock_timestamp() "
			"WHERE job_id OPERATOR(pg_catalog.=) $1 RETURNING job_id, attempts, ended_at) "
			"INSERT INTO mlops_catalog.job_event (job_id, event, attempt, at) "
			"SELECT job_id, 'succeeded', attempts, ended_at FROM changed", &p) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job %lld does not exist any more", (long long) job->job_id)));
	if (job->upkeep)
		note_task(job->job_id);
	mlcat_end(&scope);
}

/* As mljobq_set_ended, in a scope that is open. */
static void
set_ended(int64 job_id, bool retry, const char *state, const MlJobError *error,
		  const MlJobOutcome *outcome)
{
	Parameters	p = {0};

	add(&p, INT8OID, Int64GetDatum(job_id), false);
	add_text(&p, state);
	add_text(&p, error->sqlstate);
	add_cut(&p, error->message);
	add_cut(&p, error->detail);
	add_cut(&p, error->hint);
	add_cut(&p, error->context);
	add(&p, BOOLOID, BoolGetDatum(retry), false);
	add(&p, INT4OID, Int32GetDatum(mlops_guc_job_retry_delay), false);
	add(&p, FLOAT8OID, Float8GetDatum(outcome ? outcome->run_ms : 0), outcome == NULL);
	add(&p, INT8OID, Int64GetDatum(outcome ? outcome->peak_memory : 0),
		outcome == NULL || outcome->peak_memory == 0);
	run("WITH changed AS (UPDATE mlops_catalog.job SET "
		"state = CASE WHEN $8 THEN 'queued' ELSE $2 END, pid = NULL, run_ms = $10, peak_memory = $11, "
		"error = pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('sqlstate', $3, 'message', $4, "
		"'detail', $5, 'hint', $6, 'context', $7)), "
		"ended_at = CASE WHEN $8 THEN NULL ELSE pg_catalog.clock_timestamp() END, "
		"run_after = CASE WHEN $8 THEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) LEAST("
		"pg_catalog.make_interval(secs => $9 OPERATOR(pg_catalog./) 1000.0::float8 OPERATOR(pg_catalog.*) "
		"pg_catalog.power(2, attempts OPERATOR(pg_catalog.-) 1)), interval '1 hour') ELSE run_after END "
		"WHERE job_id OPERATOR(pg_catalog.=) $1 RETURNING job_id, attempts, error) "
		"INSERT INTO mlops_catalog.job_event (job_id, event, attempt, error) "
		"SELECT c.job_id, e.event, c.attempts, CASE WHEN e.event OPERATOR(pg_catalog.<>) 'queued' THEN c.error END "
		"FROM changed AS c, (SELECT $2 AS event, 1 AS n UNION ALL SELECT 'queued', 2 WHERE $8) AS e ORDER BY e.n", &p);
	note_task(job_id);
}

/*
 * Is it an error that the next attempt would meet again?  What a statement names is
 * not there or not allowed, until somebody does something about it.  All else may
 * be over: locks, full disks, data that comes late, what a procedure raises.
 */
static bool
is_lasting(const char *sqlstate)
{
	/* databases, schemas; all other names, syntax and rights */
	static const char *const classes[] = {"3D", "3F", "42"};

	for (size_t i = 0; i < lengthof(classes); i++)
	{
		if (strncmp(sqlstate, classes[i], 2) == 0)
			return true;
	}
	return false;
}

/* A retry waits for mlops.job_retry_delay x 2^(attempt - 1), at most an hour. */
void
mljobq_set_ended(const MlJob *job, const char *state, const MlJobError *error,
				 const MlJobOutcome *outcome)
{
	MlCatalogScope scope;
	bool		retry = job->attempt <= job->max_retries && strcmp(state, "cancelled") != 0;

	if (strcmp(state, "failed") == 0 && is_lasting(error->sqlstate))
		retry = false;
	mlcat_begin(&scope);
	set_ended(job->job_id, retry, state, error, outcome);
	mlcat_end(&scope);
}

/* ---------------------------------------------------------------- scanning */

/*
 * The last words of the worker that had a job, should it have had any; a
 * statement of what happened otherwise.
 */
static MlJobError
crash_error(int64 job_id)
{
	MlJobError	error = {0};
	char		message[sizeof(mljobs_shared->slots[0].message)] = "the server, or the job's worker, ended while the job ran";
	int			sqlerrcode = ERRCODE_CRASH_SHUTDOWN;

	if (mlbase_preloaded())
	{
		Oid			extension = get_extension_oid("mlops", true);

		MLJOBS_LOCK(LW_SHARED);
		for (int i = 0; i < MLJOBS_MAX_WORKERS; i++)
		{
			const MlWorkerSlot *slot = &mljobs_shared->slots[i];

			if (slot->state == ML_SLOT_EXITED && slot->database == MyDatabaseId &&
				slot->extension == extension && slot->job_id == job_id && slot->sqlerrcode != 0)
			{
				sqlerrcode = slot->sqlerrcode;
				strlcpy(message, slot->message, sizeof(message));
			}
		}
		MLJOBS_UNLOCK();
	}
	error.sqlstate = pstrdup(unpack_sql_state(sqlerrcode));
	error.message = pstrdup(message);
	return error;
}

/*
 * The jobs said to be starting or running that a condition names have crashed,
 * if no living worker has them.  The rows are locked first: a worker that is
 * just finishing has committed once we have the lock, and one that still runs
 * holds its job in its slot.  The owner of the last one that has, 0: none has.
 */
static Oid
reap(const char *condition, Parameters *p, bool may_retry)
{
	uint64		n = run(psprintf("SELECT job_id, attempts, max_retries, owner::oid FROM mlops_catalog.job "
								 "WHERE state OPERATOR(pg_catalog.=) ANY ('{starting,running}') %s",
								 condition), p);
	SPITupleTable *table = SPI_tuptable;
	Oid			owner = InvalidOid;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		int64		job_id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		int			attempts = DatumGetInt32(SPI_getbinval(table->vals[i], table->tupdesc, 2, &isnull));
		int			max_retries = DatumGetInt32(SPI_getbinval(table->vals[i], table->tupdesc, 3, &isnull));
		MlJobError	error;

		if (mljobs_is_held(job_id))
			continue;
		error = crash_error(job_id);
		set_ended(job_id, may_retry && attempts <= max_retries, "crashed", &error, NULL);
		owner = DatumGetObjectId(SPI_getbinval(table->vals[i], table->tupdesc, 4, &isnull));
	}
	return owner;
}

/*
 * Waits for rows that are locked, in order of their numbers, so that two scans
 * cannot wait for each other.
 */
void
mljobq_reap(void)
{
	Parameters	none = {0};

	(void) reap("ORDER BY job_id FOR UPDATE", &none, true);
}

Oid
mljobq_reap_one(int64 job_id, bool may_retry)
{
	Parameters	p = {0};

	add(&p, INT8OID, Int64GetDatum(job_id), false);
	return reap("AND job_id OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED", &p, may_retry);
}

/*
 * Queued jobs that a condition names fail for good.  In it $1 is the role.  Rows
 * that another session has locked are passed over.  In a scope that is open.
 */
static void
refuse(const char *condition, Oid role, const MlJobError *error)
{
	Parameters	p = {0};
	uint64		n;
	SPITupleTable *table;

	add(&p, OIDOID, ObjectIdGetDatum(role), false);
	n = run(psprintf("SELECT job_id FROM mlops_catalog.job "
					 "WHERE state OPERATOR(pg_catalog.=) 'queued' AND %s ORDER BY job_id FOR UPDATE SKIP LOCKED",
					 condition), &p);
	table = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		set_ended(DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull)),
				  false, "failed", error, NULL);
	}
}

void
mljobq_refuse_role(Oid role, const MlJobError *error)
{
	refuse("owner OPERATOR(pg_catalog.=) $1", role, error);
}

/* unpack_sql_state writes to a buffer of its own, so the text is copied. */
void
mljobq_refuse_missing_roles(void)
{
	MlJobError	error = {unpack_sql_state(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
	"the role that submitted the job does not exist any more"};

	error.sqlstate = pstrdup(error.sqlstate);
	refuse("$1 OPERATOR(pg_catalog.=) 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_authid AS a "
		   "WHERE a.oid OPERATOR(pg_catalog.=) owner)", InvalidOid, &error);
}

/* First the time of what is due later, as mljobs_settle clears what is pending. */
void
mljobq_note_all(void)
{
	Parameters	p = {0};
	uint64		n;

	/* one moment for all: what becomes due between two would be in neither column */
	add(&p, TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	n = run("SELECT owner::oid, pg_catalog.count(*) FILTER (WHERE run_after OPERATOR(pg_catalog.<=) $1)::int, "
			"pg_catalog.min(run_after) FILTER (WHERE run_after OPERATOR(pg_catalog.>) $1), "
			"pg_catalog.count(*) FILTER (WHERE upkeep AND run_after OPERATOR(pg_catalog.<=) $1)::int "
			"FROM mlops_catalog.job WHERE state OPERATOR(pg_catalog.=) 'queued' GROUP BY owner", &p);

	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		bool		no_upkeep;
		Oid			owner = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		int			due_now = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
		TimestampTz due = DatumGetTimestampTz(SPI_getbinval(row, desc, 3, &isnull));

		int			upkeep = DatumGetInt32(SPI_getbinval(row, desc, 4, &no_upkeep));

		if (!isnull)
			mljobs_settle(MyDatabaseId, owner, mljobs_generation(MyDatabaseId, owner), due);
		if (due_now > 0)
			mljobs_note(MyDatabaseId, owner, due_now, upkeep);
	}
}
