/*-------------------------------------------------------------------------
 * record.c
 *	  What a finished training leaves in the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "train/describe.h"
#include "train/record.h"

static const char *
part_name(MlPart part)
{
	return part == ML_PART_TEST ? "test" : part == ML_PART_VALIDATION ? "validation" : "train";
}

static void
add_param(MlRegistration *r, const char *name, const char *value)
{
	MlNamedText *params = (MlNamedText *) r->params;

	params[r->n_params].name = name;
	params[r->n_params++].value = value;
}

static char *
json_text(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/* The learner's own, defaults filled in, then the arguments that are not its. */
static void
record_params(const Request *request, const Fitted *fitted, MlRegistration *r)
{
	const MlTrainRequest *q = request->given;

	r->params = palloc((request->learner->n_params + 16) * sizeof(MlNamedText));
	for (size_t i = 0; i < request->learner->n_params; i++)
		add_param(r, request->learner->params[i].name,
				  mltrain_param_text(&request->learner->params[i], fitted->params));
	add_param(r, "metric", ml_metrics[request->metric].name);
	add_param(r, "preprocess", json_text(q->preprocess));
	add_param(r, "split", json_text(q->split));
	add_param(r, "threshold", json_text(q->threshold));
	if (q->key)
		add_param(r, "key", q->key);
	if (q->weight)
		add_param(r, "weight", q->weight);
	if (q->features)
		add_param(r, "features", mltrain_names_text(mlbase_names(q->features, "features")));
	if (q->exclude)
		add_param(r, "exclude", mltrain_names_text(mlbase_names(q->exclude, "exclude")));
}

/* Nothing for an argument that was not given. */
static void
append_names(StringInfo json, const char *key, ArrayType *names)
{
	const char *separator = "";
	ListCell   *lc;

	if (names == NULL)
		return;
	appendStringInfo(json, ", \"%s\": [", key);
	foreach(lc, mlbase_names(names, key))
	{
		appendStringInfoString(json, separator);
		escape_json(json, (char *) lfirst(lc));
		separator = ", ";
	}
	appendStringInfoChar(json, ']');
}

/* The arguments as they were given, so that the training can be repeated; positive as the value that it was read as. */
static char *
request_json(const MlTrainRequest *q, const char *source, const char *positive)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	mltrain_append_text(&json, "source", source);
	mltrain_append_text(&json, "query", q->query);
	mltrain_append_text(&json, "target", q->target);
	mltrain_append_text(&json, "algorithm", q->algorithm);
	append_names(&json, "features", q->features);
	append_names(&json, "exclude", q->exclude);
	mltrain_append_text(&json, "key", q->key);
	mltrain_append_text(&json, "time_column", q->time_column);
	mltrain_append_text(&json, "weight", q->weight);
	mltrain_append_text(&json, "positive", positive);
	appendStringInfo(&json, ", \"params\": %s, \"preprocess\": %s, \"split\": %s",
					 json_text(q->params), json_text(q->preprocess), json_text(q->split));
	mltrain_append_text(&json, "metric", q->metric);
	appendStringInfo(&json, ", \"threshold\": %s, \"seed\": %lld}",
					 json_text(q->threshold), (long long) q->seed);
	return json.data;
}

/* {"max_depth": "6", ...}, as view run_params shows them */
static Jsonb *
params_json(const MlRegistration *r)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < r->n_params; i++)
		mltrain_append_text(&json, r->params[i].name, r->params[i].value);
	appendStringInfoChar(&json, '}');
	return mltrain_jsonb_of(json.data);
}

/* A rehearsal describes what would be recorded, and leaves nothing. */
void
mltrain_record(Journal *journal, const Request *request, const ReadPlan *plan, const Prepared *prepared,
			   const Judgement *judgement, MlTrainResult *result)
{
	const MlTrainRequest *q = request->given;
	MlRegistration r = {0};
	const MlEvaluation *evaluation = judgement->judged_on == ML_PART_TEST ? &judgement->test : &judgement->validation;
	uint8		sha256[32];

	mltrain_begin_phase(journal, "register");
	r.model = q->model;
	r.experiment = q->experiment;
	r.algorithm = request->learner->name;
	r.target = q->target;
	r.positive = mling_positive_text(plan->positive);
	r.seed = q->seed;
	r.tags = q->tags;
	r.started_at = journal->started_at;
	mltrain_describe_data(request, plan, prepared->data, &prepared->parts, &r);
	r.request = request_json(q, r.source, r.positive);
	r.findings = psprintf("[%s]", journal->findings.len > 0 ? journal->findings.data : "");
	record_params(request, &judgement->fitted, &r);
	mltrain_add_curve(&journal->run_metrics, &judgement->fitted.learned, ml_metrics[request->metric].name);
	mltrain_add_metric(&journal->run_metrics, "iterations", 0, judgement->fitted.learned.iterations);
	mltrain_add_metric(&journal->run_metrics, "peak_memory_bytes", 0,
					   (double) ml_arena_peak(prepared->data->ctx->arena));
	r.n_run_metrics = journal->run_metrics.n;
	r.run_metrics = journal->run_metrics.metric;
	r.signature = mltrain_signature_json(judgement->model.parts.signature);
	r.metrics = mltrain_metrics_json(evaluation, part_name(judgement->judged_on), part_name(judgement->chosen_on), judgement->shortfall);
	r.threshold = judgement->model.parts.threshold;
	r.bytes = judgement->model.bytes;
	r.size = judgement->model.size;
	if (q->rehearsal)
	{
		result->version = 0;
		result->run_id = 0;
		result->rows = r.rows;
		mlreg_sha256(r.bytes, r.size, result->sha256);
		memcpy(result->content_hash, r.content_hash, sizeof(result->content_hash));
		result->all_params = params_json(&r);
		result->columns = mltrain_jsonb_of(r.columns);
	}
	else
		mlreg_register(&r, &result->version, &result->run_id, sha256);
	result->metrics = mltrain_jsonb_of(r.metrics);
}
