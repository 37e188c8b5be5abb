/* Counting by more threads than there are shards loses nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/stats.h"

enum { THREADS = 24, EACH = 2000 };

static void *count(void *arg)
{
    struct stats *s = arg;
    const struct stats_times t = {.queue = 1, .input = 2, .infer = 3, .output = 4, .total = 10};
    for (size_t i = 0; i < EACH; i++) {
        stats_success(s, 1 + i % 2, &t, 1000 + (int64_t)i);
        stats_execution(s, 1 + i % 2, &t);
        stats_fail(s, i % 2 ? E_BUSY : E_IO, 5);
        stats_cache_miss(s, 1);
        stats_count(s, STATS_TIMED_OUT);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct stats *s = stats_create();
    struct infer_stats r = {0};
    pthread_t t[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, count, s), 0);
    for (size_t i = 0; i < 200; i++)
        stats_read(s, &r); /* beside them */
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    stats_read(s, &r);
    const uint64_t n = THREADS * EACH;
    assert_true(r.success.count == n && r.success.ns == 10 * n && r.queue.ns == n && r.input.ns == 2 * n && r.infer.ns == 3 * n && r.output.ns == 4 * n);
    assert_true(r.inference_count == n / 2 * 3 && r.execution_count == n && r.fail.count == n && r.fail.ns == 5 * n && r.timed_out == n && r.cache_miss.ns == n);
    assert_true(r.last_us == 1000 + EACH - 1 && r.batch_count == 2 && r.batches[0].batch_size == 1 && r.batches[1].batch_size == 2);
    assert_true(r.failed[E_BUSY] == n / 2 && r.failed[E_IO] == n / 2 && r.failed[E_INVALID] == 0);
    assert_true(r.total_by_time.bucket[0] == n && r.total_by_time.ns == 10 * n && r.infer_by_time.ns == 3 * n && r.queue_by_time.bucket[0] == n);
    assert_true(r.batches[0].infer.count == n / 2 && r.batches[1].infer.count == n / 2 && r.batches[1].input.ns == n);
    stats_destroy(s);
    stats_destroy(NULL);
}

/* A value that is a bound lies below it, one more lies above. */
static void test_bounds(void **state)
{
    (void)state;
    struct stats *s = stats_create();
    struct infer_stats r = {0};
    for (size_t i = 0; i < INFER_BUCKETS - 1; i++) {
        stats_success(s, 1, &(struct stats_times){.total = infer_bounds_ns[i], .infer = infer_bounds_ns[i] + 1}, 0);
        stats_cache_hit(s, 1, infer_bounds_ns[i]);
    }
    stats_read(s, &r);
    for (size_t i = 0; i < INFER_BUCKETS; i++) {
        assert_int_equal(r.total_by_time.bucket[i], i + 1 < INFER_BUCKETS ? 2 : 0);
        assert_int_equal(r.infer_by_time.bucket[i], i ? 1 : 0);
    }
    assert_true(r.success.count == 2 * (INFER_BUCKETS - 1) && r.infer.count == INFER_BUCKETS - 1);
    stats_destroy(s);
}

static void test_batch_sizes(void **state)
{
    (void)state;
    struct stats *s = stats_create();
    struct infer_stats r = {0};
    const struct stats_times t = {.infer = 1};
    for (size_t i = 0; i < 100; i++)
        stats_execution(s, 100 - i, &t);
    stats_cache_hit(s, 2, 9);
    stats_read(s, &r);
    uint64_t runs = 0;
    assert_int_equal(r.batch_count, INFER_BATCH_SIZES);
    for (size_t i = 0; i < r.batch_count; i++) {
        runs += r.batches[i].infer.count;
        assert_true(!i || r.batches[i].batch_size > r.batches[i - 1].batch_size);
    }
    assert_true(runs == 100 && r.execution_count == 100 && r.inference_count == 0 && r.cache_hit.ns == 2 && r.success.ns == 9);
    stats_destroy(s);
}

/* Shared by the versions of a graph that follow each other. */
static void test_shared(void **state)
{
    (void)state;
    struct stats *a = stats_create(), *b = stats_ref(a);
    struct infer_stats read = {0};
    stats_fail(a, E_IO, 5);
    stats_destroy(a);
    stats_fail(b, E_IO, 5);
    stats_read(b, &read);
    stats_destroy(b);
    assert_true(read.fail.count == 2 && read.fail.ns == 10);
}

/* Every duration lies between the edges of its fine bucket, whose width is at most an eighth of it. */
static void test_fine(void **state)
{
    (void)state;
    struct stats *s = stats_create();
    static const uint64_t times[] = {0, 1, 1023, 1024, 8191, 8192, 9215, 9216, 99999, 1000000, 123456789, 17179869183, 17179869184, UINT64_MAX / 2};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct infer_stats before = {0}, after = {0};
        double from, to;
        size_t k = 0;
        stats_read(s, &before);
        if (i % 2)
            stats_success(s, 1, &(struct stats_times){.total = times[i]}, 0);
        else
            stats_cache_hit(s, 1, times[i]);
        stats_read(s, &after);
        while (k < INFER_FINE && after.total_fine[k] == before.total_fine[k])
            k++;
        assert_true(k < INFER_FINE);
        stats_fine_edges(k, &from, &to);
        assert_true((double)times[i] >= from && ((double)times[i] < to || k == INFER_FINE - 1));
        assert_true(to - from <= 1024 || to - from <= from / 8);
    }
    stats_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_bounds), cmocka_unit_test(test_fine), cmocka_unit_test(test_batch_sizes), cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
