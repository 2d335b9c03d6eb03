/*-------------------------------------------------------------------------
 * arguments.c
 *	  Arguments of SQL-callable functions.
 *
 * A function that is not STRICT gets NULL in any argument, those of
 * mlops_catalog too: what SQL computed for them may be NULL.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "mlops/base.h"

#define MOST_QUOTED 200			/* bytes of a value that a message names */
#define MOST_MISTYPED 3			/* letters in which a suggestion may differ */
#define LEAST_PART 4			/* letters of a name within another one */

/* A parallel worker, or the leader of one. */
void
mlbase_refuse_parallel(const char *what)
{
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot execute %s during a parallel operation", what),
				 errhint("Mark the function that calls it, and those that call that one, PARALLEL UNSAFE.")));
}

void
mlbase_require_writable(const char *what)
{
	PreventCommandIfReadOnly(what);
	mlbase_refuse_restricted(what);
	mlbase_refuse_parallel(what);
}

void
mlbase_refuse_null(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", name)));
}

/* The last word of the text counts, if it is a decimal number other than 0. */
void
mlbase_require_unit(const char *argument, const char *key, const char *value)
{
	const char *end = value + strlen(value);
	const char *begin;
	char	   *rest;
	double		number;

	while (end > value && isspace((unsigned char) end[-1]))
		end--;
	begin = end;
	while (begin > value && !isspace((unsigned char) begin[-1]))
		begin--;
	number = strtod(begin, &rest);
	if (begin == end || rest != end || number == 0 || strspn(begin, "+-.0123456789eE") < end - begin)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" in \"%s\" is \"%s\", a length of time without a unit",
					key, argument, mlbase_excerpt(value)),
			 errhint("Write \"%.*s days\", or with another unit.", (int) (end - begin), begin)));
}

void
mlbase_tell_of_seconds(const char *argument, double seconds)
{
	if (seconds > 0 && seconds < SECS_PER_MINUTE)
		ereport(NOTICE,
				(errmsg("\"%s\" is %g second%s", argument, seconds, seconds == 1 ? "" : "s"),
				 errhint("That is what a number without a unit means. If seconds are not meant, write the unit, as in '7 days'.")));
}

/* The shortest text that reads back as the same number. */
char *
mlbase_number_text(double number)
{
	char	   *shortest = psprintf("%.17g", number);

	/* of fewest digits is not of fewest characters: 1e+01 */
	for (int digits = 16; digits >= 1; digits--)
	{
		char	   *text = psprintf("%.*g", digits, number);

		if (strtod(text, NULL) == number && strlen(text) <= strlen(shortest))
			shortest = text;
	}
	return shortest;
}

/* ---------------------------------------------------------------- sizes */

void
mlbase_refuse_size(const char *argument, Size size, int most)
{
	if (size > (Size) most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" is larger than %d bytes", argument, most),
				 errdetail("It has %zu bytes.", size),
				 errhint("Keep what is long in a table or a file of your own, and give its name here.")));
}

/*
 * Most bytes of an argument, 0 for one that has no bound here.  A document is what
 * is JSON, a list, a query or a command; other texts are notes.
 */
static int
most_bytes(Oid type, const char *argument)
{
	if (type == JSONBOID || OidIsValid(get_element_type(type)))
		return MLBASE_MOST_DOCUMENT;
	if (type != TEXTOID || strcmp(argument, "text") == 0)	/* a file: see mlops.log_artifact */
		return 0;
	if (strcmp(argument, "query") == 0 || strcmp(argument, "command") == 0)
		return MLBASE_MOST_DOCUMENT;
	return MLBASE_MOST_TEXT;
}

/* By default some are settings of the session. */
static void
refuse_unreadable_argument(Oid type, const char *argument, Datum value)
{
	char	   *written;
	Jsonb	   *json;

	if (type == TEXTOID)
		written = TextDatumGetCString(value);
	else if (type == JSONBOID)
	{
		json = DatumGetJsonbP(value);
		written = JsonbToCString(NULL, &json->root, VARSIZE(json));
	}
	else
		return;
	mlbase_refuse_unreadable(argument, written, strlen(written));
	pfree(written);
}

/*
 * By the function's declared parameters: sizes as they are uncompressed, found
 * without fetching the value; then each text and JSON is read.  Errors: 54000,
 * 22021.
 */
void
mlbase_refuse_large(FunctionCallInfo fcinfo)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid		   *types;
	char	  **names;
	char	   *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	(void) get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	for (int i = 0; i < PG_NARGS(); i++)	/* those that are returned come after them */
	{
		int			most = names ? most_bytes(types[i], names[i]) : 0;

		if (most > 0 && !PG_ARGISNULL(i))
		{
			mlbase_refuse_size(names[i], toast_raw_datum_size(PG_GETARG_DATUM(i)) - VARHDRSZ, most);
			refuse_unreadable_argument(types[i], names[i], PG_GETARG_DATUM(i));
		}
	}
}

/*
 * Itself if it fits.  Cut between characters, at most MLBASE_MOST_TEXT bytes with
 * the dots.
 */
const char *
mlbase_cut(const char *text)
{
	size_t		length = strlen(text);

	text = mlbase_readable(text);
	if (length <= MLBASE_MOST_TEXT)
		return text;
	length = MLBASE_MOST_TEXT - strlen("...");
	return psprintf("%.*s...", pg_mbcliplen(text, (int) length + MAX_MULTIBYTE_CHAR_LEN, (int) length), text);
}

/* ---------------------------------------------------------------- lists */

/*
 * Loops over a table of values, and searches in it, fail in their own words or take
 * it for a list; NULL in a list is a name or number that somebody has lost.
 */
void
mlbase_require_list(ArrayType *array, const char *argument)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a list, not an array of %d dimensions", argument, ARR_NDIM(array)),
				 errhint("Write it with one pair of braces, such as '{a,b}'.")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not contain nulls", argument)));
}

/* ---------------------------------------------------------------- names */

/* Copies, in the current memory context. */
List *
mlbase_names(ArrayType *array, const char *argument)
{
	List	   *names = NIL;
	Datum	   *elements;
	int			n;

	if (array == NULL)
		return NIL;
	mlbase_require_list(array, argument);
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, NULL, &n);
	if (n > MaxTupleAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" has more than %d names", argument, MaxTupleAttributeNumber)));
	for (int i = 0; i < n; i++)
		names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return names;
}

/* O(n^2), of at most as many names as a row has columns. */
void
mlbase_refuse_twice(const List *names, const char *argument)
{
	for (int i = 0; i < list_length(names); i++)
	{
		for (int j = 0; j < i; j++)
		{
			const char *name = (const char *) list_nth(names, i);

			if (strcmp(name, (const char *) list_nth(names, j)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" is named twice in \"%s\"", name, argument)));
		}
	}
}

const char *
mlbase_excerpt(const char *text)
{
	size_t		length = strlen(text);

	if (length <= MOST_QUOTED)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, MOST_QUOTED + MAX_MULTIBYTE_CHAR_LEN, MOST_QUOTED), text);
}

char *
mlbase_utc_text(TimestampTz at)
{
	static const int utc = 0;

	return JsonEncodeDateTime(NULL, TimestampTzGetDatum(at), TIMESTAMPTZOID, &utc);
}

/* wanted must live as long as nearest is used. */
void
mlbase_nearest_begin(MlNearest *nearest, const char *wanted)
{
	nearest->wanted = wanted;
	nearest->distance = Min((pg_mbstrlen(wanted) + 2) / 3, MOST_MISTYPED) + 1;
	nearest->name[0] = '\0';
	nearest->by_letters_alone = false;
}

/* Is one of two names the beginning of the other, or its end after an underscore? */
static bool
is_part_of(const char *a, const char *b)
{
	const char *part = strlen(a) < strlen(b) ? a : b;
	const char *whole = part == a ? b : a;
	size_t		more = strlen(whole) - strlen(part);

	return strlen(part) >= LEAST_PART &&
		(strncmp(whole, part, strlen(part)) == 0 || (more > 0 && whole[more - 1] == '_' && strcmp(whole + more, part) == 0));
}

/*
 * Levenshtein's distance, given up once it is beyond the best so far.  Of
 * candidates that are as near the first counts.
 */
void
mlbase_nearest_of(MlNearest *nearest, const char *candidate)
{
	int			distance = pg_strcasecmp(nearest->wanted, candidate) == 0 ? 0
		: varstr_levenshtein_less_equal(nearest->wanted, strlen(nearest->wanted), candidate,
										strlen(candidate), 1, 1, 1, nearest->distance, true);

	if (distance < nearest->distance)
		nearest->distance = distance;
	else if (nearest->name[0] || nearest->by_letters_alone || !is_part_of(nearest->wanted, candidate))
		return;
	strlcpy(nearest->name, candidate, NAMEDATALEN);
}
