/*
 * fuzz_model.c
 *	  libFuzzer target of the model decoder: any bytes either fail to verify or
 *	  can be described, scored and explained without touching memory outside them.
 *
 * Random bytes never have right checksums, so the target puts them right
 * before it opens the bytes a second time: the checks behind them are what is
 * to be tried.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/format.h"
#include "mlops/engine/explain.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Explains a row, whatever the covers are. */
static void
explain_row(const MlModel *model, const MlValue *values)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 64 << 20)};
	double	   *contribution = malloc(ml_model_n_inputs(model) * sizeof(double));
	MlExplainer *explainer;

	if (ml_explainer_create(&ctx, model, &explainer) == ML_OK)
	{
		size_t		size = ml_explainer_scratch_size(explainer);
		void	   *scratch = size < (size_t) 64 << 20 ? malloc(size) : NULL;
		volatile double sink = 0;

		if (scratch && ml_explain(&ctx, explainer, values, scratch, contribution) == ML_OK)
		{
			for (size_t i = 0; i < ml_model_n_inputs(model); i++)
				sink += contribution[i];
		}
		free(scratch);
	}
	free(contribution);
	ml_arena_destroy(ctx.arena);
}

/* Looks at every level: it is found by its bytes, and has a finite statistic where there are some. */
static void
read_levels(const MlModel *model, size_t input)
{
	const char *bytes;
	size_t		size;
	uint32_t	place = 0;

	for (uint32_t code = 1; (bytes = ml_model_category_bytes(model, input, code, &size)) != NULL; code++)
	{
		if (ml_model_category(model, input, bytes, size) != code)
			abort();
		if (model->statistics && !isfinite(ml_model_statistic(model, (uint32_t) input, code)))
			abort();
	}
	if (ml_model_other(model, input, "x", 1, &place) && place >= ml_model_n_others(model, input))
		abort();
}

static void
read_baselines(const MlModel *model)
{
	volatile double sink = 0;

	for (size_t f = 0; f < ml_model_n_features(model); f++)
	{
		MlFeatureBaseline b;

		ml_model_feature_baseline(model, f, &b);
		for (uint32_t code = 0; code <= b.n_bins; code++)
			sink += (double) b.counts[code];
		for (uint32_t e = 0; !b.categorical && e + 1 < b.n_bins; e++)
			sink += b.edges[e];
		sink += strlen(ml_model_feature_name(model, f)) + (double) b.singles;
	}
}

static bool
doubled(void *arg, MlModelText text, const char **bytes, size_t *size)
{
	static char twice[4096];

	if (text.size > sizeof(twice) / 2)
		return false;
	memcpy(twice, text.bytes, text.size);
	memcpy(twice + text.size, text.bytes, text.size);
	*bytes = twice;
	*size = 2 * text.size;
	return true;
}

/* In other words it scores the same bits. */
static void
recode(const MlModel *model, const MlValue *values, void *scratch)
{
	void	   *block = malloc(ml_model_recoded_size(model, doubled, NULL));
	MlModel		recoded;
	double		score = ml_model_score(model, values, scratch);
	double		again;

	ml_model_recode(model, doubled, NULL, block, &recoded);
	again = ml_model_score(&recoded, values, scratch);
	if (memcmp(&score, &again, sizeof(score)) != 0)
		abort();
	free(block);
}

/* Laid out for this machine it scores the same bits. */
static void
lay_out(const MlModel *model, const MlValue *values, void *scratch)
{
	size_t		size = ml_model_layout_size(model);
	MlModel		laid = *model;
	double		score = ml_model_score(model, values, scratch);
	double		again;
	void	   *layout;

	if (size == 0)
		return;
	layout = aligned_alloc(64, (size + 63) / 64 * 64);
	ml_model_lay_out(&laid, layout);
	again = ml_model_score(&laid, values, scratch);
	if (memcmp(&score, &again, sizeof(score)) != 0)
		abort();
	free(layout);
}

/* Reads everything a verified model offers, and scores and explains two rows. */
static void
use_model(const MlModel *model)
{
	size_t		n_inputs = ml_model_n_inputs(model);
	size_t		n_features = ml_model_n_features(model);
	MlValue    *values = calloc(n_inputs + 1, sizeof(MlValue));
	void	   *scratch = malloc(ml_model_scratch_size(model));
	double	   *gain = malloc(n_features * sizeof(double));
	uint64_t   *splits = malloc(n_features * sizeof(uint64_t));
	volatile double sink = 0;

	for (size_t i = 0; i < n_inputs; i++)
	{
		sink += strlen(ml_model_input_name(model, i)) + strlen(ml_model_input_type(model, i));
		if (ml_model_input_kind(model, i) == ML_COLUMN_CATEGORY)
		{
			read_levels(model, i);
			values[i].code = ml_model_category(model, i, "x", 1);
		}
		else
			values[i].number = 1.5;
	}
	read_baselines(model);
	recode(model, values, scratch);
	lay_out(model, values, scratch);
	sink += ml_model_score(model, values, scratch);
	explain_row(model, values);
	for (size_t i = 0; i < n_inputs; i++)
	{
		if (ml_model_input_kind(model, i) == ML_COLUMN_CATEGORY)
			values[i].code = ML_CODE_MISSING;
		else
			values[i].number = NAN;
	}
	lay_out(model, values, scratch);
	sink += ml_model_score(model, values, scratch);
	explain_row(model, values);
	ml_model_importance(model, gain, splits);
	for (size_t t = 0; ml_model_n_terms(model) > 0 && t <= ml_model_n_terms(model); t++)
	{
		MlModelTerm term;

		ml_model_term(model, t, &term);
		sink += strlen(term.feature) + term.level_size;
	}
	free(values);
	free(scratch);
	free(gain);
	free(splits);
}

/* Writes the checksums that the sections as they are would have. */
static void
mend_checksums(uint8_t *bytes, size_t size)
{
	HeaderRecord *header = (HeaderRecord *) bytes;
	SectionRecord *table = (SectionRecord *) (header + 1);
	size_t		table_size;

	if (size < sizeof(HeaderRecord))
		return;
	table_size = header->n_sections * sizeof(SectionRecord);
	if (size < sizeof(HeaderRecord) + table_size)
		return;
	for (uint32_t s = 0; s < header->n_sections; s++)
	{
		if (table[s].offset <= size && table[s].length <= size - table[s].offset)
			table[s].crc = ml_crc32c(0, bytes + table[s].offset, table[s].length);
	}
	header->crc = 0;
	header->crc = ml_crc32c(0, bytes, sizeof(HeaderRecord) + table_size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *bytes = aligned_alloc(64, (size + 64) / 64 * 64);
	MlModel    *model = malloc(ml_model_struct_size());
	char		message[ML_MESSAGE_SIZE];

	memcpy(bytes, data, size);
	for (int mended = 0; mended < 2; mended++)
	{
		if (ml_model_open(bytes, size, model, message) == ML_OK)
			use_model(model);
		mend_checksums(bytes, size);
	}
	free(model);
	free(bytes);
	return 0;
}
