/*
 * as_owner.h
 *	  The function of the same name in mlops_catalog (private to api).
 */
#ifndef MLOPS_API_AS_OWNER_H
#define MLOPS_API_AS_OWNER_H

#include "postgres.h"

#include "fmgr.h"

/* What access.c says: the function of the same name in mlops_catalog, as the owner of the catalog. */
extern Datum mlops_as_owner(PG_FUNCTION_ARGS);

#endif							/* MLOPS_API_AS_OWNER_H */
