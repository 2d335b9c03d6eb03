/*-------------------------------------------------------------------------
 * report.c
 *	  What a training says about itself: figures for run_metric, and the JSON
 *	  of metrics, signature and columns.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "common/shortest_dec.h"
#include "utils/json.h"

#include "train/report.h"

void
mltrain_add_figure(MlFigures *figures, const char *name, int step, double value)
{
	if (figures->n == figures->capacity)
	{
		figures->capacity = Max(64, figures->capacity * 2);
		figures->figures = figures->figures
			? repalloc(figures->figures, figures->capacity * sizeof(MlNamedFigure))
			: palloc(figures->capacity * sizeof(MlNamedFigure));
	}
	figures->figures[figures->n++] = (MlNamedFigure) {name, step, value};
}

void
mltrain_named_metrics(const MlEvaluation *e, MlNamedFigure *out)
{
	out[0] = (MlNamedFigure) {"rows", 0, e->rows};
	out[1] = (MlNamedFigure) {"positives", 0, e->positives};
	out[MLTRAIN_THRESHOLD] = (MlNamedFigure) {"threshold", 0, e->threshold};
	for (int i = 0; i < ML_N_METRICS; i++)
		out[MLTRAIN_FIRST_METRIC + i] = (MlNamedFigure) {ml_metrics[i].name, 0, ml_metric_of(e, i)};
}

void
mltrain_add_evaluation(MlFigures *figures, const char *prefix, const MlEvaluation *evaluation)
{
	MlNamedFigure metrics[MLTRAIN_N_METRICS];

	mltrain_named_metrics(evaluation, metrics);
	for (int i = 0; i < MLTRAIN_N_METRICS; i++)
		mltrain_add_figure(figures, psprintf("%s_%s", prefix, metrics[i].name), 0, metrics[i].value);
}

void
mltrain_add_curve(MlFigures *figures, const MlLearned *learned, const char *metric)
{
	char	   *validation = psprintf("validation_%s", metric);

	for (size_t i = 0; i < learned->n_curve; i++)
	{
		const MlCurveStep *step = &learned->curve[i];

		if (!isnan(step->train_loss))
			mltrain_add_figure(figures, "train_loss", step->step, step->train_loss);
		if (!isnan(step->validation))
			mltrain_add_figure(figures, validation, step->step, step->validation);
	}
}

char *
mltrain_metrics_json(const MlEvaluation *evaluation, const char *judged_on, const char *shortfall)
{
	StringInfoData json;
	MlNamedFigure metrics[MLTRAIN_N_METRICS];

	mltrain_named_metrics(evaluation, metrics);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"judged_on\": \"%s\"", judged_on);
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

static void
append_column(StringInfo json, const char *name, const char *type, MlColumnKind kind, const char *figures)
{
	appendStringInfoString(json, json->len > 1 ? ", {\"name\": " : "{\"name\": ");
	escape_json(json, name);
	appendStringInfoString(json, ", \"type\": ");
	escape_json(json, type);
	appendStringInfo(json, ", \"kind\": \"%s\"%s}", kind_name(kind), figures ? figures : "");
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
mltrain_columns_json(const MlDataset *dataset, char *const *figures)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (size_t i = 0; i < dataset->n_columns; i++)
		append_column(&json, dataset->columns[i].name, dataset->columns[i].type_name,
					  dataset->columns[i].kind, figures[i]);
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
