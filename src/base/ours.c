/*-------------------------------------------------------------------------
 * ours.c
 *	  Statements of ours, and what errors in them show.
 *
 * Where an error comes from is told by lines of context, the innermost first.
 * Those between a public function and what it runs as a role are ours.  They begin
 * with the statement that runs it, or else with a line that mlbase_begin_theirs puts
 * there, end with one of mlbase_run_ours, and are taken out when the error passes.
 * Where no mlbase_run_ours is above there is nothing to take out.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"

#include "mlops/base.h"

#define OUR_FIRST_LINE "run by mlops as a role"
#define OUR_LAST_LINE "run by mlops for a function of schema mlops"

/* Error context callbacks; the argument of the second is the one above it. */
static void
mark_last(void *unused)
{
	errcontext("%s", OUR_LAST_LINE);
}

static void
mark_first(void *above)
{
	for (ErrorContextCallback *c = above; c; c = c->previous)
	{
		if (c->callback == mark_last)
		{
			errcontext("%s", OUR_FIRST_LINE);
			return;
		}
	}
}

void
mlbase_begin_theirs(ErrorContextCallback *scope)
{
	*scope = (ErrorContextCallback)
	{
		error_context_stack, mark_first, error_context_stack
	};
	error_context_stack = scope;
}

void
mlbase_end_theirs(const ErrorContextCallback *scope)
{
	error_context_stack = scope->previous;
}

/* The line of a text, NULL if there is none. */
static char *
find_line(char *text, const char *line)
{
	size_t		length = strlen(line);

	for (char *at = text; (at = strstr(at, line)) != NULL; at++)
	{
		if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
			return at;
	}
	return NULL;
}

/* Where our lines begin in a text that has our last one: its beginning if nothing ran as a role. */
static char *
find_first(char *text, const char *last)
{
	char	   *first = strstr(text, MLBASE_THEIRS);

	if (first == NULL || first > last)
		first = find_line(text, OUR_FIRST_LINE);
	if (first == NULL || first > last)
		return text;
	while (first > text && first[-1] != '\n')
		first--;
	return first;
}

/*
 * In PG_CATCH: throws the error on without our lines.  Of an internal one we want
 * them; that bytes are not those of a model (XX001) is told by the message.
 */
static void
throw_without_our_lines(MemoryContext memory)
{
	ErrorData  *error;
	char	   *first;
	char	   *last;

	if (geterrcode() == ERRCODE_INTERNAL_ERROR)
		PG_RE_THROW();
	MemoryContextSwitchTo(memory);
	error = CopyErrorData();
	last = error->context ? find_line(error->context, OUR_LAST_LINE) : NULL;
	if (last == NULL)
		PG_RE_THROW();
	FlushErrorState();
	first = find_first(error->context, last);
	last += strlen(OUR_LAST_LINE);
	if (*last == '\n')
		last++;
	else if (first > error->context)
		first--;
	memmove(first, last, strlen(last) + 1);
	if (error->context[0] == '\0')
		error->context = NULL;
	ReThrowError(error);
}

int
mlbase_run_ours(const char *sql, int n, Oid *types, Datum *values, const char *nulls, bool read_only)
{
	ErrorContextCallback above = {error_context_stack, mark_last, NULL};
	MemoryContext memory = CurrentMemoryContext;
	volatile int code = 0;

	error_context_stack = &above;
	PG_TRY();
	{
		code = SPI_execute_with_args(sql, n, types, values, nulls, read_only, 0);
	}
	PG_CATCH();
	{
		throw_without_our_lines(memory);
	}
	PG_END_TRY();
	error_context_stack = above.previous;
	return code;
}

bool
mlbase_tells_place(void)
{
	return geterrcode() == ERRCODE_INTERNAL_ERROR;
}
