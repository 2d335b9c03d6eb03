/*-------------------------------------------------------------------------
 * names.c
 *	  Names of models and references to them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/registry.h"

#define MAX_NAME_LENGTH 63

/* See mlreg_check_name; no letter depends on a locale. */
static bool
valid_name(const char *name, size_t length)
{
	if (length == 0 || length > MAX_NAME_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char		c = name[i];
		bool		word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';

		if (!word && (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return true;
}

void
mlreg_check_name(const char *name)
{
	size_t		length = strcspn(name, "@/");

	if (!valid_name(name, strlen(name)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid model name \"%s\"", mlbase_excerpt(name)),
				 name[length] && valid_name(name, length)
				 ? errhint("Here the model's name stands alone: '%s'. What takes a version has an argument for its number.",
						   pnstrdup(name, length))
				 : errhint("A name has 1 to %d of the characters a-z, 0-9, \"_\", \".\" and \"-\", "
						 "and begins with a letter, digit or \"_\".", MAX_NAME_LENGTH)));
}

void
mlreg_parse_reference(const char *text, MlModelReference *reference)
{
	size_t		length = strcspn(text, "@/");
	const char *rest = text + length;

	reference->version = 0;
	reference->alias = NULL;
	reference->name = pnstrdup(text, length);
	mlreg_check_name(reference->name);
	if (*rest == '@')
		reference->alias = pstrdup(rest + 1);
	else if (*rest == '/')
	{
		char	   *end;
		long		version = strtol(rest + 1, &end, 10);

		if (end == rest + 1 || *end != '\0' || version < 1 || version > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid version in model reference \"%s\"", mlbase_excerpt(text)),
					 errhint("Write \"name\", \"name/version\" or \"name@alias\", for example \"fraud/3\".")));
		reference->version = (int) version;
	}
}

/* The hint is the nearest of the first 1,000 names that the user may know. */
void
mlreg_no_such_model(Oid user, const char *name)
{
	MlCatalogScope scope;
	MlNearest	nearest;
	SPITupleTable *models;
	uint64		n;

	mlbase_nearest_begin(&nearest, name);
	mlcat_begin(&scope);
	mlcat_execute("SELECT name, model_id, owner::oid FROM mlops_catalog.model "
				  "ORDER BY name LIMIT 1000", 0, NULL, NULL, NULL);
	models = SPI_tuptable;
	n = SPI_processed;
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		MlCatalogModel model;

		model.model_id = DatumGetInt64(SPI_getbinval(models->vals[i], models->tupdesc, 2, &isnull));
		model.owner = DatumGetObjectId(SPI_getbinval(models->vals[i], models->tupdesc, 3, &isnull));
		if (mlreg_may(user, &model, ML_TO_SEE))
			mlbase_nearest_of(&nearest, SPI_getvalue(models->vals[i], models->tupdesc, 1));
	}
	mlcat_end(&scope);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", name),
			 nearest.name[0] ? errhint("Perhaps you meant \"%s\".", nearest.name)
			 : errhint("View mlops.models lists the models there are.")));
}

int
mlreg_last_version(int64 model_id)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(model_id)};
	bool		isnull;
	int			last;

	mlcat_begin(&scope);
	last = DatumGetInt32(mlcat_execute_value("SELECT mlops_catalog.last_version($1)", 1, types, values, NULL, &isnull));
	mlcat_end(&scope);
	return last;
}

void
mlreg_no_such_version(const char *name, int version)
{
	MlCatalogModel model;
	int			last = mlcat_model_by_name(name, &model) ? mlreg_last_version(model.model_id) : 0;

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %d of model \"%s\" does not exist", version, name),
			 errdetail("The latest version is %d.", last),
			 errhint("View mlops.versions lists the versions there are.")));
}
