/*-------------------------------------------------------------------------
 * model_cache.c
 *	  A session's models, by version: verified bytes of its own, or of all sessions.
 *
 * Versions are immutable, so an entry can never be stale; it can only be
 * unused.  Pins keep an entry while a call site points to it.
 *
 * What can be shared is (shared_cache.c): an entry is then a few hundred bytes that
 * lead there.  It holds a pin there only while it has pins itself, so that what no
 * statement uses may go, whichever sessions have used it; the entry is found to be
 * gone when it is asked for again.  A version that this transaction made is not
 * shared, and neither is one that finds no room: the session has its own copy then.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"
#include "serve/model_cache.h"
#include "serve/shared_cache.h"

#define BYTES_ALIGNMENT 64
#define SIZE_OF_ENTRY 2048		/* about what one takes that leads to shared memory */

static HTAB *models;
static MemoryContext cache_context;
static size_t cached_bytes;
static uint64 use_clock;
static uint64 n_loads;
static bool exiting;

/* ---------------------------------------------------------------- pins */

/*
 * A session that ends leaves no pin behind: what it was doing is undone by now, but
 * not all of its memory contexts were deleted.
 */
static void
release_shared(int code, Datum arg)
{
	HASH_SEQ_STATUS status;
	MlServedModel *entry;

	exiting = true;
	mlserve_end_load();
	hash_seq_init(&status, models);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->bytes == NULL && entry->pins > 0)
			mlserve_unpin_shared(entry->shared);
	}
}

typedef struct Pin
{
	MemoryContextCallback callback;
	MlServedModel *model;
} Pin;

/* Runs when the context that was pinned in is reset or deleted. */
static void
release_pin(void *arg)
{
	MlServedModel *model = ((Pin *) arg)->model;

	if (!exiting && --model->pins == 0 && model->bytes == NULL)
		mlserve_unpin_shared(model->shared);
}

/* Keeps a model until context is reset or deleted; false if it has gone. */
static bool
pin(MlServedModel *model, MemoryContext context)
{
	Pin		   *kept = MemoryContextAlloc(context, sizeof(Pin));

	if (model->pins == 0)
	{
		if (model->bytes == NULL && (model->model = mlserve_pin_shared(model->shared)) == NULL)
			return false;
		model->hits++;
		model->last_used = GetCurrentTimestamp();
	}
	kept->model = model;
	kept->callback.func = release_pin;
	kept->callback.arg = kept;
	model->pins++;
	MemoryContextRegisterResetCallback(context, &kept->callback);
	return true;
}

bool
mlserve_pin_again(MlServedModel *model, int64 version_id, uint64 load, MemoryContext context)
{
	return models != NULL && hash_search(models, &version_id, HASH_FIND, NULL) == model &&
		model->load == load && pin(model, context);
}

/* ---------------------------------------------------------------- entries */

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
	if (mlserve_shares_models())
		on_shmem_exit(release_shared, (Datum) 0);
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
	MlModel    *model;
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
	model = palloc(ml_model_struct_size());
	if (!sound && !mlcat_version_by_id(version->version_id, &loaded->version))
		mlreg_no_such_version(name, version->version);	/* dropped in the meantime */
	if (!sound || !mling_open_model(bytes, version->size, model, message))
	{
		ereport(elevel,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of model \"%s\" is corrupt", version->version, name),
				 errdetail("%s", message)));
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
		return false;
	}
	loaded->bytes = bytes;
	loaded->model = model;
	loaded->size = version->size + ml_model_layout_size(model);
	loaded->context = context;
	MemoryContextSwitchTo(caller);
	return true;
}

/* Fills in what all entries have; made->context is the owner of its memory. */
static void
complete(const MlCatalogVersion *version, MlServedModel *made)
{
	made->version_id = version->version_id;
	made->version = *version;
	made->version.positive = version->positive ? MemoryContextStrdup(made->context, version->positive) : NULL;
	made->load = ++n_loads;
	made->since = GetCurrentTimestamp();
}

/* In place of the version's entry, if there is one, which must not be pinned. */
static MlServedModel *
enter(const MlServedModel *made)
{
	MlServedModel *entry = hash_search(models, &made->version_id, HASH_FIND, NULL);
	bool		found;

	if (entry)
		drop_entry(entry);
	entry = hash_search(models, &made->version_id, HASH_ENTER, &found);
	*entry = *made;
	MemoryContextSetParent(entry->context, cache_context);
	cached_bytes += entry->size;
	return entry;
}

/* An entry that leads to a shared model. */
static MlServedModel *
enter_shared(const MlCatalogVersion *version, MlSharedRef ref)
{
	MlServedModel made = {.shared = ref, .size = SIZE_OF_ENTRY};

	make_room(made.size);
	made.context = AllocSetContextCreate(CurrentMemoryContext, "mlops shared model", ALLOCSET_SMALL_SIZES);
	complete(version, &made);
	return enter(&made);
}

/* An entry of the session's own.  Room is made before the model is read. */
static MlServedModel *
enter_loaded(const char *name, const MlCatalogVersion *version, int elevel)
{
	MlServedModel loaded = {0};

	if (version->size > 0 && version->size <= PG_UINT32_MAX)
		make_room(version->size);
	if (!load(name, version, elevel, &loaded))
		return NULL;
	make_room(loaded.size);		/* its layout needs some too */
	complete(version, &loaded);
	return enter(&loaded);
}

/*
 * The entry of a version, NULL if there is none that serves: one may be of other bytes,
 * whose identity was given anew, as after a restore into this database, and one may
 * lead to what is not shared any more.
 */
static MlServedModel *
find_entry(const MlCatalogVersion *version)
{
	MlServedModel *entry = hash_search(models, &version->version_id, HASH_FIND, NULL);

	if (entry == NULL || entry->pins > 0)
		return entry;
	if (memcmp(entry->version.sha256, version->sha256, sizeof(version->sha256)) == 0 &&
		(entry->bytes || mlserve_is_shared(entry->shared)))
		return entry;
	drop_entry(entry);
	return NULL;
}

/* May a shared model take the place of an entry? */
static bool
makes_way(const MlServedModel *entry)
{
	return mlserve_shares_models() && (entry == NULL || (entry->bytes && entry->pins == 0));
}

/* Is a version in shared memory, now or when the session that reads it is done? */
static bool
find_or_await(const MlCatalogVersion *version, bool here, MlSharedRef *ref)
{
	return mlserve_find_shared(version, ref) ||
		(!here && !version->uncommitted && !mlserve_begin_load(version) && mlserve_find_shared(version, ref));
}

/*
 * The entry of a version, as the session has it, from shared memory, or from the
 * catalog.  What was read there is shared then, if it is committed and there is room.
 */
static MlServedModel *
find_or_load(const char *name, const MlCatalogVersion *version, int elevel)
{
	MlServedModel *entry = find_entry(version);
	MlSharedRef ref;

	if (makes_way(entry) && find_or_await(version, entry != NULL, &ref))
		return enter_shared(version, ref);
	if (entry == NULL)
		entry = enter_loaded(name, version, elevel);
	if (entry && makes_way(entry) && !version->uncommitted &&
		mlserve_publish(version, entry->bytes, entry->model, &ref))
		entry = enter_shared(version, ref);
	return entry;
}

MlServedModel *
mlserve_cached_model(const char *name, const MlCatalogVersion *version, int elevel, MemoryContext context)
{
	MlServedModel *volatile entry;

	if (models == NULL)
		create_cache();
	PG_TRY();
	{
		entry = find_or_load(name, version, elevel);
	}
	PG_FINALLY();
	{
		mlserve_end_load();
	}
	PG_END_TRY();
	if (entry == NULL)
		return NULL;
	if (!pin(entry, context))
	{
		entry = enter_loaded(name, version, elevel);	/* it went in this very moment */
		if (entry == NULL)
			return NULL;
		(void) pin(entry, context);
	}
	entry->used = ++use_clock;
	return entry;
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

/* ---------------------------------------------------------------- dropped versions */

static List *dropped;			/* of MlSharedRef *, in the transaction's memory */

/*
 * The statement's own changes have to be seen.  If what it did is undone in part, a
 * model may be dropped that is there: then it is read again.
 */
void
mlserve_look_for_dropped(void)
{
	MlSharedModel *shared;
	int			n;

	if (!mlserve_shares_models())
		return;
	shared = mlserve_list_shared(&n);
	if (n > 0)
		CommandCounterIncrement();
	for (int i = 0; i < n; i++)
	{
		MlCatalogVersion version;
		MemoryContext caller;
		MlSharedRef *ref;

		if (mlcat_version_by_id(shared[i].cached.version_id, &version))
			continue;
		caller = MemoryContextSwitchTo(TopTransactionContext);
		ref = palloc(sizeof(MlSharedRef));
		*ref = shared[i].ref;
		dropped = lappend(dropped, ref);
		MemoryContextSwitchTo(caller);
	}
	pfree(shared);
}

void
mlserve_forget_dropped(bool committed)
{
	ListCell   *lc;

	foreach(lc, committed ? dropped : NIL)
		mlserve_drop_shared(*(MlSharedRef *) lfirst(lc));
	dropped = NIL;
}

/* ---------------------------------------------------------------- what there is */

static List *
add_cached(List *list, MlCachedModel cached)
{
	MlCachedModel *copy = palloc(sizeof(MlCachedModel));

	*copy = cached;
	return lappend(list, copy);
}

List *
mlserve_cached_models(void)
{
	List	   *list = NIL;
	HASH_SEQ_STATUS status;
	MlServedModel *entry;

	if (mlserve_shares_models())
	{
		int			n;
		MlSharedModel *shared = mlserve_list_shared(&n);

		for (int i = 0; i < n; i++)
			list = add_cached(list, shared[i].cached);
	}
	if (models == NULL)
		return list;
	hash_seq_init(&status, models);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->bytes)
			list = add_cached(list, (MlCachedModel) {entry->version_id, false, entry->size, entry->pins > 0,
							  entry->hits, entry->last_used, entry->since});
	}
	return list;
}
