/*
 * parallel.h
 *	  Plans whose processes work on the rows they read (private to ingest).
 */
#ifndef MLOPS_INGEST_PARALLEL_H
#define MLOPS_INGEST_PARALLEL_H

#include "postgres.h"

#include "executor/execdesc.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"

#include "mlops/ingest.h"

/* Plans a query whose rows are worked on where they are read. */
extern PlannedStmt *mling_plan_shared(Query *query, const char *text);

/*
 * Changes a plan so that each process hands batches to the session, as rows of one
 * bytea; false, and nothing is changed, where it is the session that reads.
 */
extern bool mling_share_rows(PlannedStmt *plan);

/*
 * Says what the work is, once the executor of such a plan has started; receiver is that of
 * mling_work_on_rows.
 */
extern void mling_start_work(QueryDesc *desc, DestReceiver *receiver);

#endif							/* MLOPS_INGEST_PARALLEL_H */
