/*-------------------------------------------------------------------------
 * score_avx512.c
 *	  Margins of trees in tops by AVX-512 with VBMI (Ice Lake, Zen 4 and later).
 *
 * A register holds 64 codes, so the codes at all nodes of a top are one permutation of
 * bytes.  Of a block, several rows are compared with a top at once.
 *-------------------------------------------------------------------------
 */
#include "tops.h"

#ifdef TREES_HAVE_X86

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")))
#define INLINE AVX512 ALWAYS_INLINE

/* Words are read long after they are written: a vector cannot be read while its parts are on their way. */
#define TREES_OF_BATCH 64

static bool
runs_here(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("popcnt");
}

INLINE uint32_t
count_below(const double *edges, double value)
{
	__m512d		bound = _mm512_set1_pd(value);
	__mmask8	low = _mm512_cmp_pd_mask(_mm512_load_pd(edges), bound, _CMP_LT_OQ);
	__mmask8	high = _mm512_cmp_pd_mask(_mm512_load_pd(edges + 8), bound, _CMP_LT_OQ);

	return (uint32_t) _mm_popcnt_u32(_mm512_kunpackb(high, low));
}

/* A row's codes at the nodes of a top; n_vectors (1, 2, 4) of 64 codes. */
INLINE __m512i
codes_at(const uint8_t *codes, __m512i slot, uint32_t n_vectors)
{
	__m512i		first;
	__m512i		last;

	if (n_vectors == 1)
		return _mm512_permutexvar_epi8(slot, _mm512_load_si512(codes));
	first = _mm512_permutex2var_epi8(_mm512_load_si512(codes), slot, _mm512_load_si512(codes + 64));
	if (n_vectors == 2)
		return first;
	last = _mm512_permutex2var_epi8(_mm512_load_si512(codes + 128), slot, _mm512_load_si512(codes + 192));
	return _mm512_mask_blend_epi8(_mm512_movepi8_mask(slot), first, last);
}

/*
 * Words of a batch of trees: word [n_rows][TREES_OF_BATCH], codes [n_rows].  missing: is a
 * number of any row missing?
 */
INLINE void
find_words(const Tops *t, uint32_t first, uint32_t n, uint32_t n_rows, const uint8_t *codes, bool missing,
		   uint32_t n_vectors, uint64_t (*word)[TREES_OF_BATCH])
{
	for (uint32_t k = 0; k < n; k++)
	{
		__m512i		slot = _mm512_load_si512(t->tops[first + k].slot);
		__m512i		most = _mm512_load_si512(t->tops[first + k].most);

		for (uint32_t row = 0; row < n_rows; row++)
		{
			__m512i		code = codes_at(codes + row * 64 * n_vectors, slot, n_vectors);

			word[row][k] = _cvtmask64_u64(_mm512_cmpgt_epu8_mask(code, most));
			if (missing)
				word[row][k] |= _cvtmask64_u64(_mm512_testn_epi8_mask(code, code)) & t->missing_right[first + k];
		}
	}
}

/* What a row's categories add. */
INLINE void
add_categories(const Tops *t, uint32_t first, uint32_t n, const uint8_t *codes, uint64_t *word)
{
	for (uint32_t c = 0; c < t->n_categorical; c++)
	{
		uint32_t	s = t->categorical[c];
		const uint64_t *ways = t->slots[s].ways + (size_t) codes[s] * t->n_steps + first;

		for (uint32_t k = 0; k < n; k += TREES_IN_STEP)
			_mm512_store_si512(word + k, _mm512_or_si512(_mm512_load_si512(word + k), _mm512_loadu_si512(ways + k)));
	}
}

/* The exits that eight words lead to, 0 .. 63. */
INLINE __m512i
exits_of(__m512i word)
{
	__m512i		one = _mm512_set1_epi64(1);
	__m512i		at = one;

	for (int level = 0; level < TOP_LEVELS; level++)
		at = _mm512_add_epi64(_mm512_add_epi64(at, at), _mm512_and_si512(_mm512_srlv_epi64(word, at), one));
	return _mm512_sub_epi64(at, _mm512_set1_epi64(TOP_NODES));
}

/* Values of a batch of trees added to a row's sum, in their order. */
INLINE double
add_values(const Tops *t, uint32_t first, uint32_t n, const uint8_t *codes, const uint64_t *word, double sum)
{
	__m512i		place = _mm512_set_epi64(7 * TOP_NODES, 6 * TOP_NODES, 5 * TOP_NODES, 4 * TOP_NODES, 3 * TOP_NODES, 2 * TOP_NODES, TOP_NODES, 0);

	for (uint32_t k = 0; k < n; k += TREES_IN_STEP)
	{
		__m512i		exit = _mm512_add_epi64(place, exits_of(_mm512_load_si512(word + k)));

		if (t->leaves)
		{
			double		value[TREES_IN_STEP] __attribute__((aligned(64)));

			_mm512_store_pd(value, _mm512_i64gather_pd(exit, t->leaves[first + k], sizeof(double)));
			for (int j = 0; j < TREES_IN_STEP; j++)
				sum += value[j];
		}
		else
		{
			uint32_t	at[TREES_IN_STEP] __attribute__((aligned(32)));

			_mm256_store_si256((__m256i *) at, _mm512_i64gather_epi32(exit, t->nodes[first + k], sizeof(uint32_t)));
			sum = trees_add_rest(&t->trees, first + k, at, t->rest, codes, sum);
		}
	}
	return sum;
}

INLINE void
margins_of_codes(const Tops *t, uint32_t n_rows, const uint8_t *codes, bool missing, uint32_t n_vectors, double *margin)
{
	for (uint32_t row = 0; row < n_rows; row++)
		margin[row] = t->trees.base;
	for (uint32_t first = 0; first < t->n_steps; first += TREES_OF_BATCH)
	{
		uint64_t	word[ROWS_IN_STEP][TREES_OF_BATCH] __attribute__((aligned(64)));
		uint32_t	n = t->n_steps - first < TREES_OF_BATCH ? t->n_steps - first : TREES_OF_BATCH;

		find_words(t, first, n, n_rows, codes, missing, n_vectors, word);
		for (uint32_t row = 0; row < n_rows; row++)
		{
			add_categories(t, first, n, codes + row * 64 * n_vectors, word[row]);
			margin[row] = add_values(t, first, n, codes + row * 64 * n_vectors, word[row], margin[row]);
		}
	}
}

/* Up to ROWS_IN_STEP rows, all of which but one are taken together or one by one. */
INLINE void
margins_of_rows(const Tops *t, uint32_t n_rows, const uint8_t *codes, bool missing, uint32_t n_vectors, double *margin)
{
	if (n_rows == ROWS_IN_STEP)
		margins_of_codes(t, ROWS_IN_STEP, codes, missing, n_vectors, margin);
	else
	{
		for (uint32_t row = 0; row < n_rows; row++)
			margins_of_codes(t, 1, codes + row * 64 * n_vectors, missing, n_vectors, margin + row);
	}
}

AVX512 static void
margins(const MlModel *m, const Tops *t, size_t n, const MlValue *values, void *scratch, double *margin)
{
	uint8_t    *codes = aligned_codes(scratch);
	size_t		row_codes = ROW_CODES(t->trees.n_slots);

	for (size_t i = 0; i < n; i += ROWS_IN_STEP)
	{
		uint32_t	n_rows = n - i < ROWS_IN_STEP ? (uint32_t) (n - i) : ROWS_IN_STEP;
		bool		missing = false;

		for (uint32_t row = 0; row < n_rows; row++)
			missing |= find_codes(m, t, values + (i + row) * m->n_inputs, codes + row * row_codes, count_below);
		if (row_codes == 64)
			margins_of_rows(t, n_rows, codes, missing, 1, margin + i);
		else if (row_codes == 128)
			margins_of_rows(t, n_rows, codes, missing, 2, margin + i);
		else
			margins_of_rows(t, n_rows, codes, missing, 4, margin + i);
	}
}

const Kernel trees_kernel_avx512 = {"AVX-512", MOST_TOP_SLOTS, runs_here, margins};

#endif
