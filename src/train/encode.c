/*-------------------------------------------------------------------------
 * encode.c
 *	  What was learned as the bytes of a model.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"

#include "mlops/base.h"
#include "mlops/ingest.h"
#include "train/encode.h"

/* Class weights and scale_pos_weight multiply each other. */
double
mltrain_emphasis(const Request *request, const Prepared *prepared, const Fitted *fitted)
{
	const MlLearner *learner = request->learner;
	double		emphasis = prepared->parts.class_weight[1] / prepared->parts.class_weight[0];

	for (size_t i = 0; i < learner->n_params; i++)
	{
		const MlParamSpec *spec = &learner->params[i];

		if (strcmp(spec->name, "scale_pos_weight") == 0)
			emphasis *= *(const double *) ((const char *) fitted->params + spec->offset);
	}
	return emphasis;
}

void
mltrain_encode_again(const Data *data, Encoded *encoded)
{
	MlModelParts parts = encoded->parts;

	parts.signature = mling_signature_in_utf8(parts.signature);
	if (data->history)
		parts.history = pg_server_to_any(data->history, (int) strlen(data->history), PG_UTF8);
	mlbase_check(data->ctx, ml_model_encode(data->ctx, &parts, &encoded->bytes, &encoded->size));
}

/* The log odds are moved back by the logarithm of the emphasis, and by margin_shift. */
void
mltrain_encode(const Request *request, const Prepared *prepared, const Fitted *fitted,
			   double margin_shift, Encoded *encoded)
{
	encoded->parts.algorithm = request->learner->name;
	encoded->parts.signature = prepared->signature;
	encoded->parts.fitted = fitted->learned.fitted;
	encoded->parts.margin_scale = 1;
	encoded->parts.margin_offset = -log(mltrain_emphasis(request, prepared, fitted)) + margin_shift;
	mltrain_encode_again(prepared->data, encoded);
}
