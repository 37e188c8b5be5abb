/* index_select.h - filter, order and page over groups that are up to date and locked for reading. */
#ifndef INGOT_CORE_TRACK_INDEX_SELECT_H
#define INGOT_CORE_TRACK_INDEX_SELECT_H

#include "core/track/index_group.h"

/* The columns that a plan needs beyond what every group has; at most one per clause, order and top. */
size_t index_needs(const struct run_plan *plan, struct index_need *ret_needs);
#define INDEX_NEEDS_MAX (LIMIT_TRACK_FILTER_CLAUSES + LIMIT_TRACK_ORDER_BY + LIMIT_TRACK_WINDOW_TOPS)
/* E_TOO_LARGE: op's arena. */
MUST_USE enum err index_select(struct op *op, struct index_group *const *groups, size_t n, const struct run_plan *plan, struct run_hits *ret);

#endif
