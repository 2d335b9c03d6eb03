/*-------------------------------------------------------------------------
 * model_cache.c
 *	  A session's verified model bytes, by version.
 *
 * Versions are immutable, so an entry can never be stale; it can only be
 * unused.  Pins keep an entry while a call site points to it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"
#include "serve/model_cache.h"

#define BYTES_ALIGNMENT 64

static HTAB *models;
static MemoryContext cache_context;
static size_t cached_bytes;
static uint64 use_clock;

/* Once a session; never goes. */
static void
create_cache(void)
{
	HASHCTL		control = {0};

	cache_context = AllocSetContextCreate(CacheMemoryContext, "mlops model cache",
										  ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(MlServedModel);
	control.hcxt = cache_context;
	models = hash_create("mlops models", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The entry must not be pinned. */
static void
drop_entry(MlServedModel *entry)
{
	MemoryContext context = entry->context;

	cached_bytes -= entry->size;
	hash_search(models, &entry->version_id, HASH_REMOVE, NULL);
	MemoryContextDelete(context);
}

/* Drops unpinned models, least recently used first, until `more` bytes fit. */
static void
make_room(size_t more)
{
	size_t		allowed = (size_t) mlops_guc_cache_size * 1024;

	while (cached_bytes + more > allowed)
	{
		HASH_SEQ_STATUS status;
		MlServedModel *entry;
		MlServedModel *oldest = NULL;

		hash_seq_init(&status, models);
		while ((entry = hash_seq_search(&status)) != NULL)
		{
			if (entry->pins == 0 && (oldest == NULL || entry->used < oldest->used))
				oldest = entry;
		}
		if (oldest == NULL)
			return;				/* all in use: exceed the setting, not fail */
		drop_entry(oldest);
	}
}

/*
 * Reads and verifies a version's bytes in a context of their own.  elevel says how
 * it is told that they are not sound; false if it is no error.  *loaded then
 * owns loaded->context, a child of the current memory context.
 */
static bool
load(const char *name, const MlCatalogVersion *version, int elevel, MlServedModel *loaded)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops model",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	uint8	   *bytes;
	uint8		sha256[32];
	char		message[ML_MESSAGE_SIZE] = "Its SHA-256 is not the recorded one.";
	bool		sound;

	/* a size that no model has is not worth trying for */
	sound = version->size >= 0 && version->size <= PG_UINT32_MAX;
	bytes = MemoryContextAllocHuge(context, (sound ? version->size : 0) + BYTES_ALIGNMENT);
	bytes = (uint8 *) TYPEALIGN(BYTES_ALIGNMENT, bytes);
	sound = sound && mlcat_read_artifact(version->version_id, bytes, version->size);
	if (!sound)
		strlcpy(message, "Its stored parts do not add up to its size.", sizeof(message));
	else
	{
		mlreg_sha256(bytes, version->size, sha256);
		sound = memcmp(sha256, version->sha256, sizeof(sha256)) == 0;
	}
	loaded->model = palloc(ml_model_struct_size());
	if (!sound && !mlcat_version_by_id(version->version_id, &loaded->version))
		mlreg_no_such_version(name, version->version);	/* dropped in the meantime */
	if (!sound || !mling_open_model(bytes, version->size, loaded->model, message))
	{
		ereport(elevel,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of model \"%s\" is corrupt", version->version, name),
				 errdetail("%s", message)));
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
		return false;
	}
	loaded->version = *version;
	loaded->version.positive = version->positive ? pstrdup(version->positive) : NULL;
	loaded->size = version->size + ml_model_layout_size(loaded->model);
	loaded->context = context;
	MemoryContextSwitchTo(caller);
	return true;
}

/* Room is made before the model is read. */
MlServedModel *
mlserve_cached_model(const char *name, const MlCatalogVersion *version, int elevel)
{
	MlServedModel *entry;
	MlServedModel loaded;
	bool		found;

	if (models == NULL)
		create_cache();
	entry = hash_search(models, &version->version_id, HASH_FIND, NULL);
	if (entry && memcmp(entry->version.sha256, version->sha256, 32) != 0 && entry->pins == 0)
	{
		/* the identity was given anew, as after a restore into this database */
		drop_entry(entry);
		entry = NULL;
	}
	if (entry == NULL)
	{
		memset(&loaded, 0, sizeof(loaded));
		if (version->size > 0 && version->size <= PG_UINT32_MAX)
			make_room(version->size);
		if (!load(name, version, elevel, &loaded))
			return NULL;
		make_room(loaded.size); /* its layout needs some too */
		MemoryContextSetParent(loaded.context, cache_context);
		entry = hash_search(models, &version->version_id, HASH_ENTER, &found);
		loaded.version_id = version->version_id;
		*entry = loaded;
		cached_bytes += entry->size;
	}
	entry->used = ++use_clock;
	return entry;
}

bool
mlserve_is_cached(const MlServedModel *model, int64 version_id)
{
	return models != NULL && hash_search(models, &version_id, HASH_FIND, NULL) == model;
}

/*
 * Its memory counts as the model's.  Errors: 53200, 22023 for a model that cannot
 * be explained; the arena is as it was then.
 */
const MlExplainer *
mlserve_model_explainer(MlServedModel *model)
{
	MemoryContext caller;
	MlExplainer *made;
	MlArenaMark mark;
	MlStatus	status;
	size_t		size;

	if (likely(model->explainer != NULL))
		return model->explainer;
	if (model->explaining == NULL)
	{
		caller = MemoryContextSwitchTo(model->context);
		model->explaining = mlbase_engine_context(1, 0, false);
		MemoryContextSwitchTo(caller);
	}
	mark = ml_arena_mark(model->explaining->arena);
	status = ml_explainer_create(model->explaining, model->model, &made);
	if (status != ML_OK)
		ml_arena_release(model->explaining->arena, mark);
	mlbase_check(model->explaining, status);
	size = ml_arena_used(model->explaining->arena);
	make_room(size);			/* the model itself is pinned */
	model->size += size;
	cached_bytes += size;
	model->explainer = made;
	return made;
}

/* ---- pins */

typedef struct Pin
{
	MemoryContextCallback callback;
	MlServedModel *model;
} Pin;

/* Runs when the context that was pinned in is reset or deleted. */
static void
release_pin(void *arg)
{
	((Pin *) arg)->model->pins--;
}

void
mlserve_pin(MlServedModel *model, MemoryContext context)
{
	Pin		   *pin = MemoryContextAlloc(context, sizeof(Pin));

	pin->model = model;
	pin->callback.func = release_pin;
	pin->callback.arg = pin;
	model->pins++;
	MemoryContextRegisterResetCallback(context, &pin->callback);
}
