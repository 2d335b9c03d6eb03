/*-------------------------------------------------------------------------
 * bytes_scorer.c
 *	  Call sites that score by a model given as bytes, not by name.
 *
 * Verifying takes a hundred times as long as scoring, so a call site keeps the
 * models it has seen, by content: what the bytes' datum was is compared, a
 * pointer to the toast table for bytes stored out of line (they never change
 * under one pointer), else all of it.  A constant of the query is not even
 * compared.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "serve/model_cache.h"
#include "serve/scorer.h"

#define BYTES_ALIGNMENT 64
#define KEPT_MODELS 4			/* a call site's; the least recently used one goes */

/* A model that the call site has seen. */
typedef struct KeptModel
{
	MemoryContext context;		/* owns all of it; NULL: place is free */
	Size		key_size;
	void	   *key;			/* the datum as it came */
	MlServedModel served;
	MlScorer	scorer;
	uint64		used;
} KeptModel;

typedef struct BytesSite
{
	bool		constant;		/* is the argument a constant of the query? */
	uint64		clock;
	KeptModel  *last;			/* NULL at first */
	KeptModel	kept[KEPT_MODELS];
} BytesSite;

/* ---------------------------------------------------------------- opening */

/* Layout of what mlops.export_model() returns, see sql/code/60_portable.sql. */
#define EXPORT_MAGIC "MLOPSEXP"
#define EXPORT_HEAD 16			/* magic, format, length of the manifest */
#define EXPORT_TAIL 32			/* SHA-256 of all before it */

static void
refuse_bytes(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the bytes are not those of a model"),
			 errdetail("%s", why)));
}

static uint32
big_endian(const uint8 *bytes)
{
	uint32		number;

	memcpy(&number, bytes, sizeof(number));
	return pg_ntoh32(number);
}

/* The model inside an exported one.  Other bytes stay as they are.  Errors: XX001. */
static void
unwrap_export(const uint8 **bytes, size_t *size)
{
	uint8		sha256[EXPORT_TAIL];
	size_t		manifest;

	if (*size < EXPORT_HEAD || memcmp(*bytes, EXPORT_MAGIC, strlen(EXPORT_MAGIC)) != 0)
		return;
	if (*size < EXPORT_HEAD + EXPORT_TAIL || big_endian(*bytes + 8) != 1)
		refuse_bytes("They were exported in a format that this version of mlops does not know.");
	mlreg_sha256(*bytes, *size - EXPORT_TAIL, sha256);
	manifest = big_endian(*bytes + 12);
	if (memcmp(*bytes + *size - EXPORT_TAIL, sha256, EXPORT_TAIL) != 0 ||
		manifest > *size - EXPORT_HEAD - EXPORT_TAIL)
		refuse_bytes("The SHA-256 of the exported model is not the one at its end.");
	*bytes += EXPORT_HEAD + manifest;
	*size -= EXPORT_HEAD + manifest + EXPORT_TAIL;
}

/* The copy is aligned as ml_model_open wants it. */
MlModel *
mlserve_open_bytes(const uint8 *given, size_t size)
{
	MlModel    *model = palloc(ml_model_struct_size());
	char		message[ML_MESSAGE_SIZE];
	uint8	   *bytes = MemoryContextAllocHuge(CurrentMemoryContext, size + BYTES_ALIGNMENT);

	bytes = (uint8 *) TYPEALIGN(BYTES_ALIGNMENT, bytes);
	memcpy(bytes, given, size);
	if (!mling_open_model(bytes, size, model, message))
		refuse_bytes(message);
	return model;
}

/* ---------------------------------------------------------------- call sites */

/* Is the function's first argument a constant of the query? */
static bool
is_constant(FmgrInfo *flinfo)
{
	Node	   *call = flinfo->fn_expr;

	return call && IsA(call, FuncExpr) && list_length(((FuncExpr *) call)->args) > 0 &&
		IsA(linitial(((FuncExpr *) call)->args), Const);
}

/* By content: a datum that is bit for bit the same. */
static KeptModel *
find_kept(BytesSite *site, const void *key, Size size)
{
	for (int i = 0; i < KEPT_MODELS; i++)
	{
		KeptModel  *kept = &site->kept[i];

		if (kept->context && kept->key_size == size && memcmp(kept->key, key, size) == 0)
			return kept;
	}
	return NULL;
}

/*
 * A free place, or the one that was not used for longest, made free.  With its
 * context go the model and its scorer.
 */
static KeptModel *
make_place(BytesSite *site)
{
	KeptModel  *oldest = &site->kept[0];

	for (int i = 0; i < KEPT_MODELS && oldest->context; i++)
	{
		if (site->kept[i].context == NULL || site->kept[i].used < oldest->used)
			oldest = &site->kept[i];
	}
	if (oldest->context)
		MemoryContextDelete(oldest->context);
	memset(oldest, 0, sizeof(*oldest));
	return oldest;
}

/* A model's own bytes, or those of an exported one, opened. */
static MlModel *
open_argument(bytea *argument)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(argument);
	size_t		size = VARSIZE_ANY_EXHDR(argument);

	unwrap_export(&bytes, &size);
	return mlserve_open_bytes(bytes, size);
}

/*
 * Opens a model in a context of its own.  If that fails the context goes with its
 * parent, the current one, and no place was given up.
 */
static KeptModel *
keep(FmgrInfo *flinfo, BytesSite *site, Datum bytes, Size size)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops model bytes",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	MlModel    *model = open_argument(DatumGetByteaPP(bytes));
	void	   *key = MemoryContextAllocHuge(context, size);
	KeptModel  *kept;

	memcpy(key, DatumGetPointer(bytes), size);
	/* nothing fails from here on: the site takes it over */
	MemoryContextSetParent(context, flinfo->fn_mcxt);
	kept = make_place(site);
	kept->key_size = size;
	kept->key = key;
	kept->served.model = model;
	kept->served.context = context;
	kept->served.pins = 1;
	mlserve_open_scorer(&kept->scorer, &kept->served, context);
	kept->context = context;
	MemoryContextSwitchTo(caller);
	return kept;
}

/* A toast pointer stands for its bytes; nothing is detoasted to be compared. */
MlScorer *
mlserve_bytes_scorer(FmgrInfo *flinfo, Datum bytes)
{
	BytesSite  *site = (BytesSite *) flinfo->fn_extra;
	Size		size;

	if (unlikely(site == NULL))
	{
		site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(BytesSite));
		site->constant = is_constant(flinfo);
		flinfo->fn_extra = site;
	}
	if (likely(site->last && site->constant))
		return &site->last->scorer;
	/* other pointers than into the toast table say nothing about what is there */
	if (VARATT_IS_EXTERNAL(DatumGetPointer(bytes)) &&
		!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(bytes)))
		bytes = PointerGetDatum(PG_DETOAST_DATUM(bytes));
	size = VARSIZE_ANY(DatumGetPointer(bytes));
	if (unlikely(site->last == NULL || site->last->key_size != size ||
				 memcmp(site->last->key, DatumGetPointer(bytes), size) != 0))
	{
		site->last = find_kept(site, DatumGetPointer(bytes), size);
		if (site->last == NULL)
			site->last = keep(flinfo, site, bytes, size);
		site->last->used = ++site->clock;
	}
	return &site->last->scorer;
}
