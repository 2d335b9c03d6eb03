/*-------------------------------------------------------------------------
 * verify.h
 *	  States from outside and from tables, checked before they are used.
 *-------------------------------------------------------------------------
 */
#ifndef STATES_VERIFY_H
#define STATES_VERIFY_H

#include "postgres.h"

#include "mlops/compat.h"

/* What is wrong with a state, a varlena in memory of its own; NULL: nothing. */
typedef const char *(*StateProblem) (void *state);

/* Bytes from outside, without the length word, become a value of a type, or an error with this SQLSTATE. */
extern Datum state_from_bytes(const char *type, StateProblem problem, const char *payload, Size size, int sqlstate);

/* A stored value, detoasted and not to be changed; an error (XX001) if it is damaged. */
extern void *state_stored(const char *type, StateProblem problem, Datum datum);

#endif							/* STATES_VERIFY_H */
