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

/* Does a function of PostgreSQL of this name answer by who asks, or by what that one may do? */
extern bool mlreg_asks_who(const char *name);
extern bool mlreg_asks_rights(const char *name);

#endif							/* MLOPS_REGISTRY_FUNCTIONS_H */
