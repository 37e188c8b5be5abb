/* How a group stays right. `low` says which changes it holds for certain. Refreshing reads the log of changes behind
 * `low` and loads the present values of the runs named there, whatever it was that changed: doing so twice does no
 * harm, so a column that was fetched a little earlier joins by setting `low` back to the snapshot it was made from.
 * A log that was trimmed past `low`, a change of the whole experiment, or changes of most runs start the group anew. */
#include "core/track/index_group.h"

#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/metric.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_RUNS 64u
#define POINT_LOOKUPS 8         /* columns of a kind up to which each is looked up; above, all of the run is read */
#define MANY_NEW 64             /* runs: the order is sorted anew instead of inserting each */
#define MANY_CHANGES 1000       /* below it a group is never loaded anew for the sake of speed */
#define MANY_USES_CHANGES 256   /* runs whose datasets change: cheaper to fetch the column again */
#define SCRATCH_BYTES LIMIT_MIB(64)

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the columns of a search do not fit in memory");
}

void group_clear(struct index_group *g)
{
    for (size_t i = 0; i < g->column_count; i++)
        column_destroy(g->columns[i]);
    column_destroy(g->ids);
    free(g->columns);
    free(g->rows);
    free(g->starts);
    free(g->ends);
    free(g->flags);
    free(g->by_start);
    free(g->places);
    g->columns = NULL;
    g->ids = NULL;
    g->rows = g->starts = g->ends = NULL;
    g->flags = NULL;
    g->by_start = NULL;
    g->places = NULL;
    g->column_count = g->column_cap = g->len = g->cap = 0;
    g->low = g->high = 0;
    g->loaded = false;
    g->generation++;
}

size_t group_size(const struct index_group *g)
{
    size_t n = g->cap * (3 * sizeof(int64_t) + 2 * sizeof(uint32_t) + 1) + g->column_cap * sizeof(void *);
    for (size_t i = 0; i < g->column_count; i++)
        n += column_size(g->columns[i]);
    return n + (g->ids ? column_size(g->ids) : 0);
}

struct column *group_column(const struct index_group *g, enum filter_entity entity, int attr, struct str key)
{
    if (entity == FILTER_ATTRIBUTE && attr == RUN_ATTR_ID)
        return g->ids;
    for (size_t i = 0; i < g->column_count; i++) {
        if (column_is(g->columns[i], entity, attr, key))
            return g->columns[i];
    }
    return NULL;
}

size_t group_slot(const int64_t *rows, size_t n, int64_t row)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rows[mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && rows[lo] == row ? lo : SIZE_MAX;
}

/* ---- runs ---- */

static bool resize(void *p, size_t count, size_t size)
{
    void **at = p;
    void *grown = realloc(*at, count * size);
    if (grown)
        *at = grown;
    return grown != NULL;
}

static bool grow(struct index_group *g)
{
    if (g->len < g->cap)
        return true;
    size_t cap = g->cap ? g->cap + g->cap / 2 : FIRST_RUNS;
    if (cap >= TEXTS_NONE || !resize(&g->rows, cap, sizeof *g->rows) || !resize(&g->starts, cap, sizeof *g->starts) ||
        !resize(&g->ends, cap, sizeof *g->ends) || !resize(&g->flags, cap, sizeof *g->flags) ||
        !resize(&g->by_start, cap, sizeof *g->by_start) || !resize(&g->places, cap, sizeof *g->places))
        return false;
    g->cap = cap;
    return true;
}

static uint8_t flags_of(int64_t status, bool deleted, bool has_end)
{
    return (uint8_t)((status & INDEX_STATUS) | (deleted ? INDEX_DELETED : 0) | (has_end ? INDEX_HAS_END : 0));
}

/* Takes the next slot; the caller puts it into by_start. */
static bool append(struct index_group *g, int64_t row, struct str uuid, int64_t start)
{
    if (!g->ids)
        g->ids = column_create(FILTER_ATTRIBUTE, RUN_ATTR_ID, STR(""));
    if (!g->ids || !grow(g) || !column_grow(g->ids, g->len + 1) || !column_put_text(g->ids, g->len, uuid))
        return false;
    for (size_t i = 0; i < g->column_count; i++) {
        if (!column_grow(g->columns[i], g->len + 1))
            return false;
    }
    g->rows[g->len] = row;
    g->starts[g->len] = start;
    g->ends[g->len] = 0;
    g->flags[g->len] = 0;
    g->by_start[g->len] = (uint32_t)g->len;
    g->len++;
    return true;
}

/* The default order backwards, so that new runs come last. */
static int start_compare(const void *pa, const void *pb, void *arg)
{
    const struct index_group *g = arg;
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    if (g->starts[a] != g->starts[b])
        return g->starts[a] < g->starts[b] ? -1 : 1;
    return str_cmp(texts_get(&g->ids->texts, g->ids->codes[b]), texts_get(&g->ids->texts, g->ids->codes[a]));
}

/* Puts the slots from `from` on, which stand at the end, where they belong. */
static void sort_new(struct index_group *g, size_t from)
{
    bool all = g->len - from > MANY_NEW;
    if (from == g->len)
        return;
    if (all)
        qsort_r(g->by_start, g->len, sizeof *g->by_start, start_compare, g);
    for (size_t i = from; !all && i < g->len; i++) {
        uint32_t slot = g->by_start[i];
        size_t lo = 0, hi = i;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (start_compare(&g->by_start[mid], &slot, g) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        memmove(&g->by_start[lo + 1], &g->by_start[lo], (i - lo) * sizeof *g->by_start);
        g->by_start[lo] = slot;
    }
    for (size_t i = 0; i < g->len; i++)
        g->places[g->by_start[i]] = (uint32_t)i;
}

static enum err load(struct op *op, struct db_tx *tx, struct index_group *g, int64_t newest)
{
    group_clear(g);
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_index_runs, DB_ARGS(DB_I64(g->experiment)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        if (!append(g, db_col_i64(tx, rows, 0), db_col_str(tx, rows, 1), db_col_i64(tx, rows, 2))) {
            e = no_memory(op);
            break;
        }
        g->ends[g->len - 1] = db_col_i64(tx, rows, 3);
        g->flags[g->len - 1] = flags_of(db_col_i64(tx, rows, 4), db_col_i64(tx, rows, 5) != 0, !db_col_null(tx, rows, 3));
    }
    db_end(tx, rows);
    if (e) {
        group_clear(g);
        return e;
    }
    sort_new(g, 0);
    g->loaded = true;
    g->low = g->high = newest;
    return OK;
}

/* ---- columns ---- */

static const struct sql *fetch_sql(const struct index_need *need)
{
    switch (need->entity) {
    case FILTER_METRIC:
        return &sql_track_index_metric;
    case FILTER_PARAM:
        return &sql_track_index_param;
    case FILTER_TAG:
        return &sql_track_index_tag;
    case FILTER_DATASET:
        return &sql_track_index_uses;
    default:
        return need->attr == RUN_ATTR_NAME ? &sql_track_index_names : need->attr == RUN_ATTR_USER ? &sql_track_index_users : &sql_track_index_uris;
    }
}

static bool put_row(struct column *c, size_t slot, struct db_tx *tx, struct db_rows *rows)
{
    if (c->entity == FILTER_METRIC) {
        column_put_real(c, slot, db_col_i64(tx, rows, 2) ? (double)NAN : store_to_f64(db_col_i64(tx, rows, 1)));
        return true;
    }
    if (c->entity != FILTER_DATASET)
        return column_put_text(c, slot, db_col_str(tx, rows, 1));
    struct str context = db_col_str(tx, rows, 3);
    return column_add_use(c, slot, db_col_str(tx, rows, 1), db_col_str(tx, rows, 2), db_col_null(tx, rows, 3) ? NULL : &context);
}

enum err group_fetch(struct op *op, struct db_tx *tx, int64_t experiment, const int64_t *known, size_t n, const struct index_need *need, struct column **ret)
{
    struct column *c = column_create(need->entity, need->attr, need->key);
    if (!c || !column_grow(c, n)) {
        column_destroy(c);
        return no_memory(op);
    }
    struct db_rows *rows = NULL;
    bool keyed = need->entity != FILTER_ATTRIBUTE && need->entity != FILTER_DATASET;
    enum err e = db_query(op, tx, fetch_sql(need), (struct db_val[]){DB_I64(experiment), DB_TEXT(need->key)}, keyed ? 2 : 1, &rows);
    bool more = false;
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        size_t slot = group_slot(known, n, db_col_i64(tx, rows, 0));
        if (slot != SIZE_MAX && !put_row(c, slot, tx, rows))
            e = no_memory(op);
    }
    if (rows)
        db_end(tx, rows);
    if (e) {
        column_destroy(c);
        return e;
    }
    *ret = c;
    return OK;
}

enum err group_attach(struct op *op, struct index_group *g, int64_t newest, struct column *c)
{
    if (group_column(g, c->entity, c->attr, c->key)) {
        column_destroy(c);
        return OK;
    }
    bool room = g->column_count < g->column_cap;
    if (!room && resize(&g->columns, g->column_cap ? g->column_cap * 2 : 8, sizeof *g->columns)) {
        g->column_cap = g->column_cap ? g->column_cap * 2 : 8;
        room = true;
    }
    if (!room || !column_grow(c, g->len)) {
        column_destroy(c);
        return no_memory(op);
    }
    g->columns[g->column_count++] = c;
    if (newest < g->low)
        g->low = newest;
    return OK;
}

void group_drop(struct index_group *g, size_t i)
{
    column_destroy(g->columns[i]);
    g->columns[i] = g->columns[--g->column_count];
}

/* ---- changes ---- */

struct changes {
    int64_t experiment;
    VEC(int64_t) rows;
    int64_t seen[256]; /* drops most repeats at once */
    bool all;
};

static enum err note_change(struct op *op, void *arg, int64_t run_row, int64_t experiment)
{
    struct changes *c = arg;
    int64_t *seen = &c->seen[(uint64_t)run_row % ARRAY_LEN(c->seen)];
    if (run_row == 0 && experiment == c->experiment)
        c->all = true;
    if (run_row == 0 || *seen == run_row)
        return OK;
    *seen = run_row;
    int64_t *slot = vec_push(&c->rows, op->arena);
    if (slot)
        *slot = run_row;
    else
        c->all = true;
    return OK;
}

static int row_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t count_of(const struct index_group *g, enum filter_entity entity)
{
    size_t n = 0;
    for (size_t i = 0; i < g->column_count; i++)
        n += g->columns[i]->entity == entity;
    return n;
}

/* Metrics of a run. */
static enum err update_metrics(struct op *op, struct db_tx *tx, struct index_group *g, size_t slot)
{
    struct track_metric *all = NULL;
    size_t n = 0;
    bool each = count_of(g, FILTER_METRIC) <= POINT_LOOKUPS;
    enum err e = each ? OK : metric_load_latest(op, tx, g->rows[slot], &all, &n);
    for (size_t i = 0; !e && i < g->column_count; i++) {
        struct column *c = g->columns[i];
        bool found = false;
        double v = 0;
        if (c->entity != FILTER_METRIC)
            continue;
        if (each)
            e = metric_latest(op, tx, g->rows[slot], c->key, &found, &v);
        for (size_t k = 0; k < n && !found; k++) {
            found = str_eq(all[k].key, c->key);
            v = all[k].value;
        }
        if (found)
            column_put_real(c, slot, v);
        else if (!e)
            column_absent(c, slot);
    }
    return e;
}

/* Parameters or tags of a run. */
static enum err update_texts(struct op *op, struct db_tx *tx, struct index_group *g, size_t slot, enum filter_entity entity)
{
    struct track_kvs all = {0};
    bool each = count_of(g, entity) <= POINT_LOOKUPS, tag = entity == FILTER_TAG;
    enum err e = each ? OK : store_kvs(op, tx, tag ? &sql_track_tags : &sql_track_params, g->rows[slot], &all);
    for (size_t i = 0; !e && i < g->column_count; i++) {
        struct column *c = g->columns[i];
        bool found = false;
        struct str v = {0};
        if (c->entity != entity)
            continue;
        if (each)
            e = store_find_text(op, tx, tag ? &sql_track_tag_get : &sql_track_param_get, g->rows[slot], c->key, &found, &v);
        for (size_t k = 0; k < all.len && !found; k++) {
            found = str_eq(all.p[k].key, c->key);
            v = all.p[k].value;
        }
        if (!found && !e)
            column_absent(c, slot);
        else if (!e && !column_put_text(c, slot, v))
            e = no_memory(op);
    }
    return e;
}

static enum err update_uses(struct op *op, struct db_tx *tx, struct index_group *g, size_t slot)
{
    struct column *c = group_column(g, FILTER_DATASET, 0, STR(""));
    if (!c)
        return OK;
    column_absent(c, slot);
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_index_uses_of_run, DB_ARGS(DB_I64(g->rows[slot])), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        if (!put_row(c, slot, tx, rows)) {
            e = no_memory(op);
            break;
        }
    }
    db_end(tx, rows);
    return e;
}

static enum err update_attributes(struct op *op, struct index_group *g, size_t slot, const struct track_run *r)
{
    g->ends[slot] = r->end_ms;
    g->flags[slot] = flags_of((int64_t)r->status, r->deleted, r->has_end);
    for (size_t i = 0; i < g->column_count; i++) {
        struct column *c = g->columns[i];
        if (c->entity == FILTER_ATTRIBUTE &&
            !column_put_text(c, slot, c->attr == RUN_ATTR_NAME ? r->name : c->attr == RUN_ATTR_USER ? r->user_id : r->artifact_uri))
            return no_memory(op);
    }
    return OK;
}

/* A number comes back when the newest run is purged and another is made. */
static bool is_other_run(const struct index_group *g, size_t slot, const struct track_run *r)
{
    return !str_eq(texts_get(&g->ids->texts, g->ids->codes[slot]), r->run_id) || g->starts[slot] != r->start_ms;
}

/* The run as it is now; *ret_anew: the slots have to be numbered anew, because its own would not be the last one, or
 * belongs to another run. */
static enum err update_run(struct op *op, struct db_tx *tx, struct index_group *g, int64_t row, bool *ret_anew)
{
    struct db_rows *rows = NULL;
    struct track_run r = {0};
    bool there = false;
    enum err e = db_query(op, tx, &sql_track_run_by_id, DB_ARGS(DB_I64(row)), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &there);
    if (!e && there)
        track_run_row(op, tx, rows, &r);
    db_end(tx, rows);
    if (e)
        return e;
    size_t slot = group_slot(g->rows, g->len, row);
    if (!there || r.experiment_id != g->experiment) {
        if (slot != SIZE_MAX)
            g->flags[slot] |= INDEX_GONE;
        return OK;
    }
    *ret_anew = slot == SIZE_MAX ? g->len > 0 && g->rows[g->len - 1] > row : is_other_run(g, slot, &r);
    if (*ret_anew)
        return OK;
    if (slot == SIZE_MAX) {
        if (!append(g, row, r.run_id, r.start_ms))
            return no_memory(op);
        slot = g->len - 1;
    }
    e = update_attributes(op, g, slot, &r);
    if (!e)
        e = update_metrics(op, tx, g, slot);
    if (!e)
        e = update_texts(op, tx, g, slot, FILTER_PARAM);
    if (!e)
        e = update_texts(op, tx, g, slot, FILTER_TAG);
    return e ? e : update_uses(op, tx, g, slot);
}

/* Applies the changes of `rows`, which ascend and may repeat, in a memory of its own. */
static enum err update_runs(struct op *op, struct db_tx *tx, struct index_group *g, const int64_t *rows, size_t n, bool *ret_anew)
{
    AUTO(arena) struct arena *memory = arena_create(SCRATCH_BYTES);
    struct op scratch = *op;
    scratch.arena = memory;
    size_t before = g->len;
    enum err e = OK;
    for (size_t i = 0; !e && i < n && !*ret_anew; i++) {
        if (i && rows[i] == rows[i - 1])
            continue;
        e = update_run(&scratch, tx, g, rows[i], ret_anew);
        if (e)
            e = op_fail(op, e, "%s", scratch.msg ? scratch.msg : "a changed run could not be read");
        arena_reset(memory);
    }
    sort_new(g, before);
    return e;
}

enum err group_refresh(struct op *op, struct db_tx *tx, struct index_group *g, int64_t oldest, int64_t newest)
{
    if (!g->loaded || oldest > g->low + 1)
        return load(op, tx, g, newest);
    if (g->low == newest)
        return OK;
    struct changes *c = op_new(op, struct changes);
    c->experiment = g->experiment;
    enum err e = track_change_read(op, tx, g->low, note_change, c);
    if (e)
        return e;
    if (c->all || (c->rows.len > MANY_CHANGES && c->rows.len > g->len / 2))
        return load(op, tx, g, newest);
    if (c->rows.len > 1)
        qsort(c->rows.p, c->rows.len, sizeof *c->rows.p, row_compare);
    for (size_t i = 0; i < g->column_count; i++) {
        if (column_is_stale(g->columns[i]) || (g->columns[i]->entity == FILTER_DATASET && c->rows.len > MANY_USES_CHANGES))
            group_drop(g, i--);
    }
    bool anew = false;
    g->high = newest;
    e = update_runs(op, tx, g, c->rows.p, c->rows.len, &anew);
    if (e == E_TOO_LARGE)
        group_clear(g);
    if (anew)
        return load(op, tx, g, newest);
    if (!e)
        g->low = newest;
    return e;
}
