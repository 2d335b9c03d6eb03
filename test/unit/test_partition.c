/*
 * test_partition.c
 *	  Every way of moving a partition's rows against the portable one, and that against
 *	  what a partition is.
 */
#include "check.h"

#include "engine/learn/partition.h"
#include "mlops/engine/base.h"

#define MOST_ROWS 300
#define MOST_STRIDE 3
#define GUARD 16				/* rows behind each side that must stay as they are */

typedef struct Side
{
	uint32_t	row[MOST_ROWS + GUARD];
	uint64_t	gradient[MOST_ROWS + GUARD];
} Side;

typedef struct Sides
{
	Side		left;
	Side		right;
} Sides;

static uint32_t row[MOST_ROWS];
static uint64_t gradient[MOST_ROWS];
static uint8_t goes_left[MOST_ROWS];

/* Random rows and codes; returns how many go left. */
static size_t
make_rows(uint64_t trial, size_t n, int *wrong)
{
	uint8_t		codes[2 * MOST_ROWS * MOST_STRIDE];
	uint8_t		left_code[256];
	double		share = trial % 7 == 0 ? 1 : trial % 7 == 1 ? 0 : ml_random_uniform(1, trial, 0);
	size_t		stride = 1 + trial % MOST_STRIDE;
	size_t		n_left = 0;

	for (uint64_t c = 0; c < 256; c++)
		left_code[c] = ml_random_uniform(1, trial, 1000 + c) < share;
	for (uint64_t i = 0; i < 2 * n * stride; i++)
		codes[i] = (uint8_t) ml_random_u64(1, trial, 10000 + i);
	for (uint64_t i = 0; i < n; i++)
	{
		row[i] = (uint32_t) (2 * i + (ml_random_u64(1, trial, 3000 + i) & 1));
		gradient[i] = ml_random_u64(1, trial, 4000 + i);
		n_left += left_code[codes[row[i] * stride]];
	}
	*wrong += partition_look(codes, stride, row, n, left_code, goes_left) != n_left;
	for (size_t i = 0; i < n; i++)
		*wrong += goes_left[i] != left_code[codes[row[i] * stride]];
	return n_left;
}

static Sides
move_by(PartitionMove move, size_t n)
{
	Sides		sides;

	memset(&sides, 0xAB, sizeof(sides));
	move(row, gradient, goes_left, n, (RowSide) {sides.left.row, sides.left.gradient},
		 (RowSide) {sides.right.row, sides.right.gradient});
	return sides;
}

/* Row i of those that go to one side is the next there. */
static Sides
move_one_by_one(size_t n)
{
	Sides		sides;
	size_t		at[2] = {0, 0};

	memset(&sides, 0xAB, sizeof(sides));
	for (size_t i = 0; i < n; i++)
	{
		Side	   *side = goes_left[i] ? &sides.left : &sides.right;

		side->row[at[goes_left[i]]] = row[i];
		side->gradient[at[goes_left[i]]++] = gradient[i];
	}
	return sides;
}

static void
test_moves(void)
{
	int			wrong_looks = 0;
	int			wrong_moves = 0;
	int			wrong_choice = 0;
	int			wrong_vectors = 0;
	size_t		lefts = 0;

	for (uint64_t trial = 0; trial < 1000; trial++)
	{
		size_t		n = (size_t) (ml_random_uniform(1, trial, 1) * (MOST_ROWS + 1));
		Sides		right;
		Sides		moved;

		lefts += make_rows(trial, n, &wrong_looks);
		right = move_one_by_one(n);
		moved = move_by(partition_move_portable, n);
		wrong_moves += memcmp(&moved, &right, sizeof(Sides)) != 0;
		moved = move_by(partition_choose_move(), n);
		wrong_choice += memcmp(&moved, &right, sizeof(Sides)) != 0;
#ifdef PARTITION_AVX512
		if (!partition_has_avx512())
			continue;
		moved = move_by(partition_move_avx512, n);
		wrong_vectors += memcmp(&moved, &right, sizeof(Sides)) != 0;
#endif
	}
	CHECK(lefts > 10000, "rows go left (%zu)", lefts);
	CHECK(wrong_looks == 0, "a row goes left by its code (%d do not)", wrong_looks);
	CHECK(wrong_moves == 0, "rows keep their order on either side, and nothing behind is touched (%d moves differ)", wrong_moves);
	CHECK(wrong_choice == 0, "by what this machine has (%d differ)", wrong_choice);
	CHECK(wrong_vectors == 0, "by AVX-512, where there is (%d differ)", wrong_vectors);
}

int
main(void)
{
	test_moves();
	return checks_end();
}
