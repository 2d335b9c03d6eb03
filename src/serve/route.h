/*
 * route.h
 *	  Which variant answers a row (private to serve).
 *
 * A route is made when a model's name is resolved and never changes; a change
 * of the catalog makes the next call resolve anew.
 */
#ifndef MLOPS_SERVE_ROUTE_H
#define MLOPS_SERVE_ROUTE_H

#include "utils/numeric.h"

#include "mlops/serve.h"

/* A value that a column may have: a number, bytes, or NULL. */
typedef struct MlMatch
{
	bool		is_null;
	bool		is_number;
	double		number;			/* by which most are told apart at once */
	Numeric		exact;			/* the same number, not rounded */
	const char *bytes;
	size_t		size;
} MlMatch;

/* What a condition's values are, NULL aside. */
typedef enum MlComparison
{
	ML_COMPARES_NULLS,			/* there is no other */
	ML_COMPARES_NUMBERS,
	ML_COMPARES_TEXTS,
	ML_COMPARES_BOTH			/* which no column can be compared with */
} MlComparison;

/* "column is one of these"; a rule is a list of conditions that all hold. */
typedef struct MlCondition
{
	const char *column;
	MlComparison compares;
	int			n;
	MlMatch    *matches;
	MlRecordedType recorded;	/* of the column when the rule was made; name NULL: not known */
	bool		nan_in_json;	/* asks for NULL alone: is "NaN" in JSON a number that is missing? */
} MlCondition;

/* A variant. */
typedef struct MlVariant
{
	MlResolved	resolved;
	MlCatalogVersion version;	/* of the catalog, to load resolved.served by */
	int			n_conditions;	/* segments */
	MlCondition *conditions;
	uint64		upto;			/* shares: hashes below it that no earlier variant took */
} MlVariant;

struct MlRoute
{
	const char *name;			/* of the model */
	uint64		seed;			/* of the hash of keys */
	const char *key;			/* column, NULL: none */
	int			n_segments;
	int			n_shares;		/* at least 1; the last one takes what is left */
	int			n_shadows;
	MlVariant  *variants;		/* segments, shares, shadows */
};

/* Is there anything to choose from? */
#define ML_ROUTE_CHOOSES(route) ((route)->n_segments + (route)->n_shares > 1)

/* A condition's column in a row type. */
typedef struct MlRuleColumn
{
	int			attribute;		/* from 0; -1: the row has no such column */
	MlConverter converter;		/* of a condition that only asks for NULL unset where NaN cannot be */
	bool		is_number;		/* which may be NaN, and so missing */
	const MlMatch *matches;		/* the condition's, as the column's type writes them */
	MlFault    *unfit;			/* why the column cannot be compared, NULL: it can */
} MlRuleColumn;

/* Where key and rules find their columns in a row type. */
typedef struct MlRouteMap
{
	int			key_attribute;	/* from 0; -1: the row has no such column */
	MlKeyReader key;
	int			n_columns;		/* of all conditions, in order */
	MlRuleColumn *columns;
} MlRouteMap;

/*
 * The first segment whose rule could not be compared with a row, and why.  Such
 * a segment is passed over: no rule makes a payment fail.
 */
typedef struct MlPassedOver
{
	int			segment;		/* index of its variant */
	MlFault		fault;			/* none: no segment was passed over */
} MlPassedOver;

/*
 * The route of a model from its rows in the catalog.  No model is loaded: one
 * variant that cannot be is no concern of the others.  Error: none deployed.
 */
extern MlRoute *mlserve_make_route(const char *name, int64 model_id);

/*
 * Loads a variant's model, and keeps it until context is reset.  Errors: dropped
 * meanwhile, corrupt (see mlserve_cached_model for elevel).
 */
extern MlServedModel *mlserve_load_variant(const MlRoute *route, MlVariant *variant, int elevel, MemoryContext context);

/* The variant that takes what no other one does. */
#define ML_MAIN_VARIANT(route) ((route)->n_segments + (route)->n_shares - 1)

/* The route that has one model and no key. */
extern MlRoute *mlserve_single_route(const char *name, MlServedModel *served);

/* The route that has one version, whatever is deployed. */
extern MlRoute *mlserve_version_route(const char *name, const MlCatalogVersion *version);

/*
 * Maps key and rules to a row type.  Error: a key of a type that cannot be one.
 * Allocated in the current memory context.
 */
extern MlRouteMap *mlserve_map_route(const MlRoute *route, TupleDesc desc);

/*
 * Index of the variant that answers a row.  key is taken when the row has no key
 * column; without one and with more than one share it is an error.
 */
extern int	mlserve_choose_for_row(const MlRoute *route, MlRouteMap *map, const Datum *datums,
								   const bool *nulls, const text *key, MlPassedOver *passed);
extern int	mlserve_choose_for_json(const MlRoute *route, Jsonb *json, const text *key,
									MlPassedOver *passed);

/* Bytes of a JSON object's key as a new text, NULL if it has none. */
extern text *mlserve_json_key(const MlRoute *route, Jsonb *json);

#endif							/* MLOPS_SERVE_ROUTE_H */
