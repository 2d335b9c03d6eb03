/*-------------------------------------------------------------------------
 * filter.c
 *	  The filter language of search_runs, compiled to a condition.
 *
 *		expression	= term { OR term }
 *		term		= factor { AND factor }
 *		factor		= NOT factor | '(' expression ')' | comparison
 *		comparison	= identifier operator value
 *					| identifier [NOT] IN '(' value { ',' value } ')'
 *					| identifier [NOT] (LIKE | ILIKE) text
 *					| identifier IS [NOT] NULL
 *		identifier	= [entity '.'] key
 *		entity		= metrics | params | tags | attributes | datasets (or singular)
 *		key			= letters, digits, _ . / -   or   `anything`   or   "anything"
 *
 * It is MLflow's language, with OR, NOT and parentheses added.  The condition
 * is made of fixed pieces of SQL alone: every key and value becomes an element
 * of a JSON array that the statement gets as its parameter $1.
 *
 * A comparison may be a subquery that takes time and memory to plan: their number
 * is limited, so that any search is planned in a fraction of a second.
 * One pass by recursive descent, one token ahead.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "mlops/registry.h"

#define MOST_BYTES 100000		/* of a filter */
#define MOST_OPERANDS 200		/* of a filter and its orders together */
#define MOST_VALUES 2000
#define DEEPEST 200

typedef enum Entity
{
	METRIC,
	PARAM,
	TAG,
	ATTRIBUTE,
	DATASET
} Entity;

/* What an attribute is in SQL; r is the run, e its experiment. */
static const struct
{
	const char *name;
	const char *sql;
	enum
	{
		TEXT, NUMBER, TIME
	}			type;
}			attributes[] = {
	{"run_id", "r.run_id", NUMBER},
	{"name", "r.name", TEXT},
	{"run_name", "r.name", TEXT},
	{"experiment", "e.name", TEXT},
	{"model", "r.model", TEXT},
	{"version", "r.version", NUMBER},
	{"algorithm", "r.algorithm", TEXT},
	{"status", "r.status", TEXT},
	{"owner", "mlops_catalog.role_text(r.owner)", TEXT},
	{"user_id", "mlops_catalog.role_text(r.owner)", TEXT},
	{"note", "r.note", TEXT},
	{"library_version", "r.library_version", TEXT},
	{"parent_run_id", "r.parent_run_id", NUMBER},
	{"started_at", "r.started_at", TIME},
	{"start_time", "r.started_at", TIME},
	{"ended_at", "r.ended_at", TIME},
	{"end_time", "r.ended_at", TIME},
};

typedef enum TokenKind
{
	END,
	IDENTIFIER,					/* a word, with or without a key after a dot */
	TEXT_VALUE,
	NUMBER_VALUE,
	OPERATOR					/* also ( ) , */
} TokenKind;

typedef struct Parser
{
	const char *argument;		/* name of the SQL argument, for errors */
	const char *text;
	const char *at;				/* what comes after the token */

	/* the token looked at */
	const char *start;
	TokenKind	kind;
	char	   *word;			/* identifier up to the dot, operator, value */
	char	   *key;			/* after the dot, NULL: none */
	bool		quoted;			/* a text in double quotes */

	int			depth;
	MlFilter   *out;
} Parser;

/* ---------------------------------------------------------------- tokens */

/* Errors: 42601, with position in characters and what comes there. */
static void
syntax_error(Parser *p, const char *expected)
{
	int			position = pg_mbstrlen_with_len(p->text, p->start - p->text) + 1;
	int			length = Min(strlen(p->start), 40);

	length = pg_mbcliplen(p->start, strlen(p->start), length);
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 p->kind == END && *p->start == '\0'
			 ? errmsg("\"%s\" ends at position %d where %s is expected", p->argument, position, expected)
			 : errmsg("syntax error in \"%s\" at position %d: %s is expected", p->argument, position, expected),
			 *p->start ? errdetail("It goes on with: %.*s", length, p->start) : 0,
			 errhint("Write it as in: metrics.test_pr_auc > 0.6 AND params.max_depth = '6' AND tags.team LIKE 'ri%%'.")));
}

/* Text up to the closing quote, which is doubled inside; at is behind the opening one. */
static char *
quoted_text(Parser *p, char quote)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;; p->at++)
	{
		if (*p->at == '\0')
			syntax_error(p, psprintf("a closing %c", quote));
		if (*p->at == quote && *++p->at != quote)
			return text.data;
		appendStringInfoChar(&text, *p->at);
	}
}

/* Bytes of other alphabets are letters. */
static bool
is_key_character(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c) || strchr("_./-", c);
}

/* A word, and the key after its dot, which may be quoted. */
static void
read_identifier(Parser *p)
{
	const char *begin = p->at;

	p->kind = IDENTIFIER;
	while (isalnum((unsigned char) *p->at) || *p->at == '_')
		p->at++;
	p->word = pnstrdup(begin, p->at - begin);
	if (*p->at != '.')
		return;
	p->at++;
	if (*p->at == '`' || *p->at == '"')
	{
		char		quote = *p->at++;

		p->key = quoted_text(p, quote);
		return;
	}
	begin = p->at;
	while (*p->at && is_key_character(*p->at))
		p->at++;
	if (p->at == begin)
		syntax_error(p, "a key after the dot");
	p->key = pnstrdup(begin, p->at - begin);
}

/* As it is written: the text is checked here, and cast in SQL. */
static void
read_number(Parser *p)
{
	char	   *end;

	(void) strtod(p->at, &end);
	/* strtod also takes "inf", "nan" and hexadecimal numbers */
	if (end == p->at || strspn(p->at, "0123456789.eE+-") < end - p->at)
		syntax_error(p, "a number");
	p->kind = NUMBER_VALUE;
	p->word = pnstrdup(p->at, end - p->at);
	p->at = end;
}

/* Reads the next token into p; END at the end. */
static void
next(Parser *p)
{
	static const char *const operators[] = {
		"!=", "<>", ">=", "<=", "==", "=", ">", "<", "(", ")", ","
	};

	while (isspace((unsigned char) *p->at))
		p->at++;
	p->start = p->at;
	p->kind = END;
	p->word = p->key = NULL;
	p->quoted = false;
	if (*p->at == '\0')
		return;
	if (isalpha((unsigned char) *p->at) || *p->at == '_')
	{
		read_identifier(p);
		return;
	}
	if (isdigit((unsigned char) *p->at) || *p->at == '-' || *p->at == '+' || *p->at == '.')
	{
		read_number(p);
		return;
	}
	if (*p->at == '\'' || *p->at == '"' || *p->at == '`')
	{
		char		quote = *p->at++;

		p->quoted = quote != '\'';
		p->word = quoted_text(p, quote);
		p->kind = quote == '`' ? IDENTIFIER : TEXT_VALUE;
		return;
	}
	for (size_t i = 0; i < lengthof(operators); i++)
	{
		if (strncmp(p->at, operators[i], strlen(operators[i])) == 0)
		{
			p->kind = OPERATOR;
			p->word = pstrdup(operators[i]);
			p->at += strlen(operators[i]);
			return;
		}
	}
	syntax_error(p, "a comparison");
}

/* A quoted word is none. */
static bool
is_keyword(const Parser *p, const char *keyword)
{
	return p->kind == IDENTIFIER && p->key == NULL && !p->quoted && pg_strcasecmp(p->word, keyword) == 0;
}

/* Goes on if the token is this keyword. */
static bool
accept_keyword(Parser *p, const char *keyword)
{
	if (!is_keyword(p, keyword))
		return false;
	next(p);
	return true;
}

/* Goes on if the token is this operator or bracket. */
static bool
accept_operator(Parser *p, const char *word)
{
	if (p->kind != OPERATOR || strcmp(p->word, word) != 0)
		return false;
	next(p);
	return true;
}

/* ---------------------------------------------------------------- code */

static void
emit(Parser *p, const char *fmt,...) __attribute__((format(printf, 2, 3)));

/*
 * Appends SQL.  Only constants of ours and places in the parameter may come here,
 * nothing of the user's text.
 */
static void
emit(Parser *p, const char *fmt,...)
{
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&p->out->sql, fmt, args);
		va_end(args);
		if (needed == 0)
			return;
		enlargeStringInfo(&p->out->sql, needed);
	}
}

/* Errors: 54000. */
static void
refuse_more(const Parser *p, int n, int most, const char *what)
{
	if (n > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" has more than %d %s", p->argument, most, what),
				 errhint("Search in several steps, or filter the result.")));
}

/* Adds a value to the parameter; returns its place in it. */
static int
add_argument(Parser *p, const char *value)
{
	refuse_more(p, p->out->n_arguments + 1, MOST_VALUES, "keys and values");
	appendStringInfoString(&p->out->arguments, p->out->n_arguments ? ", " : "");
	escape_json(&p->out->arguments, value);
	return p->out->n_arguments++;
}

/* A compared thing: its kind and the SQL for its value. */
typedef struct Operand
{
	Entity		entity;
	int			type;			/* TEXT, NUMBER, TIME */
	char	   *sql;
	bool		lower;			/* its values are all in lower case */
} Operand;

/* Errors: 22023, listing the attributes there are. */
static void
attribute_operand(Parser *p, const char *name, Operand *operand)
{
	StringInfoData valid;

	operand->entity = ATTRIBUTE;
	initStringInfo(&valid);
	for (size_t i = 0; i < lengthof(attributes); i++)
	{
		if (strcmp(name, attributes[i].name) == 0)
		{
			operand->type = attributes[i].type;
			operand->sql = pstrdup(attributes[i].sql);
			operand->lower = strcmp(name, "status") == 0;	/* MLflow writes FINISHED */
			return;
		}
		appendStringInfo(&valid, "%s%s", i ? ", " : "", attributes[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized attribute \"%s\" in \"%s\" at position %d", name, p->argument,
					pg_mbstrlen_with_len(p->text, p->start - p->text) + 1),
			 errhint("Attributes are: %s. Other keys follow metrics., params., tags. or datasets.", valid.data)));
}

/* Of the data set of the run's training. */
static void
dataset_operand(Parser *p, Operand *operand)
{
	operand->type = TEXT;
	if (strcmp(p->key, "name") == 0)
		operand->sql = "(SELECT coalesce(d.source, d.query) FROM mlops_catalog.dataset AS d WHERE d.dataset_id = r.dataset_id)";
	else if (strcmp(p->key, "digest") == 0)
		operand->sql = "(SELECT d.content_hash FROM mlops_catalog.dataset AS d WHERE d.dataset_id = r.dataset_id)";
	else
		syntax_error(p, "datasets.name or datasets.digest");
}

/*
 * A training's metrics say which rows they are of: pr_auc is the test rows' if
 * nothing has just that name.
 */
static char *
metric_operand(int name)
{
	return psprintf("(SELECT m.value FROM mlops_catalog.run_metric AS m "
					"WHERE m.run_id = r.run_id AND m.name = ANY (ARRAY[$1 ->> %d, 'test_' || ($1 ->> %d)]) "
					"ORDER BY m.name = $1 ->> %d DESC, m.step DESC LIMIT 1)", name, name, name);
}

/*
 * A metric of NaN is logged, but is no number: it is as little above one as below.
 * IS NULL looks at the metric itself: a NaN is there.
 */
static char *
comparable(const Operand *operand)
{
	return operand->entity == METRIC ? psprintf("nullif(%s, 'NaN')", operand->sql) : operand->sql;
}

/*
 * The identifier looked at, as an operand; its key becomes an argument.  Errors:
 * 42601, 22023, 54000.
 */
static Operand
parse_operand(Parser *p)
{
	static const struct
	{
		const char *word;
		Entity		entity;
	}			entities[] = {
		{"metrics", METRIC}, {"metric", METRIC}, {"params", PARAM}, {"param", PARAM},
		{"parameters", PARAM}, {"parameter", PARAM}, {"tags", TAG}, {"tag", TAG},
		{"attributes", ATTRIBUTE}, {"attribute", ATTRIBUTE}, {"attr", ATTRIBUTE}, {"run", ATTRIBUTE},
		{"datasets", DATASET}, {"dataset", DATASET},
	};
	Operand		operand = {ATTRIBUTE, TEXT, NULL, false};

	if (p->kind != IDENTIFIER)
		syntax_error(p, "metrics., params., tags. or an attribute");
	refuse_more(p, ++p->out->n_operands, MOST_OPERANDS, "comparisons");
	if (p->key == NULL)
		attribute_operand(p, p->word, &operand);
	for (size_t i = 0; operand.sql == NULL && i < lengthof(entities); i++)
	{
		if (p->quoted || pg_strcasecmp(p->word, entities[i].word) != 0)
			continue;
		operand.entity = entities[i].entity;
		switch (operand.entity)
		{
			case METRIC:
				operand.type = NUMBER;
				operand.sql = metric_operand(add_argument(p, p->key));
				break;
			case PARAM:
				operand.sql = psprintf("(SELECT p.value FROM mlops_catalog.run_param AS p "
									   "WHERE p.run_id = r.run_id AND p.name = $1 ->> %d)",
									   add_argument(p, p->key));
				break;
			case TAG:
				operand.sql = psprintf("(r.tags ->> ($1 ->> %d))", add_argument(p, p->key));
				break;
			case ATTRIBUTE:
				attribute_operand(p, p->key, &operand);
				break;
			case DATASET:
				dataset_operand(p, &operand);
				break;
		}
	}
	if (operand.sql == NULL)
		syntax_error(p, "metrics., params., tags., attributes. or datasets.");
	next(p);
	return operand;
}

/*
 * The value looked at, as SQL of the operand's type.  Errors: 42601, a value of
 * another type.
 */
static char *
parse_value(Parser *p, const Operand *operand)
{
	char	   *sql = NULL;

	if (operand->type == TEXT)
	{
		if (p->kind != TEXT_VALUE)
			syntax_error(p, "a text in quotes");
		sql = psprintf(operand->lower ? "lower($1 ->> %d)" : "($1 ->> %d)", add_argument(p, p->word));
	}
	else if (p->kind == NUMBER_VALUE)
	{
		/* MLflow's times are milliseconds since 1970 */
		sql = psprintf(operand->type == TIME ? "to_timestamp(($1 ->> %d)::float8 / 1000)"
					   : "($1 ->> %d)::float8", add_argument(p, p->word));
	}
	else if (operand->type == TIME && p->kind == TEXT_VALUE)
		sql = psprintf("($1 ->> %d)::timestamptz", add_argument(p, p->word));
	else
		syntax_error(p, operand->type == TIME ? "a time in quotes, or milliseconds since 1970" : "a number");
	next(p);
	return sql;
}

/* From the bracket on. */
static void
parse_in(Parser *p, const Operand *operand)
{
	if (!accept_operator(p, "("))
		syntax_error(p, "(");
	emit(p, "%s IN (", comparable(operand));
	do
	{
		emit(p, "%s", parse_value(p, operand));
		if (p->kind == OPERATOR && strcmp(p->word, ",") == 0)
			emit(p, ", ");
	} while (accept_operator(p, ","));
	if (!accept_operator(p, ")"))
		syntax_error(p, ", or )");
	emit(p, ")");
}

/* Emits one condition that is never NULL. */
static void
parse_comparison(Parser *p)
{
	Operand		operand = parse_operand(p);
	bool		negated;

	/* what is not there compares false, and NOT of that is true */
	emit(p, "coalesce(");
	if (accept_keyword(p, "is"))
	{
		negated = accept_keyword(p, "not");
		if (!accept_keyword(p, "null"))
			syntax_error(p, "NULL");
		emit(p, "%s IS %sNULL, false)", operand.sql, negated ? "NOT " : "");
		return;
	}
	negated = accept_keyword(p, "not");
	if (negated)
		emit(p, "NOT ");
	if (accept_keyword(p, "in"))
		parse_in(p, &operand);
	else if (is_keyword(p, "like") || is_keyword(p, "ilike"))
	{
		bool		ilike = is_keyword(p, "ilike");

		if (operand.type != TEXT)
			syntax_error(p, "a comparison of numbers");
		next(p);
		emit(p, "%s %s %s", operand.sql, ilike ? "ILIKE" : "LIKE", parse_value(p, &operand));
	}
	else
	{
		char	   *operator = p->word;

		if (negated)
			syntax_error(p, "IN, LIKE or ILIKE");
		if (p->kind != OPERATOR || strchr("(),", operator[0]))
			syntax_error(p, "a comparison");
		if (operand.type == TEXT && (operator[0] == '>' || (operator[0] == '<' && operator[1] != '>')))
			syntax_error(p, "=, !=, LIKE, ILIKE or IN, which texts have,");
		next(p);
		emit(p, "%s %s %s", comparable(&operand), strcmp(operator, "==") == 0 ? "=" : operator,
			 parse_value(p, &operand));
	}
	emit(p, ", false)");
}

static void parse_expression(Parser *p);

/* Depth counts what is nested and NOT; the stack has room for DEEPEST. */
static void
parse_factor(Parser *p)
{
	if (++p->depth > DEEPEST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" is nested more than %d deep", p->argument, DEEPEST)));
	if (accept_keyword(p, "not"))
	{
		emit(p, "NOT ");
		parse_factor(p);
	}
	else if (accept_operator(p, "("))
	{
		emit(p, "(");
		parse_expression(p);
		if (!accept_operator(p, ")"))
			syntax_error(p, "AND, OR or )");
		emit(p, ")");
	}
	else
		parse_comparison(p);
	p->depth--;
}

static void
parse_term(Parser *p)
{
	parse_factor(p);
	while (accept_keyword(p, "and"))
	{
		emit(p, " AND ");
		parse_factor(p);
	}
}

static void
parse_expression(Parser *p)
{
	parse_term(p);
	while (accept_keyword(p, "or"))
	{
		emit(p, " OR ");
		parse_term(p);
	}
}

/* Sets the parser up at the first token.  Errors: 54000, too long. */
static void
begin(Parser *p, const char *argument, const char *text, MlFilter *filter)
{
	if (strlen(text) > MOST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" is longer than %d bytes", argument, MOST_BYTES)));
	memset(p, 0, sizeof(*p));
	p->argument = argument;
	p->text = p->at = text;
	p->out = filter;
	next(p);
}

void
mlreg_init_filter(MlFilter *filter)
{
	initStringInfo(&filter->sql);
	initStringInfo(&filter->arguments);
	filter->n_arguments = filter->n_operands = 0;
}

void
mlreg_compile_filter(const char *text, MlFilter *filter)
{
	Parser		p;

	begin(&p, "filter", text, filter);
	if (p.kind == END)
		emit(&p, "true");
	else
	{
		parse_expression(&p);
		if (p.kind != END)
			syntax_error(&p, "AND, OR or the end");
	}
}

/* NULLs last either way: what has no value is never the best. */
void
mlreg_compile_order(const char *text, MlFilter *filter)
{
	Parser		p;
	Operand		operand;

	begin(&p, "order_by", text, filter);
	operand = parse_operand(&p);
	emit(&p, "%s", comparable(&operand));
	if (accept_keyword(&p, "desc"))
		emit(&p, " DESC NULLS LAST");
	else
	{
		(void) accept_keyword(&p, "asc");
		emit(&p, " ASC NULLS LAST");
	}
	if (p.kind != END)
		syntax_error(&p, "ASC, DESC or the end");
}
