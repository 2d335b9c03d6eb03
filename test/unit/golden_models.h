/*
 * golden_models.h
 *	  All that a model says, as text: what is in its bytes, and scores and
 *	  explanations of rows, numbers to the last bit.  The rows follow from the
 *	  model's own inputs, edges and categories.
 */
#ifndef MLOPS_TEST_GOLDEN_MODELS_H
#define MLOPS_TEST_GOLDEN_MODELS_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mlops/engine/explain.h"
#include "mlops/engine/family.h"

#define GOLDEN_ROWS 48

/* Files of test/golden/models: NAME.FORMAT.bin, and what all say in NAME.txt. */
static const struct
{
	const char *name;
	int			first_format;	/* that has such a model */
}			golden[] = {
	{"boosted", 1}, {"numbers", 1}, {"regression", 1}, {"levels", 1}, {"huge", 1}, {"constant", 1}, {"empty", 1}, {"flat", 1},
	{"trees", 1}, {"linear", 1}, {"boosted_statistic", 2}, {"regression_statistic", 2}, {"trees_statistic", 2}, {"linear_statistic", 2},
};

/* To the last bit; what is no number has no sign. */
static const char *
exact(double value)
{
	static char text[8][32];
	static int	next;

	next = (next + 1) % 8;
	snprintf(text[next], sizeof(text[next]), "%a", isnan(value) ? fabs(value) : value);
	return isnan(value) ? "nan" : text[next];
}

static void
tell_texts(FILE *out, const MlModel *model)
{
	fprintf(out, "algorithm %s, time zone %s, threshold %s\n", ml_model_algorithm(model),
			ml_model_time_zone(model), exact(ml_model_threshold(model)));
	fprintf(out, "scores");
	for (int b = 0; b < ML_SCORE_BINS; b++)
		fprintf(out, " %" PRIu64, ml_model_score_counts(model)[b]);
	fprintf(out, "\n");
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		const char *category;
		size_t		size;

		fprintf(out, "input %s %s kind %d others %" PRIu32, ml_model_input_name(model, i),
				ml_model_input_type(model, i), (int) ml_model_input_kind(model, i), ml_model_n_others(model, i));
		for (uint32_t code = 1; (category = ml_model_category_bytes(model, i, code, &size)) != NULL; code++)
			fprintf(out, " %.*s=%" PRIu32, (int) size, category, ml_model_category(model, i, category, size));
		fprintf(out, "\n");
	}
}

/* Of all codes: missing, each level, one that is not known. */
static void
tell_statistics(FILE *out, const MlModel *model)
{
	for (size_t f = 0; f < ml_model_n_features(model); f++)
	{
		MlFeatureBaseline b;

		ml_model_feature_baseline(model, f, &b);
		if (b.part != ML_FEATURE_STATISTIC)
			continue;
		fprintf(out, "statistic of %s", ml_model_input_name(model, b.input));
		for (uint32_t code = 0; code <= ml_model_n_categories(model, b.input) + 1; code++)
			fprintf(out, " %s", exact(ml_model_statistic(model, b.input, code)));
		fprintf(out, "\n");
	}
}

static void
tell_features(FILE *out, const MlModel *model)
{
	size_t		n = ml_model_n_features(model);
	double	   *gain = calloc(n, sizeof(double));
	uint64_t   *splits = calloc(n, sizeof(uint64_t));

	ml_model_importance(model, gain, splits);
	for (size_t f = 0; f < n; f++)
	{
		MlFeatureBaseline b;

		ml_model_feature_baseline(model, f, &b);
		fprintf(out, "feature %s input %" PRIu32 " part %d gain %s splits %" PRIu64, ml_model_feature_name(model, f),
				b.input, (int) b.part, exact(gain[f]), splits[f]);
		if (b.categorical)
			fprintf(out, " singles %" PRIu64, b.singles);
		else
			fprintf(out, " mean %s std %s minimum %s maximum %s", exact(b.mean), exact(b.std), exact(b.minimum),
					exact(b.maximum));
		for (uint32_t e = 0; !b.categorical && e + 1 < b.n_bins; e++)
			fprintf(out, " %s", exact(b.edges[e]));
		fprintf(out, " counts");
		for (uint32_t code = 0; code <= b.n_bins; code++)
			fprintf(out, " %" PRIu64, b.counts[code]);
		fprintf(out, "\n");
	}
	for (size_t t = 0; ml_model_n_terms(model) > 0 && t <= ml_model_n_terms(model); t++)
	{
		MlModelTerm term;

		ml_model_term(model, t, &term);
		fprintf(out, "term %s kind %d level %.*s mean %s scale %s coefficient %s error %s\n", term.feature,
				(int) term.kind, (int) term.level_size, term.level ? term.level : "", exact(term.mean),
				exact(term.scale), exact(term.coefficient), exact(term.standard_error));
	}
	free(gain);
	free(splits);
}

/* A number of row r for an input: what is special, edges and their neighbours, or any. */
static double
golden_number(const MlModel *model, size_t input, uint64_t r)
{
	static const double special[] = {NAN, 0, -1, 1, 1e300, -1e300};
	uint64_t	draw = ml_random_u64(11, input, r);
	double		any = ml_random_uniform(12, input, r);
	MlFeatureBaseline b;

	if (draw % 8 == 0)
		return special[(draw >> 8) % (sizeof(special) / sizeof(special[0]))];
	for (size_t f = 0; f < ml_model_n_features(model); f++)
	{
		ml_model_feature_baseline(model, f, &b);
		if (b.input != input || (b.part != ML_FEATURE_VALUE && b.part != ML_FEATURE_SECONDS))
			continue;
		if (b.n_bins > 1 && draw % 8 < 4)
		{
			double		edge = b.edges[(draw >> 8) % (b.n_bins - 1)];

			return draw % 8 == 1 ? edge : nextafter(edge, draw % 8 == 2 ? -INFINITY : INFINITY);
		}
		return b.minimum + (1.2 * any - 0.1) * (b.maximum - b.minimum);
	}
	return 1.6e9 * any;			/* a time of which only parts are features */
}

static void
golden_row(const MlModel *model, uint64_t r, MlValue *values)
{
	for (size_t i = 0; i < ml_model_n_inputs(model); i++)
	{
		if (ml_model_input_kind(model, i) == ML_COLUMN_CATEGORY)
		{
			/* one more than there are */
			uint32_t	n = ml_model_category(model, i, "none of them", 12);

			values[i].code = (uint32_t) (ml_random_u64(13, i, r) % (n + 1));
		}
		else
			values[i].number = golden_number(model, i, r);
	}
}

static void
tell_rows(FILE *out, const MlModel *model, MlContext *ctx)
{
	size_t		n = ml_model_n_inputs(model);
	MlValue    *values = calloc(n, sizeof(MlValue));
	double	   *contribution = calloc(n, sizeof(double));
	void	   *scratch = malloc(ml_model_scratch_size(model));
	MlExplainer *explainer;
	void	   *working;

	if (ml_explainer_create(ctx, model, &explainer) != ML_OK)
		abort();
	working = aligned_alloc(64, (ml_explainer_scratch_size(explainer) + 64) / 64 * 64);
	fprintf(out, "base %s\n", exact(ml_explainer_base(explainer)));
	for (uint64_t r = 0; r < GOLDEN_ROWS; r++)
	{
		golden_row(model, r, values);
		fprintf(out, "row");
		for (size_t i = 0; i < n; i++)
		{
			if (ml_model_input_kind(model, i) == ML_COLUMN_CATEGORY)
				fprintf(out, " %" PRIu32, values[i].code);
			else
				fprintf(out, " %s", exact(values[i].number));
		}
		fprintf(out, " score %s", exact(ml_model_score(model, values, scratch)));
		if (ml_explain(ctx, explainer, values, working, contribution) != ML_OK)
			abort();
		fprintf(out, " by");
		for (size_t i = 0; i < n; i++)
			fprintf(out, " %s", exact(contribution[i]));
		fprintf(out, "\n");
	}
	free(values);
	free(contribution);
	free(scratch);
	free(working);
}

/* ctx's arena is where the explainer is made. */
static inline void
tell_model(FILE *out, const MlModel *model, MlContext *ctx)
{
	tell_texts(out, model);
	tell_statistics(out, model);
	tell_features(out, model);
	tell_rows(out, model, ctx);
}

#endif							/* MLOPS_TEST_GOLDEN_MODELS_H */
