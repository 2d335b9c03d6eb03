/*-------------------------------------------------------------------------
 * tops.h
 *	  Trees laid out to be scored by vector instructions (private to trees; README.md
 *	  has a drawing).
 *
 * A top is the first six levels of a tree as a full binary tree: node 1 is the root,
 * nodes 2 * i and 2 * i + 1 are the children of node i, and nodes 64 to 127 are its
 * exits.  A row is compared with all 63 nodes at once, which gives a word: bit i is
 * set if the row goes right at node i.  Six shifts of that word find the exit.  Deeper
 * trees are walked from there.
 *
 * The layout is made in memory of the caller's when a model is opened, and never
 * stored.  What is right is said by score.c, which needs none of it.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENGINE_TREES_TOPS_H
#define MLOPS_ENGINE_TREES_TOPS_H

#include "layout.h"

#define TOP_LEVELS 6
#define TOP_NODES 64			/* with node 0, which is not used; and as many exits */
#define MOST_TOP_SLOTS 256		/* a slot is a byte */
#define TREES_IN_STEP 8			/* followed at once */
#define ROWS_IN_STEP 8			/* of a block */

/*
 * Right at node i: code > most, or bit i of missing_right for a code of 0.  At nodes that
 * are not there, and at categorical ones, no code does.
 */
typedef struct Top
{
	uint8_t		slot[TOP_NODES];
	uint8_t		most[TOP_NODES];
} Top;

/* How the code of a slot is found. */
typedef enum SlotKind
{
	SLOT_NUMBER,				/* from the input's number itself */
	SLOT_PART,					/* from a part of it, see ml_model_number */
	SLOT_CATEGORY
} SlotKind;

#define EDGES_AT_ONCE 16

/*
 * Edges are searched in two steps of EDGES_AT_ONCE: the last edge of each group, then the
 * edges of one group; in one step if there is one group.  Places without an edge hold
 * +infinity.
 */
typedef struct SlotSearch
{
	uint32_t	kind;			/* SlotKind */
	uint32_t	input;
	uint32_t	feature;
	uint32_t	highest;		/* SLOT_CATEGORY: code */
	const double *edges;		/* numbers */
	const uint64_t *ways;		/* SLOT_CATEGORY: [highest + 1][n_steps] what a code adds to the words of
								 * trees */
	bool		one_group;
} SlotSearch;

struct Kernel;

typedef struct Tops
{
	const struct Kernel *kernel;
	Trees		trees;			/* in the model's bytes */
	uint32_t	n_steps;		/* trees, rounded up to TREES_IN_STEP: the last ones have no node and add
								 * nothing */
	uint32_t	n_categorical;
	uint32_t	rest;			/* steps that the deepest tree has beyond its top */
	const SlotSearch *slots;	/* [n_slots] */
	const uint32_t *categorical;	/* [n_categorical] which of the slots */
	const Top  *tops;			/* [n_steps] */
	const uint64_t *missing_right;	/* [n_steps] */
	const double (*leaves)[TOP_NODES];	/* [n_steps] value at an exit; NULL: there is a rest, and */
	const uint32_t (*nodes)[TOP_NODES]; /* [n_steps] the node at an exit */
} Tops;

/* Margins of rows by what a machine can do. */
typedef struct Kernel
{
	const char *name;
	uint32_t	most_slots;
	bool		(*runs_here) (void);
	void		(*margins) (const MlModel *model, const Tops *tops, size_t n, const MlValue *values,
							void *scratch, double *margin);
} Kernel;

/* All of this build, best first, NULL-terminated. */
extern const Kernel *const trees_kernels[];

#if defined(__x86_64__) && defined(__GNUC__)
#define TREES_HAVE_X86
extern const Kernel trees_kernel_avx512;
extern const Kernel trees_kernel_avx2;
#endif

/* Bytes of a layout for a kernel; 0: it has none for such trees. */
extern size_t tops_size(const MlModel *model, const Trees *trees, const Kernel *kernel);

/* Makes it: block [tops_size], aligned to 64. */
extern void tops_make(const MlModel *model, const Trees *trees, const Kernel *kernel, void *block);

/* ---- what kernels share */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Bytes of a row's codes: 1, 2 or 4 vectors of 64, so that they can be read as such. */
#define ROW_CODES(n_slots) ((size_t) ((n_slots) <= 64 ? 64 : (n_slots) <= 128 ? 128 : 256))

/* Scratch for ROWS_IN_STEP rows, and the aligned place of their codes in it. */
#define TOPS_SCRATCH(n_slots) (ROWS_IN_STEP * ROW_CODES(n_slots) + 64)

ALWAYS_INLINE uint8_t *
aligned_codes(void *scratch)
{
	return (uint8_t *) (((uintptr_t) scratch + 63) & ~(uintptr_t) 63);
}

/*
 * Codes of a row; is a number missing?  count is how many of EDGES_AT_ONCE edges are
 * below a value.
 */
ALWAYS_INLINE bool
find_codes(const MlModel *m, const Tops *t, const MlValue *values, uint8_t *codes,
		   uint32_t (*count) (const double *edges, double value))
{
	bool		missing = false;

	for (uint32_t s = 0; s < t->trees.n_slots; s++)
	{
		const SlotSearch *slot = &t->slots[s];
		double		value;
		uint32_t	below;

		if (slot->kind == SLOT_CATEGORY)
		{
			uint32_t	code = values[slot->input].code;

			codes[s] = (uint8_t) (code < slot->highest ? code : slot->highest);
			continue;
		}
		value = slot->kind == SLOT_NUMBER ? values[slot->input].number
			: ml_model_number(m, &m->features[slot->feature], values);
		below = count(slot->edges, value);
		if (!slot->one_group)
			below = EDGES_AT_ONCE * below + count(slot->edges + EDGES_AT_ONCE * (1 + below), value);
		codes[s] = (uint8_t) (value == value ? 1 + below : ML_CODE_MISSING);
		missing |= value != value;
	}
	return missing;
}

/* ---- from score.c */

/*
 * Walks TREES_IN_STEP trees, number first and the following, so many steps on from the
 * nodes at; adds the values of their leaves to sum.  Beyond the last tree nothing is added.
 */
extern double trees_add_rest(const Trees *trees, uint32_t first, uint32_t *at, uint32_t steps, const uint8_t *codes, double sum);

#endif							/* MLOPS_ENGINE_TREES_TOPS_H */
