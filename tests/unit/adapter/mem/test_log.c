/* What is the log's own; the port's suite is tests/contract/test_stream_mem.c. */
#include "adapter/mem/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

static void test_topics(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct mem_log *l = mem_log_create(0);
    assert_int_equal(mem_log_topic(&op, l, STR("t"), 2), OK);
    assert_int_equal(mem_log_topic(&op, l, STR("t"), 2), E_EXISTS);
    assert_int_equal(mem_log_topic(&op, l, STR("u"), 0), E_INVALID);
    assert_int_equal(mem_log_topic(&op, l, STR("u"), LIMIT_STREAM_PARTITIONS + 1), E_INVALID);
    mem_log_destroy(l);
    mem_log_destroy(NULL);
}

static void test_a_full_log(void **state)
{
    (void)state;
    static const char megabyte[1 << 20];
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct mem_log *l = mem_log_create(LIMIT_MIB(3));
    struct stream *s = NULL;
    assert_int_equal(mem_log_topic(&op, l, STR("t"), 1), OK);
    assert_int_equal(mem_stream_open(&op, l, STR(""), STR(""), STR("id"), &s), OK);
    const struct stream_record r = {.topic = STR("t"), .has_value = true, .value = {megabyte, sizeof megabyte}, .time_ms = -1};
    enum err e = OK;
    for (int i = 0; !e && i < 5; i++) {
        e = stream_put(&op, s, &r);
        if (!e)
            e = stream_commit(&op, s);
    }
    assert_int_equal(e, E_IO);
    stream_close(s);
    mem_log_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_topics), cmocka_unit_test(test_a_full_log)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
