/*
 * functions.h
 *	  What is known of PostgreSQL's functions that a recorded query may call
 *	  (private to registry).
 */
#ifndef MLOPS_REGISTRY_FUNCTIONS_H
#define MLOPS_REGISTRY_FUNCTIONS_H

#include "postgres.h"

/* Error (42501) for a function that may change something, or reads tables that only a text names. */
extern void mlreg_require_harmless(Oid function);

/* Error (42501) for a function that reads a type that only a number or name tells. */
extern void mlreg_refuse_call_for_any_type(Oid function);

/* Does a function of PostgreSQL answer alike whoever asks?  Does it ask for his name or a setting? */
extern bool mlreg_answers_alike(Oid function);
extern bool mlreg_asks_who(Oid function);

/* Is a function what mlreg_select_json puts around a recorded text? */
extern bool mlreg_is_our_wrapper(Oid function);

/* Are names of a type's values found, and written, by search_path, whichever function does it? */
extern bool mlreg_is_looked_up(Oid type);

#endif							/* MLOPS_REGISTRY_FUNCTIONS_H */
