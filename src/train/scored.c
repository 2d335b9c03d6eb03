/*-------------------------------------------------------------------------
 * scored.c
 *	  Rows of a part, scored by the flat model.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"


#include "mlops/base.h"
#include "mlops/ingest.h"
#include "train/scored.h"

/* [rows.n] in data's arena; NULL without such a column. */
static double *
cost_by_row(const Data *data, const Scored *scored, MlRows rows, int column, bool false_negative)
{
	double	   *cost;

	if (column < 0)
		return NULL;
	cost = mltrain_array(data, rows.n, sizeof(double));
	mling_costs(&data->dataset->columns[column], false_negative, rows.n, rows.row, scored->label, cost);
	return cost;
}

/*
 * By the bytes, as later answers: what is judged is what will be deployed.  All
 * arrays are in data's arena.
 */
void
mltrain_score_part(const Request *request, const Prepared *prepared, const Encoded *encoded,
				   MlPart part, Scored *scored)
{
	const Data *data = prepared->data;
	MlRows		rows = prepared->parts.rows[part];
	MlModel    *model = palloc(ml_model_struct_size());
	char		message[ML_MESSAGE_SIZE];

	if (!mling_open_model(encoded->bytes, encoded->size, model, message))
		elog(ERROR, "the learned model is not sound: %s", message);
	scored->n = rows.n;
	scored->score = mltrain_array(data, rows.n, sizeof(double));
	scored->label = mltrain_array(data, rows.n, sizeof(float));
	scored->weight = data->row_weight ? mltrain_array(data, rows.n, sizeof(float)) : NULL;
	scored->costs = request->threshold.policy.costs;
	for (size_t i = 0; i < rows.n; i++)
	{
		scored->label[i] = data->label[rows.row[i]];
		if (scored->weight)
			scored->weight[i] = data->row_weight[rows.row[i]];
	}
	scored->costs.false_positive_by_row = cost_by_row(data, scored, rows, data->roles.cost_false_positive, false);
	scored->costs.false_negative_by_row = cost_by_row(data, scored, rows, data->roles.cost_false_negative, true);
	mlbase_check(data->ctx, ml_model_score_rows(data->ctx, model, data->dataset, rows, scored->score));
}

double
mltrain_metric_on(const Request *request, const Prepared *prepared, const Fitted *fitted, MlPart part)
{
	MlContext  *ctx = prepared->data->ctx;
	Encoded		encoded = {.parts.threshold = 0.5};
	Scored		scored;
	double		value;

	mltrain_encode(request, prepared, fitted, 0, &encoded);
	mltrain_score_part(request, prepared, &encoded, part, &scored);
	mlbase_check(ctx, ml_metric_value(ctx, request->metric, scored.n, scored.score, scored.label, NULL, &value));
	return value;
}
