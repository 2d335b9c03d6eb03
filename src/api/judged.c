/*-------------------------------------------------------------------------
 * judged.c
 *	  The rows that a version is judged on, and what errors on them cost.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/progress.h"
#include "mlops/registry.h"
#include "mlops/train.h"
#include "api/judged.h"

/* What the catalog knows of a version's rows.  NULL: it does not know. */
typedef struct Subject
{
	char	   *model;
	char	   *all_rows;		/* query that the training read; NULL: the version was imported */
	char	   *test_rows;		/* query for those that it was judged on */
	char	   *unread;			/* why they cannot be read again; NULL: they can */
	char	   *settings;		/* to read them under: an object */
	char	   *policy;			/* the training's threshold policy, if that has costs */
	char	   *time_column;	/* of the training */
	char	   *n_test;			/* test rows with a label, as the training counted them */
} Subject;

static char *
text_of(MemoryContext memory, int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return text ? MemoryContextStrdup(memory, text) : NULL;
}

static void
find_subject(int64 version_id, Subject *subject)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(version_id)};
	MemoryContext caller = CurrentMemoryContext;

	mlcat_begin(&scope);
	if (mlcat_execute("SELECT s.model, s.all_rows, s.test_rows, s.unread, s.settings, s.policy, s.time_column, s.n_test FROM mlops_catalog.judged_rows($1) AS s",
					  1, types, values, NULL) != 1)
		elog(ERROR, "version %lld is not in the catalog", (long long) version_id);
	*subject = (Subject) {text_of(caller, 1), text_of(caller, 2), text_of(caller, 3), text_of(caller, 4), text_of(caller, 5),
	text_of(caller, 6), text_of(caller, 7), text_of(caller, 8)};
	mlcat_end(&scope);
}

static Jsonb *
jsonb_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* ---------------------------------------------------------------- which rows */

void
mlapi_judged_request(FunctionCallInfo fcinfo, int rows, const char *next, JudgedRequest *request)
{
	mlbase_refuse_null(fcinfo, 0, "model");
	*request = (JudgedRequest)
	{
		.model = text_to_cstring(PG_GETARG_TEXT_PP(0)),
			.source = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1),
			.query = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)),
			.rows = PG_ARGISNULL(rows) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(rows)),
			.next = next
	};
}

/* Is it the version's own test rows that are asked for? */
static bool
asks_for_test(const JudgedRequest *request)
{
	bool		given = OidIsValid(request->source) || request->query;
	bool		test;

	if (request->rows == NULL)
		return !given;
	test = strcmp(request->rows, "test") == 0;
	if (!test && strcmp(request->rows, "all") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized value \"%s\" of \"rows\"", mlbase_excerpt(request->rows)),
				 errhint("Valid values are: all, test.")));
	if (test && given)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows => 'test' does not go with \"%s\"", request->query ? "query" : "source"),
				 errdetail("The test rows are those that the training set aside; they are read from where it read them."),
				 errhint("Leave out \"source\" and \"query\"; or leave out \"rows\" to judge on all rows of them.")));
	return test;
}

/* "7 rows with a label, 2 of them positive" */
static const char *
counts_text(long long labelled, long long positives)
{
	return psprintf("%lld rows with a label, %lld of them positive", labelled, positives);
}

/* What the training read is read again.  As many rows and positives: the same ones, as far as can be known. */
static void
tell_learned(const JudgedRequest *request, const Judged *judged, const Subject *subject)
{
	long long	positives = 0;
	int64		n_then;
	int64		positives_then;
	const char *now;
	const char *then = NULL;
	bool		same;

	for (size_t i = 0; i < judged->scored.n; i++)
		positives += judged->scored.label[i] == 1;
	now = counts_text((long long) judged->scored.n, positives);
	if (mlreg_labelled_rows(judged->resolved.version_id, &n_then, &positives_then))
		then = counts_text(n_then, positives_then);
	same = then == NULL || strcmp(now, then) == 0;
	ereport(WARNING,
			(errmsg(same ? "version %d of model \"%s\" is judged on rows that it learned from"
					: "version %d of model \"%s\" may be judged on rows that it learned from", judged->resolved.version, subject->model),
			 same ? errdetail("They come from the source of its training. It knows most of their answers and looks better than it is.")
			 : errdetail("They are read from where its training read. It had %s; now there are %s. It knows the answers of those that it learned from, and looks better on them than it is.", then, now),
			 subject->unread ? errhint("Give labelled rows that it did not learn from: source => ..., or query => ....")
			 : errhint("Without %s it is judged on its test rows alone.", request->rows ? "source, query and rows" : "source and query")));
}

/* The same query need not give the same rows again. */
static void
tell_other_test_rows(const Judged *judged, const Subject *subject)
{
	long long	n = subject->n_test ? strtoll(subject->n_test, NULL, 10) : 0;

	if (subject->n_test == NULL || n == (long long) judged->scored.n)
		return;
	ereport(WARNING,
			(errmsg("version %d of model \"%s\" is not judged on the test rows of its training", judged->resolved.version, subject->model),
			 errdetail("The training had %lld test rows with a label, now there are %zu. Rows or labels were added or removed since, or its query gives other rows each time, as with random(): then many of these are rows that it learned from.",
					   n, judged->scored.n),
			 errhint("A snapshot keeps rows as they are: train on what mlops.snapshot gives. A fold column made of a key, such as hashtext(id::text), gives the same rows each time.")));
}

/* The recorded query for rows of the version's own. */
static const char *
own_rows(const Judged *judged, const Subject *subject, bool test)
{
	if (test ? subject->unread != NULL : subject->all_rows == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" has no %s rows that can be read again", judged->resolved.version, subject->model,
						test ? "test" : "training"),
				 subject->unread ? errdetail("%s.", subject->unread) : 0,
				 errhint("Give labelled rows that it did not learn from: source => ..., or query => ....")));
	return test ? subject->test_rows : subject->all_rows;
}

/* ---------------------------------------------------------------- costs */

void
mlapi_add_cost(List **columns, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return;
	foreach(lc, *columns)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			return;
	}
	*columns = lappend(*columns, pstrdup(name));
}

/* The columns that costs are in, each once; false if one is not in the source. */
static bool
cost_columns(const MlThresholdRequest *threshold, const MlSource *source, List **columns)
{
	const char *names[] = {threshold->false_positive_column, threshold->false_negative_column};

	for (int i = 0; i < 2; i++)
	{
		if (names[i] && mling_find_column(source, names[i]) < 0)
			return false;
		mlapi_add_cost(columns, names[i]);
	}
	return true;
}

/* ---------------------------------------------------------------- reading */

static bool
is_number(const MlSource *source, const char *name)
{
	int			position = mling_find_column(source, name);
	MlConverter converter;

	return position >= 0 && mling_converter(TupleDescAttr(source->desc, position)->atttypid, "UTC", &converter) &&
		converter.kind == ML_COLUMN_NUMBER;
}

/* A training may be ordered by numbers: they are no days. */
static void
refuse_numbers(const Judged *judged, const Subject *subject, const MlSource *source)
{
	const char *name = subject->time_column;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"time_column\" must be given"),
			 errdetail("Version %d of model \"%s\" was trained by \"%s\" of type %s, and numbers belong to no day.", judged->resolved.version,
					   subject->model, name, mling_type_name(TupleDescAttr(source->desc, mling_find_column(source, name))->atttypid)),
			 errhint("Make times of them in a query, such as to_timestamp(%s), and name that column.", quote_identifier(name))));
}

/* The column of times: what is given, else the training's. */
static const char *
time_column(const JudgedRequest *request, const Judged *judged, const Subject *subject, const MlSource *source)
{
	if (request->columns.time)
		return request->columns.time;
	if (subject->time_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"time_column\" must be given"),
				 errdetail(subject->all_rows == NULL ? "Version %d of model \"%s\" was imported: its training's is not known here."
						   : "Version %d of model \"%s\" was trained without one.", judged->resolved.version, subject->model),
				 errhint("Name the column that says when a row was, such as time_column => 'created_at'.")));
	if (is_number(source, subject->time_column))
		refuse_numbers(judged, subject, source);
	return subject->time_column;
}

static void
score_rows(const JudgedRequest *request, const Subject *subject, MlSource *source, Judged *judged)
{
	MlJudgedColumns columns = request->columns;
	List	   *given = list_copy(columns.costs);
	MlThresholdRequest threshold = {0};

	if (request->by_time)
		columns.time = time_column(request, judged, subject, source);
	if (subject->policy)
	{
		mltrain_parse_threshold(jsonb_of(subject->policy), &threshold);
		judged->has_costs = cost_columns(&threshold, source, &columns.costs);
		judged->costs = threshold.policy.costs;
	}
	if (!judged->has_costs)
		columns.costs = given;
	judged->cost_columns = columns.costs;
	mlserve_score_source(judged->ctx, &judged->resolved, source, &columns, &judged->scored);
	if (judged->has_costs)
	{
		judged->costs.false_positive_by_row = mlserve_cost_by_row(judged->ctx, &judged->scored, columns.costs, threshold.false_positive_column, false);
		judged->costs.false_negative_by_row = mlserve_cost_by_row(judged->ctx, &judged->scored, columns.costs, threshold.false_negative_column, true);
	}
}

void
mlapi_read_judged(const JudgedRequest *request, Judged *judged)
{
	bool		test = asks_for_test(request);
	bool		own = !OidIsValid(request->source) && request->query == NULL;
	MlProgressScope *progress;
	MlRoleScope role;
	MlSource   *source;
	Subject		subject;
	MlCatalogModel model = {0};
	bool		inspects;		/* may the user know what it learned from? */

	*judged = (Judged) {0};
	mlserve_resolve(request->model, ML_TO_EVALUATE, &judged->resolved);
	find_subject(judged->resolved.version_id, &subject);
	judged->imported = subject.all_rows == NULL;
	inspects = mlcat_model_by_name(subject.model, &model) && mlreg_may(GetUserId(), &model, ML_TO_INSPECT);
	if (own && !inspects)
		mlreg_check_right(GetUserId(), subject.model, &model, ML_TO_INSPECT);
	judged->ctx = mlbase_engine_context(mlbase_engine_threads(), mlops_guc_max_training_memory, false);
	if (own)
	{
		const char *query = own_rows(judged, &subject, test);

		/* recorded by somebody else, perhaps: as wherever a recorded query is read */
		mlreg_enter_role(GetUserId(), jsonb_of(subject.settings), ML_REACH_RECORDED | ML_REACH_OWN_CODE, &role);
		source = mling_describe(InvalidOid, query, NULL);
	}
	else
		source = mling_describe(request->source, request->query, request->next);
	progress = mlbase_progress_begin("evaluate", request->model);
	mlbase_progress("read and score", 0, 0, NAN);
	score_rows(request, &subject, source, judged);
	if (!test && inspects && subject.all_rows && strcmp(source->query, subject.all_rows) == 0)
		tell_learned(request, judged, &subject);
	if (test)
		tell_other_test_rows(judged, &subject);
	mlbase_progress_end(progress);
	if (own)
		mlreg_leave_role(&role);
}
