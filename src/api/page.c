/*-------------------------------------------------------------------------
 * page.c
 *	  Texts in a page that anybody may write into a file.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "mlops/base.h"

MLOPS_FUNCTION(mlops_in_ascii);

/* What stands for bytes that are no character. */
#define REPLACEMENT_CHARACTER 0xFFFD

static bool
is_ascii(const char *text, int size)
{
	for (int i = 0; i < size; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/*
 * mlops_catalog.in_ascii(value) -> text: characters beyond ASCII by their number in
 * Unicode, as HTML has them.  A client writes a page in an encoding of its own, and
 * the page cannot know which.
 */
Datum
mlops_in_ascii(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	char	   *bytes = VARDATA_ANY(value);
	int			size = (int) VARSIZE_ANY_EXHDR(value);
	StringInfoData escaped;

	if (is_ascii(bytes, size))
		PG_RETURN_TEXT_P(value);
	if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		bytes = pg_server_to_any(bytes, size, PG_UTF8);
		size = (int) strlen(bytes);
	}
	initStringInfo(&escaped);
	for (int length; size > 0; bytes += length, size -= length)
	{
		length = Max(1, pg_encoding_verifymbchar(PG_UTF8, bytes, size));
		if (!IS_HIGHBIT_SET(*bytes))
			appendStringInfoChar(&escaped, *bytes);
		else
			appendStringInfo(&escaped, "&#%u;", length > 1 ? (unsigned int) utf8_to_unicode((unsigned char *) bytes)
							 : REPLACEMENT_CHARACTER);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(escaped.data, escaped.len));
}
