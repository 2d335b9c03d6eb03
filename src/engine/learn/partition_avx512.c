/*-------------------------------------------------------------------------
 * partition_avx512.c
 *	  Moves 16 rows at a time: AVX-512 packs what a mask names together.
 *
 * It packs in a register and stores under a mask of as many: packing into memory
 * is slow on some processors, and a whole store would write into a neighbour's
 * rows.
 *-------------------------------------------------------------------------
 */
#include "engine/learn/partition.h"

#ifdef PARTITION_AVX512

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

bool
partition_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

/* The first n of 16 or fewer. */
static inline unsigned
first_bits(unsigned n)
{
	return (1u << n) - 1;
}

/* Stores the words of 8 that the mask names, one behind the other; returns how many. */
AVX512
static inline unsigned
pack_gradients(uint64_t *to, __mmask8 which, __m512i gradient)
{
	unsigned	n = (unsigned) __builtin_popcount(which);

	_mm512_mask_storeu_epi64(to, (__mmask8) first_bits(n), _mm512_maskz_compress_epi64(which, gradient));
	return n;
}

AVX512
static inline void
pack_rows(uint32_t *to, __mmask16 which, unsigned n, __m512i row)
{
	_mm512_mask_storeu_epi32(to, (__mmask16) first_bits(n), _mm512_maskz_compress_epi32(which, row));
}

AVX512
void
partition_move_avx512(const uint32_t *row, const uint64_t *gradient, const uint8_t *goes_left, size_t n,
					  RowSide left, RowSide right)
{
	size_t		i = 0;

	for (; i + 16 <= n; i += 16)
	{
		__m128i		goes = _mm_loadu_si128((const __m128i *) (goes_left + i));
		__mmask16	to_left = _mm_test_epi8_mask(goes, goes);
		__mmask16	to_right = (__mmask16) ~ to_left;
		unsigned	n_left = (unsigned) __builtin_popcount(to_left);
		__m512i		rows = _mm512_loadu_si512(row + i);
		__m512i		low = _mm512_loadu_si512(gradient + i);
		__m512i		high = _mm512_loadu_si512(gradient + i + 8);

		pack_rows(left.row, to_left, n_left, rows);
		pack_rows(right.row, to_right, 16 - n_left, rows);
		left.row += n_left;
		right.row += 16 - n_left;
		left.gradient += pack_gradients(left.gradient, (__mmask8) to_left, low);
		right.gradient += pack_gradients(right.gradient, (__mmask8) to_right, low);
		left.gradient += pack_gradients(left.gradient, (__mmask8) (to_left >> 8), high);
		right.gradient += pack_gradients(right.gradient, (__mmask8) (to_right >> 8), high);
	}
	partition_move_portable(row + i, gradient + i, goes_left + i, n - i, left, right);
}

#endif							/* PARTITION_AVX512 */
