/*-------------------------------------------------------------------------
 * dictionary.c
 *	  Distinct byte strings numbered in order of first sight: open addressing
 *	  with linear probing over a power of two of slots, at most half full.
 *
 * Growing leaves the old tables in the arena: together they are as large as
 * the last one.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

#define FIRST_SLOTS 64
#define FREE_SLOT UINT32_MAX

typedef struct Entry
{
	const char *bytes;
	uint64_t	hash;
	uint32_t	size;
} Entry;

struct MlDictionary
{
	uint32_t	n;
	uint32_t	n_slots;
	uint32_t   *slots;			/* [n_slots] codes or FREE_SLOT */
	Entry	   *entries;		/* [n_slots / 2] */
};

/*
 * Sets up tables of n_slots and moves the entries over; false when memory is
 * exhausted, the dictionary as it was.
 */
static bool
resize(MlArena *arena, MlDictionary *dictionary, uint32_t n_slots)
{
	uint32_t   *slots = ml_arena_alloc_array(arena, n_slots, sizeof(uint32_t));
	Entry	   *entries = ml_arena_alloc_array(arena, n_slots / 2, sizeof(Entry));

	if (slots == NULL || entries == NULL)
		return false;
	memset(slots, 0xFF, (size_t) n_slots * sizeof(uint32_t));
	for (uint32_t code = 0; code < dictionary->n; code++)
	{
		uint32_t	slot = (uint32_t) dictionary->entries[code].hash & (n_slots - 1);

		while (slots[slot] != FREE_SLOT)
			slot = (slot + 1) & (n_slots - 1);
		slots[slot] = code;
		entries[code] = dictionary->entries[code];
	}
	dictionary->n_slots = n_slots;
	dictionary->slots = slots;
	dictionary->entries = entries;
	return true;
}

MlDictionary *
ml_dictionary_create(MlArena *arena)
{
	MlDictionary *dictionary = ml_arena_alloc_zeroed(arena, 1, sizeof(MlDictionary));

	if (dictionary == NULL || !resize(arena, dictionary, FIRST_SLOTS))
		return NULL;
	return dictionary;
}

/*
 * The slot that holds the bytes, or the free one where they would go: half of the
 * slots are free, so there is one.
 */
static uint32_t
find_slot(const MlDictionary *dictionary, uint64_t hash, const void *bytes, size_t size)
{
	uint32_t	slot = (uint32_t) hash & (dictionary->n_slots - 1);

	while (dictionary->slots[slot] != FREE_SLOT)
	{
		const Entry *entry = &dictionary->entries[dictionary->slots[slot]];

		if (entry->hash == hash && entry->size == size && memcmp(entry->bytes, bytes, size) == 0)
			break;
		slot = (slot + 1) & (dictionary->n_slots - 1);
	}
	return slot;
}

bool
ml_dictionary_find(const MlDictionary *dictionary, const void *bytes, size_t size, uint32_t *code)
{
	*code = dictionary->slots[find_slot(dictionary, ml_hash_bytes(bytes, size, 0), bytes, size)];
	return *code != FREE_SLOT;
}

/* O(1) on average; the bytes are copied into the arena. */
bool
ml_dictionary_intern(MlArena *arena, MlDictionary *dictionary,
					 const void *bytes, size_t size, uint32_t *code)
{
	uint64_t	hash = ml_hash_bytes(bytes, size, 0);
	uint32_t	slot = find_slot(dictionary, hash, bytes, size);
	Entry	   *entry;

	*code = dictionary->slots[slot];
	if (*code != FREE_SLOT)
		return true;
	if (dictionary->n == dictionary->n_slots / 2)
	{
		if (!resize(arena, dictionary, dictionary->n_slots * 2))
			return false;
		slot = find_slot(dictionary, hash, bytes, size);
	}
	entry = &dictionary->entries[dictionary->n];
	entry->bytes = ml_arena_memdup(arena, bytes, size);
	if (entry->bytes == NULL)
		return false;
	entry->hash = hash;
	entry->size = (uint32_t) size;
	*code = dictionary->n;
	dictionary->slots[slot] = dictionary->n++;
	return true;
}

uint32_t
ml_dictionary_size(const MlDictionary *dictionary)
{
	return dictionary->n;
}

const char *
ml_dictionary_bytes(const MlDictionary *dictionary, uint32_t code, size_t *size)
{
	*size = dictionary->entries[code].size;
	return dictionary->entries[code].bytes;
}
