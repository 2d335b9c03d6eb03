/*-------------------------------------------------------------------------
 * row_map.c
 *	  From a PostgreSQL row to a model's inputs: by name, or, of a row without
 *	  names, by position; checked by kind.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "mlops/base.h"
#include "mlops/serve.h"

MlRecordedType *
mlserve_recorded_types(const MlModel *model)
{
	size_t		n = ml_model_n_inputs(model);
	MlRecordedType *recorded = palloc(Max(n, 1) * sizeof(MlRecordedType));

	for (size_t i = 0; i < n; i++)
		mling_recorded_type(ml_model_input_name(model, i), ml_model_input_type(model, i),
							ml_model_input_kind(model, i), ml_model_time_zone(model), &recorded[i]);
	return recorded;
}

/* Does the column's type become what the input wants?  Fills *converter. */
static bool
fits(const MlModel *model, size_t input, Oid type, const MlRecordedType *recorded,
	 MlConverter *converter)
{
	if (!mling_converter(type, ml_model_time_zone(model), converter) ||
		converter->kind != ml_model_input_kind(model, input))
		return false;
	return mling_adapt_converter(converter, recorded);
}

/* Names of the columns that a model reads, in order: all, or those that a row lacks. */
static char *
input_names(const MlModel *model, const MlRowMap *map, bool lacking)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		if (!lacking || map->attribute[i] < 0)
			appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "",
							 ml_model_input_name(model, i));
	}
	return names.data;
}

/*
 * Has a row no names of its own?  The columns of ROW(...) are called f1, f2, ...,
 * those of VALUES column1, column2, ...
 */
static bool
is_unnamed(TupleDesc desc)
{
	if (desc->tdtypeid != RECORDOID)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);
		char		of_row[NAMEDATALEN];
		char		of_values[NAMEDATALEN];

		snprintf(of_row, sizeof(of_row), "f%d", i + 1);
		snprintf(of_values, sizeof(of_values), "column%d", i + 1);
		if (strcmp(name, of_row) != 0 && strcmp(name, of_values) != 0)
			return false;
	}
	return true;
}

/* May a value without a name have this type?  Where integers were learned from, one
 * that may have a fraction stands in the wrong place, though it could be converted. */
static bool
fits_by_position(Oid type, const MlRecordedType *recorded)
{
	Oid			base = getBaseType(type);

	return !(recorded->from == ML_FROM_INT2 || recorded->from == ML_FROM_INT4 || recorded->from == ML_FROM_INT8) ||
		(base != FLOAT4OID && base != FLOAT8OID && base != NUMERICOID);
}

/* Errors: 42804, naming the column that the value would be. */
static void
map_by_position(const MlModel *model, TupleDesc desc, const MlRecordedType *recorded, MlRowMap *map)
{
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;

		map->attribute[i] = (int) i;
		if (!fits_by_position(type, &recorded[i]) || !fits(model, i, type, &recorded[i], &map->converter[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("value %zu of the row has type %s, but by position it is column \"%s\", which the model was trained on as %s",
							i + 1, format_type_be(type), ml_model_input_name(model, i), ml_model_input_type(model, i)),
					 errdetail("A row without names has its values in this order: %s.", input_names(model, map, false)),
					 errhint("Give it names, as in mlops.score('model', t) ... FROM (SELECT ... AS %s) AS t, or cast the value.",
							 quote_identifier(ml_model_input_name(model, i)))));
	}
}

/* A column of the row that may be one that the model misses, or the columns that there are. */
static char *
columns_there_are(const MlModel *model, const MlRowMap *map, TupleDesc desc)
{
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		const char *name = ml_model_input_name(model, i);
		MlNearest	nearest;

		if (map->attribute[i] >= 0)
			continue;
		mling_nearest_column(desc, name, &nearest);
		if (nearest.name[0])
			return psprintf("Columns are found by name. If \"%s\" is meant, give it that name: SELECT ..., %s AS %s.", nearest.name,
							quote_identifier(nearest.name), quote_identifier(name));
	}
	return psprintf("Columns are found by name. There are: %s.", mling_column_list(desc));
}

/* How to have the columns of a model that reads features from history; NULL for others. */
static const char *
history_hint(const MlModel *model)
{
	size_t		size;

	return ml_model_history(model, &size) ? "The model reads features of a feature view: give rows of that view, or score rows of the view's table." : NULL;
}

/* Errors: 42703. */
static void
refuse_missing(const MlModel *model, const MlRowMap *map, TupleDesc desc, bool unnamed)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row to score lacks columns that the model reads: %s", input_names(model, map, true)),
			 unnamed ? errdetail("A row without names is taken by position if it has %zu values: %s.",
								 map->n_inputs, input_names(model, map, false)) : 0,
			 errhint("%s", history_hint(model) ? history_hint(model) : unnamed ? "Columns are found by name; pass the table's row, as in mlops.score('model', t) ... FROM tab t."
					 : columns_there_are(model, map, desc))));
}

MlRowMap *
mlserve_map_row(const MlModel *model, TupleDesc desc)
{
	MlRowMap   *map = palloc(sizeof(MlRowMap));
	const MlRecordedType *recorded = mlserve_recorded_types(model);
	size_t		found = 0;
	bool		unnamed;

	map->n_inputs = ml_model_n_inputs(model);
	map->attribute = palloc(Max(map->n_inputs, 1) * sizeof(int));
	map->converter = palloc(Max(map->n_inputs, 1) * sizeof(MlConverter));
	map->n_places = 0;
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		map->attribute[i] = mling_find_attribute(desc, ml_model_input_name(model, i));
		found += map->attribute[i] >= 0;
	}
	unnamed = found == 0 && is_unnamed(desc);
	if (unnamed && (size_t) desc->natts == map->n_inputs)
	{
		map_by_position(model, desc, recorded, map);
		return map;
	}
	if (found < map->n_inputs)
		refuse_missing(model, map, desc, unnamed);
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		Oid			type = TupleDescAttr(desc, map->attribute[i])->atttypid;

		if (!fits(model, i, type, &recorded[i], &map->converter[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, but the model was trained on %s",
							ml_model_input_name(model, i), format_type_be(type),
							ml_model_input_type(model, i)),
					 errhint("Cast it in a query, or train a new version.")));
	}
	return map;
}

/*
 * values [n_inputs].  Bytes of categories are looked up at once, so nothing of the
 * row is kept.  Errors of class 22: infinite values, and those that a type has no
 * room for.
 */
void
mlserve_fill_values(const MlModel *model, const MlRowMap *map,
					const Datum *datums, const bool *nulls, MlValue *values)
{
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		int			attribute = map->attribute[i];
		const MlConverter *converter = &map->converter[i];

		if (converter->kind == ML_COLUMN_CATEGORY)
		{
			size_t		size;
			const char *bytes;

			values[i].code = ML_CODE_MISSING;
			if (nulls[attribute])
				continue;
			bytes = mling_bytes(converter, datums[attribute], &size);
			values[i].code = ml_model_category(model, i, bytes, size);
		}
		else if (nulls[attribute])
			values[i].number = NAN;
		else
		{
			values[i].number = mling_number(converter, datums[attribute]);
			if (unlikely(isinf(values[i].number)))
				mling_refuse_infinite(ml_model_input_name(model, i));
		}
	}
}

/* Does an input lie behind the others of the place? */
static bool
extends(const MlPlacesInRow *place, const MlPlacesInRow *next)
{
	return place->from == next->from && place->length == next->length &&
		next->offset == place->offset + place->length * (int) (next->first - place->first);
}

void
mlserve_find_places(MlRowMap *map, TupleDesc desc)
{
	MlPlacesInRow *places = MemoryContextAlloc(GetMemoryChunkContext(map), Max(map->n_inputs, 1) * sizeof(MlPlacesInRow));
	size_t		n = 0;
	int		   *offset;

	map->n_attributes = 0;
	for (size_t i = 0; i < map->n_inputs; i++)
		map->n_attributes = Max(map->n_attributes, map->attribute[i] + 1);
	offset = palloc(Max(map->n_attributes, 1) * sizeof(int));
	mling_fixed_offsets(desc, map->n_attributes, offset);
	map->places = places;
	map->n_places = 0;
	for (size_t i = 0; i < map->n_inputs; i++)
	{
		const MlConverter *converter = &map->converter[i];
		Form_pg_attribute attribute = TupleDescAttr(desc, map->attribute[i]);
		MlPlacesInRow next = {converter->from, offset[map->attribute[i]], attribute->attlen, attribute->attbyval, i, i + 1};

		if (next.offset < 0 || converter->kind == ML_COLUMN_CATEGORY)
			return;
		if (n > 0 && extends(&places[n - 1], &next))
			places[n - 1].end = i + 1;
		else
			places[n++] = next;
	}
	map->n_places = n;
}

/* Numbers of one place.  The plain types are spelled out: nothing is called. */
static inline void
fill_place(const MlRowMap *map, const MlPlacesInRow *place, const char *field, MlValue *values)
{
	size_t		n = place->end - place->first;

	switch (place->from)
	{
		case ML_FROM_FLOAT8:
			memcpy(values, field, n * sizeof(double));
			return;
		case ML_FROM_FLOAT4:
			for (size_t i = 0; i < n; i++)
				values[i].number = ((const float *) field)[i];
			return;
		case ML_FROM_INT4:
			for (size_t i = 0; i < n; i++)
				values[i].number = ((const int32 *) field)[i];
			return;
		case ML_FROM_INT8:
			for (size_t i = 0; i < n; i++)
				values[i].number = (double) ((const int64 *) field)[i];
			return;
		default:
			for (size_t i = 0; i < n; i++, field += place->length)
				values[i].number = mling_number(&map->converter[place->first + i], fetch_att(field, place->by_value, place->length));
	}
}

/* Columns that were added later have no bytes in older tuples. */
bool
mlserve_fill_in_place(const MlRowMap *map, HeapTupleHeader header, MlValue *values)
{
	const char *data = (const char *) header + header->t_hoff;
	bool		infinite = false;

	if (map->n_places == 0 || (header->t_infomask & HEAP_HASNULL) || HeapTupleHeaderGetNatts(header) < map->n_attributes)
		return false;
	for (size_t p = 0; p < map->n_places; p++)
		fill_place(map, &map->places[p], data + map->places[p].offset, values + map->places[p].first);
	for (size_t i = 0; i < map->n_inputs; i++)
		infinite |= fabs(values[i].number) == INFINITY;
	return !infinite;
}
