/* The comparison rows through the dispatcher and SQLite. */
#include "unit/core/track/fixture.h"

#include "api/dispatch.h"
#include "api/native/columns.h"
#include "api/native/native.h"
#include "api/services.h"
#include "base/log.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "net/loopback.h"

#include <math.h>

struct world {
    struct fixture f;
    struct services services;
    struct dispatch *dispatch;
    struct str runs[2];
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

static int world_open(void **state)
{
    void *inner = NULL;
    fixture_open(&inner);
    struct world *w = test_calloc(1, sizeof *w);
    w->f = *(struct fixture *)inner;
    test_free(inner);
    struct op *op = &w->f.op;
    w->services.db = w->f.db;
    static const struct route_table *const tables[] = {&native_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(op, dispatch_create(op, &c, &w->dispatch));
    for (size_t i = 0; i < 2; i++) {
        struct track_run r;
        struct track_kv param = {STR("lr"), i ? STR("0.2") : STR("0.1")};
        struct track_metric m[] = {{.key = STR("loss"), .value = 1, .time_ms = 10, .step = 0},
                                   {.key = STR("loss"), .value = i ? 3 : (double)NAN, .time_ms = 20, .step = 1}};
        assert_ok(op, track_run_create(op, w->f.db, 0, i ? STR("b") : STR("a"), STR("me"), 1000, NULL, 0, &r));
        struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = 2, .params = &param, .param_count = 1};
        assert_ok(op, metric_log_batch(op, w->f.db, &b));
        w->runs[i] = r.run_id;
    }
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    dispatch_destroy(w->dispatch);
    db_close(w->f.db);
    arena_destroy(w->f.op.arena);
    test_free(w);
    return 0;
}

/* "$1" and "$2" are the runs. */
static struct str filled(struct world *w, const char *text)
{
    struct str s = str_from(text);
    for (size_t at; (at = str_find_char(s, '$')) != SIZE_MAX;)
        s = str_from(op_printf(&w->f.op, "%.*s%.*s%.*s", (int)at, s.p, STR_FMT(w->runs[s.p[at + 1] - '1']), STR_FMT(str_sub(s, at + 2, s.len))));
    return s;
}

static struct str ask(struct world *w, const char *target, const char *body, int *ret_status)
{
    struct op *op = &w->f.op;
    struct buf out;
    struct str full = filled(w, body);
    buf_init(&out, LIMIT_MIB(4));
    struct http_handler handler = dispatch_handler(w->dispatch);
    char *text = op_printf(op, "POST /api/ingot/v1/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s", target, full.len,
                           STR_FMT(full));
    bool closed = false;
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    int64_t status = 0;
    assert_true(str_parse_i64(str_sub(answer, 9, 3), &status));
    *ret_status = (int)status;
    return str_sub(answer, str_find(answer, STR("\r\n\r\n")) + 4, answer.len);
}

struct turn {
    const char *target, *body;
    int status;
    const char *part; /* must stand in the answer */
};

static void play(struct world *w, const struct turn *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = 0;
        struct str got = ask(w, t[i].target, t[i].body, &status);
        if (status != t[i].status || str_find(got, filled(w, t[i].part)) == SIZE_MAX)
            fail_msg("turn %zu %s %s: %d %.*s", i, t[i].target, t[i].body, status, STR_FMT(got));
    }
}

static void runs(void **state)
{
    static const struct turn turns[] = {
        {"runs/compare", "{\"run_ids\":[\"$1\",\"$2\"]}", 200,
         "{\"runs\":[{\"run_id\":\"$1\",\"name\":\"a\",\"experiment_id\":0,\"status\":\"RUNNING\",\"start_ms\":1000,\"deleted\":false},"},
        {"runs/compare", "{\"run_ids\":[\"$1\",\"$2\"]}", 200,
         "\"params\":[{\"key\":\"lr\",\"differs\":true,\"values\":[\"0.1\",\"0.2\"]}],\"tags\":[],\"metrics\":[{\"key\":\"loss\",\"differs\":true,\"values\":[\"NaN\",3.0]}],\"code\":[],\"datasets\":[]}"},
        {"runs/compare", "{\"run_ids\":[\"$1\",\"$1\"],\"only_differing\":true}", 200, "\"params\":[],\"tags\":[],\"metrics\":[],\"code\":[],\"datasets\":[]}"},
        {"runs/compare", "{\"run_ids\":[\"$1\",\"$2\"],\"extremes\":true}", 200,
         "\"extremes\":[{\"points\":2,\"min\":1.0,\"min_step\":0,\"max\":1.0,\"max_step\":0},{\"points\":"},
        {"runs/compare", "{\"run_ids\":[\"x\"]}", 404, "Run with id=x not found"},
        {"runs/compare", "{\"run_ids\":[null]}", 400, "\"field\":\"run_ids\""},
        {"runs/compare", "{}", 400, "\"field\":\"run_ids\""},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

static void overlays(void **state)
{
    static const struct turn turns[] = {
        {"metrics/overlay", "{\"run_ids\":[\"$2\",\"$1\"],\"metric\":\"loss\"}", 200, "{\"metric\":\"loss\",\"x_axis\":\"step\",\"from\":0.0,\"to\":1.0,\"run_ids\":[\"$2\",\"$1\"],\"names\":[\"b\",\"a\"],\"start\":[0,2,4],\"x\":[0.0,1.0,0.0,1.0],\"y\":[1.0,3.0,1.0,null]}"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"filter\":\"attributes.run_name = 'b'\"}", 200, "\"names\":[\"b\"],\"start\":[0,2]"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"experiments\":[0],\"order_by\":[\"attributes.run_name ASC\"]}", 200, "\"names\":[\"a\",\"b\"],"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"experiments\":[99]}", 200, "\"from\":null,\"to\":null,\"run_ids\":[],\"names\":[],\"start\":[0],\"x\":[],\"y\":[]}"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"filter\":\"nonsense\"}", 400, "\"code\":"},
        {"metrics/overlay", "{\"run_ids\":[\"x\"],\"metric\":\"loss\"}", 404, "Run with id=x not found"},
        {"metrics/overlay", "{\"run_ids\":[\"$1\"],\"metric\":\"loss\",\"points\":3}", 400, "\"field\":\"points\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"points\":5000}", 200, "\"start\":[0,2,4]"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"points\":5001}", 400, "\"field\":\"points\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"runs\":10001}", 400, "\"field\":\"runs\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"smoothing\":1}", 400, "\"field\":\"smoothing\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"order_by\":[null]}", 400, "\"field\":\"order_by\""},
        {"metrics/overlay", "{\"filter\":\"\"}", 400, "\"field\":\"metric\""},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

/* One line per group, the largest first; with a smoothed one beside it. */
static void groups(void **state)
{
    static const struct turn turns[] = {
        {"metrics/overlay", "{\"metric\":\"loss\",\"order_by\":[\"attributes.run_name DESC\"],\"group_by\":{\"param\":\"lr\"}}", 200,
         "{\"metric\":\"loss\",\"x\":\"step\",\"from\":0.0,\"to\":1.0,\"groups\":2,\"runs\":2,\"lines\":[{\"group\":\"0.2\",\"runs\":1,\"x\":[0.0,1.0],\"mean\":[1.0,3.0],\"min\":[1.0,3.0],\"max\":[1.0,3.0],"
         "\"std\":[null,null],\"stderr\":[null,null],\"count\":[1,1]},{\"group\":\"0.1\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"run_ids\":[\"$1\",\"$2\"],\"group_by\":{\"tag\":\"none\"},\"smoothing\":0.5}", 200, "\"groups\":1,\"runs\":2,\"lines\":[{\"group\":null,\"runs\":2,"},
        {"metrics/overlay", "{\"metric\":\"loss\",\"group_by\":{\"param\":\"lr\"},\"smoothing\":0.5}", 200, "\"smooth\":["},
        {"metrics/overlay", "{\"metric\":\"loss\",\"group_by\":{\"param\":\"lr\"},\"points\":0}", 400, "\"field\":\"points\""},
        {"metrics/overlay", "{\"metric\":\"loss\",\"group_by\":{}}", 400, "\"field\":\"group_by\""},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

static void values(void **state)
{
    static const struct turn turns[] = {
        {"runs/values", "{\"run_ids\":[\"$2\",\"$1\"],\"columns\":[\"metrics.loss\",\"params.lr\",\"params.none\",\"tags.none\"]}", 200,
         "{\"run_ids\":[\"$2\",\"$1\"],\"names\":[\"b\",\"a\"],\"start_ms\":[1000,1000],\"end_ms\":[null,null],\"metrics\":[{\"key\":\"loss\",\"values\":[3.0,\"NaN\"]}],"
         "\"params\":[{\"key\":\"lr\",\"texts\":[\"0.2\",\"0.1\"],\"at\":[0,1]},{\"key\":\"none\",\"texts\":[],\"at\":[null,null]}],\"tags\":[{\"key\":\"none\",\"texts\":[],\"at\":[null,null]}]}"},
        {"runs/values", "{\"filter\":\"params.lr = '0.1'\",\"columns\":[\"metrics.none\"]}", 200, "\"names\":[\"a\"],\"start_ms\":[1000],\"end_ms\":[null],\"metrics\":[{\"key\":\"none\",\"values\":[null]}]"},
        {"runs/values", "{\"runs\":1,\"order_by\":[\"params.lr DESC\"]}", 200, "\"names\":[\"b\"]"},
        {"runs/values", "{\"experiments\":[99]}", 200, "{\"run_ids\":[],\"names\":[],"},
        {"runs/values", "{\"columns\":[\"metrics.*\"]}", 400, "\"field\":\"columns\""},
        {"runs/values", "{\"columns\":[\"inputs\"]}", 400, "\"field\":\"columns\""},
        {"runs/values", "{\"columns\":[null]}", 400, "\"field\":\"columns\""},
        {"runs/values", "{\"columns\":[\"lr\"]}", 400, "\"code\":"},
        {"runs/values", "{\"runs\":10001}", 400, "\"field\":\"runs\""},
        {"runs/values", "{\"run_ids\":[\"x\"]}", 404, "Run with id=x not found"},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

/* The other form: length, JSON, then both columns as they lie in memory. */
static void overlay_binary(void **state)
{
    struct world *w = *state;
    int status = 0;
    struct str got = ask(w, "metrics/overlay", "{\"run_ids\":[\"$1\",\"$2\"],\"metric\":\"loss\",\"binary\":true}", &status);
    uint64_t length = 0;
    double xy[8];
    assert_int_equal(status, 200);
    assert_true(got.len > sizeof length);
    memcpy(&length, got.p, sizeof length);
    assert_true(length % 8 == 0 && got.len == sizeof length + length + sizeof xy);
    assert_true(str_find(str_sub(got, 8, length), STR("\"start\":[0,2,4]}")) != SIZE_MAX);
    memcpy(xy, got.p + 8 + length, sizeof xy);
    assert_true(xy[0] == 0 && xy[1] == 1 && xy[4] == 1 && isnan(xy[5]) && xy[6] == 1 && xy[7] == 3);
}

static void charts(void **state)
{
    static const struct turn turns[] = {
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\"}", 200,
         "{\"metric\":\"loss\",\"x\":\"step\",\"from\":0.0,\"to\":1.0,\"lines\":[{\"run_id\":\"$2\",\"name\":\"b\",\"x\":[0.0,1.0],\"mean\":[1.0,3.0],\"min\":[1.0,3.0],"
         "\"max\":[1.0,3.0],\"first\":[1.0,3.0],\"last\":[1.0,3.0],\"count\":[1,1]}]}"},
        {"metrics/chart", "{\"run_ids\":[\"$1\"],\"metric\":\"loss\",\"x\":\"relative\"}", 200, "\"x\":[0.0,10.0],\"mean\":[1.0,null],\"min\":[1.0,null]"},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"x\":\"time\",\"range\":[15,30]}", 200, "\"from\":15.0,\"to\":30.0,\"lines\":[{\"run_id\":\"$2\",\"name\":\"b\",\"x\":[20.0]"},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"smoothing\":{\"kind\":\"mean\",\"window\":3}}", 200, "\"smooth\":[2.0,2.0]"},
        {"metrics/chart", "{\"run_ids\":[\"$1\",\"$2\"],\"metric\":\"loss\",\"group_by\":{\"param\":\"lr\"}}", 200,
         "{\"group\":\"0.2\",\"run_ids\":[\"$2\"],\"x\":[0.0,1.0],\"mean\":[1.0,3.0],\"min\":[1.0,3.0],\"max\":[1.0,3.0],\"std\":[null,null],\"stderr\":[null,null],\"count\":[1,1]}"},
        {"metrics/chart", "{\"run_ids\":[\"$1\",\"$2\"],\"metric\":\"loss\",\"group_by\":{\"tag\":\"team\"}}", 200, "{\"group\":null,\"run_ids\":[\"$1\",\"$2\"]"},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"unknown\"}", 200, "\"x\":[],\"mean\":[]"},
        {"metrics/chart", "{\"run_ids\":[\"$2\"]}", 400, "\"field\":\"metric\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"x\":\"epoch\"}", 400, "\"field\":\"x\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"range\":[1]}", 400, "\"field\":\"range\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"points\":0}", 400, "\"field\":\"points\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"smoothing\":{\"kind\":\"loess\"}}", 400, "\"field\":\"smoothing.kind\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"smoothing\":{\"kind\":\"ema\",\"weight\":1}}", 400, "\"field\":\"smoothing.weight\""},
        {"metrics/chart", "{\"run_ids\":[\"$2\"],\"metric\":\"loss\",\"group_by\":{\"param\":\"a\",\"tag\":\"b\"}}", 400, "\"field\":\"group_by\""},
        {"metrics/chart", "{\"run_ids\":[\"nobody\"],\"metric\":\"loss\"}", 404, "Run with id=nobody not found"},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
    const struct CMUnitTest tests[] = {world_test(runs), world_test(charts), world_test(overlays), world_test(overlay_binary), world_test(groups), world_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
