/*-------------------------------------------------------------------------
 * params.c
 *	  A learner's parameters: from jsonb, checked against its specification,
 *	  and back to text for the record.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "mlops/base.h"
#include "mlops/train.h"

const MlLearner *
mltrain_learner(const char *name)
{
	const MlLearner *learner = ml_learner_by_name(name);
	const MlLearner *meant = ml_learner_like(name);
	StringInfoData valid;
	MlNearest	nearest;

	if (learner)
		return learner;
	initStringInfo(&valid);
	mlbase_nearest_begin(&nearest, name);
	for (int i = 0; ml_learners[i]; i++)
	{
		appendStringInfo(&valid, "%s%s", i ? ", " : "", ml_learners[i]->name);
		mlbase_nearest_of(&nearest, ml_learners[i]->name);
	}
	if (meant)
		strlcpy(nearest.name, meant->name, sizeof(nearest.name));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized algorithm \"%s\"", mlbase_excerpt(name)),
			 errhint("%sValid algorithms are: %s.", nearest.name[0] ? psprintf("Perhaps you meant \"%s\". ", nearest.name) : "", valid.data)));
}

/* Where a parameter is in the learner's struct. */
static void *
field(const MlParamSpec *spec, const void *params)
{
	return (char *) params + spec->offset;
}

/* What is not given stays the default.  Errors: 22023, with the range. */
static void
parse_number(MlOptions *options, const MlParamSpec *spec, void *params)
{
	double		number;
	int			integer;

	if (spec->type == ML_PARAM_INT)
	{
		if (mljson_integer(options, spec->name, (int) spec->minimum, (int) spec->maximum, &integer))
			*(int *) field(spec, params) = integer;
		return;
	}
	if (!mljson_number(options, spec->name, spec->minimum, spec->maximum, &number))
		return;
	if (spec->minimum_excluded && number == spec->minimum)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %s of \"%s\" in \"%s\" is out of range",
						mlbase_number_text(number), spec->name, options->argument),
				 errdetail("It must be greater than %g and at most %g.",
						   spec->minimum, spec->maximum)));
	*(double *) field(spec, params) = number;
}

/* Errors: 22023, with the choices. */
static void
parse_choice(MlOptions *options, const MlParamSpec *spec, void *params)
{
	char	   *text;
	StringInfoData valid;

	if (!mljson_text(options, spec->name, &text))
		return;
	initStringInfo(&valid);
	for (int i = 0; spec->choices[i]; i++)
	{
		if (strcmp(spec->choices[i], text) == 0)
		{
			*(int *) field(spec, params) = i;
			return;
		}
		appendStringInfo(&valid, "%s%s", i ? ", " : "", spec->choices[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized value \"%s\" of \"%s\" in \"%s\"",
					text, spec->name, options->argument),
			 errhint("Valid values are: %s.", valid.data)));
}

/*
 * The list is in the current memory context; whether its names are features is the
 * learner's to say.
 */
static void
parse_constraints(MlOptions *options, const MlParamSpec *spec, void *params)
{
	MlOptions  *object = mljson_object(options, spec->name, "{\"column\": 1}");
	MlConstraints *constraints = field(spec, params);
	MlConstraint *list;
	List	   *names;
	ListCell   *lc;

	if (object == NULL)
		return;
	names = mljson_keys(object);
	list = palloc0(Max(list_length(names), 1) * sizeof(MlConstraint));
	foreach(lc, names)
	{
		MlConstraint *constraint = &list[foreach_current_index(lc)];

		constraint->feature = (char *) lfirst(lc);
		mljson_integer(object, constraint->feature, -1, 1, &constraint->sign);
	}
	constraints->n = list_length(names);
	constraints->constraint = list;
}

/*
 * The struct is in the current memory context.  Errors: 22023, also for a name that
 * the learner does not have.
 */
void *
mltrain_parse_params(const MlLearner *learner, const char *argument, Jsonb *json)
{
	MlOptions  *options = mljson_options(argument, json);
	void	   *params = palloc0(learner->params_size);

	ml_params_init(learner, params);
	for (size_t i = 0; i < learner->n_params; i++)
	{
		const MlParamSpec *spec = &learner->params[i];

		switch (spec->type)
		{
			case ML_PARAM_INT:
			case ML_PARAM_FLOAT:
				parse_number(options, spec, params);
				break;
			case ML_PARAM_BOOL:
				mljson_bool(options, spec->name, field(spec, params));
				break;
			case ML_PARAM_CHOICE:
				parse_choice(options, spec, params);
				break;
			case ML_PARAM_CONSTRAINTS:
				parse_constraints(options, spec, params);
				break;
		}
	}
	mljson_finish(options);
	return params;
}

/* In the current memory context; reads back as the same value. */
char *
mltrain_param_text(const MlParamSpec *spec, const void *params)
{
	const void *value = field(spec, params);

	switch (spec->type)
	{
		case ML_PARAM_INT:
			return psprintf("%d", *(const int *) value);
		case ML_PARAM_FLOAT:
			return mlbase_number_text(*(const double *) value);
		case ML_PARAM_BOOL:
			return pstrdup(*(const bool *) value ? "true" : "false");
		case ML_PARAM_CHOICE:
			return pstrdup(spec->choices[*(const int *) value]);
		case ML_PARAM_CONSTRAINTS:
			{
				const MlConstraints *constraints = value;
				StringInfoData text;

				initStringInfo(&text);
				for (size_t i = 0; i < constraints->n; i++)
					appendStringInfo(&text, "%s%s:%d", i ? ", " : "",
									 constraints->constraint[i].feature,
									 constraints->constraint[i].sign);
				return text.data;
			}
	}
	return NULL;
}

char *
mltrain_param_default(const MlParamSpec *spec)
{
	switch (spec->type)
	{
		case ML_PARAM_INT:
			return psprintf("%d", (int) spec->default_value);
		case ML_PARAM_FLOAT:
			return mlbase_number_text(spec->default_value);
		case ML_PARAM_BOOL:
			return pstrdup(spec->default_value != 0 ? "true" : "false");
		case ML_PARAM_CHOICE:
			return pstrdup(spec->choices[(int) spec->default_value]);
		case ML_PARAM_CONSTRAINTS:
			return pstrdup("{}");
	}
	return NULL;
}

const MlParamSpec *
mltrain_param_spec(const MlLearner *learner, const char *name)
{
	for (size_t i = 0; i < learner->n_params; i++)
	{
		if (strcmp(learner->params[i].name, name) == 0)
			return &learner->params[i];
	}
	return NULL;
}

bool
mltrain_get_int(const MlLearner *learner, const void *params, const char *name, int *value)
{
	const MlParamSpec *spec = mltrain_param_spec(learner, name);

	if (spec == NULL || spec->type != ML_PARAM_INT)
		return false;
	*value = *(const int *) field(spec, params);
	return true;
}

void
mltrain_set_int(const MlLearner *learner, void *params, const char *name, int value)
{
	const MlParamSpec *spec = mltrain_param_spec(learner, name);

	if (spec && spec->type == ML_PARAM_INT)
		*(int *) field(spec, params) = value;
}
