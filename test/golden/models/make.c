/*
 * make.c
 *	  Models of each family, encoded: FORMAT.bin files, and what they say.
 *
 *	make unit-build
 *	gcc -std=gnu11 -D_GNU_SOURCE -O2 -ffp-contract=off -Iinclude -Isrc -Itest/unit test/golden/models/make.c \
 *		$(find build/unit -name '*.o') -o build/make_models -lopenblas -lpthread -lm
 *	build/make_models DIRECTORY
 *
 * test/unit/test_golden_models.c holds every file to its text.  Bytes of a
 * format that is no longer written stay as they were made; files of a new one
 * are added, and the text does not change.  So do those of what no learner makes any
 * more: boosted and levels are of the rows of boosted_statistic and
 * regression_statistic, learned when rare levels shared a code and were known by a hash.
 */
#include "blas/provider.h"
#include "mlops/engine/learn.h"

#include "golden_models.h"
#include "small_models.h"

static MlContext ctx;
static const char *directory;

/* ---------------------------------------------------------------- files */

static FILE *
create(const char *name, const char *ending)
{
	char		path[4096];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s.%s", directory, name, ending);
	file = fopen(path, "w");
	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	return file;
}

static void
must(MlStatus status)
{
	if (status == ML_OK)
		return;
	fprintf(stderr, "%s\n", ctx.message);
	exit(1);
}

static void
keep(const char *name, const MlModelParts *parts)
{
	MlModel    *model = malloc(ml_model_struct_size());
	char		ending[16];
	uint8_t    *bytes;
	size_t		size;
	FILE	   *file;

	must(ml_model_encode(&ctx, parts, &bytes, &size));
	must(ml_model_open(bytes, size, model, ctx.message));
	snprintf(ending, sizeof(ending), "%d.bin", ML_MODEL_FORMAT);
	file = create(name, ending);
	fwrite(bytes, 1, size, file);
	fclose(file);
	file = create(name, "txt");
	tell_model(file, model, &ctx);
	fclose(file);
	free(model);
}

/* ---------------------------------------------------------------- trained ones */

#define N_ROWS 1500
#define N_COLUMNS 5

static const MlColumnSpec specs[N_COLUMNS] = {
	{"amount", "double precision", ML_COLUMN_NUMBER},
	{"age", "integer", ML_COLUMN_NUMBER},
	{"land", "text", ML_COLUMN_CATEGORY},
	{"at", "timestamp", ML_COLUMN_TIME},
	{"größe", "numeric", ML_COLUMN_NUMBER},
};

static float label[N_ROWS];
static uint32_t row_number[N_ROWS];
static const uint32_t all_columns[] = {0, 1, 2, 3, 4};
static const uint32_t number_columns[] = {0, 1, 4};

static MlDataset *
data(void)
{
	static const char *const lands[] = {"Österreich", "Deutschland", "France", "日本", ""};
	MlDataset  *dataset;

	must(ml_dataset_create(&ctx, N_COLUMNS, specs, NULL, &dataset));
	for (uint64_t r = 0; r < N_ROWS; r++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;
		double		amount = -40 * log(1 - ml_random_uniform(1, 0, r));
		double		age = floor(18 + 60 * ml_random_uniform(1, 1, r));
		uint64_t	draw = ml_random_u64(1, 2, r);
		char		rare[16];
		const char *land = lands[draw % 5];
		double		margin;

		/* many that have hardly a row: too many for a code each */
		snprintf(rare, sizeof(rare), "rare %d", (int) ((draw >> 8) % 400));
		if (draw % 11 == 0)
			land = rare;
		dataset->columns[0].open.number[at] = r % 13 == 0 ? NAN : amount;
		dataset->columns[1].open.number[at] = age;
		must(ml_column_intern(&ctx, &dataset->columns[2], land, strlen(land), &dataset->columns[2].open.code[at]));
		if (draw % 17 == 0)
			dataset->columns[2].open.code[at] = ML_MISSING_CODE;
		dataset->columns[3].open.number[at] = r % 29 == 0 ? NAN : 1.7e9 + 5000.0 * (double) r;
		dataset->columns[4].open.number[at] = 1e12 * ml_random_normal(1, 4, r);
		margin = (amount > 60) * 2.0 + (draw % 5 == 2) * 1.5 - 2 + (r % 13 == 0) + (age - 48) / 40;
		label[r] = ml_random_uniform(1, 3, r) < 1 / (1 + exp(-margin));
		row_number[r] = (uint32_t) r;
		if ((++dataset->n_rows & ML_CHUNK_MASK) == 0)
			must(ml_dataset_seal(&ctx, dataset));
	}
	must(ml_dataset_seal(&ctx, dataset));
	return dataset;
}

static void
train(const char *name, const MlLearner *learner, const void *params, const uint32_t *columns, size_t n_columns, int most_bins)
{
	const MlRows rows = {.row = row_number, .n = N_ROWS};
	uint64_t	scores[ML_SCORE_BINS];
	MlDataset  *dataset = data();
	MlSignature *signature;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	MlLearned	learned;
	MlTask		task;
	MlModelParts parts = {.algorithm = learner->name, .margin_scale = 1.25, .margin_offset = -0.375, .threshold = 0.4375,
		.score_counts = scores};

	for (int b = 0; b < ML_SCORE_BINS; b++)
		scores[b] = (uint64_t) (b * b % 17);
	must(ml_signature_fit(&ctx, dataset, rows, label, n_columns, columns, most_bins, 7, false, &signature, &left_out, &n_left_out));
	signature->time_zone = "Europe/Vienna";
	must(ml_binned_create(&ctx, dataset, signature, rows, true, &binned));
	task = (MlTask) {dataset, signature, rows, {0}, binned, NULL, label, NULL, ML_METRIC_PR_AUC, params, 7};
	must(learner->fit(&ctx, &task, &learned));
	parts.signature = signature;
	parts.fitted = learned.fitted;
	keep(name, &parts);
}

static void
trained_models(void)
{
	static const MlConstraint rising = {"age", 1};
	MlGradientBoostingParams boosting;
	MlLogisticRegressionParams regression;

	ml_params_init(&ml_gradient_boosting, &boosting);
	boosting.n_estimators = 12;
	boosting.max_depth = 4;
	boosting.min_child_weight = 0.25;
	boosting.monotone_constraints = (MlConstraints) {1, &rising};
	train("boosted_statistic", &ml_gradient_boosting, &boosting, all_columns, N_COLUMNS, 24);
	boosting.n_estimators = 17;
	boosting.max_depth = 0;
	boosting.max_leaves = 9;
	boosting.grow_policy = ML_GROW_LOSSGUIDE;
	train("numbers", &ml_gradient_boosting, &boosting, number_columns, 3, 12);
	ml_params_init(&ml_logistic_regression, &regression);
	train("regression_statistic", &ml_logistic_regression, &regression, all_columns, N_COLUMNS, 24);
	train("regression", &ml_logistic_regression, &regression, number_columns, 3, 12);
}

/* ---------------------------------------------------------------- by hand */

static void
keep_forest(const char *name, const MlSignature *signature, const MlForest *body, double threshold)
{
	MlModelParts parts = {.algorithm = "algo", .signature = signature, .fitted = ml_fitted_trees(body), .margin_scale = 1, .threshold = threshold};

	keep(name, &parts);
}

static void
keep_linear(const char *name, const MlSignature *signature, const MlLinear *body, double threshold)
{
	MlModelParts parts = {.algorithm = "algo", .signature = signature, .fitted = ml_fitted_linear(body), .margin_scale = 1, .threshold = threshold};

	keep(name, &parts);
}

/* Sums beyond double precision; trees without a split; no tree; no term. */
static void
models_by_hand(void)
{
	static const uint64_t counts[] = {0, 10};
	static MlInput one_input = {.name = "x", .type_name = "real", .kind = ML_COLUMN_NUMBER};
	static MlFeature one_feature = {.name = "x", .n_bins = 1, .code_counts = counts};
	static const MlSignature one = {.n_inputs = 1, .inputs = &one_input, .n_features = 1, .features = &one_feature, .time_zone = "UTC"};
	static const MlSignature three = {.n_inputs = 3, .inputs = inputs, .n_features = 3, .features = features, .time_zone = "UTC"};
	static const MlTreeNode leaf = {.feature = -1, .value = 0.25, .cover = 5, .count = 10};
	static const uint32_t one_tree[] = {0, 1};
	static const MlForest constant = {.base_margin = -2.5, .n_trees = 1, .first_node = one_tree, .nodes = &leaf};
	static const MlForest empty = {.base_margin = -2.5, .n_trees = 0, .first_node = one_tree, .nodes = &leaf};
	static const MlLinear flat = {.intercept = 1.5, .intercept_error = NAN};
	static const double edges[] = {1, 2, 3};
	static const uint64_t two_counts[] = {1, 2, 3, 2, 2};
	static MlInput two_inputs[] = {
		{.name = "x", .type_name = "real", .kind = ML_COLUMN_NUMBER}, {.name = "y", .type_name = "real", .kind = ML_COLUMN_NUMBER},
	};
	static MlFeature two_features[] = {
		{.name = "x", .input = 0, .n_bins = 4, .edges = edges, .mean = 2, .std = 1, .maximum = 4, .code_counts = two_counts},
		{.name = "y", .input = 1, .n_bins = 4, .edges = edges, .mean = 2, .std = 1, .maximum = 4, .code_counts = two_counts},
	};
	static const MlSignature two = {.n_inputs = 2, .inputs = two_inputs, .n_features = 2, .features = two_features, .time_zone = "UTC"};
	static const MlTerm huge_terms[] = {
		{.feature = 0, .kind = ML_TERM_VALUE, .mean = 0, .scale = 1e-8, .coefficient = 1e300, .standard_error = NAN},
		{.feature = 1, .kind = ML_TERM_VALUE, .mean = 0, .scale = 1e-8, .coefficient = -1e300, .standard_error = 0},
		{.feature = 1, .kind = ML_TERM_MISSING, .coefficient = 1e308, .standard_error = NAN},
	};
	static const MlLinear huge = {.intercept = -1e300, .intercept_error = 0.5, .n_terms = 3, .terms = huge_terms};

	keep_linear("huge", &two, &huge, 0.5);
	keep_forest("constant", &one, &constant, 1);
	keep_forest("empty", &one, &empty, 0);
	keep_linear("flat", &one, &flat, 0.5);
	keep_forest("trees", &three, &forest, 0.5);
	keep_linear("linear", &three, &linear, 0.5);
	keep_forest("trees_statistic", &mixed, &mixed_forest, 0.5);
	keep_linear("linear_statistic", &mixed, &mixed_linear, 0.5);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
	{
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[1];
	ctx = (MlContext) {.arena = ml_arena_create(0), .blas = ml_blas_reference(1)};
	trained_models();
	models_by_hand();
	ml_arena_destroy(ctx.arena);
	return 0;
}
