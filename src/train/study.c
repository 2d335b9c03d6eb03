/*-------------------------------------------------------------------------
 * study.c
 *	  A study in the catalog: what it is, and the trials that it has.
 *
 * A study is found again by a hash of everything that decides its trials, so
 * the same call after a crash or a cancel goes on with what is there.  While it
 * runs, a lock on that hash keeps a second one out.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "train/describe.h"
#include "train/study.h"

/* ---------------------------------------------------------------- identity */

/* A member of an object, null for NULL. */
static void
append_text(StringInfo text, const char *key, const char *value)
{
	appendStringInfo(text, "%s\"%s\": ", text->len > 1 ? ", " : "", key);
	if (value)
		escape_json(text, value);
	else
		appendStringInfoString(text, "null");
}

/* A member of an object, null for NULL. */
static void
append_json(StringInfo text, const char *key, Jsonb *json)
{
	appendStringInfo(text, "%s\"%s\": %s", text->len > 1 ? ", " : "", key,
					 json ? JsonbToCString(NULL, &json->root, VARSIZE(json)) : "null");
}

static void
append_names(StringInfo text, const char *key, ArrayType *names)
{
	append_text(text, key, names ? mltrain_names_text(mlbase_names(names, key)) : NULL);
}

/* How trials are judged, as view mlops.studies shows it; NULL: on the validation rows. */
static Jsonb *
folds_json(const Folds *folds)
{
	StringInfoData text;

	if (folds->n == 0)
		return NULL;
	initStringInfo(&text);
	appendStringInfo(&text, "{\"folds\": %d", folds->n);
	append_text(&text, "kind", fold_kind_names[folds->kind]);
	if (folds->kind == FOLDS_GROUPED)
		append_text(&text, "group_by", folds->request->group_by);
	if (folds->border)
		appendStringInfo(&text, ", \"label_delay_seconds\": %s",
						 double_to_shortest_decimal(folds->request->label_delay));
	appendStringInfo(&text, ", \"held_back\": %s}", double_to_shortest_decimal(folds->held_back));
	return mltrain_jsonb_of(text.data);
}

/*
 * SHA-256 of everything that decides what the trials are and how they end.  Every
 * member that could change a trial is in it, and nothing else, or a study would not
 * be found again.
 */
static char *
identity(const TuneRequest *tune, const Request *request, const ReadPlan *plan, const Data *data,
		 const Folds *folds)
{
	const MlTuneRequest *q = tune->given;
	const MlTrainRequest *r = &q->train;
	StringInfoData text;
	uint8		sha256[32];
	char	   *hex = palloc(65);

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_text(&text, "library", MLOPS_VERSION);
	append_text(&text, "user", GetUserNameFromId(GetUserId(), false));
	append_text(&text, "model", r->model);
	append_text(&text, "experiment", r->experiment);
	append_text(&text, "content_hash", psprintf("%016llx%016llx",
												(unsigned long long) data->full_fingerprint[0],
												(unsigned long long) data->full_fingerprint[1]));
	append_text(&text, "target", r->target);
	append_text(&text, "positive", mling_positive_text(plan->positive));
	append_text(&text, "algorithm", r->algorithm);
	append_names(&text, "features", r->features);
	append_names(&text, "exclude", r->exclude);
	append_text(&text, "key", r->key);
	append_text(&text, "time_column", r->time_column);
	append_text(&text, "time_zone", request->zone);
	append_text(&text, "weight", r->weight);
	append_json(&text, "params", r->params);
	append_json(&text, "preprocess", r->preprocess);
	append_json(&text, "split", /* a refit comes after the trials */
				DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(r->split),
												   CStringGetTextDatum("refit"))));
	append_text(&text, "metric", r->metric);
	append_json(&text, "space", tune->space->json);
	append_text(&text, "method", q->method);
	append_text(&text, "pruner", q->pruner);
	append_json(&text, "folds", folds_json(folds));
	appendStringInfo(&text, ", \"seed\": %lld}", (long long) r->seed);
	mlreg_sha256((uint8 *) text.data, text.len, sha256);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
	return hex;
}

/* One tuning of a study at a time, until the transaction ends.  Errors: 55006, at once. */
static void
lock_study(const char *id)
{
	if (!mlcat_try_lock("study", strtoull(pnstrdup(id, 16), NULL, 16)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("this tuning is running in another session"),
				 errhint("Wait for it, or give another \"seed\" or \"experiment\".")));
}

/* What mlops_catalog.open_study needs. */
char *
study_describe(const TuneRequest *tune, const Request *request, const ReadPlan *plan, const Prepared *prepared,
			   const Folds *folds)
{
	const MlTrainRequest *r = request->given;
	MlRegistration data = {0};
	StringInfoData text;
	char	   *id;

	mltrain_describe_data(request, plan, prepared->data, &prepared->parts, &data);
	id = identity(tune, request, plan, prepared->data, folds);
	lock_study(id);
	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_text(&text, "identity", id);
	append_text(&text, "experiment", r->experiment ? r->experiment : r->model);
	append_text(&text, "model", r->model);
	append_text(&text, "method", tune->given->method);
	append_text(&text, "pruner", tune->given->pruner);
	append_json(&text, "space", tune->space->json);
	append_json(&text, "folds", folds_json(folds));
	append_text(&text, "metric", r->metric);
	append_text(&text, "target", r->target);
	append_json(&text, "tags", r->tags);
	appendStringInfo(&text, ", \"maximise\": %s, \"seed\": %lld, \"dataset\": %s}",
					 ml_metrics[request->metric].smaller_is_better ? "false" : "true", (long long) r->seed,
					 mltrain_data_json(&data));
	return text.data;
}

/* ---------------------------------------------------------------- trials */

/* Whatever is not the other two has failed. */
static MlTrialState
state_by_name(const char *name)
{
	return strcmp(name, "finished") == 0 ? ML_TRIAL_FINISHED
		: strcmp(name, "pruned") == 0 ? ML_TRIAL_PRUNED : ML_TRIAL_FAILED;
}

/* Numbers of a float8[], NULLs as NaN; false if their count is another. */
static bool
read_numbers(Datum array, size_t n, double *numbers)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	for (int i = 0; i < count && (size_t) count == n; i++)
		numbers[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
	return (size_t) count == n;
}

/* Takes earlier trials into study and board; returns how many of them failed. */
int
study_load(int64 study_id, int trials, TeamShared *shared, MlStudy *study)
{
	size_t		n_rungs = shared->pruner.n_rungs;
	double	   *point = palloc(study->space->n * sizeof(double));
	double	   *rungs = palloc((n_rungs + 1) * sizeof(double));
	Oid			types[2] = {INT8OID, INT4OID};
	Datum		values[2];
	MlCatalogScope scope;
	uint64		n;
	int			n_failed = 0;

	values[0] = Int64GetDatum(study_id);
	values[1] = Int32GetDatum(trials);
	mlcat_begin(&scope);
	n = mlcat_execute("SELECT number, state, value, steps, point, rungs, error FROM mlops_catalog.counted_trial "
					  "WHERE study_id OPERATOR(pg_catalog.=) $1 AND number OPERATOR(pg_catalog.<) $2 ORDER BY number",
					  2, types, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			number = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
		MlTrialState state = state_by_name(SPI_getvalue(tuple, desc, 2));
		Datum		value = SPI_getbinval(tuple, desc, 3, &isnull);
		double		reached = isnull ? NAN : DatumGetFloat8(value);
		int			steps = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));

		if (!read_numbers(SPI_getbinval(tuple, desc, 5, &isnull), study->space->n, point))
			elog(ERROR, "trial %d of study %lld does not fit the space", number,
				 (long long) study_id);
		ml_study_add(study, number, point, state, reached, steps);
		n_failed += state == ML_TRIAL_FAILED;
		if (read_numbers(SPI_getbinval(tuple, desc, 6, &isnull), n_rungs, rungs) && n_rungs > 0)
			memcpy(team_board(shared, number), rungs, n_rungs * sizeof(double));
	}
	mlcat_end(&scope);
	if (n > 0)
		ereport(NOTICE,
				(errmsg("%llu trials of this tuning exist already", (unsigned long long) n)));
	return n_failed;
}
