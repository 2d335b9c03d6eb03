/*-------------------------------------------------------------------------
 * histogram.h
 *	  Sums of gradients and hessians for every code of every column, over
 *	  the rows of a tree node.
 *
 * Gradients are integers ("quanta", see logistic_loss.h), so sums are exact,
 * a sibling is its parent minus the other child without any loss, and neither
 * the order of rows nor the number of threads can change a result.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_HISTOGRAM_H
#define MLOPS_LEARN_HISTOGRAM_H

#include <pthread.h>

#include "engine/learn/workspace.h"
#include "mlops/engine/data.h"

/*
 * A row's gradient and hessian in one word: gradient (signed, |g| < 2^17) in
 * the high half, hessian (h < 2^18) in the low half.  One addition adds both,
 * and up to HISTOGRAM_BLOCK_ROWS words can be added up before a half overflows.
 */
#define HISTOGRAM_BLOCK_ROWS 16384
#define GRADIENT_BITS 17
#define HESSIAN_BITS 18

typedef struct GradientSum
{
	int64_t		gradient;		/* quanta */
	int64_t		hessian;		/* quanta */
} GradientSum;

/*
 * |gradient| < 2^17, hessian < 2^18: sums of packed words never carry from the low
 * half to the high one.
 */
static inline uint64_t
gradient_pack(int32_t gradient, uint32_t hessian)
{
	return ((uint64_t) (uint32_t) gradient << 32) | hessian;
}

/* Both halves of a word, or of a sum of up to HISTOGRAM_BLOCK_ROWS words. */
static inline GradientSum
gradient_unpack(uint64_t packed)
{
	return (GradientSum)
	{
		.gradient = (int32_t) (packed >> 32), .hessian = (uint32_t) packed
	};
}

static inline GradientSum
gradient_sum_add(GradientSum a, GradientSum b)
{
	return (GradientSum)
	{
		.gradient = a.gradient + b.gradient, .hessian = a.hessian + b.hessian
	};
}

static inline GradientSum
gradient_sum_subtract(GradientSum a, GradientSum b)
{
	return (GradientSum)
	{
		.gradient = a.gradient - b.gradient, .hessian = a.hessian - b.hessian
	};
}

/* The rows of a node: numbers in a matrix, and their packed gradients. */
typedef struct RowList
{
	const uint32_t *row;		/* NULL: rows 0 .. n-1 */
	const uint64_t *gradient;	/* [n] in the list's order */
	size_t		n;
} RowList;

/* A histogram that is wanted. */
typedef struct HistogramRequest
{
	int			slot;
	RowList		rows;
} HistogramRequest;

/* A part of a request that one task adds up. */
typedef struct HistogramBlock
{
	uint32_t	request;
	size_t		begin;
	size_t		end;
} HistogramBlock;

#define HISTOGRAM_LOCKS 64

/*
 * A bounded pool of histograms.  A histogram holds, column after column, one sum for
 * each code.
 */
typedef struct HistogramPool
{
	const MlBinned *columns;	/* its features are what we call columns: see bundles.h */
	const uint32_t *first_bin;	/* [columns + 1] where a column's sums begin */
	size_t		n_bins;			/* room for sums in a histogram */
	GradientSum *sums;			/* [n_slots][n_bins] */
	int			n_slots;
	int		   *free_slot;		/* [n_slots] a stack */
	int			n_free;
	uint64_t   *packed;			/* [n_threads][16 * 256] one group's sums, in L1 cache */
	bool	   *started;		/* [n_slots * n_groups] by request: holds sums already */
	HistogramBlock *blocks;		/* [n_rows / HISTOGRAM_BLOCK_ROWS + n_slots] */
	pthread_mutex_t lock[HISTOGRAM_LOCKS];	/* of (request, group), by hash */
} HistogramPool;

/* How many slots fit the pool's memory if `wanted` would be best; at least 4. */
extern int	histogram_pool_slots(size_t wanted, size_t n_bins);

/* Lays the pool out; columns and first_bin are the caller's to set. */
extern void histogram_pool_allocate(HistogramPool *pool, Workspace *workspace,
									size_t n_rows, size_t n_groups, size_t n_bins,
									int n_slots, int n_threads);

/* Before the first use, and after the last. */
extern void histogram_pool_open(HistogramPool *pool);
extern void histogram_pool_close(HistogramPool *pool);

/* All slots become free. */
extern void histogram_pool_reset(HistogramPool *pool);

/* There must be a free one (n_free > 0): see take_slot in tree_grower.c. */
static inline int
histogram_take_slot(HistogramPool *pool)
{
	return pool->free_slot[--pool->n_free];
}

static inline void
histogram_free_slot(HistogramPool *pool, int slot)
{
	pool->free_slot[pool->n_free++] = slot;
}

/* Sums of the column's codes in a slot; they belong to the pool. */
static inline GradientSum *
histogram_of_column(const HistogramPool *pool, int slot, size_t column)
{
	return pool->sums + (size_t) slot * pool->n_bins + pool->first_bin[column];
}

/* Takes n sums from as many others, one by one. */
extern void histogram_subtract(GradientSum *restrict from, const GradientSum *restrict what, size_t n);

/*
 * Fills the histograms of n requests, at most one a slot; the requests' rows
 * together are no more than the rows of the matrix.  Groups whose entry in
 * group_used is false are left out (contents undefined).  Errors: ML_ABORTED.
 */
extern MlStatus histogram_build(MlContext *ctx, HistogramPool *pool,
								const HistogramRequest *requests, size_t n,
								const bool *group_used);

#endif							/* MLOPS_LEARN_HISTOGRAM_H */
