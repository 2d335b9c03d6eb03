/*-------------------------------------------------------------------------
 * prometheus.c
 *	  Labels as Prometheus writes them: of each of many thousand segments.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "mlops/base.h"

MLOPS_FUNCTION(mlops_prometheus_labels);
MLOPS_FUNCTION(mlops_prometheus_segment);

/* Label of a segment of imported decisions, see mlops_catalog.performance_window. */
#define IMPORTED "(imported)"

typedef struct Label
{
	char	   *name;
	char	   *value;
} Label;

/* A value in words, as ->> gives it; NULL for JSON's null. */
static char *
value_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	}
}

static int
compare_labels(const void *a, const void *b)
{
	return strcmp(((const Label *) a)->name, ((const Label *) b)->name);
}

/* A name has letters and digits of ASCII only. */
static void
append_name(StringInfo text, const char *name)
{
	for (const char *c = name; *c; c += pg_mblen(c))
		appendStringInfoChar(text, (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ? *c : '_');
}

static void
append_value(StringInfo text, const char *value)
{
	for (const char *c = value; *c; c++)
	{
		if (*c == '\\' || *c == '"')
			appendStringInfoChar(text, '\\');
		if (*c == '\n')
			appendStringInfoString(text, "\\n");
		else
			appendStringInfoChar(text, *c);
	}
}

/* mlops_catalog.prometheus_labels(labels jsonb) -> text; NULL without any */
Datum
mlops_prometheus_labels(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	Label	   *labels = palloc((JB_ROOT_COUNT(json) + 1) * sizeof(Label));
	int			n = 0;
	JsonbValue	value;
	JsonbIteratorToken token;
	StringInfoData text;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			labels[n].name = value_text(&value);
		else if (token == WJB_VALUE && (labels[n].value = value_text(&value)) != NULL)
			n++;
	}
	if (n == 0)
		PG_RETURN_NULL();
	qsort(labels, n, sizeof(Label), compare_labels);
	initStringInfo(&text);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(&text, i ? ',' : '{');
		append_name(&text, labels[i].name);
		appendStringInfoString(&text, "=\"");
		append_value(&text, labels[i].value);
		appendStringInfoChar(&text, '"');
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

static void
push_label(JsonbParseState **state, const char *name, int place, char *text)
{
	char	   *key = place > 1 ? psprintf("%s_%d", name, place) : pstrdup(name);
	JsonbValue	string = {.type = jbvString};

	string.val.string.val = key;
	string.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &string);
	string.val.string.val = text;
	string.val.string.len = (int) strlen(text);
	pushJsonbValue(state, WJB_VALUE, &string);
}

static void
push_column(JsonbParseState **state, int place, char *column, const JsonbValue *value)
{
	char	   *text = value_text(value);

	push_label(state, "segment", place, column);
	push_label(state, text ? "value" : "is_null", place, text ? text : pstrdup("true"));
	if (value->type == jbvNumeric || value->type == jbvBool)
		push_label(state, "type", place, pstrdup(value->type == jbvBool ? "boolean" : "number"));
}

/*
 * mlops_catalog.prometheus_segment(segment jsonb) -> jsonb
 *
 * Columns are values of a label, not names: a column may be called "model", and two
 * names may differ in characters that a label cannot have.  To Prometheus a label
 * that is empty is one that is not there, so NULL has its own.  The number 1 and the
 * text "1" are two segments: what is no text has its type beside it.
 */
Datum
mlops_prometheus_segment(PG_FUNCTION_ARGS)
{
	Jsonb	   *segment = PG_GETARG_JSONB_P(0);
	JsonbIterator *iterator = JsonbIteratorInit(&segment->root);
	JsonbParseState *state = NULL;
	char	   *column = NULL;
	int			place = 0;
	JsonbValue	value;
	JsonbIteratorToken token;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			column = value_text(&value);
		else if (token == WJB_VALUE && strcmp(column, IMPORTED) == 0)
			push_label(&state, "variant", 0, pstrdup(IMPORTED));
		else if (token == WJB_VALUE)
			push_column(&state, ++place, column, &value);
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
