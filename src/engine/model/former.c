/*-------------------------------------------------------------------------
 * former.c
 *	  Bytes of format 1: a section's place in the table said what it is, and the
 *	  head held the counts of both families.  From here on they are verified and
 *	  scored in place as those of today are.
 *-------------------------------------------------------------------------
 */
#include "format.h"

/* Where the head says how many elements a section has; 0: it does not. */
static const size_t recorded[FORMER_SECTIONS] = {
	[SECTION_INPUTS] = offsetof(FormerMeta, n_inputs),
	[SECTION_FEATURES] = offsetof(FormerMeta, n_features),
	[8] = offsetof(FormerMeta, n_slots),
	[10] = offsetof(FormerMeta, n_trees),
	[11] = offsetof(FormerMeta, n_nodes),
	[12] = offsetof(FormerMeta, n_nodes),
	[13] = offsetof(FormerMeta, n_sets),
	[14] = offsetof(FormerMeta, n_nodes),
	[15] = offsetof(FormerMeta, n_terms),
};

static uint32_t
recorded_count(const FormerMeta *meta, int place)
{
	return *(const uint32_t *) ((const char *) meta + recorded[place]);
}

/* The section of a place, as long as the head says. */
static bool
find_section(MlCheck *check, const uint8_t *bytes, int place, uint32_t unit, const FormerMeta *meta, MlSection *section)
{
	const SectionRecord *table = (const SectionRecord *) (bytes + sizeof(HeaderRecord));

	return container_section(check, bytes, &table[place], unit, section) &&
		ml_expect(check, recorded[place] == 0 || section->n == recorded_count(meta, place), "a section has the wrong length");
}

/* The sections that the family had, and no others. */
static bool
find_family(MlCheck *check, const uint8_t *bytes, const FormerMeta *meta, const MlFamily *family, MlSection *sections)
{
	bool		own[FORMER_SECTIONS] = {false};

	for (size_t kind = 0; kind < family->n_sections; kind++)
	{
		const MlSectionSpec *spec = &family->sections[kind];

		if (spec->former == ML_FORMER_BASE)
		{
			sections[kind] = (MlSection) {&meta->base, 1};
			continue;
		}
		own[spec->former] = true;
		if (!find_section(check, bytes, (int) spec->former, spec->unit, meta, &sections[kind]))
			return false;
	}
	for (int place = SECTION_ALWAYS; place < FORMER_SECTIONS; place++)
	{
		const SectionRecord *section = (const SectionRecord *) (bytes + sizeof(HeaderRecord)) + place;

		if (!own[place] && !ml_expect(check, section->length == 0 && (recorded[place] == 0 || recorded_count(meta, place) == 0),
									  "it has sections of another family"))
			return false;
	}
	return true;
}

/* As container_find. */
bool
former_find(MlCheck *check, const uint8_t *bytes, Sections *sections, MlModel *model)
{
	const SectionRecord *table = (const SectionRecord *) (bytes + sizeof(HeaderRecord));
	MlSection  *section = sections->container;
	const FormerMeta *meta;

	if (!container_section(check, bytes, &table[SECTION_META], sizeof(FormerMeta), &section[SECTION_META]) ||
		!ml_expect(check, section[SECTION_META].n == 1, "a section has the wrong length"))
		return false;
	meta = section[SECTION_META].at;
	if (!ml_expect(check, meta->family <= 1, "its family is not known"))
		return false;
	for (int place = SECTION_STRINGS; place < SECTION_ALWAYS; place++)
	{
		if (!find_section(check, bytes, place, container_unit[place], meta, &section[place]))
			return false;
	}
	section[SECTION_STATISTICS] = section[SECTION_HISTORY] = (MlSection) {NULL, 0};
	model->has_singles = false;
	model->family = family_by_id(meta->family);
	model->algorithm = meta->algorithm;
	model->time_zone = meta->time_zone;
	model->margin_scale = meta->margin_scale;
	model->margin_offset = meta->margin_offset;
	model->threshold = meta->threshold;
	model->score_counts = meta->score_counts;
	return find_family(check, bytes, meta, model->family, sections->family);
}
