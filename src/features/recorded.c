/*-------------------------------------------------------------------------
 * recorded.c
 *	  What a feature view is as JSON, as a model carries it: {"source": ...,
 *	  "key": ..., "time_column": ..., "known_column": ..., "features": {...}}.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rls.h"
#include "utils/varlena.h"

#include "mlops/features.h"
#include "mlops/json.h"

static void
push_pair(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* jsonb has one order of keys, so the same request has the same bytes. */
char *
mlfeat_to_json(const MlFeatureRequest *request)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;
	Jsonb	   *json;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "source", mling_relation_name(request->source));
	push_pair(&state, "key", request->key);
	push_pair(&state, "time_column", request->time_column);
	if (request->known_column)
		push_pair(&state, "known_column", request->known_column);
	value.type = jbvString;
	value.val.string.val = "features";
	value.val.string.len = (int) strlen("features");
	pushJsonbValue(&state, WJB_KEY, &value);
	value.type = jbvBinary;
	value.val.binary.data = &request->features->root;
	value.val.binary.len = VARSIZE(request->features) - VARHDRSZ;
	pushJsonbValue(&state, WJB_VALUE, &value);
	json = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/* A text that must be there.  Errors: 22023. */
static char *
text_of(MlOptions *options, const char *key)
{
	char	   *text = NULL;

	if (!mljson_text(options, key, &text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not say \"%s\" of the features that it reads", key)));
	return text;
}

/* InvalidOid: there is none of the name. */
static Oid
look_up_source(const char *name)
{
	return RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))), NoLock, true);
}

/* The relation that a name stood for when the model was trained.  Errors: 42P01. */
static Oid
find_source(const char *name)
{
	Oid			oid = look_up_source(name);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table %s, from whose rows the model's features are computed, does not exist", name),
				 errhint("Give rows that have the features, or give the table its name back.")));
	return oid;
}

static MlOptions *
read_recorded(const char *json, size_t size)
{
	char	   *text = pg_any_to_server(pnstrdup(json, size), (int) size, PG_UTF8);

	return mljson_options("history", DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))));
}

char *
mlfeat_recorded_source_name(const char *json, size_t size)
{
	return text_of(read_recorded(json, size), "source");
}

Oid
mlfeat_recorded_source(const char *json, size_t size)
{
	return look_up_source(mlfeat_recorded_source_name(json, size));
}

void
mlfeat_require_reader(Oid role, Oid source, const char *what)
{
	if (pg_class_aclcheck(source, role, ACL_SELECT) == ACLCHECK_OK && check_enable_rls(source, role, true) != RLS_ENABLED)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\", %s, may not read all rows of table %s", GetUserNameFromId(role, false), what, mling_relation_name(source)),
			 errdetail("Features are computed from these rows, and scores and logged decisions would tell of them."),
			 errhint("GRANT SELECT ON %s TO %s;", mling_relation_name(source), quote_identifier(GetUserNameFromId(role, false)))));
}

char *
mlfeat_recorded_time_column(const char *json, size_t size)
{
	return text_of(read_recorded(json, size), "time_column");
}

void
mlfeat_from_json(const char *json, size_t size, MlFeatureRequest *request)
{
	MlOptions  *options = read_recorded(json, size);
	MlOptions  *features = mljson_object(options, "features", "{}");
	char	   *known = NULL;

	memset(request, 0, sizeof(*request));
	request->source = find_source(text_of(options, "source"));
	request->key = text_of(options, "key");
	request->time_column = text_of(options, "time_column");
	(void) mljson_text(options, "known_column", &known);
	request->known_column = known;
	if (features == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not say \"features\" of the features that it reads")));
	request->features = features->object;
}

bool
mlfeat_is_feature(const MlFeatureRequest *request, const char *column)
{
	return getKeyJsonValueFromContainer(&request->features->root, column, strlen(column), NULL) != NULL;
}
