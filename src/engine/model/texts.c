/*-------------------------------------------------------------------------
 * texts.c
 *	  The texts of a model: looked at one by one, and put in other words where
 *	  rows are spelled in another encoding than the bytes.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "format.h"

bool
ml_model_is_ascii(const MlModel *m)
{
	for (uint64_t i = 0; i < m->n_strings; i++)
	{
		if ((uint8_t) m->strings[i] >= 0x80)
			return false;
	}
	return true;
}

static MlModelText
text_at(const MlModel *m, MlModelTextKind kind, MlStringRef ref, const char *input)
{
	return (MlModelText) {kind, m->strings + ref.offset, ref.size, input};
}

/* In the order of the strings in the bytes. */
bool
ml_model_each_text(const MlModel *m, MlTextVisitor visit, void *arg)
{
	bool		going = visit(arg, text_at(m, ML_TEXT_ALGORITHM, m->algorithm, NULL)) &&
		visit(arg, text_at(m, ML_TEXT_TIME_ZONE, m->time_zone, NULL));

	for (uint32_t i = 0; going && i < m->n_inputs; i++)
	{
		const InputRecord *input = &m->inputs[i];
		const char *name = m->strings + input->name.offset;

		going = visit(arg, text_at(m, ML_TEXT_INPUT, input->name, NULL)) &&
			visit(arg, text_at(m, ML_TEXT_TYPE, input->type, name));
		for (uint32_t c = 0; going && c < input->n_categories; c++)
			going = visit(arg, text_at(m, ML_TEXT_LEVEL, m->categories[input->first_category + c], name));
	}
	for (uint32_t f = 0; going && f < m->n_features; f++)
		going = visit(arg, text_at(m, ML_TEXT_FEATURE, m->features[f].name, NULL));
	return going;
}

/* ---------------------------------------------------------------- in other words */

/* What a recoded model has of its own, one after the other in one block. */
typedef struct Recoding
{
	MlRecoder	recode;
	void	   *arg;
	char	   *strings;		/* NULL: only counting */
	uint64_t	used;
} Recoding;

/*
 * Counts a text as it is spelled, and writes it if there is memory; false if it
 * cannot be spelled.
 */
static bool
add_text(Recoding *r, MlModelText text, MlStringRef *ref)
{
	const char *bytes = text.bytes;
	size_t		size = text.size;
	bool		known = r->recode(r->arg, text, &bytes, &size);

	if (r->strings)
	{
		memcpy(r->strings + r->used, bytes, size);
		r->strings[r->used + size] = '\0';
		*ref = (MlStringRef) {(uint32_t) r->used, (uint32_t) size};
	}
	r->used += size + 1;
	return known;
}

static uint64_t
padded(uint64_t size)
{
	return (size + 7) / 8 * 8;
}

typedef struct Sizes
{
	uint64_t	inputs;
	uint64_t	categories;
	uint64_t	hash;
	uint64_t	features;
	uint64_t	n_hash;
} Sizes;

/* Bytes of a recoded model's tables, each padded to 8. */
static Sizes
sizes_of(const MlModel *m)
{
	Sizes		s = {0};

	s.inputs = padded(m->n_inputs * sizeof(InputRecord));
	s.features = padded(m->n_features * sizeof(MlFeatureRecord));
	for (uint32_t i = 0; i < m->n_inputs; i++)
	{
		s.categories += m->inputs[i].n_categories;
		s.n_hash += (uint64_t) m->inputs[i].n_hash + m->inputs[i].n_others;
	}
	s.categories = padded(s.categories * sizeof(MlStringRef));
	s.hash = padded(s.n_hash * sizeof(uint32_t));
	return s;
}

static bool
count_text(void *arg, MlModelText text)
{
	MlStringRef ref;

	add_text((Recoding *) arg, text, &ref);
	return true;
}

size_t
ml_model_recoded_size(const MlModel *m, MlRecoder recode, void *arg)
{
	Recoding	r = {recode, arg, NULL, 0};
	Sizes		s = sizes_of(m);

	ml_model_each_text(m, count_text, &r);
	return s.inputs + s.categories + s.hash + s.features + r.used;
}

/*
 * The look-up finds what can be spelled, as far as there is room; the rest is unknown.
 * Hashes of other categories stand after it as they are.
 */
static void
recode_categories(Recoding *r, const MlModel *m, const InputRecord *input, MlStringRef *categories, uint32_t *hash)
{
	memcpy(hash + input->n_hash, m->hash + input->first_hash + input->n_hash, input->n_others * sizeof(uint32_t));
	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		MlStringRef *ref = &categories[input->first_category + c];
		bool		known = add_text(r, text_at(m, ML_TEXT_LEVEL, m->categories[input->first_category + c],
											m->strings + input->name.offset), ref);

		if (known)
			category_insert(hash, input->n_hash, category_slot(r->strings + ref->offset, ref->size, input->n_hash), c + 1);
	}
}

/*
 * Lays the block out as ml_model_recoded_size has counted it: inputs, categories,
 * look-up, features, strings.
 */
void
ml_model_recode(const MlModel *m, MlRecoder recode, void *arg, void *block, MlModel *out)
{
	Sizes		s = sizes_of(m);
	char	   *at = block;
	InputRecord *inputs = (InputRecord *) at;
	MlStringRef *categories = (MlStringRef *) (at += s.inputs);
	uint32_t   *hash = (uint32_t *) (at += s.categories);
	MlFeatureRecord *features = (MlFeatureRecord *) (at += s.hash);
	Recoding	r = {recode, arg, at + s.features, 0};
	MlStringRef algorithm;
	MlStringRef time_zone;

	memcpy(inputs, m->inputs, m->n_inputs * sizeof(InputRecord));
	memcpy(features, m->features, m->n_features * sizeof(MlFeatureRecord));
	memset(hash, 0, s.n_hash * sizeof(uint32_t));
	add_text(&r, text_at(m, ML_TEXT_ALGORITHM, m->algorithm, NULL), &algorithm);
	add_text(&r, text_at(m, ML_TEXT_TIME_ZONE, m->time_zone, NULL), &time_zone);
	for (uint32_t i = 0; i < m->n_inputs; i++)
	{
		const InputRecord *input = &m->inputs[i];

		add_text(&r, text_at(m, ML_TEXT_INPUT, input->name, NULL), &inputs[i].name);
		add_text(&r, text_at(m, ML_TEXT_TYPE, input->type, m->strings + input->name.offset), &inputs[i].type);
		recode_categories(&r, m, input, categories, hash + input->first_hash);
	}
	for (uint32_t f = 0; f < m->n_features; f++)
		add_text(&r, text_at(m, ML_TEXT_FEATURE, m->features[f].name, NULL), &features[f].name);

	*out = *m;
	out->algorithm = algorithm;
	out->time_zone = time_zone;
	out->strings = r.strings;
	out->n_strings = r.used;
	out->inputs = inputs;
	out->categories = categories;
	out->hash = hash;
	out->features = features;
	out->recoded = block;
	out->recoded_size = s.inputs + s.categories + s.hash + s.features + r.used;
}

size_t
ml_model_block_size(const MlModel *m)
{
	return m->recoded_size;
}

/* What was at a place in a block, in its copy. */
static const void *
in_copy(const MlModel *m, const void *at, const char *copy)
{
	return copy + ((const char *) at - (const char *) m->recoded);
}

void
move_recoded(const MlModel *m, void *block, MlModel *out)
{
	memcpy(block, m->recoded, m->recoded_size);
	out->algorithm = m->algorithm;
	out->time_zone = m->time_zone;
	out->strings = in_copy(m, m->strings, block);
	out->n_strings = m->n_strings;
	out->inputs = in_copy(m, m->inputs, block);
	out->categories = in_copy(m, m->categories, block);
	out->hash = in_copy(m, m->hash, block);
	out->features = in_copy(m, m->features, block);
	out->recoded = block;
	out->recoded_size = m->recoded_size;
}
