/*
 * journal.h
 *	  What a training says while it goes on: its phases, its messages, and what
 *	  is kept of both for the run (private to train).
 *
 * Takes nothing; every step writes to it and none reads it, but for the record.
 * All of it is in the memory context that is current when it grows, which must
 * live as long as the training.
 */
#ifndef MLOPS_TRAIN_JOURNAL_H
#define MLOPS_TRAIN_JOURNAL_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "utils/timestamp.h"

#include "train/report.h"

typedef struct Journal
{
	TimestampTz started_at;
	const char *phase;			/* for the error context */
	instr_time	phase_started;
	MlRunMetrics run_metrics;	/* of the run: timings and what steps add */
	StringInfo	told;			/* where messages to the user are kept, NULL: they go to the user */
	StringInfoData findings;	/* members of a JSON array, see mltrain_note */
	bool		told_columns;	/* what there is to say of the inputs has been said: it is said of the first
								 * view of the data, not of others */
} Journal;

/* Begins now, in phase "check"; messages go to the user. */
extern void mltrain_open_journal(Journal *journal);

/* ---- phases: names for the error context and progress, timed as <phase>_ms */
extern void mltrain_begin_phase(Journal *journal, const char *phase);
extern void mltrain_end_phase(Journal *journal);

/*
 * Says something to the user at once, or keeps it in journal->told; detail may be
 * NULL.  mltrain_repeat says what was kept of each fold, each message once and
 * with the folds that it is of.
 */
extern void mltrain_tell(Journal *journal, int level, const char *message, const char *detail);
extern void mltrain_repeat(char *const *told, int n_folds);

/*
 * Keeps what people ought to know of a column for the run, as view mlops.runs
 * shows it: finding is "identifier", "repeated", "constant", "type", "filled",
 * "lumped", "suspected" or, of column "(threshold)", "fitted".
 */
extern void mltrain_note(Journal *journal, const char *column, const char *finding, const char *detail);

#endif							/* MLOPS_TRAIN_JOURNAL_H */
