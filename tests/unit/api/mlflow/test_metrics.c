/* Histories through the real connection code, the dispatcher and the handlers to SQLite and back. */
#include "unit/core/track/fixture.h"

#include "api/dispatch.h"
#include "api/mlflow/metrics.h"
#include "api/mlflow/mlflow.h"
#include "api/mlflow/points.h"
#include "api/services.h"
#include "base/json.h"
#include "base/log.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "core/track/series_cache.h"
#include "net/loopback.h"

#include <math.h>

struct world {
    struct fixture f; /* first: the fixture's own functions see it */
    struct services services;
    struct dispatch *dispatch;
    struct str runs[2]; /* by id */
};

static enum err everyone(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg;
    (void)op;
    (void)token;
    (void)loopback;
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
}

static void log_points(struct world *w, struct str run, const struct track_metric *m, size_t n)
{
    for (size_t i = 0; i < n; i += 1000) {
        struct track_batch b = {.run_id = run, .metrics = m + i, .metric_count = n - i < 1000 ? n - i : 1000};
        assert_ok(&w->f.op, metric_log_batch(&w->f.op, w->f.db, &b));
    }
}

static int world_open(void **state)
{
    void *inner = NULL;
    fixture_open(&inner);
    struct world *w = test_calloc(1, sizeof *w);
    w->f = *(struct fixture *)inner;
    test_free(inner);
    struct op *op = &w->f.op;
    w->services.db = w->f.db;
    w->services.series = series_cache_create(LIMIT_MIB(8));
    static const struct route_table *const tables[] = {&mlflow_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(op, dispatch_create(op, &c, &w->dispatch));
    static const double values[] = {-0.0, 1, NAN, 1e300, 1e-5};
    for (size_t i = 0; i < 2; i++) {
        struct track_run r;
        struct track_metric m[ARRAY_LEN(values)];
        for (size_t k = 0; k < ARRAY_LEN(values); k++)
            m[k] = (struct track_metric){.key = STR("a b"), .value = values[k], .time_ms = 10 + (int64_t)k, .step = (int64_t)k - 2};
        assert_ok(op, track_run_create(op, w->f.db, 0, STR("r"), STR(""), 1, NULL, 0, &r));
        log_points(w, r.run_id, m, i ? 1 : ARRAY_LEN(values));
        w->runs[i] = r.run_id;
    }
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    dispatch_destroy(w->dispatch);
    series_cache_destroy(w->services.series);
    db_close(w->f.db);
    arena_destroy(w->f.op.arena);
    test_free(w);
    return 0;
}

static struct str ask(struct world *w, const char *target, int *ret_status)
{
    struct op *op = &w->f.op;
    struct buf out;
    buf_init(&out, LIMIT_MIB(16));
    struct http_handler handler = dispatch_handler(w->dispatch);
    char *text = op_printf(op, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    bool closed = false;
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    int64_t status = 0;
    assert_true(str_parse_i64(str_sub(answer, 9, 3), &status));
    *ret_status = (int)status;
    return answer;
}

/* "$1" and "$2" are the runs. */
static char *filled(struct world *w, const char *text)
{
    struct str s = str_from(text);
    for (size_t at; (at = str_find_char(s, '$')) != SIZE_MAX;)
        s = str_from(op_printf(&w->f.op, "%.*s%.*s%.*s", (int)at, s.p, STR_FMT(w->runs[s.p[at + 1] - '1']), STR_FMT(str_sub(s, at + 2, s.len))));
    return str_cstr(w->f.op.arena, s);
}

struct turn {
    const char *target, *want;
};

static void play(struct world *w, const struct turn *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = 0;
        struct str answer = ask(w, filled(w, t[i].target), &status);
        struct str got = str_sub(answer, str_find(answer, STR("\r\n\r\n")) + 4, answer.len);
        if (status != 200 || !str_eqc(got, filled(w, t[i].want)))
            fail_msg("turn %zu %s: %d %.*s", i, t[i].target, status, STR_FMT(answer));
    }
}

#define HISTORY "/api/2.0/mlflow/metrics/get-history?metric_key=a%20b&run_id="
#define BULK "/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=a%20b"
#define INTERVAL "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=a%20b"

static void forms(void **state)
{
    static const struct turn turns[] = {
        {HISTORY "$1", "{\"metrics\":[{\"key\":\"a b\",\"value\":-0.0,\"timestamp\":10,\"step\":-2},{\"key\":\"a b\",\"value\":1.0,\"timestamp\":11,\"step\":-1},"
                       "{\"key\":\"a b\",\"value\":\"NaN\",\"timestamp\":12,\"step\":0},{\"key\":\"a b\",\"value\":1e+300,\"timestamp\":13,\"step\":1},"
                       "{\"key\":\"a b\",\"value\":1e-05,\"timestamp\":14,\"step\":2}]}"},
        {HISTORY "nosuch", "{}"},
        {BULK "&run_id=$2&run_id=$2", "{\"metrics\":[{\"key\":\"a b\",\"value\":-0.0,\"timestamp\":10,\"step\":-2,\"run_id\":\"$2\"}]}"},
        {BULK "&run_id=nosuch", "{\"metrics\":[]}"},
        {BULK "&run_id=$1&max_results=0", "{\"metrics\":[]}"},
        {INTERVAL "&run_ids=$1&max_results=2", "{\"metrics\":[{\"key\":\"a b\",\"value\":-0.0,\"timestamp\":10,\"step\":-2,\"run_id\":\"$1\"},"
                                              "{\"key\":\"a b\",\"value\":1e-05,\"timestamp\":14,\"step\":2,\"run_id\":\"$1\"}]}"},
        {INTERVAL "&run_ids=$1&start_step=0&end_step=0", "{\"metrics\":[{\"key\":\"a b\",\"value\":\"NaN\",\"timestamp\":12,\"step\":0,\"run_id\":\"$1\"}]}"},
        {INTERVAL "&run_ids=nosuch", "{}"},
    };
    play(*state, turns, ARRAY_LEN(turns));
    play(*state, turns, ARRAY_LEN(turns)); /* from the cache */
    int status = 0;
    struct str nan = ask(*state, filled(*state, BULK "&run_id=$1&run_id=$2"), &status);
    assert_true(str_find(nan, STR("\"value\":NaN,")) != SIZE_MAX);
}

static void pages(void **state)
{
    struct world *w = *state;
    struct op *op = &w->f.op;
    struct str token = STR("");
    size_t seen = 0;
    do {
        int status = 0;
        struct str coded = http_percent_encode(op->arena, token, false);
        struct str answer = ask(w, op_printf(op, "%s%.*s&max_results=2&page_token=%.*s", HISTORY, STR_FMT(w->runs[0]), STR_FMT(coded)), &status);
        struct json *j = NULL;
        assert_int_equal(status, 200);
        assert_ok(op, json_parse(op, str_sub(answer, str_find(answer, STR("\r\n\r\n")) + 4, answer.len), JSON_STRICT, &j));
        seen += json_get(j, "metrics")->len;
        token = STR("");
        assert_ok(op, json_opt_str(op, j, "next_page_token", STR(""), &token));
    } while (token.len);
    assert_int_equal(seen, 5);
}

/* Above a megabyte the answer comes in chunks, and whole. */
static void streams(void **state)
{
    struct world *w = *state;
    enum { N = 20000 };
    static struct track_metric m[N];
    for (int i = 0; i < N; i++)
        m[i] = (struct track_metric){.key = STR("long"), .value = i / 7.0, .time_ms = i, .step = i};
    log_points(w, w->runs[0], m, N);
    int status = 0;
    struct str answer = ask(w, filled(w, "/api/2.0/mlflow/metrics/get-history?metric_key=long&run_id=$1"), &status);
    assert_true(status == 200 && str_find(answer, STR("Transfer-Encoding: chunked")) != SIZE_MAX);
    assert_true(str_find(answer, STR("\"timestamp\":19999,\"step\":19999}]}\r\n0\r\n\r\n")) != SIZE_MAX);
    size_t points = 0;
    for (size_t at; (at = str_find(answer, STR("\"step\""))) != SIZE_MAX; points++)
        answer = str_sub(answer, at + 6, answer.len);
    assert_true(points >= N - 2 && points <= N); /* a chunk's head may stand inside one */
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
    const struct CMUnitTest tests[] = {world_test(forms), world_test(pages), world_test(streams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
