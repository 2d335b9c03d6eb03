/*
 * encode.h
 *	  Step 7 of a training: what was learned as bytes (private to train).
 *
 * Takes the request, the prepared data and what was learned from it.  Gives an
 * Encoded, whose bytes are in data's arena.  Raises 53200.
 */
#ifndef MLOPS_TRAIN_ENCODE_H
#define MLOPS_TRAIN_ENCODE_H

#include "postgres.h"

#include "mlops/engine/model.h"
#include "train/fit.h"

typedef struct Encoded
{
	MlModelParts parts;			/* threshold and baseline of scores are the judge's */
	uint8_t    *bytes;
	size_t		size;
} Encoded;

/* Weight of positives that training gave on top of the rows' own. */
extern double mltrain_emphasis(const Request *request, const Prepared *prepared, const Fitted *fitted);

/*
 * Encodes what was learned, with a shift of the log odds; keeps the threshold and
 * the baseline that encoded has.
 */
extern void mltrain_encode(const Request *request, const Prepared *prepared, const Fitted *fitted,
						   double margin_shift, Encoded *encoded);

/* The same, once the threshold and the baseline have changed. */
extern void mltrain_encode_again(const Data *data, Encoded *encoded);

#endif							/* MLOPS_TRAIN_ENCODE_H */
