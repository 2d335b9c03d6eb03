/*-------------------------------------------------------------------------
 * base.h
 *	  What every part of the server half stands on: how SQL-callable functions
 *	  are declared, settings, errors from engine statuses, the engine context
 *	  of a backend, and running SQL on our own tables.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_BASE_H
#define MLOPS_BASE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

#include "mlops/engine/base.h"

#define MLOPS_VERSION "1.1"

/* Declares and exports one SQL-callable function. */
#define MLOPS_FUNCTION(fn) \
	extern PGDLLEXPORT Datum fn(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(fn)

/* ---------------------------------------------------------------- settings */

extern int	mlops_guc_threads;	/* mlops.threads, 0 = number of cores */
extern int	mlops_guc_max_training_memory;	/* mlops.max_training_memory, kB */
extern int	mlops_guc_cache_size;	/* mlops.cache_size, kB */
extern int	mlops_guc_shared_cache_size;	/* mlops.shared_cache_size, kB, 0 = none */
extern int	mlops_guc_blas_threads; /* mlops.blas_threads */
extern int	mlops_guc_job_retention;	/* mlops.job_retention, days, 0 = for ever */
extern int	mlops_guc_job_retry_delay;	/* mlops.job_retry_delay, ms */
extern int	mlops_guc_job_timeout;	/* mlops.job_timeout, ms, 0 = none */
extern int	mlops_guc_lock_timeout; /* mlops.lock_timeout, ms, 0 = as lock_timeout says */
extern int	mlops_guc_maintenance_interval; /* mlops.maintenance_interval, s, 0 = never */
extern int	mlops_guc_max_workers;	/* mlops.max_workers */
extern int	mlops_guc_monitor_retention;	/* mlops.monitor_retention, days, 0 = for ever */
extern int	mlops_guc_max_workers_per_role; /* mlops.max_workers_per_role, 0 = no limit, -1 = all but one */
extern int	mlops_guc_task_timeout; /* mlops.task_timeout, ms; 0: no limit */
extern int	mlops_guc_worker_nice;	/* mlops.worker_nice */
extern int	mlops_guc_retention;	/* mlops.retention, days */
extern int	mlops_guc_run_retention;	/* mlops.run_retention, days, 0 = for ever */
extern int	mlops_guc_version_retention;	/* mlops.version_retention, days, 0 = for ever */
extern int	mlops_guc_audit_retention;	/* mlops.audit_retention, days, 0 = for ever */
extern bool mlops_guc_log_features; /* mlops.log_features */
extern int	mlops_guc_checked_reach;	/* mlops.checked_reach, MlReach of registry.h */
extern int	mlops_guc_caller;	/* mlops.caller, an MlCaller */
extern int	mlops_guc_recorded_by;	/* mlops.recorded_by, an Oid; see mlbase_recorder */

extern void mlbase_define_settings(void);

/*
 * What running statements may reach: a level, and what is added to it.  Higher
 * levels include lower ones.  Held in mlops_guc_checked_reach, a setting that
 * only the library sets, so that it ends with the transaction or the scope it
 * was set in.  include/mlops/registry.h has the check.
 */
typedef enum MlReach
{
	ML_REACH_ANYTHING = 0,		/* a person's own statement */
	ML_REACH_OWN_CODE = 1,		/* functions, operators, casts and types are of the current user, superusers,
								 * or roles that he trusts */
	ML_REACH_TRUSTED = 2,		/* by itself: tables and views too */
	ML_REACH_LEVEL = 3,			/* mask of the above */
	ML_REACH_RECORDED = 4,		/* sources are recorded queries, read HARMLESS */
	ML_REACH_HARMLESS = 8		/* nothing is called that may change something */
} MlReach;

/* Sets mlops.checked_reach to at least this: until the current nest level of
 * settings ends, or, for_session, until it is set again (to less, if asked). */
extern void mlbase_check_reach(int reach, bool for_session);

/*
 * Whose text a recorded query is that is read while acting for another role
 * (the setting mlops.recorded_by, which ends with the nest level of settings);
 * else whoever acts now.
 */
extern Oid	mlbase_recorder(void);
extern void mlbase_read_text_of(const char *role);

/*
 * The person behind what is done: the role that the session was opened as; in a
 * worker the one that it was told to act for (InvalidOid: for nobody else).
 */
extern Oid	mlbase_person(void);
extern void mlbase_act_for(Oid person, bool in_person);

/* Not in a session that a background worker opened, pg_cron's say, unless it acts for a person. */
extern bool mlbase_person_is_known(void);

/* Who has called us: see person.c. */
typedef enum MlCaller
{
	ML_CALLER_NOT_JUDGED = 0,	/* no call of ours is running */
	ML_CALLER_SESSION = 1,		/* the session itself */
	ML_CALLER_CODE = 2,			/* a trigger, or a SECURITY DEFINER function */
	ML_CALLER_RESTRICTED = 3	/* what maintenance of somebody's table runs */
} MlCaller;

/* The caller of the call that is running; else of one that begins now. */
extern MlCaller mlbase_caller(void);

/* Holds it until the current nest level of settings ends, or for_session. */
extern void mlbase_keep_caller(MlCaller caller, bool for_session);

/* Did the person, known, ask for what is done by a statement of his own?  Or an error. */
extern bool mlbase_in_person(void);
extern void mlbase_require_in_person(const char *what);

/* An error in what runs for who did not ask: nothing is written there. */
extern void mlbase_refuse_restricted(const char *what);

/*
 * For a background worker that has just connected: it goes on as the role it
 * connected as, and outlives an error, whatever is set for the database or role.
 */
extern void mlbase_keep_own_role(void);

/*
 * From here to mlbase_end_harmless(what this returned) nothing is called that
 * may change something, if reach is checked at all.  mlbase_begin_reading: the
 * same where what is read is a recorded query.  An error ends it too.
 */
extern int	mlbase_begin_harmless(void);
extern int	mlbase_begin_reading(void);
extern void mlbase_end_harmless(int scope);

/* Threads one training may use: the setting, or else the number of cores, capped by
 * max_parallel_workers. */
extern int	mlbase_engine_threads(void);

/* Settings under which a query that is recorded now must be read again: a JSON
 * object of texts. */
extern char *mlbase_query_settings(void);

/* ---------------------------------------------------------------- shared memory */

/*
 * While the library is being preloaded: asks for an area of shared memory of
 * size() bytes (called when MaxBackends is known).  attach(area, found) is
 * called when it is there, under AddinShmemInitLock; it keeps the pointer and,
 * unless found, initialises the area.  After a crash of a backend it is called
 * again with fresh memory.  Does nothing at any other time.
 */
extern void mlbase_share(const char *name, Size (*size) (void),
						 void (*attach) (void *area, bool found));

/* Is the shared memory there, i.e. was the library preloaded? */
extern bool mlbase_preloaded(void);

/* Error (55000) with a hint unless it is; what begins the message. */
extern void mlbase_require_preload(const char *what);

/* Registers the progress slots of progress.h. */
extern void mlbase_share_progress(void);

/* ---------------------------------------------------------------- steps that may fail */

/*
 * Runs step(arg) in a subtransaction, which waits for a lock for lock_timeout
 * milliseconds at most (0: for ever).  NULL if it came to its end: what it did stays
 * if it is to be kept, and is undone otherwise, with its locks.  Else its error, of
 * whatever kind, in the current memory context; what it did is undone.  The caller
 * raises those again after which the transaction may not go on: ReThrowError().
 */
extern ErrorData *mlbase_try(void (*step) (void *), void *arg, int lock_timeout, bool keep);

/* In PG_CATCH: the error in a context, which is then the current one; the error state is free again. */
extern ErrorData *mlbase_copy_error(MemoryContext context);

/* ---------------------------------------------------------------- values */

/*
 * Frees what PG_DETOAST_DATUM or PG_DETOAST_DATUM_PACKED made of a value.  A value
 * that is stored inline is not copied by them: the pointer is into the tuple then,
 * which may be in a shared buffer.
 */
static inline void
mlbase_free_detoasted(void *detoasted, Datum value)
{
	if ((Pointer) detoasted != DatumGetPointer(value))
		pfree(detoasted);
}

/* The shortest text that reads back as the same number: 1.0000000001 is not 1. */
extern char *mlbase_number_text(double number);

/*
 * Error (25000) in a parallel operation: what calls us there was marked as safe for
 * it, though what writes or starts subtransactions is not.
 */
extern void mlbase_refuse_parallel(const char *what);

/* The same, and an error (25006) where nothing may be written. */
extern void mlbase_require_writable(const char *what);

/* Error (22004) that names the argument if it is NULL. */
extern void mlbase_refuse_null(FunctionCallInfo fcinfo, int i, const char *name);

/*
 * Bounds of what roles have stored, in bytes.  Names have at most 250 characters,
 * see mlops_catalog.check_key; files and models, which are bytea, bounds of their own.
 */
#define MLBASE_MOST_TEXT 65536	/* a note, a tag's value, an error's message */
#define MLBASE_MOST_DOCUMENT 1048576	/* JSON, lists, and what is run: queries and commands */

/* Error (54000) if something that is given has more bytes than it may have. */
extern void mlbase_refuse_size(const char *argument, Size size, int most);

/* The same for each text, JSON and array among the arguments of a function that stores them. */
extern void mlbase_refuse_large(FunctionCallInfo fcinfo);

/* A text that nobody gave, such as an error's message, as it is stored: cut if it is longer. */
extern const char *mlbase_cut(const char *text);

/*
 * Texts that do not come in as values of SQL, and so were not verified: settings,
 * names of roles, messages of the operating system, answers of other databases.
 * mlbase_readable: the text, with "?" for what is not valid in the database's
 * encoding.  The others are errors (22021), the first naming what has the text.
 */
extern bool mlbase_is_readable(const char *text, Size size);
extern const char *mlbase_readable(const char *text);
extern void mlbase_refuse_unreadable(const char *what, const char *text, Size size);
extern void mlbase_refuse_unreadable_role(Oid role);

/* Value of a setting, to be stored. */
extern char *mlbase_setting(const char *name);

/* An instant as text that every session reads back as the same: ISO, in UTC. */
extern char *mlbase_utc_text(TimestampTz at);

/*
 * Errors for an array that is no list of values: 22023 if it has several dimensions,
 * 22004 if it has NULL in it.
 */
extern void mlbase_require_list(ArrayType *array, const char *argument);

/*
 * Names of a name[] argument, NIL for NULL: a List of char *.  Errors: 54000, more
 * than a row can have columns; those of mlbase_require_list.
 */
extern List *mlbase_names(ArrayType *array, const char *argument);

/* An error (42701) if a list of names has one twice. */
extern void mlbase_refuse_twice(const List *names, const char *argument);

/*
 * An error (22023) if a length of time ends in a number without a unit, which
 * PostgreSQL takes for seconds, and who wrote it may have meant as days.  0 needs none.
 */
extern void mlbase_require_unit(const char *argument, const char *key, const char *value);

/* A notice if a length of time, whose text is not known any more, is so short that its unit seems to be missing. */
extern void mlbase_tell_of_seconds(const char *argument, double seconds);

/*
 * A value of any length as a message quotes it: text itself, or its beginning and
 * "...".  Megabytes in a message take a minute to write to the log.
 */
extern const char *mlbase_excerpt(const char *text);

/*
 * Runs a statement of ours by SPI and returns its result code.  Its errors show no
 * line of it, nor of what it calls, as CONTEXT, unless they are internal ones; what is
 * run for somebody else, between begin_theirs and end_theirs or by a statement that
 * begins with this comment, shows its lines.  An error ends the scope too.
 */
#define MLBASE_THEIRS "/* for a role */ "
extern int	mlbase_run_ours(const char *sql, int n, Oid *types, Datum *values, const char *nulls, bool read_only);
extern void mlbase_begin_theirs(ErrorContextCallback *scope);
extern void mlbase_end_theirs(const ErrorContextCallback *scope);

/* In an error context callback: is it to tell where in mlops the error arose?  Only of an internal one. */
extern bool mlbase_tells_place(void);

/*
 * Between the two, places of errors are places in text, which came as an argument:
 * the client sees it beside the error.  An error ends the scope too.
 */
extern void mlbase_begin_text(ErrorContextCallback *scope, const char *text);
extern void mlbase_end_text(const ErrorContextCallback *scope);

/* The statements in such a text: a List of RawStmt *. */
extern List *mlbase_parse(const char *text);

/* The nearest to a name that does not exist, of those that do. */
typedef struct MlNearest
{
	const char *wanted;
	int			distance;		/* letters to change, of candidates to come fewer */
	char		name[NAMEDATALEN];	/* empty: none is near */
	bool		by_letters_alone;	/* else also what has the name as a part, or is one, if no other is near */
} MlNearest;

/* Near is what differs in at most a third of the letters; in case alone is nearest. */
extern void mlbase_nearest_begin(MlNearest *nearest, const char *wanted);
extern void mlbase_nearest_of(MlNearest *nearest, const char *candidate);

/* ---------------------------------------------------------------- engine */

/*
 * An engine context for work in this backend: an arena with budget_kb (0: no
 * limit), a pool of n_threads, BLAS if asked.  It dies with the current memory
 * context, so an error anywhere frees memory and threads.
 */
extern MlContext *mlbase_engine_context(int n_threads, int budget_kb, bool with_blas);

/* The linear algebra table, loaded on first use with all signals blocked. */
extern const MlBlas *mlbase_load_blas(void);

/* Frees it now. */
extern void mlbase_engine_free(MlContext *ctx);

/*
 * Raises the error of a status that is not ML_OK; for ML_ABORTED serves the
 * interrupt that caused it.
 */
extern void mlbase_check(MlContext *ctx, MlStatus status);

#endif							/* MLOPS_BASE_H */
