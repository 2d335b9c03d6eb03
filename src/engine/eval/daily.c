/*-------------------------------------------------------------------------
 * daily.c
 *	  Precision of the k rows and cards that are investigated on each day.
 *
 * Rows are sorted by day, card and falling score, so that a day is a run of rows
 * and a card a run within it.  Cards that are ever positive, the only ones that can
 * be found, are in a sorted list with what is left of each to be found.
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/engine/eval.h"

typedef struct Row
{
	int32_t		day;
	float		label;
	uint64_t	card;
	double		score;
} Row;

/* Cards with a positive row, on any day. */
typedef struct PositiveCards
{
	size_t		n;
	uint64_t   *card;			/* [n] rising */
	double	   *left;			/* [n] share that was not found yet: 1 at first */
} PositiveCards;

/* Rows or cards of a day.  Arrays have room for all rows of any day. */
typedef struct Investigated
{
	size_t		n;
	double	   *score;
	float	   *label;
	float	   *weight;			/* cards only */
	size_t	   *place;			/* of a card among the positive ones */
} Investigated;

#define NO_PLACE SIZE_MAX

static int
compare_rows(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->card != y->card)
		return x->card < y->card ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->label < y->label) - (x->label > y->label);
}

/* The place of a card, NO_PLACE if it is never positive. */
static size_t
place_of(const PositiveCards *cards, uint64_t card)
{
	size_t		low = 0;
	size_t		high = cards->n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (cards->card[middle] < card)
			low = middle + 1;
		else
			high = middle;
	}
	return low < cards->n && cards->card[low] == card ? low : NO_PLACE;
}

static MlStatus
list_positive_cards(MlContext *ctx, const Row *rows, size_t n, PositiveCards *cards)
{
	size_t		n_positives = 0;
	uint64_t   *key;
	uint64_t   *spare;
	MlStatus	status;

	for (size_t i = 0; i < n; i++)
		n_positives += rows[i].label == 1 && rows[i].card != 0;
	key = ml_arena_alloc_array(ctx->arena, n_positives, sizeof(uint64_t));
	spare = ml_arena_alloc_array(ctx->arena, n_positives, sizeof(uint64_t));
	cards->left = ml_arena_alloc_array(ctx->arena, n_positives, sizeof(double));
	if (key == NULL || spare == NULL || cards->left == NULL)
		return ml_fail_memory(ctx);
	n_positives = 0;
	for (size_t i = 0; i < n; i++)
	{
		if (rows[i].label == 1 && rows[i].card != 0)
			key[n_positives++] = rows[i].card;
	}
	status = ml_sort_keys(ctx, key, spare, n_positives, &cards->card);
	if (status != ML_OK)
		return status;
	cards->n = 0;
	for (size_t i = 0; i < n_positives; i++)
	{
		if (cards->n > 0 && cards->card[cards->n - 1] == cards->card[i])
			continue;
		cards->left[cards->n] = 1;
		cards->card[cards->n++] = cards->card[i];
	}
	return ML_OK;
}

static MlStatus
judge_rows(MlContext *ctx, const Row *rows, Investigated *those, double k, MlDay *day)
{
	MlRanking	ranking;
	MlStatus	status;

	for (size_t i = 0; i < day->rows; i++)
	{
		those->score[i] = rows[i].score;
		those->label[i] = rows[i].label;
		day->positives += rows[i].label == 1;
	}
	status = ml_ranking_create(ctx, day->rows, those->score, those->label, NULL, &ranking);
	if (status == ML_OK)
		day->precision = ml_precision_at(&ranking, k);
	return status;
}

/* The cards of the day's rows that were not found before, each by what is left of it. */
static void
gather_cards(const Row *rows, const PositiveCards *cards, Investigated *those, MlDay *day)
{
	size_t		end;

	those->n = 0;
	for (size_t first = 0; first < day->rows; first = end)
	{
		size_t		place = place_of(cards, rows[first].card);
		double		left = place == NO_PLACE ? 1 : cards->left[place];
		float		label = 0;

		for (end = first; end < day->rows && rows[end].card == rows[first].card; end++)
			label = rows[end].label == 1 ? 1 : label;
		if (rows[first].card == 0)
			continue;
		if (!(left > 0))
		{
			day->known_cards++;
			continue;
		}
		those->score[those->n] = rows[first].score; /* the highest */
		those->label[those->n] = label;
		those->weight[those->n] = (float) left;
		those->place[those->n++] = place;
		day->positive_cards += label == 1;
	}
	day->cards = those->n;
}

static MlStatus
judge_cards(MlContext *ctx, const Row *rows, PositiveCards *cards, Investigated *those, double k, MlDay *day)
{
	MlRanking	ranking;
	MlTop		top;
	MlStatus	status;

	gather_cards(rows, cards, those, day);
	status = ml_ranking_create(ctx, those->n, those->score, those->label, those->weight, &ranking);
	if (status != ML_OK)
		return status;
	day->card_precision = ml_precision_at(&ranking, k);
	top = ml_top(&ranking, k);
	for (size_t i = 0; i < those->n; i++)
	{
		if (those->label[i] == 1 && those->score[i] >= top.border)
			cards->left[those->place[i]] *= those->score[i] > top.border ? 0 : 1 - top.share;
	}
	return ML_OK;
}

static MlStatus
sort_rows(MlContext *ctx, size_t n, const int32_t *day, const uint64_t *card, const double *score,
		  const float *label, Row **rows)
{
	*rows = ml_arena_alloc_array(ctx->arena, n, sizeof(Row));
	if (*rows == NULL)
		return ml_fail_memory(ctx);
	for (size_t i = 0; i < n; i++)
		(*rows)[i] = (Row) {day[i], label[i], card ? card[i] : 0, score[i]};
	return ml_sort(ctx, *rows, n, sizeof(Row), compare_rows);
}

/* The days of sorted rows, with how many rows each has; *most is the greatest of these. */
static MlStatus
list_days(MlContext *ctx, const Row *rows, size_t n, MlDay **days, size_t *n_days, size_t *most)
{
	size_t		n_found = 0;

	for (size_t i = 0; i < n; i++)
		n_found += i == 0 || rows[i].day != rows[i - 1].day;
	*days = ml_arena_alloc_zeroed(ctx->arena, n_found, sizeof(MlDay));
	if (*days == NULL)
		return ml_fail_memory(ctx);
	*n_days = 0;
	*most = 0;
	for (size_t i = 0; i < n; i++)
	{
		MlDay	   *day;

		if (i == 0 || rows[i].day != rows[i - 1].day)
			(*days)[(*n_days)++].day = rows[i].day;
		day = &(*days)[*n_days - 1];
		day->rows++;
		*most = day->rows > *most ? day->rows : *most;
	}
	return ML_OK;
}

static MlStatus
make_room(MlContext *ctx, size_t most, Investigated *those)
{
	those->score = ml_arena_alloc_array(ctx->arena, most, sizeof(double));
	those->label = ml_arena_alloc_array(ctx->arena, most, sizeof(float));
	those->weight = ml_arena_alloc_array(ctx->arena, most, sizeof(float));
	those->place = ml_arena_alloc_array(ctx->arena, most, sizeof(size_t));
	if (those->score == NULL || those->label == NULL || those->weight == NULL || those->place == NULL)
		return ml_fail_memory(ctx);
	return ML_OK;
}

MlStatus
ml_daily_precision(MlContext *ctx, size_t n, const int32_t *day, const uint64_t *card, const double *score,
				   const float *label, double k, MlDay **days, size_t *n_days)
{
	PositiveCards cards;
	Investigated those;
	Row		   *rows;
	size_t		most = 0;
	MlStatus	status;

	*n_days = 0;
	status = sort_rows(ctx, n, day, card, score, label, &rows);
	if (status == ML_OK)
		status = list_days(ctx, rows, n, days, n_days, &most);
	if (status == ML_OK)
		status = list_positive_cards(ctx, rows, n, &cards);
	if (status == ML_OK)
		status = make_room(ctx, most, &those);
	for (size_t d = 0; d < *n_days && status == ML_OK; d++)
	{
		MlArenaMark mark = ml_arena_mark(ctx->arena);

		status = judge_rows(ctx, rows, &those, k, &(*days)[d]);
		if (status == ML_OK)
			status = judge_cards(ctx, rows, &cards, &those, k, &(*days)[d]);
		rows += (*days)[d].rows;
		ml_arena_release(ctx->arena, mark);
	}
	return status;
}
