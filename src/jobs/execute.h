/*
 * execute.h
 *	  Running one statement in a worker (private to jobs).
 */
#ifndef MLOPS_JOBS_EXECUTE_H
#define MLOPS_JOBS_EXECUTE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/jsonb.h"

/* Of a result, rows and bytes of JSON that are kept; all rows are counted. */
#define MLJOBS_RESULT_ROWS 1000
#define MLJOBS_RESULT_BYTES (16 * 1024 * 1024)

typedef struct MlResult
{
	int64		rows;			/* returned or affected, -1: the statement has none */
	char	   *json;			/* '[{"column": value ...} ...]', NULL: returns no rows */
} MlResult;

/*
 * The statement's parse tree.  Errors: what the parser says; 42601 if it is not
 * exactly one statement; 0A000 for one that cannot run without a client or
 * controls transactions.
 */
extern RawStmt *mljobs_parse(const char *command);

/*
 * The name of a relation that a statement reads or writes and that is temporary
 * in this session; NULL: none is seen.  Errors: what the parser says of queries
 * in it.
 */
extern const char *mljobs_temporary_relation(const RawStmt *statement);

/*
 * Runs a statement as at top level: in the open transaction, which it may end
 * and begin anew (VACUUM, CALL).  The result is allocated in the current memory
 * context, which must outlive transactions.
 */
extern void mljobs_execute(const char *command, MlResult *result);

/* Sets a session's settings (name -> value) here; those of statements since
 * are in force as in the submitting session.  NULL: nothing to do. */
extern void mljobs_apply_settings(Jsonb *settings);

/* The settings of this session that a job should have too; NULL: none. */
extern Jsonb *mljobs_session_settings(void);

#endif							/* MLOPS_JOBS_EXECUTE_H */
