/*-------------------------------------------------------------------------
 * sections.c
 *	  Which section of the bytes is which.
 *-------------------------------------------------------------------------
 */
#include "format.h"

const uint32_t container_unit[SECTION_COUNT] = {
	[SECTION_META] = sizeof(ComponentRecord),	/* meta is so many times as long */
	[SECTION_STRINGS] = 1,
	[SECTION_INPUTS] = sizeof(InputRecord),
	[SECTION_CATEGORIES] = sizeof(MlStringRef),
	[SECTION_HASH] = sizeof(uint32_t),
	[SECTION_FEATURES] = sizeof(MlFeatureRecord),
	[SECTION_EDGES] = sizeof(double),
	[SECTION_COUNTS] = sizeof(uint64_t),
	[SECTION_STATISTICS] = sizeof(double),
	[SECTION_HISTORY] = 1,
};

const MlFamily *
family_by_id(uint32_t id)
{
	for (int i = 0; ml_families[i]; i++)
	{
		if (ml_families[i]->id == id)
			return ml_families[i];
	}
	return NULL;
}

/* A section from its entry, which lies within the bytes by then. */
bool
container_section(MlCheck *check, const uint8_t *bytes, const SectionRecord *record, uint32_t unit, MlSection *section)
{
	*section = (MlSection) {bytes + record->offset, record->length / unit};
	return ml_expect(check, record->length % unit == 0, "a section has the wrong length");
}

/* Entries of a table that are not taken yet; they rise by component, then kind. */
typedef struct Entries
{
	const SectionRecord *next;
	const SectionRecord *end;
} Entries;

static bool
is_next(const Entries *e, uint32_t component)
{
	return e->next < e->end && e->next->component == component;
}

/* The next section is this one. */
static bool
take(MlCheck *check, const uint8_t *bytes, Entries *e, uint32_t component, uint32_t kind, uint32_t unit, MlSection *section)
{
	return ml_expect(check, is_next(e, component) && e->next->kind == kind, "a section is missing") &&
		container_section(check, bytes, e->next++, unit, section);
}

/* After those of a component that are known come others, which must allow it. */
static bool
skip_optional(MlCheck *check, Entries *e, uint32_t component)
{
	for (; is_next(e, component); e->next++)
	{
		if (!ml_expect(check, (e->next->kind & SECTION_OPTIONAL) != 0, "it has a section of a kind that is not known"))
			return false;
	}
	return true;
}

/*
 * What the head says of the model.  One component, one link and one meaning can be
 * read so far.
 */
static bool
take_head(MlCheck *check, const MlSection *section, MlModel *model)
{
	const MetaRecord *meta = section->at;
	const ComponentRecord *component = (const ComponentRecord *) (meta + 1);
	uint64_t	own = sizeof(MetaRecord) / sizeof(ComponentRecord);

	if (!ml_expect(check, section->n >= own && section->n - own == meta->n_components, "a section has the wrong length") ||
		!ml_expect(check, meta->link == LINK_LOGISTIC, "its link is not one that can be read") ||
		!ml_expect(check, meta->meaning == MEANING_PROBABILITY, "its score is not one that can be read") ||
		!ml_expect(check, meta->n_components == 1, "its number of components is not one that can be read") ||
		!ml_expect(check, meta->zero == 0 && component->zero == 0, "its head is wrong"))
		return false;
	model->family = family_by_id(component->family);
	model->has_singles = true;
	model->algorithm = meta->algorithm;
	model->time_zone = meta->time_zone;
	model->margin_scale = meta->margin_scale;
	model->margin_offset = meta->margin_offset;
	model->threshold = meta->threshold;
	model->score_counts = meta->score_counts;
	return ml_expect(check, model->family != NULL, "its family is not known");
}

/*
 * Entries of the table are taken in order: the container's, then the family's;
 * unknown ones only where they are marked optional.
 */
bool
container_find(MlCheck *check, const uint8_t *bytes, Sections *sections, MlModel *model)
{
	const HeaderRecord *header = (const HeaderRecord *) bytes;
	const SectionRecord *table = (const SectionRecord *) (header + 1);
	Entries		e = {table, table + header->n_sections};
	const MlFamily *family;

	for (uint32_t kind = 0; kind < SECTION_COUNT; kind++)
	{
		sections->container[kind] = (MlSection) {NULL, 0};
		if (kind >= SECTION_ALWAYS && !(is_next(&e, 0) && e.next->kind == kind))
			continue;
		if (!take(check, bytes, &e, 0, kind, container_unit[kind], &sections->container[kind]))
			return false;
	}
	if (!skip_optional(check, &e, 0) ||
		!take_head(check, &sections->container[SECTION_META], model))
		return false;
	family = model->family;
	for (uint32_t kind = 0; kind < family->n_sections; kind++)
	{
		if (!take(check, bytes, &e, 1, kind, family->sections[kind].unit, &sections->family[kind]))
			return false;
	}
	return skip_optional(check, &e, 1) &&
		ml_expect(check, e.next == e.end, "it has a section of a kind that is not known");
}
