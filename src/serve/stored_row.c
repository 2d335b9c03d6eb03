/*-------------------------------------------------------------------------
 * stored_row.c
 *	  A row before it is stored, as it will be stored: BEFORE triggers see it
 *	  without its generated columns, which the executor computes after them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "mlops/serve.h"

struct MlStoredRow
{
	int			n;				/* generated columns; 0: rows are as they will be */
	int		   *column;			/* [n] from 1 */
	ExprState **expression;		/* [n] */
	Datum	   *value;			/* [n] of the last row */
	bool	   *isnull;
	ExprContext *econtext;
	TupleTableSlot *slot;
};

/* What computes the generated columns; all of it lives in the current context. */
static MlStoredRow *
prepare(Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	MlStoredRow *stored = palloc0(sizeof(MlStoredRow));

	for (int i = 0; i < desc->natts; i++)
		stored->n += TupleDescAttr(desc, i)->attgenerated != '\0';
	if (stored->n == 0)
		return stored;
	stored->column = palloc(stored->n * sizeof(int));
	stored->expression = palloc(stored->n * sizeof(ExprState *));
	stored->value = palloc(stored->n * sizeof(Datum));
	stored->isnull = palloc(stored->n * sizeof(bool));
	stored->econtext = CreateStandaloneExprContext();
	stored->slot = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(desc), &TTSOpsHeapTuple);
	stored->n = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attgenerated == '\0')
			continue;
		stored->column[stored->n] = i + 1;
		stored->expression[stored->n++] =
			ExecInitExpr(expression_planner((Expr *) build_column_default(relation, i + 1)), NULL);
	}
	return stored;
}

HeapTuple
mlserve_row_as_stored(MlStoredRow **state, MemoryContext context, Relation relation, HeapTuple row)
{
	MlStoredRow *stored = *state;

	if (unlikely(stored == NULL))
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		stored = *state = prepare(relation);
		MemoryContextSwitchTo(caller);
	}
	if (likely(stored->n == 0))
		return row;
	ResetExprContext(stored->econtext);
	ExecStoreHeapTuple(row, stored->slot, false);
	stored->slot->tts_tableOid = RelationGetRelid(relation);
	stored->econtext->ecxt_scantuple = stored->slot;
	for (int i = 0; i < stored->n; i++)
		stored->value[i] = ExecEvalExprSwitchContext(stored->expression[i], stored->econtext,
													 &stored->isnull[i]);
	row = heap_modify_tuple_by_cols(row, RelationGetDescr(relation), stored->n, stored->column,
									stored->value, stored->isnull);
	ExecClearTuple(stored->slot);
	return row;
}
