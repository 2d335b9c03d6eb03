/*-------------------------------------------------------------------------
 * frozen.c
 *	  A training's data in one block of memory without pointers.
 *
 * The block is written by a cursor that runs twice: once without memory, to
 * count.  Every reference is an offset from the block's start; 0 is "none".
 * The block is trusted: one server process wrote it for another.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "dictionary.h"

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
	size_t		n_train;
	size_t		train;			/* uint32_t[] new row numbers */
	size_t		n_validation;
	size_t		validation;
	size_t		label;
	size_t		row_weight;
	size_t		fit_weight;
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
	size_t		values;			/* [n_rows], 0: not an input */
	size_t		n_words;		/* dictionary */
	size_t		word_ends;		/* size_t[n_words] */
	size_t		words;
} FrozenColumn;

typedef struct FrozenView
{
	size_t		time_zone;
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
} FrozenInput;

typedef struct FrozenFeature
{
	size_t		name;
	size_t		edges;
	size_t		code_counts;
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

static MlStatus
renumber(MlContext *ctx, const MlFrozen *f, Renumbering *r)
{
	size_t		n_rows = f->dataset->n_rows;

	r->n = 0;
	r->old = ml_arena_alloc_array(ctx->arena, f->train.n + f->validation.n, sizeof(uint32_t));
	r->new = ml_arena_alloc_zeroed(ctx->arena, n_rows, sizeof(uint32_t));
	if (r->old == NULL || r->new == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < f->train.n; i++)
		r->new[f->train.row[i]] = 1;
	for (size_t i = 0; i < f->validation.n; i++)
		r->new[f->validation.row[i]] = 1;
	for (size_t row = 0; row < n_rows; row++)
	{
		if (!r->new[row])
			continue;
		r->new[row] = (uint32_t) r->n;
		r->old[r->n++] = (uint32_t) row;
	}
	return ML_OK;
}

static size_t
put_rows(Cursor *c, MlRows rows, const Renumbering *r)
{
	size_t		offset;
	uint32_t   *to = reserve(c, rows.n * sizeof(uint32_t), &offset);

	for (size_t i = 0; to && i < rows.n; i++)
		to[i] = r->new[rows.row[i]];
	return offset;
}

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

static void
put_dictionary(Cursor *c, const MlDictionary *dictionary, FrozenColumn *column)
{
	size_t		total = 0;
	size_t	   *ends;
	char	   *words;

	column->n_words = ml_dictionary_size(dictionary);
	ends = reserve(c, column->n_words * sizeof(size_t), &column->word_ends);
	for (size_t i = 0; i < column->n_words; i++)
	{
		size_t		size;

		(void) ml_dictionary_bytes(dictionary, (uint32_t) i, &size);
		total += size;
		if (ends)
			ends[i] = total;
	}
	words = reserve(c, total, &column->words);
	for (size_t i = 0; words && i < column->n_words; i++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(dictionary, (uint32_t) i, &size);

		memcpy(words + ends[i] - size, bytes, size);
	}
}

static void
put_values(Cursor *c, const MlColumn *from, const Renumbering *r, FrozenColumn *column)
{
	size_t		n_chunks = r->n == 0 ? 0 : (r->old[r->n - 1] >> ML_CHUNK_SHIFT) + 1;
	char	   *to;

	column->kind = from->kind;
	column->width = 4;
	for (size_t i = 0; i < n_chunks; i++)
	{
		if (from->chunks[i].width > column->width)
			column->width = from->chunks[i].width;
	}
	to = reserve(c, r->n * column->width, &column->values);
	for (size_t i = 0; to && i < r->n; i++)
	{
		if (from->kind == ML_COLUMN_CATEGORY)
			((uint32_t *) to)[i] = ml_column_code(from, r->old[i]);
		else if (column->width == 4)
			((float *) to)[i] = (float) ml_column_number(from, r->old[i]);
		else
			((double *) to)[i] = ml_column_number(from, r->old[i]);
	}
	if (from->kind == ML_COLUMN_CATEGORY)
		put_dictionary(c, from->dictionary, column);
}

static bool
is_input(const MlFrozen *f, uint32_t column)
{
	for (size_t v = 0; v < f->n_views; v++)
	{
		for (size_t i = 0; i < f->views[v].signature->n_inputs; i++)
		{
			if (f->views[v].signature->input_column[i] == column)
				return true;
		}
	}
	return false;
}

static void
put_columns(Cursor *c, const MlFrozen *f, const Renumbering *r, FrozenHeader *header)
{
	FrozenColumn *columns = reserve(c, f->dataset->n_columns * sizeof(FrozenColumn), &header->columns);

	for (uint32_t i = 0; i < f->dataset->n_columns; i++)
	{
		const MlColumn *from = &f->dataset->columns[i];
		FrozenColumn column = {.kind = ML_COLUMN_HASH, .width = 8};

		column.name = put_string(c, from->name);
		column.type_name = put_string(c, from->type_name);
		if (is_input(f, i))
			put_values(c, from, r, &column);
		if (columns)
			columns[i] = column;
	}
}

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

static FrozenInput
put_input(Cursor *c, const MlInput *input)
{
	FrozenInput to = {.kind = input->kind, .n_categories = input->n_categories};
	size_t		total = 0;
	char	   *bytes;

	to.name = put_string(c, input->name);
	to.type_name = put_string(c, input->type_name);
	to.category_size = put(c, input->category_size, input->n_categories * sizeof(uint32_t));
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

static FrozenView
put_view(Cursor *c, const MlView *view)
{
	const MlSignature *s = view->signature;
	FrozenView	to = {.n_inputs = s->n_inputs, .n_features = s->n_features};
	FrozenInput *inputs = reserve(c, s->n_inputs * sizeof(FrozenInput), &to.inputs);
	FrozenFeature *references = reserve(c, s->n_features * sizeof(FrozenFeature), &to.references);

	to.time_zone = put_string(c, s->time_zone);
	to.input_column = put(c, s->input_column, s->n_inputs * sizeof(uint32_t));
	to.features = put(c, s->features, s->n_features * sizeof(MlFeature));
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
		if (references)
			references[i] = reference;
	}
	to.binned[0] = put_binned(c, view->binned_train);
	to.binned[1] = put_binned(c, view->binned_validation);
	return to;
}

static MlStatus
write_all(MlContext *ctx, const MlFrozen *f, Cursor *c)
{
	MlArenaMark mark = ml_arena_mark(ctx->arena);
	FrozenHeader header = {.n_columns = f->dataset->n_columns, .n_views = f->n_views,
	.n_train = f->train.n, .n_validation = f->validation.n};
	Renumbering r;
	size_t		start;
	void	   *to = reserve(c, sizeof(header), &start);
	FrozenView *views;
	MlStatus	status = renumber(ctx, f, &r);

	if (status != ML_OK)
		return status;
	header.n_rows = r.n;
	header.train = put_rows(c, f->train, &r);
	header.validation = put_rows(c, f->validation, &r);
	header.label = put_floats(c, f->label, &r);
	header.row_weight = put_floats(c, f->row_weight, &r);
	header.fit_weight = put_floats(c, f->fit_weight, &r);
	header.time_zone = put_string(c, f->dataset->time_zone);
	put_columns(c, f, &r, &header);
	views = reserve(c, f->n_views * sizeof(FrozenView), &header.views);
	for (size_t v = 0; v < f->n_views; v++)
	{
		FrozenView	view = put_view(c, &f->views[v]);

		if (views)
			views[v] = view;
	}
	if (to)
		memcpy(to, &header, sizeof(header));
	ml_arena_release(ctx->arena, mark);
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

static void *
take(Opening *o, size_t n, size_t size)
{
	void	   *memory = ml_arena_alloc_zeroed(o->ctx->arena, n, size);

	o->failed = o->failed || memory == NULL;
	return memory;
}

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

static void
open_column(Opening *o, const FrozenColumn *from, MlColumn *column)
{
	size_t		n_chunks = (o->header->n_rows + ML_CHUNK_ROWS - 1) >> ML_CHUNK_SHIFT;

	column->name = at(o, from->name);
	column->type_name = at(o, from->type_name);
	column->kind = from->kind;
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
	input->category_size = at(o, from->category_size);
	for (uint32_t i = 0; category && i < from->n_categories; i++)
	{
		category[i] = bytes;
		bytes += input->category_size[i];
	}
}

static void
open_view(Opening *o, const FrozenView *from, MlView *view)
{
	MlSignature *s = take(o, 1, sizeof(MlSignature));
	MlInput    *inputs = take(o, from->n_inputs, sizeof(MlInput));
	MlFeature  *features = take(o, from->n_features, sizeof(MlFeature));
	const FrozenInput *from_inputs = at(o, from->inputs);
	const FrozenFeature *references = at(o, from->references);

	if (o->failed)
		return;
	memcpy(features, at(o, from->features), from->n_features * sizeof(MlFeature));
	for (size_t i = 0; i < from->n_inputs; i++)
		open_input(o, &from_inputs[i], &inputs[i]);
	for (size_t i = 0; i < from->n_features; i++)
	{
		features[i].name = at(o, references[i].name);
		features[i].edges = at(o, references[i].edges);
		features[i].code_counts = at(o, references[i].code_counts);
	}
	s->n_inputs = from->n_inputs;
	s->inputs = inputs;
	s->n_features = from->n_features;
	s->features = features;
	s->input_column = at(o, from->input_column);
	s->time_zone = at(o, from->time_zone);
	view->signature = s;
	view->binned_train = open_binned(o, from->binned[0], o->header->n_train, s->n_features);
	view->binned_validation = open_binned(o, from->binned[1], o->header->n_validation, s->n_features);
}

MlStatus
ml_frozen_open(MlContext *ctx, const void *block, MlFrozen *frozen)
{
	const FrozenHeader *header = block;
	Opening		o = {ctx, block, header, false};
	MlView	   *views = take(&o, header->n_views, sizeof(MlView));
	const FrozenView *from = at(&o, header->views);

	frozen->dataset = open_dataset(&o);
	frozen->train = (MlRows) {at(&o, header->train), header->n_train};
	frozen->validation = (MlRows) {at(&o, header->validation), header->n_validation};
	frozen->label = at(&o, header->label);
	frozen->row_weight = at(&o, header->row_weight);
	frozen->fit_weight = at(&o, header->fit_weight);
	frozen->n_views = header->n_views;
	frozen->views = views;
	for (size_t v = 0; views && v < header->n_views; v++)
		open_view(&o, &from[v], &views[v]);
	return o.failed ? ml_fail_memory(ctx) : ML_OK;
}
