/* What the wrappers hold for every back-end: limits of what is put, and that a failed poll leaves its result alone. */
#include "port/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

struct probe {
    int puts, closed, wait_ms;
};
static enum err probe_poll(void *self, struct op *op, size_t max, int wait_ms, struct stream_poll *ret)
{
    (void)max;
    ((struct probe *)self)->wait_ms = wait_ms;
    ret->count = 7;
    return op_fail(op, E_IO, "away");
}
static enum err probe_put(void *self, struct op *op, const struct stream_record *r)
{
    (void)op, (void)r;
    ((struct probe *)self)->puts++;
    return OK;
}
static void probe_close(void *self)
{
    ((struct probe *)self)->closed++;
}
static const struct stream_ops probe_ops = {.name = "probe", .poll = probe_poll, .put = probe_put, .close = probe_close};

static void test_wrappers(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(128));
    struct op op;
    op_init(&op, arena);
    struct probe p = {0};
    struct stream *s = calloc(1, sizeof(*s));
    *s = (struct stream){&probe_ops, &p};
    struct stream_poll got = {.count = 1};
    assert_int_equal(stream_poll(&op, s, 1, -5, &got), E_IO);
    assert_int_equal(got.count, 1);
    assert_int_equal(p.wait_ms, 0);
    op_clear(&op);
    struct stream_header headers[LIMIT_STREAM_HEADERS + 1] = {0};
    char *large = arena_alloc(arena, LIMIT_STREAM_RECORD_BYTES);
    struct stream_record r = {.topic = STR("t"), .has_value = true, .value = {large, LIMIT_STREAM_RECORD_BYTES}, .headers = headers};
    assert_int_equal(stream_put(&op, s, &r), OK);
    r.key = STR("k");
    assert_int_equal(stream_put(&op, s, &r), E_TOO_LARGE);
    r.key = STR("");
    headers[0].value = STR("v");
    r.header_count = 1;
    assert_int_equal(stream_put(&op, s, &r), E_TOO_LARGE);
    r.value = STR("");
    r.header_count = LIMIT_STREAM_HEADERS + 1;
    assert_int_equal(stream_put(&op, s, &r), E_TOO_LARGE);
    r.header_count = LIMIT_STREAM_HEADERS;
    assert_int_equal(stream_put(&op, s, &r), OK);
    assert_int_equal(p.puts, 2);
    stream_close(s);
    stream_close(NULL);
    assert_int_equal(p.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wrappers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
