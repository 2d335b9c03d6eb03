/*-------------------------------------------------------------------------
 * statistic.c
 *	  The target statistic of a category of many levels: log odds of a level's
 *	  share of positives, drawn to the share of all rows.
 *
 * A row that is learned from must not see its own label in its features.  So its
 * statistic is taken over the rows before it only (Prokhorenkova et al.: "CatBoost:
 * unbiased boosting with categorical features", NeurIPS 2018); a row to score gets
 * that of all training rows.  Where rows are in the order of time, so that each sees
 * its past; else they are shuffled, because a table may lie sorted by its label.
 *
 * How many rows the prior counts for is estimated, not asked: as many as it takes for
 * chance within levels to vary as much as levels do among themselves (an empirical
 * Bayes estimate from the analysis of variance).  Levels that differ no more than
 * chance would have them are drawn to the prior altogether.
 * Two passes over the rows for each such category: one to estimate, one to count
 * again in order.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"
#include "statistic.h"

#define ROWS_PER_POLL 16384
#define STREAM_ORDER 3			/* of random numbers */
#define NO_LEVEL UINT32_MAX

typedef struct Level
{
	uint32_t	rows;
	uint32_t	positives;
} Level;

void
ml_statistic_prior(MlStatisticRows *rows)
{
	double		positives = 0;
	double		n = (double) rows->rows.n;

	for (size_t i = 0; i < rows->rows.n; i++)
		positives += rows->label[rows->rows.row[i]] == 1;
	rows->prior = fmin(fmax(positives, 0.5), n - 0.5) / n;
}

/*
 * Levels by the codes of the column's dictionary, NO_LEVEL for others; NULL when
 * memory is exhausted.
 */
static uint32_t *
map_levels(MlContext *ctx, const MlColumn *column, const MlInput *input)
{
	uint32_t	n = ml_dictionary_size(column->dictionary);
	uint32_t   *level_of = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));

	if (level_of == NULL)
		return NULL;
	memset(level_of, 0xFF, n * sizeof(uint32_t));	/* all NO_LEVEL */
	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		uint32_t	code;

		if (ml_dictionary_find(column->dictionary, input->category[c], input->category_size[c], &code))
			level_of[code] = c;
	}
	return level_of;
}

/* Levels of the rows, [rows.n] in the arena; NULL when memory is exhausted. */
static uint32_t *
read_levels(MlContext *ctx, const MlStatisticRows *r, const MlColumn *column, const uint32_t *level_of)
{
	uint32_t   *level_at = ml_arena_alloc_array(ctx->arena, r->rows.n, sizeof(uint32_t));
	uint64_t	buffer[ML_CHUNK_ROWS];
	MlCursor	cursor = ml_cursor(r->dataset, column - r->dataset->columns, buffer);

	for (size_t i = 0; level_at && i < r->rows.n; i++)
	{
		size_t		at = ml_rows_visit(&r->rows, i);
		uint32_t	code = ml_cursor_code(&cursor, r->rows.row[at]);

		level_at[at] = code == ML_MISSING_CODE ? NO_LEVEL : level_of[code];
	}
	return level_at;
}

/*
 * Positions of the rows in the order in which they are counted, [rows.n]; NULL when
 * memory is exhausted.
 */
static uint32_t *
make_order(MlContext *ctx, const MlStatisticRows *r)
{
	uint32_t   *order = ml_arena_alloc_array(ctx->arena, r->rows.n, sizeof(uint32_t));

	for (size_t i = 0; order && i < r->rows.n; i++)
	{
		size_t		other = r->in_time_order ? i : ml_random_u64(r->seed, STREAM_ORDER, i) % (i + 1);

		/* a shuffle that grows (Knuth: "The art of computer programming", 3.4.2) */
		order[i] = order[other];
		order[other] = (uint32_t) i;
	}
	return order;
}

/*
 * Rows that the prior counts for: the variance within levels over that between
 * them, both from mean squares (analysis of variance of levels of unequal sizes).
 * There are at least two levels, all with rows.  At least 1, at most all rows,
 * which is the answer too where no two rows share a level.
 */
static double
prior_rows(const Level *levels, uint32_t n_levels)
{
	double		n = 0;
	double		positives = 0;
	double		squares = 0;
	double		between = 0;
	double		within = 0;
	double		typical;
	double		excess;

	for (uint32_t l = 0; l < n_levels; l++)
	{
		n += levels[l].rows;
		positives += levels[l].positives;
		squares += (double) levels[l].rows * levels[l].rows;
	}
	for (uint32_t l = 0; l < n_levels; l++)
	{
		double		share = (double) levels[l].positives / levels[l].rows;
		double		distance = share - positives / n;

		between += levels[l].rows * distance * distance;
		within += levels[l].rows * share * (1 - share);
	}
	between /= n_levels - 1;
	within /= n - n_levels;
	typical = (n - squares / n) / (n_levels - 1);	/* rows of a level */
	excess = (between - within) / typical;
	return excess > 0 ? fmin(fmax(within / excess, 1), n) : n;
}

/* Log odds of a level's share with `weight` rows of the prior added. */
static double
statistic_of(Level level, double prior, double weight)
{
	return ml_log_odds((level.positives + weight * prior) / (level.rows + weight));
}

/*
 * Adds all rows up in order (NULL: as they come); value [rows.n], unless NULL,
 * receives what was known before each, NaN where it is missing.  Errors:
 * ML_ABORTED.
 */
static MlStatus
count(MlContext *ctx, const MlStatisticRows *r, const uint32_t *level_at,
	  const uint32_t *order, double weight, Level *levels, double *value)
{
	for (size_t i = 0; i < r->rows.n; i++)
	{
		uint32_t	position = order ? order[i] : (uint32_t) i;
		uint32_t	level = level_at[position];

		if (i % ROWS_PER_POLL == 0 && ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
		if (value)
			value[position] = level == NO_LEVEL ? NAN : statistic_of(levels[level], r->prior, weight);
		if (level == NO_LEVEL)
			continue;
		levels[level].rows++;
		levels[level].positives += r->label[r->rows.row[position]] == 1;
	}
	return ML_OK;
}

/* What is taken from the arena is given back. */
MlStatus
ml_statistic_fit(MlContext *ctx, const MlStatisticRows *r, const MlColumn *column, const MlInput *input,
				 double *statistic, double *value)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	uint32_t	n = input->n_categories;
	uint32_t   *level_of = map_levels(ctx, column, input);
	uint32_t   *level_at = level_of ? read_levels(ctx, r, column, level_of) : NULL;
	uint32_t   *order = make_order(ctx, r);
	Level	   *levels = ml_arena_alloc_zeroed(ctx->arena, n, sizeof(Level));
	double		weight;
	MlStatus	status;

	if (level_at == NULL || order == NULL || levels == NULL)
		return ml_fail_memory(ctx);
	status = count(ctx, r, level_at, NULL, 0, levels, NULL);
	if (status != ML_OK)
		return status;
	weight = prior_rows(levels, n);
	memset(levels, 0, n * sizeof(Level));
	status = count(ctx, r, level_at, order, weight, levels, value);
	for (uint32_t l = 0; status == ML_OK && l < n; l++)
		statistic[l] = statistic_of(levels[l], r->prior, weight);
	ml_arena_release(ctx->arena, mark);
	return status;
}
