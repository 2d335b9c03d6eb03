/*
 * watch.h
 *	  Views that are open while their sources change (private to features).
 */
#ifndef MLOPS_FEATURES_WATCH_H
#define MLOPS_FEATURES_WATCH_H

#include "view.h"

/* Marks the view stale once its source changes, as long as the current memory context lives. */
extern void watch_source(MlFeatureView *view);

#endif							/* MLOPS_FEATURES_WATCH_H */
