/*-------------------------------------------------------------------------
 * logistic_loss.c
 *	  Margins and quantised gradients of boosting (see logistic_loss.h).
 *
 * The loops over rows are written so that the compiler turns them into vector
 * instructions; exponential and logarithm are polynomials, because libm's are
 * scalar and differ between versions.  There is no fused multiply-add, so every
 * instruction set gives the same bits.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "engine/learn/histogram.h"
#include "engine/learn/logistic_loss.h"
#include "engine/learn/vector_clones.h"

#define BLOCK_ROWS 16384		/* a task */
#define CHUNK_ROWS 256			/* stays in L1 between the steps of a task */
#define MARGIN_LIMIT 80.0f		/* beyond it exp() leaves the range of float */

/*
 * Gradients are taken to fixed point first (30 bits), get random bits added
 * below the quantum, and are cut.  The fixed-point range leaves room for
 * float's rounding and the added bits.
 */
#define FIXED_BITS 30
#define FIXED_ONE ((float) ((1 << FIXED_BITS) - (1 << 14)))
#define GRADIENT_SHIFT (FIXED_BITS - GRADIENT_BITS)
#define HESSIAN_SHIFT (FIXED_BITS - HESSIAN_BITS)
#define LARGEST_HESSIAN 0.25	/* of p * (1 - p) */

/* Where the largest weight is outside, weights are scaled before they are floats. */
#define LEAST_WEIGHT 1e-20
#define MOST_WEIGHT 1e20

/* For n rows, from a workspace whose size the caller has reckoned with. */
void
logistic_loss_allocate(LogisticLoss *loss, Workspace *workspace, size_t n)
{
	loss->n = n;
	loss->margin = workspace_take(workspace, n, sizeof(float));
	loss->signed_weight = workspace_take(workspace, n, sizeof(float));
	loss->block_loss = workspace_take(workspace, (n + BLOCK_ROWS - 1) / BLOCK_ROWS, sizeof(double));
}

/*
 * loss->n is set by logistic_loss_allocate.  Quanta are chosen from the largest
 * weight, so that no gradient leaves its bits.
 */
MlStatus
logistic_loss_start(MlContext *ctx, LogisticLoss *loss, const MlTask *task,
					double scale_pos_weight)
{
	MlTaskWeights weights;
	MlStatus	status = ml_task_weights(ctx, task, scale_pos_weight, &weights);
	double		scale;

	if (status != ML_OK)
		return status;
	/* float has no room for the extremes: only what a weight is worth beside the largest counts,
	 * and a power of two changes no digit of it */
	scale = weights.largest < LEAST_WEIGHT || weights.largest > MOST_WEIGHT
		? ldexp(1, -ilogb(weights.largest)) : 1;
	for (size_t i = 0; i < loss->n; i++)
	{
		uint32_t	row = task->train.row[i];
		bool		positive = task->label[row] == 1;
		double		weight = task->weight ? task->weight[row] : 1;

		if (positive)
			weight *= scale_pos_weight;
		loss->signed_weight[i] = (float) (positive ? weight * scale : -weight * scale);
	}
	loss->weight_scale = scale;
	loss->total_weight = (weights.sum[0] + weights.sum[1]) * scale;
	loss->base_margin = log(weights.sum[1] / weights.sum[0]);
	loss->gradient_unit = weights.largest / FIXED_ONE * (1 << GRADIENT_SHIFT);
	loss->hessian_unit = LARGEST_HESSIAN * weights.largest / FIXED_ONE * (1 << HESSIAN_SHIFT);
	for (size_t i = 0; i < loss->n; i++)
		loss->margin[i] = (float) loss->base_margin;
	return ML_OK;
}

/* exp(x) for |x| <= MARGIN_LIMIT to 2 units in the last place. */
static inline float
exp_vector(float x)
{
	const float shifter = 12582912.0f;	/* 1.5 * 2^23: adding it rounds to whole numbers */
	float		shifted = x * 1.44269504f + shifter;
	float		k = shifted - shifter;
	float		r = x - k * 0.693145752f - k * 1.42860677e-6f;	/* ln 2 in two parts */
	float		p = 1.0f / 5040;
	int32_t		bits;
	float		power;

	p = p * r + 1.0f / 720;
	p = p * r + 1.0f / 120;
	p = p * r + 1.0f / 24;
	p = p * r + 1.0f / 6;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	bits = ((int32_t) k + 127) * (1 << 23);
	memcpy(&power, &bits, sizeof(power));
	return p * power;
}

/* log(1 + t) for 0 <= t <= 1: twice the area tangent of t / (2 + t). */
static inline float
log1p_vector(float t)
{
	float		s = t / (2.0f + t);
	float		s2 = s * s;
	float		p = 1.0f / 15;

	p = p * s2 + 1.0f / 13;
	p = p * s2 + 1.0f / 11;
	p = p * s2 + 1.0f / 9;
	p = p * s2 + 1.0f / 7;
	p = p * s2 + 1.0f / 5;
	p = p * s2 + 1.0f / 3;
	p = p * s2 + 1.0f;
	return 2.0f * s * p;
}

/* Log odds of the wrong class, kept where exp is finite. */
static inline float
wrong_margin(float margin, float signed_weight)
{
	float		wrong = signed_weight > 0 ? -margin : margin;

	wrong = wrong > MARGIN_LIMIT ? MARGIN_LIMIT : wrong;
	return wrong < -MARGIN_LIMIT ? -MARGIN_LIMIT : wrong;
}

/* 32 random bits of a position (the finaliser of MurmurHash3). */
static inline uint32_t
random_bits(uint32_t position, uint32_t key)
{
	uint32_t	x = position * 0x9E3779B1u ^ key;

	x ^= x >> 16;
	x *= 0x85EBCA6Bu;
	x ^= x >> 13;
	x *= 0xC2B2AE35u;
	return x ^ (x >> 16);
}

typedef struct Scales
{
	float		gradient;		/* to fixed point */
	float		hessian;
	uint32_t	key;
} Scales;

/*
 * Packed gradients of a chunk.  With a = probability of the wrong class:
 * g = -w a for positives, w a for negatives; h = w a (1 - a), where 1 - a is
 * taken as a * exp(-wrong margin), which keeps its digits when a is close to 1.
 */
VECTOR_CLONES
static void
quantise_chunk(const float *margin, const float *signed_weight, size_t n,
			   uint32_t position, Scales scales, uint64_t *gradient)
{
	for (size_t i = 0; i < n; i++)
	{
		float		e = exp_vector(-wrong_margin(margin[i], signed_weight[i]));
		float		a = 1.0f / (1.0f + e);
		float		g = -signed_weight[i] * a * scales.gradient;
		float		h = fabsf(signed_weight[i]) * (a * (a * e)) * scales.hessian;
		uint32_t	r = random_bits(position + (uint32_t) i, scales.key);
		int32_t		g_dither = (int32_t) (r & ((1 << GRADIENT_SHIFT) - 1));
		int32_t		h_dither = (int32_t) (r >> (32 - HESSIAN_SHIFT));

		gradient[i] = gradient_pack(((int32_t) g + g_dither) >> GRADIENT_SHIFT,
									(uint32_t) (((int32_t) h + h_dither) >> HESSIAN_SHIFT));
	}
}

/* Weighted log losses of a chunk: log(1 + exp(wrong margin)). */
VECTOR_CLONES
static void
loss_chunk(const float *margin, const float *signed_weight, size_t n, float *loss)
{
	for (size_t i = 0; i < n; i++)
	{
		float		wrong = wrong_margin(margin[i], signed_weight[i]);
		float		over = wrong > 0 ? wrong : 0;

		loss[i] = fabsf(signed_weight[i]) * (over + log1p_vector(exp_vector(-fabsf(wrong))));
	}
}

/* What all tasks of logistic_loss_advance share. */
typedef struct AdvanceJob
{
	LogisticLoss *loss;
	const uint16_t *leaf;
	const float *leaf_value;
	Scales		scales;
	uint64_t   *gradient;
	bool		want_loss;
} AdvanceJob;

/*
 * Task: a block of rows.  Sums of losses are in double, one a block, and are added
 * up in order.
 */
static void
advance_task(void *arg, size_t task, int thread)
{
	AdvanceJob *job = arg;
	LogisticLoss *loss = job->loss;
	size_t		end = (task + 1) * BLOCK_ROWS < loss->n ? (task + 1) * BLOCK_ROWS : loss->n;
	double		sum = 0;

	for (size_t begin = task * BLOCK_ROWS; begin < end; begin += CHUNK_ROWS)
	{
		size_t		n = end - begin < CHUNK_ROWS ? end - begin : CHUNK_ROWS;
		float	   *margin = loss->margin + begin;
		const float *signed_weight = loss->signed_weight + begin;

		if (job->leaf)
			for (size_t i = 0; i < n; i++)
				margin[i] += job->leaf_value[job->leaf[begin + i]];
		if (job->gradient)
			quantise_chunk(margin, signed_weight, n, (uint32_t) begin, job->scales,
						   job->gradient + begin);
		if (job->want_loss)
		{
			float		row_loss[CHUNK_ROWS];

			loss_chunk(margin, signed_weight, n, row_loss);
			for (size_t i = 0; i < n; i++)
				sum += row_loss[i];
		}
	}
	loss->block_loss[task] = sum;
}

/*
 * leaf [n], leaf_value by leaf, gradient [n]; key is the round's, of which 32 bits
 * count.
 */
MlStatus
logistic_loss_advance(MlContext *ctx, LogisticLoss *loss,
					  const uint16_t *leaf, const float *leaf_value,
					  uint64_t key, uint64_t *gradient, double *mean_loss)
{
	size_t		n_blocks = (loss->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
	AdvanceJob	job = {
		.loss = loss, .leaf = leaf, .leaf_value = leaf_value, .gradient = gradient,
		.want_loss = mean_loss != NULL,
		.scales = {
			.gradient = (float) ((1 << GRADIENT_SHIFT) / (loss->gradient_unit * loss->weight_scale)),
			.hessian = (float) ((1 << HESSIAN_SHIFT) / (loss->hessian_unit * loss->weight_scale)),
			.key = (uint32_t) key
		}
	};
	MlStatus	status = ml_parallel_for(ctx, n_blocks, advance_task, &job);

	if (status == ML_OK && mean_loss)
	{
		double		sum = 0;

		for (size_t i = 0; i < n_blocks; i++)
			sum += loss->block_loss[i];
		*mean_loss = sum / loss->total_weight;
	}
	return status;
}
