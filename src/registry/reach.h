/*
 * reach.h
 *	  One check of what a statement may reach (private to registry).
 *
 * All of these raise an error (42501) for what may not be reached.
 */
#ifndef MLOPS_REGISTRY_REACH_H
#define MLOPS_REGISTRY_REACH_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/* One check.  Lists live in the current memory context. */
typedef struct Reach
{
	Oid			user;			/* with whose rights all of it runs */
	Oid			catalog_owner;	/* InvalidOid: mlops is not installed (any more) */
	bool		relations;		/* whose tables and types they are counts as well */
	bool		harmless;		/* functions that may change something are refused */
	Oid			text_of;		/* view, or table with policies, of a role that user does not trust, whose
								 * text this is part of; InvalidOid: none */
	Oid			recorder;		/* untrusted role whose text the recorded query is; InvalidOid: none */
	bool		in_rule;		/* in a view or policy, whose names were looked up when it was made */
	List	   *authors;		/* recorder, and untrusted owners of the views and policies this is in */
	List	   *trusted;		/* roles that user trusts */
	List	   *seen_types;
	List	   *seen_relations;
} Reach;

/* Does the asker trust the role?  The second refuses an object of one he does not. */
extern bool mlreg_is_trusted(const Reach *reach, Oid owner);
extern void mlreg_require_trust(const Reach *reach, Oid class, Oid object, Oid owner);

extern Oid	mlreg_owner_of_relation(Oid relation);

/* Is what is walked the text of a role that is not trusted? */
extern bool mlreg_is_text_of_other(const Reach *reach);

/* The text that is walked belongs to another role, and would use the asker's rights: detail says how. */
extern void mlreg_refuse_text(const Reach *reach, const char *detail);

/* A function that will be called; also one that is gone, or InvalidOid. */
extern void mlreg_visit_function(Reach *reach, Oid function);

/* Whatever a node itself calls, and the types of the values it holds; not what is below it. */
extern void mlreg_visit_calls(Reach *reach, Node *node);
extern void mlreg_visit_types(Reach *reach, Node *node);

/* An expression as the system catalog stores it. */
extern void mlreg_visit_stored(Reach *reach, const char *text);

/* A relation, which is locked from then on; written: what writing it runs, too. */
extern void mlreg_visit_relation(Reach *reach, Oid oid, bool with_children, bool written);

/* A query or an expression with all below it; NULL is nothing.  Returns false: to go on. */
extern bool mlreg_walk(Node *node, Reach *reach);

#endif							/* MLOPS_REGISTRY_REACH_H */
