/*-------------------------------------------------------------------------
 * partition.c
 *	  Partition of rows in plain C (see partition.h).
 *
 * No branch depends on where a row goes: every other one would be mispredicted.
 *-------------------------------------------------------------------------
 */
#include "engine/learn/partition.h"

size_t
partition_look(const uint8_t *codes, size_t stride, const uint32_t *row, size_t n, const uint8_t left_code[256], uint8_t *goes_left)
{
	size_t		n_left = 0;

	for (size_t i = 0; i < n; i++)
		n_left += goes_left[i] = left_code[codes[row[i] * stride]];
	return n_left;
}

void
partition_move_portable(const uint32_t *row, const uint64_t *gradient, const uint8_t *goes_left, size_t n,
						RowSide left, RowSide right)
{
	size_t		n_left = 0;

	for (size_t i = 0; i < n; i++)
	{
		RowSide		to = goes_left[i] ? left : right;
		size_t		at = goes_left[i] ? n_left : i - n_left;

		to.row[at] = row[i];
		to.gradient[at] = gradient[i];
		n_left += goes_left[i];
	}
}

PartitionMove
partition_choose_move(void)
{
#ifdef PARTITION_AVX512
	if (partition_has_avx512())
		return partition_move_avx512;
#endif
	return partition_move_portable;
}
