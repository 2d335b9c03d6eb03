/*
 * test_engine.c
 *	  Arena, pool, data set, signature, learners and model bytes together: the
 *	  same bytes for any number of threads and order of rows, scores from bytes
 *	  equal to a plain walk, every damaged byte refused.
 */
#include "check.h"

#include <dirent.h>
#include <signal.h>

#include "blas/provider.h"
#include "mlops/engine/learn.h"
#include "mlops/engine/trees.h"

/* ---------------------------------------------------------------- base */

static void
count_task(void *arg, size_t task, int thread)
{
	__atomic_fetch_add(&((int *) arg)[task], 1, __ATOMIC_RELAXED);
}

static bool
stop_at_once(void *arg)
{
	return true;
}

/* Do all threads but the first block every signal that can be blocked? */
static bool
workers_block_signals(void)
{
	DIR		   *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int			blocked = 0;
	int			threads = 0;

	while ((entry = readdir(dir)) != NULL)
	{
		char		path[300];
		char		line[256];
		FILE	   *file;

		if (entry->d_name[0] == '.')
			continue;
		threads++;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
		{
			unsigned long long mask;

			if (sscanf(line, "SigBlk: %llx", &mask) == 1 && (mask >> (SIGTERM - 1) & 1) &&
				(mask >> (SIGALRM - 1) & 1))
				blocked++;
		}
		if (file)
			fclose(file);
	}
	closedir(dir);
	return threads >= 4 && blocked >= 3;
}

static void
test_base(void)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 8 << 20), .pool = ml_pool_create(4)};
	int			done[1000] = {0};
	int			wrong = 0;
	MlArenaMark mark;
	size_t		used;

	CHECK(ctx.arena && ctx.pool, "arena and pool are made");
	CHECK(workers_block_signals(), "workers block signals");
	for (int round = 0; round < 200; round++)
		ml_parallel_for(&ctx, 1000, count_task, done);
	for (int i = 0; i < 1000; i++)
		wrong += done[i] != 200;
	CHECK(wrong == 0, "every task runs once a call");
	ctx.should_abort = stop_at_once;
	CHECK(ml_parallel_for(&ctx, 1000, count_task, done) == ML_ABORTED, "an abort is reported");
	ctx.should_abort = NULL;
	CHECK(ml_parallel_for(&ctx, 1000, count_task, done) == ML_OK, "and the pool still works");

	mark = ml_arena_mark(ctx.arena);
	used = ml_arena_used(ctx.arena);
	CHECK((uintptr_t) ml_arena_alloc(ctx.arena, 3) % 64 == 0, "memory is aligned");
	CHECK(ml_arena_alloc(ctx.arena, (size_t) 6 << 20) != NULL, "what the budget allows is given");
	CHECK(ml_arena_alloc(ctx.arena, (size_t) 6 << 20) == NULL, "what it does not is refused");
	CHECK(ml_fail_memory(&ctx) == ML_OUT_OF_MEMORY && strstr(ctx.message, "8 MB"), "the message names the budget");
	CHECK(ml_arena_alloc_array(ctx.arena, SIZE_MAX / 2, 3) == NULL, "an overflow is refused");
	ml_arena_release(ctx.arena, mark);
	CHECK(ml_arena_used(ctx.arena) == used, "a release gives everything back");
	ml_pool_destroy(ctx.pool);
	ml_arena_destroy(ctx.arena);
}

/* ---------------------------------------------------------------- a data set */

#define N_ROWS 6000
#define N_COLUMNS 6

static const MlColumnSpec specs[N_COLUMNS] = {
	{"amount", "double precision", ML_COLUMN_NUMBER},
	{"age", "integer", ML_COLUMN_NUMBER},
	{"country", "text", ML_COLUMN_CATEGORY},
	{"at", "timestamp", ML_COLUMN_TIME},
	{"flat", "integer", ML_COLUMN_NUMBER},
	{"key", "bigint", ML_COLUMN_HASH},
};

/* Row number r of the data, whatever place it is read at. */
static float
write_row(MlContext *ctx, MlDataset *dataset, uint64_t r)
{
	static const char *const countries[] = {"DE", "FR", "IT", "US", "JP"};
	size_t		at = dataset->n_rows & ML_CHUNK_MASK;
	double		amount = 100 * ml_random_uniform(1, 0, r);
	int			country = (int) (ml_random_u64(1, 1, r) % 5);
	bool		missing = r % 13 == 0;
	double		margin = (amount > 70) * 2.0 + (country == 2) * 1.5 - 2.5 + missing;

	dataset->columns[0].open.number[at] = missing ? NAN : amount;
	dataset->columns[1].open.number[at] = (double) (ml_random_u64(1, 2, r) % 60);
	if (ml_column_intern(ctx, &dataset->columns[2], countries[country], 2,
						 &dataset->columns[2].open.code[at]) != ML_OK)
		abort();
	dataset->columns[3].open.number[at] = 1.7e9 + 600.0 * (double) r;
	dataset->columns[4].open.number[at] = 7;
	dataset->columns[5].open.hash[at] = ml_mix64(r);
	dataset->n_rows++;
	if ((dataset->n_rows & ML_CHUNK_MASK) == 0 && ml_dataset_seal(ctx, dataset) != ML_OK)
		abort();
	return ml_random_uniform(1, 3, r) < 1 / (1 + exp(-margin));
}

typedef struct Trained
{
	MlContext	ctx;
	MlDataset  *dataset;
	float	   *label;
	MlRows		rows[4];
	MlSignature *signature;
	MlLearned	learned;
	MlTask		task;
	uint64_t	hash[2];
	uint8_t    *bytes;
	size_t		size;
	MlStatus	status;
	void	   *params;
} Trained;

static void
try(Trained *t, MlStatus status)
{
	if (t->status == ML_OK)
		t->status = status;
}

/* The whole way from rows to bytes, with this many threads; reversed: the rows
 * come in the opposite physical order. */
static Trained *
train(const MlLearner *learner, int threads, bool reversed, void (*set) (void *params))
{
	Trained    *t = calloc(1, sizeof(Trained));
	MlContext  *ctx = &t->ctx;
	const uint32_t columns[] = {0, 1, 2, 3, 4};
	uint8_t    *part;
	uint32_t   *order;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned[2];
	MlModelParts parts = {0};

	ctx->arena = ml_arena_create(0);
	ctx->pool = ml_pool_create(threads);
	ctx->blas = ml_blas_reference(1);
	try(t, ml_dataset_create(ctx, N_COLUMNS, specs, NULL, &t->dataset));
	t->label = ml_arena_alloc_array(ctx->arena, N_ROWS, sizeof(float));
	for (uint64_t i = 0; i < N_ROWS; i++)
	{
		float		label = write_row(ctx, t->dataset, reversed ? N_ROWS - 1 - i : i);

		t->label[i] = label;
	}
	try(t, ml_dataset_seal(ctx, t->dataset));
	try(t, ml_dataset_fingerprint(ctx, t->dataset, t->hash));
	part = ml_arena_alloc_array(ctx->arena, N_ROWS, 1);
	try(t, ml_order_rows(ctx, t->dataset, -1, 5, &order));
	try(t, ml_split_stratified(ctx, t->dataset, order, t->label, 0.1, 0.2, 42, part));
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
		try(t, ml_rows_of_part(ctx, t->dataset, order, part, (MlPart) p, &t->rows[p]));
	t->params = calloc(1, learner->params_size);
	ml_params_init(learner, t->params);
	if (set)
		set(t->params);
	try(t, ml_signature_fit(ctx, t->dataset, t->rows[ML_PART_TRAIN], t->label, 5, columns,
							learner->max_bins(t->params), 42, false, &t->signature, &left_out, &n_left_out));
	CHECK(n_left_out == 1 && left_out[0].column == 4 && left_out[0].reason == ML_LEFT_OUT_CONSTANT,
		  "%s, %d threads: the constant column is left out", learner->name, threads);
	t->signature->time_zone = "UTC";
	try(t, ml_binned_create(ctx, t->dataset, t->signature, t->rows[ML_PART_TRAIN], true, &binned[0]));
	try(t, ml_binned_create(ctx, t->dataset, t->signature, t->rows[ML_PART_VALIDATION], false, &binned[1]));
	t->task = (MlTask) {t->dataset, t->signature, t->rows[ML_PART_TRAIN], t->rows[ML_PART_VALIDATION],
	binned[0], binned[1], t->label, NULL, ML_METRIC_PR_AUC, t->params, 42};
	{
		size_t		before = ml_arena_used(ctx->arena);

		try(t, learner->fit(ctx, &t->task, &t->learned));
		CHECK(ml_arena_peak(ctx->arena) - before <=
			  learner->memory_needed(t->rows[1].n, t->rows[2].n, t->signature, t->params, threads),
			  "%s, %d threads: fit takes no more memory than it said", learner->name, threads);
	}
	if (t->status == ML_OK)
	{
		parts.algorithm = learner->name;
		parts.signature = t->signature;
		parts.fitted = t->learned.fitted;
		parts.margin_scale = 1;
		parts.threshold = 0.5;
		try(t, ml_model_encode(ctx, &parts, &t->bytes, &t->size));
	}
	CHECK(t->status == ML_OK, "%s, %d threads: trains (%s)", learner->name, threads, ctx->message);
	return t;
}

static void
discard(Trained *t)
{
	ml_pool_destroy(t->ctx.pool);
	ml_arena_destroy(t->ctx.arena);
	free(t->params);
	free(t);
}

static bool
same_bytes(const Trained *a, const Trained *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* ---------------------------------------------------------------- reference scorers */

/* The trees that were learned; NULL if that is something else. */
static const MlForest *
forest_of(const MlLearned *learned)
{
	return learned->fitted.family == &ml_family_trees ? learned->fitted.body : NULL;
}

static double
walk_forest(const Trained *t, const MlBinned *codes, size_t row)
{
	const MlForest *forest = forest_of(&t->learned);
	double		margin = forest->base_margin;

	for (size_t tree = 0; tree < forest->n_trees; tree++)
	{
		const MlTreeNode *nodes = forest->nodes + forest->first_node[tree];
		uint32_t	i = 0;

		while (nodes[i].feature >= 0)
		{
			uint8_t		code = ml_binned_code(codes, row, nodes[i].feature);
			bool		left = nodes[i].categorical
				? forest->sets[nodes[i].set][code >> 6] >> (code & 63) & 1
				: code == 0 ? nodes[i].missing_left : code <= nodes[i].bin;

			i = left ? nodes[i].left : nodes[i].right;
		}
		margin += nodes[i].value;
	}
	return 1 / (1 + exp(-margin));
}

static void
check_scores(Trained *t)
{
	MlContext  *ctx = &t->ctx;
	MlModel    *model = malloc(ml_model_struct_size());
	MlRows		test = t->rows[ML_PART_TEST];
	double	   *score = malloc(test.n * sizeof(double));
	float	   *label = malloc(test.n * sizeof(float));
	MlBinned   *codes;
	double		auc;
	double		greatest = 0;

	CHECK(ml_model_open(t->bytes, t->size, model, ctx->message) == ML_OK, "bytes open (%s)", ctx->message);
	CHECK(ml_model_score_rows(ctx, model, t->dataset, test, score) == ML_OK, "rows score");
	ml_binned_create(ctx, t->dataset, t->signature, test, false, &codes);
	for (size_t i = 0; i < test.n; i++)
	{
		label[i] = t->label[test.row[i]];
		if (forest_of(&t->learned))
			greatest = fmax(greatest, fabs(score[i] - walk_forest(t, codes, i)));
	}
	CHECK(greatest == 0, "scores from bytes are those of a plain walk");
	ml_metric_value(ctx, ML_METRIC_ROC_AUC, test.n, score, label, NULL, &auc);
	CHECK(auc > 0.72, "something was learned: ROC AUC %.3f", auc);
	free(label);
	free(score);
	free(model);
}

/* Every byte with one bit flipped, and every shorter length, is refused. */
static void
check_damage(const Trained *t)
{
	uint8_t    *bytes = aligned_alloc(64, t->size);
	MlModel    *model = malloc(ml_model_struct_size());
	char		message[ML_MESSAGE_SIZE];
	size_t		accepted = 0;

	memcpy(bytes, t->bytes, t->size);
	for (size_t i = 0; i < t->size; i += t->size / 3000 + 1)
	{
		bytes[i] ^= (uint8_t) (1 << i % 8);
		accepted += ml_model_open(bytes, t->size, model, message) == ML_OK;
		bytes[i] ^= (uint8_t) (1 << i % 8);
	}
	CHECK(accepted == 0, "damaged bytes are refused");
	for (size_t size = 0; size < t->size; size += t->size / 500 + 1)
		accepted += ml_model_open(bytes, size, model, message) == ML_OK;
	CHECK(accepted == 0, "shortened bytes are refused");
	free(model);
	free(bytes);
}

/* ---------------------------------------------------------------- learners */

static void
set_boosting(void *params)
{
	MlGradientBoostingParams *p = params;

	p->n_estimators = 20;
	p->max_depth = 4;
}

static void
set_leafwise(void *params)
{
	MlGradientBoostingParams *p = params;

	p->n_estimators = 15;
	p->max_depth = 0;
	p->max_leaves = 12;
	p->grow_policy = ML_GROW_LOSSGUIDE;
	p->subsample = 0.7;
	p->colsample_bytree = 0.6;
	p->early_stopping_rounds = 5;
}

static void
set_monotone(void *params)
{
	static const MlConstraint rising[] = {{"amount", 1}};
	MlGradientBoostingParams *p = params;

	p->n_estimators = 10;
	p->monotone_constraints = (MlConstraints) {1, rising};
}

static void
test_learner(const MlLearner *learner, void (*set) (void *), const char *what)
{
	Trained    *one = train(learner, 1, false, set);
	Trained    *two = train(learner, 2, false, set);
	Trained    *four = train(learner, 4, true, set);

	CHECK(same_bytes(one, two), "%s: two threads give the same bytes", what);
	CHECK(same_bytes(one, four), "%s: four threads and reversed rows give the same bytes", what);
	CHECK(one->hash[0] == four->hash[0] && one->hash[1] == four->hash[1],
		  "%s: and the same content hash", what);
	check_scores(one);
	check_damage(one);
	discard(one);
	discard(two);
	discard(four);
}

static void
test_monotone(void)
{
	Trained    *t = train(&ml_gradient_boosting, 2, false, set_monotone);
	MlModel    *model = malloc(ml_model_struct_size());
	void	   *scratch;
	int			falls = 0;

	ml_model_open(t->bytes, t->size, model, t->ctx.message);
	scratch = malloc(ml_model_scratch_size(model));
	for (int i = 0; i < 200; i++)
	{
		double		before = -1;

		for (int amount = 0; amount <= 100; amount++)
		{
			/* inputs: amount, age, country, at */
			MlValue		values[] = {{.number = amount}, {.number = i % 60}, {.code = 1 + i % 5},
			{.number = 1.7e9 + 1e4 * i}};
			double		score = ml_model_score(model, values, scratch);

			falls += score < before;
			before = score;
		}
	}
	CHECK(falls == 0, "a rising constraint holds everywhere");
	free(scratch);
	free(model);
	discard(t);
}

static void
set_limits(void *params)
{
	MlGradientBoostingParams *p = params;

	p->n_estimators = 5;
	p->max_depth = 3;
	p->min_child_weight = 20;
}

static void
test_limits(void)
{
	Trained    *t = train(&ml_gradient_boosting, 2, false, set_limits);
	const MlForest *forest = forest_of(&t->learned);
	bool		light = false;
	uint64_t	rows = 0;

	CHECK(forest->n_trees == 5, "as many trees as asked for");
	for (uint32_t i = forest->first_node[0]; i < forest->first_node[1]; i++)
	{
		light = light || (i > 0 && forest->nodes[i].cover < 20);
		if (forest->nodes[i].feature < 0)
			rows += forest->nodes[i].count;
	}
	CHECK(!light, "min_child_weight holds");
	CHECK(rows == t->rows[ML_PART_TRAIN].n, "the leaves hold all training rows");
	CHECK(forest->first_node[1] - forest->first_node[0] <= 15, "max_depth holds");
	discard(t);
}

/* ---------------------------------------------------------------- frozen data */

static int	asked;

static bool
stop_at_round_4(void *arg, int round, double metric)
{
	asked++;
	return round >= 4 && metric == metric;
}

/* Freezes, moves the block and opens it; opened->dataset is NULL if that failed. */
static char *
freeze_and_move(Trained *t, const MlFrozen *frozen, MlContext *ctx, MlFrozen *opened)
{
	size_t		size = 0;
	MlStatus	status = ml_frozen_size(&t->ctx, frozen, &size);
	char	   *block = aligned_alloc(64, size);
	char	   *moved = aligned_alloc(64, size);

	memset(opened, 0, sizeof(*opened));
	if (status == ML_OK)
		status = ml_frozen_write(&t->ctx, frozen, block);
	memcpy(moved, block, size);
	free(block);
	if (status == ML_OK)
		status = ml_frozen_open(ctx, moved, opened);
	return moved;
}

/* A view that is not fitted is fitted to the same signature elsewhere. */
static void
check_unfitted(const Trained *t, MlContext *ctx, const MlFrozen *frozen)
{
	const uint32_t columns[] = {0, 1, 2, 3, 4};
	const MlSignature *was = t->signature;
	MlSignature *now;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	bool		same;

	CHECK(frozen->views[1].signature == NULL && frozen->views[1].judged.n == t->rows[ML_PART_TEST].n,
		  "a view may be rows alone, and have rows of its own");
	CHECK(ml_signature_fit(ctx, frozen->dataset, frozen->views[1].train, frozen->label, 5, columns, 255, 42, false,
						   &now, &left_out, &n_left_out) == ML_OK && n_left_out == 1 &&
		  now->n_features == was->n_features, "a signature can be fitted to it");
	same = now->n_features == was->n_features;
	for (size_t f = 0; same && f < was->n_features; f++)
		same = now->features[f].n_bins == was->features[f].n_bins && now->features[f].mean == was->features[f].mean &&
			memcmp(now->features[f].code_counts, was->features[f].code_counts, (was->features[f].n_bins + 1) * sizeof(uint64_t)) == 0;
	CHECK(same, "the same as to the data itself");
}

/* Learns from a block that was moved: the same bytes as from the data itself. */
static void
test_frozen(const MlLearner *learner, void (*set) (void *params))
{
	const uint32_t every_column[N_COLUMNS] = {0, 1, 2, 3, 4, 5};
	Trained    *t = train(learner, 1, false, set);
	MlView		views[2] = {{t->task.train, t->task.validation, t->task.validation, t->signature,
		t->task.binned_train, t->task.binned_validation}, {t->task.train, t->task.validation, t->rows[ML_PART_TEST]}};
	MlFrozen	frozen = {t->dataset, t->label, NULL, 0, NULL, 1, views};
	MlFrozen	unfitted = {t->dataset, t->label, NULL, N_COLUMNS, every_column, 2, views};
	MlFrozen	opened;
	MlContext	ctx = {.arena = ml_arena_create(0), .blas = t->ctx.blas};
	MlTask		task;
	MlLearned	learned;
	MlModelParts parts = {learner->name, .margin_scale = 1, .threshold = 0.5};
	MlModel    *model = malloc(ml_model_struct_size());
	double	   *score[2];
	size_t		model_size = 0;
	uint8_t    *bytes = NULL;
	char	   *moved;
	MlStatus	status;

	moved = freeze_and_move(t, &unfitted, &ctx, &opened);
	CHECK(opened.dataset && opened.dataset->n_rows == N_ROWS, "%s: frozen data has the rows of all views", learner->name);
	if (learner == &ml_gradient_boosting)
		check_unfitted(t, &ctx, &opened);
	free(moved);
	moved = freeze_and_move(t, &frozen, &ctx, &opened);
	status = opened.dataset ? ML_OK : ML_FAILED;
	CHECK(status == ML_OK && opened.dataset->n_rows == t->task.train.n + t->task.validation.n,
		  "%s: frozen data has the training and validation rows and no others", learner->name);
	task = (MlTask) {opened.dataset, opened.views->signature, opened.views->train, opened.views->validation,
		opened.views->binned_train, opened.views->binned_validation, opened.label, NULL,
		t->task.metric, t->params, t->task.seed};
	status = learner->fit(&ctx, &task, &learned);
	parts.signature = task.signature;
	parts.fitted = learned.fitted;
	if (status == ML_OK)
		status = ml_model_encode(&ctx, &parts, &bytes, &model_size);
	CHECK(status == ML_OK && model_size == t->size && memcmp(bytes, t->bytes, t->size) == 0,
		  "%s: the model from frozen data has the same bytes", learner->name);
	score[0] = calloc(t->task.validation.n, sizeof(double));
	score[1] = calloc(t->task.validation.n, sizeof(double));
	CHECK(ml_model_open(t->bytes, t->size, model, ctx.message) == ML_OK &&
		  ml_model_score_rows(&t->ctx, model, t->dataset, t->task.validation, score[0]) == ML_OK &&
		  ml_model_score_rows(&ctx, model, opened.dataset, opened.views->validation, score[1]) == ML_OK &&
		  memcmp(score[0], score[1], t->task.validation.n * sizeof(double)) == 0,
		  "%s: rows of frozen data score as they do themselves", learner->name);

	asked = 0;
	task.should_prune = stop_at_round_4;
	task.prune_every = 2;
	status = learner->fit(&ctx, &task, &learned);
	if (learner == &ml_gradient_boosting)
		CHECK(status == ML_OK && learned.pruned && asked == 2 && learned.n_curve == 4 &&
			  forest_of(&learned)->n_trees <= 4 && !isnan(learned.curve[1].validation),
			  "%s: asked every second round, it stops at the fourth", learner->name);
	else
		CHECK(status == ML_OK && !learned.pruned && asked == 0, "%s: has no rounds and does not ask", learner->name);
	free(score[0]);
	free(score[1]);
	free(model);
	free(moved);
	ml_arena_destroy(ctx.arena);
	discard(t);
}

int
main(void)
{
	test_base();
	test_learner(&ml_gradient_boosting, set_boosting, "boosting");
	test_learner(&ml_gradient_boosting, set_leafwise, "leaf-wise boosting");
	test_learner(&ml_logistic_regression, NULL, "logistic regression");
	test_monotone();
	test_limits();
	test_frozen(&ml_gradient_boosting, set_boosting);
	test_frozen(&ml_logistic_regression, NULL);
	return checks_end();
}
