/*-------------------------------------------------------------------------
 * score_source.c
 *	  A source's labelled rows with a model's scores, for evaluate, curve, thresholds
 *	  and daily_precision.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

/*
 * Reads the model's inputs of the source, in columns from 0; how many.  Errors:
 * 42703, 42804, naming all that are missing.
 */
static int
plan_inputs(const MlModel *model, const MlSource *source, MlReadColumn *columns)
{
	MlRowMap   *map = mlserve_map_row(model, source->desc);

	mlserve_warn_of_changed_views(model, source);
	for (size_t i = 0; i < map->n_inputs; i++)
		columns[i] = (MlReadColumn) {map->attribute[i], map->converter[i].kind, false, false,
		&map->converter[i]};
	return (int) map->n_inputs;
}

/*
 * What counts as positive in a target that nobody has given a value for: as in
 * training for the training's target, else what is usual for the type.  A NOTICE
 * tells where that is not plain.
 */
static const char *
positive_of(const MlCatalogVersion *version, const char *target, Oid type)
{
	MlTrainedPositive trained = {version->positive, version->positive ? mlreg_target_type(version->version_id) : NULL};
	bool		is_trained = strcmp(target, version->target) == 0;
	const char *positive = mling_positive_meant(type, &trained, is_trained);

	if (is_trained && positive == version->positive)
		return positive;
	if (version->positive && !(mling_positive_is_plain(type, version->positive) && mling_positive_is_plain(type, positive)))
		ereport(NOTICE,
				(errmsg("a row is positive where target \"%s\" is \"%s\"", target,
						mlbase_excerpt(positive ? positive : getBaseType(type) == BOOLOID ? "true" : "1")),
				 errdetail("The model was trained with \"%s\" of target \"%s\".", mlbase_excerpt(version->positive), version->target),
				 errhint("If another value is the positive one, give it as \"positive\".")));
	return positive;
}

static MlReadColumn
column_of_kind(const MlSource *source, const char *name, const char *argument, MlColumnKind kind,
			   const char *must_be)
{
	MlConverter ignored;

	return (MlReadColumn) {mling_column_of_kind(source, name, argument, kind, must_be, &ignored), kind};
}

/* The columns beside label and inputs, from place n; returns how many there are then. */
static int
plan_others(const MlSource *source, const MlJudgedColumns *wanted, MlReadColumn *columns, int n, MlScoredRows *out)
{
	ListCell   *lc;

	out->first_by = n;
	foreach(lc, wanted->by)
		columns[n++] = (MlReadColumn) {mling_column(source, (char *) lfirst(lc), "by"),
		ML_COLUMN_CATEGORY, true};
	out->first_cost = n;
	foreach(lc, wanted->costs)
		columns[n++] = column_of_kind(source, (char *) lfirst(lc), "cost", ML_COLUMN_NUMBER, "a number");
	out->time = n;
	if (wanted->time)
		columns[n++] = column_of_kind(source, wanted->time, "time_column", ML_COLUMN_TIME, "a date or timestamp");
	out->card = n;
	if (wanted->card)
		columns[n++] = (MlReadColumn) {mling_column(source, wanted->card, "card_column"), ML_COLUMN_HASH};
	return n;
}

/* Columns are read in this order: the model's inputs, the target, by, costs, time, card. */
void
mlserve_score_source(MlContext *ctx, const MlResolved *resolved, MlSource *source,
					 const MlJudgedColumns *wanted, MlScoredRows *out)
{
	const MlModel *model = resolved->served->model;
	const MlCatalogVersion *version = &resolved->served->version;
	const char *target = wanted->target ? wanted->target : version->target;
	const MlPositive *positive;
	Oid			type;
	MlReadColumn *columns = palloc((ml_model_n_inputs(model) + list_length(wanted->by) + list_length(wanted->costs) + 3) *
								   sizeof(MlReadColumn));
	int			n = plan_inputs(model, source, columns);
	int			label_column = n;
	int			position;
	bool		as_text;
	MlDataset  *dataset;
	MlLabelCounts counts;
	float	   *label;
	uint32_t   *row;

	position = mling_column(source, target, "target");
	type = TupleDescAttr(source->desc, position)->atttypid;
	positive = mling_positive(type, "target", target, wanted->positive ? wanted->positive : positive_of(version, target, type));
	as_text = mling_target_as_text(type, "target", target, positive);
	columns[n++] = (MlReadColumn) {position, ML_COLUMN_CATEGORY, as_text, .is_label = true};
	n = plan_others(source, wanted, columns, n, out);

	dataset = mling_read(ctx, source, n, columns, ml_model_time_zone(model), (MlReadLimits) {.order = ML_ORDER_NONE});
	if (dataset->n_rows == 0)
		mling_refuse_empty(source);
	if (wanted->time)
		mling_refuse_far_times(dataset, out->time);
	label = mling_labels(ctx, dataset, label_column, positive, &counts);

	row = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(uint32_t));
	out->label = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(float));
	out->score = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(double));
	if (row == NULL || out->label == NULL || out->score == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	out->n = 0;
	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (isnan(label[i]))
			continue;
		row[out->n] = (uint32_t) i;
		out->label[out->n++] = label[i];
	}
	out->dataset = dataset;
	out->rows = (MlRows) {row, out->n};
	mlbase_check(ctx, ml_model_score_rows(ctx, model, dataset, out->rows, out->score));
}

double *
mlserve_cost_by_row(MlContext *ctx, const MlScoredRows *scored, List *costs, const char *name, bool false_negative)
{
	int			c = scored->first_cost;
	double	   *cost;

	if (name == NULL)
		return NULL;
	while (strcmp((char *) list_nth(costs, c - scored->first_cost), name) != 0)
		c++;
	cost = ml_arena_alloc_array(ctx->arena, Max(scored->n, 1), sizeof(double));
	if (cost == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	mling_costs(&scored->dataset->columns[c], false_negative, scored->n, scored->rows.row, scored->label, cost);
	return cost;
}
