/*-------------------------------------------------------------------------
 * explain.c
 *	  Explaining the row that a call site has just scored.
 *
 * The explainer belongs to the model in the session's cache; working memory
 * and the columns' output functions belong to the call site.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/base.h"
#include "serve/model_cache.h"
#include "serve/scorer.h"

/* Working memory; a model of the same version always needs the same. */
static void
prepare_variant(MlScorer *scorer, VariantScorer *variant, const MlExplainer *explainer)
{
	variant->contribution = MemoryContextAlloc(scorer->context,
											   ml_model_n_inputs(variant->resolved->served->model) * sizeof(double));
	variant->explain_scratch = MemoryContextAllocHuge(scorer->context,
													  Max(ml_explainer_scratch_size(explainer), 1));
}

/* Explains the row whose values the variant that answered still has. */
static void
explain_last(MlScorer *scorer, MlExplanation *explanation)
{
	VariantScorer *variant = scorer->chosen;
	const MlExplainer *explainer;
	MlContext  *ctx;

	/* asked for each time: a scorer may outlive the model it was made for */
	explainer = mlserve_model_explainer(variant->resolved->served);
	if (unlikely(variant->explain_scratch == NULL))
		prepare_variant(scorer, variant, explainer);
	ctx = variant->resolved->served->explaining;
	mlbase_check(ctx, ml_explain(ctx, explainer, variant->values, variant->explain_scratch,
								 variant->contribution));
	explanation->model = variant->resolved->served->model;
	explanation->base = ml_explainer_base(explainer);
	explanation->n = ml_model_n_inputs(explanation->model);
	explanation->contribution = variant->contribution;
}

void
mlserve_explain_datum(MlScorer *scorer, Oid type, Datum features, MlExplanation *explanation)
{
	(void) mlserve_score_datum(scorer, type, features);
	explain_last(scorer, explanation);
}

void
mlserve_explain_values(MlScorer *scorer, const Datum *datums, const bool *nulls, MlExplanation *explanation)
{
	(void) mlserve_score_values(scorer, datums, nulls);
	explain_last(scorer, explanation);
}

/* Text of a scalar; NULL for null, and for what is not there. */
static text *
json_value_text(Jsonb *json, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL);

	switch (value ? value->type : jbvNull)
	{
		case jbvString:
			return cstring_to_text_with_len(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return cstring_to_text(DatumGetCString(DirectFunctionCall1(numeric_out,
																	   NumericGetDatum(value->val.numeric))));
		case jbvBool:
			return cstring_to_text(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* Output functions of the columns that the model reads. */
static void
look_up_outputs(MlScorer *scorer, VariantScorer *variant, const ReadRow *row)
{
	FmgrInfo   *output = MemoryContextAllocZero(scorer->context,
												row->map->n_inputs * sizeof(FmgrInfo));

	for (size_t i = 0; i < row->map->n_inputs; i++)
	{
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(row->desc, row->map->attribute[i])->atttypid,
						  &function, &varlena);
		fmgr_info_cxt(function, &output[i], scorer->context);
	}
	variant->output = output;
}

/* By the column type's own output function, as a query would show it. */
text *
mlserve_explained_value(MlScorer *scorer, Oid type, Datum features, size_t input)
{
	VariantScorer *variant = scorer->chosen;
	Jsonb	   *json = type == JSONBOID ? mlserve_features_object(features) : NULL;
	ReadRow		row;
	int			attribute;

	if (json == NULL)
		mlserve_take_apart(scorer);
	if (!mlserve_read_row(scorer, variant, json, scorer->datums, scorer->nulls, &row))
		return json_value_text(json, ml_model_input_name(variant->resolved->served->model, input));
	attribute = row.map->attribute[input];
	if (row.nulls[attribute])
		return NULL;
	if (unlikely(variant->output == NULL))
		look_up_outputs(scorer, variant, &row);
	return cstring_to_text(OutputFunctionCall(&variant->output[input], row.datums[attribute]));
}
