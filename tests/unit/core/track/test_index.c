/* The index against the row-by-row search: random runs, changes, filters and orders, one answer. */
#include "unit/core/track/fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/thread.h"
#include "core/track/change.h"
#include "core/track/experiment.h"
#include "core/track/index.h"
#include "core/track/index_group.h"
#include "core/track/index_select.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/run_scan.h"
#include "core/track/run_search.h"

#define EXPERIMENTS 3

struct world {
    struct fixture *f;
    uint64_t seed;
    int64_t experiments[EXPERIMENTS];
    struct str runs[2000]; /* ids */
    size_t run_count;
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33) % n;
}

static struct str pick(struct world *w, const char *const *from, uint32_t n)
{
    return str_from(from[roll(w, n)]);
}

static const char *const words[] = {"a", "b", "A", "adam", "sgd", "", "x%y", "x_y", "it''s", "Zebra", "zebra", "\xc3\xa9t\xc3\xa9", "0.1", "aaaaaaaab", "aaaaaaaac"};
#define WORD(w) pick(w, words, ARRAY_LEN(words))
static const char *const keys[] = {"k0", "k1", "k2", "k3"};
#define KEY(w) pick(w, keys, ARRAY_LEN(keys))

static double real(struct world *w)
{
    static const double some[] = {0, -0.0, 1, -1, 0.5, 1e300, -1e-300, 2, 3};
    uint32_t i = roll(w, ARRAY_LEN(some) + 3);
    return i < ARRAY_LEN(some) ? some[i] : i == ARRAY_LEN(some) ? (double)NAN : (double)roll(w, 100) / 10;
}

static void add_run(struct world *w)
{
    struct op *op = &w->f->op;
    struct track_run r;
    struct track_kv tag = {KEY(w), WORD(w)};
    struct str name = roll(w, 2) ? str_from(op_printf(op, "run-%u", roll(w, 50))) : STR("same");
    assert_ok(op, track_run_create(op, w->f->db, w->experiments[roll(w, EXPERIMENTS)], name, pick(w, keys, 3),
                                   roll(w, 20), &tag, roll(w, 2), &r));
    w->runs[w->run_count++] = str_dup(op->arena, r.run_id);
}

/* Something happens to a run. */
static void change(struct world *w)
{
    static const enum track_run_status states[] = {TRACK_RUN_FINISHED, TRACK_RUN_FAILED, TRACK_RUN_KILLED, TRACK_RUN_RUNNING};
    struct op *op = &w->f->op;
    struct db *db = w->f->db;
    struct str id = w->runs[roll(w, (uint32_t)w->run_count)];
    struct track_metric m = {.key = KEY(w), .value = real(w), .time_ms = roll(w, 5), .step = roll(w, 5)};
    struct track_kv kv = {KEY(w), WORD(w)};
    struct track_kv context = {STR("mlflow.data.context"), pick(w, (const char *const[]){"train", "test"}, 2)};
    struct track_dataset d = {.name = pick(w, (const char *const[]){"d1", "d2"}, 2), .digest = KEY(w), .source_type = STR("t"),
                              .source = STR("s"), .tags = {&context, roll(w, 2)}};
    struct track_batch b = {.run_id = id, .metrics = &m, .metric_count = roll(w, 2), .params = &kv, .param_count = roll(w, 2)};
    struct track_run r;
    int64_t end = roll(w, 10);
    switch (roll(w, 12)) {
    case 0:
        (void)!track_run_update(op, db, id, &states[roll(w, 4)], roll(w, 2) ? &end : NULL, STR(""), &r);
        break;
    case 1:
        (void)!track_run_set_tag(op, db, id, kv.key, kv.value);
        break;
    case 2:
        (void)!track_run_delete_tag(op, db, id, kv.key);
        break;
    case 3:
        (void)!input_log(op, db, id, &d, 1, NULL, 0);
        break;
    case 4:
        (void)!(roll(w, 2) ? track_run_delete(op, db, id) : track_run_restore(op, db, id));
        break;
    case 5:
        (void)!track_run_update(op, db, id, NULL, NULL, WORD(w), &r);
        break;
    default:
        (void)!metric_log_batch(op, db, &b);
    }
    op_clear(op);
}

static void quoted(struct world *w, struct buf *b)
{
    buf_addf(b, "'%s'", words[roll(w, ARRAY_LEN(words))]);
}

static void clause(struct world *w, struct buf *b)
{
    static const char *const texts[] = {"=", "!=", "LIKE", "ILIKE"};
    static const char *const numbers[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char *const attrs[] = {"run_name", "user_id", "status", "artifact_uri"};
    switch (roll(w, 9)) {
    case 0:
    case 1:
        buf_addf(b, "metrics.%s %s %g", keys[roll(w, 4)], numbers[roll(w, 6)], (double)roll(w, 40) / 10 - 1);
        break;
    case 2:
        buf_addf(b, "%s %s %u", roll(w, 2) ? "start_time" : "end_time", numbers[roll(w, 6)], roll(w, 20));
        break;
    case 3:
        buf_addf(b, "%s.%s IS %sNULL", roll(w, 2) ? "params" : "tags", keys[roll(w, 4)], roll(w, 2) ? "NOT " : "");
        break;
    case 4:
        buf_addf(b, "datasets.%s %s '%s'", roll(w, 2) ? "name" : "context", texts[roll(w, 4)], roll(w, 2) ? "d1" : "t%");
        break;
    case 5:
        buf_addf(b, "run_id %sIN ('%s', '%s')", roll(w, 2) ? "NOT " : "", w->runs[roll(w, (uint32_t)w->run_count)].p,
                 w->runs[roll(w, (uint32_t)w->run_count)].p);
        break;
    case 6:
        buf_addf(b, "%s %s '%s'", attrs[roll(w, 4)], texts[roll(w, 4)], roll(w, 2) ? "%1%" : roll(w, 2) ? "FINISHED" : "same");
        break;
    default:
        buf_addf(b, "%s.%s %s ", roll(w, 2) ? "params" : "tags", keys[roll(w, 4)], texts[roll(w, 4)]);
        quoted(w, b);
    }
}

static struct str filter(struct world *w, struct buf *b)
{
    buf_reset(b);
    uint32_t n = roll(w, 4);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_add_cstr(b, roll(w, 3) ? " AND " : " OR ");
        bool open = i + 1 < n && !roll(w, 4);
        if (open) {
            buf_add_cstr(b, "(");
            clause(w, b);
            buf_add_cstr(b, " OR ");
            clause(w, b);
            buf_add_cstr(b, ")");
        } else {
            clause(w, b);
        }
    }
    return str_dup(w->f->op.arena, buf_str(b));
}

static size_t order(struct world *w, struct str *ret)
{
    static const char *const by[] = {"metrics.k0", "metrics.k1", "params.k0", "params.k1", "tags.k2", "tags.k3", "start_time",
                                     "end_time", "status", "run_name", "user_id", "run_id", "artifact_uri"};
    size_t n = roll(w, 4), first = roll(w, ARRAY_LEN(by));
    for (size_t i = 0; i < n; i++)
        ret[i] = str_from(op_printf(&w->f->op, "%s%s", by[(first + i * 5) % ARRAY_LEN(by)], roll(w, 3) == 0 ? " DESC" : roll(w, 2) ? " ASC" : ""));
    return n;
}

static struct str same(struct world *w, const struct run_query *q, struct run_index *x)
{
    struct op *op = &w->f->op;
    struct run_page rows, columns;
    struct run_query other = *q;
    assert_ok(op, run_search(op, w->f->db, q, &rows));
    other.index = x;
    assert_ok(op, run_search(op, w->f->db, &other, &columns));
    bool equal = rows.len == columns.len && str_eq(rows.next_token, columns.next_token) && (!q->count || rows.total == columns.total);
    for (size_t i = 0; equal && i < rows.len; i++)
        equal = str_eq(rows.runs[i].run_id, columns.runs[i].run_id) && rows.runs[i].metric_count == columns.runs[i].metric_count;
    if (!equal)
        fail_msg("filter '%.*s' order %zu '%.*s' page %lld: %zu and %zu runs, totals %lld and %lld", STR_FMT(q->filter), q->order_count,
                 STR_FMT(q->order_count ? q->order_by[0] : STR("")), (long long)q->max_results, rows.len, columns.len,
                 (long long)rows.total, (long long)columns.total);
    return rows.next_token;
}

static struct world *world_make(struct fixture *f, size_t runs)
{
    struct world *w = test_calloc(1, sizeof *w);
    w->f = f;
    w->seed = 20261123;
    for (int i = 1; i < EXPERIMENTS; i++)
        assert_ok(&f->op, experiment_create(&f->op, f->db, str_from(op_printf(&f->op, "x%d", i)), STR(""), NULL, 0, &w->experiments[i]));
    for (size_t i = 0; i < runs; i++)
        add_run(w);
    for (size_t i = 0; i < runs * 8; i++)
        change(w);
    return w;
}

static void one_case(struct world *w, struct run_index *x, struct buf *text)
{
    struct str by[4];
    struct run_query q = {.experiments = w->experiments, .view = (enum track_view)(1 + roll(w, 3))};
    q.filter = filter(w, text);
    q.order_by = by;
    q.order_count = order(w, by);
    q.experiment_count = 1 + roll(w, EXPERIMENTS);
    q.experiments += roll(w, (uint32_t)(EXPERIMENTS - q.experiment_count + 1));
    q.all_experiments = roll(w, 8) == 0;
    q.max_results = roll(w, 3) ? 1 + roll(w, 30) : 1000;
    q.count = roll(w, 2);
    if (roll(w, 2))
        q.page_token = str_from(op_printf(&w->f->op, "%s", (const char *[]){"", "eyJvZmZzZXQiOiAxMH0=", "eyJvZmZzZXQiOiAxMDB9"}[roll(w, 3)]));
    q.page_token = same(w, &q, x);
    if (roll(w, 2))
        change(w);
    if (q.page_token.len) /* the page behind it, by the last run's place */
        (void)same(w, &q, x);
}

static void differential(void **state)
{
    struct world *w = world_make(*state, 300);
    struct run_index *x = run_index_create(LIMIT_TRACK_INDEX_BYTES);
    AUTO(buf) struct buf text;
    buf_init(&text, LIMIT_MIB(1));
    struct arena *keep = w->f->op.arena;
    for (int i = 0; i < 3000; i++) {
        AUTO(arena) struct arena *scratch = arena_create(LIMIT_MIB(256));
        w->f->op.arena = scratch;
        for (uint32_t k = roll(w, 4); k > 0; k--)
            change(w);
        w->f->op.arena = keep;
        if (roll(w, 20) == 0)
            add_run(w);
        if (i % 1000 == 700) {
            assert_ok(&w->f->op, experiment_delete(&w->f->op, w->f->db, w->experiments[1]));
            assert_ok(&w->f->op, experiment_restore(&w->f->op, w->f->db, w->experiments[1]));
        }
        w->f->op.arena = scratch;
        one_case(w, x, &text);
        w->f->op.arena = keep;
    }
    assert_true(run_index_size(x) > 0);
    run_index_destroy(x);
    test_free(w);
}

static enum err note_tx(struct op *op, struct db_tx *tx, void *arg)
{
    enum err e = OK;
    for (int i = 0; !e && i < LIMIT_TRACK_CHANGES + 5000; i++)
        e = track_change_note(op, tx, *(int64_t *)arg);
    return e;
}

static enum err purge_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const struct sql sqls[] = {{.name = "p", .text = "DELETE FROM track_param WHERE run = ?1", .id = -1, .param_count = 1},
                                      {.name = "t", .text = "DELETE FROM track_tag WHERE run = ?1", .id = -1, .param_count = 1},
                                      {.name = "r", .text = "DELETE FROM track_run WHERE id = ?1", .id = -1, .param_count = 1}};
    enum err e = OK;
    for (size_t i = 0; !e && i < ARRAY_LEN(sqls); i++)
        e = db_exec(op, tx, &sqls[i], DB_ARGS(DB_I64(*(int64_t *)arg)), NULL);
    return e ? e : track_change_note(op, tx, *(int64_t *)arg);
}

/* A run that is purged is found no more, and a new one that gets its number is itself. */
static void purged(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct run_index *x = run_index_create(LIMIT_TRACK_INDEX_BYTES);
    struct world w = {.f = f};
    struct run_query q = {.experiments = w.experiments, .experiment_count = 1, .view = TRACK_VIEW_ALL, .max_results = 10, .count = true,
                          .filter = STR("params.k IS NULL OR params.k LIKE '%'")};
    struct track_run r, last, again;
    assert_ok(op, track_run_create(op, f->db, 0, STR("a"), STR("me"), 1, NULL, 0, &r));
    assert_ok(op, track_run_create(op, f->db, 0, STR("b"), STR("me"), 2, NULL, 0, &last));
    same(&w, &q, x);
    assert_ok(op, db_write(op, f->db, purge_tx, &last.row));
    same(&w, &q, x);
    assert_ok(op, track_run_create(op, f->db, 0, STR("c"), STR("me"), 0, NULL, 0, &again));
    assert_int_equal(again.row, last.row);
    same(&w, &q, x);
    assert_ok(op, db_write(op, f->db, purge_tx, &again.row));
    assert_ok(op, track_run_create(op, f->db, 0, STR("d"), STR("me"), 3, NULL, 0, &again));
    same(&w, &q, x);
    q.filter = str_from(op_printf(op, "run_id = '%.*s'", STR_FMT(again.run_id)));
    same(&w, &q, x);
    run_index_destroy(x);
}

/* A log that was trimmed past what the index has seen, and an index that finds no memory. */
static void starts_over(void **state)
{
    struct world *w = world_make(*state, 100);
    struct op *op = &w->f->op;
    struct run_index *x = run_index_create(LIMIT_TRACK_INDEX_BYTES), *tiny = run_index_create(20000), *none = run_index_create(0);
    struct run_query q = {.experiments = w->experiments, .experiment_count = EXPERIMENTS, .view = TRACK_VIEW_ALL, .max_results = 1000,
                          .filter = STR("params.k0 IS NOT NULL"), .count = true};
    same(w, &q, x);
    int64_t foreign = 1;
    change(w);
    add_run(w);
    assert_ok(op, db_write(op, w->f->db, note_tx, &foreign));
    same(w, &q, x);
    AUTO(buf) struct buf text;
    buf_init(&text, LIMIT_MIB(1));
    for (int i = 0; i < 300; i++) {
        change(w);
        one_case(w, tiny, &text);
        assert_true(run_index_size(tiny) <= 20000);
        one_case(w, none, &text);
    }
    assert_int_equal(run_index_size(none), 0);
    run_index_destroy(x);
    run_index_destroy(tiny);
    run_index_destroy(none);
    test_free(w);
}

struct crowd {
    struct fixture *f;
    struct run_index *x;
    const struct world *w;
    int number;
    size_t found;
};

/* Searches while others write and search. */
static void *crowd_thread(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 60; i++) {
        AUTO(arena) struct arena *a = arena_create(LIMIT_MIB(256));
        struct op op;
        op_init(&op, a);
        struct world w = *c->w;
        struct fixture f = {op, c->f->db};
        w.f = &f;
        w.seed = (uint64_t)(c->number * 1000 + i);
        if (c->number < 2) {
            change(&w);
            continue;
        }
        struct str by = STR("metrics.k1 DESC");
        struct run_query q = {.experiments = w.experiments, .experiment_count = EXPERIMENTS, .view = TRACK_VIEW_ALL, .max_results = 1000,
                              .order_by = &by, .order_count = roll(&w, 2), .index = c->x};
        if (roll(&w, 2))
            q.filter = STR("metrics.k0 > 0 OR params.k1 = 'a' OR run_name LIKE '%'");
        struct run_page p;
        if (run_search(&f.op, f.db, &q, &p))
            abort();
        c->found += p.len == w.run_count; /* whatever changes, all match */
    }
    return NULL;
}

static void crowded(void **state)
{
    struct world *w = world_make(*state, 60);
    struct run_index *x = run_index_create(LIMIT_TRACK_INDEX_BYTES);
    struct crowd c[6];
    pthread_t t[ARRAY_LEN(c)];
    for (int i = 0; i < (int)ARRAY_LEN(c); i++) {
        c[i] = (struct crowd){.f = *state, .x = x, .w = w, .number = i};
        t[i] = thread_start("crowd", crowd_thread, &c[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        thread_join(t[i]);
    for (size_t i = 2; i < ARRAY_LEN(c); i++)
        assert_int_equal(c[i].found, 60);
    run_index_destroy(x);
    test_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(differential), fixture_test(purged), fixture_test(starts_over), fixture_test(crowded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
