/*-------------------------------------------------------------------------
 * team.c
 *	  Background workers of a tuning or a cross-validation, seen from their leader.
 *
 * Ownership: the segment belongs to the resource owner that is current when it
 * is made, the handles to the segment: the callback of its detachment
 * terminates the workers and frees them, so that an error, a cancel or the end
 * of the leader's session leaves no worker.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/progress.h"
#include "train/team.h"

typedef struct Member
{
	BackgroundWorkerHandle *handle; /* in TopMemoryContext */
	shm_mq_handle *to;
	shm_mq_handle *from;
	bool		busy;
} Member;

/* What the detach callback needs; outlives memory contexts of the call. */
typedef struct Handles
{
	int			n;
	BackgroundWorkerHandle *handle[FLEXIBLE_ARRAY_MEMBER];
} Handles;

struct Team
{
	dsm_segment *segment;
	TeamShared *shared;
	Handles    *handles;
	int			n;
	Member	   *members;
};

/* Runs when the segment is detached, be it by an error. */
static void
terminate_workers(dsm_segment *segment, Datum arg)
{
	Handles    *handles = (Handles *) DatumGetPointer(arg);

	for (int i = 0; i < handles->n; i++)
	{
		TerminateBackgroundWorker(handles->handle[i]);
		pfree(handles->handle[i]);
	}
	pfree(handles);
}

int
team_size(int parallel, int n_assignments)
{
	return Min(parallel > 0 ? parallel : mlbase_engine_threads(), n_assignments);
}

/* ---------------------------------------------------------------- the segment */

/* The next area of a segment being laid out. */
static Size
lay_out(Size *end, Size size)
{
	Size		offset = *end;

	*end = add_size(offset, TYPEALIGN64(64, size));
	return offset;
}

/* What workers must know of the leader, its request and its data. */
static void
describe(const Request *request, const Data *data, const TeamPlan *plan, TeamShared *shared)
{
	strlcpy(shared->task, plan->task, sizeof(shared->task));
	shared->database = MyDatabaseId;
	shared->authenticated_user = GetAuthenticatedUserId();
	shared->person = mlbase_person();
	shared->caller = mlbase_caller();
	shared->extension = mlcat_keep();
	GetUserIdAndSecContext(&shared->current_user, &shared->security_context);
	shared->job_id = mlbase_progress_current_job();
	shared->threads = Max(1, mlbase_engine_threads() / plan->n_workers);
	shared->memory_kb = mlops_guc_max_training_memory;
	shared->with_blas = data->ctx->blas != NULL;
	shared->seed = (uint64) request->given->seed;
	shared->metric = request->metric;
	shared->preprocess = request->preprocess;
	shared->policy = request->threshold.policy;
	shared->validation = request->split.validation;
	shared->roles = data->roles;
	shared->n_features = data->n_features;
	strlcpy(shared->model, request->given->model, sizeof(shared->model));
	strlcpy(shared->target, request->given->target, sizeof(shared->target));
	strlcpy(shared->zone, request->zone, sizeof(shared->zone));
	shared->n_folds = plan->n_folds;
	shared->pruner = plan->pruner;
	shared->n_trials = plan->n_trials;
}

/*
 * The columns that workers read beside the inputs of fitted views: candidates
 * if they fit themselves, and costs.
 */
static void
list_columns(const Data *data, MlFrozen *frozen)
{
	uint32_t   *columns = palloc((data->n_features + 2) * sizeof(uint32_t));

	frozen->columns = columns;
	for (int i = 0; frozen->views[0].signature == NULL && i < data->n_features; i++)
		columns[frozen->n_columns++] = data->features[i];
	if (data->roles.cost_false_positive >= 0)
		columns[frozen->n_columns++] = data->roles.cost_false_positive;
	if (data->roles.cost_false_negative >= 0)
		columns[frozen->n_columns++] = data->roles.cost_false_negative;
}

/* Errors: 53200 or what else dsm_create raises; then the handles are freed. */
static void
make_segment(Team *team, Size size)
{
	team->handles = MemoryContextAllocZero(TopMemoryContext,
										   offsetof(Handles, handle) + team->n * sizeof(BackgroundWorkerHandle *));
	PG_TRY();
	{
		team->segment = dsm_create(size, 0);
	}
	PG_CATCH();
	{
		pfree(team->handles);
		PG_RE_THROW();
	}
	PG_END_TRY();
	on_dsm_detach(team->segment, terminate_workers, PointerGetDatum(team->handles));
	team->shared = dsm_segment_address(team->segment);
}

/* Two a worker: assignments to it, answers from it. */
static void
make_queues(Team *team)
{
	for (int i = 0; i < team->n; i++)
	{
		shm_mq	   *to = shm_mq_create(team_queue(team->shared, i, 0), TEAM_QUEUE_SIZE);
		shm_mq	   *from = shm_mq_create(team_queue(team->shared, i, 1), TEAM_QUEUE_SIZE);

		shm_mq_set_sender(to, MyProc);
		shm_mq_set_receiver(from, MyProc);
		team->members[i].to = shm_mq_attach(to, team->segment, NULL);
		team->members[i].from = shm_mq_attach(from, team->segment, NULL);
	}
}

/*
 * Layout first, then one segment of just that size, in which the data is frozen:
 * workers map it, nothing is copied to them.
 */
Team *
team_create(const Request *request, const Data *data, const TeamPlan *plan)
{
	Team	   *team = palloc0(sizeof(Team));
	const char *details = plan->details ? plan->details : "";
	MlFrozen	frozen = {.dataset = data->dataset, .label = data->label, .row_weight = data->row_weight,
	.n_views = plan->n_views, .views = plan->views};
	TeamShared	shared = {.magic = TEAM_MAGIC};
	size_t		n_cells = mul_size(plan->n_trials, plan->pruner.n_rungs);
	size_t		frozen_size;
	Size		end = 0;

	team->n = plan->n_workers;
	team->members = palloc0(team->n * sizeof(Member));
	describe(request, data, plan, &shared);
	list_columns(data, &frozen);
	mlbase_check(data->ctx, ml_frozen_size(data->ctx, &frozen, &frozen_size));
	(void) lay_out(&end, sizeof(TeamShared));
	shared.frozen = lay_out(&end, frozen_size);
	shared.features = lay_out(&end, mul_size(data->n_features, sizeof(uint32_t)));
	shared.details = lay_out(&end, strlen(details) + 1);
	shared.board = lay_out(&end, mul_size(n_cells, sizeof(double)));
	shared.queues = lay_out(&end, mul_size(2 * team->n, TEAM_QUEUE_SIZE));
	shared.size = end;

	make_segment(team, shared.size);
	memcpy(team->shared, &shared, sizeof(TeamShared));
	mlbase_check(data->ctx, ml_frozen_write(data->ctx, &frozen, team_at(team->shared, shared.frozen)));
	memcpy(team_at(team->shared, shared.features), data->features, data->n_features * sizeof(uint32_t));
	strcpy(team_at(team->shared, shared.details), details);
	for (size_t i = 0; i < n_cells; i++)
		((double *) team_at(team->shared, shared.board))[i] = NAN;
	make_queues(team);
	return team;
}

TeamShared *
team_shared(Team *team)
{
	return team->shared;
}

/* ---------------------------------------------------------------- the workers */

/*
 * False if the server has none to spare.  The handle goes to the handles at once,
 * so that an error later finds it.
 */
static bool
start_worker(Team *team, int i)
{
	BackgroundWorker worker = {0};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "mlops %s worker of process %d", team->shared->task, MyProcPid);
	snprintf(worker.bgw_type, BGW_MAXLEN, "mlops %s worker", team->shared->task);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "mlops", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "mlops_team_worker", sizeof(worker.bgw_function_name));
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(team->segment));
	memcpy(worker.bgw_extra, &i, sizeof(i));
	worker.bgw_notify_pid = MyProcPid;
	started = RegisterDynamicBackgroundWorker(&worker, &team->members[i].handle);
	MemoryContextSwitchTo(caller);
	if (!started)
		return false;
	team->handles->handle[team->handles->n++] = team->members[i].handle;
	shm_mq_set_handle(team->members[i].to, team->members[i].handle);
	shm_mq_set_handle(team->members[i].from, team->members[i].handle);
	return true;
}

/* Returns how many have started; the team has no more than those. */
int
team_start(Team *team)
{
	int			n = 0;

	while (n < team->n && start_worker(team, n))
		n++;
	team->n = n;
	return n;
}

/* Errors: 55000.  With n_trials it is a tuning, whose trials are kept. */
static void
worker_is_gone(const Team *team)
{
	bool		tuning = team->shared->n_trials > 0;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a worker of the %s has ended unexpectedly", team->shared->task),
			 errdetail(tuning ? "The server's log says why.  Trials that have ended are kept."
					   : "The server's log says why."),
			 tuning ? errhint("Call mlops.tune again with the same arguments to go on.") : 0));
}

/* Waits while the queue is full.  text is copied.  Errors: 55000. */
void
team_assign(Team *team, int worker, TeamOrder order, int number, int view, const char *text)
{
	TeamAssignment header = {order, number, view};
	shm_mq_iovec parts[2];

	parts[0].data = (char *) &header;
	parts[0].len = offsetof(TeamAssignment, text);
	parts[1].data = text;
	parts[1].len = strlen(text) + 1;
	if (shm_mq_sendv(team->members[worker].to, parts, 2, false, true) != SHM_MQ_SUCCESS)
		worker_is_gone(team);
	team->members[worker].busy = true;
}

int
team_idle(const Team *team)
{
	for (int i = 0; i < team->n; i++)
	{
		if (!team->members[i].busy)
			return i;
	}
	return -1;
}

int
team_busy(const Team *team)
{
	int			n = 0;

	for (int i = 0; i < team->n; i++)
		n += team->members[i].busy;
	return n;
}

/*
 * An answer of any worker that has one; NULL if there is none yet.  It is in the
 * queue's memory, until the next message.  Errors: 55000.
 */
static const TeamAnswer *
poll(Team *team)
{
	for (int i = 0; i < team->n; i++)
	{
		Member	   *member = &team->members[i];
		Size		size;
		void	   *message;
		shm_mq_result result;

		if (!member->busy)
			continue;
		result = shm_mq_receive(member->from, &size, &message, true);
		if (result == SHM_MQ_DETACHED)
			worker_is_gone(team);
		if (result == SHM_MQ_SUCCESS)
		{
			member->busy = false;
			return message;
		}
	}
	return NULL;
}

/* The text up to the next field's end, which *text is moved behind. */
static char *
take_field(const char **text)
{
	const char *begin = *text;
	const char *end = strchr(begin, TEAM_FIELD);

	*text = end + 1;
	return pnstrdup(begin, end - begin);
}

/* The worker's error as if it were the leader's own. */
static void
raise_error(const Team *team, const TeamAnswer *answer)
{
	const char *text = answer->text;
	char	   *message = take_field(&text);
	char	   *detail = take_field(&text);
	char	   *hint = take_field(&text);

	ereport(ERROR,
			(errcode(answer->sqlerrcode),
			 errmsg("%s", message),
			 *detail ? errdetail("%s", detail) : 0,
			 *hint ? errhint("%s", hint) : 0,
			 answer->sqlerrcode == ERRCODE_INTERNAL_ERROR ? errcontext("worker of the %s", team->shared->task) : 0));
}

/* Half a second at the most, then NULL: the leader has progress to report. */
const TeamAnswer *
team_wait(Team *team)
{
	const TeamAnswer *answer = poll(team);

	if (answer == NULL)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 500, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		answer = poll(team);
	}
	if (answer && answer->raise)
		raise_error(team, answer);
	return answer;
}

/* Waits for their ends, so that what they hold is free afterwards. */
void
team_dismiss(Team *team)
{
	for (int i = 0; i < team->n; i++)
		shm_mq_detach(team->members[i].to); /* wakes the worker: there is nothing left */
	for (int i = 0; i < team->n; i++)
		(void) WaitForBackgroundWorkerShutdown(team->members[i].handle);
	dsm_detach(team->segment);
}
