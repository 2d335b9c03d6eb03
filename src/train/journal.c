/*-------------------------------------------------------------------------
 * journal.c
 *	  Phases, messages and findings of a training.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/json.h"

#include "mlops/progress.h"
#include "train/journal.h"

void
mltrain_open_journal(Journal *journal)
{
	memset(journal, 0, sizeof(*journal));
	journal->phase = "check";
	journal->started_at = GetCurrentTimestamp();
}

/* ---------------------------------------------------------------- phases */

void
mltrain_begin_phase(Journal *journal, const char *phase)
{
	journal->phase = phase;
	mlbase_progress(phase, 0, 0, NAN);
	INSTR_TIME_SET_CURRENT(journal->phase_started);
	CHECK_FOR_INTERRUPTS();
}

/* Records how long the phase took, as <phase>_ms. */
void
mltrain_end_phase(Journal *journal)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, journal->phase_started);
	mltrain_add_metric(&journal->run_metrics, psprintf("%s_ms", journal->phase), 0, INSTR_TIME_GET_MILLISEC(now));
}

/* ---------------------------------------------------------------- messages */

/* A kept message is LEVEL TEXT <field> DETAIL <end>. */
#define FIELD '\x1f'
#define END '\x1e'

/* A message whose text is data, not a format. */
static void
say(int level, const char *message, const char *detail)
{
	ereport(level, (errmsg("%s", message), detail && *detail ? errdetail("%s", detail) : 0));
}

void
mltrain_tell(Journal *journal, int level, const char *message, const char *detail)
{
	if (journal->told == NULL)
		say(level, message, detail);
	else
		appendStringInfo(journal->told, "%d %s%c%s%c", level, message, FIELD, detail ? detail : "", END);
}

/* Is a message, with its level but whatever its detail, among those that were kept? */
static bool
was_told(const char *told, const char *message)
{
	size_t		length = strlen(message);

	for (const char *end; (end = strchr(told, END)) != NULL; told = end + 1)
	{
		if (strncmp(told, message, length) == 0 && told[length] == FIELD)
			return true;
	}
	return false;
}

/* "in fold 2: ", "in folds 1, 3: ", or nothing for what is told of all. */
static const char *
which_folds(char *const *told, int n_folds, const char *message)
{
	StringInfoData numbers;
	int			n = 0;

	initStringInfo(&numbers);
	for (int f = 0; f < n_folds; f++)
	{
		if (was_told(told[f], message))
			appendStringInfo(&numbers, "%s%d", n++ > 0 ? ", " : "", f + 1);
	}
	return n == n_folds ? "" : psprintf("in fold%s %s: ", n > 1 ? "s" : "", numbers.data);
}

/* O(n_folds^2) searches of short texts. */
void
mltrain_repeat(char *const *told, int n_folds)
{
	for (int f = 0; f < n_folds; f++)
	{
		const char *end;

		for (const char *at = told[f]; (end = strchr(at, END)) != NULL; at = end + 1)
		{
			char	   *message = pnstrdup(at, end - at);
			char	   *detail = strchr(message, FIELD);
			char	   *text;
			int			level = (int) strtol(message, &text, 10);
			bool		before = false;

			*detail++ = '\0';
			for (int other = 0; other < f; other++)
				before = before || was_told(told[other], message);
			if (!before)
				say(level, psprintf("%s%s", which_folds(told, n_folds, message), text + 1), detail);
		}
	}
}

/* ---------------------------------------------------------------- findings */

/* As JSON, since that is what becomes of it. */
void
mltrain_note(Journal *journal, const char *column, const char *finding, const char *detail)
{
	if (journal->findings.data == NULL)
		initStringInfo(&journal->findings);
	appendStringInfoString(&journal->findings, journal->findings.len > 0 ? ", {\"column\": " : "{\"column\": ");
	escape_json(&journal->findings, column);
	appendStringInfoString(&journal->findings, ", \"finding\": ");
	escape_json(&journal->findings, finding);
	appendStringInfoString(&journal->findings, ", \"detail\": ");
	escape_json(&journal->findings, detail);
	appendStringInfoChar(&journal->findings, '}');
}
