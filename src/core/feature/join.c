/* join.c - the point-in-time join.
 *
 * A naive join compares each row with the events of its key: O(rows x events per key). The kernel here is a merge:
 *  1. Events are ordered by available_at and rows by their instant (radix sort; sorted input costs one look).
 *  2. Per entity both are grouped by key with a stable counting sort, so within a key they stay ordered.
 *     A running count of flagged events goes along.
 *  3. Per key the rows are walked in order with one cursor at "available_at <= t" and one per window at
 *     "available_at <= t - W". Cursors only move forward. A window's count is the distance of two cursors
 *     and its flagged events the difference of two running counts: exact integers, no matter in which order
 *     the work is done or by how many threads.
 * O(n log n) at worst (radix: O(n)), O(n) memory, parallel over entities and ranges of keys. Every tally is then
 * turned into floats by feature_view_fill(), as the online index does. The idea of cursors over a time-ordered
 * group is that of a sort-merge ASOF join; DuckDB reads and writes the Parquet. */
#include "core/feature/join.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

#define SWEEP_PARTS 8 /* ranges of keys per entity */
#define THREADS_MAX 64

/* ---- kernel ---- */

/* One entity's events and rows, grouped by key. */
struct group {
    uint32_t *event_start; /* key_count + 1 */
    int64_t *at;           /* event instants, key by key, ascending within a key */
    uint32_t *flagged;     /* flagged among the first i of `at`; one more than events */
    uint32_t *row_start;   /* key_count + 1 */
    uint32_t *rows;        /* row numbers, key by key, ascending instants within a key */
};

struct kernel {
    const struct feature_view *view;
    const struct feature_join_input *in;
    struct feature_tally *const *tallies;
    const uint32_t *event_order, *row_order;
    struct group *groups;
    struct arena *arena; /* scratch; used by one thread only, before the others start */
    atomic_size_t next_job;
    bool sweeping; /* second phase */
};

/* The order of n keys, ascending and stable: least significant digit first, 11 bits a pass. NULL: no memory. */
static uint32_t *sort_order(struct arena *a, const int64_t *keys, size_t n)
{
    uint32_t *from = arena_array(a, n + 1, uint32_t);
    uint32_t *to = arena_array(a, n + 1, uint32_t);
    if (!from || !to)
        return NULL;
    int64_t min = INT64_MAX, max = INT64_MIN;
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        from[i] = (uint32_t)i;
        min = keys[i] < min ? keys[i] : min;
        max = keys[i] > max ? keys[i] : max;
        sorted = sorted && (!i || keys[i - 1] <= keys[i]);
    }
    if (sorted)
        return from;
    uint64_t span = (uint64_t)max - (uint64_t)min;
    for (unsigned shift = 0; shift < 64 && span >> shift; shift += 11) {
        uint32_t count[2048] = {0};
        for (size_t i = 0; i < n; i++)
            count[(((uint64_t)keys[i] - (uint64_t)min) >> shift) & 2047]++;
        uint32_t sum = 0;
        for (size_t d = 0; d < 2048; d++) {
            uint32_t c = count[d];
            count[d] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++)
            to[count[(((uint64_t)keys[from[i]] - (uint64_t)min) >> shift) & 2047]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* start[k]..start[k+1] will hold the items of key k; counts first, then sums. */
static void key_starts(const uint32_t *key, size_t n, uint32_t key_count, uint32_t *start)
{
    for (size_t i = 0; i < n; i++) {
        if (key[i] < key_count)
            start[key[i] + 1]++;
    }
    for (uint32_t k = 0; k < key_count; k++)
        start[k + 1] += start[k];
}

/* After placing items with start[k]++, start[k] is the end of k: shifts back to the beginnings. */
static void key_starts_restore(uint32_t *start, uint32_t key_count)
{
    memmove(start + 1, start, key_count * sizeof *start);
    start[0] = 0;
}

static void group_entity(struct kernel *k, size_t entity)
{
    const struct feature_join_input *in = k->in;
    struct group *g = &k->groups[entity];
    const uint32_t *event_key = in->event_key[entity], *row_key = in->row_key[entity];
    uint32_t key_count = in->key_count[entity];
    key_starts(event_key, in->event_n, key_count, g->event_start);
    /* `flagged` serves as the flag of each place first, then becomes the running count. */
    for (size_t i = 0; i < in->event_n; i++) {
        uint32_t ev = k->event_order[i];
        if (event_key[ev] >= key_count)
            continue;
        uint32_t at = g->event_start[event_key[ev]]++;
        g->at[at] = in->event_at[ev];
        g->flagged[at + 1] = in->event_flag[ev];
    }
    key_starts_restore(g->event_start, key_count);
    for (size_t i = 0; i < in->event_n; i++)
        g->flagged[i + 1] += g->flagged[i];
    key_starts(row_key, in->row_n, key_count, g->row_start);
    for (size_t i = 0; i < in->row_n; i++) {
        uint32_t row = k->row_order[i];
        if (row_key[row] < key_count)
            g->rows[g->row_start[row_key[row]]++] = row;
    }
    key_starts_restore(g->row_start, key_count);
}

static void sweep_key(struct kernel *k, size_t entity, uint32_t key)
{
    const struct feature_view *v = k->view;
    const struct group *g = &k->groups[entity];
    uint32_t end = g->event_start[key + 1];
    uint32_t high = g->event_start[key];
    uint32_t low[FEATURE_WINDOWS_MAX];
    for (size_t w = 0; w < v->window_len; w++)
        low[w] = high;
    for (uint32_t i = g->row_start[key]; i < g->row_start[key + 1]; i++) {
        uint32_t row = g->rows[i];
        int64_t t = k->in->row_t[row];
        while (high < end && g->at[high] <= t)
            high++;
        struct feature_tally *out = &k->tallies[entity][(size_t)row * v->window_len];
        for (size_t w = 0; w < v->window_len; w++) {
            int64_t from = t - v->windows[w].width_us;
            while (low[w] < high && g->at[low[w]] <= from)
                low[w]++;
            out[w] = (struct feature_tally){high - low[w], g->flagged[high] - g->flagged[low[w]]};
        }
    }
}

/* One of SWEEP_PARTS ranges of an entity's keys with about as many rows each. */
static void sweep_part(struct kernel *k, size_t entity, size_t part)
{
    const struct group *g = &k->groups[entity];
    uint32_t key_count = k->in->key_count[entity];
    uint64_t rows = g->row_start[key_count];
    uint64_t from = rows * part / SWEEP_PARTS, to = rows * (part + 1) / SWEEP_PARTS;
    /* A key belongs to the part in which its first row lies. */
    for (uint32_t key = 0; key < key_count; key++) {
        if (g->row_start[key] >= from && g->row_start[key] < to)
            sweep_key(k, entity, key);
    }
}

static void *kernel_work(void *arg)
{
    struct kernel *k = arg;
    size_t jobs = k->view->entity_len * (k->sweeping ? SWEEP_PARTS : 1);
    for (;;) {
        size_t job = atomic_fetch_add(&k->next_job, 1);
        if (job >= jobs)
            return NULL;
        if (k->sweeping)
            sweep_part(k, job / SWEEP_PARTS, job % SWEEP_PARTS);
        else
            group_entity(k, job);
    }
}

static void run_phase(struct kernel *k, int threads, bool sweeping)
{
    pthread_t others[THREADS_MAX];
    k->sweeping = sweeping;
    atomic_store(&k->next_job, 0);
    for (int i = 0; i + 1 < threads; i++)
        others[i] = thread_start("pit-join", kernel_work, k);
    kernel_work(k);
    for (int i = 0; i + 1 < threads; i++)
        thread_join(others[i]);
}

static bool kernel_alloc(struct kernel *k)
{
    const struct feature_join_input *in = k->in;
    k->groups = arena_array(k->arena, k->view->entity_len, struct group);
    bool ok = k->groups != NULL;
    for (size_t e = 0; ok && e < k->view->entity_len; e++) {
        struct group *g = &k->groups[e];
        g->event_start = arena_array(k->arena, (size_t)in->key_count[e] + 1, uint32_t);
        g->at = arena_array(k->arena, in->event_n + 1, int64_t);
        g->flagged = arena_array(k->arena, in->event_n + 1, uint32_t);
        g->row_start = arena_array(k->arena, (size_t)in->key_count[e] + 1, uint32_t);
        g->rows = arena_array(k->arena, in->row_n + 1, uint32_t);
        ok = g->event_start && g->at && g->flagged && g->row_start && g->rows;
    }
    return ok;
}

enum err feature_join_tally(struct op *op, const struct feature_view *view, const struct feature_join_input *in, int threads,
                            struct feature_tally *const *tallies)
{
    if (in->event_n >= UINT32_MAX || in->row_n >= UINT32_MAX)
        return op_fail(op, E_TOO_LARGE, "more than %u rows in one join", UINT32_MAX - 1);
    if (threads <= 0)
        threads = thread_cpu_count();
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    struct kernel k = {.view = view, .in = in, .tallies = tallies, .arena = arena_create(LIMIT_FEATURE_FRAME_BYTES)};
    k.event_order = sort_order(k.arena, in->event_at, in->event_n);
    k.row_order = sort_order(k.arena, in->row_t, in->row_n);
    enum err e = OK;
    if (!k.event_order || !k.row_order || !kernel_alloc(&k)) {
        e = op_fail(op, E_TOO_LARGE, "the join of %zu events and %zu rows needs too much memory", in->event_n, in->row_n);
    } else {
        run_phase(&k, threads, false);
        run_phase(&k, threads, true);
    }
    arena_destroy(k.arena);
    return e;
}

/* ---- reading ---- */

/* Dense codes for pairs of codes: open addressing on the packed pair. */
struct pair_map {
    uint64_t *keys; /* pair + 1, 0 = empty */
    uint32_t *codes;
    size_t slots;
    uint32_t len;
};

static void pair_map_free(struct pair_map *m)
{
    free(m->keys);
    free(m->codes);
}

static size_t pair_slot(const struct pair_map *m, uint64_t key)
{
    uint64_t h = key * 0x9e3779b97f4a7c15ULL;
    size_t i = (size_t)(h >> 20) & (m->slots - 1);
    while (m->keys[i] && m->keys[i] != key)
        i = (i + 1) & (m->slots - 1);
    return i;
}

static bool pair_map_grow(struct pair_map *m)
{
    struct pair_map bigger = {.slots = m->slots ? m->slots * 2 : 1024, .len = m->len};
    bigger.keys = calloc(bigger.slots, sizeof *bigger.keys);
    bigger.codes = calloc(bigger.slots, sizeof *bigger.codes);
    if (!bigger.keys || !bigger.codes) {
        pair_map_free(&bigger);
        return false;
    }
    for (size_t i = 0; i < m->slots; i++) {
        if (!m->keys[i])
            continue;
        size_t at = pair_slot(&bigger, m->keys[i]);
        bigger.keys[at] = m->keys[i];
        bigger.codes[at] = m->codes[i];
    }
    pair_map_free(m);
    *m = bigger;
    return true;
}

/* codes[i] becomes the code of (codes[i], more[i]); null if either is null. False: no memory. */
static bool combine_codes(uint32_t *codes, const uint32_t *more, size_t n, uint32_t *key_count)
{
    struct pair_map m = {0};
    for (size_t i = 0; i < n; i++) {
        if (codes[i] == UINT32_MAX || more[i] == UINT32_MAX) {
            codes[i] = UINT32_MAX;
            continue;
        }
        if ((size_t)(m.len + 1) * 2 > m.slots && !pair_map_grow(&m)) {
            pair_map_free(&m);
            return false;
        }
        uint64_t key = ((uint64_t)codes[i] << 32 | more[i]) + 1;
        size_t at = pair_slot(&m, key);
        if (!m.keys[at]) {
            m.keys[at] = key;
            m.codes[at] = m.len++;
        }
        codes[i] = m.codes[at];
    }
    *key_count = m.len;
    pair_map_free(&m);
    return true;
}

/* Columns of the loaded source, in this order; then keys, then numbers. */
enum { COL_ROW, COL_TIME, COL_AVAILABLE, COL_LABEL, COL_KEYS };

struct join {
    struct op *op;
    struct table_engine *tables;
    const struct feature_view *view;
    const struct feature_join_request *request;
    struct feature_join_result *result;
    struct arena *arena; /* the big arrays */
    struct frame *source;
    uint32_t **codes;    /* [entity][source row] */
    uint32_t *key_count;
    uint32_t *rows;      /* frame row -> source row */
    size_t row_n;
    struct feature_tally **tallies;
};

/* Rows of the range, events that a row of the range may see, and rows without a time (to be refused). */
static enum err source_sql(struct join *j, struct str *ret)
{
    const struct feature_view *v = j->view;
    struct str path = j->request->data_path.len ? j->request->data_path : v->source_path, from = {0};
    enum err e = table_source_sql(j->op, path, true, &from);
    if (e)
        return e;
    struct buf b;
    buf_init(&b, LIMIT_TABLE_SQL_BYTES);
    buf_addf(&b, "SELECT * FROM (SELECT CAST(file_row_number AS BIGINT) AS r, CAST(\"%.*s\" AS TIMESTAMP) AS t, CAST((%.*s\n) AS TIMESTAMP) AS a, CAST((%.*s\n) AS BOOLEAN) AS l",
             STR_FMT(v->timestamp_field), STR_FMT(v->available_at_sql), STR_FMT(v->label_sql));
    for (size_t i = 0; i < v->key_len; i++)
        buf_addf(&b, ", CAST(\"%.*s\" AS VARCHAR) AS k%zu", STR_FMT(v->keys[i]), i);
    for (size_t i = 0; i < v->number_len; i++)
        buf_addf(&b, ", CAST(\"%.*s\" AS DOUBLE) AS n%zu", STR_FMT(v->numbers[i]), i);
    buf_addf(&b, " FROM %.*s)", STR_FMT(from));
    int64_t start = j->request->start_us, end = j->request->end_us;
    if (start != INT64_MIN || end != INT64_MAX) {
        int64_t history = start == INT64_MIN ? INT64_MIN : start - v->windows[v->window_len - 1].width_us;
        const char *bounds = op_printf(j->op, " WHERE t IS NULL OR (epoch_us(t) >= %lld AND epoch_us(t) < %lld) OR (epoch_us(a) > %lld AND epoch_us(a) < %lld)",
                                       (long long)start, (long long)end, (long long)history, (long long)end);
        buf_add_cstr(&b, bounds);
    }
    if (b.failed)
        e = op_fail(j->op, E_TOO_LARGE, "the view's expressions are too long");
    else
        *ret = str_dup(j->op->arena, buf_str(&b));
    buf_clear(&b);
    return e;
}

static enum err no_memory(struct join *j)
{
    return op_fail(j->op, E_TOO_LARGE, "the join of %zu rows needs more than %zu bytes", j->source->rows, LIMIT_FEATURE_FRAME_BYTES);
}

static enum err code_entities(struct join *j)
{
    const struct feature_view *v = j->view;
    size_t n = j->source->rows;
    j->codes = arena_alloc(j->arena, v->entity_len * sizeof *j->codes);
    j->key_count = arena_alloc(j->arena, v->entity_len * sizeof *j->key_count);
    for (size_t e = 0; e < v->entity_len; e++) {
        const struct feature_entity *en = &v->entities[e];
        const struct frame_column *first = &j->source->cols[COL_KEYS + en->keys[0]];
        j->key_count[e] = (uint32_t)first->dict_len;
        j->codes[e] = arena_array(j->arena, n + 1, uint32_t);
        if (!j->codes[e])
            return no_memory(j);
        if (n)
            memcpy(j->codes[e], first->code, n * sizeof(uint32_t));
        for (size_t k = 1; k < en->key_len; k++) {
            if (!combine_codes(j->codes[e], j->source->cols[COL_KEYS + en->keys[k]].code, n, &j->key_count[e]))
                return no_memory(j);
        }
        j->result->keys += j->key_count[e];
    }
    return OK;
}

static enum err load_source(struct join *j)
{
    struct str sql = {0};
    enum err e = source_sql(j, &sql);
    if (!e)
        e = frame_load(j->op, j->tables, sql, LIMIT_FEATURE_FRAME_BYTES, &j->source);
    if (e)
        return op_context(j->op, "view '%.*s'", STR_FMT(j->view->name));
    j->result->source_rows = j->source->rows;
    const int64_t *t = j->source->cols[COL_TIME].i64;
    for (size_t i = 0; i < j->source->rows && j->source->cols[COL_TIME].null_count; i++) {
        if (t[i] == INT64_MIN)
            return op_fail(j->op, E_INVALID, "row %lld has no %.*s", (long long)j->source->cols[COL_ROW].i64[i], STR_FMT(j->view->timestamp_field));
    }
    return code_entities(j);
}

/* ---- the join of the loaded source ---- */

/* Splits the source into events and rows and tallies them. */
static enum err tally(struct join *j)
{
    const struct feature_view *v = j->view;
    const struct frame *f = j->source;
    const int64_t *t = f->cols[COL_TIME].i64, *a = f->cols[COL_AVAILABLE].i64, *label = f->cols[COL_LABEL].i64;
    uint32_t *events = arena_array(j->arena, f->rows + 1, uint32_t);
    j->rows = arena_array(j->arena, f->rows + 1, uint32_t);
    if (!events || !j->rows)
        return no_memory(j);
    size_t event_n = 0;
    for (size_t i = 0; i < f->rows; i++) {
        if (a[i] != INT64_MIN && label[i] != INT64_MIN)
            events[event_n++] = (uint32_t)i;
        if (t[i] >= j->request->start_us && t[i] < j->request->end_us)
            j->rows[j->row_n++] = (uint32_t)i;
    }
    int64_t *event_at = arena_array(j->arena, event_n + 1, int64_t);
    uint8_t *event_flag = arena_array(j->arena, event_n + 1, uint8_t);
    int64_t *row_t = arena_array(j->arena, j->row_n + 1, int64_t);
    const uint32_t **event_key = arena_alloc(j->arena, v->entity_len * sizeof *event_key);
    const uint32_t **row_key = arena_alloc(j->arena, v->entity_len * sizeof *row_key);
    j->tallies = arena_alloc(j->arena, v->entity_len * sizeof *j->tallies);
    if (!event_at || !event_flag || !row_t)
        return no_memory(j);
    for (size_t i = 0; i < event_n; i++) {
        event_at[i] = a[events[i]];
        event_flag[i] = (uint8_t)label[events[i]];
    }
    for (size_t i = 0; i < j->row_n; i++)
        row_t[i] = t[j->rows[i]];
    for (size_t e = 0; e < v->entity_len; e++) {
        uint32_t *ek = arena_array(j->arena, event_n + 1, uint32_t), *rk = arena_array(j->arena, j->row_n + 1, uint32_t);
        j->tallies[e] = arena_array(j->arena, j->row_n * v->window_len + 1, struct feature_tally);
        if (!ek || !rk || !j->tallies[e])
            return no_memory(j);
        for (size_t i = 0; i < event_n; i++)
            ek[i] = j->codes[e][events[i]];
        for (size_t i = 0; i < j->row_n; i++)
            rk[i] = j->codes[e][j->rows[i]];
        event_key[e] = ek;
        row_key[e] = rk;
    }
    j->result->events = event_n;
    struct feature_join_input in = {event_n, event_at, event_flag, event_key, j->row_n, row_t, row_key, j->key_count};
    return feature_join_tally(j->op, v, &in, j->request->threads, j->tallies);
}

/* ---- writing ---- */

struct out_column {
    union {
        int64_t i64[TABLE_CHUNK_ROWS];
        float f32[TABLE_CHUNK_ROWS];
        struct str s[TABLE_CHUNK_ROWS];
    };
    uint64_t valid[TABLE_CHUNK_ROWS / 64];
};

struct out {
    struct table_field *fields;
    struct table_column *cols;
    struct out_column *data;
    size_t len, first_feature;
    float *row;
    double *numbers;
    struct feature_tally *tallies;
};

static void out_field(struct out *o, struct str name, enum table_type type)
{
    o->fields[o->len] = (struct table_field){name, type};
    o->cols[o->len] = (struct table_column){.type = type, .data = o->data[o->len].i64, .valid = o->data[o->len].valid};
    o->len++;
}

static enum err out_init(struct join *j, struct out *o)
{
    const struct feature_view *v = j->view;
    size_t n = v->key_len + v->len + 4;
    *o = (struct out){.fields = arena_array(j->arena, n, struct table_field), .cols = arena_array(j->arena, n, struct table_column),
                      .data = arena_array(j->arena, n, struct out_column), .row = arena_array(j->arena, v->len, float),
                      .numbers = arena_array(j->arena, v->number_len + 1, double),
                      .tallies = arena_array(j->arena, v->entity_len * v->window_len, struct feature_tally)};
    if (!o->fields || !o->cols || !o->data || !o->row || !o->numbers || !o->tallies)
        return no_memory(j);
    if (v->id_field.len)
        out_field(o, v->id_field, TABLE_I64);
    out_field(o, v->timestamp_field, TABLE_TIMESTAMP);
    for (size_t i = 0; i < v->key_len; i++)
        out_field(o, v->keys[i], TABLE_STRING);
    o->first_feature = o->len;
    for (size_t i = 0; i < v->len; i++)
        out_field(o, v->features[i].name, TABLE_F32);
    out_field(o, STR("label"), TABLE_I64);
    out_field(o, STR("available_at"), TABLE_TIMESTAMP);
    return OK;
}

static void put_i64(struct out_column *c, size_t at, int64_t v)
{
    c->i64[at] = v;
    c->valid[at / 64] |= (uint64_t)(v != INT64_MIN) << (at % 64);
}

static void out_row(struct join *j, struct out *o, size_t row, size_t at)
{
    const struct feature_view *v = j->view;
    const struct frame_column *src = j->source->cols;
    uint32_t from = j->rows[row];
    size_t c = 0;
    if (v->id_field.len)
        put_i64(&o->data[c++], at, src[COL_ROW].i64[from]);
    put_i64(&o->data[c++], at, src[COL_TIME].i64[from]);
    for (size_t k = 0; k < v->key_len; k++, c++) {
        const struct frame_column *key = &src[COL_KEYS + k];
        bool known = key->code[from] != UINT32_MAX;
        o->data[c].s[at] = known ? key->dict[key->code[from]] : (struct str){"", 0};
        o->data[c].valid[at / 64] |= (uint64_t)known << (at % 64);
    }
    for (size_t e = 0; e < v->entity_len; e++)
        memcpy(&o->tallies[e * v->window_len], &j->tallies[e][row * v->window_len], v->window_len * sizeof *o->tallies);
    for (size_t i = 0; i < v->number_len; i++)
        o->numbers[i] = src[COL_KEYS + v->key_len + i].f64[from];
    feature_view_fill(v, src[COL_TIME].i64[from], o->numbers, o->tallies, o->row);
    for (size_t i = 0; i < v->len; i++, c++) {
        o->data[c].f32[at] = o->row[i];
        o->data[c].valid[at / 64] |= (uint64_t)!isnan(o->row[i]) << (at % 64);
    }
    put_i64(&o->data[c++], at, src[COL_LABEL].i64[from]);
    put_i64(&o->data[c++], at, src[COL_AVAILABLE].i64[from]);
    assert(c == o->len);
}

static enum err write_frame(struct join *j)
{
    struct out o;
    struct table_writer *w = NULL;
    enum err e = out_init(j, &o);
    if (!e)
        e = table_writer_open(j->op, j->tables, j->request->out_path, &(struct table_schema){o.fields, o.len}, &w);
    if (e)
        return e;
    for (size_t from = 0; !e && from < j->row_n; from += TABLE_CHUNK_ROWS) {
        size_t n = j->row_n - from < TABLE_CHUNK_ROWS ? j->row_n - from : TABLE_CHUNK_ROWS;
        for (size_t c = 0; c < o.len; c++)
            memset(o.data[c].valid, 0, sizeof o.data[c].valid);
        for (size_t i = 0; i < n; i++)
            out_row(j, &o, from + i, i);
        e = op_check_deadline(j->op);
        if (!e)
            e = table_append(j->op, j->tables, w, &(struct table_chunk){n, o.len, o.cols});
    }
    if (e) {
        table_discard(j->tables, w);
        return e;
    }
    return table_finish(j->op, j->tables, w, &j->result->rows);
}

enum err feature_join(struct op *op, struct table_engine *tables, const struct feature_view *view,
                      const struct feature_join_request *request, struct feature_join_result *ret)
{
    if (request->start_us > request->end_us)
        return op_fail(op, E_INVALID, "the range ends before it starts");
    struct feature_join_result result = {0};
    struct join j = {.op = op, .tables = tables, .view = view, .request = request, .result = &result,
                     .arena = arena_create(LIMIT_FEATURE_FRAME_BYTES)};
    int64_t t0 = time_mono_ns(), t1 = t0, t2 = t0;
    enum err e = load_source(&j);
    if (!e) {
        t1 = time_mono_ns();
        e = tally(&j);
    }
    if (!e) {
        t2 = time_mono_ns();
        e = write_frame(&j);
    }
    int64_t t3 = time_mono_ns();
    result.read_us = (t1 - t0) / 1000;
    result.kernel_us = (t2 - t1) / 1000;
    result.write_us = (t3 - t2) / 1000;
    frame_destroy(j.source);
    arena_destroy(j.arena);
    if (!e)
        *ret = result;
    return e;
}
