/*-------------------------------------------------------------------------
 * random.c
 *	  Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw:
 *	  "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and a hash.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/engine/base.h"

#define PHILOX_ROUNDS 10
#define PHILOX_M0 UINT32_C(0xD2511F53)
#define PHILOX_M1 UINT32_C(0xCD9E8D57)
#define PHILOX_W0 UINT32_C(0x9E3779B9)
#define PHILOX_W1 UINT32_C(0xBB67AE85)

/*
 * One block of 128 bits; counter and stream are the input, seed the key.  Ten
 * rounds of two multiplications each; for each key a bijection of the other two.
 */
static void
philox(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t out[2])
{
	uint32_t	c0 = (uint32_t) counter;
	uint32_t	c1 = (uint32_t) (counter >> 32);
	uint32_t	c2 = (uint32_t) stream;
	uint32_t	c3 = (uint32_t) (stream >> 32);
	uint32_t	k0 = (uint32_t) seed;
	uint32_t	k1 = (uint32_t) (seed >> 32);

	for (int round = 0; round < PHILOX_ROUNDS; round++)
	{
		uint64_t	p0 = (uint64_t) PHILOX_M0 * c0;
		uint64_t	p1 = (uint64_t) PHILOX_M1 * c2;

		c0 = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t) p1;
		c2 = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t) p0;
		k0 += PHILOX_W0;
		k1 += PHILOX_W1;
	}
	out[0] = ((uint64_t) c1 << 32) | c0;
	out[1] = ((uint64_t) c3 << 32) | c2;
}

uint64_t
ml_random_u64(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint64_t	out[2];

	philox(seed, stream, counter, out);
	return out[0];
}

double
ml_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
	return (double) (ml_random_u64(seed, stream, counter) >> 11) * 0x1p-53;
}

/*
 * Both words of one block: u in (0, 1], so that its logarithm is finite, and v in
 * [0, 1).
 */
double
ml_random_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint64_t	out[2];
	double		u;
	double		v;

	philox(seed, stream, counter, out);
	u = ((double) (out[0] >> 11) + 1.0) * 0x1p-53; /* in (0, 1] */
	v = (double) (out[1] >> 11) * 0x1p-53;
	return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

/*
 * Eight bytes a step; the size is part of the seed, so that zeros at the end count.
 * Differs between byte orders.
 */
uint64_t
ml_hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t	hash = ml_mix64(seed ^ (uint64_t) size);
	uint64_t	word = 0;

	while (size >= sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		hash = ml_mix64(hash ^ word);
		p += sizeof(word);
		size -= sizeof(word);
	}
	word = 0;
	if (size > 0)
		memcpy(&word, p, size);
	return ml_mix64(hash ^ word);
}
