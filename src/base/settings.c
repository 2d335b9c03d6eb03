/*-------------------------------------------------------------------------
 * settings.c
 *	  The settings of mlops, in alphabetical order; mlops.recorded_by stands with
 *	  the others that only the library sets.
 *
 * What changes a result is a function argument, never a setting: settings
 * bound resources only (and do not travel to other servers).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/paths.h"
#include "postmaster/bgworker_internals.h"
#include "utils/guc.h"

#include "mlops/base.h"

int			mlops_guc_threads = 0;
int			mlops_guc_max_training_memory = 2 * 1024 * 1024;
int			mlops_guc_cache_size = 256 * 1024;
int			mlops_guc_shared_cache_size = 128 * 1024;
int			mlops_guc_audit_retention = 0;
int			mlops_guc_blas_threads = 1;
int			mlops_guc_job_retention = 90;
int			mlops_guc_job_retry_delay = 5000;
int			mlops_guc_job_timeout = 0;
int			mlops_guc_lock_timeout = 500;
int			mlops_guc_maintenance_interval = 60;
int			mlops_guc_max_workers = 2;
int			mlops_guc_monitor_retention = 730;
int			mlops_guc_max_workers_per_role = -1;
int			mlops_guc_task_timeout = 600000;
int			mlops_guc_worker_nice = 0;
int			mlops_guc_retention = 90;
int			mlops_guc_run_retention = 365;
int			mlops_guc_version_retention = 0;
bool		mlops_guc_log_features = false;
int			mlops_guc_checked_reach = 0;
int			mlops_guc_recorded_by = 0;
int			mlops_guc_caller = ML_CALLER_NOT_JUDGED;

/* Read-only; the install script compares it with the script's own version. */
static char *library_version;

/* At load.  The last step reserves the prefix: other settings of that name are refused. */
void
mlbase_define_settings(void)
{
	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.audit_retention",
							"Days that entries of the audit log are kept.",
							"mlops.maintain() cuts older ones off.  0 keeps them for ever.",
							&mlops_guc_audit_retention, 0, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	/* user-settable: only how fast this session's own training is */
	DefineCustomIntVariable("mlops.blas_threads",
							"Threads inside one BLAS call.",
							"Trainings are already parallel over blocks of rows; more than 1 rarely helps.",
							&mlops_guc_blas_threads, 1, 1, 64,
							PGC_USERSET, 0, NULL, NULL, NULL);

	/* user-settable: bounds this session's own memory */
	DefineCustomIntVariable("mlops.cache_size",
							"Memory each session may keep models in for scoring that are not shared.",
							"Also for what explanations need beside a model.  The least recently used models are dropped first.",
							&mlops_guc_cache_size, 256 * 1024, 1024, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);

	/* the library's: set while a call of ours runs */
	DefineCustomIntVariable("mlops.caller",
							"Origin of the current call: 1 the session itself, 2 code of others within it, 3 a security-restricted operation.",
							"0: no call of mlops is running.",
							&mlops_guc_caller, ML_CALLER_NOT_JUDGED, ML_CALLER_NOT_JUDGED, ML_CALLER_RESTRICTED,
							PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							NULL, NULL, NULL);

	/* the library's: what is running decides it */
	DefineCustomIntVariable("mlops.checked_reach",
							"What running statements may reach: 0 anything, 1 no untrusted code, 2 only what is trusted.",
							"Plus 4 if sources are recorded queries, plus 8 while one is read: then no function is "
							"called that may change something.",
							&mlops_guc_checked_reach, 0, 0, ML_REACH_LEVEL | ML_REACH_RECORDED | ML_REACH_HARMLESS,
							PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							NULL, NULL, NULL);

	/* the library's: who recorded the query that is read */
	DefineCustomIntVariable("mlops.recorded_by",
							"Role that recorded the query that is being read.",
							"An OID; 0: the query is the asking role's own.",
							&mlops_guc_recorded_by, 0, INT_MIN, INT_MAX,
							PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							NULL, NULL, NULL);

	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.job_retention",
							"Days that ended jobs are kept.",
							"mlops.maintain() removes older ones.  0 keeps them for ever.",
							&mlops_guc_job_retention, 90, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	/* the server's: workers and scanners of all roles read it */
	DefineCustomIntVariable("mlops.job_retry_delay",
							"Time before the first retry of a job.",
							"It doubles with every further one, up to an hour.",
							&mlops_guc_job_retry_delay, 5000, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	/* user-settable: goes with the job when it is submitted */
	DefineCustomIntVariable("mlops.job_timeout",
							"Time limit of jobs that are submitted without one.",
							"0 means no limit.",
							&mlops_guc_job_timeout, 0, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomStringVariable("mlops.library_version",
							   "Version of the loaded library.",
							   NULL,
							   &library_version, MLOPS_VERSION,
							   PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, NULL);

	/* user-settable: like lock_timeout, how long this session's statements may stand still */
	DefineCustomIntVariable("mlops.lock_timeout",
							"Time that scoring or logging a payment may wait for a lock.",
							"If on_error lets a payment pass, it then goes on without the score, or the log entry.  "
							"0 leaves it to lock_timeout.",
							&mlops_guc_lock_timeout, 500, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);

	/* user-settable: only what this session's own decisions leave */
	DefineCustomBoolVariable("mlops.log_features",
							 "Logs the features of decisions.",
							 "mlops.decide() then keeps the values that the model read beside the score.",
							 &mlops_guc_log_features, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);

	/* the server's: the launcher reads it */
	DefineCustomIntVariable("mlops.maintenance_interval",
							"Time between rounds of maintenance.",
							"In each database with mlops: mlops.maintain(), and mlops.check_guards() for all "
							"releases under way.  0 leaves both to you.  Needs preloading.",
							&mlops_guc_maintenance_interval, 60, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);

	/* superuser: protects the server's memory from any one training */
	DefineCustomIntVariable("mlops.max_training_memory",
							"Memory one training may use.",
							"Values of features that need more than a quarter of it go to a temporary file; "
							"a training that needs more than all of it is refused.",
							&mlops_guc_max_training_memory, 2 * 1024 * 1024, 16 * 1024,
							MAX_KILOBYTES,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);

	/* the server's: how much of it jobs may take */
	DefineCustomIntVariable("mlops.max_workers",
							"Jobs that run at the same time in the whole server.",
							"0 keeps them queued.  Taken from max_worker_processes, as is one more that is "
							"kept for monitors and retrainings.",
							&mlops_guc_max_workers, 2, 0, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("mlops.max_workers_per_role",
							"Jobs of one role that run at the same time.",
							"-1 means one less than mlops.max_workers, so that no role takes all; "
							"0 means no limit but mlops.max_workers.",
							&mlops_guc_max_workers_per_role, -1, -1, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);

	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.monitor_retention",
							"Days that the metrics of monitors are kept.",
							"mlops.maintain() removes older ones.  0 keeps them for ever.",
							&mlops_guc_monitor_retention, 730, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.retention",
							"Days that logged decisions are kept.",
							"mlops.maintain() removes older ones.  0 keeps them for ever.",
							&mlops_guc_retention, 90, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.run_retention",
							"Days that runs are kept after they failed or were deleted.",
							"mlops.maintain() removes older ones that belong to no version.  0 keeps them for ever.",
							&mlops_guc_run_retention, 365, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	/* the server's: taken when it starts; elsewhere it has no effect, but is known */
	DefineCustomIntVariable("mlops.shared_cache_size",
							"Memory in which all sessions keep one copy of each model for scoring.",
							"The least recently used models are dropped first.  0: each session has copies of its own.  "
							"Needs preloading.",
							&mlops_guc_shared_cache_size, 128 * 1024, 0, MAX_KILOBYTES,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							GUC_UNIT_KB, NULL, NULL, NULL);

	/* the server's: the launcher reads it */
	DefineCustomIntVariable("mlops.task_timeout",
							"Time that a monitor or retraining may hold the worker that is kept for these, while others wait for it.",
							"After it the task moves to a free worker for jobs; if none is free, it ends as timed_out "
							"and is tried again when it is due.  0 means no limit.",
							&mlops_guc_task_timeout, 600000, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	/* user-settable: capped by max_parallel_workers */
	DefineCustomIntVariable("mlops.threads",
							"Threads one training may use.",
							"0 means the number of cores.  Capped by max_parallel_workers.  "
							"Models do not depend on it.",
							&mlops_guc_threads, 0, 0, 256,
							PGC_USERSET, 0, NULL, NULL, NULL);

	/* superuser: decides how long records are kept */
	DefineCustomIntVariable("mlops.version_retention",
							"Days that unused versions are kept.",
							"mlops.maintain() drops older ones that were never deployed and have no alias, stage or "
							"approval.  0 keeps them for ever.",
							&mlops_guc_version_retention, 0, 0, 36500,
							PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("mlops.worker_nice",
							"Nice level of the processes that run jobs.",
							"Higher ones leave more of the processor to sessions; a change affects "
							"workers that start after it.",
							&mlops_guc_worker_nice, 0, 0, 19,
							PGC_SIGHUP, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("mlops");
}

/*
 * Of levels the higher one holds, of the flags all; for_session sets them as they
 * are given.
 */
void
mlbase_check_reach(int reach, bool for_session)
{
	int			level = reach & ML_REACH_LEVEL;
	int			now = mlops_guc_checked_reach;
	char		value[12];

	if (!for_session)
		reach = Max(level, now & ML_REACH_LEVEL) | ((reach | now) & ~ML_REACH_LEVEL);
	snprintf(value, sizeof(value), "%d", reach);
	if (for_session)
		SetConfigOption("mlops.checked_reach", value, PGC_INTERNAL, PGC_S_OVERRIDE);
	else if (reach != now)
		(void) set_config_option("mlops.checked_reach", value, PGC_INTERNAL, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

Oid
mlbase_recorder(void)
{
	return mlops_guc_recorded_by != 0 ? (Oid) mlops_guc_recorded_by : GetUserId();
}

/* role: an OID's digits. */
void
mlbase_read_text_of(const char *role)
{
	char		value[12];

	snprintf(value, sizeof(value), "%d", (int) (Oid) strtoul(role, NULL, 10));
	(void) set_config_option("mlops.recorded_by", value, PGC_INTERNAL, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Errors: 42704, the role is gone; then the worker ends. */
void
mlbase_keep_own_role(void)
{
	if (GetSessionUserId() != GetAuthenticatedUserId())
	{
		StartTransactionCommand();	/* a role is looked up */
		SetConfigOption("session_authorization", GetUserNameFromId(GetAuthenticatedUserId(), false),
						PGC_SUSET, PGC_S_OVERRIDE);
		CommitTransactionCommand();
	}
	SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("exit_on_error", "off", PGC_SUSET, PGC_S_OVERRIDE);
}

/* A nest level of settings, 0 where reach is not checked. */
int
mlbase_begin_harmless(void)
{
	int			scope;

	if ((mlops_guc_checked_reach & ML_REACH_LEVEL) == ML_REACH_ANYTHING)
		return 0;
	scope = NewGUCNestLevel();
	mlbase_check_reach(ML_REACH_HARMLESS, false);
	return scope;
}

int
mlbase_begin_reading(void)
{
	return mlops_guc_checked_reach & ML_REACH_RECORDED ? mlbase_begin_harmless() : 0;
}

/* Undoes the settings of that nest level and of those within. */
void
mlbase_end_harmless(int scope)
{
	if (scope > 0)
		AtEOXact_GUC(false, scope);
}

/* At least 1. */
int
mlbase_engine_threads(void)
{
	long		cores = sysconf(_SC_NPROCESSORS_ONLN);
	int			threads = mlops_guc_threads > 0 ? mlops_guc_threads : (int) Max(cores, 1);

	return Max(1, Min(threads, Max(max_parallel_workers, 1)));
}
