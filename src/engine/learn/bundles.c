/*-------------------------------------------------------------------------
 * bundles.c
 *	  Exclusive feature bundling (Ke et al., "LightGBM: a highly efficient gradient
 *	  boosting decision tree", NIPS 2017), without conflicts.
 *
 * A feature is a candidate if most rows have the same code of it, in a sample: its
 * usual one.  Candidates of which no two are away from their usual codes in the same
 * row may share a column.  That is checked on all rows, by bitmaps of the unusual
 * ones, so it always holds; finding which features fit together best is NP-hard, and
 * we take the latest bundle that fits.  One-hot columns, which are neighbours, end up
 * together.
 *
 * Two passes over the matrix, 8 codes at a time, and as much again for comparing
 * bitmaps at most: less than the histograms of one tree.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "engine/learn/bundles.h"

#define SAMPLE_ROWS 1024
#define LOOK_ROWS ((size_t) 256)	/* rows looked at in one go */
#define BLOCK_ROWS ((size_t) 16384) /* of a task */
#define COMPARE_WORDS ((size_t) 64)
#define TRIES 64				/* bundles whose bitmaps a feature is compared with */
#define LEAST_SAVED 8			/* of so many columns one at least, or bundles are not worth their memory */

/* A feature while bundles are looked for. */
typedef struct Candidate
{
	bool		is_one;
	uint8_t		usual;
	size_t		n_rows;			/* with other codes */
	uint64_t   *rows;			/* bitmap of these */
	int			n_own;
	int			bundle;			/* -1: none */
	bool		has[256];		/* codes in any row; not kept for the usual one */
	uint8_t		code[256];		/* in the column */
} Candidate;

typedef struct Bundle
{
	int			n_members;
	int			n_codes;
	int32_t		column;			/* -1: has none yet */
	size_t		n_rows;			/* not all usual */
	uint64_t   *rows;			/* bitmap of these */
} Bundle;

/* What the tasks share. */
typedef struct Finder
{
	MlContext  *ctx;
	const MlBinned *binned;
	const MlSignature *signature;
	Bundles    *bundles;
	Candidate  *candidates;		/* [n_features] */
	size_t		n_candidates;
	size_t		n_words;		/* of a bitmap */
	Bundle	   *bundle;
	int			n_bundles;
	size_t		n_columns;
	size_t		reserved;
	MlBinned   *columns;
} Finder;

void
bundles_allocate(Bundles *bundles, Workspace *workspace, size_t n_features)
{
	bundles->members = workspace_take(workspace, n_features, sizeof(BundleMember));
	bundles->n_codes = workspace_take(workspace, n_features, sizeof(uint32_t));
	bundles->own = workspace_take(workspace, n_features, BUNDLE_CODES);
}

/* Each feature in its own column, where it is in the matrix. */
static void
no_bundles(Bundles *bundles, const MlBinned *binned, const MlSignature *signature)
{
	bundles->columns = binned;
	for (size_t f = 0; f < binned->n_features; f++)
	{
		bundles->members[f] = (BundleMember) {.column = (int32_t) f};
		bundles->n_codes[f] = signature->features[f].n_bins + 1;
	}
}

/* ---------------------------------------------------------------- candidates */

/* The code that most rows of a sample have; false if they are not even half of them. */
static bool
find_usual(const MlBinned *binned, size_t feature, uint8_t *usual)
{
	size_t		n = binned->n_rows < SAMPLE_ROWS ? binned->n_rows : SAMPLE_ROWS;
	uint16_t	count[256] = {0};
	int			most = 0;

	for (size_t i = 0; i < n; i++)
		count[ml_binned_code(binned, i * binned->n_rows / n, feature)]++;
	for (int code = 1; code < 256; code++)
		most = count[code] > count[most] ? code : most;
	*usual = (uint8_t) most;
	return 2 * (size_t) count[most] >= n;
}

/* Returns whether there are enough of them. */
static bool
find_candidates(Finder *finder)
{
	size_t		n_features = finder->binned->n_features;
	size_t		n_learned = 0;

	for (size_t f = 0; f < n_features; f++)
	{
		Candidate  *c = &finder->candidates[f];
		bool		learned = ml_feature_is_learned(finder->signature, f);

		memset(c, 0, sizeof(*c));
		c->bundle = -1;
		c->is_one = learned && find_usual(finder->binned, f, &c->usual);
		n_learned += learned;
		finder->n_candidates += c->is_one;
	}
	return LEAST_SAVED * (n_features - n_learned + finder->n_candidates) >= n_features;
}

/* ---------------------------------------------------------------- unusual codes */

/* Of a group's candidates the usual codes, 8 side by side, and where these count. */
typedef struct UsualCodes
{
	uint8_t		code[ML_GROUP_FEATURES];
	uint8_t		mask[ML_GROUP_FEATURES];
} UsualCodes;

static UsualCodes
usual_of_group(const Finder *finder, size_t group)
{
	UsualCodes	usual = {{0}, {0}};

	for (size_t i = 0; i < ML_GROUP_FEATURES && group * ML_GROUP_FEATURES + i < finder->binned->n_features; i++)
	{
		const Candidate *c = &finder->candidates[group * ML_GROUP_FEATURES + i];

		usual.code[i] = c->usual;
		usual.mask[i] = c->is_one ? 0xFF : 0;
	}
	return usual;
}

/*
 * Unusual codes of n rows, at most LOOK_ROWS, of a group: row * ML_GROUP_FEATURES +
 * feature of each, which is where it stands in codes.  Returns how many.
 */
static size_t
list_unusual(const UsualCodes *usual, const uint8_t *codes, size_t n, uint16_t *at)
{
	size_t		found = 0;

	for (size_t begin = 0; begin < n * ML_GROUP_FEATURES; begin += sizeof(uint64_t))
	{
		size_t		feature = begin % ML_GROUP_FEATURES;
		uint64_t	code;
		uint64_t	expected;
		uint64_t	mask;

		memcpy(&code, codes + begin, sizeof(code));
		memcpy(&expected, usual->code + feature, sizeof(code));
		memcpy(&mask, usual->mask + feature, sizeof(code));
		if (((code ^ expected) & mask) == 0)
			continue;
		for (size_t i = 0; i < sizeof(code); i++)
		{
			at[found] = (uint16_t) (begin + i);
			found += ((codes[begin + i] ^ usual->code[feature + i]) & usual->mask[feature + i]) != 0;
		}
	}
	return found;
}

/* Task: a group.  Fills in its candidates' codes and bitmaps. */
static void
look_at_group(void *arg, size_t task, int thread)
{
	Finder	   *finder = (Finder *) arg;
	Candidate  *candidates = finder->candidates + task * ML_GROUP_FEATURES;
	UsualCodes	usual = usual_of_group(finder, task);
	size_t		n_rows = finder->binned->n_rows;
	uint16_t	at[LOOK_ROWS * ML_GROUP_FEATURES + sizeof(uint64_t)];

	for (size_t i = 0; i < ML_GROUP_FEATURES && task * ML_GROUP_FEATURES + i < finder->binned->n_features; i++)
	{
		if (candidates[i].is_one)
			memset(candidates[i].rows, 0, finder->n_words * sizeof(uint64_t));
	}
	for (size_t begin = 0; begin < n_rows && !(begin % BLOCK_ROWS == 0 && ml_should_stop(finder->ctx, thread)); begin += LOOK_ROWS)
	{
		const uint8_t *codes = finder->binned->group[task] + begin * ML_GROUP_FEATURES;
		size_t		found = list_unusual(&usual, codes, n_rows - begin < LOOK_ROWS ? n_rows - begin : LOOK_ROWS, at);

		for (size_t i = 0; i < found; i++)
		{
			Candidate  *c = &candidates[at[i] % ML_GROUP_FEATURES];
			size_t		row = begin + at[i] / ML_GROUP_FEATURES;

			c->rows[row / 64] |= UINT64_C(1) << (row % 64);
			c->has[codes[at[i]]] = true;
			c->n_rows++;
		}
	}
}

/* ---------------------------------------------------------------- bundles */

/* No bit is in both. */
static bool
are_exclusive(const uint64_t *a, const uint64_t *b, size_t n_words)
{
	for (size_t begin = 0; begin < n_words; begin += COMPARE_WORDS)
	{
		size_t		end = begin + COMPARE_WORDS < n_words ? begin + COMPARE_WORDS : n_words;
		uint64_t	both = 0;

		for (size_t i = begin; i < end; i++)
			both |= a[i] & b[i];
		if (both != 0)
			return false;
	}
	return true;
}

/* The latest bundle that has room for the feature and excludes it; -1: none has. */
static int
find_bundle(const Finder *finder, const Candidate *c)
{
	int			tries = TRIES;

	for (int b = finder->n_bundles - 1; b >= 0 && tries > 0; b--)
	{
		const Bundle *bundle = &finder->bundle[b];

		if (bundle->n_codes + c->n_own > BUNDLE_CODES || bundle->n_rows + c->n_rows > finder->binned->n_rows)
			continue;
		if (are_exclusive(bundle->rows, c->rows, finder->n_words))
			return b;
		tries--;
	}
	return -1;
}

/* A bundle takes over the bitmap of its first member. */
static void
join_bundle(Finder *finder, Candidate *c)
{
	int			b = find_bundle(finder, c);

	if (b < 0)
	{
		finder->bundle[finder->n_bundles] = (Bundle) {1, 1 + c->n_own, -1, c->n_rows, c->rows};
		c->bundle = finder->n_bundles++;
		return;
	}
	for (size_t i = 0; i < finder->n_words; i++)
		finder->bundle[b].rows[i] |= c->rows[i];
	finder->bundle[b].n_rows += c->n_rows;
	finder->bundle[b].n_codes += c->n_own;
	finder->bundle[b].n_members++;
	c->bundle = b;
}

/* Puts every candidate that is no constant into a bundle, by number of feature.  Errors: ML_ABORTED. */
static MlStatus
join_bundles(Finder *finder)
{
	for (size_t f = 0; f < finder->binned->n_features; f++)
	{
		Candidate  *c = &finder->candidates[f];

		for (int code = 0; code < 256; code++)
			c->n_own += c->has[code];
		if (c->n_own > 0)
			join_bundle(finder, c);
		if (ml_check_abort(finder->ctx) != ML_OK)
			return ML_ABORTED;
	}
	return ML_OK;
}

/* ---------------------------------------------------------------- columns */

/* The codes of a feature in the column of its bundle. */
static void
add_member(Finder *finder, Candidate *c, BundleMember *member)
{
	Bundles    *bundles = finder->bundles;
	Bundle	   *bundle = &finder->bundle[c->bundle];
	uint8_t    *own;
	uint32_t   *n_codes;

	if (bundle->column < 0)
	{
		bundle->column = (int32_t) finder->n_columns++;
		bundles->n_codes[bundle->column] = 1;
	}
	n_codes = &bundles->n_codes[bundle->column];
	own = bundles->own + (size_t) bundle->column * BUNDLE_CODES;
	*member = (BundleMember) {bundle->column, c->usual, (uint8_t) *n_codes, (uint8_t) c->n_own, own + *n_codes};
	for (int code = 0; code < 256; code++)
	{
		if (!c->has[code])
			continue;
		c->code[code] = (uint8_t) *n_codes;
		own[(*n_codes)++] = (uint8_t) code;
	}
}

/* Numbers the columns in the order of their first features. */
static void
number_columns(Finder *finder)
{
	Bundles    *bundles = finder->bundles;

	for (size_t f = 0; f < finder->binned->n_features; f++)
	{
		Candidate  *c = &finder->candidates[f];
		BundleMember *member = &bundles->members[f];

		*member = (BundleMember) {.column = -1, .usual = c->usual};
		if (c->bundle >= 0 && finder->bundle[c->bundle].n_members > 1)
			add_member(finder, c, member);
		else if (c->bundle >= 0 || (!c->is_one && ml_feature_is_learned(finder->signature, f)))
		{
			/* its own codes, as they are */
			c->is_one = false;
			member->column = (int32_t) finder->n_columns;
			bundles->n_codes[finder->n_columns++] = finder->signature->features[f].n_bins + 1;
		}
	}
}

/* Rows [begin, end) of a task over the groups of a matrix, block by block. */
static void
rows_of_task(const MlBinned *matrix, size_t task, size_t *begin, size_t *end)
{
	*begin = task / matrix->n_groups * BLOCK_ROWS;
	*end = *begin + BLOCK_ROWS < matrix->n_rows ? *begin + BLOCK_ROWS : matrix->n_rows;
}

/* Task: a block of rows of a group of the columns.  All is usual there. */
static void
clear_block(void *arg, size_t task, int thread)
{
	const MlBinned *columns = ((const Finder *) arg)->columns;
	size_t		begin;
	size_t		end;

	rows_of_task(columns, task, &begin, &end);
	memset(columns->group[task % columns->n_groups] + begin * ML_GROUP_FEATURES, 0, (end - begin) * ML_GROUP_FEATURES);
}

/* Task: a block of rows of a group of the matrix.  Copies what has a column of its own. */
static void
copy_block(void *arg, size_t task, int thread)
{
	const Finder *finder = (const Finder *) arg;
	const MlBinned *from = finder->binned;
	size_t		group = task % from->n_groups;
	size_t		begin;
	size_t		end;

	rows_of_task(from, task, &begin, &end);
	for (size_t f = group * ML_GROUP_FEATURES; f < (group + 1) * ML_GROUP_FEATURES && f < from->n_features; f++)
	{
		const BundleMember *member = &finder->bundles->members[f];
		const uint8_t *code = from->group[group] + f % ML_GROUP_FEATURES;
		uint8_t    *to;

		if (member->column < 0 || member->n_own > 0)
			continue;
		to = finder->columns->group[member->column / ML_GROUP_FEATURES] + member->column % ML_GROUP_FEATURES;
		for (size_t row = begin; row < end; row++)
			to[row * ML_GROUP_FEATURES] = code[row * ML_GROUP_FEATURES];
	}
}

/*
 * Task: a block of rows of a group of the matrix.  Writes its members' unusual codes;
 * no two members of a bundle have one in the same row, so no byte is written twice.
 */
static void
bundle_block(void *arg, size_t task, int thread)
{
	const Finder *finder = (const Finder *) arg;
	const MlBinned *from = finder->binned;
	size_t		group = task % from->n_groups;
	size_t		block;
	size_t		block_end;
	UsualCodes	usual = usual_of_group(finder, group);
	uint8_t    *column[ML_GROUP_FEATURES] = {NULL};
	uint16_t	at[LOOK_ROWS * ML_GROUP_FEATURES + sizeof(uint64_t)];

	rows_of_task(from, task, &block, &block_end);
	for (size_t i = 0; i < ML_GROUP_FEATURES && group * ML_GROUP_FEATURES + i < from->n_features; i++)
	{
		const BundleMember *member = &finder->bundles->members[group * ML_GROUP_FEATURES + i];

		if (member->n_own > 0)
			column[i] = finder->columns->group[member->column / ML_GROUP_FEATURES] + member->column % ML_GROUP_FEATURES;
	}
	for (size_t begin = block; begin < block_end; begin += LOOK_ROWS)
	{
		const uint8_t *codes = from->group[group] + begin * ML_GROUP_FEATURES;
		size_t		found = list_unusual(&usual, codes, block_end - begin < LOOK_ROWS ? block_end - begin : LOOK_ROWS, at);

		for (size_t i = 0; i < found; i++)
		{
			size_t		feature = at[i] % ML_GROUP_FEATURES;
			size_t		row = begin + at[i] / ML_GROUP_FEATURES;

			column[feature][row * ML_GROUP_FEATURES] =
				finder->candidates[group * ML_GROUP_FEATURES + feature].code[codes[at[i]]];
		}
	}
}

/* Room for the columns; false when there is none. */
static bool
allocate_columns(Finder *finder)
{
	MlArena    *arena = finder->ctx->arena;
	size_t		n_rows = finder->binned->n_rows;
	MlBinned   *columns;

	if (!arena_has_room(arena, ml_binned_size(n_rows, finder->n_columns), finder->reserved))
		return false;
	columns = ml_arena_alloc_zeroed(arena, 1, sizeof(MlBinned));
	if (columns == NULL)
		return false;
	columns->n_rows = n_rows;
	columns->n_features = finder->n_columns;
	columns->n_groups = (finder->n_columns + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES;
	columns->group = ml_arena_alloc_array(arena, columns->n_groups, sizeof(uint8_t *));
	if (columns->group == NULL)
		return false;
	for (size_t g = 0; g < columns->n_groups; g++)
	{
		columns->group[g] = ml_arena_alloc_array(arena, n_rows, ML_GROUP_FEATURES);
		if (columns->group[g] == NULL)
			return false;
	}
	finder->columns = columns;
	return true;
}

/* ---------------------------------------------------------------- all of it */

/*
 * Finds candidates and bundles, and numbers the columns; *found is false if there are
 * too few or too little memory.  Bitmaps are given back.  Errors: ML_ABORTED.
 */
static MlStatus
find_bundles(Finder *finder, bool *found)
{
	const MlBinned *binned = finder->binned;
	MlArena    *arena = finder->ctx->arena;
	size_t		bitmaps;
	MlArenaMark mark;
	uint64_t   *rows;
	MlStatus	status = ML_OK;

	*found = false;
	finder->n_words = (binned->n_rows + 63) / 64;
	if (!arena_has_room(arena, binned->n_features * (sizeof(Candidate) + sizeof(Bundle)) + 4096, finder->reserved))
		return ML_OK;
	finder->candidates = ml_arena_alloc_array(arena, binned->n_features, sizeof(Candidate));
	finder->bundle = ml_arena_alloc_array(arena, binned->n_features, sizeof(Bundle));
	if (finder->candidates == NULL || finder->bundle == NULL || !find_candidates(finder))
		return ML_OK;
	bitmaps = finder->n_candidates * finder->n_words;
	if (!arena_has_room(arena, bitmaps * sizeof(uint64_t) + 4096, finder->reserved))
		return ML_OK;
	mark = ml_arena_mark(arena);
	rows = ml_arena_alloc_array(arena, bitmaps, sizeof(uint64_t));
	for (size_t f = 0; rows != NULL && f < binned->n_features; f++)
	{
		if (!finder->candidates[f].is_one)
			continue;
		finder->candidates[f].rows = rows;
		rows += finder->n_words;
	}
	if (rows != NULL)
	{
		status = ml_parallel_for(finder->ctx, binned->n_groups, look_at_group, finder);
		if (status == ML_OK)
			status = join_bundles(finder);
		if (status == ML_OK)
			number_columns(finder);
		*found = status == ML_OK && finder->n_columns > 0 &&
			LEAST_SAVED * (binned->n_features - finder->n_columns) >= binned->n_features;
	}
	ml_arena_release(arena, mark);
	return status;
}

MlStatus
bundles_make(Bundles *bundles, MlContext *ctx, const MlBinned *binned, const MlSignature *signature, size_t reserved)
{
	Finder		finder = {.ctx = ctx, .binned = binned, .signature = signature, .bundles = bundles, .reserved = reserved};
	size_t		n_blocks = (binned->n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
	bool		found;
	MlStatus	status = find_bundles(&finder, &found);

	if (status != ML_OK)
		return status;
	if (!found || !allocate_columns(&finder))
	{
		no_bundles(bundles, binned, signature);
		return ML_OK;
	}
	bundles->columns = finder.columns;
	status = ml_parallel_for(ctx, n_blocks * finder.columns->n_groups, clear_block, &finder);
	if (status == ML_OK)
		status = ml_parallel_for(ctx, n_blocks * binned->n_groups, copy_block, &finder);
	return status == ML_OK ? ml_parallel_for(ctx, n_blocks * binned->n_groups, bundle_block, &finder) : status;
}
