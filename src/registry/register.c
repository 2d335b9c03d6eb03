/*-------------------------------------------------------------------------
 * register.c
 *	  What a finished training leaves in the catalog: run, parameters,
 *	  metrics, data set, version and bytes, all in the caller's transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/registry.h"

/* A part of a model's bytes; far below the 1 GB limit of a value. */
#define ARTIFACT_PART_SIZE ((size_t) 64 * 1024 * 1024)

#define MAX_ARGUMENTS 24

/* Arguments of one statement, gathered one by one. */
typedef struct Arguments
{
	int			n;
	Oid			types[MAX_ARGUMENTS];
	Datum		values[MAX_ARGUMENTS];
	char		nulls[MAX_ARGUMENTS];
} Arguments;

/* The next argument, $n. */
static void
add_value(Arguments *arguments, Oid type, Datum value)
{
	Assert(arguments->n < MAX_ARGUMENTS);
	arguments->types[arguments->n] = type;
	arguments->values[arguments->n] = value;
	arguments->nulls[arguments->n++] = ' ';
}

static void
add_null(Arguments *arguments, Oid type)
{
	add_value(arguments, type, (Datum) 0);
	arguments->nulls[arguments->n - 1] = 'n';
}

static void
add_text(Arguments *arguments, const char *text)
{
	if (text)
		add_value(arguments, TEXTOID, CStringGetTextDatum(text));
	else
		add_null(arguments, TEXTOID);
}

static void
add_int64(Arguments *arguments, int64 value)
{
	add_value(arguments, INT8OID, Int64GetDatum(value));
}

static void
add_oids(Arguments *arguments, List *oids)
{
	Datum	   *elements = palloc(Max(list_length(oids), 1) * sizeof(Datum));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, oids)
		elements[n++] = ObjectIdGetDatum(lfirst_oid(lc));
	add_value(arguments, OIDARRAYOID,
			  PointerGetDatum(construct_array(elements, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT)));
}

static void
add_sha256(Arguments *arguments, const uint8 sha256[32])
{
	bytea	   *hash = palloc(VARHDRSZ + 32);

	SET_VARSIZE(hash, VARHDRSZ + 32);
	memcpy(VARDATA(hash), sha256, 32);
	add_value(arguments, BYTEAOID, PointerGetDatum(hash));
}

static Datum
execute_value(const char *sql, Arguments *arguments)
{
	bool		isnull;

	return mlcat_execute_value(sql, arguments->n, arguments->types, arguments->values,
							   arguments->nulls, &isnull);
}

/* Seconds since 1970 as a timestamp. */
static Datum
timestamp_of_seconds(double seconds)
{
	double		epoch = (double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

	return TimestampGetDatum((Timestamp) rint((seconds - epoch) * USECS_PER_SEC));
}

void
mlreg_sha256(const uint8 *bytes, size_t size, uint8 sha256[32])
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, bytes, size) < 0 ||
		pg_cryptohash_final(hash, sha256, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
}

static char *
hex_text(const uint8 *bytes, size_t n)
{
	char	   *text = palloc(2 * n + 1);

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/*
 * The model, made if there is none, and the number of its next version.  Errors:
 * 42501 unless the user may train it.
 */
static int64
next_version(const char *name, Oid user, int *version)
{
	Arguments	a = {0};
	bool		isnull;

	add_value(&a, OIDOID, ObjectIdGetDatum(user));
	add_text(&a, name);
	mlcat_execute("SELECT model_id, version FROM mlops_catalog.next_version($1::pg_catalog.regrole, $2)",
				  a.n, a.types, a.values, a.nulls);
	*version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Identity of the experiment, made if there is none. */
static int64
experiment_of(const char *name, Oid user)
{
	Arguments	a = {0};

	add_value(&a, OIDOID, ObjectIdGetDatum(user));
	add_text(&a, name);
	/* a training brings a deleted experiment back: it is too late to refuse */
	return DatumGetInt64(execute_value("SELECT mlops_catalog.open_experiment($1::pg_catalog.regrole, $2, true)", &a));
}

/* Returns its identity.  Types that a user could redefine are cast with their schema. */
static int64
insert_dataset(const MlRegistration *r)
{
	Arguments	a = {0};

	add_text(&a, r->source);
	add_text(&a, r->query);
	add_text(&a, r->content_hash);
	add_int64(&a, r->rows);
	add_int64(&a, r->positives);
	add_int64(&a, r->unlabelled);
	add_int64(&a, r->train_rows);
	add_int64(&a, r->validation_rows);
	add_int64(&a, r->test_rows);
	if (r->time_column)
	{
		add_value(&a, NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(r->time_column)));
		add_value(&a, TIMESTAMPOID, timestamp_of_seconds(r->time_from));
		add_value(&a, TIMESTAMPOID, timestamp_of_seconds(r->time_to));
	}
	else
	{
		add_null(&a, NAMEOID);
		add_null(&a, TIMESTAMPOID);
		add_null(&a, TIMESTAMPOID);
	}
	add_text(&a, r->time_zone);
	add_text(&a, r->columns);
	if (r->has_test_window)
	{
		add_value(&a, FLOAT8OID, Float8GetDatum(r->test_from));
		add_value(&a, FLOAT8OID, Float8GetDatum(r->test_to));
	}
	else
	{
		add_null(&a, FLOAT8OID);
		add_null(&a, FLOAT8OID);
	}
	add_text(&a, r->search_path);
	add_oids(&a, r->relations);
	add_text(&a, r->settings);
	add_value(&a, OIDOID, ObjectIdGetDatum(r->recorded_by));
	return DatumGetInt64(execute_value(
									   "INSERT INTO mlops_catalog.dataset (source, query, content_hash, rows, positives, "
									   "unlabelled, train_rows, validation_rows, test_rows, time_column, time_from, "
									   "time_to, time_zone, columns, test_from, test_to, search_path, tables, settings, recorded_by) VALUES "
									   "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::pg_catalog.jsonb, "
									   "$15, $16, $17, mlops_catalog.describe_tables($18), $19::pg_catalog.jsonb, $20::pg_catalog.regrole) "
									   "RETURNING dataset_id", &a));
}

/* Returns its identity. */
static int64
insert_run(const MlRegistration *r, int64 experiment_id, int64 dataset_id, int version, Oid user)
{
	Arguments	a = {0};

	add_int64(&a, experiment_id);
	add_text(&a, r->model);
	add_value(&a, INT4OID, Int32GetDatum(version));
	add_text(&a, r->algorithm);
	add_int64(&a, dataset_id);
	add_int64(&a, r->seed);
	add_value(&a, NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(r->target)));
	add_value(&a, JSONBOID, JsonbPGetDatum(r->tags));
	add_text(&a, MLOPS_VERSION);
	add_value(&a, OIDOID, ObjectIdGetDatum(user));
	add_value(&a, TIMESTAMPTZOID, TimestampTzGetDatum(r->started_at));
	add_text(&a, r->request);
	add_text(&a, r->findings);
	return DatumGetInt64(execute_value(
									   "INSERT INTO mlops_catalog.run (experiment_id, model, version, algorithm, status, "
									   "dataset_id, seed, target, tags, library_version, owner, started_at, ended_at, request, findings) VALUES "
									   "($1, $2, $3, $4, 'finished', $5, $6, $7, $8, $9, $10::pg_catalog.regrole, $11, "
									   "pg_catalog.clock_timestamp(), $12::pg_catalog.jsonb, $13::pg_catalog.jsonb) RETURNING run_id", &a));
}

/* Parameters and metrics go in as arrays: two statements however many. */
static void
insert_details(const MlRegistration *r, int64 run_id)
{
	Arguments	params = {0};
	Arguments	metrics = {0};
	Datum	   *names = palloc(Max(r->n_params, r->n_run_metrics) * sizeof(Datum) + 1);
	Datum	   *values = palloc(Max(r->n_params, r->n_run_metrics) * sizeof(Datum) + 1);
	Datum	   *steps = palloc(r->n_run_metrics * sizeof(Datum) + 1);
	bool	   *nulls = palloc(r->n_run_metrics * sizeof(bool) + 1);
	int			dims[1];
	int			lower[1] = {1};

	for (int i = 0; i < r->n_params; i++)
	{
		names[i] = CStringGetTextDatum(r->params[i].name);
		values[i] = CStringGetTextDatum(r->params[i].value);
	}
	add_int64(&params, run_id);
	add_value(&params, TEXTARRAYOID,
			  PointerGetDatum(construct_array(names, r->n_params, TEXTOID, -1, false, TYPALIGN_INT)));
	add_value(&params, TEXTARRAYOID,
			  PointerGetDatum(construct_array(values, r->n_params, TEXTOID, -1, false, TYPALIGN_INT)));
	mlcat_execute("INSERT INTO mlops_catalog.run_param (run_id, name, value) "
				  "SELECT $1, n, v FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS p(n, v)",
				  params.n, params.types, params.values, params.nulls);

	for (int i = 0; i < r->n_run_metrics; i++)
	{
		names[i] = CStringGetTextDatum(r->run_metrics[i].name);
		steps[i] = Int32GetDatum(r->run_metrics[i].step);
		values[i] = Float8GetDatum(r->run_metrics[i].value);
		nulls[i] = isnan(r->run_metrics[i].value);
	}
	dims[0] = r->n_run_metrics;
	add_int64(&metrics, run_id);
	add_value(&metrics, TEXTARRAYOID,
			  PointerGetDatum(construct_array(names, r->n_run_metrics, TEXTOID, -1, false, TYPALIGN_INT)));
	add_value(&metrics, INT4ARRAYOID,
			  PointerGetDatum(construct_array(steps, r->n_run_metrics, INT4OID, 4, true, TYPALIGN_INT)));
	add_value(&metrics, FLOAT8ARRAYOID,
			  PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, FLOAT8OID, 8,
												 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	mlcat_execute("INSERT INTO mlops_catalog.run_metric (run_id, name, step, value) "
				  "SELECT $1, n, s, v FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) AS f(n, s, v)",
				  metrics.n, metrics.types, metrics.values, metrics.nulls);
}

/* A notice if the model has a version with these bytes. */
static void
tell_of_same_bytes(int64 model_id, const uint8 sha256[32])
{
	Arguments	a = {0};

	add_int64(&a, model_id);
	add_sha256(&a, sha256);
	mlcat_execute("SELECT mlops_catalog.tell_of_same_bytes($1, $2)", a.n, a.types, a.values, a.nulls);
}

/* Returns its identity; the bytes come after it. */
static int64
insert_version(const MlRegistration *r, int64 model_id, int version, int64 run_id,
			   const uint8 *sha256, Oid user)
{
	Arguments	a = {0};

	add_int64(&a, model_id);
	add_value(&a, INT4OID, Int32GetDatum(version));
	add_value(&a, FLOAT8OID, Float8GetDatum(r->threshold));
	add_int64(&a, (int64) r->size);
	add_sha256(&a, sha256);
	add_text(&a, r->algorithm);
	add_int64(&a, run_id);
	add_value(&a, NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(r->target)));
	add_text(&a, r->positive);
	add_text(&a, r->signature);
	add_text(&a, r->metrics);
	add_value(&a, OIDOID, ObjectIdGetDatum(user));
	return DatumGetInt64(execute_value(
									   "INSERT INTO mlops_catalog.model_version (model_id, version, threshold, size, sha256, "
									   "algorithm, run_id, target, positive, signature, metrics, owner) VALUES "
									   "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::pg_catalog.jsonb, $11::pg_catalog.jsonb, "
									   "$12::pg_catalog.regrole) RETURNING version_id", &a));
}

/* In parts, so that no value comes near the limit of 1 GB. */
static void
insert_artifact(const MlRegistration *r, int64 version_id)
{
	size_t		done = 0;

	for (int part = 0; done < r->size; part++)
	{
		Arguments	a = {0};
		size_t		length = Min(ARTIFACT_PART_SIZE, r->size - done);
		bytea	   *data = palloc(VARHDRSZ + length);

		SET_VARSIZE(data, VARHDRSZ + length);
		memcpy(VARDATA(data), r->bytes + done, length);
		add_int64(&a, version_id);
		add_value(&a, INT4OID, Int32GetDatum(part));
		add_value(&a, BYTEAOID, PointerGetDatum(data));
		mlcat_execute("INSERT INTO mlops_catalog.model_artifact (version_id, part, data) VALUES ($1, $2, $3)",
					  a.n, a.types, a.values, a.nulls);
		pfree(data);
		done += length;
	}
}

/*
 * A notice if the version predicts something else than what answers, or, if nothing
 * does, than all versions so far.
 */
static void
tell_of_other_question(int64 version_id, Oid user)
{
	Arguments	a = {0};

	add_value(&a, OIDOID, ObjectIdGetDatum(user));
	add_int64(&a, version_id);
	mlcat_execute("SELECT mlops_catalog.tell_of_other_question($1::pg_catalog.regrole, $2)",
				  a.n, a.types, a.values, a.nulls);
}

/*
 * All as the catalog's owner; user is whose training it was.  The audit log's entry
 * is of him.
 */
void
mlreg_register(const MlRegistration *r, int *version, int64 *run_id, uint8 sha256[32])
{
	MlCatalogScope scope;
	Oid			user = GetUserId();
	int64		model_id;
	int64		experiment_id;
	int64		dataset_id;
	int64		version_id;

	mlreg_sha256(r->bytes, r->size, sha256);

	mlcat_begin(&scope);
	model_id = next_version(r->model, user, version);
	experiment_id = experiment_of(r->experiment ? r->experiment : r->model, user);
	dataset_id = insert_dataset(r);
	*run_id = insert_run(r, experiment_id, dataset_id, *version, user);
	insert_details(r, *run_id);
	tell_of_same_bytes(model_id, sha256);
	version_id = insert_version(r, model_id, *version, *run_id, sha256, user);
	insert_artifact(r, version_id);
	tell_of_other_question(version_id, user);
	mlcat_end(&scope);
	mlreg_audit(user, "train", r->model, *version,
				psprintf("{\"run_id\": %lld, \"algorithm\": \"%s\", \"sha256\": \"%s\"}",
						 (long long) *run_id, r->algorithm, hex_text(sha256, 32)));
}
