#include "core/track/dataset_search.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <stdlib.h>

struct search {
    int64_t *experiments;
    size_t count;
    VEC(struct dataset_summary) found;
};

static enum err scan(struct op *op, struct db_tx *tx, struct search *s, int64_t experiment)
{
    struct db_rows *rows = NULL;
    int64_t left = LIMIT_TRACK_DATASET_SUMMARIES - (int64_t)s->found.len;
    enum err e = db_query(op, tx, &sql_track_dataset_summaries, DB_ARGS(DB_I64(experiment), DB_I64(left)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct dataset_summary *d = store_room(op, 0) ? NULL : vec_push(&s->found, op->arena);
        if (!d) {
            e = op_fail(op, E_TOO_LARGE, "too many datasets to hold in memory");
            break;
        }
        *d = (struct dataset_summary){experiment, db_col_dup(op, tx, rows, 0), db_col_dup(op, tx, rows, 1), db_col_dup(op, tx, rows, 2)};
    }
    db_end(tx, rows);
    return e;
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search *s = arg;
    enum err e = OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        if (i == 0 || s->experiments[i] != s->experiments[i - 1])
            e = scan(op, tx, s, s->experiments[i]);
    }
    return e;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum err dataset_search(struct op *op, struct db *db, const int64_t *experiments, size_t n, struct dataset_summary **ret, size_t *ret_len)
{
    if (n == 0)
        return op_fail_field(op, "experiment_ids", "SearchDatasets request must specify at least one experiment_id.");
    if (n > LIMIT_TRACK_DATASET_EXPERIMENTS)
        return op_fail_field(op, "experiment_ids",
                             "SearchDatasets request cannot specify more than %d experiment_ids. Received %zu experiment_ids.",
                             LIMIT_TRACK_DATASET_EXPERIMENTS, n);
    struct search s = {.experiments = arena_alloc(op->arena, n * sizeof *experiments), .count = n};
    memcpy(s.experiments, experiments, n * sizeof *experiments);
    qsort(s.experiments, n, sizeof *s.experiments, compare);
    enum err e = db_read(op, db, search_tx, &s);
    if (e)
        return e;
    *ret = s.found.p;
    *ret_len = s.found.len;
    return OK;
}
