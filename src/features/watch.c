/*-------------------------------------------------------------------------
 * watch.c
 *	  Views that are open while their sources change.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "watch.h"

/* One open view, in its memory context. */
typedef struct Watch
{
	dlist_node	node;
	MlFeatureView *view;
	MemoryContextCallback callback;
} Watch;

static dlist_head watches = DLIST_STATIC_INIT(watches);

/* InvalidOid: any relation may have changed. */
static void
relation_changed(Datum arg, Oid relation)
{
	dlist_iter	it;

	dlist_foreach(it, &watches)
	{
		MlFeatureView *view = dlist_container(Watch, node, it.cur)->view;

		if (!OidIsValid(relation) || relation == view->request.source)
			view->stale = true;
	}
}

static void
forget(void *arg)
{
	dlist_delete(&((Watch *) arg)->node);
}

void
watch_source(MlFeatureView *view)
{
	static bool registered = false;
	Watch	   *watch = palloc0(sizeof(Watch));

	if (!registered)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	registered = true;
	watch->view = view;
	dlist_push_head(&watches, &watch->node);
	watch->callback.func = forget;
	watch->callback.arg = watch;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &watch->callback);
}

bool
mlfeat_is_stale(const MlFeatureView *view)
{
	return view->stale;
}
