/*-------------------------------------------------------------------------
 * record.c
 *	  What a finished training leaves in the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

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
	add_param(r, "metric", ml_metric_names[t->metric]);
	add_param(r, "preprocess", json_text(q->preprocess));
	add_param(r, "split", json_text(q->split));
	add_param(r, "threshold", json_text(q->threshold));
	if (q->key)
		add_param(r, "key", q->key);
	if (q->weight)
		add_param(r, "weight", q->weight);
	if (q->features)
		add_param(r, "features", mltrain_names_text(mltrain_names_of(q->features)));
	if (q->exclude)
		add_param(r, "exclude", mltrain_names_text(mltrain_names_of(q->exclude)));
}

/* Earliest and latest time of the labelled rows. */
static void
time_range(const Training *t, double *from, double *to)
{
	const MlColumn *column = &t->dataset->columns[t->time];

	*from = INFINITY;
	*to = -INFINITY;
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		double		value = ml_column_number(column, row);

		if (value < *from)
			*from = value;
		if (value > *to)
			*to = value;
	}
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
	r.positive = q->positive;
	r.seed = q->seed;
	r.tags = q->tags;
	r.started_at = t->started_at;
	if (OidIsValid(q->source))
		r.source = quote_qualified_identifier(get_namespace_name(get_rel_namespace(q->source)),
											  get_rel_name(q->source));
	r.query = t->source->query;
	snprintf(r.content_hash, sizeof(r.content_hash), "%016llx%016llx",
			 (unsigned long long) t->fingerprint[0], (unsigned long long) t->fingerprint[1]);
	r.rows = t->counts.rows;
	r.positives = t->counts.positives;
	r.unlabelled = t->counts.unlabelled;
	r.train_rows = t->rows[ML_PART_TRAIN].n;
	r.validation_rows = t->rows[ML_PART_VALIDATION].n;
	r.test_rows = t->rows[ML_PART_TEST].n;
	if (t->time >= 0 && t->dataset->columns[t->time].kind == ML_COLUMN_TIME)
	{
		r.time_column = q->time_column;
		time_range(t, &r.time_from, &r.time_to);
	}
	r.time_zone = t->zone;
	r.columns = mltrain_columns_json(t->dataset);
	record_params(t, &r);
	mltrain_add_curve(&t->figures, &t->learned, ml_metric_names[t->metric]);
	mltrain_add_figure(&t->figures, "iterations", 0, t->learned.iterations);
	mltrain_add_figure(&t->figures, "peak_memory_bytes", 0,
					   (double) ml_arena_peak(t->ctx->arena));
	r.n_figures = t->figures.n;
	r.figures = t->figures.figures;
	r.signature = mltrain_signature_json(t->signature);
	metrics = mltrain_metrics_json(evaluation, part_name(t->judged_on));
	r.metrics = metrics;
	r.threshold = t->parts.threshold;
	r.bytes = t->bytes;
	r.size = t->size;
	mlreg_register(&r, &result->version, &result->run_id, sha256);
	result->metrics = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(metrics)));
}
