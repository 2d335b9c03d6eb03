/*-------------------------------------------------------------------------
 * model_text.c
 *	  The encoding of model bytes: UTF-8, whatever the database's is.
 *
 * Names and levels are put into UTF-8 when a model is encoded and into the
 * database's encoding when its bytes are opened, so the same bytes score the same
 * rows in every database.  A level that the database's encoding cannot spell is
 * one that no row here can have: it is shown with escapes.
 *
 * SQL_ASCII has no encoding: texts pass as they are.  Bytes made there that are
 * not UTF-8 open there only.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "mlops/ingest.h"

/* Bytes of a text shown in an error; each may become an escape of 4. */
#define BYTES_SHOWN 20

#define LAYOUT_ALIGNMENT 64

/* At most these many bytes a character, in UTF-8 or any other encoding. */
#define GROWTH MAX_CONVERSION_GROWTH

/* Is there an encoding to convert to and from? */
static bool
converts(void)
{
	return GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII;
}

/* ---------------------------------------------------------------- opening */

/* ASCII in a message, whatever the text is. */
static void
show_text(char *shown, size_t room, const char *bytes, size_t size)
{
	char	   *at = shown;

	for (size_t i = 0; i < Min(size, BYTES_SHOWN) && at + 5 < shown + room; i++)
	{
		unsigned char c = (unsigned char) bytes[i];

		if (c >= 0x20 && c < 0x7F)
			*at++ = (char) c;
		else
			at += snprintf(at, 5, "\\x%02x", c);
	}
	*at = '\0';
}

/*
 * An MlTextVisitor: false, with a message in arg [ML_MESSAGE_SIZE], at a text that
 * is no UTF-8.
 */
static bool
is_utf8(void *arg, MlModelText text)
{
	static const char *const kinds[] = {
		[ML_TEXT_ALGORITHM] = "algorithm", [ML_TEXT_TIME_ZONE] = "time zone", [ML_TEXT_INPUT] = "input",
		[ML_TEXT_TYPE] = "type", [ML_TEXT_LEVEL] = "level", [ML_TEXT_FEATURE] = "feature",
	};
	char		shown[4 * BYTES_SHOWN + 1];
	char		input[4 * BYTES_SHOWN + 1];

	/* a zero is no character of a text in PostgreSQL */
	if (memchr(text.bytes, '\0', text.size) == NULL &&
		pg_verify_mbstr(PG_UTF8, text.bytes, (int) text.size, true))
		return true;
	show_text(shown, sizeof(shown), text.bytes, text.size);
	show_text(input, sizeof(input), text.input ? text.input : "", text.input ? strlen(text.input) : 0);
	snprintf((char *) arg, ML_MESSAGE_SIZE, "Its %s \"%s\"%s%s%s is not UTF-8.", kinds[text.kind], shown,
			 text.input ? " of input \"" : "", input, text.input ? "\"" : "");
	return false;
}

/*
 * One character of UTF-8 in the database's encoding; 0 if it has none.  out has
 * room bytes, its zero included.
 */
static int
convert_character(Oid function, const char *bytes, int size, char *out, int room)
{
	if (!IS_HIGHBIT_SET(*bytes))
	{
		*out = *bytes;
		return 1;
	}
	if (pg_do_encoding_conversion_buf(function, PG_UTF8, GetDatabaseEncoding(),
									  (unsigned char *) unconstify(char *, bytes), size,
									  (unsigned char *) out, room, true) != size)
		return 0;
	return (int) strlen(out);
}

/*
 * An MlRecoder: arg is the OID of the conversion.  What cannot be spelled becomes its
 * code point, as "\u00E9".
 */
static bool
to_server(void *arg, MlModelText text, const char **bytes, size_t *size)
{
	char	   *out = palloc(text.size * Max(GROWTH, 10) + 1);
	char	   *at = out;
	bool		known = true;

	for (size_t i = 0; i < text.size;)
	{
		int			length = pg_utf_mblen((const unsigned char *) text.bytes + i);
		char		one[MAX_MULTIBYTE_CHAR_LEN * MAX_CONVERSION_GROWTH + 1];
		int			made = convert_character(*(Oid *) arg, text.bytes + i, length, one, sizeof(one));

		if (made > 0)
		{
			memcpy(at, one, made);
			at += made;
		}
		else
		{
			known = false;
			at += sprintf(at, "\\u%04X", (unsigned) utf8_to_unicode((const unsigned char *) text.bytes + i));
		}
		i += length;
	}
	*bytes = out;
	*size = at - out;
	return known;
}

/*
 * The model's texts are then in a block of the current memory context, the rest of
 * it in its bytes.
 */
static void
put_in_server_encoding(MlModel *model)
{
	Oid			function = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	MlModel    *recoded = palloc(ml_model_struct_size());
	void	   *block;

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("default conversion function for encoding \"%s\" to \"%s\" does not exist",
						pg_encoding_to_char(PG_UTF8), GetDatabaseEncodingName())));
	block = MemoryContextAllocHuge(CurrentMemoryContext, ml_model_recoded_size(model, to_server, &function));
	ml_model_recode(model, to_server, &function, block, recoded);
	memcpy(model, recoded, ml_model_struct_size());
}

/* In a block of the current memory context. */
static void
lay_out(MlModel *model)
{
	size_t		size = ml_model_layout_size(model);

	if (size > 0)
		ml_model_lay_out(model, (void *) TYPEALIGN(LAYOUT_ALIGNMENT,
												   MemoryContextAllocHuge(CurrentMemoryContext, size + LAYOUT_ALIGNMENT)));
}

/* Raises only what memory and a missing conversion raise. */
bool
mling_open_model(const uint8 *bytes, size_t size, MlModel *model, char *message)
{
	if (ml_model_open(bytes, size, model, message) != ML_OK)
		return false;
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		if (!ml_model_each_text(model, is_utf8, message))
			return false;
		if (converts() && !ml_model_is_ascii(model))
			put_in_server_encoding(model);
	}
	lay_out(model);
	return true;
}

/* ---------------------------------------------------------------- encoding */

static const char *
in_utf8(const char *text)
{
	return pg_server_to_any(text, (int) strlen(text), PG_UTF8);
}

/* New arrays in the current memory context; the old ones stay. */
static void
input_in_utf8(MlInput *input)
{
	const char **category = palloc(Max(input->n_categories, 1) * sizeof(char *));
	uint32_t   *category_size = palloc(Max(input->n_categories, 1) * sizeof(uint32_t));

	for (uint32_t c = 0; c < input->n_categories; c++)
	{
		char	   *text = pnstrdup(input->category[c], input->category_size[c]);

		category[c] = in_utf8(text);
		category_size[c] = (uint32_t) strlen(category[c]);
	}
	input->category = category;
	input->category_size = category_size;
	input->name = in_utf8(input->name);
	input->type_name = in_utf8(input->type_name);
}

/*
 * The signature itself where nothing has to be converted, else a copy in the
 * current memory context.
 */
const MlSignature *
mling_signature_in_utf8(const MlSignature *signature)
{
	MlSignature *copy;

	if (!converts())
		return signature;
	copy = palloc(sizeof(MlSignature));
	*copy = *signature;
	copy->inputs = palloc(signature->n_inputs * sizeof(MlInput));
	copy->features = palloc(signature->n_features * sizeof(MlFeature));
	memcpy(copy->inputs, signature->inputs, signature->n_inputs * sizeof(MlInput));
	memcpy(copy->features, signature->features, signature->n_features * sizeof(MlFeature));
	for (size_t i = 0; i < copy->n_inputs; i++)
		input_in_utf8(&copy->inputs[i]);
	for (size_t f = 0; f < copy->n_features; f++)
		copy->features[f].name = in_utf8(copy->features[f].name);
	return copy;
}
