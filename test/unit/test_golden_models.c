/*
 * test_golden_models.c
 *	  Bytes of every format that was ever written say what they said when they
 *	  were made: scores and explanations to the last bit.
 */
#include "check.h"

#include "golden_models.h"

#define DIRECTORY "test/golden/models/"

/* All of a file, at an address that is a multiple of 64; NULL if there is none. */
static uint8_t *
read_file(const char *path, size_t *size)
{
	FILE	   *file = fopen(path, "r");
	uint8_t    *bytes;

	if (file == NULL)
		return NULL;
	fseek(file, 0, SEEK_END);
	*size = (size_t) ftell(file);
	rewind(file);
	bytes = aligned_alloc(64, (*size + 64) / 64 * 64);
	if (fread(bytes, 1, *size, file) != *size)
		abort();
	bytes[*size] = '\0';
	fclose(file);
	return bytes;
}

/* The first line in which two texts differ. */
static void
show_difference(const char *expected, const char *told)
{
	size_t		line = 0;
	size_t		i = 0;

	for (; expected[i] && expected[i] == told[i]; i++)
		line = expected[i] == '\n' ? i + 1 : line;
	printf("# expected %.*s\n# got      %.*s\n", (int) strcspn(expected + line, "\n"), expected + line,
		   (int) strcspn(told + line, "\n"), told + line);
}

static void
check_model(const char *name, int format)
{
	MlContext	ctx = {.arena = ml_arena_create((size_t) 16 << 20)};
	MlModel    *model = malloc(ml_model_struct_size());
	char		path[256];
	char		message[ML_MESSAGE_SIZE];
	size_t		size;
	size_t		told_size;
	char	   *told;
	char	   *expected;
	uint8_t    *bytes;
	FILE	   *out;
	bool		opens;

	snprintf(path, sizeof(path), DIRECTORY "%s.%d.bin", name, format);
	bytes = read_file(path, &size);
	opens = bytes && ml_model_open(bytes, size, model, message) == ML_OK;
	CHECK(opens, "%s, format %d: opens", name, format);
	snprintf(path, sizeof(path), DIRECTORY "%s.txt", name);
	expected = (char *) read_file(path, &size);
	if (opens && expected)
	{
		out = open_memstream(&told, &told_size);
		tell_model(out, model, &ctx);
		fclose(out);
		CHECK(strcmp(told, expected) == 0, "%s, format %d: says what it said", name, format);
		if (strcmp(told, expected) != 0)
			show_difference(expected, told);
		free(told);
	}
	free(expected);
	free(bytes);
	free(model);
	ml_arena_destroy(ctx.arena);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(golden_names) / sizeof(golden_names[0]); i++)
	{
		for (int format = 1; format <= ML_MODEL_FORMAT; format++)
			check_model(golden_names[i], format);
	}
	return checks_end();
}
