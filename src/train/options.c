/*-------------------------------------------------------------------------
 * options.c
 *	  The jsonb arguments of train that are not a learner's parameters:
 *	  threshold, split and preprocess.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/train.h"

/* ---------------------------------------------------------------- threshold */

/* A cost: a number, or the name of a column that holds it for each row. */
static void
parse_cost(MlOptions *options, const char *key, double *constant, char **column)
{
	JsonbValue *value = mljson_value(options, key);

	*column = NULL;
	if (value && value->type == jbvString)
		mljson_text(options, key, column);
	else
		mljson_number(options, key, 0, ML_LARGEST_COST, constant);
}

/* By MlThresholdObjective. */
static const char *const objectives[] = {"f1", "mcc", "youden", "accuracy"};

const char *
mltrain_objective_name(MlThresholdObjective objective)
{
	return objectives[objective];
}

/* In the current memory context.  Errors: 22023, also for more than one key. */
void
mltrain_parse_threshold(Jsonb *json, MlThresholdRequest *request)
{
	MlOptions  *options = mljson_options("threshold", json);
	MlThresholdPolicy *policy = &request->policy;
	MlOptions  *cost;
	char	   *objective;
	int			given = 0;

	memset(request, 0, sizeof(*request));
	policy->kind = ML_THRESHOLD_MAX;
	policy->objective = ML_OBJECTIVE_F1;
	policy->costs.false_positive = 1;
	policy->costs.false_negative = 1;

	if (mljson_text(options, "max", &objective))
	{
		int			i = 0;

		while (i < lengthof(objectives) && strcmp(objectives[i], objective) != 0)
			i++;
		if (i == lengthof(objectives))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized value \"%s\" of \"max\" in \"threshold\"", objective),
					 errhint("Valid values are: f1, mcc, youden, accuracy.")));
		policy->objective = (MlThresholdObjective) i;
		given++;
	}
	if (mljson_number(options, "min_precision", 0, 1, &policy->value))
	{
		policy->kind = ML_THRESHOLD_MIN_PRECISION;
		given++;
	}
	if (mljson_number(options, "min_recall", 0, 1, &policy->value))
	{
		policy->kind = ML_THRESHOLD_MIN_RECALL;
		given++;
	}
	if (mljson_number(options, "alert_rate", 0, 1, &policy->value))
	{
		policy->kind = ML_THRESHOLD_ALERT_RATE;
		given++;
	}
	if (mljson_number(options, "max_fpr", 0, 1, &policy->value))
	{
		policy->kind = ML_THRESHOLD_MAX_FPR;
		given++;
	}
	cost = mljson_object(options, "cost", "{\"false_positive\": 5, \"false_negative\": 100}");
	if (cost)
	{
		policy->kind = ML_THRESHOLD_COST;
		parse_cost(cost, "false_positive", &policy->costs.false_positive,
				   &request->false_positive_column);
		parse_cost(cost, "false_negative", &policy->costs.false_negative,
				   &request->false_negative_column);
		mljson_finish(cost);
		given++;
	}
	if (mljson_number(options, "value", 0, 1, &policy->value))
	{
		policy->kind = ML_THRESHOLD_VALUE;
		given++;
	}
	mljson_finish(options);
	if (given > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"threshold\" must have one key, not %d", given),
				 errhint("Valid keys are: max, min_precision, min_recall, alert_rate, max_fpr, cost, value.")));
}

/* ---------------------------------------------------------------- split */

/*
 * A value of one of PostgreSQL's types in jsonb, as the number that a column of it
 * holds.  It is recorded as it was given, so it is read as JSON that is scored:
 * whatever the session's settings.  False if the key is not there.  Errors:
 * class 22.
 */
static bool
parse_value(MlOptions *options, const char *key, const char *type, MlColumnKind kind, const char *zone,
			double *number)
{
	MlRecordedType recorded;
	char	   *text;

	if (!mljson_text(options, key, &text))
		return false;
	mling_recorded_type(psprintf("split.%s", key), type, kind, zone, &recorded);
	*number = mling_number_from_json(&recorded, mljson_value(options, key));
	return true;
}

/* Is it a number, and no date or time that is written in digits alone, as 20250201? */
static bool
is_plain_number(const char *text)
{
	size_t		size = strlen(text);
	char	   *rest;

	if (strspn(text, "0123456789") == size && (size == 6 || size == 8 || size == 14))
		return false;
	(void) strtod(text, &rest);
	return size > 0 && *rest == '\0' && strspn(text, "+-.0123456789eE") == size;
}

/*
 * An instant on the clock of the recorded zone, in seconds like the data set's.
 * Errors: 22023 for what may be a value of a time column of numbers.
 */
static bool
parse_instant(MlOptions *options, const char *key, const char *zone, double *seconds)
{
	char	   *text;

	if (mljson_text(options, key, &text) && is_plain_number(text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in \"split\" must be a time, not the number %s", key, mlbase_excerpt(text)),
				 errhint("Where the time column has numbers, split by shares, \"validation\" and \"test\", or by a \"fold\" column.")));
	return parse_value(options, key, "timestamp without time zone", ML_COLUMN_TIME, zone, seconds);
}

/* Seconds of 1000 years: subtracted from any time of data, still a timestamp. */
#define LONGEST (1000 * 365.25 * SECS_PER_DAY)

/* A length of time, in seconds; false if the key is not there. */
static bool
parse_length(MlOptions *options, const char *key, const char *zone, bool positive, double *seconds)
{
	char	   *text;

	if (!mljson_text(options, key, &text))
		return false;
	mlbase_require_unit("split", key, text);
	if (!parse_value(options, key, "interval", ML_COLUMN_NUMBER, zone, seconds))
		return false;
	if (!(*seconds >= 0) || (positive && *seconds == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 positive ? errmsg("\"%s\" in \"split\" must be a length of time above 0, not \"%s\"", key, text)
				 : errmsg("\"%s\" in \"split\" must not be negative", key)));
	if (*seconds > LONGEST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %s of \"%s\" in \"split\" is out of range", text, key),
				 errdetail("It must be at most 1000 years.")));
	return true;
}

/* Errors: 22023. */
static void
require_partner(bool given, const char *key, bool partner_given, const char *partner)
{
	if (given && !partner_given)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in \"split\" needs \"%s\"", key, partner)));
}

/*
 * Errors: 22023.  Lengths of time are seconds, times seconds since 1970 on the
 * zone's clock.
 */
void
mltrain_parse_split(Jsonb *json, const char *time_column, const char *zone,
					MlSplitRequest *request)
{
	MlOptions  *options = mljson_options("split", json);
	bool		fractions;
	bool		has_validation_from;
	bool		has_validation_last;
	bool		has_test_to;
	bool		has_delay;
	bool		has_window;

	memset(request, 0, sizeof(*request));
	request->validation = 0.1;
	request->test = 0.2;
	request->test_to = INFINITY;

	fractions = mljson_number(options, "validation", 0, 0.9, &request->validation);
	fractions = mljson_number(options, "test", 0, 0.9, &request->test) || fractions;
	mljson_text(options, "fold", &request->fold);
	mljson_bool(options, "refit", &request->refit);
	has_validation_from = parse_instant(options, "validation_from", zone, &request->validation_from);
	request->at_times = parse_instant(options, "test_from", zone, &request->test_from);
	has_test_to = parse_instant(options, "test_to", zone, &request->test_to);
	has_delay = parse_length(options, "label_delay", zone, false, &request->label_delay);
	request->at_last = parse_length(options, "test_last", zone, true, &request->test_last);
	has_validation_last = parse_length(options, "validation_last", zone, true, &request->validation_last);
	has_window = parse_length(options, "window", zone, true, &request->window);
	mljson_finish(options);

	if (request->validation + request->test > 0.95)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"validation\" %s and \"test\" %s in \"split\" leave too little to learn from",
						mlbase_number_text(request->validation), mlbase_number_text(request->test)),
				 errdetail("Together they must be at most 0.95.")));
	if ((request->fold != NULL) + fractions + request->at_times + request->at_last > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"split\" must be made in one way"),
				 errhint("Give either \"validation\" and \"test\" shares, or \"validation_last\" and "
						 "\"test_last\" lengths of time, or \"validation_from\", \"test_from\" and "
						 "\"test_to\" times, or a \"fold\" column.")));
	require_partner(has_validation_from, "validation_from", request->at_times, "test_from");
	require_partner(has_test_to, "test_to", request->at_times, "test_from");
	require_partner(has_validation_last, "validation_last", request->at_last, "test_last");
	if (!has_validation_from)
		request->validation_from = request->test_from - request->label_delay;
	if ((request->at_times || request->at_last || has_delay || has_window) && time_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a split by time needs \"time_column\"")));
	if (request->label_delay > 0 && !request->at_times && !request->at_last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"label_delay\" in \"split\" needs \"test_from\" or \"test_last\"")));
	if (has_window && request->window <= request->test_last + request->label_delay + request->validation_last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"window\" in \"split\" leaves nothing to learn from"),
				 errdetail("It must be longer than \"test_last\", \"validation_last\" and \"label_delay\" together.")));
	if (request->at_times && !(request->validation_from <= request->test_from &&
							   request->test_from < request->test_to))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the times of \"split\" must rise from \"validation_from\" to \"test_from\" to \"test_to\"")));
}

/* ---------------------------------------------------------------- preprocess */

/* Errors: 22023. */
void
mltrain_parse_preprocess(Jsonb *json, MlPreprocessRequest *request)
{
	MlOptions  *options = mljson_options("preprocess", json);
	JsonbValue *value = mljson_value(options, "class_weight");

	request->balanced = false;
	request->weight[0] = request->weight[1] = 1;
	if (value && value->type == jbvString)
	{
		char	   *text;

		mljson_text(options, "class_weight", &text);
		if (strcmp(text, "balanced") != 0 && strcmp(text, "none") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized value \"%s\" of \"class_weight\" in \"preprocess\"", text),
					 errhint("Write \"balanced\", \"none\" or {\"negative\": 1, \"positive\": 10}.")));
		request->balanced = strcmp(text, "balanced") == 0;
	}
	else if (value)
	{
		MlOptions  *weights = mljson_object(options, "class_weight", "{\"positive\": 5}");

		mljson_number(weights, "negative", 1e-6, 1e6, &request->weight[0]);
		mljson_number(weights, "positive", 1e-6, 1e6, &request->weight[1]);
		mljson_finish(weights);
	}
	mljson_finish(options);
}
