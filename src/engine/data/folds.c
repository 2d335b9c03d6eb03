/*-------------------------------------------------------------------------
 * folds.c
 *	  Folds for cross-validation: stratified, by groups, by time.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

/* ---------------------------------------------------------------- stratified */

/* A row with what it is sorted by: a random number, or the hash of its group. */
typedef struct Dealt
{
	uint64_t	key;
	uint32_t	row;
} Dealt;

static int
compare_dealt(const void *a, const void *b)
{
	const Dealt *x = a;
	const Dealt *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/*
 * Each class is shuffled and dealt like cards.  A row's number is one of its place
 * in the canonical order.
 */
MlStatus
ml_folds_stratified(MlContext *ctx, const MlDataset *dataset, const uint32_t *order,
					const float *label, int n_folds, uint64_t seed, uint8_t *fold)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	Dealt	   *dealt = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(Dealt));
	MlStatus	status;
	size_t		next = 0;		/* goes on through both classes, so that folds are even */

	if (dealt == NULL)
		return ml_fail_memory(ctx);
	memset(fold, ML_NO_FOLD, dataset->n_rows);
	for (int class = 1; class >= 0; class--)
	{
		size_t		n = 0;

		for (size_t i = 0; i < dataset->n_rows; i++)
		{
			if (label[order[i]] == (float) class)
				dealt[n++] = (Dealt) {ml_random_u64(seed, (uint64_t) class, i), order[i]};
		}
		status = ml_sort(ctx, dealt, n, sizeof(Dealt), compare_dealt);
		if (status != ML_OK)
			return status;
		for (size_t i = 0; i < n; i++)
			fold[dealt[i].row] = (uint8_t) (next++ % (size_t) n_folds);
		if (ml_check_abort(ctx) != ML_OK)
			return ML_ABORTED;
	}
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---------------------------------------------------------------- grouped */

typedef struct Group
{
	uint64_t	hash;
	uint64_t	shuffle;
	size_t		first;			/* in the rows sorted by hash */
	size_t		rows;
	size_t		positives;
} Group;

/*
 * By falling positives, then falling rows, then at random: what is hard to place
 * goes first.
 */
static int
compare_groups(const void *a, const void *b)
{
	const Group *x = a;
	const Group *y = b;

	if (x->positives != y->positives)
		return x->positives > y->positives ? -1 : 1;
	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	if (x->shuffle != y->shuffle)
		return x->shuffle < y->shuffle ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* The fold with the fewest positives, or with the fewest rows; of equals the first. */
static int
emptiest(const size_t *positives, const size_t *rows, int n_folds, bool by_positives)
{
	int			best = 0;

	for (int f = 1; f < n_folds; f++)
	{
		bool		same = positives[f] == positives[best];

		if (by_positives && !same ? positives[f] < positives[best] : rows[f] < rows[best])
			best = f;
	}
	return best;
}

/*
 * Greedy, largest first, as jobs are dealt to machines (Graham: "Bounds on
 * multiprocessing timing anomalies", SIAM Journal on Applied Mathematics 17, 1969).
 * Groups are hashes: two that share one would be one group.
 */
MlStatus
ml_folds_grouped(MlContext *ctx, const MlDataset *dataset, int group_column, const float *label,
				 int n_folds, uint64_t seed, uint8_t *fold)
{
	const MlColumn *column = &dataset->columns[group_column];
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	Dealt	   *sorted = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(Dealt));
	Group	   *groups = ml_arena_alloc_array(ctx->arena, dataset->n_rows, sizeof(Group));
	size_t		positives[ML_MAX_FOLDS] = {0};
	size_t		rows[ML_MAX_FOLDS] = {0};
	size_t		n = 0;
	size_t		n_groups = 0;
	MlStatus	status;

	if (sorted == NULL || groups == NULL)
		return ml_fail_memory(ctx);
	memset(fold, ML_NO_FOLD, dataset->n_rows);
	for (size_t row = 0; row < dataset->n_rows; row++)
	{
		if (label[row] == label[row])
			sorted[n++] = (Dealt) {ml_column_hash(column, row), (uint32_t) row};
	}
	status = ml_sort(ctx, sorted, n, sizeof(Dealt), compare_dealt);
	if (status != ML_OK)
		return status;
	for (size_t i = 0; i < n; i++)
	{
		if (i == 0 || sorted[i].key != sorted[i - 1].key)
			groups[n_groups++] = (Group) {sorted[i].key, ml_mix64(sorted[i].key ^ ml_mix64(seed)), i, 0, 0};
		groups[n_groups - 1].rows++;
		groups[n_groups - 1].positives += label[sorted[i].row] == 1;
	}
	status = ml_sort(ctx, groups, n_groups, sizeof(Group), compare_groups);
	if (status != ML_OK)
		return status;
	for (size_t g = 0; g < n_groups; g++)
	{
		int			f = emptiest(positives, rows, n_folds, groups[g].positives > 0);

		positives[f] += groups[g].positives;
		rows[f] += groups[g].rows;
		for (size_t i = 0; i < groups[g].rows; i++)
			fold[sorted[groups[g].first + i].row] = (uint8_t) f;
	}
	ml_arena_release(ctx->arena, mark);
	return ML_OK;
}

/* ---------------------------------------------------------------- time */

/* border [n_blocks + 1]; border[n_blocks] is infinite, and without rows all are. */
MlStatus
ml_time_blocks(MlContext *ctx, const MlDataset *dataset, int time_column, const uint32_t *order,
			   const float *label, int n_blocks, double *border)
{
	const MlColumn *time = &dataset->columns[time_column];
	size_t		n = 0;
	size_t		seen = 0;
	int			block = 0;

	for (size_t row = 0; row < dataset->n_rows; row++)
		n += label[row] == label[row] && !isnan(ml_column_number(time, row));
	for (int b = 0; b <= n_blocks; b++)
		border[b] = INFINITY;
	for (size_t i = 0; i < dataset->n_rows; i++)
	{
		if (label[order[i]] != label[order[i]] || isnan(ml_column_number(time, order[i])))
			continue;
		/* a block begins with the first row at or after its share */
		while (block < n_blocks && seen >= (size_t) block * n / (size_t) n_blocks)
			border[block++] = ml_column_number(time, order[i]);
		seen++;
	}
	return ml_check_abort(ctx);
}
