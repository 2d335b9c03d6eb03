/*
 * samplers.c
 *	  Regret of our samplers on functions whose minimum is known, and on a table
 *	  of results measured before.
 *
 *	samplers FUNCTION SAMPLER TRIALS SEEDS [TABLE]	one line a seed: the regret
 *
 * FUNCTION is branin, hartmann6, rosenbrock or table.  A table has a header
 * with the parameters' names, the last one being the value (greater is better);
 * its rows are a full grid.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas/provider.h"
#include "mlops/engine/tune.h"

#define MOST 16

static double
branin(const double *x)
{
	double		pi = acos(-1);
	double		a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;

	return a * a + 10 * (1 - 1 / (8 * pi)) * cos(x[0]) + 10 - 0.39788735772973816;
}

static double
hartmann6(const double *x)
{
	static const double a[4][6] = {{10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14},
	{3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}};
	static const double p[4][6] = {{1312, 1696, 5569, 124, 8283, 5886}, {2329, 4135, 8307, 3736, 1004, 9991},
	{2348, 1451, 3522, 2883, 3047, 6650}, {4047, 8828, 8732, 5743, 1091, 381}};
	static const double c[4] = {1, 1.2, 3, 3.2};
	double		sum = 0;

	for (int i = 0; i < 4; i++)
	{
		double		inner = 0;

		for (int j = 0; j < 6; j++)
			inner += a[i][j] * pow(x[j] - p[i][j] / 10000, 2);
		sum -= c[i] * exp(-inner);
	}
	return sum + 3.32236801141551;
}

static double
rosenbrock(const double *x)
{
	return 100 * pow(x[1] - x[0] * x[0], 2) + pow(1 - x[0], 2);
}

/* ---- the table: distinct values of each column are its choices, by order of
 * size; a column of numbers is offered as the range of their positions */

typedef struct Table
{
	int			n_columns;		/* parameters */
	int			n_rows;
	double		value[10000][MOST];
	int			n_levels[MOST];
	double		level[MOST][64];
	double		best;
} Table;

static Table table;

static void
read_table(const char *path)
{
	FILE	   *file = fopen(path, "r");
	char		line[1024];

	if (file == NULL || fgets(line, sizeof(line), file) == NULL)
		exit(2);
	for (const char *c = line; *c; c++)
		table.n_columns += *c == '\t';
	table.best = -INFINITY;
	while (fgets(line, sizeof(line), file))
	{
		char	   *at = line;
		double	   *row = table.value[table.n_rows++];

		for (int c = 0; c <= table.n_columns; c++)
			row[c] = strtod(at, &at);
		table.best = fmax(table.best, row[table.n_columns]);
		for (int c = 0; c < table.n_columns; c++)
		{
			int			l = 0;

			while (l < table.n_levels[c] && table.level[c][l] < row[c])
				l++;
			if (l < table.n_levels[c] && table.level[c][l] == row[c])
				continue;
			memmove(&table.level[c][l + 1], &table.level[c][l], (table.n_levels[c]++ - l) * sizeof(double));
			table.level[c][l] = row[c];
		}
	}
	fclose(file);
}

static double
look_up(const double *x)
{
	for (int r = 0; r < table.n_rows; r++)
	{
		bool		same = true;

		for (int c = 0; c < table.n_columns; c++)
			same = same && table.value[r][c] == table.level[c][(int) x[c]];
		if (same)
			return table.best - table.value[r][table.n_columns];
	}
	exit(3);
}

int
main(int argc, char **argv)
{
	MlDimension dimension[MOST] = {0};
	MlSpace		space = {0, dimension};
	double		(*function) (const double *x);
	int			sampler;

	if (argc < 5 || (sampler = ml_sampler_by_name(argv[2])) < 0)
		return 2;
	for (int i = 0; i < MOST; i++)
		dimension[i] = (MlDimension) {"x", ML_DIMENSION_FLOAT, .minimum = 0, .maximum = 1, .parent = -1};
	if (strcmp(argv[1], "branin") == 0)
	{
		function = branin;
		space.n = 2;
		dimension[0].minimum = -5;
		dimension[0].maximum = 10;
		dimension[1].maximum = 15;
	}
	else if (strcmp(argv[1], "hartmann6") == 0)
	{
		function = hartmann6;
		space.n = 6;
	}
	else if (strcmp(argv[1], "rosenbrock") == 0)
	{
		function = rosenbrock;
		space.n = 2;
		for (int i = 0; i < 2; i++)
		{
			dimension[i].minimum = -5;
			dimension[i].maximum = 10;
		}
	}
	else
	{
		read_table(argv[5]);
		function = look_up;
		space.n = table.n_columns;
		for (int i = 0; i < table.n_columns; i++)
		{
			dimension[i].kind = ML_DIMENSION_INTEGER;
			dimension[i].maximum = table.n_levels[i] - 1;
		}
	}
	for (int seed = 0; seed < atoi(argv[4]); seed++)
	{
		MlContext	ctx = {.arena = ml_arena_create(0), .blas = ml_blas_reference(1)};
		MlStudy    *study;
		size_t		number;

		if (ml_study_create(&ctx, &space, (MlSampler) sampler, seed, false, atoi(argv[3]), &study) != ML_OK)
			return 1;
		while (ml_study_ask(&ctx, study, &number) == ML_OK && number != SIZE_MAX)
			ml_study_tell(study, number, ML_TRIAL_FINISHED, function(study->trials[number].point), 1);
		printf("%.9g\n", study->trials[ml_study_best(study)].value);
		ml_arena_destroy(ctx.arena);
	}
	return 0;
}
