/*-------------------------------------------------------------------------
 * report.c
 *	  What a training says about itself: metrics for run_metric, and the JSON
 *	  of metrics, signature and columns.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "common/shortest_dec.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "train/report.h"

/* The name is not copied. */
void
mltrain_add_metric(MlRunMetrics *run_metrics, const char *name, int step, double value)
{
	if (run_metrics->n == run_metrics->capacity)
	{
		run_metrics->capacity = Max(64, run_metrics->capacity * 2);
		run_metrics->metric = run_metrics->metric
			? repalloc(run_metrics->metric, run_metrics->capacity * sizeof(MlNamedMetric))
			: palloc(run_metrics->capacity * sizeof(MlNamedMetric));
	}
	run_metrics->metric[run_metrics->n++] = (MlNamedMetric) {name, step, value};
}

/* out [MLTRAIN_N_METRICS]. */
void
mltrain_named_metrics(const MlEvaluation *e, MlNamedMetric *out)
{
	out[0] = (MlNamedMetric) {"rows", 0, e->rows};
	out[1] = (MlNamedMetric) {"positives", 0, e->positives};
	out[MLTRAIN_THRESHOLD] = (MlNamedMetric) {"threshold", 0, e->threshold};
	for (int i = 0; i < ML_N_METRICS; i++)
		out[MLTRAIN_FIRST_METRIC + i] = (MlNamedMetric) {ml_metrics[i].name, 0, ml_metric_of(e, i)};
}

void
mltrain_add_evaluation(MlRunMetrics *run_metrics, const char *prefix, const MlEvaluation *evaluation)
{
	MlNamedMetric metrics[MLTRAIN_N_METRICS];

	mltrain_named_metrics(evaluation, metrics);
	for (int i = 0; i < MLTRAIN_N_METRICS; i++)
		mltrain_add_metric(run_metrics, psprintf("%s_%s", prefix, metrics[i].name), 0, metrics[i].value);
}

void
mltrain_add_curve(MlRunMetrics *run_metrics, const MlLearned *learned, const char *metric)
{
	char	   *validation = psprintf("validation_%s", metric);

	for (size_t i = 0; i < learned->n_curve; i++)
	{
		const MlCurveStep *step = &learned->curve[i];

		if (!isnan(step->train_loss))
			mltrain_add_metric(run_metrics, "train_loss", step->step, step->train_loss);
		if (!isnan(step->validation))
			mltrain_add_metric(run_metrics, validation, step->step, step->validation);
	}
}

/* Numbers have all their digits; what is not defined is null. */
char *
mltrain_metrics_json(const MlEvaluation *evaluation, const char *judged_on, const char *chosen_on, const char *shortfall)
{
	StringInfoData json;
	MlNamedMetric metrics[MLTRAIN_N_METRICS];

	mltrain_named_metrics(evaluation, metrics);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"judged_on\": \"%s\", \"threshold_chosen_on\": \"%s\"", judged_on, chosen_on);
	for (int i = 0; i < MLTRAIN_N_METRICS; i++)
	{
		if (isnan(metrics[i].value))
			appendStringInfo(&json, ", \"%s\": null", metrics[i].name);
		else
			appendStringInfo(&json, ", \"%s\": %s", metrics[i].name,
							 double_to_shortest_decimal(metrics[i].value));
	}
	if (shortfall)
	{
		appendStringInfoString(&json, ", \"threshold_shortfall\": ");
		escape_json(&json, shortfall);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

static const char *
kind_name(MlColumnKind kind)
{
	switch (kind)
	{
		case ML_COLUMN_NUMBER:
			return "number";
		case ML_COLUMN_CATEGORY:
			return "category";
		case ML_COLUMN_TIME:
			return "time";
		case ML_COLUMN_HASH:
			return "key";
	}
	return "?";
}

/* A member of a JSON array; statistics is the end of its text, or NULL. */
static void
append_column(StringInfo json, const char *name, const char *type, MlColumnKind kind, const char *statistics)
{
	appendStringInfoString(json, json->len > 1 ? ", {\"name\": " : "{\"name\": ");
	escape_json(json, name);
	appendStringInfoString(json, ", \"type\": ");
	escape_json(json, type);
	appendStringInfo(json, ", \"kind\": \"%s\"%s}", kind_name(kind), statistics ? statistics : "");
}

char *
mltrain_signature_json(const MlSignature *signature)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (size_t i = 0; i < signature->n_inputs; i++)
		append_column(&json, signature->inputs[i].name, signature->inputs[i].type_name,
					  signature->inputs[i].kind, NULL);
	appendStringInfoChar(&json, ']');
	return json.data;
}

char *
mltrain_columns_json(const MlDataset *dataset, char *const *statistics)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (size_t i = 0; i < dataset->n_columns; i++)
		append_column(&json, dataset->columns[i].name, dataset->columns[i].type_name,
					  dataset->columns[i].kind, statistics[i]);
	appendStringInfoChar(&json, ']');
	return json.data;
}

char *
mltrain_names_text(List *names)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", (char *) lfirst(lc));
	return text.data;
}

void
mltrain_append_text(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
	escape_json(json, value);
}

Jsonb *
mltrain_jsonb_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
