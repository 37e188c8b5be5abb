/* What is written for figures that are made here; tests/e2e/test_metrics.py reads it with Prometheus' own parsers. */
#include "unit/base/base_test.h"

#include "app/metrics_serve.h"

static struct metrics_serve some(struct fixture *f)
{
    struct metrics_version *v = arena_array(f->arena, 2, struct metrics_version);
    for (int i = 0; i < 2; i++) {
        v[i].endpoint = metrics_label(&f->op, STR("a\"b\\c\nd"));
        v[i].stats = (struct infer_stats){.version = i + 1, .inference_count = 30, .execution_count = 10, .success = {12, 24000000}, .fail = {6, 1},
                                          .queue = {10, 5000000}, .infer = {10, 7000000}, .cache_hit = {2, 3000}, .cache_miss = {1, 4000}, .batch_count = 2,
                                          .batches = {{1, {8, 0}, {8, 0}, {8, 0}}, {11, {2, 0}, {2, 0}, {2, 0}}}, .queued = 4};
        v[i].stats.failed[E_BUSY] = 1, v[i].stats.failed[E_TIMEOUT] = 1, v[i].stats.failed[E_CANCELLED] = 1, v[i].stats.failed[E_IO] = 1, v[i].stats.failed[E_INVALID] = 2;
        v[i].stats.total_by_time.bucket[0] = 5, v[i].stats.total_by_time.bucket[INFER_BUCKETS - 1] = 7, v[i].stats.total_by_time.ns = 24000000;
    }
    return (struct metrics_serve){.versions = v, .count = 2, .endpoints = arena_array(f->arena, 1, struct metrics_endpoint), .left_out = 3};
}

static void has(const struct buf *out, const char *line)
{
    if (str_find(buf_str(out), str_from(line)) == SIZE_MAX)
        fail_msg("\"%s\" is not in\n%.*s", line, STR_FMT(buf_str(out)));
}

static void ours(void **state)
{
    struct fixture *f = *state;
    struct metrics_serve m = some(f);
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_serve_write(&m, &out);
    has(&out, "ingot_serve_requests_total{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\",outcome=\"ok\"} 10\n");
    has(&out, "version=\"2\",outcome=\"cached\"} 2\n");
    has(&out, "outcome=\"invalid\"} 2\n");
    has(&out, "ingot_serve_duration_seconds_bucket{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\",le=\"1e-05\"} 5\n");
    has(&out, "version=\"1\",le=\"+Inf\"} 12\n");
    has(&out, "ingot_serve_duration_seconds_sum{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\"} 0.024\n");
    has(&out, "ingot_serve_run_rows_bucket{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\",le=\"8\"} 8\n");
    has(&out, "ingot_serve_run_rows_bucket{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\",le=\"16\"} 10\n");
    has(&out, "ingot_serve_run_rows_sum{endpoint=\"a\\\"b\\\\c\\nd\",version=\"1\"} 30\n");
    has(&out, "ingot_metrics_versions_left_out 3\n");
    buf_clear(&out);
}

static void tritons(void **state)
{
    struct fixture *f = *state;
    struct metrics_serve m = some(f);
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_triton_write(&m, &out);
    has(&out, "nv_inference_request_success{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 12\n");
    has(&out, "nv_inference_count{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 30\n");
    has(&out, "nv_inference_request_duration_us{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 24000\n");
    has(&out, "nv_inference_queue_duration_us{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 5000\n");
    has(&out, "nv_inference_pending_request_count{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 4\n");
    has(&out, "nv_cache_num_hits_per_model{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 2\n");
    has(&out, "version=\"1\",reason=\"REJECTED\"} 2\n");
    has(&out, "version=\"1\",reason=\"CANCELED\"} 1\n");
    has(&out, "version=\"1\",reason=\"BACKEND\"} 1\n");
    has(&out, "version=\"1\",reason=\"OTHER\"} 2\n");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(ours), TEST(tritons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
