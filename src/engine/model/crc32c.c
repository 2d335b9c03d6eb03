/*-------------------------------------------------------------------------
 * crc32c.c
 *	  CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), by the machine's
 *	  instruction where there is one.
 * The polynomial: Castagnoli, Braeuer, Herrmann, "Optimization of cyclic
 * redundancy-check codes with 24 and 32 parity bits", IEEE Transactions on
 * Communications 41, 1993.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "format.h"

static uint32_t
crc_bitwise(uint32_t crc, const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82F63B78) : 0);
	}
	return crc;
}

#if defined(__x86_64__)
/* Eight bytes an instruction; gives the same as crc_bitwise. */
__attribute__((target("sse4.2")))
static uint32_t
crc_sse42(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t	wide = crc;

	for (; size >= 8; p += 8, size -= 8)
	{
		uint64_t	word;

		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t) wide;
	for (; size > 0; p++, size--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

uint32_t
ml_crc32c(uint32_t crc, const void *bytes, size_t size)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(~crc, bytes, size);
#endif
	return ~crc_bitwise(~crc, bytes, size);
}
