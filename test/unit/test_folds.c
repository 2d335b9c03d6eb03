/*
 * test_folds.c
 *	  Folds for cross-validation: every labelled row in one fold, classes and
 *	  rows even, groups together, blocks of time that do not cut an instant.
 */
#include "check.h"

#include "mlops/engine/data.h"

#define ROWS 5000
#define FOLDS 5

static const MlColumnSpec specs[] = {
	{"customer", "integer", ML_COLUMN_HASH},
	{"at", "timestamp", ML_COLUMN_TIME},
};

static int
customer_of(size_t row)
{
	/* a few customers have most of the rows */
	return (int) (400 * pow(ml_random_uniform(3, 0, row), 3));
}

int
main(void)
{
	MlContext	ctx = {.arena = ml_arena_create(0)};
	MlDataset  *dataset = NULL;
	float		label[ROWS];
	uint8_t		fold[ROWS];
	uint8_t		again[ROWS];
	uint32_t   *order;
	double		border[FOLDS + 1];
	size_t		rows[FOLDS] = {0};
	size_t		positives[FOLDS] = {0};
	int			fold_of_customer[400];
	bool		right = true;
	size_t		unlabelled = 0;

	if (ml_dataset_create(&ctx, 2, specs, NULL, &dataset) != ML_OK)
		return 1;
	for (size_t i = 0; i < ROWS; i++)
	{
		size_t		at = dataset->n_rows & ML_CHUNK_MASK;

		dataset->columns[0].open.hash[at] = ml_mix64((uint64_t) customer_of(i));
		dataset->columns[1].open.number[at] = i % 97 == 0 ? NAN : floor((double) (i * 7919 % ROWS) / 10);
		label[i] = i % 50 == 49 ? NAN : customer_of(i) % 7 == 0 && i % 3 == 0;
		unlabelled += isnan(label[i]);
		dataset->n_rows++;
		if ((dataset->n_rows & ML_CHUNK_MASK) == 0)
			ml_dataset_seal(&ctx, dataset);
	}
	ml_dataset_seal(&ctx, dataset);
	ml_order_rows(&ctx, dataset, 1, -1, &order);

	ml_folds_stratified(&ctx, dataset, order, label, FOLDS, 1, fold);
	for (size_t i = 0; i < ROWS; i++)
	{
		right = right && (fold[i] == ML_NO_FOLD) == (bool) isnan(label[i]);
		if (fold[i] == ML_NO_FOLD)
			continue;
		rows[fold[i]]++;
		positives[fold[i]] += label[i] == 1;
	}
	CHECK(right, "stratified: every labelled row has a fold, no other has");
	for (int f = 1; f < FOLDS; f++)
	{
		right = right && rows[f] + 1 >= rows[0] && rows[0] + 1 >= rows[f];
		right = right && positives[f] + 1 >= positives[0] && positives[0] + 1 >= positives[f];
	}
	CHECK(right, "stratified: folds differ by at most one row and one positive");
	ml_folds_stratified(&ctx, dataset, order, label, FOLDS, 1, again);
	CHECK(memcmp(fold, again, ROWS) == 0, "stratified: the same seed gives the same folds");
	ml_folds_stratified(&ctx, dataset, order, label, FOLDS, 2, again);
	CHECK(memcmp(fold, again, ROWS) != 0, "stratified: another seed gives others");

	ml_folds_grouped(&ctx, dataset, 0, label, FOLDS, 1, fold);
	memset(fold_of_customer, -1, sizeof(fold_of_customer));
	memset(rows, 0, sizeof(rows));
	memset(positives, 0, sizeof(positives));
	right = true;
	for (size_t i = 0; i < ROWS; i++)
	{
		int		   *its = &fold_of_customer[customer_of(i)];

		if (isnan(label[i]))
			continue;
		right = right && fold[i] < FOLDS && (*its < 0 || *its == fold[i]);
		*its = fold[i];
		rows[fold[i]]++;
		positives[fold[i]] += label[i] == 1;
	}
	CHECK(right, "grouped: no customer is in two folds");
	right = true;
	for (int f = 0; f < FOLDS; f++)
		right = right && rows[f] > (ROWS - unlabelled) / FOLDS * 0.7 && rows[f] < (ROWS - unlabelled) / FOLDS * 1.5 &&
			positives[f] > 0;
	CHECK(right, "grouped: folds are of similar size, each with positives");
	for (size_t i = 0; i < ROWS; i++)
		label[i] = isnan(label[i]) ? NAN : 0;
	CHECK(ml_folds_grouped(&ctx, dataset, 0, label, FOLDS, 1, fold) == ML_OK, "grouped: no positives at all");

	ml_time_blocks(&ctx, dataset, 1, order, label, FOLDS, border);
	memset(rows, 0, sizeof(rows));
	for (size_t i = 0; i < ROWS; i++)
	{
		double		at = ml_column_number(&dataset->columns[1], i);

		for (int b = 0; b < FOLDS && !isnan(label[i]); b++)
			rows[b] += at >= border[b] && at < border[b + 1];
	}
	right = border[0] == 0 && isinf(border[FOLDS]);
	for (int b = 0; b < FOLDS; b++)
		right = right && rows[b] > 930 && rows[b] < 1010;
	CHECK(right, "time: blocks of similar size, from the first instant to the end");
	ml_arena_destroy(ctx.arena);
	return checks_end();
}
