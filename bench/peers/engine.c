/*
 * engine.c
 *	  The engine's side of bench/peers: learns from the binary matrix that the other
 *	  sides read, without a server.
 *
 *	engine DIRECTORY TRAIN TEST COLUMNS CATEGORIES THREADS
 *
 * DIRECTORY/x has TRAIN + TEST rows of COLUMNS float32 each, the last CATEGORIES of
 * which are numbers of levels; DIRECTORY/y has their labels, a byte each.  Says "ready",
 * then does what it reads from standard input, as worker.py does:
 *
 *	fit			learns from the TRAIN rows; prints wall clock and processor seconds of
 *				binning, then those of the trees
 *	score		scores the TEST rows; prints wall clock and processor seconds
 *	keep FILE	writes these scores as float64
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mlops/engine/learn.h"

#define SEED 42					/* the default of mlops.train */

static MlContext ctx;
static MlDataset *dataset;
static size_t n_train;
static size_t n_test;
static size_t n_columns;
static size_t n_categories;
static float *label;
static uint32_t *row_number;
static uint32_t *column_number;
static double *score;
static MlModel *model;

static void
check(MlStatus status)
{
	if (status == ML_OK)
		return;
	fprintf(stderr, "engine: %s\n", ctx.message);
	exit(1);
}

static void *
need(size_t n, size_t size)
{
	void	   *memory = calloc(n, size);

	if (memory == NULL)
		abort();
	return memory;
}

static void *
need_arena(size_t size)
{
	void	   *memory = ml_arena_alloc(ctx.arena, size);

	if (memory == NULL)
		abort();
	return memory;
}

/* ---------------------------------------------------------------- data */

/* All of a file of that many bytes. */
static const void *
map_file(const char *directory, const char *name, size_t size)
{
	char		path[4096];
	int			file;
	void	   *bytes;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = open(path, O_RDONLY);
	bytes = file < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
	if (bytes == MAP_FAILED)
	{
		perror(path);
		exit(1);
	}
	return bytes;
}

static void
create_dataset(void)
{
	MlColumnSpec *specs = need(n_columns, sizeof(MlColumnSpec));

	for (size_t c = 0; c < n_columns; c++)
	{
		bool		category = c >= n_columns - n_categories;
		char	   *name = need(16, 1);

		snprintf(name, 16, "f%zu", c + 1);
		specs[c] = (MlColumnSpec) {name, category ? "text" : "double precision",
			category ? ML_COLUMN_CATEGORY : ML_COLUMN_NUMBER};
		column_number[c] = (uint32_t) c;
	}
	check(ml_dataset_create(&ctx, n_columns, specs, NULL, &dataset));
}

static void
put_value(MlColumn *column, size_t at, float value)
{
	char		level[16];

	if (column->kind == ML_COLUMN_NUMBER)
		column->open.number[at] = value;
	else
	{
		int			size = snprintf(level, sizeof(level), "l%.0f", value);

		check(ml_column_intern(&ctx, column, level, (size_t) size, &column->open.code[at]));
	}
}

static void
read_data(const char *directory)
{
	size_t		n = n_train + n_test;
	const float *x = map_file(directory, "x", n * n_columns * sizeof(float));
	const uint8_t *y = map_file(directory, "y", n);

	label = need(n, sizeof(float));
	row_number = need(n, sizeof(uint32_t));
	column_number = need(n_columns, sizeof(uint32_t));
	score = need(n_test, sizeof(double));
	create_dataset();
	for (size_t r = 0; r < n; r++)
	{
		for (size_t c = 0; c < n_columns; c++)
			put_value(&dataset->columns[c], r & ML_CHUNK_MASK, x[r * n_columns + c]);
		label[r] = y[r];
		row_number[r] = (uint32_t) r;
		if ((++dataset->n_rows & ML_CHUNK_MASK) == 0)
			check(ml_dataset_seal(&ctx, dataset));
	}
	if (dataset->n_rows & ML_CHUNK_MASK)
		check(ml_dataset_seal(&ctx, dataset));
}

/* ---------------------------------------------------------------- clock */

typedef struct Clock
{
	double		wall;
	double		processor;		/* of all threads */
} Clock;

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}

static Clock
now(void)
{
	return (Clock) {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void
print_since(Clock from, Clock to)
{
	printf("%.6f %.6f ", to.wall - from.wall, to.processor - from.processor);
}

/* ---------------------------------------------------------------- commands */

/* A verified model of what was learned, laid out as for serving; it lives in the arena. */
static void
open_model(const MlSignature *signature, const MlLearned *learned)
{
	MlModelParts parts = {ml_gradient_boosting.name, signature, learned->fitted, 1, 0, 0.5, NULL};
	uint8_t    *bytes;
	size_t		size;

	check(ml_model_encode(&ctx, &parts, &bytes, &size));
	check(ml_model_open(bytes, size, model, ctx.message));
	size = ml_model_layout_size(model);
	if (size > 0)
		ml_model_lay_out(model, need_arena(size));
}

/* As mlops.train does it without a time column. */
static void
fit(void)
{
	MlRows		rows = {row_number, n_train, NULL};
	MlGradientBoostingParams params;
	MlSignature *signature;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlBinned   *binned;
	MlLearned	learned = {0};
	MlTask		task = {0};
	Clock		began = now();
	Clock		binned_at;

	check(ml_signature_fit(&ctx, dataset, rows, label, n_columns, column_number, ML_MAX_BINS, SEED, false,
						   &signature, &left_out, &n_left_out));
	check(ml_binned_create(&ctx, dataset, signature, rows, true, &binned));
	binned_at = now();
	ml_params_init(&ml_gradient_boosting, &params);
	params.n_estimators = 100;
	params.max_depth = 6;
	params.learning_rate = 0.3;
	task.dataset = dataset;
	task.signature = signature;
	task.train = rows;
	task.binned_train = binned;
	task.label = label;
	task.metric = ML_METRIC_LOG_LOSS;
	task.params = &params;
	task.seed = SEED;
	check(ml_gradient_boosting.fit(&ctx, &task, &learned));
	print_since(began, binned_at);
	print_since(binned_at, now());
	signature->time_zone = "UTC";
	open_model(signature, &learned);
}

static void
score_rows(void)
{
	Clock		began = now();
	MlArenaMark mark = ml_arena_mark(ctx.arena);

	check(ml_model_score_rows(&ctx, model, dataset, (MlRows) {row_number + n_train, n_test, NULL}, score));
	ml_arena_release(ctx.arena, mark);
	print_since(began, now());
}

static void
keep_scores(const char *path)
{
	FILE	   *file = fopen(path, "w");

	if (file == NULL || fwrite(score, sizeof(double), n_test, file) != n_test || fclose(file) != 0)
	{
		perror(path);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	char		line[4096];
	MlArenaMark mark;
	int			n_threads;

	if (argc != 7)
	{
		fprintf(stderr, "usage: engine DIRECTORY TRAIN TEST COLUMNS CATEGORIES THREADS\n");
		return 2;
	}
	n_train = strtoul(argv[2], NULL, 10);
	n_test = strtoul(argv[3], NULL, 10);
	n_columns = strtoul(argv[4], NULL, 10);
	n_categories = strtoul(argv[5], NULL, 10);
	n_threads = atoi(argv[6]);
	ctx.arena = ml_arena_create(0);
	ctx.pool = n_threads > 1 ? ml_pool_create(n_threads) : NULL;
	model = need(1, ml_model_struct_size());
	read_data(argv[1]);
	mark = ml_arena_mark(ctx.arena);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
	{
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "fit") == 0)
		{
			ml_arena_release(ctx.arena, mark);
			fit();
		}
		else if (strcmp(line, "score") == 0)
			score_rows();
		else if (strncmp(line, "keep ", 5) == 0)
			keep_scores(line + 5);
		else
			return 2;
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
