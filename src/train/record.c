/*-------------------------------------------------------------------------
 * record.c
 *	  What a finished training leaves in the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "train/training.h"

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

static void
record_params(const Training *t, MlRegistration *r)
{
	const MlTrainRequest *q = t->request;

	r->params = palloc((t->learner->n_params + 16) * sizeof(MlNamedText));
	for (size_t i = 0; i < t->learner->n_params; i++)
		add_param(r, t->learner->params[i].name,
				  mltrain_param_text(&t->learner->params[i], t->params));
	add_param(r, "metric", ml_metrics[t->metric].name);
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

/* Earliest and latest time of rows, of the whole data set for NULL. */
static void
time_range(const Training *t, const MlRows *rows, double *from, double *to)
{
	const MlColumn *column = &t->dataset->columns[t->time];
	size_t		n = rows ? rows->n : t->dataset->n_rows;

	*from = INFINITY;
	*to = -INFINITY;
	for (size_t i = 0; i < n; i++)
	{
		double		value = ml_column_number(column, rows ? rows->row[i] : i);

		if (value < *from)
			*from = value;
		if (value > *to)
			*to = value;
	}
}

static void
append_text(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
	escape_json(json, value);
}

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
	append_text(&json, "source", source);
	append_text(&json, "query", q->query);
	append_text(&json, "target", q->target);
	append_text(&json, "algorithm", q->algorithm);
	append_names(&json, "features", q->features);
	append_names(&json, "exclude", q->exclude);
	append_text(&json, "key", q->key);
	append_text(&json, "time_column", q->time_column);
	append_text(&json, "weight", q->weight);
	append_text(&json, "positive", positive);
	appendStringInfo(&json, ", \"params\": %s, \"preprocess\": %s, \"split\": %s",
					 json_text(q->params), json_text(q->preprocess), json_text(q->split));
	append_text(&json, "metric", q->metric);
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
		append_text(&json, r->params[i].name, r->params[i].value);
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* ---- columns that have a part to play */

static bool
is_missing(const MlColumn *column, size_t row)
{
	return column->kind == ML_COLUMN_HASH ? ml_column_hash(column, row) == 0 : ml_column_is_missing(column, row);
}

static bool
same_value(const MlColumn *column, size_t a, size_t b)
{
	switch (column->kind)
	{
		case ML_COLUMN_HASH:
			return ml_column_hash(column, a) == ml_column_hash(column, b);
		case ML_COLUMN_CATEGORY:
			return ml_column_code(column, a) == ml_column_code(column, b);
		default:
			return ml_column_number(column, a) == ml_column_number(column, b);
	}
}

static void
append_number(StringInfo json, const char *name, double value)
{
	appendStringInfo(json, ", \"%s\": %s", name, double_to_shortest_decimal(value));
}

/* How many rows of one weight would tell as much (Kish), as a share of the rows;
 * and the positives' share of the weight. */
static void
append_weight_statistics(StringInfo json, const Training *t)
{
	double		sum = 0;
	double		squares = 0;
	double		positives = 0;
	double		rows = (double) (t->counts.positives + t->counts.negatives);

	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		double		weight = t->row_weight[row];	/* 0 without a label */

		sum += weight;
		squares += weight * weight;
		positives += t->label[row] == 1 ? weight : 0;
	}
	append_number(json, "effective", sum / squares * sum / rows);
	append_number(json, "positives", positives / sum);
}

/* The values of a target that is read as text. */
static void
append_target_values(StringInfo json, const MlColumn *column)
{
	StringInfoData values;
	uint32_t	n;

	if (column->kind != ML_COLUMN_CATEGORY || column->overflowed)
		return;
	n = ml_dictionary_size(column->dictionary);
	if (n > ML_TARGET_VALUES)
		return;
	initStringInfo(&values);
	for (uint32_t code = 0; code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);

		if (size > ML_TARGET_VALUE_BYTES)
			return;
		appendStringInfoString(&values, code ? ", " : "");
		escape_json(&values, pnstrdup(bytes, size));
	}
	appendStringInfo(json, ", \"values\": [%s]", values.data);
}

/*
 * What the labelled rows have in a column that is read for another purpose than
 * to be an input: a retraining refuses a source that has something else there.
 */
static char *
role_statistics(const Training *t, int c)
{
	const MlColumn *column = &t->dataset->columns[c];
	size_t		rows = 0;
	size_t		present = 0;
	size_t		first = 0;
	size_t		without_key;
	bool		constant = true;
	double		least = INFINITY;
	double		greatest = -INFINITY;
	StringInfoData json;

	CHECK_FOR_INTERRUPTS();
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		if (isnan(t->label[row]))
			continue;
		rows++;
		if (is_missing(column, row))
			continue;
		if (present++ == 0)
			first = row;
		constant = constant && same_value(column, first, row);
		if (column->kind == ML_COLUMN_NUMBER)
		{
			least = Min(least, ml_column_number(column, row));
			greatest = Max(greatest, ml_column_number(column, row));
		}
	}
	initStringInfo(&json);
	appendStringInfo(&json, ", \"constant\": %s", constant ? "true" : "false");
	append_number(&json, "missing", 1 - (double) present / (double) Max(rows, 1));
	if (column->kind == ML_COLUMN_NUMBER && present > 0)
	{
		append_number(&json, "minimum", least);
		append_number(&json, "maximum", greatest);
	}
	if (c == t->target)
	{
		append_number(&json, "positives", (double) t->counts.positives / (double) Max(rows, 1));
		append_target_values(&json, column);
	}
	if (c == t->key)
		append_number(&json, "repeated", (double) mltrain_repeated_keys(t, &without_key) / (double) t->dataset->n_rows);
	if (c == t->weight)
		append_weight_statistics(&json, t);
	return json.data;
}

static char *
columns_json(const Training *t)
{
	const int	roles[] = {t->target, t->key, t->time, t->weight, t->fold, t->cost_false_positive, t->cost_false_negative};
	char	  **statistics = palloc0(Max(t->dataset->n_columns, 1) * sizeof(char *));

	for (size_t i = 0; i < lengthof(roles); i++)
	{
		if (roles[i] >= 0 && statistics[roles[i]] == NULL)
			statistics[roles[i]] = role_statistics(t, roles[i]);
	}
	return mltrain_columns_json(t->dataset, statistics);
}

void
mltrain_describe_data(const Training *t, MlRegistration *r)
{
	const MlTrainRequest *q = t->request;

	if (OidIsValid(q->source))
		r->source = mling_relation_name(q->source);
	r->query = t->source->query;
	r->recorded_by = mlbase_recorder();
	mlbase_refuse_size("search_path", strlen(namespace_search_path), MLBASE_MOST_TEXT);
	r->search_path = mlbase_setting("search_path");
	r->settings = mlbase_query_settings();
	r->relations = t->source->relations;
	snprintf(r->content_hash, sizeof(r->content_hash), "%016llx%016llx",
			 (unsigned long long) t->fingerprint[0], (unsigned long long) t->fingerprint[1]);
	r->rows = t->counts.rows;
	r->positives = t->counts.positives;
	r->unlabelled = t->counts.unlabelled;
	r->train_rows = t->rows[ML_PART_TRAIN].n;
	r->validation_rows = t->rows[ML_PART_VALIDATION].n;
	r->test_rows = t->rows[ML_PART_TEST].n;
	if (t->time >= 0 && t->dataset->columns[t->time].kind == ML_COLUMN_TIME)
	{
		r->time_column = q->time_column;
		time_range(t, NULL, &r->time_from, &r->time_to);
	}
	r->has_test_window = t->time >= 0 && t->rows[ML_PART_TEST].n > 0;
	if (r->has_test_window)
		time_range(t, &t->rows[ML_PART_TEST], &r->test_from, &r->test_to);
	r->time_zone = t->zone;
	r->columns = columns_json(t);
}

char *
mltrain_data_json(const MlRegistration *r)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"rows\": %lld, \"positives\": %lld, \"unlabelled\": %lld, \"train_rows\": %lld, "
					 "\"validation_rows\": %lld, \"test_rows\": %lld, \"columns\": %s",
					 (long long) r->rows, (long long) r->positives, (long long) r->unlabelled,
					 (long long) r->train_rows, (long long) r->validation_rows, (long long) r->test_rows,
					 r->columns);
	append_text(&json, "source", r->source);
	append_text(&json, "query", r->query);
	append_text(&json, "content_hash", r->content_hash);
	append_text(&json, "time_column", r->time_column);
	append_text(&json, "time_zone", r->time_zone);
	append_text(&json, "search_path", r->search_path);
	appendStringInfo(&json, ", \"settings\": %s, \"recorded_by\": %u", r->settings, r->recorded_by);
	if (r->time_column)
		appendStringInfo(&json, ", \"time_from\": %.17g, \"time_to\": %.17g", r->time_from, r->time_to);
	if (r->has_test_window)
		appendStringInfo(&json, ", \"test_from\": %.17g, \"test_to\": %.17g", r->test_from, r->test_to);
	appendStringInfoString(&json, ", \"relations\": [");
	for (ListCell *lc = list_head(r->relations); lc; lc = lnext(r->relations, lc))
		appendStringInfo(&json, "%s%u", lc == list_head(r->relations) ? "" : ", ", lfirst_oid(lc));
	appendStringInfoString(&json, "]}");
	return json.data;
}

void
mltrain_record(Training *t, MlTrainResult *result)
{
	const MlTrainRequest *q = t->request;
	MlRegistration r = {0};
	const MlEvaluation *evaluation = t->judged_on == ML_PART_TEST ? &t->test : &t->validation;
	char	   *metrics;
	uint8		sha256[32];

	r.model = q->model;
	r.experiment = q->experiment;
	r.algorithm = t->learner->name;
	r.target = q->target;
	r.positive = mling_positive_text(t->positive);
	r.seed = q->seed;
	r.tags = q->tags;
	r.started_at = t->started_at;
	mltrain_describe_data(t, &r);
	r.request = request_json(q, r.source, r.positive);
	r.findings = psprintf("[%s]", t->findings.len > 0 ? t->findings.data : "");
	record_params(t, &r);
	mltrain_add_curve(&t->run_metrics, &t->learned, ml_metrics[t->metric].name);
	mltrain_add_metric(&t->run_metrics, "iterations", 0, t->learned.iterations);
	mltrain_add_metric(&t->run_metrics, "peak_memory_bytes", 0,
					   (double) ml_arena_peak(t->ctx->arena));
	r.n_run_metrics = t->run_metrics.n;
	r.run_metrics = t->run_metrics.metric;
	r.signature = mltrain_signature_json(t->signature);
	metrics = mltrain_metrics_json(evaluation, part_name(t->judged_on), t->shortfall);
	r.metrics = metrics;
	r.threshold = t->parts.threshold;
	r.bytes = t->bytes;
	r.size = t->size;
	if (q->rehearsal)
	{
		result->version = 0;
		result->run_id = 0;
		result->rows = r.rows;
		mlreg_sha256(r.bytes, r.size, result->sha256);
		memcpy(result->content_hash, r.content_hash, sizeof(result->content_hash));
		result->all_params = params_json(&r);
		result->columns = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(r.columns)));
	}
	else
		mlreg_register(&r, &result->version, &result->run_id, sha256);
	result->metrics = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(metrics)));
}
