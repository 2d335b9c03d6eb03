/*-------------------------------------------------------------------------
 * family.c
 *	  Sums of trees as a family of models.
 *-------------------------------------------------------------------------
 */
#include "layout.h"

const MlSectionSpec trees_sections[TREES_SECTIONS] = {
	[TREES_BASE] = {sizeof(double), ML_FORMER_BASE},
	[TREES_SLOTS] = {sizeof(SlotRecord), 8},
	[TREES_EDGES] = {sizeof(double), 9},
	[TREES_TREES] = {sizeof(TreeRecord), 10},
	[TREES_NODES] = {sizeof(uint64_t), 11},
	[TREES_VALUES] = {sizeof(double), 12},
	[TREES_SETS] = {sizeof(uint64_t[4]), 13},
	[TREES_DETAILS] = {sizeof(DetailRecord), 14},
};

/*
 * Adds up, by feature, the gains of splits and how many there are; false if there
 * are no trees.
 */
static bool
importance(const void *state, double *gain, uint64_t *splits)
{
	const Trees *t = (const Trees *) state;

	for (uint32_t i = 0; i < t->n_nodes; i++)
	{
		if (t->details[i].feature < 0)
			continue;
		gain[t->details[i].feature] += t->details[i].gain;
		splits[t->details[i].feature]++;
	}
	return t->n_trees > 0;
}

const MlFamily ml_family_trees = {
	.id = 0,
	.name = "trees",
	.sections = trees_sections,
	.n_sections = TREES_SECTIONS,
	.plan = trees_plan,
	.write = trees_write,
	.open = trees_open,
	.verify = trees_verify,
	.scratch_size = trees_scratch_size,
	.layout_size = trees_layout_size,
	.lay_out = trees_lay_out,
	.margin = trees_margin,
	.margins = trees_margins,
	.prepare = trees_prepare,
	.explain_scratch_size = trees_explain_scratch_size,
	.explain = trees_explain,
	.importance = importance,
};
