/*-------------------------------------------------------------------------
 * train.c
 *	  One training, from a source to a registered version.
 *
 * The phases, each a function below and each timed:
 *	 plan		which columns are read, and what for
 *	 ingest		the query into a columnar data set
 *	 split		labels, canonical order, train / validation / test
 *	 preprocess	the signature, the binned matrices
 *	 fit		the learner
 *	 judge		the flat model scores validation and test; the threshold
 *	 register	the catalog
 *
 * Everything large lives in the engine context's arena, which dies with the
 * memory context of the training, so a refused, failed or cancelled training
 * leaves nothing behind.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/engine/model.h"
#include "mlops/ingest.h"
#include "mlops/registry.h"
#include "mlops/train.h"
#include "train/report.h"

/* Everything one training knows; filled phase by phase. */
typedef struct Training
{
	const MlTrainRequest *request;
	const MlLearner *learner;
	void	   *params;
	MlMetric	metric;
	MlSplitRequest split;
	MlThresholdRequest threshold;
	MlPreprocessRequest preprocess;
	const char *zone;
	const char *phase;			/* for the error context */

	/* plan */
	MlSource   *source;
	int			n_columns;
	MlReadColumn *columns;
	int			n_features;
	uint32_t   *features;		/* columns that may become inputs */
	int			target;			/* columns by role, -1: none */
	int			key;
	int			time;
	int			weight;
	int			fold;
	int			cost_false_positive;
	int			cost_false_negative;

	/* data */
	MlContext  *ctx;
	MlDataset  *dataset;
	uint64_t	fingerprint[2];
	float	   *label;
	MlLabelCounts counts;
	MlRows		rows[4];		/* by MlPart */
	double		class_weight[2];
	float	   *row_weight;		/* sample weights, NULL: all 1 */
	float	   *fit_weight;		/* with class weights, NULL: all 1 */

	/* results */
	MlSignature *signature;
	MlLeftOut  *left_out;
	size_t		n_left_out;
	MlLearned	learned;
	MlModelParts parts;
	uint8_t    *bytes;
	size_t		size;
	MlEvaluation validation;
	MlEvaluation test;
	MlPart		judged_on;		/* part the reported metrics are of */

	TimestampTz started_at;
	instr_time	phase_started;
	MlFigures	figures;
} Training;

/* ---------------------------------------------------------------- phases */

static void
training_context(void *arg)
{
	Training   *t = (Training *) arg;

	errcontext("training model \"%s\", phase %s", t->request->model, t->phase);
}

static void
begin_phase(Training *t, const char *phase)
{
	t->phase = phase;
	INSTR_TIME_SET_CURRENT(t->phase_started);
	CHECK_FOR_INTERRUPTS();
}

/* Records how long the phase took, as <phase>_ms. */
static void
end_phase(Training *t)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, t->phase_started);
	mltrain_add_figure(&t->figures, psprintf("%s_ms", t->phase), 0, INSTR_TIME_GET_MILLISEC(now));
}

/* ---------------------------------------------------------------- plan */

/* Adds a source column to those read, once per way of reading it. */
static int
read_column(Training *t, int position, MlColumnKind kind, bool as_text)
{
	for (int c = 0; c < t->n_columns; c++)
	{
		MlReadColumn *column = &t->columns[c];

		if (column->position == position && column->as_text == as_text &&
			(column->kind == ML_COLUMN_HASH) == (kind == ML_COLUMN_HASH))
			return c;
	}
	t->columns[t->n_columns] = (MlReadColumn) {position, kind, as_text};
	return t->n_columns++;
}

/* The column of a role, -1 if the argument was not given. */
static int
role_column(Training *t, const char *name, const char *argument, MlColumnKind kind, bool as_text)
{
	int			position;

	if (name == NULL)
		return -1;
	position = mling_column(t->source, name, argument);
	if (kind == ML_COLUMN_NUMBER || kind == ML_COLUMN_TIME)
	{
		MlConverter converter;
		Oid			type = TupleDescAttr(t->source->desc, position)->atttypid;

		if (!mling_converter(type, t->zone, &converter) ||
			(kind == ML_COLUMN_NUMBER && converter.kind != ML_COLUMN_NUMBER) ||
			converter.kind == ML_COLUMN_CATEGORY)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of \"%s\" has type %s", name, argument,
							format_type_be(type)),
					 errdetail(kind == ML_COLUMN_TIME ? "It must be a time or a number."
							   : "It must be a number.")));
	}
	return read_column(t, position, kind, as_text);
}

static List *
names_of(ArrayType *array)
{
	List	   *names = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (array == NULL)
		return NIL;
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[i]))));
	}
	return names;
}

static bool
is_one_of(const char *name, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(name, (char *) lfirst(lc)) == 0)
			return true;
	}
	return false;
}

static bool
is_name(const char *name, const char *other)
{
	return other && strcmp(name, other) == 0;
}

/* Columns that may become inputs: those asked for, or all that have no role. */
static void
plan_features(Training *t)
{
	const MlTrainRequest *r = t->request;
	List	   *wanted = names_of(r->features);
	List	   *excluded = names_of(r->exclude);
	ListCell   *lc;

	foreach(lc, excluded)
		mling_column(t->source, (char *) lfirst(lc), "exclude");
	foreach(lc, wanted)
	{
		int			position = mling_column(t->source, (char *) lfirst(lc), "features");

		if (is_name((char *) lfirst(lc), r->target))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("target \"%s\" cannot be a feature", r->target)));
		t->features[t->n_features++] = read_column(t, position, ML_COLUMN_NUMBER, false);
	}
	if (wanted != NIL)
		return;
	for (int i = 0; i < t->source->desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(t->source->desc, i)->attname);

		if (is_name(name, r->target) || is_name(name, r->key) || is_name(name, r->time_column) ||
			is_name(name, r->weight) || is_name(name, t->split.fold) || is_one_of(name, excluded))
			continue;
		mling_find_column(t->source, name); /* refuses an ambiguous name */
		t->features[t->n_features++] = read_column(t, i, ML_COLUMN_NUMBER, false);
	}
}

static void
plan(Training *t)
{
	const MlTrainRequest *r = t->request;
	int			natts;
	Oid			target_type;

	t->source = mling_describe(r->source, r->query);
	natts = t->source->desc->natts;
	t->columns = palloc0((2 * natts + 8) * sizeof(MlReadColumn));
	t->features = palloc0((natts + list_length(names_of(r->features)) + 1) * sizeof(uint32_t));

	if (r->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"target\" must be given"),
				 errhint("Name the column to predict, for example target => 'is_fraud'.")));
	plan_features(t);
	if (t->n_features == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no column is left to be a feature")));

	target_type = TupleDescAttr(t->source->desc, mling_column(t->source, r->target, "target"))->atttypid;
	t->target = role_column(t, r->target, "target", ML_COLUMN_CATEGORY,
							mling_target_as_text(target_type, r->target, r->positive));
	t->key = role_column(t, r->key, "key", ML_COLUMN_HASH, false);
	t->time = role_column(t, r->time_column, "time_column", ML_COLUMN_TIME, false);
	t->weight = role_column(t, r->weight, "weight", ML_COLUMN_NUMBER, false);
	t->fold = role_column(t, t->split.fold, "fold", ML_COLUMN_CATEGORY, true);
	t->cost_false_positive = role_column(t, t->threshold.false_positive_column, "false_positive",
										 ML_COLUMN_NUMBER, false);
	t->cost_false_negative = role_column(t, t->threshold.false_negative_column, "false_negative",
										 ML_COLUMN_NUMBER, false);
}

/* ---------------------------------------------------------------- data */

static void
ingest(Training *t)
{
	t->dataset = mling_read(t->ctx, t->source, t->n_columns, t->columns, t->zone);
	if (t->dataset->n_rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source has no rows")));
}

/* train, validation or test for each row, by the text of the fold column. */
static void
split_by_fold(Training *t, uint8_t *part)
{
	const MlColumn *column = &t->dataset->columns[t->fold];
	uint32_t	n = ml_dictionary_size(column->dictionary);
	uint8_t    *part_of_code = palloc0(Max(n, 1));

	for (uint32_t code = 0; code < n; code++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(column->dictionary, code, &size);
		char	   *text = pnstrdup(bytes, size);

		if (pg_strcasecmp(text, "train") == 0)
			part_of_code[code] = ML_PART_TRAIN;
		else if (pg_strcasecmp(text, "validation") == 0)
			part_of_code[code] = ML_PART_VALIDATION;
		else if (pg_strcasecmp(text, "test") == 0)
			part_of_code[code] = ML_PART_TEST;
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("fold column \"%s\" has value \"%s\"", column->name, text),
					 errhint("Its values must be train, validation, test or NULL.")));
	}
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		uint32_t	code = ml_column_code(column, row);

		part[row] = isnan(t->label[row]) || code == ML_MISSING_CODE
			? ML_PART_NONE : part_of_code[code];
	}
}

static void
refuse_one_class(const char *where, const char *target, int64 positives, int64 negatives)
{
	if (positives > 0 && negatives > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("target \"%s\" has only one class in %s", target, where),
			 errdetail("There are %lld positive and %lld negative rows.",
					   (long long) positives, (long long) negatives),
			 errhint("Learning needs rows of both classes; check the target, the split and the source's filter.")));
}

static void
split(Training *t)
{
	MlContext  *ctx = t->ctx;
	size_t		n = t->dataset->n_rows;
	uint8_t    *part;
	uint32_t   *order;
	int64		positives = 0;

	t->label = mling_labels(ctx, t->dataset, t->target, t->request->positive, &t->counts);
	refuse_one_class("the source", t->request->target, t->counts.positives, t->counts.negatives);

	mlbase_check(ctx, ml_order_rows(ctx, t->dataset, t->time, t->key, &order));
	part = ml_arena_alloc_zeroed(ctx->arena, n, 1);
	if (part == NULL)
		mlbase_check(ctx, ml_fail_memory(ctx));
	if (t->fold >= 0)
		split_by_fold(t, part);
	else if (t->split.at_times)
		mlbase_check(ctx, ml_split_at_times(ctx, t->dataset, t->time, t->label,
											t->split.validation_from,
											t->split.test_from - t->split.label_delay,
											t->split.test_from, t->split.test_to, part));
	else if (t->time >= 0)
		mlbase_check(ctx, ml_split_by_time(ctx, t->dataset, t->time, order, t->label,
										   t->split.validation, t->split.test, part));
	else
		mlbase_check(ctx, ml_split_stratified(ctx, t->dataset, order, t->label,
											  t->split.validation, t->split.test,
											  (uint64_t) t->request->seed, part));
	for (int p = ML_PART_TRAIN; p <= ML_PART_TEST; p++)
		mlbase_check(ctx, ml_rows_of_part(ctx, t->dataset, order, part, (MlPart) p, &t->rows[p]));

	for (size_t i = 0; i < t->rows[ML_PART_TRAIN].n; i++)
		positives += t->label[t->rows[ML_PART_TRAIN].row[i]] == 1;
	refuse_one_class("the training rows", t->request->target, positives,
					 (int64) t->rows[ML_PART_TRAIN].n - positives);

	t->class_weight[0] = t->preprocess.weight[0];
	t->class_weight[1] = t->preprocess.weight[1];
	if (t->preprocess.balanced)
	{
		double		total = (double) t->rows[ML_PART_TRAIN].n;

		t->class_weight[0] = total / (2.0 * (total - positives));
		t->class_weight[1] = total / (2.0 * positives);
	}
}

/* Sample weights from the weight column, and those times the class weights. */
static void
weigh(Training *t)
{
	size_t		n = t->dataset->n_rows;
	bool		weighted_classes = t->class_weight[0] != 1 || t->class_weight[1] != 1;

	if (t->weight >= 0)
	{
		const MlColumn *column = &t->dataset->columns[t->weight];

		t->row_weight = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));
		if (t->row_weight == NULL)
			mlbase_check(t->ctx, ml_fail_memory(t->ctx));
		for (size_t row = 0; row < n; row++)
		{
			double		weight = ml_column_number(column, row);

			if (!(weight > 0) && !isnan(t->label[row]))
				ereport(ERROR,
						(errcode(ERRCODE_DATA_EXCEPTION),
						 errmsg("weight column \"%s\" has a value that is not positive", column->name)));
			t->row_weight[row] = (float) weight;
		}
	}
	t->fit_weight = t->row_weight;
	if (weighted_classes)
	{
		t->fit_weight = ml_arena_alloc_array(t->ctx->arena, n, sizeof(float));
		if (t->fit_weight == NULL)
			mlbase_check(t->ctx, ml_fail_memory(t->ctx));
		for (size_t row = 0; row < n; row++)
			t->fit_weight[row] = (float) (t->class_weight[t->label[row] == 1] *
										  (t->row_weight ? t->row_weight[row] : 1.0));
	}
}

/* ---------------------------------------------------------------- learning */

/* Refuses a training that would not fit, before anything big is allocated. */
static void
check_memory(Training *t)
{
	size_t		n_train = t->rows[ML_PART_TRAIN].n;
	size_t		n_validation = t->rows[ML_PART_VALIDATION].n;
	size_t		n_features = t->signature->n_features;
	size_t		n_judged = Max(n_train, n_validation + t->rows[ML_PART_TEST].n);
	size_t		needed;
	size_t		allowed = ml_arena_budget(t->ctx->arena);

	/* 64: sort buffers and results of judging, a row; at most this much */
	needed = ml_arena_used(t->ctx->arena) +
		ml_binned_size(n_train, n_features) + ml_binned_size(n_validation, n_features) +
		Max(t->learner->memory_needed(n_train, n_validation, t->signature, t->params,
									  ml_pool_size(t->ctx->pool)),
			n_judged * 64);
	if (allowed > 0 && needed > allowed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("training needs %zu MB, but mlops.max_training_memory allows %zu MB",
						needed >> 20, allowed >> 20),
				 errdetail("There are %zu training rows and %zu features.", n_train, n_features),
				 errhint("Raise mlops.max_training_memory, or train on fewer rows or columns.")));
}

static void
report_left_out(Training *t)
{
	for (size_t i = 0; i < t->n_left_out; i++)
	{
		const MlLeftOut *out = &t->left_out[i];
		const char *name = t->dataset->columns[out->column].name;

		if (out->reason == ML_LEFT_OUT_IDENTIFIER)
			ereport(NOTICE,
					(errmsg("column \"%s\" looks like an identifier and is left out", name),
					 errdetail("It has %llu distinct values.", (unsigned long long) out->distinct)));
		else
			ereport(NOTICE,
					(errmsg("column \"%s\" is constant and is left out", name)));
	}
}

static void
fit(Training *t)
{
	MlContext  *ctx = t->ctx;
	MlRows		train = t->rows[ML_PART_TRAIN];
	MlTask		task = {0};
	MlBinned   *binned[2] = {NULL, NULL};

	begin_phase(t, "preprocess");
	mlbase_check(ctx, ml_signature_fit(ctx, t->dataset, train, t->n_features, t->features,
									   t->learner->max_bins(t->params),
									   (uint64_t) t->request->seed, &t->signature,
									   &t->left_out, &t->n_left_out));
	t->signature->time_zone = t->zone;
	report_left_out(t);
	check_memory(t);
	mlbase_check(ctx, ml_binned_create(ctx, t->dataset, t->signature, train, &binned[0]));
	if (t->rows[ML_PART_VALIDATION].n > 0)
		mlbase_check(ctx, ml_binned_create(ctx, t->dataset, t->signature,
										   t->rows[ML_PART_VALIDATION], &binned[1]));
	end_phase(t);

	begin_phase(t, "fit");
	task.dataset = t->dataset;
	task.signature = t->signature;
	task.train = train;
	task.validation = t->rows[ML_PART_VALIDATION];
	task.binned_train = binned[0];
	task.binned_validation = binned[1];
	task.label = t->label;
	task.weight = t->fit_weight;
	task.metric = t->metric;
	task.params = t->params;
	task.seed = (uint64_t) t->request->seed;
	mlbase_check(ctx, t->learner->fit(ctx, &task, &t->learned));
	if (t->learned.warning[0])
		ereport(WARNING, (errmsg("%s", t->learned.warning)));
	end_phase(t);
}

/* Weight of positives that training gave on top of the rows' own. */
static double
positive_emphasis(const Training *t)
{
	double		emphasis = t->class_weight[1] / t->class_weight[0];

	for (size_t i = 0; i < t->learner->n_params; i++)
	{
		const MlParamSpec *spec = &t->learner->params[i];

		if (strcmp(spec->name, "scale_pos_weight") == 0)
			emphasis *= *(const double *) ((const char *) t->params + spec->offset);
	}
	return emphasis;
}

static void
encode(Training *t)
{
	mlbase_check(t->ctx, ml_model_encode(t->ctx, &t->parts, &t->bytes, &t->size));
}

/* A part's rows, scored by the flat model. */
typedef struct Judged
{
	size_t		n;
	double	   *score;
	float	   *label;
	float	   *weight;			/* NULL: all 1 */
	MlCosts		costs;
} Judged;

static void *
arena_array(Training *t, size_t n, size_t size)
{
	void	   *array = ml_arena_alloc_array(t->ctx->arena, Max(n, 1), size);

	if (array == NULL)
		mlbase_check(t->ctx, ml_fail_memory(t->ctx));
	return array;
}

/* Costs of a part's rows; a missing cost counts as nothing. */
static double *
cost_by_row(Training *t, MlRows rows, int column)
{
	double	   *cost;

	if (column < 0)
		return NULL;
	cost = arena_array(t, rows.n, sizeof(double));
	for (size_t i = 0; i < rows.n; i++)
	{
		cost[i] = ml_column_number(&t->dataset->columns[column], rows.row[i]);
		if (isnan(cost[i]))
			cost[i] = 0;
	}
	return cost;
}

static void
score_part(Training *t, MlPart part, Judged *judged)
{
	MlRows		rows = t->rows[part];
	MlModel    *model = palloc(ml_model_struct_size());
	MlStatus	status = ml_model_open(t->bytes, t->size, model, t->ctx->message);

	mlbase_check(t->ctx, status);
	judged->n = rows.n;
	judged->score = arena_array(t, rows.n, sizeof(double));
	judged->label = arena_array(t, rows.n, sizeof(float));
	judged->weight = t->row_weight ? arena_array(t, rows.n, sizeof(float)) : NULL;
	judged->costs = t->threshold.policy.costs;
	judged->costs.false_positive_by_row = cost_by_row(t, rows, t->cost_false_positive);
	judged->costs.false_negative_by_row = cost_by_row(t, rows, t->cost_false_negative);
	for (size_t i = 0; i < rows.n; i++)
	{
		judged->label[i] = t->label[rows.row[i]];
		if (judged->weight)
			judged->weight[i] = t->row_weight[rows.row[i]];
	}
	mlbase_check(t->ctx, ml_model_score_rows(t->ctx, model, t->dataset, rows, judged->score));
}

static void
evaluate_part(Training *t, const Judged *judged, MlEvaluation *evaluation)
{
	bool		costed = t->threshold.policy.kind == ML_THRESHOLD_COST;

	mlbase_check(t->ctx, ml_evaluate(t->ctx, judged->n, judged->score, judged->label,
									 judged->weight, costed ? &judged->costs : NULL,
									 t->parts.threshold, evaluation));
}

/*
 * Chooses the threshold on the validation rows (on the training rows if there
 * are none), judges validation and test with it, and takes the baseline of
 * scores from the rows judged last.
 */
static void
judge(Training *t)
{
	MlPart		chosen_on = t->rows[ML_PART_VALIDATION].n > 0 ? ML_PART_VALIDATION : ML_PART_TRAIN;
	MlThresholdPolicy policy = t->threshold.policy;
	Judged		judged[4];
	uint64_t   *score_counts;
	bool		reached;

	t->parts.algorithm = t->learner->name;
	t->parts.signature = t->signature;
	t->parts.forest = t->learned.forest;
	t->parts.linear = t->learned.linear;
	t->parts.margin_scale = 1;
	t->parts.margin_offset = -log(positive_emphasis(t));
	t->parts.threshold = 0.5;
	encode(t);

	score_part(t, chosen_on, &judged[chosen_on]);
	policy.costs = judged[chosen_on].costs;
	mlbase_check(t->ctx, ml_choose_threshold(t->ctx, &policy, judged[chosen_on].n,
											 judged[chosen_on].score, judged[chosen_on].label,
											 judged[chosen_on].weight,
											 &t->parts.threshold, &reached));
	if (!reached)
		ereport(WARNING,
				(errmsg("no threshold satisfies the policy on the %s rows",
						chosen_on == ML_PART_VALIDATION ? "validation" : "training"),
				 errdetail("The nearest one, %g, is used.", t->parts.threshold)));
	evaluate_part(t, &judged[chosen_on], &t->validation);
	mltrain_add_evaluation(&t->figures, chosen_on == ML_PART_VALIDATION ? "validation" : "train",
						   &t->validation);
	t->judged_on = chosen_on;
	if (t->rows[ML_PART_TEST].n > 0)
	{
		score_part(t, ML_PART_TEST, &judged[ML_PART_TEST]);
		evaluate_part(t, &judged[ML_PART_TEST], &t->test);
		mltrain_add_evaluation(&t->figures, "test", &t->test);
		t->judged_on = ML_PART_TEST;
	}

	score_counts = palloc0(ML_SCORE_BINS * sizeof(uint64_t));
	for (size_t i = 0; i < judged[t->judged_on].n; i++)
	{
		int			bin = (int) (judged[t->judged_on].score[i] * ML_SCORE_BINS);

		score_counts[Min(bin, ML_SCORE_BINS - 1)]++;
	}
	t->parts.score_counts = score_counts;
	encode(t);
}

/* ---------------------------------------------------------------- the record */

static const char *
part_name(MlPart part)
{
	return part == ML_PART_TEST ? "test" : part == ML_PART_VALIDATION ? "validation" : "train";
}

static void
add_param(MlRegistration *r, const char *name, const char *value)
{
	MlNamedText *params = (MlNamedText *) r->params;

	params[r->n_params].name = name;
	params[r->n_params++].value = value;
}

static char *
json_text(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static void
record_params(const Training *t, MlRegistration *r)
{
	const MlTrainRequest *q = t->request;

	r->params = palloc((t->learner->n_params + 16) * sizeof(MlNamedText));
	for (size_t i = 0; i < t->learner->n_params; i++)
		add_param(r, t->learner->params[i].name,
				  mltrain_param_text(&t->learner->params[i], t->params));
	add_param(r, "metric", ml_metric_names[t->metric]);
	add_param(r, "preprocess", json_text(q->preprocess));
	add_param(r, "split", json_text(q->split));
	add_param(r, "threshold", json_text(q->threshold));
	if (q->key)
		add_param(r, "key", q->key);
	if (q->weight)
		add_param(r, "weight", q->weight);
	if (q->features)
		add_param(r, "features", mltrain_names_text(names_of(q->features)));
	if (q->exclude)
		add_param(r, "exclude", mltrain_names_text(names_of(q->exclude)));
}

/* Earliest and latest time of the labelled rows. */
static void
time_range(const Training *t, double *from, double *to)
{
	const MlColumn *column = &t->dataset->columns[t->time];

	*from = INFINITY;
	*to = -INFINITY;
	for (size_t row = 0; row < t->dataset->n_rows; row++)
	{
		double		value = ml_column_number(column, row);

		if (value < *from)
			*from = value;
		if (value > *to)
			*to = value;
	}
}

static void
record(Training *t, MlTrainResult *result)
{
	const MlTrainRequest *q = t->request;
	MlRegistration r = {0};
	const MlEvaluation *evaluation = t->judged_on == ML_PART_TEST ? &t->test : &t->validation;
	char	   *metrics;
	uint8		sha256[32];

	r.model = q->model;
	r.experiment = q->experiment;
	r.algorithm = t->learner->name;
	r.target = q->target;
	r.positive = q->positive;
	r.seed = q->seed;
	r.tags = q->tags;
	r.started_at = t->started_at;
	if (OidIsValid(q->source))
		r.source = quote_qualified_identifier(get_namespace_name(get_rel_namespace(q->source)),
											  get_rel_name(q->source));
	r.query = t->source->query;
	snprintf(r.content_hash, sizeof(r.content_hash), "%016llx%016llx",
			 (unsigned long long) t->fingerprint[0], (unsigned long long) t->fingerprint[1]);
	r.rows = t->counts.rows;
	r.positives = t->counts.positives;
	r.unlabelled = t->counts.unlabelled;
	r.train_rows = t->rows[ML_PART_TRAIN].n;
	r.validation_rows = t->rows[ML_PART_VALIDATION].n;
	r.test_rows = t->rows[ML_PART_TEST].n;
	if (t->time >= 0 && t->dataset->columns[t->time].kind == ML_COLUMN_TIME)
	{
		r.time_column = q->time_column;
		time_range(t, &r.time_from, &r.time_to);
	}
	r.time_zone = t->zone;
	r.columns = mltrain_columns_json(t->dataset);
	record_params(t, &r);
	mltrain_add_curve(&t->figures, &t->learned, ml_metric_names[t->metric]);
	mltrain_add_figure(&t->figures, "iterations", 0, t->learned.iterations);
	mltrain_add_figure(&t->figures, "peak_memory_bytes", 0,
					   (double) ml_arena_peak(t->ctx->arena));
	r.n_figures = t->figures.n;
	r.figures = t->figures.figures;
	r.signature = mltrain_signature_json(t->signature);
	metrics = mltrain_metrics_json(evaluation, part_name(t->judged_on));
	r.metrics = metrics;
	r.threshold = t->parts.threshold;
	r.bytes = t->bytes;
	r.size = t->size;
	mlreg_register(&r, &result->version, &result->run_id, sha256);
	result->metrics = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(metrics)));
}

/* ---------------------------------------------------------------- entry */

/* Checks everything that can be checked before any data is read. */
static void
check_request(Training *t)
{
	const MlTrainRequest *r = t->request;
	MlCatalogModel model;
	int			metric;

	mlreg_check_name(r->model);
	PreventCommandIfReadOnly("mlops.train()");
	PreventCommandIfParallelMode("mlops.train()");
	if (mlcat_model_by_name(r->model, &model))
		mlreg_check_right(r->model, model.owner, "train");

	t->learner = mltrain_learner(r->algorithm);
	t->params = mltrain_parse_params(t->learner, r->params);
	metric = ml_metric_by_name(r->metric);
	if (metric < 0)
	{
		StringInfoData valid;

		initStringInfo(&valid);
		for (int i = 0; i < ML_METRIC_COUNT; i++)
			appendStringInfo(&valid, "%s%s", i ? ", " : "", ml_metric_names[i]);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized metric \"%s\"", r->metric),
				 errhint("Valid metrics are: %s.", valid.data)));
	}
	t->metric = (MlMetric) metric;
	t->zone = pg_get_timezone_name(session_timezone);
	mltrain_parse_split(r->split, r->time_column, t->zone, &t->split);
	mltrain_parse_threshold(r->threshold, &t->threshold);
	mltrain_parse_preprocess(r->preprocess, &t->preprocess);
}

void
mltrain_train(const MlTrainRequest *request, MlTrainResult *result)
{
	Training   *t = palloc0(sizeof(Training));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "mlops training", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback error_context = {error_context_stack, training_context, t};

	t->request = request;
	t->phase = "check";
	t->started_at = GetCurrentTimestamp();
	error_context_stack = &error_context;
	MemoryContextSwitchTo(context);

	check_request(t);
	t->phase = "plan";
	plan(t);
	t->ctx = mlbase_engine_context(mlbase_engine_threads(), mlops_guc_max_training_memory,
								   t->learner->needs_blas);

	begin_phase(t, "ingest");
	ingest(t);
	end_phase(t);

	begin_phase(t, "split");
	mlbase_check(t->ctx, ml_dataset_fingerprint(t->ctx, t->dataset, t->fingerprint));
	split(t);
	weigh(t);
	end_phase(t);

	fit(t);						/* phases preprocess and fit */

	begin_phase(t, "judge");
	judge(t);
	end_phase(t);

	begin_phase(t, "register");
	record(t, result);

	MemoryContextSwitchTo(caller);
	result->metrics = (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(result->metrics), false, -1));
	error_context_stack = error_context.previous;
	MemoryContextDelete(context);
	pfree(t);
}
