/* Names are gathered from the rows of few runs, because no index of the database leads from a name to its runs and one would cost every write. Each
 * experiment is asked for its newest runs, and for its oldest where these are not all; what the answers say of one name is put together in a map. Counts add
 * up exactly for whole experiments; of values only the VALUES_KEPT first of each answer are remembered, which come by their frequency. */
#include "core/track/run_keys.h"

#include "base/map.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <stdlib.h>

#define VALUES_KEPT 32

/* A name while it is gathered. */
struct gathered {
    struct run_key key;
    struct run_key_value values[VALUES_KEPT];
    size_t value_count;
    int64_t here; /* values in the present answer */
};
struct kind {
    struct map names; /* to struct gathered */
    VEC(struct gathered *) all;
    bool more;
};
struct keys {
    const int64_t *experiments;
    size_t n;
    bool some;        /* of all experiments */
    struct kind kinds[3];
    int64_t looked, runs; /* runs: more than `looked` if there are more */
};
static const struct sql *const newest[] = {&sql_run_keys_metrics, &sql_run_keys_params, &sql_run_keys_tags};
static const struct sql *const oldest[] = {&sql_run_keys_metrics_oldest, &sql_run_keys_params_oldest, &sql_run_keys_tags_oldest};

/* NULL: one name too many (`more` is set), or no memory (op has failed). */
static struct gathered *name_get(struct op *op, struct kind *k, struct str key)
{
    struct gathered *g = map_find(&k->names, key);
    if (g)
        return g;
    k->more = k->all.len == LIMIT_TRACK_KEYS;
    if (k->more)
        return NULL;
    g = op_new(op, struct gathered);
    g->key.key = str_dup(op->arena, key);
    struct gathered **slot = vec_push(&k->all, op->arena);
    if (!slot || !map_put(&k->names, g->key.key, g)) {
        (void)op_fail(op, E_TOO_LARGE, "too many names");
        return NULL;
    }
    *slot = g;
    return g;
}

static void value_add(struct op *op, struct gathered *g, struct str text, int64_t count)
{
    g->here++;
    text = str_sub(text, 0, LIMIT_TRACK_FIND_BYTES);
    text.len = str_utf8_prefix(text);
    for (size_t i = 0; i < g->value_count; i++) {
        if (str_eq(g->values[i].text, text)) {
            g->values[i].count += count;
            return;
        }
    }
    if (g->value_count < VALUES_KEPT)
        g->values[g->value_count++] = (struct run_key_value){str_dup(op->arena, text), count};
}

static void answer_end(struct kind *k)
{
    for (size_t i = 0; i < k->all.len; i++) {
        struct gathered *g = k->all.p[i];
        g->key.distinct = g->here > g->key.distinct ? g->here : g->key.distinct;
        g->here = 0;
    }
}

static enum err gather(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t experiment, int64_t runs, bool values, struct kind *k)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, DB_ARGS(DB_I64(experiment), DB_I64(runs)), &rows);
    bool more = false;
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct gathered *g = name_get(op, k, db_col_str(tx, rows, 0));
        if (!g && op->err)
            e = op->err;
        if (!g)
            continue;
        g->key.count += db_col_i64(tx, rows, 2);
        if (values)
            value_add(op, g, db_col_str(tx, rows, 1), db_col_i64(tx, rows, 2));
    }
    if (rows)
        db_end(tx, rows);
    answer_end(k);
    return e;
}

static enum err experiment_gather(struct op *op, struct db_tx *tx, struct keys *s, int64_t experiment)
{
    int64_t share = LIMIT_TRACK_KEY_SAMPLE / (int64_t)s->n;
    struct db_val count; /* as far as it matters here */
    enum err e = db_query_one(op, tx, &sql_run_count_up_to, DB_ARGS(DB_I64(experiment), DB_I64(2 * share + 1)), &count, 1);
    if (e)
        return e;
    int64_t all = count.i, first = all < share ? all : share, last = all - first < share ? all - first : share;
    for (size_t k = 0; !e && k < ARRAY_LEN(newest); k++) {
        e = gather(op, tx, newest[k], experiment, first, k > 0, &s->kinds[k]);
        if (!e && last)
            e = gather(op, tx, oldest[k], experiment, last, k > 0, &s->kinds[k]);
    }
    s->runs += all;
    s->looked += first + last;
    return e;
}

static enum err counts_read(struct op *op, struct db_tx *tx, struct run_count **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    VEC(struct run_count) all = {0};
    bool more = false;
    enum err e = db_query(op, tx, &sql_run_counts, DB_NO_ARGS, &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct run_count *c = vec_push(&all, op->arena);
        if (!c || store_room(op, 0)) {
            e = op_fail(op, E_TOO_LARGE, "too many experiments");
            break;
        }
        *c = (struct run_count){.experiment = db_col_i64(tx, rows, 0), .name = db_col_dup(op, tx, rows, 1), .deleted = db_col_i64(tx, rows, 2) != 0,
                                .created_ms = db_col_i64(tx, rows, 3), .last_ms = db_col_i64(tx, rows, 4)};
    }
    if (rows)
        db_end(tx, rows);
    if (!e) {
        *ret = all.p;
        *ret_len = all.len;
    }
    return e;
}

static int count_compare(const void *pa, const void *pb)
{
    const struct run_count *a = pa, *b = pb;
    return (a->last_ms < b->last_ms) - (a->last_ms > b->last_ms);
}

/* Those whose runs are the newest. */
static enum err choose(struct op *op, struct db_tx *tx, struct keys *s)
{
    struct run_count *all = NULL;
    size_t n = 0;
    enum err e = counts_read(op, tx, &all, &n);
    int64_t *ids = e ? NULL : arena_array(op->arena, LIMIT_TRACK_DATASET_EXPERIMENTS, int64_t);
    if (!ids)
        return e ? e : op_fail(op, E_TOO_LARGE, "too many experiments");
    if (n > 1)
        qsort(all, n, sizeof *all, count_compare);
    for (size_t i = 0; i < n; i++) {
        bool has = all[i].last_ms && !all[i].deleted, room = s->n < LIMIT_TRACK_DATASET_EXPERIMENTS;
        s->some = s->some || (has && !room);
        if (has && room)
            ids[s->n++] = all[i].experiment;
    }
    s->experiments = ids;
    return OK;
}

static enum err keys_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct keys *s = arg;
    enum err e = s->n ? OK : choose(op, tx, s);
    for (size_t i = 0; !e && i < s->n; i++)
        e = experiment_gather(op, tx, s, s->experiments[i]);
    return e;
}

static int value_compare(const void *pa, const void *pb)
{
    const struct run_key_value *a = pa, *b = pb;
    return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : str_cmp(a->text, b->text);
}

static int key_compare(const void *pa, const void *pb)
{
    const struct run_key *a = pa, *b = pb;
    return str_cmp(a->key, b->key);
}

static enum err list_make(struct op *op, struct kind *k, struct run_key_list *ret)
{
    *ret = (struct run_key_list){.p = arena_array(op->arena, k->all.len + 1, struct run_key), .len = k->all.len, .more = k->more};
    if (!ret->p)
        return op_fail(op, E_TOO_LARGE, "too many names");
    for (size_t i = 0; i < ret->len; i++) {
        struct gathered *g = k->all.p[i];
        if (g->value_count > 1)
            qsort(g->values, g->value_count, sizeof *g->values, value_compare);
        g->key.value_count = g->value_count < LIMIT_TRACK_KEY_VALUES ? g->value_count : LIMIT_TRACK_KEY_VALUES;
        memcpy(g->key.values, g->values, g->key.value_count * sizeof *g->values);
        ret->p[i] = g->key;
    }
    if (ret->len > 1)
        qsort(ret->p, ret->len, sizeof *ret->p, key_compare);
    return OK;
}

enum err run_keys_list(struct op *op, struct db *db, const int64_t *experiments, size_t n, struct run_keys *ret)
{
    if (n > LIMIT_TRACK_DATASET_EXPERIMENTS)
        return op_fail_field(op, "experiments", "'experiments' names more than %d", LIMIT_TRACK_DATASET_EXPERIMENTS);
    struct keys *s = op_new(op, struct keys);
    s->experiments = experiments;
    s->n = n;
    for (size_t k = 0; k < ARRAY_LEN(s->kinds); k++)
        map_init(&s->kinds[k].names, op->arena);
    enum err e = db_read(op, db, keys_tx, s);
    struct run_keys out = {.runs = s->looked, .whole = s->looked == s->runs && !s->some};
    struct run_key_list *lists[] = {&out.metrics, &out.params, &out.tags};
    for (size_t k = 0; !e && k < ARRAY_LEN(lists); k++)
        e = list_make(op, &s->kinds[k], lists[k]);
    if (!e)
        *ret = out;
    return e;
}

struct counts {
    struct run_count *p;
    size_t len;
    bool all; /* of runs as well */
};

/* `p` is in descending order of the experiments. */
static struct run_count *count_find(const struct counts *c, int64_t experiment)
{
    size_t lo = 0, hi = c->len;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (c->p[middle].experiment > experiment)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < c->len && c->p[lo].experiment == experiment ? &c->p[lo] : NULL;
}

static enum err running_read(struct op *op, struct db_tx *tx, const struct counts *c)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_run_running_counts, DB_NO_ARGS, &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct run_count *x = count_find(c, db_col_i64(tx, rows, 0));
        if (x)
            x->running = db_col_i64(tx, rows, 1);
    }
    if (rows)
        db_end(tx, rows);
    return e;
}

static enum err counts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct counts *c = arg;
    enum err e = counts_read(op, tx, &c->p, &c->len);
    if (!e)
        e = running_read(op, tx, c);
    for (size_t i = 0; !e && c->all && i < c->len; i++) {
        struct db_val n;
        e = db_query_one(op, tx, &sql_run_count_of, DB_ARGS(DB_I64(c->p[i].experiment)), &n, 1);
        c->p[i].runs = e ? 0 : n.i;
    }
    return e;
}

enum err run_counts_list(struct op *op, struct db *db, struct run_index *index, struct run_count **ret, size_t *ret_len)
{
    struct counts c = {.all = !index};
    enum err e = db_read(op, db, counts_tx, &c);
    for (size_t i = 0; !e && index && i < c.len; i++) {
        struct run_page page;
        e = c.p[i].last_ms == 0 ? OK : run_search(op, db, &(struct run_query){.experiments = &c.p[i].experiment, .experiment_count = 1, .view = TRACK_VIEW_ACTIVE, .count_only = true, .index = index}, &page);
        c.p[i].runs = e || c.p[i].last_ms == 0 ? 0 : page.total;
    }
    if (!e) {
        *ret = c.p;
        *ret_len = c.len;
    }
    return e;
}
