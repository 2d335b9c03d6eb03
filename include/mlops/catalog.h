/*-------------------------------------------------------------------------
 * catalog.h
 *	  Typed access to the tables of schema mlops_catalog.
 *
 * Reads are index scans with a fresh catalog snapshot, like PostgreSQL's own
 * look-ups of its catalog: no SPI, no privileges needed, and allowed in
 * parallel workers and on standbys.  Writes are SQL run as the owner of the
 * catalog; whoever calls them has checked the user's right to do so.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_CATALOG_H
#define MLOPS_CATALOG_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* ---------------------------------------------------------------- reads */

typedef struct MlCatalogModel
{
	int64		model_id;
	Oid			owner;
} MlCatalogModel;

typedef struct MlCatalogVersion
{
	int64		version_id;
	int64		model_id;
	int32		version;
	double		threshold;
	int64		size;
	uint8		sha256[32];
	char		target[NAMEDATALEN];
	char	   *positive;		/* NULL: boolean or 0/1; in the caller's context */
	bool		uncommitted;	/* made or changed by this transaction */
} MlCatalogVersion;

/* What part of a model's traffic a variant answers. */
typedef enum MlRouteKind
{
	ML_ROUTE_SEGMENT,			/* rows that fit its rule */
	ML_ROUTE_SHARE,				/* a share of the rest, by a hash of the key */
	ML_ROUTE_SHADOW				/* none: its scores are logged, never returned */
} MlRouteKind;

typedef struct MlCatalogRoute
{
	char	   *variant;
	int64		version_id;
	double		percent;		/* ML_ROUTE_SHARE */
	bool		has_threshold;
	double		threshold;
	int64		deployment_id;
	MlRouteKind kind;
	int32		position;		/* order within its kind */
	char	   *key;			/* column whose hash chooses the share, NULL: none */
	Jsonb	   *rule;			/* ML_ROUTE_SEGMENT */
	Jsonb	   *rule_types;		/* of its columns, as recorded; NULL: not known */
} MlCatalogRoute;

/*
 * A worker serves the extension that it was started for.  One that was dropped and
 * created anew has the same names, and numbers from 1 on, but is another one.
 *
 * Serves the one there is now (InvalidOid), or one that is known by its OID.  False
 * if there is none, or not this one.  Then, at the beginning of each transaction
 * that reads or writes the catalog: is it still there?  If so it stays until the
 * transaction ends.
 */
extern bool mlcat_serve(Oid extension);
extern bool mlcat_keep_served(void);
extern void mlcat_require_served(void); /* an error if not */
extern Oid	mlcat_served(void);

/* That the catalog is of another version than the library; NULL: it is not. */
extern char *mlcat_update_due(void);

/*
 * Whoever learns for long keeps the extension until the transaction ends; its OID,
 * InvalidOid if this transaction created it: then nobody else sees it, to drop it.
 */
extern Oid	mlcat_keep(void);

/*
 * In a worker of theirs, who must not wait for whom its leader holds up: an error
 * unless it is still there (InvalidOid: not looked at).
 */
extern void mlcat_serve_at_once(Oid extension);

/* OID of a catalog table; an error with a hint if the extension is not there. */
extern Oid	mlcat_relation(const char *table);

/* Role that owns the catalog. */
extern Oid	mlcat_owner(void);

/* False if there is no such row. */
extern bool mlcat_model_by_name(const char *name, MlCatalogModel *model);
extern bool mlcat_model_by_id(int64 model_id, MlCatalogModel *model);
extern bool mlcat_version_by_number(int64 model_id, int32 version, MlCatalogVersion *out);
extern bool mlcat_version_by_id(int64 version_id, MlCatalogVersion *out);
extern bool mlcat_version_by_alias(int64 model_id, const char *alias, MlCatalogVersion *out);

/* The variants that answer for a model now: a List of MlCatalogRoute *, in
 * order of kind and position, without shadows that are paused. */
extern List *mlcat_routes(int64 model_id);

/* A privilege on a model that a role was given. */
typedef struct MlCatalogGrant
{
	Oid			role;			/* InvalidOid: PUBLIC */
	char	   *privilege;
} MlCatalogGrant;

/* All grants on a model: a List of MlCatalogGrant *. */
extern List *mlcat_grants(int64 model_id);

/* The roles whose code and tables a role has said it trusts: a List of OIDs. */
extern List *mlcat_trusted(Oid role);

/*
 * Copies the parts of a version's bytes to bytes [size]; false if some are
 * missing or they do not add up to size.
 */
extern bool mlcat_read_artifact(int64 version_id, uint8 *bytes, size_t size);

/* ---------------------------------------------------------------- locks */

/*
 * Locks a number (a row's identity, a hash) of a catalog table until the
 * transaction ends; false if another session has it.  Unlike an advisory lock it
 * is none that a user can name, and so take.  48 bits of the number count.
 */
extern bool mlcat_try_lock(const char *relation, uint64 id);

/*
 * The same, waiting for ten seconds at most: then, or after lock_timeout, an error
 * "cannot <purpose>" that names who has it.  Shared locks do not exclude each other.
 */
extern void mlcat_lock(const char *relation, uint64 id, bool shared, const char *purpose);

/*
 * Locks a name that is to be added to a unique index.  Who adds it without waits
 * for whoever has added it, and has not committed, for ever.
 */
extern void mlcat_lock_name(const char *index, const char *name, const char *purpose);

/* ---------------------------------------------------------------- writes */

/*
 * Runs SQL on the catalog as its owner.  parameters: NULL pointers in nulls
 * ('n' / ' ', may be NULL).  Between mlcat_begin and mlcat_end the current
 * user is the catalog's owner, search_path is pg_catalog alone and SPI is
 * connected; nothing of the user's may run.
 */
typedef struct MlCatalogScope
{
	Oid			user;
	int			security_context;
	int			nest_level;		/* of settings */
} MlCatalogScope;

extern void mlcat_begin(MlCatalogScope *scope);
extern void mlcat_end(MlCatalogScope *scope);

/* SPI result code is checked; returns the number of rows. */
extern uint64 mlcat_execute(const char *sql, int n, Oid *types, Datum *values,
							const char *nulls);

/* As above for a statement that returns one value in one row. */
extern Datum mlcat_execute_value(const char *sql, int n, Oid *types, Datum *values,
								 const char *nulls, bool *isnull);

#endif							/* MLOPS_CATALOG_H */
