/*
 * test_model.c
 *	  Scores of the small models are those of a calculation on paper, in both formats;
 *	  and what a model knows of its categories.  Faults in bytes: test_faults.c.
 */
#include <inttypes.h>

#include "model_bytes.h"

/* Families are told apart by number and name, and have all that is asked of them. */
static void
check_families(void)
{
	for (int i = 0; ml_families[i]; i++)
	{
		const MlFamily *f = ml_families[i];
		bool		fits = f->n_sections <= ML_MOST_SECTIONS;

		for (int j = 0; j < i; j++)
			CHECK(ml_families[j]->id != f->id && strcmp(ml_families[j]->name, f->name) != 0, "families %s and %s", ml_families[j]->name, f->name);
		for (size_t s = 0; s < f->n_sections; s++)
			fits = fits && f->sections[s].unit > 0 &&
				(f->id > 1 ? f->sections[s].former == ML_FORMER_NONE : f->sections[s].former != ML_FORMER_NONE);
		CHECK(fits, "family %s: its sections", f->name);
		CHECK(f->plan && f->write && f->open && f->verify && f->scratch_size && f->margin && f->margins && f->prepare &&
			  f->explain_scratch_size && f->explain && !f->n_terms == !f->term, "family %s: its operations", f->name);
	}
}

/* ---------------------------------------------------------------- scores */

#define HOUR (3600.0)
#define UNKNOWN 5				/* code of a country that training has not seen */

typedef struct Row
{
	const char *what;
	double		amount;
	uint32_t	nation;
	double		moment;
	double		trees;			/* margins */
	double		linear;
} Row;

/* Trees: amount <= 2 and (nation us or de, or missing), hour <= 12, amount <= 1. */
static const Row rows[] = {
	{"all is known", 1, 1, 6 * HOUR, -1 - 0.5 + 0.1 + 0.1, -1 - 0.5 - 0.5 - 2.5 / 6},
	{"above an edge", 1.5, 2, 13 * HOUR, -1 - 0.5 - 0.1 - 0.1, -1 - 0.25 + 0.5 + 1.0 / 6},
	{"at an edge", 2, 3, 12 * HOUR, -1 + 0.25 + 0.1 - 0.1, -1 + 0 + 0 + 0.5 / 6},
	{"a nation that training has not seen", 0, UNKNOWN, 0, -1 + 0.25 + 0.1 + 0.1, -1 - 1 + 0 - 5.5 / 6},
	{"no nation", 0, ML_CODE_MISSING, 0, -1 - 0.5 + 0.1 + 0.1, -1 - 1 + 0 - 5.5 / 6},
	{"no amount", NAN, 2, 0, -1 + 0.5 + 0.1 - 0.1, -1 + 0.25 + 0.5 - 5.5 / 6},
	{"no time", 3, 4, NAN, -1 + 0.5 - 0.1 - 0.1, -1 + 0.5 + 0 + 0},
	{"nothing", NAN, ML_CODE_MISSING, NAN, -1 + 0.5 - 0.1 - 0.1, -1 + 0.25 + 0 + 0},
};

/* As bytes alone, then laid out for this machine. */
static void
check_scores_of(Kind kind, const MlModel *model)
{
	void	   *scratch = malloc(ml_model_scratch_size(model) + 1);
	MlValue		all[sizeof(rows) / sizeof(rows[0])][3];
	double		block[sizeof(rows) / sizeof(rows[0])];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		const MlValue values[] = {{.number = rows[i].amount}, {.code = rows[i].nation}, {.number = rows[i].moment}};
		double		margin = kind == TREES ? rows[i].trees : rows[i].linear;

		memcpy(all[i], values, sizeof(values));
		CHECK_CLOSE(ml_model_score(model, values, scratch), 1 / (1 + exp(-margin)), 1e-15,
					"%s%s, %s: the score", model->layout ? "laid out, " : "", kind == TREES ? "trees" : "linear", rows[i].what);
	}
	ml_model_score_block(model, sizeof(rows) / sizeof(rows[0]), all[0], scratch, block);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(block[i] == ml_model_score(model, all[i], scratch), "%s: the same among others", rows[i].what);
	free(scratch);
}

static void
check_scores(Kind kind, Bytes b)
{
	MlModel		model;
	char		message[ML_MESSAGE_SIZE];
	size_t		size;
	void	   *layout;

	if (ml_model_open(b.bytes, b.size, &model, message) != ML_OK)
		printf("Bail out! %s\n", message);
	check_scores_of(kind, &model);
	size = ml_model_layout_size(&model);
	layout = aligned_alloc(64, (size + 64) / 64 * 64);
	if (size > 0)
		ml_model_lay_out(&model, layout);
	check_scores_of(kind, &model);
	free(layout);
	CHECK(ml_model_category(&model, 1, "de", 2) == 2 && ml_model_category(&model, 1, "xx", 2) == UNKNOWN, "codes of nations");
}

/* Trees: nation.target <= 0 (or missing) and place shop, amount <= 2, nation.target <= 1. */
static const struct
{
	const char *what;
	uint32_t	nation;
	uint32_t	place;
	double		amount;
	double		trees;			/* margins */
	double		linear;
}			mixed_rows[] = {
	{"a coded level", 1, 1, 1, -1 - 0.5 + 0.125, -1 + 0.75 * -0.25 - 0.5 - 0.5},
	{"the other", 2, 2, 3, -1 + 0.5 + 0.75, -1 + 0.75 * 1.25 + 0.5 + 0.5},
	{"a level without a code", 3, 2, 3, -1 + 0.5 - 0.125, -1 + 0.75 * 0.5 + 0.5 + 0.5},
	{"the rarest", 4, 2, 2, -1 + 0.25 + 0.125, -1 + 0.75 * -1.25 + 0.5 + 0},
	{"a level that training has not seen", 5, 3, 3, -1 + 0.5 - 0.125, -1 + 0.75 * 0.375 + 0 + 0.5},
	{"none", ML_CODE_MISSING, ML_CODE_MISSING, 3, -1 + 0.25 + 0.75, -1 + 0.25 + 0 + 0.5},
};

static bool
same_text(void *arg, MlModelText text, const char **bytes, size_t *size)
{
	return true;
}

/* In other memory it is the same model, and reads nothing where it was. */
static void
check_moved(const char *what, const MlModel *model, Bytes good, const MlValue *values, double score, void *scratch)
{
	uint8_t    *bytes = aligned_alloc(64, (good.size + 63) / 64 * 64);
	void	   *block = malloc(ml_model_block_size(model) + 1);
	MlModel		moved;
	size_t		size;
	void	   *layout;

	memcpy(bytes, good.bytes, good.size);
	ml_model_move(model, bytes, block, &moved);
	CHECK(ml_model_score(&moved, values, scratch) == score, "%s, moved", what);
	CHECK((const uint8_t *) moved.edges >= bytes && (const uint8_t *) moved.edges <= bytes + good.size &&
		  moved.recoded == (model->recoded ? block : NULL) && moved.layout == NULL &&
		  (model->recoded ? moved.strings > (const char *) block : moved.strings > (const char *) bytes),
		  "%s, moved: reads the other memory", what);
	size = ml_model_layout_size(&moved);
	CHECK(size == ml_model_layout_size(model), "%s, moved: its layout is as large", what);
	layout = aligned_alloc(64, (size + 64) / 64 * 64);
	if (size > 0)
		ml_model_lay_out(&moved, layout);
	CHECK(ml_model_score(&moved, values, scratch) == score, "%s, moved and laid out", what);
	free(layout);
	free(block);
	free(bytes);
}

/* Scores go by the statistic; from bytes that are put in other words too. */
static void
check_statistics(Kind kind, Bytes good)
{
	MlModel		model;
	MlModel		recoded;
	char		message[ML_MESSAGE_SIZE];
	void	   *scratch;
	void	   *block;
	size_t		size;
	void	   *layout;

	if (ml_model_open(good.bytes, good.size, &model, message) != ML_OK)
		abort();
	scratch = malloc(ml_model_scratch_size(&model) + 1);
	block = malloc(ml_model_recoded_size(&model, same_text, NULL));
	ml_model_recode(&model, same_text, NULL, block, &recoded);
	/* copied without a layout, scored by both */
	size = ml_model_layout_size(&model);
	layout = aligned_alloc(64, (size + 64) / 64 * 64);
	if (size > 0)
		ml_model_lay_out(&model, layout);
	for (size_t i = 0; i < sizeof(mixed_rows) / sizeof(mixed_rows[0]); i++)
	{
		const MlValue values[] = {{.code = mixed_rows[i].nation}, {.code = mixed_rows[i].place}, {.number = mixed_rows[i].amount}};
		double		margin = is_trees(kind) ? mixed_rows[i].trees : mixed_rows[i].linear;
		double		score = ml_model_score(&model, values, scratch);

		CHECK_CLOSE(score, 1 / (1 + exp(-margin)), 1e-15, "%s with a statistic, %s", is_trees(kind) ? "trees" : "linear", mixed_rows[i].what);
		CHECK(ml_model_score(&recoded, values, scratch) == score, "%s: the same in other words", mixed_rows[i].what);
		check_moved(mixed_rows[i].what, &model, good, values, score, scratch);
		check_moved("in other words", &recoded, good, values, score, scratch);
	}
	CHECK(isnan(ml_model_statistic(&model, 0, 0)) && ml_model_statistic(&model, 0, 2) == 2 && ml_model_statistic(&model, 0, 5) == 0.25,
		  "statistics: of none, of a level, of an unknown one the prior");
	free(block);
	free(layout);
	free(scratch);
}

/* ---------------------------------------------------------------- levels in each other's way */

#define CROWD 600
#define OTHERS 40				/* that were not chosen */
#define CROWD_SLOTS 2048		/* of all of them */
#define TEXT_SIZE 8
#define MOST_CROWDED 257		/* one where its look-up begins, 256 behind it */

typedef struct Crowd
{
	char		text[CROWD + OTHERS][24];
	const char *level[CROWD + OTHERS];
	uint32_t	size[CROWD + OTHERS];
	double		statistic[CROWD + OTHERS];
} Crowd;

/* Texts of eight digits whose look-up begins at one slot, whatever the table's size up to CROWD_SLOTS; then others. */
static void
fill_crowd(Crowd *crowd)
{
	uint32_t	number = 10000000;

	for (uint32_t i = 0; i < CROWD + OTHERS; i++)
	{
		do
			sprintf(crowd->text[i], "%" PRIu32, number++);
		while (category_slot(crowd->text[i], TEXT_SIZE, CROWD_SLOTS) != 0 && i < CROWD);
		crowd->level[i] = crowd->text[i];
		crowd->size[i] = TEXT_SIZE;
		crowd->statistic[i] = i;
	}
}

/* A model that knows n levels, from one on. */
static Bytes
encode_crowd(MlContext *ctx, const Crowd *crowd, uint32_t from, uint32_t n)
{
	static const uint64_t counts[] = {0, 1, 999};
	static const double edges[] = {0};
	static const uint32_t first[] = {0, 1};
	static const MlTreeNode leaf = {.feature = -1, .value = 0.25};
	static const MlForest one = {.n_trees = 1, .first_node = first, .nodes = &leaf};
	MlInput		input = {.name = "nation", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = n, .category = crowd->level + from,
		.category_size = crowd->size + from, .statistic = crowd->statistic + from};
	MlFeature	both[] = {
		{.name = "nation", .categorical = true, .n_bins = 2, .code_counts = counts},
		{.name = "nation.target", .part = ML_FEATURE_STATISTIC, .n_bins = 2, .edges = edges, .code_counts = counts},
	};
	MlSignature signature = {.n_inputs = 1, .inputs = &input, .n_features = 2, .features = both, .time_zone = "UTC", .prior = -7};
	MlModelParts parts = {"algo", &signature, ml_fitted_trees(&one), 1, 0, 0.5, NULL};
	Bytes		b = {0};

	if (ml_model_encode(ctx, &parts, &b.bytes, &b.size) != ML_OK)
		abort();
	return b;
}

static double
statistic_of(const MlModel *model, const char *level)
{
	return ml_model_statistic(model, 0, ml_model_category(model, 0, level, strlen(level)));
}

/* Levels that were chosen so that look-ups take long are left out where they would, and no others. */
static void
check_left_out(MlContext *ctx, const Crowd *crowd)
{
	MlModel		model;
	char		message[ML_MESSAGE_SIZE];
	bool		as_is = true;
	bool		by_hash = true;
	uint32_t	place;
	Bytes		b = encode_crowd(ctx, crowd, 0, CROWD + OTHERS);

	CHECK(ml_model_open(b.bytes, b.size, &model, message) == ML_OK, "a model of levels in each other's way opens (%s)", message);
	CHECK(ml_model_n_categories(&model, 0) == MOST_CROWDED + OTHERS, "as many as may stand behind each other, and all others");
	for (uint32_t i = 0; i < CROWD + OTHERS; i++)
		as_is = as_is && statistic_of(&model, crowd->level[i]) == (i < MOST_CROWDED || i >= CROWD ? i : -7.0);
	CHECK(as_is, "have their statistics; the rest is unknown");
	for (uint32_t i = MOST_CROWDED; i < CROWD; i++)
		by_hash = by_hash && ml_model_other(&model, 0, crowd->level[i], TEXT_SIZE, &place);
	CHECK(by_hash && !ml_model_other(&model, 0, "nobody", 6, &place), "but for its hash");
}

/* Bytes of so many levels in a row of slots: as encoded, but the last level is put where it takes steps to find. */
static Bytes
crowded_bytes(MlContext *ctx, const Crowd *crowd, uint32_t n)
{
	Crowd		tame = *crowd;
	Bytes		b;
	uint32_t   *hash;
	uint32_t	slot = 0;

	tame.level[n - 1] = crowd->text[CROWD];
	b = encode_crowd(ctx, &tame, 0, n);
	hash = (uint32_t *) (b.bytes + table_of(b)[SECTION_HASH].offset);
	while (hash[slot] != n)
		slot++;
	hash[slot] = 0;
	hash[n - 1] = n;
	memcpy(find_text(b, crowd->text[CROWD]), crowd->text[n - 1], TEXT_SIZE);
	put_checksums_right(b, false, false);
	return b;
}

static void
check_crowded_tables(MlContext *ctx)
{
	static Crowd crowd;

	fill_crowd(&crowd);
	check_left_out(ctx, &crowd);
	check_opening(crowded_bytes(ctx, &crowd, MOST_CROWDED), NULL, ML_MODEL_FORMAT, "levels in each other's way");
	check_opening(crowded_bytes(ctx, &crowd, MOST_CROWDED + 1), "a category table is wrong", ML_MODEL_FORMAT, "one more of them");
}

/* Categories known by a hash go along where texts are spelled otherwise, of every input. */
static void
check_recoded_others(MlContext *ctx)
{
	const uint32_t other[] = {ml_category_hash("xx", 2)};
	MlInput		two[] = {
		{.name = "nation", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = 4, .category = countries,
		.category_size = country_sizes, .n_others = 1, .others = other},
		{.name = "origin", .type_name = "text", .kind = ML_COLUMN_CATEGORY, .n_categories = 4, .category = countries,
		.category_size = country_sizes, .n_others = 1, .others = other},
	};
	MlFeature	both[] = {
		{.name = "nation", .categorical = true, .n_bins = 5, .code_counts = nation_counts},
		{.name = "origin", .input = 1, .categorical = true, .n_bins = 5, .code_counts = nation_counts},
	};
	static const MlTreeNode leaf[] = {{.feature = -1, .value = 0.5}};
	static const uint32_t first[] = {0, 1};
	MlSignature signature = {.n_inputs = 2, .inputs = two, .n_features = 2, .features = both, .time_zone = "UTC"};
	MlForest	one = {.n_trees = 1, .first_node = first, .nodes = leaf};
	MlModelParts parts = {"gradient_boosting", &signature, ml_fitted_trees(&one), 1, 0, 0.5, NULL};
	Bytes		good = {0};
	MlModel		model;
	MlModel		recoded;
	char		message[ML_MESSAGE_SIZE];
	void	   *block;

	if (ml_model_encode(ctx, &parts, &good.bytes, &good.size) != ML_OK || ml_model_open(good.bytes, good.size, &model, message) != ML_OK)
		abort();
	block = malloc(ml_model_recoded_size(&model, same_text, NULL));
	ml_model_recode(&model, same_text, NULL, block, &recoded);
	for (size_t i = 0; i < 2; i++)
	{
		uint32_t	place = 9;

		CHECK(ml_model_other(&recoded, i, "xx", 2, &place) && place == 0 && !ml_model_other(&recoded, i, "yy", 2, &place) &&
			  ml_model_category(&recoded, i, "de", 2) == 2 && ml_model_category(&recoded, i, "xx", 2) == 5,
			  "input %zu, recoded: its categories and the others", i);
	}
	free(block);
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 16 << 20)};

	check_families();
	for (int kind = TREES; kind <= LINEAR; kind++)
	{
		Bytes		former = read_former(kind);

		check_scores(kind, former);
		check_scores(kind, encode(kind, &ctx));
		free(former.bytes);
	}
	for (int kind = MIXED_TREES; kind <= MIXED_LINEAR; kind++)
		check_statistics(kind, encode(kind, &ctx));
	check_crowded_tables(&ctx);
	check_recoded_others(&ctx);
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
