/*
 * heap_scan.c
 *	  The bare C scan of a table that reading into the engine is compared with.
 *
 * No part of mlops: a module of its own, loaded by path from bench/ingest.sh.
 * It does what any reader of a heap must do and nothing else: fetch every
 * visible tuple through the table access method and, in the second variant,
 * take it apart into datums.  The values are not looked at.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(heap_scan_ms);

/*
 * heap_scan_ms(relation regclass, take_apart boolean) -> float8
 *
 * Milliseconds one scan takes.
 */
Datum
heap_scan_ms(PG_FUNCTION_ARGS)
{
	Relation	relation = table_open(PG_GETARG_OID(0), AccessShareLock);
	bool		take_apart = PG_GETARG_BOOL(1);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	instr_time	started;
	instr_time	took;
	TableScanDesc scan;

	INSTR_TIME_SET_CURRENT(started);
	scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (take_apart)
			slot_getallattrs(slot);
	}
	table_endscan(scan);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, started);

	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_MILLISEC(took));
}
