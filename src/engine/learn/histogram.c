/*-------------------------------------------------------------------------
 * histogram.c
 *	  Builds gradient histograms of tree nodes (see histogram.h).
 *
 * Work is cut into (block of rows, group of columns).  A task adds one
 * block's packed gradients into a table of 16 * 256 words that stays in the
 * core's L1 cache: per row and column one byte is read and one word is
 * updated.  Then the table's halves are added to the node's 64-bit sums under
 * a lock.  Quantised gradients in this spirit: Shi et al., "Quantized Training
 * of Gradient Boosting Decision Trees", NeurIPS 2022.
 *
 * A node of r rows costs r * columns additions, and each of its blocks one
 * flush of all sums.  Of two siblings only the smaller one is built (see
 * tree_grower.c), so below the root a level costs at most half of the rows, as
 * long as slots last.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "engine/learn/histogram.h"
#include "engine/learn/vector_clones.h"

#define CODES 256				/* table entries a column: the codes of one byte */
#define TABLE_WORDS (ML_GROUP_FEATURES * CODES)
#define POOL_BYTES ((size_t) 128 << 20) /* memory of all slots, unless 4 need more */
#define LEAST_SLOTS 4			/* two families in hand: see tree_grower.c */
/* Rows ahead of the one at hand that are fetched into the L2 cache, and into L1. */
#define FAR_ROWS 256
#define NEAR_ROWS 16

int
histogram_pool_slots(size_t wanted, size_t n_bins)
{
	size_t		fit = POOL_BYTES / (n_bins * sizeof(GradientSum));
	size_t		slots = wanted < fit ? wanted : fit;

	return (int) (slots < LEAST_SLOTS ? LEAST_SLOTS : slots);
}

void
histogram_pool_allocate(HistogramPool *pool, Workspace *workspace,
						size_t n_rows, size_t n_groups, size_t n_bins,
						int n_slots, int n_threads)
{
	pool->n_bins = n_bins;
	pool->n_slots = n_slots;
	pool->sums = workspace_take(workspace, n_slots * n_bins, sizeof(GradientSum));
	pool->free_slot = workspace_take(workspace, n_slots, sizeof(int));
	pool->packed = workspace_take(workspace, (size_t) n_threads * TABLE_WORDS, sizeof(uint64_t));
	pool->started = workspace_take(workspace, n_slots * n_groups, sizeof(bool));
	pool->blocks = workspace_take(workspace, n_rows / HISTOGRAM_BLOCK_ROWS + n_slots,
								  sizeof(HistogramBlock));
}

void
histogram_pool_open(HistogramPool *pool)
{
	for (int i = 0; i < HISTOGRAM_LOCKS; i++)
		pthread_mutex_init(&pool->lock[i], NULL);
}

void
histogram_pool_close(HistogramPool *pool)
{
	for (int i = 0; i < HISTOGRAM_LOCKS; i++)
		pthread_mutex_destroy(&pool->lock[i]);
}

void
histogram_pool_reset(HistogramPool *pool)
{
	/* a stack: slot 0 is handed out first */
	for (int i = 0; i < pool->n_slots; i++)
		pool->free_slot[i] = pool->n_slots - 1 - i;
	pool->n_free = pool->n_slots;
}

/*
 * Adds one row to the tables of the group's first n columns.  The jump is the
 * same for every row and therefore predicted.
 */
static inline void
add_row(uint64_t *packed, const uint8_t *code, uint64_t gradient, size_t n)
{
#define ADD(column) packed[(column) * CODES + code[column]] += gradient
	switch (n)
	{
		case 16:
			ADD(15);
			/* FALLTHROUGH */
		case 15:
			ADD(14);
			/* FALLTHROUGH */
		case 14:
			ADD(13);
			/* FALLTHROUGH */
		case 13:
			ADD(12);
			/* FALLTHROUGH */
		case 12:
			ADD(11);
			/* FALLTHROUGH */
		case 11:
			ADD(10);
			/* FALLTHROUGH */
		case 10:
			ADD(9);
			/* FALLTHROUGH */
		case 9:
			ADD(8);
			/* FALLTHROUGH */
		case 8:
			ADD(7);
			/* FALLTHROUGH */
		case 7:
			ADD(6);
			/* FALLTHROUGH */
		case 6:
			ADD(5);
			/* FALLTHROUGH */
		case 5:
			ADD(4);
			/* FALLTHROUGH */
		case 4:
			ADD(3);
			/* FALLTHROUGH */
		case 3:
			ADD(2);
			/* FALLTHROUGH */
		case 2:
			ADD(1);
			/* FALLTHROUGH */
		default:
			ADD(0);
	}
#undef ADD
}

/*
 * Rows begin .. end-1 of a list into the packed tables.  The rows of a small node lie
 * far apart, out of reach of what the processor fetches by itself, and L1, which
 * holds the tables, has no room for as many as memory is slow.
 */
static void
add_rows(uint64_t *packed, const uint8_t *codes, size_t n_columns,
		 const RowList *rows, size_t begin, size_t end)
{
	const uint64_t *gradient = rows->gradient;
	const uint32_t *row = rows->row;

	if (row == NULL)
	{
		for (size_t i = begin; i < end; i++)
			add_row(packed, codes + i * ML_GROUP_FEATURES, gradient[i], n_columns);
		return;
	}
	for (size_t i = begin; i < end && i < begin + FAR_ROWS; i++)
		__builtin_prefetch(codes + (size_t) row[i] * ML_GROUP_FEATURES, 0, 2);
	for (size_t i = begin; i < end; i++)
	{
		size_t		far = i + FAR_ROWS < end ? i + FAR_ROWS : end - 1;
		size_t		near = i + NEAR_ROWS < end ? i + NEAR_ROWS : end - 1;

		__builtin_prefetch(codes + (size_t) row[far] * ML_GROUP_FEATURES, 0, 2);
		__builtin_prefetch(codes + (size_t) row[near] * ML_GROUP_FEATURES, 0, 3);
		add_row(packed, codes + (size_t) row[i] * ML_GROUP_FEATURES, gradient[i], n_columns);
	}
}

/* One column's packed sums into 64-bit sums; the first block sets them. */
VECTOR_CLONES
static void
flush_column(GradientSum *restrict sums, const uint64_t *restrict packed, size_t n, bool add)
{
	if (!add)
		for (size_t i = 0; i < n; i++)
			sums[i] = gradient_unpack(packed[i]);
	else
		for (size_t i = 0; i < n; i++)
			sums[i] = gradient_sum_add(sums[i], gradient_unpack(packed[i]));
}

VECTOR_CLONES
static void
subtract_sums(GradientSum *restrict from, const GradientSum *restrict what, size_t n)
{
	for (size_t i = 0; i < n; i++)
		from[i] = gradient_sum_subtract(from[i], what[i]);
}

void
histogram_subtract(GradientSum *restrict from, const GradientSum *restrict what, size_t n)
{
	subtract_sums(from, what, n);
}

/* What all tasks of a build share; the caller owns everything in it. */
typedef struct BuildJob
{
	HistogramPool *pool;
	const HistogramRequest *requests;
	const bool *group_used;
} BuildJob;

/*
 * One block of rows, one group of columns.  Tasks of the same (request, group)
 * meet in the same sums and take turns by the lock; as sums are whole numbers,
 * whose turn comes first makes no difference.  A block has no more than
 * HISTOGRAM_BLOCK_ROWS rows, so no half of a packed word overflows.
 */
static void
build_task(void *arg, size_t task, int thread)
{
	BuildJob   *job = arg;
	HistogramPool *pool = job->pool;
	const MlBinned *columns = pool->columns;
	size_t		group = task % columns->n_groups;
	const HistogramBlock *block = &pool->blocks[task / columns->n_groups];
	const HistogramRequest *request = &job->requests[block->request];
	size_t		first = group * ML_GROUP_FEATURES;
	size_t		n_columns = columns->n_features - first;
	const uint32_t *first_bin = pool->first_bin + first;
	uint64_t   *packed = pool->packed + (size_t) thread * TABLE_WORDS;
	size_t		target = block->request * columns->n_groups + group;
	pthread_mutex_t *lock = &pool->lock[target % HISTOGRAM_LOCKS];

	if (!job->group_used[group])
		return;
	if (n_columns > ML_GROUP_FEATURES)
		n_columns = ML_GROUP_FEATURES;
	for (size_t i = 0; i < n_columns; i++)
		memset(packed + i * CODES, 0, (first_bin[i + 1] - first_bin[i]) * sizeof(uint64_t));
	add_rows(packed, columns->group[group], n_columns, &request->rows, block->begin, block->end);

	pthread_mutex_lock(lock);
	for (size_t i = 0; i < n_columns; i++)
		flush_column(histogram_of_column(pool, request->slot, first + i), packed + i * CODES,
					 first_bin[i + 1] - first_bin[i], pool->started[target]);
	pool->started[target] = true;
	pthread_mutex_unlock(lock);
}

/* Cuts requests into blocks; O(rows * columns in use) over all threads. */
MlStatus
histogram_build(MlContext *ctx, HistogramPool *pool,
				const HistogramRequest *requests, size_t n, const bool *group_used)
{
	BuildJob	job = {.pool = pool, .requests = requests, .group_used = group_used};
	size_t		n_groups = pool->columns->n_groups;
	size_t		n_blocks = 0;

	for (size_t i = 0; i < n; i++)
	{
		size_t		begin = 0;

		/* once even without rows, so that the sums are set to zero */
		do
		{
			size_t		left = requests[i].rows.n - begin;
			size_t		end = begin + (left < HISTOGRAM_BLOCK_ROWS ? left : HISTOGRAM_BLOCK_ROWS);

			pool->blocks[n_blocks++] = (HistogramBlock)
			{
				.request = (uint32_t) i, .begin = begin, .end = end
			};
			begin = end;
		} while (begin < requests[i].rows.n);
	}
	memset(pool->started, 0, n * n_groups * sizeof(bool));
	return ml_parallel_for(ctx, n_blocks * n_groups, build_task, &job);
}
