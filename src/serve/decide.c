/*-------------------------------------------------------------------------
 * decide.c
 *	  Decisions: a row scored by the variant that its key chooses, logged, with
 *	  the shadows beside it; and what becomes of it when something fails.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/registry.h"
#include "mlops/serve.h"

/* Bytes of an error's text that are logged. */
#define MAX_REASON 500

/* A score that stands in for the model's has no threshold of its own. */
#define DEFAULT_THRESHOLD 0.5

/* Is it this word? */
static bool
says(const char *text, int size, const char *word)
{
	return size == (int) strlen(word) && memcmp(text, word, size) == 0;
}

/* Called for every row: the two words are told apart without a copy. */
void
mlserve_read_error_choice(const char *text, int size, MlErrorChoice *choice)
{
	char	   *number,
			   *end;

	*choice = (MlErrorChoice) {ML_ON_ERROR_NULL, 0};
	if (says(text, size, "null"))
		return;
	choice->choice = ML_ON_ERROR_RAISE;
	if (says(text, size, "raise"))
		return;
	number = pnstrdup(text, size);
	choice->score = strtod(number, &end);
	if (end == number || *end != '\0' || !(choice->score >= 0 && choice->score <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized value \"%s\" of \"on_error\"", number),
				 errhint("It is raise, null, or the score to give instead, a number from 0 to 1.")));
	choice->choice = ML_ON_ERROR_SCORE;
}

/* From now on the command counts as told. */
static bool
is_told(MlDecideSite *site, int sqlerrcode)
{
	CommandId	command = mlserve_command();

	if (site->warned_in != command)
		site->n_warned = 0;
	site->warned_in = command;
	for (int i = 0; i < site->n_warned; i++)
	{
		if (site->warned_of[i] == sqlerrcode)
			return true;
	}
	if (site->n_warned == ML_MOST_WARNED)
		return true;
	site->warned_of[site->n_warned++] = sqlerrcode;
	return false;
}

/* A statement of many rows is told of each kind once, in whatever order they come. */
void
mlserve_warn(MlDecideSite *site, const MlFault *fault, const char *model, const char *consequence)
{
	const ErrorData *error = fault->error;

	if (is_told(site, error->sqlerrcode))
		return;
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("model \"%s\" could not score a row: %s", model, error->message),
			 errdetail("%s", consequence),
			 error->hint ? errhint("%s", error->hint) : 0));
}

/* Texts are in the current memory context. */
static void
set_variant(MlPrediction *row, const MlResolved *resolved)
{
	row->model_id = resolved->model_id;
	row->deployment_id = resolved->deployment_id;
	row->version = resolved->version;
	row->variant = resolved->variant ? cstring_to_text(resolved->variant) : NULL;
	row->threshold = resolved->threshold;
	row->has_threshold = true;
}

/* Flags by the variant's threshold, or by 0.5 where the score is not the model's. */
static void
set_score(MlPrediction *row, double score)
{
	row->has_score = true;
	row->score = score;
	row->flagged = score >= (row->has_threshold ? row->threshold : DEFAULT_THRESHOLD);
}

/* The message, cut to MAX_REASON bytes at a whole character. */
static void
set_fault(MlPrediction *row, const MlFault *fault)
{
	const char *message = fault->error->message;
	int			size = (int) strlen(message);

	strlcpy(row->sqlstate, unpack_sql_state(fault->error->sqlerrcode), sizeof(row->sqlstate));
	row->error = cstring_to_text_with_len(message, pg_mbcliplen(message, size, Min(size, MAX_REASON)));
}

/* What an answer says, into the row to log. */
static void
fill(MlPrediction *row, const MlAnswer *answer)
{
	if (answer->resolved)
		set_variant(row, answer->resolved);
	if (answer->fault.error)
		set_fault(row, &answer->fault);
	else
		set_score(row, answer->score);
}

/* By the clock of INSTR_TIME. */
static float4
microseconds_since(instr_time began)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, began);
	return (float4) (INSTR_TIME_GET_DOUBLE(now) * 1e6);
}

/* ---- steps beside scoring, none of which may stop a payment */

typedef struct Beside
{
	MlScorer   *scorer;
	Oid			type;
	Datum		features;
	text	   *reference;
	text	   *key;			/* found */
	Jsonb	   *json;			/* found */
	const MlResolved *resolved; /* whose features are to be found */
	MlPrediction *row;
} Beside;

/* A step: the key of the row that was tried. */
static void
read_key(void *arg)
{
	Beside	   *beside = (Beside *) arg;

	beside->key = mlserve_row_key(beside->scorer, beside->type, beside->features);
}

/* A step: may ask catalogs for types, so it is never quiet. */
static void
read_features(void *arg)
{
	Beside	   *beside = (Beside *) arg;

	beside->json = mlserve_features_read(beside->scorer, beside->resolved, beside->type,
										 beside->features);
}

/* Of what there is of a model that cannot be asked, the log shows which it is. */
static void
find_model(void *arg)
{
	Beside	   *beside = (Beside *) arg;
	MlModelReference reference;
	MlCatalogModel model;

	mlreg_parse_reference(text_to_cstring(beside->reference), &reference);
	if (mlcat_model_by_name(reference.name, &model))
		beside->row->model_id = model.model_id;
}

/*
 * Runs a step; on error goes on without what it was to find, if that is wanted.
 * read_features runs in a subtransaction, read_key is quiet.
 */
static bool
step_beside(void (*step) (void *), Beside *beside, bool may_fail, MlFault *fault)
{
	if (!may_fail)
		return mlserve_attempt(step, beside, step != read_features, fault);
	step(beside);
	return true;
}

/* Without them, if they cannot be read: the decision counts for more. */
static void
log_features(MlDecideSite *site, Beside *beside, const MlResolved *resolved, bool may_fail, MlPrediction *row)
{
	MlFault		fault;

	beside->resolved = resolved;
	if (step_beside(read_features, beside, may_fail, &fault))
		row->features = beside->json;
	else
		mlserve_warn(site, &fault, text_to_cstring(beside->reference),
					 "The decision is logged without the row's features.");
}

/* ---- decisions */

/* May a row be logged?  On a standby, and where nothing may be written, not. */
static bool
may_log(void)
{
	return !XactReadOnly && !RecoveryInProgress();
}

/*
 * Each shadow's row has the identity of its decision.  None of them can change the
 * answer.
 */
static void
log_shadows(MlDecideSite *site, Beside *beside, bool may_fail, const MlPrediction *decision)
{
	for (int i = 0; i < mlserve_n_shadows(beside->scorer); i++)
	{
		MlPrediction shadow = *decision;
		MlAnswer	answer;
		instr_time	began;

		INSTR_TIME_SET_CURRENT(began);
		mlserve_try_shadow(beside->scorer, i, beside->type, beside->features, &answer);
		shadow.latency = microseconds_since(began);
		shadow.shadow = true;
		shadow.has_score = false;
		shadow.sqlstate[0] = '\0';
		shadow.error = NULL;
		shadow.features = NULL;
		fill(&shadow, &answer);
		if (answer.fault.error)
			mlserve_warn(site, &answer.fault, text_to_cstring(beside->reference),
						 psprintf("Only shadow \"%s\" failed; the answer is as without it.",
								  answer.resolved->variant));
		else if (mlops_guc_log_features)
			log_features(site, beside, answer.resolved, false, &shadow);
		mlserve_log_prediction(&shadow, &site->log, may_fail);
	}
}

/*
 * Is the model known not to be readable in this command?  A statement of many
 * rows waits for a lock once.
 */
static bool
is_locked(const MlDecideSite *site)
{
	return unlikely(site->locked != NULL) && site->locked_in == mlserve_command();
}

/* In the scorer's context, which lives as long as the site. */
static void
keep_locked(MlDecideSite *site, const MlFault *fault, int64 model_id)
{
	if (is_locked(site))
		return;
	site->locked = mlserve_keep_fault(fault, site->scorer.fn_mcxt);
	site->locked_in = mlserve_command();
	site->locked_model = model_id;
}

/* What was not scored: given as the caller chose, and logged as failed. */
static void
settle_failure(MlDecideSite *site, Beside *beside, const MlErrorChoice *choice,
			   const MlFault *fault, MlPrediction *decision)
{
	MlFault		ignored;

	if (is_locked(site))
		decision->model_id = site->locked_model;
	else if (decision->model_id == 0)
		(void) mlserve_attempt(find_model, beside, false, &ignored);
	if (fault->error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		keep_locked(site, fault, decision->model_id);
	if (choice->choice == ML_ON_ERROR_SCORE)
		set_score(decision, choice->score);
	mlserve_warn(site, fault, text_to_cstring(beside->reference),
				 choice->choice == ML_ON_ERROR_SCORE ? "It got the score that \"on_error\" says."
				 : "It got no score.");

	/* who may not score leaves no words of his own in the model's log */
	if (fault->error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		decision->key = decision->route_key = NULL;
}

/*
 * *decision has what is known by now; gets its identity, its fault and what the
 * caller chose.
 */
static void
decide_failed(MlDecideSite *site, Beside *beside, const MlErrorChoice *choice, const MlFault *fault,
			  MlPrediction *decision)
{
	decision->created_at = GetCurrentTimestamp();
	mlserve_identify_prediction(decision);
	set_fault(decision, fault);
	settle_failure(site, beside, choice, fault, decision);
	if (may_log())
		mlserve_log_prediction(decision, &site->log, false);
}

void
mlserve_decide_failed(MlDecideSite *site, text *reference, text *key, const MlErrorChoice *choice,
					  const MlFault *fault, MlPrediction *decision)
{
	Beside		beside = {.reference = reference, .row = decision};

	memset(decision, 0, sizeof(*decision));
	decision->key = key;
	decide_failed(site, &beside, choice, fault, decision);
}

/* Variants that should have answered a row and did not, as shadows of its decision. */
typedef struct Failures
{
	int			n;
	MlPrediction rows[2];		/* a segment that was passed over, a variant that failed */
} Failures;

/*
 * A row of the log for a variant that did not answer; consequence has one %s, for
 * its name.
 */
static void
note_failure(MlDecideSite *site, text *reference, const MlResolved *resolved, const MlFault *fault,
			 instr_time began, const char *consequence, Failures *failures)
{
	MlPrediction *row = &failures->rows[failures->n++];

	memset(row, 0, sizeof(*row));
	set_variant(row, resolved);
	set_fault(row, fault);
	row->latency = microseconds_since(began);
	mlserve_warn(site, fault, text_to_cstring(reference), psprintf(consequence, resolved->variant));
}

/* They share the decision's identity and keys, and so may have to give it one. */
static void
log_failures(MlDecideSite *site, Failures *failures, bool may_fail, MlPrediction *decision)
{
	if (failures->n > 0 && decision->created_at == 0)
	{
		decision->created_at = GetCurrentTimestamp();
		mlserve_identify_prediction(decision);
	}
	for (int i = 0; i < failures->n; i++)
	{
		MlPrediction *row = &failures->rows[i];

		row->id = decision->id;
		row->created_at = decision->created_at;
		row->key = decision->key;
		row->route_key = decision->route_key;
		row->shadow = true;
		mlserve_log_prediction(row, &site->log, may_fail);
	}
}

/*
 * In order: the answer, the row's key, the log.  Nothing after the answer can
 * change it, nor fail unless choice is raise.
 */
void
mlserve_decide(MlDecideSite *site, text *reference, Oid type, Datum features, text *key,
			   const MlErrorChoice *choice, bool only_failures, MlPrediction *decision)
{
	bool		may_fail = choice->choice == ML_ON_ERROR_RAISE;
	Beside		beside = {.reference = reference, .type = type, .features = features, .row = decision};
	Failures	failures;
	MlAnswer	answer;
	MlFault		fault;
	instr_time	began;

	INSTR_TIME_SET_CURRENT(began);
	memset(decision, 0, sizeof(*decision));
	failures.n = 0;
	if (!may_fail && is_locked(site))
		answer = (MlAnswer) {.fault = *site->locked};
	else
		beside.scorer = mlserve_try(&site->scorer, reference, type, features, key, may_fail, &answer);
	if (unlikely(answer.passed_over != NULL))
		note_failure(site, reference, answer.passed_over, &answer.passed_fault, began,
					 "Segment \"%s\" was passed over; the answer is as without it.", &failures);
	if (unlikely(answer.fault.error && answer.resolved &&
				 !mlserve_is_primary(beside.scorer, answer.resolved)))
	{
		note_failure(site, reference, answer.resolved, &answer.fault, began,
					 "Variant \"%s\" failed; primary answered in its place.", &failures);
		mlserve_try_primary(beside.scorer, type, features, &answer);
	}
	decision->latency = microseconds_since(began);
	if (answer.fault.error && may_fail)
		mlserve_throw(&answer.fault);

	if (beside.scorer && answer.resolved && !only_failures &&
		!step_beside(read_key, &beside, may_fail, &fault))
		mlserve_warn(site, &fault, text_to_cstring(reference),
					 "The decision is logged without the row's key.");
	decision->key = beside.key;
	if (key)
	{
		decision->route_key = decision->key;
		decision->key = key;
	}
	fill(decision, &answer);
	if (unlikely(answer.fault.error != NULL))
		decide_failed(site, &beside, choice, &answer.fault, decision);
	else if (!only_failures && may_log())
	{
		decision->created_at = GetCurrentTimestamp();
		mlserve_identify_prediction(decision);
		if (mlops_guc_log_features)
			log_features(site, &beside, answer.resolved, may_fail, decision);
		mlserve_log_prediction(decision, &site->log, may_fail);
	}
	if (!may_log())
		return;
	log_failures(site, &failures, may_fail, decision);
	if (!only_failures && answer.resolved)
		log_shadows(site, &beside, may_fail, decision);
}
