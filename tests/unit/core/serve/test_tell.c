/* What the payload log is told of a call, seen in its figures; the files themselves: tests/unit/core/payload, tests/e2e/test_payloads.py. */
#include "unit/base/base_test.h"

#include "adapter/sqlite/sqlite.h"
#include "core/payload/payload.h"
#include "core/serve/tell.h"

static void calls_are_told(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    ASSERT_OK(&f->op, sqlite_open(&f->op, ":memory:", &db));
    struct payload *p = payload_create(&(struct payload_parts){.db = db, .tmp_dir = STR("/nowhere")});
    static const float x[] = {1, 2};
    static const struct tensor in = {.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 1, .shape = {2}, .count = 2, .data = x};
    struct serve_endpoint ep = {.info.name = STR("e"), .payload = p, .spec.payload.events = PAYLOAD_EVENT_REQUEST | PAYLOAD_EVENT_RESPONSE,
                                .spec.payload.url = STR("http://x/"), .spec.payload.service = STR("s"), .spec.payload.space = STR("n")};
    struct engine_info info = {.features = 1, .outputs = 1};
    struct serve_version v = {.version = 2, .info = &info, .rows = true};
    struct infer_request r = {.inputs = &in, .input_count = 1, .id = STR("q")};
    struct infer_answer answer = {.outputs = &in, .output_count = 1};
    struct serve_call c = {.op = &f->op, .ep = &ep, .v = &v, .r = &r, .ret = &answer, .rows = {.count = 2, .unit = STR("u")}, .pick.arm = ROLLOUT_ARM_NONE};
    struct payload_stats s;
    call_tell(&c, OK);                 /* two events */
    call_tell(&c, E_INVALID);          /* its request alone */
    c.v = NULL, c.rows.count = 0;
    call_tell(&c, E_BUSY);             /* no version was picked */
    ep.spec.payload.events = 0;
    call_tell(&c, OK);                 /* nobody wants it */
    while (payload_stats(p, &s), s.dropped_events < 4) /* there is no way to receivers here */
        ;
    ASSERT_OK(&f->op, payload_flush(&f->op, p));
    payload_stats(p, &s);
    assert_true(s.dropped_events == 4 && !s.requests);
    payload_destroy(p);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(calls_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
