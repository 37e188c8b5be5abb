#include "unit/core/track/fixture.h"

#include "base/thread.h"
#include "core/track/metric.h"
#include "core/track/series_cache.h"

#include <math.h>
#include <stdlib.h>

static struct track_run new_run(struct fixture *f)
{
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r));
    return r;
}

static void log_range(struct fixture *f, struct str run, const char *key, int64_t first, int64_t count)
{
    static struct track_metric m[1000];
    for (int64_t at = 0; at < count; at += 1000) {
        int64_t n = count - at < 1000 ? count - at : 1000;
        for (int64_t i = 0; i < n; i++)
            m[i] = (struct track_metric){.key = str_from(key), .value = (double)(first + at + i), .time_ms = first + at + i, .step = first + at + i};
        struct track_batch b = {.run_id = run, .metrics = m, .metric_count = (size_t)n};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
}

struct look {
    struct series_cache *cache;
    struct str run, key;
    struct series *ret;
};

static enum err look_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct look *l = arg;
    return series_cache_get(op, l->cache, tx, l->run, l->key, l->ret);
}

static enum err look(struct op *op, struct db *db, struct series_cache *c, struct str run, struct str key, struct series *ret)
{
    struct look l = {c, run, key, ret};
    return db_read(op, db, look_tx, &l);
}

/* The cache's answer must be the database's, point by point. */
static void same(struct fixture *f, struct series_cache *c, struct str run, const char *key, size_t want)
{
    struct series a, b;
    struct str k = str_from(key);
    assert_ok(&f->op, look(&f->op, f->db, c, run, k, &a));
    assert_ok(&f->op, look(&f->op, f->db, NULL, run, k, &b));
    assert_int_equal(a.len, want);
    assert_int_equal(b.len, want);
    assert_int_equal(a.by_step, b.by_step);
    for (size_t i = 0; i < want; i++) {
        struct page_point p = series_point(&a, i), q = series_point(&b, i);
        assert_memory_equal(&p, &q, sizeof p);
    }
    series_release(&a);
    series_release(&b);
}

static void counters(struct series_cache *c, uint64_t hits, uint64_t appends, uint64_t loads)
{
    struct series_cache_stats s;
    series_cache_stats(c, &s);
    if (s.hits != hits || s.appends != appends || s.loads != loads)
        fail_msg("hits %llu, appends %llu, loads %llu", (unsigned long long)s.hits, (unsigned long long)s.appends, (unsigned long long)s.loads);
}

static void stays_right(void **state)
{
    struct fixture *f = *state;
    struct series_cache *c = series_cache_create(LIMIT_MIB(4));
    struct track_run r = new_run(f);
    log_range(f, r.run_id, "x", 1000, 6000);
    same(f, c, r.run_id, "x", 6000);
    counters(c, 0, 0, 1);
    same(f, c, r.run_id, "x", 6000);
    counters(c, 1, 0, 1);
    log_range(f, r.run_id, "x", 7000, 500);     /* at the end */
    same(f, c, r.run_id, "x", 6500);
    counters(c, 1, 1, 1);
    log_range(f, r.run_id, "x", 7000, 500);     /* duplicates change nothing */
    same(f, c, r.run_id, "x", 6500);
    counters(c, 2, 1, 1);
    struct track_metric late = {.key = STR("x"), .value = 0.5, .time_ms = 7100, .step = 7100};
    struct track_batch b = {.run_id = r.run_id, .metrics = &late, .metric_count = 1};
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b)); /* a little late */
    same(f, c, r.run_id, "x", 6501);
    counters(c, 2, 2, 1);
    late.time_ms = 3;                                       /* in front */
    late.step = 99999;
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    same(f, c, r.run_id, "x", 6502);
    counters(c, 2, 2, 2);
    log_range(f, r.run_id, "x", 8000, 10);
    late.time_ms = 7200; /* both at the end and late */
    assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    same(f, c, r.run_id, "x", 6513);
    counters(c, 2, 3, 2);
    same(f, c, r.run_id, "unknown", 0);
    series_cache_destroy(c);
}

static void bounded(void **state)
{
    struct fixture *f = *state;
    struct series_cache *c = series_cache_create(LIMIT_KIB(64));
    struct track_run r = new_run(f);
    for (int i = 0; i < 20; i++) {
        char *key = op_printf(&f->op, "k%d", i);
        log_range(f, r.run_id, key, 0, 500); /* 8 KB each */
        same(f, c, r.run_id, key, 500);
    }
    struct series_cache_stats s;
    series_cache_stats(c, &s);
    assert_true(s.bytes <= LIMIT_KIB(64) && s.entries >= 5 && s.entries < 9);
    same(f, c, r.run_id, "k19", 500);
    same(f, c, r.run_id, "k0", 500); /* read again */
    counters(c, 1, 0, 21);
    log_range(f, r.run_id, "large", 0, 3000); /* more than half of the cache: not kept, and drives out nobody */
    same(f, c, r.run_id, "large", 3000);
    struct series_cache_stats t;
    series_cache_stats(c, &t);
    assert_int_equal(t.entries, s.entries);
    series_cache_destroy(c);
}

/* Readers of one series while it grows: each sees a prefix of the same sequence. */
struct crowd {
    struct fixture *f;
    struct series_cache *cache;
    struct str run;
    size_t target;
};

static void *reader(void *arg)
{
    struct crowd *w = arg;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    size_t last = 0, turns = 0;
    while (last < w->target && turns++ < 1000000) {
        struct series s;
        if (look(&op, w->f->db, w->cache, w->run, STR("x"), &s))
            abort();
        if (s.len < last || (s.len && series_sort(&op, &s)))
            abort();
        for (size_t i = 0; i < s.len; i++) {
            if (series_value(&s, i) != (double)i || series_time_ms(&s, i) != (int64_t)i || series_step(&s, series_ranked(&s, i)) > (int64_t)i + 1)
                abort();
        }
        last = s.len;
        series_release(&s);
        arena_reset(op.arena);
    }
    arena_destroy(op.arena);
    return NULL;
}

static void many_readers(void **state)
{
    struct fixture *f = *state;
    struct track_run r = new_run(f);
    struct crowd w = {f, series_cache_create(LIMIT_MIB(1)), r.run_id, 4000};
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        threads[i] = thread_start("reader", reader, &w);
    for (int64_t i = 0; i < 4000; i += 50) {
        struct track_metric m[50];
        for (int64_t k = 0; k < 50; k++) /* steps are swapped in pairs, so that their order is not that of time */
            m[k] = (struct track_metric){.key = STR("x"), .value = (double)(i + k), .time_ms = i + k, .step = (i + k) ^ 1};
        struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = 50};
        assert_ok(&f->op, metric_log_batch(&f->op, f->db, &b));
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(threads[i]);
    series_cache_destroy(w.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(stays_right), fixture_test(bounded), fixture_test(many_readers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
