/*-------------------------------------------------------------------------
 * json.h
 *	  Reading options out of a jsonb argument: every key is taken by name, a
 *	  key that nobody took is an error that lists the valid ones.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_JSON_H
#define MLOPS_JSON_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A jsonb object being read as options of an argument. */
typedef struct MlOptions
{
	const char *argument;		/* name of the SQL argument, for errors */
	Jsonb	   *object;
	List	   *known;			/* names asked for so far (char *) */
} MlOptions;

/*
 * What a person writes, by far; what is done with options need not be fast then,
 * nor look at interrupts.  An error (54000) for more; json may be NULL.
 */
#define MLJSON_MOST_BYTES 100000
extern void mljson_refuse_large(const char *argument, const Jsonb *json);

/* json may be NULL (no options).  Errors unless it is an object, and not too large. */
extern MlOptions *mljson_options(const char *argument, Jsonb *json);

/* Was the key given (with a value other than null)? */
extern bool mljson_has(MlOptions *options, const char *key);

/*
 * Value of a key; false if it was not given.  A value of another type or out
 * of [minimum, maximum] is an error (SQLSTATE 22023) naming argument, key,
 * value and what is allowed.  Numbers given as text are not accepted.
 */
extern bool mljson_number(MlOptions *options, const char *key,
						  double minimum, double maximum, double *value);
extern bool mljson_integer(MlOptions *options, const char *key,
						   int minimum, int maximum, int *value);
extern bool mljson_bool(MlOptions *options, const char *key, bool *value);
extern bool mljson_text(MlOptions *options, const char *key, char **value);

/* The raw value, NULL if it was not given. */
extern JsonbValue *mljson_value(MlOptions *options, const char *key);

/* The nested object of a key as options of its own; NULL if it was not given. */
extern MlOptions *mljson_object(MlOptions *options, const char *key, const char *example);

/* Keys of the object in jsonb's order: a List of char *. */
extern List *mljson_keys(MlOptions *options);

/* Errors if the object has a key that was never asked for. */
extern void mljson_finish(MlOptions *options);

/* What a value is, for messages: "a string", "an array", "null". */
extern const char *mljson_type_of(const JsonbValue *value);

/* A scalar as text, for messages and for values of any type. */
extern char *mljson_scalar_text(const JsonbValue *value);

#endif							/* MLOPS_JSON_H */
