/*
 * data.h
 *	  Step 3 of a training: the rows of the source, their labels and weights in
 *	  canonical order (private to train).
 *
 * Takes the request and the plan.  Gives Data, which no later step changes, but
 * for features that turn out to be identifiers (findings.h); a worker makes its
 * own from what its leader froze.  The context ends with the memory context in
 * which it is made; arrays are in its arena.  Raises 22000 for rows, labels and
 * weights that nothing can be learned from, 53200 where they do not fit.
 */
#ifndef MLOPS_TRAIN_DATA_H
#define MLOPS_TRAIN_DATA_H

#include "postgres.h"

#include "mlops/engine/data.h"
#include "train/plan.h"

typedef struct Data
{
	MlContext  *ctx;
	const MlDataset *dataset;
	MlSpill    *spill;			/* NULL: all values stay in memory */
	Roles		roles;
	int			n_features;
	uint32_t   *features;		/* columns that may become inputs */
	uint64_t	fingerprint[2]; /* of what a training reads: without the group */
	uint64_t	full_fingerprint[2];
	const float *label;			/* NaN: none */
	MlLabelCounts counts;
	const float *row_weight;	/* sample weights, NULL: all 1 */
	const uint32_t *order;		/* canonical, of all rows; NULL in a worker */
	const char *history;		/* as in the plan; NULL in a worker */
	size_t		repeated_keys;	/* rows whose key another row before them has */
	size_t		without_key;	/* rows, which are not among them; both 0 in a worker and without a key */
} Data;

/* An array in data's arena; an error (53200) if there is no room. */
extern void *mltrain_array(const Data *data, size_t n, size_t size);

/* The same, all zero. */
extern void *mltrain_zeroed(const Data *data, size_t n, size_t size);

/*
 * Makes the engine's context and reads the source.  may_spill: features may go to a
 * temporary file, which mltrain_close closes.
 */
extern void mltrain_read(Journal *journal, const Request *request, const ReadPlan *plan, int n_threads,
						 bool with_blas, bool may_spill, Data *data);

/* When nothing reads values any more. */
extern void mltrain_close(Data *data);

/* Labels, sample weights, canonical order. */
extern void mltrain_label(const Request *request, const ReadPlan *plan, Data *data);

/* An error if there are no rows of a class; where and reason are for people. */
extern void mltrain_refuse_one_class(const char *where, const char *target, const char *reason,
									 int64 positives, int64 negatives);

/* For people: what key and time column are for in what is made. */
typedef struct RoleNotes
{
	const char *made;			/* with its verb */
	const char *without_time;	/* what becomes of rows without a time; NULL: what becomes of the others */
	bool		learns_without_time;	/* are they learned from? */
	const char *by_time;		/* what rows in the order of time are for; NULL: nothing */
} RoleNotes;

/* Notices of a key that is not unique, and of a time column without times. */
extern void mltrain_tell_roles(const Request *request, const Data *data, RoleNotes notes);

#endif							/* MLOPS_TRAIN_DATA_H */
