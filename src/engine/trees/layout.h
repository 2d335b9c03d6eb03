/*-------------------------------------------------------------------------
 * layout.h
 *	  Sums of trees in the model bytes (private to trees; docs/model-format.md says
 *	  the same in words).
 *
 * Trees are laid out breadth first; only features and edges that splits use are
 * kept for scoring.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_TREES_LAYOUT_H
#define MLOPS_ENGINE_TREES_LAYOUT_H

#include "mlops/engine/family.h"
#include "mlops/engine/trees.h"

typedef enum TreesSection
{
	TREES_BASE,					/* double[1]: the margin before the first tree */
	TREES_SLOTS,				/* SlotRecord[n_slots] */
	TREES_EDGES,				/* double[], the slots' one after the other */
	TREES_TREES,				/* TreeRecord[n_trees] */
	TREES_NODES,				/* uint64[n_nodes], see node_pack */
	TREES_VALUES,				/* double[n_nodes]: leaf values; a categorical node's place holds the number
								 * of its set (uint64) */
	TREES_SETS,					/* uint64[4][n_sets] */
	TREES_DETAILS,				/* DetailRecord[n_nodes] */
	TREES_SECTIONS
} TreesSection;

/* A feature that some split uses, with only the edges that splits use. */
typedef struct SlotRecord
{
	uint32_t	feature;
	uint32_t	first_edge;		/* in TREES_EDGES */
	uint32_t	n_edges;		/* 0 for categories */
	uint32_t	zero;
} SlotRecord;

typedef struct TreeRecord
{
	uint32_t	first_node;
	uint32_t	n_nodes;
	uint32_t	depth;			/* steps from the root to the deepest leaf */
	uint32_t	zero;
} TreeRecord;

typedef struct DetailRecord
{
	int32_t		feature;		/* -1: leaf */
	uint8_t		bin;			/* against all edges of the feature */
	uint8_t		missing_left;
	uint8_t		categorical;
	uint8_t		zero;
	double		value;			/* what a leaf here would add */
	double		gain;
	double		cover;
	uint64_t	count;
} DetailRecord;

/*
 * A node in one word: slot (16 bits, the highest marks a categorical split),
 * low, span (8 bits each), number of the left child (32 bits, over all trees;
 * the right one follows it).  A row with code c goes left if
 *	 (uint8) (c - low) <= span
 * A leaf is its own left child, with low 0 and span 255.
 */
#define NODE_CATEGORICAL UINT32_C(0x8000)
#define MAX_SLOTS 0x7FFF

static inline uint64_t
node_pack(uint32_t slot, uint8_t low, uint8_t span, uint32_t left)
{
	return (uint64_t) slot | (uint64_t) low << 16 | (uint64_t) span << 24 | (uint64_t) left << 32;
}

#define NODE_SLOT(node) ((uint32_t) (node) & 0xFFFF)
#define NODE_LOW(node) ((uint8_t) ((node) >> 16))
#define NODE_SPAN(node) ((uint8_t) ((node) >> 24))
#define NODE_LEFT(node) ((uint32_t) ((node) >> 32))

_Static_assert(sizeof(SlotRecord) == 16, "layout of slots");
_Static_assert(sizeof(TreeRecord) == 16, "layout of trees");
_Static_assert(sizeof(DetailRecord) == 40, "layout of details");

/* Where a model's trees are. */
typedef struct Trees
{
	double		base;
	uint32_t	n_slots;
	uint32_t	n_trees;
	uint32_t	n_nodes;
	uint32_t	n_sets;
	const SlotRecord *slots;
	const double *slot_edges;
	const TreeRecord *trees;
	const uint64_t *nodes;
	const double *values;
	const uint64_t (*sets)[4];
	const DetailRecord *details;
} Trees;

_Static_assert(sizeof(Trees) <= ML_FAMILY_STATE, "room for trees in an opened model");

/* ---- the operations of the family, see mlops/engine/family.h */

extern const MlSectionSpec trees_sections[TREES_SECTIONS];

extern MlStatus trees_plan(MlContext *ctx, const MlSignature *signature, const void *body,
						   uint64_t *n, void **plan);
extern void trees_write(const MlSignature *signature, const void *body, void *plan,
						void *const *at);
extern void trees_open(const MlSection *section, void *state);
extern bool trees_verify(MlCheck *check, const MlModel *model, const MlSection *section,
						 const void *state);
extern size_t trees_scratch_size(const void *state);
extern size_t trees_layout_size(const MlModel *model, const void *state);
extern void trees_lay_out(const MlModel *model, const void *state, void *block);
extern double trees_margin(const MlModel *model, const void *state, const MlValue *values,
						   void *scratch);
extern void trees_margins(const MlModel *model, const void *state, size_t n,
						  const MlValue *values, void *scratch, double *margin);
extern MlStatus trees_prepare(MlContext *ctx, const MlModel *model, const void *state,
							  double *base, const void **prepared);
extern size_t trees_explain_scratch_size(const MlModel *model, const void *state,
										 const void *prepared);
extern MlStatus trees_explain(MlContext *ctx, const MlModel *model, const void *state,
							  const void *prepared, const MlValue *values, void *scratch,
							  double *contribution);

/* ---- from scoring, for explanations */

/* Codes of a row's features, from which trees are walked: [n_slots + 1]. */
extern void trees_codes(const MlModel *model, const Trees *trees, const MlValue *values,
						uint8_t *codes);

/*
 * Where the row with these codes goes at each node of a tree: way [n_nodes],
 * 0 left, 1 right, 0 for leaves.  What scoring does.
 */
extern void trees_ways(const Trees *trees, const TreeRecord *tree, const uint8_t *codes,
					   uint8_t *way);

/*
 * Points and weights of Gauss-Legendre quadrature on [0, 1], exact for
 * polynomials of degree 2 * n - 1.
 */
extern void trees_gauss_legendre(uint32_t n, double *point, double *weight);

#endif							/* MLOPS_ENGINE_TREES_LAYOUT_H */
