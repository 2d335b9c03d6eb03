/*-------------------------------------------------------------------------
 * describe.c
 *	  The data set of a training as the catalog has it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "mlops/base.h"
#include "train/describe.h"
#include "train/report.h"

/* Earliest and latest time of rows, of the whole data set for NULL. */
static void
time_range(const Data *data, const MlRows *rows, double *from, double *to)
{
	const MlColumn *column = &data->dataset->columns[data->roles.time];
	size_t		n = rows ? rows->n : data->dataset->n_rows;

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

/* ---- columns that have a part to play */

static bool
is_missing(const MlColumn *column, size_t row)
{
	return column->kind == ML_COLUMN_HASH ? ml_column_hash(column, row) == 0 : ml_column_is_missing(column, row);
}

/* Do two rows have the same value?  Of hashes nearly surely. */
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
append_weight_statistics(StringInfo json, const Data *data)
{
	double		sum = 0;
	double		squares = 0;
	double		positives = 0;
	double		rows = (double) (data->counts.positives + data->counts.negatives);

	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		double		weight = data->row_weight[row]; /* 0 without a label */

		sum += weight;
		squares += weight * weight;
		positives += data->label[row] == 1 ? weight : 0;
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
role_statistics(const Data *data, int c)
{
	const MlColumn *column = &data->dataset->columns[c];
	size_t		rows = 0;
	size_t		present = 0;
	size_t		first = 0;
	bool		constant = true;
	double		least = INFINITY;
	double		greatest = -INFINITY;
	StringInfoData json;

	CHECK_FOR_INTERRUPTS();
	for (size_t row = 0; row < data->dataset->n_rows; row++)
	{
		if (isnan(data->label[row]))
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
	if (c == data->roles.target)
	{
		append_number(&json, "positives", (double) data->counts.positives / (double) Max(rows, 1));
		append_target_values(&json, column);
	}
	if (c == data->roles.key)
		append_number(&json, "repeated", (double) data->repeated_keys / (double) data->dataset->n_rows);
	if (c == data->roles.weight)
		append_weight_statistics(&json, data);
	return json.data;
}

/* A column with two roles has one description. */
static char *
columns_json(const Data *data)
{
	const Roles *r = &data->roles;
	const int	roles[] = {r->target, r->key, r->time, r->weight, r->fold, r->cost_false_positive, r->cost_false_negative};
	char	  **statistics = palloc0(Max(data->dataset->n_columns, 1) * sizeof(char *));

	for (size_t i = 0; i < lengthof(roles); i++)
	{
		if (roles[i] >= 0 && statistics[roles[i]] == NULL)
			statistics[roles[i]] = role_statistics(data, roles[i]);
	}
	return mltrain_columns_json(data->dataset, statistics);
}

/* search_path and settings are those that names in the query were read by. */
void
mltrain_describe_data(const Request *request, const ReadPlan *plan, const Data *data,
					  const Parts *parts, MlRegistration *r)
{
	const MlTrainRequest *q = request->given;

	if (OidIsValid(q->source))
		r->source = mling_relation_name(q->source);
	r->query = plan->source->query;
	r->recorded_by = mlbase_recorder();
	mlbase_refuse_size("search_path", strlen(namespace_search_path), MLBASE_MOST_TEXT);
	r->search_path = mlbase_setting("search_path");
	r->settings = mlbase_query_settings();
	r->relations = plan->source->relations;
	snprintf(r->content_hash, sizeof(r->content_hash), "%016llx%016llx",
			 (unsigned long long) data->fingerprint[0], (unsigned long long) data->fingerprint[1]);
	r->rows = data->counts.rows;
	r->positives = data->counts.positives;
	r->unlabelled = data->counts.unlabelled;
	r->train_rows = parts->rows[ML_PART_TRAIN].n;
	r->validation_rows = parts->rows[ML_PART_VALIDATION].n;
	r->test_rows = parts->rows[ML_PART_TEST].n;
	if (data->roles.time >= 0 && data->dataset->columns[data->roles.time].kind == ML_COLUMN_TIME)
	{
		r->time_column = q->time_column;
		time_range(data, NULL, &r->time_from, &r->time_to);
	}
	r->has_test_window = data->roles.time >= 0 && parts->rows[ML_PART_TEST].n > 0;
	if (r->has_test_window)
		time_range(data, &parts->rows[ML_PART_TEST], &r->test_from, &r->test_to);
	r->time_zone = request->zone;
	r->columns = columns_json(data);
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
	mltrain_append_text(&json, "source", r->source);
	mltrain_append_text(&json, "query", r->query);
	mltrain_append_text(&json, "content_hash", r->content_hash);
	mltrain_append_text(&json, "time_column", r->time_column);
	mltrain_append_text(&json, "time_zone", r->time_zone);
	mltrain_append_text(&json, "search_path", r->search_path);
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
