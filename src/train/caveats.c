/*-------------------------------------------------------------------------
 * caveats.c
 *	  What is said where a judgement is worth less than it looks.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "train/caveats.h"

/* A model that tells no row from another, as where nothing can be gained. */
void
mltrain_tell_constant(Journal *journal, const Scored *chosen_by)
{
	for (size_t i = 1; i < chosen_by->n; i++)
	{
		if (chosen_by->score[i] != chosen_by->score[0])
			return;
	}
	mltrain_tell(journal, WARNING, "the model gives all rows the same score",
				 psprintf("It is %.6g for all %zu rows that chose the threshold: no feature tells rows apart under these parameters.",
						  chosen_by->n > 0 ? chosen_by->score[0] : NAN, chosen_by->n));
}

/*
 * A row that was learned from is part of its level's statistic: it is judged by its
 * own label, and so is a threshold that such rows choose.  True if it was told.
 */
static bool
tell_own_labels(Journal *journal, const Prepared *prepared)
{
	for (size_t i = 0; i < prepared->signature->n_inputs; i++)
	{
		const MlInput *input = &prepared->signature->inputs[i];

		if (input->statistic == NULL)
			continue;
		mltrain_tell(journal, WARNING, psprintf("the training rows chose the threshold, and \"%s\" tells their own labels", input->name),
					 "It has so many levels that each is a number made of the labels of its rows. Metrics and threshold of "
					 "these rows do not hold for new ones; have the split leave validation rows.");
		return true;
	}
	return false;
}

/*
 * A threshold that the training rows chose is one of scores that were fitted to them.
 * A split that asks for no validation rows is taken at its word.
 */
void
mltrain_tell_fitted_threshold(Journal *journal, const Request *request, const Prepared *prepared, MlPart chosen_on)
{
	bool		asked = prepared->data->roles.fold >= 0 || request->split.at_times || request->split.at_last || request->split.validation > 0;
	const char *detail = "There are no validation rows, and the model has fitted its scores to these: new rows may be flagged at another rate.";
	bool		warned;

	if (chosen_on != ML_PART_TRAIN)
		return;
	warned = tell_own_labels(journal, prepared);
	if (request->threshold.policy.kind == ML_THRESHOLD_VALUE)
		return;
	mltrain_note(journal, "(threshold)", "fitted", detail);
	if (asked && !warned)
		mltrain_tell(journal, NOTICE, "the threshold was chosen on the training rows",
					 psprintf("%s Have the split leave validation rows.", detail));
}

/* What was asked for, and cannot be: the rounds are as many as there may be. */
void
mltrain_tell_without_stopping(Journal *journal, const Request *request, const Prepared *prepared,
							  const Fitted *fitted)
{
	int			stopping = 0;

	if (prepared->parts.rows[ML_PART_VALIDATION].n == 0 && mltrain_get_int(request->learner, fitted->params, "early_stopping_rounds", &stopping) && stopping > 0)
		mltrain_tell(journal, NOTICE, "nothing stops early without validation rows",
					 psprintf("\"early_stopping_rounds\" is %d, but the split leaves no validation rows to tell when: there are %d rounds.",
							  stopping, fitted->learned.iterations));
}

/*
 * Test rows that were asked for, but are not there: the metrics look like proof
 * and are none.  A split that asks for none is taken at its word.
 */
void
mltrain_tell_without_test(Journal *journal, const Request *request, const Prepared *prepared, MlPart judged_on)
{
	const char *rows = judged_on == ML_PART_VALIDATION ? "validation" : "training";
	bool		asked = prepared->data->roles.fold >= 0 || request->split.at_times || request->split.at_last || request->split.test > 0;

	if (judged_on == ML_PART_TEST || !asked)
		return;
	mltrain_tell(journal, WARNING, "the split leaves no test rows",
				 psprintf("The metrics and the threshold rest on the %s rows. They do not show how the version does on "
						  "new rows, and no gate is passed by them.", rows));
}

/* Test rows by which nothing can be told apart, as one of a day where days were meant. */
void
mltrain_tell_one_class(Journal *journal, const Scored *test)
{
	size_t		positives = 0;

	for (size_t i = 0; i < test->n; i++)
		positives += test->label[i] == 1;
	if (positives > 0 && positives < test->n)
		return;
	mltrain_tell(journal, WARNING, "the test rows have one class only",
				 psprintf("The target is %s in all of them: %zu. Metrics that compare classes, as pr_auc, are not defined.",
						  positives > 0 ? "positive" : "negative", test->n));
}
