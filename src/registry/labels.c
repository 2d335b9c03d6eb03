/*-------------------------------------------------------------------------
 * labels.c
 *	  Labels of decisions, which arrive late: from a source, read as the user,
 *	  to mlops_catalog.label, written as the owner of the catalog.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"

/* Rows written by one statement. */
#define BATCH 5000

/* Keys that are looked for among the decisions. */
#define SAMPLE 1000

/* Columns of what is sorted. */
enum
{
	SORTED_KEY = 1,
	SORTED_TIME,
	SORTED_LABEL
};

static const char *const sorted_names[] = {"key", "labelled_at", "label"};
static const Oid sorted_types[] = {TEXTOID, TIMESTAMPTZOID, BOOLOID};

typedef struct LabelReader
{
	int64		model_id;
	Oid			user;
	int			key_column;
	int			label_column;
	MlKeyReader key;
	MlConverter label;
	const char *label_name;
	const MlPositive *positive; /* NULL: boolean or 0/1 */
	bool		has_positive;	/* any row so far */
	MlValuesSeen *others;		/* the other values, until one has */
	int			n_values;		/* of a label that is read as text; -1: too many of them */
	char	   *value[ML_TARGET_VALUES];
	int64		value_rows[ML_TARGET_VALUES];
	MlInstantColumn time;		/* name is NULL: now */
	TimestampTz now;
	int64		untimed;		/* rows with a label and NULL as its time: known now */

	/* a sample of the keys: every step-th, which doubles when there is no room */
	int64		n_keys;
	int64		step;
	int			n_looked_for;
	Datum		looked_for[SAMPLE];

	/* all of the source by key and time, so that contradictions stand together */
	Tuplesortstate *sort;
	TupleTableSlot *sorted;

	MemoryContext context;		/* of the row, later of the batch */
	int			n;
	Datum		keys[BATCH];
	Datum		labels[BATCH];
	Datum		times[BATCH];
	MlLabelsAdded *added;
} LabelReader;

/* An array without NULLs, in the current memory context. */
static Datum
array_of(Datum *values, int n, Oid type, int length, bool by_value, char align)
{
	return PointerGetDatum(construct_array(values, n, type, length, by_value, align));
}

/*
 * A label of a key at a time that is there already is replaced if it differs.  One
 * that is known now, for want of a time, is not written again if it says what
 * counts already: a call that is repeated would add all of them each time.  As
 * the catalog's owner; reader->context is emptied.
 */
static void
write_batch(LabelReader *reader)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID, TEXTARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID, OIDOID, TIMESTAMPTZOID};
	Datum		values[6];
	bool		isnull;

	if (reader->n == 0)
		return;
	values[0] = Int64GetDatum(reader->model_id);
	values[1] = array_of(reader->keys, reader->n, TEXTOID, -1, false, TYPALIGN_INT);
	values[2] = array_of(reader->labels, reader->n, BOOLOID, 1, true, TYPALIGN_CHAR);
	values[3] = array_of(reader->times, reader->n, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[4] = ObjectIdGetDatum(reader->user);
	values[5] = TimestampTzGetDatum(reader->now);

	mlcat_begin(&scope);
	mlcat_execute("WITH written AS ("
				  "INSERT INTO mlops_catalog.label AS l (model_id, key, label, labelled_at, recorded_by) "
				  "SELECT $1, n.key, n.label, n.at, $5::regrole "
				  "FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) AS n(key, label, at) "
				  "WHERE n.at OPERATOR(pg_catalog.<>) $6 OR n.label IS DISTINCT FROM (SELECT c.label FROM mlops_catalog.label AS c "
				  "WHERE c.model_id OPERATOR(pg_catalog.=) $1 AND c.key OPERATOR(pg_catalog.=) n.key "
				  "ORDER BY c.labelled_at DESC LIMIT 1) "
				  "ON CONFLICT (model_id, key, labelled_at) DO UPDATE SET label = excluded.label, "
				  "recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by "
				  "WHERE l.label OPERATOR(pg_catalog.<>) excluded.label "
				  "RETURNING l.xmax OPERATOR(pg_catalog.=) '0'::pg_catalog.xid AS new) "
				  "SELECT pg_catalog.count(*) FILTER (WHERE new), pg_catalog.count(*) FILTER (WHERE NOT new) FROM written",
				  6, types, values, NULL);
	reader->added->added += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	reader->added->changed += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	mlcat_end(&scope);
	reader->n = 0;
	MemoryContextReset(reader->context);
}

/*
 * Counts rows by label value, as long as they are few and short; after that nothing
 * is counted.
 */
static void
count_value(LabelReader *reader, const char *bytes, size_t size)
{
	MemoryContext context = GetMemoryChunkContext(reader);

	for (int i = 0; i < reader->n_values; i++)
	{
		if (strlen(reader->value[i]) == size && memcmp(reader->value[i], bytes, size) == 0)
		{
			reader->value_rows[i]++;
			return;
		}
	}
	if (reader->n_values == ML_TARGET_VALUES || size > ML_TARGET_VALUE_BYTES)
		reader->n_values = -1;
	if (reader->n_values < 0)
		return;
	reader->value[reader->n_values] = MemoryContextAllocZero(context, size + 1);
	memcpy(reader->value[reader->n_values], bytes, size);
	reader->value_rows[reader->n_values++] = 1;
}

/* Errors: 22000, a value that is no label. */
static bool
label_of(LabelReader *reader, Datum value)
{
	double		number;

	if (reader->positive)
	{
		bool		is_positive = mling_is_positive(reader->positive, value);

		size_t		size;
		const char *bytes = mling_bytes(&reader->label, value, &size);

		reader->has_positive = reader->has_positive || is_positive;
		if (!reader->has_positive)
			mling_note_value(reader->others, bytes, size);
		count_value(reader, bytes, size);
		return is_positive;
	}
	number = mling_number(&reader->label, value);
	if (number != 0 && number != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("label column \"%s\" holds %s", reader->label_name, mlbase_number_text(number)),
				 errhint("Labels are boolean, 0 or 1, or the text given as \"positive\" and others.")));
	return number == 1;
}

/*
 * Of several labels of a key the latest counts: one of the future would stand
 * against every correction until then.
 * Errors: 22008.
 */
static void
refuse_future(const LabelReader *reader, const char *key, size_t size, TimestampTz at)
{
	if (likely(!mling_is_future(at, reader->now)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("the label of key \"%s\" has a time in the future", mlbase_excerpt(pnstrdup(key, size))),
			 errdetail("Column \"%s\" says %s. No label was recorded.", reader->time.name, mlbase_utc_text(at)),
			 errhint("Give the time when the label became known, or NULL for now, and leave out what is not known yet: "
					 "the latest label of a key counts, so that this one could not be corrected until then.")));
}

/*
 * A row of the source, which is read as the user: checked, and into the sort.  Rows
 * without key or label are ignored.
 */
static void
take_row(TupleTableSlot *slot, void *arg)
{
	LabelReader *reader = (LabelReader *) arg;
	TupleTableSlot *sorted = reader->sorted;
	MemoryContext caller;
	const char *bytes;
	size_t		size;
	bool		timed;

	slot_getallattrs(slot);
	reader->added->rows++;
	if (slot->tts_isnull[reader->key_column] || slot->tts_isnull[reader->label_column] ||
		mling_is_nan(&reader->label, slot->tts_values[reader->label_column]))
	{
		reader->added->ignored++;
		return;
	}
	timed = reader->time.name && !slot->tts_isnull[reader->time.position];
	reader->untimed += reader->time.name && !timed;
	caller = MemoryContextSwitchTo(reader->context);
	bytes = mling_key_bytes(&reader->key, slot->tts_values[reader->key_column], &size);
	ExecClearTuple(sorted);
	sorted->tts_values[SORTED_KEY - 1] = PointerGetDatum(mling_bounded(cstring_to_text_with_len(bytes, (int) size)));
	sorted->tts_values[SORTED_TIME - 1] =
		TimestampTzGetDatum(!timed ? reader->now
							: mling_instant(&reader->time, slot->tts_values[reader->time.position],
											"Give the time when the label became known, or NULL for now."));
	refuse_future(reader, bytes, size, DatumGetTimestampTz(sorted->tts_values[SORTED_TIME - 1]));
	sorted->tts_values[SORTED_LABEL - 1] = BoolGetDatum(label_of(reader, slot->tts_values[reader->label_column]));
	memset(sorted->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(sorted);
	tuplesort_puttupleslot(reader->sort, sorted);
	ExecClearTuple(sorted);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->context);
}

/*
 * An even sample of the keys in their order, of unknown number: every step-th; the
 * step doubles when SAMPLE are taken.
 */
static void
sample_key(LabelReader *reader, text *key)
{
	if (reader->n_keys++ % reader->step != 0)
		return;
	if (reader->n_looked_for == SAMPLE)
	{
		for (int i = 0; i < SAMPLE / 2; i++)
			reader->looked_for[i] = reader->looked_for[2 * i];
		reader->n_looked_for = SAMPLE / 2;
		reader->step *= 2;
	}
	reader->looked_for[reader->n_looked_for++] =
		PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
}

/*
 * Labels may come before the decisions do.  But keys of which none has a decision
 * are mostly written in another way than those of the decisions.  A NOTICE at
 * the most.
 */
static void
tell_unknown_keys(LabelReader *reader, const char *model)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID, TEXTARRAYOID};
	Datum		values[2];
	bool		known;
	bool		isnull;
	char	   *logged;

	if (reader->n_looked_for == 0)
		return;
	values[0] = Int64GetDatum(reader->model_id);
	values[1] = array_of(reader->looked_for, reader->n_looked_for, TEXTOID, -1, false, TYPALIGN_INT);
	mlcat_begin(&scope);
	known = DatumGetBool(mlcat_execute_value("SELECT EXISTS (SELECT FROM mlops_catalog.decided AS p "
											 "WHERE p.model_id OPERATOR(pg_catalog.=) $1 AND p.key OPERATOR(pg_catalog.=) ANY ($2))",
											 2, types, values, NULL, &isnull));
	if (!known)
	{
		mlcat_execute_value("SELECT (SELECT p.key FROM mlops_catalog.decided AS p WHERE p.model_id OPERATOR(pg_catalog.=) $1 "
							"AND p.key IS NOT NULL LIMIT 1)", 1, types, values, NULL, &isnull);
		logged = isnull ? NULL : SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		ereport(NOTICE,
				(errmsg("none of the keys is that of a decision of model \"%s\" so far", model),
				 errdetail("%d of %lld keys were looked for, such as \"%s\".", reader->n_looked_for, (long long) reader->n_keys,
						   mlbase_excerpt(TextDatumGetCString(reader->looked_for[0]))),
				 logged ? errhint("A decision was logged with key \"%s\": a key is compared as text.", mlbase_excerpt(logged))
				 : errhint("No decision of the model was logged with a key: give one to mlops.decide, or to the deployment.")));
	}
	mlcat_end(&scope);
}

static void
tell_untimed(const LabelReader *reader)
{
	if (reader->untimed == 0)
		return;
	ereport(WARNING,
			(errmsg_plural("%lld row has a label, but NULL in \"%s\": its label is known now",
						   "%lld rows have a label, but NULL in \"%s\": their labels are known now",
						   (unsigned long) reader->untimed, (long long) reader->untimed, reader->time.name),
			 errhint("A label that became known before now does not replace it. Give the time when no more was to be expected, for example the end of the time for complaints.")));
}

/*
 * Writes what was read.  The same label twice is one; two that contradict each
 * other at one time are refused, as the order of the source's rows would choose.
 * Errors: 21000.
 */
static void
write_sorted(LabelReader *reader)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(reader->sorted->tts_tupleDescriptor, &TTSOpsMinimalTuple);

	tuplesort_performsort(reader->sort);
	while (tuplesort_gettupleslot(reader->sort, true, false, slot, NULL))
	{
		MemoryContext caller;
		int			n = reader->n;
		text	   *key;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		key = DatumGetTextPP(slot->tts_values[SORTED_KEY - 1]);
		if (n > 0 && DatumGetTimestampTz(reader->times[n - 1]) == DatumGetTimestampTz(slot->tts_values[SORTED_TIME - 1]) &&
			VARSIZE_ANY_EXHDR(key) == VARSIZE_ANY_EXHDR(DatumGetPointer(reader->keys[n - 1])) &&
			memcmp(VARDATA_ANY(key), VARDATA_ANY(DatumGetPointer(reader->keys[n - 1])), VARSIZE_ANY_EXHDR(key)) == 0)
		{
			if (DatumGetBool(reader->labels[n - 1]) == DatumGetBool(slot->tts_values[SORTED_LABEL - 1]))
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("labels of key \"%s\" contradict each other", text_to_cstring(key)),
					 errdetail("Column \"%s\" says true and false, both known at %s.", reader->label_name,
							   mlbase_utc_text(DatumGetTimestampTz(slot->tts_values[SORTED_TIME - 1]))),
					 reader->time.name == NULL
					 ? errhint("Name the column that has when each became known as \"labelled_at\": the latest counts.")
					 : errhint("Of labels known at different times the latest counts; give one of each time.")));
		}
		/* the last one of a batch is kept till here, to be compared with the next */
		if (n == BATCH)
			write_batch(reader);
		n = reader->n++;
		caller = MemoryContextSwitchTo(reader->context);
		reader->keys[n] = PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
		reader->times[n] = slot->tts_values[SORTED_TIME - 1];
		reader->labels[n] = slot->tts_values[SORTED_LABEL - 1];
		MemoryContextSwitchTo(caller);
		sample_key(reader, key);
	}
	write_batch(reader);
	ExecDropSingleTupleTableSlot(slot);
}

/* A boolean, or a number that is written as 0 and 1, says no by itself. */
static bool
says_no(const LabelReader *reader, const char *positive)
{
	if (reader->label.type == BOOLOID)
		return true;
	if (strcmp(positive, "0") != 0 && strcmp(positive, "1") != 0)
		return false;
	for (int i = 0; i < reader->others->n; i++)
	{
		if (strcmp(reader->others->value[i], "0") != 0 && strcmp(reader->others->value[i], "1") != 0)
			return false;
	}
	return true;
}

/* No fraud in a batch, or "positive" is misspelt: then every fraud counts as none. */
static void
tell_without_positive(const LabelReader *reader, const char *positive)
{
	if (positive == NULL || reader->has_positive || reader->others->n == 0 || says_no(reader, positive))
		return;
	ereport(WARNING,
			(errmsg("no row has \"%s\" in label \"%s\": every label was recorded as negative", mlbase_excerpt(positive),
					reader->label_name),
			 errdetail("Its values are: %s", mling_values_text(reader->others)),
			 errhint("If one of them is the positive one, roll back, or add the labels again with that as \"positive\".")));
}

/*
 * Values that were there neither in a training nor in earlier labels, if these had
 * any; from now on they were.  0 and 1 mean what they say.  NULL if there are none.
 * Called between mlcat_begin and mlcat_end.
 */
static ArrayType *
new_values(const LabelReader *reader, Datum seen)
{
	Oid			types[] = {INT8OID, TEXTARRAYOID};
	Datum		values[] = {Int64GetDatum(reader->model_id), seen};
	bool		isnull;
	Datum		found;

	found = mlcat_execute_value("WITH earlier AS (SELECT l.value FROM mlops_catalog.label_value AS l WHERE l.model_id OPERATOR(pg_catalog.=) $1), "
								"known AS (SELECT e.value FROM earlier AS e UNION ALL "
								"SELECT pg_catalog.jsonb_array_elements_text(c OPERATOR(pg_catalog.->) 'values') FROM mlops_catalog.model_version AS v "
								"JOIN mlops_catalog.run AS r ON r.run_id OPERATOR(pg_catalog.=) v.run_id "
								"JOIN mlops_catalog.dataset AS d ON d.dataset_id OPERATOR(pg_catalog.=) r.dataset_id "
								"CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(d.columns) AS c WHERE v.model_id OPERATOR(pg_catalog.=) $1), "
								"noted AS (INSERT INTO mlops_catalog.label_value (model_id, value) SELECT $1, s.value FROM pg_catalog.unnest($2) AS s(value) "
								"WHERE NOT EXISTS (SELECT FROM earlier AS e WHERE e.value OPERATOR(pg_catalog.=) s.value) ORDER BY s.value "
								"ON CONFLICT DO NOTHING) "
								"SELECT pg_catalog.array_agg(s.value) FROM pg_catalog.unnest($2) AS s(value) WHERE EXISTS (SELECT FROM known) "
								"AND s.value OPERATOR(pg_catalog.<>) ALL ('{0,1}') "
								"AND NOT EXISTS (SELECT FROM known AS k WHERE k.value OPERATOR(pg_catalog.=) s.value)",
								2, types, values, NULL, &isnull);
	return isnull ? NULL : DatumGetArrayTypeP(found);
}

/* Another spelling of the positive, or a third class: all of them count as negative. */
static void
tell_new_values(const LabelReader *reader, const char *positive)
{
	MlCatalogScope scope;
	Datum		texts[ML_TARGET_VALUES];
	MlValuesSeen *fresh = palloc0(sizeof(MlValuesSeen));
	ArrayType  *found;
	int64		rows = 0;

	if (reader->n_values <= 0 || reader->label.type == BOOLOID)
		return;
	for (int i = 0; i < reader->n_values; i++)
		texts[i] = CStringGetTextDatum(reader->value[i]);
	mlcat_begin(&scope);
	found = new_values(reader, array_of(texts, reader->n_values, TEXTOID, -1, false, TYPALIGN_INT));
	if (found)
	{
		ArrayIterator iterator = array_create_iterator(found, 0, NULL);
		Datum		value;
		bool		isnull;

		while (array_iterate(iterator, &value, &isnull))
		{
			char	   *written = TextDatumGetCString(value);

			mling_note_value(fresh, written, strlen(written));
			for (int i = 0; i < reader->n_values; i++)
				rows += strcmp(reader->value[i], written) == 0 ? reader->value_rows[i] : 0;
		}
		ereport(WARNING,
				(errmsg_plural("%lld row has a value in label \"%s\" that neither training nor earlier labels had",
							   "%lld rows have values in label \"%s\" that neither training nor earlier labels had",
							   (unsigned long) rows, (long long) rows, reader->label_name),
				 errdetail("The new values are: %s", mling_values_text(fresh)),
				 errhint("What is not \"%s\" was recorded as negative. If one of them is the positive one, roll back, or add the labels again with it written as that.",
						 mlbase_excerpt(positive))));
	}
	mlcat_end(&scope);
}

/* In the caller's memory context; NULL where it was not recorded. */
char *
mlreg_target_type(int64 version_id)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(version_id)};
	MemoryContext caller = CurrentMemoryContext;
	char	   *type = NULL;
	bool		isnull;
	Datum		found;

	mlcat_begin(&scope);
	found = mlcat_execute_value("SELECT (SELECT c OPERATOR(pg_catalog.->>) 'type' FROM mlops_catalog.model_version AS v "
								"JOIN mlops_catalog.run AS r ON r.run_id OPERATOR(pg_catalog.=) v.run_id "
								"JOIN mlops_catalog.dataset AS d ON d.dataset_id OPERATOR(pg_catalog.=) r.dataset_id "
								"CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(d.columns) AS c WHERE v.version_id OPERATOR(pg_catalog.=) $1 "
								"AND (c OPERATOR(pg_catalog.->>) 'name') OPERATOR(pg_catalog.=) v.target::pg_catalog.text LIMIT 1)",
								1, types, values, NULL, &isnull);
	if (!isnull)
		type = MemoryContextStrdup(caller, TextDatumGetCString(found));
	mlcat_end(&scope);
	return type;
}

bool
mlreg_labelled_rows(int64 version_id, int64 *rows, int64 *positives)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(version_id)};
	bool		found;

	mlcat_begin(&scope);
	found = mlcat_execute("SELECT d.rows OPERATOR(pg_catalog.-) d.unlabelled, d.positives FROM mlops_catalog.model_version AS v "
						  "JOIN mlops_catalog.run AS r ON r.run_id OPERATOR(pg_catalog.=) v.run_id "
						  "JOIN mlops_catalog.dataset AS d ON d.dataset_id OPERATOR(pg_catalog.=) r.dataset_id "
						  "WHERE v.version_id OPERATOR(pg_catalog.=) $1 AND d.unlabelled IS NOT NULL AND d.positives IS NOT NULL",
						  1, types, values, NULL) == 1;
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		bool		isnull;

		*rows = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		*positives = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	}
	mlcat_end(&scope);
	return found;
}

/*
 * What the model's training took for positive, that of the version deployed or of
 * the last one: the labels are compared with its scores.  A NOTICE tells it,
 * unless it goes without saying.
 */
static const char *
positive_of_model(const LabelReader *reader, const char *model, Oid type)
{
	MlCatalogScope scope;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(reader->model_id)};
	MemoryContext caller = CurrentMemoryContext;
	MlTrainedPositive trained = {NULL, NULL};
	const char *positive;
	int64		version_id = 0;
	int32		version = 0;
	bool		isnull;

	mlcat_begin(&scope);
	mlcat_execute("SELECT v.positive, v.version, v.version_id FROM mlops_catalog.model_version AS v LEFT JOIN mlops_catalog.deployment_route AS r "
				  "ON r.version_id OPERATOR(pg_catalog.=) v.version_id AND r.variant OPERATOR(pg_catalog.=) 'primary' "
				  "WHERE v.model_id OPERATOR(pg_catalog.=) $1 AND v.dropped_at IS NULL "
				  "ORDER BY r.variant, v.version DESC LIMIT 1", 1, types, values, NULL);
	if (SPI_processed > 0)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		trained.text = text ? MemoryContextStrdup(caller, text) : NULL;
		version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
		version_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	}
	mlcat_end(&scope);
	trained.type = trained.text ? mlreg_target_type(version_id) : NULL;
	positive = mling_positive_meant(type, &trained, true);
	if (!mling_positive_is_plain(type, positive))
		ereport(NOTICE,
				(errmsg("a label is positive where \"%s\" is \"%s\", as in the training of model \"%s\", version %d",
						reader->label_name, mlbase_excerpt(positive), model, version),
				 errhint("If another value is the positive one, give it as \"positive\".")));
	return positive;
}

/* Errors: 42703, 42804, and 22023 for a positive that is no value. */
static void
prepare_columns(LabelReader *reader, const char *model, const MlSource *source, const char *key, const char *label,
				const char *labelled_at, const char **positive)
{
	Oid			type;

	reader->key_column = mling_key_column(source, key, &reader->key);
	reader->label_column = mling_column(source, label, "label");
	reader->label_name = label;
	type = TupleDescAttr(source->desc, reader->label_column)->atttypid;
	if (*positive == NULL)
		*positive = positive_of_model(reader, model, type);
	reader->positive = mling_positive(type, "label", label, *positive);
	reader->others = palloc0(sizeof(MlValuesSeen));
	if (mling_target_as_text(type, "label", label, reader->positive))
		mling_text_converter(type, &reader->label);
	else if (!mling_converter(type, "UTC", &reader->label) || reader->label.kind != ML_COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be a label", label, format_type_be(type))));

	if (labelled_at)
		mling_instant_column(source, labelled_at, "labelled_at", &reader->time);
}

/*
 * All of it or nothing: an error ends the caller's statement.  Warnings come after
 * the labels are written.
 */
void
mlreg_add_labels(const char *model, MlSource *source, const char *key, const char *label,
				 const char *labelled_at, const char *positive, MlLabelsAdded *added)
{
	LabelReader *reader = palloc0(sizeof(LabelReader));

	memset(added, 0, sizeof(*added));
	reader->user = GetUserId();
	reader->model_id = mlreg_require(reader->user, model, ML_TO_TRAIN).model_id;
	reader->now = GetCurrentTimestamp();
	reader->step = 1;
	reader->added = added;
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "mlops labels", ALLOCSET_DEFAULT_SIZES);
	prepare_columns(reader, model, source, key, label, labelled_at, &positive);
	reader->sort = mling_begin_key_sort(lengthof(sorted_names), sorted_names, sorted_types, &reader->sorted);
	mling_each_row(source, take_row, reader);
	write_sorted(reader);
	tuplesort_end(reader->sort);
	ExecDropSingleTupleTableSlot(reader->sorted);
	MemoryContextDelete(reader->context);
	tell_untimed(reader);
	tell_without_positive(reader, positive);
	tell_new_values(reader, positive);
	tell_unknown_keys(reader, model);
	/* what changed nothing is no event; labels say themselves who recorded them and when */
	if (added->added + added->changed > 0)
		mlreg_audit_counts(reader->user, "add_labels", model,
						   psprintf("{\"calls\": 1, \"rows\": %lld, \"added\": %lld, \"changed\": %lld, \"ignored\": %lld}",
									(long long) added->rows, (long long) added->added,
									(long long) added->changed, (long long) added->ignored));
}
