/*-------------------------------------------------------------------------
 * categories.c
 *	  Tests of the categories of two data sets, by mode.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "mlops/base.h"
#include "monitor/compare.h"

/* Rows of one side by the reference's codes, made longer by what is new. */
typedef struct Codes
{
	size_t		n_known;		/* of the reference */
	size_t		n;				/* of both */
	uint64_t   *reference;		/* [n] */
	uint64_t   *current;		/* [n] */
	uint64		missing_reference;
	uint64		missing_current;
	uint32_t   *code_of;		/* of the current side's own codes */
} Codes;

static uint64_t *
new_counts(size_t n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * sizeof(uint64_t),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Counts rows first .. end - 1 of a column; code_of NULL: by its own codes. */
static void
count_rows(const MlColumn *column, size_t first, size_t end, const uint32_t *code_of,
		   uint64_t *counts, uint64 *missing)
{
	for (size_t row = first; row < end; row++)
	{
		uint32_t	code = ml_column_code(column, row);

		if (code == ML_MISSING_CODE)
			(*missing)++;
		else
			counts[code_of ? code_of[code] : code]++;
	}
}

/*
 * Levels of the reference keep their codes; what only the current side has comes
 * after them, in order of first sight.
 */
static void
count_codes(const Comparing *comparing, const Feature *feature, Codes *codes)
{
	uint32_t	n_current = ml_dictionary_size(feature->current->dictionary);

	codes->code_of = MemoryContextAllocExtended(CurrentMemoryContext, Max(n_current, 1) * sizeof(uint32_t),
												MCXT_ALLOC_HUGE);
	codes->n_known = codes->n = ml_dictionary_size(feature->reference->dictionary);
	for (uint32_t c = 0; c < n_current; c++)
	{
		size_t		size;
		const char *bytes = ml_dictionary_bytes(feature->current->dictionary, c, &size);

		if (!ml_column_find(feature->reference, bytes, size, &codes->code_of[c]))
			codes->code_of[c] = (uint32_t) codes->n++;
	}
	codes->reference = new_counts(codes->n);
	codes->current = new_counts(codes->n);
	codes->missing_reference = codes->missing_current = 0;
	count_rows(feature->reference, 0, comparing->reference_rows, NULL, codes->reference,
			   &codes->missing_reference);
	count_rows(feature->current, 0, comparing->current_rows, codes->code_of, codes->current,
			   &codes->missing_current);
}

/*
 * Levels are grouped as for a model (ml_group_categories), with nothing in the
 * rest: the reference is known whole.
 */
static void
compare_mlops(const Comparing *comparing, Feature *feature, const Codes *codes, MlDriftTests tests)
{
	/* what is missing, what is known, no rest, what is new, all of it told apart */
	size_t		n = codes->n + 3;
	uint64_t   *reference = new_counts(n);
	uint64_t   *current = new_counts(n);
	MlLevels	levels = {{n, reference, current}, codes->n_known};
	uint32_t   *group = MemoryContextAllocExtended(CurrentMemoryContext, n * sizeof(uint32_t), MCXT_ALLOC_HUGE);
	MlHistograms coarse;
	double		unseen_p = ml_unseen_p(&(MlHistograms) {codes->n, codes->reference, codes->current}, 0);
	uint64		unseen = sum_of(codes->current + codes->n_known, codes->n - codes->n_known);
	uint64		singles = 0;
	double		p_value;

	for (size_t code = 0; code < codes->n_known; code++)
		singles += codes->reference[code] == 1;
	reference[0] = codes->missing_reference;
	current[0] = codes->missing_current;
	memcpy(reference + 1, codes->reference, codes->n_known * sizeof(uint64_t));
	memcpy(current + 1, codes->current, codes->n_known * sizeof(uint64_t));
	memcpy(current + codes->n_known + 2, codes->current + codes->n_known, (codes->n - codes->n_known) * sizeof(uint64_t));
	levels.new_are_likely = unseen_p >= ML_BY_CHANCE;
	coarse.n = ml_group_categories(&levels, ML_LEAST_SHARE, group);
	reference = new_counts(coarse.n);
	current = new_counts(coarse.n);
	ml_add_groups(&levels.h, group, coarse.n, reference, current);
	coarse.reference = reference;
	coarse.current = current;
	p_value = mlmon_histogram_p(tests, &coarse);
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		MlDriftTest result;

		if ((tests & ML_TEST_BIT(t)) == 0 || t == ML_TEST_KS || t == ML_TEST_WASSERSTEIN)
			continue;
		if (t == ML_TEST_MISSING)
			result = mlmon_share_test(comparing->reference_rows, codes->missing_reference,
									  comparing->current_rows, codes->missing_current);
		else if (t == ML_TEST_UNSEEN)
			result = mlmon_unseen_test(comparing->reference_rows, singles, comparing->current_rows, unseen, unseen_p);
		else
			result = mlmon_histogram_test((MlDriftTestKind) t, &coarse, p_value);
		set_outcome(feature, (MlDriftTestKind) t, result, mlmon_threshold((MlDriftTestKind) t), DRIFT_IF_BOTH);
	}
}

/* Code of the first value of both sides in the order of bytes. */
static size_t
first_value(const Feature *feature, const Codes *codes)
{
	const char *least = NULL;
	size_t		least_size = 0;
	size_t		code = 0;

	for (int side = 0; side < 2; side++)
	{
		const MlDictionary *dictionary = side ? feature->current->dictionary : feature->reference->dictionary;

		for (uint32_t c = 0; c < ml_dictionary_size(dictionary); c++)
		{
			size_t		size;
			const char *bytes = ml_dictionary_bytes(dictionary, c, &size);
			int			order = least ? memcmp(bytes, least, Min(size, least_size)) : -1;

			if (order > 0 || (order == 0 && size >= least_size))
				continue;
			least = bytes;
			least_size = size;
			code = side ? codes->code_of[c] : c;
		}
	}
	return code;
}

/*
 * As Evidently does for categories (docs/drift.md): its tests, each with its
 * threshold.
 */
static void
compare_evidently(Feature *feature, const Codes *codes, MlDriftTests tests)
{
	MlHistograms h = {codes->n, codes->reference, codes->current};

	if (feature->n_reference == 0 || feature->n_current == 0)
		h.n = 0;				/* nothing is defined */
	if (tests == 0)
		tests = feature->n_reference > 1000 ? ML_TEST_BIT(ML_TEST_JENSEN_SHANNON)
			: codes->n > 2 ? ML_TEST_BIT(ML_TEST_CHI_SQUARE) : ML_TEST_BIT(ML_TEST_Z);
	if (tests & ML_TEST_BIT(ML_TEST_PSI))
		set_outcome(feature, ML_TEST_PSI, (MlDriftTest) {ml_psi(&h, ML_FILL_EVIDENTLY), NAN}, 0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_KULLBACK_LEIBLER))
		set_outcome(feature, ML_TEST_KULLBACK_LEIBLER, (MlDriftTest) {ml_kullback_leibler(&h, ML_FILL_EVIDENTLY), NAN},
					0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_JENSEN_SHANNON))
		set_outcome(feature, ML_TEST_JENSEN_SHANNON, (MlDriftTest) {ml_jensen_shannon(&h, M_E), NAN},
					0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_HELLINGER))
		set_outcome(feature, ML_TEST_HELLINGER, (MlDriftTest) {ml_hellinger(&h), NAN}, 0.1, DRIFT_IF_REACHED);
	if (tests & ML_TEST_BIT(ML_TEST_CHI_SQUARE))
		set_outcome(feature, ML_TEST_CHI_SQUARE, ml_chi_square_goodness(&h), 0.05, DRIFT_IF_P_BELOW);
	if (tests & ML_TEST_BIT(ML_TEST_Z))
	{
		size_t		first = h.n > 0 ? first_value(feature, codes) : 0;

		set_outcome(feature, ML_TEST_Z,
					mlmon_z_test(feature->n_reference, h.n ? feature->n_reference - codes->reference[first] : 0,
								 feature->n_current, h.n ? feature->n_current - codes->current[first] : 0),
					0.05, DRIFT_IF_P_BELOW);
	}
}

/*
 * A test of NannyML's for the current rows or a chunk, as counts by code.  What is
 * new is one level for the distances, each its own for the others.
 */
static MlDriftTest
nannyml_test(MlDriftTestKind test, const Codes *codes, const uint64_t *reference, const uint64_t *current,
			 uint64 missing, uint64 rows)
{
	MlHistograms all = {codes->n, reference, current};
	MlHistograms known = {codes->n_known + 1, new_counts(codes->n_known + 1), new_counts(codes->n_known + 1)};
	uint64		unseen = sum_of(current + codes->n_known, codes->n - codes->n_known);
	bool		defined = rows > 0 && sum_of(reference, codes->n_known) > 0;

	memcpy((uint64_t *) known.reference, reference, codes->n_known * sizeof(uint64_t));
	memcpy((uint64_t *) known.current, current, codes->n_known * sizeof(uint64_t));
	((uint64_t *) known.current)[codes->n_known] = unseen;
	switch (test)
	{
		case ML_TEST_JENSEN_SHANNON:
			return (MlDriftTest) {ml_jensen_shannon(&known, 2), NAN};
		case ML_TEST_HELLINGER:
			return (MlDriftTest) {ml_hellinger(&known), NAN};
		case ML_TEST_L_INFINITY:
			return (MlDriftTest) {ml_l_infinity(&all), NAN};
		case ML_TEST_CHI_SQUARE:
			return ml_chi_square_contingency(&all, true);
		case ML_TEST_MISSING:
			return (MlDriftTest) {rows > 0 ? (double) missing / (double) rows : NAN, NAN};
		default:
			return (MlDriftTest) {defined ? (double) unseen / (double) rows : NAN, NAN};
	}
}

/*
 * Thresholds are the reference's own: of the chunks it is cut into, each compared
 * with all of it.
 */
static void
compare_nannyml(const Comparing *comparing, Feature *feature, const Codes *codes, MlDriftTests tests)
{
	size_t		chunk_rows = mlmon_chunk_rows(comparing->reference_rows);

	if (tests == 0)
		tests = ML_TEST_BIT(ML_TEST_JENSEN_SHANNON) | ML_TEST_BIT(ML_TEST_MISSING) | ML_TEST_BIT(ML_TEST_UNSEEN);
	tests &= ~(ML_TEST_BIT(ML_TEST_KS) | ML_TEST_BIT(ML_TEST_WASSERSTEIN));
	for (int t = 0; t < ML_TEST_COUNT; t++)
	{
		MlDriftTest result;
		double		of_chunk[NANNYML_MOST_CHUNKS];
		int			n = 0;

		if ((tests & ML_TEST_BIT(t)) == 0)
			continue;
		result = nannyml_test((MlDriftTestKind) t, codes, codes->reference, codes->current,
							  codes->missing_current, comparing->current_rows);
		if (t == ML_TEST_CHI_SQUARE || t == ML_TEST_UNSEEN)
		{
			set_outcome(feature, (MlDriftTestKind) t, result, t == ML_TEST_UNSEEN ? 0 : 0.05,
						t == ML_TEST_UNSEEN ? DRIFT_IF_ABOVE : DRIFT_IF_P_BELOW);
			continue;
		}
		for (size_t first = 0; first < comparing->reference_rows; first += chunk_rows)
		{
			uint64_t   *counts = new_counts(codes->n);
			uint64		missing = 0;
			size_t		end = Min(first + chunk_rows, comparing->reference_rows);

			count_rows(feature->reference, first, end, NULL, counts, &missing);
			of_chunk[n++] = nannyml_test((MlDriftTestKind) t, codes, codes->reference, counts, missing,
										 end - first).statistic;
			pfree(counts);
		}
		set_outcome(feature, (MlDriftTestKind) t, result, mlmon_chunk_threshold(of_chunk, n), DRIFT_IF_ABOVE);
	}
}

/* Works in a context of its own: a column may have a million levels. */
void
mlmon_compare_categories(Comparing *comparing, Feature *feature)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "mlops categories", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(work);
	Codes		codes;

	count_codes(comparing, feature, &codes);
	feature->n_reference = comparing->reference_rows - codes.missing_reference;
	feature->n_current = comparing->current_rows - codes.missing_current;
	switch (comparing->mode)
	{
		case ML_MODE_EVIDENTLY:
			compare_evidently(feature, &codes, comparing->tests);
			break;
		case ML_MODE_NANNYML:
			compare_nannyml(comparing, feature, &codes, comparing->tests);
			break;
		default:
			compare_mlops(comparing, feature, &codes, comparing->tests ? comparing->tests
						  : ML_TEST_BIT(ML_TEST_PSI) | ML_TEST_BIT(ML_TEST_MISSING) | ML_TEST_BIT(ML_TEST_UNSEEN));
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
}
