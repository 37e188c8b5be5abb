/* index_group.h - what the index holds of one experiment: its runs by slot, and columns of what searches asked for.
 * Used by index.c, which locks, and index_select.c, which reads. Slots follow the runs' internal numbers.
 * Heap memory. Functions with a transaction return the errors of db.h, or E_TOO_LARGE for want of memory; a group
 * that failed to load is empty, one that failed to refresh keeps `low` where it was, so that the next refresh does
 * the rest. Nothing here locks: the caller holds `lock` for writing where a group is not const. */
#ifndef INGOT_CORE_TRACK_INDEX_GROUP_H
#define INGOT_CORE_TRACK_INDEX_GROUP_H

#include "base/thread.h"
#include "core/track/column.h"
#include "core/track/run_plan.h"
#include "port/db.h"

enum index_flag { INDEX_STATUS = 7, INDEX_DELETED = 8, INDEX_HAS_END = 16, INDEX_GONE = 32 };

struct index_group {
    int64_t experiment;
    struct rwlock lock;
    int users;            /* under the index's mutex: searches that hold a pointer to it */
    int64_t used_at;      /* atomic; for choosing what has to go */
    size_t size;          /* under the index's mutex: as accounted */
    bool loaded;
    uint64_t generation;  /* of the slots: changes when they are numbered anew */
    int64_t low, high;    /* all changes up to `low` are in, some up to `high` may be; equal: exactly those */
    size_t len, cap;
    int64_t *rows, *starts, *ends; /* rows ascends */
    uint8_t *flags;       /* enum index_flag */
    uint32_t *by_start;   /* slots, last of the default order first */
    uint32_t *places;     /* of each slot in by_start */
    struct column *ids;
    struct column **columns;
    size_t column_count, column_cap;
};

/* A column that a plan needs. */
struct index_need {
    enum filter_entity entity;
    int attr;
    struct str key;
    bool ranked;
};

void group_clear(struct index_group *g); /* empties it; it may be loaded again */
size_t group_size(const struct index_group *g);
/* NULL: not there. The column of run ids as well. */
struct column *group_column(const struct index_group *g, enum filter_entity entity, int attr, struct str key);
/* Loads what is not loaded, or applies what changed behind `low`; `oldest` and `newest` are track_change_ends of the
 * snapshot, newest >= high. Afterwards low = high = newest. */
MUST_USE enum err group_refresh(struct op *op, struct db_tx *tx, struct index_group *g, int64_t oldest, int64_t newest);
/* A column over `n` runs, made from the snapshot without touching a group. */
MUST_USE enum err group_fetch(struct op *op, struct db_tx *tx, int64_t experiment, const int64_t *rows, size_t n, const struct index_need *need, struct column **ret);
/* Takes a column that was fetched at `newest`; frees it when the group has it already. */
MUST_USE enum err group_attach(struct op *op, struct index_group *g, int64_t newest, struct column *take_column);
void group_drop(struct index_group *g, size_t column);
/* The slot of a run, or SIZE_MAX. */
size_t group_slot(const int64_t *rows, size_t n, int64_t row);

#endif
