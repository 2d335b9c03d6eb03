/*
 * test_golden_models.c
 *	  Bytes of every format that was ever written say what they said when they
 *	  were made: scores and explanations to the last bit.  Those of the format that is
 *	  written, taken apart and encoded again, are the same bytes.
 */
#include "check.h"

#include "engine/linear/layout.h"
#include "engine/model/format.h"
#include "engine/trees/layout.h"
#include "golden_models.h"

#define DIRECTORY "test/golden/models/"

/* All of a file, at an address that is a multiple of 64; NULL if there is none. */
static uint8_t *
read_file(const char *path, size_t *size)
{
	FILE	   *file = fopen(path, "r");
	uint8_t    *bytes;

	if (file == NULL)
		return NULL;
	fseek(file, 0, SEEK_END);
	*size = (size_t) ftell(file);
	rewind(file);
	bytes = aligned_alloc(64, (*size + 64) / 64 * 64);
	if (fread(bytes, 1, *size, file) != *size)
		abort();
	bytes[*size] = '\0';
	fclose(file);
	return bytes;
}

/* The first line in which two texts differ. */
static void
show_difference(const char *expected, const char *told)
{
	size_t		line = 0;
	size_t		i = 0;

	for (; expected[i] && expected[i] == told[i]; i++)
		line = expected[i] == '\n' ? i + 1 : line;
	printf("# expected %.*s\n# got      %.*s\n", (int) strcspn(expected + line, "\n"), expected + line,
		   (int) strcspn(told + line, "\n"), told + line);
}

/* ---------------------------------------------------------------- taken apart */

static void *
take(MlContext *ctx, size_t n, size_t size)
{
	void	   *memory = ml_arena_alloc_zeroed(ctx->arena, n, size);

	if (memory == NULL)
		abort();
	return memory;
}

static MlInput
input_of(MlContext *ctx, const MlModel *m, uint32_t i)
{
	const InputRecord *from = &m->inputs[i];
	const char **category = take(ctx, from->n_categories, sizeof(char *));
	uint32_t   *sizes = take(ctx, from->n_categories, sizeof(uint32_t));

	for (uint32_t c = 0; c < from->n_categories; c++)
	{
		MlStringRef ref = m->categories[from->first_category + c];

		category[c] = m->strings + ref.offset;
		sizes[c] = ref.size;
	}
	return (MlInput) {.name = m->strings + from->name.offset, .type_name = m->strings + from->type.offset, .kind = from->kind,
		.n_categories = from->n_categories, .category = category, .category_size = sizes, .n_others = from->n_others,
		.others = m->hash + from->first_hash + from->n_hash};
}

static const MlSignature *
signature_of(MlContext *ctx, const MlModel *m)
{
	MlSignature *s = take(ctx, 1, sizeof(MlSignature));

	s->n_inputs = m->n_inputs;
	s->inputs = take(ctx, m->n_inputs, sizeof(MlInput));
	s->n_features = m->n_features;
	s->features = take(ctx, m->n_features, sizeof(MlFeature));
	s->time_zone = ml_model_time_zone(m);
	s->prior = m->statistics ? m->statistics[0] : 0;
	for (uint32_t i = 0; i < m->n_inputs; i++)
		s->inputs[i] = input_of(ctx, m, i);
	for (uint32_t f = 0; f < m->n_features; f++)
	{
		MlFeatureBaseline b;

		ml_model_feature_baseline(m, f, &b);
		s->features[f] = (MlFeature) {.name = ml_model_feature_name(m, f), .input = b.input, .part = b.part, .categorical = b.categorical,
			.n_bins = b.n_bins, .edges = b.edges, .mean = b.mean, .std = b.std, .minimum = b.minimum, .maximum = b.maximum,
			.code_counts = b.counts, .singles = b.singles};
		if (b.part == ML_FEATURE_STATISTIC)
			s->inputs[b.input].statistic = m->statistics + 1 + m->inputs[b.input].first_category;
	}
	return s;
}

static MlFitted
trees_of(MlContext *ctx, const Trees *t)
{
	MlForest   *forest = take(ctx, 1, sizeof(MlForest));
	uint32_t   *first = take(ctx, t->n_trees + 1, sizeof(uint32_t));
	MlTreeNode *nodes = take(ctx, t->n_nodes + 1, sizeof(MlTreeNode));

	for (uint32_t i = 0; i < t->n_trees; i++)
	{
		first[i] = t->trees[i].first_node;
		first[i + 1] = first[i] + t->trees[i].n_nodes;
		for (uint32_t n = first[i]; n < first[i + 1]; n++)
		{
			const DetailRecord *d = &t->details[n];
			uint32_t	left = NODE_LEFT(t->nodes[n]) - first[i];

			nodes[n] = (MlTreeNode) {.feature = d->feature, .left = left, .right = left + 1, .bin = d->bin, .missing_left = d->missing_left,
				.categorical = d->categorical, .value = d->value, .gain = d->gain, .cover = d->cover, .count = d->count};
			if (d->categorical)
				nodes[n].set = (uint32_t) ((const uint64_t *) t->values)[n];
		}
	}
	*forest = (MlForest) {t->base, t->n_trees, first, nodes, t->n_sets, t->sets};
	return ml_fitted_trees(forest);
}

static MlFitted
linear_of(MlContext *ctx, const Linear *l)
{
	MlLinear   *linear = take(ctx, 1, sizeof(MlLinear));
	MlTerm	   *terms = take(ctx, l->n_terms + 1, sizeof(MlTerm));

	for (uint32_t t = 0; t < l->n_terms; t++)
	{
		const TermRecord *r = &l->terms[t];

		terms[t] = (MlTerm) {r->feature, r->kind, r->code, r->mean, r->scale, r->coefficient, r->standard_error};
	}
	*linear = (MlLinear) {l->intercept.value, l->intercept.standard_error, l->n_terms, terms};
	return ml_fitted_linear(linear);
}

static void
check_encoded_again(MlContext *ctx, const char *name, const MlModel *m, const uint8_t *bytes, size_t size)
{
	const void *state = m->state;
	MlModelParts parts = {.algorithm = ml_model_algorithm(m), .signature = signature_of(ctx, m), .margin_scale = m->margin_scale,
		.margin_offset = m->margin_offset, .threshold = m->threshold, .score_counts = m->score_counts,
		.fitted = m->family == &ml_family_trees ? trees_of(ctx, state) : linear_of(ctx, state)};
	uint8_t    *again;
	size_t		size_again;

	CHECK(ml_model_encode(ctx, &parts, &again, &size_again) == ML_OK && size_again == size && memcmp(again, bytes, size) == 0,
		  "%s: encoded again, the same bytes", name);
}

/* ---------------------------------------------------------------- files */

/* What a model says of itself, with its scores, is the text. */
static void
check_told(MlContext *ctx, const MlModel *model, const char *expected, const char *name, const char *how)
{
	char	   *told;
	size_t		size;
	FILE	   *out = open_memstream(&told, &size);

	tell_model(out, model, ctx);
	fclose(out);
	CHECK(strcmp(told, expected) == 0, "%s, %s: says what it said", name, how);
	if (strcmp(told, expected) != 0)
		show_difference(expected, told);
	free(told);
}

static void
check_model(const char *name, int format)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 16 << 20)};
	MlModel    *model = malloc(ml_model_struct_size());
	char		path[256];
	char		message[ML_MESSAGE_SIZE];
	size_t		size;
	size_t		text_size;
	char	   *expected;
	uint8_t    *bytes;
	void	   *layout = NULL;
	char		how[32];
	bool		opens;

	snprintf(path, sizeof(path), DIRECTORY "%s.%d.bin", name, format);
	bytes = read_file(path, &size);
	opens = bytes && ml_model_open(bytes, size, model, message) == ML_OK;
	CHECK(opens, "%s, format %d: opens", name, format);
	snprintf(path, sizeof(path), DIRECTORY "%s.txt", name);
	expected = (char *) read_file(path, &text_size);
	if (opens && expected)
	{
		snprintf(how, sizeof(how), "format %d", format);
		check_told(&ctx, model, expected, name, how);
		if (ml_model_layout_size(model) > 0)
		{
			layout = aligned_alloc(64, (ml_model_layout_size(model) + 63) / 64 * 64);
			ml_model_lay_out(model, layout);
			check_told(&ctx, model, expected, name, "laid out");
		}
	}
	if (opens && format == ML_MODEL_FORMAT)
		check_encoded_again(&ctx, name, model, bytes, size);
	free(layout);
	free(expected);
	free(bytes);
	free(model);
	ml_arena_destroy(ctx.arena);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
	{
		for (int format = golden[i].first_format; format <= ML_MODEL_FORMAT; format++)
			check_model(golden[i].name, format);
	}
	return checks_end();
}
