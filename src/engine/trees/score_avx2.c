/*-------------------------------------------------------------------------
 * score_avx2.c
 *	  Margins of trees in tops by AVX2.
 *
 * Codes are looked up 16 at a time, at 32 nodes; four trees are followed at once.
 *-------------------------------------------------------------------------
 */
#include "tops.h"

#ifdef TREES_HAVE_X86

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,popcnt")))
#define INLINE AVX2 ALWAYS_INLINE

#define MOST_SLOTS 64
#define LANES 4					/* words in a vector */

static bool
runs_here(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

INLINE __m256i
is_below(const double *edges, __m256d bound)
{
	return _mm256_castpd_si256(_mm256_cmp_pd(_mm256_load_pd(edges), bound, _CMP_LT_OQ));
}

/* Comparisons, packed to two bytes each. */
INLINE uint32_t
count_below(const double *edges, double value)
{
	__m256d		bound = _mm256_set1_pd(value);
	__m256i		low = _mm256_packs_epi32(is_below(edges, bound), is_below(edges + 4, bound));
	__m256i		high = _mm256_packs_epi32(is_below(edges + 8, bound), is_below(edges + 12, bound));

	return (uint32_t) _mm_popcnt_u32((uint32_t) _mm256_movemask_epi8(_mm256_packs_epi16(low, high))) / 2;
}

/* A row's codes: each vector holds 16 of them twice. */
typedef struct Tables
{
	__m256i		of[MOST_SLOTS / 16];
	uint32_t	n;				/* 1, 2, 4 */
	bool		missing;		/* is a number missing? */
} Tables;

/* Codes at 32 nodes.  A shuffle takes the lowest four bits; the next ones choose the table. */
INLINE __m256i
codes_at(const Tables *tables, __m256i slot)
{
	__m256i		bit_4 = _mm256_slli_epi16(slot, 3);
	__m256i		first = _mm256_shuffle_epi8(tables->of[0], slot);
	__m256i		last;

	if (tables->n == 1)
		return first;
	first = _mm256_blendv_epi8(first, _mm256_shuffle_epi8(tables->of[1], slot), bit_4);
	if (tables->n == 2)
		return first;
	last = _mm256_blendv_epi8(_mm256_shuffle_epi8(tables->of[2], slot), _mm256_shuffle_epi8(tables->of[3], slot), bit_4);
	return _mm256_blendv_epi8(first, last, _mm256_slli_epi16(slot, 2));
}

/* The signs of 64 bytes. */
INLINE uint64_t
signs(__m256i low, __m256i high)
{
	return (uint32_t) _mm256_movemask_epi8(low) | (uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32;
}

/* Signs where a code is not above most. */
INLINE __m256i
goes_left(__m256i code, const uint8_t *most)
{
	__m256i		bound = _mm256_load_si256((const __m256i *) most);

	return _mm256_cmpeq_epi8(_mm256_max_epu8(code, bound), bound);
}

INLINE uint64_t
word_of(const Tops *t, uint32_t tree, const Tables *tables)
{
	const Top  *top = &t->tops[tree];
	__m256i		low = codes_at(tables, _mm256_load_si256((const __m256i *) top->slot));
	__m256i		high = codes_at(tables, _mm256_load_si256((const __m256i *) (top->slot + 32)));
	__m256i		zero = _mm256_setzero_si256();
	uint64_t	word = ~signs(goes_left(low, top->most), goes_left(high, top->most + 32));

	if (tables->missing)
		word |= signs(_mm256_cmpeq_epi8(low, zero), _mm256_cmpeq_epi8(high, zero)) & t->missing_right[tree];
	return word;
}

/* What a row's categories add to the words of four trees. */
INLINE __m256i
add_categories(const Tops *t, uint32_t tree, const uint8_t *codes, __m256i word)
{
	for (uint32_t c = 0; c < t->n_categorical; c++)
	{
		uint32_t	s = t->categorical[c];
		const uint64_t *ways = t->slots[s].ways + (size_t) codes[s] * t->n_steps + tree;

		word = _mm256_or_si256(word, _mm256_load_si256((const __m256i *) ways));
	}
	return word;
}

/* The exits that four words lead to, 0 .. 63. */
INLINE __m256i
exits_of(__m256i word)
{
	__m256i		one = _mm256_set1_epi64x(1);
	__m256i		at = one;

	for (int level = 0; level < TOP_LEVELS; level++)
		at = _mm256_add_epi64(_mm256_add_epi64(at, at), _mm256_and_si256(_mm256_srlv_epi64(word, at), one));
	return _mm256_sub_epi64(at, _mm256_set1_epi64x(TOP_NODES));
}

INLINE double
margin_of_codes(const Tops *t, const uint8_t *codes, bool missing, uint32_t n_tables)
{
	double		sum = t->trees.base;
	Tables		tables = {.n = n_tables, .missing = missing};

	for (uint32_t i = 0; i < n_tables; i++)
		tables.of[i] = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *) (codes + 16 * i)));
	for (uint32_t first = 0; first < t->n_steps; first += TREES_IN_STEP)
	{
		uint64_t	word[TREES_IN_STEP] __attribute__((aligned(32)));
		uint64_t	exit[TREES_IN_STEP] __attribute__((aligned(32)));

		for (uint32_t k = 0; k < TREES_IN_STEP; k++)
			word[k] = word_of(t, first + k, &tables);
		for (uint32_t k = 0; k < TREES_IN_STEP; k += LANES)
			_mm256_store_si256((__m256i *) (exit + k),
							   exits_of(add_categories(t, first + k, codes, _mm256_load_si256((const __m256i *) (word + k)))));
		if (t->leaves)
		{
			for (uint32_t k = 0; k < TREES_IN_STEP; k++)
				sum += t->leaves[first + k][exit[k]];
		}
		else
		{
			uint32_t	at[TREES_IN_STEP];

			for (uint32_t k = 0; k < TREES_IN_STEP; k++)
				at[k] = t->nodes[first + k][exit[k]];
			sum = trees_add_rest(&t->trees, first, at, t->rest, codes, sum);
		}
	}
	return sum;
}

AVX2 static void
margins(const MlModel *m, const Tops *t, size_t n, const MlValue *values, void *scratch, double *margin)
{
	uint8_t    *codes = aligned_codes(scratch);

	for (size_t i = 0; i < n; i++)
	{
		bool		missing = find_codes(m, t, values + i * m->n_inputs, codes, count_below);

		if (t->trees.n_slots <= 16)
			margin[i] = margin_of_codes(t, codes, missing, 1);
		else if (t->trees.n_slots <= 32)
			margin[i] = margin_of_codes(t, codes, missing, 2);
		else
			margin[i] = margin_of_codes(t, codes, missing, 4);
	}
}

const Kernel trees_kernel_avx2 = {"AVX2", MOST_SLOTS, runs_here, margins};

#endif
