/*-------------------------------------------------------------------------
 * shared_cache.c
 *	  One copy of a model for all sessions, in shared memory.
 *
 * The memory is taken when the server starts (mlops.shared_cache_size) and has the
 * same address in all processes, so that models and layouts, which are full of
 * pointers, are used as they are.  It is cut into pages by PostgreSQL's manager of
 * free pages.  A slot says what is in a run of pages.
 *
 * A slot is found by database, version and hash of the bytes: whoever looks for it
 * has read these in the catalog, and so may use it, whatever became of the
 * transaction of the session that filled it.
 *
 * Who may touch what:
 *	  state, used, hits: anybody, they are atomic;
 *	  the other fields of a slot, its pages, the manager of pages: under the lock, and
 *	  written only while the slot's generation is in nobody's hands or has no pin.
 * A pin is a step of state from one number of pins to the next in the same
 * generation.  To take a slot away is a step from no pins to the next generation.
 * So one of the two fails if they meet, and to pin takes no lock.
 *
 * A session that reads a version from the catalog says so: others that need it wait,
 * rather than do the same.  After a deployment that is all sessions at once.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "utils/freepage.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "serve/shared_cache.h"

#define ALIGNMENT 64			/* of bytes and layouts */
#define PAGES_OF_SLOT 8			/* so many pages for each slot there is */
#define LEAST_SLOTS 64
#define MOST_SLOTS 8192
#define MOST_LOADS 16			/* that others can know of */
#define MOST_PATIENCE 500		/* milliseconds to wait for another session's load */

/* A slot's state: its generation, then whether its model was dropped, then pins. */
#define GENERATION(state) ((uint32) ((state) >> 32))
#define DROPPED (UINT64_C(1) << 31)
#define PINS(state) ((uint32) (state) & (uint32) (DROPPED - 1))
#define NEXT_GENERATION(state) ((((state) >> 32) + 1) << 32)

typedef struct SharedKey
{
	Oid			database;
	int32		encoding;		/* of it: texts of models are in it */
	int64		version_id;
	uint8		sha256[32];
} SharedKey;

typedef struct Slot
{
	pg_atomic_uint64 state;
	pg_atomic_uint64 used;		/* a TimestampTz */
	pg_atomic_uint64 hits;
	SharedKey	key;
	Size		first_page;
	Size		n_pages;		/* 0: the slot is free */
	TimestampTz since;
	const MlModel *model;		/* in the pages */
	char		padding[24];
} Slot;

StaticAssertDecl(sizeof(Slot) == 2 * ALIGNMENT, "a slot is two lines of cache");

/* At the beginning of the area; slots and pages follow. */
typedef struct SharedCache
{
	LWLock		lock;
	int			n_slots;
	int			n_seen;			/* the first so many were ever filled */
	Size		n_pages;
	Slot	   *slots;
	SharedKey	loads[MOST_LOADS];	/* under way; no database: none */
	ConditionVariable load_ended;
	FreePageManager pages;
} SharedCache;

static SharedCache *cache;		/* NULL if there is none */
static char *area_base;			/* that pages are counted from */
static int	my_load = -1;		/* in cache->loads, -1: none */

/* ---------------------------------------------------------------- memory */

static Size
pages_wanted(void)
{
	return (Size) mlops_guc_shared_cache_size * 1024 / FPM_PAGE_SIZE;
}

static int
slots_wanted(void)
{
	Size		n = pages_wanted() / PAGES_OF_SLOT;

	return n < LEAST_SLOTS ? LEAST_SLOTS : n > MOST_SLOTS ? MOST_SLOTS : (int) n;
}

/* Pages before those of models: what says which are free, and the slots. */
static Size
pages_before(void)
{
	Size		size = add_size(TYPEALIGN(2 * ALIGNMENT, sizeof(SharedCache)), mul_size(slots_wanted(), sizeof(Slot)));

	return (size + FPM_PAGE_SIZE - 1) / FPM_PAGE_SIZE;
}

static Size
area_size(void)
{
	/* one more to begin at a page */
	return mul_size(add_size(add_size(pages_before(), pages_wanted()), 1), FPM_PAGE_SIZE);
}

/* In the postmaster, when it starts and after a crash of a backend. */
static void
attach(void *area, bool found)
{
	static int	tranche;

	if (tranche == 0)
	{
		tranche = LWLockNewTrancheId();
		LWLockRegisterTranche(tranche, "mlops_models");
	}
	area_base = (char *) TYPEALIGN(FPM_PAGE_SIZE, area);
	cache = (SharedCache *) area_base;
	if (found)
		return;
	memset(cache, 0, sizeof(SharedCache));
	LWLockInitialize(&cache->lock, tranche);
	ConditionVariableInit(&cache->load_ended);
	cache->n_slots = slots_wanted();
	cache->n_pages = pages_wanted();
	cache->slots = (Slot *) (area_base + TYPEALIGN(2 * ALIGNMENT, sizeof(SharedCache)));
	for (int i = 0; i < cache->n_slots; i++)
	{
		memset(&cache->slots[i], 0, sizeof(Slot));
		pg_atomic_init_u64(&cache->slots[i].state, 0);
		pg_atomic_init_u64(&cache->slots[i].used, 0);
		pg_atomic_init_u64(&cache->slots[i].hits, 0);
	}
	FreePageManagerInitialize(&cache->pages, area_base);
	FreePageManagerPut(&cache->pages, pages_before(), pages_wanted());
}

/*
 * Where processes do not inherit their memory, neither the library nor its functions,
 * which models point to, are at the same address.
 */
void
mlserve_share_models(void)
{
#ifndef EXEC_BACKEND
	if (pages_wanted() > 0)
		mlbase_share("mlops models", area_size, attach);
#endif
}

bool
mlserve_shares_models(void)
{
	return cache != NULL;
}

/* ---------------------------------------------------------------- slots, under the lock */

static SharedKey
key_of(const MlCatalogVersion *version)
{
	SharedKey	key = {.database = MyDatabaseId, .encoding = GetDatabaseEncoding(), .version_id = version->version_id};

	memcpy(key.sha256, version->sha256, sizeof(key.sha256));
	return key;
}

static bool
same_version(const SharedKey *a, const SharedKey *b)
{
	return a->version_id == b->version_id && a->database == b->database;
}

static bool
same_key(const SharedKey *a, const SharedKey *b)
{
	return same_version(a, b) && a->encoding == b->encoding && memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

static MlSharedRef
ref_to(Slot *slot)
{
	return (MlSharedRef) {(int) (slot - cache->slots), GENERATION(pg_atomic_read_u64(&slot->state))};
}

/* A slot that has the key and was not dropped; NULL: none. */
static Slot *
find(const SharedKey *key)
{
	for (int i = 0; i < cache->n_seen; i++)
	{
		Slot	   *slot = &cache->slots[i];

		if (slot->n_pages > 0 && same_key(&slot->key, key) && !(pg_atomic_read_u64(&slot->state) & DROPPED))
			return slot;
	}
	return NULL;
}

/* Frees a slot whose state was seen without a pin; false if it was pinned or freed since. */
static bool
free_slot(Slot *slot, uint64 state)
{
	Assert(PINS(state) == 0);
	if (!pg_atomic_compare_exchange_u64(&slot->state, &state, NEXT_GENERATION(state)))
		return false;
	FreePageManagerPut(&cache->pages, slot->first_page, slot->n_pages);
	slot->n_pages = 0;
	slot->model = NULL;
	return true;
}

/* Whoever has the last pin frees it, unless there is none. */
static void
drop_slot(Slot *slot)
{
	uint64		state = pg_atomic_fetch_or_u64(&slot->state, DROPPED) | DROPPED;

	if (PINS(state) == 0)
		(void) free_slot(slot, state);
}

/* Frees the slot without a pin that was not used for longest; false if all are in use. */
static bool
free_oldest(void)
{
	for (;;)
	{
		Slot	   *oldest = NULL;
		uint64		oldest_used = 0;
		uint64		oldest_state = 0;

		for (int i = 0; i < cache->n_seen; i++)
		{
			Slot	   *slot = &cache->slots[i];
			uint64		state = pg_atomic_read_u64(&slot->state);
			uint64		used = pg_atomic_read_u64(&slot->used);

			if (slot->n_pages == 0 || PINS(state) > 0 || (oldest && used >= oldest_used))
				continue;
			oldest = slot;
			oldest_used = used;
			oldest_state = state;
		}
		if (oldest == NULL)
			return false;
		if (free_slot(oldest, oldest_state))
			return true;
	}
}

static Slot *
free_place(void)
{
	for (int i = 0; i < cache->n_slots; i++)
	{
		if (cache->slots[i].n_pages == 0)
			return &cache->slots[i];
	}
	return NULL;
}

/* Pages that are in use now, and so are no room. */
static Size
pinned_pages(void)
{
	Size		n = 0;

	for (int i = 0; i < cache->n_seen; i++)
	{
		if (PINS(pg_atomic_read_u64(&cache->slots[i].state)) > 0)
			n += cache->slots[i].n_pages;
	}
	return n;
}

/* A slot with so many pages, not filled; NULL if what is in use leaves no room for it. */
static Slot *
take_slot(Size n_pages)
{
	if (n_pages + pinned_pages() > cache->n_pages)
		return NULL;
	do
	{
		Slot	   *slot = free_place();

		if (slot && FreePageManagerGet(&cache->pages, n_pages, &slot->first_page))
		{
			slot->n_pages = n_pages;
			cache->n_seen = Max(cache->n_seen, (int) (slot - cache->slots) + 1);
			return slot;
		}
	} while (free_oldest());
	return NULL;
}

/* ---------------------------------------------------------------- publishing */

/* Where parts of a model are in its pages. */
typedef struct Places
{
	Size		opened;			/* the bytes come first */
	Size		recoded;
	Size		layout;
	Size		end;
} Places;

static Places
places_of(Size size, const MlModel *model)
{
	Places		p;

	p.opened = TYPEALIGN(ALIGNMENT, size);
	p.recoded = TYPEALIGN(ALIGNMENT, p.opened + ml_model_struct_size());
	p.layout = TYPEALIGN(ALIGNMENT, p.recoded + ml_model_block_size(model));
	p.end = p.layout + ml_model_layout_size(model);
	return p;
}

/* Nothing here raises an error or looks for interrupts: no slot is left half full. */
static void
fill_slot(Slot *slot, const SharedKey *key, const uint8 *bytes, Size size, const MlModel *model, const Places *places)
{
	char	   *block = area_base + slot->first_page * FPM_PAGE_SIZE;
	MlModel    *opened = (MlModel *) (block + places->opened);

	memcpy(block, bytes, size);
	ml_model_move(model, (uint8 *) block, block + places->recoded, opened);
	if (places->end > places->layout)
		ml_model_lay_out(opened, block + places->layout);
	slot->key = *key;
	slot->model = opened;
	slot->since = GetCurrentTimestamp();
	pg_atomic_write_u64(&slot->used, (uint64) slot->since);
	pg_atomic_write_u64(&slot->hits, 0);
}

/* A version has one content: others of its identity are of before a restore. */
static void
drop_others(const SharedKey *key)
{
	for (int i = 0; i < cache->n_seen; i++)
	{
		Slot	   *slot = &cache->slots[i];

		if (slot->n_pages > 0 && same_version(&slot->key, key) && !same_key(&slot->key, key))
			drop_slot(slot);
	}
}

bool
mlserve_publish(const MlCatalogVersion *version, const uint8 *bytes, const MlModel *model, MlSharedRef *ref)
{
	SharedKey	key = key_of(version);
	Places		places = places_of(version->size, model);
	Slot	   *slot;

	LWLockAcquire(&cache->lock, LW_EXCLUSIVE);
	slot = find(&key);
	if (slot == NULL)
	{
		drop_others(&key);
		slot = take_slot((places.end + FPM_PAGE_SIZE - 1) / FPM_PAGE_SIZE);
		if (slot)
			fill_slot(slot, &key, bytes, version->size, model, &places);
	}
	if (slot)
		*ref = ref_to(slot);
	LWLockRelease(&cache->lock);
	return slot != NULL;
}

/* ---------------------------------------------------------------- finding and pinning */

bool
mlserve_find_shared(const MlCatalogVersion *version, MlSharedRef *ref)
{
	SharedKey	key = key_of(version);
	Slot	   *slot;

	LWLockAcquire(&cache->lock, LW_SHARED);
	slot = find(&key);
	if (slot)
		*ref = ref_to(slot);
	LWLockRelease(&cache->lock);
	return slot != NULL;
}

static inline bool
is_current(uint64 state, MlSharedRef ref)
{
	return GENERATION(state) == ref.generation && !(state & DROPPED);
}

bool
mlserve_is_shared(MlSharedRef ref)
{
	return is_current(pg_atomic_read_u64(&cache->slots[ref.slot].state), ref);
}

/* A slot's model does not change within a generation. */
const MlModel *
mlserve_pin_shared(MlSharedRef ref)
{
	Slot	   *slot = &cache->slots[ref.slot];
	uint64		state = pg_atomic_read_u64(&slot->state);

	do
	{
		if (!is_current(state, ref))
			return NULL;
	} while (!pg_atomic_compare_exchange_u64(&slot->state, &state, state + 1));
	pg_atomic_write_u64(&slot->used, (uint64) GetCurrentTimestamp());
	pg_atomic_fetch_add_u64(&slot->hits, 1);
	return slot->model;
}

void
mlserve_unpin_shared(MlSharedRef ref)
{
	Slot	   *slot = &cache->slots[ref.slot];
	uint64		state = pg_atomic_sub_fetch_u64(&slot->state, 1);

	if (!(state & DROPPED) || PINS(state) > 0)
		return;
	LWLockAcquire(&cache->lock, LW_EXCLUSIVE);
	(void) free_slot(slot, state);	/* unless who made room was faster */
	LWLockRelease(&cache->lock);
}

void
mlserve_drop_shared(MlSharedRef ref)
{
	LWLockAcquire(&cache->lock, LW_EXCLUSIVE);
	if (mlserve_is_shared(ref))
		drop_slot(&cache->slots[ref.slot]);
	LWLockRelease(&cache->lock);
}

/* ---------------------------------------------------------------- loads */

/* The load of a version that is under way, -1: there is none; under the lock. */
static int
find_load(const SharedKey *key)
{
	for (int i = 0; i < MOST_LOADS; i++)
	{
		if (OidIsValid(cache->loads[i].database) && same_key(&cache->loads[i], key))
			return i;
	}
	return -1;
}

/* Makes it ours if nobody loads the version.  If too many load others, nobody is told. */
static bool
begin_load(const SharedKey *key)
{
	bool		under_way;

	LWLockAcquire(&cache->lock, LW_EXCLUSIVE);
	under_way = find_load(key) >= 0;
	for (int i = 0; i < MOST_LOADS && !under_way && my_load < 0; i++)
	{
		if (OidIsValid(cache->loads[i].database))
			continue;
		cache->loads[i] = *key;
		my_load = i;
	}
	LWLockRelease(&cache->lock);
	return !under_way;
}

void
mlserve_end_load(void)
{
	if (my_load < 0)
		return;
	LWLockAcquire(&cache->lock, LW_EXCLUSIVE);
	cache->loads[my_load].database = InvalidOid;
	my_load = -1;
	LWLockRelease(&cache->lock);
	ConditionVariableBroadcast(&cache->load_ended);
}

static bool
is_under_way(const SharedKey *key)
{
	bool		under_way;

	LWLockAcquire(&cache->lock, LW_SHARED);
	under_way = find_load(key) >= 0;
	LWLockRelease(&cache->lock);
	return under_way;
}

/*
 * Who loads may wait for a lock that we hold, which nobody would find out: patience
 * ends.  Whoever has waited looks once more, and loads by himself then, beside others.
 */
bool
mlserve_begin_load(const MlCatalogVersion *version)
{
	SharedKey	key = key_of(version);
	TimestampTz until;

	if (begin_load(&key))
		return true;
	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MOST_PATIENCE);
	ConditionVariablePrepareToSleep(&cache->load_ended);
	while (is_under_way(&key))
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left <= 0 || ConditionVariableTimedSleep(&cache->load_ended, left, PG_WAIT_EXTENSION))
			break;
	}
	ConditionVariableCancelSleep();
	return false;
}

/* ---------------------------------------------------------------- what there is */

MlSharedModel *
mlserve_list_shared(int *n)
{
	MlSharedModel *all = palloc(cache->n_slots * sizeof(MlSharedModel));

	*n = 0;
	LWLockAcquire(&cache->lock, LW_SHARED);
	for (int i = 0; i < cache->n_seen; i++)
	{
		Slot	   *slot = &cache->slots[i];
		uint64		state = pg_atomic_read_u64(&slot->state);

		if (slot->n_pages == 0 || slot->key.database != MyDatabaseId)
			continue;
		all[*n].ref = ref_to(slot);
		all[(*n)++].cached = (MlCachedModel) {
											   .version_id = slot->key.version_id,
			.shared = true,
			.size = slot->n_pages * FPM_PAGE_SIZE,
			.pins = (int) PINS(state),
			.hits = (int64) pg_atomic_read_u64(&slot->hits),
			.used = (TimestampTz) pg_atomic_read_u64(&slot->used),
			.since = slot->since,
		};
	}
	LWLockRelease(&cache->lock);
	return all;
}
