/* What the monitor and the rollout are told of a call: ids, times, scores, features, and which picks are noted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "base/hash.h"
#include "base/time.h"
#include "core/rollout/live.h"
#include "core/serve/record.h"

enum { NOW = 5000 };

static const float x[] = {1, 2, 3, 4, 5, 6};
static const double x64[] = {1.5, 2, 3, 4, 5, 6.5};
static float scores[] = {0.25F, 0.75F, 0.5F, 0.5F};
static const int64_t ids[] = {70, -3}, times[] = {100, 200};

/* Everything that a call needs to be recorded, without a server: a row model of three features and two outputs. */
struct world {
    struct op op;
    struct db *db;
    struct serve_endpoint ep;
    struct engine_info info;
    struct serve_version v;
    struct infer_request r;
    struct serve_call c;
    /* What the monitor's log got. */
    size_t rows;
    int64_t id[4], event_us[4], version[4];
    float score[4];
    uint32_t latency_us[4];
    uint8_t arm[4], ok[4];
    float last[4]; /* the last feature */
};

static enum err keep(void *arg, struct op *op, const struct monitor_batch *b)
{
    (void)op;
    struct world *w = arg;
    for (size_t i = 0; i < b->rows && w->rows < 4; i++, w->rows++) {
        w->id[w->rows] = b->id[i], w->event_us[w->rows] = b->event_us[i], w->version[w->rows] = b->version[i];
        w->score[w->rows] = b->score[i], w->latency_us[w->rows] = b->latency_us[i];
        w->arm[w->rows] = b->arm[i], w->ok[w->rows] = b->ok[i];
        w->last[w->rows] = b->features ? b->feature[b->features - 1][i] : 0;
    }
    return OK;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    op_init(&w->op, arena_create(LIMIT_MIB(64)));
    w->op.now_us = NOW;
    if (sqlite_open(&w->op, ":memory:", &w->db) != OK)
        fail_msg("%s", w->op.msg);
    w->ep.info.name = STR("e");
    w->ep.monitor = monitor_create(w->db, &(struct prediction_sink){w, keep});
    w->ep.live = rollout_live_create();
    w->info = (struct engine_info){.features = 3, .outputs = 2};
    w->v = (struct serve_version){.version = 6, .info = &w->info, .rows = true};
    w->c = (struct serve_call){.op = &w->op, .ep = &w->ep, .r = &w->r, .v = &w->v, .scores = scores, .started_ns = time_mono_ns() - 7000000,
                               .rows = {.count = 2, .x = x, .ids = ids, .event_us = times}, .pick = {.version = 6, .arm = 1, .propensity = 0.5F}};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    monitor_destroy(w->ep.monitor);
    rollout_live_destroy(w->ep.live);
    db_close(w->db);
    arena_destroy(w->op.arena);
    free(w);
    return 0;
}

/* Features are kept only where the training's are known. */
static void know_features(struct world *w)
{
    static const struct str names[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
    const struct monitor_reference ref = {.version = 6, .features = 3, .names = names, .rows = 2, .columns = (const float *const[]){x, x, x},
                                          .auc = NAN, .accuracy = NAN, .logloss = NAN, .brier = NAN, .ece = NAN};
    if (monitor_set_reference(&w->op, w->ep.monitor, STR("e"), &ref) != OK)
        fail_msg("%s", w->op.msg);
}

static void told(struct world *w, size_t rows)
{
    if (monitor_flush(&w->op, w->ep.monitor) != OK)
        fail_msg("%s", w->op.msg);
    assert_int_equal(w->rows, rows);
}

static void test_rows(void **state)
{
    struct world *w = *state;
    know_features(w);
    call_record(&w->c, true);
    told(w, 2);
    assert_true(w->last[0] == 3 && w->last[1] == 6);
    assert_true(w->id[0] == 70 && w->id[1] == -3 && w->event_us[0] == 100 && w->event_us[1] == 200);
    assert_true(w->version[1] == 6 && w->arm[1] == 1 && w->ok[1] && w->score[0] == 0.25F && w->score[1] == 0.5F); /* the first output of each */
    assert_true(w->latency_us[0] >= 7000 && w->latency_us[0] < 60000000);
}

/* A failure has no score; one that came before its rows were known counts once. A clock that went back is no time at all. */
static void test_failure(void **state)
{
    struct world *w = *state;
    w->c.rows = (struct rows){.unit = STR("u")};
    w->c.started_ns = time_mono_ns() + 3600000000000;
    call_record(&w->c, false);
    told(w, 1);
    assert_true(!w->ok[0] && isnan(w->score[0]) && w->latency_us[0] == 0 && w->event_us[0] == NOW && w->id[0] == (int64_t)hash64("u", 1, 0));
    struct monitor_stats s;
    assert_true(monitor_stats(w->ep.monitor, STR("e"), &s) && s.errors == 1);
}

/* Without ids rows have the unit's hash and count up; doubles are features too. */
static void test_defaults(void **state)
{
    struct world *w = *state;
    struct monitor_stats s;
    w->c.rows = (struct rows){.count = 2, .x64 = x64, .unit = STR("u")};
    assert_int_equal(call_row_id(&w->c, 1), (int64_t)(hash64("u", 1, 0) + 1));
    assert_int_equal(call_row_time(&w->c, 1), NOW);
    know_features(w);
    call_record(&w->c, true);
    told(w, 2);
    assert_true(w->last[0] == 3 && w->last[1] == 6.5F);
    assert_true(w->id[1] == w->id[0] + 1 && monitor_stats(w->ep.monitor, STR("e"), &s) && s.recorded == 2 && s.errors == 0);
}

/* Of a tensor model the first float output that has values for every row counts; of two values the second. */
static void test_tensor_scores(void **state)
{
    struct world *w = *state;
    const struct str texts[] = {STR("a"), STR("b")};
    const double three[] = {1, 2, 3, 4, 5, 6};
    struct tensor out[] = {{.name = STR("label"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = texts},
                           {.name = STR("code"), .type = TENSOR_INT64, .rank = 1, .shape = {2}, .count = 2, .data = ids},
                           {.name = STR("odd"), .type = TENSOR_FP32, .rank = 1, .shape = {3}, .count = 3, .data = x},
                           {.name = STR("p"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = scores}};
    size_t per_row = 0;
    const float *got = call_scores(&w->c, &per_row);
    assert_true(got == scores && per_row == 2);
    w->v.rows = false;
    w->v.output_count = 4;
    w->c.outputs = out;
    got = call_scores(&w->c, &per_row);
    assert_true(got && per_row == 1 && got[0] == 0.75F && got[1] == 0.5F);
    out[3] = (struct tensor){.name = STR("y"), .type = TENSOR_FP64, .rank = 2, .shape = {2, 3}, .count = 6, .data = three};
    got = call_scores(&w->c, &per_row);
    assert_true(got && per_row == 3 && got[0] == 1 && got[3] == 4);
    w->v.output_count = 3; /* texts, whole numbers, and not so many as rows */
    assert_null(call_scores(&w->c, &per_row));
    call_record(&w->c, true);
    told(w, 2);
    assert_true(w->ok[0] && isnan(w->score[0]));
}

static bool noted(struct world *w, int64_t id, struct rollout_noted *n)
{
    return rollout_live_take_note(w->ep.live, STR("e"), id, n);
}

/* Picks wait for a reward only if the rollout made them and the answer came. */
static void test_notes(void **state)
{
    struct world *w = *state;
    struct rollout_noted n;
    call_record(&w->c, true);
    assert_false(noted(w, 70, &n)); /* no rollout runs */
    w->ep.info.weights = (struct rollout_weights){.active = true, .kind = ROLLOUT_AB, .id = 9, .control = 5, .candidate = 6, .arm_count = 2,
                                                  .arm = {{5, 500}, {6, 500}}};
    call_record(&w->c, false);
    assert_false(noted(w, 70, &n));
    w->r.version = 6;
    call_record(&w->c, true);
    assert_false(noted(w, 70, &n)); /* the version was asked for */
    w->r.version = 0;
    call_record(&w->c, true);
    assert_true(noted(w, -3, &n) && n.rollout == 9 && n.version == 6 && n.event_us == 200 && n.propensity == 0.5F);
    assert_true(noted(w, 70, &n) && n.event_us == 100);
    assert_false(noted(w, 70, &n)); /* a reward counts once */
    told(w, 4); /* all that the log here has room for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),     cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown), cmocka_unit_test_setup_teardown(test_tensor_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
