/*
 * dictionary.h
 *	  Making and filling dictionaries (private to data).
 */
#ifndef MLOPS_ENGINE_DATA_DICTIONARY_H
#define MLOPS_ENGINE_DATA_DICTIONARY_H

#include "mlops/engine/data.h"

/* An empty dictionary in the arena; NULL when memory is exhausted. */
extern MlDictionary *ml_dictionary_create(MlArena *arena);

/*
 * Code of the bytes, added if new.  Returns false when memory is exhausted.
 */
extern bool ml_dictionary_intern(MlArena *arena, MlDictionary *dictionary,
								 const void *bytes, size_t size, uint32_t *code);

/* Is there a code for the bytes?  Adds nothing. */
extern bool ml_dictionary_find(const MlDictionary *dictionary, const void *bytes, size_t size,
							   uint32_t *code);

#endif							/* MLOPS_ENGINE_DATA_DICTIONARY_H */
