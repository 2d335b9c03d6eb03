/*-------------------------------------------------------------------------
 * context.c
 *	  Messages, abort and progress of an engine context.
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>

#include "mlops/engine/base.h"

MlStatus
ml_fail(MlContext *ctx, MlStatus status, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(ctx->message, sizeof(ctx->message), format, args);
	va_end(args);
	ctx->detail[0] = '\0';
	return status;
}

/* What was refused last is taken from the arena. */
MlStatus
ml_fail_memory(MlContext *ctx)
{
	double		kilobyte = 1024.0;

	if (ml_arena_budget(ctx->arena) == 0)
		return ml_fail(ctx, ML_OUT_OF_MEMORY, "out of memory");
	ml_fail(ctx, ML_OUT_OF_MEMORY, "more memory is needed than the %.0f MB allowed",
			(double) ml_arena_budget(ctx->arena) / kilobyte / kilobyte);
	snprintf(ctx->detail, sizeof(ctx->detail), "%.1f MB are in use and %.0f kB more were asked for.",
			 (double) ml_arena_used(ctx->arena) / kilobyte / kilobyte,
			 ceil((double) ml_arena_refused(ctx->arena) / kilobyte));
	return ML_OUT_OF_MEMORY;
}

MlStatus
ml_check_abort(MlContext *ctx)
{
	if (ctx->should_abort && ctx->should_abort(ctx->callback_arg))
		return ml_fail(ctx, ML_ABORTED, "canceled");
	return ML_OK;
}

void
ml_report_progress(MlContext *ctx, const char *phase, double done, double total, double metric)
{
	if (ctx->progress)
		ctx->progress(ctx->callback_arg, phase, done, total, metric);
}
