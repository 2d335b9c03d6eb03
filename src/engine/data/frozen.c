/*-------------------------------------------------------------------------
 * frozen.c
 *	  The data of trainings in one block of memory without pointers.
 *
 * The block is written by a cursor that runs twice: once without memory, to
 * count.  Every reference is an offset from the block's start; 0 is "none".
 * The block is trusted: one server process wrote it for another.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/engine/data.h"

#define ALIGNMENT ((size_t) 64)

typedef struct Cursor
{
	char	   *block;			/* NULL: only count */
	size_t		at;
} Cursor;

typedef struct FrozenHeader
{
	size_t		n_rows;
	size_t		n_columns;
	size_t		columns;		/* FrozenColumn[n_columns] */
	size_t		label;
	size_t		row_weight;
	size_t		time_zone;
	size_t		n_views;
	size_t		views;			/* FrozenView[n_views] */
} FrozenHeader;

typedef struct FrozenColumn
{
	size_t		name;
	size_t		type_name;
	MlColumnKind kind;
	uint8_t		width;
	bool		overflowed;
	size_t		values;			/* [n_rows], 0: not needed */
	size_t		n_words;		/* dictionary */
	size_t		word_ends;		/* size_t[n_words] */
	size_t		words;
} FrozenColumn;

typedef struct FrozenRows
{
	size_t		n;
	size_t		row;			/* uint32_t[n] new row numbers */
} FrozenRows;

typedef struct FrozenView
{
	FrozenRows	train;
	FrozenRows	validation;
	FrozenRows	judged;
	bool		fitted;			/* the rest is there */
	size_t		time_zone;
	double		prior;
	size_t		n_inputs;
	size_t		inputs;			/* FrozenInput[n_inputs] */
	size_t		input_column;
	size_t		n_features;
	size_t		features;		/* MlFeature[n_features], pointers void */
	size_t		references;		/* FrozenFeature[n_features], in their place */
	size_t		binned[2];		/* groups of train and validation, one after another */
} FrozenView;

typedef struct FrozenInput
{
	size_t		name;
	size_t		type_name;
	MlColumnKind kind;
	uint32_t	n_categories;
	size_t		category_size;	/* uint32_t[n_categories] */
	size_t		categories;
	size_t		statistic;		/* double[n_categories], 0: none */
} FrozenInput;

typedef struct FrozenFeature
{
	size_t		name;
	size_t		edges;
	size_t		code_counts;
	size_t		training_value; /* double[training rows], 0: none */
} FrozenFeature;

/* ---------------------------------------------------------------- writing */

/* Room for size bytes; *offset receives where.  NULL while counting. */
static void *
reserve(Cursor *c, size_t size, size_t *offset)
{
	*offset = c->at;
	c->at += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return c->block ? c->block + *offset : NULL;
}

/* Copies bytes; returns where. */
static size_t
put(Cursor *c, const void *bytes, size_t size)
{
	size_t		offset;
	void	   *to = reserve(c, size, &offset);

	if (to && size > 0)
		memcpy(to, bytes, size);
	return offset;
}

static size_t
put_string(Cursor *c, const char *string)
{
	return put(c, string, strlen(string) + 1);
}

/* The rows kept, by their new numbers, and back. */
typedef struct Renumbering
{
	size_t		n;
	uint32_t   *old;			/* [n] */
	uint32_t   *new;			/* [n rows of the data set] */
} Renumbering;

/* Marks rows that are kept, in new, and counts them. */
static void
mark(Renumbering *r, MlRows rows)
{
	for (size_t i = 0; i < rows.n; i++)
	{
		r->n += !r->new[rows.row[i]];
		r->new[rows.row[i]] = 1;
	}
}

/* Kept rows stay in order.  r is in the arena. */
static MlStatus
renumber(MlContext *ctx, const MlFrozen *f, Renumbering *r)
{
	size_t		n_rows = f->dataset->n_rows;

	r->n = 0;
	r->new = ml_arena_alloc_zeroed(ctx->arena, n_rows, sizeof(uint32_t));
	if (r->new == NULL)
		return ml_fail_memory(ctx);
	for (size_t v = 0; v < f->n_views; v++)
	{
		mark(r, f->views[v].train);
		mark(r, f->views[v].validation);
		mark(r, f->views[v].judged);
	}
	r->old = ml_arena_alloc_array(ctx->arena, r->n, sizeof(uint32_t));
	if (r->old == NULL)
		return ml_fail_memory(ctx);
	r->n = 0;
	for (size_t row = 0; row < n_rows; row++)
	{
		if (!r->new[row])
			continue;
		r->new[row] = (uint32_t) r->n;
		r->old[r->n++] = (uint32_t) row;
	}
	return ML_OK;
}

/* Rows by their new numbers. */
static FrozenRows
put_rows(Cursor *c, MlRows rows, const Renumbering *r)
{
	FrozenRows	frozen = {.n = rows.n};
	uint32_t   *to = reserve(c, rows.n * sizeof(uint32_t), &frozen.row);

	for (size_t i = 0; to && i < rows.n; i++)
		to[i] = r->new[rows.row[i]];
	return frozen;
}

/* One value a kept row; 0 for none. */
static size_t
put_floats(Cursor *c, const float *values, const Renumbering *r)
{
	size_t		offset;
	float	   *to;

	if (values == NULL)
		return 0;
	to = reserve(c, r->n * sizeof(float), &offset);
	for (size_t i = 0; to && i < r->n; i++)
		to[i] = values[r->old[i]];
	return offset;
}

/*
 * The words that kept rows have, in order of first sight: old codes in *word,
 * new ones by old in *code.
 */
static MlStatus
renumber_codes(MlContext *ctx, const MlColumn *column, const Renumbering *r, uint32_t **code,
			   uint32_t **word, size_t *n_words)
{
	uint32_t	n = ml_dictionary_size(column->dictionary);

	*code = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	*word = ml_arena_alloc_array(ctx->arena, n, sizeof(uint32_t));
	*n_words = 0;
	if (*code == NULL || *word == NULL)
		return ml_fail_memory(ctx);
	memset(*code, 0xFF, n * sizeof(uint32_t));	/* all ML_MISSING_CODE */
	for (size_t i = 0; i < r->n; i++)
	{
		uint32_t	old = ml_column_code(column, r->old[i]);

		if (old == ML_MISSING_CODE || (*code)[old] != ML_MISSING_CODE)
			continue;
		(*code)[old] = (uint32_t) *n_words;
		(*word)[(*n_words)++] = old;
	}
	return ML_OK;
}

/* Words in the order of their new codes, and where each ends. */
static void
put_dictionary(Cursor *c, const MlDictionary *dictionary, const uint32_t *word, FrozenColumn *column)
{
	size_t		total = 0;
	size_t	   *ends = reserve(c, column->n_words * sizeof(size_t), &column->word_ends);
	char	   *words;

	for (size_t i = 0; i < column->n_words; i++)
	{
		size_t		size;

		(void) ml_dictionary_bytes(dictionary, word[i], &size);
		total += size;
		if (ends)
			ends[i] = total;
	}
	words = reserve(c, total, &column->words);
	for (size_t i = 0; words && i < column->n_words; i++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(dictionary, word[i], &size);

		memcpy(words + ends[i] - size, bytes, size);
	}
}

/* New codes, in order of first sight among kept rows, as if the data set had no others. */
static MlStatus
put_categories(MlContext *ctx, Cursor *c, const MlColumn *from, const Renumbering *r, FrozenColumn *column)
{
	MlArenaMark before = ml_arena_mark(ctx->arena);
	uint32_t   *code;
	uint32_t   *word;
	uint32_t   *to;
	MlStatus	status = renumber_codes(ctx, from, r, &code, &word, &column->n_words);

	if (status != ML_OK)
		return status;
	column->width = 4;
	to = reserve(c, r->n * sizeof(uint32_t), &column->values);
	for (size_t i = 0; to && i < r->n; i++)
	{
		uint32_t	old = ml_column_code(from, r->old[i]);

		to[i] = old == ML_MISSING_CODE ? old : code[old];
	}
	put_dictionary(c, from->dictionary, word, column);
	ml_arena_release(ctx->arena, before);
	return ML_OK;
}

/* As wide as the widest chunk that has kept rows. */
static void
put_numbers(Cursor *c, const MlColumn *from, const Renumbering *r, FrozenColumn *column)
{
	size_t		n_chunks = r->n == 0 ? 0 : (r->old[r->n - 1] >> ML_CHUNK_SHIFT) + 1;
	char	   *to;

	column->width = 4;
	for (size_t i = 0; i < n_chunks; i++)
	{
		if (from->chunks[i].width > column->width)
			column->width = from->chunks[i].width;
	}
	to = reserve(c, r->n * column->width, &column->values);
	for (size_t i = 0; to && i < r->n; i++)
	{
		if (column->width == 4)
			((float *) to)[i] = (float) ml_column_number(from, r->old[i]);
		else
			((double *) to)[i] = ml_column_number(from, r->old[i]);
	}
}

static bool
is_one_of(uint32_t column, const uint32_t *columns, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (columns[i] == column)
			return true;
	}
	return false;
}

/* By a signature, or because it was asked for. */
static bool
is_needed(const MlFrozen *f, uint32_t column)
{
	for (size_t v = 0; v < f->n_views; v++)
	{
		const MlSignature *signature = f->views[v].signature;

		if (signature && is_one_of(column, signature->input_column, signature->n_inputs))
			return true;
	}
	return is_one_of(column, f->columns, f->n_columns);
}

/* What is not needed has a name, and kind HASH without values. */
static MlStatus
put_columns(MlContext *ctx, Cursor *c, const MlFrozen *f, const Renumbering *r, FrozenHeader *header)
{
	FrozenColumn *columns = reserve(c, f->dataset->n_columns * sizeof(FrozenColumn), &header->columns);
	MlStatus	status = ML_OK;

	for (uint32_t i = 0; status == ML_OK && i < f->dataset->n_columns; i++)
	{
		const MlColumn *from = &f->dataset->columns[i];
		FrozenColumn column = {.kind = ML_COLUMN_HASH, .width = 8, .overflowed = from->overflowed};

		column.name = put_string(c, from->name);
		column.type_name = put_string(c, from->type_name);
		if (is_needed(f, i))
		{
			column.kind = from->kind;
			if (from->kind == ML_COLUMN_CATEGORY)
				status = put_categories(ctx, c, from, r, &column);
			else
				put_numbers(c, from, r, &column);
		}
		if (columns)
			columns[i] = column;
	}
	return status;
}

/* Offset of the first group; the others follow, each aligned.  0 for none. */
static size_t
put_binned(Cursor *c, const MlBinned *binned)
{
	size_t		first = 0;

	for (size_t g = 0; binned && g < binned->n_groups; g++)
	{
		size_t		offset = put(c, binned->group[g], binned->n_rows * ML_GROUP_FEATURES);

		first = g == 0 ? offset : first;
	}
	return first;
}

/* Bytes of the categories follow each other; their sizes say where each ends. */
static FrozenInput
put_input(Cursor *c, const MlInput *input)
{
	FrozenInput to = {.kind = input->kind, .n_categories = input->n_categories};
	size_t		total = 0;
	char	   *bytes;

	to.name = put_string(c, input->name);
	to.type_name = put_string(c, input->type_name);
	to.category_size = put(c, input->category_size, input->n_categories * sizeof(uint32_t));
	if (input->statistic)
		to.statistic = put(c, input->statistic, input->n_categories * sizeof(double));
	for (uint32_t i = 0; i < input->n_categories; i++)
		total += input->category_size[i];
	bytes = reserve(c, total, &to.categories);
	for (uint32_t i = 0; bytes && i < input->n_categories; i++)
	{
		memcpy(bytes, input->category[i], input->category_size[i]);
		bytes += input->category_size[i];
	}
	return to;
}

/*
 * Features are written as they are, pointers and all; what these point to stands in
 * references.
 */
static void
put_signature(Cursor *c, const MlSignature *s, size_t n_train, FrozenView *to)
{
	FrozenInput *inputs = reserve(c, s->n_inputs * sizeof(FrozenInput), &to->inputs);
	FrozenFeature *references = reserve(c, s->n_features * sizeof(FrozenFeature), &to->references);

	to->n_inputs = s->n_inputs;
	to->n_features = s->n_features;
	to->time_zone = put_string(c, s->time_zone);
	to->prior = s->prior;
	to->input_column = put(c, s->input_column, s->n_inputs * sizeof(uint32_t));
	to->features = put(c, s->features, s->n_features * sizeof(MlFeature));
	for (size_t i = 0; i < s->n_inputs; i++)
	{
		FrozenInput input = put_input(c, &s->inputs[i]);

		if (inputs)
			inputs[i] = input;
	}
	for (size_t i = 0; i < s->n_features; i++)
	{
		const MlFeature *feature = &s->features[i];
		FrozenFeature reference = {0};

		reference.name = put_string(c, feature->name);
		if (feature->edges)
			reference.edges = put(c, feature->edges, (feature->n_bins - 1) * sizeof(double));
		reference.code_counts = put(c, feature->code_counts, (feature->n_bins + 1) * sizeof(uint64_t));
		if (feature->training_value)
			reference.training_value = put(c, feature->training_value, n_train * sizeof(double));
		if (references)
			references[i] = reference;
	}
}

/* A view that is not fitted has rows and nothing else. */
static FrozenView
put_view(Cursor *c, const MlView *view, const Renumbering *r)
{
	FrozenView	to = {.fitted = view->signature != NULL};

	to.train = put_rows(c, view->train, r);
	to.validation = put_rows(c, view->validation, r);
	to.judged = put_rows(c, view->judged, r);
	if (!to.fitted)
		return to;
	put_signature(c, view->signature, view->train.n, &to);
	to.binned[0] = put_binned(c, view->binned_train);
	to.binned[1] = put_binned(c, view->binned_validation);
	return to;
}

/* One run, counting or writing.  Both must reserve the same sizes in the same order. */
static MlStatus
write_all(MlContext *ctx, const MlFrozen *f, Cursor *c)
{
	MlArenaMark before = ml_arena_mark(ctx->arena);
	FrozenHeader header = {.n_columns = f->dataset->n_columns, .n_views = f->n_views};
	Renumbering r;
	size_t		start;
	void	   *to = reserve(c, sizeof(header), &start);
	FrozenView *views;
	MlStatus	status = renumber(ctx, f, &r);

	if (status != ML_OK)
		return status;
	header.n_rows = r.n;
	header.label = put_floats(c, f->label, &r);
	header.row_weight = put_floats(c, f->row_weight, &r);
	header.time_zone = put_string(c, f->dataset->time_zone);
	status = put_columns(ctx, c, f, &r, &header);
	if (status != ML_OK)
		return status;
	views = reserve(c, f->n_views * sizeof(FrozenView), &header.views);
	for (size_t v = 0; v < f->n_views; v++)
	{
		FrozenView	view = put_view(c, &f->views[v], &r);

		if (views)
			views[v] = view;
	}
	if (to)
		memcpy(to, &header, sizeof(header));
	ml_arena_release(ctx->arena, before);
	return ML_OK;
}

MlStatus
ml_frozen_size(MlContext *ctx, const MlFrozen *frozen, size_t *size)
{
	Cursor		c = {NULL, 0};
	MlStatus	status = write_all(ctx, frozen, &c);

	*size = c.at;
	return status;
}

MlStatus
ml_frozen_write(MlContext *ctx, const MlFrozen *frozen, void *block)
{
	Cursor		c = {block, 0};

	return write_all(ctx, frozen, &c);
}

/* ---------------------------------------------------------------- opening */

typedef struct Opening
{
	MlContext  *ctx;
	const char *block;
	const FrozenHeader *header;
	bool		failed;			/* out of memory */
} Opening;

static const void *
at(const Opening *o, size_t offset)
{
	return offset == 0 ? NULL : o->block + offset;
}

/* Zeroed memory in the arena; failed is set if there is none. */
static void *
take(Opening *o, size_t n, size_t size)
{
	void	   *memory = ml_arena_alloc_zeroed(o->ctx->arena, n, size);

	o->failed = o->failed || memory == NULL;
	return memory;
}

/* Codes come out as they were, since words are taken in order. */
static MlDictionary *
open_dictionary(Opening *o, const FrozenColumn *from)
{
	MlDictionary *dictionary = ml_dictionary_create(o->ctx->arena);
	const size_t *ends = at(o, from->word_ends);
	const char *words = at(o, from->words);
	size_t		start = 0;

	o->failed = o->failed || dictionary == NULL;
	for (size_t i = 0; !o->failed && i < from->n_words; i++)
	{
		uint32_t	code;

		o->failed = !ml_dictionary_intern(o->ctx->arena, dictionary, words + start, ends[i] - start, &code);
		start = ends[i];
	}
	return dictionary;
}

/* Values stay in the block, as chunks of it. */
static void
open_column(Opening *o, const FrozenColumn *from, MlColumn *column)
{
	size_t		n_chunks = (o->header->n_rows + ML_CHUNK_ROWS - 1) >> ML_CHUNK_SHIFT;

	column->name = at(o, from->name);
	column->type_name = at(o, from->type_name);
	column->kind = from->kind;
	column->overflowed = from->overflowed;
	if (from->values == 0)
		return;
	column->chunks = take(o, n_chunks, sizeof(MlChunk));
	for (size_t i = 0; column->chunks && i < n_chunks; i++)
	{
		column->chunks[i].values = (const char *) at(o, from->values) + (i << ML_CHUNK_SHIFT) * from->width;
		column->chunks[i].width = from->width;
	}
	if (from->kind == ML_COLUMN_CATEGORY)
		column->dictionary = open_dictionary(o, from);
}

static const MlDataset *
open_dataset(Opening *o)
{
	MlDataset  *dataset = take(o, 1, sizeof(MlDataset));
	MlColumn   *columns = take(o, o->header->n_columns, sizeof(MlColumn));
	const FrozenColumn *from = at(o, o->header->columns);

	if (o->failed)
		return NULL;
	dataset->n_columns = o->header->n_columns;
	dataset->columns = columns;
	dataset->n_rows = dataset->n_sealed = o->header->n_rows;
	dataset->time_zone = at(o, o->header->time_zone);
	for (size_t i = 0; i < dataset->n_columns; i++)
		open_column(o, &from[i], &columns[i]);
	return dataset;
}

/* Groups stay in the block; nobody writes to them. */
static const MlBinned *
open_binned(Opening *o, size_t offset, size_t n_rows, size_t n_features)
{
	MlBinned   *binned;
	size_t		stride = (n_rows * ML_GROUP_FEATURES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	if (offset == 0)
		return NULL;
	binned = take(o, 1, sizeof(MlBinned));
	if (o->failed)
		return NULL;
	binned->n_rows = n_rows;
	binned->n_features = n_features;
	binned->n_groups = (n_features + ML_GROUP_FEATURES - 1) / ML_GROUP_FEATURES;
	binned->group = take(o, binned->n_groups, sizeof(uint8_t *));
	for (size_t g = 0; binned->group && g < binned->n_groups; g++)
		binned->group[g] = (uint8_t *) o->block + offset + g * stride;
	return binned;
}

/* Points to the bytes of each category in the block. */
static void
open_input(Opening *o, const FrozenInput *from, MlInput *input)
{
	const char **category = take(o, from->n_categories, sizeof(char *));
	const char *bytes = at(o, from->categories);

	input->name = at(o, from->name);
	input->type_name = at(o, from->type_name);
	input->kind = from->kind;
	input->n_categories = from->n_categories;
	input->category = category;
	input->statistic = at(o, from->statistic);
	input->n_others = 0;		/* what trials learn is not kept */
	input->others = NULL;
	input->category_size = at(o, from->category_size);
	for (uint32_t i = 0; category && i < from->n_categories; i++)
	{
		category[i] = bytes;
		bytes += input->category_size[i];
	}
}

static MlRows
open_rows(const Opening *o, FrozenRows from)
{
	return (MlRows) {at(o, from.row), from.n};
}

/* Arrays stay in the block; structures with pointers are made anew. */
static const MlSignature *
open_signature(Opening *o, const FrozenView *from)
{
	MlSignature *s = take(o, 1, sizeof(MlSignature));
	MlInput    *inputs = take(o, from->n_inputs, sizeof(MlInput));
	MlFeature  *features = take(o, from->n_features, sizeof(MlFeature));
	const FrozenInput *from_inputs = at(o, from->inputs);
	const FrozenFeature *references = at(o, from->references);

	if (o->failed)
		return NULL;
	memcpy(features, at(o, from->features), from->n_features * sizeof(MlFeature));
	for (size_t i = 0; i < from->n_inputs; i++)
		open_input(o, &from_inputs[i], &inputs[i]);
	for (size_t i = 0; i < from->n_features; i++)
	{
		features[i].name = at(o, references[i].name);
		features[i].edges = at(o, references[i].edges);
		features[i].code_counts = at(o, references[i].code_counts);
		features[i].training_value = at(o, references[i].training_value);
	}
	s->n_inputs = from->n_inputs;
	s->inputs = inputs;
	s->n_features = from->n_features;
	s->features = features;
	s->input_column = at(o, from->input_column);
	s->time_zone = at(o, from->time_zone);
	s->prior = from->prior;
	return s;
}

static void
open_view(Opening *o, const FrozenView *from, MlView *view)
{
	view->train = open_rows(o, from->train);
	view->validation = open_rows(o, from->validation);
	view->judged = open_rows(o, from->judged);
	if (!from->fitted)
		return;
	view->signature = open_signature(o, from);
	view->binned_train = open_binned(o, from->binned[0], from->train.n, from->n_features);
	view->binned_validation = open_binned(o, from->binned[1], from->validation.n, from->n_features);
}

MlStatus
ml_frozen_open(MlContext *ctx, const void *block, MlFrozen *frozen)
{
	const FrozenHeader *header = block;
	Opening		o = {ctx, block, header, false};
	MlView	   *views = take(&o, header->n_views, sizeof(MlView));
	const FrozenView *from = at(&o, header->views);

	frozen->dataset = open_dataset(&o);
	frozen->label = at(&o, header->label);
	frozen->row_weight = at(&o, header->row_weight);
	frozen->n_columns = 0;
	frozen->columns = NULL;
	frozen->n_views = header->n_views;
	frozen->views = views;
	for (size_t v = 0; views && v < header->n_views; v++)
		open_view(&o, &from[v], &views[v]);
	return o.failed ? ml_fail_memory(ctx) : ML_OK;
}
