/*-------------------------------------------------------------------------
 * parsed_text.c
 *	  Texts of statements that came as arguments, and what their errors point at.
 *
 * The parser knows places in the text that it was given.  Unless somebody says
 * which text that is, the client looks for the place in the statement that it has
 * sent, or SPI in a statement of ours.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tcop/tcopprot.h"

#include "mlops/base.h"

/* What we call a source in a query of ours around it: a place in that is none that the caller knows. */
#define OUR_ALIAS " AS mlops_source "

/* An error context callback, as those of SPI and PL/pgSQL. */
static void
point_into_text(void *text)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	if (strstr((const char *) text, OUR_ALIAS))
		return;
	internalerrposition(position);
	internalerrquery((const char *) text);
}

void
mlbase_begin_text(ErrorContextCallback *scope, const char *text)
{
	*scope = (ErrorContextCallback)
	{
		error_context_stack, point_into_text, (void *) text
	};
	error_context_stack = scope;
}

void
mlbase_end_text(const ErrorContextCallback *scope)
{
	error_context_stack = scope->previous;
}

List *
mlbase_parse(const char *text)
{
	ErrorContextCallback scope;
	List	   *statements;

	mlbase_begin_text(&scope, text);
	statements = pg_parse_query(text);
	mlbase_end_text(&scope);
	return statements;
}
